"""Errors that third-party implementations of GRU4Rec make, one at a time, to measure what each costs.

They are those that Hidasi & Czapp (2023, arXiv 2307.14956) name; what is merely left out (a shared embedding, extra
negatives, the logq correction, dropout) is a setting of its own. A configuration without a flaw passes through here
untouched.

| flaw | what goes wrong |
|---|---|
| `double_softmax` | the loss takes the softmax of scores that went through a softmax already |
| `bprmax_wrong` | BPR-max as one logarithm over the whole batch; a lane's own target counts among its negatives |
| `never_reset` | in training, a lane keeps its hidden state when its session ends |
| `evaluate_without_reset` | the same when test sessions are ranked |
| `wrong_init` | initial weights as torch's layers have them by default |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import elu, logsigmoid

from audit_lib.data.sessions import Sessions
from audit_lib.recommenders.gru4rec import batches, losses, model
from audit_lib.recommenders.gru4rec.batches import Schedule
from audit_lib.recommenders.gru4rec.config import GRU4RecConfig


def double_softmax(config: GRU4RecConfig, scores: Tensor, correction: Tensor) -> Tensor:
    """Cross-entropy of softmax(scores - correction), as if these were scores. (b, C) and (C,); returns (b,).

    The inner softmax lies in [0, 1], so that the loss of a perfect prediction is log(1 + (C - 1)/e), not 0.
    """
    return losses.cross_entropy(torch.softmax(scores - correction, 1))


def bprmax_wrong(config: GRU4RecConfig, scores: Tensor, correction: Tensor) -> Tensor:
    """-log mean_{i,j} s_ij sigmoid(o_target - o_ij), s = softmax over all columns; the same value for every lane, (b,).

    Differs from `losses.bpr_max` in three things: the mean over lanes stands inside the logarithm, the target is one of
    its own negatives, and the scores are not regularized.
    """
    o = elu(scores, alpha=config.elu_param) if config.elu_param > 0 else scores
    ahead = torch.exp(logsigmoid(o.diagonal()[:, None] - o))  # (b, C)
    return -torch.log((torch.softmax(o, 1) * ahead).mean()).expand(len(o))


# Flaws of the loss, and the loss that each is about. They are written for autograd: the readable engine trains them.
LOSSES: dict[str, Callable[[GRU4RecConfig, Tensor, Tensor], Tensor]] = {
    "double_softmax": double_softmax,
    "bprmax_wrong": bprmax_wrong,
}


def schedule(config: GRU4RecConfig, plan: Schedule) -> Schedule:
    """The schedule to train on: with `never_reset`, no lane is reset after the first step of an epoch."""
    if config.flaw != "never_reset":
        return plan
    reset = np.zeros_like(plan.reset)
    reset[0] = plan.reset[0]
    return replace(plan, reset=reset)


def initial_weights(config: GRU4RecConfig, n_items: int) -> dict[str, np.ndarray]:
    """The weights to start from: with `wrong_init`, those of torch's layers.

    An embedding is normal with standard deviation 1; everything else, biases too, is uniform in +-1/sqrt(H), with H the
    units of the layer (of the last one for the output).
    """
    if config.flaw != "wrong_init":
        return model.initial_weights(config, n_items)
    rng = np.random.default_rng(config.seed)
    embedding = {"shared": "Wy", "separate": "E", "onehot": ""}[config.input]
    weights = {}
    for name, shape in model.shapes(config, n_items).items():
        if name == embedding:
            weights[name] = rng.standard_normal(shape, np.float32)
            continue
        layer = int(name[4:]) if name[1:4] in ("_ih", "_hh") else -1
        bound = 1 / np.sqrt(config.layers[layer])
        weights[name] = rng.uniform(-bound, bound, shape).astype(np.float32)
    return weights


@torch.no_grad()
def carried_states(config: GRU4RecConfig, weights: Mapping[str, Tensor], sessions: Sessions) -> Iterator[Tensor]:
    """`scoring.hidden_states` of an evaluation without reset, in one piece: (n, H) in order of session and step.

    Test sessions go through session-parallel lanes, batch_size of them, and the hidden state goes with the lane.
    """
    events = replace(sessions, items=np.arange(len(sessions.items)))  # a schedule of positions
    plan = batches.schedule(events, batch_size=config.batch_size)
    feeds = np.ones(len(sessions.items), bool)
    feeds[sessions.offsets[1:] - 1] = False  # the last event of a session is only a target
    place = np.cumsum(feeds) - 1
    device = weights["By"].device
    out = torch.empty(int(feeds.sum()), config.layers[-1], device=device)
    h = [torch.zeros(plan.n_lanes, units, device=device) for units in config.layers]
    for t in range(plan.n_steps):
        if t in plan.kept:
            h = [state[torch.from_numpy(plan.kept[t]).to(device)] for state in h]
        at = plan.inputs[t, : plan.active[t]]
        x = weights[model.input_name(config)][torch.from_numpy(sessions.items[at]).to(device)]
        h = model.hidden(config, weights, x, h, [None] * len(h))
        out[torch.from_numpy(place[at]).to(device)] = h[-1]
    yield out
