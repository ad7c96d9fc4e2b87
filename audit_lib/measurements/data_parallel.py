"""GRU4Rec on several processes, to measure what data parallelism does to its negatives, and what to do instead.

Each of R processes has B/R of the lanes of one session-parallel schedule and a copy of the weights; gradients are
summed over processes after every step. The targets of a batch are each other's negatives, so it matters who sees them:

- `exchange='nothing'`, plain data parallelism: a lane is scored against the targets of its own process, and each
  process draws its own extra negatives. A target loses B (R - 1) / R of its in-batch negatives: another loss.
- `exchange='targets'`: processes tell each other their targets (B integers), and draw the extra negatives from one
  seed, so all have the same columns. The summed gradient is that of one process, up to the order of sums.

The readable engine does the work; steps with fewer than B lanes, at the end of an epoch, are left out.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
import torch.distributed as dist
import torch.multiprocessing
from torch import Tensor

from audit_lib.data.sessions import Sessions
from audit_lib.data.splits import Split
from audit_lib.errors import InputError
from audit_lib.recommenders.gru4rec import batches, model, random_draws
from audit_lib.recommenders.gru4rec.config import GRU4RecConfig
from audit_lib.recommenders.gru4rec.reference import Reference

Exchange = Literal["nothing", "targets"]
PATIENCE = datetime.timedelta(minutes=20)  # of one process for another


class Replica(Reference):
    """One of `size` processes. With one it is `Reference`, without the steps of a shrunken batch.

    distinct: list of how many distinct negative items a target had, a number each step.
    """

    def __init__(
        self, config: GRU4RecConfig, weights: dict[str, np.ndarray], schedule: batches.Schedule, support: np.ndarray,
        *, rank: int = 0, size: int = 1, exchange: Exchange = "targets", dtype: torch.dtype = torch.float32,
    ):  # fmt: skip
        if schedule.n_lanes % size:
            raise InputError(f"{schedule.n_lanes} lanes cannot be dealt to {size} processes. Choose a multiple.")
        if config.dropout_p_embed or config.dropout_p_hidden:
            raise InputError("Dropout is not part of this measurement. Set dropout_p_embed and dropout_p_hidden to 0.")
        self.rank, self.size, self.exchange, self.lanes = rank, size, exchange, schedule.n_lanes // size
        super().__init__(config, weights, schedule, support, dtype=dtype)
        if exchange == "nothing":
            table = random_draws.alias_table(support, config.sample_alpha)
            key = random_draws.key(config.seed, random_draws.NEGATIVES)
            self.negatives = lambda step: random_draws.negatives(table, key, step * size + rank, config.n_sample)
        self.n_steps = int(np.searchsorted(-schedule.active, -schedule.n_lanes, side="right"))
        self.distinct: list[int] = []

    def start_epoch(self, epoch: int) -> None:
        """As in `Reference`, with the states of this process's lanes alone."""
        super().start_epoch(epoch)
        self.h = [h[: self.lanes] for h in self.h]

    def step(self, t: int) -> Tensor:
        """One step; returns the loss of this process's lanes, (B/R,)."""
        lane, grads, columns, items = self._summed(t)
        self.update(grads, columns, items)
        return lane

    def gradient(self, t: int) -> tuple[float, dict[str, Tensor]]:
        """Mean loss over the lanes of all processes, and its gradient for every whole weight; nothing is updated."""
        lane, grads, columns, items = self._summed(t)
        whole = {name: torch.zeros_like(weight) for name, weight in self.weights.items()}
        for name, rows, key in (("Wy", columns, "Wy"), ("By", columns, "By"), (self._input, items, "input")):
            whole[name].index_add_(0, rows, grads[key])
        whole |= {name: g for name, g in grads.items() if name not in ("Wy", "By", "input")}
        return float(torch.cat(self._gather(lane.detach())).mean()), whole

    @property
    def _input(self) -> str:
        return model.input_name(self.config)

    def _summed(self, t: int) -> tuple[Tensor, dict[str, Tensor], Tensor, Tensor]:
        """This process's loss by lane; gradients of all processes; the columns and inputs that their rows are of."""
        s, own = self.schedule, slice(self.rank * self.lanes, (self.rank + 1) * self.lanes)
        for h in self.h:
            h[torch.from_numpy(s.reset[t, own])] = 0
        items, targets = (torch.from_numpy(a[t, own].astype(np.int64)) for a in (s.inputs, s.targets))
        drawn = torch.from_numpy(self.negatives(self.offset + t)) if self.config.n_sample else items[:0]
        told = targets if self.exchange == "targets" else torch.cat([targets, drawn])
        every = torch.stack(self._gather(torch.cat([items, told])))  # (R, B/R + ...)
        inputs, others = every[:, : self.lanes], every[:, self.lanes :]
        if self.exchange == "targets":  # own targets first, then the others in a circle, then the shared negatives
            seen = [torch.cat([others.roll(-r, 0).flatten(), drawn]) for r in range(self.size)]
        else:
            seen = list(others)
        columns = seen[self.rank]
        self.distinct.append(len(torch.unique(columns)) - 1)
        lane, grads = self.gradients(items, columns, t)
        return lane, self._sum(grads), torch.cat(seen), inputs.flatten()

    def _correction(self, columns: Tensor, b: int) -> Tensor:
        return super()._correction(columns, len(columns) - self.config.n_sample)

    def _gather(self, value: Tensor) -> list[Tensor]:
        """The same tensor of every process, in order."""
        if self.size == 1:
            return [value]
        out = [torch.empty_like(value) for _ in range(self.size)]
        dist.all_gather(out, value.contiguous())
        return out

    def _sum(self, grads: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Rows of all processes below each other (the optimizer sums equal ones); dense gradients summed."""
        sizes = [g.numel() for g in grads.values()]
        parts = [flat.split(sizes) for flat in self._gather(torch.cat([g.flatten() for g in grads.values()]))]
        out = {}
        for (name, g), same in zip(grads.items(), zip(*parts, strict=True), strict=True):
            pieces = [piece.view_as(g) for piece in same]
            out[name] = torch.cat(pieces) if name in ("Wy", "By", "input") else torch.stack(pieces).sum(0)
        return out


def start(
    train: Sessions, config: GRU4RecConfig, *, rank: int = 0, size: int = 1, exchange: Exchange = "targets",
    dtype: torch.dtype = torch.float32,
) -> Replica:  # fmt: skip
    """A replica with the initial weights of a configuration; batch_size is that of all processes together."""
    plan = batches.schedule(train, batch_size=config.batch_size)
    weights = model.initial_weights(config, train.n_items)
    return Replica(config, weights, plan, train.support, rank=rank, size=size, exchange=exchange, dtype=dtype)


def fit(replica: Replica) -> dict[str, np.ndarray]:
    """Trains for the epochs of the configuration; weights, and `loss`: the mean over its lanes in the last epoch."""
    for epoch in range(replica.config.n_epochs):
        replica.start_epoch(epoch)
        losses = replica.run(0, replica.n_steps)[:, : replica.lanes]
    return replica.arrays(optimizer=False) | {"loss": np.array(losses.mean(dtype=np.float64))}


def on_processes(work: Callable[..., dict[str, np.ndarray]], size: int, *arguments: Any) -> list[dict[str, np.ndarray]]:
    """work(rank, size, *arguments) in `size` processes that can talk through gloo; what each returns, in order.

    `work` is a function of a module. One thread each.
    """
    with TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(_process, (size, folder, work, arguments), nprocs=size)
        found = []
        for rank in range(size):
            with np.load(Path(folder) / f"{rank}.npz") as file:
                found.append(dict(file))
    return found


def _process(rank: int, size: int, folder: str, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    store = f"file://{Path(folder).absolute()}/meet"
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=size, timeout=PATIENCE)
    try:
        np.savez(Path(folder) / f"{rank}.npz", **work(rank, size, *arguments))
    finally:
        dist.destroy_process_group()


# --- the measurement
BATCH, SIZE, SEEDS, SAMPLES = 32, 2, (0, 1, 2), (0, 64)
LOG = "synthetic:n_sessions=2000"
MODES: dict[str, tuple[int, Exchange]] = {
    "one process": (1, "targets"),
    "two, nothing exchanged": (SIZE, "nothing"),
    "two, targets exchanged": (SIZE, "targets"),
}


def settings(n_sample: int, seed: int, n_epochs: int) -> GRU4RecConfig:
    """What is trained in the measurement."""
    return GRU4RecConfig(
        layers=(32,), batch_size=BATCH, n_sample=n_sample, n_epochs=n_epochs, learning_rate=0.1, logq=1.0, seed=seed
    )


def trials(
    rank: int, size: int, train: Sessions, samples: tuple[int, ...], seeds: tuple[int, ...], n_epochs: int
) -> dict[str, np.ndarray]:
    """What a process says of each trial, as `MODE/N/SEED/name`: first_loss, gradient.*, distinct, and all of `fit`."""
    found = {}
    modes = [(mode, exchange) for mode, (processes, exchange) in MODES.items() if processes == size]
    for (mode, exchange), n, seed in itertools.product(modes, samples, seeds):
        replica = start(train, settings(n, seed, n_epochs), rank=rank, size=size, exchange=exchange)
        loss, gradient = replica.gradient(0)
        said = {"first_loss": np.array(loss)} | {f"gradient.{k}": g.numpy() for k, g in gradient.items()}
        said |= fit(replica) | {"distinct": np.array(np.mean(replica.distinct))}
        found |= {f"{mode}/{n}/{seed}/{name}": value for name, value in said.items()}
    return found


def measure(
    *, log: str = LOG, samples: tuple[int, ...] = SAMPLES, seeds: tuple[int, ...] = SEEDS, n_epochs: int = 3
) -> pd.DataFrame:
    """A row for each mode, n_sample and seed.

    mode, processes, batch, n_sample, seed; distinct_negatives: of a target, mean over steps; first_loss: of the first
    step, at the same weights in every mode; gradient_difference: of its gradient from that of one process, relative (L2
    norm); loss: mean of the last epoch; recall: Recall@20 (conservative ties) on the test part.
    """
    from audit_lib.data.preparing import prepare

    torch.set_num_threads(1)
    _, split = prepare(log)
    wanted = (split.train, samples, seeds, n_epochs)
    found = {1: [trials(0, 1, *wanted)], SIZE: on_processes(trials, SIZE, *wanted)}
    rows = []
    for n, seed in itertools.product(samples, seeds):
        (alone,) = _of(found[1], "one process", n, seed)
        for mode, (size, _) in MODES.items():
            said = _of(found[size], mode, n, seed)
            about = {"mode": mode, "processes": size, "batch": BATCH, "n_sample": n, "seed": seed}
            means = {key: float(np.mean([part[key] for part in said])) for key in ("distinct", "first_loss", "loss")}
            rows.append(about | {
                "distinct_negatives": means["distinct"], "first_loss": means["first_loss"],
                "gradient_difference": _difference(said[0], alone), "loss": means["loss"],
                "recall": _recall(settings(n, seed, n_epochs), said[0], split),
            })  # fmt: skip
    return pd.DataFrame(rows)


def _of(parts: list[dict[str, np.ndarray]], mode: str, n_sample: int, seed: int) -> list[dict[str, np.ndarray]]:
    """What each process said of one trial."""
    prefix = f"{mode}/{n_sample}/{seed}/"
    return [{key.removeprefix(prefix): v for key, v in part.items() if key.startswith(prefix)} for part in parts]


def _difference(said: Mapping[str, np.ndarray], alone: Mapping[str, np.ndarray]) -> float:
    keys = sorted(key for key in alone if key.startswith("gradient."))
    a, b = (np.concatenate([part[key].ravel() for key in keys]) for part in (said, alone))
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def _recall(config: GRU4RecConfig, weights: Mapping[str, np.ndarray], split: Split) -> float:
    from audit_lib.evaluation import metrics, ranking
    from audit_lib.recommenders.gru4rec.train import GRU4Rec

    recommender = GRU4Rec(config)
    recommender.restore({name: weights[name] for name in model.shapes(config, split.train.n_items)})
    ranks = ranking.rank(recommender, split.prefixes, split.train.support)
    return float(metrics.recall(ranks.above, ranks.equal, 20).mean())
