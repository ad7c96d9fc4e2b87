"""The version ladder as readers see it: sentence, figure and table say what the evidence says, in both languages."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from audit_lib.study import measures, releases
from audit_lib.study.results import Book
from book.press.facts import ladder

VALUES = {"top1": 0.09, "bpr": 0.291, "searched_2016": 0.31, "negatives": 0.2, "one_matrix": 0.5, "searched": 0.542}


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch) -> Book:
    """A book whose only evidence is VALUES on one data set; MRR is a third of Recall."""
    rows = [
        ("diginetica", rung.id, rung.month, metric, *(share * (VALUES[rung.id] + e) for e in (0, -0.01, 0.01)), 3)
        for rung in releases.rungs()
        if rung.id in VALUES
        for metric, share in (("Recall", 1), ("MRR", 1 / 3))
    ]
    monkeypatch.setattr(releases, "table", lambda book: pd.DataFrame(rows, columns=list(releases.COLUMNS)))
    monkeypatch.setattr(ladder, "best_simple", lambda book, dataset: None)
    return Book()


def test_the_nearest_version_is_the_one_whose_value_is_closest_to_the_printed_one(book: Book) -> None:
    found = ladder.answers(book)
    nearest = found[found["nearest"]].set_index("metric")["rung"]
    assert nearest["Recall"] == "bpr"  # .291 beside .2945
    assert found.query("metric == 'Recall'")["published"].unique() == [0.2945]


@pytest.mark.parametrize("lang", ["en", "es"])
def test_the_alternative_text_names_the_printed_value_and_every_version(book: Book, lang: str) -> None:
    said = ladder.alternative(book, lang)
    numbers = re.findall(r"([\d.]+)\u00a0%", said)
    assert numbers == ["29.45", *(f"{100 * v:.1f}" for v in VALUES.values())]
    assert all(rung.name(lang) in said for rung in releases.rungs() if rung.id in VALUES)
    assert "#" not in said


def test_the_figure_is_the_same_twice_and_differs_between_themes_and_languages(book: Book) -> None:
    drawn = [ladder.figure(book).image() for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert len({drawn[0], ladder.figure(book, theme="dark").image(), ladder.figure(book, lang="es").image()}) == 3


def test_the_table_begins_with_the_printed_values_and_has_a_row_for_every_version(book: Book) -> None:
    shown = ladder.shown(book)
    assert len(shown) == 1 + len(releases.rungs())
    assert shown["Diginetica"].tolist()[:3] == ["29.45 / 8.33", "9.0 / 3.0", "29.1 / 9.7"]
    assert shown["RetailRocket"].tolist()[1:] == ["–"] * len(releases.rungs())
    assert shown["RetailRocket"].iloc[0] == "44.01 / 23.67"
    assert shown["Seeds"].tolist()[:2] == ["–", "3"]


def test_seeds_are_listed_by_log_where_they_differ() -> None:
    rung = pd.DataFrame({"dataset": ["a", "a", "b", "b"], "metric": ["Recall", "MRR"] * 2, "seeds": [3, 3, 1, 1]})
    assert ladder._seeds(rung) == "3, 1"
    assert ladder._seeds(rung.assign(seeds=3)) == "3"
    assert ladder._seeds(rung.head(0)) == "–"


def test_without_evidence_there_is_no_sentence(tmp_path) -> None:
    empty = Book(tmp_path)
    assert ladder.sentence(empty) == ""


@pytest.mark.parametrize("lang", ["en", "es"])
def test_the_sentence_has_the_values_of_the_ledger(lang: str) -> None:
    book = Book()
    if not (said := ladder.sentence(book, lang)):
        pytest.skip("a version on Diginetica has not been run yet")
    rungs = [ladder.rung(name) for name in ("bpr", "top1", "searched_2016", "searched")]
    wanted = [
        measures.score(book, dataset="diginetica", group=r.group, recommender=r.recommender, variant=r.variant)
        for r in rungs
    ]
    numbers = re.findall(r"\*\*([\d.]+)\u00a0%\*\*", said)
    assert numbers[1:5] == [f"{100 * found.estimate:.1f}" for found in wanted]
    assert "#" not in said
