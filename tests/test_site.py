"""The finished site: complete, in both languages, sound, offline; and the checks that say so can fail."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from audit_lib import mathjax, sitecheck
from audit_lib import site as builder
from audit_lib.errors import MissingError
from tests.conftest import Project

pytestmark = pytest.mark.site
LANGUAGES = ("en", "es")


def content(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def planned_pages(book: Project) -> list[str]:
    toc = yaml.safe_load((book.root / "_toc.yml").read_text("utf8"))
    return [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]


def test_every_page_of_the_contents_is_there_in_both_languages(book: Project, site: Path) -> None:
    ready = [page for page in planned_pages(book) if any(book.root.glob(f"{page}.*"))]
    assert "book/index" in ready
    missing = [f"{lang}/{page}" for page in ready for lang in LANGUAGES if not (site / lang / f"{page}.html").is_file()]
    assert not missing


def test_the_site_is_sound(site: Path) -> None:
    assert sitecheck.check(site) == []


def test_no_message_is_untranslated_or_fuzzy(book: Project) -> None:
    pot = builder.templates(root=book.root, work=book.root / "_build")
    assert len(list(pot.rglob("*.pot"))) >= 7
    assert sitecheck.catalogue_problems(book.root / builder.CATALOGUES, pot) == []


def test_spanish_pages_have_spanish_headings(book: Project, site: Path) -> None:
    first = re.compile(r"<h1>(.*?)<a", re.DOTALL)
    for page in planned_pages(book):
        if (site / "en" / f"{page}.html").is_file():
            en, es = (first.search((site / lang / f"{page}.html").read_text("utf8"))[1] for lang in LANGUAGES)
            assert en != es, page


def test_headings_keep_their_anchor_in_translation(site: Path) -> None:
    pages = sitecheck.Site(site)
    for name, english in pages.of("en").items():
        if name.startswith(("book/", "notebooks/")):
            anchors = {href for href in english.links if href.startswith("#") and len(href) > 1}
            assert {href[1:] for href in anchors} <= pages.of("es")[name].ids, name


def test_a_second_build_from_the_same_notebooks_gives_the_same_bytes(
    book: Project, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SOURCE_DATE_EPOCH", "AUDIT_PDF", "REPOSITORY"):
        monkeypatch.setenv(name, book.environment()[name])
    again = builder.build(root=book.root, work=tmp_path, executed=book.root / "_build" / "executed")
    first, second = content(site), content(again)
    assert sorted(first) == sorted(second)
    assert [name for name in first if first[name] != second[name]] == []


def test_formulas_are_drawn_by_the_vendored_script_only_where_there_are_some(site: Path) -> None:
    assert "_static/mathjax/tex-svg.js" in (site / "en/book/methods.html").read_text("utf8")
    assert "tex-svg.js" not in (site / "en/book/licences.html").read_text("utf8")


def test_no_page_names_a_place_of_the_machine_that_built_it(book: Project, site: Path) -> None:
    places = {str(book.root), sys.prefix, str(Path.home()) + "/", str(Path(sys.base_prefix))}
    for path in site.rglob("*"):
        if path.suffix in {".html", ".ipynb", ".md", ".js"}:
            text = path.read_text("utf8")
            assert not [place for place in places if place in text], path


def test_there_is_one_search_form(site: Path) -> None:
    assert (site / "en/book/index.html").read_text("utf8").count("<form") == 1


def test_prompts_and_conjunctions_are_in_the_language_of_the_book(site: Path) -> None:
    spanish = "".join(path.read_text("utf8") for path in (site / "es" / "book").glob("*.html"))
    assert "Hidasi y Karatzoglou, 2018" in spanish
    assert not re.search(r"Hidasi and |Show code|Click to show|Search this book", spanish)


def test_a_broken_reference_fails_the_build_and_leaves_the_site_alone(standin: Project) -> None:
    site, page = standin.root / "_build" / "site", standin.root / "book" / "licences.md"
    before, text = content(site), page.read_text("utf8")
    page.write_text(text + "\nSee {ref}`nowhere-at-all`.\n", "utf8")
    try:
        with pytest.raises(builder.SiteError, match="nowhere-at-all"):
            builder.build(root=standin.root)
        assert content(site) == before
    finally:
        page.write_text(text, "utf8")


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
    assert sitecheck.check(small) == []


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
    findings = sitecheck.check(small)
    assert any(finding in line for line in findings), findings


def test_a_page_in_one_language_only_is_found(small: Path) -> None:
    shutil.copy(small / "en" / "page.html", small / "en" / "more.html")
    assert "more.html: only in one language" in sitecheck.check(small)


def test_an_empty_site_is_not_sound(tmp_path: Path) -> None:
    assert sitecheck.check(tmp_path) == ["the site has no page"]


def test_untranslated_fuzzy_and_missing_messages_are_found(tmp_path: Path) -> None:
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8"\n\n'
    ids = ("kept", "empty", "doubtful", "absent")
    (tmp_path / "pot").mkdir()
    (tmp_path / "pot/page.pot").write_text(head + "".join(f'msgid "{i}"\nmsgstr ""\n\n' for i in ids))
    (tmp_path / "es").mkdir()
    (tmp_path / "es/page.po").write_text(
        head + 'msgid "kept"\nmsgstr "ok"\n\nmsgid "empty"\nmsgstr ""\n\n#, fuzzy\nmsgid "doubtful"\nmsgstr "quizá"\n'
    )
    assert sitecheck.catalogue_problems(tmp_path / "es", tmp_path / "pot") == [
        "page.po: untranslated: 'empty'", "page.po: fuzzy: 'doubtful'", "page.po: untranslated: 'absent'",
    ]  # fmt: skip


# --- MathJax
def test_mathjax_with_another_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = tmp_path / "wrong.js"
    wrong.write_text("alert(1)")
    monkeypatch.setattr(mathjax, "from_wheel", lambda folder: wrong)
    with pytest.raises(MissingError, match="sha256"):
        mathjax.ensure_mathjax(tmp_path)
    assert not (tmp_path / mathjax.MATHJAX).exists()


def test_without_a_network_mathjax_says_where_to_put_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for source in ("from_wheel", "from_npm"):
        monkeypatch.setattr(mathjax, source, lambda folder: None)
    with pytest.raises(MissingError, match=r"tex-svg\.js at .*\.audit-cache"):
        mathjax.ensure_mathjax(tmp_path)


def test_a_tampered_mathjax_is_replaced(book: Project) -> None:
    target = book.root / mathjax.MATHJAX
    good = target.read_bytes()
    target.write_text("alert(1)")
    mathjax.ensure_mathjax(book.root)
    assert target.read_bytes() == good
