"""Intervals and tests over sessions: coverage, uniformity, worked cases and other libraries."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from audit_lib.errors import InputError
from audit_lib.evaluation import comparisons, resampling, session_draws
from audit_lib.evaluation.comparisons import holm, kendall
from audit_lib.evaluation.resampling import Resampling

STUDIES = 1000


# Each of these is one line of a reader's: a resampling, and what is asked of it.
def bootstrap(values, session, *, level=0.95, **options):
    return Resampling.of(session, **options).interval(values, level=level)


def compare(a, b, session, *, level=0.95, **options):
    return Resampling.of(session, **options).compare(a, b, level=level)


def permutation_test(a, b, session, *, permutations=resampling.RESAMPLES, **options):
    return Resampling.of(session, resamples=permutations, **options).p_value(a, b)


def equivalence(a, b, session, *, margin, confidence=0.95, **options):
    drawn = Resampling.of(session, **options)
    return comparisons.equivalence(drawn, a, b, margin=margin, confidence=confidence)


def over_seeds(values, session, *, level=0.95, **options):
    return Resampling.of(session, **options).over_seeds(values, level=level)


def over_seeds_ratio(top, bottom, session, *, level=0.95, **options):
    return Resampling.of(session, **options).ratio(top, bottom, level=level)


def agreement(full, other, session, *, level=0.95, **options):
    return comparisons.rank_agreement(full, other, Resampling.of(session, **options), level=level)


def simulated_study(rng: np.random.Generator, sessions: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Paired hits of two equal recommenders that vary together inside a session; truth: 0.3 per session and prediction.

    Lengths are independent of quality, so that micro and macro averages estimate the same value. With 300 sessions a
    percentile interval is close to its level; with a hundred it holds the truth about 1 in 100 times less often.
    """
    session = np.repeat(np.arange(sessions), rng.integers(1, 8, sessions))
    easy = rng.beta(0.6, 1.4, sessions)[session]  # mean 0.3
    return *(rng.random((2, len(session))) < easy).astype(float), session


@pytest.mark.parametrize("average", resampling.AVERAGES)
def test_intervals_of_a_mean_hold_the_truth_in_95_of_100_studies(average):
    rng, held = np.random.default_rng(0), 0
    for study in range(STUDIES):
        a, _, session = simulated_study(rng)
        interval = bootstrap(a, session, average=average, resamples=1000, seed=study)
        held += interval.low <= 0.3 <= interval.high
    assert 0.93 <= held / STUDIES <= 0.97


def test_intervals_of_a_difference_hold_zero_in_95_of_100_studies_of_equals():
    rng, held = np.random.default_rng(1), 0
    for study in range(STUDIES):
        a, b, session = simulated_study(rng)
        interval = bootstrap(a - b, session, resamples=1000, seed=study)
        held += interval.low <= 0 <= interval.high
    assert 0.93 <= held / STUDIES <= 0.97


def test_intervals_that_ignore_sessions_would_hold_the_truth_too_rarely():
    """The reason for clusters: resampling single predictions is overconfident."""
    rng, held = np.random.default_rng(2), 0
    for study in range(STUDIES):
        a, _, session = simulated_study(rng)
        interval = bootstrap(a, np.arange(len(session)), resamples=500, seed=study)
        held += interval.low <= 0.3 <= interval.high
    assert held / STUDIES < 0.92


@pytest.mark.parametrize("seed_sd", [0.0, 0.01, 0.03])
def test_intervals_over_seeds_and_sessions_hold_the_truth_at_least_as_often_as_they_say(seed_sd):
    rng, held, studies, seeds = np.random.default_rng(3), 0, 500, 5
    for study in range(studies):
        session = np.repeat(np.arange(150), 3)
        easy = rng.beta(3, 7, 150)[session]
        shift = rng.normal(0, seed_sd, (seeds, 1))  # the luck of one training
        values = np.clip(easy + shift, 0, 1) + rng.normal(0, 0.1, (seeds, len(session)))
        found = over_seeds(values, session, resamples=500, seed=study)
        held += found.low <= 0.3 <= found.high
    assert 0.93 <= held / studies <= 0.985


def test_permutation_p_values_are_uniform_under_no_difference():
    rng = np.random.default_rng(4)
    p = []
    for study in range(STUDIES):
        session = np.repeat(np.arange(60), rng.integers(1, 6, 60))
        easy = rng.normal(0, 1, 60)[session]
        a, b = easy + rng.normal(size=(2, len(session)))
        p.append(permutation_test(a, b, session, permutations=999, seed=study))
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_the_permutation_test_counts_every_flip_of_three_sessions():
    # Differences 1, 2, 4: |sum| reaches 7 in 2 of the 8 flips.
    p = permutation_test(np.array([1.0, 2.0, 4.0]), np.zeros(3), np.arange(3), permutations=40_000)
    assert p == pytest.approx(2 / 8, abs=4 * np.sqrt(0.25 * 0.75 / 40_000))


