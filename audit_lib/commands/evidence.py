"""The verbs that read evidence: `metrics`, `sampled` and `compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pandas as pd

from audit_lib import recommenders
from audit_lib.commands.logs import say_predictions
from audit_lib.commands.printing import AS_JSON, show, write_table
from audit_lib.data import checks
from audit_lib.evaluation import comparisons, metrics, resampling, sampled, winners
from audit_lib.evaluation.counts import SAMPLINGS
from audit_lib.evaluation.ranking import known_cutoffs
from audit_lib.study import evidence
from audit_lib.study.evidence import Run

FILE = click.Path(path_type=Path)
PATHS = click.argument("paths", nargs=-1, required=True, type=FILE)
CUTOFFS = click.option(
    "--k", "cutoffs", multiple=True, type=int, help="Cutoffs, as in --k 1 5 10. [default: 1 5 10 20]"
)
TIES = click.option("--ties", default="conservative", show_default=True, type=click.Choice(metrics.TIES))


def _asked(paths: tuple[Path, ...], cutoffs: tuple[int, ...]) -> tuple[list[Run], tuple[int, ...]]:
    """The runs, and the cutoffs that were asked for, which every run's ranks must tell of; else the usual ones.

    `--k 1 5 10 20` may be written as elsewhere: bare numbers after it are cutoffs, not paths.
    """
    files = [path for path in paths if path.exists() or not str(path).isdecimal()]
    if not files:
        raise click.UsageError("Give at least one evidence file.")
    runs = [evidence.read(path) for path in files]
    if chosen := (*cutoffs, *(int(str(path)) for path in paths if path not in files)):
        return runs, known_cutoffs(chosen, runs)
    longest = min(run.up_to or run.n_items for run in runs)
    return runs, tuple(k for k in metrics.CUTOFFS if k <= longest)


@click.command("metrics")
@PATHS
@CUTOFFS
@TIES
@click.option("--min-step", default=1, show_default=True, help="Only targets with at least this many events before.")
@click.option("--per-session", type=FILE, help="Also write the mean of every session to a .tsv, .csv or .parquet file.")
@AS_JSON
def metrics_(
    paths: tuple[Path, ...], cutoffs: tuple[int, ...], ties: str, min_step: int, per_session: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Recall, MRR and NDCG of evidence files; for tests of your own also by session."""
    checks.at_least("min_step", 1, min_step)
    runs, chosen = _asked(paths, cutoffs)
    rows, counts, by_session = [], [], []
    for run, about in zip(runs, about_runs(runs), strict=True):
        keep = run.targets["step"] >= min_step
        table = metrics.summary(
            run.ranks[keep], run.targets["session"][keep], chosen, ties=ties, n_items=run.n_items
        )  # fmt: skip
        counts.append(int(keep.sum()))
        if per_session is not None:
            means = metrics.by_session(run.ranks[keep], run.targets["session"][keep], chosen, ties=ties)
            by_session.append(pd.DataFrame(about, index=means.index).join(means))
        about |= {"predictions": counts[-1], "ties": ties if run.up_to is None else "unknown"}
        rows += [about | {"metric": m, "k": k, **values} for (m, k), values in table.to_dict("index").items()]
    say_predictions(counts)
    if per_session is not None:
        write_table(pd.concat(by_session).reset_index(), per_session)
    show(pd.DataFrame(rows), as_json)


