"""Committed evidence: finished runs of the study copied into the book, and everything there verified again.

    book/evidence/SHA256SUMS     every file below, in the form that `sha256sum -c` reads
    book/evidence/headline.csv   Recall@20 and MRR@20 of every run, as they were when it was published

`check` needs no data set: it verifies hashes, recomputes the headline from the ranks, and says what differs.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from audit_lib.errors import AuditError, EvidenceError
from audit_lib.evaluation import metrics
from audit_lib.files import COMMITTED, hold, holder, put
from audit_lib.study import epochs, evidence, plan, records
from audit_lib.study.evidence import Run

SUMS, HEADLINE = "SHA256SUMS", "headline.csv"
RECORDS = records.FOLDER.name
LIMIT_MB = 60.0
K = 20


def publish(source: Path, target: Path = COMMITTED, *, replace: bool = False) -> list[Path]:
    """Copies the finished runs of the study that `target` lacks, and seals it; returns what was copied.

    Records are written there when they are measured. Runs that the study does not list stay where they are. A run that
    `target` has with other ranks is an error unless `replace`.
    Raises EvidenceError for that, for damaged files, and for more than LIMIT_MB in all; then nothing is copied.
    """
    new: dict[Path, dict[Path, Path]] = {}
    made = {m: e for e in plan.plan() if (m := plan.manifest_of(e, source))}
    for manifest in sorted(made):
        run = plan.read_evidence(made[manifest], manifest)
        goal = target / run.path.relative_to(source)
        if goal.is_file():
            same = _sha256(goal) == run.manifest["sha256"]
            if not (same or replace):
                raise EvidenceError(f"'{goal}' holds other ranks than '{run.path}'. Take these with --replace.")
            if same and goal.with_suffix(".json").is_file():
                continue
        pairs = {goal.parent.parent / "targets.parquet": run.path.parent.parent / "targets.parquet", goal: run.path}
        new[goal] = pairs | {goal.with_suffix(".json"): manifest}  # last: without it nothing counts as finished
    kept = _files(target).values() if target.is_dir() else ()
    sizes = {path: path.stat().st_size for path in kept}
    sizes |= {place: file.stat().st_size for pairs in new.values() for place, file in pairs.items()}
    if (size := sum(sizes.values()) / 1e6) > LIMIT_MB:
        raise EvidenceError(f"'{target}' would hold {size:.1f} MB; {LIMIT_MB:.0f} are allowed. Leave runs out.")
    for pairs in new.values():
        put({place: file.read_bytes() for place, file in pairs.items()})
    seal(target)
    return list(new)


def seal(folder: Path) -> None:
    """Writes the headline and the hashes of a folder of evidence, whose files are verified first."""
    with hold(folder / SUMS):  # else one of two that seal at once would not list what the other has written
        rows = [headline(run, folder) for run in evidence.every(folder)]
        table = pd.DataFrame(rows, columns=["file", "recall", "mrr"])
        put({folder / HEADLINE: table.to_csv(index=False, float_format="%.12f").encode()})
        lines = [f"{_sha256(path)}  {name}\n" for name, path in _files(folder).items() if name != SUMS]
        put({folder / SUMS: "".join(lines).encode()})


def seal_record(path: Path) -> Path:
    """Seals again the evidence in which a record was written; returns the record's path."""
    if (path.parent.parent / SUMS).is_file():
        seal(path.parent.parent)
    return path


def headline(run: Run, folder: Path) -> dict[str, object]:
    """file, recall and mrr at K = 20, ties conservative, over all targets."""
    above, equal = run.ranks["above"].to_numpy(), run.ranks["equal"].to_numpy()
    values = {"recall": metrics.recall(above, equal, K).mean(), "mrr": metrics.mrr(above, equal, K).mean()}
    return {"file": run.path.relative_to(folder).as_posix(), **values}


