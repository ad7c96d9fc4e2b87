"""What recall costs: seconds, memory and the time of one answer, from manifests and records, and what more would cost.

Seconds are those of training and of ranking the whole test part, on one core: processor time where the manifest has
it. An older manifest has the clock of a busy machine alone, which only overstates.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from itertools import pairwise

import numpy as np
import pandas as pd

from audit_lib.show.words import data_name, name_of
from audit_lib.stages.decision import NEURAL, seconds_of
from audit_lib.stages.literature import GROUPS, named
from audit_lib.study import headline
from audit_lib.study.evidence import Run
from audit_lib.study.literature_values import min_step
from audit_lib.study.results import SIMPLE, Book, main_group, mean_of, over, paired, real_datasets

SEARCHED = "headline_tuned"
GENERATED = "generated"
REAL = "diginetica"  # whose shape the record of latency has
FRONT = ("panel", "label", "x", "y", "front")
AT_ONCE = {1: "One at a time", 32: "Thirty-two at a time"}
PANELS = {
    "seconds": "Seconds to train and rank", "model_mb": "Fitted arrays (MiB)",
    "p99": "One answer, 99th percentile (ms)",
}  # fmt: skip


def all_runs(book: Book) -> list[Run]:
    """Those behind `costs`, data set by data set."""
    return [run for name in real_datasets(book) for runs in runs_of(book, name).values() for run in runs]


def runs_of(book: Book, dataset: str) -> dict[tuple[str, str], list[Run]]:
    """Runs, one a seed, by recommender and group of the study: simple ones, tuned ones, GRU4Rec of either engine."""
    found: dict[tuple[str, str], list[Run]] = {}
    for group in (SIMPLE, "tuned", main_group(dataset), "headline_bpr_max", "third_party_bpr_max", SEARCHED):
        for run in book.present(dataset=dataset, group=group, variant=None):
            found.setdefault((run.recommender, group), []).append(run)
    return found


def costs(book: Book, *, lang: str = "en") -> pd.DataFrame:
    """One row a data set and recommender, data set by data set:

    dataset, label, recommender, group; recall, low, high (Recall@20 over the targets that count, mean over seeds, and
    its interval); seconds (the median over seeds, which one busy hour does not move), clock ('processor', or 'wall' if
    one of the manifests has that alone), memory_mb (the least peak of a process that ran it), seeds; front: whether
    nothing cheaper has as high a recall.
    """
    rows = [
        _cost(dataset, name, group, runs, lang)
        for dataset in real_datasets(book)
        for (name, group), runs in runs_of(book, dataset).items()
    ]
    columns = ["dataset", "label", "recommender", "group", "recall", "low", "high", "seconds", "clock", "memory_mb"]
    table = pd.DataFrame(rows, columns=[*columns, "seeds"])
    fronts = [front(part["seconds"], part["recall"]) for _, part in table.groupby("dataset", sort=False)]
    return table.assign(front=np.concatenate(fronts) if fronts else [])


def _cost(dataset: str, name: str, group: str, runs: list[Run], lang: str) -> tuple[object, ...]:
    found = over(runs, min_step=min_step(dataset))
    own = all(_by_processor(run.manifest["seconds"]) for run in runs)
    return (
        dataset, named(name, GROUPS.get(group), lang), name, group, found.estimate, found.low, found.high,
        statistics.median(map(seconds_of, runs)), "processor" if own else "wall",
        min(run.manifest["peak_memory_mb"] for run in runs), len(runs),
    )  # fmt: skip


def _by_processor(seconds: Mapping[str, float]) -> bool:
    """Whether all of it is known in processor time: not so what was trained before a stop."""
    return "processor" in seconds and "earlier" not in seconds


def front(cost: Iterable[float], worth: Iterable[float]) -> np.ndarray:
    """(N,) bool: the points of the Pareto front. None costs as little and is worth as much, one of the two strictly."""
    cost, worth = np.asarray(cost, float), np.asarray(worth, float)
    no_worse = (cost[:, None] <= cost) & (worth[:, None] >= worth)  # [other, own]
    better = (cost[:, None] < cost) | (worth[:, None] > worth)
    return ~(no_worse & better).any(0)


def steps(book: Book, table: pd.DataFrame) -> pd.DataFrame:
    """Along each front, from the cheapest on: what the next one adds to Recall@20, and what it costs.

    dataset, cheaper, dearer (labels), gain with low and high (paired by target and seed), seconds (more), per_point
    (seconds for each hundredth of Recall@20).
    """
    rows = []
    for dataset, part in table[table["front"]].groupby("dataset", sort=False):
        runs, ordered = runs_of(book, str(dataset)), part.sort_values("seconds").to_dict("records")
        for a, b in pairwise(ordered):
            sides = runs[b["recommender"], b["group"]], runs[a["recommender"], a["group"]]
            more, less, drawn = paired(*sides, min_step=min_step(str(dataset)))
            if not len(more):
                continue
            gain = drawn.difference(more, less)
            seconds = b["seconds"] - a["seconds"]
            rows.append((dataset, a["label"], b["label"], *gain[:3], seconds, seconds / (100 * gain.estimate)))
    columns = ["dataset", "cheaper", "dearer", "gain", "low", "high", "seconds", "per_point"]
    return pd.DataFrame(rows, columns=columns)


def clocks(runs: Iterable[Run]) -> pd.DataFrame:
    """clock, runs, median, largest: how many manifests have processor time; wall by processor seconds of those."""
    has = [run.manifest["seconds"] for run in runs]
    both = [seconds for seconds in has if _by_processor(seconds)]
    ratios = [(s["fit"] + s["rank"]) / s["processor"] for s in both if s["processor"] > 1]  # short ones are noise
    nan = float("nan")
    rows = [
        ("processor", len(both), statistics.median(ratios) if ratios else nan, max(ratios, default=nan)),
        ("wall", len(has) - len(both), nan, nan),
    ]
    return pd.DataFrame(rows, columns=["clock", "runs", "median", "largest"])


def answers(record: pd.DataFrame, *, log: str = GENERATED, at_once: int = 1, served: bool = True) -> pd.DataFrame:
    """recommender, items, p50, p99, p50_wall, p99_wall (ms of one answer), timings, model_mb: of a record of latency.

    served: the faster of the ways to find an answer, by its median; else every item is scored, as ranking does.
    """
    rows = record[(record["log"] == log) & (record["at_once"] == at_once)]
    rows = rows if served else rows[rows["way"] == "catalogue"]
    keys = ["recommender", "items", "way"]
    wide = rows.pivot_table(index=[*keys, "timings", "model_mb"], columns="percentile", values=["ms", "ms_wall"])
    wide.columns = [f"p{percentile}{'_wall' if kind == 'ms_wall' else ''}" for kind, percentile in wide.columns]
    wide = wide.reset_index().sort_values("p50", kind="stable").drop_duplicates(["recommender", "items"])
    order = {name: i for i, name in enumerate(dict.fromkeys(record["recommender"]))}
    return wide.sort_values(["recommender", "items"], key=lambda c: c.map(order) if c.name == "recommender" else c,
                            ignore_index=True)  # fmt: skip


def by_size(record: pd.DataFrame) -> pd.DataFrame:
    """panel (label), recommender, items, value: the median, as served one at a time, and as ranked in blocks."""
    single = answers(record).assign(panel=AT_ONCE[1])
    block = max(record["at_once"])
    blocks = answers(record, at_once=block, served=False).assign(panel=AT_ONCE[block])
    return pd.concat([single, blocks], ignore_index=True).rename(columns={"p50": "value"})


def by_dataset(table: pd.DataFrame, *, lang: str = "en") -> pd.DataFrame:
    """panel (data set), label (recommender, whatever its settings), x (seconds), y (Recall@20), front."""
    names = [name_of(name, lang) for name in table["recommender"]]
    panels = [data_name(name, lang) for name in table["dataset"]]
    return table.assign(panel=panels, label=names, x=table["seconds"], y=table["recall"])[list(FRONT)]


def timed(table: pd.DataFrame, record: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """The rows of `costs` of one data set with the settings in which the record timed them there.

    Those found on validation where the record says so, else the defaults; of GRU4Rec those of its main group.
    """
    tuned = record[record["log"] == dataset].drop_duplicates("recommender").set_index("recommender")["tuned"]
    rows = table[(table["dataset"] == dataset) & table["recommender"].isin(tuned.index)]
    groups = {(True, True): SEARCHED, (True, False): main_group(dataset), (False, True): "tuned"}
    keys = zip(rows["recommender"] == NEURAL, rows["recommender"].map(tuned), strict=True)
    return rows[rows["group"] == [groups.get(key, SIMPLE) for key in keys]]


def trade(table: pd.DataFrame, record: pd.DataFrame) -> pd.DataFrame:
    """panel (label), label, x, y, front: Recall@20 of the data set REAL against each kind of cost.

    Of every recommender with the settings in which its answers were timed, as `timed` has them.
    """
    rows = timed(table, record, REAL)
    own = answers(record, log=REAL).set_index("recommender")
    own["seconds"] = rows.set_index("recommender")["seconds"]
    costs_ = {label: rows["recommender"].map(own[column]) for column, label in PANELS.items()}
    found = [
        rows.assign(panel=panel, x=x, y=rows["recall"], front=front(x, rows["recall"]))[list(FRONT)]
        for panel, x in costs_.items()
    ]
    return pd.concat(found, ignore_index=True)


def summary(book: Book, table: pd.DataFrame, found: pd.DataFrame) -> dict[str, float]:
    """Numbers of the text. datasets; neural: on how many GRU4Rec is on the front; least, most: the seconds of its
    headline training divided by those of the best simple recommender (see `headline`); gained: on how many it has more
    recall than that one; unsure: steps whose interval holds 0; steps; dearest: the most seconds a
    point, among the others.
    """
    ratios, gained, neural = [], 0, 0
    for dataset, part in table.groupby("dataset", sort=False):
        sides = headline.of(book, str(dataset)), headline.best_simple(book, str(dataset))
        ours, best = (headline.needed(side, str(dataset)).runs for side in sides)
        seconds = [statistics.median(map(seconds_of, runs)) for runs in (ours, best)]
        recall = [statistics.mean(map(mean_of, runs)) for runs in (ours, best)]
        ratios.append(seconds[0] / seconds[1])
        gained += recall[0] > recall[1]
        neural += bool(part.loc[part["recommender"].str.startswith("gru4rec"), "front"].any())
    sure = found[found["low"] > 0]
    return {
        "datasets": len(ratios), "neural": neural, "gained": gained, "least": min(ratios), "most": max(ratios),
        "steps": len(found), "unsure": len(found) - len(sure), "dearest": float(sure["per_point"].max()),
    }  # fmt: skip
