"""Runs the stage notebooks: text in, executed notebook out, the same bytes for the same run.

A stage is `notebooks/NN_name.md` (jupytext, MyST). It is executed by papermill in both languages, into
`_build/executed/{lang}/notebooks/NN_name.ipynb`. `Snakefile` says when; this module says how. Commands:
`python -m book.press.pipeline run|stage|snakemake|notebooks|figures`.
"""

from __future__ import annotations

import base64
import contextlib
import logging
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import click
import nbformat

from audit_lib.commands import entry
from audit_lib.commands.progress import heartbeat
from audit_lib.errors import InputError, MissingError, WriteError, one_of
from audit_lib.files import PROJECT, from_the_future, hold
from audit_lib.show.words import LANGUAGES
from book.press import bookcheck, execution, run_notes
from book.press.execution import StageError
from book.press.notebooks import declared, pair, read, renew

# What each stage reads from the stages before it. A stage that is not in notebooks/ yet is skipped.
AFTER: dict[str, tuple[str, ...]] = {
    "00_pipeline": (),
    "01_data": (),
    "02_split": ("01_data",),
    "03_baselines": ("02_split",),
    "04_gru4rec": ("02_split",),
    "05_evaluation": ("03_baselines", "04_gru4rec"),
    "06_literature": (),
    "07_implementations": (),
    "08_multiverse": (),
    "09_cost": (),
    "10_challengers": (),
    "11_your_model": (),
}

# What can be set for the whole book; a stage takes those that it declares.
SETTINGS = (
    "dataset", "columns", "time_unit", "test_days", "min_item_support", "k", "recommenders", "profile", "device",
    "engine", "seeds",
)  # fmt: skip
LONGER = {"k": "cutoff"}  # Snakemake takes no name of one letter

_PLAIN = "/=,.:_-~+"  # beside letters and digits, what neither YAML nor a shell reads as anything else


def stages(root: Path = PROJECT) -> list[str]:
    """Names of the stages in `notebooks/`, in order: files named NN_name.md."""
    return sorted(path.stem for path in (root / "notebooks").glob("[0-9][0-9]_*.md"))


def upstream(stage: str, present: Sequence[str]) -> list[str]:
    """The stages that `stage` reads, among those present. A stage not in `AFTER` follows all those before it."""
    return [name for name in AFTER.get(stage, [s for s in present if s < stage]) if name in present]


def run(text: Path, output: Path, *, parameters: Mapping[str, Any], root: Path = PROJECT) -> Path:
    """Execute the notebook in `text` with `parameters` into `output`, and return `output`. See `run_all`."""
    run_all(text, {output: parameters}, root=root)
    return output


def run_all(text: Path, outputs: Mapping[Path, Mapping[str, Any]], *, root: Path = PROJECT) -> dict[Path, float]:
    """Execute the notebook in `text` into each path of `outputs`, with the parameters beside it; return their seconds.

    One kernel, started in `root`, serves all (see `execution`). Raises InputError if a parameter is not declared by the
    notebook (papermill alone would only warn), StageError if a cell fails; then no output is touched and what ran is in
    `NAME.failed.ipynb`. Another process that is making the first output is waited for.
    """
    notebook = read(text)
    known = declared(notebook)
    for name in {name for parameters in outputs.values() for name in parameters}:
        one_of(f"parameter of {text.stem}", name, known)
    with hold(next(iter(outputs)), level=logging.WARNING):
        return execution.execute(notebook, outputs, name=text.stem, root=root)


@click.group()
def cli() -> None:
    """Run stage notebooks."""


@cli.command("run")
@click.argument("stage")
@click.option("--lang", "languages", type=click.Choice(LANGUAGES), multiple=True, default=LANGUAGES, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("_build/executed"), show_default=True,
              help="Folder for LANG/notebooks/STAGE.ipynb.")  # fmt: skip
