"""The authors' GRU4Rec as a recommender: training and hidden states are theirs, ranking is ours (see `workarounds`)."""

from __future__ import annotations

import itertools
import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from audit_lib.data.logs import ITEM, SESSION, TIME
from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.errors import InputError, ScoreError
from audit_lib.recommenders import vendored
from audit_lib.recommenders.base import Recommender
from audit_lib.recommenders.gru4rec import vendor, workarounds
from audit_lib.recommenders.gru4rec.batches import schedule
from audit_lib.recommenders.gru4rec.config import OfficialConfig
from audit_lib.recommenders.gru4rec.model import check_weights
from audit_lib.recommenders.gru4rec.official_network import (
    TILE,
    hidden_states,
    item_scores,
    read_weights,
    write_weights,
)
from audit_lib.recommenders.gru4rec.scoring import in_blocks
from audit_lib.recommenders.gru4rec.torch_threads import threads

log_ = logging.getLogger(__name__)

_OURS = {
    "cell", "seed", "device", "threads", "tail", "flaw", "final_act", "compatibility_mode", "sample_cache_max_size",
}  # fmt: skip
Loss = Callable[[Tensor, Tensor, int], Tensor]
_EPOCH = re.compile(r"Epoch(\d+) --> loss: (\S+) .*\| (\S+) e/s\]")


@dataclass
class Trace:
    """What a training did, step by step: for comparing it with another from equal weights and equal negatives.

    initial: the weights before the first step, named as in `OfficialGRU4Rec.state`. losses: (steps,) of the loss that
    was minimized. targets, negatives: (steps,) lists of int64 catalogue indices, (lanes,) and (n_sample,).
    """

    initial: dict[str, np.ndarray] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    targets: list[np.ndarray] = field(default_factory=list)
    negatives: list[np.ndarray] = field(default_factory=list)


