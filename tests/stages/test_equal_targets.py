"""The proof of equal targets: shown of every log whose published values are compared, whatever it says."""

from __future__ import annotations

import numpy as np
import pytest

from audit_lib.evaluation import metrics
from audit_lib.stages import equal_targets
from audit_lib.study import literature_values
from audit_lib.study.literature_values import COPIED, min_step
from audit_lib.study.results import Book


@pytest.fixture(scope="module")
def table():
    return equal_targets.found(Book())


def test_every_log_of_the_literature_is_shown_with_every_recommender_that_has_no_settings(table) -> None:
    assert list(table["dataset"].unique()) == list(COPIED)
    assert len(table) == len(COPIED) * len(equal_targets.UNSET)


def test_the_evidence_has_as_many_targets_as_the_publication_counts(table) -> None:
    assert table["targets"].tolist() == table["counted"].tolist()


def test_values_are_over_the_targets_of_the_publication_and_differences_are_here_less_published(table) -> None:
    book = Book()
    row = table[(table["dataset"] == "yoochoose1_64") & (table["recommender"] == "Session popularity")].iloc[0]
    (run,) = book.present(dataset="yoochoose1_64", group="simple", recommender="session_popularity")
    above, equal = run.ranks["above"].to_numpy(), run.ranks["equal"].to_numpy()
    assert row["recall_here"] == pytest.approx(metrics.recall(above, equal, 20).mean())
    assert row["mrr_here"] == pytest.approx(metrics.mrr(above, equal, 20).mean())
    said = literature_values.value("wu2019", "yoochoose1_64", "session_popularity", "Recall", 20)
    assert row["recall_difference"] == pytest.approx(row["recall_here"] - said)
    assert row["outside"] == int((run.targets["support"] == 0).sum()) > 0


def test_where_the_source_prints_no_such_recommender_nothing_is_made_up(table) -> None:
    rows = table[table["dataset"] == "retailrocket"]
    assert min_step("retailrocket") == 2
    assert rows["recall_published"].isna().all()
    assert rows["mrr_difference"].isna().all()
    assert (rows["recall_here"] > 0).all()


def test_without_evidence_there_are_headings_and_no_rows(tmp_path) -> None:
    shown = equal_targets.for_readers(equal_targets.found(Book(tmp_path)))
    assert (len(shown), len(shown.columns)) == (0, 12)
    assert np.unique(list(shown.columns)).size == 12
