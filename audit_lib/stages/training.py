"""The tables behind the page on GRU4Rec: `…_table` for a reader, the others for `figures`.

A group is the runs of one recommender, one a seed, on the same targets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib import recommenders
from audit_lib.data.datasets import Dataset
from audit_lib.data.preparing import prepare
from audit_lib.data.sessions import Sessions
from audit_lib.data.splits import Split
from audit_lib.errors import InputError, MissingError
from audit_lib.evaluation.metrics import K
from audit_lib.evaluation.resampling import Measured
from audit_lib.files import COMMITTED
from audit_lib.recommenders.gru4rec import batches, workarounds
from audit_lib.show.table import Interval, Label, Table
from audit_lib.show.words import Translate, translator, typeset
from audit_lib.stages import profiles
from audit_lib.stages.exercises import log_of
from audit_lib.stages.prepared import Prepared
from audit_lib.study import evidence, running
from audit_lib.study.evidence import Run
from audit_lib.study.results import mean_over, over, spread, values_of

Groups = Mapping[str, Sequence[Run]]
MAIN_SPLITS = ("published", "temporal")

LAWS = {
    "No order": "synthetic_independent",
    "First order": "synthetic_first_order",
    "Hidden intents": "synthetic_latent",
}


def trained(
    data: Dataset, split: Split, recommender: str, settings: Mapping[str, Any], *, seeds: Iterable[int],
    device: str = "cpu",
) -> list[Run]:  # fmt: skip
    """One run a seed, trained where no evidence of an equal one exists."""
    return [running.run(data, split, recommender, seed=seed, device=device, **settings) for seed in seeds]


def network(
    log: Prepared, *, engine: str, device: str, seeds: str, profile: str, hyperparameters: str
) -> list[Run]:  # fmt: skip
    """GRU4Rec on a log, one run a seed, from a stage's parameters; hyperparameters: '' for the published ones."""
    settings = profiles.settings(hyperparameters or profiles.PUBLISHED, name=profile, engine=engine)
    name = profiles.recommender(engine)
    return trained(log.data, log.split, name, settings, seeds=profiles.seeds(seeds), device=device)


def with_network(log: Prepared, **parameters: str) -> dict[str, Run]:
    """The simple recommenders on a log and the first seed of `network`, in order of name."""
    first = network(log, **parameters)[0]
    return dict(sorted({**log.runs(), first.recommender: first}.items()))


def committed(dataset: str, settings: Mapping[str, Any], *, out: Path | None = None) -> dict[str, list[Run]]:
    """The main split's runs of the full study by recommender, in order of seed: GRU4Rec with these settings.

    Raises MissingError if there are none, InputError if they rank different targets.
    """
    groups: dict[str, list[Run]] = {}
    for run in evidence.find(out or COMMITTED, dataset=dataset):
        if run.manifest["split"]["name"] not in MAIN_SPLITS or run.recommender not in recommenders.REGISTRY:
            continue  # a flawed split under study, or a model from outside
        wanted = settings if run.recommender in profiles.ENGINES.values() else {}
        config = recommenders.create(run.recommender, **wanted).config.model_dump(mode="json", exclude=running.APART)
        if run.manifest["config"] == config:
            groups.setdefault(run.recommender, []).append(run)
    if not groups:
        raise MissingError(f"No evidence of '{dataset}' with these settings lies in '{out or COMMITTED}'.")
    if len({run.manifest["targets_sha256"] for runs in groups.values() for run in runs}) > 1:
        raise InputError(f"The evidence of '{dataset}' is of several splits. Keep those of one split in the folder.")
    return {name: sorted(runs, key=lambda run: run.seed) for name, runs in sorted(groups.items())}


def lanes_table(sessions: Sequence[str], *, n_lanes: int, lang: str) -> Table:
    """The session-parallel schedule of sessions given as words, a letter an event: Step, and 'input → target' by lane.

    '0 | ' stands before the first event of a session, where the hidden state of the lane becomes zero.
    """
    train = Sessions.from_log(log_of(*sessions))
    plan, letters = batches.schedule(train, batch_size=n_lanes), train.catalogue
    rows: dict[str, list[Any]] = {"Step": list(range(1, plan.n_steps + 1))}
    for lane in range(plan.n_lanes):
        steps = zip(plan.inputs[:, lane], plan.targets[:, lane], plan.reset[:, lane], strict=True)
        rows[f"Lane {lane + 1}"] = [
            f"{'0 | ' if reset else ''}{letters[item]} → {letters[target]}" if item >= 0 else ""
            for item, target, reset in steps
        ]
    return Table(pd.DataFrame(rows), lang=lang)


