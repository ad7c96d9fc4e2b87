"""What every recommender of the registry promises, whatever it computes."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from audit_lib import recommenders
from audit_lib.data import synthetic
from audit_lib.data.logs import validate
from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.data.splits import Split, temporal_split
from audit_lib.data.synthetic import SyntheticConfig
from audit_lib.errors import InputError, MissingError, ScoreError
from audit_lib.evaluation import ranking
from audit_lib.recommenders import REGISTRY, create, lookup
from tests.small_logs import scores_after, sessions_of

GENERATOR = SyntheticConfig(n_sessions=300, n_items=30, strength=0.9, seed=4)
# Those that need code of others, with the marker of their tests, where that code lies, and what fetches it.
OTHERS = {
    "gru4rec_official": ("official", "GRU4Rec_PyTorch_Official", "official"),
    "srgnn": ("challenger", "SR-GNN", "srgnn"),
}


def marks(name: str) -> list[pytest.MarkDecorator]:
    if name not in OTHERS:
        return []
    marker, folder, verb = OTHERS[name]
    there = (Path(os.environ.get("AUDIT_VENDOR", "vendor")) / folder).is_dir()
    reason = f"needs {folder} in vendor/: python -m audit_lib fetch {verb}"
    return [getattr(pytest.mark, marker), pytest.mark.skipif(not there, reason=reason)]


SMALL = {"layers": (16,), "batch_size": 8, "n_sample": 16, "n_epochs": 6, "learning_rate": 0.2}
IN_BATCH = {"layers": (16,), "batch_size": 8, "n_epochs": 8, "learning_rate": 0.2, "dropout_p_hidden": 0}
SETTINGS = {
    "gru4rec": SMALL, "gru4rec_2016": IN_BATCH, "gru4rec_official": SMALL | {"n_epochs": 2},
    "srgnn": {"hidden_size": 8, "batch_size": 50, "n_epochs": 1, "lr": 0.05}, "oracle": {"generator": GENERATOR},
}  # fmt: skip
NAMES = [pytest.param(name, marks=marks(name)) for name in REGISTRY]
# Whatever the prefix, popularity says the same; session popularity expects what was there; the oracle learns nothing.
LEARNERS = [p for p in NAMES if p.values[0] not in ("popularity", "session_popularity", "oracle")]

every = pytest.mark.parametrize("name", NAMES)
learners = pytest.mark.parametrize("name", LEARNERS)


def over(split: Split, rows: list[list[int]]) -> Sessions:
    """Sessions of these items over the catalogue of a split, which a fitted recommender asks for."""
    return replace(sessions_of(rows, split.train.n_items), catalogue=split.train.catalogue)


def make(name, **settings):
    return create(name, **(SETTINGS.get(name, {}) | settings))


@pytest.fixture(scope="module")
def split() -> Split:
    return temporal_split(validate(synthetic.generate(GENERATOR)), test_days=2, min_item_support=2)


@pytest.fixture(scope="module")
def fitted(split):
    """Fitted recommenders, each once."""
    cache = {}

    def fit(name):
        if name not in cache:
            cache[name] = make(name).fit(split.train)
        return cache[name]

    return fit


def all_scores(recommender, prefixes, block_size=256):
    blocks = [block.copy() for block in recommender.score(prefixes, block_size=block_size)]
    assert all(len(block) <= block_size for block in blocks)
    return np.concatenate([np.asarray(block) for block in blocks])


@every
def test_scores_are_finite_and_cover_the_whole_catalogue_for_every_prefix(name, fitted, split):
    scores = all_scores(fitted(name), split.prefixes)
    assert scores.shape == (len(split.prefixes), split.train.n_items)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()


@every
@pytest.mark.parametrize("block_size", [1, 7, 1024])
def test_blocks_of_any_size_give_the_same_scores(name, fitted, split, block_size):
    expected = all_scores(fitted(name), split.prefixes)
    np.testing.assert_array_equal(all_scores(fitted(name), split.prefixes, block_size), expected)


@every
def test_targets_can_be_restricted_to_single_events(name, fitted, split):
    only = np.random.default_rng(0).random(split.test.n_events) < 0.3
    some = Prefixes(split.test, only)
    rows = np.isin(split.prefixes.position, some.position)
    expected = all_scores(fitted(name), split.prefixes)[rows]
    np.testing.assert_allclose(all_scores(fitted(name), some, 7), expected, rtol=1e-4, atol=1e-5)


@every
def test_the_same_seed_gives_the_same_scores_and_a_fit_starts_afresh(name, fitted, split):
    expected = all_scores(fitted(name), split.prefixes)
    other = make(name).fit(split.train)
    np.testing.assert_array_equal(all_scores(other, split.prefixes), expected)
    np.testing.assert_array_equal(all_scores(other.fit(split.train), split.prefixes), expected)


@every
def test_scoring_twice_gives_the_same_scores_and_leaves_the_model_as_it_was(name, fitted, split):
    model = fitted(name)
    before = {key: value.copy() for key, value in model.state().items()}
    first = all_scores(model, split.prefixes)
    next(iter(model.score(split.prefixes)))[:] = 7  # whoever is handed a block may write on it
    np.testing.assert_array_equal(all_scores(model, split.prefixes), first)
    for key, value in model.state().items():
        np.testing.assert_array_equal(value, before[key])


@every
def test_a_recommender_survives_save_and_load(name, fitted, split, tmp_path):
    model = fitted(name)
    path = model.save(tmp_path / "model.safetensors")
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]
    loaded = lookup(name).load(path)
    assert loaded.config == model.config
    np.testing.assert_array_equal(all_scores(loaded, split.prefixes), all_scores(model, split.prefixes))


@every
def test_a_file_of_another_recommender_or_of_nothing_is_refused(name, fitted, tmp_path):
    other = "markov" if name != "markov" else "popularity"
    path = fitted(other).save(tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=f"holds '{other}', not '{name}'"):
        lookup(name).load(path)
    path.write_bytes(b"no model")
    with pytest.raises(InputError, match=r"model\.safetensors' is no saved recommender"):
        lookup(name).load(path)
    with pytest.raises(MissingError, match="There is no saved recommender"):
        lookup(name).load(tmp_path / "none")


@every
def test_an_unknown_setting_is_refused_with_those_there_are(name):
    with pytest.raises(InputError, match=rf"{name}: colour: there is no such setting\. Its settings are") as caught:
        make(name, colour="red")
    for field in lookup(name).Config.model_fields:
        assert field in str(caught.value)


@every
def test_settings_are_frozen(name):
    model = make(name)
    for field in lookup(name).Config.model_fields:
        with pytest.raises(ValueError, match="frozen"):
            setattr(model.config, field, None)


@every
def test_a_recommender_goes_by_its_name_in_the_registry(name):
    assert lookup(name).name == name
    assert make(name) is not make(name)


@learners
def test_a_pattern_of_two_items_is_learned(name):
    # After 0 comes 1, after 2 comes 3, all equally often; 4 to 7 are noise of the same support.
    rows = [[0, 1], [2, 3]] * 30 + [[4, 5], [5, 6], [6, 7], [7, 4]] * 8
    longer = {"n_epochs": 30} if name.startswith("gru4rec") else {"n_epochs": 15} if name == "srgnn" else {}
    model = make(name, **longer).fit(sessions_of(rows, 8))
    for last, following in ((0, 1), (2, 3)):
        scores = scores_after(model, [last], 8)
        others = np.delete(scores, [last, following])  # some neighbourhoods rank the last item itself first
        assert scores[following] > others.max()


@every
def test_the_past_alone_is_scored_never_what_follows(name, fitted, split):
    rows = [[0, 1, 2, 3], [2, 1, 0]]
    model = fitted(name)
    whole = all_scores(model, Prefixes(over(split, rows)))
    changed = all_scores(model, Prefixes(over(split, [[0, 1, 2, 9], [2, 1, 7]])))
    np.testing.assert_array_equal(changed, whole)


@every
def test_a_prefix_is_scored_the_same_beside_other_prefixes(name, fitted, split):
    model = fitted(name)
    alone = all_scores(model, Prefixes(over(split, [[3, 1, 2]])))
    beside = all_scores(model, Prefixes(over(split, [[5, 6], [3, 1, 2], [3, 3, 3]])))
    if name.startswith("gru4rec") or name == "srgnn":  # a matrix product rounds by the number of its rows
        np.testing.assert_allclose(beside[1:3], alone, rtol=1e-5, atol=1e-5)
    else:
        np.testing.assert_array_equal(beside[1:3], alone)


@every
def test_every_prediction_of_a_split_is_ranked_within_the_catalogue(name, fitted, split):
    ranks = ranking.rank(fitted(name), split.prefixes, split.train.support)
    worst = ranks.above + ranks.equal + 1
    assert worst.shape == (len(split.prefixes),)
    assert worst.min() >= 1
    assert worst.max() <= split.train.n_items
    assert (ranks.support_above + ranks.support_equal).max() < split.train.n_events


@every
def test_an_item_that_train_does_not_know_never_reaches_a_recommender(name, fitted, split):
    log = pd.DataFrame({"SessionId": [1, 1], "ItemId": [split.train.catalogue[0], "never seen"], "Time": [1.0, 2.0]})
    with pytest.raises(InputError, match="1 events have items outside the catalogue, first 'never seen'"):
        Sessions.from_log(log, split.train.catalogue)
    larger = Prefixes(sessions_of([[0, 1], [2, 3]], split.train.n_items + 1))
    with pytest.raises((InputError, ScoreError), match="catalogue"):
        ranking.rank(fitted(name), larger, np.ones(split.train.n_items + 1, np.int64))


def test_popularity_scores_an_item_by_its_support_whatever_the_prefix():
    train = sessions_of([[0, 1, 1], [1, 2]], 4)
    model = create("popularity").fit(train)
    assert scores_after(model, [0], 4).tolist() == scores_after(model, [2, 2], 4).tolist() == [1, 3, 1, 0]
    first = scores_after(create("popularity", ties="first").fit(train), [0], 4)
    assert np.argsort(-first).tolist() == [1, 0, 2, 3]
    assert len(set(first.tolist())) == 4


ROWS = [[0, 1], [0, 2], [0, 2], [0, 3], [3, 0], [3, 3]]  # after 0: item 2 twice, item 1 and then 3 once


@pytest.mark.parametrize(
    ("settings", "order"),
    [
        ({}, [2, 1, 3, 0, 4]),  # 1 before 3: first seen; then 0 and 4 by support
        ({"ties": "popularity"}, [2, 3, 1, 0, 4]),  # 3 before 1: more support
    ],
)
def test_markov_ranks_followers_by_count_and_the_rest_by_popularity(settings, order):
    scores = scores_after(create("markov", **settings).fit(sessions_of(ROWS, 5)), [4, 0], 5)
    assert np.argsort(-scores).tolist() == order
    assert len(set(scores.tolist())) == 5


def test_markov_with_its_raw_zeros_leaves_every_other_item_tied():
    scores = scores_after(create("markov", ties="keep", fallback="zero").fit(sessions_of(ROWS, 5)), [0], 5)
    assert scores.tolist() == [0, 1, 2, 1, 0]


def test_markov_never_learns_a_transition_between_sessions():
    scores = scores_after(create("markov", fallback="zero").fit(sessions_of([[0, 1], [2, 3]], 4)), [1], 4)
    assert scores.tolist() == [0, 0, 0, 0]


def test_an_unknown_recommender_suggests_the_nearest():
    for wrong, near in (("markow", "markov"), ("gru4rek", "gru4rec"), ("popularty", "popularity")):
        with pytest.raises(InputError, match=f"Unknown recommender '{wrong}'. Did you mean '{near}'"):
            recommenders.create(wrong)


def test_settings_are_read_from_text_as_the_command_line_gives_them():
    assert create("markov_backoff", order="2", mu="0.5").config.model_dump() == {
        "order": 2, "mu": 0.5, "fallback": "popularity"
    }  # fmt: skip
    with pytest.raises(InputError, match="markov: fallback: input should be 'popularity' or 'zero'"):
        create("markov", fallback="none")


def test_a_model_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    model = create("markov").fit(sessions_of(ROWS, 5))

    def full(arrays, path, metadata):
        save_file(arrays, path, metadata)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("audit_lib.recommenders.base.save_file", full)
    with pytest.raises(OSError, match="No space left"):
        model.save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
