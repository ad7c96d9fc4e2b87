"""Makes faults for real: processes killed at a chosen moment, disks that are full or read-only."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit_lib.data.preparing import prepare
from audit_lib.files import ONE_THREAD, PROJECT
from audit_lib.study import evidence, running
from tests.folders import files

ROOT = PROJECT
SETTINGS = {"layers": 8, "n_sample": 16, "batch_size": 8, "n_epochs": 3}
DATA = "synthetic:n_sessions=120,n_items=15"

# One process imports the library; every child is a fork of it, so that killing many costs little.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["tests.defence.faulty", "audit_lib.recommenders.gru4rec.fast", "audit_lib.data.datasets"]
)


def train(out: Path, *, recommender: str = "gru4rec", **options: Any) -> evidence.Run:
    """Trains and ranks a small GRU4Rec for three epochs, or another recommender."""
    data, split = prepare(DATA)
    settings = SETTINGS if recommender == "gru4rec" else {}
    return running.run(data, split, recommender, out=out, **settings, **options)


def child(task: Callable[..., Any], *arguments: Any) -> Any:
    """A process that runs `task`; it is started."""
    process = _CONTEXT.Process(target=task, args=arguments)
    process.start()
    return process


def ended(process: Any) -> int:
    """How a child ended: its exit status, or minus the signal that killed it."""
    process.join(120)
    assert process.exitcode is not None, "the child hangs"
    return process.exitcode


def die() -> None:
    """The end that leaves no time to clear anything away."""
    os.kill(os.getpid(), signal.SIGKILL)


def train_and_die(out: Path, moment: str, number: int) -> None:
    """Trains, and is killed 'before' or 'after' the given rename, or 'in' the middle of writing the given file.

    Files count only once they are renamed: one checkpoint an epoch, then targets, ranks and manifest.
    """
    seen, replace, write = iter(range(10**6)), Path.replace, Path.write_bytes

    def renamed(self: Path, target: Path) -> Path:
        last = next(seen) == number
        if last and moment == "before":
            die()
        done = replace(self, target)
        if last and moment == "after":
            die()
        return done

    def written(self: Path, content: bytes) -> int:
        if next(seen) == number:
            write(self, content[: len(content) // 2])
            die()
        return write(self, content)

    if moment == "in":
        Path.write_bytes = written
    else:
        Path.replace = renamed
    train(out)


def finished(folder: Path) -> list[str]:
    """What looks finished: neither hidden nor in a hidden folder."""
    return [name for name in files(folder) if not any(part.startswith(".") for part in Path(name).parts)]


def in_a_small_disk(script: str, folder: Path, *, size: str = "4m") -> str:
    """What a Python script prints that runs with a disk of its own, of the given size, mounted at `folder`/disk.

    Skips the test where this system lets nobody mount one. `DISK` is its path in the script.
    """
    disk = folder / "disk"
    disk.mkdir()
    if shutil.which("unshare") is None:
        pytest.skip("no unshare on this system: a small disk cannot be mounted")
    enter = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    mount = 'mount -t tmpfs -o size="$1" tmpfs "$2" || exit 77; shift 2; exec "$@"'
    code = f"from pathlib import Path\nDISK = Path({str(disk)!r})\n" + textwrap.dedent(script)
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    command = [*enter, mount, "sh", size, str(disk), sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 77 or "unshare failed" in done.stderr or "Operation not permitted" in done.stderr:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()[:200]}")
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
