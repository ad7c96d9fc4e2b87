"""What a search of settings added: read from its manifest and from evidence, never typed."""

from __future__ import annotations

import numpy as np
import pytest

from audit_lib.evaluation.resampling import Resampling
from audit_lib.show.table import DIFFERENCE, Interval
from audit_lib.stages import searches
from audit_lib.study import headline, spaces
from tests.made_runs import Shelf, hitting

N = 60


@pytest.fixture
def searched(monkeypatch):
    entry = {"settings": {"loss": "bpr-max"}, "value": 0.6, "evaluations": 3.0, "budget": {"trials": 27}}
    monkeypatch.setattr(searches.presets, "tuned", lambda: {"diginetica": {"gru4rec": entry, "sr": {}}, "entree": {}})
    monkeypatch.setattr(headline, "value", lambda book, run: None)


def test_the_gain_is_paired_by_target_and_seed(searched):
    rng = np.random.default_rng(0)
    before, after = (rng.random((2, N)) < share for share in (0.4, 0.6))
    more = hitting(~before[0], seed=7)  # a seed that the other lacks
    book = Shelf(
        headline=[hitting(before[1], seed=1), hitting(before[0]), more],
        headline_tuned=[hitting(after[0]), hitting(after[1], seed=1)],
    )
    row = searches.found(book).iloc[0]
    difference = Resampling.of(np.arange(N) // 2).difference(after.astype(float), before)
    assert (row["dataset"], row["loss"], row["trials"], row["seeds"]) == ("diginetica", "bpr-max", 27, 2)
    assert (row["validation"], row["evaluations"]) == (0.6, 3.0)
    assert row["value"] == pytest.approx(after.mean())
    assert row["gain"] == pytest.approx(after.mean() - before.mean())
    assert (row["low"], row["high"]) == difference[1:3]
    shown = searches.searches_table(searches.found(book), "es").data.iloc[0]
    assert shown["Settings tried"] == 27
    assert shown["95 % interval"] == Interval(row["low"], row["high"], DIFFERENCE)


@pytest.mark.parametrize("group", ["headline", "headline_tuned"])
def test_without_one_of_the_sides_there_is_no_row(searched, group):
    table = searches.found(Shelf(**{group: [hitting(np.ones(N, bool))]}))
    assert table.empty
    assert list(table) == list(searches.COLUMNS)


def test_the_gain_is_over_the_best_that_was_there_before_and_not_over_the_weakest(searched):
    rng = np.random.default_rng(0)
    weak, strong, after = (rng.random(N) < share for share in (0.2, 0.7, 0.6))
    book = Shelf(
        headline=[hitting(weak)], headline_bpr_max=[hitting(strong, name="b")],
        headline_tuned=[hitting(after, name="c")],
    )  # fmt: skip
    row = searches.found(book).iloc[0]
    assert row["before"] == "headline_bpr_max"
    assert row["gain"] == pytest.approx(after.mean() - strong.mean())


def test_it_is_said_whose_settings_won():
    starts = spaces.STARTS["gru4rec"]
    assert searches.origin(dict(starts[0])) == searches.origin(dict(starts[spaces.OF_AUTHORS - 1])) == "authors"
    assert searches.origin(dict(starts[-1]) | {"n_epochs": 10}) == "study"
    assert searches.origin(dict(starts[0]) | {"layers": 64}) == "drawn"


def test_losses_are_those_of_the_engine():
    from audit_lib.recommenders.gru4rec.config import GRU4RecConfig

    for loss in searches.LOSSES:
        assert GRU4RecConfig(loss=loss).loss == loss
