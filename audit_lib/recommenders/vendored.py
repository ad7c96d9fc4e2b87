"""Code of others: fetched on demand at one pinned commit, verified, loaded by path, never changed.

It is not part of this project and not redistributed with it. `AUDIT_VENDOR` moves the folder it lies in (default:
`vendor/` beside `audit_lib/`), the variable that a code names holds another clone source (a local git directory works),
and `AUDIT_VENDOR_ANY=1` asks for whatever tree is there instead of the pinned one.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from audit_lib.errors import InputError, MissingError
from audit_lib.files import PROJECT

# Variables through which an enclosing git command would make ours look at its repository instead of the vendor's.
_GIT_LOCAL = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")


@dataclass(frozen=True)
class Code:
    """A repository at one commit.

    name: what `fetch` calls it. title: what sentences call it. folder: its name below the vendor folder. variable: the
    environment variable that names another clone source. notice: authors, licence and what to cite, shown on fetching.
    """

    name: str
    title: str
    folder: str
    url: str
    commit: str
    variable: str
    notice: str

    @property
    def command(self) -> str:
        """What fetches it."""
        return f"python -m audit_lib fetch {self.name}"

    @property
    def place(self) -> Path:
        """The folder in which it lies, or would lie."""
        return Path(os.environ.get("AUDIT_VENDOR") or PROJECT / "vendor") / self.folder


@dataclass(frozen=True)
class Tree:
    """What was found in the folder of a code: its commit, and whether its files are that commit's."""

    code: Code
    commit: str
    clean: bool

    @property
    def pinned(self) -> bool:
        return self.clean and self.commit == self.code.commit

    def manifest(self) -> dict[str, str | bool]:
        """What is kept of it with everything that the code was used for."""
        return {"url": self.code.url, "commit": self.commit, "clean": self.clean, "pinned": self.pinned}


def fetch(code: Code) -> str:
    """Clones the pinned commit into the vendor folder, verifies it, and returns the notice to show.

    Does nothing but verify if it is there already. The clone lands under a temporary name and is then renamed.
    Raises MissingError if it cannot be cloned, InputError if what lies there is another or a changed tree.
    """
    folder = code.place
    done = "is already in" if folder.exists() else "was fetched into"
    if not folder.exists():
        clone(code, folder)
    tree = verify(code)
    note = "" if tree.pinned else " (NOT the pinned tree, as asked)"
    return f"{code.folder} {done} '{folder}', commit {tree.commit[:7]}{note}.\n{code.notice}"


def verify(code: Code) -> Tree:
    """The commit and cleanliness of a code's folder.

    Raises MissingError if it is not there; InputError, unless any tree is asked for, if it is not the pinned commit or
    a file in it was changed, added or removed.
    """
    folder, any_tree = code.place, os.environ.get("AUDIT_VENDOR_ANY") == "1"
    if not folder.is_dir():
        raise MissingError(f"{code.title} is not in '{folder}'. Run: {code.command}")
    try:
        commit = _git("rev-parse", "HEAD", folder=folder, code=code)
        changed = _git("status", "--porcelain", "--untracked-files=all", folder=folder, code=code).splitlines()
    except subprocess.CalledProcessError as error:
        message = f"'{folder}' is not a git repository ({_last(error)}). Delete it, then run: {code.command}"
        raise InputError(message) from error
    if not any_tree and commit != code.commit:
        raise InputError(
            f"'{folder}' is at commit {commit[:7]}, not {code.commit[:7]}. Delete it and run: {code.command} (or set "
            "AUDIT_VENDOR_ANY=1 to use it all the same)."
        )
    if not any_tree and changed:
        raise InputError(
            f"'{folder}' has {len(changed)} changed files, the first is '{changed[0][3:]}'. Delete it and run: "
            f"{code.command} (or set AUDIT_VENDOR_ANY=1 to use it all the same)."
        )
    return Tree(code, commit, not changed)


def load(tree: Tree, file: str, *, beside: Mapping[str, ModuleType] | None = None) -> ModuleType:
    """A module of verified code, loaded by its path in the repository, each once.

    beside: modules that it imports by their bare names, which stand for them while it loads. `sys.path` and
    `sys.modules` stay as they are, and no bytecode is written into the vendor folder.
    """
    return _module(tree, tree.code.place, file, tuple((beside or {}).items()))


@lru_cache(maxsize=16)
def _module(tree: Tree, folder: Path, file: str, beside: tuple[tuple[str, ModuleType], ...]) -> ModuleType:
    path, again = folder / file, f"Delete the folder, then run: {tree.code.command}"
    if not path.is_file():
        raise InputError(f"There is no '{path.name}' in '{path.parent}'. {again}")
    spec = importlib.util.spec_from_file_location(f"_{tree.code.name}_{tree.commit[:7]}_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"'{path}' is no Python module. {again}")
    module = importlib.util.module_from_spec(spec)
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    before = {key: sys.modules.get(key) for key, _ in beside}
    sys.modules.update(beside)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = writes
        for key, value in before.items():
            del sys.modules[key]
            if value is not None:
                sys.modules[key] = value
    return module


def clone(code: Code, folder: Path) -> None:
    """Puts the pinned commit into a folder that is not there, whole or not at all.

    Raises MissingError if it cannot be cloned, InputError if the source does not hold the commit.
    """
    url = os.environ.get(code.variable) or code.url
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{code.folder}-", dir=folder.parent))
    try:
        clone = partial / code.folder
        options = ("--quiet", "--no-checkout", "-c", "core.autocrlf=false")
        try:
            _git("clone", *options, url, str(clone), folder=partial, code=code)
        except subprocess.CalledProcessError as error:
            raise MissingError(
                f"Cannot clone {url} ({_last(error)}). Offline? Set {code.variable} to a local copy and run: "
                f"{code.command}"
            ) from error
        try:
            _git("checkout", "--quiet", "--detach", code.commit, folder=clone, code=code)
        except subprocess.CalledProcessError as error:
            raise InputError(f"{url} does not hold commit {code.commit[:7]} ({_last(error)}).") from error
        if not folder.exists():  # another process may have fetched it meanwhile
            clone.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _git(*arguments: str, folder: Path, code: Code) -> str:
    """Output of git, looking at `folder` itself and never at a repository around it."""
    env = {key: value for key, value in os.environ.items() if key not in _GIT_LOCAL}
    env |= {"GIT_CEILING_DIRECTORIES": str(folder.resolve().parent), "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout.strip("\n")
    except FileNotFoundError as error:
        raise MissingError(f"git is not installed; install it, then run: {code.command}") from error


def _last(error: subprocess.CalledProcessError) -> str:
    lines = [line for line in (error.stderr or "").splitlines() if line.strip()]
    return lines[-1].removeprefix("fatal: ") if lines else f"git exit status {error.returncode}"
