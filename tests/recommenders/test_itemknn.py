from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from audit_lib.recommenders import create, itemknn
from tests.recommenders import definitions
from tests.small_logs import scores_after, sessions_of, small_train

V = 6


@settings(max_examples=60, deadline=None)
@given(train=small_train())
def test_without_regularisation_it_is_the_cosine_of_the_columns(train):
    expected = [definitions.alike(definitions.Log(train, V), i, lam=0) for i in range(V)]
    model = create("itemknn", lam=0).fit(sessions_of(train, V))
    got = np.array([np.maximum(scores_after(model, [i], V), 0) for i in range(V)])
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-9)


def test_only_the_nearest_k_are_kept_in_whatever_parts_they_are_computed(monkeypatch):
    train = sessions_of([[0, 1], [0, 1], [0, 1], [0, 2], [0, 2], [0, 3], [4, 5]], V)
    whole = create("itemknn", k=1, lam=0).fit(train)
    assert (scores_after(whole, [0], V) > 0).sum() == 1
    monkeypatch.setattr(itemknn, "_ROWS_AT_ONCE", 2)
    parts = create("itemknn", k=1, lam=0).fit(train)
    for key, value in whole.state().items():
        np.testing.assert_array_equal(parts.state()[key], value)


def test_equals_the_cosine_of_the_implicit_package():
    nearest = pytest.importorskip("implicit.nearest_neighbours", reason="implicit is a test-only peer")
    from scipy import sparse

    rng = np.random.default_rng(1)
    v, k = 60, 10
    train = [rng.choice(v, size=rng.integers(2, 8), replace=False).tolist() for _ in range(300)]
    peer = nearest.CosineRecommender(K=k + 1, num_threads=1)  # it counts the item itself among its neighbours
    items = np.concatenate(train)
    rows = np.repeat(np.arange(len(train)), [len(t) for t in train])
    peer.fit(sparse.csr_matrix((np.ones(len(items)), (rows, items)), shape=(len(train), v)), show_progress=False)
    expected = peer.similarity.toarray()
    np.fill_diagonal(expected, 0)
    model = create("itemknn", lam=0, k=k).fit(sessions_of(train, v))
    got = np.array([np.maximum(scores_after(model, [i], v), 0) for i in range(v)])
    common = (got > 0) & (expected > 0)
    np.testing.assert_allclose(got[common], expected[common], rtol=1e-5)
    # The peer cuts through ties at the k-th neighbour, this does not: it may only keep more, all equal to the k-th.
    assert not ((expected > 0) & (got == 0)).any()
    for mine, theirs in zip(got, expected, strict=True):
        extra = (mine > 0) & (theirs == 0)
        np.testing.assert_allclose(mine[extra], mine[mine > 0].min(), rtol=1e-6)
