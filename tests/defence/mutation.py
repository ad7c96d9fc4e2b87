"""Mutation testing: do a module's own tests notice small faults put into it?

    python -m tests.defence mutation              every module: more than an hour of one core
    python -m tests.defence.mutation metrics  what survives in one module, as entries of survivors.toml

$AUDIT_MUTANTS is the most that are tried in one module, spread evenly over its text; all by default. $AUDIT_MODULES
names the modules to try, with commas between; rows of the others stay as the record has them. Survivors that have no
reason are printed.

A mutant is killed when a test fails, or when the tests exceed a bound on processor time or memory; it survives when all
pass. Each is tried in a child process that has the libraries loaded already and imports the mutated module from memory:
no file is touched. Properties draw the same examples each time. A survivor is either equivalent (no input tells it from
the original) or unnoticed; `survivors.toml` says which and why, and a test holds that list to the record.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.util
import os
import resource
import signal
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.errors import InputError, MissingError, unknown
from audit_lib.files import PROJECT
from audit_lib.study import records
from tests.defence import mutants
from tests.defence.mutants import Mutant

# What is tried, under the name that the record has, with the tests that speak of it.
MODULES: dict[str, tuple[str, ...]] = {
    "metrics": ("evaluation/test_metrics",),
    "ranking": ("evaluation/test_ranking",),
    "splits": ("data/test_splits",),
    "sampled": ("evaluation/test_sampled", "evaluation/test_corrected"),
    "laws": ("evaluation/test_sampled",),
    "inference": ("evaluation/test_inference",),
    "resampling": ("evaluation/test_inference",),
    "evidence": ("study/test_evidence",),
}
# And the modules of the library that it is.
SOURCES: dict[str, tuple[str, ...]] = {
    "metrics": ("evaluation/metrics",),
    "ranking": ("evaluation/ranking",),
    "splits": ("data/splits", "data/leakage"),
    "sampled": ("evaluation/sampled", "evaluation/counts"),
    "laws": ("evaluation/count_laws",),
    "inference": ("evaluation/comparisons",),
    "resampling": ("evaluation/resampling",),
    "session_draws": ("evaluation/session_draws",),
    "evidence": ("study/evidence", "study/tables", "study/provenance", "files"),
}
SURVIVORS = Path(__file__).with_name("survivors.toml")
# Tests that start a process of their own, in which there is no mutant, would cost time and notice nothing. A first try
# leaves out hundreds of simulated studies too, and draws few examples; who survives it meets all tests.
FIRST, ALL = "not two_processes and not studies and not rarely", "not two_processes"
KILLED, SURVIVED, BROKEN = 1, 0, 3
SECONDS, GIGABYTES = 60, 12  # bounds on processor time and address space of one mutant


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: 'killed' by a test, 'stopped' at a bound, or 'survived'."""

    module: str
    mutant: Mutant
    result: str


def measure() -> pd.DataFrame:
    """One row a module: mutants of each fate, and survivors by what `survivors.toml` says of them.

    module, tests, possible, mutants (tried), killed, stopped, survived, equivalent, unexplained: what `records` keeps
    as `mutation`.
    """
    reasons = explained()
    chosen = [name for name in os.environ.get("AUDIT_MODULES", "").split(",") if name] or list(MODULES)
    for name in set(chosen) - set(MODULES):
        raise unknown("module", name, MODULES)
    rows = [] if set(chosen) >= set(MODULES) else _kept(set(MODULES) - set(chosen))
    for module in chosen:
        found = outcomes(module, most=int(os.environ.get("AUDIT_MUTANTS") or 0))
        left = [o for o in found if o.result == "survived"]
        kinds = [reasons.get((module, *o.mutant.key), "unexplained") for o in left]
        open_ = [o for o, kind in zip(left, kinds, strict=True) if kind == "unexplained"]
        sys.stderr.write("\n".join(lines(open_)) + "\n" if open_ else "")
        rows.append({
            "module": module,
            "tests": ", ".join(Path(name).name for name in MODULES[module]),
            "possible": len(possible(module)),
            "mutants": len(found),
            "killed": sum(o.result == "killed" for o in found),
            "stopped": sum(o.result == "stopped" for o in found),
            "survived": len(left),
            "equivalent": kinds.count("equivalent"),
            "unexplained": kinds.count("unexplained"),
        })  # fmt: skip
    return pd.DataFrame(sorted(rows, key=lambda row: list(MODULES).index(row["module"])))


def _kept(modules: set[str]) -> list[dict[str, Any]]:
    """Their rows in the record."""
    table = records.read("mutation")
    return table[table["module"].isin(modules)].to_dict("records")


def explained() -> dict[tuple[str, str, str, str, int], str]:
    """(module, function, before, after, number) of every survivor with a reason, and the kind of reason."""
    listed = tomllib.loads(SURVIVORS.read_text("utf8"))["survivor"] if SURVIVORS.is_file() else []
    return {(s["module"], s["function"], s["before"], s["after"], s.get("number", 0)): s["kind"] for s in listed}


