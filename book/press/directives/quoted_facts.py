"""What prose pages quote and show, computed from committed evidence in the book's language.

* ``{fact}`official:.2%` `` is a number (a name, a verb) of `book.press.facts`; without its evidence it says so;
* ``{fact}`08_multiverse::yes:.1%` `` is what the executed notebook of a stage, in the book's language, has glued;
* `{fact-table} NAME` is a table and `{fact-figure} NAME` a figure (`alt`, `name`, caption) of `report_exhibits`;
* ``{stage}`06_literature` `` names a stage and links it, if the book has it;
* `{awaited} GROUP …` says how much of these groups of the study is missing, and nothing once all is there.

An unknown name fails the build. Captions and alternative texts go through the page's catalogue, what is computed not.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from audit_lib.errors import InputError, unknown
from audit_lib.evaluation.resampling import Measured
from audit_lib.files import PROJECT
from audit_lib.show.csv import csv_text
from audit_lib.show.plot import Plot
from audit_lib.show.table import Table
from audit_lib.study.results import NotYet
from book.press.directives import data_files
from book.press.directives.claim_ledger import Ledger, settled, untranslated
from book.press.directives.computed import book, known, picture
from book.press.facts import exhibits, ladder, prose, report_exhibits, reporting
from book.press.facts.source import Quantity, Source
from book.press.title_page import glued, value_of

logger = logging.getLogger(__name__)


@cache
def source() -> Source:
    """The committed evidence, with the ledger that the badges show."""
    return Source(book(), tuple(settled().values()))


def quantity(name: str) -> Quantity:
    """A fact, computed once a build. Raises NotYet where its evidence is missing."""
    return known(("fact", name), lambda: reporting.quantity(name, source()))


QUOTED = re.compile(r"\{(fact|fact-table|fact-figure|finding|claim)\}[` ]*([\w-]*)")  # as pages write it


def compute(texts: Iterable[Path]) -> None:
    """Compute what texts of pages quote from evidence, so that processes forked from this one need not."""
    quoted = {found for path in texts for found in QUOTED.findall(path.read_text("utf8"))}
    for kind, name in sorted(quoted):
        with contextlib.suppress(NotYet):
            if kind == "fact" and name in reporting.FACTS:
                quantity(name)
            elif kind == "fact-table" and name in report_exhibits.TABLES:
                report_exhibits.TABLES[name](source(), "en")
            elif kind == "fact-figure" and name in report_exhibits.FIGURES:
                report_exhibits.FIGURES[name](source(), "en")
            elif kind == "finding":
                ladder.answers(book())
            elif kind == "claim":
                settled()


class Fact(SphinxRole):
    """A fact in a sentence; where its evidence is missing, or its stage was not run, that it was not run."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The text, or the bare name under a warning."""
        stage, of_stage, rest = self.text.rpartition("::")
        name, _, spec = rest.partition(":")
        lang = self.config.language
        try:
            text = self.glued(stage, name, spec) if of_stage else prose.written(quantity(name), spec, lang)
            return [nodes.inline("", text, classes=["fact"])], []
        except NotYet:
            return [nodes.inline("", prose.not_yet(lang), classes=["fact", "awaited"])], []
        except (InputError, ValueError, SyntaxError) as error:
            logger.warning("%s: %s", self.text, error, location=self.get_location(), type="fact")
            return [nodes.Text(self.text)], []

    def glued(self, stage: str, key: str, spec: str) -> str:
        """What a stage has glued: a number in its format, a text as it is. Raises NotYet if there is none."""
        path = Path(self.env.srcdir, "notebooks", f"{stage}.ipynb")
        self.env.note_dependency(str(path))
        found = glued(path, path.stat().st_mtime) if path.is_file() else {}
        if key not in found:
            raise NotYet(self.text)
        return as_glued(found[key], spec, self.config.language)


