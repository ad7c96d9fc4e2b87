"""What happens before any library is loaded: caches get a place that can be written, failures get words.

In a container or a batch job the home folder may be missing or read-only, and the user may be a number without a name.
numba, matplotlib, IPython, Jupyter and Snakemake then stop, or complain. What they would keep at home goes to a
temporary folder instead. Nothing is changed where the home folder can be written to.

A command of ours that fails while it loads its libraries says so in one message: no traceback either.
"""

from __future__ import annotations

import getpass
import os
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import TracebackType

# What each library asks before it looks at home. The first serves numba, Snakemake, pooch and fontconfig.
VARIABLES = {
    "XDG_CACHE_HOME": "cache", "MPLCONFIGDIR": "matplotlib", "IPYTHONDIR": "ipython",
    "JUPYTER_RUNTIME_DIR": "jupyter/runtime", "JUPYTER_DATA_DIR": "jupyter/data",
    "TORCHINDUCTOR_CACHE_DIR": "torch",
}  # fmt: skip


@cache
def settle() -> Path | None:
    """Sets the environment so that caches can be written; returns the temporary folder, None if it is not needed."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["USER"] = f"uid{os.getuid()}"
    home = Path(os.path.expanduser("~"))
    if home.is_absolute() and home.is_dir() and os.access(home, os.W_OK | os.X_OK):
        return None
    try:
        folder = _temporary()
    except OSError:
        return None  # no place at all: each library says so when it needs one
    for name, part in VARIABLES.items():
        place = Path(os.environ.setdefault(name, str(folder / part)))
        if place.is_relative_to(folder):
            place.mkdir(parents=True, exist_ok=True)  # in our own folder; what its user has named is left to them
    if not (home.is_absolute() and home.is_dir()):
        os.environ["HOME"] = str(folder)
    return folder


def _temporary() -> Path:
    """A folder of this user's own, the same for every process; a new one if somebody else made it first."""
    folder = Path(tempfile.gettempdir()) / f"gru4rec-audit-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    about = folder.lstat()
    if stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid() and not about.st_mode & 0o022:
        return folder
    return Path(tempfile.mkdtemp(prefix=folder.name))


def guard() -> None:
    """For `python -m audit_lib…` alone: whoever imports the library keeps their own way with errors."""
    if sys.argv[:1] == ["-m"]:  # so it stands until the module that was asked for runs
        sys.excepthook = say


def say(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Prints one message for what happens on a machine; a fault of the code keeps its traceback."""
    if issubclass(kind, KeyboardInterrupt):
        print("Stopped.", file=sys.stderr)
    elif isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("audit_lib"):
        print(
            f"Error: The package '{error.name}' is not installed for {sys.executable}. Use .venv/bin/python, "
            "which `make demo` and every other target prepares.",
            file=sys.stderr,
        )
    elif issubclass(kind, ImportError | MemoryError | OSError):
        said = " ".join(str(error).split()) or kind.__name__
        print(f"Error: A library cannot be loaded: {said}. Is there memory, and is .venv whole?", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)
