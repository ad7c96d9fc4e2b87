"""What is held against what: the targets that count, and every training of GRU4Rec."""

from __future__ import annotations

import numpy as np
import pytest

from audit_lib.study import literature_values, results
from audit_lib.study.results import Book
from tests.made_runs import Shelf, hitting


def test_a_copied_value_is_held_against_what_was_measured_on_the_same_targets() -> None:
    rows = literature_values.table()
    for dataset, source in literature_values.COPIED.items():
        mine = rows[(rows["dataset"] == dataset) & (rows["source"] == source)]
        assert set(mine["targets"]) == {"same"}, dataset
        assert set(mine["min_step"]) == {literature_values.min_step(dataset)}, dataset


def test_one_published_log_leaves_out_the_first_target_of_a_session() -> None:
    steps = {dataset: literature_values.min_step(dataset) for dataset in (*literature_values.COPIED, "entree")}
    assert steps == {"diginetica": 1, "yoochoose1_64": 1, "retailrocket": 2, "entree": 1}


def test_the_mean_is_over_the_targets_that_count() -> None:
    hits = [0, 1, 0, 1]
    assert results.mean_of(hitting(hits)) == pytest.approx(1 / 2)
    assert results.mean_of(hitting(hits, dataset="retailrocket")) == 1
    assert results.mean_of(hitting(hits), "MRR") == pytest.approx(1 / 2)


def test_the_spread_is_the_sample_deviation_of_the_seeds_and_one_seed_has_none() -> None:
    seeds = [hitting([0, 1]), hitting([1, 1], seed=1)]  # means 1/2 and 1
    assert results.spread(seeds) == pytest.approx(np.sqrt(2) / 4)
    assert np.isnan(results.spread(seeds[:1]))


def test_values_are_of_the_targets_that_count_in_any_tie_policy() -> None:
    tied = hitting([0, 1, 0, 1])
    tied.ranks["equal"] = [0, 20, 0, 0]  # one hit that the conservative policy takes away
    assert tied.values("Recall").tolist() == [0, 0, 0, 1]
    assert tied.values("Recall", ties="standard").tolist() == [0, 1, 0, 1]
    assert tied.values("MRR", 1, min_step=2).tolist() == [0, 1]
    assert tied.resampling(min_step=2).predictions == 2


def test_every_training_as_it_should_be_is_found_with_its_engine() -> None:
    ours, theirs = [hitting([1, 1])], [hitting([1, 0], recommender="gru4rec_official")]
    shelf = Shelf(headline=ours, headline_bpr_max=ours + theirs, ablations=ours)
    found = list(results.trainings(shelf, "diginetica"))
    assert found == [
        ("headline", "gru4rec", ours),
        ("headline_bpr_max", "gru4rec", ours),
        ("headline_bpr_max", "gru4rec_official", theirs),
    ]


def test_committed_evidence_has_every_training_of_the_published_logs() -> None:
    book = Book()
    for dataset in literature_values.COPIED:
        assert "headline" in [group for group, _, _ in results.trainings(book, dataset)]
