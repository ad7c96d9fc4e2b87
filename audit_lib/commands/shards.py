"""The verbs of ranking in shards: `shard fit`, `shard rank`, `shard merge`. workflows/shards.smk runs them in order."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from audit_lib.commands.logs import OF_LOG
from audit_lib.data.preparing import prepare
from audit_lib.errors import InputError
from audit_lib.study import running
from audit_lib.study import shards as sharding

OPTIONS = (
    click.option("--dataset", required=True, help="A name of the registry, or the path of an own log."),
    *OF_LOG,
    click.option("--recommender", required=True, help="A name of the registry of recommenders."),
    click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the recommender."),
    click.option("--seed", default=0, show_default=True),
    click.option("--device", default="cpu", show_default=True),
    click.option("--work", required=True, type=click.Path(path_type=Path), help="A folder that all machines see."),
)


def with_job(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options that say what is ranked, as one `shards.Job`."""

    @wraps(command)
    def run(
        dataset: str, columns: str | None, time_unit: str | None, test_days: float | None, min_item_support: int | None,
        recommender: str, settings: tuple[str, ...], seed: int, device: str, work: Path, **own: Any,
    ) -> None:  # fmt: skip
        parsed = running.recommender_settings(settings)
        data, split = prepare(
            dataset, columns=columns, time_unit=time_unit, test_days=test_days, min_item_support=min_item_support
        )
        command(sharding.Job(data, split, recommender, parsed, seed, device, work), **own)

    for option in reversed(OPTIONS):
        run = option(run)
    return run


@click.group()
def shard() -> None:
    """Rank in shards by session, each wherever there is room; merged, the evidence is that of one run."""


@shard.command()
@with_job
def fit(job: sharding.Job) -> None:
    """Train the recommender, and keep it for the shards."""
    click.echo(sharding.fit(job))


@shard.command()
@click.option("--shard", "which", required=True, metavar="K/N", help="Which one of how many, counted from 1.")
@with_job
def rank(job: sharding.Job, which: str) -> None:
    """Rank one shard with the trained recommender."""
    k, slash, n = which.partition("/")
    if not (slash and k.isdecimal() and n.isdecimal()):
        raise InputError(f"--shard {which} is not K/N, as in --shard 3/8.")
    click.echo(sharding.rank(job, int(k), int(n)))


@shard.command()
@click.option("--shards", required=True, type=click.IntRange(min=1), help="How many there are.")
@click.option("--out", type=click.Path(path_type=Path), help="Evidence folder. [default: runs/evidence]")
@with_job
def merge(job: sharding.Job, shards: int, out: Path | None) -> None:
    """Put the shards together, write evidence, print its path."""
    click.echo(sharding.collect(job, shards, out=out).path)
