"""The ledger: every path to a verdict, on evidence made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from audit_lib.commands import cli
from audit_lib.errors import EvidenceError, InputError
from audit_lib.evaluation.resampling import Measured
from audit_lib.files import BOOK
from audit_lib.study import claim_words, claims, headline, literature_values, measures, presets, records, results
from audit_lib.study.claims import Part, judge, verdict
from audit_lib.study.results import Book, NotYet
from tests.made_challengers import N, put_planned

DATASET = "rsc15_100k"  # any name of the registry: no row of it is read here
STUDY = """
[settings.one]
layers = 10
[[variant]]
id = "short"
label = "One epoch"
change = { n_epochs = 1 }
[[experiment]]
group = "simple"
datasets = ["rsc15_100k"]
recommenders = ["popularity", "markov"]
settings = "default"
seeds = [0]
why = "a test"
[[experiment]]
group = "headline"
datasets = ["rsc15_100k"]
recommenders = ["gru4rec"]
settings = "one"
seeds = [0, 1]
why = "a test"
[[experiment]]
group = "ablations"
datasets = ["rsc15_100k"]
recommenders = ["gru4rec"]
settings = "one"
variants = ["short"]
seeds = [0]
why = "a test"
"""


@pytest.fixture
def book(tmp_path) -> Book:
    """A folder without evidence, and a small study."""
    (tmp_path / "study.toml").write_text(STUDY)
    return Book(tmp_path / "evidence", tmp_path / "study.toml")


def claim(*parts: Part, **changed: object) -> claims.Claim:
    text = dict.fromkeys(("claim", "claim_es", "measurement", "measurement_es"), "x")
    return claims.Claim(**{"id": "X", "source": "wu2019", "parts": parts, **text, **changed})


def score_part(**expected: object) -> Part:
    arguments = {"dataset": DATASET, "group": "headline", "recommender": "gru4rec", "metric": "Recall", "k": 20}
    return Part(measure="score", arguments=arguments, **expected)


# --- verdicts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["met", "met"], "reproduced"),
        (["met", "not met"], "partly"),
        (["met", "undecided"], "partly"),
        (["undecided"], "partly"),
        (["not met", "not met"], "not reproduced"),
        (["met", "missing"], "not run"),
        (["not met", "missing"], "not run"),
        ([], "not run"),
        (["beside", "met"], "reproduced"),
    ],
)
def test_the_verdict_follows_from_the_parts(states, expected):
    assert verdict(claim(score_part(expect="at_least", value=0)), states) == expected


def test_a_claim_with_a_reason_is_not_testable_offline_and_nothing_else_is():
    settled = claims.settle(claim(untestable="why", untestable_es="por qué"), Book())
    assert settled.verdict == "not testable offline"
    with pytest.raises(ValueError, match="untestable"):
        claim()
    with pytest.raises(ValueError, match="both languages"):
        claim(untestable="why")


@pytest.mark.parametrize(
    ("expected", "measured", "state"),
    [
        ({"expect": "near", "value": 0.5, "tolerance": 0.02}, Measured(0.52), "met"),
        ({"expect": "near", "value": 0.5, "tolerance": 0.02}, Measured(0.521, 0.4, 0.6), "not met"),
        ({"expect": "between", "low": 2, "high": 3, "tolerance": 0.25}, Measured(3.25), "met"),
        ({"expect": "between", "low": 2, "high": 3, "tolerance": 0.25}, Measured(1.74), "not met"),
        ({"expect": "at_least", "value": 0}, Measured(0.1, 0.0, 0.2), "met"),
        ({"expect": "at_least", "value": 0}, Measured(0.1, -0.1, 0.3), "undecided"),
        ({"expect": "at_least", "value": 0}, Measured(-0.2, -0.3, -0.1), "not met"),
        ({"expect": "at_least", "value": 1}, Measured(0.0), "not met"),
        ({"expect": "at_most", "value": 0}, Measured(-0.1, -0.2, 0.0), "met"),
        ({"expect": "at_most", "value": 0}, Measured(0.1, -0.1, 0.3), "undecided"),
        ({"expect": "at_most", "value": 0}, Measured(0.2, 0.1, 0.3), "not met"),
        ({}, Measured(0.2), "beside"),
    ],
)
def test_a_measurement_is_held_against_what_is_expected(expected, measured, state):
    assert judge(score_part(**expected), measured) == state


def test_a_claim_goes_from_not_run_to_its_verdict_as_evidence_appears(book):
    of = claim(score_part(expect="near", value=0.5, tolerance=0.01))
    settled = claims.settle(of, book)
    assert settled.verdict == "not run"
    assert [name[-2:] for name in settled.missing] == ["s0", "s1"]
    assert all(name.startswith(f"{DATASET}-gru4rec-") for name in settled.missing)
    put_planned(book, 0.5, group="headline", seed=0)
    again = Book(book.folder, book.study)
    assert claims.settle(of, again).verdict == "not run"  # one of two seeds
    put_planned(book, 0.5, group="headline", seed=1)
    again = Book(book.folder, book.study)
    assert claims.settle(of, again).verdict == "reproduced"
    other = claim(score_part(expect="near", value=0.3, tolerance=0.01))
    assert claims.settle(other, again).verdict == "not reproduced"
    both = claim(*of.parts, *other.parts)
    assert claims.settle(both, again).verdict == "partly"


def test_evidence_that_was_changed_is_an_error_and_no_verdict(book):
    put_planned(book, 0.5, group="headline")
    path = next(book.folder.glob("*/*/gru4rec/*.parquet"))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(EvidenceError, match=path.name):
        claims.settle(claim(score_part(expect="at_least", value=0)), book)


# --- measures, by hand ------------------------------------------------------------------------------------------------


def test_measures_of_hand_made_evidence(book, monkeypatch):
    monkeypatch.setattr(
        headline, "value", lambda _, run: headline.Validated(results.values_of([run], "Recall", 20)[0].mean())
    )
    put_planned(book, 0.5, group="headline", seed=0)
    put_planned(book, 0.6, group="headline", seed=1)
    put_planned(book, 0.4, recommender="popularity")
    put_planned(book, 0.44, recommender="markov")
    put_planned(book, 0.11, variant="short")
    where = {"dataset": DATASET}
    found = measures.score(book, **where, group="headline", recommender="gru4rec")
    assert found.estimate == pytest.approx(0.55)
    assert found.seeds == 2
    assert found.low < 0.5 < 0.6 < found.high
    assert measures.simple_share(book, **where).estimate == pytest.approx(18 / 22)  # 0.44 is 17.6, thus 18 sessions
    short = measures.relative_loss(book, **where, variant="short")
    assert (short.estimate, short.seeds) == (pytest.approx(1 - 5 / 20), 1)  # of the seed that both have
    pair = measures.difference(
        book, **where, first="markov", first_group="simple", second="gru4rec", second_group="headline"
    )
    assert pair.estimate == pytest.approx(18 / 40 - 0.55)
    training = {**where, "group": "headline", "recommender": "gru4rec"}
    assert measures.loss(book, **training, epoch=2).estimate == 6.0
    assert measures.fit_seconds(book, **training).estimate == 2.0
    with pytest.raises(NotYet, match="epoch 9"):
        measures.loss(book, **training, epoch=9)


def test_what_stands_in_for_another_measure_is_written_in_its_unit() -> None:
    pairs = {(part.measure, part.unless_run) for claim in claims.read() for part in claim.parts if part.unless_run}
    assert ("published_gap", "challenger_gap") in pairs
    for measure, other in pairs:
        assert claim_words.UNITS.get(measure) == claim_words.UNITS.get(other), other


def test_runs_are_paired_by_the_seeds_that_both_have(book):
    put_planned(book, 0.5, group="headline", seed=0)
    put_planned(book, 0.6, group="headline", seed=1)
    put_planned(book, 0.11, variant="short")  # seed 0
    put_planned(book, 0.44, recommender="markov")
    base, short = (book.present(**wanted) for wanted in ({"group": "headline"}, {"variant": "short"}))
    a, b, drawn = results.paired(base, short)
    assert (a.mean(1).tolist(), b.mean(1).tolist(), drawn.predictions) == ([0.5], [5 / 40], 2 * N)
    assert results.paired(reversed(base), short)[0].tolist() == a.tolist()
    a, b, _ = results.paired(book.present(recommender="markov"), base)  # has no seeds: the same beside each
    assert (a.mean(1).tolist(), b.mean(1).tolist()) == ([18 / 40] * 2, [0.5, 0.6])
    a, b, drawn = results.paired(base[1:], short)
    assert (len(a), len(b), drawn.predictions) == (0, 0, 0)


def test_no_two_parts_of_a_claim_read_alike():
    for one in claims.read():
        said = [(part.measure, claim_words.describe(part), claim_words.expected(part)) for part in one.parts]
        assert len(set(said)) == len(said), one.id


def test_sampled_measures_of_hand_made_evidence(book):
    put_planned(book, 0.5, group="headline")
    put_planned(book, 0.25, group="simple")
    # A target with 99 of 199 items above it is within 20 of 50 negatives with a probability below one half.
    factor = measures.sampled_factor(book, dataset=DATASET, n=50).estimate
    table = book.sampled(DATASET, 50).set_index("recommender")
    assert list(table["full"]) == [0.5, 0.25, 0.25]
    assert factor == pytest.approx((table["sampled"] / table["full"]).median())
    assert table["sampled"].between(table["full"], 1).all()
    assert measures.sampled_where(book, n=50, low_full=0.4, high_full=0.6).estimate == table.loc["gru4rec", "sampled"]
    assert measures.reversals(book, n=50).estimate == 0.0
    with pytest.raises(NotYet):
        measures.sampled_where(book, n=50, low_full=0.9, high_full=1.0)


def test_generated_logs_and_controls_are_no_real_logs_of_a_count(book, monkeypatch):
    found = ["seed_demo", "rsc15_100k", "movielens_100k"]
    monkeypatch.setattr(results, "real_datasets", lambda book: found)
    assert results.counted_logs(book) == ["rsc15_100k"]
    monkeypatch.setattr(Book, "reversed", lambda self, dataset, n: 1)
    assert measures.reversals(book, n=50).estimate == 1.0


def test_no_reversal_is_a_finding_only_when_all_have_been_run(book):
    put_planned(book, 0.5, recommender="popularity")
    with pytest.raises(NotYet, match="markov"):
        measures.reversals(book, n=50)


def test_a_published_value_less_ours_has_our_interval(book, monkeypatch):
    put_planned(book, 0.5, group="headline")
    monkeypatch.setattr(literature_values, "value", lambda *_: 0.7)
    gap = measures.published_gap(book, dataset=DATASET, model="srgnn", source="wu2019")
    ours = measures.score(book, dataset=DATASET, group="headline", recommender="gru4rec")
    assert gap[:3] == pytest.approx((0.2, 0.7 - ours.high, 0.7 - ours.low))


def test_targets_after_two_events_are_those_of_step_two(book):
    put_planned(book, 0.5, group="headline")
    runs = book.runs(dataset=DATASET, group="headline")
    assert results.values_of(runs, "Recall", 20)[0].shape == (2, 2 * N)
    assert results.values_of(runs, "Recall", 20, 2)[0].shape == (2, N)


def test_the_toy_table_comes_out_to_its_last_digit():
    assert measures.toy_table(Book()).estimate == 0.0


def test_the_optimum_of_the_demo_law_is_the_sum_of_its_twenty_largest_probabilities():
    p = np.arange(1, 501) ** -0.8
    expected = np.sort(p / p.sum())[-20:].sum()
    assert measures.optimum(Book(), dataset="synthetic_independent", k=20).estimate == pytest.approx(expected)


def keep(name: str, rows: list[dict[str, object]], book: Book) -> None:
    records.write(name, pd.DataFrame(rows), folder=book.folder / "records")


def test_measures_of_records(book):
    rows = [
        {"log": log, "recommender": "markov", "way": way, "at_once": n, "items": items, "percentile": q, "ms": ms}
        for log, way, n, items, q, ms in (
            ("generated", "catalogue", 1, 10, 50, 1.0), ("generated", "catalogue", 1, 1000, 50, 3.0),
            ("generated", "catalogue", 1, 10, 99, 2.0), ("generated", "catalogue", 1, 1000, 99, 9.0),
            ("generated", "candidates", 1, 10, 50, 1.0), ("generated", "candidates", 1, 1000, 50, 1.5),
            ("generated", "catalogue", 32, 1000, 99, 0.5), ("diginetica", "catalogue", 1, 9000, 99, 70.0),
        )  # the generated logs alone differ in nothing but their catalogue
    ]  # fmt: skip
    keep("latency", rows, book)
    assert measures.latency_growth(book, recommender="markov", way="candidates").estimate == 1.5
    assert measures.latency_growth(book, recommender="markov").estimate == 3.0
    assert measures.latency(book, recommender="markov", percentile=99).estimate == 9.0
    losses = [
        {"dataset": d, "recommender": name, "loss": x, "low": x - 0.1, "high": x + 0.1}
        for d, name, x in (("a", "sr", 0.1), ("a", "markov", 0.5), ("b", "markov", 0.2), ("b", "vsknn", 0.9))
    ]  # only the chain is asked
    keep("shuffle", losses, book)
    assert measures.shuffle_loss(book, which="least")[:1] == (0.2,)
    assert measures.shuffle_loss(book, which="greatest")[:1] == (0.5,)
    assert measures.shuffle_loss(book, which="a").low == pytest.approx(0.4)
    with pytest.raises(NotYet, match=r"shuffle\.json, c"):
        measures.shuffle_loss(book, which="c")
    happened = {"median": "TypeError: x", "save-load": "saved: 1 MB; loaded: works"}
    rows = [{"id": name, "happened": text} for name, text in happened.items()]
    keep("official_facts", rows, book)
    assert [measures.probe(book, fact=fact).estimate for fact in ("median", "save-load")] == [0.0, 1.0]
    keep("bench_train", [{"setting": "s", "ratio": None}], book)
    with pytest.raises(NotYet, match="gru4rec_official"):
        measures.speed_ratio(book, setting="s")


# --- the files --------------------------------------------------------------------------------------------------------


def test_every_claim_of_the_ledger_is_there_with_source_and_both_languages():
    found = claims.read()
    numbered = {"A": 10, "B": 10, "C": 0, "D": 4}
    wanted = [f"{letter}{i}" for letter, n in numbered.items() for i in range(1, n + 1)]
    assert sorted(c.id for c in found) == sorted([*wanted, "C", "D7", "D9"])
    keys = (BOOK / "references.bib").read_text()
    for c in found:
        assert f"{{{c.source}," in keys
        assert c.claim != c.claim_es
        assert c.measurement != c.measurement_es
        assert [c.id for c in found if c.untestable] == ["A8"]


def test_every_source_of_a_published_value_is_in_the_bibliography():
    keys = (BOOK / "references.bib").read_text()
    assert all(f"{{{source}," in keys for source in literature_values.table()["source"].unique())


def test_every_experiment_that_a_claim_needs_is_planned():
    missing = {c.id: claims.settle(c, Book(Path("nowhere"))).missing for c in claims.read()}
    assert missing["B1"]
    waiting = {  # for a search, without which there are no settings to plan with
        c.id for c in claims.read() for part in c.parts
        if part.arguments.get("group") == "gru2016_searched"
        and "gru4rec_2016" not in presets.tuned()[part.arguments["dataset"]]
    }  # fmt: skip
    unplanned = {claim for claim, names in missing.items() if any(" = " in name for name in names)}
    assert unplanned == waiting


def test_published_values_fill_the_claims():
    (b1,) = (c for c in claims.read() if c.id == "B1")
    assert [part.value for part in b1.parts] == [0.2945, 0.2945, 0.0833, 0.0833, 0.2945, 0.0833, 0.2945, 0.0833]
    assert literature_values.value("xia2021", "retailrocket", "gru4rec_official", "MRR", 20) == 0.2367
    with pytest.raises(InputError, match="gcegnn"):
        literature_values.value("wu2019", "diginetica", "gcegnn", "Recall", 20)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('measure = "score"', 'measure = "scores"'), ("tolerance = 0.02", "tolerence = 0.02"),
        ('id = "B2"', 'id = "B1"'),
        ('group = "headline"', 'grupo = "headline"'), ('published = "wu2019"', 'published = "x"'),
    ],
)  # fmt: skip
def test_a_ledger_with_a_mistake_is_refused(tmp_path, old, new):
    path = tmp_path / "claims.toml"
    path.write_text(claims.FILE.read_text().replace(old, new))
    with pytest.raises(InputError):
        claims.read(path)


def test_without_evidence_every_claim_is_not_run_but_those_no_log_can_settle(tmp_path):
    result = CliRunner().invoke(cli, ["claims", str(tmp_path), "--json"])
    assert result.exit_code == 0
    rows = json.loads(result.output)
    others = {row["id"]: row["verdict"] for row in rows if row["verdict"] != "not run"}
    assert others == {"A8": "not testable offline", "A10": "not reproduced"}
    assert all(row["missing"] for row in rows if row["verdict"] == "not run")
    text = CliRunner().invoke(cli, ["claims", str(tmp_path)]).output
    assert text.count("not run") == len(rows) - 2
    assert "nan" not in text


def test_every_part_can_be_named_in_spanish_before_it_is_measured() -> None:
    """A label without translation would only be missed once its evidence is there."""
    named = [claim_words.describe(part, "es") for claim in claims.read() for part in claim.parts]
    assert "Diginetica, V-SKNN (con optimización) − GRU4Rec (con optimización)" in named
