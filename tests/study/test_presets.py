from __future__ import annotations

import json

import pytest

from audit_lib.data import registry
from audit_lib.recommenders import create
from audit_lib.study import presets

PUBLISHED = {name: table for name, table in presets.literature().items() if name != "train_days"}


@pytest.mark.parametrize(("dataset", "recommender"), [(d, r) for d, table in PUBLISHED.items() for r in table])
def test_published_settings_are_settings_of_the_recommender(dataset, recommender):
    assert dataset in registry.REGISTRY
    settings = presets.settings_of(recommender, dataset, "literature")
    made = create(recommender, **settings).config.model_dump()
    assert {key: made[key] for key in settings} == settings


@pytest.mark.parametrize(("dataset", "recommender"), [(d, r) for d, table in presets.tuned().items() for r in table])
def test_tuned_settings_are_valid_and_say_how_they_were_found(dataset, recommender):
    entry = presets.tuned()[dataset][recommender]
    create(recommender, **presets.settings_of(recommender, dataset))
    assert entry["recommender"] == recommender
    assert {"budget", "evaluations", "objective", "seed", "space", "train", "validation", "value"} <= set(entry)


def test_positions_get_their_days_where_the_recommender_has_a_use_for_them():
    assert presets.settings_of("stan", "diginetica", "literature")["train_days"] == 145
    assert "train_days" not in presets.settings_of("vsknn", "diginetica", "literature")
    assert presets.fixed_for("vstan", "rsc15_100k") == {}  # it has times


def test_a_search_is_saved_beside_the_others(tmp_path):
    path = tmp_path / "tuned.json"
    presets.save("b", "sr", {"settings": {"steps": 3}}, path)
    presets.save("a", "sr", {"settings": {"steps": 4}}, path)
    presets.save("b", "ar", {"settings": {}}, path)
    presets.save("b", "sr", {"settings": {"steps": 5}}, path)
    assert json.loads(path.read_text()) == presets.tuned(path)
    assert presets.tuned(path) == {
        "a": {"sr": {"settings": {"steps": 4}}},
        "b": {"ar": {"settings": {}}, "sr": {"settings": {"steps": 5}}},
    }
    assert list(presets.tuned(path)) == ["a", "b"]


def test_there_are_no_settings_of_a_recommender_that_was_neither_published_nor_searched():
    assert presets.settings_of("popularity", "diginetica", "literature") is None
    assert presets.settings_of("popularity", "diginetica") is None
