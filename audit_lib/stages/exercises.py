"""The answers to the exercises of the learning chapters, each from a small input, by the functions that it is about."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from audit_lib import recommenders
from audit_lib.data.logs import ITEM, SESSION, TIME, filter_log
from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.data.splits import DAY, temporal_split
from audit_lib.data.statistics import statistics
from audit_lib.evaluation import metrics, sampled
from audit_lib.evaluation.counts import Counts
from audit_lib.evaluation.ranking import rank
from audit_lib.evaluation.resampling import Resampling
from audit_lib.recommenders.gru4rec import batches, losses, model
from audit_lib.recommenders.gru4rec.optimizer import EPSILON


def log_of(*sessions: str) -> pd.DataFrame:
    """A log: each word is a session, each letter an item; a second between events, a day between sessions."""
    rows = [(s, item, DAY * s + i) for s, word in enumerate(sessions) for i, item in enumerate(word)]
    return pd.DataFrame(rows, columns=[SESSION, ITEM, TIME])


def data() -> dict[str, float]:
    """Answers of chapter 1."""
    even = statistics(log_of("abcd", "abcd"))
    uneven = statistics(log_of("ab" + 97 * "c", "cd"))
    return {
        "predictions": len(Prefixes(Sessions.from_log(log_of("a", "ab", "abcde")))),
        "gini_even": even["support_gini"], "gini_uneven": uneven["support_gini"],
    }  # fmt: skip


def split() -> dict[str, float]:
    """Answers of chapter 2."""
    log = log_of("ab", "ba", "ab", "ba", "ab")
    log.loc[log.index[7], TIME] += 0.9 * DAY  # the second event of the fourth session comes on the next day
    cut = temporal_split(log, test_days=1 - 1e-4, min_item_support=1)
    sessions, support = log_of("ab", "ab", "ac", "cd"), 2
    once = sessions[sessions.groupby(ITEM)[SESSION].transform("size") >= support]
    settled, _ = filter_log(sessions, min_item_support=support)
    return {
        "train": cut.train.n_sessions, "test": cut.test.n_sessions, "straddling": cut.summary["straddling_sessions"],
        "items_once": once[ITEM].nunique(), "items": settled[ITEM].nunique(), "sessions": settled[SESSION].nunique(),
    }  # fmt: skip


def simple() -> dict[str, float]:
    """Answers of chapter 3."""
    train = Sessions.from_log(log_of("ab", "ab", "ac", "bd", "cd"))
    asked = Sessions.from_log(log_of("ac"), train.catalogue)
    ranks = rank(recommenders.create("markov").fit(train), Prefixes(asked), train.support)
    found: dict[str, float] = {"markov_rank": metrics.rank(ranks.above, ranks.equal)[0]}
    for policy in ("standard", "conservative", "median"):
        found[f"tied_{policy}"] = metrics.rank(np.array([0]), np.array([2]), policy)[0]
    hits = np.repeat([1.0, 0.0], [60, 40])  # one target a session; both hit and miss the same ones but for five
    other = hits.copy()
    other[:5] = 0
    resampling = Resampling.of(np.arange(100))
    one, two, gap = resampling.interval(hits), resampling.interval(other), resampling.difference(hits, other)
    return found | {"high_other": two.high, "low_one": one.low, "gap_low": gap.low, "gap_high": gap.high}


def network() -> dict[str, float]:
    """Answers of chapter 4."""
    plan = batches.schedule(Sessions.from_log(log_of("abc", "ab", "abcd", "ab")), batch_size=2)
    nothing = torch.zeros(1, 32 + 2048)
    pair = torch.tensor([[1.0, 0.0]])
    no_weights = torch.zeros(3, 1), torch.zeros(3)  # of the state, so that the input alone opens the gates
    state = model.cell_pytorch(torch.tensor([[0.0, 0.0, np.log(2)]]), torch.tensor([[0.2]]), *no_weights)  # (1, 1)
    scores = (state * torch.tensor([[1.0, -1.0]])).requires_grad_()  # (1, 2)
    loss = losses.cross_entropy(scores)
    return {
        "steps": plan.n_steps, "events": plan.n_events,
        "loss_nothing": float(losses.cross_entropy(nothing)[0]),
        "bpr": float(losses.pairwise(pair, loss="bpr")[0]), "top1": float(losses.pairwise(pair, loss="top1")[0]),
        "state": float(state), "step_loss": float(loss.detach()),
        "gradient": float(torch.autograd.grad(loss, scores)[0][0, 0]),
    }  # fmt: skip


def evaluation() -> dict[str, float]:
    """Answers of chapter 5."""
    counts = Counts(np.array([3]), np.array([0]), n_items=11)
    above, equal = np.array([0, 3, 24]), np.zeros(3, np.int64)
    found = {name: getattr(metrics, name)(above, equal, 20).mean() for name in ("recall", "mrr", "ndcg")}
    return found | {
        "sampled": sampled.expectation(counts, "Recall", n=5, k=2)[0],
        "full": sampled.expectation(counts, "Recall", n=10, k=2)[0],
    }


def steps() -> dict[str, float]:
    """Answers of the page that follows one click."""
    found = {f"step_{name}": 0.1 * g / np.sqrt(g * g + EPSILON) for name, g in (("small", 0.002), ("large", 2.0))}
    scores = torch.zeros(2, 4, requires_grad=True)  # of two lanes, the columns being two targets and two negatives
    (gradient,) = torch.autograd.grad(losses.cross_entropy(scores).sum() / len(scores), scores)
    tied = np.array([3]), np.array([2])
    return found | {
        "gradient_target": float(gradient[0, 0]), "gradient_other": float(gradient[0, 3]),
        **{f"hit_{policy}": metrics.recall(*tied, 5, policy)[0] for policy in metrics.TIES},
    }  # fmt: skip


def answers(chapter: Callable[[], dict[str, float]]) -> dict[str, float]:
    """The computed numbers of the solutions of one of these chapters, by the names under which its text quotes them."""
    return {f"exercise_{name}": float(value) for name, value in chapter().items()}
