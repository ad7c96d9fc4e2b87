"""Which GRU4Rec a page trains: its engine, published settings, and how much of them a profile allows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from audit_lib import recommenders
from audit_lib.errors import InputError, one_of
from audit_lib.study import running

ENGINES = {"independent": "gru4rec", "official": "gru4rec_official"}  # recommender by engine

# Settings that the authors published for RSC15, of which rsc15_100k has 100,000 clicks.
PUBLISHED = (
    "loss=cross-entropy,layers=100,batch_size=32,dropout_p_hidden=0.4,learning_rate=0.2,momentum=0.2,n_sample=2048,"
    "sample_alpha=0.5,logq=1,n_epochs=10"
)
# For the demo log of 1,000 sessions: fewer epochs of smaller steps, without dropout.
DEMO = (
    "loss=cross-entropy,layers=100,batch_size=32,learning_rate=0.1,n_sample=2048,sample_alpha=0.5,logq=1,n_epochs=5"
)


@dataclass(frozen=True)
class Profile:
    """caps: the largest value of a setting. sessions, items: of the synthetic logs. cache: negatives drawn ahead by
    the official code (None: its default)."""

    caps: dict[str, int]
    sessions: int
    items: int
    cache: int | None = None


PROFILES = {
    "tiny": Profile({"layers": 32, "n_sample": 128, "n_epochs": 2}, 600, 100, cache=100_000),
    "quick": Profile({"n_epochs": 10}, 8_000, 500, cache=1_000_000),
    "full": Profile({}, 20_000, 2_000),
}


def profile(name: str) -> Profile:
    """The profile of that name. Raises InputError for an unknown one."""
    return PROFILES[one_of("profile", name, PROFILES)]


def recommender(engine: str) -> str:
    """The registry's name of an engine. Raises InputError for an unknown one."""
    return ENGINES[one_of("engine", engine, ENGINES)]


def settings(hyperparameters: str, *, name: str = "full", engine: str = "independent") -> dict[str, Any]:
    """Settings for `study.running.run`, from 'loss=cross-entropy,layers=100,…', none above the profile's caps.

    Layers are capped one by one ('layers=100/100'). Raises InputError for an unknown profile, engine or setting.
    """
    given, limits = running.recommender_settings(hyperparameters.split(",")), profile(name)
    config = recommenders.create("gru4rec", **given).config
    capped = {key: _at_most(getattr(config, key), most) for key, most in limits.caps.items()}
    own = {"sample_cache_max_size": limits.cache} if recommender(engine) == ENGINES["official"] and limits.cache else {}
    return {key: getattr(config, key) for key in given} | capped | own


def _at_most(value: Any, most: int) -> Any:
    """A number, or each of several layer sizes, but no more than `most`."""
    return tuple(min(size, most) for size in value) if isinstance(value, tuple) else min(value, most)


def seeds(text: str) -> tuple[int, ...]:
    """Seeds, each once, from '0,1,2'; blanks and semicolons separate them too. Raises InputError for anything else."""
    found = [part for part in re.split(r"[,;\s]+", str(text)) if part]
    if not found or not all(part.isascii() and part.isdecimal() for part in found):
        raise InputError(f"seeds='{text}' are no seeds. Give whole numbers from 0 on, as in seeds=0,1,2.")
    return tuple(dict.fromkeys(map(int, found)))
