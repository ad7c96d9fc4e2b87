"""A working folder of its own for every test of a verb, and ways to run one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit_lib.__main__ import main
from tests.click_logs import random_log, write_tsv


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, where evidence goes by default."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUDIT_MIRROR", raising=False)
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AUDIT_EVIDENCE", str(tmp_path / "evidence"))
    return tmp_path


@pytest.fixture
def clicks(folder: Path) -> Path:
    """A log in that folder."""
    return write_tsv(random_log(), folder / "clicks.tsv")


@pytest.fixture
def both(capsys: pytest.CaptureFixture[str], folder: Path) -> Callable[..., Any]:
    """Runs a verb that must end with this status, and returns what it printed on both streams."""

    def both_(*arguments: object, status: int = 0) -> Any:
        code = 0
        try:
            main([str(a) for a in arguments])
        except SystemExit as stopped:
            code = stopped.code
        printed = capsys.readouterr()
        assert code == status, printed.err
        assert "Traceback" not in printed.err
        return printed

    return both_


@pytest.fixture
def call(both: Callable[..., Any]) -> Callable[..., str]:
    """Runs a verb that must succeed, and returns what it printed."""
    return lambda *arguments: both(*arguments).out


@pytest.fixture
def fails(both: Callable[..., Any]) -> Callable[..., str]:
    """Runs a verb that must fail, and returns its one message."""

    def fails_(*arguments: object, status: int = 1) -> str:
        out, err = both(*arguments, status=status)
        assert out == ""
        if status == 1:
            assert err.startswith("Error: ")
            assert err.count("Error: ") == 1
        return err

    return fails_
