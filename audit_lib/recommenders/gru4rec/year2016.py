"""GRU4Rec as its first paper has it (Hidasi et al. 2016, arXiv 1511.06939)."""

from __future__ import annotations

from typing import ClassVar

from audit_lib.recommenders.gru4rec.config import GRU4Rec2016Config, GRU4RecConfig
from audit_lib.recommenders.gru4rec.train import GRU4Rec


class GRU4Rec2016(GRU4Rec):
    """The independent engine, restricted to what the first paper describes."""

    name: ClassVar[str] = "gru4rec_2016"
    Config: ClassVar[type[GRU4RecConfig]] = GRU4Rec2016Config
