"""What the claims are held against: functions of the committed evidence, one number each, with its interval.

Each takes a `Book` (the evidence) and the arguments that its part of claims.toml states. Where evidence is missing it
raises `NotYet`, which names it; nothing is trained here, and no data set is read.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from audit_lib import experiments, metrics, observations, published, records, synthetic
from audit_lib.datasets import REGISTRY
from audit_lib.errors import MissingError
from audit_lib.evidence import Run
from audit_lib.experiments import Experiment
from audit_lib.recommenders import oracle
from audit_lib.resampling import Resampling, Seeds
from audit_lib.sampled import Counts, expectation
from audit_lib.sources import Generated
from audit_lib.winners import reversals as reversed_pairs

K = 20
ENGINES = ("gru4rec", "gru4rec_2016", "gru4rec_official")
SIMPLE = "simple"  # the group of the simple recommenders with their default settings
CONTROLS = ("seed_demo", "movielens_100k")  # items drawn independently; ratings entered in bulk: no real click logs
MAIN = {"seed_demo": "demo"}  # the group in which GRU4Rec ran, where it is not 'headline'
# The groups in which GRU4Rec was trained as it should be, and how.
TRAININGS = {
    "headline": "Cross-entropy", "headline_bpr_max": "BPR-max", "third_party_bpr_max": "BPR-max",
    "headline_tuned": "Tuned on validation",
}  # fmt: skip


class NotYet(Exception):
    """Evidence that is not there: its arguments name it, each piece by itself."""


class Measured(NamedTuple):
    """A number, its 95 % interval (NaN where it has none), and over how many seeds it was taken (0: none)."""

    estimate: float
    low: float = float("nan")
    high: float = float("nan")
    seeds: int = 0

    @classmethod
    def of(cls, found: Seeds) -> Measured:
        """With its interval over sessions and seeds."""
        return cls(found.mean, found.interval.low, found.interval.high, found.n)


@dataclass
class Book:
    """The evidence in a folder, each file read once. study: the list of experiments it belongs to."""

    folder: Path = experiments.PUBLISHED
    study: Path = experiments.STUDY
    _runs: dict[Any, Run | None] = field(default_factory=dict)
    _records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _sampled: dict[Any, tuple[pd.DataFrame, int]] = field(default_factory=dict)

    def planned(self, **wanted: Any) -> tuple[Experiment, ...]:
        """The experiments of the study with these fields."""
        return experiments.select(experiments.plan(self.study), {key: str(value) for key, value in wanted.items()})

    def run_of(self, experiment: Experiment) -> Run | None:
        """Its evidence, None if there is none."""
        key = experiment.id
        if key not in self._runs:
            self._runs[key] = experiments.evidence_of(experiment, self.folder)
        return self._runs[key]

    def present(self, **wanted: Any) -> list[Run]:
        """The evidence there is of these experiments, by seed."""
        return [run for run in map(self.run_of, self.planned(**wanted)) if run is not None]

    def runs(self, **wanted: Any) -> list[Run]:
        """The evidence of all these experiments. Raises NotYet, naming those without, or if none is planned."""
        chosen = self.planned(**wanted)
        missing = [experiment.id for experiment in chosen if self.run_of(experiment) is None]
        if missing or not chosen:
            raise NotYet(*(missing or [f"{key} = {value}" for key, value in wanted.items()]))
        return self.present(**wanted)

    def record(self, name: str) -> list[dict[str, Any]]:
        """The rows of a record (see `records`). Raises NotYet if it has not been made."""
        if name not in self._records:
            try:
                self._records[name] = records.read(name, folder=self.folder / "records").to_dict("records")
            except MissingError as error:
                raise NotYet(f"records/{name}.json") from error
        return self._records[name]

    def recommenders(self, dataset: str) -> dict[str, Run]:
        """One run of each recommender on the default split of a data set: the simple ones, and GRU4Rec's first seed."""
        found = self.present(dataset=dataset, group=SIMPLE) + self.present(dataset=dataset, group=main_group(dataset))
        return {run.recommender: run for run in sorted(found, key=lambda run: -run.seed)}

    def sampled(self, dataset: str, n: int) -> pd.DataFrame:
        """recommender, full, sampled: Recall@20 and its exact expectation under n uniform negatives."""
        return self._under_sampling(dataset, n)[0]

    def reversed(self, dataset: str, n: int) -> int:
        """How many pairs of these recommenders are reversed (see `winners`)."""
        return self._under_sampling(dataset, n)[1]

    def _under_sampling(self, dataset: str, n: int) -> tuple[pd.DataFrame, int]:
        if (dataset, n) not in self._sampled:
            runs, full, sampled = self.recommenders(dataset), [], []
            for run in runs.values():
                counts = Counts.of_run(run)
                full.append(metrics.recall(counts.above, counts.equal, K))
                sampled.append(expectation(counts, "Recall", n=min(n, counts.pool), k=K))
            values = {"full": [x.mean() for x in full], "sampled": [x.mean() for x in sampled]}
            turned = 0
            if len(runs) > 1:
                drawn = Resampling.of(next(iter(runs.values())).targets["session"])
                turned = int(reversed_pairs(full, sampled, drawn).sum()) // 2
            self._sampled[dataset, n] = pd.DataFrame({"recommender": list(runs), **values}), turned
        return self._sampled[dataset, n]


