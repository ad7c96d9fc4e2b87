"""What is observed on the logs themselves: leaks, and what shuffling costs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import pandas as pd

from audit_lib import recommenders
from audit_lib.data.leakage import leakage_report
from audit_lib.data.preparing import prepare
from audit_lib.data.splits import Split
from audit_lib.evaluation import metrics, ranking
from audit_lib.evaluation import shuffle as order

LARGE = ("diginetica", "yoochoose1_64", "retailrocket")
REAL = ("seed_demo", "rsc15_100k", "foursquare_nyc", "movielens_100k", "entree", *LARGE)
LAWS = ("synthetic_first_order", "synthetic_latent")
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)


def leakage(datasets: Iterable[str] = REAL) -> pd.DataFrame:
    """One row a data set: the leakage report of its default split, and whether it is clean."""
    rows = []
    for name in datasets:
        report = leakage_report(prepare(name)[1])
        rows.append({"dataset": name, **dataclasses.asdict(report), "clean": bool(report.clean)})
    return pd.DataFrame(rows)


def shuffle(datasets: Iterable[str] = REAL[1:]) -> pd.DataFrame:
    """dataset, recommender, recall, loss, low, high: the share of Recall@20 that is lost when prefixes are shuffled.

    Of a Markov chain on every log, and on the small ones of V-SKNN and sequential rules too. The demo log is left out:
    it has no order, and a chain hits next to nothing there.
    """
    rows = []
    for name in datasets:
        _, split = prepare(name)
        for recommender in ("markov",) if name in LARGE else ("markov", "sr", "vsknn"):
            rows.append({"dataset": name, **_shuffled(recommender, split)})
    return pd.DataFrame(rows)


def order_dial(laws: Iterable[str] = LAWS, strengths: Iterable[float] = STRENGTHS) -> pd.DataFrame:
    """law, strength, recommender, recall, loss, low, high, value: synthetic logs from no order to nothing but order.

    value: Recall@20 over all targets, where recall is over the last ones that the shuffle test asks for. The oracle has
    no loss: it is what can be reached.
    """
    rows = []
    for law in laws:
        for strength in strengths:
            name = f"{law}:strength={strength}"
            _, split = prepare(name)
            for recommender in ("popularity", "markov", "vsknn", "oracle"):
                settings = {"generator": name} if recommender == "oracle" else {}
                model = recommenders.create(recommender, **settings).fit(split.train)
                ranks = ranking.rank(model, split.prefixes, split.train.support)
                value = float(metrics.recall(ranks.above, ranks.equal, metrics.K).mean())
                found = {"recommender": recommender} if recommender == "oracle" else _shuffled(recommender, split)
                rows.append({"law": law, "strength": float(strength), **found, "value": value})
    return pd.DataFrame(rows)


def _shuffled(recommender: str, split: Split) -> dict[str, str | float]:
    found = order.shuffle_test(recommenders.create(recommender).fit(split.train), split.test)
    loss = {"loss": found.loss.estimate, "low": found.loss.low, "high": found.loss.high}
    return {"recommender": recommender, "recall": float(found.recall), **loss}
