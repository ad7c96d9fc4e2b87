"""What omissions and errors cost, before a reader: the tables of 07 under headings, and what its text quotes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from audit_lib.show.counted import said
from audit_lib.show.table import Estimate, Interval, Label, Table, intervals
from audit_lib.show.words import data_name, translator
from audit_lib.stages import implementations
from audit_lib.stages.searches import LOSSES
from audit_lib.stages.tables import runs_table
from audit_lib.study import plan
from audit_lib.study.evidence import Run
from audit_lib.study.results import mean_over, over, spread

Found = Mapping[str, Mapping[str | None, Sequence[Run]]]  # runs by loss and variant


def label(variant: str | None) -> Label:
    """What a variant is called in text."""
    return Label("Nothing changed" if variant is None else plan.label_of(variant))


def costs_table(table: pd.DataFrame, lang: str) -> Table:
    """`implementations.costs`."""
    return Table({
        "What is changed": [label(variant) for variant in table["variant"]],
        "Recall@20": table["value"],
        "95 % interval": intervals(table),
        "MRR@20": table["mrr"],
        "Relative loss": table["loss"],
        "95 % interval of the loss": intervals(table, low="loss_low", high="loss_high"),
        "Seeds": table["seeds"],
    }, lang=lang)  # fmt: skip


def across_table(table: pd.DataFrame, lang: str) -> Table:
    """`implementations.across` with a column for each data set; a dash where a variant was not run."""
    shown = [Estimate(*row) for row in table[["loss", "loss_low", "loss_high"]].itertuples(index=False)]
    wide = table.assign(shown=shown).pivot_table(index="variant", columns="dataset", values="shown", aggfunc="first")
    wide = wide.fillna("–").loc[table["variant"].unique(), table["dataset"].unique()].rename(columns=data_name)
    wide.insert(0, "What is changed", [label(variant) for variant in wide.index])
    return Table(wide.reset_index(drop=True).rename_axis(columns=None), lang=lang)


def agreement_table(table: pd.DataFrame, lang: str) -> Table:
    """`implementations.agreement`."""
    return Table(table.set_axis(["Data set", "Other data set", "Variants on both", "Kendall's tau"], axis=1), lang=lang)


def right_table(found: Found, lang: str) -> Table:
    """GRU4Rec as it should be: Recall@20 with its interval, MRR@20, and the spread of Recall@20 over seeds, by loss."""
    rows = []
    for loss, groups in found.items():
        runs = groups[None]
        recall = over(runs)
        span = Interval(recall.low, recall.high)
        rows.append((Label(LOSSES[loss]), recall.estimate, span, mean_over(runs, "MRR"), len(runs), spread(runs)))
    headings = ["Loss", "Recall@20", "95 % interval", "MRR@20", "Seeds", "Standard deviation"]
    return Table(pd.DataFrame(rows, columns=headings), lang=lang)


def errors_table(table: pd.DataFrame, lang: str) -> Table:
    """`implementations.errors_of_loss`."""
    return Table({
        "Error": [label(variant) for variant in table["variant"]],
        "Added to": [label(against) for against in table["against"]],
        "Recall@20": table["value"],
        "Relative loss": table["loss"],
        "95 % interval of the loss": intervals(table, low="loss_low", high="loss_high"),
    }, lang=lang)  # fmt: skip


def omissions_table(table: pd.DataFrame, lang: str) -> Table:
    """`implementations.omissions`."""
    return Table({
        "Loss": [Label(LOSSES[loss]) for loss in table["loss"]],
        "Features of": table["implementation"],
        "Measured here": table["measured"],
        "95 % interval": intervals(table),
        "Published, Yoochoose": table["like"],
        "Published, five data sets": intervals(table, low="least", high="most"),
    }, lang=lang)  # fmt: skip


def distributed_table(table: pd.DataFrame, lang: str) -> Table:
    """`implementations.published` over data sets: least and most of what is omitted, of errors, and of both."""
    rows = []
    for (loss, name), group in table.groupby(["loss", "implementation"], sort=False):
        ranges = [Interval(group[c].min(), group[c].max()) for c in ("omitted", "erred", "total")]
        rows.append((Label(LOSSES[loss]), name, *ranges))
    headings = ["Loss", "Implementation", "By omission", "By error", "Together"]
    return Table(pd.DataFrame(rows, columns=headings), lang=lang)


def bars(table: pd.DataFrame) -> pd.DataFrame:
    """variant (its English label), series, loss, low, high: for `figures.bars`, which translates both names."""
    return pd.DataFrame({
        "variant": [plan.label_of(variant) for variant in table["variant"]],
        "series": "Measured here",
        "loss": table["loss"],
        "low": table["loss_low"],
        "high": table["loss_high"],
    })  # fmt: skip


def provenance_table(found: Found, lang: str) -> Table:
    """`runs_table` by what is changed, loss and engine."""
    rows = [
        (label(name), Label(LOSSES[loss]), ", ".join(sorted({entry["engine"] for entry in run.manifest["log"]})), run)
        for loss, groups in found.items() for name, runs in groups.items() for run in runs
    ]  # fmt: skip
    return runs_table(rows, lang, columns=["What is changed", "Loss", "Engine"])


def quoted(
    found: Found, costs: Mapping[str, pd.DataFrame], single: pd.DataFrame, agreed: pd.DataFrame, together: pd.DataFrame,
    lang: str,
) -> dict[str, Any]:  # fmt: skip
    """The numbers of the text, by name. single: the `costs` of cross-entropy in which one thing is changed."""
    right = found["cross-entropy"][None]
    base, worst = over(right).estimate, single.sort_values("loss").iloc[-1]
    inside = together["measured"].between(together["least"], together["most"])
    published = implementations.published()
    return {
        "base": base, "seed_spread": spread(right) / base, "variants": sum(map(len, costs.values())),
        "single": len(single), "clear": int((single["loss_low"] > 0).sum()),
        "gains": said(int((single["loss_high"] < 0).sum()), "gain", lang),
        "worst": translator(lang)(plan.label_of(worst["variant"])), "worst_loss": float(worst["loss"]),
        "worst_low": float(worst["loss_low"]), "worst_high": float(worst["loss_high"]),
        "tau_least": float(agreed["tau"].min()), "tau_most": float(agreed["tau"].max()),
        "compared": len(together), "inside": int(inside.sum()),
        "same_order": float(together["measured"].corr(together["like"], method="kendall")),
        "published_most": float(published["total"].max()),
        "published_halved": int((published["total"] > 0.5).sum()), "published_rows": len(published),
    }  # fmt: skip
