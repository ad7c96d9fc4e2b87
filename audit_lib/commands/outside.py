"""The verbs for models of other libraries: `targets` gives them what they need, `evaluate` takes what they gave."""

from __future__ import annotations

from pathlib import Path

import click

from audit_lib.commands.logs import of_log, say_notes, say_predictions
from audit_lib.data.preparing import parse_settings, prepare
from audit_lib.study import exchange, outside

FOLDER, FILE = click.Path(path_type=Path), click.Path(path_type=Path)


@click.command()
@click.argument("name_or_path")
@of_log
@click.option("--out", required=True, type=FOLDER, help="A folder for the files.")
@click.option(
    "--format", "formats", multiple=True, type=click.Choice(exchange.FORMATS), default=exchange.FORMATS[:1],
    show_default=True, help="Of the files; can be given several times.",
)
def targets(
    name_or_path: str, columns: str | None, time_unit: str | None, test_days: float | None,
    min_item_support: int | None, out: Path, formats: tuple[str, ...],
) -> None:  # fmt: skip
    """Write the train sessions, the prefixes and the targets of a split, and its hash, for a model of another library.

    Sessions and items are numbers in every file; `catalogue` has the ids of the log. `evaluate` takes the result.
    """
    options = {"columns": columns, "time_unit": time_unit, "test_days": test_days, "min_item_support": min_item_support}
    dataset, split = prepare(name_or_path, **options)
    say_notes(dataset)
    path = Path(name_or_path)
    made = {"name_or_path": str(path.absolute()) if path.exists() and dataset.source is None else name_or_path}
    place = exchange.write(dataset, split, out, formats=formats, made=made | options)
    say_predictions([len(split.targets)])
    click.echo(place)


@click.command()
@click.argument("folder", type=FOLDER)
@click.argument("results", nargs=-1, required=True, type=FILE)
@click.option("--name", required=True, help="What tables call the model.")
@click.option("--source", default="", help="Where the model is from, such as a library and its version.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the model, as given.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="With which it was trained.")
@click.option("--ids", type=FILE, help="Of .npy files: a table of target and item, a row for each of theirs.")
@click.option("--items", type=FILE, help="Of .npy files of scores: a table of item, a row for each of their columns.")
@click.option("--out", type=FOLDER, help="Evidence folder. [default: runs/evidence]")
@click.option("--fresh", is_flag=True, help="Replace evidence of the same name, source, settings and seed.")
def evaluate(
    folder: Path, results: tuple[Path, ...], name: str, source: str, settings: tuple[str, ...], seed: int,
    ids: Path | None, items: Path | None, out: Path | None, fresh: bool,
) -> None:  # fmt: skip
    """Make evidence of RESULTS, which a model of another library gave for the targets in FOLDER; print its path.

    RESULTS are scores (.npy of floats, a row for each target and a column for each item, in one file or several), lists
    (.npy of whole numbers, a row for each target: recommended items, the best first), or one table (.parquet, .tsv,
    .csv) of the columns target, item and either above and equal, or list: items with spaces between them. A row that is
    not where it belongs is refused. FOLDER is one that `targets` wrote.
    """
    dataset, split = exchange.read(folder)
    run, found = outside.evaluate(
        dataset, split, results, name=name, source=source, settings=parse_settings(settings), seed=seed, ids=ids,
        items=items, out=out, fresh=fresh,
    )  # fmt: skip
    if found.up_to is not None:
        short = f" {found.short:,} are shorter, and what they lack counts as not recommended." if found.short else ""
        click.echo(
            f"Lists of {found.up_to} items: there are metrics up to K = {found.up_to}, and neither ties nor sampled "
            f"metrics.{short}", err=True,
        )  # fmt: skip
    elif len(found.columns) == 2:
        click.echo("Without support_above and support_equal there are no metrics of popularity sampling.", err=True)
    say_predictions([len(run.ranks)])
    click.echo(run.path)
