"""One resampling a split: intervals, paired tests and choices over sessions, all from the same draws.

The unit is the session, since predictions inside one are not independent (Field & Welsh 2007 on the cluster bootstrap).
Which sessions a resample holds is drawn once for a number of sessions and a seed (`session_draws`), whatever is
measured, so that all recommenders, metrics and cutoffs of a split meet the same resamples, and the interval of a
difference that of its parts. What comes out does not depend on what else is asked for, nor on the order of rows.

    drawn = Resampling.of(run.targets["session"])
    drawn.interval(values)            one recommender, (P,) values from `metrics` or `sampled`
    drawn.difference(a, b)            paired by target and seed, (R, P) each

`micro` is the mean over predictions, a ratio of sums whose denominator is resampled too; `macro` the mean over sessions
of theirs. Percentile intervals are slightly short where sessions are few: with a hundred, count on 94 rather than 95 in
100.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

from audit_lib.errors import InputError, unknown
from audit_lib.evaluation import session_draws

AVERAGES = ("micro", "macro")
RESAMPLES = 10_000


class Measured(NamedTuple):
    """A number, its interval (NaN where it has none), and over how many seeds it was taken (0: none).

    Of resampled estimates, (1 - level)/2 lie outside on each side: 2.5 % where nothing else is said.
    """

    estimate: float
    low: float = float("nan")
    high: float = float("nan")
    seeds: int = 0


class Comparison(NamedTuple):
    """Recommender a minus b on the same targets: the difference with its interval first, p after."""

    difference: Measured
    p: float
    sessions: int
    predictions: int


class Resampling:
    """The test sessions of a split, and what has been drawn of them. Values are rows (R, P), one a seed, or (P,)."""

    def __init__(
        self, code: np.ndarray, sessions: int, keep: np.ndarray | None, *, average: str, resamples: int, seed: int
    ):
        """code: (P,) int64, the session of each target, 0 ... sessions - 1. keep: (P,) bool, the targets that count."""
        if average not in AVERAGES:
            raise unknown("average", average, AVERAGES)
        self._code, self._sessions = code, sessions
        self._counted = code if keep is None else code[keep]
        self.average, self.resamples, self.seed = average, resamples, seed
        self._size = np.bincount(self._counted, minlength=sessions).astype(np.float64)  # (S,) targets that count

    @classmethod
    def of(cls, session: ArrayLike, *, average: str = "micro", resamples: int = RESAMPLES, seed: int = 0) -> Resampling:
        """The resampling of targets with these session labels (P,). Sessions are in the order of their labels."""
        labels = np.asarray(session)
        if labels.ndim == 1 and len(labels) and (labels[1:] >= labels[:-1]).all():  # as evidence has them
            code = np.cumsum(np.concatenate([[False], labels[1:] != labels[:-1]]))
        else:
            code = np.unique(labels, return_inverse=True)[1]
        return cls(code, int(code.max(initial=-1)) + 1, None, average=average, resamples=resamples, seed=seed)

    def where(self, keep: ArrayLike) -> Resampling:
        """The same draws over fewer targets, those that keep (P,) names: a session may be left with none.

        Values are then of these targets alone.
        """
        return Resampling(
            self._code, self._sessions, np.asarray(keep, bool),
            average=self.average, resamples=self.resamples, seed=self.seed,
        )  # fmt: skip

    @property
    def sessions(self) -> int:
        """How many sessions have a target that counts."""
        return int(np.count_nonzero(self._size))

    @property
    def labels(self) -> np.ndarray:
        """(P,) int64: the session of each target that counts, by its place in the order of sessions."""
        return self._counted

    @property
    def predictions(self) -> int:
        """How many targets count."""
        return len(self._counted)

    # --- what is drawn

    def observed(self, values: ArrayLike) -> np.ndarray:
        """(R,) float64: the means over all sessions."""
        return self._whole(self._sums(values))

    def resampled(self, values: ArrayLike) -> np.ndarray:
        """(B, R) float64: the means in each of the B resamples; NaN in one that holds no target that counts."""
        return self._resampled(self._sums(values))[0]

    def interval(self, values: ArrayLike, *, level: float = 0.95) -> Measured:
        """The mean of values (P,) with its percentile interval over sessions."""
        return self.over_seeds(np.asarray(values, np.float64).reshape(1, -1), level=level)

    def over_seeds(self, values: ArrayLike, *, level: float = 0.95) -> Measured:
        """The metric of a recommender trained with R seeds, values (R, P), over sessions *and* seeds.

        Every resample draws sessions with replacement, the same for all seeds, and R seeds with replacement. R is
        small, so that the seeds' share of the spread is widened by sqrt(R / (R - 1)), for the bootstrap's own
        shrinkage, and by the ratio of Student's quantile at R - 1 degrees of freedom to the normal one. With R = 1 the
        interval is over sessions.
        """
        return self._over_seeds(self._sums(values), level)

    def difference(self, a: ArrayLike, b: ArrayLike, *, level: float = 0.95) -> Measured:
        """a minus b, (R, P) each, paired by target and seed; one row is the same beside every seed of the other."""
        first, second = self._pair(a, b)
        top, less, bottom = self._totals(first, second)
        estimate = float(self._whole(first - second).mean())
        return _over_seeds(estimate, _divided(top - less, bottom), _mean, level, self.seed)

    def ratio(self, top: ArrayLike, bottom: ArrayLike, *, level: float = 0.95) -> Measured:
        """The mean of top over that of bottom, (R, P) each, over sessions and seeds as in `over_seeds`.

        Row i of either is of seed i: a resample takes both or neither.
        Raises InputError if the shapes differ, or bottom is zero throughout.
        """
        first, second = self._sums(top), self._sums(bottom)
        if first.shape != second.shape:
            raise InputError(
                f"A ratio is taken on the same targets and seeds; these are {np.shape(top)} and {np.shape(bottom)}."
            )
        if not second.any(axis=0).all():
            raise InputError("There is nothing that the ratio could be relative to: the second is 0 throughout.")
        above, below = self._whole(first), self._whole(second)
        pairs = np.stack(self._resampled(first, second), axis=2)  # (B, R, 2)
        estimate = float(above.mean() / below.mean())
        return _over_seeds(estimate, pairs, _ratio, level, self.seed)

    def choice(
        self, candidates: Sequence[ArrayLike], other: ArrayLike, *, each_seed: bool = False, level: float = 0.95
    ) -> Measured:
        """The best of the candidates, (P,) or (R, P) each, less the other, (R, P): chosen anew in every resample.

        The best is the one with the highest mean over seeds on the very targets that are compared; each_seed: every
        seed has a best of its own. An interval of the difference to a fixed candidate that was chosen so does not know
        of the choice; this one does, as far as another test set would have chosen another. The estimate keeps the
        favour of the choice. Raises InputError without any.
        """
        if not len(candidates):
            raise InputError("There is no candidate of which the best could be chosen.")
        each, own = [self._sums(values) for values in candidates], self._sums(other)
        sides = [[sums[:, [r]] for sums in each] for r in range(each[0].shape[1])] if each_seed else [each]
        rivals = [session_draws.rivals(side) for side in sides]
        *means, others = self._resampled(*chain.from_iterable(rivals), own)
        left = iter(means)
        best = np.stack([np.max([next(left).mean(1) for _ in side], axis=0) for side in rivals], axis=1)
        whole = np.array([max(self._whole(sums).mean() for sums in side) for side in rivals])
        return _over_seeds(float((whole - self._whole(own)).mean()), best - others, _mean, level, self.seed)

    def order(self, values: ArrayLike, *, level: float = 0.95) -> np.ndarray:
        """(…, M, M) int64: 1 where row i of values (…, M, P) is above row j, -1 where below, 0 where that is open.

        It is open where the interval of the difference of the two holds zero.
        """
        values = np.asarray(values, np.float64)
        means = self.resampled(values.reshape(-1, values.shape[-1]))
        means = means[~np.isnan(means).any(1)].T.reshape(*values.shape[:-1], -1)  # (…, M, B)
        i, j = np.triu_indices(values.shape[-2], 1)
        ends = [(1 - level) / 2, (1 + level) / 2]
        low, high = np.quantile(means[..., i, :] - means[..., j, :], ends, axis=-1)
        found = np.zeros((*values.shape[:-1], values.shape[-2]), np.int64)
        found[..., i, j] = (low > 0).astype(np.int64) - (high < 0)
        return found - found.swapaxes(-1, -2)

    def p_value(self, a: ArrayLike, b: ArrayLike) -> float:
        """Two-sided p of the paired permutation test: per session, which of the two is a and which is b is a coin flip.

        a, b: (P,). p = (1 + number of flips with |sum| >= the observed one) / (1 + permutations), as many as resamples,
        never 0 (Phipson & Smyth 2010).
        """
        first, second = self._pair(*map(_single, (a, b)))
        options = {"draws": self.resamples, "seed": self.seed}
        flipped = session_draws.totals("signs", np.hstack([first, second]), **options) @ [1.0, -1.0]
        difference = first - second
        slack = 1e-12 * np.abs(difference).sum()  # sums that are equal but for rounding count as equal
        reached = np.count_nonzero(np.abs(flipped) >= abs(difference.sum()) - slack)
        return float((1 + reached) / (1 + self.resamples))

    def compare(self, a: ArrayLike, b: ArrayLike, *, level: float = 0.95) -> Comparison:
        """a minus b, (P,) each, in the same order of the same targets: difference, interval and permutation p."""
        interval = self.difference(*map(_single, (a, b)), level=level)
        return Comparison(interval, self.p_value(a, b), self.sessions, self.predictions)

    # --- sums by session

    def _sums(self, values: ArrayLike) -> np.ndarray:
        """(S, R) float64: sums of values by session (macro: their means), such that sums of these are exact."""
        rows = np.atleast_2d(np.asarray(values, np.float64))
        if rows.shape[1] != self.predictions or not rows.size:
            raise InputError(
                f"{rows.shape[1]} values for {self.predictions} targets; there must be one value a target."
            )
        most = np.abs(rows).max(1)
        if not np.isfinite(most).all():
            raise InputError(f"{int((~np.isfinite(rows)).any(0).sum())} predictions have values that are not finite.")
        sums = np.stack([np.bincount(self._counted, row, minlength=self._sessions) for row in rows]).T
        if self.average == "macro":
            sums = np.divide(sums, self._size[:, None], out=np.zeros_like(sums), where=self._size[:, None] > 0)
        scale = np.exp2(np.ceil(np.log2(np.maximum(most, 1.0))))  # 1 for a metric, whatever its values
        return session_draws.exact(sums, self._sessions * self._weight.max() * scale)

    def _pair(self, a: ArrayLike, b: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """(S, R) sums of a and of b: their totals differ by the totals of their differences, since both are exact."""
        first, second = (np.atleast_2d(np.asarray(values, np.float64)) for values in (a, b))
        if first.shape[1] != second.shape[1] or (len(first) != len(second) and 1 not in (len(first), len(second))):
            raise InputError(
                f"A paired comparison needs values of the same targets and seeds; got {np.shape(a)} and {np.shape(b)}."
            )
        return self._sums(first), self._sums(second)

    @property
    def _weight(self) -> np.ndarray:
        """(S,) float64: what each session adds to the denominator of a mean."""
        return self._size if self.average == "micro" else (self._size > 0).astype(np.float64)

    def _whole(self, sums: np.ndarray) -> np.ndarray:
        """(R,) float64: the means over all sessions."""
        return sums.sum(0) / self._weight.sum()

    def _totals(self, *sums: np.ndarray) -> list[np.ndarray]:
        """(B, R) float64 of sums (S, R) each: their totals in the bootstrap samples, and (B, 1) those of the weight."""
        columns = np.hstack([*sums, self._weight[:, None]])
        found = session_draws.totals("weights", columns, draws=self.resamples, seed=self.seed)
        return np.split(found, np.cumsum([x.shape[1] for x in sums]), axis=1)

    def _resampled(self, *sums: np.ndarray) -> list[np.ndarray]:
        """(B, R) float64 of sums (S, R) each: the means in bootstrap samples of sessions, drawn with replacement."""
        *tops, bottom = self._totals(*sums)
        return [_divided(top, bottom) for top in tops]

    def _over_seeds(self, sums: np.ndarray, level: float) -> Measured:
        return _over_seeds(float(self._whole(sums).mean()), self._resampled(sums)[0], _mean, level, self.seed)


def _divided(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Top by bottom, NaN where a resample holds no target that counts."""
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


