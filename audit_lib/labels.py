"""Words inside figures and tables, in the reader's language.

English is the source. The Spanish catalogue is `book/locale/es/LC_MESSAGES/labels.po`; a word it lacks is an error, so
that no figure can be half translated. Numbers are formatted the same in both languages.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from babel.messages.pofile import read_po

from audit_lib.csvtext import csv_text
from audit_lib.errors import InputError, MissingError, unknown
from audit_lib.sources import REGISTRY as DATASETS  # whose names are names in every language

LANGUAGES = ("en", "es")
CATALOGUE = Path(__file__).parent.parent / "book" / "locale"

# The same in every language, as are the name of a data set and what has no letter ("1–5").
_METRIC = re.compile(r"(Recall|MRR|NDCG)@\d+")
USUAL = "Recall@20"  # under which a label with a metric stands in the catalogue
_TYPE = {
    re.compile(r"(?<=\d)%"): "\u00a0%",
    re.compile(r"(?<=\d),(?=\d{3}(?!\d))"): "\u202f",
    re.compile(r"(?:(?<![\w)])|(?<=\de))-(?=[\d.])"): "\u2212",
}
_SIGNIFICANT = re.compile(r"(,?)(\.\d+g)")
_NUMBERS = re.compile(r"[\d.,%+\-–()\[\]~*\s]*\d[\d.,%+\-–()\[\]~*\s]*")  # a cell of numbers alone

_MARKUP = re.compile(r"([\\*_`<>$|\[\]{}~])")  # what Markdown would read as markup

AND = {"en": " & ", "es": " y "}  # between two authors

# How a recommender is called in text, by its name in the registry.
RECOMMENDERS = {
    "popularity": "Popularity",
    "session_popularity": "Session popularity",
    "markov": "Markov",
    "markov_raw": "Markov, unseen items tied",
    "markov_backoff": "Markov with back-off",
    "ar": "Association rules",
    "sr": "Sequential rules",
    "itemknn": "Item-kNN",
    "sknn": "S-KNN",
    "vsknn": "V-SKNN",
    "stan": "STAN",
    "vstan": "VSTAN",
    "gru4rec": "GRU4Rec",
    "gru4rec_2016": "GRU4Rec of 2016",
    "gru4rec_official": "GRU4Rec (official)",
    "oracle": "Oracle",
}


@lru_cache
def catalogue(lang: str) -> dict[str, str]:
    """Translations of a language, {} for English."""
    if lang not in LANGUAGES:
        raise unknown("language", lang, LANGUAGES)
    if lang == "en":
        return {}
    path = CATALOGUE / lang / "LC_MESSAGES" / "labels.po"
    if not path.is_file():
        raise MissingError(f"There is no catalogue '{path}', so that '{lang}' labels are unknown. Use lang='en'.")
    return {m.id: m.string for m in read_po(io.BytesIO(path.read_bytes())) if m.id and m.string and not m.fuzzy}


def translator(lang: str) -> Callable[[str], str]:
    """A function from an English label to that language. Raises InputError for a label without translation."""
    words = catalogue(lang)

    def translate(text: str) -> str:
        if lang == "en" or text in words:
            return words.get(text, text)
        if (found := _METRIC.search(text)) and (general := text.replace(found[0], USUAL)) in words:
            return words[general].replace(USUAL, found[0])
        if _METRIC.fullmatch(text) or text in DATASETS or not any(letter.isalpha() for letter in text):
            return text
        raise InputError(f"The label '{text}' has no '{lang}' translation in labels.po. Add one.")

    return translate


def name_of(recommender: str, lang: str = "en") -> str:
    """A recommender's name in text; the registry's own for one this list does not know (an own recommender)."""
    return translator(lang)(RECOMMENDERS[recommender]) if recommender in RECOMMENDERS else recommender


def typeset(text: str) -> str:
    """The numbers of a text, the same in every language: a hard space before %, a narrow one between thousands, and a
    minus sign; 2014-04-01 stays as it is.
    """
    for found, instead in _TYPE.items():
        text = found.sub(instead, text)
    return text


def number(value: float, spec: str) -> str:
    """The number in a format, of which `,.3g` never has an exponent: 1,420 and not 1.42e+03."""
    if digits := _SIGNIFICANT.fullmatch(spec):
        value, spec = float(format(value, digits[2])), f"{digits[1]}.10g"
    return format(value, spec)


def plain(text: str) -> str:
    """A text that Markdown leaves as it is."""
    return _MARKUP.sub(r"\\\1", text)


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
            return typeset(value) if _NUMBERS.fullmatch(value) else value
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
