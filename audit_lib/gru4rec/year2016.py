"""GRU4Rec as its first paper has it (Hidasi et al. 2016, arXiv 1511.06939)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from audit_lib.gru4rec.config import GRU4RecConfig, NonNegative, Probability, Size
from audit_lib.gru4rec.train import GRU4Rec

Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]


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


class GRU4Rec2016(GRU4Rec):
    """The independent engine, restricted to what the first paper describes."""

    name: ClassVar[str] = "gru4rec_2016"
    Config: ClassVar[type[GRU4RecConfig]] = GRU4Rec2016Config
