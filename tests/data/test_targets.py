"""All targets of a publication count: what train does not know is a miss for every recommender, at every n and K."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit_lib import recommenders
from audit_lib.data.datasets import REGISTRY, Dataset
from audit_lib.data.splits import Split, published_split
from audit_lib.errors import EvidenceError, InputError
from audit_lib.evaluation import corrected, metrics, ranking
from audit_lib.evaluation.counts import SAMPLINGS, Counts
from audit_lib.evaluation.sampled import expectation, moments
from audit_lib.evaluation.winners import winners_table
from audit_lib.files import COMMITTED, digest
from audit_lib.study import evidence, running
from tests.evaluation import simulation

# Supports: a 4, b 3, c 2, d 2. X and Y are in no train session.
TRAIN = ["abc", "abd", "acd", "ab"]
TEST = ["aXb", "XYd", "Xa", "bX", "ab", "XY"]


def log_of(train: list[str], test: list[str]) -> pd.DataFrame:
    rows = [
        (f"{part}{i}", item, float(100 * i + step + (10_000 if part == "test" else 0)), part)
        for part, sessions in (("train", train), ("test", test))
        for i, session in enumerate(sessions)
        for step, item in enumerate(session)
    ]
    return pd.DataFrame(rows, columns=["SessionId", "ItemId", "Time", "Part"])


@pytest.fixture
def log() -> pd.DataFrame:
    return log_of(TRAIN, TEST)


@pytest.fixture
def split(log: pd.DataFrame) -> Split:
    return published_split(log)


@pytest.fixture
def data(log: pd.DataFrame) -> Dataset:
    return Dataset("toy", log, "real", None, "0" * 64)


def hash_of_parts(split: Split) -> str:
    """Of a split of which the targets in the catalogue alone are counted."""
    return digest([split.name, split.train.fingerprint, split.test.fingerprint])


# --- which targets there are
def test_every_event_but_the_first_of_a_session_is_a_target(split: Split) -> None:
    found = split.targets
    #              aXb   XYd   Xa bX ab XY
    assert found.session.tolist() == [0, 0, 1, 1, 2, 3, 4, 5]
    assert found.step.tolist() == [1, 2, 1, 2, 1, 1, 1, 1]
    names = [split.train.catalogue[i] if i >= 0 else "?" for i in found.item]
    assert "".join(names) == "?b?da?b?"
    assert found.outside.tolist() == [True, False, True, False, False, True, False, True]
    assert found.unprompted.tolist() == [False, False, False, True, True, False, False, False]


def test_a_prefix_is_what_the_catalogue_has_of_it(split: Split) -> None:
    found, names = split.targets, split.train.catalogue
    assert found.row.tolist() == [-1, 0, -1, -1, -1, -1, 1, -1]
    assert [names[split.prefixes.items(i)].tolist() for i in range(2)] == [["a"], ["a"]]


def test_the_summary_counts_what_the_publication_counts(split: Split) -> None:
    said = split.summary
    assert said["predictions"] == said["test"]["events"] - said["test"]["sessions"] == 8
    assert (said["targets_outside_catalogue"], said["targets_after_unknown_items_only"]) == (4, 2)
    assert said["test_events_of_unseen_items"] == 7


def test_a_publication_whose_items_are_all_in_train_has_the_hash_and_the_targets_that_it_had() -> None:
    split = published_split(log_of(TRAIN, ["abd", "ca"]))
    assert split.published is None
    assert evidence.split_hash(split) == hash_of_parts(split)
    assert split.targets.row.tolist() == [0, 1, 2]
    assert not split.targets.outside.any()


def test_the_hash_of_a_split_covers_the_targets_outside_the_catalogue(split: Split) -> None:
    other = published_split(log_of(TRAIN, ["aXb", "XYd", "Xa", "bXY", "ab", "XY"]))  # one more miss
    assert split.test.fingerprint == other.test.fingerprint
    assert len({evidence.split_hash(split), evidence.split_hash(other), hash_of_parts(split)}) == 3


def test_sessions_whose_known_events_come_in_another_order_keep_their_prefixes() -> None:
    log = log_of(["abcd"], ["Xab", "cd"])
    log.loc[log["SessionId"] == "test0", "Time"] = [10_000.0, 10_200.0, 10_201.0]  # its first known event is the later
    split = published_split(log)
    found = split.targets
    assert found.session.tolist() == [0, 0, 1]
    assert split.train.catalogue[found.item].tolist() == ["a", "b", "d"]
    np.testing.assert_array_equal(split.prefixes.target[found.row[[1, 2]]], found.item[[1, 2]])
    assert found.row.tolist() == [-1, 1, 0]


# --- their ranks
@pytest.mark.parametrize("name", ["popularity", "session_popularity", "markov", "vsknn", "gru4rec"])
def test_a_miss_and_an_empty_prefix_rank_alike_for_every_recommender(split: Split, name: str) -> None:
    settings = {"n_epochs": 1, "layers": (4,), "batch_size": 2, "n_sample": 0} if name == "gru4rec" else {}
    model = recommenders.create(name, **settings).fit(split.train)
    found = ranking.rank_split(model, split)
    own = ranking.rank(model, split.prefixes, split.train.support)
    v, total = 4, 11
    outside = split.targets.outside
    assert {tuple(getattr(found, c)[outside].tolist()) for c in ("above",)} == {(v,) * 4}
    assert found.equal[outside].tolist() == found.support_equal[outside].tolist() == [0] * 4
    assert found.support_above[outside].tolist() == [total] * 4
    # d has support 2, as c; a (4) and b (3) are above. Nothing is above a.
    unprompted = split.targets.unprompted
    assert found.above[unprompted].tolist() == [2, 0]
    assert found.equal[unprompted].tolist() == [1, 0]
    assert found.support_above[unprompted].tolist() == [7, 0]
    assert found.support_equal[unprompted].tolist() == [2, 0]
    for column in ranking.COLUMNS:
        np.testing.assert_array_equal(getattr(found, column)[[1, 6]], getattr(own, column))


def test_ranks_of_another_number_of_prefixes_are_not_completed(split: Split) -> None:
    with pytest.raises(InputError, match="3 ranks do not belong to 2 prefixes"):
        ranking.complete(ranking.Ranks(*np.zeros((4, 3), np.int64)), split)


def test_popularity_itself_ranks_an_empty_prefix_as_it_ranks_any(split: Split) -> None:
    model = recommenders.create("popularity").fit(split.train)
    found = ranking.rank_split(model, split)
    whole = published_split(log_of(TRAIN, ["ad", "ba"]))
    same = ranking.rank(model, whole.prefixes, split.train.support)
    for column in ranking.COLUMNS:
        np.testing.assert_array_equal(getattr(found, column)[split.targets.unprompted], getattr(same, column))


# --- what metrics make of them
MISS = Counts(np.array([4]), np.array([0]), 4, np.array([11]), np.array([0]), np.array([0]), 11)
LAST = Counts(np.array([3]), np.array([0]), 4, np.array([9]), np.array([0]), np.array([2]), 11)


@pytest.mark.parametrize("ties", ["standard", "conservative", "median", "expected"])
@pytest.mark.parametrize("k", [1, 4])
def test_a_miss_is_no_hit_within_any_cutoff_up_to_the_catalogue(k: int, ties: str) -> None:
    for metric in metrics.METRICS.values():
        assert metric(MISS.above, MISS.equal, k, ties).tolist() == [0.0]


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("metric", ["Recall", "MRR", "NDCG"])
@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("k", [1, 4, None])
def test_a_miss_is_a_miss_among_any_negatives(sampling: str, metric: str, n: int, k: int | None) -> None:
    for ties in metrics.TIES:
        assert expectation(MISS, metric, n=n, k=k, sampling=sampling, ties=ties).tolist() == [0.0]
        found = moments(MISS, metric, n=n, k=k, sampling=sampling, ties=ties)
        assert (found.mean.tolist(), found.variance.tolist()) == ([0.0], [0.0])
    drawn = simulation.simulate(MISS, metric, n=n, k=k, sampling=sampling, trials=3, rng=np.random.default_rng(0))
    assert drawn.tolist() == [0.0] * 3


def test_the_last_of_the_catalogue_is_found_when_fewer_are_sampled_than_the_list_holds() -> None:
    assert expectation(LAST, "Recall", n=3, k=4).tolist() == [1.0]  # which a miss is not


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_every_negative_is_above_a_miss(sampling: str) -> None:
    found = moments(MISS, "AUC", n=2, k=None, sampling=sampling)
    assert (found.mean.tolist(), found.variance.tolist()) == ([0.0], [0.0])


def test_a_tie_with_more_items_than_the_catalogue_has_is_refused() -> None:
    with pytest.raises(InputError, match="V is 4, found 5"):
        Counts(np.array([4]), np.array([1]), 4)


def test_a_miss_adds_nothing_to_any_corrected_estimate_and_counts_among_the_predictions() -> None:
    above = np.array([0, 2, 5, 19])
    hits, both = Counts(above, 0 * above, 30), Counts(np.append(above, 30), np.zeros(5, np.int64), 30)
    alone = corrected.comparison(hits, "Recall", k=10, sizes=(5, 20))
    beside = corrected.comparison(both, "Recall", k=10, sizes=(5, 20))
    for column in ("truth", "estimate", "sd"):
        np.testing.assert_allclose(beside[column], alone[column] * 4 / 5, atol=1e-12)


def test_misses_that_two_recommenders_share_do_not_change_who_wins() -> None:
    a, b = np.array([0, 3, 20]), np.array([1, 2, 25])
    table = winners_table(
        {name: Counts(np.append(above, 40), np.zeros(4, np.int64), 40) for name, above in (("a", a), ("b", b))},
        "MRR", n=5, k=10,
    )  # fmt: skip
    less = winners_table({name: Counts(x, 0 * x, 40) for name, x in (("a", a), ("b", b))}, "MRR", n=5, k=10)
    np.testing.assert_allclose(table["full_first"] * 4, less["full_first"] * 3)
    np.testing.assert_allclose(table["sampled_second"] * 4, less["sampled_second"] * 3)
    np.testing.assert_allclose(table["p_wrong"], less["p_wrong"])


# --- evidence
def test_evidence_holds_all_targets_and_those_outside_have_no_support(data: Dataset, split: Split, tmp_path: Path):
    run = evidence.read(running.run(data, split, "markov", out=tmp_path).path)
    assert run.manifest["split"]["predictions"] == len(run.ranks) == len(run.targets) == 8
    assert run.targets["support"].tolist() == [0, 3, 0, 2, 4, 0, 3, 0]
    assert (run.n_items, run.manifest["support_total"]) == (4, 11)
    summary = metrics.summary(run.ranks, run.targets["session"], (4,), n_items=run.n_items)
    # Found: b after a twice, d and a by popularity. A session's mean: 1/2, 1/2, 1, 0, 1, 0.
    assert summary.loc[("Recall", 4)].tolist() == [4 / 8, pytest.approx(3 / 6)]


def test_ranks_without_the_targets_outside_the_catalogue_are_no_evidence(split: Split, tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="2 ranks are no evidence of the 8 targets"):
        evidence.write(
            ranking.Ranks(*np.zeros((4, 2), np.int64)), split, dataset="toy", data_hash="0", recommender="markov",
            config={}, seconds={}, out=tmp_path,
        )  # fmt: skip


# --- the published splits
PUBLISHED = [name for name, source in REGISTRY.items() if source.split == "published"]


def counted(name: str, split: dict, targets: pd.DataFrame) -> dict[str, int]:
    """What the registry says of the test part, as the evidence has it."""
    found = {"test": split["predictions"], "test_prefix2": int((targets["step"] >= 2).sum())}
    return {key: found[key] for key in REGISTRY[name].predictions if key != "train"}


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_manifest_of_a_published_split_counts_the_predictions_of_its_publication(name: str) -> None:
    expected = {key: n for key, n in REGISTRY[name].predictions.items() if key != "train"}
    manifests = sorted((COMMITTED / name).glob("published-*/*/*.json"))
    assert expected
    assert manifests
    for path in manifests:
        split = json.loads(path.read_text())["split"]
        assert split["predictions"] == split["test"]["events"] - split["test"]["sessions"], path
        assert split["hash"] == json.loads(manifests[0].read_text())["split"]["hash"], path
        if "test" in expected:
            assert split["predictions"] == expected["test"], path
    run = evidence.read(manifests[0])
    assert len(run.ranks) == len(run.targets) == run.manifest["split"]["predictions"]
    assert counted(name, run.manifest["split"], run.targets) == expected


@pytest.mark.real_data
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_raw_files_of_a_publication_have_as_many_targets_as_it_counts(name: str, prepare_real) -> None:
    _, split = prepare_real(name)
    found = counted(name, split.summary, pd.DataFrame({"step": split.targets.step}))
    assert found == {key: n for key, n in REGISTRY[name].predictions.items() if key != "train"}
    assert len(split.targets) == split.summary["predictions"]
    (folder,) = (COMMITTED / name).glob("published-*")
    assert folder.name == f"published-{evidence.split_hash(split)[:8]}"
