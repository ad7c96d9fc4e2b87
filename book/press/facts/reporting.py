"""The numbers of the technical report, of its checklist and of its limits, by name, with those of `documents`.

{fact}`name:format` on a page finds both. Each is a function of the committed evidence, or of the ledger settled from
it; where evidence is missing it raises NotYet, and the page says so.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from functools import partial

import pandas as pd

from audit_lib.errors import one_of
from audit_lib.evaluation.resampling import Measured
from audit_lib.measurements import TAIL_CASE
from audit_lib.show import words
from audit_lib.stages import implementations
from audit_lib.stages.decision import seconds_of
from audit_lib.study import plan
from audit_lib.study.evidence import Run
from audit_lib.study.literature_values import min_step
from audit_lib.study.results import NotYet, paired, spread, trainings
from book.press.facts import choices, documents, effects, rivals, sides
from book.press.facts.contrasts import DATASETS, Contrast, contrasts, winner
from book.press.facts.shared_tables import costs, sampling, searched
from book.press.facts.source import Fact, Quantity, Source


# --- GRU4Rec against the best simple recommender
def _count(source: Source, *, keep: Callable[[Contrast], bool] = lambda c: True) -> Measured:
    found = contrasts(source)
    if not found:
        raise NotYet("headline")
    return Measured(float(sum(map(keep, found))))


def _searched(source: Source, *, keep: Callable[[pd.Series], pd.Series] | None = None) -> Measured:
    """On how many logs GRU4Rec's settings were searched, or of those, how many are kept."""
    table = searched(source)
    return Measured(float(len(table) if keep is None else keep(table).sum()))


def _search_gain(source: Source, *, pick: Callable[[Iterable[float]], float], name: bool = False) -> Quantity:
    """The least or the greatest that the search added on the test part, or on which log."""
    table = searched(source)
    row = table.set_index("dataset")["gain"]
    chosen = pick(row)
    return words.DATA_SETS[row.index[row == chosen][0]] if name else Measured(float(chosen))


def _spread(source: Source) -> Measured:
    """The greatest standard deviation of Recall@20 over the seeds of one training."""
    found = []
    for dataset in DATASETS:
        for _, _, runs in trainings(source.book, dataset):
            if len(runs) > 1:
                found.append(spread(runs))
    return _extreme(found, max, "headline")


def _extreme(found: Iterable[float], pick: Callable[[Iterable[float]], float], wanted: str) -> Measured:
    found = list(found)
    if not found:
        raise NotYet(wanted)
    return Measured(float(pick(found)))


# --- what the study holds
def _experiments(source: Source, *, done: bool) -> Measured:
    plan = {e.id: e for e in source.book.planned()}
    return Measured(float(sum(source.book.run_of(e) is not None for e in plan.values()) if done else len(plan)))


def _logs(source: Source) -> list[Run]:
    """One run on the default split of each log with an order to learn."""
    return [next(iter(source.book.recommenders(name).values())) for name in DATASETS if source.book.recommenders(name)]


def _predictions(source: Source) -> Measured:
    """Targets of those splits, as far as they count."""
    found = ((run.targets["step"] >= min_step(run.dataset)).sum() for run in _logs(source))
    return Measured(float(sum(found)))


def _simple_recommenders(source: Source) -> Measured:
    return Measured(float(len({e.recommender for e in source.book.planned(group="simple")})))


def _cores(source: Source) -> Measured:
    """Processor cores of the machines that made the evidence, the largest number."""
    return Measured(float(max(run.manifest["host"]["cores"] for run in _made(source))))


def _made(source: Source) -> list[Run]:
    runs = source.book.present()
    if not runs:
        raise NotYet("evidence")
    return runs


def _on_gpu(source: Source) -> Measured:
    """Runs of the study on anything but a processor."""
    return Measured(float(sum(run.manifest["device"] != "cpu" for run in _made(source))))


def _core_hours(source: Source) -> Measured:
    """Of training and ranking, of every run once, as `seconds_of` has them."""
    return Measured(sum(map(seconds_of, {run.path: run for run in _made(source)}.values())) / 3600)


def _one_seed(source: Source) -> Measured:
    """Trainings of GRU4Rec, changed or not, of which a single seed is there."""
    return Measured(float(sum(len(runs) == 1 for runs in source.trained())))


# --- two engines
def _equality(source: Source, *, column: str, tail: bool = False) -> Measured:
    rows = [row for row in source.book.record("official_equality") if (row["case"] == TAIL_CASE) == tail]
    if column == "cases":
        return Measured(float(len({row["case"] for row in rows})))
    return _extreme((abs(row[column]) for row in rows if row[column] is not None), max, "official_equality")


