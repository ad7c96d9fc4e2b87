from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from audit_lib.recommenders import create, rules
from tests.small_logs import scores_after, sessions_of, small_train

V = 6


def brute_ar(train, last):
    counts = np.zeros(V)
    for p in train:
        for x in range(len(p)):
            for y in range(len(p)):
                if x != y and p[x] == last:
                    counts[p[y]] += 1
    return counts


def brute_sr(train, last, steps, weight):
    counts = np.zeros(V)
    for p in train:
        for x in range(1, len(p)):
            for y in range(x):
                if p[y] == last and x - y <= steps:
                    counts[p[x]] += weight(x - y)
    return counts


def positive_part(scores):
    return np.where(scores > 0, scores, 0)


@settings(max_examples=60, deadline=None)
@given(train=small_train(), last=st.integers(0, V - 1))
def test_association_rules_equal_brute_force_over_all_pairs_of_events(train, last):
    expected = brute_ar(train, last)
    got = positive_part(scores_after(create("ar").fit(sessions_of(train, V)), [last], V))
    np.testing.assert_allclose(got, expected / max(expected.sum(), 1), rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(train=small_train(), last=st.integers(0, V - 1), steps=st.integers(1, 6))
@pytest.mark.parametrize(
    ("weighting", "weight"),
    [("div", lambda x: 1 / x), ("quadratic", lambda x: 1 / x**2), ("log", lambda x: 1 / np.log10(x + 1.7))],
)
def test_sequential_rules_equal_brute_force_over_ordered_pairs(weighting, weight, train, last, steps):
    expected = brute_sr(train, last, steps, weight)
    model = create("sr", steps=steps, weighting=weighting).fit(sessions_of(train, V))
    total = expected.sum()
    np.testing.assert_allclose(
        positive_part(scores_after(model, [last], V)), expected / total if total else expected, rtol=1e-6
    )


def test_counting_in_parts_gives_the_same_counts(monkeypatch):
    rng = np.random.default_rng(0)
    train = sessions_of([rng.integers(0, V, size=8).tolist() for _ in range(30)], V)
    whole = rules.pair_counts(train).toarray()
    monkeypatch.setattr(rules, "_PAIRS_AT_ONCE", 20)
    np.testing.assert_array_equal(rules.pair_counts(train).toarray(), whole)


def test_pruning_never_cuts_through_a_tie():
    matrix = sparse.csr_array(np.array([[5.0, 3.0, 3.0, 1.0], [0, 2.0, 0, 0], [0, 0, 0, 0], [1.0, 1.0, 1.0, 1.0]]))
    kept = rules.strongest(matrix, 2).toarray()
    np.testing.assert_array_equal(kept, [[5, 3, 3, 0], [0, 2, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]])
