"""Words that the theme and Sphinx leave in English, or misspell, on a Spanish page: replaced in the finished files.

They stand in titles and labels of the theme's own templates, which no catalogue reaches.
"""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

from audit_lib.show.words import Translate, translator

ATTRIBUTES = ("title", "aria-label")
misspelt = [("Descarga esta pagina", "Descargar esta página")]  # by the theme itself


def replacements(lang: str) -> dict[str, str]:
    """What the theme writes, and what stands there instead; nothing in English."""
    if lang == "en":
        return {}
    _: Translate = translator(lang)
    return dict(misspelt) | {
        "Link to this heading": _("Link to this heading"),
        "Link to this image": _("Link to this image"),
        "Link to this table": _("Link to this table"),
        "Link to this equation": _("Link to this equation"),
        "Link to this code": _("Link to this code"),
        "Link to this definition": _("Link to this definition"),
        "Link to this term": _("Link to this term"),
        "Toggle primary sidebar": _("Toggle primary sidebar"),
        "Toggle secondary sidebar": _("Toggle secondary sidebar"),
        "Toggle hidden content": _("Toggle hidden content"),
        "Toggle navigation": _("Toggle navigation"),
        "Permalink to this heading": _("Permalink to this heading"),
        "Main": _("Main"),
        "Page": _("Page"),
        "Breadcrumb": _("Breadcrumb"),
        "On this page": _("On this page"),
    }


def reword(text: str, lang: str) -> str:
    """A page with these words in its language; only whole values of titles and labels change."""
    for english, word in replacements(lang).items():
        for attribute in ATTRIBUTES:
            text = text.replace(f'{attribute}="{english}"', f'{attribute}="{word}"')
    return text


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Go through the finished pages."""
    if exception is not None or app.builder.format != "html" or app.config.language == "en":
        return
    for path in sorted(Path(app.outdir).rglob("*.html")):
        before = path.read_text("utf8")
        if (after := reword(before, app.config.language)) != before:
            path.write_text(after, "utf8")


def setup(app: Sphinx) -> None:
    """Connect the extension."""
    app.connect("build-finished", finish)
