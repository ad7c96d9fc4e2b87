"""The machinery of the book: running a stage, pairing it with its text, and knowing what is out of date."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from audit_lib.data.registry import REGISTRY
from audit_lib.errors import InputError, MissingError
from audit_lib.files import PROJECT
from book.press import notebooks, pipeline
from tests.conftest import STANDIN, Project

ROOT = PROJECT


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "07_trial.md"
    path.write_text(STANDIN.format(name="07_trial"), "utf8")
    return path


def outputs(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "".join(output.get("text", "") for cell in cells for output in cell.get("outputs", []))


def test_a_parameter_reaches_the_stage(text: Path, tmp_path: Path) -> None:
    pipeline.run(text, tmp_path / "out.ipynb", parameters={"dataset": "toy", "lang": "es"}, root=tmp_path)
    assert outputs(tmp_path / "out.ipynb") == "07_trial: toy in es\n"


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


def test_two_runs_of_a_stage_give_the_same_bytes(text: Path, tmp_path: Path) -> None:
    twice = [pipeline.run(text, tmp_path / f"{n}.ipynb", parameters={"lang": "es"}, root=tmp_path) for n in (1, 2)]
    assert twice[0].read_bytes() == twice[1].read_bytes()


def test_kernels_start_in_the_project_and_find_the_library(text: Path, tmp_path: Path) -> None:
    where = "import os, audit_lib\nprint(os.getcwd(), audit_lib.__version__)\n"
    text.write_text(text.read_text().replace("print(", where + "print("))
    pipeline.run(text, tmp_path / "out.ipynb", parameters={}, root=ROOT)
    assert outputs(tmp_path / "out.ipynb").startswith(f"{ROOT} ")


def test_pieces_of_a_stream_are_joined_wherever_it_was_cut() -> None:
    cut = (("stdout", "a"), ("stdout", "b"), ("stderr", "c"))
    pieces = [nbformat.v4.new_output("stream", name=name, text=text) for name, text in cut]
    assert [(o.name, o.text) for o in notebooks.join_streams(pieces)] == [("stdout", "ab"), ("stderr", "c")]


def test_the_pair_has_the_outputs_but_not_the_injected_cell(text: Path, tmp_path: Path) -> None:
    executed = pipeline.run(text, tmp_path / "out.ipynb", parameters={"dataset": "toy"}, root=tmp_path)
    paired = notebooks.pair(text, executed=executed)
    notebook = nbformat.read(paired, as_version=4)
    assert not any(notebooks.is_injected(cell) for cell in notebook.cells)
    assert outputs(paired) == "07_trial: toy in en\n"
    assert paired.stat().st_mtime == text.stat().st_mtime  # else Jupyter would call one of them outdated


def test_pairing_again_drops_the_output_of_changed_code_only(text: Path, tmp_path: Path) -> None:
    executed = pipeline.run(text, tmp_path / "out.ipynb", parameters={}, root=tmp_path)
    notebooks.pair(text, executed=executed)
    text.write_text(text.read_text().replace("That is what", "This is what"))
    assert outputs(notebooks.pair(text)) != ""
    text.write_text(text.read_text().replace("print(", "print('new', "))
    assert outputs(notebooks.pair(text)) == ""


def test_saving_the_pair_keeps_the_text_as_it_was(text: Path) -> None:
    import jupytext

    before = text.read_text()
    notebook = nbformat.read(notebooks.pair(text), as_version=4)
    assert jupytext.writes(notebook, fmt="md:myst").split("\n# ", 1)[1] == before.split("\n# ", 1)[1]


def test_parameters_are_those_that_the_tagged_cell_assigns(text: Path) -> None:
    text.write_text(text.read_text().replace('columns = ""', 'columns: str = ""\nif True:\n    hidden = 1'))
    assert notebooks.declared(notebooks.read(text)) == ["dataset", "lang", "columns"]


def test_no_line_of_parameters_confuses_papermill() -> None:
    """It warns of every line that assigns and holds a second equals sign, be it in a comment."""
    for stage in pipeline.stages():
        cells = notebooks.read(ROOT / "notebooks" / f"{stage}.md").cells
        source = next(cell.source for cell in cells if "parameters" in notebooks.tags(cell))
        assert [line for line in source.split("\n") if not line.startswith("#") and line.count("=") > 1] == [], stage


def test_the_cell_of_parameters_shows_those_of_the_run(text: Path, tmp_path: Path) -> None:
    executed = pipeline.run(text, tmp_path / "out.ipynb", parameters={"dataset": 'my "log".tsv'}, root=tmp_path)
    cells = nbformat.read(executed, as_version=4).cells
    cell = next(cell for cell in cells if "parameters" in notebooks.tags(cell))
    assert 'dataset = "my \\"log\\".tsv"' in cell.source
    assert 'lang = "en"' in cell.source
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


def test_what_a_user_can_mend_comes_without_a_traceback(text: Path, tmp_path: Path) -> None:
    broken = "from audit_lib.errors import InputError\nraise InputError('Too few.')\nprint("
    text.write_text(text.read_text().replace("print(", broken))
    with pytest.raises(pipeline.StageError, match="07_trial failed: cell 2: Too few\\.") as caught:
        pipeline.run(text, tmp_path / "out.ipynb", parameters={}, root=ROOT)
    assert "Traceback" not in str(caught.value)


def test_missing_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"nowhere\.md"):
        notebooks.read(tmp_path / "nowhere.md")


def test_a_stage_follows_only_stages_that_are_there() -> None:
    assert pipeline.upstream("05_evaluation", ["03_baselines", "05_evaluation"]) == ["03_baselines"]
    assert pipeline.upstream("99_new", ["01_data", "99_new"]) == ["01_data"]


def test_every_stage_of_the_book_declares_a_language() -> None:
    for stage in pipeline.stages():
        assert "lang" in notebooks.declared(notebooks.read(ROOT / "notebooks" / f"{stage}.md")), stage


@pytest.mark.site
def test_plain_jupyter_book_builds_the_english_book_after_a_run(book: Project) -> None:
    script = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"
    book.python("-c", script, "build", ".", "-q", "-n", "-W", "--keep-going")
    for stage in pipeline.stages():
        page = (book.root / "_build" / "html" / "notebooks" / f"{stage}.html").read_text("utf8")
        assert "cell_output" in page, "the page has the outputs of the run"


# --- the stages of the book
@pytest.mark.site
@pytest.mark.skipif(not pipeline.stages(), reason="no stage notebooks in this version")
def test_stages_give_the_outputs_that_the_book_shows(book: Project) -> None:
    """nbval runs every executed notebook again, with the parameters it was run with, and compares the outputs."""
    folder = book.root / "_build" / "executed" / "en" / "notebooks"
    book.python("-m", "pytest", "--nbval", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder))


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
    sources = [path.read_text("utf8") for path in (ROOT / "audit_lib").rglob("*.py")]
    code = {line.split("DEVIATION:")[1].strip() for line in "\n".join(sources).splitlines() if "# DEVIATION:" in line}
    page = BeautifulSoup((book.root / "_build/site/en/book/methods.html").read_text("utf8"), "html.parser")
    listed = {item.get_text().split(": ", 1)[1].strip() for item in page.select("#deviations li")}
    assert {plain(text) for text in listed} == {plain(text) for text in code}


def test_every_data_set_is_in_the_bibliography() -> None:
    keys = set(re.findall(r"^@\w+\{(\w+),", (ROOT / "book" / "references.bib").read_text("utf8"), re.MULTILINE))
    assert {source.citation_key for source in REGISTRY.values()} - {"ours", "seed_demo"} <= keys


def test_every_reference_says_where_it_appeared_and_how_to_find_it() -> None:
    from pybtex.database import parse_file

    for key, entry in parse_file(str(ROOT / "book" / "references.bib"), "bibtex").entries.items():
        where = {"journal", "booktitle", "publisher", "howpublished"} & set(entry.fields)
        assert where, key
        assert {"title", "year"} <= set(entry.fields), key
        assert entry.persons["author"], key
