"""`{status} KIND` writes a table of `audit_lib.status`: `origin`, `runs`, `versions` or `evidence`.

The runs are those whose notes `audit_lib.site` gathers beside the notebooks; without them the table is empty.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from claim_ledger import Ledger
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx

from audit_lib import evidence, labels, status
from audit_lib.experiments import PUBLISHED
from audit_lib.labels import Table

KINDS = ("origin", "runs", "versions", "evidence")


class Status(Ledger):
    """One of the tables."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """It in Markdown, its words in the book's language already."""
        return self.parsed(self.table(directives.choice(self.arguments[0], KINDS)).markdown())

    def table(self, kind: str) -> Table:
        """The table of a kind."""
        _ = labels.translator(self.config.language)
        if kind == "origin":
            return status.origin(PUBLISHED, evidence.git_commit(), _)
        if kind == "runs":
            self.env.note_reread()  # the notes are no source that Sphinx knows
            return status.runs(Path(self.env.srcdir) / "notebooks" / "runs", _)
        return status.versions(_) if kind == "versions" else status.committed(PUBLISHED, _)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("status", Status)
    version = zlib.crc32(Path(__file__).read_bytes())  # pages are read again when this file changes
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": version}
