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
from audit_lib.study import plan
from audit_lib.study.evidence import Run
from audit_lib.study.results import paired

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
        loss = (1 - share.estimate, 1 - share.high, 1 - share.low)
        rows.append((name, *own[:3], mrr, *loss, own.seeds))
    return pd.DataFrame(rows, columns=list(COLUMNS)).sort_values("loss", kind="stable", ignore_index=True)


def single(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `costs` in which one thing is changed, not all that an implementation lacks or could."""
    return table[~table["variant"].str.startswith(("as_", "all_"))]


def across(datasets: Sequence[str], loss: str) -> pd.DataFrame:
    """variant, dataset and the rest of `costs`: the variants that were measured on two data sets or more.

    In the order of their mean relative loss. Raises MissingError as `variants` does.
    """
    tables = [costs(variants(name, loss)).assign(dataset=name) for name in datasets]
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


def published() -> pd.DataFrame:
    """dataset, loss, implementation, best, features, distributed (Recall@20), and three relative losses.

    omitted: of the official code with the features of the implementation alone, against all features. erred: of the
    implementation as distributed, against the official code with the same features. total: against all features.
    """
    table = pd.read_csv(FILE, comment="#")
    return table.assign(
        omitted=1 - table["features"] / table["best"],
        erred=1 - table["distributed"] / table["features"],
        total=1 - table["distributed"] / table["best"],
    )


def omissions(measured: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """loss, implementation, measured with low and high, like (published), least and most (of all published data sets).

    measured: `costs` by loss. like: on Yoochoose, the published data set that is closest to the measured one.
    """
    rows = []
    for (loss, name), published_ in published().groupby(["loss", "implementation"], sort=False):
        costs_ = measured.get(loss, pd.DataFrame(columns=list(COLUMNS))).set_index("variant")
        if FEATURES.get(name) not in costs_.index:
            continue
        ours, there = costs_.loc[FEATURES[name]], published_.set_index("dataset")["omitted"]
        rows.append((
            loss, name, ours["loss"], ours["loss_low"], ours["loss_high"], there["Yoochoose"], there.min(), there.max()
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
