"""The book as one PDF per language: its finished pages bound into a single document, printed by a headless Chromium.

`bind` joins the articles of the pages in the order of the contents, makes every id unique and every link between pages
one inside the document. Chromium prints it, outline and links included; page numbers of the contents are read from a
first print and written in before the second: no style sheet can ask for them. The same pages give the same print,
nearly always to the byte: a browser may put the parts of the file in another order.
"""

from __future__ import annotations

import io
import os
import re
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from html import escape
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, SoupStrainer
from bs4.element import Tag
from playwright.sync_api import Browser, Error
from pypdf import PdfReader

from audit_lib.errors import AuditError
from audit_lib.files import put
from book.press.browser import BINARY, Tab, chromium

NAME = "gru4rec-audit.pdf"
WORDS = {
    "en": {"title": "GRU4Rec: reproduction and audit", "contents": "Contents",
           "made": "Made from the pages of the book, state of {date}."},
    "es": {"title": "GRU4Rec: reproducción y auditoría", "contents": "Contenido",
           "made": "Hecho a partir de las páginas del libro, a {date}."},
}  # fmt: skip
STYLES = ("pygments.css", "pdf.css")
# Of the screen alone; what is folded there stays in the repository.
DROPPED = "script, noscript, details.hide, .headerlink, .toctree-wrapper, .explorer, .csv-link, .only-dark, .term-tip"
LANGUAGES = ("en", "es")
FILL_IN = """numbers => document.querySelectorAll(".contents a").forEach(link => {
  link.querySelector("b").textContent = numbers[link.getAttribute("href").slice(1)];
})"""


class PdfError(AuditError, RuntimeError):
    """The browser printed no usable document."""


def languages() -> tuple[str, ...]:
    """Those whose book is printed: all, or what $AUDIT_PDF says; none without a browser."""
    wanted = os.environ.get("AUDIT_PDF", " ".join(LANGUAGES)).split()
    return tuple(lang for lang in LANGUAGES if lang in wanted) if BINARY else ()


# --- one document of many pages
def bind(pages: Path, order: Sequence[str], *, lang: str, date: str) -> str:
    """The HTML of the whole book. pages: a language's folder of HTML; order: its pages, without suffix.

    Addresses are relative to `pages`.
    """
    articles = [article(pages, page, order) for page in order]
    words, title = WORDS[lang], WORDS[lang]["title"]
    listed = "".join(entries(part) for part in articles)
    styles = "".join(f'<link rel="stylesheet" href="_static/{name}">' for name in STYLES)
    mathjax = re.search(r"<script>window\.MathJax = .*?</script>", "".join(_html(pages, page) for page in order))
    maths = f'{mathjax[0]}<script defer src="_static/mathjax/tex-svg.js"></script>' if mathjax else ""
    return f"""<!doctype html>
<html lang="{lang}" data-theme="light">
<head><meta charset="utf-8"><title>{escape(title)}</title>{styles}{maths}</head>
<body>
<header class="cover"><p class="cover-title">{escape(title)}</p>
<p>{escape(words["made"].format(date=date))}</p></header>
<nav class="contents"><h1 id="contents">{words["contents"]}</h1><ol>{listed}</ol></nav>
{"".join(str(part) for part in articles)}
</body>
</html>
"""


def article(pages: Path, page: str, order: Sequence[str]) -> Tag:
    """The article of one page, its ids and links made for the whole."""
    soup = BeautifulSoup(_html(pages, page), "html.parser", parse_only=SoupStrainer("article"))
    found = soup.select_one("article.bd-article")
    if found is None:
        raise PdfError(f"'{pages / page}.html' has no article. Build the pages again.")
    for tag in found.select(DROPPED):
        tag.decompose()
    for tag in found.select("details"):
        tag.name = "div"
    for tag in found.select("[hidden]"):
        del tag["hidden"]
    for tag in found.select("[id]"):
        tag["id"] = anchor(page, tag["id"])
    for tag in found.select("img[src]"):
        if not urlsplit(tag["src"]).scheme:
            tag["src"] = _join(page, tag["src"])
    for tag in found.select("a[href]"):
        lead(tag, page, order)
    found["id"] = anchor(page)
    return found