@click.option("-p", "given", multiple=True, metavar="NAME=VALUE", help="A parameter that the stage declares.")
@click.option("-s", "settings", multiple=True, metavar="NAME=VALUE", help="Used if the stage declares it.")
@click.option("--reads", multiple=True, type=click.Path(path_type=Path), help="A file that the run depends on.")
def run_command(
    stage: str, languages: tuple[str, ...], out: Path, given: tuple[str, ...], settings: tuple[str, ...],
    reads: tuple[Path, ...],
) -> None:  # fmt: skip
    """Execute one STAGE, in all its languages at once.

    Where code, parameters and the files of --reads are those of the last run, its outputs are taken, and only the prose
    is new.
    """
    names = stages()
    one_of("stage", stage, names)
    text = PROJECT / "notebooks" / f"{stage}.md"
    notebook = read(text)
    known = declared(notebook)
    chosen = {name: value for name, value in map(key_value, settings) if name in known and value}
    chosen |= dict(map(key_value, given))
    outputs = {out / lang / "notebooks" / f"{stage}.ipynb": chosen | {"lang": lang} for lang in languages}
    digest = run_notes.made_of(notebook, chosen, sorted(reads))
    progress, start = f"[{names.index(stage) + 1}/{len(names)}] {stage}", time.perf_counter()
    if reads and all(run_notes.read(path).get("made_of") == digest for path in outputs):
        for path, parameters in outputs.items():
            renew(path, text, parameters)
            run_notes.write(path, text, parameters=parameters, made_of=digest)
        click.echo(f"{progress} has new prose", err=True)
        return
    click.echo(f"{progress} runs ...", err=True)
    with heartbeat(progress):
        took = run_all(text, outputs)
    for path, parameters in outputs.items():
        run_notes.write(path, text, seconds=took[path], parameters=parameters, made_of=digest)
    click.echo(f"{progress} done in {time.perf_counter() - start:.1f} s", err=True)


def key_value(text: str) -> tuple[str, str]:
    """Split NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise InputError(f"'{text}' is not NAME=VALUE.")
    return name, value


@cli.command("stage")
@click.argument("stage")
@click.argument("snakemake_arguments", nargs=-1)
def stage_command(stage: str, snakemake_arguments: tuple[str, ...]) -> None:
    """Bring one STAGE up to date, with those that it depends on, in English."""
    if stage not in stages():
        raise MissingError(f"The stage {stage} is not in this version yet. It has: {', '.join(stages()) or 'none'}.")
    target = f"_build/executed/en/notebooks/{stage}.ipynb"
    bookcheck.check(configuration(snakemake_arguments))
    if snakemake([target, *snakemake_arguments]):
        raise StageError(f"{stage} did not finish; the reason is above.")
    click.echo(f"{stage} is up to date: {target}")


def snakemake(arguments: Sequence[str], *, root: Path = PROJECT) -> int:
    """The exit status of Snakemake, run in `root` under a lock of ours that does not outlive it.

    Its own lock stays behind when it is killed, and would stop the next run. Raises BusyError if another is at work.
    """
    if not os.access(root, os.W_OK):
        raise WriteError(f"'{root}' is read-only, and stages put there what they make. Copy it to a folder of yours.")
    settle(root)
    file = arguments[arguments.index("-s") + 1] if "-s" in arguments else "Snakefile"
    with hold(root / ".snakemake" / Path(file).name, wait=False) as lock:
        command = [sys.executable, "-m", "snakemake", "--nolock", *_encoded(arguments)]
        process = subprocess.Popen(command, cwd=root, pass_fds=(lock,))
        status = None
        while status is None:
            with contextlib.suppress(KeyboardInterrupt):  # it gets the interrupt too, and ends its jobs
                status = process.wait()
    if status and (logs := sorted((root / ".snakemake" / "log").glob("*.log"))):
        click.echo(f"Snakemake stopped. Its log is {logs[-1].relative_to(root)}.", err=True)
    return status


def settle(root: Path) -> None:
    """Dates files from the future anew, or Snakemake, which goes by times, would stop or leave out what is to be made.

    A source is dated now. What was made is dated as of old, so that it is made again: nothing says whether it is older
    than an edit.
    """
    late = from_the_future(root)
    for path in late:
        made = path.is_relative_to(root / "_build")
        os.utime(path, (0, 0) if made else None)
    if late:
        name = late[0].relative_to(root)
        click.echo(f"{len(late)} files were dated in the future, such as {name}, and are dated anew.", err=True)


def _encoded(arguments: Sequence[str]) -> list[str]:
    """The values after --config in percent encoding: Snakemake reads them as YAML, and hands them to a shell."""
    done, inside = [], False
    for argument in arguments:
        inside = argument == "--config" or (inside and not argument.startswith("-"))
        if inside and set(argument) & set("{}"):
            raise InputError(f"{argument}: Snakemake takes braces for its own. Rename the file without them.")
        done.append(quote(_utf8(argument), safe=_PLAIN) if inside else argument)
    return done


def _utf8(argument: str) -> str:
    """The argument; raises InputError if its bytes are no UTF-8, which notebooks, being JSON, could not hold."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        name = os.fsencode(argument).decode("latin1")
        raise InputError(f"'{name}' is not UTF-8 but perhaps Latin-1. Rename the file, or link to it.") from None
    return argument


