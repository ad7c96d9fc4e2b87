"""What a page offers beside its text: the whole book as a PDF, and its notebook run elsewhere.

The PDF is linked when it is made (`audit_pdf`, its name). Launch links need the address of the repository, as
"owner/name" in $REPOSITORY, which the publishing workflow sets; they are plain links, and nothing is asked of
another host before they are followed. `book.press.launch` says what they open.
"""

from __future__ import annotations

import os
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.osutil import relative_uri

from book.press import launch

WORDS = {
    "en": {"pdf": "The whole book (.pdf)", "pdf_tip": "Download the whole book as a PDF", "launch": "Run this notebook",
           "tip": "Run this notebook on {place}, in the quick profile"},
    "es": {"pdf": "El libro entero (.pdf)", "pdf_tip": "Descargar el libro entero en PDF",
           "launch": "Ejecutar este cuaderno", "tip": "Ejecutar este cuaderno en {place}, con el perfil rápido"},
}  # fmt: skip


def whole_book(app: Sphinx, page: str) -> dict[str, str] | None:
    """The link to the PDF, None where there is none."""
    if not app.config.audit_pdf:
        return None
    words, here = WORDS[app.config.language], app.builder.get_target_uri(page)
    return {
        "type": "link", "url": relative_uri(here, app.config.audit_pdf), "text": words["pdf"],
        "tooltip": words["pdf_tip"], "icon": "fas fa-book", "label": "download-book-button",
    }  # fmt: skip


def elsewhere(app: Sphinx, page: str) -> dict[str, Any] | None:
    """The group of launch links of a stage, None on other pages and without a repository."""
    repository, stage = os.environ.get("REPOSITORY", ""), page.removeprefix("notebooks/")
    if not repository or stage == page:
        return None
    words = WORDS[app.config.language]
    links = [
        {"type": "link", "url": url, "text": place, "tooltip": words["tip"].format(place=place), "icon": "fas fa-play",
         "label": f"launch-{place.lower()}"}
        for place, url in launch.links(stage, repository).items()
    ]  # fmt: skip
    return {
        "type": "group", "tooltip": words["launch"], "icon": "fas fa-rocket", "buttons": links,
        "label": "launch-buttons",
    }  # fmt: skip


def page_offers(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Put both among the buttons of the page's head, the PDF with the downloads."""
    if page not in app.env.all_docs or "header_buttons" not in context:
        return
    buttons = context["header_buttons"]
    if book := whole_book(app, page):
        for group in buttons:
            if group.get("label") == "download-buttons":
                group["buttons"].append(book)
    if group := elsewhere(app, page):
        buttons.insert(0, group)


def setup(app: Sphinx) -> None:
    """After the theme has gathered its buttons."""
    app.add_config_value("audit_pdf", "", "html", str)
    app.connect("html-page-context", page_offers, priority=900)
