"""Corrected estimators: what each is defined by, and exact quality against simulation."""

from __future__ import annotations

import numpy as np
import pytest

from audit_lib.errors import InputError
from audit_lib.evaluation import corrected
from audit_lib.evaluation.count_laws import count_law
from audit_lib.evaluation.counts import Counts
from audit_lib.evaluation.sampled import expectation
from tests.evaluation.simulation import sample_counts

V, N, K = 200, 20, 10


@pytest.fixture
def counts() -> Counts:
    rng = np.random.default_rng(0)
    above = (rng.random(400) ** 3 * V).astype(np.int64)
    return Counts(above, np.zeros_like(above), V)


def law() -> np.ndarray:
    return count_law(np.arange(V) / (V - 1), N, N + 1, pool=None)  # (V, n+1)


def test_the_rank_estimate_is_unbiased_for_the_rank():
    # Read the rank back from MRR without cutoff: 1 / value.
    estimate = 1 / corrected.unbiased_rank("MRR", n=N, k=V, n_items=V)
    np.testing.assert_allclose(law() @ estimate, np.arange(1, V + 1))


@pytest.mark.parametrize("gamma", [0.001, 0.1, 0.5, 1.0])
def test_no_other_values_have_a_lower_bias_variance_loss(gamma):
    a, f = law(), np.where(np.arange(V) < K, 1.0, 0.0)

    def loss(v):
        mean = a @ v
        return np.mean((mean - f) ** 2 + gamma * (a @ v**2 - mean**2))

    best = corrected.bias_variance("Recall", n=N, k=K, n_items=V, gamma=gamma)
    rng = np.random.default_rng(1)
    for _ in range(50):
        assert loss(best) <= loss(best + rng.normal(0, 0.01, N + 1)) + 1e-15


def test_gamma_one_is_the_posterior_mean_of_the_metric():
    a, f = law(), np.where(np.arange(V) < K, 1.0, 0.0)
    found = corrected.bias_variance("Recall", n=N, k=K, n_items=V, gamma=1.0)
    np.testing.assert_allclose(found, (a * f[:, None]).sum(0) / a.sum(0), rtol=1e-6)


def test_a_larger_gamma_trades_variance_for_bias():
    a, f = law(), np.where(np.arange(V) < K, 1.0, 0.0)
    fitted = [corrected.bias_variance("Recall", n=N, k=K, n_items=V, gamma=g) for g in (0.001, 0.01, 0.1, 1.0)]
    bias = [np.mean((a @ v - f) ** 2) for v in fitted]
    variance = [np.mean(a @ v**2 - (a @ v) ** 2) for v in fitted]
    assert (np.diff(bias) > 0).all()
    assert (np.diff(variance) < 0).all()


def test_least_squares_with_all_items_recovers_the_metric_exactly(counts):
    values = corrected.bias_variance("NDCG", n=V - 1, k=K, n_items=V, gamma=0.0, law="uniform")
    found = corrected.quality(counts, values, "NDCG", k=K, law="uniform")
    assert found.bias == pytest.approx(0, abs=1e-10)
    assert found.sd == pytest.approx(0, abs=1e-6)


def test_the_beta_mapping_is_exact_for_ranks_that_follow_its_law():
    # shape 1: uniform ranks, of which the share K / V lies within K.
    v = 4_000
    counts = Counts(np.arange(v), np.zeros(v, np.int64), v)
    for k in (100, 800):
        values = corrected.mapping_beta(n=N, k=k, n_items=v, shape=corrected.rank_shape(0.5))
        found = corrected.quality(counts, values, "Recall", k=k)
        assert found.truth == pytest.approx(k / v)
        assert found.estimate == pytest.approx(k / v, rel=2e-2)  # ranks are whole numbers, the law is continuous


def test_the_linear_mapping_interpolates_the_sampled_recall():
    # f(j) = 1 + (j - 1)(V - 1)/n = K at j = 1 + 9 * 20/199.
    values = corrected.mapping_linear(n=N, k=K, n_items=V)
    np.testing.assert_allclose(values[:3], [1.0, 180 / 199, 0.0])


def test_the_shape_of_the_law_of_ranks_follows_from_the_auc():
    rng = np.random.default_rng(0)
    ranks = rng.beta(0.2, 1, 200_000)
    assert corrected.rank_shape(1 - ranks.mean()) == pytest.approx(0.2, rel=0.02)


@pytest.mark.parametrize("sampling", ["uniform", "uniform-replacement"])
def test_exact_quality_agrees_with_simulated_estimates(counts, sampling):
    rng, trials = np.random.default_rng(3), 500
    table = corrected.comparison(counts, "Recall", k=K, sizes=(N,), law=sampling)
    draws = [sample_counts(counts, n=N, sampling=sampling, rng=rng)[0] for _ in range(trials)]
    estimators = {
        "sampled": corrected.naive("Recall", n=N, k=K),
        "unbiased rank": corrected.unbiased_rank("Recall", n=N, k=K, n_items=V),
        "bias-variance 0.01": corrected.bias_variance("Recall", n=N, k=K, n_items=V, gamma=0.01, law=sampling),
        "mapping linear": corrected.mapping_linear(n=N, k=K, n_items=V),
    }
    truth = expectation(counts, "Recall", n=V - 1, k=K).mean()
    for name, values in estimators.items():
        row = table.loc[(N, name)]
        found = np.array([values[x].mean() for x in draws])
        assert row.truth == truth
        assert abs(found.mean() - row.estimate) <= 4 * row.sd / np.sqrt(trials) + 1e-12
        assert found.std(ddof=1) == pytest.approx(row.sd, rel=4 / np.sqrt(2 * trials), abs=1e-12)
        assert row.rmse == pytest.approx(np.hypot(row.bias, row.sd))


def test_a_correction_is_closer_to_the_truth_than_no_correction(counts):
    table = corrected.comparison(counts, "Recall", k=K, sizes=(N, 60))
    for n in (N, 60):
        assert table.loc[(n, "bias-variance 0.01"), "rmse"] < table.loc[(n, "sampled"), "rmse"] / 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: corrected.bias_variance("Recall", n=5, k=3, n_items=9, gamma=2.0), "gamma"),
        (lambda: corrected.bias_variance("Recall", n=5, k=3, n_items=9, prior=np.ones(4)), "needs 9 weights"),
        (lambda: corrected.unbiased_rank("AUC", n=5, k=3, n_items=9), "metric"),
        (lambda: corrected.mapping_beta(n=5, k=3, n_items=9, shape=0.0), "positive shape"),
        (lambda: corrected.rank_shape(1.0), "AUC"),
    ],
)
def test_a_wrong_request_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
