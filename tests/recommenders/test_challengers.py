"""Challengers run from their authors' code: the pinned commit, on our targets, with nothing of it changed.

A small repository of our own stands in for the code where only the adapter is tried; the rest needs the code itself.
"""

from __future__ import annotations

import ast
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from audit_lib.commands import cli
from audit_lib.data import datasets
from audit_lib.data.preparing import split_of
from audit_lib.data.sessions import Prefixes
from audit_lib.errors import DivergedError, InputError, MissingError
from audit_lib.evaluation import ranking
from audit_lib.files import PROJECT
from audit_lib.recommenders import config, vendored
from audit_lib.recommenders.challengers import codes, session_graphs, srgnn, workarounds
from audit_lib.recommenders.challengers.srgnn import SRGNN
from audit_lib.recommenders.gru4rec.workarounds import replaced
from audit_lib.study import epochs, evidence, plan, running
from tests.small_logs import sessions_of

# The interface that the adapter asks for, around a table of scores by last item and a list of what was asked.
MODEL = """
import torch


class SessionGraph(torch.nn.Module):
    def __init__(self, opt, n_node):
        super().__init__()
        self.opt = opt
        self.embedding = torch.nn.Embedding(n_node, n_node)
        torch.nn.init.normal_(self.embedding.weight, std=0.01)
        self.optimizer = torch.optim.Adam(self.parameters(), lr=opt.lr)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, opt.lr_dc_step, opt.lr_dc)

    def forward(self, items, A):
        return self.embedding(items)

    def compute_scores(self, hidden, mask):
        return hidden[torch.arange(len(mask)), mask.sum(1) - 1][:, 1:]


def trans_to_cuda(thing):
    raise AssertionError("the device was not named")


trans_to_cpu = trans_to_cuda


def forward(model, rows, data):
    raise AssertionError("batches are computed at once")


def train_test(model, train, test):
    model.scheduler.step()
    total, batches = 0.0, train.generate_batch(model.opt.batchSize)
    for i, rows in enumerate(batches):
        targets, scores = forward(model, rows, train)
        loss = torch.nn.functional.cross_entropy(scores, torch.tensor(targets) - 1)
        model.optimizer.zero_grad()
        loss.backward()
        model.optimizer.step()
        total += loss.item()
        print(f"[{i}/{len(batches)}] Loss: {loss.item():.4f}")
    print(f"\\tLoss:\\t{total:.3f}")
    return 0, len(test.generate_batch(model.opt.batchSize))
"""
UTILS = """
import numpy as np


class Data:
    def __init__(self, data, shuffle=False):
        self.shuffle, self.length, self.len_max = shuffle, len(data[0]), max(map(len, data[0]))
        self.inputs = np.array([list(items) + [0] * (self.len_max - len(items)) for items in data[0]])
        self.mask, self.targets = (self.inputs > 0).astype(int), np.asarray(data[1])
        self.order = np.arange(self.length)

    def generate_batch(self, size):
        if self.shuffle:
            np.random.shuffle(self.order)
        return [self.order[start : start + size] for start in range(0, self.length, size)]
"""
SMALL = {"batch_size": 7, "n_epochs": 3, "lr": 0.05, "lr_dc_step": 2, "seed": 3}