def curves(groups: Groups) -> pd.DataFrame:
    """recommender, seed, epoch, loss (mean over the events of the epoch), events_per_second: from the training logs."""
    columns = ("epoch", "loss", "events_per_second")
    return pd.DataFrame(
        {"recommender": name, "seed": run.seed, **{key: entry[key] for key in columns}}
        for name, runs in groups.items()
        for run in runs
        for entry in run.manifest["log"]
    )


def falls(curves: pd.DataFrame) -> tuple[int, int]:
    """How often the loss, its mean over seeds, falls from one epoch to the next, and how many such steps there are."""
    steps = curves.groupby("epoch")["loss"].mean().diff().dropna()
    return int((steps < 0).sum()), len(steps)


def difference(a: Sequence[Run], b: Sequence[Run], metric: str = "Recall", *, k: int = K) -> Measured:
    """a minus b on the same targets, with its interval over sessions and seeds.

    Seeds are paired in order; a recommender of one run is the same for every seed of the other.
    Raises InputError for other targets, or for groups of several seeds that are not equally many.
    """
    if a[0].manifest["targets_sha256"] != b[0].manifest["targets_sha256"]:
        raise InputError("The two rank different targets; only runs on one split can be compared.")
    if len(a) != len(b) and 1 not in (len(a), len(b)):
        raise InputError(f"{len(a)} seeds cannot be paired with {len(b)}.")
    ours, drawn = values_of(a, metric, k)
    return drawn.difference(ours, values_of(b, metric, k)[0])


def less(runs: Sequence[Run], value: float) -> Measured:
    """Recall@20 minus a value that is known exactly, with its interval over sessions and seeds."""
    found = over(runs)
    return Measured(*(bound - value for bound in found[:3]), found.seeds)


def verdict(difference: Measured) -> str:
    """What a difference says: 'below' or 'above' when its interval leaves out zero, else 'not distinguishable from'."""
    if difference.high < 0:
        return "below"
    return "above" if difference.low > 0 else "not distinguishable from"


def scores_table(
    groups: Groups, lang: str, *, lead: str = "Recall", k: int = K, best: int | None = None
) -> Table:  # fmt: skip
    """Recommender, Seeds, Recall@k and MRR@k with intervals over sessions and seeds, the leading one first; best first.

    Standard deviation: of the leading one over the seeds. best: a page shows GRU4Rec, Popularity, and so many of the
    best simple recommenders.
    """
    rows, measures = [], sorted(("Recall", "MRR"), key=lambda metric: metric != lead)
    for name, runs in groups.items():
        row: dict[str, Any] = {"Recommender": name, "Seeds": len(runs)}
        for metric in measures:
            found = over(runs, metric, k)
            row[f"{metric}@{k}"] = found.estimate
            row[f"95 % interval of {metric}@{k}"] = Interval(found.low, found.high)
            if metric == lead:
                row["Standard deviation"] = spread(runs, metric, k)
        rows.append(row)
    table = pd.DataFrame(rows).sort_values(f"{lead}@{k}", ascending=False, ignore_index=True)
    network = table["Recommender"].isin(profiles.ENGINES.values())
    shown = network | table["Recommender"].eq("popularity") | ((~network).cumsum() <= (best or len(table)))
    return Table(table, lang=lang, shown=shown)


def by_metric(groups: Groups, *, measures: Sequence[tuple[str, int]]) -> pd.DataFrame:
    """recommender, metric ('Recall@20'), value, low, high: with intervals over sessions and seeds."""
    rows = []
    for name, runs in groups.items():
        for metric, k in measures:
            found = over(runs, metric, k)
            place = {"recommender": name, "metric": f"{metric}@{k}", "value": found.estimate}
            rows.append(place | {"low": found.low, "high": found.high})
    return pd.DataFrame(rows)


def against_oracle(
    recommender: str, settings: Mapping[str, Any], *, profile: str, seeds: Iterable[int], device: str = "cpu"
) -> dict[str, dict[str, list[Run]]]:
    """By law and recommender: Popularity, Markov, GRU4Rec and the oracle, on generated logs of the profile's size."""
    size, found = profiles.profile(profile), {}
    for law, preset in LAWS.items():
        name = f"{preset}:n_sessions={size.sessions},n_items={size.items}"
        data, split = prepare(name)
        found[law] = {simple: [running.run(data, split, simple)] for simple in ("popularity", "markov")}
        found[law][recommender] = trained(data, split, recommender, settings, seeds=seeds, device=device)
        found[law]["oracle"] = [running.run(data, split, "oracle", generator=name)]
    return found


