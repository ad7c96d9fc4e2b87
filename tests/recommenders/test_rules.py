from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from audit_lib.recommenders import create, rules
from tests.recommenders import definitions
from tests.small_logs import scores_after, sessions_of, small_train

V = 6


@settings(max_examples=60, deadline=None)
@given(train=small_train(), last=st.integers(0, V - 1), steps=st.integers(1, 6))
@pytest.mark.parametrize(
    ("weighting", "weight"),
    [(None, lambda x: 1), ("div", lambda x: 1 / x), ("quadratic", lambda x: 1 / x**2),
     ("log", lambda x: 1 / np.log10(x + 1.7))],
)  # fmt: skip
def test_rules_equal_their_definition(weighting, weight, train, last, steps):
    """Association rules count all pairs of events; sequential rules those in order, so many steps apart."""
    if weighting is None:
        model, expected = create("ar"), definitions.rules(definitions.Log(train, V), last, weight)
    else:
        model = create("sr", steps=steps, weighting=weighting)
        within = lambda x: weight(x) if 1 <= x <= steps else 0.0  # noqa: E731
        expected = definitions.rules(definitions.Log(train, V), last, within)
    got = np.maximum(scores_after(model.fit(sessions_of(train, V)), [last], V), 0)
    np.testing.assert_allclose(got, expected, rtol=1e-6)


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
