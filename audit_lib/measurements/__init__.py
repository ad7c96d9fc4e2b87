"""Measurements of what is not ranks: each a function without arguments, whose table becomes a record.

    observations                  leaks, and the shuffle test, on every log
    beyond                        coverage, popularity and repeats of recommended lists
    validation                    every training on the validation part of its log
    engine_equality               fast engine against plain autograd, independent against official code
    official_behaviour, official_probes    what the official code does when it is run
    challengers_run               whether the code of other models runs
    train_speed, cuda_speed, book_speed, latency, growth    seconds and memory
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from audit_lib.errors import InputError, one_of
from audit_lib.study import committed, records

REGISTRY: dict[str, str] = {
    "official_equality": "audit_lib.measurements.engine_equality:against_official",
    "official_facts": "audit_lib.measurements.official_behaviour:probe_all",
    "challengers_run": "audit_lib.measurements.challengers_run:measure",
    "bench_train": "audit_lib.measurements.train_speed:measure",
    "bench_scaling": "audit_lib.measurements.train_speed:scaling",
    "bench_growth": "audit_lib.measurements.growth:measure",
    "bench_book": "audit_lib.measurements.book_speed:measure",
    "bench_cuda": "audit_lib.measurements.cuda_speed:measure",
    "leakage": "audit_lib.measurements.observations:leakage",
    "shuffle": "audit_lib.measurements.observations:shuffle",
    "order_dial": "audit_lib.measurements.observations:order_dial",
    "beyond": "audit_lib.measurements.beyond:measure",
    "latency": "audit_lib.measurements.latency:measure",
    "validation": "audit_lib.measurements.validation:measure",
}

# The row of `official_equality` that shows a difference on purpose; here, where to read it takes no torch.
TAIL_CASE = "effect of the official tail"


def make(name: str, *, folder: Path | None = None) -> Path:
    """Measures, and writes the record. Raises InputError for an unknown name, and for what the tests measure."""
    if name in records.OF_THE_TESTS:
        raise InputError(f"The tests measure '{name}': `python -m {records.command(name)}`.")
    module, function = REGISTRY[one_of("record", name, REGISTRY)].split(":")
    return records.write(name, getattr(import_module(module), function)(), folder=folder)


def latest(name: str, *, live: bool) -> pd.DataFrame:
    """The record; or, if `live` and the official code is there, a measurement made now, with the like of its attrs."""
    if not live or records.official() is None:
        return records.read(name)
    with TemporaryDirectory() as folder:
        make(name, folder=Path(folder))
        return records.read(name, folder=Path(folder))


def measure(name: str) -> Path:
    """Makes a record, among the book's evidence, which is sealed again; returns its path."""
    return committed.seal_record(make(name))
