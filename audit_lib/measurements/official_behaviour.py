"""What the official GRU4Rec does today, shown by running it: a table of questions, outcomes and this library's answers.

Nothing here is quoted from the official code or its documentation, and no outcome is typed: on other versions of NumPy,
pandas and torch the table comes out otherwise.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from audit_lib.measurements import official_probes
from audit_lib.measurements.official_probes import Lab, outcome
from audit_lib.recommenders.gru4rec.workarounds import SHIMS, printed


@dataclass(frozen=True)
class Fact:
    """A question put to the official code; what this library does about the answer."""

    id: str
    question: str
    answer: str
    probe: Callable[[Lab], str]


def probe_all(ids: list[str] | None = None) -> pd.DataFrame:
    """A row per fact: id, question, what happened when it was run, and what this library does about it.

    Raises MissingError without the official code.
    """
    lab = Lab()
    chosen = [fact for fact in FACTS if ids is None or fact.id in ids]
    rows = []
    for fact in chosen:
        with printed(lambda line: None), np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            rows.append((fact.id, fact.question, fact.probe(lab), fact.answer))
    return pd.DataFrame(rows, columns=["id", "question", "happened", "answer"])


FACTS: tuple[Fact, ...] = (
    Fact("default-fit", "Does a fit with default options run?", SHIMS["float32-weights"],
         lambda lab: outcome(lambda: lab.train(compatible=True))),
    Fact("logq-text-ids", "Does logq work when item ids are text?", SHIMS["renumbered-items"],
         lambda lab: outcome(lambda: lab.train(lab.frame(np.arange(lab.n_items).astype(str)), logq=1.0))),
    Fact("logq-shifted-ids", "Does logq work when item ids are the integers 1 to V?", SHIMS["renumbered-items"],
         lambda lab: outcome(lambda: lab.train(lab.frame(np.arange(1, lab.n_items + 1)), logq=1.0))),
    Fact("batch-fit", "Can a batch be larger than the number of sessions, in training?",
         SHIMS["batch-within-sessions"], lambda lab: outcome(lambda: lab.train(batch_size=121))),
    Fact("batch-evaluation", "Can a batch be larger than the number of sessions, in evaluation?",
         SHIMS["own-ranking"], lambda lab: outcome(lambda: lab.evaluate(lab.train(), batch_size=121))),
    Fact("unequal-layers", "Do two layers of unequal size work with the default initial weights?",
         SHIMS["torch-initial-weights"], lambda lab: official_probes.shapes(lab, layers=[8, 16])),
    Fact("embedding-size", "Does an embedding of another size than the layer work with the default initial weights?",
         SHIMS["torch-initial-weights"],
         lambda lab: official_probes.shapes(lab, constrained_embedding=False, embedding=5)),
    Fact("onehot-layers", "Do two layers work with one-hot input?", "Refused with the reason.",
         lambda lab: outcome(lambda: lab.train(layers=[8, 8], constrained_embedding=False))),
    Fact("save-load", "Can a saved model be loaded, and how large is its file?", SHIMS["own-weights-file"],
         official_probes.load_saved),
    Fact("in-place", "Is the caller's frame left as it was?", "The adapter passes a frame of its own.",
         official_probes.in_place),
    Fact("tied-starts", "In which order are sessions taken that start at the same time?", SHIMS["distinct-times"],
         official_probes.unstable),
    Fact("median", "Does batch_eval work in median mode?", SHIMS["own-ranking"],
         lambda lab: outcome(lambda: lab.evaluate(lab.train(), mode="median"))),
    Fact("events-evaluated", "Is every event evaluated of a model trained with n_sample=0?", SHIMS["own-ranking"],
         official_probes.events_evaluated),
    Fact("nan-model", "What does the evaluation give a model whose weights are all NaN?", SHIMS["finite-only"],
         lambda lab: official_probes.metrics_of(lab, float("nan"), "conservative")),
    Fact("all-tied", "What does the evaluation give a model that scores every item the same?",
         "The tie policy is always named, and conservative is the headline.",
         lambda lab: "; ".join(official_probes.metrics_of(lab, 0.0, mode) for mode in ("standard", "conservative"))),
    Fact("default-modes", "Which tie mode do the two ways of evaluating default to?",
         "The tie policy is always named, and conservative is the headline.", official_probes.default_modes),
    Fact("seeding", "Is training repeatable when torch is seeded from outside?", SHIMS["seeded-torch"],
         official_probes.seeding),
    Fact("initial-weights", "Do other seeds give other initial weights, by default?",
         "The seed moves negatives and dropout only, unless compatibility_mode is off.",
         official_probes.initial_weights),
    Fact("initial-range", "Are initial weights drawn from the same range with and without compatibility_mode?",
         "The independent engine uses the range of the papers, which is that of compatibility_mode.",
         official_probes.initial_range),
    Fact("tail", "How many batches of an epoch are not full, and what does that do to the printed speed?",
         "Throughput is counted in events, without idle lanes.", official_probes.tail),
    Fact("tail-correction", "What does logq correct when a batch is not full?",
         "The independent engine corrects targets as targets; tail='official' repeats this for comparison.",
         official_probes.tail_correction),
    Fact("masking", "Is a sampled negative that equals the target left out of the loss?",
         "Kept by both engines, and measured.", official_probes.masking),
    Fact("momentum", "Is momentum heavy-ball or Nesterov?", "Both engines: heavy-ball.", official_probes.momentum),
    Fact("onehot-dropout", "What do the two dropouts do with one-hot input?", "Stated; not used in the study.",
         official_probes.onehot_dropout),
    Fact("sampling", "Are negatives drawn with the stated probabilities when the catalogue is large?",
         "The independent engine draws in float64.", official_probes.sampling),
)  # fmt: skip
