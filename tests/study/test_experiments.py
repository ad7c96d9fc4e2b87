"""The study as a list, its evidence found without data, published and verified again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from audit_lib import measurements
from audit_lib.commands import cli
from audit_lib.data.datasets import REGISTRY, Dataset
from audit_lib.data.logs import validate
from audit_lib.errors import EvidenceError, InputError
from audit_lib.files import COMMITTED
from audit_lib.measurements import observations
from audit_lib.study import committed, records, running, translations
from audit_lib.study import plan as experiments
from tests.folders import contents, files

ONLY = {"dataset": "synthetic_independent", "seed": "0"}


def test_every_experiment_of_the_study_is_valid_and_says_why():
    plan = experiments.plan()
    assert len(plan) > 200
    assert all(e.why and e.config is not None for e in plan)


def test_every_record_that_pages_show_is_in_the_list_of_the_study():
    listed = {record.name for record in experiments.read().record}
    committed = {path.stem for path in records.FOLDER.glob("*.json")}
    assert committed - set(records.EARLIER) <= listed <= {*measurements.REGISTRY, *records.OF_THE_TESTS}


def test_equal_experiments_have_equal_ids_and_others_differ():
    plan = experiments.plan()
    by_id = {}
    for e in plan:
        config = json.dumps(e.config, sort_keys=True)
        key = (e.dataset, e.split, e.preparation, e.recommender, config, e.seed, e.every_epoch)
        assert by_id.setdefault(e.id, key) == key
    assert len(set(by_id.values())) == len(by_id)


def test_settings_as_text_and_as_numbers_are_one_experiment():
    text = {"learning_rate": "0.1", "layers": "100", "logq": "1", "constrained_embedding": "true"}
    numbers = {"learning_rate": 0.1, "layers": 100, "logq": 1, "constrained_embedding": True}
    config = running.config_of
    assert config("gru4rec", text) == config("gru4rec", numbers)


def test_ablations_change_what_they_say_and_nothing_else():
    headline = {"group": "headline", "dataset": "diginetica", "recommender": "gru4rec"}
    base = experiments.select(experiments.plan(), headline)
    gap = experiments.select(experiments.plan(), {"group": "diginetica_gap"})
    changes = {v.id: v.change for v in experiments.read().variant}
    assert len(gap) > 10
    for e in gap:
        differing = {key for key, value in e.config.items() if value != base[0].config[key]}
        assert differing <= set(changes[e.variant])
        assert differing


@pytest.mark.parametrize(
    ("old", "new"),
    [('group = "headline"', 'grupo = "headline"'), ('"gru4rec"', '"gru5rec"'), ('"diginetica"', '"diginetika"'),
     ('variants = ["all_omissions"', 'variants = ["all_omission"'), ("learning_rate", "learning_rat")],
)  # fmt: skip
def test_a_study_with_a_wrong_name_is_refused(tmp_path, old, new):
    path = tmp_path / "study.toml"
    path.write_text(experiments.STUDY.read_text().replace(old, new))
    with pytest.raises(InputError):
        experiments.plan(path)


def test_an_unknown_field_to_select_by_is_refused():
    with pytest.raises(InputError, match="Did you mean 'dataset'"):
        experiments.select(experiments.plan(), {"datset": "diginetica"})


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """Two runs of the study, on a synthetic log."""
    out = tmp_path_factory.mktemp("study") / "runs"
    for name in ("popularity", "markov"):
        chosen = experiments.select(experiments.plan(), ONLY | {"recommender": name, "group": "simple"})
        assert len(list(experiments.run(experiments.pending(chosen, out), out))) == 1
    return out


@pytest.fixture
def book(runs, tmp_path) -> Path:
    """The same, published, beside a record."""
    target = tmp_path / "evidence"
    records.write("trial", pd.DataFrame({"dataset": ["seed_demo"], "share": [0.25]}), folder=target / "records")
    committed.publish(runs, target)
    return target


def test_a_finished_experiment_is_not_pending_and_is_found_without_data(runs, monkeypatch):
    monkeypatch.setattr(experiments.datasets, "load", lambda *_: pytest.fail("data was loaded"))
    chosen = experiments.select(experiments.plan(), ONLY | {"group": "simple"})
    waiting = {e.recommender for e in experiments.pending(chosen, runs)}
    assert "popularity" not in waiting
    assert "vsknn" in waiting
    assert [run.recommender for run in experiments.find(runs, **ONLY, group="simple")] == ["popularity", "markov"]


def test_study_runs_what_is_missing_and_nothing_twice(tmp_path):
    only = "dataset=synthetic_independent,recommender=session_popularity"
    command = ["study", "--only", only, "--out", str(tmp_path)]
    first, second = (CliRunner().invoke(cli, command) for _ in range(2))
    assert first.exit_code == second.exit_code == 0
    assert "[1/1] synthetic_independent-session_popularity" in first.output
    assert second.output == ""


def test_a_preparation_of_its_own_is_a_split_of_its_own():
    names = {experiments.split_name(e) for e in experiments.plan() if e.dataset == "foursquare_nyc"}
    assert names == {"temporal", "random_sessions", "leave_last_out", "random_events", *experiments.preparations()} - {
        "default"
    }


def test_every_preparation_changes_what_it_says():
    days = np.repeat(np.arange(40), 4)
    log = pd.DataFrame({"SessionId": days, "ItemId": [1, 1, 2, 3] * 40, "Time": days * 86400.0 + np.tile(range(4), 40)})
    source = replace(REGISTRY["foursquare_nyc"], test_days=8, min_item_support=5)
    dataset = Dataset("foursquare_nyc", validate(log), "real", source, "0" * 64)
    seen = set()
    for e in experiments.plan():
        if e.dataset == "foursquare_nyc" and e.split == "default" and e.preparation not in seen:
            seen.add(e.preparation)
            split, wanted = experiments.split_of(e, dataset), experiments.preparations()[e.preparation]
            assert split.summary["test_days"] == 8 * wanted.test_share
            assert split.summary["min_item_support"] == (wanted.min_item_support or 5)
            assert split.test.n_events == split.test.n_sessions * (3 if wanted.collapse_repeats else 4)
    assert seen == set(experiments.preparations())


def test_a_published_split_is_not_prepared_otherwise(tmp_path):
    path = tmp_path / "study.toml"
    text = experiments.STUDY.read_text().replace('datasets = ["foursquare_nyc", "entree"]', 'datasets = ["diginetica"]')
    path.write_text(text)
    with pytest.raises(InputError, match="its authors prepared"):
        experiments.plan(path)


def test_published_evidence_passes(book, runs):
    report = committed.check(book, rerun=runs)
    assert report.problems == []
    assert [str(run["file"]).split("/")[2] for run in report.runs] == ["markov", "popularity"]
    assert report.reproduced == report.differing == []  # a copy of a run is no rerun


def test_publishing_again_copies_nothing(book, runs):
    before = contents(book)
    assert committed.publish(runs, book) == []
    assert contents(book) == before


def test_runs_that_the_study_does_not_list_are_not_published(tmp_path):
    command = "rank --dataset synthetic_independent --recommender popularity --seed 7 --out"
    assert CliRunner().invoke(cli, [*command.split(), str(tmp_path / "runs")]).exit_code == 0
    assert committed.publish(tmp_path / "runs", tmp_path / "book") == []


def test_deleting_any_file_fails_with_its_name(book):
    for name in files(book):
        content = (book / name).read_bytes()
        (book / name).unlink()
        problems = committed.check(book).problems
        assert any(f"'{name}'" in problem for problem in problems), name
        (book / name).write_bytes(content)
    assert committed.check(book).problems == []


@pytest.mark.parametrize("at", [0, 0.5, -1])
def test_editing_any_byte_of_any_file_fails_with_its_name(book, at):
    for name in files(book):
        content = bytearray((book / name).read_bytes())
        place = at if isinstance(at, int) else int(at * len(content))
        content[place] ^= 1
        (book / name).write_bytes(bytes(content))
        problems = committed.check(book).problems
        assert any(name in problem for problem in problems), name
        content[place] ^= 1
        (book / name).write_bytes(bytes(content))


def test_a_file_that_does_not_belong_fails_with_its_name(book):
    (book / "notes.txt").write_text("x")
    assert committed.check(book).problems == ["'notes.txt' is not listed in SHA256SUMS. Publish it, or remove it."]


def test_ranks_without_manifest_are_named_in_a_working_folder(book):
    for name in (committed.SUMS, committed.HEADLINE):
        (book / name).unlink()
    assert committed.check(book).problems == []
    manifest = next(book.glob("*/*/markov/*.json"))
    manifest.unlink()
    (problem,) = committed.check(book).problems
    assert manifest.with_suffix(".parquet").name in problem
    assert "no manifest" in problem


def test_a_rerun_is_told_apart_from_a_copy_and_compared_bit_for_bit(book, runs, tmp_path):
    again = tmp_path / "again"
    chosen = experiments.select(experiments.plan(), ONLY | {"recommender": "markov", "group": "simple"})
    list(experiments.run(experiments.pending(chosen, again), again))
    manifest = next(again.glob("*/*/markov/*.json"))
    content = json.loads(manifest.read_text()) | {"created": "another time"}
    manifest.write_text(json.dumps(content))
    report = committed.check(book, rerun=again)
    assert report.reproduced == [manifest.with_suffix(".parquet").relative_to(again).as_posix()]
    manifest.with_suffix(".parquet").write_bytes(b"other ranks")
    found = committed.check(book, rerun=again)
    assert found.differing == report.reproduced
    assert found.processors == {}
    host = content["host"] | {"cpu": "Other CPU", "instructions": "AVX512"}
    manifest.write_text(json.dumps(content | {"host": host}))
    ((_, there),) = committed.check(book, rerun=again).processors.values()
    assert there == "Other CPU AVX512"
    said = CliRunner().invoke(cli, ["check", str(book), "--rerun", str(again)]).output
    assert "here Other CPU AVX512)" in said


def test_other_ranks_of_a_published_run_are_refused_unless_asked_for(book, runs, tmp_path):
    path = next(book.glob("*/*/markov/*.parquet"))
    path.write_bytes(b"other")
    missing = next(book.glob("*/*/popularity/*.json"))  # comes later, and could be copied
    missing.unlink()
    before = contents(book)
    with pytest.raises(EvidenceError, match="--replace"):
        committed.publish(runs, book)
    assert contents(book) == before
    committed.publish(runs, book, replace=True)
    assert missing.is_file()
    assert committed.check(book).problems == []


def test_too_much_evidence_is_refused(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(committed, "LIMIT_MB", 0.001)
    with pytest.raises(EvidenceError, match="0 are allowed"):
        committed.publish(runs, tmp_path / "book")
    assert not (tmp_path / "book").exists()


def test_headline_values_are_recomputed_from_the_ranks(book):
    path = book / committed.HEADLINE
    path.write_text(path.read_text().replace("0.3", "0.4"))
    sums = book / committed.SUMS  # even where the list of hashes was changed with it
    lines = [f"{committed._sha256(book / line[66:])}  {line[66:]}" for line in sums.read_text().splitlines()]
    sums.write_text("\n".join(lines) + "\n")
    problems = committed.check(book).problems
    assert problems
    assert all("headline.csv" in problem for problem in problems)


def test_check_exits_with_one_and_the_name(book, monkeypatch):
    run = CliRunner()
    assert run.invoke(cli, ["check", str(book)]).exit_code == 0
    path = next(book.glob("*/*/popularity/*.parquet"))
    path.write_bytes(path.read_bytes()[:-1])
    result = run.invoke(cli, ["check", str(book)])
    assert isinstance(result.exception, EvidenceError)
    assert path.name in str(result.exception)


def test_the_committed_evidence_holds():
    assert committed.check(COMMITTED).problems == []
    assert committed.size_mb(COMMITTED) < committed.LIMIT_MB


def test_observations_are_tables_that_a_record_can_hold(tmp_path):
    leaks = observations.leakage(["synthetic_independent"])
    assert leaks.loc[0, "shared_sessions"] == 0
    assert leaks.loc[0, "clean"]
    losses = observations.shuffle(["synthetic_first_order"])
    assert losses.loc[0, "low"] > 0.1  # the order of this log is all there is to know
    for name, table in (("leakage", leaks), ("shuffle", losses)):
        assert len(records.read(name, folder=records.write(name, table, folder=tmp_path).parent)) == len(table)


def test_the_books_own_words_are_counted_in_both_languages(tmp_path):
    (tmp_path / "book").mkdir()
    text = """
msgid "one two three"
msgstr "uno dos"

msgid "four"
msgstr ""

#, fuzzy
msgid "five"
msgstr "cinco"
"""
    (tmp_path / "book" / "page.po").write_text(text)
    (tmp_path / "labels.po").write_text(text)  # words of figures are no document
    page, whole = translations.catalogues(tmp_path).to_dict("records")
    expected = {"messages": 3, "untranslated": 2, "words_en": 5, "words_es": 2, "ratio": 0.4}
    assert (page, whole) == ({"page": "book/page"} | expected, {"page": "all"} | expected)
