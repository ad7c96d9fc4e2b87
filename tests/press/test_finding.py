"""The front page: its sentence and its figure say what the evidence says, in both languages."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from audit_lib.show import csv
from book.press.facts import finding
from tests.show.test_figures import luminance

ROWS = {
    "dataset": ["diginetica", "retailrocket"], "published": [0.2945, 0.60], "value": [0.524, 0.55], "low": [0.52, 0.53],
    "high": [0.53, 0.57], "seeds": [3, 3], "simple": ["vstan", "markov"], "simple_value": [0.529, 0.5],
    "simple_low": [0.52, 0.49], "simple_high": [0.54, 0.51],
}  # fmt: skip


@pytest.fixture
def found() -> pd.DataFrame:
    return pd.DataFrame(ROWS)


@pytest.mark.parametrize("lang", ["en", "es"])
def test_the_sentence_holds_the_three_numbers_of_the_first_data_set(found: pd.DataFrame, lang: str) -> None:
    said = finding.sentence(found, lang)
    assert re.findall(r"\*\*([\d.]+)\u00a0%\*\*", said) == ["29.45", "52.4", "52.9"]
    assert "Diginetica" in said
    assert "VSTAN" in said
    assert "#" not in said


@pytest.mark.parametrize("lang", ["en", "es"])
def test_the_alternative_text_names_every_value_of_the_figure(found: pd.DataFrame, lang: str) -> None:
    said = finding.alternative(found, lang)
    for number in ("29.45", "52.4", "52.9", "60.00", "55.0", "50.0"):
        assert f"{number}\u00a0%" in said
    assert "RetailRocket" in said
    assert "#" not in said


@pytest.mark.parametrize(("theme", "ground"), [("light", "#ffffff"), ("dark", "#14181e")])
def test_words_in_the_figure_have_a_contrast_of_four_and_a_half(theme: str, ground: str) -> None:
    ink, _grid, *colours = finding.PALETTES[theme]
    for colour in (ink, *colours):
        bright, dark = sorted((luminance(colour), luminance(ground)), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, colour


# --- tables as files
def test_a_cell_that_begins_like_a_formula_is_quoted_and_a_number_is_not() -> None:
    texts = ["=1+1", "+cmd", "-x", "@SUM(A1)", "-0.5", "+0.0123", "1e-3", "-1,234.5", "plain", "–"]
    wanted = ["'=1+1", "'+cmd", "'-x", "'@SUM(A1)", "-0.5", "+0.0123", "1e-3", "-1,234.5", "plain", "–"]
    assert [csv.protected(text) for text in texts] == wanted


def test_a_table_as_csv_has_nine_digits_line_feeds_and_safe_headings() -> None:
    table = pd.DataFrame({"=head": ["a,b", "-c"], "x": [1 / 3, -2.0], "n": [1, 2]})
    assert csv.csv_text(table) == "'=head,x,n\n\"a,b\",0.333333333,1\n'-c,-2,2\n"
