"""The book as a PDF: bound from its pages without losing a link, printed with its page numbers, always the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import Browser
from pypdf import PdfReader

from book.press import pdf
from book.press import site as builder
from book.press.browser import BINARY
from tests.conftest import Project

PAGE = """<!doctype html><html><head><script>window.MathJax = {{}}</script></head><body>
<article class="bd-article"><section id="top"><h1>{title}<a class="headerlink" href="#top">#</a></h1>
<section id="part"><h2>Part of {title}</h2>{body}</section></section></article></body></html>"""
ORDER = ("book/first", "notes/second")


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A book of two pages that lead to each other."""
    first = '<p><a href="../notes/second.html#part">there</a> <a href="#top">up</a>'
    first += ' <a href="../notes/second.html">all</a>'
    first += ' <a href="../table.csv">file</a> <a href="https://elsewhere.example/#x">out</a></p><img src="../a.png">'
    second = '<p><a href="../book/first.html#part">back</a></p><details class="hide"><pre>code</pre></details>'
    for name, title, body in zip(ORDER, ("First", "Second"), (first, second), strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.html").write_text(PAGE.format(title=title, body=body))
    return tmp_path


@pytest.fixture
def bound(pages: Path) -> BeautifulSoup:
    return BeautifulSoup(pdf.bind(pages, ORDER, lang="en", date="2026-01-02"), "html.parser")


def test_a_link_between_pages_leads_inside_the_document(bound: BeautifulSoup) -> None:
    aims = {a.get_text(): a["href"] for a in bound.select("article a[href]")}
    assert aims == {
        "there": "#notes-second--part", "up": "#book-first--top", "all": "#notes-second",
        "out": "https://elsewhere.example/#x", "back": "#book-first--part",
    }  # fmt: skip


def test_every_link_inside_has_its_place_and_every_id_is_unique(bound: BeautifulSoup) -> None:
    ids = [tag["id"] for tag in bound.select("[id]")]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for a in bound.select('a[href^="#"]')} <= set(ids)


def test_a_link_to_a_file_that_is_not_in_the_document_is_plain_text(bound: BeautifulSoup) -> None:
    assert [span.get_text() for span in bound.select("article span")] == ["file"]


def test_pictures_are_found_from_the_folder_of_all_pages(bound: BeautifulSoup) -> None:
    assert bound.img["src"] == "a.png"


def test_the_contents_list_every_page_and_its_sections_in_order(bound: BeautifulSoup) -> None:
    listed = [span.get_text() for span in bound.select(".contents span")]
    assert listed == ["First", "Part of First", "Second", "Part of Second"]


def test_what_belongs_to_the_screen_is_left_out(bound: BeautifulSoup) -> None:
    assert bound.select(".headerlink, details, pre") == []


def test_a_page_without_an_article_is_named(pages: Path) -> None:
    (pages / "book/first.html").write_text("<html></html>")
    with pytest.raises(pdf.PdfError, match=r"book/first\.html"):
        pdf.bind(pages, ORDER, lang="en", date="2026-01-02")


def test_dates_are_set_and_nothing_else() -> None:
    before = b"%PDF (D:20240101000000+00'00') /CreationDate (D:20261124141333+00'00')"
    before += b" /ModDate (D:20261124141334+00'00')"
    after = pdf.dated(before, 0)
    assert len(after) == len(before)
    assert after.count(b"D:19700101000000") == 2
    assert b"(D:20240101000000" in after


def test_languages_are_those_that_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "BINARY", "/usr/bin/chromium")
    for wanted, found in (("", ()), ("es", ("es",)), ("es en", ("en", "es"))):
        monkeypatch.setenv("AUDIT_PDF", wanted)
        assert pdf.languages() == found
    monkeypatch.delenv("AUDIT_PDF")
    assert pdf.languages() == ("en", "es")
    monkeypatch.setattr(pdf, "BINARY", None)
    assert pdf.languages() == ()