def _engines(source: Source, *, dataset: str, group: str) -> Measured:
    """The independent engine less the official code, over the seeds there are of both."""
    wanted = {"dataset": dataset, "group": group, "variant": None}
    ours, theirs = (source.book.present(recommender=name, **wanted) for name in ("gru4rec", "gru4rec_official"))
    a, b, drawn = paired(ours, theirs)
    if not len(a):
        raise NotYet(f"{dataset}-gru4rec_official, {group}")
    return drawn.difference(a, b)


# --- omissions and errors of third parties
def _cost(source: Source, *, variant: str, dataset: str = effects.SMALL, loss: str = "cross-entropy") -> Measured:
    table = costs(source, dataset, loss).set_index("variant")
    if variant not in table.index:
        raise NotYet(f"{dataset}-gru4rec, {variant}")
    row = table.loc[variant]
    return Measured(float(row["loss"]), float(row["loss_low"]), float(row["loss_high"]), int(row["seeds"]))


def _changes(source: Source, *, which: str) -> Measured:
    """Single changes: all, those that surely lose Recall@20, and those that surely gain it."""
    table = implementations.single(costs(source, effects.SMALL))
    found = {"all": table["loss"].notna(), "lose": table["loss_low"] > 0, "gain": table["loss_high"] < 0}
    return Measured(float(found[which].sum()))


def _costliest(source: Source, *, name: bool) -> Quantity:
    row = implementations.single(costs(source, effects.SMALL)).sort_values("loss").iloc[-1]
    return plan.label_of(row["variant"]) if name else Measured(row["loss"], row["loss_low"], row["loss_high"])


def _published_cost(source: Source, *, pick: Callable[[Iterable[float]], float]) -> Measured:
    return Measured(float(pick(implementations.published()["total"])))


# --- sampled negatives
def _sampling(source: Source, *, column: str, pick: str) -> Measured:
    table = sampling(source)
    if table.empty:
        raise NotYet("simple")
    return Measured(float(table[column].agg(pick)))


# --- order, splits, time
def _synthetic(source: Source, *, law: str, second: str = "popularity") -> Measured:
    return source.measure(
        "difference", dataset=f"synthetic_{law}", first="gru4rec", first_group="synthetic", second=second,
        second_group="simple",
    )  # fmt: skip


def _split_gain(source: Source, *, pick: Callable[[Iterable[float]], float]) -> Measured:
    return _extreme((m.estimate for _, m in source.findings("split_gain")), pick, "flawed_splits")


def _filter_gain(source: Source) -> Measured:
    return _extreme((m.estimate for _, m in source.findings("filter_gain")), max, "filters")


def _speed(source: Source, *, column: str, pick: Callable[[Iterable[float]], float]) -> Measured:
    return _extreme((row[column] for row in source.book.record("bench_train")), pick, "records/bench_train.json")


def _fit(source: Source, *, dataset: str, recommender: str, group: str, unit: float = 1.0) -> Measured:
    runs = source.book.present(dataset=dataset, group=group, recommender=recommender, variant=None)
    return Measured(_extreme((r.manifest["seconds"]["fit"] for r in runs), statistics.median, group).estimate / unit)


def _effect(source: Source, *, key: str) -> Measured:
    return Measured(effects.effect(key, source).size)


def _effect_on(source: Source, *, key: str) -> str:
    """The recommender on which an effect is largest."""
    return words.RECOMMENDERS[effects.effect(key, source).recommender]


def _evidence_files(source: Source) -> Measured:
    return Measured(float(len(list(source.book.folder.glob("*/*/*/*.parquet")))))


