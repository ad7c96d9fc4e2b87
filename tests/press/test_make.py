"""What `make` does, tried on three small stages of our own: what is out of date, and people's habits."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import nbformat
import pytest

from audit_lib.files import PROJECT
from book.press import pipeline
from book.press import site as builder
from tests.commands.odd_logs import walk
from tests.conftest import Project, copy_project

ROOT = PROJECT
pytestmark = pytest.mark.site


# --- what is out of date
def test_nothing_is_stale_after_a_run(standin: Project) -> None:
    assert standin.stale() == []


def test_touching_a_file_without_changing_it_makes_nothing_stale(standin: Project) -> None:
    (standin.root / "notebooks" / "01_data.md").touch()
    (standin.root / "book" / "index.md").touch()
    assert standin.stale() == []


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("book/glossary.md", {"pages"}),
        ("book/locale/es/LC_MESSAGES/book/glossary.po", {"pages"}),
        ("notebooks/03_baselines.md", {"stage 03_baselines en", "stage 03_baselines es", "pair 03_baselines", "pages"}),
        ("notebooks/02_split.md", {f"stage {s} {lang}" for s in ("02_split", "03_baselines") for lang in ("en", "es")}
                                   | {"pair 02_split", "pair 03_baselines", "pages"}),
    ],
)  # fmt: skip
def test_a_change_makes_stale_what_depends_on_it(standin: Project, file: str, expected: set[str]) -> None:
    path = standin.root / file
    before = path.read_text("utf8")
    path.write_text(before + "\nMore.\n" if path.suffix == ".md" else before + "\n# more\n", "utf8")
    try:
        assert set(standin.stale()) == expected
    finally:
        path.write_text(before, "utf8")
    assert standin.stale() == []


def test_a_change_of_the_library_makes_the_stages_stale(standin: Project) -> None:
    path = standin.root / "audit_lib" / "data" / "sessions.py"
    before = path.read_text("utf8")
    path.write_text(before + "\n# more\n", "utf8")
    assert {f"stage {name} en" for name in ("01_data", "02_split", "03_baselines")} <= set(standin.stale())
    path.write_text(before, "utf8")


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
    standin.python("-m", "papermill", "notebooks/03_baselines.ipynb", str(out), "-p", "dataset", "toy")
    assert "03_baselines: toy in en" in out.read_text("utf8")


def test_a_data_set_and_its_columns_reach_the_stages(tmp_path: Path) -> None:
    project = copy_project(tmp_path / """o'neil "x" y""", stages=("01_data", "02_split"))
    log = walk(sessions=200, items=20, length=(2, 5)).set_axis(["sid", "iid", "ts"], axis=1)
    log.to_csv(project.root / "my log.tsv", sep="\t", index=False)
    said = project.make("preprocess", "DATASET=my log.tsv", "COLUMNS=SessionId=sid,ItemId=iid,Time=ts")
    assert "02_split is up to date" in said
    executed = project.root / "_build/executed/en/notebooks/02_split.ipynb"
    parameters = nbformat.read(executed, as_version=4).metadata.papermill.parameters
    assert parameters == {"dataset": "my log.tsv", "columns": "SessionId=sid,ItemId=iid,Time=ts", "lang": "en"}


def test_a_book_that_cannot_be_is_not_begun_and_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project", stages=("01_data",))
    walk(sessions=200, items=20, length=(2, 5)).to_csv(project.root / "log.tsv", sep="\t", index=False)
    said = project.make("book", "DATASET=log.tsv", "K=21", "SEEDS=one", "RECOMMENDERS=vsknm", ok=False)
    assert "k is 21, but the catalogue has 20 items" in said
    assert "seeds='one' are no seeds" in said
    assert "vsknm" in said
    assert "Traceback" not in said
    assert not (project.root / "_build" / "executed").exists()


def test_another_log_does_not_make_a_stage_stale_that_reads_none(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project", stages=("01_data", "06_literature"))
    text = project.root / "notebooks" / "06_literature.md"
    text.write_text(re.sub(r'^(dataset|columns) = .*\n', "", text.read_text("utf8"), flags=re.MULTILINE)
                    .replace("{dataset}", ""), "utf8")  # fmt: skip
    walk(sessions=200, items=20, length=(2, 5)).to_csv(project.root / "log.tsv", sep="\t", index=False)
    first = [f"_build/executed/en/notebooks/{stage}.ipynb" for stage in ("01_data", "06_literature")]
    run = ["-m", "book.press.pipeline", "snakemake", "--", *first, "--cores", "1", "--quiet", "all", "--rerun-triggers"]
    triggers = ["mtime", "params", "input", "--config"]
    assert "06_literature (en) runs" in project.python(*run, *triggers, "dataset=")
    said = project.python(*run, *triggers, "dataset=log.tsv")
    assert "01_data (en) runs" in said
    assert "06_literature (en) runs" not in said


def test_a_stage_of_a_later_version_fails_with_one_line(standin: Project) -> None:
    said = standin.make("train_tiny", ok=False)
    lines = [line for line in said.splitlines() if not line.startswith("make")]
    assert lines == ["Error: The stage 04_gru4rec is not in this version yet. It has: 01_data, 02_split, 03_baselines."]


def test_the_width_of_a_terminal_is_no_setting() -> None:
    command = ["make", "--dry-run", "preprocess", "READY=", "RUN=python"]
    for width, given in ((None, []), ("80", []), ("80", ["COLUMNS=ItemId=iid"])):
        environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
        environment |= {} if width is None else {"COLUMNS": width}
        said = subprocess.run([*command, *given], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        assert f"columns='{'ItemId=iid' if given else ''}' " in said.stdout


def test_every_setting_of_the_book_goes_to_snakemake_under_a_name_that_it_takes() -> None:
    command = ["make", "--dry-run", "book", "READY=", "RUN=python"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = re.findall(r"(\w+)=''", said)
    assert sorted(names) == sorted(pipeline.LONGER.get(name, name) for name in pipeline.SETTINGS)
    assert min(map(len, names)) > 1


def test_help_lists_every_target_in_a_line() -> None:
    makefile = (ROOT / "Makefile").read_text("utf8")
    targets = set(re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[1].split())
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in said.splitlines() if line.startswith("  make ")} == targets


def test_clean_removes_no_file_that_could_be_committed(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    (project.root / "notebooks" / "mine.ipynb").write_text("{}")
    before = {path for path in project.root.rglob("*") if path.is_file()}
    for made in ("_build/x", "notebooks/01_data.ipynb", "book/_static/mathjax/x.js", "audit_lib/__pycache__/x.pyc"):
        (project.root / made).parent.mkdir(parents=True, exist_ok=True)
        (project.root / made).touch()
    project.make("clean")
    assert {path for path in project.root.rglob("*") if path.is_file()} == before


def test_a_broken_reference_fails_the_build_and_leaves_the_site_alone(standin: Project) -> None:
    site, page = standin.root / "_build" / "site", standin.root / "book" / "licences.md"
    before, text = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}, page.read_text("utf8")
    page.write_text(text + "\nSee {ref}`nowhere-at-all`.\n", "utf8")
    try:
        with pytest.raises(builder.SiteError, match="nowhere-at-all"):
            builder.build(root=standin.root)
        assert {path: path.read_bytes() for path in site.rglob("*") if path.is_file()} == before
    finally:
        page.write_text(text, "utf8")
