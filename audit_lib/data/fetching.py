"""Gets the raw files of a data set: from a mirror, from the cache, or from where they are published.

Every file is verified against its sha256 before anyone reads it, wherever it came from. A download goes to a temporary
folder and is moved into the cache only when it is whole and verified, so that an interrupted one leaves nothing.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import requests

from audit_lib.files import sha256

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its progress bar would warn in every notebook that has no widgets
    import pooch

from audit_lib.data.registry import Entry, GitHub, Manual, Wheel
from audit_lib.errors import InputError, MissingError
from audit_lib.files import hold

log_ = logging.getLogger(__name__)

TIMEOUT = 60  # seconds without a byte


def cache_folder() -> Path:
    """`AUDIT_CACHE`, or the user's cache folder: the same from every working directory."""
    return Path(os.environ.get("AUDIT_CACHE") or pooch.os_cache("gru4rec-audit"))


def verify(path: Path, expected: str | None, *, shown: str | None = None) -> str:
    """The sha256 of a file; raises InputError with both values if it is not the expected one."""
    found = sha256(path)
    if expected is not None and found != expected:
        raise InputError(
            f"'{shown or path}' is not the file it should be: its sha256 is {found}, expected {expected}. "
            "It is damaged, incomplete or another version, and is not read. Remove it and fetch it again."
        )
    return found


def fetch_files(source: Entry) -> dict[str, Path]:
    """The verified raw files of a data set by name; downloads what neither the mirror nor the cache has.

    Raises MissingError where a file cannot be got (saying where to put it), InputError where its hash is wrong.
    """
    found = {name: _present(source, name) for name in source.files}
    for name, path in found.items():
        if path is None:
            log_.info("%s: fetching %s", source.name, name)
            found[name] = _download(source, name)
        else:
            verify(path, source.files[name])
    return found


def _present(source: Entry, name: str) -> Path | None:
    mirror = os.environ.get("AUDIT_MIRROR")
    folders = [*([Path(mirror)] if mirror else []), cache_folder()]
    return next((path for folder in folders if (path := folder / source.name / name).is_file()), None)


def _download(source: Entry, name: str) -> Path:
    target = cache_folder() / source.name / name
    if isinstance(source.get, Manual):
        raise MissingError(_by_hand(source, name))
    try:
        with hold(target.parent):
            if target.is_file():  # another process has fetched it meanwhile
                verify(target, source.files[name])
                return target
            for left in target.parent.glob(".partial-*"):  # of a download that was killed
                shutil.rmtree(left, ignore_errors=True)
            _into(target, source, name)
    except OSError as error:  # includes everything that requests and a full or read-only disk raise
        if isinstance(error, MissingError):
            raise
        raise MissingError(_failed(source, name, str(error))) from error
    return target


def _into(target: Path, source: Entry, name: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=target.parent) as folder:
        partial = Path(folder) / name
        if isinstance(source.get, GitHub):
            _from_github(source.get.url(name), partial)
        else:
            _from_index(source.get, partial)
        verify(partial, source.files[name], shown=name)
        partial.replace(target)


def _from_github(url: str, partial: Path) -> None:
    try:
        pooch.HTTPDownloader(timeout=TIMEOUT)(url, str(partial), None)
    except requests.RequestException as error:
        raise OSError(f"{url}: {error}") from error


def _from_index(wheel: Wheel, partial: Path) -> None:
    """With pip and its own configuration, so that a user's index and proxy are honoured."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet"]
    command += ["--disable-pip-version-check", "--dest", str(partial.parent), wheel.requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode or not partial.is_file():
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise OSError(errors[-1] if errors else f"pip download {wheel.requirement} gave no {partial.name}")


def _by_hand(source: Entry, name: str) -> str:
    page = getattr(source.get, "page", "")
    where = f"Its owner gives it out at {page} ({source.licence})." if page else "It is not published for download."
    return f"{source.name} needs the file '{name}', which no program may download. {where} {_put(source, name)}"


def _failed(source: Entry, name: str, reason: str) -> str:
    return f"{source.name}: '{name}' could not be fetched ({reason}). Is this machine online? {_put(source, name)}"


def _put(source: Entry, name: str) -> str:
    return (
        f"Put it at '{cache_folder() / source.name / name}', or at {source.name}/{name} in a folder that the "
        "environment variable AUDIT_MIRROR names."
    )
