"""Any sound log becomes a book: a small log of every shape goes through all the stages that read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from audit_lib import kept, pipeline
from tests import odd_logs

STAGES = ("01_data", "02_split", "03_baselines", "04_gru4rec", "05_evaluation")
SETTINGS = {"profile": "tiny", "seeds": "0"}
DAYS = re.compile(r"\bdays?\b|\bhours?\b|\bdías?\b|\bhoras?\b")


def run(stage: str, **parameters: Any) -> tuple[str, dict[str, Any]]:
    """All that a stage shows with these parameters, as text, and what it glues. Its cells run in this process."""
    notebook = pipeline.read(pipeline.ROOT / "notebooks" / f"{stage}.md")
    names, shell = pipeline.declared(notebook), InteractiveShell.instance()
    shell.reset(new_session=True)
    shown, glued = [], {}
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        with capture_output() as captured:
            result = shell.run_cell(cell.source)
        if "parameters" in pipeline.tags(cell):
            shell.push({name: value for name, value in parameters.items() if name in names})
        result.raise_error()
        for output in captured.outputs:
            found = output.metadata.get("scrapbook", {}).get("name")
            if found:
                glued[found] = next(text for kind, text in output.data.items() if kind.endswith("text/plain"))
        if result.result is not None:
            data, _metadata = shell.display_formatter.format(result.result)
            shown += [text for kind, text in data.items() if kind in ("text/plain", "text/markdown")]
    return "\n".join(shown), glued


@pytest.fixture(scope="module", autouse=True)
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Evidence, and intervals that are kept, in a folder of their own."""
    folder = tmp_path_factory.mktemp("evidence")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDIT_EVIDENCE", str(folder))
        patch.setenv(kept.FOLDER, str(folder / "kept"))
        yield folder


@pytest.mark.parametrize("shape", odd_logs.SHAPES)
def test_a_log_of_this_shape_goes_through_every_stage(shape: str, tmp_path: Path) -> None:
    path, columns = odd_logs.write(shape, tmp_path)
    said = {stage: run(stage, dataset=str(path), columns=columns, **SETTINGS) for stage in STAGES}
    shown = "\n".join(text for text, _ in said.values())
    assert not re.search(r"\bnan\b|\binf\b", shown), "what cannot be computed is said in words"
    glued = {f"{stage}::{key}": value for stage, (_, found) in said.items() for key, value in found.items()}
    assert glued["01_data::name"] == repr(shape)