OWN: dict[str, Fact] = {
    "contrasts": _count,
    "contrasts-above": partial(_count, keep=lambda c: winner(c.recall) > 0),
    "contrasts-below": partial(_count, keep=lambda c: winner(c.recall) < 0),
    "contrasts-open": partial(_count, keep=lambda c: winner(c.recall) == 0),
    "contrasts-holm": partial(_count, keep=lambda c: c.recall.p_holm < 0.05),
    "contrasts-mrr-above": partial(_count, keep=lambda c: winner(c.mrr) > 0),
    "contrasts-mrr-below": partial(_count, keep=lambda c: winner(c.mrr) < 0),
    "contrasts-mrr-open": partial(_count, keep=lambda c: winner(c.mrr) == 0),
    "contrasts-turn": partial(_count, keep=lambda c: c.turns),
    "contrasts-unsearched": partial(_count, keep=lambda c: bool(c.unsearched)),
    "seeds-sd": _spread,
    "searched": _searched,
    "searched-gained": partial(_searched, keep=lambda t: t["low"] > 0),
    "searched-lost": partial(_searched, keep=lambda t: t["high"] < 0),
    "searched-open": partial(_searched, keep=lambda t: (t["low"] <= 0) & (t["high"] >= 0)),
    "searched-from-authors": partial(_searched, keep=lambda t: t["origin"] == "authors"),
    "searched-least": partial(_search_gain, pick=min),
    "searched-most": partial(_search_gain, pick=max),
    "searched-most-on": partial(_search_gain, pick=max, name=True),
    "experiments": partial(_experiments, done=False),
    "experiments-done": partial(_experiments, done=True),
    "evidence-files": _evidence_files,
    "logs": lambda source: Measured(float(len(_logs(source)))),
    "predictions": _predictions,
    "simple-recommenders": _simple_recommenders,
    "cores": _cores,
    "gpu-runs": _on_gpu,
    "core-hours": _core_hours,
    "trainings": lambda source: Measured(float(len(source.trained()))),
    "trainings-one-seed": _one_seed,
    "equality-cases": partial(_equality, column="cases"),
    "equality-steps": partial(_equality, column="steps"),
    "equality-losses": partial(_equality, column="losses"),
    "equality-weights": partial(_equality, column="weights"),
    "equality-recall": partial(_equality, column="recall"),
    "tail-recall": partial(_equality, column="recall", tail=True),
    "engines-rsc15": partial(_engines, dataset="rsc15_100k", group="headline"),
    "engines-bpr": partial(_engines, dataset="diginetica", group="headline_bpr_max"),
    "changes": partial(_changes, which="all"),
    "changes-lose": partial(_changes, which="lose"),
    "changes-gain": partial(_changes, which="gain"),
    "costliest": partial(_costliest, name=True),
    "costliest-loss": partial(_costliest, name=False),
    "published-cost-least": partial(_published_cost, pick=min),
    "published-cost-most": partial(_published_cost, pick=max),
    "sampled-pairs": partial(_sampling, column="pairs", pick="sum"),
    "sampled-tau-least": partial(_sampling, column="tau", pick="min"),
    "sampled-factor-least": partial(_sampling, column="least", pick="min"),
    "sampled-factor-most": partial(_sampling, column="most", pick="max"),
    "toy-wrong": lambda source: source.measure("toy_table"),
    "shuffle-loss-least": lambda source: source.measure("shuffle_loss", which="least"),
    "shuffle-loss-most": lambda source: source.measure("shuffle_loss", which="greatest"),
    "synthetic-none": partial(_synthetic, law="independent"),
    "synthetic-first": partial(_synthetic, law="first_order"),
    "synthetic-hidden": partial(_synthetic, law="latent"),
    "synthetic-hidden-markov": partial(_synthetic, law="latent", second="markov"),
    "split-gain-least": partial(_split_gain, pick=min),
    "split-gain-most": partial(_split_gain, pick=max),
    "filter-gain": _filter_gain,
    "events-per-second-least": partial(_speed, column="ours", pick=min),
    "events-per-second-most": partial(_speed, column="ours", pick=max),
    "fit-vsknn": partial(_fit, dataset="diginetica", recommender="vsknn", group="simple"),
    "fit-ce": partial(_fit, dataset="diginetica", recommender="gru4rec", group="headline", unit=60.0),
    "fit-bpr": partial(_fit, dataset="diginetica", recommender="gru4rec", group="headline_bpr_max", unit=60.0),
    "fit-official": partial(
        _fit, dataset="diginetica", recommender="gru4rec_official", group="headline_bpr_max", unit=60.0
    ),
} | {f"effect-{key}": partial(_effect, key=key) for key in effects.EFFECTS} | {
    f"effect-on-{key}": partial(_effect_on, key=key) for key in ("ties", "candidates", "average", "settings")
} | {f"cost-{variant.replace('_', '-')}": partial(_cost, variant=variant) for variant in (
    "double_softmax", "as_gru4rec_pytorch_double_softmax",
)}  # fmt: skip

FACTS: dict[str, Fact] = documents.FACTS | sides.FACTS | choices.FACTS | rivals.FACTS | OWN


def quantity(name: str, source: Source) -> Quantity:
    """A fact. Raises InputError for a name that is none, NotYet (which names it) where its evidence is missing."""
    return FACTS[one_of("fact", name, FACTS)](source)