def main_group(dataset: str) -> str:
    """The group of experiments in which GRU4Rec ran on a data set."""
    return "synthetic" if isinstance(REGISTRY[dataset].get, Generated) else MAIN.get(dataset, "headline")


def values_of(runs: Iterable[Run], metric: str, k: int, min_step: int = 1) -> tuple[np.ndarray, Resampling]:
    """(R, P) values of several runs on the same targets with that many events before them, and their resampling."""
    runs = list(runs)
    targets = runs[0].targets
    keep = (targets["step"] >= min_step).to_numpy()
    metric_of = metrics.METRICS[metric]
    rows = [metric_of(run.ranks["above"].to_numpy()[keep], run.ranks["equal"].to_numpy()[keep], k) for run in runs]
    return np.stack(rows), Resampling.of(targets["session"]).where(keep)


def over(runs: Iterable[Run], metric: str, k: int, min_step: int = 1) -> Measured:
    """The mean over seeds, with its interval over sessions and seeds."""
    values, drawn = values_of(runs, metric, k, min_step)
    return Measured.of(drawn.over_seeds(values))


def paired(
    first: Iterable[Run], second: Iterable[Run], metric: str = "Recall", k: int = K, min_step: int = 1
) -> tuple[np.ndarray, np.ndarray, Resampling]:
    """(R, P) values of both over the seeds that both have, and their resampling; R = 0 if they share none.

    A recommender that has no seeds is the same beside every seed of the other.
    """
    one, other = ({run.seed: run for run in runs} for runs in (first, second))
    for mine, theirs in ((one, other), (other, one)):
        if len(mine) == 1 and next(iter(mine.values())).recommender not in ENGINES:
            mine |= dict.fromkeys(theirs, *mine.values())
    seeds = sorted(one.keys() & other.keys())
    if not seeds:
        return np.empty((0, 0)), np.empty((0, 0)), Resampling.of(np.empty(0))
    a, drawn = values_of([one[seed] for seed in seeds], metric, k, min_step)
    b, _ = values_of([other[seed] for seed in seeds], metric, k, min_step)
    return a, b, drawn


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
    return Measured.of(drawn.difference(a, b))


def simple_share(book: Book, *, dataset: str) -> Measured:
    """Recall@20 of the best simple recommender divided by that of GRU4Rec (mean over seeds), both as `headline` says.

    Over the targets that count on that log.
    """
    from audit_lib import compared, headline  # here, since both build on this module

    book.runs(dataset=dataset, group=SIMPLE)
    best, neural = headline.best_simple(book, dataset), headline.of(book, dataset)
    if best is None or neural is None:
        raise NotYet(f"{dataset}, gru4rec")
    a, b, drawn = paired(best.runs, neural.runs, min_step=compared.min_step(dataset))
    return Measured.of(drawn.ratio(a, b))


def relative_loss(book: Book, *, dataset: str, variant: str) -> Measured:
    """Share of GRU4Rec's Recall@20 that is lost when settings are changed as the variant says, paired by seed."""
    base = book.runs(dataset=dataset, group=main_group(dataset), recommender="gru4rec")
    changed = book.runs(dataset=dataset, variant=variant, recommender="gru4rec")
    loss = base[0].manifest["config"].get("loss")
    changed = [run for run in changed if run.manifest["config"].get("loss") == loss]  # some were run with either
    a, b, drawn = paired(changed, base)
    if not len(a):
        raise NotYet(f"{dataset}, {variant}: a seed that GRU4Rec as it should be has, too")
    found = Measured.of(drawn.ratio(a, b))
    return Measured(1 - found.estimate, 1 - found.high, 1 - found.low, found.seeds)


