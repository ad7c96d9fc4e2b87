"""Reading, validating, sorting and filtering logs; the array form; prefixes. Bad input is one clear error."""

import dataclasses
import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lib.data import large, reading
from audit_lib.data.logs import counts, filter_log, validate
from audit_lib.data.reading import read_log
from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.data.statistics import statistics
from audit_lib.errors import InputError, MissingError
from tests.click_logs import log_of, write_tsv
from tests.small_logs import sessions_of

HEAD = "SessionId\tItemId\tTime\n"
GOOD = f"{HEAD}1\ta\t10\n1\tb\t20\n2\ta\t15\n2\tc\t30\n"


def read_text(tmp_path, text, name="log.tsv", *, read=read_log, **options):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path, **options)


def frame(**columns):
    return pd.DataFrame({"SessionId": [1, 1, 2, 2], "ItemId": [5, 6, 5, 7], "Time": [1.0, 2.0, 3.0, 4.0]} | columns)


# --- reading


def test_a_log_reads_the_same_from_tsv_txt_csv_and_parquet(tmp_path):
    tsv = read_text(tmp_path, GOOD)
    assert tsv["SessionId"].tolist() == [1, 1, 2, 2]
    assert tsv["ItemId"].tolist() == ["a", "b", "a", "c"]
    assert tsv["Time"].tolist() == [10.0, 20.0, 15.0, 30.0]
    pd.testing.assert_frame_equal(read_text(tmp_path, GOOD, "log.TXT"), tsv)
    pd.testing.assert_frame_equal(read_text(tmp_path, GOOD.replace("\t", ","), "log.csv"), tsv)
    tsv.to_parquet(tmp_path / "log.parquet")
    pd.testing.assert_frame_equal(read_log(tmp_path / "log.parquet"), tsv)


def test_other_column_names_are_mapped_and_other_columns_left_out(tmp_path):
    text = "sid,when,iid,price\n1,10,a,9\n1,20,b,9\n"
    log = read_text(tmp_path, text, "log.csv", columns={"SessionId": "sid", "ItemId": "iid", "Time": "when"})
    assert list(log.columns) == ["SessionId", "ItemId", "Time"]
    assert log["ItemId"].tolist() == ["a", "b"]
    with pytest.raises(InputError, match="maps only SessionId, ItemId, Time"):
        read_text(tmp_path, text, "log.csv", columns={"Session": "sid"})


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (GOOD.replace("ItemId", "item"), "a.tsv", r"a\.tsv' lacks the column ItemId; it has SessionId, item, Time"),
        (GOOD.replace("ItemId", "i").replace("Time", "t"), "a.tsv", "lacks the columns ItemId, Time; it has"),
        ("", "a.tsv", r"a\.tsv' cannot be read as \.tsv: No columns"),
        (HEAD, "a.tsv", r"a\.tsv holds no events"),
        (GOOD.replace("20", ""), "a.tsv", "column Time: 1 rows, value is missing or NaN; first rows: 1"),
        (GOOD.replace("20", "NaN"), "a.tsv", "column Time: 1 rows, value is missing or NaN; first rows: 1"),
        (GOOD.replace("20", "noon"), "a.tsv", r"Time: 1 rows are not numbers, the first is row 1 \('noon'\) on line 3"),
        (GOOD.replace("20", "inf"), "a.tsv", "column Time: 1 rows, value is not a finite number; first rows: 1"),
        (GOOD.replace("20", "9" * 400), "a.tsv", "column Time: 1 rows, value is not a finite number; first rows: 1"),
        (GOOD.replace("1\ta", "\ta"), "a.tsv", "column SessionId: 1 rows, value is missing or NaN; first rows: 0"),
        (GOOD.replace("2\tc", "2\t"), "a.tsv", "column ItemId: 1 rows, value is missing or NaN; first rows: 3"),
        (GOOD.replace("20", "20\t7"), "a.tsv", r"cannot be read as \.tsv: line 3 has 4 fields, and its header 3"),
        (GOOD.replace("10", "10\t7"), "a.tsv", "line 2 has 4 fields, and its header 3"),
        (GOOD.replace("\n1", "\n9\t1").replace("\n2", "\n9\t2"), "a.tsv", "line 2 has 4 fields, and its header 3"),
        (GOOD.replace("a", "ä").encode("latin-1"), "a.tsv", r"a\.tsv' cannot be read as \.tsv: .*utf-8"),
        (GOOD.encode("utf-16"), "a.tsv", r"a\.tsv' cannot be read as \.tsv: .*utf-8"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "a.tsv", "cannot be read"),
        (GOOD, "a.xlsx", r"a\.xlsx' has the ending '\.xlsx'; expected a \.tsv, \.txt, \.csv, \.inter .* of Parquet"),
        (GOOD, "log", r"has the ending ''; expected"),
        (
            HEAD + "1\ta\t1\n1\t\t2\n\tb\t3\n",
            "a.tsv",
            "(?s)(?=.*ItemId: 1 rows, value is missing .*: 1, the first on line 3).*SessionId: 1 rows.*: 2, .* line 4",
        ),
        (
            HEAD + "1\ta\t1\n1\tb\tinf\n1\tc\t\n",
            "a.tsv",
            "(?s)(?=.*Time: 1 rows, .* finite number; .*: 1, the first on line 3).*NaN; first rows: 2, .* line 4",
        ),
    ],
)
@pytest.mark.parametrize("chunk", [2, 1000])
def test_a_file_that_is_no_log_is_one_clear_error(tmp_path, monkeypatch, text, name, message, chunk):
    """Read as a table, and on disk in pieces."""
    monkeypatch.setattr(reading.text, "CHUNK", chunk)
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    for read in (read_log, lambda path: large.prepare(path, test_days=2)):
        with pytest.raises(InputError, match=message) as caught:
            read_text(tmp_path, text, name, read=read)
        assert str(caught.value).count(str(tmp_path)) == 1  # the file is named, once


