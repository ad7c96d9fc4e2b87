"""The search of the Spanish book finds a word however it is typed, in a real browser and without a network."""

from __future__ import annotations

import json
from itertools import chain
from urllib.parse import quote

import pytest
import yaml

from audit_lib.files import PROJECT
from book.press.browser import Tab
from tests.press import small_book

CONF = """
extensions = ["book.press.directives.bilingual"]
language = "es"
html_theme = "basic"
html_show_sourcelink = False
"""
PAGES = {
    "index": "Índice\n======\n\n.. toctree::\n   :glob:\n\n   particion\n   otra\n   */*\n\nPortada.\n",
    "particion": "Métodos\n=======\n\nLa partición temporal es más estricta: así se mide la evaluación de España.\n",
    "otra": "Otra cosa\n=========\n\nAquí no hay nada de eso.\n",
    "book/ledger": "Afirmaciones\n============\n\nUn empate.\n",
    "notebooks/05_evaluation": "Evaluación\n==========\n\nCada empate se resuelve en contra.\n",
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    root = tmp_path_factory.mktemp("search") / """o'neil "x" y"""
    root.mkdir()
    (root / "conf.py").write_text(CONF, "utf8")
    for name, text in PAGES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / f"{name}.rst").write_text(text, "utf8")
    assert small_book.build(root, root / "out", nitpicky=True) == ""
    return root / "out"


def test_the_index_has_each_word_with_and_without_its_accents(pages):
    index = json.loads((pages / "searchindex.js").read_text("utf8").removeprefix("Search.setIndex(").removesuffix(")"))
    page = index["docnames"].index("particion")
    for word in ("particion", "espan", "españ", "metod", "aqui", "evalu", "evaluacion"):
        assert word in index["terms"] | index["titleterms"], word
    assert index["terms"]["particion"] == page
    assert index["titleterms"]["metod"] == page


@pytest.mark.browser
@pytest.mark.parametrize("typed", [
    "partición", "particion", "PARTICIÓN", "evaluación", "evaluacion", "métodos", "metodos", "particion mas estricta",
    "españa", "espana",
])  # fmt: skip
def test_a_word_is_found_with_and_without_its_accents(pages, tab: Tab, typed):
    tab.visit(f"{(pages / 'search.html').as_uri()}?q={quote(typed)}")
    found = "[...document.querySelectorAll('#search-results a[href*=\".html\"]')].map(a => a.getAttribute('href'))"
    tab.page.wait_for_function(f"{found}.length > 0")
    pages_found = {address.split("?")[0].split("#")[0] for address in tab.page.evaluate(found)}
    assert "particion.html" in pages_found
    assert "otra.html" not in pages_found


@pytest.mark.browser
def test_pages_that_teach_come_first_and_prose_is_quoted_rather_than_code(pages, tab: Tab):
    tab.visit(f"{(pages / 'search.html').as_uri()}?q=empate")
    links = "[...document.querySelectorAll('#search-results li > a')].map(a => a.textContent)"
    tab.page.wait_for_function(f"{links}.length == 2")
    assert tab.page.evaluate(links) == ["Evaluación", "Afirmaciones"]
    scorer = tab.page.evaluate("Search.htmlToText('<div role=main><div class=highlight>ties</div>empate</div>')")
    assert scorer.strip() == "empate"
    parts = {part["caption"]: part["chapters"] for part in yaml.safe_load((PROJECT / "_toc.yml").read_text())["parts"]}
    taught = {"notebooks/00_pipeline", "book/glossary", *(chapter["file"] for chapter in parts["Learn"])}
    for chapter in chain.from_iterable(parts.values()):
        score = tab.page.evaluate("page => Scorer.score([page, '', '', '', 0])", chapter["file"])
        assert (score > 0) == (chapter["file"] in taught), chapter["file"]
