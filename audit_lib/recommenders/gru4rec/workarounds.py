"""What has to be worked around to run the official GRU4Rec on current NumPy, pandas and torch, each with an id.

The adapter lists the ones it applied in `.shims`; manifests store the ids, pages show the sentences. The vendor folder
itself is never edited: a shim changes what goes in, or replaces a name of the loaded module for the time of a call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import numpy as np
import torch

SHIMS: dict[str, str] = {
    "batch-within-sessions": (
        "The batch is no larger than the number of sessions; the official iterator fails beyond it."
    ),
    "distinct-times": (
        "Event times are replaced by their positions, because the official order of sessions that start at the same "
        "time comes from a sort that is not stable."
    ),
    "finite-only": (
        "A training that ends in NaN or infinity is an error; the official evaluation gives a model of NaN a Recall "
        "of 1."
    ),
    "float32-weights": (
        "The initial weights are cast to float32; under NumPy 2 the official ones become float64, which torch refuses."
    ),
    "other-tree": (
        "The official code was not the pinned commit, or its files were changed; it was used all the same, as asked."
    ),
    "own-ranking": (
        "Scores are ranked by this library; the official batch_eval fails in median mode and stops before the last "
        "events for n_sample=0."
    ),
    "own-weights-file": (
        "Weights are stored as safetensors; the official file is a pickle of the whole object, which torch refuses."
    ),
    "renumbered-items": (
        "Items are numbered 0 to V-1 by first appearance; with text or numbers that lack 0 as ids, logq fails."
    ),
    "seeded-torch": (
        "torch's generator (negatives, dropout) is seeded from outside and put back afterwards; the official code "
        "never seeds it."
    ),
    "torch-initial-weights": (
        "compatibility_mode is off, because the official code draws initial weights of the wrong shape for these layer "
        "sizes; torch's generator draws them instead, those of the GRU from a narrower range than in that mode."
    ),
}


def compatible(layers: tuple[int, ...], input_size: int) -> bool:
    """Whether compatibility_mode draws initial weights of the right shapes.

    input_size: width of the embedding that enters the first layer; 0 in one-hot mode.
    """
    return not input_size or all(size == input_size for size in layers)


@contextmanager
def replaced(*changes: tuple[Any, str, Any]) -> Iterator[None]:
    """(owner, name, value): attributes of the loaded module or its classes, replaced and put back on leaving.

    Classes keep their identity, since the official code names them in `super(...)`; their methods are replaced instead.
    """
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in changes]
    try:
        for owner, name, value in changes:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """torch seeded; on leaving, torch's and NumPy's global generators are as they were."""
    numpy_state = np.random.get_state()  # noqa: NPY002 (the official code reseeds the global generator)
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            yield
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002


class Lines:
    """A standard output that hands on whole lines."""

    def __init__(self, take: Callable[[str], None]):
        self._take, self._rest = take, ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._take(line)
        return len(text)

    def flush(self) -> None:
        pass


@contextmanager
def printed(take: Callable[[str], None]) -> Iterator[None]:
    """Sends each printed line to `take` instead of to standard output."""
    with redirect_stdout(Lines(take)):
        yield
