"""What can be set of a recommender: names, types, defaults, meaning, and values of papers and of our searches."""

from __future__ import annotations

import types
import typing
from typing import Any

import pandas as pd

from audit_lib import recommenders
from audit_lib.study import presets


def table(recommender: str, dataset: str | None = None) -> pd.DataFrame:
    """setting, type, default, meaning, published, searched: one row a setting of a recommender, all as text.

    published, searched: values by data set, from the literature and from searches on validation; of one data set only,
    if it is given. Raises InputError for an unknown recommender.
    """
    config = recommenders.config_class(recommender)
    tables = {
        "published": presets.literature(),
        "searched": {name: {r: m["settings"] for r, m in each.items()} for name, each in presets.tuned().items()},
    }
    rows = []
    for name, field in config.model_fields.items():
        default = as_set(field.get_default(call_default_factory=True))
        row = {"setting": name, "type": type_of(field.annotation), "default": default, "meaning": meaning(config, name)}
        for kind, by_dataset in tables.items():
            found = {
                data: each[recommender][name] for data, each in by_dataset.items()
                if data != "train_days" and name in each.get(recommender, {}) and dataset in (None, data)
            }  # fmt: skip
            row[kind] = ", ".join(f"{data} {as_set(value)}" for data, value in found.items())
        rows.append(row)
    return pd.DataFrame(rows, columns=["setting", "type", "default", "meaning", *tables])


def meaning(config: type[recommenders.Config], name: str) -> str:
    """What a setting means, without its full stop: as the class says, or the one that it takes the setting from."""
    fields = (base.model_fields.get(name) for base in config.__mro__ if issubclass(base, recommenders.Config))
    return next(field.description.rstrip(".") for field in fields if field and field.description)


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
