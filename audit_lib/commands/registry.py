"""The verbs that say what there is: `list` (data sets and recommenders) and `settings`."""

from __future__ import annotations

import json

import click
import pandas as pd

from audit_lib import recommenders
from audit_lib.commands.printing import AS_JSON, show
from audit_lib.data.registry import REGISTRY, Generated, GitHub, Manual, Wheel
from audit_lib.errors import one_of
from audit_lib.show.words import name_of
from audit_lib.study import settings as of_recommenders

FROM = {Generated: "generated", Wheel: "package index", GitHub: "GitHub", Manual: "its owner"}


@click.command("list")
@AS_JSON
def list_(as_json: bool) -> None:
    """The data sets and the recommenders that have a name here; `settings NAME` says what can be set of one."""
    tables = {
        "datasets": pd.DataFrame([
            {"name": entry.name, "title": entry.title, "from": FROM[type(entry.get)], "split": entry.split,
             "events": entry.counts.get("events")}
            for entry in REGISTRY.values()
        ]).astype({"events": "Int64"}),
        "recommenders": pd.DataFrame([
            {"name": name, "title": name_of(name), "settings": len(recommenders.config_class(name).model_fields)}
            for name in recommenders.REGISTRY
        ]),
    }  # fmt: skip
    if as_json:
        click.echo(json.dumps({key: json.loads(table.to_json(orient="records")) for key, table in tables.items()}))
        return
    click.echo("\n\n".join(table.to_string(index=False, na_rep="") for table in tables.values()))


@click.command()
@click.argument("recommender")
@click.option("--dataset", help="Published and searched values of this data set alone.")
@AS_JSON
def settings(recommender: str, dataset: str | None, as_json: bool) -> None:
    """What can be set of a RECOMMENDER: name, type, default, meaning, published values and those of our searches.

    `rank --set` and `rank --config` take them.
    """
    if dataset is not None:
        one_of("data set", dataset, REGISTRY)
    table = of_recommenders.table(recommender, dataset)
    if as_json:
        show(table, as_json)
        return
    for row in table.to_dict("records"):
        click.echo(f"{row['setting']} = {row['default']}   ({row['type']})")
        click.echo(f"    {row['meaning']}.")
        for kind in ("published", "searched"):
            if row[kind]:
                click.echo(f"    {kind.capitalize()}: {row[kind]}.")
    if table.empty:
        click.echo(f"{recommender} has no settings.")
