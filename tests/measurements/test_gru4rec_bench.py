"""The training benchmark: its log, its columns, and that it works without the official code."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from audit_lib.commands import cli
from audit_lib.errors import MissingError
from audit_lib.measurements import cuda_speed, train_speed


@pytest.fixture
def no_vendor(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIT_VENDOR", str(tmp_path / "nothing"))


def test_every_item_occurs_in_the_generated_log_and_support_is_uneven():
    log = train_speed.generated(500, 5_000)
    assert log.support.min() >= 1
    assert log.support.max() > 20
    assert log.n_events == pytest.approx(5_000, rel=0.1)
    assert np.array_equal(log.items, train_speed.generated(500, 5_000).items)


def test_the_bench_runs_without_the_official_code_and_says_nothing_of_it(no_vendor):
    table = train_speed.measure(n_items=300, n_events=3_000, units=8, n_sample=32, repeats=1)
    assert list(table["setting"]) == list(train_speed.SETTINGS)
    assert (table[["ours", "ours_2", "floor", "peak_memory_mb"]] > 0).all(axis=None)
    assert table[["peer", "ratio", "peer_2", "ratio_2"]].isna().all(axis=None)


def test_scaling_varies_one_thing_at_a_time():
    table = train_speed.scaling(items=(100, 1_000), units=(4, 8), n_sample=(0, 16), n_events=1_000, batch_size=16)
    assert list(table["varied"]) == ["units"] * 2 + ["n_sample"] * 2 + ["items"] * 2
    assert (table["events_per_second"] > 0).all()


def test_the_command_prints_one_object_a_setting(monkeypatch):
    small = train_speed.scaling(items=(100,), units=(4,), n_sample=(16,), n_events=1_000, batch_size=16)
    monkeypatch.setattr(train_speed, "scaling", lambda: small)
    rows = json.loads(CliRunner().invoke(cli, ["bench", "scaling", "--json"]).output)
    assert [row["varied"] for row in rows] == ["units", "n_sample", "items"]


def test_what_a_card_is_asked_runs_on_cpu_tensors_too_and_gives_the_same_losses(no_vendor):
    table = cuda_speed.measure("cpu", n_items=300, n_events=4_000, n_sample=16, steps=30)
    assert list(table["setting"]) == list(train_speed.SETTINGS)
    assert (table["steps"] == 30).all()
    assert (table["loss_difference"] < 1e-5).all()
    assert (table[["captured", "uncaptured", "targets_per_second", "peak_memory_mb"]] > 0).all(axis=None)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_without_a_card_its_bench_says_what_is_missing():
    with pytest.raises(MissingError, match="CUDA build of torch"):
        cuda_speed.measure()
