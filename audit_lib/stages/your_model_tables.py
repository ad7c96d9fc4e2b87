"""What the page on one model shows: tables with English headings and cells in the reader's language, and a page."""

from __future__ import annotations

import numpy as np
import pandas as pd

from audit_lib.data import datasets
from audit_lib.evaluation import comparisons, metrics
from audit_lib.evaluation.counts import Counts
from audit_lib.evaluation.power import detectable, sessions_needed, variance
from audit_lib.evaluation.resampling import Measured
from audit_lib.evaluation.sampled import expectation
from audit_lib.show.counted import said
from audit_lib.show.one_page import one_page
from audit_lib.show.plot import Plot
from audit_lib.show.table import DIFFERENCE, Interval, Remark, Table
from audit_lib.show.words import Translate, data_name, name_of, number, translator, typeset
from audit_lib.stages.prepared import negatives_of
from audit_lib.stages.tables import runs_table
from audit_lib.stages.your_model import Standing
from audit_lib.study import headline
from audit_lib.study.evidence import Run
from audit_lib.study.results import over, values_of

METRICS = ("Recall", "MRR")
SHOWN = 8  # others on the page that is attached to a paper
STRONGEST = 10  # others in a table


def scores(found: Standing, lang: str) -> pd.DataFrame:
    """Everybody, the best first: Recall and MRR with their intervals over sessions and seeds."""
    rows = []
    for name in found.recall.index:
        row: dict[str, object] = {"Recommender": named(str(name), found, lang)}
        for metric in METRICS:
            value = over(found.everybody[str(name)], metric, found.k, found.first)
            row[f"{metric}@{found.k}"] = value.estimate
            row[f"{metric}@{found.k}, interval"] = Interval(value.low, value.high)
        rows.append(row | {"Seeds": len(found.everybody[str(name)])})
    return pd.DataFrame(rows)


def value(found: Standing) -> Measured:
    """The Recall of the model, with its interval over sessions and seeds."""
    return over(found.runs, "Recall", found.k, found.first)


def differences(found: Standing, lang: str) -> pd.DataFrame:
    """The model less each of the others, paired by target, the strongest other first; p by Holm over both metrics."""
    k, names = found.k, [str(name) for name in found.recall.index.drop(found.name)]
    less = {metric: [found.less(name, metric) for name in names] for metric in METRICS}
    p = comparisons.holm(np.array([[value for _, value in less[metric]] for metric in METRICS]).ravel())
    return pd.DataFrame({
        "Recommender": [name_of(name, lang) for name in names],
        f"Difference of Recall@{k}": [seeds.estimate for seeds, _ in less["Recall"]],
        f"Recall@{k}, interval": [Interval(seeds.low, seeds.high, DIFFERENCE) for seeds, _ in less["Recall"]],
        f"Recall@{k}, p (Holm)": p[: len(names)],
        f"Difference of MRR@{k}": [seeds.estimate for seeds, _ in less["MRR"]],
        f"MRR@{k}, interval": [Interval(seeds.low, seeds.high, DIFFERENCE) for seeds, _ in less["MRR"]],
        f"MRR@{k}, p (Holm)": p[len(names) :],
    })  # fmt: skip


def sampled(found: Standing, lang: str) -> pd.DataFrame:
    """Recall at K over the whole catalogue, its expectation under sampled negatives, and the places that both give."""
    full, drawn = found.recall, {}
    for name, runs in found.everybody.items():
        counts = [Counts.of_run(run) for run in runs if run.up_to is None]
        if counts:
            n = negatives(found)
            drawn[name] = float(np.mean([expectation(c, "Recall", n=n, k=found.k).mean() for c in counts]))
    table = pd.DataFrame({"full": full[list(drawn)], "sampled": pd.Series(drawn)}).sort_values("full", ascending=False)
    places = table.rank(ascending=False, method="min").astype(int)
    return pd.DataFrame({
        "Recommender": [named(str(name), found, lang) for name in table.index],
        "Whole catalogue": table["full"].to_numpy(), "Place": places["full"].to_numpy(),
        "Sampled negatives": table["sampled"].to_numpy(), "Place, sampled": places["sampled"].to_numpy(),
    })  # fmt: skip


