"""Numbers of the stages on a page: ``{glued}`08_multiverse::yes:.1%` `` is what the executed notebook glued.

The notebook is that of the book's language, so that words are in it too. Without it, the page says that it was not run.
Stages use it on their own page for shares and for counts with thousands, which `glue:text` writes as Python does.
"""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

from audit_lib.errors import InputError
from audit_lib.study.results import Measured
from book.press.facts import documents
from book.press.title_page import glued, value_of

FOLDER = "notebooks"
logger = logging.getLogger(__name__)


def written(text: str, spec: str, lang: str) -> str:
    """A glued value as it stands in a sentence: a number in its format, a text as it is."""
    value = value_of(text)
    return value if isinstance(value, str) else documents.written(Measured(float(value)), spec, lang)


class Glued(SphinxRole):
    """A number or a name of a stage."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The text of the value, or the bare name under a warning if it cannot be written."""
        stage, _, rest = self.text.partition("::")
        key, _, spec = rest.partition(":")
        path = Path(self.env.srcdir, FOLDER, f"{stage}.ipynb")
        self.env.note_dependency(str(path))
        found = glued(path, path.stat().st_mtime) if path.is_file() else {}
        if key not in found:
            return [nodes.inline("", documents.not_yet(self.config.language), classes=["fact", "awaited"])], []
        try:
            return [nodes.inline("", written(found[key], spec, self.config.language), classes=["fact"])], []
        except (InputError, ValueError, SyntaxError) as error:
            logger.warning("%s: %s", self.text, error, location=self.get_location(), type="glued")
            return [nodes.Text(self.text)], []


def setup(app: Sphinx) -> None:
    """Register the role."""
    app.add_role("glued", Glued())
