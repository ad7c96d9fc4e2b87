"""The pickle reader: reads what pickle writes for lists of integers, and runs nothing."""

import contextlib
import os
import pickle
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lib.data.safe_pickle import MAX_BYTES, read_integers
from audit_lib.errors import InputError

integers = st.integers(-(2**63), 2**63 - 1)
nested = st.recursive(integers, lambda inner: st.lists(inner) | st.tuples(inner, inner), max_leaves=30)


@given(nested, st.integers(2, 5))
def test_reads_what_pickle_writes(value, protocol):
    assert read_integers(pickle.dumps([value], protocol)) == [value]


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_give_integers_or_an_input_error(data):
    with contextlib.suppress(InputError):
        read_integers(data)


@settings(max_examples=300)
@given(st.lists(st.lists(integers, max_size=5), max_size=5), st.integers(0, 200), st.integers(0, 255))
def test_a_damaged_byte_gives_integers_or_an_input_error(value, at, byte):
    data = bytearray(pickle.dumps(value, 2))
    data[at % len(data)] = byte
    with contextlib.suppress(InputError):
        read_integers(bytes(data))


class _Runs:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_payload_that_calls_the_system_is_refused_and_not_run(tmp_path, protocol):
    marker = tmp_path / "ran"
    data = pickle.dumps([[1, 2], _Runs(marker)], protocol)
    with pytest.raises(InputError, match="is not allowed"):
        read_integers(data)
    assert not marker.exists()
    pickle.loads(data)  # the payload is a real one
    assert marker.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02cos\nsystem\n.",  # GLOBAL
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",  # STACK_GLOBAL
        b"(S'ls'\nios\nsystem\n.",  # INST
        b"\x80\x02K\x01R.",  # REDUCE
        b"\x80\x02Q.",  # BINPERSID
        b"\x80\x02]q\x00h\x00.",  # BINGET
        b"\x80\x02]q\x00j\x00\x00\x00\x00.",  # LONG_BINGET
        b"\x80\x02}.",  # EMPTY_DICT
        b"\x80\x02X\xff\xff\xff\x7f",  # BINUNICODE that claims 2 GiB
        b"\x80\x02\x8b\xff\xff\xff\x7f",  # LONG4 that claims 2 GiB
    ],
    ids=lambda data: repr(data),
)
def test_every_other_operation_is_refused(data):
    with pytest.raises(InputError, match="is not allowed"):
        read_integers(data)


def test_a_memo_bomb_is_refused():
    bomb = b"\x80\x02]q\x00" + b"".join(b"(h%ch%ce]q%c" % (i, i, i + 1) for i in range(60)) + b"."
    with pytest.raises(InputError, match="BINGET is not allowed"):
        read_integers(bomb)


def test_a_huge_memo_index_costs_nothing():
    assert read_integers(b"\x80\x02]r\xff\xff\xff\xffK\x07a.") == [7]


@pytest.mark.parametrize("size", range(1, 30))
def test_a_truncated_file_is_refused_wherever_it_ends(size):
    data = pickle.dumps([[1, 2, 300], [70000, 5]], 2)
    assert size < len(data)
    with pytest.raises(InputError):
        read_integers(data[:size])


def test_integers_beyond_64_bits_and_deep_nesting_are_refused():
    with pytest.raises(InputError, match="more than 64 bits"):
        read_integers(pickle.dumps([2**64], 2))
    deep = []
    for _ in range(40):
        deep = [0, deep]
    with pytest.raises(InputError, match="nested more than 16 deep"):
        read_integers(pickle.dumps(deep, 2))


def test_bytes_after_the_end_and_open_lists_are_refused():
    with pytest.raises(InputError, match="3 bytes follow"):
        read_integers(pickle.dumps([1], 2) + b"abc")
    with pytest.raises(InputError, match="ends before its lists do"):
        read_integers(b"\x80\x02](K\x01.")
    with pytest.raises(InputError, match="no list to go to"):
        read_integers(b"\x80\x02K\x01K\x02a.")


def test_a_file_over_the_bound_is_not_read():
    with pytest.raises(InputError, match=f"at most {MAX_BYTES}"):
        read_integers(bytes(MAX_BYTES + 1))


def test_negative_four_byte_integers_keep_their_sign():
    assert read_integers(b"\x80\x02]J" + struct.pack("<i", -5) + b"a.") == [-5]
