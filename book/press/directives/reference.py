"""The reference, from the code: `{commands}` writes what every verb says of itself, `{public-names}` what a name does.

Both are in English in either language, as the program and its docstrings are.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from types import ModuleType

import click
from docutils import nodes
from sphinx.application import Sphinx

from audit_lib import recommenders
from audit_lib.commands import VERBS, cli
from audit_lib.data import datasets, leakage, preparing
from audit_lib.evaluation import comparisons, metrics, power, ranking, resampling, sampled
from audit_lib.recommenders import base
from audit_lib.study import evidence, exchange, models, outside, running, settings
from book.press.directives.from_code import LIBRARY, FromCode

PROGRAM = "python -m audit_lib"
WIDTH = 100
# What a script of one's own would import, in the order of the work.
PUBLIC: dict[ModuleType, tuple[str, ...]] = {
    preparing: ("prepare",),
    datasets: ("load", "describe"),
    leakage: ("leakage_report",),
    recommenders: ("create", "config", "lookup"),
    base: ("Recommender",),
    ranking: ("rank_split", "rank"),
    metrics: ("recall", "mrr", "ndcg", "summary", "by_session", "slices"),
    resampling: ("Resampling",),
    comparisons: ("compare_runs", "holm"),
    sampled: ("expectation", "moments", "by_metric"),
    power: ("variance", "sessions_needed", "detectable"),
    running: ("run",),
    evidence: ("read", "find", "Run"),
    exchange: ("write", "read"),
    outside: ("evaluate",),
    models: ("save", "load", "Saved"),
    settings: ("table",),
}


def commands() -> Iterator[tuple[str, str]]:
    """Every verb and every verb below one, with all that its --help says."""
    with click.Context(cli, info_name=PROGRAM, terminal_width=WIDTH) as top:
        for name in VERBS:
            yield from _helped(cli.get_command(top, name), top, name)


def _helped(command: click.Command, above: click.Context, name: str) -> Iterator[tuple[str, str]]:
    with click.Context(command, parent=above, info_name=name, terminal_width=WIDTH) as context:
        yield context.command_path.removeprefix(f"{PROGRAM} "), context.get_help()
        if isinstance(command, click.Group):
            for below in command.list_commands(context):
                yield from _helped(command.get_command(context, below), context, below)


def public_names() -> Iterator[tuple[str, str, str]]:
    """Module, name and what stands in the code: the signature and the docstring."""
    for module, names in PUBLIC.items():
        for name in names:
            found = getattr(module, name)
            yield module.__name__, name, f"{_signature(name, found)}\n\n{_indented(inspect.getdoc(found) or '')}"
            if inspect.isclass(found):
                for method, function in _methods(found):
                    said = f"{_signature(f'{name}.{method}', function)}\n\n{_indented(inspect.getdoc(function))}"
                    yield module.__name__, f"{name}.{method}", said


def _methods(found: type) -> Iterator[tuple[str, object]]:
    """Those of its own that are documented; what is inherited is documented where it is from."""
    for name, value in vars(found).items():
        function = getattr(value, "__func__", value)
        if not name.startswith("_") and inspect.isfunction(function) and function.__doc__:
            yield name, function


def _signature(name: str, found: object) -> str:
    """Name and parameters, without types, which docstrings have in words."""
    parameters = inspect.signature(found).parameters.values()
    shown = [p.replace(annotation=inspect.Parameter.empty) for p in parameters if p.name not in ("self", "cls")]
    return textwrap.fill(f"{name}{inspect.Signature(shown)}", WIDTH, subsequent_indent="    ")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())


class Reference(FromCode):
    """Blocks of text, each with an anchor; nothing in them is translated."""

    def blocks(self) -> Iterator[tuple[str, str]]:
        """Anchor and text of each."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        for path in LIBRARY.rglob("*.py"):
            self.env.note_dependency(str(path))
        found = []
        for anchor, text in self.blocks():
            block = nodes.literal_block(text, text, language="text", ids=[anchor], classes=["reference"])
            found.append(block)
        return found


class Commands(Reference):
    """The command line."""

    def blocks(self) -> Iterator[tuple[str, str]]:
        for name, text in commands():
            yield f"command-{name.replace(' ', '-')}", text


class PublicNames(Reference):
    """The names that a script imports."""

    def blocks(self) -> Iterator[tuple[str, str]]:
        for module, name, text in public_names():
            anchor = f"{module}.{name}".removeprefix("audit_lib.").replace(".", "-").replace("_", "-").lower()
            yield f"api-{anchor}", f"from {module} import {name.split('.')[0]}\n\n{text}"


def setup(app: Sphinx) -> None:
    """Register the directives."""
    app.add_directive("commands", Commands)
    app.add_directive("public-names", PublicNames)
