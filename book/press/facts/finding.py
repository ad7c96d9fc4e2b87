"""The finding of the study in one sentence and on one card: what is copied of GRU4Rec, and what it scores.

Both are computed from committed evidence and from `book/published.toml`; the front page says it where a ladder has no
rungs yet, and links to the book show the card.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from audit_lib.evaluation.metrics import K
from audit_lib.show.plot import STYLE
from audit_lib.show.words import Translate, data_name, translator
from audit_lib.study import headline, literature_values
from audit_lib.study.literature_values import COPIED
from audit_lib.study.results import Book, over

COLUMNS = ("dataset", "published", "value", "low", "high", "seeds", "simple", "simple_value", "simple_low",
           "simple_high")  # fmt: skip
CARD_SIZE = (1200, 630)  # pixels of the picture that a link shows elsewhere
# Ink, grid, and the colours of what is published, of GRU4Rec and of the best simple recommender; on light and on dark.
PALETTES = {"light": ("#222222", "#DDDDDD", "#B34700", "#0072B2", "#007A5A"),
            "dark": ("#E6E6E6", "#444B53", "#F0A860", "#7CC4EE", "#63D2A8")}  # fmt: skip


def table(book: Book) -> pd.DataFrame:
    """COLUMNS: Recall@20 of GRU4Rec as copied and as measured on the same targets, and of the best simple recommender.

    A row for each data set with evidence of both, each chosen on validation (`headline`); intervals are over sessions
    and seeds.
    """
    rows = []
    said = literature_values.table().query("recommender == 'gru4rec' and k == @K")
    for dataset, source in COPIED.items():
        entry = said[(said["dataset"] == dataset) & (said["source"] == source)].iloc[0]
        mine, best = headline.of(book, dataset), headline.best_simple(book, dataset)
        if mine is not None and best is not None:
            ours, theirs = (over(side.runs, "Recall", K, entry["min_step"]) for side in (mine, best))
            rows.append((dataset, entry["recall"], *ours, best.recommender, *theirs[:3]))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def filled(text: str, values: Iterable[str]) -> str:
    """A sentence with its '#' replaced, from left to right."""
    parts = text.split("#")
    return "".join(part + value for part, value in zip(parts, [*values, ""], strict=True))


def percent(value: float, digits: int = 1) -> str:
    """'52.4 %', on one line."""
    return f"{value:.{digits}%}".replace("%", "\u00a0%")


def sentence(found: pd.DataFrame, lang: str = "en", *, strong: str = "**") -> str:
    """What was found on the first data set of `table`; numbers between two `strong`. IndexError if it is empty."""
    _: Translate = translator(lang)
    row = found.iloc[0]
    numbers = [f"{strong}{text}{strong}" for text in _numbers(row)]
    name = literature_values.model_name(row["simple"], lang)
    text = _(
        "On #, papers credit GRU4Rec with a Recall@20 of #; on the same targets it reaches # here, and #, which "
        "trains no network, #."
    )
    return filled(text, [data_name(row["dataset"], lang), *numbers[:2], name, numbers[2]])


def _numbers(row: pd.Series) -> tuple[str, str, str]:
    return percent(row["published"], 2), percent(row["value"]), percent(row["simple_value"])


def alternative(found: pd.DataFrame, lang: str = "en") -> str:
    """The figure in words: a clause for each data set."""
    _ = translator(lang)
    clause = _("#: # as copied, # as measured, and # for the best simple recommender, #")
    rows = []
    for row in found.to_dict("records"):
        numbers = _numbers(pd.Series(row))
        simple = literature_values.model_name(row["simple"], lang)
        rows.append(filled(clause, [data_name(row["dataset"], lang), *numbers, simple]))
    return _("Recall@20 of GRU4Rec.") + " " + "; ".join(rows) + "."


def _panel(axes: Any, found: pd.DataFrame, colours: list[str], lang: str) -> None:
    """The marks over an axis of percent."""
    _marks(axes, found, colours, lang)
    axes.set(xlabel="Recall@20", ylim=(len(found) - 0.5, -0.6), xlim=_span(found), yticks=[])
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.spines["left"].set_visible(False)


def _span(found: pd.DataFrame) -> tuple[float, float]:
    """Room for the labels on both sides of the marks."""
    least = min(found[name].min() for name in ("published", "low", "simple_low"))
    most = max(found[name].max() for name in ("published", "high", "simple_high"))
    return max(0, least - 0.12 * (most - least)), most + 0.22 * (most - least)


def _marks(axes: Any, found: pd.DataFrame, colours: list[str], lang: str) -> None:
    _, (copied, ours, simple) = translator(lang), colours
    at = np.arange(len(found))
    above, below = at - 0.08, at + 0.24
    gap = 0.012 * np.sign(found["value"] - found["published"])
    axes.hlines(above, found["published"] + gap, found["value"], color=copied, linewidth=1.4, linestyle=(0, (1, 2)))
    for y, low, high, colour in (
        (above, found["low"], found["high"], ours), (below, found["simple_low"], found["simple_high"], simple),
    ):  # fmt: skip
        axes.hlines(y, low, high, color=colour, linewidth=2.2)
    hollow = {"markerfacecolor": "none", "markeredgecolor": copied, "markeredgewidth": 2, "markersize": 9}
    axes.plot(found["published"], above, "o", label=_("GRU4Rec, as copied"), **hollow)
    axes.plot(found["value"], above, "o", color=ours, markersize=9, label=_("GRU4Rec, as measured"))
    axes.plot(found["simple_value"], below, "s", color=simple, markersize=7, label=_("Best simple recommender"))
    beside = {"textcoords": "offset points", "va": "center", "fontsize": 9.5, "weight": "bold"}
    for i, row in zip(at, found.to_dict("records"), strict=True):
        said, measured, other = _numbers(pd.Series(row))
        axes.text(0, i - 0.36, data_name(row["dataset"], lang), transform=axes.get_yaxis_transform(), va="center")
        side = 1 if row["value"] >= row["published"] else -1  # labels stand outside, away from the other mark
        right, left = {"xytext": (9, 0), "ha": "left"}, {"xytext": (-9, 0), "ha": "right"}
        outer, inner = (right, left) if side > 0 else (left, right)
        axes.annotate(measured, (max(row["value"], row["high"]) if side > 0 else row["low"], above[i]), color=ours,
                      **outer, **beside)  # fmt: skip
        axes.annotate(said, (row["published"], above[i]), color=copied, **inner, **beside)
        name = literature_values.model_name(row["simple"], lang)
        axes.annotate(f"{name} {other}", (row["simple_low"], below[i]), color=simple, **left, **beside)


def card(found: pd.DataFrame, *, heading: str, lang: str = "en") -> bytes:
    """A PNG of CARD_SIZE pixels for links to the book: a heading, the sentence, and its row of the figure."""
    dots, (ink, _grid, *colours) = 160, PALETTES["light"]
    with matplotlib.rc_context(STYLE | {"figure.constrained_layout.use": False}):
        drawn = Figure(figsize=(CARD_SIZE[0] / dots, CARD_SIZE[1] / dots), dpi=dots, facecolor="white")
        drawn.add_artist(Rectangle((0, 0), 1, 0.025, facecolor=colours[1]))
        drawn.text(0.06, 0.92, heading, fontsize=19, weight="bold", va="top", color=ink)
        words = textwrap.fill(sentence(found, lang, strong=""), 62)
        drawn.text(0.06, 0.775, words, fontsize=12.5, va="top", linespacing=1.5, color=ink)
        axes = drawn.add_axes((0.06, 0.255, 0.88, 0.23))
        _panel(axes, found.iloc[:1], colours, lang)
        axes.set_xlabel("")
        drawn.legend(loc="lower left", bbox_to_anchor=(0.05, 0.045), ncols=3, fontsize=9.5, handletextpad=0.3)
        buffer = io.BytesIO()
        drawn.savefig(buffer, format="png", dpi=dots, metadata={"Software": None})
    return buffer.getvalue()
