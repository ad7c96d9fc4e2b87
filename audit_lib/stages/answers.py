"""The answer of each chapter on a log, in one or two sentences that follow from the numbers, in the reader's language.

A chapter glues its answer, quotes it on its first screen, and the title page of an own log quotes it again.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from audit_lib.data.leakage import Leakage
from audit_lib.evaluation.resampling import Measured
from audit_lib.evaluation.shuffle import ShuffleTest
from audit_lib.show import counted, words
from audit_lib.show.table import DIFFERENCE, SHARE, Estimate
from audit_lib.stages.prepared import Prepared


def _ends(low: float, high: float, spec: str = SHARE) -> dict[str, str]:
    return {"low": words.number(low, spec), "high": words.number(high, spec)}


def _typeset(text: str) -> str:
    return words.typeset(text).replace(" %", "\u00a0%")


def order(found: Mapping[str, ShuffleTest], log: Prepared, lang: str) -> str:
    """01: what the shuffle test of Markov says, from `orders.shuffled`."""
    _ = words.translator(lang)
    if "markov" not in found:
        return _(
            "Whether its order matters cannot be seen: the shuffle test needs sessions of three events, and something "
            "to be hit."
        )
    loss = found["markov"].loss
    if loss.low > 0:
        text = _(
            "Its order carries information: Markov loses {loss} of its {metric} when the sessions are shuffled (95 % "
            "interval {low} to {high})."
        )
    elif loss.high < 0:
        text = _(
            "Its order does not help: Markov has a higher {metric} on shuffled sessions (relative loss {loss}, 95 % "
            "interval {low} to {high})."
        )
    else:
        text = _(
            "There is no sign that its order carries information: Markov loses {loss} of its {metric} when the "
            "sessions are shuffled (95 % interval {low} to {high}, which holds zero)."
        )
    ends = _ends(loss.low, loss.high)
    return _typeset(text.format(loss=words.number(loss.estimate, SHARE), metric=log.metric, **ends))


def split(report: Leakage, measured: pd.DataFrame, log: Prepared, lang: str) -> str:
    """02: what the split of the log leaks, and Markov under it and under the flawed split that moves it most.

    measured: `tables.by_split`.
    """
    _ = words.translator(lang)
    leaks = _("In the split of {name} {shared}, and {future}.").format(
        name=words.data_name(log.data.name, lang),
        shared=counted.said(report.shared_sessions, "in-both-parts", lang),
        future=counted.said(report.future_train_events, "from-the-future", lang),
    )
    markov = measured[measured["recommender"] == "markov"].set_index("split")
    said = {str(name): str(Estimate(row["value"], row["low"], row["high"])) for name, row in markov.iterrows()}
    first, *flawed = said
    if flawed:
        most = str((markov["value"] - markov["value"][first]).abs().idxmax())
        text = _("Markov has a {metric} of {honest}. The flawed split “{split}” would have reported {flawed}.")
        rest = text.format(metric=log.metric, honest=said[first], split=_(most), flawed=said[most])
    else:
        text = _("Markov has a {metric} of {honest}; the log has no room for a flawed split.")
        rest = text.format(metric=log.metric, honest=said[first])
    return _typeset(f"{leaks} {rest} {_('Brackets hold 95 % intervals.')}")


def simple(ranking: pd.DataFrame, log: Prepared, lang: str) -> str:
    """03: the best simple recommender beside Popularity, from `evaluation.intervals`."""
    _, best = words.translator(lang), ranking.iloc[0]
    if best["value"] == 0:
        return _("No simple recommender hits anything on this log.")
    if best["recommender"] == "popularity":
        text = _(
            "No simple recommender is ahead of {best} on {name}: its {metric} is {value} (95 % interval {low} to "
            "{high})."
        )
    else:
        text = _(
            "On {name}, {best} has the highest {metric} of {n} simple recommenders: {value} (95 % interval {low} to "
            "{high}). Popularity, which looks at no session, has {popularity}."
        )
    popularity = ranking.set_index("recommender").loc["popularity", "value"]
    said = [text.format(
        best=words.name_of(best["recommender"], lang), name=words.data_name(log.data.name, lang), n=len(ranking),
        metric=log.metric, value=words.number(best["value"], SHARE),
        popularity=words.number(popularity, SHARE), **_ends(best["low"], best["high"]),
    ), level(int((ranking["value"] == best["value"]).sum()) - 1, lang)]  # fmt: skip
    return _typeset(" ".join(filter(None, said)))


def level(others: int, lang: str) -> str:
    """How many others have the very same value as the best; nothing if none has."""
    _ = words.translator(lang)
    if others == 1:
        return _("One other simple recommender has the very same value.")
    return _("{n} other simple recommenders have the very same value.").format(n=others) if others else ""


def network(difference: Measured, best: str, log: Prepared, lang: str) -> str:
    """04: GRU4Rec less the best simple recommender, by its name in the registry."""
    _ = words.translator(lang)
    if difference.low > 0:
        text = _(
            "GRU4Rec is above {simple}, the best simple recommender on {name}, by {gap} points of {metric} (95 % "
            "interval {low} to {high})."
        )
    elif difference.high < 0:
        text = _(
            "GRU4Rec is below {simple}, the best simple recommender on {name}: the difference is {gap} points of "
            "{metric} (95 % interval {low} to {high})."
        )
    elif difference.low == difference.high == 0:
        text = _("GRU4Rec is level with {simple}, the best simple recommender on {name}, in every session.")
    else:
        text = _(
            "GRU4Rec cannot be told from {simple}, the best simple recommender on {name}: the difference is {gap} "
            "points of {metric} (95 % interval {low} to {high}, which holds zero)."
        )
    return _typeset(text.format(
        simple=words.name_of(best, lang), name=words.data_name(log.data.name, lang), metric=log.metric,
        gap=words.number(difference.estimate, DIFFERENCE), **_ends(difference.low, difference.high, DIFFERENCE),
    ))  # fmt: skip


def sampling(factors: pd.DataFrame, winners: pd.DataFrame, log: Prepared, lang: str) -> str:
    """05: how far sampled negatives raise the leading metric, and how many pairs they reverse beyond chance.

    factors: `evaluation.inflation`. winners: `evaluation.winners`.
    """
    _ = words.translator(lang)
    factor = factors.set_index("recommender")["factor"].astype(float)
    factor = factor[np.isfinite(factor)]
    if factor.empty:
        return _("No recommender hits anything here, so that there is nothing to multiply.")
    text = _(
        "On {name}, sampling {negatives} instead of ranking the whole catalogue multiplies {metric} by {least} for "
        "{lowest} and by {most} for {highest}; of {pairs} pairs of recommenders, {reversed}."
    )
    return _typeset(text.format(
        name=words.data_name(log.data.name, lang), negatives=counted.said(log.negatives, "negatives", lang),
        metric=log.metric, least=f"{factor.min():.2f}", most=f"{factor.max():.2f}", pairs=len(winners),
        lowest=words.name_of(str(factor.idxmin()), lang), highest=words.name_of(str(factor.idxmax()), lang),
        reversed=counted.said(winners["reversed"].sum(), "reversed", lang),
    ))  # fmt: skip