def test_the_permutation_test_agrees_with_another_library():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.15, 1, 80), rng.normal(0, 1, 80)
    other = stats.permutation_test(
        (a, b), lambda x, y, axis: (x - y).mean(axis), permutation_type="samples", vectorized=True,
        n_resamples=9999, rng=np.random.default_rng(1),
    )
    assert permutation_test(a, b, np.arange(80)) == pytest.approx(other.pvalue, abs=4 * np.sqrt(0.25 / 9999) * 1.5)


def test_a_p_does_not_depend_on_the_unit():
    # The differences cancel out, but for rounding: every flip reaches their sum. A power of two changes no digit.
    difference = np.array([0.1, 0.2, -0.3, 0.4, -0.4])
    for unit in (1.0, 2.0**30):
        assert (unit * difference).sum() != 0
        assert permutation_test(unit * difference, np.zeros(5), np.arange(5), permutations=999) == 1.0


def test_a_p_over_sessions_is_that_of_their_means():
    rng = np.random.default_rng(6)
    session = np.repeat(np.arange(20), rng.integers(1, 9, 20))
    a, b = rng.normal(0.1, 1, len(session)), rng.normal(0, 1, len(session))
    by_session = [np.bincount(session, x) / np.bincount(session) for x in (a, b)]
    p = permutation_test(a, b, session, average="macro", permutations=999)
    assert p == permutation_test(*by_session, np.arange(20), permutations=999)
    assert p != permutation_test(a, b, session, permutations=999)


def test_a_comparison_is_made_at_its_level():
    a, b, session = simulated_study(np.random.default_rng(0), 60)
    found = compare(a, b, session, level=0.5, resamples=200)
    assert found.difference == bootstrap(a - b, session, level=0.5, resamples=200)


def test_a_p_is_never_zero():
    # Of 60 equal differences no flip but the one in 2^59 keeps the sum: only the observed one counts.
    assert permutation_test(np.ones(60), np.zeros(60), np.arange(60), permutations=999) == 1 / 1000


def test_no_difference_at_all_has_a_p_of_one():
    a = np.array([1.0, 0.0, 1.0])
    found = compare(a, a, np.array([0, 0, 1]))
    assert found.p == 1.0
    assert found.difference[:3] == (0.0, 0.0, 0.0)
    assert (found.sessions, found.predictions) == (2, 3)


def test_the_bootstrap_agrees_with_another_library():
    a = np.random.default_rng(0).exponential(size=150)
    other = stats.bootstrap((a,), np.mean, method="percentile", n_resamples=10_000, rng=np.random.default_rng(1))
    ours = bootstrap(a, np.arange(150))
    width = other.confidence_interval.high - other.confidence_interval.low
    assert ours.low == pytest.approx(other.confidence_interval.low, abs=0.04 * width)
    assert ours.high == pytest.approx(other.confidence_interval.high, abs=0.04 * width)


def test_micro_weighs_predictions_and_macro_weighs_sessions():
    values, session = np.array([1.0, 1.0, 1.0, 0.0]), np.array([0, 0, 0, 1])
    assert bootstrap(values, session).estimate == 3 / 4
    assert bootstrap(values, session, average="macro").estimate == 1 / 2


def test_every_session_is_drawn_equally_often():
    # One session in each column: the mean of its weight is 1/S, its variance that of a multinomial share.
    s, resamples = 7, 50_000
    means = Resampling.of(np.arange(s), resamples=resamples, seed=1).resampled(np.eye(s))
    sd = np.sqrt((1 / s) * (1 - 1 / s) / s)
    assert np.abs(means.mean(0) - 1 / s).max() < 4.5 * sd / np.sqrt(resamples)
    np.testing.assert_allclose(means.std(0), sd, rtol=0.03)
    np.testing.assert_allclose(means.sum(1), 1.0)
    assert np.corrcoef(means[:, 0], means[:, 1])[0, 1] == pytest.approx(-1 / (s - 1), abs=0.02)


@pytest.mark.parametrize("s", [1, 4, 5])  # two draws come from one word
def test_a_resample_of_sessions_has_as_many_draws_as_there_are(s):
    times = Resampling.of(np.arange(s), resamples=300).resampled(np.eye(s)) * s
    np.testing.assert_allclose(times, np.round(times), atol=1e-12)
    np.testing.assert_allclose(times.sum(1), s)
    assert len(np.unique(np.round(times), axis=0)) > 1 or s == 1


