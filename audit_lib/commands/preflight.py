"""Can this log become a book? Everything that is known before the first stage runs, all findings at once.

`preflight` reads the log, splits it as every stage will, and checks the settings. A *problem* stops the book, a
*warning* says that something is probably not meant, a *note* what the pages will look like.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from audit_lib.commands import expected
from audit_lib.data import checks, datasets, large, logs
from audit_lib.data.datasets import Dataset
from audit_lib.data.logs import COLUMNS, SESSION, TIME
from audit_lib.data.preparing import SINGLE_ITEM, columns_of, prepare, split_of
from audit_lib.data.reading import times
from audit_lib.data.splits import Split
from audit_lib.errors import AuditError
from audit_lib.files import COMMITTED
from audit_lib.stages import prepared, profiles

GIANT = 0.1  # of the events, above which one session is worth a second thought
FEW_KEPT = 0.5  # of the events, below which the filters of a split are worth a second thought


@dataclass(frozen=True)
class Notice:
    """One sentence about a log or a setting, and how much it matters."""

    kind: Literal["problem", "warning", "note"]
    text: str


@dataclass
class LogReport:
    """facts: what the log holds and how it is split, as far as it could be read. findings: the gravest first."""

    path: str
    facts: dict[str, Any] = field(default_factory=dict)
    findings: list[Notice] = field(default_factory=list)
    split: Split | None = None

    @property
    def ok(self) -> bool:
        """Whether the log can become a book."""
        return not any(finding.kind == "problem" for finding in self.findings)

    def add(self, kind: Literal["problem", "warning", "note"], text: str) -> None:
        """Adds a finding, once."""
        if Notice(kind, text) not in self.findings:
            self.findings.append(Notice(kind, text))

    def text(self) -> str:
        """Facts, findings and the verdict, a line each."""
        lines = [f"{key:20}{value}" for key, value in self.facts.items() if value is not None]
        order = ("problem", "warning", "note")
        lines += [f"{f.kind.capitalize()}: {f.text}" for f in sorted(self.findings, key=lambda f: order.index(f.kind))]
        lines.append("It can become a book." if self.ok else "It cannot become a book as it is.")
        return "\n".join(lines)


def preflight(
    path: str | Path,
    *,
    columns: Mapping[str, str] | str | None = None,
    time_unit: str | None = None,
    test_days: float | str | None = None,
    min_item_support: int | str | None = None,
    k: int | str | None = None,
    recommender_names: str | Sequence[str] | None = None,
    profile: str | None = None,
    engine: str | None = None,
    device: str | None = None,
    seeds: str | None = None,
) -> LogReport:
    """What is known of a log (a path, or a name of the registry) and of the settings of its book; nothing is trained.

    All as the stages take them, as text or as values; None or '' stands for the default. Never raises an AuditError:
    what is wrong is a finding of the report.
    """
    report = LogReport(str(path))
    given = _settings(
        report, test_days=test_days, min_item_support=min_item_support, k=k, names=recommender_names, profile=profile,
        engine=engine, device=device, seeds=seeds,
    )  # fmt: skip
    try:
        names = columns_of(columns)
        unit = times.check_unit(time_unit)
        with _unsaid():
            split = report.split = _read(report, path, names, unit, given)
    except AuditError as error:
        report.add("problem", str(error))
        return report
    _of_split(report, split, given["k"])
    if COMMITTED.is_dir():
        took = expected.minutes(split, profile=given["profile"], seeds=given["seeds"])
        report.facts["minutes"] = f"about {max(1, round(took))} of training and ranking, beside the pages themselves"
    return report


def _settings(report: LogReport, **given: Any) -> dict[str, Any]:
    """The settings that can be checked without the log; a wrong one is a problem, and its default goes on."""
    def check(name: str, default: Any, make: Callable[[Any], Any]) -> Any:
        value = given[name]
        if value in (None, ""):
            return default
        try:
            return make(value)
        except AuditError as error:
            report.add("problem", str(error))
        except ValueError:
            report.add("problem", f"{name} is '{value}', which is no number.")
        return default

    seeds_ = lambda value: [checks.at_least("seed", 0, seed) for seed in profiles.seeds(value)]  # noqa: E731
    check("engine", None, profiles.recommender)
    check("device", None, checks.device)
    check("names", None, lambda value: prepared.chosen(value if isinstance(value, str) else ",".join(value)))
    return {
        "profile": check("profile", "quick", lambda value: profiles.profile(value) and value),
        "seeds": len(check("seeds", [0, 1, 2], seeds_)),
        "test_days": check("test_days", None, lambda value: checks.positive("test_days", float(value))),
        "min_item_support": check("min_item_support", None, lambda n: checks.at_least("min_item_support", 1, int(n))),
        "k": check("k", None, lambda value: prepared.number("k", value, whole=True)),
    }


@contextmanager
def _unsaid() -> Iterator[None]:
    """Keeps what is said about a log while it is read out of the log messages: it is a finding of the report."""
    loggers = [logging.getLogger(f"audit_lib.data.{name}") for name in ("reading", "large", "logs")]
    before = [logger.disabled for logger in loggers]
    try:
        for logger in loggers:
            logger.disabled = True
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled


def _read(
    report: LogReport, path: str | Path, columns: Mapping[str, str] | None, unit: str | None, given: Mapping[str, Any]
) -> Split:
    """The split of a log, which it reads; what was read stays in the report even where the split fails."""
    options = {"test_days": given["test_days"], "min_item_support": given["min_item_support"]}
    if large.is_large(path):
        dataset, split = prepare(path, columns=columns, time_unit=unit, **options)
        _of_notes(report, dataset)
    else:
        dataset = datasets.load(path, columns=columns, time_unit=unit)
        _of_notes(report, dataset)
        report.facts |= _of_log(dataset)
        sizes = dataset.log[SESSION].value_counts()
        if len(sizes) > 20 and (share := sizes.iloc[0] / len(dataset.log)) > GIANT:
            report.add(
                "warning",
                f"The session '{sizes.index[0]}' holds {sizes.iloc[0]:,} events, {share:.0%} of all: a robot, or one "
                "id for many visits? If it reaches across the cut, it is in neither part.",
            )
        if repeated := int(dataset.log.duplicated(list(COLUMNS)).sum()):
            report.add("note", f"{repeated:,} rows are repeated (session, item and time); they are kept.")
        split = split_of(dataset, **options)
    report.facts |= split_facts(dataset, split)
    return split


def _of_notes(report: LogReport, dataset: Dataset) -> None:
    for note in dataset.notes:
        report.add("warning" if note.grave else "note", note.text)


def _of_log(dataset: Dataset) -> dict[str, Any]:
    counts = logs.counts(dataset.log)
    first, last = (
        times.date(float(value)) for value in (dataset.log[TIME].min(), dataset.log[TIME].max())
    )
    return counts | ({} if dataset.time == "order" else {"first_event": first, "last_event": last})


def split_facts(dataset: Dataset, split: Split) -> dict[str, Any]:
    """The preview of a split: where it cuts, and what is left in train and test, in words and numbers."""
    s = split.summary
    found = {}
    if s.get("cut") is not None and dataset.time != "order":
        found["test_begins"] = times.date(s["cut"])
    return found | {
        "train": f"{s['train']['sessions']:,} sessions, {s['train']['events']:,} events",
        "test": f"{s['test']['sessions']:,} sessions, {s['test']['events']:,} events",
        "straddling_sessions": s.get("straddling_sessions", 0),
        "catalogue": f"{split.train.n_items:,} items",
        "predictions": s["predictions"],
    }


def few(predictions: int) -> str | None:
    """A warning about the number of predictions, where it is below a hundred."""
    if predictions >= prepared.FEW:
        return None
    count = "is only one prediction" if predictions == 1 else f"are only {predictions} predictions"
    return (
        f"There {count} in the test part: intervals will be wide, and few differences can be told from chance. A "
        "longer test part (--test-days) or a larger log gives more."
    )


def _of_split(report: LogReport, split: Split, k: int | None) -> None:
    if words := few(split.summary["predictions"]):
        report.add("warning", words)
    items = split.train.n_items
    if items < 2:
        report.add("problem", SINGLE_ITEM)
    try:
        if (shown := prepared.cutoff_of(items, k)) != prepared.K and k is None and items > 1:
            text = f"The catalogue has {items} items, so lists of {shown} are shown instead of {prepared.K}."
            report.add("note", text)
    except AuditError as error:
        report.add("problem", str(error))
    kept = split.summary["train"]["sessions"] + split.summary["test"]["sessions"]
    if (straddling := split.summary.get("straddling_sessions", 0)) > 0.1 * (kept + straddling):
        report.add(
            "warning",
            f"{straddling:,} sessions begin before the cut and end after it, {straddling / (kept + straddling):.0%} of "
            "all: they are in neither part. Are the sessions too long, or the ids used again?",
        )
    held = split.summary["train"]["events"] + split.summary["test"]["events"]
    if (events := report.facts.get("events")) and held < FEW_KEPT * events:
        report.add(
            "warning",
            f"Train and test keep {held:,} of {events:,} events ({held / events:.0%}): rare items, sessions of one "
            "event and sessions across the cut are left out. A smaller --min-item-support keeps more.",
        )
    if split.test.lengths.max() == 2 and split.train.lengths.max() == 2:
        report.add("note", "Every session has two events: what depends on longer prefixes cannot be shown.")
