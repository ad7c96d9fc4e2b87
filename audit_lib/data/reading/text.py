"""Text files of events: separator, header, quotation marks, and the events as pieces of text columns.

Every line that is not empty is one event. What is read is counted against the lines of the file, and a line with
another number of fields than the header is an error that names it. Identifiers stay the text that they are.

Quotation marks. A field that begins with one and ends with one on the same line is quoted, as in RFC 4180: separators
may stand inside, two marks are one. If a field of the file begins with a mark that closes nowhere on its line, nobody
quoted this file: every mark is then a character like others. So it is where a file by tabs has marks around some ids of
a column that need none: a program that quotes would have quoted all of them.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from audit_lib.data.logs import COLUMNS, ITEM, SESSION
from audit_lib.data.reading import files
from audit_lib.errors import InputError

MAX_COLUMNS, MAX_HEADER = 10_000, 10_000_000
BLOCK = 1 << 24  # bytes read at a time; no line may be longer
CHUNK = 1_000_000  # rows of a piece at most
SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas", "|": "'|'"}
_LINE_ENDS = np.frombuffer(b"\n\r", np.uint8)


@dataclass(frozen=True)
class Text:
    """A text file that has been looked through once. columns: all names of the header. names: that of each role.

    skip: lines up to and with the header. lines: lines that are not empty, without the header. stray: number of the
    first line with a quotation mark that closes nowhere. quoted: whether marks quote.
    """

    path: Path
    separator: str
    columns: list[str]
    names: dict[str, str]
    skip: int
    lines: int
    quoted: bool
    stray: int | None

    def pieces(self) -> Iterator[pa.RecordBatch]:
        """SessionId, ItemId and Time as text, some rows at a time. Raises InputError for a line that is no row."""
        fields = [f"f{i}" for i in range(len(self.columns))]
        own = [fields[self.columns.index(self.names[role])] for role in COLUMNS]
        read = pa.csv.ReadOptions(column_names=fields, skip_rows=self.skip, block_size=BLOCK, use_threads=False)
        parse = pa.csv.ParseOptions(delimiter=self.separator, quote_char='"' if self.quoted else False)
        as_text = pa.csv.ConvertOptions(
            column_types=dict.fromkeys(own, pa.string()), include_columns=own, strings_can_be_null=False
        )
        rows = 0
        try:
            with files.open_bytes(self.path) as file:
                for batch in pa.csv.open_csv(file, read, parse, as_text):
                    for start in range(0, len(batch), CHUNK):
                        piece = batch.slice(start, CHUNK)
                        yield pa.RecordBatch.from_arrays(piece.columns, names=list(COLUMNS))
                    rows += len(batch)
        except pa.ArrowInvalid as error:
            self._name_the_line()
            raise InputError(f"'{self.path}' cannot be read as {self.path.suffix}: {error}") from error
        if rows != self.lines:
            self._name_the_line()
            raise InputError(f"'{self.path}': {rows} events were read from {self.lines} lines. Report this file.")

    def line_of(self, row: int) -> int:
        """The number of the line (from 1) that holds an event (from 0)."""
        if self.lines == 0:
            return self.skip + 1 + row
        return next(number for i, (number, _) in enumerate(self._events()) if i == row)

    def _events(self) -> Iterator[tuple[int, str]]:
        return ((number, line) for number, line in lines_of(self.path) if number > self.skip)

    def _name_the_line(self) -> None:
        """Raises InputError for the first line with another number of fields than the header."""
        field = _field(self.separator)
        for number, line in self._events():
            found = len(field.findall(line)) if self.quoted and '"' in line else line.count(self.separator) + 1
            if found != len(self.columns):
                said = (
                    f"'{self.path}' cannot be read as {self.path.suffix}: line {number} has {found} fields, and its "
                    f"header {len(self.columns)} (separated by {SEPARATORS[self.separator]})."
                )
                if '"' in line and self.stray is not None:
                    where = "this line" if self.stray == number else f"line {self.stray}"
                    raise InputError(
                        f"{said} On {where} a field begins with a quotation mark and does not end with one, so the "
                        f"marks of this file quote nothing. Correct {where}."
                    )
                raise InputError(f"{said} Correct the line.")


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Number (from 1) and text of every line that is not empty, whatever its line end."""
    with files.open_bytes(path) as file, io.TextIOWrapper(file, "utf-8-sig") as text:
        for number, line in enumerate(text, 1):
            if line != "\n":
                yield number, line.removesuffix("\n")


