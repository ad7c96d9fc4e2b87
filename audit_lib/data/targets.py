"""All targets of a test part as its authors published it, those included that a recommender cannot be asked for.

Recommenders score the catalogue, the items of train, after a prefix of such items (`sessions.Prefixes`). A published
test part may hold other items. The publication counts their events, so they count here, alike for every recommender:

- A target outside the catalogue is a miss: `above` is V, so its rank is V + 1, and it is never tied.
- Items of a prefix that are outside the catalogue are skipped.
- A target all of whose prefix is skipped is ranked by its support in train, whatever the recommender.

So only the targets that have a prefix depend on the recommender, and the ranks of all the others follow from train.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from audit_lib.data.logs import ITEM, SESSION, sort_log
from audit_lib.data.sessions import Prefixes, Sessions

NONE = -1


@dataclass(frozen=True)
class Targets:
    """Every event but the first of the published test sessions, in order of session, then step.

    session, step: (P,) int64, as published: step is the position of the target in its session, from 1. item: (P,) int64
    index into the catalogue, or NONE outside it. row: (P,) int64, the target's row in the `Prefixes` of the same test
    part; NONE where there is no such prefix.
    """

    session: np.ndarray
    step: np.ndarray
    item: np.ndarray
    row: np.ndarray

    def __len__(self) -> int:
        return len(self.item)

    @cached_property
    def outside(self) -> np.ndarray:
        """(P,) bool: the target is not in the catalogue."""
        return self.item == NONE

    @cached_property
    def unprompted(self) -> np.ndarray:
        """(P,) bool: the target is in the catalogue, and no item of its prefix is."""
        return (self.row == NONE) & ~self.outside

    def support(self, of_items: np.ndarray) -> np.ndarray:
        """(P,) int64 support of each target, 0 outside the catalogue. of_items: (V,) int64, of the items in train."""
        return np.where(self.outside, 0, of_items[np.where(self.outside, 0, self.item)])

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the content."""
        arrays = (self.session, self.step, self.item, self.row)
        return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()

    @classmethod
    def of_prefixes(cls, prefixes: Prefixes) -> Targets:
        """Those of prefixes over the catalogue: nothing is outside it."""
        return cls(prefixes.session, prefixes.step, prefixes.target, np.arange(len(prefixes)))

    @classmethod
    def of_log(cls, log: pd.DataFrame, prefixes: Prefixes) -> Targets:
        """Those of a test part as published, sessions of two or more events. prefixes: of what the catalogue has of it.

        Sessions that keep fewer than two events of the catalogue are in the log and not in the prefixes.
        """
        log = sort_log(log)
        known: Sessions = prefixes.sessions
        item = known.catalogue.get_indexer(log[ITEM]).astype(np.int64)  # NONE where it is not there
        session, labels = pd.factorize(log[SESSION])
        step = np.arange(len(log)) - np.flatnonzero(np.diff(session, prepend=-1))[session]
        inside = (item != NONE).astype(np.int64)
        before = np.cumsum(inside) - inside  # events of the catalogue before this one, in the whole log …
        before -= before[step == 0][session]  # … and in its session
        place = pd.Index(known.labels).get_indexer(labels)[session]  # of its session among those of the prefixes
        asked = (inside == 1) & (before > 0)
        row = np.full(len(log), NONE)
        row[asked] = np.searchsorted(prefixes.position, known.offsets[place[asked]] + before[asked])
        is_target = step > 0
        return cls(*(array[is_target].astype(np.int64) for array in (session, step, item, row)))
