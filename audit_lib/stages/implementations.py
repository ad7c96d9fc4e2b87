"""What third-party implementations of GRU4Rec leave out or get wrong, and what it costs: measured, and as published.

Measured: groups of the study (book/study.toml), each variant against GRU4Rec as it should be with the same seeds.
Published: Hidasi & Czapp 2023, from `book/third_party.csv`, on data sets of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import pandas as pd

from audit_lib.errors import InputError, MissingError
from audit_lib.files import BOOK
from audit_lib.show.words import Translate
from audit_lib.study import plan
from audit_lib.study.evidence import Run
from audit_lib.study.results import K, mean_over, over, paired, values_of

FILE = BOOK / "third_party.csv"
COLUMNS = ("variant", "value", "low", "high", "mrr", "loss", "loss_low", "loss_high", "seeds")

# The groups of the study by loss: that of GRU4Rec as it should be, and those of its variants.
GROUPS = {
    "cross-entropy": ("headline", ("third_party", "omissions", "diginetica_gap")),
    "bpr-max": ("third_party_bpr_max", ("third_party_bpr_max",)),
}
ERRORS_OF_LOSS = ("double_softmax", "bprmax_wrong")
# The variant that has the features of an implementation alone.
FEATURES = dict([
    ("Torch-GRU4Rec", "as_torch_gru4rec"),
    ("Recpack", "as_recpack"),
    ("GRU4REC-pytorch", "as_gru4rec_pytorch"),
    ("KerasGRU4Rec", "as_keras_gru4rec"),
])  # fmt: skip


def variants(dataset: str, loss: str, *, out: Path | None = None) -> dict[str | None, list[Run]]:
    """The runs by variant and in order of seed; None is GRU4Rec as it should be. Variants that were not run are absent.

    Raises MissingError if there is no run of GRU4Rec as it should be.
    """
    right, changed = GROUPS[loss]
    wanted = {"dataset": dataset, "recommender": "gru4rec"}
    found: dict[str | None, list[Run]] = {None: plan.find(out, **wanted, group=right, variant=None)}
    if not found[None]:
        raise MissingError(f"There is no evidence of GRU4Rec with {loss} on '{dataset}'. Run `audit_lib study`.")
    for group in changed:
        planned = plan.select(plan.plan(), wanted | {"group": group})
        for name in dict.fromkeys(e.variant for e in planned if e.variant):
            if not found.get(name):
                found[name] = plan.find(out, **wanted, group=group, variant=name)
    return {name: sorted(runs, key=lambda run: run.seed) for name, runs in found.items() if runs}


def costs(found: Mapping[str | None, Sequence[Run]], *, against: str | None = None) -> pd.DataFrame:
    """A row for each variant: Recall@20 with its interval, MRR@20, and the relative loss of Recall@20 with its own.

    loss: 1 - variant / right, where right is the variant `against` (None: GRU4Rec as it should be) with the same seeds;
    a gain is negative. The intervals are over sessions and seeds, drawn for both sides at once.
    Raises InputError if the two rank different targets, or have no seed in common.
    """
    rows = []
    for name, runs in found.items():
        if name == against:
            continue
        if len({run.manifest["targets_sha256"] for run in (*runs, *found[against])}) > 1:
            raise InputError("The runs rank different targets; only runs on one split can be compared.")
        changed, right, drawn = paired(runs, found[against])
        if not len(changed):
            raise InputError(f"'{name}' has no seed in common with what it is held against.")
        own, share = drawn.over_seeds(changed), drawn.ratio(changed, right)
        mrr = float(paired(runs, found[against], "MRR")[0].mean())
        loss = (1 - share.mean, 1 - share.interval.high, 1 - share.interval.low)
        rows.append((name, *own.interval[:3], mrr, *loss, own.n))
    return pd.DataFrame(rows, columns=list(COLUMNS)).sort_values("loss", kind="stable", ignore_index=True)


def across(datasets: Sequence[str], loss: str, *, out: Path | None = None) -> pd.DataFrame:
    """variant, dataset and the rest of `costs`: the variants that were measured on two data sets or more.

    In the order of their mean relative loss. Raises MissingError as `variants` does.
    """
    tables = [costs(variants(name, loss, out=out)).assign(dataset=name) for name in datasets]
    table = pd.concat(tables, ignore_index=True)
    by_variant = table.groupby("variant")["loss"]
    table = table[by_variant.transform("size") > 1]
    order = by_variant.mean().sort_values(kind="stable").index
    return table.sort_values("variant", key=lambda names: names.map(order.get_loc), kind="stable", ignore_index=True)


def agreement(table: pd.DataFrame) -> pd.DataFrame:
    """first, second, variants, tau: Kendall's tau of the losses of `across` by pair of data sets, three or more."""
    wide = table.pivot_table(index="variant", columns="dataset", values="loss")
    rows = []
    for first, second in combinations(table["dataset"].unique(), 2):
        both = wide[[first, second]].dropna()
        if len(both) >= 3:
            rows.append((first, second, len(both), both[first].corr(both[second], method="kendall")))
    return pd.DataFrame(rows, columns=["first", "second", "variants", "tau"])


