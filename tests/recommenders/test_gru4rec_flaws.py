"""The errors of third-party implementations: what each does, and that nothing else changes."""

import json
import math
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from audit_lib.data.sessions import Prefixes
from audit_lib.errors import InputError
from audit_lib.files import COMMITTED, digest
from audit_lib.recommenders.gru4rec import batches, flaws, losses, model, scoring
from audit_lib.recommenders.gru4rec.config import Flaw, GRU4RecConfig, OfficialConfig
from audit_lib.recommenders.gru4rec.train import GRU4Rec
from audit_lib.study import running
from tests.small_logs import random_sessions, sessions_of

SMALL = {"layers": (8,), "batch_size": 4, "n_sample": 20, "n_epochs": 1, "seed": 3}
MANIFESTS = sorted(COMMITTED.glob("*/*/gru4rec*/*.json"))
FLAWS = [flaw for flaw in get_args(Flaw) if flaw != "none"]
OF_LOSS = {"double_softmax": "cross-entropy", "bprmax_wrong": "bpr-max"}


def config(**changes):
    return GRU4RecConfig(**SMALL | changes)


def fitted(**changes):
    return GRU4Rec(config(**changes)).fit(random_sessions(40, 30), progress=False)


def settings(flaw):
    return {"flaw": flaw, "loss": OF_LOSS.get(flaw, "cross-entropy")}


def tensors(weights):
    return {name: torch.from_numpy(w) for name, w in weights.items()}


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_name_of_committed_evidence_is_still_that_of_its_configuration(path):
    manifest = json.loads(path.read_text())
    stated = running.config_of(manifest["recommender"], manifest["config"])
    assert stated == manifest["config"]
    assert path.stem == f"{digest(stated)[:8]}-s{manifest['seed']}"


def test_there_is_committed_evidence_to_hold_the_names_against():
    assert len(MANIFESTS) > 5


def test_a_configuration_states_its_flaw_and_none_is_not_stated():
    assert "flaw" not in running.plain(config())
    assert running.plain(config(flaw="never_reset"))["flaw"] == "never_reset"
    assert GRU4RecConfig.model_validate_json(config(flaw="wrong_init").model_dump_json()).flaw == "wrong_init"
    assert GRU4RecConfig.model_validate_json(config().model_dump_json()) == config()


def test_a_flaw_of_a_loss_needs_that_loss():
    with pytest.raises(ValidationError, match="loss=bpr-max"):
        config(flaw="bprmax_wrong")
    with pytest.raises(ValidationError, match="loss=cross-entropy"):
        config(flaw="double_softmax", loss="bpr-max")


def test_the_official_code_takes_no_flaw():
    with pytest.raises(ValidationError):
        OfficialConfig(flaw="never_reset")
    assert "flaw" not in running.plain(OfficialConfig())


def test_without_a_flaw_nothing_passes_through_changed():
    plan = batches.schedule(random_sessions(), batch_size=4)
    assert flaws.schedule(config(), plan) is plan
    ours, theirs = flaws.initial_weights(config(), 30), model.initial_weights(config(), 30)
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


