"""The verbs that train: `rank`, `tune` and `demo`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pandas as pd

from audit_lib.commands.logs import of_log, say_notes, say_predictions
from audit_lib.commands.printing import AS_JSON, show
from audit_lib.commands.progress import heartbeat
from audit_lib.data import checks
from audit_lib.data.preparing import prepare
from audit_lib.errors import InputError
from audit_lib.evaluation import metrics
from audit_lib.study import presets, running, spaces, tuning


@click.command()
@click.option("--dataset", required=True, help="A name of the registry, or the path of an own log.")
@of_log
@click.option(
    "--recommender", "names", multiple=True, help="A name of the registry of recommenders; several, by commas or again."
)
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of all of them; of one as vsknn.KEY=VALUE."
)
@click.option("--config", type=click.Path(path_type=Path), help="Settings in TOML; a table such as [vsknn] for one.")
@click.option("--seed", default=0, show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Evidence folder. [default: runs/evidence]")
@click.option("--save", type=click.Path(path_type=Path), help="A file for the trained model, as `recommend` takes it.")
@click.option("--fresh", is_flag=True, help="Run even if this evidence exists.")
def rank(
    dataset: str, names: tuple[str, ...], settings: tuple[str, ...], config: Path | None, seed: int, device: str,
    out: Path | None, save: Path | None, fresh: bool, **log: Any,
) -> None:  # fmt: skip
    """Train recommenders, rank every target with each, write evidence, print its paths."""
    wanted = [part.strip() for name in names for part in name.split(",") if part.strip()]
    chosen = running.settings_by_recommender(wanted, settings, config)
    if not chosen:
        raise click.UsageError("Name a recommender with --recommender; `python -m audit_lib list` has them.")
    if save is not None and len(chosen) > 1:
        raise InputError(f"--save keeps one model, and {len(chosen)} recommenders are named. Rank them one at a time.")
    if save is not None and save.is_dir():
        raise InputError(f"--save '{save}' is a folder. Give the path of a file.")
    for name, parsed in chosen.items():
        running.create(name, seed=seed, device=device, **parsed)  # a wrong setting is said at once
    data, split = prepare(dataset, **log)
    say_notes(data)
    for name, parsed in chosen.items():
        with heartbeat(f"{name} on {data.name}"):
            run = running.run(
                data, split, name, seed=seed, device=device, out=out, fresh=fresh, progress=True, save=save, **parsed
            )
        click.echo(run.path)
    say_predictions([len(split.targets)])


@click.command()
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
    dataset: str, recommender: str, trials: int, metric: str, k: int, min_step: int, seed: int, storage: Path | None,
    save: bool, **log: Any,
) -> None:  # fmt: skip
    """Search settings on a validation split of train, as long as the test part; print how they were found."""
    checks.at_least("min_step", 1, min_step)
    checks.at_least("seed", 0, seed)
    data, split = prepare(dataset, **log)
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


@click.command()
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
