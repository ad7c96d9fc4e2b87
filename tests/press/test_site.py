"""The finished site: complete, in both languages, sound, offline; and the checks that say so can fail."""

from __future__ import annotations

import csv
import re
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup

from audit_lib.data import fetching
from audit_lib.errors import InputError, MissingError
from audit_lib.show import csv as csvtext
from book.press import mathjax, notebooks, root_pages, site_check
from book.press import site as builder
from tests.conftest import Project

pytestmark = pytest.mark.site
LANGUAGES = ("en", "es")


def planned_pages(book: Project) -> list[str]:
    toc = yaml.safe_load((book.root / "_toc.yml").read_text("utf8"))
    return [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]


def test_every_page_of_the_contents_is_there_in_both_languages(book: Project, site: Path) -> None:
    ready = [page for page in planned_pages(book) if any(book.root.glob(f"{page}.*"))]
    assert "book/index" in ready
    missing = [f"{lang}/{page}" for page in ready for lang in LANGUAGES if not (site / lang / f"{page}.html").is_file()]
    assert not missing


def test_the_site_is_sound(site: Path) -> None:
    assert site_check.check(site) == []


def test_no_message_is_untranslated_or_fuzzy(book: Project) -> None:
    pot = builder.templates(root=book.root, work=book.root / "_build")
    assert len(list(pot.rglob("*.pot"))) >= 7
    assert site_check.catalogue_problems(book.root / builder.CATALOGUES, pot) == []


def test_spanish_pages_have_spanish_headings(book: Project, site: Path) -> None:
    first = re.compile(r"<h1>(.*?)<a", re.DOTALL)
    for page in planned_pages(book):
        if (site / "en" / f"{page}.html").is_file():
            en, es = (first.search((site / lang / f"{page}.html").read_text("utf8"))[1] for lang in LANGUAGES)
            assert en != es, page


def test_headings_keep_their_anchor_in_translation(site: Path) -> None:
    pages = site_check.Site(site)
    for name, english in pages.of("en").items():
        if name.startswith(("book/", "notebooks/")):
            anchors = {href for href in english.links if href.startswith("#") and len(href) > 1}
            assert {href[1:] for href in anchors} <= pages.of("es")[name].ids, name


def test_formulas_are_drawn_by_the_vendored_script_only_where_there_are_some(site: Path) -> None:
    assert "_static/mathjax/tex-svg.js" in (site / "en/book/methods.html").read_text("utf8")
    assert "tex-svg.js" not in (site / "en/book/licences.html").read_text("utf8")


def test_no_page_names_a_place_of_the_machine_that_built_it(book: Project, site: Path) -> None:
    places = {str(book.root), sys.prefix, str(Path.home()) + "/", str(Path(sys.base_prefix))}
    for path in site.rglob("*"):
        if path.suffix in {".html", ".ipynb", ".md", ".js"}:
            text = path.read_text("utf8")
            assert not [place for place in places if place in text], path


def test_each_language_has_the_values_of_its_own_stages(book: Project) -> None:
    """They would be pasted into the pages of the other, were they in one folder."""
    folders = [builder.rendered(book.root / "_build", lang).parent / "jupyter_execute" for lang in LANGUAGES]
    words = {(folder / "notebooks" / "08_multiverse.glue.json").read_text("utf8") for folder in folders}
    assert len(words) == len(LANGUAGES)


def test_there_is_one_search_form(site: Path) -> None:
    assert (site / "en/book/index.html").read_text("utf8").count("<form") == 1


def test_prompts_and_conjunctions_are_in_the_language_of_the_book(site: Path) -> None:
    spanish = "".join(path.read_text("utf8") for path in (site / "es" / "book").glob("*.html"))
    assert "Hidasi y Karatzoglou, 2018" in spanish
    assert not re.search(r"Hidasi and |Show code|Click to show|Search this book", spanish)


