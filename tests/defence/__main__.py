"""Records of what the tests measure of themselves: `python -m tests.defence determinism faults mutation`."""

from __future__ import annotations

import click

from audit_lib.commands import entry
from audit_lib.study import committed, records
from tests.defence import determinism, fault_counts, mutation

MEASURES = {"determinism": determinism.measure, "faults": fault_counts.measure, "mutation": mutation.measure}


@click.command()
@click.argument("names", nargs=-1, required=True, type=click.Choice(records.OF_THE_TESTS))
def cli(names: tuple[str, ...]) -> None:
    """Measure anew what the page on defence shows."""
    for name in names:
        click.echo(committed.seal_record(records.write(name, MEASURES[name]())))


if __name__ == "__main__":
    entry.run(cli)
