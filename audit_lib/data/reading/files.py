"""Which file holds a log, of what kind it is, and which column is which. Nothing of its events is read here."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

import pyarrow
import pyarrow.parquet

from audit_lib.data.logs import COLUMNS, ITEM, SESSION, TIME
from audit_lib.errors import InputError, MissingError
from audit_lib.files import sha256

TABS, COMMAS = (".tsv", ".txt", ".inter"), (".csv",)
PARQUET = ".parquet"
DEPTH = 3  # of folders inside a folder of Parquet files
READABLE = (*TABS, *COMMAS, PARQUET)
KNOWN = "a .tsv, .txt, .csv, .inter (each also with .gz) or .parquet file, or a folder of Parquet files"

# What pandas and Arrow raise for a file that is not what its name says. InputError is a ValueError: let it pass first.
UNREADABLE = (
    OSError, EOFError, ValueError, LookupError, TypeError, RuntimeError, OverflowError, MemoryError, RecursionError,
    pyarrow.ArrowException,
)  # fmt: skip

# How RecBole's atomic files name what a log needs.
ATOMIC = {SESSION: "session_id", ITEM: "item_id", TIME: "timestamp"}

_FIRST_BYTES = {
    b"\x1f\x8b": "it is compressed with gzip: let its name end in .gz",
    b"PK\x03\x04": "it is a zip archive or a spreadsheet: unpack it, or save the sheet as CSV",
    b"PAR1": "it is a Parquet file: let its name end in .parquet",
    b"\xff\xfe": "it is not utf-8 but UTF-16: save it as UTF-8",
    b"\xfe\xff": "it is not utf-8 but UTF-16: save it as UTF-8",
}


def kind_of(path: Path) -> str:
    """The ending that says how a log is stored, without .gz: one of READABLE ('.parquet' for a folder of parts).

    Raises MissingError if there is nothing, or a folder without Parquet files; InputError for another ending.
    """
    if path.is_dir():
        if not parts_of(path):
            raise MissingError(f"There is no file '{path}': it is a folder, and holds no Parquet files. Give {KNOWN}.")
        return PARQUET
    if not path.is_file():
        raise MissingError(f"There is no file '{path}'. Give the path of {KNOWN}.")
    ending = ending_of(path)
    if ending not in READABLE or (ending == PARQUET and is_compressed(path)):
        shown = "".join(path.suffixes[-2:]) if is_compressed(path) else path.suffix
        raise InputError(f"'{path}' has the ending '{shown}'; expected {KNOWN}.")
    return ending


def ending_of(path: str | Path) -> str:
    """The last ending of a name in small letters, that before it where the last is .gz."""
    path = Path(path)
    return (path.with_suffix("") if is_compressed(path) else path).suffix.lower()


def stem_of(path: str | Path) -> str:
    """The name of a log's file without its endings."""
    path = Path(path)
    return Path(path.stem).stem if is_compressed(path) else path.stem


def is_compressed(path: Path) -> bool:
    """Whether its name says that it is compressed with gzip."""
    return path.suffix.lower() == ".gz"


def parts_of(folder: Path) -> list[Path]:
    """Lists the Parquet files of a folder in order of name; none hidden by '_' or '.', as Spark does.

    Folders in it are searched DEPTH deep (year=2020/month=07), so that a wrong name does not search a whole disk.
    """
    found: list[Path] = []
    for root, folders, names in os.walk(folder):
        depth = len(Path(root).relative_to(folder).parts)
        folders[:] = [name for name in folders if name[0] not in "_."] if depth < DEPTH else []
        found += [Path(root, name) for name in names if name.endswith(PARQUET) and name[0] not in "_."]
    return sorted(found)


def check_parts(folder: Path, columns: Iterable[str]) -> None:
    """Raises InputError unless all Parquet files of a folder hold these columns, each as one kind of value.

    Without this the first file would decide, and the text `07` of another be read as the number 7.
    """
    first, *others = [(part, pyarrow.parquet.read_schema(part)) for part in parts_of(folder)]
    for part, schema in others:
        for column in columns:
            if column not in schema.names:
                raise InputError(f"'{part}' lacks the column {column}, which '{first[0]}' has.")
            kinds = [_kind(each.field(column).type) for each in (first[1], schema)]
            if kinds[0] != kinds[1]:
                raise InputError(
                    f"The column {column} holds {kinds[0]} in '{first[0]}' and {kinds[1]} in '{part}'. Write it as one "
                    "kind of value in all parts."
                )


