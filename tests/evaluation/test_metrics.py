"""Metrics by hand under every tie policy, against pytrec_eval, and what must hold of any ranks."""

import numpy as np
import pandas as pd
import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from audit_lib.errors import InputError
from audit_lib.evaluation import metrics
from audit_lib.evaluation.metrics import METRICS, TIES, mrr, ndcg, recall, summary

L3, L4, L5 = np.log2(3), np.log2(4), np.log2(5)  # the discounts of ranks 2, 3 and 4

# above, equal, K: Recall, MRR and NDCG under standard, conservative, median and expected.
HAND_WORKED = {
    "first and alone": ((0, 0, 1), {t: (1, 1, 1) for t in TIES}),
    "second, K is 1": ((1, 0, 1), {t: (0, 0, 0) for t in TIES}),
    "second, K is 5": ((1, 0, 5), {t: (1, 1 / 2, 1 / L3) for t in TIES}),
    "tied with one at the top": ((0, 1, 1), {
        "standard": (1, 1, 1),  # rank 1
        "conservative": (0, 0, 0),  # rank 2
        "median": (0, 0, 0),  # rank 3/2
        "expected": (1 / 2, 1 / 2, 1 / 2),
    }),
    "tied with two behind one, K is 3": ((1, 2, 3), {
        "standard": (1, 1 / 2, 1 / L3),  # rank 2
        "conservative": (0, 0, 0),  # rank 4
        "median": (1, 1 / 3, 1 / L4),  # rank 3
        "expected": (2 / 3, (1 / 2 + 1 / 3) / 3, (1 / L3 + 1 / L4) / 3),  # ranks 2 and 3 of 2, 3, 4
    }),
    "tied with one behind one, K is 20": ((1, 1, 20), {
        "standard": (1, 1 / 2, 1 / L3),
        "conservative": (1, 1 / 3, 1 / L4),
        "median": (1, 1 / 2.5, 1 / np.log2(3.5)),  # rank 5/2
        "expected": (1, (1 / 2 + 1 / 3) / 2, (1 / L3 + 1 / L4) / 2),
    }),
    "every item tied, K is 4 of 8": ((0, 7, 4), {
        "standard": (1, 1, 1),
        "conservative": (0, 0, 0),  # rank 8
        "median": (0, 0, 0),  # rank 9/2
        "expected": (1 / 2, (1 + 1 / 2 + 1 / 3 + 1 / 4) / 8, (1 + 1 / L3 + 1 / L4 + 1 / L5) / 8),
    }),
}  # fmt: skip


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("case", HAND_WORKED)
def test_every_tie_policy_gives_the_hand_worked_value(case, ties):
    (above, equal, k), expected = HAND_WORKED[case]
    found = [f(np.array([above]), np.array([equal]), k, ties)[0] for f in (recall, mrr, ndcg)]
    np.testing.assert_allclose(found, expected[ties], rtol=1e-15, atol=1e-16)


def test_the_default_tie_policy_is_the_conservative_one():
    above, equal = np.array([0, 2]), np.array([4, 1])
    for metric in (recall, mrr, ndcg):
        np.testing.assert_array_equal(metric(above, equal, 5), metric(above, equal, 5, "conservative"))
    np.testing.assert_array_equal(mrr(above, equal, 5), [1 / 5, 1 / 4])


@pytest.mark.parametrize("k", [1, 5, 10, 20])
def test_metrics_equal_those_of_pytrec_eval_on_scores_without_ties(k):
    rng = np.random.default_rng(k)
    n, v = 200, 60
    scores, target = rng.permuted(np.tile(np.arange(v), (n, 1)), axis=1), rng.integers(0, v, n)
    above = (scores > scores[np.arange(n), target][:, None]).sum(1)
    qrel = {f"q{i}": {f"d{target[i]}": 1} for i in range(n)}
    # trec_eval has no cutoff for the reciprocal rank: it is given the first k documents alone.
    full = {f"q{i}": {f"d{j}": float(scores[i, j]) for j in range(v)} for i in range(n)}
    top = {q: dict(sorted(s.items(), key=lambda item: -item[1])[:k]) for q, s in full.items()}
    theirs = pytrec_eval.RelevanceEvaluator(qrel, {f"recall.{k}", f"ndcg_cut.{k}"}).evaluate(full)
    reciprocal = pytrec_eval.RelevanceEvaluator(qrel, {"recip_rank"}).evaluate(top)
    zeros = np.zeros(n, np.int64)
    for i in range(n):
        q, one = f"q{i}", (above[i : i + 1], zeros[:1], k)
        assert recall(*one)[0] == theirs[q][f"recall_{k}"]
        assert mrr(*one)[0] == reciprocal[q]["recip_rank"]
        assert ndcg(*one)[0] == pytest.approx(theirs[q][f"ndcg_cut_{k}"], rel=4e-16, abs=0)  # the last bit: log2 or ln
    assert 0 < recall(above, zeros, k).mean() < 1


