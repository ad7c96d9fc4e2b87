"""The tables of the page on the literature: what was published beside what was measured, from committed evidence.

Rows appear as evidence appears; a table without evidence has its headings and no rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import pandas as pd
from pybtex.database import parse_file

from audit_lib.evaluation.metrics import K
from audit_lib.files import BOOK
from audit_lib.show import words
from audit_lib.show.counted import said
from audit_lib.show.table import DIFFERENCE, Interval, Label, Table, intervals
from audit_lib.show.words import STATES, VERDICTS
from audit_lib.stages.tables import runs_table
from audit_lib.study import claim_words, headline, literature_values, plan
from audit_lib.study.claims import Settled
from audit_lib.study.evidence import Run
from audit_lib.study.measures import MEASURES
from audit_lib.study.results import Book, main_group, mean_over, over

# Where each recommender ran: a group of the study, and what the settings are called beside the plain name.
GROUPS: dict[str, str | None] = {
    "headline": None, "demo": None, "headline_bpr_max": "BPR-max", "third_party_bpr_max": "BPR-max",
    "demo_protocol": None, "simple": None, "headline_tuned": "tuned",
    "literature": "settings of the literature", "tuned": "tuned",
}  # fmt: skip


def compared(book: Book, metric: str = "Recall", *, lang: str = "en") -> pd.DataFrame:
    """label, dataset, recommender, source, targets, published, value, low, high, difference, seeds.

    One row for every published value at K = 20 of a recommender that ran here, and every way in which it ran; either
    engine of GRU4Rec stands beside what is published of GRU4Rec. Values are over the targets of the publication.
    """
    rows = []
    for entry in literature_values.table().query("k == @K").to_dict("records"):
        for name in _engines(entry["recommender"]):
            for group, settings in _groups(entry["source"]).items():
                runs = book.present(dataset=entry["dataset"], group=group, recommender=name)
                if not runs:
                    continue
                found, said = over(runs, metric, K, entry["min_step"]), entry[metric.lower()]
                log, called = words.data_name(entry["dataset"], lang), named(name, settings, lang)
                rows.append((
                    f"{log}: {called}", entry["dataset"], called, cited(entry["source"], lang), entry["targets"],
                    said, found.estimate, found.low, found.high, found.estimate - said, found.seeds,
                ))  # fmt: skip
    columns = ["label", "dataset", "recommender", "source", "targets", "published", "value", "low", "high"]
    table = pd.DataFrame(rows, columns=[*columns, "difference", "seeds"])
    return table.sort_values("dataset", kind="stable", ignore_index=True)


def _groups(source: str) -> dict[str, str | None]:
    """The audited study breaks ties in its own way: its values stand beside those of its own protocol."""
    left_out = "simple" if source == "audited_study" else "demo_protocol"
    return {group: settings for group, settings in GROUPS.items() if group != left_out}


def _engines(recommender: str) -> tuple[str, ...]:
    return ("gru4rec", "gru4rec_official") if recommender.startswith("gru4rec") else (recommender,)


def named(recommender: str, settings: str | None, lang: str) -> str:
    """A recommender in text, with what its settings are called beside the plain name."""
    name = words.name_of(recommender, lang)
    return f"{name}, {words.translator(lang)(settings)}" if settings else name


APART = 0.05  # a published value that is farther than this from the measured one is not the same


def come_out(table: pd.DataFrame) -> pd.Series:
    """Of every published value of `compared` with equal targets: whether some way in which it ran is not APART."""
    same = table[table["targets"] == "same"]
    ways = same.assign(recommender=same["recommender"].str.replace(r"(,| \().*", "", regex=True))
    return ways.groupby(["dataset", "source", "recommender"])["difference"].agg(lambda less: less.abs().min() <= APART)


def compared_table(table: pd.DataFrame, lang: str) -> Table:
    """`compared`; a page shows the values that are APART, the figure and the CSV all of them."""
    shown = pd.DataFrame({
        "Data set": table["dataset"],
        "Recommender": table["recommender"],
        "Source": table["source"],
        "Targets": [Label({"same": "the same", "other": "prepared otherwise"}[t]) for t in table["targets"]],
        "Published": table["published"],
        "Measured": table["value"],
        "95 % interval": intervals(table),
        "Difference": table["difference"],
        "Seeds": table["seeds"],
    })  # fmt: skip
    return Table(shown, lang=lang, shown=table["difference"].abs() > APART)


def models_table(book: Book, metric: str = "Recall", *, lang: str = "en") -> Table:
    """Published values of models that are not ours, beside GRU4Rec as their source has it and as measured here.

    Data set, Model, Published, Less GRU4Rec as published (nan where the source is not quoted for GRU4Rec), Less GRU4Rec
    as measured (the headline training), and the interval of the last; by Recall@20 or MRR@20.
    """
    rows, table = [], literature_values.table().query("targets == 'same' and k == @K")
    said = table[table["recommender"] == "gru4rec"].set_index(["source", "dataset"])[metric.lower()]
    others = table[table["recommender"].isin(literature_values.challengers())].sort_values("dataset", kind="stable")
    for entry in others.to_dict("records"):
        if (chosen := headline.of(book, entry["dataset"])) is None:
            continue
        ours, value = over(chosen.runs, metric, K, entry["min_step"]), entry[metric.lower()]
        rows.append((
            entry["dataset"], literature_values.model_name(entry["recommender"], lang), value,
            value - said.get((entry["source"], entry["dataset"]), float("nan")), value - ours.estimate,
            Interval(value - ours.high, value - ours.low, DIFFERENCE),
        ))  # fmt: skip
    headings = [
        "Data set", "Model", "Published", "Less GRU4Rec as published", "Less GRU4Rec as measured", "95 % interval",
    ]  # fmt: skip
    return Table(pd.DataFrame(rows, columns=headings), lang=lang)


def ablations(book: Book, *, dataset: str, group: str, lang: str = "en") -> pd.DataFrame:
    """label, value, low, high, mrr, seeds, variant: GRU4Rec as it is (variant None) and changed, best first.

    The changes are the variants of a group of the study.
    """
    _ = words.translator(lang)
    base = book.present(dataset=dataset, group=main_group(dataset), recommender="gru4rec")
    found = [(_("Nothing changed"), None, base)] if base else []
    variants = dict.fromkeys(e.variant for e in book.planned(dataset=dataset, group=group))
    for variant in variants:
        runs = book.present(dataset=dataset, group=group, variant=variant)
        if runs:
            found.append((_(plan.label_of(variant, book.study)), variant, runs))
    rows = []
    for label, variant, runs in found:
        recall, mrr = over(runs), mean_over(runs, "MRR")
        rows.append((label, recall.estimate, recall.low, recall.high, mrr, recall.seeds, variant))
    table = pd.DataFrame(rows, columns=["label", "value", "low", "high", "mrr", "seeds", "variant"])
    return table.sort_values("value", ascending=False, kind="stable", ignore_index=True)


def ablations_table(table: pd.DataFrame, reference: float, lang: str) -> Table:
    """`ablations`, with the distance from a published Recall@20; a page shows the twelve that are nearest to it."""
    distance = table["value"] - reference
    return Table({
        "What is changed": table["label"],
        "Recall@20": table["value"],
        "95 % interval": intervals(table),
        "MRR@20": table["mrr"],
        "From the published value": distance,
        "Seeds": table["seeds"],
    }, lang=lang, shown=distance.abs().rank(method="first") <= 12)  # fmt: skip


def nearest(table: pd.DataFrame, reference: float) -> pd.DataFrame:
    """The changes that land within two points of a published value; no rows if none did."""
    near = (table["value"] - reference).abs() <= 0.02
    return table[near & table["variant"].notna()].reset_index(drop=True)


def by_first_step_table(book: Book, *, dataset: str, lang: str) -> Table:
    """Events before the target, Predictions, GRU4Rec's Recall@20 and MRR@20: over all targets, and over later ones."""
    runs = book.present(dataset=dataset, group=main_group(dataset), recommender="gru4rec")
    rows = []
    for step in (1, 2) if runs else ():
        recall, mrr = over(runs, min_step=step), mean_over(runs, "MRR", min_step=step)
        predictions = int((runs[0].targets["step"] >= step).sum())
        rows.append((step, predictions, recall.estimate, Interval(recall.low, recall.high), mrr))
    headings = ("Events before the target, at least", "Predictions", "Recall@20", "95 % interval", "MRR@20")
    return Table(pd.DataFrame(rows, columns=list(headings)), lang=lang)


