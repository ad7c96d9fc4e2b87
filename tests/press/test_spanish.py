"""The Spanish catalogues: every label has its word, none is left over, and nothing but words changes in translation."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audit_lib.errors import InputError
from audit_lib.evaluation import corrected
from audit_lib.evaluation.counts import Counts
from audit_lib.evaluation.resampling import Measured
from audit_lib.files import PROJECT
from audit_lib.measurements import engine_equality
from audit_lib.measurements import train_speed as bench_train
from audit_lib.measurements.official_behaviour import FACTS
from audit_lib.recommenders.gru4rec import workarounds
from audit_lib.show import words
from audit_lib.stages import equal_targets, literature, training
from audit_lib.study import challengers, claim_words, plan, records
from audit_lib.study.measures import MEASURES
from book.press import notebooks, pipeline, site_check
from book.press.alttext import image_of

LOCALE = PROJECT / "book" / "locale" / "es"
CATALOGUES = sorted((LOCALE / "LC_MESSAGES").rglob("*.po"))
PAGES = [path for path in CATALOGUES if path.name != "labels.po"]
KEYWORDS = {"xlabel", "ylabel"}  # English labels that `figures` translates itself
ROLE = re.compile(r"(\{[\w:-]+\})`(?:[^`<]*<([^`>]*)>|([^`]*))`")
MATH = re.compile(r"\$[^$]+\$")
NO_WORD = re.compile(r"[^a-zA-Z]*|K|(Recall|MRR|NDCG)(@\w+)?")  # the same in every language
TRANSLATED = {"claim_es", "measurement_es", "untestable_es"}
FIGURES = ("figures.py", "row_figures.py")  # translate their labels themselves; keys of mappings are matplotlib's


# --- what may be asked for
def constants(node: ast.AST | None) -> Iterator[str]:
    """The strings in an expression: itself, the elements of a list, the parts of a choice, a formatted heading."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, (ast.List, ast.Tuple)):
        for element in node.elts:
            yield from constants(element)
    elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict):
        for value in node.value.values:
            yield from constants(value)
    elif isinstance(node, ast.IfExp):
        yield from constants(node.body)
        yield from constants(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        names = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        if all(isinstance(name, ast.Name) for name in names):
            for metric in ("Recall", "MRR") if "metric" in {name.id for name in names} else ("",):
                yield "".join(filled(part, metric) for part in node.values)


def filled(part: ast.AST, metric: str) -> str:
    """A piece of a formatted heading: as it is, or with the metric or 20 in the place of a name."""
    if isinstance(part, ast.Constant):
        return part.value
    return metric if part.value.id == "metric" else "20"


def labels_in(tree: ast.AST) -> set[str]:
    """What a module or a cell translates: constants given to `_`, texts of axes, new headings, keys of tables' rows."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in {"_", "translate", "set_axis", "Label"}:
                found += [text for argument in node.args for text in constants(argument)]
            found += [text for word in node.keywords if word.arg in KEYWORDS for text in constants(word.value)]
            columns = [word.value for word in node.keywords if word.arg == "columns"]
            found += [text for column in columns for text in constants(column) if is_heading(text)]
        elif isinstance(node, ast.Dict):
            found += [text for key in node.keys for text in constants(key) if is_heading(text)]
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            found += [text for text in constants(node.targets[0].slice) if is_heading(text)]
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "headings":
            found += constants(node.value)
        elif isinstance(node, ast.For):  # over (label, key) pairs
            found += [text for text in constants(node.iter) if is_heading(text)]
    return {text for text in found if not NO_WORD.fullmatch(text)}


def is_heading(text: str) -> bool:
    """Whether a key is a heading for readers, which begins with a capital or a number; names of columns do not."""
    if text in pipeline.stages():
        return False
    return len(text) > 1 and (text[0].isupper() or text[0].isdigit() or text.startswith("sha256 of "))


def is_label(text: str) -> bool:
    """Whether a value is for readers: a heading, or words."""
    return (is_heading(text) or " " in text) and not NO_WORD.fullmatch(text)


def constants_of(tree: ast.Module) -> set[str]:
    """Values of upper-case mappings, also one inside another, and names in tuples (edge, name): what is looked up."""
    found: set[str] = set()
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id.isupper():
            value = node.value
            pairs = [part for part in getattr(value, "elts", ()) if isinstance(part, ast.Tuple)]
            parts = value.values if isinstance(value, ast.Dict) else pairs
            inner = [part.values for part in parts if isinstance(part, ast.Dict)]
            parts = [*parts, *(word for words in inner for word in words)]
            found |= {text for part in parts for text in constants(part) if is_label(text)}
    return found


def in_modules() -> set[str]:
    """Labels of the library: of `figures`, and of every module that makes tables for readers."""
    found: set[str] = set()
    for path in sorted([*(PROJECT / "audit_lib").rglob("*.py"), *(PROJECT / "book" / "press").rglob("*.py")]):
        text = path.read_text("utf8")
        if path.name in FIGURES:
            words = ast.parse(text)
            for node in [node for node in ast.walk(words) if isinstance(node, ast.Dict)]:
                node.keys = []
            found |= labels_in(words) | constants_of(ast.parse(text))
        elif path.parent.name == "stages" or re.search(r"\bTranslate\b|show\.table import", text):
            found |= labels_in(ast.parse(text)) | constants_of(ast.parse(text))
    return found


def cells(stage: str) -> list[Any]:
    return notebooks.read(PROJECT / "notebooks" / f"{stage}.md").cells


def in_notebooks() -> set[str]:
    """Labels in the cells of the stages."""
    code = [cell.source for stage in pipeline.stages() for cell in cells(stage) if cell.cell_type == "code"]
    return {text for source in code for text in labels_in(ast.parse(source))}


def computed() -> set[str]:
    """Labels that tables hold as data: estimators, cases, settings, questions and answers, verdicts."""
    counts = Counts(above=np.array([1, 3]), equal=np.array([0, 0]), n_items=8)
    estimators = corrected.comparison(counts, "Recall", k=2, sizes=(3,)).reset_index()["estimator"]
    cases = [*engine_equality.OFFICIAL_CASES, engine_equality.TAIL_CASE, *engine_equality.INPUTS, *bench_train.SETTINGS]
    facts: list[str] = []
    for text in records.read("official_facts")["happened"]:
        training.measured(text, lambda sentence: facts.append(sentence) or sentence)
    facts += [text for fact in FACTS for text in (fact.question, fact.answer)]
    verdicts = [training.verdict(Measured(x, x, x)) for x in (-1.0, 0.0, 1.0)]
    lanes = training.lanes_table(("ab", "cd"), n_lanes=2, lang="en")
    headings = [*records.provenance_table([], "en").data.columns, *lanes.data.columns]
    nothing = pd.DataFrame(columns=list(equal_targets.COLUMNS))
    headings += [*equal_targets.equal_targets_table(nothing, "en").data.columns]
    return {*estimators, *cases, *facts, *workarounds.SHIMS.values(), *verdicts, *headings, *of_claims()}


def of_claims() -> set[str]:
    """Labels of the ledger: measures, their arguments, changes and preparations of the study, what is no paper."""
    arguments = [word for words in claim_words._WORDS.values() for word in words.values()]
    variants = [changed.label for changed in (*plan.read().variant, *plan.preparations().values())]
    titles = [title for _, title in MEASURES.values()]
    words = {"Download the ledger as JSON"}  # that of the link
    groups = [settings for settings in literature.GROUPS.values() if settings]
    return {*titles, *arguments, *claim_words._NUMBERS.values(), *variants, *words, *groups}


@cache
def asked_for() -> set[str]:
    return set(words.RECOMMENDERS.values()) | computed() | in_modules() | in_notebooks()


@cache
def messages(path: Path) -> dict[str, str]:
    """Message and translation, fuzzy ones left out."""
    return {text: spanish for text, (spanish, fuzzy) in site_check.messages(path).items() if not fuzzy}


# --- the labels
def test_every_label_has_a_spanish_word() -> None:
    assert sorted(asked_for() - set(words.catalogue("es"))) == []


def test_no_spanish_label_is_left_over() -> None:
    assert sorted(set(messages(LOCALE / "LC_MESSAGES" / "labels.po")) - asked_for()) == []


def test_the_search_for_labels_finds_each_kind() -> None:
    cell = """
x = _("One" if y else "Two")
Table(shown.set_axis(["Three", f"Recall@{k}, four"], axis=1), formats={"Five": ".1%"})
figures.bars(t, category="split", xlabel="Six")
rows["Seven"] = rows["name"] = {"key": 1, "Recall@20": 2, "3–5": 3}
for label, key in (("Eight", "eight"),):
    pass
"""
    assert labels_in(ast.parse(cell)) == {"One", "Two", "Three", "Recall@20, four", "Five", "Six", "Seven", "Eight"}


def test_a_sentence_around_numbers_keeps_their_places() -> None:
    """Numbers are filled in from left to right where a label has '#'."""
    words = messages(LOCALE / "LC_MESSAGES" / "labels.po")
    assert [text for text, word in words.items() if text.count("#") != word.count("#")] == []
    assert sum("#" in text for text in words) > 5


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_numbers_and_their_signs_stay_on_one_line(path: Path) -> None:
    """Spanish puts a space before % and between thousands; it must not break there."""
    assert [text for text, spanish in messages(path).items() if re.search(r"\d (?=%|\d{3}\b)", spanish)] == []


@pytest.mark.parametrize("text", ["Recall@20", "3–5", "11+"])
def test_a_label_without_words_needs_no_translation(text: str) -> None:
    assert words.translator("es")(text) == text


def test_a_label_without_translation_is_an_error() -> None:
    with pytest.raises(InputError, match=r"'No such label' has no 'es' translation in labels\.po"):
        words.translator("es")("No such label")


# --- the pages
@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_no_entry_is_empty_or_fuzzy(path: Path) -> None:
    entries = site_check.messages(path).items()
    assert [text for text, (spanish, fuzzy) in entries if fuzzy or not spanish] == []


@pytest.mark.parametrize("stage", pipeline.stages())
def test_every_figure_has_a_spanish_alternative_text(stage: str) -> None:
    translations = messages(LOCALE / "LC_MESSAGES" / "notebooks" / f"{stage}.po")
    texts = [image_of(cell)["alt"] for cell in cells(stage) if image_of(cell)]
    assert [text for text in texts if not translations.get(text)] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_translation_keeps_references_formats_and_formulas(path: Path) -> None:
    """The same {role}`target`, with the same number format, and the same formulas, in whatever order."""
    changed = [text for text, spanish in messages(path).items() if spanish and fixed(text) != fixed(spanish)]
    assert changed == []


def fixed(text: str) -> Counter[str]:
    """What a translation must leave alone."""
    roles = [f"{role} {named or bare}" for role, named, bare in ROLE.findall(text)]
    return Counter([*roles, *MATH.findall(ROLE.sub("", text))])


def test_a_changed_format_or_formula_is_seen() -> None:
    same = fixed("{ref}`words <ties>` {fact}`p::x:.1%` of $n$") == fixed(
        "$n$: {fact}`p::x:.1%` {ref}`otras <ties>`"
    )
    assert same
    assert fixed("{fact}`p::x:.1%`") != fixed("{fact}`p::x:.2%`")
    assert fixed("$n$") != fixed("$N$")


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_there_is_no_decimal_comma(path: Path) -> None:
    prose = {text: MATH.sub("", spanish) for text, spanish in messages(path).items()}
    assert [text for text, spanish in prose.items() if re.search(r"\d,\d", spanish)] == []


# --- spelling
def speech(path: Path) -> str:
    """The Spanish of a catalogue, without code, formulas, citations, addresses and marks."""
    text = "\n".join(spanish for text, spanish in messages(path).items() if spanish != text)
    for pattern in (r"\{(?:ref|doc|term|numref)\}`([^<`]*)<[^`]*>`", r"\[([^\]]*)\]\([^)]*\)"):
        text = re.sub(pattern, r" \1 ", text)
    text = re.sub(r"\{[\w:-]+\}`[^`]*`|`[^`]*`|https?://\S+|\{[^}]*\}", " ", MATH.sub(" ", text))
    return re.sub(r"\\begin.*?\\end\{\w+\}|\\\w+|[*_@#|\\]", " ", text, flags=re.DOTALL)


spelling = pytest.mark.skipif(
    shutil.which("hunspell") is None, reason="no hunspell on this machine: apt-get install hunspell hunspell-es"
)


@spelling
def test_spanish_is_spelt_right() -> None:
    codes = challengers.read()
    said = [re.sub(r"--\w+", "", place.says_es) for place in (*codes.choice, *codes.trap)]
    assert misspelt("\n".join([*map(speech, CATALOGUES), *ledger().values(), *said])) == []


def ledger() -> dict[str, str]:
    """The Spanish of the ledger of claims, by its English."""
    entries = tomllib.loads((PROJECT / "book" / "claims.toml").read_text("utf8"))["claim"]
    return {claim[key]: claim.get(f"{key}_es", "") for claim in entries for key in claim if f"{key}_es" in TRANSLATED}


def test_every_claim_is_in_spanish() -> None:
    assert len(ledger()) > 20
    assert [english for english, spanish in ledger().items() if not spanish] == []


@pytest.mark.parametrize("number", [r"\d+", r"\d*\.\d+"])
def test_a_claim_has_the_same_numbers_in_spanish(number: str) -> None:
    figures = {text: Counter(re.findall(number, text)) for pair in ledger().items() for text in pair}
    assert [text for text, spanish in ledger().items() if figures[text] != figures[spanish]] == []


@spelling
def test_a_misspelt_word_is_found() -> None:
    assert misspelt("La particion temporal del catálogo") == ["particion"]


def misspelt(text: str) -> list[str]:
    """Words that neither the dictionary of Spain nor our word list has."""
    command = ["hunspell", "-d", "es_ES", "-i", "utf-8", "-p", str(LOCALE / "palabras.txt"), "-l"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, encoding="utf8")
    if done.returncode:
        pytest.skip(f"hunspell has no dictionary es_ES: {done.stderr.strip()[:200]}")
    return sorted(set(done.stdout.split()))
