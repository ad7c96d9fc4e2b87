"""Records: measurements that need the official code or a quiet machine, kept with the book so that it can show them.

    book/evidence/records/NAME.json    name, created, versions, host, load, git_commit, official, columns, rows, sha256

A record is verified on reading: its sha256 is over its columns and rows. `command` says what measures it anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.errors import EvidenceError, InputError, MissingError, WriteError
from audit_lib.files import COMMITTED, digest, put
from audit_lib.recommenders import vendored
from audit_lib.recommenders.gru4rec import vendor
from audit_lib.show.table import Table
from audit_lib.study.provenance import git_commit, host, versions

FOLDER = COMMITTED / "records"
TYPES = ("int64", "float64", "bool", "str")
OF_THE_TESTS = ("determinism", "faults", "mutation")  # what the tests measure of themselves, see `tests.defence`
EARLIER = ("determinism_earlier", "latency_earlier", "bench_book_earlier")  # on another processor, or by older code


def command(name: str) -> str:
    """What `python -m` is given to measure this record anew."""
    return f"tests.defence {name}" if name in OF_THE_TESTS else f"audit_lib record {name}"


def write(name: str, table: pd.DataFrame, *, folder: Path | None = None) -> Path:
    """Writes a table as a record, with its provenance, and returns its path.

    Columns are int64, float64 (NaN allowed), bool or text; raises InputError for anything else.
    """
    columns = {str(column): _type(name, column, table[column]) for column in table.columns}
    rows = [
        {column: _plain(value) for column, value in zip(columns, row, strict=True)}
        for row in table.itertuples(index=False)
    ]
    record = {
        "name": name,
        "created": pd.Timestamp.now(tz="UTC").isoformat(timespec="seconds"),
        "versions": versions(),
        "host": host(),
        "load": [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "git_commit": git_commit(),
        "official": official(),
        "columns": columns,
        "rows": rows,
        "sha256": digest([columns, rows]),
    }
    path = (folder or FOLDER) / f"{name}.json"
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        put({path: text.encode()})
    except OSError as error:
        raise WriteError(f"The record '{path}' cannot be written: {error}.") from error
    return path


def read(name: str, *, folder: Path | None = None) -> pd.DataFrame:
    """The table of a record; its provenance is in `.attrs`.

    Raises MissingError if there is no such record, EvidenceError if its file was edited or damaged.
    """
    path = (folder or FOLDER) / f"{name}.json"
    if not path.is_file():
        raise MissingError(f"There is no record '{path}'. Make it with `python -m {command(name)}`.")
    again = f"Make it anew with `python -m {command(name)}`."
    try:
        record = json.loads(path.read_text("utf8"))
        found, expected = digest([record["columns"], record["rows"]]), str(record["sha256"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EvidenceError(f"'{path}' is not a record: {error!r}. {again}") from error
    if found != expected:
        raise EvidenceError(f"'{path}' was edited: its rows have sha256 {found[:12]}, not {expected[:12]}. {again}")
    try:
        table = pd.DataFrame(record["rows"], columns=list(record["columns"])).astype(record["columns"])
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError, AssertionError) as error:
        raise EvidenceError(f"'{path}' is not a record: its rows do not fit its columns ({error}). {again}") from error
    table.attrs = {key: value for key, value in record.items() if key not in ("columns", "rows")}
    return table


def provenance_table(tables: Iterable[pd.DataFrame], lang: str) -> Table:
    """Record, Created, Processor, Commit, Official code, Versions, sha256 of the tables that `read` returned."""
    rows = []
    for about in (table.attrs for table in tables):
        versions = ", ".join(f"{name} {about['versions'][name]}" for name in ("python", "numpy", "pandas", "torch"))
        rows.append((
            about["name"], about["created"], f"{about['host']['cpu']} ({about['host']['cores']})",
            (about["git_commit"] or "–")[:12], (about["official"] or "–")[:12], versions, about["sha256"][:12],
        ))  # fmt: skip
    headings = ("Record", "Measured", "Processor (cores)", "Commit", "Official code", "Versions", "Rows (sha256)")
    return Table(pd.DataFrame(rows, columns=list(headings)), lang=lang)


def official() -> str | None:
    """The commit of the official code that is there to be measured; None if there is none."""
    try:
        return vendored.verify(vendor.OFFICIAL).commit
    except (MissingError, InputError):
        return None


def _type(name: str, column: str, values: pd.Series) -> str:
    if values.isna().all():
        return "float64"  # None throughout, where there was nothing to measure
    kinds = {bool: "bool", int: "int64", float: "float64", str: "str"}
    found = {kinds.get(type(value), "") for value in map(_plain, values) if value is not None}
    if len(found) != 1 or (values.isna().any() and found != {"float64"}):
        raise InputError(f"The column '{column}' of record '{name}' is not one of {', '.join(TYPES)}.")
    return found.pop()


def _plain(value: Any) -> Any:
    """A JSON value; None for NaN."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and np.isnan(value) else value
