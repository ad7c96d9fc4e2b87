"""Models in files: what was ranked is recommended, by every recommender, and a file of anything else is refused."""

import json

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from audit_lib import recommenders
from audit_lib.data import synthetic
from audit_lib.data.datasets import Dataset
from audit_lib.data.logs import validate
from audit_lib.data.splits import temporal_split
from audit_lib.errors import InputError, MissingError, WriteError
from audit_lib.evaluation import ranking
from audit_lib.recommenders import create
from audit_lib.study import evidence, models, running
from tests.recommenders.test_recommender_contract import GENERATOR, NAMES, SETTINGS

K = 5


@pytest.fixture(scope="module")
def data() -> Dataset:
    log = validate(synthetic.generate(GENERATOR))
    return Dataset("clicks", log, "real", None, "0" * 64, generator=GENERATOR)


@pytest.fixture(scope="module")
def split(data):
    return temporal_split(data.log, test_days=2, min_item_support=2)


@pytest.fixture(scope="module")
def markov(data, split, tmp_path_factory):
    return models.save(create("markov").fit(split.train), data, split, tmp_path_factory.mktemp("m") / "m.safetensors")


@pytest.mark.parametrize("name", NAMES)
def test_a_kept_model_ranks_and_recommends_as_its_evidence_says(name, data, split, tmp_path):
    path = tmp_path / "models" / "model.safetensors"
    run = running.run(data, split, name, out=tmp_path, save=path, **SETTINGS.get(name, {}))
    saved = models.load(path)
    ranks = ranking.rank_split(saved.model, split)
    for column in ranking.COLUMNS:
        np.testing.assert_array_equal(getattr(ranks, column), run.ranks[column])
    prefixes = split.prefixes
    for i in range(0, len(prefixes), 7):
        found = saved.recommend(split.train.catalogue[prefixes.items(i)].tolist(), K)
        above, equal = run.ranks["above"][i], run.ranks["equal"][i]
        target = split.train.catalogue[prefixes.target[i]]
        assert len(set(found.items)) == K
        assert found.scores == sorted(found.scores, reverse=True)
        assert found.unknown == []
        if equal == 0:  # of items with one score the first of the catalogue is on the list
            assert (target in found.items) == (above < K)
            assert above >= K or found.items[above] == target


def test_a_file_says_what_its_model_was_trained_on(markov, data, split):
    saved = models.load(markov)
    assert saved.about["data_hash"] == data.data_hash
    assert saved.about["split"] == evidence.split_hash(split)
    assert (saved.about["dataset"], saved.about["recommender"]) == ("clicks", "markov")
    assert saved.about["version"]
    assert saved.catalogue.equals(pd.Index(split.train.catalogue.to_numpy()))
    assert set(saved.about["config"]) == {"fallback", "ties"}


def test_a_network_goes_on_from_a_kept_state(data, split, tmp_path):
    model = create("gru4rec", **SETTINGS["gru4rec"]).fit(split.train, progress=False)
    saved = models.load(models.save(model, data, split, tmp_path / "m"))
    session, state = split.train.catalogue[[3, 1, 2, 1]].tolist(), None
    for n, item in enumerate(session, 1):
        found, state = saved.follow(item, state, K)
        whole = saved.recommend(session[:n], K)
        assert found.items == whole.items
        np.testing.assert_allclose(found.scores, whole.scores, rtol=1e-5, atol=1e-5)


def test_a_recommender_without_state_says_so(markov):
    saved = models.load(markov)
    with pytest.raises(InputError, match="markov keeps no state between items"):
        saved.follow(saved.catalogue[0])


def test_unknown_items_are_named_and_left_out(markov):
    saved = models.load(markov)
    known = saved.catalogue[[4, 2]].tolist()
    found = saved.recommend(["nothing", known[0], 10**9, known[1]], K)
    assert found.unknown == ["nothing", 10**9]
    assert found.items == saved.recommend(known, K).items
    with pytest.raises(InputError, match=r"no item to go by: the catalogue lacks nothing, 7777777\."):
        saved.recommend(["nothing", 7777777])
    with pytest.raises(InputError, match=r"no item to go by\."):
        saved.recommend([])


def test_lists_longer_than_the_catalogue_are_refused(markov):
    saved = models.load(markov)
    for k in (0, len(saved.catalogue) + 1):
        with pytest.raises(InputError, match=f"k is {k}; it must lie between 1 and"):
            saved.recommend([saved.catalogue[0]], k)


def test_files_of_something_else_are_refused(markov, data, split, tmp_path):
    with pytest.raises(MissingError, match="There is no model"):
        models.load(tmp_path / "none")
    (tmp_path / "text").write_text("no model")
    plain = create("markov").fit(split.train).save(tmp_path / "plain")
    for path in (tmp_path / "text", plain):
        with pytest.raises(InputError, match="is no model of `rank --save`"):
            models.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda about: about | {"items": about["items"][::-1]}, "its items are not those"),
        (lambda about: about | {"format": 99}, "it has format 99"),
        (lambda about: {"format": models.FORMAT}, "is no model of `rank --save`"),
    ],
)
def test_an_edited_header_is_refused(markov, tmp_path, change, message):
    with safe_open(markov, "numpy") as file:
        header, arrays = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    header["about"] = json.dumps(change(json.loads(header["about"])))
    save_file(arrays, tmp_path / "edited", header)
    with pytest.raises(InputError, match=message):
        models.load(tmp_path / "edited")


def test_arrays_that_were_damaged_are_refused(markov, tmp_path):
    content = bytearray(markov.read_bytes())
    content[-7] ^= 0x55
    (tmp_path / "damaged").write_bytes(content)
    with pytest.raises(InputError, match="is damaged: its arrays are not those that were written"):
        models.load(tmp_path / "damaged")


@pytest.mark.parametrize("session", ["text", None, 7])
def test_a_session_is_a_list_of_items(markov, session):
    with pytest.raises(InputError, match="is no session"):
        models.load(markov).recommend(session)


def test_a_place_that_cannot_be_written_is_named(data, split, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot be written"):
        models.save(create("popularity").fit(split.train), data, split, tmp_path / "file" / "m")


def test_a_model_is_kept_where_the_evidence_is_there_already(data, split, tmp_path):
    first = running.run(data, split, "markov", out=tmp_path)
    again = running.run(data, split, "markov", out=tmp_path, save=tmp_path / "m")
    assert again.path == first.path
    assert again.manifest["sha256"] == first.manifest["sha256"]
    assert models.load(tmp_path / "m").recommend([split.train.catalogue[0]], 1).items


def test_every_recommender_of_the_registry_was_tried():
    assert {param.values[0] for param in NAMES} == set(recommenders.REGISTRY)