def published_gap(book: Book, *, dataset: str, model: str, source: str, metric: str = "Recall") -> Measured:
    """A published value less that of our GRU4Rec, the headline training of the log, over the publication's targets.

    The interval is ours alone: a published value has none.
    """
    from audit_lib import compared, headline  # here, since both build on this module

    if (chosen := headline.of(book, dataset)) is None:
        raise NotYet(f"{dataset}, gru4rec")
    ours = over(chosen.runs, metric, K, compared.min_step(dataset))
    theirs = published.value(source, dataset, model, metric, K)
    return Measured(theirs - ours.estimate, theirs - ours.high, theirs - ours.low, ours.seeds)


def epoch_on_test(
    book: Book, *, dataset: str, group: str, recommender: str, metric: str = "Recall", k: int = K
) -> Measured:
    """The best epoch on test less the one that validation chooses, by metric (see `reported_epoch`)."""
    from audit_lib import reported_epoch  # here, since it builds on this module

    return reported_epoch.reported(book, dataset, group, metric).gain


def overtaking(book: Book, *, dataset: str) -> Measured:
    """How many recommenders are ahead of the winner by Recall@20 when MRR@20 is asked (see `metric_winners`)."""
    from audit_lib import metric_winners  # here, since it builds on this module

    return Measured(float(len(metric_winners.winners(book, dataset).overtaking)))


def sampled_factor(book: Book, *, dataset: str, n: int) -> Measured:
    """Expected sampled Recall@20 divided by the full one: the median over recommenders."""
    book.runs(dataset=dataset, group=SIMPLE)
    book.runs(dataset=dataset, group=main_group(dataset), recommender="gru4rec")
    table = book.sampled(dataset, n).query("full > 0")
    return Measured(float((table["sampled"] / table["full"]).median()))


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


def counted_logs(book: Book) -> list[str]:
    """The real logs of counts and shares: not the generated demo and the negative control."""
    return [name for name in real_datasets(book) if name not in CONTROLS]


def real_datasets(book: Book) -> list[str]:
    """Data sets of the study that are not generated, with evidence of at least one recommender."""
    names = dict.fromkeys(e.dataset for e in experiments.plan(book.study))
    return [n for n in names if not isinstance(REGISTRY[n].get, Generated) and book.recommenders(n)]


def toy_table(book: Book) -> Measured:
    """Numbers of the published toy table that come out otherwise here, to its last digit. Needs no evidence."""
    toy = published.toy()
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
    book: Book,
    *,
    recommender: str,
    percentile: int,
    way: str = "catalogue",
    at_once: int = 1,
    largest: bool = True,
    record: str = "latency",
) -> Measured:
    """Milliseconds of one answer over the largest (or smallest) catalogue of the generated logs.

    way: how it is found (see `bench.latency`). record: the newest, or "latency_earlier", which has another processor.
    """
    wanted = {"recommender": recommender, "percentile": percentile, "way": way, "at_once": at_once, "log": "generated"}
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
    words = published.words()
    english, spanish = zip(*(words.values() if document == "all" else [words[document]]), strict=True)
    return Measured(sum(spanish) / sum(english))


def documents(book: Book, *, count: str) -> Measured:
    """Of this book, as its catalogues stand: words of the Spanish divided by those of the English, or what is not
    translated (messages)."""
    return Measured(float(observations.catalogues().set_index("page").loc["all", count]))


def split_gain(book: Book, *, dataset: str, split: str, recommender: str) -> Measured:
    """How much a flawed split raises Recall@20, relative to the honest one."""
    return _gain(book, book.runs(dataset=dataset, split=split, recommender=recommender), dataset, recommender)


def filter_gain(book: Book, *, dataset: str, recommender: str, preparation: str) -> Measured:
    """How much a heavier filter raises Recall@20, relative to the default one."""
    runs = book.runs(dataset=dataset, group="filters", recommender=recommender, preparation=preparation)
    return _gain(book, runs, dataset, recommender)


def _gain(book: Book, runs: list[Run], dataset: str, recommender: str) -> Measured:
    """Other targets, so that there is nothing to pair, and no interval of the ratio."""
    flawed = values_of(runs, "Recall", K)[0].mean()
    honest = values_of(book.runs(dataset=dataset, group=SIMPLE, recommender=recommender), "Recall", K)[0].mean()
    return Measured(float(flawed / honest - 1))


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
