"""The page on one model: who it is held against, what the tables say, and what is refused."""

import re

import numpy as np
import pandas as pd
import pytest

from audit_lib.data.preparing import prepare
from audit_lib.errors import InputError, MissingError
from audit_lib.evaluation import metrics
from audit_lib.evaluation.power import sessions_needed, variance
from audit_lib.files import COMMITTED
from audit_lib.stages import your_model, your_model_tables
from audit_lib.study import evidence, outside, running
from audit_lib.study.results import Book
from tests.click_logs import random_log, write_tsv


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A log with evidence of three recommenders, and of a model from outside that finds every other target."""
    folder = tmp_path_factory.mktemp("your_model")
    data, split = prepare(write_tsv(random_log(600, 120), folder / "clicks.tsv"))
    for name in ("popularity", "markov", "vsknn"):
        running.run(data, split, name, out=folder)
    running.run(data, split, "vsknn", k=3, out=folder)
    target = split.prefixes.target
    table = pd.DataFrame({"target": np.arange(len(target)), "item": target})
    table["above"], table["equal"] = np.where(table["target"] % 2, 0, 50), np.where(table["target"] % 3, 0, 30)
    table.to_csv(folder / "ranks.tsv", sep="\t", index=False)
    for seed in (0, 1):
        outside.evaluate(data, split, [folder / "ranks.tsv"], name="mine", seed=seed, out=folder)
    table["list"] = [[(item + 1) % split.train.n_items, item] for item in target.tolist()]
    table[["target", "item", "list"]].to_parquet(folder / "lists.parquet")
    outside.evaluate(data, split, [folder / "lists.parquet"], name="lists", out=folder)
    _, other = prepare(folder / "clicks.tsv", test_days=2)
    running.run(data, other, "markov", out=folder)
    return folder


def paths(folder, name):
    return sorted(str(path) for path in folder.glob(f"clicks/*/{name}/*.parquet"))


@pytest.fixture(scope="module")
def found(folder):
    return your_model.standing("", ",".join(paths(folder, "mine")), book=Book(folder))


def test_a_model_is_held_against_what_was_ranked_on_the_same_targets(found, folder):
    assert found.name == "mine"
    assert set(found.others) == {"popularity", "markov", "vsknn", "lists"}
    assert len(found.runs) == 2
    assert {run.manifest["targets_sha256"] for runs in found.everybody.values() for run in runs} == {
        found.runs[0].manifest["targets_sha256"]
    }


def test_tables_say_what_the_metrics_say(found):
    k = found.k
    assert k == 20
    run = found.runs[0]
    recall = metrics.recall(run.ranks["above"], run.ranks["equal"], k).mean()
    table = your_model_tables.scores(found, "en").set_index("Recommender")
    assert table.loc["mine ◀", "Recall@20"] == pytest.approx(recall)
    assert list(table["Recall@20"]) == sorted(table["Recall@20"], reverse=True)
    assert table.loc["mine ◀", "Seeds"] == 2
    value = your_model_tables.value(found)
    assert value.estimate == pytest.approx(recall)
    assert value.low <= recall <= value.high
    less = your_model_tables.differences(found, "en").set_index("Recommender")
    for name in ("Markov", "V-SKNN", "Popularity"):
        assert less.loc[name, "Difference of Recall@20"] == pytest.approx(recall - table.loc[name, "Recall@20"])
    assert (less["Recall@20, p (Holm)"] <= 1).all()


def test_tables_show_the_model_the_strongest_others_and_who_changes_places(found, monkeypatch):
    monkeypatch.setattr(your_model_tables, "STRONGEST", 1)
    names = list(your_model_tables.scores(found, "en")["Recommender"][your_model_tables.strongest(found)])
    assert names == [name for name in names if name in ("mine ◀", your_model_tables.named(found.best, found, "en"))]
    assert len(names) == 2
    places = pd.DataFrame({"Recommender": ["a", "b", "mine ◀", "c"], "Place": [1, 2, 3, 4],
                           "Place, sampled": [2, 1, 3, 4]})  # fmt: skip
    assert list(places["Recommender"][your_model_tables.moved(places, found, "en")]) == ["a", "b", "mine ◀"]


def test_sampled_negatives_are_asked_of_who_ranked_the_whole_catalogue(found):
    table = your_model_tables.sampled(found, "en").set_index("Recommender")
    assert "lists" not in table.index
    assert your_model_tables.negatives(found) == (found.runs[0].n_items - 1) // 2
    assert (table["Sampled negatives"] >= table["Whole catalogue"]).all()
    assert sorted(table["Place"]) == list(range(1, len(table) + 1))


def test_power_is_that_of_the_difference_from_the_best_other(found):
    numbers = your_model_tables.power(found)
    a, b, drawn = found.paired(found.best, "Recall")
    assert numbers["difference"] == pytest.approx(a.mean() - b.mean())
    spread = variance(a.mean(0), b.mean(0), drawn.labels)
    assert numbers["needed"] == pytest.approx(sessions_needed(spread, numbers["difference"]))
    shown = your_model_tables.sessions(found, numbers, "en")["Value"]
    assert shown.iloc[1] == f"{numbers['sessions']:,}"
    none = your_model_tables.sessions(found, numbers | {"needed": float("inf")}, "en")["Value"]
    assert none.iloc[2] == "No number: there is no difference."


def test_ties_are_told_by_policy(found):
    row = your_model_tables.ties(found, "en").iloc[0]
    assert row["Tied targets"] == (found.runs[0].ranks["equal"] > 0).mean()
    assert row["Conservative"] < row["Standard"]


def test_the_checklist_answers_from_the_evidence(found, folder):
    answers = your_model_tables.checklist(found, "en").set_index("Question")["Answer"]
    assert answers["Is the whole catalogue ranked?"] == f"Yes, {found.runs[0].n_items} items."
    assert answers["How many seeds?"] == "2"
    assert answers["Are its settings stated?"] == "None."
    assert len(your_model_tables.checklist(found, "es")) == len(answers)
    lists = your_model.standing("", paths(folder, "lists")[0], book=Book(folder))
    assert lists.k == 2
    answers = your_model_tables.checklist(lists, "en").set_index("Question")["Answer"]
    assert answers["Is the whole catalogue ranked?"] == "No, there are lists of 2 items alone."
    assert answers["Do ties count against it?"] == "Lists do not show ties."


@pytest.mark.parametrize("lang", ["en", "es"])
def test_the_page_is_one_pdf_of_the_same_bytes(found, lang):
    first, second = (your_model_tables.page(found, lang).image("pdf") for _ in range(2))
    assert first.startswith(b"%PDF")
    assert first == second
    assert len(re.findall(rb"/Type /Page\b", first)) == 1


def test_evidence_of_several_models_of_nothing_or_without_rivals_is_refused(folder, tmp_path):
    with pytest.raises(InputError, match="of several models or splits"):
        your_model.standing("", ",".join([*paths(folder, "mine"), *paths(folder, "lists")]), book=Book(folder))
    with pytest.raises(MissingError, match="No evidence of a model from outside"):
        your_model.standing("rsc15_100k", "", book=Book(tmp_path))
    with pytest.raises(MissingError, match="There is no evidence file"):
        your_model.standing("", "none.parquet", book=Book(folder))
    data, split = prepare(folder / "clicks.tsv", min_item_support=2)
    alone, _ = outside.evaluate(data, split, [_ranks(split, tmp_path)], name="alone", out=tmp_path)
    with pytest.raises(MissingError, match="nothing on the same targets"):
        your_model.standing("", str(alone.path), book=Book(tmp_path))


def _ranks(split, folder):
    target = split.prefixes.target
    table = pd.DataFrame({"target": np.arange(len(target)), "item": target, "above": 1, "equal": 0})
    table.to_csv(folder / "r.tsv", sep="\t", index=False)
    return folder / "r.tsv"


def test_a_data_set_of_the_registry_has_the_recommenders_of_the_study():
    official = next(iter(evidence.find(COMMITTED, dataset="diginetica", recommender="gru4rec_official")))
    found = your_model.standing("", str(official.path))
    assert {"gru4rec", "gru4rec_2016", "vstan", "markov"} <= set(found.others)
    assert found.k == 20


def test_the_page_shows_a_kept_model_whatever_data_set_is_asked_for():
    kept = your_model.standing("rsc15_100k", "")
    assert kept.runs[0].dataset == "rsc15_100k"
    assert kept.name not in ("gru4rec", "vstan")
    assert your_model_tables.example(kept, "rsc15_100k", "", "en") is None
    other = your_model.standing("folder/clicks.tsv", "")
    assert other.name == kept.name
    said = your_model_tables.example(other, "folder/clicks.tsv", "", "es").text
    assert said.startswith("Todavía no hay evidencia de un modelo de fuera sobre clicks.")
    assert your_model_tables.example(other, "folder/clicks.tsv", "given.parquet", "es") is None


def test_a_model_that_was_evaluated_here_comes_first(folder, monkeypatch):
    monkeypatch.setenv("AUDIT_EVIDENCE", str(folder))
    found = your_model.standing(str(folder / "clicks.tsv"), "", book=Book(folder))
    assert (found.name, len(found.runs)) == ("mine", 2)
