"""Mutants: what is changed and what is left alone, that fates are what they say, and that survivors are explained."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from audit_lib.errors import InputError
from audit_lib.files import PROJECT
from audit_lib.study import records
from tests.defence import mutants, mutation

SOURCE = '''"""Text that states nothing."""
from typing import TYPE_CHECKING
LIMIT = 3

def share(part: int, whole: int = 2) -> float:
    """part / whole."""
    if whole <= 0:
        raise ValueError(f"whole is {whole + 1}, " + "not positive")
    return part / whole
'''


def changes(source: str) -> set[tuple[str, str, str]]:
    return {(m.kind, m.before, m.after) for m in mutants.of(source)}


def test_the_mutants_of_a_small_module_are_these_and_no_others():
    head = "def share(part: int, whole: int={}) -> float:"
    assert changes(SOURCE) == {
        ("number", "LIMIT = 3", "LIMIT = 4"),
        ("number", head.format(2), head.format(3)),
        ("guard", "if whole <= 0:", "if False:"),
        ("comparison", "if whole <= 0:", "if whole < 0:"),
        ("number", "if whole <= 0:", "if whole <= 1:"),
        ("arithmetic", "return part / whole", "return part * whole"),
    }


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x = not a", {"x = a"}),
        ("x = -a", {"x = a"}),
        ("x = a and b", {"x = a or b"}),
        ("x = True", {"x = False"}),
        ("x = 'word'", {"x = '~word'"}),
        ("x = f(a, key=b)", {"x = f(a)"}),
        ("x = np.minimum(a, b)", {"x = np.maximum(a, b)"}),
        ("x += y", {"x -= y"}),
        ("f(x)", {"None"}),
        ("x = a[:-1]", {"x = a[:1]", "x = a[:-2]"}),
        ("x = a is None", {"x = a is not None"}),
        ("x: 'type' = y", set()),
        ("x = f'{a + 1}'", set()),
        ("import a.b", set()),
    ],
)
def test_a_line_has_these_mutants(line, expected):
    assert {after for _, _, after in changes(line)} == expected


def test_a_mutant_differs_from_its_module_and_from_the_others():
    source = (PROJECT / "audit_lib" / "evaluation" / "metrics.py").read_text("utf8")
    found = list(mutants.of(source))
    texts = {ast.unparse(m.tree) for m in found}
    assert len(texts) == len(found) > 50
    assert ast.unparse(ast.parse(source)) not in texts
    assert len({m.key for m in found}) == len(found)
    assert all(compile(m.tree, "mutant", "exec") for m in found)


def test_a_few_are_spread_over_the_whole():
    assert mutation.spread(list(range(10)), 5) == [0, 2, 4, 6, 8]
    assert mutation.spread(list(range(3)), 5) == mutation.spread(list(range(3)), 0) == [0, 1, 2]


TRIED = """
def first(values):
    return values[0]

def count(n):
    while n > 0:
        n -= 1
    return 0.0 * n
"""
TESTS = """
from audit_lib import tried

def test_first():
    assert tried.first([5, 6]) == 5

def test_count():
    assert tried.count(3) == 0
