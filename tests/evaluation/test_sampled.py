"""Sampled metrics: the published toy table, brute force, simulation at the level of items, and properties."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import combinations, permutations, product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from audit_lib.errors import InputError
from audit_lib.evaluation import metrics, sampled
from audit_lib.evaluation.count_laws import count_law
from audit_lib.evaluation.sampled import METRICS, SAMPLINGS, Counts, expectation, expectations, moments
from tests.evaluation.simulation import draw_counts, metric_of_sample, sample_counts, simulate

TOY = {"A": [100] * 5, "B": [40, 40, 8437, 9266, 4482], "C": [212, 2, 743, 5342, 1548]}
CASES = [(m, t) for m in METRICS for t in metrics.TIES]


def toy(name: str) -> Counts:
    above = np.array(TOY[name]) - 1
    return Counts(above, np.zeros_like(above), 10_000)


def some_counts(size: int, v: int, seed: int, ties: int = 6) -> tuple[Counts, np.ndarray, np.ndarray, np.ndarray]:
    """Counts with their scores (size, V), targets and support: enough to sample items from."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, max(v // ties, 2), (size, v))
    target, support = rng.integers(0, v, size), rng.integers(1, 40, v)
    own = scores[np.arange(size), target][:, None]
    equal = scores == own
    equal[np.arange(size), target] = False
    above = scores > own
    counts = Counts(above.sum(1), equal.sum(1), v, above @ support, equal @ support, support[target], support.sum())
    return counts, scores, target, support


@pytest.mark.parametrize(
    ("metric", "k", "values"),
    [
        ("AUC", None, (0.990, 0.555, 0.843)),
        ("MRR", None, (0.010, 0.010, 0.101)),
        ("NDCG", None, (0.150, 0.122, 0.208)),
        ("Recall", 10, (0.0, 0.0, 0.200)),
    ],
)
def test_toy_table_of_krichene_and_rendle_in_full(metric, k, values):
    found = [expectation(toy(name), metric, n=9999, k=k).mean() for name in TOY]
    assert [round(x, 3) for x in found] == list(values)


@pytest.mark.parametrize(
    ("metric", "k", "values"),
    [
        ("MRR", None, (0.6366, 0.3407, 0.3262)),
        ("NDCG", None, (0.7290, 0.4473, 0.4600)),
        ("Recall", 10, (1.0, 0.4, 0.5694)),
    ],
)
def test_toy_table_of_krichene_and_rendle_under_99_negatives(metric, k, values):
    found = [expectation(toy(name), metric, n=99, k=k, sampling="uniform-replacement").mean() for name in TOY]
    assert [round(x, 4) for x in found] == list(values)


def test_sampling_turns_the_order_of_a_and_c_round_in_the_toy_table():
    full = {name: expectation(toy(name), "MRR", n=9999, k=None).mean() for name in TOY}
    sampled = {name: expectation(toy(name), "MRR", n=99, k=None).mean() for name in TOY}
    assert full["A"] < full["C"]
    assert sampled["A"] > sampled["C"]


def test_one_negative_of_two_is_worked_out_by_hand():
    # V = 3, one item above: the one negative outranks the target half of the time.
    counts = Counts(np.array([1]), np.array([0]), 3)
    assert expectation(counts, "Recall", n=1, k=1)[0] == pytest.approx(1 / 2)
    assert expectation(counts, "MRR", n=1, k=2)[0] == pytest.approx(1 / 2 * 1 + 1 / 2 * 1 / 2)
    assert expectation(counts, "NDCG", n=1, k=2)[0] == pytest.approx(1 / 2 + 1 / 2 / np.log2(3))
    assert expectation(counts, "AUC", n=1, k=None)[0] == pytest.approx(1 / 2)
    assert moments(counts, "AUC", n=1, k=None).variance[0] == pytest.approx(1 / 4)  # 0 or 1, half of the time each


@pytest.mark.parametrize(("metric", "ties"), CASES)
def test_all_negatives_without_replacement_give_the_full_metric(metric, ties):
    counts, *_ = some_counts(40, 30, seed=3)
    for k in (1, 5, 20):
        found = expectation(counts, metric, n=29, k=None if metric == "AUC" else k, ties=ties)
        wanted = metric_of_sample(counts.above, counts.equal, metric, n=29, k=k, ties=ties)
        if ties in ("standard", "conservative") and metric != "AUC":
            np.testing.assert_array_equal(found, wanted)  # exactly
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(moments(counts, metric, n=29, k=k, ties=ties).variance, 0.0, atol=1e-12)


