"""Tables as CSV that a reader may open in a spreadsheet: the same data, the same bytes, and no cell a formula."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what makes a spreadsheet evaluate a cell
_NUMBER = re.compile(r"[+-]?(\d[\d,]*\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]inf")


def protected(value: Any) -> Any:
    """A cell as it is, unless a spreadsheet would evaluate it: text that begins like a formula gets an apostrophe."""
    if isinstance(value, str) and value.startswith(_FORMULA) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def csv_text(table: pd.DataFrame) -> str:
    """The table as CSV without its index: numbers to nine digits, lines end in a line feed, formulas disarmed."""
    safe = table.map(protected)
    safe.columns = [protected(str(name)) for name in table.columns]
    return safe.to_csv(index=False, float_format="%.9g", lineterminator="\n")
