"""Reads pickled lists of integers without running a pickle.

Two of the published splits are distributed as Python pickles, and a pickle is a program: `pickle.load` on a file from
the internet may run anything. The operations of a file are therefore listed first, which runs none of them. Only those
that write integers, lists and tuples are let through: no global, no call, no persistent id, and no look-up in the memo,
so that no object can be shared or contain itself (which rules out files that expand without bound).
"""

from __future__ import annotations

import pickle
import pickletools
from typing import Any

from audit_lib.errors import InputError

MAX_BYTES = 64 * 2**20  # the largest published file has 4 MiB; one byte of input makes at most one small object
ALLOWED = {
    "PROTO", "FRAME", "BINPUT", "LONG_BINPUT", "MEMOIZE", "BININT", "BININT1", "BININT2", "LONG1", "MARK", "STOP",
    "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3",
}  # fmt: skip
_DAMAGED = (ValueError, IndexError, AttributeError, EOFError, pickle.UnpicklingError)  # what pickle says of such files


def read_integers(data: bytes, *, name: str = "the pickle") -> Any:
    """The lists, tuples and integers (64 bits) that `data` holds.

    Raises InputError, naming `name` and the byte, for any other content, for a truncated file and for one over 64 MiB.
    """
    if len(data) > MAX_BYTES:
        raise InputError(f"{name} has {len(data)} bytes; at most {MAX_BYTES} are read from a pickle.")
    at = 0
    try:
        for operation, argument, place in pickletools.genops(data):
            at, number = place or 0, argument if isinstance(argument, int) else 0
            if operation.name not in ALLOWED:
                raise _refusal(name, f"operation {operation.name} is not allowed", at)
            if operation.name == "LONG1" and not -(2**63) <= number < 2**63:
                raise _refusal(name, "an integer has more than 64 bits", at)
            if operation.name == "LONG_BINPUT" and number > len(data):  # pickle would make room for as many
                raise _refusal(name, "a place in the memo is out of reach", at)
        if trailing := len(data) - at - 1:
            raise _refusal(name, f"{trailing} bytes follow the end", at)
        return pickle.loads(data)
    except InputError:
        raise
    except _DAMAGED as error:
        raise _refusal(name, f"the file is truncated or damaged ({error})", at) from error


def _refusal(name: str, reason: str, at: int) -> InputError:
    return InputError(
        f"{name} is not a pickle of plain integers: {reason} at byte {at}. Nothing in it was run. Fetch the file "
        "again, or convert it to a .tsv log with SessionId, ItemId and Time."
    )
