"""What a notebook shows: a table, or a computed paragraph, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.show.csv import csv_text
from audit_lib.show.words import NUMBERS, number, plain, translator, typeset


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
        self.data, self.lang, self.formats = data, lang, dict(formats or {})

    def _cell(self, heading: str, value: Any) -> str:
        real = isinstance(value, float | np.floating)
        if value is None or (real and np.isnan(value)):
            return "–"
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
        sides = ["left" if all(isinstance(v, str) for v in column) else "right" for column in columns]

        def row(tag: str, cells: list[str]) -> str:
            styled = zip(sides, cells, strict=True)
            return "<tr>" + "".join(f'<{tag} style="text-align:{s}">{escape(c)}</{tag}>' for s, c in styled) + "</tr>"

        body = "\n".join(row("td", cells) for cells in self._rows())
        head = row("th", self._headings())
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