def spread(runs: Sequence[Run]) -> float:
    """Standard deviation of Recall@20 over seeds, NaN with one."""
    values, drawn = values_of(runs, "Recall", K)
    found = drawn.over_seeds(values)
    return found.sd if found.n > 1 else float("nan")


def published(path: Path = FILE) -> pd.DataFrame:
    """dataset, loss, implementation, best, features, distributed (Recall@20), and three relative losses.

    omitted: of the official code with the features of the implementation alone, against all features. erred: of the
    implementation as distributed, against the official code with the same features. total: against all features.
    """
    table = pd.read_csv(path, comment="#")
    return table.assign(
        omitted=1 - table["features"] / table["best"],
        erred=1 - table["distributed"] / table["features"],
        total=1 - table["distributed"] / table["best"],
    )


def omissions(measured: Mapping[str, pd.DataFrame], *, like: str = "Yoochoose") -> pd.DataFrame:
    """loss, implementation, measured with low and high, like (published there), least and most (of all data sets).

    measured: `costs` by loss. like: the published data set that is closest to the measured one.
    """
    rows = []
    for (loss, name), published_ in published().groupby(["loss", "implementation"], sort=False):
        costs_ = measured.get(loss, pd.DataFrame(columns=list(COLUMNS))).set_index("variant")
        if FEATURES.get(name) not in costs_.index:
            continue
        ours, there = costs_.loc[FEATURES[name]], published_.set_index("dataset")["omitted"]
        rows.append((
            loss, name, ours["loss"], ours["loss_low"], ours["loss_high"], there[like], there.min(), there.max()
        ))  # fmt: skip
    return pd.DataFrame(rows, columns=["loss", "implementation", "measured", "low", "high", "like", "least", "most"])


def errors_of_loss(found: Mapping[str, Mapping[str | None, Sequence[Run]]]) -> pd.DataFrame:
    """`costs` of the errors of a loss, and against: the variant that each is added to (None: nothing changed)."""
    tables = []
    for groups in found.values():
        for variant in groups:
            error = next((flaw for flaw in ERRORS_OF_LOSS if variant and variant.endswith(flaw)), None)
            if error is None:
                continue
            against = variant.removesuffix(error).rstrip("_") or None
            if against in groups:
                pair = {against: groups[against], variant: groups[variant]}
                tables.append(costs(pair, against=against).assign(against=against))
    empty = pd.DataFrame(columns=[*COLUMNS, "against"])
    return pd.concat(tables, ignore_index=True) if tables else empty


# --- before a reader


def named(variant: str, translate: Translate) -> str:
    """What a variant is called in text."""
    return translate(plan.label_of(variant))


def costs_table(table: pd.DataFrame, translate: Translate) -> pd.DataFrame:
    """`costs` under headings."""
    return pd.DataFrame({
        "What is changed": [named(variant, translate) for variant in table["variant"]],
        "Recall@20": table["value"],
        "95 % interval": _intervals(table["low"], table["high"], "z.4f"),
        "MRR@20": table["mrr"],
        "Relative loss": table["loss"],
        "95 % interval of the loss": _intervals(table["loss_low"], table["loss_high"], "z.1%"),
        "Seeds": table["seeds"],
    })  # fmt: skip