def test_all_negatives_of_a_large_catalogue_give_the_full_metric_exactly():
    rng = np.random.default_rng(0)
    above, v = rng.integers(0, 43_096, 2000), 43_097
    found = expectation(Counts(above, above * 0, v), "NDCG", n=v - 1, k=20)
    np.testing.assert_array_equal(found, metrics.ndcg(above, above * 0, 20))


def value_of_order(order: tuple[str, ...], metric: str, k: int) -> float:
    """The metric of a sampled list of labels, in this order: 't' is the target, 'a', 'e', 'b' above, equal, below."""
    rank = 1 + order.index("t")
    if metric == "AUC":
        return 1 - (rank - 1) / (len(order) - 1)
    return {"Recall": 1.0, "MRR": 1 / rank, "NDCG": 1 / np.log2(rank + 1)}[metric] * (rank <= k)


def mean_over_orders(x: int, y: int, z: int, metric: str, k: int) -> float:
    """The mean over every order of the target and the y items tied with it."""
    orders = list(permutations(range(y + 1)))
    lists = [("a",) * x + tuple("t" if i == 0 else "e" for i in order) + ("b",) * z for order in orders]
    return sum(value_of_order(o, metric, k) for o in lists) / len(lists)


@pytest.mark.parametrize("k", [2, 4])  # 4: every place in a list of 3 negatives counts
@pytest.mark.parametrize("sampling", ["uniform", "uniform-replacement", "popularity"])
@pytest.mark.parametrize(("metric", "ties"), CASES)
def test_expectation_and_variance_equal_the_sum_over_every_possible_sample(metric, ties, sampling, k):
    counts, scores, target, support = some_counts(4, 7, seed=33, ties=2)
    assert set(counts.equal) == {0, 1, 2, 3}
    n = 3
    found = moments(counts, metric, n=n, k=k, sampling=sampling, ties=ties)
    mean = expectation(counts, metric, n=n, k=k, sampling=sampling, ties=ties)
    for i in range(4):
        others = [j for j in range(7) if j != target[i]]
        draws = list(combinations(others, n) if sampling == "uniform" else product(others, repeat=n))
        weights = [np.prod([float(support[j]) for j in d]) if sampling == "popularity" else 1.0 for d in draws]
        values = []
        for draw in draws:
            s, own = scores[i, list(draw)], scores[i, target[i]]
            x, y = int((s > own).sum()), int((s == own).sum())
            if ties == "expected":
                values.append(mean_over_orders(x, y, n - x - y, metric, k))
            else:
                values.append(metric_of_sample(np.array([x]), np.array([y]), metric, n=n, k=k, ties=ties)[0])
        wanted = np.average(values, weights=weights)
        assert mean[i] == pytest.approx(wanted, rel=1e-10, abs=1e-13)
        assert found.mean[i] == pytest.approx(wanted, rel=1e-10, abs=1e-13)
        spread = np.average((np.array(values) - wanted) ** 2, weights=weights)
        assert found.variance[i] == pytest.approx(spread, abs=1e-12)


@pytest.mark.parametrize("k", [1, 3, None])
@pytest.mark.parametrize("metric", METRICS)
def test_full_expected_ties_are_the_mean_over_all_orders(metric, k):
    for x, y in ((0, 0), (0, 3), (1, 2), (2, 4)):
        counts = Counts(np.array([x]), np.array([y]), 8)
        found = expectation(counts, metric, n=7, k=k, ties="expected")[0]
        assert found == pytest.approx(mean_over_orders(x, y, 7 - x - y, metric, k or 8), rel=1e-12)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize(("metric", "ties"), CASES)
