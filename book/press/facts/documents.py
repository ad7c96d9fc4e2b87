"""The numbers that the documents quote, each under a name: from the settled ledger or from committed evidence.

A page writes {fact}`name` or {fact}`name:format`; `prose.written` says what stands there. Where the evidence of a fact
is missing, `reporting.quantity` raises NotYet, and the page says so in that very place. Nothing is typed, and what the
ledger has measured is not measured again, so that a page and the ledger cannot differ.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from functools import partial
from itertools import product

from audit_lib.evaluation.metrics import K
from audit_lib.evaluation.resampling import Measured
from audit_lib.stages import decision, implementations, literature
from audit_lib.study import literature_values, plan, releases
from audit_lib.study.literature_values import COPIED, min_step
from audit_lib.study.releases import Rung
from audit_lib.study.results import NotYet, mean_of, values_of
from book.press.facts import ladder
from book.press.facts.source import GAP, Fact, Quantity, Source


# --- kinds of facts
def _copied(source: Source, *, dataset: str, metric: str = "Recall") -> Measured:
    return Measured(literature_values.value(COPIED[dataset], dataset, "gru4rec", metric, K))


def score(source: Source, *, dataset: str, group: str, recommender: str, metric: str = "Recall") -> Measured:
    return source.score(dataset, group, recommender, metric)


def _above_copied(source: Source, *, dataset: str, group: str, recommender: str) -> Measured:
    """The interval is ours alone: a published value has none."""
    ours, said = source.score(dataset, group, recommender), _copied(source, dataset=dataset).estimate
    return Measured(ours.estimate - said, ours.low - said, ours.high - said, ours.seeds)


def _seeds(source: Source, *, dataset: str, group: str, recommender: str) -> Measured:
    return Measured(float(len(source.runs(dataset, group, recommender))))


def _seconds(source: Source, *, dataset: str, group: str, recommender: str, unit: float = 1.0) -> Measured:
    """To train, the median over seeds (another process may have slowed one of them); unit: 60 for minutes."""
    runs = source.runs(dataset, group, recommender)
    return Measured(statistics.median(run.manifest["seconds"]["fit"] for run in runs) / unit, seeds=len(runs))


def _simple_seconds(source: Source, *, dataset: str) -> Measured:
    """To fit the best simple recommender."""
    return Measured(source.simple(dataset).runs[0].manifest["seconds"]["fit"])


def _simple_less(source: Source, *, dataset: str, group: str, recommender: str, metric: str = "Recall") -> Measured:
    """The best simple recommender less one training of GRU4Rec, paired by target, over the seeds there are."""
    theirs, drawn = values_of(source.runs(dataset, group, recommender), metric, K, min_step(dataset))
    ours, _ = values_of(source.simple(dataset).runs, metric, K, min_step(dataset))
    return drawn.difference(ours, theirs)


def _predictions(source: Source, *, dataset: str) -> Measured:
    run = source.simple(dataset).runs[0]
    return Measured(float((run.targets["step"] >= min_step(dataset)).sum()))


def _extreme(source: Source, *, measure: str, pick: Callable[[Iterable[float]], float], leave: str = "") -> Measured:
    """The least or the greatest outcome of a measure in the ledger. leave: a data set that does not count."""
    found = [m.estimate for arguments, m in source.findings(measure) if arguments.get("dataset") != leave]
    if not found:
        raise NotYet(measure)
    return Measured(pick(found))


def _real_logs(source: Source) -> Measured:
    """Real logs on which the best simple recommender is set against GRU4Rec."""
    return Measured(float(sum(a["dataset"] != "seed_demo" for a, _ in source.findings("simple_share"))))


def _margin_published(source: Source, *, model: str, dataset: str = "diginetica") -> Measured:
    theirs = literature_values.value("wu2019", dataset, model, "Recall", K)
    return Measured(theirs - _copied(source, dataset=dataset).estimate)


def _model_less(source: Source, *, model: str, by: str, dataset: str, group: str, recommender: str) -> Measured:
    """A published Recall@20 of another model less ours of GRU4Rec. The interval is ours alone."""
    theirs, ours = literature_values.value(by, dataset, model, "Recall", K), source.score(dataset, group, recommender)
    return Measured(theirs - ours.estimate, theirs - ours.high, theirs - ours.low, ours.seeds)


def _published(source: Source, *, by: str, dataset: str, recommender: str) -> Measured:
    return Measured(literature_values.value(by, dataset, recommender, "Recall", K))


def _trail(source: Source, *, source_key: str, called: str, dataset: str) -> Measured:
    rows = literature_values.trail().query("source == @source_key and called == @called and dataset == @dataset")
    return Measured(float(rows.iloc[0]["recall"]))


def _claims(source: Source, *, verdict: str | None = None) -> Measured:
    return Measured(float(sum(verdict in (None, s.verdict) for s in source.ledger)))


def _ablations_planned(source: Source) -> Measured:
    return Measured(float(len({e.variant for e in source.book.planned(dataset="diginetica", group=GAP)})))


def _ablations_run(source: Source, *, near: bool = False) -> Measured:
    said = _copied(source, dataset="diginetica").estimate
    return Measured(float(len(literature.nearest(source.ablations, said) if near else source.ablations)))


def _nearest(source: Source, *, column: str = "value") -> Quantity:
    """Of the changed GRU4Recs, the one whose Recall@20 is nearest to the copied value."""
    if source.ablations.empty:
        raise NotYet(f"diginetica, group {GAP}")
    said = _copied(source, dataset="diginetica").estimate
    row = source.ablations.loc[(source.ablations["value"] - said).abs().idxmin()]
    return row["label"] if column == "label" else Measured(float(row[column]))


def _omissions_cost(source: Source) -> Measured:
    """What GRU4Rec loses when everything is left out that third parties most often leave out."""
    rows = source.ablations[source.ablations["label"] == plan.label_of("all_omissions")]
    if rows.empty:
        raise NotYet(f"diginetica, group {GAP}, all_omissions")
    return Measured(source.score("diginetica", "headline", "gru4rec").estimate - float(rows["value"].iloc[0]))


def _best_demo_seed(source: Source) -> Measured:
    """The highest Recall@20 of any seed of either engine on the demo log."""
    runs = source.book.runs(dataset="seed_demo", group="demo")
    return Measured(max(mean_of(run) for run in runs))


def _third_party(source: Source, *, halved: bool) -> Measured:
    table = implementations.published()
    return Measured(float((table["total"] > 0.5).sum() if halved else len(table)))


_OFFICIAL = {"dataset": "diginetica", "group": "headline_bpr_max", "recommender": "gru4rec_official"}
_BPR = _OFFICIAL | {"recommender": "gru4rec"}
_CE = {"group": "headline", "recommender": "gru4rec"}
_TUNED = {"group": "headline_tuned", "recommender": "gru4rec"}
_DEMO = {"dataset": "seed_demo", "group": "demo"}


def _version(source: Source, rung: Rung, dataset: str, metric: str = "Recall") -> Measured:
    """A metric of a version of GRU4Rec. Raises NotYet without evidence."""
    found = ladder.measured(source.book, dataset, rung, metric)
    if found is None:
        raise NotYet(f"{dataset}, {rung.id}")
    return found


def _beyond_copied(source: Source, rung: Rung, dataset: str) -> Measured:
    """The Recall@20 of a version less the copied one; the interval is of the former alone."""
    ours, said = _version(source, rung, dataset), releases.copied(dataset, "Recall")
    return Measured(ours.estimate - said, ours.low - said, ours.high - said, ours.seeds)


FACTS: dict[str, Fact] = {
    "predictions-diginetica": partial(_predictions, dataset="diginetica"),
    "official": partial(score, **_OFFICIAL),
    "official-mrr": partial(score, **_OFFICIAL, metric="MRR"),
    "official-minutes": partial(_seconds, **_OFFICIAL, unit=60.0),
    "official-above-copied": partial(_above_copied, **_OFFICIAL),
    "bpr": partial(score, **_BPR),
    "ce": partial(score, dataset="diginetica", **_CE),
    "ce-seeds": partial(_seeds, dataset="diginetica", **_CE),
    "ce-above-copied": partial(_above_copied, dataset="diginetica", **_CE),
    "simple-less-tuned": partial(_simple_less, dataset="diginetica", **_TUNED),
    "simple-less-tuned-mrr": partial(_simple_less, dataset="diginetica", **_TUNED, metric="MRR"),
    "simple-seconds": partial(_simple_seconds, dataset="diginetica"),
    "simple-less-ce": partial(_simple_less, dataset="diginetica", **_CE),
    "simple-less-bpr": partial(_simple_less, **_BPR),
    "share-least": partial(_extreme, measure="simple_share", pick=min, leave="seed_demo"),
    "share-most": partial(_extreme, measure="simple_share", pick=max, leave="seed_demo"),
    "order-bound": lambda source: Measured(decision.WEAK),
    "useful": lambda source: Measured(decision.USEFUL),
    "latency-margin": lambda source: Measured(decision.margin(source.book)),
    "size-bound": lambda source: Measured(float(decision.LARGE)),
    "share-logs": _real_logs,
    "reversals": lambda source: source.measure("reversals", n=100),
    "speed-least": partial(_extreme, measure="speed_ratio", pick=min),
    "speed-most": partial(_extreme, measure="speed_ratio", pick=max),
    "margin-srgnn-published": partial(_margin_published, model="srgnn"),
    "margin-srgnn-here": lambda source: source.measure(
        "published_gap", dataset="diginetica", model="srgnn", source="wu2019"
    ),
    "margin-srgnn-yoochoose": lambda source: source.measure(
        "published_gap", dataset="yoochoose1_64", model="srgnn", source="wu2019"
    ),
    "srgnn": partial(_published, by="wu2019", dataset="diginetica", recommender="srgnn"),
    "gcegnn": partial(_published, by="wang2020", dataset="diginetica", recommender="gcegnn"),
    "gcegnn-less-ce": partial(_model_less, model="gcegnn", by="wang2020", dataset="diginetica", **_CE),
    "gcegnn-less-bpr": partial(_model_less, model="gcegnn", by="wang2020", **_BPR),
    "narm-yoochoose": partial(_published, by="wu2019", dataset="yoochoose1_64", recommender="narm"),
    "session-rec": partial(_published, by="ludewig2021", dataset="diginetica", recommender="gru4rec"),
    "readme": partial(_published, by="official_code", dataset="diginetica_raw", recommender="gru4rec_official"),
    "session-popularity-published": partial(
        _published, by="wu2019", dataset="diginetica", recommender="session_popularity"
    ),
    "session-popularity": partial(
        score, dataset="diginetica", group="simple", recommender="session_popularity"
    ),
    "session-popularity-yoochoose-published": partial(
        _published, by="wu2019", dataset="yoochoose1_64", recommender="session_popularity"
    ),
    "session-popularity-yoochoose": partial(
        score, dataset="yoochoose1_64", group="simple", recommender="session_popularity"
    ),
    "narm-improved-yoochoose": partial(
        _trail, source_key="li2017", called="Improved GRU-Rec", dataset="yoochoose1_64"
    ),
    "narm-plain-yoochoose": partial(_trail, source_key="li2017", called="GRU-Rec", dataset="yoochoose1_64"),
    "narm-plain-diginetica": partial(_trail, source_key="li2017", called="GRU-Rec", dataset="diginetica"),
    "claims": _claims,
    "claims-reproduced": partial(_claims, verdict="reproduced"),
    "claims-partly": partial(_claims, verdict="partly"),
    "claims-not-reproduced": partial(_claims, verdict="not reproduced"),
    "claims-not-run": partial(_claims, verdict="not run"),
    "claims-untestable": partial(_claims, verdict="not testable offline"),
    "ablations-planned": _ablations_planned,
    "ablations-run": _ablations_run,
    "ablations-near": partial(_ablations_run, near=True),
    "ablation-nearest": partial(_nearest, column="label"),
    "ablation-nearest-value": _nearest,
    "ablation-nearest-mrr": partial(_nearest, column="mrr"),
    "omissions-cost": _omissions_cost,
    "third-party-cases": partial(_third_party, halved=False),
    "third-party-halved": partial(_third_party, halved=True),
    "demo-claimed": partial(_published, by="audited_study", dataset="seed_demo", recommender="gru4rec"),
    "demo-claimed-popularity": partial(_published, by="audited_study", dataset="seed_demo", recommender="popularity"),
    "demo-popularity": partial(score, dataset="seed_demo", group="demo_protocol", recommender="popularity"),
    "demo-gru4rec": partial(score, **_DEMO, recommender="gru4rec"),
    "demo-official": partial(score, **_DEMO, recommender="gru4rec_official"),
    "demo-best-seed": _best_demo_seed,
    "demo-seeds": partial(_seeds, **_DEMO, recommender="gru4rec"),
    "demo-optimum": lambda source: source.measure("optimum", dataset="synthetic_independent", k=K),
    "demo-loss-first": lambda source: source.measure("loss", **_DEMO, recommender="gru4rec_official", epoch=1),
    "demo-loss-last": lambda source: source.measure("loss", **_DEMO, recommender="gru4rec_official", epoch=5),
    "demo-less-popularity": lambda source: source.measure(
        "difference", dataset="seed_demo", first="gru4rec_official", first_group="demo", second="popularity",
        second_group="simple",
    ),
}  # fmt: skip


# GRU4Rec by year: 'version-bpr-diginetica', 'version-searched_2016-diginetica-mrr', 'version-bpr-diginetica-beyond' …
for _rung, _dataset in product(releases.rungs(), COPIED):
    _name = f"version-{_rung.id}-{_dataset}"
    FACTS[_name] = partial(_version, rung=_rung, dataset=_dataset)
    FACTS[_name + "-mrr"] = partial(_version, rung=_rung, dataset=_dataset, metric="MRR")
    FACTS[_name + "-beyond"] = partial(_beyond_copied, rung=_rung, dataset=_dataset)
