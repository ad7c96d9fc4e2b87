"""The engines compute the same function: losses of up to 500 steps and final weights, against autograd in float64."""

import itertools

import numpy as np
import pytest
import torch

from audit_lib.measurements.engine_equality import fast_against_reference, steps_of
from audit_lib.recommenders.gru4rec import batches, model
from audit_lib.recommenders.gru4rec.config import GRU4RecConfig
from audit_lib.recommenders.gru4rec.fast import Fast
from audit_lib.recommenders.gru4rec.graph import Graph
from audit_lib.recommenders.gru4rec.reference import Reference
from tests.small_logs import random_sessions, sessions_of

STEPS = 500
INPUTS = {
    "shared": {},
    "separate": {"constrained_embedding": False, "embedding": 9},
    "onehot": {"constrained_embedding": False},
}
LOSSES = {
    "cross-entropy": {"loss": "cross-entropy", "logq": 1.0},
    "bpr-max": {"loss": "bpr-max", "bpreg": 0.5},
    "bpr": {"loss": "bpr", "final_act": "tanh"},
    "top1": {"loss": "top1", "final_act": "tanh"},
    "top1-max": {"loss": "top1-max"},
}
GRID = list(itertools.product(INPUTS, [(12,), (10, 12)], LOSSES, [0, 30]))
DROPOUT = {"dropout_p_embed": 0.2, "dropout_p_hidden": 0.3}
RARE = [
    {"momentum": 0.4},
    {"momentum": 0.4, **LOSSES["bpr-max"], **INPUTS["separate"]},
    {"momentum": 0.4, "dropout_p_hidden": 0.3, **INPUTS["onehot"]},
    {**DROPOUT},
    {**DROPOUT, **LOSSES["bpr-max"], **INPUTS["separate"], "layers": (10, 12)},
    {"cell": "paper"},
    {"cell": "paper", **DROPOUT, "layers": (10, 12), **INPUTS["separate"]},
    {"cell": "paper", "momentum": 0.4, **LOSSES["bpr-max"], **INPUTS["onehot"]},
    {"tail": "official", "logq": 1.0},
    {"elu_param": 0.0, **LOSSES["bpr-max"]},
    {"batch_size": 1},
    {"sample_alpha": 0.0, "logq": 0.3},
    {"loss": "bpr", "momentum": 0.2, "dropout_p_hidden": 0.2, "n_sample": 0, "cell": "paper", **INPUTS["onehot"]},
    {"loss": "top1", "dropout_p_hidden": 0.5, **LOSSES["top1"], "n_sample": 0, "cell": "paper", **INPUTS["onehot"]},
    {"loss": "top1-max", "final_act": "tanh", "batch_size": 3},
]


def settings(**changes):
    return GRU4RecConfig(**{"layers": (12,), "n_sample": 30, "batch_size": 8, "seed": 3} | changes)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained(engine, config, *, steps=STEPS, **options):
    """(losses by step, weights and optimizer state) after the first `steps` steps, epoch after epoch."""
    return steps_of(engine, config, random_sessions(), steps=steps, **options)


def equal(engine, config, *, steps=STEPS):
    expected, reference = trained(Reference, config, steps=steps, dtype=torch.float64)
    losses, arrays = trained(engine, config, steps=steps)
    np.testing.assert_allclose(losses, expected, rtol=1e-5, atol=1e-7)
    assert arrays.keys() == reference.keys()
    for name, values in reference.items():
        np.testing.assert_allclose(arrays[name], values, rtol=1e-3, atol=2e-4, err_msg=name)


@pytest.mark.parametrize(("source", "layers", "loss", "n_sample"), GRID)
def test_the_fast_engine_equals_autograd(source, layers, loss, n_sample):
    """Through several epochs for every input and loss, and for a while with a second layer or without negatives."""
    steps = STEPS if (layers, n_sample) == ((12,), 30) else 100
    equal(Fast, settings(layers=layers, n_sample=n_sample, **INPUTS[source], **LOSSES[loss]), steps=steps)


def test_the_table_of_the_fast_engine_has_a_row_for_every_input_loss_and_negatives():
    table = fast_against_reference(steps=60, sessions=60)
    assert len(table.drop_duplicates(["input", "loss", "n_sample"])) == 3 * 2 * 2
    assert (table["steps"] == 60).all()
    assert table["losses"].between(0, 1e-5, inclusive="neither").all()  # float32 against float64: never the same bits
    assert table["weights"].between(0, 1e-3, inclusive="neither").all()


@pytest.mark.parametrize("changes", RARE, ids=str)
def test_the_fast_engine_equals_autograd_with_rarer_settings(changes):
    equal(Fast, settings(**changes), steps=200)


@pytest.mark.parametrize("source", INPUTS)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_step_of_the_cuda_engine_equals_autograd_on_cpu_tensors(source, loss):
    equal(Graph, settings(momentum=0.3, **INPUTS[source], **LOSSES[loss]), steps=100)


@pytest.mark.parametrize("changes", [RARE[4], RARE[6], RARE[8], {"n_sample": 0}], ids=str)
def test_the_step_of_the_cuda_engine_equals_autograd_with_rarer_settings(changes):
    equal(Graph, settings(**changes), steps=150)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here")
@pytest.mark.parametrize("changes", [{}, RARE[1], RARE[4]], ids=str)
def test_a_captured_step_equals_autograd(changes):
    expected, _ = trained(Reference, settings(**changes), steps=150, dtype=torch.float64)
    losses, _ = trained(Graph, settings(**changes, device="cuda"), steps=150)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)


def test_the_settings_of_the_grid_matter():
    """Guards the comparisons above: no two of the rarer settings train alike."""
    first = [trained(Fast, settings(**changes), steps=60)[0][-1] for changes in [{}, *RARE]]
    assert len({round(x, 4) for x in first}) == len(first)


def test_the_tail_makes_no_difference_until_the_batch_shrinks():
    train = random_sessions()
    shrinks = int(np.argmax(batches.schedule(train, batch_size=8).active < 8))
    assert shrinks > 0
    a, b = (trained(Fast, settings(logq=1.0, tail=tail), steps=shrinks + 5)[0] for tail in ("correct", "official"))
    assert np.array_equal(a[:shrinks], b[:shrinks])
    assert (a[shrinks:] != b[shrinks:]).any()


def test_one_step_of_one_lane_by_hand():
    """Zero weights: every score is 0; softmax over target 1 and negatives 2, 2 is 1/3; only the bias has a gradient."""
    train = sessions_of([[0, 1]], n_items=3)
    config = settings(layers=(2,), n_sample=2, batch_size=1, learning_rate=0.1)
    zero = {name: np.zeros(shape, np.float32) for name, shape in model.shapes(config, 3).items()}
    plan = batches.schedule(train, batch_size=1)
    for engine in (Reference, Fast, Graph):
        run = engine(config, zero, plan, np.array([1, 1, 5]), negatives=lambda step: np.array([2, 2]))
        assert run.run(0, 1) == pytest.approx(np.log(3))
        arrays = run.arrays()
        assert arrays["By"] == pytest.approx([0, 0.1, -0.1], rel=1e-5)  # the first step of Adagrad is its sign
        assert arrays["acc.By"] == pytest.approx([0, (2 / 3) ** 2, (2 / 3) ** 2], rel=1e-6)
        assert not arrays["Wy"].any()