def test_simulation_stays_within_four_standard_errors(metric, ties, sampling):
    counts, *_ = some_counts(300, 400, seed=5, ties=8)
    options = {"n": 50, "k": None if metric == "AUC" else 5, "sampling": sampling, "ties": ties}
    mean, variance = moments(counts, metric, **options)
    trials = 400
    drawn = simulate(counts, metric, **options, trials=trials, rng=np.random.default_rng(1))
    error = np.sqrt(variance.sum()) / 300
    assert abs(drawn.mean() - mean.mean()) < 4 * error / np.sqrt(trials)
    # A sample variance has standard error of about sqrt(2 / trials) of itself.
    assert abs(drawn.var(ddof=1) / error**2 - 1) < 4 * np.sqrt(2 / trials)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_drawing_items_agrees_with_the_closed_form(sampling):
    counts, scores, target, support = some_counts(60, 80, seed=7)
    rng, trials, n = np.random.default_rng(2), 300, 20
    drawn = [draw_counts(scores, target, n=n, sampling=sampling, rng=rng, support=support) for _ in range(trials)]
    for ties in metrics.TIES:
        values = [metric_of_sample(*xy, "NDCG", n=n, k=5, ties=ties).mean() for xy in drawn]
        mean, variance = moments(counts, "NDCG", n=n, k=5, sampling=sampling, ties=ties)
        assert abs(np.mean(values) - mean.mean()) < 4 * np.sqrt(variance.sum()) / 60 / np.sqrt(trials)


def test_popularity_without_replacement_follows_the_law_of_successive_draws():
    # Supports 1, 2, 3 and the target; of two draws the first is item j with probability w_j / 6.
    support, scores = np.array([1, 2, 3, 9]), np.array([[5.0, 1.0, 1.0, 2.0]])
    both = {pair: Fraction(0) for pair in combinations(range(3), 2)}
    for first, second in permutations(range(3), 2):
        w = [Fraction(x, 6) for x in (1, 2, 3)]
        both[tuple(sorted((first, second)))] += w[first] * w[second] / (1 - w[first])
    with_top = float(sum(p for pair, p in both.items() if 0 in pair))
    trials = 20_000
    x, y = draw_counts(
        np.repeat(scores, trials, 0), np.full(trials, 3), n=2, sampling="popularity-no-replacement",
        rng=np.random.default_rng(4), support=support,
    )
    assert abs(x.mean() - with_top) < 4 * np.sqrt(with_top * (1 - with_top) / trials)
    assert (y == 0).all()


def test_the_laws_equal_those_of_another_library():
    x = np.arange(21)
    a = np.array([0, 1, 7, 250, 4999])
    ours = count_law(a, 100, 21, pool=5000)
    np.testing.assert_allclose(ours, stats.hypergeom(5000, a[:, None], 100).pmf(x), rtol=1e-8, atol=1e-200)
    p = np.array([0.0, 0.001, 0.3, 1.0])
    np.testing.assert_allclose(count_law(p, 100, 21, pool=None), stats.binom(100, p[:, None]).pmf(x), rtol=1e-9)


@pytest.mark.parametrize("pool", [None, 43_000])
def test_a_law_in_full_sums_to_one_to_the_last_digit(pool):
    places = np.array([0, 7, 250, 21_500])
    law = count_law(places if pool else places / 43_000, 100, 101, pool=pool)
    np.testing.assert_allclose(law.sum(1), 1.0, rtol=0, atol=4 * np.finfo(float).eps)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_metrics_grow_with_the_cutoff_and_stay_within_bounds(data):
    v = data.draw(st.integers(3, 60))
    above = data.draw(st.integers(0, v - 1))
    counts = Counts(np.array([above]), np.array([data.draw(st.integers(0, v - 1 - above))]), v)
    n, ties = data.draw(st.integers(1, v - 1)), data.draw(st.sampled_from(metrics.TIES))
    sampling = data.draw(st.sampled_from(SAMPLINGS[:2]))
    for metric in ("Recall", "MRR", "NDCG"):
        values = [expectation(counts, metric, n=n, k=k, sampling=sampling, ties=ties)[0] for k in (1, 2, 5, 20, None)]
        assert np.all(np.diff(values) >= -1e-12)
        assert values[0] >= -1e-12
        assert values[-1] <= 1 + 1e-9


@given(st.integers(0, 99), st.integers(1, 98))
@settings(max_examples=40, deadline=None)
def test_recall_falls_as_more_negatives_are_drawn(above, n):
    counts = Counts(np.array([above]), np.array([0]), 100)
    fewer, more = (expectation(counts, "Recall", n=size, k=3)[0] for size in (n, n + 1))
    assert more <= fewer + 1e-12


