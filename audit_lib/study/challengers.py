"""Code of models that reported beating GRU4Rec: what it is, how it chooses its epoch, and where it was tried.

All of it is read from `book/challengers.toml`, whose facts were found by reading the code at the commit that it names.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from audit_lib.errors import one_of
from audit_lib.files import BOOK
from audit_lib.study import literature_values
from audit_lib.study.plan import Closed

FILE = BOOK / "challengers.toml"
About = Literal["ties", "batch", "validation", "prefix", "order", "rate", "leak", "device", "python"]


class Code(Closed):
    """A repository of a paper (a key of references.bib) at one commit. licence: '' if it has no licence file.

    last: the day of that commit. written_for: what its README asks for, '' if it does not say.
    """

    model: str
    paper: str
    year: int
    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    commit: str = Field(pattern=r"^[0-9a-f]{40}$")
    last: date
    licence: str
    written_for: str

    @property
    def name(self) -> str:
        """What its model is called in text, the same in every language."""
        return literature_values.model_name(self.model)


class Place(Closed):
    """A sentence about some lines of a code. lines: '39' or '39, 61-75'."""

    model: str
    file: str
    lines: str = Field(pattern=r"^\d+(-\d+)?(, \d+(-\d+)?)*$")
    says: str
    says_es: str

    @field_validator("lines")
    @classmethod
    def _upwards(cls, lines: str) -> str:
        numbers = [int(number) for number in lines.replace(",", " ").replace("-", " ").split()]
        if numbers != sorted(set(numbers)):
            raise ValueError(f"the lines '{lines}' do not go upwards")
        return lines

    def text(self, lang: str) -> str:
        """What it says in the reader's language."""
        return self.says_es if lang == "es" else self.says


class Choice(Place):
    """How a code chooses the epoch that it reports. apart: Recall and MRR are each of an epoch of its own."""

    part: Literal["test", "validation"]
    apart: bool


class Trap(Place):
    """Something else in a code that moves its values."""

    about: About


class Start(Closed):
    """How a code is started on generated sessions. See the file for what the fields hold."""

    model: str
    form: Literal["prefixes", "clicks"]
    folder: str
    data: str
    commands: tuple[tuple[str, ...], ...] = Field(min_length=1)


class Environment(Closed):
    """A Python and packages in which some of the codes are tried. when: of the present, or of the time of the code."""

    id: str
    when: Literal["today", "oldest", "own"]
    python: str = Field(pattern=r"^\d\.\d+$")
    packages: tuple[str, ...]
    models: tuple[str, ...]


class Challengers(Closed):
    """The whole file."""

    code: tuple[Code, ...]
    choice: tuple[Choice, ...]
    trap: tuple[Trap, ...]
    start: tuple[Start, ...]
    environment: tuple[Environment, ...]

    @model_validator(mode="after")
    def _whole(self) -> Challengers:
        known = [code.model for code in self.code]
        if len(set(known)) < len(known):
            raise ValueError("two codes are of one model")
        named = [*(row.model for rows in (self.choice, self.trap, self.start) for row in rows)]
        named += [model for environment in self.environment for model in environment.models]
        if strangers := sorted(set(named) - set(known)):
            raise ValueError(f"no code is of the model '{strangers[0]}'")
        if lacking := [m for m in known if m not in {c.model for c in self.choice} & {s.model for s in self.start}]:
            raise ValueError(f"it is not said how '{lacking[0]}' chooses its epoch, or how it is started")
        return self

    def of(self, model: str) -> Code:
        """The code of a model. Raises InputError for a model without one."""
        found = {code.model: code for code in self.code}
        return found[one_of("challenger", model, found)]

    def start_of(self, model: str) -> Start:
        """How the code of a model is started."""
        return next(start for start in self.start if start.model == self.of(model).model)

    def links(self, place: Place) -> list[tuple[str, str]]:
        """Lines and their address at the commit of the code, one pair for each stretch of lines."""
        code = self.of(place.model)
        root = f"https://github.com/{code.repository}/blob/{code.commit}/{place.file}"
        return [(part, root + "#" + "-".join(f"L{n}" for n in part.split("-"))) for part in place.lines.split(", ")]


@cache
def read(path: Path = FILE) -> Challengers:
    """The file, checked. Raises InputError if it is not right."""
    return Challengers.from_file(path, "list of challengers")
