"""Two processes: the gradient of one where they exchange targets, and another loss where they exchange nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from audit_lib.errors import InputError
from audit_lib.measurements import data_parallel
from audit_lib.measurements.engine_equality import steps_of
from audit_lib.recommenders.gru4rec import batches, model
from audit_lib.recommenders.gru4rec.config import GRU4RecConfig
from audit_lib.recommenders.gru4rec.reference import Reference
from tests.recommenders.gru4rec_sessions import from_lists, random_sessions

CONFIGS = {
    "cross-entropy": {"logq": 1.0, "n_sample": 12},
    "cross-entropy, in-batch only": {"n_sample": 0},
    "bpr-max, separate input": {"loss": "bpr-max", "n_sample": 12, "constrained_embedding": False, "embedding": 6},
    "one-hot input, momentum": {"n_sample": 12, "constrained_embedding": False, "momentum": 0.3},
}


def config(**changes):
    return GRU4RecConfig(**{"layers": (8,), "batch_size": 8, "n_epochs": 2, "seed": 3} | changes)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def everything(rank, size, train):
    """What each exchange says: see `of_exchange`; and of the log of `test_without_exchange_a_target_has_half…`."""
    found = {}
    for exchange in ("targets", "nothing"):
        found |= {f"{exchange}:{key}": value for key, value in of_exchange(rank, size, train, exchange).items()}
        replica = data_parallel.start(no_item_twice(), config(n_sample=0), rank=rank, size=size, exchange=exchange)
        replica.gradient(0)
        found[f"{exchange}:counted"] = np.array(replica.distinct)
    return found


def no_item_twice():
    """Eight lanes of items that no other lane has."""
    return from_lists([[i, 10 + i, 20 + i, 30 + i] for i in range(8)])


def of_exchange(rank, size, train, exchange):
    """Gradients of the first steps and the weights after training, of every configuration, in double precision."""
    found = {}
    for name, changes in CONFIGS.items():
        replica = data_parallel.start(
            train, config(**changes), rank=rank, size=size, exchange=exchange, dtype=torch.float64
        )
        for t in range(3):
            loss, gradient = replica.gradient(t)
            found |= {f"{name}/loss {t}": np.array(loss)}
            found |= {f"{name}/step {t}/{key}": g.numpy() for key, g in gradient.items()}
        found |= {f"{name}/after/{key}": value for key, value in data_parallel.fit(replica).items()}
        found[f"{name}/distinct"] = np.array(replica.distinct)
    return found


@pytest.fixture(scope="module")
def train():
    return random_sessions(80, 40)


@pytest.fixture(scope="module")
def runs(train):
    """What one process, two that exchange targets, and two that exchange nothing, say."""
    torch.set_num_threads(1)
    both = data_parallel.on_processes(everything, 2, train)
    two, apart = (
        [{key.removeprefix(f"{exchange}:"): v for key, v in part.items() if key.startswith(exchange)} for part in both]
        for exchange in ("targets", "nothing")
    )
    return of_exchange(0, 1, train, "targets"), two, apart


@pytest.mark.parametrize("name", CONFIGS)
def test_exchanged_targets_give_the_gradient_of_one_process(runs, name):
    alone, two, _ = runs
    keys = [key for key in alone if key.startswith((f"{name}/step", f"{name}/loss"))]
    assert len(keys) > 12
    for part in two:
        for key in keys:
            np.testing.assert_allclose(part[key], alone[key], rtol=1e-10, atol=1e-13, err_msg=key)


@pytest.mark.parametrize("name", CONFIGS)
def test_exchanged_targets_end_at_the_weights_of_one_process(runs, name):
    alone, two, _ = runs
    for key in (key for key in alone if key.startswith(f"{name}/after") and not key.endswith("loss")):
        np.testing.assert_allclose(two[0][key], alone[key], rtol=2e-5, atol=1e-7, err_msg=key)
        np.testing.assert_array_equal(two[0][key], two[1][key], err_msg=key)  # replicas never part


@pytest.mark.parametrize("name", CONFIGS)
def test_without_exchange_it_is_another_gradient(runs, name):
    alone, _, apart = runs
    key = f"{name}/step 0/Wy"
    assert np.linalg.norm(apart[0][key] - alone[key]) > 0.05 * np.linalg.norm(alone[key])
    np.testing.assert_array_equal(apart[0][key], apart[1][key])  # but the same one in both


def test_without_exchange_a_target_has_half_the_in_batch_negatives(runs):
    """Eight lanes, no item twice in a batch: 7 negatives in one process, 3 in each of two."""
    alone = data_parallel.start(no_item_twice(), config(n_sample=0))
    alone.gradient(0)
    assert alone.distinct == [7]
    _, two, apart = runs
    assert [part["counted"].tolist() for part in two] == [[7], [7]]
    assert [part["counted"].tolist() for part in apart] == [[3], [3]]


def test_one_replica_is_the_readable_engine_while_the_batch_is_full(train):
    c = config(n_sample=12, logq=1.0)
    replica = data_parallel.start(train, c)
    plan = batches.schedule(train, batch_size=c.batch_size)
    reference = Reference(c, model.initial_weights(c, train.n_items), plan, train.support)
    assert 5 < replica.n_steps < plan.n_steps
    losses = [engine.run(0, replica.n_steps) for engine in (replica, reference)]
    np.testing.assert_array_equal(*losses)
    assert (steps_of(Reference, c, train, steps=3)[0][:1] > 0).all()


def test_what_cannot_be_dealt_out_is_refused(train):
    with pytest.raises(InputError, match="8 lanes cannot be dealt to 3 processes"):
        data_parallel.start(train, config(), size=3)
    with pytest.raises(InputError, match="Dropout is not part of this measurement"):
        data_parallel.start(train, config(dropout_p_hidden=0.1), size=2)


def test_the_measurement_has_a_row_for_each_mode_negatives_and_seed():
    table = data_parallel.measure(log="synthetic:n_sessions=300,n_items=50", samples=(0,), seeds=(0,), n_epochs=1)
    assert table["mode"].tolist() == list(data_parallel.MODES)
    one, apart, together = (row for _, row in table.iterrows())
    assert one["gradient_difference"] == 0
    assert together["gradient_difference"] < 1e-5 < 0.05 < apart["gradient_difference"]
    assert together["distinct_negatives"] == one["distinct_negatives"] > 1.5 * apart["distinct_negatives"]
    assert abs(together["first_loss"] - one["first_loss"]) < 1e-5
    assert apart["first_loss"] < one["first_loss"]  # fewer columns in the softmax
    assert table["recall"].between(0, 1).all()