def words(state: int) -> Iterator[int]:
    """SplitMix64 as published (Steele, Lea & Flood 2014), in whole numbers of any size."""
    low = 2**64 - 1
    while True:
        state = (state + 0x9E3779B97F4A7C15) & low
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & low
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & low
        yield z ^ (z >> 31)


def words_of_seed(seed: int) -> Iterator[int]:
    return words(int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]))


def test_the_generator_gives_the_numbers_that_are_known_of_it():
    known = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]
    state, found = 1234567, []
    for _ in known:
        state, bits = session_draws._next(np.uint64(state))
        found.append(bits)
    assert found == known == list(islice(words(1234567), 5))


def test_signs_are_the_bits_of_the_generator_each_used_once():
    # 130 differences take two words of 64 bits and two bits of a third, lowest first; a new flip starts a new word.
    difference, flips = np.random.default_rng(0).integers(1, 1000, 130).astype(float), 20
    source, expected = words_of_seed(5), []
    for _ in range(flips):
        bits = "".join(f"{word:064b}"[::-1] for word in islice(source, 3))
        expected.append(sum(x if bit == "1" else -x for x, bit in zip(difference, bits, strict=False)))
    found = session_draws.totals("signs", difference[:, None], draws=flips, seed=5)
    np.testing.assert_array_equal(found[:, 0], expected)


def test_what_is_not_said_of_draws_is_as_the_protocol_says():
    a, _, session = simulated_study(np.random.default_rng(0), 60)
    drawn, said = Resampling.of(session), Resampling.of(session, average="micro", resamples=10_000, seed=0)
    np.testing.assert_array_equal(drawn.resampled(a), said.resampled(a))


def columns_of_any_kind(rng: np.random.Generator, sessions: int) -> tuple[np.ndarray, np.ndarray]:
    """(9, P) hits, reciprocal ranks and their differences, and (P,) sessions."""
    session = np.repeat(np.arange(sessions), rng.integers(1, 8, sessions))
    ranks = rng.integers(1, 60, (3, len(session)))
    hits, reciprocal = (ranks <= 20).astype(float), (ranks <= 20) / ranks
    return np.concatenate([hits, reciprocal, reciprocal[[0]] - reciprocal[[1]], hits - reciprocal])[:9], session


@pytest.mark.parametrize("average", resampling.AVERAGES)
@pytest.mark.parametrize("sessions", [1, 2, 63, 301])
def test_a_result_does_not_depend_on_what_is_asked_for_with_it(sessions, average, monkeypatch):
    monkeypatch.setattr(session_draws, "_known", {})
    rng = np.random.default_rng(sessions)
    values, session = columns_of_any_kind(rng, sessions)
    drawn = Resampling.of(session, average=average, resamples=500)
    together = drawn.resampled(values)
    for chosen in ([0], [8], [3, 1], [7, 6, 5, 4, 3], rng.permutation(9).tolist()):
        session_draws._known.clear()
        np.testing.assert_array_equal(drawn.resampled(values[chosen]), together[:, chosen])
    flipped = session_draws.totals("signs", drawn._sums(values), draws=500, seed=0)
    for c in range(9):
        session_draws._known.clear()
        alone = session_draws.totals("signs", drawn._sums(values[c]), draws=500, seed=0)
        np.testing.assert_array_equal(alone[:, 0], flipped[:, c])


def test_totals_are_those_of_whole_numbers_without_any_rounding():
    # Python's integers are of any size: the totals of a column in units of its quantum are exactly theirs.
    rng = np.random.default_rng(3)
    values, session = columns_of_any_kind(rng, 50)
    sums = Resampling.of(session)._sums(values)
    weights = session_draws.matrix("weights", 50, draws=40, seed=7)
    found = session_draws.totals("weights", sums, draws=40, seed=7)
    for c in range(9):
        whole = [int(x * 2**60) for x in sums[:, c]]
        assert all(n / 2**60 == x for n, x in zip(whole, sums[:, c], strict=True))
        expected = [sum(int(w) * n for w, n in zip(row, whole, strict=True)) for row in weights]
        assert [int(x * 2**60) for x in found[:, c]] == expected


def test_counts_that_single_precision_would_round_are_summed_in_double():
    columns = np.array([[2**23 + 1, 1], [2**23 - 2, 3], [5, 2**22 + 1]], float)
    matrix = session_draws.matrix("weights", 3, draws=50, seed=1)
    np.testing.assert_array_equal(session_draws.totals("weights", columns, draws=50, seed=1), matrix @ columns)


