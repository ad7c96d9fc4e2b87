"""What the book adds to Sphinx: directives, roles and what pages of two languages need. One extension of many parts.

Each part has a `setup` of its own; the book's is below.

    bilingual, theme_words, accessible    two languages, and every reader
    computed, quoted_facts, from_code     numbers, tables and figures in prose
    claim_ledger, front_page, status_page, interactive    single pages
    reference                     the commands and the library, from the code
    data_files, definitions, header_buttons, social    what stands beside the text
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from book.press.directives import (
    accessible,
    bilingual,
    claim_ledger,
    computed,
    data_files,
    definitions,
    from_code,
    front_page,
    header_buttons,
    interactive,
    quoted_facts,
    reference,
    social,
    status_page,
    theme_words,
)

# In the order in which they are connected: the last to see a page is the last here.
PARTS = (
    bilingual, from_code, computed, claim_ledger, front_page, social, quoted_facts, interactive, data_files,
    definitions, status_page, reference, theme_words, header_buttons, accessible,
)  # fmt: skip


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect every part. Pages are read again when a file of this package changes."""
    for part in PARTS:
        part.setup(app)
    files = sorted(Path(__file__).parent.glob("*.py"))
    version = zlib.crc32(b"".join(path.read_bytes() for path in files))
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": version}
