"""The shuffle test: much is lost where order rules, nothing where draws are independent or order is not looked at."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit_lib import recommenders
from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.errors import InputError
from audit_lib.evaluation import shuffle
from audit_lib.evaluation.shuffle import shuffle_test

V = 60


def log_of(items: list[np.ndarray], catalogue: pd.Index | None = None) -> Sessions:
    session = np.repeat(np.arange(len(items)), [len(i) for i in items])
    time = np.arange(float(len(session)))
    return Sessions.from_log(
        pd.DataFrame({"SessionId": session, "ItemId": np.concatenate(items), "Time": time}), catalogue
    )


def chain(rng: np.random.Generator, sessions: int) -> list[np.ndarray]:
    """Every item is followed by the next one, round a circle."""
    return [(rng.integers(V) + np.arange(rng.integers(2, 9))) % V for _ in range(sessions)]


def independent(rng: np.random.Generator, sessions: int) -> list[np.ndarray]:
    weight = np.arange(1, V + 1)
    return [rng.choice(V, rng.integers(2, 9), p=weight / weight.sum()) for _ in range(sessions)]


def parts(law, seed: int = 0) -> tuple[Sessions, Sessions]:
    rng = np.random.default_rng(seed)
    train = log_of([np.arange(V), *law(rng, 1500)])
    return train, log_of(law(rng, 500), train.catalogue)


def test_a_first_order_chain_loses_what_the_last_item_told():
    train, test = parts(chain)
    found = shuffle_test(recommenders.create("markov").fit(train), test, k=1)
    assert found.recall == 1.0  # the next item is certain
    # After a shuffle the target follows only if the true predecessor is last again: 1 in (prefix length).
    prefix = test.lengths[test.lengths > 2] - 1
    assert found.shuffled == pytest.approx(np.mean(1 / prefix), abs=0.03)
    assert found.loss.low < 1 - np.mean(1 / prefix) < found.loss.high
    assert found.jaccard.estimate == pytest.approx(found.shuffled)  # with K = 1 the same list is the same item


def test_independent_draws_lose_nothing():
    train, test = parts(independent)
    found = shuffle_test(recommenders.create("markov").fit(train), test, k=10)
    assert found.loss.low < 0 < found.loss.high
    assert abs(found.loss.estimate) < 0.1


def test_a_recommender_that_ignores_order_loses_exactly_nothing():
    train, test = parts(chain)
    for name in ("popularity", "session_popularity"):
        found = shuffle_test(recommenders.create(name).fit(train), test, k=30)
        assert found.shuffled == pytest.approx(found.recall, rel=1e-12)
        np.testing.assert_allclose(found.loss[:3], 0.0, atol=1e-12)
        np.testing.assert_allclose(found.jaccard[:3], 1.0, rtol=1e-12)


def test_more_order_means_more_loss():
    def mixed(share):
        def law(rng, sessions):
            return [
                np.where(rng.random(len(c)) < share, c, rng.integers(0, V, len(c))) for c in chain(rng, sessions)
            ]

        return law

    losses = []
    for share in (0.3, 0.6, 1.0):
        train, test = parts(mixed(share))
        losses.append(shuffle_test(recommenders.create("markov").fit(train), test, k=5).loss.estimate)
    assert losses == sorted(losses)
    assert losses[2] - losses[0] > 0.2


def test_a_shuffle_keeps_the_last_item_and_the_items_of_every_session():
    rng = np.random.default_rng(0)
    _, test = parts(independent)
    moved = shuffle.shuffled(test, rng)
    for s in range(test.n_sessions):
        before, after = (x.items[x.offsets[s] : x.offsets[s + 1]] for x in (test, moved))
        assert before[-1] == after[-1]
        np.testing.assert_array_equal(np.sort(before), np.sort(after))
    assert not np.array_equal(test.items, moved.items)


def test_every_order_of_a_prefix_is_equally_likely():
    sessions = log_of([np.array([0, 1, 2, 3])] * 6000)
    moved = shuffle.shuffled(sessions, np.random.default_rng(0)).items.reshape(-1, 4)
    orders, times = np.unique(moved, axis=0, return_counts=True)
    assert len(orders) == 6  # 3! with the last in place
    assert np.abs(times - 1000).max() < 4 * np.sqrt(6000 * (1 / 6) * (5 / 6))


def test_the_top_of_a_row_is_that_of_a_full_sort():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 12, (50, 40)).astype(np.float32)
    top = shuffle.best_of(scores, 7)
    np.testing.assert_array_equal(top, np.argsort(-scores, axis=1, kind="stable")[:, :7])


def test_the_overlap_of_lists_is_worked_out_by_hand():
    a, b = np.array([[1, 2, 3], [1, 2, 3], [1, 2, 3]]), np.array([[3, 2, 1], [3, 4, 5], [4, 5, 6]])
    np.testing.assert_allclose(shuffle._jaccard(a, b), [1, 1 / 5, 0])


def test_sessions_without_an_order_are_left_out_and_counted():
    train = log_of([np.arange(4), np.arange(4)])
    test = log_of([np.array([0, 1]), np.array([0, 1, 2]), np.array([2, 3])], train.catalogue)
    found = shuffle_test(recommenders.create("markov").fit(train), test, k=1)
    assert (found.sessions, found.left_out) == (1, 2)


def test_the_same_seed_gives_the_same_test():
    train, test = parts(independent)
    model = recommenders.create("markov").fit(train)
    first, second = (shuffle_test(model, test, k=5, shuffles=3, seed=4) for _ in range(2))
    assert first.loss == second.loss
    np.testing.assert_array_equal(first.losses, second.losses)


def test_nothing_to_shuffle_and_nothing_to_lose_are_refused():
    train = log_of([np.arange(4)] * 2)
    model = recommenders.create("markov").fit(train)
    with pytest.raises(InputError, match="needs sessions"):
        shuffle_test(model, log_of([np.array([0, 1])], train.catalogue))
    with pytest.raises(InputError, match="no loss is defined"):
        shuffle_test(model, log_of([np.array([0, 1, 0])], train.catalogue), k=1)


def test_the_last_item_is_predicted_from_all_events_before_it():
    seen = []

    class Watch(recommenders.Recommender):
        name = "watch"

        def fit(self, train):
            return self

        def score(self, prefixes: Prefixes, *, block_size: int = 256):
            seen.append([prefixes.items(i).tolist() for i in range(len(prefixes))])
            yield np.tile(np.arange(4, dtype=np.float32), (len(prefixes), 1))

        def state(self):
            return {}

        def restore(self, state):
            pass

    test = log_of([np.array([0, 1, 2, 3]), np.array([1, 0, 3])])
    shuffle_test(Watch(), test, k=1, shuffles=1)
    assert seen[0] == [[0, 1, 2], [1, 0]]
    assert [sorted(p) for p in seen[1]] == [[0, 1, 2], [0, 1]]
