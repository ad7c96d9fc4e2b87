"""The verb `recommend`: the best items after a session, from a model that `rank --save` kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from audit_lib.errors import InputError, MissingError
from audit_lib.study import models, running
from audit_lib.study.models import Recommended


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--session", "given", multiple=True, help="Items by commas, the oldest first: 17,42,89; or a JSON list.")
@click.option("--sessions", type=click.Path(path_type=Path), help="A file of sessions, one a line in the same form.")
@click.option("--k", default=models.K, show_default=True, help="How many items.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a session, one a line.")
def recommend(model: Path, given: tuple[str, ...], sessions: Path | None, k: int, as_json: bool) -> None:
    """The best items after each session, with their scores, from a MODEL that `rank --save` kept.

    Without --session and --sessions, sessions are read from standard input, one a line, and answered line by line.
    Blanks around an item are not part of it, except in a JSON list. Items that the model does not know are named, and
    left out; a session without any other gets no items, and the command exits with 1 at its end.
    """
    if given and sessions is not None:
        raise click.UsageError("Give --session or --sessions, not both.")
    number, unanswered = 0, 0
    saved = models.load(model)
    running.use_threads(saved.model)
    for number, text in enumerate(_lines(given, sessions), 1):
        session = _items(text, number)
        known, unknown = saved.known(session)
        found = saved.recommend(session, k) if known else Recommended([], [], unknown)
        unanswered += bool(unknown and not known)
        if unknown:
            click.echo(f"Session {number}: unknown items {', '.join(map(str, unknown))}.", err=True)
        if as_json:
            click.echo(json.dumps({"session": session, **vars(found)}, ensure_ascii=False))
            continue
        if number > 1:
            click.echo()
        click.echo(f"After {', '.join(map(str, session)) or 'nothing'}")
        for place, (item, score) in enumerate(zip(found.items, found.scores, strict=True), 1):
            click.echo(f"{place:5}  {score:12.6g}  {item}")
    if unanswered:
        raise InputError(f"{unanswered} of {number} sessions have no item that the model knows.")


def _lines(given: tuple[str, ...], sessions: Path | None) -> Iterator[str]:
    """The sessions as they were written; an empty line is an empty session."""
    if given:
        yield from given
        return
    if sessions is not None and (sessions.is_dir() or not sessions.exists()):
        raise MissingError(f"There is no file '{sessions}'{': it is a folder' * sessions.is_dir()}.")
    with click.open_file(str(sessions or "-"), encoding="utf-8-sig") as lines:
        yield from (line.strip() for line in lines)


def _items(text: str, number: int) -> list[Any]:
    """A session from items by commas, or from a JSON list, which can hold items with commas."""
    if not text.lstrip().startswith(("[", "{")):
        return [item.strip() for item in text.split(",") if item.strip()]
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InputError(f"Session {number} is no JSON list: {error}.") from error
    if not isinstance(found, list) or any(isinstance(item, list | dict | bool | None) for item in found):
        raise InputError(f"Session {number} holds something that is no item. Give a list of numbers or texts.")
    return found
