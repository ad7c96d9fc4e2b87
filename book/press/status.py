"""What the site was made of: the run of every stage in both languages, the versions, and the committed evidence.

The tables are read from the notes that runs leave (see `pipeline.note`), the environment and `book/evidence`: the
same runs give the same page.
"""

from __future__ import annotations

import ast
import json
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd

from audit_lib.files import sha256
from audit_lib.show.table import Table
from audit_lib.show.words import DATA_SETS, LANGUAGES, Translate
from book.press.notebooks import tags

PACKAGES = ("numpy", "pandas", "scipy", "numba", "torch", "matplotlib", "pyarrow", "papermill", "jupyter-book",
            "Sphinx", "myst-nb", "sphinx-book-theme")  # fmt: skip
SHORT = 8  # letters of a hash in a table


def runs(notes: Path, translate: Translate) -> Table:
    """Stage, seconds in each language, and the hashes of its text and of what it became, in order.

    notes: a folder with LANG/notebooks/NN_stage.run.json. What did not run in a language has a dash there.
    """
    found = {code: {path.name.split(".")[0]: json.loads(path.read_text("utf8")) for path in _notes(notes, code)}
             for code in LANGUAGES}  # fmt: skip
    rows = []
    for stage in sorted({*found["en"], *found["es"]}):
        both = [found[code].get(stage, {}) for code in LANGUAGES]
        text = next(entry["text"] for entry in both if entry)
        seconds = [entry.get("seconds", float("nan")) for entry in both]
        rows.append((stage, *seconds, text[:SHORT], *(entry.get("executed", "–")[:SHORT] for entry in both)))
    headings = ("Stage", "Seconds, English", "Seconds, Spanish", "Text (sha256)", "Run, English (sha256)",
                "Run, Spanish (sha256)")  # fmt: skip
    return _table(rows, [translate(heading) for heading in headings], {1: ".1f", 2: ".1f"})


def _notes(notes: Path, code: str) -> list[Path]:
    return sorted((notes / code / "notebooks").glob("[0-9][0-9]_*.run.json"))


def versions(translate: Translate) -> Table:
    """What made these pages: Python, and the packages that matter."""
    rows = [("Python", platform.python_version()), *((name, metadata.version(name)) for name in PACKAGES)]
    headings = ("Software", "Version")
    return _table(rows, [translate(heading) for heading in headings])


def committed(folder: Path, translate: Translate) -> Table:
    """The committed evidence: per data set its runs, recommenders, seeds, stored ranks, and hours."""
    manifests = [json.loads(path.read_text("utf8")) for path in sorted(folder.glob("*/*/*/*.json"))]
    rows: list[tuple[Any, ...]] = []
    for name in dict.fromkeys(manifest["dataset"] for manifest in manifests):
        part = [manifest for manifest in manifests if manifest["dataset"] == name]
        kinds, seeds = ({manifest[key] for manifest in part} for key in ("recommender", "seed"))
        ranks = sum(manifest["split"].get("predictions", 0) for manifest in part)
        # A model from outside was trained elsewhere, nobody knows for how long.
        hours = sum(manifest["seconds"].get(step, 0.0) for manifest in part for step in ("fit", "rank")) / 3600
        rows.append((translate(DATA_SETS[name]), len(part), len(kinds), len(seeds), ranks, hours))
    headings = ("Data set", "Runs", "Recommenders", "Seeds", "Stored ranks", "Hours to train and rank")
    return _table(rows, [translate(heading) for heading in headings], {5: ".2f"})


def origin(folder: Path, commit: str | None, translate: Translate) -> Table:
    """The commit that the pages were built from, and the sha256 of the list of the evidence's hashes."""
    sums = folder / "SHA256SUMS"
    digest = sha256(sums) if sums.is_file() else "–"
    rows = [
        (translate("Commit"), (commit or "–")[: 2 * SHORT]),
        (translate("Evidence (sha256 of its list of hashes)"), digest[: 2 * SHORT]),
    ]
    headings = ("Property", "Value")
    return _table(rows, [translate(heading) for heading in headings])


def made_of(notebook: Path, note: Path, folder: Path, commit: str | None, translate: Translate) -> dict[str, str]:
    """What the run of an executed notebook was made of, by label, for the banner of its page.

    Its data set, or the committed evidence if it reads no other data; the commit; the time and the hash of its run if
    it left a note.
    """
    content = nbformat.read(notebook, as_version=4)
    cells = [cell.source for cell in content.cells if {"parameters", "injected-parameters"} & set(tags(cell))]
    given = {node.targets[0].id: node.value for source in cells for node in ast.parse(source).body if _is_setting(node)}
    sums, said = folder / "SHA256SUMS", {}
    if "dataset" in given:
        name = Path(str(ast.literal_eval(given["dataset"]))).name  # an own log by its file alone
        said[translate("Data set")] = translate(DATA_SETS[name]) if name in DATA_SETS else name
    elif sums.is_file():
        said[translate("Evidence")] = sha256(sums)[:SHORT]
    said[translate("Commit")] = (commit or "–")[:SHORT]
    if note.is_file():
        found = json.loads(note.read_text("utf8"))
        said |= {translate("Run"): found["executed"][:SHORT], translate("Seconds"): f"{found['seconds']:.1f}"}
    return said


def link(translate: Translate) -> str:
    """The words of the link from a banner to the page of these tables."""
    return translate("Runs, evidence and versions")


def _is_setting(node: ast.stmt) -> bool:
    named = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    return named and isinstance(node.value, ast.Constant)


def _table(rows: list[tuple[Any, ...]], headings: list[str], formats: Mapping[int, str] | None = None) -> Table:
    """A table whose headings are in the reader's language already; formats: by position."""
    named = {headings[i]: spec for i, spec in (formats or {}).items()}
    return Table(pd.DataFrame(rows, columns=headings), lang="en", formats=named)
