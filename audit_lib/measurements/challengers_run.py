"""Whether the published code of other models runs: each is started as its README says, and nothing is quoted.

A code is cloned at the commit of `book/challengers.toml` into a temporary folder, given generated sessions in the form
that its own preparation writes, and run in environments that hold the packages named there and nothing else. No file of
it is changed. What it takes:

    AUDIT_PYTHONS             other interpreters than ours, paths separated by colons; a version that is missing is said
    AUDIT_VENDOR_URL_MODEL    another clone source of a code, such as AUDIT_VENDOR_URL_NARM
    AUDIT_ENVIRONMENTS        a folder that keeps the installed packages; without it they are installed for this once
"""

from __future__ import annotations

import logging
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from audit_lib.data.logs import ITEM, SESSION, TIME
from audit_lib.files import ONE_THREAD
from audit_lib.measurements.engine_equality import walks
from audit_lib.recommenders import vendored
from audit_lib.study import challengers
from audit_lib.study.challengers import Challengers, Code, Environment, Start

TRAIN, TEST = 300, 60  # sessions of the generated log
LONGEST = 240  # characters of an error that are kept
INSTALL_SECONDS, RUN_SECONDS = 7200, 14400  # Theano compiles for long
# Packages come after the standard library, as in any environment; -S and -s keep out those of the interpreter itself.
LAUNCH = """
import runpy, site, sys
site.addsitedir(sys.argv[1])
sys.argv = sys.argv[2:]
sys.path.insert(0, "")
if sys.argv[0] == "-c":
    exec(sys.argv.pop(1), {"__name__": "__main__"})
else:
    runpy.run_path(sys.argv[0], run_name="__main__")
"""
_ERROR = re.compile(r"^(?:[\w.]*(?:Error|Exception)\b|ERROR:|error:)", re.MULTILINE)
_PATH = re.compile(r"(?<![\w:/])[/.][\w./+~-]*/")
_VALUE = re.compile(r"^.*(?:recall|mrr|mmr).*?(?:\d\.\d|\bnan\b).*$", re.IGNORECASE | re.MULTILINE)

log_ = logging.getLogger(__name__)


def measure() -> pd.DataFrame:
    """A row for each environment and code: model, environment, when, python, packages, outcome, error, said.

    outcome: 'trains', 'nan' (it ends well, and the last value that it prints is no number), 'fails', 'not installed' or
    'no python'. error: as printed, cut where it is long. said: the last line of its output that holds a metric.
    Raises MissingError if a code cannot be fetched.
    """
    whole = challengers.read()
    with TemporaryDirectory() as folder:
        kept = Path(os.environ.get("AUDIT_ENVIRONMENTS") or Path(folder, "environments"))
        rows = [row for environment in whole.environment for row in tried(whole, environment, kept, Path(folder))]
    return pd.DataFrame(rows)


def tried(whole: Challengers, environment: Environment, kept: Path, folder: Path) -> list[dict[str, str]]:
    """The rows of one environment."""
    python, version = interpreter(environment.python)
    about = {"environment": environment.id, "when": environment.when, "python": version or environment.python}
    about["packages"] = ", ".join(environment.packages)
    problem = ("no python", "") if python is None else installed(python, environment, kept)
    rows = []
    for model in environment.models:
        log_.info("%s in %s", model, environment.id)
        outcome, error, said = (*problem, "") if problem or python is None else started(
            python, kept / environment.id, whole.of(model), whole.start_of(model), folder / f"{environment.id}-{model}"
        )  # fmt: skip
        rows.append({"model": model, **about, "outcome": outcome, "error": error, "said": said})
    return rows


