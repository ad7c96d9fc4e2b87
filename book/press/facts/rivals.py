"""Counts of challengers on the prose pages: their codes, how these choose an epoch, whether they run, who was rerun.

`rival-codes`, of which `rival-codes-licensed` have a licence file, `rival-codes-on-test` choose the epoch on the test
part, `rival-codes-apart` each metric by itself; `rival-codes-today` and `rival-codes-then` run in environments of today
and of their own time; `margins-rerun` of the models whose margins are in the copied table were trained here. Of those
`margins`, as the ledger judges them, `margins-whole` are as large as printed; by their intervals `margins-positive` are
above zero, `margins-negative` below, and of `margins-open` that cannot be told.
"""

from __future__ import annotations

from collections.abc import Container
from functools import partial

from audit_lib.evaluation.resampling import Measured
from audit_lib.stages import challengers, challengers_rerun
from audit_lib.study import challengers as codes
from audit_lib.study import literature_values
from audit_lib.study.results import NotYet
from book.press.facts.source import Fact, Source


def _choosing(_source: Source, *, apart: bool | None) -> Measured:
    return Measured(float(len(challengers.choosing(codes.read(), "test", apart=apart))))


def _running(source: Source, *, when: str) -> Measured:
    trials = challengers.tried(source.book)
    if trials.empty:
        raise NotYet(f"records/{challengers.RECORD}.json")
    return Measured(float(len(challengers.runs_in(trials, when))))


def _margins(source: Source, *, states: Container[str], expect: str = "at_least") -> Measured:
    """Margins over GRU4Rec in the copied table with one of these states: as to their sign (at_least) or size (between).

    A model that was trained here is judged on its ranks, another on its published value. Raises NotYet without any.
    """
    parts = [f for s in source.ledger if s.claim.id == "B10" for f in s.findings if f.part.expect == expect]
    judged = [f.state for f in parts if f.measured is not None]
    if not judged:
        raise NotYet(*(name for f in parts for name in f.missing))
    return Measured(float(sum(state in states for state in judged)))


def _rerun(source: Source) -> Measured:
    stated = set(literature_values.table().query("source == 'wu2019'")["recommender"])
    return Measured(float(len(stated & {trained.model for trained in challengers_rerun.found(source.book)})))


FACTS: dict[str, Fact] = {
    "rival-codes": lambda source: Measured(float(len(codes.read().code))),
    "rival-codes-licensed": lambda source: Measured(float(sum(bool(code.licence) for code in codes.read().code))),
    "rival-codes-on-test": partial(_choosing, apart=None),
    "rival-codes-apart": partial(_choosing, apart=True),
    "rival-codes-today": partial(_running, when="today"),
    "rival-codes-then": partial(_running, when="own"),
    "margins-rerun": _rerun,
    "margins": partial(_margins, states=("met", "undecided", "not met")),
    "margins-positive": partial(_margins, states=("met",)),
    "margins-open": partial(_margins, states=("undecided",)),
    "margins-negative": partial(_margins, states=("not met",)),
    "margins-whole": partial(_margins, states=("met",), expect="between"),
}
