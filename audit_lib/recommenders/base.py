"""The interface of every recommender, and what the simple ones share."""

from __future__ import annotations

import functools
import hashlib
import json
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pydantic
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.errors import InputError, MissingError
from audit_lib.files import whole


class Config(pydantic.BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Settings of a recommender: frozen, and unknown keys are refused. 'none' is None where a setting can be None.

    The text under a setting is what `audit_lib settings` says of it.
    """

    @pydantic.model_validator(mode="before")
    @classmethod
    def _none(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        can = {name for name, field in cls.model_fields.items() if type(None) in typing.get_args(field.annotation)}
        none = lambda key, value: key in can and isinstance(value, str) and value.strip().lower() == "none"  # noqa: E731
        return {key: None if none(key, value) else value for key, value in values.items()}


Settings = Config  # in a recommender, `Config` is its own
Fallback = Annotated[
    Literal["popularity", "zero"],
    pydantic.Field(description="What ranks the items that have no score of their own; 'zero' leaves them all tied."),
]


class Recommender(ABC):
    """fit on train, then score every catalogue item for every prefix.

    A subclass gives `name` (its key in the registry), `Config`, `fit`, `score`, and `state`/`restore` (its fitted
    arrays), from which `save` and `load` follow. Ranking knows nothing else about it. What was fitted on one catalogue
    refuses to score over another, also after it was saved and loaded.
    """

    name: ClassVar[str]
    Config: ClassVar[type[Config]] = Config
    catalogue: str | None = None  # fingerprint of the one it was fitted on
    _known: Any = None  # the catalogue, as an object, that was last found to be that one

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        for name, checked in (("fit", _noting), ("score", _checking)):
            if name in cls.__dict__:
                setattr(cls, name, checked(cls.__dict__[name]))

    def __init__(self, config: Settings | None = None, **settings: Any):
        self.config = configured(self.name, self.Config, settings) if config is None else config

    @abstractmethod
    def fit(self, train: Sessions) -> Self: ...

    @abstractmethod
    def score(self, prefixes: Prefixes, *, block_size: int = 256) -> Iterator[np.ndarray]:
        """Blocks of (b, V) float32 scores over the whole catalogue, b <= block_size, in the order of `prefixes`.

        A block may be reused by the next one: copy what is to be kept. A score never depends on `block_size`.
        """

    @abstractmethod
    def state(self) -> dict[str, np.ndarray]:
        """The fitted arrays."""

    @abstractmethod
    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Takes back what `state` gave."""

    def save(self, path: str | Path, more: Mapping[str, str] | None = None) -> Path:
        """Writes configuration and fitted arrays (safetensors, no pickle), whole or not at all.

        more: what else the header is to say.
        """
        arrays = {key: np.ascontiguousarray(value) for key, value in self.state().items()}
        meta = {
            "recommender": self.name, "config": self.config.model_dump_json(), "catalogue": self.catalogue or "",
            "sha256": _sha256(arrays),
        }  # fmt: skip
        with whole(Path(path)) as partial:
            save_file(arrays, partial, meta | dict(more or {}))
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Reads what `save` wrote. Raises MissingError if it is not there, InputError if it is something else."""
        if not Path(path).is_file():
            raise MissingError(f"There is no saved recommender '{path}'.")
        try:
            with safe_open(path, "numpy") as file:
                meta = file.metadata() or {}
                state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
            if meta.get("recommender") != cls.name:
                raise InputError(f"'{path}' holds '{meta.get('recommender')}', not '{cls.name}'.")
            if not meta.get("catalogue"):
                raise InputError(f"'{path}' does not say which catalogue it belongs to. Fit and save it again.")
            if meta.get("sha256") != _sha256(state):
                raise InputError(f"'{path}' is damaged: its arrays are not those that were written. Save it again.")
            model = cls(cls.Config(**json.loads(meta["config"])))
            model.restore(state)
        except InputError:
            raise
        except (OSError, SafetensorError, KeyError, ValueError, TypeError, RecursionError) as error:
            raise InputError(f"'{path}' is no saved recommender: {error}.") from error
        model.catalogue = meta["catalogue"]
        return model


def _sha256(arrays: Mapping[str, np.ndarray]) -> str:
    """The sha256 of arrays with their names, types and shapes."""
    digest = hashlib.sha256()
    for key, array in sorted(arrays.items()):
        digest.update(f"{key} {array.dtype} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _noting(fit: Callable[..., Any]) -> Callable[..., Any]:
    """`fit`, which also notes the catalogue of its train part."""

    @functools.wraps(fit)
    def noted(self: Recommender, train: Sessions, *arguments: Any, **options: Any) -> Any:
        train.check_items()
        fitted = fit(self, train, *arguments, **options)
        self.catalogue, self._known = train.catalogue_fingerprint, train.catalogue
        return fitted

    return noted


def _checking(score: Callable[..., Any]) -> Callable[..., Any]:
    """`score`, which refuses prefixes over another catalogue than that of `fit`, and indices outside it."""

    @functools.wraps(score)
    def checked(self: Recommender, prefixes: Prefixes, *arguments: Any, **options: Any) -> Any:
        over = prefixes.sessions
        over.check_items()
        if self.catalogue is not None and over.catalogue is not self._known:
            if over.catalogue_fingerprint != self.catalogue:
                raise InputError(
                    f"{self.name} was fitted on another catalogue than that of these {over.n_items} items: its scores "
                    "would be those of other items. Fit it on the train part of this split."
                )
            self._known = over.catalogue
        return score(self, prefixes, *arguments, **options)

    return checked


class SparseRecommender(Recommender):
    """A recommender that scores few items per prefix; the rest follow by popularity, below every positive score.

    A subclass implements `fit_sparse` and `score_sparse`; its fitted arrays are `self.arrays`. The fallback for item j
    is support_j / (max support + 1) - 1, in [-1, 0), so that no unscored item ties with a scored one.
    With `fallback="zero"` unscored items stay tied at zero: kept to show what that does to a metric.
    """

    arrays: dict[str, np.ndarray]

    @abstractmethod
    def fit_sparse(self, train: Sessions) -> dict[str, np.ndarray]:
        """The fitted arrays."""

    @abstractmethod
    def score_sparse(self, prefixes: Prefixes, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Positive scores of the prefixes `rows` as CSR: indptr (b+1,), items (n,), none twice a row, values (n,)."""

    def fit(self, train: Sessions) -> Self:
        self.arrays = self.fit_sparse(train) | {"fallback": self._fallback(train.support)}
        return self

    def _fallback(self, support: np.ndarray) -> np.ndarray:
        if getattr(self.config, "fallback", "popularity") == "zero":
            return np.zeros(len(support), np.float32)
        if getattr(self.config, "ties", "keep") == "first":
            support = first_of(support)
        return (support / (support.max() + 1.0) - 1.0).astype(np.float32)

    def score(self, prefixes: Prefixes, *, block_size: int = 256) -> Iterator[np.ndarray]:
        base = self.arrays["fallback"]
        block = np.tile(base, (min(block_size, len(prefixes)), 1))  # (b, V)
        for start in range(0, len(prefixes), block_size):
            rows = np.arange(start, min(start + block_size, len(prefixes)))
            indptr, items, values = self.score_sparse(prefixes, rows)
            at = np.repeat(np.arange(len(rows)), np.diff(indptr)), items
            block[at] = values
            yield block[: len(rows)]
            block[at] = base[items]

    def state(self) -> dict[str, np.ndarray]:
        return self.arrays

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self.arrays = state


def configured(name: str, config: type[Config], settings: Mapping[str, Any]) -> Config:
    """The configuration with these settings of a recommender. Raises InputError for one that is wrong or unknown."""
    try:
        return config(**settings)
    except pydantic.ValidationError as error:
        raise InputError(f"{name}: {_explain(error, config)}") from error


def _explain(error: pydantic.ValidationError, config: type[Config]) -> str:
    """One clause a wrong setting, with the settings that exist."""
    said = lambda e: "there is no such setting" if e["type"] == "extra_forbidden" else e["msg"].lower()  # noqa: E731
    wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {said(e)}" for e in error.errors())
    return f"{wrong}. Its settings are {', '.join(config.model_fields) or 'none'}."


def gather_rows(indptr: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The given rows of a CSR matrix: their indptr (b+1,) and the positions (n,) of their entries, row by row."""
    begin, length = indptr[rows], indptr[rows + 1] - indptr[rows]
    out = np.concatenate([[0], np.cumsum(length)])
    return out, np.arange(out[-1]) + np.repeat(begin - out[:-1], length)


def first_of(score: np.ndarray) -> np.ndarray:
    """(V,) float: the same order without ties, the item of the smaller index first."""
    row = np.empty(len(score))
    row[np.argsort(-score, kind="stable")] = np.arange(len(score), 0, -1)
    return row
