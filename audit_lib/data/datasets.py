"""Data sets by name or path: fetch, load with every check, describe. `registry.REGISTRY` says what there is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.data import reading, statistics, synthetic
from audit_lib.data.fetching import fetch_files, verify
from audit_lib.data.logs import PART, SESSION, counts, filter_log, validate
from audit_lib.data.reading import Note, files
from audit_lib.data.registry import REGISTRY, Entry, Generated, Time
from audit_lib.errors import InputError, MissingError, unknown
from audit_lib.files import sha256

__all__ = ["REGISTRY", "Dataset", "Entry", "describe", "fetch", "load", "name_of", "safe_name"]


@dataclass(frozen=True)
class Dataset:
    """A validated log and where it came from. data_hash: sha256 over the raw files (over the log, if generated).

    notes: what is worth knowing about the file of an own log. generator: what a generated log was drawn from.
    """

    name: str
    log: pd.DataFrame
    time: Time
    source: Entry | None
    data_hash: str
    notes: tuple[Note, ...] = ()
    generator: synthetic.SyntheticConfig | None = None


def fetch(name: str) -> list[Path]:
    """The verified raw files of a data set, downloaded if need be; none for a generated one."""
    source = _source(name)
    return [] if isinstance(source.get, Generated) else list(fetch_files(source).values())


def load(
    name_or_path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    time_unit: str | None = None,
    path: str | Path | None = None,
) -> Dataset:
    """A data set of the registry, or a log of the user's own (see `reading`).

    columns: the names that an own log gives to SessionId, ItemId and Time. time_unit: the unit of its times (one of
    `reading.times.UNITS`). path: the file, or folder of files, of a data set that its owner alone gives out.
    A synthetic preset may carry settings: `synthetic_latent:strength=0.5,seed=2`.
    Raises InputError for an unknown name, a wrong hash, a log that is not valid or does not count what it should;
    MissingError for a file that is not there.
    """
    text = str(name_or_path)
    preset, _, settings = text.partition(":")
    if preset in REGISTRY and (columns or time_unit):
        raise InputError(f"'{preset}' is a data set of the registry: its columns and times are known. Leave them out.")
    if preset in REGISTRY and isinstance(REGISTRY[preset].get, Generated) and path is None:
        return _generated(REGISTRY[preset], settings)
    if text not in REGISTRY:
        if _looks_like_path(name_or_path):
            return _own(Path(name_or_path), columns, time_unit)
        raise unknown("data set", text, REGISTRY)
    source = REGISTRY[text]
    files = fetch_files(source) if path is None else _given(source, Path(path))
    if source.parse is None:
        raise InputError(f"'{text}' is generated: there is no file of it to read. Leave the path out.")
    log = validate(source.parse(files), name=source.name)
    _check_counts(source, log)
    return Dataset(source.name, log, source.time, source, _files_hash(files))


def describe(
    name_or_path: str | Path, *, columns: Mapping[str, str] | None = None, time_unit: str | None = None
) -> dict[str, Any]:
    """The facts (see `facts_of`) of a data set by its name or path, read as by `load`."""
    return facts_of(load(name_or_path, columns=columns, time_unit=time_unit))


def facts_of(dataset: Dataset) -> dict[str, Any]:
    """Statistics of a data set (see `statistics.statistics`), its counts by part, and what the registry says of it.

    Where only the order is known, there are no days and no first or last time.
    """
    facts: dict[str, Any] = {"name": dataset.name} | statistics.statistics(dataset.log)
    if dataset.time == "order":
        facts |= dict.fromkeys(("time_first", "time_last", "days", "tie_share"))
    facts |= {"time": dataset.time, "data_hash": dataset.data_hash}
    if PART in dataset.log:
        facts["parts"] = {
            part: counts(log) | {"predictions": len(log) - log[SESSION].nunique()}
            for part, log in dataset.log.groupby(PART, sort=False)
        }
    if source := dataset.source:
        keys = "title split test_days test_fraction min_item_support licence licence_url citation_key citation notes"
        facts |= {key: getattr(source, key) for key in keys.split()}
    return facts


def name_of(name_or_path: str | Path) -> str:
    """The name under which the evidence of a data set, or of an own log, is filed; nothing is loaded.

    Such a name names itself.
    """
    preset, _, settings = str(name_or_path).partition(":")
    if preset in REGISTRY and isinstance(REGISTRY[preset].get, Generated):
        return _generated_name(preset, settings)
    if files.ending_of(name_or_path) in reading.READABLE or ("/" in str(name_or_path) and Path(name_or_path).is_dir()):
        return safe_name(name_or_path)
    return str(name_or_path)


def _generated_name(preset: str, settings: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{preset}.{settings}" if settings else preset)


def safe_name(path: str | Path) -> str:
    """The name of an own log: its file's stem in letters, digits, '_', '.' and '-', never a name of the registry."""
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "_", files.stem_of(path)).strip("_.-")[:64] or "log"
    return f"{stem}_own" if stem in REGISTRY else stem


def _source(name: str) -> Entry:
    if name not in REGISTRY:
        raise unknown("data set", name, REGISTRY)
    return REGISTRY[name]


def _looks_like_path(name: str | Path) -> bool:
    return isinstance(name, Path) or bool(Path(name).suffix) or "/" in name or "\\" in name or Path(name).exists()


def _own(path: Path, columns: Mapping[str, str] | None, time_unit: str | None) -> Dataset:
    found = reading.read(path, columns=columns, time_unit=time_unit)
    return Dataset(safe_name(path), found.log, found.time, None, files.hash_of(path), found.notes)


def _generated(source: Entry, settings: str) -> Dataset:
    config = synthetic.preset(source.name, settings)
    log = validate(synthetic.generate(config), name=source.name)
    digest = hashlib.sha256(log.to_csv(index=False).encode()).hexdigest()
    return Dataset(_generated_name(source.name, settings), log, "real", source, digest, generator=config)


def _given(source: Entry, path: Path) -> dict[str, Path]:
    """The files of a source at a place the user names: the file itself, or the folder that holds all of them."""
    if path.is_dir():
        files = {name: path / name for name in source.files}
    elif len(source.files) == 1:
        files = dict.fromkeys(source.files, path)
    else:
        raise InputError(f"{source.name} needs {', '.join(source.files)}: give the folder that holds them.")
    for name, file in files.items():
        if not file.is_file():
            raise MissingError(f"There is no file '{file}', which {source.name} needs as {name}.")
        verify(file, source.files[name])
    return files


def _files_hash(files: Mapping[str, Path]) -> str:
    """The sha256 of the one raw file, or of the list of all of them by name."""
    hashes = [f"{sha256(path)}  {name}" for name, path in files.items()]
    return hashes[0].split()[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _check_counts(source: Entry, log: pd.DataFrame) -> None:
    kept, _ = filter_log(log)
    found = counts(kept)
    if PART in kept:
        step = kept.groupby(SESSION).cumcount()
        for part in ("train", "test"):
            inside = (kept[PART] == part) & (step > 0)
            found |= {part: int(inside.sum()), f"{part}_prefix2": int((inside & (step > 1)).sum())}
    for key, expected in {**source.counts, **source.predictions}.items():
        if found[key] != expected:
            raise InputError(
                f"{source.name}: {found[key]} {key} after parsing, expected {expected} (sessions of two or more "
                "events; train and test count predictions). The files or the parser have changed: report this."
            )
