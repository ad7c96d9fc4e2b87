"""Recommenders by name. Adding one is a file beside these and a line here.

    base, decay                   the interface, and what the simple ones share
    popularity, markov, backoff, rules, itemknn    simple ones
    sessionknn, neighbours        session-kNN, and its engine
    oracle                        the best that is possible on a synthetic log
    gru4rec                       the independent engine, and an adapter to the official code
    challengers                   adapters to the code of models that were reported as better
    vendored, checkpoints         code of others, fetched and verified; a training that was stopped goes on
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from audit_lib.errors import one_of
from audit_lib.recommenders.base import (
    Config,
    Recommender,
    SparseRecommender,
    configured,
)

__all__ = ["REGISTRY", "Config", "Recommender", "SparseRecommender", "config", "config_class", "create", "lookup"]

# Imported on demand: Popularity does not wait for torch, and GRU4Rec can import `base` from here.
REGISTRY: dict[str, str] = {
    "popularity": "audit_lib.recommenders.popularity:Popularity",
    "session_popularity": "audit_lib.recommenders.popularity:SessionPopularity",
    "markov": "audit_lib.recommenders.markov:Markov",
    "markov_backoff": "audit_lib.recommenders.backoff:MarkovBackoff",
    "ar": "audit_lib.recommenders.rules:AssociationRules",
    "sr": "audit_lib.recommenders.rules:SequentialRules",
    "itemknn": "audit_lib.recommenders.itemknn:ItemKNN",
    "sknn": "audit_lib.recommenders.sessionknn:SessionKNN",
    "vsknn": "audit_lib.recommenders.sessionknn:VSKNN",
    "stan": "audit_lib.recommenders.sessionknn:STAN",
    "vstan": "audit_lib.recommenders.sessionknn:VSTAN",
    "oracle": "audit_lib.recommenders.oracle:Oracle",
    "gru4rec": "audit_lib.recommenders.gru4rec.train:GRU4Rec",
    "gru4rec_2016": "audit_lib.recommenders.gru4rec.train:GRU4Rec2016",
    "gru4rec_official": "audit_lib.recommenders.gru4rec.official:OfficialGRU4Rec",
    "srgnn": "audit_lib.recommenders.challengers.srgnn:SRGNN",
}


# The settings of what needs torch for anything else; those of the others are found beside them.
_CONFIGS: dict[str, str] = {
    "gru4rec": "audit_lib.recommenders.gru4rec.config:GRU4RecConfig",
    "gru4rec_2016": "audit_lib.recommenders.gru4rec.config:GRU4Rec2016Config",
    "gru4rec_official": "audit_lib.recommenders.gru4rec.config:OfficialConfig",
    "srgnn": "audit_lib.recommenders.challengers.config:SRGNNConfig",
}


def lookup(name: str) -> type[Recommender]:
    """The class of that name. Raises InputError, with the nearest name, if there is none."""
    return _imported(REGISTRY[one_of("recommender", name, REGISTRY)])


def create(name: str, **settings: Any) -> Recommender:
    """A recommender that is not fitted yet. Raises InputError for an unknown name or setting."""
    return lookup(name)(**settings)


def config(name: str, **settings: Any) -> Config:
    """The whole configuration behind some settings, without the recommender. Raises InputError as `create` does."""
    return configured(name, config_class(name), settings)


def config_class(name: str) -> type[Config]:
    """The class of a recommender's configuration, without the recommender. Raises InputError for an unknown name."""
    return _imported(_CONFIGS[name]) if name in _CONFIGS else lookup(name).Config


def _imported(place: str) -> Any:
    module, name = place.split(":")
    return getattr(import_module(module), name)