@st.composite
def scored(draw):
    """Scores of few levels (so that ties abound) and a target."""
    scores = draw(st.lists(st.integers(0, 4), min_size=1, max_size=12))
    return np.array(scores), draw(st.integers(0, len(scores) - 1))


def counts(scores, target):
    own = scores[target]
    return np.array([(scores > own).sum()]), np.array([(scores == own).sum() - 1])


@given(scored(), st.sampled_from(["standard", "conservative", "median"]))
def test_a_rank_lies_between_1_and_the_size_of_the_catalogue(case, ties):
    (rank,) = metrics.rank(*counts(*case), ties)
    assert 1 <= rank <= len(case[0])


@given(scored(), st.integers(1, 12), st.sampled_from(TIES), st.sampled_from(list(METRICS)))
def test_a_metric_never_falls_as_the_cutoff_grows(case, k, ties, name):
    above, equal = counts(*case)
    small, large = (METRICS[name](above, equal, cutoff, ties)[0] for cutoff in (k, k + 1))
    assert 0 <= small <= large + 1e-15 <= 1 + 2e-15


@given(scored(), st.randoms(use_true_random=False), st.integers(1, 12), st.sampled_from(TIES))
def test_renaming_the_items_changes_no_metric(case, random, k, ties):
    scores, target = case
    new = list(range(len(scores)))
    random.shuffle(new)
    renamed = np.empty_like(scores)
    renamed[new] = scores
    for metric in METRICS.values():
        assert metric(*counts(scores, target), k, ties) == metric(*counts(renamed, new[target]), k, ties)


@given(scored(), st.integers(1, 12), st.sampled_from(list(METRICS)))
def test_expected_lies_between_standard_and_conservative(case, k, name):
    standard, conservative, expected = (
        METRICS[name](*counts(*case), k, ties)[0] for ties in ("standard", "conservative", "expected")
    )
    assert conservative - 1e-15 <= expected <= standard + 1e-15


@given(scored(), st.integers(1, 12), st.sampled_from(list(METRICS)))
def test_expected_is_the_mean_over_every_order_of_the_ties(case, k, name):
    above, equal = counts(*case)
    orders = [METRICS[name](above + i, equal * 0, k, "standard")[0] for i in range(int(equal[0]) + 1)]
    assert METRICS[name](above, equal, k, "expected")[0] == pytest.approx(np.mean(orders), abs=1e-15)


def test_narrow_counts_do_not_overflow():
    narrow = np.array([200], np.uint8)  # 200 + 100 + 1 is beyond its range
    assert mrr(narrow, np.array([100], np.uint8), 1000)[0] == 1 / 301
    assert mrr(narrow, np.array([255], np.uint8), 201, "expected")[0] == pytest.approx(1 / 201 / 256)


@pytest.mark.parametrize("k", [0, -1, 2.5, float("nan"), float("inf")])
def test_a_cutoff_that_is_no_whole_number_from_1_is_refused(k):
    with pytest.raises(InputError, match="whole number from 1"):
        recall(np.array([0]), np.array([0]), k)


@pytest.mark.parametrize("ties", TIES)
def test_a_whole_cutoff_may_be_a_float(ties):
    assert recall(np.array([1]), np.array([1]), 3.0, ties) == 1


def test_an_unknown_tie_policy_suggests_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'conservative'"):
        recall(np.array([0]), np.array([0]), 1, "conservativ")


def test_the_expected_policy_has_no_rank_of_its_own():
    with pytest.raises(InputError, match="averages a metric over ranks"):
        metrics.rank(np.array([0]), np.array([0]), "expected")