def percentile_interval(estimate: float, resampled: np.ndarray, level: float = 0.95, seeds: int = 0) -> Measured:
    """The interval between the (1 - level)/2 and (1 + level)/2 quantiles of the resampled estimates that exist."""
    if not 0.0 < level < 1.0:
        raise InputError(f"The level of an interval lies between 0 and 1; it is {level}.")
    known = resampled[~np.isnan(resampled)]
    low, high = np.quantile(known, [(1.0 - level) / 2.0, (1.0 + level) / 2.0]) if len(known) else (np.nan, np.nan)
    return Measured(float(estimate), float(low), float(high), seeds)


def _over_seeds(
    estimate: float, drawn: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], level: float, seed: int
) -> Measured:
    """The statistic (B,) of drawn (B, R, …), means of resampled sessions by seed: over all seeds, over drawn ones."""
    r, centre = drawn.shape[1], statistic(drawn)
    if r > 1:
        quantile = (1.0 + level) / 2.0
        widen = np.sqrt(r / (r - 1)) * stdtrit(r - 1, quantile) / ndtri(quantile)  # Student's over the normal one
        picked = drawn[np.arange(len(drawn))[:, None], session_draws.seeds(len(drawn), r, seed)]
        centre = centre + widen * (statistic(picked) - centre)
    return percentile_interval(estimate, centre, level, r)


def _mean(each: np.ndarray) -> np.ndarray:
    return each.mean(1)


def _ratio(each: np.ndarray) -> np.ndarray:
    both = each.mean(1)
    return both[:, 0] / np.maximum(both[:, 1], np.finfo(float).tiny)


def _single(values: ArrayLike) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.ndim != 1:
        raise InputError(f"A paired comparison needs one value of each per target; got {values.shape}.")
    return values
