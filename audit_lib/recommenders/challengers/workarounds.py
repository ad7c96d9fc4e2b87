"""What has to be worked around to run a challenger's code today and from here, each with an id.

An adapter lists those that it applies in `.shims`; manifests store the ids. The vendor folder itself is never edited.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from audit_lib.recommenders.gru4rec import workarounds

SHIMS: dict[str, str] = {
    "batch-at-once": (
        "A batch is padded to its own longest session instead of the longest of the log, and the vectors of its events "
        "are taken at once instead of session by session. Losses are those of the code but for rounding (tested), and "
        "an epoch takes about half of the time."
    ),
    "decay-of-torch-0.4": (
        "The learning rate decays when it did in PyTorch 0.4, which the authors name: the code steps the scheduler "
        "before an epoch, and since PyTorch 1.1 the first such step counts as an epoch, so that every decay would come "
        "an epoch early."
    ),
    "finite-only": "A training whose loss becomes NaN or infinite is an error.",
    "fused-optimizer": "Adam's step is one pass over the weights instead of ten; equal but for rounding (tested).",
    "named-device": "Tensors go to the device that was asked for; the code takes a GPU wherever there is one.",
    "no-denormals": "Values below 1.2e-38 count as zero: Adam's means of rare items get as small, and slow to compute.",
    "no-gradients-in-ranking": "Scores are computed without recording gradients, which changes none of them.",
    "other-tree": "The code was not the pinned commit, or its files were changed; it was used all the same, as asked.",
    "own-preparation": (
        "Samples are made here from the published train sessions, as the code's preparation makes them: every prefix "
        "with the item that follows, a session's longest prefix first."
    ),
    "own-ranking": (
        "Scores are ranked by this library over the catalogue of train. The code's own pass over the test part, "
        "which ends each epoch, is given no samples."
    ),
    "seeded": "The generators of torch and NumPy are seeded from outside and put back; the code never seeds them.",
}


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """torch and NumPy seeded; on leaving, their global generators are as they were."""
    with workarounds.seeded(seed, device):
        np.random.seed(seed)  # noqa: NPY002 (the generator that the code shuffles with)
        yield
