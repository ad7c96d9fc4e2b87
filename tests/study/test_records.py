"""Records: what is written is read, and what was edited is refused."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from audit_lib import measurements
from audit_lib.commands import cli
from audit_lib.errors import EvidenceError, InputError, MissingError
from audit_lib.measurements import measure
from audit_lib.study import committed, records

TABLE = pd.DataFrame(
    {"setting": ["a", "β"], "ratio": [0.1 + 0.2, np.nan], "steps": [3, 4], "equal": [True, False], "peer": [np.nan] * 2}
)


def test_a_table_survives_writing_and_reading(tmp_path):
    path = records.write("trial", TABLE, folder=tmp_path)
    found = records.read("trial", folder=tmp_path)
    pd.testing.assert_frame_equal(found, TABLE)
    assert path == tmp_path / "trial.json"
    assert list(tmp_path.iterdir()) == [path]
    assert {"name", "created", "versions", "host", "git_commit", "sha256"} <= found.attrs.keys()


def test_columns_of_nothing_but_none_are_missing_numbers(tmp_path):
    records.write("trial", pd.DataFrame({"ratio": [None, None]}), folder=tmp_path)
    assert records.read("trial", folder=tmp_path)["ratio"].isna().all()


@pytest.mark.parametrize(
    "edit",
    [
        lambda r: r["rows"][0].update(ratio=2.5),
        lambda r: r["rows"].pop(),
        lambda r: r["columns"].update(steps="float64"),
        lambda r: r["rows"].reverse(),
        lambda r: r.pop("rows"),
    ],
    ids=["a number", "a row less", "a type", "another order", "no rows"],
)
def test_an_edited_record_is_refused_by_name(tmp_path, edit):
    path = records.write("trial", TABLE, folder=tmp_path)
    record = json.loads(path.read_text())
    edit(record)
    path.write_text(json.dumps(record))
    with pytest.raises(EvidenceError, match=r"trial\.json.*record trial"):
        records.read("trial", folder=tmp_path)


def test_a_damaged_record_is_refused(tmp_path):
    (tmp_path / "trial.json").write_text("{")
    with pytest.raises(EvidenceError, match="is not a record"):
        records.read("trial", folder=tmp_path)


def test_a_missing_record_names_the_command(tmp_path):
    with pytest.raises(MissingError, match="python -m audit_lib record bench_train"):
        records.read("bench_train", folder=tmp_path)


def test_a_column_of_mixed_values_is_refused(tmp_path):
    with pytest.raises(InputError, match="'mixed'"):
        records.write("trial", pd.DataFrame({"mixed": [1, "one"]}), folder=tmp_path)
    with pytest.raises(InputError, match="'whole'"):
        records.write("trial", pd.DataFrame({"whole": pd.array([1, None], "Int64")}), folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_unknown_record_suggests_the_nearest():
    result = CliRunner().invoke(cli, ["record", "bench_tran"])
    assert isinstance(result.exception, InputError)
    assert "Did you mean 'bench_train'?" in str(result.exception)


def test_the_command_measures_and_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "FOLDER", tmp_path / "records")
    monkeypatch.setattr("audit_lib.measurements.train_speed.scaling", lambda: TABLE)
    result = CliRunner().invoke(cli, ["record", "bench_scaling"])
    assert result.output.strip() == str(tmp_path / "records" / "bench_scaling.json")
    pd.testing.assert_frame_equal(records.read("bench_scaling"), TABLE)


# Measured a log at a time while its own module was still being written; hours of training to measure anew.
MEASURED_EARLY = {"validation"}


@pytest.mark.parametrize("name", [*measurements.REGISTRY, *records.OF_THE_TESTS, *records.EARLIER])
def test_a_committed_record_is_whole(name):
    if not (records.FOLDER / f"{name}.json").is_file():
        pytest.skip(f"{name} is not recorded in this version")
    table = records.read(name)
    assert len(table) > 0
    assert table.attrs["name"] == name
    if name not in MEASURED_EARLY:
        assert not table.attrs["git_commit"].endswith("+"), "measured with changes that were not committed"


def test_a_record_of_sealed_evidence_is_listed_there(monkeypatch, tmp_path):
    folder = tmp_path / "records"
    monkeypatch.setattr(measurements, "make", lambda name: records.write(name, TABLE, folder=folder))
    assert measure("bench_scaling") == folder / "bench_scaling.json"
    assert not (tmp_path / committed.SUMS).exists()  # nothing was sealed before
    committed.seal(tmp_path)
    measure("latency")
    assert committed.check(tmp_path).problems == []
    assert "records/latency.json" in (tmp_path / committed.SUMS).read_text()
