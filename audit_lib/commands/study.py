"""The verbs of the full study: `study`, `record`, `publish`, `check` and `claims`."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path

import click

from audit_lib.data.preparing import parse_settings
from audit_lib.errors import AuditError, EvidenceError, MissingError
from audit_lib.files import BOOK, COMMITTED
from audit_lib.measurements import measure
from audit_lib.study import claim_words, committed, evidence, plan, records
from audit_lib.study import claims as ledger
from audit_lib.study.results import Book

FOLDER = click.Path(path_type=Path)


def of_the_book(command: Callable[..., None]) -> Callable[..., None]:
    """Has a command say so where the library is installed without the book. Raises MissingError there."""

    @wraps(command)
    def run(**options: object) -> None:
        if not BOOK.is_dir():
            raise MissingError(f"This verb works on the book, and there is no '{BOOK}'. Run it in a checkout of it.")
        command(**options)

    return run


@click.command("study")
@click.option("--only", default="", help="dataset=…,recommender=…,group=…,seed=…,variant=…,id=… (all must hold).")
@click.option("--list", "listing", is_flag=True, help="Say what is done and what is missing; run nothing.")
@click.option("--out", type=FOLDER, help="Evidence folder. [default: runs/evidence]")
@of_the_book
def study_(only: str, listing: bool, out: Path | None) -> None:
    """Run the experiments of the study whose evidence is missing, then its records; stop and go on at will.

    Exits 1 if one could not be run; the others are run all the same. All run in this process, whose peak memory is
    that of the largest so far: `make study` gives each a process of its own, and its cost is its own.
    """
    out = out or evidence.root()
    wanted = parse_settings(only.split(",")) if only else {}
    chosen = plan.select(plan.plan(), wanted)
    missing = plan.pending(chosen, out)
    if listing:
        waiting = {e.id for e in missing}
        for e in chosen:
            state = "missing" if e.id in waiting else "done"
            click.echo(f"{state:8}{e.id:70}{' '.join(filter(None, (e.group, e.variant)))}")
        click.echo(f"{len(missing)} of {len({e.id for e in chosen})} experiments are missing.")
        return
    failed = 0
    for i, (experiment, found) in enumerate(plan.run(missing, out), 1):
        failed += isinstance(found, AuditError)
        said = f"not run: {found}" if isinstance(found, AuditError) else found.path
        click.echo(f"[{i}/{len(missing)}] {experiment.id}: {said}", err=isinstance(found, AuditError))
    for record in () if wanted else plan.read().record:
        if record.name in records.OF_THE_TESTS or (records.FOLDER / f"{record.name}.json").is_file():
            continue
        try:
            click.echo(f"{record.name}: {measure(record.name)}")
        except AuditError as error:
            failed += 1
            click.echo(f"{record.name}: not measured: {error}", err=True)
    if failed:
        sys.exit(1)


@click.command()
@click.option("--from", "source", type=FOLDER, help="Where the runs are. [default: runs/evidence]")
@click.option("--to", "target", type=FOLDER, default=COMMITTED, help="[default: book/evidence]")
@click.option("--replace", is_flag=True, help="Take new ranks where they differ.")
@of_the_book
def publish(source: Path | None, target: Path, replace: bool) -> None:
    """Copy the finished runs of the study into the book's evidence, verified; say how large it is."""
    copied = committed.publish(source or evidence.root(), target, replace=replace)
    click.echo(f"{len(copied)} copied; {committed.size_mb(target):.2f} MB of {committed.LIMIT_MB:.0f} in all.")


@click.command()
@click.argument("path", required=False, type=FOLDER)
@click.option("--rerun", type=FOLDER, help="Runs to compare byte for byte. [default: runs/evidence]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def check(path: Path | None, rerun: Path | None, as_json: bool) -> None:
    """Verify every evidence file again and recompute its headline; exit 1, naming the file, if one does not hold.

    Without PATH: the book's evidence, and that of the working folder if there is any.
    """
    rerun = rerun or evidence.root()
    path = path or (None if BOOK.is_dir() else rerun)
    folders = [path] if path else [COMMITTED, *([rerun] if rerun.is_dir() else [])]
    reports = {str(folder): committed.check(folder, rerun=rerun) for folder in folders}
    if as_json:
        click.echo(json.dumps({name: vars(report) for name, report in reports.items()}, indent=1))
    else:
        for name, report in reports.items():
            _say(name, report)
    problems = [problem for report in reports.values() for problem in report.problems]
    if problems:
        raise EvidenceError(f"{len(problems)} problems, the first: {problems[0]}")


def _say(name: str, report: committed.Report) -> None:
    click.echo(f"{name}: {report.files} files, {len(report.runs)} runs verified")
    said = dict.fromkeys(report.reproduced, "rerun: bit for bit") | dict.fromkeys(report.differing, "rerun: differs")
    said |= {file: f"rerun: differs ({a}; here {b})" for file, (a, b) in report.processors.items()}
    for run in report.runs:
        again = said.get(str(run["file"]), "")
        click.echo(f"  {run['file']:80} Recall@20 {run['recall']:.4f}  MRR@20 {run['mrr']:.4f}  {again}".rstrip())
    for problem in report.problems:
        click.echo(f"  ! {problem}")


@click.command()
@click.argument("path", required=False, type=FOLDER)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@of_the_book
def claims(path: Path | None, as_json: bool) -> None:
    """The ledger: every audited claim with what was measured and the verdict, from the book's evidence (or PATH)."""
    settled = ledger.ledger(Book(path or COMMITTED))
    if as_json:
        click.echo(ledger.json_text(settled))
        return
    for s in settled:
        click.echo(f"{s.claim.id:4}{s.verdict:22}{s.claim.claim}")
        for f in s.findings:
            values = [claim_words.written(f.part, x) for x in (f.measured or ())[:3] if not math.isnan(x)]
            found = {0: "–", 1: "{}", 3: "{} [{}, {}]"}[len(values)].format(*values)
            about, expected = claim_words.describe(f.part), claim_words.expected(f.part)
            click.echo(f"      {f.state:10}{about}: {found}, expected {expected}")


@click.command()
@click.argument("names", nargs=-1, required=True)
@of_the_book
def record(names: tuple[str, ...]) -> None:
    """Measure what the book shows from records: official_equality, official_facts, bench_train, latency …"""
    for name in names:
        click.echo(measure(name))
