"""The tables of evidence: whole numbers in Parquet, read only if they have their hash, their columns and their size."""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from audit_lib.errors import EvidenceError, MissingError

FORMAT = 1
TARGETS = ("session", "step", "support")
MAX_TARGETS = 50_000_000  # 1.6 GB of ranks; a file of a few kilobytes can claim any number
AGAIN = "Delete it and run again, or rank with --fresh."


def as_parquet(columns: dict[str, np.ndarray]) -> bytes:
    """The bytes of a Parquet file of unsigned integers of the smallest sufficient width."""
    arrays = {name: values.astype(np.min_scalar_type(int(values.max(initial=0)))) for name, values in columns.items()}
    buffer = io.BytesIO()
    pq.write_table(pa.table(arrays), buffer, compression="zstd", compression_level=19, use_dictionary=False)
    return buffer.getvalue()


def read_table(path: Path, sha256: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """(P, len(columns)) int64, none negative. Nothing is expanded before its number of rows and its types are known."""
    if not path.is_file():
        raise MissingError(f"There is no evidence file '{path}'.")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise EvidenceError(f"'{path}' was changed: its sha256 is {found}, its manifest says {sha256}. {AGAIN}")
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        if file.metadata.num_rows > MAX_TARGETS:
            raise ValueError(f"it has {file.metadata.num_rows} rows; at most {MAX_TARGETS} are read")
        if tuple(file.schema_arrow.names) != columns or not all(map(pa.types.is_integer, file.schema_arrow.types)):
            raise ValueError(f"it has other columns than the integers {', '.join(columns)}")
        read = file.read(use_threads=False).columns
        if any(column.null_count for column in read):
            raise ValueError("values are missing")
        table = {name: column.to_numpy().astype(np.int64) for name, column in zip(columns, read, strict=True)}
    except (OSError, ValueError, LookupError, TypeError, RuntimeError, MemoryError, pa.ArrowException) as error:
        raise EvidenceError(f"'{path}' is no table of this format ({FORMAT}): {error}. {AGAIN}") from error
    if any(column.min(initial=0) < 0 for column in table.values()):
        raise EvidenceError(f"'{path}' holds negative numbers, or such beyond 64 bits, where counts belong. {AGAIN}")
    return pd.DataFrame(table, copy=False)


def shared_targets(path: Path, sha256: str) -> pd.DataFrame:
    """The targets table that all runs of a split refer to: read and verified once, and again when the file changes."""
    about = path.stat() if path.is_file() else None
    return _targets_of(path, sha256, about and (about.st_mtime_ns, about.st_size, about.st_ino))


@lru_cache(maxsize=64)
def _targets_of(path: Path, sha256: str, _as_it_is: object) -> pd.DataFrame:
    return read_table(path, sha256, TARGETS)
