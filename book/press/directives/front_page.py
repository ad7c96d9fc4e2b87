"""The front page: the finding in a sentence and a figure, and how many claims have which verdict; all of it computed.

`{finding}` writes the sentence, `{finding-figure}` the version ladder over its content as caption, `{verdict-strip}`
the counts, which lead to the ledger. Their words are in the book's language already and go through no page's catalogue,
except the caption. The pictures are `_images/finding-light.svg` and `_images/finding-dark.svg` of each language.
"""

from __future__ import annotations

import shutil
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from audit_lib.show import words
from audit_lib.show.csv import csv_text
from audit_lib.show.words import VERDICTS
from book.press import ledger
from book.press.directives import data_files
from book.press.directives.claim_ledger import Ledger, settled
from book.press.directives.computed import book, known, picture
from book.press.facts import finding, ladder

THEMES = ("light", "dark")


class FindingSentence(Ledger):
    """The finding as a paragraph."""

    def run(self) -> list[nodes.Node]:
        """The sentence, its numbers strong."""
        lang = self.config.language
        return self.parsed([ladder.sentence(book(), lang) or finding.sentence(finding.table(book()), lang)])


class FindingFigure(SphinxDirective):
    """The figure, one picture for a light page and one for a dark one; the content is its caption."""

    has_content = True
    required_arguments = 1  # its name

    def run(self) -> list[nodes.Node]:
        """A figure that is numbered and named like any other."""
        lang, up = self.config.language, "../" * self.env.docname.count("/")
        file = picture(self.env.doctreedir, f"finding-{THEMES[0]}", lang)
        words, csv = known(("finding", lang), lambda: drawn(self.env.doctreedir, lang))
        pictures = "".join(
            f'<img class="only-{theme}" src="{up}_images/finding-{theme}.svg" alt="{words}">' for theme in THEMES
        )
        # In a division of their own: the theme hides a caption beside a picture of the other theme.
        shown = nodes.raw("", f"<div>{pictures}</div>", format="html")
        figure = nodes.figure("", shown, data_files.caption(self), classes=["finding"])
        figure["names"] = [nodes.fully_normalize_name(self.arguments[0])]
        self.state.document.note_explicit_target(figure)
        return [figure, data_files.place(csv, file)]


def drawn(doctrees: str | Path, lang: str) -> tuple[str, str]:
    """Draw the picture for each theme; return what it shows in words, and its data as CSV."""
    for theme in THEMES:
        plot = ladder.figure(book(), lang=lang, theme=theme)
        plot.save(picture(doctrees, f"finding-{theme}", lang))
    return escape(ladder.alternative(book(), lang)), csv_text(plot.table)


class VerdictStrip(SphinxDirective):
    """Every verdict and how many claims have it; each leads to the ledger."""

    def run(self) -> list[nodes.Node]:
        """A list, in which a verdict that no claim has is left out."""
        lang, verdicts = self.config.language, [s.verdict for s in settled().values()]
        there = self.env.app.builder.get_relative_uri(self.env.docname, ledger.PAGE)
        listed = nodes.bullet_list(classes=["verdict-strip"])
        for verdict, name in VERDICTS.items():
            if count := verdicts.count(verdict):
                link = nodes.reference(internal=True, refuri=f"{there}#ledger")
                link += [nodes.strong("", str(count)), nodes.inline("", words.translator(lang)(name))]
                kind = f"claim-{verdict.replace(' ', '-')}"
                listed += nodes.list_item("", nodes.paragraph("", "", link), classes=[kind])
        return [listed]  # its paragraphs have no source, so that none is for translation


def pictures(app: Sphinx, exception: Exception | None) -> None:
    """Put the pictures beside the pages."""
    files = [picture(app.doctreedir, f"finding-{theme}", app.config.language) for theme in THEMES]
    drawn = [file for file in files if file.is_file()]
    if exception is None and app.builder.format == "html" and drawn:
        target = Path(app.outdir, "_images")
        target.mkdir(parents=True, exist_ok=True)
        for file in drawn:
            shutil.copyfile(file, target / file.name)


def setup(app: Sphinx) -> None:
    """Register the directives."""
    app.add_directive("finding", FindingSentence)
    app.add_directive("finding-figure", FindingFigure)
    app.add_directive("verdict-strip", VerdictStrip)
    app.connect("build-finished", pictures)