def anchor(page: str, name: str = "") -> str:
    """The id that a page, or an id on it, has in the whole."""
    return "--".join(filter(None, (page.replace("/", "-"), name)))


def lead(link: Tag, page: str, order: Iterable[str]) -> None:
    """Turn a link to a page of the book into one inside the document; undo one to a file that is not in it."""
    parts = urlsplit(link["href"])
    if parts.scheme or parts.netloc:
        return
    aim = _join(page, unquote(parts.path)).removesuffix(".html") if parts.path else page
    if aim in order:
        link["href"] = "#" + anchor(aim, unquote(parts.fragment))
    else:
        link.name = "span"
        del link["href"]


def entries(part: Tag) -> str:
    """The contents of one page: its title, and its sections under it, with room for page numbers."""
    sections = [(heading, heading.find_parent("section")) for heading in part.select("section > h1, section > h2")]
    lines = []
    for heading, section in sections:
        text = f'<a href="#{escape(section["id"])}"><span>{escape(heading.get_text())}</span><b>000</b></a>'
        lines.append(f'<li class="contents-{heading.name}">{text}</li>')
    return "".join(lines)


def _html(pages: Path, page: str) -> str:
    return (pages / f"{page}.html").read_text("utf8")


def _join(page: str, address: str) -> str:
    """An address on a page, relative to the folder of all pages."""
    parts: list[str] = []
    for part in (PurePosixPath(page).parent / address).parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)


# --- printing
def write(
    pages: Path, order: Sequence[str], target: Path, *, lang: str, epoch: int, browser: Browser | None = None
) -> Path:
    """Print the book to `target`. epoch: its date, in Unix seconds. browser: one that runs, else one is started.

    Raises PdfError if the browser fails or complains, or if the page numbers of the contents would be wrong.
    """
    html = bind(pages, order, lang=lang, date=time.strftime("%Y-%m-%d", time.gmtime(epoch)))
    with tempfile.NamedTemporaryFile("w", dir=pages, suffix=".html") as file:
        file.write(html)
        file.flush()
        try:
            with nullcontext(browser) if browser else chromium() as running:
                content, numbers = numbered(Tab(running), Path(file.name).as_uri())
        except (Error, OSError, PdfError) as error:
            raise PdfError(f"The book could not be printed: {error}. AUDIT_PDF= builds the site without it.") from error
    if page_numbers(content) != numbers:
        raise PdfError("Pages moved between two prints of the same document; its contents would be wrong.")
    put({target: dated(content, epoch)})
    return target


def numbered(tab: Tab, address: str) -> tuple[bytes, dict[str, int]]:
    """The document at an address, with page numbers in its contents, and the page of every anchor without them."""
    tab.visit(address)
    numbers = page_numbers(printed(tab, tagged=False))
    tab.page.evaluate(FILL_IN, numbers)
    content = printed(tab)
    if tab.complaints:
        raise PdfError("the browser complains: " + "; ".join(tab.complaints[:5]))
    return content, numbers


def printed(tab: Tab, *, tagged: bool = True) -> bytes:
    """The page that is open, as a PDF. tagged: with its outline, and marked for screen readers, which takes longer."""
    return tab.page.pdf(prefer_css_page_size=True, print_background=True, outline=tagged, tagged=tagged)


def page_numbers(pdf: bytes) -> dict[str, int]:
    """Page, from 1, of every anchor that something in the document leads to."""
    reader = PdfReader(io.BytesIO(pdf))
    found = reader.named_destinations.items()
    return {name.lstrip("/"): reader.get_destination_page_number(aim) + 1 for name, aim in found}


def dated(pdf: bytes, epoch: int) -> bytes:
    """The same document with its dates set: they would be those of the print."""
    stamp = time.strftime("D:%Y%m%d%H%M%S+00'00'", time.gmtime(epoch)).encode()
    return re.sub(rb"(/(?:Creation|Mod)Date \()D:\d{14}\+00'00'(\))", lambda m: m[1] + stamp + m[2], pdf)
