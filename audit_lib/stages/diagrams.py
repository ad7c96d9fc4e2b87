"""Pictures that explain: the pipeline, the session-parallel mini-batch, a step of the recurrent unit, full and sampled.

Drawn narrow, in few shades that differ in lightness, on white: legible on a phone, in grey and in a dark page. Labels
are in the reader's language. Each is a `figures.Plot`, with the table of what it shows.
"""

from __future__ import annotations

import textwrap
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import MaxNLocator

from audit_lib.recommenders.gru4rec.batches import Schedule
from audit_lib.show.figures import COLOURS, STYLE, Plot
from audit_lib.show.words import Translate, translator

PALE, TINT, DEEP = "#F3F6F9", "#CFE3F1", "#0B4A73"
EDGE = "#333333"


def _canvas(width: float, height: float) -> tuple[Figure, Any]:
    """A figure of width x height inches, whose axes are in inches and unseen."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height))
        axes = figure.subplots()
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    return figure, axes


def _box(
    axes: Any, x: float, y: float, text: str, *, size: tuple[float, float], fill: str = PALE, wrap: int = 22
) -> None:
    """A box centred at (x, y), its text broken at `wrap` letters."""
    width, height = size
    corner = (x - width / 2, y - height / 2)
    style = {"facecolor": fill, "edgecolor": EDGE, "linewidth": 1.2}
    axes.add_patch(FancyBboxPatch(corner, width, height, boxstyle="round,pad=0,rounding_size=0.08", **style))
    ink = "white" if fill == DEEP else "black"
    lines = "\n".join(textwrap.fill(part, wrap) for part in text.split("\n"))
    axes.text(x, y, lines, ha="center", va="center", fontsize=11, color=ink, linespacing=1.25)


def _arrow(axes: Any, start: tuple[float, float], end: tuple[float, float], *, dashed: bool = False) -> None:
    style = {"arrowstyle": "-|>", "color": EDGE, "lw": 1.3, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 12}
    axes.annotate("", end, start, arrowprops=style | {"linestyle": "--" if dashed else "-"})


def _elbow(axes: Any, points: list[tuple[float, float]], *, dashed: bool = False) -> None:
    """An arrow along straight pieces."""
    axes.plot(*zip(*points[:-1], strict=True), color=EDGE, lw=1.3, ls="--" if dashed else "-")
    _arrow(axes, points[-2], points[-1], dashed=dashed)


def pipeline(*, lang: str = "en") -> Plot:
    """Raw clicks to pages: the half that needs the data on the left, the half that needs ranks alone on the right."""
    _: Translate = translator(lang)
    needs_data = [_("Click log"), _("Sessions"), _("Split"), _("Recommender"), _("Scores of the whole catalogue")]
    needs_ranks = [
        _("Ranks: the evidence"),
        _("Metrics"),
        _("Intervals and tests"),
        _("Claims"),
        _("Pages in two languages"),
    ]
    figure, axes = _canvas(5.2, 5.0)
    size, places = (2.2, 0.58), np.linspace(3.95, 0.4, len(needs_data))
    for x, names, heading in ((1.25, needs_data, _("Needs the data")), (3.95, needs_ranks, _("Needs the ranks alone"))):
        axes.text(x, 4.65, heading, ha="center", va="center", fontsize=12, weight="bold")
        for i, (name, y) in enumerate(zip(names, places, strict=True)):
            _box(axes, x, y, name, size=size, fill=DEEP if x > 2 and i == 0 else TINT if x > 2 else PALE)
            if i:
                _arrow(axes, (x, places[i - 1] - 0.29), (x, y + 0.29))
    axes.plot([2.6, 2.6], [0.1, 4.9], color=EDGE, lw=1.2, ls=(0, (4, 3)))
    _elbow(axes, [(2.35, places[-1]), (2.47, places[-1]), (2.47, places[0]), (2.85, places[0])])
    table = pd.DataFrame({"needs_data": needs_data, "needs_ranks": needs_ranks})
    return Plot(figure, table)


def lanes(plan: Schedule, *, steps: int, lane: int, until: int, lang: str = "en") -> Plot:
    """The first steps of a schedule: input and target of every lane; a thick line where the hidden state becomes zero.

    lane, until: the followed session's cells, which are dark: steps 0 ... until - 1 of that lane.
    """
    _: Translate = translator(lang)
    count = plan.n_lanes
    wide, high, left, top = 1.05, 0.42, 0.75, 0.45
    width, height = left + count * wide + 0.1, top + steps * high + 0.1
    figure, axes = _canvas(width, height)
    axes.text(left - 0.1, height - top / 2, _("Step"), ha="right", va="center", fontsize=11)
    turn = np.cumsum(plan.reset[:steps], axis=0)  # sessions of a lane alternate in shade
    rows = []
    for i in range(count):
        x = left + i * wide
        axes.text(x + wide / 2, height - top / 2, f"{_('Lane')} {i + 1}", ha="center", va="center", fontsize=11)
        for t in range(steps):
            y = height - top - (t + 1) * high
            followed = i == lane and t < until
            fill = DEEP if followed else TINT if turn[t, i] % 2 else PALE
            axes.add_patch(
                matplotlib.patches.Rectangle((x, y), wide, high, facecolor=fill, edgecolor="#999999", lw=0.6)
            )
            if plan.reset[t, i]:
                axes.plot([x, x + wide], [y + high, y + high], color="black", lw=2.8, solid_capstyle="butt")
            if i == 0:
                axes.text(left - 0.1, y + high / 2, str(t + 1), ha="right", va="center", fontsize=11)
            text, ink = f"{plan.inputs[t, i]} → {plan.targets[t, i]}", "white" if followed else "black"
            axes.text(x + wide / 2, y + high / 2, text, ha="center", va="center", fontsize=11, color=ink)
            rows.append((t + 1, i + 1, int(plan.inputs[t, i]), int(plan.targets[t, i]), bool(plan.reset[t, i])))
    return Plot(figure, pd.DataFrame(rows, columns=["step", "lane", "input", "target", "reset"]))


def gru_step(*, lang: str = "en") -> Plot:
    """One step of the recurrent unit: which quantity enters which, from input and old state to the scores."""
    _: Translate = translator(lang)
    figure, axes = _canvas(5.35, 5.6)
    small, wide = (1.6, 0.72), (3.2, 0.62)
    named = {
        "x": (1.5, 5.15, f"{_('Embedded input')}\n$x$"),
        "h": (3.7, 5.15, f"{_('State before')}\n$h$"),
        "r": (0.9, 3.75, f"{_('Reset gate')}\n$r$"),
        "n": (2.6, 2.95, f"{_('Candidate')}\n$n$"),
        "z": (4.3, 3.75, f"{_('Update gate')}\n$z$"),
    }
    for name, (x, y, text) in named.items():
        _box(axes, x, y, text, size=small, fill=TINT if name in "xh" else PALE, wrap=18)
    _box(
        axes,
        2.6,
        1.6,
        f"{_('State after')}\n$h' = (1 - z) \\odot n + z \\odot h$",
        size=(3.2, 0.72),
        fill=TINT,
        wrap=40,
    )
    _box(axes, 2.6, 0.4, f"{_('Scores')}  $o_j = w_j \\cdot h' + \\beta_j$", size=wide, fill=DEEP, wrap=60)
    top, half = 0.36, 0.8
    for source in ("x", "h"):
        sx, sy, _text = named[source]
        for gate in ("r", "z", "n"):
            gx, gy, _text = named[gate]
            _arrow(axes, (sx, sy - top), (gx + (0.15 if sx > gx else -0.15), gy + top))
    _arrow(axes, (0.9 + 0.3, 3.75 - top), (2.6 - half, 2.95))
    _arrow(axes, (2.6, 2.95 - top), (2.6, 1.6 + top))
    _arrow(axes, (4.3, 3.75 - top), (3.6, 1.6 + top))
    _elbow(axes, [(3.7 + half, 5.15), (5.25, 5.15), (5.25, 1.6), (2.6 + 1.6, 1.6)], dashed=True)
    _arrow(axes, (2.6, 1.6 - top), (2.6, 0.4 + 0.31))
    edges = (
        [("x", g) for g in "rzn"]
        + [("h", g) for g in "rzn"]
        + [("r", "n"), ("n", "h'"), ("z", "h'"), ("h", "h'"), ("h'", "o")]
    )
    return Plot(figure, pd.DataFrame(edges, columns=["from", "to"]))


def full_and_sampled(scores: np.ndarray, target: int, drawn: np.ndarray, *, lang: str = "en") -> Plot:
    """The catalogue in order of score with the target in it, and below the same target among the drawn items alone.

    scores: (V,). drawn: items, the target not among them.
    """
    _: Translate = translator(lang)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.6, 4.6))
        panels = figure.subplots(nrows=2, sharey=True)
    tables = []
    shown = (
        (_("Whole catalogue"), np.arange(len(scores))),
        (_("The target and the drawn items"), np.append(drawn, target)),
    )
    for axes, (title, items) in zip(panels, shown, strict=True):
        order = items[np.argsort(-scores[items], kind="stable")]
        places, own = np.arange(1, len(order) + 1), order == target
        axes.bar(places[~own], scores[order[~own]], color="#9DB8CC", width=0.8)
        axes.bar(
            places[own],
            scores[order[own]],
            color=COLOURS[1],
            width=0.8,
            hatch="//",
            edgecolor="black",
            label=_("Target"),
        )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.axhline(0, color=EDGE, lw=0.8)
        axes.set_title(title, fontsize=11, loc="left")
        axes.set(ylabel=_("Score"), xlim=(0.2, len(order) + 0.8))
        tables.append(pd.DataFrame({"shown": title, "place": places, "item": order, "score": scores[order]}))
    panels[0].legend(loc="upper right")
    panels[1].set_xlabel(_("Place in the order of scores"))
    return Plot(figure, pd.concat(tables, ignore_index=True))
