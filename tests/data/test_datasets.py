"""The registry, fetching and loading: hashes before parsing, nothing half-written, every error says what to do."""

import hashlib
import json
import os
import pickle
import subprocess
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import requests
from click.testing import CliRunner

from audit_lib.commands import cli
from audit_lib.data import datasets, fetching
from audit_lib.data.datasets import REGISTRY, describe, fetch, load
from audit_lib.data.logs import counts, filter_log
from audit_lib.data.registry import Generated, GitHub, Manual, Wheel
from audit_lib.data.safe_pickle import read_integers
from audit_lib.errors import InputError, MissingError
from audit_lib.files import sha256
from tests.folders import files

LOG = "SessionId\tItemId\tTime\n1\t7\t10\n1\t8\t20\n2\t7\t15\n2\t9\t30\n3\t9\t40\n"


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """An empty cache and no mirror."""
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AUDIT_MIRROR", raising=False)
    monkeypatch.setattr(fetching.pooch.core.time, "sleep", lambda seconds: None)  # between two tries
    return tmp_path


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def known(monkeypatch):
    """A data set `small` on GitHub, with two sessions of two events over three items."""
    counts = {"events": 4, "sessions": 2, "items": 3}
    source = replace(
        REGISTRY["seed_demo"], name="small", get=GitHub("o/r", "c0", "data"), files={"log.tsv": sha(LOG)}, counts=counts
    )
    monkeypatch.setitem(REGISTRY, "small", source)
    return source


def served(monkeypatch, write):
    """Replaces the download: `write(url, path)` does what the network would."""
    calls = []

    def download(self, url, path, pooch):
        calls.append(url)
        write(url, Path(path))

    monkeypatch.setattr(fetching.pooch.HTTPDownloader, "__call__", download)
    return calls


# --- the registry


@pytest.mark.parametrize("source", REGISTRY.values(), ids=lambda s: s.name)
def test_every_entry_has_licence_citation_hashes_and_a_way_to_get_it(source):
    assert source.name.isidentifier()
    assert source.licence
    assert source.licence_url.startswith("https://")
    assert source.citation
    assert source.citation_key
    assert source.notes
    given = [length for length in (source.test_days, source.test_fraction) if length is not None]
    assert len(given) == (source.split == "temporal")
    assert (source.parse is None) == isinstance(source.get, Generated)
    for name, digest in source.files.items():
        assert Path(name).name == name
        if isinstance(source.get, (GitHub, Wheel)):
            assert digest
            assert len(digest) == 64
    if isinstance(source.get, GitHub):
        assert len(source.get.commit) == 40
    if isinstance(source.get, Wheel):
        assert "==" in source.get.requirement


def test_a_github_file_is_fetched_at_its_commit():
    source = REGISTRY["yoochoose1_64"]
    assert source.get.url("test.txt") == (
        "https://raw.githubusercontent.com/chenjh1988/MTD/b471a6df5e09e8f179a2dbfd185571f74bb9311e/"
        "datasets/yoochoose1_64/test.txt"
    )
    assert GitHub("o/r", "c").url("f") == "https://raw.githubusercontent.com/o/r/c/f"


# --- fetching


def test_a_file_is_fetched_once_and_then_read_from_the_cache(folders, known, monkeypatch):
    calls = served(monkeypatch, lambda url, path: path.write_text(LOG))
    assert fetch("small") == [folders / "cache" / "small" / "log.tsv"]
    assert len(load("small").log) == 5
    assert calls == ["https://raw.githubusercontent.com/o/r/c0/data/log.tsv"]
    assert files(folders) == ["cache/small/log.tsv"]


def test_the_mirror_is_searched_first(folders, known, monkeypatch):
    calls = served(monkeypatch, lambda url, path: path.write_text("not this"))
    (folders / "mirror" / "small").mkdir(parents=True)
    (folders / "mirror" / "small" / "log.tsv").write_text(LOG)
    monkeypatch.setenv("AUDIT_MIRROR", str(folders / "mirror"))
    assert load("small").data_hash == sha(LOG)
    assert calls == []
    assert files(folders) == ["mirror/small/log.tsv"]


