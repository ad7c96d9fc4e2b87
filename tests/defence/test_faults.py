"""Faults, made for real. After each: no file that looks finished and is not, nothing lost, and the next run completes.

"To the same bits" is held against a run that nothing disturbed.
"""

import hashlib
import http.server
import json
import logging
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from audit_lib.commands import cli, doctor
from audit_lib.commands.doctor import examine
from audit_lib.data import datasets, fetching
from audit_lib.data.registry import REGISTRY, GitHub
from audit_lib.errors import BusyError, EvidenceError, InputError, MissingError, WriteError
from audit_lib.files import hold, holder, put
from audit_lib.study import committed, evidence, records
from book.press import pipeline
from tests.conftest import STANDIN, copy_project
from tests.defence import faulty
from tests.defence.faulty import ROOT, child, ended, finished, train
from tests.folders import files


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The run that nothing disturbed, in a folder of its own."""
    return train(tmp_path_factory.mktemp("undisturbed"))


def equal(run, other):
    """Whether two runs are the same to the bit, apart from times and the like."""

    def fixed(r):
        return {key: value for key, value in r.manifest.items() if key not in evidence.VOLATILE}

    same_log = [e["loss"] for e in run.manifest["log"]] == [e["loss"] for e in other.manifest["log"]]
    return run.path.read_bytes() == other.path.read_bytes() and fixed(run) == fixed(other) and same_log


def nothing_hidden_is_left(folder):
    return files(folder) == finished(folder)


# --- killed


KILLS = [("before", n) for n in range(6)] + [("after", n) for n in range(6)] + [("in", n) for n in range(3)]


@pytest.mark.parametrize(("moment", "number"), KILLS, ids=[f"{m}-{n}" for m, n in KILLS])
def test_a_training_that_is_killed_goes_on_to_the_same_bits(tmp_path, undisturbed, moment, number):
    """Before and after each of its six renames, and in the middle of each of its three files."""
    assert ended(child(faulty.train_and_die, tmp_path, moment, number)) == -signal.SIGKILL
    whole = moment == "after" and number == 5
    assert sum(name.endswith(".json") for name in finished(tmp_path)) == whole
    assert [run.path for run in evidence.every(tmp_path)] == [p for p in tmp_path.rglob("*-s0.parquet") if whole]
    run = train(tmp_path)
    assert equal(run, undisturbed)
    epochs = 3 if moment == "in" else min(3, number + (moment == "after"))
    assert ("earlier" in run.manifest["seconds"]) == (epochs > 0 and not whole)  # what was trained is not lost
    assert whole or nothing_hidden_is_left(tmp_path)
    assert committed.check(tmp_path).problems == []


STAGE = STANDIN.partition("# Stage")[0] + """# Training

```{code-cell} python
:tags: [parameters]

folder = ""
dataset = ""
lang = "en"
```

