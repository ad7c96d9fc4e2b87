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

from audit_lib.show import words as labels
from audit_lib.show.figures import SCALES
from audit_lib.show.words import Translate, name_of
from audit_lib.stages.decision import NEURAL, seconds_of
from audit_lib.stages.literature import GROUPS
from audit_lib.study import headline
from audit_lib.study.evidence import Run
from audit_lib.study.literature_values import min_step
from audit_lib.study.results import SIMPLE, Book, K, main_group, mean_of, paired, real_datasets, values_of

SEARCHED = "headline_tuned"
GENERATED = "generated"
REAL = "diginetica"  # whose shape the record of latency has
FRONT = ("panel", "label", "x", "y", "front")
AT_ONCE = {1: "One at a time", 32: "Thirty-two at a time"}
MILLISECONDS = (
    "Smallest catalogue, ms", "Largest catalogue, ms", "99th percentile, ms", "99th percentile, wall, ms",
)  # fmt: skip
PANELS = {
    "seconds": "Seconds to train and rank", "model_mb": "Fitted arrays (MiB)",
    "p99": "One answer, 99th percentile (ms)",
}  # fmt: skip
CLOCKS = {"processor": "Processor", "wall": "Wall clock"}


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
    values, drawn = values_of(runs, "Recall", K, min_step(dataset))
    found = drawn.over_seeds(values)
    own = all(_by_processor(run.manifest["seconds"]) for run in runs)
    return (
        dataset, _label(name, group, lang), name, group, found.mean, found.interval.low, found.interval.high,
        statistics.median(map(seconds_of, runs)), "processor" if own else "wall",
        min(run.manifest["peak_memory_mb"] for run in runs), len(runs),
    )  # fmt: skip


def _by_processor(seconds: Mapping[str, float]) -> bool:
    """Whether all of it is known in processor time: not so what was trained before a stop."""
    return "processor" in seconds and "earlier" not in seconds


def _label(name: str, group: str, lang: str) -> str:
    words = GROUPS.get(group)
    return name_of(name, lang) + (f", {labels.translator(lang)(words)}" if words else "")


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
            found = drawn.difference(more, less)
            seconds = b["seconds"] - a["seconds"]
            per_point = seconds / (100 * found.mean)
            rows.append((
                dataset, a["label"], b["label"], found.mean, found.interval.low, found.interval.high, seconds, per_point
            ))  # fmt: skip
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
    return table.assign(panel=table["dataset"], label=names, x=table["seconds"], y=table["recall"])[list(FRONT)]


