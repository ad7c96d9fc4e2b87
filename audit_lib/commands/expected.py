"""How long the work on a log will take, from what the runs of the committed study took."""

from __future__ import annotations

import json
from functools import cache
from statistics import median

from audit_lib.data.splits import Split
from audit_lib.files import COMMITTED
from audit_lib.stages import profiles

SIMPLE = 11  # recommenders that a book ranks beside GRU4Rec


@cache
def rates() -> tuple[float, float]:
    """Median seconds of an event and epoch of training GRU4Rec with the published settings, and of ranking a target
    against an item, over the committed runs."""
    train, rank = [], []
    for path in sorted(COMMITTED.glob("*/*/*/*.json")):
        run = json.loads(path.read_text("utf-8"))
        config, split, seconds = run["config"], run["split"], run["seconds"]
        if "predictions" in split:
            rank.append(seconds["rank"] / (split["predictions"] * split["train"]["items"]))
        published = (config.get("layers"), config.get("batch_size"), config.get("n_sample")) == ([100], 32, 2048)
        if run["recommender"] == "gru4rec" and published:
            train.append(seconds["fit"] / (config["n_epochs"] * split["train"]["events"]))
    return median(train), median(rank)


def minutes(split: Split, *, profile: str = "quick", seeds: int = 3) -> float:
    """Minutes that training and ranking on a split take for a book on one core like those of the study.

    The pages that do not depend on the log, and the drawing of all, come on top.
    """
    epoch, target = rates()
    epochs = profiles.profile(profile).caps.get("n_epochs", 10)
    ranked = split.summary["predictions"] * split.train.n_items * target
    return (seeds * (epochs * split.train.n_events * epoch + ranked) + SIMPLE * ranked) / 60
