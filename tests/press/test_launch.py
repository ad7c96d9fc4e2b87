"""Links that run a stage elsewhere, and the notebooks that they open."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

from audit_lib.errors import InputError
from audit_lib.files import PROJECT
from book.press import launch, notebooks, pipeline


def test_links_name_the_repository_and_the_notebook() -> None:
    found = launch.links("03_baselines", "owner/name")
    assert found["Binder"].startswith("https://mybinder.org/v2/gh/owner/name/HEAD?urlpath=")
    assert found["Binder"].endswith("/notebooks/03_baselines.ipynb")
    assert found["Colab"].endswith("/github/owner/name/blob/launch/03_baselines.ipynb")


@pytest.mark.parametrize("name", ["", "name", "/name", "owner/name/more"])
def test_what_is_no_repository_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="owner/name"):
        launch.links("03_baselines", name)


def test_every_stage_becomes_a_notebook_that_fetches_the_project_first(tmp_path: Path) -> None:
    files = launch.write(tmp_path, "owner/name")
    assert [path.stem for path in files] == pipeline.stages()
    for path in files:
        book = nbformat.read(path, as_version=4)
        nbformat.validate(book)
        assert "owner/name" in book.cells[1].source
        assert not any(cell.get("outputs") for cell in book.cells)


def test_launched_training_is_of_the_quick_profile() -> None:
    book = launch.notebook("04_gru4rec", "owner/name")
    parameters = next(cell.source for cell in book.cells if "parameters" in notebooks.tags(cell))
    assigned = {node.targets[0].id: node.value.value for node in ast.parse(parameters).body}
    assert assigned["profile"] == "quick"


def test_the_first_cell_does_nothing_where_the_project_is(tmp_path: Path) -> None:
    source = launch.notebook("01_data", "owner/name").cells[1].source
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "PATH": ""}  # without git it would fail
    subprocess.run([sys.executable, "-c", source], cwd=tmp_path, env=environment, check=True)
    assert list(tmp_path.iterdir()) == []


def test_the_first_cell_fetches_installs_and_takes_the_evidence(tmp_path: Path) -> None:
    """With a git and a pip that only write down what they were asked."""
    fake = tmp_path / "bin"
    fake.mkdir()
    project = tmp_path / "work" / "project"
    (fake / "git").write_text(
        f"#!/bin/sh\necho git $@ >> {tmp_path}/calls\nmkdir -p {project}/book/evidence {project}/runs\n"
        f"mkdir {project}/requirements\nprintf '# c\\nmyst-nb==1\\nsnakemake==2\\n' > {project}/requirements/book.txt\n"
        f"touch {project}/book/evidence/x\n"
    )
    (fake / "git").chmod(0o755)
    source = launch.notebook("01_data", "owner/name").cells[1].source
    listens = f"import subprocess as s\nr = s.run\ns.run = lambda c, **k: open({str(tmp_path / 'calls')!r}, 'a').write("
    listens += "' '.join(c[1:]) + '\\n') if 'pip' in c else r(c, **k)\n"
    (tmp_path / "work").mkdir(exist_ok=True)
    environment = {"PATH": f"{fake}:/usr/bin:/bin"}
    command = [sys.executable, "-I", "-S", "-c", listens + source]
    subprocess.run(command, cwd=tmp_path / "work", env=environment, check=True)
    calls = (tmp_path / "calls").read_text()
    assert "clone --depth 1 https://github.com/owner/name project" in calls
    assert f"pip install --quiet --extra-index-url {launch.WHEELS} -r requirements/library.txt myst-nb==1\n" in calls
    assert (project / "runs/evidence/x").is_file()


# --- Binder
def test_binder_installs_what_the_project_pins_and_prepares_the_notebooks() -> None:
    folder = PROJECT / ".binder"
    wanted = ["--extra-index-url", launch.WHEELS, "-r", "../requirements.txt"]
    assert (folder / "requirements.txt").read_text().split() == wanted
    version = (folder / "runtime.txt").read_text().strip().removeprefix("python-")
    wanted = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert tuple(map(int, version.split("."))) >= tuple(map(int, wanted.removeprefix(">=").split(".")))
    build = folder / "postBuild"
    assert os.access(build, os.X_OK)
    subprocess.run(["bash", "-n", str(build)], check=True)
    assert "book.press.pipeline notebooks" in build.read_text()


# --- the workflow
def test_the_workflow_publishes_both_languages_with_their_pdfs_and_the_launch_branch() -> None:
    workflow = yaml.safe_load((PROJECT / ".github/workflows/publish.yml").read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    commands = "\n".join(step.get("run", "") for step in steps)
    for lang in ("en", "es"):
        assert f"_build/site/{lang}/gru4rec-audit.pdf" in commands
    assert "book.press.launch" in commands
    assert any(step.get("env", {}).get("REPOSITORY") == "${{ github.repository }}" for step in steps)
    assert workflow["permissions"]["contents"] == "read", "one job alone may write"
    writing = [name for name, job in workflow["jobs"].items() if job["permissions"].get("contents") == "write"]
    assert writing == ["launch"]


def test_the_branch_of_the_workflow_is_the_one_that_links_name() -> None:
    assert f"HEAD:{launch.BRANCH}" in (PROJECT / ".github/workflows/publish.yml").read_text()