def test_a_file_that_is_not_there_is_a_missing_error(tmp_path):
    for path in (tmp_path / "none.tsv", tmp_path):
        with pytest.raises(MissingError, match="There is no file"):
            read_log(path)


def test_thousands_of_columns_are_not_all_listed(tmp_path):
    with pytest.raises(InputError, match="lacks the columns") as caught:
        read_text(tmp_path, "\t".join(f"c{i}" for i in range(5_000)) + "\n")
    assert len(str(caught.value)) < 1_000


def test_a_parquet_file_whose_ids_are_lists_is_an_input_error(tmp_path):
    frame(ItemId=[[1], [2], [3], [4]]).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="column ItemId: 4 rows, value is no single value"):
        read_log(tmp_path / "a.parquet")
    frame(Time=[[1], [2], [3], [4]]).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="column Time: 4 rows are not numbers, the first is row 0"):
        read_log(tmp_path / "a.parquet")


# --- validating


def test_all_failures_are_reported_at_once():
    bad = frame(ItemId=[None, 6, None, 7], Time=[1.0, np.nan, np.inf, 4.0])
    with pytest.raises(InputError) as caught:
        validate(bad, name="clicks")
    message = str(caught.value)
    assert message.startswith("clicks is not a valid log:")
    assert "column ItemId: 2 rows, value is missing or NaN; first rows: 0, 2" in message
    assert "column Time: 1 rows, value is missing or NaN; first rows: 1" in message
    assert "column Time: 1 rows, value is not a finite number; first rows: 2" in message


def test_unsorted_rows_are_accepted_and_give_the_same_sessions():
    log = log_of({"x": [("a", 1.0), ("b", 2.5), ("c", 9)], "y": [("c", 2), ("a", 3)], "z": [("b", 0), ("b", 30)]})
    assert log["SessionId"].tolist() == ["z", "z", "x", "x", "x", "y", "y"]  # by first event
    shuffled = log.sample(frac=1, random_state=3)
    assert shuffled.index.tolist() != log.index.tolist()
    pd.testing.assert_frame_equal(validate(shuffled), log)
    assert Sessions.from_log(validate(shuffled)).fingerprint == Sessions.from_log(log).fingerprint


def test_events_at_the_same_time_keep_the_order_of_the_input():
    log = log_of({1: [("c", 5), ("a", 5), ("b", 5), ("first", 4)]})
    assert log["ItemId"].tolist() == ["first", "c", "a", "b"]


def test_sessions_that_start_at_the_same_time_keep_the_order_of_the_input():
    names = np.random.default_rng(0).permutation(500)  # many: a sort of a few elements is stable by accident
    starts = np.arange(500) % 2
    log = log_of({name: [("a", start), ("b", 9)] for name, start in zip(names, starts, strict=True)})
    expected = [*names[starts == 0], *names[starts == 1]]
    assert log["SessionId"].drop_duplicates().tolist() == expected


def test_duplicate_rows_are_kept_and_reported(caplog):
    with caplog.at_level(logging.WARNING):
        log = validate(frame(SessionId=[1, 1, 1, 2], ItemId=[5, 5, 5, 5], Time=[1, 1, 1, 1]), name="clicks")
    assert len(log) == 4
    assert "clicks: 2 duplicate rows" in caplog.text
    assert statistics(log_of({1: [(5, 1)] * 3, 2: [(5, 1), (6, 1)]}))["duplicate_rows"] == 2


