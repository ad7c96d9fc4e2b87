"""Counts in sentences: none and one have words of their own in both languages."""

from __future__ import annotations

import pytest

from audit_lib.errors import InputError
from audit_lib.show import counted
from audit_lib.study.results import Measured
from book.press.facts.documents import written


@pytest.mark.parametrize(
    ("lang", "count", "words"),
    [
        ("en", 0, "none of them holds"), ("en", 1, "one of them holds"), ("en", 6, "6 of them hold"),
        ("es", 0, "ninguna de ellas se mantiene"), ("es", 1, "una de ellas se mantiene"),
        ("es", 6, "6 de ellas se mantienen"),
    ],
)  # fmt: skip
def test_a_fact_that_counts_has_its_words(lang: str, count: int, words: str) -> None:
    assert written(Measured(float(count)), "hold", lang) == words


def test_every_phrase_names_its_number_when_there_are_several_and_not_otherwise() -> None:
    for lang in ("en", "es"):
        for none, one, many in counted.phrases(lang).values():
            assert [text.count("#") for text in (none, one, many)] == [0, 0, 1]
            assert len({none, one, many}) == 3


def test_an_unknown_phrase_is_refused_and_the_nearest_named() -> None:
    with pytest.raises(InputError, match="hold"):
        counted.said(1, "holds")
