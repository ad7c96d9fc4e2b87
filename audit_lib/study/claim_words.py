"""What a part of a claim is about, what it expects and what was measured, in words of the reader's language."""

from __future__ import annotations

from audit_lib.show.table import EXACT, FINE, Interval
from audit_lib.show.words import LEAKAGE, SPLITS, data_name, number, translator, typeset
from audit_lib.study import literature_values, plan, releases
from audit_lib.study.claims import Part
from audit_lib.study.results import TRAININGS

TUNED = {"tuned", "headline_tuned"}  # groups of the study with settings searched on a validation part of train
PLAIN = ",.4g"
# The format of the measures that are shares, or differences of shares; the others are plain numbers.
UNITS: dict[str, str] = dict.fromkeys(
    (
        "score", "simple_share", "relative_loss", "sampled_where", "optimum", "shuffle_loss", "split_gain",
        "filter_gain",
    ),
    EXACT,
) | dict.fromkeys(("difference", "published_gap", "challenger_gap", "epoch_on_test"), FINE)  # fmt: skip


def expected(part: Part, lang: str = "en") -> str:
    """What a claim expects of a part, as text."""
    if part.expect is None:
        return "–"
    if part.expect in ("at_least", "at_most"):
        return {"at_least": "≥", "at_most": "≤"}[part.expect] + f" {written(part, part.value, lang)}"
    if part.expect == "near":
        text = written(part, part.value, lang)
    else:
        low, high = (float("nan") if end is None else end for end in (part.low, part.high))
        text = written(part, Interval(low, high, UNITS.get(part.measure, PLAIN)), lang)
    if not part.tolerance:
        return text
    if part.measure not in UNITS:
        return f"{text} ± {part.tolerance:g}"
    _, points = translator(lang), f"{100 * part.tolerance:g}"
    return f"{text} ± {points} {_('point' if points == '1' else 'points')}"


def written(part: Part, value: float | Interval | None, lang: str = "en") -> str:
    """A value of a part's measure, as text; a share has two digits, since published values have them."""
    spec = UNITS.get(part.measure, PLAIN)
    text = str(value) if isinstance(value, Interval) else number(float("nan") if value is None else value, spec)
    return typeset(text) + ("" if spec in (PLAIN, EXACT) else f" {translator(lang)('points')}")


def describe(part: Part, lang: str = "en") -> str:
    """What a part is about, in a few words: data set, recommenders, metric, and so on."""
    arguments, _ = part.arguments, translator(lang)
    words = [data_name(arguments["dataset"], lang)] if "dataset" in arguments else []
    pair = [
        literature_values.model_name(arguments[key], lang)
        + (f" ({_('tuned')})" if arguments[f"{key}_group"] in TUNED else "")
        for key in ("first", "second")
        if key in arguments
    ]
    words += [" − ".join(pair)] if pair else []
    words += [
        literature_values.model_name(arguments[key], lang) for key in ("recommender", "model") if key in arguments
    ]
    if "metric" in arguments:
        words.append(f"{arguments['metric']}@{arguments['k']}")
    for key, labels in _WORDS.items():
        if key in arguments:
            value = arguments[key]
            words.append(_(labels[value]) if value in labels else data_name(str(value), lang))
    if arguments.get("group") in TRAININGS:
        words.append(_(TRAININGS[arguments["group"]]))
    if "preparation" in arguments:
        words.append(_(plan.preparations()[arguments["preparation"]].label))
    if version := releases.called(arguments, lang):
        words.append(version)
    elif "variant" in arguments:
        words.append(_(plan.label_of(arguments["variant"])))
    for key, label in _NUMBERS.items():
        if key in arguments:
            words.append(f"{_(label)} {arguments[key]:g}")
    if "low_full" in arguments:
        words.append(typeset(f"{arguments['low_full']:.0%} – {arguments['high_full']:.0%}"))
    return ", ".join(words)


# How arguments of measures are called in text; a value that is not listed stands for itself.
_WORDS: dict[str, dict[str, str]] = {
    "which": {"least": "The least", "greatest": "The greatest"},
    "field": LEAKAGE,
    "split": SPLITS,
    "fact": {
        "default-fit": "Training with default options", "logq-text-ids": "Loss correction with text identifiers",
        "median": "Evaluation in median mode", "save-load": "Saving and loading",
    },
    "setting": {
        name: name for name in ("cross-entropy, batch 32", "cross-entropy, batch 128", "bpr-max, batch 128")
    },
    "way": {
        "catalogue": "every item scored", "candidates": "only its candidates scored",
        "state": "the state of the session kept",
    },
    "record": {"latency_earlier": "on another processor"},
    "document": {
        "all": "all five", "case_study": "Case study", "executive_summary": "Executive summary",
        "mathematical_formulas": "Mathematical formulas", "pipeline_explained": "The pipeline explained",
        "technical_report": "Technical report",
    },
    "count": {"ratio": "words, Spanish / English", "untranslated": "messages without Spanish"},
}  # fmt: skip
_NUMBERS = {
    "epoch": "Epoch", "n": "Negatives", "percentile": "Percentile", "min_step": "Events before the target, at least",
}  # fmt: skip
