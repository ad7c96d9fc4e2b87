"""Small experiments with the official GRU4Rec: each runs it on a small log and says in a line what happened."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import torch

from audit_lib.data.logs import ITEM, SESSION, TIME
from audit_lib.recommenders.gru4rec import vendor, workarounds

CPU = torch.device("cpu")
STORE = 100_000  # negatives drawn ahead; the official default is a hundred times that


class Lab:
    """The official modules and a small random log to try them on (120 sessions of 2 to 9 events, 30 items)."""

    def __init__(self, seed: int = 0):
        self.code: ModuleType = vendor.load_official()[0]
        self.evaluation: ModuleType = vendor.load_official("evaluation")[0]
        rng = np.random.default_rng(seed)
        self.session = np.repeat(np.arange(120), rng.integers(2, 10, 120))
        items = rng.choice(30, len(self.session), p=np.arange(30, 0, -1) / 465)
        self.items = pd.factorize(items)[0]  # numbered by first appearance
        self.n_items = int(self.items.max()) + 1
        self.n_targets = len(self.items) - 120

    def frame(self, ids: np.ndarray | None = None) -> pd.DataFrame:
        """The log; ids: (V,) names of the items, by default 0 to V-1 in order of first appearance."""
        items = self.items if ids is None else ids[self.items]
        return pd.DataFrame({SESSION: self.session, ITEM: items, TIME: np.arange(len(items), dtype=float)})

    def train(
        self, frame: pd.DataFrame | None = None, *, compatible: bool = False, seed: int = 0, **settings: Any
    ) -> Any:
        """An official model trained on the log; one layer of 8 units, 16 lanes, 1 epoch unless set."""
        settings = {"layers": [8], "batch_size": 16, "n_sample": 8, "n_epochs": 1, "device": CPU} | settings
        with workarounds.seeded(seed, CPU):
            gru = self.code.GRU4Rec(**settings)
            gru.losses, gru.lanes = [], []
            gru.loss_function = _noting(gru.loss_function, gru)
            gru.fit(self.frame() if frame is None else frame, STORE, compatible)
        return gru

    def evaluate(self, gru: Any, **settings: Any) -> tuple[float, float, int]:
        """Official Recall@20 and MRR@20, and how many events were evaluated."""
        seen, forward = [], gru.model.forward
        gru.model.forward = lambda X, *rest, **named: (seen.append(len(X)), forward(X, *rest, **named))[1]
        try:
            recall, mrr = self.evaluation.batch_eval(gru, self.frame(), **{"batch_size": 64, "cutoff": [20]} | settings)
        finally:
            del gru.model.forward
        return float(recall[20]), float(mrr[20]), sum(seen)


def _noting(loss: Callable, gru: Any) -> Callable:
    def noting(scores: torch.Tensor, columns: torch.Tensor, nominal: int) -> torch.Tensor:
        value = loss(scores, columns, nominal)
        gru.losses.append(float(value.detach()))
        gru.lanes.append(len(scores))
        return value

    return noting


def outcome(call: Callable[[], Any]) -> str:
    """'works', or the error that the call raised, with the first line of its message."""
    try:
        call()
    except Exception as error:  # whatever it is, it is the outcome
        lines = str(error).strip().splitlines() or [""]
        return f"{type(error).__name__}: {lines[0].split(chr(27))[0].strip()[:120]}"  # without terminal colours
    return "works"


# --- does it run? -----------------------------------------------------------------------------------------------------


def load_saved(lab: Lab) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt"
        # The class is found by its module's name when pickled, so the module stands under it meanwhile.
        sys.modules[lab.code.__name__] = lab.code
        try:
            gru = lab.train()
            del gru.loss_function  # our note-taking
            gru.savemodel(path)
            weights = sum(p.numel() * 4 for p in gru.model.parameters())
            size = f"{path.stat().st_size / 1e6:.1f} MB for {weights / 1e6:.3f} MB of weights"
            return f"saved: {size}; loaded: {outcome(lambda: lab.code.GRU4Rec.loadmodel(path, device='cpu'))}"
        finally:
            del sys.modules[lab.code.__name__]


def unstable(lab: Lab) -> str:
    frame = lab.frame()
    frame[SESSION] = np.random.default_rng(1).permutation(120)[lab.session]  # ids are not in order of time
    frame[TIME] = lab.session // 10 + frame.groupby(SESSION).cumcount() / 10  # ten sessions start at each time
    order = lab.train(frame).data_iterator.session_idx_arr
    stable = np.argsort(frame.groupby(SESSION)[TIME].min().to_numpy(), kind="stable")
    moved = int((order != stable).sum())
    return f"of 120 sessions, of which ten each start at once, {moved} leave the order of their ids"


def in_place(lab: Lab) -> str:
    frame = lab.frame().sample(frac=1.0, random_state=0)
    before = frame.index.to_numpy().copy()
    lab.train(frame)
    return f"{int((frame.index.to_numpy() != before).sum())} of {len(before)} rows of the caller's frame moved"


# --- evaluation -------------------------------------------------------------------------------------------------------


def events_evaluated(lab: Lab) -> str:
    gru = lab.train(n_sample=0)
    counts = {batch: lab.evaluate(gru, batch_size=batch)[2] for batch in (1, 7, 64)}
    return "; ".join(f"batch {batch}: {n} of {lab.n_targets}" for batch, n in counts.items())


def metrics_of(lab: Lab, value: float, mode: str) -> str:
    gru = lab.train()
    with torch.no_grad():
        for parameter in gru.model.parameters():
            parameter.fill_(value)
    recall, mrr, _ = lab.evaluate(gru, mode=mode, cutoff=[20])
    return f"{mode}: Recall@20 {recall:.2f}, MRR@20 {mrr:.2f}"


def default_modes(lab: Lab) -> str:
    function = inspect.signature(lab.evaluation.batch_eval).parameters["mode"].default
    command = [sys.executable, "-B", str(vendor.OFFICIAL.place / "run.py"), "-h"]
    environment = os.environ | {"COLUMNS": "10000"}
    text = subprocess.run(command, capture_output=True, text=True, env=environment, check=False).stdout
    found = re.search(r"--eval_type .*?\(Default: (\w+)\)", text, re.DOTALL)
    return f"function: {function}; command line: {found[1] if found else 'not found'}"


# --- training ---------------------------------------------------------------------------------------------------------


def seeding(lab: Lab) -> str:
    settings = {"compatible": True, "dropout_p_hidden": 0.2}
    with _float32(lab):
        a, b, c = (lab.train(seed=seed, **settings) for seed in (1, 1, 2))
    word = {True: "the same", False: "different"}
    return f"losses are {word[a.losses == b.losses]} for equal, {word[a.losses == c.losses]} for other seeds"


def initial_weights(lab: Lab) -> str:
    with _float32(lab):
        a, b = (lab.train(seed=seed, compatible=True, learning_rate=1e-30) for seed in (1, 2))
    return f"{'the same' if torch.equal(a.model.Wy.weight, b.model.Wy.weight) else 'different'} initial weights"


def initial_range(lab: Lab) -> str:
    untrained = {"layers": [64], "learning_rate": 1e-30}
    with _float32(lab):
        on, off = (lab.train(compatible=mode, **untrained).model.G[0].weight_hh.abs().max() for mode in (True, False))
    return f"GRU weights up to {float(on):.3f} with it, up to {float(off):.3f} without it"


def shapes(lab: Lab, **settings: Any) -> str:
    with _float32(lab):
        return outcome(lambda: lab.train(compatible=True, **settings))


def _float32(lab: Lab) -> Any:
    network = lab.code.GRU4RecModel
    draw = network._init_numpy_weights

    def single(model: Any, shape: Any) -> np.ndarray:
        return draw(model, shape).astype(np.float32)

    return workarounds.replaced((network, "_init_numpy_weights", single))


def tail(lab: Lab) -> str:
    gru = lab.train()
    short = np.mean(np.array(gru.lanes) < 16)
    counted = 16 * len(gru.lanes) / sum(gru.lanes) - 1
    return f"{short:.1%} of the batches are not full; events per second are overstated by {counted:.1%}"


def tail_correction(lab: Lab) -> str:
    gru = lab.train(logq=1.0, sample_alpha=0.5)
    columns = torch.arange(6)  # two lanes left of four: 2 targets, 4 extra negatives
    with torch.no_grad():
        as_given, correct = (float(gru.loss_function(torch.zeros(2, 6), columns, m)) for m in (4, 2))
    return f"loss of a batch with 2 lanes left of 4: {as_given:.4f}; corrected for the 2 targets alone: {correct:.4f}"


def masking(lab: Lab) -> str:
    gru = lab.train()
    with torch.no_grad():
        loss = float(gru.loss_function(torch.zeros(1, 2), torch.tensor([3, 3]), 1))
    return f"a target drawn as its own negative costs {loss:.4f} (log 2 = {np.log(2):.4f}; masked it would be 0)"


def momentum(lab: Lab) -> str:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = lab.code.IndexedAdagradM([weight], 1.0, 0.5)
    weight.grad = torch.ones(1)
    optimizer.step()
    return f"first step at momentum 0.5: {-float(weight.detach()):.3f} learning rates (heavy-ball 1, Nesterov 1.5)"


def onehot_dropout(lab: Lab) -> str:
    plain, hidden, embed = (
        lab.train(constrained_embedding=False, **{name: p}).losses
        for name, p in (("momentum", 0.0), ("dropout_p_hidden", 0.5), ("dropout_p_embed", 0.5))
    )
    return " and ".join(
        f"{name} {'changes nothing' if losses == plain else 'changes the losses'}"
        for name, losses in (("dropout_p_hidden", hidden), ("dropout_p_embed", embed))
    )


def sampling(lab: Lab, items: int = 2_000_000) -> str:
    frame = pd.DataFrame({SESSION: np.arange(items) // 2, ITEM: np.arange(items), TIME: np.arange(items, dtype=float)})
    iterator = lab.code.SessionDataIterator(frame, 16, 1, sample_alpha=0.0, sample_cache_max_size=1, device=CPU)
    # torch.rand gives multiples of 2^-24: an item is drawn by as many of them as lie in its interval.
    steps = np.ceil(iterator.sample_cache.distr.numpy().astype(np.float64) * 2**24)
    drawn = np.diff(steps, prepend=0.0) * items / 2**24
    return f"{items:,} equally popular items: drawn with a relative standard deviation of {drawn.std():.1%}"
