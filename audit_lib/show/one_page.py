"""One page of paper: a title, what it is about, a table, intervals of differences, and questions with their answers."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from audit_lib.show.plot import COLOURS, STYLE, Plot, in_points
from audit_lib.show.words import translator

A4 = (8.27, 11.69)
WIDE = 56  # signs of an answer in a line


def one_page(
    title: str, about: Sequence[str], table: pd.DataFrame, differences: pd.DataFrame, answers: pd.DataFrame, *,
    xlabel: str, lang: str = "en",
) -> Plot:  # fmt: skip
    """The page as a `Plot`. table: cells as text, English headings. differences: label, value, low, high. answers:
    Question, Answer. xlabel: an English label.
    """
    _ = translator(lang)
    height = 0.2 * sum(len(_folded(answer)) for answer in answers["Answer"]) + 0.2  # inches, roughly
    with matplotlib.rc_context(STYLE | {"figure.constrained_layout.use": False, "font.size": 8.5}):
        figure = Figure(figsize=A4)
        grid = figure.add_gridspec(
            4, 1, left=0.2, right=0.94, top=0.96, bottom=0.03, hspace=0.28,
            height_ratios=[0.9, 0.3 + 0.26 * len(table), 0.5 + 0.24 * len(differences), height],
        )  # fmt: skip
        head, rows, plot, questions = (figure.add_subplot(cell) for cell in grid)
        for axes in (head, rows, questions):
            axes.axis("off")
        head.text(-0.17, 1.0, title, fontsize=16, weight="bold", va="top", transform=head.transAxes)
        head.text(-0.17, 0.62, "\n".join(about), va="top", linespacing=1.5, transform=head.transAxes)
        _table(rows, table.rename(columns=_))
        _differences(plot, differences, f"{_(xlabel)}, {_('points')}")
        _answers(questions, answers)
    return Plot(figure, table)


def _table(axes: matplotlib.axes.Axes, table: pd.DataFrame) -> None:
    drawn = axes.table(
        cellText=table.to_numpy().tolist(), colLabels=list(table), bbox=[-0.17, 0, 1.17, 1], edges="horizontal",
        cellLoc="right", colLoc="right",
    )  # fmt: skip
    drawn.auto_set_font_size(False)
    drawn.auto_set_column_width(range(len(table.columns)))
    for (row, column), cell in drawn.get_celld().items():
        cell.set_edgecolor("#BBBBBB")
        if column == 0:
            cell.get_text().set_horizontalalignment("left")
        if row == 0 or (row > 0 and "◀" in str(table.iloc[row - 1, 0])):
            cell.get_text().set_weight("bold")


def _differences(axes: matplotlib.axes.Axes, table: pd.DataFrame, xlabel: str) -> None:
    at = np.arange(len(table))
    axes.hlines(at, table["low"], table["high"], color=COLOURS[0], linewidth=2)
    axes.plot(table["value"], at, "o", color=COLOURS[0], markersize=5)
    axes.axvline(0, color="black", linewidth=1)
    axes.set_yticks(at, list(table["label"]))
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(xlabel)
    in_points(axes.xaxis)


def _answers(axes: matplotlib.axes.Axes, answers: pd.DataFrame) -> None:
    folded = [_folded(answer) for answer in answers["Answer"]]
    step, place = 1 / sum(map(len, folded)), 1.0
    for question, lines in zip(answers["Question"], folded, strict=True):
        axes.text(-0.17, place, question, va="top", weight="bold", transform=axes.transAxes)
        axes.text(0.46, place, "\n".join(lines), va="top", linespacing=1.3, transform=axes.transAxes)
        place -= len(lines) * step


def _folded(answer: str) -> list[str]:
    return textwrap.wrap(answer, WIDE) or [""]
