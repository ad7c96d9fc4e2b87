"""Results that are kept between processes: the very ones that are computed, and never one that is out of date."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from audit_lib import inference, kept
from audit_lib.errors import InputError

SESSION = np.repeat(np.arange(4_000), 2)
RNG = np.random.default_rng(0)
ONE, OTHER = RNG.random((2, 3, 8_000))
CALLS = {
    "bootstrap": lambda: inference.bootstrap(ONE[0], SESSION, resamples=50),
    "permutation_test": lambda: inference.permutation_test(ONE[0], OTHER[0], SESSION, permutations=50),
    "over_seeds": lambda: inference.over_seeds(ONE, SESSION, resamples=50),
    "over_seeds_ratio": lambda: inference.over_seeds_ratio(ONE, OTHER, SESSION, resamples=50, seed=3),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(kept.FOLDER, str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture
def counted() -> tuple[object, list[int]]:
    calls: list[int] = []

    @kept.kept
    def total(values: np.ndarray, *, scale: float = 1.0) -> float:
        calls.append(1)
        if scale < 0:
            raise InputError("negative")
        return float(values.sum() * scale)

    return total, calls


@pytest.mark.parametrize("name", CALLS)
def test_what_is_found_again_equals_what_is_computed(name, folder, monkeypatch):
    first, again = CALLS[name](), CALLS[name]()
    assert len(list(folder.iterdir())) == 1
    monkeypatch.delenv(kept.FOLDER)
    computed = CALLS[name]()
    assert first == again == computed
    assert type(again) is type(computed)


def test_a_result_is_computed_once_and_found_by_another_name_never(folder, counted):
    total, calls = counted
    values = np.arange(10_000.0)
    assert total(values) == total(values) == values.sum()
    assert len(calls) == 1
    changed = values.copy()
    changed[7] += 1
    for other in (lambda: total(changed), lambda: total(values, scale=2.0), lambda: total(values.astype(np.float32)),
                  lambda: total(values.reshape(100, 100))):  # fmt: skip
        before = len(calls)
        other()
        assert len(calls) == before + 1
    assert total(changed) == values.sum() + 1


def test_other_code_finds_nothing_of_before(folder, counted, monkeypatch):
    total, calls = counted
    values = np.arange(10_000.0)
    total(values)
    monkeypatch.setattr(kept, "_code", lambda: "changed")
    total(values)
    assert len(calls) == 2


@pytest.mark.parametrize("text", ["", "{", "null", '["a", 1]'])
def test_a_damaged_file_is_computed_again(text, folder):
    right = CALLS["over_seeds"]()
    (path,) = folder.iterdir()
    path.write_text(text)
    assert CALLS["over_seeds"]() == right
    assert json.loads(path.read_text())[0] == right.mean


def test_small_calls_and_arguments_without_bytes_are_not_kept(folder, counted):
    total, _ = counted
    total(np.arange(10.0))
    inference.bootstrap(ONE[0], np.array([f"s{i}" for i in SESSION], dtype=object), resamples=5)
    assert not folder.exists()


def test_an_error_is_raised_as_it_is_and_nothing_is_kept(folder, counted):
    total, _ = counted
    with pytest.raises(InputError, match="negative") as caught:
        total(np.arange(10_000.0), scale=-1.0)
    assert caught.value.__context__ is None
    assert not folder.exists()


def test_where_nothing_can_be_written_it_is_computed(tmp_path, counted, monkeypatch):
    total, calls = counted
    (tmp_path / "file").touch()
    monkeypatch.setenv(kept.FOLDER, str(tmp_path / "file" / "below"))
    assert total(np.ones(10_000)) == total(np.ones(10_000)) == 10_000
    assert len(calls) == 2
