"""A model from outside this library as evidence: its result, held against the targets of a split (see `exchange`).

A result is one of three, each with number and item of every target, which prove that rows are where they belong:

    scores   (N, V) float .npy files, read in pieces, and a table of target, item: every target is ranked here
    ranks    a table of target, item, above, equal (see `ranking`), support_above and support_equal if they are known
    lists    a table of target, item, list: recommended items, best first; or (N, K) integer .npy files and a table

Lists do not say where a target stands that is on none, nor what it ties with: the evidence has metrics up to K alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audit_lib import recommenders
from audit_lib.data.datasets import Dataset
from audit_lib.data.sessions import Prefixes
from audit_lib.data.splits import Split
from audit_lib.errors import EvidenceError, InputError, MissingError
from audit_lib.evaluation import ranking
from audit_lib.evaluation.ranking import COLUMNS, Ranks
from audit_lib.study import evidence, provenance
from audit_lib.study.evidence import Run

READERS = {".parquet": pd.read_parquet, ".tsv": lambda path: pd.read_csv(path, sep="\t"), ".csv": pd.read_csv}


@dataclass(frozen=True)
class Result:
    """What was read of a result. columns: (P,) each, in the order of all targets. up_to: K of lists, else None."""

    kind: str
    columns: dict[str, np.ndarray]
    up_to: int | None = None
    short: int = 0  # lists that are shorter than K


@dataclass(frozen=True)
class Scores:
    """Scores of every target over the catalogue, from files: what `ranking.rank` needs of a recommender.

    parts: (n, V) each. order: (V,) int64, the column of each item; None where that is the item's number.
    """

    name: str
    parts: Sequence[np.ndarray]
    order: np.ndarray | None

    def score(self, prefixes: Prefixes, *, block_size: int = 256) -> Iterator[np.ndarray]:
        """Blocks of (b, V); `prefixes` are those of the split, whose order the files were proved to have."""
        for part in self.parts:
            for start in range(0, len(part), block_size):
                block = np.asarray(part[start : start + block_size])
                block = block.astype(np.float32) if block.dtype == np.float16 else block
                yield np.ascontiguousarray(block if self.order is None else block[:, self.order])


def evaluate(
    dataset: Dataset,
    split: Split,
    files: Sequence[Path],
    *,
    name: str,
    source: str = "",
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    ids: Path | None = None,
    items: Path | None = None,
    out: Path | None = None,
    fresh: bool = False,
) -> tuple[Run, Result]:
    """The evidence of a result from outside, and what was read of it.

    name: under which it stands in tables. source, settings: what the manifest says of it, as given. ids, items: tables
    that say which target each row of .npy files is, and which item each column. fresh: replace other ranks of the same
    name, source, settings and seed. Raises InputError, EvidenceError or ScoreError for whatever does not fit.
    """
    evidence.check_dataset_name(name)
    if name in recommenders.REGISTRY:
        raise InputError(f"'{name}' is a recommender of this library. Give yours another --name.")
    start = time.perf_counter()
    result = read(files, split, name=name, ids=ids, items=items)
    about = provenance.manifest(
        dataset=dataset.name, data_hash=dataset.data_hash, recommender=name, seed=seed, device="",
        config={"source": source, **(settings or {})}, seconds={"rank": time.perf_counter() - start},
    )  # fmt: skip
    about["outside"] = {"kind": result.kind, "columns": list(result.columns), "up_to": result.up_to}
    out = out or evidence.root()
    place = evidence.path_of(split, about, out)
    if place.is_file() and not fresh:
        there = evidence.read(place)
        if all(np.array_equal(there.ranks.get(key), value) for key, value in result.columns.items()):
            return there, result
        raise EvidenceError(
            f"'{place}' holds other ranks under the same name, source, settings and seed. Give another --seed or "
            "--set, or replace them with --fresh."
        )
    return evidence.keep_table(result.columns, split, about, out), result


def read(
    files: Sequence[Path], split: Split, *, name: str, ids: Path | None = None, items: Path | None = None
) -> Result:
    """The counts of every target that a result gives. Its kind follows from the files; errors as in `evaluate`."""
    if any(file.suffix == ".npy" for file in files):
        parts = [_matrix(file) for file in files]
        if ids is None:
            raise InputError("A .npy file does not say which target its rows are of: give a table of them with --ids.")
        rows = [len(part) for part in parts]
        check_targets(table(ids), split, ids)
        if sum(rows) != len(split.prefixes):
            raise InputError(f"The files hold {sum(rows)} rows for {len(split.prefixes)} targets: score every target.")
        if items is None and all(np.issubdtype(part.dtype, np.integer) for part in parts):
            if any(part.shape[1] == split.train.n_items for part in parts):
                raise InputError(
                    f"'{files[0]}' has a whole number for every item of the catalogue: scores, or the items in their "
                    "order? Store scores as floats, and shorter lists of items."
                )
            return _lists(list(np.concatenate(parts)), split, files[0])
        ranks = ranking.rank(_scores(name, parts, split, files, items), split.prefixes, split.train.support)
        return Result("scores", vars(ranking.complete(ranks, split)))
    if len(files) != 1 or ids is not None or items is not None:
        raise InputError("A table of ranks or lists is one file, and names its own targets: leave --ids and --items.")
    found = table(files[0])
    check_targets(found, split, files[0])
    if "list" in found and not {"above", "equal"} & set(found):
        return _lists([_listed(value, files[0], row) for row, value in enumerate(found["list"])], split, files[0])
    if "list" not in found and {"above", "equal"} <= set(found):
        return _ranks(found, split, files[0])
    raise InputError(f"'{files[0]}' must have either the columns above and equal, which are ranks, or list.")


def table(path: Path) -> pd.DataFrame:
    """A table in Parquet, .tsv or .csv. Raises MissingError or InputError."""
    if not path.is_file():
        raise MissingError(f"There is no file '{path}'.")
    if path.suffix not in READERS:
        raise InputError(f"'{path}' is none of {', '.join((*READERS, '.npy'))}.")
    try:
        return READERS[path.suffix](path)
    except (OSError, ValueError) as error:
        raise InputError(f"'{path}' cannot be read as {path.suffix}: {error}.") from error


def check_targets(found: pd.DataFrame, split: Split, path: Path) -> None:
    """Raises InputError, naming the first row, unless the columns target and item are those of the split, in order."""
    target, item = (_numbers(found, name, path) for name in ("target", "item"))
    due = split.prefixes.target
    n = min(len(target), len(due))
    if (wrong := np.flatnonzero(target[:n] != np.arange(n))).size:
        row = int(wrong[0])
        raise InputError(
            f"'{path}', row {row}: target {target[row]}, where {row} is due. Give one row a target, in their order."
        )
    if (wrong := np.flatnonzero(item[:n] != due[:n])).size:
        row = int(wrong[0])
        raise InputError(
            f"'{path}', row {row}: target {row} is item {due[row]} in the split and {item[row]} here; {len(wrong)} "
            "rows differ. These are results of other targets, or of other item numbers than those of the catalogue."
        )
    if len(target) < len(due):
        raise InputError(f"'{path}' ends before target {n}: the split has {len(due)}. Score every target.")
    if len(target) > len(due):
        raise InputError(f"'{path}', row {n}: there is no target {target[n]}; the split has {len(due)}.")


def _numbers(found: pd.DataFrame, name: str, path: Path) -> np.ndarray:
    """(n,) int64 of a column. Raises InputError, naming the first row, where it is missing or no whole number."""
    if name not in found:
        raise InputError(f"'{path}' lacks the column {name}; it has {', '.join(map(str, found))}.")
    values = pd.to_numeric(found[name], errors="coerce").to_numpy(np.float64)
    if (wrong := np.flatnonzero(~(np.isfinite(values) & (values == np.floor(values))))).size:
        row = int(wrong[0])
        raise InputError(f"'{path}', row {row}: {name} is '{found[name].iloc[row]}', which is no whole number.")
    return values.astype(np.int64)


def _matrix(path: Path) -> np.ndarray:
    if not path.is_file():
        raise MissingError(f"There is no file '{path}'.")
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"'{path}' is no .npy file of numbers.") from error
    if found.ndim != 2 or found.dtype.kind not in "fiu":
        raise InputError(f"'{path}' holds {found.dtype} of shape {found.shape}, not a row of numbers for each target.")
    return found


def _scores(
    name: str, parts: Sequence[np.ndarray], split: Split, files: Sequence[Path], items: Path | None
) -> Scores:
    v = split.train.n_items
    for file, part in zip(files, parts, strict=True):
        if part.shape[1] != v:
            more = " Leave out columns of no item, such as that of padding." if part.shape[1] > v else ""
            raise InputError(f"'{file}' has {part.shape[1]} columns for a catalogue of {v} items.{more}")
    if items is None:
        return Scores(name, parts, None)
    column = _numbers(table(items), "item", items)
    for row, item in enumerate(column):
        if not 0 <= item < v or row >= v:
            raise InputError(f"'{items}', row {row}: item {item} is none of the catalogue's {v}, or one too many.")
    order = np.full(v, -1)
    order[column] = np.arange(len(column))
    if (order < 0).any():
        raise InputError(f"'{items}' lacks item {int(np.argmax(order < 0))} of the catalogue of {v} items.")
    return Scores(name, parts, order)


def _ranks(found: pd.DataFrame, split: Split, path: Path) -> Result:
    names = COLUMNS if set(COLUMNS) <= set(found) else COLUMNS[:2]
    columns = {name: _numbers(found, name, path) for name in names}
    v = split.train.n_items
    wrong = np.any([values < 0 for values in columns.values()], axis=0) | (columns["above"] + columns["equal"] >= v)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(
            f"'{path}', row {row}: above {columns['above'][row]}, equal {columns['equal'][row]}; together they count "
            f"other items than the target, of which the catalogue has {v - 1}."
        )
    return Result("ranks", _completed(columns, split))


def _listed(value: Any, path: Path, row: int) -> np.ndarray:
    """One list, from a Parquet file, or from a text with spaces between its items. Raises InputError for another."""
    try:
        parts = value.split() if isinstance(value, str) else value
        return np.array([int(part) for part in parts], np.int64)
    except (TypeError, ValueError) as error:
        if value is None or value != value:
            return np.empty(0, np.int64)
        said = "Write the numbers of its items with spaces between them."
        raise InputError(f"'{path}', row {row}: '{value}' is no list of items. {said}") from error


def _lists(lists: Sequence[np.ndarray], split: Split, path: Path) -> Result:
    """above: the place on the list, V where the target is not on it: then metrics beyond K would be wrong."""
    v, target = split.train.n_items, split.prefixes.target
    above, lengths = np.full(len(lists), v), np.array([len(row) for row in lists])
    for i, row in enumerate(lists):
        if len(row) and not (min(row) >= 0 and max(row) < v):
            bad = next(int(item) for item in row if not 0 <= item < v)
            said = f"'{path}', row {i}: its list holds {bad}, which is no item of a catalogue of {v}."
            counts = " Whole numbers in a .npy are lists of items: store scores as floats." * (path.suffix == ".npy")
            raise InputError(said + counts)
        if len(set(row.tolist())) < len(row):
            raise InputError(f"'{path}', row {i}: its list holds an item twice.")
        if (place := np.flatnonzero(row == target[i])).size:
            above[i] = place[0]
    k = int(lengths.max(initial=0))
    if k == 0:
        raise InputError(f"'{path}': every list is empty.")
    columns = _completed({"above": above, "equal": np.zeros(len(above), np.int64)}, split)
    return Result("lists", columns, k, int((lengths < k).sum()))


def _completed(columns: Mapping[str, np.ndarray], split: Split) -> dict[str, np.ndarray]:
    """The columns with those targets that no recommender is asked for (see `ranking.complete`)."""
    none = np.zeros(len(split.prefixes), np.int64)
    whole = ranking.complete(Ranks(*(columns.get(name, none) for name in COLUMNS)), split)
    return {name: getattr(whole, name) for name in columns}
