"""Adagrad without decay, with lazy heavy-ball momentum on the rows that a step touches (PROTOCOL: Optimizer)."""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-6  # inside the square root


class Adagrad:
    """acc += g^2; step = -lr * g / sqrt(acc + eps); with momentum m: v = m * v + step, w += v.

    Holds the accumulators (and velocities, with momentum) of the named weights, as `acc.NAME` and `vel.NAME`.
    """

    def __init__(self, weights: dict[str, Tensor], *, learning_rate: float, momentum: float):
        self.weights, self.learning_rate, self.momentum = weights, learning_rate, momentum
        self.acc = {name: torch.zeros_like(w) for name, w in weights.items()}
        self.vel = {name: torch.zeros_like(w) for name, w in weights.items()} if momentum else {}

    @torch.no_grad()
    def dense(self, name: str, gradient: Tensor) -> None:
        """Updates a whole weight."""
        step = self._step(self.acc[name].add_(gradient * gradient), gradient)
        if self.momentum:
            step = self.vel[name].mul_(self.momentum).add_(step)
        self.weights[name] += step

    @torch.no_grad()
    def rows(self, name: str, rows: Tensor, gradients: Tensor) -> None:
        """Updates the named rows only: rows (n,) int64, gradients (n, ...).

        Gradients of a repeated row are summed first.
        """
        rows, where = torch.unique(rows, return_inverse=True)
        summed = gradients.new_zeros(len(rows), *gradients.shape[1:]).index_add_(0, where, gradients)
        acc = self.acc[name][rows] + summed * summed
        step = self._step(acc, summed)
        self.acc[name][rows] = acc
        if self.momentum:
            step = self.momentum * self.vel[name][rows] + step
            self.vel[name][rows] = step
        self.weights[name][rows] += step

    def _step(self, acc: Tensor, gradient: Tensor) -> Tensor:
        return -self.learning_rate * gradient / torch.sqrt(acc + EPSILON)
