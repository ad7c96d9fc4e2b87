"""Settings of the simple recommenders by data set: those of the literature, and those found by our own tuner.

`literature.toml` states published settings and where they come from. `tuned.json` is written by `save`, never by hand:
each entry is the manifest of a search (see `tuning`), with the validation value, the budget, the seed and the train
part's fingerprint.
"""

from __future__ import annotations

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from audit_lib.errors import WriteError
from audit_lib.files import hold, put

HERE = Path(__file__).parent
LITERATURE, TUNED = HERE / "literature.toml", HERE / "tuned.json"


@cache
def literature() -> dict[str, Any]:
    """The published settings: train_days and, for each data set, recommender -> settings."""
    return tomllib.loads(LITERATURE.read_text("utf-8"))


def tuned(path: Path = TUNED) -> dict[str, Any]:
    """data set -> recommender -> manifest of the search."""
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def settings_of(recommender: str, dataset: str, kind: str = "tuned") -> dict[str, Any] | None:
    """The 'tuned' or 'literature' settings of a recommender on a data set; None if there are none of this kind."""
    if kind == "tuned":
        search = tuned().get(dataset, {}).get(recommender)
        return None if search is None else dict(search["settings"])
    published = literature().get(dataset, {}).get(recommender)
    return None if published is None else fixed_for(recommender, dataset) | published


def fixed_for(recommender: str, dataset: str) -> dict[str, Any]:
    """What a data set dictates and no search may change: the days behind the positions of a log without times."""
    days = literature()["train_days"].get(dataset)
    return {"train_days": days} if days is not None and recommender in ("stan", "vstan") else {}


def save(dataset: str, recommender: str, manifest: dict[str, Any], path: Path = TUNED) -> None:
    """Adds a search to the tuned settings, or replaces the earlier one."""
    with hold(path):  # else one of two that end together would lose what the other has written
        table = tuned(path)
        table.setdefault(dataset, {})[recommender] = manifest
        ordered = {d: dict(sorted(entries.items())) for d, entries in sorted(table.items())}
        try:
            put({path: (json.dumps(ordered, indent=1, ensure_ascii=False) + "\n").encode()})
        except OSError as error:
            raise WriteError(f"'{path}' cannot be written: {error}.") from error
