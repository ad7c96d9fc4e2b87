"""Machines on which nobody is at home: no home folder, a user without a name, half-made environments, odd paths."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import click
import pytest

from audit_lib import errors, files
from audit_lib.commands import doctor, entry, progress
from audit_lib.errors import InputError, WriteError
from audit_lib.files import PROJECT
from audit_lib.stages import profiles
from audit_lib.study import journals
from book.press import pipeline


def ends(monkeypatch, capsys, error: Exception) -> str:
    """What a command says that raises `error`; it must exit with 1 and show no traceback."""

    @click.command()
    def command() -> None:
        raise error

    with pytest.raises(SystemExit) as stopped:
        entry.run(command, [])
    said = capsys.readouterr()
    assert stopped.value.code == 1
    assert said.out == ""
    assert "Traceback" not in said.err
    return said.err


# --- what a user sees
def test_an_unforeseen_error_is_one_message_and_its_details_are_kept(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(entry.tempfile, "tempdir", str(tmp_path))
    said = ends(monkeypatch, capsys, KeyError("colour"))
    assert said.startswith("Error: KeyError: 'colour' (in test_machines.py, line ")
    (kept,) = tmp_path.glob("audit-*.log")
    assert str(kept) in said
    assert "Traceback" in kept.read_text()


@pytest.mark.parametrize("error", [
    MemoryError("Unable to allocate 8.0 GiB"), RuntimeError("[enforce] DefaultCPUAllocator: can't allocate memory"),
])  # fmt: skip
def test_memory_that_ends_is_said_with_what_to_do(monkeypatch, capsys, error):
    said = ends(monkeypatch, capsys, error)
    assert said.startswith("Error: The memory of this machine is used up")
    assert "doctor" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(("module", "error", "said"), [
    ("click", "ModuleNotFoundError(name='click')", "Error: The package 'click' is not installed for "),
    ("click", "KeyboardInterrupt", "Stopped.\n"),
    ("click", "ImportError('cannot map')", "Error: A library cannot be loaded: cannot map."),
])  # fmt: skip
def test_a_command_that_fails_while_it_loads_shows_no_traceback(tmp_path, module, error, said):
    (tmp_path / f"{module}.py").write_text(f"raise {error}\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(PROJECT)])}
    done = subprocess.run(
        [sys.executable, "-m", "audit_lib", "demo"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert done.stderr.startswith(said)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("started", "ours"), [("-m", True), ("/usr/bin/gru4rec-audit", True), ("x.py", False)])
def test_only_commands_of_ours_give_errors_words(monkeypatch, started, ours):
    monkeypatch.setattr(errors.sys, "argv", [started])
    monkeypatch.setattr(errors.sys, "excepthook", print)
    errors.guard()
    assert (errors.sys.excepthook is errors.say) is ours


def test_whoever_imports_the_library_keeps_their_own_hook():
    script = "import sys; sys.excepthook = print; import audit_lib; print(sys.excepthook is print)"
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_a_text_that_is_not_utf8_is_said_so(monkeypatch, capsys):
    with pytest.raises(UnicodeDecodeError) as error:
        b"a\xf1o".decode()
    assert "is not UTF-8" in ends(monkeypatch, capsys, error.value)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_names_in_latin_1_are_printed_whatever_the_terminal(encoding):
    script = """
        import click, os
        from audit_lib.commands import entry
        from audit_lib.errors import InputError

        @click.command()
        def command():
            raise InputError(f"'{os.fsdecode(bytes([97, 241, 111]))}' – is not there.")

        entry.run(command, [])
    """
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONIOENCODING": encoding, "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: 'a")
    assert len(done.stderr.splitlines()) == 1
    assert (b"a\xf1o" in done.stderr) is (encoding == "utf-8")


def test_a_data_set_named_in_latin_1_is_refused_before_snakemake_starts():
    name = os.fsdecode(b"a\xf1o.tsv")
    with pytest.raises(InputError, match=r"'dataset=año.tsv' is not UTF-8"):
        pipeline._encoded(["--config", f"dataset={name}"])


def test_a_cell_that_fails_is_a_sentence_without_traceback(tmp_path):
    stage = (PROJECT / "notebooks" / "01_data.md").read_text("utf8").split("---\n")[1]
    for name, code, said in (
        ("01_a", "raise ValueError('no\\nsuch colour')", "01_a failed: cell 1: ValueError: no such colour. What ran"),
        ("02_b", "from audit_lib.errors import InputError\nraise InputError('Give another K.')",
         "02_b failed: cell 1: Give another K. What ran"),
        ("03_c", "raise MemoryError", "03_c failed: cell 1: the memory was used up"),
    ):  # fmt: skip
        text = tmp_path / f"{name}.md"
        text.write_text(f"---\n{stage}---\n\n```{{code-cell}} ipython3\n{code}\n```\n")
        with pytest.raises(pipeline.StageError) as error:
            pipeline.run(text, tmp_path / f"{name}.ipynb", parameters={})
        assert str(error.value).startswith(said)
        assert len(str(error.value).splitlines()) == 1


# --- nobody is at home
@pytest.fixture
def nobody(monkeypatch, tmp_path):
    """No home folder, no name; temporary files go to `tmp_path`."""
    for name in (*files.CACHES, "USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(name, "x")  # so that what `settle` sets is taken back afterwards
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setattr(files.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(files.getpass, "getuser", lambda: (_ for _ in ()).throw(KeyError("uid not found")))
    return tmp_path


def test_without_a_home_caches_go_to_a_temporary_folder_of_ones_own(nobody):
    folder = files.settle.__wrapped__()
    assert folder == nobody / f"gru4rec-audit-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert os.environ["HOME"] == str(folder)
    assert os.environ["USER"] == f"uid{os.getuid()}"
    assert all(Path(os.environ[name]).is_dir() and Path(os.environ[name]).is_relative_to(folder)
               for name in files.CACHES)  # fmt: skip
    assert files.settle.__wrapped__() is None  # a process started from here has a home


def test_a_folder_that_another_user_may_write_to_is_not_used(nobody):
    theirs = nobody / f"gru4rec-audit-{os.getuid()}"
    theirs.mkdir()
    theirs.chmod(0o777)
    assert files.settle.__wrapped__() not in (None, theirs)


def test_a_read_only_home_is_kept_and_what_the_user_has_named_too(nobody, monkeypatch):
    home = nobody / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("MPLCONFIGDIR", "/elsewhere")
    monkeypatch.setattr(files.os, "access", lambda path, mode: path != home)
    folder = files.settle.__wrapped__()
    assert (os.environ["HOME"], os.environ["MPLCONFIGDIR"]) == (str(home), "/elsewhere")
    assert os.environ["XDG_CACHE_HOME"] == str(folder / "cache")


def test_where_the_home_folder_can_be_written_to_nothing_changes(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USER", "somebody")
    before = dict(os.environ)
    assert files.settle.__wrapped__() is None
    assert dict(os.environ) == before


def test_doctor_names_the_folder_of_the_caches(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "settle", lambda: tmp_path)
    assert str(tmp_path) in doctor._caches()
    monkeypatch.setattr(doctor, "settle", lambda: None)
    assert doctor._caches() == "at home"


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("setpriv"), reason="needs to become another user")
def test_a_number_without_a_name_and_without_a_home_can_compile_kernels(tmp_path):
    read = "-all,+dac_read_search"  # may read this Python, wherever it lies, and write nowhere
    become = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", f"--inh-caps={read}",
              f"--ambient-caps={read}", f"--bounding-set={read}"]  # fmt: skip
    script = (
        "import audit_lib, numba, getpass; print(getpass.getuser(), audit_lib.files.settle()); "
        "from audit_lib.recommenders.gru4rec import random_draws; print(random_draws.negatives.__name__); "
        "from numba.core.caching import _CacheLocator; "
        "from audit_lib.recommenders.gru4rec.kernels import exp; print(exp._cache._impl.locator.get_cache_path())"
    )
    copy = tmp_path / "read only"
    shutil.copytree(PROJECT / "audit_lib", copy / "audit_lib", ignore=shutil.ignore_patterns("__pycache__"))
    for path in (copy, *copy.rglob("*"), *list(tmp_path.parents)[:2], tmp_path):
        path.chmod(0o755 if path.is_dir() else 0o444)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    environment = {"HOME": "/nonexistent", "PATH": os.environ["PATH"], "PYTHONPATH": str(copy),
                   "TMPDIR": str(tmp_path / "tmp")}  # fmt: skip
    done = subprocess.run(
        [*become, sys.executable, "-c", script], env=environment, cwd=copy, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "tmp" / "gru4rec-audit-54321"
    name, _, cache = done.stdout.splitlines()
    assert name == f"uid54321 {folder}"
    assert cache.startswith(str(folder))


def test_a_read_only_checkout_is_said_before_snakemake_starts(monkeypatch, tmp_path):
    monkeypatch.setattr(pipeline.os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(WriteError, match=r"is read-only.*Copy it"):
        pipeline.snakemake(["--cores", "1"], root=tmp_path)


# --- a library without a book
@pytest.mark.parametrize(("verb", "said"), [
    ("claims", "Error: This verb works on the book, and there is no '{work}/book'. Run it in a checkout of it.\n"),
    ("check", "Error: 1 problems, the first: The folder '{work}/runs/evidence' is not there.\n"),
])  # fmt: skip
def test_where_the_library_is_installed_alone_a_verb_that_needs_more_says_so(tmp_path, verb, said):
    shutil.copytree(PROJECT / "audit_lib", tmp_path / "lib" / "audit_lib")
    work = tmp_path / "work"
    work.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "audit_lib", verb], cwd=work, capture_output=True, text=True, check=False,
        env={key: value for key, value in os.environ.items() if not key.startswith("AUDIT_")}
        | {"PYTHONPATH": str(tmp_path / "lib")},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, said.format(work=work))


# --- an environment that was half made
FAKE = """#!/bin/sh
# A Python whose `-m venv` works only where $VENV_WORKS is set, as on Debian before python3-venv is there.
case "$*" in
  *"-m venv"*) for last; do :; done; mkdir -p "$last/bin"; touch "$last/pyvenv.cfg"
    echo "venv $*" >> log
    cp "$0" "$last/bin/python"
    [ -n "$VENV_WORKS" ] && touch "$last/has_pip"; [ -n "$VENV_WORKS" ];;
  *"-m pip"*) [ -e "$(dirname "$0")/../has_pip" ] && echo "pip $*" >> log;;
  *) exit 0;;
