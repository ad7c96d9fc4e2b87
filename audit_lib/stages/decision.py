"""Which recommender for which situation: a table computed from the evidence and the record of latency.

A situation is a kind of log (how much of it hangs on the order of events, how large it is) and a constraint. Among the
recommenders that the constraint allows, all within the interval of the best are tied, and a tie goes to the cheapest,
by the seconds of training and ranking.

A page calls `lines(lang)`: Markdown in the reader's language, for a directive that keeps it out of the page's
catalogue. A notebook shows `labels.Table(for_readers(table(), lang), lang=lang)`. A part of it: `table(conditions=…)`.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import NamedTuple

import numpy as np
import pandas as pd

from audit_lib import labels, metrics
from audit_lib.evidence import Run
from audit_lib.labels import name_of
from audit_lib.measures import SIMPLE, Book, K, Measured, NotYet, main_group, real_datasets, shuffle_loss
from audit_lib.resampling import Resampling
from audit_lib.stages.literature import Translate

WEAK = 0.10  # of Recall@20 lost on shuffling, at most: the bound of claim B8
NO_ORDER = ("seed_demo",)  # whose generator draws items independently (claim A2)
LARGE = 250_000  # train events, at least
RARE = 10  # train events of an item, at most
ABOUT, INSTANT = 2.0, 1.0  # costs as little: up to twice the least seconds, or one second
NEURAL, SEARCHED = "gru4rec", "headline_tuned"

ORDERS = {"none": "None", "weak": "Weak", "strong": "Strong"}
SIZES = {"small": "Small", "large": "Large"}
CONDITIONS = {
    "free": "No limit",
    "ten": "An answer within 10 ms",
    "one": "An answer within 1 ms",
    "untrained": "No hardware to train on",
    "first": "One event so far",
    "rare": "Items seen at most ten times",
}
BUDGETS = {"ten": 10.0, "one": 1.0}  # milliseconds, 99th percentile, one answer at a time


class Kind(NamedTuple):
    """Data sets whose order matters as much and that are of the same size."""

    order: str
    size: str
    datasets: tuple[str, ...]


@dataclass
class Candidates:
    """The recommenders of one kind of log, with what they hit: runs by recommender and data set, every seed."""

    kind: Kind
    runs: Mapping[str, Mapping[str, list[Run]]]
    _found: dict[object, Measured] = field(default_factory=dict)

    def recall(self, name: str, condition: str, less: str | None = None) -> Measured:
        """Recall@20 of a recommender, or its difference from another: the mean over data sets, over their targets.

        Data sets are independent, so that the distances of the limits from the estimates add up in squares (Zou &
        Donner 2008). The interval is for these logs; it says nothing of the spread between logs.
        """
        over = condition if condition in ("first", "rare") else "free"
        if (key := (name, over, less)) not in self._found:
            each = [self._of(dataset, name, over, less) for dataset in self.kind.datasets]
            self._found[key] = mean_of([one for one in each if one is not None])
        return self._found[key]

    def _of(self, dataset: str, name: str, over: str, less: str | None) -> Measured | None:
        """In one data set; None if it has no such target."""
        runs = self.runs[name][dataset]
        keep = _asked(runs[0].targets, over)
        if not keep.any():
            return None
        values = _hits(runs, keep)
        if less is not None:
            values = values - _hits(self.runs[less][dataset], keep)  # one row beside every seed of the other
        return Measured.of(Resampling.of(runs[0].targets["session"]).where(keep).over_seeds(values))

    def seconds(self, name: str) -> float:
        """Of training and ranking, the mean over seeds and data sets."""
        each = [statistics.mean(map(seconds_of, self.runs[name][dataset])) for dataset in self.kind.datasets]
        return statistics.mean(each)


def table(book: Book | None = None, conditions: Iterable[str] = tuple(CONDITIONS)) -> pd.DataFrame:
    """One row a kind of log and constraint, in that order:

    order, size, datasets (names, text), condition; recommended, with recall, low, high: its Recall@20, ties against it;
    best: the recommender with the highest one among those allowed; behind, behind_low, behind_high: how much more that
    has, paired by target (0 where it is the recommended one); tied: how many are within the interval of the best;
    seconds: of training and ranking; ms: the 99th percentile of one answer on one core (see `answer_ms`; NaN if the
    record lacks it). Raises NotYet if the record of latency or of the shuffle test is missing.
    """
    book = book or Book()
    rows = []
    for kind in kinds(book):
        candidates = Candidates(kind, _runs(book, kind))
        answers = answer_ms(book, {name: runs[0].n_items for name, runs in candidates.runs[NEURAL].items()})
        for condition in conditions:
            allowed = [name for name in candidates.runs if _allows(condition, name, answers)]
            if allowed:
                rows.append(_row(candidates, condition, allowed, answers))
    return pd.DataFrame(rows)


def _row(candidates: Candidates, condition: str, allowed: list[str], answers: Mapping[str, float]) -> dict[str, object]:
    best = max(allowed, key=lambda name: candidates.recall(name, condition).estimate)
    behind = {name: candidates.recall(best, condition, less=name) for name in allowed if name != best}
    tied = [best, *(name for name, difference in behind.items() if difference.low <= 0)]
    chosen = cheapest({name: candidates.seconds(name) for name in tied}, lambda n: candidates.recall(n, condition)[0])
    value, gap = candidates.recall(chosen, condition), behind.get(chosen, Measured(0.0, 0.0, 0.0))
    kind = candidates.kind
    return {
        "order": kind.order, "size": kind.size, "datasets": ", ".join(kind.datasets), "condition": condition,
        "recommended": chosen, "recall": value.estimate, "low": value.low, "high": value.high, "best": best,
        "behind": gap.estimate, "behind_low": gap.low, "behind_high": gap.high, "tied": len(tied),
        "seconds": candidates.seconds(chosen), "ms": answers.get(chosen, float("nan")),
    }  # fmt: skip


def cheapest(seconds: Mapping[str, float], worth: Callable[[str], float]) -> str:
    """The one of the least seconds; of those that take hardly more (under a second, or twice the least), the best.

    A tenth of a second is noise, and no reason to prefer one to another.
    """
    bound = max(ABOUT * min(seconds.values()), INSTANT)
    return max((name for name in seconds if seconds[name] <= bound), key=worth)


def kinds(book: Book) -> list[Kind]:
    """The real data sets with evidence of GRU4Rec and of every simple recommender, by order and size.

    Order: none where items are drawn independently; else what a Markov chain loses on shuffling says (see `WEAK`).
    """
    found: dict[tuple[str, str], list[str]] = {}
    for dataset in real_datasets(book):
        if not book.present(dataset=dataset, group=main_group(dataset), recommender=NEURAL):
            continue
        found.setdefault((_order(book, dataset), _size(book, dataset)), []).append(dataset)
    return [Kind(o, s, tuple(found[o, s])) for o in ORDERS for s in SIZES if (o, s) in found]


def _order(book: Book, dataset: str) -> str:
    if dataset in NO_ORDER:
        return "none"
    return "weak" if shuffle_loss(book, which=dataset).estimate <= WEAK else "strong"


def _size(book: Book, dataset: str) -> str:
    run = next(iter(book.recommenders(dataset).values()))
    return "large" if run.manifest["split"]["train"]["events"] >= LARGE else "small"


def _runs(book: Book, kind: Kind) -> dict[str, dict[str, list[Run]]]:
    """Of each recommender that ran on all of them; with settings tuned on validation where those have been run."""
    found: dict[str, dict[str, list[Run]]] = {}
    for dataset in kind.datasets:
        groups = (SIMPLE, "tuned")  # the later takes the place of the former
        for run in (run for group in groups for run in book.present(dataset=dataset, group=group)):
            found.setdefault(run.recommender, {})[dataset] = [run]
        neural = (book.present(dataset=dataset, group=g, recommender=NEURAL) for g in (SEARCHED, main_group(dataset)))
        found.setdefault(NEURAL, {})[dataset] = next(filter(None, neural))
    return {name: runs for name, runs in found.items() if len(runs) == len(kind.datasets)}


def _allows(condition: str, name: str, answers: Mapping[str, float]) -> bool:
    if condition in BUDGETS:
        return answers.get(name, float("inf")) <= BUDGETS[condition]
    return name != NEURAL or condition != "untrained"


def _asked(targets: pd.DataFrame, condition: str) -> np.ndarray:
    """(P,) bool: the targets that a constraint is about."""
    if condition == "first":
        return (targets["step"] == 1).to_numpy()
    return (targets["support"] <= RARE).to_numpy() if condition == "rare" else np.ones(len(targets), bool)


def _hits(runs: Iterable[Run], keep: np.ndarray) -> np.ndarray:
    """(R, P) of 0 and 1, a row for each seed."""
    ranks = [run.ranks.to_numpy()[keep] for run in runs]  # above, equal, …
    return np.stack([metrics.recall(r[:, 0], r[:, 1], K) for r in ranks])


def mean_of(each: list[Measured]) -> Measured:
    """The mean of independent estimates, with its interval: distances of the limits add up in squares."""
    if not each:
        return Measured(float("nan"))
    n, estimate = len(each), statistics.mean(one.estimate for one in each)
    below = sqrt(sum((one.estimate - one.low) ** 2 for one in each)) / n
    above = sqrt(sum((one.high - one.estimate) ** 2 for one in each)) / n
    return Measured(estimate, estimate - below, estimate + above, max(one.seeds for one in each))


def seconds_of(run: Run) -> float:
    """Of training and ranking: of the processor where the manifest has them, else by the clock of a busy machine.

    Epochs that were trained before a stop are known by the clock alone.
    """
    seconds = run.manifest["seconds"]
    whole = seconds["fit"] + seconds["rank"]
    return seconds["processor"] + seconds.get("earlier", 0.0) if "processor" in seconds else whole


def answer_ms(book: Book, n_items: Mapping[str, int]) -> dict[str, float]:
    """99th percentile of one answer, in ms of processor time, by recommender: the faster of the ways it can be found.

    n_items: by data set. Of several, the slowest. A data set that was not timed counts as the smallest of the generated
    catalogues that has as many items (the largest, if none has).
    """
    rows = [row for row in book.record("latency") if (row["at_once"], row["percentile"]) == (1, 99)]
    if not rows:
        raise NotYet("records/latency.json")
    table = pd.DataFrame(rows)
    found = []
    for dataset, items in n_items.items():
        rows = table[table["log"] == dataset]
        if rows.empty:
            rows = table[table["log"] == "generated"]
            rows = rows[rows["items"] == next((n for n in sorted(rows["items"]) if n >= items), rows["items"].max())]
        found.append(rows.groupby("recommender")["ms"].min())
    return pd.concat(found, axis=1).max(axis=1).to_dict()


def for_readers(found: pd.DataFrame, lang: str = "en") -> pd.DataFrame:
    """`table` under English headings (`labels.Table` translates them), its words in the reader's language.

    Constraints of a kind of log that lead to the same recommendation share a row. Seconds are those of the recommended
    one, for training and ranking the whole test part on one core.
    """
    headings = [
        "Order", "Log", "Constraint", "Recommended", "Recall@20", "95 % interval", "Best", "Best less recommended",
        "Interval of the difference", "Seconds", "One answer, ms", "Data sets",
    ]  # fmt: skip
    return pd.DataFrame(_cells(found, labels.translator(lang), lang), columns=headings)


def _cells(found: pd.DataFrame, _: Translate, lang: str) -> Iterator[tuple[str, ...]]:
    decided = [name for name in found.columns if name not in ("condition", "tied")]
    for same in found.groupby(decided, sort=False, dropna=False)["condition"]:
        row, conditions = found.loc[same[1].index[0]], [_(CONDITIONS[condition]) for condition in same[1]]
        alone = row["recommended"] == row["best"]
        yield (
            _(ORDERS[row["order"]]), _(SIZES[row["size"]]), "; ".join(conditions), name_of(row["recommended"], lang),
            f"{row['recall']:.4f}", f"{row['low']:.4f} – {row['high']:.4f}", name_of(row["best"], lang),
            "–" if alone else f"{row['behind']:+z.4f}",
            "–" if alone else f"{row['behind_low']:+z.4f} – {row['behind_high']:+z.4f}",
            f"{row['seconds']:.1f}", "–" if np.isnan(row["ms"]) else f"{row['ms']:.3f}", row["datasets"],
        )  # fmt: skip


def lines(lang: str = "en", book: Book | None = None, conditions: Iterable[str] = tuple(CONDITIONS)) -> list[str]:
    """The table in Markdown, in the reader's language: for a directive whose words are not for the catalogue."""
    _ = labels.translator(lang)
    shown = for_readers(table(book, conditions), lang)
    rule = ["--:" if shown[name].str.fullmatch(r"[-+]?[\d.]+|–").all() else "---" for name in shown]
    shown["Data sets"] = [", ".join(f"`{name}`" for name in names.split(", ")) for names in shown["Data sets"]]
    rows = [[_(name) for name in shown], rule, *shown.itertuples(index=False)]
    return [f"| {' | '.join(row)} |" for row in rows]
