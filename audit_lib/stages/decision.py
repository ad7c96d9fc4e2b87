"""Which recommender for which situation: a table computed from the evidence and the record of latency.

A situation is a kind of log (how much of it hangs on the order of events, how large it is) and a constraint. Among the
recommenders that the constraint allows, all within the interval of the best are tied, and a tie goes to the cheapest,
by the seconds of training and ranking. Every recommender has the settings that are best in validation (`headline`).
Values are ranges over the logs of a kind, and nothing is recommended that is useless on all of them.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import exp, log, sqrt
from typing import NamedTuple

import numpy as np
import pandas as pd

from audit_lib.evaluation.resampling import Measured, Resampling
from audit_lib.study import headline
from audit_lib.study.evidence import Run
from audit_lib.study.literature_values import min_step
from audit_lib.study.measures import shuffle_loss
from audit_lib.study.results import CONTROLS, Book, NotYet, real_datasets

WEAK = 0.10  # of Recall@20 lost on shuffling, at most: the bound of claim B8
LARGE = 250_000  # train events, at least
RARE = 10  # train events of an item, at most
ABOUT, INSTANT = 2.0, 1.0  # costs as little: up to twice the least seconds, or one second
USEFUL = 0.10  # Recall@20 on at least one log: below, nine of ten predictions fail, whatever is recommended
NEURAL, NOTHING = "gru4rec", ""

ORDERS = {"weak": "Weak", "strong": "Strong"}
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
    _means: dict[object, Measured] = field(default_factory=dict)
    _estimates: dict[object, list[float]] = field(default_factory=dict)

    def estimates(self, name: str, condition: str, metric: str = "Recall") -> list[float]:
        """A metric at K on each data set that has such targets, without an interval: nothing is resampled."""
        if (key := (name, _targets(condition), metric)) not in self._estimates:
            asked = (self._sample(dataset, name, _targets(condition), None, metric) for dataset in self.kind.datasets)
            self._estimates[key] = [float(drawn.observed(values).mean()) for values, drawn in filter(None, asked)]
        return self._estimates[key]

    def estimate(self, name: str, condition: str, metric: str = "Recall") -> float:
        """Their mean; that of `mean` to the last bit."""
        found = self.estimates(name, condition, metric)
        return statistics.mean(found) if found else float("nan")

    def mean(self, name: str, condition: str, less: str | None = None) -> Measured:
        """Recall at K of a recommender, or its difference from another: the mean over data sets, each of one weight.

        Data sets are independent, so that the distances of the limits from the estimates add up in squares (Zou &
        Donner 2008). The interval is for these logs; it says nothing of the spread between logs.
        """
        if (key := (name, _targets(condition), less)) not in self._means:
            asked = (self._sample(dataset, name, _targets(condition), less, "Recall") for dataset in self.kind.datasets)
            self._means[key] = mean_of_logs([drawn.over_seeds(values) for values, drawn in filter(None, asked)])
        return self._means[key]

    def _sample(
        self, dataset: str, name: str, over: str, less: str | None, metric: str
    ) -> tuple[np.ndarray, Resampling] | None:
        """(R, P) values in one data set, and their resampling; None if it has no such target."""
        runs = self.runs[name][dataset]
        keep = _asked(runs[0].targets, over, min_step(dataset))
        if not keep.any():
            return None
        values = np.stack([run.values(metric)[keep] for run in runs])  # (R, Q)
        if less is not None:  # one row beside every seed of the other
            values = values - np.stack([run.values(metric)[keep] for run in self.runs[less][dataset]])
        return values, runs[0].resampling().where(keep)

    def seconds(self, name: str) -> float:
        """Of training and ranking: the median over seeds, which a busy hour does not move; the mean over data sets."""
        each = [statistics.median(map(seconds_of, self.runs[name][dataset])) for dataset in self.kind.datasets]
        return statistics.mean(each)


def table(book: Book | None = None, conditions: Iterable[str] = tuple(CONDITIONS)) -> pd.DataFrame:
    """One row a kind of log and constraint, in that order:

    order, size, datasets (names, text), condition; recommended ('' if nothing allowed is useful, see `USEFUL`), with
    recall_least, recall_most, mrr_least, mrr_most: Recall@20 and MRR@20 over the logs, ties against it; best and
    best_mrr: the recommenders with the highest mean of either among those allowed; behind, behind_low, behind_high: how
    much more Recall@20 the best has, paired by target (0 where it is the recommended one); tied: how many are within
    the interval of the best; seconds: of training and ranking; ms: the 99th percentile of one answer on one core (see
    `answer_ms`; NaN if the record lacks it); near: whether that is too near to the limit of the condition for a timing
    to tell (see `kept`). Raises NotYet if the record of latency or of the shuffle test is missing.
    """
    book = book or Book()
    rows, factor = [], margin(book)
    for kind in kinds(book):
        candidates = Candidates(kind, _runs(book, kind))
        answers = answer_ms(book, {name: runs[0].n_items for name, runs in candidates.runs[NEURAL].items()})
        for condition in conditions:
            allowed = [name for name in candidates.runs if _allows(condition, name, answers, factor)]
            if allowed:
                rows.append(_row(candidates, condition, allowed, answers, factor))
    return pd.DataFrame(rows)


def _row(
    candidates: Candidates, condition: str, allowed: list[str], answers: Mapping[str, float], factor: float
) -> dict[str, object]:
    worth = {name: candidates.estimate(name, condition) for name in allowed}
    best = max(allowed, key=worth.__getitem__)
    best_mrr = max(allowed, key=lambda name: candidates.estimate(name, condition, "MRR"))
    behind = {name: candidates.mean(best, condition, less=name) for name in allowed if name != best}
    tied = [best, *(name for name, difference in behind.items() if difference.low <= 0)]
    chosen = cheapest({name: candidates.seconds(name) for name in tied}, worth.__getitem__)
    recall, mrr = (candidates.estimates(chosen, condition, metric) for metric in ("Recall", "MRR"))
    gap, kind, ms = behind.get(chosen, Measured(0.0, 0.0, 0.0)), candidates.kind, answers.get(chosen, float("nan"))
    useful = max(recall) >= USEFUL
    return {
        "order": kind.order, "size": kind.size, "datasets": ", ".join(kind.datasets), "condition": condition,
        "recommended": chosen if useful else NOTHING, "recall_least": min(recall), "recall_most": max(recall),
        "mrr_least": min(mrr), "mrr_most": max(mrr), "best": best, "best_mrr": best_mrr, "behind": gap.estimate,
        "behind_low": gap.low, "behind_high": gap.high, "tied": len(tied), "seconds": candidates.seconds(chosen),
        "ms": ms, "near": condition in BUDGETS and kept(ms, BUDGETS[condition], factor) is None,
    }  # fmt: skip


def cheapest(seconds: Mapping[str, float], worth: Callable[[str], float]) -> str:
    """The one of the least seconds; of those that take hardly more (under a second, or twice the least), the best.

    A tenth of a second is noise, and no reason to prefer one to another.
    """
    bound = max(ABOUT * min(seconds.values()), INSTANT)
    return max((name for name in seconds if seconds[name] <= bound), key=worth)


def kinds(book: Book) -> list[Kind]:
    """The real data sets with evidence of GRU4Rec and of simple recommenders, by order and size; no negative control.

    Order: what a Markov chain loses on shuffling says how much hangs on it (see `WEAK`).
    """
    found: dict[tuple[str, str], list[str]] = {}
    for dataset in real_datasets(book):
        if dataset in CONTROLS or headline.of(book, dataset) is None:
            continue
        order = "weak" if shuffle_loss(book, which=dataset).estimate <= WEAK else "strong"
        run = next(iter(book.recommenders(dataset).values()))
        size = "large" if run.manifest["split"]["train"]["events"] >= LARGE else "small"
        found.setdefault((order, size), []).append(dataset)
    return [Kind(o, s, tuple(found[o, s])) for o in ORDERS for s in SIZES if (o, s) in found]


def _runs(book: Book, kind: Kind) -> dict[str, dict[str, list[Run]]]:
    """Of each recommender that ran on all of them, in the settings that are best in validation on that log."""
    found: dict[str, dict[str, list[Run]]] = {}
    for dataset in kind.datasets:
        for name, side in headline.by_recommender(book, dataset).items():
            found.setdefault(name, {})[dataset] = list(side.runs)
    return {name: runs for name, runs in found.items() if len(runs) == len(kind.datasets)}


def _allows(condition: str, name: str, answers: Mapping[str, float], factor: float) -> bool:
    if condition in BUDGETS:
        return kept(answers.get(name, float("inf")), BUDGETS[condition], factor) is not False
    return name != NEURAL or condition != "untrained"


def kept(ms: float, budget: float, factor: float) -> bool | None:
    """Whether an answer comes within a budget; None if another measurement might say otherwise.

    factor: by how much two measurements of one time differ (see `margin`), at least 1.
    """
    return True if ms * factor <= budget else False if ms > budget * factor else None


def margin(book: Book) -> float:
    """By what factor the 99th percentile of one answer differs between the two processors on which it was recorded.

    The geometric mean over recommenders, catalogues and ways that both records have, of the larger by the smaller; 1
    without an earlier record.
    """
    try:
        now, before = (_timings(book.record(name)) for name in ("latency", "latency_earlier"))
    except NotYet:
        return 1.0
    both = [(now[key], before[key]) for key in now.keys() & before.keys()]
    ratios = [abs(log(a / b)) for a, b in both if a > 0 and b > 0]
    return exp(statistics.mean(ratios)) if ratios else 1.0


def _timings(rows: Iterable[Mapping[str, object]]) -> dict[tuple[object, ...], float]:
    """Of the generated logs, which have equal settings in both records."""
    wanted = [row for row in rows if (row["log"], row["at_once"], row["percentile"]) == ("generated", 1, 99)]
    return {(row["recommender"], row["items"], row["way"]): float(row["ms"]) for row in wanted}


def _asked(targets: pd.DataFrame, condition: str, first: int) -> np.ndarray:
    """(P,) bool: the targets that a constraint is about. first: events before a target that counts, at least."""
    if condition == "first":
        return (targets["step"] == 1).to_numpy()
    counts = (targets["step"] >= first).to_numpy()
    return counts & (targets["support"] <= RARE).to_numpy() if condition == "rare" else counts


def _targets(condition: str) -> str:
    """The condition by which targets are chosen; 'free' for those that ask for something else."""
    return condition if condition in ("first", "rare") else "free"


def mean_of_logs(each: list[Measured]) -> Measured:
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
