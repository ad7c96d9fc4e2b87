"""What the report was put through: every fault and every hostile input of the tests, counted, as a record.

Faults are made, not mocked: processes are killed, disks are full, files are cut. `make test` runs each check with CASES
made-up inputs; the record is made with TIMES as many.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from audit_lib.errors import AuditError
from audit_lib.files import PROJECT

CASES = 100  # of one fuzzed reader in `make test`
TIMES = 10  # as many for the record
TESTS = {kind: f"tests/defence/test_{kind}.py" for kind in ("faults", "hostile", "fuzz")}


def measure(times: int = TIMES, *, kinds: tuple[str, ...] = tuple(TESTS)) -> pd.DataFrame:
    """One row a check: kind (faults, hostile, fuzz), check, cases (inputs tried), state (held, skipped).

    Raises AuditError, with what pytest said, if one of them does not hold.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        command += [TESTS[kind] for kind in kinds]
        environment = {**os.environ, "AUDIT_FUZZ": str(times)}
        done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise AuditError(f"Not every fault is survived:\n{done.stdout[-4000:]}")
        return read(report, kinds)


def read(report: Path, kinds: tuple[str, ...] = tuple(TESTS)) -> pd.DataFrame:
    """The rows of `measure` from a report of pytest in JUnit's XML, in the order in which they ran."""
    kind_of = {TESTS[kind].removesuffix(".py").replace("/", "."): kind for kind in kinds}
    rows = []
    for case in ElementTree.parse(report).iter("testcase"):
        said = {prop.get("name"): prop.get("value") for prop in case.iter("property")}
        rows.append({
            "kind": kind_of[case.get("classname")],
            "check": case.get("name").removeprefix("test_"),
            "cases": int(said.get("cases", 1)),
            "state": "held" if case.find("skipped") is None else "skipped",
        })  # fmt: skip
    return pd.DataFrame(rows, columns=["kind", "check", "cases", "state"])
