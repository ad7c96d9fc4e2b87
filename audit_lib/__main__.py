"""The command line: `python -m audit_lib VERB`. Every verb is a few lines over the library."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import click
import pandas as pd

from audit_lib.commands import entry
from audit_lib.commands.logs import (
    about_runs,
    check_log,
    cutoffs_of,
    describe,
    of_log,
    say_notes,
    say_predictions,
)
from audit_lib.commands.progress import heartbeat
from audit_lib.commands.shards import shard
from audit_lib.commands.study import COMMANDS
from audit_lib.data import checks, datasets, synthetic
from audit_lib.data.preparing import parse_settings, prepare
from audit_lib.errors import InputError
from audit_lib.evaluation import comparisons, metrics, resampling, sampled, winners
from audit_lib.files import sha256
from audit_lib.recommenders.gru4rec import vendor
from audit_lib.study import evidence, running

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-v", "--verbose", is_flag=True, help="Say more.")
def cli(verbose: bool) -> None:
    """GRU4Rec: reproduction and audit."""
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(message)s")


def show(table: pd.DataFrame, as_json: bool) -> None:
    """Prints a table, or one JSON array of its rows."""
    if as_json:
        click.echo(json.dumps(json.loads(table.to_json(orient="records", double_precision=15)), indent=1))
    else:
        click.echo(table.to_string(index=False, float_format=lambda x: f"{x:.4f}"))


@cli.command()
@click.option("--dataset", required=True, help="A name of the registry, or the path of an own log.")
@of_log
@click.option("--recommender", required=True, help="A name of the registry of recommenders.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the recommender.")
@click.option("--seed", default=0, show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Evidence folder. [default: runs/evidence]")
@click.option("--fresh", is_flag=True, help="Run even if this evidence exists.")
def rank(
    dataset: str, columns: str | None, time_unit: str | None, test_days: float | None, min_item_support: int | None,
    recommender: str, settings: tuple[str, ...], seed: int, device: str, out: Path | None, fresh: bool,
) -> None:  # fmt: skip
    """Train a recommender, rank every target, write evidence, print its path."""
    parsed = running.recommender_settings(settings)
    running.create(recommender, seed=seed, device=device, **parsed)  # a wrong setting is said at once
    data, split = prepare(
        dataset, columns=columns, time_unit=time_unit, test_days=test_days, min_item_support=min_item_support
    )
    say_notes(data)
    with heartbeat(f"{recommender} on {data.name}"):
        run = running.run(
            data, split, recommender, seed=seed, device=device, out=out, fresh=fresh, progress=True, **parsed
        )
    say_predictions([len(run.ranks)])
    click.echo(run.path)


@cli.command("metrics")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--k", "cutoffs", multiple=True, type=int, help="Cutoffs, as in --k 1 5 10. [default: 1 5 10 20]")
@click.option("--ties", default="conservative", show_default=True, type=click.Choice(metrics.TIES))
@click.option("--min-step", default=1, show_default=True, help="Only targets with at least this many events before.")
@AS_JSON
def metrics_(paths: tuple[Path, ...], cutoffs: tuple[int, ...], ties: str, min_step: int, as_json: bool) -> None:
    """Recall, MRR and NDCG of evidence files."""
    files, more = _split_numbers(paths)
    checks.at_least("min_step", 1, min_step)
    runs = [evidence.read(path) for path in files]
    chosen = cutoffs_of((*cutoffs, *more), runs)
    rows, counts = [], []
    for run, about in zip(runs, about_runs(runs), strict=True):
        keep = run.targets["step"] >= min_step
        table = metrics.summary(
            run.ranks[keep], run.targets["session"][keep], chosen, ties=ties, n_items=run.n_items
        )  # fmt: skip
        counts.append(int(keep.sum()))
        about |= {"predictions": counts[-1], "ties": ties}
        rows += [about | {"metric": m, "k": k, **values} for (m, k), values in table.to_dict("index").items()]
    say_predictions(counts)
    show(pd.DataFrame(rows), as_json)


def _split_numbers(paths: tuple[Path, ...]) -> tuple[list[Path], list[int]]:
    """Lets `--k 1 5 10 20` be written as elsewhere: bare numbers after it are cutoffs, not paths."""
    files = [path for path in paths if path.exists() or not str(path).isdecimal()]
    if not files:
        raise click.UsageError("Give at least one evidence file.")
    return files, [int(str(path)) for path in paths if path not in files]


@cli.command("sampled")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--negatives", default=100, show_default=True, help="Negatives sampled per target.")
@click.option("--sampling", default="uniform", show_default=True, type=click.Choice(sampled.SAMPLINGS))
@click.option("--k", "cutoffs", multiple=True, type=int, help="Cutoffs, as in --k 1 5 10. [default: 1 5 10 20]")
@click.option("--ties", default="conservative", show_default=True, type=click.Choice(metrics.TIES))
@click.option("--winners", "pairs", is_flag=True, help="For every pair, the probability of naming the wrong winner.")
@AS_JSON
def sampled_(
    paths: tuple[Path, ...], negatives: int, sampling: str, cutoffs: tuple[int, ...], ties: str, pairs: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Exact expectation of sampled metrics beside the full ones, of evidence files."""
    files, more = _split_numbers(paths)
    runs = [evidence.read(path) for path in files]
    cutoffs = cutoffs_of((*cutoffs, *more), runs)
    checks.at_least("negatives", 1, negatives)
    options = {"n": negatives, "sampling": sampling, "ties": ties}
    table = winners.by_metric(runs, cutoffs, **options) if pairs else sampled.by_metric(runs, cutoffs, **options)
    show(table, as_json)


