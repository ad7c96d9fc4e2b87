"""The independent engine against the official code: equal weights, equal negatives, equal masks, so equal training.

Losses are compared step by step, final weights array by array; both within 1e-4 relative, the weights relative to the
largest of their array. Where nothing random may be shared, the spread of seeds decides.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.errors import MissingError
from audit_lib.measurements import engine_equality
from audit_lib.measurements.engine_equality import (
    BASE,
    OFFICIAL_CASES,
    given_negatives,
    train_independent,
    train_official,
    walks,
    worst,
)
from audit_lib.recommenders.base import Recommender
from audit_lib.recommenders.gru4rec import model, random_draws, vendor, workarounds
from audit_lib.recommenders.gru4rec.batches import schedule
from audit_lib.recommenders.gru4rec.config import GRU4RecConfig
from audit_lib.recommenders.gru4rec.official import OfficialGRU4Rec, Trace
from audit_lib.recommenders.gru4rec.train import GRU4Rec

pytestmark = pytest.mark.official

TOLERANCE = 1e-4


@pytest.fixture(scope="module", autouse=True)
def official():
    try:
        return vendor.load_official()[0]
    except MissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def train() -> Sessions:
    return Sessions.from_log(walks(1200))


def test_the_table_shows_equality_case_by_case_and_the_tail_as_what_it_is():
    cases = dict(list(OFFICIAL_CASES.items())[:2])
    table = engine_equality.against_official(cases, seeds=2)
    assert list(table["case"]) == [*cases, engine_equality.TAIL_CASE]
    assert (table["steps"] >= 500).all()
    equal, tail = table.iloc[:-1], table.iloc[-1]
    assert (equal[["losses", "weights"]] < TOLERANCE).all(axis=None)
    assert equal["recall"].abs().max() < 0.002
    assert tail["losses"] > 100 * equal["losses"].max()
    assert tail["recall_sd"] > 0


ELU = {"loss": "bpr-max", "elu_param": 0.5, "momentum": 0.2}
CASES = {  # settings, of our engine alone, how many times the tolerance weights may differ by
    **{name: (settings, {}, 1) for name, settings in OFFICIAL_CASES.items()},
    "the default ELU, whose kink shows in weights": (ELU, {}, 100),
    "the readable engine": ({"logq": 1.0, "momentum": 0.2}, {"engine": "reference"}, 1),
    "without logq the tail makes no difference": ({}, {"tail": "correct"}, 1),
}


@pytest.mark.parametrize(("settings", "ours", "times"), CASES.values(), ids=CASES.keys())
def test_losses_of_500_steps_and_final_weights_are_the_official_ones(train, settings, ours, times):
    losses, weights = train_official(train, BASE | settings)
    found_losses, found_weights = train_independent(train, BASE | settings, **ours)
    assert len(losses) >= 500
    np.testing.assert_allclose(found_losses, losses, rtol=TOLERANCE)
    assert worst(found_weights, weights) < times * TOLERANCE


@pytest.mark.parametrize(
    "change", [{"learning_rate": 0.051}, {"logq": 0.99}, {"momentum": 0.01}, {"sample_alpha": 0.51}], ids=str
)
def test_the_comparison_notices_a_small_change(train, change):
    settings = BASE | {"logq": 1.0, "n_epochs": 1}
    losses, weights = train_official(train, settings)
    found_losses, found_weights = train_independent(train, settings | change)
    assert np.abs(found_losses / losses - 1).max() > TOLERANCE
    assert worst(found_weights, weights) > TOLERANCE


def test_the_tails_differ_only_once_the_batch_is_not_full(train):
    settings = BASE | {"logq": 1.0, "n_epochs": 1}
    losses, _ = train_official(train, settings)
    found, _ = train_independent(train, settings, tail="correct")
    plan = schedule(train, batch_size=settings["batch_size"])
    full = plan.active == plan.n_lanes
    assert 0 < (~full).sum() < len(full) / 2
    np.testing.assert_allclose(found[full], losses[full], rtol=TOLERANCE)
    assert np.abs(found[~full] / losses[~full] - 1).max() > 1e-3


def test_both_log_the_same_losses_steps_and_events(train):
    settings = BASE | {"logq": 1.0, "n_epochs": 1}
    start = model.initial_weights(GRU4RecConfig(**settings), train.n_items)
    theirs = OfficialGRU4Rec(**settings).fit(train, weights=start, negatives=given_negatives(settings)).log[0]
    ours = GRU4Rec(**settings, tail="official").fit(train, negatives=given_negatives(settings)).log[0]
    assert ours.keys() <= theirs.keys()
    assert [ours[key] for key in ("epoch", "steps", "events")] == [theirs[key] for key in ("epoch", "steps", "events")]
    assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)


class GivenDropout(torch.nn.Module):
    """Stands for torch's Dropout and applies the independent engine's masks: the first made is of the embedding."""

    made = 0
    seed, lanes = 0, 0

    def __init__(self, p: float):
        super().__init__()
        kind = type(self)
        self.p, self.step = p, 0
        purpose = random_draws.EMBED if kind.made == 0 else random_draws.HIDDEN + kind.made - 1
        self.key = random_draws.key(kind.seed, purpose)
        kind.made += 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mask = random_draws.mask(self.key, self.step, type(self).lanes, self.p, tuple(x.shape))
        self.step += 1
        return x * torch.from_numpy(mask)


@pytest.mark.parametrize(
    "settings",
    [
        {"dropout_p_embed": 0.3, "logq": 1.0},
        {"dropout_p_hidden": 0.3, "loss": "bpr-max"},
        {"dropout_p_embed": 0.2, "dropout_p_hidden": 0.4, "logq": 1.0, "layers": (20, 24)},
        {"dropout_p_embed": 0.2, "dropout_p_hidden": 0.4, "constrained_embedding": False, "embedding": 12},
    ],
    ids=str,
)
def test_with_equal_dropout_masks_training_is_equal_too(train, settings):
    settings = BASE | settings | {"seed": 3}

    class Dropout(GivenDropout):
        made = 0
        seed, lanes = settings["seed"], settings["batch_size"]

    with workarounds.replaced((torch.nn, "Dropout", Dropout)):
        losses, weights = train_official(train, settings)
    assert Dropout.made == 1 + len(settings["layers"])
    found_losses, found_weights = train_independent(train, settings)
    np.testing.assert_allclose(found_losses, losses, rtol=TOLERANCE)
    assert worst(found_weights, weights) < TOLERANCE


def test_sessions_of_one_event_change_nothing_but_the_lanes(official):
    """The official lanes take such sessions and drop them at once; ours leave them out. The events are the same."""
    log = walks(300, shortest=1)
    sessions, trace = Sessions.from_log(log), Trace()
    assert (sessions.lengths == 1).any()
    OfficialGRU4Rec(**BASE | {"n_epochs": 1, "sample_cache_max_size": 4096}).fit(sessions, trace=trace)
    plan = schedule(sessions, batch_size=16)
    assert sum(map(len, trace.targets)) == plan.n_events == len(Prefixes(sessions))


# --- with everything random: the spread of seeds ----------------------------------------------------------------------

SEEDS = range(5)


@pytest.fixture(scope="module")
def split() -> tuple[Sessions, Sessions]:
    return engine_equality.log_and_test(800, 300)


def at_20(fitted: Recommender, test: Sessions) -> tuple[float, float]:
    """Recall@20 and MRR@20, conservative."""
    target = Prefixes(test).target
    scores = np.concatenate([block.copy() for block in fitted.score(Prefixes(test))])
    rank = (scores >= scores[np.arange(len(target)), target][:, None]).sum(1)
    return float((rank <= 20).mean()), float(((rank <= 20) / rank).mean())


def metrics(kind: type[Recommender], past: Sessions, test: Sessions, settings: dict[str, Any]) -> np.ndarray:
    """(seeds, 2) of Recall@20 and MRR@20, from our initial weights of each seed; the rest each engine draws itself."""
    found = []
    for seed in SEEDS:
        start = model.initial_weights(GRU4RecConfig(**settings, seed=seed), past.n_items)
        more = {"sample_cache_max_size": 100_000} if kind is OfficialGRU4Rec else {}
        found.append(at_20(kind(**settings, **more, seed=seed).fit(past, weights=start), test))
    return np.array(found)


def standard_errors_apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.abs(a.mean(0) - b.mean(0)) / np.sqrt((a.var(0, ddof=1) + b.var(0, ddof=1)) / len(SEEDS))


def test_with_dropout_on_recall_and_mrr_lie_within_the_spread_of_seeds(split):
    settings = BASE | {"logq": 1.0, "learning_rate": 0.1, "dropout_p_embed": 0.4, "dropout_p_hidden": 0.4}
    theirs, ours = metrics(OfficialGRU4Rec, *split, settings), metrics(GRU4Rec, *split, settings)
    assert (theirs.min(0) <= ours.max(0)).all()
    assert (ours.min(0) <= theirs.max(0)).all()
    assert (standard_errors_apart(theirs, ours) < 3).all()
    undropped = metrics(GRU4Rec, *split, settings | {"dropout_p_embed": 0.0, "dropout_p_hidden": 0.0})
    assert (standard_errors_apart(theirs, undropped) > 3).any()  # five seeds are enough to notice a missing dropout
