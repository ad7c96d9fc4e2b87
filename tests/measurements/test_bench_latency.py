"""What is timed as an answer is the right answer, in every way, and every recommender has its rows."""

from __future__ import annotations

import numpy as np
import pytest

from audit_lib import recommenders
from audit_lib.evaluation.metrics import K
from audit_lib.evaluation.shuffle import last_prefixes
from audit_lib.measurements import latency
from audit_lib.measurements.latency import synthetic_sessions
from audit_lib.study import records

SIMPLE = [name for name in recommenders.REGISTRY if name not in (*latency.LEFT_OUT, "gru4rec")]


@pytest.fixture(scope="module")
def logs():
    rng = np.random.default_rng(0)
    return synthetic_sessions(90, n_sessions=400, rng=rng), synthetic_sessions(90, n_sessions=40, rng=rng)


@pytest.mark.parametrize("name", SIMPLE)
def test_both_ways_find_items_of_the_same_scores(name, logs):
    train, test = logs
    served, prefixes = latency._serve(name, "generated", train), last_prefixes(test)
    assert served.ways == ("catalogue", "candidates")
    scores = next(served.model.score(prefixes, block_size=len(prefixes)))
    best = np.sort(scores, axis=1)[:, ::-1][:, :K]
    for way in served.ways:
        found = latency.answer(served, way, prefixes)
        assert found.shape == (40, K)
        assert all(len(set(row)) == K for row in found.tolist())
        np.testing.assert_array_equal(np.take_along_axis(scores, found, 1), best)


@pytest.mark.parametrize("layers", [(6,), (6, 4)])
def test_a_state_that_was_kept_leads_to_the_same_answer_as_the_whole_prefix(layers, logs):
    train, test = logs
    network = recommenders.create("gru4rec", layers=layers, n_epochs=3, n_sample=16, constrained_embedding=False)
    served = latency.Served("gru4rec", network.fit(train), np.arange(K))
    prefixes = last_prefixes(test)
    assert served.ways == ("catalogue", "state")
    whole, kept = (latency.answer(served, way, served.asked(way, prefixes)) for way in served.ways)
    scores = next(network.score(prefixes, block_size=len(prefixes)))
    newest, states = served.asked("state", prefixes)
    assert len(set(np.diff(test.offsets).tolist())) > 2
    np.testing.assert_allclose(network.answer(network.advance(newest, states)), scores, atol=1e-5)
    assert (whole == kept).mean() > 0.99


def test_candidates_are_filled_up_by_popularity_without_repeats():
    popular = np.arange(2 * K)
    found = latency._filled(np.array([7, 3, 90]), np.array([0.1, 0.9, 0.5]), popular)
    assert found.tolist() == [3, 90, 7, 0, 1, 2, 4, 5, 6, *range(8, 19)]


def test_asked_is_the_last_event_of_every_session(logs):
    prefixes = last_prefixes(logs[1])
    np.testing.assert_array_equal(prefixes.target, logs[1].items[logs[1].offsets[1:] - 1])


def test_on_a_real_log_recommenders_answer_with_the_settings_found_there(monkeypatch, logs):
    found = {"sr": {"settings": {"steps": 3}}, "gru4rec": {"settings": {"loss": "bpr-max", "layers": 8}}}
    monkeypatch.setattr(latency.presets, "tuned", lambda: {"diginetica": found})
    names = ("sr", "ar", "gru4rec")
    served = {name: latency._serve(name, "diginetica", logs[0], tuned=name in found) for name in names}
    assert {name: one.tuned for name, one in served.items()} == {"sr": True, "ar": False, "gru4rec": True}
    assert served["sr"].model.config.steps == 3
    assert served["gru4rec"].model.config.layers == (8,)
    assert served["gru4rec"].model.config.n_epochs == latency.QUICK["gru4rec"]["n_epochs"]


def test_every_recommender_has_its_rows_and_a_record_can_hold_them(monkeypatch, tmp_path):
    few = {name: recommenders.REGISTRY[name] for name in ("popularity", "sr", "oracle", "gru4rec")}
    monkeypatch.setattr(recommenders, "REGISTRY", few)
    table = latency.measure(catalogues=(30, 60), logs=("synthetic",), queries=9, block=4, repeats=2)
    simple = {(name, way) for name in ("popularity", "sr") for way in ("catalogue", "candidates")}
    ways = simple | {("gru4rec", "catalogue"), ("gru4rec", "state")}
    assert set(zip(table["recommender"], table["way"], strict=True)) == ways
    assert len(table) == 3 * len(ways) * 2 * 2  # logs, ways, at once, percentiles
    assert table.loc[table["log"] == "generated", "items"].unique().tolist() == [30, 60]
    assert table.groupby("at_once")["timings"].unique().map(list).to_dict() == {1: [9], 4: [2]}
    assert (table[["ms", "ms_wall"]] > 0).all().all()
    wide = table.pivot(index=["log", "items", "recommender", "way", "at_once"], columns="percentile", values="ms")
    assert (wide[50] <= wide[99]).all()
    assert len(records.read("latency", folder=records.write("latency", table, folder=tmp_path).parent)) == len(table)
