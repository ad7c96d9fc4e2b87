"""Hostile input: nothing in it is run, nothing leaves its folder, memory stays bounded, and it is refused by name.

The bombs are real: each is small, and expands to more memory than the process that reads it may have.
"""

import csv
import io
import json
import os
import pickle
import shlex
import subprocess
import sys
import tarfile
import textwrap
import zipfile
from html import escape

import jupytext
import nbformat
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from snakemake.cli import parse_config

from audit_lib.data import archives, datasets, parsers, reading
from audit_lib.data.logs import COLUMNS
from audit_lib.data.preparing import prepare
from audit_lib.errors import AuditError, InputError
from audit_lib.files import ONE_THREAD
from audit_lib.recommenders import checkpoints
from audit_lib.recommenders.gru4rec.config import GRU4RecConfig
from audit_lib.recommenders.popularity import Popularity
from audit_lib.show.table import Table
from audit_lib.study import committed, evidence, plan, running
from book.press import pipeline
from tests.click_logs import log_of, random_log, write_tsv
from tests.conftest import STANDIN
from tests.defence.faulty import ROOT
from tests.folders import files

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(1)>'
SHELL = ["$(touch pwned)", "`touch pwned`", "'; touch pwned; '", '"; touch pwned; "', "| touch pwned", "a\\'b", "x #y"]


# --- nothing is run