@pytest.mark.parametrize("where", ["mirror", "cache", "download"])
def test_a_wrong_hash_is_refused_with_both_values_before_parsing(folders, known, monkeypatch, where):
    wrong = LOG.replace("40", "41")
    monkeypatch.setitem(REGISTRY, "small", replace(known, parse=lambda files: pytest.fail("it was parsed")))
    served(monkeypatch, lambda url, path: path.write_text(wrong))
    monkeypatch.setenv("AUDIT_MIRROR", str(folders / "mirror"))
    if where != "download":
        (folders / where / "small").mkdir(parents=True)
        (folders / where / "small" / "log.tsv").write_text(wrong)
    with pytest.raises(InputError) as error:
        load("small")
    assert sha(wrong) in str(error.value)
    assert sha(LOG) in str(error.value)
    assert "log.tsv" in str(error.value)
    if where == "download":
        assert files(folders) == []


def test_a_download_is_tried_again_when_the_connection_breaks(folders, known, monkeypatch):
    def third(url, path):
        if len(calls) < 3:
            raise requests.ConnectionError("reset by peer")
        path.write_text(LOG)

    calls = served(monkeypatch, third)
    assert len(fetch("small")) == 1
    assert len(calls) == 3


def test_offline_the_message_says_where_to_put_the_file(folders, known, monkeypatch):
    def offline(url, path):
        raise requests.ConnectionError("name resolution failed")

    served(monkeypatch, offline)
    with pytest.raises(MissingError, match=r"Is this machine online\?") as error:
        load("small")
    assert str(folders / "cache" / "small" / "log.tsv") in str(error.value)


def test_a_cache_that_is_a_file_is_a_clear_error(folders, known, monkeypatch):
    served(monkeypatch, lambda url, path: path.write_text(LOG))
    (folders / "cache").write_text("")
    with pytest.raises(MissingError, match="could not be fetched"):
        fetch("small")


def test_a_wheel_is_downloaded_by_pip_without_dependencies_and_never_installed(folders, monkeypatch):
    text = "wheel"
    source = replace(REGISTRY["foursquare_nyc"], files={"a-1-py3-none-any.whl": sha(text)}, get=Wheel("a==1"))
    commands = []

    def pip(command, **_):
        commands.append(command)
        Path(command[command.index("--dest") + 1], "a-1-py3-none-any.whl").write_text(text)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(fetching.subprocess, "run", pip)
    fetched = fetching.fetch_files(source)
    assert files(folders) == ["cache/foursquare_nyc/a-1-py3-none-any.whl"]
    assert fetched["a-1-py3-none-any.whl"].read_text() == text
    assert commands[0][1:5] == ["-m", "pip", "download", "--no-deps"]
    assert commands[0][-1] == "a==1"


def test_pip_that_fails_is_a_clear_error(folders, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "noise\nERROR: No matching distribution found\n")
    monkeypatch.setattr(fetching.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(MissingError, match=r"No matching distribution found.*AUDIT_MIRROR"):
        fetch("foursquare_nyc")
    assert files(folders) == []


@pytest.mark.parametrize("name", [s.name for s in REGISTRY.values() if isinstance(s.get, Manual)])
def test_what_no_program_may_download_says_where_it_is_and_where_to_put_it(folders, name):
    source = REGISTRY[name]
    with pytest.raises(MissingError, match="no program may download") as error:
        load(name)
    assert next(iter(source.files)) in str(error.value)
    assert source.get.page in str(error.value)


def test_an_owners_file_is_accepted_from_a_path_a_folder_or_the_cache(folders):
    clicks = "1,2014-04-07T10:51:09.277Z,5,0\n1,2014-04-07T10:54:09.868Z,6,0\n"
    path = folders / "cache" / "rsc15" / "yoochoose-clicks.dat"
    path.parent.mkdir(parents=True)
    path.write_text(clicks)
    for given in (None, path, path.parent):
        dataset = load("rsc15", path=given)
        assert dataset.log["ItemId"].tolist() == [5, 6]
        assert dataset.data_hash == sha(clicks)
    with pytest.raises(MissingError, match=r"nowhere\.dat"):
        load("rsc15", path=folders / "nowhere.dat")
    with pytest.raises(InputError, match=r"needs 2019-Oct\.csv, 2019-Nov\.csv"):
        load("rees46", path=path)


# --- loading


def test_counts_that_differ_from_the_registry_are_an_error_that_says_both(known, monkeypatch):
    served(monkeypatch, lambda url, path: path.write_text(LOG))
    monkeypatch.setitem(REGISTRY, "small", replace(known, counts={"events": 4, "sessions": 2, "items": 4}))
    with pytest.raises(InputError, match="3 items after parsing, expected 4"):
        load("small")


def test_predictions_of_a_published_split_are_checked(folders, monkeypatch):
    train, test = [[1, 2, 3]], ([[1, 2], [1]], [3, 2])
    parts = {"all_train_seq.txt": pickle.dumps(train, 2), "test.txt": pickle.dumps(test, 2)}
    (folders / "cache" / "tiny").mkdir(parents=True)
    for name, data in parts.items():
        (folders / "cache" / "tiny" / name).write_bytes(data)
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in parts.items()}
    right = {"train": 2, "test": 2, "test_prefix2": 1}
    source = replace(REGISTRY["diginetica"], name="tiny", files=hashes, counts={"events": 6}, predictions=right)
    monkeypatch.setitem(REGISTRY, "tiny", source)
    assert load("tiny").time == "order"
    assert describe("tiny")["parts"]["test"] == {"events": 3, "sessions": 1, "items": 3, "predictions": 2}
    assert describe("tiny")["days"] is None
    for key, value in right.items():
        monkeypatch.setitem(REGISTRY, "tiny", replace(source, predictions={key: value + 1}))
        with pytest.raises(InputError, match=f"{value} {key} after parsing, expected {value + 1}"):
            load("tiny")


