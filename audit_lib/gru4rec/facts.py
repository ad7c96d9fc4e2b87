"""What the official GRU4Rec does today, shown by running it: each probe is a small experiment with its outcome.

`probe_all` gives the table that the book shows. Nothing here is quoted from the official code or its documentation, and
no outcome is typed: on other versions of NumPy, pandas and torch the table comes out otherwise.
"""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import torch

from audit_lib.gru4rec import shims, vendor
from audit_lib.sessions import ITEM, SESSION, TIME

CPU = torch.device("cpu")
STORE = 100_000  # negatives drawn ahead; the official default is a hundred times that


@dataclass(frozen=True)
class Fact:
    """A question put to the official code; what this library does about the answer."""

    id: str
    question: str
    answer: str
    probe: Callable[[Lab], str]


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
        with shims.seeded(seed, CPU):
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


def outcome(call: Callable[[], Any], works: str = "works") -> str:
    """'works', or the error that the call raised, with the first line of its message."""
    try:
        call()
    except Exception as error:  # whatever it is, it is the outcome
        lines = str(error).strip().splitlines() or [""]
        return f"{type(error).__name__}: {lines[0].split(chr(27))[0].strip()[:120]}"  # without terminal colours
    return works


def probe_all(ids: list[str] | None = None) -> pd.DataFrame:
    """A row per fact: id, question, what happened when it was run, and what this library does about it.

    Raises MissingError without the official code.
    """
    lab = Lab()
    chosen = [fact for fact in FACTS if ids is None or fact.id in ids]
    rows = []
    for fact in chosen:
        with shims.printed(lambda line: None), np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            rows.append((fact.id, fact.question, fact.probe(lab), fact.answer))
    return pd.DataFrame(rows, columns=["id", "question", "happened", "answer"])


# --- does it run? -----------------------------------------------------------------------------------------------------


def _load_saved(lab: Lab) -> str:
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


def _unstable(lab: Lab) -> str:
    frame = lab.frame()
    frame[SESSION] = np.random.default_rng(1).permutation(120)[lab.session]  # ids are not in order of time
    frame[TIME] = lab.session // 10 + frame.groupby(SESSION).cumcount() / 10  # ten sessions start at each time
    order = lab.train(frame).data_iterator.session_idx_arr
    stable = np.argsort(frame.groupby(SESSION)[TIME].min().to_numpy(), kind="stable")
    moved = int((order != stable).sum())
    return f"of 120 sessions, of which ten each start at once, {moved} leave the order of their ids"


def _in_place(lab: Lab) -> str:
    frame = lab.frame().sample(frac=1.0, random_state=0)
    before = frame.index.to_numpy().copy()
    lab.train(frame)
    return f"{int((frame.index.to_numpy() != before).sum())} of {len(before)} rows of the caller's frame moved"


# --- evaluation -------------------------------------------------------------------------------------------------------


def _events_evaluated(lab: Lab) -> str:
    gru = lab.train(n_sample=0)
    counts = {batch: lab.evaluate(gru, batch_size=batch)[2] for batch in (1, 7, 64)}
    return "; ".join(f"batch {batch}: {n} of {lab.n_targets}" for batch, n in counts.items())


def _metrics_of(lab: Lab, value: float, mode: str) -> str:
    gru = lab.train()
    with torch.no_grad():
        for parameter in gru.model.parameters():
            parameter.fill_(value)
    recall, mrr, _ = lab.evaluate(gru, mode=mode, cutoff=[20])
    return f"{mode}: Recall@20 {recall:.2f}, MRR@20 {mrr:.2f}"


def _default_modes(lab: Lab) -> str:
    function = inspect.signature(lab.evaluation.batch_eval).parameters["mode"].default
    command = [sys.executable, "-B", str(vendor.vendor_folder() / "run.py"), "-h"]
    environment = os.environ | {"COLUMNS": "10000"}
    text = subprocess.run(command, capture_output=True, text=True, env=environment, check=False).stdout
    found = re.search(r"--eval_type .*?\(Default: (\w+)\)", text, re.DOTALL)
    return f"function: {function}; command line: {found[1] if found else 'not found'}"


