"""The verbs for a model and a log under one roof: targets, evaluate, recommend, and several recommenders at once."""

import io
import json
import os
import sys

import numpy as np
import pandas as pd
import pytest

from audit_lib import recommenders
from audit_lib.data.registry import REGISTRY
from audit_lib.study import evidence, models

pytestmark = pytest.mark.usefixtures("clicks")


@pytest.fixture
def lists(both, folder):
    """A table of lists that hold the target in every third place, from a folder that `targets` wrote."""
    both("targets", "clicks.tsv", "--out", "x")
    targets = pd.read_parquet("x/targets.parquet")
    rows = [[(item + 1) % 40, (item + 2) % 40, item] for item in targets["item"]]
    targets[["target", "item"]].assign(list=rows).to_parquet("lists.parquet")
    return "lists.parquet"


def test_a_result_from_outside_is_measured_and_compared_like_any_other(both, fails, lists):
    out = both("evaluate", "x", lists, "--name", "peer", "--source", "a library 1.0", "--set", "epochs=3", "--seed", 4)
    assert "metrics up to K = 3, and neither ties nor sampled metrics" in out.err
    path = out.out.strip()
    assert evidence.read(path).seed == 4
    rows = json.loads(both("metrics", path, "--json").out)
    assert {(row["metric"], row["k"]): row["micro"] for row in rows} == {
        ("Recall", 1): 0, ("MRR", 1): 0, ("NDCG", 1): 0
    }  # fmt: skip
    assert rows[0]["settings"] == "source=a library 1.0 epochs=3"
    assert json.loads(both("metrics", path, "--k", 3, "--json").out)[0]["micro"] == 1
    own = both("rank", "--dataset", "clicks.tsv", "--recommender", "markov").out.strip()
    row = json.loads(both("compare", path, own, "--k", 3, "--json").out)[0]
    assert (row["a"], row["b"], row["value_a"]) == ("peer", "markov", 1)
    assert "a metric at K = 5 is not known" in fails("compare", path, own, "--k", 5)
    assert "a metric at K = 20 is not known" in fails("metrics", path, "--k", 20)
    assert "nothing follows for sampled metrics" in fails("sampled", path)


def test_evaluate_says_what_ranks_without_support_exclude(both, lists):
    table = pd.read_parquet(lists).drop(columns="list").assign(above=0, equal=1)
    table.to_csv("ranks.tsv", sep="\t", index=False)
    out = both("evaluate", "x", "ranks.tsv", "--name", "peer")
    assert "no metrics of popularity sampling" in out.err
    rows = json.loads(both("metrics", out.out.strip(), "--k", 1, "--ties", "standard", "--json").out)
    assert rows[0]["micro"] == 1


def test_wrong_results_are_one_message(fails, lists):
    assert "There is no 'y/split.json'" in fails("evaluate", "y", lists, "--name", "peer")
    assert "There is no file 'none.tsv'" in fails("evaluate", "x", "none.tsv", "--name", "peer")
    assert "Missing option '--name'" in fails("evaluate", "x", lists, status=2)
    assert "'epochs' is not key=value" in fails("evaluate", "x", lists, "--name", "peer", "--set", "epochs")


def test_targets_of_an_own_log_are_found_again_from_another_folder(both, lists, folder, monkeypatch):
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    assert both("evaluate", folder / "x", folder / lists, "--name", "peer").out.strip().endswith("-s0.parquet")


# --- several recommenders, and settings from a file


def test_several_recommenders_are_ranked_in_one_process_with_settings_of_their_own(both, folder):
    (folder / "s.toml").write_text('fallback = "zero"\n[vsknn]\nk = 50\n[markov]\nties = "keep"\n')
    out = both("rank", "--dataset", "clicks.tsv", "--config", "s.toml", "--set", "vsknn.sample_size=70")
    runs = [evidence.read(path) for path in out.out.split()]
    assert [run.recommender for run in runs] == ["vsknn", "markov"]
    assert [run.manifest["config"]["fallback"] for run in runs] == ["zero", "zero"]
    assert (runs[0].manifest["config"]["k"], runs[0].manifest["config"]["sample_size"]) == (50, 70)
    assert runs[1].manifest["config"]["ties"] == "keep"
    out = both("rank", "--dataset", "clicks.tsv", "--recommender", "popularity,markov", "--recommender", "sr")
    assert [evidence.read(path).recommender for path in out.out.split()] == ["popularity", "markov", "sr"]


