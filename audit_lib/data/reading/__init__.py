"""Reading logs: text by tabs, commas or semicolons (also .gz), RecBole's atomic files, Parquet and folders of it.

A log is read without interpretation: identifiers in a text are the text (`007` and `7` are two items, `NA` is one),
columns of a Parquet file keep their type, every line is an event or an error. `read` gives the table and what is worth
knowing about it; `large` reads the same files, by the same functions, without ever holding the table.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset

from audit_lib.data.logs import COLUMNS, ITEM, PART, SESSION, TIME, validate
from audit_lib.data.reading import files, text, times
from audit_lib.data.reading.files import READABLE, UNREADABLE
from audit_lib.data.reading.times import Note, TimeKind
from audit_lib.errors import InputError

__all__ = ["READABLE", "LogFile", "Note", "Reading", "TimeKind", "open_log", "read", "read_log"]

IDS = (SESSION, ITEM)
MANY = 3  # rows named in an error

log_ = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """A validated log, whether its Time is real or an order, and what is worth knowing about the file."""

    log: pd.DataFrame
    time: TimeKind
    notes: tuple[Note, ...]


@dataclass
class LogFile:
    """A file of events that has been looked at. names: its own name of each role. text: of a text file."""

    path: Path
    names: dict[str, str]
    columns: list[str]
    unit: str | None = None
    text: text.Text | None = None
    notes: list[Note] = field(default_factory=list)
    dates: bool = False
    zoneless: int = 0

    def pieces(self) -> Iterator[pa.RecordBatch]:
        """SessionId, ItemId, Time (float64 seconds, or positions) by pieces. Ids as stored; a text's are text.

        Raises InputError for a blank id, a time that is no finite number, and a line that is no event; all failures of
        the file at once, each with its first rows.
        """
        failures, row = Failures(self), 0
        for batch in self._raw():
            try:
                parsed = times.parse(batch.column(TIME), self.unit)
            except times.BadTime as error:
                raise self._bad_time(error, row) from error
            except InputError as error:
                raise InputError(f"{self.path}: {error}") from error
            if row and parsed.dates != self.dates:
                raise InputError(f"{self.path}: column {TIME} has numbers and dates. Write all of them in one way.")
            self.dates, self.zoneless = parsed.dates, self.zoneless + parsed.zoneless
            ids = [self._ids(batch.column(role)) for role in IDS]
            failures.look(ids, parsed.seconds, row)
            row += len(batch)
            yield pa.RecordBatch.from_arrays([*ids, pa.array(parsed.seconds)], names=list(COLUMNS))
        failures.check()
        if row < 2:
            held = "a single event" if row else "no events"
            raise InputError(f"{self.path} holds {held}. A log needs at least one session of two events.")

    def _raw(self) -> Iterator[pa.RecordBatch]:
        if self.text is not None:
            yield from self.text.pieces()
            return
        own = [self.names[role] for role in COLUMNS]
        for batch in dataset_of(self.path).to_batches(columns=own, batch_size=text.CHUNK):
            if len(batch):
                yield pa.RecordBatch.from_arrays([_plain(batch.column(name)) for name in own], names=list(COLUMNS))

    def _ids(self, values: pa.Array) -> pa.Array:
        """Blank text as missing."""
        if not pa.types.is_string(values.type) and not pa.types.is_large_string(values.type):
            return values
        return pc.if_else(pc.equal(pc.utf8_trim_whitespace(values), ""), None, values)

    def _bad_time(self, error: times.BadTime, before: int) -> InputError:
        said = str(error).replace(f"row {error.row} ", f"row {error.row + before} ")
        return InputError(
            f"{self.path}: {said}{self.on_line(error.row + before)}. Time is a number of Unix seconds (or in another "
            "--time-unit), or a date in ISO 8601 such as 2026-11-28T21:30:00+01:00."
        )

    def on_line(self, row: int) -> str:
        """' on line N' of a text file; nothing for Parquet."""
        return "" if self.text is None else f" on line {self.text.line_of(row)}"


class Failures:
    """What is wrong with the events of a file, by column and reason: how many rows, and the first of them."""

    def __init__(self, source: LogFile):
        self.source = source
        self.found: dict[tuple[str, str], tuple[int, list[int]]] = {}

    def look(self, ids: list[pa.Array], seconds: np.ndarray, before: int) -> None:
        """Notes what is wrong with a piece that begins at this row."""
        for role, values in zip(IDS, ids, strict=True):
            self._mask(role, "is missing or NaN", pc.is_null(values, nan_is_null=True).to_numpy(False), before)
        self._mask(TIME, "is missing or NaN", np.isnan(seconds), before)
        self._mask(TIME, "is not a finite number", np.isinf(seconds), before)

    def _mask(self, column: str, reason: str, bad: np.ndarray, before: int) -> None:
        at = np.flatnonzero(bad)
        self.add(column, reason, len(at), (at[:MANY] + before).tolist())

    def add(self, column: str, reason: str, count: int, first: list[int]) -> None:
        """Notes that so many rows, of which these are the first, have a value that `reason` says to be wrong."""
        if count:
            before, rows = self.found.get((column, reason), (0, []))
            self.found[column, reason] = before + count, [*rows, *first][:MANY]

    def check(self) -> None:
        """Raises InputError, naming every failure at once, if there is one."""
        if self.found:
            lines = [
                f"  column {column}: {n} rows, value {reason}; first rows: {', '.join(map(str, rows))}"
                f"{self.source.on_line(rows[0]).replace(' on', ', the first on')}. Correct or drop them."
                for (column, reason), (n, rows) in self.found.items()
            ]
            raise InputError(f"{self.source.path} is not a valid log:\n" + "\n".join(lines))


def open_log(path: str | Path, *, columns: Mapping[str, str] | None = None, time_unit: str | None = None) -> LogFile:
    """Looks at a log's file: its kind, columns and lines. Raises MissingError, InputError as `read` does."""
    path, columns, unit = Path(path), files.check_mapping(columns), times.check_unit(time_unit)
    ending = files.kind_of(path)
    try:
        if ending == files.PARQUET:
            present = dataset_of(path).schema.names
            source = LogFile(path, files.own_names(path, present, columns), present, unit)
            if path.is_dir():
                files.check_parts(path, source.names.values())
        else:
            seen = text.survey(path, ending, columns)
            source = LogFile(path, seen.names, seen.columns, unit, seen)
    except InputError:
        raise
    except UNREADABLE as error:
        raise InputError(f"'{path}' cannot be read as {ending}: {error}") from error
    source.notes += _of_file(source, ending)
    return source