SEVERAL = [("Recall", 1), ("MRR", 4), ("NDCG", None), ("MRR", 30), ("NDCG", 6)]


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("ties", metrics.TIES)
def test_several_measures_at_once_equal_each_by_itself(ties, sampling):
    counts, *_ = some_counts(20, 30, seed=9)
    options = {"n": 7, "sampling": sampling, "ties": ties}
    found = expectations(counts, SEVERAL, **options)
    for column, (metric, k) in zip(found.T, SEVERAL, strict=True):
        np.testing.assert_allclose(column, expectation(counts, metric, k=k, **options), rtol=1e-12)


def test_order_of_the_predictions_does_not_matter():
    counts, *_ = some_counts(50, 40, seed=9)
    order = np.random.default_rng(0).permutation(50)
    columns = ("above", "equal", "support_above", "support_equal", "support")
    moved = Counts(n_items=40, support_total=counts.support_total, **{c: getattr(counts, c)[order] for c in columns})
    for sampling in SAMPLINGS:
        for ties in metrics.TIES:
            options = {"n": 10, "k": 5, "sampling": sampling, "ties": ties}
            np.testing.assert_array_equal(
                expectation(counts, "MRR", **options)[order], expectation(moved, "MRR", **options)
            )


@pytest.mark.parametrize("metric", METRICS)
def test_what_is_not_said_is_uniform_and_conservative(metric):
    counts, *_ = some_counts(20, 30, seed=9)
    k = None if metric == "AUC" else 3
    said = {"n": 7, "k": k, "sampling": "uniform", "ties": "conservative"}
    np.testing.assert_array_equal(expectation(counts, metric, n=7, k=k), expectation(counts, metric, **said))
    np.testing.assert_array_equal(moments(counts, metric, n=7, k=k), moments(counts, metric, **said))
    if metric != "AUC":
        found = expectations(counts, [(metric, k)], n=7)
        np.testing.assert_array_equal(found[:, 0], expectation(counts, metric, **said))
    optimistic = expectation(counts, metric, **(said | {"ties": "standard"}))
    assert (optimistic >= expectation(counts, metric, **said) - 1e-12).all()
    assert (optimistic > expectation(counts, metric, **said) + 1e-3).any()


def test_auc_is_the_same_at_every_number_of_negatives():
    counts, *_ = some_counts(30, 50, seed=2)
    for ties in metrics.TIES:
        full = expectation(counts, "AUC", n=49, k=None, ties=ties)
        np.testing.assert_allclose(expectation(counts, "AUC", n=1, k=None, ties=ties), full, rtol=1e-14)


def test_the_same_seed_draws_the_same_samples():
    counts, *_ = some_counts(30, 50, seed=2)
    first, second = (sample_counts(counts, n=9, rng=np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_popularity_with_equal_support_is_uniform_with_replacement():
    counts, *_ = some_counts(30, 50, seed=2)
    flat = Counts(counts.above, counts.equal, 50, counts.above * 3, counts.equal * 3, np.full(30, 3), 150)
    for ties in metrics.TIES:
        a = expectation(flat, "NDCG", n=20, k=5, sampling="popularity", ties=ties)
        b = expectation(flat, "NDCG", n=20, k=5, sampling="uniform-replacement", ties=ties)
        np.testing.assert_allclose(a, b, rtol=1e-10)


@pytest.mark.parametrize("function", [expectation, moments])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric": "Recal"}, "Unknown metric 'Recal'. Did you mean 'Recall'"),
        ({"sampling": "uniforn"}, "Unknown sampling 'uniforn'. Did you mean 'uniform'"),
        ({"ties": "optimistic"}, "Unknown tie policy 'optimistic'"),
        ({"n": 50}, "cannot be drawn from 49"),
        ({"metric": "AUC", "n": 50}, "cannot be drawn from 49"),
        ({"n": 0}, "cannot be drawn"),
        ({"k": 0}, "cutoff K"),
        ({"sampling": "popularity"}, "support columns"),
    ],
)
def test_a_wrong_request_is_refused_with_what_to_do(function, change, message):
    counts = Counts(np.array([3]), np.array([0]), 50)
    request = {"metric": "Recall", "n": 10, "k": 5} | change
    with pytest.raises(InputError, match=message):
        function(counts, request.pop("metric"), **request)


