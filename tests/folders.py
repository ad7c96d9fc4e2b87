"""What lies in a folder, for tests of what is written and what is left behind."""

from __future__ import annotations

from pathlib import Path


def files(folder: Path) -> list[str]:
    """The names of all files below a folder, hidden ones too, in order."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of all files below a folder, by name."""
    return {name: (folder / name).read_bytes() for name in files(folder)}
