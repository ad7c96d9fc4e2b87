"""The tables behind the page on GRU4Rec, from small runs made here."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit_lib.data import datasets, splits
from audit_lib.data.preparing import split_of
from audit_lib.errors import InputError, MissingError
from audit_lib.evaluation.resampling import Measured
from audit_lib.files import PROJECT
from audit_lib.measurements import engine_equality
from audit_lib.measurements.train_speed import SETTINGS
from audit_lib.show import figures
from audit_lib.stages import profiles, training
from audit_lib.study import running
from audit_lib.study.results import mean_over, over
from book.press.notebooks import read, tags

SMALL = {"layers": 8, "n_sample": 16, "n_epochs": 2}


def same(text: str) -> str:
    return text


@pytest.fixture(scope="module")
def prepared():
    data = datasets.load("synthetic:n_sessions=300,n_items=40")
    return data, split_of(data)


@pytest.fixture(scope="module")
def groups(prepared, tmp_path_factory):
    data, split = prepared
    out = tmp_path_factory.mktemp("evidence")
    return {
        "popularity": [running.run(data, split, "popularity", out=out)],
        "gru4rec": [running.run(data, split, "gru4rec", seed=seed, out=out, **SMALL) for seed in (0, 1)],
    }, out


def test_lanes_take_the_next_session_where_one_has_ended():
    table = training.lanes_table(("abcd", "ef", "ghi"), n_lanes=2, lang="en").data
    assert list(table["Step"]) == [1, 2, 3]
    assert list(table["Lane 1"]) == ["0 | a → b", "b → c", "c → d"]
    assert list(table["Lane 2"]) == ["0 | e → f", "0 | g → h", "h → i"]


def test_a_lane_without_a_session_left_is_empty():
    assert list(training.lanes_table(("abc", "de"), n_lanes=2, lang="en").data["Lane 2"]) == ["0 | d → e", ""]


def test_curves_have_a_point_for_every_epoch_of_every_seed(groups):
    table = training.curves({"gru4rec": groups[0]["gru4rec"]})
    assert list(zip(table["seed"], table["epoch"], strict=True)) == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert (table[["loss", "events_per_second"]] > 0).all(axis=None)
    assert figures.loss_curves(table).table is table


def test_scores_are_the_mean_of_the_seeds(groups):
    runs = groups[0]["gru4rec"]
    table = training.scores_table(groups[0], "en").data.set_index("Recommender")
    hits = [(run.ranks["above"] + run.ranks["equal"] < 20).mean() for run in runs]
    assert table.loc["GRU4Rec", "Recall@20"] == pytest.approx(np.mean(hits))
    assert table.loc["GRU4Rec", "Standard deviation"] == pytest.approx(np.std(hits, ddof=1))
    assert table.loc["Popularity", "Seeds"] == 1
    assert np.isnan(table.loc["Popularity", "Standard deviation"])


def test_a_page_shows_the_network_popularity_and_the_best_of_the_others(groups):
    popular = groups[0]["popularity"]
    more = {name: popular for name in ("sr", "ar", "vstan")}
    table = training.scores_table({**groups[0], **more}, "en", best=1)
    shown = table.data["Recommender"][table.shown]
    assert {"GRU4Rec", "Popularity"} <= set(shown)
    assert len(shown) <= 3 < len(table.data)
    assert training.scores_table({**groups[0], **more}, "en").shown.all()


def test_a_difference_is_that_of_the_means_and_changes_sign_with_its_order(groups):
    a, b = groups[0]["gru4rec"], groups[0]["popularity"]
    found, turned = training.difference(a, b), training.difference(b, a)
    assert found.estimate == pytest.approx(mean_over(a) - mean_over(b))
    assert turned.estimate == pytest.approx(-found.estimate)
    assert training.difference(a, a) == (0, 0, 0, len(a))
    assert training.less(a, 0.25).low == pytest.approx(over(a).low - 0.25)


def test_groups_of_unequal_size_or_other_targets_are_not_compared(groups, tmp_path):
    a = groups[0]["gru4rec"]
    with pytest.raises(InputError, match="3 seeds cannot be paired with 2"):
        training.difference([*a, a[0]], a)
    data = datasets.load("synthetic:n_sessions=200,n_items=40")
    other = running.run(data, split_of(data), "popularity", out=tmp_path)
    with pytest.raises(InputError, match="different targets"):
        training.difference(a, [other])


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(-2, -1, "below"), (1, 2, "above"), (-1, 1, "not distinguishable from"), (0, 1, "not distinguishable from")],
)
def test_a_verdict_needs_an_interval_that_leaves_out_zero(low, high, word):
    assert training.verdict(Measured((low + high) / 2, low, high)) == word


def test_committed_evidence_is_that_of_these_settings_in_order_of_seed(groups, prepared):
    (data, split), out = prepared, groups[1]
    running.run(data, split, "gru4rec", out=out, **SMALL | {"n_epochs": 1})  # another configuration
    running.run(data, split, "markov", out=out, fallback="zero", ties="keep")  # not the default
    flawed = splits.random_session_split(data.log, test_fraction=0.2, seed=0)
    running.run(data, flawed, "popularity", out=out)  # another split
    found = training.committed(data.name, SMALL, out=out)
    assert [run.path for run in found["gru4rec"]] == [run.path for run in groups[0]["gru4rec"]]
    assert list(found) == ["gru4rec", "popularity"]


def test_evidence_that_is_not_there_is_an_error_that_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(MissingError, match=str(tmp_path)):
        training.committed("seed_demo", SMALL, out=tmp_path)


def test_under_every_law_the_oracle_is_there_and_without_order_nothing_beats_it(monkeypatch, tmp_path):
    monkeypatch.setenv("AUDIT_EVIDENCE", str(tmp_path))
    found = training.against_oracle("gru4rec", SMALL, profile="tiny", seeds=(0,))
    table = training.by_law(found).pivot_table("value", "law", "recommender")
    assert list(found) == list(training.LAWS)
    assert (table.loc["First order", "oracle"] > table.loc["First order", ["popularity", "gru4rec"]]).all()
    assert training.verdict(training.difference(found["No order"]["gru4rec"], found["No order"]["oracle"])) != "above"
    assert training.learned(found["First order"], "oracle") == 1
    assert training.learned(found["First order"], "popularity") == 0


def test_tables_before_a_reader_have_headings_that_say_what_they_hold():
    live = pd.DataFrame({"input": ["shared"], "loss": ["bpr-max"], "n_sample": [0], "steps": [9], "losses": [1e-7],
                         "weights": [2e-6]})  # fmt: skip
    text = repr(training.equality_table(live, "en"))
    assert "1.0e\u221207" in text
    assert "Extra negatives" in text
    cases = pd.DataFrame({"case": ["x"] * 12, "losses": [1e-7] * 11 + [0.1]})
    table = training.equality_table(cases, "en")
    assert (table.shown.sum(), table.shown[-1]) == (8, True)
    bench = pd.DataFrame({key: [0.5] for key in training._BENCH} | {"setting": list(SETTINGS)[:1]})
    assert "50\u00a0%" in repr(training.bench_table(bench, "en"))


def test_a_measured_sentence_is_translated_around_its_numbers_and_an_error_is_left_alone():
    words = {"# of # batches; Recall@20 #": "# de # lotes; Recall@20 #"}
    found = training.measured("1,200 of 3 batches; Recall@20 0.5", words.__getitem__)
    assert found == "1\u202f200 de 3 lotes; Recall@20 0.5"
    assert training.measured("ValueError: 3 of 4", words.__getitem__) == "ValueError: 3 of 4"


def test_a_scaling_figure_has_a_panel_for_each_thing_varied():
    rows = [(varied, value, 10.0 * value) for varied in figures.SCALES for value in (0, 5)]
    plot = figures.scaling(pd.DataFrame(rows, columns=["varied", "value", "events_per_second"]))
    assert [axes.get_xlabel() for axes in plot.figure.axes] == list(figures.SCALES.values())


# --- profiles
def test_a_profile_caps_and_never_raises():
    tiny = profiles.settings(profiles.PUBLISHED, name="tiny")
    assert (tiny["layers"], tiny["n_sample"], tiny["n_epochs"]) == ((32,), 128, 2)
    assert profiles.settings("layers=16/64,n_epochs=1", name="tiny")["layers"] == (16, 32)
    assert profiles.settings("layers=16/64,n_epochs=1", name="tiny")["n_epochs"] == 1
    assert profiles.settings("layers=64", name="full") == {"layers": (64,)}


def test_the_official_engine_draws_fewer_negatives_ahead_where_trainings_are_short():
    assert "sample_cache_max_size" not in profiles.settings("layers=8", name="tiny")
    assert profiles.settings("layers=8", name="tiny", engine="official")["sample_cache_max_size"] < 10_000_000
    assert "sample_cache_max_size" not in profiles.settings("layers=8", engine="official")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("layers=8", "quik", "independent"), "Did you mean 'quick'"),
        (("layers=8", "tiny", "offical"), "Did you mean 'official'"),
        (("layer=8", "tiny", "independent"), "layer"),
        (("seed=3", "tiny", "independent"), "--seed"),
        (("loss=rmse", "tiny", "independent"), "loss"),
    ],
)
def test_what_a_page_cannot_train_is_refused(arguments, message):
    hyperparameters, name, engine = arguments
    with pytest.raises(InputError, match=message):
        profiles.settings(hyperparameters, name=name, engine=engine)


def test_seeds_are_read_from_text():
    assert profiles.seeds("0,1, 2") == (0, 1, 2)
    assert profiles.seeds(7) == (7,)


def test_the_page_trains_with_the_published_settings_unless_told_otherwise():
    cells = read(PROJECT / "notebooks" / "04_gru4rec.md").cells
    cell = next(cell for cell in cells if "parameters" in tags(cell))
    values: dict[str, str] = {}
    exec(cell.source, values)
    assert not values["hyperparameters"], "empty stands for the published ones"
    assert values["engine"] in profiles.ENGINES
    assert values["profile"] in profiles.PROFILES


def test_the_tail_row_is_told_from_the_cases_of_equality():
    assert engine_equality.TAIL_CASE not in engine_equality.OFFICIAL_CASES


def test_a_sentence_is_translated_as_far_as_the_error_that_ends_it():
    said = {"saved: # MB; loaded:": "guardado: # MB; al cargarlo:"}.get
    assert training.measured("saved: 0.8 MB; loaded: TypeError: 3 is no model", said) == (
        "guardado: 0.8 MB; al cargarlo: TypeError: 3 is no model"
    )
    assert training.measured("TypeError: 3 is no model", said) == "TypeError: 3 is no model"
