"""The finished site in a real browser: every page, in both languages, from the file system and from a server."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from book.press import site_check
from book.press.browser import Tab
from tests.press import axe

pytestmark = [pytest.mark.site, pytest.mark.browser]
LANGUAGES = ("en", "es")
LOCAL = ("file:", "data:", "blob:", "about:")
PHONE = 375


@dataclass(frozen=True)
class Seen:
    """What was seen of one page. barriers: serious findings of axe-core, by theme."""

    complaints: list[str]
    requests: list[str]
    phone_width: int
    formula_errors: int
    barriers: dict[str, list[str]]


def files(site: Path) -> list[Path]:
    pages = site_check.Site(site)
    return [page.path for lang in LANGUAGES for page in pages.of(lang).values()]


@pytest.fixture(scope="module")
def seen(site: Path, tab: Tab) -> dict[str, Seen]:
    """Every page, opened once from the file system, by its address in the site."""
    return {path.relative_to(site).as_posix(): look(path, tab) for path in files(site)}


def look(path: Path, tab: Tab) -> Seen:
    tab.visit(path.as_uri())
    complaints, requests = list(tab.complaints), list(tab.requests)
    tab.page.set_viewport_size({"width": PHONE, "height": 800})
    width = tab.page.evaluate("document.documentElement.scrollWidth")
    errors = tab.page.locator("mjx-merror, [data-mjx-error]").count()
    tab.page.set_viewport_size({"width": 1280, "height": 900})
    barriers = {}
    for theme in ("light", "dark"):
        tab.page.evaluate(f"document.documentElement.dataset.theme = document.documentElement.dataset.mode = '{theme}'")
        barriers[theme] = axe.violations(tab.page, rules=() if theme == "light" else axe.THEME)
    return Seen(complaints, requests, width, errors, barriers)


def test_every_page_opens_from_the_file_system_without_a_complaint(seen: dict[str, Seen]) -> None:
    assert len(seen) > 30
    assert {page: one.complaints for page, one in seen.items() if one.complaints} == {}


def test_no_page_asks_another_host_for_anything(seen: dict[str, Seen]) -> None:
    assert min(len(one.requests) for one in seen.values()) > 3, "the network log was empty"
    assert [url for one in seen.values() for url in one.requests if not url.startswith(LOCAL)] == []


def test_no_page_scrolls_sideways_on_a_phone(seen: dict[str, Seen]) -> None:
    assert {page: one.phone_width for page, one in seen.items() if one.phone_width > PHONE} == {}


def test_no_formula_is_wrong(seen: dict[str, Seen]) -> None:
    assert [page for page, one in seen.items() if one.formula_errors] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_barrier(seen: dict[str, Seen], theme: str) -> None:
    assert {page: one.barriers[theme] for page, one in seen.items() if one.barriers[theme]} == {}


@pytest.mark.parametrize(
    ("body", "finding"),
    [
        ('<img src="data:,">', "image-alt"),
        ('<p style="color: #aaa; background: #fff">faint</p>', "color-contrast"),
        ("<select><option>unnamed</option></select>", "select-name"),
    ],
)
def test_axe_finds_a_barrier_that_is_there(tab: Tab, tmp_path: Path, body: str, finding: str) -> None:
    page = tmp_path / "page.html"
    page.write_text(f'<!doctype html><html lang="en"><title>T</title><body><main><h1>T</h1>{body}</main></body></html>')
    tab.visit(page.as_uri())
    assert [line.split(" ")[0] for line in axe.violations(tab.page)] == [finding]


# --- from a server
@pytest.fixture(scope="module")
def server(site: Path) -> Iterator[str]:
    """The address of the site on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_every_page_opens_from_a_server_without_a_complaint(site: Path, server: str, tab: Tab) -> None:
    complaints, elsewhere = {}, []
    for path in files(site):
        page = path.relative_to(site).as_posix()
        tab.visit(f"{server}/{page}")
        complaints[page] = tab.complaints
        elsewhere += [url for url in tab.requests if not url.startswith((server, *LOCAL))]
    assert {page: found for page, found in complaints.items() if found} == {}
    assert elsewhere == []


