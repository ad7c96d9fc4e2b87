"""How much stands on the pages of a finished site: `python -m tests.press.weights _build/site`.

A row a page and language: words in prose, words in tables, tables of more than 12 rows, code cells that are shown, and,
where there is a Chromium, tables that are wider than the column. What is folded does not count.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from bs4 import BeautifulSoup, Tag

from audit_lib.show.words import LANGUAGES
from book.press import browser, site_check
from book.press.browser import Tab

ROWS, COLUMN = 12, 688  # of a table; pixels
UNREAD = "script, style, nav, .headerlink, .table-rest, .data-links, mjx-container, .math, figure img"
_WIDE = "least => [...document.querySelectorAll('article table')].filter(t => t.offsetWidth > least).length"


def weight(html: str) -> dict[str, int]:
    """prose, tables (words), long (tables of more than ROWS rows), cells (of code that are shown) of a page."""
    article = BeautifulSoup(html, "html.parser").find("article")
    if not isinstance(article, Tag):
        return dict.fromkeys(("prose", "tables", "long", "cells"), 0)
    for part in article.select(f"details, .tag_hide-output .cell_output, {UNREAD}"):
        part.decompose()
    cells = len([part.extract() for part in article.select(".cell_input")])
    tables = [part.extract() for part in article.find_all("table")]
    for part in article.find_all("pre"):
        part.decompose()
    return {
        "prose": len(article.get_text(" ").split()),
        "tables": sum(len(table.get_text(" ").split()) for table in tables),
        "long": sum(len(table.select("tbody tr")) > ROWS for table in tables),
        "cells": cells,
    }


def weights(site: Path) -> pd.DataFrame:
    """lang, page, prose, tables, long, cells, in the order of the pages' names."""
    pages = site_check.Site(site)
    return pd.DataFrame(
        {"lang": lang, "page": name, **weight(page.path.read_text("utf8"))}
        for lang in LANGUAGES for name, page in pages.of(lang).items()
    )  # fmt: skip


def wide(site: Path, table: pd.DataFrame) -> list[int]:
    """How many tables of each page are wider than COLUMN, in a window for a desk."""
    with browser.chromium() as running:
        tab, found = Tab(running), []
        for lang, page in zip(table["lang"], table["page"], strict=True):
            tab.visit((site / lang / page).resolve().as_uri())
            found.append(tab.page.evaluate(_WIDE, COLUMN))
    return found


if __name__ == "__main__":
    site = Path(sys.argv[1])
    table = weights(site)
    if browser.BINARY is not None:
        table["wide"] = wide(site, table)
    print(table.to_string(index=False))
    print(table.drop(columns="page").groupby("lang").sum().to_string())
