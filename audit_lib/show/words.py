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

from audit_lib.errors import InputError, MissingError, one_of
from audit_lib.files import BOOK

LANGUAGES = ("en", "es")
CATALOGUE = BOOK / "locale"
Translate = Callable[[str], str]  # an English label to the reader's language

# The same in every language, as is what has no letter ("1–5").
_METRIC = re.compile(r"(Recall|MRR|NDCG)@\d+")
USUAL = "Recall@20"  # under which a label with a metric stands in the catalogue
_TYPE = {
    re.compile(r"(?<=\d)%"): "\u00a0%",
    re.compile(r"(?<=\d),(?=\d{3}(?!\d))"): "\u202f",
    re.compile(r"(?:(?<![\w)])|(?<=\de))-(?=[\d.])"): "\u2212",
}
_SIGNIFICANT = re.compile(r"(,?)(\.\d+g)")
POINTS = re.compile(r"(\+?)(?:\.(\d))?points")  # a format in percentage points
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
# How a data set is called in text, by its name in the registry.
DATA_SETS = {
    "synthetic": "Synthetic log",
    "synthetic_independent": "Synthetic, no order",
    "synthetic_first_order": "Synthetic, first order",
    "synthetic_latent": "Synthetic, hidden intents",
    "seed_demo": "Demo log",
    "foursquare_nyc": "Foursquare NYC",
    "movielens_100k": "MovieLens 100K",
    "rsc15_100k": "RSC15 100K",
    "yoochoose1_64": "Yoochoose 1/64",
    "diginetica": "Diginetica",
    "retailrocket": "RetailRocket",
    "entree": "Entree",
    "rsc15": "RSC15",
    "retailrocket_raw": "RetailRocket, original events",
    "diginetica_raw": "Diginetica, original item views",
    "rees46": "Rees46",
    "coveo": "Coveo",
}
# The honest split of a log, and the flawed ones that the study holds beside it.
SPLITS = {
    "default": "Temporal", "random_sessions": "Random sessions", "leave_last_out": "Leave last out",
    "random_events": "Random events",
}  # fmt: skip
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
    if one_of("language", lang, LANGUAGES) == "en":
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
        if _METRIC.fullmatch(text) or not any(letter.isalpha() for letter in text):
            return text
        raise InputError(f"The label '{text}' has no '{lang}' translation in labels.po. Add one.")

    return translate


def name_of(recommender: str, lang: str = "en") -> str:
    """A recommender's name in text; the registry's own for one this list does not know (an own recommender)."""
    return translator(lang)(RECOMMENDERS[recommender]) if recommender in RECOMMENDERS else recommender


def data_name(dataset: str, lang: str = "en") -> str:
    """A data set's name in text; that of an own log as it is, without what was set for a generated one."""
    name = dataset.partition(":")[0]
    return translator(lang)(DATA_SETS[name]) if name in DATA_SETS else dataset


def typeset(text: str) -> str:
    """The numbers of a text, the same in every language: a hard space before %, a narrow one between thousands, and a
    minus sign; 2014-04-01 stays as it is.
    """
    for found, instead in _TYPE.items():
        text = found.sub(instead, text)
    return text


def number(value: float, spec: str) -> str:
    """The number in a format of Python, of which `,.3g` never has an exponent: 1,420 and not 1.42e+03.

    Also 'points', percentage points of a fraction without their sign; '+points', with it; '+.2points', with two digits.
    """
    if points := POINTS.fullmatch(spec):
        value = 100 * value if points[1] else abs(100 * value)
        return format(value, f"{points[1]}z.{points[2] or 1}f")
    if digits := _SIGNIFICANT.fullmatch(spec):
        value, spec = float(format(value, digits[2])), f"{digits[1]}.10g"
    return format(value, spec)


def plain(text: str) -> str:
    """A text that Markdown leaves as it is."""
    return _MARKUP.sub(r"\\\1", text)
