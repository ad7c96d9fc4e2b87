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
from tests.made_challengers import made_book, put_course


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
