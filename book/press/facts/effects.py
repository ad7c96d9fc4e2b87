"""What each choice of an evaluation or of a training moves Recall@20 by, measured from committed evidence.

The order is that in which a number which differs is best looked into: data, targets, ranking, training. Each effect is
an absolute difference of Recall@20, the largest of those measured where several were; what it was measured on is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from audit_lib.evaluation import metrics
from audit_lib.evaluation.metrics import K
from audit_lib.show.words import Translate
from audit_lib.stages import implementations
from audit_lib.study.epochs import Trajectory
from audit_lib.study.evidence import Run
from audit_lib.study.literature_values import table as published_table
from audit_lib.study.results import TRAININGS, Book, NotYet, counted_logs, main_group, over, real_datasets
from book.press.facts.source import Source

SMALL = "rsc15_100k"  # the log on which every change of the training ran


class Effect(NamedTuple):
    """size: the difference of Recall@20. dataset, recommender: where it was measured, empty if on several."""

    size: float
    dataset: str
    recommender: str


def value(run: Run, ties: str = "conservative", min_step: int = 1) -> float:
    """Recall@20 of a run under a tie policy, over the targets with that many events before them."""
    return float(run.values("Recall", ties=ties, min_step=min_step).mean())


def _mean(runs: Iterable[Run], **options: object) -> float:
    return float(np.mean([value(run, **options) for run in runs]))


def _largest(found: Iterable[Effect], *wanted: str) -> Effect:
    """The largest, or NotYet with what was wanted."""
    found = list(found)
    if not found:
        raise NotYet(*wanted)
    return max(found, key=lambda effect: effect.size)


def _between(some: Iterable[Run | None], others: Iterable[Run], dataset: str, recommender: str) -> list[Effect]:
    """The difference of the means of two groups of runs; nothing where a run is missing."""
    some, others = list(some), list(others)
    return [Effect(abs(_mean(some) - _mean(others)), dataset, recommender)] if all(some) and some and others else []


def _main(book: Book) -> Iterator[tuple[str, str, Run]]:
    """Data set, recommender and run of every recommender on every real log that is published with the study."""
    for dataset in real_datasets(book):
        for name, run in book.recommenders(dataset).items():
            yield dataset, name, run


def preparation(source: Source) -> Effect:
    """The same log prepared by others: a Markov chain, which has next to nothing to tune, published against ours."""
    found, others = [], published_table().query("targets == 'other' and recommender == 'markov' and k == @K")
    for entry in others.to_dict("records"):
        runs = source.book.present(dataset=entry["dataset"], group="simple", recommender="markov")
        found += [Effect(abs(_mean(runs) - entry["recall"]), entry["dataset"], "markov")] if runs else []
    return _largest(found, "simple markov")


def _against_simple(source: Source, *, group: str) -> Effect:
    """Every run of a group, against the same recommender as it is by default."""
    found = []
    for experiment in source.book.planned(group=group):
        where = {"dataset": experiment.dataset, "recommender": experiment.recommender}
        found += _between([source.book.run_of(experiment)], source.book.present(**where, group="simple"), **where)
    return _largest(found, group)


def _prepared(source: Source, *, preparation: str) -> Effect:
    """The same log prepared otherwise, against the default preparation."""
    found, book = [], source.book
    planned = book.planned(preparation=preparation)
    for dataset, group, name in dict.fromkeys((e.dataset, e.group, e.recommender) for e in planned):
        other = book.present(dataset=dataset, group=group, recommender=name, preparation=preparation)
        default = main_group(dataset) if name == "gru4rec" else "simple"
        honest = book.present(dataset=dataset, group=default, recommender=name)
        found += _between(other, honest, dataset, name)
    return _largest(found, preparation)


def targets(source: Source) -> Effect:
    """Targets after two or more events, against all targets: the published convention of RetailRocket."""
    found = (
        Effect(abs(value(run) - value(run, min_step=2)), dataset, name)
        for dataset, name, run in _main(source.book) if dataset == "retailrocket"
    )  # fmt: skip
    return _largest(found, "retailrocket")


def ties(source: Source) -> Effect:
    """Ties in favour of the target, against ties against it."""
    found = (Effect(value(run, "standard") - value(run), d, name) for d, name, run in _main(source.book))
    return _largest(found, "simple")


def average(source: Source) -> Effect:
    """The mean over sessions of each session's own mean, against the mean over predictions."""
    found = []
    for dataset, name, run in _main(source.book):
        row = metrics.summary(run.ranks, run.targets["session"], (K,)).loc[("Recall", K)]
        found.append(Effect(abs(float(row["macro"] - row["micro"])), dataset, name))
    return _largest(found, "simple")


def candidates(source: Source) -> Effect:
    """A hundred uniform negatives beside the target, against the whole catalogue; the exact expectation."""
    found = []
    for dataset in real_datasets(source.book):
        for row in source.book.sampled(dataset, 100).itertuples():
            found.append(Effect(float(row.sampled - row.full), dataset, row.recommender))
    return _largest(found, "simple")