def across_table(table: pd.DataFrame, translate: Translate) -> pd.DataFrame:
    """`across` with a column for each data set; a dash where a variant was not run."""
    shown = [f"{loss:z.1%} ({span})" for loss, span in zip(
        table["loss"], _intervals(table["loss_low"], table["loss_high"], "z.1%"), strict=True
    )]  # fmt: skip
    wide = table.assign(shown=shown).pivot_table(index="variant", columns="dataset", values="shown", aggfunc="first")
    wide = wide.fillna("–")
    wide = wide.loc[table["variant"].unique(), table["dataset"].unique()]
    wide.insert(0, "What is changed", [named(variant, translate) for variant in wide.index])
    return wide.reset_index(drop=True).rename_axis(columns=None)


def agreement_table(table: pd.DataFrame) -> pd.DataFrame:
    """`agreement` under headings."""
    headings = ["Data set", "Other data set", "Variants on both", "Kendall's tau"]
    return table.set_axis(headings, axis=1)


def right_table(found: Mapping[str, Mapping[str | None, Sequence[Run]]]) -> pd.DataFrame:
    """GRU4Rec as it should be: Recall@20 with its interval, MRR@20, and the spread of Recall@20 over seeds, by loss."""
    rows = []
    for loss, groups in found.items():
        runs = groups[None]
        recall, mrr = over(runs, "Recall", K), mean_over(runs, "MRR", K)
        rows.append((loss, recall.estimate, f"{recall.low:.4f} – {recall.high:.4f}", mrr, len(runs), spread(runs)))
    headings = ["Loss", "Recall@20", "95 % interval", "MRR@20", "Seeds", "Standard deviation"]
    return pd.DataFrame(rows, columns=headings)


def errors_table(table: pd.DataFrame, translate: Translate) -> pd.DataFrame:
    """`errors_of_loss` under headings."""
    return pd.DataFrame({
        "Error": [named(variant, translate) for variant in table["variant"]],
        "Added to": [
            translate("Nothing changed") if against is None else named(against, translate)
            for against in table["against"]
        ],
        "Recall@20": table["value"],
        "Relative loss": table["loss"],
        "95 % interval of the loss": _intervals(table["loss_low"], table["loss_high"], "z.1%"),
    })  # fmt: skip


def omissions_table(table: pd.DataFrame) -> pd.DataFrame:
    """`omissions` under headings."""
    return pd.DataFrame({
        "Loss": table["loss"],
        "Features of": table["implementation"],
        "Measured here": table["measured"],
        "95 % interval": _intervals(table["low"], table["high"], "z.1%"),
        "Published, Yoochoose": table["like"],
        "Published, five data sets": _intervals(table["least"], table["most"], "z.1%"),
    })  # fmt: skip


def distributed_table(table: pd.DataFrame) -> pd.DataFrame:
    """`published` by loss and implementation, over data sets: least and most of what is omitted, of errors, of both."""
    rows = []
    for (loss, name), group in table.groupby(["loss", "implementation"], sort=False):
        ranges = [f"{group[c].min():z.1%} – {group[c].max():z.1%}" for c in ("omitted", "erred", "total")]
        rows.append((loss, name, *ranges))
    return pd.DataFrame(rows, columns=["Loss", "Implementation", "By omission", "By error", "Together"])


FORMATS = {"Relative loss": "z.1%", "Measured here": "z.1%", "Published, Yoochoose": "z.1%"}


def figure_table(table: pd.DataFrame) -> pd.DataFrame:
    """variant (its English label), series, loss, low, high: for `figures.bars`, which translates both names."""
    return pd.DataFrame({
        "variant": [plan.label_of(variant) for variant in table["variant"]],
        "series": "Measured here",
        "loss": table["loss"],
        "low": table["loss_low"],
        "high": table["loss_high"],
    })  # fmt: skip


def provenance_table(found: Mapping[str, Mapping[str | None, Sequence[Run]]], translate: Translate) -> pd.DataFrame:
    """A row for each run: what is changed, loss, seed, engine, evidence, commit."""
    rows = [
        (
            translate("Nothing changed") if name is None else named(name, translate), loss, run.seed,
            ", ".join(sorted({entry["engine"] for entry in run.manifest["log"]})), run.manifest["sha256"][:12],
            (run.manifest["git_commit"] or "–")[:12],
        )
        for loss, groups in found.items() for name, runs in groups.items() for run in runs
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["What is changed", "Loss", "Seed", "Engine", "Evidence", "Commit"])


def _intervals(low: pd.Series, high: pd.Series, spec: str) -> list[str]:
    return [f"{format(a, spec)} – {format(b, spec)}" for a, b in zip(low, high, strict=True)]
