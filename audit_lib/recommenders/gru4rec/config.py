"""The settings of GRU4Rec: the official names and defaults, and a few of our own; of its first paper, and of the code.

They need no torch, so that what reads evidence alone does not wait for it.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from audit_lib.recommenders.base import Config


def _layers(value: Any) -> Any:
    """Layer sizes as typed on a command line: 100, '100', '[100,50]' or '100/50'."""
    if isinstance(value, int):
        return (value,)
    if isinstance(value, str):
        return tuple(part for part in re.split(r"[\[\](),/\s]+", value) if part)
    return value


Probability = Annotated[float, Field(ge=0, lt=1)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Size = Annotated[int, Field(ge=1)]
Flaw = Literal[
    "none", "double_softmax", "bprmax_wrong", "never_reset", "evaluate_without_reset", "wrong_init"
]  # see `flaws`


# The losses that compare the target with each negative (see `losses.pairwise`).
PAIRWISE = ("bpr", "top1", "top1-max")
# No flaw, and scores that enter the loss as they are, are not stated: evidence is named by the hash of what is stated.
UNFLAWED = Field(exclude_if=lambda flaw: flaw == "none")
LINEAR = Field(exclude_if=lambda activation: activation == "linear")
TILE = 128  # rows of a score product, fixed: a score never depends on the block it is returned in


class GRU4RecConfig(Config):
    """Settings of one training run; `model_dump_json` is its canonical form. Official names and defaults, up to logq.

    Not in the official code any more: the losses bpr, top1 (2016) and top1-max (2018), and final_act, tanh in 2016;
    cross-entropy has its softmax, BPR-max elu_param. Ours: cell, seed, tail and flaw (see `flaws`). tail='official'
    takes the first extra negatives for targets, as the official code does. threads: the independent engine uses one, so
    that bits do not depend on their number.
    """

    layers: Annotated[tuple[Size, ...], BeforeValidator(_layers), Field(min_length=1)] = (100,)
    """Units of each recurrent layer, as 100 or 100/50."""
    loss: Literal["cross-entropy", "bpr-max", "bpr", "top1", "top1-max"] = "cross-entropy"
    """What is minimised."""
    batch_size: Size = 64
    """Sessions side by side in one step of the training."""
    dropout_p_embed: Probability = 0.0
    """Probability that an input unit is dropped in training."""
    dropout_p_hidden: Probability = 0.0
    """Probability that a hidden unit is dropped in training."""
    learning_rate: Rate = 0.05
    """Of Adagrad."""
    momentum: Probability = 0.0
    """Of the steps of the optimizer."""
    sample_alpha: NonNegative = 0.5
    """Extra negatives are drawn in proportion to their support to this power; 0 is uniform."""
    n_sample: Annotated[int, Field(ge=0)] = 2048
    """Extra negatives of each step, beside the other targets of the batch."""
    embedding: Literal["layersize"] | Annotated[int, Field(ge=0)] = 0
    """Units of an input matrix of its own; 0: one-hot input, or the output matrix."""
    constrained_embedding: bool = True
    """Whether one matrix serves input and output."""
    n_epochs: Size = 10
    """Passes over train."""
    bpreg: NonNegative = 1.0
    """Weight of the score regularisation in BPR-max."""
    elu_param: NonNegative = 0.5
    """Of the activation before BPR-max; 0 is linear."""
    logq: NonNegative = 0.0
    """How strongly cross-entropy is corrected for how negatives are drawn; 0 switches it off."""
    cell: Literal["pytorch", "paper"] = "pytorch"
    """Whether the reset gate acts before (paper) or after (pytorch) the matrix product."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Of initial weights, negatives and dropout; on the command line --seed."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where it is trained; on the command line --device."""
    threads: Size = 1
    """Of the official code alone."""
    tail: Literal["correct", "official"] = "correct"
    """What the correction of cross-entropy sees where a batch has shrunk."""
    final_act: Annotated[Literal["linear", "tanh"], LINEAR] = "linear"
    """What the losses of 2016 do to the scores first."""
    flaw: Annotated[Flaw, UNFLAWED] = "none"
    """A known error of other implementations, made on purpose."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.loss != "cross-entropy" and self.logq > 0:
            raise ValueError(f"logq corrects cross-entropy only; set logq=0 with loss={self.loss}")
        if self.final_act != "linear" and self.loss not in PAIRWISE:
            raise ValueError(f"final_act belongs to the losses {', '.join(PAIRWISE)}; loss={self.loss} has its own")
        if self.constrained_embedding and self.embedding:
            raise ValueError("embedding has no effect with constrained_embedding=True; set one of them to 0/False")
        if self.input == "onehot" and self.dropout_p_embed > 0:
            raise ValueError("one-hot input has no embedding to drop; set dropout_p_embed=0 or an embedding")
        if self.batch_size == 1 and self.n_sample == 0:
            raise ValueError("batch_size=1 with n_sample=0 leaves no negative; raise one of them")
        wanted = {"double_softmax": "cross-entropy", "bprmax_wrong": "bpr-max"}.get(self.flaw, self.loss)
        if self.loss != wanted:
            raise ValueError(f"flaw={self.flaw} is an error of another loss; set loss={wanted}")
        return self

    @property
    def input(self) -> Literal["shared", "separate", "onehot"]:
        """How an item enters: the output matrix's row, a row of its own embedding, or one-hot."""
        if self.constrained_embedding:
            return "shared"
        return "separate" if self.embedding else "onehot"

    @property
    def input_size(self) -> int:
        """Width of the embedded input (0 with one-hot input)."""
        if self.input == "shared":
            return self.layers[-1]
        return self.layers[0] if self.embedding == "layersize" else int(self.embedding)


class GRU4Rec2016Config(GRU4RecConfig):
    """Settings of the first paper; the defaults are those of its Table 2 for RSC15 with TOP1.

    One-hot input, the paper's cell, tanh of the scores, and no negatives but the other targets of the batch. What came
    later (extra negatives, one matrix for input and output, the correction of cross-entropy) is refused.
    """

    loss: Literal["top1", "bpr"] = "top1"
    batch_size: Size = 50
    dropout_p_hidden: Probability = 0.5
    learning_rate: Rate = 0.01
    n_sample: Literal[0] = 0
    embedding: Literal[0] = 0
    constrained_embedding: Literal[False] = False
    logq: Annotated[NonNegative, Field(le=0)] = 0.0
    cell: Literal["paper"] = "paper"
    final_act: Literal["linear", "tanh"] = "tanh"


class OfficialConfig(GRU4RecConfig):
    """The settings of the independent engine as far as the official code has them, and the two options of its fit()."""

    loss: Literal["cross-entropy", "bpr-max"] = "cross-entropy"
    tail: Literal["official"] = "official"
    flaw: Annotated[Literal["none"], UNFLAWED] = "none"
    compatibility_mode: bool = True
    """Initial weights of the official code that are the same for every seed."""
    sample_cache_max_size: PositiveInt = 10_000_000
    """Negatives that the official code draws ahead."""

    @model_validator(mode="after")
    def _official(self) -> Self:
        if self.input == "onehot" and len(self.layers) > 1:
            raise ValueError("the official code cannot run more than one layer on one-hot input; use one layer")
        if self.cell != (cell := "paper" if self.input == "onehot" else "pytorch"):
            raise ValueError(f"with {self.input} input the official code has the {cell} cell; set cell='{cell}'")
        return self

    @property
    def official_embedding(self) -> int:
        return self.input_size if self.input == "separate" else 0
