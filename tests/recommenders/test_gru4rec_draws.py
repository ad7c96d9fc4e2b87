"""Counter-based draws: the right distribution, and nothing but (seed, purpose, step) decides."""

import numpy as np
import pytest
from scipy import stats

from audit_lib.recommenders.gru4rec import random_draws


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_negatives_follow_support_to_the_power_alpha(alpha):
    support = np.array([0, 1, 4, 9, 100, 25, 1, 0, 400])
    table = random_draws.alias_table(support, alpha)
    n = 200_000
    counts = np.bincount(random_draws.negatives(table, random_draws.key(1, random_draws.NEGATIVES), 0, n), minlength=9)
    assert counts[support == 0].sum() == 0
    seen = support > 0
    expected = support[seen] ** alpha / (support[seen] ** alpha).sum()
    assert stats.chisquare(counts[seen], n * expected).pvalue > 1e-3


def test_a_step_can_be_drawn_again_and_steps_continue_one_stream():
    table, key = random_draws.alias_table(np.arange(1, 50), 0.5), random_draws.key(7, random_draws.NEGATIVES)
    both = random_draws.negatives(table, key, 3, 20)
    halves = [random_draws.negatives(table, key, step, 10) for step in (6, 7)]
    assert np.array_equal(both, np.concatenate(halves))


def test_seeds_purposes_and_steps_differ():
    table = random_draws.alias_table(np.ones(1000, int), 0.5)
    one = random_draws.negatives(table, random_draws.key(0, random_draws.NEGATIVES), 0, 100)
    others = (1, random_draws.NEGATIVES, 0), (0, random_draws.EMBED, 0), (0, 0, 1)
    for key, step in ((random_draws.key(seed, purpose), step) for seed, purpose, step in others):
        assert (one == random_draws.negatives(table, key, step, 100)).mean() < 0.05


def test_one_item_is_drawn_always():
    table = random_draws.alias_table(np.array([0, 3, 0]), 0.5)
    assert (random_draws.negatives(table, random_draws.key(0, 0), 0, 50) == 1).all()


def test_a_lane_has_the_same_mask_in_a_shrunken_batch():
    key = random_draws.key(0, random_draws.HIDDEN)
    assert np.array_equal(random_draws.mask(key, 5, 8, 0.5, (8, 20))[:3], random_draws.mask(key, 5, 8, 0.5, (3, 20)))
    assert not np.array_equal(random_draws.mask(key, 5, 8, 0.5, (8, 20)), random_draws.mask(key, 6, 8, 0.5, (8, 20)))
