"""The solutions of the exercises: worked by hand here, and each of them used by its chapter."""

import math
import re

import pytest

from audit_lib.files import PROJECT
from audit_lib.stages import exercises

CHAPTERS = {
    "01_data": exercises.data, "02_split": exercises.split, "03_baselines": exercises.simple,
    "04_gru4rec": exercises.network, "05_evaluation": exercises.evaluation, "00_pipeline": exercises.steps,
}  # fmt: skip
BY_HAND = {
    "01_data": {"predictions": 0 + 1 + 4, "gini_even": 0, "gini_uneven": (-3 - 1 + 1 + 3 * 98) / (4 * 101)},
    "02_split": {"train": 3, "test": 1, "straddling": 1, "items_once": 3, "items": 2, "sessions": 2},
    "03_baselines": {"markov_rank": 2, "tied_standard": 1, "tied_conservative": 3, "tied_median": 2},
    "04_gru4rec": {
        "steps": 4, "events": 7, "loss_nothing": math.log(2080), "bpr": math.log(1 + math.exp(-1)),
        "top1": 1 / (1 + math.e) + 0.5,
        "state": 0.5 * (2 - 1 / 2) / (2 + 1 / 2) + 0.5 * 0.2, "step_loss": math.log(1 + math.exp(-0.8)),
        "gradient": -1 / (1 + math.exp(0.8)),
    },
    "05_evaluation": {
        "recall": 2 / 3, "mrr": (1 + 1 / 4) / 3, "ndcg": (1 + 1 / math.log2(5)) / 3, "full": 0,
        "sampled": (math.comb(7, 5) + 3 * math.comb(7, 4)) / math.comb(10, 5),
    },
    "00_pipeline": {
        "step_large": 0.1, "gradient_target": (1 / 4 - 1) / 2, "gradient_other": 1 / 4 / 2,
        "hit_standard": 1, "hit_conservative": 0, "hit_median": 1, "hit_expected": 2 / 3,
    },
}  # fmt: skip


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_answers_are_those_worked_by_hand(chapter: str) -> None:
    found = exercises.answers(CHAPTERS[chapter])
    for name, value in BY_HAND[chapter].items():
        assert found[f"exercise_{name}"] == pytest.approx(value, rel=1e-6), name


def test_intervals_overlap_where_the_paired_difference_holds_no_zero() -> None:
    found = exercises.answers(exercises.simple)
    assert found["exercise_high_other"] > found["exercise_low_one"]
    assert 0 < found["exercise_gap_low"] < 0.05 < found["exercise_gap_high"]


def test_a_small_gradient_makes_nearly_the_step_of_a_large_one() -> None:
    assert 0.08 < exercises.answers(exercises.steps)["exercise_step_small"] < 0.1


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_uses_every_answer_and_no_other(chapter: str) -> None:
    text = (PROJECT / "notebooks" / f"{chapter}.md").read_text("utf8")
    used = set(re.findall(rf"{{fact}}`{chapter}::(exercise_\w+):", text))
    assert used == set(exercises.answers(CHAPTERS[chapter]))
