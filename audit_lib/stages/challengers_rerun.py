"""Tables and a figure on challengers trained here from their own code: by epoch, against others, what a look adds.

Without evidence there is nothing to show, and a sentence says how it is made; a table or figure is then None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import pandas as pd
from babel.lists import format_list

from audit_lib.evaluation.metrics import K
from audit_lib.evaluation.resampling import Measured
from audit_lib.show import counted, figures
from audit_lib.show.plot import Plot
from audit_lib.show.table import EXACT, FINE, Estimate, Remark, Table
from audit_lib.show.words import data_name, name_of, translator, typeset
from audit_lib.stages.training import verdict
from audit_lib.study import (
    challenger_runs,
    challengers,
    headline,
    literature_values,
    releases,
    reported_epoch,
)
from audit_lib.study.challenger_runs import DATASETS, Course
from audit_lib.study.evidence import Run
from audit_lib.study.literature_values import min_step
from audit_lib.study.reported_epoch import GROUPS, METRICS, Looked
from audit_lib.study.results import Book, NotYet, mean_over

MODEL = "srgnn"  # the one that the study plans
COMMANDS = f"`python -m audit_lib fetch {MODEL}`", f"`python -m audit_lib study --only recommender={MODEL}`"
LEVELS = {"printed": "Published value", "ours": "GRU4Rec as measured here"}  # horizontal lines of the figure


class Trained(NamedTuple):
    """The trainings of a challenger on a log, one a seed."""

    model: str
    dataset: str
    courses: Sequence[Course]

    @property
    def name(self) -> str:
        """What the model is called in text, the same in every language."""
        return literature_values.model_name(self.model)

    @property
    def epochs(self) -> str:
        """How many epochs have evidence, least and most over seeds."""
        counts = [len(course.epochs) for course in self.courses]
        return str(counts[0]) if min(counts) == max(counts) else f"{min(counts)}–{max(counts)}"

    def printed(self, metric: str) -> float:
        """What its paper prints on this log, a fraction; NaN if that is not quoted here."""
        table = literature_values.table().query("k == @K and targets == 'same'")
        row = table[(table["recommender"] == self.model) & (table["dataset"] == self.dataset)]
        return float(row.iloc[0][metric.lower()]) if len(row) else float("nan")


def found(book: Book) -> list[Trained]:
    """The trainings of challengers that have evidence, in the order of the codes."""
    all_ = [
        Trained(code.model, dataset, challenger_runs.courses(book, dataset, code.model))
        for code in challengers.read().code for dataset in DATASETS
    ]  # fmt: skip
    return [trained for trained in all_ if trained.courses]


def missing(there: Sequence[Trained], lang: str) -> Remark | None:
    """A sentence that says on which logs SR-GNN has not been run, and what runs it; None if it ran on all."""
    _ = translator(lang)
    lacking = [name for name in DATASETS if (MODEL, name) not in [(t.model, t.dataset) for t in there]]
    if not lacking:
        return None
    sentence = _("# has not been trained here on # yet, so that nothing is said of it there: after #, # does it.")
    logs = listed([data_name(dataset, lang) for dataset in lacking], lang)
    for word in (literature_values.model_name(MODEL), logs, *COMMANDS):
        sentence = sentence.replace("#", word, 1)
    return Remark(sentence)


def state(there: Sequence[Trained], lang: str) -> Remark | None:
    """A sentence for each model and log: how much was trained, and its best epoch on test beside what is printed."""
    _, lines = translator(lang), []
    for t in there:
        sentence = _("On **#**, # was trained (seeds: #) and ranked after each of # epochs. The best of them on test "
                     "have a Recall@20 of # and an MRR@20 of #; published are # and #.")  # fmt: skip
        best = [challenger_runs.look(t.dataset, t.courses, metric).maximum for metric in METRICS]
        numbers = map(_share, (*best, *map(t.printed, METRICS)))
        for word in (data_name(t.dataset, lang), t.name, ", ".join(str(c.seed) for c in t.courses), t.epochs, *numbers):
            sentence = sentence.replace("#", word, 1)
        if not all(course.whole for course in t.courses):
            sentence += " " + _("The training has not ended yet, so that no claim is judged on it.")
        lines.append(sentence)
    return Remark("\n\n".join(lines)) if lines else None


def _share(value: float) -> str:
    return "–" if np.isnan(value) else typeset(f"{value:.2%}")


def waiting(there: Sequence[Trained], lang: str) -> str:
    """The names of the models that have no evidence here on any log."""
    return listed([code.name for code in challengers.read().code if code.model not in {t.model for t in there}], lang)


def listed(names: list[str], lang: str) -> str:
    """Names in a sentence: 'one, two and three'; a dash for none."""
    return format_list(names, locale={"en": "en_GB"}.get(lang, lang)) or "–"


# --- by epoch
def curves(there: Sequence[Trained]) -> pd.DataFrame:
    """model, dataset, seed, epoch, metric, value of every training."""
    tables = [challenger_runs.by_epoch(t.dataset, t.courses).assign(model=t.model) for t in there]
    return pd.concat(tables or [challenger_runs.by_epoch("", []).assign(model="")], ignore_index=True)


def curves_figure(book: Book, there: Sequence[Trained], lang: str) -> Plot | None:
    """`curves` beside what is printed, and GRU4Rec as measured here; None without evidence."""
    levels = [(t.dataset, metric, LEVELS["printed"], t.printed(metric)) for t in there for metric in METRICS]
    for dataset in dict.fromkeys(t.dataset for t in there):
        with suppress(NotYet):
            if (ours := headline.of(book, dataset)) is not None:
                for metric in METRICS:
                    value = mean_over(ours.runs, metric, K, min_step(dataset))
                    levels.append((dataset, metric, LEVELS["ours"], value))
    lines = pd.DataFrame(levels, columns=["dataset", "metric", "label", "value"]).dropna()
    names = {t.model: t.name for t in there}
    table = curves(there).assign(name=lambda table: table["model"].map(names))
    return figures.by_epoch(table, lines, lang=lang) if there else None


def curves_table(there: Sequence[Trained], lang: str) -> Table | None:
    """Model, Data set, Epoch, Seeds, and Recall@20 and MRR@20 (means over seeds), each less what is published."""
    rows = []
    for t in there:
        table = challenger_runs.by_epoch(t.dataset, t.courses)
        for epoch, each in table.groupby("epoch"):
            values = each.groupby("metric")["value"].mean()
            cells = [x for m in METRICS for x in (values[m], values[m] - t.printed(m))]
            rows.append((t.name, t.dataset, str(epoch), int(each["seed"].nunique()), *cells))
    formats = {
        "Recall@20": EXACT, "Recall@20 less the published": FINE, "MRR@20": EXACT, "MRR@20 less the published": FINE,
    }  # fmt: skip
    shown = pd.DataFrame(rows, columns=["Model", "Data set", "Epoch", "Seeds", *formats])
    return Table(shown, lang=lang, formats=formats) if rows else None


# --- against others
def rivals(book: Book, dataset: str, lang: str) -> list[tuple[str, Sequence[Run]]]:
    """Name and runs of the headline GRU4Rec, GRU4Rec of 2016 in its two settings, and VSTAN, as far as they ran."""
    ours: list[tuple[str, Sequence[Run]]] = []
    with suppress(NotYet):
        if (chosen := headline.of(book, dataset)) is not None:
            ours.append((name_of("gru4rec", lang), chosen.runs))
    for rung in releases.rungs():
        if rung.id in ("bpr", "searched_2016") and (runs := releases.runs_of(book, rung, dataset)):
            ours.append((f"{name_of('gru4rec_2016', lang)}, {rung.name(lang)}", runs))
    with suppress(NotYet):
        if (vstan := headline.by_recommender(book, dataset).get("vstan")) is not None:
            ours.append((name_of("vstan", lang), vstan.runs))
    return ours


def differences_table(book: Book, there: Sequence[Trained], lang: str) -> Table | None:
    """A challenger less each of the rivals, paired by target and seed: its best epoch on test, and its last."""
    rows = []
    for t in there:
        for name, runs in rivals(book, t.dataset, lang):
            for metric in METRICS:
                with suppress(NotYet):
                    less = [
                        challenger_runs.difference(t.dataset, t.courses, runs, metric, best=best)
                        for best in (True, False)
                    ]
                    cells = *(Estimate(*each[:3], FINE) for each in less), str(less[0].seeds)
                    rows.append((t.name, t.dataset, name, f"{metric}@{K}", *cells))
    headings = ["Model", "Data set", "Less", "Metric", "With its best epoch on test", "With its last epoch", "Seeds"]
    return Table(pd.DataFrame(rows, columns=headings), lang=lang) if rows else None


def answer(book: Book, there: Sequence[Trained], lang: str) -> str:
    """What the trainings that have ended say: their values, and whether the margin is over GRU4Rec of 2016 alone."""
    _, said = translator(lang), []
    whole = _whole(there)
    for model in dict.fromkeys(t.model for t in whole):
        own = [t for t in whole if t.model == model]
        text = _("Trained here and ranked on test after each of {epochs} epochs, {model} comes at best to a Recall@20 "
                 "of {values}.")  # fmt: skip
        epochs = listed(list(dict.fromkeys(t.epochs for t in own)), lang)
        values = listed([_value(t, lang) for t in own], lang)
        said.append(text.format(epochs=epochs, model=own[0].name, values=values))
        words = [(verdict(less["today"]), verdict(less["then"])) for t in own if (less := _against(book, t))]
        if words and all(today != "above" and then == "above" for today, then in words):
            said.append(_("On the same targets its margin is over GRU4Rec of 2016; over that of today none is seen."))
    return typeset(" ".join(said)) or _("None of them has been trained here to the end yet.")


def compared(book: Book, there: Sequence[Trained], lang: str) -> str:
    """How the trainings that have ended lie to GRU4Rec by year and to VSTAN; empty where none of these was run."""
    _, said = translator(lang), []
    text = _("{model} is, {clauses}. Only seeds that both have are compared; brackets hold 95\u00a0% intervals.")
    for model, name in {t.model: t.name for t in _whole(there)}.items():
        clauses = [
            _clause(t.dataset, less, lang) for t in _whole(there) if t.model == model and (less := _against(book, t))
        ]
        said += [text.format(model=name, clauses="; ".join(clauses))] if clauses else []
    return typeset(" ".join(said))


def _whole(there: Sequence[Trained]) -> list[Trained]:
    return [t for t in there if all(course.whole for course in t.courses)]


def _value(t: Trained, lang: str) -> str:
    """Recall@20 in the best epoch on test, on which log, with how many seeds, and what is published."""
    _ = translator(lang)
    value = challenger_runs.look(t.dataset, t.courses, "Recall").maximum
    log, seeds = data_name(t.dataset, lang), counted.said(len(t.courses), "with-seeds", lang)
    text = _("{value} on {log} ({seeds}; published: {printed})")
    return text.format(value=_share(value), log=log, seeds=seeds, printed=_share(t.printed("Recall")))


def _against(book: Book, t: Trained) -> dict[str, Measured]:
    """The best epoch on test less GRU4Rec of today, that of 2016 with BPR, and VSTAN; nothing if one is missing."""
    first = next(rung for rung in releases.rungs() if rung.id == "bpr")
    with suppress(NotYet):
        ours = headline.needed(headline.of(book, t.dataset), f"{t.dataset}, gru4rec")
        vstan = headline.needed(headline.by_recommender(book, t.dataset).get("vstan"), f"{t.dataset}, vstan")
        if then := releases.runs_of(book, first, t.dataset):
            runs = {"today": ours.runs, "then": then, "simple": vstan.runs}
            return {
                name: challenger_runs.difference(t.dataset, t.courses, each, best=True) for name, each in runs.items()
            }
    return {}


def _clause(dataset: str, less: Mapping[str, Measured], lang: str) -> str:
    _ = translator(lang)
    text = _("on {log}, {today} GRU4Rec of today ({less_today} points), {then} GRU4Rec of 2016 with the settings of "
             "its paper ({less_then}) and {simple} VSTAN ({less_simple})")  # fmt: skip
    numbers = {f"less_{name}": str(Estimate(*each[:3], FINE)) for name, each in less.items()}
    return text.format(log=data_name(dataset, lang), **{name: _(verdict(d)) for name, d in less.items()}, **numbers)


# --- what the look at the test part adds
def looks_table(book: Book, there: Sequence[Trained], lang: str) -> Table:
    """Challengers, and GRU4Rec of both years: the best epoch on test less the last one, and less that of validation."""
    rows = []
    for dataset in DATASETS:
        for metric in METRICS:
            for t in (t for t in there if t.dataset == dataset):
                look = challenger_runs.look(dataset, t.courses, metric)
                rows.append((dataset, t.name, f"{metric}@{K}", t.epochs, *_cells(look), None))
            for group, recommender in GROUPS.items():
                with suppress(NotYet):
                    look, chosen = (
                        reported_epoch.reported(book, dataset, group, metric, last=last) for last in (True, False)
                    )
                    cells = str(chosen.epochs), *_cells(look), Estimate(*chosen.gain[:3], FINE)
                    rows.append((dataset, name_of(recommender, lang), f"{metric}@{K}", *cells))
    headings = ["Data set", "Model", "Metric", "Epochs", "Best on test", "Maximum", "Less the last epoch",
                "Less the one chosen in validation"]  # fmt: skip
    return Table(pd.DataFrame(rows, columns=headings), lang=lang, formats={"Maximum": EXACT})


def looked(looks: Table, lang: str) -> Remark | None:
    """Say where the best epoch on test is furthest above the last one, by Recall@20; nothing for an empty table."""
    rows = looks.data[looks.data["Metric"] == f"Recall@{K}"]
    if rows.empty:
        return None
    most = max((row for _, row in rows.iterrows()), key=lambda row: row["Less the last epoch"].estimate)
    _ = translator(lang)
    text = _("Looking added most to {model} on {log}: {gain} points of Recall@20 over the last of its {epochs} epochs.")
    log, gain = data_name(most["Data set"], lang), str(most["Less the last epoch"])
    return Remark(typeset(text.format(model=most["Model"], log=log, gain=gain, epochs=most["Epochs"])))


def _cells(look: Looked) -> tuple[str, float, Estimate]:
    return ", ".join(map(str, look.best)), look.maximum, Estimate(*look.gain[:3], FINE)


def provenance_runs(there: Sequence[Trained]) -> list[Run]:
    """Every run of these trainings."""
    return [run for trained in there for course in trained.courses for run in course.runs]