def survey(path: Path, ending: str, columns: Mapping[str, str]) -> Text:
    """Looks through a text once: separator, header, lines and quotation marks. columns: as for `reading.read_log`.

    Raises InputError if it is no text in UTF-8, has no header with the needed columns, or a header without bound.
    """
    skip, header = _header(path)
    separator, present, names = _columns(path, ending, header, columns)
    lines, marks = _count(path)
    quoted, stray = marks, None
    if marks:
        ids = [present.index(names[role]) for role in (SESSION, ITEM)]
        quoted, stray = _quotation(path, skip, separator, ids, lines - 1)
    return Text(path, separator, present, names, skip, lines - 1, quoted, stray)


def _header(path: Path) -> tuple[int, str]:
    """Number and text of the first line that is not empty."""
    with files.open_bytes(path) as file:
        first = file.readline(MAX_HEADER + 1)
        files.refuse_other_kinds(path, first[:4096])
        skip = 1
        while first and not first.strip(b"\r\n\xef\xbb\xbf"):
            first, skip = file.readline(MAX_HEADER + 1), skip + 1
    line = re.split(rb"[\r\n]", first, maxsplit=1)[0]
    if not line:
        raise InputError(f"'{path}' cannot be read as {path.suffix}: No columns, it is empty.")
    most = max(line.count(separator.encode()) for separator in SEPARATORS) + 1
    if len(line) > MAX_HEADER or most > MAX_COLUMNS:
        raise InputError(
            f"'{path}': its first line has {most} columns or more in {len(line)} bytes or more; a log needs three, "
            f"and at most {MAX_COLUMNS} are read. Keep only {', '.join(COLUMNS)}."
        )
    try:
        return skip, line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"'{path}' cannot be read as {path.suffix}: line {skip} is not utf-8 ({error.reason}). Save it as UTF-8."
        ) from error


def _columns(path: Path, ending: str, header: str, columns: Mapping[str, str]) -> tuple[str, list[str], dict[str, str]]:
    """Separator, all names and those of the three roles: by the ending, else by whichever separator finds them."""
    usual = "," if ending in files.COMMAS else "\t"
    split = {separator: _names(header, separator) for separator in (usual, *(s for s in SEPARATORS if s != usual))}
    atomic = ending == ".inter"
    widest = usual if len(split[usual]) > 1 else max(split, key=lambda s: len(split[s]))
    separator = next((s for s in split if files.matching(split[s], columns, atomic=atomic)), widest)
    present = split[separator]
    try:
        return separator, present, files.own_names(path, present, columns, atomic=atomic)
    except InputError as error:
        if len(present) == 1:
            raise InputError(f"{error} Its header is a single field: separate columns by tabs, ',' or ';'.") from error
        raise


def _names(header: str, separator: str) -> list[str]:
    fields = next(csv.reader([header], delimiter=separator)) if '"' in header else header.split(separator)
    return [field.strip().strip('"') for field in fields]


def _count(path: Path) -> tuple[int, bool]:
    """Lines that are not empty, and whether there is a quotation mark. Raises InputError if it is not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines, marks, before, seen = 0, False, True, 0
    try:
        with files.open_bytes(path) as file:
            file.read(len(codecs.BOM_UTF8)) if _has_mark(path) else None
            while block := file.read(BLOCK):
                decoder.decode(block)
                ends = np.isin(np.frombuffer(block, np.uint8), _LINE_ENDS)
                lines += int((~ends & np.concatenate([[before], ends[:-1]])).sum())
                marks = marks or b'"' in block
                before = bool(ends[-1])
                seen += block.count(b"\n")
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line = seen + error.object[: error.start].count(b"\n") + 1
        raise InputError(
            f"'{path}' cannot be read as {path.suffix}: line {line} is not utf-8 ({error.reason}). Save it as UTF-8."
        ) from error
    return lines, marks


def _has_mark(path: Path) -> bool:
    with files.open_bytes(path) as file:
        return file.read(3) == codecs.BOM_UTF8


def _field(separator: str) -> re.Pattern[str]:
    """One field and the separator before it, or the beginning of the line."""
    s = re.escape(separator)
    return re.compile(rf'(?:^|{s})("[^"]*(?:""[^"]*)*"(?=$|{s})|(?!")[^{s}]*)')


def _quotation(path: Path, skip: int, separator: str, ids: list[int], lines: int) -> tuple[bool, int | None]:
    """Whether quotation marks quote in this file, and the first line with one that closes nowhere."""
    field, quoted, needless = _field(separator), dict.fromkeys(ids, 0), dict.fromkeys(ids, 0)
    for number, line in lines_of(path):
        if '"' not in line:
            continue
        found = list(field.finditer(line))
        if sum(match.end() - match.start() for match in found) != len(line):
            return False, number
        if separator == "\t" and number > skip:
            for column in ids:
                value = found[column][1] if column < len(found) else ""
                quoted[column] += value[:1] == '"'
                needless[column] += value[:1] == '"' and '"' not in value[1:-1] and separator not in value
    return not any(needless[column] and quoted[column] < lines for column in ids), None
