"""Any sound log becomes a book: a small log of every shape goes through all the stages that read it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from audit_lib import measurements
from audit_lib.files import PROJECT
from audit_lib.measurements import engine_equality
from audit_lib.recommenders import oracle
from audit_lib.show import words
from audit_lib.stages import prepared, tables, training
from book.press import notebooks, title_page
from book.press.title_page import value_of
from tests.commands import odd_logs

STAGES = ("01_data", "02_split", "03_baselines", "04_gru4rec", "05_evaluation")
SETTINGS = {"profile": "tiny", "seeds": "0"}
DAYS = re.compile(r"\bdays?\b|\bhours?\b|\bdías?\b|\bhoras?\b")


def run(stage: str, **parameters: Any) -> tuple[str, dict[str, Any]]:
    """All that a stage shows with these parameters, as text, and what it glues. Its cells run in this process."""
    notebook = notebooks.read(PROJECT / "notebooks" / f"{stage}.md")
    names, shell = notebooks.declared(notebook), InteractiveShell.instance()
    shell.reset(new_session=True)
    shown, glued = [], {}

    def show(value: Any) -> None:
        """What a cell ends with."""
        data = {} if value is None else shell.display_formatter.format(value)[0]
        shown.extend(text for kind, text in data.items() if kind in ("text/plain", "text/markdown"))

    shell.display_trap.hook = show
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        with capture_output() as captured:
            result = shell.run_cell(cell.source)
        if "parameters" in notebooks.tags(cell):
            shell.push({name: value for name, value in parameters.items() if name in names})
        result.raise_error()
        for output in captured.outputs:
            found = output.metadata.get("scrapbook", {}).get("name")
            if found:
                glued[found] = next(text for kind, text in output.data.items() if kind.endswith("text/plain"))
    return "\n".join(shown), glued


# What the stages show beside the log is the same for every log: computed for the first one, looked up for the others.
BESIDE = (
    (tables, "flawed_elsewhere_table"), (training, "committed"), (training, "against_oracle"), (measurements, "latest"),
    (engine_equality, "fast_against_reference"), (oracle, "optimum"),
)  # fmt: skip


# What every stage on a log begins with, from the same parameters: the log is read, cut and tried out once.
BEGINNING = (prepared, "prepare")


def once(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose result is kept by its first argument."""
    found: dict[str, Any] = {}

    def looked_up(*arguments: Any, **named: Any) -> Any:
        key = str(arguments[0]) if arguments and isinstance(arguments[0], str) else ""
        if key not in found:
            found[key] = function(*arguments, **named)
        return found[key]

    return looked_up


@pytest.fixture(scope="module", autouse=True)
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Evidence in a folder of its own; what does not hang on the log is computed once."""
    folder = tmp_path_factory.mktemp("evidence")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDIT_EVIDENCE", str(folder))
        patch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # the shell puts its own there
        for module, name in BESIDE:
            patch.setattr(module, name, once(getattr(module, name)))
        patch.setattr(*BEGINNING, cache(getattr(*BEGINNING)))
        yield folder


@pytest.mark.parametrize("shape", odd_logs.SHAPES)
def test_a_log_of_this_shape_goes_through_every_stage(shape: str, tmp_path: Path) -> None:
    path, columns = odd_logs.write(shape, tmp_path)
    said = {stage: run(stage, dataset=str(path), columns=columns, **SETTINGS) for stage in STAGES}
    shown = "\n".join(said[stage][0] for stage in STAGES if stage != "04_gru4rec")  # which quotes such words
    answers = " ".join(glued["answer"] for _, glued in said.values())
    assert not re.search(r"\bnan\b|\binf\b", shown + answers), "what cannot be computed is said in words"
    found = {stage: {key: value_of(text) for key, text in glued.items()} for stage, (_, glued) in said.items()}
    pages = {lang: title_page.markdown(found, lang) for lang in words.LANGUAGES}
    for page in pages.values():
        assert page.startswith(f"# {words.plain(shape)}\n")
        assert found["03_baselines"]["metric"] in page
        assert not re.search(r"\bnan\b|\binf\b|[{}]", page)
    assert CHECKS.get(shape, lambda _: True)(found), found
    if shape == "order_only":
        assert not DAYS.search(pages["en"] + pages["es"] + said["01_data"][0] + said["03_baselines"][0])


def _metric(stages: dict[str, dict[str, Any]]) -> str:
    return stages["03_baselines"]["metric"]


# What makes each of these logs what it is.
CHECKS = {
    "items_12": lambda found: found["02_split"]["catalogue"] == 12 and _metric(found) == "Recall@2",
    "items_60": lambda found: found["02_split"]["catalogue"] <= 60 and found["05_evaluation"]["n"] < 30,
    "order_only": lambda found: found["01_data"]["days"] < 0 and found["01_data"]["length_median"] > 30,
    "two_events": lambda found: found["01_data"]["probed"] == 0 and "markov_loss" not in found["01_data"],
    "three_years": lambda found: found["01_data"]["days"] > 1_000,
    "unpopular": lambda found: found["03_baselines"]["popularity"] == 0,
    "saturated": lambda found: _metric(found).startswith("MRR"),
}
