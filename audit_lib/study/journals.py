"""The file in which a search keeps its trials, one JSON record a line (Optuna's journal)."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from audit_lib.errors import InputError

log_ = logging.getLogger(__name__)


def open_journal(path: Path) -> JournalStorage:
    """The journal at `path`, begun if there is none.

    A last line that a crash or a full disk has cut is taken away: its trial is drawn again. Raises InputError if the
    file is anything else than a journal, and leaves it as it is.
    """
    if path.is_dir():
        raise InputError(f"'{path}' is a folder. Give the name of a file in which the search keeps its trials.")
    if path.is_file():
        _mend(path)
    try:
        return JournalStorage(JournalFileBackend(str(path)))
    except (LookupError, ValueError, TypeError, AttributeError, AssertionError, NotImplementedError) as error:
        raise _foreign(path, 1) from error


def _mend(path: Path) -> None:
    content, whole = path.read_bytes(), 0
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        if not _is_record(line):
            if whole + len(line) < len(content) or (not whole and not line.startswith(b"{")):
                raise _foreign(path, number)
            break
        whole += len(line)
    if whole < len(content):
        log_.warning("'%s' ends within a line, as after a crash. That line is dropped; its trial is run again.", path)
        with path.open("r+b") as file:
            file.truncate(whole)


def _is_record(line: bytes) -> bool:
    try:
        record = json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and isinstance(record.get("op_code"), int)


def _foreign(path: Path, line: int) -> InputError:
    return InputError(
        f"'{path}' holds no search: line {line} is none of its records. Give another file, or remove this one."
    )
