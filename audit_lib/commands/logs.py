"""The verbs about logs: `fetch`, `synth`, `describe`, `check-log`, and the options that say how an own one is read."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from audit_lib.commands.preflight import few, preflight, split_facts
from audit_lib.commands.printing import AS_JSON
from audit_lib.data import datasets, large, synthetic
from audit_lib.data.datasets import Dataset
from audit_lib.data.preparing import columns_of, parse_settings, prepare, split_of
from audit_lib.data.reading.times import UNITS, date
from audit_lib.errors import AuditError
from audit_lib.files import sha256
from audit_lib.recommenders import vendored
from audit_lib.recommenders.challengers.codes import CODES
from audit_lib.recommenders.gru4rec import vendor

OF_LOG = (
    click.option("--columns", help="Names of an own log: SessionId=sid,ItemId=iid,Time=ts."),
    click.option(
        "--time-unit", type=click.Choice(UNITS), help="Of an own log: 'date' is yyyymmddHHMMSS, 'order' is no time."
    ),
    click.option("--test-days", type=float, help="Length of the test part of a temporal split."),
    click.option("--min-item-support", type=int, help="Events an item needs in the train part of a temporal split."),
)


def of_log(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say how an own log is read and split: arguments of `data.preparing.prepare`."""
    for option in reversed(OF_LOG):
        command = option(command)
    return command


def say_notes(dataset: Dataset) -> None:
    """Says what is worth knowing about an own log, on standard error (what is grave was logged by who read it)."""
    for note in dataset.notes:
        if not note.grave:
            click.echo(f"Note: {note.text}", err=True)


def say_predictions(counts: Iterable[int]) -> None:
    """Says on how many predictions metrics rest, on standard error, and warns where these are few."""
    for n in sorted(set(counts)):
        click.echo(f"{n:,} predictions.", err=True)
        if words := few(n):
            click.echo(f"Warning: {words}", err=True)


@click.command()
@click.argument("name_or_path")
@of_log
@AS_JSON
def describe(name_or_path: str, as_json: bool, **log: Any) -> None:
    """Statistics of a data set or an own log, over its sessions of two or more events, and how it would be split."""
    if large.is_large(name_or_path):
        dataset, split = prepare(name_or_path, **log)
        facts: dict[str, Any] = {"name": dataset.name, "time": dataset.time, "data_hash": dataset.data_hash}
        preview: dict[str, Any] | str = split_facts(dataset, split)
    else:
        dataset = datasets.load(name_or_path, columns=columns_of(log["columns"]), time_unit=log["time_unit"])
        facts = datasets.facts_of(dataset)
        facts |= {f"{end}_event": None if facts[f"time_{end}"] is None else date(facts[f"time_{end}"])
                  for end in ("first", "last")}  # fmt: skip
        try:
            options = {name: log[name] for name in ("test_days", "min_item_support")}
            preview = split_facts(dataset, split_of(dataset, **options))
        except AuditError as error:
            preview = str(error)
    if as_json:
        remarks = [note.text for note in dataset.notes]
        click.echo(json.dumps(facts | {"split_preview": preview, "remarks": remarks}, indent=1))
        return
    say_notes(dataset)
    click.echo("\n".join(f"{key:20}{value}" for key, value in facts.items()))
    if isinstance(preview, str):
        click.echo(f"No split: {preview}")
        return
    click.echo("As it is split:")
    click.echo("\n".join(f"  {key:22}{value}" for key, value in preview.items()))
    if words := few(int(preview["predictions"])):
        click.echo(f"Warning: {words}", err=True)


@click.command("check-log")
@click.argument("path")
@of_log
@click.option("--k", type=int, help="Length of the lists that the book measures.")
@click.option("--recommenders", "recommender_names", help="Names of simple recommenders, by commas.")
@click.option("--profile", help="How large the trainings of the book are: tiny, quick or full.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def check_log(path: str, as_json: bool, **settings: Any) -> None:
    """Say what a log holds, how it would be split and what is odd about it; exit 1 if it cannot become a book."""
    report = preflight(path, **settings)
    if as_json:
        found = {"ok": report.ok, "facts": report.facts, "findings": [vars(finding) for finding in report.findings]}
        click.echo(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        click.echo(report.text())
    if not report.ok:
        sys.exit(1)


@click.command()
@click.argument("names", nargs=-1, required=True)
def fetch(names: tuple[str, ...]) -> None:
    """Get data sets by name, from a mirror, the cache or their source; or code of others.

    That is 'official' (the authors' GRU4Rec) or 'srgnn' (SR-GNN). Hashes, and the commit of code, are verified.
    """
    for name in names:
        if code := {"official": vendor.OFFICIAL, **CODES}.get(name):
            click.echo(vendored.fetch(code))
            continue
        files = datasets.fetch(name)
        for path in files:
            click.echo(f"{name}: {path} (sha256 {sha256(path)})")
        if not files:
            click.echo(f"{name}: generated, there is nothing to fetch")


@click.command()
@click.option("--preset", default="synthetic", show_default=True, help="A synthetic data set.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the generator.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A .tsv or .parquet file.")
def synth(preset: str, settings: tuple[str, ...], out: Path) -> None:
    """Write a synthetic log whose law is known."""
    config = synthetic.preset(preset, parse_settings(settings))
    click.echo(synthetic.write(config, out))
