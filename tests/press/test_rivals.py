"""What the prose pages count of challengers: from the codes, the record of trials, and the evidence there is."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from audit_lib.stages.challengers import RECORD
from audit_lib.study import records
from audit_lib.study.results import Book, NotYet
from book.press.facts.prose import written
from book.press.facts.reporting import quantity
from book.press.facts.source import Source
from tests.made_challengers import made_book, put_course, put_planned


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return made_book(tmp_path)


def test_counts_of_codes_need_no_evidence(book: Book) -> None:
    names = ("rival-codes", "rival-codes-licensed", "rival-codes-on-test", "rival-codes-apart")
    assert [quantity(name, Source(book)).estimate for name in names] == [7, 1, 6, 5]


def test_codes_that_run_are_counted_by_kind_of_environment_and_missing_without_the_record(book: Book) -> None:
    with pytest.raises(NotYet, match=RECORD):
        quantity("rival-codes-today", Source(book))
    rows = [
        {"model": model, "when": when, "python": "3", "packages": "", "outcome": outcome, "error": "", "said": ""}
        for model, when, outcome in (("srgnn", "today", "trains"), ("narm", "today", "fails"), ("narm", "own", "nan"))
    ]
    records.write(RECORD, pd.DataFrame(rows), folder=book.folder / "records")
    source = Source(Book(book.folder, book.study))
    assert [quantity(f"rival-codes-{when}", source).estimate for when in ("today", "then")] == [1, 0]


@pytest.mark.parametrize("lang", ["en", "es"])
def test_how_many_were_rerun_is_a_sentence_for_none_and_for_one(book: Book, lang: str) -> None:
    said = {"en": ["none of them was trained here", "one of them was trained here, from its own code"],
            "es": ["ninguno de ellos se ha entrenado aquí", "uno de ellos se ha entrenado aquí, con su propio código"]}
    assert written(quantity("margins-rerun", Source(book)), "rerun", lang) == said[lang][0]
    put_course(book, [0.5], recommender="gcegnn")  # whose margin is not in the copied table
    put_course(book, [0.5])
    assert written(quantity("margins-rerun", Source(book)), "rerun", lang) == said[lang][1]


def test_margins_are_counted_as_the_ledger_judges_them_a_model_trained_here_by_its_ranks(book: Book) -> None:
    with pytest.raises(NotYet):
        quantity("margins", Source(book))
    for dataset in ("diginetica", "yoochoose1_64"):
        put_planned(book, 0.5, group="headline", dataset=dataset)
    names = [f"margins{end}" for end in ("", "-positive", "-open", "-negative", "-whole")]
    before = [quantity(name, Source(Book(book.folder, book.study))).estimate for name in names]
    assert (before[0], sum(before[1:4])) == (6, 6)
    put_course(book, [0.25, 0.7])  # SR-GNN on Diginetica: above by as much as was printed
    after = [quantity(name, Source(Book(book.folder, book.study))).estimate for name in names]
    assert (after[0], after[-1]) == (6, before[-1] + 1)
