"""`{status} KIND` writes a table of `press.status` (`origin`, `runs`, `versions`, `evidence`); stages get a banner.

The runs are those whose notes `book.press.site` gathers beside the notebooks; without them the table is empty. The
banner under the title of a stage says what its run was made of, and leads to that page.
"""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx

from audit_lib.files import COMMITTED
from audit_lib.show import words
from audit_lib.show.table import Table
from audit_lib.study import provenance
from book.press import status
from book.press.directives.claim_ledger import Ledger

KINDS = ("origin", "runs", "versions", "evidence")


PAGE = "book/status"
NOTES = Path("notebooks/runs")


class Status(Ledger):
    """One of the tables."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """It in Markdown, its words in the book's language already."""
        return self.parsed(self.table(directives.choice(self.arguments[0], KINDS)).markdown())

    def table(self, kind: str) -> Table:
        """The table of a kind."""
        _ = words.translator(self.config.language)
        if kind == "origin":
            return status.origin(COMMITTED, provenance.git_commit(), _)
        if kind == "runs":
            self.env.note_reread()  # the notes are no source that Sphinx knows
            return status.runs(Path(self.env.srcdir) / NOTES, _)
        return status.versions(_) if kind == "versions" else status.committed(COMMITTED, _)


def banner(app: Sphinx, doctree: nodes.document) -> None:
    """Put under the title of a stage what its run was made of."""
    path = Path(app.env.doc2path(app.env.docname))
    title = next(iter(doctree.findall(nodes.title)), None)
    if path.suffix != ".ipynb" or title is None:
        return
    lang = app.config.language
    note = Path(app.srcdir) / NOTES / lang / "notebooks" / f"{path.stem}.run.json"
    said = status.made_of(path, note, COMMITTED, provenance.git_commit(), words.translator(lang))
    line = nodes.paragraph(classes=["provenance-banner"])
    for name, value in said.items():
        line += [nodes.inline("", f"{name}: "), nodes.literal("", value), nodes.Text(" · ")]
    there = app.builder.get_relative_uri(app.env.docname, PAGE)
    line += nodes.reference("", status.link(words.translator(lang)), internal=True, refuri=there)
    title.parent.insert(title.parent.index(title) + 1, line)  # without a source, nothing here is translated


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("status", Status)
    app.connect("doctree-read", banner)