esac
"""


@pytest.fixture
def bare(tmp_path):
    """A folder with a quotation mark in its name, that holds what `make` needs to prepare an environment."""
    folder = tmp_path / """o'neil "x" y"""
    folder.mkdir()
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(PROJECT / name, folder / name)
    shutil.copytree(PROJECT / "requirements", folder / "requirements")
    (folder / "python").write_text(FAKE)
    (folder / "python").chmod(0o755)

    def make(**environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", "PYTHON=./python", ".venv/.ready"], cwd=folder, capture_output=True, text=True, check=False,
            env={**os.environ, **environment},
        )  # fmt: skip

    return folder, make


def test_an_environment_that_was_half_made_is_seen_and_made_again(bare):
    folder, make = bare
    first = make()
    assert first.returncode != 0
    assert "install python3-venv" in first.stderr
    assert not (folder / ".venv" / ".ready").exists()
    assert (folder / ".venv" / "bin" / "python").exists()  # half of it is there
    assert make(VENV_WORKS="1").returncode == 0
    assert (folder / ".venv" / ".ready").exists()
    log = (folder / "log").read_text()
    assert "venv -m venv .venv\nvenv -m venv --clear .venv\npip " in log
    before = log.count("venv -m venv")
    (folder / ".venv" / ".ready").unlink()  # pip was interrupted: the environment itself is whole
    assert make(VENV_WORKS="1").returncode == 0
    assert (folder / "log").read_text().count("venv -m venv") == before


