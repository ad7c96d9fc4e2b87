"""One training ranked after every epoch has, at each of them, what a training of so many epochs has."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from audit_lib.data import datasets
from audit_lib.data.preparing import split_of
from audit_lib.errors import EvidenceError, InputError
from audit_lib.evaluation import ranking
from audit_lib.files import COMMITTED
from audit_lib.study import committed, epochs, running, tuning
from audit_lib.study import plan as experiments

BPR = {"loss": "bpr", "layers": 8, "batch_size": 10, "dropout_p_hidden": 0.2, "learning_rate": 0.05, "momentum": 0.2}
TODAY = {"loss": "bpr-max", "layers": 8, "n_sample": 16, "dropout_p_embed": 0.3, "momentum": 0.1}
EPOCHS = 3


@pytest.fixture(scope="module")
def prepared():
    data = datasets.load("synthetic:n_sessions=300,n_items=40")
    return data, split_of(data)


@pytest.fixture(scope="module")
def found(prepared, tmp_path_factory):
    """The course of one training of 2016."""
    return trajectory(prepared, tmp_path_factory.mktemp("found"))


def trajectory(prepared, out, recommender="gru4rec_2016", n_epochs=EPOCHS, **settings):
    settings = settings or (BPR if recommender == "gru4rec_2016" else TODAY)
    return epochs.run(*prepared, recommender, seed=1, out=out, n_epochs=n_epochs, **settings)


@pytest.mark.parametrize(("recommender", "settings"), [("gru4rec_2016", BPR), ("gru4rec", TODAY)])
def test_after_each_epoch_ranks_are_those_of_a_training_of_so_many_epochs(prepared, tmp_path, recommender, settings):
    found = trajectory(prepared, tmp_path, recommender)
    assert list(found.ranks) == ["1", "2", "3"]
    for epoch in range(1, EPOCHS + 1):
        alone = running.run(*prepared, recommender, seed=1, out=tmp_path, n_epochs=epoch, **settings)
        ranks = np.minimum(alone.ranks["above"] + alone.ranks["equal"] + 1, 21)
        assert found.ranks[str(epoch)].tolist() == ranks.tolist()
        assert found.manifest["log"][epoch - 1]["loss"] == alone.manifest["log"][-1]["loss"]
    assert found.ranks["1"].tolist() != found.ranks["3"].tolist()


def test_validation_is_that_of_trainings_on_the_split_of_the_searches(prepared, found):
    part = tuning.validation_of(prepared[1])
    assert found.validation["epoch"].tolist() == [1, 2, 3]
    for row in found.validation.itertuples():
        model = running.create("gru4rec_2016", seed=1, device="cpu", n_epochs=row.epoch, **BPR).fit(part.train)
        ranks = ranking.rank_split(model, part)
        assert row.recall == np.mean(ranks.above + ranks.equal < 20)
        assert row.predictions == len(part.targets)


def test_a_training_that_was_stopped_goes_on_and_ends_with_the_same_ranks(prepared, found, tmp_path, monkeypatch):
    ranked = []

    def stopping(model, split):
        if len(ranked) == 2:
            raise KeyboardInterrupt
        ranked.append(model.config.n_epochs)
        return rank_split(model, split)

    rank_split = ranking.rank_split
    for _ in range(3):  # two epochs a call: the third, and the first two in validation, then the last
        ranked.clear()
        monkeypatch.setattr(ranking, "rank_split", stopping)
        try:
            cut = trajectory(prepared, tmp_path)
        except KeyboardInterrupt:
            monkeypatch.setattr(ranking, "rank_split", rank_split)
    assert ranked == [2, 3]
    assert cut.ranks.equals(found.ranks)
    columns = ["epoch", "loss", "recall", "mrr"]
    assert cut.validation[columns].equals(found.validation[columns])
    assert not list(cut.path.parent.glob(".*checkpoint"))


def test_what_it_cost_is_the_sum_over_both_trainings(found):
    rows = [*found.manifest["log"], *found.manifest["validation"]]
    seconds = found.manifest["seconds"]
    assert seconds["fit"] == pytest.approx(sum(row["seconds"] for row in rows), abs=1e-3)
    assert seconds["rank"] == pytest.approx(sum(row["rank_seconds"] for row in rows), abs=1e-3)


def test_metrics_are_those_of_the_ranks_up_to_twenty(prepared, found, tmp_path):
    alone = running.run(*prepared, "gru4rec_2016", seed=1, out=tmp_path, n_epochs=2, **BPR)
    rank = alone.ranks["above"] + alone.ranks["equal"] + 1
    assert found.values("Recall")[1].tolist() == (rank <= 20).astype(float).tolist()
    assert found.values("MRR", 10)[1] == pytest.approx(np.where(rank <= 10, 1 / rank, 0))


def test_an_unfinished_one_is_not_published_and_a_finished_one_is_verified(prepared, found, tmp_path, monkeypatch):
    plan = [
        experiments.Experiment("epochs", prepared[0].name, "gru4rec_2016", {}, 1, "", config=c, every_epoch=True)
        for c in [running.config_of("gru4rec_2016", BPR | {"n_epochs": EPOCHS})]
    ]
    monkeypatch.setattr(experiments, "plan", lambda: tuple(plan))
    monkeypatch.setattr(experiments, "split_name", lambda experiment: prepared[1].name)
    runs = tmp_path / "runs"
    shutil.copytree(found.path.parents[4], runs)
    manifest = next(runs.rglob("*-s1.json"))
    whole = manifest.read_text()
    manifest.write_text(json.dumps(found.manifest | {"validation": found.manifest["validation"][:2]}))
    assert committed.publish(runs, tmp_path / "book") == []
    assert experiments.pending(tuple(plan), runs) == plan
    manifest.write_text(whole)
    (published,) = committed.publish(runs, tmp_path / "book")
    assert committed.check(tmp_path / "book").problems == []
    assert experiments.evidence_of(plan[0], tmp_path / "book").ranks.equals(found.ranks)
    published.write_bytes(published.read_bytes()[:-1])
    with pytest.raises(EvidenceError, match="was changed"):
        epochs.read(published)
    assert any(published.name in problem for problem in committed.check(tmp_path / "book").problems)


def test_a_recommender_that_is_not_trained_by_epochs_is_refused(prepared, tmp_path):
    with pytest.raises(InputError, match="not trained by epochs"):
        epochs.run(*prepared, "markov", out=tmp_path)


def recorded() -> list[tuple[experiments.Experiment, experiments.Experiment]]:
    """Trajectories of the study that are committed, each with a run of its settings, for fewer epochs or as many."""

    def key(e):
        return e.dataset, e.recommender, e.seed, json.dumps({k: v for k, v in e.config.items() if k != "n_epochs"})

    runs = {key(e): e for e in experiments.plan() if not e.every_epoch and e.split == e.preparation == "default"}
    made = [e for e in experiments.plan() if e.every_epoch and experiments.manifest_of(e, COMMITTED)]
    return [(e, runs[key(e)]) for e in made if key(e) in runs]


def test_the_committed_ones_have_at_its_last_epoch_the_ranks_of_the_run_that_ends_there():
    for long, short in recorded():
        found, alone = experiments.evidence_of(long), experiments.evidence_of(short)
        ranks = np.minimum(alone.ranks["above"] + alone.ranks["equal"] + 1, 21)
        column = found.ranks[str(short.config["n_epochs"])]
        if [m.manifest["host"]["cpu"] for m in (found, alone)].count(found.manifest["host"]["cpu"]) == 2:
            # Last bits may differ between versions of the engine, and then a few ranks of a hundred thousand.
            assert (column == ranks).mean() > 0.9999, long.id
        else:  # last bits differ between processors, and grow while a network learns: at most to what a seed is worth
            assert (column <= 20).mean() == pytest.approx((ranks <= 20).mean(), abs=0.01), long.id
