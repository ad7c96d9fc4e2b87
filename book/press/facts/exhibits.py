"""Tables and figures of the documents, by name: what a prose page shows, drawn from committed evidence.

Rows appear as their evidence does. `documents` holds the single numbers; `directives.quoted_facts` puts both on the
pages.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from itertools import product

import pandas as pd

from audit_lib.evaluation.metrics import K
from audit_lib.evaluation.resampling import Measured
from audit_lib.show import counted, row_figures
from audit_lib.show.plot import Plot
from audit_lib.show.table import DIFFERENCE, Estimate, Interval, Table
from audit_lib.show.words import Translate, data_name, name_of, translator, typeset
from audit_lib.stages import decision, decision_tables, literature
from audit_lib.study import literature_values
from audit_lib.study.evidence import Run
from audit_lib.study.literature_values import COPIED
from audit_lib.study.results import TRAININGS, NotYet, mean_of, trainings
from book.press.facts import choices, ladder
from book.press.facts.finding import percent
from book.press.facts.source import CONSTRAINTS, GAP, Source, awaited

Exhibit = Callable[[Source, str], Table]
SETTINGS = {"simple": "Default settings", "literature": "settings of the literature", "tuned": "tuned"}
PRINTED = {"wu2018preprint": "Wu et al., first preprint (2018)"}  # two tables of one year and the same authors
SHOWN = ("markov", "sknn", "vsknn", "stan", "vstan")  # simple recommenders beside GRU4Rec


def _present(source: Source, dataset: str, group: str, recommender: str) -> list[Run]:
    return source.book.present(dataset=dataset, group=group, recommender=recommender, variant=None)


def _engine(name: str, group: str, lang: str) -> str:
    _: Translate = translator(lang)
    return f"{name_of(name, lang)}, {_(TRAININGS[group])}"


# --- tables
def copied(source: Source, lang: str) -> Table:
    """Each published data set, Recall@20 and MRR@20: GRU4Rec as published, of 2016, of today, and the best simple one.

    GRU4Rec of 2016 twice: with the settings of its paper for BPR, and with searched ones.
    """
    rows = []
    for (dataset, key), metric in product(COPIED.items(), ("Recall", "MRR")):
        try:
            ours, simple = source.gru4rec(dataset), source.simple(dataset)
        except NotYet:
            continue
        here, other = (source.over(side.runs, dataset, metric) for side in (ours, simple))
        rows.append({
            "Data set": dataset,
            "Metric": f"{metric}@{K}",
            "As published": literature_values.value(key, dataset, "gru4rec", metric, K),
            "GRU4Rec of 2016": " / ".join(_version(source, name, dataset, metric) for name in ("bpr", "searched_2016")),
            "GRU4Rec of today": Estimate(*here[:3]),
            "Best simple": f"{name_of(simple.recommender, lang)}: {typeset(str(Estimate(*other[:3])))}",
        })  # fmt: skip
    headings = ["Data set", "Metric", "As published", "GRU4Rec of 2016", "GRU4Rec of today", "Best simple"]
    return Table(pd.DataFrame(rows, columns=headings), lang=lang)


def _version(source: Source, name: str, dataset: str, metric: str) -> str:
    """What one version of GRU4Rec reaches, in per cent; a dash without evidence."""
    found = ladder.measured(source.book, dataset, ladder.rung(name), metric)
    return "–" if found is None else percent(found.estimate)


def engines(source: Source, lang: str) -> Table:
    """GRU4Rec on Diginetica, a row for each engine and loss: seeds, Recall@20, MRR@20, minutes to train."""
    rows = []
    for group, name, runs in trainings(source.book, "diginetica"):
        recall, mrr = (source.over(runs, "diginetica", metric) for metric in ("Recall", "MRR"))
        rows.append({
            "Engine and loss": _engine(name, group, lang),
            "Seeds": len(runs),
            "Recall@20": recall.estimate,
            "95 % interval": Interval(recall.low, recall.high),
            "MRR@20": mrr.estimate,
            "Minutes to train": statistics.median(run.manifest["seconds"]["fit"] for run in runs) / 60,
        })  # fmt: skip
    headings = ["Engine and loss", "Seeds", "Recall@20", "95 % interval", "MRR@20", "Minutes to train"]
    return Table(pd.DataFrame(rows, columns=headings), lang=lang, formats={"Minutes to train": ".0f"})


def trail(source: Source, lang: str) -> Table:
    """What one table after another prints for GRU4Rec."""
    _ = translator(lang)
    found = literature_values.trail().set_index(["source", "called", "dataset"])
    rows = []
    for key, called in dict.fromkeys(zip(*(found.index.get_level_values(i) for i in (0, 1)), strict=True)):
        values = [found.loc[(key, called, dataset)] for dataset in ("yoochoose1_64", "diginetica")]
        printed = [f"{100 * v['recall']:.2f} / {100 * v['mrr']:.2f}" for v in values]
        rows.append((_(PRINTED[key]) if key in PRINTED else literature.cited(key, lang), called, *printed))
    headings = ["Table", "Row", "Yoochoose 1/64", "Diginetica"]
    return Table(pd.DataFrame(rows, columns=headings), lang=lang)


def _gap(source: Source, lang: str) -> pd.DataFrame:
    return source.gap.assign(label=[translator(lang)(label) for label in source.gap["label"]])


def ablations(source: Source, lang: str) -> Table:
    """GRU4Rec on Diginetica with parts left out, the best first, and how far each is from the copied value."""
    said = literature_values.value("wu2019", "diginetica", "gru4rec", "Recall", K)
    return literature.ablations_table(_gap(source, lang), said, lang)


def _margins(source: Source, lang: str) -> list[tuple[str, str, float, float, Measured]]:
    """Data set, model, its published value, its margin over GRU4Rec as copied, and that over ours."""
    rows = {}
    for arguments, found in source.findings("published_gap"):
        dataset, model = arguments["dataset"], arguments["model"]
        theirs, said = literature_values.value(arguments["source"], dataset, model, "Recall", K), float("nan")
        if arguments["source"] == COPIED.get(dataset):  # of the others, the row of GRU4Rec is not quoted
            said = literature_values.value(arguments["source"], dataset, "gru4rec", "Recall", K)
        rows[dataset, model] = (dataset, literature_values.model_name(model, lang), theirs, theirs - said, found)
    return list(rows.values())


def models(source: Source, lang: str) -> Table:
    """The models that are said to beat GRU4Rec, and what is left of the margin."""
    rows = [
        (*about, found.estimate, Interval(found.low, found.high, DIFFERENCE))
        for *about, found in _margins(source, lang)
    ]
    headings = [
        "Data set", "Model", "Published", "Less GRU4Rec as published", "Less GRU4Rec as measured", "95 % interval",
    ]  # fmt: skip
    return Table(pd.DataFrame(rows, columns=headings), lang=lang)


def simple(source: Source, lang: str) -> Table:
    """Simple recommenders on Diginetica in every setting that ran, and GRU4Rec, the best first; twelve on a page."""
    _ = translator(lang)
    rows = []
    for group, settings in SETTINGS.items():
        for name in SHOWN:
            rows += [(name_of(name, lang), _(settings), [run]) for run in _present(source, "diginetica", group, name)]
    for group, name, runs in trainings(source.book, "diginetica"):
        rows.append((name_of(name, lang), _(TRAININGS[group]), runs))
    table = pd.DataFrame(
        {
            "Recommender": name,
            "Settings": settings,
            "Recall@20": statistics.mean(map(mean_of, runs)),
            "MRR@20": statistics.mean(mean_of(run, "MRR") for run in runs),
            "Seconds to train": statistics.median(run.manifest["seconds"]["fit"] for run in runs),
        }
        for name, settings, runs in rows
    )
    if len(table):
        table = table.sort_values("Recall@20", ascending=False, kind="stable", ignore_index=True)
    return Table(table, lang=lang, formats={"Seconds to train": ",.1f"}, shown=table.index < 12)


def version_ladder(source: Source, lang: str) -> Table:
    """GRU4Rec by year on the logs whose value is copied: Recall@20 / MRR@20 of every version, per cent."""
    return Table(ladder.shown(source.book, lang), lang="en")  # its headings are in the reader's language already


def provenance(source: Source, lang: str) -> Table:
    """The evidence behind the case study."""
    wanted = [
        (d, g) for d in ("diginetica", "seed_demo") for g in (*TRAININGS, *SETTINGS, "demo", "demo_protocol", GAP)
    ]
    runs = [run for dataset, group in wanted for run in source.book.present(dataset=dataset, group=group)]
    return literature.provenance_table(runs, lang)


def decision_table(source: Source, lang: str) -> Table:
    """A row for each constraint, a column for each kind of log: the recommender to take, its Recall@20 and MRR@20.

    Values are per cent, from the least to the most of the logs; ≈: timed too near to the limit of the row.
    Raises NotYet without the records of latency and of the shuffle test.
    """
    _: Translate = translator(lang)
    columns: dict[str, dict[str, str]] = {}
    for found in source.decisions.itertuples():
        kind = f"{_(decision.ORDERS[found.order])}, {_(decision.SIZES[found.size]).lower()}"
        recall = decision_tables.span(found.recall_least, found.recall_most).removesuffix("%")
        values = f"{recall} / {decision_tables.span(found.mrr_least, found.mrr_most)}"
        name = decision_tables.recommended(found._asdict(), lang) + ("≈" if found.near else "")
        cell = name if found.recommended == decision.NOTHING else f"{name}: {typeset(values)}"
        columns.setdefault(kind, {})[found.condition] = cell
    table = {_("Constraint"): [_(decision.CONDITIONS[name]) for name in CONSTRAINTS]}
    table |= {kind: [cells.get(name, "–") for name in CONSTRAINTS] for kind, cells in columns.items()}
    return Table(pd.DataFrame(table), lang="en")  # its headings are in the reader's language already


def decision_logs(source: Source, lang: str) -> Table:
    """Which logs stand behind each column of the decision table, and the best recommender there."""
    _: Translate = translator(lang)
    table = source.decisions[source.decisions["condition"] == "free"]
    return Table(
        pd.DataFrame(
            {
                "Order": [_(decision.ORDERS[order]) for order in table["order"]],
                "Log": [_(decision.SIZES[size]) for size in table["size"]],
                "Data sets": table["datasets"],
                "Best": [name_of(name, lang) for name in table["best"]],
            }
        ),
        lang=lang,
    )


TABLES: dict[str, Exhibit] = {
    "copied": copied, "engines": engines, "trail": trail, "ablations": ablations, "models": models, "simple": simple,
    "ladder": version_ladder, "epochs": choices.epochs, "winners": choices.winners, "provenance": provenance,
    "decision": decision_table, "decision-logs": decision_logs,
}  # fmt: skip


# --- figures
_COLUMNS = ["label", "published", "value", "low", "high"]


def figure_copied(source: Source, lang: str) -> Plot:
    """Every published data set: GRU4Rec as copied and as measured, the best simple one, and the models said to win."""
    rows = []
    for dataset, key in COPIED.items():
        said = literature_values.value(key, dataset, "gru4rec", "Recall", K)
        for side, value in ((source.gru4rec, said), (source.simple, float("nan"))):
            try:
                found = side(dataset)
            except NotYet:
                continue
            label = f"{data_name(dataset, lang)}: {name_of(found.recommender, lang)}"
            rows.append((label, value, source.over(found.runs, dataset)))
        others = literature_values.table().query("dataset == @dataset and source == @key and k == @K")
        for entry in others.to_dict("records"):
            if entry["recommender"] in literature_values.challengers():
                name = literature_values.model_name(entry["recommender"], lang)
                rows.append((f"{data_name(dataset, lang)}: {name}", entry["recall"], Measured(float("nan"))))
    table = pd.DataFrame([(label, said, m.estimate, m.low, m.high) for label, said, m in rows], columns=_COLUMNS)
    return row_figures.published(table.assign(targets="same"), lang=lang)


def figure_gap(source: Source, lang: str) -> Plot:
    """The ablations against the copied value."""
    said = literature_values.value("wu2019", "diginetica", "gru4rec", "Recall", K)
    return row_figures.ablations(_gap(source, lang), reference=said, lang=lang)


def figure_margins(source: Source, lang: str) -> Plot:
    """Margins over GRU4Rec as published, and what is left of them against GRU4Rec as measured here."""
    rows = [
        (f"{data_name(dataset, lang)}: {model}", margin, *found[:3])
        for dataset, model, _, margin, found in _margins(source, lang)
    ]
    return row_figures.margins(pd.DataFrame(rows, columns=_COLUMNS), lang=lang)


def figure_demo(source: Source, lang: str) -> Plot:
    """The demo log: what is claimed, what comes out, and the optimum that nothing can exceed in expectation."""
    _ = translator(lang)
    rows = []
    for name, group in (
        ("popularity", "demo_protocol"), ("markov", "demo_protocol"), ("gru4rec", "demo"), ("gru4rec_official", "demo"),
    ):  # fmt: skip
        runs = _present(source, "seed_demo", group, name)
        said = literature_values.value("audited_study", "seed_demo", name, "Recall", K)
        rows.append((name_of(name, lang), said, source.over(runs, "seed_demo") if runs else Measured(float("nan"))))
    table = pd.DataFrame([(label, said, m.estimate, m.low, m.high) for label, said, m in rows], columns=_COLUMNS)
    best = source.measure("optimum", dataset="synthetic_independent", k=K).estimate
    return row_figures.published(table.assign(targets="same"), limit=(best, _("Exact optimum")), lang=lang)


FIGURES: dict[str, Callable[[Source, str], Plot]] = {
    "copied": figure_copied, "gap": figure_gap, "margins": figure_margins, "demo": figure_demo,
    "ladder": lambda source, lang: ladder.figure(source.book, lang=lang), "epochs": choices.figure_epochs,
}  # fmt: skip


def stage(name: str, lang: str) -> str:
    """What a stage is called in a sentence: its number."""
    _: Translate = translator(lang)
    return f"{_('stage')} {name.partition('_')[0]}"


def still_missing(groups: list[str], source: Source, lang: str) -> str | None:
    """A sentence that says how much of these groups of the study is not there yet; None if all is."""
    _ = translator(lang)
    missing, planned = awaited(groups, source)
    if not missing:
        return None
    text = _("Of the {planned} runs planned for this part {missing}; what follows is from those that are.")
    return text.format(planned=planned, missing=counted.said(missing, "not-there", lang))
