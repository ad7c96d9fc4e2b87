"""Adagrad with lazy momentum, worked out by hand, in the readable form and in the kernels."""

import numpy as np
import pytest
import torch

from audit_lib.recommenders.gru4rec import kernels
from audit_lib.recommenders.gru4rec.optimizer import EPSILON, Adagrad

f = np.float32


class Kernel:
    """The kernels behind the interface of `Adagrad`; gradients of repeated rows arrive summed, as they do in `Fast`."""

    def __init__(self, weights, *, learning_rate, momentum):
        self.w = weights["W"].numpy()
        self.a, self.v = np.zeros_like(self.w), np.zeros_like(self.w)
        self.hyper = f(learning_rate), f(momentum), f(EPSILON)
        self.acc, self.vel = {"W": self.a}, {"W": self.v}

    def rows(self, name, rows, gradients):
        distinct, where = np.unique(rows.numpy(), return_inverse=True)
        summed = np.zeros((len(distinct), self.w.shape[1]), f)
        kernels.add_inputs(gradients.numpy(), where, np.empty((0, 0), f), summed, 0, len(distinct))
        kernels.update_rows(self.w, self.a, self.v, summed, distinct, 0, len(distinct), self.w.shape[1], *self.hyper)

    def dense(self, name, gradient):
        flat = (x.reshape(-1) for x in (self.w, self.a, self.v, gradient.numpy()))
        kernels.update_dense(*flat, *self.hyper)


@pytest.mark.parametrize("optimizer", [Adagrad, Kernel])
def test_a_repeated_row_has_its_gradients_summed_first_and_momentum_is_lazy(optimizer):
    weights = {"W": torch.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])}
    o = optimizer(weights, learning_rate=0.1, momentum=0.5)
    o.rows("W", torch.tensor([1, 0, 1]), torch.tensor([[1.0, 0.0], [3.0, 3.0], [2.0, -4.0]]))
    # row 1: g = (3, -4), acc = (9, 16), step = -0.1 * g / |g|; row 0: g = (3, 3); row 2 is not touched
    assert weights["W"].numpy() == pytest.approx(np.array([[0.9, 0.9], [1.9, 2.1], [3.0, 3.0]]), rel=1e-6)
    assert np.asarray(o.acc["W"]) == pytest.approx(np.array([[9, 9], [9, 16], [0, 0]]), rel=1e-6)
    o.rows("W", torch.tensor([1]), torch.tensor([[4.0, 3.0]]))
    # acc = (25, 25); step = (-0.08, -0.06); v = 0.5 * (-0.1, 0.1) + step = (-0.13, -0.01); row 0 does not move on
    assert weights["W"].numpy() == pytest.approx(np.array([[0.9, 0.9], [1.77, 2.09], [3.0, 3.0]]), rel=1e-6)
    assert np.asarray(o.vel["W"])[0] == pytest.approx([-0.1, -0.1], rel=1e-6)


@pytest.mark.parametrize("optimizer", [Adagrad, Kernel])
def test_epsilon_is_inside_the_root(optimizer):
    weights = {"W": torch.zeros(1, 2)}
    o = optimizer(weights, learning_rate=1.0, momentum=0.0)
    o.dense("W", torch.tensor([[1e-3, 0.0]]))
    assert weights["W"].numpy() == pytest.approx(np.array([[-1e-3 / np.sqrt(2e-6), 0]]), rel=1e-5)


@pytest.mark.parametrize("optimizer", [Adagrad, Kernel])
def test_a_dense_weight_moves_on_with_its_momentum(optimizer):
    weights = {"W": torch.zeros(1, 1)}
    o = optimizer(weights, learning_rate=1.0, momentum=0.9)
    o.dense("W", torch.ones(1, 1))  # step -1
    o.dense("W", torch.zeros(1, 1))  # step 0: only the momentum, -0.9
    assert weights["W"].item() == pytest.approx(-1.9, rel=1e-5)