def test_one_wrong_measure_of_several_is_refused():
    counts = Counts(np.array([3]), np.array([0]), 50)
    with pytest.raises(InputError, match="The cutoff K is 0"):
        expectations(counts, [("Recall", 5), ("MRR", 0)], n=10)
    with pytest.raises(InputError, match="AUC is no sum over ranks"):
        expectations(counts, [("Recall", 5), ("AUC", None)], n=10)


@pytest.mark.parametrize(
    ("above", "equal", "message"),
    [
        ([], [], "no predictions"),
        ([9], [1], "V is 10, found 10"),
        ([0, 9], [0, 1], "V is 10, found 10"),
        ([-1, 3], [0, 0], "must lie in 0"),
        ([1, 1], [-1, 2], "must lie in 0"),
    ],
)
def test_counts_that_no_catalogue_of_this_size_gives_are_refused(above, equal, message):
    with pytest.raises(InputError, match=message):
        Counts(np.array(above, np.int64), np.array(equal, np.int64), 10)


@pytest.mark.parametrize("missing", ["support_above", "support_equal", "support", "support_total"])
def test_popularity_needs_every_support(missing):
    counts, *_ = some_counts(4, 7, seed=9)
    with pytest.raises(InputError, match="support columns"):
        replace(counts, **{missing: None}).shares("popularity")


def test_supports_that_exceed_their_total_are_refused():
    one = np.array([1, 1])
    counts = Counts(one, one, 3, one, one * 2, np.array([1, 2]), 4)  # 1 above, 2 equal and 2 of the target: 5 of 4
    with pytest.raises(InputError, match="more support than there is in all"):
        counts.shares("popularity")


def test_shares_of_an_unknown_sampling_are_refused():
    with pytest.raises(InputError, match="Unknown sampling 'uniforn'"):
        toy("A").shares("uniforn")


@pytest.mark.parametrize(
    ("n", "k", "fits"),
    [(999, None, True), (999, 5000, True), (5000, 1000, True),
     (1000, None, False), (1000, 5000, False), (5000, 1001, False)],
)  # fmt: skip
def test_median_ties_are_summed_over_at_most_a_million_pairs(n, k, fits):
    # 2x + y runs to 2K - 2, which K^2 pairs satisfy. A list of n negatives has n + 1 ranks, whatever the cutoff.
    counts = Counts(np.array([3]), np.array([2]), 10_000)
    if fits:
        policies = ("conservative", "median", "standard")
        low, found, high = (expectation(counts, "MRR", n=n, k=k, ties=ties)[0] for ties in policies)
        assert low < found < high
    else:
        with pytest.raises(InputError, match=f"over {1001**2} pairs.*simulate"):
            moments(counts, "MRR", n=n, k=k, ties="median")


@pytest.mark.parametrize(
    ("n", "k", "equal", "fits"),
    [
        (5000, 1000, 999, True),  # 1000 counts above with 0 ... 999 equal
        (999, 1000, 1500, True),  # no more than 999 are drawn
        (9900, 101, 9900, False),  # 101 * 9901 = 1,000,001
        (9900, 101, 15_000, False),
        (15_000, 101, 9900, False),
    ],
)
def test_the_variance_of_expected_ties_is_summed_over_at_most_a_million_pairs(n, k, equal, fits):
    counts = Counts(np.array([3]), np.array([equal]), 20_000)
    if fits:
        found = moments(counts, "MRR", n=n, k=k, ties="expected").mean
        assert found == pytest.approx(expectation(counts, "MRR", n=n, k=k, ties="expected"), rel=1e-9)
    else:
        with pytest.raises(InputError, match=r"over 1000001 pairs.*simulate"):
            moments(counts, "MRR", n=n, k=k, ties="expected")


def test_without_ties_no_policy_has_a_sum_too_large():
    counts = Counts(np.array([3, 70]), np.array([0, 0]), 10_000)
    one, other = (moments(counts, "MRR", n=5000, k=2000, ties=ties) for ties in ("standard", "median"))
    np.testing.assert_array_equal(one, other)


