"""No log is misread in silence: identifiers are text, lines are accounted for; the same in the table and on disk."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audit_lib.data import datasets, large, reading
from audit_lib.data.large import sort
from audit_lib.data.large.read import as_events
from audit_lib.data.logs import COLUMNS, ITEM, SESSION, TIME
from audit_lib.data.preparing import prepare
from audit_lib.errors import AuditError, InputError, MissingError
from audit_lib.study import evidence

START = 1_700_000_000


def rows_of(items: list[str], *, sessions: list[str] | None = None) -> list[tuple[str, str, str]]:
    """Two events of each item, in sessions of two, a minute apart."""
    names = sessions or [f"s{i}" for i in range(len(items))]
    events = [(s, item) for s, item in zip(np.repeat(names, 2), items * 2, strict=True)]
    return [(str(s), item, str(START + 60 * t)) for t, (s, item) in enumerate(events)]


def write(path: Path, rows, separator: str = "\t", header=COLUMNS, end: str = "\n") -> Path:
    """The rows as they are: nothing is quoted."""
    path.write_bytes("".join(separator.join(map(str, row)) + end for row in [header, *rows]).encode())
    return path


def both(path: Path, tmp_path: Path, **options) -> list[pd.DataFrame]:
    """The events in the order of the log, as the table has them and as they lie on disk; ids as text."""
    table = reading.read(path, **options).log
    folder = tmp_path / f"work{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    source = reading.open_log(path, **options)
    found = sort.arrange(source, as_events(source, folder), folder, memory_mb=256, threads=1)
    session = np.repeat(np.arange(len(found.labels)), np.diff(found.offsets))
    disk = pd.DataFrame({SESSION: found.labels[session], ITEM: found.item_ids[found.items], TIME: found.times})
    return [log.assign(**{SESSION: log[SESSION].map(str), ITEM: log[ITEM].map(str)}) for log in (table, disk)]


def refused(path: Path, tmp_path: Path, **options) -> str:
    """What both paths say of a file that they refuse; they say the same."""
    said = []
    for read in (
        lambda: reading.read(path, **options),
        lambda: as_events(reading.open_log(path, **options), tmp_path),
    ):
        with pytest.raises(AuditError) as caught:
            read()
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert said[0].count(str(path)) == 1
    return said[0]


# --- identifiers

DISTINCT = {
    "leading zeros": ["007", "7", "07", "70"],
    "versions": ["1.1", "1.10", "1.100", "1"],
    "beyond a double": ["123456789012345678", "123456789012345679", "1.5", "2"],
    "exponents": ["0e300", "0", "1e5", "100000", "0e1"],
    "words for missing": ["NA", "null", "None", "nan", "NaN", "N/A", "<NA>", "-"],
    "truth": ["True", "TRUE", "true", "1"],
    "signs": ["-0", "0", "+1", "1", "-1"],
    "beyond 64 bits": [str(2**63 - 1), str(2**63), str(2**64), str(2**64 + 1)],
    "blanks and Unicode": ["a b", "a  b", " a b", "é", "e\u0301", "名", "\u2028x"],
    "hexadecimal": ["0x10", "16", "0b1"],
    "underscores": ["1_000", "1000"],
    "one stray mark": ['"a', "a", "b"],
    "inches": ['5"', "5", '5""'],
    "a mark inside": ['a"b', "ab", 'a""b'],
    "phrases": ['"new york"', "new york", "boston"],
    "apostrophes": ["'a'", "a", "'"],
    "comments": ["#1", "1", "//"],
}


@pytest.mark.parametrize("suffix", [".tsv", ".csv"])
@pytest.mark.parametrize("kind", DISTINCT)
@pytest.mark.parametrize("column", [SESSION, ITEM])
def test_distinct_texts_stay_distinct(tmp_path, kind, suffix, column):
    if suffix == ".csv" and kind == "phrases":
        pytest.skip("in a CSV a quoted field is the text inside")
    ids = DISTINCT[kind]
    rows = rows_of([f"i{k}" for k in range(len(ids))], sessions=ids) if column == SESSION else rows_of(ids)
    path = write(tmp_path / f"log{suffix}", rows, "," if suffix == ".csv" else "\t")
    for log in both(path, tmp_path):
        assert len(log) == len(rows)
        assert set(log[column]) == set(ids)


def test_integers_as_they_are_usually_written_stay_numbers_and_hash_as_before(tmp_path):
    path = write(tmp_path / "log.tsv", rows_of(["10", "-3", "0", "12345678901"], sessions=["1", "2", "3", "4"]))
    log = reading.read_log(path)
    assert (log[SESSION].dtype, log[ITEM].dtype) == (np.int64, np.int64)


def test_columns_of_parquet_keep_their_type(tmp_path):
    frame = pd.DataFrame({SESSION: [1, 1, 2, 2], ITEM: [1.5, 2.5, 1.5, 3.5], TIME: [START + i for i in range(4)]})
    frame.to_parquet(tmp_path / "a.parquet")
    log = reading.read_log(tmp_path / "a.parquet")
    assert (log[SESSION].dtype, log[ITEM].dtype) == (np.int64, np.float64)
    frame.assign(**{ITEM: ["007", "7", "07", "NA"]}).to_parquet(tmp_path / "b.parquet")
    for log in both(tmp_path / "b.parquet", tmp_path):
        assert log[ITEM].tolist() == ["007", "7", "07", "NA"]


def test_categories_and_timestamps_of_parquet_are_read(tmp_path):
    when = pd.to_datetime([START + i for i in range(4)], unit="s", utc=True).tz_convert("Asia/Tokyo")
    frame = pd.DataFrame({SESSION: [1, 1, 2, 2], ITEM: pd.Categorical(["b", "a", "b", "c"]), TIME: when})
    frame.to_parquet(tmp_path / "a.parquet")
    for log in both(tmp_path / "a.parquet", tmp_path):
        assert log[ITEM].tolist() == ["b", "a", "b", "c"]
        assert log[TIME].tolist() == [START + i for i in range(4)]


@pytest.mark.parametrize("blank", ["", "  "])
@pytest.mark.parametrize("column", [0, 1])
def test_a_blank_identifier_is_an_error_that_names_the_line(tmp_path, blank, column):
    rows = [list(row) for row in rows_of(["a", "b", "c"])]
    rows[3][column] = blank
    said = refused(write(tmp_path / "log.tsv", rows), tmp_path)
    assert f"column {COLUMNS[column]}: 1 rows, value is missing or NaN; first rows: 3, the first on line 5" in said


# --- lines


@pytest.mark.parametrize("marks", [1, 2, 3])
def test_no_quotation_mark_swallows_a_line(tmp_path, marks):
    rows = rows_of([f"{i} inch" for i in range(30)])
    for at in (5, 20, 41)[:marks]:
        rows[at] = (rows[at][0], f'"{rows[at][1]}', rows[at][2])
    path = write(tmp_path / "log.tsv", rows)
    found = reading.read(path)
    assert any("Line 7 has a quotation mark that closes nowhere" in note.text for note in found.notes)
    for log in both(path, tmp_path):
        assert sorted(zip(log[SESSION], log[ITEM], strict=True)) == sorted((s, i) for s, i, _ in rows)


@pytest.mark.parametrize(("suffix", "separator"), [(".csv", ","), (".tsv", "\t"), (".csv", ";")])
def test_a_file_that_was_quoted_by_a_program_is_read(tmp_path, suffix, separator):
    rows = rows_of(["a,b", 'say "x"', "c\td", "plain", "semi;colon"])
    for how in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL):
        with (tmp_path / f"log{suffix}").open("w", newline="") as file:
            csv.writer(file, delimiter=separator, quoting=how).writerows([COLUMNS, *rows])
        for log in both(tmp_path / f"log{suffix}", tmp_path):
            assert sorted(log[ITEM]) == sorted(i for _, i, _ in rows)


def test_a_line_end_inside_quotation_marks_is_an_error_that_names_the_line(tmp_path):
    rows = rows_of(["a", '"b\nc"', "d"])
    said = refused(write(tmp_path / "log.csv", rows, ","), tmp_path)
    assert "line 3 has 2 fields, and its header 3 (separated by commas). On this line a field begins with a" in said
    assert said.endswith("so the marks of this file quote nothing. Correct this line.")


def test_a_stray_mark_is_blamed_where_it_stands_not_where_a_field_was_quoted_rightly(tmp_path):
    rows = rows_of([f'"name, {i}"' for i in range(5)])
    rows[7] = (rows[7][0], '"name 3', rows[7][2])
    said = refused(write(tmp_path / "log.csv", rows, ","), tmp_path)
    assert "line 2 has 4 fields, and its header 3 (separated by commas). On line 9 a field begins with a" in said
    assert said.endswith("Correct line 9.")


@pytest.mark.parametrize(("extra", "found"), [(("x",), 4), (("x", "y"), 5)])
def test_a_line_with_too_many_or_too_few_fields_is_named_by_its_number(tmp_path, extra, found):
    rows = rows_of(["a", "b", "c", "d"])
    longer = [*rows[:4], (*rows[4], *extra), *rows[5:]]
    assert f"line 6 has {found} fields, and its header 3" in refused(write(tmp_path / "a.tsv", longer), tmp_path)
    shorter = [*rows[:4], rows[4][:2], *rows[5:]]
    assert "line 6 has 2 fields, and its header 3" in refused(write(tmp_path / "b.tsv", shorter), tmp_path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "mixed"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_every_line_is_an_event_whatever_its_end(tmp_path, end, mark):
    rows = rows_of(["a", "b", "c"])
    path = write(tmp_path / "log.tsv", rows, end="\n" if end == "mixed" else end)
    content = path.read_bytes().removesuffix(end.encode())  # nor is the last one lost
    path.write_bytes(mark + (content.replace(b"\n", b"\r\n", 2) if end == "mixed" else content))
    for log in both(path, tmp_path):
        assert [*zip(log[SESSION], log[ITEM], log[TIME], strict=True)] == [(s, i, float(t)) for s, i, t in rows]


def test_a_text_of_another_encoding_is_named_with_its_line(tmp_path):
    path = write(tmp_path / "log.tsv", rows_of(["a", "b", "Ã±"]))
    path.write_bytes(path.read_bytes().replace("Ã±".encode(), b"\xf1"))
    assert "line 4 is not utf-8" in refused(path, tmp_path)


# --- kinds of files


@pytest.mark.parametrize("name", ["log.csv.gz", "log.tsv.gz", "log.TXT.GZ", "log.inter.gz"])
def test_packed_texts_are_read(tmp_path, name):
    rows = rows_of(["007", "7", "c"])
    plain = write(tmp_path / "plain", rows, "," if "csv" in name else "\t").read_bytes()
    (tmp_path / name).write_bytes(gzip.compress(plain))
    for log in both(tmp_path / name, tmp_path):
        assert (len(log), log[ITEM].nunique()) == (len(rows), 3)
    assert datasets.safe_name(tmp_path / name) == "log"


def test_a_packed_text_that_was_cut_is_refused(tmp_path):
    plain = write(tmp_path / "plain", rows_of([str(i) for i in range(200)])).read_bytes()
    (tmp_path / "log.tsv.gz").write_bytes(gzip.compress(plain)[:-20])
    assert "cannot be read" in refused(tmp_path / "log.tsv.gz", tmp_path)


def test_atomic_files_are_read_by_their_own_names(tmp_path):
    rows = rows_of(["007", "7", "c"])
    header = ("session_id:token", "item_id:token", "timestamp:float")
    path = write(tmp_path / "clicks.inter", rows, header=header)
    for log in both(path, tmp_path):
        assert (len(log), log[ITEM].nunique()) == (len(rows), 3)
    users = write(tmp_path / "users.inter", rows, header=("user_id:token", *header[1:]))
    assert "lacks the column session_id" in refused(users, tmp_path)
    assert len(reading.read_log(users, columns={"SessionId": "user_id"})) == len(rows)
    assert len(reading.read_log(users, columns={"SessionId": "user_id:token"})) == len(rows)


@pytest.mark.parametrize(
    ("suffix", "separator"), [(".csv", ";"), (".tsv", ";"), (".tsv", ","), (".csv", "\t"), (".txt", "|")]
)
def test_another_separator_is_found_by_the_header_and_said(tmp_path, suffix, separator):
    rows = rows_of(["a", "b", "c"])
    path = write(tmp_path / f"log{suffix}", rows, separator)
    for log in both(path, tmp_path):
        assert len(log) == len(rows)
    assert any("separated by" in note.text for note in reading.read(path).notes)


@pytest.mark.parametrize(
    ("header", "columns", "message"),
    [
        (("a:b:c",), None, "Its header is a single field: separate columns by tabs, ',' or ';'"),
        (("SessionId", "ItemId", "Time", "ItemId"), None, "has 2 columns named ItemId"),
        (("SessionId", "ItemId", "Time"), {"ItemId": "SessionId"}, "one column cannot stand for two"),
        (("sid", "ItemId", "Time"), None, "lacks the column SessionId; it has sid, ItemId, Time"),
        (("4", "shoe", "1600000000"), None, "Its first line looks like an event: put a line with the names"),
    ],
)
def test_a_header_that_will_not_do_gets_its_own_sentence(tmp_path, header, columns, message):
    rows = [row[: len(header)] + ("x",) * (len(header) - 3) for row in rows_of(["a", "b"])]
    assert message in refused(write(tmp_path / "log.tsv", rows, header=header), tmp_path, columns=columns)


def test_columns_that_nobody_asks_for_may_be_named_alike(tmp_path):
    rows = [(*row, "x", "y") for row in rows_of(["a", "b"])]
    assert len(reading.read_log(write(tmp_path / "log.tsv", rows, header=(*COLUMNS, "note", "note")))) == 4


def test_a_folder_of_parquet_parts_is_read_in_order_and_its_hash_is_that_of_its_parts(tmp_path):
    folder = tmp_path / "clicks.parquet"
    (folder / "deeper").mkdir(parents=True)
    frame = pd.DataFrame(rows_of(["b", "a", "c", "d"]), columns=list(COLUMNS)).astype({TIME: "int64"})
    for name, part in (("part-00001", frame[4:]), ("part-00000", frame[:4])):
        part.to_parquet(folder / f"{name}.parquet", index=False)
    (folder / "_SUCCESS").write_text("")
    (folder / "._part-00000.parquet.crc").write_text("x")
    for log in both(folder, tmp_path):
        assert log[ITEM].tolist() == frame[ITEM].tolist()
    before = datasets.load(folder).data_hash
    frame[:4].assign(**{ITEM: "z"}).to_parquet(folder / "part-00000.parquet", index=False)
    assert datasets.load(folder).data_hash != before


@pytest.mark.parametrize(
    ("column", "first", "second", "message"),
    [
        (ITEM, [1, 2], ["07", "7"], "whole numbers in .*part-0.parquet' and text in .*part-1.parquet'"),
        (ITEM, ["07", "7"], [1, 2], "text in .*part-0.parquet' and whole numbers in"),
        (SESSION, [1, 1], [1.5, 2.0], "whole numbers in .* and numbers with a fraction in"),
        (TIME, [5, 6], pd.to_datetime(["2023-01-01", "2023-01-02"]), "whole numbers in .* and times without a zone"),
        (TIME, [5, 6], None, "part-1.parquet' lacks the column Time"),
    ],
)
def test_parts_that_disagree_are_refused_by_name(tmp_path, column, first, second, message):
    """Read as the first part has it, the text 07 would become the number 7."""
    usual = {SESSION: [1, 1], ITEM: [1, 2], TIME: [5, 6]}
    pd.DataFrame(usual | {column: first}).to_parquet(tmp_path / "part-0.parquet", index=False)
    other = pd.DataFrame(usual | ({} if second is None else {column: second}))
    (other if second is not None else other.drop(columns=column)).to_parquet(tmp_path / "part-1.parquet", index=False)
    with pytest.raises(InputError, match=message):
        reading.open_log(tmp_path)


def test_parts_may_differ_in_width_and_in_what_nobody_reads(tmp_path):
    usual = pd.DataFrame({SESSION: [1, 1], ITEM: ["a", "b"], TIME: [5, 6], "note": [1, 2]})
    usual.to_parquet(tmp_path / "part-0.parquet", index=False)
    usual.astype({SESSION: "int32", ITEM: "category"}).drop(columns="note").to_parquet(tmp_path / "part-1.parquet")
    assert sorted(reading.read(tmp_path).log[ITEM]) == ["a", "a", "b", "b"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("log.xlsx", b"x", r"has the ending '\.xlsx'; expected"),
        ("log.tsv", b"PK\x03\x04rest", "zip archive or a spreadsheet"),
        ("log.csv", gzip.compress(b"x", mtime=0), "compressed with gzip: let its name end in .gz"),
        ("log.csv", b"PAR1rest", "it is a Parquet file"),
        ("log.tsv", "SessionId\tItemId\tTime\n".encode("utf-16"), "not utf-8 but UTF-16"),
        ("log.parquet", b"SessionId\tItemId\tTime\n1\ta\t5\n", "cannot be read as .parquet"),
        ("log.parquet.gz", b"x", "has the ending '.parquet.gz'"),
        ("log.tsv", "Sesión\tItemId\tTime\n".encode("latin-1"), r"line 1 is not utf-8 \(.*\)\. Save it as UTF-8"),
    ],
)
def test_a_file_of_another_kind_gets_its_own_sentence(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        reading.open_log(tmp_path / name)


def test_a_folder_without_parts_is_said(tmp_path):
    with pytest.raises(MissingError, match="it is a folder, and holds no Parquet files"):
        reading.read(tmp_path)


@pytest.mark.parametrize(
    ("kind", "unit", "message"),
    [
        (pa.bool_(), None, "Time holds true and false"),
        (pa.time32("s"), None, "Time holds times of day without their dates"),
        (pa.duration("s"), None, "Time holds lengths of time"),
        (pa.timestamp("s"), "ms", "Time holds dates .* which need no time unit"),
        (pa.date32(), "order", "Time holds dates .* which need no time unit"),
    ],
)
def test_a_type_of_parquet_that_is_no_time_is_refused_by_name(tmp_path, kind, unit, message):
    times = pa.array([1, 2, 3, 4], pa.int32() if kind.bit_width == 32 else pa.int64()).cast(kind)
    pq.write_table(pa.table({"SessionId": [1, 1, 2, 2], "ItemId": [1, 2, 1, 2], "Time": times}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=rf"a\.parquet: column {message}"):
        reading.read(tmp_path / "a.parquet", time_unit=unit)


def test_bytes_of_parquet_are_text_and_none_of_them_may_be_empty(tmp_path):
    for items, wrong in (([b"a", b"b", b"\xc3\xb1", b"a"], None), ([b"a", b"", b"b", b"a"], "value is missing")):
        table = pa.table({"SessionId": [1, 1, 2, 2], "ItemId": items, "Time": [1, 2, 3, 4]})
        pq.write_table(table, tmp_path / "a.parquet")
        if wrong is None:
            assert [log[ITEM].tolist() for log in both(tmp_path / "a.parquet", tmp_path)] == [["a", "b", "ñ", "a"]] * 2
        else:
            assert wrong in refused(tmp_path / "a.parquet", tmp_path)


@pytest.mark.parametrize("unit", [None, "order"])
def test_positions_that_begin_at_0_in_some_sessions_and_at_1_in_others_are_an_order(tmp_path, unit):
    rows = [(s, i % 3, i + s % 2) for s in range(20) for i in range(4)]
    for log in both(write(tmp_path / "log.tsv", rows), tmp_path, time_unit=unit):
        assert log[TIME].tolist() == list(range(80))
        assert log[SESSION].tolist() == [str(s) for s in range(20) for _ in range(4)]


def test_one_time_for_all_is_no_order_unless_the_order_of_the_lines_is_asked_for(tmp_path):
    path = write(tmp_path / "log.tsv", [(s, s % 3, 5) for s in (2, 2, 1, 1, 3, 3)])
    assert reading.read(path).time == "real"
    found = reading.read(path, time_unit="order")
    assert found.time == "order"
    assert found.log[SESSION].tolist() == [2, 2, 1, 1, 3, 3]


def test_a_single_event_is_no_log(tmp_path):
    assert "holds a single event" in refused(write(tmp_path / "log.tsv", [(1, 1, 5)]), tmp_path)


def test_an_own_column_part_is_mentioned(tmp_path):
    rows = [(*row, "train") for row in rows_of(["a", "b"])]
    found = reading.read(write(tmp_path / "log.tsv", rows, header=(*COLUMNS, "Part")))
    assert any("Part is not used: the split is by time" in note.text for note in found.notes)


def test_a_large_log_in_any_form_has_the_split_of_its_table(tmp_path, monkeypatch):
    """The whole way: text with mixed ids, packed, by ';', and a folder of parts give one split."""
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    ids = ["007", "7", "1.10", "1.1", "NA", '"x', "y z"]
    pairs = [(s, step) for s in range(300) for step in range(3)]
    rows = [(f"s{s}", ids[rng.integers(len(ids))], str(START + 3_000 * s + 9 * step)) for s, step in pairs]
    plain, packed, parts = (tmp_path / name for name in ("a.tsv", "c.tsv.gz", "d"))
    paths = [write(plain, rows), write(tmp_path / "b.csv", rows, ";"), packed, parts]
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    parts.mkdir()
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype({TIME: "int64"})
    for start in (0, 450):
        pq.write_table(pa.table(frame[start : start + 450]), parts / f"part-{start:05}.parquet")
    hashes = set()
    for limit in ("1", "1000000"):
        monkeypatch.setenv("AUDIT_LARGE_EVENTS", limit)
        assert large.is_large(parts) == (limit == "1")
        hashes |= {evidence.split_hash(prepare(path)[1]) for path in paths}
    assert len(hashes) == 1