# --- what helps a reader
def soups(site: Path, lang: str) -> dict[str, BeautifulSoup]:
    pages = {name: page.path for name, page in site_check.Site(site).of(lang).items()}
    return {name: BeautifulSoup(path.read_text("utf8"), "html.parser") for name, path in pages.items()}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_table_and_every_drawn_figure_has_its_data(site: Path, lang: str) -> None:
    for name, page in soups(site, lang).items():
        article = page.select_one("article.bd-article")
        if article is None:
            continue
        for shown in article.select("table, .cell_output svg, .cell_output img[src$='.svg']"):
            if shown.find_parent("table") is None:
                outer = shown.find_parent("figure") or shown
                link = outer.find_next(class_="csv-link")
                assert link is not None, f"{name}: nothing under {str(shown)[:80]}"
                target = site / lang / Path(name).parent / link.a["href"]
                rows = 1 if shown.name != "table" or shown.select("tbody tr") else 0  # nothing may be missing
                assert target.read_text("utf8").count("\n") >= 1 + rows, target


def test_no_published_csv_has_a_cell_that_a_spreadsheet_would_evaluate(site: Path) -> None:
    files = sorted(site.rglob("data/**/*.csv"))
    assert len(files) > 20
    for path in files:
        with path.open(encoding="utf8", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert [cell for cell in cells if csvtext.protected(cell) != cell] == [], path


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_page_says_what_it_is_to_those_who_link_to_it(site: Path, lang: str) -> None:
    for name, page in soups(site, lang).items():
        if not name.startswith(("book/", "notebooks/")):
            continue
        tags = {tag["property"]: tag["content"] for tag in page.select("meta[property]")}
        assert tags["og:title"], name
        assert 20 <= len(tags["og:description"]) <= 200, name
        assert (site / lang / Path(name).parent / tags["og:image"]).is_file(), name
        assert tags["og:locale"] == {"en": "en_GB", "es": "es_ES"}[lang]


def test_the_sitemap_names_pages_that_are_there(site: Path) -> None:
    named = re.findall(r"<loc>(.*?)</loc>", (site / "sitemap.xml").read_text("utf8"))
    assert len(named) >= 2 * len(planned_pages_of(site))
    assert [name for name in named if not (site / name).is_file()] == []


def planned_pages_of(site: Path) -> list[str]:
    return [name for name in site_check.Site(site).of("en") if name.startswith(("book/", "notebooks/"))]


def test_spanish_pages_offer_spanish_notebooks_with_the_same_code(site: Path) -> None:
    offered = sorted((site / "es" / "_sources" / "notebooks").glob("*.ipynb"))
    assert offered
    for path in offered:
        both = (path, site / "en" / path.relative_to(site / "es"))
        spanish, english = (nbformat.read(one, as_version=4).cells for one in both)
        code = [[cell.source for cell in cells if cell.cell_type == "code" and "parameters" not in notebooks.tags(cell)]
                for cells in (spanish, english)]  # fmt: skip
        assert code[0] == code[1], path.name
        prose = [(a.source, b.source) for a, b in zip(spanish, english, strict=True) if a.cell_type == "markdown"]
        assert [a for a, b in prose if a == b and len(a.split()) > 4] == [], path.name


def test_a_stage_says_under_its_title_what_its_run_was_made_of(site: Path) -> None:
    for lang, word in (("en", "Seconds"), ("es", "Segundos")):
        for path in sorted((site / lang / "notebooks").glob("*.html")):
            if f"notebooks/{path.name}" in root_pages.MOVED:
                continue
            line = BeautifulSoup(path.read_text("utf8"), "html.parser").select_one("p.provenance-banner")
            assert word in line.get_text(), path


def test_the_status_page_has_every_stage(book: Project, site: Path) -> None:
    page = (site / "en/book/status.html").read_text("utf8")
    assert [path.stem for path in (book.root / "notebooks").glob("[0-9]*.md") if path.stem not in page] == []


def test_spanish_pages_have_no_english_title_of_the_theme(site: Path) -> None:
    english = re.compile(r'(?:title|aria-label)="(?:Link to|Toggle|Main"|Page"|Descarga esta pagina)')
    for path in (site / "es").rglob("*.html"):
        assert not english.search(path.read_text("utf8")), path


# --- the checks can fail
HEAD = '<link rel="alternate" hreflang="en" href="{to_en}"><link rel="alternate" hreflang="es" href="{to_es}">'
SWITCH = '<a hreflang="{other}" href="../{other}/page.html">x</a>'


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A sound site of one page in each language."""
    for lang, other in (("en", "es"), ("es", "en")):
        head = HEAD.format(to_en="../en/page.html", to_es="../es/page.html")
        body = f'<h1 id="top">T</h1><img src="a.png" alt="A"><a href="#top">t</a>{SWITCH.format(other=other)}'
        (tmp_path / lang).mkdir()
        (tmp_path / lang / "a.png").touch()
        (tmp_path / lang / "page.html").write_text(f'<html lang="{lang}"><head>{head}</head><body>{body}</body></html>')
    return tmp_path


def test_a_sound_site_has_no_findings(small: Path) -> None:
    assert site_check.check(small) == []


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ('lang="es"', 'lang="en"', "<html lang> is 'en'"),
        ('hreflang="en" href="../en/page.html"><', 'href="x.html"><', "hreflang names"),
        ('<a hreflang="en" href="../en/page.html">', "<a>", "no language switch"),
        ('<a hreflang="en" href="../en/page.html">', '<a hreflang="en" href="page.html">', "language switch leads to"),
        ('alt="A"', 'alt=""', "no alternative text"),
        ('href="#top"', 'href="#bottom"', "no anchor #bottom"),
        ('src="a.png"', 'src="b.png"', "b.png leads nowhere"),
        ('src="a.png"', 'src="https://elsewhere.example/a.png"', "loads https://elsewhere"),
        ("<h1", '<link rel="stylesheet" href="//fonts.example/x.css"><h1', "loads //fonts.example"),
        ("<h1", "<style>@import 'https://fonts.example/x.css';</style><h1", "loads https://fonts.example"),
        ("<h1", '<script>const u = "https://cdn.example/x.js"</script><h1', "loads https://cdn.example"),
        ("<h1", '<p style="background: url(https://x.example/p.png)"></p><h1', "loads https://x.example"),
    ],
)
def test_a_defect_is_found(small: Path, old: str, new: str, finding: str) -> None:
    page = small / "es" / "page.html"
    text = page.read_text()
    assert old in text
    page.write_text(text.replace(old, new, 1))
    findings = site_check.check(small)
    assert any(finding in line for line in findings), findings


def test_a_page_in_one_language_only_is_found(small: Path) -> None:
    shutil.copy(small / "en" / "page.html", small / "en" / "more.html")
    assert "more.html: only in one language" in site_check.check(small)


def test_an_empty_site_is_not_sound(tmp_path: Path) -> None:
    assert site_check.check(tmp_path) == ["the site has no page"]


def test_untranslated_fuzzy_and_missing_messages_are_found(tmp_path: Path) -> None:
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8"\n\n'
    ids = ("kept", "empty", "doubtful", "absent")
    (tmp_path / "pot").mkdir()
    (tmp_path / "pot/page.pot").write_text(head + "".join(f'msgid "{i}"\nmsgstr ""\n\n' for i in ids))
    (tmp_path / "es").mkdir()
    (tmp_path / "es/page.po").write_text(
        head + 'msgid "kept"\nmsgstr "ok"\n\nmsgid "empty"\nmsgstr ""\n\n#, fuzzy\nmsgid "doubtful"\nmsgstr "quizá"\n'
    )
    assert site_check.catalogue_problems(tmp_path / "es", tmp_path / "pot") == [
        "page.po: untranslated: 'empty'", "page.po: fuzzy: 'doubtful'", "page.po: untranslated: 'absent'",
    ]  # fmt: skip


# --- MathJax
def test_mathjax_with_another_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = tmp_path / "mathjax" / mathjax.WHEEL_FILE
    wrong.parent.mkdir()
    wrong.write_text("alert(1)")
    monkeypatch.setenv("AUDIT_MIRROR", str(tmp_path))
    with pytest.raises(InputError, match="sha256"):
        mathjax.ensure_mathjax(tmp_path)
    assert not (tmp_path / mathjax.MATHJAX).exists()


def test_without_a_network_mathjax_says_where_to_put_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object) -> None:
        raise OSError("no network")

    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path))
    monkeypatch.delenv("AUDIT_MIRROR", raising=False)
    monkeypatch.setattr(fetching, "_download", offline)
    with pytest.raises(MissingError, match=rf"Put it at '{tmp_path}/mathjax/{mathjax.WHEEL_FILE}'"):
        mathjax.ensure_mathjax(tmp_path)


def test_a_tampered_mathjax_is_replaced(book: Project) -> None:
    target = book.root / mathjax.MATHJAX
    good = target.read_bytes()
    target.write_text("alert(1)")
    mathjax.ensure_mathjax(book.root)
    assert target.read_bytes() == good
