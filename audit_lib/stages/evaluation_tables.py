"""What `evaluation` finds, before a reader: its tables under headings, and the numbers that the text of 05 quotes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from audit_lib.evaluation.counts import Counts
from audit_lib.show.table import FINE, Label, Table
from audit_lib.show.words import TIE_POLICIES
from audit_lib.stages.prepared import Prepared
from audit_lib.stages.tables import runs_table
from audit_lib.study.evidence import Run


def inflation_table(factors: pd.DataFrame, lang: str) -> Table:
    """`evaluation.inflation`: full, sampled, and the factor between them."""
    shown = factors[["recommender", "full", "sampled", "factor"]]
    headings = ["Recommender", "Whole catalogue", "Sampled negatives", "Factor"]
    return Table(shown.set_axis(headings, axis=1), lang=lang, formats={"Factor": ".2f"})


def popular_table(uniform: pd.DataFrame, popular: pd.DataFrame, lang: str) -> Table:
    """`evaluation.inflation` with uniform negatives and with negatives drawn by popularity."""
    return Table({
        "Recommender": popular["recommender"],
        "Whole catalogue": popular["full"],
        "Uniform": uniform["sampled"].to_numpy(),
        "By popularity": popular["sampled"],
    }, lang=lang)  # fmt: skip


def crossings_table(crossings: pd.DataFrame, lang: str) -> Table:
    """`evaluation.crossings`; a page shows those with most negatives, which many negatives do not avoid."""
    table = crossings.set_axis(["Ahead from here on", "Behind from here on", "Negatives"], axis=1)
    return Table(table, lang=lang, shown=table["Negatives"].rank(method="first", ascending=False) <= 12)


def winners_table(winners: pd.DataFrame, lang: str) -> Table:
    """The pairs of `evaluation.winners` whose winner a sampled evaluation gets wrong more than once in twenty times."""
    columns = ["first", "second", "p_wrong", "full_first", "full_second", "sampled_first", "sampled_second"]
    headings = ["Better", "Worse", "P(wrong)", "Better, full", "Worse, full", "Better, sampled", "Worse, sampled"]
    shown = winners.loc[winners["p_wrong"] > 0.05, columns].set_axis(headings, axis=1)
    return Table(shown, lang=lang)


def needed_table(needed: pd.DataFrame, lang: str) -> Table:
    """The pairs of `evaluation.negatives_needed` that need most negatives."""
    shown = needed.sort_values("n", ascending=False, na_position="first").head(10)
    headings = ["Better", "Worse", "Difference", "Negatives needed", "Share of the catalogue"]
    formats = {"Difference": FINE, "Negatives needed": ",d"}
    return Table(shown.set_axis(headings, axis=1), lang=lang, formats=formats)


def agreement_table(agreement: pd.DataFrame, lang: str) -> Table:
    """`evaluation.agreement`."""
    headings = ["Negatives", "Kendall's tau", "Low", "High"]
    return Table(agreement.set_axis(headings, axis=1), lang=lang, formats={"Low": "z.2f", "High": "z.2f"})


def corrections_table(quality: pd.DataFrame, lang: str) -> Table:
    """`evaluation.corrections`."""
    shown = quality.assign(estimator=[Label(name) for name in quality["estimator"]])
    headings = ["Negatives", "Estimator", "Truth", "Estimate", "Bias", "Standard deviation", "RMSE"]
    return Table(shown.set_axis(headings, axis=1), lang=lang)


def ties_table(ties: pd.DataFrame, lang: str) -> Table:
    """`evaluation.tie_policies`; a page shows the recommenders on which the policies differ."""
    shown = ties.set_axis(["Recommender", "Tied targets", *TIE_POLICIES.values()], axis=1)
    return Table(shown, lang=lang, shown=ties["standard"] > ties["conservative"])


def intervals_table(found: pd.DataFrame, log: Prepared, lang: str) -> Table:
    """`evaluation.both_averages`."""
    return Table(found.set_axis(["Recommender", log.metric, "Low", "High", "Mean of sessions"], axis=1), lang=lang)


def closest_table(pairs: pd.DataFrame, lang: str) -> Table:
    """The pairs of `evaluation.pairs` that are closest to each other."""
    headings = ["Better", "Worse", "Difference", "Low", "High", "p", "p (Holm)"]
    formats = dict.fromkeys(("Difference", "Low", "High"), FINE)
    return Table(pairs.nsmallest(10, "difference").set_axis(headings, axis=1), lang=lang, formats=formats)


def provenance_table(runs: Mapping[str, Run], lang: str) -> Table:
    """`runs_table` by recommender."""
    return runs_table(runs.items(), lang, columns=["Recommender"])


def quoted(
    log: Prepared, counts: Mapping[str, Counts], *, curves: pd.DataFrame, crossings: pd.DataFrame,
    winners: pd.DataFrame, needed: pd.DataFrame, quality: pd.DataFrame, ties: pd.DataFrame, pairs: pd.DataFrame,
) -> dict[str, Any]:  # fmt: skip
    """The numbers of the text, by name. tied_behind: of Popularity's ties, those wholly behind the first K places."""
    some = next(iter(counts.values()))
    popular, behind = ties.set_index("recommender").loc["popularity"], counts["popularity"]
    behind = behind.above[behind.equal > 0] >= log.k
    rmse = quality[quality["n"] == log.negatives].set_index("estimator")["rmse"]
    return {
        "recommenders": len(counts), "items": some.n_items, "targets": len(some.above), "metric": log.metric,
        "k": log.k, "n": log.negatives, "first": int(curves["n"].min()), "crossings": len(crossings),
        "pairs": len(winners), "pairs_reversed": int(winners["reversed"].sum()),
        "pairs_unsure": int((winners["p_wrong"] > 0.05).sum()), "rmse_best": float(rmse.drop("sampled").min()),
        "gap_least": float(needed["difference"].min()),
        "tie_swing": float((ties["standard"] - ties["conservative"]).max()),
        "tied_popularity": float(popular["tied"]),
        "swing_popularity": float(popular["standard"] - popular["conservative"]),
        "tied_behind": float(behind.mean()) if len(behind) else 0.0,
        "pairs_apart": int((pairs["p_holm"] < 0.05).sum()),
    }  # fmt: skip