# --- printed
@pytest.mark.browser
def test_two_prints_give_the_same_pages_and_no_file_is_left(
    pages: Path, tmp_path: Path, chromium: Browser
) -> None:
    for name in ("a.png", "_static/pdf.css", "_static/pygments.css", "_static/mathjax/tex-svg.js"):
        (pages / name).parent.mkdir(exist_ok=True, parents=True)
        (pages / name).touch()
    (pages / "a.png").write_bytes(bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000" "1f15c4890000000a49444154789c6300010000050001"
        "0d0a2db40000000049454e44ae426082"
    ))  # fmt: skip
    before = set(pages.rglob("*"))
    target, prints = tmp_path / "7.pdf", []
    for _ in range(2):  # their bytes may differ: the browser puts the objects of a file in any order
        reader = PdfReader(pdf.write(pages, ORDER, target, lang="en", epoch=7, browser=chromium))
        prints.append((
            [page.get_contents().get_data() for page in reader.pages], pdf.page_numbers(target.read_bytes()),
            [entry.title for entry in reader.outline if not isinstance(entry, list)], dict(reader.metadata),
        ))  # fmt: skip
    assert prints[0] == prints[1]
    assert set(pages.rglob("*")) - before == {target}


@pytest.mark.browser
def test_a_book_with_a_picture_missing_is_refused(pages: Path, tmp_path: Path, chromium: Browser) -> None:
    with pytest.raises(pdf.PdfError, match=r"ERR_FILE_NOT_FOUND.*AUDIT_PDF="):
        pdf.write(pages, ORDER, tmp_path / "book.pdf", lang="en", epoch=0, browser=chromium)
    assert not (tmp_path / "book.pdf").exists()


@pytest.fixture(scope="module")
def printed(book: Project) -> dict[str, Any]:
    """Both PDFs of the finished site, read."""
    if BINARY is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    return {lang: PdfReader(book.root / "_build/site" / lang / pdf.NAME) for lang in ("en", "es")}


@pytest.mark.site
@pytest.mark.browser
@pytest.mark.parametrize(("lang", "word"), [("en", "Contents"), ("es", "Contenido")])
def test_the_pdf_is_in_the_language_of_its_site(printed: dict[str, Any], lang: str, word: str) -> None:
    reader = printed[lang]
    assert len(reader.pages) > 40
    assert reader.trailer["/Root"]["/Lang"] == lang
    assert reader.metadata.title == pdf.WORDS[lang]["title"]
    assert word in reader.pages[1].extract_text()


@pytest.mark.site
@pytest.mark.browser
@pytest.mark.parametrize("lang", ["en", "es"])
def test_the_contents_name_the_page_where_each_title_stands(
    printed: dict[str, Any], book: Project, lang: str
) -> None:
    reader, pages = printed[lang], builder.rendered(book.root / "_build", lang)
    for page in ("book/methods", "notebooks/05_evaluation", "book/bibliography"):
        title = pdf.article(pages, page, (page,)).h1
        section = title.find_parent("section")["id"]
        number = pdf.page_numbers((book.root / "_build/site" / lang / pdf.NAME).read_bytes())[section]
        words = "".join(title.get_text().split())
        assert words in "".join(reader.pages[number - 1].extract_text().split()), page
        listed = "".join("".join(p.extract_text().split()) for p in reader.pages[1:6])
        assert f"{words}{number}" in listed, page


@pytest.mark.site
@pytest.mark.browser
@pytest.mark.parametrize("lang", ["en", "es"])
def test_links_of_the_pdf_lead_into_it_or_to_the_web(printed: dict[str, Any], lang: str) -> None:
    inside, outside = 0, []
    for page in printed[lang].pages:
        for entry in page.get("/Annots", ()):
            link = entry.get_object()
            inside += "/Dest" in link
            outside += [link["/A"]["/URI"]] if "/URI" in link.get("/A", {}) else []
    assert inside > 200
    assert outside
    assert [address for address in outside if not address.startswith(("https://", "http://", "mailto:"))] == []


@pytest.mark.site
@pytest.mark.browser
@pytest.mark.parametrize("lang", ["en", "es"])
def test_every_page_offers_the_pdf_and_every_stage_its_launch(printed: dict[str, Any], site: Path, lang: str) -> None:
    for name in ("book/methods", "notebooks/03_baselines"):
        soup = BeautifulSoup((site / lang / f"{name}.html").read_text("utf8"), "html.parser")
        assert soup.select(f'a[href="../{pdf.NAME}"]'), name
        launched = {a["href"].split("/")[2] for a in soup.select('a[href*="owner/name"]')}
        assert launched == (set() if name == "book/methods" else {"mybinder.org", "colab.research.google.com"})
