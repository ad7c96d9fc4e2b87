"""The tables of "How this report defends itself": they say what the records say, and a dash where there is none."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

from audit_lib.errors import InputError
from audit_lib.files import PROJECT
from audit_lib.measurements import engine_equality
from audit_lib.study import records
from book.press.facts import defence_page
from tests.defence import determinism, mutation

EQUALITY = pd.DataFrame({
    "case": ["a", "b", "c", engine_equality.TAIL_CASE],  # the last is a difference made on purpose
    "losses": [1e-7, 0.2, float("nan"), 0.1], "weights": [2e-6, 0.0, 0.1, 0.1],
})  # fmt: skip
FAULTS = pd.DataFrame(
    [("faults", 1, "held"), ("faults", 1, "skipped"), ("hostile", 3, "held"), ("fuzz", 1000, "held"),
     ("fuzz", 500, "held")],
    columns=["kind", "cases", "state"],
)  # fmt: skip
MUTATION = pd.DataFrame({
    "module": ["metrics", "ranking"], "tests": ["x", "y"], "possible": [1082, 75], "mutants": [1082, 10],
    "killed": [1070, 8], "stopped": [2, 0], "survived": [10, 2], "equivalent": [9, 1], "unexplained": [1, 1],
})  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "FOLDER", tmp_path)
    return tmp_path


def rows(table: str) -> dict[str, list[str]]:
    """The rows of a table by their first cell, its head and rule left out."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in defence_page.lines(table)[2:]]
    return {first: rest for first, *rest in cells}


def test_without_records_a_table_has_the_same_words_and_dashes_for_numbers(folder):
    words = set(defence_page.TABLES) - {"processors"}  # a name is not translated
    before = {table: set(rows(table)) for table in words}
    assert rows("counts")["Small faults put into the code"] == rows("counts")["Cases fuzzed"] == ["–"]
    assert all(set(cells) == {"–"} for table in ("conditions", "mutants") for cells in rows(table).values())
    assert len(rows("conditions")) == len(determinism.CHANGES)
    assert list(rows("mutants")) == [f"`{module}`" for module in mutation.MODULES]
    for name, table in (("official_equality", EQUALITY), ("faults", FAULTS), ("mutation", MUTATION)):
        records.write(name, table)
    assert {table: set(rows(table)) for table in words} == before


def test_counts_are_those_of_the_records(folder):
    for name, table in (("official_equality", EQUALITY), ("faults", FAULTS), ("mutation", MUTATION)):
        records.write(name, table)
    found = {words: cells[0] for words, cells in rows("counts").items()}
    assert found["Settings in which the independent engine equals the official code, of those compared"] == "1 / 3"
    assert found["Small faults put into the code"] == "1\u202f092"
    assert found["Noticed by the tests"] == "1\u202f080"
    assert found["Not noticed, because no input tells them from the original"] == "10"
    assert (found["Faults of machine and files survived"], found["Hostile inputs refused"]) == ("1", "1")
    assert found["Cases fuzzed"] == "1\u202f500"
    assert rows("mutants")["`ranking`"] == ["75", "10", "8", "0", "2", "1"]


def test_conditions_show_bits_differences_and_where(folder):
    table = pd.DataFrame(
        [("hash seed", "metrics", 768, 0, 0.0, 0.0, True), ("Python 3.13.0", "metrics", 768, 0, 0.0, 0.0, True),
         ("other vector instructions", "weights", 3200, 90, 2e-6, 1e-3, True),
         ("other vector instructions", "intervals", 64, 1, 0.00123, 1e-2, True)],
        columns=["changed", "part", "bits", "differing", "worst", "bound", "within"],
    )  # fmt: skip
    records.write("determinism", table)
    found = rows("conditions")
    assert found["Hash seed"] == ["768", "0", "0", "–"]
    assert found["`Python 3.13.0`"] == ["768", "0", "0", "–"]
    assert found["Other vector instructions"] == ["3\u202f264", "91", "1.2e-03", "`weights`, `intervals`"]
    assert found["Two threads"] == ["–"] * 4
    counted = {words: cells[0] for words, cells in rows("counts").items()}
    assert counted["Bits compared under conditions that must not matter"] == "1\u202f536"
    assert counted["Values that differed among them"] == "0"


def test_processors_are_those_of_the_runs_and_of_the_records(folder, tmp_path, monkeypatch):
    committed = tmp_path / "committed"
    here = records.read("mutation", folder=records.write("mutation", MUTATION).parent).attrs["host"]
    host = [here, {"cpu": "Other CPU"}, {"cpu": "Other CPU"}]
    for i, about in enumerate(host):
        path = committed / "log" / "split" / "markov" / f"{i}-s0.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"host": about}))
        path.with_suffix(".parquet").touch()
    monkeypatch.setattr(defence_page, "COMMITTED", committed)
    this = f"`{here['cpu']}`"
    assert rows("processors") == {this: [f"`{here['instructions']}`", "1", "1"], "`Other CPU`": ["–", "2", "0"]}


def test_what_is_counted_in_files_is_there():
    assert defence_page.test_functions() > 500
    assert defence_page.sealed_files() > 100
    assert defence_page.claims_with_tolerance() > 10
    assert all(path.name for path in defence_page.sources())
    supply = rows("supply")
    assert int(supply["Packages asked for by name"][0]) >= 20
    assert int(supply["Packages locked, with all that they need on any platform"][0].replace("\u202f", "")) > 150


def test_the_page_shows_every_table_and_types_no_result():
    page = (PROJECT / "book" / "defence.md").read_text("utf8")
    assert set(re.findall(r"\{defence\}\n:table: (\w+)", page)) == set(defence_page.TABLES)
    prose = re.sub(r"`[^`]*`|```.*?```", "", page, flags=re.DOTALL)
    assert not re.search(r"\d{3,}|\d %|\d\.\d", prose.replace("sha256", ""))


def test_an_unknown_table_is_refused():
    with pytest.raises(InputError, match="Did you mean 'counts'"):
        defence_page.lines("count")