@pytest.mark.parametrize("kind", session_draws.KINDS)
@pytest.mark.parametrize("sessions", [1, 7, 64, 65])
def test_a_draw_is_the_same_in_blocks_of_any_size(kind, sessions, monkeypatch):
    columns = np.random.default_rng(0).integers(-9, 9, (sessions, 5)).astype(float)
    whole = session_draws.totals(kind, columns, draws=100, seed=2)
    matrix = session_draws.matrix(kind, sessions, draws=100, seed=2)
    np.testing.assert_array_equal(whole, matrix.astype(float) @ columns)
    for first in (0, 1, 37, 99):
        some = session_draws.matrix(kind, sessions, draws=100 - first, seed=2, first=first)
        np.testing.assert_array_equal(some, matrix[first:])
    monkeypatch.setattr(session_draws, "BLOCK", 3 * sessions)
    monkeypatch.setattr(session_draws, "_known", {})
    np.testing.assert_array_equal(session_draws.totals(kind, columns, draws=100, seed=2), whole)


def test_totals_are_kept_within_bounds_and_are_the_same_when_computed_again(monkeypatch):
    monkeypatch.setattr(session_draws, "_known", {})
    monkeypatch.setattr(session_draws, "TOTALS", 3)
    columns = np.random.default_rng(0).integers(0, 9, (10, 8)).astype(float)
    first = session_draws.totals("weights", columns, draws=50, seed=0)
    assert len(session_draws._known) == 3
    np.testing.assert_array_equal(session_draws.totals("weights", columns, draws=50, seed=0), first)
    again = session_draws.totals("weights", columns[:, [2, 2]], draws=50, seed=0)
    np.testing.assert_array_equal(again, first[:, [2, 2]])


def test_all_comparisons_of_a_split_meet_the_same_resamples():
    a, b, session = simulated_study(np.random.default_rng(0), 80)
    drawn = Resampling.of(session, resamples=400)
    parts = drawn.resampled([a, b])
    np.testing.assert_allclose(drawn.resampled(a - b)[:, 0], parts[:, 0] - parts[:, 1], rtol=0, atol=1e-15)
    assert drawn.difference(a, b) == drawn.interval(a - b)
    assert drawn.difference(a, a)[:3] == (0.0, 0.0, 0.0)


def test_fewer_targets_are_drawn_with_the_sessions_of_all():
    # Session 1 has no target that counts: a resample of it alone has no mean, and any other that of sessions 0 and 2.
    session, keep = np.array([0, 0, 1, 2]), np.array([True, False, False, True])
    drawn = Resampling.of(session, resamples=2000).where(keep)
    assert (drawn.sessions, drawn.predictions) == (2, 2)
    counts = session_draws.matrix("weights", 3, draws=2000, seed=0).astype(float)
    with np.errstate(invalid="ignore"):
        expected = counts[:, 2] / (counts[:, 0] + counts[:, 2])
    found = drawn.resampled(np.array([0.0, 1.0]))[:, 0]
    np.testing.assert_array_equal(found, expected)
    assert np.isnan(found).mean() == pytest.approx(1 / 27, abs=0.02)
    assert drawn.interval(np.array([0.0, 1.0]))[:3] == (0.5, 0.0, 1.0)


def test_an_order_says_what_intervals_of_differences_say():
    rng = np.random.default_rng(0)
    session = np.repeat(np.arange(200), 3)
    values = (rng.random((4, 600)) < np.array([[0.2], [0.5], [0.52], [0.9]])).astype(float)
    drawn = Resampling.of(session, resamples=500)
    found = drawn.order(values)
    assert found.tolist() == [[0, -1, -1, -1], [1, 0, 0, -1], [1, 0, 0, -1], [1, 1, 1, 0]]
    for i, j in ((0, 1), (1, 2), (3, 2)):
        interval = drawn.difference(values[i], values[j])
        assert found[i, j] == int(interval.low > 0) - int(interval.high < 0)
    np.testing.assert_array_equal(drawn.order([values, values[::-1]]), [found, found[::-1, ::-1]])


@pytest.mark.parametrize("average", resampling.AVERAGES)
def test_the_best_is_chosen_anew_in_every_resample(average):
    rng = np.random.default_rng(0)
    a, b, session = simulated_study(rng, 80)
    other = np.stack([rng.random(len(a)), rng.random(len(a))])
    drawn = Resampling.of(session, average=average, resamples=400, seed=2)
    found = drawn.choice([a, b], other)
    means = drawn.resampled([a, b])
    assert 0 < (means[:, 0] > means[:, 1]).mean() < 1  # now one is best, now the other
    assert found.estimate == pytest.approx(drawn.observed([a, b]).max() - drawn.observed(other).mean())
    single = drawn.choice([a, b], other[0])
    expected = np.quantile(means.max(1) - drawn.resampled(other[0])[:, 0], [0.025, 0.975])
    assert (single.low, single.high) == pytest.approx(tuple(expected))
    assert single.low >= max(drawn.difference(x, other[0]).low for x in (a, b)) - 1e-12
    # One candidate leaves nothing to choose, and candidates of several seeds stand with their means.
    assert drawn.choice([a], other[0]) == pytest.approx(drawn.difference(a, other[0]))
    assert drawn.choice([[a, b], np.zeros_like(a)], other[0]).estimate == pytest.approx(
        drawn.observed([a, b]).mean() - drawn.observed(other[0])[0]
    )
    # Every seed with a best of its own: of the first seed a, of the second b, whatever is best on the average.
    low = np.zeros_like(a)
    own = drawn.choice([[a, low], [low, b]], other, each_seed=True)
    assert own.estimate == pytest.approx(drawn.observed([a, b]).mean() - drawn.observed(other).mean())
    assert own == pytest.approx(drawn.difference([a, b], other))