def _kind(kind: pyarrow.DataType) -> str:
    """What values of a type are, in words; whole numbers of every width are of one kind, as are texts."""
    if pyarrow.types.is_dictionary(kind):
        kind = kind.value_type
    if pyarrow.types.is_integer(kind):
        return "whole numbers"
    if pyarrow.types.is_floating(kind):
        return "numbers with a fraction"
    if pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind) or pyarrow.types.is_string_view(kind):
        return "text"
    if pyarrow.types.is_timestamp(kind):
        return "times with a zone" if kind.tz else "times without a zone"
    return f"values of the type {kind}"


def hash_of(path: Path) -> str:
    """The sha256 of a log's file; of a folder, that of the list of its parts by name."""
    if not path.is_dir():
        return sha256(path)
    lines = [f"{sha256(part)}  {part.relative_to(path).as_posix()}" for part in parts_of(path)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def open_bytes(path: Path) -> IO[bytes] | gzip.GzipFile:
    """The bytes of a text, unpacked if its name ends in .gz."""
    return gzip.open(path, "rb") if is_compressed(path) else path.open("rb")


def refuse_other_kinds(path: Path, first: bytes) -> None:
    """Raises InputError if a text begins as something that is no text in UTF-8."""
    said = next((words for magic, words in _FIRST_BYTES.items() if first.startswith(magic)), None)
    if said is None and b"\0" in first:
        said = "it holds bytes that no text in utf-8 has. Save it as UTF-8"
    if said is not None:
        raise InputError(f"'{path}' cannot be read as {path.suffix}: {said}.")


def check_mapping(columns: Mapping[str, str] | None) -> dict[str, str]:
    """The mapping, checked: it names only SessionId, ItemId and Time, and no column of the file twice."""
    columns = dict(columns or {})
    if unknown := set(columns) - set(COLUMNS):
        raise InputError(f"Column mapping names {sorted(unknown)}; it maps only {', '.join(COLUMNS)}.")
    return columns


def matching(present: list[str], columns: Mapping[str, str], *, atomic: bool = False) -> dict[str, str] | None:
    """The file's own name for each of COLUMNS; None if one is missing.

    In an atomic file a name may stand for 'name:type', and session_id, item_id and timestamp are understood.
    """
    names = {}
    for role in COLUMNS:
        wanted = [columns[role]] if role in columns else [role, *([ATOMIC[role]] if atomic else [])]
        found = [name for name in present if name in wanted or (atomic and name.partition(":")[0] in wanted)]
        if not found:
            return None
        names[role] = found[0]
    return names


def own_names(path: Path, present: list[str], columns: Mapping[str, str], *, atomic: bool = False) -> dict[str, str]:
    """As `matching`; raises InputError for a column that is missing, repeated, or asked for twice."""
    names = matching(present, columns, atomic=atomic)
    if names is None:
        wanted = [columns.get(role, ATOMIC[role] if atomic else role) for role in COLUMNS]
        has = {name.partition(":")[0] for name in present} | set(present) if atomic else set(present)
        missing = [name for name in wanted if name not in has]
        users = " A user is not a session: name SessionId=user_id only if a user's history is one." * (
            atomic and missing == [ATOMIC[SESSION]] and "user_id" in has
        )
        headless = " Its first line looks like an event: put a line with the names of the columns above it." * any(
            name.lstrip("-").replace(".", "", 1).isdecimal() for name in present
        )
        raise InputError(
            f"'{path}' lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; it has "
            f"{', '.join(map(str, present[:20]))}. Rename them or pass a column mapping: "
            f"{','.join(f'{role}=NAME' for role in COLUMNS)}.{users}{headless}"
        )
    if repeated := [name for name in dict.fromkeys(names.values()) if present.count(name) > 1]:
        raise InputError(
            f"'{path}' has {present.count(repeated[0])} columns named {repeated[0]}: which of them is meant cannot be "
            "told. Rename or drop the others."
        )
    if len(set(names.values())) < len(names):
        raise InputError(f"'{path}': one column cannot stand for two of {', '.join(COLUMNS)}. Name three columns.")
    return names
