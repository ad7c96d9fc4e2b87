"""The settings of the challengers. They need no torch, so that what reads evidence alone does not wait for it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from audit_lib.recommenders.base import Config
from audit_lib.recommenders.gru4rec.config import NonNegative, Rate, Size


class SRGNNConfig(Config):
    """Settings of SR-GNN, with the defaults of its `main.py`; seed, device and threads are ours.

    n_epochs is `epoch` there. Left out are patience, since the code counts it on the test part, and validation, which
    replaces the test part.
    """

    batch_size: Size = 100
    """Samples in one step of the training."""
    hidden_size: Size = 100
    """Units of an item's vector and of a session's."""
    n_epochs: Size = 30
    """Passes over train."""
    lr: Rate = 0.001
    """Of Adam, at first."""
    lr_dc: Rate = 0.1
    """What the learning rate is multiplied by when it decays."""
    lr_dc_step: Size = 3
    """Epochs after which it decays, each time."""
    l2: NonNegative = 1e-5
    """Weight decay."""
    step: Size = 1
    """Of propagation in a session's graph."""
    nonhybrid: bool = False
    """Whether the last item is left out of a session's vector."""
    n_node: Size | None = None
    """Rows of the embedding, one of them for padding; none: the items of the catalogue and that one."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Of initial weights and the order of samples; on the command line --seed."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where it is trained; on the command line --device."""
    threads: Size = 1
    """Of torch."""