def dataset_of(path: Path) -> pa.dataset.Dataset:
    """A Parquet file, or a folder of them, in order of name."""
    found = [str(part) for part in files.parts_of(path)] if path.is_dir() else str(path)
    return pa.dataset.dataset(found, format="parquet")


def _plain(values: pa.Array) -> pa.Array:
    """Categories as the values that they stand for, bytes as the text that they are in UTF-8."""
    values = values.dictionary_decode() if pa.types.is_dictionary(values.type) else values
    kind = values.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return values.cast(pa.string())
    return values


def _of_file(source: LogFile, ending: str) -> list[Note]:
    found = []
    if source.text is not None:
        usual = "," if ending in files.COMMAS else "\t"
        if source.text.separator != usual:
            found.append(Note(f"Its columns are separated by {text.SEPARATORS[source.text.separator]}."))
        if source.text.stray is not None:
            found.append(Note(
                f"Line {source.text.stray} has a quotation mark that closes nowhere on it: such marks in this file "
                "are read as characters like others."
            ))  # fmt: skip
    if PART in source.columns:
        found.append(Note(f"Its column {PART} is not used: the split is by time."))
    return found


def read_log(
    path: str | Path, *, columns: Mapping[str, str] | None = None, time_unit: str | None = None
) -> pd.DataFrame:
    """Reads and validates a log: the table of `read`."""
    return read(path, columns=columns, time_unit=time_unit).log


