"""A log file of any size as a Parquet file that DuckDB can read: the same values as `sessions.read_log` would give.

A Parquet file is taken as it is. Text is parsed by pandas a piece at a time, with the types that it would infer from
the whole file: ids are integers if all of them are, else numbers if all are, else text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from audit_lib import sessions
from audit_lib.errors import InputError
from audit_lib.sessions import COLUMNS, ITEM, SESSION, TIME

CHUNK = 1_000_000  # rows of text parsed at a time
IDS = (SESSION, ITEM)
_ARROW = {"int64": pa.int64(), "uint64": pa.uint64(), "float64": pa.float64(), "bool": pa.bool_(), "str": pa.string()}


@dataclass(frozen=True)
class Events:
    """A Parquet file of events in the order of the log, and the names of its columns by their role."""

    path: Path
    names: Mapping[str, str]


@dataclass
class Failures:
    """What is wrong, by column and reason: how many rows, and the first three (0-based)."""

    found: dict[tuple[str, str], tuple[int, list[int]]] = field(default_factory=lambda: defaultdict(lambda: (0, [])))

    def add(self, column: str, reason: str, count: int, first: list[int]) -> None:
        if count:
            n, rows = self.found[column, reason]
            self.found[column, reason] = n + count, [*rows, *first][:3]

    def check(self, name: str) -> None:
        """Raises InputError, naming every failure at once, if there is one."""
        if self.found:
            lines = [
                f"  column {column}: {n} rows, value {reason}; first rows: {', '.join(map(str, rows))}. "
                "Correct or drop them."
                for (column, reason), (n, rows) in sorted(self.found.items())
            ]
            raise InputError(f"{name} is not a valid log:\n" + "\n".join(lines))


def estimated_events(path: Path) -> int:
    """Rows of the file: exact for Parquet, from its size and the length of its first lines for text."""
    if path.suffix.lower() == ".parquet":
        try:
            return pq.ParquetFile(path).metadata.num_rows
        except (pa.ArrowException, OSError):
            return 0  # whoever reads it will say what is wrong
    with path.open("rb") as file:
        start = file.read(1 << 20)
    return int(path.stat().st_size * start.count(b"\n") / max(len(start), 1))


def as_events(path: Path, folder: Path, *, columns: Mapping[str, str] | None = None) -> Events:
    """The log as Parquet. Text is written anew under `folder`; a Parquet file is linked there under a plain name.

    Raises MissingError if there is no such file, InputError if it is not a log (a text file is checked here already).
    """
    names = sessions.own_names(path, columns)
    target = folder / "events.parquet"
    try:
        present = sessions.file_columns(path)
        _require(path, names, present)
        if path.suffix.lower() == ".parquet":
            for own in names.values():  # SQL would take one for the other
                if [column.lower() for column in present].count(own.lower()) > 1:
                    raise InputError(f"'{path}': a column's name differs from {own} in capitals alone. Rename it.")
            target.symlink_to(path.absolute())
            return Events(target, names)
        _convert(path, target, names)
    except InputError:
        raise
    except sessions.UNREADABLE as error:
        raise InputError(f"'{path}' cannot be read as {path.suffix}: {error}") from error
    return Events(target, {name: name for name in COLUMNS})


def _require(path: Path, names: Mapping[str, str], present: list[str]) -> None:
    if missing := [own for own in names.values() if own not in present]:
        raise InputError(
            f"'{path}' lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; it has "
            f"{', '.join(map(str, present[:20]))}. Rename them or pass a column mapping."
        )


def _convert(path: Path, target: Path, names: Mapping[str, str]) -> None:
    """Writes text as Parquet; starts again with other types where a later piece shows that the guess was wrong."""
    tried, found = _write(path, target, names, {})
    while tried != found:
        tried, found = _write(path, target, names, found)


def _write(
    path: Path, target: Path, names: Mapping[str, str], types: Mapping[str, str]
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """One pass over the text; returns the types of the ids that were written, and those of the whole file.

    types: what to write; without them the types of the first piece are tried.
    """
    failures, writer, row = Failures(), None, 0
    seen: dict[str, set[str]] = {column: set() for column in IDS}
    try:
        for piece in _pieces(path, {names[column]: kind for column, kind in types.items()}):
            log = piece[[names[c] for c in COLUMNS]].set_axis(list(COLUMNS), axis=1)
            log[TIME] = sessions.as_seconds(log[TIME], f"{path} (rows from {row})")
            _inspect(log, row, failures)
            row += len(log)
            for column in IDS:
                seen[column].add(_kind(log[column]))
            found = {column: _whole(kinds) for column, kinds in seen.items()}
            types = types or found
            if failures.found or found != types:
                continue  # only to see what is in the rest
            arrow = {column: _ARROW[kind] for column, kind in types.items()} | {TIME: pa.float64()}
            writer = writer or pq.ParquetWriter(target, pa.schema(arrow))
            plain = log.astype({c: str for c in IDS if log[c].dtype == object})  # integers beyond 64 bits
            writer.write_table(pa.table({c: pa.array(plain[c].to_numpy(), arrow[c]) for c in COLUMNS}))
    finally:
        if writer is not None:
            writer.close()
    failures.check(str(path))
    if row == 0:
        raise InputError(f"{path} holds no events. A log needs at least one session of two events.")
    return types, found


def _pieces(path: Path, types: dict[str, str]) -> Iterator[pd.DataFrame]:
    separator = "," if path.suffix.lower() == ".csv" else "\t"
    with pd.read_csv(path, sep=separator, low_memory=False, chunksize=CHUNK, dtype=types) as reader:
        for piece in reader:
            if not isinstance(piece.index, pd.RangeIndex):  # as in `sessions.read_log`
                raise ValueError(f"its rows have more fields than its header, which names {len(piece.columns)}.")
            yield piece.reset_index(drop=True)


def _inspect(log: pd.DataFrame, row: int, failures: Failures) -> None:
    finite = np.isfinite(log[TIME].to_numpy())
    for column, reason, bad in (
        *((column, "is missing or NaN", log[column].isna().to_numpy()) for column in IDS),
        (TIME, "is missing or not a finite number", ~finite),
    ):
        at = np.flatnonzero(bad)
        failures.add(column, reason, len(at), (at[:3] + row).tolist())


def _kind(values: pd.Series) -> str:
    """The type that pandas gave a piece; 'negative' for integers of which one is."""
    kind = values.dtype.name if values.dtype.name in _ARROW else "str"
    return "negative" if kind == "int64" and (values < 0).any() else kind


def _whole(kinds: set[str]) -> str:
    """The type that pandas gives a column whose pieces, each on its own, would get these."""
    for known, whole in (
        ({"int64", "negative"}, "int64"), ({"int64", "uint64"}, "uint64"), ({"negative", "uint64", "int64"}, "str"),
        ({"int64", "negative", "uint64", "float64"}, "float64"), ({"bool"}, "bool"),
    ):  # fmt: skip
        if kinds <= known:
            return whole
    return "str"
