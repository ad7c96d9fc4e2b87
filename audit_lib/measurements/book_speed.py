"""What the book and its numbers cost: processor seconds of commands, each in a process of its own."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from audit_lib.files import PROJECT

PAGE = "book/executive_summary.md"
# As the README has it, by this Python, with nothing installed. "-o": what is there counts as ready.
BOOK = ("make", f"-o{sys.prefix}/.ready", f"VENV={sys.prefix}", "book")
# By a name, what `python -m` is given. {folder} is one that is deleted afterwards.
COMMANDS = {
    "help": "audit_lib --help",
    "ledger": "audit_lib claims",
    "multiverse": "book.press.pipeline run 08_multiverse --out {folder}",
}


def measure() -> pd.DataFrame:
    """what, and seconds, of the processor, by the command and all that it starts.

    All in a fresh clone of the last commit, without the PDFs: `book`, compiled code not kept; `sentence`, the same when
    a page has one sentence more; then COMMANDS, for which nothing is left to compile. Other programs may run beside it:
    they prolong the wall time, and these little.
    """
    with TemporaryDirectory() as folder:
        clone = Path(folder) / "project"
        subprocess.run(["git", "clone", "--quiet", "--shared", str(PROJECT), str(clone)], check=True)
        rows = [("book", _seconds(*BOOK, project=clone))]
        with (clone / PAGE).open("a", encoding="utf-8") as page:
            page.write("\nThis sentence is new.\n")
        rows.append(("sentence", _seconds(*BOOK, project=clone)))
        for what, command in COMMANDS.items():
            words = command.format(folder=folder).split()
            rows.append((what, _seconds(sys.executable, "-m", *words, project=clone)))
    return pd.DataFrame(rows, columns=["what", "seconds"])


def _seconds(*command: str, project: Path) -> float:
    environment = os.environ | {"PYTHONPATH": str(project), "AUDIT_PDF": ""}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=project, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2)
