"""The counts of what the report was put through: read from what pytest reports, and from nothing else."""

import pytest
from hypothesis import strategies as st

from audit_lib.errors import AuditError
from audit_lib.study import records
from book.press.facts import defence_page
from tests.defence import fault_counts
from tests.defence.fuzzing import damaged, fuzz
from tests.defence.test_fuzz import one_of_ours

REPORT = """<testsuites><testsuite>
<testcase classname="tests.defence.test_faults" name="test_a_kill[0]"/>
<testcase classname="tests.defence.test_faults" name="test_a_small_disk"><skipped message="no unshare"/></testcase>
<testcase classname="tests.defence.test_hostile" name="test_a_bomb"/>
<testcase classname="tests.defence.test_fuzz" name="test_a_pickle">
<properties><property name="cases" value="1000"/></properties>
</testcase>
<testcase classname="tests.defence.test_fuzz" name="test_a_table">
<properties><property name="cases" value="998"/></properties>
</testcase>
</testsuite></testsuites>"""


def test_checks_and_cases_are_counted_and_what_was_skipped_is_not(tmp_path):
    path = tmp_path / "report.xml"
    path.write_text(REPORT)
    table = fault_counts.read(path)
    assert list(table["check"]) == ["a_kill[0]", "a_small_disk", "a_bomb", "a_pickle", "a_table"]
    assert list(table["state"]) == ["held", "skipped", "held", "held", "held"]
    assert defence_page.faults(table) == {"faults": 1, "hostile": 1, "fuzz": 1998}
    assert len(records.read("faults", folder=records.write("faults", table, folder=tmp_path).parent)) == 5


def test_a_check_that_does_not_hold_leaves_no_record(tmp_path, monkeypatch):
    (tmp_path / "tests" / "defence").mkdir(parents=True)
    (tmp_path / "tests" / "defence" / "test_fuzz.py").write_text("def test_one():\n    assert False, 'it broke'\n")
    monkeypatch.setattr(fault_counts, "PROJECT", tmp_path)
    with pytest.raises(AuditError, match=r"Not every fault is survived(.|\n)*it broke"):
        fault_counts.measure(kinds=("fuzz",))


def test_as_many_cases_are_run_as_are_recorded_and_the_same_ones_each_time(monkeypatch):
    monkeypatch.setenv("AUDIT_FUZZ", "2")
    seen, again, said = [], [], {}
    fuzz(damaged(b"some bytes"), seen.append, said.__setitem__)
    fuzz(damaged(b"some bytes"), again.append, said.__setitem__)
    assert said["cases"] == len(seen) == 2 * fault_counts.CASES
    assert seen == again
    assert len(set(seen)) > fault_counts.CASES


def test_fuzzing_finds_a_reader_that_breaks():
    with pytest.raises(UnicodeDecodeError):
        fuzz(st.binary(max_size=20), lambda data: data.decode("ascii"), lambda *_: None)


def test_an_error_that_is_not_ours_is_not_taken_for_one():
    with pytest.raises(ZeroDivisionError):
        one_of_ours(lambda: 1 / 0)
