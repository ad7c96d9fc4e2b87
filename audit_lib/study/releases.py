"""GRU4Rec by year: what the authors' public code had when, and the evidence of each version.

`book/versions.toml` lists the rungs of the ladder and the papers that print a value of GRU4Rec. A published value is of
the version that was run for it; a month says which versions could be run then.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, Field

from audit_lib.errors import InputError
from audit_lib.files import BOOK
from audit_lib.study import literature_values
from audit_lib.study.evidence import Run
from audit_lib.study.literature_values import COPIED, min_step
from audit_lib.study.results import Book, K, over

FILE = BOOK / "versions.toml"
Month = Field(pattern=r"^20\d\d-[01]\d$")
COLUMNS = ("dataset", "rung", "month", "metric", "value", "low", "high", "seeds")


class _Closed(BaseModel, frozen=True, extra="forbid"):
    pass


class Rung(_Closed):
    """A version of GRU4Rec: the month and commit of the authors' code that had it first, and who measures it here."""

    id: str
    month: str = Month
    commit: str
    recommender: str
    group: str
    variant: str | None = None
    label: str
    label_es: str

    def name(self, lang: str = "en") -> str:
        """What it is called in text."""
        return self.label_es if lang == "es" else self.label


class Printed(_Closed):
    """A paper that prints a value of GRU4Rec on some data sets, and the month in which it appeared."""

    source: str
    month: str = Month
    datasets: tuple[str, ...]


@cache
def _content(path: Path) -> tuple[tuple[Rung, ...], tuple[Printed, ...]]:
    try:
        whole = tomllib.loads(path.read_text("utf-8"))
        return tuple(Rung(**rung) for rung in whole["rung"]), tuple(Printed(**paper) for paper in whole["printed"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"'{path}' is no list of versions: {error}") from error


def rungs(path: Path = FILE) -> tuple[Rung, ...]:
    """Lists the versions, oldest first. Raises InputError if the file is not right."""
    return _content(path)[0]


def printed(dataset: str, path: Path = FILE) -> Printed:
    """Finds the paper whose value of GRU4Rec on a data set is under audit. Raises InputError if there is none."""
    for paper in _content(path)[1]:
        if dataset in paper.datasets:
            return paper
    raise InputError(f"versions.toml names no paper that prints a value of GRU4Rec on '{dataset}'.")


def public_at(month: str, path: Path = FILE) -> Rung:
    """Finds the last rung of the ladder that the authors' code had in a month such as '2019-01'.

    Settings that were searched here are no version of the code: such rungs are left out. Raises InputError for a month
    before the first version.
    """
    known = [rung for rung in rungs(path) if rung.month <= month and not rung.group.endswith(("_searched", "_tuned"))]
    if not known:
        raise InputError(f"No version of GRU4Rec was public in {month}; the first is of {rungs(path)[0].month}.")
    return known[-1]


def called(arguments: dict[str, Any], lang: str = "en") -> str | None:
    """Names the version that the arguments of a measure (group, variant) mean; None if they mean none of the ladder."""
    for rung in rungs():
        same = (rung.group, rung.variant) == (arguments.get("group"), arguments.get("variant"))
        if same and rung.group != "headline_tuned":
            return rung.name(lang)
    return None


def runs_of(book: Book, rung: Rung, dataset: str) -> list[Run]:
    """The evidence of a version on a data set, one run a seed; empty if it was not run."""
    wanted = {"dataset": dataset, "group": rung.group, "recommender": rung.recommender, "variant": rung.variant}
    return book.present(**wanted)


def table(book: Book) -> pd.DataFrame:
    """COLUMNS: Recall@20 and MRR@20 (fractions) of every version on the logs whose value is copied.

    Over the targets of the publication, with 95 % intervals over sessions and seeds; one row for each data set, version
    and metric that has evidence.
    """
    rows = []
    for dataset in COPIED:
        for rung in rungs():
            if runs := runs_of(book, rung, dataset):
                for metric in ("Recall", "MRR"):
                    found = over(runs, metric, K, min_step(dataset))
                    rows.append((dataset, rung.id, rung.month, metric, *found))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def copied(dataset: str, metric: str) -> float:
    """The published value of GRU4Rec on a data set, a fraction."""
    return literature_values.value(COPIED[dataset], dataset, "gru4rec", metric, K)
