"""The tables of the page on the literature, on evidence made by hand, in both languages and without any evidence."""

from __future__ import annotations

import pandas as pd
import pytest

from audit_lib.show import row_figures, words
from audit_lib.show.words import STATES, VERDICTS
from audit_lib.stages import literature
from audit_lib.study import claim_words, claims, literature_values
from audit_lib.study.results import Book
from tests.made_challengers import put_planned
from tests.study.test_claims import DATASET, book, claim, score_part  # noqa: F401

REFERENCE = 0.5


@pytest.fixture
def stated(monkeypatch, tmp_path):
    """Two published values of GRU4Rec and one of another model, on the data set of the hand-made evidence."""
    row = {"source": "wu2019", "dataset": DATASET, "k": 20, "mrr": 0.1, "min_step": 1}
    table = pd.DataFrame([
        row | {"recommender": "gru4rec", "targets": "same", "recall": 0.3},
        row | {"recommender": "gru4rec", "targets": "other", "recall": 0.45, "source": "ludewig2021", "min_step": 2},
        row | {"recommender": "srgnn", "targets": "same", "recall": 0.6},
    ])  # fmt: skip
    monkeypatch.setattr(literature_values, "table", lambda *_: table)


def test_published_values_stand_beside_those_measured(book, stated):  # noqa: F811
    put_planned(book, 0.5, group="headline")
    found = literature.compared(book)
    assert list(found["published"]) == [0.3, 0.45]
    assert list(found["difference"]) == pytest.approx([0.2, 0.05])
    assert list(found["source"]) == ["Wu et al. (2019)", "Ludewig et al. (2021)"]
    assert list(found["seeds"]) == [2, 2]
    assert found["recommender"].unique().tolist() == ["GRU4Rec"]  # the official engine has no evidence here
    shown = literature.compared_table(found, "en").data
    assert list(shown["Targets"]) == ["the same", "prepared otherwise"]
    row_figures.published(found)


def test_a_value_comes_out_if_one_way_in_which_it_ran_is_near_and_targets_are_equal():
    rows = [("d", "GRU4Rec", "a", "same", 0.2), ("d", "GRU4Rec (official), BPR-max", "a", "same", 0.06),
            ("e", "Item-kNN", "a", "same", -0.3), ("e", "Item-kNN, tuned", "a", "same", -0.05),
            ("e", "Markov", "b", "other", 0.0)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["dataset", "recommender", "source", "targets", "difference"])
    assert literature.come_out(table).to_dict() == {("d", "a", "GRU4Rec"): False, ("e", "a", "Item-kNN"): True}
    assert literature.come_out(table[:0]).sum() == 0


def test_other_models_are_held_against_our_gru4rec_and_the_published_one(book, stated):  # noqa: F811
    put_planned(book, 0.5, group="headline")
    (row,) = literature.models_table(book).data.to_dict("records")
    assert row["Model"] == "SR-GNN"
    assert row["Less GRU4Rec as published"] == pytest.approx(0.3)
    assert row["Less GRU4Rec as measured"] == pytest.approx(0.1)


def test_ablations_come_best_first_with_what_was_not_changed(book):  # noqa: F811
    put_planned(book, 0.5, group="headline")
    put_planned(book, 0.25, variant="short")
    table = ablations_of(book)
    assert list(table["label"]) == ["Nothing changed", "One epoch"]
    assert list(table["value"]) == [0.5, 0.25]
    assert list(table["seeds"]) == [2, 1]
    shown = literature.ablations_table(table, REFERENCE, "en").data
    assert list(shown["From the published value"]) == [0.0, -0.25]
    assert list(literature.nearest(table, 0.26)["value"]) == [0.25]
    assert literature.nearest(table, 0.5).empty  # what was not changed is no change
    row_figures.ablations(table, reference=REFERENCE)


