"""What can be set of a recommender: every setting has a type, a default and a meaning."""

import pytest

from audit_lib import recommenders
from audit_lib.errors import InputError
from audit_lib.recommenders import REGISTRY
from audit_lib.study import presets, settings


@pytest.mark.parametrize("name", REGISTRY)
def test_every_setting_has_a_type_a_default_that_is_taken_and_a_meaning(name):
    table = settings.table(name)
    assert list(table["setting"]) == list(recommenders.config_class(name).model_fields)
    assert (table[["type", "default", "meaning"]] != "").all(axis=None)
    defaults = dict(zip(table["setting"], table["default"], strict=True))
    defaults.pop("generator", None)
    for setting, said in zip(table["setting"], table["type"], strict=True):
        if said == str(getattr(recommenders.config(name), setting)):  # it can be nothing else
            defaults.pop(setting)
    assert recommenders.config(name, **defaults) == recommenders.config(name)


def test_published_and_searched_values_are_those_of_the_presets():
    table = settings.table("vsknn", "diginetica").set_index("setting")
    for kind, column in (("literature", "published"), ("tuned", "searched")):
        value = presets.settings_of("vsknn", "diginetica", kind)["k"]
        assert table.loc["k", column] == f"diginetica {value}"
    assert "yoochoose1_64" in settings.table("vsknn").set_index("setting").loc["k", "published"]


def test_types_are_said_in_words():
    table = settings.table("vsknn").set_index("setting")["type"]
    assert table["sample_size"] == "whole number or none"
    assert table["similarity"] == "cosine, vec"
    assert table["remind"] == "true or false"
    assert settings.table("gru4rec").set_index("setting")["default"]["layers"] == "100"


def test_an_unknown_recommender_is_refused():
    with pytest.raises(InputError, match="Did you mean 'vsknn'"):
        settings.table("vsknnn")
