"""Trained recommenders in files, and what they recommend after a session: what a service needs, without data or split.

A file is safetensors: the fitted arrays, and in its header the recommender and its settings, the ids of the catalogue
with their hash, the data set, its hash and that of the split, and the version of this library. Nothing in it is run.

    saved = models.load("vsknn.safetensors")
    found = saved.recommend([17, 42, 89], k=20)     found.items, found.scores, found.unknown
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open

import audit_lib
from audit_lib import recommenders
from audit_lib.data.datasets import Dataset
from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.data.splits import Split
from audit_lib.errors import InputError, MissingError, WriteError
from audit_lib.evaluation.metrics import K
from audit_lib.evaluation.shuffle import best_of
from audit_lib.recommenders import Recommender
from audit_lib.study import evidence

FORMAT = 2


@dataclass(frozen=True)
class Recommended:
    """The best items after a session, best first, with their scores; equal scores in order of the catalogue.

    unknown: items of the session that the catalogue lacks, which were skipped.
    """

    items: list[Any]
    scores: list[float]
    unknown: list[Any]


@dataclass(frozen=True)
class Saved:
    """A recommender that was read from a file. about: what its header says. catalogue: (V,) the log's own item ids."""

    model: Recommender
    about: dict[str, Any]
    catalogue: pd.Index

    def recommend(self, session: Sequence[Any], k: int = K) -> Recommended:
        """The k best items after a session, oldest item first. Ids are those of the log, as they are or as text.

        Unknown items are skipped, as in the test part of a split. Raises InputError if none is known.
        """
        known, unknown = self.known(session)
        if not known:
            named = f": the catalogue lacks {', '.join(map(str, unknown[:10]))}" if unknown else ""
            raise InputError(f"There is no item to go by{named}.")
        items = np.array([*known, known[-1]])  # the last one stands for the target, which no score depends on
        n = len(items)
        one = Sessions(items, np.array([0, n]), np.arange(n, dtype=np.float64), np.zeros(1), self.catalogue)
        asked = Prefixes(one, np.arange(n) == n - 1)
        return self._best(next(self.model.score(asked, block_size=1)), k, unknown)

    def follow(self, item: Any, state: Any = None, k: int = K) -> tuple[Recommended, Any]:
        """The k best items after one more item, and the state to go on from: of a network, which keeps a session so.

        state: what the call before returned; None where the session begins. Scores are those of `recommend` but for the
        last bits. Raises InputError for another recommender, which takes the whole session.
        """
        network: Any = self.model
        if not hasattr(network, "advance"):
            raise InputError(f"{network.name} keeps no state between items: give `recommend` the whole session.")
        known, unknown = self.known([item])
        if unknown:
            raise InputError(f"There is no item to go by: the catalogue lacks {item}.")
        state = network.advance(np.array(known), state)
        return self._best(network.answer(state), k, []), state

    @cached_property
    def _place(self) -> dict[str, int]:
        return {str(item): place for place, item in enumerate(self.catalogue)}

    def known(self, session: Sequence[Any]) -> tuple[list[int], list[Any]]:
        """The places in the catalogue of the items of a session that it has, and the other items as they are."""
        if isinstance(session, str) or not isinstance(session, Iterable):
            raise InputError(f"{session!r} is no session. Give a list of its items.")
        known = [self._place[str(item)] for item in session if str(item) in self._place]
        unknown = [item for item in session if str(item) not in self._place]
        return known, unknown

    def _best(self, scores: np.ndarray, k: int, unknown: list[Any]) -> Recommended:
        if not 1 <= k <= len(self.catalogue):
            raise InputError(f"k is {k}; it must lie between 1 and the {len(self.catalogue)} items of the catalogue.")
        (found,) = best_of(scores, k)
        return Recommended(self.catalogue[found].tolist(), scores[0, found].tolist(), unknown)


def save(model: Recommender, dataset: Dataset, split: Split, path: Path) -> Path:
    """Writes a recommender that was fitted on the train part of a split. Raises WriteError where that fails."""
    about = {
        "format": FORMAT, "version": audit_lib.__version__, "dataset": dataset.name, "data_hash": dataset.data_hash,
        "split": evidence.split_hash(split), "items": split.train.catalogue.tolist(),
    }  # fmt: skip
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return model.save(path, {"about": json.dumps(about)})
    except (OSError, SafetensorError) as error:
        raise WriteError(f"'{path}' cannot be written: {error}. Choose another file.") from error


def load(path: str | Path) -> Saved:
    """Reads what `save` wrote. Raises MissingError if it is not there, InputError if it is something else."""
    path = Path(path)
    if not path.is_file():
        raise MissingError(f"There is no model '{path}'. Make one with `python -m audit_lib rank --save`.")
    try:
        with safe_open(path, "numpy") as file:
            header = file.metadata() or {}
        about = json.loads(header["about"])
        if about["format"] != FORMAT:
            raise ValueError(f"it has format {about['format']}, and this version reads {FORMAT}")
        catalogue, name = pd.Index(about.pop("items")), header["recommender"]
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"'{path}' is no model of `rank --save`: {error}.") from error
    model = recommenders.lookup(name).load(path)
    saved = Saved(model, about | {"recommender": name, "config": json.loads(header["config"])}, catalogue)
    none = np.zeros(0, np.int64)
    if Sessions(none, np.zeros(1, np.int64), none, none, catalogue).catalogue_fingerprint != model.catalogue:
        raise InputError(f"'{path}' was edited: its items are not those that its recommender was fitted on.")
    return saved
