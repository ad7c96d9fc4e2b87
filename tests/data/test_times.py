"""Time in any unit, dates with their zone, an order without times; what is odd is said, and nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit_lib.data import reading
from audit_lib.data.logs import COLUMNS, TIME
from audit_lib.data.preparing import prepare
from audit_lib.data.reading import times
from audit_lib.errors import InputError
from audit_lib.study import evidence
from tests.click_logs import random_log
from tests.data.test_reading import both, refused, write

START = 1_700_000_000


def log_with(path, moments, *, per_session=3):
    """A log whose times are these texts, in order."""
    rows = [(f"s{i // per_session}", f"i{i % 5}", str(moment)) for i, moment in enumerate(moments)]
    return write(path, rows)


def said(path, **options):
    return " ".join(note.text for note in reading.read(path, **options).notes)


SECONDS = [START + 5_000 * i for i in range(120)]
FORMS = {
    "ms": [s * 1000 for s in SECONDS],
    "us": [s * 1_000_000 for s in SECONDS],
    "ns": [s * 1_000_000_000 for s in SECONDS],
    "date": [pd.Timestamp(s, unit="s").strftime("%Y%m%d%H%M%S") for s in SECONDS],
}


@pytest.mark.parametrize("unit", FORMS)
def test_another_unit_is_named_and_with_it_the_log_is_that_in_seconds(tmp_path, unit):
    path = log_with(tmp_path / "log.tsv", FORMS[unit])
    assert f"{times.NAMES[unit]}. Give --time-unit {unit}." in said(path)
    assert reading.read(path).notes[-1].grave
    for log in both(path, tmp_path, time_unit=unit):
        np.testing.assert_allclose(log[TIME], SECONDS, atol=1e-3)
    assert said(path, time_unit=unit) == ""


def test_seconds_of_a_sound_log_are_not_remarked_upon(tmp_path):
    assert said(log_with(tmp_path / "log.tsv", SECONDS)) == ""


def test_dates_are_read_with_their_zone_and_without_one_as_utc(tmp_path):
    zones = ["Z", "+02:00", "-0530", " UTC", "+00"]
    shift = [0, 7_200, -19_800, 0, 0]
    moments = [pd.Timestamp(s + shift[i % 5], unit="s").isoformat() + zones[i % 5] for i, s in enumerate(SECONDS)]
    path = log_with(tmp_path / "log.tsv", moments)
    for log in both(path, tmp_path):
        assert log[TIME].tolist() == SECONDS
    assert said(path) == ""
    path = log_with(tmp_path / "bare.tsv", [pd.Timestamp(s, unit="s") for s in SECONDS])
    assert reading.read_log(path)[TIME].tolist() == SECONDS
    assert "120 times name no time zone: they are taken as UTC" in said(path)


@pytest.mark.parametrize(("moment", "line"), [("noon", 5), ("31/12/2020", 5), ("2020-02-30", 5)])
def test_a_time_that_is_none_is_named_with_its_line(tmp_path, moment, line):
    numbers = log_with(tmp_path / "a.tsv", [*SECONDS[:3], moment, *SECONDS[4:]])
    assert f"1 rows are not numbers, the first is row 3 ('{moment}') on line {line}" in refused(numbers, tmp_path)
    dates = [pd.Timestamp(s, unit="s").isoformat() for s in SECONDS]
    mixed = log_with(tmp_path / "b.tsv", [*dates[:3], moment, *dates[4:]])
    assert f"1 rows are not dates, the first is row 3 ('{moment}') on line {line}" in refused(mixed, tmp_path)


@pytest.mark.parametrize(("stray", "date"), [(0, "1970-01-01"), (4_102_444_800, "2100-01-01")])
def test_a_session_far_from_all_others_is_said_with_what_it_does_to_the_cut(tmp_path, stray, date):
    path = log_with(tmp_path / "log.tsv", [*SECONDS, stray, stray + 1, stray + 2])
    words = said(path)
    assert "3 events lie far from all others" in words
    assert date in words
    last = times.date(SECONDS[-1] - 0.1 * (SECONDS[-1] - SECONDS[0]))
    assert f"without them on {last}" in words


def test_strays_at_both_ends_are_counted_together():
    found = times.strays(np.array([0.0, 1.0, *SECONDS, 4.2e9]))
    assert found == (3, SECONDS[0], SECONDS[-1])
    assert times.strays(np.array(SECONDS, float)).events == 0


def test_a_span_of_decades_is_said(tmp_path):
    path = log_with(tmp_path / "log.tsv", np.linspace(700_000_000, 1_700_000_000, 120).astype(int))
    assert "covers 32 years" in said(path)


@pytest.mark.parametrize(
    "moments",
    [list(range(120)), [7 * i + 3 for i in range(120)], [i % 3 for i in range(120)], [1 + i % 3 for i in range(120)]],
    ids=["running", "running with gaps", "position in the session", "position from 1"],
)
def test_an_order_is_no_time(tmp_path, moments):
    path = log_with(tmp_path / "log.tsv", moments)
    found = reading.read(path)
    assert found.time == "order"
    assert "read as an order" in said(path)
    for log in both(path, tmp_path):
        assert log["SessionId"].drop_duplicates().tolist() == [f"s{i}" for i in range(40)]
        assert log[TIME].is_unique
    data, split = prepare(path, min_item_support=1)
    assert data.time == "order"
    assert split.test.n_sessions == 4  # the last tenth
    with pytest.raises(InputError, match="only the order of its events is known"):
        prepare(path, test_days=1)
    assert reading.read(path, time_unit="s").time == "real"


def test_an_order_on_disk_has_the_split_of_the_table(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(1)
    log = random_log(200, 20, seed=2)
    log[TIME] = log.groupby("SessionId").cumcount()
    path = write(tmp_path / "log.tsv", log.sample(frac=1, random_state=int(rng.integers(9))).astype(str).to_numpy())
    hashes = []
    for limit in ("1", "1000000"):
        monkeypatch.setenv("AUDIT_LARGE_EVENTS", limit)
        data, split = prepare(path)
        assert data.time == "order"
        hashes.append(evidence.split_hash(split))
    assert hashes[0] == hashes[1]


def test_seconds_since_the_start_of_a_log_are_not_taken_for_an_order(tmp_path):
    moments = np.sort(np.random.default_rng(0).integers(0, 10_000_000, 120))
    path = log_with(tmp_path / "log.tsv", moments)
    assert reading.read(path).time == "real"
    assert "outside 1990-2100" in said(path)


def test_ten_digits_that_are_hours_of_a_calendar_are_not_taken_for_seconds_without_a_word(tmp_path):
    hours = [int(f"202311{day:02}{hour:02}") for day in range(1, 31) for hour in range(0, 24, 6)]
    path = log_with(tmp_path / "log.tsv", hours)
    assert "give --time-unit date" in said(path)
    assert "yyyymmddHH" not in said(path, time_unit="date")
    assert "yyyymmddHH" not in said(path, time_unit="s"), "who says seconds means them"
    assert "yyyymmddHH" not in said(log_with(tmp_path / "usual.tsv", SECONDS))


def test_dates_outside_the_usual_years_are_doubted_as_dates(tmp_path):
    text = said(log_with(tmp_path / "log.tsv", [f"1985-03-{day:02}T10:00:00Z" for day in range(1, 31)]))
    assert "are the dates right?" in text
    assert "Unix" not in text
    assert "--time-unit" not in text


def test_a_date_too_far_away_is_said_with_its_column(tmp_path):
    dates = [f"2023-03-{day:02}T10:00:00Z" for day in range(1, 31)]
    with pytest.raises(InputError, match="column Time has a date that is too far away"):
        reading.read(log_with(tmp_path / "log.tsv", [*dates, "9999-12-31T23:59:59Z"]))


@pytest.mark.parametrize(("form", "zoned"), [("20230301T10{:02}00Z", True), ("2023-03-01T10{:02}", False)])
def test_a_zone_is_seen_where_there_is_one(tmp_path, form, zoned):
    path = log_with(tmp_path / "log.tsv", [form.format(minute) for minute in range(0, 60, 2)])
    assert ("no time zone" in said(path)) is not zoned


def test_an_unknown_unit_is_refused(tmp_path):
    with pytest.raises(InputError, match="Unknown time unit 'sec'"):
        reading.read(log_with(tmp_path / "log.tsv", SECONDS), time_unit="sec")
    assert tuple(reading.read(tmp_path / "log.tsv", time_unit="").log.columns) == COLUMNS
