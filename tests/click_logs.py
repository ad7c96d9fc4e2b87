"""Click logs as DataFrames, for tests of what reads, splits and ranks them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from audit_lib.data.logs import validate
from audit_lib.data.synthetic import SyntheticConfig, generate


def log_of(sessions: Mapping[object, Sequence[tuple[object, float]]]) -> pd.DataFrame:
    """A valid log from its sessions: a list of (item, time) for each session id."""
    rows = [(session, item, time) for session, events in sessions.items() for item, time in events]
    return validate(pd.DataFrame(rows, columns=["SessionId", "ItemId", "Time"]))


def random_log(n_sessions: int = 300, n_items: int = 40, *, seed: int = 0, strength: float = 0.8) -> pd.DataFrame:
    """Ten days of sessions with a strong first order."""
    return validate(
        generate(SyntheticConfig(n_sessions=n_sessions, n_items=n_items, seed=seed, strength=strength))
    )


def write_tsv(log: pd.DataFrame, path: Path) -> Path:
    """The log as a tab-separated file."""
    log.to_csv(path, sep="\t", index=False)
    return path