@pytest.mark.parametrize(("suffix", "separator"), [(".tsv", "\t"), (".txt", "\t"), (".csv", ","), (".parquet", None)])
def test_an_own_log_is_loaded_by_its_path_with_its_own_column_names(tmp_path, suffix, separator):
    own = pd.DataFrame({"sid": [1, 1], "item": ["x", "y"], "ts": [1_600_000_005, 1_600_000_006]})
    path = tmp_path / f"my log{suffix}"
    own.to_csv(path, sep=separator, index=False) if separator else own.to_parquet(path)
    dataset = load(path, columns={"SessionId": "sid", "ItemId": "item", "Time": "ts"})
    assert (dataset.name, dataset.time, dataset.source) == ("my_log", "real", None)
    assert dataset.log["ItemId"].tolist() == ["x", "y"]
    assert dataset.data_hash == sha256(path)


@pytest.mark.parametrize(
    ("name", "safe"),
    [("a/b/clicks.tsv", "clicks"), ("diginetica.tsv", "diginetica_own"), ("../..tsv", "log"), ("<b>x</b>.csv", "b"),
     ("år 1;rm -rf.csv", "r_1_rm_-rf"), ("x" * 300 + ".csv", "x" * 64), ("....csv", "log"), ("=1+1.csv", "1_1")],
)  # fmt: skip
def test_the_name_of_an_own_log_is_safe_in_a_path_and_in_a_page(name, safe):
    assert datasets.safe_name(name) == safe


@pytest.mark.parametrize("name", ["diginetca", "Diginetica", "diginetica "])
def test_an_unknown_name_suggests_the_nearest(name):
    with pytest.raises(InputError, match=r"Unknown data set .* Did you mean 'diginetica"):
        load(name)
    with pytest.raises(InputError, match="Unknown data set"):
        fetch(name)


@pytest.mark.parametrize("name", ["no.tsv", "../no", "/no/such/log.csv", "..\\no", "a/../b.tsv", Path("x")])
def test_a_path_that_does_not_exist_says_so(name):
    with pytest.raises(MissingError, match="There is no file"):
        load(name)


# --- generated data sets


@pytest.mark.parametrize("name", ["synthetic", "synthetic_independent", "synthetic_first_order", "synthetic_latent"])
def test_synthetic_data_sets_load_by_name_without_any_file(folders, name):
    assert fetch(name) == []
    dataset = load(f"{name}:n_sessions=50,seed=3")
    assert dataset.log["SessionId"].nunique() == 50
    assert dataset.name == f"{name}.n_sessions-50-seed-3"
    assert dataset.data_hash == load(f"{name}:n_sessions=50,seed=3").data_hash
    assert dataset.data_hash != load(f"{name}:n_sessions=50,seed=4").data_hash
    assert files(folders) == []


