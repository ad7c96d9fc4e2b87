"""The tables on code of models that reported beating GRU4Rec: what it is, whether it runs, how it chooses its epoch.

All from `book/challengers.toml`, a record of trials, and published values; `challengers_rerun` has what was trained.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pandas as pd

from audit_lib.evaluation.metrics import K
from audit_lib.show.table import EXACT, Label, Links, Table, intervals
from audit_lib.show.words import name_of
from audit_lib.stages.literature import cited, year_of
from audit_lib.study import challengers, headline, literature_values, releases
from audit_lib.study.challenger_runs import DATASETS
from audit_lib.study.challengers import Challengers, Place
from audit_lib.study.literature_values import min_step
from audit_lib.study.results import Book, NotYet, mean_over, over

RECORD = "challengers_run"
VSTAN_PAPER = "ludewig2021"
TRIED = ["model", "when", "python", "packages", "outcome", "error", "said"]
PARTS = {"test": "On the test part", "validation": "On a validation part"}
ABOUT = {
    "ties": "Ties", "batch": "Last batch", "validation": "Validation part", "prefix": "Long prefixes",
    "order": "Order of events", "rate": "Learning rate", "leak": "Leak", "device": "Graphics card",
    "python": "Python 3",
}  # fmt: skip
WHEN = {"today": "Today's", "oldest": "The oldest for the same Python", "own": "Of its own time"}
OUTCOMES = {
    "trains": "Trains", "nan": "Trains, and prints values that are no numbers", "fails": "Fails",
    "not installed": "Its packages cannot be installed", "no python": "No such Python was at hand",
}  # fmt: skip


# --- the code
def codes_table(found: Challengers, lang: str) -> Table:
    """Model, Paper, Repository at its commit, Last commit (its day), Licence file, Written for."""
    rows = [
        (
            code.name, cited(code.paper, lang), Links(((f"{code.repository} {code.commit[:7]}", address),)),
            code.last.isoformat(), code.licence or Label("None"), code.written_for or Label("Not stated"),
        )
        for code in found.code for address in [f"https://github.com/{code.repository}/tree/{code.commit}"]
    ]  # fmt: skip
    headings = ["Model", "Paper", "Repository and commit", "Last commit", "Licence file", "Written for"]
    return Table(pd.DataFrame(rows, columns=headings), lang=lang)


def tried(book: Book) -> pd.DataFrame:
    """TRIED: the trials of the record, in its order; no rows where it was not made."""
    with suppress(NotYet):
        return pd.DataFrame(book.record(RECORD))[TRIED]
    return pd.DataFrame(columns=TRIED)


def tried_table(trials: pd.DataFrame, lang: str) -> Table:
    """Model, Environment, Python, Packages, Outcome, First error: a row a trial; a page shows those that failed."""
    rows = [
        (
            literature_values.model_name(row.model), Label(WHEN[row.when]), row.python, row.packages,
            Label(OUTCOMES[row.outcome]), row.error or "–",
        )
        for row in trials.itertuples()
    ]  # fmt: skip
    headings = ["Model", "Environment", "Python", "Packages", "Outcome", "First error"]
    return Table(pd.DataFrame(rows, columns=headings), lang=lang, shown=trials["outcome"] != "trains")


def runs_in(trials: pd.DataFrame, when: str) -> list[str]:
    """The models that trained, and printed numbers, in an environment of this kind."""
    return sorted(set(trials.loc[(trials["when"] == when) & (trials["outcome"] == "trains"), "model"]))


# --- what it does
def _where(found: Challengers, place: Place) -> Links:
    (first, address), *others = found.links(place)
    return Links(((f"{place.file} {first}", address), *others))


def choices_table(found: Challengers, lang: str) -> Table:
    """Model, The epoch is chosen, One epoch for both metrics, What the code does, Where (links)."""
    rows = [
        (
            found.of(choice.model).name, Label(PARTS[choice.part]), Label("No" if choice.apart else "Yes"),
            choice.text(lang), _where(found, choice),
        )
        for choice in found.choice
    ]  # fmt: skip
    headings = ["Model", "The epoch is chosen", "One epoch for both metrics", "What the code does", "Where"]
    return Table(pd.DataFrame(rows, columns=headings), lang=lang)


def traps_table(found: Challengers, lang: str) -> Table:
    """Model, About, What the code does, Where (links)."""
    rows = [
        (found.of(trap.model).name, Label(ABOUT[trap.about]), trap.text(lang), _where(found, trap))
        for trap in found.trap
    ]
    return Table(pd.DataFrame(rows, columns=["Model", "About", "What the code does", "Where"]), lang=lang)


def choosing(found: Challengers, part: str, *, apart: bool | None = None) -> list[str]:
    """The models whose every code chooses its epoch on this part; apart: and each metric by itself."""
    return [
        code.model for code in found.code
        if all(c.part == part and apart in (None, c.apart) for c in found.choice if c.model == code.model)
    ]  # fmt: skip


# --- what is printed, beside what is measured
def printed(book: Book, lang: str = "en") -> pd.DataFrame:
    """dataset, name, year, recall, low, high, mrr, source: the values that challengers print, beside GRU4Rec and VSTAN.

    By year on each log; GRU4Rec as printed beside them, by version as measured here, and VSTAN. source: who printed a
    value, '' where it was measured here. Over the targets of the publication; a printed value has no interval.
    """
    rows = [row for dataset in DATASETS for row in (*_said(dataset, lang), *_measured(book, dataset, lang))]
    columns = ["dataset", "name", "year", "recall", "low", "high", "mrr", "source"]
    return pd.DataFrame(rows, columns=columns).sort_values(["dataset", "year"], kind="stable", ignore_index=True)


def _said(dataset: str, lang: str) -> list[tuple[Any, ...]]:
    years = {code.model: code.year for code in challengers.read().code}
    table = literature_values.table().query("targets == 'same' and k == @K and dataset == @dataset")
    rows = [row for row in table.to_dict("records") if row["recommender"] in (*years, "gru4rec")]
    return [
        (
            dataset, literature_values.model_name(row["recommender"], lang),
            years.get(row["recommender"], years["srgnn"]), row["recall"], float("nan"), float("nan"), row["mrr"],
            row["source"],
        )
        for row in rows
    ]  # fmt: skip


def _measured(book: Book, dataset: str, lang: str) -> list[tuple[Any, ...]]:
    ours = name_of("gru4rec", lang)
    found = [
        (f"{ours}, {rung.name(lang)}", int(rung.month[:4]), runs)
        for rung in releases.rungs() if (runs := releases.runs_of(book, rung, dataset))
    ]  # fmt: skip
    with suppress(NotYet):
        if (vstan := headline.by_recommender(book, dataset).get("vstan")) is not None:
            found.append((name_of("vstan", lang), year_of(VSTAN_PAPER), list(vstan.runs)))
    rows = []
    for name, year, runs in found:
        recall, mrr = over(runs, "Recall", K, min_step(dataset)), mean_over(runs, "MRR", K, min_step(dataset))
        rows.append((dataset, name, year, recall.estimate, recall.low, recall.high, mrr, ""))
    return rows


def printed_table(table: pd.DataFrame, lang: str) -> Table:
    """`printed`; of the versions of GRU4Rec that were measured here, a page shows the best one of each year."""
    here = table[table["source"] == ""]
    best = here.groupby(["dataset", "year"])["recall"].idxmax()
    return Table({
        "Data set": table["dataset"],
        "Year": [str(year) for year in table["year"]],
        "Model": table["name"],
        "Recall@20": table["recall"],
        "95 % interval": intervals(table, EXACT),
        "MRR@20": table["mrr"],
        "Source": [cited(s, lang) if s else Label("Measured here") for s in table["source"]],
    }, lang=lang, formats=dict.fromkeys(("Recall@20", "MRR@20"), EXACT),
        shown=(table["source"] != "") | table.index.isin(best))  # fmt: skip


def quoted(found: Challengers, trials: pd.DataFrame) -> dict[str, int]:
    """The numbers of the text of 10, by name: of the codes, of what they choose on, and of trials if there are any."""
    ran = ("today", "own") if len(trials) else ()
    return {
        "codes": len(found.code), "licensed": sum(bool(code.licence) for code in found.code),
        "on_test": len(choosing(found, "test")), "by_itself": len(choosing(found, "test", apart=True)),
        "on_validation": len(choosing(found, "validation")),
        **{when: len(runs_in(trials, when)) for when in ran},
    }  # fmt: skip
