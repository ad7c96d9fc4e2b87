"""Counts of challengers on the prose pages: their codes, how these choose an epoch, whether they run, who was rerun.

`rival-codes`, of which `rival-codes-licensed` have a licence file, `rival-codes-on-test` choose the epoch on the test
part, `rival-codes-apart` each metric by itself; `rival-codes-today` and `rival-codes-then` run in environments of today
and of their own time; `margins-rerun` of the models whose margins are in the copied table were trained here.
"""

from __future__ import annotations

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
}
