"""The sources that Spanish pages offer: every message is found again in its source, and nothing but text changes."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from audit_lib.files import PROJECT
from book.press import notebooks, pipeline, translated
from book.press.site_check import messages

CATALOGUES = PROJECT / "book" / "locale" / "es" / "LC_MESSAGES"
KNOWN = {
    "One thing": ("Una cosa", False), "It is *so*, over two lines.": ("Es *así*.", False), "Head": ("Cabeza", False),
    "doubtful": ("dudoso", True), "empty": ("", False),
}  # fmt: skip


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("# Head", "# Cabeza"),
        ("It is *so*,\nover two lines.", "Es *así*."),
        ("- One thing\n- Head", "- Una cosa\n- Cabeza"),
        ("1. It is *so*, over\n   two lines.", "1. Es *así*."),
        ("> It is *so*,\n> over two lines.", "> Es *así*."),
        ("| Head | One thing |\n|---|---|", "| Cabeza | Una cosa |\n|---|---|"),
        ("One thing leads to another.", "One thing leads to another."),
        ("Not One thing", "Not One thing"),
        ("doubtful\n\nempty", "doubtful\n\nempty"),
    ],
)
def test_a_message_is_replaced_where_it_is_a_block_of_its_own(source: str, wanted: str) -> None:
    assert translated.markdown(source, KNOWN) == wanted


def test_what_a_translation_brings_is_not_translated_again() -> None:
    known = {"Head": ("One thing", False), "One thing": ("Una cosa", False)}
    assert translated.markdown("Head\n\nOne thing", known) == "One thing\n\nUna cosa"


def test_code_is_left_alone_and_captions_are_not() -> None:
    figure = {"figure": {"caption": "It is *so*,\nover two lines.\n"}, "image": {"alt": "One thing"}}
    cells = [nbformat.v4.new_markdown_cell("# Head"), nbformat.v4.new_code_cell("Head", metadata={"mystnb": figure})]
    done = translated.notebook(nbformat.v4.new_notebook(cells=cells), KNOWN)
    assert [cell.source for cell in done.cells] == ["# Cabeza", "Head"]
    assert done.cells[1].metadata.mystnb == {"figure": {"caption": "Es *así*."}, "image": {"alt": "Una cosa"}}


@pytest.mark.parametrize("stage", pipeline.stages())
def test_every_text_cell_of_a_stage_is_spanish_in_its_download(stage: str) -> None:
    known = messages(CATALOGUES / "notebooks" / f"{stage}.po")
    notebook = notebooks.read(PROJECT / "notebooks" / f"{stage}.md")
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    translated.notebook(notebook, known)
    prose = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    left = [text for text, (spanish, _) in known.items() if spanish != text and translated.pattern(text).search(prose)]
    assert left == []
    found = sum(spanish in prose for spanish, _ in known.values())
    assert found > 0.6 * len(known), "most messages are prose; the rest are captions and alternative texts"
    assert [cell.source for cell in notebook.cells if cell.cell_type == "code"] == code


def test_downloads_of_a_site_are_translated_in_place(tmp_path: Path) -> None:
    (tmp_path / "pages/_sources/book").mkdir(parents=True)
    (tmp_path / "po/book").mkdir(parents=True)
    page = tmp_path / "pages/_sources/book/page.md"
    page.write_text("# Head\n\nOther.\n", "utf8")
    (tmp_path / "po/book/page.po").write_text('msgid ""\nmsgstr ""\n\nmsgid "Head"\nmsgstr "Cabeza"\n', "utf8")
    translated.downloads(tmp_path / "pages", tmp_path / "po")
    assert page.read_text("utf8") == "# Cabeza\n\nOther.\n"
