"""A small book, built by Sphinx in this process, which has imported the library already."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.locale import translators
from sphinx.util.docutils import docutils_namespace


def build(source: Path, out: Path, **settings: Any) -> str:
    """Build the pages as HTML and return Sphinx's warnings, which fail the build of the book itself."""
    said = io.StringIO()
    translators.clear()  # else Sphinx keeps the words of the language before
    settings["source_suffix"] = {".rst": "restructuredtext"}  # a dict of this book: extensions add theirs to it
    with docutils_namespace():
        places = [str(path) for path in (source, source, out, out.with_name(f"{out.name}-doctrees"))]
        Sphinx(*places, "html", settings, status=None, warning=said, freshenv=True).build()
    return said.getvalue()
