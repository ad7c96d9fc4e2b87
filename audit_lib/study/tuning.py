"""Tuning on a validation split that is cut from train: random search with successive halving, one budget for all.

`tune` is given train sessions and nothing else, so that no test event can reach it. Its budget rule is the same for
every recommender: `trials` configurations, each evaluated at shares η^−(r−1), …, 1/η, 1 of a full evaluation, and only
those among the best 1/η of their rung go on (asynchronous successive halving, Li et al. 2020, arXiv 1810.05934). The
share is that of the validation sessions for models that count, and that of the epochs for models that are trained;
these go on from the epochs of the rung before.
"""

from __future__ import annotations

import contextlib
import json
import logging
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import optuna
import pandas as pd
from optuna.trial import FrozenTrial, Trial, TrialState

from audit_lib import recommenders
from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.data.splits import Split, temporal_split
from audit_lib.errors import DivergedError, InputError
from audit_lib.evaluation import metrics, ranking
from audit_lib.files import hold
from audit_lib.study import journals
from audit_lib.study.spaces import RESOURCES, Space, applying, space_of

log_ = logging.getLogger(__name__)


@dataclass(frozen=True)
class Budget:
    """trials: configurations tried. eta: η, of which one in η goes on to the next rung. rungs: how many there are."""

    trials: int = 40
    eta: int = 3
    rungs: int = 3

    def __post_init__(self) -> None:
        if self.trials < 1 or self.eta < 2 or self.rungs < 1:
            raise InputError(f"{self}: trials and rungs must be at least 1, eta at least 2.")

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of a full evaluation at each rung; the last is 1."""
        return tuple(self.eta ** -(self.rungs - 1 - r) for r in range(self.rungs))


@dataclass(frozen=True)
class Objective:
    """The metric at cutoff k, conservative ties, mean over the validation targets with >= min_step events before."""

    metric: str = "Recall"
    k: int = metrics.K
    min_step: int = 1


@dataclass(frozen=True)
class Tuned:
    """The best settings, and how they were found. trials: one row per finished trial, in order.

    spent: the evaluations done, in full ones: the sum of the shares, of which training, which goes on, pays the last.
    manifest() is what evidence should record.
    """

    recommender: str
    settings: dict[str, Any]
    value: float
    spent: float
    trials: pd.DataFrame
    setup: dict[str, Any]

    def manifest(self) -> dict[str, Any]:
        """JSON-ready: settings, value, evaluations spent, and the setup (space, budget, objective, seed, data)."""
        space = {key: json.loads(value)["attributes"] for key, value in self.setup["space"].items()}
        found = {"settings": self.settings, "value": self.value, "evaluations": round(self.spent, 6)}
        return found | self.setup | {"space": space}


def stretch_of(split: Split) -> dict[str, float | None]:
    """test_days and test_fraction of the validation part of a split: as long as its test part, exactly one not None."""
    days = split.summary.get("test_days")
    share = split.test.n_sessions / (split.test.n_sessions + split.train.n_sessions)
    return {"test_days": days, "test_fraction": None if days else share}


def validation_of(split: Split) -> Split:
    """The validation split of a split: its train part cut as the whole log was. It holds no test event."""
    return _validation(split.train, **stretch_of(split), min_item_support=split.summary["min_item_support"])


def _validation(
    train: Sessions, *, test_days: float | None, test_fraction: float | None, min_item_support: int
) -> Split:
    return temporal_split(
        train.to_log(), test_days=test_days, test_fraction=test_fraction, min_item_support=min_item_support,
        name="validation",
    )  # fmt: skip


def tune(
    recommender: str,
    train: Sessions,
    *,
    test_days: float | None = None,
    test_fraction: float | None = None,
    min_item_support: int = 1,
    objective: Objective = Objective(),
    budget: Budget = Budget(),
    seed: int = 0,
    storage: Path | None = None,
    space: Space | None = None,
    fixed: Mapping[str, Any] | None = None,
    starts: Sequence[Mapping[str, Any]] = (),
) -> Tuned:
    """The best settings of a recommender on the last stretch of `train`.

    test_days or test_fraction: the length of that stretch, as for the test part (exactly one). fixed: settings that are
    not searched. starts: settings within the space to try first, such as published ones. storage: a file in which
    trials are kept as they end; a run that was cut off goes on from there and ends as if it had not been.
    Raises InputError if the storage belongs to another setup, or no trial was completed, BusyError if another search
    writes to it.
    """
    split = _validation(train, test_days=test_days, test_fraction=test_fraction, min_item_support=min_item_support)
    space = space_of(recommender, split.train) if space is None else space
    fixed = dict(fixed or {})
    setup = {
        "recommender": recommender,
        "space": {key: optuna.distributions.distribution_to_json(value) for key, value in space.items()},
        "fixed": fixed,
        "starts": [dict(start) for start in starts],
        "objective": asdict(objective),
        "budget": asdict(budget),
        "seed": seed,
        "train": train.fingerprint,
        "validation": {key: split.summary[key] for key in ("cut", "test_days", "test_fraction", "predictions")},
    }
    with contextlib.nullcontext() if storage is None else hold(storage, wait=False):
        study = _study(storage, setup)
        while (finished := len(_done(study))) < budget.trials:
            trial = _ask(study, dict(space), starts[finished] if finished < len(starts) else {}, [seed, finished])
            try:
                value = _evaluate(trial, recommender, fixed | applying(trial.params), split, objective, budget, seed)
            except optuna.TrialPruned:
                study.tell(trial, state=TrialState.PRUNED)
            except BaseException:
                study.tell(trial, state=TrialState.FAIL)
                raise
            else:
                study.tell(trial, value)
                log_.info("%s: %.4f %s", recommender, value, trial.params)
        return _result(study, setup, fixed)


def _study(storage: Path | None, setup: dict[str, Any]) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=None if storage is None else journals.open_journal(storage),
        study_name=setup["recommender"],
        load_if_exists=True,
        direction="maximize",
        pruner=optuna.pruners.NopPruner(),  # see `_goes_on`
    )
    # More trials of the same search are no other search.
    ours, held = _canonical(setup), study.user_attrs.get("setup")
    if held is None:
        study.set_user_attr("setup", ours)
    elif held != ours:
        wrong = [key for key, value in json.loads(ours).items() if value != json.loads(held).get(key)]
        raise InputError(f"'{storage}' holds a search with other {', '.join(wrong)}. Give another file, or remove it.")
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)  # cut off; its place is drawn again
    return study


def _ask(study: optuna.Study, space: dict[str, Any], start: Mapping[str, Any], seed: Sequence[int]) -> Trial:
    """A trial with the settings of `start`, the others drawn.

    Seeded by itself, so that a search that goes on draws what an uninterrupted one would have drawn.
    """
    drawn = optuna.samplers.RandomSampler(int(np.random.SeedSequence(seed).generate_state(1)[0]))
    with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
        study.sampler = optuna.samplers.PartialFixedSampler(dict(start), drawn)
    return study.ask(space)


def _goes_on(study: optuna.Study, step: int, value: float, eta: int) -> bool:
    """Whether a value is among the best 1/eta of its rung so far, at least the best.

    Only trials that ended count. (Optuna's own pruner also counts those that were cut off and are drawn again.)
    """
    others = [trial.intermediate_values[step] for trial in _done(study) if step in trial.intermediate_values]
    rung = sorted([*others, value], reverse=True)
    return value >= rung[max(len(rung) // eta, 1) - 1]


def _canonical(setup: dict[str, Any]) -> str:
    budget = {key: value for key, value in setup["budget"].items() if key != "trials"}
    return json.dumps(setup | {"budget": budget}, sort_keys=True)


def _done(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _evaluate(
    trial: Trial,
    recommender: str,
    settings: dict[str, Any],
    split: Split,
    objective: Objective,
    budget: Budget,
    seed: int,
) -> float:
    """The objective at the full share; raises TrialPruned if a rung stops the trial before, or training diverges."""
    order = np.random.default_rng(seed).permutation(split.test.n_sessions)
    resource = RESOURCES.get(recommender)
    whole: Any = recommenders.create(recommender, **settings)
    if resource is None:
        whole.fit(split.train)
    value = float("nan")
    with tempfile.TemporaryDirectory() as folder:
        for rung, share in enumerate(budget.shares):
            trial.set_user_attr("rung", rung)
            if resource is None:
                test = split.test.select(order[: max(1, round(share * len(order)))])
                value = _value(whole, test, split.train.support, objective)
            else:
                part = settings | {resource: max(1, round(share * getattr(whole.config, resource)))}
                try:
                    trained: Any = recommenders.create(recommender, **part)
                    trained.fit(split.train, checkpoint=Path(folder) / "checkpoint")
                    value = _value(trained, split.test, split.train.support, objective)
                except DivergedError as error:
                    log_.info("%s: %s", recommender, error)
                    raise optuna.TrialPruned from error
            trial.report(value, budget.eta**rung)
            if share < 1 and not _goes_on(trial.study, budget.eta**rung, value, budget.eta):
                raise optuna.TrialPruned
    return value


def _value(model: recommenders.Recommender, test: Sessions, support: np.ndarray, objective: Objective) -> float:
    prefixes = Prefixes(test)
    ranks = ranking.rank(model, prefixes, support)
    keep = prefixes.step >= objective.min_step
    if not keep.any():
        raise InputError(
            f"No validation target has {objective.min_step} events before it. Use a longer validation part."
        )
    return float(metrics.METRICS[objective.metric](ranks.above[keep], ranks.equal[keep], objective.k).mean())


def _result(study: optuna.Study, setup: dict[str, Any], fixed: dict[str, Any]) -> Tuned:
    done = _done(study)[: setup["budget"]["trials"]]
    complete = [t for t in done if t.state == TrialState.COMPLETE]
    if not complete:
        raise InputError(f"No trial of {setup['recommender']} reached the full evaluation; give a larger budget.")
    best = max(complete, key=lambda t: (t.value, -t.number))  # the earlier of equals
    shares = Budget(**setup["budget"]).shares
    rows = [
        {"value": t.value if t.state == TrialState.COMPLETE else None, "rung": t.user_attrs["rung"]}
        | {f"at {shares[r]:.3g}": t.intermediate_values.get(setup["budget"]["eta"] ** r) for r in range(len(shares))}
        | t.params
        for t in done
    ]
    first = {t.number: t.user_attrs["rung"] if setup["recommender"] in RESOURCES else 0 for t in done}
    spent = sum(sum(shares[first[t.number] : t.user_attrs["rung"] + 1]) for t in done)
    settings = fixed | applying(best.params)
    return Tuned(setup["recommender"], settings, cast(float, best.value), spent, pd.DataFrame(rows), setup)
