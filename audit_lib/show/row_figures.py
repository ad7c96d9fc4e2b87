"""Figures of one row a thing: values with their intervals, from the top, beside what is published or a line at zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from audit_lib.show.plot import COLOURS, Plot, axes_of, in_percent, in_points, label_rows, legend
from audit_lib.show.words import translator

_HOLLOW = {
    "linestyle": "none", "markerfacecolor": "none", "markeredgecolor": COLOURS[1], "markeredgewidth": 1.6,
    "markersize": 8,
}  # fmt: skip


def _measured(axes: Any, table: pd.DataFrame, at: np.ndarray, label: str | None = None) -> None:
    """Draws the values of a table on their lines, with their intervals."""
    axes.hlines(at, table["low"], table["high"], color=COLOURS[0], linewidth=2)
    axes.plot(table["value"], at, "o", color=COLOURS[0], label=label)


def published(table: pd.DataFrame, *, limit: tuple[float, str] | None = None, lang: str = "en") -> Plot:
    """table: label, published, targets ('same' or 'other'), value, low, high; a line for each label, from the top.

    Hollow: as published, a circle where the targets are ours, a diamond where they were prepared otherwise. Filled:
    measured, with its interval. Either may be NaN. limit: a value to mark, and what it is in the reader's language.
    """
    _ = translator(lang)
    names = list(dict.fromkeys(table["label"]))
    at = table["label"].map({name: i for i, name in enumerate(names)}).to_numpy(int)
    with axes_of(figsize=(7.0, 1.2 + 0.3 * len(names))) as (figure, axes):
        _measured(axes, table, at, _("Measured"))
        for targets, marker, label in (
            ("same", "o", "Published, same targets"), ("other", "D", "Published, other targets"),
        ):  # fmt: skip
            rows = (table["targets"] == targets).to_numpy()
            if rows.any():
                axes.plot(table["published"][rows], at[rows], marker, label=_(label), **_HOLLOW)
        if limit is not None:
            axes.axvline(limit[0], color="black", linewidth=1.2, linestyle=":", label=limit[1])
        label_rows(axes, names, xlabel="Recall@20")
        in_percent(axes.xaxis)
        legend(figure, axes)
    return Plot(figure, table)


def margins(table: pd.DataFrame, *, lang: str = "en") -> Plot:
    """table: label, published, value, low, high; a line for each label, from the top.

    By how much a model is above GRU4Rec: hollow, above GRU4Rec as published; filled, above GRU4Rec as measured.
    """
    _ = translator(lang)
    with axes_of(figsize=(7.0, 1.3 + 0.32 * len(table))) as (figure, axes):
        at = np.arange(len(table))
        axes.hlines(at, table["value"], table["published"], color=COLOURS[6], linewidth=1)
        _measured(axes, table, at, _("Over GRU4Rec as measured here"))
        axes.plot(table["published"], at, "o", label=_("Over GRU4Rec as copied"), **_HOLLOW)
        axes.axvline(0, color="black", linewidth=1)
        xlabel = f"{_('Margin over GRU4Rec, Recall@20')}, {_('points')}"
        label_rows(axes, list(table["label"]), xlabel=xlabel, start=None)
        in_points(axes.xaxis)
        legend(figure, axes)
    return Plot(figure, table)


def ablations(table: pd.DataFrame, *, reference: float, lang: str = "en") -> Plot:
    """table: label, value, low, high; a row each, in order, from the top. reference: a published value, marked."""
    _ = translator(lang)
    with axes_of(figsize=(7.0, 1.2 + 0.3 * len(table))) as (figure, axes):
        _measured(axes, table, np.arange(len(table)), _("Measured"))
        axes.axvline(reference, color=COLOURS[1], linewidth=1.6, linestyle="--", label=_("Published value"))
        label_rows(axes, list(table["label"]), xlabel="Recall@20")
        in_percent(axes.xaxis)
        legend(figure, axes)
    return Plot(figure, table)


def differences(table: pd.DataFrame, *, xlabel: str, lang: str = "en") -> Plot:
    """table: label, value, low, high; a row each, in order, from the top, against a line at zero."""
    _ = translator(lang)
    with axes_of(figsize=(7.0, 1.0 + 0.3 * len(table))) as (figure, axes):
        _measured(axes, table, np.arange(len(table)))
        axes.axvline(0, color="black", linewidth=1)
        label_rows(axes, list(table["label"]), xlabel=f"{_(xlabel)}, {_('points')}", start=None)
        in_points(axes.xaxis)
    return Plot(figure, table)
