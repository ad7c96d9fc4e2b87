"""Tables and figures of the technical report and of the pages beside it, by name, with those of `exhibits`.

Rows appear as their evidence does.
"""

from __future__ import annotations

import statistics

import pandas as pd

from audit_lib.evaluation import power
from audit_lib.evaluation.metrics import K
from audit_lib.show import figures, row_figures
from audit_lib.show.plot import Plot
from audit_lib.show.table import DIFFERENCE, Estimate, Interval, Table
from audit_lib.show.words import Translate, data_name, name_of, translator
from audit_lib.stages import searches, tables
from audit_lib.study import headline as heads
from audit_lib.study import plan
from audit_lib.study.literature_values import COPIED, min_step
from audit_lib.study.results import TRAININGS, NotYet, trainings, values_of
from book.press.facts import effects, exhibits, prose
from book.press.facts.contrasts import DATASETS, METRICS, Side, contrasts, winner
from book.press.facts.exhibits import SETTINGS, Exhibit
from book.press.facts.shared_tables import costs, sampling
from book.press.facts.source import Source

SPLITS = {"published": "As published", "temporal": "In time"}  # names of splits, for readers


def _training(engine: str, group: str, lang: str) -> str:
    return f"{name_of(engine, lang)}, {translator(lang)(TRAININGS[group])}"


def _outcome(side: Side, translate: Translate) -> str:
    """What the interval of GRU4Rec less another says of GRU4Rec."""
    return translate({1: "above", -1: "below", 0: "not told apart"}[winner(side)])


# --- data and settings
def data(source: Source, lang: str) -> Table:
    """Every log with evidence: its split, train, test and catalogue, and the hash of what was read."""
    _, rows = translator(lang), []
    for dataset in (*DATASETS, "seed_demo"):
        if not source.book.recommenders(dataset):
            continue
        run = next(iter(source.book.recommenders(dataset).values()))
        split = run.manifest["split"]
        rows.append({
            "Data set": dataset,
            "Split": _(SPLITS[split["name"]]),
            "Train events": split["train"]["events"],
            "Test sessions": split["test"]["sessions"],
            "Targets": int(run.counting(min_step(dataset)).sum()),
            "Catalogue": run.n_items,
            "Data (sha256)": run.manifest["data_hash"][:12],
        })  # fmt: skip
    headings = ["Data set", "Split", "Train events", "Test sessions", "Targets", "Catalogue", "Data (sha256)"]
    return Table(pd.DataFrame(rows, columns=headings), lang=lang)


def training_settings(source: Source, lang: str) -> Table:
    """Data sets and settings, the loss first, of every training of GRU4Rec as it should be."""
    _, rows = translator(lang), {}
    for group in (*TRAININGS, "demo", "synthetic"):
        for e in source.book.planned(group=group):
            if e.variant is None and e.recommender == "gru4rec":
                given = {key: value for key, value in e.settings.items() if key != "loss"}
                numbers = {key: f"{x:g}" if isinstance(x, float) else x for key, x in given.items()}
                text = "; ".join(f"{key} {x}" for key, x in numbers.items())
                rows.setdefault((e.settings["loss"], text), {})[e.dataset] = None
    found = [(", ".join(names), f"{_(searches.LOSSES[loss])}; {text}") for (loss, text), names in rows.items()]
    return Table(pd.DataFrame(found, columns=["Data sets", "Settings"]), lang=lang)


def searched(source: Source, lang: str) -> Table:
    """Every search of GRU4Rec's settings on a validation part, and what it added on the test part."""
    return searches.searches_table(searches.found(source.book), lang)


# --- results
def headline(source: Source, lang: str) -> Table:
    """Recall@20 and MRR@20 of every training of GRU4Rec as it should be, with intervals; the headline ones marked.

    A page shows the logs on which there is a published value.
    """
    rows = []
    for dataset in DATASETS:
        chosen = heads.of(source.book, dataset)
        for group, engine, runs in trainings(source.book, dataset):
            recall, mrr = (source.over(runs, dataset, metric) for metric in ("Recall", "MRR"))
            stands = chosen is not None and runs[0].path == chosen.runs[0].path
            rows.append({
                "Data set": dataset,
                "Trained as": _training(engine, group, lang) + (" *" if stands else ""),
                "Seeds": len(runs),
                "Recall@20": Estimate(*recall[:3]),
                "MRR@20": Estimate(*mrr[:3]),
            })  # fmt: skip
    found = pd.DataFrame(rows, columns=["Data set", "Trained as", "Seeds", "Recall@20", "MRR@20"])
    return Table(found, lang=lang, shown=found["Data set"].isin(COPIED))


