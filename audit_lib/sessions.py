"""Click logs: the schema, validating, filters, statistics, and the array form that everything uses.

A *log* is a DataFrame of events with the columns SessionId, ItemId and Time (Unix seconds; a published log of which
only the order is known has positions instead), and Part ('train' or 'test') where its authors fixed the split.
`Sessions` is the same events as arrays, with items as indices into a catalogue.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pandera.pandas as pa

from audit_lib.errors import InputError

SESSION, ITEM, TIME, PART = "SessionId", "ItemId", "Time", "Part"
COLUMNS = (SESSION, ITEM, TIME)

log_ = logging.getLogger(__name__)


def _single(ids: pd.Series) -> pd.Series:
    """Whether each id is one value: a column of a Parquet file may hold lists."""
    if ids.dtype != object:
        return pd.Series(True, index=ids.index)
    return ids.map(pd.api.types.is_hashable).astype(bool)


_ID = pa.Check(_single, error="is no single value")
_FINITE = pa.Check(np.isfinite, error="is not a finite number")
SCHEMA = pa.DataFrameSchema(
    {
        SESSION: pa.Column(None, _ID),
        ITEM: pa.Column(None, _ID),
        TIME: pa.Column(float, _FINITE),
    },
    name="click log",
)


@dataclass(frozen=True)
class Sessions:
    """Sessions in order of their first event, as arrays.

    items: (E,) int64, indices into `catalogue`, session by session and in time order inside each.
    offsets: (S+1,) int64; session s is items[offsets[s]:offsets[s+1]].
    times: (E,) float64, Unix seconds (or positions). labels: (S,) the log's own session ids.
    catalogue: (V,) the log's own item ids, in order of first appearance in train.
    """

    items: np.ndarray
    offsets: np.ndarray
    times: np.ndarray
    labels: np.ndarray
    catalogue: pd.Index

    @property
    def n_events(self) -> int:
        return len(self.items)

    @property
    def n_sessions(self) -> int:
        return len(self.offsets) - 1

    @property
    def n_items(self) -> int:
        """V, the size of the catalogue (which a test part shares with its train part)."""
        return len(self.catalogue)

    @cached_property
    def lengths(self) -> np.ndarray:
        """(S,) int64, events per session."""
        return np.diff(self.offsets)

    @cached_property
    def session(self) -> np.ndarray:
        """(E,) int64, the session index of each event."""
        return np.repeat(np.arange(self.n_sessions), self.lengths)

    @cached_property
    def support(self) -> np.ndarray:
        """(V,) int64, occurrences of each catalogue item."""
        return np.bincount(self.items, minlength=self.n_items).astype(np.int64)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the content: equal data has equal fingerprints, wherever it came from."""
        digest = hashlib.sha256()
        for array in (self.offsets, self.items, self.times):
            digest.update(np.ascontiguousarray(array).data)
        for labels in (self.labels, self.catalogue):
            _add_labels(digest, labels)
        return digest.hexdigest()

    @cached_property
    def catalogue_fingerprint(self) -> str:
        """sha256 of the item ids in their order."""
        digest = hashlib.sha256()
        _add_labels(digest, self.catalogue)
        return digest.hexdigest()

    def check_items(self) -> None:
        """Raises InputError if an item is no index into the catalogue; numpy would take a negative one from its end."""
        least, most = self._extremes
        if least < 0 or most >= self.n_items:
            raise InputError(
                f"Sessions hold the item index {least if least < 0 else most}; those of a catalogue of {self.n_items} "
                f"items lie in 0 ... {self.n_items - 1}. Remove events of unknown items first."
            )

    @cached_property
    def _extremes(self) -> tuple[int, int]:
        return (int(self.items.min()), int(self.items.max())) if len(self.items) else (0, -1)

    @classmethod
    def from_log(cls, log: pd.DataFrame, catalogue: pd.Index | None = None) -> Sessions:
        """The events of a validated log. Items outside a given catalogue are an error: remove them first."""
        log = sort_log(log)
        if catalogue is None:
            catalogue = pd.Index(log[ITEM].unique(), name=ITEM)
        items = catalogue.get_indexer(log[ITEM]).astype(np.int64)
        if (items < 0).any():
            first = log[ITEM].iloc[int(np.argmax(items < 0))]
            raise InputError(f"{int((items < 0).sum())} events have items outside the catalogue, first {first!r}.")
        codes, labels = pd.factorize(log[SESSION])
        offsets = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=len(labels)))]).astype(np.int64)
        return cls(items, offsets, log[TIME].to_numpy(np.float64), np.asarray(labels), catalogue)

    def to_log(self) -> pd.DataFrame:
        """The same events as a log, with the original ids."""
        return pd.DataFrame({SESSION: self.labels[self.session], ITEM: self.catalogue[self.items], TIME: self.times})

    def select(self, sessions: np.ndarray) -> Sessions:
        """The given sessions (indices or mask), in order, over the same catalogue."""
        keep = np.zeros(self.n_sessions, bool)
        keep[sessions] = True
        events = keep[self.session]
        offsets = np.concatenate([[0], np.cumsum(self.lengths[keep])]).astype(np.int64)
        return Sessions(self.items[events], offsets, self.times[events], self.labels[keep], self.catalogue)


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
    try:
        SCHEMA.validate(log, lazy=True)
    except pa.errors.SchemaErrors as errors:
        raise InputError(f"{name} is not a valid log:\n{_explain(errors.failure_cases)}") from errors
    if repeated := int(log.duplicated().sum()):
        log_.warning("%s: %d duplicate rows (same session, item and time); they are kept.", name, repeated)
    return sort_log(log)


