"""What a reader is shown: a table, or a computed paragraph, in the reader's language.

A function `…_table(…, lang)` of a stage puts its numbers under English headings and returns a `Table`, which has their
formats: a fraction is per cent with one decimal, unless its heading or the function says otherwise. It leaves to the
table what hangs on the language: headings, recommenders and data sets by their names in the registry (under the
headings NAMES and LOGS), a `Label` in a cell; and an `Interval`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from audit_lib.show.csv import csv_text
from audit_lib.show.words import (
    NUMBERS,
    POINTS,
    TIE_POLICIES,
    Translate,
    data_name,
    name_of,
    number,
    plain,
    translator,
    typeset,
)

NAMES = frozenset({"Recommender", "Better", "Worse", "Ahead from here on", "Behind from here on"})
LOGS = frozenset({"Data set", "Other data set", "Data sets"})  # names of data sets, several by ", "
SHARE, DIFFERENCE = "z.1%", "+points"  # formats of a share, and of a difference of shares
EXACT, FINE = "z.2%", "+.2points"  # the same where their digits are the subject
_BETWEEN = re.compile(r"Difference( of \w+@\d+)?|Less .*|From the published value|Best less recommended|Gain of .*")
_SPREAD = ".2points"  # of shares
FORMATS = {
    "Standard deviation": _SPREAD, "RMSE": _SPREAD, "Bias": FINE,
    "p": "z.4f", "p (Holm)": "z.4f", "Kendall's tau": "z.2f", "Jaccard of the lists": "z.2f",
} | dict.fromkeys((*TIE_POLICIES.values(), "Published", "As published"), EXACT)  # fmt: skip


class Label(NamedTuple):
    """An English label in a cell, which is shown in the reader's language."""

    text: str


class Interval(NamedTuple):
    """An interval in a cell: both ends in one format, a dash where there is none."""

    low: float
    high: float
    spec: str = SHARE

    def __str__(self) -> str:
        if np.isnan(self.low):
            return "–"
        low, high = (number(end, self.spec) for end in (self.low, self.high))
        return f"{low.removesuffix('%')} – {high}"

    def exact(self) -> str:
        """Both ends as they are, to nine digits."""
        return "–" if np.isnan(self.low) else f"{self.low:.9g} – {self.high:.9g}"


class Estimate(NamedTuple):
    """A value with its interval, in one cell and one format."""

    estimate: float
    low: float
    high: float
    spec: str = SHARE

    def __str__(self) -> str:
        estimate, low, high = (number(x, self.spec) for x in (self.estimate, self.low, self.high))
        return f"{estimate} [{low.removesuffix('%')}, {high.removesuffix('%')}]"

    def exact(self) -> str:
        """All three as they are, to nine digits."""
        return f"{self.estimate:.9g} [{self.low:.9g}, {self.high:.9g}]"


class Links(NamedTuple):
    """Addresses in a cell, each under a text that is the same in every language."""

    links: tuple[tuple[str, str], ...]  # text, address

    def __str__(self) -> str:
        return ", ".join(text for text, _ in self.links)

    def exact(self) -> str:
        """The texts and addresses, for a file."""
        return ", ".join(f"{text} <{address}>" for text, address in self.links)

    def html(self) -> str:
        """The texts as links."""
        return ", ".join(f'<a href="{escape(address)}">{escape(text)}</a>' for text, address in self.links)


def intervals(table: pd.DataFrame, spec: str = SHARE, *, low: str = "low", high: str = "high") -> list[Interval]:
    """The intervals in two columns of a table, a row each."""
    return [Interval(a, b, spec) for a, b in zip(table[low], table[high], strict=True)]


def spec_of(heading: str) -> str:
    """The format of fractions under an English heading, or under one after a comma in it ('MRR@20, p (Holm)')."""
    return FORMATS.get(heading.rpartition(", ")[2]) or (DIFFERENCE if _BETWEEN.fullmatch(heading) else SHARE)


class Remark:
    """A paragraph that is computed, in the reader's language: Markdown in a notebook."""

    def __init__(self, text: str):
        self.text = text

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/markdown": self.text, "text/plain": self.text}

    def __repr__(self) -> str:
        return self.text