def test_dates_become_unix_seconds_in_any_time_zone():
    dates = pd.DatetimeIndex(["1970-01-01 00:00:01", "1970-01-02", "1970-01-03", "1970-01-04"]) + pd.Timedelta("0.5s")
    expected = [1.5, 86_400.5, 172_800.5, 259_200.5]
    assert validate(frame(Time=dates))["Time"].tolist() == expected
    assert validate(frame(Time=dates.tz_localize("UTC").tz_convert("Asia/Tokyo")))["Time"].tolist() == expected


def test_numbers_written_as_text_are_read_as_numbers():
    assert validate(frame(Time=["1", "2.5", "3e0", "4"]))["Time"].tolist() == [1.0, 2.5, 3.0, 4.0]


def test_validating_leaves_its_argument_as_it_was():
    original = frame(Time=["4", "3", "2", "1"])
    before = original.copy()
    validate(original)
    pd.testing.assert_frame_equal(original, before)


# --- filters


def test_the_filter_goes_on_until_nothing_changes():
    # Dropping the rare item c shortens session 2 to one event, which makes b rare, which shortens session 1.
    log = log_of({
        1: [("a", 1), ("b", 2)],
        2: [("b", 3), ("c", 4)],
        3: [("a", 5), ("a", 6), ("d", 7), ("d", 8)],
    })  # fmt: skip
    kept, report = filter_log(log, min_item_support=2)
    assert kept["SessionId"].unique().tolist() == [3]
    assert report.before == {"events": 8, "sessions": 3, "items": 4}
    assert report.after == {"events": 4, "sessions": 1, "items": 2}
    assert report.rounds == 3  # two that drop, one that finds nothing to drop


def test_repeats_are_collapsed_to_their_first_event_inside_a_session_only():
    log = log_of({1: [("a", 1), ("a", 2), ("b", 3), ("a", 4)], 2: [("a", 5), ("a", 6), ("c", 7)]})
    kept, _ = filter_log(log, collapse_repeats=True)
    assert kept["Time"].tolist() == [1, 3, 4, 5, 7]
    assert len(filter_log(log)[0]) == 7


def test_repeats_that_a_filter_brings_together_are_collapsed_too():
    log = log_of({1: [("a", 1), ("rare", 2), ("a", 3), ("b", 4)], 2: [("a", 5), ("b", 6)]})
    kept, _ = filter_log(log, min_item_support=2, collapse_repeats=True)
    assert kept["Time"].tolist() == [1, 4, 5, 6]


def test_one_click_sessions_only_are_refused_with_what_to_do():
    with pytest.raises(InputError, match=r"No session is left of 2 .*at least 2 events.*has a single event"):
        filter_log(log_of({1: [("a", 1)], 2: [("a", 2)]}))
    with pytest.raises(InputError, match=r"No session is left of 1 .*Lower the limits"):
        filter_log(log_of({1: [("a", 1), ("b", 2)]}), min_item_support=2)


@given(st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=5), min_size=1, max_size=10), st.integers(1, 4))
def test_what_a_filter_keeps_satisfies_every_limit(rows, support):
    log = sessions_of(rows, 5).to_log()
    try:
        kept, report = filter_log(log, min_item_support=support)
    except InputError:
        return
    assert kept.groupby("SessionId").size().min() >= 2
    assert kept.groupby("ItemId").size().min() >= support
    assert report.after == counts(kept)
    again, second = filter_log(kept, min_item_support=support)
    assert second.rounds == 1
    pd.testing.assert_frame_equal(again, kept)


# --- statistics


def test_the_statistics_of_a_small_log_are_those_worked_out_by_hand():
    log = log_of({
        1: [("a", 0), ("a", 0), ("b", 86_400)],
        2: [("a", 10), ("c", 20)],
        3: [("d", 172_800)],  # one click: left out
    })  # fmt: skip
    found = statistics(log)
    expected = {
        "events": 5, "sessions": 2, "items": 3, "one_click_sessions": 1, "length_mean": 2.5, "length_median": 2.5,
        "length_p95": 2.95, "length_max": 3, "repeat_share": 1 / 5, "tie_share": 1 / 3, "duplicate_rows": 1,
        "support_median": 1, "support_gini": 4 / 15,  # of 1, 1, 3: (-2·1 + 0·1 + 2·3) / (3·5)
        "time_first": 0, "time_last": 86_400, "days": 1,
    }  # fmt: skip
    assert found == pytest.approx(expected)


