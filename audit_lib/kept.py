"""Results of slow pure functions, kept in the folder that AUDIT_KEPT names: a build needs each of them many times.

Both languages, the stages and the pages of a book show the same intervals, and are made by processes of their own. A
result's file is named by the hash of all that it follows from: the code that computes it, the versions of the libraries
that it uses, and the arguments, arrays included. So none is ever out of date. Without AUDIT_KEPT, as outside of a
build, everything is computed.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, get_type_hints

import numpy as np

FOLDER = "AUDIT_KEPT"
CODE = ("inference.py", "kept.py", "resampling.py")
LIBRARIES = ("numba", "numpy", "scipy")
SMALL = 50_000  # bytes of arrays: with fewer it is quicker to compute than to look

P = ParamSpec("P")
T = TypeVar("T")


def kept(function: Callable[P, T]) -> Callable[P, T]:
    """The function, its results kept: numbers, or a NamedTuple of numbers and of the like, as annotated."""

    @functools.wraps(function)
    def looked_up(*arguments: P.args, **named: P.kwargs) -> T:
        folder = os.environ.get(FOLDER)
        name = _name(function.__qualname__, arguments, named) if folder else None
        if name is None:
            return function(*arguments, **named)
        path = Path(str(folder)) / f"{name}.json"
        with contextlib.suppress(OSError, ValueError, TypeError):  # not there, or damaged
            return _made(get_type_hints(function)["return"], json.loads(path.read_text("utf8")))
        result = function(*arguments, **named)
        _put(path, json.dumps(result))
        return result

    return looked_up


def _name(function: str, arguments: Sequence[Any], named: Mapping[str, Any]) -> str | None:
    """The hash of a call; None for one that is not kept: small, or with arguments that bytes do not tell apart."""
    digest, size = hashlib.blake2b(repr((function, _code())).encode(), digest_size=16), 0
    for key, value in [*enumerate(arguments), *sorted(named.items())]:
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            digest.update(repr((key, value.dtype.str, value.shape)).encode())
            digest.update(np.ascontiguousarray(value).tobytes())
            size += value.nbytes
        elif isinstance(value, (str, int, float, np.number)):
            digest.update(repr((key, value)).encode())
        else:
            return None
    return digest.hexdigest() if size >= SMALL else None


@functools.cache
def _code() -> str:
    here = Path(__file__).parent
    digest = hashlib.blake2b(digest_size=16)
    for name in CODE:
        digest.update((here / name).read_bytes())
    return digest.hexdigest() + repr([version(name) for name in LIBRARIES])


def _made(kind: Any, value: Any) -> Any:
    """The result that JSON was made of. Raises TypeError or ValueError if it is none of this kind."""
    if not hasattr(kind, "_fields"):
        return kind(value)
    hints = get_type_hints(kind)
    return kind(*(_made(hints[name], part) for name, part in zip(kind._fields, value, strict=True)))


def _put(path: Path, text: str) -> None:
    """Writes a result; where that cannot be done, it will be computed again."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, "utf8")
        partial.replace(path)
