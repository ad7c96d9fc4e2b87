"""Stage notebooks, as texts and as executed files: cells, parameters, and what two equal runs have in common."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import jupytext
import nbformat

from audit_lib.errors import InputError, MissingError


def read(path: Path) -> Any:
    """The notebook in a text file, with cell ids that depend on its content's order alone."""
    if not path.is_file():
        raise MissingError(f"There is no notebook text at {path}.")
    notebook = jupytext.read(path)
    notebook.metadata.setdefault("kernelspec", {"name": "python3", "display_name": "Python 3", "language": "python"})
    return number_cells(notebook)


def number_cells(notebook: Any) -> Any:
    """Replace random cell ids by the cell's position (papermill's injected cell has its own)."""
    position = 0
    for cell in notebook.cells:
        if is_injected(cell):
            cell["id"] = "injected-parameters"
        else:
            position += 1
            cell["id"] = f"cell-{position:03d}"
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def tags(cell: Any) -> list[str]:
    """The tags of a cell."""
    return list(cell.metadata.get("tags", []))


def is_injected(cell: Any) -> bool:
    """Whether papermill put this cell here."""
    return "injected-parameters" in tags(cell)


def declared(notebook: Any) -> list[str]:
    """Names that the cell tagged `parameters` assigns."""
    cells = [cell for cell in notebook.cells if "parameters" in tags(cell)]
    if not cells:
        return []
    names = []
    for node in ast.parse(cells[0].source).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names += [target.id for target in targets if isinstance(target, ast.Name)]
    return names


def declared_by(text: Path) -> list[str]:
    """Names of the parameters that the notebook in a text file declares."""
    return declared(read(text))


def quoted(value: Any) -> str:
    """A value as Python reads it, text in double quotes as everywhere else."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def given(source: str, parameters: Mapping[str, Any]) -> str:
    """The source of a parameters cell with these values in place of its own."""
    lines = source.split("\n")
    for node in ast.parse(source).body:
        name = node.targets[0].id if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) else None
        if name in parameters and node.lineno == node.end_lineno:
            end = node.value.end_col_offset
            line = lines[node.lineno - 1].encode()
            lines[node.lineno - 1] = f"{name} = {quoted(parameters[name])}{line[end:].decode()}"
    return "\n".join(lines)


def normalise(notebook: Any) -> Any:
    """Drop what differs between two runs that did the same: ids, clock times, paths, the cutting of streams.

    The parameters of the run stand in the cell that declares them, so that a page shows those it was made with.
    """
    record = notebook.metadata.get("papermill", {}).get("parameters", {})
    notebook.cells = [cell for cell in notebook.cells if not is_injected(cell)]
    for cell in notebook.cells:
        if "parameters" in tags(cell):
            cell.source = given(cell.source, record)
    number_cells(notebook)
    record = notebook.metadata.pop("papermill", {})
    notebook.metadata["papermill"] = {"parameters": record.get("parameters", {})}
    notebook.metadata.pop("jupytext", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if not tags(cell):
            cell.metadata.pop("tags", None)
    for number, cell in enumerate(code_cells(notebook), 1):
        cell.outputs, cell.execution_count = join_streams(cell.outputs), number
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number
    return notebook


def join_streams(outputs: Sequence[Any]) -> list[Any]:
    """Outputs with neighbouring pieces of one stream joined: where a stream is cut is a matter of timing."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def write(notebook: Any, path: Path) -> None:
    """Write a notebook under a temporary name, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".writing")
    nbformat.write(notebook, temporary)
    temporary.replace(path)


def take_outputs(notebook: Any, executed: Any) -> Any:
    """Give each code cell the outputs of the first cell of `executed` with the same code, and return the notebook."""
    earlier = [cell for cell in code_cells(executed) if not is_injected(cell)]
    for cell in code_cells(notebook):
        same = next((old for old in earlier if old.source == cell.source), None)
        if same is not None:
            cell.outputs, cell.execution_count = same.outputs, same.execution_count
            earlier.remove(same)
    return notebook


def code_cells(notebook: Any) -> list[Any]:
    """The code cells of a notebook, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def renew(executed: Path, text: Path, parameters: Mapping[str, Any]) -> None:
    """Give an executed notebook the prose of its text, whose code and `parameters` are those it was run with."""
    notebook, old = read(text), nbformat.read(executed, as_version=4)
    notebook.metadata |= old.metadata | {"papermill": {"parameters": dict(parameters)}}
    for cell, ran in zip(code_cells(notebook), code_cells(old), strict=True):
        cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
    write(normalise(notebook), executed)


def pair(text: Path, *, executed: Path | None = None) -> Path:
    """Write the .ipynb beside a notebook's text, and return its path.

    Cells come from the text; outputs from `executed`, or else from the .ipynb that is there already, wherever the
    code is still the same. The .ipynb gets the text's time, so that jupytext finds neither newer than the other. One
    that somebody has edited since it was made, and that the text does not follow, is kept under another name.
    """
    notebook, target = read(text), text.with_suffix(".ipynb")
    source = executed or target
    if source.is_file():
        take_outputs(notebook, nbformat.read(source, as_version=4))
    keep_edits(target, notebook)
    notebook.metadata[MADE] = {"sources": sources_digest(notebook)}
    write(notebook, target)
    os.utime(target, (text.stat().st_mtime, text.stat().st_mtime))
    return target


MADE = "audit"  # in the metadata of a paired .ipynb: the digest of its cells as they were written


def sources_digest(notebook: Any) -> str:
    """The sha256 of the cells of a notebook, without their outputs."""
    cells = [(cell.cell_type, cell.source.strip()) for cell in notebook.cells if not is_injected(cell)]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def keep_edits(target: Path, notebook: Any) -> Path | None:
    """Move an .ipynb that somebody has edited out of the way of `notebook`, say so, and return its new place.

    None, and nothing is moved, where its cells are as they were made, or as they are going to be.
    """
    if not target.is_file() or not target.stat().st_size:
        return None
    try:
        there = nbformat.read(target, as_version=4)
    except (OSError, ValueError) as error:
        raise InputError(f"{target} is no notebook that can be read: {error}. Move it away.") from error
    found = sources_digest(there)
    if found in (there.metadata.get(MADE, {}).get("sources"), sources_digest(notebook)):
        return None
    kept = target.with_name(f"{target.stem}.edited-{time.strftime('%Y%m%d-%H%M%S')}.ipynb")
    target.rename(kept)
    click.echo(f"{target.name} was edited and differs from its text: it is kept as notebooks/{kept.name}. To take the "
               f"edits over, run `jupytext --to md:myst --output notebooks/{target.stem}.md notebooks/{kept.name}`.",
               err=True)  # fmt: skip
    return kept
