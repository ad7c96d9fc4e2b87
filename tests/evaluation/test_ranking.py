"""The ranking engine against brute force, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from audit_lib.data.sessions import Prefixes
from audit_lib.errors import InputError, ScoreError
from audit_lib.evaluation import ranking
from audit_lib.evaluation.ranking import COLUMNS, count_block, rank
from audit_lib.recommenders import Recommender
from tests.small_logs import sessions_of


class Given(Recommender):
    """Hands out the scores it was given, in blocks of the size that is asked for."""

    name = "given"

    def __init__(self, scores, *, sizes=None):
        self.scores, self.sizes, self.asked = scores, sizes, []

    def fit(self, train):
        return self

    def score(self, prefixes, *, block_size=256):
        self.asked.append(block_size)
        at = 0
        for size in self.sizes or [block_size] * -(-len(self.scores) // block_size):
            yield self.scores[at : at + size]
            at += size

    def state(self):
        return {}

    def restore(self, state): ...


def prefixes_of(target, n_items):
    """One session of two events for each target."""
    return Prefixes(sessions_of([[0, t] for t in target], n_items))


def brute_force(scores, target, support):
    """The four counts of every row, straight from their definition."""
    out = {name: [] for name in COLUMNS}
    for row, t in zip(scores.tolist(), target, strict=True):
        above = [j for j, s in enumerate(row) if s > row[t]]
        equal = [j for j, s in enumerate(row) if s == row[t] and j != t]
        found = len(above), len(equal), sum(support[j] for j in above), sum(support[j] for j in equal)
        for name, value in zip(COLUMNS, found, strict=True):
            out[name].append(value)
    return out


def agree(ranks, expected):
    for name in COLUMNS:
        values = getattr(ranks, name)
        assert values.dtype == np.int64
        assert values.tolist() == expected[name], name


def tied_scores(seed, n=300, v=37, levels=6):
    """(n, v) float32 scores of few values, and a target and supports to go with them."""
    rng = np.random.default_rng(seed)
    scores = (rng.integers(0, levels, (n, v)) / 7 - 0.3).astype(np.float32)
    return scores, rng.integers(0, v, n), rng.integers(0, 50, v)


@pytest.mark.parametrize("levels", [1, 2, 6, 10_000])
def test_ranks_equal_brute_force_on_random_scores_with_ties(levels):
    scores, target, support = tied_scores(levels, levels=levels)
    agree(rank(Given(scores), prefixes_of(target, 37), support), brute_force(scores, target, support.tolist()))


@given(
    hnp.arrays(np.float32, (4, 9), elements=st.floats(-2, 2, width=32) | st.sampled_from([0.0, -0.0, 1e-45, 3e38])),
    hnp.arrays(np.int64, 4, elements=st.integers(0, 8)),
    hnp.arrays(np.int64, 9, elements=st.integers(0, 2**40)),
)
def test_ranks_equal_brute_force_on_any_finite_scores(scores, target, support):
    agree(rank(Given(scores), prefixes_of(target, 9), support), brute_force(scores, target, support.tolist()))


def test_counts_by_hand():
    scores = np.array([[3, 1, 3, 0, 3]], np.float32)  # the target is item 2: items 0 and 4 tie with it
    ranks = rank(Given(scores), prefixes_of([2], 5), np.array([10, 20, 30, 40, 50]))
    agree(ranks, {"above": [0], "equal": [2], "support_above": [0], "support_equal": [60]})
    ranks = rank(Given(scores), prefixes_of([1], 5), np.array([10, 20, 30, 40, 50]))
    agree(ranks, {"above": [3], "equal": [0], "support_above": [90], "support_equal": [0]})


def test_no_memory_budget_and_no_block_size_changes_a_rank():
    scores, target, support = tied_scores(1)
    prefixes = prefixes_of(target, 37)
    expected = brute_force(scores, target, support.tolist())
    for sizes in ([1] * 300, [299, 1], [7] * 43, [300], [0, 150, 0, 150]):
        agree(rank(Given(scores, sizes=sizes), prefixes, support), expected)
    for memory in (0, 1, 64):
        agree(rank(Given(scores), prefixes, support, memory_mb=memory), expected)


class Bar:
    """A progress bar that writes down what it is told."""

    def __init__(self, **options):
        self.options, self.updates = options, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def update(self, n):
        self.updates.append(n)


def test_a_bar_counts_targets_and_is_drawn_only_when_it_is_asked_for(monkeypatch):
    bars = []
    monkeypatch.setattr(ranking, "tqdm", lambda **options: bars.append(Bar(**options)) or bars[-1])
    scores, target, support = tied_scores(7)
    for options in ({}, {"progress": True}):
        rank(Given(scores, sizes=[200, 100]), prefixes_of(target, 37), support, **options)
    assert [bar.options["disable"] for bar in bars] == [True, None]  # None: drawn if somebody watches
    assert (bars[0].options["total"], bars[0].options["desc"], bars[0].options["unit"]) == (300, "given", " targets")
    assert bars[0].updates == [200, 100]


@pytest.mark.parametrize(
    ("n_items", "options", "rows"),
    [(100_000, {}, 671), (37, {}, 1024), (100_000, {"memory_mb": 0}, 1)],  # 256 MiB of float32; at most; at least
)
def test_a_block_has_as_many_rows_as_the_budget_holds_between_one_and_1024(n_items, options, rows):
    model = Given(np.zeros((1, n_items), np.float32))
    rank(model, prefixes_of([0], n_items), np.ones(n_items, np.int64), **options)
    assert model.asked == [rows]


def test_the_memory_budget_bounds_the_block():
    wide = np.zeros((3, 100_000), np.float32)
    model = Given(wide)
    rank(model, prefixes_of([0, 0, 0], 100_000), np.ones(100_000, np.int64), memory_mb=1)
    assert model.asked == [2]  # 2 rows of 100,000 float32 are 0.8 MB, 3 are more than 1 MiB


def test_scores_in_double_precision_or_out_of_memory_order_rank_the_same():
    scores, target, support = tied_scores(2)
    expected = brute_force(scores, target, support.tolist())
    for other in (scores.astype(np.float64), np.asfortranarray(scores), np.repeat(scores, 2, axis=1)[:, ::2]):
        agree(rank(Given(other), prefixes_of(target, 37), support), expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 5, 36])
@pytest.mark.parametrize("prefix", [0, 100, 123])  # the first of all, the first of a block, another
def test_a_score_that_is_not_finite_is_refused_naming_recommender_and_prefix(bad, place, prefix):
    scores, target, support = tied_scores(3)
    scores[prefix, place] = bad
    for sizes in (None, [100, 100, 100]):
        with pytest.raises(ScoreError, match=rf"given: scores of prefix {prefix} are not all finite"):
            rank(Given(scores, sizes=sizes), prefixes_of(target, 37), support)


def test_a_target_that_alone_is_not_finite_is_refused():
    scores, target, support = tied_scores(4)
    scores[9, target[9]] = np.inf
    with pytest.raises(ScoreError, match="prefix 9 "):
        rank(Given(scores), prefixes_of(target, 37), support)


def test_a_missing_block_is_refused():
    scores, target, support = tied_scores(5)
    with pytest.raises(ScoreError, match="scored 200 prefixes of the 300"):
        rank(Given(scores, sizes=[100, 100]), prefixes_of(target, 37), support)


def test_an_extra_block_is_refused():
    scores, target, support = tied_scores(5)
    model = Given(np.concatenate([scores, scores[:1]]), sizes=[300, 1])
    with pytest.raises(ScoreError, match=r"given: a block of .*does not fit 0 targets left"):
        rank(model, prefixes_of(target, 37), support)


@pytest.mark.parametrize("shape", [(300, 36), (300, 38), (300,), (300, 37, 1)])
def test_a_block_of_another_shape_is_refused(shape):
    _, target, support = tied_scores(5)
    with pytest.raises(ScoreError, match="37 catalogue items"):
        rank(Given(np.zeros(shape, np.float32)), prefixes_of(target, 37), support)


def test_supports_of_another_catalogue_are_refused_before_any_target_is_out_of_range():
    scores, target, _ = tied_scores(6)
    with pytest.raises(InputError, match="support of 20 items for a catalogue of 37"):
        rank(Given(scores[:, :20]), prefixes_of(target, 37), np.ones(20, np.int64))


@pytest.mark.parametrize("rows", [[], [[3], [4]]])
def test_an_empty_test_part_is_refused(rows):
    with pytest.raises(InputError, match="no targets"):
        rank(Given(np.zeros((0, 5), np.float32)), Prefixes(sessions_of(rows, 5)), np.ones(5, np.int64))


def test_the_compiled_count_and_the_same_lines_in_python_agree():
    scores, target, support = tied_scores(7, n=20)
    compiled, plain = np.zeros((4, 20), np.int64), np.zeros((4, 20), np.int64)
    assert count_block(scores, target, support, compiled) == count_block.py_func(scores, target, support, plain) == -1
    np.testing.assert_array_equal(compiled, plain)
