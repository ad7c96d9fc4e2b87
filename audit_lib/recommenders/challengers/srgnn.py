"""SR-GNN (Wu et al., AAAI 2019) as a recommender: model and training are its authors', ranking is ours.

Item j of the catalogue is item j + 1 of the code, whose 0 is padding. Items of its embedding beyond the catalogue
(`n_node`) take part in training, where they are never a target, and not in ranking.
"""

from __future__ import annotations

import json
import logging
import math
import re
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch

from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.errors import DivergedError, InputError
from audit_lib.recommenders import checkpoints, vendored
from audit_lib.recommenders.base import Recommender
from audit_lib.recommenders.challengers import codes, session_graphs
from audit_lib.recommenders.challengers.config import SRGNNConfig
from audit_lib.recommenders.challengers.workarounds import seeded
from audit_lib.recommenders.gru4rec.torch_threads import no_denormals, threads
from audit_lib.recommenders.gru4rec.workarounds import printed, replaced

log_ = logging.getLogger(__name__)

SHIMS = ("batch-at-once", "decay-of-torch-0.4", "finite-only", "fused-optimizer", "named-device",
         "no-denormals", "no-gradients-in-ranking", "own-preparation", "own-ranking", "seeded")  # fmt: skip
_STEP = re.compile(r"\[(\d+)/(\d+)\] Loss: (\S+)")
_TOTAL = re.compile(r"\tLoss:\t(\S+)")


class Own(NamedTuple):
    """The code's two modules that are used, and the tree they came from."""

    tree: vendored.Tree
    model: ModuleType
    utils: ModuleType


