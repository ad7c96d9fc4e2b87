"""The interactive figure on sampled metrics: the published ranks as a file that a browser reads, and the page's words.

`book/_static/ranks.js` holds, for every data set and recommender of the study, how often each rank occurred (ties
counted against the recommender), and the shares that popularity sampling needs. Sampled metrics follow from these:
exactly for uniform negatives, to four digits for popular ones. A target outside the catalogue has V items above it and
no share: it is a miss. `book/_static/sampled.js` computes them; a test holds it
against `audit_lib.evaluation.sampled`.

The file is JSON, packed with gzip and written as base64 in a script: a page that was opened from a folder may load
scripts and nothing else.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.evaluation.counts import Counts
from audit_lib.evaluation.metrics import K
from audit_lib.evaluation.sampled import expectation
from audit_lib.files import PROJECT, put
from audit_lib.show import counted
from audit_lib.show import words as labels
from audit_lib.show.words import Translate
from audit_lib.study import plan
from audit_lib.study.evidence import Run
from audit_lib.study.results import SIMPLE, Book, main_group

FILE = Path("book/_static/ranks.js")
VARIABLE = "packedRanks"
CELL = 0.01  # width of a cell of shares, in their log odds
PARTS = 32  # a cell's mean is stored to this part of its width
LIMIT = 25.0  # log odds from which on a share counts as 1
OTHERS = {"headline_bpr_max": "BPR-max", "headline_tuned": "tuned"}  # other trainings, where they were run


@dataclass(frozen=True)
class Histogram:
    """value: (D,) ascending, count: (D,) int64."""

    value: np.ndarray
    count: np.ndarray


# --- what is published
def recommenders(book: Book, dataset: str) -> dict[tuple[str, str], list[Run]]:
    """Runs of all seeds by recommender and settings ('' for its own), those of the study's main tables."""
    groups = {SIMPLE: "", main_group(dataset): "", **OTHERS, "oracle": ""}
    found: dict[tuple[str, str], list[Run]] = {}
    for group, settings in groups.items():
        for run in book.present(dataset=dataset, group=group):
            found.setdefault((run.recommender, settings), []).append(run)
    return found


def summary(runs: list[Run]) -> dict[str, Any]:
    """The ranks of one recommender over its seeds: ranks and shares, encoded, and how many seeds there are."""
    counts = [Counts.of_run(run) for run in runs]
    places = np.concatenate([c.above + c.equal for c in counts])
    shares = np.concatenate([np.add(*c.shares("popularity"))[~c.missed] for c in counts])
    return {"seeds": len(runs), "ranks": encode(histogram(places)), "shares": encode_shares(np.minimum(shares, 1.0))}


def histogram(values: np.ndarray) -> Histogram:
    """How often each whole number occurs."""
    return Histogram(*np.unique(values, return_counts=True))


def publish(book: Book) -> dict[str, Any]:
    """By data set: items (V), targets, and a list of runs with recommender, settings, seeds, ranks and shares."""
    found = {}
    for dataset in dict.fromkeys(e.dataset for e in plan.plan(book.study)):
        runs = recommenders(book, dataset)
        if len(runs) > 1:
            first = next(iter(runs.values()))[0]
            rows = [{"recommender": name, "settings": kind} | summary(r) for (name, kind), r in runs.items()]
            found[dataset] = {"items": first.n_items, "targets": len(first.ranks), "runs": rows}
    return found


