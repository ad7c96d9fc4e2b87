"""The machinery of the book: running a stage, pairing it with its text, and knowing what is out of date."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import jupytext
import nbformat
import pytest
from bs4 import BeautifulSoup
from pybtex.database import parse_file

from audit_lib.data.registry import REGISTRY
from audit_lib.errors import InputError, MissingError
from audit_lib.files import PROJECT
from book.press import notebooks, pipeline
from tests.conftest import STANDIN, Project


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "07_trial.md"
    path.write_text(STANDIN.format(name="07_trial"), "utf8")
    return path


def outputs(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "".join(output.get("text", "") for cell in cells for output in cell.get("outputs", []))


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stage that was run once with these parameters; its text lies beside it."""
    folder = tmp_path_factory.mktemp("executed")
    where = "import os, audit_lib\nprint(os.getcwd(), audit_lib.__version__)\n"
    (folder / "07_trial.md").write_text(STANDIN.format(name="07_trial").replace("print(", where + "print("), "utf8")
    given = {"dataset": 'my "log"', "lang": "es"}
    return pipeline.run(folder / "07_trial.md", folder / "out.ipynb", parameters=given, root=PROJECT)


def test_a_parameter_reaches_the_stage_which_runs_in_the_project_and_finds_the_library(executed: Path) -> None:
    assert outputs(executed).startswith(f"{PROJECT} ")
    assert outputs(executed).endswith('07_trial: my "log" in es\n')


