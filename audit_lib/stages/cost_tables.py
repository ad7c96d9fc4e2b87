"""What recall costs, before a reader: the tables of 09 under headings, and the numbers that its text quotes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from audit_lib.errors import MissingError
from audit_lib.show.figures import SCALES
from audit_lib.show.table import DIFFERENCE, Label, Remark, Table, intervals
from audit_lib.show.words import data_name, name_of, number, translator
from audit_lib.stages import cost
from audit_lib.study import records
from audit_lib.study.evidence import Run
from audit_lib.study.results import Book

CLOCKS = {"processor": "Processor", "wall": "Wall clock"}


def clocks_table(found: pd.DataFrame, lang: str) -> Table:
    """`cost.clocks`."""
    return Table({
        "Clock": [Label(CLOCKS[clock]) for clock in found["clock"]],
        "Runs": found["runs"],
        "Wall / processor, median": found["median"],
        "Wall / processor, largest": found["largest"],
    }, lang=lang, formats={"Wall / processor, median": ".1f", "Wall / processor, largest": ".0f"})  # fmt: skip


def matrix_table(table: pd.DataFrame, column: str, spec: str, lang: str) -> Table:
    """A column of `cost.costs`: a row for each recommender, a column for each data set; a dash where it was not run.

    * marks the front, ~ seconds by the clock of a busy machine. A page shows what is on the front of three data sets,
    and what is best on one.
    """
    fronts = table.groupby("label")["front"].sum()
    best = table.loc[table.groupby("dataset")["recall"].idxmax(), "label"]
    shown = [
        number(row[column], spec) + ("*" if row["front"] else "")
        + ("~" if column == "seconds" and row["clock"] == "wall" else "")
        for row in table.to_dict("records")
    ]  # fmt: skip
    wide = table.assign(shown=shown).pivot_table(index="label", columns="dataset", values="shown", aggfunc="first")
    wide = wide.fillna("–").loc[table["label"].unique(), table["dataset"].unique()].rename(columns=data_name)
    wide.insert(0, "Recommender", wide.index)
    shown = (fronts[wide.index] >= min(3, table["dataset"].nunique())).to_numpy() | wide.index.isin(best)
    return Table(wide.reset_index(drop=True).rename_axis(columns=None), lang=lang, shown=shown)


def steps_table(found: pd.DataFrame, lang: str) -> Table:
    """`cost.steps`; a page shows the last one of each data set."""
    shown = pd.DataFrame({
        "Data set": found["dataset"],
        "From": found["cheaper"],
        "To": found["dearer"],
        "Gain of Recall@20": found["gain"],
        "95 % interval": intervals(found, DIFFERENCE),
        "More seconds": found["seconds"],
        "Seconds a point": found["per_point"],
    })  # fmt: skip
    formats = {"More seconds": ",.3g", "Seconds a point": ",.3g"}
    return Table(shown, lang=lang, formats=formats, shown=~found["dataset"].duplicated(keep="last"))


def growth_table(record: pd.DataFrame, lang: str) -> Table:
    """Medians over the smallest and the largest catalogue, their ratio, and the 99th percentiles over the latter."""
    rows = []
    for name, part in cost.answers(record).groupby("recommender", sort=False):
        small, large = part.iloc[0], part.iloc[-1]
        growth = large["p50"] / small["p50"]
        rows.append((name, small["p50"], large["p50"], growth, large["p99"], large["p99_wall"]))
    headings = [
        "Recommender", "Smallest catalogue, ms", "Largest catalogue, ms", "Growth", "99th percentile, ms",
        "99th percentile, wall, ms",
    ]  # fmt: skip
    formats = dict.fromkeys(headings[1:], ".3f") | {"Growth": ".1f"}
    return Table(pd.DataFrame(rows, columns=headings), lang=lang, formats=formats)


def memory_table(table: pd.DataFrame, record: pd.DataFrame, lang: str) -> Table:
    """Recall@20, fitted arrays and least peak of a process on the data set `cost.REAL`, as `cost.timed` has them."""
    size = cost.answers(record, log=cost.REAL).set_index("recommender")["model_mb"]
    rows = cost.timed(table, record, cost.REAL)
    return Table({
        "Recommender": rows["recommender"],
        "Recall@20": rows["recall"],
        "Fitted arrays (MiB)": rows["recommender"].map(size),
        "Peak of the process (MiB)": rows["memory_mb"],
    }, lang=lang, formats={"Fitted arrays (MiB)": ".1f", "Peak of the process (MiB)": ",.0f"})  # fmt: skip


def training_growth_table(scaling: pd.DataFrame, lang: str) -> Table:
    """How training slows down, from the record of training speed (`train_speed.scaling`).

    A thing whose least value is 0 has no ratio of sizes.
    """
    rows = []
    for varied, part in scaling.groupby("varied", sort=False):
        small, large = part.iloc[0], part.iloc[-1]
        times = large["value"] / small["value"] if small["value"] else float("nan")
        slower = small["events_per_second"] / large["events_per_second"]
        rows.append((Label(SCALES[str(varied)]), int(small["value"]), int(large["value"]), times, slower))
    headings = ["What is varied", "From", "To", "Times as large", "Times as slow"]
    formats = {"Times as large": ",.0f", "Times as slow": ".1f"}
    return Table(pd.DataFrame(rows, columns=headings), lang=lang, formats=formats)


def beyond_table(record: pd.DataFrame, measure: str, lang: str) -> Table:
    """'coverage', 'popularity' or 'repeats' of the record `beyond`: a row for each recommender, a column for each log.

    Under 'repeats' the last row is the share of targets that an item of their own prefix would have hit.
    """
    wide = record.pivot_table(index="recommender", columns="dataset", values=measure, sort=False)
    wide = wide.reindex(columns=list(record["dataset"].unique()), index=list(record["recommender"].unique()))
    rows: dict[Any, pd.Series] = {name_of(str(name), lang): values for name, values in wide.iterrows()}
    if measure == "repeats":
        rows[Label("Targets in their prefix")] = record.groupby("dataset", sort=False)["repeated_targets"].first()
    values = pd.DataFrame(list(rows.values())).reset_index(drop=True).rename(columns=data_name)
    return Table(pd.DataFrame({"Recommender": list(rows)}).join(values), lang=lang)


def quoted(
    book: Book, table: pd.DataFrame, steps: pd.DataFrame, runs: Sequence[Run], record: pd.DataFrame,
    earlier: pd.DataFrame, beyond: pd.DataFrame,
) -> dict[str, Any]:  # fmt: skip
    """The numbers of the text, by name: `cost.summary`, the clocks, answers over the largest catalogue, the lists."""
    both, alone = cost.clocks(runs).to_dict("records")
    processors = [run.manifest["host"]["cpu"] for run in runs]
    speed, blocks = (
        cost.answers(record, at_once=at_once, served=served).groupby("recommender").last()
        for at_once, served in ((1, True), (32, False))
    )
    here, before = (
        cost.answers(each, served=False).groupby("recommender").last().loc["gru4rec"] for each in (record, earlier)
    )
    again = beyond.groupby("dataset")["repeated_targets"].first()
    covered = beyond.loc[beyond["recommender"] != "popularity", "coverage"]
    return cost.summary(book, table, steps) | {
        "alone": int(alone["runs"]), "busy": float(both["median"]), "busiest": float(both["largest"]),
        "usual": max(map(processors.count, processors)) / len(processors),
        "items": int(speed["items"].max()), "answer_gru4rec": float(speed.loc["gru4rec", "p99"]),
        "answer_simple": float(speed["p99"].drop("gru4rec").max()),
        "whole_here": float(here["p99"]), "whole_earlier": float(before["p99"]),
        "wall_earlier": float(before["p99_wall"]),
        "together": float(speed.loc["gru4rec", "p50"] / blocks.loc["gru4rec", "p50"]),
        "again_least": float(again.min()), "again_most": float(again.max()),
        "covered_least": float(covered.min()), "covered_most": float(covered.max()),
    }  # fmt: skip


_ON_A_CARD = {
    "card": "Graphics card", "setting": "Training", "loss_difference": "Largest difference of a loss",
    "captured": "Events/s, CUDA graph", "uncaptured": "Events/s, no graph", "peer": "Official, events/s",
    "targets_per_second": "Targets ranked/s", "peak_memory_mb": "Peak memory (MiB)",
}  # fmt: skip


def card_table(lang: str) -> Table | Remark:
    """The record of `measurements.cuda_speed`; a sentence where there is none."""
    try:
        found = records.read("bench_cuda")
    except MissingError:
        _ = translator(lang)
        return Remark(_(
            "No graphics card has been measured yet. `python -m audit_lib record bench_cuda` does it in some minutes, "
            "on a machine that has one."
        ))  # fmt: skip
    shown = found.assign(setting=[Label(setting) for setting in found["setting"]])[list(_ON_A_CARD)]
    formats = {heading: ",.0f" for heading in list(_ON_A_CARD.values())[3:]} | {_ON_A_CARD["loss_difference"]: ".1e"}
    return Table(shown.rename(columns=_ON_A_CARD), lang=lang, formats=formats)
