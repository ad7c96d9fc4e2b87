"""What the book is built from: the lock, the bill of materials, the workflows, and that no secret lies about."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement

from audit_lib.errors import InputError
from audit_lib.files import PROJECT
from tests.defence import inventory, lockfile
from tests.defence.lockfile import Pin

PINS = lockfile.read()
WANTED = lockfile.direct()
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
EXTRAS = "book,test,peers,cluster"
A, B = "a" * 64, "b" * 64


def tracked() -> list[str]:
    """Names of the files under version control, or that could be."""
    listing = ["git", "ls-files", "-co", "--exclude-standard"]
    done = subprocess.run(listing, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [name for name in done.stdout.splitlines() if (PROJECT / name).is_file()]


# --- the lock
def test_the_lock_holds_every_requirement_in_its_pinned_version():
    locked = {pin.name: {p.version.split("+")[0] for p in PINS if p.name == pin.name} for pin in PINS}
    assert len(WANTED) >= 20
    assert {name: {wanted} for name, wanted in WANTED.items()} == {name: locked.get(name) for name in WANTED}


@pytest.mark.parametrize(
    "of", [["."], ["audit_lib", "--ignore=DEP002", f"--optional-dependencies-dev-groups={EXTRAS}"]]
)
def test_every_import_is_declared_and_every_requirement_is_used(of):
    """By anything of the project; and the library imports nothing that stands in an extra."""
    pytest.importorskip("deptry", reason="deptry is not installed: run make again")
    command = [sys.executable, "-m", "deptry", *of]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_lock_is_closed_under_what_installed_packages_ask_for():
    """Of every locked package that is installed here, all that it needs on this machine is locked too."""
    locked, open_ends, looked_at = {pin.name for pin in PINS}, set(), 0
    for pin in PINS:
        try:
            needs = requires(pin.name) or []
        except PackageNotFoundError:
            continue
        looked_at += 1
        for need in map(Requirement, needs):
            applies = need.marker is None or need.marker.evaluate({"extra": ""})
            if applies and lockfile.normalised(need.name) not in locked:
                open_ends.add((pin.name, need.name))
    assert looked_at > 100
    assert open_ends == set()


def test_what_is_installed_here_is_what_is_locked():
    here, differ = [pin for pin in PINS if not pin.marker or Marker(pin.marker).evaluate()], {}
    for pin in here:
        try:
            found = version(pin.name).split("+")[0]
        except PackageNotFoundError:
            continue
        if found != pin.version.split("+")[0]:
            differ[pin.name] = (found, pin.version)
    direct = {name: pair for name, pair in differ.items() if name in WANTED}
    assert direct == {}, "run make again"


def test_no_lock_names_an_index_or_a_place():
    for name in (lockfile.LOCK, lockfile.CPU_LOCK, lockfile.GPU_LOCK):
        text = (PROJECT / name).read_text("utf8")
        assert "://" not in text
        assert not re.search(r"--(index-url|extra-index-url|find-links|trusted-host)", text)


def test_every_hash_of_a_lock_is_of_one_package_alone():
    owners: dict[str, set[str]] = {}
    for pin in PINS:
        for content in pin.hashes:
            owners.setdefault(content, set()).add(pin.name)
    assert {content: names for content, names in owners.items() if len(names) > 1} == {}


def test_torch_comes_in_two_builds_and_only_one_of_them_needs_cuda():
    names = {
        file: {pin.name for pin in lockfile.parse((PROJECT / file).read_text("utf8"))}
        for file in (lockfile.LOCK, lockfile.CPU_LOCK, lockfile.GPU_LOCK)
    }
    assert not [name for name in names[lockfile.LOCK] if lockfile.GPU_ONLY.fullmatch(name)]
    assert names[lockfile.CPU_LOCK] == {"torch"}
    assert names[lockfile.GPU_LOCK] >= {"torch", "triton"}


def test_pins_survive_writing_and_reading():
    pins = [Pin("one", "1.0", "", (A, B)), Pin("two", "2.0.post1", "python_version < '3.12'", (B,))]
    assert lockfile.parse(lockfile.written(pins)) == pins
    with pytest.raises(InputError, match="no pinned package with hashes"):
        lockfile.parse("one==1.0\n")
    with pytest.raises(InputError, match="no pinned package"):
        lockfile.parse(f"one>=1.0 --hash=sha256:{A}\n")


def test_direct_requirements_are_read_with_extras_and_comments(tmp_path):
    (tmp_path / "requirements.txt").write_text("# why\n-r one.txt\n-r two.txt\n")
    (tmp_path / "one.txt").write_text("# a==1\nSome_Pkg[x,y]==1.2  # why\n")
    (tmp_path / "two.txt").write_text("b==3.post1\n")
    assert lockfile.direct(tmp_path) == {"some-pkg": "1.2", "b": "3.post1"}


def test_the_package_depends_on_what_the_lists_pin():
    """pyproject.toml reads each list, as dependencies or as an extra, and requirements.txt names those of the book."""
    dynamic = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf8"))["tool"]["setuptools"]["dynamic"]
    extras = {name: about["file"] for name, about in dynamic["optional-dependencies"].items()}
    lists = {path.stem: [f"requirements/{path.name}"] for path in (PROJECT / "requirements").glob("*.txt")}
    assert {"library": dynamic["dependencies"]["file"]} | extras == lists
    pins = [line for name in lists for line in (PROJECT / "requirements" / f"{name}.txt").read_text("utf8").splitlines()
            if not line.startswith("#")]  # fmt: skip
    assert [pin for pin in pins if [s.operator for s in Requirement(pin).specifier] != ["=="]] == []


def test_torch_gets_the_hashes_of_its_cpu_builds_and_an_unknown_version_is_refused():
    known = next(iter(lockfile.CPU_TORCH))
    texts = lockfile.split([Pin("torch", known, "", (A,)), Pin("triton", "1.0", "", (B,)), Pin("one", "1.0", "", (B,))])
    assert lockfile.parse(texts[lockfile.LOCK]) == [Pin("one", "1.0", "", (B,))]
    (cpu,) = lockfile.parse(texts[lockfile.CPU_LOCK])
    assert (cpu.version, set(cpu.hashes)) == (f"{known}+cpu", set(lockfile.CPU_TORCH[known]))
    assert [pin.name for pin in lockfile.parse(texts[lockfile.GPU_LOCK])] == ["torch", "triton"]
    with pytest.raises(InputError, match="CPU_TORCH"):
        lockfile.split([Pin("torch", "0.0.1", "", (A,))])


def test_locking_without_uv_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(lockfile.shutil, "which", lambda *_, **__: None)
    with pytest.raises(lockfile.MissingError, match="pip install uv"):
        lockfile.make(tmp_path)


def ready(tmp_path, *settings: str) -> list[str]:
    """What `make` asks pip to do for a new environment, with a Python that only writes down its arguments."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/said\n')
    python.chmod(0o755)
    command = ["make", f"VENV={tmp_path}", f"RUN={python}", *settings, f"{tmp_path}/.ready"]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, env={"PATH": "/usr/bin:/bin"})
    said = (tmp_path / "said").read_text().splitlines()
    return [line for line in said if line.startswith("-m pip") and line != "-m pip --version"]  # whether pip is there


