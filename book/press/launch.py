"""Stages on other people's machines: what the Binder and Colab links of a page open.

Binder builds the repository as `.binder/` says and opens the notebook in it. Colab opens single files, so that the
publishing workflow keeps a branch of notebooks that fetch the project first: `python -m book.press.launch FOLDER`.
Both start with the parameters that the stages declare, which are those of the quick profile, and with the committed
evidence, so that a stage does not need the ones before it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import nbformat

from audit_lib.errors import InputError
from audit_lib.files import PROJECT, put
from book.press import notebooks, pipeline

BRANCH = "launch"  # of the notebooks for Colab
LIBRARY_ONLY = ("jupyterlab", "snakemake", "papermill", "ipykernel", "jupytext")  # a hosted notebook has its own
SETUP = '''\
# Fetches the project and what it needs, once (a few minutes). Where the project is already, it does nothing.
import importlib.util, os, pathlib, shutil, subprocess, sys

if importlib.util.find_spec("audit_lib") is None:
    subprocess.run(["git", "clone", "--depth", "1", "https://github.com/{repository}", "project"], check=True)
    os.chdir("project")
    wanted = [line for line in pathlib.Path("requirements.txt").read_text().splitlines()
              if line[:1].isalpha() and not line.startswith({skipped})]
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *wanted], check=True)
    shutil.copytree("book/evidence", "runs/evidence", dirs_exist_ok=True)
    sys.path.insert(0, os.getcwd())
'''


def links(stage: str, repository: str) -> dict[str, str]:
    """Where a stage can be run, by the name of the place. repository: 'owner/name'."""
    if repository.count("/") != 1 or not all(repository.split("/")):
        raise InputError(f"'{repository}' names no repository; write 'owner/name'.")
    return {
        "Binder": f"https://mybinder.org/v2/gh/{repository}/HEAD?urlpath=lab/tree/notebooks/{stage}.ipynb",
        "Colab": f"https://colab.research.google.com/github/{repository}/blob/{BRANCH}/{stage}.ipynb",
    }


def notebook(stage: str, repository: str, root: Path = PROJECT) -> Any:
    """A stage that fetches the project before it runs."""
    book = notebooks.read(root / "notebooks" / f"{stage}.md")
    setup = nbformat.v4.new_code_cell(SETUP.format(repository=repository, skipped=LIBRARY_ONLY), id="setup")
    book.cells.insert(1, setup)
    return book


def write(folder: Path, repository: str, root: Path = PROJECT) -> list[Path]:
    """A notebook for every stage; returns their paths."""
    files = {
        folder / f"{stage}.ipynb": (json.dumps(notebook(stage, repository, root), indent=1) + "\n").encode()
        for stage in pipeline.stages(root)
    }
    put(files)
    return list(files)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--repository", required=True, help="owner/name")
def main(folder: Path, repository: str) -> None:
    """Write the notebooks of the branch that Colab opens."""
    click.echo(f"{len(write(folder, repository))} notebooks in {folder}")


if __name__ == "__main__":
    main()