RANKS = {"above": np.array([0, 1, 0]), "equal": np.array([0, 0, 4])}  # conservative ranks 1, 2 and 5
SESSION = np.array([7, 7, 9])


def test_the_summary_averages_over_predictions_and_over_sessions():
    table = summary(RANKS, SESSION, (1, 5))
    assert table.loc[("Recall", 1)].to_dict() == pytest.approx({"micro": 1 / 3, "macro": (1 / 2 + 0) / 2})
    mrr5 = {"micro": (1 + 1 / 2 + 1 / 5) / 3, "macro": ((1 + 1 / 2) / 2 + 1 / 5) / 2}
    assert table.loc[("MRR", 5)].to_dict() == pytest.approx(mrr5)
    assert list(table.index) == [(m, k) for m in ("Recall", "MRR", "NDCG") for k in (1, 5)]


def test_a_cutoff_larger_than_the_catalogue_is_refused():
    assert summary(RANKS, SESSION, (5,), n_items=5).shape == (3, 2)
    with pytest.raises(InputError, match="K = 6 is larger than the catalogue of 5 items"):
        summary(RANKS, SESSION, (1, 6), n_items=5)


def test_a_summary_names_its_rows_and_takes_the_cutoffs_of_the_protocol():
    table = summary(RANKS, SESSION)
    assert table.index.names == ["metric", "k"]
    assert sorted({k for _, k in table.index}) == [1, 5, 10, 20]
    assert list(metrics.slices(RANKS, SESSION).columns) == ["Recall@20", "MRR@20", "NDCG@20", "predictions"]


@pytest.mark.parametrize(("ties", "rank"), [("standard", 1), ("conservative", 5), ("median", 3)])
def test_a_tie_policy_reaches_summaries_and_slices(ties, rank):
    tied = {"above": np.array([0]), "equal": np.array([4])}
    assert summary(tied, np.array([0]), (5,), ties=ties).loc[("MRR", 5), "micro"] == 1 / rank
    assert metrics.slices(tied, np.array([0]), 5, ties=ties)["MRR@5"].tolist() == [1 / rank]


def test_the_conservative_policy_is_the_default_wherever_one_can_be_given():
    tied = {"above": np.array([0]), "equal": np.array([4])}
    assert metrics.rank(tied["above"], tied["equal"]) == 5
    assert metrics.per_prediction(tied, (5,))["MRR@5"].tolist() == [1 / 5]
    assert summary(tied, np.array([0]), (5,)).loc[("MRR", 5), "micro"] == 1 / 5
    assert metrics.slices(tied, np.array([0]), 5)["MRR@5"].tolist() == [1 / 5]


def test_a_summary_of_no_predictions_is_refused():
    nothing = {"above": np.array([], np.int64), "equal": np.array([], np.int64)}
    with pytest.raises(InputError, match="no prediction"):
        summary(nothing, np.array([], np.int64))


def test_slices_cover_every_prediction_once():
    ranks = pd.DataFrame(RANKS)
    table = metrics.slices(ranks, np.array(["b", "a", "b"]), 2)
    assert list(table.index) == ["a", "b"]
    assert table["predictions"].tolist() == [1, 2]
    assert table["Recall@2"].tolist() == [1, 1 / 2]
    assert table["MRR@2"].tolist() == [1 / 2, 1 / 2]


@pytest.mark.parametrize("ties", [None, "standard"])
def test_means_by_session_weighted_by_predictions_are_the_mean_over_predictions(ties):
    ranks = {"above": np.array([0, 2, 4, 1]), "equal": np.array([1, 0, 0, 3])}
    options = {} if ties is None else {"ties": ties}
    table = metrics.by_session(ranks, [7, 3, 3, 3], (2, 5), **options)
    names = [f"{m}@{k}" for m in METRICS for k in (2, 5)]
    assert (table.index.name, list(table.index), list(table)) == ("session", [3, 7], ["predictions", *names])
    assert table["predictions"].tolist() == [3, 1]
    each = metrics.per_prediction(ranks, (2, 5), ties=ties or "conservative")
    assert table.loc[7, names].tolist() == each.loc[0].tolist()
    np.testing.assert_allclose(table[names].mul(table["predictions"], axis=0).sum() / 4, each.mean(), rtol=1e-15)
