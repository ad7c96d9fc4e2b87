"""Fixtures of the tests that look at the whole: a copy of the project, the book built in it, a browser."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings
from playwright.sync_api import Browser

from audit_lib.data import preparing
from audit_lib.data.datasets import Dataset
from audit_lib.data.splits import Split
from audit_lib.errors import MissingError
from audit_lib.files import ONE_THREAD, PROJECT, hold
from book.press import browser, execution
from book.press.browser import Tab

settings.register_profile("tests", deadline=None)  # no test asserts a time
settings.load_profile("tests")

STANDIN = """---
jupytext:
  formats: ipynb,md:myst
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# Stage {name}

What is in it?

```{{code-cell}} python
:tags: [parameters]

dataset = "none"
lang = "en"
columns = ""
```

```{{code-cell}} python
:tags: [hide-input]

print(f"{name}: {{dataset}} in {{lang}}")
```

That is what was seen.
"""
# The prose of a small book, beside the project's own glossary.
CONTENTS = """format: jb-book
root: book/index
parts:
  - caption: Start here
    chapters:
"""
PROSE = {"index": "# A small book\n\nIt is made of a few short pages.\n", "licences": "# Licences\n\nAll are free.\n"}

REPOSITORY = "owner/name"  # where the books of the tests are published


@dataclass(frozen=True)
class Project:
    """A copy of the project in which tests may run and change things."""

    root: Path
    pdf: str = ""  # languages whose PDF is made: it takes half a minute each

    def make(self, *arguments: str, ok: bool = True) -> str:
        """Run `make` here, in this environment, and return all that it said."""
        command = ["make", "READY=", f"RUN={sys.executable}", *arguments]
        done = subprocess.run(
            command, cwd=self.root, env=self.environment(), capture_output=True, text=True, check=False, timeout=1500
        )
        said = done.stdout + done.stderr
        assert (done.returncode == 0) is ok, said
        return said

    def python(self, *arguments: str) -> str:
        """Run Python here and return all that it said; it must succeed."""
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=self.root, env=self.environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
        return done.stdout + done.stderr

    def environment(self) -> dict[str, str]:
        """The environment of its commands: this project's library, not the one under test elsewhere."""
        evidence = str(self.root / "runs" / "evidence")
        own = {"PYTHONPATH": str(self.root), "AUDIT_EVIDENCE": evidence, "SOURCE_DATE_EPOCH": "1700000000"}
        own |= {"AUDIT_PDF": self.pdf, "REPOSITORY": REPOSITORY}
        return {**os.environ, **ONE_THREAD, **own, "PYTHONWARNINGS": execution.QUIET}

    def stale(self, *config: str) -> set[str]:
        """Names of the jobs that Snakemake would run now with these settings, like `stage 02_split` or `pages`."""
        triggers = ["--rerun-triggers", "mtime", "params", "input", *(["--config", *config] if config else [])]
        jobs, rule = set(), ""
        for line in self.python("-m", "snakemake", "-n", "--cores", "1", *triggers).splitlines():
            if line.startswith(("rule ", "localrule ")):
                rule = line.split()[1].rstrip(":")
                jobs.add(rule)
            elif found := re.search(r"^ *wildcards:.*\bstage=(\w+)", line):
                jobs = jobs - {rule} | {f"{rule} {found[1]}"}
        return jobs - {"book"}