@cli.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--k", "cutoffs", multiple=True, type=int, help="Cutoffs, as in --k 1 5 10. [default: 1 5 10 20]")
@click.option("--ties", default="conservative", show_default=True, type=click.Choice(metrics.TIES))
@click.option("--average", default="micro", show_default=True, type=click.Choice(resampling.AVERAGES))
@click.option("--margin", type=float, help="Also test equivalence: 0.01 is one point of Recall.")
@click.option("--seed", default=0, show_default=True, help="Of the resamples.")
@AS_JSON
def compare(
    paths: tuple[Path, ...],
    cutoffs: tuple[int, ...],
    ties: str,
    average: str,
    margin: float | None,
    seed: int,
    as_json: bool,
) -> None:
    """A minus B, two evidence files on the same targets: difference, 95 % interval over sessions, p and Holm's p.

    With a margin also whether the two are equivalent: two one-sided tests at 5 %, row by row.
    """
    files, more = _split_numbers(paths)
    if len(files) != 2:
        raise click.UsageError(f"compare takes two evidence files, not {len(files)}.")
    a, b = (evidence.read(path) for path in files)
    chosen = cutoffs_of((*cutoffs, *more), [a, b])
    table = comparisons.compare_runs(a, b, chosen, ties=ties, average=average, margin=margin, seed=seed)
    show(table, as_json)


@cli.command()
@click.argument("names", nargs=-1, required=True)
def fetch(names: tuple[str, ...]) -> None:
    """Get data sets by name, from a mirror, the cache or their source, or 'official' (the authors' GRU4Rec).

    Hashes, and the official code's commit, are verified.
    """
    for name in names:
        if name == "official":
            click.echo(vendor.fetch_official())
            continue
        files = datasets.fetch(name)
        for path in files:
            click.echo(f"{name}: {path} (sha256 {sha256(path)})")
        if not files:
            click.echo(f"{name}: generated, there is nothing to fetch")


@cli.command()
@click.option("--preset", default="synthetic", show_default=True, help="A synthetic data set.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the generator.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A .tsv or .parquet file.")
def synth(preset: str, settings: tuple[str, ...], out: Path) -> None:
    """Write a synthetic log whose law is known."""
    config = synthetic.preset(preset, parse_settings(settings))
    click.echo(synthetic.write(config, out))


