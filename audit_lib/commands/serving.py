"""The verb `recommend`: the best items after a session, from a model that `rank --save` kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from audit_lib.errors import InputError, MissingError
from audit_lib.study import models, running


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--session", "given", multiple=True, help="Items by commas, the oldest first: 17,42,89; or a JSON list.")
@click.option("--sessions", type=click.Path(path_type=Path), help="A file of sessions, one a line in the same form.")
@click.option("--k", default=models.K, show_default=True, help="How many items.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a session, one a line.")
def recommend(model: Path, given: tuple[str, ...], sessions: Path | None, k: int, as_json: bool) -> None:
    """The best items after each session, with their scores, from a MODEL that `rank --save` kept.

    Without --session and --sessions, sessions are read from standard input, one a line, and answered line by line.
    Items that the model does not know are named, and left out.
    """
    saved = models.load(model)
    running.use_threads(saved.model)
    for number, text in enumerate(_lines(given, sessions), 1):
        session = _items(text, number)
        found = saved.recommend(session, k)
        if found.unknown:
            click.echo(f"Session {number}: unknown items {', '.join(map(str, found.unknown))}.", err=True)
        if as_json:
            click.echo(json.dumps({"session": session, **vars(found)}, ensure_ascii=False))
            continue
        if number > 1:
            click.echo()
        click.echo(f"After {', '.join(map(str, session))}")
        for place, (item, score) in enumerate(zip(found.items, found.scores, strict=True), 1):
            click.echo(f"{place:5}  {score:12.6g}  {item}")


def _lines(given: tuple[str, ...], sessions: Path | None) -> Iterator[str]:
    """The sessions as they were written; empty lines are skipped."""
    if given:
        yield from given
        return
    if sessions is not None and not sessions.is_file():
        raise MissingError(f"There is no file '{sessions}'.")
    with click.open_file(str(sessions or "-"), encoding="utf8") as lines:
        yield from (line.strip() for line in lines if line.strip())


def _items(text: str, number: int) -> list[Any]:
    """A session from items by commas, or from a JSON list, which can hold items with commas."""
    if not text.lstrip().startswith("["):
        return [item.strip() for item in text.split(",") if item.strip()]
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InputError(f"Session {number} is no JSON list: {error}.") from error
    if any(isinstance(item, list | dict) for item in found):
        raise InputError(f"Session {number} holds something that is no item. Give a list of numbers or texts.")
    return found
