from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from audit_lib import recommenders
from audit_lib.measurements import baseline_speed


@pytest.fixture
def table(monkeypatch):
    few = {name: recommenders.REGISTRY[name] for name in ("popularity", "vsknn", "oracle")}
    monkeypatch.setattr(recommenders, "REGISTRY", few)
    return baseline_speed.measure(dataset="synthetic", peer_prefixes=5, repeats=1, catalogues=(30,), queries=3)


def test_each_row_is_a_setting_a_measurement_and_what_it_is_held_against(table):
    assert list(table.columns) == ["setting", "ours", "peer", "ratio", "floor"]
    assert (table["ours"] > 0).all()
    assert (table["floor"] > 0).all()


def test_every_recommender_is_timed_at_both_quantiles(table):
    answers = table[table["setting"].str.contains("of one answer")]
    expected = {f"{name}, 30 items: p{q} of one answer, ms" for name in ("popularity", "vsknn") for q in (50, 99)}
    assert set(answers["setting"]) == expected
    values = answers["ours"].to_numpy().reshape(-1, 2)
    assert (values[:, 0] <= values[:, 1]).all()


def test_the_peer_is_measured_in_the_same_run_where_it_is_installed(table):
    rows = table[table["setting"].str.contains("wsknn")]
    assert len(rows) == (importlib.util.find_spec("wsknn") is not None)
    for _, row in rows.iterrows():
        np.testing.assert_allclose(row["ratio"], row["ours"] / row["peer"])


def test_an_answer_time_is_taken_for_every_session():
    rng = np.random.default_rng(0)
    train = baseline_speed.synthetic_sessions(30, n_sessions=50, rng=rng)
    test = baseline_speed.synthetic_sessions(30, n_sessions=7, rng=rng)
    assert (train.lengths >= 2).all()
    assert baseline_speed.answer_times(recommenders.create("sr").fit(train), test).shape == (7,)