def as_glued(text: str, spec: str, lang: str) -> str:
    """A glued value as it stands in a sentence."""
    value = value_of(text)
    return value if isinstance(value, str) else prose.written(Measured(float(value)), spec, lang)


@cache
def planned() -> frozenset[str]:
    """The stages of the table of contents, of which a copy for trying things out has only some."""
    return frozenset(re.findall(r"file: notebooks/(\w+)", (PROJECT / "_toc.yml").read_text("utf8")))


class Stage(SphinxRole):
    """A stage by its number, linked where this book has it (a short run has only some)."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """A link or the bare words; a name that no stage has is a warning."""
        words, page = exhibits.stage(self.text, self.config.language), f"notebooks/{self.text}"
        if page in self.env.found_docs:
            link = addnodes.pending_xref(
                "", nodes.inline("", words), refdomain="std", reftype="doc", reftarget=f"/{page}", refexplicit=True,
                refdoc=self.env.docname,
            )  # fmt: skip
            return [link], []
        if self.text not in planned():
            logger.warning("There is no stage '%s'.", self.text, location=self.get_location(), type="fact")
        return [nodes.inline("", words)], []


class FactTable(Ledger):
    """A table of `report_exhibits`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Its nodes, wrapped so that a wide one scrolls by itself."""
        name = self.arguments[0]
        if name not in report_exhibits.TABLES:
            raise self.error(str(unknown("table", name, report_exhibits.TABLES)))
        lang = self.config.language
        try:
            lines, csv = known(("table", name, lang), lambda: written(report_exhibits.TABLES[name](source(), lang)))
        except NotYet:
            return [untranslated(nodes.paragraph("", prose.not_yet(lang).capitalize() + ".", classes=["awaited"]))]
        found = self.parsed(lines)
        tables = [table for node in found for table in node.findall(nodes.table)]
        for table in tables:
            table["audit_csv"] = csv
        return found if tables else [*found, data_files.place(csv)]


def written(table: Table) -> tuple[list[str], str]:
    """A table as Markdown and as CSV."""
    return table.markdown(), table.csv()


class FactFigure(SphinxDirective):
    """A figure of `report_exhibits`, drawn beside the doctrees, to last as long as the pages that show it."""

    required_arguments = 1
    has_content = True
    option_spec = {"alt": directives.unchanged_required, "name": directives.unchanged_required}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        """The figure with its caption and the anchor of its name."""
        name = self.arguments[0]
        if name not in report_exhibits.FIGURES:
            raise self.error(str(unknown("figure", name, report_exhibits.FIGURES)))
        if "alt" not in self.options:
            raise self.error(f"The figure '{name}' needs an alternative text.")
        lang = self.config.language
        file = picture(self.env.doctreedir, name, lang)
        csv = known(("figure", name, lang), lambda: drawn(report_exhibits.FIGURES[name](source(), lang), file))
        here = Path(self.env.doc2path(self.env.docname)).parent
        image = nodes.image(uri=os.path.relpath(file, here), alt=self.options["alt"])
        image.source, image.line = self.get_source_info()
        figure = nodes.figure("", image, data_files.caption(self))
        self.add_name(figure)
        return [figure, data_files.place(csv, file)]


def drawn(plot: Plot, file: Path) -> str:
    """Draw a figure into a file, and return its data as CSV."""
    plot.save(file)
    return csv_text(plot.table)


class Awaited(Ledger):
    """What is missing, as a note."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Nothing if nothing is."""
        words = exhibits.still_missing(self.arguments[0].split(), source(), self.config.language)
        return [] if words is None else [nodes.note("", untranslated(nodes.paragraph("", words)))]


def setup(app: Sphinx) -> None:
    """Register the role and the directives."""
    app.add_role("fact", Fact())
    app.add_role("stage", Stage())
    for name, directive in (("fact-table", FactTable), ("fact-figure", FactFigure), ("awaited", Awaited)):
        app.add_directive(name, directive)
