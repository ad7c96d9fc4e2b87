"""Time as Unix seconds, from numbers in any unit and from dates; and what is odd about the times of a log."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from audit_lib.data.logs import TIME, as_seconds
from audit_lib.errors import InputError, unknown

TimeKind = Literal["real", "order"]

PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
UNITS = (*PER_SECOND, "date", "order")  # date: digits, yyyymmdd or yyyymmddHHMMSS
NAMES = {"ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds", "date": "dates written as yyyymmddHHMMSS"}
DAY, YEAR = 86_400.0, 365.25 * 86_400.0
FIRST, LAST = 631_152_000.0, 4_102_444_800.0  # 1990 and 2100
DECADES = 20  # years that no log of clicks covers, or nearly none
BINS = 200_000
HANDFUL, SESSION_OR_TWO = 0.01, 100  # share of the events; number of them, in a small log

_DIGITS = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_NO_TIME = (
    (pa.types.is_boolean, "true and false"), (pa.types.is_time, "times of day without their dates"),
    (pa.types.is_duration, "lengths of time"),
)  # fmt: skip
_ZONE = re.compile(r"(?:[Zz]|UTC|[+-]\d\d(?::?\d\d)?)$")


class Note(NamedTuple):
    """Something a reader of a log should know. grave: it is probably read wrongly."""

    text: str
    grave: bool = False


class Parsed(NamedTuple):
    """seconds: (E,) float64, NaN where missing. dates: whether they were written as dates. zoneless: dates without a
    zone, which were taken as UTC."""

    seconds: np.ndarray
    dates: bool
    zoneless: int = 0


class BadTime(InputError):
    """A time that is neither number nor date. row: the first of them."""

    def __init__(self, count: int, row: int, value: object, wanted: str):
        super().__init__(f"column {TIME}: {count} rows are not {wanted}, the first is row {row} ({value!r})")
        self.row, self.wanted = row, wanted


def check_unit(unit: str | None) -> str | None:
    """The unit, None for none. Raises InputError for one that is not known."""
    if unit in (None, ""):
        return None
    if unit not in UNITS:
        raise unknown("time unit", str(unit), UNITS)
    return unit


def parse(values: pa.Array, unit: str | None) -> Parsed:
    """Seconds from a column of numbers, timestamps or text.

    Raises BadTime where one is neither number nor date, InputError for a type that is no time or that needs no unit.
    """
    kind = values.type
    for of_type, what in _NO_TIME:
        if of_type(kind):
            raise InputError(
                f"column {TIME} holds {what} (Parquet type {kind}). Write the time of each event as a timestamp or in "
                "Unix seconds."
            )
    if unit is not None and (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        raise InputError(f"column {TIME} holds dates (Parquet type {kind}), which need no time unit. Leave it out.")
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        zoned = pa.types.is_timestamp(kind) and kind.tz is not None
        micros = pc.cast(pc.cast(values, pa.timestamp("us", kind.tz if zoned else None), safe=False), pa.int64())
        return Parsed(_numbers(micros) / 1e6, True, 0 if zoned else len(values))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _parse_text(pc.utf8_trim_whitespace(values), unit)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return Parsed(_in_seconds(_numbers(values), unit), False)
    series = values.to_pandas()
    return Parsed(_in_seconds(as_seconds(series).to_numpy(), unit), False)


def _numbers(values: pa.Array) -> np.ndarray:
    """(E,) float64, NaN where missing."""
    return pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def _in_seconds(numbers: np.ndarray, unit: str | None) -> np.ndarray:
    if unit == "date":
        text = pd.Series(numbers, dtype="Float64").map(lambda x: f"{x:.0f}", na_action="ignore")
        return _from_digits(text)
    return numbers / PER_SECOND[unit] if unit in PER_SECOND and unit != "s" else numbers


def _from_digits(text: pd.Series) -> np.ndarray:
    """Seconds from yyyymmdd, with hours, minutes and seconds if they are there; UTC."""
    out = np.full(len(text), np.nan)
    for length, form in _DIGITS.items():
        mask = (text.str.len() == length).fillna(False).to_numpy(bool)
        if mask.any():
            out[mask] = _since_epoch(pd.to_datetime(text[mask], format=form, errors="coerce", utc=True))
    wrong = np.isnan(out) & text.notna().to_numpy()
    if wrong.any():
        row = int(np.argmax(wrong))
        raise BadTime(int(wrong.sum()), row, text.iloc[row], "dates of the form yyyymmddHHMMSS")
    return out


def _since_epoch(dates: pd.Series) -> np.ndarray:
    return (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy(np.float64)


def _parse_text(values: pa.Array, unit: str | None) -> Parsed:
    values = pc.if_else(pc.equal(values, ""), None, values)
    try:
        return Parsed(_in_seconds(_numbers(values), unit), False)
    except pa.ArrowInvalid:
        pass
    text = values.to_pandas()
    numbers = pd.to_numeric(text, errors="coerce")
    wrong = (numbers.isna() & text.notna() & ~text.str.fullmatch("[+-]?nan", case=False).fillna(False)).to_numpy(bool)
    if not wrong.any():
        return Parsed(_in_seconds(numbers.to_numpy(np.float64), unit), False)
    given = text.notna().to_numpy(bool)
    if wrong.sum() < given.sum() or unit is not None:
        row = int(np.argmax(wrong))
        raise BadTime(int(wrong.sum()), row, text.iloc[row], "numbers")
    bare = text.str.replace(r"\s*UTC$", "Z", regex=True)
    try:
        dates = pd.to_datetime(bare, format="ISO8601", errors="coerce", utc=True)
        seconds = _since_epoch(dates)
    except (ValueError, OverflowError) as error:
        raise InputError(f"column {TIME} has a date that is too far away: {error}.") from error
    wrong = (dates.isna() & text.notna()).to_numpy(bool)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise BadTime(int(wrong.sum()), row, text.iloc[row], "numbers" if wrong.sum() == given.sum() else "dates")
    zoned = text.str.contains(_ZONE.pattern, regex=True).fillna(True) & text.str.contains("[:TZz]|UTC").fillna(True)
    return Parsed(seconds, True, int((~zoned.to_numpy(bool)).sum()))


# --- What the times are


def is_order(first: float, last: float, *, whole: bool, distinct: bool, events: int, restarting: float) -> bool:
    """Whether numbers are positions, not seconds.

    Whole numbers from 0 on, long before 1990, that either count on without ever being repeated, or begin anew in most
    sessions (see `restarting`). A number that is the same for all events is no order.
    """
    if not whole or first < 0 or last >= FIRST or first == last or (_is_digits(first) and _is_digits(last)):
        return False
    return (distinct and last - first < 10 * events) or restarting > 0.5


def restarting(codes: np.ndarray, times: np.ndarray) -> float:
    """The share of sessions that begin at the least number of all, or at the next one and then count on by one.

    codes: (E,) int, the session of each event. times: (E,) float64.
    """
    least = times.min()
    spans = pd.Series(times).groupby(codes).agg(["min", "max", "size"])
    counts_on = (spans["min"] == least + 1) & (spans["max"] - spans["min"] == spans["size"] - 1)
    return float(((spans["min"] == least) | counts_on).mean())


def positions(codes: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(E,) float64: the running position of each event, sessions in order of first appearance, events by Time."""
    out = np.empty(len(times))
    out[np.lexsort((times, codes))] = np.arange(len(times), dtype=np.float64)
    return out


