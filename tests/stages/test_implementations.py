"""What an omission or an error costs: relative losses by hand, the published table, and the committed study."""


import numpy as np
import pytest

from audit_lib.errors import InputError, MissingError
from audit_lib.files import COMMITTED
from audit_lib.stages import implementations
from audit_lib.study import plan
from tests.made_runs import hitting


def run(hits, *, seed=0, targets="t"):
    return hitting(hits, seed=seed, targets_sha256=targets)


def test_the_relative_loss_by_hand():
    table = implementations.costs({None: [run([1, 1, 1, 1])], "no_logq": [run([1, 0, 1, 1])]})
    row = table.iloc[0]
    assert (row["variant"], row["value"], row["loss"], row["seeds"]) == ("no_logq", 0.75, 0.25, 1)
    assert row["loss_low"] <= 0.25 <= row["loss_high"]


def test_a_gain_is_a_negative_loss_and_the_smallest_loss_comes_first():
    found = {None: [run([1, 0, 1, 0])], "no_logq": [run([1, 0, 0, 0])], "no_momentum": [run([1, 1, 1, 0])]}
    table = implementations.costs(found)
    assert table["variant"].tolist() == ["no_momentum", "no_logq"]
    assert table["loss"].tolist() == pytest.approx([-0.5, 0.5])


def test_only_seeds_that_both_have_are_compared():
    right = [run([1, 1, 1, 1], seed=0), run([0, 0, 0, 0], seed=1)]
    table = implementations.costs({None: right, "no_logq": [run([1, 1, 0, 0], seed=0)]})
    assert table.loc[0, "loss"] == 0.5
    with pytest.raises(InputError, match="seed in common"):
        implementations.costs({None: right, "no_logq": [run([1, 1, 0, 0], seed=5)]})


def test_seeds_are_averaged():
    right = [run([1, 1, 1, 1], seed=s) for s in (0, 1)]
    changed = [run([1, 1, 1, 1], seed=0), run([1, 1, 0, 0], seed=1)]
    row = implementations.costs({None: right, "no_logq": changed}).iloc[0]
    assert (row["loss"], row["seeds"]) == (0.25, 2)


def test_the_interval_of_equal_ranks_is_zero():
    same = [run([1, 0, 1, 0, 1, 1], seed=s) for s in (0, 1)]
    row = implementations.costs({None: same, "no_logq": same}).iloc[0]
    assert (row["loss"], row["loss_low"], row["loss_high"]) == (0, 0, 0)


def test_what_differs_between_seeds_is_in_the_interval():
    rng = np.random.default_rng(0)
    hits = (rng.random(600) < 0.5).astype(int)
    right = [run(hits, seed=s) for s in (0, 1)]
    changed = [run(hits, seed=0), run(hits * (rng.random(600) < 0.8), seed=1)]
    row = implementations.costs({None: right, "no_logq": changed}).iloc[0]
    assert row["loss_low"] < 0 < row["loss"] < 0.2 < row["loss_high"]
    one = implementations.costs({None: right, "no_logq": changed[1:]}).iloc[0]
    assert 0 < one["loss_low"] < one["loss"] < one["loss_high"]


def test_nothing_to_lose_and_other_targets_are_refused():
    with pytest.raises(InputError, match="nothing that the ratio could be relative to"):
        implementations.costs({None: [run([0, 0])], "a": [run([1, 1])]})
    with pytest.raises(InputError, match="different targets"):
        implementations.costs({None: [run([1, 1])], "a": [run([1, 1], seed=0), run([1, 0], targets="u")]})
    with pytest.raises(InputError, match="different targets"):
        implementations.costs({None: [run([1, 1])], "a": [run([1, 1], targets="u")]})


def test_an_error_of_the_loss_is_held_against_what_it_was_added_to():
    runs = {
        None: [run([1, 1, 1, 1])], "as_gru4rec_pytorch": [run([1, 1, 0, 0])],
        "as_gru4rec_pytorch_double_softmax": [run([1, 0, 0, 0])], "double_softmax": [run([0, 1, 0, 0])],
    }  # fmt: skip
    table = implementations.errors_of_loss({"cross-entropy": runs}).set_index("variant")
    assert table.loc["as_gru4rec_pytorch_double_softmax", ["against", "loss"]].tolist() == ["as_gru4rec_pytorch", 0.5]
    assert table.loc["double_softmax", "against"] is None
    assert table.loc["double_softmax", "loss"] == 0.75


def test_no_error_of_the_loss_is_an_empty_table():
    assert implementations.errors_of_loss({"bpr-max": {None: [run([1, 1])]}}).empty


def test_the_published_losses_multiply():
    table = implementations.published()
    assert len(table) == 5 * (5 + 3)  # data sets, implementations of cross-entropy and of BPR-max
    product = (1 - table["omitted"]) * (1 - table["erred"])
    np.testing.assert_allclose(1 - table["total"], product)
    assert all(table[column].between(0, 1).all() for column in ("best", "features", "distributed"))


def test_a_published_loss_by_hand():
    # Hidasi & Czapp 2023, Diginetica, cross-entropy: .4874 with all features, .2973 with those of GRU4REC-pytorch.
    table = implementations.published().set_index(["dataset", "loss", "implementation"])
    row = table.loc[("Diginetica", "cross-entropy", "GRU4REC-pytorch")]
    assert row["omitted"] == pytest.approx(1 - 0.2973 / 0.4874)
    assert round(row["omitted"], 4) == 0.3900  # as the table of the publication prints it


def test_without_evidence_the_error_says_what_to_run(tmp_path):
    with pytest.raises(MissingError, match="audit_lib study"):
        implementations.variants("rsc15_100k", "cross-entropy", out=tmp_path)


@pytest.mark.parametrize("loss", implementations.GROUPS)
def test_the_committed_study_has_every_variant_of_the_first_seed(loss):
    found = implementations.variants("rsc15_100k", loss, out=COMMITTED)
    groups = implementations.GROUPS[loss][1]
    chosen = [e for e in plan.plan() if e.group in groups and e.dataset == "rsc15_100k" and e.seed == 0]
    planned = {e.variant for e in chosen} - {None}
    assert planned
    assert planned <= set(found)
    assert len(implementations.costs(found)) == len(found) - 1


def test_every_set_of_features_is_a_variant_of_the_study():
    known = {v.id for v in plan.read().variant}
    assert set(implementations.FEATURES.values()) <= known
    assert set(implementations.FEATURES) <= set(implementations.published()["implementation"])
