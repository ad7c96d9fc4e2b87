"""The ledger of claims as a page, in Markdown: every claim with its verdict, and the words of a badge.

What it says comes from `claims`; `book/press/directives/claim_ledger.py` puts it on the pages.
"""

from __future__ import annotations

from collections.abc import Iterable

from audit_lib.show import words
from audit_lib.show.words import VERDICTS, Translate, plain
from audit_lib.stages import literature
from audit_lib.study.claims import Settled

PAGE = "book/ledger"
SHOWN = 6  # names of missing evidence before the rest is only counted


def anchor(claim_id: str) -> str:
    """Where a claim stands on the page."""
    return f"claim-{claim_id}"


def word(settled: Settled, lang: str = "en") -> str:
    """Its verdict in the reader's language."""
    return words.translator(lang)(VERDICTS[settled.verdict])


def title(settled: Settled, lang: str = "en") -> str:
    """What a badge says when it is pointed at: the verdict and the claim."""
    return f"{settled.claim.id}, {word(settled, lang)}: {settled.claim.text('claim', lang)}"


def download(lang: str = "en") -> str:
    """The words of the link to the JSON file."""
    _ = words.translator(lang)
    return _("Download the ledger as JSON")


def counts(settled: Iterable[Settled], lang: str = "en") -> list[str]:
    """A table of every verdict, also of one that no claim has: how many claims have it, and which."""
    settled, _ = list(settled), words.translator(lang)
    rows = []
    for verdict, name in VERDICTS.items():
        ids = [s.claim.id for s in settled if s.verdict == verdict]
        rows.append((_(name), str(len(ids)), " ".join(f"{{claim}}`{claim_id}`" for claim_id in ids) or "–"))
    rows.append((_("All"), str(len(settled)), ""))
    return _table([_("Verdict"), _("Claims"), _("Which")], rows, sides="lrl")


def entry(s: Settled, lang: str = "en") -> list[str]:
    """A claim: its sentence, its source, how it is measured, what was found, and what is missing."""
    _, claim = words.translator(lang), s.claim
    lines = [
        f"> {plain(claim.text('claim', lang))}", "",
        f"**{_('Source')}:** {{cite:t}}`{claim.source}`", "",
        f"**{_('Measurement')}:** {plain(claim.text('measurement', lang))}", "",
    ]  # fmt: skip
    found = literature.findings_table([s], lang)
    if rows := [[plain(cell) for cell in row[1:]] for row in found.rows()]:
        lines += [*_table([_(name) for name in found.data.columns[1:]], rows, sides="llrrrl"), ""]
    if claim.untestable:
        lines += [f"**{_('Why it cannot be tested offline')}:** {plain(claim.text('untestable', lang))}", ""]
    return lines + _missing(s.missing, _)


def _missing(names: list[str], _: Translate) -> list[str]:
    if not names:
        return []
    more = f" … ({len(names)})" if len(names) > SHOWN else ""
    return [f"**{_('Missing')}:** " + ", ".join(f"`{name}`" for name in names[:SHOWN]) + more, ""]


def _table(headings: list[str], rows: Iterable[Iterable[str]], *, sides: str) -> list[str]:
    rule = [{"l": "---", "r": "--:"}[side] for side in sides]
    return [f"| {' | '.join(row)} |" for row in (headings, rule, *rows)]