def likely_unit(first: float, last: float) -> str | None:
    """The unit in which numbers give dates between 1990 and 2100, where they are no seconds."""
    if _is_digits(first) and _is_digits(last):
        return "date"
    for unit, factor in PER_SECOND.items():
        if first / factor >= FIRST and last / factor < LAST:
            return unit
    return None


def _is_digits(value: float) -> bool:
    text = f"{value:.0f}"
    if len(text) not in _DIGITS or not 1990 <= int(text[:4]) < 2100:
        return False
    return not pd.isna(pd.to_datetime(text, format=_DIGITS[len(text)], errors="coerce"))


class Strays(NamedTuple):
    """events: a handful that lies far from all others. first, last: where the others begin and end."""

    events: int
    first: float
    last: float


def strays(times: np.ndarray) -> Strays:
    """The few events at either end without which the log would cover less than half of its span, again and again."""
    first, last = float(times.min()), float(times.max())
    most, left = max(int(HANDFUL * len(times)), min(SESSION_OR_TWO, len(times) // 10)), 0
    if first == last:
        return Strays(0, first, last)
    while last > first:
        counts, edges = np.histogram(times, BINS, (first, last))
        full = np.flatnonzero(counts)
        gap = int(np.argmax(np.diff(full))) if len(full) > 1 else 0
        if len(full) < 2 or full[gap + 1] - full[gap] < BINS / 2:
            break
        before = int(counts[: full[gap] + 1].sum())
        after = int(counts.sum()) - before
        if left + min(before, after) > most:
            break
        left += min(before, after)
        middle = (edges[full[gap] + 1] + edges[full[gap + 1]]) / 2
        if before < after:
            first = float(times[times > middle].min())
        else:
            last = float(times[times < middle].max())
    return Strays(left, first, last)


def notes(first: float, last: float, stray: Strays, *, unit: str | None, dates: bool) -> list[Note]:
    """What is odd about times: dates outside 1990-2100, spans of decades, a handful of events that make up the span."""
    found = []
    begin, end = stray.first, stray.last
    if not (begin >= FIRST and end < LAST):
        guess = None if dates or unit not in (None, "s") else likely_unit(begin, end)
        what = f"Time reaches from {date(begin)} to {date(end)} if it is in Unix seconds"
        if unit not in (None, "s"):
            what = f"Time reaches from {date(begin)} to {date(end)} in the unit '{unit}'"
        if guess:
            found.append(Note(f"{what}; it is probably in {NAMES[guess]}. Give --time-unit {guess}.", True))
        elif dates:
            found.append(Note(
                f"Time reaches from {date(begin)} to {date(end)}, outside 1990-2100: are the dates right?", True
            ))  # fmt: skip
        else:
            found.append(Note(
                f"{what}, outside 1990-2100. If it is an order without times, give --time-unit order; else see that "
                "the unit is right.", True,
            ))  # fmt: skip
    elif unit is None and not dates and _is_digits(begin) and _is_digits(end):  # yyyymmddHH, ten digits as seconds have
        found.append(Note(
            f"Time reaches from {date(begin)} to {date(end)} if it is in Unix seconds; both ends would also be dates "
            f"written as yyyymmddHH ({begin:.0f} and {end:.0f}). If they are, give --time-unit date.", True,
        ))  # fmt: skip
    elif end - begin > DECADES * YEAR:
        found.append(Note(
            f"Time covers {(end - begin) / YEAR:.0f} years, from {date(begin)} to {date(end)}: is the unit right?", True
        ))  # fmt: skip
    if stray.events:
        outside = [date(t) for t, out in ((first, first < begin), (last, last > end)) if out]
        cut, without = last - 0.1 * (last - first), end - 0.1 * (end - begin)
        found.append(Note(
            f"{stray.events} events lie far from all others, which reach from {date(begin)} to {date(end)}: they are "
            f"at {' and '.join(outside)} and make up {1 - (end - begin) / (last - first):.0%} of the span. The default "
            f"test part is the last tenth of the span: it begins on {date(cut)}, without them on {date(without)}. "
            "Remove them, or give --test-days.", True,
        ))  # fmt: skip
    return found


def date(seconds: float) -> str:
    """A time as a date and, to the minute, the time of day (UTC); years that no calendar here has by their number."""
    if not np.isfinite(seconds):
        return str(seconds)
    if not -62_135_596_800 <= seconds < 253_402_300_800:  # years 1 to 9999
        return f"the year {1970 + seconds / YEAR:,.0f}"
    return str(np.datetime64(round(seconds), "s").astype("datetime64[m]")).replace("T", " ")
