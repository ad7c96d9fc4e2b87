"""Evidence: the same bytes for the same run, every change noticed, nothing half-written."""

import importlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from audit_lib.data.datasets import Dataset
from audit_lib.data.preparing import prepare
from audit_lib.data.splits import temporal_split
from audit_lib.errors import EvidenceError, InputError, MissingError
from audit_lib.evaluation.ranking import COLUMNS, Ranks
from audit_lib.files import COMMITTED, PROJECT, digest, put, sha256, sweep, writable
from audit_lib.study import evidence, provenance, running, tables
from audit_lib.study.evidence import VOLATILE
from tests.click_logs import random_log, write_tsv
from tests.folders import contents


@pytest.fixture(scope="module")
def split():
    return temporal_split(random_log(), test_days=2, min_item_support=2)


@pytest.fixture(scope="module")
def nothing(split):
    """Ranks with nothing above and nothing equal."""
    return Ranks(*np.zeros((4, len(split.prefixes)), np.int64))


@pytest.fixture
def write(split, tmp_path):
    """Writes made-up ranks of the split."""

    def write_(seed=0, *, recommender="popularity", ranks=None, **config):
        rng, n = np.random.default_rng(seed), len(split.prefixes)
        ranks = ranks or Ranks(*(rng.integers(0, high, n) for high in (40, 3, 100_000, 70_000)))
        return evidence.write(
            ranks, split, dataset="clicks", data_hash="0" * 64, recommender=recommender, config={"k": 3} | config,
            seed=seed, seconds={"fit": 0.1}, out=tmp_path,
        )  # fmt: skip

    return write_


