"""Files: where they lie, their hashes, writing them whole or not at all, and one process at a time on one of them.

In a container or a batch job the home folder may be missing or read-only, and the user may be a number without a name.
numba, matplotlib, IPython, Jupyter and Snakemake then stop, or complain. `settle` puts what they would keep at
home into a temporary folder; it changes nothing where the home folder can be written to.

A lock is an flock on the hidden file `.NAME.lock` beside what it guards, which says who holds it. The kernel lets go of
it when the last process that has it open ends, however that ends: nothing is left to clear away after a crash.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import getpass
import hashlib
import json
import logging
import os
import platform
import secrets
import stat
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from audit_lib.errors import BusyError, WriteError

log_ = logging.getLogger(__name__)

_AROUND = Path(__file__).resolve().parent.parent
IN_CHECKOUT = (_AROUND / "book" / "study.toml").is_file()  # else pip has installed the library alone
PROJECT = _AROUND if IN_CHECKOUT else Path.cwd()
BOOK = PROJECT / "book"
COMMITTED = BOOK / "evidence"  # of the full study, published with the book
# The environment of a process that computes on one core alone.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)

# What each library asks before it looks at home. The first serves numba, Snakemake, pooch and fontconfig.
CACHES = {
    "XDG_CACHE_HOME": "cache", "MPLCONFIGDIR": "matplotlib", "IPYTHONDIR": "ipython",
    "JUPYTER_RUNTIME_DIR": "jupyter/runtime", "JUPYTER_DATA_DIR": "jupyter/data",
    "TORCHINDUCTOR_CACHE_DIR": "torch",
}  # fmt: skip

_ATTEMPTS = 1000
_BUSY = {errno.EWOULDBLOCK, errno.EACCES}
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}  # a file system that has none


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
    for name, part in CACHES.items():
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


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(value: Any) -> str:
    """sha256 of a JSON value in canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())


def writable(folder: Path) -> bool:
    """Whether evidence can be written there, as far as can be told without writing."""
    place = existing(folder)
    return place.is_dir() and os.access(place, os.W_OK)


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`. What the block writes there becomes `path`; if it fails, nothing does."""
    partial = _partial(path)
    try:
        yield partial
        flush(partial)
        partial.replace(path)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def _partial(path: Path) -> Path:
    """A name of this call alone: process ids may be equal on two machines that share a disk."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")


def put(files: dict[Path, bytes]) -> None:
    """Writes all files under temporary names, then renames them in order. If one cannot be written, none is."""
    partial = {path: _partial(path) for path in files}
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            partial[path].write_bytes(content)
            flush(partial[path])
        for path in files:
            partial[path].replace(path)
    finally:
        for file in partial.values():
            with contextlib.suppress(OSError):
                file.unlink()


def flush(path: Path) -> None:
    """Waits until the content is on the disk: a rename may otherwise outlive it when the power fails."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sweep(path: Path) -> None:
    """Removes what killed writers of this file, and of those of its stem, left. Only for who holds its lock."""
    for left in path.parent.glob(f".*{path.stem}.*.partial"):
        left.unlink(missing_ok=True)


def from_the_future(root: Path) -> list[Path]:
    """Files of the project, and made from them, that are dated later than now: the clock has been set back since."""
    now, folders = time.time() + 1, ("notebooks", "audit_lib", "book", "_build")
    found = [*root.glob("*"), *(path for folder in folders for path in (root / folder).rglob("*"))]
    return sorted(path for path in found if path.is_file() and path.stat().st_mtime > now)


@contextlib.contextmanager
def hold(path: Path, *, wait: bool = True, level: int = logging.INFO) -> Iterator[int]:
    """Keeps every other process, and every other holder in this one, off `path` while the block runs.

    Yields the lock's file descriptor: a child process that is given it (`pass_fds`) keeps the lock until it ends too.
    wait: for the present holder to end, said once in the log at `level`; otherwise raises BusyError, which names it.
    Raises WriteError where no file can be made beside `path`. A file system without locks is used without one.
    """
    place = path.with_name(f".{path.name}.lock")
    made = [folder for folder in place.absolute().parents if not folder.exists()]
    try:
        file = _acquire(path, place, wait=wait, level=level)
    except OSError as error:
        raise WriteError(f"Nothing can be written to '{place.parent}': {error}. Choose another.") from error
    try:
        with contextlib.suppress(OSError):  # a full disk has no room for a name, but may hold a lock
            about = {"pid": os.getpid(), "host": platform.node(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
            os.ftruncate(file, 0)
            os.pwrite(file, json.dumps(about).encode(), 0)
        yield file
    finally:
        with contextlib.suppress(OSError):
            place.unlink()  # while it is held: whoever opened it meanwhile sees that it is gone, and opens another
            for folder in made:
                folder.rmdir()  # if nothing came of it
        os.close(file)


def holder(path: Path) -> str | None:
    """Who holds `path` now, in words; None if nobody does."""
    place = path.with_name(f".{path.name}.lock")
    try:
        file = os.open(place, os.O_RDWR)
    except OSError:
        return None
    try:
        return None if _try(file) else _said(file)
    finally:
        os.close(file)


def _acquire(path: Path, place: Path, *, wait: bool, level: int) -> int:
    said = False
    for _ in range(_ATTEMPTS):
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:
            continue  # another holder has just removed the empty folder
        try:
            if not _try(file):
                if not wait:
                    raise BusyError(
                        f"'{path}' is in use by {_said(file)}. Wait until that has ended, or end it; then run this "
                        "again. Nothing was changed."
                    )
                if not said:
                    log_.log(level, "'%s' is in use by %s; waiting for it to end.", path, _said(file))
                    said = True
                fcntl.flock(file, fcntl.LOCK_EX)
            if _is(place, file):
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # its holder removed it between our opening and our locking
    raise FileNotFoundError(errno.ENOENT, "it cannot be made, or is removed again and again", str(place))


def _try(file: int) -> bool:
    """Whether the lock was free, and is now held (or is not to be had on this file system)."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        if error.errno not in _NO_LOCKS:
            raise
        log_.warning("This file system has no locks: do not run two programs on the same folder at once.")
    return True


def _is(place: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.stat(place), os.fstat(file))
    except FileNotFoundError:
        return False


def _said(file: int) -> str:
    try:
        about = json.loads(os.pread(file, 1000, 0))
        return f"process {about['pid']} on {about['host']} since {about['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
