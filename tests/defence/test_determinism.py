"""The same bits under other conditions: a small part of it for real, and that a difference would be seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from audit_lib import recommenders
from audit_lib.data.preparing import prepare
from audit_lib.errors import EvidenceError
from audit_lib.study import records
from tests.defence.determinism import BOUNDS, CHANGES, PARTS, Change, compare, compute, compute_apart

SMALL = "synthetic_latent:n_sessions=400,n_items=40"


@pytest.fixture(scope="module")
def base():
    return compute(log=SMALL)


def test_every_part_holds_something(base):
    assert set(base) == set(PARTS)
    assert all(base[part].ndim == 1 and base[part].size for part in PARTS)
    assert all(np.isfinite(base[part]).all() for part in PARTS)


def test_another_process_another_hash_seed_and_two_threads_change_no_bit(base, tmp_path):
    change = Change("all three", {"PYTHONHASHSEED": "7"}, threads=2)
    rows = compare(base, compute_apart(change, tmp_path, log=SMALL), change.name)
    assert [row["part"] for row in rows if row["differing"]] == []
    assert sum(row["bits"] for row in rows) > 100_000


def test_the_kernels_of_another_processor_stay_within_the_bounds(base, tmp_path):
    """The record is of two others; one is enough to see that the code that torch and numba choose is another."""
    (change,) = (change for change in CHANGES if change.name == "other vector instructions")
    rows = {row["part"]: row for row in compare(base, compute_apart(change, tmp_path, log=SMALL), change.name)}
    assert [part for part, row in rows.items() if not row["within"]] == []
    assert rows["weights"]["differing"]  # else the other kernels were not used, and nothing was shown


def test_training_and_ranking_take_one_thread_whatever_the_process_has(base, caplog):
    before = torch.get_num_threads()
    assert all(not row["differing"] for row in compare(base, compute(log=SMALL, threads=3), "three threads"))
    assert torch.get_num_threads() == before
    recommenders.create("gru4rec", layers=4, n_epochs=1, threads=4).fit(prepare(SMALL)[1].train, progress=False)
    assert "threads=4 changes nothing" in caplog.text


def test_blocks_of_one_prefix_change_no_bit(base):
    assert all(row["within"] and not row["differing"] for row in compare(base, compute(log=SMALL, memory_mb=0), "x"))


def test_another_log_changes_every_part_but_is_no_error(base):
    rows = compare(base, compute(log=f"{SMALL},seed=5"), "another log")
    assert not any(row["within"] for row in rows)


@pytest.mark.parametrize("part", PARTS)
def test_one_other_bit_is_seen(base, part):
    changed = {**base, part: base[part].copy()}
    changed[part].view(f"u{changed[part].itemsize}")[-1] ^= 1
    rows = {row["part"]: row for row in compare(base, changed, "hash seed")}
    assert [name for name, row in rows.items() if row["differing"]] == [part]
    assert (rows[part]["differing"], rows[part]["within"]) == (1, False)


def test_a_zero_with_another_sign_is_another_bit_and_a_bound_allows_what_is_within_it():
    zero = {part: np.zeros(1) for part in PARTS}
    negative = {part: -np.zeros(1) for part in PARTS}
    rows = compare(zero, negative, "x")
    assert all((row["differing"], row["worst"], row["within"]) == (1, 0, False) for row in rows)
    (change, bounds), *_ = BOUNDS.items()
    half = {part: np.full(1, bounds.get(part, 0.0) / 2) for part in PARTS}
    double = {part: np.full(1, bounds.get(part, 0.0) * 2) for part in PARTS}
    assert all(row["within"] for row in compare(zero, half, change))
    assert {row["part"] for row in compare(zero, double, change) if not row["within"]} == set(bounds)


def test_only_another_processor_may_change_a_bit():
    assert set(BOUNDS) == {"other vector instructions", "another processor with AVX2"}
    assert set(BOUNDS) < {change.name for change in CHANGES}
    assert not any("simple ranks" in bounds for bounds in BOUNDS.values())


def test_a_process_that_fails_is_an_error_with_its_words(tmp_path):
    with pytest.raises(EvidenceError, match="no_such_log"):
        compute_apart(Change("a log that is not there"), tmp_path, log="no_such_log")


@pytest.mark.parametrize("name", ["determinism", "determinism_earlier"])
def test_the_record_stays_within_what_was_stated_beforehand(name):
    try:
        table = records.read(name)
    except records.MissingError:
        pytest.skip(f"{name} is not recorded in this version")
    assert table["within"].all()
    assert (table.loc[table["bound"] == 0, "differing"] == 0).all()
    if name == "determinism":
        assert {change.name for change in CHANGES} <= set(table["changed"])
    assert set(table["part"]) == set(PARTS)
