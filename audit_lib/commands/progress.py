"""A line a minute from long work whose output goes to a file or a pipe: there, silence looks like a halt."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

EVERY = 60.0  # seconds


@contextmanager
def heartbeat(what: str, *, every: float = EVERY) -> Iterator[None]:
    """Says on standard error that `what` still runs and for how long, every so many seconds while the block runs.

    On a terminal it is silent.
    """
    if sys.stderr.isatty():
        yield
        return
    ended, start = threading.Event(), time.monotonic()

    def tell() -> None:
        while not ended.wait(every):
            click.echo(f"{what} still runs, {_clock(time.monotonic() - start)} so far", err=True)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


def _clock(seconds: float) -> str:
    """Minutes, or seconds below one."""
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.0f} min"