@pytest.mark.parametrize("each_seed", [False, True])
def test_candidates_that_cannot_be_best_are_left_out_and_change_nothing(each_seed, monkeypatch):
    rng = np.random.default_rng(0)
    candidates = [rng.random((2, 900)) < share for share in (0.5, 0.49, 0.2, 0.1)]
    other, drawn = rng.random((2, 900)), Resampling.of(np.repeat(np.arange(300), 3), resamples=500)
    asked, totals = [], session_draws.totals

    def counted(kind: str, columns: np.ndarray, **options: int) -> np.ndarray:
        asked.append(columns.shape[1])
        return totals(kind, columns, **options)

    monkeypatch.setattr(session_draws, "totals", counted)
    found = drawn.choice(candidates, other, each_seed=each_seed)
    monkeypatch.setattr(session_draws, "BEST_BY_CHANCE", 1e-300)
    assert found == drawn.choice(candidates, other, each_seed=each_seed)
    assert asked == [2 * 2 + 2 + 1, 4 * 2 + 2 + 1]  # what stands in the choice, the other, the number of targets


@pytest.mark.parametrize(("sessions", "enough"), [(40, 38), (2000, 200)])
def test_what_is_left_out_of_a_choice_has_no_chance_there(sessions, enough):
    # Behind by one hit in k sessions, it comes level with the best where none of these is drawn: (1 - k/S)^S.
    best, chances = np.ones((sessions, 1)), {}
    for k in range(1, sessions + 1):
        behind = np.where(np.arange(sessions) < k, 0.0, 1.0)[:, None]
        if len(session_draws.rivals([behind, best])) == 1:
            chances[k] = (1 - k / sessions) ** sessions
    assert max(chances.values()) < session_draws.BEST_BY_CHANCE
    assert min(chances) <= enough


def test_equal_candidates_all_stand_in_a_choice():
    assert len(session_draws.rivals([np.ones((5, 2))] * 3)) == 3


def test_a_single_prediction_is_its_own_mean():
    assert bootstrap(np.array([0.25]), np.array([7]), resamples=5)[:3] == (0.25, 0.25, 0.25)


