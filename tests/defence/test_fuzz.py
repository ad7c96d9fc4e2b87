"""Fuzzing of everything that reads a file or a name: it gives what it should, or one of our errors, and never another.

100 cases each (`fault_counts.CASES`), the same in every run; AUDIT_FUZZ=10 asks for ten times as many.
"""

import contextlib
import gzip
import hashlib
import io
import json
import pickle
import tarfile
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st

from audit_lib import recommenders
from audit_lib.data import archives, datasets, parsers, reading, sessions
from audit_lib.data.logs import ITEM, SESSION, TIME, validate
from audit_lib.data.preparing import columns_of, prepare
from audit_lib.data.safe_pickle import read_integers
from audit_lib.errors import AuditError, EvidenceError, MissingError
from audit_lib.evaluation.ranking import COLUMNS
from audit_lib.files import digest
from audit_lib.recommenders import checkpoints
from audit_lib.recommenders.gru4rec.config import GRU4RecConfig
from audit_lib.recommenders.popularity import Popularity
from audit_lib.study import committed, evidence, plan, records, running
from tests.click_logs import random_log
from tests.data.test_parsers import ORIGINALS
from tests.defence.fuzzing import damaged, fuzz
from tests.small_logs import sessions_of

# What spreadsheets, exports and ill will put into cells.
CELLS = (
    st.sampled_from(
        [
            "1", "2", "-1", "0.5", "", " ", "nan", "inf", "-inf", "NaN", "NULL", "true", "1e400", "9" * 30, str(2**63),
            str(-(2**63) - 1), "1_000", "1,5", "0x1F", "½", "\x00", "\ufeff1", '"', '""', "'", "a\tb", "a,b", "a\nb",
            "a\r", "\r\n", "=1+1", "@SUM(A1)", "=cmd|' /C calc'!A0", "<script>alert(1)</script>", "../../etc/passwd",
            "$(id)", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "2020-01-01T00:00:00Z",
            "2014-04-07", "\\N", "#", "é",
        ]
    )
    | st.integers().map(str)
    | st.text(max_size=6)
)


def one_of_ours(read, *arguments, **options):
    """What `read` gives, or None if it raises one of our errors."""
    with contextlib.suppress(AuditError):
        return read(*arguments, **options)
    return None


# --- parsers of published data sets

HEADS = ORIGINALS | {"session_rec": ORIGINALS["plain"]}
SEPARATORS = {"diginetica_views": ";", "plain": "\t", "session_rec": "\t"}


def parse(name, content, folder):
    """The validated log that a parser makes of one file, given twice to those that need two."""
    path = folder / "fuzzed.csv"
    path.write_bytes(content)
    files = {"a.csv": path, "b.csv": path} if name in ("rees46", "session_rec", "pickled_split") else {"a.csv": path}
    log = validate(getattr(parsers, name)(files), name=name)
    assert {SESSION, ITEM, TIME} <= set(log.columns)
    assert len(log) > 0
    assert np.isfinite(log[TIME]).all()


@pytest.mark.parametrize("name", HEADS)
def test_a_damaged_table(name, tmp_path, record_property):
    fuzz(damaged(HEADS[name].encode()), lambda data: one_of_ours(parse, name, data, tmp_path), record_property)


@pytest.mark.parametrize("name", HEADS)
def test_a_table_of_hostile_cells(name, tmp_path, record_property):
    first, *_ = HEADS[name].splitlines()
    separator = SEPARATORS.get(name, ",")
    rows = st.lists(st.lists(CELLS, min_size=4, max_size=6), max_size=5)

    def check(rows):
        lines = ["" if name == "rsc15" else first, *(separator.join(row) for row in rows)]
        one_of_ours(parse, name, "\n".join(lines).encode("utf-8", "surrogatepass"), tmp_path)

    fuzz(rows, check, record_property)


TRAIN, TEST = [[1, 2, 3], [70000, 5]], ([[1, 2], [1], [9]], [3, 2, 8])
NESTED = st.recursive(
    st.integers() | st.none() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.integers(), inner, max_size=2)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("value", [TRAIN, TEST], ids=["train", "test"])
def test_a_damaged_pickle(value, record_property):
    fuzz(damaged(pickle.dumps(value, 2)), lambda data: one_of_ours(read_integers, data), record_property)


def test_a_pickle_of_anything(tmp_path, record_property):
    good = {}

    def check(case):
        value, protocol = case
        read = one_of_ours(read_integers, pickle.dumps(value, protocol))
        if read is not None:
            assert read == value
            good["read"] = True

    fuzz(st.tuples(NESTED, st.integers(0, 5)), check, record_property)
    assert good


