"""How verbs print tables."""

from __future__ import annotations

import json

import click
import pandas as pd

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


def show(table: pd.DataFrame, as_json: bool) -> None:
    """Prints a table, or one JSON array of its rows."""
    if as_json:
        click.echo(json.dumps(json.loads(table.to_json(orient="records", double_precision=15)), indent=1))
    else:
        click.echo(table.to_string(index=False, float_format=lambda x: f"{x:.4f}"))
