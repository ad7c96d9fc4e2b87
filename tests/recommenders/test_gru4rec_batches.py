"""Session-parallel mini-batches, worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lib.errors import InputError
from audit_lib.recommenders.gru4rec.batches import schedule
from tests.small_logs import random_sessions, sessions_of


def test_a_lane_whose_session_ends_takes_the_next_session_and_the_batch_shrinks_at_the_end():
    plan = schedule(sessions_of([[0, 1, 2], [3, 4], [5, 6], [7, 8, 9]]), batch_size=2)
    assert plan.inputs.tolist() == [[0, 3], [1, 5], [7, -1], [8, -1]]
    assert plan.targets.tolist() == [[1, 4], [2, 6], [8, -1], [9, -1]]
    assert plan.reset.tolist() == [[True, True], [False, True], [True, False], [False, False]]
    assert plan.active.tolist() == [2, 2, 1, 1]
    assert {t: k.tolist() for t, k in plan.kept.items()} == {2: [0]}
    assert plan.n_events == 6  # 10 events less 4 first ones


def test_lanes_after_a_dropped_one_move_up_and_keep_their_session():
    plan = schedule(sessions_of([[0, 1], [2, 3, 4, 5], [6, 7, 8]]), batch_size=3)
    assert plan.inputs.tolist() == [[0, 2, 6], [3, 7, -1], [4, -1, -1]]
    assert {t: k.tolist() for t, k in plan.kept.items()} == {1: [1, 2], 2: [0]}
    assert not plan.reset[1:].any()


def test_the_batch_is_no_larger_than_the_number_of_sessions():
    assert schedule(sessions_of([[0, 1], [2, 3]]), batch_size=32).n_lanes == 2


def test_sessions_of_one_event_are_left_out():
    plan = schedule(sessions_of([[0], [1, 2], [3], [4, 5]]), batch_size=2)
    assert plan.inputs.tolist() == [[1, 4]]


def test_an_epoch_ends_when_a_lane_is_alone_and_needs_company():
    plan = schedule(sessions_of([[0, 1], [2, 3, 4, 5]]), batch_size=2, min_lanes=2)
    assert plan.active.tolist() == [2]


def test_too_few_sessions_is_an_error_that_says_so():
    with pytest.raises(InputError, match="two or more events; it needs 2, there are 1"):
        schedule(sessions_of([[0, 1], [2]]), batch_size=2, min_lanes=2)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 12), st.integers(0, 99))
def test_every_transition_is_seen_once_and_in_the_order_of_its_session(n, lanes, seed):
    train = random_sessions(n, seed=seed)
    plan = schedule(train, batch_size=lanes)
    held: list[list[int]] = [[]] * plan.n_lanes  # the sessions in progress
    seen = []
    for t in range(plan.n_steps):
        if t in plan.kept:
            held = [held[k] for k in plan.kept[t]]
        for lane in range(plan.active[t]):
            if plan.reset[t, lane]:
                held[lane] = [int(plan.inputs[t, lane])]
                seen.append(held[lane])
            assert held[lane][-1] == plan.inputs[t, lane]
            held[lane].append(int(plan.targets[t, lane]))
    expected = [train.items[a:b].tolist() for a, b in zip(train.offsets[:-1], train.offsets[1:], strict=True)]
    assert sorted(seen) == sorted(expected)
    assert np.array_equal(np.sort(plan.active)[::-1], plan.active)
