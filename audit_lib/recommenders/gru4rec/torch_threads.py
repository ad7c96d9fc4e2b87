"""How torch and numpy compute for the time of a `with` block; afterwards all is as before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Products of torch run on n threads, whatever the process has.

    How a product is shared among threads decides where its sums are cut and so their last bits, on some processors
    (`python -m tests.defence determinism`). The products of one step of GRU4Rec are too small to gain from a second
    thread (`python -m audit_lib record bench_train`): it is trained and asked on one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def no_denormals() -> Iterator[None]:
    """Float32 values below 1.2e-38 count as zero, on this thread.

    Where scores lie far apart, as with a high learning rate and momentum, most probabilities of a softmax are as small
    as that, and a step over them takes up to ten times as long.
    """
    before = np.float32(2e-38) * np.float32(0.1) == 0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(bool(before))
