"""Session-kNN: S-KNN, V-SKNN, STAN and VSTAN, as choices of the weights in `neighbours`.

Cost of all four, with m = sample_size, k neighbours, prefix length L, mean session length l: fit O(E log E) time, O(E)
memory; a prediction O(L·m + k·l) + O(V) for the ranking, whatever the number of sessions S.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import pydantic

from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.recommenders import neighbours
from audit_lib.recommenders.base import Config, Fallback, SparseRecommender
from audit_lib.recommenders.decay import Decay, by_distance, by_position

Similarity = Literal["cosine", "vec"]
DAY = 86400.0


class SessionKNNConfig(Config):
    """Settings of `SessionKNN`.

    The cosine divides by the root of the neighbour's number of distinct items, the dot product does not.
    """

    k: pydantic.PositiveInt = 100
    """Neighbours of a session."""
    sample_size: pydantic.PositiveInt | None = 1000
    """How many of the most recent sessions that share an item are compared; none: all."""
    similarity: Similarity = "cosine"
    """Of two sessions: the cosine, or the dot product."""
    remind: bool = True
    """Whether the items of the session itself are scored too."""
    fallback: Fallback = "popularity"


class VSKNNConfig(SessionKNNConfig):
    """Settings of `VSKNN`; weights are those of `decay`."""

    weighting: Decay = "div"
    """How the weight of an event of the session falls towards its beginning."""
    weighting_score: Decay = "div"
    """How a neighbour's weight falls with the distance of the latest shared item."""
    idf_weighting: pydantic.NonNegativeFloat = 0.0
    """How much rare items gain: w in 1 + w idf; 0 switches it off."""


class STANConfig(SessionKNNConfig):
    """Settings of `STAN`: lambda_spw, lambda_snh and lambda_inh are λ1, λ2 and λ3."""

    k: pydantic.PositiveInt = 500
    sample_size: pydantic.PositiveInt | None = 5000
    lambda_spw: pydantic.PositiveFloat | None = 1.02
    """Events by which the weight of an item of the session falls to 1/e; none: no weight."""
    lambda_snh: pydantic.PositiveFloat | None = 5.0
    """Days by which the weight of a neighbour falls to 1/e; none: no weight."""
    lambda_inh: pydantic.PositiveFloat | None = 2.05
    """Events from the last shared item by which the weight of a neighbour's item falls to 1/e."""
    train_days: pydantic.PositiveFloat | None = None
    """Days that train spans, where its times are only positions."""


class VSTANConfig(STANConfig):
    """Settings of `VSTAN`."""

    lambda_ipw: pydantic.PositiveFloat | None = 1.02
    """Events since the latest shared item by which the weight of a neighbour falls to 1/e."""
    lambda_idf: pydantic.NonNegativeFloat = 5.0
    """How much rare items gain: w in 1 + w idf; 0 switches it off."""


