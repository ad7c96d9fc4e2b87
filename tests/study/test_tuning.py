from __future__ import annotations

import inspect
import json

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from audit_lib import recommenders
from audit_lib.errors import BusyError, DivergedError, InputError
from audit_lib.files import hold
from audit_lib.recommenders import Config, Recommender
from audit_lib.study import spaces, tuning
from audit_lib.study.tuning import Budget, Objective, tune
from tests.small_logs import sessions_of

V = 20
KNN_SPACE = {"k": IntDistribution(1, 30), "similarity": CategoricalDistribution(("cosine", "vec"))}


@pytest.fixture(scope="module")
def train():
    rng = np.random.default_rng(0)
    rows = [((rng.integers(0, V) + np.arange(5) * rng.integers(1, 3)) % V).tolist() for _ in range(150)]
    return sessions_of(rows, V)


class PeekConfig(Config):
    """quality: how many items rank below the target at most; n_epochs: only recorded."""

    quality: int = 0
    n_epochs: int = 9


class Peek(Recommender):
    """Knows the target, and errs on purpose: its rank is V − quality. It records everything that it is shown."""

    name = "peek"
    Config = PeekConfig
    shown: list = []  # noqa: RUF012 (shared on purpose)
    epochs: list = []  # noqa: RUF012
    fail_at: int | None = None
    diverges = staticmethod(lambda quality: False)

    def fit(self, train, *, checkpoint=None):
        if self.diverges(self.config.quality):
            raise DivergedError("the loss became nan")
        if self.fail_at is not None and len(self.epochs) >= self.fail_at:
            raise KeyboardInterrupt
        self.shown.append(("fit", train))
        self.epochs.append(self.config.n_epochs)
        return self

    def score(self, prefixes, *, block_size=256):
        self.shown.append(("score", prefixes.sessions))
        for target in prefixes.target:
            row = np.arange(V, dtype=np.float32)
            row[target] = self.config.quality + 0.5
            yield row[None]

    def state(self):
        return {}

    def restore(self, state):
        return None


@pytest.fixture
def peek(monkeypatch):
    monkeypatch.setitem(recommenders.REGISTRY, "peek", f"{Peek.__module__}:Peek")
    monkeypatch.setattr(Peek, "shown", [])
    monkeypatch.setattr(Peek, "epochs", [])
    monkeypatch.setattr(Peek, "fail_at", None)
    return Peek


QUALITY = {"quality": IntDistribution(0, V - 1)}
MRR = Objective("MRR", V)


def search(train, budget=Budget(trials=1), **options):  # noqa: B008 (it is frozen)
    """A search of the quality of `peek`."""
    return tune("peek", train, budget=budget, **{"test_fraction": 0.2, "space": QUALITY} | options)


def test_nothing_but_train_can_be_given_to_the_tuner():
    parameters = inspect.signature(tune).parameters
    positional = [p.name for p in parameters.values() if p.kind is not p.KEYWORD_ONLY]
    assert positional == ["recommender", "train"]
    annotations = {name: str(p.annotation) for name, p in parameters.items()}
    assert [name for name, a in annotations.items() if "Sessions" in a or "Split" in a] == ["train"]


def test_only_sessions_of_train_are_ever_fitted_or_scored_and_never_one_in_both_parts(train, peek):
    given, test = train.select(np.arange(100)), train.select(np.arange(100, 150))
    search(given, Budget(trials=3))
    fitted = set().union(*(shown.labels for what, shown in peek.shown if what == "fit"))
    scored = set().union(*(shown.labels for what, shown in peek.shown if what == "score"))
    assert fitted
    assert scored
    assert fitted | scored <= set(given.labels)
    assert not (fitted | scored) & set(test.labels)
    assert not fitted & scored
    assert max(fitted) < min(scored)  # labels are in order of time: validation is the last stretch


def test_the_best_value_is_the_metric_of_the_best_settings_on_the_validation_part(train, peek):
    result = search(train, Budget(trials=12), objective=MRR)
    finished = result.trials[result.trials["rung"] == 2]
    assert result.settings["quality"] == finished["quality"].max()
    # Items 0 … q score at most q, the target q + 1/2: of the other items those above q are above it.
    quality = result.settings["quality"]
    split = tuning.temporal_split(train.to_log(), test_fraction=0.2, min_item_support=1)
    above = V - 1 - quality - (split.prefixes.target > quality)
    np.testing.assert_allclose(result.value, (1 / (above + 1)).mean())


