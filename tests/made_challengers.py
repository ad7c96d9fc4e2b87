"""Evidence of a challenger and of what it is held against, made by hand on eighty targets of forty sessions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from audit_lib.data import splits
from audit_lib.evaluation.ranking import Ranks
from audit_lib.study import epochs, evidence, provenance
from audit_lib.study.results import Book

N = 40  # sessions, of three events: two targets each
STUDY = """
[settings.one]
layers = 10
[settings.bpr]
loss = "bpr"
[[experiment]]
group = "headline"
datasets = ["diginetica", "yoochoose1_64"]
recommenders = ["gru4rec"]
settings = "one"
seeds = [0, 1]
why = "a test"
[[experiment]]
group = "gru2016_bpr"
datasets = ["diginetica"]
recommenders = ["gru4rec_2016"]
settings = "bpr"
seeds = [0, 1]
why = "a test"
[[experiment]]
group = "simple"
datasets = ["diginetica"]
recommenders = ["vstan"]
settings = "default"
seeds = [0]
why = "a test"
"""


def split() -> splits.Split:
    items = np.arange(200)
    train = pd.DataFrame({"SessionId": items // 2, "ItemId": items, "Time": items.astype(float)})
    test = pd.DataFrame({"SessionId": 1000 + np.repeat(np.arange(N), 3), "ItemId": np.tile([0, 1, 2], N)})
    return splits.make_split("published", train, test.assign(Time=1000.0 + np.arange(3 * N)))


def made_book(folder: Path) -> Book:
    """A folder without evidence, and a small study."""
    (folder / "study.toml").write_text(STUDY)
    return Book(folder / "evidence", folder / "study.toml")


def put_run(
    book: Book, hits: float, *, dataset: str = "diginetica", recommender: str = "srgnn", seed: int = 0, place: int = 0,
    **config: object,
) -> None:  # fmt: skip
    """Evidence of one run: in a share `hits` of the sessions `place` items are above each target, else ninety-nine."""
    above = np.where(np.repeat(np.arange(N) < hits * N, 2), place, 99)
    zero = np.zeros_like(above)
    evidence.write(
        Ranks(above, zero, above, zero), split(), dataset=dataset, data_hash="-", recommender=recommender,
        config=dict(config), seed=seed, seconds={"fit": 2.0, "rank": 1.0}, out=book.folder,
        log=[{"epoch": 1, "loss": 7.0}, {"epoch": 2, "loss": 6.0}],
    )  # fmt: skip


def put_trajectory(
    book: Book, hits: list[float], *, dataset: str = "diginetica", seed: int = 0, n_epochs: int = 0
) -> None:
    """Evidence, in one file, of SR-GNN ranked after every epoch so far. n_epochs: of its settings, if it goes on."""
    above = {str(e): np.where(np.repeat(np.arange(N) < share * N, 2), 1, 21) for e, share in enumerate(hits, 1)}
    about = provenance.manifest(
        dataset=dataset, data_hash="-", recommender="srgnn", config={"n_epochs": n_epochs or len(hits), "lr": 0.001},
        seed=seed, device="cpu", seconds={"fit": 1.0, "rank": 1.0}, log=[{"epoch": int(e)} for e in above],
    )  # fmt: skip
    evidence.keep_table(above, split(), about | {"validation": []}, book.folder / epochs.FOLDER)


def put_planned(book: Book, hits: float, **wanted: object) -> None:
    """Evidence of the planned experiments with these fields."""
    for e in book.planned(**wanted):
        put_run(book, hits, dataset=e.dataset, recommender=e.recommender, seed=e.seed, **e.config)


def put_course(book: Book, hits: list[float], **where: object) -> None:
    """Evidence of SR-GNN after each of so many epochs."""
    for epoch, share in enumerate(hits, 1):
        put_run(book, share, n_epochs=epoch, lr=0.001, **where)
