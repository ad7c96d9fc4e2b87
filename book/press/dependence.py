"""Which statements of a notebook depend on a parameter, so that the others need not run again in the same kernel.

After a run with other parameters, an assignment is left out if nothing else in the notebook assigns the same names, and
if it reads neither a parameter that differs nor a name assigned by a statement that does. A cell of which nothing has
to run again keeps its outputs.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from book.press.notebooks import is_injected, tags


def to_run(cells: Sequence[Any], earlier: Sequence[Any]) -> dict[int, str | None]:
    """For each code cell by its index, the source that has to run again, None if its outputs are as they were.

    cells, earlier: one notebook with the cell that papermill injects, as it is now and as it was run before, in the
    kernel that is going to be used.
    """
    trees = {
        index: ast.parse(cell.source).body
        for index, cell in enumerate(cells)
        if cell.cell_type == "code" and "parameters" not in tags(cell)
    }
    statements = [node for body in trees.values() for node in body]
    imported = {name for node in statements if _is_import(node) for name in assigned(node)}
    times = Counter(name for node in statements for name in assigned(node) - imported)
    changed: set[str] = set()
    parts: dict[int, str | None] = {index: None for index, cell in enumerate(cells) if "parameters" in tags(cell)}
    for index, body in trees.items():
        if is_injected(cells[index]):
            now, before = _literals(body), _literals(ast.parse(earlier[index].source).body)
            changed |= {name for name in now | before if now.get(name) != before.get(name)}
            continue
        again = set()
        for position, node in enumerate(body):
            names = assigned(node) - imported
            if read(node) & changed or any(times[name] > 1 for name in names):
                again.add(position)
                changed |= names if read(node) & changed else set()
        parts[index] = _part(cells[index].source, body, again)
    return parts


def _part(source: str, body: Sequence[ast.stmt], again: set[int]) -> str | None:
    """The source of a cell without assignments that need not run again; None if nothing has to."""
    if not again:
        return None
    lines = source.split("\n")
    for position, node in enumerate(body):
        alone = not any(node.lineno <= other.end_lineno and other.lineno <= node.end_lineno
                        for other in body if other is not node)  # fmt: skip
        if position not in again and isinstance(node, ast.Assign | ast.AnnAssign) and alone:
            lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    return "\n".join(lines)


def _is_import(node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def _literals(body: Sequence[ast.stmt]) -> dict[str, str]:
    """Name to value, as text, of the assignments of a cell."""
    nodes = [node for node in body if isinstance(node, ast.Assign)]
    return {name: ast.unparse(node.value) for node in nodes for name in assigned(node)}


def read(node: ast.AST) -> set[str]:
    """Names that a statement reads."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}


def assigned(node: ast.stmt) -> set[str]:
    """Names that a statement assigns, imports or may change in place (`a[0] = 1`, `a.b = 1`, `a.append(1)`)."""
    names = set(_changed_by_call(node))
    for part in _outside_comprehensions(node):
        match part:
            case ast.alias(name=name, asname=given):
                names.add(given or name.split(".")[0])
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store()) | ast.Attribute(ctx=ast.Store()):
                names |= _base(part)
    return names


def _outside_comprehensions(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all below it, without the variables of comprehensions, which nobody outside sees."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.comprehension):
            yield from _outside_comprehensions(child)


def _changed_by_call(node: ast.AST) -> set[str]:
    """The object of each method whose call is a statement of its own, anywhere in a statement."""
    calls = [part.value for part in ast.walk(node) if isinstance(part, ast.Expr) and isinstance(part.value, ast.Call)]
    return {name for call in calls if isinstance(call.func, ast.Attribute) for name in _base(call.func)}


def _base(node: ast.AST) -> set[str]:
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()
