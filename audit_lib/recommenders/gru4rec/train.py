"""GRU4Rec as a recommender: the training loop, around one of three engines that compute the same function.

`Fast` (CPU, the default), `Graph` (CUDA), and `Reference` (plain autograd, the oracle; it also trains the flaws of the
loss, which the others do not have).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from tqdm import tqdm

from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.errors import DivergedError, InputError
from audit_lib.recommenders import checkpoints
from audit_lib.recommenders.base import Recommender
from audit_lib.recommenders.gru4rec import batches, flaws, model, scoring
from audit_lib.recommenders.gru4rec.config import GRU4Rec2016Config, GRU4RecConfig
from audit_lib.recommenders.gru4rec.fast import Fast
from audit_lib.recommenders.gru4rec.graph import Graph
from audit_lib.recommenders.gru4rec.reference import Reference
from audit_lib.recommenders.gru4rec.torch_threads import no_denormals, threads

log_ = logging.getLogger(__name__)

_CHUNK = 128  # steps between two looks at the losses
EngineName = Literal["auto", "fast", "graph", "reference"]


class GRU4Rec(Recommender):
    """The independent engine (Hidasi et al. 2016; Hidasi & Karatzoglou 2018; Hidasi & Czapp 2023).

    After `fit`: log, one dict an epoch (epoch, loss, steps, events, seconds, events_per_second, engine; the loss is the
    mean over events); losses, (steps,) float64 training loss by step, if they were asked for; earlier_seconds, of the
    epochs that a checkpoint already held; weights, as `model` documents.
    """

    name: ClassVar[str] = "gru4rec"
    Config: ClassVar[type[GRU4RecConfig]] = GRU4RecConfig
    config: GRU4RecConfig

    def fit(
        self,
        train: Sessions,
        *,
        weights: Mapping[str, np.ndarray] | None = None,
        negatives: Callable[[int], np.ndarray] | Iterator[np.ndarray] | None = None,
        checkpoint: str | Path | None = None,
        progress: bool = True,
        record_losses: bool = False,
        engine: EngineName = "auto",
    ) -> Self:
        """Trains on `train` for n_epochs.

        weights: initial ones by name (`model.shapes`); by default drawn from `seed`. negatives: the extra negatives of
        every step, (n_sample,) int64: an iterator, or a function of the step counted over all epochs; by default drawn.
        checkpoint: written after every epoch; where it exists, training goes on from there, to the same bits.
        Raises InputError for sessions or weights that do not fit, DivergedError when the loss is no longer finite.
        """
        c = self.config
        plan = batches.schedule(train, batch_size=c.batch_size, min_lanes=1 if c.n_sample else 2)
        plan = flaws.schedule(c, plan)
        start = flaws.initial_weights(c, train.n_items) if weights is None else weights
        start = model.check_weights(start, c, train.n_items)
        kind = _engine(engine, c)
        if c.threads > 1:
            log_.warning("threads=%d changes nothing here: this engine computes on one thread.", c.threads)
        with threads(1), no_denormals():
            run = kind(c, start, plan, train.support, negatives=_negatives(negatives, c.n_sample, train.n_items))
            del start  # as large as the model
            self.log: list[dict[str, Any]] = []
            self.earlier_seconds = 0.0
            path = Path(checkpoint) if checkpoint else None
            if path and path.exists():
                arrays, self.log = checkpoints.read(path, config=c, data=train.fingerprint)
                run.restore(arrays)
                self.earlier_seconds = sum(entry["seconds"] for entry in self.log)
                log_.info("%s: goes on after epoch %d of %d.", path, len(self.log), c.n_epochs)
            kept = []
            for epoch in range(len(self.log), c.n_epochs):
                losses, entry = _train_epoch(run, plan, epoch, c, progress=progress)
                self.log.append(entry | {"engine": kind.__name__.lower()})
                log_.info("epoch %(epoch)d: loss %(loss).4f, %(events_per_second).0f events/s", self.log[-1])
                if record_losses:
                    kept.append(losses)
                if path:
                    checkpoints.write(path, run.arrays(), config=c, data=train.fingerprint, log=self.log)
            self.losses = np.concatenate(kept) if kept else np.empty(0)
            self.restore(run.arrays(optimizer=False))
        return self

    def score(self, prefixes: Prefixes, *, block_size: int = 256) -> Iterator[np.ndarray]:
        """Blocks of h W^T + b; see `scoring`. The final activation is left out: it would not change any order."""
        blocks = scoring.blocks(self.config, self._tensors(), prefixes, block_size)
        while True:
            with threads(1):  # not across a yield: what the caller does in between is its own affair
                block = next(blocks, None)
            if block is None:
                return
            yield block

    def advance(self, items: np.ndarray, states: Sequence[np.ndarray] | None = None) -> list[np.ndarray]:
        """The states of n sessions after one more event each, (n, H) float32 for each layer: what a service keeps.

        items: (n,) int64. states: those of before; None where the sessions begin.
        """
        if states is None:
            states = [np.zeros((len(items), units), np.float32) for units in self.config.layers]
        with threads(1):
            after = scoring.advance(self.config, self._tensors(), items, [self._tensor(state) for state in states])
        return [state.cpu().numpy() for state in after]

    def answer(self, states: Sequence[np.ndarray]) -> np.ndarray:
        """(n, V) float32 scores of every item in these states, as `score` has them but for the last bits."""
        weights = self._tensors()
        with threads(1):
            scores = torch.addmm(weights["By"], self._tensor(states[-1]), weights["Wy"].T)
        return scores.cpu().numpy()

    def _tensors(self) -> dict[str, torch.Tensor]:
        return {name: self._tensor(array) for name, array in self.weights.items()}

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(self.config.device)

    def state(self) -> dict[str, np.ndarray]:
        return self.weights

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self.weights = dict(state)


class GRU4Rec2016(GRU4Rec):
    """The independent engine, restricted to what the first paper describes (Hidasi et al. 2016, arXiv 1511.06939)."""

    name: ClassVar[str] = "gru4rec_2016"
    Config: ClassVar[type[GRU4RecConfig]] = GRU4Rec2016Config


def _engine(name: EngineName, config: GRU4RecConfig) -> Callable[..., Any]:
    """The engine's class; 'auto' goes by the device."""
    readable = config.flaw in flaws.LOSSES
    if readable and name not in ("auto", "reference"):
        raise InputError(f"flaw={config.flaw} is trained by the readable engine alone; it is not in '{name}'.")
    if name == "auto":
        name = "reference" if readable else "graph" if config.device == "cuda" else "fast"
    if name == "graph" and config.device == "cuda" and not torch.cuda.is_available():
        raise InputError("device=cuda, but torch sees no GPU. Use device=cpu, or install a CUDA build of torch.")
    return {"fast": Fast, "graph": Graph, "reference": Reference}[name]


