"""What the claims are held against: functions of the committed evidence, one number each, with its interval.

Each takes a `Book` (the evidence) and the arguments that its part of claims.toml states. Where evidence is missing it
raises `NotYet`, which names it; nothing is trained here, and no data set is read.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.data import synthetic
from audit_lib.evaluation.counts import Counts
from audit_lib.evaluation.resampling import Measured
from audit_lib.evaluation.sampled import expectation
from audit_lib.recommenders import oracle
from audit_lib.study import (
    challenger_runs,
    headline,
    literature_values,
    metric_winners,
    reported_epoch,
    translations,
)
from audit_lib.study.evidence import Run
from audit_lib.study.results import (
    SIMPLE,
    Book,
    K,
    NotYet,
    counted_logs,
    main_group,
    over,
    paired,
    real_datasets,
    values_of,
)


def score(
    book: Book, *, dataset: str, group: str, recommender: str, variant: str | None = None, metric: str = "Recall",
    k: int = K, min_step: int = 1,
) -> Measured:  # fmt: skip
    """A metric of a recommender, in one of the variants of its group if that has some."""
    chosen = {"dataset": dataset, "group": group, "recommender": recommender, "variant": variant}
    return over(book.runs(**chosen), metric, k, min_step)


def difference(
    book: Book, *, dataset: str, first: str, first_group: str, second: str, second_group: str, metric: str = "Recall",
    k: int = K,
) -> Measured:  # fmt: skip
    """First less second, `paired`."""
    a, b, drawn = paired(
        book.runs(dataset=dataset, group=first_group, recommender=first),
        book.runs(dataset=dataset, group=second_group, recommender=second), metric, k,
    )  # fmt: skip
    if not len(a):
        raise NotYet(f"{dataset}: a seed of both {first}, {first_group}, and {second}, {second_group}")
    return drawn.difference(a, b)


def simple_share(book: Book, *, dataset: str) -> Measured:
    """Recall@20 of the best simple recommender divided by that of GRU4Rec (mean over seeds), both as `headline` says.

    Over the targets that count on that log.
    """
    book.runs(dataset=dataset, group=SIMPLE)
    best, neural = headline.best_simple(book, dataset), headline.of(book, dataset)
    if best is None or neural is None:
        raise NotYet(f"{dataset}, gru4rec")
    a, b, drawn = paired(best.runs, neural.runs, min_step=literature_values.min_step(dataset))
    return drawn.ratio(a, b)


def relative_loss(book: Book, *, dataset: str, variant: str) -> Measured:
    """Share of GRU4Rec's Recall@20 that is lost when settings are changed as the variant says, paired by seed."""
    base = book.runs(dataset=dataset, group=main_group(dataset), recommender="gru4rec")
    changed = book.runs(dataset=dataset, variant=variant, recommender="gru4rec")
    loss = base[0].manifest["config"].get("loss")
    changed = [run for run in changed if run.manifest["config"].get("loss") == loss]  # some were run with either
    a, b, drawn = paired(changed, base)
    if not len(a):
        raise NotYet(f"{dataset}, {variant}: a seed that GRU4Rec as it should be has, too")
    found = drawn.ratio(a, b)
    return Measured(1 - found.estimate, 1 - found.high, 1 - found.low, found.seeds)


def published_gap(book: Book, *, dataset: str, model: str, source: str, metric: str = "Recall") -> Measured:
    """A published value less that of our GRU4Rec, the headline training of the log, over the publication's targets.

    The interval is ours alone: a published value has none.
    """
    if (chosen := headline.of(book, dataset)) is None:
        raise NotYet(f"{dataset}, gru4rec")
    ours = over(chosen.runs, metric, K, literature_values.min_step(dataset))
    theirs = literature_values.value(source, dataset, model, metric, K)
    return Measured(theirs - ours.estimate, theirs - ours.high, theirs - ours.low, ours.seeds)


def epoch_on_test(
    book: Book, *, dataset: str, group: str, recommender: str, metric: str = "Recall", k: int = K
) -> Measured:
    """The best epoch on test less the one that validation chooses, by metric (see `reported_epoch`)."""
    return reported_epoch.reported(book, dataset, group, metric).gain


def overtaking(book: Book, *, dataset: str) -> Measured:
    """How many recommenders are ahead of the winner by Recall@20 when MRR@20 is asked (see `metric_winners`)."""
    return Measured(float(len(metric_winners.winners(book, dataset).overtaking)))


