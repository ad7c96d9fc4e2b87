"""The checklist answers with places: every file, test and page that it names is there, and so is every command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from audit_lib.commands import cli
from audit_lib.files import PROJECT

BOOK = PROJECT / "book"
CHECKLIST = BOOK / "checklist.md"
PAGES = [BOOK / f"{name}.md" for name in ("technical_report", "limitations", "checklist", "if_your_number_differs")]
CODE = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"(?:[\w.-]+/)+[\w.*-]+\.\w+|[A-Z][\w-]+(?:\.\w+)?|[\w-]+\.(?:txt|toml|md|cff)")
ROLE = re.compile(r"\{(ref|doc)\}`(?:[^`<]*<)?([\w./-]+)>?`")
LABEL = re.compile(r"^\(([\w-]+)\)=", re.MULTILINE)
ANSWERS = ("Yes", "Partly", "No")


def rows() -> list[tuple[str, str, str]]:
    """Question, answer and place of every item."""
    lines = [line for line in CHECKLIST.read_text("utf8").splitlines() if line.startswith("| ")]
    cells = [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines]
    return [row for row in cells if row[0] not in ("Question", "---")]


def literals(text: str) -> list[str]:
    """What stands in code marks, roles left out."""
    return CODE.findall(re.sub(r"\{[\w-]+\}`[^`]*`", "", text))


def files(text: str) -> list[str]:
    """Of those, the names of files in the project."""
    return [name for name in literals(text) if FILE.fullmatch(name)]


def labels() -> set[str]:
    """Every place of the prose pages that can be referred to."""
    return {name for path in BOOK.glob("*.md") for name in LABEL.findall(path.read_text("utf8"))}


def test_every_item_has_a_question_an_answer_and_a_place() -> None:
    assert len(rows()) > 30
    for question, answer, place in rows():
        assert question.endswith("?"), question
        assert answer.startswith(ANSWERS), answer
        assert files(place) or ROLE.findall(place), question


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    missing = [name for name in files(page.read_text("utf8")) if not list(PROJECT.glob(name))]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    found = ROLE.findall(page.read_text("utf8"))
    assert found
    lost = [name for kind, name in found if kind == "doc" and not (BOOK / f"{name}.md").is_file()]
    lost += [name for kind, name in found if kind == "ref" and name not in labels()]
    assert lost == []


@pytest.mark.parametrize("page", [*PAGES, BOOK / "commands.md"], ids=lambda path: path.stem)
def test_every_command_of_a_page_exists_with_its_options(page: Path) -> None:
    for line in re.findall(r"python -m audit_lib [^`\n]+", page.read_text("utf8")):
        name, *words = line.split()[3:]
        command = cli.get_command(None, name)
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_a_name_that_is_no_file_is_not_taken_for_one() -> None:
    text = "`audit_lib/x.py`, {ref}`methods`, `make book`, `data_hash`, `README.md`"
    assert files(text) == ["audit_lib/x.py", "README.md"]


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z_]+):", (PROJECT / "Makefile").read_text("utf8"), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"`make (\w+)`", page.read_text("utf8"))}
    assert named
    assert named <= targets