def _train_epoch(
    run: Any, plan: batches.Schedule, epoch: int, config: GRU4RecConfig, *, progress: bool
) -> tuple[np.ndarray, dict[str, Any]]:
    """One epoch: (T,) float64 losses by step (summed over lanes, divided by the nominal B), and the log entry."""
    run.start_epoch(epoch)
    losses, events, started = np.empty(plan.n_steps), 0, time.perf_counter()
    name = f"epoch {epoch + 1}/{config.n_epochs}"
    with tqdm(total=plan.n_events, desc=name, unit="event", unit_scale=True, disable=None if progress else True) as bar:
        for first in range(0, plan.n_steps, _CHUNK):
            last = min(first + _CHUNK, plan.n_steps)
            lanes = run.run(first, last)  # (last - first, B)
            if not np.isfinite(lanes).all():
                raise _diverged(lanes, plan, epoch, first)
            losses[first:last] = lanes.sum(1, dtype=np.float64) / plan.n_lanes
            events += (chunk := int(plan.active[first:last].sum()))
            bar.update(chunk)
            bar.set_postfix(loss=f"{losses[first:last].mean():.4f}", refresh=False)
    seconds = time.perf_counter() - started
    entry = {
        "epoch": epoch + 1,
        "loss": float(losses.sum() * plan.n_lanes / events),
        "steps": plan.n_steps,
        "events": events,
        "seconds": seconds,
        "events_per_second": events / seconds,
    }
    return losses, entry


def _diverged(lanes: np.ndarray, plan: batches.Schedule, epoch: int, first: int) -> DivergedError:
    step, lane = np.argwhere(~np.isfinite(lanes))[0]
    return DivergedError(
        f"GRU4Rec: the loss became {lanes[step, lane]} in epoch {epoch + 1}, step {first + step}, lane {lane} "
        f"(item index {plan.inputs[first + step, lane]}). Training stopped. "
        "Lower learning_rate, or check the initial weights."
    )


def _negatives(
    given: Callable[[int], np.ndarray] | Iterator[np.ndarray] | None, n_sample: int, n_items: int
) -> Callable[[int], np.ndarray] | None:
    """The given negatives as a checked function of the step."""
    if given is None or n_sample == 0:
        return None
    draw = given if callable(given) else lambda step: next(given)

    def checked(step: int) -> np.ndarray:
        items = np.ascontiguousarray(draw(step), np.int64)
        if items.shape != (n_sample,) or items.min() < 0 or items.max() >= n_items:
            raise InputError(f"negatives of step {step}: expected ({n_sample},) item indices below {n_items}.")
        return items

    return checked