def test_counting_in_blocks_gives_the_same_values(monkeypatch):
    counts, *_ = some_counts(20, 30, seed=9)
    cases = [{"n": 7, "k": 3, "sampling": sampling, "ties": ties} for sampling in SAMPLINGS for ties in metrics.TIES]
    whole = [moments(counts, "NDCG", **case) for case in cases]
    for cells in (1, 40):  # fewer than one row has; a few rows at a time
        monkeypatch.setattr(sampled, "_CELLS", cells)
        for case, wanted in zip(cases, whole, strict=True):
            np.testing.assert_allclose(moments(counts, "NDCG", **case), wanted, rtol=1e-12, atol=1e-15)


def run_of(counts: Counts, recommender: str, seed: int) -> SimpleNamespace:
    """As much of a run as sampled metrics read."""
    names = ("above", "equal", "support_above", "support_equal")
    return SimpleNamespace(
        dataset="clicks", recommender=recommender, seed=seed, n_items=counts.n_items,
        ranks=pd.DataFrame({name: getattr(counts, name) for name in names}),
        targets=pd.DataFrame({"session": 0, "step": 1, "support": counts.support}),
        manifest={"support_total": counts.support_total},
    )  # fmt: skip


def test_the_counts_of_a_run_are_those_of_its_files():
    counts, *_ = some_counts(20, 30, seed=9)
    found = Counts.of_run(run_of(counts, "x", 0))
    for name in ("above", "equal", "n_items", "support_above", "support_equal", "support", "support_total"):
        np.testing.assert_array_equal(getattr(found, name), getattr(counts, name), err_msg=name)


# One prediction among two other items, one of which is above in one run and equal in the other; supports 2, 3 and 1.
ABOVE = Counts(*(np.array([x]) for x in (1, 0)), 3, *(np.array([x]) for x in (3, 0, 2)), 6)
EQUAL = Counts(*(np.array([x]) for x in (0, 1)), 3, *(np.array([x]) for x in (0, 3, 2)), 6)
LOG = 1 / np.log2(3)  # NDCG at rank 2


def test_the_table_of_two_runs_is_worked_out_by_hand():
    # The one negative is the item above, or equal and so placed above, half of the time.
    table = sampled.by_metric([run_of(ABOVE, "x", 4), run_of(EQUAL, "y", 5)], iter((1, 2)), n=1)
    half, nan = 1 / 2, float("nan")
    wanted = [
        ("Recall", 1, 0.0, half, nan), ("Recall", 2, 1.0, 1.0, 1.0), ("MRR", 1, 0.0, half, nan),
        ("MRR", 2, half, 3 / 4, 3 / 2), ("NDCG", 1, 0.0, half, nan),
        ("NDCG", 2, LOG, half + half * LOG, (half + half * LOG) / LOG), ("AUC", 0, half, half, 1.0),
    ]  # fmt: skip
    abouts = [("clicks", name, seed, "uniform", 1, "conservative") for name, seed in (("x", 4), ("y", 5))]
    columns = ["dataset", "recommender", "seed", "sampling", "negatives", "ties"]
    columns += ["metric", "k", "full", "sampled", "factor"]
    expected = pd.DataFrame([(*about, *row) for about in abouts for row in wanted], columns=columns)
    pd.testing.assert_frame_equal(table, expected, rtol=1e-12)


def test_sampling_ties_and_negatives_reach_the_table():
    # Popularity draws the other item above with probability 3/4; two draws spare the target 1/16 of the time.
    options = {"n": 2, "sampling": "popularity", "ties": "standard"}
    table = sampled.by_metric([run_of(ABOVE, "x", 0), run_of(EQUAL, "y", 0)], [1], **options)
    assert (table[["sampling", "negatives", "ties"]] == ["popularity", 2, "standard"]).all(axis=None)
    row = table[table["metric"].isin(["Recall", "AUC"])].set_index(["recommender", "metric"])
    assert row["full"].to_list() == pytest.approx([0.0, 1 / 2, 1.0, 1.0])  # a tie that is placed below does no harm
    assert row["sampled"].to_list() == pytest.approx([1 / 16, 1 / 4, 1.0, 1.0])