def by_law(found: Mapping[str, Groups]) -> pd.DataFrame:
    """law, recommender, value, low, high: Recall@20."""
    tables = [by_metric(groups, measures=[("Recall", K)]).assign(law=law) for law, groups in found.items()]
    return pd.concat(tables, ignore_index=True)


def learned(groups: Groups, recommender: str) -> float:
    """The share of what can be learned above Popularity: (own - popularity) / (oracle - popularity) of Recall@20."""
    own, least, most = (mean_over(groups[name]) for name in (recommender, "popularity", "oracle"))
    return (own - least) / (most - least)


# --- before a reader

_EQUALITY = {
    "case": "Case", "input": "Input", "loss": "Loss", "n_sample": "Extra negatives", "steps": "Steps",
    "seeds": "Seeds", "losses": "Largest difference of a loss", "weights": "Largest difference of a weight",
    "recall": "Difference of Recall@20", "recall_sd": "Standard deviation",
}  # fmt: skip
_NUMBER = re.compile(r"\b(?<!@)\d(?:[\d,.]*\d)?")  # not the 20 of Recall@20
DIFFERENCES = {
    "Largest difference of a loss": ".1e", "Largest difference of a weight": ".1e",
    "Difference of Recall@20": "+.3points", "Standard deviation": ".3points",
}  # fmt: skip


def equality_table(found: pd.DataFrame, lang: str) -> Table:
    """A table of `measurements.engine_equality`; a page shows the eight rows whose losses differ most."""
    words = {key: [Label(word) for word in found[key]] for key in ("case", "input") if key in found}
    shown = found.assign(**words)[[key for key in _EQUALITY if key in found]].rename(columns=_EQUALITY)
    most = found["losses"].rank(ascending=False, method="first") <= 8
    return Table(shown, lang=lang, formats=DIFFERENCES, shown=most)


def settings_table(settings: Mapping[str, Any], lang: str) -> Table:
    """Setting, under the name it has in the code, and Value, as text."""
    text = {key: "/".join(map(str, v)) if isinstance(v, tuple) else str(v) for key, v in settings.items()}
    return Table(pd.DataFrame({"Setting": list(text), "Value": list(text.values())}), lang=lang)


def measured(text: str, translate: Translate) -> str:
    """A sentence with numbers, translated with '#' in their places and filled in order; an error after it stays."""
    said, *error = re.split(r" ?(?=\b\w+Error: )", text, maxsplit=1)
    numbers = iter(_NUMBER.findall(said))
    words = said and typeset(re.sub("#", lambda _: next(numbers), translate(_NUMBER.sub("#", said))))
    return " ".join(filter(None, [words, *error]))


def facts_table(facts: pd.DataFrame, lang: str) -> Table:
    """Question, what happened (errors verbatim), what is done about it."""
    words = {key: [Label(sentence) for sentence in facts[key]] for key in ("question", "answer")}
    words["happened"] = [measured(text, translator(lang)) for text in facts["happened"]]
    shown = facts.assign(**words)[["question", "happened", "answer"]]
    return Table(shown.set_axis(["Question", "What happened", "What is done about it"], axis=1), lang=lang)


def shims_table(runs: Iterable[Run], lang: str) -> Table:
    """Workaround and Why, of every workaround that one of the runs needed."""
    applied = sorted({shim for run in runs for shim in run.manifest["shims"]})
    shown = pd.DataFrame({"Workaround": applied, "Why": [Label(workarounds.SHIMS[shim]) for shim in applied]})
    return Table(shown, lang=lang)


_BENCH = {
    "setting": "Training", "ours": "Independent, events/s", "peer": "Official, events/s", "ratio": "Ratio",
    "floor": "Floor", "ours_2": "Independent, two threads", "peer_2": "Official, two threads",
    "ratio_2": "Ratio, two threads", "peak_memory_mb": "Peak memory (MiB)",
}  # fmt: skip
SPEEDS = {
    heading: {"Ratio": ".2f", "Ratio, two threads": ".2f", "Floor": ".0%"}.get(heading, ",.0f")
    for heading in _BENCH.values()
}


def bench_table(bench: pd.DataFrame, lang: str) -> Table:
    """A table of `measurements.train_speed`."""
    named = bench.assign(setting=[Label(setting) for setting in bench["setting"]])
    return Table(named[list(_BENCH)].rename(columns=_BENCH), lang=lang, formats=SPEEDS)