def ledger_table(settled: Iterable[Settled], lang: str) -> Table:
    """Claim (its id), What is claimed, Source, Verdict; a page shows those that are not reproduced."""
    settled = list(settled)
    rows = [
        (s.claim.id, s.claim.text("claim", lang), cited(s.claim.source, lang), Label(VERDICTS[s.verdict]))
        for s in settled
    ]
    found = pd.DataFrame(rows, columns=["Claim", "What is claimed", "Source", "Verdict"])
    return Table(found, lang=lang, shown=[s.verdict == "not reproduced" for s in settled])


def findings_table(settled: Iterable[Settled], lang: str) -> Table:
    """One row a part that was measured: Claim, Measure, Of, Expectation, Measured, 95 % interval, Outcome.

    In the CSV alone: the page of the ledger shows them claim by claim.
    """
    rows = [
        (
            s.claim.id, Label(MEASURES[f.part.measure][1]), claim_words.describe(f.part, lang) or "–",
            claim_words.expected(f.part, lang), claim_words.written(f.part, f.measured.estimate, lang),
            Interval(f.measured.low, f.measured.high, claim_words.UNITS.get(f.part.measure, claim_words.PLAIN)),
            Label(STATES[f.state]),
        )
        for s in settled for f in s.findings if f.measured is not None
    ]  # fmt: skip
    headings = ["Claim", "Measure", "Of", "Expectation", "Measured", "95 % interval", "Outcome"]
    return Table(pd.DataFrame(rows, columns=headings), lang=lang, shown=False)


