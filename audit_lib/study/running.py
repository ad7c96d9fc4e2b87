"""One experiment: a data set, its split, a recommender, and the evidence of it. Nothing is computed twice."""

from __future__ import annotations

import inspect
import logging
import resource
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from audit_lib import recommenders
from audit_lib.data import checks, large, synthetic
from audit_lib.data.datasets import Dataset
from audit_lib.data.logs import ITEM, SESSION, TIME, sort_log
from audit_lib.data.preparing import parse_settings
from audit_lib.data.splits import Split
from audit_lib.errors import EvidenceError, InputError, MissingError
from audit_lib.evaluation import ranking
from audit_lib.files import hold, sweep, writable
from audit_lib.recommenders import checkpoints
from audit_lib.study import evidence, models
from audit_lib.study.evidence import Run

# Settings that say how a model is computed, not which: they are recorded beside the configuration, not in it.
APART = {"seed", "device", "threads"}


def recommender_settings(pairs: Sequence[str]) -> dict[str, str]:
    """'key=value' texts as settings for `run`. Raises InputError for a name that is one of its own parameters."""
    parsed = parse_settings(tuple(pairs))
    for name in inspect.signature(run).parameters.keys() & parsed.keys():
        raise InputError(f"'{name}' is no setting of a recommender. Give it as --{name}.")
    return parsed


def settings_by_recommender(
    names: Sequence[str], pairs: Sequence[str], file: Path | None = None
) -> dict[str, dict[str, Any]]:
    """The settings of each recommender, in the order of `names`, or of the tables of the file if there are none.

    pairs: 'key=value' for all of them, 'vsknn.key=value' for one; they go before the file. file: TOML, of keys for all
    and tables for one, such as [vsknn]. Raises InputError for a table of no recommender, or of one that is not named.
    """
    common, own = _from_file(file)
    names = list(dict.fromkeys(names or own))
    for name in own:
        if name not in names:
            raise InputError(f"'{file}' has settings of {name}, which is not among those to rank. Name it as well.")
    found = {name: common | own.get(name, {}) for name in names}
    for key, value in recommender_settings(pairs).items():
        name, dot, rest = key.partition(".")
        if dot and name not in found:
            raise InputError(f"'{key}' sets something of {name}, which is not among those to rank. Name it as well.")
        for settings in [found[name]] if dot else found.values():
            settings[rest if dot else key] = value
    return found