def edit(run, **changes):
    """Changes fields of the manifest of a run."""
    path = run.path.with_suffix(".json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_what_is_written_is_read_back(write, split):
    n = len(split.prefixes)
    ranks = Ranks(np.arange(n), np.arange(n) % 3, np.arange(n) * 1000, np.arange(n) * 7)
    written = write(ranks=ranks)
    run = evidence.read(written.path)
    assert list(run.ranks) == list(COLUMNS)
    assert {str(t) for t in run.ranks.dtypes} == {str(t) for t in run.targets.dtypes} == {"int64"}
    for name in COLUMNS:
        np.testing.assert_array_equal(run.ranks[name], getattr(ranks, name))
    np.testing.assert_array_equal(run.targets["session"], split.prefixes.session)
    np.testing.assert_array_equal(run.targets["step"], split.prefixes.step)
    np.testing.assert_array_equal(run.targets["support"], split.train.support[split.prefixes.target])
    assert (run.dataset, run.recommender, run.seed, run.n_items) == ("clicks", "popularity", 0, split.train.n_items)
    assert run.manifest["support_total"] == split.train.n_events
    assert run.manifest == written.manifest
    assert evidence.read(run.path.with_suffix(".json")).manifest == run.manifest


def test_a_manifest_says_this_and_nothing_else(split, nothing, tmp_path):
    about = {"dataset": "clicks", "data_hash": "7" * 64, "recommender": "markov", "config": {"k": np.int64(3)}}
    before = pd.Timestamp.now(tz="UTC").floor("s")
    run = evidence.write(nothing, split, **about, seconds={"fit": 0.12345}, out=tmp_path / "first")
    found = run.manifest
    assert run.path.with_suffix(".json").read_text() == json.dumps(found, indent=1) + "\n"
    assert before <= pd.Timestamp(found["created"]) <= pd.Timestamp.now(tz="UTC")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", found["created"])
    assert found == {
        **about, "format": 1, "config": {"k": 3}, "seed": 0, "device": "cpu", "support_total": split.train.n_events,
        "split": {"name": split.name, "hash": evidence.split_hash(split), **split.summary},
        "sha256": sha256(run.path), "targets_sha256": sha256(run.path.parent.parent / "targets.parquet"),
        "shims": [], "log": [], "peak_memory_mb": None, "seconds": {"fit": 0.123}, "created": found["created"],
        "versions": provenance.versions(), "host": provenance.host(), "git_commit": provenance.git_commit(),
    }  # fmt: skip
    said = {"seed": 4, "device": "cuda", "peak_memory_mb": 1.5, "log": [{"epoch": 1}], "shims": ["a"]}
    again = evidence.write(nothing, split, **about, **said, seconds={}, out=tmp_path / "second")
    assert {key: again.manifest[key] for key in said} == said


def test_a_configuration_that_is_no_json_is_refused_and_leaves_nothing(write, tmp_path):
    with pytest.raises(TypeError, match="ndarray does not go into a manifest"):
        write(weights=np.ones(2))
    assert contents(tmp_path) == {}


def test_versions_are_those_of_what_can_change_a_number():
    found = provenance.versions()
    assert found.pop("python") == ".".join(map(str, sys.version_info[:3]))
    assert found == {
        name: importlib.import_module(name).__version__
        for name in ("audit_lib", "numpy", "pandas", "scipy", "numba", "torch")
    }


def test_the_host_is_described_without_its_name(monkeypatch):
    info = "processor\t: 0\nmodel name\t: Fast CPU: 3 GHz\nmodel name\t: Other\n"
    monkeypatch.setattr(Path, "read_text", lambda self: info if str(self) == "/proc/cpuinfo" else "")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    about = {"system": os.uname().sysname, "machine": os.uname().machine, "cores": os.cpu_count()}
    about |= {"instructions": "AVX512", "threads": 3}
    assert provenance.host() == about | {"cpu": "Fast CPU: 3 GHz"}
    monkeypatch.setattr(Path, "read_text", lambda _: "processor\t: 0\n")
    assert provenance.host()["cpu"] == ""

    def absent(self):
        raise FileNotFoundError(self)

    monkeypatch.setattr(Path, "read_text", absent)
    monkeypatch.setattr(provenance.platform, "processor", lambda: "arm")
    assert provenance.host()["cpu"] == "arm"


def test_files_are_compressed_and_without_dictionaries(write):
    run = write()
    for path in (run.path, run.path.parent.parent / "targets.parquet"):
        group = pq.ParquetFile(path).metadata.row_group(0)
        columns = [group.column(i) for i in range(group.num_columns)]
        assert {column.compression for column in columns} == {"ZSTD"}
        assert {column.has_dictionary_page for column in columns} == {False}


def test_columns_without_rows_have_the_smallest_width():
    found = pq.read_table(io.BytesIO(tables.as_parquet({"above": np.zeros(0, np.int64)})))
    assert (found.num_rows, str(found.schema.field("above").type)) == (0, "uint8")


def test_columns_are_stored_in_the_smallest_width_that_holds_them(write):
    run = write()
    types = {field.name: str(field.type) for field in pq.read_schema(run.path)}
    assert types == {"above": "uint8", "equal": "uint8", "support_above": "uint32", "support_equal": "uint32"}


def test_two_processes_give_the_same_bytes_and_manifests_that_differ_in_volatile_fields_only(tmp_path):
    log = write_tsv(random_log(), tmp_path / "clicks.tsv")
    running.run(*prepare(log), "markov", out=tmp_path / "one")
    command = [sys.executable, "-m", "audit_lib", "rank", "--dataset", str(log), "--recommender", "markov"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "two")], capture_output=True, text=True, check=False,
        cwd=PROJECT, env=os.environ | {"PYTHONHASHSEED": "3"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_file()
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert sorted(one) == sorted(two)
    assert sorted(Path(name).suffix for name in one) == [".json", ".parquet", ".parquet"]
    for name, content in one.items():
        if name.endswith(".parquet"):
            assert content == two[name]
            continue
        first, second = json.loads(content), json.loads(two[name])
        assert first.keys() == second.keys()
        assert {key for key in first if first[key] != second[key]} <= set(VOLATILE)
        assert first["created"].endswith("+00:00")


# --- every change is noticed


@pytest.mark.parametrize("place", [0, 100, -1, None], ids=["first", "within", "last", "cut off"])
@pytest.mark.parametrize("which", ["ranks", "targets"])
def test_one_changed_byte_is_noticed_and_the_file_named(write, which, place):
    run = write()
    path = run.path if which == "ranks" else run.path.parent.parent / "targets.parquet"
    content = bytearray(path.read_bytes())
    if place is None:
        content = content[:-10]
    else:
        content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(EvidenceError, match=f"{path.name}' was changed: its sha256 is .*rank with --fresh"):
        evidence.read(run.path)


def test_ranks_and_targets_of_different_length_do_not_belong_together(write):
    run = write()
    targets = run.path.parent.parent / "targets.parquet"
    pq.write_table(pa.table({"session": [0], "step": [1], "support": [2]}), targets)
    edit(run, targets_sha256=sha256(targets))
    with pytest.raises(EvidenceError, match="ranks for 1 targets; they do not belong together"):
        evidence.read(run.path)


@pytest.mark.parametrize(
    "changes",
    [{"seed": 3}, {"recommender": "gru4rec"}, {"dataset": "diginetica"}, {"config": {"k": 4}},
     {"dataset": "../../../etc"}, {"recommender": "../../../etc"},
     {"split": {"name": "temporal", "hash": "0" * 64, "train": {"items": 9}}}],
)  # fmt: skip
def test_a_manifest_that_says_another_run_is_noticed(write, changes):
    run = write()
    edit(run, **changes)
    with pytest.raises(EvidenceError, match="its manifest was edited"):
        evidence.read(run.path)


def test_a_run_copied_under_the_name_of_another_is_noticed(write):
    first, second = write(), write(1)
    for suffix in (".parquet", ".json"):
        second.path.with_suffix(suffix).write_bytes(first.path.with_suffix(suffix).read_bytes())
    with pytest.raises(EvidenceError, match="does not lie where its manifest says"):
        evidence.read(second.path)


def test_a_table_with_missing_values_is_refused(tmp_path):
    path = tmp_path / "targets.parquet"
    pd.DataFrame({name: pd.array([1, None], "Int64") for name in tables.TARGETS}).to_parquet(path)
    with pytest.raises(EvidenceError, match="values are missing"):
        tables.read_table(path, sha256(path), tables.TARGETS)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"sha256": 3}', "\xff"])