def untestable_table(settled: Iterable[Settled], lang: str) -> Table:
    """Claim, Why: those that no log can settle."""
    rows = [(s.claim.id, s.claim.text("untestable", lang)) for s in settled if s.claim.untestable]
    return Table(pd.DataFrame(rows, columns=["Claim", "Why it cannot be tested offline"]), lang=lang)


def missing_table(settled: Iterable[Settled], lang: str) -> Table:
    """Claim, Missing: what the claims that were not run lack, by the name that `audit_lib study --list` gives it."""
    rows = [
        (s.claim.id, ", ".join(s.missing[:3]) + (f" … ({len(s.missing)})" if len(s.missing) > 3 else ""))
        for s in settled if s.verdict == "not run"
    ]  # fmt: skip
    return Table(pd.DataFrame(rows, columns=["Claim", "Missing"]), lang=lang)


def provenance_table(runs: Iterable[Run], lang: str) -> Table:
    """`runs_table` of every run, each once."""
    rows = [(run.dataset, run.recommender, run) for run in {run.path: run for run in runs}.values()]
    return runs_table(rows, lang, columns=["Data set", "Recommender"])


def quoted(
    recall: pd.DataFrame, same: pd.DataFrame, gap: pd.DataFrame, copied: float, settled: Iterable[Settled], lang: str
) -> dict[str, Any]:
    """The numbers of the text of 06, by name: of `compared`, `equal_targets.found`, `ablations`, and the verdicts."""
    verdicts = [s.verdict for s in settled]
    kinds = ("reproduced", "partly", "not reproduced", "not run")
    network = recall["recommender"].str.startswith(words.name_of("gru4rec", lang))
    again = {"gru4rec": come_out(recall[network]), "simple": come_out(recall[~network])}
    return {
        **{f"{side}_values": len(each) for side, each in again.items()},
        **{f"{side}_out": int(each.sum()) for side, each in again.items()},
        "outside": int(same["outside"].max()),
        "farthest": float(same.loc[same["dataset"] == "yoochoose1_64", "recall_difference"].abs().max()),
        "copied": copied, "ablations": int(gap["variant"].notna().sum()),
        "near": said(len(nearest(gap, copied)), "come-near", lang),
        "claims": len(verdicts), "waiting": said(verdicts.count("not run"), "wait", lang),
        **{f"verdict_{kind.replace(' ', '_')}": verdicts.count(kind) for kind in kinds},
    }  # fmt: skip


def cited(key: str, lang: str = "en") -> str:
    """A source in text, 'Wu et al. (2019)', from references.bib."""
    entry = _bibliography()[key]
    people = entry.persons["author"]
    names = [" ".join((*person.prelast_names, *person.last_names)) or str(person) for person in people]
    names = [name.strip("{}") for name in names]
    who = names[0] if len(names) == 1 else words.and_[lang].join(names) if len(names) == 2 else f"{names[0]} et al."
    return f"{who} ({entry.fields['year']})" if "year" in entry.fields else who


def year_of(key: str) -> int:
    """The year of a source, from references.bib."""
    return int(_bibliography()[key].fields["year"])


@cache
def _bibliography() -> dict[str, Any]:
    return dict(parse_file(str(BOOK / "references.bib"), bib_format="bibtex").entries)
