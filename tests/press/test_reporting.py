"""The technical report quotes what the evidence says: contrasts, effects, tables, and numbers of the stages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest

from audit_lib import measurements
from audit_lib.errors import InputError
from audit_lib.evaluation.resampling import Measured
from audit_lib.files import PROJECT
from audit_lib.study import headline, measures, records
from audit_lib.study import plan as experiments
from audit_lib.study.evidence import Run
from audit_lib.study.results import Book, NotYet
from book.press import notebooks, pipeline, title_page
from book.press.directives.quoted_facts import as_glued
from book.press.facts import contrasts, documents, effects, exhibits, report_exhibits, reporting, shared_tables
from book.press.facts.effects import Effect, value
from book.press.facts.source import Source
from book.press.title_page import glued
from tests.made_runs import Shelf, made

BOOK = PROJECT / "book"
PAGES = [BOOK / f"{name}.md" for name in ("technical_report", "limitations", "checklist", "if_your_number_differs")]
DOCUMENTS = [BOOK / f"{name}.md" for name in ("executive_summary", "case_study")]


def run_of(
    above: list[int], equal: Iterable[int] = (), step: Iterable[int] = (), *, seed: int = 0,
    **about: str,
) -> Run:  # fmt: skip
    """Ranks of a recommender, without a file."""
    n = len(above)
    ranks = pd.DataFrame({"above": above, "equal": list(equal) or [0] * n})
    targets = pd.DataFrame({"session": range(n), "step": list(step) or [1] * n, "support": [1] * n})
    path = f"{sum(above)}-s{seed}.parquet"
    return made(ranks, targets, seed=seed, path=path, **{"dataset": "rsc15_100k"} | about)


HIT, MISS = [0] * 8, [50] * 8
NEARLY = [0] * 6 + [50] * 2


# --- contrasts
def found(monkeypatch: pytest.MonkeyPatch, ours: list[list[int]], **simple: list[int]) -> contrasts.Contrast:
    """The only contrast of a book in which GRU4Rec has these ranks, a list for each seed; validated as on test."""
    monkeypatch.setattr(headline, "value", lambda book, run: headline.Validated(value(run)))
    monkeypatch.setattr(
        headline, "trainings",
        lambda book, d: [headline.Chosen(d, "headline", "gru4rec", tuple(mine), float("nan"), 0)]
        if (mine := book.present(dataset=d, group="headline")) else [],
    )  # fmt: skip
    runs = [run_of(a, seed=i) for i, a in enumerate(ours)], [run_of(a, recommender=name) for name, a in simple.items()]
    return contrasts.contrasts(Source(Shelf(headline=runs[0], simple=runs[1])))[0]


def test_gru4rec_is_held_against_the_best_simple_recommender_on_the_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    c = found(monkeypatch, [HIT], vsknn=NEARLY, markov=MISS)
    assert (c.best.recommender, c.best.group, c.recall.simple.estimate) == ("vsknn", "simple", 6 / 8)
    assert c.recall.difference.estimate == pytest.approx(2 / 8)
    assert (c.recall.value.estimate, c.recall.value.seeds) == (1.0, 1)
    assert c.mrr.difference.estimate == pytest.approx(2 / 8)  # every hit is on the first rank


def test_one_metric_may_name_another_winner() -> None:
    def side(low: float, high: float) -> contrasts.Side:
        return contrasts.Side(Measured(0.5), Measured(0.5), Measured((low + high) / 2, low, high), 0.01, 0.01)

    chosen = headline.Chosen("entree", "headline", "gru4rec", (), 0.5, 2)
    above, below, unsure = side(0.01, 0.02), side(-0.02, -0.01), side(-0.01, 0.02)
    assert contrasts.Contrast("entree", chosen, chosen, above, below).turns
    assert not contrasts.Contrast("entree", chosen, chosen, above, unsure).turns
    assert not contrasts.Contrast("entree", chosen, chosen, above, above).turns


def test_the_difference_is_over_all_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    c = found(monkeypatch, [HIT, MISS], vsknn=NEARLY)
    assert c.recall.difference.estimate == pytest.approx(1 / 2 - 6 / 8)
    assert c.recall.difference.low < -0.25 < c.recall.difference.high
    assert c.recall.difference.seeds == 2


def test_equal_recommenders_are_not_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    c = found(monkeypatch, [NEARLY], vsknn=NEARLY)
    assert (*c.recall.difference[:3], c.recall.p) == (0, 0, 0, 1.0)


@pytest.mark.parametrize(
    ("low", "high", "word"), [(0.01, 0.02, "above"), (-0.02, -0.01, "below"), (-0.01, 0.02, "not told apart")]
)
def test_what_an_interval_says_follows_from_its_ends(low: float, high: float, word: str) -> None:
    side = contrasts.Side(Measured(0.5), Measured(0.5), Measured(0.0, low, high), 0.5, 0.5)
    assert report_exhibits._outcome(side, str) == word


# --- effects
def test_the_largest_effect_is_shown_with_where_it_was_measured() -> None:
    small, large = Effect(0.01, "a", "markov"), Effect(0.2, "b", "vsknn")
    assert effects._largest([small, large]) == large


def test_an_effect_without_evidence_is_missing_and_named() -> None:
    with pytest.raises(NotYet, match="tuned"):
        effects._largest([], "tuned")


def test_every_effect_without_evidence_is_missing(tmp_path: Path) -> None:
    source = Source(Book(tmp_path))
    for key in effects.EFFECTS:
        with pytest.raises(NotYet):
            effects.effect(key, source)
    table = effects.found(source)
    assert table["size"].isna().all()
    assert len(table) == len(effects.EFFECTS)


def test_a_page_shows_the_effects_that_are_worth_as_much_as_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = pd.DataFrame({"label": ["The split", "The seed", "The loss", "The choice of test sessions"],
                          "size": [0.2, 0.01, float("nan"), 0.03], "dataset": "", "recommender": ""})  # fmt: skip
    monkeypatch.setattr(effects, "found", lambda source: sizes)
    assert report_exhibits.effect_sizes(Source(), "en").shown.tolist() == [True, False, True, True]


def test_a_page_shows_mrr_where_it_says_otherwise_than_recall(monkeypatch: pytest.MonkeyPatch) -> None:
    def side(low: float, high: float) -> contrasts.Side:
        return contrasts.Side(Measured(0.5), Measured(0.5), Measured((low + high) / 2, low, high), 0.01, 0.01)

    chosen = headline.Chosen("entree", "simple", "sr", (), 0.5, 2)
    rows = [contrasts.Contrast("entree", chosen, chosen, side(0.1, 0.2), mrr) for mrr in (side(-1, 1), side(0.1, 1))]
    monkeypatch.setattr(report_exhibits, "contrasts", lambda source: tuple(rows))
    shown = report_exhibits.against_simple(Source(), "en")
    assert list(zip(shown.data["Metric"], shown.shown, strict=True)) == [
        ("Recall@20", True), ("MRR@20", True), ("Recall@20", True), ("MRR@20", False),
    ]  # fmt: skip


def test_a_change_of_the_training_is_measured_over_the_seeds_that_both_have() -> None:
    book = Changed(headline=[run_of(HIT, seed=0), run_of(MISS, seed=1)])
    assert effects._variant(Source(book), variant="no_logq").size == pytest.approx(1 - 6 / 8)


class Changed(Shelf):
    """On two logs, a change of the training whose single seed scores 6 of 8 targets."""

    def planned(self, **_: Any) -> list[SimpleNamespace]:
        return [SimpleNamespace(dataset=name, group="third_party") for name in ("rsc15_100k", "diginetica")]

    def present(self, *, variant: str | None = None, **wanted: Any) -> list[Run]:
        return [run_of(NEARLY, seed=0)] if variant == "no_logq" else super().present(**wanted)


def test_the_effect_of_a_change_is_the_largest_over_all_logs() -> None:
    book = Changed(headline=[run_of(HIT), run_of(MISS, dataset="diginetica")])
    found = effects._variant(Source(book), variant="no_logq")
    assert found == Effect(pytest.approx(6 / 8), "diginetica", "gru4rec")


def test_the_effect_of_the_seed_counts_the_algorithm_of_2016() -> None:
    source = Source()
    wanted = {"dataset": "diginetica", "group": "gru2016_top1", "recommender": "gru4rec_2016"}
    if len(runs := source.book.present(**wanted)) < 2:
        pytest.skip("TOP1 has not been trained with two seeds yet")
    assert effects.seeds(source).size >= np.ptp([value(run) for run in runs]) > 0
    paths = [run.path for training in source.trained() for run in training]
    assert len(set(paths)) == len(paths)
    assert {run.path for run in runs} in [{run.path for run in training} for training in source.trained()]


# --- tables and facts
def test_tables_without_evidence_have_headings_in_both_languages(tmp_path: Path) -> None:
    source = Source(Book(tmp_path))
    full = {"training-settings", "effects", "flawed"}  # rows of the study, with evidence or without
    own = {name: table for name, table in report_exhibits.TABLES.items() if name not in exhibits.TABLES}
    for name, table in own.items():
        for lang in ("en", "es"):
            lines = table(source, lang).markdown()
            assert len(lines) > 2 if name in full else len(lines) == 2, name


def test_an_unknown_fact_is_refused_and_the_nearest_named() -> None:
    with pytest.raises(InputError, match="'contrasts'"):
        reporting.quantity("contrast", Source())


def test_facts_of_the_documents_are_found_too() -> None:
    assert set(documents.FACTS) < set(reporting.FACTS)


def test_sampling_counts_pairs_and_those_that_are_reversed(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pd.DataFrame({"recommender": ["a", "b", "c"], "full": [0.3, 0.2, 0.1], "sampled": [0.6, 0.8, 0.3]})

    class Sampled:
        def sampled(self, dataset: str, n: int) -> pd.DataFrame:
            return table

        def reversed(self, dataset: str, n: int) -> int:
            return 1

    monkeypatch.setattr(shared_tables, "counted_logs", lambda book: ["a log"])
    row = shared_tables.sampling(Source(Sampled())).iloc[0]
    assert (row["pairs"], row["reversed"]) == (3, 1)
    assert row["tau"] == pytest.approx(1 / 3)
    assert (row["least"], row["median"], row["most"]) == pytest.approx((2, 3, 4))


# --- on the pages
@pytest.mark.parametrize("path", [*PAGES, *DOCUMENTS], ids=lambda path: path.stem)
def test_every_number_on_a_page_is_computed_and_every_name_is_known(path: Path) -> None:
    text = path.read_text("utf8")
    names = {name.partition(":")[0] for name in re.findall(r"\{fact\}`([^`]+)`", text) if "::" not in name}
    assert names
    assert names <= set(reporting.FACTS)
    assert set(re.findall(r"\{fact-table\} (\S+)", text)) <= set(report_exhibits.TABLES)
    assert set(re.findall(r"\{fact-figure\} (\S+)", text)) <= set(report_exhibits.FIGURES)
    prose = re.sub(r"\{[\w:-]+\}`[^`]*`|`[^`]*`|Recall@\d+|MRR@\d+|1/64|CC BY 4\.0", " ", text)
    assert re.findall(r"\d+\.\d+", prose) == [], "a decimal number is typed"


def test_every_number_that_is_kept_for_the_pages_stands_on_one() -> None:
    text = "\n".join(path.read_text("utf8") for path in BOOK.glob("*.md"))
    quoted = {name.partition(":")[0] for name in re.findall(r"\{fact\}`([^`]+)`", text) if "::" not in name}
    assert set(reporting.OWN) - quoted == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_stage_and_every_number_of_a_stage_is_there(path: Path) -> None:
    text = path.read_text("utf8")
    named = set(re.findall(r"\{stage\}`(\w+)`", text))
    assert named <= set(pipeline.stages())
    for stage, key in re.findall(r"\{fact\}`(\w+)::(\w+)", text):
        assert is_glued(stage, key), (stage, key)


@cache
def code_of(stage: str) -> str:
    """The code of a stage and of the modules of `audit_lib.stages` that it imports."""
    code = "\n".join(cell.source for cell in notebooks.read(PROJECT / "notebooks" / f"{stage}.md").cells)
    imported = re.findall(r"from audit_lib\.stages import ([\w, ]+)", code)
    modules = {name.split()[0] for line in imported for name in line.split(", ")}
    return code + "\n".join((PROJECT / "audit_lib" / "stages" / f"{name}.py").read_text("utf8") for name in modules)


def is_glued(stage: str, key: str) -> bool:
    """Whether a stage names this value or a part of it."""
    code = code_of(stage)
    begun, ended = re.findall(r'f"(\w+_)\{', code), re.findall(r'f"\{\w+\}(_\w+)"', code)
    return f'"{key}"' in code or key.startswith(tuple(begun)) or key.endswith(tuple(ended))


@pytest.mark.parametrize("stage", pipeline.stages())
def test_every_value_that_a_stage_quotes_is_glued_by_it(stage: str) -> None:
    text = (PROJECT / "notebooks" / f"{stage}.md").read_text("utf8")
    quoted = set(re.findall(rf"\{{fact\}}`{stage}::(\w+)", text))
    assert {key for key in quoted if not is_glued(stage, key)} == set()
    assert not is_glued(stage, "no_such_value")


def test_every_question_of_the_report_is_answered_in_its_conclusions() -> None:
    text = (BOOK / "technical_report.md").read_text("utf8")
    asked = re.findall(r"^- \*\*(RQ\d)\.\*\*", text, re.MULTILINE)
    results = re.findall(r"^### (RQ\d):", text, re.MULTILINE)
    concluded = re.findall(r"^\*\*(RQ\d)\.\*\*", text, re.MULTILINE)
    assert asked
    assert asked == results == concluded


def test_the_sources_that_the_report_names_are_those_of_the_study() -> None:
    table = (BOOK / "technical_report.md").read_text("utf8").split("(report-sources)=")[1]
    plan = experiments.read()
    recorded = {*measurements.REGISTRY, *records.OF_THE_TESTS}
    for noun, known in (("groups?", {line.group for line in plan.experiment}), ("records?", recorded)):
        listed = ",".join(re.findall(rf"\b{noun} ((?:`\w+`(?:, )?)+)", table.replace("; ", " ")))
        names = set(re.findall(r"`(\w+)`", listed))
        assert names
        assert names <= known


# --- numbers of the stages
def notebook(path: Path, **glued: Any) -> Path:
    """An executed notebook that glues these."""
    outputs = [
        nbformat.v4.new_output(
            "display_data", {"application/papermill.record/text/plain": repr(v)}, metadata={"scrapbook": {"name": k}}
        )
        for k, v in glued.items()
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=outputs)]), path)
    return path


def test_a_glued_value_is_written_as_on_its_stage(tmp_path: Path) -> None:
    found = glued(notebook(tmp_path / "n.ipynb", yes=0.684, first="Negatives", n=7200, less=-0.5), 0.0)
    assert as_glued(found["yes"], ".1%", "en") == "68.4\u00a0%"
    assert as_glued(found["n"], ",d", "es") == "7\u202f200"
    assert as_glued(found["less"], "+.2f", "en") == "\u22120.50"
    assert as_glued(found["first"], "", "es") == "Negatives"


def test_a_glued_number_may_be_undefined() -> None:
    assert as_glued("nan", ".1%", "en").startswith("nan")


@pytest.mark.parametrize("stage", pipeline.stages())
def test_a_stage_quotes_what_it_has_glued_itself_by_the_one_role(stage: str) -> None:
    text = (PROJECT / "notebooks" / f"{stage}.md").read_text("utf8")
    assert "{glue" not in text
    assert set(re.findall(r"\{fact\}`(?:(\w+)::)?", text)) <= {stage}


def test_a_glued_number_without_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs a format"):
        as_glued("0.5", "", "en")


def test_measured_values_of_the_evidence_agree_with_the_ledger() -> None:
    """The difference of two engines, computed here from ranks, is what the measure of the ledger gives."""
    source = Source()
    ours = reporting.FACTS["engines-rsc15"](source)
    names = {"first": "gru4rec", "second": "gru4rec_official"}
    groups = {"first_group": "headline", "second_group": "headline"}
    theirs = measures.difference(source.book, dataset="rsc15_100k", **names, **groups)
    assert isinstance(ours, Measured)
    assert np.allclose(ours[:3], theirs[:3])


LEVEL = {
    "03_baselines": {"best": "Markov", "metric": "Recall@20", "best_value": 0.5, "best_low": 0.4, "best_high": 0.6},
    "04_gru4rec": {"gap_best": 0.0, "gap_low": 0.0, "gap_high": 0.0, "best": "Markov"},
    "05_evaluation": {"pairs": 3, "pairs_apart": 0},
}


@pytest.mark.parametrize(("level", "said"), [(0, ""), (1, "One other simple"), (8, "8 other simple recommenders have")])
def test_recommenders_of_the_very_same_value_are_counted(level: int, said: str) -> None:
    found = {**LEVEL, "03_baselines": {**LEVEL["03_baselines"], "level": level}}
    text = title_page.best(found, "en")
    assert said in text
    assert ("very same" in text) == bool(level)
