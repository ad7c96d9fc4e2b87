"""Small faults put into a module on purpose, one at a time: what mutation testing asks the tests to notice.

A mutant is the module with one node of its syntax tree changed (DeMillo, Lipton & Sayward 1978). Docstrings, type
annotations, decorators, imports and the wording of errors are left alone: they state nothing that a test should hold.
"""

from __future__ import annotations

import ast
import pickle
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

SWAPPED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd, ast.RShift: ast.LShift, ast.Mod: ast.Mult,
}  # fmt: skip
NAMES = {
    "min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum", "any": "all", "all": "any",
    "zeros": "ones", "ones": "zeros", "zeros_like": "ones_like", "ones_like": "zeros_like", "sorted": "list",
}  # fmt: skip
KINDS = ("comparison", "arithmetic", "logic", "number", "text", "name", "argument", "guard", "statement")
Put = Callable[[ast.AST], None]


@dataclass(frozen=True)
class Mutant:
    """One fault: in which function, of which kind, how its statement reads before and after.

    number counts from 0 the mutants of a module that read the same, so that `key` names one.
    """

    function: str
    kind: str
    before: str
    after: str
    number: int
    line: int
    tree: ast.Module

    @property
    def key(self) -> tuple[str, str, str, int]:
        return self.function, self.before, self.after, self.number


@dataclass(frozen=True)
class _Site:
    """A place where a change can be made, and the change."""

    function: str
    statement: ast.stmt
    kind: str
    change: Callable[[], None]


def of(source: str) -> Iterator[Mutant]:
    """Every mutant of a module's source, in the order of its text. All share the statements that are not changed."""
    module = ast.parse(source)
    seen: Counter[tuple[str, str, str]] = Counter()
    for place, original in enumerate(module.body):
        copies = pickle.dumps(original)
        for at in range(len(list(_in_statement(original, "")))):
            statement = pickle.loads(copies)
            site = list(_in_statement(statement, ""))[at]
            before = _text(site.statement)
            site.change()
            key = (site.function, before, _text(site.statement))
            ast.fix_missing_locations(statement)
            tree = ast.Module([*module.body[:place], statement, *module.body[place + 1 :]], module.type_ignores)
            yield Mutant(site.function, site.kind, *key[1:], seen[key], site.statement.lineno, tree)
            seen[key] += 1


def _text(statement: ast.stmt) -> str:
    """The statement on one line; of one that has a body, the head alone."""
    return " ".join(ast.unparse(statement).split("\n")[0].split())


def _in_statement(statement: ast.stmt, function: str) -> Iterator[_Site]:
    if isinstance(statement, ast.Import | ast.ImportFrom | ast.Raise | ast.Pass) or _is_text(statement):
        return
    if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
        return
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        function = f"{function}.{statement.name}".lstrip(".")
        if isinstance(statement, ast.FunctionDef):
            for defaults in (statement.args.defaults, statement.args.kw_defaults):
                for i, value in enumerate(defaults):
                    if value is not None:
                        yield from _in_expression(value, function, statement, _at(defaults, i))
    if isinstance(statement, ast.Expr):
        yield _Site(function, statement, "statement", lambda: _become(statement, ast.Constant(value=None)))
    if isinstance(statement, ast.If) and isinstance(statement.body[-1], ast.Raise):
        yield _Site(function, statement, "guard", lambda: setattr(statement, "test", ast.Constant(value=False)))
    if isinstance(statement, ast.AugAssign):
        yield _Site(function, statement, "arithmetic", lambda: _swap(statement))
    for name, value in ast.iter_fields(statement):
        if name in ("decorator_list", "annotation", "returns", "args", "bases", "keywords", "op"):
            continue
        for child, place in _children(statement, name, value):
            if isinstance(child, ast.stmt):
                yield from _in_statement(child, function)
            elif isinstance(child, ast.ExceptHandler):
                for inner in child.body:
                    yield from _in_statement(inner, function)
            else:
                yield from _in_expression(child, function, statement, place)


def _in_expression(node: ast.AST, function: str, statement: ast.stmt, put: Put) -> Iterator[_Site]:
    if isinstance(node, ast.JoinedStr):
        return
    for kind, change in _changes(node, put):
        yield _Site(function, statement, kind, change)
    for name, value in ast.iter_fields(node):
        for child, place in _children(node, name, value):
            yield from _in_expression(child, function, statement, place)


def _changes(node: ast.AST, put: Put) -> Iterator[tuple[str, Callable[[], None]]]:
    """What can be done to one node of an expression."""
    if isinstance(node, ast.Compare):
        for i in range(len(node.ops)):
            yield "comparison", lambda i=i: node.ops.__setitem__(i, SWAPPED[type(node.ops[i])]())
    elif isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPPED:
        yield "arithmetic" if isinstance(node, ast.BinOp) else "logic", lambda: _swap(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        yield "arithmetic" if isinstance(node.op, ast.USub) else "logic", lambda: put(node.operand)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield "logic", lambda: setattr(node, "value", not node.value)
        elif isinstance(node.value, int | float):
            yield "number", lambda: setattr(node, "value", node.value + 1)
        elif isinstance(node.value, str):
            yield "text", lambda: setattr(node, "value", f"~{node.value}")
    elif isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg is not None:
                yield "argument", lambda keyword=keyword: node.keywords.remove(keyword)
        called = node.func
        if isinstance(called, ast.Name) and called.id in NAMES:
            yield "name", lambda: setattr(called, "id", NAMES[called.id])
        if isinstance(called, ast.Attribute) and called.attr in NAMES:
            yield "name", lambda: setattr(called, "attr", NAMES[called.attr])


def _children(node: ast.AST, name: str, value: object) -> Iterator[tuple[ast.AST, Put]]:
    """The nodes in a field, each with what puts another in its place."""
    if isinstance(value, ast.AST):
        yield value, lambda new: setattr(node, name, new)
    elif isinstance(value, list):
        for i, child in enumerate(value):
            if isinstance(child, ast.AST):
                yield child, _at(value, i)


def _at(nodes: list, i: int) -> Put:
    return lambda new: nodes.__setitem__(i, new)


def _swap(node: ast.BinOp | ast.BoolOp | ast.AugAssign) -> None:
    node.op = SWAPPED[type(node.op)]()


def _become(statement: ast.Expr, value: ast.expr) -> None:
    statement.value = ast.copy_location(value, statement.value)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
