"""A Slurm cluster of one node, this machine: Debian's slurm-wlm and munge, in a folder of the test's own.

Needs root, as slurmd does, and no other Slurm: programs inside a job look for the configuration in its usual place,
where there is a link to ours for as long as the node is up.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import psutil

USUAL = Path("/etc/slurm/slurm.conf")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel")
CONF = """
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={slurmd_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
MpiDefault=none
ReturnToService=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Why there can be no such cluster here; None if there can."""
    lacking = [name for name in PROGRAMS if shutil.which(name, path=path()) is None]
    if lacking:
        return f"no {', '.join(lacking)} on this machine (Debian: apt-get install slurm-wlm munge)"
    if os.geteuid() != 0:
        return "slurmd needs root"
    return "there is a Slurm on this machine already" if USUAL.exists() else None


def path() -> str:
    """Where the programs are: daemons lie outside a user's path."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


class Node:
    """The cluster, from `start` to `stop`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.environment = {**os.environ, "PATH": path(), "SLURM_CONF": str(folder / "slurm.conf")}
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Starts munged, slurmctld and slurmd in the foreground, as children, and waits until the node is idle."""
        for name in ("state", "spool", "munge"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        host = socket.gethostname().split(".")[0]
        memory = int(psutil.virtual_memory().total / 2**20 * 0.95)
        ports = dict(zip(("port", "slurmd_port"), free_ports(2), strict=True))
        text = CONF.format(host=host, folder=self.folder, cores=os.cpu_count(), memory=memory, **ports)
        (self.folder / "slurm.conf").write_text(text)
        USUAL.parent.mkdir(parents=True, exist_ok=True)
        USUAL.unlink(missing_ok=True)  # a link to a node that was killed leads nowhere
        USUAL.symlink_to(self.folder / "slurm.conf")
        key = self.folder / "munge" / "key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        munge = self.folder / "munge"
        own = [f"--{name}-file={munge / name}" for name in ("pid", "log", "seed", "key")]
        self._run("munged", "--foreground", "--force", f"--socket={munge / 'socket'}", *own)
        wait_for(lambda: (munge / "socket").exists(), 60, "munged")
        self._run("slurmctld", "-D", "-c")
        self._run("slurmd", "-D", "-c", "-N", host)
        wait_for(lambda: "idle" in self.say("sinfo", "-h", "-o", "%t"), 180, f"slurmd (see {self.folder}/slurmd.log)")

    def _run(self, *command: str) -> None:
        with (self.folder / f"{command[0]}.out").open("wb") as out:
            self.processes.append(subprocess.Popen(command, env=self.environment, stdout=out, stderr=out))

    def say(self, *command: str) -> str:
        """What one of Slurm's commands prints."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def stop(self) -> None:
        """Cancels what runs and ends the daemons."""
        self.say("scancel", "--user=root", "--signal=KILL")
        self.say("scancel", "--user=root")
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if USUAL.is_symlink() and USUAL.readlink() == self.folder / "slurm.conf":
            USUAL.unlink()


def free_ports(n: int) -> list[int]:
    """Ports that nothing listens on now."""
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def wait_for(condition: object, seconds: float, what: str) -> None:
    """Waits until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come up in {seconds:.0f} s")
        time.sleep(0.2)
