"""The ledger in the book: every claim has its place and verdict, and badges say the same, in both languages."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner

from audit_lib.commands.study import claims as command
from audit_lib.files import PROJECT
from audit_lib.show import words
from audit_lib.show.words import VERDICTS
from audit_lib.study import claim_words, claims
from audit_lib.study.claims import Claim, Settled
from book.press import ledger, site_check
from book.press.directives import claim_ledger
from tests.press import small_book

BOOK = PROJECT / "book"
LANGUAGES = ("en", "es")
CONFIGURATION = """
extensions = ["myst_parser", "sphinxcontrib.bibtex"]
extensions += [f"book.press.directives.{{part}}" for part in ("computed", "claim_ledger")]
myst_enable_extensions = ["colon_fence", "dollarmath"]
bibtex_bibfiles = ["book/references.bib"]
locale_dirs = ["locale"]
gettext_compact = False
language = "{lang}"
root_doc = "index"
"""
INDEX = """# A small book

```{toctree}
book/ledger
notebooks/page
references
```
"""


def made(root: Path, lang: str, page: str) -> Path:
    """The ledger's page, one page with badges and a bibliography, without the rest of the book; returns its pages."""
    (root / "book").mkdir(parents=True)
    (root / "notebooks").mkdir()
    shutil.copy(BOOK / "ledger.md", root / "book")
    shutil.copy(BOOK / "references.bib", root / "book")
    catalogue = Path("locale/es/LC_MESSAGES/book/ledger.po")
    (root / catalogue).parent.mkdir(parents=True)
    shutil.copy(BOOK / catalogue, root / catalogue)
    (root / "conf.py").write_text(CONFIGURATION.format(lang=lang), "utf8")
    (root / "index.md").write_text(INDEX, "utf8")
    (root / "notebooks" / "page.md").write_text(f"# A page\n\n{page}\n", "utf8")
    (root / "references.md").write_text("# References\n\n```{bibliography}\n```\n", "utf8")
    assert small_book.build(root, root / "out", nitpicky=True) == ""
    return root / "out"


@pytest.fixture(scope="module")
def settled() -> list[Settled]:
    return list(claim_ledger.settled().values())


@pytest.fixture(scope="module", params=LANGUAGES)
def built(request: pytest.FixtureRequest, settled: list[Settled], tmp_path_factory: pytest.TempPathFactory):
    """(language, folder of the pages); the page has a badge of every claim."""
    badges = " ".join(f"{{claim}}`{s.claim.id}`" for s in settled)
    lang = request.param
    return lang, made(tmp_path_factory.mktemp("ledger") / lang, lang, f"We lean on {badges}.")


def page(built: tuple[str, Path], name: str) -> BeautifulSoup:
    return BeautifulSoup((built[1] / name).read_text("utf8"), "html.parser")


def verdict_words(settled: list[Settled], lang: str) -> dict[str, str]:
    return {s.claim.id: words.translator(lang)(VERDICTS[s.verdict]) for s in settled}


def test_every_claim_has_its_anchor_its_verdict_and_its_sentence(
    built: tuple[str, Path], settled: list[Settled]
) -> None:
    lang, soup = built[0], page(built, "book/ledger.html")
    words = verdict_words(settled, lang)
    for s in settled:
        section = soup.find(id=f"claim-{s.claim.id}")
        assert section.find("h3").get_text().startswith(f"{s.claim.id}: {words[s.claim.id]}")
        assert plain(s.claim.text("claim", lang)) in plain(section.get_text())
        assert plain(s.claim.text("measurement", lang)) in plain(section.get_text())
    assert len(soup.select("section.claim")) == len(settled)


def plain(text: str) -> str:
    """A text without the difference between straight and curly quotes, and between one space and several."""
    return re.sub(r"\s+", " ", text.translate(str.maketrans("‘’“”–", "''\"\"-")).replace("--", "-"))


def test_every_measurement_and_every_gap_is_on_the_page(built: tuple[str, Path], settled: list[Settled]) -> None:
    lang, soup = built[0], page(built, "book/ledger.html")
    for s in settled:
        section = soup.find(id=f"claim-{s.claim.id}")
        rows = [[cell.get_text() for cell in row.find_all("td")] for row in section.select("tbody tr")]
        measured = [(f.part, f.measured.estimate) for f in s.findings if f.measured]
        assert [row[3] for row in rows] == [claim_words.written(*found, lang) for found in measured]
        named = [code.get_text() for code in section.select("code")]
        assert named == s.missing[: ledger.SHOWN]


