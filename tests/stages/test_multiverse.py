"""The specification curve: what it counts, on ranks small enough to work out by hand."""


import numpy as np
import pandas as pd
import pytest

from audit_lib.errors import InputError, MissingError
from audit_lib.evaluation import metrics, sampled
from audit_lib.files import COMMITTED
from audit_lib.show import figures
from audit_lib.stages import multiverse, multiverse_tables
from audit_lib.stages.multiverse import Rivals
from tests.made_runs import made

N_ITEMS = 200


def run(above, *, recommender="gru4rec", sessions=(0, 0, 0, 1), steps=(1, 2, 3, 1), targets="t", equal=None):
    """What a multiverse reads of a run, in memory."""
    above = np.array(above)
    zero = np.zeros_like(above)
    ranks = pd.DataFrame({
        "above": above, "equal": zero if equal is None else np.array(equal), "support_above": above * 2,
        "support_equal": zero,
    })  # fmt: skip
    table = pd.DataFrame({"session": sessions, "step": steps, "support": np.full(len(above), 2)})
    said = {"targets_sha256": targets, "support_total": 2 * N_ITEMS}
    return made(ranks, table, recommender=recommender, n_items=N_ITEMS, **said)


def rivals(own, *others):
    names = ("vsknn", "markov")
    simple = {name: run(above, recommender=name) for name, above in zip(names, others, strict=False)}
    return Rivals("rsc15_100k", {"cross-entropy": [run(o) for o in own]}, simple)


def one(table, **wanted):
    for key, value in ({"negatives": "full", "ties": "conservative", "average": "micro"} | wanted).items():
        table = table[table[key] == value]
    assert len(table) == 1
    return table.iloc[0]


@pytest.fixture(scope="module")
def table():
    # GRU4Rec hits within 5 at targets 1, 2 and 4 (ranks 1, 5, 1), the two others at 2 and 1 of the four.
    return multiverse.specifications([rivals([[0, 4, 30, 0]], [0, 0, 50, 50], [0, 50, 50, 50])])


def test_every_combination_of_choices_is_there_once(table):
    combinations = len(multiverse.MEASURES) * len(metrics.TIES) * 2 * len(multiverse.TARGETS) * 3
    assert len(table) == combinations
    assert not table.duplicated(list(multiverse.CHOICES)).any()


def test_a_specification_by_hand(table):
    row = one(table, metric="Recall", k=5, targets="all")
    assert (row["gru4rec"], row["simple"], row["best"]) == (0.75, 0.5, "vsknn")
    assert row["difference"] == pytest.approx(0.25)
    assert row["relative"] == pytest.approx(0.5)
    assert row["yes"]
    # MRR@5: (1 + 1/5 + 0 + 1) / 4 against (1 + 1 + 0 + 0) / 4.
    assert one(table, metric="MRR", k=5, targets="all")["difference"] == pytest.approx(2.2 / 4 - 2 / 4)


def test_averages_and_targets_by_hand(table):
    # By session: (2/3 + 1)/2 against (2/3 + 0)/2.
    assert one(table, metric="Recall", k=5, targets="all", average="macro")["difference"] == pytest.approx(0.5)
    # After two or more events: targets 2 and 3, both hit once.
    later = one(table, metric="Recall", k=5, targets="later")
    assert (later["gru4rec"], later["simple"], later["yes"]) == (0.5, 0.5, False)
    # The last of each session: targets 3 and 4.
    assert one(table, metric="Recall", k=5, targets="last")["gru4rec"] == 0.5


def test_the_best_simple_recommender_is_chosen_under_every_specification():
    found = multiverse.specifications([rivals([[0, 0, 0, 0]], [0, 9, 9, 9], [1, 1, 1, 1])])
    assert one(found, metric="Recall", k=1, targets="all")["best"] == "vsknn"
    assert one(found, metric="Recall", k=5, targets="all")["best"] == "markov"


def test_seeds_are_averaged():
    found = multiverse.specifications([rivals([[0, 0, 0, 0], [50, 50, 50, 50]], [0, 50, 50, 50])])
    assert one(found, metric="Recall", k=1, targets="all")["gru4rec"] == 0.5


def test_the_interval_holds_the_difference_and_is_there_for_the_whole_catalogue_alone(table):
    full = table[table["negatives"] == "full"]
    assert (full["low"] <= full["difference"] + 1e-12).all()
    assert (full["difference"] <= full["high"] + 1e-12).all()
    assert table[table["negatives"] != "full"][["low", "high"]].isna().all().all()


def test_sampled_negatives_are_worth_their_expectation(table):
    side = rivals([[0, 4, 30, 0]], [0, 0, 50, 50])
    expected = sampled.expectation(side.counts[0], "Recall", n=100, k=5).mean()
    assert one(table, metric="Recall", k=5, targets="all", negatives="uniform")["gru4rec"] == pytest.approx(expected)


