"""Gets files from elsewhere: from a mirror, from the cache, or from where they are published. The one place for it.

Every file is verified against its sha256 before anyone reads it, wherever it came from. A download is tried again when
the connection breaks, goes to a temporary folder, and is moved into the cache only when it is whole and verified, so
that an interrupted one leaves nothing.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from audit_lib.data.registry import Entry, Generated, GitHub, Manual, Wheel
from audit_lib.errors import InputError, MissingError
from audit_lib.files import hold, sha256

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its progress bar would warn in every notebook that has no widgets
    import pooch

log_ = logging.getLogger(__name__)
pooch.get_logger().setLevel(logging.WARNING)

TIMEOUT = 60  # seconds without a byte
RETRIES = 2  # after 1 and 2 seconds


def cache_folder() -> Path:
    """`AUDIT_CACHE`, or the user's cache folder: the same from every working directory."""
    return Path(os.environ.get("AUDIT_CACHE") or pooch.os_cache("gru4rec-audit"))


def verify(path: Path, expected: str | None) -> str:
    """The sha256 of a file; raises InputError with both values if it is not the expected one."""
    found = sha256(path)
    if expected is not None and found != expected:
        raise InputError(
            f"'{path}' is not the file it should be: its sha256 is {found}, expected {expected}. "
            "It is damaged, incomplete or another version, and is not read. Remove it and fetch it again."
        )
    return found


def fetch_files(source: Entry) -> dict[str, Path]:
    """The verified raw files of a data set by name. Raises as `fetch_file` does."""
    return {
        name: fetch_file(source.name, name, expected, source.get, licence=source.licence)
        for name, expected in source.files.items()
    }


def fetch_file(
    folder: str, name: str, expected: str | None, get: GitHub | Wheel | Manual | Generated, *, licence: str = ""
) -> Path:
    """The verified file `folder`/`name` of the mirror or the cache, downloaded if neither has it.

    Raises MissingError where it cannot be got (saying where to put it), InputError where its sha256 is not `expected`.
    """
    target = cache_folder() / folder / name
    if found := _present(folder, name):
        verify(found, expected)
        return found
    put = (
        f"Put it at '{target}', or at {folder}/{name} in a folder that the environment variable AUDIT_MIRROR names."
    )
    if not isinstance(get, GitHub | Wheel):
        page = getattr(get, "page", "")
        where = f"Its owner gives it out at {page} ({licence})." if page else "It is not published for download."
        raise MissingError(f"{folder} needs the file '{name}', which no program may download. {where} {put}")
    log_.info("%s: fetching %s", folder, name)
    try:
        with hold(target.parent):
            if not target.is_file():  # else another process has fetched it meanwhile
                for left in target.parent.glob(".partial-*"):  # of a download that was killed
                    shutil.rmtree(left, ignore_errors=True)
                _download(target, expected, get)
    except OSError as error:  # includes everything that requests and a full or read-only disk raise
        raise MissingError(
            f"{folder}: '{name}' could not be fetched ({error}). Is this machine online? {put}"
        ) from error
    verify(target, expected)
    return target


def _present(folder: str, name: str) -> Path | None:
    mirror = os.environ.get("AUDIT_MIRROR")
    places = [*([Path(mirror)] if mirror else []), cache_folder()]
    return next((path for place in places if (path := place / folder / name).is_file()), None)


def _download(target: Path, expected: str | None, get: GitHub | Wheel) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    how: Callable[..., Any] = pooch.HTTPDownloader(timeout=TIMEOUT, progressbar=sys.stderr.isatty())
    url = get.url(target.name) if isinstance(get, GitHub) else get.requirement
    if isinstance(get, Wheel):
        how = partial(_with_pip, target.name)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=target.parent) as partial_folder:
        files = pooch.create(
            partial_folder, "", registry={target.name: expected}, urls={target.name: url}, retry_if_failed=RETRIES
        )
        try:
            Path(files.fetch(target.name, downloader=how)).replace(target)
        except ValueError as error:  # pooch's word for another hash
            raise InputError(f"{error} It is damaged, incomplete or another version, and is not read.") from error


def _with_pip(name: str, requirement: str, target: str, _: Any) -> None:
    """With pip and its own configuration, so that a user's index and proxy are honoured."""
    with tempfile.TemporaryDirectory(dir=Path(target).parent) as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet"]
        command += ["--disable-pip-version-check", "--dest", folder, requirement]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        wheel = Path(folder, name)
        if done.returncode or not wheel.is_file():
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise OSError(errors[-1] if errors else f"pip download {requirement} gave no {name}")
        wheel.replace(target)