def interpreter(wanted: str) -> tuple[str | None, str]:
    """The first interpreter of a version such as '3.7', and its whole version; None if there is none."""
    for path in (sys.executable, *filter(None, os.environ.get("AUDIT_PYTHONS", "").split(":"))):
        script = "import platform; print(platform.python_version())"
        version = subprocess.run([path, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
        if version.startswith(f"{wanted}."):
            return path, version
    return None, ""


def installed(python: str, environment: Environment, kept: Path) -> tuple[str, str] | None:
    """Installs the packages, unless they are there; None, or the outcome and its error."""
    done = kept / f"{environment.id}.ok"
    if done.is_file():
        return None
    command = [python, "-m", "pip", "install", "--target", str(kept / environment.id), *environment.packages]
    kept.mkdir(parents=True, exist_ok=True)
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS)
    if ran.returncode:
        return "not installed", last_error(ran.stderr + ran.stdout)
    done.touch()
    return None


def started(python: str, packages: Path, code: Code, start: Start, folder: Path) -> tuple[str, str, str]:
    """Outcome, error, and what it said, of the commands of a code, one after another."""
    root = folder / "code"
    vendored.clone(source_of(code), root)
    work = root / start.folder
    write_sessions(start.form, work / start.data)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | ONE_THREAD
    environment |= {"HOME": str(folder), "CUDA_VISIBLE_DEVICES": ""}
    said = ""
    for command in start.commands:
        try:
            ran = subprocess.run(
                [python, "-S", "-s", "-c", LAUNCH, str(packages), *command], cwd=work, env=environment,
                capture_output=True, text=True, errors="replace", check=False, timeout=RUN_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return "fails", f"It did not end within {RUN_SECONDS} seconds.", said
        said = last_value(ran.stdout) or said
        if ran.returncode:
            return "fails", last_error(ran.stderr), said
    return ("nan" if re.search(r"\bnan\b", said) else "trains"), "", said


class Tried(vendored.Code):
    """A code that is fetched for its trial alone."""

    command = "python -m audit_lib record challengers_run"


def source_of(code: Code) -> Tried:
    """Where a code is cloned from, and at which commit."""
    return Tried(
        name=code.model, title=code.name, folder=code.model, url=f"https://github.com/{code.repository}",
        commit=code.commit, variable=f"AUDIT_VENDOR_URL_{code.model.upper()}", notice="",
    )  # fmt: skip


def write_sessions(form: str, folder: Path) -> None:
    """Generated sessions as the preparation of a code leaves them: items from 1, later sessions for the test."""
    folder.mkdir(parents=True, exist_ok=True)
    log = walks(TRAIN + TEST)
    known = log.loc[log[SESSION] < TRAIN, ITEM].unique()
    log = log[(log[SESSION] < TRAIN) | log[ITEM].isin(known)]
    log = log[log.groupby(SESSION)[ITEM].transform("size") > 1]
    for part, rows in log.groupby(log[SESSION] < TRAIN):
        name = "train" if part else "test"
        if form == "clicks":
            table = {"sessionId": rows[SESSION], "itemId": rows[ITEM] + 1, "Time": rows[TIME]}
            pd.DataFrame(table).to_csv(folder / f"{name}.tsv", sep="\t", index=False)
            continue
        sessions = [(each[ITEM] + 1).tolist() for _, each in rows.groupby(SESSION)]
        pairs = [(items[:end], items[end]) for items in sessions for end in range(len(items) - 1, 0, -1)]
        with (folder / f"{name}.txt").open("wb") as file:
            pickle.dump(([prefix for prefix, _ in pairs], [target for _, target in pairs]), file, protocol=2)
        if part:
            with (folder / "all_train_seq.txt").open("wb") as file:
                pickle.dump(sessions, file, protocol=2)


def last_error(text: str) -> str:
    """The last error of a program and what it says, else all that it says; without the folders of files."""
    begins = [found.start() for found in _ERROR.finditer(text)]
    said = " ".join(text[begins[-1] if begins else 0 :].split())
    said = _PATH.sub("", said)
    return said if len(said) <= LONGEST else said[:LONGEST].rpartition(" ")[0] + " …"


def last_value(text: str) -> str:
    """The last line of an output that holds a metric and a number, with single spaces."""
    found = _VALUE.findall(text)
    return " ".join(found[-1].split()) if found else ""
