from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lib.data.sessions import Prefixes
from audit_lib.recommenders import create, neighbours
from tests.recommenders import definitions
from tests.small_logs import scores_after, sessions_of, small_train

V = 6
DAY = 86400.0
A, B, C, D = range(4)


DECAYS = ["same", "div", "linear", "quadratic", "log"]
LAMBDAS = [0.3, 1.0, 4.5]
COMMON = {
    "k": st.integers(1, 12),
    "sample_size": st.one_of(st.none(), st.integers(1, 12)),
    "similarity": st.sampled_from(["cosine", "vec"]),
    "remind": st.booleans(),
}
VECTOR = {
    "weighting": st.sampled_from(DECAYS),
    "weighting_score": st.sampled_from(DECAYS),
    "idf_weighting": st.sampled_from([0.0, 1.0, 5.0]),
}
STAN = {key: st.sampled_from(LAMBDAS) for key in ("lambda_spw", "lambda_snh", "lambda_inh")}
VSTAN = STAN | {"lambda_ipw": st.sampled_from(LAMBDAS), "lambda_idf": st.sampled_from([0.0, 2.0])}
SETTINGS = {"sknn": COMMON, "vsknn": COMMON | VECTOR, "stan": COMMON | STAN, "vstan": COMMON | VSTAN}


@pytest.mark.parametrize("name", SETTINGS)
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_equals_the_definition_of_its_paper_on_small_logs(name, data):
    train = data.draw(small_train(V))
    prefix = data.draw(st.lists(st.integers(0, V - 1), min_size=1, max_size=6))
    model = create(name, **{key: data.draw(value) for key, value in SETTINGS[name].items()})
    ends = data.draw(st.lists(st.integers(0, 5), min_size=len(train), max_size=len(train)))  # equal times too
    times = np.concatenate([np.full(len(t), end * DAY) for t, end in zip(train, ends, strict=True)])
    model.fit(sessions_of(train, V, times=times))
    expected = definitions.neighbours(definitions.Log(train, V, ends), prefix, name, model.config)
    np.testing.assert_allclose(np.maximum(scores_after(model, prefix, V), 0), expected, rtol=1e-5, atol=1e-30)


STAN_TRAIN = [[A, B], [A, C, D], [B, C]]  # ending on days 0, 1 and 2
def test_positions_stretched_over_days_decay_as_days_do():
    # Ends at positions 1, 4 and 6 of a train that spans 6; over 12 days these are days 2, 8 and 12.
    stretched = create("stan", lambda_snh=3, train_days=12).fit(sessions_of(STAN_TRAIN, 4))
    days = np.array([0, 1, 2, 3, 4, 5, 6]) * 2 * DAY
    real = create("stan", lambda_snh=3).fit(sessions_of(STAN_TRAIN, 4, times=days))
    np.testing.assert_allclose(scores_after(stretched, [A, B], 4), scores_after(real, [A, B], 4), rtol=1e-6)


def test_a_prefix_that_no_session_shares_gets_popularity():
    model = create("vsknn").fit(sessions_of([[A, B], [A, B]], 4))
    scores = scores_after(model, [C], 4)
    assert (scores < 0).all()
    assert scores[A] == scores[B] > scores[C] == scores[D]


def test_output_in_several_parts_is_the_same_as_in_one(monkeypatch):
    rng = np.random.default_rng(0)
    train = sessions_of([rng.integers(0, 30, 5).tolist() for _ in range(200)], 30)
    test = Prefixes(sessions_of([rng.integers(0, 30, 6).tolist() for _ in range(20)], 30))
    model = create("vsknn").fit(train)
    rows = np.arange(len(test))
    whole = model.score_sparse(test, rows)
    monkeypatch.setattr(neighbours, "ROOM", 31)  # one prefix at a time
    for got, expected in zip(model.score_sparse(test, rows), whole, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_threads_do_not_disturb_one_another():
    from concurrent.futures import ThreadPoolExecutor

    rng = np.random.default_rng(0)
    train = sessions_of([rng.integers(0, 30, 5).tolist() for _ in range(500)], 30)
    test = Prefixes(sessions_of([rng.integers(0, 30, 6).tolist() for _ in range(100)], 30))
    model = create("stan").fit(train)
    rows = np.array_split(np.arange(len(test)), 8)
    alone = [model.score_sparse(test, part) for part in rows]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda part: model.score_sparse(test, part), rows))
    for one, other in zip(alone, together, strict=True):
        for got, expected in zip(other, one, strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    ("weighting", "weighting_score", "peer_score"),
    [("quadratic", "div", "inv"), ("quadratic", "quadratic", "quadratic"), ("log", "log", "log")],
)
def test_vsknn_equals_the_wsknn_package_where_their_definitions_meet(weighting, weighting_score, peer_score):
    """They meet without repeats in a session (the peer adds a repeated item once per event), when all sessions that
    share an item are candidates and neighbours (its 'recent' compares whole lists of times, and equal similarities
    fall as its sets are ordered), with weights that differ by a constant factor at most ('linear' does not: (i + 1)/n
    for its first family), and the dot product over the prefix's number of items.
    """
    peer_module = pytest.importorskip("wsknn", reason="wsknn is a test-only peer")
    rng = np.random.default_rng(2)
    v = 25
    train = [rng.choice(v, size=rng.integers(2, 7), replace=False).tolist() for _ in range(120)]
    s = len(train)
    peer = peer_module.fit(
        {i: (items, list(range(i * 10, i * 10 + len(items)))) for i, items in enumerate(train)},
        number_of_recommendations=v, number_of_neighbors=s, sampling_strategy="recent", sample_size=s,
        weighting_func=weighting, ranking_strategy=peer_score,
    )  # fmt: skip
    model = create(
        "vsknn", k=s, sample_size=None, similarity="vec", weighting=weighting, weighting_score=weighting_score
    )
    model.fit(sessions_of(train, v))
    for _ in range(30):
        prefix = rng.choice(v, size=rng.integers(1, 6), replace=False).tolist()
        theirs = dict(peer.recommend([prefix, list(range(len(prefix)))]))
        expected = np.array([theirs.get(item, 0.0) for item in range(v)])
        found = np.maximum(scores_after(model, prefix, v), 0)
        np.testing.assert_allclose(found * expected.max(), expected, rtol=1e-5)
