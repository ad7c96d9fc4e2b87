"""Alternative texts of figures, translated. They live in cell metadata (`mystnb.image.alt`), unseen by gettext.

They join the page's own catalogue: `add_to_template` puts them beside its other messages, `translate` puts the
translations back into a copy of the executed notebook.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from babel.messages.pofile import read_po, write_po


def texts(notebook: Any) -> list[str]:
    """The alternative texts of a notebook, in order."""
    images = [image_of(cell) for cell in notebook.cells]
    return [image["alt"] for image in images if image.get("alt")]


def image_of(cell: Any) -> dict[str, Any]:
    """What a cell says about its picture; {} if nothing."""
    return cell.metadata.get("mystnb", {}).get("image", {})


def add_to_template(notebook: Path, template: Path) -> None:
    """Add the alternative texts of an executed notebook to its page's .pot."""
    found = texts(nbformat.read(notebook, as_version=4))
    with template.open("rb") as file:
        catalogue = read_po(file)
    for text in found:
        catalogue.add(text)
    with template.open("wb") as file:
        write_po(file, catalogue)


def translate(notebook: Path, target: Path, translations: Mapping[str, tuple[str, bool]]) -> None:
    """Write `notebook` to `target` with its alternative texts translated; one without translation stays as it is."""
    content = nbformat.read(notebook, as_version=4)
    for cell in content.cells:
        image = image_of(cell)
        if image.get("alt"):
            image["alt"] = translations.get(image["alt"], ("", False))[0] or image["alt"]
    text = nbformat.writes(content)
    if not target.exists() or target.read_text("utf8") != text:
        target.write_text(text, "utf8")
