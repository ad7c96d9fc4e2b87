"""The documents quote what the ledger and the evidence say, in both languages, and say what is missing."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from audit_lib.errors import InputError
from audit_lib.evaluation.resampling import Measured
from audit_lib.study import literature_values
from audit_lib.study.claims import Claim, Finding, Part, Settled
from audit_lib.study.results import Book, NotYet
from book.press.directives import claim_ledger, computed
from book.press.directives import quoted_facts as facts
from book.press.facts import exhibits
from book.press.facts.prose import number, verb, written
from book.press.facts.reporting import quantity
from book.press.facts.source import Source, awaited
from tests.press import small_book

CLEAR, OPEN = Measured(0.02, 0.01, 0.03), Measured(0.02, -0.01, 0.05)


def finding(measured: Measured | None, missing: tuple[str, ...] = (), **arguments: object) -> Settled:
    """A ledger of one claim with one measurement of a published gap."""
    part = Part(measure="published_gap", arguments=arguments, expect="at_least", value=0.0)
    claim = Claim(id="X", source="wu2019", claim="c", claim_es="c", measurement="m", measurement_es="m", parts=(part,))
    return Settled(claim, (Finding(part, measured, missing, "met" if measured else "missing"),), "partly")


GAP = {"source": "wu2019", "model": "srgnn", "dataset": "diginetica"}


# --- how a number is written
@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        (0.54203, ".2%", "54.20\u00a0%"),
        (60858.0, ",d", "60\u202f858"),
        (-0.0123, "+points", "\u22121.2"),
        (0.0123, "+points", "+1.2"),
        (-0.0123, "points", "1.2"),
        (25.79, ".0f", "26"),
        (3.0, "d", "3"),
    ],
)
def test_a_number_is_written_alike_in_every_language(value: float, spec: str, text: str) -> None:
    assert number(value, spec) == text
    assert written(Measured(value), spec, "es") == text


def test_an_interval_is_written_with_the_format_of_its_estimate() -> None:
    assert written(CLEAR, ".1%~") == "[1.0, 3.0]"
    assert written(OPEN, "+points~") == "[\u22121.0, +5.0]"


def test_the_verb_follows_from_the_interval() -> None:
    assert verb(CLEAR) == "is above"
    assert verb(Measured(-0.02, -0.03, -0.01)) == "is below"
    assert verb(OPEN) == "is statistically indistinguishable from"
    assert verb(CLEAR, "es") != verb(CLEAR)


@pytest.mark.parametrize("spec", ["verb", ".1%~"])
def test_what_has_no_interval_has_no_verb_and_no_range(spec: str) -> None:
    with pytest.raises(InputError, match="interval"):
        written(Measured(0.2945), spec)


def test_a_number_without_format_and_a_text_with_one_are_refused() -> None:
    with pytest.raises(InputError, match="needs a format"):
        written(CLEAR)
    with pytest.raises(InputError, match=r"'VSTAN' cannot be formatted as '\.2%'"):
        written("VSTAN", ".2%")


# --- where it comes from
def test_what_the_ledger_has_measured_is_taken_from_it_whatever_the_order_of_arguments() -> None:
    source = Source(settled=[finding(CLEAR, **GAP)])
    assert source.measure("published_gap", dataset="diginetica", model="srgnn", source="wu2019") is CLEAR
    assert quantity("margin-srgnn-here", source) is CLEAR


def test_what_the_ledger_misses_is_missing() -> None:
    source = Source(settled=[finding(None, ("diginetica-gru4rec-s0",), **GAP)])
    with pytest.raises(NotYet, match="diginetica-gru4rec-s0"):
        quantity("margin-srgnn-here", source)


def test_without_evidence_a_measured_fact_is_missing_and_a_published_one_is_there(tmp_path: Path) -> None:
    source = Source(Book(tmp_path))
    for name in ("official", "simple-diginetica-name", "ablation-nearest", "official-minutes", "simple-less-bpr"):
        with pytest.raises(NotYet):
            quantity(name, source)
    said = literature_values.value("wu2019", "diginetica", "gru4rec", "Recall", 20)
    assert quantity("copied-diginetica", source).estimate == said


def test_the_trail_ends_with_the_copied_values() -> None:
    last = literature_values.trail().groupby("dataset").last()
    for dataset in last.index:
        for metric in ("recall", "mrr"):
            assert last.loc[dataset, metric] == literature_values.value("wu2019", dataset, "gru4rec", metric, 20)


def test_tables_without_evidence_have_headings_and_no_rows(tmp_path: Path) -> None:
    source = Source(Book(tmp_path))
    for name in exhibits.TABLES.keys() - {"trail", "ladder", "decision", "decision-logs"}:  # the first two quote others
        assert len(exhibits.TABLES[name](source, "en").markdown()) == 2, name


def test_the_decision_table_without_its_records_is_missing(tmp_path: Path) -> None:
    with pytest.raises(NotYet):
        exhibits.TABLES["decision"](Source(Book(tmp_path)), "en")


def test_a_row_of_the_decision_table_is_a_constraint_and_a_column_a_kind_of_log() -> None:
    kinds = {"order": ["weak", "strong"], "size": ["large", "small"], "condition": ["free", "ten"]}
    values = {
        "recall_least": [0.5, 0.25], "recall_most": [0.6, 0.25], "mrr_least": [0.2, 0.1], "mrr_most": [0.2, 0.1],
        "near": [False, True],
    }  # fmt: skip
    source = Source()
    source.decisions = pd.DataFrame({**kinds, "recommended": ["vstan", "gru4rec"], **values})
    shown = exhibits.TABLES["decision"](source, "en").data.set_index("Constraint")
    assert shown.loc["No limit"].tolist() == ["VSTAN: 50.0 – 60.0 / 20.0\u00a0%", "–"]
    assert shown.loc["An answer within 10 ms"].tolist() == ["–", "GRU4Rec≈: 25.0 / 10.0\u00a0%"]
    assert list(shown) == ["Weak, large", "Strong, small"]
    assert list(exhibits.TABLES["decision"](source, "es").data) == ["Condición", "Débil, grande", "Fuerte, pequeño"]


def test_the_preprint_has_the_plain_row_of_its_source_to_the_last_digit() -> None:
    rows = literature_values.trail().set_index(["source", "called", "dataset"])
    assert rows.loc[("wu2018preprint", "GRU4REC")].equals(rows.loc[("li2017", "GRU-Rec")])


# --- on the pages
class Pages:
    """A page built in this process, with facts of the test's own in the place of the evidence."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch):
        self.root, self.facts, self.monkeypatch = root, facts, monkeypatch
        monkeypatch.setattr(claim_ledger, "settled", dict)
        monkeypatch.setattr(facts, "source", lambda: Source(Book(root / "evidence"), (finding(CLEAR, **GAP),)))
        monkeypatch.setattr(facts, "quantity", lambda name: quantity(name, facts.source()))
        monkeypatch.setattr(computed, "stored", lambda *_: {})

    def build(self, text: str, lang: str = "en") -> BeautifulSoup:
        """The page as HTML; the book's own build takes a warning for an error."""
        source, out = self.root / "source", self.root / "out"
        source.mkdir(exist_ok=True)
        ours = [f"book.press.directives.{name}" for name in ("computed", "claim_ledger", "quoted_facts")]
        extensions = f"extensions = {['myst_parser', *ours]}\nmyst_enable_extensions = ['colon_fence']\nnumfig = True"
        (source / "conf.py").write_text(f"{extensions}\nlanguage = {lang!r}\n")
        (source / "index.md").write_text(f"# A page\n\n{text}\n")
        self.monkeypatch.setattr(computed, "NUMBERS", {})
        self.warnings = small_book.build(source, out).count("WARNING")
        return BeautifulSoup((out / "index.html").read_text("utf8"), "html.parser")


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pages:
    return Pages(tmp_path, monkeypatch)


