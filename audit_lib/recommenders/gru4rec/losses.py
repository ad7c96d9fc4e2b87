"""The losses of GRU4Rec, one value a lane.

BPR and TOP1: Hidasi et al. 2016; TOP1-max and BPR-max: Hidasi & Karatzoglou 2018; the logq correction of cross-entropy:
Hidasi & Czapp 2023.

The plain form scores every column as it was drawn: the lanes' targets first (lane i's target is column i), then the
extra negatives. The weighted form scores every item once, with the number (or summed correction) of its columns as its
weight: equal columns have equal scores, so both forms are the same function.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import elu, logsigmoid

from audit_lib.recommenders.gru4rec.config import GRU4RecConfig

# Guards the logarithm when every negative outranks the target so far that float32 rounds the sum to zero.
_TINY = 1e-24


def cross_entropy(scores: Tensor, *, correction: Tensor | None = None) -> Tensor:
    """-log softmax of each lane's target over the columns.

    scores: (b, C). correction: (C,), logq * log P_j of each column, subtracted first. Returns (b,).
    """
    if correction is not None:
        scores = scores - correction
    return torch.logsumexp(scores, 1) - scores.diagonal()  # (b,)


def bpr_max(scores: Tensor, *, elu_param: float = 0.5, bpreg: float = 1.0) -> Tensor:
    """-log sum_j s_j sigmoid(o_target - o_j) + bpreg * sum_j s_j o_j^2, s = softmax over the lane's negatives.

    scores: (b, C); o = ELU(scores) with alpha = elu_param, or the scores where that is 0.
    A lane's negatives are all columns but its own. Returns (b,).
    """
    b, c = scores.shape
    own = torch.eye(b, c, dtype=torch.bool, device=scores.device)
    o = elu(scores, alpha=elu_param) if elu_param > 0 else scores
    s = torch.softmax(o.masked_fill(own, -torch.inf), 1)  # (b, C)
    ahead = torch.exp(logsigmoid(o.diagonal()[:, None] - o))  # (b, C)
    return -torch.log((s * ahead).sum(1) + _TINY) + bpreg * (s * o * o).sum(1)


def weighted_cross_entropy(scores: Tensor, *, weight: Tensor, slot: Tensor, correction: Tensor) -> Tensor:
    """`cross_entropy` over distinct items: log sum_u weight_u exp(o_u) - o_target + correction.

    scores: (b, U). weight: (U,), sum of P_j^-logq over the item's columns (0: no column). slot: (b,), the target's
    column. correction: (b,), logq * log P of the target. Returns (b,).
    """
    scores = scores.masked_fill(weight == 0, -torch.inf)  # not a column: not even a NaN counts
    top = scores.detach().amax(1, keepdim=True)
    total = (weight * torch.exp(scores - top)).sum(1)
    return torch.log(total) + (top - scores.gather(1, slot[:, None]))[:, 0] + correction


def weighted_bpr_max(scores: Tensor, *, weight: Tensor, slot: Tensor, elu_param: float, bpreg: float) -> Tensor:
    """`bpr_max` over distinct items. weight: (U,), the item's number of columns. slot: (b,). Returns (b,)."""
    scores = scores.masked_fill(weight == 0, 0)
    o = elu(scores, alpha=elu_param) if elu_param > 0 else scores
    own = torch.arange(o.shape[1], device=o.device) == slot[:, None]
    negatives = weight - own.to(o.dtype)  # (b, U): a lane's own target column is no negative of it
    masked = o.masked_fill(negatives == 0, -torch.inf)
    e = negatives * torch.exp(masked - masked.detach().amax(1, keepdim=True))
    s = e / e.sum(1, keepdim=True)  # (b, U)
    ahead = torch.exp(logsigmoid(o.gather(1, slot[:, None]) - o))
    return -torch.log((s * ahead).sum(1) + _TINY) + bpreg * (s * o * o).sum(1)


def pairwise(scores: Tensor, *, loss: str, final_act: str = "linear") -> Tensor:
    """Computes BPR, TOP1 or TOP1-max: the mean over a lane's negatives j of a comparison with its target t.

    With o = tanh(scores), or the scores where final_act is 'linear': BPR compares by -log sigmoid(o_t - o_j), TOP1 by
    sigmoid(o_j - o_t) + sigmoid(o_j^2). The mean is plain, but for TOP1-max, where s = softmax over the negatives
    weighs them. scores: (b, C). A lane's negatives are all columns but its own. Returns (b,).
    """
    b, c = scores.shape
    o = _activated(scores, final_act)
    return _compared(loss, o, o.diagonal()[:, None], 1 - torch.eye(b, c, dtype=o.dtype, device=o.device))


def weighted_pairwise(scores: Tensor, *, weight: Tensor, slot: Tensor, loss: str, final_act: str = "linear") -> Tensor:
    """`pairwise` over distinct items. weight: (U,), the item's number of columns. slot: (b,). Returns (b,)."""
    o = _activated(scores.masked_fill(weight == 0, 0), final_act)
    own = torch.arange(o.shape[1], device=o.device) == slot[:, None]
    return _compared(loss, o, o.gather(1, slot[:, None]), weight - own.to(o.dtype))


def _activated(scores: Tensor, final_act: str) -> Tensor:
    return torch.tanh(scores) if final_act == "tanh" else scores


def _compared(loss: str, o: Tensor, target: Tensor, negatives: Tensor) -> Tensor:
    """The loss (b,) from o (b, U), the target's o (b, 1) and the number of each item's negative columns (b, U)."""
    share = negatives
    if loss == "top1-max":
        masked = o.masked_fill(negatives == 0, -torch.inf)
        share = negatives * torch.exp(masked - masked.detach().amax(1, keepdim=True))
    value = -logsigmoid(target - o) if loss == "bpr" else torch.sigmoid(o - target) + torch.sigmoid(o * o)
    return (share * value).sum(1) / share.sum(1)


class ColumnWeights(NamedTuple):
    """What a column adds to its item's weight, by item, (V,) float32: as a target, and as an extra negative.

    correction: logq * log P of a target, (V,) float32.
    """

    in_batch: np.ndarray
    sampled: np.ndarray
    correction: np.ndarray


def column_weights(config: GRU4RecConfig, support: np.ndarray) -> ColumnWeights:
    """P^-logq with cross-entropy (P: support, or support^sample_alpha for extra negatives); 1 with other losses."""
    seen = np.maximum(support, 1).astype(np.float64)
    q, alpha = config.logq, config.sample_alpha
    return ColumnWeights(*(x.astype(np.float32) for x in (seen**-q, seen ** (-q * alpha), q * np.log(seen))))
