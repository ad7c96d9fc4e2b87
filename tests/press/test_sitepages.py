"""The pages around the two books, and what links to their pages show elsewhere."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pandas as pd
import pytest
from docutils import nodes
from docutils.utils import new_document

from audit_lib.files import PROJECT
from book.press import root_pages, site_check
from book.press.directives import social
from book.press.facts import finding
from tests.press.test_finding import ROWS

NAMES = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9", "x": "http://www.w3.org/1999/xhtml"}
BASE = "https://example.org/audit"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site of one page in each language, with a page that is not for searching."""
    for lang in ("en", "es"):
        (tmp_path / lang / "book").mkdir(parents=True)
        for name in ("book/index.html", "search.html"):
            (tmp_path / lang / name).write_text(f'<html lang="{lang}"><body id="top"></body></html>')
    return tmp_path


@pytest.mark.parametrize("base", ["", BASE])
def test_the_sitemap_lists_every_page_with_its_counterparts_and_not_the_search(site: Path, base: str) -> None:
    root_pages.write(site, base=base)
    root = ElementTree.parse(site / "sitemap.xml").getroot()
    stem = f"{base}/" if base else ""
    wanted = [f"{stem}en/book/index.html", f"{stem}es/book/index.html"]
    assert [node.text for node in root.iterfind("s:url/s:loc", NAMES)] == wanted
    for url in root.iterfind("s:url", NAMES):
        assert [link.get("href") for link in url.iterfind("x:link", NAMES)] == wanted


@pytest.mark.parametrize("old", root_pages.MOVED)
@pytest.mark.parametrize("lang", ["en", "es"])
def test_an_old_address_leads_on(site: Path, lang: str, old: str) -> None:
    new = site / lang / root_pages.MOVED[old]
    new.parent.mkdir()
    new.touch()
    root_pages.write(site, base="")
    page = site_check.Page(site / lang / old)
    assert f'url=../{root_pages.MOVED[old]}"' in page.path.read_text("utf8")


@pytest.mark.parametrize("base", ["", BASE])
def test_the_page_for_lost_addresses_speaks_both_languages_and_loads_nothing(site: Path, base: str) -> None:
    root_pages.write(site, base=base)
    text = (site / "404.html").read_text("utf8")
    for lang in ("en", "es"):
        assert f'<section lang="{lang}">' in text
        assert root_pages.texts(lang)["absent"] in text
        assert f'href="{base + "/" if base else ""}{lang}/book/index.html"' in text
    assert site_check.Page(site / "404.html").loads == []
    assert list(site_check.broken_links(site_check.Site(site))) == []


def test_the_address_of_the_site_is_a_setting_that_the_environment_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SITE_URL", raising=False)
    assert root_pages.base_url(PROJECT) == ""
    monkeypatch.setenv("SITE_URL", BASE + "/")
    assert root_pages.base_url(PROJECT) == BASE


def test_the_card_is_a_picture_of_the_stated_size_and_the_same_twice() -> None:
    found = pd.DataFrame(ROWS)
    cards = [finding.card(found, heading="GRU4Rec", lang=lang) for lang in ("en", "en", "es")]
    assert struct.unpack(">II", cards[0][16:24]) == finding.CARD_SIZE
    assert cards[0] == cards[1] != cards[2]


def test_a_description_is_the_first_paragraph_of_the_text_cut_between_words() -> None:
    document, section = new_document("page"), nodes.section()
    row = nodes.table("", nodes.paragraph("", "in a table, which is not text for a description at all, however long"))
    long = "word " * 60
    section += [row, nodes.paragraph("", "short"), nodes.paragraph("", long), nodes.paragraph("", "later " * 20)]
    document += section
    said = social.description(document)
    assert said.startswith("word word")
    assert said.endswith(" word…")
    assert len(said) <= social.LONGEST
    assert social.description(new_document("empty")) == ""
