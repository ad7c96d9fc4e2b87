"""Is the finished site sound? Each check returns its findings as lines of text; an empty list means sound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from babel.messages.pofile import read_po

from audit_lib.show.words import LANGUAGES
from book.press.root_pages import MOVED

FORWARDS = {"index.html", *MOVED}  # of each language: pages that lead on to another one
LOADING_RELS = {"stylesheet", "icon", "shortcut", "preload", "prefetch", "modulepreload", "manifest", "preconnect",
                "dns-prefetch", "apple-touch-icon"}  # fmt: skip
REMOTE = re.compile(r"^(?:https?:)?//", re.IGNORECASE)
CSS_LOAD = re.compile(r"""(?:url\(\s*|@import\s+)['"]?((?:https?:)?//[^'")\s]+)""", re.IGNORECASE)
SCRIPT_LOAD = re.compile(r"""https?://[^\s"'`]+?\.(?:js|mjs|css|json|woff2?)\b""")


@dataclass
class Page(HTMLParser):
    """What one HTML file says about itself, gathered in one pass."""

    path: Path
    lang: str | None = None
    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    alternates: dict[str, str] = field(default_factory=dict)
    switch: dict[str, str] = field(default_factory=dict)
    no_alt: list[str] = field(default_factory=list)
    inside: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.path.read_text("utf8"))

    def handle_starttag(self, tag: str, pairs: list[tuple[str, str | None]]) -> None:
        """Record ids, links and whatever the browser would load."""
        attributes = {name: value or "" for name, value in pairs}
        self.inside = tag
        self.ids |= {attributes[name] for name in ("id", "name") if attributes.get(name)}
        href, source = attributes.get("href", ""), attributes.get("src", "")
        rels = set(attributes.get("rel", "").split())
        if tag == "html":
            self.lang = attributes.get("lang")
        elif tag == "a" and href:
            self.links.append(href)
            if "hreflang" in attributes:
                self.switch[attributes["hreflang"]] = href
        elif tag == "link" and "hreflang" in attributes:
            self.alternates[attributes["hreflang"]] = href
        elif tag == "link" and rels & LOADING_RELS:
            self.loads.append(href)
        if tag in {"script", "img", "iframe", "source", "video", "audio", "embed", "track"} and source:
            self.loads.append(source)
        self.loads += [part.split()[0] for part in attributes.get("srcset", "").split(",") if part.strip()]
        self.loads += [attributes["data"]] if tag == "object" and attributes.get("data") else []
        self.loads += CSS_LOAD.findall(attributes.get("style", ""))
        if tag == "img" and not attributes.get("alt", "").strip():
            self.no_alt.append(source[:80])

    def handle_endtag(self, tag: str) -> None:
        """Leave a script or a style sheet."""
        self.inside = ""

    def handle_data(self, data: str) -> None:
        """Addresses inside inline scripts and style sheets."""
        if self.inside == "style":
            self.loads += CSS_LOAD.findall(data)
        elif self.inside == "script":
            self.loads += SCRIPT_LOAD.findall(data)


@dataclass
class Site:
    """The pages of a finished site, by address relative to its root."""

    root: Path

    @cached_property
    def pages(self) -> dict[str, Page]:
        """Every HTML page."""
        return {path.relative_to(self.root).as_posix(): Page(path) for path in sorted(self.root.rglob("*.html"))}

    def of(self, lang: str) -> dict[str, Page]:
        """The pages of one language, by address relative to that language's folder; forwarding pages left out."""
        inside = {name: page for name, page in self.pages.items() if name.startswith(f"{lang}/")}
        return {name[3:]: page for name, page in inside.items() if name[3:] not in FORWARDS}


def check(root: Path) -> list[str]:
    """Every finding on the site in `root`."""
    site = Site(root)
    checks = (same_pages, languages, alternates, remote_loads, broken_links, alternative_texts)
    return [finding for run in checks for finding in run(site)]


def same_pages(site: Site) -> list[str]:
    """Both languages have the same pages, and there are some."""
    first, second = (set(site.of(lang)) for lang in LANGUAGES)
    findings = [f"{name}: only in one language" for name in sorted(first ^ second)]
    return findings if first else ["the site has no page"]


def languages(site: Site) -> list[str]:
    """Each page says the language that its folder says."""
    return [
        f"{lang}/{name}: <html lang> is {page.lang!r}"
        for lang in LANGUAGES for name, page in site.of(lang).items() if page.lang != lang
    ]  # fmt: skip


def alternates(site: Site) -> Iterator[str]:
    """Each page names its counterparts, in the head and in the switch that a reader sees."""
    for lang in LANGUAGES:
        other = next(code for code in LANGUAGES if code != lang)
        for name, page in site.of(lang).items():
            if set(page.alternates) != set(LANGUAGES):
                yield f"{lang}/{name}: hreflang names {sorted(page.alternates)}"
            aim = site.root / other / name
            if other not in page.switch:
                yield f"{lang}/{name}: no language switch"
            elif (page.path.parent / page.switch[other]).resolve() != aim.resolve():
                yield f"{lang}/{name}: the language switch leads to {page.switch[other]}"


def remote_loads(site: Site) -> Iterator[str]:
    """No page and no style sheet loads anything from another host."""
    for name, page in site.pages.items():
        yield from (f"{name}: loads {address}" for address in page.loads if REMOTE.match(address))
    for sheet in sorted(site.root.rglob("*.css")):
        for address in CSS_LOAD.findall(sheet.read_text("utf8", errors="replace")):
            yield f"{sheet.relative_to(site.root)}: loads {address}"


def broken_links(site: Site) -> Iterator[str]:
    """Every link, picture, script and anchor inside the site leads somewhere."""
    by_path = {page.path.resolve(): page for page in site.pages.values()}
    for name, page in site.pages.items():
        for address in [*page.links, *page.loads]:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc or address in {"", "#"}:
                continue
            aim = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path.resolve()
            if not aim.is_file():
                yield f"{name}: {address} leads nowhere"
            elif parts.fragment and aim in by_path and unquote(parts.fragment) not in by_path[aim].ids:
                yield f"{name}: no anchor {address}"


def alternative_texts(site: Site) -> list[str]:
    """Every picture has an alternative text."""
    return [f"{name}: no alternative text for {source}" for name, page in site.pages.items() for source in page.no_alt]


def messages(catalogue: Path) -> dict[str, tuple[str, bool]]:
    """Each message of a .po or .pot file, with its translation and whether that is fuzzy; none if there is no file."""
    if not catalogue.is_file():
        return {}
    with catalogue.open("rb") as file:
        return {message.id: (message.string, message.fuzzy) for message in read_po(file) if message.id}


def catalogue_problems(catalogues: Path, templates: Path) -> list[str]:
    """Messages of `templates` (*.pot) that the .po files in `catalogues` lack, leave empty or mark fuzzy."""
    findings = []
    for template in sorted(templates.rglob("*.pot")):
        name = template.relative_to(templates).with_suffix(".po")
        known = messages(catalogues / name)
        for text in messages(template):
            translation, fuzzy = known.get(text, ("", False))
            if not translation or fuzzy:
                findings.append(f"{name}: {'fuzzy' if fuzzy else 'untranslated'}: {text[:70]!r}")
    return findings