def test_a_setting_that_a_recommender_does_not_have_is_said_before_anything_runs(fails, folder):
    (folder / "s.toml").write_text("[vsknn]\nk = 50\n")
    (folder / "bad.toml").write_text("k = = 50\n")
    (folder / "other.toml").write_text("[vsknnn]\nk = 50\n")
    rank = ("rank", "--dataset", "clicks.tsv")
    said = fails(*rank, "--recommender", "popularity,markov", "--set", "markov.colour=red")
    assert "colour: there is no such setting" in said
    assert "sets something of vsknn" in fails(*rank, "--recommender", "markov", "--set", "vsknn.k=5")
    assert "has settings of vsknn" in fails(*rank, "--recommender", "markov", "--config", "s.toml")
    assert "is not TOML" in fails(*rank, "--config", "bad.toml")
    assert "There is no file 'none.toml'" in fails(*rank, "--config", "none.toml")
    assert "Did you mean 'vsknn'" in fails(*rank, "--config", "other.toml")
    assert "Name a recommender" in fails(*rank, status=2)
    assert "--save keeps one model" in fails(*rank, "--recommender", "markov,sr", "--save", "m")
    assert not (folder / "evidence").exists()


# --- recommend


@pytest.fixture
def model(both):
    both("rank", "--dataset", "clicks.tsv", "--recommender", "vsknn", "--save", "m.safetensors")
    return "m.safetensors"


def test_recommend_answers_from_options_a_file_and_standard_input_alike(both, model, folder, monkeypatch):
    saved = models.load(model)
    expected = [saved.recommend(session, 3) for session in (["1", "2"], ["5"])]
    (folder / "s.txt").write_text("\ufeff1,2\n5\n", encoding="utf8")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"1,2\n[5]\n"), encoding="utf8"))
    for arguments in (("--session", "1,2", "--session", "5"), ("--sessions", "s.txt"), ()):
        rows = [json.loads(line) for line in both("recommend", model, *arguments, "--k", 3, "--json").out.splitlines()]
        assert [row["items"] for row in rows] == [found.items for found in expected]
        np.testing.assert_allclose([row["scores"] for row in rows], [found.scores for found in expected])
    text = both("recommend", model, "--session", "1,2", "--k", 3).out.splitlines()
    assert text[0] == "After 1, 2"
    assert [int(line.split()[-1]) for line in text[1:]] == expected[0].items


def test_recommend_names_what_it_does_not_know(both, fails, model):
    out = both("recommend", model, "--session", "1,nothing", "--json")
    assert out.err.strip() == "Session 1: unknown items nothing."
    assert json.loads(out.out)["unknown"] == ["nothing"]
    for text in ("[1,", '{"a": 1'):
        assert "Session 1 is no JSON list" in fails("recommend", model, "--session", text)
    for text in ("[[1]]", "[null]", "[true]", '{"a": 1}'):
        assert "something that is no item" in fails("recommend", model, "--session", text)
    assert "There is no file 'none'" in fails("recommend", model, "--sessions", "none")
    assert "There is no file '.': it is a folder" in fails("recommend", model, "--sessions", ".")
    assert both("recommend", model, "--sessions", os.devnull).out == ""
    assert "Give --session or --sessions" in fails("recommend", model, "--session", "1", "--sessions", "none", status=2)
    assert "k is 0" in fails("recommend", model, "--session", "1", "--k", 0)
    assert "There is no model 'none'" in fails("recommend", "none", "--session", "1")
    assert "is no model of `rank --save`" in fails("recommend", "clicks.tsv", "--session", "1")


def test_a_session_without_a_known_item_stops_no_batch(both, model, folder):
    (folder / "s.txt").write_text("1,2\n\nnothing\n5\n")
    found = both("recommend", model, "--sessions", "s.txt", "--k", "3", "--json", status=1)
    rows = [json.loads(line) for line in found.out.splitlines()]
    assert [len(row["items"]) for row in rows] == [3, 0, 0, 3]
    assert [row["unknown"] for row in rows] == [[], [], ["nothing"], []]
    assert "1 of 4 sessions have no item that the model knows" in found.err


# --- list and settings