class SRGNN(Recommender):
    """Adapter to the authors' PyTorch code in the vendor folder; one catalogue item is one node.

    log: one dict an epoch (epoch, loss, learning_rate, steps, events, seconds, events_per_second, engine, repository,
    commit), where an event is a sample and the loss is the mean over steps. shims: ids of the workarounds (see
    `workarounds.SHIMS`). earlier_seconds: of the epochs that a checkpoint already held.
    """

    name: ClassVar[str] = "srgnn"
    Config: ClassVar[type[SRGNNConfig]] = SRGNNConfig
    config: SRGNNConfig

    def __init__(self, config: SRGNNConfig | None = None, **settings: Any):
        super().__init__(config, **settings)
        self.log: list[dict[str, Any]] = []
        self.earlier_seconds = 0.0
        self.shims: list[str] = []
        self.weights: dict[str, np.ndarray] = {}

    def fit(self, train: Sessions, *, checkpoint: str | Path | None = None) -> Self:
        """Trains on every prefix of every session of `train`.

        checkpoint: written after every epoch; where it exists, training goes on from there, to the same bits.
        Raises MissingError without the vendor folder, InputError for a log without samples or a checkpoint of something
        else, DivergedError when the loss is no longer finite.
        """
        c, own = self.config, load()
        self.log, self.earlier_seconds = [], 0.0
        self.shims = sorted([*SHIMS, *([] if own.tree.pinned else ["other-tree"])])
        samples = samples_of(train)
        if not samples[0]:
            raise InputError("srgnn: no session of train has two events, so there is nothing to learn.")
        path = Path(checkpoint) if checkpoint else None
        with seeded(c.seed, torch.device(c.device)), self._running(own):
            network, data = self._network(own, train.n_items), own.utils.Data(samples, shuffle=True)
            nothing = SimpleNamespace(generate_batch=lambda size: [])  # what it predicts after each epoch
            if path and path.exists():
                arrays, self.log = checkpoints.read(path, config=c, data=train.fingerprint)
                _restore(network, arrays)
                self.earlier_seconds = sum(entry["seconds"] for entry in self.log)
                log_.info("%s: goes on after epoch %d of %d.", path, len(self.log), c.n_epochs)
            for _ in self.log:  # what earlier epochs drew and counted
                network.scheduler.step()
                data.generate_batch(c.batch_size)
            for epoch in range(len(self.log) + 1, c.n_epochs + 1):
                entry = self._epoch(epoch, partial(own.model.train_test, network, data, nothing), data.length)
                origin = {"engine": "srgnn", "repository": own.tree.code.url, "commit": own.tree.commit}
                self.log.append(entry | {"learning_rate": network.optimizer.param_groups[0]["lr"]} | origin)
                if path:
                    checkpoints.write(path, _arrays(network), config=c, data=train.fingerprint, log=self.log)
            self.weights = _weights(network)
        return self

    def score(self, prefixes: Prefixes, *, block_size: int = 256) -> Iterator[np.ndarray]:
        if not self.weights:
            raise InputError("srgnn is not fitted yet: call fit or load first.")
        own, n_items = load(), prefixes.sessions.n_items
        with seeded(0, torch.device(self.config.device)), self._running(own):
            network = self._network(own, n_items)
            network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in self.weights.items()})
            network.eval()
            inputs = [(prefixes.items(i) + 1).tolist() for i in range(len(prefixes))]
            data = own.utils.Data((inputs, prefixes.target + 1), shuffle=False)
            batches = data.generate_batch(self.config.batch_size)
        for batch in batches:
            with torch.no_grad(), self._running(own):  # not across a yield
                _, scores = own.model.forward(network, batch, data)  # (b, n_node - 1), the first of item 1
            tile = np.ascontiguousarray(scores[:, :n_items].cpu().numpy())
            for start in range(0, len(tile), block_size):
                yield tile[start : start + block_size]

    def state(self) -> dict[str, np.ndarray]:
        """The weights by the code's names; `origin` holds, as JSON in bytes, the shims of the training."""
        return self.weights | {"origin": np.frombuffer(json.dumps({"shims": self.shims}).encode(), np.uint8)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self.shims = json.loads(state["origin"].tobytes())["shims"]
        self.weights = {name: array for name, array in state.items() if name != "origin"}

    def _network(self, own: Own, n_items: int) -> Any:
        """The code's network, with weights as drawn."""
        c = self.config
        n_node = c.n_node or n_items + 1
        if n_node <= n_items:
            raise InputError(
                f"srgnn: n_node={n_node} leaves no row for some of {n_items} items and the padding. Leave it out, or "
                f"set it to {n_items + 1} or more."
            )
        options = SimpleNamespace(
            batchSize=c.batch_size, hiddenSize=c.hidden_size, lr=c.lr, lr_dc=c.lr_dc, lr_dc_step=c.lr_dc_step,
            l2=c.l2, step=c.step, nonhybrid=c.nonhybrid,
        )  # fmt: skip
        network = own.model.trans_to_cuda(own.model.SessionGraph(options, n_node))
        network.optimizer.param_groups[0]["fused"] = True
        network.scheduler.last_epoch = -1  # as it was in PyTorch 0.4 before the first step
        return network

    @contextmanager
    def _running(self, own: Own) -> Iterator[None]:
        """The code runs on our device and threads, without warnings: of what is old in it, and of a mean of nothing."""
        device = torch.device(self.config.device)
        places = [
            ("trans_to_cuda", lambda thing: thing.to(device)),
            ("trans_to_cpu", lambda thing: thing.cpu()),
            ("forward", session_graphs.forward),
        ]
        with (
            threads(self.config.threads),
            no_denormals(),
            replaced(*((own.model, name, function) for name, function in places)),
            warnings.catch_warnings(),
        ):
            for kind in (UserWarning, RuntimeWarning):
                warnings.simplefilter("ignore", kind)
            yield

    def _epoch(self, epoch: int, train: Callable[[], Any], samples: int) -> dict[str, Any]:
        """Runs one epoch of the code; its entry of the log, from what it prints."""
        started, said = time.perf_counter(), {"loss": math.nan, "steps": 0}

        def take(line: str) -> None:
            if found := _STEP.fullmatch(line):
                said["steps"] = int(found[2])
                seconds = time.perf_counter() - started
                log_.info("srgnn: epoch %d, step %s of %s, loss %s, %.0f s", epoch, *found.groups(), seconds)
            elif found := _TOTAL.fullmatch(line):
                said["loss"] = float(found[1]) / said["steps"]

        with printed(take):
            train()
        if not math.isfinite(said["loss"]):
            raise DivergedError(f"srgnn: the loss is no longer finite in epoch {epoch}. Training stopped. Lower lr.")
        seconds = time.perf_counter() - started
        entry = said | {"epoch": epoch, "events": samples, "seconds": seconds, "events_per_second": samples / seconds}
        log_.info("srgnn: epoch %(epoch)d, loss %(loss).4f, %(events_per_second).0f samples/s", entry)
        return entry


def load() -> Own:
    """The verified code. Raises MissingError if it was not fetched, InputError if it is another or a changed tree."""
    tree = vendored.verify(codes.SRGNN)
    return Own(tree, *(vendored.load(tree, f"pytorch_code/{name}.py") for name in ("model", "utils")))


def samples_of(train: Sessions) -> tuple[list[list[int]], list[int]]:
    """(inputs, targets) of every prefix and the item after it, a session's longest first; items from 1.

    There are n_events - n_sessions of them.
    """
    inputs, targets = [], []
    for first, end in zip(train.offsets[:-1], train.offsets[1:], strict=True):
        items = (train.items[first:end] + 1).tolist()
        for cut in range(len(items) - 1, 0, -1):
            inputs.append(items[:cut])
            targets.append(items[cut])
    return inputs, targets


def _weights(network: Any) -> dict[str, np.ndarray]:
    return {name: tensor.cpu().numpy().copy() for name, tensor in network.state_dict().items()}


def _arrays(network: Any) -> dict[str, np.ndarray]:
    """The weights, and what Adam keeps of each parameter: its steps, and the means of gradients and their squares."""
    kept = network.optimizer.state_dict()["state"].items()
    optimizer = {f"{key}.{i}": value.cpu().numpy() for i, about in kept for key, value in about.items()}
    return optimizer | {f"weights.{name}": array for name, array in _weights(network).items()}


def _restore(network: Any, arrays: dict[str, np.ndarray]) -> None:
    """Puts back what `_arrays` gave."""
    weights, optimizer = {}, network.optimizer.state_dict()
    for key, array in arrays.items():
        kind, _, name = key.partition(".")
        if kind == "weights":
            weights[name] = torch.from_numpy(array)
        else:
            value = torch.from_numpy(array).reshape(()) if kind == "step" else torch.from_numpy(array)
            optimizer["state"].setdefault(int(name), {})[kind] = value
    network.load_state_dict(weights)
    network.optimizer.load_state_dict(optimizer)
