"""The losses in their three forms: over columns, over distinct items, and as kernels, whose gradients are autograd's.

What each loss is, `tests/press/test_formulas.py` works out in plain arithmetic.
"""

import itertools

import numpy as np
import pytest
import torch
from llvmlite import binding as llvm
from numba.core import config as numba_config
from numpy import log

from audit_lib.recommenders.gru4rec import kernels, losses
from audit_lib.recommenders.gru4rec.config import PAIRWISE

f = np.float32
# Without fused multiply-add the reduction of the exponent loses bits, as the kernels' docstrings say.
FUSED = numba_config.CPU_NAME != "generic" and llvm.get_host_cpu_features().get("fma", True)
EXACT = 5e-7 if FUSED else 5e-6

# lane 0: all tied at 0; lane 1: the target leads by log 3; lane 2: the target at 0, negatives at log 1, 2, 3, 2
BPR_MAX = np.array([[0.0] * 5, [0, log(3), 0, 0, 0], [0, log(2), 0, log(3), log(2)]])


def plain_pairwise(scores, loss, final_act):
    return losses.pairwise(torch.tensor(scores), loss=loss, final_act=final_act).numpy()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_top1_max_weighs_the_negatives_by_their_softmax():
    # exp(o_j) of the third lane: 1, 2, (own 1), 3, 2
    third = (1 * 1 + 2 * 2 * (2 / 3 + sigmoid(log(2) ** 2)) + 3 * (3 / 4 + sigmoid(log(3) ** 2))) / 8
    assert plain_pairwise(BPR_MAX, "top1-max", "linear") == pytest.approx([1, 3 / 4, third], rel=1e-6)


@pytest.mark.parametrize("loss", PAIRWISE)
def test_tanh_is_taken_of_the_scores_first(loss):
    # tanh(log 3) = (9 - 1)/(9 + 1), tanh(log 2) = (4 - 1)/(4 + 1)
    bent = np.tanh(BPR_MAX)
    assert sorted(set(bent.ravel().round(9))) == [0, 3 / 5, 4 / 5]
    assert plain_pairwise(BPR_MAX, loss, "tanh") == pytest.approx(plain_pairwise(bent, loss, "linear"), rel=2e-6)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("final_act", ["linear", "tanh"])
@pytest.mark.parametrize("loss", PAIRWISE)
def test_pairwise_losses_over_distinct_items_equal_those_over_columns_and_so_do_their_gradients(seed, final_act, loss):
    columns, items, count, slot, scores = drawn(seed)
    full = torch.tensor(scores, requires_grad=True)
    expected = losses.pairwise(full[:, columns], loss=loss, final_act=final_act)
    (gradient,) = torch.autograd.grad(expected.sum() / 5, full)
    weighted = losses.weighted_pairwise(
        torch.tensor(scores[:, items]), weight=torch.tensor(count).double(), slot=torch.tensor(slot),
        loss=loss, final_act=final_act,
    )  # fmt: skip
    assert weighted.numpy() == pytest.approx(expected.detach().numpy(), rel=1e-12)
    buffer, lanes, weight, scratch = f(scores[:, items]), np.zeros(3, f), f(count), np.zeros((2, len(items)), f)
    kind, tanh = PAIRWISE.index(loss), final_act == "tanh"
    kernels.pairwise(buffer, len(items), weight, slot, kind, tanh, f(5), *scratch, lanes)
    assert lanes == pytest.approx(expected.detach().numpy(), rel=2e-6)
    assert buffer == pytest.approx(gradient.numpy()[:, items], rel=1e-4, abs=1e-6)
    assert np.array_equal(weight, count)  # it is lowered and put back


@pytest.mark.parametrize("lead", [200.0, -200.0])
@pytest.mark.parametrize("loss", [*PAIRWISE, "bpr-max"])
def test_a_target_far_ahead_or_behind_leaves_losses_and_their_gradients_finite(loss, lead):
    scores = np.zeros((3, 5), f)
    scores[0, 0] = lead
    lanes, scratch, about = np.zeros(3, f), np.zeros((2, 5), f), (5, np.ones(5, f), np.arange(3))
    if loss == "bpr-max":
        kernels.bpr_max(scores, *about, f(0), f(1), f(3), *scratch, lanes)
    else:
        kernels.pairwise(scores, *about, PAIRWISE.index(loss), False, f(3), *scratch, lanes)
    assert np.isfinite(lanes).all()
    assert np.isfinite(scores).all()


