"""The preflight says all that is wrong at once, in sentences, and what a sound log holds; the verbs about a log."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from audit_lib import recommenders
from audit_lib.commands.expected import minutes
from audit_lib.commands.preflight import preflight
from audit_lib.data.preparing import prepare
from audit_lib.data.sessions import Prefixes
from audit_lib.errors import InputError
from audit_lib.recommenders.popularity import Popularity
from audit_lib.study import evidence
from tests.click_logs import random_log, write_tsv
from tests.small_logs import sessions_of

pytestmark = pytest.mark.usefixtures("folder")


def texts(report, kind):
    return [finding.text for finding in report.findings if finding.kind == kind]


def test_a_sound_log_can_become_a_book_and_its_split_is_the_one_that_is_made(clicks):
    report = preflight(clicks)
    assert report.ok
    assert texts(report, "problem") == []
    _, split = prepare(clicks)
    assert report.facts["predictions"] == len(split.prefixes)
    assert report.facts["events"] == len(pd.read_csv(clicks, sep="\t"))
    assert evidence.split_hash(report.split) == evidence.split_hash(split)
    assert report.text().endswith("It can become a book.")


def test_everything_that_is_wrong_is_said_at_once(folder):
    report = preflight(
        folder / "none.tsv", columns="x", test_days="soon", min_item_support="0", k="-1", recommender_names="markof",
        profile="fast", engine="own", device="gpu", seeds="0;x",
    )  # fmt: skip
    said = "\n".join(texts(report, "problem"))
    assert not report.ok
    for words in (
        "The columns 'x' are not of the form SessionId=NAME", "test_days is 'soon'", "min_item_support is 0",
        "k is '-1'", "'markov'",
        "Unknown profile 'fast'", "Unknown engine 'own'", "Unknown device 'gpu'", "seeds='0;x' are no seeds",
    ):  # fmt: skip
        assert words in said, words


def test_a_log_that_cannot_be_split_is_still_described(folder):
    log = random_log(50, 400, strength=0)  # no item is seen five times
    report = preflight(write_tsv(log, folder / "sparse.tsv"), min_item_support=50)
    assert not report.ok
    assert report.facts["events"] == len(log)
    assert any("No session is left" in text for text in texts(report, "problem"))


def test_what_the_reader_should_know_is_a_warning_or_a_note(folder):
    log = random_log(60, 12)
    log["Time"] = log["Time"] * 1000
    report = preflight(write_tsv(pd.concat([log, log[:3]]), folder / "small.tsv"))
    assert report.ok
    warnings, notes = "\n".join(texts(report, "warning")), "\n".join(texts(report, "note"))
    assert "probably in milliseconds" in warnings
    assert "predictions in the test part" in warnings
    assert "The catalogue has 12 items" in notes
    assert "3 rows are repeated" in notes


def test_a_session_that_holds_a_tenth_of_all_events_is_named(folder):
    log = random_log(60, 12)
    log.loc[log.index % 4 == 0, "SessionId"] = 999
    report = preflight(write_tsv(log, folder / "robot.tsv"))
    assert any("The session '999' holds" in text and "25% of all" in text for text in texts(report, "warning"))


def test_a_catalogue_of_one_item_can_neither_become_a_book_nor_be_ranked(both, folder):
    path = write_tsv(random_log(60, 12).assign(ItemId=7), folder / "one.tsv")
    assert "The catalogue has a single item: there is nothing to choose from." in texts(preflight(path), "problem")
    arguments = ("--recommender", "popularity", "--dataset", path, "--out", folder / "ranks.parquet")
    assert "The catalogue has a single item" in both("rank", *arguments, status=1)[1]


def test_a_cutoff_above_the_catalogue_is_a_problem_where_it_was_asked_for(folder):
    path = write_tsv(random_log(60, 12), folder / "small.tsv")
    assert preflight(path).ok
    assert texts(preflight(path, k=13), "problem") == [
        "k is 13, but the catalogue has 12 items. Choose a smaller one."
    ]


def test_check_log_ends_with_one_if_the_log_cannot_become_a_book(both, clicks, folder):
    out, err = both("check-log", clicks)
    assert out.endswith("It can become a book.\n")
    assert err == ""
    found = json.loads(both("check-log", clicks, "--json")[0])
    assert found["ok"]
    assert found["facts"]["predictions"] > 0
    (folder / "bad.csv").write_text("a;b\n1;2\n")
    out, _ = both("check-log", "bad.csv", "--test-days", "-2", status=1)
    assert "lacks the columns SessionId, ItemId, Time" in out
    assert "test_days is -2; it must be positive" in out


def test_more_seeds_and_epochs_take_longer(clicks):
    _, split = prepare(clicks)
    assert 0 < minutes(split, profile="tiny", seeds=1) < minutes(split, seeds=1) < minutes(split, seeds=3)


# --- describe, rank, metrics, tune


def test_describe_shows_dates_and_a_preview_of_the_split(both, clicks):
    facts = json.loads(both("describe", clicks, "--json")[0])
    assert facts["first_event"].startswith("2001-09-09")
    _, split = prepare(clicks)
    assert facts["split_preview"]["predictions"] == len(split.prefixes)
    assert facts["split_preview"]["catalogue"] == f"{split.train.n_items:,} items"
    assert "As it is split:" in both("describe", clicks)[0]
    assert "No split:" in both("describe", clicks, "--test-days", 5000)[0]


def test_rank_and_metrics_say_on_how_many_predictions_and_warn_below_a_hundred(both, folder):
    path = write_tsv(random_log(60, 12), folder / "small.tsv")
    out, err = both("rank", "--dataset", path, "--recommender", "markov")
    n = len(evidence.read(out.strip()).ranks)
    assert n < 100
    assert f"{n} predictions." in err
    assert f"Warning: There are only {n} predictions" in err
    out, err = both("metrics", out.strip(), "--json")
    assert {row["predictions"] for row in json.loads(out)} == {n}
    assert f"Warning: There are only {n} predictions" in err
    assert {row["k"] for row in json.loads(out)} == {1, 5, 10}  # 20 is more than the catalogue


def test_metrics_tells_two_settings_and_two_splits_of_one_recommender_apart(both, clicks):
    rank = ("rank", "--dataset", clicks, "--recommender", "markov")
    paths = [both(*rank)[0].strip(), both(*rank, "--set", "ties=keep")[0].strip()]
    rows = json.loads(both("metrics", *paths, "--k", 5, "--json")[0])
    assert {row["settings"] for row in rows} == {"ties=first", "ties=keep"}
    paths.append(both(*rank, "--test-days", 3)[0].strip())
    rows = json.loads(both("metrics", *paths, "--k", 5, "--json")[0])
    assert len({(row["settings"], row["split"]) for row in rows}) == 3


def test_tune_reads_an_own_log_as_rank_does(both, folder):
    log = random_log(400, 30).rename(columns={"SessionId": "s", "ItemId": "i", "Time": "t"})
    log["t"] = log["t"] * 1000
    path = write_tsv(log, folder / "mine.tsv")
    own = ("--columns", "SessionId=s,ItemId=i,Time=t", "--time-unit", "ms", "--test-days", 2, "--min-item-support", 3)
    found = json.loads(both("tune", "--dataset", path, *own, "--recommender", "sr", "--trials", 2, "--k", 5)[0])
    assert found["validation"]["test_days"] == 2
    _, err = both("tune", "--dataset", path, *own, "--recommender", "sr", "--k", 99, status=1)
    assert "K = 99 is larger than the catalogue of 30 items" in err
    _, err = both("tune", "--dataset", path, *own, "--recommender", "sr", "--save", "--k", 5, status=1)
    assert "is an own log" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "gpu"], "Unknown device 'gpu'"),
        (["--seed", "-1"], "seed is -1; it must be at least 0"),
        (["--min-item-support", "0"], "min_item_support is 0; it must be at least 1"),
        (["--test-days", "nan"], "test_days is nan; it must be positive"),
        (["--time-unit", "s", "--set", "ties=first", "--test-days", "0"], "test_days is 0"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_rank(both, clicks, arguments, message):
    assert message in both("rank", "--dataset", clicks, "--recommender", "markov", *arguments, status=1)[1]


def test_columns_of_a_registered_data_set_are_not_renamed():
    with pytest.raises(InputError, match="'synthetic' is a data set of the registry"):
        prepare("synthetic", columns="Time=ts")


def test_none_is_a_value_where_a_setting_can_be_none():
    assert recommenders.create("vsknn", sample_size="none").config.sample_size is None
    assert recommenders.create("sr", pruning="None").config.pruning is None
    with pytest.raises(InputError, match="steps"):
        recommenders.create("sr", steps="none")
    assert recommenders.create("gru4rec", flaw="none").config.flaw == "none"


# --- what belongs to one catalogue


def test_a_saved_model_is_refused_for_another_catalogue(tmp_path):
    train = sessions_of([[0, 1, 2], [2, 1, 0]], 3)
    loaded = Popularity.load(Popularity().fit(train).save(tmp_path / "model"))
    assert len(list(loaded.score(Prefixes(train)))) == 1
    other = type(train)(train.items, train.offsets, train.times, train.labels, pd.Index(["a", "b", "c"]))
    for model in (loaded, Popularity().fit(train)):
        with pytest.raises(InputError, match="popularity was fitted on another catalogue"):
            list(model.score(Prefixes(other)))


@pytest.mark.parametrize("wrong", [-1, 3])
def test_an_index_outside_the_catalogue_is_an_error(wrong):
    good, bad = sessions_of([[0, 1, 2]], 3), sessions_of([[0, wrong, 2]], 3)
    with pytest.raises(InputError, match=f"the item index {wrong}; those of a catalogue of 3 items lie in 0"):
        Popularity().fit(bad)
    with pytest.raises(InputError, match=f"the item index {wrong}"):
        list(Popularity().fit(good).score(Prefixes(bad)))


def test_the_oracle_is_refused_for_a_log_that_its_generator_did_not_make(both, folder):
    path = write_tsv(random_log(400, 30), folder / "own.tsv")
    settings = "generator=synthetic:n_sessions=400,n_items=30"
    out = both("synth", "--set", "n_sessions=400", "--set", "n_items=30", "--out", "made.tsv")[0].strip()
    assert both("rank", "--dataset", out, "--recommender", "oracle", "--set", settings)[0]
    shuffled = random_log(400, 30).sample(frac=1, random_state=0).assign(ItemId=lambda log: log["ItemId"] % 2)
    write_tsv(shuffled, path)
    for arguments in (("--dataset", path, "--set", settings), ("--dataset", "synthetic_latent:n_sessions=200"),
                      ("--dataset", out)):  # fmt: skip
        assert "its law is not known" in both("rank", "--recommender", "oracle", *arguments, status=1)[1]


def test_a_small_catalogue_gets_the_lists_that_the_pages_will_show(folder):
    rows = [(s, f"item {(s + i) % 60}", 1_600_000_000 + 60 * s + i) for s in range(2_000) for i in range(3)]
    path = write_tsv(pd.DataFrame(rows, columns=["SessionId", "ItemId", "Time"]), folder / "sixty.tsv")
    report = preflight(path)
    assert "The catalogue has 60 items, so lists of 12 are shown instead of 20." in texts(report, "note")
    asked = preflight(path, k=7)
    assert not [text for text in texts(asked, "note") if "lists" in text]
    assert [text for text in texts(preflight(path, k=61), "problem") if "61" in text]


def test_a_filter_that_leaves_little_of_a_log_is_a_warning(folder):
    rows = [(s, f"item {3 * s + i}" if i else "door", 1_600_000_000 + 60 * s + i) for s in range(400) for i in range(4)]
    rows += [(10_000 + s, name, 1_600_000_000 + 60 * s + i) for s in range(400) for i, name in enumerate("ab")]
    path = write_tsv(pd.DataFrame(rows, columns=["SessionId", "ItemId", "Time"]), folder / "sparse.tsv")
    (warning,) = (text for text in texts(preflight(path), "warning") if "keep" in text)
    assert "--min-item-support" in warning
    assert not [text for text in texts(preflight(path, min_item_support=1), "warning") if "keep" in text]
