"""The ledger: each audited claim, what it expects, what was measured, and the verdict, which nobody types.

`book/claims.toml` states claims and tolerances, `measures` measures, and here the two are compared. Of a part with an
interval, `at_least` and `at_most` are met or not when the whole interval says so, and else undecided. All parts met is
'reproduced', none 'not reproduced', anything between 'partly'. Without the evidence of every deciding part: 'not run'.
A part may decide only where it was run, and another, which it is better than, only where it was not.
"""

from __future__ import annotations

import inspect
import json
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from math import isnan
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import model_validator

from audit_lib.errors import InputError
from audit_lib.evaluation.resampling import Measured
from audit_lib.files import BOOK
from audit_lib.study import literature_values
from audit_lib.study.measures import MEASURES
from audit_lib.study.plan import Closed
from audit_lib.study.results import Book, NotYet

FILE = BOOK / "claims.toml"
Verdict = Literal["reproduced", "partly", "not reproduced", "not testable offline", "not run"]
State = Literal["met", "not met", "undecided", "missing", "beside"]
EXPECTATIONS = {"near": ("value",), "between": ("low", "high"), "at_least": ("value",), "at_most": ("value",)}
_EXPECTED = ("expect", "value", "low", "high", "tolerance", "where_run", "unless_run")
_OWN = {"measure", "published", "each", *_EXPECTED}


class Part(Closed):
    """One measurement and what the claim expects of it; without `expect` it decides nothing.

    arguments: of the measure. value, or low and high, and tolerance: see the head of claims.toml. where_run: it is left
    out where its evidence is missing. unless_run: a measure; where that was measured of the same, this decides nothing.
    """

    measure: str
    arguments: dict[str, Any]
    expect: Literal["near", "between", "at_least", "at_most"] | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    tolerance: float = 0.0
    where_run: bool = False
    unless_run: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.measure not in MEASURES:
            raise ValueError(f"there is no measure '{self.measure}'")
        inspect.signature(MEASURES[self.measure][0]).bind(None, **self.arguments)
        needed = EXPECTATIONS[self.expect] if self.expect else ()
        if any(getattr(self, name) is None for name in needed):
            raise ValueError(f"'{self.expect}' needs {', '.join(needed)}")
        return self


class Claim(Closed):
    """A claim with its source (a key of references.bib), in both languages; `untestable` says why it has no parts.

    afterwards: its evidence was there, and known in part, when it was stated.
    """

    id: str
    source: str
    claim: str
    claim_es: str
    measurement: str
    measurement_es: str
    parts: tuple[Part, ...] = ()
    afterwards: bool = False
    untestable: str | None = None
    untestable_es: str | None = None

    @model_validator(mode="after")
    def _settled_one_way(self) -> Self:
        if any(part.expect for part in self.parts) == (self.untestable is not None):
            raise ValueError("a claim has either parts that decide it, or a reason why it is untestable")
        if (self.untestable is None) != (self.untestable_es is None):
            raise ValueError("the reason is needed in both languages")
        return self

    def text(self, name: str, lang: str) -> str | None:
        """claim, measurement or untestable in the reader's language."""
        return getattr(self, name if lang == "en" else f"{name}_{lang}")


@dataclass(frozen=True)
class Finding:
    """A part, what was measured (None where evidence is `missing`, which names it), and what follows."""

    part: Part
    measured: Measured | None
    missing: tuple[str, ...]
    state: State


@dataclass(frozen=True)
class Settled:
    """A claim with its findings and the verdict computed from them."""

    claim: Claim
    findings: tuple[Finding, ...]
    verdict: Verdict

    @property
    def missing(self) -> list[str]:
        """What the deciding parts lack, each once."""
        return list(dict.fromkeys(name for f in self.findings if f.part.expect for name in f.missing))


@cache
def read(path: Path = FILE) -> tuple[Claim, ...]:
    """The claims, `each` expanded and published values filled in. Raises InputError if the file is not right."""
    try:
        found = []
        for entry in tomllib.loads(path.read_text("utf-8"))["claim"]:
            parts = [part for raw in entry.pop("part", ()) for part in _expand(raw)]
            found.append(Claim(parts=tuple(parts), **entry))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"'{path}' is no ledger of claims: {error}") from error
    if len({claim.id for claim in found}) < len(found):
        raise InputError(f"'{path}' has two claims with one id.")
    return tuple(found)


