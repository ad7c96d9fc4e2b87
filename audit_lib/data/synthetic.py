"""Sessions from a law that is known exactly: a dial from independent draws to order of two kinds.

Three laws share one property: **every event on its own has the same Zipf law p, at every strength.** Popularity,
session lengths and times therefore never change with the dial; only the order does. With strength s in [0, 1]:

- `independent`: the next item is drawn from p. There is nothing to learn but popularity.
- `first_order`: P(j | i) = (1 - s) p_j + s T_ij, with T sparse and p T = p. The last item says all there is to know.
- `latent`: a hidden intent k stays with probability `persistence`, else it is drawn anew from π; the item is drawn from
  (1 - s) p_j + s B_kj. An item belongs to several intents, so the whole prefix tells more than the last item: the law
  of the items is not of first order (nor of any finite order).

`law` builds p, T, B and π, `generate` draws a log; the best possible recommender is `recommenders.oracle`.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pydantic
import scipy.sparse as sp

from audit_lib.data.logs import ITEM, SESSION, TIME
from audit_lib.errors import InputError, unknown
from audit_lib.files import whole

ORIGIN = 1_000_000_000  # Unix seconds of the first possible event


class SyntheticConfig(pydantic.BaseModel, frozen=True, extra="forbid"):
    """What is generated. `seed` draws the log, `law_seed` the law: another seed gives fresh data of one law."""

    law: Literal["independent", "first_order", "latent"] = "first_order"
    strength: float = pydantic.Field(0.8, ge=0, le=1)
    n_sessions: int = pydantic.Field(4_000, ge=1, le=20_000_000)
    n_items: int = pydantic.Field(500, ge=2, le=2_000_000)
    zipf_exponent: float = pydantic.Field(0.8, ge=0, le=4)
    lengths: Literal["uniform", "geometric"] = "geometric"
    min_length: int = pydantic.Field(2, ge=1, le=1_000)
    max_length: int = pydantic.Field(50, ge=1, le=1_000)
    mean_length: float = pydantic.Field(5.0, gt=0, le=1_000)  # of the geometric law, before it is cut at max_length
    days: float = pydantic.Field(10.0, gt=0, le=10_000)  # over which sessions start, uniformly
    gap_seconds: int = pydantic.Field(40, ge=1, le=1_000_000)  # between the events of a session
    gaps: Literal["fixed", "exponential"] = "exponential"
    couplings: int = pydantic.Field(3, ge=1, le=50)  # first_order: an item has about two successors for each
    intents: int = pydantic.Field(20, ge=1, le=2_000)
    memberships: int = pydantic.Field(3, ge=1, le=50)  # latent: intents to which an item belongs
    persistence: float = pydantic.Field(0.9, ge=0, le=1)
    seed: int = pydantic.Field(0, ge=0, lt=2**63)
    law_seed: int = pydantic.Field(0, ge=0, lt=2**63)

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> typing.Self:
        if self.max_length < self.min_length:
            raise ValueError(f"max_length {self.max_length} is below min_length {self.min_length}")
        if self.lengths == "geometric" and self.mean_length < self.min_length:
            raise ValueError(f"mean_length {self.mean_length} is below min_length {self.min_length}")
        if self.memberships > self.intents:
            raise ValueError(f"memberships {self.memberships} is above intents {self.intents}")
        return self


PRESETS: dict[str, SyntheticConfig] = {
    "synthetic": SyntheticConfig(),
    # The law of the demo log of the study under audit: 2 to 20 events, 500 items, exponent 0.8, steps of 10 s.
    "synthetic_independent": SyntheticConfig(
        law="independent", strength=0, n_sessions=1_000, lengths="uniform", max_length=20, days=22.24,
        gap_seconds=10, gaps="fixed",
    ),
    "synthetic_first_order": SyntheticConfig(n_sessions=20_000, n_items=2_000),
    "synthetic_latent": SyntheticConfig(law="latent", n_sessions=20_000, n_items=2_000),
}  # fmt: skip


def preset(name: str, settings: str | Mapping[str, object] = "") -> SyntheticConfig:
    """A preset with some settings changed, given as a mapping or as text: 'strength=0.5,seed=2'.

    Raises InputError for an unknown preset or setting, or a value out of range.
    """
    if name not in PRESETS:
        raise unknown("synthetic preset", name, PRESETS)
    if isinstance(settings, str):
        pairs = [item.partition("=") for item in settings.split(",") if item.strip()]
        settings = {key.strip(): value.strip() for key, _, value in pairs}
    if wrong := [key for key in settings if key not in SyntheticConfig.model_fields]:
        raise unknown(f"setting of {name}", wrong[0], SyntheticConfig.model_fields)
    try:
        return SyntheticConfig.model_validate(PRESETS[name].model_dump() | dict(settings))
    except pydantic.ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}" for e in error.errors())
        raise InputError(f"{name}: {said}.") from error


def named(dataset: str) -> SyntheticConfig:
    """The configuration behind the name of a synthetic data set: a preset, and after a colon its settings."""
    name, _, settings = dataset.partition(":")
    return preset(name, settings)


def law_of(config: SyntheticConfig) -> dict[str, object]:
    """The settings that `law` and the oracle depend on: those of two logs of one law are equal."""
    return config.model_dump(exclude={
        "seed", "n_sessions", "lengths", "min_length", "max_length", "mean_length", "days", "gap_seconds", "gaps",
    })  # fmt: skip


@dataclass(frozen=True)
class Law:
    """popularity: (V,) p, summing to 1. transitions: (V, V) CSR T, rows summing to 1, first_order only.
    emissions: (intents, V) CSR B, and intents: (intents,) π, latent only. The rest is zero-sized."""

    popularity: np.ndarray
    transitions: sp.csr_array
    emissions: sp.csr_array
    intents: np.ndarray


@lru_cache(maxsize=8)
def law(config: SyntheticConfig) -> Law:
    """The law that `config` draws from. It does not depend on its seed, sessions, lengths or times."""
    rng = np.random.default_rng([config.law_seed, config.n_items])
    p = np.arange(1, config.n_items + 1) ** -config.zipf_exponent
    p /= p.sum()
    transitions, emissions, intents = sp.csr_array((0, config.n_items)), sp.csr_array((0, config.n_items)), np.zeros(0)
    if config.law == "first_order":
        weights = 1.0 / np.arange(1, config.couplings + 1)
        joint = sum(w * _coupling(p, rng) for w in weights / weights.sum())
        transitions = sp.csr_array(sp.diags_array(1 / joint.sum(1)) @ joint)
    elif config.law == "latent":
        member = rng.permuted(np.tile(np.arange(config.intents), (config.n_items, 1)), axis=1)[:, : config.memberships]
        items = np.repeat(np.arange(config.n_items), config.memberships)
        shares = (p[items] / config.memberships, (member.ravel(), items))
        joint = sp.csr_array(shares, shape=(config.intents, config.n_items))  # intent and item, at full strength
        intents = joint.sum(1)
        joint, intents = joint[intents > 0], intents[intents > 0]
        emissions = sp.csr_array(sp.diags_array(1 / intents) @ joint)
    return Law(p, transitions, emissions, intents)


def _coupling(p: np.ndarray, rng: np.random.Generator) -> sp.csr_array:
    """(V, V) joint law of two items whose marginals are both p, with at most 2 V - 1 entries.

    Two random orders of the items cut [0, 1] into intervals of lengths p; the mass of (i, j) is the overlap of i's
    interval in the first with j's in the second (the northwest-corner rule of transport problems).
    """
    orders = rng.permutation(len(p)), rng.permutation(len(p))
    ends = [np.cumsum(p[order]) for order in orders]
    for end in ends:
        end[-1] = 1.0
    cuts = np.unique(np.concatenate(ends))
    middle = cuts - np.diff(cuts, prepend=0.0) / 2
    rows, columns = (order[np.searchsorted(end, middle)] for order, end in zip(orders, ends, strict=True))
    return sp.csr_array((np.diff(cuts, prepend=0.0), (rows, columns)), shape=(len(p), len(p)))


def generate(config: SyntheticConfig) -> pd.DataFrame:
    """A log of `n_sessions` sessions, numbered from 1 in order of their start; items are numbered by popularity from 0.

    The same configuration gives the same rows, bit for bit. Sessions overlap in time. All sessions take their t-th step
    together, so that the work is a few vector operations for each step of the longest session.
    """
    rng = np.random.default_rng([config.seed, config.law_seed])
    lengths = _lengths(config, rng)
    starts = ORIGIN + np.sort(rng.integers(0, max(int(config.days * 86_400), 1), config.n_sessions))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    session = np.repeat(np.arange(config.n_sessions), lengths)
    gaps = np.full(len(session), config.gap_seconds, np.int64)
    if config.gaps == "exponential":
        gaps = 1 + rng.exponential(config.gap_seconds, len(session)).astype(np.int64)
    gaps[offsets[:-1]] = 0
    elapsed = np.cumsum(gaps)
    times = starts[session] + elapsed - elapsed[offsets[:-1]][session]
    return pd.DataFrame(
        {SESSION: session + 1, ITEM: _items(config, lengths, offsets, rng), TIME: times.astype(np.float64)}
    )


def write(config: SyntheticConfig, path: str | Path) -> Path:
    """Writes the log as .tsv or .parquet. InputError if it cannot be written."""
    path = Path(path)
    if path.suffix.lower() not in (".tsv", ".parquet"):
        raise InputError(f"'{path}' must end in .tsv or .parquet.")
    log = generate(config)
    try:
        with whole(path) as partial:
            if path.suffix.lower() == ".tsv":
                log.to_csv(partial, sep="\t", index=False)
            else:
                log.to_parquet(partial, index=False)
    except OSError as error:
        raise InputError(f"'{path}' cannot be written: {error}.") from error
    return path


def _lengths(config: SyntheticConfig, rng: np.random.Generator) -> np.ndarray:
    """(S,) int64: uniform, or minimum plus a geometric number of further events, cut at the maximum."""
    if config.lengths == "uniform":
        return rng.integers(config.min_length, config.max_length + 1, config.n_sessions)
    more = rng.geometric(1 / (1 + config.mean_length - config.min_length), config.n_sessions) - 1
    return np.minimum(config.min_length + more, config.max_length)


def _items(config: SyntheticConfig, lengths: np.ndarray, offsets: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(E,) int64: with probability `strength` an item follows the law of order, otherwise p."""
    known = law(config)
    popular = _Rows(sp.csr_array(known.popularity[None]))
    ordered = _Rows(known.transitions if config.law == "first_order" else known.emissions)
    of_intent = _Rows(sp.csr_array(known.intents[None]))
    items = np.empty(offsets[-1], np.int64)
    by_length = np.argsort(-lengths, kind="stable")
    alive = np.searchsorted(-lengths[by_length], -np.arange(lengths.max()), side="left")  # sessions longer than t
    intent = np.zeros(config.n_sessions, np.int64)
    for t, n in enumerate(alive):
        at = offsets[by_length[:n]] + t
        items[at] = popular.draw(np.zeros(n, np.int64), rng)
        if config.law == "first_order" and t > 0:
            follow = rng.random(n) < config.strength
            items[at[follow]] = ordered.draw(items[at[follow] - 1], rng)
        elif config.law == "latent":
            fresh = np.ones(n, bool) if t == 0 else rng.random(n) >= config.persistence
            intent[:n][fresh] = of_intent.draw(np.zeros(fresh.sum(), np.int64), rng)
            follow = rng.random(n) < config.strength
            items[at[follow]] = ordered.draw(intent[:n][follow], rng)
    return items


class _Rows:
    """Draws columns from the rows of a stochastic CSR matrix, many rows at once.

    Row r is laid on [r, r + 1): one sorted array holds the cumulative laws of all rows; a draw is one binary search.
    """

    def __init__(self, matrix: sp.csr_array):
        self.columns = matrix.indices
        self.starts, self.ends = matrix.indptr[:-1], matrix.indptr[1:]
        total = np.cumsum(matrix.data)
        row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        before = np.concatenate([[0.0], total])[self.starts]
        self.cumulative = row + np.minimum(total - before[row], 1.0)

    def draw(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        at = np.searchsorted(self.cumulative, rows + rng.random(len(rows)), side="right")
        return self.columns[np.clip(at, self.starts[rows], self.ends[rows] - 1)]  # a row may sum to 1 - 1e-16
