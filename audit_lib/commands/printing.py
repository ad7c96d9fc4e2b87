"""How verbs print tables, and write them to files."""

from __future__ import annotations

import io
import json
from pathlib import Path

import click
import pandas as pd

from audit_lib.errors import InputError
from audit_lib.files import put

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


def show(table: pd.DataFrame, as_json: bool) -> None:
    """Prints a table, or one JSON array of its rows."""
    if as_json:
        click.echo(json.dumps(json.loads(table.to_json(orient="records", double_precision=15)), indent=1))
    else:
        click.echo(table.to_string(index=False, float_format=lambda x: f"{x:.4f}"))


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Writes a table as .tsv, .csv or .parquet, whole or not at all. Raises InputError for another ending."""
    buffer = io.BytesIO()
    if path.suffix == ".parquet":
        table.to_parquet(buffer, index=False)
    elif path.suffix in (".tsv", ".csv"):
        table.to_csv(buffer, sep="\t" if path.suffix == ".tsv" else ",", index=False)
    else:
        raise InputError(f"'{path}' is none of .tsv, .csv and .parquet.")
    put({path: buffer.getvalue()})