def sampled_factor(book: Book, *, dataset: str, n: int) -> Measured:
    """Expected sampled Recall@20 divided by the full one: the median over recommenders."""
    book.runs(dataset=dataset, group=SIMPLE)
    book.runs(dataset=dataset, group=main_group(dataset), recommender="gru4rec")
    table = book.sampled(dataset, n)
    return Measured(float((table["sampled"] / table["full"])[table["full"] > 0].median()))


def sampled_where(book: Book, *, n: int, low_full: float, high_full: float) -> Measured:
    """Mean expected sampled Recall@20 of all recommenders on real logs whose full value lies between two bounds."""
    tables = [book.sampled(dataset, n) for dataset in real_datasets(book)]
    whole = pd.concat(tables) if tables else pd.DataFrame({"full": [], "sampled": []})
    found = whole[whole["full"].between(low_full, high_full)]
    if found.empty:
        raise NotYet(f"Recall@{K} {low_full:g} – {high_full:g}")
    return Measured(float(found["sampled"].mean()))


def reversals(book: Book, *, n: int) -> Measured:
    """Pairs of recommenders on one real log that n uniform negatives reverse (see `winners`), over `counted_logs`.

    One pair is a finding, whatever else is missing; none is one only when every recommender has been run.
    """
    count = sum(book.reversed(dataset, n) for dataset in counted_logs(book))
    if not count:
        book.runs(group=SIMPLE)
    return Measured(float(count))


def toy_table(book: Book) -> Measured:
    """Numbers of the published toy table that come out otherwise here, to its last digit. Needs no evidence."""
    toy = literature_values.toy()
    counts = [Counts(np.array(r) - 1, np.zeros(len(r), np.int64), toy["items"]) for r in toy["ranks"].values()]
    wrong = 0
    for kind, n, sampling in (
        ("full", toy["items"] - 1, "uniform"), ("sampled", toy["negatives"], "uniform-replacement"),
    ):  # fmt: skip
        for metric, values in toy[kind].items():
            name, k = ("MRR", None) if metric == "AP" else (metric, toy["k"] if metric == "Recall" else None)
            found = [expectation(c, name, n=n, k=k, sampling=sampling).mean() for c in counts]
            wrong += sum(round(a, toy["digits"][kind]) != b for a, b in zip(found, values, strict=True))
    return Measured(float(wrong))


def loss(book: Book, *, dataset: str, group: str, recommender: str, epoch: int) -> Measured:
    """Training loss of an epoch, the mean over events and seeds."""
    runs = book.runs(dataset=dataset, group=group, recommender=recommender)
    found = [entry["loss"] for run in runs for entry in run.manifest["log"] if entry["epoch"] == epoch]
    if not found:
        raise NotYet(f"{dataset}-{recommender}, log of epoch {epoch}")
    return Measured(statistics.mean(found), seeds=len(found))


def fit_seconds(book: Book, *, dataset: str, group: str, recommender: str) -> Measured:
    """Seconds to train, the mean over seeds."""
    runs = book.runs(dataset=dataset, group=group, recommender=recommender)
    return Measured(statistics.mean(run.manifest["seconds"]["fit"] for run in runs), seeds=len(runs))


def optimum(book: Book, *, dataset: str, k: int) -> Measured:
    """The exact Recall@k that no recommender can exceed in expectation, from the law of a generated log."""
    found = oracle.optimum(synthetic.named(dataset), k=k)
    if found is None:
        raise NotYet(dataset)
    return Measured(found["recall"])


def leak(book: Book, *, dataset: str, field: str) -> Measured:
    """A count of the leakage report."""
    return Measured(float(_row(book, "leakage", dataset=dataset)[field]))


def shuffle_loss(book: Book, *, which: str) -> Measured:
    """Share of Recall@20 that Markov loses on shuffling: of a data set, or the least or greatest of all."""
    if which in ("least", "greatest"):
        rows = [row for row in book.record("shuffle") if row["recommender"] == "markov"]
        rows.sort(key=lambda row: row["loss"])
        row = rows[0 if which == "least" else -1]
    else:
        row = _row(book, "shuffle", dataset=which, recommender="markov")
    return Measured(row["loss"], row["low"], row["high"])


def latency(
    book: Book, *, recommender: str, percentile: int, way: str = "catalogue", largest: bool = True,
    record: str = "latency",
) -> Measured:  # fmt: skip
    """Milliseconds of one answer over the largest (or smallest) catalogue of the generated logs.

    way: how it is found (see `measurements.latency`). record: the newest, or "latency_earlier", of another processor.
    """
    wanted = {"recommender": recommender, "percentile": percentile, "way": way, "at_once": 1, "log": "generated"}
    rows = [r for r in book.record(record) if all(r[key] == value for key, value in wanted.items())]
    if not rows:
        raise NotYet(f"records/{record}.json, {recommender}, {way}")
    rows.sort(key=lambda row: row["items"])
    return Measured(rows[-1 if largest else 0]["ms"])


