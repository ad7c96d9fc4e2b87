"""Numbers that pages compute: once, shared by the builds of one book, and only while what they follow from stays."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from audit_lib.show.plot import Plot, axes_of
from book.press.directives import computed


def build(root: Path, lang: str, made_of: str, monkeypatch: pytest.MonkeyPatch, **numbers: int) -> dict[Any, Any]:
    """A build in a process of its own that computes these numbers; what it began with."""
    monkeypatch.setattr(computed, "NUMBERS", {})
    app: Any = SimpleNamespace(doctreedir=root / "doctrees" / lang, config=SimpleNamespace(audit_computed=made_of))
    computed.recall(app)
    found = dict(computed.NUMBERS)
    for name, value in numbers.items():
        computed.known(name, lambda value=value: value)
    computed.keep(app, None)
    return found


def test_a_build_begins_with_what_the_others_computed(tmp_path, monkeypatch):
    assert build(tmp_path, "en", "a", monkeypatch, one=1) == {}
    assert build(tmp_path, "es", "a", monkeypatch, two=2) == {"one": 1}
    assert build(tmp_path, "gettext", "a", monkeypatch, one=5) == {"one": 1, "two": 2}
    assert build(tmp_path, "en", "a", monkeypatch) == {"one": 1, "two": 2}


def test_after_a_change_nothing_is_taken_over(tmp_path, monkeypatch):
    build(tmp_path, "en", "a", monkeypatch, one=1)
    assert build(tmp_path, "es", "b", monkeypatch, two=2) == {}
    assert build(tmp_path, "en", "b", monkeypatch) == {"two": 2}


def test_the_digest_changes_with_evidence_words_and_code(tmp_path, monkeypatch):
    (tmp_path / "SHA256SUMS").write_text("a")
    monkeypatch.setattr(computed, "COMMITTED", tmp_path)
    monkeypatch.setattr(computed, "BOOK", tmp_path)
    seen = {computed.digest()}
    for name in ("SHA256SUMS", "claims.toml", "third_party.csv", "records/one.json", "locale/es/LC_MESSAGES/labels.po"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("b")
        seen.add(computed.digest())
    monkeypatch.setattr(computed.audit_lib, "__file__", str(tmp_path / "__init__.py"))
    (tmp_path / "code.py").write_text("")
    seen.add(computed.digest())
    (tmp_path / "code.py").write_text("x = 1")
    assert computed.digest() not in seen
    assert len(seen) == 7


def test_a_figure_that_is_there_already_keeps_its_time(tmp_path):
    def drawn(value: int) -> Plot:
        with axes_of() as (figure, axes):
            axes.plot([0, value])
        return Plot(figure, pd.DataFrame({"value": [value]}))

    files = [tmp_path / f"a.{kind}" for kind in ("svg", "png", "csv")]
    drawn(1).save(tmp_path / "a.svg")
    before = [(file.read_bytes(), file.stat().st_mtime_ns) for file in files]
    drawn(1).save(tmp_path / "a.svg")
    assert [(file.read_bytes(), file.stat().st_mtime_ns) for file in files] == before
    drawn(2).save(tmp_path / "a.svg")
    assert all(file.read_bytes() != old for file, (old, _) in zip(files, before, strict=True))