def test_a_constant_has_an_interval_of_no_width():
    assert bootstrap(np.full(9, 0.25), np.arange(9) // 2)[:3] == (0.25, 0.25, 0.25)


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_reordered_rows_change_nothing(seed):
    # Sessions are drawn in the order of their labels, which in a table of targets is that of the test part.
    rng = np.random.default_rng(seed)
    a, b, session = simulated_study(rng, 30)
    order = rng.permutation(len(a))
    for average in resampling.AVERAGES:
        for first, second in ((a, b), (a / 3, b / 7)):
            options = {"average": average, "resamples": 300}
            found = compare(first, second, session, **options)
            moved = compare(first[order], second[order], session[order] + 5, **options)
            assert moved.difference == pytest.approx(found.difference, rel=1e-9, abs=1e-12)
            assert moved.p == found.p


def test_the_same_seed_gives_the_same_interval_and_another_one_another():
    rng = np.random.default_rng(0)
    a, _, session = simulated_study(rng)
    assert bootstrap(a, session, seed=1) == bootstrap(a, session, seed=1)
    assert bootstrap(a, session, seed=1) != bootstrap(a, session, seed=2)


def test_what_is_not_said_is_as_the_protocol_says():
    rng = np.random.default_rng(0)
    a, b, session = simulated_study(rng, 60)
    said = {"average": "micro", "seed": 0}
    assert bootstrap(a, session) == bootstrap(a, session, level=0.95, resamples=10_000, **said)
    assert compare(a, b, session) == compare(a, b, session, level=0.95, resamples=10_000, **said)
    assert permutation_test(a, b, session) == permutation_test(a, b, session, permutations=10_000, **said)
    given_ = {"margin": 0.1, "confidence": 0.95, "resamples": 10_000}
    assert equivalence(a, b, session, margin=0.1) == equivalence(a, b, session, **given_, **said)
    seeds = np.stack([a, b])
    assert over_seeds(seeds, session) == over_seeds(seeds, session, level=0.95, resamples=10_000, **said)
    assert resampling.percentile_interval(0.5, a) == resampling.percentile_interval(0.5, a, 0.95)
    both = np.stack([a, b], axis=1), np.stack([b, a], axis=1)
    assert agreement(*both, session) == agreement(*both, session, level=0.95, resamples=10_000, **said)


@pytest.mark.parametrize("average", resampling.AVERAGES)
def test_average_and_seed_reach_the_draws(average):
    rng = np.random.default_rng(1)
    a, b, session = simulated_study(rng, 60)
    found = compare(a, b, session, average=average, resamples=200, seed=3)
    assert found.difference == pytest.approx(bootstrap(a - b, session, average=average, resamples=200, seed=3))
    assert found.p == permutation_test(a, b, session, average=average, permutations=200, seed=3)
    assert (found.sessions, found.predictions) == (60, len(a))
    interval = equivalence(a, b, session, margin=0.1, average=average, resamples=200, seed=3).interval
    expected = bootstrap(a - b, session, level=2 * 0.95 - 1, average=average, resamples=200, seed=3)
    assert interval == pytest.approx(expected)
    said = {"average": average, "level": 0.8, "resamples": 200, "seed": 3}
    assert over_seeds(a, session, **said) == bootstrap(a, session, **said)


def run_of(recommender, above, session, targets="t"):
    """As much of a run as a comparison reads."""
    ranks = pd.DataFrame({"above": above, "equal": np.ones_like(above)})
    parts = {"ranks": ranks, "manifest": {"targets_sha256": targets}, "targets": pd.DataFrame({"session": session})}
    parts["n_items"] = 60
    return SimpleNamespace(path=recommender, recommender=recommender, **parts)


def test_two_runs_are_compared_by_metric_and_cutoff_with_holm_over_the_rows():
    rng, session = np.random.default_rng(2), np.repeat(np.arange(40), 3 * [1, 2, 3, 6] + 28 * [3])
    first, second = (run_of(name, rng.integers(0, 9, 120), session) for name in ("x", "y"))
    table = comparisons.compare_runs(first, second, (1, 5), ties="standard", average="macro", seed=4)
    assert [(row.a, row.b, row.metric, row.k) for row in table.itertuples()] == [
        ("x", "y", metric, k) for metric in ("Recall", "MRR", "NDCG") for k in (1, 5)
    ]
    hits = [(run.ranks["above"] < 5).to_numpy(float) for run in (first, second)]
    row = table[(table["metric"] == "Recall") & (table["k"] == 5)].iloc[0]
    expected = compare(*hits, session, average="macro", seed=4)
    assert (row["difference"], row["low"], row["high"], row["p"]) == (*expected.difference[:3], expected.p)
    means = [pd.Series(hit).groupby(session).mean().mean() for hit in hits]
    assert (row["value_a"], row["value_b"]) == pytest.approx(means)
    np.testing.assert_array_equal(table["p_holm"], holm(table["p"]))
    default = comparisons.compare_runs(first, second, (5,))
    hits = [(run.ranks["above"] + 1 < 5).to_numpy(float) for run in (first, second)]  # one tie, placed above
    row, expected = default.iloc[0], compare(*hits, session)
    assert (row["difference"], row["low"], row["high"], row["p"]) == (*expected.difference[:3], expected.p)
    with pytest.raises(InputError, match="different targets"):
        comparisons.compare_runs(first, run_of("z", np.zeros(120, np.int64), session, targets="u"), (5,))


def test_holm_is_worked_out_by_hand():
    # Sorted .01, .03, .04: 3 * .01, then max(.03, 2 * .03), then max(.06, .04).
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(holm([0.6, 0.7]), [1.0, 1.0])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
@settings(max_examples=50, deadline=None)
def test_holm_keeps_the_order_and_never_lowers_a_p(p):
    adjusted = holm(p)
    assert (adjusted >= np.array(p)).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=9))
@settings(max_examples=80, deadline=None)
def test_kendall_agrees_with_another_library(pairs):
    a, b = np.array(pairs, float).T
    np.testing.assert_allclose(kendall(a, b), stats.kendalltau(a, b).statistic, atol=1e-12)


def test_the_agreement_of_an_order_with_itself_is_one_and_with_its_reverse_minus_one():
    rng = np.random.default_rng(0)
    session = np.repeat(np.arange(100), 4)
    full = {name: (rng.random(400) < p).astype(float) for name, p in (("a", 0.2), ("b", 0.5), ("c", 0.8))}
    assert agreement(full, full, session, resamples=200)[:3] == (1.0, 1.0, 1.0)
    reverse = {name: 1 - values for name, values in full.items()}
    assert agreement(full, reverse, session, resamples=200)[:3] == (-1.0, -1.0, -1.0)