def ablations_of(book: Book) -> pd.DataFrame:  # noqa: F811
    return literature.ablations(book, dataset=DATASET, group="ablations")


def test_values_over_later_targets_are_a_row_of_their_own(book):  # noqa: F811
    put_planned(book, 0.5, group="headline")
    table = literature.by_first_step_table(book, dataset=DATASET, lang="en").data
    assert list(table["Predictions"]) == [80, 40]
    assert list(table["Recall@20"]) == [0.5, 0.5]


def test_without_evidence_every_table_has_headings_and_no_rows(book, tmp_path):  # noqa: F811
    tables = [
        literature.compared(book), literature.models_table(book).data, ablations_of(book),
        literature.by_first_step_table(book, dataset="retailrocket", lang="en").data,
        literature.provenance_table([], "en").data,
    ]  # fmt: skip
    assert all(len(table) == 0 and len(table.columns) > 3 for table in tables)
    row_figures.published(tables[0])
    row_figures.ablations(tables[2], reference=REFERENCE)
    assert len(literature.nearest(tables[2], REFERENCE)) == 0


def test_the_ledger_before_a_reader(book):  # noqa: F811
    settled = [
        claims.settle(claim(score_part(expect="near", value=0.5, tolerance=0.01)), book),
        claims.settle(claim(untestable="why", untestable_es="por qué"), book),
    ]
    assert list(literature.ledger_table(settled, "en").data["Verdict"]) == ["Not run", "Not testable offline"]
    assert literature.untestable_table(settled, "en").data.iloc[0, 1] == "why"
    assert len(literature.findings_table(settled, "en").data) == 0
    assert literature.missing_table(settled, "en").data["Missing"].str.contains("gru4rec").all()
    put_planned(book, 0.5, group="headline")
    again = [claims.settle(settled[0].claim, Book(book.folder, book.study))]
    (row,) = literature.findings_table(again, "en").data.to_dict("records")
    assert (row["Measured"], row["Outcome"]) == ("50.00\u00a0%", "Met")
    assert row["Of"] == f"{words.data_name(DATASET)}, GRU4Rec, Recall@20, Cross-entropy"


@pytest.mark.parametrize(
    ("measure", "expect", "words"),
    [
        ("score", {"expect": "near", "value": 0.2945, "tolerance": 0.02}, "29.45\u00a0% ± 2 points"),
        ("simple_share", {"expect": "between", "low": 0.6, "high": 0.7}, "60.00 – 70.00\u00a0%"),
        ("difference", {"expect": "at_least", "value": 0.05}, "≥ +5.00 points"),
        ("latency", {"expect": "at_most", "value": 10.0}, "≤ 10"),
        ("loss", {"expect": "near", "value": 7.15, "tolerance": 0.2}, "7.15 ± 0.2"),
    ],
)  # fmt: skip
def test_what_is_expected_is_said_in_the_unit_of_its_measure(measure, expect, words):
    part = claims.Part.model_construct(measure=measure, arguments={}, **({"tolerance": 0.0} | expect))
    assert claim_words.expected(part) == words


def test_sources_are_cited_by_name_and_year():
    assert literature.cited("wu2019") == "Wu et al. (2019)"
    assert literature.cited("ludewig2018") == "Ludewig & Jannach (2018)"
    assert literature.cited("audited_study") == "Gonzalez (2025)"


def test_every_word_of_these_tables_has_a_label():
    known = {*VERDICTS.values(), *STATES.values()}
    assert set(claims.Verdict.__args__) == set(VERDICTS)
    assert set(claims.State.__args__) == set(STATES)
    assert all(words.translator("en")(word) == word for word in known)


@pytest.mark.parametrize("claim_", claims.read(), ids=lambda c: c.id)
def test_every_part_of_a_claim_can_be_described(claim_):
    for part in claim_.parts:
        assert claim_words.expected(part)
        assert claim_words.describe(part) or part.measure in ("toy_table", "documents")