def test_make_installs_the_locked_versions_from_whatever_index_there_is(tmp_path):
    (install,) = ready(tmp_path)
    assert install.endswith(f"-r requirements.txt -c {tmp_path}/constraints.txt")
    assert "--require-hashes" not in install
    found = [Requirement(line) for line in (tmp_path / "constraints.txt").read_text().splitlines()]
    anywhere = [pin for pin in PINS if "+" not in pin.version]
    wanted = {(pin.name, f"=={pin.version}", pin.marker and str(Marker(pin.marker))) for pin in anywhere}
    assert {(r.name, str(r.specifier), str(r.marker or "")) for r in found} == wanted


@pytest.mark.parametrize("build", ["cpu", "gpu"])
def test_a_locked_make_checks_every_file_against_its_hash(tmp_path, build):
    install, check = ready(tmp_path, f"LOCKED={build}")
    assert install.endswith(f"--no-deps --require-hashes -r requirements/common.lock -r requirements/{build}.lock")
    assert check == "-m pip check"


# --- the bill of materials
def test_the_bill_of_materials_is_what_the_command_writes():
    written, made = json.loads((PROJECT / inventory.BILL).read_text("utf8")), inventory.bill()
    for old, new in zip(written["components"], made["components"], strict=False):
        if "licenses" not in old:
            new.pop("licenses", None)  # it was written where that package was not installed
    made["serialNumber"] = inventory.serial(made["components"])
    assert written == made, f"run: {inventory.COMMAND}"
    assert (PROJECT / inventory.BILL).read_text("utf8") == inventory.text_of(written)


