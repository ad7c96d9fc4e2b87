"""The settings of the challengers. They need no torch, so that what reads evidence alone does not wait for it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from audit_lib.recommenders.base import Config

Size = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SRGNNConfig(Config):
    """Settings of SR-GNN, with the defaults of its `main.py`, and a few of our own; frozen, unknown keys refused.

    Its own: batch_size, hidden_size, n_epochs (`epoch` there), lr, lr_dc and lr_dc_step (the learning rate is
    multiplied by lr_dc after every lr_dc_step epochs), l2 (weight decay), step (of propagation in the graph), nonhybrid
    (the last item of a session is left out of its vector), n_node (rows of the embedding, the padding's among them;
    none: one for each item of the catalogue, and the padding's).

    Ours. seed: of the initial weights and of the order of the samples. threads: of torch.

    Left out are patience, since the code counts it on the test part, and validation, which replaces the test part.
    """

    batch_size: Size = 100
    hidden_size: Size = 100
    n_epochs: Size = 30
    lr: Rate = 0.001
    lr_dc: Rate = 0.1
    lr_dc_step: Size = 3
    l2: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1e-5
    step: Size = 1
    nonhybrid: bool = False
    n_node: Size | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    device: Literal["cpu", "cuda"] = "cpu"
    threads: Size = 1
