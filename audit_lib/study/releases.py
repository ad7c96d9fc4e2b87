"""GRU4Rec by year: what the authors' public code had when, and the evidence of each version.

`book/versions.toml` lists the rungs of the ladder and the papers that print a value of GRU4Rec. A published value is of
the version that was run for it; a month says which versions could be run then.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pandas as pd
from pydantic import Field

from audit_lib.errors import InputError
from audit_lib.evaluation.metrics import K
from audit_lib.files import BOOK
from audit_lib.study import literature_values
from audit_lib.study.evidence import Run
from audit_lib.study.literature_values import COPIED, min_step
from audit_lib.study.plan import Closed
from audit_lib.study.results import Book, over

FILE = BOOK / "versions.toml"
Month = Field(pattern=r"^20\d\d-[01]\d$")
COLUMNS = ("dataset", "rung", "month", "metric", "value", "low", "high", "seeds")


class Rung(Closed):
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


class Printed(Closed):
    """A paper that prints a value of GRU4Rec on some data sets, and the month in which it appeared."""

    source: str
    month: str = Month
    datasets: tuple[str, ...]


class Versions(Closed):
    """The whole file."""

    rung: tuple[Rung, ...]
    printed: tuple[Printed, ...]


@cache
def read() -> Versions:
    """The file, checked. Raises InputError if it is not right."""
    return Versions.from_file(FILE, "list of versions")


def rungs() -> tuple[Rung, ...]:
    """Lists the versions, oldest first."""
    return read().rung


def printed(dataset: str) -> Printed:
    """Finds the paper whose value of GRU4Rec on a data set is under audit. Raises InputError if there is none."""
    for paper in read().printed:
        if dataset in paper.datasets:
            return paper
    raise InputError(f"versions.toml names no paper that prints a value of GRU4Rec on '{dataset}'.")


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