def git(*arguments: str, folder: Path) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    command = ["git", *identity, "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def pinned(monkeypatch, commit: str) -> vendored.Code:
    code = replace(codes.SRGNN, commit=commit)
    monkeypatch.setattr(codes, "SRGNN", code)
    monkeypatch.setitem(codes.CODES, "srgnn", code)
    return code


@pytest.fixture
def upstream(tmp_path, monkeypatch) -> Path:
    """A repository in the place of SR-GNN's, pinned at its second commit of three, and nothing fetched yet."""
    folder = tmp_path / "upstream"
    (folder / "pytorch_code").mkdir(parents=True)
    git("init", "--quiet", folder=folder)
    commits = []
    for version in (1, 2, 3):
        (folder / "pytorch_code" / "model.py").write_text(f"VERSION = {version}\n{MODEL}")
        (folder / "pytorch_code" / "utils.py").write_text(UTILS)
        git("add", ".", folder=folder)
        git("commit", "--quiet", "-m", str(version), folder=folder)
        commits.append(git("rev-parse", "HEAD", folder=folder))
    pinned(monkeypatch, commits[1])
    monkeypatch.setenv("AUDIT_VENDOR", str(tmp_path / "vendor"))
    monkeypatch.setenv("AUDIT_VENDOR_URL_SRGNN", str(folder))
    monkeypatch.delenv("AUDIT_VENDOR_ANY", raising=False)
    return folder


@pytest.fixture
def stand_in(upstream) -> vendored.Code:
    vendored.fetch(codes.SRGNN)
    return codes.SRGNN


@pytest.fixture
def own() -> srgnn.Own:
    """The code itself; skips without it, and says how to get it."""
    try:
        return srgnn.load()
    except MissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def prepared():
    data = datasets.load("synthetic:n_sessions=150,n_items=30")
    return data, split_of(data)


def scores_of(model: SRGNN, prefixes: Prefixes, block_size: int = 256) -> np.ndarray:
    return np.concatenate([block.copy() for block in model.score(prefixes, block_size=block_size)])


# --- fetching


def test_fetch_takes_the_pinned_commit_and_says_that_there_is_no_licence(upstream):
    said = CliRunner().invoke(cli, ["fetch", "srgnn"], catch_exceptions=False).output
    assert srgnn.load().model.VERSION == 2
    assert "no licence file" in said
    assert "1811.00855" in said
    assert codes.SRGNN.commit[:7] in said


def test_each_code_has_a_variable_of_its_own_for_another_source(upstream, monkeypatch):
    monkeypatch.setenv("AUDIT_VENDOR_URL_SRGNN", str(upstream / "gone"))
    monkeypatch.setenv("AUDIT_VENDOR_URL", str(upstream))
    with pytest.raises(MissingError, match=r"Set AUDIT_VENDOR_URL_SRGNN to a local copy and run: .* fetch srgnn"):
        vendored.fetch(codes.SRGNN)


def test_another_commit_and_a_changed_file_are_refused(stand_in, monkeypatch):
    (stand_in.place / "pytorch_code" / "model.py").write_text("VERSION = 4\n")
    with pytest.raises(InputError, match=r"1 changed files, the first is 'pytorch_code/model\.py'"):
        srgnn.load()
    git("checkout", "--quiet", "--force", "HEAD~1", folder=stand_in.place)
    with pytest.raises(InputError, match=r"is at commit .*, not .*fetch srgnn"):
        srgnn.load()
    monkeypatch.setenv("AUDIT_VENDOR_ANY", "1")
    train = sessions_of([[0, 1], [1, 0]], 2)
    assert "other-tree" in SRGNN(**SMALL).fit(train).shims


def test_without_the_code_training_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIT_VENDOR", str(tmp_path))
    with pytest.raises(MissingError, match=r"SR-GNN is not in .* python -m audit_lib fetch srgnn"):
        SRGNN().fit(sessions_of([[0, 1]], 2))


def test_nothing_of_the_code_is_tracked():
    tracked = {Path(name).name for name in git("ls-files", folder=PROJECT).splitlines()}
    assert not tracked & {"main.py", "preprocess.py", "utils.py"}
    assert git("check-ignore", "vendor/SR-GNN/pytorch_code/model.py", folder=PROJECT)


# --- the adapter, by a stand-in


def test_samples_are_all_prefixes_longest_first_with_items_from_one():
    inputs, targets = srgnn.samples_of(sessions_of([[0, 1, 2], [3], [4, 4]], 5))
    assert inputs == [[1, 2], [1], [5]]
    assert targets == [3, 2, 5]


def test_a_column_of_scores_is_an_item_of_the_catalogue_in_the_order_of_the_targets(stand_in):
    train = sessions_of([[0, 1, 2, 3], [3, 0]], 4)
    model = SRGNN(**SMALL | {"n_node": 9}).fit(train)
    table = np.arange(81, dtype=np.float32).reshape(9, 9)  # by last item and item, 0 for padding, 5 to 8 for no item
    model.weights = {"embedding.weight": table}
    prefixes = Prefixes(sessions_of([[2, 0, 3], [1, 1]], 4))
    expected = table[[3, 1, 2], 1:5]  # after item 2, then 0; after 1
    for block_size in (1, 2, 256):
        np.testing.assert_array_equal(scores_of(model, prefixes, block_size), expected)


def test_every_target_of_a_split_is_ranked_also_those_of_an_incomplete_last_batch(stand_in, prepared):
    _, split = prepared
    assert len(split.prefixes) % SMALL["batch_size"]
    model = SRGNN(**SMALL).fit(split.train)
    ranks = ranking.rank_split(model, split)
    own = model.weights["embedding.weight"][split.prefixes.last + 1, 1:]
    target = own[np.arange(len(own)), split.prefixes.target]
    assert ranks.above.tolist() == (own > target[:, None]).sum(1).tolist()


def test_too_few_nodes_no_samples_and_a_loss_that_is_not_finite_are_refused(stand_in, monkeypatch):
    with pytest.raises(InputError, match=r"n_node=2 leaves no row .* set it to 3 or more"):
        SRGNN(**SMALL | {"n_node": 2}).fit(sessions_of([[0, 1]], 2))
    with pytest.raises(InputError, match="no session of train has two events"):
        SRGNN(**SMALL).fit(sessions_of([[0], [1]], 2))
    monkeypatch.setattr(srgnn.load().model, "train_test", lambda *_: print("[0/1] Loss: nan\n\tLoss:\tnan"))
    with pytest.raises(DivergedError, match="no longer finite in epoch 1"):
        SRGNN(**SMALL).fit(sessions_of([[0, 1], [1, 0]], 2))


def test_the_learning_rate_decays_after_as_many_epochs_as_it_says(stand_in):
    model = SRGNN(**SMALL | {"n_epochs": 5}).fit(sessions_of([[0, 1], [1, 0]], 2))
    assert [entry["learning_rate"] for entry in model.log] == pytest.approx([0.05, 0.05, 0.005, 0.005, 0.0005])


def test_the_log_has_samples_losses_and_where_the_code_is_from(stand_in, prepared):
    _, split = prepared
    model = SRGNN(**SMALL).fit(split.train)
    samples = split.train.n_events - split.train.n_sessions
    for i, entry in enumerate(model.log, 1):
        assert (entry["epoch"], entry["events"], entry["steps"]) == (i, samples, -(-samples // 7))
        assert (entry["engine"], entry["commit"]) == ("srgnn", stand_in.commit)
        assert entry["repository"] == "https://github.com/CRIPAC-DIG/SR-GNN"
    assert model.log[-1]["loss"] < model.log[0]["loss"] < np.log(split.train.n_items) + 0.1
    assert set(model.shims) < set(workarounds.SHIMS)


def test_global_generators_and_threads_are_as_they_were(stand_in):
    before = np.random.get_state()[1].tolist(), torch.get_rng_state().tolist(), torch.get_num_threads()  # noqa: NPY002
    SRGNN(**SMALL).fit(sessions_of([[0, 1], [1, 0]], 2))
    assert before == (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist(), torch.get_num_threads())  # noqa: NPY002


def test_a_training_that_was_stopped_goes_on_to_the_same_bits(stand_in, prepared, tmp_path):
    _, split = prepared
    whole = SRGNN(**SMALL).fit(split.train)
    for n_epochs in (1, 2, 3):
        part = SRGNN(**SMALL | {"n_epochs": n_epochs}).fit(split.train, checkpoint=tmp_path / "checkpoint")
    np.testing.assert_array_equal(part.weights["embedding.weight"], whole.weights["embedding.weight"])
    assert [e["loss"] for e in part.log] == [e["loss"] for e in whole.log]
    assert part.earlier_seconds == pytest.approx(sum(e["seconds"] for e in part.log[:2]))
    with pytest.raises(InputError, match="trained with other settings: lr"):
        SRGNN(**SMALL | {"lr": 0.1}).fit(split.train, checkpoint=tmp_path / "checkpoint")


# --- its evidence


def test_trained_once_it_has_ranks_of_every_epoch_and_whole_ones_of_the_last(stand_in, prepared, tmp_path):
    found = epochs.run(*prepared, "srgnn", out=tmp_path, once=True, **SMALL)
    last = running.run(*prepared, "srgnn", out=tmp_path, **SMALL)
    assert last.manifest["created"] >= found.manifest["created"][:10]
    assert last.manifest["log"] == found.manifest["log"]  # it was not trained again
    assert last.manifest["shims"] == found.manifest["shims"] == sorted(srgnn.SHIMS)
    for epoch in (1, 2, 3):
        alone = SRGNN(**SMALL | {"n_epochs": epoch}).fit(prepared[1].train)
        ranks = ranking.rank_split(alone, prepared[1])
        assert found.ranks[str(epoch)].tolist() == epochs.clipped(ranks).tolist()
    assert last.ranks["above"].tolist() == ranks.above.tolist()
    assert epochs.finished(found.path.with_suffix(".json"))
    with pytest.raises(InputError, match="trained once"):
        _ = found.validation


def test_trained_once_and_stopped_it_is_unfinished_and_goes_on(stand_in, prepared, tmp_path, monkeypatch):
    ranked, rank_split = [], ranking.rank_split

    def stopping(model, split):
        ranked.append(model.config.n_epochs)
        if len(ranked) == 2:
            raise KeyboardInterrupt
        return rank_split(model, split)

    monkeypatch.setattr(ranking, "rank_split", stopping)
    with pytest.raises(KeyboardInterrupt):
        epochs.run(*prepared, "srgnn", out=tmp_path, once=True, **SMALL)
    (manifest,) = (tmp_path / epochs.FOLDER).rglob("*.json")
    assert not epochs.finished(manifest)
    assert list(evidence.every(tmp_path)) == []
    found = epochs.run(*prepared, "srgnn", out=tmp_path, once=True, **SMALL)
    assert ranked == [1, 2, 2, 3]
    assert found.ranks.shape == (len(prepared[1].targets), 3)
    assert not list(tmp_path.rglob(".*checkpoint"))


def test_the_study_trains_it_once_and_compares_its_last_epoch():
    planned = {e.id: e for e in plan.select(plan.plan(), {"recommender": "srgnn"})}
    for dataset in ("diginetica", "yoochoose1_64"):
        every, last = (e for e in planned.values() if e.dataset == dataset and e.seed == 0)
        assert (every.every_epoch, every.once, last.every_epoch) == (True, True, False)
        assert every.config == last.config
        assert plan.makers()[last.id] == every.id


# --- the code itself


@pytest.mark.challenger
def test_training_and_metrics_are_those_of_the_code_run_by_itself(own, prepared):
    _, split = prepared
    settings = {"hidden_size": 16, "batch_size": 20, "lr": 0.01, "seed": 3, "n_epochs": 2}
    model = SRGNN(**settings)
    forward = own.model.forward
    with workarounds.seeded(3, torch.device("cpu")), model._running(own), replaced((own.model, "forward", forward)):
        network = model._network(own, split.train.n_items)
        train, test = map(srgnn.samples_of, (split.train, split.test))
        parts = own.utils.Data(train, shuffle=True), own.utils.Data(test, shuffle=False)
        for _ in range(2):
            theirs = own.model.train_test(network, *parts)
    model.fit(split.train)
    for name, tensor in network.state_dict().items():
        np.testing.assert_allclose(model.weights[name], tensor.numpy(), rtol=0, atol=1e-5)
    ranks = ranking.rank_split(model, split)
    rank = ranks.above + ranks.equal + 1
    assert theirs == pytest.approx((100 * np.mean(rank <= 20), 100 * np.where(rank <= 20, 1 / rank, 0).mean()))
    assert len(parts[1].targets) == len(split.targets)


@pytest.mark.challenger
def test_a_batch_holds_what_the_code_gives_it_without_the_padding(own, prepared):
    data = own.utils.Data(srgnn.samples_of(prepared[1].train), shuffle=False)
    for rows in (np.arange(30), np.argsort(data.mask.sum(1))[-20:], np.array([3])):
        for mine, theirs in zip(session_graphs.arrays(data, rows), data.get_slice(rows), strict=True):
            whole = np.asarray(theirs)
            kept = whole[:, : mine.shape[1]] if mine.ndim == 2 else whole
            np.testing.assert_array_equal(mine, kept)
            assert mine.ndim != 2 or not whole[:, mine.shape[1] :].any()


@pytest.mark.challenger
def test_the_code_goes_on_to_the_same_bits_and_is_left_as_it_was(own, prepared, tmp_path):
    _, split = prepared
    few = split.train.select(np.arange(60))
    settings = {"hidden_size": 8, "batch_size": 20, "lr": 0.01}
    whole = SRGNN(n_epochs=2, **settings).fit(few)
    SRGNN(n_epochs=1, **settings).fit(few, checkpoint=tmp_path / "checkpoint")
    again = SRGNN(n_epochs=2, **settings).fit(few, checkpoint=tmp_path / "checkpoint")
    for name, array in whole.weights.items():
        np.testing.assert_array_equal(again.weights[name], array)
    assert vendored.verify(codes.SRGNN).pinned
    assert not list(codes.SRGNN.place.rglob("__pycache__"))


@pytest.mark.challenger
def test_our_defaults_are_those_of_the_code(own):
    main = (codes.SRGNN.place / "pytorch_code" / "main.py").read_text("utf8")
    calls = [node for node in ast.walk(ast.parse(main)) if isinstance(node, ast.Call)]
    theirs = {
        call.args[0].value.removeprefix("--"): next((k.value.value for k in call.keywords if k.arg == "default"), False)
        for call in calls if getattr(call.func, "attr", "") == "add_argument"
    }  # fmt: skip
    ours = config("srgnn").model_dump()
    names = {"batchSize": "batch_size", "hiddenSize": "hidden_size", "epoch": "n_epochs"}
    left_out = {"dataset", "patience", "validation", "valid_portion"}
    assert {names.get(name, name): value for name, value in theirs.items() if name not in left_out} == {
        name: value for name, value in ours.items() if name not in ("n_node", "seed", "device", "threads")
    }
    assert f"n_node = {plan.read().settings['srgnn_yoochoose']['n_node']}" in main
    assert f"n_node = {datasets.REGISTRY['diginetica'].counts['items'] + 1}" in main
