"""What a CUDA card makes of the training: equal losses first, then events per second, targets per second and memory.

The work is the same on every device, so on a machine without a card the measurement runs on CPU tensors in the tests;
its record is made where there is a card: `python -m audit_lib record bench_cuda`, some minutes.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import torch

from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.errors import MissingError
from audit_lib.evaluation.ranking import rank
from audit_lib.measurements.engine_equality import steps_of
from audit_lib.measurements.train_speed import SETTINGS, generated, official
from audit_lib.recommenders.gru4rec import batches, model
from audit_lib.recommenders.gru4rec.config import GRU4RecConfig
from audit_lib.recommenders.gru4rec.fast import Fast
from audit_lib.recommenders.gru4rec.graph import Graph
from audit_lib.recommenders.gru4rec.train import GRU4Rec
from audit_lib.study import running


def measure(
    device: str = "cuda", *, n_items: int = 19_600, n_events: int = 120_000, n_sample: int = 2048, steps: int = 500
) -> pd.DataFrame:
    """Measures training and ranking on a device, one row a setting.

    card, setting, steps; loss_difference: largest relative difference of a step's loss to the CPU engine's, from equal
    weights and negatives; captured, uncaptured, peer: events per second of an epoch with the step captured in a CUDA
    graph, without, and of the official code (NaN where it is not there); ratio: captured / peer; targets_per_second of
    ranking; peak_memory_mb: MiB of the card while the captured epoch ran, or of the process on a CPU. Raises
    MissingError without a card.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise MissingError("torch sees no CUDA card here. Run this on a machine with one, with a CUDA build of torch.")
    train = generated(n_items, n_events)
    rows = [_row(name, settings | {"n_sample": n_sample}, train, device, steps) for name, settings in SETTINGS.items()]
    card = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    return pd.DataFrame(rows).assign(card=card)


def _row(name: str, settings: dict[str, Any], train: Sessions, device: str, steps: int) -> dict[str, Any]:
    here = GRU4RecConfig(**settings, layers=100, n_epochs=1, device=device)
    there = GRU4RecConfig(**settings, layers=100, n_epochs=1)
    losses, expected = (steps_of(*pair, train, steps=steps)[0] for pair in ((Graph, here), (Fast, there)))
    uncaptured, _ = _epoch(here, train, capture=False)
    captured, memory = _epoch(here, train, capture=True)
    theirs = official(settings | {"layers": 100, "n_epochs": 1, "device": device}, train)
    peer = theirs.fit(train, progress=False).log[-1]["events_per_second"] if theirs is not None else np.nan
    return {
        "setting": name, "steps": len(losses), "loss_difference": float(np.abs(losses / expected - 1).max()),
        "captured": captured, "uncaptured": uncaptured, "peer": peer, "ratio": captured / peer,
        "targets_per_second": _ranked(here, train), "peak_memory_mb": memory,
    }  # fmt: skip


def _epoch(config: GRU4RecConfig, train: Sessions, *, capture: bool) -> tuple[float, float]:
    """Events per second of an epoch's second half, since the first captures and warms up; and peak memory in MiB."""
    plan = batches.schedule(train, batch_size=config.batch_size, min_lanes=1 if config.n_sample else 2)
    run = Graph(config, model.initial_weights(config, train.n_items), plan, train.support, capture=capture)
    if config.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    half = plan.n_steps // 2
    run.run(0, half)
    started = time.perf_counter()
    run.run(half, plan.n_steps)
    seconds = time.perf_counter() - started
    memory = torch.cuda.max_memory_allocated() / 2**20 if config.device == "cuda" else running.peak_memory_mb()
    return float(plan.active[half:].sum()) / seconds, memory


def _ranked(config: GRU4RecConfig, train: Sessions) -> float:
    """Targets ranked per second, some thousands of them, by an untrained network, the second time."""
    fitted = GRU4Rec(**config.model_dump())
    fitted.restore(model.initial_weights(config, train.n_items))
    last = int(np.searchsorted(train.offsets, 4_096))
    test = Sessions(
        train.items[: train.offsets[last]], train.offsets[: last + 1], train.times[: train.offsets[last]],
        train.labels[:last], train.catalogue,
    )  # fmt: skip
    for _ in range(2):
        started = time.perf_counter()
        ranks = rank(fitted, Prefixes(test), train.support)
        seconds = time.perf_counter() - started
    return len(ranks.above) / seconds
