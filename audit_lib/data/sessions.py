"""Click logs as arrays: sessions, and the prediction tasks in them.

`Sessions` holds the events of a log (see `logs`), with items as indices into a catalogue; `Prefixes` what is predicted.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from audit_lib.data.logs import ITEM, SESSION, TIME, sort_log
from audit_lib.errors import InputError


@dataclass(frozen=True)
class Sessions:
    """Sessions in order of their first event, as arrays.

    items: (E,) int64, indices into `catalogue`, session by session and in time order inside each.
    offsets: (S+1,) int64; session s is items[offsets[s]:offsets[s+1]].
    times: (E,) float64, Unix seconds (or positions). labels: (S,) the log's own session ids.
    catalogue: (V,) the log's own item ids, in order of first appearance in train.
    """

    items: np.ndarray
    offsets: np.ndarray
    times: np.ndarray
    labels: np.ndarray
    catalogue: pd.Index

    @property
    def n_events(self) -> int:
        return len(self.items)

    @property
    def n_sessions(self) -> int:
        return len(self.offsets) - 1

    @property
    def n_items(self) -> int:
        """V, the size of the catalogue (which a test part shares with its train part)."""
        return len(self.catalogue)

    @cached_property
    def lengths(self) -> np.ndarray:
        """(S,) int64, events per session."""
        return np.diff(self.offsets)

    @cached_property
    def session(self) -> np.ndarray:
        """(E,) int64, the session index of each event."""
        return np.repeat(np.arange(self.n_sessions), self.lengths)

    @cached_property
    def support(self) -> np.ndarray:
        """(V,) int64, occurrences of each catalogue item."""
        return np.bincount(self.items, minlength=self.n_items).astype(np.int64)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the content: equal data has equal fingerprints, wherever it came from."""
        digest = hashlib.sha256()
        for array in (self.offsets, self.items, self.times):
            digest.update(np.ascontiguousarray(array).data)
        for labels in (self.labels, self.catalogue):
            _add_labels(digest, labels)
        return digest.hexdigest()

    @cached_property
    def catalogue_fingerprint(self) -> str:
        """sha256 of the item ids in their order."""
        digest = hashlib.sha256()
        _add_labels(digest, self.catalogue)
        return digest.hexdigest()

    def check_items(self) -> None:
        """Raises InputError if an item is no index into the catalogue; numpy would take a negative one from its end."""
        least, most = self._extremes
        if least < 0 or most >= self.n_items:
            raise InputError(
                f"Sessions hold the item index {least if least < 0 else most}; those of a catalogue of {self.n_items} "
                f"items lie in 0 ... {self.n_items - 1}. Remove events of unknown items first."
            )

    @cached_property
    def _extremes(self) -> tuple[int, int]:
        return (int(self.items.min()), int(self.items.max())) if len(self.items) else (0, -1)

    @classmethod
    def from_log(cls, log: pd.DataFrame, catalogue: pd.Index | None = None) -> Sessions:
        """The events of a validated log. Items outside a given catalogue are an error: remove them first."""
        log = sort_log(log)
        if catalogue is None:
            catalogue = pd.Index(log[ITEM].unique(), name=ITEM)
        items = catalogue.get_indexer(log[ITEM]).astype(np.int64)
        if (items < 0).any():
            first = log[ITEM].iloc[int(np.argmax(items < 0))]
            raise InputError(f"{int((items < 0).sum())} events have items outside the catalogue, first {first!r}.")
        codes, labels = pd.factorize(log[SESSION])
        offsets = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=len(labels)))]).astype(np.int64)
        return cls(items, offsets, log[TIME].to_numpy(np.float64), np.asarray(labels), catalogue)

    def to_log(self) -> pd.DataFrame:
        """The same events as a log, with the original ids."""
        return pd.DataFrame({SESSION: self.labels[self.session], ITEM: self.catalogue[self.items], TIME: self.times})

    def select(self, sessions: np.ndarray) -> Sessions:
        """The given sessions (indices or mask), in order, over the same catalogue."""
        keep = np.zeros(self.n_sessions, bool)
        keep[sessions] = True
        events = keep[self.session]
        offsets = np.concatenate([[0], np.cumsum(self.lengths[keep])]).astype(np.int64)
        return Sessions(self.items[events], offsets, self.times[events], self.labels[keep], self.catalogue)


def _add_labels(digest: hashlib._Hash, labels: np.ndarray | pd.Index) -> None:
    """Adds ids as lines of text, by pieces: a large log has many."""
    for first in range(0, len(labels), 1 << 20):
        text = "\n".join(map(str, labels[first : first + (1 << 20)]))
        digest.update(f"\n{text}".encode() if first else text.encode())


@dataclass(frozen=True)
class Prefixes:
    """The prediction tasks of a test part: every event but the first of a session, given all events before it.

    In order of session, then step. session: (P,) int64 index into `sessions`. step: (P,) int64 position of the target
    in its session, from 1. target: (P,) int64 item. last: (P,) int64, the item just before the target.
    only: optional (E,) bool, restricts the targets to these events (the flawed splits test single events).
    """

    sessions: Sessions
    only: np.ndarray | None = None

    @cached_property
    def position(self) -> np.ndarray:
        """(P,) int64, the position of each target in `sessions.items`."""
        target = np.ones(self.sessions.n_events, bool) if self.only is None else self.only.copy()
        target[self.sessions.offsets[:-1]] = False
        return np.flatnonzero(target)

    @cached_property
    def session(self) -> np.ndarray:
        return self.sessions.session[self.position]

    @cached_property
    def step(self) -> np.ndarray:
        return self.position - self.sessions.offsets[self.session]

    @cached_property
    def target(self) -> np.ndarray:
        return self.sessions.items[self.position]

    @cached_property
    def last(self) -> np.ndarray:
        return self.sessions.items[self.position - 1]

    def __len__(self) -> int:
        return len(self.position)

    def items(self, i: int) -> np.ndarray:
        """The events before target i, oldest first."""
        return self.sessions.items[self.sessions.offsets[self.session[i]] : self.position[i]]