def test_values_that_differ_by_rounding_alone_have_no_order():
    with np.errstate(all="raise"):  # nothing is divided by nothing
        assert np.isnan(kendall(np.array([0.0, 2e-13]), np.array([0.0, 1.0])))
    assert kendall(np.array([0.0, 2e-12]), np.array([0.0, 1.0])) == 1.0


def test_resamples_in_which_a_metric_ties_all_recommenders_are_left_out():
    # Two of three sessions tell the two recommenders apart: a resample of the third alone has no order.
    full = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    drawn = Resampling.of(np.arange(3), resamples=200).resampled(full.T)
    assert (drawn[:, 0] == drawn[:, 1]).any()
    assert agreement(full, full, np.arange(3), resamples=200)[:3] == (1.0, 1.0, 1.0)


def test_agreement_of_orders_is_over_the_average_and_the_resamples_asked_for():
    # Two sessions. By predictions the first recommender leads under both metrics, by sessions under the first alone.
    session = np.array([0, 0, 0, 1])
    full = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.5]])
    other = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.5]])
    assert agreement(full, other, session, resamples=50).estimate == 1.0
    assert agreement(full, other, session, average="macro", resamples=50).estimate == -1.0
    one = [agreement(full, other, session, resamples=1, seed=seed) for seed in range(20)]
    assert all(found.low == found.high for found in one)  # of one resample there is one tau
    assert len({found.low for found in one}) > 1
    assert agreement(full, other, session, resamples=9) == agreement(
        full, other, session, resamples=9, seed=0
    )


def test_a_metric_that_ties_all_recommenders_has_no_order():
    rng = np.random.default_rng(0)
    full, ones = rng.random((40, 3)), np.ones((40, 3))
    found = agreement(full, ones + rng.normal(0, 1e-15, (40, 3)), np.arange(40), resamples=50)
    assert np.isnan(found[:3]).all()


@pytest.mark.parametrize("difference", [0.25, -0.25])
def test_a_difference_as_large_as_the_margin_is_not_equivalent(difference):
    a, b = np.full(6, 0.5 + difference), np.full(6, 0.5)
    assert not equivalence(a, b, np.arange(6), margin=0.25, resamples=50).equivalent
    assert equivalence(a, b, np.arange(6), margin=0.2501, resamples=50).equivalent


def test_equal_recommenders_are_equivalent_within_a_wide_margin_only():
    rng = np.random.default_rng(0)
    a, b, session = simulated_study(rng, 400)
    wide, narrow = (equivalence(a, b, session, margin=m) for m in (0.1, 0.001))
    assert wide.equivalent
    assert not narrow.equivalent
    assert wide.interval == bootstrap(a - b, session, level=0.90)


def test_recommenders_at_the_margin_are_declared_equivalent_in_5_of_100_studies():
    rng, declared = np.random.default_rng(5), 0
    for study in range(STUDIES):
        session = np.repeat(np.arange(100), 2)
        b = rng.normal(size=200)
        a = b + 0.1 + rng.normal(0, 0.3, 200)  # truly 0.1 apart
        declared += equivalence(a, b, session, margin=0.1, resamples=500, seed=study).equivalent
    assert 0.03 <= declared / STUDIES <= 0.07


def test_one_seed_is_an_interval_over_sessions():
    rng = np.random.default_rng(0)
    a, _, session = simulated_study(rng)
    found = over_seeds(a, session)
    assert found == bootstrap(a, session)
    assert found.seeds == 1


@pytest.mark.parametrize(("by_seed", "reach"), [([0.0, 1.0], 1 / 2), ([0.0, 1.0, 2.0], 2 / 3)])
@pytest.mark.parametrize("level", [0.8, 0.9])
def test_an_interval_over_seeds_alone_is_widened_as_students_t_says(by_seed, reach, level):
    # Every session has its seed's value, so that only the picks of seeds vary. Of two, 0 has a chance of 1 in 4, above
    # both 5 and 10 in 100; of three, 0 has one of 1 in 27, below both, and at most 1/3 one of 4 in 27, above both.
    r, quantile = len(by_seed), (1 + level) / 2
    found = over_seeds(np.repeat(np.array(by_seed)[:, None], 9, axis=1), np.arange(9), level=level)
    wide = np.sqrt(r / (r - 1)) * stats.t(r - 1).ppf(quantile) / stats.norm.ppf(quantile)
    assert found.estimate == np.mean(by_seed)
    assert found.low == pytest.approx(found.estimate - wide * reach)
    assert found.high == pytest.approx(found.estimate + wide * reach)


