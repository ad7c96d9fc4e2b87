"""Beyond the hit: coverage, popularity and repeats of lists whose every item is worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit_lib import recommenders
from audit_lib.data.sessions import Prefixes
from audit_lib.errors import InputError, MissingError
from audit_lib.evaluation import metrics, ranking
from audit_lib.files import COMMITTED
from audit_lib.measurements import beyond
from audit_lib.stages import beyond_tables
from audit_lib.study import records
from audit_lib.study.results import Book, main_group
from tests.small_logs import sessions_of

V = 5
SUPPORT = np.array([8, 4, 2, 2, 0])  # of the items 0 … 4
TEST = [[0, 1, 0], [2, 3]]  # targets: 1 after 0; 0 after 0 1; 3 after 2


class Given:
    """A recommender whose scores are given, row by row."""

    name = "given"

    def __init__(self, rows: list[list[float]]):
        self.rows = np.array(rows, np.float32)

    def score(self, prefixes: Prefixes, *, block_size: int = 256):
        for start in range(0, len(self.rows), block_size):
            yield self.rows[start : start + block_size]


#        0  1  2  3  4
ROWS = [[5, 4, 3, 2, 1],  # 0 1
        [1, 5, 1, 1, 4],  # 1 4
        [7, 1, 1, 7, 0]]  # 0 3  # fmt: skip


def seen(rows: list[list[float]], k: int, *, block_size: int = 256) -> beyond.Beyond:
    watch = beyond.Watched(Given(rows), SUPPORT, k=k)
    assert sum(len(block) for block in watch.score(Prefixes(sessions_of(TEST, V)), block_size=block_size)) == len(rows)
    return watch.found


def test_the_four_shares_of_three_lists_of_two() -> None:
    found = seen(ROWS, 2)
    assert found.coverage == 4 / 5  # 0, 1, 3 and 4
    # Supports over the greatest, 8: 1 and 1/2; 1/2 and 0; 1 and 1/4.
    assert found.popularity == pytest.approx((1 + 1 / 2 + 1 / 2 + 0 + 1 + 1 / 4) / 6)
    assert found.repeats == 2 / 6  # 0 after 0; 1 after 0 1; nothing after 2
    assert found.repeated_targets == 1 / 3  # 0 after 0 1


def test_of_equal_scores_at_the_cutoff_the_first_of_the_catalogue_is_in_the_list() -> None:
    tied = [[1, 1, 1, 1, 1]] * 3
    assert seen(tied, 2).coverage == 2 / 5  # 0 and 1
    assert seen(tied, 2).repeats == 3 / 6  # 0 after 0; 0 and 1 after 0 1
    assert seen([[0, 3, 2, 2, 2]] * 3, 2).popularity == pytest.approx((1 / 2 + 1 / 4) / 2)  # 1, then 2 before 3 and 4


def test_lists_of_the_whole_catalogue_cover_it_and_hold_its_mean_support() -> None:
    found = seen(ROWS, V)
    assert found.coverage == 1
    assert found.popularity == pytest.approx(SUPPORT.mean() / 8)
    assert found.repeats == (1 + 2 + 1) / 15


@pytest.mark.parametrize("block_size", [1, 2, 3])
def test_blocks_of_any_size_give_the_same(block_size: int) -> None:
    assert seen(ROWS, 2, block_size=block_size) == seen(ROWS, 2)


def test_an_item_that_occurs_twice_in_the_prefix_is_one_repeat() -> None:
    best, items = np.array([[3, 1]]), np.array([3, 3, 2, 1])
    assert beyond.repeats(best, items, np.array([0]), np.array([3])) == 1
    assert beyond.repeats(best, items, np.array([0]), np.array([4])) == 2
    assert beyond.repeats(best, items, np.array([2]), np.array([3])) == 0


def test_ranks_are_those_of_the_recommender_itself() -> None:
    train, test = sessions_of([[0, 1, 2], [0, 1, 3], [4, 0]], V), Prefixes(sessions_of(TEST, V))
    model = recommenders.create("markov").fit(train)
    watch = beyond.Watched(model, train.support, k=2)
    watched, own = (ranking.rank(each, test, train.support) for each in (watch, model))
    for column in ranking.COLUMNS:
        np.testing.assert_array_equal(getattr(watched, column), getattr(own, column))
    assert watch.found.repeated_targets == 1 / 3


def test_session_popularity_repeats_first_and_popularity_covers_its_k_items() -> None:
    train, test = sessions_of([[0, 1, 2], [0, 1, 3], [4, 0]], V), Prefixes(sessions_of(TEST, V))
    found = {}
    for name in ("session_popularity", "popularity"):
        watch = beyond.Watched(recommenders.create(name).fit(train), train.support, k=1)
        ranking.rank(watch, test, train.support)
        found[name] = watch.found
    assert found["session_popularity"].repeats == 1
    assert found["popularity"].coverage == 1 / V
    assert found["popularity"].popularity == 1


@pytest.mark.parametrize("k", [0, V + 1])
def test_a_list_has_one_to_v_items(k: int) -> None:
    with pytest.raises(InputError, match=f"K is {k}"):
        beyond.Watched(Given(ROWS), SUPPORT, k=k)


def test_before_the_first_list_there_is_nothing_to_say() -> None:
    with pytest.raises(InputError, match="no list was made yet"):
        _ = beyond.Watched(Given(ROWS), SUPPORT, k=1).found


# --- the record
@pytest.fixture(scope="module")
def record() -> pd.DataFrame:
    try:
        return records.read("beyond")
    except MissingError as error:
        pytest.skip(str(error))


def test_the_record_repeats_the_ranks_of_the_evidence(record: pd.DataFrame) -> None:
    book = Book(COMMITTED)
    for row in record.itertuples():
        groups = ("simple", main_group(row.dataset))
        runs = [r for g in groups for r in book.present(dataset=row.dataset, group=g, recommender=row.recommender)]
        (run,) = [r for r in runs if r.seed == row.seed]
        assert row.predictions == len(run.ranks)
        above, equal = run.ranks["above"].to_numpy(), run.ranks["equal"].to_numpy()
        # A training on another processor differs in its last bits, and so in some ranks; what only counts does not.
        within = 0.005 if row.recommender == "gru4rec" else 1e-4
        assert row.recall == pytest.approx(metrics.recall(above, equal, beyond.K).mean(), abs=within), row


def test_the_record_holds_shares_and_one_share_of_repeated_targets_a_log(record: pd.DataFrame) -> None:
    shares = record[list(beyond.Beyond._fields)]
    assert ((shares >= 0) & (shares <= 1)).all(axis=None)
    popular = record[record["recommender"] == "popularity"].set_index("dataset")
    for dataset, rows in record.groupby("dataset"):
        assert rows["repeated_targets"].min() == rows["repeated_targets"].max(), dataset
        assert rows["popularity"].max() == popular.loc[dataset, "popularity"], dataset  # by definition the most popular
        assert rows["coverage"].min() == popular.loc[dataset, "coverage"], dataset


# --- the tables
def test_a_table_has_a_row_for_each_recommender_a_column_for_each_log_and_last_the_repeated_targets() -> None:
    about = {"seed": 0, "predictions": 9, "recall": 0.5, "popularity": 0.1}
    found = pd.DataFrame([
        about | {"dataset": "b", "recommender": "vsknn", "coverage": 0.5, "repeats": 0.25, "repeated_targets": 0.75},
        about | {"dataset": "b", "recommender": "markov", "coverage": 1.0, "repeats": 0.5, "repeated_targets": 0.75},
        about | {"dataset": "a", "recommender": "vsknn", "coverage": 0.2, "repeats": 0.1, "repeated_targets": 0.0},
    ])  # fmt: skip
    coverage = beyond_tables.matrix(found, "coverage")
    assert list(coverage) == ["Recommender", "b", "a"]
    assert coverage["Recommender"].tolist() == ["V-SKNN", "Markov"]
    assert coverage["b"].tolist() == [0.5, 1.0]
    assert coverage["a"].iloc[0] == 0.2
    assert np.isnan(coverage["a"].iloc[1])
    repeated = beyond_tables.matrix(found, "repeats")
    assert repeated.iloc[-1].tolist() == ["Targets in their prefix", 0.75, 0.0]
    assert beyond_tables.matrix(found, "repeats", lang="es").iloc[-1, 0] != "Targets in their prefix"