def test_an_environment_whose_python_is_gone_is_made_again(bare):
    folder, make = bare
    assert make(VENV_WORKS="1").returncode == 0
    (folder / ".venv" / "bin" / "python").unlink()
    assert make(VENV_WORKS="1").returncode == 0
    assert (folder / ".venv" / "bin" / "python").exists()


# --- a journal of a search that is no more what it was
def test_a_journal_that_was_cut_loses_only_the_line_that_was_cut(tmp_path):
    path = tmp_path / "search.log"
    whole = b'{"op_code": 0, "worker_id": "a", "study_name": "x", "directions": [2]}\n'
    path.write_bytes(whole + b'{"op_code": 4, "wor')
    assert [study.study_name for study in journals.open_journal(path).get_all_studies()] == ["x"]
    assert path.read_bytes() == whole


@pytest.mark.parametrize("content", [b"SessionId\tItemId\n1\t2\n", b"\x00\x01\x02", b"[1, 2]\n",
                                     b'{"a": 1}\n{"b": 2}\n', b'{"op_code": 0}\n'])  # fmt: skip
def test_a_file_that_is_no_journal_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "log.tsv"
    path.write_bytes(content)
    with pytest.raises(InputError, match="holds no search"):
        journals.open_journal(path)
    assert path.read_bytes() == content


def test_a_folder_is_no_journal(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        journals.open_journal(tmp_path)


# --- settings as people write them
@pytest.mark.parametrize("text", ["0,1", "0;1", "0 1", " 0, 1 ,", "0,1,0"])
def test_seeds_are_read_however_they_are_separated(text):
    assert profiles.seeds(text) == (0, 1)


@pytest.mark.parametrize("text", ["", ";", "a", "0,-1", "1.5", "0:1"])
def test_what_is_no_seed_is_refused(text):
    with pytest.raises(InputError, match="are no seeds"):
        profiles.seeds(text)


# --- silence
def test_long_work_says_that_it_still_runs_where_nobody_watches(capsys, monkeypatch):
    with progress.heartbeat("[1/10] 01_data (en)", every=0.05):
        time.sleep(0.3)
    lines = capsys.readouterr().err.splitlines()
    assert 1 <= len(lines) <= 6
    assert lines[0] == "[1/10] 01_data (en) still runs, 0 s so far"
    time.sleep(0.1)
    assert capsys.readouterr().err == ""  # the work has ended
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    with progress.heartbeat("x", every=0.01):
        time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_a_minute_is_said_in_minutes():
    assert [progress._clock(seconds) for seconds in (59.4, 60, 150)] == ["59 s", "1 min", "2 min"]
