"""How every command line of ours ends: what went wrong is one message on standard error, never a traceback."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from audit_lib.errors import AuditError

NO_MEMORY = ("can't allocate memory", "out of memory", "DefaultCPUAllocator")  # how torch and DuckDB say it


def run(cli: click.Command, arguments: Sequence[str] | None = None) -> Any:
    """What `cli` returns for these arguments (None: the process's). Exits with 1 after an error, 130 when stopped."""
    _print_any_name()
    try:
        return cli(list(arguments) if arguments is not None else None, standalone_mode=False)
    except AuditError as error:
        sys.exit(_end(str(error)))
    except BrokenPipeError:  # whoever read our output has seen enough, as `head` does
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        sys.exit(_end(f"{error}. Is there room on the disk, and permission to read and to write?"))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except Exception as error:
        sys.exit(_end(_in_words(error)))


def _end(message: str) -> int:
    click.echo(f"Error: {message}", err=True)
    return 1


def _in_words(error: Exception) -> str:
    """One message for an error that nobody raised on purpose."""
    said = " ".join(str(error).split())
    if isinstance(error, MemoryError) or any(words in said for words in NO_MEMORY):
        return (
            f"The memory of this machine is used up ({said[:200] or 'MemoryError'}). End other programs, or take a "
            "smaller log, batch_size or n_sample. `python -m audit_lib doctor` says what is free."
        )
    if isinstance(error, UnicodeError):
        return (
            f"A name or a text is not UTF-8 ({said[:200]}). Rename the file or folder, or save the file as UTF-8, for "
            f"example with `iconv -f latin1 -t utf-8`.{_kept(error)}"
        )
    where = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"{type(error).__name__}: {said[:500]} (in {Path(where.filename).name}, line {where.lineno}). This is not "
        f"foreseen: a fault of ours, or of the machine.{_kept(error)}"
    )


def _kept(error: Exception) -> str:
    """Where the whole traceback lies, for a report of the fault."""
    try:
        with tempfile.NamedTemporaryFile("w", prefix="audit-", suffix=".log", delete=False, errors="replace") as file:
            file.writelines(traceback.format_exception(error))
        return f" Details are in {file.name}."
    except OSError:
        return ""


def _print_any_name() -> None:
    """Lets names of files be printed that are not UTF-8, and signs that a terminal does not have."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            unicode = (stream.encoding or "").lower().replace("-", "") == "utf8"
            stream.reconfigure(errors="surrogateescape" if unicode else "backslashreplace")
