"""The page that follows one session shows what the engine did, and its pictures show what they say they show."""

from __future__ import annotations

import numpy as np
import pytest

from audit_lib import recommenders
from audit_lib.data.sessions import Prefixes
from audit_lib.data.splits import Split
from audit_lib.errors import InputError
from audit_lib.evaluation.ranking import Ranks
from audit_lib.recommenders.gru4rec import batches, model
from audit_lib.recommenders.gru4rec.config import GRU4RecConfig
from audit_lib.recommenders.gru4rec.fast import Fast
from audit_lib.stages import diagrams, walkthrough
from tests.small_logs import sessions_of

TRAIN = sessions_of([[0, 1, 2, 3], [3, 4, 5], [5, 0, 4, 1, 2], [2, 3], [1, 5, 4]], 6)
TEST = sessions_of([[4, 2], [2, 5, 0, 4, 1], [3, 1, 2]], 6)
SPLIT = Split("published", TRAIN, TEST, {})
CONFIG = GRU4RecConfig(layers=(3,), batch_size=3, n_sample=4, logq=0.5, learning_rate=0.1)
PLAN = batches.schedule(TRAIN, batch_size=3)
START = model.initial_weights(CONFIG, 6)


def same(text: str) -> str:
    return text


def step(t: int, row: int = 4) -> walkthrough.Step:
    return walkthrough.take_step(CONFIG, START, PLAN, TRAIN.support, t=t, row=row)


def test_the_followed_pair_is_in_its_lane_and_in_a_test_session() -> None:
    found = walkthrough.follow(SPLIT, PLAN)
    assert (found.train, found.lane, found.step, found.item, found.target) == (0, 0, 1, 1, 2)
    assert (found.test, found.test_step) == (2, 2)
    assert (PLAN.inputs[found.step, found.lane], PLAN.targets[found.step, found.lane]) == (1, 2)
    assert SPLIT.test.items[SPLIT.test.offsets[2] + 2] == 2


def test_a_test_session_that_is_too_short_is_not_followed() -> None:
    found = walkthrough.follow(SPLIT, PLAN, events=5)
    assert (found.train, found.lane, found.step, found.test, found.test_step) == (2, 2, 1, 1, 3)


def test_a_pair_across_two_sessions_is_no_pair() -> None:
    across = Split("published", TRAIN, sessions_of([[3, 3, 1], [2, 0, 0]], 6), {})
    with pytest.raises(InputError, match="No pair of the first 3 train sessions"):
        walkthrough.follow(across, PLAN)


