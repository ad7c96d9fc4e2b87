"""What a link to a page shows elsewhere: a description, Open Graph tags, and a picture drawn by code in each language.

Addresses are absolute where it is known where the site is published (`audit_site_url`), as the readers of these tags
want, and relative otherwise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from book.press.directives.computed import book, known
from book.press.facts import finding

CARD = "_images/card.png"
LOCALES = {"en": "en_GB", "es": "es_ES"}
LONGEST = 200  # letters of a description


def description(doctree: nodes.document) -> str:
    """The first paragraph of a page's text, cut between two words; '' if it has none."""
    aside = (nodes.table, nodes.figure, nodes.Admonition)
    for paragraph in doctree.findall(nodes.paragraph):
        node: Any = paragraph
        while node is not None and not isinstance(node, aside):
            node = node.parent
        text = " ".join(paragraph.astext().split())
        if node is None and len(text) >= 40 and "provenance-banner" not in paragraph["classes"]:
            return text if len(text) <= LONGEST else text[: LONGEST - 1].rsplit(" ", 1)[0].rstrip(",;:.") + "…"
    return ""


def page_context(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Put the tags of a page of the book in its context as `social`."""
    if doctree is None:
        return
    lang, base = app.config.language, app.config.audit_site_url
    here = app.builder.get_target_uri(page)
    stem = f"{base}/{lang}/" if base else "../" * here.count("/")
    said = description(doctree) or str(app.config.html_title)
    properties = [
        ("og:type", "article" if page != app.config.root_doc else "website"),
        ("og:site_name", str(app.config.html_title)),
        ("og:title", app.env.titles[page].astext()),
        ("og:description", said),
        ("og:url", f"{stem}{here}" if base else here.rsplit("/", 1)[-1]),
        ("og:image", f"{stem}{CARD}"),
        ("og:image:width", str(finding.CARD_SIZE[0])),
        ("og:image:height", str(finding.CARD_SIZE[1])),
        ("og:image:alt", card(app)[0]),
        ("og:locale", LOCALES[lang]),
        *(("og:locale:alternate", name) for code, name in LOCALES.items() if code != lang),
    ]
    context["social"] = {"description": said, "properties": properties}


def card(app: Sphinx) -> tuple[str, bytes]:
    """What the card shows in words, and the card; kept with the numbers of the build."""
    lang, heading = app.config.language, str(app.config.html_title)

    def made() -> tuple[str, bytes]:
        table = finding.table(book())
        return finding.alternative(table, lang), finding.card(table, heading=heading, lang=lang)

    return known(("card", lang, heading), made)


def prepare(app: Sphinx, env: object) -> None:
    """Make the card before the numbers of this build are put away."""
    card(app)


def draw(app: Sphinx, exception: Exception | None) -> None:
    """Draw the card beside the pages."""
    if exception is None and app.builder.format == "html":
        target = Path(app.outdir) / CARD
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(card(app)[1])


def setup(app: Sphinx) -> None:
    """Connect the extension."""
    app.connect("html-page-context", page_context)
    app.connect("env-updated", prepare, priority=400)  # before what it computes is put away
    app.connect("build-finished", draw)
