"""The tables behind the pages on data, split and baselines: `…_table` for a reader, the others for `figures`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.data.datasets import Dataset
from audit_lib.data.leakage import leakage_report
from audit_lib.data.sessions import Sessions
from audit_lib.data.splits import Split
from audit_lib.errors import InputError
from audit_lib.evaluation import metrics
from audit_lib.evaluation.metrics import K
from audit_lib.show.table import DIFFERENCE, Interval, Label, Table, intervals
from audit_lib.show.words import LEAKAGE, SPLITS, TIE_POLICIES, data_name, name_of
from audit_lib.study import plan, provenance, running
from audit_lib.study.evidence import Run, split_hash
from audit_lib.study.results import Book, mean_over, over

STATISTICS = {
    "events": "Events",
    "sessions": "Sessions of two or more events",
    "items": "Items",
    "one_click_sessions": "Sessions of one event (left out)",
    "length_mean": "Events per session, mean",
    "length_median": "Events per session, median",
    "length_p95": "Events per session, 95th percentile",
    "length_max": "Events per session, maximum",
    "repeat_share": "Events whose item came earlier in the session",
    "tie_share": "Events at the very time of the one before",
    "duplicate_rows": "Duplicate rows",
    "support_median": "Events per item, median",
    "support_gini": "Gini coefficient of item support",
    "days": "Days from first to last event",
}
IN_FIGURES = {"length_p95", "support_median"}
SHARES = {"repeat_share", "tie_share"}


def statistics_table(found: Mapping[str, Any], lang: str) -> Table:
    """Property and Value, as text, of `datasets.describe`; what a log cannot have (days without times) is left out.

    A page leaves out what its figures show, and duplicates where there are none.
    """
    rows, shown = [], []
    for key, label in STATISTICS.items():
        value = found[key]
        if value is None:
            continue
        if key in SHARES:
            text = f"{value:.1%}"
        elif key == "support_gini":
            text = f"{value:.3f}"
        elif float(value).is_integer():
            text = f"{int(value):,}"
        else:
            text = f"{value:,.2f}"
        rows.append({"Property": Label(label), "Value": text})
        shown.append(key not in IN_FIGURES and (key != "duplicate_rows" or value > 0))
    return Table(pd.DataFrame(rows), lang=lang, shown=shown)


def session_lengths(sessions: Sessions) -> pd.DataFrame:
    """length, sessions: how many sessions have each length, up to its 99th percentile."""
    counts = np.bincount(sessions.lengths)
    longest = int(np.quantile(sessions.lengths, 0.99))
    length = np.arange(2, longest + 1)
    return pd.DataFrame({"length": length, "sessions": counts[2 : longest + 1]})


def popularity(sessions: Sessions) -> pd.DataFrame:
    """position, support: at 200 positions in geometric steps, at most, the most frequent item first."""
    support = np.sort(sessions.support)[::-1]
    position = np.unique(np.geomspace(1, len(support), 200).round().astype(int))
    return pd.DataFrame({"position": position, "support": support[position - 1]})


def activity(sessions: Sessions) -> pd.DataFrame:
    """start (Unix seconds), sessions: how many sessions start in each of 120 equal stretches of time."""
    counts, edges = np.histogram(sessions.times[sessions.offsets[:-1]], bins=120)
    return pd.DataFrame({"start": edges[:-1], "sessions": counts})


def parts_table(split: Split, lang: str) -> Table:
    """Part, Sessions, Events, Items, before and after the filters."""
    rows = []
    for label, key in (
        ("Train, as cut", "train_before_filter"), ("Train, filtered", "train"),
        ("Test, as cut", "test_before_filter"), ("Test, filtered", "test"),
    ):  # fmt: skip
        counts = split.summary[key]
        named = {name.title(): counts[name] for name in ("sessions", "events", "items")}
        rows.append({"Part": Label(label), **named})
    return Table(pd.DataFrame(rows), lang=lang)


def leakage_table(compared: Mapping[str, Split], lang: str) -> Table:
    """Property, and a column for each split: its leakage report as text."""
    columns: dict[str, list[Any]] = {"Property": [Label(label) for label in LEAKAGE.values()]}
    for name, split in compared.items():
        report = leakage_report(split)
        values = [getattr(report, key) for key in LEAKAGE]
        columns[name] = [f"{v:.1%}" if isinstance(v, float) else f"{v:,}" for v in values]
    return Table(pd.DataFrame(columns), lang=lang)


def flawed_splits(data: Dataset, split: Split) -> dict[str, Split]:
    """The temporal split beside the flawed ones of the same log, with test parts of about the same size.

    One that the log is too short or too sparse for is left out.
    """
    found = {}
    for kind, label in SPLITS.items():
        with contextlib.suppress(InputError):  # sessions of two events have no third to leave out
            found[label] = split if kind == "default" else plan.flawed_split(kind, data, split)
    return found


def by_split(
    data: Dataset, compared: Mapping[str, Split], recommenders: Iterable[str], *, metric: str = "Recall", k: int = K
) -> pd.DataFrame:
    """split, recommender, value, low, high: the metric under each split, with its 95 % interval over sessions."""
    rows = []
    for label, split in compared.items():
        for name in recommenders:
            run = running.run(data, split, name)
            rows.append({"split": label, "recommender": name, **_interval(run, k, metric)})
    return pd.DataFrame(rows)


def by_cutoff(
    runs: Mapping[str, Run], *, metric: str = "Recall", cutoffs: Iterable[int] = metrics.CUTOFFS
) -> pd.DataFrame:
    """recommender, k, value, low, high."""
    return pd.DataFrame(
        {"recommender": name, "k": k, **_interval(run, k, metric)} for name, run in runs.items() for k in cutoffs
    )


def _interval(run: Run, k: int, metric: str) -> dict[str, float]:
    found = over([run], metric, k)
    return {"value": found.estimate, "low": found.low, "high": found.high}


def scores_table(runs: Mapping[str, Run], lang: str, *, metric: str = "Recall", k: int = K) -> Table:
    """Recommender, the leading metric with its interval, the other two, the leading one over sessions; best first."""
    others = [name for name in metrics.METRICS if name != metric]
    rows = []
    for name, run in runs.items():
        table = metrics.summary(run.ranks, run.targets["session"], (k,), n_items=run.n_items)
        found = _interval(run, k, metric)
        rows.append({
            "Recommender": name,
            f"{metric}@{k}": found["value"],
            "95 % interval": Interval(found["low"], found["high"]),
            **{f"{other}@{k}": table.loc[(other, k), "micro"] for other in others},
            f"{metric}@{k}, mean of sessions": table.loc[(metric, k), "macro"],
        })  # fmt: skip
    return Table(pd.DataFrame(rows).sort_values(f"{metric}@{k}", ascending=False), lang=lang)


PREFIX_GROUPS = ((1, "1"), (2, "2"), (3, "3"), (4, "4"), (6, "5–6"), (10, "7–10"), (np.inf, "11 or more"))
SUPPORT_GROUPS = (
    (0, "0"), (5, "1–5"), (10, "6–10"), (20, "11–20"), (50, "21–50"), (100, "51–100"), (np.inf, "more than 100"),
)  # fmt: skip


def by_prefix_length(runs: Mapping[str, Run], *, metric: str = "Recall", k: int = K) -> pd.DataFrame:
    """recommender, group, value: the metric by the number of events before the target."""
    return _sliced(runs, "step", PREFIX_GROUPS, metric, k)


def by_support(runs: Mapping[str, Run], *, metric: str = "Recall", k: int = K) -> pd.DataFrame:
    """recommender, group, value: the metric by the train support of the target."""
    return _sliced(runs, "support", SUPPORT_GROUPS, metric, k)


def _sliced(
    runs: Mapping[str, Run], column: str, groups: tuple[tuple[float, str], ...], metric: str, k: int
) -> pd.DataFrame:
    edges, names = [edge for edge, _ in groups], [name for _, name in groups]
    rows = []
    for recommender, run in runs.items():
        place = np.searchsorted(edges, run.targets[column].to_numpy())
        table = metrics.slices(run.ranks, place, k)
        found = zip(table.index, table[f"{metric}@{k}"], table["predictions"], strict=True)
        rows += [{"recommender": recommender, "group": names[i], "value": v, "predictions": n} for i, v, n in found]
    return pd.DataFrame(rows)


def provenance_table(data: Dataset, split: Split, runs: Iterable[Run], lang: str) -> Table:
    """Property and Value: what this page was computed from, with what, and when."""
    runs, versions = list(runs), provenance.versions()
    rows = {
        "Data set": data_name(data.name, lang),
        "sha256 of the data": data.data_hash,
        "sha256 of the split": split_hash(split),
        "Commit": provenance.git_commit() or "–",
        "Versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "Processor": provenance.host()["cpu"] or "–",
    }
    if runs:
        rows["Seeds"] = ", ".join(str(seed) for seed in sorted({run.seed for run in runs}))
        seconds = [run.manifest["seconds"] for run in runs]
        rows["Seconds to train and rank"] = f"{sum(s['fit'] + s['rank'] for s in seconds):.1f}"
        hashes = [f"{name_of(run.recommender, lang)} {run.manifest['sha256'][:12]}" for run in runs]
        rows["Evidence (sha256)"] = ", ".join(hashes)
    return Table(pd.DataFrame({"Property": list(map(Label, rows)), "Value": list(rows.values())}), lang=lang)


def runs_table(rows: Iterable[tuple[Any, ...]], lang: str, *, columns: Sequence[str]) -> Table:
    """A row for each run, in the CSV: what is said of it in these columns, then seed, evidence, split and commit.

    rows: a cell for each column, and the run.
    """
    cells = [
        (
            *said, run.seed, run.manifest["sha256"][:12], run.manifest["split"]["hash"][:12],
            (run.manifest["git_commit"] or "–")[:12],
        )
        for *said, run in rows
    ]  # fmt: skip
    return Table(pd.DataFrame(cells, columns=[*columns, "Seed", "Evidence", "Split", "Commit"]), lang=lang, shown=False)


def pairs_table(compared: pd.DataFrame, lang: str) -> Table:
    """`evaluation.pairs`."""
    return Table({
        "Better": compared["first"],
        "Worse": compared["second"],
        "Difference": compared["difference"],
        "95 % interval": intervals(compared, DIFFERENCE),
        "p (Holm)": compared["p_holm"],
    }, lang=lang)  # fmt: skip


def ties_table(policies: pd.DataFrame, lang: str) -> Table:
    """`evaluation.tie_policies`."""
    return Table(policies.set_axis(["Recommender", "Tied targets", *TIE_POLICIES.values()], axis=1), lang=lang)


def flawed_elsewhere_table(book: Book, lang: str) -> Table:
    """Recall@20 of committed evidence under the temporal (or published) split and the flawed ones, a row each log.

    A page leaves out Popularity.
    """
    rows = []
    for dataset in dict.fromkeys(e.dataset for e in book.planned(group="flawed_splits")):
        for recommender in ("popularity", "markov", "vsknn"):
            values = {}
            for split, label in SPLITS.items():
                group = "simple" if split == "default" else "flawed_splits"
                runs = book.present(dataset=dataset, group=group, recommender=recommender, split=split)
                values[label] = mean_over(runs) if runs else float("nan")
            rows.append({"Data set": dataset, "Recommender": recommender, **values})
    return Table(pd.DataFrame(rows), lang=lang, shown=[row["Recommender"] != "popularity" for row in rows])


def shuffle_record_table(record: pd.DataFrame, lang: str) -> Table:
    """The record `shuffle`: what each recommender loses on each log when prefixes are shuffled.

    A page leaves out sequential rules.
    """
    return Table({
        "Data set": record["dataset"],
        "Recommender": record["recommender"],
        "Recall@20, in order": record["recall"],
        "Relative loss": record["loss"],
        "95 % interval": intervals(record),
    }, lang=lang, shown=record["recommender"] != "sr")  # fmt: skip


def dial(record: pd.DataFrame, law: str) -> pd.DataFrame:
    """recommender, group (the strength of order), value: Recall@20 on the synthetic logs of a law, from the record."""
    rows = record[record["law"] == law]
    return rows[["recommender", "strength", "value"]].rename(columns={"strength": "group"})
