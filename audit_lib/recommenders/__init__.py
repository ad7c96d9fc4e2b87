"""Recommenders by name. Adding one is a file beside these and a line here."""

from __future__ import annotations

from typing import Any

from audit_lib.errors import unknown
from audit_lib.recommenders.backoff import MarkovBackoff
from audit_lib.recommenders.base import Config, Recommender, SparseRecommender
from audit_lib.recommenders.itemknn import ItemKNN
from audit_lib.recommenders.markov import Markov
from audit_lib.recommenders.popularity import Popularity, SessionPopularity
from audit_lib.recommenders.rules import AssociationRules, SequentialRules
from audit_lib.recommenders.sessionknn import STAN, VSKNN, VSTAN, SessionKNN

__all__ = ["REGISTRY", "Config", "Recommender", "SparseRecommender", "create", "lookup"]

REGISTRY: dict[str, type[Recommender]] = {
    cls.name: cls
    for cls in (
        Popularity,
        SessionPopularity,
        Markov,
        MarkovBackoff,
        AssociationRules,
        SequentialRules,
        ItemKNN,
        SessionKNN,
        VSKNN,
        STAN,
        VSTAN,
    )
}


def lookup(name: str) -> type[Recommender]:
    """The class of that name. Raises InputError, with the nearest name, if there is none."""
    if name not in REGISTRY:
        raise unknown("recommender", name, REGISTRY)
    return REGISTRY[name]


def create(name: str, **settings: Any) -> Recommender:
    """A recommender that is not fitted yet. Raises InputError for an unknown name or setting."""
    return lookup(name)(**settings)
