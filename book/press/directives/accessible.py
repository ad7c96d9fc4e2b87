"""What docutils and the theme leave out of reach of a screen reader, set right in the finished body of a page.

Entries of the bibliography have a role that is no item of the list around them; they become its items.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

ROLES = {'role="doc-biblioentry"': 'role="listitem"'}


def page_roles(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Replace the roles in the body."""
    for old, new in ROLES.items():
        if "body" in context:
            context["body"] = context["body"].replace(old, new)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the extension."""
    app.connect("html-page-context", page_roles)
    return {
        "parallel_read_safe": True, "parallel_write_safe": True, "env_version": zlib.crc32(Path(__file__).read_bytes()),
    }  # fmt: skip
