"""Session-parallel mini-batches (Hidasi et al. 2016, section 3.1.1), computed once.

They are the same in every epoch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from audit_lib.data.sessions import Sessions
from audit_lib.errors import InputError


@dataclass(frozen=True)
class Schedule:
    """What every lane sees at every step of an epoch.

    inputs, targets: (T, B) int32 items, -1 beyond the active lanes. reset: (T, B) bool, the lane starts a new session.
    active: (T,) int64, lanes in use: the first `active[t]` columns of row t.
    kept: {t: (active[t],) int64}, for the steps before which lanes dropped out: the columns of row t-1 that went on.
    """

    inputs: np.ndarray
    targets: np.ndarray
    reset: np.ndarray
    active: np.ndarray
    kept: dict[int, np.ndarray]

    @property
    def n_steps(self) -> int:
        return len(self.active)

    @property
    def n_lanes(self) -> int:
        return self.inputs.shape[1]

    @property
    def n_events(self) -> int:
        """Events of an epoch: one lane of one step each."""
        return int(self.active.sum())


def schedule(train: Sessions, *, batch_size: int, min_lanes: int = 1) -> Schedule:
    """The session-parallel schedule of `train`: sessions in order of their first event, B = min(batch_size, sessions).

    A lane whose session ends takes the next session; with none left it drops out and the lanes after it move up.
    Sessions of one event have no target and are left out. The epoch ends when fewer than `min_lanes` lanes are left
    (2 where the other lanes are the only negatives). Raises InputError if no step is left.
    """
    begin, end = train.offsets[:-1], train.offsets[1:]
    long = end - begin > 1
    begin, end = begin[long], end[long]
    lanes = min(batch_size, len(begin))
    if lanes < (least := max(min_lanes, 1)):
        raise InputError(f"GRU4Rec trains on sessions of two or more events; it needs {least}, there are {len(begin)}.")
    items = train.items.astype(np.int32)
    none = np.empty((0, lanes), np.int32)
    steps, shrinks = _walk(items, begin, end, lanes, min_lanes, none, none, none.astype(bool), none[:, 0], none)
    inputs = np.full((steps, lanes), -1, np.int32)
    targets, reset = inputs.copy(), np.zeros((steps, lanes), bool)
    active = np.zeros(steps, np.int32)
    kept = np.full((shrinks, lanes), -1, np.int32)
    _walk(items, begin, end, lanes, min_lanes, inputs, targets, reset, active, kept)
    shrunk = np.flatnonzero(np.diff(active)) + 1
    active = active.astype(np.int64)
    return Schedule(
        inputs, targets, reset, active,
        {int(t): kept[i, : active[t]].astype(np.int64) for i, t in enumerate(shrunk)},
    )  # fmt: skip


@njit(cache=True)
def _walk(items, begin, end, lanes, min_lanes, inputs, targets, reset, active, kept):
    """Walks through an epoch; fills the arrays, or only counts (steps, shrinks) when they have no rows."""
    fill = active.size > 0
    at, stop = begin[:lanes].copy(), end[:lanes].copy()
    fresh = np.ones(lanes, np.bool_)
    came = np.arange(lanes)
    n, following, step, shrinks = lanes, lanes, 0, 0
    while True:
        left = 0
        for lane in range(n):
            position, last, new = at[lane], stop[lane], fresh[lane]
            if position + 1 >= last:
                if following == begin.size:
                    continue
                position, last, new = begin[following], end[following], True
                following += 1
            at[left], stop[left], fresh[left], came[left] = position, last, new, lane
            left += 1
        if left < max(min_lanes, 1):
            return step, shrinks
        if left < n:
            if fill:
                kept[shrinks, :left] = came[:left]
            shrinks += 1
        n = left
        for lane in range(n):
            if fill:
                inputs[step, lane] = items[at[lane]]
                targets[step, lane] = items[at[lane] + 1]
                reset[step, lane] = fresh[lane]
            at[lane] += 1
            fresh[lane] = False
        if fill:
            active[step] = n
        step += 1