def copy_project(target: Path, *, stages: Sequence[str] = (), pdf: str = "") -> Project:
    """Copy what is, or could be, under version control; with `stages`, a small book of our own instead of this one."""
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    skip = ("_build", "runs", "vendor", ".venv", ".git", ".snakemake", "__pycache__")
    names = listing.stdout.split("\n") if listing.returncode == 0 else [
        str(path.relative_to(PROJECT)) for path in PROJECT.rglob("*") if not set(path.parts) & set(skip)
    ]  # fmt: skip
    for name in filter(None, names):
        source = PROJECT / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    for compiled in PROJECT.glob("audit_lib/**/__pycache__/*.nb[ci]"):  # kernels, which take long to compile
        (target / compiled.relative_to(PROJECT)).parent.mkdir(exist_ok=True)
        shutil.copy2(compiled, target / compiled.relative_to(PROJECT))
    if stages:
        for old in (*target.glob("notebooks/*.md"), *target.glob("book/*.md")):
            if old.name != "glossary.md":
                old.unlink()
        texts = {f"notebooks/{name}": STANDIN.format(name=name) for name in stages}
        texts |= {f"book/{name}": text for name, text in PROSE.items()}
        for name, text in texts.items():
            (target / f"{name}.md").write_text(text, "utf8")
        chapters = [name for name in (*texts, "book/glossary") if name != "book/index"]
        contents = CONTENTS + "".join(f"      - file: {name}\n" for name in chapters)
        (target / "_toc.yml").write_text(contents, "utf8")
    return Project(target, pdf)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where files of tests run side by side: the one that builds the book first, those that only read it last."""
    items.sort(key=lambda item: 0 if item.path.name == "test_book.py" else 2 if needs_the_book(item.path) else 1)
    for item in items:
        if is_slow(item.path):
            item.add_marker("slow")


@cache
def needs_the_book(file: Path) -> bool:
    """Whether a file of tests has some that take one of the fixtures `book` and `site`, which take minutes to make."""
    return re.search(r"\b(book: Project|site: Path)\b", file.read_text("utf8")) is not None


@cache
def is_slow(file: Path) -> bool:
    """Whether a file of tests starts processes, runs stages, builds pages, gathers every number or fuzzes."""
    marks = r"\b(subprocess|compute_apart|Project|odd_logs|site: Path|builder|quantities|fuzz)\b"
    return re.search(marks, file.read_text("utf8")) is not None


def shared(factory: pytest.TempPathFactory) -> Path:
    """The temporary folder that all processes of a run of the tests have in common."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture
def prepare_real(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[Dataset, Split]]:
    """Prepares a data set of which the mirror or the cache holds the files: nothing is downloaded here."""

    def refuse(*_: object, **__: object) -> None:
        raise MissingError("not in AUDIT_MIRROR nor in the cache")

    def prepared(name: str) -> tuple[Dataset, Split]:
        try:
            return preparing.prepare(name)
        except MissingError as error:
            pytest.skip(f"{name}: {error}")

    monkeypatch.setattr("audit_lib.data.fetching._download", refuse)
    return prepared


@pytest.fixture(scope="session")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with three small stages of our own, of which the last reads no log, run once and built once."""
    stages = ("01_data", "02_split", "06_literature")
    project = copy_project(tmp_path_factory.mktemp("standin") / """o'neil "x" y""", stages=stages)
    literature = project.root / "notebooks" / "06_literature.md"
    text = re.sub(r"^(dataset|columns) = .*\n", "", literature.read_text("utf8"), flags=re.MULTILINE)
    literature.write_text(text.replace("{dataset}", "none"), "utf8")
    project.make("book")
    return project


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project itself, its stages run on synthetic clicks in the `tiny` profile, its site built, once for all."""
    folder = shared(tmp_path_factory) / "book"
    project, built = Project(folder / "project", "en es"), folder / "built"
    with hold(folder):
        if not built.exists():
            shutil.rmtree(folder, ignore_errors=True)
            copy_project(project.root)
            project.make("book", "DATASET=synthetic", "PROFILE=tiny")
            built.touch()
    return project


@pytest.fixture(scope="session")
def site(book: Project) -> Path:
    """The finished site."""
    return book.root / "_build" / "site"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests that need one."""
    if browser.BINARY is None:
        pytest.skip("no Chromium on this machine: install chromium (Debian: apt-get install chromium)")
    with browser.chromium() as running:
        yield running


@pytest.fixture(scope="session")
def tab(chromium: Browser) -> Tab:
    """A page of it."""
    return Tab(chromium)
