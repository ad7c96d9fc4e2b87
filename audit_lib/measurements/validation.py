"""What every training of the study scores on the validation part of its log: what a choice before the test rests on.

The validation part is the one on which settings were searched (`tuning`): the last stretch of train, as long as the
test part, the models trained on what comes before it. A search has already measured its winner there, over the settings
with which it began; the record `validation` has what no search covered, and the simple recommenders in every setting of
the study. `headline` chooses by these values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pandas as pd

from audit_lib import recommenders
from audit_lib.data import datasets
from audit_lib.data.preparing import split_of
from audit_lib.data.sessions import Prefixes
from audit_lib.evaluation import metrics, ranking
from audit_lib.files import digest
from audit_lib.measurements.observations import LARGE, REAL
from audit_lib.study import plan, running, tuning
from audit_lib.study.literature_values import min_step
from audit_lib.study.plan import Experiment
from audit_lib.study.results import SIMPLE_GROUPS, TRAININGS, K

COLUMNS = ("dataset", "group", "recommender", "config", "seed", "predictions", "recall", "mrr")


def measure(names: Iterable[str] = REAL) -> pd.DataFrame:
    """COLUMNS: Recall@20 and MRR@20 in validation, a row for each recommender and setting; config: its digest.

    Simple recommenders on every log; trainings of GRU4Rec that no search covered on the small ones, where they take
    seconds, with the seed of the searches. Over the targets that count on that log (see `results.min_step`).
    """
    rows = []
    for name in names:
        wanted = {(e.recommender, config_of(e)): e for e in reversed(list(_wanted(name)))}  # each configuration once
        part = tuning.validation_of(split_of(datasets.load(name)))
        prefixes = Prefixes(part.test)
        keep = prefixes.step >= min_step(name)
        for experiment in reversed(wanted.values()):
            model = recommenders.create(experiment.recommender, **experiment.settings)
            running.use_threads(model)
            ranks = ranking.rank(model.fit(part.train), prefixes, part.train.support)
            found = (float(m(ranks.above[keep], ranks.equal[keep], K).mean()) for m in (metrics.recall, metrics.mrr))
            rows.append((name, experiment.group, experiment.recommender, config_of(experiment), experiment.seed,
                         int(keep.sum()), *found))  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def config_of(experiment: Experiment) -> str:
    """Eight digits that tell its configuration from others, as in the names of evidence files."""
    return digest(experiment.config)[:8]


def _wanted(dataset: str) -> Iterator[Experiment]:
    """Of each setting the first seed; the settings of a search only if they are a simple recommender's."""
    for group in SIMPLE_GROUPS:
        yield from plan.select(plan.plan(), {"dataset": dataset, "group": group})
    if dataset in LARGE:
        return
    for group in TRAININGS:
        wanted = {"dataset": dataset, "group": group, "recommender": "gru4rec", "seed": "0", "variant": "None"}
        yield from () if group == "headline_tuned" else plan.select(plan.plan(), wanted)
