"""The ledger of claims in the book: its page, a badge wherever a sentence leans on a claim, and the download.

* `{verdicts}` counts the verdicts and links the download; `{claims}` with a `group` writes that group's claims;
* ``{claim}`B1` `` is a badge with the verdict that leads to the claim; an unknown claim fails the build;
* `claims.json` at the root of a language's pages is what `python -m audit_lib claims --json` prints.

Verdicts and their words are computed in the book's language, so that nothing here goes through a page's catalogue.
"""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from audit_lib.errors import unknown
from audit_lib.files import put
from audit_lib.study import claims
from audit_lib.study.claims import Settled
from book.press import ledger
from book.press.directives.computed import book, known

FILE = "claims.json"
logger = logging.getLogger(__name__)


def settled() -> dict[str, Settled]:
    """The ledger of the committed evidence, by claim."""
    return known("ledger", lambda: {s.claim.id: s for s in claims.ledger(book())})


class Badge(SphinxRole):
    """A claim's id and verdict in words, with the sentence as its title; linked in `link`."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The badge, or the bare text under a warning."""
        if self.text not in settled():
            logger.warning("%s", unknown("claim", self.text, settled()), location=self.get_location(), type="claim")
            return [nodes.Text(self.text)], []
        s, lang = settled()[self.text], self.config.language
        kind = s.verdict.replace(" ", "-")
        badge = nodes.reference(internal=True, refuri="", claim=self.text, reftitle=ledger.title(s, lang))
        badge["classes"] = ["claim-badge", f"claim-{kind}"]
        badge += [nodes.inline("", f"{self.text}"), nodes.Text(" "), nodes.inline("", ledger.word(s, lang))]
        return [badge], []


def link(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Lead every badge of a page to its claim."""
    for badge in doctree.findall(lambda node: isinstance(node, nodes.reference) and "claim" in node):
        there = "" if page == ledger.PAGE else app.builder.get_relative_uri(page, ledger.PAGE)
        badge["refuri"] = f"{there}#{ledger.anchor(badge['claim'])}"


class Ledger(SphinxDirective):
    """A directive that writes Markdown of `book.press.ledger`, which is in the book's language already."""

    def parsed(self, lines: list[str]) -> list[nodes.Node]:
        """The nodes of it, kept out of the catalogue."""
        container = nodes.container()
        self.state.nested_parse(StringList(lines, self.get_source_info()[0]), self.content_offset, container)
        return [untranslated(node) for node in container.children]


def untranslated(root: nodes.Node) -> nodes.Node:
    """The same node, none of whose text is for translation."""
    for node in root.findall(nodes.TextElement):
        node["translatable"] = False
    return root


class Verdicts(Ledger):
    """How many claims have which verdict, and the download."""

    def run(self) -> list[nodes.Node]:
        """A table and a paragraph; badges in the table are their ids alone, since the row says the verdict."""
        lang = self.config.language
        found = self.parsed(ledger.counts(settled().values(), lang))
        for badge in [badge for node in found for badge in node.findall(nodes.reference)]:
            badge.children = badge.children[:1]
        words = ledger.download(lang)
        up = "../" * self.env.docname.count("/")
        download = nodes.reference("", words, internal=True, refuri=f"{up}{FILE}", classes=["claims-download"])
        return [*found, untranslated(nodes.paragraph("", "", download))]


class Claims(Ledger):
    """The claims whose ids begin with the letter `group`, each a section of its own."""

    option_spec = {"group": directives.unchanged_required}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        """One section a claim."""
        chosen = [s for claim_id, s in settled().items() if claim_id.startswith(self.options["group"])]
        if not chosen:
            raise self.error(f"No claim begins with '{self.options['group']}'.")
        return [self.section(s) for s in chosen]

    def section(self, s: Settled) -> nodes.section:
        """A claim under its id and verdict."""
        lang, name = self.config.language, ledger.anchor(s.claim.id)
        section = nodes.section(ids=[name], names=[nodes.fully_normalize_name(name)], classes=["claim"])
        heading = f"{s.claim.id}: {ledger.word(s, lang)}"
        section += [untranslated(nodes.title(heading, heading)), *self.parsed(ledger.entry(s, lang))]
        self.state.document.note_explicit_target(section)
        return section


def download(app: Sphinx, exception: Exception | None) -> None:
    """Write the JSON beside the pages, if the page that links to it is among them."""
    if exception is None and app.builder.format == "html" and ledger.PAGE in app.env.found_docs:
        put({Path(app.outdir) / FILE: (claims.json_text(settled().values()) + "\n").encode()})


def setup(app: Sphinx) -> None:
    """Register the role and the directives."""
    app.add_role("claim", Badge())
    app.add_directive("verdicts", Verdicts)
    app.add_directive("claims", Claims)
    app.connect("doctree-resolved", link)
    app.connect("build-finished", download)
