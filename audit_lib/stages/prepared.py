"""What the stages on a log work with: the log, its split, and the choices that follow from them or from the reader.

Every stage that reads the log calls `prepare` with the same parameters and so gets the same choices: the cutoff K, the
metric that leads, the number of sampled negatives, and the settings of the simple recommenders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from audit_lib import recommenders
from audit_lib.data import preparing, statistics
from audit_lib.data.datasets import Dataset
from audit_lib.data.splits import Split
from audit_lib.errors import InputError
from audit_lib.evaluation.metrics import CUTOFFS, K
from audit_lib.show import counted, words
from audit_lib.show.table import Remark
from audit_lib.show.words import Translate
from audit_lib.stages import scales
from audit_lib.study import running
from audit_lib.study.evidence import Run

SIMPLE = (
    "popularity", "session_popularity", "markov", "ar", "sr", "itemknn", "sknn", "vsknn", "stan", "vstan",
    "markov_backoff",
)  # fmt: skip
ALWAYS = ("popularity", "markov")  # what the others are held against
NEGATIVES = 100
SHARE = 5  # of the catalogue, a list is at most one part in so many
SATURATED = 0.95  # Recall@K of Popularity or Markov from which on it cannot tell recommenders apart
FEW = 100  # predictions: with fewer, hardly any difference is more than chance


@dataclass(frozen=True)
class Prepared:
    """A log with its split and the choices for it.

    k: cutoff of every metric. lead: 'Recall' or 'MRR', whichever the pages put first. simple: settings by recommender.
    timed: False where Time is only a position. scale: how λ2 of STAN and VSTAN was found, {} where it is the default.
    """

    data: Dataset
    split: Split
    k: int
    lead: str
    simple: Mapping[str, Mapping[str, Any]]
    timed: bool
    scale: Mapping[str, scales.Scale]

    @property
    def metric(self) -> str:
        """The leading metric with its cutoff, like 'Recall@20'."""
        return f"{self.lead}@{self.k}"

    @property
    def cutoffs(self) -> tuple[int, ...]:
        """The usual cutoffs below K, and K."""
        return (*(k for k in CUTOFFS if k < self.k), self.k)

    @property
    def negatives(self) -> int:
        """Sampled negatives of one evaluation."""
        return negatives_of(self.split.train.n_items)

    def run(self, recommender: str) -> Run:
        """The evidence of a simple recommender with the settings for this log."""
        return running.run(self.data, self.split, recommender, **self.simple[recommender])

    def runs(self, *wanted: str) -> dict[str, Run]:
        """The evidence of the simple recommenders, of those wanted that are among them, or of all."""
        return {name: self.run(name) for name in self.simple if not wanted or name in wanted}

    @cached_property
    def facts(self) -> dict[str, Any]:
        """`statistics.statistics` of the log; without times there are no days and no equal times."""
        found: dict[str, Any] = statistics.statistics(self.data.log)
        return found | ({} if self.timed else dict.fromkeys(("time_first", "time_last", "days", "tie_share")))


def prepare(
    dataset: str, *, columns: str = "", time_unit: str = "", test_days: Any = "", min_item_support: Any = "",
    k: Any = "", recommenders: str = "",
) -> Prepared:  # fmt: skip
    """The log of a stage from the stage's parameters, '' for what follows from the log itself.

    Raises InputError for a value that is no number, a cutoff beyond the catalogue, or an unknown recommender.
    """
    options = {"time_unit": time_unit} if time_unit else {}
    data, split = preparing.prepare(
        dataset, columns=columns, test_days=number("test_days", test_days),
        min_item_support=number("min_item_support", min_item_support, whole=True), **options,
    )  # fmt: skip
    timed = data.time != "order"
    cutoff = cutoff_of(split.train.n_items, number("k", k, whole=True))
    found = scales.scales(data, split, k=cutoff, timed=timed) if data.source is None else {}
    simple = {name: found[name].settings if name in found else {} for name in chosen(recommenders)}
    probes = [running.run(data, split, name) for name in ALWAYS]
    best = max(float(run.values("Recall", cutoff).mean()) for run in probes)
    lead = "MRR" if best >= SATURATED and cutoff > 1 else "Recall"
    return Prepared(data, split, cutoff, lead, simple, timed, {name: found[name] for name in found if name in simple})


def number(name: str, value: Any, *, whole: bool = False) -> Any:
    """A parameter as a number above zero; None for ''. Raises InputError for anything else."""
    if value in ("", None):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = float("nan")
    if not (np.isfinite(found) and found > 0 and (found.is_integer() or not whole)):
        raise InputError(f"{name} is '{value}'; it must be a {'whole ' if whole else ''}number above zero.")
    return int(found) if whole else found


def negatives_of(n_items: int) -> int:
    """A hundred, or half of the other items of a small catalogue."""
    return max(1, min(NEGATIVES, (n_items - 1) // 2))


def cutoff_of(n_items: int, wanted: int | None = None) -> int:
    """K: what is wanted, else 20 or a fifth of the catalogue, whichever is less. Raises InputError beyond it."""
    if wanted is None:
        return max(1, min(K, n_items // SHARE))
    if wanted > n_items:
        raise InputError(f"k is {wanted}, but the catalogue has {n_items} items. Choose a smaller one.")
    return wanted


def chosen(names: str) -> tuple[str, ...]:
    """The simple recommenders in a text like 'sr,vsknn', and those that are always there; all for ''."""
    wanted = [name.strip() for name in str(names or "").split(",") if name.strip()]
    for name in wanted:
        recommenders.lookup(name)
        if name not in SIMPLE:
            raise InputError(f"'{name}' is no simple recommender. Choose among {', '.join(SIMPLE)}.")
    return tuple(name for name in SIMPLE if not wanted or name in wanted or name in ALWAYS)


def choices(log: Prepared, lang: str) -> Remark | None:
    """What of the usual choices is otherwise on this log, and why; None if nothing is."""
    _: Translate = words.translator(lang)
    items = log.split.train.n_items
    said = []
    if log.k != K and log.k == cutoff_of(items):
        text = _("Lists have {k} instead of 20, because the catalogue has only {items}.")
        said.append(text.format(k=counted.said(log.k, "items", lang), items=f"{items:,}"))
    elif log.k != K:
        said.append(_("Lists have {k}, as was asked for.").format(k=counted.said(log.k, "items", lang)))
    if log.lead == "MRR":
        text = _(
            "Popularity or Markov alone already has a Recall@{k} of at least {least}: it cannot tell good "
            "recommenders apart. MRR@{k}, which counts the place in the list, leads on these pages."
        )
        said.append(text.format(k=log.k, least=f"{SATURATED:.0%}"))
    if not log.timed:
        said.append(_("Time is only a position in this log: what needs a clock is left out."))
    said += [scales.sentence(name, scale, lang, timed=log.timed) for name, scale in log.scale.items()]
    return Remark(words.typeset(" ".join(said))) if said else None