def timed(table: pd.DataFrame, record: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """The rows of `costs` of one data set with the settings in which the record timed them there.

    Those found on validation where the record says so, else the defaults; of GRU4Rec those of its main group.
    """
    tuned = record[record["log"] == dataset].drop_duplicates("recommender").set_index("recommender")["tuned"]
    rows = table[(table["dataset"] == dataset) & table["recommender"].isin(tuned.index)]
    groups = {(True, True): SEARCHED, (True, False): main_group(dataset), (False, True): "tuned"}
    keys = zip(rows["recommender"] == NEURAL, rows["recommender"].map(tuned), strict=True)
    return rows[rows["group"] == [groups.get(key, SIMPLE) for key in keys]]


def trade(table: pd.DataFrame, record: pd.DataFrame, *, dataset: str = REAL) -> pd.DataFrame:
    """panel (label), label, x, y, front: Recall@20 of one data set against each kind of cost.

    Of every recommender with the settings in which its answers were timed, as `timed` has them.
    """
    rows = timed(table, record, dataset)
    own = answers(record, log=dataset).set_index("recommender")
    own["seconds"] = rows.set_index("recommender")["seconds"]
    costs_ = {label: rows["recommender"].map(own[column]) for column, label in PANELS.items()}
    found = [
        rows.assign(panel=panel, x=x, y=rows["recall"], front=front(x, rows["recall"]))[list(FRONT)]
        for panel, x in costs_.items()
    ]
    return pd.concat(found, ignore_index=True)


# --- before a reader


def matrix(table: pd.DataFrame, column: str, spec: str) -> pd.DataFrame:
    """Recommender, and a column for each data set, cells as text: a dash where it was not run, * on the front.

    Seconds by the clock of a busy machine are marked ~.
    """
    shown = [
        labels.number(row[column], spec) + ("*" if row["front"] else "") + ("~" if clocked(row, column) else "")
        for row in table.to_dict("records")
    ]
    wide = table.assign(shown=shown).pivot_table(index="label", columns="dataset", values="shown", aggfunc="first")
    wide = wide.fillna("–")
    wide = wide.loc[table["label"].unique(), table["dataset"].unique()]
    wide.insert(0, "Recommender", wide.index)
    return wide.reset_index(drop=True).rename_axis(columns=None)


def clocked(row: dict[str, object], column: str) -> bool:
    """Whether a cell is seconds by the clock alone."""
    return column == "seconds" and row["clock"] == "wall"


def steps_table(found: pd.DataFrame) -> pd.DataFrame:
    """`steps` under headings."""
    return pd.DataFrame({
        "Data set": found["dataset"],
        "From": found["cheaper"],
        "To": found["dearer"],
        "Gain of Recall@20": found["gain"],
        "95 % interval": [f"{row.low:+z.4f} – {row.high:+z.4f}" for row in found.itertuples()],
        "More seconds": found["seconds"],
        "Seconds a point": found["per_point"],
    })  # fmt: skip


def clocks_table(found: pd.DataFrame, translate: Translate) -> pd.DataFrame:
    """`clocks` under headings."""
    return pd.DataFrame({
        "Clock": [translate(CLOCKS[clock]) for clock in found["clock"]],
        "Runs": found["runs"],
        "Wall / processor, median": found["median"],
        "Wall / processor, largest": found["largest"],
    })  # fmt: skip


def growth_table(record: pd.DataFrame, *, served: bool = True, lang: str = "en") -> pd.DataFrame:
    """Recommender, medians over the smallest and the largest catalogue, their ratio, and the 99th percentiles there."""
    rows = []
    for name, part in answers(record, served=served).groupby("recommender", sort=False):
        small, large = part.iloc[0], part.iloc[-1]
        rows.append((
            name_of(str(name), lang), small["p50"], large["p50"], large["p50"] / small["p50"], large["p99"],
            large["p99_wall"],
        ))  # fmt: skip
    headings = [
        "Recommender", "Smallest catalogue, ms", "Largest catalogue, ms", "Growth", "99th percentile, ms",
        "99th percentile, wall, ms",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=headings)


def memory_table(table: pd.DataFrame, record: pd.DataFrame, *, dataset: str = REAL, lang: str = "en") -> pd.DataFrame:
    """Recommender, Recall@20, fitted arrays, least peak of a process; those of one data set, as `timed` has them."""
    size = answers(record, log=dataset).set_index("recommender")["model_mb"]
    rows = timed(table, record, dataset)
    return pd.DataFrame({
        "Recommender": [name_of(name, lang) for name in rows["recommender"]],
        "Recall@20": rows["recall"].to_numpy(),
        "Fitted arrays (MiB)": rows["recommender"].map(size).to_numpy(),
        "Peak of the process (MiB)": rows["memory_mb"].to_numpy(),
    })  # fmt: skip


def training_growth(scaling: pd.DataFrame, translate: Translate) -> pd.DataFrame:
    """What is varied, From, To, Times as large, Times as slow: of the record of training speed (`train_speed.scaling`).

    A thing whose least value is 0 has no ratio of sizes.
    """
    rows = []
    for varied, part in scaling.groupby("varied", sort=False):
        small, large = part.iloc[0], part.iloc[-1]
        times = large["value"] / small["value"] if small["value"] else float("nan")
        slower = small["events_per_second"] / large["events_per_second"]
        rows.append((translate(SCALES[str(varied)]), int(small["value"]), int(large["value"]), times, slower))
    headings = ["What is varied", "From", "To", "Times as large", "Times as slow"]
    return pd.DataFrame(rows, columns=headings)


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
