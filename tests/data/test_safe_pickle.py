"""The pickle reader: reads what pickle writes for lists of integers, and runs nothing."""

import os
import pickle
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lib.data.safe_pickle import MAX_BYTES, read_integers
from audit_lib.errors import InputError

integers = st.integers(-(2**63), 2**63 - 1)
nested = st.recursive(integers, lambda inner: st.lists(inner) | st.tuples(inner, inner), max_leaves=30)


@given(nested, st.integers(2, 5))
def test_reads_what_pickle_writes(value, protocol):
    assert read_integers(pickle.dumps([value], protocol)) == [value]


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
    ],
    ids=lambda data: repr(data),
)
def test_every_other_operation_is_refused(data):
    with pytest.raises(InputError, match="is not allowed"):
        read_integers(data)


def test_a_huge_memo_index_is_refused_before_room_is_made_for_it():
    with pytest.raises(InputError, match="out of reach at byte 3"):
        read_integers(b"\x80\x02]r\xff\xff\xff\xffK\x07a.")
    assert read_integers(b"\x80\x02]r\x01\x00\x00\x00K\x07a.") == [7]


@pytest.mark.parametrize("data", [b"\x80\x02X\xff\xff\xff\x7f", b"\x80\x02\x8b\xff\xff\xff\x7f"])
def test_a_text_or_a_number_that_claims_2_gib_is_refused(data):
    with pytest.raises(InputError, match="truncated or damaged"):
        read_integers(data)


@pytest.mark.parametrize("size", range(1, 30))
def test_a_truncated_file_is_refused_wherever_it_ends(size):
    data = pickle.dumps([[1, 2, 300], [70000, 5]], 2)
    assert size < len(data)
    with pytest.raises(InputError):
        read_integers(data[:size])


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**64, 1 << 3000])
def test_integers_beyond_64_bits_are_refused(number):
    with pytest.raises(InputError, match=r"more than 64 bits|LONG4 is not allowed"):
        read_integers(pickle.dumps([number], 2))


def test_bytes_after_the_end_and_an_append_without_a_list_are_refused():
    with pytest.raises(InputError, match="3 bytes follow"):
        read_integers(pickle.dumps([1], 2) + b"abc")
    with pytest.raises(InputError, match="truncated or damaged"):
        read_integers(b"\x80\x02K\x01K\x02a.")


def test_a_file_over_the_bound_is_not_read():
    with pytest.raises(InputError, match=f"at most {MAX_BYTES}"):
        read_integers(bytes(MAX_BYTES + 1))


def test_negative_four_byte_integers_keep_their_sign():
    assert read_integers(b"\x80\x02]J" + struct.pack("<i", -5) + b"a.") == [-5]
