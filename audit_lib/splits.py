"""Train and test parts: the temporal split, published splits, validation, and the leakage report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from audit_lib.sessions import Sessions


@dataclass(frozen=True)
class Split:
    """A train and a test part over one catalogue (the items of train), and how they came about."""

    name: str
    train: Sessions
    test: Sessions
    summary: dict[str, Any] = field(default_factory=dict)
