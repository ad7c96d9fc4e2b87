"""Reads pickled lists of integers without running a pickle.

Two of the published splits are distributed as Python pickles, and a pickle is a program: `pickle.load` on a file from
the internet may run anything. This reader executes none of it. It knows the dozen opcodes that write integers, lists
and tuples, and refuses every other one: no global, no call, no persistent id, and no look-up in the memo, so that no
object can be shared or contain itself (which rules out files that expand without bound).
"""

from __future__ import annotations

import pickletools
import struct
from typing import Any

from audit_lib.errors import InputError

MAX_BYTES = 64 * 2**20  # the largest published file has 4 MiB; one byte of input makes at most one small object
MAX_DEPTH = 16  # a list of lists needs 2, (prefixes, labels) needs 3

_NAMES = {ord(op.code): op.name for op in pickletools.opcodes}
_IGNORED = {0x80: 1, 0x95: 8, 0x71: 1, 0x72: 4, 0x94: 0}  # PROTO, FRAME, BINPUT, LONG_BINPUT, MEMOIZE: argument bytes
_INTEGERS = {0x4B: ("<B", 1), 0x4D: ("<H", 2), 0x4A: ("<i", 4)}  # BININT1, BININT2, BININT
_TUPLES = {0x85: 1, 0x86: 2, 0x87: 3}  # TUPLE1, TUPLE2, TUPLE3
_MARK, _EMPTY_LIST, _EMPTY_TUPLE, _TUPLE, _APPEND, _APPENDS, _LONG1, _STOP = b"(])tae\x8a."


def read_integers(data: bytes, *, name: str = "the pickle") -> Any:
    """The lists, tuples and integers (64 bits) that `data` holds, nested at most 16 deep.

    Raises InputError, naming `name` and the byte, for any other content, for a truncated file and for one over 64 MiB.
    """
    if len(data) > MAX_BYTES:
        raise InputError(f"{name} has {len(data)} bytes; at most {MAX_BYTES} are read from a pickle.")
    reader = _Reader(data, name)
    try:
        return reader.read()
    except (IndexError, struct.error) as error:
        raise reader.refuse("the file is truncated or damaged") from error


class _Reader:
    """A stack of lists under construction, one level for each open mark, as in the pickle machine."""

    def __init__(self, data: bytes, name: str):
        self.data, self.name, self.at = data, name, 0
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []

    def refuse(self, reason: str) -> InputError:
        return InputError(
            f"{self.name} is not a pickle of plain integers: {reason} at byte {self.at}. Nothing in it was run. "
            "Fetch the file again, or convert it to a .tsv log with SessionId, ItemId and Time."
        )

    def read(self) -> Any:
        data = self.data
        while True:
            code = data[self.at]
            if code in _INTEGERS:
                form, size = _INTEGERS[code]
                self.stack.append(struct.unpack_from(form, data, self.at + 1)[0])
                self.at += 1 + size
            elif code in _IGNORED:
                self.at += 1 + _IGNORED[code]
            elif code == _LONG1:
                self._long(data[self.at + 1])
            elif code == _STOP:
                return self._end()
            else:
                self._build(code)
                self.at += 1

    def _build(self, code: int) -> None:
        if code == _EMPTY_LIST:
            self.stack.append([])
        elif code == _EMPTY_TUPLE:
            self.stack.append(())
        elif code == _MARK:
            if len(self.marks) == MAX_DEPTH:
                raise self.refuse(f"nested more than {MAX_DEPTH} deep")
            self.marks.append(self.stack)
            self.stack = []
        elif code in (_APPEND, _APPENDS, _TUPLE):
            self._gather(code)
        elif code in _TUPLES:
            size = _TUPLES[code]
            if len(self.stack) < size:
                raise self.refuse("a tuple lacks its parts")
            self.stack[-size:] = [tuple(self.stack[-size:])]
        else:
            raise self.refuse(f"operation {_NAMES.get(code, f'0x{code:02x}')} is not allowed")

    def _gather(self, code: int) -> None:
        """APPEND, APPENDS, TUPLE: what lies above goes into the list below it, or becomes a tuple."""
        if code == _APPEND:
            items = [self.stack.pop()]
        else:
            items, self.stack = self.stack, self.marks.pop()
        if code == _TUPLE:
            self.stack.append(tuple(items))
        elif not self.stack or not isinstance(self.stack[-1], list):
            raise self.refuse("an append has no list to go to")
        else:
            self.stack[-1].extend(items)

    def _long(self, size: int) -> None:
        if size > 8:
            raise self.refuse("an integer has more than 64 bits")
        raw = self.data[self.at + 2 : self.at + 2 + size]
        if len(raw) < size:
            raise self.refuse("the file is truncated")
        self.stack.append(int.from_bytes(raw, "little", signed=True))
        self.at += 2 + size

    def _end(self) -> Any:
        if self.marks or len(self.stack) != 1:
            raise self.refuse("the file ends before its lists do")
        if self.at != len(self.data) - 1:
            raise self.refuse(f"{len(self.data) - 1 - self.at} bytes follow the end")
        return self.stack[0]
