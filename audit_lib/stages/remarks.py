"""Sentences of the stages that depend on what was found, in the reader's language.

A fixed text would be wrong on some logs: where a split cannot be made, or where no recommender hits anything.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from audit_lib.show import counted, words
from audit_lib.show.table import SHARE, Remark
from audit_lib.show.words import Translate
from audit_lib.stages.prepared import Prepared

FLAWED = {
    "Temporal": "{value} under the temporal split",
    "Random sessions": "{value} when sessions are split at random",
    "Leave last out": "{value} when the last event is left out",
    "Random events": "{value} when single events are drawn",
}


def flawed_splits(measured: pd.DataFrame, log: Prepared, lang: str) -> Remark:
    """What Markov scores under each split of `tables.by_split`."""
    _: Translate = words.translator(lang)
    found = measured[measured["recommender"] == "markov"].set_index("split")["value"]
    parts = [_(FLAWED[split]).format(value=words.number(value, SHARE)) for split, value in found.items()]
    text = _("Markov has a {metric} of {values}.").format(metric=log.metric, values=", ".join(parts))
    return Remark(words.typeset(text))


def inflation(factors: pd.DataFrame, log: Prepared, lang: str) -> Remark:
    """How far sampled negatives raise the leading metric, from `sampled.by_metric` (column factor)."""
    _ = words.translator(lang)
    factor = factors["factor"].to_numpy(float)
    factor = factor[np.isfinite(factor)]
    if not len(factor):
        return Remark(_("No recommender hits anything here, so that there is nothing to multiply."))
    text = _(
        "With {negatives} drawn uniformly, {metric} is {least} times the true one for one recommender and {most} times "
        "for another: the factors are {spread} times apart."
    )
    least, most = factor.min(), factor.max()
    values = {"least": f"{least:.2f}", "most": f"{most:.2f}", "spread": f"{most / least:.1f}"}
    return Remark(text.format(negatives=counted.said(log.negatives, "negatives", lang), metric=log.metric, **values))


def enough(needed: pd.DataFrame, log: Prepared, lang: str) -> Remark:
    """How many negatives name the better one of every pair, from `evaluation.negatives_needed`."""
    _ = words.translator(lang)
    known = needed.dropna(subset="n")
    if known.empty:
        return Remark(_(
            "No two recommenders differ here, so that no number of negatives could tell them apart."
        ))
    safe = int((needed["n"] <= log.negatives).sum())
    said = [_("Of {pairs} pairs {safe} with {negatives} and with any larger number.")]
    if len(known) < len(needed):
        said.append(_("For {unsure} no number is enough."))
    said.append(_("The most demanding of the others needs {most}, or {share} of the catalogue."))
    text = " ".join(said).format(
        safe=counted.said(safe, "safe", lang), pairs=len(needed),
        negatives=counted.said(log.negatives, "negatives", lang),
        unsure=counted.said(len(needed) - len(known), "pairs", lang),
        most=counted.said(known["n"].max(), "negatives", lang), share=f"{known['share'].max():.1%}",
    )  # fmt: skip
    return Remark(words.typeset(text))


def corrections(quality: pd.DataFrame, log: Prepared, lang: str) -> Remark:
    """What corrections leave of the error of a sampled metric, from `evaluation.corrections`."""
    _ = words.translator(lang)
    rmse = quality[quality["n"] == log.negatives].set_index("estimator")["rmse"]  # 'sampled': without correction
    corrected = np.array([value for name, value in rmse.items() if name != "sampled"])
    text = _(
        "For the best recommender and {negatives} the uncorrected error is {naive} points. The {all} corrections leave "
        "between {best} and {worst}; {worse}."
    )
    naive, best, worst = (words.number(x, ".2points") for x in (rmse["sampled"], corrected.min(), corrected.max()))
    worse = counted.said((corrected > rmse["sampled"]).sum(), "worse", lang)
    negatives = counted.said(log.negatives, "negatives", lang)
    return Remark(text.format(
        negatives=negatives, naive=naive, best=best, worst=worst, all=len(corrected), worse=worse
    ))  # fmt: skip