def test_a_description_can_be_written_as_json_and_counts_by_hand(folders, known, monkeypatch):
    served(monkeypatch, lambda url, path: path.write_text(LOG))
    facts = json.loads(json.dumps(describe("small"), allow_nan=False))
    assert (facts["events"], facts["sessions"], facts["items"], facts["one_click_sessions"]) == (4, 2, 3, 1)
    assert facts["licence_url"].startswith("https://")


# --- the real ones, where a mirror or the network has them


EXACT = {
    "foursquare_nyc": (61_700, 13_075, 14_581),
    "movielens_100k": (99_490, 2_283, 1_679),
    "rsc15_100k": (83_846, 21_210, 2_933),
    "yoochoose1_64": (557_248, 131_491, 17_745),
    "diginetica": (982_961, 202_633, 43_097),
    "retailrocket": (710_586, 130_903, 36_968),
    "seed_demo": (11_222, 1_000, 499),
}
PREDICTIONS = {"yoochoose1_64": (369_859, 55_898), "diginetica": (719_470, 60_858), "rsc15_100k": (52_484, 10_152)}


@pytest.fixture
def real_files(monkeypatch):
    """Verified files from the mirror or the cache of the caller's environment; skips what is in neither."""
    for variable, value in _ENVIRONMENT.items():
        monkeypatch.delenv(variable, raising=False)
        if value:
            monkeypatch.setenv(variable, value)

    def get(name):
        if any(fetching._present(name, file) is None for file in REGISTRY[name].files):
            pytest.skip(f"{name} is in no mirror and not in the cache: python -m audit_lib fetch {name}")
        return fetch(name)

    return get


@pytest.fixture
def real(real_files):
    """Loads a real data set, or skips."""
    return lambda name: real_files(name) and load(name)


_ENVIRONMENT = {variable: os.environ.get(variable) for variable in ("AUDIT_MIRROR", "AUDIT_CACHE")}


@pytest.mark.real_data
@pytest.mark.parametrize("name", EXACT)
def test_real_data_sets_count_what_is_known_of_them(real, name):
    log = real(name).log
    kept, _ = filter_log(log)
    assert tuple(counts(kept).values()) == EXACT[name]
    for part, predictions in zip(("train", "test"), PREDICTIONS.get(name, ()), strict=False):
        inside = log[log["Part"] == part]
        assert len(inside) - inside["SessionId"].nunique() == predictions
    if "Part" in log:
        assert log.groupby("SessionId")["Part"].nunique().max() == 1


@pytest.mark.real_data
def test_foursquare_with_item_support_of_five(real):
    kept, _ = filter_log(real("foursquare_nyc").log, min_item_support=5)
    assert tuple(counts(kept).values()) == (39_651, 9_582, 2_209)


@pytest.mark.real_data
def test_entree_has_about_48_thousand_sessions_of_chicago_restaurants(real):
    log = real("entree").log
    kept, _ = filter_log(log)
    assert 48_000 <= counts(kept)["sessions"] <= 49_000
    assert counts(kept)["items"] <= 676  # restaurants of Chicago in the distributed list


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["yoochoose1_64", "diginetica", "retailrocket"])
def test_the_pickle_reader_agrees_with_pickle_on_verified_files(real_files, name):
    data = real_files(name)[-1].read_bytes()  # its hash is verified, so that pickle may read it
    assert read_integers(data) == pickle.loads(data)


# --- the command line


def run(*arguments):
    return CliRunner().invoke(cli, arguments)


def test_fetch_prints_each_verified_file(folders, known, monkeypatch):
    served(monkeypatch, lambda url, path: path.write_text(LOG))
    done = run("fetch", "small", "synthetic")
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        f"small: {folders / 'cache' / 'small' / 'log.tsv'} (sha256 {sha(LOG)})",
        "synthetic: generated, there is nothing to fetch",
    ]


def test_describe_prints_one_json_object_or_a_table(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("sid,ItemId,Time\n1,7,10\n1,8,20\n2,9,5\n")
    facts = json.loads(run("describe", str(path), "--columns", "SessionId=sid", "--json").output)
    assert {key: facts[key] for key in ("name", "events", "sessions", "items", "one_click_sessions")} == {
        "name": "own", "events": 2, "sessions": 1, "items": 2, "one_click_sessions": 1,
    }  # fmt: skip
    assert "length_median       2.0" in run("describe", str(path), "--columns", "SessionId=sid").output