def test_a_pickle_that_is_any_run_of_its_operations(record_property):
    operations = st.sampled_from([bytes([code]) for code in b"\x80\x95\x71\x72\x94KMJ(])\x85\x86\x87tae\x8a.cR}Q0123"])
    programs = st.lists(operations | st.binary(max_size=3), max_size=40).map(b"".join)
    fuzz(programs, lambda data: one_of_ours(read_integers, b"\x80\x02" + data), record_property)


def test_prefixes_and_labels_of_any_shape(record_property):
    def check(value):
        rows = one_of_ours(parsers.unroll, value, name="fuzzed")
        assert rows is None or all(type(item) is int for row in rows for item in row)

    pairs = st.tuples(st.lists(st.lists(st.integers(0, 3), max_size=3)), st.lists(st.integers(0, 3)))
    fuzz(NESTED | pairs, check, record_property)


# --- archives


def wheel(member, content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("other", b"x" * 100)
        archive.writestr(member, content)
    return buffer.getvalue()


def tarball(*members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_a_damaged_wheel(tmp_path, record_property):
    path = tmp_path / "some.whl"

    def check(data):
        path.write_bytes(data)
        found = one_of_ours(archives.wheel_member, path, "a/b.csv", max_bytes=10_000)
        assert found is None or len(found) <= 10_000

    fuzz(damaged(wheel("a/b.csv", b"tid,lat_lon,date_time\n1,2,3\n" * 20)), check, record_property)


@pytest.mark.parametrize("packed", [True, False], ids=["outside", "inside"])
def test_a_damaged_tarball(tmp_path, record_property, packed):
    """Damage to the packed file, and to the tar inside whose packing is then sound."""
    path = tmp_path / "some.tar.gz"
    inner = tarball(("entree/session/session.1", b"x\ty\tz\t1\n" * 9), ("entree/session/b", b"y"))

    def check(data):
        path.write_bytes(data if packed else gzip.compress(data, 1))
        one_of_ours(archives.tar_members, path, "entree/session", max_bytes=100_000)

    fuzz(damaged(gzip.compress(inner) if packed else inner), check, record_property)


def test_entree_of_any_lines(tmp_path, record_property):
    path = tmp_path / "entree.tar.gz"
    field = st.sampled_from(["0C", "12C", "7A", "33L", "5Z", "-1", "99", "", "²L"]) | st.text(max_size=4) | CELLS
    day = st.sampled_from(["18/Sep/1996:00:15:38", "31/Feb/1996:00:00:00", "", "x", "18/Sep/9999:00:15:38"])
    lines = st.lists(st.tuples(day, st.lists(field, max_size=6)), max_size=5)

    def check(rows):
        text = "\n".join("\t".join([date, "host", *fields]) for date, fields in rows)
        path.write_bytes(gzip.compress(tarball(("entree/session/session.1", text.encode("utf-8", "replace"))), 1))
        log = one_of_ours(lambda: validate(parsers.entree({"e": path}), name="entree"))
        assert log is None or len(log)

    fuzz(lines, check, record_property)


# --- a user's own log


@pytest.mark.parametrize("suffix", ["tsv", "csv"])
def test_an_own_log_of_hostile_cells(tmp_path, record_property, suffix):
    path = tmp_path / f"own.{suffix}"
    head = st.sampled_from(
        [[SESSION, ITEM, TIME], [TIME, ITEM, SESSION], [SESSION, ITEM], [SESSION, ITEM, TIME, ITEM], []]
    )
    encoding = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"])
    end = st.sampled_from(["\n", "\r\n", "\r", "\n\n"])
    rows = st.lists(st.lists(CELLS, min_size=2, max_size=5), max_size=6)

    def check(case):
        names, rows, encoding, end = case
        separator = "\t" if suffix == "tsv" else ","
        path.write_bytes(end.join(separator.join(row) for row in [names, *rows]).encode(encoding, "replace"))
        log = one_of_ours(reading.read_log, path)
        if log is not None:
            assert list(log.columns) == [SESSION, ITEM, TIME]
            assert len(sessions.Sessions.from_log(log).fingerprint) == 64

    fuzz(st.tuples(head, rows, encoding, end), check, record_property)


def test_a_damaged_own_log_in_parquet(tmp_path, record_property):
    path, good = tmp_path / "own.parquet", io.BytesIO()
    random_log(20, 8).to_parquet(good, index=False)

    def check(data):
        path.write_bytes(data)
        log = one_of_ours(reading.read_log, path)
        assert log is None or np.isfinite(log[TIME]).all()

    fuzz(damaged(good.getvalue()), check, record_property)


def test_an_own_log_in_parquet_of_any_types(tmp_path, record_property):
    path = tmp_path / "own.parquet"
    kinds = st.sampled_from(
        [
            [1, 2], [1.5, float("nan")], ["a", "b"], [None, None], [b"\x00", b"\xff"], [True, False], [[1], [2]],
            [{"a": 1}, {"a": 2}], pa.array([2**64 - 1, 0], pa.uint64()),
            pa.array([2**62, None], pa.timestamp("ns", "UTC")), [float("inf"), 1.0], ["<b>", "=1"],
            pa.array([1, 2], pa.decimal128(38, 3)), pa.array(["a", "b"]).dictionary_encode(),
            pa.array([1, 2**40], pa.duration("s")),
        ]
    )

    def check(columns):
        pq.write_table(pa.table(dict(zip([SESSION, ITEM, TIME], map(pa.array, columns), strict=True))), path)
        log = one_of_ours(reading.read_log, path)
        assert log is None or len(sessions.Sessions.from_log(log).fingerprint) == 64

    fuzz(st.tuples(kinds, kinds, kinds), check, record_property)


# --- evidence, records, checkpoints, saved recommenders, the list of experiments


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run, and its files as they were."""
    folder = tmp_path_factory.mktemp("evidence")
    data, split = prepare("synthetic:n_sessions=60,n_items=10")
    made = running.run(data, split, "popularity", out=folder)
    return made, {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def whole(run):
    """The run, mended afterwards."""
    yield run[0]
    for path, content in run[1].items():
        path.write_bytes(content)


def ranks_or_error(path):
    """A run that is read has ranks that can be measured; anything else is an EvidenceError or MissingError."""
    try:
        found = evidence.read(path)
    except (EvidenceError, MissingError):
        return
    assert tuple(found.ranks.columns) == COLUMNS
    assert len(found.ranks) == len(found.targets)


@pytest.mark.parametrize("hashed", [False, True], ids=["as it is", "with its hash renewed"])
@pytest.mark.parametrize("which", ["ranks", "targets"])
def test_a_damaged_file_of_evidence(whole, record_property, which, hashed):
    path = whole.path if which == "ranks" else whole.path.parent.parent / "targets.parquet"
    key = "sha256" if which == "ranks" else "targets_sha256"
    good, manifest = path.read_bytes(), whole.path.with_suffix(".json")

    def check(data):
        path.write_bytes(data)
        if hashed:
            manifest.write_text(json.dumps(whole.manifest | {key: hashlib.sha256(data).hexdigest()}))
            ranks_or_error(whole.path)
        elif data != good:
            with pytest.raises(EvidenceError, match="was changed"):
                evidence.read(whole.path)

    fuzz(damaged(good), check, record_property)


def test_a_damaged_manifest(whole, record_property):
    manifest = whole.path.with_suffix(".json")

    def check(data):
        manifest.write_bytes(data)
        ranks_or_error(whole.path)

    fuzz(damaged(manifest.read_bytes()), check, record_property)


def test_a_manifest_with_any_value_at_any_place(whole, record_property):
    manifest = whole.path.with_suffix(".json")
    keys = st.lists(st.sampled_from([*whole.manifest, *whole.manifest["split"], "train"]), min_size=1, max_size=3)
    plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    json_value = st.recursive(
        plain | st.sampled_from(["../..", "/etc"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=5,
    )

    def check(case):
        path, value = case
        content = json.loads(json.dumps(whole.manifest))
        place = content
        for key in path[:-1]:
            place = place[key] if isinstance(place.get(key), dict) else place
        place[path[-1]] = value
        manifest.write_text(json.dumps(content))
        ranks_or_error(whole.path)
        for problem in committed.check(whole.path.parents[3]).problems:
            assert whole.path.stem in problem

    fuzz(st.tuples(keys, json_value), check, record_property)


def test_a_damaged_list_of_hashes(tmp_path, record_property):
    (tmp_path / "headline.csv").write_text("file,recall,mrr\n")
    committed.seal(tmp_path)
    sums = tmp_path / committed.SUMS
    good = sums.read_bytes()

    def check(data):
        sums.write_bytes(data)
        problems = committed.check(tmp_path).problems
        assert bool(problems) == (data != good)

    fuzz(damaged(good), check, record_property)


@pytest.mark.parametrize("hashed", [False, True], ids=["as it is", "with its hash renewed"])
def test_a_damaged_record(tmp_path, record_property, hashed):
    path = records.write("trial", pd.DataFrame({"a": [1, 2], "b": [0.5, None], "c": ["x", "y"]}), folder=tmp_path)

    def check(data):
        if hashed:
            try:
                content = json.loads(data)
                content["sha256"] = digest([content["columns"], content["rows"]])
            except (ValueError, KeyError, TypeError):
                return
            data = json.dumps(content).encode()
        path.write_bytes(data)
        table = one_of_ours(records.read, "trial", folder=tmp_path)
        assert table is None or isinstance(table, pd.DataFrame)

    fuzz(damaged(path.read_bytes()), check, record_property)


def test_a_damaged_checkpoint_is_never_gone_on_from(tmp_path, record_property):
    path, config = tmp_path / "run", GRU4RecConfig(layers=4)
    arrays, log = {"Wy": np.arange(12, dtype=np.float32).reshape(3, 4)}, [{"epoch": 1, "seconds": 0.5}]
    checkpoints.write(path, arrays, config=config, data="abc", log=log)
    good = path.read_bytes()

    def check(data):
        path.write_bytes(data)
        found = one_of_ours(checkpoints.read, path, config=config, data="abc")
        if found is not None:
            np.testing.assert_array_equal(found[0]["Wy"], arrays["Wy"])
            assert found[1] == log

    fuzz(damaged(good), check, record_property)


def test_a_damaged_saved_recommender(tmp_path, record_property):
    path = Popularity().fit(sessions_of([[0, 1, 2], [1, 2]], 3)).save(tmp_path / "model")

    def check(data):
        path.write_bytes(data)
        one_of_ours(Popularity.load, path)

    fuzz(damaged(path.read_bytes()), check, record_property)


def test_a_damaged_list_of_experiments(tmp_path, record_property):
    path = tmp_path / "study.toml"
    lines = '[settings.a]\nlayers = 4\n\n[[experiment]]\ngroup = "g"\ndatasets = ["diginetica"]\n'
    lines += 'recommenders = ["popularity"]\nsettings = "default"\nseeds = [0]\nwhy = "w"\n'

    def check(data):
        path.write_bytes(data)
        one_of_ours(plan.plan.__wrapped__, path)
        plan.read.cache_clear()

    fuzz(damaged(lines.encode()), check, record_property)
    plan.plan.cache_clear()


# --- names and settings


NAMES = st.text(max_size=20) | st.lists(
    st.sampled_from(
        [
            "..", "/", "\\", "~", ".", "\x00", "diginetica", "synthetic", ":", "=", "$(id)", "`id`", ";", ".tsv", "'",
            '"', "{x}", "\n",
        ]
    ),
    max_size=6,
).map("".join)


def test_a_name_of_a_data_set(tmp_path, monkeypatch, record_property):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AUDIT_MIRROR", raising=False)
    known = set(datasets.REGISTRY)

    def check(name):
        if name in known or name.startswith("synthetic"):
            return
        assert one_of_ours(datasets.load, name) is None

    fuzz(NAMES, check, record_property)
    assert list(tmp_path.rglob("*")) == []


def test_the_name_of_an_own_log_stays_in_its_folder(tmp_path, record_property):
    def check(name):
        safe = datasets.safe_name(name)
        assert evidence.check_dataset_name(safe) == safe
        assert (tmp_path / safe).resolve().parent == tmp_path.resolve()
        if one_of_ours(evidence.check_dataset_name, name) is not None:
            assert (tmp_path / name).resolve().parent == tmp_path.resolve()

    fuzz(NAMES, check, record_property)


def test_settings_and_columns_as_text(record_property):
    def check(text):
        one_of_ours(running.recommender_settings, [text])
        one_of_ours(columns_of, text)
        one_of_ours(datasets.load, f"synthetic_latent:{text}")

    fuzz(NAMES, check, record_property)


def test_settings_of_a_recommender(record_property):
    settings = st.dictionaries(st.sampled_from(["k", "sample_size", "layers", "loss", "x"]), CELLS, max_size=3)
    names = st.sampled_from(["vsknn", "gru4rec", "markov"])

    def check(case):
        name, settings = case
        one_of_ours(recommenders.create, name, **settings)

    fuzz(st.tuples(names, settings), check, record_property)
