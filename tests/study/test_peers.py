"""Models of other libraries, trained there and measured here: their real outputs, by the lines that README gives.

Each library has an environment of its own (tests/peers), whose Python $AUDIT_RECBOLE and $AUDIT_CORNAC name.
"""

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit_lib.__main__ import main
from audit_lib.errors import InputError
from audit_lib.evaluation import comparisons, metrics
from audit_lib.files import ONE_THREAD, PROJECT
from audit_lib.study import evidence, exchange, outside
from tests.click_logs import random_log, write_tsv

README = (PROJECT / "README.md").read_text("utf8")
SCRIPTS = {
    "recbole": re.search(r"<!-- peer.*?```python\n(.*?)```", README, re.DOTALL)[1].replace("rsc15_100k", "clicks"),
    "cornac": (PROJECT / "tests" / "peers" / "cornac_gru4rec.py").read_text("utf8"),
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty working folder with a log of strong order."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDIT_EVIDENCE", str(tmp_path / "evidence"))
    write_tsv(random_log(n_sessions=3000, strength=0.95), tmp_path / "clicks.tsv")
    return tmp_path


@pytest.mark.parametrize("library", SCRIPTS)
def test_a_model_trained_in_another_library_is_measured_here(library, folder, capsys):
    python = os.environ.get(f"AUDIT_{library.upper()}")
    if python is None:
        pytest.skip(f"needs {library} in an environment of its own: see tests/peers/{library}.txt")
    main(["targets", "clicks.tsv", "--out", "audit", "--format", "recbole", "--format", "tsv"])
    done = subprocess.run(
        [python, "-c", SCRIPTS[library]], capture_output=True, text=True, check=False, env=os.environ | ONE_THREAD
    )
    assert done.returncode == 0, done.stderr[-3000:]
    capsys.readouterr()
    main(["evaluate", "audit", "scores.npy", "--ids", "ids.tsv", "--items", "items.tsv", "--name", f"{library}_model"])
    run = evidence.read(capsys.readouterr().out.strip())
    main(["rank", "--dataset", "clicks.tsv", "--recommender", "popularity"])
    popular = evidence.read(capsys.readouterr().out.strip())
    row = comparisons.compare_runs(run, popular, (5,)).set_index("metric").loc["Recall"]
    assert row["low"] > 0  # it learned the order, and its rows are where they belong

    # the library's own count of the items above the target is ours
    scores, items = np.load("scores.npy"), pd.read_csv("items.tsv", sep="\t")["item"].to_numpy()
    target = np.argsort(items)[pd.read_csv("ids.tsv", sep="\t")["item"]]
    own = scores[np.arange(len(scores)), target]
    np.testing.assert_array_equal((scores > own[:, None]).sum(1), run.ranks["above"])

    data, split = exchange.read(Path("audit"))
    np.save("turned.npy", scores[::-1])
    turned, _ = outside.evaluate(
        data, split, [Path("turned.npy")], name="turned", ids=Path("ids.tsv"), items=Path("items.tsv")
    )
    assert metrics.recall(turned.ranks["above"], turned.ranks["equal"], 5).mean() < row["value_a"]
    pd.read_csv("ids.tsv", sep="\t")[::-1].to_csv("turned.tsv", sep="\t", index=False)
    with pytest.raises(InputError, match=f"row 0: target {len(scores) - 1}, where 0 is due"):
        outside.read([Path("scores.npy")], split, name="turned", ids=Path("turned.tsv"))


class Popular:
    """The interface of session-rec's algorithms, which are in no package index: the next item after one click."""

    def predict_next(self, session, item, candidates):
        """The score of every candidate."""
        return pd.Series(np.where(candidates == item, 0.0, 1.0 / (1 + candidates)), index=candidates)


def test_the_lines_for_session_rec_hand_in_every_target(folder, capsys):
    main(["targets", "clicks.tsv", "--out", "audit", "--format", "session-rec"])
    lines = re.search(r"click by click:\n\n```python\n(.*?)```", README, re.DOTALL)[1].replace("rsc15_100k", "clicks")
    exec(lines, {"pd": pd, "np": np, "algorithm": Popular()})
    capsys.readouterr()
    main(["evaluate", "audit", "scores.npy", "--ids", "ids.tsv", "--name", "popular"])
    run = evidence.read(capsys.readouterr().out.strip())
    _, split = exchange.read(Path("audit"))
    target, last = split.prefixes.target, split.prefixes.last
    expected = np.where(target == last, split.train.n_items - 1, target - (last < target))
    np.testing.assert_array_equal(run.ranks["above"], expected)


def test_the_spanish_readme_has_the_same_lines():
    spanish = (PROJECT / "README.es.md").read_text("utf8")
    without = [
        [re.sub(r"\s*#.*", "", line) for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)
         for line in block.splitlines()]
        for text in (README, spanish)
    ]  # fmt: skip
    assert without[0] == without[1]