class OfficialGRU4Rec(Recommender):
    """Adapter to the official PyTorch GRU4Rec (Hidasi et al. 2016; Hidasi & Karatzoglou 2018) in the vendor folder.

    log: one dict an epoch, as of the independent engine (loss is the mean over events), with the vendor commit; and
    printed_loss, printed_events_per_second, in which the idle lanes at the end of an epoch count as events of no loss.
    shims: ids of the workarounds that were applied (see `workarounds.SHIMS`). tree: the vendor commit used.
    With compatibility_mode the initial weights are the same for every seed; `seed` moves negatives and dropout only.
    Without it they follow the seed, but those of the GRU come from a narrower range than the papers say.
    """

    name: ClassVar[str] = "gru4rec_official"
    Config = OfficialConfig
    config: OfficialConfig

    def __init__(self, config: OfficialConfig | None = None, **settings: Any):
        super().__init__(config, **settings)
        self.log: list[dict[str, Any]] = []
        self.tree: vendored.Tree | None = None
        self._applied: set[str] = set()
        self.weights: dict[str, np.ndarray] = {}
        self._model: Any = None

    @property
    def shims(self) -> list[str]:
        return sorted(self._applied)

    def fit(
        self,
        train: Sessions,
        *,
        weights: Mapping[str, np.ndarray] | None = None,
        negatives: Callable[[int], np.ndarray] | None = None,
        trace: Trace | None = None,
        progress: bool = True,
    ) -> Self:
        """Trains on `train`, every catalogue item of which must occur in it.

        weights: initial ones by name (`model.shapes`), instead of the official ones. negatives: step (over all epochs)
        -> (n_sample,) catalogue indices, instead of drawn ones. trace: is filled with what every step did (slower).
        Raises MissingError without the vendor folder, InputError for a log that it cannot train on, ScoreError for NaN.
        """
        module, self.tree = vendor.load_official()
        order = pd.unique(train.items)  # (V,) catalogue index by official index: the order of first appearance
        _check(train, order)
        code = np.argsort(order)  # (V,) official index by catalogue index
        self.log, self.weights, self._model = [], {}, None
        self._applied = {"distinct-times", "finite-only", "own-ranking", "renumbered-items", "seeded-torch"}
        self._applied |= set() if self.tree.pinned else {"other-tree"}
        settings, compatible = self._settings(train)
        times = np.arange(train.n_events, dtype=np.float64)
        frame = pd.DataFrame({SESSION: train.session, ITEM: code[train.items], TIME: times})
        with (
            threads(self.config.threads),
            workarounds.seeded(self.config.seed, torch.device(self.config.device)),
            tqdm(total=self.config.n_epochs, desc=self.name, unit="epoch", disable=None if progress else True) as bar,
            workarounds.printed(self._parser(bar, train, settings["batch_size"])),
        ):
            gru = module.GRU4Rec(**settings)
            changes = self._changes(module, gru, order, weights, negatives, trace)
            if trace is not None:
                gru.loss_function = _recorded(gru.loss_function, trace, order, settings["batch_size"])
            with workarounds.replaced(*changes):
                gru.fit(frame, self.config.sample_cache_max_size, compatible)
        found = read_weights(gru.model, code)
        if gru.error_during_train or not all(np.isfinite(w).all() for w in found.values()):
            raise ScoreError(
                f"{self.name}: training ended in NaN or infinity in epoch {len(self.log) + gru.error_during_train}. "
                "Lower learning_rate or momentum."
            )
        self.weights = found
        return self

    def score(self, prefixes: Prefixes, *, block_size: int = 256) -> Iterator[np.ndarray]:
        if not self.weights:
            raise InputError(f"{self.name} is not fitted yet: call fit or load first.")
        model = self._network()
        with threads(self.config.threads):
            hidden = hidden_states(model, prefixes, self.config.device)  # (P rounded up to tiles, H)

        def tiles() -> Iterator[np.ndarray]:
            for start in range(0, len(prefixes), TILE):
                with threads(self.config.threads):  # not across a yield
                    tile = item_scores(model, hidden[start : start + TILE])[: len(prefixes) - start]  # (<=TILE, V)
                yield tile

        yield from in_blocks(tiles(), (min(block_size, len(prefixes)), prefixes.sessions.n_items))

    def state(self) -> dict[str, np.ndarray]:
        """The weights, named and laid out as the independent engine's (`model.shapes`), items in catalogue order.

        `origin` holds, as JSON in bytes, the shims and the commit of the training.
        """
        origin = {"shims": self.shims, "tree": self.tree.manifest() if self.tree else None}
        return self.weights | {"origin": np.frombuffer(json.dumps(origin).encode(), np.uint8)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        origin = json.loads(state["origin"].tobytes())
        self._applied = {*origin["shims"], "own-weights-file"}
        self.weights = {key: value for key, value in state.items() if key != "origin"}
        self._model = None
        tree = origin["tree"]
        self.tree = vendored.Tree(vendor.OFFICIAL, tree["commit"], tree["clean"]) if tree else None

    def _settings(self, train: Sessions) -> tuple[dict[str, Any], bool]:
        """Arguments of the official constructor, and compatibility_mode; notes the shims that this takes."""
        settings = self.config.model_dump(exclude=_OURS)
        settings |= {"layers": list(self.config.layers), "device": torch.device(self.config.device)}
        settings["embedding"] = self.config.official_embedding
        if train.n_sessions < self.config.batch_size:
            settings["batch_size"] = train.n_sessions
            self._applied.add("batch-within-sessions")
        compatible = self.config.compatibility_mode
        if compatible and not workarounds.compatible(self.config.layers, self.config.input_size):
            compatible = False
            self._applied.add("torch-initial-weights")
        return settings, compatible

    def _changes(
        self, module: ModuleType, gru: Any, order: np.ndarray, weights: Any, negatives: Any, trace: Trace | None
    ) -> list[tuple[Any, str, Any]]:
        """What to replace in the official module while it fits: see `workarounds.replaced`."""
        network, optimizer = module.GRU4RecModel, module.IndexedAdagradM
        applied, code = self._applied, np.argsort(order)
        draw, make = network._init_numpy_weights, optimizer.__init__

        def draw_float32(model: Any, shape: tuple[int, int]) -> np.ndarray:
            drawn = draw(model, shape)
            if drawn.dtype != np.float32:
                applied.add("float32-weights")
            return drawn.astype(np.float32, copy=False)

        def make_optimizer(*arguments: Any) -> None:  # runs once, when the initial weights are in place
            if weights is not None:
                write_weights(gru.model, check_weights(weights, self.config, len(order)), order)
            if trace is not None:
                trace.initial = read_weights(gru.model, code)
            make(*arguments)
            self._clock = time.perf_counter()

        changes = [(network, "_init_numpy_weights", draw_float32), (optimizer, "__init__", make_optimizer)]
        return changes if negatives is None else [*changes, (module, "SampleCache", _given(module, negatives, code))]

    def _parser(self, bar: tqdm, train: Sessions, lanes: int) -> Callable[[str], None]:
        """Turns each line that the official code prints into an entry of the log, if it ends an epoch."""
        min_lanes = 1 if self.config.n_sample else 2
        plan = schedule(train, batch_size=lanes, min_lanes=min_lanes)
        events = plan.n_events

        def take(line: str) -> None:
            log_.debug("%s: %s", self.name, line)
            if found := _EPOCH.search(line):
                now = time.perf_counter()
                seconds, self._clock = now - self._clock, now
                loss = float(found[2]) * plan.n_steps * plan.n_lanes / events
                entry: dict[str, Any] = {"epoch": int(found[1]), "loss": loss, "steps": plan.n_steps, "events": events}
                entry |= {"seconds": seconds, "events_per_second": events / seconds}
                entry |= {"engine": "official", "commit": self.tree and self.tree.commit}
                entry |= {"printed_loss": float(found[2]), "printed_events_per_second": float(found[3])}
                self.log.append(entry)
                bar.update()
                bar.set_postfix(loss=found[2], refresh=False)

        return take

    def _network(self) -> Any:
        """The official network with our weights, for scoring."""
        if self._model is None:
            module, _ = vendor.load_official()
            c = self.config
            sizes = len(self.weights["By"]), list(c.layers), 0.0, 0.0, c.official_embedding, c.constrained_embedding
            with workarounds.seeded(0, torch.device(c.device)):  # building it draws weights, which are then overwritten
                self._model = module.GRU4RecModel(*sizes).to(c.device)
            write_weights(self._model, self.weights)
        return self._model


def _check(train: Sessions, order: np.ndarray) -> None:
    if missing := train.n_items - len(order):
        raise InputError(
            f"gru4rec_official: {missing} of the {train.n_items} catalogue items do not occur in train; the official "
            "code knows only items that do. Take the catalogue from train."
        )
    if not (train.lengths > 1).any():
        raise InputError("gru4rec_official: no session of train has two events, so there is nothing to learn.")


def _given(module: ModuleType, negatives: Callable[[int], np.ndarray], code: np.ndarray) -> type:
    """A store of negatives that hands out the given ones."""
    steps = itertools.count()

    class Given(module.SampleCache):  # type: ignore[name-defined, misc]  # a class of the official code
        def _refresh(self) -> None:
            pass

        def get_sample(self) -> Tensor:
            row = np.asarray(negatives(next(steps)))
            if row.shape != (self.n_sample,):
                raise InputError(f"gru4rec_official: a step needs {self.n_sample} negatives, not {row.shape}.")
            return torch.tensor(code[row], device=self.device)

    return Given


def _recorded(loss: Loss, trace: Trace, order: np.ndarray, batch: int) -> Loss:
    """The official loss function, noting each step's loss, targets and negatives in `trace`."""

    def recorded(scores: Tensor, columns: Tensor, nominal: int) -> Tensor:
        value = loss(scores, columns, nominal)
        items, lanes = order[columns.cpu().numpy()], len(scores)
        trace.losses.append(float(value.detach()) / batch)
        trace.targets.append(items[:lanes])
        trace.negatives.append(items[lanes:])
        return value

    return recorded