def test_the_bill_lists_every_locked_package_with_its_version_and_hashes():
    listed = json.loads((PROJECT / inventory.BILL).read_text("utf8"))
    assert (listed["bomFormat"], listed["specVersion"]) == ("CycloneDX", "1.6")
    components = {(c["name"], c["version"]): c for c in listed["components"]}
    for pin in PINS:
        component = components.pop((pin.name, pin.version))
        assert tuple(h["content"] for h in component["hashes"]) == pin.hashes
    assert {name for name, _ in components} == {"mathjax", "GRU4Rec_PyTorch_Official"}
    assert len({c["bom-ref"] for c in listed["components"]}) == len(listed["components"])
    direct = [c for c in listed["components"] if {"name": "gru4rec-audit:direct", "value": "true"} in
              c.get("properties", [])]  # fmt: skip
    assert {c["name"] for c in direct} == set(WANTED)
    assert all("licenses" in c for c in direct)


# --- workflows
@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_pins_its_actions_by_commit_and_asks_for_little(path):
    text = path.read_text("utf8")
    workflow = yaml.safe_load(text)
    used = re.findall(r"uses: (\S+)(.*)", text)
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), f"{action} does not say its version"
    assert workflow["permissions"] == {"contents": "read"}
    for build in re.findall(r"LOCKED: (\S+)", text):
        assert (PROJECT / f"requirements/{build}.lock").is_file(), build
    assert not re.search(r"pull_request_target|secrets\.|curl |wget ", text)
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 90, name
        writes = {key for key, value in job.get("permissions", {}).items() if value == "write"}
        assert writes <= {"deploy": {"pages", "id-token"}, "launch": {"contents"}}.get(name, set()), name
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
            # What others can name (a branch, a title) must not reach a shell.
            assert "${{" not in step.get("run", ""), name


# --- nothing that should not be here
SECRETS = {
    "a private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----",
    "an AWS key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60,})\b",
    "an index token": r"\bpypi-[A-Za-z0-9_-]{50,}",
    "an npm token": r"\bnpm_[A-Za-z0-9]{36}\b",
    "a Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "a JSON web token": r"\beyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.",
    "a password in an address": r"://[^/\s:@'\"{}<>]+:[^/\s:@'\"{}<>]+@[\w.-]+",
    "a password": r"(?i)\b(?:password|passwd|api[_-]?key|secret)\b\s*[:=]\s*['\"][^'\"\s{}$]{8,}['\"]",
    "a home folder": r"(?<![\w.])/(?:home|Users|root)/(?!user\b|you\b|runner\b)[\w.-]+",
    "a folder of one machine": r"(?<![\w.])/(?:work|opt|mnt|srv)/\w+",
    "a package registry's host": r"(?i)\b(?:files\.pythonhosted|pypi\.org/simple|registry\.npmjs|repo\.anaconda)",
    "a private host": r"(?i)\b[\w-]+\.(?:internal|corp|lan|intranet)\b(?!\w)",
    "a private address": r"(?:://|git@)(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}\b",
}
# Where such a text is meant: the rule, not a breach of it.
MEANT = {"tests/defence/test_supply.py"}


def found_in(text: str) -> list[tuple[str, str]]:
    """What of `SECRETS` a text holds, each with the words."""
    return [(what, hit[0][:60]) for what, rule in SECRETS.items() for hit in re.finditer(rule, text)]


def test_no_file_holds_a_secret_a_private_path_or_a_host():
    breaches = {}
    for name in tracked():
        content = (PROJECT / name).read_bytes()
        if name in MEANT or b"\0" in content[:4096]:
            continue
        if hits := found_in(content.decode("utf8", errors="replace")):
            breaches[name] = hits[:3]
    assert breaches == {}


@pytest.mark.parametrize(
    ("planted", "what"),
    [
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
        ("key = AKIA" + "A1" * 8, "an AWS key"),
        ("ghp_" + "a1B2" * 9, "a GitHub token"),
        ("https://me:hunter22@example.org/x", "a password in an address"),
        ("api_key = 'abcdefgh1234'", "a password"),
        ("see /home/jane/data", "a home folder"),
        ("http://build.corp/x", "a private host"),
        ("http://192.168.1.7/x", "a private address"),
    ],
)
def test_a_planted_secret_is_found(planted, what):
    assert what in {name for name, _ in found_in(planted)}
