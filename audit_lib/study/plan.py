"""The full study as data: `book/study.toml` expanded into single experiments, and which of them are done.

An experiment names a data set, a split, a recommender with its settings, and a seed. Whether it is done is seen from
the manifests alone, so that a clone without any data set can tell.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, Field

from audit_lib.data import datasets, preparing, splits
from audit_lib.data.datasets import REGISTRY, Dataset
from audit_lib.data.splits import Split
from audit_lib.errors import AuditError, InputError, one_of, unknown
from audit_lib.files import BOOK, COMMITTED, digest
from audit_lib.show.words import SPLITS
from audit_lib.study import epochs, evidence, presets, running
from audit_lib.study.evidence import Run

STUDY = BOOK / "study.toml"


class Closed(BaseModel, frozen=True, extra="forbid"):
    """A file that is read, or a part of one, which has these keys and no others."""

    @classmethod
    def from_file(cls, path: Path, what: str) -> Self:
        """The TOML file, checked. Raises InputError, which says that it is no `what`, if it is not as it should be."""
        try:
            return cls.model_validate(tomllib.loads(path.read_text("utf-8")))
        except (OSError, ValueError) as error:
            raise InputError(f"'{path}' is no {what}: {error}") from error


class Line(Closed):
    """One [[experiment]] of the file; `plan` expands it.

    every_epoch: it is ranked after each (see `epochs`). once: without a second training for validation.
    """

    group: str
    datasets: tuple[str, ...]
    recommenders: tuple[str, ...]
    settings: str
    variants: tuple[str, ...] = ()
    splits: tuple[str, ...] = ("default",)
    preparations: tuple[str, ...] = ("default",)
    seeds: tuple[int, ...] = Field(min_length=1)
    every_epoch: bool = False
    once: bool = False
    why: str


class Variant(Closed):
    """Settings changed for one ablation, and what it is called in text."""

    id: str
    label: str
    change: dict[str, Any]


class Preparation(Closed):
    """Another defensible way to prepare a data set that is split by time; what is not named stays as it is.

    test_share: length of the test part as a share of the usual one. `data.preparing.split_of` has the rest.
    """

    id: str
    label: str
    test_share: float = Field(1, gt=0)
    min_item_support: int | None = None
    collapse_repeats: bool = False


USUAL = Preparation(id="default", label="As usual")


class Record(Closed):
    """A measurement that is not ranks, by its name in `records`."""

    name: str
    why: str


class Study(Closed):
    """The whole file."""

    settings: dict[str, dict[str, Any]]
    variant: tuple[Variant, ...] = ()
    preparation: tuple[Preparation, ...] = ()
    experiment: tuple[Line, ...]
    record: tuple[Record, ...] = ()


@dataclass(frozen=True)
class Experiment:
    """One run of the study."""

    group: str
    dataset: str
    recommender: str
    settings: Mapping[str, Any]
    seed: int
    why: str
    split: str = "default"
    preparation: str = "default"
    variant: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)  # as the manifest states it
    every_epoch: bool = False
    once: bool = False

    @property
    def id(self) -> str:
        """A name for people and files: equal experiments have equal ids, whatever their group."""
        split = "" if self.split == "default" else f"-{self.split}"
        prepared = "" if self.preparation == "default" else f"-{self.preparation}"
        config = digest(self.config)[:8] + ("-epochs" if self.every_epoch else "")
        return f"{self.dataset}{split}{prepared}-{self.recommender}-{config}-s{self.seed}"


@cache
def read(path: Path = STUDY) -> Study:
    """The file, checked. Raises InputError if it is not as it should be."""
    return Study.from_file(path, "list of experiments")


@cache
def plan(path: Path = STUDY) -> tuple[Experiment, ...]:
    """Every experiment, in the order of the file. Raises InputError for a name or a setting that does not exist."""
    return tuple(experiment for line in read(path).experiment for experiment in _expand(line, read(path)))


def _expand(line: Line, whole: Study) -> Iterator[Experiment]:
    variants = {variant.id: variant for variant in whole.variant}
    for name in line.variants:
        one_of("variant", name, variants)
    for split in line.splits:
        one_of("split", split, SPLITS)
    prepared = ("default", *(preparation.id for preparation in whole.preparation))
    for name in line.preparations:
        one_of("preparation", name, prepared)
    chosen = product(line.datasets, line.splits, line.preparations, line.recommenders, line.variants or (None,))
    for dataset, split, preparation, recommender, variant in chosen:
        source = REGISTRY[one_of("data set", dataset, REGISTRY)]
        if preparation != "default" and source.split == "published":
            raise InputError(f"{dataset}: its authors prepared and split it; it cannot be prepared as '{preparation}'.")
        settings = _settings(line.settings, whole, dataset, recommender)
        if settings is None:
            continue
        settings = settings | (dict(variants[variant].change) if variant else {})
        config = running.config_of(recommender, settings)
        for seed in line.seeds:
            yield Experiment(
                line.group, dataset, recommender, settings, seed, line.why, split, preparation, variant, config,
                line.every_epoch, line.once,
            )  # fmt: skip


def _settings(kind: str, whole: Study, dataset: str, recommender: str) -> dict[str, Any] | None:
    """None where the literature, or our tuner, has no settings of this recommender on this data set."""
    if kind == "default":
        return {}
    if kind == "generator":
        return {"generator": dataset}
    if kind in ("literature", "tuned"):
        return presets.settings_of(recommender, dataset, kind)
    if kind not in whole.settings:
        raise unknown("settings", kind, (*whole.settings, "default", "generator", "literature", "tuned"))
    return dict(whole.settings[kind])


def select(experiments: tuple[Experiment, ...], only: Mapping[str, str]) -> tuple[Experiment, ...]:
    """Those whose fields have the wanted values, as text: {'dataset': 'diginetica', 'seed': '0'}."""
    known = ("id", "group", "dataset", "recommender", "seed", "variant", "split", "preparation")
    for key in only:
        one_of("field of an experiment", key, known)
    for key, value in only.items():
        experiments = tuple(e for e in experiments if str(getattr(e, key)) == value)
    return experiments


def manifest_of(experiment: Experiment, out: Path) -> Path | None:
    """The manifest of its evidence below `out`, None if there is none, or epochs are missing. Needs no data."""
    name = f"{digest(experiment.config)[:8]}-s{experiment.seed}.json"
    root = out / epochs.FOLDER if experiment.every_epoch else out
    places = (root / experiment.dataset).glob(f"{split_name(experiment)}-*/{experiment.recommender}/{name}")
    found = next((path for path in sorted(places) if path.with_suffix(".parquet").is_file()), None)
    if found is not None and experiment.every_epoch and not epochs.finished(found):
        return None
    return found


def split_name(experiment: Experiment) -> str:
    """The name of its split, as evidence states it."""
    if experiment.preparation != "default":
        return experiment.preparation
    return REGISTRY[experiment.dataset].split if experiment.split == "default" else experiment.split


def evidence_of(experiment: Experiment, out: Path | None = None) -> Run | None:
    """Its evidence, verified; None if it has not been run. out: by default the committed evidence of the book."""
    path = manifest_of(experiment, out or COMMITTED)
    return None if path is None else read_evidence(experiment, path)


def read_evidence(experiment: Experiment, path: Path) -> Run:
    """The evidence of an experiment, of its own kind, verified."""
    return epochs.read(path) if experiment.every_epoch else evidence.read(path)


def find(out: Path | None = None, *, path: Path = STUDY, **wanted: Any) -> list[Run]:
    """The evidence there is of the planned experiments with these fields, in the order of the plan."""
    chosen = select(plan(path), {key: str(value) for key, value in wanted.items()})
    return [run for run in (evidence_of(experiment, out) for experiment in chosen) if run is not None]


def pending(experiments: tuple[Experiment, ...], out: Path) -> list[Experiment]:
    """Those without evidence, each once although several groups may name it, data set by data set."""
    unique = {experiment.id: experiment for experiment in reversed(experiments)}
    order = {dataset: i for i, dataset in enumerate(dict.fromkeys(e.dataset for e in experiments))}
    missing = [e for e in reversed(unique.values()) if manifest_of(e, out) is None]
    return sorted(missing, key=lambda e: (order[e.dataset], e.split, e.preparation))


def makers() -> dict[str, str]:
    """By the id of a run, the id of the training (`once`) that writes it with its last epoch."""
    return {replace(experiment, every_epoch=False).id: experiment.id for experiment in plan() if experiment.once}


def split_of(experiment: Experiment, dataset: Dataset) -> Split:
    """The experiment's split of its data set.

    One of another preparation has its name, so that its evidence is not taken for that of the default split.
    """
    change = preparations()[experiment.preparation].model_dump(exclude={"id", "label"})
    honest = preparing.split_of(dataset, **change)
    if experiment.split == "default":
        return replace(honest, name=split_name(experiment))
    return flawed_split(experiment.split, dataset, honest)


def flawed_split(kind: str, dataset: Dataset, honest: Split) -> Split:
    """One of SPLITS but the first, with a test part of about the size of the honest one."""
    share = honest.test.n_sessions / (honest.test.n_sessions + honest.train.n_sessions)
    options = {"min_item_support": honest.summary["min_item_support"]}
    if kind == "leave_last_out":
        return splits.leave_last_out_split(dataset.log, **options)
    make = splits.random_session_split if kind == "random_sessions" else splits.random_event_split
    return make(dataset.log, test_fraction=share, seed=0, **options)


def run(experiments: list[Experiment], out: Path) -> Iterator[tuple[Experiment, Run | AuditError]]:
    """Runs each, loading a data set once for neighbours that share it; yields its evidence, or why there is none."""
    loaded: tuple[Any, Dataset, Split] | None = None
    for experiment in experiments:
        key = (experiment.dataset, experiment.split, experiment.preparation)
        try:
            if loaded is None or loaded[0] != key:
                loaded = None  # let the one before go first
                dataset = datasets.load(experiment.dataset)
                loaded = key, dataset, split_of(experiment, dataset)
            run_ = partial(epochs.run, once=experiment.once) if experiment.every_epoch else running.run
            found: Run | AuditError = run_(
                loaded[1], loaded[2], experiment.recommender, seed=experiment.seed, out=out, **experiment.settings
            )
        except AuditError as error:
            found = error
        yield experiment, found


def preparations() -> dict[str, Preparation]:
    """By id, with the usual one, which changes nothing, under 'default'."""
    return {preparation.id: preparation for preparation in (USUAL, *read().preparation)}


def label_of(variant: str, path: Path = STUDY) -> str:
    """What a variant is called in text, in English."""
    names = {v.id: v.label for v in read(path).variant}
    return names[one_of("variant", variant, names)]