def _expand(raw: dict[str, Any]) -> Iterator[Part]:
    each = raw.get("each", {})
    for combination in product(*each.values()):
        arguments = {key: value for key, value in raw.items() if key not in _OWN}
        arguments |= dict(zip(each, combination, strict=True))
        expected = {key: raw[key] for key in _EXPECTED if key in raw}
        if source := raw.get("published"):
            where = (arguments[key] for key in ("dataset", "recommender", "metric", "k"))
            expected["value"] = literature_values.value(source, *where)
        yield Part(measure=raw["measure"], arguments=arguments, **expected)


def judge(part: Part, measured: Measured) -> State:
    """What a measurement says of its part."""
    estimate, low, high = measured.estimate, measured.low, measured.high
    if isnan(low):
        low = high = estimate
    value, least, most = (float("nan") if x is None else x for x in (part.value, part.low, part.high))
    if part.expect == "near":
        return _met(abs(estimate - value) <= part.tolerance + 1e-12)
    if part.expect == "between":
        return _met(least - part.tolerance <= estimate <= most + part.tolerance)
    if part.expect == "at_least":
        return "met" if low >= value else "not met" if high < value else "undecided"
    if part.expect == "at_most":
        return "met" if high <= value else "not met" if low > value else "undecided"
    return "beside"


def _met(yes: bool) -> State:
    return "met" if yes else "not met"


def verdict(claim: Claim, states: Iterable[State]) -> Verdict:
    """The verdict that follows from the states of the deciding parts."""
    if claim.untestable is not None:
        return "not testable offline"
    states = set(states) - {"beside"}
    if not states or "missing" in states:
        return "not run"
    if states == {"met"}:
        return "reproduced"
    return "not reproduced" if states == {"not met"} else "partly"


def settle(claim: Claim, book: Book) -> Settled:
    """Measures every part of a claim, and judges it."""
    findings = []
    for part in claim.parts:
        try:
            measured = MEASURES[part.measure][0](book, **part.arguments)
            findings.append(Finding(part, measured, (), judge(part, measured)))
        except NotYet as error:
            findings.append(Finding(part, None, error.args, "missing"))
    findings = list(_standing(findings))
    deciding = (finding.state for finding in findings if finding.part.expect)
    return Settled(claim, tuple(findings), verdict(claim, deciding))


def _standing(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings that a claim shows: without those that wait for nothing, and with those that give way, each once."""
    findings, seen = [f for f in findings if f.measured is not None or not f.part.where_run], set()
    for f in findings:
        better = [o.part.arguments.items() for o in findings if o.part.measure == f.part.unless_run]
        if any(arguments <= f.part.arguments.items() for arguments in better):
            if (key := (f.part.measure, frozenset(f.part.arguments.items()))) in seen:
                continue
            seen.add(key)
            f = replace(f, part=f.part.model_copy(update={"expect": None}), state="beside")
        yield f


def ledger(book: Book | None = None) -> list[Settled]:
    """Settle every claim from the evidence in a book, by default the committed one."""
    book = book or Book()
    return [settle(claim, book) for claim in read()]


def as_json(settled: Iterable[Settled]) -> list[dict[str, Any]]:
    """Plain JSON of the whole ledger: numbers that do not exist are null."""
    rows = []
    for s in settled:
        about = s.claim.model_dump(exclude={"parts"})
        parts = [
            f.part.model_dump(exclude={"where_run", "unless_run"}) | {
                "measured": None if f.measured is None else _finite(f.measured._asdict()),
                "missing": list(f.missing),
                "state": f.state,
            }
            for f in s.findings
        ]  # fmt: skip
        rows.append(about | {"verdict": s.verdict, "missing": s.missing, "parts": parts})
    return rows


def json_text(settled: Iterable[Settled]) -> str:
    """The whole ledger as text: what the command prints and the book offers."""
    return json.dumps(as_json(settled), indent=1, ensure_ascii=False, allow_nan=False)


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    return {key: None if isinstance(value, float) and isnan(value) else value for key, value in values.items()}
