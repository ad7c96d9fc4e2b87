"""The finished site in a real browser: every page, in both languages, from the file system and from a server."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from book.press import site_check
from tests.conftest import Project
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
def axe_script(book: Project) -> str | None:
    return axe.script(book.root)


@pytest.fixture(scope="module")
def seen(site: Path, browser: Any, axe_script: str | None) -> dict[str, Seen]:
    """Every page, opened once from the file system, by its address in the site."""
    return {path.relative_to(site).as_posix(): look(path, browser, axe_script) for path in files(site)}


def look(path: Path, browser: Any, axe_script: str | None) -> Seen:
    browser.visit(path.as_uri())
    complaints, requests = browser.complaints(), browser.requests()
    browser.resize(PHONE, 800)
    width = browser.run("document.documentElement.scrollWidth")
    errors = browser.run("document.querySelectorAll('mjx-merror, [data-mjx-error]').length")
    browser.resize(1280, 900)
    barriers = {}
    for theme in ("light", "dark") if axe_script else ():
        browser.run(f"document.documentElement.dataset.theme = document.documentElement.dataset.mode = '{theme}'")
        barriers[theme] = axe.violations(browser, axe_script, rules=() if theme == "light" else axe.THEME)
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
def test_axe_finds_no_serious_barrier(seen: dict[str, Seen], axe_script: str | None, theme: str) -> None:
    if axe_script is None:
        pytest.skip("axe-core could not be fetched with pip")
    assert {page: one.barriers[theme] for page, one in seen.items() if one.barriers[theme]} == {}


@pytest.mark.parametrize(
    ("body", "finding"),
    [
        ('<img src="data:,">', "image-alt"),
        ('<p style="color: #aaa; background: #fff">faint</p>', "color-contrast"),
        ("<select><option>unnamed</option></select>", "select-name"),
    ],
)
def test_axe_finds_a_barrier_that_is_there(
    browser: Any, axe_script: str | None, tmp_path: Path, body: str, finding: str
) -> None:
    if axe_script is None:
        pytest.skip("axe-core could not be fetched with pip")
    page = tmp_path / "page.html"
    page.write_text(f'<!doctype html><html lang="en"><title>T</title><body><main><h1>T</h1>{body}</main></body></html>')
    browser.visit(page.as_uri())
    assert [line.split(" ")[0] for line in axe.violations(browser, axe_script)] == [finding]


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


def test_every_page_opens_from_a_server_without_a_complaint(site: Path, server: str, browser: Any) -> None:
    complaints, elsewhere = {}, []
    for path in files(site):
        page = path.relative_to(site).as_posix()
        browser.visit(f"{server}/{page}")
        complaints[page] = browser.complaints()
        elsewhere += [url for url in browser.requests() if not url.startswith((server, *LOCAL))]
    assert {page: found for page, found in complaints.items() if found} == {}
    assert elsewhere == []


@pytest.mark.parametrize("page", ["en/book/interactive.html", "es/notebooks/05_evaluation.html"])
def test_a_missing_file_is_a_complaint(site: Path, server: str, browser: Any, page: str) -> None:
    browser.visit(f"{server}/{page}")
    browser.run("new Promise(done => { const i = new Image(); i.onerror = done; i.src = 'absent.png'; })")
    assert any("404" in line for line in browser.complaints())


# --- what readers do
def follow(browser: Any, selector: str, ending: str) -> None:
    browser.run(f"document.querySelector({selector!r}).click()")
    assert browser.wait(f"location.href.endsWith({ending!r})")
    assert browser.wait("document.readyState === 'complete'")


@pytest.mark.parametrize(("lang", "other"), [("en", "es"), ("es", "en")])
def test_the_switch_leads_to_the_same_place_in_the_other_language(
    site: Path, browser: Any, lang: str, other: str
) -> None:
    browser.visit((site / lang / "book/methods.html").as_uri() + "#tie-policies")
    follow(browser, ".language-switch a", f"/{other}/book/methods.html#tie-policies")
    assert browser.run("document.documentElement.lang") == other
    assert browser.run("document.getElementById('tie-policies') !== null")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_formulas_are_drawn(site: Path, browser: Any, lang: str) -> None:
    browser.visit((site / lang / "book/methods.html").as_uri())
    assert browser.wait("document.querySelectorAll('mjx-container svg').length > 20")


@pytest.mark.parametrize("where", ["file", "server"])
@pytest.mark.parametrize(("lang", "word"), [("en", "straddle"), ("es", "hipergeométrica")])
def test_search_finds_a_word_of_the_methods_page(
    site: Path, server: str, browser: Any, lang: str, word: str, where: str
) -> None:
    start = server if where == "server" else site.as_uri()
    browser.visit(f"{start}/{lang}/search.html?q={word}")
    assert browser.wait("document.querySelectorAll('#search-results a[href*=\"methods.html\"]').length > 0")


def test_the_root_page_forwards_by_the_language_of_the_browser(site: Path, browser: Any) -> None:
    for wanted, lang in (("es-MX,es", "es"), ("en-GB", "en"), ("fr-FR", "en")):
        browser.call("Emulation.setUserAgentOverride", userAgent="test", acceptLanguage=wanted)
        browser.visit((site / "index.html").as_uri())
        assert browser.wait(f"location.href.endsWith('/{lang}/book/index.html')"), wanted
    browser.call("Emulation.setUserAgentOverride", userAgent="test", acceptLanguage="en")


# --- the interactive page
@pytest.fixture
def explorer(site: Path, browser: Any) -> Callable[..., None]:
    def opened(lang: str = "en", state: str = "") -> None:
        browser.visit((site / lang / "book/interactive.html").as_uri() + state)
        assert browser.wait("document.querySelector('.explorer').getAttribute('aria-busy') === 'false'", seconds=90)

    return opened


def choose(browser: Any, name: str, value: object) -> None:
    browser.run(
        f"(e => {{ e.value = {str(value)!r}; e.dispatchEvent(new Event('input', {{bubbles: true}})); }})"
        f"(document.querySelector('.explorer form').elements[{name!r}])"
    )


def sentence(browser: Any) -> str:
    return browser.run("document.querySelector('.explorer-sentence').textContent")


def column(browser: Any, number: int) -> list[str]:
    cells = f".explorer-table tbody tr > :nth-child({number})"
    return browser.run(f"[...document.querySelectorAll({cells!r})].map(cell => cell.textContent)")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_with_every_item_drawn_the_sampled_metric_is_the_full_one(
    explorer: Callable[..., None], browser: Any, lang: str
) -> None:
    explorer(lang, "#d=foursquare_nyc&m=MRR&k=10&n=9999999&s=uniform")
    assert column(browser, 3) == column(browser, 5)
    assert column(browser, 2) == column(browser, 4)
    assert len(column(browser, 1)) > 10
    choose(browser, "n", 50)
    assert browser.wait("document.querySelector('.explorer form').elements.slider.value < 1000")
    assert column(browser, 3) != column(browser, 5)


def test_a_choice_changes_the_sentence_and_the_address_and_outlives_the_language(
    explorer: Callable[..., None], browser: Any
) -> None:
    explorer("en", "#d=entree")
    before = sentence(browser)
    choose(browser, "sampling", "popularity")
    choose(browser, "k", 7)
    assert sentence(browser) != before
    assert "Recall@7" in sentence(browser)
    state = browser.run("location.hash")
    assert "s=popularity" in state
    assert "k=7" in state
    follow(browser, ".language-switch a", f"/es/book/interactive.html{state}")
    assert browser.wait("document.querySelector('.explorer-sentence').textContent.includes('Recall@7')")
    assert "negativos" in sentence(browser)


def test_nonsense_in_the_address_is_set_right(explorer: Callable[..., None], browser: Any) -> None:
    explorer("en", "#d=nowhere&r=99&m=<b>&k=-5&n=abc&s=psychic")
    assert browser.complaints() == []
    values = "Object.fromEntries([...document.querySelector('.explorer form').elements].map(e => [e.name, e.value]))"
    found = browser.run(values)
    assert (found["dataset"], found["metric"], found["sampling"], found["k"]) == (
        "retailrocket", "Recall", "uniform", "1",
    )  # fmt: skip


def test_the_controls_are_reached_and_used_with_the_keyboard(explorer: Callable[..., None], browser: Any) -> None:
    explorer("en", "#d=foursquare_nyc&n=100")
    browser.run("document.querySelector('.explorer form').elements.n.focus()")
    before = sentence(browser)
    for kind in ("keyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key="ArrowUp", code="ArrowUp", windowsVirtualKeyCode=38)
    assert browser.wait("document.querySelector('.explorer form').elements.n.value === '101'")
    assert sentence(browser) != before
    for kind in ("keyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
    assert browser.run("document.activeElement.name") == "slider"


def test_the_winners_are_right_at_both_sides_of_a_change(explorer: Callable[..., None], browser: Any) -> None:
    explorer("en", "#d=diginetica")
    found = browser.run("[...document.querySelectorAll('.explorer-winners li')].map(item => item.textContent)")
    assert len(found) > 1
    n = int("".join(filter(str.isdigit, found[-1].split(":")[0])))
    named = []
    for size in (n - 1, n):
        choose(browser, "n", size)
        places, names = column(browser, 4), column(browser, 1)
        named.append({name for name, place in zip(names, places, strict=True) if place == "1"})
    assert named[0] != named[1]
    assert all(found[-1].split(": ")[1].startswith(name) for name in named[1])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_without_scripts_the_interactive_page_shows_a_figure_and_no_dead_controls(
    site: Path, browser: Any, lang: str
) -> None:
    page = (site / lang / "book/interactive.html").as_uri()
    height = "(e => e ? e.getBoundingClientRect().height : 0)(document.querySelector({!r}))"
    try:
        browser.call("Emulation.setScriptExecutionDisabled", value=True)
        browser.visit(page)
        assert browser.run(height.format(".explorer-static img")) > 100
        assert browser.run(height.format(".explorer")) == 0
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
    browser.visit(page)
    assert browser.run(height.format(".explorer-static img")) == 0
    assert browser.run(height.format(".explorer")) > 500


def test_a_table_sorts_by_keyboard_says_so_and_goes_back(site: Path, browser: Any) -> None:
    browser.call("Emulation.setFocusEmulationEnabled", enabled=True)  # a window in front
    browser.visit((site / "es/book/datasets.html").as_uri())
    table = "document.querySelector('table.sortable')"
    column = f"[...{table}.tBodies[0].rows].map(row => Number(row.cells[1].textContent.replace(/\\D/g, '')))"
    state = f"{table}.tHead.rows[0].cells[1].getAttribute('aria-sort')"
    before = browser.run(column)
    browser.run(f"{table}.tHead.rows[0].cells[1].querySelector('button').focus()")
    for direction, wanted in (
        ("descending", sorted(before, reverse=True)), ("ascending", sorted(before)), (None, before),
    ):  # fmt: skip
        for kind in ("keyDown", "keyUp"):
            key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
            browser.call("Input.dispatchKeyEvent", type=kind, **key)
        assert browser.run(column) == wanted
        assert browser.run(state) == direction


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_definition_of_a_term_shows_on_focus_and_escape_puts_it_away(site: Path, browser: Any, lang: str) -> None:
    browser.call("Emulation.setFocusEmulationEnabled", enabled=True)  # a window in front
    browser.visit((site / lang / "book/methods.html").as_uri())
    hidden = "document.getElementById('term-tip').hidden"
    assert browser.run(hidden)
    browser.run("document.querySelector('a.term').focus()")
    assert not browser.run(hidden)
    assert browser.run("document.getElementById('term-tip').textContent.length") > 10
    assert browser.run("document.querySelector('a.term').getAttribute('aria-describedby')") == "term-tip"
    browser.run("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))")
    assert browser.run(hidden)
