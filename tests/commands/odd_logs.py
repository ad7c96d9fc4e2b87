"""Logs of every shape that people bring: few items, short or long sessions, no times, strange identifiers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

START = 1_600_000_000  # September 2020
DAY = 86_400


def walk(
    *, sessions: int, items: int, length: tuple[int, int], days: float = 30, order: float = 0.8, seed: int = 0,
    zipf: float = 0.8, gap: int = 60,
) -> pd.DataFrame:  # fmt: skip
    """Sessions in which the next item is the last one's successor with probability `order`, else drawn by popularity.

    length: the shortest and the longest session. gap: seconds between two events, at most.
    """
    rng = np.random.default_rng(seed)
    weight = 1 / np.arange(1, items + 1) ** zipf
    drawn = rng.choice(items, size=sessions * length[1] * 2, p=weight / weight.sum())
    rows, at = [], 0
    for session in range(sessions):
        now = START + session * days * DAY / sessions
        item = int(drawn[at])
        for _ in range(rng.integers(length[0], length[1] + 1)):
            rows.append((session, item, int(now)))
            at += 1
            item = (item + 1) % items if rng.random() < order else int(drawn[at])
            now += rng.integers(1, gap + 1)
    return pd.DataFrame(rows, columns=["SessionId", "ItemId", "Time"])


def order_only(scale: float = 1) -> pd.DataFrame:
    """No time but the position of an event in its file; other names of the columns; long sessions."""
    log = walk(sessions=int(120 * scale), items=150, length=(20, 60), order=0.6)
    return pd.DataFrame({"utterance": log["SessionId"], "gloss": log["ItemId"], "t": np.arange(len(log))})


def robot(scale: float = 1) -> pd.DataFrame:
    """One session of a machine that goes round a few items has more events than all the others together."""
    log = walk(sessions=int(300 * scale), items=80, length=(2, 5))
    n = int(len(log) * 1.5)
    machine = {"SessionId": 999_999, "ItemId": np.arange(n) % 7, "Time": START + np.arange(n) * 5}
    return pd.concat([log, pd.DataFrame(machine)], ignore_index=True)


def unicode_ids(scale: float = 1) -> pd.DataFrame:
    """Identifiers with blanks, accents, other scripts, quotation marks inside, and Markdown in them."""
    log = walk(sessions=int(300 * scale), items=120, length=(2, 6))
    names = ["niño {}", "Ωmega  {}", "чай {}", "*bold* {}", "a_b|c {}", "日本 {}", "O'Neil <{}>"]
    log["ItemId"] = [names[i % len(names)].format(i) for i in log["ItemId"]]
    log["SessionId"] = [f"visit no. {s}" for s in log["SessionId"]]
    return log


def unpopular(scale: float = 1) -> pd.DataFrame:
    """What is popular comes to an end before the test part begins: Popularity hits nothing."""
    log = walk(sessions=int(600 * scale), items=110, length=(2, 5), zipf=0.0)
    loud = walk(sessions=int(900 * scale), items=25, length=(3, 6), zipf=0.0, days=20, seed=1)
    loud = loud.assign(SessionId=loud["SessionId"] + 1_000_000, ItemId=loud["ItemId"] + 1_000)
    return pd.concat([log, loud], ignore_index=True)


# Name, columns as the command line wants them, and how to make it; scale 1 is small enough for a test.
SHAPES: dict[str, tuple[str, Callable[[float], pd.DataFrame]]] = {
    "order_only": ("SessionId=utterance,ItemId=gloss,Time=t", order_only),
    "items_12": ("", lambda scale: walk(sessions=int(300 * scale), items=12, length=(2, 6))),
    "items_60": ("", lambda scale: walk(sessions=int(300 * scale), items=60, length=(2, 6))),
    "two_events": ("", lambda scale: walk(sessions=int(500 * scale), items=60, length=(2, 2))),
    "sparse": ("", lambda scale: walk(sessions=int(2_500 * scale), items=int(4_000 * scale), length=(2, 5), zipf=0.3)),
    "three_years": ("", lambda scale: walk(sessions=int(400 * scale), items=120, length=(2, 8), days=1_095)),
    "unicode_ids": ("", unicode_ids),
    "robot": ("", robot),
    "unpopular": ("", unpopular),
    "saturated": ("", lambda scale: walk(sessions=int(300 * scale), items=110, length=(3, 9), order=0.98)),
}


def write(shape: str, folder: Path, *, scale: float = 1) -> tuple[Path, str]:
    """The file of a log of this shape, and its columns for the command line."""
    columns, make = SHAPES[shape]
    path = folder / f"{shape}.tsv"
    make(scale).to_csv(path, sep="\t", index=False)
    return path, columns
