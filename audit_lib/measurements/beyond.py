"""Beyond the hit: how many items are recommended at all, how popular they are, and how often the session is repeated.

Of the K items that a recommender puts first after each prefix, equal scores in order of the catalogue, lower index
first, so that a list of K is always one and the same:

- coverage@K: the share of the catalogue that is in at least one list (Ludewig & Jannach 2018);
- average popularity@K: the mean over lists and places of support_j / max support (Ludewig & Jannach 2018);
- repeats@K: the share of the places in all lists that hold an item of the prefix;
- repeated targets: the share of targets that are an item of their prefix. It says of the log how much there is to gain
  by repeating, and is the same for every recommender.

Lists are those after the prefixes that a recommender is asked for (see `targets`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numba
import numpy as np
import pandas as pd

from audit_lib.data import datasets
from audit_lib.data.preparing import split_of
from audit_lib.data.sessions import Prefixes
from audit_lib.errors import InputError
from audit_lib.evaluation import metrics, ranking
from audit_lib.evaluation.metrics import K
from audit_lib.evaluation.shuffle import best_of
from audit_lib.measurements.observations import REAL
from audit_lib.recommenders import Recommender
from audit_lib.study import running
from audit_lib.study.plan import Experiment
from audit_lib.study.results import SIMPLE, Book, main_group

SECONDS = 180.0  # of training, at most, for a GRU4Rec to be trained again here


class Beyond(NamedTuple):
    """Shares in 0 … 1, as the module describes them."""

    coverage: float
    popularity: float
    repeats: float
    repeated_targets: float


class Watched:
    """Scores as the recommender does, and looks at the K best items of each row as the blocks go by.

    It passes for the recommender where ranks are taken, so that both come from the same scores. support: (V,) int64, in
    train. Raises InputError for a K outside 1 … V.
    """

    def __init__(self, recommender: Recommender, support: np.ndarray, *, k: int = K):
        if not 1 <= k <= len(support):
            raise InputError(f"The cutoff K is {k}; a list has 1 to {len(support)} items of this catalogue.")
        self.name, self.recommender, self.support, self.k = recommender.name, recommender, support, k

    def score(self, prefixes: Prefixes, *, block_size: int = 256) -> Iterator[np.ndarray]:
        """The recommender's own blocks; `found` is complete after the last one."""
        self.shown = np.zeros(len(self.support), bool)
        self.lists = self.supports = self.repeats = self.repeated_targets = 0
        items = prefixes.sessions.items
        for block in self.recommender.score(prefixes, block_size=block_size):
            best = best_of(block, self.k)
            rows = slice(self.lists, self.lists + len(block))
            begin, end = prefixes.sessions.offsets[prefixes.session[rows]], prefixes.position[rows]
            self.shown[best] = True
            self.supports += int(self.support[best].sum())
            self.repeats += repeats(best, items, begin, end)
            self.repeated_targets += repeats(prefixes.target[rows, None], items, begin, end)
            self.lists += len(block)
            yield block

    @property
    def found(self) -> Beyond:
        """What was seen of all lists so far. Raises InputError before the first."""
        if not getattr(self, "lists", 0):
            raise InputError(f"{self.name}: no list was made yet. Rank with it first.")
        places, most = self.lists * self.k, int(self.support.max())
        return Beyond(
            coverage=float(self.shown.mean()), popularity=self.supports / (most * places),
            repeats=self.repeats / places, repeated_targets=self.repeated_targets / self.lists,
        )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def repeats(chosen, items, begin, end):
    """How many of the items chosen (b, k) are among items[begin:end] of their row."""
    count = 0
    for i in range(chosen.shape[0]):
        for j in range(chosen.shape[1]):
            for at in range(begin[i], end[i]):
                if items[at] == chosen[i, j]:
                    count += 1
                    break
    return count


# --- the record
def measure() -> pd.DataFrame:
    """dataset, recommender, seed, predictions, recall, and the fields of Beyond, for the record `beyond`.

    The simple recommenders with their defaults on every log; GRU4Rec, its first seed, where the evidence says that it
    trains within SECONDS. All are trained and ranked as the study does it. recall: Recall@20 over all targets, to be
    held against the evidence of the same run.
    """
    rows = []
    for name in REAL:
        split = split_of(datasets.load(name))
        for experiment in chosen(Book(), name):
            model = running.create(experiment.recommender, seed=experiment.seed, device="cpu", **experiment.settings)
            running.use_threads(model)
            watch = Watched(model.fit(split.train), split.train.support)
            ranks = ranking.rank_split(watch, split)
            about = {"dataset": name, "recommender": model.name, "seed": experiment.seed}
            recall = float(metrics.recall(ranks.above, ranks.equal, K).mean())
            rows.append(about | {"predictions": len(ranks.above), "recall": recall} | watch.found._asdict())
    return pd.DataFrame(rows)


def chosen(book: Book, dataset: str) -> list[Experiment]:
    """The experiments of a log that the record repeats."""
    neural = book.planned(dataset=dataset, group=main_group(dataset), recommender="gru4rec", seed=0)
    quick = []
    for experiment in neural:
        if (run := book.run_of(experiment)) is not None:
            seconds = run.manifest["seconds"]
            if seconds.get("processor", seconds["fit"]) <= SECONDS:
                quick.append(experiment)
    return [*book.planned(dataset=dataset, group=SIMPLE), *quick]
