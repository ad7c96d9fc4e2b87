"""The verbs of `bench`: speed, always as a ratio measured in one run."""

from __future__ import annotations

import click

from audit_lib.commands.printing import AS_JSON, show
from audit_lib.measurements import book_speed, growth, train_speed


@click.group()
def bench() -> None:
    """Speed, always as a ratio measured in one run."""


@bench.command("train")
@AS_JSON
def bench_train(as_json: bool) -> None:
    """Training GRU4Rec: ours, the official code if it is in vendor/, and the floor."""
    show(train_speed.measure(), as_json)


@bench.command("scaling")
@AS_JSON
def bench_scaling(as_json: bool) -> None:
    """Training speed and memory against items, units and negatives."""
    show(train_speed.scaling(), as_json)


@bench.command("growth")
@AS_JSON
def bench_growth(as_json: bool) -> None:
    """Splitting and ranking logs of growing size: seconds, memory, and what 10^8 events would take."""
    show(growth.measure(), as_json)


@bench.command("book")
@AS_JSON
def bench_book(as_json: bool) -> None:
    """Processor seconds of the whole book, of one more sentence in it, of the ledger, and of stage 08."""
    show(book_speed.measure(), as_json)
