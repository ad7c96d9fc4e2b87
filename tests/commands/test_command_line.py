"""Every verb on a small log, and bad input: exit status 1, one message, no traceback, nothing half-written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from audit_lib.__main__ import main
from audit_lib.commands.doctor import examine
from audit_lib.evaluation import metrics
from audit_lib.files import PROJECT
from audit_lib.study import evidence
from tests.click_logs import log_of, random_log, write_tsv
from tests.folders import files

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def ranked(call, clicks):
    """Two evidence files on one split."""
    return [call("rank", "--dataset", clicks, "--recommender", name).strip() for name in ("popularity", "markov")]


# --- the verbs


def test_a_synthetic_log_is_written_described_ranked_and_measured(call, folder):
    path = call("synth", "--set", "n_sessions=300", "--set", "n_items=30", "--out", folder / "s.tsv").strip()
    facts = json.loads(call("describe", path, "--json"))
    log = pd.read_csv(path, sep="\t")
    found = {key: facts[key] for key in ("events", "sessions", "items")}
    assert found == {"events": len(log), "sessions": log["SessionId"].nunique(), "items": log["ItemId"].nunique()}
    run = call("rank", "--dataset", path, "--recommender", "markov").strip()
    assert run.startswith(f"{folder}/evidence/s/temporal-")
    assert Path(run).is_file()
    rows = json.loads(call("metrics", "--k", 5, run, "--json"))
    assert [(row["metric"], row["k"]) for row in rows] == [("Recall", 5), ("MRR", 5), ("NDCG", 5)]
    assert 0 < rows[1]["micro"] < rows[2]["micro"] < rows[0]["micro"] < 1  # 1/rank < 1/log2(rank + 1) < 1


def test_a_second_rank_reuses_the_evidence_and_fresh_does_not(call, clicks):
    arguments = ["rank", "--dataset", clicks, "--recommender", "markov"]
    first = call(*arguments).strip()
    stamp = os.stat(first).st_mtime_ns, Path(first).with_suffix(".json").stat().st_mtime_ns
    assert call(*arguments).strip() == first
    assert (os.stat(first).st_mtime_ns, Path(first).with_suffix(".json").stat().st_mtime_ns) == stamp
    assert call(*arguments, "--fresh").strip() == first
    assert Path(first).with_suffix(".json").stat().st_mtime_ns != stamp[1]


def test_rank_takes_settings_column_names_days_support_and_a_folder(call, folder):
    log = random_log().rename(columns={"SessionId": "sid", "ItemId": "iid", "Time": "ts"})
    path = write_tsv(log, folder / "mine.tsv")
    run = call(
        "rank", "--dataset", path, "--columns", "SessionId=sid,ItemId=iid,Time=ts", "--test-days", 2, "--out", "here",
        "--min-item-support", 2, "--recommender", "markov", "--set", "ties=keep", "--set", "fallback=zero", "--seed", 4,
    ).strip()  # fmt: skip
    manifest = evidence.read(run).manifest
    assert run.startswith("here/mine/")
    assert manifest["config"] == {"ties": "keep", "fallback": "zero"}
    assert manifest["seed"] == 4
    assert (manifest["split"]["test_days"], manifest["split"]["min_item_support"]) == (2, 2)


@pytest.mark.parametrize("ties", metrics.TIES)
def test_metrics_prints_what_the_library_computes(call, ranked, ties):
    rows = json.loads(call("metrics", *ranked, "--k", 1, 5, 10, 20, "--ties", ties, "--json"))
    assert len(rows) == 2 * 3 * 4
    assert {row["k"] for row in rows} == {1, 5, 10, 20}
    assert {row["recommender"] for row in rows} == {"popularity", "markov"}
    for path in ranked:
        run = evidence.read(path)
        table = metrics.summary(run.ranks, run.targets["session"], (1, 5, 10, 20), ties=ties)
        for row in rows:
            if row["recommender"] == run.recommender:
                expected = table.loc[(row["metric"], row["k"])]
                assert (row["micro"], row["macro"]) == pytest.approx(tuple(expected), abs=1e-14)


def test_metrics_accepts_cutoffs_in_every_customary_form_and_defaults_to_four(call, ranked):
    path = ranked[0]
    expected = call("metrics", path, "--json")
    for arguments in ((path, "--k", 1, 5, 10, 20), ("--k", 1, "--k", 5, "--k", 10, "--k", 20, path),
                      ("--k", 1, 5, 10, 20, path)):  # fmt: skip
        assert call("metrics", *arguments, "--json") == expected
    table = call("metrics", path)
    assert table.split()[:2] == ["dataset", "recommender"]
    assert len(table.splitlines()) == 13


def test_metrics_leaves_out_targets_with_too_few_events_before_them(call, ranked):
    run = evidence.read(ranked[1])
    keep = (run.targets["step"] >= 3).to_numpy()
    rows = json.loads(call("metrics", ranked[1], "--k", 5, "--min-step", 3, "--json"))
    assert rows[0]["micro"] == pytest.approx(metrics.recall(run.ranks["above"], run.ranks["equal"], 5)[keep].mean())


def test_compare_says_whether_two_are_the_same_within_a_margin(call, ranked, fails):
    def equivalent(*pair, margin):
        rows = json.loads(call("compare", *pair, "--k", 5, "--margin", margin, "--json"))
        return {row["metric"]: row["equivalent"] for row in rows}

    assert not any(equivalent(ranked[1], ranked[0], margin=0.001).values())
    assert all(equivalent(ranked[1], ranked[0], margin=0.9).values())
    assert all(equivalent(ranked[1], ranked[1], margin=0.001).values())
    assert "must be positive" in fails("compare", *ranked[:2], "--margin", 0)


def test_demo_shows_markov_above_popularity_and_below_the_oracle(call, folder):
    rows = {row["recommender"]: row for row in json.loads(call("demo", "--json"))}
    recall = {name: row["Recall@20"] for name, row in rows.items()}
    assert list(rows) == ["popularity", "session_popularity", "markov", "oracle"]
    assert recall["popularity"] < recall["markov"] < recall["oracle"]
    assert len(call("demo").splitlines()) == 5


def test_doctor_reports_this_machine_and_its_packages(call, monkeypatch, folder):
    rows = {row["check"]: row for row in json.loads(call("doctor", "--json"))}
    assert rows["python"] == {"check": "python", "found": sys.version.split()[0], "verdict": "ok"}
    assert rows["cores"]["found"] == str(os.cpu_count())
    assert rows["evidence folder"]["verdict"] == "ok"
    (folder / "file").write_text("")
    monkeypatch.setenv("AUDIT_EVIDENCE", str(folder / "file"))
    monkeypatch.setenv("AUDIT_MIRROR", str(folder / "nowhere"))
    rows = {row["check"]: row for row in examine()}
    assert "make it writable" in rows["evidence folder"]["verdict"]
    assert rows["mirror"]["verdict"] == "no such folder"


def test_doctor_names_a_package_that_is_not_as_pinned(monkeypatch):
    monkeypatch.setattr("audit_lib.commands.doctor.version", lambda name: "0.0.1" if name == "numpy" else "9" * 3)
    rows = {row["check"]: row for row in examine()}
    assert rows["numpy"]["found"] == "0.0.1"
    assert rows["numpy"]["verdict"].startswith("pinned ")


def test_doctor_works_where_the_library_is_installed_without_its_requirements(monkeypatch, folder):
    monkeypatch.setattr("audit_lib.commands.doctor.PROJECT", folder)
    assert {row["check"]: row for row in examine()}["requirements"]["verdict"] == "ok"


def test_help_lists_every_verb_with_what_it_does(call):
    text = call("--help")
    for verb in ("bench", "compare", "demo", "describe", "doctor", "fetch", "metrics", "rank", "sampled", "synth"):
        assert any(line.split()[:1] == [verb] and len(line.split()) > 2 for line in text.splitlines()), verb


# --- bad input


GOOD = "SessionId\tItemId\tTime\n1\ta\t10\n1\tb\t20\n2\ta\t15\n2\tb\t30\n"
BAD_LOGS = {
    "missing column": (GOOD.replace("ItemId", "item"), "lacks the column ItemId"),
    "empty file": ("", "cannot be read as .tsv"),
    "header alone": (GOOD.split("\n")[0] + "\n", "holds no events"),
    "NaN in Time": (GOOD.replace("20", "nan"), "column Time: 1 rows, value is missing or NaN"),
    "text in Time": (GOOD.replace("20", "noon"), "column Time: 1 rows are not numbers"),
    "one-click sessions": ("SessionId\tItemId\tTime\n1\ta\t10\n2\tb\t20\n", "No session is left of 2"),
    "not UTF-8": (GOOD.replace("a", "\xe4"), "cannot be read as .tsv"),
    "shifted columns": (
        GOOD.replace("\n1", "\n0\t1").replace("\n2", "\n0\t2"),
        "line 2 has 4 fields, and its header 3",
    ),
    "an empty test part": (GOOD.replace("\n", "000000\n").replace("Time000000", "Time"), "leaves no test session"),
}


@pytest.mark.parametrize("case", BAD_LOGS)
def test_a_bad_log_is_one_message_and_leaves_nothing(fails, folder, case):
    text, message = BAD_LOGS[case]
    (folder / "bad.tsv").write_bytes(text.encode("latin-1"))
    assert message in fails("rank", "--dataset", "bad.tsv", "--recommender", "markov", "--min-item-support", 1)
    if case != "an empty test part":
        assert message in fails("describe", "bad.tsv")
    assert files(folder) == ["bad.tsv"]


def test_unsorted_rows_give_the_same_evidence(call, folder):
    log = random_log()
    write_tsv(log, folder / "clicks.tsv")
    (folder / "other").mkdir()
    write_tsv(log.sample(frac=1, random_state=1), folder / "other" / "clicks.tsv")
    one, two = (
        Path(call("rank", "--dataset", path, "--recommender", "markov", "--out", out).strip())
        for path, out in (("clicks.tsv", "one"), ("other/clicks.tsv", "two"))
    )
    assert one.relative_to("one") == two.relative_to("two")
    assert one.read_bytes() == two.read_bytes()


def test_duplicate_rows_are_kept_and_reported(call, folder, caplog):
    log = random_log()
    write_tsv(pd.concat([log, log.iloc[:3]]), folder / "clicks.tsv")
    facts = json.loads(call("describe", "clicks.tsv", "--json"))
    assert (facts["events"], facts["duplicate_rows"]) == (len(log) + 3, 3)
    assert "3 duplicate rows" in caplog.text


def test_a_cutoff_larger_than_the_catalogue_is_refused(fails, ranked):
    v = evidence.read(ranked[0]).n_items
    assert f"K = {v + 1} is larger than the catalogue of {v} items" in fails("metrics", ranked[0], "--k", v + 1)
    assert "K is 0" in fails("metrics", ranked[0], "--k", 0)


def test_metrics_of_no_file_or_no_prediction_are_refused(fails, ranked):
    assert "Give at least one evidence file" in fails("metrics", "--k", 5, 10, status=2)
    assert "no prediction" in fails("metrics", ranked[0], "--min-step", 1000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rank", "--dataset", "synthetik", "--recommender", "markov"], "Unknown data set 'synthetik'. Did you mean"),
        (["rank", "--dataset", "clicks.tsv", "--recommender", "markof"], "Did you mean 'markov'?"),
        (["rank", "--dataset", "clicks.tsv", "--recommender", "markov", "--set", "tie=keep"], "tie: there is no such"),
        (["rank", "--dataset", "clicks.tsv", "--recommender", "markov", "--set", "ties"], "'ties' is not key=value"),
        (["rank", "--dataset", "clicks.tsv", "--recommender", "markov", "--set", "seed=3"], "Give it as --seed"),
        (["rank", "--dataset", "clicks.tsv", "--recommender", "markov", "--set", "out=x"], "no setting"),
        (["rank", "--dataset", "none.tsv", "--recommender", "markov"], "There is no file 'none.tsv'"),
        (["rank", "--dataset", "clicks.tsv", "--columns", "a=b", "--recommender", "markov"], "maps only SessionId"),
        (["rank", "--dataset", "clicks.tsv", "--test-days", "-1", "--recommender", "markov"], "must be positive"),
        (["rank", "--dataset", "clicks.tsv", "--recommender", "markov", "--out", "clicks.tsv"], "no writable folder"),
        (["metrics", "none.parquet"], "There is no evidence file 'none.parquet'"),
        (["metrics", "clicks.tsv"], "'clicks.tsv' is no evidence file"),
        (["metrics", ""], "is no evidence file"),
        (["synth", "--preset", "synthetik", "--out", "x.tsv"], "Did you mean 'synthetic'"),
        (["synth", "--out", "clicks.tsv/x.tsv"], "cannot be written"),
        (["fetch", "diginetika"], "Did you mean 'diginetica'"),
    ],
)
def test_wrong_arguments_are_one_message_and_leave_nothing(fails, clicks, folder, arguments, message):
    assert message in fails(*arguments)
    assert files(folder) == ["clicks.tsv"]


def test_an_unknown_verb_option_or_tie_policy_is_a_usage_error(fails, ranked):
    assert "No such command 'rnk'" in fails("rnk", status=2)
    assert "No such option" in fails("metrics", ranked[0], "--nonsense", status=2)
    assert "'conservative'" in fails("metrics", ranked[0], "--ties", "optimist", status=2)


def test_a_folder_that_may_not_be_written_is_refused(fails, clicks, folder, monkeypatch):
    (folder / "locked").mkdir(mode=0o500)
    monkeypatch.setattr("audit_lib.files.os.access", lambda path, mode: mode != os.W_OK)  # root may write
    message = fails("rank", "--dataset", clicks, "--recommender", "markov", "--out", "locked")
    assert "it is no writable folder. Choose another" in message
    assert files(folder) == ["clicks.tsv"]


def test_an_interrupt_stops_with_its_own_status(monkeypatch, capsys):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("audit_lib.commands.runs.prepare", stop)
    with pytest.raises(SystemExit) as caught:
        main(["demo"])
    assert caught.value.code == 130
    assert capsys.readouterr().err.split() == ["Stopped."]


def test_the_module_runs_as_a_program(folder):
    write_tsv(log_of({1: [("a", 1)], 2: [("b", 2)]}), folder / "bad.tsv")
    done = subprocess.run(
        [sys.executable, "-m", "audit_lib", "describe", "bad.tsv"], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("Error: No session is left of 2")
