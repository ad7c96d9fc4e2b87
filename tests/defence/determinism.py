"""The same bits under other conditions: what is computed twice, once with something changed that must not matter.

    python -m tests.defence determinism        every change, one process each

Each process generates a log, splits it, fits and ranks simple recommenders and GRU4Rec, and computes metrics, intervals
and sampled metrics from the ranks. Everything is then compared bit by bit with a process in which nothing was changed.
What may differ, and by how much at most, is stated in `BOUNDS` beforehand. Other Pythons join by $AUDIT_PYTHONS, paths
of interpreters that have the locked requirements, separated by colons.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from audit_lib.errors import EvidenceError
from audit_lib.files import PROJECT

LOG = "synthetic_latent:n_sessions=1500,n_items=150"
SIMPLE = ("popularity", "markov", "sr", "itemknn", "vsknn")
GRU4REC = {"layers": 32, "batch_size": 32, "n_sample": 64, "n_epochs": 2, "dropout_p_hidden": 0.2, "learning_rate": 0.1}
FLOATS = ("weights", "losses", "metrics", "intervals", "sampled")  # parts whose last bits depend on the processor
PARTS = ("log", "split", "simple ranks", "gru4rec ranks", *FLOATS)


@dataclass(frozen=True)
class Change:
    """What is different in a process: its environment, threads, and the memory that one block of scores may take."""

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)
    threads: int = 1
    memory_mb: int = 256
    python: str = sys.executable


NOTHING = Change("nothing")
CHANGES = (
    Change("another process"),
    Change("hash seed", {"PYTHONHASHSEED": "4242"}),
    Change("two threads", threads=2),
    Change("four threads", threads=4),
    Change("blocks of one prefix", memory_mb=0),
    # The code that torch, numba, MKL and OpenBLAS would choose on other processors.
    Change("other vector instructions", {
        "ATEN_CPU_CAPABILITY": "default", "NUMBA_CPU_NAME": "generic", "MKL_CBWR": "COMPATIBLE",
        "OPENBLAS_CORETYPE": "Nehalem",
    }),
    Change("another processor with AVX2", {
        "ATEN_CPU_CAPABILITY": "avx2", "NUMBA_CPU_NAME": "haswell", "MKL_CBWR": "AVX2", "OPENBLAS_CORETYPE": "Haswell",
        "NUMBA_CPU_FEATURES": "+avx,+avx2,+bmi,+bmi2,+fma,+popcnt,+sse4.2",
    }),
)  # fmt: skip
# Largest absolute difference that is allowed, by change and part; 0 wherever nothing stands here: not one bit. Without
# the processor's own instructions a product and a sum are rounded twice instead of once, training carries that on, and
# a rank may move by as much as the catalogue is long, a mean over hundreds of targets by a few of them.
_PROCESSOR = {
    "weights": 1e-3, "losses": 1e-4, "gru4rec ranks": 149, "metrics": 0.01, "intervals": 0.02, "sampled": 0.02,
}  # fmt: skip
BOUNDS = {"other vector instructions": _PROCESSOR, "another processor with AVX2": _PROCESSOR}


def measure() -> pd.DataFrame:
    """One row a change and part: changed, part, bits, differing (values), worst (absolute difference), bound, within.

    What `records` keeps as `determinism`. Raises EvidenceError if a process fails.
    """
    changes = [*CHANGES, *pythons()]
    with TemporaryDirectory() as folder:
        base = compute_apart(NOTHING, Path(folder))
        rows = [row for change in changes for row in compare(base, compute_apart(change, Path(folder)), change.name)]
    return pd.DataFrame(rows)


def pythons() -> list[Change]:
    """The other interpreters that $AUDIT_PYTHONS names."""
    paths = [path for path in os.environ.get("AUDIT_PYTHONS", "").split(":") if path]
    return [Change(f"Python {_version(path)}", python=path) for path in paths]


def _version(python: str) -> str:
    script = "import platform; print(platform.python_version())"
    return subprocess.run([python, "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def compare(base: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray], changed: str) -> list[dict]:
    """A row for each part of two computations."""
    rows = []
    for part in PARTS:
        a, b = base[part], other[part]
        same_shape = a.shape == b.shape and a.dtype == b.dtype
        bits = (a.view(f"u{a.itemsize}") != b.view(f"u{a.itemsize}")) if same_shape else np.ones(a.shape, bool)
        worst = float(np.max(np.abs(a.astype(float) - b.astype(float)), initial=0.0)) if same_shape else float("inf")
        bound = BOUNDS.get(changed, {}).get(part, 0.0)
        within = bool(worst <= bound) if bound else not bits.any()
        row = {"changed": changed, "part": part, "bits": int(a.nbytes * 8), "differing": int(bits.sum())}
        rows.append(row | {"worst": worst, "bound": float(bound), "within": within})
    return rows


def compute_apart(change: Change, folder: Path, *, log: str = LOG) -> dict[str, np.ndarray]:
    """What `compute` gives in a process of its own, with the change made."""
    out = folder / f"{change.name.replace(' ', '-')}.npz"
    plain = {"PYTHONHASHSEED": "0", "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": str(change.threads)}
    command = [change.python, "-m", "tests.defence.determinism", str(out), str(change.threads)]
    done = subprocess.run(
        [*command, str(change.memory_mb), log], env={**os.environ, **plain, **change.environment}, cwd=PROJECT,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise EvidenceError(f"The process with another '{change.name}' failed: {done.stderr.strip()[-600:]}")
    with np.load(out, allow_pickle=False) as found:
        return {part: found[part] for part in PARTS}


def compute(*, threads: int = 1, memory_mb: int = 256, log: str = LOG) -> dict[str, np.ndarray]:
    """Every part, as one array of one dimension each: integers int64, numbers float32 (weights) or float64."""
    from audit_lib.recommenders.gru4rec import torch_threads

    with torch_threads.threads(threads):
        return _compute(memory_mb, log)


def _compute(memory_mb: int, log: str) -> dict[str, np.ndarray]:
    from audit_lib import recommenders
    from audit_lib.data.preparing import prepare
    from audit_lib.evaluation import metrics, ranking

    data, split = prepare(log)
    ranks = {}
    for name in (*SIMPLE, "gru4rec"):
        model = recommenders.create(name, **(GRU4REC if name == "gru4rec" else {})).fit(split.train)
        ranks[name] = ranking.rank(model, split.prefixes, split.train.support, memory_mb=memory_mb)
    clicks = [data.log[name].to_numpy() for name in ("SessionId", "ItemId")]
    own, session = ranks["gru4rec"], split.prefixes.session
    values = metrics.per_prediction({"above": own.above, "equal": own.equal})
    state = {key: value for key, value in model.state().items() if value.dtype == np.float32}
    return {
        "log": _flat([*clicks, data.log["Time"].to_numpy(np.float64).view(np.int64)]),
        "split": _flat([split.train.items, split.train.offsets, split.test.items, split.test.offsets]),
        "simple ranks": _flat([column for name in SIMPLE for column in _columns(ranks[name])]),
        "gru4rec ranks": _flat(_columns(own)),
        "weights": np.concatenate([state[key].ravel() for key in sorted(state)]),
        "losses": np.array([entry["loss"] for entry in model.log], np.float64),
        "metrics": values.mean().to_numpy(np.float64),
        "intervals": _intervals(values, ranks["vsknn"], session),
        "sampled": _sampled(own, split.train.n_items),
    }


def _columns(ranks: object) -> list[np.ndarray]:
    return [getattr(ranks, name) for name in ("above", "equal", "support_above", "support_equal")]


def _intervals(values: pd.DataFrame, other: object, session: np.ndarray) -> np.ndarray:
    """Bootstrap interval of Recall@20, and difference, interval and p against V-SKNN."""
    from audit_lib.evaluation import metrics
    from audit_lib.evaluation.resampling import Resampling

    ours, theirs = values["Recall@20"].to_numpy(), metrics.recall(other.above, other.equal, 20)
    drawn = Resampling.of(session)
    one, two = drawn.interval(ours), drawn.compare(ours, theirs)
    return np.array([*one[:3], *two.difference[:3], two.p])


def _sampled(ranks: object, n_items: int) -> np.ndarray:
    """Exact expectations of MRR@10 under 20 uniform negatives, with replacement and without, by prediction."""
    from audit_lib.evaluation.counts import Counts
    from audit_lib.evaluation.sampled import expectation

    counts = Counts(ranks.above, ranks.equal, n_items)
    laws = ("uniform", "uniform-replacement")
    return np.concatenate([expectation(counts, "MRR", n=20, k=10, sampling=law) for law in laws])


def _flat(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.asarray(array).astype(np.int64).ravel() for array in arrays])


if __name__ == "__main__":
    target, n_threads, memory, name = sys.argv[1:]
    np.savez(target, **compute(threads=int(n_threads), memory_mb=int(memory), log=name))