def test_the_kernels_softplus_is_exact_to_float32():
    x = np.linspace(-80, 80, 5001).astype(f)
    expected = np.logaddexp(0, x.astype(np.float64))
    np.testing.assert_allclose([kernels.softplus(v) for v in x], expected, rtol=EXACT)


def drawn(seed, n_items=9, b=3, n_sample=8):
    """Columns with repeats: (items of all columns, distinct items, their counts, each target's slot, item scores)."""
    rng = np.random.default_rng(seed)
    columns = rng.integers(0, n_items, b + n_sample)
    items, slot, count = np.unique(columns, return_inverse=True, return_counts=True)
    return columns, items, count, slot[:b], rng.normal(0, 2, (b, n_items))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("elu_param", [0.0, 0.5, 1.0])
def test_bpr_max_over_distinct_items_equals_bpr_max_over_columns_and_so_does_its_gradient(seed, elu_param):
    columns, items, count, slot, scores = drawn(seed)
    full = torch.tensor(scores, requires_grad=True)
    expected = losses.bpr_max(full[:, columns], elu_param=elu_param, bpreg=0.7)
    (gradient,) = torch.autograd.grad(expected.sum() / 5, full)
    distinct = torch.tensor(scores[:, items], requires_grad=True)
    weighted = losses.weighted_bpr_max(
        distinct, weight=torch.tensor(count).double(), slot=torch.tensor(slot), elu_param=elu_param, bpreg=0.7
    )
    assert weighted.detach().numpy() == pytest.approx(expected.detach().numpy(), rel=1e-12)
    buffer, lanes, weight, scratch = f(scores[:, items]), np.zeros(3, f), f(count), np.zeros((2, len(items)), f)
    kernels.bpr_max(buffer, len(items), weight, slot, f(elu_param), f(0.7), f(5), *scratch, lanes)
    assert lanes == pytest.approx(expected.detach().numpy(), rel=2e-6)
    assert buffer == pytest.approx(gradient.numpy()[:, items], rel=1e-4, abs=1e-6)
    assert np.array_equal(weight, count)  # it is lowered and put back


@pytest.mark.parametrize("seed", range(20))
def test_cross_entropy_over_distinct_items_equals_cross_entropy_over_columns_and_so_does_its_gradient(seed):
    columns, items, _, slot, scores = drawn(seed)
    probability = np.random.default_rng(seed).uniform(0.5, 50, len(columns))  # of each column
    weight = np.bincount(columns, 1 / probability, minlength=9)[items]
    correction = log(probability[:3])
    full = torch.tensor(scores, requires_grad=True)
    expected = losses.cross_entropy(full[:, columns], correction=torch.tensor(log(probability)))
    (gradient,) = torch.autograd.grad(expected.sum() / 5, full)
    weighted = losses.weighted_cross_entropy(
        torch.tensor(scores[:, items]), weight=torch.tensor(weight), slot=torch.tensor(slot),
        correction=torch.tensor(correction),
    )  # fmt: skip
    assert weighted.numpy() == pytest.approx(expected.detach().numpy(), rel=1e-12)
    buffer, lanes = f(scores[:, items]), np.zeros(3, f)
    kernels.cross_entropy(buffer, len(items), f(weight), slot, f(correction), f(5), lanes)
    assert lanes == pytest.approx(expected.detach().numpy(), rel=2e-6)
    assert buffer == pytest.approx(gradient.numpy()[:, items], rel=1e-4, abs=1e-6)


def test_a_score_that_is_not_a_number_shows_in_its_lanes_loss_only():
    scores = np.zeros((3, 5), f)
    scores[1, 3] = np.nan
    lanes = np.zeros(3, f)
    kernels.cross_entropy(scores.copy(), 5, np.ones(5, f), np.arange(3), np.zeros(3, f), f(3), lanes)
    assert np.isnan(lanes).tolist() == [False, True, False]
    kernels.bpr_max(scores.copy(), 5, np.ones(5, f), np.arange(3), f(0.5), f(1), f(3), *np.zeros((2, 5), f), lanes)
    assert np.isnan(lanes).tolist() == [False, True, False]
    for kind, tanh in itertools.product(range(len(PAIRWISE)), (False, True)):
        again = scores.copy()
        kernels.pairwise(again, 5, np.ones(5, f), np.arange(3), kind, tanh, f(3), *np.zeros((2, 5), f), lanes)
        assert np.isnan(lanes).tolist() == [False, True, False]


def test_the_kernels_exponential_is_exact_to_float32():
    x = np.linspace(-87, 88, 5001).astype(f)
    np.testing.assert_allclose([kernels.exp(v) for v in x], np.exp(x.astype(np.float64)), rtol=EXACT)