```{code-cell} python
import os, signal, time
from pathlib import Path

from audit_lib.recommenders import checkpoints
from tests.defence.faulty import train

place, write = Path(folder or "runs"), checkpoints.write

def told(*arguments, **options):
    write(*arguments, **options)
    if len(options["log"]) == 2 and not (place / "go").exists():
        (place / "trained").write_text(str(os.getpid()))
        time.sleep(600)

checkpoints.write = told
print(train(place / "evidence").manifest["sha256"])
```
"""


def wait_for(path, seconds=300):
    end = time.monotonic() + seconds
    while not (path.is_file() and path.read_text()):
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.05)
    return path.read_text()


def gone(pid, seconds=60):
    """Whether a process ends by itself."""
    try:
        psutil.Process(pid).wait(seconds)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


def test_a_notebook_whose_kernel_is_killed_in_mid_training_runs_again_to_the_same_bits(tmp_path, undisturbed):
    text, out = tmp_path / "01_train.md", tmp_path / "done.ipynb"
    text.write_text(STAGE)
    (tmp_path / "work").mkdir()

    def kill():
        os.kill(int(wait_for(tmp_path / "work" / "trained")), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(pipeline.StageError, match=r"01_train failed: .*died"):
        pipeline.run(text, out, parameters={"folder": str(tmp_path / "work")}, root=ROOT)
    killer.join()
    assert finished(tmp_path) == ["01_train.md", "done.failed.ipynb", "work/trained"]
    (tmp_path / "work" / "go").touch()
    pipeline.run(text, out, parameters={"folder": str(tmp_path / "work")}, root=ROOT)
    assert undisturbed.manifest["sha256"] in out.read_text()
    (run,) = evidence.every(tmp_path / "work" / "evidence")
    assert equal(run, undisturbed)
    assert [name for name in files(tmp_path) if name.startswith(".") or "failed" in name] == []


def test_a_whole_run_that_is_killed_is_resumed_by_the_same_command_to_the_same_bits(tmp_path, undisturbed):
    """Snakemake, its job and papermill are killed at once; the kernel, in a session of its own, ends by itself."""
    project = copy_project(tmp_path / "project", stages=["01_data"])
    (project.root / "notebooks" / "01_data.md").write_text(STAGE)
    command = [sys.executable, "-m", "book.press.pipeline", "stage", "01_data", "--", "--cores", "1", "--quiet", "all"]
    command += ["--rerun-incomplete"]
    place = project.root / "runs"
    place.mkdir()
    first = subprocess.Popen(
        command, cwd=project.root, env=project.environment(), start_new_session=True, stderr=subprocess.DEVNULL
    )
    kernel = int(wait_for(place / "trained"))
    busy = subprocess.run(command, cwd=project.root, env=project.environment(), capture_output=True, text=True)
    assert busy.returncode == 1
    assert re.search(r"Snakefile' is in use by process \d+ on .* since .*Nothing was changed", busy.stderr), busy.stderr
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert gone(kernel)
    assert finished(place) == ["trained"]
    assert not (project.root / "_build/executed/en/notebooks/01_data.ipynb").exists()
    (place / "go").touch()
    done = subprocess.run(command, cwd=project.root, env=project.environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (run,) = evidence.every(place / "evidence")
    assert equal(run, undisturbed)
    assert "earlier" in run.manifest["seconds"]
    assert (project.root / "_build/executed/en/notebooks/01_data.ipynb").is_file()


# --- full and read-only disks


def test_a_limit_on_the_size_of_files_leaves_no_evidence_and_the_next_run_completes(tmp_path, undisturbed):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, limits[1]))
    try:
        with pytest.raises(EvidenceError, match="File too large"):
            train(tmp_path, recommender="popularity")
        with pytest.raises(WriteError, match="File too large"):
            records.write("leakage", datasets.load("synthetic:n_sessions=20,n_items=4").log, folder=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert files(tmp_path) == []
    assert equal(train(tmp_path), undisturbed)


SMALL_DISK = """
    import json, logging, os, subprocess
    from audit_lib import files as files_
    from audit_lib.data import synthetic
    from audit_lib.study import records
    from audit_lib.commands.doctor import examine
    from audit_lib.errors import AuditError
    from tests.defence.faulty import train
    from tests.folders import files

    import pandas as pd

    os.environ["AUDIT_EVIDENCE"] = str(DISK / "evidence")
    log, said = pd.DataFrame({"a": range(3000)}), {}

    def refused(name, action):
        try:
            action()
            said[name] = "was done"
        except AuditError as error:
            said[name] = f"{type(error).__name__}: {error}"

    filler = DISK / "filler"
    file = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(file, bytes(4096))
    except OSError as error:
        said["filler"] = str(error)
    os.close(file)
    refused("run", lambda: train(DISK / "evidence"))
    refused("record", lambda: records.write("leakage", log, folder=DISK))
    refused("log", lambda: synthetic.write(synthetic.preset("synthetic", {}), DISK / "log.tsv"))
    said["doctor, full"] = {row["check"]: row["verdict"] for row in examine()}
    said["left when full"] = files(DISK)
    filler.unlink()
    run = train(DISK / "evidence")
    said["sha256"] = run.manifest["sha256"]
    said["left"] = files(DISK)
    subprocess.run(["mount", "-o", "remount,ro", str(DISK)], check=True)
    said["doctor, read-only"] = {row["check"]: row["verdict"] for row in examine()}
    said["read again"] = train(DISK / "evidence").manifest["sha256"]
    refused("another run", lambda: train(DISK / "evidence", seed=1))
    refused("lock", lambda: files_.hold(DISK / "x").__enter__())
    said["left when read-only"] = files(DISK)
    print(json.dumps(said))
