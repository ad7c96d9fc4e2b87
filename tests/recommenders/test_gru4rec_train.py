"""GRU4Rec as a recommender: it learns, repeats itself to the bit, resumes, stops on NaN, and scores block by block."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

from audit_lib.data.sessions import Prefixes
from audit_lib.errors import DivergedError, InputError
from audit_lib.files import PROJECT
from audit_lib.recommenders.gru4rec import model
from audit_lib.recommenders.gru4rec.train import GRU4Rec
from tests.small_logs import random_sessions, sessions_of

SMALL = dict(layers=16, n_sample=20, batch_size=8, n_epochs=3, logq=1.0, dropout_p_hidden=0.2, dropout_p_embed=0.1)


def scores(recommender, test, block_size=256):
    return np.concatenate([b.copy() for b in recommender.score(Prefixes(test), block_size=block_size)])


def digest(recommender):
    return hashlib.sha256(b"".join(recommender.state()[n].tobytes() for n in sorted(recommender.state()))).hexdigest()


@pytest.mark.parametrize("settings", [{"loss": "cross-entropy"}, {"loss": "bpr-max"}, {"constrained_embedding": False}])
def test_it_learns_a_pattern_of_two_items(settings):
    train = sessions_of([[0, 1, 0, 1], [2, 3, 2, 3]] * 20)
    g = GRU4Rec(layers=16, n_sample=8, batch_size=8, n_epochs=30, **settings).fit(train)
    prefixes = Prefixes(train.select([0, 1]))
    assert np.array_equal(scores(g, prefixes.sessions).argmax(1), prefixes.target)
    assert g.log[-1]["loss"] < g.log[0]["loss"]


def test_it_uses_more_than_the_last_item():
    """The successor of 2 depends on the item before it."""
    train = sessions_of([[0, 2, 3], [1, 2, 4]] * 20)
    g = GRU4Rec(layers=16, n_sample=8, batch_size=8, n_epochs=60).fit(train)
    top = scores(g, train.select([0, 1])).argmax(1)
    assert (top[1], top[3]) == (3, 4)


@pytest.mark.parametrize("settings", [{}, {"momentum": 0.3, "loss": "bpr-max", "logq": 0}])
def test_the_same_seed_gives_the_same_bits_in_two_processes(settings):
    code = (
        "import json, sys; sys.path.insert(0, '.');"
        "from tests.recommenders.test_gru4rec_train import *;"
        f"print(digest(GRU4Rec(**SMALL | json.loads({json.dumps(json.dumps(settings))})).fit(random_sessions())))"
    )
    root = PROJECT
    out = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout
    assert out.strip() == digest(GRU4Rec(**SMALL | settings).fit(random_sessions()))


def test_another_seed_gives_another_model():
    digests = {digest(GRU4Rec(**SMALL, seed=seed).fit(random_sessions())) for seed in range(3)}
    assert len(digests) == 3


@pytest.mark.parametrize("engine", ["fast", "reference", "graph"])
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path, engine):
    settings = SMALL | {"momentum": 0.2}
    whole = GRU4Rec(**settings).fit(random_sessions(), record_losses=True, engine=engine)
    path = tmp_path / "run.safetensors"
    GRU4Rec(**settings | {"n_epochs": 1}).fit(random_sessions(), checkpoint=path, engine=engine)
    resumed = GRU4Rec(**settings).fit(random_sessions(), checkpoint=path, record_losses=True, engine=engine)
    assert digest(resumed) == digest(whole)
    assert [e["loss"] for e in resumed.log] == [e["loss"] for e in whole.log]
    assert np.array_equal(resumed.losses, whole.losses[whole.log[0]["steps"] :])


def test_a_finished_checkpoint_is_taken_as_it_is(tmp_path):
    path = tmp_path / "run.safetensors"
    first = GRU4Rec(**SMALL).fit(random_sessions(), checkpoint=path)
    written = path.read_bytes()
    again = GRU4Rec(**SMALL).fit(random_sessions(), checkpoint=path)
    assert digest(first) == digest(again)
    assert path.read_bytes() == written
    assert [p.name for p in tmp_path.iterdir()] == ["run.safetensors"]


def test_a_checkpoint_of_other_settings_or_data_is_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    GRU4Rec(**SMALL).fit(random_sessions(), checkpoint=path)
    with pytest.raises(InputError, match="other settings: seed"):
        GRU4Rec(**SMALL, seed=1).fit(random_sessions(), checkpoint=path)
    with pytest.raises(InputError, match="other data"):
        GRU4Rec(**SMALL).fit(random_sessions(seed=1), checkpoint=path)
    with pytest.raises(InputError, match="holds 3 epochs, more than n_epochs=2"):
        GRU4Rec(**SMALL | {"n_epochs": 2}).fit(random_sessions(), checkpoint=path)
    path.write_bytes(b"something else")
    with pytest.raises(InputError, match="is not a checkpoint"):
        GRU4Rec(**SMALL).fit(random_sessions(), checkpoint=path)


@pytest.mark.parametrize("engine", ["fast", "reference", "graph"])
@pytest.mark.parametrize("loss", ["cross-entropy", "bpr-max"])
def test_a_loss_that_is_not_finite_stops_training_and_is_located(engine, loss):
    train = sessions_of([[0, 1, 2], [3, 4, 5], [6, 7, 8]], n_items=10)
    config = dict(layers=4, n_sample=4, batch_size=3, n_epochs=2, loss=loss)
    weights = model.initial_weights(GRU4Rec(**config).config, 10)
    weights["Wy"][3] = np.nan  # the first input of lane 1, and nobody's target or negative
    with pytest.raises(DivergedError, match=r"became nan in epoch 1, step 0, lane 1 \(item index 3\)"):
        GRU4Rec(**config).fit(train, weights=weights, negatives=lambda step: np.array([0, 1, 2, 9]), engine=engine)


def test_initial_weights_and_negatives_can_be_given():
    train = random_sessions()
    g = GRU4Rec(**SMALL)
    own = GRU4Rec(**SMALL).fit(train, weights=model.initial_weights(g.config, train.n_items))
    assert digest(own) == digest(g.fit(train))
    steps = g.log[0]["steps"] * 3
    drawn = np.random.default_rng(0).integers(0, train.n_items, (steps, 20))
    from_iterator = GRU4Rec(**SMALL).fit(train, negatives=iter(drawn))
    from_function = GRU4Rec(**SMALL).fit(train, negatives=lambda step: drawn[step])
    assert digest(from_iterator) == digest(from_function) != digest(g)


def test_denormal_numbers_count_as_zero_while_it_trains_and_only_then():
    def tiny() -> float:
        return float(np.float32(2e-38) * np.float32(0.1))

    within = []

    def negatives(step: int) -> np.ndarray:
        within.append(tiny())
        return np.arange(20)

    GRU4Rec(**SMALL).fit(random_sessions(), negatives=negatives)
    assert tiny() > 0
    assert set(within) == {0.0}
    with pytest.raises(ZeroDivisionError):
        GRU4Rec(**SMALL).fit(random_sessions(), negatives=lambda step: 1 // 0)
    assert tiny() > 0


def test_given_weights_and_negatives_of_a_wrong_shape_are_refused():
    train = random_sessions()
    weights = model.initial_weights(GRU4Rec(**SMALL).config, train.n_items)
    with pytest.raises(InputError, match=r"Wy: \(59, 16\) instead of \(60, 16\)"):
        GRU4Rec(**SMALL).fit(train, weights=weights | {"Wy": weights["Wy"][:-1]})
    with pytest.raises(InputError, match="negatives of step 0: expected \\(20,\\)"):
        GRU4Rec(**SMALL).fit(train, negatives=lambda step: np.zeros(19, np.int64))


def test_the_log_counts_steps_and_events():
    train = random_sessions()
    g = GRU4Rec(**SMALL).fit(train, record_losses=True)
    assert [e["epoch"] for e in g.log] == [1, 2, 3]
    entry = g.log[0]
    assert entry["events"] == train.n_events - train.n_sessions
    assert len(g.losses) == 3 * entry["steps"]
    assert entry["loss"] == pytest.approx(g.losses[: entry["steps"]].sum() * 8 / entry["events"])
    json.dumps(g.log)


def test_a_score_never_depends_on_the_block_size():
    train = random_sessions(300)
    g = GRU4Rec(**SMALL).fit(train)
    whole = scores(g, train)
    assert whole.dtype == np.float32
    assert whole.shape == (len(Prefixes(train)), train.n_items)
    for block_size in (1, 7, 100, 128, 200, 5000):
        assert np.array_equal(scores(g, train, block_size), whole)
        assert max(len(b) for b in g.score(Prefixes(train), block_size=block_size)) <= block_size


@pytest.mark.parametrize("settings", [
    {}, {"cell": "paper"}, {"layers": "6/10"}, {"constrained_embedding": False},
    {"constrained_embedding": False, "embedding": 5},
])  # fmt: skip
def test_scores_are_those_of_one_prefix_fed_event_by_event(settings):
    import torch

    train = random_sessions(40)
    g = GRU4Rec(**SMALL | {"dropout_p_embed": 0} | settings).fit(train)
    weights = {n: torch.from_numpy(w) for n, w in g.state().items()}
    prefixes, found = Prefixes(train), scores(g, train)
    for i in range(0, len(prefixes), 17):
        h = [torch.zeros(1, units) for units in g.config.layers]
        for item in prefixes.items(i):
            h = model.hidden(g.config, weights, weights[model.input_name(g.config)][[item]], h, [None] * len(h))
        np.testing.assert_allclose(found[i], (h[-1] @ weights["Wy"].T + weights["By"])[0], rtol=1e-4, atol=1e-5)


def test_cuda_without_a_gpu_says_what_to_do():
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(InputError, match="sees no GPU"):
        GRU4Rec(**SMALL, device="cuda").fit(random_sessions())


def test_progress_is_silent_without_a_terminal(capfd):
    GRU4Rec(**SMALL).fit(random_sessions())
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
