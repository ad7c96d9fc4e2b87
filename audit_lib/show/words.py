"""Words inside figures and tables, in the reader's language.

English is the source. The Spanish catalogue is `book/locale/es/LC_MESSAGES/labels.po`; a word it lacks is an error, so
that no figure can be half translated. Numbers are formatted the same in both languages.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import lru_cache

from babel.messages.pofile import read_po

from audit_lib.data.registry import (
    REGISTRY as DATASETS,  # whose names are names in every language
)
from audit_lib.errors import InputError, MissingError, unknown
from audit_lib.files import BOOK

LANGUAGES = ("en", "es")
CATALOGUE = BOOK / "locale"
Translate = Callable[[str], str]  # an English label to the reader's language

# The same in every language, as are the name of a data set and what has no letter ("1–5").
_METRIC = re.compile(r"(Recall|MRR|NDCG)@\d+")
USUAL = "Recall@20"  # under which a label with a metric stands in the catalogue
_TYPE = {
    re.compile(r"(?<=\d)%"): "\u00a0%",
    re.compile(r"(?<=\d),(?=\d{3}(?!\d))"): "\u202f",
    re.compile(r"(?:(?<![\w)])|(?<=\de))-(?=[\d.])"): "\u2212",
}
_SIGNIFICANT = re.compile(r"(,?)(\.\d+g)")
NUMBERS = re.compile(r"[\d.,%+\-–()\[\]~*\s]*\d[\d.,%+\-–()\[\]~*\s]*")  # a cell of numbers alone

_MARKUP = re.compile(r"([\\*_`<>$|\[\]{}~])")  # what Markdown would read as markup

and_ = {"en": " & ", "es": " y "}  # between two authors; a mapping in capitals holds labels

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
    "srgnn": "SR-GNN",
    "oracle": "Oracle",
}
TIE_POLICIES = {"standard": "Standard", "conservative": "Conservative", "median": "Median", "expected": "Expected"}
LEAKAGE = {
    "shared_sessions": "Sessions in both parts",
    "future_train_events": "Train events after the first test event",
    "target_in_train": "Targets that are in train themselves",
    "test_events_of_unseen_items": "Test events of items unseen in train",
    "duplicate_sessions": "Test sessions that repeat a train session",
    "seen_transitions": "Tested transitions that occur in train",
}
VERDICTS = {
    "reproduced": "Reproduced", "partly": "Partly", "not reproduced": "Not reproduced",
    "not testable offline": "Not testable offline", "not run": "Not run",
}  # fmt: skip
STATES = {"met": "Met", "not met": "Not met", "undecided": "Undecided", "missing": "Not run", "beside": "–"}


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
