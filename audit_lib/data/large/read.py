"""A log file of any size as a Parquet file that DuckDB can read: the same values as `reading.read` would give.

A single Parquet file of plain types is taken as it is. Everything else is written anew, a piece at a time, with the
types that `reading.read` gives: ids of a text are integers if every one of them is written as one, else text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from audit_lib.data import reading
from audit_lib.data.logs import COLUMNS, TIME
from audit_lib.data.reading import IDS, LogFile, files
from audit_lib.errors import InputError


@dataclass(frozen=True)
class Events:
    """A Parquet file of events in the order of the log, and the names of its columns by their role."""

    path: Path
    names: Mapping[str, str]


def estimated_events(path: Path) -> int:
    """Rows of the file: exact for Parquet, from its size and the length of its first lines for text."""
    if path.is_dir() or files.ending_of(path) == files.PARQUET:
        try:
            return reading.dataset_of(path).count_rows()
        except (pa.ArrowException, OSError):
            return 0  # whoever reads it will say what is wrong
    try:
        with files.open_bytes(path) as file:
            start = file.read(1 << 20)
    except (OSError, EOFError):
        return 0
    packed = 6 if files.is_compressed(path) else 1  # click logs as text are about six times as large
    return int(packed * path.stat().st_size * start.count(b"\n") / max(len(start), 1))


def as_events(source: LogFile, folder: Path) -> Events:
    """The log as Parquet: written under `folder`, or linked there under a plain name.

    Raises InputError if it is not a log (a file that is written anew is checked here already).
    """
    target = folder / "events.parquet"
    try:
        if _is_plain(source):
            target.symlink_to(source.path.absolute())
            return Events(target, source.names)
        _convert(source, target)
    except InputError:
        raise
    except files.UNREADABLE as error:
        raise InputError(f"'{source.path}' cannot be read as {source.path.suffix}: {error}") from error
    return Events(target, {name: name for name in COLUMNS})


def _is_plain(source: LogFile) -> bool:
    """Whether DuckDB can read the file itself: one Parquet file, ids numbers or text, times seconds or positions."""
    if source.text is not None or source.path.is_dir() or source.unit not in (None, "s", "order"):
        return False
    schema = reading.dataset_of(source.path).schema
    present = [name.lower() for name in schema.names]  # SQL would take one for the other
    if any(present.count(own.lower()) > 1 for own in source.names.values()):
        return False
    number = lambda kind: pa.types.is_integer(kind) or pa.types.is_float32(kind) or pa.types.is_float64(kind)  # noqa: E731
    kinds = {role: schema.field(own).type for role, own in source.names.items()}
    plain = lambda kind: number(kind) or pa.types.is_boolean(kind) or pa.types.is_string(kind)  # noqa: E731
    return number(kinds[TIME]) and all(plain(kinds[role]) for role in IDS)


def _convert(source: LogFile, target: Path) -> None:
    """Writes the log as Parquet; once more, with ids as text, where a later piece shows that not all are integers."""
    whole = dict.fromkeys(IDS, source.text is not None)
    while (found := _write(source, target, whole)) != whole:
        whole = found


def _write(source: LogFile, target: Path, whole: Mapping[str, bool]) -> dict[str, bool]:
    """One pass over the events; returns the ids that are integers throughout. whole: those to write as integers."""
    found, writer = dict(whole), None
    try:
        for piece in source.pieces():
            for role in IDS:
                found[role] = found[role] and reading.are_integers(piece.column(role))
            if found != whole:
                continue  # only to see what is in the rest
            ids = [piece.column(role).cast(pa.int64()) if whole[role] else piece.column(role) for role in IDS]
            batch = pa.RecordBatch.from_arrays([*ids, piece.column(TIME)], names=list(COLUMNS))
            writer = writer or pq.ParquetWriter(target, batch.schema)
            writer.write_batch(batch)
    finally:
        if writer is not None:
            writer.close()
    return found
