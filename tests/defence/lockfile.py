"""The locked requirements: every package that the book needs, in one version, with the hashes of all its files.

    python -m tests.defence.lockfile     resolve requirements.txt anew into the locks (needs uv)

`requirements.lock` is for any platform and Python from 3.11 and holds all but torch, which comes in two builds:
`requirements-cpu.lock` is its CPU build for Linux, from torch's own index or a folder of wheels, and
`requirements-gpu.lock` what the index of all packages has, with the CUDA parts that it needs on Linux. No file names
an index: a file is known by its hash, wherever it comes from. What is locked already stays unless requirements.txt asks
for another version.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from audit_lib.errors import InputError, MissingError
from audit_lib.files import PROJECT

REQUIREMENTS, LOCK = "requirements.txt", "requirements.lock"
CPU_LOCK, GPU_LOCK = "requirements-cpu.lock", "requirements-gpu.lock"
GPU_ONLY = re.compile(r"torch|nvidia-.+|cuda-.+|triton")
COMMAND = "python -m tests.defence.lockfile"
INSTALL = "pip install --no-deps --require-hashes"
HEADS = {
    LOCK: f"# Made by `{COMMAND}`. With one of the two others: {INSTALL} -r {LOCK} -r {CPU_LOCK}\n",
    CPU_LOCK: f"# Made by `{COMMAND}`: the CPU build of torch for Linux.\n",
    GPU_LOCK: f"# Made by `{COMMAND}`: torch as package indexes have it, and what its CUDA build needs.\n",
}
# The CPU builds of torch for Linux x86-64 (Python 3.11, 3.12, 3.13), which uv does not see: they are not on the index
# of all packages but on torch's own. Renew them with torch.
CPU_TORCH = {
    "2.13.0": (
        "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b",
        "4ca4a9394b0c771238a4f73590fdbbc4debad85ed0fa63d026ae1b085da7d6e2",
        "3fbf9c9d1f3c10c2d59d04aca426dee9ccc6ceb32d255c61e93acc3b4f75fae6",
    ),
}


@dataclass(frozen=True)
class Pin:
    """One locked package. name: normalised; marker: where it is needed, '' for everywhere; hashes: sha256, sorted."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]


def normalised(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse(text: str) -> list[Pin]:
    """The pins of a lock. Raises InputError for a line that is no pin, and for a pin without a hash."""
    pins = []
    for entry in text.replace("\\\n", " ").splitlines():
        if not entry.strip() or entry.startswith("#"):
            continue
        found = re.fullmatch(r"([\w.-]+)==([^\s;]+)(?: ; (.+?))?((?:\s+--hash=sha256:[0-9a-f]{64})+)\s*", entry)
        if not found:
            raise InputError(f"'{entry[:60]}' is no pinned package with hashes. Make the lock anew: {COMMAND}")
        hashes = sorted(set(re.findall(r"sha256:([0-9a-f]{64})", found[4])))
        pins.append(Pin(normalised(found[1]), found[2], found[3] or "", tuple(hashes)))
    return pins


def direct(text: str) -> dict[str, str]:
    """Name and version of what requirements.txt pins."""
    found = re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^\s;#]+)", text, re.MULTILINE)
    return {normalised(name): version for name, version in found}


def read(root: Path = PROJECT) -> list[Pin]:
    """The pins of all three files."""
    return [pin for name in (LOCK, CPU_LOCK, GPU_LOCK) for pin in parse((root / name).read_text("utf8"))]


def written(pins: Iterable[Pin]) -> str:
    """Pins as pip reads them."""
    lines = []
    for pin in pins:
        marker = f" ; {pin.marker}" if pin.marker else ""
        hashes = [f"    --hash=sha256:{content}" for content in pin.hashes]
        lines.append(" \\\n".join([f"{pin.name}=={pin.version}{marker}", *hashes]))
    return "\n".join(lines) + "\n"


def split(pins: Iterable[Pin]) -> dict[str, str]:
    """The text of each file. Raises InputError if the CPU builds of this version of torch are not known."""
    whole: dict[str, list[Pin]] = {LOCK: [], CPU_LOCK: [], GPU_LOCK: []}
    for pin in pins:
        if pin.name == "torch":
            if pin.version not in CPU_TORCH:
                raise InputError(f"The CPU builds of torch {pin.version} have no hashes in CPU_TORCH. Add them there.")
            cpu = Pin("torch", f"{pin.version}+cpu", "", tuple(sorted(CPU_TORCH[pin.version])))
            whole[CPU_LOCK].append(cpu)
        whole[GPU_LOCK if GPU_ONLY.fullmatch(pin.name) else LOCK].append(pin)
    return {name: HEADS[name] + written(some) for name, some in whole.items()}


def make(root: Path = PROJECT) -> list[Path]:
    """Resolves requirements.txt and writes both files. Raises MissingError without uv, InputError if it fails."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        raise MissingError("Locking needs uv: pip install uv, in an environment of its own.")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "all.lock")
        if (root / LOCK).is_file():
            kept = (pin for pin in read(root) if not pin.version.endswith("+cpu"))
            out.write_text(written(kept), "utf8")  # uv keeps what it finds there
        resolve = [uv, "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"]
        resolve += ["--no-header", "--no-annotate", REQUIREMENTS, "--output-file", str(out)]
        done = subprocess.run(resolve, cwd=root, capture_output=True, text=True, check=False)
        if done.returncode:
            raise InputError(f"{REQUIREMENTS} cannot be resolved: {done.stderr.strip()[-600:]}")
        texts = split(parse(out.read_text("utf8")))
    for name, text in texts.items():
        partial = root / f".{name}.partial"
        partial.write_text(text, "utf8")
        partial.replace(root / name)
    return [root / name for name in texts]


if __name__ == "__main__":
    sys.stdout.write("".join(f"{path}\n" for path in make()))