def answers(yes):
    """Two choices of two levels, everything else equal."""
    rows = [
        dict.fromkeys(multiverse.CHOICES, "-") | {"metric": m, "k": k, "yes": yes(m, k), "relative": 0.0}
        for m in ("Recall", "MRR") for k in (1, 5)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_choice_that_alone_decides_explains_everything_and_always_turns_the_answer():
    found = multiverse.deciding(answers(lambda m, k: m == "Recall")).set_index("choice")
    assert found.loc["metric", ["explained", "pivotal"]].tolist() == [1, 1]
    assert found.loc["k", ["explained", "pivotal"]].tolist() == [0, 0]
    assert list(found.index) == ["metric", "k"]  # choices of one level are left out


def test_two_choices_that_decide_together_turn_the_answer_though_neither_explains_it():
    found = multiverse.deciding(answers(lambda m, k: (m == "Recall") == (k == 1))).set_index("choice")
    assert found["explained"].tolist() == pytest.approx([0, 0])
    assert found["pivotal"].tolist() == [1, 1]


def test_nothing_decides_where_all_agree():
    found = multiverse.deciding(answers(lambda m, k: True))
    assert found["explained"].isna().all()
    assert (found["pivotal"] == 0).all()


def test_every_data_set_has_the_same_weight_however_many_specifications_it_has():
    table = pd.DataFrame({"dataset": ["entree"] * 4 + ["diginetica"], "yes": [True, True, True, False, False]})
    assert multiverse.share(table["yes"], table) == pytest.approx((3 / 4 + 0) / 2)
    assert multiverse.of_shops(table)["dataset"].tolist() == ["diginetica"]


def test_shares_by_level(table):
    found = multiverse.by_level(table).set_index(["choice", "level"])
    for average in ("micro", "macro"):
        part = table[table["average"] == average]
        assert found.loc[("average", average), "yes"] == pytest.approx(part["yes"].mean())
        assert found.loc[("average", average), "specifications"] == len(part)


def test_shares_of_sure_answers_add_up(table):
    found = multiverse.answers(table)
    assert found["surely_yes"] + found["surely_no"] + found["open"] == pytest.approx(1)
    assert found["measured"] * 3 == found["specifications"]


def test_other_targets_are_refused():
    with pytest.raises(InputError, match="several splits"):
        Rivals("x", {"cross-entropy": [run([0, 0, 0, 0])]}, {"markov": run([0, 0, 0, 0], targets="u")})


def test_no_evidence_is_an_error(tmp_path):
    with pytest.raises(MissingError, match="audit_lib study"):
        multiverse.rivals(tmp_path)


def test_the_kindest_and_the_least_kind_specification_of_a_data_set(table):
    found = multiverse.closest(table)
    assert found["relative"].tolist() == [table["relative"].max(), table["relative"].min()]
    for low, high, turns in (([0.1, -0.2], [0.2, -0.1], True), ([0.1, -0.2], [0.2, 0.1], False),
                             ([0.1, 0.1], [0.2, 0.2], False)):  # fmt: skip
        shown = multiverse_tables.closest_table(found.assign(low=low, high=high), "en").shown
        assert shown.tolist() == [turns] * 2


def test_the_curve_is_drawn_in_order_and_twice_the_same(table):
    shown = multiverse.curve(table)
    level_name = multiverse_tables.level_name
    draw = lambda: figures.specifications(  # noqa: E731
        shown, choices=multiverse_tables.LABELS, levels=lambda c, level: level_name(c, level, str), ylabel="y"
    )
    plot = draw()
    assert plot.table["value"].is_monotonic_increasing
    assert plot.image() == draw().image()


def test_the_choices_that_turn_the_answer_are_named_in_words_of_a_sentence(table):
    deciding = pd.DataFrame({"choice": ["negatives", "k", "ties"], "pivotal": [0.6, 0.5, 0.1]})
    levels = multiverse.by_level(table)
    said = multiverse_tables.quoted(table, deciding, levels, "es")
    assert [said[name] for name in ("first", "second", "last")] == [
        "frente a qué se ordena el objetivo", "el corte", "la política de empates",
    ]  # fmt: skip
    assert [said[f"{name}_turns"] for name in ("first", "second", "last")] == [0.6, 0.5, 0.1]
    assert multiverse_tables.SAID.keys() == multiverse_tables.LABELS.keys()
    alone = multiverse_tables.quoted(table, deciding[:1], levels, "en")
    assert alone["first"] == alone["second"] == "what a target is ranked against"


def test_committed_evidence_answers_the_question():
    sides = multiverse.rivals(COMMITTED)
    assert "seed_demo" not in {side.dataset for side in sides}
    assert all(side.trainings and side.simple for side in sides)
