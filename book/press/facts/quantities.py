"""Every place of the book that states Recall@20 or MRR@20 of what stands for a side of a log, and the value it gives.

A quantity is told by data set, side ('gru4rec' or 'simple', as `headline` chooses them, or their 'difference') and
metric: ties against the recommender, over the targets that count on that log. Two places that give one quantity two
values are a fault, which `disagreements` finds; a place that shows another training, or other targets, names it and is
none of these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import pandas as pd

from audit_lib.evaluation.metrics import K
from audit_lib.show.words import DATA_SETS, data_name
from audit_lib.stages import cost
from audit_lib.study import headline as heads
from audit_lib.study import literature_values
from audit_lib.study.literature_values import COPIED
from audit_lib.study.results import NotYet
from book.press import readme
from book.press.facts import documents, finding, report_exhibits, sides
from book.press.facts.contrasts import contrasts
from book.press.facts.source import Source

Key = tuple[str, str, str]  # data set, side, metric
_NUMBER = re.compile(r"[-+\u2212]?\d*\.\d+")


class Stated(NamedTuple):
    """place: where it stands, for people. digits: of the fraction that are printed there; inf for a number as it is."""

    place: str
    key: Key
    value: float
    digits: float = float("inf")


def stated(text: str, place: str, key: Key, at: int = 0) -> Stated:
    """The number of that place in a cell of a table, per cent or a fraction; names are left out."""
    found = list(_NUMBER.finditer(text))[at]
    per_cent = "%" in text[found.end() : found.end() + 2]
    decimals = len(found[0].partition(".")[2])
    value = float(found[0].replace("\u2212", "-"))
    return Stated(place, key, value / 100 if per_cent else value, decimals + 2 * per_cent)


def _id(name: str, lang: str) -> str:
    """The data set that is called so in text."""
    return next(dataset for dataset in DATA_SETS if data_name(dataset, lang) == name)


def _facts(source: Source, _lang: str) -> Iterator[Stated]:
    """Facts of the two sides, and those of trainings that turn out to be what stands for a side."""
    of = {sides.gru4rec: "gru4rec", sides.simple: "simple", sides.less_simple: "difference"}
    for name, fact in (documents.FACTS | sides.FACTS).items():
        if not isinstance(fact, partial):
            continue
        asked = {"metric": "Recall"} | fact.keywords
        side = of.get(fact.func)
        if side is None and fact.func is documents.score and asked["dataset"] in COPIED:
            ours = heads.of(source.book, asked["dataset"])
            runs = source.book.present(dataset=asked["dataset"], group=asked["group"], recommender=asked["recommender"])
            side = "gru4rec" if ours is not None and runs and runs[0].path == ours.runs[0].path else None
        if side is not None:
            yield Stated(f"fact {name}", (asked["dataset"], side, asked["metric"]), fact(source).estimate)


def _readme(source: Source, lang: str) -> Iterator[Stated]:
    rows = [line.split(" | ") for line in readme.headline(lang, folder=source.book.folder).splitlines()[2:]]
    for dataset, metric, _, ours, simple in (row for row in rows if len(row) == 5):
        key = _id(dataset.lstrip("| "), lang), metric.partition("@")[0]
        for side, cell in (("gru4rec", ours), ("simple", simple)):
            yield stated(cell.replace("\u00a0", ""), f"{readme.FILES[lang]}, {side}", (key[0], side, key[1]))


def _front(source: Source, _lang: str) -> Iterator[Stated]:
    for row in finding.table(source.book).to_dict("records"):
        yield Stated("front page", (row["dataset"], "gru4rec", "Recall"), row["value"])
        yield Stated("front page", (row["dataset"], "simple", "Recall"), row["simple_value"])


def _table(name: str, source: Source, lang: str) -> pd.DataFrame:
    return report_exhibits.TABLES[name](source, lang).data


def _copied(source: Source, lang: str) -> Iterator[Stated]:
    for row in _table("copied", source, lang).to_dict("records"):
        dataset, metric, place = _id(row["Data set"], lang), row["Metric"].partition("@")[0], "table 'copied'"
        yield Stated(place, (dataset, "gru4rec", metric), row["GRU4Rec of today"].estimate)
        yield stated(row["Best simple"].replace("\u00a0", ""), place, (dataset, "simple", metric))


def _report(source: Source, lang: str) -> Iterator[Stated]:
    for row in _table("headline", source, lang).to_dict("records"):
        if row["Trained as"].endswith(" *"):
            for metric in ("Recall", "MRR"):
                key = _id(row["Data set"], lang), "gru4rec", metric
                yield Stated("table 'headline'", key, row[f"{metric}@{K}"].estimate)
    for row in _table("against-simple", source, lang).to_dict("records"):
        dataset, place = _id(row["Data set"], lang), "table 'against-simple'"
        metric = row["Metric"].partition("@")[0]
        yield Stated(place, (dataset, "gru4rec", metric), row["GRU4Rec"])
        yield Stated(place, (dataset, "simple", metric), row["Best simple, value"])
        yield Stated(place, (dataset, "difference", metric), row["Difference"].estimate)
    for row, c in zip(_table("chosen", source, lang).to_dict("records"), _both(source), strict=True):
        yield Stated("table 'chosen'", (_id(row["Data set"], lang), c, "Recall"), row["Recall@20"])


def _both(source: Source) -> list[str]:
    return ["gru4rec", "simple"] * len(contrasts(source))


def _costs(source: Source, _lang: str) -> Iterator[Stated]:
    """The cost page, where what stands for a side is among the rows."""
    table = cost.costs(source.book)
    for c in contrasts(source):
        for name, side in (("gru4rec", c.ours), ("simple", c.best)):
            mine = table[(table["dataset"] == c.dataset) & (table["recommender"] == side.recommender)]
            for value in mine.loc[mine["group"] == side.group, "recall"]:
                yield Stated("09, recall", (c.dataset, name, "Recall"), float(value))


def _ledger(source: Source, _lang: str) -> Iterator[Stated]:
    """What the ledger measures of GRU4Rec, taken back from its differences and shares."""
    for arguments, found in source.findings("published_gap"):
        metric = arguments.get("metric", "Recall")
        theirs = literature_values.value(arguments["source"], arguments["dataset"], arguments["model"], metric, K)
        yield Stated("ledger, published_gap", (arguments["dataset"], "gru4rec", metric), theirs - found.estimate)
    for c in contrasts(source):
        for arguments, found in source.findings("simple_share"):
            if arguments["dataset"] == c.dataset:
                yield Stated("ledger, simple_share", (c.dataset, "simple", "Recall"),
                             found.estimate * c.recall.value.estimate)  # fmt: skip


PLACES: tuple[Callable[[Source, str], Iterable[Stated]], ...] = (
    _facts, _readme, _front, _copied, _report, _costs, _ledger,
)  # fmt: skip


def collected(source: Source, lang: str = "en") -> list[Stated]:
    """What every place states, in one language; a place whose evidence is missing states nothing."""
    found: list[Stated] = []
    for place in PLACES:
        try:
            found += place(source, lang)
        except NotYet:
            continue
    return found


def disagreements(found: Iterable[Stated]) -> list[str]:
    """A sentence for each place that gives a quantity another value than the first place did, in the digits of both."""
    first: dict[Key, Stated] = {}
    said = []
    for one in sorted(found, key=lambda one: -one.digits):  # the most exact first
        other = first.setdefault(one.key, one)
        half_a_digit = 0.5 * 10.0 ** -min(one.digits, other.digits, 12)
        if abs(one.value - other.value) > half_a_digit * 1.0001:
            what = ", ".join(one.key)
            said.append(f"{what}: {one.value:g} ({one.place}), but {other.value:g} ({other.place}).")
    return said
