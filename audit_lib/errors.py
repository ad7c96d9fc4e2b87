"""Errors a user can act on: each says what is wrong, where, and what to do.

A command of ours that fails while it loads its libraries says so in one message, too: no traceback.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from types import TracebackType

COMMAND = "gru4rec-audit"  # as pip installs it; `python -m audit_lib` in a checkout


class AuditError(Exception):
    """Base of every error this library raises on purpose. The command line prints it as one message."""


class InputError(AuditError, ValueError):
    """A log, a file or a parameter is not usable as it is."""


class LeakError(AuditError, ValueError):
    """A split shares sessions between train and test."""


class ScoreError(AuditError, ValueError):
    """A recommender returned scores that cannot be ranked."""


class DivergedError(AuditError, ArithmeticError):
    """Training went astray: its loss is no longer a number."""


class EvidenceError(AuditError, ValueError):
    """An evidence file or its manifest is missing, damaged or does not belong together."""


class MissingError(AuditError, FileNotFoundError):
    """Something that has to be fetched or made first is not there."""


class BusyError(AuditError, RuntimeError):
    """Another process is at work on the same files."""


class WriteError(AuditError, OSError):
    """A file cannot be written where it should be: there is no room, or no permission."""


def unknown(kind: str, name: str, known: Iterable[str]) -> InputError:
    """The error for a name that is not in a registry: suggests the nearest and lists the rest."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return InputError(f"Unknown {kind} '{name}'.{hint} Known: {', '.join(known)}.")


def one_of(kind: str, name: str, known: Collection[str]) -> str:
    """The name, which must be one of a registry. Raises InputError as `unknown` has it."""
    if name not in known:
        raise unknown(kind, name, known)
    return name


def guard() -> None:
    """Gives errors words for our commands alone: whoever imports the library keeps their own way with them."""
    # `python -m` puts "-m" there until the module that was asked for runs.
    if sys.argv[:1] == ["-m"] or Path(*sys.argv[:1]).name == COMMAND:
        sys.excepthook = say


def say(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Prints one message for what happens on a machine; a fault of the code keeps its traceback."""
    if issubclass(kind, KeyboardInterrupt):
        print("Stopped.", file=sys.stderr)
    elif isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("audit_lib"):
        print(
            f"Error: The package '{error.name}' is not installed for {sys.executable}. Use .venv/bin/python, "
            "which `make demo` and every other target prepares.",
            file=sys.stderr,
        )
    elif issubclass(kind, ImportError | MemoryError | OSError):
        said = " ".join(str(error).split()) or kind.__name__
        print(f"Error: A library cannot be loaded: {said}. Is there memory, and is .venv whole?", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)