@pytest.mark.parametrize(("lang", "words"), [("en", "is above"), ("es", "supera a")])
def test_a_fact_stands_in_its_sentence_in_the_language_of_the_page(pages: Pages, lang: str, words: str) -> None:
    page = pages.build("It {fact}`margin-srgnn-here:verb` it by {fact}`margin-srgnn-here:points`.", lang)
    assert [fact.get_text() for fact in page.select(".fact")] == [words, "2.0"]
    assert pages.warnings == 0


def test_a_fact_without_evidence_says_that_it_was_not_run(pages: Pages) -> None:
    page = pages.build("It reaches {fact}`official:.2%`.")
    assert [fact.get_text() for fact in page.select(".fact.awaited")] == ["not run yet"]


def test_a_number_of_a_stage_is_quoted_by_the_same_role(pages: Pages) -> None:
    glued = {"metadata": {"scrapbook": {"name": "yes"}}, "data": {"application/papermill.record/text/plain": "-0.684"}}
    cell = nbformat.v4.new_code_cell("", outputs=[nbformat.v4.new_output("display_data", **glued)])
    (pages.root / "source" / "notebooks").mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), pages.root / "source" / "notebooks" / "08_multiverse.ipynb")
    page = pages.build("{fact}`08_multiverse::yes:+.1%` of {fact}`08_multiverse::no:d` and {fact}`09_cost::yes:d`.")
    assert [fact.get_text() for fact in page.select(".fact")] == ["\u221268.4\u00a0%", "not run yet", "not run yet"]
    assert pages.warnings == 0


def test_an_unknown_fact_or_a_wrong_format_is_a_warning_which_fails_the_build(pages: Pages) -> None:
    pages.build("{fact}`oficial:.2%` and {fact}`margin-srgnn-here:.2q`")
    assert pages.warnings == 2


def test_a_figure_has_its_caption_its_alternative_text_and_its_number(pages: Pages) -> None:
    figure = "```{fact-figure} margins\n:name: fig-margins\n:alt: Dots.\n\nMargins, *before* and after.\n```"
    page = pages.build(f"See {{numref}}`fig-margins`.\n\n{figure}")
    image = page.select_one("figure#fig-margins img")
    assert image["alt"] == "Dots."
    assert (pages.root / "out" / image["src"]).read_bytes().startswith(b"<?xml")
    assert page.select_one("figcaption em").get_text() == "before"
    assert "See Fig. 1." in page.get_text()


def test_a_page_says_how_much_is_missing(pages: Pages) -> None:
    note = pages.build("```{awaited} diginetica_gap\n```").select_one(".admonition.note p:not(.admonition-title)")
    missing, planned = awaited(["diginetica_gap"], pages.facts.source())
    assert missing == planned > 0
    assert re.findall(r"\d+", note.get_text()) == [str(planned), str(missing)]


def test_a_stage_that_this_book_lacks_is_named_without_a_link(pages: Pages) -> None:
    page = pages.build("See {stage}`06_literature`.")
    assert "See stage 06." in page.get_text()
    assert pages.warnings == 0