"""
TRIAL = """
import json
from pathlib import Path
from tests.defence import mutation
mutation.PROJECT, mutation.MODULES, mutation.SECONDS = Path("{root}"), {{"tried": ("test_tried",)}}, 2
print(json.dumps([[o.result, o.mutant.after] for o in mutation.outcomes("tried")]))
"""


def tried(root: Path, tests: str) -> subprocess.CompletedProcess[str]:
    """The fates of the mutants of a module of our own under tests of our own, from a process of its own."""
    for name, text in (("audit_lib/tried.py", TRIED), ("tests/test_tried.py", tests)):
        (root / name).parent.mkdir()
        (root / name).write_text(text)
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    script = [sys.executable, "-c", TRIAL.format(root=root)]
    return subprocess.run(script, cwd=root, env=environment, capture_output=True, text=True, check=False)


def test_a_mutant_is_killed_by_a_test_stopped_at_a_bound_or_survives(tmp_path):
    done = tried(tmp_path, TESTS)
    fates = {after: result for result, after in json.loads(done.stdout)}
    assert fates == {
        "return values[1]": "killed",
        "n += 1": "stopped",  # for ever
        "return 0.0 / n": "killed",
        "while n >= 0:": "survived",  # ends at -1, and 0 times that is 0 too
        "while n > 1:": "survived",
        "n -= 2": "survived",
        "return 1.0 * n": "survived",
    }


def test_tests_that_fail_without_a_mutant_say_nothing(tmp_path):
    done = tried(tmp_path, TESTS.replace("== 5", "== 6"))
    assert done.returncode != 0
    assert "fail as it is" in done.stderr


def test_every_survivor_of_the_record_has_its_reason():
    try:
        table = records.read("mutation")
    except records.MissingError:
        pytest.skip("mutation is not recorded in this version")
    assert list(table["module"]) == list(mutation.MODULES)
    assert (table["mutants"] == table["killed"] + table["stopped"] + table["survived"]).all()
    assert (table["survived"] == table["equivalent"] + table["unexplained"]).all()
    assert (table["mutants"] <= table["possible"]).all()


def test_explained_survivors_are_mutants_of_the_code_as_it_is():
    keys = mutation.explained()
    assert set(keys.values()) <= {"equivalent"}
    for module in {key[0] for key in keys}:
        possible = {(module, *mutant.key) for _, mutant in mutation.possible(module)}
        assert {key for key in keys if key[0] == module} <= possible, "explain it anew, or leave it out"


def test_an_unknown_module_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'metrics'"):
        mutation.outcomes("metric")


def test_survivors_are_printed_as_the_list_of_reasons_wants_them():
    (mutant,) = (m for m in mutants.of("x = a['b'] + c") if m.kind == "arithmetic")
    text = "\n".join(mutation.lines([mutation.Outcome("metrics", mutant, "survived")]))
    (entry,) = tomllib.loads(text)["survivor"]
    assert entry == {"module": "metrics", "function": "", "before": "x = a['b'] + c", "after": "x = a['b'] - c"}
    assert list(mutation.lines([mutation.Outcome("metrics", mutant, "killed")])) == []


def test_rows_of_modules_that_are_not_tried_stay_as_they_are(tmp_path, monkeypatch, capsys):
    (mutant,) = (m for m in mutants.of("x = a['b'] + c") if m.kind == "arithmetic")
    found = [mutation.Outcome("laws", mutant, fate) for fate in ("killed", "survived", "stopped")]
    monkeypatch.setattr(records, "FOLDER", tmp_path)
    monkeypatch.setattr(mutation, "outcomes", lambda module, most: found)
    monkeypatch.setenv("AUDIT_MUTANTS", "3")
    records.write("mutation", mutation.measure())
    before = records.read("mutation").set_index("module")
    assert list(before.index) == list(mutation.MODULES)
    assert before.loc["laws", ["mutants", "killed", "stopped", "survived", "unexplained"]].tolist() == [3, 1, 1, 1, 1]
    assert capsys.readouterr().err.count("[[survivor]]") == len(mutation.MODULES)
    monkeypatch.setattr(mutation, "outcomes", lambda module, most: found[:1])
    monkeypatch.setenv("AUDIT_MODULES", "laws,evidence")
    after = mutation.measure().set_index("module")
    assert list(after.index) == list(mutation.MODULES)
    changed = [name for name in after.index if not after.loc[name].equals(before.loc[name])]
    assert changed == ["laws", "evidence"]
    assert after.loc["laws", "mutants"] == 1
    monkeypatch.setenv("AUDIT_MODULES", "law")
    with pytest.raises(InputError, match="Did you mean 'laws'"):
        mutation.measure()
