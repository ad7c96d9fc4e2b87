"""Fuzzing: how many cases, counted and handed on to `tests.defence.fault_counts`, which records them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.defence.fault_counts import CASES

# Bits flipped, bytes cut out, bytes put in, a piece repeated: what happens to files, and what is done to them.
_EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "put", "again"]), st.floats(0, 1), st.integers(0, 255), st.integers(1, 9)
    ),
    min_size=1,
    max_size=6,
)


def fuzz(strategy: st.SearchStrategy[Any], check: Callable[[Any], None], record: Callable[[str, object], None]) -> int:
    """Runs `check` on the cases of a strategy, `AUDIT_FUZZ` times the usual number of them, and records how many.

    The cases are the same every time: a failure can be run again.
    """
    wanted, done = CASES * int(os.environ.get("AUDIT_FUZZ") or 1), 0

    @settings(
        max_examples=wanted, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(strategy)
    def cases(value: Any) -> None:
        nonlocal done
        done += 1
        check(value)

    cases()
    record("cases", done)
    return done


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """The bytes of a good file with up to six edits."""
    data = bytearray(whole)
    for kind, where, byte, size in draw(_EDITS):
        at = int(where * max(len(data) - 1, 0))
        if kind == "flip" and data:
            data[at] ^= byte or 1
        elif kind == "cut":
            del data[at : at + size * 5]
        elif kind == "put":
            data[at:at] = bytes([byte]) * size
        else:
            data[at:at] = data[at : at + size * 3]
    return bytes(data)
