"""What every figure of the book has in common: one style, the table behind it, lines, legends and rows.

In a notebook a `Plot` shows as SVG, with a digest of its data as text (which nbval compares; it does not compare
pictures). Colours are Okabe and Ito's, safe for colour-blind readers, and every series has its own marker, so that
nothing is told by colour alone.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from audit_lib.show.csv import csv_text
from audit_lib.show.words import name_of

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A7A7A", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", ":")  # the next one after eight series, so that no two look the same
_BLUE, _RED, _GREEN, _PINK, _ORANGE, _SKY, _GREY, _BLACK = COLOURS
SERIES = {  # colour, marker and line of a recommender in every figure; those of one family share a colour
    "popularity": (_GREY, "o", "-"), "session_popularity": (_GREY, "s", "--"),
    "markov": (_SKY, "^", "-"), "markov_backoff": (_SKY, "D", "--"), "markov_raw": (_SKY, "v", ":"),
    "sr": (_ORANGE, "P", "-"), "ar": (_ORANGE, "*", "--"), "itemknn": (_PINK, "X", "-"),
    "vsknn": (_GREEN, "s", "-"), "sknn": (_GREEN, "v", "--"), "vstan": (_BLUE, "D", "-"), "stan": (_BLUE, "^", "--"),
    "gru4rec": (_RED, "o", "-"), "gru4rec_official": (_RED, "D", "--"), "gru4rec_2016": (_RED, "v", ":"),
    "srgnn": (_BLACK, "P", "-"), "oracle": (_BLACK, "*", ":"),
}  # fmt: skip
MANY = 8  # lines in one chart; of more, the paler ones are only for comparison
PALE = "#BBBBBB"
STYLE = {
    "figure.figsize": (7.0, 3.8),
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "font.size": 11,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": matplotlib.cycler(color=COLOURS),
    "grid.color": "#DDDDDD",
    "lines.linewidth": 1.6,
    "lines.markersize": 6,
    "legend.frameon": False,
    "svg.hashsalt": "audit",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
}


class Plot:
    """A drawn figure and the table it shows."""

    def __init__(self, figure: Figure, table: pd.DataFrame):
        self.figure, self.table = figure, table

    def image(self, kind: str = "svg") -> bytes:
        """The picture as 'svg', 'pdf' or 'png' (twice a screen's resolution); the same data give the same bytes."""
        buffer = io.BytesIO()
        metadata = dict.fromkeys({"svg": ("Date",), "pdf": ("CreationDate", "Producer")}.get(kind, ("Software",)))
        with matplotlib.rc_context(STYLE):
            self.figure.savefig(buffer, format=kind, dpi=192, metadata=metadata)
        return buffer.getvalue()

    def save(self, path: str | Path) -> None:
        """Writes picture (SVG and PNG) and table (CSV) beside each other, under the path's stem.

        Files that hold them already are left alone, and keep their time.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        svg, png, csv = (path.with_suffix(f".{kind}") for kind in ("svg", "png", "csv"))
        picture, table = self.image("svg"), csv_text(self.table).encode()
        if png.is_file() and all(
            file.is_file() and file.read_bytes() == text for file, text in ((svg, picture), (csv, table))
        ):
            return
        png.write_bytes(self.image("png"))
        csv.write_bytes(table)
        svg.write_bytes(picture)

    def digest(self) -> str:
        """sha256 of the plotted table as CSV, numbers to nine digits: that of the file a reader downloads."""
        return hashlib.sha256(csv_text(self.table).encode()).hexdigest()

    def __repr__(self) -> str:
        return f"<{len(self.table)} rows plotted, sha256 {self.digest()[:16]}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        data = {"image/svg+xml": self.image("svg").decode(), "text/plain": repr(self)}
        return data | {"text/csv": csv_text(self.table)}


@contextmanager
def axes_of(**subplots: Any) -> Iterator[tuple[Figure, Any]]:
    """A figure in the style of the book, and its axes. subplots: arguments of `Figure.subplots`, and figsize."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=subplots.pop("figsize", STYLE["figure.figsize"]))
        yield figure, figure.subplots(**subplots)


def style_of(name: str, place: int) -> dict[str, str]:
    """Colour, marker and line of a recommender, by its name in the registry; of any other series by its place."""
    other = (COLOURS[place % 8], MARKERS[(place + place // 8) % 8], LINES[place // 8 % 3])
    return dict(zip(("color", "marker", "linestyle"), SERIES.get(name, other), strict=True))


def leading(table: pd.DataFrame) -> set[str]:
    """The recommenders in colour: all of a few; of more than MANY, GRU4Rec, Popularity, what is not in SERIES, and of
    the others the one with the highest mean value.
    """
    means = table.groupby("recommender")["value"].mean()
    simple = [name for name in means.index if name in SERIES and not name.startswith(("gru4rec", "popularity"))]
    if len(means) <= MANY or not simple:
        return set(means.index)
    return set(means.index) - set(simple) | {means[simple].idxmax()}


def draw_lines(axes: Any, table: pd.DataFrame, x: str, lang: str, *, last: bool = False) -> None:
    """A line for each recommender: its value over x, with an interval where the table has low and high.

    last: whether what leads is told at the largest x, instead of over all.
    """
    coloured = leading(table[table[x] == table[x].max()] if last else table)
    for i, (name, rows) in enumerate(table.groupby("recommender", sort=False)):
        style: dict[str, Any] = style_of(str(name), i) | {"label": name_of(str(name), lang)}
        if name not in coloured:
            style |= {"color": PALE, "linewidth": 1, "markersize": 5, "zorder": 1.5}
        axes.plot(rows[x], rows["value"], **style)
        if {"low", "high"} <= set(rows):
            axes.fill_between(rows[x], rows["low"], rows["high"], color=style["color"], alpha=0.15, linewidth=0)


def legend(figure: Figure, axes: Any) -> None:
    """A legend above the axes, where it hides nothing, in rows of three; the figure grows by it."""
    handles, names = axes.get_legend_handles_labels()
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.24 * -(-len(names) // 3))
    figure.legend(handles, names, loc="outside upper center", ncols=3, fontsize=9.5)


def legend_of_all(figure: Figure, grid: Any) -> None:
    """One legend for all panels, each name once."""
    pairs = [pair for axes in grid.flat for pair in zip(*axes.get_legend_handles_labels(), strict=True)]
    shown: dict[str, Any] = {}
    for handle, name in pairs:
        shown.setdefault(name, handle)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.24 * -(-len(shown) // 4))
    figure.legend(shown.values(), shown.keys(), loc="outside upper center", ncols=4, fontsize=9.5)


def in_percent(axis: Any) -> None:
    """Write the fractions along an axis as per cent."""
    axis.set_major_formatter(PercentFormatter(1, symbol=" %"))


def in_points(axis: Any) -> None:
    """Write the fractions along an axis as percentage points, which its label names."""
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * x:g}".replace("-", "\u2212")))


def label_rows(axes: Any, names: list[str], *, xlabel: str, start: float | None = 0) -> None:
    """A line for each name, the first at the top. start: of the horizontal axis, None for where the data begin."""
    axes.set_yticks(range(len(names)), names, fontsize=9.5)
    axes.set(xlabel=xlabel, xlim=(start, None), ylim=(max(len(names), 1) - 0.4, -0.6))
    axes.grid(axis="y", visible=False)