def test_list_names_every_data_set_and_recommender(both):
    found = json.loads(both("list", "--json").out)
    assert [row["name"] for row in found["datasets"]] == list(REGISTRY)
    assert [row["name"] for row in found["recommenders"]] == list(recommenders.REGISTRY)
    text = both("list").out
    assert all(name in text for name in (*REGISTRY, *recommenders.REGISTRY))


def test_settings_says_what_set_takes(both, fails):
    rows = {row["setting"]: row for row in json.loads(both("settings", "vsknn", "--json").out)}
    assert rows["k"]["default"] == "100"
    text = both("settings", "vsknn", "--dataset", "diginetica").out
    assert "sample_size = 1000   (whole number or none)" in text
    assert "Published: diginetica" in text
    assert both("settings", "session_popularity").out.strip() == "session_popularity has no settings."
    assert "Did you mean 'markov'" in fails("settings", "markof")
    assert "Unknown data set 'digi'" in fails("settings", "vsknn", "--dataset", "digi")


# --- tell apart, export, draw


@pytest.fixture
def runs(both):
    """V-SKNN with two numbers of neighbours, and Markov."""
    paths = [both("rank", "--dataset", "clicks.tsv", "--recommender", "vsknn", "--set", f"k={k}").out.strip()
             for k in (100, 3)]  # fmt: skip
    return [*paths, both("rank", "--dataset", "clicks.tsv", "--recommender", "markov").out.strip()]


def test_runs_of_one_recommender_are_told_apart_by_what_differs(both, runs):
    rows = json.loads(both("metrics", *runs, "--k", 5, "--json").out)
    assert [row["settings"] for row in rows[::3]] == ["k=100", "k=3", "default"]
    row = json.loads(both("compare", *runs[:2], "--k", 5, "--json").out)[0]
    assert (row["a"], row["b"]) == ("vsknn (k=100)", "vsknn (k=3)")
    row = json.loads(both("compare", runs[0], runs[2], "--k", 5, "--json").out)[0]
    assert (row["a"], row["b"]) == ("vsknn", "markov")


@pytest.mark.parametrize("form", ["tsv", "csv", "parquet"])
def test_the_means_of_sessions_are_exported_and_average_to_the_metric(both, runs, form):
    rows = json.loads(both("metrics", *runs, "--k", 5, "--per-session", f"s.{form}", "--json").out)
    read = {"tsv": lambda p: pd.read_csv(p, sep="\t"), "csv": pd.read_csv, "parquet": pd.read_parquet}[form]
    table = read(f"s.{form}")
    assert len(table) == 3 * evidence.read(runs[0]).targets["session"].nunique()
    markov = table[table["recommender"] == "markov"]
    recall = next(row for row in rows if row["recommender"] == "markov" and row["metric"] == "Recall")
    assert markov["Recall@5"].mean() == pytest.approx(recall["macro"])
    weighted = np.average(markov["Recall@5"], weights=markov["predictions"])
    assert weighted == pytest.approx(recall["micro"])
    refused = both("metrics", runs[0], "--per-session", "s.xlsx", status=1)
    assert "is none of .tsv, .csv and .parquet" in refused.err


@pytest.mark.parametrize("kind", ["cutoffs", "negatives", "length", "support", "differences"])
def test_figures_are_drawn_with_their_tables(both, runs, kind, folder):
    assert both("plot", kind, *runs, "--k", 5, "--out", "f.svg").out.strip() == "f.svg"
    assert (folder / "f.svg").read_text("utf8").startswith("<?xml")
    assert len(pd.read_csv("f.csv")) > 1
    both("plot", kind, *runs, "--k", 5, "--out", "f.png", "--lang", "es", "--metric", "MRR")
    assert (folder / "f.png").read_bytes()[:4] == b"\x89PNG"


def test_figures_that_make_no_sense_are_refused(both, fails, runs, folder):
    other = both("rank", "--dataset", "clicks.tsv", "--test-days", 2, "--recommender", "markov").out.strip()
    assert "of different targets" in fails("plot", "cutoffs", runs[0], other, "--out", "f.svg")
    assert "give the evidence of another" in fails("plot", "differences", runs[0], "--k", 5, "--out", "f.svg")
    assert "neither .svg nor .png" in fails("plot", "length", runs[0], "--k", 5, "--out", "f.pdf")
    assert "larger than the catalogue" in fails("plot", "length", runs[0], "--k", 500, "--out", "f.svg")
    assert not list(folder.glob("f.*"))
