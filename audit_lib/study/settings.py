"""What can be set of a recommender: names, types, defaults, meaning, and values of papers and of our searches."""

from __future__ import annotations

import types
import typing
from typing import Any

import pandas as pd

from audit_lib import recommenders
from audit_lib.study import presets

# By setting; 'recommender.setting' where the same name means something else. Longer explanations are in the classes.
MEANING = {
    "ties": "What orders items of equal counts: their first appearance in train, their popularity, or nothing",
    "fallback": "What ranks the items that have no score of their own; 'zero' leaves them all tied",
    "order": "Events in the longest context",
    "mu": "Weight of the shorter contexts; 1 is Witten and Bell's",
    "pruning": "Rules that are kept of each item, the strongest; none: all",
    "steps": "How many events after an item another still counts",
    "weighting": "How the weight of an event of the session falls towards its beginning",
    "sr.weighting": "How the weight of a pair falls with the distance of its items",
    "weighting_score": "How a neighbour's weight falls with the distance of the latest shared item",
    "idf_weighting": "How much rare items gain: w in 1 + w idf; 0 switches it off",
    "k": "Neighbours of a session",
    "itemknn.k": "Neighbours that are kept of each item",
    "lam": "Regularisation: how little the meetings of rare items count",
    "alpha": "How the supports of two items share the norm; 1/2 is the cosine",
    "sample_size": "How many of the most recent sessions that share an item are compared; none: all",
    "similarity": "Of two sessions: the cosine, or the dot product",
    "remind": "Whether the items of the session itself are scored too",
    "lambda_spw": "Events by which the weight of an item of the session falls to 1/e; none: no weight",
    "lambda_snh": "Days by which the weight of a neighbour falls to 1/e; none: no weight",
    "lambda_inh": "Events from the last shared item by which the weight of a neighbour's item falls to 1/e",
    "lambda_ipw": "Events since the latest shared item by which the weight of a neighbour falls to 1/e",
    "lambda_idf": "How much rare items gain: w in 1 + w idf; 0 switches it off",
    "train_days": "Days that train spans, where its times are only positions",
    "generator": "The synthetic data set that the log was drawn from",
    "layers": "Units of each recurrent layer, as 100 or 100/50",
    "loss": "What is minimised",
    "batch_size": "Sessions side by side in one step of the training",
    "dropout_p_embed": "Probability that an input unit is dropped in training",
    "dropout_p_hidden": "Probability that a hidden unit is dropped in training",
    "learning_rate": "Of Adagrad",
    "momentum": "Of the steps of the optimizer",
    "sample_alpha": "Extra negatives are drawn in proportion to their support to this power; 0 is uniform",
    "n_sample": "Extra negatives of each step, beside the other targets of the batch",
    "embedding": "Units of an input matrix of its own; 0: one-hot input, or the output matrix",
    "constrained_embedding": "Whether one matrix serves input and output",
    "n_epochs": "Passes over train",
    "bpreg": "Weight of the score regularisation in BPR-max",
    "elu_param": "Of the activation before BPR-max; 0 is linear",
    "logq": "How strongly cross-entropy is corrected for how negatives are drawn; 0 switches it off",
    "cell": "Whether the reset gate acts before (paper) or after (pytorch) the matrix product",
    "seed": "Of initial weights, negatives and dropout; on the command line --seed",
    "device": "Where it is trained; on the command line --device",
    "threads": "Of the official code alone",
    "srgnn.batch_size": "Samples in one step of the training",
    "hidden_size": "Units of an item's vector and of a session's",
    "lr": "Of Adam, at first",
    "lr_dc": "What the learning rate is multiplied by when it decays",
    "lr_dc_step": "Epochs after which it decays, each time",
    "l2": "Weight decay",
    "step": "Of propagation in a session's graph",
    "nonhybrid": "Whether the last item is left out of a session's vector",
    "n_node": "Rows of the embedding, one of them for padding; none: the items of the catalogue and that one",
    "srgnn.seed": "Of initial weights and the order of samples; on the command line --seed",
    "srgnn.threads": "Of torch",
    "tail": "What the correction of cross-entropy sees where a batch has shrunk",
    "final_act": "What the losses of 2016 do to the scores first",
    "flaw": "A known error of other implementations, made on purpose",
    "compatibility_mode": "Initial weights of the official code that are the same for every seed",
    "sample_cache_max_size": "Negatives that the official code draws ahead",
}  # fmt: skip


def table(recommender: str, dataset: str | None = None) -> pd.DataFrame:
    """setting, type, default, meaning, published, searched: one row a setting of a recommender, all as text.

    published, searched: values by data set, from the literature and from searches on validation; of one data set only,
    if it is given. Raises InputError for an unknown recommender.
    """
    fields = recommenders.config_class(recommender).model_fields
    tables = {
        "published": presets.literature(),
        "searched": {name: {r: m["settings"] for r, m in each.items()} for name, each in presets.tuned().items()},
    }
    rows = []
    for name, field in fields.items():
        default = as_set(field.get_default(call_default_factory=True))
        row = {"setting": name, "type": type_of(field.annotation), "default": default}
        row["meaning"] = MEANING[f"{recommender}.{name}" if f"{recommender}.{name}" in MEANING else name]
        for kind, by_dataset in tables.items():
            found = {
                data: each[recommender][name] for data, each in by_dataset.items()
                if data != "train_days" and name in each.get(recommender, {}) and dataset in (None, data)
            }  # fmt: skip
            row[kind] = ", ".join(f"{data} {as_set(value)}" for data, value in found.items())
        rows.append(row)
    return pd.DataFrame(rows, columns=["setting", "type", "default", "meaning", *tables])


def type_of(annotation: Any) -> str:
    """A type in words: its choices, or what number it is."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return ", ".join(map(str, arguments))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_of(part) for part in arguments)
    if origin is typing.Annotated:
        return type_of(arguments[0])
    if origin is tuple:
        return "numbers"
    names = {int: "whole number", float: "number", bool: "true or false", type(None): "none", str: "text"}
    return names.get(annotation, "name")


def as_set(value: Any) -> str:
    """A value as `--set` takes it."""
    if isinstance(value, list | tuple):
        return "/".join(map(str, value))
    if hasattr(value, "law"):
        return value.law
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