class SessionKNN(SparseRecommender):
    """S-KNN: score(j | s) = Σ over the k sessions n nearest to s that contain j of cos(s, n), on sets of items.

    Bonnin & Jannach 2014; Jannach & Ludewig 2017 (RecSys); Ludewig & Jannach 2018 (UMUAI 28), who take the 500–1000
    most recent sessions as candidates. The scores of a prefix are divided by the highest.
    """

    # DEVIATION: session-rec's S-KNN leaves out the items of the prefix (remind=False); the papers' formula does not.
    name: ClassVar[str] = "sknn"
    Config: ClassVar[type[Config]] = SessionKNNConfig
    config: SessionKNNConfig

    def prefix_weight(self, i: np.ndarray, n: np.ndarray) -> np.ndarray:
        """u: float64 weights of position i in prefixes of n events."""
        return np.ones(len(i))

    def decay(self, x: np.ndarray) -> np.ndarray:
        """d: float64 weights of a neighbour whose latest shared item is the prefix's x-th from its end."""
        return np.ones(len(x))

    def gap(self, x: np.ndarray) -> np.ndarray:
        """h: float64 weights of an item that is x positions away from its session's last shared item."""
        return np.ones(len(x))

    def session_weight(self, train: Sessions, number: np.ndarray, distinct: np.ndarray) -> np.ndarray:
        """g: (S,) float64 weights of the sessions `number` of train, with so many distinct items."""
        # The prefix's own norm is the same for all its neighbours and changes no order.
        return distinct**-0.5 if self.config.similarity == "cosine" else np.ones(len(number))

    idf: ClassVar[str | None] = None  # the setting that holds w

    def fit_sparse(self, train: Sessions) -> dict[str, np.ndarray]:
        index = neighbours.build_index(train, self.config.sample_size)
        distinct = np.diff(index["session_indptr"]).astype(np.float64)
        weight = getattr(self.config, self.idf) if self.idf else 0.0
        # DEVIATION: the idf counts sessions with the item; session-rec counts events, so that it can be negative.
        containing = np.bincount(index["session_items"], minlength=train.n_items)
        idf = np.log(train.n_sessions / np.maximum(containing, 1))
        return index | {
            "session_weight": self.session_weight(train, index.pop("number"), distinct),
            "item_weight": 1.0 + weight * idf,
        }

    def score_sparse(self, prefixes: Prefixes, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        arrays = self.arrays
        n_sessions, n_items = len(arrays["session_weight"]), len(arrays["item_weight"])
        ends = prefixes.position[rows]
        begins = prefixes.sessions.offsets[prefixes.session[rows]]
        lengths = ends - begins
        weight_indptr = np.concatenate([[0], np.cumsum(lengths)])
        i = np.arange(weight_indptr[-1]) - np.repeat(weight_indptr[:-1], lengths) + 1
        weights = self.prefix_weight(i, np.repeat(lengths, lengths))
        decay = np.concatenate([[0.0], self.decay(np.arange(1, int(lengths.max(initial=0)) + 1))])
        gap = self.gap(np.arange(int(arrays["session_positions"].max(initial=0)) + 1))
        names = ("session_indptr", "session_items", "session_positions", "item_indptr", "item_sessions")
        index = tuple(arrays[name] for name in names)
        scratch = neighbours.scratch(n_sessions, n_items)
        k, m = self.config.k, self.config.sample_size or n_sessions
        room = max(n_items, neighbours.ROOM)
        parts, done = [], 0
        while done < len(rows):
            items, values = np.empty(room, np.int32), np.empty(room, np.float32)
            indptr = np.zeros(len(rows) - done + 1, np.int64)
            scored = neighbours.score(
                prefixes.sessions.items, begins[done:], ends[done:], weights, weight_indptr[done:], index,
                arrays["session_weight"], arrays["item_weight"], decay, gap, k, m, self.config.remind, scratch,
                items, values, indptr,
            )  # fmt: skip
            used = indptr[scored]
            parts.append((np.diff(indptr[: scored + 1]), items[:used], values[:used]))
            done += scored
        count, items, values = (np.concatenate(p) if len(parts) > 1 else p[0] for p in zip(*parts, strict=True))
        return np.concatenate([[0], np.cumsum(count)]), items, values


class VSKNN(SessionKNN):
    """V-SKNN: S-KNN that lays more weight on the later events of the prefix (Ludewig & Jannach 2018, UMUAI 28).

    sim(s, n) = Σ_{i in both} u_i, u by position in the prefix; score(j) = Σ_n sim(s, n) · d(n) · (1 + w · idf_j), d by
    the distance of the latest shared item, idf_j = ln(S / sessions with j) (the extension of Ludewig et al. 2020).
    Defaults are session-rec's (k 100, m 1000, cosine, 'div', 'div', no idf); the paper's similarity is 'vec'.
    """

    name = "vsknn"
    Config = VSKNNConfig
    config: VSKNNConfig
    idf = "idf_weighting"

    def prefix_weight(self, i: np.ndarray, n: np.ndarray) -> np.ndarray:
        return by_position(self.config.weighting, i, n)

    def decay(self, x: np.ndarray) -> np.ndarray:
        return by_distance(self.config.weighting_score, x)


class STAN(SessionKNN):
    """STAN: session-kNN with three exponential weights (Garg et al. 2019, SIGIR, arXiv 1907.01210).

    u_i = exp((i − |s|)/λ1) for position i of the prefix s; g_n = exp(−(t(s) − t(n))/λ2) times the cosine's norm, t the
    time of the last event; score(j) = Σ_n sim(s, n) · exp(−|p_n(j) − p_n*|/λ3), p_n* the last position in n of an item
    of the prefix. exp(−t(s)/λ2) is the same for all neighbours of s, so that only t(n) is needed.
    Default λ are session-rec's; Garg et al. choose them on validation, λ1 and λ3 around the mean session length, λ2
    around the time between sessions, k from 100 … 2000.
    """

    name = "stan"
    Config = STANConfig
    config: STANConfig

    def prefix_weight(self, i: np.ndarray, n: np.ndarray) -> np.ndarray:
        return _fall((n - i).astype(np.float64), self.config.lambda_spw)

    def gap(self, x: np.ndarray) -> np.ndarray:
        return _fall(x.astype(np.float64), self.config.lambda_inh)

    def session_weight(self, train: Sessions, number: np.ndarray, distinct: np.ndarray) -> np.ndarray:
        end = train.times[train.offsets[1:] - 1][number]
        day = DAY
        if self.config.train_days is not None:
            day = max(float(train.times.max() - train.times.min()), 1.0) / self.config.train_days
        age = (end.max(initial=0.0) - end) / day
        return super().session_weight(train, number, distinct) * _fall(age, self.config.lambda_snh)


class VSTAN(STAN):
    """VSTAN: STAN with V-SKNN's weights of the latest shared item and of rare items (Ludewig et al. 2020, UMUAI 31).

    STAN's score times exp(−(x − 1)/λ_ipw), x the distance from the prefix's end of the latest item shared with n, times
    1 + w · idf_j. Default λ are session-rec's.
    """

    name = "vstan"
    Config = VSTANConfig
    config: VSTANConfig
    idf = "lambda_idf"

    def decay(self, x: np.ndarray) -> np.ndarray:
        return _fall(x - 1.0, self.config.lambda_ipw)


def _fall(x: np.ndarray, scale: float | None) -> np.ndarray:
    """exp(−x/scale), or 1 without a scale."""
    return np.ones(len(x)) if scale is None else np.exp(-x / scale)