def latency_growth(book: Book, *, recommender: str, way: str = "catalogue") -> Measured:
    """The median time of one answer over the largest catalogue, divided by that over the smallest."""
    large, small = (latency(book, recommender=recommender, percentile=50, way=way, largest=x) for x in (True, False))
    return Measured(large.estimate / small.estimate)


def speed_ratio(book: Book, *, setting: str) -> Measured:
    """Events per second of the independent engine divided by those of the official code."""
    ratio = _row(book, "bench_train", setting=setting)["ratio"]
    if np.isnan(ratio):
        raise NotYet("records/bench_train.json, gru4rec_official")
    return Measured(ratio)


def probe(book: Book, *, fact: str) -> Measured:
    """1 if the official code does what it is asked, 0 if it fails."""
    return Measured(float(_row(book, "official_facts", id=fact)["happened"].endswith("works")))


def documents_of_study(book: Book, *, document: str) -> Measured:
    """Words of the Spanish divided by those of the English in one document of the study under audit, or in 'all'."""
    words = literature_values.words()
    english, spanish = zip(*(words.values() if document == "all" else [words[document]]), strict=True)
    return Measured(sum(spanish) / sum(english))


def documents(book: Book, *, count: str) -> Measured:
    """Of this book, as its catalogues stand: words of the Spanish divided by those of the English, or what is not
    translated (messages)."""
    return Measured(float(translations.catalogues().set_index("page").loc["all", count]))


def split_gain(book: Book, *, dataset: str, split: str, recommender: str) -> Measured:
    """How much a flawed split raises Recall@20, relative to the honest one."""
    return _gain(book, book.runs(dataset=dataset, split=split, recommender=recommender), dataset, recommender)


def filter_gain(book: Book, *, dataset: str, recommender: str, preparation: str) -> Measured:
    """How much a heavier filter raises Recall@20, relative to the default one."""
    runs = book.runs(dataset=dataset, group="filters", recommender=recommender, preparation=preparation)
    return _gain(book, runs, dataset, recommender)


def _gain(book: Book, runs: list[Run], dataset: str, recommender: str) -> Measured:
    """Other targets, so that there is nothing to pair, and no interval of the ratio."""
    honest = book.runs(dataset=dataset, group=SIMPLE, recommender=recommender)
    return Measured(float(values_of(runs)[0].mean() / values_of(honest)[0].mean() - 1))


def _row(book: Book, record: str, **wanted: Any) -> dict[str, Any]:
    for row in book.record(record):
        if all(row.get(key) == value for key, value in wanted.items()):
            return row
    raise NotYet(f"records/{record}.json, {', '.join(map(str, wanted.values()))}")


# What each measure is called in a table, in English.
MEASURES: dict[str, tuple[Callable[..., Measured], str]] = {
    "score": (score, "Value"),
    "difference": (difference, "Difference of Recall@20"),
    "simple_share": (simple_share, "Best simple recommender / GRU4Rec"),
    "relative_loss": (relative_loss, "Share of Recall@20 lost"),
    "published_gap": (published_gap, "Published less our GRU4Rec"),
    "challenger_gap": (challenger_runs.gap, "Rerun less our GRU4Rec, paired"),
    "epoch_on_test": (epoch_on_test, "Best epoch on test less the one chosen in validation"),
    "overtaking": (overtaking, "Ahead of the winner by Recall@20 in MRR@20"),
    "sampled_factor": (sampled_factor, "Sampled / full, median"),
    "sampled_where": (sampled_where, "Sampled Recall@20, mean"),
    "reversals": (reversals, "Pairs in another order"),
    "toy_table": (toy_table, "Numbers that differ"),
    "loss": (loss, "Training loss"),
    "fit_seconds": (fit_seconds, "Seconds to train"),
    "optimum": (optimum, "Exact optimum"),
    "leak": (leak, "Leaks"),
    "shuffle_loss": (shuffle_loss, "Loss on shuffling"),
    "latency": (latency, "Milliseconds of one answer"),
    "latency_growth": (latency_growth, "Largest / smallest catalogue"),
    "speed_ratio": (speed_ratio, "Independent / official, events per second"),
    "probe": (probe, "Works (1) or fails (0)"),
    "documents": (documents, "Documents of this book"),
    "documents_of_study": (documents_of_study, "Its documents, words in Spanish / English"),
    "split_gain": (split_gain, "Gain by a flawed split"),
    "filter_gain": (filter_gain, "Gain by a heavier filter"),
}