class Table:
    """A table as readers see it: headings in their language, numbers in one format. Prints as HTML and as text."""

    def __init__(
        self, data: pd.DataFrame | Mapping[str, Any], *, lang: str, formats: Mapping[str, str] | None = None,
        shown: bool | Sequence[bool] | np.ndarray = True,
    ):  # fmt: skip
        """data: columns with English headings. formats: of `words.number` by heading, where it is not `spec_of`.

        shown: for each row or for all, whether a page shows it; a sentence leads to the CSV, which has all rows.
        """
        self.lang, self.formats = lang, dict(formats or {})
        data = pd.DataFrame(data)
        self.shown = np.broadcast_to(np.asarray(shown, bool), len(data))
        self.data = data.apply(lambda column: column if is_numeric_dtype(column) else self._said(column))

    def _said(self, column: pd.Series) -> pd.Series:
        """A column with its words in the reader's language."""

        def said(value: Any) -> Any:
            if isinstance(value, Label):
                return translator(self.lang)(value.text)
            if isinstance(value, str) and column.name in NAMES:
                return name_of(value, self.lang)
            if isinstance(value, str) and column.name in LOGS:
                return ", ".join(data_name(name, self.lang) for name in value.split(", "))
            return value

        return pd.Series([said(value) for value in column], column.index, dtype=object)

    def _cell(self, heading: str, value: Any) -> str:
        real = isinstance(value, float | np.floating)
        if value is None or (real and np.isnan(value)):
            return "–"
        if isinstance(value, Interval | Estimate):
            return typeset(str(value))
        if isinstance(value, Links):
            return str(value)
        if isinstance(value, str):
            return typeset(value) if NUMBERS.fullmatch(value) else value
        spec = self.formats.get(heading) or (spec_of(heading) if real else ",d")
        return typeset(number(int(value) if spec.endswith("d") else value, spec))

    def rest(self) -> str:
        """Where the rows are that a page does not show; empty if it shows them all."""
        _: Translate = translator(self.lang)
        shown, rows = int(self.shown.sum()), typeset(f"{len(self.data):,}")
        if shown == len(self.data):
            return ""
        if shown:
            return _("{shown} of {rows} rows; all of them are in the CSV.").format(shown=shown, rows=rows)
        text = _("{rows} row, in the CSV: {columns}.") if rows == "1" else _("{rows} rows, in the CSV: {columns}.")
        return text.format(rows=rows, columns=", ".join(self._headings()))

    def rows(self) -> list[list[str]]:
        """All its cells as a reader sees them."""
        names, rows = list(self.data.columns), self.data.itertuples(index=False)
        return [[self._cell(name, value) for name, value in zip(names, row, strict=True)] for row in rows]

    def _headings(self, *, units: bool = True) -> list[str]:
        """In the reader's language; with units, those of percentage points have theirs."""
        _ = translator(self.lang)
        return [
            _(str(name)) + (f", {_('points')}" if units and self._in_points(name) else "") for name in self.data.columns
        ]

    def _in_points(self, name: Any) -> bool:
        spec = self.formats.get(name) or spec_of(str(name))
        specs = {
            value.spec if isinstance(value, Estimate) else spec
            for value in self.data[name] if isinstance(value, float | np.floating | Estimate)
        }  # fmt: skip
        return any(POINTS.fullmatch(spec) for spec in specs)

    def _repr_html_(self) -> str:
        columns = (self.data[column] for column in self.data.columns)
        sides = ["left" if all(isinstance(v, str | Links) for v in column) else "right" for column in columns]

        def row(tag: str, cells: list[str]) -> str:
            styled = zip(sides, cells, strict=True)
            return "<tr>" + "".join(f'<{tag} style="text-align:{s}">{c}</{tag}>' for s, c in styled) + "</tr>"

        rest = f'<p class="table-rest">{escape(self.rest())}</p>' if self.rest() else ""
        if rest and not self.shown.any():
            return rest
        cells = [
            [value.html() if isinstance(value, Links) else escape(cell) for value, cell in zip(*both, strict=True)]
            for *both, shown in zip(self.data.itertuples(index=False), self.rows(), self.shown, strict=True) if shown
        ]  # fmt: skip
        body, head = "\n".join(row("td", each) for each in cells), row("th", list(map(escape, self._headings())))
        return f'<table class="dataframe table">\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>\n</table>{rest}'

    def markdown(self) -> list[str]:
        """Its lines in Markdown, for a page that is no notebook."""
        texts = (all(isinstance(v, str) for v in self.data[column]) for column in self.data.columns)
        rule = ["---" if text else "--:" for text in texts]
        rest, shown = self.rest(), [row for row, seen in zip(self.rows(), self.shown, strict=True) if seen]
        if rest and not shown:
            return [plain(rest)]
        rows = [[plain(cell) for cell in row] for row in (self._headings(), *shown)]
        lines = [f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:])]
        return [*lines, "", plain(rest)] if rest else lines

    def csv(self) -> str:
        """The table as CSV: headings in the reader's language, numbers as they are, to nine digits."""
        exact = self.data.map(lambda cell: cell.exact() if isinstance(cell, Interval | Estimate | Links) else cell)
        return csv_text(exact.set_axis(self._headings(units=False), axis=1))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self), "text/csv": self.csv()}

    def __repr__(self) -> str:
        text = pd.DataFrame(self.rows(), columns=self._headings())[self.shown].to_string(index=False)
        return "\n".join(filter(None, (text if self.shown.any() or not self.rest() else "", self.rest())))