def read(path: str | Path, *, columns: Mapping[str, str] | None = None, time_unit: str | None = None) -> Reading:
    """Reads and validates a log from a text or Parquet file, or from a folder of Parquet files.

    columns: maps SessionId, ItemId, Time to the file's own names, where they differ. time_unit: one of `times.UNITS`;
    without it numbers are Unix seconds, or positions where they plainly are (see `times.is_order`).
    Raises MissingError if there is no such file, InputError (naming every failure at once) if it is not a log.
    """
    source = open_log(path, columns=columns, time_unit=time_unit)
    try:
        pieces = list(source.pieces())
    except InputError:
        raise
    except UNREADABLE as error:
        raise InputError(f"'{path}' cannot be read as {files.kind_of(source.path)}: {error}") from error
    table = pa.Table.from_batches(pieces)
    log = pd.DataFrame({role: _as_series(table.column(role)) for role in COLUMNS})
    time, log = _kind_of_time(source, log)
    log = validate(log, name=str(path))
    found = [*source.notes, *notes_of_time(source, log[TIME].to_numpy(), time)]
    for note in found:
        log_.log(logging.WARNING if note.grave else logging.INFO, "%s: %s", path, note.text)
    return Reading(log, time, tuple(found))


def _as_series(values: pa.ChunkedArray) -> Any:
    return as_integers(values).to_pandas(ignore_metadata=True)


def as_integers(values: Any) -> Any:
    """Text of which every one is an integer of 64 bits as it is usually written, as integers; all else as it is.

    '7' and '12' become numbers, which no two texts share: '07', '+7', '7.0' or '-0' keep the whole column text.
    """
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)) or not are_integers(values):
        return values
    return pc.cast(values, pa.int64())


def are_integers(values: Any) -> bool:
    """Whether every text is an integer of 64 bits as it is usually written."""
    if not pc.all(pc.match_substring_regex(values, "^(0|-?[1-9][0-9]{0,18})$")).as_py():
        return False
    try:
        pc.cast(values, pa.int64())
    except pa.ArrowInvalid:  # 19 digits may be too many
        return False
    return True


def _kind_of_time(source: LogFile, log: pd.DataFrame) -> tuple[TimeKind, pd.DataFrame]:
    """Whether Time is real or an order; an order that begins anew in every session becomes the running position."""
    if source.dates or source.unit not in (None, "order"):
        return "real", log
    seconds = log[TIME].to_numpy()
    try:
        codes, labels = pd.factorize(log[SESSION])
    except TypeError:  # lists are no ids: `logs.validate` says so
        return "real", log
    restarting = times.restarting(codes, seconds) if len(labels) > 2 else 0.0
    whole = bool((seconds == np.floor(seconds)).all())
    if source.unit is None and not times.is_order(
        seconds.min(), seconds.max(), whole=whole, distinct=whole and log[TIME].is_unique, events=len(log),
        restarting=restarting,
    ):  # fmt: skip
        return "real", log
    if restarting > 0.5:
        log = log.assign(**{TIME: times.positions(codes, seconds)})
    return "order", log


def notes_of_time(source: LogFile, seconds: np.ndarray, time: TimeKind) -> list[Note]:
    """What is worth knowing about the times of a log."""
    if time == "order":
        if source.unit:
            return [Note("Time is read as an order, not as dates.")]
        return [Note(
            "Time counts events and holds no dates: it is read as an order. If it is in seconds, give --time-unit s."
        )]  # fmt: skip
    found = times.notes(
        float(seconds.min()), float(seconds.max()), times.strays(seconds), unit=source.unit, dates=source.dates
    )
    if source.zoneless:
        found.append(Note(f"{source.zoneless} times name no time zone: they are taken as UTC."))
    return found