# --- the array form


def test_sessions_hold_the_log_as_arrays():
    log = log_of({"u": [("b", 3), ("a", 4)], "t": [("a", 1), ("c", 2), ("a", 9)]})
    s = Sessions.from_log(log)
    assert s.catalogue.tolist() == ["a", "c", "b"]  # by first appearance
    assert s.items.tolist() == [0, 1, 0, 2, 0]
    assert s.offsets.tolist() == [0, 3, 5]
    assert s.labels.tolist() == ["t", "u"]
    assert s.lengths.tolist() == [3, 2]
    assert s.session.tolist() == [0, 0, 0, 1, 1]
    assert s.support.tolist() == [3, 1, 1]
    assert (s.n_events, s.n_sessions, s.n_items) == (5, 2, 3)
    assert {str(a.dtype) for a in (s.items, s.offsets, s.support)} == {"int64"}


@given(st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=5), min_size=1, max_size=8))
def test_a_log_survives_the_way_to_arrays_and_back(rows):
    log = validate(sessions_of(rows, 7).to_log())
    back = Sessions.from_log(log).to_log()
    pd.testing.assert_frame_equal(back, log, check_dtype=False)


def test_text_and_categorical_ids_give_the_same_sessions_as_numbers():
    log = log_of({1: [(7, 1), (8, 2)], 2: [(8, 3), (9, 4)]})
    plain = Sessions.from_log(log)
    for kind in (str, "category"):
        other, _ = filter_log(validate(log.astype({"SessionId": kind, "ItemId": kind})))
        found = Sessions.from_log(other)
        np.testing.assert_array_equal(found.items, plain.items)
        np.testing.assert_array_equal(found.offsets, plain.offsets)


def test_selected_sessions_keep_order_labels_and_catalogue():
    s = sessions_of([[0, 1], [2], [3, 0, 1]], 5)
    for wanted in (np.array([2, 0]), np.array([True, False, True])):
        part = s.select(wanted)
        assert part.items.tolist() == [0, 1, 3, 0, 1]
        assert part.offsets.tolist() == [0, 2, 5]
        assert part.labels.tolist() == [0, 2]
        assert part.times.tolist() == [0, 1, 3, 4, 5]
        assert part.n_items == 5


def test_the_fingerprint_changes_with_every_part_of_the_content():
    s = sessions_of([[0, 1], [2, 0]], 3)
    same = sessions_of([[0, 1], [2, 0]], 3)
    others = [
        sessions_of([[0, 1], [2, 1]], 3),
        sessions_of([[0, 1, 2], [0]], 3),
        sessions_of([[0, 1], [2, 0]], 3, times=np.array([0, 1, 2, 4])),
        dataclasses.replace(s, labels=np.array([0, 7])),
        dataclasses.replace(s, catalogue=pd.Index([0, 1, 9])),
    ]
    assert same.fingerprint == s.fingerprint
    assert len({s.fingerprint, *(other.fingerprint for other in others)}) == 6


# --- prefixes


def test_every_event_but_the_first_of_a_session_is_a_target():
    p = Prefixes(sessions_of([[4, 5, 6], [7], [8, 9]], 10))
    assert len(p) == 3
    assert p.target.tolist() == [5, 6, 9]
    assert p.last.tolist() == [4, 5, 8]
    assert p.session.tolist() == [0, 0, 2]
    assert p.step.tolist() == [1, 2, 1]
    assert [p.items(i).tolist() for i in range(3)] == [[4], [4, 5], [8]]


def test_only_the_held_out_events_are_targets_and_never_a_first_one():
    p = Prefixes(sessions_of([[4, 5, 6], [8, 9]], 10), np.array([True, False, True, False, True]))
    assert p.target.tolist() == [6, 9]
    assert p.step.tolist() == [2, 1]
    assert p.items(0).tolist() == [4, 5]


@given(st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=6), max_size=8))
def test_prefix_and_target_are_the_session_up_to_there(rows):
    p = Prefixes(sessions_of(rows, 7))
    expected = [(row[:t], row[t]) for row in rows for t in range(1, len(row))]
    assert [(p.items(i).tolist(), int(p.target[i])) for i in range(len(p))] == expected


def test_a_written_log_reads_back_as_it_was(tmp_path):
    log = log_of({1: [("a", 0.25), ("b", 1e9 + 0.125)], 2: [("é", 3), ("b", 4)]})
    pd.testing.assert_frame_equal(read_log(write_tsv(log, tmp_path / "log.tsv")), log)
