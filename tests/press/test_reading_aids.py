"""What helps a reader on a page: data behind tables and figures, definitions of terms, and how the site was made."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from docutils.utils import new_document

from audit_lib.files import COMMITTED, PROJECT, sha256
from audit_lib.show import csv, figures, words
from audit_lib.show.table import Table
from book.press import citation, run_notes, status
from book.press.browser import Tab
from book.press.directives import data_files, definitions
from tests.press import small_book, weights

PLOT = figures.session_lengths(pd.DataFrame({"length": [2, 3], "sessions": [5, 1]}))
CONFIGURATION = """
extensions = ["myst_nb", "book.press.directives.data_files", "book.press.directives.definitions"]
nb_execution_mode = "off"
suppress_warnings = ["mystnb.unknown_mime_type"]
locale_dirs = ["book/locale"]
gettext_compact = False
language = "{lang}"
root_doc = "index"
html_static_path = ["book/_static"]
numfig = True
"""
PAGE = """# A page

Every session is a session, a baseline, `session` and [a session](https://example.org).

| Name | Count |
|---|--:|
| =1+1 | 1\u202f234 |
| b − c | −22.5 |
"""


def small_notebook() -> nbformat.NotebookNode:
    """A notebook with a table, a figure with a caption, a glued value and a line of text as outputs."""
    table = Table(pd.DataFrame({"Recommender": ["a"], "Recall@20": [1 / 3]}), lang="en")
    caption = {"mystnb": {"figure": {"caption": "Lengths.", "name": "fig-lengths"}, "image": {"alt": "Bars."}}}

    def cell(data: dict[str, str], metadata: dict | None = None) -> nbformat.NotebookNode:
        output = nbformat.v4.new_output("display_data", data=data)
        return nbformat.v4.new_code_cell("1", outputs=[output], metadata=metadata or {})

    cells = [nbformat.v4.new_markdown_cell("# A notebook"), cell(table._repr_mimebundle_()),
             cell({"application/papermill.record/text/plain": "3", "application/papermill.record/text/csv": "x"}),
             cell(PLOT._repr_mimebundle_(), caption), cell({"text/plain": "3"})]  # fmt: skip
    return nbformat.v4.new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})


@pytest.fixture(scope="module", params=["en", "es"])
def pages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small book of a page, a notebook and the glossary, built."""
    root = tmp_path_factory.mktemp("small")
    (root / "book/locale/es/LC_MESSAGES/book").mkdir(parents=True)
    (root / "book/_static").mkdir()
    for name in ("glossary.md", "_static/tables.js", "_static/terms.js", "locale/es/LC_MESSAGES/book/glossary.po"):
        (root / "book" / name).write_text((PROJECT / "book" / name).read_text("utf8"), "utf8")
    (root / "conf.py").write_text(CONFIGURATION.format(lang=request.param), "utf8")
    (root / "index.md").write_text("# Book\n\n```{toctree}\nbook/page\nbook/notes\nbook/glossary\n```\n", "utf8")
    (root / "book/page.md").write_text(PAGE, "utf8")
    nbformat.write(small_notebook(), root / "book/notes.ipynb")
    assert small_book.build(root, root / "out", nitpicky=True) == ""
    return root / "out"


def soup(pages: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((pages / f"{name}.html").read_text("utf8"), "html.parser")


def test_a_table_of_a_page_has_its_cells_as_csv_and_no_formula(pages: Path) -> None:
    link = soup(pages, "book/page").select_one(".csv-link a")
    assert link["href"] == "../data/book/page-01.csv"
    assert (pages / "data/book/page-01.csv").read_text("utf8") == "Name,Count\n'=1+1,1234\nb − c,-22.5\n"


def test_tables_and_figures_of_a_notebook_have_the_data_that_drew_them(pages: Path) -> None:
    page = soup(pages, "book/notes")
    assert [link["href"].rsplit("/", 1)[1] for link in page.select(".csv-link a")] == ["notes-01.csv", "notes-02.csv"]
    assert (pages / "data/book/notes-01.csv").read_text() == "Recommender,Recall@20\na,0.333333333\n"
    assert (pages / "data/book/notes-02.csv").read_text() == "length,sessions\n2,5\n3,1\n"
    figure = page.select_one("figure#fig-lengths")
    assert figure.find_next_sibling(class_="csv-link").a["href"].endswith("notes-02.csv")


def test_a_figure_of_a_page_can_be_shared_with_its_data_and_a_line_to_cite(tmp_path: Path) -> None:
    PLOT.save(tmp_path / "drawn.svg")
    page, spot = new_document("page"), data_files.place(csv.csv_text(PLOT.table), tmp_path / "drawn.svg")
    page += spot
    builder_ = SimpleNamespace(format="html", get_target_uri="{}.html".format)
    app = SimpleNamespace(builder=builder_, outdir=tmp_path / "out", config=SimpleNamespace(language="es"))
    data_files.write(app, page, "book/page")
    shown = BeautifulSoup(spot.astext(), "html.parser")
    assert [link.get_text() for link in shown.select("a")] == ["Datos (CSV)", "Figura (SVG)", "Figura (PNG)"]
    assert shown.get_text().endswith(f"Para citar: {citation.text(citation.read()).replace('*', '')}")
    for link in shown.select("a"):
        kind = link["href"].rpartition(".")[2]
        there = (tmp_path / "out/book" / link["href"]).resolve()
        assert there.read_bytes() == (tmp_path / f"drawn.{kind}").read_bytes()


@pytest.mark.browser
def test_a_table_that_small_type_does_not_make_fit_says_that_it_scrolls(tmp_path: Path, tab: Tab) -> None:
    style = "<style>.tight[style*='400'] { width: 280px !important; }</style>"
    box = '<div style="overflow-x: auto; width: 300px"><table style="width: {}px"><tr><td>1</td></tr></table></div>'
    boxes = "".join(map(box.format, (200, 400, 900)))
    body = f'{style}<article class="bd-article">{boxes}</article><script src="tables.js"></script>'
    (tmp_path / "page.html").write_text(f'<html lang="en"><body>{body}</body></html>', "utf8")
    (tmp_path / "tables.js").write_text((PROJECT / "book/_static/tables.js").read_text("utf8"), "utf8")
    tab.visit((tmp_path / "page.html").as_uri())
    hints = tab.page.evaluate("[...document.querySelectorAll('.scroll-hint')].map(p => p.nextSibling.scrollWidth)")
    assert hints == [900]
    tight = tab.page.evaluate("[...document.querySelectorAll('table')].map(t => t.classList.contains('tight'))")
    assert tight == [False, True, True]


def test_the_digest_under_a_figure_is_that_of_its_file() -> None:
    data = PLOT._repr_mimebundle_()["text/csv"]
    assert data == csv.csv_text(PLOT.table)
    assert hashlib.sha256(data.encode()).hexdigest() == PLOT.digest()


def test_only_the_first_use_of_a_term_in_running_text_is_explained(pages: Path) -> None:
    found = soup(pages, "book/page").select("a.term")
    lang = soup(pages, "book/page").html["lang"]
    wanted = {"en": ["session", "baseline"], "es": []}[lang]  # the page is in English: it has no Spanish term
    assert [link.get_text() for link in found] == wanted
    glossary = {row["id"]: row for row in soup(pages, "book/glossary").select("tr[id^=term-]")}
    assert len(glossary) > 20
    for link in found:
        row = glossary[link["href"].split("#")[1]]
        assert link["title"] == row.find_all("td")[2].get_text()


@pytest.mark.parametrize(
    ("lang", "term", "text", "found"),
    [
        ("en", "session", "two sessions", "sessions"),
        ("en", "rank", "we rank them, and the rank is one", "rank"),
        ("en", "negative", "a negative number", None),
        ("en", "split", "we split by time, and the split is public", "split"),
        ("en", "claim", "papers claim so", None),
        ("en", "Recall@K", "a Recall@20 of one", "Recall@20"),
        ("en", "Recall@K", "Recall@20x", None),
        ("es", "partición temporal", "las particiones temporales", "particiones temporales"),
        ("es", "estado oculto", "estados ocultos", "estados ocultos"),
        ("es", "Recall@K (exhaustividad)", "un Recall@5", "Recall@5"),
    ],
)
def test_a_term_is_found_singular_and_plural_and_not_as_another_word(
    lang: str, term: str, text: str, found: str | None
) -> None:
    match = re.search(rf"(?<![\w@\-])(?:{definitions.pattern(term, lang)})(?![\w\-@])", text)
    assert (match[0] if match else None) == found


def test_every_term_of_the_glossary_has_a_definition_in_spanish() -> None:
    english, spanish = (definitions.terms(PROJECT, lang) for lang in ("en", "es"))
    assert {term.anchor for term in english} == {term.anchor for term in spanish}
    meanings = {term.anchor: term.definition for term in english}
    assert [term.anchor for term in spanish if term.definition == meanings[term.anchor]] == []


# --- what the site was made of
def test_a_note_on_a_run_holds_its_time_and_hashes_and_shows_on_the_page(tmp_path: Path) -> None:
    text, executed = tmp_path / "01_data.md", tmp_path / "en" / "notebooks" / "01_data.ipynb"
    executed.parent.mkdir(parents=True)
    text.write_text("text")
    executed.write_text("run")
    note = run_notes.write(executed, text, seconds=1.26, parameters={"lang": "en"})
    content = json.loads(note.read_text())
    assert (content["seconds"], content["executed"]) == (1.3, sha256(executed))
    shown = status.runs(tmp_path, words.translator("es"))
    assert list(shown.data.iloc[0])[:2] == ["01_data", 1.3]
    assert shown.rows()[0][2] == "–", "it did not run in Spanish"
    assert shown.data.columns[0] == "Etapa"


def test_the_committed_evidence_is_counted_run_by_run() -> None:
    table = status.committed(COMMITTED, words.translator("en")).data
    assert table["Runs"].sum() == len(list(COMMITTED.glob("*/*/*/*.json")))
    assert (table["Stored ranks"] > 0).all()


def test_the_versions_are_those_of_this_environment() -> None:
    table = status.versions(words.translator("en")).data.set_index("Software")["Version"]
    assert table["pandas"] == pd.__version__


def test_the_banner_of_a_stage_names_its_data_or_the_evidence_and_its_run(tmp_path: Path) -> None:
    def stage(source: str) -> Path:
        cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
        given = nbformat.v4.new_code_cell('lang = "en"', metadata={"tags": ["injected-parameters"]})
        nbformat.write(nbformat.v4.new_notebook(cells=[cell, given]), tmp_path / "01_data.ipynb")
        return tmp_path / "01_data.ipynb"

    _ = words.translator("es")
    (tmp_path / "SHA256SUMS").write_text("sums")
    executed = stage('dataset = "synthetic"\nlang = "en"')
    note = run_notes.write(executed, tmp_path / "SHA256SUMS", seconds=2, parameters={})
    said = status.made_of(tmp_path / "01_data.ipynb", note, tmp_path, "0123456789abcdef", _)
    run = sha256(tmp_path / "01_data.ipynb")[:8]
    about = {"Commit": "01234567", "Ejecución": run, "Segundos": "2.0"}
    assert said == about | {"Conjunto de datos": "Registro sintético"}
    said = status.made_of(stage('lang = "en"'), tmp_path / "no-note", tmp_path, None, _)
    assert said == {"Evidencia": sha256(tmp_path / "SHA256SUMS")[:8], "Commit": "–"}


# --- how much stands on a page
PAGE_OF_ALL = """<main><article><h1>Two words</h1><p>and four more words<script>no()</script></p>
<div class="cell docutils"><div class="cell_input"><pre>shown = 1</pre></div></div>
<details><summary>Show</summary><div class="cell_input"><pre>folded = 1</pre></div>
<table><tr><td>x</td></tr></table></details>
<table><thead><tr><th>Head</th></tr></thead><tbody>{rows}</tbody></table></article><footer>not this</footer></main>"""


def test_what_a_page_weighs_leaves_out_what_is_folded() -> None:
    found = {n: weights.weight(PAGE_OF_ALL.format(rows="<tr><td>a cell</td></tr>" * n)) for n in (12, 13)}
    assert found[12] == {"prose": 6, "tables": 25, "long": 0, "cells": 1}
    assert found[13]["long"] == 1
    assert not any(weights.weight("<p>no article</p>").values())
