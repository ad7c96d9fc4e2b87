"""How fast STAN and VSTAN forget on a log of the reader's own: their λ2, tried on a validation part of train.

The default of 5 days comes from shops whose logs span half a year. On three years of navigation it leaves a
recommender with next to nothing to remember, and on a log without times it means nothing. So a few λ2 are tried: the
default, shares of the span of train, and no forgetting at all. The last sessions of train are the validation part;
test is not touched. What was tried is kept as evidence, so that each stage, in each language, finds it done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from audit_lib.data.datasets import Dataset
from audit_lib.data.sessions import Prefixes
from audit_lib.data.splits import DAY, Split, temporal_split
from audit_lib.errors import InputError
from audit_lib.evaluation import metrics
from audit_lib.show import words
from audit_lib.show.words import Translate
from audit_lib.study import running

FORGETFUL = ("stan", "vstan")
DEFAULT = 5.0  # days
SHARES = (1 / 36, 1 / 6, 1 / 2)  # of the span of train; 5 days are a 36th of the half year of RSC15
VALIDATION = 0.1  # of the sessions of train
PREDICTIONS = 3_000  # of the validation part, at most


@dataclass(frozen=True)
class Scale:
    """λ2 in days (of 86,400 units of Time), None for no forgetting. share: of the span of train; None for the default.

    value: Recall@K in validation; NaN where train is too small for a validation part.
    """

    days: float | None
    share: float | None
    value: float = float("nan")

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the recommender; none for the default."""
        return {} if self.days == DEFAULT else {"lambda_snh": self.days}


def candidates(split: Split, *, timed: bool) -> Iterator[Scale]:
    """The λ2 that are tried, the fastest to forget first."""
    span = max(float(split.train.times.max() - split.train.times.min()), 1.0) / DAY
    if timed:
        yield Scale(DEFAULT, None)
    for share in SHARES:
        yield Scale(float(f"{span * share:.3g}"), share)
    yield Scale(None, None)


def scales(data: Dataset, split: Split, *, k: int, timed: bool) -> dict[str, Scale]:
    """The best λ2 of each recommender by Recall@k in validation; of equal ones the first.

    Where train cannot be cut again, half of its span, which forgets little.
    """
    tried = list(candidates(split, timed=timed))
    try:
        inner = temporal_split(split.train.to_log(), test_fraction=VALIDATION, min_item_support=1, name="validation")
    except InputError:
        return dict.fromkeys(FORGETFUL, next(scale for scale in tried if scale.share == SHARES[-1]))
    predictions = np.cumsum(inner.test.lengths[::-1] - 1)
    kept = max(1, int(np.searchsorted(predictions, PREDICTIONS, side="right")))
    test = inner.test.select(np.arange(inner.test.n_sessions)[::-1][:kept])
    part = replace(inner, test=test, summary={"predictions": len(Prefixes(test))})
    found = {}
    for name in FORGETFUL:
        values = []
        for scale in tried:
            ranks = running.run(data, part, name, lambda_snh=scale.days).ranks
            values.append(float(metrics.recall(ranks["above"], ranks["equal"], k).mean()))
        best = int(np.argmax(values))
        found[name] = Scale(tried[best].days, tried[best].share, values[best])
    return found


def sentence(name: str, scale: Scale, lang: str, *, timed: bool) -> str:
    """Which λ2 a recommender has and why, in the reader's language."""
    _: Translate = words.translator(lang)
    called = words.name_of(name, lang)
    if np.isnan(scale.value):
        text = _(
            "{name} lets the weight of a session fall to 1/e over half of the span of train, since train is too small"
            " to try other scales."
        )
        return text.format(name=called)
    if scale.days is None:
        text = _("{name} does not forget: no time scale did better on a validation part of train.")
    elif timed:
        text = _(
            "{name} lets the weight of a session fall to 1/e over {days} days, the best of the scales tried on a "
            "validation part of train."
        )
    else:
        text = _(
            "{name} lets the weight of a session fall to 1/e over {share} of train, the best of the scales tried on a"
            " validation part of train."
        )
    days = "" if scale.days is None else f"{scale.days:,.3g}"
    return text.format(name=called, days=days, share="" if scale.share is None else f"{scale.share:.1%}")
