"""What the study measures that is not ranks: leaks, the shuffle test, latency, speed, what the official code does.

    ROOT/observed/NAME.json     rows of plain values, the versions and the machine they come from, and a sha256 of them

The file has one canonical form, so that a single edited byte is found.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib import evidence, order, recommenders, splits, study
from audit_lib.errors import EvidenceError, MissingError, unknown

FOLDER = "observed"
Row = dict[str, Any]


def leakage(datasets: Iterable[str]) -> list[Row]:
    """One row a data set: the leakage report of its default split."""
    rows = []
    for name in datasets:
        _, split = study.prepare(name)
        report = splits.leakage_report(split)
        rows.append({"dataset": name, **dataclasses.asdict(report), "clean": report.clean})
    return rows


def shuffle(datasets: Iterable[str]) -> list[Row]:
    """One row a data set: what a Markov chain loses of its Recall@20 when prefixes are shuffled."""
    rows = []
    for name in datasets:
        _, split = study.prepare(name)
        found = order.shuffle_test(recommenders.create("markov").fit(split.train), split.test)
        loss = {"loss": found.loss.estimate, "low": found.loss.low, "high": found.loss.high}
        rows.append({"dataset": name, "recommender": "markov", "recall": found.recall, **loss})
    return rows


def latency(datasets: Iterable[str]) -> list[Row]:
    """One row a recommender, catalogue size and percentile: milliseconds of one answer."""
    from audit_lib.bench import baselines

    rows = []
    for row in baselines.latencies((5_000, 20_000, 50_000, 200_000), queries=300):
        name, items, percentile = _parts(row["setting"])
        rows.append({"recommender": name, "items": items, "percentile": percentile, "ms": row["ours"]})
    return rows


def _parts(setting: str) -> tuple[str, int, int]:
    """'markov, 5000 items: p50 of one answer, ms' in parts."""
    name, rest = setting.split(", ", 1)
    items, percentile = rest.split(" items: p", 1)
    return name, int(items), int(percentile.split(" ", 1)[0])


def speed(datasets: Iterable[str]) -> list[Row]:
    """One row a setting: events per second of both engines and their ratio, measured in turns in one process."""
    from audit_lib.bench import train

    return json.loads(train.measure().to_json(orient="records", double_precision=15))


def official(datasets: Iterable[str]) -> list[Row]:
    """One row a question put to the official code: what happened."""
    from audit_lib.gru4rec import facts

    return facts.probe_all()[["id", "question", "happened"]].to_dict("records")


def documents(english: Path, spanish: Path) -> list[Row]:
    """One row: words in the Markdown files of two folders. For the documents of a study, which are not ours to keep."""
    counts = {}
    for lang, folder in (("en", english), ("es", spanish)):
        files = sorted(folder.rglob("*.md"))
        if not files:
            raise MissingError(f"There is no Markdown file in '{folder}'.")
        counts[lang] = sum(len(file.read_text("utf-8").split()) for file in files)
    return [{"words_en": counts["en"], "words_es": counts["es"], "ratio": counts["es"] / counts["en"]}]


OBSERVERS: dict[str, Callable[..., list[Row]]] = {
    "leakage": leakage, "shuffle": shuffle, "latency": latency, "speed": speed, "official": official,
}  # fmt: skip


def observe(name: str, datasets: Iterable[str], *, out: Path) -> Path:
    """Measures and writes it below `out`; returns the file."""
    if name not in OBSERVERS:
        raise unknown("observation", name, OBSERVERS)
    return write(name, OBSERVERS[name](datasets), out=out)


def write(name: str, rows: list[Row], *, out: Path) -> Path:
    """Writes rows under their name, with where they come from. Same rows and machine, same bytes but for the time."""
    content = {
        "name": name,
        "rows": rows,
        "rows_sha256": evidence.digest(rows),
        "versions": evidence.versions(),
        "host": evidence.host(),
        "git_commit": evidence.git_commit(),
        "created": pd.Timestamp.now(tz="UTC").isoformat(timespec="seconds"),
    }
    path = path_of(name, out)
    path.parent.mkdir(parents=True, exist_ok=True)
    evidence.put({path: canonical(content)})
    return path


def path_of(name: str, out: Path) -> Path:
    """Where an observation lies, whether it exists or not."""
    return out / FOLDER / f"{name}.json"


def canonical(content: dict[str, Any]) -> bytes:
    """The one form in which an observation is written."""
    return (json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def read(path: Path) -> dict[str, Any]:
    """The content of an observation, verified. Raises MissingError, or EvidenceError if it was changed."""
    if not path.is_file():
        raise MissingError(f"There is no observation '{path}'. Make it with `python -m audit_lib study`.")
    raw = path.read_bytes()
    try:
        content = json.loads(raw)
        sound = canonical(content) == raw and evidence.digest(content["rows"]) == content["rows_sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise EvidenceError(f"'{path}' is not an observation: {error!r}. Delete it and measure again.") from error
    if not sound:
        raise EvidenceError(f"'{path}' was changed since it was written. Measure again.")
    return content


def rows_of(name: str, out: Path) -> list[Row] | None:
    """The rows of an observation, None where it has not been made."""
    path = path_of(name, out)
    return read(path)["rows"] if path.is_file() else None
