"""The verbs of `bench`: speed, always as a ratio measured in one run."""

from __future__ import annotations

import click

from audit_lib.commands.printing import AS_JSON, show
from audit_lib.measurements import baseline_speed, book_speed, growth, rank_speed, train_speed


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
    """Processor seconds of what computes the book's numbers: the ledger, and stage 08."""
    show(book_speed.measure(), as_json)


@bench.command("rank")
@AS_JSON
def bench_rank(as_json: bool) -> None:
    """Ranking against the bare score product, and simple recommenders over a large catalogue."""
    show(rank_speed.measure(), as_json)


@bench.command("baselines")
@click.option("--dataset", default="diginetica", show_default=True, help="Where V-SKNN is timed.")
@AS_JSON
def bench_baselines(dataset: str, as_json: bool) -> None:
    """V-SKNN against the wsknn package, and the latency of one answer by catalogue size."""
    show(baseline_speed.measure(dataset=dataset), as_json)
