"""How many sessions tell two recommenders apart: worked by hand, and as often as simulation says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from audit_lib.errors import InputError
from audit_lib.evaluation import power
from audit_lib.evaluation.resampling import Resampling


def test_the_variance_is_worked_out_by_hand():
    # Differences 1, 0 | -1 | 1, 1, 0: sums 1, -1, 2 of 2, 1, 3 predictions, mean 1/3, residuals 1/3, -4/3, 1.
    a, b = np.array([1.0, 0, 0, 1, 1, 1]), np.array([0.0, 0, 1, 0, 0, 1])
    expected = (1 / 9 + 16 / 9 + 1) / 2 / 2**2
    assert power.variance(a, b, [0, 0, 1, 2, 2, 2]) == pytest.approx(expected)
    needed = (norm.ppf(0.975) + norm.ppf(0.8)) ** 2 * expected / 0.02**2
    assert power.sessions_needed(expected, 0.02) == pytest.approx(needed)
    assert power.detectable(expected, 100) == pytest.approx(0.02 * np.sqrt(needed / 100))


def pairs(rng: np.random.Generator, sessions: int, gap: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hits of two recommenders that vary together inside a session, of which the first is better by the gap."""
    session = np.repeat(np.arange(sessions), rng.integers(1, 8, sessions))
    easy = rng.beta(0.6, 1.4, sessions)[session] * (1 - gap / 0.3)
    a = rng.random(len(session)) < easy + gap / 0.3 * rng.beta(0.6, 1.4, sessions)[session]
    return a.astype(float), (rng.random(len(session)) < easy).astype(float), session


def test_the_variance_is_that_of_the_bootstrap():
    a, b, session = pairs(np.random.default_rng(0), 600, 0.02)
    drawn = Resampling.of(session, resamples=4000).resampled(a - b)
    assert power.variance(a, b, session) / 600 == pytest.approx(drawn.var(), rel=0.08)


@pytest.mark.parametrize(("gap", "chance"), [(0.04, 0.8), (0.06, 0.95)])
def test_studies_of_the_size_needed_tell_the_two_apart_as_often_as_asked(gap, chance):
    rng = np.random.default_rng(1)
    a, b, session = pairs(rng, 40_000, gap)
    size = round(power.sessions_needed(power.variance(a, b, session), (a - b).mean(), power=chance))
    assert 200 < size < 2000
    told = 0
    for _ in range(500):
        a, b, session = pairs(rng, size, gap)
        z = (a - b).mean() / np.sqrt(power.variance(a, b, session) / size)
        told += abs(z) > norm.ppf(0.975)
    assert told / 500 == pytest.approx(chance, abs=4 * np.sqrt(chance * (1 - chance) / 500))


@pytest.mark.parametrize(
    "call",
    [
        lambda: power.variance(np.ones(3), np.ones(3), np.zeros(3)),
        lambda: power.variance(np.ones(3), np.ones(3), np.arange(2)),
        lambda: power.sessions_needed(1.0, 0.1, power=80),
    ],
)
def test_what_has_no_size_is_refused(call):
    with pytest.raises(InputError):
        call()
