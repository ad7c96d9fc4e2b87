"""What a reader is shown: a table, or a computed paragraph, in the reader's language.

A function `…_table(…, lang)` of a stage puts its numbers under English headings and returns a `Table`, which has their
formats. It leaves to the table what hangs on the language: headings, recommenders by their names in the registry (under
the headings NAMES), a `Label` in a cell; and an `Interval`.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from audit_lib.show.csv import csv_text
from audit_lib.show.words import (
    NUMBERS,
    name_of,
    number,
    plain,
    translator,
    typeset,
)

NAMES = frozenset({"Recommender", "Better", "Worse", "Ahead from here on", "Behind from here on"})


class Label(NamedTuple):
    """An English label in a cell, which is shown in the reader's language."""

    text: str


class Interval(NamedTuple):
    """An interval in a cell: both ends in one format, a dash where there is none."""

    low: float
    high: float
    spec: str = "z.4f"

    def __str__(self) -> str:
        return "–" if np.isnan(self.low) else f"{self.low:{self.spec}} – {self.high:{self.spec}}"


class Links(NamedTuple):
    """Addresses in a cell, each under a text that is the same in every language."""

    links: tuple[tuple[str, str], ...]  # text, address

    def __str__(self) -> str:
        return ", ".join(text for text, _ in self.links)

    def html(self) -> str:
        """The same as links."""
        return ", ".join(f'<a href="{escape(address)}">{escape(text)}</a>' for text, address in self.links)


def intervals(table: pd.DataFrame, spec: str = "z.4f", *, low: str = "low", high: str = "high") -> list[Interval]:
    """The intervals in two columns of a table, a row each."""
    return [Interval(a, b, spec) for a, b in zip(table[low], table[high], strict=True)]


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

    def __init__(self, data: pd.DataFrame, *, lang: str, formats: Mapping[str, str] | None = None):
        """data: columns with English headings. formats: format specification by heading, such as '.4f' or ',d'."""
        self.lang, self.formats = lang, dict(formats or {})
        self.data = data.apply(lambda column: column if is_numeric_dtype(column) else self._said(column))

    def _said(self, column: pd.Series) -> pd.Series:
        """A column with its words in the reader's language."""

        def said(value: Any) -> Any:
            if isinstance(value, Label):
                return translator(self.lang)(value.text)
            if isinstance(value, str) and column.name in NAMES:
                return name_of(value, self.lang)
            return str(value) if isinstance(value, Interval) else value

        return pd.Series([said(value) for value in column], column.index, dtype=object)

    def _cell(self, heading: str, value: Any) -> str:
        real = isinstance(value, float | np.floating)
        if value is None or (real and np.isnan(value)):
            return "–"
        if isinstance(value, Links):
            return str(value)
        if isinstance(value, str):
            return typeset(value) if NUMBERS.fullmatch(value) else value
        spec = self.formats.get(heading) or ("z.4f" if real else ",d")
        return typeset(number(int(value) if spec.endswith("d") else value, spec))

    def _rows(self) -> list[list[str]]:
        names, rows = list(self.data.columns), self.data.itertuples(index=False)
        return [[self._cell(name, value) for name, value in zip(names, row, strict=True)] for row in rows]

    def _headings(self) -> list[str]:
        return [translator(self.lang)(str(column)) for column in self.data.columns]

    def _repr_html_(self) -> str:
        columns = (self.data[column] for column in self.data.columns)
        sides = ["left" if all(isinstance(v, str | Links) for v in column) else "right" for column in columns]

        def row(tag: str, cells: list[str]) -> str:
            styled = zip(sides, cells, strict=True)
            return "<tr>" + "".join(f'<{tag} style="text-align:{s}">{c}</{tag}>' for s, c in styled) + "</tr>"

        values = self.data.itertuples(index=False)
        cells = [
            [v.html() if isinstance(v, Links) else escape(c) for v, c in zip(*both, strict=True)]
            for both in zip(values, self._rows(), strict=True)
        ]
        body, head = "\n".join(row("td", each) for each in cells), row("th", list(map(escape, self._headings())))
        return f'<table class="dataframe table">\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>\n</table>'

    def markdown(self) -> list[str]:
        """Its lines in Markdown, for a page that is no notebook."""
        texts = (all(isinstance(v, str) for v in self.data[column]) for column in self.data.columns)
        rule = ["---" if text else "--:" for text in texts]
        rows = [[plain(cell) for cell in row] for row in (self._headings(), *self._rows())]
        return [f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:])]

    def csv(self) -> str:
        """The table as CSV: headings in the reader's language, numbers to nine digits."""
        return csv_text(self.data.set_axis(self._headings(), axis=1))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self), "text/csv": self.csv()}

    def __repr__(self) -> str:
        return pd.DataFrame(self._rows(), columns=self._headings()).to_string(index=False)
