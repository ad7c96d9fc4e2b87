"""The title page of a book on a log of the reader's own: what the stages found, in six short answers.

Nothing is computed here. Every number is one that a stage has glued into its executed notebook; which sentences are
written depends on them. The front page of the book on the literature, book/index.md, stands behind this one.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Any

import nbformat

from audit_lib.data.registry import REGISTRY
from audit_lib.show import counted, words
from audit_lib.show.table import SHARE
from audit_lib.stages import answers

LOG_STAGES = ("01_data", "02_split", "03_baselines", "04_gru4rec", "05_evaluation")
FEW = 100  # predictions, below which hardly any difference is more than chance
HOME, AUDIT = "book/index", "book/audit"


@cache
def glued(path: Path, changed: float) -> dict[str, str]:
    """Key and text of everything that an executed notebook glues. changed: its time, so that a new one is read."""
    found = {}
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            key = output.get("metadata", {}).get("scrapbook", {}).get("name")
            text = next((t for mime, t in output.get("data", {}).items() if mime.endswith("text/plain")), None)
            if key and text is not None:
                found[key] = text
    return found


def is_own(notebooks: Path) -> bool:
    """Whether the stages in a folder of executed notebooks have all read the same log of the reader's own."""
    read = set()
    for stage in LOG_STAGES:
        path = notebooks / f"{stage}.ipynb"
        if not path.is_file():
            return False
        parameters = nbformat.read(path, as_version=4).metadata.get("papermill", {}).get("parameters", {})
        read.add(str(parameters.get("dataset", "")))
    return len(read) == 1 and (name := read.pop()) != "" and name.partition(":")[0] not in REGISTRY


def values(notebooks: Path) -> dict[str, dict[str, Any]]:
    """What each of the stages on the log has glued, by stage and key."""
    found: dict[str, dict[str, Any]] = {}
    for stage in LOG_STAGES:
        path = notebooks / f"{stage}.ipynb"
        texts = glued(path, path.stat().st_mtime)
        found[stage] = {key: value_of(text) for key, text in texts.items()}
    return found


def value_of(text: str) -> Any:
    """A glued value from its text."""
    return float(text) if text in ("nan", "inf", "-inf") else ast.literal_eval(text)


def markdown(found: dict[str, dict[str, Any]], lang: str) -> str:
    """The page in the reader's language, from the `values` of the notebooks that were executed in it."""
    _ = words.translator(lang)
    lines = [f"# {words.plain(found['01_data']['name'])}", ""]
    lines += [_("What this book found on this log, each answer from the page behind it."), ""]
    parts = (
        (_("What is in it?"), "01_data", contents), (_("Which recommender is best?"), "03_baselines", best),
        (_("Is GRU4Rec ahead?"), "04_gru4rec", network), (_("Does the order matter?"), "01_data", order),
        (_("How was it measured?"), "05_evaluation", measured),
    )  # fmt: skip
    for heading, page, answer in parts:
        there = _("More on this")
        lines += [f"## {heading}", "", words.typeset(answer(found, lang)), f"[{there}](../notebooks/{page})", ""]
    lines += [f"## {_('What to do')}", "", *(f"- {words.typeset(step)}" for step in advice(found, lang)), ""]
    lines += [f"## {_('The literature behind it')}", "", _(
        "The rest of this book does not hang on this log: it asks which of the numbers that are published for GRU4Rec "
        "hold, and what decides such comparisons."
    ) + f" [{_('The front page of that part')}](audit)", ""]  # fmt: skip
    return "\n".join(lines).replace(" %", "\u00a0%")


def contents(found: dict[str, dict[str, Any]], lang: str) -> str:
    """Events, sessions, items, days."""
    data, split, _ = found["01_data"], found["02_split"], words.translator(lang)
    text = _(
        "{events} in {sessions} over {items}; half of the sessions have at most {median} events."
    )
    counts = {name: counted.said(data[name], name, lang) for name in ("events", "sessions", "items")}
    said = [text.format(median=f"{data['length_median']:,.0f}", **counts)]
    if data["days"] < 0:
        said.append(_("It has no times, only an order."))
    else:
        said.append(_("From the first event to the last it covers {days} days.").format(days=f"{data['days']:,.1f}"))
    text = _("The test part asks for {predictions} over a catalogue of {items}.")
    asked = counted.said(split["predictions"], "predictions", lang)
    said.append(text.format(predictions=asked, items=counted.said(split["catalogue"], "items", lang)))
    return " ".join(said)


