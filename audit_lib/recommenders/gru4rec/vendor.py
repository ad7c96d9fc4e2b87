"""The authors' GRU4Rec (PyTorch): fetched on demand at one pinned commit, verified, loaded by path, never changed.

It is not part of this project and not redistributed with it. `AUDIT_VENDOR` moves the folder it lies in (default:
`vendor/` beside `audit_lib/`), `AUDIT_VENDOR_URL` names another clone source (a local git directory works), and
`AUDIT_VENDOR_ANY=1` asks for whatever tree is there instead of the pinned one.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from audit_lib.errors import InputError, MissingError
from audit_lib.files import PROJECT

URL = "https://github.com/hidasib/GRU4Rec_PyTorch_Official"
COMMIT = "d1fc31105577665d2f105de1c8d9a38d223a9a22"
NAME = "GRU4Rec_PyTorch_Official"
COMMAND = "python -m audit_lib fetch official"
NOTICE = (
    "Official GRU4Rec (PyTorch) by Balázs Hidasi. Licence: free for research and education; commercial use needs "
    "its author's consent. Cite Hidasi et al., ICLR 2016 (arXiv 1511.06939) and Hidasi & Karatzoglou, CIKM 2018 "
    "(arXiv 1706.03847). It stays in a git-ignored folder and is not part of this project."
)
# Variables through which an enclosing git command would make ours look at its repository instead of the vendor's.
_GIT_LOCAL = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")


@dataclass(frozen=True)
class Tree:
    """What was found in the vendor folder: its commit, and whether its files are that commit's."""

    commit: str
    clean: bool

    @property
    def pinned(self) -> bool:
        return self.clean and self.commit == COMMIT

    def manifest(self) -> dict[str, str | bool]:
        """For the manifest of every evidence file that used the official code."""
        return {"url": URL, **asdict(self), "pinned": self.pinned}


def vendor_folder() -> Path:
    """Where the official repository lies, or would lie."""
    base = os.environ.get("AUDIT_VENDOR") or PROJECT / "vendor"
    return Path(base) / NAME


def fetch_official(*, any_tree: bool | None = None) -> str:
    """Clones the pinned commit into the vendor folder, verifies it, and returns the notice to show.

    Does nothing but verify if it is there already. The clone lands under a temporary name and is then renamed.
    Raises MissingError if it cannot be cloned, InputError if what lies there is another or a changed tree.
    """
    folder = vendor_folder()
    done = "is already in" if folder.exists() else "was fetched into"
    if not folder.exists():
        _clone(folder)
    tree = verify(folder, any_tree=any_tree)
    note = "" if tree.pinned else " (NOT the pinned tree, as asked)"
    return f"{NAME} {done} '{folder}', commit {tree.commit[:7]}{note}.\n{NOTICE}"


def verify(folder: Path | None = None, *, any_tree: bool | None = None) -> Tree:
    """The commit and cleanliness of the vendor folder.

    Raises MissingError if it is not there; InputError, unless any tree is asked for, if it is not the pinned commit or
    a file in it was changed, added or removed.
    """
    folder = folder or vendor_folder()
    if not folder.is_dir():
        raise MissingError(f"The official GRU4Rec is not in '{folder}'. Run: {COMMAND}")
    any_tree = os.environ.get("AUDIT_VENDOR_ANY") == "1" if any_tree is None else any_tree
    try:
        commit = _git("rev-parse", "HEAD", folder=folder)
        changed = _git("status", "--porcelain", "--untracked-files=all", folder=folder).splitlines()
    except subprocess.CalledProcessError as error:
        message = f"'{folder}' is not a git repository ({_last(error)}). Delete it, then run: {COMMAND}"
        raise InputError(message) from error
    if not any_tree and commit != COMMIT:
        raise InputError(
            f"'{folder}' is at commit {commit[:7]}, not {COMMIT[:7]}. Delete it and run: {COMMAND} (or set "
            "AUDIT_VENDOR_ANY=1 to use it all the same)."
        )
    if not any_tree and changed:
        raise InputError(
            f"'{folder}' has {len(changed)} changed files, the first is '{changed[0][3:]}'. Delete it and run: "
            f"{COMMAND} (or set AUDIT_VENDOR_ANY=1 to use it all the same)."
        )
    return Tree(commit, not changed)


def load_official(name: str = "gru4rec_pytorch") -> tuple[ModuleType, Tree]:
    """A verified module of the official code, loaded by path, and the tree it came from.

    `sys.path` and `sys.modules` stay as they are, and no bytecode is written into the vendor folder.
    """
    tree = verify()
    return _module(vendor_folder(), name, tree), tree


@lru_cache(maxsize=8)
def _module(folder: Path, name: str, tree: Tree) -> ModuleType:
    path = folder / f"{name}.py"
    if not path.is_file():
        raise InputError(f"There is no '{path.name}' in '{folder}'. Delete the folder, then run: {COMMAND}")
    # Its other modules import this one by its bare name, so that name must stand for it while they load.
    needed = {} if name == "gru4rec_pytorch" else {"gru4rec_pytorch": _module(folder, "gru4rec_pytorch", tree)}
    spec = importlib.util.spec_from_file_location(f"_official_{tree.commit[:7]}_{name}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"'{path}' is no Python module. Delete the folder, then run: {COMMAND}")
    module = importlib.util.module_from_spec(spec)
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    before = {key: sys.modules.get(key) for key in needed}
    sys.modules.update(needed)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = writes
        for key, value in before.items():
            del sys.modules[key]
            if value is not None:
                sys.modules[key] = value
    return module


def _clone(folder: Path) -> None:
    url = os.environ.get("AUDIT_VENDOR_URL") or URL
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{NAME}-", dir=folder.parent))
    try:
        clone = partial / NAME
        try:
            _git("clone", "--quiet", "--no-checkout", "-c", "core.autocrlf=false", url, str(clone), folder=partial)
        except subprocess.CalledProcessError as error:
            raise MissingError(
                f"Cannot clone {url} ({_last(error)}). Offline? Set AUDIT_VENDOR_URL to a local copy and run: {COMMAND}"
            ) from error
        try:
            _git("checkout", "--quiet", "--detach", COMMIT, folder=clone)
        except subprocess.CalledProcessError as error:
            raise InputError(f"{url} does not hold commit {COMMIT[:7]} ({_last(error)}).") from error
        if not folder.exists():  # another process may have fetched it meanwhile
            clone.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _git(*arguments: str, folder: Path) -> str:
    """Output of git, looking at `folder` itself and never at a repository around it."""
    env = {key: value for key, value in os.environ.items() if key not in _GIT_LOCAL}
    env |= {"GIT_CEILING_DIRECTORIES": str(folder.resolve().parent), "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout.strip("\n")
    except FileNotFoundError as error:
        raise MissingError(f"git is not installed; install it, then run: {COMMAND}") from error


def _last(error: subprocess.CalledProcessError) -> str:
    lines = [line for line in (error.stderr or "").splitlines() if line.strip()]
    return lines[-1].removeprefix("fatal: ") if lines else f"git exit status {error.returncode}"