def test_the_counts_add_up_and_lead_to_their_claims(built: tuple[str, Path], settled: list[Settled]) -> None:
    table = page(built, "book/ledger.html").find("table")
    *rows, total = [[cell for cell in row.find_all("td")] for row in table.select("tbody tr")]
    for (name, number, which), verdict in zip(rows, VERDICTS, strict=True):
        ids = [s.claim.id for s in settled if s.verdict == verdict]
        assert name.get_text() == words.translator(built[0])(VERDICTS[verdict])
        assert int(number.get_text()) == len(ids)
        assert [link["href"] for link in which.find_all("a")] == [f"#claim-{claim_id}" for claim_id in ids]
    assert int(total[1].get_text()) == len(settled)


def test_a_badge_says_the_verdict_of_the_ledger_and_leads_to_the_claim(
    built: tuple[str, Path], settled: list[Settled]
) -> None:
    lang = built[0]
    words = verdict_words(settled, lang)
    badges = page(built, "notebooks/page.html").select("a.claim-badge")
    assert [badge.get_text() for badge in badges] == [f"{claim_id} {word}" for claim_id, word in words.items()]
    for badge, s in zip(badges, settled, strict=True):
        assert badge["href"] == f"../book/ledger.html#claim-{s.claim.id}"
        assert f"claim-{s.verdict.replace(' ', '-')}" in badge["class"]
        assert plain(badge["title"]) == plain(f"{s.claim.id}, {words[s.claim.id]}: {s.claim.text('claim', lang)}")


def test_the_download_is_what_the_command_prints(
    built: tuple[str, Path], settled: list[Settled], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "ledger", lambda folder: settled)
    link = page(built, "book/ledger.html").select_one("a.claims-download")
    file = (built[1] / "book" / link["href"]).resolve()
    assert file.read_text("utf8") == CliRunner().invoke(command, ["--json"]).output
    assert len(json.loads(file.read_text("utf8"))) == len(claims.read())


def test_an_unknown_claim_fails_the_build(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"page\.md.*Unknown claim 'B11'"):
        made(tmp_path / "book", "en", "We lean on {claim}`B11`.")


def test_the_page_is_in_spanish_in_the_spanish_book(built: tuple[str, Path]) -> None:
    """No sentence of the page's text is left in English."""
    messages = site_check.messages(BOOK / "locale/es/LC_MESSAGES/book/ledger.po")
    text = page(built, "book/ledger.html").get_text()
    lines = (BOOK / "ledger.md").read_text("utf8").splitlines()
    headings = [line.lstrip("# ") for line in lines if line.startswith("#") and "claim" in line.lower()]
    assert headings
    assert set(headings) <= set(messages)
    assert all((heading in plain(text)) is (built[0] == "en") for heading in headings)


# --- the Markdown
def fabricated(**changes: object) -> Settled:
    about = {
        "id": "X1", "source": "audited_study", "claim": "a_b *c* | d", "claim_es": "e", "measurement": "None.",
        "measurement_es": "Ninguna.", "untestable": "No log says.", "untestable_es": "Ningún registro lo dice.",
    }  # fmt: skip
    return Settled(Claim(**about | changes), (), "not testable offline")


def test_a_claim_that_cannot_be_tested_says_why_and_markup_in_it_is_text() -> None:
    lines = ledger.entry(fabricated())
    assert lines[0] == r"> a\_b \*c\* \| d"
    assert "**Source:** {cite:t}`audited_study`" in lines
    assert "**Why it cannot be tested offline:** No log says." in lines
    assert not [line for line in lines if line.startswith("|")]


def test_a_cited_source_is_cited() -> None:
    assert "**Fuente:** {cite:t}`wu2019`" in ledger.entry(fabricated(source="wu2019"), "es")


def test_a_verdict_that_no_claim_has_is_counted_as_none() -> None:
    table = ledger.counts([fabricated()])
    assert "| Reproduced | 0 | – |" in table
    assert "| Not testable offline | 1 | {claim}`X1` |" in table
    assert table[-1] == "| All | 1 |  |"


# --- the whole book
def test_the_book_leans_on_its_claims_in_every_stage_of_the_study() -> None:
    for stage in ("01_data", "02_split", "03_baselines", "04_gru4rec", "05_evaluation", "06_literature"):
        text = (PROJECT / "notebooks" / f"{stage}.md").read_text("utf8")
        assert re.search(r"\{claim\}`[ABC]\d*`", text), stage


@pytest.mark.site
@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_site_offers_the_ledger(site: Path, settled: list[Settled], lang: str) -> None:
    assert (site / lang / "claims.json").read_text("utf8") == claims.json_text(settled) + "\n"
    ids = site_check.Site(site).of(lang)["book/ledger.html"].ids
    assert {ledger.anchor(s.claim.id) for s in settled} <= ids