def strongest(found: Standing) -> np.ndarray:
    """For each row of `scores`, whether it is the model or one of the STRONGEST others."""
    names = found.recall.index
    return np.asarray(names.isin([found.name, *names.drop(found.name)[:STRONGEST]]))


def moved(places: pd.DataFrame, found: Standing, lang: str) -> pd.Series:
    """For each row of `sampled`, whether its place changes or it is the model."""
    return (places["Place"] != places["Place, sampled"]) | (places["Recommender"] == named(found.name, found, lang))


def negatives(found: Standing) -> int:
    """How many are sampled."""
    return negatives_of(found.runs[0].n_items)


def ties(found: Standing, lang: str) -> pd.DataFrame:
    """Of the model and the best other: the share of tied targets, and Recall at K under each tie policy."""
    rows = []
    for name in (found.name, found.best):
        runs = found.everybody[name]
        above, equal = (np.stack([run.ranks[column].to_numpy() for run in runs]) for column in ("above", "equal"))
        values = {ties: float(metrics.recall(above, equal, found.k, ties).mean()) for ties in metrics.TIES}
        rows.append({"Recommender": name_of(name, lang), "Tied targets": float((equal > 0).mean())} | values)
    return pd.DataFrame(rows).rename(columns={ties: ties.capitalize() for ties in metrics.TIES})


def chosen(found: Standing) -> dict[str, Run]:
    """For figures: the first seed of the model, of GRU4Rec, of VSTAN and of the best other."""
    names = dict.fromkeys([found.name, found.best, "gru4rec", "vstan"])
    return {name: found.everybody[name][0] for name in names if name in found.everybody}


def power(found: Standing) -> dict[str, float]:
    """sessions, needed, detectable: those of the test part; those at which the difference from the best other would be
    told from zero four times in five (infinite where there is none); and the difference that the test part can tell.
    """
    a, b, drawn = found.paired(found.best, "Recall")
    spread, difference = variance(a.mean(0), b.mean(0), drawn.labels), float(a.mean() - b.mean())
    needed = sessions_needed(spread, difference) if difference else float("inf")
    return {
        "sessions": drawn.sessions, "needed": needed, "detectable": detectable(spread, drawn.sessions),
        "difference": difference,
    }  # fmt: skip


def checklist(found: Standing, lang: str) -> pd.DataFrame:
    """What a reviewer asks, and what the evidence answers; what it cannot know is left to the authors."""
    _ = translator(lang)
    run, about = found.runs[0], found.runs[0].manifest
    kind = about.get("outside", {}).get("kind", "scores")
    authors = _("The evidence does not say; the authors should.")
    config = {key: value for key, value in about["config"].items() if value not in ("", None)}
    split, others = about["split"], said(len(found.others), "recommenders", lang)
    sessions = values_of(found.runs[:1], "Recall", found.k, found.first)[1].sessions
    published = _("published" if split["name"] == "published" else "temporal")
    rows = {
        "Which split is it?": f"{data_name(run.dataset, lang)}, {published}, {split['hash'][:12]}",
        "Are all targets measured?": _("Yes, {n}.").format(n=typeset(f"{len(run.ranks):,}")),
        "Is the whole catalogue ranked?": _whole(kind, run, _),
        "Do ties count against it?": _ties(kind, found, _),
        "Is there an interval, and over what?": _("Yes, over {n} sessions.").format(n=typeset(f"{sessions:,}")),
        "How many seeds?": str(len(found.runs)),
        "Are its settings stated?": ", ".join(f"{key} {value}" for key, value in config.items()) or _("None."),
        "Is it compared on the same targets?": _("Yes, with {others}.").format(others=others),
        "How large a difference can be told?": _detectable(found, lang),
        "Were the settings of its rivals searched?": _searched(found, lang),
        "Were its own settings chosen without the test part?": authors,
        "Can others train it again?": authors,
    }
    return pd.DataFrame({"Question": [_(question) for question in rows], "Answer": list(rows.values())})


def _whole(kind: str, run: Run, translate: Translate) -> str:
    if kind == "lists":
        return translate("No, there are lists of {k} items alone.").format(k=run.up_to)
    return translate("Yes, {n} items.").format(n=typeset(f"{run.n_items:,}"))


