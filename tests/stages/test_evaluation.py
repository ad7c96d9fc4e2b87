"""Sampled metrics and comparisons from evidence files, through the library and the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from audit_lib.commands import cli
from audit_lib.data.preparing import prepare
from audit_lib.errors import InputError
from audit_lib.evaluation import comparisons, metrics, sampled, winners
from audit_lib.evaluation.counts import Counts
from audit_lib.evaluation.resampling import Resampling
from audit_lib.stages import evaluation
from audit_lib.study import running
from audit_lib.study.evidence import Run

DATASET = "synthetic_first_order:zipf_exponent=0.1,n_sessions=8000"
NAMES = ("popularity", "markov", "itemknn", "vsknn", "ar")


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Run]:
    out = tmp_path_factory.mktemp("evidence")
    data, split = prepare(DATASET)
    return {name: running.run(data, split, name, out=out) for name in NAMES}


def invoke(*arguments: object) -> list[dict]:
    result = CliRunner().invoke(cli, [*map(str, arguments), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_100_negatives_inflate_recommenders_by_factors_an_order_of_magnitude_apart(runs):
    table = sampled.by_metric(list(runs.values()), [20], n=100)
    factor = table[table.metric == "Recall"].set_index("recommender").factor
    assert (factor > 1).all()
    assert factor.max() > 10 * factor.min()
    assert factor.idxmax() == "popularity"


def test_100_negatives_turn_at_least_one_pair_round_and_the_table_says_which(runs):
    table = winners.winners_table({name: Counts.of_run(run) for name, run in runs.items()}, n=100, k=20)
    turned = table[table.reversed]
    assert len(turned) >= 1
    wrong = table[table.p_wrong > 0.5]  # a pair whose difference is small is no reversal, even if it turns more often
    assert set(turned.index) <= set(wrong.index)
    full = {name: metrics.recall(run.ranks["above"], run.ranks["equal"], 20).mean() for name, run in runs.items()}
    assert all(full[first] > full[second] for first, second in turned.index)
    assert ("markov", "popularity") in table.index
    assert table.loc[("markov", "popularity"), "p_wrong"] < 1e-9


def test_the_verb_sampled_prints_what_the_library_computes(runs):
    run = runs["markov"]
    rows = invoke("sampled", run.path, "--negatives", 50, "--sampling", "popularity", "--k", 5, 10)
    assert [(r["metric"], r["k"]) for r in rows] == [
        *((m, k) for m in ("Recall", "MRR", "NDCG") for k in (5, 10)), ("AUC", 0),
    ]  # fmt: skip
    counts = Counts.of_run(run)
    wanted = sampled.expectation(counts, "NDCG", n=50, k=10, sampling="popularity").mean()
    row = next(r for r in rows if (r["metric"], r["k"]) == ("NDCG", 10))
    assert row["sampled"] == pytest.approx(wanted, rel=1e-12)
    assert row["full"] == pytest.approx(metrics.ndcg(counts.above, counts.equal, 10).mean(), rel=1e-12)


def test_the_verb_sampled_names_the_pairs(runs):
    rows = invoke("sampled", *(run.path for run in runs.values()), "--winners", "--k", 20)
    assert len(rows) == 3 * 10  # metrics x pairs


def test_the_verb_compare_prints_differences_with_intervals_and_p(runs):
    rows = invoke("compare", runs["markov"].path, runs["vsknn"].path, "--k", 10, 20)
    assert len(rows) == 6
    for row in rows:
        assert row["low"] <= row["difference"] <= row["high"]
        assert row["difference"] == pytest.approx(row["value_a"] - row["value_b"])
        assert row["p"] <= row["p_holm"] <= 1
    session = runs["markov"].targets["session"].to_numpy()
    a, b = (metrics.recall(r.ranks["above"], r.ranks["equal"], 20) for r in (runs["markov"], runs["vsknn"]))
    recall = next(r for r in rows if (r["metric"], r["k"]) == ("Recall", 20))
    assert recall["low"] == pytest.approx(Resampling.of(session).interval(a - b).low)


def test_a_comparison_of_other_targets_is_refused(runs, tmp_path):
    data, split = prepare("synthetic")
    other = running.run(data, split, "popularity", out=tmp_path)
    for call in (
        lambda: comparisons.compare_runs(runs["markov"], other, [20]),
        lambda: winners.by_metric([runs["markov"], other], [20], n=10),
    ):
        with pytest.raises(InputError, match="different targets"):
            call()


def test_compare_takes_two_files(runs):
    result = CliRunner().invoke(cli, ["compare", str(runs["markov"].path)])
    assert result.exit_code == 2
    assert "two evidence files" in result.output


def test_support_of_the_evidence_sums_to_what_popularity_sampling_divides_by(runs):
    counts = Counts.of_run(runs["markov"])
    above, equal = counts.shares("popularity")
    assert (above + equal <= 1 + 1e-12).all()
    last = counts.above + counts.equal == counts.pool  # every other item above or equal
    np.testing.assert_allclose((above + equal)[last], 1.0)


@pytest.fixture(scope="module")
def counts(runs) -> dict[str, Counts]:
    return {name: Counts.of_run(run) for name, run in runs.items()}


def test_a_curve_ends_at_the_full_metric(runs, counts):
    sizes = evaluation.sample_sizes(runs["markov"].n_items)
    assert (sizes[0], sizes[-1]) == (10, runs["markov"].n_items - 1)
    table = evaluation.curves(counts, "Recall", k=20, sizes=sizes)
    last = table.groupby("recommender").value.last()
    for name, c in counts.items():
        assert last[name] == metrics.recall(c.above, c.equal, 20).mean()
        assert (np.diff(table[table.recommender == name].value) <= 1e-12).all()  # more negatives, lower recall


def test_a_crossing_is_where_the_order_turns(counts):
    sizes = evaluation.sample_sizes(2000, points=12)
    table = evaluation.crossings(counts, "Recall", k=20, sizes=sizes)
    assert len(table) >= 1
    for row in table.itertuples():
        ahead = [
            sampled.expectation(counts[row.first], "Recall", n=n, k=20).mean()
            > sampled.expectation(counts[row.second], "Recall", n=n, k=20).mean()
            for n in (row.n - 1, row.n)
        ]
        assert ahead == [False, True]


def test_more_negatives_are_needed_for_reversed_pairs_than_they_were_reversed_at(counts):
    table = evaluation.negatives_needed(counts, "Recall", k=20).set_index(["first", "second"])
    reversed_ = winners.winners_table(counts, n=100, k=20).query("reversed").index
    assert (table.loc[reversed_, "n"] > 100).all()
    assert (table["share"] <= 1).all()


def test_tie_policies_bracket_the_expected_value(runs):
    table = evaluation.tie_policies(runs)
    assert (table.conservative <= table.expected + 1e-12).all()
    assert (table.expected <= table.standard + 1e-12).all()
    assert table.set_index("recommender").tied["popularity"] == (runs["popularity"].ranks["equal"] > 0).mean()


def test_every_pair_is_compared_with_the_better_first(runs):
    table = evaluation.pairs(runs)
    assert len(table) == 10
    assert (table.difference >= 0).all()
    assert ((table.low <= table.difference) & (table.difference <= table.high)).all()
    order = evaluation.intervals(runs)
    assert order.value.is_monotonic_decreasing
    best, worst = order.recommender.iloc[[0, -1]]
    assert ((table["first"] == best) & (table["second"] == worst)).any()


def test_all_items_sampled_agree_with_the_full_order(runs):
    table = evaluation.agreement(runs, sizes=[100, runs["markov"].n_items - 1]).set_index("n")
    assert table.loc[runs["markov"].n_items - 1, ["tau", "low", "high"]].tolist() == [1.0, 1.0, 1.0]
    assert table.loc[100, "tau"] < 1.0
