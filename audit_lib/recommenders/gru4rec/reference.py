"""The readable engine: autograd over gathered rows, columns as drawn. Slow, and the oracle of the other engines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from audit_lib.recommenders.gru4rec import flaws, losses, model, random_draws
from audit_lib.recommenders.gru4rec.batches import Schedule
from audit_lib.recommenders.gru4rec.config import PAIRWISE, GRU4RecConfig
from audit_lib.recommenders.gru4rec.optimizer import Adagrad

Negatives = Callable[[int], np.ndarray]  # step (over all epochs) -> (n_sample,) int64


class Reference:
    """One engine: `start_epoch`, then `run` steps; `arrays` and `restore` hold weights and optimizer state.

    weights: as `model.shapes` names them. support: (V,) train occurrences. negatives: given ones, or None to draw them.
    dtype: float64 for tests.
    """

    def __init__(
        self,
        config: GRU4RecConfig,
        weights: dict[str, np.ndarray],
        schedule: Schedule,
        support: np.ndarray,
        *,
        negatives: Negatives | None = None,
        dtype: torch.dtype = torch.float32,
    ):
        self.config, self.schedule, self.dtype = config, schedule, dtype
        self.weights = {name: torch.tensor(w, dtype=dtype) for name, w in weights.items()}
        self.optimizer = Adagrad(self.weights, learning_rate=config.learning_rate, momentum=config.momentum)
        self.log_support = torch.tensor(np.log(np.maximum(support, 1)), dtype=dtype)
        self.negatives = negatives or random_draws.sampler(support, config.sample_alpha, config.seed, config.n_sample)
        self.start_epoch(0)

    def start_epoch(self, epoch: int) -> None:
        """Zero hidden states; steps are counted on from epoch * T."""
        self.offset = epoch * self.schedule.n_steps
        self.h = [torch.zeros(self.schedule.n_lanes, units, dtype=self.dtype) for units in self.config.layers]

    def run(self, first: int, last: int) -> np.ndarray:
        """Trains on the steps first <= t < last of the epoch.

        Returns their losses by lane, (last - first, B) float32.
        """
        out = np.zeros((last - first, self.schedule.n_lanes), np.float32)
        for t in range(first, last):
            lane = self.step(t)
            out[t - first, : len(lane)] = lane.detach().numpy()
        return out

    def step(self, t: int) -> Tensor:
        """One step; returns the loss of every active lane, (b,)."""
        s, b = self.schedule, int(self.schedule.active[t])
        if t in s.kept:
            self.h = [h[torch.from_numpy(s.kept[t])] for h in self.h]
        for h in self.h:
            h[torch.from_numpy(s.reset[t, :b])] = 0
        items = torch.from_numpy(s.inputs[t, :b].astype(np.int64))
        negatives = torch.from_numpy(self.negatives(self.offset + t)) if self.config.n_sample else items[:0]
        columns = torch.cat([torch.from_numpy(s.targets[t, :b].astype(np.int64)), negatives])  # (C,)
        lane, grads = self.gradients(items, columns, t)
        self.update(grads, columns, items)
        return lane

    def gradients(self, items: Tensor, columns: Tensor, t: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss by lane (b,) of the inputs `items` (b,) over `columns` (C,), the lanes' targets first; its gradients.

        Of the loss summed over lanes and divided by the nominal B: rows `Wy`, `By` by column, rows `input` by lane, and
        every dense weight. The hidden states move on.
        """
        name, b = model.input_name(self.config), len(items)
        rows = {
            "Wy": self.weights["Wy"][columns].requires_grad_(),
            "By": self.weights["By"][columns].requires_grad_(),
            "input": self.weights[name][items].requires_grad_(),
        }
        dense = {n: w.requires_grad_() for n, w in self.weights.items() if n not in {"Wy", "By", name}}
        lane = self._loss(rows, columns, b, t)
        grads = torch.autograd.grad(lane.sum() / self.schedule.n_lanes, [*rows.values(), *dense.values()])
        for w in dense.values():
            w.requires_grad_(False)
        return lane, dict(zip([*rows, *dense], grads, strict=True))

    def _loss(self, rows: dict[str, Tensor], columns: Tensor, b: int, t: int) -> Tensor:
        c = self.config
        x, embed = rows["input"], self._mask(random_draws.EMBED, c.dropout_p_embed, t, (b, rows["input"].shape[1]))
        masks = [self._mask(random_draws.HIDDEN + l, c.dropout_p_hidden, t, (b, u)) for l, u in enumerate(c.layers)]
        states = model.hidden(c, self.weights, x if embed is None else x * embed, self.h, masks)
        self.h = [h.detach() for h in states]
        scores = states[-1] @ rows["Wy"].T + rows["By"]  # (b, C)
        if c.flaw in flaws.LOSSES:
            return flaws.LOSSES[c.flaw](c, scores, self._correction(columns, b))
        if c.loss == "bpr-max":
            return losses.bpr_max(scores, elu_param=c.elu_param, bpreg=c.bpreg)
        if c.loss in PAIRWISE:
            return losses.pairwise(scores, loss=c.loss, final_act=c.final_act)
        return losses.cross_entropy(scores, correction=self._correction(columns, b))

    def _correction(self, columns: Tensor, b: int) -> Tensor:
        """(C,) logq * log P_j: support for in-batch columns, support^sample_alpha for extra negatives."""
        in_batch = self.schedule.n_lanes if self.config.tail == "official" else b
        power = torch.full((len(columns),), self.config.sample_alpha, dtype=self.dtype)
        power[:in_batch] = 1
        return self.config.logq * power * self.log_support[columns]

    def _mask(self, purpose: int, p: float, t: int, shape: tuple[int, int]) -> Tensor | None:
        if p == 0:
            return None
        key = random_draws.key(self.config.seed, purpose)
        return torch.tensor(random_draws.mask(key, self.offset + t, self.schedule.n_lanes, p, shape), dtype=self.dtype)

    def update(self, grads: dict[str, Tensor], columns: Tensor, items: Tensor) -> None:
        """One step of the optimizer, from what `gradients` gave."""
        name = model.input_name(self.config)
        if name == "Wy":
            self.optimizer.rows("Wy", torch.cat([columns, items]), torch.cat([grads["Wy"], grads["input"]]))
        else:
            self.optimizer.rows("Wy", columns, grads["Wy"])
            self.optimizer.rows(name, items, grads["input"])
        self.optimizer.rows("By", columns, grads["By"])
        for n in grads.keys() - {"Wy", "By", "input"}:
            self.optimizer.dense(n, grads[n])

    def arrays(self, *, optimizer: bool = True) -> dict[str, np.ndarray]:
        """Copies of the weights, and of the optimizer's accumulators `acc.NAME` and velocities `vel.NAME`."""
        o, state = self.optimizer, dict(self.weights)
        if optimizer:
            state |= {f"acc.{n}": a for n, a in o.acc.items()} | {f"vel.{n}": v for n, v in o.vel.items()}
        return {name: w.numpy().astype(np.float32) for name, w in state.items()}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Takes back what `arrays` gave."""
        for name, value in arrays.items():
            kind, _, weight = name.rpartition(".")
            held = {"": self.weights, "acc": self.optimizer.acc, "vel": self.optimizer.vel}[kind]
            held[weight].copy_(torch.from_numpy(value))
