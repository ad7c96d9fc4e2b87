"""A stage in two languages: computed once, printed twice, and only its prose made anew where only that has changed."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from book.press import dependence, notebooks, pipeline

PARAMETERS = """```{code-cell} python
:tags: [parameters]

lang = "en"
folder = ""
```
"""


def cells(*sources: str, lang: str = "en") -> list:
    """The cells of a notebook after papermill has injected a language."""
    given = [('lang = "en"', ["parameters"]), (f'lang = "{lang}"', ["injected-parameters"])]
    return [nbformat.v4.new_code_cell(source, metadata={"tags": tags})
            for source, tags in [*given, *((source, []) for source in sources)]]  # fmt: skip


def again(*sources: str) -> list[str | None]:
    """What runs again of cells with these sources for another language."""
    parts = dependence.to_run(cells(*sources, lang="es"), cells(*sources))
    return [parts[index] for index in range(2, len(sources) + 2)]


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (["a = slow()", "show(a)"], [None, None]),
        (["a = slow()", "show(a, lang)"], [None, "show(a, lang)"]),
        (["a = slow()\nshow(a, lang)"], ["\nshow(a, lang)"]),
        (["a = word(lang)", "b = a + 1", "show(b)"], ["a = word(lang)", "b = a + 1", "show(b)"]),
        # A name of two values: what it holds at the end is not what the first cell gave.
        (["a = 1", "show(a, lang)", "a = 2"], ["a = 1", "show(a, lang)", "a = 2"]),
        # What changes an object in place has to start from the same object.
        (["a = []", "a.append(1)", "show(a, lang)"], ["a = []", "a.append(1)", "show(a, lang)"]),
        (["a = {}", "a[0] = 1", "show(a, lang)"], ["a = {}", "a[0] = 1", "show(a, lang)"]),
        (["a.b = 1", "c = [a for a in range(2)]", "show(c, lang)"], [None, None, "show(c, lang)"]),
        (["import os", "os.sync()", "a = 1", "show(os, lang)"], [None, None, None, "show(os, lang)"]),
        (["a = (\n    slow()\n)\nshow(lang)"], ["\n\n\nshow(lang)"]),
        (["a = 1; show(lang)"], ["a = 1; show(lang)"]),
    ],
)
def test_what_reads_the_language_runs_again_and_what_does_not_is_left_out(sources, expected):
    assert again(*sources) == expected


def test_two_languages_give_the_bytes_that_each_gives_alone(tmp_path: Path) -> None:
    text = tmp_path / "01_trial.md"
    code = "runs = open(folder + '/runs', 'a')\nwith runs:\n    done = runs.write('x')"
    sources = (code, "3 * 4", "n = 3\nprint(lang, n)")
    written = [f"\nProse.\n\n```{{code-cell}} python\n{source}\n```\n" for source in sources]
    text.write_text("".join([PARAMETERS, *written]))
    parameters = {lang: {"lang": lang, "folder": str(tmp_path)} for lang in ("en", "es")}
    pipeline.run_all(text, {tmp_path / f"{lang}.ipynb": given for lang, given in parameters.items()}, root=tmp_path)
    assert (tmp_path / "runs").read_text() == "x", "the second language computed nothing again"
    pipeline.run(text, tmp_path / "alone.ipynb", parameters=parameters["es"], root=tmp_path)
    assert (tmp_path / "alone.ipynb").read_bytes() == (tmp_path / "es.ipynb").read_bytes()
    assert "es 3" in (tmp_path / "es.ipynb").read_text()


def test_new_prose_needs_no_run_but_new_code_a_new_file_or_a_changed_result_does(tmp_path, monkeypatch) -> None:
    text, log = tmp_path / "notebooks" / "01_trial.md", tmp_path / "log.tsv"
    text.parent.mkdir()
    text.write_text(PARAMETERS + "\nOld prose.\n\n```{code-cell} python\nprint(lang, open('log.tsv').read())\n```\n")
    log.write_text("first")
    monkeypatch.setattr(pipeline, "PROJECT", tmp_path)
    monkeypatch.setattr(pipeline, "stages", lambda: ["01_trial"])
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "_build" / "executed" / "es" / "notebooks" / "01_trial.ipynb"

    def run() -> str:
        done = CliRunner().invoke(pipeline.cli, ["run", "01_trial", "--reads", "log.tsv"], catch_exceptions=False)
        return "runs" if "done in" in done.output else "prose"

    monkeypatch.setattr(pipeline.run_all, "__kwdefaults__", {"root": tmp_path})
    assert run() == "runs"
    text.write_text(text.read_text().replace("Old prose", "New prose"))
    assert run() == "prose"
    assert "New prose" in out.read_text()
    assert "es first" in out.read_text()
    fresh = out.read_bytes()
    out.write_text(out.read_text().replace("es first", "es forged"))
    assert run() == "runs"
    assert out.read_bytes() == fresh, "prose made anew and a run give the same bytes"
    log.write_text("second")
    assert run() == "runs"
    text.write_text(text.read_text().replace("print(", "print('and', "))
    assert run() == "runs"
    assert notebooks.read(text).cells[-1].source.startswith("print('and'")