@pytest.mark.parametrize("page", ["en/notebooks/05_evaluation.html", "es/book/ledger.html"])
def test_a_missing_file_is_a_complaint(site: Path, server: str, tab: Tab, page: str) -> None:
    tab.visit(f"{server}/{page}")
    tab.page.evaluate("new Promise(done => { const i = new Image(); i.onerror = done; i.src = 'absent.png'; })")
    assert any("404" in line for line in tab.complaints)


# --- what readers do
def follow(tab: Tab, selector: str, ending: str) -> None:
    tab.page.locator(selector).first.evaluate("link => link.click()")
    tab.page.wait_for_url(lambda address: address.endswith(ending))


@pytest.mark.parametrize(("lang", "other"), [("en", "es"), ("es", "en")])
def test_the_switch_leads_to_the_same_place_in_the_other_language(
    site: Path, tab: Tab, lang: str, other: str
) -> None:
    tab.visit((site / lang / "book/methods.html").as_uri() + "#tie-policies")
    follow(tab, ".language-switch a", f"/{other}/book/methods.html#tie-policies")
    assert tab.page.evaluate("document.documentElement.lang") == other
    assert tab.page.evaluate("document.getElementById('tie-policies') !== null")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_formulas_are_drawn(site: Path, tab: Tab, lang: str) -> None:
    tab.visit((site / lang / "book/methods.html").as_uri())
    tab.page.wait_for_function("document.querySelectorAll('mjx-container svg').length > 20")


@pytest.mark.parametrize("where", ["file", "server"])
@pytest.mark.parametrize(("lang", "word"), [("en", "straddle"), ("es", "hipergeométrica")])
def test_search_finds_a_word_of_the_methods_page(
    site: Path, server: str, tab: Tab, lang: str, word: str, where: str
) -> None:
    start = server if where == "server" else site.as_uri()
    tab.visit(f"{start}/{lang}/search.html?q={word}")
    tab.page.wait_for_function("document.querySelectorAll('#search-results a[href*=\"methods.html\"]').length > 0")


@pytest.mark.parametrize(("wanted", "lang"), [("es-MX", "es"), ("en-GB", "en"), ("fr-FR", "en")])
def test_the_root_page_forwards_by_the_language_of_the_browser(
    site: Path, chromium: Browser, wanted: str, lang: str
) -> None:
    with chromium.new_page(locale=wanted) as page:
        page.goto((site / "index.html").as_uri())
        page.wait_for_url(f"**/{lang}/book/index.html")


# --- the interactive figure
@pytest.fixture
def explorer(site: Path, tab: Tab) -> Callable[..., None]:
    def opened(lang: str = "en", state: str = "") -> None:
        tab.visit((site / lang / "notebooks/05_evaluation.html").as_uri() + state)
        tab.page.wait_for_selector(".explorer[aria-busy=false]", timeout=90_000)

    return opened


def choose(tab: Tab, name: str, value: object) -> None:
    tab.page.evaluate(
        f"(e => {{ e.value = {str(value)!r}; e.dispatchEvent(new Event('input', {{bubbles: true}})); }})"
        f"(document.querySelector('.explorer form').elements[{name!r}])"
    )


def sentence(tab: Tab) -> str:
    return tab.page.evaluate("document.querySelector('.explorer-sentence').textContent")


def column(tab: Tab, number: int) -> list[str]:
    cells = f".explorer-table tbody tr > :nth-child({number})"
    return tab.page.evaluate(f"[...document.querySelectorAll({cells!r})].map(cell => cell.textContent)")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_with_every_item_drawn_the_sampled_metric_is_the_full_one(
    explorer: Callable[..., None], tab: Tab, lang: str
) -> None:
    explorer(lang, "#d=foursquare_nyc&m=MRR&k=10&n=9999999&s=uniform")
    assert column(tab, 3) == column(tab, 5)
    assert column(tab, 2) == column(tab, 4)
    assert len(column(tab, 1)) > 10
    choose(tab, "n", 50)
    tab.page.wait_for_function("document.querySelector('.explorer form').elements.slider.value < 1000")
    assert column(tab, 3) != column(tab, 5)


def test_a_choice_changes_the_sentence_and_the_address_and_outlives_the_language(
    explorer: Callable[..., None], tab: Tab
) -> None:
    explorer("en", "#d=entree")
    before = sentence(tab)
    choose(tab, "sampling", "popularity")
    choose(tab, "k", 7)
    assert sentence(tab) != before
    assert "Recall@7" in sentence(tab)
    state = tab.page.evaluate("location.hash")
    assert "s=popularity" in state
    assert "k=7" in state
    follow(tab, ".language-switch a", f"/es/notebooks/05_evaluation.html{state}")
    tab.page.wait_for_function("document.querySelector('.explorer-sentence').textContent.includes('Recall@7')")
    assert "negativos" in sentence(tab)


