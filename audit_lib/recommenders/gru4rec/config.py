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


def _embedding(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.strip().isdigit() else value


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
    """Settings of one training run; frozen, unknown keys refused. `model_dump_json` is its canonical form.

    Official names and defaults: layers, loss, batch_size, dropout_p_embed, dropout_p_hidden, learning_rate, momentum,
    sample_alpha, n_sample, embedding, constrained_embedding, n_epochs, bpreg, elu_param, logq.

    Not in the official code any more. loss: 'bpr' and 'top1' (2016), 'top1-max' (2018). final_act: what these losses do
    to the scores first, 'tanh' in 2016. (Cross-entropy has its softmax, BPR-max elu_param.)

    Ours. cell: 'pytorch' applies the reset gate after the matrix product, 'paper' before it. seed: of the initial
    weights, the negatives and the dropout masks. tail: what the `logq` correction sees when the batch has shrunk at the
    end of an epoch; 'official' takes the first extra negatives for targets, as the official code does. threads: of the
    official code; the independent engine uses one, so that bits do not depend on their number. flaw: a known
    error of third-party implementations, made on purpose (see `flaws`).
    """

    layers: Annotated[tuple[Size, ...], BeforeValidator(_layers), Field(min_length=1)] = (100,)
    loss: Literal["cross-entropy", "bpr-max", "bpr", "top1", "top1-max"] = "cross-entropy"
    batch_size: Size = 64
    dropout_p_embed: Probability = 0.0
    dropout_p_hidden: Probability = 0.0
    learning_rate: Rate = 0.05
    momentum: Probability = 0.0
    sample_alpha: NonNegative = 0.5
    n_sample: Annotated[int, Field(ge=0)] = 2048
    embedding: Annotated[Literal["layersize"] | Annotated[int, Field(ge=0)], BeforeValidator(_embedding)] = 0
    constrained_embedding: bool = True
    n_epochs: Size = 10
    bpreg: NonNegative = 1.0
    elu_param: NonNegative = 0.5
    logq: NonNegative = 0.0
    cell: Literal["pytorch", "paper"] = "pytorch"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    device: Literal["cpu", "cuda"] = "cpu"
    threads: Size = 1
    tail: Literal["correct", "official"] = "correct"
    final_act: Annotated[Literal["linear", "tanh"], LINEAR] = "linear"
    flaw: Annotated[Flaw, UNFLAWED] = "none"

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
    """The settings of the independent engine as far as the official code has them, and the two options of its fit().

    compatibility_mode: initial weights from NumPy's generator at seed 42, whatever `seed` is.
    sample_cache_max_size: how many negatives are drawn ahead.
    """

    loss: Literal["cross-entropy", "bpr-max"] = "cross-entropy"
    tail: Literal["official"] = "official"
    flaw: Annotated[Literal["none"], UNFLAWED] = "none"
    compatibility_mode: bool = True
    sample_cache_max_size: PositiveInt = 10_000_000

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
