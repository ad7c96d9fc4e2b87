"""What docutils and the theme leave out of reach of a screen reader, set right in the finished body of a page.

Entries of the bibliography have a role that is no item of the list around them; they become its items.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

ROLES = {'role="doc-biblioentry"': 'role="listitem"'}


def page_roles(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Replace the roles in the body."""
    for old, new in ROLES.items():
        if "body" in context:
            context["body"] = context["body"].replace(old, new)


def setup(app: Sphinx) -> None:
    """Connect the extension."""
    app.connect("html-page-context", page_roles)