def test_a_seed_that_stands_out_pulls_its_own_end_of_the_interval():
    # Of (0, 0, 3) the mean over three picks is 3 with a chance of 1 in 27, above 25 in 1000, and 0 with one of 8 in 27.
    found = over_seeds(np.repeat(np.array([0.0, 0.0, 3.0])[:, None], 9, axis=1), np.arange(9))
    wide = np.sqrt(3 / 2) * stats.t(2).ppf(0.975) / stats.norm.ppf(0.975)
    assert found.low == pytest.approx(1 - wide)
    assert found.high == pytest.approx(1 + 2 * wide)


@pytest.mark.parametrize("average", resampling.AVERAGES)
def test_a_ratio_over_one_makes_no_difference(average):
    rng = np.random.default_rng(2)
    a, b, session = simulated_study(rng, 60)
    said = {"average": average, "resamples": 200, "seed": 3, "level": 0.8}
    top = np.stack([a, b])
    mean, ratio = over_seeds(top, session, **said), over_seeds_ratio(top, np.ones_like(top), session, **said)
    np.testing.assert_allclose(ratio, mean)


def test_a_ratio_is_that_of_the_means_and_pairs_sessions_and_seeds():
    rng = np.random.default_rng(0)
    bottom = rng.random((3, 90)) + 0.5
    session = np.arange(90) // 3
    found = over_seeds_ratio(0.75 * bottom, bottom, session)
    np.testing.assert_allclose(found[:3], 0.75)  # whatever is drawn, it is drawn for both
    assert found.seeds == 3
    top = bottom * np.array([[0.5], [0.75], [1.0]])
    found = over_seeds_ratio(top, bottom, session)
    assert found.estimate == pytest.approx(top.mean() / bottom.mean())
    assert found.low < 0.5 < 1.0 < found.high


def test_a_ratio_of_one_seed_is_over_sessions():
    top, bottom = np.array([1.0, 0.0, 1.0, 1.0]), np.array([1.0, 1.0, 1.0, 0.0])
    found = over_seeds_ratio(top, bottom, np.array([0, 0, 1, 1]))
    assert (found.estimate, found.seeds) == (1.0, 1)
    assert (found.low, found.high) == (0.5, 2.0)  # one session twice, either of them


def test_seeds_are_summarised_by_their_mean():
    values = np.array([[0.0, 1.0], [1.0, 1.0]])  # means 1/2 and 1
    assert over_seeds(values, np.arange(2)).estimate == 3 / 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bootstrap(np.ones(3), np.arange(2)), "one value a target"),
        (lambda: over_seeds_ratio(np.ones((2, 3)), np.ones((1, 3)), np.arange(3)), r"\(2, 3\) and \(1, 3\)"),
        (lambda: over_seeds_ratio(np.ones((2, 3)), np.eye(2, 3)[:, [0, 0, 0]], np.arange(3)), "0 throughout"),
        (lambda: bootstrap(np.ones(0), np.arange(0)), "0 targets"),
        (lambda: bootstrap(np.array([1.0, np.nan]), np.arange(2)), "1 predictions"),
        (lambda: bootstrap(np.ones(2), np.arange(2), average="mico"), "Did you mean 'micro'"),
        (lambda: bootstrap(np.ones(2), np.arange(2), level=95), "between 0 and 1"),
        (lambda: bootstrap(np.ones(2), np.arange(2), level=0.0), "between 0 and 1"),
        (lambda: bootstrap(np.ones(2), np.arange(2), level=1.0), "between 0 and 1"),
        (lambda: compare(np.ones(3), np.ones(2), np.arange(3)), "paired"),
        (lambda: Resampling.of(np.arange(3)).difference(np.ones((2, 3)), np.ones((3, 3))), "paired"),
        (lambda: Resampling.of(np.arange(3)).choice([], np.ones(3)), "no candidate"),
        (lambda: compare(np.ones((3, 2)), np.ones((3, 2)), np.arange(3)), "paired"),
        (lambda: agreement(np.ones((2, 1)), np.ones((2, 1)), np.arange(2)), "needs two recommenders"),
        (lambda: agreement(np.ones((2, 2)), np.ones((2, 3)), np.arange(2)), "equal shapes"),
        (lambda: equivalence(np.ones(2), np.ones(2), np.arange(2), margin=0.0), "positive"),
        (lambda: agreement({"a": np.ones(2)}, {"b": np.ones(2)}, np.arange(2)), "different"),
    ],
)
def test_a_wrong_request_is_refused_with_what_to_do(call, message):
    with pytest.raises(InputError, match=message):
        call()
