"""MathJax, served with the pages: fetched from a package index when the site is built, verified by hash, cached."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from audit_lib.errors import MissingError
from audit_lib.files import PROJECT

MATHJAX = Path("book/_static/mathjax/tex-svg.js")
# One release from two packagers, who differ in line ends. The wheel needs nothing but Python, so it is asked first.
MATHJAX_WHEEL = ("django-static-mathjax==3.2.2.1", "mathjax/static/mathjax/es5/tex-svg.js")
MATHJAX_NPM = ("mathjax@3.2.2", "package/es5/tex-svg.js")
MATHJAX_SHA256 = {
    "2af9375000b5a3669be94d436ae1c61159855283cd18b3ee9817fb71c8f94c84": "wheel",
    "d4295dc33744836935c1399feece5159577b34c5c8ffb9f1c6324cd82e03a882": "npm",
}


def ensure_mathjax(root: Path = PROJECT) -> Path:
    """Put MathJax where the pages expect it, from a package index, and return its path. The hash is checked every time.

    Raises MissingError if it is not there and cannot be fetched.
    """
    target, cached = root / MATHJAX, root / ".audit-cache" / "mathjax-3.2.2" / "tex-svg.js"
    if target.is_file() and sha256(target) in MATHJAX_SHA256:
        return target
    if not (cached.is_file() and sha256(cached) in MATHJAX_SHA256):
        cached.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            source = from_wheel(Path(folder)) or from_npm(Path(folder))
            if source is None:
                raise MissingError(
                    "MathJax 3.2.2 could not be fetched with pip or with npm. Without a network, put its "
                    f"es5/tex-svg.js at {cached} and run again."
                )
            if sha256(source) not in MATHJAX_SHA256:
                raise MissingError(f"MathJax has sha256 {sha256(source)}, expected one of {list(MATHJAX_SHA256)}.")
            shutil.copyfile(source, cached)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(".part")
    shutil.copyfile(cached, temporary)
    temporary.replace(target)
    return target


def from_wheel(folder: Path) -> Path | None:
    """MathJax out of a wheel of the Python package index, or None."""
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(folder), MATHJAX_WHEEL[0]]
    if subprocess.run(pip, capture_output=True, check=False).returncode:
        return None
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        return Path(wheel.extract(MATHJAX_WHEEL[1], folder))


def from_npm(folder: Path) -> Path | None:
    """MathJax out of its npm package, or None."""
    if not (npm := shutil.which("npm")):
        return None
    if subprocess.run([npm, "pack", MATHJAX_NPM[0]], cwd=folder, capture_output=True, check=False).returncode:
        return None
    with tarfile.open(next(folder.glob("*.tgz"))) as package:
        package.extract(MATHJAX_NPM[1], folder, filter="data")
    return folder / MATHJAX_NPM[1]


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
