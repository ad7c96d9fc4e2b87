"""The verb `plot`: the book's figures, of any evidence."""

from __future__ import annotations

from pathlib import Path

import click

from audit_lib.commands.evidence import FILE, names_of
from audit_lib.data import checks
from audit_lib.errors import InputError
from audit_lib.evaluation import metrics
from audit_lib.evaluation.ranking import known_cutoffs
from audit_lib.files import put
from audit_lib.show.csv import csv_text
from audit_lib.show.words import LANGUAGES
from audit_lib.stages import plots
from audit_lib.study import evidence


@click.command()
@click.argument("kind", type=click.Choice(tuple(plots.KINDS)))
@click.argument("paths", nargs=-1, required=True, type=FILE)
@click.option("--out", required=True, type=FILE, help="A .svg or .png file; its table goes beside it as .csv.")
@click.option("--metric", default="Recall", show_default=True, type=click.Choice(list(metrics.METRICS)))
@click.option("--k", default=20, show_default=True, help="The cutoff.")
@click.option("--lang", default="en", show_default=True, type=click.Choice(LANGUAGES))
def plot(kind: str, paths: tuple[Path, ...], out: Path, metric: str, k: int, lang: str) -> None:
    """Draw a figure of evidence files on the same targets.

    cutoffs: the metric by cutoff, with intervals. negatives: what sampled negatives would have said. length, support:
    by events before the target, and by its support. differences: the first file less each other, with intervals.
    """
    runs = [evidence.read(path) for path in paths]
    known_cutoffs([k], runs)
    checks.same_targets(run.manifest["targets_sha256"] for run in runs)
    drawn = plots.KINDS[kind](dict(zip(names_of(runs), runs, strict=True)), metric, k, lang)
    if out.suffix not in (".svg", ".png"):
        raise InputError(f"'{out}' is neither .svg nor .png.")
    put({out: drawn.image(out.suffix[1:]), out.with_suffix(".csv"): csv_text(drawn.table).encode()})
    click.echo(out)
