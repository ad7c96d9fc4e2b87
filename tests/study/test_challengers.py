"""The codes of challengers, in both languages, their evidence by epoch, and the claim that is judged on it."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from audit_lib.errors import EvidenceError, InputError
from audit_lib.files import BOOK
from audit_lib.recommenders.challengers import codes
from audit_lib.study import challenger_runs, challengers, claims, literature_values, measures, reported_epoch
from audit_lib.study.results import Book, NotYet
from tests.made_challengers import made_book, put_course, put_planned, put_run, put_trajectory

FOUND = challengers.read()


@pytest.fixture
def book(tmp_path) -> Book:
    return made_book(tmp_path)


# --- the file
@pytest.mark.parametrize("code", FOUND.code, ids=lambda code: code.model)
def test_every_code_has_a_name_a_paper_and_a_commit_not_before_it(code):
    assert code.name != code.model
    assert f"{{{code.paper}," in (BOOK / "references.bib").read_text("utf8")
    assert code.last.year >= code.year


@pytest.mark.parametrize("place", [*FOUND.choice, *FOUND.trap], ids=lambda p: f"{p.model}-{p.file}-{p.lines}")
def test_what_is_said_of_a_place_is_in_both_languages_with_the_same_numbers(place):
    assert place.text("en") != place.text("es")
    figures = [Counter(re.findall(r"\d+", text)) for text in (place.says, place.says_es)]
    assert figures[0] == figures[1]
    assert all(text.endswith(".") for text in (place.says, place.says_es))


def test_a_place_is_linked_at_the_commit_of_its_code_by_lines():
    place = next(choice for choice in FOUND.choice if choice.model == "srgnn")
    first, second = FOUND.links(place)
    root = f"https://github.com/CRIPAC-DIG/SR-GNN/blob/{FOUND.of('srgnn').commit}/pytorch_code/main.py"
    assert first == ("39", f"{root}#L39")
    assert second == ("61-75", f"{root}#L61-L75")


def test_an_unknown_model_suggests_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'srgnn'"):
        FOUND.of("srgn")


def test_every_code_is_tried_today_and_with_versions_of_its_own_time():
    for when in ("today", "own"):
        tried = [model for e in FOUND.environment if e.when == when for model in e.models]
        assert sorted(tried) == sorted(code.model for code in FOUND.code)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('lines = "39, 61-75"', 'lines = "61-75, 39"'), ('lines = "39, 61-75"', 'lines = "thirty"'),
        ('part = "validation"', 'part = "both"'), ('about = "ties"', 'about = "tie"'),
        ('model = "stamp"\nabout', 'model = "stomp"\nabout'), ('model = "tagnn"\npaper', 'model = "dhcn"\npaper'),
        ('commit = "475e0f2', 'commit = "x75e0f2'), ('licence = "Apache-2.0"\n', ""), ("says_es", "says_en"),
        ('models = ["narm"]', 'models = ["gru"]'), ('[[start]]\nmodel = "narm"', '[[start]]\nmodel = "stamp"'),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_refused(tmp_path, old, new):
    text = challengers.FILE.read_text("utf8")
    assert old in text
    path = tmp_path / "challengers.toml"
    path.write_text(text.replace(old, new, 1), "utf8")
    with pytest.raises(InputError, match=r"challengers\.toml"):
        challengers.read(path)


def test_what_is_trained_is_what_was_read():
    for name, code in codes.CODES.items():
        read = challengers.read().of(name)
        assert (code.commit, code.url) == (read.commit, f"https://github.com/{read.repository}")


# --- evidence after every epoch
def test_runs_of_a_seed_are_its_course_in_the_order_of_epochs(book):
    for epoch, hits in ((10, 0.5), (2, 0.25), (1, 0.1)):
        put_run(book, hits, n_epochs=epoch, lr=0.001)
    put_run(book, 0.75, n_epochs=1, lr=0.001, seed=1)
    first, second = challenger_runs.courses(book, "diginetica", "srgnn")
    assert (first.seed, first.epochs, second.seed, second.epochs) == (0, (1, 2, 10), 1, (1,))
    assert list(first.values("Recall", 1).mean(1)) == [0.1, 0.25, 0.5]
    table = challenger_runs.by_epoch("diginetica", [first, second])
    assert len(table) == (3 + 1) * 2
    assert table.query("seed == 1 and metric == 'MRR'")["value"].tolist() == [0.75]


def test_without_evidence_there_is_no_course_and_nothing_is_asked(book):
    assert challenger_runs.courses(book, "diginetica", "srgnn") == []
    with pytest.raises(NotYet, match="diginetica, srgnn"):
        challenger_runs.gap(book, dataset="diginetica", model="srgnn")


def test_a_training_that_was_ranked_after_every_epoch_is_a_course_of_its_own(book):
    put_trajectory(book, [0.25, 0.75, 0.5])
    put_run(book, 0.5, n_epochs=3, lr=0.001)  # whole ranks of the last epoch
    put_course(book, [0.1, 0.2], seed=1)
    first, second = challenger_runs.courses(book, "diginetica", "srgnn")
    assert (first.epochs, len(first.runs), second.epochs, len(second.runs)) == ((1, 2, 3), 1, (1, 2), 2)
    assert list(first.values("Recall", 1).mean(1)) == [0.25, 0.75, 0.5]
    look = challenger_runs.look("diginetica", [first, second], "Recall")
    assert (look.best, look.gain.estimate) == ((2, 2), pytest.approx(0.25 / 2))


def test_a_training_that_goes_on_is_shown_but_settles_no_claim(book):
    put_planned(book, 0.5, group="headline")
    put_trajectory(book, [0.25, 0.75], n_epochs=3)
    (course,) = challenger_runs.courses(book, "diginetica", "srgnn")
    assert (course.whole, course.epochs) == (False, (1, 2))
    with pytest.raises(NotYet, match="diginetica, srgnn"):
        challenger_runs.gap(book, dataset="diginetica", model="srgnn")
    put_trajectory(book, [0.25, 0.75, 0.5])
    assert challenger_runs.gap(book, dataset="diginetica", model="srgnn").estimate == pytest.approx(0.25)


def test_two_configurations_are_not_mixed(book):
    put_run(book, 0.5, n_epochs=1, lr=0.001)
    put_run(book, 0.5, n_epochs=2, lr=0.01)
    with pytest.raises(EvidenceError, match="two configurations of srgnn"):
        challenger_runs.courses(book, "diginetica", "srgnn")


def test_the_look_is_the_best_epoch_less_the_last_of_each_seed(book):
    put_course(book, [0.25, 0.5, 0.4])
    put_course(book, [0.75, 0.5], seed=1)  # ended an epoch earlier
    look = challenger_runs.look("diginetica", challenger_runs.courses(book, "diginetica", "srgnn"), "Recall")
    assert look.best == (2, 1)
    assert look.maximum == pytest.approx((0.5 + 0.75) / 2)
    assert look.honest.estimate == pytest.approx((0.4 + 0.5) / 2)
    assert look.gain.estimate == pytest.approx((0.1 + 0.25) / 2)


def test_a_training_that_ended_earlier_stays_at_its_last_epoch():
    each = [np.array([[1.0], [2.0], [3.0]]), np.array([[5.0], [4.0]])]
    assert reported_epoch.stacked(each)[:, :, 0].tolist() == [[1, 5], [2, 4], [3, 4]]


def test_differences_are_paired_by_seed_and_a_rival_without_chance_stands_beside_every_seed(book):
    put_course(book, [0.5, 0.25])
    put_course(book, [0.75, 0.5], seed=2)
    put_planned(book, 0.25, group="headline", dataset="diginetica")  # seeds 0 and 1
    put_planned(book, 0.5, group="simple")
    found = challenger_runs.courses(book, "diginetica", "srgnn")
    rivals = {name: book.present(dataset="diginetica", recommender=name) for name in ("gru4rec", "vstan")}
    best = challenger_runs.difference("diginetica", found, rivals["gru4rec"], best=True)
    assert (best.estimate, best.seeds) == (0.25, 1)  # of seed 0 alone
    last = challenger_runs.difference("diginetica", found, rivals["gru4rec"], best=False)
    assert tuple(last[:3]) == (0, 0, 0)
    beside = challenger_runs.difference("diginetica", found, rivals["vstan"], best=True)
    assert (beside.estimate, beside.seeds) == (pytest.approx((0 + 0.25) / 2), 2)
    with pytest.raises(NotYet, match="a seed of both srgnn and gru4rec"):
        challenger_runs.difference("diginetica", found[1:], rivals["gru4rec"], best=True)


# --- the claim on them
def settled(book: Book) -> claims.Settled:
    return claims.settle(next(claim for claim in claims.read() if claim.id == "B10"), book)


def test_the_claim_is_judged_on_printed_values_where_no_challenger_was_run(book):
    for dataset in ("diginetica", "yoochoose1_64"):
        put_planned(book, 0.5, group="headline", dataset=dataset)
    found = settled(book)
    assert {finding.part.measure for finding in found.findings} == {"published_gap"}
    assert sum(finding.part.expect is not None for finding in found.findings) == 2 * 2 * 3
    assert found.missing == []
    assert found.verdict == "partly"  # 50.73 is above a half, 45.64 is not


def test_where_ranks_exist_they_decide_and_the_printed_value_stands_beside(book):
    for dataset in ("diginetica", "yoochoose1_64"):
        put_planned(book, 0.5, group="headline", dataset=dataset)
    put_course(book, [0.25, 0.7])
    found = settled(book).findings
    ranked = [f for f in found if f.part.measure == "challenger_gap"]
    assert [(f.part.arguments["model"], f.state) for f in ranked] == [("srgnn", "met"), ("srgnn", "met")]
    assert ranked[0].measured.estimate == pytest.approx(0.2)
    beside = [f for f in found if f.part.arguments == {"dataset": "diginetica", "model": "srgnn", "source": "wu2019"}]
    assert [(f.part.expect, f.state) for f in beside] == [(None, "beside")]  # once, though two parts asked
    others = [f for f in found if f.part.measure == "published_gap" and f.part.expect]
    assert len(others) == 2 * (2 * 3 - 1)


def test_a_gap_is_to_the_headline_training_and_by_any_metric(book):
    put_planned(book, 0.5, group="headline", dataset="diginetica")
    put_run(book, 0.5, place=1, n_epochs=1)
    gap = measures.MEASURES["challenger_gap"][0]
    assert gap(book, dataset="diginetica", model="srgnn").estimate == 0
    assert gap(book, dataset="diginetica", model="srgnn", metric="MRR").estimate == pytest.approx(0.25 - 0.5)


def test_every_challenger_with_a_printed_value_has_a_code():
    known = {code.model for code in FOUND.code} | {"gru4rec", "popularity", "session_popularity", "itemknn"}
    assert set(literature_values.table().query("source in ('wu2019', 'wang2020')")["recommender"]) <= known