def _variant(source: Source, *, variant: str) -> Effect:
    """GRU4Rec with one thing changed, against GRU4Rec as it should be, over the seeds of both; any log and loss."""
    found = []
    for right_group, groups in implementations.GROUPS.values():
        for dataset in dict.fromkeys(e.dataset for e in source.book.planned(variant=variant) if e.group in groups):
            where = {"dataset": dataset, "recommender": "gru4rec"}
            right = {run.seed: run for run in source.book.present(**where, group=right_group, variant=None)}
            for group in groups:
                shared = [r for r in source.book.present(**where, group=group, variant=variant) if r.seed in right]
                found += _between(shared, [right[run.seed] for run in shared], dataset, "gru4rec")
    return _largest(found, f"gru4rec, {variant}")


def loss(source: Source) -> Effect:
    """BPR-max with settings of its own, against cross-entropy with its own; any log."""
    found = []
    for experiment in source.book.planned(group="headline", recommender="gru4rec"):
        where = {"dataset": experiment.dataset, "recommender": "gru4rec", "variant": None}
        main = source.book.present(**where, group="headline")
        for group in ("headline_bpr_max", "third_party_bpr_max"):
            found += _between(source.book.present(**where, group=group), main, experiment.dataset, "gru4rec")
    return _largest(found, "gru4rec, headline_bpr_max")


def engine(source: Source) -> Effect:
    """The independent engine, against the official code, each with its own draws, over the seeds that both have."""
    found = []
    for group in TRAININGS:
        for dataset in dict.fromkeys(e.dataset for e in source.book.planned(group=group)):
            where = {"dataset": dataset, "group": group, "variant": None}
            ours, theirs = (
                {run.seed: run for run in source.book.present(**where, recommender=name)}
                for name in ("gru4rec", "gru4rec_official")
            )
            shared = ours.keys() & theirs.keys()
            found += _between([ours[s] for s in shared], [theirs[s] for s in shared], dataset, "")
    return _largest(found, "gru4rec and gru4rec_official")


def seeds(source: Source) -> Effect:
    """Between the best and the worst seed of one training of GRU4Rec, of any version and with any change."""
    logs, found = counted_logs(source.book), []
    for runs in source.trained():
        if len(runs) > 1 and runs[0].dataset in logs and not isinstance(runs[0], Trajectory):  # those have many epochs
            values = [value(run) for run in runs]
            found.append(Effect(max(values) - min(values), runs[0].dataset, runs[0].recommender))
    return _largest(found, "headline")


def chance(source: Source) -> Effect:
    """Half of the widest 95 % interval over sessions of a main recommender: the choice of test sessions."""
    found = []
    for dataset, name, run in _main(source.book):
        if name == "gru4rec":
            hits = over([run])
            found.append(Effect((hits.high - hits.low) / 2, dataset, name))
    return _largest(found, "headline gru4rec")


# Key, what differs (English, for tables) and the measure, in the order in which to look.
EFFECTS: dict[str, tuple[str, Callable[[Source], Effect]]] = {
    "preparation": ("The log, prepared by others", preparation),
    "split": ("The split", partial(_against_simple, group="flawed_splits")),
    "half": ("Half the test part", partial(_prepared, preparation="half")),
    "filter": ("Items with twenty events or more", partial(_prepared, preparation="support20")),
    "no-filter": ("Every item of train", partial(_prepared, preparation="support1")),
    "repeats": ("Repeats collapsed", partial(_prepared, preparation="collapsed")),
    "targets": ("Targets that count", targets),
    "ties": ("The tie policy", ties),
    "candidates": ("100 negatives instead of the catalogue", candidates),
    "average": ("The average, over sessions", average),
    "reset": ("Hidden state not reset in evaluation", partial(_variant, variant="evaluate_without_reset")),
    "never-reset": ("Hidden state never reset in training", partial(_variant, variant="never_reset")),
    "softmax": ("Softmax applied twice", partial(_variant, variant="double_softmax")),
    "logq": ("No correction of the loss", partial(_variant, variant="no_logq")),
    "negatives": ("No extra negatives", partial(_variant, variant="no_extra_negatives")),
    "loss": ("The loss", loss),
    "settings": ("Settings of a simple recommender", partial(_against_simple, group="tuned")),
    "engine": ("The engine", engine),
    "seeds": ("The seed", seeds),
    "chance": ("The choice of test sessions", chance),
}


def named(key: str, translate: Translate) -> str:
    """What differs, in the reader's language."""
    return translate(EFFECTS[key][0])


@cache
def effect(key: str, source: Source) -> Effect:
    """One of EFFECTS. Raises NotYet where its evidence is missing."""
    return EFFECTS[key][1](source)


def found(source: Source) -> pd.DataFrame:
    """label, size, dataset, recommender of every effect; NaN and empty where evidence is missing."""
    rows = []
    for key, (label, _) in EFFECTS.items():
        try:
            rows.append((label, *effect(key, source)))
        except NotYet:
            rows.append((label, float("nan"), "", ""))
    return pd.DataFrame(rows, columns=["label", "size", "dataset", "recommender"])
