"""What a model outside this library needs to be measured here: the train sessions, prefixes and targets of a split.

    FOLDER/split.json                    how the split was made, its hash, what the files hold
    FOLDER/catalogue.FORM                item, ItemId, support: the number of every item of train, and its id in the log
    FOLDER/train.FORM, test.FORM         session, item, time: events in order of session and time
    FOLDER/targets.FORM                  target, session, step, item, prefix: what is predicted after which items
    FOLDER/NAME/NAME.train.inter …       RecBole's atomic files: every prefix of train, and the targets; NAME.yaml
    FOLDER/NAME_train_full.txt …         session-rec's two files

Sessions and items are numbers in all of them, so that no library stumbles over an id; targets are counted from 0. A
result comes back with these numbers, and `outside` holds it against the split.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.data.datasets import Dataset
from audit_lib.data.preparing import prepare
from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.data.splits import Split
from audit_lib.errors import EvidenceError, InputError, MissingError, WriteError
from audit_lib.files import put
from audit_lib.study import evidence

FORMATS = ("parquet", "tsv", "recbole", "session-rec")
ABOUT = "split.json"
FORMAT = 1
LONGEST = 50  # events of a prefix in RecBole's files, the latest: its networks pad every prefix to the longest
RECBOLE = """\
# For recbole: run with `config_file_list=["{folder}/{name}.yaml"]` and `dataset="{name}"`.
data_path: {folder}
benchmark_filename: [train, test]
alias_of_item_id: [item_id_list]
load_col: {{inter: [session_id, item_id_list, item_id]}}
USER_ID_FIELD: session_id
ITEM_ID_FIELD: item_id
MAX_ITEM_LIST_LENGTH: {longest}
train_neg_sample_args: null
eval_args: {{mode: full, order: TO, group_by: null}}
"""


def write(
    dataset: Dataset, split: Split, folder: Path, *, formats: tuple[str, ...] = FORMATS[:1], made: Mapping[str, Any]
) -> Path:
    """Writes the files of these formats and, last, split.json, whose path it returns.

    made: the arguments of `prepare` that led to the split, for `read`. Raises WriteError where nothing can be written.
    """
    evidence.check_dataset_name(dataset.name)
    place, kept = folder / ABOUT, _same_split(folder, split)
    files: dict[Path, bytes] = {}
    for form in formats:
        files |= {folder / name: content for name, content in _files(dataset.name, split, folder, form).items()}
    about = {
        "format": FORMAT, "dataset": dataset.name, "data_hash": dataset.data_hash, "made": dict(made),
        "split": {"name": split.name, "hash": evidence.split_hash(split), **split.summary},
        "items": split.train.n_items, "targets": len(split.prefixes),
        "targets_ranked_here": len(split.targets) - len(split.prefixes),
        "files": sorted({*kept, *(path.relative_to(folder).as_posix() for path in files)}),
    }  # fmt: skip
    try:
        put(files | {place: (json.dumps(about, indent=1) + "\n").encode()})
    except OSError as error:
        raise WriteError(f"'{folder}' cannot be written: {error}. Choose another folder.") from error
    return place


def _same_split(folder: Path, split: Split) -> list[str]:
    """The files that a folder has of this split. Raises EvidenceError if it has those of another one."""
    place = folder / ABOUT
    if not place.is_file():
        return []
    try:
        about = json.loads(place.read_text("utf8"))
        if about["split"]["hash"] == evidence.split_hash(split):
            return [name for name in about["files"] if (folder / name).is_file()]
    except (ValueError, KeyError, TypeError):
        pass  # nobody can tell what it is of
    raise EvidenceError(f"'{folder}' holds the files of another split. Give another --out, or remove the folder.")


def read(folder: Path) -> tuple[Dataset, Split]:
    """The data set and the split of a folder that `write` filled, made anew from the log and held against its hash.

    Raises MissingError if the folder has no split.json, EvidenceError if the split is another today.
    """
    place = Path(folder) / ABOUT
    if not place.is_file():
        raise MissingError(f"There is no '{place}'. Make the folder with `python -m audit_lib targets`.")
    try:
        about = json.loads(place.read_text("utf8"))
        made, wanted = dict(about["made"]), about["split"]["hash"]
        name = made.pop("name_or_path")
        if about["format"] != FORMAT:
            raise ValueError(f"it has format {about['format']}, and this version reads {FORMAT}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvidenceError(f"'{place}' says nothing of a split: {error}. Write the folder again.") from error
    dataset, split = prepare(name, **made)
    if (found := evidence.split_hash(split)) != wanted:
        raise EvidenceError(
            f"'{place}' is of the split {wanted[:8]}, and '{name}' gives the split {found[:8]} now: the log or its "
            "preparation has changed. Write the folder again, and score its targets."
        )
    return dataset, split


def _files(name: str, split: Split, folder: Path, form: str) -> dict[str, bytes]:
    """The content of every file of a format, by its name below the folder."""
    if form == "recbole":
        config = RECBOLE.format(folder=folder.as_posix(), name=name, longest=LONGEST)
        return {
            f"{name}/{name}.train.inter": _atomic(Prefixes(split.train), first=len(split.prefixes)),
            f"{name}/{name}.test.inter": _atomic(split.prefixes), f"{name}.yaml": config.encode(),
        } | _tables({"catalogue": _catalogue(split)}, "tsv")  # fmt: skip
    if form == "session-rec":
        columns = {"session": "SessionId", "item": "ItemId", "time": "Time"}
        parts = {"train_full": _events(split.train, 0), "test": _events(split.test, split.train.n_sessions)}
        named = {f"{name}_{part}": table.rename(columns=columns) for part, table in parts.items()}
        return _tables(named, "txt") | _tables({"catalogue": _catalogue(split)}, "tsv")
    if form not in FORMATS:
        raise InputError(f"'{form}' is no format; they are {', '.join(FORMATS)}.")
    tables = {
        "catalogue": _catalogue(split), "train": _events(split.train, 0),
        "test": _events(split.test, split.train.n_sessions), "targets": targets_table(split, as_text=form == "tsv"),
    }  # fmt: skip
    return _tables(tables, form)


def targets_table(split: Split, *, as_text: bool = False) -> pd.DataFrame:
    """target, session, step, item, prefix of every target that a recommender is asked for; prefix: oldest item first.

    as_text: the prefix as text with spaces between its items, else a list. A published split counts other targets
    beside these (see `data.targets`), whose ranks follow from train.
    """
    prefixes, first = split.prefixes, split.train.n_sessions
    items = (prefixes.items(i) for i in range(len(prefixes)))
    return pd.DataFrame({
        "target": np.arange(len(prefixes)), "session": first + prefixes.session, "step": prefixes.step,
        "item": prefixes.target, "prefix": [_joined(row) if as_text else row for row in items],
    })  # fmt: skip


def _catalogue(split: Split) -> pd.DataFrame:
    catalogue = split.train.catalogue
    return pd.DataFrame({"item": np.arange(len(catalogue)), "ItemId": catalogue, "support": split.train.support})


def _events(part: Sessions, first: int) -> pd.DataFrame:
    return pd.DataFrame({"session": first + part.session, "item": part.items, "time": part.times})


def _tables(tables: Mapping[str, pd.DataFrame], form: str) -> dict[str, bytes]:
    found = {}
    for name, table in tables.items():
        buffer = io.BytesIO()
        if form == "parquet":
            table.to_parquet(buffer, index=False, compression="zstd")
        else:
            table.to_csv(buffer, sep="\t", index=False)
        found[f"{name}.{form}"] = buffer.getvalue()
    return found


def _atomic(prefixes: Prefixes, *, first: int = 0) -> bytes:
    """RecBole's .inter file: one row a prediction task. session_id: the number of the target, from `first`."""
    lines = ["session_id:token\titem_id_list:token_seq\titem_id:token\n"]
    for i, target in enumerate(prefixes.target.tolist()):
        lines.append(f"{first + i}\t{_joined(prefixes.items(i)[-LONGEST:])}\t{target}\n")
    return "".join(lines).encode()


def _joined(items: np.ndarray) -> str:
    return " ".join(map(str, items.tolist()))
