from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lib.errors import InputError
from audit_lib.recommenders import create
from tests.recommenders import definitions
from tests.small_logs import scores_after, sessions_of, small_train

V = 5


@settings(max_examples=100, deadline=None)
@given(
    train=small_train(V),
    prefix=st.lists(st.integers(0, V - 1), min_size=1, max_size=5),
    order=st.integers(1, 4),
    mu=st.sampled_from([0.1, 1.0, 7.5]),
)
def test_equals_the_recursion_of_its_definition(train, prefix, order, mu):
    model = create("markov_backoff", order=order, mu=mu).fit(sessions_of(train, V))
    got = np.maximum(scores_after(model, prefix, V), 0)
    expected = definitions.backoff(definitions.Log(train, V), prefix, order=order, mu=mu)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-9)


def test_an_order_of_zero_is_refused_with_the_settings_that_exist():
    with pytest.raises(InputError, match=r"markov_backoff: order: .* Its settings are order, mu, fallback"):
        create("markov_backoff", order=0)