class Runs:
    """A pickle of this writes a file when it is loaded."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return exec, (f"open({str(self.marker)!r}, 'w')",)


@pytest.fixture
def marker(tmp_path):
    """A file that hostile code would write; it has not been written when the test is over."""
    path = tmp_path / "pwned"
    pickle.loads(pickle.dumps(Runs(path)))
    assert path.exists(), "the payload is no real one"
    path.unlink()
    yield path
    assert not path.exists()


def test_a_published_split_with_code_in_it_is_refused(tmp_path, marker):
    train, test = tmp_path / "all_train_seq.txt", tmp_path / "test.txt"
    train.write_bytes(pickle.dumps([[1, 2], Runs(marker)], 2))
    test.write_bytes(pickle.dumps(([[1]], [2]), 2))
    with pytest.raises(InputError, match="Nothing in it was run"):
        parsers.pickled_split({"train": train, "test": test})


@pytest.mark.parametrize(
    "read",
    [
        lambda path: checkpoints.read(path, config=GRU4RecConfig(), data=""),
        Popularity.load,
        reading.read_log,
        evidence.read,
        plan.read.__wrapped__,
    ],
    ids=["checkpoint", "saved recommender", "own log", "evidence", "list of experiments"],
)
@pytest.mark.parametrize("suffix", [".parquet", ".tsv"])
def test_a_pickle_under_another_name_is_refused_and_not_run(tmp_path, marker, read, suffix):
    path = tmp_path / f"file{suffix}"
    for place in (path, path.with_suffix(".json")):
        place.write_bytes(pickle.dumps(Runs(marker)))
    with pytest.raises(AuditError):
        read(path)


def test_a_pickle_hidden_in_the_type_of_a_parquet_column_is_not_run(tmp_path, marker):
    """Arrow once ran such a type on reading (CVE-2023-47248)."""
    hidden = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": pickle.dumps(Runs(marker)),
    }
    fields = [pa.field(name, pa.int64(), metadata=hidden) for name in COLUMNS]
    table = pa.table([pa.array([1, 1])] * 3, schema=pa.schema(fields))
    pq.write_table(table, tmp_path / "own.parquet")
    assert len(reading.read_log(tmp_path / "own.parquet")) == 2


PARAMETERS = [
    '"; open("pwned", "w"); "', '"""\nopen("pwned", "w")\n"""', "{open('pwned', 'w')}", "\\", "\n!touch pwned\n",
    SCRIPT,
]


def test_parameters_of_a_notebook_are_values_and_never_code(tmp_path):
    text, out = tmp_path / "01_stage.md", tmp_path / "out.ipynb"
    notebook = jupytext.reads(STANDIN.format(name="01_stage"), "md:myst")
    notebook.cells[-2].source = "import json; print(json.dumps([dataset, columns]))"
    jupytext.write(notebook, text, fmt="md:myst")
    whole = "".join(PARAMETERS)
    (tmp_path / "work").mkdir()
    pipeline.run(text, out, parameters={"dataset": whole, "columns": PARAMETERS[0]}, root=tmp_path / "work")
    (output,) = [cell.outputs[0].text for cell in nbformat.read(out, 4).cells if cell.get("outputs")]
    assert json.loads(output) == [whole, PARAMETERS[0]]
    assert files(tmp_path / "work") == []


@pytest.mark.parametrize("value", SHELL)
def test_a_setting_reaches_the_stage_unchanged_through_make_and_snakemake(tmp_path, value):
    """From the command line of make, through its shell, our encoding, Snakemake's reading and its shell."""
    show = "import json, sys; print(json.dumps(sys.argv[1:]))"
    (tmp_path / "show.py").write_text(show)
    run = f"RUN={sys.executable} {tmp_path / 'show.py'}"
    command = ["make", "--no-print-directory", "-f", str(ROOT / "Makefile"), "book", "READY=", run]
    done = subprocess.run(
        [*command, "DATASET=" + value.replace("$", "$$")], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    given = json.loads(done.stdout.splitlines()[0])
    assert f"dataset={value}" in given

    encoded = next(a for a in pipeline._encoded(given) if a.startswith("dataset="))
    assert shlex.quote(encoded.replace("%", "")) == encoded.replace("%", "")  # a shell sees one plain word
    assert pipeline.setting(parse_config([encoded]), "dataset") == value
    assert files(tmp_path) == ["show.py"]


def test_settings_are_quoted_in_the_command_of_a_stage(tmp_path):
    (tmp_path / "notebooks").mkdir()
    for name in ("Snakefile", "audit_lib", "book", "_config.yml", "_toc.yml"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "notebooks" / "01_data.md").write_text(STANDIN.format(name="01_data"))
    values = pipeline._encoded(["--config", f"dataset={''.join(SHELL)}"])
    command = [sys.executable, "-m", "snakemake", "-n", "-p", "--cores", "1"]
    command += ["_build/executed/en/notebooks/01_data.ipynb", *values]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    (line,) = [line for line in (done.stdout + done.stderr).splitlines() if "book.press.pipeline run 01_data" in line]
    assert f"-sdataset={''.join(SHELL)}" in shlex.split(line)


def test_braces_in_the_name_of_a_log_are_refused_with_what_to_do():
    with pytest.raises(InputError, match="Rename the file without them"):
        pipeline._encoded(["--config", "dataset={x}.tsv"])


# --- nothing leaves its folder


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "..\\evil", "entree/../../evil"])
def test_an_archive_with_a_path_outside_writes_nothing(tmp_path, name):
    zipped, tarred = tmp_path / "a.whl", tmp_path / "a.tar.gz"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr(name, "x")
        archive.writestr("inside", "y")
    with tarfile.open(tarred, "w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    before = files(tmp_path.parent)
    assert archives.wheel_member(zipped, "inside") == b"y"
    with pytest.raises(InputError, match="outside the archive"):
        archives.tar_members(tarred, "entree")
    assert files(tmp_path.parent) == before


def test_a_link_in_a_wheel_is_read_as_the_text_it_is(tmp_path):
    path = tmp_path / "a.whl"
    info = zipfile.ZipInfo("member")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert archives.wheel_member(path, "member") == b"/etc/passwd"


@pytest.mark.parametrize(
    "name", ["../../up", "/etc/passwd", "..", "a/b", "~root", "x\x00y", "-rf", "", ".hidden", "a\nb"]
)
def test_a_name_with_path_tricks_is_refused_before_anything_is_trained(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    data, split = prepare("synthetic:n_sessions=60,n_items=10")
    with pytest.raises(InputError, match="cannot name a folder"):
        running.run(datasets.Dataset(name, data.log, "real", None, ""), split, "popularity", out=tmp_path / "evidence")
    with pytest.raises(AuditError):
        datasets.load(name)
    assert files(tmp_path) == []


# --- memory stays bounded

BOMBS = """
    import json, pickle, resource, sys, io, gzip, tarfile, zipfile, hashlib, tempfile
    from pathlib import Path

    import numpy as np, pyarrow as pa, pyarrow.parquet as pq
    from audit_lib.data import archives, parsers, preparing, reading, safe_pickle
    from audit_lib.errors import AuditError
    from audit_lib.study import evidence, running

    folder = Path(sys.argv[1])
    def size():
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()

    def zeros(file, megabytes):
        for _ in range(megabytes):
            file.write(bytes(2**20))

    with zipfile.ZipFile(folder / "a.whl", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("member", "w", force_zip64=True) as file:
            zeros(file, 800)
    (folder / "a.tar.gz").write_bytes(gzip.compress(bytes(2**25), 1) * 40)  # 1.3 GB
    one = pa.table({name: pa.array(np.zeros(2**24, np.uint8)) for name in evidence.COLUMNS})
    data, split = preparing.prepare("synthetic:n_sessions=60,n_items=10")
    run = running.run(data, split, "popularity", out=folder / "evidence")
    with pq.ParquetWriter(run.path, one.schema, compression="zstd") as writer:
        for _ in range(4):  # 2**26 rows, as int64: 2 GB
            writer.write_table(one)
    hashed = run.manifest | {"sha256": hashlib.sha256(run.path.read_bytes()).hexdigest()}
    run.path.with_suffix(".json").write_text(json.dumps(hashed))
    names = [f"c{i}" for i in range(10**6)]
    head = "\\t".join(["SessionId", "ItemId", "Time", *names])
    (folder / "wide.tsv").write_text(head + "\\n" + "1\\t" * 10**6 + "1\\n")
    with (folder / "line.csv").open("wb") as file:
        zeros(file, 20)
    memo = b"\\x80\\x02]q\\x00" + b"".join(b"(h%ch%ce]q%c" % (i, i, i + 1) for i in range(60)) + b"."

    bound = size() + 700 * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
    said = {}
    readers = {
        "zip": lambda: archives.wheel_member(folder / "a.whl", "member"),
        "gzip": lambda: archives.tar_members(folder / "a.tar.gz", "entree"),
        "evidence": lambda: evidence.read(run.path),
        "wide table": lambda: reading.read_log(folder / "wide.tsv"),
        "endless line": lambda: reading.read_log(folder / "line.csv"),
        "endless header": lambda: parsers.diginetica_views({"a": folder / "line.csv"}),
        "memo of a pickle": lambda: safe_pickle.read_integers(memo),
        "claimed length": lambda: safe_pickle.read_integers(b"\\x80\\x02\\x8b\\xff\\xff\\xff\\x7f"),
        "deep manifest": lambda: evidence.read(run.path),
    }
    for name, read in readers.items():
        if name == "deep manifest":
            run.path.with_suffix(".json").write_text("[" * 10**6)
        try:
            read()
            said[name] = "read"
        except AuditError as error:
            said[name] = f"refused: {error}"
        except MemoryError:
            said[name] = "MemoryError"
    print(json.dumps(said))
"""


def test_what_expands_without_bound_is_refused_within_700_mib(tmp_path):
    code = textwrap.dedent(BOMBS)
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout)
    assert len(said) == 9
    assert {name: text for name, text in said.items() if not text.startswith("refused: ")} == {}
    assert "at most 50000000 are read" in said["evidence"]
    assert "Keep only SessionId, ItemId, Time" in said["wide table"]


# --- what a log may hold

STRANGE = [
    SCRIPT, IMAGE, "=1+1", "@SUM(A1)", "+1", "-1", 'a"b', "a,b", "\u202eevil", "$\\frac{1}{2}$", "{x}", "%s", "'",
]


def test_ids_of_any_text_are_ranked_like_any_others(tmp_path):
    """Renaming items to the strangest of names changes no rank, and no name reaches the evidence."""
    plain = random_log(200, len(STRANGE), seed=3)
    renamed = plain.assign(ItemId=plain["ItemId"].map(dict(enumerate(STRANGE, plain["ItemId"].min()))))
    runs = []
    for name, log in (("plain", plain), ("strange", renamed)):
        path = tmp_path / f"{name}.tsv"
        log.to_csv(path, sep="\t", index=False)
        data, split = prepare(path)
        runs.append(running.run(data, split, "markov", out=tmp_path / name))
    assert runs[0].path.read_bytes() == runs[1].path.read_bytes()
    written = b"".join(path.read_bytes() for path in (tmp_path / "strange").rglob("*") if path.is_file())
    assert not [text for text in STRANGE if len(text) > 4 and text.encode() in written]


# --- what reaches a page or a spreadsheet


@pytest.mark.parametrize("text", [SCRIPT, IMAGE, "<b>bold</b>", "&lt;"])
def test_markup_in_a_cell_or_a_heading_is_shown_and_not_run(text):
    shown = Table(pd.DataFrame({text: [text], "n": [1]}), lang="en")._repr_html_()
    assert text not in shown
    assert "<script" not in shown
    assert "<img" not in shown


@pytest.mark.parametrize("name", [SCRIPT, IMAGE, "=1+1", "@SUM(A1)", "+1", "-1", "a'b", "$(id)"])
def test_the_name_of_an_own_log_is_harmless_in_pages_tables_and_shells(tmp_path, name):
    safe = datasets.safe_name(f"{name.replace('/', '')}.tsv")
    assert shlex.quote(safe) == safe
    assert safe[0] not in "=+-@."
    assert escape(safe) == safe


def test_a_formula_in_a_log_cannot_reach_the_published_table(tmp_path):
    """headline.csv names files alone, and files are named by names that can be no formula."""
    path = write_tsv(
        log_of({i: [("=1+1", i * 9e4), ("@x", i * 9e4 + 1), ("=1+1", i * 9e4 + 2)] for i in range(40)}),
        tmp_path / "=cmd.tsv",
    )
    data, split = prepare(path)
    run = running.run(data, split, "popularity", out=tmp_path / "evidence")
    committed.seal(tmp_path / "evidence")
    rows = list(csv.reader((tmp_path / "evidence" / committed.HEADLINE).open()))
    assert rows[1][0] == run.path.relative_to(tmp_path / "evidence").as_posix()
    assert rows[1][0].startswith("cmd/")
    assert np.isfinite(float(rows[1][1]))
