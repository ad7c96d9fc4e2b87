"""Numbers that others have published, computed again from the same data by the same protocol."""

import pytest

from audit_lib.evaluation import metrics
from audit_lib.study import running

pytestmark = pytest.mark.real_data

# The report under audit, on its own demo log: Recall@5, @10, @20 and MRR@5, @10, @20. It sorts whole score rows, so
# that ties are broken by the order of first appearance.
SEED_DEMO = {
    "popularity": ((0.1867, 0.2632, 0.3428), (0.1172, 0.1271, 0.1324), {"ties": "first"}),
    "markov": ((0.1190, 0.1817, 0.2778), (0.0737, 0.0816, 0.0881), {}),
}
# A published first-order Markov chain: Recall@20 and MRR@20 in per cent.
MARKOV = {"diginetica": (33.6, 12.8), "yoochoose1_64": (64.7, 29.7)}


def averages(data, split, recommender, cutoffs, out, **settings):
    run = running.run(data, split, recommender, out=out, **settings)
    return metrics.summary(run.ranks, run.targets["session"], cutoffs, n_items=run.n_items)["micro"]


@pytest.mark.parametrize("recommender", SEED_DEMO)
def test_the_demo_numbers_of_the_report_under_audit_are_reproduced_to_four_places(prepare_real, tmp_path, recommender):
    data, split = prepare_real("seed_demo")
    recall, mrr, settings = SEED_DEMO[recommender]
    found = averages(data, split, recommender, (5, 10, 20), tmp_path, **settings)
    assert tuple(found["Recall"].round(4)) == recall
    assert tuple(found["MRR"].round(4)) == mrr


@pytest.mark.parametrize("dataset", MARKOV)
def test_markov_is_within_one_point_of_its_published_numbers(prepare_real, tmp_path, dataset):
    data, split = prepare_real(dataset)
    found = averages(data, split, "markov", (20,), tmp_path) * 100
    assert (found["Recall"][20], found["MRR"][20]) == pytest.approx(MARKOV[dataset], abs=1)
