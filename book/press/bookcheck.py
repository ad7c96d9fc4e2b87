"""The check before the first stage of a book: what is wrong with the log or with a setting stops it here, in words."""

from __future__ import annotations

from collections.abc import Mapping

import click

from audit_lib.data.registry import REGISTRY
from audit_lib.errors import AuditError, InputError

# Settings that hang on the log, so that a log of the registry has to be read for them too.
OF_LOG = ("columns", "time_unit", "test_days", "min_item_support", "k")


def check(settings: Mapping[str, str]) -> None:
    """Say what is known of a log and of the settings of its book. Raises InputError with all that is wrong with them.

    settings: text by name, '' for the default. A log of the registry without settings of its own is not looked at.
    """
    given = {name: value for name, value in settings.items() if value}
    dataset = given.pop("dataset", "")
    own = bool(dataset) and dataset.partition(":")[0] not in REGISTRY
    if not given and not own:
        return
    from audit_lib.commands.preflight import preflight
    from audit_lib.stages import prepared

    look = own or any(name in given for name in OF_LOG)
    options = {"recommender_names" if name == "recommenders" else name: value for name, value in given.items()}
    report = preflight(dataset if look and dataset else "synthetic", **options)
    try:
        prepared.chosen(given.get("recommenders", ""))
    except AuditError as error:
        report.add("problem", str(error))
    if own:
        for name, value in report.facts.items():
            click.echo(f"  {name:20}{value}", err=True)
    for finding in report.findings:
        if finding.kind != "problem":
            click.echo(f"{finding.kind.capitalize()}: {finding.text}", err=True)
    if problems := [finding.text for finding in report.findings if finding.kind == "problem"]:
        raise InputError("The book is not begun. " + "\n  ".join(["", *problems]).lstrip())
