"""Figures of the book: a function takes a table, draws it, and returns a `plot.Plot`, its labels translated.

Those of one row a thing are in `row_figures`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from audit_lib.show.plot import (
    COLOURS,
    LINES,
    MARKERS,
    Plot,
    axes_of,
    draw_lines,
    in_percent,
    legend,
    legend_of_all,
    style_of,
)
from audit_lib.show.words import RECOMMENDERS, data_name, name_of, translator


def session_lengths(table: pd.DataFrame, *, lang: str = "en") -> Plot:
    """table: length, sessions (how many have that length)."""
    _ = translator(lang)
    with axes_of() as (figure, axes):
        axes.bar(table["length"], table["sessions"], color=COLOURS[0], width=0.9)
        axes.set(xlabel=_("Events in the session"), ylabel=_("Sessions"))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return Plot(figure, table)


def popularity_curve(table: pd.DataFrame, *, lang: str = "en") -> Plot:
    """table: position (1 is the most frequent item), support; on two logarithmic axes."""
    _ = translator(lang)
    with axes_of() as (figure, axes):
        axes.loglog(table["position"], table["support"], color=COLOURS[0])
        axes.set(xlabel=_("Position of the item by support"), ylabel=_("Support (events)"))
    return Plot(figure, table)


def activity(table: pd.DataFrame, *, cut: float | None = None, timed: bool = True, lang: str = "en") -> Plot:
    """table: start (Unix seconds), sessions (that start in that stretch). cut: where the test part begins.

    timed: False where a start is a position in the log.
    """
    _ = translator(lang)
    with axes_of(figsize=(7.0, 3.0)) as (figure, axes):
        unit = 86400 if timed else 1
        days = (table["start"] - table["start"].min()) / unit
        axes.step(days, table["sessions"], where="post", color=COLOURS[0])
        name = _("Days since the first event" if timed else "Position in the log")
        axes.set(xlabel=name, ylabel=_("Sessions that start"), ylim=(0, None))
        if cut is not None:
            at = (cut - table["start"].min()) / unit
            axes.axvspan(at, days.max(), color=COLOURS[1], alpha=0.15, label=_("Test part"))
            axes.legend()
    return Plot(figure, table)


def by_cutoff(table: pd.DataFrame, *, metric: str = "Recall", lang: str = "en") -> Plot:
    """table: recommender, k, value (low and high, if there are intervals)."""
    with axes_of() as (figure, axes):
        draw_lines(axes, table, "k", lang, last=True)
        axes.set(xlabel="K", ylabel=f"{metric}@K", ylim=(0, None), xticks=sorted(table["k"].unique()))
        in_percent(axes.yaxis)
        legend(figure, axes)
    return Plot(figure, table)


def loss_curves(table: pd.DataFrame, *, lang: str = "en") -> Plot:
    """table: recommender, seed, epoch, loss; a line per seed, the first recommender's solid, the next one's dashed."""
    _ = translator(lang)
    names = list(dict.fromkeys(table["recommender"]))
    with axes_of() as (figure, axes):
        for i, ((name, seed), rows) in enumerate(table.groupby(["recommender", "seed"], sort=False)):
            axes.plot(
                rows["epoch"], rows["loss"], color=COLOURS[i % 8], marker=MARKERS[i % 8],
                linestyle=("-", "--", ":")[names.index(name) % 3],
                label=f"{name_of(str(name), lang)}, {_('seed')} {seed}",
            )  # fmt: skip
        axes.set(xlabel=_("Epoch"), ylabel=_("Training loss per event"), xticks=sorted(table["epoch"].unique()))
        axes.legend()
    return Plot(figure, table)


SCALES = {"items": "Items in the catalogue", "units": "Units of the layer", "n_sample": "Extra negatives per step"}


def scaling(table: pd.DataFrame, *, lang: str = "en") -> Plot:
    """table: varied (items, units or n_sample), value, events_per_second; a panel for each, with even steps."""
    _ = translator(lang)
    with axes_of(ncols=len(SCALES), sharey=True, figsize=(9.0, 3.4)) as (figure, panels):
        for i, (axes, (varied, label)) in enumerate(zip(panels, SCALES.items(), strict=True)):
            rows = table[table["varied"] == varied]
            axes.plot(range(len(rows)), rows["events_per_second"], color=COLOURS[i], marker=MARKERS[i])
            axes.set_xticks(range(len(rows)), [f"{value:,}" for value in rows["value"]], fontsize=9)
            axes.set(xlabel=_(label), ylim=(0, table["events_per_second"].max() * 1.05))
        panels[0].set(ylabel=_("Events per second"))
    return Plot(figure, table)


def by_negatives(
    table: pd.DataFrame, *, k: int, metric: str = "Recall", full: int | None = None, lang: str = "en"
) -> Plot:
    """table: recommender, n, value; n on a logarithmic axis. full: V - 1, marked, where nothing is sampled."""
    _ = translator(lang)
    with axes_of(figsize=(7.0, 4.4)) as (figure, axes):
        draw_lines(axes, table, "n", lang, last=True)
        axes.set(xlabel=_("Negatives sampled per target"), ylabel=f"{metric}@{k}", xscale="log", ylim=(0, 1.03))
        in_percent(axes.yaxis)
        if full is not None:
            axes.axvline(full, color="black", linewidth=1, linestyle=":", label=_("Whole catalogue"))
        legend(figure, axes)
    return Plot(figure, table)


def specifications(
    table: pd.DataFrame, *, choices: dict[str, str], levels: Callable[[str, Any], str], ylabel: str, lang: str = "en"
) -> Plot:
    """A specification curve: value above, the choices behind it below, specifications in order of value.

    table: value, yes (bool), low and high (NaN where there is none), and a column for each of choices (column: English
    label). levels: the name of a level in text, from its choice and value. Below, a row for each level: the darker, the
    more of the specifications at that place take it.
    """
    _ = translator(lang)
    rows = [(choice, level) for choice in choices for level in dict.fromkeys(table[choice])]
    table = table.sort_values("value", kind="stable", ignore_index=True)
    heights = [2.6, 0.19 * len(rows)]
    with axes_of(figsize=(7.0, 0.6 + sum(heights)), nrows=2, sharex=True, height_ratios=heights) as (figure, panels):
        upper, lower = panels
        at = np.arange(len(table)) / len(table)
        known = table["low"].notna().to_numpy()
        upper.vlines(
            at[known], table["low"][known], table["high"][known], color=COLOURS[6], linewidth=0.4, alpha=0.5,
            label=_("95 % interval"), rasterized=True,
        )  # fmt: skip
        for answer, label, colour in ((False, "GRU4Rec behind", COLOURS[1]), (True, "GRU4Rec ahead", COLOURS[0])):
            points = (table["yes"] == answer).to_numpy()
            if points.any():
                upper.plot(at[points], table["value"][points], ".", color=colour, markersize=3, label=_(label))
        upper.axhline(0, color="black", linewidth=1)
        upper.set(ylabel=_(ylabel))
        in_percent(upper.yaxis)
        bins = 80
        place = np.minimum((at * bins).astype(int), bins - 1)
        total = np.maximum(np.bincount(place, minlength=bins), 1)
        shares = [np.bincount(place, table[c] == level, minlength=bins) / total for c, level in rows]
        lower.imshow(
            shares, aspect="auto", cmap="Greys", vmin=0, vmax=1, extent=(0, 1, len(rows) - 0.5, -0.5),
            interpolation="nearest",
        )  # fmt: skip
        lower.set_yticks(range(len(rows)), [f"{_(choices[c])}: {levels(c, level)}" for c, level in rows], fontsize=8)
        lower.grid(visible=False)
        lower.set(xlabel=_("Share of the specifications"))
        for i in range(1, len(rows)):
            if rows[i][0] != rows[i - 1][0]:
                lower.axhline(i - 0.5, color="black", linewidth=0.6)
        legend(figure, upper)
    return Plot(figure, table)


def by_group(table: pd.DataFrame, *, xlabel: str, ylabel: str = "Recall@20", lang: str = "en") -> Plot:
    """table: recommender, group (a label or a number, in order), value. xlabel: an English label."""
    _ = translator(lang)
    groups = list(dict.fromkeys(table["group"]))
    place = {group: i for i, group in enumerate(groups)}
    with axes_of() as (figure, axes):
        draw_lines(axes, table.assign(at=table["group"].map(place)), "at", lang)
        axes.set_xticks(range(len(groups)), [_(g) if isinstance(g, str) else str(g) for g in groups])
        axes.set(xlabel=_(xlabel), ylabel=ylabel, ylim=(0, None))
        in_percent(axes.yaxis)
        legend(figure, axes)
    return Plot(figure, table)


def bars(
    table: pd.DataFrame, *, category: str, value: str, series: str, xlabel: str, shares: bool = True, lang: str = "en",
) -> Plot:  # fmt: skip
    """Grouped horizontal bars. category and series: columns of names (of recommenders or English labels).

    shares: whether the values are fractions, which the axis shows as per cent.
    """
    _ = translator(lang)

    def word(name: str) -> str:
        return name_of(name, lang) if name in RECOMMENDERS else _(name)

    categories, groups = list(dict.fromkeys(table[category])), list(dict.fromkeys(table[series]))
    height = 0.8 / len(groups)
    with axes_of(figsize=(7.0, 0.9 + 0.28 * len(categories) * len(groups))) as (figure, axes):
        for i, group in enumerate(groups):
            rows = table[table[series] == group].set_index(category).reindex(categories)
            at = np.arange(len(categories)) + (i - (len(groups) - 1) / 2) * height
            hatch = ("", "//", "..", "xx", "--", "\\\\")[i % 6]
            colour = style_of(str(group), i)["color"]
            style = {"color": colour, "hatch": hatch, "edgecolor": "white", "label": word(group)}
            axes.barh(at, rows[value], height * 0.92, **style)
            if {"low", "high"} <= set(rows):
                axes.hlines(at, rows["low"], rows["high"], color="black", linewidth=1.2)
        axes.set_yticks(range(len(categories)), [word(c) for c in categories])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set(xlabel=_(xlabel))
        if shares:
            in_percent(axes.xaxis)
        legend(figure, axes)
    return Plot(figure, table)


def fronts(table: pd.DataFrame, *, xlabel: str | None = None, lang: str = "en") -> Plot:
    """table: panel, label, x, y, front (bool): points on a logarithmic x, those of each panel's front joined.

    xlabel: an English label for all panels, whose names are their titles; without it, the panel is what x is.
    """
    _ = translator(lang)
    panels, names = table["panel"].unique(), list(table["label"].unique())
    known = {name_of(name, lang): name for name in RECOMMENDERS}
    columns = min(len(panels), 4 if xlabel else 3)
    shape = {"nrows": -(-len(panels) // columns), "ncols": columns, "squeeze": False}
    with axes_of(figsize=(9.0, 0.6 + 2.9 * shape["nrows"]), **shape) as (figure, grid):
        for axes, panel in zip(grid.flat, panels, strict=False):
            rows = table[table["panel"] == panel].sort_values("x")
            best = rows[rows["front"]]
            axes.plot(best["x"], best["y"], color="grey", linewidth=1, drawstyle="steps-post", zorder=1)
            for row in rows.sort_values("label", key=lambda c: c.map(names.index), kind="stable").itertuples():
                i = names.index(row.label)
                style = style_of(known.get(row.label, row.label), i) | {"linestyle": "none", "label": row.label}
                axes.plot([row.x], [row.y], **style)
            axes.set(xscale="log", xlabel=_(xlabel or panel), title=panel if xlabel else None)
            in_percent(axes.yaxis)
        for axes in grid[:, 0]:
            axes.set(ylabel="Recall@20")
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        legend_of_all(figure, grid)
    return Plot(figure, table)


def by_size(table: pd.DataFrame, *, lang: str = "en") -> Plot:
    """table: panel (an English label), recommender, items, value (ms); both axes logarithmic."""
    _ = translator(lang)
    panels = table["panel"].unique()
    with axes_of(ncols=len(panels), sharey=True, squeeze=False, figsize=(9.0, 3.8)) as (figure, grid):
        for axes, panel in zip(grid.flat, panels, strict=True):
            rows = table[table["panel"] == panel]
            draw_lines(axes, rows, "items", lang)
            axes.set(xscale="log", yscale="log", xlabel=_("Items in the catalogue"), title=_(panel))
        grid[0, 0].set(ylabel=_("Milliseconds of one answer"))
        legend_of_all(figure, grid)
    return Plot(figure, table)


def by_epoch(table: pd.DataFrame, levels: pd.DataFrame, *, lang: str = "en") -> Plot:
    """table: name, dataset, seed, epoch, metric, value; a panel for each metric and data set, a line a name and seed.

    levels: dataset, metric, label (in English), value; a horizontal line each, the same for all epochs.
    """
    _ = translator(lang)
    datasets, metrics = table["dataset"].unique(), table["metric"].unique()
    shape = {"nrows": len(metrics), "ncols": len(datasets), "squeeze": False}
    with axes_of(figsize=(1.2 + 3.4 * len(datasets), 0.6 + 2.6 * len(metrics)), **shape) as (figure, grid):
        for axes, (metric, dataset) in zip(grid.flat, product(metrics, datasets), strict=True):
            of = {"dataset": dataset, "metric": metric}
            for n, ((name, seed), rows) in enumerate(table[_is(table, of)].groupby(["name", "seed"], sort=False)):
                style = {"color": COLOURS[n % 8], "marker": MARKERS[n % 8], "markersize": 4}
                axes.plot(rows["epoch"], rows["value"], label=f"{name}, {_('seed')} {seed}", **style)
            for n, row in enumerate(levels[_is(levels, of)].itertuples()):
                style = {"color": ("black", COLOURS[1])[n % 2], "linestyle": LINES[1 + n % 2]}
                axes.axhline(row.value, label=_(row.label), **style)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            in_percent(axes.yaxis)
        for axes, dataset in zip(grid[0], datasets, strict=True):
            axes.set(title=data_name(dataset, lang))
        for axes, metric in zip(grid[:, 0], metrics, strict=True):
            axes.set(ylabel=f"{metric}@20")
        for axes in grid[-1]:
            axes.set(xlabel=_("Epoch"))
        legend_of_all(figure, grid)
    return Plot(figure, table)


def _is(table: pd.DataFrame, values: dict[str, Any]) -> pd.Series:
    return (table[list(values)] == pd.Series(values)).all(axis=1)
