"""What recall costs: fronts and prices worked out by hand, and the tables on the committed study."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lib.show import figures
from audit_lib.show.words import data_name
from audit_lib.stages import cost, cost_tables
from audit_lib.study import records
from audit_lib.study.results import Book
from tests.stages.test_decision import Shelf, as_good_in_validation, run  # noqa: F401 - a fixture for every test here

LOG = "rsc15_100k"
SCALING = pd.DataFrame({
    "varied": ["units", "units", "n_sample", "n_sample"], "value": [50, 400, 0, 512],
    "events_per_second": [90.0, 30.0, 200.0, 100.0],
})  # fmt: skip


def shelf() -> Shelf:
    """GRU4Rec is the best and the dearest; V-SKNN is dearer than sequential rules, and no better than they are."""
    simple = [run("popularity", 0.2, seconds=1.0), run("sr", 0.6, seconds=2.0), run("vsknn", 0.6, seconds=5.0)]
    own = [run("gru4rec", 0.7, seconds=90.0), run("gru4rec", 0.8, seconds=110.0, seed=1, worth=0.7)]
    for r in simple + own:
        r.manifest["peak_memory_mb"] = 500.0 + r.manifest["seconds"]["processor"]
    del own[1].manifest["seconds"]["processor"]  # fit and rank took 50 s each by the clock
    return Shelf(runs_of={(LOG, "simple"): simple, (LOG, "headline"): own})


def test_the_front_leaves_out_what_something_cheaper_equals():
    assert cost.front([1, 2, 3, 3], [0.1, 0.3, 0.2, 0.4]).tolist() == [True, True, False, True]
    assert cost.front([1, 2], [0.3, 0.3]).tolist() == [True, False]
    assert cost.front([1, 1], [0.3, 0.3]).tolist() == [True, True]  # neither is better


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_whatever_is_not_on_the_front_is_beaten_by_something_on_it(points):
    price, worth = np.array(points).T
    kept = cost.front(price, worth)
    assert kept.any()
    for p, w in zip(price[~kept], worth[~kept], strict=True):
        assert ((price[kept] <= p) & (worth[kept] >= w)).any()
    order = np.lexsort((worth[kept], price[kept]))
    assert (np.diff(worth[kept][order]) >= 0).all()  # along the front more costs more, and is worth more


def test_costs_are_of_all_seeds_and_say_which_clock():
    table = cost.costs(shelf()).set_index("recommender")
    assert table.loc["sr", ["recall", "seconds", "clock", "seeds"]].tolist() == [
        pytest.approx(0.6),
        2.0,
        "processor",
        1,
    ]
    assert table.loc["gru4rec", "recall"] == pytest.approx(0.75)
    assert table.loc["gru4rec", ["seconds", "clock", "seeds"]].tolist() == [95.0, "wall", 2]
    assert table.loc["gru4rec", "memory_mb"] == 590.0  # the least of the two
    assert table["front"].to_dict() == {"popularity": True, "sr": True, "vsknn": False, "gru4rec": True}


def test_a_step_along_the_front_has_its_price():
    book = shelf()
    steps = cost.steps(book, cost.costs(book))
    assert steps[["cheaper", "dearer"]].to_numpy().tolist() == [
        ["Popularity", "Sequential rules"], ["Sequential rules", "GRU4Rec"],
    ]  # fmt: skip
    assert steps["gain"].tolist() == pytest.approx([0.4, 0.15])
    assert steps["seconds"].tolist() == [1.0, 93.0]
    assert steps["per_point"].tolist() == pytest.approx([1 / 40, 93 / 15])  # seconds for each hundredth
    assert (steps["low"] < steps["gain"]).all()
    assert (steps["gain"] < steps["high"]).all()


def test_numbers_of_the_text_by_hand():
    book = shelf()
    table = cost.costs(book)
    found = cost.summary(book, table, cost.steps(book, table))
    assert (found["datasets"], found["neural"], found["gained"], found["steps"]) == (1, 1, 1, 2)
    assert found["least"] == found["most"] == pytest.approx(95 / 2)  # the first of two that are equally good
    sure = cost.steps(book, table).query("low > 0")
    assert found["dearest"] == sure["per_point"].max()
    assert found["unsure"] == 2 - len(sure)
    book.runs_of[LOG, "headline"] = [run("gru4rec", 0.5, seconds=20.0)]
    found = cost.summary(book, table, cost.steps(book, cost.costs(shelf())))
    assert (found["gained"], found["least"]) == (0, 10.0)


def test_the_clock_is_held_against_the_processor_where_a_run_has_both():
    def timed(fit, processor=None):
        own = {} if processor is None else {"processor": processor}
        return SimpleNamespace(manifest={"seconds": {"fit": fit, "rank": 1.0, **own}})

    both, alone = cost.clocks([timed(3.0, 2.0), timed(7.0, 2.0), timed(9.0, 0.5), timed(50.0)]).to_dict("records")
    assert both == {"clock": "processor", "runs": 3, "median": 3.0, "largest": 4.0}  # half a second is too short
    assert (alone["clock"], alone["runs"]) == ("wall", 1)


def test_an_answer_is_the_faster_of_both_ways_unless_every_item_is_scored():
    base = {"log": "generated", "recommender": "sr", "at_once": 1, "timings": 9, "model_mb": 1.0, "ms_wall": 7.0}
    rows = [
        base | {"items": items, "way": way, "percentile": q, "ms": ms * q}
        for items, catalogue in ((10, 0.1), (90, 0.9)) for way, ms in (("catalogue", catalogue), ("candidates", 0.2))
        for q in (50, 99)
    ]  # fmt: skip
    record = pd.DataFrame(rows)
    assert cost.answers(record)["p50"].tolist() == [5.0, 10.0]
    assert cost.answers(record)["p99"].tolist() == pytest.approx([9.9, 19.8])
    assert cost.answers(record, served=False)["p50"].tolist() == [5.0, 45.0]
    (row,) = cost_tables.growth_table(record, "en").data.to_dict("records")
    assert row["Growth"] == 2.0
    assert row["99th percentile, wall, ms"] == 7.0


@pytest.mark.parametrize(("neural", "group"), [(False, "headline"), (True, "headline_tuned")])
def test_costs_stand_beside_answers_with_the_settings_that_were_timed(neural, group):
    table = pd.DataFrame(
        [
            (LOG, "sr", "simple"), (LOG, "sr", "tuned"), (LOG, "ar", "simple"), ("entree", "sr", "simple"),
            (LOG, "gru4rec", "headline"), (LOG, "gru4rec", "headline_tuned"), (LOG, "gru4rec_official", "headline"),
        ],
        columns=["dataset", "recommender", "group"],
    )  # fmt: skip
    record = pd.DataFrame(
        [(LOG, "sr", True), (LOG, "ar", False), (LOG, "gru4rec", neural), ("generated", "sr", False)],
        columns=["log", "recommender", "tuned"],
    )
    found = cost.timed(table, record, LOG)
    assert found[["recommender", "group"]].to_numpy().tolist() == [
        ["sr", "tuned"], ["ar", "simple"], ["gru4rec", group],
    ]  # fmt: skip


def test_cells_are_marked_on_the_front_and_by_the_clock():
    table = cost.costs(shelf())
    seconds = cost_tables.matrix_table(table, "seconds", ".0f", "en").data.set_index("Recommender")
    assert seconds[data_name(LOG)].to_dict() == {
        "Popularity": "1*", "Sequential rules": "2*", "V-SKNN": "5", "GRU4Rec": "95*~",
    }  # fmt: skip
    recall = cost_tables.matrix_table(table, "recall", ".2f", "en").data.set_index("Recommender")
    assert recall.loc["GRU4Rec", data_name(LOG)] == "0.75*"


def test_growth_of_training_by_hand():
    units, negatives = cost_tables.training_growth_table(SCALING, "en").data.to_dict("records")
    assert (units["Times as large"], units["Times as slow"]) == (8.0, 3.0)
    assert np.isnan(negatives["Times as large"])
    assert negatives["Times as slow"] == 2.0


@pytest.mark.parametrize("lang", ["en", "es"])
def test_tables_and_figures_of_the_committed_study(lang):
    book, record = Book(), records.read("latency")
    table = cost.costs(book, lang=lang)
    assert table.groupby("dataset")["front"].any().all()
    assert set(record["recommender"]) <= set(table["recommender"])
    trade = cost.trade(table, record)
    assert trade["panel"].unique().tolist() == list(cost.PANELS.values())
    assert not trade.isna().any().any()
    for plot in (
        figures.fronts(cost.by_dataset(table, lang=lang), xlabel="Seconds", lang=lang),
        figures.fronts(trade, lang=lang), figures.by_size(cost.by_size(record), lang=lang),
    ):  # fmt: skip
        assert plot.image("png")
    shown = (
        cost_tables.matrix_table(table, "recall", ".4f", lang), cost_tables.memory_table(table, record, lang),
        cost_tables.growth_table(record, lang), cost_tables.clocks_table(cost.clocks([]), lang),
        cost_tables.steps_table(cost.steps(shelf(), cost.costs(shelf())), lang),
        cost_tables.training_growth_table(records.read("bench_scaling"), lang),
    )  # fmt: skip
    for each in shown:
        assert len(repr(each).splitlines()) == 1 + each.shown.sum() + bool(each.rest())
        assert each.shown.sum() <= 12
