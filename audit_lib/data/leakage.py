"""What leaks between the parts of a split: the leakage report."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from audit_lib.data.logs import ITEM, SESSION, TIME
from audit_lib.data.splits import Split


@dataclass(frozen=True)
class Leakage:
    """What of the test part a recommender could know from train. All counts; `clean` if nothing leaks.

    shared_sessions: sessions in both parts. future_train_events: train events after the first test event.
    test_events_of_unseen_items: test events whose item train does not know. duplicate_sessions: test
    sessions whose whole item sequence is also a train session. seen_transitions: share of the tested transitions that
    occur in train. target_in_train: held-out events whose very (session, item, time) is in train.
    """

    shared_sessions: int
    future_train_events: int
    train_events: int
    test_events_of_unseen_items: int
    duplicate_sessions: int
    test_sessions: int
    seen_transitions: float
    target_in_train: int

    @property
    def clean(self) -> bool:
        return not (self.shared_sessions or self.future_train_events or self.target_in_train)


def leakage_report(split: Split) -> Leakage:
    """Measures what leaks from test into train (PROTOCOL: duplicates and seen transitions inform, they do not leak)."""
    train, test, prefixes = split.train, split.test, split.prefixes
    v = train.n_items
    inside = np.diff(train.session) == 0
    known = np.unique(train.items[:-1][inside] * v + train.items[1:][inside])
    tested = prefixes.last * v + prefixes.target
    sequences = {train.items[a:b].tobytes() for a, b in zip(train.offsets[:-1], train.offsets[1:], strict=True)}
    duplicates = sum(
        test.items[a:b].tobytes() in sequences for a, b in zip(test.offsets[:-1], test.offsets[1:], strict=True)
    )
    return Leakage(
        shared_sessions=int(pd.Index(test.labels).isin(train.labels).sum()),
        future_train_events=int((train.times > test.times.min()).sum()),
        train_events=train.n_events,
        test_events_of_unseen_items=int(split.summary["test_events_of_unseen_items"]),
        duplicate_sessions=duplicates,
        test_sessions=test.n_sessions,
        seen_transitions=float(np.isin(tested, known).mean()),
        target_in_train=_targets_in_train(split),
    )


def _targets_in_train(split: Split) -> int:
    key = [SESSION, ITEM, TIME]
    targets = split.test.to_log().iloc[split.prefixes.position]
    return len(targets.merge(split.train.to_log()[key].drop_duplicates(), on=key))
