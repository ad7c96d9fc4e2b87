"""The tables on challengers: right for no, one and several seeds, in both languages; and the stage itself, run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from audit_lib.stages import challengers, challengers_rerun, literature
from audit_lib.study import challengers as codes
from audit_lib.study import literature_values, records
from audit_lib.study.results import Book
from tests.made_challengers import made_book, put_course, put_planned, put_trajectory

FOUND = codes.read()


@pytest.fixture
def book(tmp_path) -> Book:
    """Evidence of GRU4Rec, of that of 2016 and of VSTAN, and none of a challenger."""
    made = made_book(tmp_path)
    for group in ("headline", "gru2016_bpr", "simple"):
        put_planned(made, 0.5, group=group)
    return made


def trial(model: str, when: str, outcome: str) -> dict[str, str]:
    return {"model": model, "environment": "e", "when": when, "python": "3", "packages": "p", "outcome": outcome,
            "error": "" if outcome == "trains" else "E: x", "said": ""}  # fmt: skip


# --- the codes
@pytest.mark.parametrize("lang", ["en", "es"])
def test_every_code_choice_and_trap_is_shown_with_its_links(lang):
    table = challengers.codes_table(FOUND, lang)
    assert len(table.data) == len(FOUND.code)
    assert f"https://github.com/uestcnlp/STAMP/tree/{FOUND.of('stamp').commit}" in table._repr_html_()
    choices, traps = challengers.choices_table(FOUND, lang), challengers.traps_table(FOUND, lang)
    assert (len(choices.data), len(traps.data)) == (len(FOUND.choice), len(FOUND.trap))
    assert FOUND.choice[0].text(lang) in list(choices.data["What the code does"])
    for place, table_ in ((FOUND.choice[0], choices), (FOUND.trap[0], traps)):
        assert all(address in table_._repr_html_() for _, address in FOUND.links(place))


def test_a_model_chooses_on_test_when_each_of_its_codes_does():
    test, validation = challengers.choosing(FOUND, "test"), challengers.choosing(FOUND, "validation")
    assert validation == ["narm"]
    assert set(test) == {code.model for code in FOUND.code} - {"narm"}
    assert set(test) - set(challengers.choosing(FOUND, "test", apart=True)) == {"stamp"}


@pytest.mark.parametrize("lang", ["en", "es"])
def test_trials_are_told_from_the_record_and_none_without_it(book, lang):
    assert challengers.tried(book).empty
    rows = [trial("narm", "today", "fails"), trial("narm", "own", "trains"), trial("srgnn", "today", "trains"),
            trial("stamp", "own", "nan")]  # fmt: skip
    records.write(challengers.RECORD, pd.DataFrame(rows), folder=book.folder / "records")
    trials = challengers.tried(Book(book.folder, book.study))
    shown = challengers.tried_table(trials, lang).data
    assert shown["Model"].tolist() == ["NARM", "NARM", "SR-GNN", "STAMP"]
    assert shown["First error"].tolist() == ["E: x", "–", "–", "E: x"]
    assert challengers.runs_in(trials, "today") == ["srgnn"]
    assert challengers.runs_in(trials, "own") == ["narm"]
    told = challengers.quoted(FOUND, trials)
    assert (told["codes"], told["on_test"], told["by_itself"], told["today"], told["own"]) == (7, 6, 5, 1, 1)


def test_without_the_record_nothing_is_said_of_trials():
    assert not {"today", "own"} & set(challengers.quoted(FOUND, challengers.tried(Book(Path("nowhere")))))


def test_printed_values_stand_beside_measured_ones_by_year(book):
    table = challengers.printed(book)
    ours = table[table["dataset"] == "diginetica"]
    assert ours["year"].is_monotonic_increasing
    said = ours[ours["name"] == "SR-GNN"].iloc[0]
    assert (said["recall"], said["source"], said["year"]) == (0.5073, "wu2019", 2019)
    vstan = ours[ours["name"] == "VSTAN"].iloc[0]
    assert (vstan["recall"], vstan["source"]) == (0.5, "")
    assert vstan["low"] < 0.5 < vstan["high"]
    shown = challengers.printed_table(table, "en").data
    assert set(shown["Source"]) == {"Wu et al. (2019)", "Wang et al. (2020)", "Measured here"}


def test_of_each_year_the_best_version_that_was_measured_is_shown():
    rows = [("diginetica", "a", 2016, 0.1, ""), ("diginetica", "b", 2016, 0.3, ""),
            ("diginetica", "c", 2016, 0.2, "wu2019"), ("diginetica", "d", 2017, 0.2, ""),
            ("yoochoose1_64", "e", 2016, 0.2, "")]  # fmt: skip
    table = pd.DataFrame(rows, columns=["dataset", "name", "year", "recall", "source"])
    shown = challengers.printed_table(table.assign(low=0.0, high=1.0, mrr=0.1), "en")
    assert list(shown.data["Model"][shown.shown]) == ["b", "c", "d", "e"]


# --- trained here
@pytest.mark.parametrize("lang", ["en", "es"])
def test_without_a_training_a_sentence_says_so_and_nothing_else_is_shown(book, lang):
    there = challengers_rerun.found(book)
    assert there == []
    said = challengers_rerun.missing(there, lang).text
    assert "SR-GNN" in said
    assert "study --only recommender=srgnn" in said
    assert {"en": "Diginetica and Yoochoose 1/64", "es": "Diginetica y Yoochoose 1/64"}[lang] in said
    assert challengers_rerun.state(there, lang) is None
    assert challengers_rerun.curves_figure(book, there, lang) is None
    assert challengers_rerun.curves_table(there, lang) is None
    assert challengers_rerun.differences_table(book, there, lang) is None
    assert len(challengers_rerun.looks_table(book, there, lang).data) == 0
    assert challengers_rerun.looked(challengers_rerun.looks_table(book, there, lang), lang) is None
    assert challengers_rerun.waiting(there, "en") == "NARM, STAMP, SR-GNN, GCE-GNN, TAGNN, DHCN and COTREC"
    assert challengers_rerun.provenance_runs(there) == []


@pytest.mark.parametrize(("lang", "said"), [("en", "has not ended yet"), ("es", "no ha terminado todavía")])
def test_a_training_that_goes_on_says_so(book, lang, said):
    put_trajectory(book, [0.25], n_epochs=2)
    assert said in challengers_rerun.state(challengers_rerun.found(book), lang).text
    put_trajectory(book, [0.25, 0.5])
    assert said not in challengers_rerun.state(challengers_rerun.found(book), lang).text


@pytest.mark.parametrize("lang", ["en", "es"])
@pytest.mark.parametrize("seeds", [(0,), (0, 1)], ids=["one seed", "two seeds"])
def test_a_training_is_shown_by_epoch_and_against_its_rivals(book, seeds, lang):
    for seed in seeds:
        put_course(book, [0.25, 0.75, 0.5], seed=seed)
    there = challengers_rerun.found(book)
    assert "Yoochoose 1/64" in challengers_rerun.missing(there, lang).text
    assert "Diginetica" not in challengers_rerun.missing(there, lang).text
    said = challengers_rerun.state(there, lang).text
    assert "75.00\u00a0%" in said  # the best
    assert "50.73\u00a0%" in said  # the printed
    assert f": {', '.join(map(str, seeds))})" in said

    curves = challengers_rerun.curves_table(there, lang)
    assert curves.data["Recall@20"].tolist() == [0.25, 0.75, 0.5]
    assert curves.data["Recall@20 less the published"].tolist() == pytest.approx([-0.2573, 0.2427, -0.0073])
    assert [row[5] for row in curves.rows()] == ["\u221225.73", "+24.27", "\u22120.73"]
    assert curves.data["Seeds"].tolist() == [len(seeds)] * 3
    drawn = challengers_rerun.curves_figure(book, there, lang)
    assert len(drawn.table) == 3 * 2 * len(seeds)
    assert drawn.image() == challengers_rerun.curves_figure(book, there, lang).image()

    less = challengers_rerun.differences_table(book, there, lang).data
    assert len(less) == 3 * 2  # rivals, metrics
    assert less["Seeds"].tolist() == [str(len(seeds))] * len(less)
    first = [less[heading].iloc[0].estimate for heading in ("With its best epoch on test", "With its last epoch")]
    assert first == [pytest.approx(0.25), 0]
    looks = challengers_rerun.looks_table(book, there, lang).data
    assert looks["Best on test"].tolist() == [", ".join(["2"] * len(seeds))] * 2
    assert [less.estimate for less in looks["Less the last epoch"]] == pytest.approx([0.25, 0.25])
    assert set(looks["Less the one chosen in validation"]) == {None}
    said = challengers_rerun.looked(challengers_rerun.looks_table(book, there, lang), lang).text
    assert "SR-GNN" in said
    assert "+25.00" in said
    assert "SR-GNN" not in challengers_rerun.waiting(there, lang)
    assert len(challengers_rerun.provenance_runs(there)) == 3 * len(seeds)


@pytest.mark.parametrize(("lang", "none"), [("en", "None of them has been"), ("es", "Ninguno de ellos se ha")])
def test_the_answer_holds_a_training_that_has_ended_against_gru4rec_by_year(book, lang, none):
    put_trajectory(book, [0.25, 0.75], n_epochs=3)
    assert challengers_rerun.answer(book, challengers_rerun.found(book), lang).startswith(none)
    put_trajectory(book, [0.25, 0.75, 0.5])
    said = challengers_rerun.answer(book, challengers_rerun.found(book), lang)
    assert "75.00\u00a0%" in said
    assert "50.73\u00a0%" in said
    said = challengers_rerun.compared(book, challengers_rerun.found(book), lang)
    assert said.count("+25.00 [") == 3  # GRU4Rec of both years and VSTAN have .5 there
    assert said.count({"en": "above", "es": "por encima de"}[lang]) == 3


def test_the_answer_leaves_out_rivals_that_were_not_run(tmp_path):
    bare = made_book(tmp_path)
    put_trajectory(bare, [0.25])
    said = challengers_rerun.answer(bare, challengers_rerun.found(bare), "en")
    assert said.endswith("50.73\u00a0%).")
    assert challengers_rerun.compared(bare, challengers_rerun.found(bare), "en") == ""


@pytest.mark.parametrize(
    ("today", "then", "none"), [(0.5, 0.25, True), (0.75, 0.25, True), (0.25, 0.25, False), (0.5, 0.5, False)]
)
def test_a_margin_is_said_to_be_over_2016_alone_where_it_is(tmp_path, today, then, none):
    made = made_book(tmp_path)
    for group, value in (("headline", today), ("gru2016_bpr", then), ("simple", 0.5)):
        put_planned(made, value, group=group)
    put_trajectory(made, [0.25, 0.5])
    said = challengers_rerun.answer(made, challengers_rerun.found(made), "en")
    assert ("over that of today none is seen" in said) is none


def test_names_are_listed_as_in_a_sentence():
    said = {"": "–", "a": "a", "ab": "a y b", "abc": "a, b y c"}
    assert {names: challengers_rerun.listed(list(names), "es") for names in said} == said


def test_when_all_is_trained_nothing_waits(book):
    for dataset in ("diginetica", "yoochoose1_64"):
        put_course(book, [0.5], dataset=dataset)
    there = challengers_rerun.found(book)
    assert challengers_rerun.missing(there, "en") is None
    assert challengers_rerun.state(there, "en").text.count("SR-GNN") == 2


def test_a_challenger_whose_value_nobody_prints_here_has_a_dash(book):
    put_course(book, [0.5], recommender="gcegnn", dataset="yoochoose1_64")
    (trained,) = challengers_rerun.found(book)
    assert trained.model == "gcegnn"
    assert "published are – and –" in challengers_rerun.state([trained], "en").text
    assert challengers_rerun.curves_figure(book, [trained], "en") is not None


def test_seeds_that_trained_for_different_times_are_told_as_a_range(book):
    put_course(book, [0.5, 0.6])
    put_course(book, [0.5, 0.6, 0.7], seed=1)
    (trained,) = challengers_rerun.found(book)
    assert trained.epochs == "2–3"
    assert challengers_rerun.curves_table([trained], "en").data["Seeds"].tolist() == [2, 2, 1]


@pytest.mark.parametrize("code", FOUND.code, ids=lambda code: code.model)
def test_the_year_of_a_code_is_that_of_its_paper(code):
    assert literature.year_of(code.paper) == code.year


def test_names_of_challengers_are_those_of_the_published_values():
    assert all(literature_values.model_name(code.model) == code.name for code in FOUND.code)
