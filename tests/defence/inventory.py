"""The bill of materials: what the book is built from, with versions, licences and hashes, as CycloneDX 1.6.

    python -m tests.defence.inventory    write book/sbom.cdx.json

The same lock gives the same bytes: no date, and a serial number that follows from the content. Licences are what the
packages say of themselves where they are installed; those of other platforms stay as they were written down before.
"""

from __future__ import annotations

import json
import sys
import uuid
from importlib.metadata import Distribution, PackageMetadata, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import audit_lib
from audit_lib.files import PROJECT, digest, put
from audit_lib.recommenders.gru4rec import vendor
from book.press import mathjax
from tests.defence import lockfile
from tests.defence.lockfile import Pin

BILL = Path("book", "sbom.cdx.json")
COMMAND = "python -m tests.defence.inventory"


def bill(root: Path = PROJECT) -> dict[str, Any]:
    """The bill of materials of a checkout, as JSON."""
    wanted = lockfile.direct(root)
    known = _written_licences(root / BILL)
    components = [_component(pin, pin.name in wanted, known) for pin in sorted(lockfile.read(root), key=_order)]
    components += _others()
    about = {
        "type": "application",
        "bom-ref": "gru4rec-audit",
        "name": "gru4rec-audit",
        "version": audit_lib.__version__,
        "licenses": [{"license": {"id": "MIT"}}],
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial(components),
        "version": 1,
        "metadata": {"component": about},
        "components": components,
    }


def serial(components: list[dict[str, Any]]) -> str:
    """A serial number that follows from the components."""
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest(components))}"


def text_of(bill: dict[str, Any]) -> str:
    """A bill as it is written to its file."""
    return json.dumps(bill, indent=1, ensure_ascii=False) + "\n"


def write(root: Path = PROJECT) -> Path:
    """Writes the bill and returns its path."""
    put({root / BILL: text_of(bill(root)).encode()})
    return root / BILL


def _order(pin: Pin) -> tuple[str, str]:
    return pin.name, pin.version


def _component(pin: Pin, direct: bool, known: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    purl = f"pkg:pypi/{pin.name}@{pin.version.replace('+', '%2B')}"
    out = {"type": "library", "bom-ref": purl, "name": pin.name, "version": pin.version, "purl": purl}
    if licences := _licences(pin) or known.get(purl):
        out["licenses"] = licences
    out["hashes"] = [{"alg": "SHA-256", "content": content} for content in pin.hashes]
    properties = {"gru4rec-audit:direct": str(direct).lower(), "gru4rec-audit:where": pin.marker}
    out["properties"] = [{"name": name, "value": value} for name, value in properties.items() if value]
    return out


def _others() -> list[dict[str, Any]]:
    """What does not come as a package of the lock: MathJax, and the official code that is fetched on demand."""
    purl, hashes = f"pkg:npm/mathjax@{mathjax.VERSION}", [{"alg": "SHA-256", "content": mathjax.SHA256}]
    script = {"type": "library", "bom-ref": purl, "name": "mathjax", "version": mathjax.VERSION, "purl": purl}
    script |= {"licenses": [{"license": {"id": "Apache-2.0"}}], "hashes": hashes}
    code = vendor.OFFICIAL
    purl = f"{code.url.removeprefix('https://').replace('github.com', 'pkg:github')}@{code.commit}".lower()
    official = {"type": "library", "bom-ref": purl, "name": code.folder, "version": code.commit}
    # Its licence allows research and no redistribution: it is not part of what is published here.
    official |= {"scope": "excluded", "purl": purl, "licenses": [{"license": {"name": "as its authors state it"}}]}
    return [script, official]


def _licences(pin: Pin) -> list[dict[str, Any]] | None:
    """What an installed package of this version says of its licence; None if it is not installed or says nothing."""
    try:
        package = distribution(pin.name)
    except PackageNotFoundError:
        return None
    same = package.version.split("+")[0] == pin.version.split("+")[0]
    return (stated(package.metadata) or _headed(package)) if same else None


def _headed(package: Distribution) -> list[dict[str, Any]] | None:
    """The licence that heads the file of it which a package brings, as in 'MIT License'; None if no licence does."""
    file = package.metadata.get("License-File")
    first = ((file and package.read_text(f"licenses/{file}")) or "").strip().split("\n")[0]
    return [{"license": {"name": first}}] if "License" in first else None


def stated(about: PackageMetadata) -> list[dict[str, Any]] | None:
    """A licence in the form of CycloneDX: the expression, else the classifiers, else the first words of the field."""
    if expression := about.get("License-Expression"):
        return [{"expression": expression}]
    names = [c.split(" :: ")[-1] for c in about.get_all("Classifier") or [] if c.startswith("License :: ")]
    names = [name for name in names if name != "OSI Approved"]
    field = (about.get("License") or "").strip().split("\n")[0][:80]
    names = names or ([field] if field and field != "UNKNOWN" else [])
    return [{"license": {"name": name}} for name in sorted(set(names))] or None


def _written_licences(path: Path) -> dict[str, list[dict[str, Any]]]:
    if not path.is_file():
        return {}
    written = json.loads(path.read_text("utf8"))["components"]
    return {c["purl"]: c["licenses"] for c in written if "licenses" in c}


if __name__ == "__main__":
    sys.stdout.write(f"{write()}\n")
