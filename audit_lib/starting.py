"""What a command of ours says if it fails before it has begun, while it loads its libraries: no traceback either."""

from __future__ import annotations

import sys
from types import TracebackType


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
