"""GRU4Rec by year: the ladder names experiments of the study, in order, and each rung changes one thing."""

from itertools import pairwise

import pytest

from audit_lib.recommenders.gru4rec.config import GRU4RecConfig
from audit_lib.study import claim_words, claims, plan, presets, releases
from audit_lib.study.literature_values import COPIED


def planned(rung, dataset="diginetica"):
    return plan.select(
        plan.plan(), {"group": rung.group, "dataset": dataset, "variant": str(rung.variant)}
    )


@pytest.mark.parametrize("dataset", COPIED)
@pytest.mark.parametrize("rung", releases.rungs(), ids=lambda rung: rung.id)
def test_every_rung_is_planned_on_every_log_whose_value_is_copied(rung, dataset):
    if rung.group == "gru2016_searched" and rung.recommender not in presets.tuned()[dataset]:
        pytest.skip("its settings have not been searched on this log yet")
    assert {e.recommender for e in planned(rung, dataset)} == {rung.recommender}


def test_the_rungs_are_in_the_order_of_their_months():
    months = [rung.month for rung in releases.rungs()]
    assert months == sorted(months)


def test_each_rung_of_the_later_code_changes_one_thing_of_the_one_before():
    ladder = [rung for rung in releases.rungs() if rung.group in ("gru2016_bpr", "ladder")]
    configs = [GRU4RecConfig(**dict(planned(rung)[0].config)) for rung in ladder]
    changed = [
        {key for key in GRU4RecConfig.model_fields if getattr(before, key) != getattr(after, key)}
        for before, after in pairwise(configs)
    ]
    # A loss brings the settings that it alone has; the number of extra negatives, how they are drawn.
    assert changed == [
        {"n_sample"},
        {"loss", "final_act"},
        {"constrained_embedding"},
        {"loss", "logq"},
    ]


def test_the_claim_about_the_code_of_the_day_names_the_version_of_that_month():
    (claim,) = [c for c in claims.read() if c.id == "D4"]
    for part in claim.parts:
        month = releases.printed(part.arguments["dataset"]).month
        public = [rung for rung in releases.rungs() if rung.month <= month]
        own = [rung for rung in public if not rung.group.endswith(("_searched", "_tuned"))]  # no settings searched here
        assert part.arguments["variant"] == own[-1].variant


def test_parts_of_the_claims_by_year_can_be_told_apart():
    for claim in claims.read():
        if claim.id in ("D1", "D2", "D3", "D4"):
            said = [claim_words.describe(part) for part in claim.parts]
            assert len(set(said)) == len(said)
