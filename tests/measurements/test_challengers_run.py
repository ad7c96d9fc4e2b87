"""Trials of code of others, on a repository made here: what ends well, what fails, and what cannot be tried."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pandas as pd
import pytest

from audit_lib.errors import MissingError
from audit_lib.measurements import challengers_run as trials
from audit_lib.study import challengers
from audit_lib.study.challengers import Environment, Start

CODE = {
    "main.py": (
        "import pickle, sys, words\n"
        "prefixes, targets = pickle.load(open('data/train.txt', 'rb'))\n"
        "print('Recall@20: %.4f' % (len(prefixes) == len(targets)))\n"
    ),
    "broken.py": "import words\nraise ValueError('first\\nsecond /a/folder/of/mine/file.py')\n",
    "nothing.py": "print('Recall@20: nan')\n",
}


@pytest.fixture
def code(tmp_path, monkeypatch) -> challengers.Code:
    """The code of SR-GNN, which is a repository of ours here, at its one commit."""
    root = tmp_path / "repository"
    root.mkdir()
    for name, text in CODE.items():
        (root / name).write_text(text)
    git = ["git", "-C", str(root), "-c", "user.name=x", "-c", "user.email=x"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *arguments], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    monkeypatch.setenv("AUDIT_VENDOR_URL_SRGNN", str(root))
    return challengers.read().of("srgnn").model_copy(update={"commit": commit})


@pytest.fixture
def packages(tmp_path):
    """A folder of packages with a module of one line."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "words.py").write_text("")
    return tmp_path / "packages"


def start(*commands: list[str], form: str = "prefixes") -> Start:
    return Start(model="srgnn", form=form, folder=".", data="data", commands=commands)


def test_a_code_that_ends_well_trains_and_what_it_prints_is_kept(code, packages, tmp_path):
    found = trials.started(sys.executable, packages, code, start(["main.py"]), tmp_path / "x")
    assert found == ("trains", "", "Recall@20: 1.0000")


def test_the_error_of_a_code_that_fails_is_word_for_word_but_for_folders(code, packages, tmp_path):
    found = trials.started(sys.executable, packages, code, start(["main.py"], ["broken.py"]), tmp_path / "x")
    assert found == ("fails", "ValueError: first second file.py", "Recall@20: 1.0000")


def test_a_value_that_is_no_number_is_told_from_one_that_is(code, packages, tmp_path):
    assert trials.started(sys.executable, packages, code, start(["nothing.py"]), tmp_path / "x")[0] == "nan"


def test_packages_of_the_interpreter_are_not_seen(code, packages, tmp_path):
    found = trials.started(sys.executable, packages, code, start(["-c", "import numpy"]), tmp_path / "x")
    assert found[:2] == ("fails", "ModuleNotFoundError: No module named 'numpy'")


def test_a_code_that_cannot_be_had_is_named(code, tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIT_VENDOR_URL_SRGNN", str(tmp_path / "nowhere"))
    with pytest.raises(MissingError, match=r"Cannot clone .*nowhere .*AUDIT_VENDOR_URL_SRGNN .*record challengers_run"):
        trials.started(sys.executable, tmp_path, code, start(["main.py"]), tmp_path / "x")


def environment(**changed: object) -> Environment:
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    given = {"id": "e", "when": "today", "python": python, "packages": ("a-1",), "models": ("srgnn",), **changed}
    return Environment(**given)


def test_a_python_that_is_missing_and_packages_that_cannot_be_installed_are_said(tmp_path, monkeypatch):
    whole = challengers.read()
    monkeypatch.delenv("AUDIT_PYTHONS", raising=False)
    (row,) = trials.tried(whole, environment(python="2.0"), tmp_path, tmp_path)
    assert (row["outcome"], row["python"], row["model"]) == ("no python", "2.0", "srgnn")
    monkeypatch.setattr(trials, "installed", lambda *_: ("not installed", "ERROR: no matching distribution"))
    (row,) = trials.tried(whole, environment(), tmp_path, tmp_path)
    assert (row["outcome"], row["error"]) == ("not installed", "ERROR: no matching distribution")
    assert row["python"].startswith(environment().python)


def test_what_is_installed_already_is_kept(tmp_path):
    (tmp_path / "e.ok").touch()
    assert trials.installed("no-such-python", environment(), tmp_path) is None


def test_sessions_are_written_as_prefixes_of_both_parts_or_as_clicks(tmp_path):
    trials.write_sessions("prefixes", tmp_path)
    parts = {name: pickle.loads((tmp_path / f"{name}.txt").read_bytes()) for name in ("train", "test")}
    sessions = pickle.loads((tmp_path / "all_train_seq.txt").read_bytes())
    assert len(sessions) == trials.TRAIN
    prefixes, targets = parts["train"]
    first = sessions[0]
    assert [[*p, t] for p, t in zip(prefixes[: len(first) - 1], targets, strict=False)] == [
        first[:end] for end in range(len(first), 1, -1)
    ]  # the longest first
    assert set(parts["test"][1]) <= {item for session in sessions for item in session}
    assert min(targets) >= 1
    trials.write_sessions("clicks", tmp_path)
    clicks = pd.read_csv(tmp_path / "test.tsv", sep="\t")
    assert list(clicks) == ["sessionId", "itemId", "Time"]
    assert clicks.groupby("sessionId").size().min() >= 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Traceback\n  File x\nKeyError: 'a'\n", "KeyError: 'a'"),
        ("ValueError: a\n\nDuring it\n\npkg.mod.SomeError: b\n", "pkg.mod.SomeError: b"),
        ("AssertionError: \nNo driver. See http://a.b/c/d.aspx\n", "AssertionError: No driver. See http://a.b/c/d.aspx"),
        ("Exception: in .cache/x-1/mod.cpp:3 and /tmp/y/z.py\n", "Exception: in mod.cpp:3 and z.py"),
        ("Killed\n", "Killed"), ("", ""),
    ],
)  # fmt: skip
def test_the_last_error_is_told_without_folders(text, said):
    assert trials.last_error(text) == said


def test_a_long_error_is_cut_between_words():
    said = trials.last_error("TypeError: " + "word " * 100)
    assert said.endswith("word …")
    assert len(said) <= trials.LONGEST + 2
