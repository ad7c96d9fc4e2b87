"""Tables that both the facts and the exhibits of the technical report are read from, computed once."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from audit_lib.errors import MissingError
from audit_lib.evaluation import comparisons
from audit_lib.stages import implementations, searches
from audit_lib.study.results import Book, NotYet, counted_logs
from book.press.facts.source import Source


@cache
def _searches(book: Book) -> pd.DataFrame:
    """`searches.found`, computed once for a book."""
    return searches.found(book)


def searched(source: Source) -> pd.DataFrame:
    """`searches.found`. Raises NotYet if no search of GRU4Rec's settings has its evidence."""
    found = _searches(source.book)
    if found.empty:
        raise NotYet(searches.GROUP)
    return found


@cache
def _costs(folder: object, dataset: str, loss: str) -> pd.DataFrame:
    return implementations.costs(implementations.variants(dataset, loss, out=folder))


def costs(source: Source, dataset: str, loss: str = "cross-entropy") -> pd.DataFrame:
    """`implementations.costs` of a data set. Raises NotYet if GRU4Rec as it should be, or every variant, is missing."""
    try:
        found = _costs(source.book.folder, dataset, loss)
    except MissingError as error:
        raise NotYet(f"{dataset}, third_party") from error
    if found.empty:
        raise NotYet(f"{dataset}, third_party")
    return found


def sampling(source: Source, n: int = 100) -> pd.DataFrame:
    """dataset, recommenders, pairs, reversed, tau, least, median, most: of each log; factors are sampled / full."""
    rows = []
    for dataset in counted_logs(source.book):
        table = source.book.sampled(dataset, n).query("full > 0")
        full, drawn = table["full"].to_numpy(), table["sampled"].to_numpy()
        pairs, turned = len(table) * (len(table) - 1) // 2, source.book.reversed(dataset, n)
        tau = float(comparisons.kendall(full, drawn)) if len(table) > 1 else float("nan")
        factor = drawn / full
        rows.append((dataset, len(table), pairs, turned, tau, factor.min(), float(np.median(factor)), factor.max()))
    columns = ["dataset", "recommenders", "pairs", "reversed", "tau", "least", "median", "most"]
    return pd.DataFrame(rows, columns=columns)
