"""The results of the study: evidence in a folder, values of runs with their intervals, and what is compared with what.

Where evidence is missing, `NotYet` names it; nothing is trained here, and no data set is read.
Which training and which simple recommender stand for their side is said by `headline`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.data.datasets import REGISTRY
from audit_lib.data.registry import Generated
from audit_lib.errors import MissingError
from audit_lib.evaluation.counts import Counts
from audit_lib.evaluation.metrics import K
from audit_lib.evaluation.resampling import Measured, Resampling
from audit_lib.evaluation.sampled import expectation
from audit_lib.evaluation.winners import reversals as reversed_pairs
from audit_lib.files import COMMITTED
from audit_lib.study import plan, records
from audit_lib.study.evidence import Run
from audit_lib.study.literature_values import min_step
from audit_lib.study.plan import Experiment

ENGINES = ("gru4rec", "gru4rec_2016", "gru4rec_official")
SIMPLE = "simple"  # the group of the simple recommenders with their default settings
CONTROLS = ("seed_demo", "movielens_100k")  # items drawn independently; ratings entered in bulk: no real click logs
MAIN = {"seed_demo": "demo"}  # the group in which GRU4Rec ran, where it is not 'headline'
# The groups in which GRU4Rec was trained as it should be, and how.
TRAININGS = {
    "headline": "Cross-entropy", "headline_bpr_max": "BPR-max", "third_party_bpr_max": "BPR-max",
    "headline_tuned": "Tuned on validation",
}  # fmt: skip
SIMPLE_GROUPS = ("simple", "literature", "tuned")  # of the study: the same recommenders in three settings


class NotYet(Exception):
    """Evidence that is not there: its arguments name it, each piece by itself."""


@dataclass(eq=False)
class Book:
    """The evidence in a folder, each file read once. study: the list of experiments it belongs to."""

    folder: Path = COMMITTED
    study: Path = plan.STUDY
    _planned: dict[Any, tuple[Experiment, ...]] = field(default_factory=dict)
    _runs: dict[Any, Run | None] = field(default_factory=dict)
    _records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _sampled: dict[Any, tuple[pd.DataFrame, int]] = field(default_factory=dict)

    def planned(self, **wanted: Any) -> tuple[Experiment, ...]:
        """The experiments of the study with these fields."""
        key = tuple(sorted((name, str(value)) for name, value in wanted.items()))
        if key not in self._planned:
            self._planned[key] = plan.select(plan.plan(self.study), dict(key))
        return self._planned[key]

    def run_of(self, experiment: Experiment) -> Run | None:
        """Its evidence, None if there is none."""
        key = experiment.id
        if key not in self._runs:
            self._runs[key] = plan.evidence_of(experiment, self.folder)
        return self._runs[key]

    def present(self, **wanted: Any) -> list[Run]:
        """The evidence there is of these experiments, by seed."""
        return [run for run in map(self.run_of, self.planned(**wanted)) if run is not None]

    def runs(self, **wanted: Any) -> list[Run]:
        """The evidence of all these experiments. Raises NotYet, naming those without, or if none is planned."""
        chosen = self.planned(**wanted)
        missing = [experiment.id for experiment in chosen if self.run_of(experiment) is None]
        if missing or not chosen:
            raise NotYet(*(missing or [f"{key} = {value}" for key, value in wanted.items()]))
        return self.present(**wanted)

    def record(self, name: str) -> list[dict[str, Any]]:
        """The rows of a record (see `records`). Raises NotYet if it has not been made."""
        if name not in self._records:
            try:
                self._records[name] = records.read(name, folder=self.folder / "records").to_dict("records")
            except MissingError as error:
                raise NotYet(f"records/{name}.json") from error
        return self._records[name]

    def recommenders(self, dataset: str) -> dict[str, Run]:
        """One run of each recommender on the default split of a data set: the simple ones, and GRU4Rec's first seed."""
        found = self.present(dataset=dataset, group=SIMPLE) + self.present(dataset=dataset, group=main_group(dataset))
        return {run.recommender: run for run in sorted(found, key=lambda run: -run.seed)}

    def sampled(self, dataset: str, n: int) -> pd.DataFrame:
        """recommender, full, sampled: Recall@20 and its exact expectation under n uniform negatives."""
        return self._under_sampling(dataset, n)[0]

    def reversed(self, dataset: str, n: int) -> int:
        """How many pairs of these recommenders are reversed (see `winners`)."""
        return self._under_sampling(dataset, n)[1]

    def _under_sampling(self, dataset: str, n: int) -> tuple[pd.DataFrame, int]:
        if (dataset, n) not in self._sampled:
            runs, full, sampled = self.recommenders(dataset), [], []
            for run in runs.values():
                counts = Counts.of_run(run)
                full.append(run.values("Recall"))
                sampled.append(expectation(counts, "Recall", n=min(n, counts.pool), k=K))
            values = {"full": [x.mean() for x in full], "sampled": [x.mean() for x in sampled]}
            turned = 0
            if len(runs) > 1:
                turned = int(reversed_pairs(full, sampled, run.resampling()).sum()) // 2
            self._sampled[dataset, n] = pd.DataFrame({"recommender": list(runs), **values}), turned
        return self._sampled[dataset, n]


