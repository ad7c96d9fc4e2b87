"""How to cite: one file states it, and the page, the BibTeX and the package follow it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from pybtex.database import parse_string

import audit_lib
from audit_lib.errors import InputError
from audit_lib.files import PROJECT
from book.press import citation
from book.press.citation import Citation

CONTENT = yaml.safe_load(citation.FILE.read_text("utf8"))
PERSONS = Citation("A title", ("Hidasi, Balázs", "The contributors of X"), "1.2.0", "2026")


def test_the_text_has_authors_year_title_and_version() -> None:
    assert citation.text(PERSONS) == "Hidasi, Balázs; The contributors of X (2026). *A title* (1.2.0)."


def test_the_bibtex_can_be_read_and_holds_the_same() -> None:
    entry = parse_string("\n".join(citation.bibtex(PERSONS)), "bibtex").entries[citation.KEY]
    assert entry.fields["title"] == "A title"
    assert (entry.fields["version"], entry.fields["year"]) == ("1.2.0", "2026")
    assert [str(person) for person in entry.persons["author"]] == ["Hidasi, Balázs", "{The contributors of X}"]


def test_the_file_of_the_project_states_the_version_of_the_library() -> None:
    assert citation.read().version == audit_lib.__version__


def test_the_file_names_the_licence_of_the_code() -> None:
    assert CONTENT["license"] in (PROJECT / "LICENSE").read_text("utf8")


def test_its_references_are_in_the_bibliography() -> None:
    bibliography = (PROJECT / "book" / "references.bib").read_text("utf8").lower()
    assert [r["title"] for r in CONTENT["references"] if r["title"].lower() not in bibliography] == []


@pytest.mark.parametrize("field", citation.NEEDED)
def test_a_file_without_a_needed_field_is_refused_and_the_field_named(tmp_path: Path, field: str) -> None:
    content = {key: value for key, value in CONTENT.items() if key != field}
    path = tmp_path / "CITATION.cff"
    path.write_text(yaml.safe_dump(content), "utf8")
    with pytest.raises(InputError, match=field):
        citation.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        citation.read(tmp_path / "nowhere.cff")


def test_what_zenodo_is_told_agrees_with_the_citation_file() -> None:
    told = json.loads((citation.FILE.parent / ".zenodo.json").read_text("utf8"))
    assert told["title"] == CONTENT["title"]
    assert told["license"] == CONTENT["license"]
    assert told["description"] == " ".join(CONTENT["abstract"].split())
    assert told["keywords"] == CONTENT["keywords"]
    assert [author["name"] for author in told["creators"]] == [author["name"] for author in CONTENT["authors"]]
