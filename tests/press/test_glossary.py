"""The glossary holds the words of the book and no others, and the translation keeps to it."""

from __future__ import annotations

import re
from functools import cache

import pytest
from docutils import nodes
from docutils.utils import new_document

from audit_lib.files import PROJECT
from book.press import site_check
from book.press.directives.definitions import alphabetical, reorder

PAGE = PROJECT / "book" / "glossary.md"
LOCALE = PROJECT / "book" / "locale" / "es" / "LC_MESSAGES"
# Terms that have one meaning wherever they stand, and what a Spanish sentence that holds one has in it.
FIXED = {
    "tie policy": "política de empates", "catalogue": "catálogo", "prefix": "prefijo", "hidden state": "estado oculto",
    "verdict": "veredicto", "manifest": "manifiesto", "permutation test": "contraste de permutación",
    "seeds": "semilla", "specifications": "especificacion", "in-batch negatives": "negativos del lote",
    "leakage report": "informe de fugas",
}  # fmt: skip
MARKUP = re.compile(r"\{[\w:-]+\}`[^`]*`|`[^`]*`|\*")


@cache
def rows() -> list[tuple[str, str, str]]:
    """English term, Spanish term, meaning."""
    lines = [line for line in PAGE.read_text("utf8").splitlines() if line.startswith("| ")]
    return [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines[1:]]


@cache
def messages() -> list[tuple[str, str]]:
    """English and Spanish of every page but the glossary, without code."""
    found = []
    for path in [*LOCALE.glob("book/*.po"), *LOCALE.glob("notebooks/*.po")]:
        if path.stem != PAGE.stem:
            entries = [(text, spanish) for text, (spanish, _) in site_check.messages(path).items() if spanish]
            found += [tuple(MARKUP.sub("", words).lower() for words in pair) for pair in entries]
    return found


def test_every_term_has_a_translation_and_a_meaning() -> None:
    assert len(rows()) > 40
    assert [row for row in rows() if len(row) != 3 or not all(row)] == []


def test_the_terms_stand_in_alphabetical_order() -> None:
    terms = [row[0] for row in rows()]
    assert terms == sorted(terms, key=alphabetical)


def test_the_spanish_page_has_its_own_terms_first_and_in_their_order() -> None:
    table = nodes.table("", nodes.tgroup("", nodes.thead(), nodes.tbody()))
    head, body = table[0]
    for place, words in ((head, ("Inglés", "Español")), (body, ("log", "registro")), (body, ("item", "ítem"))):
        place += nodes.row("", *(nodes.entry("", nodes.paragraph("", word)) for word in words))
    document = new_document("glossary")
    document += table
    reorder(document)
    found = [[entry.astext() for entry in row] for row in document.findall(nodes.row)]
    assert found == [["Español", "Inglés"], ["ítem", "item"], ["registro", "log"]]


def test_no_term_stands_twice() -> None:
    for column in (0, 1):
        terms = [row[column] for row in rows()]
        assert len(set(terms)) == len(terms)


@pytest.mark.parametrize("column", [0, 1], ids=["English", "Spanish"])
def test_every_term_is_used_in_the_book(column: int) -> None:
    text = "\n".join(pair[column] for pair in messages())
    terms = [re.split(r"[ ,@]+", row[column].lower()) for row in rows()]
    assert [words for words in terms if not any(word in text for word in words)] == []


@pytest.mark.parametrize("term", FIXED)
def test_the_translation_keeps_to_the_glossary(term: str) -> None:
    holding = [(english, spanish) for english, spanish in messages() if re.search(rf"\b{term}\b", english)]
    assert holding
    assert [english[:80] for english, spanish in holding if FIXED[term] not in spanish] == []