@dataclass
class Report:
    """What `check` found. problems: one message a file, naming it. reproduced, differing: files of the rerun.

    processors: of files that differ and were made on two kinds of processor, the names of both: last bits of what a
    network learns may differ there (`tests.defence.determinism` has the bounds), and single ranks with them.
    """

    files: int = 0
    runs: list[dict[str, object]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    reproduced: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    processors: dict[str, list[str]] = field(default_factory=dict)


def check(folder: Path, *, rerun: Path | None = None) -> Report:
    """Verifies everything below `folder`. rerun: a folder whose equal runs are compared with it byte for byte.

    A working folder, which has neither SHA256SUMS nor a headline, is verified by its manifests alone.
    """
    report = Report()
    files = _files(folder)
    report.files = len(files)
    if not folder.is_dir():
        kind = "is a file: `check` takes the folder it lies in" if folder.is_file() else "is not there"
        report.problems.append(f"The folder '{folder}' {kind}.")
        return report
    if who := holder(folder / SUMS):
        report.problems.append(f"'{folder}' is being written by {who}. Wait for it to end, then check again.")
    wrong = _against_sums(folder, files) or _orphans(folder, files)
    report.problems += wrong.values()
    for name, path in files.items():
        if name in wrong or path.parent == folder or path.suffix != ".json":
            continue
        try:
            if path.parent.name == RECORDS:
                records.read(path.stem, folder=path.parent)
            elif name.startswith(f"{epochs.FOLDER}/"):
                epochs.read(path)
            elif path.with_suffix(".parquet").is_file():
                report.runs.append(headline(evidence.read(path), folder))
        except AuditError as error:
            report.problems.append(_naming(name, error))
    if (folder / HEADLINE).is_file():
        report.problems += _against_headline(folder, report.runs)
    if rerun is not None and rerun.is_dir():
        for name in (str(run["file"]) for run in report.runs):
            if _is_rerun(rerun / name, folder / name):
                same = (rerun / name).read_bytes() == (folder / name).read_bytes()
                (report.reproduced if same else report.differing).append(name)
                kinds = [_processor(file) for file in (folder / name, rerun / name)]
                if not same and kinds[0] != kinds[1]:
                    report.processors[name] = kinds
    return report


def altered(folder: Path) -> list[str]:
    """What is wrong with files below `folder`, by their hashes alone (`check` reads them too); nothing if none is."""
    return list(_against_sums(folder, _files(folder)).values())


def _is_rerun(path: Path, of: Path) -> bool:
    """Whether `path` holds the same run made another time: a copy proves nothing."""
    if not (path.is_file() and path.with_suffix(".json").is_file()):
        return False
    try:
        times = [json.loads(file.with_suffix(".json").read_text())["created"] for file in (path, of)]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return False  # no manifest: `check` of its own folder says so
    return times[0] != times[1]


def _processor(path: Path) -> str:
    """The processor that a run's manifest names, with its vector instructions where it does."""
    try:
        host = json.loads(path.with_suffix(".json").read_text())["host"]
        return " ".join(filter(None, [host["cpu"], host.get("instructions")]))
    except (OSError, ValueError, LookupError, TypeError):
        return "an unknown processor"


def size_mb(folder: Path) -> float:
    """Megabytes (10^6 bytes) of all files below."""
    return sum(path.stat().st_size for path in _files(folder).values()) / 1e6


def _against_sums(folder: Path, files: dict[str, Path]) -> dict[str, str]:
    """Name of a file: what is wrong with it."""
    if SUMS not in files:
        sealed = HEADLINE in files or folder.resolve() == COMMITTED.resolve()
        return {SUMS: f"'{SUMS}' is missing, which lists the files of '{folder}'. Restore it."} if sealed else {}
    content = files[SUMS].read_bytes().decode("utf-8", "backslashreplace")
    wanted = {name: sha for sha, _, name in (line.partition("  ") for line in content.splitlines())}
    found = {}
    if content != "".join(f"{sha}  {name}\n" for name, sha in wanted.items()):
        found[SUMS] = f"'{SUMS}' is not as it was written. Restore it."
    for name, sha in wanted.items():
        if name not in files:
            found[name] = f"'{name}' is missing, which {SUMS} lists. Restore it."
        elif (now := _sha256(files[name])) is None:
            found[name] = f"'{name}' cannot be read. Make it readable, or restore it."
        elif now != sha:
            found[name] = f"'{name}' was changed: its sha256 is {now}, {SUMS} says {sha}. Restore it."
    for name in files.keys() - wanted.keys() - {SUMS}:
        found[name] = f"'{name}' is not listed in {SUMS}. Publish it, or remove it."
    return dict(sorted(found.items()))


def _orphans(folder: Path, files: dict[str, Path]) -> dict[str, str]:
    found = {}
    for name, path in files.items():
        if path.name == "targets.parquet" or path.parent == folder or path.parent.name == RECORDS:
            continue
        other = {".parquet": ".json", ".json": ".parquet"}.get(path.suffix)
        if other is not None and not path.with_suffix(other).is_file():
            kind = "manifest" if other == ".json" else "file of ranks"
            found[name] = f"'{name}' has no {kind} '{path.with_suffix(other).name}' beside it."
    return found


def _against_headline(folder: Path, runs: list[dict[str, object]]) -> list[str]:
    try:
        table = pd.read_csv(folder / HEADLINE).set_index("file")
        stated = table[["recall", "mrr"]].astype(float).to_dict("index")
    except (ValueError, KeyError) as error:
        return [f"'{HEADLINE}' is no table of headline values: {error}"]
    found = []
    for run in runs:
        said = stated.get(run["file"])
        if said is None or any(abs(said[key] - run[key]) > 1e-9 for key in ("recall", "mrr")):
            values = f"recall {run['recall']:.6f}, mrr {run['mrr']:.6f}"
            found.append(f"'{HEADLINE}' says something else of '{run['file']}' than its ranks: {values}.")
    return found


def _naming(name: str, error: AuditError) -> str:
    text = str(error)
    return text if name.rsplit(".", 1)[0] in text else f"'{name}': {text}"


def _files(folder: Path) -> dict[str, Path]:
    """Every file below by its name relative to the folder, hidden and unfinished ones left out, in order."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): path for path in paths}


def _sha256(path: Path) -> str | None:
    """None if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