def test_an_undeclared_parameter_is_refused_and_the_nearest_named(text: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Unknown parameter of 07_trial 'datset'.*'dataset'"):
        pipeline.run(text, tmp_path / "out.ipynb", parameters={"datset": "toy"}, root=tmp_path)
    assert list(tmp_path.iterdir()) == [text]


def test_a_failing_stage_leaves_the_earlier_result_and_says_which_cell(text: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.ipynb"
    out.write_text("earlier")
    text.write_text(text.read_text().replace("print(", "assert lang == 'xx', 'no such tongue'\nprint("))
    with pytest.raises(pipeline.StageError, match="no such tongue"):
        pipeline.run(text, out, parameters={}, root=tmp_path)
    assert out.read_text() == "earlier"
    assert {path.name for path in tmp_path.glob("*.ipynb")} == {"out.ipynb", "out.failed.ipynb"}


def test_pieces_of_a_stream_are_joined_wherever_it_was_cut() -> None:
    cut = (("stdout", "a"), ("stdout", "b"), ("stderr", "c"))
    pieces = [nbformat.v4.new_output("stream", name=name, text=text) for name, text in cut]
    assert [(o.name, o.text) for o in notebooks.join_streams(pieces)] == [("stdout", "ab"), ("stderr", "c")]


def test_the_pair_has_the_outputs_but_not_the_injected_cell(executed: Path) -> None:
    text = executed.parent / "07_trial.md"
    paired = notebooks.pair(text, executed=executed)
    notebook = nbformat.read(paired, as_version=4)
    assert not any(notebooks.is_injected(cell) for cell in notebook.cells)
    assert outputs(paired) == outputs(executed)
    assert paired.stat().st_mtime == text.stat().st_mtime  # else Jupyter would call one of them outdated


def test_pairing_again_drops_the_output_of_changed_code_only(executed: Path, tmp_path: Path) -> None:
    text = Path(shutil.copy(executed.parent / "07_trial.md", tmp_path))
    notebooks.pair(text, executed=executed)
    text.write_text(text.read_text().replace("That is what", "This is what"))
    assert outputs(notebooks.pair(text)) != ""
    text.write_text(text.read_text().replace("print(f", "print('new', f"))
    assert outputs(notebooks.pair(text)) == ""


def test_saving_the_pair_keeps_the_text_as_it_was(text: Path) -> None:
    before = text.read_text()
    notebook = nbformat.read(notebooks.pair(text), as_version=4)
    assert jupytext.writes(notebook, fmt="md:myst").split("\n# ", 1)[1] == before.split("\n# ", 1)[1]


def test_parameters_are_those_that_the_tagged_cell_assigns(text: Path) -> None:
    text.write_text(text.read_text().replace('columns = ""', 'columns: str = ""\nif True:\n    hidden = 1'))
    assert notebooks.declared(notebooks.read(text)) == ["dataset", "lang", "columns"]


def test_no_line_of_parameters_confuses_papermill() -> None:
    """It warns of every line that assigns and holds a second equals sign, be it in a comment."""
    for stage in pipeline.stages():
        cells = notebooks.read(PROJECT / "notebooks" / f"{stage}.md").cells
        source = next(cell.source for cell in cells if "parameters" in notebooks.tags(cell))
        assert [line for line in source.split("\n") if not line.startswith("#") and line.count("=") > 1] == [], stage


def test_the_cell_of_parameters_shows_those_of_the_run(executed: Path) -> None:
    cells = nbformat.read(executed, as_version=4).cells
    cell = next(cell for cell in cells if "parameters" in notebooks.tags(cell))
    assert 'dataset = "my \\"log\\""' in cell.source
    assert 'lang = "es"' in cell.source
    assert not any(notebooks.is_injected(cell) for cell in cells)


def test_edits_of_a_paired_notebook_are_never_lost(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paired = notebooks.pair(text)
    notebooks.pair(text)
    assert [path.name for path in text.parent.glob("*.ipynb")] == [paired.name], "nothing was edited"
    notebook = nbformat.read(paired, as_version=4)
    notebook.cells[-1].source = "A day's work."
    nbformat.write(notebook, paired)
    notebooks.pair(text)
    kept = [path for path in text.parent.glob("*.ipynb") if path != paired]
    assert len(kept) == 1
    assert "A day's work." in kept[0].read_text("utf8")
    assert kept[0].name in capsys.readouterr().err


def test_missing_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"nowhere\.md"):
        notebooks.read(tmp_path / "nowhere.md")


def test_a_stage_follows_only_stages_that_are_there() -> None:
    assert pipeline.upstream("05_evaluation", ["03_baselines", "05_evaluation"]) == ["03_baselines"]
    assert pipeline.upstream("99_new", ["01_data", "99_new"]) == ["01_data"]


def test_every_stage_of_the_book_declares_a_language() -> None:
    for stage in pipeline.stages():
        assert "lang" in notebooks.declared(notebooks.read(PROJECT / "notebooks" / f"{stage}.md")), stage


# --- the stages of the book
@pytest.mark.site
@pytest.mark.skipif(not pipeline.stages(), reason="no stage notebooks in this version")
def test_stages_give_the_outputs_that_the_book_shows(book: Project) -> None:
    """nbval runs stages again, with their parameters, and compares the outputs.

    They are the Spanish ones, which were printed by the kernel of the English ones: a fresh one must say the same.
    """
    folder = book.root / "_build" / "executed" / "es" / "notebooks"
    long = {"06_literature", "08_multiverse", "09_cost"}  # minutes each, from evidence that other tests look at
    again = [str(folder / f"{stage}.ipynb") for stage in pipeline.stages() if stage not in long]
    book.python("-m", "pytest", "--nbval", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), *again)


@pytest.mark.site
@pytest.mark.skipif(not pipeline.stages(), reason="no stage notebooks in this version")
def test_both_languages_of_a_stage_show_the_same_numbers(book: Project) -> None:
    for path in sorted((book.root / "_build/executed/en/notebooks").glob("[0-9]*.ipynb")):
        other = book.root / "_build/executed/es/notebooks" / path.name
        assert glued_numbers(path) == glued_numbers(other), path.name


def glued_numbers(path: Path) -> dict[str, str]:
    """The numbers that a notebook glues, by key."""
    found = {}
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            key = output.get("metadata", {}).get("scrapbook", {}).get("name")
            text = next((value for mime, value in output.get("data", {}).items() if mime.endswith("text/plain")), "")
            if key and re.fullmatch(r"'?[-+.\d,e ]+'?", text):
                found[key] = text
    return found


# --- lists that must agree
def plain(text: str) -> str:
    """A text without the difference between straight and curly quotes and apostrophes."""
    return text.translate(str.maketrans("‘’“”", "''\"\""))


@pytest.mark.site
def test_every_deviation_in_the_code_is_listed_on_the_methods_page_and_no_other(book: Project) -> None:
    sources = [path.read_text("utf8") for path in (PROJECT / "audit_lib").rglob("*.py")]
    code = {line.split("DEVIATION:")[1].strip() for line in "\n".join(sources).splitlines() if "# DEVIATION:" in line}
    page = BeautifulSoup((book.root / "_build/site/en/book/methods.html").read_text("utf8"), "html.parser")
    listed = {item.get_text().split(": ", 1)[1].strip() for item in page.select("#deviations li")}
    assert {plain(text) for text in listed} == {plain(text) for text in code}


def test_every_data_set_is_in_the_bibliography() -> None:
    keys = set(re.findall(r"^@\w+\{(\w+),", (PROJECT / "book" / "references.bib").read_text("utf8"), re.MULTILINE))
    assert {source.citation_key for source in REGISTRY.values()} - {"ours", "seed_demo"} <= keys


def test_every_reference_says_where_it_appeared_and_how_to_find_it() -> None:
    for key, entry in parse_file(str(PROJECT / "book" / "references.bib"), "bibtex").entries.items():
        where = {"journal", "booktitle", "publisher", "howpublished"} & set(entry.fields)
        assert where, key
        assert {"title", "year"} <= set(entry.fields), key
        assert entry.persons["author"], key
