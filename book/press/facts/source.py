"""Where the pages have their numbers from: the committed evidence, and the ledger that is settled from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from audit_lib.errors import InputError
from audit_lib.evaluation.metrics import K
from audit_lib.evaluation.resampling import Measured
from audit_lib.stages import decision, literature
from audit_lib.study import claims, headline
from audit_lib.study.claims import Settled
from audit_lib.study.evidence import Run
from audit_lib.study.headline import Chosen
from audit_lib.study.literature_values import min_step
from audit_lib.study.measures import MEASURES
from audit_lib.study.results import ENGINES, Book, NotYet, over

GAP = "diginetica_gap"
CONSTRAINTS = ("free", "ten", "untrained", "first", "rare")  # of the decision table: see `decision.CONDITIONS`


@dataclass(eq=False)
class Source:
    """Where facts come from: the committed evidence, and the ledger settled from it (settled here if not given)."""

    book: Book = field(default_factory=Book)
    settled: Sequence[Settled] = ()
    _over: dict[tuple[object, ...], Measured] = field(default_factory=dict)
    _ours: dict[str, Chosen] = field(default_factory=dict)
    _simple: dict[str, Chosen] = field(default_factory=dict)

    @cached_property
    def ledger(self) -> Sequence[Settled]:
        return self.settled or [claims.settle(claim, self.book) for claim in claims.read()]

    def measure(self, name: str, /, **arguments: object) -> Measured:
        """A measure, from the ledger if a claim asks for it with these arguments. Raises NotYet without evidence."""
        for finding in (finding for s in self.ledger for finding in s.findings):
            if (finding.part.measure, finding.part.arguments) == (name, arguments):
                if finding.measured is None:
                    raise NotYet(*finding.missing)
                return finding.measured
        return MEASURES[name][0](self.book, **arguments)

    def findings(self, measure: str) -> list[tuple[dict[str, object], Measured]]:
        """Arguments and outcome of every part of the ledger with this measure that was measured, each once."""
        found = {}
        for finding in (finding for s in self.ledger for finding in s.findings):
            if finding.part.measure == measure and finding.measured is not None:
                found[frozenset(finding.part.arguments.items())] = finding.part.arguments, finding.measured
        return list(found.values())

    def over(self, runs: Sequence[Run], dataset: str, metric: str = "Recall") -> Measured:
        """Recall@20 (or MRR@20) over the targets of the publication, with its interval over sessions and seeds."""
        key = (metric, *(run.path for run in runs))
        if key not in self._over:
            self._over[key] = over(runs, metric, K, min_step(dataset))
        return self._over[key]

    def score(self, dataset: str, group: str, recommender: str, metric: str = "Recall") -> Measured:
        """`over` the seeds there are; the page says how many. Raises NotYet if there is none."""
        return self.over(self.runs(dataset, group, recommender), dataset, metric)

    def runs(self, dataset: str, group: str, recommender: str) -> list[Run]:
        """One run a seed, those that there are. Raises NotYet if there is none."""
        wanted = {"dataset": dataset, "group": group, "recommender": recommender}
        return self.book.present(**wanted) or self.book.runs(**wanted)

    def trained(self) -> list[list[Run]]:
        """Every training of GRU4Rec, of any version and with any change: one run a seed. Raises NotYet without any."""
        found: dict[str, dict[int, Run]] = {}
        for run in self.book.present():
            if run.recommender in ENGINES:
                found.setdefault(str(run.path).rpartition("-s")[0], {})[run.seed] = run
        if not found:
            raise NotYet("gru4rec")
        return [list(by_seed.values()) for by_seed in found.values()]

    def gru4rec(self, dataset: str) -> Chosen:
        """The headline training of a log. Raises NotYet if there is none."""
        if dataset not in self._ours:
            self._ours[dataset] = headline.needed(headline.of(self.book, dataset), f"{dataset}, gru4rec")
        return self._ours[dataset]

    def simple(self, dataset: str) -> Chosen:
        """The best simple recommender of a log, chosen on validation. Raises NotYet if none ran."""
        if dataset not in self._simple:
            self._simple[dataset] = headline.needed(headline.best_simple(self.book, dataset), f"{dataset}, simple")
        return self._simple[dataset]

    @cached_property
    def decisions(self) -> pd.DataFrame:
        """`decision.table` under the constraints of the summary. Raises NotYet without its records."""
        found = decision.table(self.book, CONSTRAINTS)
        if found.empty:
            raise NotYet("a data set with evidence of GRU4Rec and of every simple recommender")
        return found

    @cached_property
    def gap(self) -> pd.DataFrame:
        """`literature.ablations` of the Diginetica gap, labels in English."""
        return literature.ablations(self.book, dataset="diginetica", group=GAP)

    @property
    def ablations(self) -> pd.DataFrame:
        """The same without the row in which nothing is changed."""
        return self.gap[self.gap["variant"].notna()].reset_index(drop=True)


Quantity = Measured | str
Fact = Callable[[Source], Quantity]


def awaited(groups: Iterable[str], source: Source) -> tuple[int, int]:
    """How many experiments of these groups of the study lack evidence, and how many there are."""
    planned = [e for group in groups for e in source.book.planned(group=group)]
    if not planned:
        raise InputError(f"The study has no group {', '.join(groups)}.")
    return sum(source.book.run_of(e) is None for e in planned), len(planned)
