"""Reads named members of wheels and tarballs into memory: nothing is unpacked to disk, so nothing lands elsewhere."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from audit_lib.errors import InputError

# What the readers of the standard library raise for files that are not what they say; InputError is one of ValueError.
DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, RuntimeError,
    ValueError, OverflowError, IndexError,
)  # fmt: skip
MAX_BYTES = 256 * 2**20  # what one archive may expand to; the largest known one expands to 8 MiB


def wheel_member(path: Path, member: str, *, max_bytes: int = MAX_BYTES) -> bytes:
    """The content of one member of a wheel or zip file.

    Raises InputError if it is not a zip file, lacks the member, is damaged, or the member expands beyond `max_bytes`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if member not in archive.namelist():
                raise InputError(f"'{path}' has no member '{member}'.")
            with archive.open(member) as file:
                data = file.read(max_bytes + 1)
    except InputError:
        raise
    except DAMAGE as error:
        raise InputError(f"'{path}' is not a readable zip file: {error}. Fetch it again.") from error
    if len(data) > max_bytes:
        raise InputError(f"'{path}': member '{member}' expands beyond {max_bytes} bytes; it is refused.")
    return data


def tar_members(path: Path, folder: str, *, max_bytes: int = MAX_BYTES) -> dict[str, bytes]:
    """The plain files directly under `folder` of a .tar.gz, by file name, in the order of their names.

    The whole tarball is bounded by `max_bytes` before any header is trusted. Raises InputError for a path outside the
    archive, a link or device, a damaged file, or one that expands beyond the bound.
    """
    try:
        with gzip.open(path) as file:
            data = file.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise InputError(f"'{path}' expands beyond {max_bytes} bytes; it is refused.")
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            found = {}
            for member in archive:
                _check_member(path, member)
                content = archive.extractfile(member)  # None for a folder
                if content is not None and str(PurePosixPath(member.name).parent) == folder:
                    found[PurePosixPath(member.name).name] = content.read()
    except InputError:
        raise
    except DAMAGE as error:
        raise InputError(f"'{path}' is not a readable .tar.gz: {error}. Fetch it again.") from error
    if not found:
        raise InputError(f"'{path}' has no file in '{folder}'.")
    return dict(sorted(found.items()))


def _check_member(path: Path, member: tarfile.TarInfo) -> None:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\\" in member.name:
        raise InputError(f"'{path}': member '{member.name}' lies outside the archive; the whole file is refused.")
    if not (member.isfile() or member.isdir()):
        raise InputError(f"'{path}': member '{member.name}' is neither file nor folder; the whole file is refused.")