def main_group(dataset: str) -> str:
    """The group of experiments in which GRU4Rec ran on a data set."""
    return "synthetic" if isinstance(REGISTRY[dataset].get, Generated) else MAIN.get(dataset, "headline")


def values_of(
    runs: Iterable[Run], metric: str = "Recall", k: int = K, min_step: int = 1
) -> tuple[np.ndarray, Resampling]:
    """(R, Q) values of several runs on the same targets with that many events before them, and their resampling."""
    runs = list(runs)
    return np.stack([run.values(metric, k, min_step=min_step) for run in runs]), runs[0].resampling(min_step)


def over(runs: Iterable[Run], metric: str = "Recall", k: int = K, min_step: int = 1) -> Measured:
    """The mean over seeds, with its interval over sessions and seeds."""
    values, drawn = values_of(runs, metric, k, min_step)
    return drawn.over_seeds(values)


def mean_over(runs: Iterable[Run], metric: str = "Recall", k: int = K, min_step: int = 1) -> float:
    """The estimate of `over` to the last bit, without its interval: nothing is resampled."""
    values, drawn = values_of(runs, metric, k, min_step)
    return float(drawn.observed(values).mean())


def spread(runs: Iterable[Run], metric: str = "Recall", k: int = K) -> float:
    """The standard deviation of a metric over seeds, NaN with one."""
    values, drawn = values_of(runs, metric, k)
    return float(drawn.observed(values).std(ddof=1)) if len(values) > 1 else float("nan")


def paired(
    first: Iterable[Run], second: Iterable[Run], metric: str = "Recall", k: int = K, min_step: int = 1
) -> tuple[np.ndarray, np.ndarray, Resampling]:
    """(R, Q) values of both over the seeds that both have, and their resampling; R = 0 if they share none.

    A recommender that has no seeds is the same beside every seed of the other.
    """
    one, other = ({run.seed: run for run in runs} for runs in (first, second))
    for mine, theirs in ((one, other), (other, one)):
        if len(mine) == 1 and next(iter(mine.values())).recommender not in ENGINES:
            mine |= dict.fromkeys(theirs, *mine.values())
    seeds = sorted(one.keys() & other.keys())
    if not seeds:
        return np.empty((0, 0)), np.empty((0, 0)), Resampling.of(np.empty(0))
    a, drawn = values_of([one[seed] for seed in seeds], metric, k, min_step)
    b, _ = values_of([other[seed] for seed in seeds], metric, k, min_step)
    return a, b, drawn


def counted_logs(book: Book) -> list[str]:
    """The real logs of counts and shares: not the generated demo and the negative control."""
    return [name for name in real_datasets(book) if name not in CONTROLS]


def real_datasets(book: Book) -> list[str]:
    """Data sets of the study that are not generated, with evidence of at least one recommender."""
    names = dict.fromkeys(e.dataset for e in plan.plan(book.study))
    return [n for n in names if not isinstance(REGISTRY[n].get, Generated) and book.recommenders(n)]


def mean_of(run: Run, metric: str = "Recall") -> float:
    """A metric of one run over the targets that count, without an interval, which takes longer."""
    return float(run.values(metric, min_step=min_step(run.dataset)).mean())


def trainings(book: Book, dataset: str) -> Iterator[tuple[str, str, list[Run]]]:
    """Group, engine and runs, one a seed, of every training of GRU4Rec as it should be that has evidence."""
    for group in TRAININGS:
        for engine in ENGINES:
            if runs := book.present(dataset=dataset, group=group, recommender=engine, variant=None):
                yield group, engine, runs
