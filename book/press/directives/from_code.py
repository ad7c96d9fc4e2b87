"""Directives that write what the code already knows, so that no page repeats it by hand.

`{data-sets}` is a table of the registry, `{deviations}` the list of `# DEVIATION:` comments, `{citation}` how to cite
this work, `{defence}` a table of how the report is tried, `{growth}` and `{own-cost}` tables of what large logs and the
numbers of the book cost. Their words go through the page's catalogue like any others; names and counts do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import audit_lib
from audit_lib.data import registry as sources
from audit_lib.data.registry import Entry, Manual
from audit_lib.show.words import DATA_SETS, typeset
from audit_lib.study import records
from book.press import citation
from book.press.facts import defence_page

LIBRARY = Path(audit_lib.__file__).parent
MARK = re.compile(r"#\s*DEVIATION:\s*(.+)")
SPECIAL, ESCAPED = re.compile(r"([*_`<$|])"), r"\\\1"  # what Markdown would read as markup
NOT_CITED = {"ours", "seed_demo"}
COMMANDS = {
    "book": "The whole book from a fresh clone, in both languages, without PDFs",
    "sentence": "The same again, when one page has a sentence more",
    "help": "The list of commands, `python -m audit_lib --help`",
    "ledger": "The ledger, `python -m audit_lib claims`",
    "multiverse": "{stage}`08_multiverse`, in both languages",
}  # of `measurements.book_speed`


class FromCode(SphinxDirective):
    """A directive whose content is Markdown written by `lines`."""

    def lines(self) -> list[str]:
        """The Markdown."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Parse it; words are for translation, what has none is not."""
        container = nodes.container()
        source, line = self.get_source_info()
        self.state.nested_parse(StringList(self.lines(), source), self.content_offset, container)
        for paragraph in container.findall(nodes.paragraph):
            paragraph.source, paragraph.line = source, line  # without a source nothing is translated
            words = "".join(node.astext() for node in paragraph.findall(nodes.Text) if not is_code(node))
            if not re.search(r"[^\W\d_]{2}", words):
                paragraph["translatable"] = False
        return container.children


def is_code(node: nodes.Text) -> bool:
    """Whether a text is the content of a literal."""
    return isinstance(node.parent, nodes.literal)


class DataSets(FromCode):
    """The registry. `kind`: `counts`, `terms` (of those that a program can get) or `original` (owners' files)."""

    option_spec = {"kind": lambda value: directives.choice(value, ("counts", "terms", "original"))}  # noqa: RUF012

    def lines(self) -> list[str]:
        self.env.note_dependency(sources.__file__)
        registry = sources.REGISTRY.values()
        if self.options["kind"] == "counts":
            rows = [counts(source) for source in registry if source.counts]
            return ["| Name | Events | Sessions | Items | Times |", "|---|--:|--:|--:|---|", *rows]
        wanted = self.options["kind"] == "original"
        rows = [terms(source) for source in registry if is_original(source) is wanted]
        return ["| Name | Data set | Licence or terms |", "|---|---|---|", *rows]


def is_original(source: Entry) -> bool:
    """Whether only the owner gives it out, without a fixed file."""
    return isinstance(source.get, Manual) and None in source.files.values()


def counts(source: Entry) -> str:
    """A row of counts; thousands are set apart by a narrow space, the same in both languages."""
    numbers = [typeset(f"{source.counts[key]:,}") for key in ("events", "sessions", "items")]
    return f"| {called(source)} | {' | '.join(numbers)} | {source.time} |"


def called(source: Entry) -> str:
    """The name of a data set in text, and in commands."""
    return f"{DATA_SETS[source.name]} (`{source.name}`)"


def terms(source: Entry) -> str:
    """A row of title, linked to the owner's page if only the owner has it, citation and licence."""
    title = f"[{source.title}]({source.get.page})" if is_original(source) else source.title
    cited = f" {{cite:p}}`{source.citation_key}`" if source.citation_key not in NOT_CITED else ""
    return f"| {called(source)} | {title}{cited} | [{source.licence}]({source.licence_url}) |"


class Growth(FromCode):
    """Lays out the record `bench_growth`: each step at each size, measured or extrapolated."""

    def lines(self) -> list[str]:
        self.env.note_dependency(str(records.FOLDER / "bench_growth.json"))
        table = records.read("bench_growth").sort_values(["step", "events"], kind="stable", ascending=[False, True])
        head = "| Step | Events | Processor seconds | Peak memory, GB | How it is known |"
        rows = [
            f"| {row.step} | {typeset(f'{row.events:,}')} | {row.processor_seconds:.0f} | {row.memory:.1f} | "
            f"{'measured' if row.measured else 'extrapolated'} |"
            for row in table.assign(memory=table["peak_memory_mb"] * 2**20 / 1e9).itertuples()
        ]
        return [head, "|---|--:|--:|--:|---|", *rows]


class OwnCost(FromCode):
    """Lays out the records `bench_book_earlier` and `bench_book`: what commands cost before, and cost now."""

    def lines(self) -> list[str]:
        names = ("bench_book_earlier", "bench_book")
        for name in names:
            self.env.note_dependency(str(records.FOLDER / f"{name}.json"))
        before, now = (records.read(name).set_index("what")["seconds"] for name in names)
        rows = [f"| {COMMANDS[what]} | {before[what]:.1f} | {now[what]:.1f} |" for what in now.index]
        return ["| Command | Processor seconds before | Processor seconds now |", "|---|--:|--:|", *rows]


class Deviations(FromCode):
    """Each `# DEVIATION:` comment of the library, with the file that holds it."""

    def lines(self) -> list[str]:
        for path in LIBRARY.rglob("*.py"):
            self.env.note_dependency(str(path))
        return [f"- `{name}`: {SPECIAL.sub(ESCAPED, text)}" for name, text in deviations()]


class HowToCite(FromCode):
    """CITATION.cff as a line of text and as BibTeX; a title is cited as it is, in any language."""

    def lines(self) -> list[str]:
        self.env.note_dependency(str(citation.FILE))
        return [f"> {citation.text(citation.read())}", "", "```bibtex", *citation.bibtex(citation.read()), "```"]

    def run(self) -> list[nodes.Node]:
        found = super().run()
        for node in found:
            for text in node.findall(nodes.TextElement):
                text["translatable"] = False
        return found


class Defence(FromCode):
    """A table of `book.press.facts.defence_page`: `table` is counts, conditions, mutants or supply."""

    option_spec = {"table": lambda value: directives.choice(value, tuple(defence_page.TABLES))}  # noqa: RUF012

    def lines(self) -> list[str]:
        for path in defence_page.sources():
            self.env.note_dependency(str(path))
        return defence_page.lines(self.options["table"])


def deviations() -> Iterator[tuple[str, str]]:
    """File, relative to the library, and text of each marked comment."""
    for path in sorted(LIBRARY.rglob("*.py")):
        for match in MARK.finditer(path.read_text("utf8")):
            yield path.relative_to(LIBRARY).as_posix(), match[1].strip()


def setup(app: Sphinx) -> None:
    """Register the directives."""
    app.add_directive("data-sets", DataSets)
    app.add_directive("deviations", Deviations)
    app.add_directive("growth", Growth)
    app.add_directive("own-cost", OwnCost)
    app.add_directive("citation", HowToCite)
    app.add_directive("defence", Defence)
