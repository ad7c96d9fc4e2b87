"""One training and one simple recommender stand for their side, chosen on validation before the test part is seen."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from audit_lib.study import headline, presets, records
from audit_lib.study.results import Book, NotYet
from book.press.facts.contrasts import DATASETS
from tests.made_runs import Shelf


def run(recommender: str, config: str, *, seed: int = 0) -> Any:
    return SimpleNamespace(
        recommender=recommender, dataset="entree", seed=seed, path=Path(f"{recommender}/{config}-s{seed}.parquet")
    )


@pytest.fixture
def worth(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Recall in validation by configuration; whoever is not named was not validated."""
    known: dict[str, float] = {}

    def value(_: Book, found: Any) -> headline.Validated | None:
        config = found.path.stem.rpartition("-s")[0]
        return headline.Validated(known[config]) if config in known else None

    monkeypatch.setattr(headline, "value", value)
    return known


def test_the_training_with_the_highest_recall_in_validation_stands_with_all_its_seeds(worth: dict[str, float]) -> None:
    worth |= {"a": 0.6, "b": 0.7}
    best = [run("gru4rec", "b", seed=s) for s in range(3)]
    found = headline.of(Shelf(headline=[run("gru4rec", "a")], headline_tuned=best), "entree")
    assert (found.group, found.runs, found.validation, found.of) == ("headline_tuned", tuple(best), 0.7, 2)


def test_what_was_not_validated_does_not_stand_for_election(worth: dict[str, float]) -> None:
    worth |= {"a": 0.6}
    shelf = Shelf(headline=[run("gru4rec", "a")], headline_bpr_max=[run("gru4rec", "unknown")])
    assert headline.of(shelf, "entree").runs[0].path.stem == "a-s0"


def test_the_official_code_is_another_training(worth: dict[str, float]) -> None:
    worth |= {"a": 0.6, "b": 0.9}
    shelf = Shelf(headline=[run("gru4rec", "a"), run("gru4rec_official", "b")])
    assert headline.of(shelf, "entree").recommender == "gru4rec"


def test_where_there_is_no_choice_the_only_one_stands(worth: dict[str, float]) -> None:
    found = headline.of(Shelf(headline=[run("gru4rec", "a"), run("gru4rec", "a", seed=1)]), "entree")
    assert len(found.runs) == 2
    assert headline.of(Shelf(), "entree") is None


def test_a_choice_without_values_is_missing_and_named(worth: dict[str, float]) -> None:
    with pytest.raises(NotYet, match="validation"):
        headline.best_simple(Shelf(simple=[run("markov", "a"), run("sr", "b")]), "entree")


def test_two_groups_with_one_configuration_are_one_candidate(worth: dict[str, float]) -> None:
    worth |= {"a": 0.6, "b": 0.5}
    shelf = Shelf(simple=[run("stan", "a"), run("markov", "b")], tuned=[run("stan", "a")])
    found = headline.best_simple(shelf, "entree")
    assert (found.group, found.of) == ("simple", 2)


def test_each_recommender_has_its_best_settings(worth: dict[str, float]) -> None:
    worth |= {"a": 0.6, "b": 0.5, "c": 0.55}
    shelf = Shelf(simple=[run("stan", "b"), run("sr", "c")], tuned=[run("stan", "a")])
    found = headline.by_recommender(shelf, "entree")
    assert {name: side.runs[0].path.stem for name, side in found.items()} == {"stan": "a-s0", "sr": "c-s0"}


# --- on the committed evidence
def test_the_record_agrees_with_what_the_searches_said() -> None:
    """Both measured the same settings on the same part: a search of a simple recommender and the record."""
    table = records.read("validation").query("group == 'tuned'")
    assert len(table)
    for row in table.itertuples():
        search = presets.tuned()[row.dataset][row.recommender]
        assert row.recall == pytest.approx(search["value"], abs=1e-12), (row.dataset, row.recommender)


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_log_has_both_sides_and_every_simple_recommender_was_validated(dataset: str) -> None:
    book = Book()
    ours, best = headline.of(book, dataset), headline.best_simple(book, dataset)
    assert ours.validation == max(side.validation for side in headline.trainings(book, dataset) if side.validation > 0)
    every = headline.simple(book, dataset)
    assert all(side.validation == side.validation for side in every), "not validated"
    assert best.validation == max(side.validation for side in every)
