"""The one training of GRU4Rec, and the one simple recommender, that stand for their side on each log.

Both are chosen by Recall@20 on the validation part, among what the study ran, before the test part is looked at. Every
page, table, figure and README row shows these two; where another training is shown, it is named.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from audit_lib.errors import MissingError
from audit_lib.files import digest
from audit_lib.study import presets, records, running
from audit_lib.study.evidence import Run
from audit_lib.study.results import SIMPLE_GROUPS, TRAININGS, Book, K, NotYet, main_group

NAME = "gru4rec"  # the independent engine; the official code is another training, and named where it is shown
COLUMNS = ("dataset", "group", "recommender", "validation", "mrr", "searched", "chosen")


class Validated(NamedTuple):
    """Recall@20 and MRR@20 in validation (NaN if only the search measured it, by Recall@20 alone)."""

    recall: float
    mrr: float = float("nan")


class Chosen(NamedTuple):
    """What stands for one side on a log. runs: one a seed. validation: Recall@20 there, NaN if there was no choice.

    of: how many configurations had a value to choose by.
    """

    dataset: str
    group: str
    recommender: str
    runs: tuple[Run, ...]
    validation: float
    of: int


@cache
def _values(folder: Path) -> dict[tuple[str, str, str], Validated]:
    found = {}
    for dataset, entries in presets.tuned().items():
        for name, search in entries.items():
            if (search["objective"]["metric"], search["objective"]["k"]) == ("Recall", K):
                config = digest(running.config_of(name, search["settings"]))[:8]
                found[dataset, name, config] = Validated(search["value"])
    try:
        table = records.read("validation", folder=folder / "records")
    except MissingError:
        return found
    own = {(r.dataset, r.recommender, r.config): Validated(r.recall, r.mrr) for r in table.itertuples()}
    return found | own


def value(book: Book, run: Run) -> Validated | None:
    """What a run's configuration scores in validation; None if nobody has measured it."""
    return _values(book.folder).get((run.dataset, run.recommender, run.path.stem.rpartition("-s")[0]))


def _sides(book: Book, dataset: str, groups: Iterable[str], recommender: str | None) -> list[Chosen]:
    """Every configuration of a side once, in the first group that has it."""
    found: dict[tuple[str, str], Chosen] = {}
    only = {} if recommender is None else {"recommender": recommender}
    for group in groups:
        runs: dict[tuple[str, str], list[Run]] = {}
        for run in book.present(dataset=dataset, group=group, variant=None, **only):
            runs.setdefault((run.recommender, run.path.stem.rpartition("-s")[0]), []).append(run)
        for key, each in runs.items():
            known = value(book, each[0])
            validation = float("nan") if known is None else known.recall
            found.setdefault(key, Chosen(dataset, group, key[0], tuple(each), validation, 0))
    return list(found.values())


def _chosen(sides: list[Chosen]) -> Chosen | None:
    """The best in validation, the earlier of equals; the only one where there is no choice."""
    known = [side for side in sides if side.validation == side.validation]
    if len(sides) <= 1:
        return sides[0] if sides else None
    if not known:
        raise NotYet("records/validation.json", sides[0].dataset)
    best = max(known, key=lambda side: side.validation)
    return best._replace(of=len(known))


def trainings(book: Book, dataset: str) -> list[Chosen]:
    """Every training of GRU4Rec as it should be, by the independent engine: each configuration once."""
    return _sides(book, dataset, dict.fromkeys((*TRAININGS, main_group(dataset))), NAME)


def simple(book: Book, dataset: str) -> list[Chosen]:
    """Every simple recommender in every setting that ran: each configuration once."""
    return _sides(book, dataset, SIMPLE_GROUPS, None)


def of(book: Book, dataset: str) -> Chosen | None:
    """The headline training of a log; None if GRU4Rec has no evidence. Raises NotYet without validation values."""
    return _chosen(trainings(book, dataset))


def best_simple(book: Book, dataset: str) -> Chosen | None:
    """The best simple recommender of a log, by the same rule."""
    return _chosen(simple(book, dataset))


def by_recommender(book: Book, dataset: str) -> dict[str, Chosen]:
    """Every recommender of a log in the configuration that is best in validation, GRU4Rec last."""
    sides: dict[str, list[Chosen]] = {}
    for side in (*simple(book, dataset), *trainings(book, dataset)):
        sides.setdefault(side.recommender, []).append(side)
    return {name: needed(_chosen(each), dataset) for name, each in sides.items()}


def needed(found: Chosen | None, *wanted: str) -> Chosen:
    """What was chosen. Raises NotYet, naming what is wanted, if there was nothing to choose from."""
    if found is None:
        raise NotYet(*wanted)
    return found


def searched(dataset: str, recommender: str) -> bool:
    """Whether the settings of a recommender were searched on the validation part of a log."""
    return recommender in presets.tuned().get(dataset, {})


def table(book: Book, datasets: Iterable[str]) -> pd.DataFrame:
    """COLUMNS: every configuration that had a validation value, on each log, GRU4Rec first, the best first.

    searched: whether its settings are the outcome of a search on that log. chosen: whether it stands for its side.
    """
    rows = []
    for dataset in datasets:
        for sides in (trainings(book, dataset), simple(book, dataset)):
            best = _chosen(sides)
            for side in sorted(sides, key=lambda side: -side.validation):
                if (known := value(book, side.runs[0])) is None:
                    continue
                by_search = side.group in ("tuned", "headline_tuned")
                same = best is not None and side.runs[0].path == best.runs[0].path
                rows.append((dataset, side.group, side.recommender, known.recall, known.mrr, by_search, same))
    return pd.DataFrame(rows, columns=list(COLUMNS))
