"""How fast GRU4Rec trains: the independent engine, the official code beside it in the same run, and the floor.

The floor is the share of a step that the three score products alone take (scores, and the two gradients), over all
columns as they are drawn: a lower bound for whatever computes them one by one.
"""

from __future__ import annotations

import time
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import torch

from audit_lib.data.sessions import Sessions
from audit_lib.errors import MissingError
from audit_lib.recommenders import Recommender
from audit_lib.recommenders.gru4rec import vendor
from audit_lib.recommenders.gru4rec.official import OfficialGRU4Rec
from audit_lib.recommenders.gru4rec.train import GRU4Rec
from audit_lib.study import running

SETTINGS: dict[str, dict[str, Any]] = {
    "cross-entropy, batch 32": {"loss": "cross-entropy", "batch_size": 32, "logq": 1.0},
    "cross-entropy, batch 128": {"loss": "cross-entropy", "batch_size": 128, "logq": 1.0},
    "bpr-max, batch 128": {"loss": "bpr-max", "batch_size": 128},
}


def generated(n_items: int, n_events: int) -> Sessions:
    """Sessions of 5 events on average, in which every item occurs; support falls like a power of its rank."""
    rng = np.random.default_rng(0)
    lengths = rng.geometric(0.25, n_events // 5) + 1
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    popularity = (np.arange(n_items) + n_items / 500) ** -0.9
    rest = rng.choice(n_items, max(offsets[-1] - n_items, 0), p=popularity / popularity.sum())
    items = rng.permutation(np.concatenate([np.arange(n_items), rest])[: offsets[-1]])
    return Sessions(
        items, offsets, np.arange(len(items), dtype=float), np.arange(len(lengths)), pd.RangeIndex(n_items)
    )


def measure(
    *, n_items: int = 19_600, n_events: int = 60_000, units: int = 100, n_sample: int = 2048, repeats: int = 3
) -> pd.DataFrame:
    """One row a setting, training alone, one epoch a measurement, ours and official alternating.

    setting; ours, peer: median events per second (NaN where there is no official code); ratio: median of the paired
    ratios; floor: share of the score products in our step; ours_2, peer_2, ratio_2: with two threads, of which ours
    takes one, once, on a tenth of the events over a small catalogue; peak_memory_mb: of this process before the
    official code is loaded; peak_memory_peer_mb: after both.
    """
    train = generated(n_items, n_events)
    # Two threads can be many times slower than one on a busy machine: few events, over as few items as they allow.
    small = generated(min(n_items, n_events // 30), n_events // 10)
    common = {"layers": units, "n_sample": n_sample, "n_epochs": 1}
    for settings in SETTINGS.values():
        _speed(GRU4Rec(**common | settings), small)  # compiles
    memory = running.peak_memory_mb()
    rows = []
    for name, settings in SETTINGS.items():
        one = _alternate(common | settings, train, repeats)
        two = _alternate(common | settings | {"threads": 2}, small, 1)
        rows.append({"setting": name, **one, **{f"{key}_2": value for key, value in two.items() if key != "floor"}})
    return pd.DataFrame(rows).assign(peak_memory_mb=memory, peak_memory_peer_mb=running.peak_memory_mb())


def scaling(
    *,
    items: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000),
    units: tuple[int, ...] = (50, 100, 200, 400),
    n_sample: tuple[int, ...] = (0, 512, 2048, 8192),
    n_events: int = 30_000,
    batch_size: int = 128,
    repeats: int = 3,
) -> pd.DataFrame:
    """Events per second of our engine (cross-entropy), one thing varied at a time: 20,000 items, 100 units, 2,048.

    The fastest of `repeats` epochs: whatever else the machine does can only slow one down.
    varied, value, events_per_second, peak_memory_mb (of this process so far: the items come last and grow).
    """
    base = {"layers": 100, "n_sample": 2048, "n_epochs": 1, "logq": 1.0, "batch_size": batch_size}
    plan = [("units", v, 20_000, base | {"layers": v}) for v in units]
    plan += [("n_sample", v, 20_000, base | {"n_sample": v}) for v in n_sample]
    plan += [("items", v, v, base) for v in items]
    _speed(GRU4Rec(**base), generated(1_000, 5_000))  # compiles
    rows = []
    for varied, value, n_items, settings in plan:
        train = _over(n_items, n_events)
        speed = max(_speed(GRU4Rec(**settings), train) for _ in range(repeats))
        rows.append({"varied": varied, "value": value, "events_per_second": speed})
        rows[-1]["peak_memory_mb"] = running.peak_memory_mb()
    return pd.DataFrame(rows)


def _over(n_items: int, n_events: int) -> Sessions:
    """A log of n_events over a catalogue that may be larger than it."""
    log = generated(min(n_items, n_events // 2), n_events)
    spread = np.arange(log.n_items) * (n_items // log.n_items)  # rows all over the tables
    return Sessions(spread[log.items], log.offsets, log.times, log.labels, pd.RangeIndex(n_items))


def official(settings: dict[str, Any], train: Sessions) -> Recommender | None:
    """The official code with these settings, or None where it is not there.

    Its store of negatives is as large as the epoch uses: by default it would draw ten million first, whatever the log.
    """
    try:
        vendor.load_official()
    except (ImportError, MissingError):
        return None
    steps = train.n_events // settings["batch_size"] + 1
    return OfficialGRU4Rec(**settings, sample_cache_max_size=steps * max(settings["n_sample"], 1))


def _alternate(settings: dict[str, Any], train: Sessions, repeats: int) -> dict[str, float]:
    """Medians over alternating epochs: ours and peer, their ratio, and the floor."""
    ours, peers, floors = [], [], []
    for _ in range(repeats):
        product = _products(settings["batch_size"], settings["n_sample"], settings["layers"])
        ours.append(_speed(GRU4Rec(**settings), train))
        floors.append(product * ours[-1] / settings["batch_size"])
        peer = official(settings, train)
        peers.append(_speed(peer, train) if peer is not None else np.nan)
    ratios = [a / b for a, b in zip(ours, peers, strict=True)]
    return {"ours": median(ours), "peer": median(peers), "ratio": median(ratios), "floor": median(floors)}


def _speed(recommender: Any, train: Sessions) -> float:
    """Events per second of the last epoch, as the training log has it: without preparation."""
    recommender.fit(train, progress=False)
    return recommender.log[-1]["events_per_second"]


def _products(batch: int, n_sample: int, units: int) -> float:
    """Seconds of the three score products of a step, one thread: the median of two hundred."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    h, w = torch.randn(batch, units), torch.randn(batch + n_sample, units)
    scores, d_h, d_w = torch.empty(batch, batch + n_sample), torch.empty_like(h), torch.empty_like(w)
    times = []
    for _ in range(200):
        start = time.perf_counter()
        torch.mm(h, w.T, out=scores)
        torch.mm(scores, w, out=d_h)
        torch.mm(scores.T, h, out=d_w)
        times.append(time.perf_counter() - start)
    torch.set_num_threads(before)
    return median(times)
