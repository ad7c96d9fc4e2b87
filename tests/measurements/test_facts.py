"""The probes of the official code: that each runs, and that it would say otherwise if the code did otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from audit_lib.errors import MissingError
from audit_lib.measurements import official_behaviour, official_probes


@pytest.fixture(scope="module")
def lab() -> official_probes.Lab:
    try:
        return official_probes.Lab()
    except MissingError as error:
        pytest.skip(str(error))


def happened(fact: str) -> str:
    return official_behaviour.probe_all([fact])["happened"].iloc[0]


def test_outcome_is_the_error_or_that_it_works():
    def fails():
        raise KeyError("first\nsecond")

    assert official_probes.outcome(lambda: 1) == "works"
    assert official_probes.outcome(fails).startswith("KeyError: 'first")


def test_facts_have_unique_ids_and_each_has_an_answer():
    ids = [fact.id for fact in official_behaviour.FACTS]
    assert len(set(ids)) == len(ids)
    assert all(fact.question.endswith("?") and fact.answer.endswith(".") for fact in official_behaviour.FACTS)


@pytest.mark.official
def test_every_probe_gives_an_outcome_and_leaves_nothing_printed(lab, capsys):
    fast = [fact.id for fact in official_behaviour.FACTS if fact.id != "sampling"]
    table = official_behaviour.probe_all(fast)
    assert list(table["id"]) == fast
    assert table["happened"].str.len().min() > 3
    assert capsys.readouterr().out == ""


@pytest.mark.official
@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="the failure needs NumPy 2")
def test_default_fit_fails_and_with_the_cast_it_works(lab):
    assert happened("default-fit").startswith("RuntimeError")
    assert official_probes.shapes(lab) == "works"


@pytest.mark.official
def test_logq_works_for_ids_that_need_no_renumbering(lab):
    assert happened("logq-text-ids").startswith("ValueError")
    assert official_probes.outcome(lambda: lab.train(logq=1.0)) == "works"


@pytest.mark.official
def test_a_full_batch_is_evaluated_in_every_mode_but_median(lab):
    gru = lab.train()
    assert lab.evaluate(gru, mode="standard")[2] == lab.n_targets
    assert happened("median").startswith("TypeError")


@pytest.mark.official
def test_training_without_extra_negatives_shortens_the_evaluation(lab):
    seen = {batch: lab.evaluate(lab.train(n_sample=0), batch_size=batch)[2] for batch in (1, 64)}
    assert seen[1] < seen[64] <= lab.n_targets


@pytest.mark.official
def test_few_items_are_drawn_as_stated_and_many_are_not(lab):
    few, many = (float(official_probes.sampling(lab, items).split()[-1].rstrip("%")) for items in (2_000, 500_000))
    assert few < 0.1 < 1.0 < many


@pytest.mark.official
def test_the_range_of_initial_weights_is_the_papers_in_compatibility_mode_only(lab):
    numbers = [float(word) for word in official_probes.initial_range(lab).replace(",", "").split() if word[0].isdigit()]
    assert numbers == pytest.approx([(6 / (64 + 64)) ** 0.5, (6 / (192 + 64 / 3)) ** 0.5], abs=2e-3)
