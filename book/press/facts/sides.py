"""The numbers of the two sides of a log, by name: GRU4Rec's headline training, and the best simple recommender.

`gru4rec-LOG`, `simple-LOG`, `gru4rec-LOG-less-simple`, each in Recall@20 and with `-mrr` in MRR@20; against the copied
value `gru4rec-LOG-above-copied`. Both sides are chosen on validation (see `headline`).
"""

from __future__ import annotations

from functools import partial

from audit_lib.show import words
from audit_lib.study import literature_values
from audit_lib.study.literature_values import COPIED, min_step
from audit_lib.study.results import K, Measured, values_of
from book.press.facts.documents import Fact, Source

LOGS = {
    "diginetica": "diginetica", "yoochoose": "yoochoose1_64", "retailrocket": "retailrocket", "rsc15": "rsc15_100k",
    "entree": "entree", "foursquare": "foursquare_nyc", "movielens": "movielens_100k",
}  # fmt: skip
METRICS = {"": "Recall", "-mrr": "MRR"}


def copied(source: Source, *, dataset: str, metric: str = "Recall") -> Measured:
    """What papers copy of GRU4Rec."""
    return Measured(literature_values.value(COPIED[dataset], dataset, "gru4rec", metric, K))


def gru4rec(source: Source, *, dataset: str, metric: str = "Recall") -> Measured:
    """Of the headline training."""
    return source.over(source.gru4rec(dataset).runs, dataset, metric)


def above_copied(source: Source, *, dataset: str, metric: str = "Recall") -> Measured:
    """The headline training less the copied value; the interval is ours alone: a published value has none."""
    ours, said = (of(source, dataset=dataset, metric=metric) for of in (gru4rec, copied))
    return Measured(*(x - said.estimate for x in ours[:3]), ours.seeds)


def seeds(source: Source, *, dataset: str) -> Measured:
    """Of the headline training."""
    return Measured(float(len(source.gru4rec(dataset).runs)))


def simple(source: Source, *, dataset: str, metric: str = "Recall") -> Measured:
    """Of the best simple recommender."""
    return source.over(source.simple(dataset).runs, dataset, metric)


def simple_name(source: Source, *, dataset: str) -> str:
    """Of the best simple recommender."""
    return words.RECOMMENDERS[source.simple(dataset).recommender]


def less_simple(source: Source, *, dataset: str, metric: str = "Recall") -> Measured:
    """The headline training less the best simple recommender, paired by target."""
    ours, drawn = values_of(source.gru4rec(dataset).runs, metric, K, min_step(dataset))
    theirs, _ = values_of(source.simple(dataset).runs, metric, K, min_step(dataset))
    return Measured.of(drawn.difference(ours, theirs))


FACTS: dict[str, Fact] = {}
for _log, _dataset in LOGS.items():
    FACTS |= {
        f"gru4rec-{_log}-seeds": partial(seeds, dataset=_dataset),
        f"simple-{_log}-name": partial(simple_name, dataset=_dataset),
    }
    for _suffix, _metric in METRICS.items():
        _what = {"dataset": _dataset, "metric": _metric}
        FACTS |= {
            f"gru4rec-{_log}{_suffix}": partial(gru4rec, **_what),
            f"simple-{_log}{_suffix}": partial(simple, **_what),
            f"gru4rec-{_log}-less-simple{_suffix}": partial(less_simple, **_what),
        }
        if _dataset in COPIED:
            FACTS |= {
                f"copied-{_log}{_suffix}": partial(copied, **_what),
                f"gru4rec-{_log}-above-copied{_suffix}": partial(above_copied, **_what),
            }