def test_what_is_no_manifest_is_an_evidence_error(write, text):
    run = write()
    run.path.with_suffix(".json").write_bytes(text.encode("latin-1"))
    with pytest.raises(EvidenceError, match=r"\.json' is not a manifest|was changed"):
        evidence.read(run.path)


@pytest.mark.parametrize("field", ["targets_sha256", "sha256", "config", "split"])
def test_a_manifest_that_lacks_a_field_is_an_evidence_error(write, field):
    run = write()
    path = run.path.with_suffix(".json")
    path.write_text(json.dumps({k: v for k, v in run.manifest.items() if k != field}))
    with pytest.raises(EvidenceError, match=f"not a manifest.*{field}"):
        evidence.read(run.path)


def test_another_format_is_refused(write):
    run = write()
    edit(run, format=2)
    with pytest.raises(EvidenceError, match="another format"):
        evidence.read(run.path)


@pytest.mark.parametrize("name", ["none.parquet", "none.json", "", ".", "folder", "none.txt"])
def test_evidence_that_is_not_there_is_a_missing_error(tmp_path, name):
    (tmp_path / "folder").mkdir()
    for path in (name, tmp_path / name):
        with pytest.raises(MissingError, match="evidence file"):
            evidence.read(path)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"session": [1], "support": [3], "step": [2]}, "other columns than the integers session, step, support"),
        ({"session": [1], "step": [2], "support": [3.5]}, "other columns than the integers session, step, support"),
        ({"session": [1, 1], "step": [1, -2], "support": [3, 3]}, "negative numbers"),
    ],
)
def test_a_table_that_holds_no_counts_is_refused(tmp_path, columns, message):
    path = tmp_path / "targets.parquet"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(EvidenceError, match=f"{message}.*run again, or rank with --fresh"):
        tables.read_table(path, sha256(path), ("session", "step", "support"))


