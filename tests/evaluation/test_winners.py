"""The winner's table against simulated evaluations, and the size of sample that names the right one."""

from __future__ import annotations

import numpy as np
import pytest

from audit_lib.errors import InputError
from audit_lib.evaluation import winners
from audit_lib.evaluation.counts import Counts
from tests.evaluation.simulation import simulate

V = 500


def ranked(above: np.ndarray) -> Counts:
    return Counts(above, np.zeros_like(above), V)


@pytest.fixture
def close() -> dict[str, Counts]:
    """Two recommenders of nearly the same quality."""
    rng = np.random.default_rng(0)
    above = (rng.random(300) ** 4 * V).astype(np.int64)
    return {"a": ranked(above), "b": ranked(np.maximum(above - rng.integers(0, 6, 300), 0))}


@pytest.fixture
def crossing() -> dict[str, Counts]:
    """`sharp` puts a fifth of the targets first and the rest last; `steady` puts all in the upper tenth."""
    sharp = np.where(np.arange(200) < 40, 0, V - 1)
    return {"sharp": ranked(sharp), "steady": ranked(np.full(200, 40))}


def test_a_reversed_pair_is_named_and_its_wrong_winner_is_certain(crossing):
    table = winners.winners_table(crossing, "Recall", n=50, k=10)
    row = table.loc[("sharp", "steady")]
    assert (row.full_first, row.full_second) == (0.2, 0.0)
    assert row.reversed
    assert row.p_wrong > 0.999


def test_a_pair_in_another_order_is_reversed_only_if_neither_difference_can_be_chance(crossing):
    # Of the same targets in two sessions, the full difference may be zero: a resample can hold the second alone.
    session = np.repeat([0, 1], [40, 160])
    row = winners.winners_table(crossing, "Recall", n=50, k=10, session=session).iloc[0]
    assert row.full_first > row.full_second
    assert row.sampled_first < row.sampled_second
    assert not row.reversed
    # With a fifth of the hits in each of forty sessions no resample is without.
    mixed = np.arange(200) % 40
    assert winners.winners_table(crossing, "Recall", n=50, k=10, session=mixed).iloc[0].reversed


@pytest.mark.parametrize("sampling", ["uniform", "uniform-replacement"])
@pytest.mark.parametrize(("metric", "n"), [("Recall", 20), ("NDCG", 40), ("MRR", 100)])
def test_the_probability_of_a_wrong_winner_agrees_with_simulation(close, metric, n, sampling):
    table = winners.winners_table(close, metric, n=n, k=5, sampling=sampling)
    (first, second), trials = table.index[0], 2000
    rng = np.random.default_rng(1)
    options = {"n": n, "k": 5, "sampling": sampling, "trials": trials, "rng": rng}
    difference = simulate(close[first], metric, **options) - simulate(close[second], metric, **options)
    # A draw between the two counts half: the normal law has none.
    wrong = (difference < 0).mean() + (difference == 0).mean() / 2
    p = table.p_wrong.iloc[0]
    assert 0.001 < p < 0.5
    assert abs(wrong - p) < 4 * np.sqrt(p * (1 - p) / trials) + 0.01  # 0.01 for the normal approximation


def test_all_negatives_never_name_the_wrong_winner(close, crossing):
    for pair in (close, crossing):
        assert winners.winners_table(pair, n=V - 1, k=10).p_wrong.iloc[0] == 0.0


def test_equal_recommenders_have_no_wrong_winner(close):
    table = winners.winners_table({"a": close["a"], "again": close["a"]}, n=10)
    assert np.isnan(table.p_wrong.iloc[0])
    assert not table.reversed.iloc[0]


def test_every_pair_has_a_row_with_the_better_one_first(close, crossing):
    three = {"a": close["a"], "b": close["b"], "flat": ranked(np.full(300, 250))}
    table = winners.winners_table(three, n=30)
    assert len(table) == 3
    assert (table.full_first >= table.full_second).all()


@pytest.mark.parametrize("names", ["close", "crossing"])
def test_the_smallest_sample_is_right_and_stays_right(names, request):
    first, second = request.getfixturevalue(names).values()

    def wrong(size):
        return winners.winners_table({"x": first, "y": second}, n=size, k=10).p_wrong.iloc[0]

    n = winners.smallest_size(wrong, V - 1)
    assert 1 < n < V - 1
    assert wrong(n) <= 0.05
    assert wrong(n - 1) > 0.05
    assert all(wrong(size) <= 0.05 for size in range(n, V, 25))


def test_two_equal_recommenders_need_more_than_there_is(close):
    # NaN is never right
    same = {"x": close["a"], "y": close["a"]}
    assert winners.smallest_size(lambda n: winners.winners_table(same, n=n).p_wrong.iloc[0], V - 1) is None


def test_recommenders_on_other_targets_are_refused(close):
    with pytest.raises(InputError, match="different targets"):
        winners.winners_table({"a": close["a"], "b": ranked(np.zeros(3, np.int64))}, n=5)
