"""A log read, sorted, filtered and split on disk is the same log, row for row, as the table that pandas makes of it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_lib.data import large, preparing
from audit_lib.data.large import read
from audit_lib.data.reading import read_log, text
from audit_lib.data.splits import temporal_split
from audit_lib.errors import AuditError, InputError
from audit_lib.study import evidence, running
from tests.click_logs import log_of, random_log, write_tsv

duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed: pip install -r requirements.txt")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path_factory.mktemp("cache")))


def both(path: Path, *, columns=None, **options):
    """The split on disk and the split of the table, of one file; or the errors that they raise."""
    found = []
    for make in (
        lambda: large.prepare(path, columns=columns, time_unit="s", **options)[1],
        lambda: temporal_split(read_log(path, columns=columns, time_unit="s"), **options),
    ):
        try:
            found.append(make())
        except AuditError as error:
            found.append(error)
    return found


def assert_same(ours, theirs):
    """Equal to the last bit: arrays, ids and their kind, counts, hash."""
    for part in ("train", "test"):
        a, b = getattr(ours, part), getattr(theirs, part)
        for name in ("items", "offsets", "times", "labels"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=f"{part}.{name}")
            assert getattr(a, name).dtype.kind == getattr(b, name).dtype.kind
        pd.testing.assert_index_equal(a.catalogue, b.catalogue)
    assert ours.summary == theirs.summary
    assert evidence.split_hash(ours) == evidence.split_hash(theirs)


# Few sessions, items and times: ties, repeats and sessions that a filter shortens are the rule, not the exception.
IDS = {
    "whole": st.integers(-3, 8),
    "text": st.sampled_from(["a", "b", "Ñ", "007", "x y", "é'\"", "c"]),
    "real": st.sampled_from([0.5, 1.0, 2.25, -3.0]),
}


@st.composite
def tables(draw):
    n = draw(st.integers(4, 60))
    session, item = (IDS[draw(st.sampled_from(sorted(IDS)))] for _ in range(2))
    times = draw(st.sampled_from([st.integers(0, 12), st.floats(-50, 50, width=32)]))
    column = lambda values: draw(st.lists(values, min_size=n, max_size=n))  # noqa: E731
    return pd.DataFrame({"SessionId": column(session), "ItemId": column(item), "Time": column(times)})


@given(
    table=tables(),
    suffix=st.sampled_from([".parquet", ".tsv", ".csv"]),
    cut=st.sampled_from([{"test_days": 4 / 86400}, {"test_fraction": 0.3}, {"test_fraction": 0.6}]),
    support=st.integers(1, 4),
    collapse=st.booleans(),
    chunk=st.sampled_from([3, 7, 1000]),
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_split_on_disk_equals_the_split_of_the_table(tmp_path, table, suffix, cut, support, collapse, chunk):
    path = tmp_path / f"log{suffix}"
    if suffix == ".parquet":
        table.to_parquet(path, index=False)
    else:
        table.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "CHUNK", chunk)
        ours, theirs = both(path, min_item_support=support, collapse_repeats=collapse, **cut)
    if isinstance(theirs, AuditError):
        assert type(ours) is type(theirs)
    else:
        assert_same(ours, theirs)


@pytest.mark.parametrize("suffix", [".parquet", ".tsv"])
def test_a_log_of_many_sessions_in_any_order_of_rows_is_the_same_both_ways(tmp_path, suffix):
    log = random_log(20_000, 800, seed=3).sample(frac=1, random_state=1)
    path = tmp_path / f"clicks{suffix}"
    log.to_parquet(path, index=False) if suffix == ".parquet" else write_tsv(log, path)
    ours, theirs = both(path, test_days=1.5, min_item_support=5)
    assert_same(ours, theirs)
    assert theirs.train.n_events > 50_000


@pytest.mark.parametrize(
    ("ids", "kind"),
    [
        (["1", "2", "3", "x"], "O"), (["1", "2", "3", "4.5"], "O"), (["007", "7", "8", "9"], "O"),
        (["1", "2", "-3", str(2**63 - 1)], "i"), (["-1", "2", "3", str(2**63)], "O"), (["1", "2", "3", "NA"], "O"),
    ],
)  # fmt: skip
def test_text_ids_get_the_type_of_the_whole_file_wherever_a_piece_ends(tmp_path, monkeypatch, ids, kind):
    monkeypatch.setattr(text, "CHUNK", 2)
    path = tmp_path / "log.tsv"
    rows = [f"{s}\t{i}\t{t}" for t, (s, i) in enumerate(zip(np.repeat(ids, 2), ids * 2, strict=True))]
    path.write_text("\n".join(["SessionId\tItemId\tTime", *rows]) + "\n", "utf8")
    ours, theirs = both(path, test_fraction=0.5, min_item_support=1)
    assert_same(ours, theirs)
    log = read_log(path)
    assert log["SessionId"].to_numpy().dtype.kind == kind
    assert (set(map(str, log["SessionId"])), set(map(str, log["ItemId"]))) == (set(ids), set(ids))


def test_other_column_names_and_hostile_file_names_are_read(tmp_path):
    log = random_log(300, 30)
    log.columns = ['s"id', "it em", "select"]
    path = tmp_path / "it's *[1] clicks.parquet"
    log.to_parquet(path, index=False)
    columns = {"SessionId": 's"id', "ItemId": "it em", "Time": "select"}
    ours, theirs = both(path, columns=columns, test_days=2, min_item_support=2)
    assert_same(ours, theirs)


# --- how a user meets it
def test_a_log_of_many_events_is_ranked_without_a_table_and_gives_the_same_evidence(tmp_path, monkeypatch):
    path = write_tsv(random_log(400, 40), tmp_path / "clicks.tsv")
    runs = []
    for limit in ("1", "10_000_000"):
        monkeypatch.setenv("AUDIT_LARGE_EVENTS", limit)
        data, split = preparing.prepare(path)
        runs.append(running.run(data, split, "markov", out=tmp_path / limit))
        if limit == "1":
            with pytest.raises(InputError, match="too large to be held as a table"):
                data.log["Time"]
            with pytest.raises(InputError, match="too large to be held as a table"):
                len(data.log)
    assert [run.path.relative_to(tmp_path / limit) for run, limit in zip(runs, ("1", "10_000_000"), strict=True)] == [
        runs[0].path.relative_to(tmp_path / "1")
    ] * 2
    assert runs[0].path.read_bytes() == runs[1].path.read_bytes()
    assert runs[0].manifest["data_hash"] == runs[1].manifest["data_hash"]
    assert runs[0].manifest["split"] == runs[1].manifest["split"]


def test_an_own_log_is_large_by_its_number_of_events(tmp_path, monkeypatch):
    log = random_log(200, 20)
    tsv, parquet = write_tsv(log, tmp_path / "a.tsv"), tmp_path / "a.parquet"
    log.to_parquet(parquet, index=False)
    assert read.estimated_events(parquet) == len(log)
    assert abs(read.estimated_events(tsv) - len(log)) <= 2
    monkeypatch.setenv("AUDIT_LARGE_EVENTS", str(len(log)))
    assert large.is_large(parquet)
    monkeypatch.setenv("AUDIT_LARGE_EVENTS", str(len(log) + 1))
    assert not large.is_large(parquet)
    assert not large.is_large("synthetic")
    assert not large.is_large(tmp_path / "none.tsv")
    monkeypatch.setenv("AUDIT_LARGE_EVENTS", "many")
    with pytest.raises(InputError, match="AUDIT_LARGE_EVENTS is 'many', not a number"):
        large.is_large(parquet)


# --- the cache
def stored(cache_root: Path) -> list[Path]:
    return sorted((cache_root / "large").glob("*"))  # hidden ones, too


@pytest.fixture
def clicks(tmp_path):
    return write_tsv(random_log(300, 30), tmp_path / "clicks.tsv")


def prepare(path):
    return large.prepare(path, test_days=2, min_item_support=2)[1]


def test_a_second_call_opens_what_the_first_one_made(clicks, monkeypatch):
    first = prepare(clicks)
    monkeypatch.setattr(large, "_build", None)
    assert_same(prepare(clicks), first)
    assert isinstance(first.train.items.base, np.memmap)  # mapped from the file, not read into memory


@pytest.mark.parametrize("damage", ["cut short", "edited", "manifest"])
def test_damaged_arrays_are_made_anew(clicks, damage, caplog):
    before = prepare(clicks)
    expected = evidence.split_hash(before)
    (folder,) = stored(large.cache_folder())
    if damage == "manifest":
        (folder / "split.json").write_text("{")
    else:
        file = folder / "train.items.npy"
        content = bytearray(file.read_bytes())
        content[-8] ^= 1
        file.unlink()
        file.write_bytes(content if damage == "edited" else content[: len(content) // 2])
    after = prepare(clicks)
    assert evidence.split_hash(after) == expected
    assert "made anew" in caplog.text


def test_a_build_that_fails_leaves_nothing(clicks, monkeypatch):
    monkeypatch.setattr(large.cut, "temporal", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        prepare(clicks)
    assert stored(large.cache_folder()) == []


def test_what_a_killed_build_left_is_cleared_by_the_next(clicks):
    prepare(clicks)
    (folder,) = stored(large.cache_folder())
    left = folder.parent / f".{folder.name}.making0"
    folder.rename(left)
    prepare(clicks)
    assert stored(large.cache_folder()) == [folder]


def test_two_that_want_the_same_log_at_once_make_it_once(clicks, monkeypatch):
    built, build = [], large._build
    monkeypatch.setattr(large, "_build", lambda source, *a, **k: (built.append(source.path), build(source, *a, **k)))
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(prepare, [clicks, clicks]))
    assert built == [clicks]
    assert_same(*found)


def test_the_manifest_says_what_is_there(clicks):
    split = prepare(clicks)
    (folder,) = stored(large.cache_folder())
    about = json.loads((folder / "split.json").read_text())
    assert about["summary"] == split.summary
    assert about["fingerprints"] == {"train": split.train.fingerprint, "test": split.test.fingerprint}


# --- bad input
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Time": [1.0, np.nan, 3.0, np.inf]}, "(?s)Time: 1 rows, .*NaN; first rows: 1.*finite number; first rows: 3"),
        ({"ItemId": ["a", None, "b", "c"]}, "ItemId: 1 rows, value is missing or NaN; first rows: 1"),
        ({"SessionId": [1.0, 1.0, np.nan, 2.0]}, "SessionId: 1 rows, .*; first rows: 2"),
        ({"ItemId": [[1], [2], [3], [4]]}, r"column ItemId is of type .*\[\]; .*numbers or text"),
        ({"Time": ["1", "2", "noon", "4"]}, r"column Time: 1 rows are not numbers, the first is row 2 \('noon'\)"),
    ],
)
def test_what_is_wrong_with_a_parquet_file_is_said(tmp_path, change, message):
    path = tmp_path / "bad.parquet"
    columns = {"SessionId": [1, 1, 2, 2], "ItemId": list("abab"), "Time": [1.0, 2.0, 3.0, 4.0]} | change
    pd.DataFrame(columns).to_parquet(path, index=False)
    with pytest.raises(InputError, match=message):
        prepare(path)


def test_events_all_at_one_time_have_no_later_part(tmp_path):
    path = write_tsv(log_of({1: [("a", 5), ("b", 5)]}), tmp_path / "a.tsv")
    with pytest.raises(InputError, match="every event has the same Time"):
        large.prepare(path, test_share=0.1)


def test_memory_that_is_too_small_spills_to_disk_and_changes_nothing(tmp_path):
    log = random_log(30_000, 500, seed=5).sample(frac=1, random_state=2)
    path = tmp_path / "clicks.parquet"
    log.to_parquet(path, index=False)
    roomy = large.prepare(path, test_days=2, memory_mb=1024)[1]
    large.shutil.rmtree(large.cache_folder() / "large")  # what is mapped stays
    assert_same(large.prepare(path, test_days=2, memory_mb=48)[1], roomy)