def test_what_is_no_table_at_all_is_refused(tmp_path):
    path = tmp_path / "ranks.parquet"
    path.write_bytes(b"PAR1 nonsense PAR1")
    with pytest.raises(EvidenceError, match=r"ranks\.parquet' is no table of this format \(1\)"):
        tables.read_table(path, sha256(path), ("above",))


@pytest.mark.parametrize(
    ("file", "message"),
    [("{}.parquet", "Make it with `python -m audit_lib rank`"), ("{}.json", "Make it with `python -m audit_lib rank`"),
     ("../targets.parquet", r"targets\.parquet")],
)  # fmt: skip
def test_a_part_of_a_run_that_is_not_there_is_a_missing_error(write, file, message):
    run = write()
    (run.path.parent / file.format(run.path.stem)).unlink()
    with pytest.raises(MissingError, match=message):
        evidence.read(run.path)


# --- nothing half-written


@pytest.mark.parametrize("failing", ["targets", "ranks", "manifest"])
def test_a_disk_that_is_full_in_mid_write_leaves_nothing(write, tmp_path, monkeypatch, failing):
    end = {"targets": ".targets.parquet.", "ranks": "-s0.parquet.", "manifest": "-s0.json."}[failing]
    real = Path.write_bytes

    def full(self, content):
        real(self, content[: len(content) // 2] if end in self.name else content)
        if end in self.name:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(EvidenceError, match=r"cannot be written to .*No space left on device.*Choose another"):
        write()
    assert contents(tmp_path) == {}


def test_every_file_is_on_the_disk_before_any_gets_its_name(write, tmp_path, monkeypatch):
    done, sync, replace = [], os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda file: done.append("synced") or sync(file))
    monkeypatch.setattr(Path, "replace", lambda self, target: done.append(target.suffix) or replace(self, target))
    run = write()
    targets = run.path.parent.parent / "targets.parquet"
    assert done == ["synced"] * 3 + [".parquet", ".parquet", ".json"]  # the manifest last
    assert set(contents(tmp_path)) == {
        str(path.relative_to(tmp_path)) for path in (targets, run.path, run.path.with_suffix(".json"))
    }


def test_what_a_killed_writer_left_of_the_targets_goes_with_the_next_write(write):
    targets = write().path.parent.parent / "targets.parquet"
    left = [targets.with_name(f".targets.{kind}.0a1b2c3d.partial") for kind in ("parquet", "lock")]
    kept = targets.with_name(".other.parquet.0a1b2c3d.partial")
    for path in (*left, kept):
        path.write_bytes(b"half")
    write(1)
    assert [path.exists() for path in (*left, kept)] == [False, False, True]


def test_a_failed_second_write_leaves_the_first_run_as_it_was(write, tmp_path, monkeypatch, split):
    first = write()
    before = contents(tmp_path)

    def full(self, content):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(EvidenceError):
            write(ranks=Ranks(*np.ones((4, len(split.prefixes)), np.int64)))
    assert contents(tmp_path) == before
    assert len(evidence.read(first.path).ranks) == len(split.prefixes)


def test_a_folder_that_is_a_file_is_a_clear_error(split, nothing, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EvidenceError, match=r"cannot be written to .*file.*Choose another"):
        evidence.write(
            nothing, split, dataset="d", data_hash="", recommender="r", config={}, seconds={}, out=tmp_path / "file"
        )
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_rerun_replaces_a_run_and_keeps_the_others_readable(write, split):
    first, other = write(), write(1)
    targets = first.path.parent.parent / "targets.parquet"
    table = pq.read_table(targets)
    pq.write_table(table, targets, compression="none")  # as another version of the library might have written it
    for run in (first, other):
        edit(run, targets_sha256=sha256(targets))
    again = write(ranks=Ranks(*np.ones((4, len(split.prefixes)), np.int64)))
    assert again.path == first.path
    assert evidence.read(again.path).ranks["above"].unique().tolist() == [1]
    assert len(evidence.read(other.path).targets) == len(split.prefixes)  # its hash of the targets still holds


def test_damaged_targets_are_mended_by_the_next_run(write):
    run = write()
    targets = run.path.parent.parent / "targets.parquet"
    good = targets.read_bytes()
    targets.write_bytes(good[:-3])
    write(1)
    assert targets.read_bytes() == good
    evidence.read(run.path)


# --- finding


def test_runs_are_found_by_what_their_manifests_and_configurations_say(write, tmp_path):
    a, b, c = write(), write(1, recommender="markov"), write(0, k=5)
    found = lambda **wanted: {run.path for run in evidence.find(tmp_path, **wanted)}  # noqa: E731
    assert found() == {a.path, b.path, c.path}
    assert found(recommender="markov") == {b.path}
    assert found(seed=0) == {a.path, c.path}
    assert found(k=5) == {c.path}
    assert found(recommender="popularity", k=3) == {a.path}
    assert found(split="temporal", dataset="clicks") == {a.path, b.path, c.path}
    assert found(split="published") == found(nonsense=1) == set()
    assert evidence.find(tmp_path / "none") == []


def test_an_unfinished_run_is_not_found(write, tmp_path):
    a, b = write(), write(1)
    b.path.with_suffix(".json").unlink()
    assert [run.path for run in evidence.find(tmp_path)] == [a.path]


def test_a_damaged_run_stops_the_search_instead_of_being_left_out(write, tmp_path):
    run = write()
    run.path.write_bytes(b"")
    with pytest.raises(EvidenceError, match="was changed"):
        evidence.find(tmp_path)


def test_a_damaged_run_that_is_not_wanted_is_no_matter(write, tmp_path):
    run, other = write(), write(1, recommender="markov")
    other.path.write_bytes(b"")
    assert [found.path for found in evidence.find(tmp_path, recommender=run.recommender)] == [run.path]
    other.path.with_suffix(".json").write_text("{")
    with pytest.raises(EvidenceError, match="not a manifest"):
        evidence.find(tmp_path, recommender=run.recommender)


def test_the_evidence_folder_is_that_of_the_environment(monkeypatch, tmp_path, write):
    monkeypatch.setenv("AUDIT_EVIDENCE", str(tmp_path))
    assert evidence.root() == tmp_path
    run = write()
    assert [found.path for found in evidence.find()] == [run.path]
    monkeypatch.delenv("AUDIT_EVIDENCE")
    assert evidence.root() == PROJECT / "runs" / "evidence"
    assert COMMITTED == PROJECT / "book" / "evidence"
    assert Path(__file__).parents[2] == PROJECT


def test_where_evidence_can_be_written_as_far_as_can_be_told(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    assert writable(tmp_path)
    assert writable(tmp_path / "new" / "deeper")
    assert not writable(tmp_path / "file")
    assert not writable(tmp_path / "file" / "below")
    monkeypatch.chdir(tmp_path)
    assert writable(Path("new"))
    assert not writable(Path("file", "below"))
    asked = []
    monkeypatch.setattr(os, "access", lambda path, mode: asked.append((path, mode)))
    assert not writable(tmp_path / "new")
    assert asked == [(tmp_path, os.W_OK)]


# --- the path of a run


def test_configuration_seed_split_and_recommender_each_change_the_path(split, tmp_path):
    base = {"dataset": "d", "recommender": "r", "config": {"k": 1}, "seed": 0}
    other = temporal_split(random_log(), test_days=3, min_item_support=2)
    variants = [{}, {"dataset": "e"}, {"recommender": "s"}, {"config": {"k": 2}}, {"seed": 1}]
    paths = {evidence.path_of(split, base | change, tmp_path) for change in variants}
    assert len(paths | {evidence.path_of(other, base, tmp_path)}) == 6


def test_the_order_of_a_configuration_does_not_change_its_hash():
    assert digest({"a": 1, "b": [2.5]}) == digest({"b": [2.5], "a": 1})
    assert digest({"a": 1}) != digest({"a": 1.5})


@pytest.mark.parametrize("name", ["", ".hidden", "-option", "../up", "a/b", "a b", "a\\b", "a\n"])
def test_a_data_set_whose_name_cannot_be_a_folder_is_refused_before_anything_runs(name, split, tmp_path):
    dataset = Dataset(name, pd.DataFrame(), "real", None, "")
    with pytest.raises(InputError, match="cannot name a folder"):
        running.run(dataset, split, "popularity", out=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a", "Yoochoose-1.64_x", "ü9", "_", "9.-_"])
def test_letters_digits_and_three_signs_name_a_data_set(name):
    assert evidence.check_dataset_name(name) == name


def test_the_commit_has_a_plus_if_a_tracked_file_was_changed(tmp_path, monkeypatch):
    (tmp_path / "evidence.py").write_text("")
    monkeypatch.setattr(provenance, "PROJECT", tmp_path)
    monkeypatch.setattr(provenance.audit_lib, "__file__", str(tmp_path / "audit_lib" / "__init__.py"))
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    git = lambda *command: subprocess.run(["git", *command], cwd=tmp_path, check=True, capture_output=True)  # noqa: E731
    git("init", "-q")
    git("add", ".")
    git(*who, "commit", "-q", "-m", "first")
    commit = git("rev-parse", "HEAD").stdout.decode().strip()
    (tmp_path / "untracked").write_text("")
    assert provenance.git_commit.__wrapped__() == commit
    (tmp_path / "evidence.py").write_text("changed")
    assert provenance.git_commit.__wrapped__() == commit + "+"


def test_outside_git_the_commit_is_unknown(monkeypatch, tmp_path):
    monkeypatch.setattr(provenance, "PROJECT", tmp_path)
    assert provenance.git_commit.__wrapped__() is None
    monkeypatch.undo()
    monkeypatch.setenv("PATH", "")
    assert provenance.git_commit.__wrapped__() is None


def test_what_a_table_says_of_its_pandas_form_is_not_heeded(tmp_path):
    path = tmp_path / "x.parquet"
    pd.DataFrame({"equal": [3, 4]}, index=pd.Index([1, 2], name="above")).to_parquet(path)  # asks for an index
    found = tables.read_table(path, sha256(path), ("equal", "above"))
    assert found.to_dict("list") == {"equal": [3, 4], "above": [1, 2]}


def test_folders_on_the_way_to_a_file_are_made(tmp_path):
    path = tmp_path / "a" / "b" / "c.json"
    put({path: b"{}"})
    assert path.read_bytes() == b"{}"


def test_what_another_swept_in_the_meantime_is_no_error(tmp_path, monkeypatch):
    gone = tmp_path / ".x.json.0a1b2c3d.partial"
    monkeypatch.setattr(Path, "glob", lambda folder, pattern: iter([gone]))
    sweep(tmp_path / "x.json")
    assert not gone.exists()


@pytest.mark.parametrize(("rows", "read"), [(50_000_000, True), (50_000_001, False)])
def test_fifty_million_targets_are_read_and_no_more(tmp_path, monkeypatch, rows, read):
    path = tmp_path / "ranks.parquet"
    path.write_bytes(tables.as_parquet({"above": np.array([7])}))
    whole = pq.ParquetFile(path)
    said = SimpleNamespace(metadata=SimpleNamespace(num_rows=rows), schema_arrow=whole.schema_arrow, read=whole.read)
    monkeypatch.setattr(tables.pq, "ParquetFile", lambda content: said)
    if read:
        assert tables.read_table(path, sha256(path), ("above",))["above"].tolist() == [7]
    else:
        with pytest.raises(EvidenceError, match="it has 50000001 rows; at most 50000000 are read"):
            tables.read_table(path, sha256(path), ("above",))


def test_tables_are_as_small_as_their_compression_makes_them():
    ranks = np.random.default_rng(0).zipf(1.3, 20_000) % 40_000
    usual = io.BytesIO()
    pq.write_table(pa.table({"above": ranks.astype(np.uint16)}), usual, compression="zstd", use_dictionary=False)
    assert len(tables.as_parquet({"above": ranks})) < 0.99 * len(usual.getvalue())
