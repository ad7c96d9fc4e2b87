"""Whether trainings are equal: the fast path against plain autograd, the independent engine against the official code.

Equal weights and equal negatives go in, dropout is off; losses are compared step by step, final weights array by array.
Relative differences: a loss's to the loss it is compared with, a weight's to the largest of its array.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch

from audit_lib.data.logs import ITEM, SESSION, TIME
from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.evaluation import metrics, ranking
from audit_lib.measurements import TAIL_CASE
from audit_lib.recommenders.gru4rec import batches, model
from audit_lib.recommenders.gru4rec.config import GRU4RecConfig
from audit_lib.recommenders.gru4rec.fast import Fast
from audit_lib.recommenders.gru4rec.official import OfficialGRU4Rec, Trace
from audit_lib.recommenders.gru4rec.reference import Reference
from audit_lib.recommenders.gru4rec.torch_threads import threads
from audit_lib.recommenders.gru4rec.train import GRU4Rec

N_ITEMS = 200
Trained = tuple[np.ndarray, dict[str, np.ndarray]]  # losses by step, arrays by name

INPUTS: dict[str, dict[str, Any]] = {
    "shared": {},
    "separate": {"constrained_embedding": False, "embedding": 12},
    "one-hot": {"constrained_embedding": False},
}
LOSSES: dict[str, dict[str, Any]] = {
    "cross-entropy": {"loss": "cross-entropy", "logq": 1.0},
    "bpr-max": {"loss": "bpr-max", "bpreg": 0.5},
}

# ELU has a kink at 0 unless elu_param is 1: a score within rounding of 0 then takes another slope in one engine than in
# the other (and in float32 than in float64), which shows in the weights.
BASE: dict[str, Any] = {"layers": (24,), "batch_size": 16, "n_sample": 64, "n_epochs": 2, "elu_param": 1.0}
ONE_HOT: dict[str, Any] = {"constrained_embedding": False, "cell": "paper"}
OFFICIAL_CASES: dict[str, dict[str, Any]] = {
    "shared, cross-entropy with logq": {"logq": 1.0},
    "shared, cross-entropy with logq and alpha between": {"logq": 0.7, "sample_alpha": 0.75, "learning_rate": 0.03},
    "shared, cross-entropy, momentum": {"momentum": 0.4},
    "shared, cross-entropy, no extra negatives": {"n_sample": 0},
    "shared, BPR-max": {"loss": "bpr-max"},
    "shared, BPR-max without ELU, momentum": {"loss": "bpr-max", "elu_param": 0, "bpreg": 0.5, "momentum": 0.3},
    "shared, BPR-max, no extra negatives": {"loss": "bpr-max", "n_sample": 0, "learning_rate": 0.03},
    "separate, cross-entropy with logq": {"constrained_embedding": False, "embedding": 12, "logq": 1.0},
    "separate, BPR-max, momentum": {
        "constrained_embedding": False, "embedding": "layersize", "loss": "bpr-max", "momentum": 0.2,
    },
    "one-hot, cross-entropy with logq": ONE_HOT | {"logq": 1.0},
    "one-hot, BPR-max, momentum": ONE_HOT | {"loss": "bpr-max", "momentum": 0.2},
    "two layers, cross-entropy with logq": {"layers": (20, 24), "logq": 1.0},
}  # fmt: skip


def walks(n_sessions: int, *, shortest: int = 2) -> pd.DataFrame:
    """A log in which an item is followed by a fixed other one six times in ten, and else by one of a Zipf law."""
    rng = np.random.default_rng(0)
    popularity = 1 / np.arange(1, N_ITEMS + 1)
    popularity /= popularity.sum()
    rows = []
    for session in range(n_sessions):
        item = int(rng.choice(N_ITEMS, p=popularity))
        for step in range(int(rng.integers(shortest, 9))):
            rows.append((session, item, 100.0 * session + step))
            item = (7 * item + 3) % N_ITEMS if rng.random() < 0.6 else int(rng.choice(N_ITEMS, p=popularity))
    return pd.DataFrame(rows, columns=[SESSION, ITEM, TIME])


def log_and_test(n_train: int = 1200, n_test: int = 300) -> tuple[Sessions, Sessions]:
    """Walks to train on, and later ones of the items that occur in them, over one catalogue."""
    log = walks(n_train + n_test)
    train = Sessions.from_log(log[log[SESSION] < n_train])
    later = log[(log[SESSION] >= n_train) & log[ITEM].isin(train.catalogue)]
    later = later[later.groupby(SESSION)[ITEM].transform("size") > 1]
    return train, Sessions.from_log(later, train.catalogue)


def given_negatives(settings: Mapping[str, Any], n_items: int = N_ITEMS) -> Callable[[int], np.ndarray] | None:
    """Uniform ones, so that many of them are rare items; of any step."""
    if not settings["n_sample"]:
        return None
    return lambda step: np.random.default_rng((5, step)).integers(0, n_items, settings["n_sample"])


def steps_of(
    engine: Callable[..., Any], config: GRU4RecConfig, train: Sessions, *, steps: int, **options: Any
) -> Trained:
    """Losses (steps,) and all arrays, the optimizer's too, after the first `steps` steps, epoch after epoch.

    options: of the engine, such as dtype=torch.float64 of `Reference`.
    """
    plan = batches.schedule(train, batch_size=config.batch_size, min_lanes=1 if config.n_sample else 2)
    run = engine(config, model.initial_weights(config, train.n_items), plan, train.support, **options)
    losses, epoch = [], 0
    with threads(config.threads):
        while steps > 0:
            run.start_epoch(epoch)
            n = min(steps, plan.n_steps)
            half = n // 2
            losses += [run.run(0, half), run.run(half, n)]
            epoch, steps = epoch + 1, steps - n
    return np.concatenate(losses).sum(1, dtype=np.float64) / plan.n_lanes, run.arrays()


def train_official(train: Sessions, settings: Mapping[str, Any]) -> Trained:
    """Losses by step, and final weights, of the official code from our initial weights and given negatives."""
    trace = Trace()
    start = model.initial_weights(GRU4RecConfig(**settings), train.n_items)
    fitted = OfficialGRU4Rec(**settings)
    fitted.fit(train, weights=start, negatives=given_negatives(settings, train.n_items), trace=trace, progress=False)
    return np.array(trace.losses), {name: fitted.state()[name] for name in start}


def train_independent(
    train: Sessions, settings: Mapping[str, Any], *, tail: str = "official", engine: str = "fast"
) -> Trained:
    """The same of the independent engine."""
    fitted = GRU4Rec(**settings, tail=tail)
    negatives = given_negatives(settings, train.n_items)
    fitted.fit(train, negatives=negatives, record_losses=True, engine=engine, progress=False)
    return fitted.losses, fitted.weights


def largest(found: Trained, expected: Trained, *, steps: int | None = None) -> dict[str, float]:
    """steps; losses and weights: the largest relative difference of any step (of the first ones), of any weight."""
    (losses, weights), (expected_losses, expected_weights) = found, expected
    n = min(steps or len(expected_losses), len(expected_losses))
    return {
        "steps": n,
        "losses": float(np.abs(losses[:n] / expected_losses[:n] - 1).max()),
        "weights": worst(weights, expected_weights),
    }


def worst(found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> float:
    """The largest difference of any weight, relative to the largest of its array."""
    if found.keys() != expected.keys():
        raise ValueError(f"arrays differ in name: {sorted(found.keys() ^ expected.keys())}")
    return max(float(np.abs(found[n] - expected[n]).max() / np.abs(expected[n]).max()) for n in expected)


def fast_against_reference(*, steps: int = 200, sessions: int = 300) -> pd.DataFrame:
    """input, loss, n_sample, steps, losses, weights: the fast CPU path against autograd in float64.

    One row for each input, loss and number of extra negatives (0 and 64), all on one small generated log.
    """
    train, rows = Sessions.from_log(walks(sessions)), []
    for (entry, how), (loss, what), extra in itertools.product(INPUTS.items(), LOSSES.items(), (0, 64)):
        config = GRU4RecConfig(**BASE | how | what | {"n_sample": extra})
        expected = steps_of(Reference, config, train, steps=steps, dtype=torch.float64)
        found = steps_of(Fast, config, train, steps=steps)
        names = model.shapes(config, train.n_items)  # the weights without the optimizer's arrays
        pair = [(losses, {name: arrays[name] for name in names}) for losses, arrays in (found, expected)]
        rows.append({"input": entry, "loss": loss, "n_sample": extra, **largest(*pair)})
    return pd.DataFrame(rows)


def against_official(
    cases: Mapping[str, Mapping[str, Any]] = OFFICIAL_CASES, *, steps: int = 500, seeds: int = 5
) -> pd.DataFrame:
    """case, steps, seeds, losses, weights, recall, recall_sd: the independent engine (tail='official') against theirs.

    losses: over the first `steps` steps; weights: at the end of training. recall: Recall@20 of the independent engine
    less that of the official code, of the same training, on later sessions. The last row is no equality: it shows what
    the official tail does, as the correct tail less the official one of the independent engine over `seeds` seeds,
    with the standard deviation of the difference in recall.
    Raises MissingError without the official code.
    """
    train, test = log_and_test()
    rows = []
    for case, changes in cases.items():
        settings = BASE | changes
        theirs, ours = train_official(train, settings), train_independent(train, settings)
        found = recall(settings, ours[1], train, test) - recall(settings, theirs[1], train, test)
        rows.append({"case": case, "seeds": 1, **largest(ours, theirs, steps=steps), "recall": found})
    return pd.DataFrame([*rows, tail_effect(train, test, seeds=seeds)])


def tail_effect(train: Sessions, test: Sessions, *, seeds: int = 5) -> dict[str, Any]:
    """The row of `against_official` on the tail: both tails in the independent engine, from equal weights."""
    found = []
    for seed in range(seeds):
        settings = BASE | {"logq": 1.0, "seed": seed}
        correct, official = (train_independent(train, settings, tail=tail) for tail in ("correct", "official"))
        gain = recall(settings, correct[1], train, test) - recall(settings, official[1], train, test)
        found.append(largest(correct, official) | {"recall": gain})
    table = pd.DataFrame(found)
    row = {"case": TAIL_CASE, "seeds": seeds, "steps": int(table["steps"].max())}
    row |= {key: float(table[key].max()) for key in ("losses", "weights")}
    return row | {"recall": float(table["recall"].mean()), "recall_sd": float(table["recall"].std())}


def recall(settings: Mapping[str, Any], weights: Mapping[str, np.ndarray], train: Sessions, test: Sessions) -> float:
    """Recall@20 (conservative) of the independent engine with these weights."""
    fitted = GRU4Rec(**settings)
    fitted.restore(dict(weights))
    ranks = ranking.rank(fitted, Prefixes(test), train.support)
    return float(metrics.recall(ranks.above, ranks.equal, metrics.K).mean())
