"""The finding of the study: which year's GRU4Rec a published value is of, in a sentence, a figure and a table.

All of it is computed from committed evidence, `book/published.toml` and `book/versions.toml`; the front page, the
README and the case study show it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from audit_lib.evaluation.metrics import K
from audit_lib.evaluation.resampling import Measured
from audit_lib.show.plot import STYLE, Plot
from audit_lib.show.words import Translate, data_name, translator
from audit_lib.study import literature_values, releases
from audit_lib.study.headline import best_simple
from audit_lib.study.literature_values import COPIED, min_step
from audit_lib.study.releases import Rung
from audit_lib.study.results import Book, mean_over, over
from book.press.facts.finding import PALETTES, filled, percent

METRICS = ("Recall", "MRR")
_STEPS = ("bpr", "negatives", "bpr_max", "one_matrix", "logq")  # rungs that the line joins: one change each
_BESIDE = {"top1": (-0.16, "v"), "searched_2016": (0.16, "D"), "searched": (0.3, "D")}  # shift in years, marker


def measured(book: Book, dataset: str, rung: Rung, metric: str = "Recall") -> Measured | None:
    """A metric at K = 20 of one version over the targets that count, None without evidence."""
    runs = releases.runs_of(book, rung, dataset)
    return over(runs, metric, K, min_step(dataset)) if runs else None


def rung(id_: str) -> Rung:
    """A version by its id in versions.toml."""
    return next(each for each in releases.rungs() if each.id == id_)


def sentence(book: Book, lang: str = "en", *, dataset: str = "diginetica", strong: str = "**") -> str:
    """The finding on one data set; numbers between two `strong`. Empty as long as a version lacks its evidence."""
    _: Translate = translator(lang)
    simple = best_simple(book, dataset)
    values = [measured(book, dataset, rung(name)) for name in ("bpr", "top1", "searched_2016", "searched")]
    if simple is None or None in values:
        return ""
    best = over(simple.runs, "Recall", K, min_step(dataset))
    ours = (percent(value) for value in (*(v.estimate for v in values if v), best.estimate))
    numbers = [f"{strong}{text}{strong}" for text in (percent(releases.copied(dataset, "Recall"), 2), *ours)]
    text = _(
        "On #, papers compare themselves with a GRU4Rec whose Recall@20 is #. The algorithm of 2016 gives # there with "
        "the settings of its paper for BPR, # with those for TOP1 and # with searched ones; the version that its "
        "authors publish today gives #, and #, which trains no network, #."
    )
    name = literature_values.model_name(simple.recommender, lang)
    return filled(text, [data_name(dataset, lang), *numbers[:5], name, numbers[5]])


@lru_cache(maxsize=1)
def answers(book: Book) -> pd.DataFrame:
    """Every version beside the copied value: the columns of `releases.table`, published and nearest.

    nearest: whether no other version with evidence is closer to it. Values are fractions, over the targets that count.
    """
    found = releases.table(book)
    found["published"] = [releases.copied(d, m) for d, m in zip(found["dataset"], found["metric"], strict=True)]
    distance = (found["value"] - found["published"]).abs()
    found["nearest"] = distance == distance.groupby([found["dataset"], found["metric"]]).transform("min")
    return found


def figure(book: Book, *, lang: str = "en", theme: str = "light", size: tuple[float, float] = (7.2, 5.3)) -> Plot:
    """Recall@20 (above) and MRR@20 (below) of every version by month, a column for each log.

    The line joins the ladder, one change a step; hollow marks are other settings of one version. A dashed line is the
    published value, a cross the month in which it was printed; a dotted line the best simple recommender.
    """
    found, _ = answers(book), translator(lang)
    ink, grid, *colours = PALETTES[theme]
    inks = dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), ink)
    datasets = list(dict.fromkeys(found["dataset"]))
    with matplotlib.rc_context(STYLE | inks | {"grid.color": grid, "font.size": 9.5}):
        drawn = Figure(figsize=size, facecolor="none")
        axes = drawn.subplots(2, max(len(datasets), 1), squeeze=False, sharex=True, subplot_kw={"facecolor": "none"})
        for column, dataset in enumerate(datasets):
            for row, metric in enumerate(METRICS):
                part = found[(found["dataset"] == dataset) & (found["metric"] == metric)]
                _panel(axes[row, column], part, _simple(book, dataset, metric), colours)
            axes[0, column].set_title(data_name(dataset, lang), fontsize=10.5)
        for row, metric in enumerate(METRICS):
            axes[row, 0].set_ylabel(f"{metric}@{K}")
        drawn.legend(handles=_legend(_, colours), loc="outside upper center", ncols=2, fontsize=9, handlelength=1.8)
    return Plot(drawn, found)


def _simple(book: Book, dataset: str, metric: str) -> float:
    best = best_simple(book, dataset)
    return float("nan") if best is None else mean_over(best.runs, metric, K, min_step(dataset))


def _years(month: str) -> float:
    year, number = month.split("-")
    return int(year) + (int(number) - 0.5) / 12


def _panel(axes: Any, found: pd.DataFrame, simple: float, colours: list[str]) -> None:
    copied, ours, other = colours
    rows = {row.rung: row for row in found.itertuples()}
    steps = [rows[name] for name in _STEPS if name in rows]
    axes.plot([_years(s.month) for s in steps], [s.value for s in steps], "o-", color=ours, markersize=5)
    for row in steps:
        axes.vlines(_years(row.month), row.low, row.high, color=ours, linewidth=1.8)
    for name, (shift, marker) in _BESIDE.items():
        if name in rows:
            at = _years(rows[name].month) + shift
            axes.plot(at, rows[name].value, marker, color=ours, markerfacecolor="none", markersize=6)
            axes.vlines(at, rows[name].low, rows[name].high, color=ours, linewidth=1.2)
    said = found["published"].iloc[0]
    axes.axhline(said, color=copied, linestyle="--", linewidth=1.3)
    axes.plot(_years(releases.printed(found["dataset"].iloc[0]).month), said, "X", color=copied, markersize=8)
    if np.isfinite(simple):
        axes.axhline(simple, color=other, linestyle=":", linewidth=1.5)
    axes.set(xlim=(2015.8, 2022.3), xticks=[2016, 2018, 2020, 2022])
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 4, 5, 10]))


def _legend(_: Translate, colours: list[str]) -> list[Line2D]:
    copied, ours, other = colours
    hollow = {"linestyle": "", "markerfacecolor": "none", "color": ours}
    return [
        Line2D([], [], color=ours, marker="o", markersize=5, label=_("GRU4Rec by year, one change a step")),
        Line2D([], [], marker="v", label=_("TOP1 with the paper's settings"), **hollow),
        Line2D([], [], marker="D", label=_("Settings searched on validation"), **hollow),
        Line2D([], [], color=copied, linestyle="--", marker="X", markersize=8, label=_("As printed, and when")),
        Line2D([], [], color=other, linestyle=":", label=_("Best simple recommender")),
    ]


def alternative(book: Book, lang: str = "en") -> str:
    """The figure in words: for each log, the published value and that of every version."""
    _: Translate = translator(lang)
    names = {rung.id: rung.name(lang) for rung in releases.rungs()}
    clauses = []
    for dataset, part in answers(book).query("metric == 'Recall'").groupby("dataset", sort=False):
        said = percent(part["published"].iloc[0], 2)
        years = part.groupby(part["month"].str[:4])
        values = ", ".join(
            f"{year} ({'; '.join(f'{names[row.rung]} {percent(row.value)}' for row in rows.itertuples())})"
            for year, rows in years
        )
        clause = _("#: # is published; measured here by year of the version, #")
        clauses.append(filled(clause, [data_name(str(dataset), lang), said, values]))
    return _("Recall@20 of GRU4Rec by version.") + " " + ". ".join(clauses) + "."


def shown(book: Book, lang: str = "en") -> pd.DataFrame:
    """The ladder as readers see it: the published values, then a row for each version, with its number of seeds."""
    _: Translate = translator(lang)
    found = answers(book)
    rows = [{_("Version"): _("As published"), _("Public since"): "–"}]
    rows += [{_("Version"): rung.name(lang), _("Public since"): rung.month} for rung in releases.rungs()]
    for dataset in COPIED:
        part = found[found["dataset"] == dataset]
        for row, rung in zip(rows, (None, *releases.rungs()), strict=True):
            row[data_name(dataset, lang)] = _cell(part, dataset, rung)
    for row, rung in zip(rows, (None, *releases.rungs()), strict=True):
        row[_("Seeds")] = "–" if rung is None else _seeds(found[found["rung"] == rung.id])
    return pd.DataFrame(rows)


def _seeds(rung: pd.DataFrame) -> str:
    """How many seeds a version was trained with: '3', or '3, 1, 1' where that differs by log; else a dash."""
    each = [str(n) for n in rung.drop_duplicates("dataset")["seeds"]]
    return ", ".join(each if len(set(each)) > 1 else each[:1]) or "–"


def _cell(part: pd.DataFrame, dataset: str, rung: Rung | None) -> str:
    """Recall@20 / MRR@20 in per cent, such as '28.4 / 8.2', published ones as printed; a dash without evidence."""
    if rung is None:
        return " / ".join(f"{releases.copied(dataset, metric):.2%}".rstrip("%") for metric in METRICS)
    own = part[part["rung"] == rung.id].set_index("metric")["value"]
    return " / ".join(f"{own[metric]:.1%}".rstrip("%") for metric in METRICS) if len(own) else "–"
