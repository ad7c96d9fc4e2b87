"""The house as `CONTRIBUTING.md` draws it: imports go down, packages say what they hold, few files stand outside."""

from __future__ import annotations

import ast
import logging.config
import re
import tomllib

import pytest

from audit_lib.commands import VERBS, cli
from audit_lib.files import PROJECT

LIBRARY, PRESS = PROJECT / "audit_lib", PROJECT / "book" / "press"
MODULES = sorted([*LIBRARY.rglob("*.py"), *PRESS.rglob("*.py")])
FLOORS = ("data", "recommenders", "show", "evaluation", "study", "measurements", "stages", "commands")


def test_imports_go_down(capsys, monkeypatch):
    monkeypatch.setattr(logging.config, "dictConfig", lambda _: None)  # it would silence the loggers of later tests
    """The contract of pyproject.toml."""
    linter = pytest.importorskip("importlinter.cli", reason="import-linter is not installed: run make again")
    broken = linter.lint_imports(config_filename=str(PROJECT / "pyproject.toml"), no_cache=True)
    assert not broken, capsys.readouterr().out


def test_the_types_of_what_computes_the_numbers_hold_together(monkeypatch):
    """Of the packages that pyproject.toml names, strictly."""
    mypy = pytest.importorskip("mypy.api", reason="mypy is not installed: run make again")
    monkeypatch.chdir(PROJECT)
    said, failure, status = mypy.run([])
    assert status == 0, said + failure


def test_the_library_is_eight_packages_and_four_files():
    folders = {path.parent.name for path in LIBRARY.glob("*/__init__.py")}
    assert folders == set(FLOORS)
    assert {path.name for path in LIBRARY.glob("*.py")} == {"__init__.py", "__main__.py", "errors.py", "files.py"}


def test_every_file_of_the_library_is_in_its_wheel():
    wanted = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf8"))["tool"]["setuptools"]["package-data"]["*"]
    others = [path for path in LIBRARY.rglob("*.*") if path.suffix not in (".py", ".pyc", ".nbc", ".nbi")]
    assert others
    assert [path for path in others if not any(path.match(pattern) for pattern in wanted)] == []


@pytest.mark.parametrize("package", [path.parent for path in MODULES if path.name == "__init__.py"], ids=str)
def test_every_package_says_what_it_holds(package):
    said = ast.get_docstring(ast.parse((package / "__init__.py").read_text("utf8")))
    assert said
    assert said.split("\n")[0].endswith(".")
    if package.parent in (LIBRARY, PRESS):
        listed = re.findall(r"^ *([\w, ]*?\w)  +\S", said, re.MULTILINE)
        names = {name for line in listed for name in line.split(", ")}
        own = {path.stem for path in package.glob("[a-z]*.py")} | {path.parent.name for path in package.glob("*/*.py")}
        assert names == own


def test_a_module_is_imported_by_name_only_where_a_registry_lists_it():
    users = {str(path.relative_to(PROJECT)) for path in MODULES if "import_module(" in path.read_text("utf8")}
    assert users == {f"audit_lib/{package}/__init__.py" for package in ("recommenders", "measurements", "commands")}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_there_and_says_what_it_does(verb):
    command = cli.get_command(None, verb)
    assert command.name == verb
    assert command.help
    assert VERBS[verb][1].endswith(".")