@cli.command()
@click.option("--dataset", required=True, help="A name of the registry, or the path of an own log.")
@of_log
@click.option("--recommender", required=True, help="A name of the registry of recommenders.")
@click.option("--trials", default=40, show_default=True, help="Settings to try; the budget rule is in `tuning`.")
@click.option("--metric", default="Recall", show_default=True, type=click.Choice(list(metrics.METRICS)))
@click.option("--k", default=20, show_default=True)
@click.option("--min-step", default=1, show_default=True, help="Only targets with at least this many events before.")
@click.option("--seed", default=0, show_default=True)
@click.option("--storage", type=click.Path(path_type=Path), help="Where trials are kept, to go on after a stop.")
@click.option("--save", is_flag=True, help="Keep the result as the tuned settings of this data set.")
def tune(
    dataset: str, columns: str | None, time_unit: str | None, test_days: float | None, min_item_support: int | None,
    recommender: str, trials: int, metric: str, k: int, min_step: int, seed: int, storage: Path | None, save: bool,
) -> None:  # fmt: skip
    """Search settings on a validation split of train, as long as the test part; print how they were found."""
    from audit_lib.study import presets, spaces, tuning

    checks.at_least("min_step", 1, min_step)
    checks.at_least("seed", 0, seed)
    data, split = prepare(
        dataset, columns=columns, time_unit=time_unit, test_days=test_days, min_item_support=min_item_support
    )
    say_notes(data)
    checks.cutoffs([k], split.train.n_items)
    if save and data.source is None:
        raise InputError(f"{data.name} is an own log: settings are kept by name for data sets of the registry alone.")
    with heartbeat(f"the search for {recommender} on {data.name}"):
        found = tuning.tune(
            recommender, split.train, **tuning.stretch_of(split),
            min_item_support=split.summary["min_item_support"], objective=tuning.Objective(metric, k, min_step),
            budget=tuning.Budget(trials), seed=seed, storage=storage, fixed=presets.fixed_for(recommender, data.name),
            starts=spaces.STARTS.get(recommender, ()),
        ).manifest()  # fmt: skip
    if save:
        presets.save(data.name, recommender, found)
    click.echo(json.dumps(found, indent=1, ensure_ascii=False))


@cli.command()
@AS_JSON
def demo(as_json: bool) -> None:
    """Popularity against Markov on synthetic data, with the best that is possible."""
    data, split = prepare("synthetic")
    rows = []
    for name, settings in (
        ("popularity", {}), ("session_popularity", {}), ("markov", {}), ("oracle", {"generator": "synthetic"}),
    ):  # fmt: skip
        run = running.run(data, split, name, **settings)
        table = metrics.summary(run.ranks, run.targets["session"], (5, 10, 20), n_items=run.n_items)["micro"]
        rows.append({"recommender": name} | {f"{m}@{k}": value for (m, k), value in table.items()})
    show(pd.DataFrame(rows), as_json)


@cli.command()
@click.argument("names", nargs=-1, required=True)
def record(names: tuple[str, ...]) -> None:
    """Measure what the book shows from records: official_equality, official_facts, bench_train, bench_rank …"""
    from audit_lib.measurements import measure

    for name in names:
        click.echo(measure(name))


@cli.command("readme")
def readme_() -> None:
    """Bring the tables of README.md and README.es.md up to date with the committed evidence."""
    from book.press import readme

    changed = readme.update()
    click.echo("\n".join(f"{path.name} was brought up to date" for path in changed) or "Both are up to date.")


@cli.command()
@AS_JSON
def doctor(as_json: bool) -> None:
    """What this machine has, and what can run here."""
    from audit_lib.commands.doctor import examine

    show(pd.DataFrame(examine()), as_json)


@cli.group()
def bench() -> None:
    """Speed, always as a ratio measured in one run."""


@bench.command("train")
@AS_JSON
def bench_train(as_json: bool) -> None:
    """Training GRU4Rec: ours, the official code if it is in vendor/, and the floor."""
    from audit_lib.measurements import train_speed

    show(train_speed.measure(), as_json)


@bench.command("scaling")
@AS_JSON
def bench_scaling(as_json: bool) -> None:
    """Training speed and memory against items, units and negatives."""
    from audit_lib.measurements import train_speed

    show(train_speed.scaling(), as_json)


@bench.command("growth")
@AS_JSON
def bench_growth(as_json: bool) -> None:
    """Splitting and ranking logs of growing size: seconds, memory, and what 10^8 events would take."""
    from audit_lib.measurements import growth

    show(growth.measure(), as_json)


@bench.command("rank")
@AS_JSON
def bench_rank(as_json: bool) -> None:
    """Ranking against the bare score product, and simple recommenders over a large catalogue."""
    from audit_lib.measurements import rank_speed

    show(rank_speed.measure(), as_json)


@bench.command("baselines")
@click.option("--dataset", default="diginetica", show_default=True, help="Where V-SKNN is timed.")
@AS_JSON
def bench_baselines(dataset: str, as_json: bool) -> None:
    """V-SKNN against the wsknn package, and the latency of one answer by catalogue size."""
    from audit_lib.measurements import baseline_speed

    show(baseline_speed.measure(dataset=dataset), as_json)


for _command in (*COMMANDS, describe, check_log, shard):
    cli.add_command(_command)


def main(arguments: list[str] | None = None) -> Any:
    """Entry point."""
    return entry.run(cli, arguments)


if __name__ == "__main__":
    main()