def _ties(kind: str, found: Standing, translate: Translate) -> str:
    if kind == "lists":
        return translate("Lists do not show ties.")
    share = np.mean([(run.ranks["equal"] > 0).mean() for run in found.runs])
    return translate("Yes; {share} of its targets are tied.").format(share=typeset(f"{share:.1%}"))


def _detectable(found: Standing, lang: str) -> str:
    _, told = translator(lang), number(power(found)["detectable"], ".2points")
    text = _("{points} points of Recall@{k} against the best other, four times in five.")
    return text.format(points=typeset(told), k=found.k)


def _searched(found: Standing, lang: str) -> str:
    _, searched = translator(lang), {n: headline.searched(found.runs[0].dataset, n) for n in found.others}
    of, not_of = (", ".join(name_of(n, lang) for n in searched if searched[n] is yes) for yes in (True, False))
    if not of:
        return _("Of none.")
    return _("Of {of}; not of {others}.").format(of=of, others=not_of) if not_of else _("Of all.")


def example(found: Standing, wanted: str, given: str, lang: str) -> Remark | None:
    """What is said where the page has no model on the data set that is wanted, nor evidence that was given."""
    name = datasets.name_of(wanted)
    if given or not wanted or found.runs[0].dataset == name:
        return None
    _ = translator(lang)
    text = _("There is no evidence of a model from outside on {name} yet. What this page shows is an example.")
    return Remark(text.format(name=data_name(name, lang)))


def named(name: str, found: Standing, lang: str) -> str:
    """A recommender in a table; the model is marked."""
    return f"{name_of(name, lang)} ◀" if name == found.name else name_of(name, lang)


def intervals(found: Standing, lang: str) -> pd.DataFrame:
    """label, value, low, high: the model less each of the others in Recall at K, the strongest other first."""
    rows = []
    for name in found.recall.index.drop(found.name):
        less, _ = found.less(str(name), "Recall")
        rows.append((name_of(str(name), lang), *less[:3]))
    return pd.DataFrame(rows, columns=["label", "value", "low", "high"])


def sessions(found: Standing, numbers: dict[str, float], lang: str) -> pd.DataFrame:
    """What `power` found before a reader: Property, Value."""
    _ = translator(lang)
    none = _("No number: there is no difference.")
    needed = none if np.isinf(numbers["needed"]) else typeset(f"{numbers['needed']:,.0f}")
    rows = {
        f"Difference of Recall@{found.k}": typeset(f"{number(numbers['difference'], DIFFERENCE)} {_('points')}"),
        "Test sessions here": typeset(f"{numbers['sessions']:,.0f}"),
        "Test sessions that would tell it from zero": needed,
        "Smallest difference that can be told here": f"{number(numbers['detectable'], '.2points')} {_('points')}",
    }
    return pd.DataFrame({"Property": [_(key) for key in rows], "Value": list(rows.values())})


def provenance(found: Standing, lang: str) -> Table:
    """`runs_table` of everything on the page."""
    rows = [(named(name, found, lang), run) for name, runs in found.everybody.items() for run in runs]
    return runs_table(rows, lang, columns=["Recommender"])


def page(found: Standing, lang: str) -> Plot:
    """One page to attach to a paper: scores and differences, with the eight best others, and the checklist."""
    _ = translator(lang)
    first, table = found.runs[0], scores(found, lang)
    least = {name_of(str(name), lang) for name in found.recall.index.drop(found.name)[SHOWN:]}
    table = table[~table["Recommender"].isin(least)]
    table = pd.DataFrame(Table(table, lang=lang).rows(), columns=table.columns)
    split = first.manifest["split"]["hash"][:20]
    lines = [
        _("Data set: {name}; sha256 of the split {hash}").format(name=data_name(first.dataset, lang), hash=split),
        _("{n} targets, {items} items; 95 % intervals over sessions").format(
            n=typeset(f"{len(first.ranks):,}"), items=typeset(f"{first.n_items:,}")
        ),
        _("Evidence (sha256): {hash}").format(hash=", ".join(run.manifest["sha256"][:20] for run in found.runs)),
    ]
    if least:
        lines.append(_("Of the {n} others, the {shown} best are shown.").format(n=len(found.others), shown=SHOWN))
    return one_page(
        name_of(found.name, lang), lines, table, intervals(found, lang).head(SHOWN), checklist(found, lang),
        xlabel=f"Difference of Recall@{found.k}", lang=lang,
    )  # fmt: skip
