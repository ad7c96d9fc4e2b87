"""What `make` does, tried on three small stages of our own: what is out of date, and people's habits."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest

from audit_lib.files import PROJECT
from book.press import pipeline
from book.press import site as builder
from tests.commands.odd_logs import walk
from tests.conftest import Project, copy_project
from tests.folders import contents, files

pytestmark = pytest.mark.site


# --- what is out of date
def test_touching_a_file_without_changing_it_makes_nothing_stale(standin: Project) -> None:
    (standin.root / "notebooks" / "01_data.md").touch()
    (standin.root / "book" / "index.md").touch()
    assert standin.stale() == set()


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("book/locale/es/LC_MESSAGES/book/glossary.po", {"pages"}),
        ("notebooks/02_split.md", {"stage 02_split", "pair 02_split", "pages"}),
        ("notebooks/01_data.md", {"stage 01_data", "pair 01_data", "stage 02_split", "pair 02_split", "pages"}),
        ("audit_lib/data/sessions.py",
         {f"{rule} {stage}" for rule in ("stage", "pair") for stage in ("01_data", "02_split", "06_literature")}
         | {"pages"}),
    ],
)  # fmt: skip
def test_a_change_makes_stale_what_depends_on_it(standin: Project, file: str, expected: set[str]) -> None:
    path = standin.root / file
    before = path.read_text("utf8")
    path.write_text(before + ("\nMore.\n" if path.suffix == ".md" else "\n# more\n"), "utf8")
    try:
        assert standin.stale() == expected
    finally:
        path.write_text(before, "utf8")


def test_another_log_does_not_make_a_stage_stale_that_reads_none(standin: Project) -> None:
    walk(sessions=200, items=20, length=(2, 5)).to_csv(standin.root / "my log.tsv", sep="\t", index=False)
    stale = standin.stale("dataset=my log.tsv")
    assert {"stage 01_data", "stage 02_split"} <= stale
    assert "stage 06_literature" not in stale


# --- people's habits
def test_make_says_where_to_open_the_site_and_the_page_is_there(standin: Project) -> None:
    said = standin.make("book")
    opened = re.search(r"^Open (.+)$", said, re.MULTILINE)
    assert opened
    assert Path(opened[1]).is_file()
    assert "runs ..." not in said, "the second run has nothing to run"


def test_plain_papermill_runs_a_fresh_notebook(standin: Project, tmp_path: Path) -> None:
    standin.make("notebooks")
    out = tmp_path / "out.ipynb"
    standin.python("-m", "papermill", "notebooks/02_split.ipynb", str(out), "-p", "dataset", "toy")
    assert "02_split: toy in en" in out.read_text("utf8")


def test_a_book_that_cannot_be_is_not_begun_and_everything_wrong_is_said_at_once(standin: Project) -> None:
    walk(sessions=200, items=20, length=(2, 5)).to_csv(standin.root / "log.tsv", sep="\t", index=False)
    executed = contents(standin.root / "_build" / "executed")
    said = standin.make("book", "DATASET=log.tsv", "K=21", "SEEDS=one", "RECOMMENDERS=vsknm", ok=False)
    assert "k is 21, but the catalogue has 20 items" in said
    assert "seeds='one' are no seeds" in said
    assert "vsknm" in said
    assert "Traceback" not in said
    assert contents(standin.root / "_build" / "executed") == executed


def test_a_stage_of_a_later_version_fails_with_one_line(standin: Project) -> None:
    said = standin.make("train_tiny", ok=False)
    lines = [line for line in said.splitlines() if not line.startswith("make")]
    there = "01_data, 02_split, 06_literature"
    assert lines == [f"Error: The stage 04_gru4rec is not in this version yet. It has: {there}."]


def test_the_width_of_a_terminal_is_no_setting() -> None:
    command = ["make", "--dry-run", "preprocess", "READY=", "RUN=python"]
    for width, given in ((None, []), ("80", []), ("80", ["COLUMNS=ItemId=iid"])):
        environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
        environment |= {} if width is None else {"COLUMNS": width}
        said = subprocess.check_output([*command, *given], cwd=PROJECT, env=environment, text=True)
        assert f"columns='{'ItemId=iid' if given else ''}' " in said


def test_every_setting_of_the_book_goes_to_snakemake_under_a_name_that_it_takes() -> None:
    command = ["make", "--dry-run", "book", "READY=", "RUN=python"]
    said = subprocess.check_output(command, cwd=PROJECT, text=True)
    names = re.findall(r"(\w+)=''", said)
    assert sorted(names) == sorted(pipeline.LONGER.get(name, name) for name in pipeline.SETTINGS)
    assert min(map(len, names)) > 1


def test_help_lists_every_target_in_a_line() -> None:
    makefile = (PROJECT / "Makefile").read_text("utf8")
    targets = set(re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[1].split())
    said = subprocess.check_output(["make", "help"], cwd=PROJECT, text=True)
    assert {line.split()[1] for line in said.splitlines() if line.startswith("  make ")} == targets


def test_clean_removes_no_file_that_could_be_committed(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    (project.root / "notebooks" / "mine.ipynb").write_text("{}")
    for compiled in list(project.root.rglob("__pycache__")):
        shutil.rmtree(compiled)
    before = files(project.root)
    for made in ("_build/x", "notebooks/01_data.ipynb", "book/_static/mathjax/x.js", "audit_lib/__pycache__/x.pyc"):
        (project.root / made).parent.mkdir(parents=True, exist_ok=True)
        (project.root / made).touch()
    project.make("clean")
    assert files(project.root) == before


# --- the pages, and last what changes the stages
def test_a_second_build_from_the_same_notebooks_gives_the_same_bytes(
    standin: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SOURCE_DATE_EPOCH", "AUDIT_PDF", "REPOSITORY"):
        monkeypatch.setenv(name, standin.environment()[name])
    again = builder.build(root=standin.root, work=tmp_path, executed=standin.root / "_build" / "executed")
    first, second = contents(standin.root / "_build" / "site"), contents(again)
    assert sorted(first) == sorted(second)
    assert [name for name in first if first[name] != second[name]] == []


def test_a_broken_reference_fails_the_build_and_leaves_the_site_alone(
    standin: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "LANGUAGES", ("en",))
    site, page = standin.root / "_build" / "site", standin.root / "book" / "licences.md"
    before, text = contents(site), page.read_text("utf8")
    page.write_text(text + "\nSee {ref}`nowhere-at-all`.\n", "utf8")
    try:
        with pytest.raises(builder.SiteError, match="nowhere-at-all"):
            builder.build(root=standin.root)
        assert contents(site) == before
    finally:
        page.write_text(text, "utf8")


def test_plain_jupyter_book_builds_the_english_book_after_a_run(standin: Project) -> None:
    script = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"
    standin.python("-c", script, "build", ".", "-q", "-n", "-W", "--keep-going")
    for stage in ("01_data", "02_split", "06_literature"):
        page = (standin.root / "_build" / "html" / "notebooks" / f"{stage}.html").read_text("utf8")
        assert "cell_output" in page, "the page has the outputs of the run"


def test_a_data_set_and_its_columns_reach_the_stages(standin: Project) -> None:
    log = walk(sessions=200, items=20, length=(2, 5)).set_axis(["sid", "iid", "ts"], axis=1)
    log.to_csv(standin.root / "my log.tsv", sep="\t", index=False)
    said = standin.make("preprocess", "DATASET=my log.tsv", "COLUMNS=SessionId=sid,ItemId=iid,Time=ts")
    assert "02_split is up to date" in said
    executed = standin.root / "_build/executed/en/notebooks/02_split.ipynb"
    parameters = nbformat.read(executed, as_version=4).metadata.papermill.parameters
    assert parameters == {"dataset": "my log.tsv", "columns": "SessionId=sid,ItemId=iid,Time=ts", "lang": "en"}
