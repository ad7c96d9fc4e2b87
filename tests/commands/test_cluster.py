"""The same Snakefiles with the profiles of a cluster: read by Snakemake, and run on a real Slurm of one node."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml

from audit_lib.files import PROJECT
from audit_lib.study import evidence
from tests.commands import slurm_node
from tests.conftest import Project, copy_project

PROFILES = sorted(path.parent.name for path in (PROJECT / "workflows" / "profiles").glob("*/config.yaml"))
PLUGIN = {"slurm": "snakemake_executor_plugin_slurm", "kubernetes": "snakemake_executor_plugin_kubernetes"}
JOB = {"dataset": "synthetic", "recommender": "gru4rec", "settings": "layers=16,n_epochs=2,n_sample=64", "shards": "2"}
# Slurm here keeps no accounts, is near and has little to do.
HERE = [
    "--slurm-no-account", "--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "3",
    "--seconds-between-status-checks", "2", "--latency-wait", "20", "--default-resources", "runtime=20", "mem_mb=500",
    "cpus_per_task=1",
]  # fmt: skip


def lacks_plugin(profile: str) -> str | None:
    module = PLUGIN.get(profile)
    if module is None or importlib.util.find_spec(module):
        return None
    return f"{module} is not installed: pip install -r requirements-cluster.txt"


def snakemake(profile: str, *more: str, workflow: str = "shards") -> list[str]:
    config = ["--config", *(f"{key}={value}" for key, value in JOB.items())]
    command = [sys.executable, "-m", "snakemake", "-s", f"workflows/{workflow}.smk"]
    return [*command, "--profile", f"workflows/profiles/{profile}", *config, *more]


def test_there_is_a_profile_for_one_machine_and_for_both_kinds_of_cluster():
    assert PROFILES == ["kubernetes", "local", "slurm"]
    pins = (PROJECT / "requirements-cluster.txt").read_text().split()
    for name, module in PLUGIN.items():
        about = yaml.safe_load((PROJECT / "workflows" / "profiles" / name / "config.yaml").read_text())
        assert about["executor"] == name
        assert any(pin.startswith(f"{module.replace('_', '-')}==") for pin in pins)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("workflow", ["shards", "study"])
def test_snakemake_takes_the_profile_and_plans_the_jobs(profile, workflow):
    if reason := lacks_plugin(profile):
        pytest.skip(reason)
    command = snakemake(profile, "--dry-run", workflow=workflow)
    done = subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, check=False,
        env=Project(PROJECT).environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_jobs_that_share_no_folder_find_their_files_through_storage(project, tmp_path):
    """As pods of Kubernetes do: what a rule declares is copied to and fro, and nothing else is there."""
    if reason := lacks_plugin("kubernetes"):
        pytest.skip(reason)
    if shutil.which("rsync") is None:
        pytest.skip("no rsync on this machine, which Snakemake's storage in a folder needs")
    storage = ["--default-storage-provider", "fs", "--default-storage-prefix", str(tmp_path / "volume")]
    command = snakemake("local", "--cores", "1", "--shared-fs-usage", "none", *storage)
    command[command.index("--config") + 1 : command.index("--cores")] = [
        "dataset=synthetic", "recommender=markov", "shards=2", f"out={tmp_path / 'evidence'}",
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=project.root, env=project.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list((tmp_path / "volume").rglob("rank-2-of-2.parquet"))
    assert len(evidence.find(tmp_path / "evidence", recommender="markov")) == 1


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[slurm_node.Node]:
    if reason := (lacks_plugin("slurm") or slurm_node.missing()):
        pytest.skip(reason)
    node = slurm_node.Node(tmp_path_factory.mktemp("slurm"))
    try:
        node.start()
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy_project(tmp_path_factory.mktemp("cluster") / "project")


def running(project: Project, words: str) -> list[psutil.Process]:
    """Processes of this project with these words in their command line."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        with contextlib.suppress(psutil.Error):
            if words in line and "snakemake" not in line and process.cwd() == str(project.root):
                found.append(process)
    return found


def test_a_job_killed_in_mid_run_leaves_nothing_and_the_next_run_ends_with_the_same_bytes(slurm, project):
    environment = {**slurm.environment, **project.environment(), "PATH": slurm_node.path()}
    command = snakemake("slurm", *HERE, "--retries", "0")
    run = subprocess.Popen(
        command, cwd=project.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    slurm_node.wait_for(lambda: running(project, "shard fit") or run.poll() is not None, 300, "the first job")
    assert run.poll() is None, run.communicate()[0]
    jobs = slurm.say("squeue", "-h", "-t", "R", "-o", "%i").split()
    assert len(jobs) == 1  # the others wait for the model
    slurm.say("scancel", "--full", "--signal=KILL", *jobs)
    said = run.communicate(timeout=300)[0]
    assert run.returncode != 0, said
    work = project.root / "runs" / "shards"
    assert not list(work.glob("*/*.parquet"))
    assert not list(work.glob("*/merged*"))

    again = subprocess.run(
        command, cwd=project.root, env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    assert again.returncode == 0, again.stdout + again.stderr
    (merged,) = work.glob("*/merged-2")
    ours = Path(merged.read_text().strip())
    assert (project.root / ours).is_file()

    settings = [f"--set={pair}" for pair in JOB["settings"].split(",")]
    one = project.root / "one"
    project.python(
        "-m", "audit_lib", "rank", "--dataset=synthetic", "--recommender=gru4rec", *settings, f"--out={one}"
    )
    (theirs,) = one.glob("*/*/*/*.parquet")
    assert theirs.read_bytes() == (project.root / ours).read_bytes()
    assert evidence.read(theirs).manifest["sha256"] == evidence.read(project.root / ours).manifest["sha256"]


def test_what_is_finished_is_not_run_again(slurm, project):
    """After the test above: nothing is submitted."""
    environment = {**slurm.environment, **project.environment(), "PATH": slurm_node.path()}
    if not list((project.root / "runs" / "shards").glob("*/merged-2")):
        pytest.skip("the run before this one did not finish")
    before = slurm.say("squeue", "-h", "-t", "all", "-o", "%i")
    done = subprocess.run(
        snakemake("slurm", *HERE), cwd=project.root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    after = slurm.say("squeue", "-h", "-t", "all", "-o", "%i")
    assert set(after.split()) <= set(before.split())
