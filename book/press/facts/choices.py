"""What is chosen after looking at the test part, on the pages: the epoch that is reported, the metric that is asked.

The epoch: facts `epoch-gain-2016-LOG` and `epoch-gain-today-LOG` (with `-mrr` for MRR@20), `epoch-paper-2016-LOG` and
`epoch-last-2016-LOG` (Recall@20 after the epochs of the paper, and after all), a table and a figure. The
metric: `winners-change` of `winners-logs`, and a table of the winner by each metric.
"""

from __future__ import annotations

from functools import partial

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from audit_lib.evaluation.metrics import K
from audit_lib.evaluation.resampling import Measured
from audit_lib.show.plot import COLOURS, STYLE, Plot
from audit_lib.show.table import FINE, Interval, Table
from audit_lib.show.words import Translate, data_name, name_of, translator
from audit_lib.study import metric_winners, reported_epoch
from audit_lib.study.literature_values import COPIED, min_step
from audit_lib.study.reported_epoch import GROUPS, METRICS
from audit_lib.study.results import NotYet
from book.press.facts.source import Fact, Source

CALLED = {"epochs_2016": "2016", "epochs": "today"}  # of the groups, in the names of facts

PAPER = 10  # epochs of the first paper


# --- the epoch
def _gain(source: Source, *, dataset: str, group: str, metric: str) -> Measured:
    return source.measure(
        "epoch_on_test", dataset=dataset, group=group, recommender=GROUPS[group], metric=metric, k=K
    )


def _after(source: Source, *, dataset: str, group: str, epoch: int | None) -> Measured:
    """Recall@20 on test after so many epochs, or after all, a mean over the seeds that finished."""
    runs = reported_epoch.trajectories(source.book, dataset, group)
    values = [run.values("Recall", min_step=min_step(dataset)) for run in runs]  # (epochs, Q) each
    last = len(values[0]) if epoch is None else epoch
    return runs[0].resampling(min_step(dataset)).over_seeds(np.stack([value[last - 1] for value in values]))


def epochs(source: Source, lang: str) -> Table:
    """A row for each log, training and metric that has evidence: both epochs, both values, what is gained."""
    rows = []
    for dataset in COPIED:
        for group, recommender in GROUPS.items():
            for metric in METRICS:
                try:
                    found = reported_epoch.reported(source.book, dataset, group, metric)
                except NotYet:
                    continue
                gain = found.gain
                rows.append({
                    "Data set": dataset,
                    "Recommender": name_of(recommender, lang),
                    "Metric": f"{metric}@{K}",
                    "Epochs": found.epochs,
                    "Chosen in validation": ", ".join(map(str, found.chosen)),
                    "Value there": found.honest.estimate,
                    "Best on test": ", ".join(map(str, found.best)),
                    "Maximum": found.maximum,
                    "Difference": gain.estimate,
                    "95 % interval": Interval(gain.low, gain.high, FINE),
                })  # fmt: skip
    headings = ["Data set", "Recommender", "Metric", "Epochs", "Chosen in validation", "Value there", "Best on test",
                "Maximum", "Difference", "95 % interval"]  # fmt: skip
    return Table(pd.DataFrame(rows, columns=headings), lang=lang, formats={"Difference": FINE})


def figure_epochs(source: Source, lang: str) -> Plot:
    """Recall@20 by epoch: a row for each GRU4Rec, a column for each log, a line for each seed and part.

    Solid on test, dashed in validation; a dot at the best epoch of each line.
    """
    _: Translate = translator(lang)
    found = reported_epoch.curves(source.book)
    with matplotlib.rc_context(STYLE | {"font.size": 9.5}):
        drawn = Figure(figsize=(7.2, 4.6))
        panels = drawn.subplots(len(GROUPS), len(COPIED), squeeze=False)
        for row, (group, recommender) in enumerate(GROUPS.items()):
            for column, dataset in enumerate(COPIED):
                axes = panels[row, column]
                part = found[(found["group"] == group) & (found["dataset"] == dataset)]
                for line, colour, shown in (("test", COLOURS[0], "-"), ("validation", COLOURS[1], "--")):
                    for _seed, each in part.groupby("seed"):
                        best = each.loc[each[line].idxmax()]
                        axes.plot(each["epoch"], each[line], shown, color=colour, linewidth=1.2)
                        axes.plot(best["epoch"], best[line], "o", color=colour, markersize=4)
                axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
                axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
                if row == 0:
                    axes.set_title(data_name(dataset, lang), fontsize=10.5)
                if row == len(GROUPS) - 1:
                    axes.set_xlabel(_("Epoch"))
            panels[row, 0].set_ylabel(f"{name_of(recommender, lang)}\nRecall@{K}")
        names = ((_("On test"), COLOURS[0], "-"), (_("In validation"), COLOURS[1], "--"))
        lines = [matplotlib.lines.Line2D([], [], color=c, linestyle=s, marker="o", markersize=4, label=n)
                 for n, c, s in names]  # fmt: skip
        drawn.legend(handles=lines, loc="outside upper center", ncols=2, fontsize=9)
    return Plot(drawn, found)


# --- the metric
def _changing(source: Source, *, only: bool) -> Measured:
    """Logs that the ledger asks about; only: those on which another recommender overtakes the winner by Recall@20."""
    found = [m.estimate for _, m in source.findings("overtaking")]
    if not found:
        raise NotYet("overtaking")
    return Measured(float(sum(x > 0 for x in found) if only else len(found)))


def winners(source: Source, lang: str) -> Table:
    """A row for each log: the best recommender by either metric, and who overtakes the former by the latter."""
    rows = []
    for arguments, _ in source.findings("overtaking"):
        found = metric_winners.winners(source.book, str(arguments["dataset"]))
        over = (f"{name_of(name, lang)} (+{100 * mrr.estimate:.1f})" for name, _, mrr in found.overtaking)
        rows.append({
            "Data set": found.dataset,
            "Best by Recall@20": name_of(found.recall, lang),
            "Best by MRR@20": name_of(found.mrr, lang),
            "Ahead of the former in MRR@20": ", ".join(over) or "–",
        })  # fmt: skip
    headings = ["Data set", "Best by Recall@20", "Best by MRR@20", "Ahead of the former in MRR@20"]
    return Table(pd.DataFrame(rows, columns=headings), lang=lang)


FACTS: dict[str, Fact] = {
    "winners-change": partial(_changing, only=True),
    "winners-logs": partial(_changing, only=False),
} | {
    f"epoch-{name}-2016-{dataset}": partial(_after, dataset=dataset, group="epochs_2016", epoch=epoch)
    for dataset in COPIED for name, epoch in (("paper", PAPER), ("last", None))
} | {
    f"epoch-gain-{called}-{dataset}{suffix}": partial(_gain, dataset=dataset, group=group, metric=metric)
    for group, called in CALLED.items() for dataset in COPIED for suffix, metric in (("", "Recall"), ("-mrr", "MRR"))
}  # fmt: skip
