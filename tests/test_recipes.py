"""The recipes of CONTRIBUTING.md, followed step by step in a copy of the project, as a newcomer would."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from audit_lib.files import ONE_THREAD, PROJECT
from tests.conftest import copy_project

TEXT = (PROJECT / "CONTRIBUTING.md").read_text("utf8").split("## Recipes\n")[1].split("\n## ")[0]
RECIPES = dict(re.findall(r"^### (.+?)\n(.+?)(?=^### |\Z)", TEXT, re.MULTILINE | re.DOTALL))
STEP = re.compile(r"([^\n]*)\n\n```(\w+)\n(.*?)```", re.DOTALL)
WRITE = re.compile(r"[Ww]rite `([^`]+)`:$")
AFTER = re.compile(r"In `([^`]+)`, after `([^`]+)`:$")
AT_END = re.compile(r"t the end of `([^`]+)`:$")
SAID = {"Add a recommender": r"\d+ passed", "Add a data set": "markov", "Add a claim": r"E1\b"}  # by the last command


def follow(root: Path, recipe: str) -> str:
    """Does what the recipe says, and returns what its commands print."""
    printed = ""
    for sentence, kind, block in STEP.findall(recipe):
        if kind == "bash":
            for line in block.strip().splitlines():
                printed += run(root, line)
        elif found := WRITE.search(sentence):
            path = root / found[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block, "utf8")
        elif found := AFTER.search(sentence):
            path = root / found[1]
            before, line, after = path.read_text("utf8").partition(f"{found[2]}\n")
            assert line, f"{found[1]} has no line {found[2]!r}"
            path.write_text(before + line + block + after, "utf8")
        elif found := AT_END.search(sentence):
            with (root / found[1]).open("a", encoding="utf8") as file:
                file.write(block)
        else:
            pytest.fail(f"What is to be done with this? {sentence}")
    return printed


def run(root: Path, line: str) -> str:
    words = shlex.split(line)
    given = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
    command = [sys.executable if word == "python" else word for word in words if not re.match(r"[A-Z_]+=", word)]
    environment = os.environ | ONE_THREAD | {"PYTHONPATH": str(root)} | given
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", SAID)
def test_a_recipe_works_as_it_is_written(name: str, tmp_path: Path) -> None:
    printed = follow(copy_project(tmp_path / "project").root, RECIPES[name])
    assert re.search(SAID[name], printed), printed


def test_every_recipe_is_tried() -> None:
    assert list(RECIPES) == list(SAID)