def chosen(source: Source, lang: str) -> Table:
    """What stands for each side of each log, and the Recall@20 in validation by which it was chosen.

    A page shows the logs on which there is a published value.
    """
    _, rows = translator(lang), []
    for c in contrasts(source):
        for side, words in ((c.ours, TRAININGS), (c.best, SETTINGS)):
            rows.append({
                "Data set": c.dataset,
                "Recommender": f"{name_of(side.recommender, lang)} ({_(words[side.group])})",
                "Chosen among": side.of,
                "Recall@20 in validation": side.validation,
                "Recall@20": source.over(side.runs, c.dataset).estimate,
            })  # fmt: skip
    headings = ["Data set", "Recommender", "Chosen among", "Recall@20 in validation", "Recall@20"]
    found = pd.DataFrame(rows, columns=headings)
    return Table(found, lang=lang, shown=found["Data set"].isin(COPIED))


def against_simple(source: Source, lang: str) -> Table:
    """GRU4Rec less the best simple recommender, a log a row a metric: difference, interval, Holm's p, what follows.

    A page shows Recall@20, and MRR@20 where it says otherwise.
    """
    _, rows, shown = translator(lang), [], []
    for c in contrasts(source):
        for metric in METRICS:
            side = c.of(metric)
            shown.append(metric == "Recall" or winner(side) != winner(c.recall))
            rows.append({
                "Data set": c.dataset,
                "Best simple": f"{name_of(c.best.recommender, lang)} ({_(SETTINGS[c.best.group])})",
                "Metric": f"{metric}@{K}",
                "GRU4Rec": side.value.estimate,
                "Best simple, value": side.simple.estimate,
                "Difference": Estimate(*side.difference[:3], DIFFERENCE),
                "p (Holm)": side.p_holm,
                "GRU4Rec is": _outcome(side, _),
            })  # fmt: skip
    headings = ["Data set", "Best simple", "Metric", "GRU4Rec", "Best simple, value", "Difference", "p (Holm)",
                "GRU4Rec is"]  # fmt: skip
    return Table(pd.DataFrame(rows, columns=headings), lang=lang, shown=shown)


def third_party(source: Source, lang: str) -> Table:
    """Relative loss of Recall@20 by every change, cross-entropy, on each log; a page shows the costliest of each."""
    _, rows, shown = translator(lang), [], []
    for dataset in ("rsc15_100k", "yoochoose1_64", "diginetica"):
        try:
            found = costs(source, dataset)
        except NotYet:
            continue
        shown += [place < 4 for place in range(len(found))]
        for row in found.sort_values("loss", ascending=False, kind="stable").itertuples():
            rows.append({
                "Data set": dataset,
                "What is changed": _(plan.label_of(row.variant)),
                "Relative loss": row.loss,
                "95 % interval": Interval(row.loss_low, row.loss_high),
                "Seeds": row.seeds,
            })  # fmt: skip
    headings = ["Data set", "What is changed", "Relative loss", "95 % interval", "Seeds"]
    return Table(pd.DataFrame(rows, columns=headings), lang=lang, shown=shown)


def sampled(source: Source, lang: str) -> Table:
    """Each log under 100 uniform negatives: pairs of recommenders that are reversed, factors, and Kendall's tau."""
    headings = ["Data set", "Pairs", "In another order", "Kendall's tau", "Factor, least", "Factor, median",
                "Factor, most"]  # fmt: skip
    shown = sampling(source).drop(columns="recommenders").set_axis(headings, axis=1)
    formats = dict.fromkeys(("Kendall's tau", "Factor, least", "Factor, median", "Factor, most"), ".2f")
    return Table(shown, lang=lang, formats=formats)


def order(source: Source, lang: str) -> Table:
    """What a Markov chain loses on each log when prefixes are shuffled."""
    try:
        rows = [row for row in source.book.record("shuffle") if row["recommender"] == "markov"]
    except NotYet:
        rows = []
    rows.sort(key=lambda row: -row["loss"])
    found = pd.DataFrame(rows, columns=["dataset", "recommender", "recall", "loss", "low", "high"])
    return Table(tables.shuffle_record_table(found, "en").data.drop(columns="Recommender"), lang=lang)


def flawed(source: Source, lang: str) -> Table:
    """Recall@20 under the split of this report and under those that leak."""
    return tables.flawed_elsewhere_table(source.book, lang)


