"""What the page "How this report defends itself" shows, as rows of Markdown: counts from records, files and tests.

A record that has not been made yet leaves '–' in the place of its numbers. The words of a table do not depend on what
has been recorded, so that their translation is always whole.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from audit_lib.errors import MissingError, one_of
from audit_lib.files import COMMITTED, PROJECT
from audit_lib.measurements import TAIL_CASE
from audit_lib.show.words import typeset
from audit_lib.study import claims, committed, records
from tests.defence import determinism, inventory, lockfile, mutation

NONE = "–"
EARLIER = "determinism_earlier"  # on another processor
# Both engines count as equal when losses and weights differ by no more than this, relatively: a few roundings of a
# 32-bit number (whose precision is 6e-8), carried through the training.
EQUAL = 1e-5


def lines(table: str) -> list[str]:
    """The table of that name: counts, conditions, mutants or supply. Raises InputError for an unknown one."""
    head, sides, rows = TABLES[one_of("table", table, TABLES)]
    rule = "|".join({"l": "---", "r": "--:"}[side] for side in sides)
    return [f"| {' | '.join(head)} |", f"|{rule}|", *(f"| {' | '.join(row)} |" for row in rows())]


def sources() -> list[Path]:
    """The files that the tables are read from."""
    names = ("official_equality", "determinism", EARLIER, "mutation", "faults")
    tests = sorted((PROJECT / "tests").rglob("test_*.py"))
    own = [PROJECT / name for name in (lockfile.LOCK, lockfile.CPU_LOCK, lockfile.GPU_LOCK, inventory.BILL)]
    own += [COMMITTED / committed.SUMS, claims.FILE]
    own += [records.FOLDER / f"{name}.json" for name in names]
    return [*own, *tests, *(PROJECT / "tests" / "defence").glob("*.*"), Path(__file__)]


def number(value: float | None) -> str:
    """A count; thousands are set apart by a narrow space, the same in both languages."""
    return NONE if value is None else typeset(f"{value:,}")


def small(value: float) -> str:
    """A difference: 0 as it is, anything else with two digits."""
    return "0" if value == 0 else f"{value:.1e}"


def record(name: str) -> pd.DataFrame | None:
    """The record, or None if it has not been made."""
    try:
        return records.read(name)
    except MissingError:
        return None


def counts() -> list[tuple[str, str]]:
    """What and how many: (words, number) of everything that the page counts."""
    found, mutants = faults(record("faults")), record("mutation")
    bits = [table for table in map(record, ("determinism", EARLIER)) if table is not None]
    compared, exact = settings_compared(), pd.concat(bits).query("bound == 0") if bits else None
    return [
        ("Tests (functions; many run over several cases)", number(test_functions())),
        ("Files of evidence whose sha256 is checked", number(sealed_files())),
        ("Claims whose tolerance was fixed before the measurement", number(claims_with_tolerance())),
        ("Settings in which the independent engine equals the official code, of those compared",
         NONE if compared is None else f"{int(is_equal(compared).sum())} / {len(compared)}"),
        ("Bits compared under conditions that must not matter", number(total(exact, "bits"))),
        ("Values that differed among them", number(total(exact, "differing"))),
        ("Small faults put into the code", number(total(mutants, "mutants"))),
        ("Noticed by the tests", NONE if mutants is None else
         number(total(mutants, "killed") + total(mutants, "stopped"))),
        ("Not noticed, because no input tells them from the original", number(total(mutants, "equivalent"))),
        ("Faults of machine and files survived", number(found.get("faults"))),
        ("Hostile inputs refused", number(found.get("hostile"))),
        ("Cases fuzzed", number(found.get("fuzz"))),
    ]  # fmt: skip


def total(table: pd.DataFrame | None, column: str) -> int | None:
    """The sum of a column, or None without a table."""
    return None if table is None else int(table[column].sum())


def faults(table: pd.DataFrame | None) -> dict[str, int]:
    """Checks that held, by kind: faults, hostile; and under fuzz the cases tried. {} without the record."""
    if table is None:
        return {}
    held = table[table["state"] == "held"]
    sizes = held.groupby("kind").size().to_dict()
    return sizes | {"fuzz": int(held.loc[held["kind"] == "fuzz", "cases"].sum())}


def settings_compared() -> pd.DataFrame | None:
    """The rows of `official_equality` that ask for equality: all but the one that measures a difference on purpose."""
    table = record("official_equality")
    return None if table is None else table[table["case"] != TAIL_CASE]


def is_equal(compared: pd.DataFrame) -> pd.Series:
    """Which of them agree step by step."""
    return (compared["losses"] <= EQUAL) & (compared["weights"] <= EQUAL)


def test_functions() -> int:
    """How many tests there are: functions named test_… in tests/."""
    trees = (ast.parse(path.read_text("utf8")) for path in (PROJECT / "tests").rglob("test_*.py"))
    return sum(isinstance(n, ast.FunctionDef) and n.name.startswith("test_") for tree in trees for n in ast.walk(tree))


def sealed_files() -> int:
    """How many files SHA256SUMS of the committed evidence lists."""
    return len((COMMITTED / committed.SUMS).read_text("utf8").splitlines())


def claims_with_tolerance() -> int:
    """Claims of the ledger with at least one part that decides, stated before its evidence was there."""
    return sum(any(part.expect for part in claim.parts) and not claim.afterwards for claim in claims.read())


def conditions(name: str = "determinism") -> list[tuple[str, ...]]:
    """A row a condition of a record: what was changed, bits compared, values that differ, largest difference, where."""
    table, rows = record(name), []
    fixed = [change.name for change in determinism.CHANGES]
    others = [] if table is None else [name for name in dict.fromkeys(table["changed"]) if name not in fixed]
    for name in (*fixed, *others):
        part = None if table is None else table[table["changed"] == name]
        shown = name[0].upper() + name[1:] if name in fixed else f"`{name}`"
        if part is None or part.empty:
            rows.append((shown, NONE, NONE, NONE, NONE))
            continue
        worst = part.loc[part["part"].isin(["metrics", "intervals"]), "worst"].max()
        differ = ", ".join(f"`{name}`" for name in part.loc[part["differing"] > 0, "part"]) or NONE
        rows.append((shown, number(total(part, "bits")), number(total(part, "differing")), small(worst), differ))
    return rows


def processors() -> list[tuple[str, ...]]:
    """A row a processor: its name, vector instructions (older manifests do not say), runs, records."""
    runs = [path for path in COMMITTED.glob("*/*/*/*.json") if path.with_suffix(".parquet").is_file()]
    found: dict[tuple[str, str], list[int]] = {}
    for column, paths in enumerate((runs, sorted(records.FOLDER.glob("*.json")))):
        for path in paths:
            host = json.loads(path.read_text("utf8"))["host"]
            found.setdefault((host["cpu"], host.get("instructions", NONE)), [0, 0])[column] += 1
    return [
        (f"`{cpu}`", vectors if vectors == NONE else f"`{vectors}`", *map(number, counted))
        for (cpu, vectors), counted in sorted(found.items())
    ]


def mutants() -> list[tuple[str, ...]]:
    """A row a module: faults tried, noticed, stopped at a bound, not noticed, and of those without effect."""
    table = record("mutation")
    rows = []
    for module in mutation.MODULES:
        part = None if table is None else table[table["module"] == module]
        if part is None or part.empty:
            rows.append((f"`{module}`", *[NONE] * 6))
            continue
        row = part.iloc[0]
        columns = ("possible", "mutants", "killed", "stopped", "survived", "equivalent")
        rows.append((f"`{module}`", *(number(int(row[column])) for column in columns)))
    return rows


def supply() -> list[tuple[str, str]]:
    """What the book is built from, counted."""
    pins = lockfile.read()
    wanted = lockfile.direct()
    bill = json.loads((PROJECT / inventory.BILL).read_text("utf8"))["components"]
    stated = sum("licenses" in component for component in bill)
    return [
        ("Packages asked for by name", number(len(wanted))),
        ("Packages locked, with all that they need on any platform", number(len({pin.name for pin in pins}))),
        ("Hashes of their files", number(len({content for pin in pins for content in pin.hashes}))),
        ("Entries in the bill of materials that state a licence", f"{stated} / {len(bill)}"),
    ]


CONDITIONS = ("Changed", "Bits compared", "Values that differ", "Largest difference of a result", "Where")
TABLES: dict[str, tuple[tuple[str, ...], str, Callable[[], list[tuple[str, ...]]]]] = {
    "counts": (("What", "How many"), "lr", counts),
    "conditions": (CONDITIONS, "lrrrl", conditions),
    "earlier": (CONDITIONS, "lrrrl", lambda: conditions(EARLIER)),
    "processors": (("Processor", "Vector instructions", "Runs", "Records"), "llrr", processors),
    "mutants": (("Module", "Possible", "Tried", "Noticed", "Stopped", "Not noticed", "Without effect"), "lrrrrrr",
                mutants),
    "supply": (("What", "How many"), "lr", supply),
}  # fmt: skip