def test_the_same_seed_finds_the_same_and_another_draws_others(train):
    def found(seed):
        return tune("vsknn", train, test_fraction=0.2, seed=seed, space=KNN_SPACE, budget=Budget(trials=6)).trials

    assert found(1).equals(found(1))
    assert not found(1).equals(found(2))


def test_an_interrupted_search_goes_on_as_if_it_had_not_been(train, peek, tmp_path):
    given = {"objective": MRR, "budget": Budget(trials=10)}
    whole = search(train, storage=tmp_path / "whole", **given)
    peek.epochs.clear()
    peek.fail_at = 4
    with pytest.raises(KeyboardInterrupt):
        search(train, storage=tmp_path / "parts", **given)
    peek.fail_at = None
    peek.epochs.clear()
    parts = search(train, storage=tmp_path / "parts", **given)
    assert len(peek.epochs) == given["budget"].trials - 4  # nothing is done twice
    assert parts.trials.equals(whole.trials)
    assert parts.manifest() == whole.manifest()


@pytest.mark.parametrize("fits", range(1, 5))
def test_a_trial_that_is_cut_off_between_two_rungs_does_not_raise_the_bar(train, peek, monkeypatch, tmp_path, fits):
    monkeypatch.setitem(spaces.RESOURCES, "peek", "n_epochs")
    starts = [{"quality": quality} for quality in (10, 1, 2, 3, 4, 5)]
    given = {"objective": MRR, "budget": Budget(trials=10), "starts": starts}
    whole = search(train, **given)
    peek.epochs.clear()
    peek.fail_at = fits
    with pytest.raises(KeyboardInterrupt):
        search(train, storage=tmp_path / "search", **given)
    peek.fail_at = None
    assert search(train, storage=tmp_path / "search", **given).trials.equals(whole.trials)


def test_of_those_that_came_so_far_one_in_eta_goes_on_at_least_the_best(train, peek, monkeypatch):
    monkeypatch.setitem(spaces.RESOURCES, "peek", "n_epochs")
    starts = [{"quality": quality} for quality in (10, 1, 12, 11, 2, 9, 3)]
    found = search(train, Budget(trials=7), objective=MRR, starts=starts)
    assert found.trials["rung"].tolist() == [2, 0, 2, 0, 0, 0, 0]
    found = search(train, Budget(trials=7, eta=2), objective=MRR, starts=starts)
    assert found.trials["rung"].tolist() == [2, 0, 2, 1, 0, 0, 0]


def test_two_searches_do_not_share_a_file(train, peek, tmp_path):
    with hold(tmp_path / "search"), pytest.raises(BusyError, match="in use by process"):
        search(train, storage=tmp_path / "search")
    assert peek.epochs == []


def test_more_trials_continue_a_search_and_a_finished_one_costs_nothing(train, peek, tmp_path):
    given = {"objective": MRR, "storage": tmp_path / "search"}
    few = search(train, Budget(trials=4), **given)
    many = search(train, Budget(trials=8), **given)
    assert many.trials.iloc[:4].drop(columns="value").equals(few.trials.drop(columns="value"))
    peek.epochs.clear()
    assert search(train, Budget(trials=4), **given).trials.equals(few.trials)
    assert peek.epochs == []


def test_a_storage_of_another_search_is_refused_by_what_differs(train, peek, tmp_path):
    search(train, storage=tmp_path / "search")
    with pytest.raises(InputError, match="holds a search with other seed"):
        search(train, seed=1, storage=tmp_path / "search")
    with pytest.raises(InputError, match="holds a search with other train"):
        search(train.select(np.arange(140)), storage=tmp_path / "search")


def test_the_budget_is_the_sum_of_the_shares_that_were_evaluated(train, peek):
    budget = Budget(trials=9, eta=3, rungs=3)
    result = search(train, budget, objective=MRR)
    reached = result.trials["rung"]
    assert budget.shares == (1 / 9, 1 / 3, 1)
    expected = len(reached) * 1 / 9 + (reached >= 1).sum() * 1 / 3 + (reached == 2).sum()
    assert result.spent == pytest.approx(expected)
    assert 9 * (1 / 9) < result.spent < 9 * (1 / 9 + 1 / 3 + 1)  # some were stopped, some were not
    assert (result.trials["value"].notna() == (reached == 2)).all()


def test_successive_halving_gives_a_trained_model_its_epochs(train, peek, monkeypatch):
    monkeypatch.setitem(spaces.RESOURCES, "peek", "n_epochs")
    found = search(train, objective=MRR)
    assert peek.epochs == [1, 3, 9]
    assert found.spent == 1  # nine epochs, not thirteen