# --- training ---------------------------------------------------------------------------------------------------------


def _seeding(lab: Lab) -> str:
    settings = {"compatible": True, "dropout_p_hidden": 0.2}
    with _float32(lab):
        a, b, c = (lab.train(seed=seed, **settings) for seed in (1, 1, 2))
    word = {True: "the same", False: "different"}
    return f"losses are {word[a.losses == b.losses]} for equal, {word[a.losses == c.losses]} for other seeds"


def _initial_weights(lab: Lab) -> str:
    with _float32(lab):
        a, b = (lab.train(seed=seed, compatible=True, learning_rate=1e-30) for seed in (1, 2))
    return f"{'the same' if torch.equal(a.model.Wy.weight, b.model.Wy.weight) else 'different'} initial weights"


def _shapes(lab: Lab, **settings: Any) -> str:
    with _float32(lab):
        return outcome(lambda: lab.train(compatible=True, **settings))


def _float32(lab: Lab) -> Any:
    network = lab.code.GRU4RecModel
    draw = network._init_numpy_weights
    return shims.replaced((network, "_init_numpy_weights", lambda model, shape: draw(model, shape).astype(np.float32)))


def _tail(lab: Lab) -> str:
    gru = lab.train()
    short = np.mean(np.array(gru.lanes) < 16)
    counted = 16 * len(gru.lanes) / sum(gru.lanes) - 1
    return f"{short:.1%} of the batches are not full; events per second are overstated by {counted:.1%}"


def _tail_correction(lab: Lab) -> str:
    gru = lab.train(logq=1.0, sample_alpha=0.5)
    columns = torch.arange(6)  # two lanes left of four: 2 targets, 4 extra negatives
    with torch.no_grad():
        as_given, correct = (float(gru.loss_function(torch.zeros(2, 6), columns, m)) for m in (4, 2))
    return f"loss of a batch with 2 lanes left of 4: {as_given:.4f}; corrected for the 2 targets alone: {correct:.4f}"


def _masking(lab: Lab) -> str:
    gru = lab.train()
    with torch.no_grad():
        loss = float(gru.loss_function(torch.zeros(1, 2), torch.tensor([3, 3]), 1))
    return f"a target drawn as its own negative costs {loss:.4f} (log 2 = {np.log(2):.4f}; masked it would be 0)"


def _momentum(lab: Lab) -> str:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = lab.code.IndexedAdagradM([weight], 1.0, 0.5)
    weight.grad = torch.ones(1)
    optimizer.step()
    return f"first step at momentum 0.5: {-float(weight.detach()):.3f} learning rates (heavy-ball 1, Nesterov 1.5)"


def _onehot_dropout(lab: Lab) -> str:
    plain, hidden, embed = (
        lab.train(constrained_embedding=False, **{name: p}).losses
        for name, p in (("momentum", 0.0), ("dropout_p_hidden", 0.5), ("dropout_p_embed", 0.5))
    )
    return " and ".join(
        f"{name} {'changes nothing' if losses == plain else 'changes the losses'}"
        for name, losses in (("dropout_p_hidden", hidden), ("dropout_p_embed", embed))
    )


