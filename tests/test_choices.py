"""What a choice after the look at the test part is worth, on hand-made ranks: of the epoch, and of the metric."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audit_lib.evaluation import metrics
from audit_lib.evaluation.resampling import Measured, Resampling
from audit_lib.study import claims, headline, metric_winners, reported_epoch
from audit_lib.study.claims import Finding, Settled
from audit_lib.study.epochs import Trajectory
from audit_lib.study.results import Book
from book.press.facts import choices
from book.press.facts.source import Source
from tests.made_runs import made

SESSION = np.arange(40)  # one target each


def trajectory(seed: int, hits: list[int], recall: list[float], rank: int = 1) -> Any:
    """After each epoch the first so many sessions have their target at `rank`, the rest beyond 20."""
    ranks = pd.DataFrame({str(epoch): np.where(n > SESSION, rank, 21) for epoch, n in enumerate(hits, 1)})
    known = [{"epoch": epoch, "recall": value} for epoch, value in enumerate(recall, 1)]
    targets = pd.DataFrame({"session": SESSION, "step": np.full(40, 2)})
    return made(ranks, targets, kind=Trajectory, seed=seed, validation=known)


@pytest.fixture
def book(tmp_path, monkeypatch) -> Book:
    """Two seeds: in validation the second epoch is best of one, the first and the third equally of the other."""
    runs = [trajectory(0, [10, 20, 24], [0.3, 0.5, 0.4]), trajectory(1, [10, 30, 20], [0.4, 0.3, 0.4])]
    monkeypatch.setattr(reported_epoch, "trajectories", lambda *_: runs)
    return Book(tmp_path)


def test_the_gain_is_the_maximum_on_test_less_the_value_at_the_epoch_of_validation(book):
    found = reported_epoch.reported(book, "diginetica", "epochs")
    assert (found.epochs, found.chosen, found.best) == (3, (2, 1), (3, 2))
    assert found.honest.estimate == pytest.approx((20 + 10) / 2 / 40)
    assert found.maximum == pytest.approx((24 + 30) / 2 / 40)
    assert found.gain.estimate == pytest.approx((4 + 20) / 2 / 40)
    assert 0 <= found.gain.low <= found.gain.estimate <= found.gain.high
    assert found.gain.seeds == 2


def test_mrr_is_taken_at_the_epoch_that_recall_chooses(tmp_path, monkeypatch):
    runs = [trajectory(0, [10, 20], [0.5, 0.4], rank=2)]
    monkeypatch.setattr(reported_epoch, "trajectories", lambda *_: runs)
    found = reported_epoch.reported(Book(tmp_path), "diginetica", "epochs", "MRR")
    assert (found.honest.estimate, found.maximum) == (10 / 2 / 40, 20 / 2 / 40)


def test_where_validation_chooses_the_best_epoch_nothing_is_gained(tmp_path, monkeypatch):
    monkeypatch.setattr(reported_epoch, "trajectories", lambda *_: [trajectory(0, [10, 20], [0.3, 0.4])])
    found = reported_epoch.reported(Book(tmp_path), "diginetica", "epochs")
    assert tuple(found.gain[:3]) == (0, 0, 0)  # nested hits: no resample has another best epoch


@pytest.mark.parametrize("lang", ["en", "es"])
def test_the_table_and_the_figure_show_both_epochs_of_every_seed(book, lang):
    source = Source(book)
    table = choices.epochs(source, lang)
    assert len(table.data) == 3 * 2 * 2  # logs, trainings, metrics
    assert table.data["Chosen in validation"].unique() == ["2, 1"]
    assert table.rows()[0][list(table.data).index("Difference")] == "+30.00"
    drawn = choices.figure_epochs(source, lang)
    assert len(drawn.table) == 3 * 2 * 2 * 3  # logs, trainings, seeds, epochs
    assert drawn.image() == choices.figure_epochs(source, lang).image()


# --- the metric
def side(ranks: np.ndarray) -> Any:
    return SimpleNamespace(runs=ranks)


@pytest.fixture
def logs(tmp_path, monkeypatch):
    """A function: recommenders with these (P,) ranks, and who wins by which metric."""

    def winners(name: str, **ranks: np.ndarray) -> metric_winners.Winners:
        def values_of(runs, metric, k, min_step):
            return metrics.METRICS[metric](runs - 1, np.zeros_like(runs), k)[None], Resampling.of(SESSION)

        monkeypatch.setattr(metric_winners, "values_of", values_of)
        sides = {key: side(each) for key, each in ranks.items()}
        monkeypatch.setattr(headline, "by_recommender", lambda *_: sides)
        return metric_winners.winners(Book(tmp_path / name), "entree")

    return winners


def test_one_that_is_behind_in_recall_and_ahead_in_mrr_overtakes_the_winner(logs):
    wide, sharp = np.full(40, 20), np.where(SESSION < 20, 1, 21)  # all hits, late; half of them, at once
    found = logs("turned", vstan=sharp, gru4rec=wide, markov=np.full(40, 21))
    assert (found.recall, found.mrr) == ("gru4rec", "vstan")
    ((name, recall, mrr),) = found.overtaking
    assert (name, recall.estimate, mrr.estimate) == ("vstan", pytest.approx(-0.5), pytest.approx(0.5 - 0.05))


def test_a_difference_within_the_noise_overtakes_nobody(logs):
    often, early = np.where(SESSION < 20, 2, 21), np.where(SESSION < 11, 1, 21)  # MRR .25 and .275
    found = logs("open", stan=often, vstan=early)
    assert (found.recall, found.mrr) == ("stan", "vstan")
    assert found.overtaking == ()


def test_the_page_counts_the_logs_on_which_the_winner_changes(tmp_path):
    claim = next(c for c in claims.read() if c.id == "D9")
    states = [Finding(part, Measured(float(i < 2)), (), "met") for i, part in enumerate(claim.parts)]
    source = Source(Book(tmp_path), (Settled(claim, tuple(states), "partly"),))
    assert choices.FACTS["winners-change"](source).estimate == 2
    assert choices.FACTS["winners-logs"](source).estimate == len(claim.parts)
