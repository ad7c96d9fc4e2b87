"""Words that the theme and Sphinx leave in English, or misspell, on a Spanish page: replaced in the finished files.

They stand in titles and labels of the theme's own templates, which no catalogue reaches.
"""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

WORDS = {
    "es": {
        "Link to this heading": "Enlace a este encabezado",
        "Link to this image": "Enlace a esta imagen",
        "Link to this table": "Enlace a esta tabla",
        "Link to this equation": "Enlace a esta ecuación",
        "Link to this code": "Enlace a este código",
        "Link to this definition": "Enlace a esta definición",
        "Link to this term": "Enlace a este término",
        "Toggle primary sidebar": "Mostrar u ocultar el índice del libro",
        "Toggle secondary sidebar": "Mostrar u ocultar el contenido de la página",
        "Toggle hidden content": "Mostrar u ocultar el contenido",
        "Toggle navigation": "Mostrar u ocultar la navegación",
        "Descarga esta pagina": "Descargar esta página",
        "Permalink to this heading": "Enlace a este encabezado",
        "Main": "Principal",
        "Page": "Página",
        "Breadcrumb": "Ruta",
        "On this page": "En esta página",
    }
}
ATTRIBUTES = ("title", "aria-label")


def reword(text: str, lang: str) -> str:
    """A page with these words in its language; only whole values of titles and labels change."""
    for english, word in WORDS.get(lang, {}).items():
        for attribute in ATTRIBUTES:
            text = text.replace(f'{attribute}="{english}"', f'{attribute}="{word}"')
    return text


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Go through the finished pages."""
    if exception is not None or app.builder.format != "html" or app.config.language not in WORDS:
        return
    for path in sorted(Path(app.outdir).rglob("*.html")):
        before = path.read_text("utf8")
        if (after := reword(before, app.config.language)) != before:
            path.write_text(after, "utf8")


def setup(app: Sphinx) -> None:
    """Connect the extension."""
    app.connect("build-finished", finish)
