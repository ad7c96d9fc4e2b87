"""What a sampled evaluation depends on: how many items are above and equal to each target, and their support."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from audit_lib.errors import InputError, one_of
from audit_lib.evaluation.ranking import Ranked, up_to

SAMPLINGS = ("uniform", "uniform-replacement", "popularity")


@dataclass(frozen=True)
class Counts:
    """What a sampled evaluation depends on, per prediction.

    above, equal: (P,) int64; above is V, and equal 0, for a target outside the catalogue, which no list holds: it is a
    miss at any n and K. n_items: V. support_above, support_equal: (P,) int64, summed train support of those items;
    support: (P,) int64, of the target; support_total: of all items. The four are needed for popularity only.
    """

    above: np.ndarray
    equal: np.ndarray
    n_items: int
    support_above: np.ndarray | None = None
    support_equal: np.ndarray | None = None
    support: np.ndarray | None = None
    support_total: int | None = None

    def __post_init__(self) -> None:
        if len(self.above) == 0:
            raise InputError("There are no predictions to evaluate.")
        worst = int(np.max(np.where(self.missed & (self.equal == 0), 0, self.above + self.equal)))
        if min(self.above.min(), self.equal.min()) < 0 or worst > self.n_items - 1:
            raise InputError(
                f"Counts of above and equal items must lie in 0 ... V - 1 together; V is {self.n_items}, found {worst}."
                " Give the catalogue that the ranks were computed on."
            )

    @classmethod
    def of_run(cls, run: Ranked) -> Counts:
        """From the evidence of one recommender. Raises InputError for lists, which do not rank the whole catalogue."""
        if (longest := up_to(run)) is not None:
            raise InputError(
                f"'{run.path}' holds lists of {longest} items: where the other targets stand is not known, so that "
                "nothing follows for sampled metrics. Evaluate scores or ranks instead."
            )
        columns = {name: run.ranks[name].to_numpy() for name in run.ranks}
        support, total = run.targets["support"].to_numpy(), run.manifest["support_total"]
        return cls(**columns, n_items=run.n_items, support=support, support_total=total)

    @cached_property
    def missed(self) -> np.ndarray:
        """(P,) bool: the target is outside the catalogue."""
        return self.above == self.n_items

    @cached_property
    def ahead(self) -> np.ndarray:
        """(P,) int64: the items of the pool above the target; all of them if it is outside the catalogue."""
        return np.minimum(self.above, self.pool)

    @cached_property
    def pairs(self) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        """The distinct pairs of above and equal, (D,) int64 each, and (P,) int64, which of them each target has."""
        distinct, at = np.unique(self.above * self.n_items + self.equal, return_inverse=True)  # equal < V
        return np.divmod(distinct, self.n_items), at

    @property
    def pool(self) -> int:
        """N = V - 1, the items that can be drawn as negatives."""
        return self.n_items - 1

    def shares(self, sampling: str) -> tuple[np.ndarray, np.ndarray]:
        """(P,) float64 each: the probability that one draw scores above the target, and that it scores the same.

        Their sum is at most 1 after rounding too: each errs by less than the quarter of the step from 1 to the next.
        """
        one_of("sampling", sampling, SAMPLINGS)
        if sampling != "popularity":
            return self.ahead / self.pool, self.equal / self.pool
        above, equal, own, total = self.support_above, self.support_equal, self.support, self.support_total
        if above is None or equal is None or own is None or total is None:
            raise InputError("Popularity sampling needs the support columns of the ranks and the total support.")
        rest = total - own
        if (above + equal > rest).any():
            raise InputError(
                "The items above and equal have more support than there is in all. Give supports of one train part."
            )
        return above / rest, equal / rest