def outcomes(module: str, *, most: int = 0) -> list[Outcome]:
    """The fate of every mutant of a module; of at most so many, spread evenly over its text, if `most` is positive.

    Raises InputError for a module without tests here or if its tests fail as it is, MissingError without the tests.
    """
    if module not in MODULES:
        raise unknown("module", module, MODULES)
    files = [PROJECT / "tests" / f"{name}.py" for name in MODULES[module]]
    if missing := [file.name for file in files if not file.is_file()]:
        raise MissingError(f"There is no tests/{missing[0]}; mutation testing needs a checkout of the project.")
    everything = possible(module)
    _load_libraries(files)
    whole = everything[0][0]
    if _fate(whole, ast.parse(whole.read_text("utf8")), files) != "survived":
        raise InputError(f"The tests of '{module}' fail as it is; mutants say nothing until they pass.")
    chosen = spread(everything, most)
    return [Outcome(module, mutant, _fate(source, mutant.tree, files)) for source, mutant in chosen]


def possible(module: str) -> list[tuple[Path, Mutant]]:
    """Every mutant of what is tried under this name, with the file that it is one of."""
    files = [PROJECT / "audit_lib" / f"{name}.py" for name in SOURCES.get(module, (module,))]
    return [(file, mutant) for file in files for mutant in mutants.of(file.read_text("utf8"))]


def spread(everything: list[Any], most: int) -> list[Any]:
    """At most so many of a list, at even distances; all of them for 0."""
    if most <= 0 or most >= len(everything):
        return everything
    return [everything[i * len(everything) // most] for i in range(most)]


def _load_libraries(files: list[Path]) -> None:
    """Imports what the tests import, then forgets all that is of the project: children import that anew."""
    _arrange()
    import pytest

    with _silence():
        pytest.main(["--collect-only", "-q", "--noconftest", "-p", "no:cacheprovider", *map(str, files)])
    for name in [name for name in sys.modules if name.split(".")[0] in ("audit_lib", "tests", "conftest")]:
        del sys.modules[name]


def _arrange() -> None:
    """The same examples each time, and no search for a smaller one once one has failed."""
    from hypothesis import Phase, settings

    phases = (Phase.explicit, Phase.generate)
    every = settings(derandomize=True, database=None, deadline=None, phases=phases)
    settings.register_profile(ALL, every)
    settings.register_profile(FIRST, every, max_examples=15)
    settings.load_profile(ALL)
    sys.dont_write_bytecode = True


def _fate(source: Path, tree: ast.Module, files: list[Path]) -> str:
    """'survived' if it survives the first try and all the tests."""
    fate = "survived"
    for chosen in (FIRST, ALL):
        fate = _fate_in(source, tree, files, chosen) if fate == "survived" else fate
    return fate


def _fate_in(source: Path, tree: ast.Module, files: list[Path], chosen: str) -> str:
    child = os.fork()
    if child == 0:
        os._exit(_try(source, tree, files, chosen))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "stopped" if os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGALRM, signal.SIGKILL) else "killed"
    return "survived" if os.WEXITSTATUS(status) == SURVIVED else "killed"


def _try(source: Path, tree: ast.Module, files: list[Path], chosen: str) -> int:
    """In the child: run the tests on the mutant; 0 if all pass."""
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES << 30, GIGABYTES << 30))
        signal.alarm(20 * SECONDS)  # one that sleeps
        sys.meta_path.insert(0, _Mutated(".".join(source.relative_to(PROJECT).with_suffix("").parts), source, tree))
        import pytest
        from hypothesis import settings

        settings.load_profile(chosen)
        with _silence():
            quiet = ["-x", "-q", "--tb=no", "--noconftest", "-p", "no:cacheprovider", "-p", "no:nbval", "-k", chosen]
            return int(pytest.main([*quiet, *map(str, files)]))
    except BaseException:
        return BROKEN


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module, and gives it the code of a tree instead of its file's."""

    def __init__(self, name: str, source: Path, tree: ast.Module) -> None:
        self.name, self.source, self.tree = name, source, _uncached(tree)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.source, loader=self)

    def exec_module(self, module: Any) -> None:
        exec(compile(self.tree, str(self.source), "exec"), module.__dict__)


def _uncached(tree: ast.Module) -> ast.Module:
    """Without numba's cache on disk, which does not tell a function from one with another constant."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            node.keywords = [k for k in node.keywords if k.arg != "cache"]
    return tree


class _silence:
    """Both streams go nowhere, those of libraries included."""

    def __enter__(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        self.kept = [os.dup(1), os.dup(2)]
        self.nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(self.nowhere, stream)

    def __exit__(self, *_: object) -> None:
        for stream, kept in zip((1, 2), self.kept, strict=True):
            os.dup2(kept, stream)
            os.close(kept)
        os.close(self.nowhere)


def lines(found: Iterable[Outcome]) -> Iterator[str]:
    """Survivors as entries of `survivors.toml`, their reasons left open."""
    for o in found:
        if o.result == "survived":
            m = o.mutant
            fields = {"module": o.module, "function": m.function, "before": m.before, "after": m.after}
            yield "[[survivor]]"
            yield from (f"{key} = {_quoted(value)}" for key, value in fields.items())
            if m.number:
                yield f"number = {m.number}"
            yield f"# line {m.line}, {m.kind}"
            yield ""


def _quoted(text: str) -> str:
    return f"'{text}'" if "'" not in text else f"'''{text}'''"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        everything = outcomes(name)
        counts = pd.Series([o.result for o in everything]).value_counts().to_dict()
        sys.stdout.write(f"# {name}: {len(everything)} mutants, {counts}\n" + "\n".join(lines(everything)) + "\n")
