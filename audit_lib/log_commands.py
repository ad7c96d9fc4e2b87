"""The verbs about a log itself: `check-log`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import click

from audit_lib.reading.times import UNITS

COLUMNS = click.option("--columns", help="Names of an own log: SessionId=sid,ItemId=iid,Time=ts.")
TIME_UNIT = click.option(
    "--time-unit",
    type=click.Choice(UNITS),
    help="Of an own log's Time: date is yyyymmddHHMMSS, order is no time at all.",
)
TEST_DAYS = click.option("--test-days", type=float, help="Length of the test part of a temporal split.")
SUPPORT = click.option(
    "--min-item-support", type=int, help="Events an item needs in the train part of a temporal split."
)


def of_log(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say how an own log is read and split: columns, time unit, test days, item support."""
    for option in (SUPPORT, TEST_DAYS, TIME_UNIT, COLUMNS):
        command = option(command)
    return command


@click.command("check-log")
@click.argument("path")
@of_log
@click.option("--k", type=int, help="Length of the lists that the book measures.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def check_log(path: str, as_json: bool, **settings: Any) -> None:
    """Say what a log holds, how it would be split and what is odd about it; exit 1 if it cannot become a book."""
    from audit_lib.preflight import preflight

    report = preflight(path, **settings)
    if as_json:
        found = {"ok": report.ok, "facts": report.facts, "findings": [vars(finding) for finding in report.findings]}
        click.echo(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        click.echo(report.text())
    if not report.ok:
        sys.exit(1)