def as_seconds(time: pd.Series, name: str) -> pd.Series:
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
            f"{name}: column {TIME}: {int(text.sum())} rows are not numbers, the first is row {row} "
            f"({time.iloc[row]!r}). Time is in Unix seconds; convert dates first."
        )
    return numbers.astype(np.float64)


def _number(value: object) -> float:
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


def _add_labels(digest: hashlib._Hash, labels: np.ndarray | pd.Index) -> None:
    """Adds ids as lines of text, by pieces: a large log has many."""
    for first in range(0, len(labels), 1 << 20):
        text = "\n".join(map(str, labels[first : first + (1 << 20)]))
        digest.update(f"\n{text}".encode() if first else text.encode())


@dataclass(frozen=True)
class FilterReport:
    """Counts before and after a filter, and how many rounds it took until nothing changed."""

    before: dict[str, int]
    after: dict[str, int]
    rounds: int


def counts(log: pd.DataFrame) -> dict[str, int]:
    """events, sessions and items of a log, as they stand."""
    return {"events": len(log), "sessions": int(log[SESSION].nunique()), "items": int(log[ITEM].nunique())}


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
        raise InputError(
            f"No session is left of {before['sessions']} after the filter (sessions of at least {min_session_length} "
            f"events, items seen at least {min_item_support} times). Lower the limits or use a larger log."
        )
    return log.reset_index(drop=True), FilterReport(before, counts(log), rounds)


def statistics(log: pd.DataFrame) -> dict[str, float | int | str]:
    """Descriptive statistics of a log over its sessions of two or more events.

    events, sessions, items; one_click_sessions (left out); length mean, median, 95th percentile and maximum;
    repeat_share (events whose item occurred earlier in the session); tie_share (events at the very time of the one
    before in the session); duplicate_rows; support median and Gini coefficient; first and last time; days.
    """
    kept, _ = filter_log(log)
    sessions = Sessions.from_log(kept)
    lengths, support = sessions.lengths, np.sort(sessions.support)
    same_session = np.diff(sessions.session) == 0
    v = len(support)
    gini = float((2 * np.arange(1, v + 1) - v - 1) @ support / (v * support.sum()))
    return {
        "events": sessions.n_events,
        "sessions": sessions.n_sessions,
        "items": v,
        "one_click_sessions": int(log[SESSION].nunique()) - sessions.n_sessions,
        "length_mean": float(lengths.mean()),
        "length_median": float(np.median(lengths)),
        "length_p95": float(np.quantile(lengths, 0.95)),
        "length_max": int(lengths.max()),
        "repeat_share": float(kept.duplicated([SESSION, ITEM]).mean()),
        "tie_share": float(((np.diff(sessions.times) == 0) & same_session).sum() / max(same_session.sum(), 1)),
        "duplicate_rows": int(log.duplicated(list(COLUMNS)).sum()),
        "support_median": float(np.median(support)),
        "support_gini": gini,
        "time_first": float(sessions.times.min()),
        "time_last": float(sessions.times.max()),
        "days": float((sessions.times.max() - sessions.times.min()) / 86400),
    }


@dataclass(frozen=True)
class Prefixes:
    """The prediction tasks of a test part: every event but the first of a session, given all events before it.

    In order of session, then step. session: (P,) int64 index into `sessions`. step: (P,) int64 position of the target
    in its session, from 1. target: (P,) int64 item. last: (P,) int64, the item just before the target.
    only: optional (E,) bool, restricts the targets to these events (the flawed splits test single events).
    """

    sessions: Sessions
    only: np.ndarray | None = None

    @cached_property
    def position(self) -> np.ndarray:
        """(P,) int64, the position of each target in `sessions.items`."""
        target = np.ones(self.sessions.n_events, bool) if self.only is None else self.only.copy()
        target[self.sessions.offsets[:-1]] = False
        return np.flatnonzero(target)

    @cached_property
    def session(self) -> np.ndarray:
        return self.sessions.session[self.position]

    @cached_property
    def step(self) -> np.ndarray:
        return self.position - self.sessions.offsets[self.session]

    @cached_property
    def target(self) -> np.ndarray:
        return self.sessions.items[self.position]

    @cached_property
    def last(self) -> np.ndarray:
        return self.sessions.items[self.position - 1]

    def __len__(self) -> int:
        return len(self.position)

    def items(self, i: int) -> np.ndarray:
        """The events before target i, oldest first."""
        return self.sessions.items[self.sessions.offsets[self.session[i]] : self.position[i]]
