"""Counts in sentences: none and one have words of their own in both languages."""

from __future__ import annotations

import re

import pytest

from audit_lib.errors import InputError
from audit_lib.evaluation.resampling import Measured
from audit_lib.files import PROJECT
from audit_lib.show import counted
from book.press.facts.prose import written

PAGES = "".join(path.read_text("utf8") for folder in ("book", "notebooks") for path in (PROJECT / folder).glob("*.md"))


@pytest.mark.parametrize(
    ("lang", "count", "words"),
    [
        ("en", 0, "none keeps its size"), ("en", 1, "one keeps its size"), ("en", 6, "6 keep their size"),
        ("es", 0, "ninguna conserva su tamaño"), ("es", 1, "una conserva su tamaño"),
        ("es", 6, "6 conservan su tamaño"),
    ],
)  # fmt: skip
def test_a_fact_that_counts_has_its_words(lang: str, count: int, words: str) -> None:
    assert written(Measured(float(count)), "keep-size", lang) == words


def test_every_phrase_names_its_number_when_there_are_several_and_not_otherwise() -> None:
    for lang in ("en", "es"):
        for none, one, many in counted.phrases(lang).values():
            assert [text.count("#") for text in (none, one, many)] == [0, 0, 1]
            assert len({none, one, many}) == 3


def test_every_phrase_is_said_somewhere() -> None:
    code = [*(PROJECT / "audit_lib" / "stages").glob("*.py"), *(PROJECT / "book" / "press").rglob("*.py")]
    text = "".join(path.read_text("utf8") for path in code)
    unused = [name for name in counted.phrases() if f":{name}`" not in PAGES and f'"{name}"' not in text]
    assert unused == []


def test_a_page_shows_a_count_that_may_be_none_or_one_by_a_phrase() -> None:
    """Counts of logs, pairs and trainings that hang on the evidence: a bare number would read 'on 1 logs'."""
    computed = (
        r"contrasts-\w+", r"searched-\w+", r"margins-(?:whole|positive|open|negative)", "reversals", r"claims-\w+",
        "trainings-one-seed", "winners-change", r"changes-\w+",
        r"\w+::(?:pairs_\w+|verdict_\w+|straddling|unseen|crossings|apart|gained|unsure)",
    )  # fmt: skip
    bare = [found[0] for name in computed for found in re.finditer(rf"\{{fact\}}`{name}:,?d`", PAGES)]
    assert bare == []


def test_an_unknown_phrase_is_refused_and_the_nearest_named() -> None:
    with pytest.raises(InputError, match="keep-size"):
        counted.said(1, "keeps-size")
