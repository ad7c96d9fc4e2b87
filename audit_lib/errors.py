"""Errors a user can act on: each says what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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