def cost(source: Source, lang: str) -> Table:
    """Diginetica: seconds to train and to rank all targets, and memory, of simple recommenders and of GRU4Rec.

    A page shows the twelve with the highest recall.
    """
    simple = source.book.present(dataset="diginetica", group="simple")
    groups = [(name_of(run.recommender, lang), [run]) for run in simple]
    groups += [(_training(engine, group, lang), runs) for group, engine, runs in trainings(source.book, "diginetica")]
    rows = []
    for name, runs in groups:
        seconds, memory = [run.manifest["seconds"] for run in runs], [run.manifest["peak_memory_mb"] for run in runs]
        known = [m for m in memory if m is not None]
        rows.append({
            "Recommender": name,
            "Recall@20": statistics.mean(effects.value(run) for run in runs),
            "Seconds to train": statistics.median(s["fit"] for s in seconds),
            "Seconds to rank": statistics.median(s["rank"] for s in seconds),
            "Peak memory, MiB": statistics.median(known) if known else None,
        })  # fmt: skip
    headings = ["Recommender", "Recall@20", "Seconds to train", "Seconds to rank", "Peak memory, MiB"]
    table = pd.DataFrame(rows, columns=headings).sort_values("Seconds to train", kind="stable", ignore_index=True)
    formats = dict.fromkeys(("Seconds to train", "Seconds to rank"), ",.1f") | {"Peak memory, MiB": ",.0f"}
    best = table["Recall@20"].rank(ascending=False, method="first") <= 12
    return Table(table, lang=lang, formats=formats, shown=best)


# --- if your number differs
def power_table(source: Source, lang: str) -> Table:
    """Test sessions that tell GRU4Rec and the best simple recommender apart, at differences of 2, 1 and .5 points."""
    rows = []
    for dataset in DATASETS:
        try:
            run, best = source.gru4rec(dataset).runs[0], source.simple(dataset).runs[0]
        except NotYet:
            continue
        (ours, theirs), drawn = values_of([run, best], "Recall", K, min_step(dataset))
        spread = power.variance(ours, theirs, drawn.labels)
        rows.append({
            "Data set": dataset,
            "Sessions for 2 points": power.sessions_needed(spread, 0.02),
            "Sessions for 1 point": power.sessions_needed(spread, 0.01),
            "Sessions for half a point": power.sessions_needed(spread, 0.005),
            "Test sessions": drawn.sessions,
            "Points that these tell apart": 100 * power.detectable(spread, drawn.sessions),
        })  # fmt: skip
    headings = [
        "Data set", "Sessions for 2 points", "Sessions for 1 point", "Sessions for half a point", "Test sessions",
        "Points that these tell apart",
    ]  # fmt: skip
    formats = dict.fromkeys(headings[1:5], ",.0f") | {headings[5]: ".2f"}
    return Table(pd.DataFrame(rows, columns=headings), lang=lang, formats=formats)


def _where(dataset: str, recommender: str, lang: str) -> str:
    names = [data_name(dataset, lang)] if dataset else []
    names += [name_of(recommender, lang)] if recommender else []
    return ", ".join(names) or prose.not_yet(lang)


def effect_sizes(source: Source, lang: str) -> Table:
    """What each difference moves Recall@20 by, in points, and where it was measured, in the order in which to look.

    A page shows those that move it at least as far as the last one, chance in the choice of test sessions.
    """
    _, found = translator(lang), effects.found(source)
    return Table({
        "What differs": [_(label) for label in found["label"]],
        "Points of Recall@20": [None if pd.isna(x) else f"{100 * x:.1f}" for x in found["size"]],
        "Measured on": [_where(row.dataset, row.recommender, lang) for row in found.itertuples()],
    }, lang=lang, shown=~(found["size"] < found["size"].iloc[-1]))  # fmt: skip


def figure_effects(source: Source, lang: str) -> Plot:
    """The effects that are known, the largest at the top."""
    found = effects.found(source).dropna(subset=["size"]).sort_values("size", ascending=False, kind="stable")
    shown = pd.DataFrame({"label": found["label"], "series": "Measured here", "points": 100 * found["size"]})
    return figures.bars(
        shown, category="label", value="points", series="series", xlabel="Points of Recall@20", shares=False, lang=lang
    )


def figure_headline(source: Source, lang: str) -> Plot:
    """GRU4Rec less the best simple recommender on every log, in Recall@20 and in MRR@20, with intervals."""
    rows = [
        (data_name(c.dataset, lang), metric, name_of(c.best.recommender, lang), *c.of(metric).difference[:3])
        for c in contrasts(source) for metric in METRICS
    ]  # fmt: skip
    table = pd.DataFrame(
        [(f"{name}, {metric}@{K}: {best}", *rest) for name, metric, best, *rest in rows],
        columns=["label", "value", "low", "high"],
    )
    return row_figures.differences(table, xlabel="GRU4Rec less the best simple", lang=lang)


TABLES: dict[str, Exhibit] = exhibits.TABLES | {
    "data": data, "training-settings": training_settings, "headline": headline, "chosen": chosen,
    "against-simple": against_simple,
    "third-party": third_party, "sampled": sampled, "order": order, "flawed": flawed,
    "cost": cost, "effects": effect_sizes, "searches": searched, "power": power_table,
}  # fmt: skip
FIGURES = exhibits.FIGURES | {"effects": figure_effects, "headline": figure_headline}
