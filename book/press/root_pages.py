"""The pages around the two books, which Sphinx does not write: the root, the forwards, 404.html and sitemap.xml.

All of them work from the file system. Where it is known where the site is published (`SITE_URL`, or `audit_site_url` in
_config.yml) their links are absolute, as 404 pages and sitemaps need.
"""

from __future__ import annotations

import os
from html import escape
from pathlib import Path

import yaml

from audit_lib.show.words import LANGUAGES, Translate, translator

MOVED = {  # pages that have gone, and where their content is
    "book/interactive.html": "notebooks/05_evaluation.html", "notebooks/10_pipeline.html": "notebooks/00_pipeline.html",
}  # fmt: skip
NOT_LISTED = {"index.html", "search.html", "genindex.html", *MOVED}  # of each language: what nobody searches for
STYLE = """<style>
:root { color-scheme: light dark; }
body { font: 1.1rem/1.6 system-ui, sans-serif; margin: 15vh auto; max-width: 34rem; padding: 0 1.25rem; }
a { color: light-dark(#0b5c8a, #7cc4ee); } a:focus-visible { outline: 3px solid; outline-offset: 3px; }
h1 { line-height: 1.2; } section + section { margin-top: 3rem; border-top: 1px solid; padding-top: 1rem; }
</style>"""
HEAD = """<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
"""
FORWARD = HEAD + """<meta http-equiv="refresh" content="0; url={href}">
<link rel="canonical" href="{href}">
</head>
<body><p><a href="{href}">{go}</a></p></body>
</html>
"""
ROOT_PAGE = """{alternates}
<script>
const wanted = (navigator.languages || [navigator.language || "en"]).map(tag => tag.slice(0, 2).toLowerCase());
const found = wanted.find(tag => tag === "en" || tag === "es") || "en";
location.replace(found + "/book/index.html");
</script>
{style}
</head>
<body>
<h1>GRU4Rec</h1>
<p><a href="en/book/index.html" lang="en" hreflang="en">Reproduction and audit (English)</a></p>
<p><a href="es/book/index.html" lang="es" hreflang="es">Reproducción y auditoría (español)</a></p>
</body>
</html>
"""
NOT_FOUND = """<section lang="{lang}">
<h1>{absent}</h1>
<p>{why}</p>
<p><a href="{base}{lang}/book/index.html">{home}</a> · <a href="{base}{lang}/search.html">{search}</a></p>
</section>
"""


def texts(lang: str) -> dict[str, str]:
    """The words of these pages, by their places in the templates."""
    _: Translate = translator(lang)
    return {
        "title": _("GRU4Rec: reproduction and audit"),
        "go": _("Open the book"),
        "absent": _("There is no such page"),
        "why": _("The address may be mistyped, or the page may have moved."),
        "home": _("To the front page"),
        "search": _("Search the book"),
    }


def base_url(root: Path) -> str:
    """Where the site is published, without a final slash; '' if that is not known."""
    settings = yaml.safe_load((root / "_config.yml").read_text("utf8"))["sphinx"]["config"]
    return (os.environ.get("SITE_URL") or settings.get("audit_site_url") or "").rstrip("/")


def write(site: Path, *, base: str) -> None:
    """Write every one of these pages into the finished site."""
    for lang in LANGUAGES:
        for old, new in MOVED.items():
            if (site / lang / new).is_file():
                (site / lang / old).write_text(FORWARD.format(lang=lang, href=f"../{new}", **texts(lang)), "utf8")
        forward = FORWARD.format(lang=lang, href="book/index.html", **texts(lang))
        (site / lang / "index.html").write_text(forward, "utf8")
    (site / ".nojekyll").touch()
    (site / "index.html").write_text(root_page(), "utf8")
    (site / "404.html").write_text(not_found(base), "utf8")
    (site / "sitemap.xml").write_text(sitemap(site, base), "utf8")


def root_page() -> str:
    """The page at the root: it forwards by the browser's language, and offers both without JavaScript."""
    names = {lang: f"{lang}/book/index.html" for lang in LANGUAGES} | {"x-default": "index.html"}
    links = "\n".join(f'<link rel="alternate" hreflang="{lang}" href="{href}">' for lang, href in names.items())
    title = "GRU4Rec: reproduction and audit · reproducción y auditoría"
    return HEAD.format(lang="en", title=title) + ROOT_PAGE.format(alternates=links, style=STYLE)


def not_found(base: str) -> str:
    """What a server shows for an address without a page, in both languages: it may be shown at any depth."""
    stem = f"{base}/" if base else ""
    title = " · ".join(texts(lang)["absent"] for lang in LANGUAGES)
    body = "".join(NOT_FOUND.format(lang=lang, base=stem, **texts(lang)) for lang in LANGUAGES)
    robots = '<meta name="robots" content="noindex">\n'
    return f"{HEAD.format(lang='en', title=title)}{robots}{STYLE}\n</head>\n<body>\n{body}</body>\n</html>\n"


def sitemap(site: Path, base: str) -> str:
    """sitemap.xml: every page of both languages, each with its counterparts.

    The protocol wants absolute addresses: without a `base` they are relative to the file, and a comment says so.
    """
    stem = f"{base}/" if base else ""
    names = [path.relative_to(site / LANGUAGES[0]).as_posix() for path in sorted((site / LANGUAGES[0]).rglob("*.html"))]
    lines = ['<?xml version="1.0" encoding="utf-8"?>']
    lines += [] if base else ["<!-- Set SITE_URL when you build: then these addresses are absolute. -->"]
    lines += ['<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:xhtml="http://www.w3.org/1999/xhtml">']
    for name in [name for name in names if name not in NOT_LISTED]:
        places = {lang: escape(f"{stem}{lang}/{name}") for lang in LANGUAGES}
        other = "".join(f'<xhtml:link rel="alternate" hreflang="{lang}" href="{at}"/>' for lang, at in places.items())
        lines += [f"<url><loc>{at}</loc>{other}</url>" for at in places.values()]
    return "\n".join([*lines, "</urlset>"]) + "\n"