@pytest.mark.parametrize("t", [0, 1, 2])
def test_the_values_shown_are_those_of_the_step(t: int) -> None:
    shown = step(t)
    engine = Fast(CONFIG, START, PLAN, TRAIN.support)
    losses = engine.run(0, t + 1)[t]
    np.testing.assert_allclose(shown.losses, losses, rtol=1e-5)
    np.testing.assert_allclose(shown.after, engine.states[engine.now][0][:, :3], rtol=1e-5, atol=1e-7)
    arrays = engine.arrays()
    np.testing.assert_allclose(shown.row["weight_after"], arrays["Wy"][4], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(shown.row["accumulator_after"], arrays["acc.Wy"][4], rtol=1e-4, atol=1e-9)


def test_the_shown_values_hang_together() -> None:
    shown = step(1)
    r, z, n = shown.reset, shown.update, shown.candidate
    assert ((r > 0) & (r < 1) & (z > 0) & (z < 1)).all()
    np.testing.assert_allclose(shown.after, (1 - z) * n + z * shown.before, rtol=1e-5)
    lanes = np.arange(3)
    np.testing.assert_allclose(shown.losses, -np.log(shown.share[lanes, lanes]), rtol=1e-5)
    np.testing.assert_allclose(shown.gradient, (shown.share - np.eye(3, shown.share.shape[1])) / 3, atol=1e-7)
    grown = shown.row["accumulator_before"] + shown.row["gradient"] ** 2
    np.testing.assert_allclose(shown.row["accumulator_after"], grown, rtol=1e-5)
    moved = -0.1 * shown.row["gradient"] / np.sqrt(grown + 1e-6)
    np.testing.assert_allclose(shown.row["weight_after"] - shown.row["weight_before"], moved, rtol=1e-3, atol=1e-7)


def test_a_new_session_starts_with_an_empty_state() -> None:
    t = 2  # lane 1 takes the session [2, 3]
    assert PLAN.reset[t].tolist() == [False, True, False]
    assert (step(t).before[1] == 0).all()
    assert (step(t).before[0] != 0).any()


@pytest.mark.parametrize("change", [{"loss": "bpr-max", "logq": 0}, {"dropout_p_hidden": 0.2}, {"cell": "paper"}])
def test_a_step_that_would_be_shown_wrongly_is_refused(change: dict) -> None:
    other = GRU4RecConfig(**(CONFIG.model_dump() | change))
    with pytest.raises(InputError, match="A step is shown for one layer"):
        walkthrough.take_step(other, model.initial_weights(other, 6), PLAN, TRAIN.support, t=1, row=4)


def test_the_columns_of_a_lane_are_named_by_what_they_are_to_it() -> None:
    table = walkthrough.columns(step(0), 1, same)
    kinds = ["Target of another lane", "Its own target", "Target of another lane", *["Drawn negative"] * 4]
    assert table["What it is"].tolist() == kinds
    assert table["Item"].tolist()[:3] == PLAN.targets[0].tolist()
    assert table["Softmax"].sum() == pytest.approx(1)


def test_events_are_those_of_the_session() -> None:
    table = walkthrough.events(TEST, 1)
    assert table["Item"].tolist() == [2, 5, 0, 4, 1]
    assert table["Seconds since the first"].tolist() == [0, 1, 2, 3, 4]


def test_the_followed_target_is_ranked_and_found_among_all_targets() -> None:
    followed = walkthrough.follow(SPLIT, PLAN)
    fitted = recommenders.create("popularity").fit(TRAIN)
    alone, everything = walkthrough.ranked(fitted, SPLIT, followed), walkthrough.ranked(fitted, SPLIT)
    at = walkthrough.position(SPLIT, followed)
    assert Prefixes(TEST).target[at] == followed.target
    assert (alone.above[0], alone.equal[0]) == (everything.above[at], everything.equal[at])
    scores = walkthrough.scored(fitted, SPLIT, followed)
    assert alone.above[0] == (scores > scores[followed.target]).sum()


def test_every_tie_policy_has_its_row_and_one_target_its_rank() -> None:
    followed = walkthrough.follow(SPLIT, PLAN)
    ranks = walkthrough.ranked(recommenders.create("popularity").fit(TRAIN), SPLIT, followed)
    table = walkthrough.policies({"Popularity": ranks}, same, k=2)
    a, e = int(ranks.above[0]), int(ranks.equal[0])
    assert table["Tie policy"].tolist() == ["Standard", "Conservative", "Median", "Expected"]
    assert table["Rank"].tolist() == [f"{a + 1}", f"{a + e + 1}", f"{a + e / 2 + 1:g}", "–"]
    assert table["Recall@2"].tolist()[:2] == [float(a + 1 <= 2), float(a + e + 1 <= 2)]


def test_the_tie_that_is_shown_is_the_first_that_decides_a_hit() -> None:
    def ranks_of(above: list[int], equal: list[int]) -> Ranks:
        return Ranks(*(np.array(column) for column in (above, equal, above, equal)))

    tied = ranks_of([0, 7, 3, 4], [0, 2, 1, 1])
    assert walkthrough.first_tie(tied, k=5) == 3
    assert walkthrough.first_tie(tied, k=2) == 1
    assert walkthrough.alone(tied, 3).above.tolist() == [4]
    with pytest.raises(InputError, match="No target of test ties"):
        walkthrough.first_tie(ranks_of([0, 1], [0, 0]), k=5)


def test_sampling_everything_is_the_whole_catalogue() -> None:
    ranks = walkthrough.ranked(recommenders.create("popularity").fit(TRAIN), SPLIT)
    table = walkthrough.sampled_values(ranks, SPLIT, same, n=5, k=2)
    assert table["Recall@2"].iloc[1] == pytest.approx(table["Recall@2"].iloc[0])
    fewer = walkthrough.sampled_values(ranks, SPLIT, same, n=2, k=2)
    assert fewer["Recall@2"].iloc[1] > table["Recall@2"].iloc[0]


# --- pictures
def test_the_grid_shows_the_schedule() -> None:
    table = diagrams.lanes(PLAN, steps=3, lane=0, until=3).table
    for row in table.itertuples():
        t, lane = row.step - 1, row.lane - 1
        assert (row.input, row.target) == (PLAN.inputs[t, lane], PLAN.targets[t, lane])
        assert row.reset == PLAN.reset[t, lane]
    assert len(table) == 9


def test_the_unit_shows_every_quantity_that_a_formula_uses() -> None:
    edges = set(diagrams.gru_step().table.itertuples(index=False, name=None))
    assert {("r", "n"), ("z", "h'"), ("n", "h'"), ("h", "h'"), ("h'", "o"), ("x", "z")} <= edges
    assert ("r", "h'") not in edges


def test_a_sample_keeps_the_order_of_scores() -> None:
    scores, drawn = np.array([0.1, 3.0, 2.0, -1.0, 0.5]), np.array([3, 1])
    table = diagrams.full_and_sampled(scores, 2, drawn).table
    whole, sample = (rows["item"].tolist() for _, rows in table.groupby("shown", sort=False))
    assert (whole, sample) == ([1, 2, 4, 0, 3], [1, 2, 3])


def test_pictures_are_the_same_bytes_each_time() -> None:
    for draw in (diagrams.pipeline, diagrams.gru_step):
        assert draw().image() == draw().image()


@pytest.mark.parametrize("draw", [diagrams.pipeline, diagrams.gru_step])
def test_no_text_leaves_its_picture(draw) -> None:
    figure = draw().figure
    figure.draw_without_rendering()
    edge = figure.bbox
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        assert edge.x0 <= box.x0 <= box.x1 <= edge.x1, text.get_text()
        assert edge.y0 <= box.y0 <= box.y1 <= edge.y1, text.get_text()
