"""What the numbers of the book cost: processor seconds of commands, each in a process of its own."""

from __future__ import annotations

import resource
import subprocess
import sys
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from audit_lib.evaluation import session_draws
from audit_lib.files import PROJECT

# By a name, what `python -m` is given. {folder} is one that is deleted afterwards.
COMMANDS = {
    "help": "audit_lib --help",
    "ledger": "audit_lib claims",
    "multiverse": "book.press.pipeline run 08_multiverse --out {folder}",
}


def measure() -> pd.DataFrame:
    """what (of COMMANDS) and seconds, of the processor, by the command and all that it starts.

    Nothing is compiled in that time. Other programs may run beside it: they prolong the wall time, and these little.
    """
    for column in (np.ones((2, 1)), np.full((2, 1), 0.5)):
        for kind in session_draws.KINDS:
            session_draws.totals(kind, column, draws=2, seed=0)  # compiles, for the processes below, too
    with TemporaryDirectory() as folder:
        rows = [(what, _seconds(command.format(folder=folder))) for what, command in COMMANDS.items()]
    return pd.DataFrame(rows, columns=["what", "seconds"])


def _seconds(command: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", *command.split()], cwd=PROJECT, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2)
