"""Which recommender for which situation: a table computed from the evidence and the record of latency.

A situation is a kind of log (how much of it hangs on the order of events, how large it is) and a constraint. Among the
recommenders that the constraint allows, all within the interval of the best are tied, and a tie goes to the cheapest,
by the seconds of training and ranking. Every recommender has the settings that are best in validation (`headline`).
Values are ranges over the logs of a kind, and nothing is recommended that is useless on all of them.

A page calls `lines(lang)`: Markdown in the reader's language, for a directive that keeps it out of the page's
catalogue. A notebook shows `labels.Table(for_readers(table(), lang), lang=lang)`. A part of it: `table(conditions=…)`.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import exp, log, sqrt
from typing import NamedTuple

import numpy as np
import pandas as pd

from audit_lib.evaluation import metrics
from audit_lib.evaluation.resampling import Resampling
from audit_lib.show import words
from audit_lib.show.words import Translate, name_of
from audit_lib.study import headline
from audit_lib.study.evidence import Run
from audit_lib.study.literature_values import min_step
from audit_lib.study.measures import shuffle_loss
from audit_lib.study.results import CONTROLS, Book, K, Measured, NotYet, real_datasets

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
    _found: dict[object, list[Measured]] = field(default_factory=dict)
    _estimates: dict[object, list[float]] = field(default_factory=dict)

    def estimates(self, name: str, condition: str, metric: str = "Recall") -> list[float]:
        """Those of `each`, to the last bit, without their intervals: nothing is resampled."""
        if (key := (name, _targets(condition), metric)) not in self._estimates:
            asked = (self._sample(dataset, name, _targets(condition), None, metric) for dataset in self.kind.datasets)
            self._estimates[key] = [float(drawn.observed(values).mean()) for values, drawn in filter(None, asked)]
        return self._estimates[key]

    def estimate(self, name: str, condition: str, metric: str = "Recall") -> float:
        """That of `mean`."""
        found = self.estimates(name, condition, metric)
        return statistics.mean(found) if found else float("nan")

    def mean(self, name: str, condition: str, less: str | None = None, metric: str = "Recall") -> Measured:
        """A metric at K of a recommender, or its difference from another: the mean over data sets, each of one weight.

        Data sets are independent, so that the distances of the limits from the estimates add up in squares (Zou &
        Donner 2008). The interval is for these logs; it says nothing of the spread between logs, which `each` shows.
        """
        return mean_of(self.each(name, condition, less, metric))

    def each(self, name: str, condition: str, less: str | None = None, metric: str = "Recall") -> list[Measured]:
        """The same on each data set that has such targets."""
        if (key := (name, _targets(condition), less, metric)) not in self._found:
            asked = (self._sample(dataset, name, _targets(condition), less, metric) for dataset in self.kind.datasets)
            self._found[key] = [Measured.of(drawn.over_seeds(values)) for values, drawn in filter(None, asked)]
        return self._found[key]

    def _sample(
        self, dataset: str, name: str, over: str, less: str | None, metric: str
    ) -> tuple[np.ndarray, Resampling] | None:
        """(R, P) values in one data set, and their resampling; None if it has no such target."""
        runs = self.runs[name][dataset]
        keep = _asked(runs[0].targets, over, min_step(dataset))
        if not keep.any():
            return None
        values = _values(runs, keep, metric)
        if less is not None:
            values = values - _values(self.runs[less][dataset], keep, metric)  # a row beside every seed of the other
        return values, Resampling.of(runs[0].targets["session"]).where(keep)

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
        found.setdefault((_order(book, dataset), _size(book, dataset)), []).append(dataset)
    return [Kind(o, s, tuple(found[o, s])) for o in ORDERS for s in SIZES if (o, s) in found]


def _order(book: Book, dataset: str) -> str:
    return "weak" if shuffle_loss(book, which=dataset).estimate <= WEAK else "strong"


def _size(book: Book, dataset: str) -> str:
    run = next(iter(book.recommenders(dataset).values()))
    return "large" if run.manifest["split"]["train"]["events"] >= LARGE else "small"


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


def _values(runs: Iterable[Run], keep: np.ndarray, metric: str) -> np.ndarray:
    """(R, P), a row for each seed."""
    ranks = [run.ranks.to_numpy()[keep] for run in runs]  # above, equal, …
    return np.stack([metrics.METRICS[metric](r[:, 0], r[:, 1], K) for r in ranks])


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
    """`table` under English headings (`show.table.Table` translates them), its words in the reader's language.

    Constraints of a kind of log that lead to the same recommendation share a row. Seconds are those of the recommended
    one, for training and ranking the whole test part on one core.
    """
    headings = [
        "Order", "Log", "Constraint", "Recommended", "Recall@20", "MRR@20", "Best", "Best by MRR@20",
        "Best less recommended", "Interval of the difference", "Seconds", "One answer, ms", "Data sets",
    ]  # fmt: skip
    return pd.DataFrame(_cells(found, words.translator(lang), lang), columns=headings)


def _cells(found: pd.DataFrame, _: Translate, lang: str) -> Iterator[tuple[str, ...]]:
    decided = [name for name in found.columns if name not in ("condition", "tied", "near")]
    for same in found.groupby(decided, sort=False, dropna=False)["condition"]:
        row, conditions = found.loc[same[1].index[0]], [_(CONDITIONS[condition]) for condition in same[1]]
        useful = row["recommended"] != NOTHING
        alone = not useful or row["recommended"] == row["best"]
        near = bool(found.loc[same[1].index, "near"].any())
        yield (
            _(ORDERS[row["order"]]), _(SIZES[row["size"]]), "; ".join(conditions), recommended(row, lang),
            span(row["recall_least"], row["recall_most"]), span(row["mrr_least"], row["mrr_most"]),
            name_of(row["best"], lang), name_of(row["best_mrr"], lang),
            "–" if alone else f"{row['behind']:+z.4f}",
            "–" if alone else f"{row['behind_low']:+z.4f} – {row['behind_high']:+z.4f}",
            f"{row['seconds']:.1f}" if useful else "–",
            "–" if np.isnan(row["ms"]) or not useful else f"{row['ms']:.2f}" + ("≈" if near else ""), row["datasets"],
        )  # fmt: skip


def recommended(row: Mapping[str, object], lang: str = "en") -> str:
    """What is recommended, in words: a name, or that nothing allowed is useful."""
    _ = words.translator(lang)
    return _("None is useful") if row["recommended"] == NOTHING else name_of(str(row["recommended"]), lang)


def span(least: float, most: float, spec: str = ".3f") -> str:
    """A range over logs, or the one value where there is one log."""
    ends = dict.fromkeys(f"{x:{spec}}" for x in (least, most))
    return " – ".join(ends)


def lines(lang: str = "en", book: Book | None = None, conditions: Iterable[str] = tuple(CONDITIONS)) -> list[str]:
    """The table in Markdown, in the reader's language: for a directive whose words are not for the catalogue."""
    _ = words.translator(lang)
    shown = for_readers(table(book, conditions), lang)
    rule = ["--:" if shown[name].str.fullmatch(r"[-+]?[\d.]+|–").all() else "---" for name in shown]
    shown["Data sets"] = [", ".join(f"`{name}`" for name in names.split(", ")) for names in shown["Data sets"]]
    rows = [[_(name) for name in shown], rule, *shown.itertuples(index=False)]
    return [f"| {' | '.join(row)} |" for row in rows]
