"""The best that any recommender can do on a synthetic log: the exact conditional law of the next item."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Self

import numpy as np
import pydantic

from audit_lib.data import synthetic
from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.data.synthetic import SyntheticConfig
from audit_lib.errors import InputError
from audit_lib.recommenders import base


def _generator(value: object) -> object:
    """Accepts a data set's name, settings included, for its configuration."""
    return synthetic.named(value) if isinstance(value, str) else value


class OracleConfig(base.Config):
    """Settings of `Oracle`; a log's generator can be given by the name of the synthetic data set."""

    generator: Annotated[SyntheticConfig, pydantic.BeforeValidator(_generator)] = synthetic.PRESETS["synthetic"]
    """The synthetic data set that the log was drawn from."""


class Oracle(base.Recommender):
    """Scores item j by P(next = j | prefix) under the generator's own law: nothing is learned, nothing is estimated.

    Ranking by it maximises the expected Recall@K and MRR@K of every prediction, so that no recommender can beat it in
    expectation. For the latent law the hidden intent is filtered forward exactly over the whole prefix. Where a split
    has taken events out of a session (rare items), a prefix is taken as it stands, and the law is exact up to that.
    """

    name: ClassVar[str] = "oracle"
    Config: ClassVar[type[base.Config]] = OracleConfig
    config: OracleConfig

    def fit(self, train: Sessions) -> Self:
        """Maps the catalogue to the generator's items; raises InputError if an item is none of them."""
        items = np.asarray(train.catalogue)
        v = self.config.generator.n_items
        if not np.issubdtype(items.dtype, np.integer) or ((items < 0) | (items >= v)).any():
            raise InputError(
                f"oracle: the log has items that its generator does not make (0 to {v - 1}). Give the generator of "
                "this very log: generator=NAME of the synthetic data set, settings included."
            )
        self.items = items.astype(np.int64)
        return self

    def score(self, prefixes: Prefixes, *, block_size: int = 256) -> Iterator[np.ndarray]:
        yield from (block.astype(np.float32) for block in self.law(prefixes, block_size=block_size))

    def law(self, prefixes: Prefixes, *, block_size: int = 256) -> Iterator[np.ndarray]:
        """Blocks of (b, V) float64: P(next = j | prefix) for the items of the catalogue."""
        config, known = self.config.generator, synthetic.law(self.config.generator)
        s, items = config.strength, self.items
        base_law = known.popularity[items]  # (V,)
        if config.law == "latent":
            emissions = (1 - s) * base_law + s * known.emissions.toarray()[:, items]  # (intents, V)
            belief = self._next_intent(prefixes, emissions)  # (P, intents)
        for start in range(0, len(prefixes), block_size):
            rows = np.arange(start, min(start + block_size, len(prefixes)))
            if config.law == "independent":
                yield np.tile(base_law, (len(rows), 1))
            elif config.law == "first_order":
                last = self.items[prefixes.last[rows]]
                yield (1 - s) * base_law + s * known.transitions[last].toarray()[:, items]
            else:
                block = np.zeros((len(rows), len(items)))
                for k, emission in enumerate(emissions):  # not a matrix product: its rounding depends on the block
                    block += belief[rows, k, None] * emission
                yield block

    def expected(self, prefixes: Prefixes, *, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Expected Recall@k and MRR@k of every prediction given its prefix, two (P,) float64.

        The sum of the k largest probabilities, and the same weighed by 1/rank: the best that can be had on these very
        prefixes, free of the luck of the targets. Probability of items outside the catalogue is lost to every ranking.
        """
        k = min(k, len(self.items))
        tops = [-np.sort(-block, axis=1)[:, :k] for block in self.law(prefixes)]
        top = np.concatenate(tops)  # (P, k)
        return top.sum(1), top @ (1 / np.arange(1, k + 1))

    def _next_intent(self, prefixes: Prefixes, emissions: np.ndarray) -> np.ndarray:
        """(P, intents) P(next intent | prefix): the forward filter, one step of all sessions at a time."""
        config, known = self.config.generator, synthetic.law(self.config.generator)
        sessions = prefixes.sessions
        likelihood = emissions.T  # (V, intents)
        belief = np.tile(known.intents, (sessions.n_sessions, 1))  # before the first event
        after = np.empty((sessions.n_events, len(known.intents)))  # next intent, given the events up to this one
        for t in range(int(sessions.lengths.max(initial=0))):
            alive = np.flatnonzero(sessions.lengths > t)
            at = sessions.offsets[alive] + t
            posterior = belief[alive] * likelihood[sessions.items[at]]
            posterior /= posterior.sum(1, keepdims=True)
            belief[alive] = config.persistence * posterior + (1 - config.persistence) * known.intents
            after[at] = belief[alive]
        return after[prefixes.position - 1]

    def state(self) -> dict[str, np.ndarray]:
        return {"items": self.items}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self.items = state["items"]


def optimum(config: SyntheticConfig, *, k: int) -> dict[str, float] | None:
    """The exact expected Recall@k and MRR@k of the oracle over the whole catalogue; None for the latent law.

    Every event has the law p, so the item before a target has too: Recall@k = Σ_i p_i Σ_{r <= k} P_(r)(· | i), with
    P_(r) the r-th largest probability, and MRR@k weighs each by 1/r. For independent draws every i gives the same sum.
    """
    known = synthetic.law(config)
    p, s = known.popularity, config.strength
    if config.law == "latent" and s > 0:
        return None
    discount = 1 / np.arange(1, min(k, len(p)) + 1)
    if config.law != "first_order" or s == 0:
        top = np.sort(p)[::-1][:k]
        return {"recall": float(top.sum()), "mrr": float(top @ discount)}
    recall = mrr = 0.0
    for start in range(0, len(p), 256):
        rows = (1 - s) * p + s * known.transitions[start : start + 256].toarray()
        top = -np.sort(-rows, axis=1)[:, :k]
        recall += float(p[start : start + 256] @ top.sum(1))
        mrr += float(p[start : start + 256] @ (top @ discount))
    return {"recall": recall, "mrr": mrr}
