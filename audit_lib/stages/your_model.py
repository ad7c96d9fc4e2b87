"""The page on one model: where it stands on the same targets, and what can be said of it. From evidence alone.

The model is any evidence: of this library, or of another one through `study.outside`. Beside it stand the recommenders
of the study on the same targets, each with the settings that are best in validation, and the evidence that lies in the
same folder. Nothing is trained, and no data set is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from audit_lib.data import datasets
from audit_lib.data.registry import REGISTRY
from audit_lib.errors import InputError, MissingError
from audit_lib.evaluation.resampling import Measured, Resampling
from audit_lib.files import PROJECT
from audit_lib.stages.prepared import cutoff_of
from audit_lib.study import evidence, headline, releases, results
from audit_lib.study.evidence import Run
from audit_lib.study.literature_values import min_step
from audit_lib.study.results import Book, K, mean_over, values_of


@dataclass(frozen=True)
class Standing:
    """A model beside others on the same targets. runs: one a seed, the model's and by name those of the others."""

    runs: list[Run]
    others: dict[str, list[Run]]

    @property
    def name(self) -> str:
        """What the model calls itself."""
        return self.runs[0].recommender

    @property
    def k(self) -> int:
        """The cutoff: 20, or what the model's lists and a small catalogue allow."""
        first = self.runs[0]
        return min(first.up_to or K, cutoff_of(first.n_items))

    @property
    def first(self) -> int:
        """From how many events before it a target counts, as in the publication whose values are copied."""
        return min_step(self.runs[0].dataset)

    @property
    def everybody(self) -> dict[str, list[Run]]:
        """The model, then the others."""
        return {self.name: self.runs, **self.others}

    @cached_property
    def recall(self) -> pd.Series:
        """Recall at K of everybody, the mean over seeds, the best first."""
        found = {name: mean_over(runs, "Recall", self.k, self.first) for name, runs in self.everybody.items()}
        return pd.Series(found).sort_values(ascending=False, kind="stable")

    @property
    def best(self) -> str:
        """The other with the highest Recall at K."""
        return next(str(name) for name in self.recall.index if name != self.name)

    def less(self, other: str, metric: str) -> tuple[Measured, float]:
        """The model less another: the difference with its interval over sessions and seeds; p of the first seeds."""
        a, b, drawn = self.paired(other, metric)
        return drawn.difference(a, b), drawn.p_value(a[0], b[0])

    def paired(self, other: str, metric: str) -> tuple[np.ndarray, np.ndarray, Resampling]:
        """Values of both by seed; where they share none, every seed of one beside the mean of the other's."""
        a, b, drawn = results.paired(self.runs, self.others[other], metric, self.k, self.first)
        if len(a):
            return a, b, drawn
        a, drawn = values_of(self.runs, metric, self.k, self.first)
        b, _ = values_of(self.others[other], metric, self.k, self.first)
        return (a, b.mean(0, keepdims=True), drawn) if len(a) > 1 else (a, b, drawn)


def standing(dataset: str = "", evidence_files: str = "", *, book: Book | None = None) -> Standing:
    """The model and its rivals, from the parameters of the page.

    evidence_files: paths of the model's evidence, by commas, one a seed, from here or from the project; '' for a model
    from outside on that data set that was evaluated here, or that is kept with the book, or an example from there.
    Raises MissingError if there is none, InputError if the files are not of one model on one split.
    """
    book = book or Book()
    paths = [Path(text.strip()) for text in evidence_files.split(",") if text.strip()]
    runs = [evidence.read(path if path.exists() else PROJECT / path) for path in paths]
    name = datasets.name_of(dataset) or "*"
    runs = runs or _kept(evidence.root(), name) or _kept(book.folder, name) or _kept(book.folder, "*")
    if not runs:
        raise MissingError("No evidence of a model from outside is kept here. Give yours as the parameter evidence.")
    if len({(run.recommender, run.manifest["targets_sha256"]) for run in runs}) > 1:
        raise InputError("The evidence is of several models or splits. Give that of one model, a file a seed.")
    return Standing(runs, _rivals(book, runs[0]))


def _kept(folder: Path, dataset: str) -> list[Run]:
    """The runs of the first model from outside, not of lists, that a folder has on a data set, or on any ("*")."""
    outside = [run for run in evidence.outside_runs(folder, dataset) if run.up_to is None]
    config = lambda run: (run.path.parent, run.path.stem.rpartition("-s")[0])  # noqa: E731
    return [run for run in outside if config(run) == config(outside[0])]


def _rivals(book: Book, run: Run) -> dict[str, list[Run]]:
    """By name, best settings first found: of the study, then what lies beside the model's evidence."""
    found: dict[str, list[Run]] = {}
    if run.dataset in REGISTRY:
        if headline.of(book, run.dataset) is not None:
            sides = headline.by_recommender(book, run.dataset)
            found = {name: list(side.runs) for name, side in sides.items()}
        for rung in releases.rungs():
            if rung.recommender == "gru4rec_2016" and (runs := releases.runs_of(book, rung, run.dataset)):
                found[rung.recommender] = runs
    for path in sorted(run.path.parent.parent.glob("*/*.json")):
        if path.parent != run.path.parent and path.with_suffix(".parquet").is_file():
            other = evidence.read(path)
            found.setdefault(other.recommender, [other])
    same = run.manifest["targets_sha256"]
    kept = {name: [r for r in runs if r.manifest["targets_sha256"] == same] for name, runs in found.items()}
    kept = {name: runs for name, runs in kept.items() if runs and name != run.recommender}
    if not kept:
        raise MissingError(
            "There is nothing on the same targets to compare with. Rank recommenders of this library first, as with "
            "`python -m audit_lib rank --recommender vsknn,markov,gru4rec`."
        )
    return kept