"""


def test_on_a_full_and_then_read_only_disk_nothing_is_half_written_and_what_is_there_is_read(tmp_path, undisturbed):
    said = json.loads(faulty.in_a_small_disk(SMALL_DISK, tmp_path).splitlines()[-1])
    assert "No space left" in said["filler"]
    for name, kind in (("run", "EvidenceError"), ("record", "WriteError"), ("log", "InputError")):
        assert re.match(rf"{kind}: .*No space left on device", said[name]), said[name]
    assert said["left when full"] == ["filler"]
    assert "No space left on device: make it writable, or set AUDIT_EVIDENCE" in said["doctor, full"]["evidence folder"]
    assert "make room there" in said["doctor, full"]["free disk for evidence"]
    assert said["sha256"] == said["read again"] == undisturbed.manifest["sha256"]
    assert len(said["left"]) == 3
    assert not any(Path(name).name.startswith(".") for name in said["left"])
    assert "Read-only file system" in said["doctor, read-only"]["evidence folder"]
    assert said["another run"].startswith("EvidenceError: Evidence cannot be written to")
    assert re.match(r"WriteError: Nothing can be written to .*Read-only file system", said["lock"])
    assert said["left when read-only"] == said["left"]


# --- damaged files


@pytest.mark.parametrize("damage", ["cut", "edited", "empty"])
@pytest.mark.parametrize("which", ["ranks", "manifest", "targets"])
def test_damaged_evidence_is_named_and_made_again_when_it_is_deleted(tmp_path, undisturbed, which, damage):
    shutil.copytree(undisturbed.path.parents[3], tmp_path, dirs_exist_ok=True)
    ranks = tmp_path / undisturbed.path.relative_to(undisturbed.path.parents[3])
    targets, manifest = ranks.parent.parent / "targets.parquet", ranks.with_suffix(".json")
    path = {"ranks": ranks, "manifest": manifest, "targets": targets}[which]
    content = path.read_bytes()
    edited = content.replace(b'"seed": 0', b'"seed": 1') if which == "manifest" else content[:40] + b"?" + content[41:]
    path.write_bytes({"cut": content[: len(content) // 2], "edited": edited, "empty": b""}[damage])
    with pytest.raises(EvidenceError, match=r"Delete it and run again|rank with --fresh"):
        train(tmp_path)
    (problem,) = committed.check(tmp_path).problems
    assert path.stem in problem
    path.unlink()
    run = train(tmp_path)
    assert equal(run, undisturbed)
    assert committed.check(tmp_path).problems == []


@pytest.mark.parametrize("damage", ["cut", "edited", "empty"])
def test_a_damaged_checkpoint_is_not_gone_on_from(tmp_path, undisturbed, damage, caplog):
    assert ended(child(faulty.train_and_die, tmp_path, "after", 1)) == -signal.SIGKILL
    (path,) = (tmp_path / name for name in files(tmp_path) if name.endswith(".checkpoint"))
    content = path.read_bytes()
    edited = content[:-5] + bytes([content[-5] ^ 1]) + content[-4:]  # one bit of one weight
    path.write_bytes({"cut": content[:-9], "edited": edited, "empty": b""}[damage])
    run = train(tmp_path)
    assert "Training starts afresh" in caplog.text
    assert equal(run, undisturbed)
    assert "earlier" not in run.manifest["seconds"]
    assert nothing_hidden_is_left(tmp_path)


# --- two at once


def _train_noting(out, notes):
    from audit_lib.recommenders.gru4rec.train import GRU4Rec

    fit = GRU4Rec.fit

    def noting(self, *arguments, **options):
        with notes.open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(1)
        return fit(self, *arguments, **options)

    GRU4Rec.fit = noting
    GRU4Rec.fit.__signature__ = __import__("inspect").signature(fit)
    train(out)


def test_two_processes_at_the_same_run_train_it_once(tmp_path, undisturbed):
    both = [child(_train_noting, tmp_path / "evidence", tmp_path / "notes") for _ in range(3)]
    assert [ended(process) for process in both] == [0, 0, 0]
    assert len((tmp_path / "notes").read_text().split()) == 1
    (run,) = evidence.every(tmp_path / "evidence")
    assert equal(run, undisturbed)
    assert nothing_hidden_is_left(tmp_path)


def _seal(folder, number, ready):
    ready.wait()
    for i in range(5):
        put({folder / f"notes-{number}-{i}.txt": b"x"})
        committed.seal(folder)


def test_two_processes_that_seal_the_same_folder_list_everything(tmp_path):
    ready = faulty._CONTEXT.Event()
    both = [child(_seal, tmp_path, number, ready) for number in range(2)]
    ready.set()
    assert [ended(process) for process in both] == [0, 0]
    assert committed.check(tmp_path).problems == []
    assert len(finished(tmp_path)) == 12


def _hold(path, held):
    with hold(path):
        held.set()
        time.sleep(60)


def test_a_lock_names_its_holder_and_goes_when_the_holder_is_killed(tmp_path, caplog):
    path, held = tmp_path / "folder" / "thing", faulty._CONTEXT.Event()
    keeper = child(_hold, path, held)
    assert held.wait(60)
    with pytest.raises(BusyError, match=rf"'{path}' is in use by process {keeper.pid} on .* since 20.*Wait until"):
        hold(path, wait=False).__enter__()
    assert f"process {keeper.pid}" in holder(path)
    threading.Timer(0.5, keeper.kill).start()
    with caplog.at_level(logging.INFO), hold(path):  # waits, then has it
        assert f"in use by process {keeper.pid}" in caplog.text
        assert ended(keeper) == -signal.SIGKILL
        assert f"process {os.getpid()}" in holder(path)
    assert holder(path) is None
    assert files(tmp_path) == []


def test_a_lock_left_by_a_dead_process_does_not_block(tmp_path):
    held = faulty._CONTEXT.Event()
    keeper = child(_hold, tmp_path / "thing", held)
    assert held.wait(60)
    keeper.kill()
    ended(keeper)
    assert files(tmp_path) == [".thing.lock"]
    assert holder(tmp_path / "thing") is None
    with hold(tmp_path / "thing", wait=False):
        pass
    assert files(tmp_path) == []


def test_a_lock_handed_to_a_child_lasts_as_long_as_the_child(tmp_path):
    """So Snakemake keeps the lock of a command that was killed above it."""
    script = (
        "import subprocess, sys, os, signal; from pathlib import Path; from audit_lib.files import hold\n"
        "with hold(Path(sys.argv[1])) as lock:\n"
        "    child = subprocess.Popen(['sleep', '60'], pass_fds=(lock,), stdout=subprocess.DEVNULL)\n"
        "    print(child.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "thing")]
    orphan = int(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False).stdout)
    assert holder(tmp_path / "thing") is not None
    os.kill(orphan, signal.SIGKILL)
    assert gone(orphan)
    assert holder(tmp_path / "thing") is None


def test_check_and_doctor_say_who_is_writing(tmp_path, monkeypatch):
    committed.seal(tmp_path)
    with hold(tmp_path / committed.SUMS):
        result = CliRunner().invoke(cli, ["check", str(tmp_path)])
    assert f"is being written by process {os.getpid()}" in str(result.exception)
    monkeypatch.setattr(doctor, "PROJECT", tmp_path)
    with hold(tmp_path / ".snakemake" / "Snakefile"):
        rows = {row["check"]: row for row in examine()}
    assert f"Snakefile: process {os.getpid()}" in rows["other runs"]["found"]
    assert rows["other runs"]["verdict"] == "wait for it to end, or end it"


# --- a clock that was set back


def test_a_clock_set_back_changes_no_bit_and_stops_no_run(tmp_path, undisturbed, monkeypatch):
    """A run of years to come lies beside the next one's files, which are older than it."""
    faketime = shutil.which("faketime")
    if faketime is None:
        pytest.skip("no faketime on this system (Debian: apt-get install faketime)")
    code = "from pathlib import Path; import sys; from tests.defence.faulty import train; train(Path(sys.argv[1]))"
    subprocess.run([faketime, "2041-05-06", sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=True)
    (future,) = evidence.every(tmp_path)
    assert future.manifest["created"].startswith("2041-05-06")
    assert equal(future, undisturbed)
    assert equal(train(tmp_path), future)
    again = train(tmp_path, fresh=True)
    assert again.manifest["created"] < future.manifest["created"]
    assert equal(again, undisturbed)
    assert committed.check(tmp_path).problems == []


def test_files_from_the_future_are_named_and_the_pipeline_completes_all_the_same(tmp_path, monkeypatch):
    project = copy_project(tmp_path / "project", stages=["01_data"])
    text = project.root / "notebooks" / "01_data.md"
    ahead = time.time() + 2 * 86400
    os.utime(text, (ahead, ahead))
    monkeypatch.setattr(doctor, "PROJECT", project.root)
    clock = {row["check"]: row for row in examine()}["clock"]
    assert clock["found"] == "1 files are from the future, such as notebooks/01_data.md"
    assert clock["verdict"].startswith("the next run dates them anew")
    said = project.python("-m", "book.press.pipeline", "stage", "01_data", "--", "--cores", "1", "--quiet", "all")
    assert "notebooks/01_data.md" in said
    assert "01_data is up to date" in said
    made = project.root / "_build/executed/en/notebooks/01_data.ipynb"
    assert text.stat().st_mtime < made.stat().st_mtime < time.time()
    os.utime(made, (ahead, ahead))  # else nothing that is edited from now on would seem newer than it
    pipeline.settle(project.root)
    assert made.stat().st_mtime == 0


# --- an interrupted download


CONTENT = b"SessionId\tItemId\tTime\n" + b"".join(b"%d\t%d\t%d\n" % (i // 2, i % 3, i) for i in range(20_000))


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A web server of one file, whose `mode` says how it breaks off, and a data set that is fetched from it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        mode = "cut"

        def do_GET(self):
            self.send_response(200)
            if Handler.mode != "cut in silence":
                self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT if Handler.mode == "whole" else CONTENT[: len(CONTENT) // 2])
            self.wfile.flush()
            if Handler.mode == "stall":
                time.sleep(30)

        def log_message(self, *arguments):
            pass

    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.daemon_threads = True
    threading.Thread(target=web.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{web.server_port}/log.tsv"
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AUDIT_MIRROR", raising=False)
    monkeypatch.setattr(GitHub, "url", lambda self, file: address)
    Handler.address = address
    monkeypatch.setitem(REGISTRY, "small", small_source())
    yield Handler
    web.shutdown()
    web.server_close()


def small_source():
    sha = hashlib.sha256(CONTENT).hexdigest()
    return replace(REGISTRY["seed_demo"], name="small", get=GitHub("o/r", "c"), files={"log.tsv": sha}, counts={})


@pytest.mark.parametrize(("mode", "error"), [("cut", MissingError), ("cut in silence", InputError)])
def test_a_download_that_is_cut_leaves_nothing_and_the_next_one_completes(server, tmp_path, mode, error):
    server.mode = mode
    with pytest.raises(error, match=r"log\.tsv"):
        datasets.fetch("small")
    assert files(tmp_path) == []
    server.mode = "whole"
    (path,) = datasets.fetch("small")
    assert path.read_bytes() == CONTENT
    assert nothing_hidden_is_left(tmp_path)


def _fetch(address, cache):
    os.environ["AUDIT_CACHE"] = str(cache)
    for name in ("AUDIT_MIRROR", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        os.environ.pop(name, None)
    GitHub.url = lambda self, file: address
    fetching.fetch_files(small_source())


def test_a_download_that_is_killed_leaves_no_file_that_looks_finished_and_the_next_one_clears_up(server, tmp_path):
    server.mode = "stall"
    process = child(_fetch, server.address, tmp_path / "cache")
    end = time.monotonic() + 60
    while not any("/.partial-" in name for name in files(tmp_path)):
        assert time.monotonic() < end
        time.sleep(0.02)
    process.kill()
    ended(process)
    assert finished(tmp_path) == []
    assert any("/.partial-" in name for name in files(tmp_path))
    server.mode = "whole"
    (path,) = datasets.fetch("small")
    assert path.read_bytes() == CONTENT
    assert finished(tmp_path) == files(tmp_path) == ["cache/small/log.tsv"]


def test_two_processes_that_fetch_the_same_file_download_it_once(server, tmp_path):
    server.mode = "whole"
    both = [child(_fetch, server.address, tmp_path / "cache") for _ in range(2)]
    assert [ended(process) for process in both] == [0, 0]
    assert files(tmp_path) == ["cache/small/log.tsv"]
