"""The adapter to the official GRU4Rec: fetching, what has to be worked around, and the interface of a recommender."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from audit_lib.data.logs import ITEM, SESSION, TIME
from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.errors import InputError, MissingError, ScoreError
from audit_lib.files import PROJECT
from audit_lib.recommenders import vendored
from audit_lib.recommenders.gru4rec import vendor, workarounds
from audit_lib.recommenders.gru4rec.official import OfficialGRU4Rec, Trace

ROOT = PROJECT
SMALL = {
    "layers": (16,), "batch_size": 8, "n_sample": 16, "n_epochs": 2, "logq": 1.0, "sample_cache_max_size": 4096,
}  # fmt: skip


def git(*arguments: str, folder: Path) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def random_walks(*, n_sessions: int = 60, n_items: int = 30, seed: int = 0, prefix: str = "item") -> Sessions:
    """Sessions that mostly step from item i to i + 1; every item occurs; ids are text, in no order."""
    rng = np.random.default_rng(seed)
    rows = []
    for session in range(n_sessions):
        item = session % n_items
        for step in range(int(rng.integers(2, 8))):
            rows.append((f"s{session:03d}", f"{prefix}{item * 7 % n_items}", 100.0 * session + step))
            item = (item + 1) % n_items if rng.random() < 0.9 else int(rng.integers(n_items))
    return Sessions.from_log(pd.DataFrame(rows, columns=[SESSION, ITEM, TIME]))


def all_scores(model: OfficialGRU4Rec, sessions: Sessions, block_size: int = 256) -> np.ndarray:
    return np.concatenate([block.copy() for block in model.score(Prefixes(sessions), block_size=block_size)])


@pytest.fixture(scope="module")
def official():
    """Skips without the vendor folder, and says how to get it."""
    try:
        return vendor.load_official()[0]
    except MissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def train() -> Sessions:
    return random_walks()


# --- fetching ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def upstream(tmp_path, monkeypatch) -> Path:
    """A local repository in the place of the official one, pinned at its second commit of three."""
    folder = tmp_path / "upstream"
    folder.mkdir()
    git("init", "--quiet", folder=folder)
    commits = []
    for version in (1, 2, 3):
        (folder / "gru4rec_pytorch.py").write_text(f"VERSION = {version}\n")
        (folder / "evaluation.py").write_text("from gru4rec_pytorch import VERSION\n")
        git("add", ".", folder=folder)
        git("commit", "--quiet", "-m", str(version), folder=folder)
        commits.append(git("rev-parse", "HEAD", folder=folder))
    monkeypatch.setattr(vendor, "OFFICIAL", replace(vendor.OFFICIAL, commit=commits[1]))
    monkeypatch.setenv("AUDIT_VENDOR", str(tmp_path / "vendor"))
    monkeypatch.setenv("AUDIT_VENDOR_URL", str(folder))
    monkeypatch.delenv("AUDIT_VENDOR_ANY", raising=False)
    return folder


def fetch() -> str:
    return vendored.fetch(vendor.OFFICIAL)


def test_fetch_checks_out_the_pinned_commit_and_says_under_which_licence(upstream):
    message = fetch()
    module, tree = vendor.load_official()
    assert module.VERSION == 2
    assert tree.pinned
    assert "research and education" in message
    assert "1511.06939" in message


def test_fetch_again_changes_nothing_and_needs_no_source(upstream, monkeypatch):
    fetch()
    monkeypatch.setenv("AUDIT_VENDOR_URL", str(upstream / "gone"))
    assert "already" in fetch()


def test_fetch_leaves_nothing_behind_when_it_fails(upstream, monkeypatch):
    monkeypatch.setattr(vendor, "OFFICIAL", replace(vendor.OFFICIAL, commit="0" * 40))
    with pytest.raises(InputError, match="does not hold commit 0000000"):
        fetch()
    assert list(vendor.OFFICIAL.place.parent.iterdir()) == []


def test_fetch_offline_says_in_one_line_what_to_do(upstream, monkeypatch):
    monkeypatch.setenv("AUDIT_VENDOR_URL", str(upstream / "gone"))
    with pytest.raises(MissingError, match="AUDIT_VENDOR_URL to a local copy") as error:
        fetch()
    assert "\n" not in str(error.value)


def test_another_commit_is_refused_unless_asked_for(upstream, monkeypatch):
    fetch()
    git("checkout", "--quiet", "HEAD~1", folder=vendor.OFFICIAL.place)
    for call in (fetch, vendor.load_official):
        with pytest.raises(InputError, match=r"is at commit .*, not "):
            call()
    monkeypatch.setenv("AUDIT_VENDOR_ANY", "1")
    assert "NOT the pinned tree" in fetch()
    module, tree = vendor.load_official()
    assert module.VERSION == 1
    assert not tree.pinned


@pytest.mark.parametrize("file", ["gru4rec_pytorch.py", "new.py"])
def test_a_changed_or_added_file_is_refused(upstream, file, monkeypatch):
    fetch()
    (vendor.OFFICIAL.place / file).write_text("VERSION = 4\n")
    with pytest.raises(InputError, match=f"1 changed files, the first is '{file}'"):
        vendor.load_official()
    monkeypatch.setenv("AUDIT_VENDOR_ANY", "1")
    assert not vendored.verify(vendor.OFFICIAL).clean


def test_a_folder_that_is_no_repository_is_refused_even_inside_another_one(upstream, monkeypatch):
    inside = upstream / "vendor" / vendor.OFFICIAL.folder
    inside.mkdir(parents=True)
    monkeypatch.setenv("AUDIT_VENDOR", str(inside.parent))
    with pytest.raises(InputError, match="not a git repository"):
        vendored.verify(vendor.OFFICIAL)


def test_loading_leaves_no_trace_in_python_or_in_the_folder(upstream):
    fetch()
    path, modules = list(sys.path), dict(sys.modules)
    module, _ = vendor.load_official("evaluation")
    assert module.VERSION == 2
    assert sys.path == path
    assert {key: sys.modules[key] for key in modules} == modules
    assert "gru4rec_pytorch" not in sys.modules
    assert sorted(p.name for p in vendor.OFFICIAL.place.iterdir()) == [".git", "evaluation.py", "gru4rec_pytorch.py"]


def test_without_the_official_code_training_names_the_command(train, tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIT_VENDOR", str(tmp_path))
    with pytest.raises(MissingError, match="python -m audit_lib fetch official") as error:
        OfficialGRU4Rec(**SMALL).fit(train)
    assert "\n" not in str(error.value)


def test_nothing_of_the_official_code_is_tracked():
    try:
        tracked = git("ls-files", folder=ROOT).splitlines()
    except (subprocess.CalledProcessError, FileNotFoundError):
        pytest.skip("not a git checkout")
    forbidden = {"gru4rec_pytorch.py", "paropt.py", "run.py"}
    assert not [path for path in tracked if path.startswith("vendor") or Path(path).name in forbidden]
    ignored = git("check-ignore", f"vendor/{vendor.OFFICIAL.folder}/run.py", folder=ROOT)
    assert ignored == f"vendor/{vendor.OFFICIAL.folder}/run.py"


# --- workarounds that need no official code ---------------------------------------------------------------------------


def test_seeded_puts_both_global_generators_back():
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    expected = np.random.rand(), float(torch.rand(1))  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    with contextlib.suppress(KeyError), workarounds.seeded(1, torch.device("cpu")):
        np.random.seed(42)  # noqa: NPY002
        torch.rand(7)
        raise KeyError
    assert (np.random.rand(), float(torch.rand(1))) == expected  # noqa: NPY002


def test_replaced_puts_names_back_after_an_error():
    class Owner:
        name = 1

    with contextlib.suppress(KeyError), workarounds.replaced((Owner, "name", 2)):
        assert Owner.name == 2
        raise KeyError
    assert Owner.name == 1


def test_printed_hands_on_whole_lines(capsys):
    lines = []
    with workarounds.printed(lines.append):
        print("a", end="")
        print("b\nc\nrest", end="")
    assert lines == ["ab", "c"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("layers", "input_size", "works"),
    [((100,), 100, True), ((50, 50), 50, True), ((100,), 64, False), ((50, 100), 100, False), ((100,), 0, True)],
)
def test_official_initial_weights_fit_only_equal_sizes(layers, input_size, works):
    assert workarounds.compatible(layers, input_size) is works


@pytest.mark.parametrize(
    "settings",
    [
        {"layers": ()}, {"loss": "top1"}, {"n_sampel": 1}, {"device": "gpu"}, {"dropout_p_embed": 1.0},
        {"tail": "correct"}, {"cell": "paper"}, {"constrained_embedding": False},
        {"constrained_embedding": False, "cell": "paper", "layers": (8, 8)},
    ],
)
def test_settings_that_the_official_code_lacks_are_refused(settings):
    with pytest.raises(InputError, match="gru4rec_official"):
        OfficialGRU4Rec(**settings)


# --- with the official code -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted(official, train) -> OfficialGRU4Rec:
    return OfficialGRU4Rec(**SMALL).fit(train)


def snapshot(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file() and ".git" not in p.relative_to(folder).parts)
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.mark.official
def test_a_run_changes_neither_vendor_folder_nor_module_nor_sessions_nor_generators(official, train, capsys):
    files, fingerprint = snapshot(vendor.OFFICIAL.place), train.fingerprint
    places = [(official, name) for name in vars(official)]
    places += [(official.GRU4RecModel, "_init_numpy_weights"), (official.IndexedAdagradM, "__init__")]
    before = [getattr(*place) for place in places]
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
    model = OfficialGRU4Rec(**SMALL).fit(train, trace=Trace(), negatives=lambda step: np.arange(16))
    all_scores(model, train)
    assert snapshot(vendor.OFFICIAL.place) == files
    assert all(getattr(*place) is value for place, value in zip(places, before, strict=True))
    del train.__dict__["fingerprint"]
    assert train.fingerprint == fingerprint
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert capsys.readouterr().out == ""


@pytest.mark.official
def test_every_shim_that_was_applied_is_listed_and_explained(official, train, monkeypatch):
    always = {"distinct-times", "finite-only", "own-ranking", "renumbered-items", "seeded-torch"}
    plain = OfficialGRU4Rec(**SMALL).fit(train)
    assert set(plain.shims) == always | {"float32-weights"}
    wide = OfficialGRU4Rec(**SMALL | {"layers": (8, 16), "batch_size": 1000}).fit(train)
    assert set(wide.shims) == always | {"torch-initial-weights", "batch-within-sessions"}
    monkeypatch.setattr(vendor, "OFFICIAL", replace(vendor.OFFICIAL, commit="0" * 40))
    monkeypatch.setenv("AUDIT_VENDOR_ANY", "1")
    assert set(OfficialGRU4Rec(**SMALL).fit(train).shims) == set(plain.shims) | {"other-tree"}
    assert set(wide.shims) | set(plain.shims) | {"other-tree", "own-weights-file"} == workarounds.SHIMS.keys()


@pytest.mark.official
def test_log_has_what_the_official_code_prints(official, train):
    trace = Trace()
    model = OfficialGRU4Rec(**SMALL | {"n_epochs": 3}).fit(train, trace=trace)
    assert [entry["epoch"] for entry in model.log] == [1, 2, 3]
    per_epoch = np.array(trace.losses).reshape(3, -1).mean(1)
    np.testing.assert_allclose([entry["printed_loss"] for entry in model.log], per_epoch, atol=1e-6)
    lanes = sum(map(len, trace.targets)) / 3
    idle = 8 * len(trace.targets) / 3 / lanes  # what the printed speed overstates
    for entry in model.log:
        assert entry["events"] == lanes == len(Prefixes(train))
        assert entry["steps"] == len(trace.targets) / 3
        assert entry["loss"] == pytest.approx(idle * entry["printed_loss"])
        assert entry["events_per_second"] == entry["events"] / entry["seconds"]
        assert entry["printed_events_per_second"] == pytest.approx(idle * entry["events_per_second"], rel=0.2)
        assert (entry["engine"], entry["commit"]) == ("official", vendor.OFFICIAL.commit)


@pytest.mark.official
@pytest.mark.parametrize(
    "settings", [{}, {"dropout_p_embed": 0.2, "dropout_p_hidden": 0.1, "loss": "bpr-max", "logq": 0}]
)
def test_same_seed_gives_the_same_bits_and_another_seed_does_not(official, train, settings):
    first, again, other = (OfficialGRU4Rec(**SMALL | settings, seed=s).fit(train).state() for s in (1, 1, 2))
    for key, value in first.items():
        np.testing.assert_array_equal(value, again[key])
    assert (first["Wy"] != other["Wy"]).any()


INPUTS = {
    "shared": {},
    "separate": {"constrained_embedding": False, "embedding": 12},
    "layersize": {"constrained_embedding": False, "embedding": "layersize"},
    "one-hot": {"constrained_embedding": False, "cell": "paper"},
    "two layers": {"layers": (12, 8)},
}


@pytest.mark.official
@pytest.mark.parametrize("settings", INPUTS.values(), ids=INPUTS.keys())
def test_saved_and_loaded_scores_are_equal(official, train, tmp_path, settings):
    model = OfficialGRU4Rec(**SMALL | settings).fit(train)
    again = OfficialGRU4Rec.load(model.save(tmp_path / "model.safetensors"))
    np.testing.assert_array_equal(all_scores(again, train), all_scores(model, train))
    assert again.config == model.config
    assert again.tree == model.tree
    assert set(again.shims) == {*model.shims, "own-weights-file"}


@pytest.mark.official
@pytest.mark.parametrize("settings", INPUTS.values(), ids=INPUTS.keys())
def test_scores_are_those_of_the_official_forward_item_by_item(official, train, settings):
    model = OfficialGRU4Rec(**SMALL | settings).fit(train)
    found, row = all_scores(model, train), 0
    network = model._network()
    for s in range(20):
        state = [torch.zeros(1, size) for size in model.config.layers]
        for item in train.items[train.offsets[s] : train.offsets[s + 1] - 1]:
            with torch.no_grad():
                expected = network.forward(torch.tensor([item]), state, None, training=False)
            np.testing.assert_allclose(found[row], expected[0], rtol=1e-5, atol=1e-6)
            row += 1


@pytest.mark.official
def test_recall_is_that_of_the_official_evaluation_where_that_one_is_complete(official, train):
    fitted = OfficialGRU4Rec(**SMALL | {"layers": (16,)}).fit(train)
    test = random_walks(n_sessions=40, seed=9)
    test = Sessions.from_log(test.to_log(), train.catalogue)
    scores = all_scores(fitted, test)
    target = Prefixes(test).target
    rank = (scores >= scores[np.arange(len(target)), target][:, None]).sum(1)
    gru = official.GRU4Rec(layers=[16], device=torch.device("cpu"))
    gru.model, gru.error_during_train = fitted._network(), False
    gru.data_iterator = type("Map", (), {"itemidmap": pd.Series(np.arange(30, dtype="int32"), index=np.arange(30))})
    frame = pd.DataFrame({SESSION: test.session, ITEM: test.items, TIME: test.times})
    evaluation, _ = vendor.load_official("evaluation")
    recall, mrr = evaluation.batch_eval(gru, frame, cutoff=[3], batch_size=40)
    assert recall[3] == pytest.approx((rank <= 3).mean())
    assert mrr[3] == pytest.approx(((rank <= 3) / rank).mean(), rel=1e-6)


@pytest.mark.official
@pytest.mark.parametrize("settings", INPUTS.values(), ids=INPUTS.keys())
def test_training_from_given_weights_and_negatives_repeats_a_recorded_one(official, train, settings):
    first, again = Trace(), Trace()
    recorded = OfficialGRU4Rec(**SMALL | settings, seed=3).fit(train, trace=first)
    replayed = OfficialGRU4Rec(**SMALL | settings, seed=4)
    replayed.fit(train, weights=first.initial, negatives=lambda step: first.negatives[step], trace=again)
    assert again.losses == first.losses
    for key, value in recorded.state().items():
        if key != "origin":
            np.testing.assert_array_equal(replayed.state()[key], value)


@pytest.mark.official
def test_sessions_are_taken_in_our_order_even_when_all_start_at_once(official):
    walks = random_walks(n_sessions=64)
    log = walks.to_log()
    log[TIME] = log.groupby(SESSION).cumcount().astype(float)
    sessions, trace = Sessions.from_log(log), Trace()
    OfficialGRU4Rec(**SMALL | {"n_epochs": 1}).fit(sessions, trace=trace)
    np.testing.assert_array_equal(trace.targets[0], sessions.items[sessions.offsets[:8] + 1])
    assert len(trace.negatives[0]) == 16
    seen = np.bincount(np.concatenate(trace.targets), minlength=30)
    np.testing.assert_array_equal(seen, np.bincount(Prefixes(sessions).target, minlength=30))


@pytest.mark.official
def test_a_catalogue_in_another_order_gives_the_same_scores(official, train):
    shuffled = pd.Index(np.random.default_rng(0).permutation(train.catalogue), name=ITEM)
    other = Sessions.from_log(train.to_log(), shuffled)
    straight, turned = (OfficialGRU4Rec(**SMALL).fit(t) for t in (train, other))
    np.testing.assert_allclose(
        all_scores(turned, other)[:, shuffled.get_indexer(train.catalogue)], all_scores(straight, train), rtol=1e-6
    )


@pytest.mark.official
def test_popularity_weights_draw_popular_items_more_often(official, train):
    trace = Trace()
    OfficialGRU4Rec(**SMALL | {"sample_alpha": 3.0}).fit(train, trace=trace)
    drawn = np.bincount(np.concatenate(trace.negatives), minlength=30)
    expected = train.support**3.0 / (train.support**3.0).sum()
    assert np.corrcoef(drawn, expected)[0, 1] > 0.95


@pytest.mark.official
def test_a_training_that_ends_in_nan_is_an_error(official, train):
    model = OfficialGRU4Rec(**SMALL | {"learning_rate": 1e30})
    with pytest.raises(ScoreError, match="gru4rec_official: training ended in NaN or infinity in epoch 1"):
        model.fit(train)
    with pytest.raises(InputError, match="not fitted yet"):
        next(model.score(Prefixes(train)))


@pytest.mark.official
def test_what_the_official_code_cannot_train_on_is_refused(official, train):
    with pytest.raises(InputError, match="catalogue items do not occur in train"):
        OfficialGRU4Rec(**SMALL).fit(train.select(np.arange(3)))
    with pytest.raises(InputError, match=r"needs 16 negatives, not \(3,\)"):
        OfficialGRU4Rec(**SMALL).fit(train, negatives=lambda step: np.arange(3))
    with pytest.raises(InputError, match="weights do not fit"):
        OfficialGRU4Rec(**SMALL).fit(train, weights={"Wy": np.zeros((30, 16), np.float32)})


@pytest.mark.official
def test_scoring_refuses_an_unfitted_model_and_another_catalogue(fitted):
    with pytest.raises(InputError, match="not fitted yet"):
        next(OfficialGRU4Rec(**SMALL).score(Prefixes(random_walks())))
    with pytest.raises(InputError, match="fitted on another catalogue"):
        next(fitted.score(Prefixes(random_walks(n_items=12))))
