"""Click logs as tables: the schema, validating, sorting and filters.

A *log* is a DataFrame of events with the columns SessionId, ItemId and Time (Unix seconds; a published log of which
only the order is known has positions instead), and Part ('train' or 'test') where its authors fixed the split.
`sessions.Sessions` is the same events as arrays.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.errors import InputError

log_ = logging.getLogger(__name__)


SESSION, ITEM, TIME, PART = "SessionId", "ItemId", "Time", "Part"
COLUMNS = (SESSION, ITEM, TIME)


def _single(ids: pd.Series) -> pd.Series:
    """Whether each id is one value: a column of a Parquet file may hold lists."""
    if ids.dtype != object:
        return pd.Series(True, index=ids.index)
    return ids.map(pd.api.types.is_hashable).astype(bool)


def validate(log: pd.DataFrame, *, name: str = "the log") -> pd.DataFrame:
    """The log with Time as float64, in session order; raises InputError listing every failure at once.

    A failure names the column, how many rows, and the first of them (0-based). Duplicate rows are kept and logged.
    """
    if missing := [c for c in COLUMNS if c not in log.columns]:
        raise InputError(f"{name} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}.")
    if log.empty:
        raise InputError(f"{name} holds no events. A log needs at least one session of two events.")
    log = log.reset_index(drop=True)
    log[TIME] = as_seconds(log[TIME], name)
    _check(log, name)
    if repeated := int(log.duplicated().sum()):
        log_.warning("%s: %d duplicate rows (same session, item and time); they are kept.", name, repeated)
    return sort_log(log)


def _check(log: pd.DataFrame, name: str) -> None:
    import pandera.pandas as pa  # here, since what reads evidence alone does without it

    single = pa.Check(_single, error="is no single value")
    finite = pa.Check(np.isfinite, error="is not a finite number")
    columns = {SESSION: pa.Column(None, single), ITEM: pa.Column(None, single), TIME: pa.Column(float, finite)}
    try:
        pa.DataFrameSchema(columns, name="click log").validate(log, lazy=True)
    except pa.errors.SchemaErrors as errors:
        raise InputError(f"{name} is not a valid log:\n{_explain(errors.failure_cases)}") from errors


def as_seconds(time: pd.Series, name: str = "") -> pd.Series:
    """Time as Unix seconds (float64; NaN where it is missing). Raises InputError where it is not a number or date."""
    if pd.api.types.is_datetime64_any_dtype(time):
        utc = time.dt.tz_convert("UTC").dt.tz_localize(None) if time.dt.tz is not None else time
        return (utc - pd.Timestamp(0)).dt.total_seconds()
    try:
        numbers = pd.to_numeric(time, errors="coerce")
    except (OverflowError, TypeError):  # an integer beyond the largest float, or a list
        numbers = pd.Series([_number(value) for value in time], index=time.index)
    text = numbers.isna() & time.notna()
    if text.any():
        row = int(np.argmax(text.to_numpy()))
        raise InputError(
            f"{name}{': ' * bool(name)}column {TIME}: {int(text.sum())} rows are not numbers, the first is row {row} "
            f"({time.iloc[row]!r}). Time is in Unix seconds; convert dates first."
        )
    return numbers.astype(np.float64)


def _number(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf
    except (TypeError, ValueError):
        return np.nan


def _explain(cases: pd.DataFrame) -> str:
    lines = []
    for (column, check), rows in cases.groupby(["column", "check"], sort=False, dropna=False):
        first = ", ".join(str(int(i)) for i in rows["index"].dropna().head(3))
        reason = "is missing or NaN" if check == "not_nullable" else str(check)
        lines.append(f"  column {column}: {len(rows)} rows, value {reason}; first rows: {first}. Correct or drop them.")
    return "\n".join(lines)


def sort_log(log: pd.DataFrame) -> pd.DataFrame:
    """Sessions in order of their first event, events in order of Time; equal times keep the input's order."""
    codes, labels = pd.factorize(log[SESSION])
    time = log[TIME].to_numpy(np.float64)
    start = np.full(len(labels), np.inf)
    np.minimum.at(start, codes, time)
    rank = np.empty(len(labels), np.int64)
    rank[np.argsort(start, kind="stable")] = np.arange(len(labels))
    order = np.lexsort((time, rank[codes]))
    if np.array_equal(order, np.arange(len(log))):
        return log
    return log.iloc[order].reset_index(drop=True)


@dataclass(frozen=True)
class FilterReport:
    """Counts before and after a filter, and how many rounds it took until nothing changed."""

    before: dict[str, int]
    after: dict[str, int]
    rounds: int


def counts(log: pd.DataFrame) -> dict[str, int]:
    """events, sessions and items of a log, as they stand."""
    return {"events": len(log), "sessions": int(log[SESSION].nunique()), "items": int(log[ITEM].nunique())}


def nothing_left(before: Mapping[str, int], min_item_support: int, min_session_length: int = 2) -> InputError:
    """The error of a filter that leaves nothing of so many sessions and events."""
    if before["events"] == before["sessions"]:
        what = "Every session has a single event: see whether the session's column is the right one."
    else:
        what = "Lower the limits or use a larger log."
    return InputError(
        f"No session is left of {before['sessions']} after the filter (sessions of at least {min_session_length} "
        f"events, items seen at least {min_item_support} times). {what}"
    )


def filter_log(
    log: pd.DataFrame, *, min_session_length: int = 2, min_item_support: int = 1, collapse_repeats: bool = False
) -> tuple[pd.DataFrame, FilterReport]:
    """Drops rare items and short sessions, again and again until nothing changes.

    collapse_repeats: also reduces an item repeated at once inside a session to its first event.
    Raises InputError if nothing is left.
    """
    before, rounds = counts(log), 0
    while True:
        rounds += 1
        size = len(log)
        if collapse_repeats:
            again = (log[SESSION] == log[SESSION].shift()) & (log[ITEM] == log[ITEM].shift())
            log = log[~again]
        if min_item_support > 1:
            log = log[log.groupby(ITEM)[ITEM].transform("size") >= min_item_support]
        log = log[log.groupby(SESSION)[SESSION].transform("size") >= min_session_length]
        if len(log) == size:
            break
    if log.empty:
        raise nothing_left(before, min_item_support, min_session_length)
    return log.reset_index(drop=True), FilterReport(before, counts(log), rounds)