def test_softmax_applied_twice_by_hand():
    scores = torch.tensor([[100.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    found = flaws.double_softmax(config(), scores, torch.zeros(3))
    # A certain and right prediction becomes (1, 0, 0): log(e + 2) - 1. Indifference stays indifference: log 3.
    assert found.tolist() == pytest.approx([math.log(1 + 2 / math.e), math.log(3)], rel=1e-6)


def test_softmax_applied_twice_subtracts_the_correction_first():
    scores, correction = torch.tensor([[1.0, 2.0]]), torch.tensor([1.0, 2.0])
    found = flaws.double_softmax(config(), scores, correction)
    assert found.tolist() == pytest.approx([math.log(2)], rel=1e-6)


def test_the_wrong_bpr_max_by_hand():
    scores = torch.zeros(2, 2)
    c = config(loss="bpr-max", bpreg=1.0)
    # softmax 1/2 and sigmoid 1/2 in every cell: -log(1/4). Rightly, the one negative has weight 1: -log(1/2).
    assert flaws.bprmax_wrong(c, scores, torch.zeros(2)).tolist() == pytest.approx([math.log(4)] * 2, rel=1e-6)
    assert losses.bpr_max(scores).tolist() == pytest.approx([math.log(2)] * 2, rel=1e-6)


def test_the_wrong_bpr_max_is_one_value_for_the_whole_batch():
    scores = torch.tensor([[3.0, 0.0, 1.0], [0.0, -2.0, 4.0]])
    found = flaws.bprmax_wrong(config(loss="bpr-max", elu_param=0), scores, torch.zeros(3))
    s, o = torch.softmax(scores, 1).numpy(), scores.numpy()
    cells = [s[i, j] / (1 + math.exp(o[i, j] - o[i, i])) for i in range(2) for j in range(3)]
    assert found.tolist() == pytest.approx([-math.log(sum(cells) / 6)] * 2, rel=1e-6)


def test_never_reset_resets_at_the_start_of_an_epoch_alone():
    plan = batches.schedule(random_sessions(), batch_size=4)
    changed = flaws.schedule(config(flaw="never_reset"), plan)
    assert plan.reset[1:].any()
    assert changed.reset[0].all()
    assert not changed.reset[1:].any()
    assert all(np.array_equal(getattr(plan, n), getattr(changed, n)) for n in ("inputs", "targets", "active"))


def test_never_reset_is_no_flaw_where_no_lane_takes_a_second_session():
    train = sessions_of([[0, 1, 2], [2, 1, 0, 1], [1, 2, 0]])
    right, wrong = (
        GRU4Rec(config(flaw=flaw, n_epochs=3)).fit(train, progress=False).weights for flaw in ("none", "never_reset")
    )
    assert all(np.array_equal(right[name], wrong[name]) for name in right)


def test_carried_states_go_from_one_session_to_the_next_of_the_lane():
    c = config(batch_size=1)
    weights = tensors(model.initial_weights(c, 6))
    carried = torch.cat(list(flaws.carried_states(c, weights, sessions_of([[0, 1, 2], [3, 4]], 6))))
    # One lane: it sees 0, 1 and then 3, since the last event of a session is only a target.
    walked = torch.cat(list(scoring.hidden_states(c, weights, sessions_of([[0, 1, 3, 5]], 6))))
    assert torch.allclose(carried, walked, atol=1e-6)


def test_carried_states_are_right_where_every_session_has_a_lane():
    c = config(batch_size=500)
    test = random_sessions(60, 30, seed=1)
    weights = tensors(model.initial_weights(c, 30))
    carried, right = (torch.cat(list(f(c, weights, test))) for f in (flaws.carried_states, scoring.hidden_states))
    assert torch.allclose(carried, right, atol=1e-6)


def test_carried_states_of_later_sessions_are_wrong():
    c = config(batch_size=4)
    test = random_sessions(60, 30, seed=1)
    weights = tensors(model.initial_weights(c, 30))
    carried, right = (torch.cat(list(f(c, weights, test))) for f in (flaws.carried_states, scoring.hidden_states))
    first = int(np.diff(test.offsets[:5]).sum() - 4)  # prefixes of the four sessions that open the lanes
    assert torch.allclose(carried[:first], right[:first], atol=1e-6)
    assert not torch.allclose(carried[first:], right[first:], atol=1e-3)


def test_evaluation_without_reset_changes_the_scores_and_not_the_training():
    right, wrong = fitted(), fitted(flaw="evaluate_without_reset")
    assert all(np.array_equal(right.weights[name], wrong.weights[name]) for name in right.weights)
    prefixes = Prefixes(random_sessions(20, 30, seed=5))
    scores = [np.concatenate([block.copy() for block in m.score(prefixes)]) for m in (right, wrong)]
    assert scores[0].shape == scores[1].shape
    assert not np.allclose(*scores)


@pytest.mark.parametrize("embedding", [{}, {"constrained_embedding": False, "embedding": 8}])
def test_the_weights_of_torch_s_layers(embedding):
    c = config(flaw="wrong_init", **embedding)
    weights = flaws.initial_weights(c, 400)
    name = model.input_name(c)
    assert weights[name].std() == pytest.approx(1, abs=0.05)
    bound = 1 / math.sqrt(8)
    for other in weights.keys() - {name}:
        assert np.abs(weights[other]).max() <= bound
        assert np.abs(weights[other]).max() > 0.7 * bound
    assert {n: w.shape for n, w in weights.items()} == model.shapes(c, 400)
    assert all(w.dtype == np.float32 for w in weights.values())


@pytest.mark.parametrize("flaw", FLAWS)
def test_every_flaw_changes_what_is_predicted(flaw):
    right, wrong = fitted(loss=settings(flaw)["loss"]), fitted(**settings(flaw))
    prefixes = Prefixes(random_sessions(20, 30, seed=5))
    scores = [np.concatenate([block.copy() for block in m.score(prefixes)]) for m in (right, wrong)]
    assert not np.allclose(*scores)
    assert np.isfinite(scores[1]).all()


@pytest.mark.parametrize("flaw", FLAWS)
def test_the_log_says_which_engine_trained_a_flaw(flaw):
    expected = "reference" if flaw in flaws.LOSSES else "fast"
    assert {entry["engine"] for entry in fitted(**settings(flaw)).log} == {expected}


def test_an_engine_without_the_flawed_loss_refuses_it():
    with pytest.raises(InputError, match="readable engine"):
        GRU4Rec(config(flaw="double_softmax")).fit(random_sessions(40, 30), engine="fast", progress=False)


def test_flaws_outside_the_loss_train_alike_in_both_engines():
    train = random_sessions(40, 30)
    for flaw in ("never_reset", "wrong_init"):
        c = config(flaw=flaw)
        fast, readable = (GRU4Rec(c).fit(train, engine=e, progress=False).weights for e in ("fast", "reference"))
        for name in fast:
            np.testing.assert_allclose(fast[name], readable[name], atol=2e-4)


def test_a_schedule_of_a_flaw_leaves_the_given_one_as_it_was():
    plan = batches.schedule(random_sessions(), batch_size=4)
    before = replace(plan, reset=plan.reset.copy())
    flaws.schedule(config(flaw="never_reset"), plan)
    assert np.array_equal(before.reset, plan.reset)
