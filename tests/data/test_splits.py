"""Splits by hand, what they refuse, and what the leakage report sees, a cheating recommender included."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lib import recommenders
from audit_lib.data.leakage import leakage_report
from audit_lib.data.sessions import Sessions
from audit_lib.data.splits import (
    DAY,
    Split,
    leave_last_out_split,
    make_split,
    published_split,
    random_event_split,
    random_session_split,
    temporal_split,
)
from audit_lib.errors import InputError, LeakError
from audit_lib.evaluation import metrics, ranking
from tests.click_logs import log_of, random_log


def days(log):
    """The log with its times in days."""
    return log.assign(Time=log["Time"] * DAY)


LOG = days(log_of({
    "early": [("a", 0), ("b", 1), ("a", 2)],
    "before": [("b", 3), ("a", 6.9)],  # ends just before T = 10 - 3
    "ends at T": [("a", 5), ("b", 7)],  # straddles: it does not end before T
    "across": [("a", 6), ("b", 8)],  # straddles
    "starts at T": [("a", 7), ("b", 7.5), ("new", 7.6), ("a", 9)],
    "late": [("b", 9), ("new", 10)],  # one known item is left: too short
    "latest": [("b", 9), ("b", 9.5)],
}))  # fmt: skip


def test_train_ends_before_t_and_test_starts_at_t_or_later():
    split = temporal_split(LOG, test_days=3, min_item_support=1)
    assert split.train.labels.tolist() == ["early", "before"]
    assert split.test.labels.tolist() == ["starts at T", "latest"]
    assert split.summary["cut"] == 7 * DAY
    assert split.summary["straddling_sessions"] == 2
    assert split.train.catalogue.tolist() == split.test.catalogue.tolist() == ["a", "b"]
    assert split.test.items.tolist() == [0, 1, 0, 1, 1]  # a b a, b b: `new` is taken out
    assert split.summary["test_events_of_unseen_items"] == 2
    assert split.summary["test_before_filter"] == {"events": 8, "sessions": 3, "items": 3}
    assert split.summary["test"] == {"events": 5, "sessions": 2, "items": 2}
    assert split.summary["predictions"] == len(split.prefixes) == 3


def test_the_order_of_the_rows_changes_no_split():
    shuffled = LOG.sample(frac=1, random_state=1).reset_index(drop=True)
    for cut in ({"test_days": 3}, {"test_fraction": 0.4}):
        first, second = (temporal_split(log, min_item_support=1, **cut) for log in (LOG, shuffled))
        assert first.train.fingerprint == second.train.fingerprint
        assert first.test.fingerprint == second.test.fingerprint


def test_a_share_of_the_sessions_cuts_where_the_last_of_them_begin():
    log = log_of({i: [("a", 10 * i), ("b", 10 * i + 1)] for i in range(10)})
    for share, expected in ((0.1, 1), (0.2, 2), (0.3, 3), (0.7, 7), (0.9, 9), (0.25, 3)):
        split = temporal_split(log, test_fraction=share, min_item_support=1)
        assert split.test.labels.tolist() == list(range(10 - expected, 10)), share
        assert split.train.n_sessions == 10 - expected


def test_item_support_is_counted_in_train_alone():
    log = days(log_of({
        1: [("a", 0), ("b", 1)], 2: [("a", 2), ("b", 3)], 3: [("a", 3), ("c", 4)],  # c: once in train
        4: [("a", 9), ("c", 9.1), ("b", 9.2)], 5: [("c", 9), ("c", 10)],
    }))  # fmt: skip
    split = temporal_split(log, test_days=2, min_item_support=2)
    assert split.train.catalogue.tolist() == ["a", "b"]
    assert split.train.labels.tolist() == [1, 2]
    assert split.test.to_log()["ItemId"].tolist() == ["a", "b"]
    assert split.summary["test_events_of_unseen_items"] == 3


def test_collapsed_repeats_are_collapsed_in_both_parts():
    log = days(log_of({1: [("a", 0), ("a", 1), ("b", 2)], 2: [("b", 9), ("x", 9.1), ("b", 9.2), ("a", 10)]}))
    split = temporal_split(log, test_days=2, min_item_support=1, collapse_repeats=True)
    assert split.train.items.tolist() == [0, 1]
    assert split.test.items.tolist() == [1, 0]  # b a: taking x out brings the two b together


@settings(max_examples=40)
@given(st.integers(0, 1000), st.floats(0.5, 8), st.integers(1, 4))
def test_no_temporal_split_leaks(seed, test_days, support):
    try:
        split = temporal_split(random_log(60, 12, seed=seed), test_days=test_days, min_item_support=support)
    except InputError:
        return
    train, test, cut = split.train, split.test, split.summary["cut"]
    assert train.times.max() < cut <= test.times.min()
    assert not set(train.labels) & set(test.labels)
    assert train.support.min() >= support
    assert min(train.lengths.min(), test.lengths.min()) >= 2
    report = leakage_report(split)
    assert report.clean
    assert (report.shared_sessions, report.future_train_events, report.target_in_train) == (0, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either test_days or test_fraction"),
        ({"test_days": 1, "test_fraction": 0.1}, "either test_days or test_fraction"),
        ({"test_days": 0}, "must be positive"),
        ({"test_days": -1}, "must be positive"),
        ({"test_fraction": 0}, "between 0 and 1"),
        ({"test_fraction": 1}, "between 0 and 1"),
        ({"test_days": float("nan")}, "must be positive"),
        ({"test_days": 11}, "leaves no train session: .*crosses it.*--test-days"),
        ({"test_days": 0.5}, "leaves no test session"),
        ({"test_days": 3, "min_item_support": 50}, "No session is left"),
    ],
)
def test_a_cut_that_leaves_nothing_or_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        temporal_split(LOG, **({"min_item_support": 1} | arguments))


def test_a_test_part_of_unseen_items_only_is_refused_with_what_to_do():
    log = days(log_of({1: [("a", 0), ("b", 1)], 2: [("x", 9), ("y", 10)]}))
    with pytest.raises(InputError, match=r"two events of items that train knows.*longer test part"):
        temporal_split(log, test_days=2, min_item_support=1)


def test_sessions_of_one_event_are_no_part_of_a_split():
    log = days(log_of({1: [("a", 0), ("b", 1)], 2: [("a", 2)], 3: [("a", 9), ("b", 10)], 4: [("b", 9)]}))
    split = temporal_split(log, test_days=2, min_item_support=1)
    assert (split.train.labels.tolist(), split.test.labels.tolist()) == ([1], [3])


# --- refused


def test_a_session_in_both_parts_is_refused():
    train, test = LOG[LOG["SessionId"] != "late"], LOG[LOG["SessionId"].isin(["latest", "late", "early"])]
    with pytest.raises(LeakError, match="'mine' has 2 sessions in both train and test, the first is 'early'"):
        make_split("mine", train, test)


def test_shared_sessions_are_named_even_where_ids_are_numbers_and_text():
    log = LOG.astype({"SessionId": object})
    log["SessionId"] = log["SessionId"].replace({"early": 7})
    with pytest.raises(LeakError, match="7 sessions in both"):
        make_split("mine", log, log)


# --- published


def published(log, test_sessions):
    return log.assign(Part=np.where(log["SessionId"].isin(test_sessions), "test", "train"))


def test_a_published_split_is_taken_as_it_is():
    split = published_split(published(LOG, ["early", "latest"]))
    assert split.test.labels.tolist() == ["early", "latest"]
    assert split.train.n_sessions == 5
    assert split.summary["min_item_support"] == 1


def test_a_published_split_with_a_session_in_both_parts_is_refused():
    log = published(LOG, ["latest"])
    log.loc[0, "Part"] = "test"
    with pytest.raises(LeakError, match="1 sessions in both"):
        published_split(log)


def test_a_log_without_parts_or_with_other_parts_has_no_published_split():
    with pytest.raises(InputError, match="no column Part"):
        published_split(LOG)
    log = published(LOG, ["latest"])
    log.loc[3, "Part"] = "valid"
    with pytest.raises(InputError, match="1 events are in neither train nor test; the first has Part 'valid'"):
        published_split(log)


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_published_split_with_an_empty_part_is_refused(part):
    other = {"train": "test", "test": "train"}[part]
    with pytest.raises(InputError, match=f"leaves no {part} session"):
        published_split(LOG.assign(Part=other))


# --- flawed


def test_random_sessions_leak_the_future_and_nothing_else():
    log = random_log()
    split = random_session_split(log, test_fraction=0.2, seed=3)
    assert split.summary["test_before_filter"]["sessions"] == round(0.2 * log["SessionId"].nunique())
    report = leakage_report(split)
    assert report.future_train_events > 0.9 * report.train_events
    assert (report.shared_sessions, report.target_in_train, report.clean) == (0, 0, False)


def test_leave_last_out_tests_the_last_event_of_every_session_and_trains_on_the_rest():
    long, short = [("a", 0), ("b", 1), ("c", 2), ("a", 3)], [("c", 2), ("a", 3), ("b", 4)]
    log = log_of({1: long, 2: short, 3: [("a", 5), ("b", 6)]})
    split = leave_last_out_split(log, min_item_support=1)
    assert split.train.to_log()["ItemId"].tolist() == ["a", "b", "c", "c", "a"]  # session 3 has no event to spare
    names = split.test.catalogue
    assert names[split.prefixes.target].tolist() == ["a", "b"]
    assert split.prefixes.step.tolist() == [3, 2]
    assert names[split.prefixes.items(0)].tolist() == ["a", "b", "c"]
    report = leakage_report(split)
    assert (report.shared_sessions, report.clean) == (2, False)
    assert report.target_in_train == 0  # only what comes before the target is in train


def test_random_events_are_held_out_one_by_one():
    log = random_log()
    split = random_event_split(log, test_fraction=0.2, seed=3)
    target = split.test.to_log().iloc[split.prefixes.position]
    train = split.train.to_log()
    assert 0.12 * len(log) < len(target) < 0.25 * len(log)  # less than 0.2: first events and rare items are no targets
    both = target.merge(train, on=["SessionId", "ItemId", "Time"])
    assert both.empty
    report = leakage_report(split)
    assert report.shared_sessions > 0
    assert report.future_train_events > 0
    assert not report.clean


@pytest.mark.parametrize("split", [random_session_split, random_event_split])
def test_flawed_splits_are_drawn_from_their_seed(split):
    first, same, other = (split(random_log(), test_fraction=0.2, seed=seed).test.fingerprint for seed in (1, 1, 2))
    assert first == same
    assert first != other


# --- what is not said is as the protocol says


def test_a_day_has_86400_seconds():
    assert DAY == 24 * 60 * 60


def test_items_need_five_events_in_train_unless_something_else_is_asked_for():
    often = {i: [("a", i), ("b", i + 0.1), ("four", i + 0.2)] for i in range(4)}
    log = days(log_of(often | {4: [("a", 4), ("b", 4.1)], 5: [("a", 9), ("four", 9.1), ("b", 9.2)]}))
    assert temporal_split(log, test_days=1).train.catalogue.tolist() == ["a", "b"]
    cuts = (
        lambda **support: random_session_split(random_log(), test_fraction=0.2, seed=3, **support),
        lambda **support: random_event_split(random_log(), test_fraction=0.2, seed=3, **support),
        lambda **support: leave_last_out_split(random_log(), **support),
    )
    for cut in cuts:
        assert cut().summary["min_item_support"] == 5
        assert cut().train.fingerprint == cut(min_item_support=5).train.fingerprint
        assert cut(min_item_support=8).summary["min_item_support"] == 8
    assert make_split("own", LOG[LOG["SessionId"] == "early"], LOG[LOG["SessionId"] == "latest"]).train.n_items == 2


def test_a_split_says_its_name_and_how_it_was_cut():
    log = random_log()
    temporal = temporal_split(log, test_days=2)
    assert {key: temporal.summary[key] for key in ("test_days", "test_fraction", "collapse_repeats")} == {
        "test_days": 2, "test_fraction": None, "collapse_repeats": False,
    }  # fmt: skip
    assert set(temporal.summary) == {
        "train", "test", "train_before_filter", "test_before_filter", "test_events_of_unseen_items", "predictions",
        "min_item_support", "collapse_repeats", "cut", "test_days", "test_fraction", "straddling_sessions",
    }  # fmt: skip
    assert temporal.summary["train"]["events"] == temporal.train.n_events
    assert {type(value) for value in temporal.summary["train"].values()} == {int}
    drawn = [cut(log, test_fraction=0.2, seed=7) for cut in (random_session_split, random_event_split)]
    assert [split.summary["seed"] for split in drawn] == [7, 7]
    names = [split.name for split in (temporal, *drawn, leave_last_out_split(log))]
    assert names == ["temporal", "random_sessions", "random_events", "leave_last_out"]
    assert published_split(published(LOG, ["latest"])).name == "published"


def test_a_random_test_part_has_one_session_at_least():
    split = random_session_split(random_log(), test_fraction=1e-9, seed=0, min_item_support=1)
    assert split.summary["test_before_filter"]["sessions"] == 1


# --- the leakage report


def test_the_report_counts_what_a_hand_made_leak_holds():
    train = log_of({1: [("a", 0), ("b", 1)], 2: [("b", 5), ("c", 6)], 3: [("a", 8), ("b", 9)]})
    test = log_of({7: [("a", 5), ("b", 6)], 8: [("a", 7), ("c", 8), ("b", 9), ("new", 10)]})
    report = leakage_report(make_split("mine", train, test))
    assert report.future_train_events == 3  # at 6, 8 and 9; not that at 5
    assert report.train_events == 6
    assert report.duplicate_sessions == 1  # session 7 is a b, as sessions 1 and 3
    assert report.test_sessions == 2
    assert report.seen_transitions == 1 / 3  # a b of a b, a c, c b
    assert report.test_events_of_unseen_items == 1
    assert not report.clean


def cheat(split, log):
    """The split as a recommender would need it that is shown the labels: test sessions are train sessions too."""
    return Split("cheat", Sessions.from_log(log, split.train.catalogue), split.test, split.summary)


def recall_of_markov(split):
    model = recommenders.create("markov").fit(split.train)
    ranks = ranking.rank(model, split.prefixes, split.train.support)
    return metrics.recall(ranks.above, ranks.equal, 5).mean()


def test_a_recommender_that_is_shown_the_labels_is_caught():
    honest = temporal_split(random_log(strength=0), test_days=2, min_item_support=1)
    train, test = honest.train.to_log(), honest.test.to_log()
    cheating = cheat(honest, pd.concat([train, test]))
    assert recall_of_markov(cheating) > 1.3 * recall_of_markov(honest)  # it pays, though the draws are independent
    report = leakage_report(cheating)
    assert not report.clean
    assert report.shared_sessions == honest.test.n_sessions
    assert report.target_in_train == len(honest.prefixes)
    assert report.duplicate_sessions == honest.test.n_sessions
    assert report.seen_transitions == 1
    with pytest.raises(LeakError):
        make_split("cheat", pd.concat([train, test]), test)


def test_a_cheat_under_new_session_names_is_caught_by_its_times_and_one_with_new_times_by_its_duplicates():
    honest = temporal_split(random_log(strength=0), test_days=2, min_item_support=1)
    train, test = honest.train.to_log(), honest.test.to_log()
    renamed = test.assign(SessionId=test["SessionId"] + 1_000_000)
    report = leakage_report(cheat(honest, pd.concat([train, renamed])))
    assert (report.shared_sessions, report.clean) == (0, False)
    assert report.future_train_events >= len(test) - 1  # all but the first test event
    moved = renamed.assign(Time=renamed["Time"] - 5 * DAY)
    report = leakage_report(cheat(honest, pd.concat([train, moved])))
    assert report.duplicate_sessions == report.test_sessions  # no field of an honest report
    assert leakage_report(honest).duplicate_sessions < report.test_sessions / 2
