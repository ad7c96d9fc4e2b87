"""The book's own Sphinx extension: what the two languages need and Sphinx does not localise.

* the language switch and the alternates of a page (`languages` in the page context), when both books are built;
* "and" / "y" in citations and in the bibliography;
* the prompt that unfolds a code cell;
* the link to the licences in the footer, relative to every page;
* words that are typed without their accents into the search of the Spanish book; in both, the order of what is found.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pybtex.plugin
from pybtex.style.formatting import toplevel
from pybtex.style.formatting.unsrt import Style as Unsrt
from pybtex.style.formatting.unsrt import date, pages
from pybtex.style.template import names, optional, optional_field, sentence, words
from sphinx.application import Sphinx
from sphinx.search.es import SearchSpanish
from sphinx.util.osutil import relative_uri
from sphinxcontrib.bibtex.plugin import register_plugin as register_reference_style
from sphinxcontrib.bibtex.style.referencing import BracketStyle, PersonStyle
from sphinxcontrib.bibtex.style.referencing.author_year import AuthorYearReferenceStyle

from audit_lib.show.words import Translate, translator

SCORER = Path(__file__).with_name("search_scorer.js")
language_names = {"en": "English", "es": "Español"}  # the same in every language


def prompts_of(lang: str) -> dict[str, tuple[str, str]]:
    """What opens and what closes the code of a cell, its output, or both."""
    _: Translate = translator(lang)
    return {
        "input": (_("Show code"), _("Hide code")),
        "output": (_("Show output"), _("Hide output")),
        "all": (_("Show cell"), _("Hide cell")),
    }


def citation_styles(language: str) -> None:
    """Register the author-year reference style and the bibliography style, with the language's conjunction."""
    _: Translate = translator(language)
    conjunction, inside = _(" and "), _("In")

    @dataclass
    class Reference(AuthorYearReferenceStyle):
        bracket_textual: BracketStyle = field(default_factory=lambda: BracketStyle("(", ")"))
        bracket_parenthetical: BracketStyle = field(default_factory=lambda: BracketStyle("(", ")"))
        person: PersonStyle = field(default_factory=lambda: PersonStyle(sep2=conjunction, last_sep=conjunction))

    class Bibliography(Unsrt):
        default_sorting_style = "author_year_title"

        def format_names(self, role: str, as_sentence: bool = True) -> Any:
            formatted = names(role, sep=", ", sep2=conjunction, last_sep=conjunction)
            return sentence[formatted] if as_sentence else formatted

        def get_inproceedings_template(self, e: Any) -> Any:
            book = self.format_btitle(e, "booktitle", as_sentence=False)
            volume = optional[self.format_volume_and_series(e, as_sentence=False)]
            where = words[inside, sentence[book, volume, optional[pages]]]
            when = sentence[optional_field("publisher"), date]
            head = [self.format_names("author"), self.format_title(e, "title")]
            return toplevel[*head, where, when, sentence[optional_field("note")], self.format_web_refs(e)]

    register_reference_style("sphinxcontrib.bibtex.style.referencing", "audit_author_year", Reference, force=True)
    pybtex.plugin.register_plugin("pybtex.style.formatting", "audit", Bibliography, force=True)


def page_context(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Put this page's counterparts in the context: `languages`, a list of (code, name, href, is_current)."""
    here = app.builder.get_target_uri(page) if page in app.env.all_docs else f"{page}.html"
    licences = relative_uri(here, app.builder.get_target_uri("book/licences"))
    footer = context.get("theme_extra_footer", "")
    context["theme_extra_footer"] = footer.replace('href="licences.html"', f'href="{licences}"')
    context["languages"] = []
    if not app.config.audit_bilingual:
        return
    up = "../" * (here.count("/") + 1)
    base = app.config.audit_site_url
    for code, name in language_names.items():
        href = f"{up}{code}/{here}"
        absolute = f"{base}/{code}/{here}" if base else href
        context["languages"].append((code, name, href, absolute, code == app.config.language))


def cell_prompts(app: Sphinx, doctree: Any) -> None:
    """Word the prompt of a folded cell in the book's language."""
    prompts = prompts_of(app.config.language)
    for node in doctree.findall(lambda n: getattr(n, "attributes", {}).get("hide_mode") in prompts):
        node["prompt_show"], node["prompt_hide"] = prompts[node["hide_mode"]]


class SearchWithoutAccents(SearchSpanish):
    """Enters each word with an accent a second time without it, so that `particion` finds `partición`.

    The stem of such a word is entered, and the word as it is: the stemmer of the browser is an older one, which leaves
    `evaluacion` whole where this one cuts `evalu`. It also finds what begins like a stem.
    """

    WHOLE = "="  # no word begins with it

    def split(self, input: str) -> list[str]:
        words = super().split(input)
        bare = [without for word in words if (without := without_accents(word)) != word]
        return [*words, *bare, *(self.WHOLE + word for word in bare)]

    def stem(self, word: str) -> str:
        return word.removeprefix(self.WHOLE) if word.startswith(self.WHOLE) else super().stem(word)


def without_accents(word: str) -> str:
    """The letters alone; ñ, which is a letter of its own, is typed as n on a keyboard that lacks it."""
    return "".join(sign for sign in unicodedata.normalize("NFD", word) if not unicodedata.combining(sign))


def initialise(app: Sphinx, config: Any) -> None:
    """Once the language is known."""
    config.language = config.language if config.language in language_names else "en"
    config.html_search_scorer = str(SCORER)
    citation_styles(config.language)


def setup(app: Sphinx) -> None:
    """Connect the extension."""
    app.add_config_value("audit_bilingual", False, "html", bool)
    app.add_config_value("audit_site_url", "", "html", str)  # where the site is published, if that is known
    app.add_search_language(SearchWithoutAccents)
    app.connect("config-inited", initialise, priority=100)
    app.connect("doctree-read", cell_prompts)
    app.connect("html-page-context", page_context)
