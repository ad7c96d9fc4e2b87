"""What pages compute from the committed evidence, kept for the other builds of the book and for the next one.

`known` computes a value at most once a process. Both languages and the extraction of messages keep what they computed
in one folder beside their doctrees, with the digest of all that it follows from: evidence, code, words.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

import audit_lib
from audit_lib.files import BOOK, COMMITTED, hold, put, sha256
from audit_lib.files import digest as files_digest
from audit_lib.study.results import Book

NUMBERS: dict[Any, Any] = {}  # by a name


def known(name: Any, compute: Callable[[], Any]) -> Any:
    """A number, or several, computed if neither this build nor an earlier one has."""
    if name not in NUMBERS:
        NUMBERS[name] = compute()
    return NUMBERS[name]


@cache
def book() -> Book:
    """The committed evidence, read once a process."""
    return Book()


def digest() -> str:
    """Of all that numbers and verdicts follow from: when it changes, pages that show them are no longer right."""
    files = [*BOOK.glob("*.toml"), *BOOK.glob("*.csv"), BOOK / "references.bib"]
    files += [COMMITTED / "SHA256SUMS", *COMMITTED.glob("records/*.json")]
    code = (Path(audit_lib.__file__).parent, Path(__file__).parents[1])
    files += [*BOOK.glob("locale/*/LC_MESSAGES/labels.po"), *(path for part in code for path in part.rglob("*.py"))]
    return files_digest([sha256(path) for path in sorted(files) if path.is_file()])


def file(doctrees: str | Path) -> Path:
    """Where the builds whose doctrees lie beside one another keep their numbers."""
    return Path(doctrees).parent / "computed" / "numbers.pickle"


def picture(doctrees: str | Path, name: str, lang: str) -> Path:
    """Where a figure in a language is drawn."""
    return file(doctrees).parent / lang / f"{name}.svg"


def stored(path: Path, made_of: str) -> dict[Any, Any]:
    """The kept numbers, none if they follow from something else than is there now."""
    found, numbers = pickle.loads(path.read_bytes()) if path.is_file() else ("", {})
    return numbers if found == made_of else {}


def initialise(app: Sphinx, config: Any) -> None:
    """Have pages read again when a number may have changed."""
    config.audit_computed = digest()


def recall(app: Sphinx) -> None:
    """Take the numbers that are kept."""
    NUMBERS.update(stored(file(app.doctreedir), app.config.audit_computed))


def keep(app: Sphinx, env: Any) -> None:
    """Leave the numbers of this build to the others."""
    path, made_of = file(app.doctreedir), app.config.audit_computed
    path.parent.mkdir(parents=True, exist_ok=True)
    with hold(path):
        numbers = stored(path, made_of)
        if NUMBERS.keys() - numbers.keys():
            put({path: pickle.dumps((made_of, numbers | NUMBERS))})


def setup(app: Sphinx) -> None:
    """Connect what takes the numbers and what leaves them."""
    app.add_config_value("audit_computed", "", "env", str)
    app.connect("config-inited", initialise)
    app.connect("builder-inited", recall)
    app.connect("env-updated", keep)
