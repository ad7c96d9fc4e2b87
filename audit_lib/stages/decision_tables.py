"""Which recommender for which situation, before a reader: `decision.table` under headings, words and ranges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from audit_lib.show.table import DIFFERENCE, SHARE, Interval, Table
from audit_lib.show.words import Translate, name_of, number, translator
from audit_lib.stages.decision import CONDITIONS, NOTHING, ORDERS, SIZES


def decision_table(found: pd.DataFrame, lang: str) -> Table:
    """`decision.table`: constraints of a kind of log that lead to the same recommendation share a row.

    Seconds are those of the recommended one, for training and ranking the whole test part on one core.
    """
    headings = [
        "Order", "Log", "Constraint", "Recommended", "Recall@20", "MRR@20", "Best", "Best by MRR@20",
        "Best less recommended", "Interval of the difference", "Seconds", "One answer, ms", "Data sets",
    ]  # fmt: skip
    return Table(pd.DataFrame(_cells(found, translator(lang), lang), columns=headings), lang=lang)


def _cells(found: pd.DataFrame, _: Translate, lang: str) -> Iterator[tuple[str | float | Interval | None, ...]]:
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
            None if alone else float(row["behind"]),
            "–" if alone else Interval(row["behind_low"], row["behind_high"], DIFFERENCE),
            f"{row['seconds']:.1f}" if useful else "–",
            "–" if np.isnan(row["ms"]) or not useful else f"{row['ms']:.2f}" + ("≈" if near else ""), row["datasets"],
        )  # fmt: skip


def recommended(row: Mapping[str, object], lang: str = "en") -> str:
    """What is recommended, in words: a name, or that nothing allowed is useful."""
    _ = translator(lang)
    return _("None is useful") if row["recommended"] == NOTHING else name_of(str(row["recommended"]), lang)


def span(least: float, most: float) -> str:
    """A range over logs in per cent, or the one value where there is one log."""
    return str(Interval(least, most)) if least < most else number(least, SHARE)