def _sampling(lab: Lab, items: int = 2_000_000) -> str:
    frame = pd.DataFrame({SESSION: np.arange(items) // 2, ITEM: np.arange(items), TIME: np.arange(items, dtype=float)})
    iterator = lab.code.SessionDataIterator(frame, 16, 1, sample_alpha=0.0, sample_cache_max_size=1, device=CPU)
    # torch.rand gives multiples of 2^-24: an item is drawn by as many of them as lie in its interval.
    steps = np.ceil(iterator.sample_cache.distr.numpy().astype(np.float64) * 2**24)
    drawn = np.diff(steps, prepend=0.0) * items / 2**24
    return f"{items:,} equally popular items: drawn with a relative standard deviation of {drawn.std():.1%}"


FACTS: tuple[Fact, ...] = (
    Fact("default-fit", "Does a fit with default options run?", shims.SHIMS["float32-weights"],
         lambda lab: outcome(lambda: lab.train(compatible=True))),
    Fact("logq-text-ids", "Does logq work when item ids are text?", shims.SHIMS["renumbered-items"],
         lambda lab: outcome(lambda: lab.train(lab.frame(np.array([f"i{i}" for i in range(lab.n_items)])), logq=1.0))),
    Fact("logq-shifted-ids", "Does logq work when item ids are the integers 1 to V?", shims.SHIMS["renumbered-items"],
         lambda lab: outcome(lambda: lab.train(lab.frame(np.arange(1, lab.n_items + 1)), logq=1.0))),
    Fact("batch-fit", "Can a batch be larger than the number of sessions, in training?",
         shims.SHIMS["batch-within-sessions"], lambda lab: outcome(lambda: lab.train(batch_size=121))),
    Fact("batch-evaluation", "Can a batch be larger than the number of sessions, in evaluation?",
         shims.SHIMS["own-ranking"], lambda lab: outcome(lambda: lab.evaluate(lab.train(), batch_size=121))),
    Fact("unequal-layers", "Do two layers of unequal size work with the default initial weights?",
         shims.SHIMS["torch-initial-weights"], lambda lab: _shapes(lab, layers=[8, 16])),
    Fact("embedding-size", "Does an embedding of another size than the layer work with the default initial weights?",
         shims.SHIMS["torch-initial-weights"], lambda lab: _shapes(lab, constrained_embedding=False, embedding=5)),
    Fact("onehot-layers", "Do two layers work with one-hot input?", "Refused with the reason.",
         lambda lab: outcome(lambda: lab.train(layers=[8, 8], constrained_embedding=False))),
    Fact("save-load", "Can a saved model be loaded, and how large is its file?", shims.SHIMS["own-weights-file"],
         _load_saved),
    Fact("in-place", "Is the caller's frame left as it was?", "The adapter passes a frame of its own.", _in_place),
    Fact("tied-starts", "In which order are sessions taken that start at the same time?", shims.SHIMS["distinct-times"],
         _unstable),
    Fact("median", "Does batch_eval work in median mode?", shims.SHIMS["own-ranking"],
         lambda lab: outcome(lambda: lab.evaluate(lab.train(), mode="median"))),
    Fact("events-evaluated", "Is every event evaluated of a model trained with n_sample=0?", shims.SHIMS["own-ranking"],
         _events_evaluated),
    Fact("nan-model", "What does the evaluation give a model whose weights are all NaN?", shims.SHIMS["finite-only"],
         lambda lab: _metrics_of(lab, float("nan"), "conservative")),
    Fact("all-tied", "What does the evaluation give a model that scores every item the same?",
         "The tie policy is always named, and conservative is the headline.",
         lambda lab: "; ".join(_metrics_of(lab, 0.0, mode) for mode in ("standard", "conservative"))),
    Fact("default-modes", "Which tie mode do the two ways of evaluating default to?",
         "The tie policy is always named, and conservative is the headline.", _default_modes),
    Fact("seeding", "Is training repeatable when torch is seeded from outside?", shims.SHIMS["seeded-torch"], _seeding),
    Fact("initial-weights", "Do other seeds give other initial weights, by default?",
         "The seed moves negatives and dropout only, unless compatibility_mode is off.", _initial_weights),
    Fact("tail", "How many batches of an epoch are not full, and what does that do to the printed speed?",
         "Throughput is counted in events, without idle lanes.", _tail),
    Fact("tail-correction", "What does logq correct when a batch is not full?",
         "The independent engine corrects targets as targets; tail='official' repeats this for comparison.",
         _tail_correction),
    Fact("masking", "Is a sampled negative that equals the target left out of the loss?",
         "Kept by both engines, and measured.", _masking),
    Fact("momentum", "Is momentum heavy-ball or Nesterov?", "Both engines: heavy-ball.", _momentum),
    Fact("onehot-dropout", "What do the two dropouts do with one-hot input?", "Stated; not used in the study.",
         _onehot_dropout),
    Fact("sampling", "Are negatives drawn with the stated probabilities when the catalogue is large?",
         "The independent engine draws in float64.", _sampling),
)  # fmt: skip