def best(found: dict[str, dict[str, Any]], lang: str) -> str:
    """The recommender with the highest value of the leading metric, with its interval."""
    neural, simple, _ = found["04_gru4rec"], found["03_baselines"], words.translator(lang)
    text = _("{name}, with a {metric} of {value} (95 % interval {low} to {high}).")
    ahead = neural["gap_best"] > 0
    stage, name = (neural, neural["own_name"]) if ahead else (simple, simple["best"])
    keys = ("own", "own_low", "own_high") if ahead else ("best_value", "best_low", "best_high")
    value, low, high = (words.number(stage[key], SHARE) for key in keys)
    said = [text.format(name=name, metric=simple["metric"], value=value, low=low, high=high)]
    if not ahead and simple["level"]:
        said.append(answers.level(simple["level"], lang))
    pairs = found["05_evaluation"]["pairs"]
    apart = counted.said(found["05_evaluation"]["pairs_apart"], "told-apart", lang)
    said.append(_("Of {pairs} pairs of recommenders, {apart}.").format(pairs=pairs, apart=apart))
    return " ".join(said)


def network(found: dict[str, dict[str, Any]], lang: str) -> str:
    """GRU4Rec less the best simple recommender."""
    _ = words.translator(lang)
    return f"{found['04_gru4rec']['answer']} " + _(
        "Its settings were published for another log and were not searched for this one."
    )


def order(found: dict[str, dict[str, Any]], lang: str) -> str:
    """What the shuffle test says."""
    return str(found["01_data"]["answer"])


def measured(found: dict[str, dict[str, Any]], lang: str) -> str:
    """Metric, targets and catalogue."""
    evaluation, split, _ = found["05_evaluation"], found["02_split"], words.translator(lang)
    text = _(
        "By {metric} over {predictions}. Every target was ranked against the whole catalogue, ties count against the "
        "recommender, and intervals are over sessions."
    )
    asked = counted.said(evaluation["targets"], "predictions", lang)
    return text.format(metric=evaluation["metric"], predictions=asked) + " " + counted.said(
        split["straddling"], "straddle", lang
    )


def advice(found: dict[str, dict[str, Any]], lang: str) -> list[str]:
    """What follows for whoever owns the log, a sentence each."""
    data, split, neural = found["01_data"], found["02_split"], found["04_gru4rec"]
    _, said = words.translator(lang), []
    if split["predictions"] < FEW:
        text = _("Collect more before you decide: with {predictions} hardly any difference can be told from chance.")
        said.append(text.format(predictions=counted.said(split["predictions"], "predictions", lang)))
    if neural["gap_low"] > 0:
        said.append(_("GRU4Rec is worth its training here. Search its settings for this log."))
    else:
        text = _("Begin with {simple}, which needs no training; it is what a network has to beat.")
        said.append(text.format(simple=neural["best"]))
        said.append(_("Search the settings of GRU4Rec with `python -m audit_lib tune` before you rule it out."))
    if data.get("markov_low", 0) <= 0:
        said.append(_(
            "Do not choose a sequential model for its use of the order: this log does not show that it helps."
        ))
    text = _(
        "Report {metric} over the whole catalogue, with its interval; with {items} there is no reason to sample "
        "negatives."
    )
    items = counted.said(found["05_evaluation"]["items"], "items", lang)
    said.append(text.format(metric=data["metric"], items=items))
    return said


def contents_of_book(toc: dict[str, Any], lang: str) -> dict[str, Any]:
    """The table of contents with the pages on the log first and the literature behind them."""
    _ = words.translator(lang)
    log = [{"file": f"notebooks/{stage}"} for stage in LOG_STAGES]
    pages = {chapter["file"] for chapter in log}
    parts = []
    for part in toc["parts"]:
        chapters = [chapter for chapter in part["chapters"] if chapter["file"] not in pages]
        parts.append(part | {"chapters": chapters})
    parts[0] = parts[0] | {"chapters": [{"file": AUDIT}, *parts[0]["chapters"]], "caption": _(
        "The literature behind it"
    )}
    first = {"caption": _("This log"), "numbered": True, "chapters": log}
    return toc | {"parts": [first, *(part for part in parts if part["chapters"])]}