def configuration(arguments: Sequence[str]) -> dict[str, str]:
    """The NAME=VALUE pairs after --config."""
    shorter = {longer: name for name, longer in LONGER.items()}
    found, inside = {}, False
    for argument in arguments:
        inside = argument == "--config" or (inside and not argument.startswith("-"))
        if inside and "=" in argument:
            name, _, value = argument.partition("=")
            found[shorter.get(name, name)] = value
    return found


def setting(config: Mapping[str, Any], name: str) -> str:
    """A setting of the pipeline as its user wrote it, '' where there is none. (A seed may be 0.)"""
    found = config.get(LONGER.get(name, name))
    return "" if found is None else unquote(str(found))


@cli.command("snakemake", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def snakemake_command(arguments: tuple[str, ...]) -> None:
    """Run Snakemake with these ARGUMENTS, unless another run is at work here, or the log or a setting is unsound."""
    bookcheck.check(configuration(arguments))
    sys.exit(snakemake(arguments))


@cli.command("notebooks")
def notebooks_command() -> None:
    """Write the .ipynb of every stage from its text, keeping outputs whose code has not changed."""
    for stage in stages():
        click.echo(f"notebooks/{pair(PROJECT / 'notebooks' / f'{stage}.md').name} is in step with its text")


@cli.command("pair")
@click.argument("stage")
@click.argument("executed", type=click.Path(exists=True, path_type=Path))
def pair_command(stage: str, executed: Path) -> None:
    """Give the .ipynb of STAGE the outputs of an EXECUTED notebook."""
    pair(PROJECT / "notebooks" / f"{stage}.md", executed=executed)


@cli.command("figures")
@click.option("--out", type=click.Path(path_type=Path), default=Path("_build/figures"), show_default=True)
def figures_command(out: Path) -> None:
    """Save every picture of the executed notebooks as a file."""
    written = 0
    for path in sorted((PROJECT / "_build" / "executed").glob("*/notebooks/*_*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        outputs = [output for cell in cells for output in cell.get("outputs", []) if "data" in output]
        for number, data in enumerate((o.data for o in outputs if {"image/svg+xml", "image/png"} & set(o.data)), 1):
            folder = out / path.parent.parent.name
            folder.mkdir(parents=True, exist_ok=True)
            for kind, suffix in (("image/svg+xml", "svg"), ("image/png", "png")):
                if kind in data:
                    content = data[kind].encode() if suffix == "svg" else base64.b64decode(data[kind])
                    (folder / f"{path.stem}-{number}.{suffix}").write_bytes(content)
                    written += 1
    if not written:
        raise MissingError("No executed notebook holds a picture. Run `make book` first.")
    click.echo(f"{written} pictures are in {out}")


def main() -> None:
    """Entry point."""
    entry.run(cli)


if __name__ == "__main__":
    main()