def _from_file(file: Path | None) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Settings for all, and those by recommender, of a TOML file."""
    if file is None:
        return {}, {}
    try:
        content = tomllib.loads(file.read_text("utf8"))
    except FileNotFoundError as error:
        raise MissingError(f"There is no file '{file}'.") from error
    except (OSError, ValueError) as error:
        raise InputError(f"'{file}' is not TOML: {error}.") from error
    own = {key: value for key, value in content.items() if isinstance(value, dict)}
    for name in own:
        recommenders.lookup(name)
    return {key: value for key, value in content.items() if key not in own}, own


def run(
    dataset: Dataset,
    split: Split,
    recommender: str,
    *,
    seed: int = 0,
    device: str = "cpu",
    out: Path | None = None,
    fresh: bool = False,
    progress: bool = False,
    save: Path | None = None,
    **settings: Any,
) -> Run:
    """Trains and ranks, and returns the evidence; the evidence of an earlier equal run is returned as it is.

    Equal means: same data, split, recommender, configuration and seed. fresh: run all the same. save: a file for the
    trained model (see `models`), for which it is trained in any case. Another process that is
    at the same run is waited for; a GRU4Rec that was stopped in mid-training goes on after its last whole epoch, to the
    same bits.
    """
    evidence.check_dataset_name(dataset.name)
    model = create(recommender, seed=seed, device=device, **settings)
    check_generated(dataset, model)
    out = out or evidence.root()
    about = {"dataset": dataset.name, "recommender": recommender, "config": plain(model.config), "seed": seed}
    path = evidence.path_of(split, about, out)
    if not fresh and save is None and _finished(path):
        return evidence.read(path)
    if not writable(path.parent):
        raise EvidenceError(
            f"Evidence cannot be written to '{path.parent}': it is no writable folder. Choose another with --out or "
            "AUDIT_EVIDENCE."
        )
    with hold(path, level=logging.WARNING if progress else logging.INFO):
        if not fresh and save is None and _finished(path):  # by the process that was waited for
            return evidence.read(path)
        sweep(path)
        ranks, seconds = _rank(model, split, path, fresh=fresh, progress=progress)
        if save is not None:
            models.save(model, dataset, split, save)
        made = evidence.write(
            ranks,
            split,
            **about,
            data_hash=dataset.data_hash,
            device=device,
            seconds=seconds,
            peak_memory_mb=peak_memory_mb(),
            log=getattr(model, "log", None),
            shims=list(getattr(model, "shims", ())),
            out=out,
        )
        _checkpoint(path).unlink(missing_ok=True)
    return made


def _finished(path: Path) -> bool:
    needed = (path, path.with_suffix(".json"), path.parent.parent / "targets.parquet")
    return all(file.is_file() for file in needed)


def _checkpoint(path: Path) -> Path:
    return path.with_name(f".{path.stem}.checkpoint")


def _rank(
    model: recommenders.Recommender, split: Split, path: Path, *, fresh: bool, progress: bool
) -> tuple[ranking.Ranks, dict[str, float]]:
    """Ranks, and the seconds they took. A model that can goes on from the last epoch of a run that was stopped."""
    use_threads(model)
    options = {}
    if "checkpoint" in inspect.signature(model.fit).parameters:
        options["checkpoint"] = _checkpoint(path)
        checkpoints.keep_if_whole(_checkpoint(path), fresh=fresh)
    start, processor = time.perf_counter(), time.process_time()
    model.fit(split.train, **options)
    fitted = time.perf_counter()
    ranks = ranking.rank_split(model, split, progress=progress)
    ranked = time.perf_counter()
    seconds = {"fit": fitted - start, "rank": ranked - fitted, "processor": time.process_time() - processor}
    if earlier := getattr(model, "earlier_seconds", 0.0):  # of the run that was stopped: in fit, not in processor
        seconds |= {"fit": seconds["fit"] + earlier, "earlier": earlier}
    return ranks, seconds


def create(recommender: str, *, seed: int, device: str, **settings: Any) -> recommenders.Recommender:
    """A recommender with these settings; seed and device where it has them."""
    known = recommenders.lookup(recommender).Config.model_fields
    checks.device(device)
    checks.at_least("seed", 0, seed)
    own = {key: value for key, value in (("seed", seed), ("device", device)) if key in known}
    return recommenders.create(recommender, **(settings | own))


def check_generated(dataset: Dataset, model: recommenders.Recommender) -> None:
    """Raises InputError for an oracle unless the log was drawn from the law of its generator."""
    if model.name != "oracle":
        return
    config: Any = model.config
    generator = config.generator
    if dataset.generator is not None:
        drawn = synthetic.law_of(dataset.generator) == synthetic.law_of(generator)
    elif dataset.source is not None or isinstance(dataset.log, large.OnDisk):
        drawn = False
    else:  # a file that `synth` wrote holds these very events
        events = [SESSION, ITEM, TIME]
        again = sort_log(synthetic.generate(generator))
        drawn = all(np.array_equal(again[name].to_numpy(), dataset.log[name].to_numpy()) for name in events)
    if not drawn:
        raise InputError(
            f"oracle: '{dataset.name}' was not generated, or not by this generator, so its law is not known. Leave the "
            "oracle out, or give the generator of this very log: generator=NAME of the synthetic data set and settings."
        )


def use_threads(model: recommenders.Recommender) -> None:
    """As many threads for torch as the configuration says; one where it says nothing."""
    import torch  # here, so that the verbs that train nothing do not wait for it

    torch.set_num_threads(getattr(model.config, "threads", 1))


def plain(config: recommenders.Config) -> dict[str, Any]:
    """A configuration as its manifest states it."""
    return config.model_dump(mode="json", exclude=APART)


def config_of(recommender: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The whole configuration behind some settings, as a manifest states it. Nothing is trained."""
    return plain(recommenders.config(recommender, **settings))


def peak_memory_mb() -> float:
    """The largest resident size of this process so far, in MiB."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)
