"""The book's own Spanish beside its English, as its catalogues stand."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
from babel.messages.pofile import read_po

from audit_lib.files import BOOK

LOCALE = BOOK / "locale" / "es" / "LC_MESSAGES"


def catalogues(folder: Path = LOCALE) -> pd.DataFrame:
    """page, messages, untranslated, words_en, words_es, ratio: the book's own Spanish beside its English.

    A row a catalogue of a page, and last 'all'. Words are what stands between spaces; of a message without a Spanish
    text only the English counts.
    """
    rows = []
    for path in sorted(folder.glob("*/*.po")):
        pairs = [(m.id, "" if m.fuzzy else m.string) for m in read_po(io.BytesIO(path.read_bytes())) if m.id]
        words = [sum(len(text.split()) for text in side) for side in zip(*pairs, strict=True)]
        page = path.relative_to(folder).with_suffix("").as_posix()
        rows.append((page, len(pairs), sum(not spanish for _, spanish in pairs), *words))
    table = pd.DataFrame(rows, columns=["page", "messages", "untranslated", "words_en", "words_es"])
    whole = table.drop(columns="page").sum()
    table.loc[len(table)] = {"page": "all", **whole.to_dict()}
    return table.assign(ratio=table["words_es"] / table["words_en"])
