"""The command line: `python -m audit_lib VERB`. Every verb is a few lines over the library."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import click
import pandas as pd

from audit_lib import evidence, metrics, study
from audit_lib.errors import AuditError

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
@click.option("--columns", help="Names of an own log: SessionId=sid,ItemId=iid,Time=ts.")
@click.option("--test-days", type=float, help="Length of the test part of a temporal split.")
@click.option("--recommender", required=True, help="A name of the registry of recommenders.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the recommender.")
@click.option("--seed", default=0, show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Evidence folder. [default: runs/evidence]")
@click.option("--fresh", is_flag=True, help="Run even if this evidence exists.")
def rank(
    dataset: str, columns: str | None, test_days: float | None, recommender: str, settings: tuple[str, ...],
    seed: int, device: str, out: Path | None, fresh: bool,
) -> None:  # fmt: skip
    """Train a recommender, rank every target, write evidence, print its path."""
    parsed = study.parse_settings(settings)
    data, split = study.prepare(dataset, columns=columns, test_days=test_days)
    run = study.run(
        data, split, recommender, seed=seed, device=device, out=out, fresh=fresh, progress=True, **parsed
    )
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
    rows = []
    for path in files:
        run = evidence.read(path)
        keep = run.targets["step"] >= min_step
        table = metrics.summary(
            run.ranks[keep], run.targets["session"][keep], (*cutoffs, *more) or metrics.CUTOFFS, ties=ties,
            n_items=run.n_items,
        )  # fmt: skip
        about = {"dataset": run.dataset, "recommender": run.recommender, "seed": run.seed, "ties": ties}
        rows += [about | {"metric": m, "k": k, **values} for (m, k), values in table.to_dict("index").items()]
    show(pd.DataFrame(rows), as_json)


def _split_numbers(paths: tuple[Path, ...]) -> tuple[list[Path], list[int]]:
    """Lets `--k 1 5 10 20` be written as elsewhere: bare numbers after it are cutoffs, not paths."""
    numbers = [int(str(path)) for path in paths if str(path).isdigit() and not path.exists()]
    return [path for path in paths if not (str(path).isdigit() and not path.exists())], numbers


@cli.command()
@AS_JSON
def demo(as_json: bool) -> None:
    """Popularity against Markov on synthetic data, with the best that is possible."""
    data, split = study.prepare("synthetic")
    rows = []
    for name, settings in (
        ("popularity", {}), ("session_popularity", {}), ("markov", {}), ("oracle", {"generator": "synthetic"}),
    ):  # fmt: skip
        run = study.run(data, split, name, **settings)
        table = metrics.summary(run.ranks, run.targets["session"], (5, 10, 20), n_items=run.n_items)["micro"]
        rows.append({"recommender": name} | {f"{m}@{k}": value for (m, k), value in table.items()})
    show(pd.DataFrame(rows), as_json)


@cli.command()
@AS_JSON
def doctor(as_json: bool) -> None:
    """What this machine has, and what can run here."""
    from audit_lib.doctor import examine

    show(pd.DataFrame(examine()), as_json)


@cli.group()
def bench() -> None:
    """Speed, always as a ratio measured in one run."""


@bench.command("train")
@AS_JSON
def bench_train(as_json: bool) -> None:
    """Training GRU4Rec: ours, the official code if it is in vendor/, and the floor."""
    from audit_lib.bench import train

    show(train.measure(), as_json)


@bench.command("scaling")
@AS_JSON
def bench_scaling(as_json: bool) -> None:
    """Training speed and memory against items, units and negatives."""
    from audit_lib.bench import train

    show(train.scaling(), as_json)


@bench.command("rank")
@AS_JSON
def bench_rank(as_json: bool) -> None:
    """Ranking against the bare score product, and simple recommenders over a large catalogue."""
    from audit_lib.bench import rank

    show(rank.measure(), as_json)


def main(arguments: list[str] | None = None) -> Any:
    """Entry point: an error of ours is one message on standard error and exit status 1, not a traceback."""
    try:
        return cli(arguments, standalone_mode=False)
    except AuditError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("Stopped.", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
