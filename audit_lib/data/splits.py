"""Train and test parts: the temporal split, published splits, and the flawed ones under study.

Every split goes through `make_split`, which fixes what they have in common: the catalogue is the items of train, test
events outside it are removed and counted, test sessions that become shorter than two are dropped, and a session in
both parts is refused. A published split keeps the targets that its authors counted, those outside the catalogue too
(see `targets`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.data.logs import ITEM, PART, SESSION, TIME, counts, filter_log, sort_log
from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.data.targets import Targets
from audit_lib.errors import InputError, LeakError

DAY = 86400.0
_HELD = "held out"


@dataclass(frozen=True)
class Split:
    """A train and a test part over one catalogue (the items of train), and how they came about.

    held_out: (E,) bool over the test events, only where single events are held out (the flawed splits).
    published: all targets of the test part, only where a publication has more of them than `prefixes`.
    """

    name: str
    train: Sessions
    test: Sessions
    summary: dict[str, Any]
    held_out: np.ndarray | None = None
    published: Targets | None = None

    @cached_property
    def prefixes(self) -> Prefixes:
        """The prediction tasks of the test part that a recommender can be asked."""
        return Prefixes(self.test, self.held_out)

    @cached_property
    def targets(self) -> Targets:
        """All that is measured: the targets of `prefixes`, and those that a publication counts beside them."""
        return self.published or Targets.of_prefixes(self.prefixes)


def no_session(name: str, part: str) -> InputError:
    """The error of a split whose train or test part is empty."""
    return InputError(
        f"The split '{name}' leaves no {part} session: each lies on the other side of the cut, or crosses it and is in "
        "neither part. Give another --test-days; where most sessions cross, see whether their ids are used again, or "
        "stand for people instead of visits."
    )


def make_split(
    name: str,
    train: pd.DataFrame,
    test: pd.DataFrame,
    *,
    min_item_support: int = 1,
    collapse_repeats: bool = False,
    held_out: pd.Series | None = None,
    all_targets: bool = False,
    **summary: Any,
) -> Split:
    """Filters both parts and brings them over one catalogue.

    held_out: bool per row of `test`; given only by the flawed splits that test single events of sessions in train.
    all_targets: events of items outside the catalogue stay targets, as in a published split.
    Raises LeakError if the parts share sessions (except under `held_out`), InputError if a part ends up empty.
    """
    shared = set(train[SESSION].unique()) & set(test[SESSION].unique())
    if shared and held_out is None:
        first = min(shared, key=str)
        raise LeakError(
            f"The split '{name}' has {len(shared)} sessions in both train and test, the first is {first!r}. "
            "A model would be tested on what it was trained on; split whole sessions."
        )
    if train.empty or test.empty:
        raise no_session(name, "train" if train.empty else "test")
    train, report = filter_log(train, min_item_support=min_item_support, collapse_repeats=collapse_repeats)
    catalogue = pd.Index(sort_log(train)[ITEM].unique(), name=ITEM)
    known = test[ITEM].isin(catalogue)
    if held_out is not None:
        test = test.assign(**{_HELD: held_out})
    try:
        test_kept, _ = filter_log(test[known], collapse_repeats=collapse_repeats)
    except InputError as error:
        raise InputError(
            f"The split '{name}' leaves no test session with two events of items that train knows. "
            "Use a longer test part or a lower item support."
        ) from error
    tested = filter_log(test)[0] if all_targets else test_kept
    parts = {
        "train": counts(train),
        "test": counts(tested),
        "train_before_filter": report.before,
        "test_before_filter": counts(test),
        "test_events_of_unseen_items": int((~known).sum()),
        "min_item_support": min_item_support,
        "collapse_repeats": collapse_repeats,
    }
    test_kept = sort_log(test_kept)
    held = None if held_out is None else test_kept[_HELD].to_numpy(bool)
    test_part = Sessions.from_log(test_kept, catalogue)
    split = Split(name, Sessions.from_log(train, catalogue), test_part, parts | summary, held)
    if len(tested) > len(test_kept):
        split = replace(split, published=Targets.of_log(tested, split.prefixes))
        split.summary["targets_outside_catalogue"] = int(split.targets.outside.sum())
        split.summary["targets_after_unknown_items_only"] = int(split.targets.unprompted.sum())
    split.summary["predictions"] = len(split.targets)
    return split


def temporal_split(
    log: pd.DataFrame,
    *,
    test_days: float | None = None,
    test_fraction: float | None = None,
    min_item_support: int = 5,
    collapse_repeats: bool = False,
    name: str = "temporal",
) -> Split:
    """Train: sessions that end before T. Test: sessions that start at T or later. Straddlers are dropped and counted.

    T is `test_days` before the last event; where only the order is known, the start of the session at which the last
    `test_fraction` of the sessions begins. Exactly one of the two is given.
    """
    if (test_days is None) == (test_fraction is None):
        raise InputError("A temporal split needs either test_days or test_fraction, and not both.")
    log, _ = filter_log(log)
    span = log.groupby(SESSION, sort=False)[TIME].agg(["min", "max"])
    if test_days is not None:
        if not test_days > 0:
            raise InputError(f"test_days is {test_days}; it must be positive.")
        cut = float(log[TIME].max() - test_days * DAY)
    else:
        if test_fraction is None or not 0 < test_fraction < 1:
            raise InputError(f"test_fraction is {test_fraction}; it must lie between 0 and 1.")
        position = int((1 - test_fraction) * len(span) + 1e-9)  # (1 - 0.9) * 10 is 0.9999999999999998
        cut = float(np.sort(span["min"])[position])
    before, after = span.index[span["max"] < cut], span.index[span["min"] >= cut]
    return make_split(
        name,
        log[log[SESSION].isin(before)],
        log[log[SESSION].isin(after)],
        min_item_support=min_item_support,
        collapse_repeats=collapse_repeats,
        cut=cut,
        test_days=test_days,
        test_fraction=test_fraction,
        straddling_sessions=len(span) - len(before) - len(after),
    )


def no_days(name: str) -> InputError:
    """The error for a test part in days of a log that has none."""
    return InputError(
        f"{name}: only the order of its events is known, so there are no days to cut at. Leave test_days out: the last "
        "tenth of the sessions is the test part. Or give the unit of its times (--time-unit s)."
    )


def no_later(name: str) -> InputError:
    """The error for a log whose events all have one Time."""
    return InputError(
        f"{name}: every event has the same Time, so there is no later part to test on. Name a column that tells events "
        "apart in time (--columns Time=NAME); if the lines stand in the order of the events, give --time-unit order."
    )


def published_split(log: pd.DataFrame) -> Split:
    """The parts as their authors fixed them (column Part), taken as they are, with all their targets."""
    if PART not in log.columns:
        raise InputError("This log has no published split (no column Part). Use a temporal split.")
    if (other := ~log[PART].isin(("train", "test"))).any():
        first = log[PART][other].iloc[0]
        raise InputError(f"{int(other.sum())} events are in neither train nor test; the first has Part {first!r}.")
    return make_split("published", log[log[PART] == "train"], log[log[PART] == "test"], all_targets=True)


def random_session_split(log: pd.DataFrame, *, test_fraction: float, seed: int, min_item_support: int = 5) -> Split:
    """Flawed: whole sessions at random, so that train holds sessions from after the test sessions."""
    log, _ = filter_log(log)
    sessions = log[SESSION].unique()
    rng = np.random.default_rng(seed)
    chosen = sessions[rng.permutation(len(sessions))[: max(1, round(test_fraction * len(sessions)))]]
    held = log[SESSION].isin(chosen)
    return make_split("random_sessions", log[~held], log[held], min_item_support=min_item_support, seed=seed)


def leave_last_out_split(log: pd.DataFrame, *, min_item_support: int = 5) -> Split:
    """Flawed: the last event of every session is a target, all the others are train, whatever came first in time."""
    log, _ = filter_log(log, min_session_length=3)
    last = ~log.duplicated(SESSION, keep="last")
    return make_split("leave_last_out", log[~last], log, min_item_support=min_item_support, held_out=last)


def random_event_split(log: pd.DataFrame, *, test_fraction: float, seed: int, min_item_support: int = 5) -> Split:
    """Flawed: single events at random are targets, so that train holds what came before and after them."""
    log, _ = filter_log(log)
    held = pd.Series(np.random.default_rng(seed).random(len(log)) < test_fraction, index=log.index)
    tested = log[SESSION].isin(log.loc[held, SESSION])
    return make_split(
        "random_events",
        log[~held],
        log[tested],
        min_item_support=min_item_support,
        held_out=held[tested],
        seed=seed,
    )
