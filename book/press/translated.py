"""Markdown and notebooks in the reader's language, for downloads: the page's own catalogue put back into its source.

Sphinx translates what it shows, not the source that a reader downloads. Here the messages of the catalogue are found in
the source again, block by block, and replaced; code is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

from book.press.site_check import messages

Translations = Mapping[str, tuple[str, bool]]  # as `site_check.messages` reads them: the text, and whether it is fuzzy

# A message begins where a block does, after the marks of a list, a heading, a quotation, a definition or a cell ...
_BEFORE = r"(?P<before>^[ \t]*(?:(?:[-*+]|\d+\.|\#{1,6}|>|:)[ \t]+)*|\|[ \t]*|^[:`]{3,}\{[^}\n]*\}[ \t]*)"
_AFTER = r"(?=[ \t]*(?:$|\|))"  # ... and ends with a line or a cell
_SPACE = r"(?:[ \t]*\n[ \t>]*|[ \t]+)"  # where it is broken over lines


def pattern(message: str) -> re.Pattern[str]:
    """Where a message stands as a block of its own in Markdown, however its lines are broken."""
    return re.compile(_BEFORE + _SPACE.join(map(re.escape, message.split())) + _AFTER, re.MULTILINE)


def markdown(text: str, translations: Translations) -> str:
    """The text with every message that it holds replaced, the longest first; nothing is replaced twice."""
    held: list[str] = []

    def hold(match: re.Match[str], translation: str) -> str:
        held.append(translation)
        return f"{match['before']}\x00{len(held) - 1}\x00"

    for message in sorted(translations, key=len, reverse=True):
        translation, fuzzy = translations[message]
        if translation and not fuzzy and translation != message and message.split()[0] in text:
            text = pattern(message).sub(lambda match, found=translation: hold(match, found), text)
    return re.sub("\x00(\\d+)\x00", lambda match: held[int(match[1])], text)


def notebook(content: Any, translations: Translations) -> Any:
    """The notebook with its text cells and the captions and alternative texts of its figures translated, in place."""
    for cell in content.cells:
        if cell.cell_type == "markdown":
            cell.source = markdown(cell.source, translations)
        shown = cell.metadata.get("mystnb", {})
        for part, key in (("figure", "caption"), ("image", "alt")):
            if said := shown.get(part, {}).get(key):
                found = translations.get(" ".join(said.split())) or ("", False)
                shown[part][key] = found[0] or said
    return content


def downloads(pages: Path, catalogues: Path) -> None:
    """Translate the sources that the finished pages of a language offer, in `pages`/_sources."""
    sources = pages / "_sources"
    for path in sorted(path for path in sources.rglob("*") if path.suffix in {".md", ".ipynb"}):
        known = messages(catalogues / path.relative_to(sources).with_suffix(".po"))
        if path.suffix == ".md":
            path.write_text(markdown(path.read_text("utf8"), known), "utf8")
        else:
            path.write_text(nbformat.writes(notebook(nbformat.read(path, as_version=4), known)), "utf8")
