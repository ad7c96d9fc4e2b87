"""What the page about growth says in numbers is what the code does."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from audit_lib.data import large, reading
from audit_lib.files import PROJECT
from audit_lib.measurements import book_speed, growth
from audit_lib.study import records, shards
from book.press.directives import from_code

PAGE = " ".join((PROJECT / "book" / "growth.md").read_text("utf8").split())


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (r"An own log of twenty million events or more", large.LARGE_EVENTS == 20_000_000),
        (r"done by DuckDB, within 1 GB", large.MEMORY_MB == 1024),
        (r"a million rows at a time", reading.text.CHUNK == 1_000_000),
        (r"whole tiles of 128 targets", shards.TILE == 128),
        (r"Synthetic logs of 20 000 items", growth.ITEMS == 20_000),
        (r"ranks the last twentieth of a day", growth.TEST_DAYS == 1 / 20),
    ],
)
def test_a_number_of_the_page_is_that_of_the_code(words, number):
    assert re.search(words, PAGE)
    assert number


def test_the_record_of_growth_says_what_was_measured_and_what_was_not():
    table = records.read("bench_growth")
    assert set(table["step"]) == set(growth.STEPS)
    measured = table[table["measured"]]
    assert measured["events"].max() >= 20_000_000
    assert (measured.loc[measured["step"] != "split, as a table", "targets"][lambda t: t > 0] > 100).all()
    assert table.loc[~table["measured"], "events"].tolist() == [growth.TARGET] * (len(table) - len(measured))
    assert (table.loc[~table["measured"], "peak_memory_mb"] * 2**20 <= 8e9).all()  # what the page aims at
    compared = measured[measured["events"] <= growth.TABLES_UP_TO * 1.01]
    assert compared["same"].all()  # the split on disk has the hash of the split of the table


def test_a_line_through_measurements_is_continued():
    points = [{"step": "a", "events": n, "targets": n // 100, "processor_seconds": 2 + n / 10, "wall_seconds": 3.0,
               "peak_memory_mb": 100 + n / 5, "measured": True, "same": True} for n in (100, 200, 400)]  # fmt: skip
    few = [point | {"step": "b"} for point in points[:2]]
    (row,) = growth.extrapolate(growth.pd.DataFrame(points + few), 1000).itertuples()
    assert (row.step, row.events, row.targets, row.measured, row.same) == ("a", 1000, 10, False, False)
    assert row.processor_seconds == pytest.approx(102)
    assert row.wall_seconds == pytest.approx(3)
    assert row.peak_memory_mb == pytest.approx(300)


def test_a_generated_log_is_the_same_twice_in_order_of_time_and_of_about_the_size_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(growth, "PIECE", 300)
    paths = [tmp_path / name for name in ("a.parquet", "b.parquet")]
    sizes = [growth.write_log(path, 5_000, n_items=50) for path in paths]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    log = growth.pd.read_parquet(paths[0])
    assert sizes == [len(log)] * 2
    assert 4_000 < len(log) < 6_000
    assert log["SessionId"].nunique() == 1_000
    assert log["Time"].is_monotonic_increasing or (log["Time"].diff() < -86_400).sum() == 0
    assert log["SessionId"].diff().abs().max() > 1  # rows of one session lie apart


def test_the_table_of_what_the_book_costs_has_every_row_of_both_records():
    assert list(from_code.COMMANDS) == ["book", "sentence", *book_speed.COMMANDS]
    for name in ("bench_book", "bench_book_earlier"):
        assert list(records.read(name)["what"]) == list(from_code.COMMANDS)


def test_the_processor_seconds_of_a_command_are_those_that_it_used_in_a_clone(tmp_path, monkeypatch):
    (tmp_path / "page.md").write_text("# Page\n")
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for command in (["init", "--quiet"], ["add", "page.md"], [*who, "commit", "--quiet", "--message=page"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    commands = {"little": "timeit -n 1 -r 1 sum(range(1000))", "much": "timeit -n 1 -r 1 sum(range(30_000_000))"}
    stand_in = {"PROJECT": tmp_path, "PAGE": "page.md", "BOOK": (sys.executable, "-c", ""), "COMMANDS": commands}
    for name, value in stand_in.items():
        monkeypatch.setattr(book_speed, name, value)
    table = book_speed.measure()
    assert list(table["what"]) == ["book", "sentence", "little", "much"]
    seconds = table.set_index("what")["seconds"]
    assert seconds["much"] > seconds["little"] > 0
    assert (tmp_path / "page.md").read_text() == "# Page\n"
