"""One number for one thing: no two places of the book give one quantity two values."""

from __future__ import annotations

import pytest

from book.press.facts import quantities
from book.press.facts.contrasts import DATASETS
from book.press.facts.documents import Source
from book.press.facts.quantities import Stated

KEY = ("diginetica", "gru4rec", "Recall")


@pytest.fixture(scope="module")
def source() -> Source:
    return Source()


@pytest.mark.parametrize("lang", ["en", "es"])
def test_no_two_places_give_one_quantity_two_values(source: Source, lang: str) -> None:
    found = quantities.collected(source, lang)
    assert quantities.disagreements(found) == []
    places: dict[tuple[str, str, str], set[str]] = {}
    for one in found:
        places.setdefault(one.key, set()).add(one.place)
    for dataset in DATASETS:
        for side in ("gru4rec", "simple", "difference"):
            for metric in ("Recall", "MRR"):
                assert len(places[dataset, side, metric]) > 1, "what stands in one place alone proves nothing"


def test_a_second_value_is_noticed_in_the_digits_that_are_printed() -> None:
    exact = Stated("fact", KEY, 0.541493)
    assert quantities.disagreements([exact, Stated("README", KEY, 0.5415, 4)]) == []
    (said,) = quantities.disagreements([exact, Stated("README", KEY, 0.5416, 4)])
    assert "README" in said
    assert "fact" in said
    assert quantities.disagreements([exact, Stated("README", ("diginetica", "gru4rec", "MRR"), 0.18, 4)]) == []


@pytest.mark.parametrize(
    ("cell", "at", "value", "digits"),
    [("VSTAN: **52.86%** [52.30%, 53.40%]", 0, 0.5286, 4), ("0.5415 [0.5360, 0.5472]", 0, 0.5415, 4),
     ("+0.0130 [+0.0092, +0.0167]", 1, 0.0092, 4), ("\u2212.0044 [\u2212.0065, \u2212.0022]", 0, -0.0044, 4)],
)  # fmt: skip
def test_the_number_of_a_cell_is_read_with_its_digits(cell: str, at: int, value: float, digits: int) -> None:
    found = quantities.stated(cell, "here", KEY, at)
    assert (found.value, found.digits) == (pytest.approx(value), digits)
