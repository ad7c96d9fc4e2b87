"""Ranks of shards, merged, are the ranks of one run: for every recommender, number of shards and size of a block."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lib.__main__ import main
from audit_lib.data.preparing import prepare
from audit_lib.data.splits import random_event_split, temporal_split
from audit_lib.errors import EvidenceError, InputError, MissingError
from audit_lib.evaluation import ranking
from audit_lib.recommenders import REGISTRY
from audit_lib.study import evidence, running, shards
from tests.click_logs import random_log, write_tsv

QUICK = {"gru4rec": {"layers": 16, "n_epochs": 1, "n_sample": 32, "batch_size": 16}}
COLUMNS = ranking.COLUMNS


def model(name, split, **settings):
    return running.create(name, seed=0, device="cpu", **(QUICK.get(name, {}) | settings)).fit(split.train)


@pytest.fixture(scope="module")
def split():
    return temporal_split(random_log(600, 40, seed=4), test_days=3, min_item_support=2)


@pytest.fixture(scope="module")
def whole(split):
    """Every recommender that can be trained here, and its ranks in one run."""
    names = [name for name in REGISTRY if name not in ("oracle", "gru4rec_official", "srgnn")]
    fitted = {name: model(name, split) for name in names}
    return {name: (m, ranking.rank(m, split.prefixes, split.train.support)) for name, m in fitted.items()}


def same(a, b):
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def in_shards(m, split, n, memory_mb=256):
    parts = [
        shards.rank_shard(m, split.prefixes, split.train.support, k, n, memory_mb=memory_mb) for k in range(1, n + 1)
    ]
    return shards.merge(parts)


@given(data=st.data())
@settings(max_examples=40)
def test_any_number_of_shards_gives_the_ranks_of_one_run(split, whole, data):
    m, expected = whole[data.draw(st.sampled_from(sorted(whole)))]
    n = data.draw(st.integers(1, 12) | st.just(len(split.prefixes) + 5))
    same(in_shards(m, split, n, data.draw(st.sampled_from([0, 1, 256]))), expected)


def test_the_test_part_is_longer_than_a_few_tiles(split):
    """Else the tests here would show little."""
    assert len(split.prefixes) > 4 * shards.TILE


def test_a_state_that_is_carried_from_session_to_session_is_carried_into_every_shard(split):
    m = model("gru4rec", split, flaw="evaluate_without_reset")
    expected = ranking.rank(m, split.prefixes, split.train.support)
    same(in_shards(m, split, 5), expected)


def test_single_events_that_are_held_out_are_sharded_too():
    split = random_event_split(random_log(300, 30, seed=5), test_fraction=0.3, seed=1, min_item_support=1)
    m = model("markov", split)
    same(in_shards(m, split, 4), ranking.rank(m, split.prefixes, split.train.support))


@given(n=st.integers(1, 700))
@settings(max_examples=50)
def test_shards_are_whole_sessions_of_about_equal_size(split, n):
    cuts, prefixes = shards.bounds(split.prefixes, n), split.prefixes
    assert cuts[0] == 0
    assert cuts[-1] == len(prefixes)
    assert (np.diff(cuts) >= 0).all()
    inner = cuts[(cuts > 0) & (cuts < len(prefixes))]
    assert (prefixes.session[inner] != prefixes.session[inner - 1]).all()
    assert np.diff(cuts).max() <= len(prefixes) / n + split.test.lengths.max()


@given(begin=st.integers(0, 1000), size=st.integers(1, 1000))
@settings(max_examples=80)
def test_a_shard_is_widened_to_whole_tiles_and_no_further(split, begin, size):
    p = len(split.prefixes)
    begin = begin % p
    end = min(begin + size, p)
    wider, own = shards.part(split.prefixes, begin, end)
    np.testing.assert_array_equal(wider.position[own], split.prefixes.position[begin:end])
    at = np.searchsorted(split.prefixes.position, wider.position)
    assert at[0] % shards.TILE == 0
    assert len(at) % shards.TILE == 0 or at[-1] == p - 1
    assert shards.TILE <= len(at) <= end - begin + 3 * shards.TILE


@pytest.mark.parametrize(("k", "n"), [(0, 3), (4, 3), (1, 0)])
def test_a_shard_that_does_not_exist_is_refused(split, whole, k, n):
    with pytest.raises(InputError, match="counted from 1"):
        shards.rank_shard(whole["markov"][0], split.prefixes, split.train.support, k, n)


# --- through files and the command line
@pytest.fixture
def clicks(tmp_path):
    return write_tsv(random_log(300, 30), tmp_path / "clicks.tsv")


def job_options(clicks, work, recommender="gru4rec"):
    sets = [f"--set={key}={value}" for key, value in QUICK.get(recommender, {}).items()]
    return [f"--dataset={clicks}", f"--recommender={recommender}", "--test-days=2", *sets], f"--work={work}"


def test_the_merged_evidence_has_the_bytes_of_one_run(clicks, tmp_path, capsys):
    options, work = job_options(clicks, tmp_path / "work")
    main(["rank", *options, f"--out={tmp_path / 'one'}"])
    main(["shard", "fit", *options, work])
    for k in (2, 3, 1):
        main(["shard", "rank", *options, work, f"--shard={k}/3"])
    main(["shard", "merge", *options, work, "--shards=3", f"--out={tmp_path / 'three'}"])
    one, *_, three = map(evidence.Path, capsys.readouterr().out.split())
    assert one.relative_to(tmp_path / "one") == three.relative_to(tmp_path / "three")
    assert one.read_bytes() == three.read_bytes()
    runs = [evidence.read(path).manifest for path in (one, three)]
    for manifest in runs:
        for key in evidence.VOLATILE:
            manifest.pop(key)
    assert runs[0] == runs[1]


@pytest.fixture
def job(clicks, tmp_path):
    data, split = prepare(clicks, test_days=2)
    return shards.Job(data, split, "markov", {}, 0, "cpu", tmp_path / "work")


def test_what_is_there_already_is_not_made_again(job):
    paths = [shards.fit(job), shards.rank(job, 1, 2)]
    before = [path.stat().st_mtime_ns for path in paths]
    assert [shards.fit(job), shards.rank(job, 1, 2)] == paths
    assert [path.stat().st_mtime_ns for path in paths] == before


@pytest.mark.parametrize("damage", ["cut short", "no manifest", "other settings"])
def test_a_damaged_shard_or_one_of_another_job_is_never_merged(job, damage):
    shards.fit(job)
    paths = [shards.rank(job, k, 2) for k in (1, 2)]
    whole = shards.collect(job, 2, out=job.work / "a").path.read_bytes()
    if damage == "cut short":
        paths[1].write_bytes(paths[1].read_bytes()[:-9])
    elif damage == "no manifest":
        paths[1].with_suffix(".json").unlink()
    wanted = replace(job, seed=7) if damage == "other settings" else job
    with pytest.raises(EvidenceError, match="damaged, or was made with other data or settings"):
        shards.collect(wanted, 2, out=job.work / "b")
    if damage != "other settings":
        shards.rank(job, 2, 2)  # made again
        assert shards.collect(job, 2, out=job.work / "b").path.read_bytes() == whole


def test_what_is_missing_is_named_with_the_verb_that_makes_it(job):
    with pytest.raises(MissingError, match="audit_lib shard fit"):
        shards.rank(job, 1, 2)
    shards.fit(job)
    shards.rank(job, 1, 2)
    with pytest.raises(MissingError, match=r"shard rank --shard 2/2"):
        shards.collect(job, 2)


def test_a_shard_is_given_as_k_of_n(clicks, tmp_path, capsys):
    options, work = job_options(clicks, tmp_path / "work", "markov")
    with pytest.raises(SystemExit):
        main(["shard", "rank", *options, work, "--shard=3of8"])
    assert "--shard 3of8 is not K/N" in capsys.readouterr().err
