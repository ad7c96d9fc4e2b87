"""Checks of single settings that many verbs and stages share: each returns the value, or says what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable

from audit_lib.errors import InputError, unknown

DEVICES = ("cpu", "cuda")


def device(name: str) -> str:
    """The device, if models can be trained on it here; raises InputError for another, or for a cuda that is missing."""
    if name not in DEVICES:
        raise unknown("device", name, DEVICES)
    if name == "cuda":
        import torch  # here, so that what trains nothing does not wait for it

        if not torch.cuda.is_available():
            raise InputError("device is 'cuda', and no CUDA device was found here. Use cpu.")
    return name


def positive(name: str, value: float) -> float:
    """The value, if it is positive and finite; raises InputError if it is not."""
    if not 0 < value < float("inf"):
        raise InputError(f"{name} is {value:g}; it must be positive.")
    return value


def at_least(name: str, least: int, value: int) -> int:
    """The value, if it is no smaller than `least`; raises InputError if it is."""
    if value < least:
        raise InputError(f"{name} is {value}; it must be at least {least}.")
    return value


def cutoffs(wanted: Iterable[int], n_items: int) -> tuple[int, ...]:
    """The cutoffs, if all lie in 1 … V; raises InputError for the first that does not."""
    wanted = tuple(wanted)
    for k in wanted:
        if k < 1:
            raise InputError(f"The cutoff K is {k}; it must be a whole number from 1.")
        if k > n_items:
            raise InputError(f"The cutoff K = {k} is larger than the catalogue of {n_items} items. Lower K.")
    return wanted