@click.command("sampled")
@PATHS
@click.option("--negatives", default=100, show_default=True, help="Negatives sampled per target.")
@click.option("--sampling", default="uniform", show_default=True, type=click.Choice(SAMPLINGS))
@CUTOFFS
@TIES
@click.option("--winners", "pairs", is_flag=True, help="For every pair, the probability of naming the wrong winner.")
@AS_JSON
def sampled_(
    paths: tuple[Path, ...], negatives: int, sampling: str, cutoffs: tuple[int, ...], ties: str, pairs: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Exact expectation of sampled metrics beside the full ones, of evidence files."""
    checks.at_least("negatives", 1, negatives)
    runs, chosen = _asked(paths, cutoffs)
    by_metric = winners.by_metric if pairs else sampled.by_metric
    show(by_metric(runs, chosen, n=negatives, sampling=sampling, ties=ties), as_json)


@click.command()
@PATHS
@CUTOFFS
@TIES
@click.option("--average", default="micro", show_default=True, type=click.Choice(resampling.AVERAGES))
@click.option("--margin", type=float, help="Also test equivalence: 0.01 is one point of Recall.")
@click.option("--seed", default=0, show_default=True, help="Of the resamples.")
@AS_JSON
def compare(
    paths: tuple[Path, ...],
    cutoffs: tuple[int, ...],
    ties: str,
    average: str,
    margin: float | None,
    seed: int,
    as_json: bool,
) -> None:
    """A minus B, two evidence files on the same targets: difference, 95 % interval over sessions, p and Holm's p.

    With a margin also whether the two are equivalent: two one-sided tests at 5 %, row by row.
    """
    runs, chosen = _asked(paths, cutoffs)
    if len(runs) != 2:
        raise click.UsageError(f"compare takes two evidence files, not {len(runs)}.")
    table = comparisons.compare_runs(*runs, chosen, ties=ties, average=average, margin=margin, seed=seed)
    show(table.assign(**dict(zip("ab", names_of(runs), strict=True))), as_json)


def about_runs(runs: list[Run]) -> list[dict[str, Any]]:
    """What tells runs apart: data set, recommender, settings, seed; the split, if of several.

    settings: those other than the default, and those in which runs of one recommender differ.
    """
    several = len({run.manifest["split"]["hash"] for run in runs}) > 1
    return [
        {"dataset": run.dataset, "recommender": run.recommender, "settings": _other_settings(run, runs)}
        | ({"split": run.path.absolute().parent.parent.name} if several else {})
        | {"seed": run.seed}
        for run in runs
    ]


def names_of(runs: list[Run]) -> list[str]:
    """Of each run its recommender, with the settings and the seed in which it differs from others of that name."""
    found = []
    for run in runs:
        own = [other for other in runs if other.recommender == run.recommender]
        config = run.manifest["config"]
        told = [f"{key}={_as_set(config[key])}" for key in config if key in _differing(own)]
        told += [f"seed={run.seed}"] if len({other.seed for other in own}) > 1 else []
        found.append(f"{run.recommender} ({', '.join(told)})" if told else run.recommender)
    return [f"{name} [{i}]" if found.count(name) > 1 else name for i, name in enumerate(found, 1)]


def _differing(runs: list[Run]) -> set[str]:
    """The settings in which these runs are not all alike."""
    configs = [run.manifest["config"] for run in runs]
    return {key for config in configs for key in config if any(c.get(key) != config[key] for c in configs)}


def _other_settings(run: Run, runs: list[Run]) -> str:
    """The settings of a run that are not its recommender's own, or not those of its namesakes, as --set takes them."""
    known = recommenders.lookup(run.recommender).Config.model_fields if run.recommender in recommenders.REGISTRY else {}
    default = {"source": ""} | {  # of a model from outside
        name: json.loads(json.dumps(field.get_default(call_default_factory=True), default=str))
        for name, field in known.items()
        if not field.is_required()
    }
    config = run.manifest["config"]
    told = _differing([namesake for namesake in runs if namesake.recommender == run.recommender])
    other = {k: v for k, v in config.items() if k in told or k not in default or default[k] != v}
    return " ".join(f"{key}={_as_set(value)}" for key, value in other.items()) or "default"


def _as_set(value: Any) -> str:
    if isinstance(value, dict):
        return value.get("law", "…")
    return "/".join(map(str, value)) if isinstance(value, list) else str(value)
