"""The tables on what is beyond the hit, from the record `beyond`: a row for each recommender, a column for each log."""

from __future__ import annotations

import pandas as pd

from audit_lib.show import words
from audit_lib.show.words import Translate

MEASURES = ("coverage", "popularity", "repeats")


def matrix(record: pd.DataFrame, measure: str, *, lang: str = "en") -> pd.DataFrame:
    """Recommender, and a column for each data set: one of MEASURES, in the order of the record.

    Under `repeats` the last row is the share of targets that an item of their own prefix would have hit.
    """
    wide = record.pivot_table(index="recommender", columns="dataset", values=measure, sort=False)
    wide = wide.reindex(columns=list(record["dataset"].unique()), index=list(record["recommender"].unique()))
    rows = {words.name_of(name, lang): values for name, values in wide.iterrows()}
    if measure == "repeats":
        translate: Translate = words.translator(lang)
        targets = record.groupby("dataset", sort=False)["repeated_targets"].first()
        rows[translate("Targets in their prefix")] = targets
    table = pd.DataFrame(rows).T.rename_axis("Recommender").reset_index()
    return table.rename_axis(columns=None)