def test_nonsense_in_the_address_is_set_right(explorer: Callable[..., None], tab: Tab) -> None:
    explorer("en", "#d=nowhere&r=99&m=<b>&k=-5&n=abc&s=psychic")
    assert tab.complaints == []
    values = "Object.fromEntries([...document.querySelector('.explorer form').elements].map(e => [e.name, e.value]))"
    found = tab.page.evaluate(values)
    assert (found["dataset"], found["metric"], found["sampling"], found["k"]) == (
        "retailrocket", "Recall", "uniform", "1",
    )  # fmt: skip


def test_the_controls_are_reached_and_used_with_the_keyboard(explorer: Callable[..., None], tab: Tab) -> None:
    explorer("en", "#d=foursquare_nyc&n=100")
    tab.page.evaluate("document.querySelector('.explorer form').elements.n.focus()")
    before = sentence(tab)
    tab.page.keyboard.press("ArrowUp")
    tab.page.wait_for_function("document.querySelector('.explorer form').elements.n.value === '101'")
    assert sentence(tab) != before
    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate("document.activeElement.name") == "slider"


def test_the_winners_are_right_at_both_sides_of_a_change(explorer: Callable[..., None], tab: Tab) -> None:
    explorer("en", "#d=diginetica")
    found = tab.page.evaluate("[...document.querySelectorAll('.explorer-winners li')].map(item => item.textContent)")
    assert len(found) > 1
    n = int("".join(filter(str.isdigit, found[-1].split(":")[0])))
    named = []
    for size in (n - 1, n):
        choose(tab, "n", size)
        places, names = column(tab, 4), column(tab, 1)
        named.append({name for name, place in zip(names, places, strict=True) if place == "1"})
    assert named[0] != named[1]
    assert all(found[-1].split(": ")[1].startswith(name) for name in named[1])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_without_scripts_the_interactive_figure_is_a_picture_and_shows_no_dead_controls(
    site: Path, chromium: Browser, lang: str
) -> None:
    static = ".explorer-static img"
    for scripts, shown, hidden in ((False, static, ".explorer"), (True, ".explorer", static)):
        with chromium.new_page(java_script_enabled=scripts) as page:
            page.goto((site / lang / "notebooks/05_evaluation.html").as_uri())
            page.wait_for_selector(shown, state="visible")
            assert page.locator(shown).first.bounding_box()["height"] > (500 if scripts else 100)
            assert not page.locator(hidden).first.is_visible()


def test_a_table_sorts_by_keyboard_says_so_and_goes_back(site: Path, tab: Tab) -> None:
    tab.visit((site / "es/book/datasets.html").as_uri())
    table = "document.querySelector('table.sortable')"
    column = f"[...{table}.tBodies[0].rows].map(row => Number(row.cells[1].textContent.replace(/\\D/g, '')))"
    state = f"{table}.tHead.rows[0].cells[1].getAttribute('aria-sort')"
    before = tab.page.evaluate(column)
    tab.page.evaluate(f"{table}.tHead.rows[0].cells[1].querySelector('button').focus()")
    for direction, wanted in (
        ("descending", sorted(before, reverse=True)), ("ascending", sorted(before)), (None, before),
    ):  # fmt: skip
        tab.page.keyboard.press("Enter")
        assert tab.page.evaluate(column) == wanted
        assert tab.page.evaluate(state) == direction


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_definition_of_a_term_shows_on_focus_and_escape_puts_it_away(site: Path, tab: Tab, lang: str) -> None:
    tab.visit((site / lang / "book/methods.html").as_uri())
    hidden = "document.getElementById('term-tip').hidden"
    assert tab.page.evaluate(hidden)
    tab.page.evaluate("document.querySelector('a.term').focus()")
    assert not tab.page.evaluate(hidden)
    assert tab.page.evaluate("document.getElementById('term-tip').textContent.length") > 10
    assert tab.page.evaluate("document.querySelector('a.term').getAttribute('aria-describedby')") == "term-tip"
    tab.page.evaluate("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))")
    assert tab.page.evaluate(hidden)
