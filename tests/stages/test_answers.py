"""The sentence on the first screen of a chapter says what its numbers say, whichever way they fall."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audit_lib.evaluation.resampling import Measured
from audit_lib.show.words import LANGUAGES
from audit_lib.stages import answers
from book.press import pipeline
from book.press.notebooks import read
from book.press.title_page import LOG_STAGES

LOG: Any = SimpleNamespace(data=SimpleNamespace(name="clicks.tsv"), metric="Recall@20", negatives=100)
FIRST_SCREENS = [stage for stage in pipeline.stages() if stage < "11"]


def shuffled(estimate: float, low: float, high: float) -> dict[str, Any]:
    return {"markov": SimpleNamespace(loss=Measured(estimate, low, high))}


def one_line(text: str) -> str:
    """The text with ordinary spaces, and no gap left in it."""
    assert not re.search(r"nan|[{}#]", text)
    return text.replace("\u00a0", " ")


# --- 01
@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ((0.2, 0.1, 0.3), "Its order carries information: Markov loses 20.0 % of its Recall@20"),
        ((-0.2, -0.3, -0.1), "Its order does not help"),
        ((0.0, -0.1, 0.1), "There is no sign that its order carries information"),
    ],
)
def test_the_order_follows_the_interval_of_the_loss(interval: tuple[float, float, float], said: str) -> None:
    assert one_line(answers.order(shuffled(*interval), LOG, "en")).startswith(said)


def test_a_log_that_cannot_be_shuffled_says_so() -> None:
    assert answers.order({}, LOG, "en").startswith("Whether its order matters cannot be seen")


# --- 02
def leaks(shared: int, future: int) -> Any:
    return SimpleNamespace(shared_sessions=shared, future_train_events=future)


MEASURED = pd.DataFrame(
    [("Temporal", "markov", 0.2, 0.1, 0.3), ("Temporal", "popularity", 0.0, 0.0, 0.0),
     ("Random sessions", "markov", 0.25, 0.2, 0.3), ("Random events", "markov", 0.05, 0.0, 0.1)],
    columns=["split", "recommender", "value", "low", "high"],
)  # fmt: skip


def test_the_flawed_split_that_moves_markov_most_is_named_whichever_way_it_moves() -> None:
    said = one_line(answers.split(leaks(0, 0), MEASURED, LOG, "en"))
    assert "no session is in both parts, and no train event comes after the first test event" in said
    assert "20.0 % [10.0, 30.0]" in said
    assert "The flawed split “Random events” would have reported 5.0 % [0.0, 10.0]." in said


def test_a_split_that_leaks_says_how_much() -> None:
    said = one_line(answers.split(leaks(1, 1200), MEASURED, LOG, "en"))
    assert "one session is in both parts, and 1\u202f200 train events come after" in said


def test_a_log_without_room_for_a_flawed_split_says_so() -> None:
    said = answers.split(leaks(0, 0), MEASURED[MEASURED["split"] == "Temporal"], LOG, "en")
    assert "has no room for a flawed split." in said


# --- 03
def ranking(**values: float) -> pd.DataFrame:
    table = pd.DataFrame({"recommender": list(values), "value": list(values.values())})
    return table.assign(low=table["value"] - 0.1, high=table["value"] + 0.1).sort_values("value", ascending=False)


def test_the_highest_simple_recommender_stands_beside_popularity() -> None:
    said = one_line(answers.simple(ranking(vstan=0.5, popularity=0.2), LOG, "en"))
    assert "VSTAN has the highest Recall@20 of 2 simple recommenders: 50.0 % (95 % interval 40.0 % to 60.0 %)" in said
    assert said.endswith("has 20.0 %.")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"popularity": 0.5, "markov": 0.2}, "No simple recommender is ahead of Popularity"),
        ({"popularity": 0.0, "markov": 0.0}, "No simple recommender hits anything"),
        ({"markov": 0.5, "sr": 0.5, "popularity": 0.2}, "One other simple recommender has the very same value."),
    ],
)
def test_popularity_ahead_nothing_hit_and_equal_values_have_words_of_their_own(
    values: dict[str, float], said: str
) -> None:
    assert said in answers.simple(ranking(**values), LOG, "en")


# --- 04
@pytest.mark.parametrize(
    ("difference", "english", "spanish"),
    [
        ((0.02, 0.01, 0.03), "is above Markov", "supera a Markov"),
        ((-0.02, -0.03, -0.01), "is below Markov", "queda por debajo de Markov"),
        ((0.0, -0.01, 0.01), "cannot be told from Markov", "no se distingue de Markov"),
        ((0.0, 0.0, 0.0), "is level with Markov", "empata con Markov"),
    ],
)
def test_a_network_is_above_below_level_or_not_told_apart(
    difference: tuple[float, float, float], english: str, spanish: str
) -> None:
    for lang, said in (("en", english), ("es", spanish)):
        assert said in answers.network(Measured(*difference), "markov", LOG, lang)


# --- 05
def test_sampling_multiplies_and_reverses() -> None:
    factors = pd.DataFrame({"recommender": ["markov", "vstan", "popularity"], "factor": [2.0, 6.5, np.nan]})
    winners = pd.DataFrame({"reversed": [False, True, False]})
    said = one_line(answers.sampling(factors, winners, LOG, "en"))
    assert "multiplies Recall@20 by 2.00 for Markov and by 6.50 for VSTAN" in said
    assert said.endswith("of 3 pairs of recommenders, one is reversed.")
    assert "no recommender hits anything" in answers.sampling(factors.iloc[2:], winners, LOG, "en").lower()


# --- on the pages
@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_answer_has_no_gap_in_any_language(lang: str) -> None:
    said = [
        answers.order({}, LOG, lang),
        *(answers.order(shuffled(x, x - 0.1, x + 0.1), LOG, lang) for x in (-0.5, 0.0, 0.5)),
        answers.split(leaks(0, 2), MEASURED, LOG, lang), answers.split(leaks(0, 2), MEASURED.iloc[:2], LOG, lang),
        *(answers.simple(ranking(popularity=x, sr=0.1, ar=0.1), LOG, lang) for x in (0.0, 0.5)),
        *(answers.network(Measured(x, x - 0.1, x + 0.1), "sr", LOG, lang) for x in (-0.5, 0.0, 0.5)),
    ]  # fmt: skip
    assert [text for text in map(one_line, said) if not text.endswith(".")] == []


@pytest.mark.parametrize("stage", FIRST_SCREENS)
def test_a_chapter_answers_before_its_first_cell(stage: str) -> None:
    first = read(pipeline.PROJECT / "notebooks" / f"{stage}.md").cells[0]
    assert first.cell_type == "markdown"
    lead = re.search(r":::\{div\} lead-sentence\n(.*?)\n:::", first.source, re.DOTALL)
    assert lead
    assert re.search(r"\{fact\}`\w+::\w+", lead[1])
    assert stage not in LOG_STAGES or f"{stage}::answer" in lead[1]
