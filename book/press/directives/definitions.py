"""Glossary terms explain themselves: the first use of each on a page carries its definition and leads to the glossary.

The definition is the link's title, which `terms.js` shows at once, by mouse or keyboard. Terms and definitions are
those of book/glossary.md, in Spanish through its catalogue; every row of the glossary gets an anchor.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from sphinx.application import Sphinx

from book.press.site_check import messages

GLOSSARY = "book/glossary"
ASIDE = (nodes.title, nodes.reference, nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.table,
         nodes.caption, nodes.citation, nodes.raw, nodes.sidebar)  # fmt: skip
ASIDE_CLASSES = {"lead-sentence", "provenance-banner", "sd-card", "claim-badge", "cell_input", "cell_output"}
# Words that are also verbs or adjectives count only where they are nouns.
NOUN = r"(?:(?<=the )|(?<=The )|(?<=a )|(?<=A )|(?<=its )|(?<=of )|(?<=each )|(?<=every ))"
SPECIAL = {
    "evidence": "(?<!no )evidence", "hit": NOUN + "hits?",
    "rank": NOUN + "ranks?", "support": NOUN + "support", "split": NOUN + "splits?",
    "claim": NOUN + "claims?", "log": "(?<!training )logs?", "negative": "negatives",
    "negativo": "(?<!resultados )negativos",
}  # fmt: skip


class Term(NamedTuple):
    """A row of the glossary: its anchor, the pattern that finds it in text, and its definition."""

    anchor: str
    pattern: re.Pattern[str]
    definition: str


def rows(source: str) -> list[tuple[str, str, str]]:
    """English, Spanish, meaning of every row of the glossary's table."""
    lines = [line.strip("| \n").split("|") for line in source.splitlines() if line.startswith("|")]
    return [(row[0].strip(), row[1].strip(), row[2].strip()) for row in lines[2:]]


def anchor(english: str) -> str:
    """Where a term stands on the page, the same in both languages."""
    return "term-" + re.sub(r"[^a-z0-9]+", "-", english.lower()).strip("-")


def pattern(term: str, lang: str) -> str:
    """A regular expression for a term, singular or plural; any cutoff stands for K."""
    if term in SPECIAL:
        return SPECIAL[term]
    words = []
    for word in re.sub(r" \(.*?\)", "", term).split():
        if "@" in word:
            words.append(re.escape(word.removesuffix("K")) + r"(?:K|\d+)")
        elif lang == "es" and word.endswith("ión"):
            words.append(f"{word[:-2]}(?:ón|ones)")
        elif word.islower():
            words.append(re.escape(word) + ("(?:s|es)?" if len(word) > 3 else ""))
        else:
            words.append(re.escape(word))
    return r"\s".join(words)


def terms(srcdir: Path, lang: str) -> list[Term]:
    """The terms of a language, the longest first, so that 'sampled metric' is not found as 'metric'."""
    source = (srcdir / f"{GLOSSARY}.md").read_text("utf8")
    spanish = messages(srcdir / "book" / "locale" / lang / "LC_MESSAGES" / f"{GLOSSARY}.po")
    found = []
    for english, other, meaning in rows(source):
        word = english if lang == "en" else other
        if "," not in word:  # two terms in a row are too common as plain words
            whole = re.compile(rf"(?<![\w@\-]){pattern(word, lang)}(?![\w\-@])", re.IGNORECASE)
            definition = spanish.get(meaning, ("", False))[0] or meaning
            found.append((len(word), Term(anchor(english), whole, definition)))
    return [term for _, term in sorted(found, key=lambda pair: -pair[0])]


def is_prose(text: nodes.Text) -> bool:
    """Whether a text is running text: in a paragraph, and in nothing that is a link, code, a table or a heading."""
    inside, node = False, text.parent
    while node is not None:
        if isinstance(node, ASIDE) or ASIDE_CLASSES & set(node.get("classes", ())):
            return False
        inside |= isinstance(node, nodes.paragraph)
        node = node.parent
    return inside


def link(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Put the links into a page; in the glossary itself, the anchors."""
    if app.builder.format != "html":
        return
    if page == GLOSSARY:
        label(doctree, Path(app.srcdir))
        if app.config.language == "es":
            reorder(doctree)
        return
    left = {term.anchor: term for term in terms(Path(app.srcdir), app.config.language)}
    there = app.builder.get_relative_uri(page, GLOSSARY)
    for text in [node for node in doctree.findall(nodes.Text) if is_prose(node)]:
        parts = explained(text.astext(), left, there)
        if len(parts) > 1:
            text.parent.replace(text, parts)


def explained(text: str, left: dict[str, Term], there: str) -> list[nodes.Node]:
    """A text as nodes in which the terms of `left` are links; those found are taken out of `left`."""
    found: list[tuple[int, int, Term]] = []
    for term in list(left.values()):
        match = term.pattern.search(text)
        if match and not any(start < match.end() and match.start() < end for start, end, _ in found):
            found.append((*match.span(), term))
            del left[term.anchor]
    parts: list[nodes.Node] = []
    at = 0
    for start, end, term in sorted(found, key=lambda item: item[0]):
        target = f"{there}#{term.anchor}"
        link = nodes.reference("", text[start:end], internal=True, refuri=target, reftitle=term.definition)
        link["classes"].append("term")
        parts += [nodes.Text(text[at:start]), link]
        at = end
    return [*parts, nodes.Text(text[at:])]


def label(doctree: nodes.document, srcdir: Path) -> None:
    """Give every row of the glossary's table its anchor."""
    names = [anchor(row[0]) for row in rows((srcdir / f"{GLOSSARY}.md").read_text("utf8"))]
    body = next(iter(doctree.findall(nodes.tbody)))
    for name, row in zip(names, body.findall(nodes.row), strict=True):
        row["ids"].append(name)


def reorder(doctree: nodes.document) -> None:
    """Put the Spanish terms of the glossary first, in their own alphabetical order."""
    for row in doctree.findall(nodes.row):
        row.children[:2] = reversed(row.children[:2])
    next(iter(doctree.findall(nodes.tbody))).children.sort(key=lambda row: alphabetical(row[0].astext()))


def alphabetical(term: str) -> str:
    """What a term is sorted by: its letters without accents, whatever their case."""
    return unicodedata.normalize("NFKD", term).encode("ascii", "ignore").decode().lower()


def setup(app: Sphinx) -> None:
    """Connect the extension and its script."""
    app.connect("doctree-resolved", link, priority=600)  # after badges and tables are in place
    app.add_js_file("terms.js", loading_method="defer")