def digest(root: Path) -> str:
    """Of all that the file follows from."""
    sources = [root / "book/evidence/SHA256SUMS", root / "book/study.toml", Path(__file__)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def ensure(root: Path = PROJECT) -> Path:
    """Write the file unless it is there and belongs to this evidence; return its path."""
    path, head = root / FILE, f"/* of evidence {digest(root)} */\n"
    if not (path.is_file() and path.read_text("utf8").startswith(head)):
        book = Book(root / "book/evidence", root / "book/study.toml")
        content = gzip.compress(json.dumps(publish(book), separators=(",", ":")).encode(), mtime=0)
        put({path: f'{head}const {VARIABLE} = "{base64.b64encode(content).decode()}";\n'.encode()})
    return path


def read(path: Path) -> dict[str, Any]:
    """What the file publishes."""
    return json.loads(gzip.decompress(base64.b64decode(path.read_text("utf8").split('"')[1])))


# --- histograms as short lists of small numbers
def encode(h: Histogram) -> list[list[int]]:
    """Steps from each value to the next, less 1, the first from -1; and counts."""
    return [(np.diff(h.value, prepend=-1) - 1).tolist(), h.count.tolist()]


def decode(code: list[list[int]]) -> Histogram:
    """What `encode` wrote."""
    return Histogram(np.cumsum(np.array(code[0], np.int64) + 1) - 1, np.array(code[1], np.int64))


def encode_shares(shares: np.ndarray) -> dict[str, Any]:
    """Shares in 0 … 1: how many are 0; then, from 1 down, cell by cell of the log odds: step, count, place of mean."""
    positive = shares[shares > 0]
    below = _below_limit(positive)
    cells, at, count = np.unique(np.floor(below / CELL), return_inverse=True, return_counts=True)
    mean = np.bincount(at, positive, minlength=len(cells)) / count
    part = np.clip(np.floor((_below_limit(mean) / CELL - cells) * PARTS), 0, PARTS - 1)
    steps, counts = encode(Histogram(cells.astype(np.int64), count))
    return {"zeros": len(shares) - len(positive), "cells": [steps, counts, part.astype(int).tolist()]}


def _below_limit(shares: np.ndarray) -> np.ndarray:
    """LIMIT less the log odds, at least 0."""
    with np.errstate(divide="ignore"):
        return np.maximum(LIMIT - np.log(shares) + np.log1p(-shares), 0.0)


# --- the page
def curves(published: dict[str, Any], *, lang: str, sizes: Iterable[int], k: int = K) -> pd.DataFrame:
    """recommender (its name in text), n, value: expected Recall@K with n uniform negatives, without replacement."""
    rows = []
    for run in published["runs"]:
        h = decode(run["ranks"])
        counts = Counts(h.value, np.zeros_like(h.value), published["items"])
        for n in sizes:
            value = float(np.average(expectation(counts, "Recall", n=n, k=k), weights=h.count))
            rows.append({"recommender": name(run, lang), "n": n, "value": value})
    return pd.DataFrame(rows)


def name(run: dict[str, Any], lang: str) -> str:
    """A recommender and its settings in text."""
    kind = run["settings"]
    return labels.name_of(run["recommender"], lang) + (f", {labels.translator(lang)(kind)}" if kind else "")


def words(lang: str) -> dict[str, Any]:
    """What the page says, in the reader's language; {braces} are filled in by the page, and # where it counts."""
    _: Translate = labels.translator(lang)
    return {
        "dataset": _("Data set"),
        "recommender": _("Recommender"),
        "metric": _("Metric"),
        "cutoff": _("Cutoff K"),
        "negatives": _("Negatives n"),
        "sampling": _("Sampling"),
        "uniform": _("Uniform, without replacement"),
        "uniform-replacement": _("Uniform, with replacement"),
        "popularity": _("By popularity, with replacement"),
        "controls": _("Choose an evaluation"),
        "range": _("From 1 to {most}"),
        "full": _("Whole catalogue"),
        "sampled": _("Sampled"),
        "place": _("Place"),
        "shift": _("Shift"),
        "up": _("up {count}"),
        "down": _("down {count}"),
        "same": _("none"),
        "value": _(
            "With {n} negatives, {metric} of {recommender} is expected to be {sampled}. Over the whole catalogue it is "
            "{full}."
        ),
        "agree": _("The sampled evaluation and the full one name the same winner: {full}."),
        "differ": _("The sampled evaluation names {sampled} the winner; over the whole catalogue it is {full}."),
        "shared": _(
            "With {n} negatives several recommenders share the first place; over the whole catalogue it goes to {full}."
        ),
        "pairs": _("Of {all} pairs of recommenders, {turned}."),
        "turned": counted.phrases(lang)["wrong-order"],
        "winners": _("Winner by number of negatives"),
        "from": _("from n = {n}: {winner}"),
        "right": _("from n = {n}: {winner}, as over the whole catalogue"),
        "nobody": _("from n = {n}: several alike"),
        "chart": _(
            "{metric} of every recommender by the number of negatives, on a logarithmic axis; the values are in the "
            "table below."
        ),
        "figure": _("Lines of Recall@20 for each recommender by the number of sampled negatives."),
        "axis": _("Negatives sampled per target"),
        "order": _("Order of the recommenders"),
        "ranking": _("The recommenders in the order of the whole catalogue, and their place with {n} negatives"),
    }