def test_a_training_that_diverges_is_a_trial_that_lost(train, peek, monkeypatch):
    monkeypatch.setitem(spaces.RESOURCES, "peek", "n_epochs")
    monkeypatch.setattr(peek, "diverges", staticmethod(lambda quality: quality == 19))
    starts = [{"quality": 19}, {"quality": 5}]
    found = search(train, Budget(trials=2), starts=starts)
    assert found.settings["quality"] == 5
    assert found.trials["value"].isna().tolist() == [True, False]
    assert found.spent == pytest.approx(1 / 9 + 1)


def test_gru4rec_goes_on_from_the_epochs_of_the_rung_before(train):
    small = {"layers": IntDistribution(8, 8), "learning_rate": FloatDistribution(0.1, 0.1)}
    fixed = {"n_epochs": 9, "batch_size": 8, "n_sample": 16}
    found = tune("gru4rec", train, test_fraction=0.2, space=small, fixed=fixed, budget=Budget(trials=1))
    split = tuning.temporal_split(train.to_log(), test_fraction=0.2)
    model = recommenders.create("gru4rec", **found.settings).fit(split.train, progress=False)  # in one go
    ranks = tuning.ranking.rank(model, split.prefixes, split.train.support)
    assert found.value == tuning.metrics.METRICS["Recall"](ranks.above, ranks.equal, 20).mean()


def test_what_belongs_to_the_other_loss_is_left_out():
    drawn = {"loss": "bpr-max", "logq": 1.0, "bpreg": 0.5, "elu_param": 1.0, "layers": 64}
    assert spaces.applying(drawn) == {"loss": "bpr-max", "bpreg": 0.5, "elu_param": 1.0, "layers": 64}
    assert spaces.applying(drawn | {"loss": "cross-entropy"}) == {"loss": "cross-entropy", "logq": 1.0, "layers": 64}
    assert spaces.applying({"steps": 3}) == {"steps": 3}


@pytest.mark.parametrize(("name", "start"), [(name, s) for name, starts in spaces.STARTS.items() for s in starts])
def test_settings_to_try_first_lie_within_the_space(name, start, train):
    space = spaces.space_of(name, train)
    for key, value in start.items():
        assert space[key]._contains(space[key].to_internal_repr(value))
    assert spaces.applying(start) == start
    recommenders.create(name, **start)


def test_given_starts_are_tried_first(train, peek):
    starts = [{"quality": 17}, {"quality": 3}]
    result = search(train, Budget(trials=3), starts=starts)
    assert result.trials["quality"].tolist()[:2] == [17, 3]


def test_only_targets_with_enough_events_before_them_count(train, peek, monkeypatch):
    steps = []
    monkeypatch.setattr(
        tuning.metrics, "METRICS", {"Recall": lambda above, equal, k: steps.append(len(above)) or np.ones(len(above))}
    )
    for min_step in (1, 2):
        search(train, Budget(trials=1, rungs=1), objective=Objective(min_step=min_step))
    assert steps[0] / steps[1] == pytest.approx(4 / 3)  # sessions of five events: four targets each, or three


def test_the_manifest_is_json_and_states_the_budget(train, peek):
    result = search(train, Budget(trials=2), fixed={"n_epochs": 4})
    manifest = json.loads(json.dumps(result.manifest()))
    assert manifest["budget"] == {"trials": 2, "eta": 3, "rungs": 3}
    assert manifest["settings"]["n_epochs"] == 4
    assert manifest["evaluations"] == pytest.approx(result.spent)
    assert manifest["space"]["quality"] == {"low": 0, "high": V - 1, "step": 1, "log": False}
    assert manifest["train"] == train.fingerprint


@pytest.mark.parametrize("name", sorted(set(spaces.SPACES) & set(recommenders.REGISTRY)))
def test_every_corner_of_a_space_is_a_valid_setting(name, train):
    def ends(distribution):
        if isinstance(distribution, CategoricalDistribution):
            return distribution.choices
        return distribution.low, distribution.high

    for key, distribution in spaces.space_of(name, train).items():
        assert isinstance(distribution, CategoricalDistribution | FloatDistribution | IntDistribution)
        for value in ends(distribution):
            assert recommenders.create(name, **{key: value}).config.model_dump()[key] is not None


def test_a_recommender_without_a_space_says_so(train):
    with pytest.raises(InputError, match="'popularity' has no search space"):
        tune("popularity", train, test_fraction=0.2)


@pytest.mark.parametrize("wrong", [{"trials": 0}, {"eta": 1}, {"rungs": 0}])
def test_an_empty_budget_is_refused(wrong):
    with pytest.raises(InputError, match="at least"):
        Budget(**wrong)
