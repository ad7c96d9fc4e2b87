"""How to cite this work, from CITATION.cff: the one place where title, authors, version and year are stated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from audit_lib.errors import InputError
from audit_lib.files import PROJECT

FILE = PROJECT / "CITATION.cff"
KEY = "gru4rec_audit"
NEEDED = ("title", "authors", "version", "date-released", "license")


@dataclass(frozen=True)
class Citation:
    """title, authors (names as they are cited), version and year of this work."""

    title: str
    authors: tuple[str, ...]
    version: str
    year: str


def read(path: Path = FILE) -> Citation:
    """What the file states. Raises InputError if it lacks a field that a citation needs."""
    try:
        content = yaml.safe_load(path.read_text("utf8"))
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"'{path}' is no citation file: {error}") from error
    missing = [field for field in NEEDED if not content.get(field)]
    if missing:
        raise InputError(f"'{path}' lacks {', '.join(missing)}. A citation needs them.")
    authors = tuple(_name(author) for author in content["authors"])
    return Citation(content["title"], authors, str(content["version"]), str(content["date-released"])[:4])


def _name(author: dict[str, str]) -> str:
    """An organisation's name, or a person's family name and given names."""
    return author.get("name") or ", ".join(filter(None, (author.get("family-names"), author.get("given-names"))))


def text(citation: Citation) -> str:
    """One line in Markdown: authors, year, title, version. Titles are not translated."""
    return f"{'; '.join(citation.authors)} ({citation.year}). *{citation.title}* ({citation.version})."


def bibtex(citation: Citation) -> list[str]:
    """The lines of an entry for a bibliography."""
    authors = " and ".join(f"{{{name}}}" if "," not in name else name for name in citation.authors)
    fields = {
        "title": citation.title, "author": authors, "version": citation.version, "year": citation.year,
        "note": "Executable research report",
    }  # fmt: skip
    width = max(map(len, fields))
    lines = [f"  {name:<{width}} = {{{value}}}," for name, value in fields.items()]
    return [f"@software{{{KEY},", *lines[:-1], lines[-1].rstrip(","), "}"]
