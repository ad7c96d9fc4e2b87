"""The generator draws from the law it states, and no recommender beats its oracle in expectation."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lib import recommenders
from audit_lib.data import reading, synthetic
from audit_lib.data.logs import ITEM, SESSION, TIME, sort_log, validate
from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.data.synthetic import SyntheticConfig, generate, law, preset
from audit_lib.errors import InputError
from audit_lib.evaluation import metrics, ranking
from audit_lib.recommenders.oracle import Oracle, optimum

LAWS = ("independent", "first_order", "latent")


def arrays(config, catalogue=None):
    return Sessions.from_log(validate(generate(config)), catalogue)


def everything(n_items):
    """A catalogue of all items that the generator can make."""
    return pd.Index(np.arange(n_items), name=ITEM)


# --- the law


@pytest.mark.parametrize("exponent", [0, 0.8, 1.5])
def test_every_law_leaves_the_zipf_popularity_as_it_is(exponent):
    zipf = np.arange(1, 301.0) ** -exponent / (np.arange(1, 301.0) ** -exponent).sum()
    first = law(SyntheticConfig(law="first_order", n_items=300, zipf_exponent=exponent))
    latent = law(SyntheticConfig(law="latent", n_items=300, zipf_exponent=exponent))
    np.testing.assert_allclose(first.popularity, zipf, rtol=1e-12)
    np.testing.assert_allclose(zipf @ first.transitions, zipf, rtol=1e-9)
    np.testing.assert_allclose(latent.intents @ latent.emissions, zipf, rtol=1e-9)
    for rows in (first.transitions, latent.emissions):
        np.testing.assert_allclose(rows.sum(1), 1, rtol=1e-12)
        assert rows.data.min() > 0


def test_successors_are_few_and_directed():
    known = law(SyntheticConfig(law="first_order", n_items=300, couplings=3))
    assert known.transitions.nnz <= 3 * (2 * 300 - 1)
    joint = (known.popularity[:, None] * known.transitions.toarray()).ravel()
    back = (known.popularity[:, None] * known.transitions.toarray()).T.ravel()
    assert np.abs(joint - back).sum() > 1  # 2 would be no pair in common, 0 a law without direction


def test_the_law_depends_on_its_own_seed_and_not_on_that_of_the_log():
    one, other = SyntheticConfig(seed=1), SyntheticConfig(seed=2, n_sessions=7, days=1)
    assert (law(one).transitions != law(other).transitions).nnz == 0
    assert (law(one).transitions != law(SyntheticConfig(law_seed=1)).transitions).nnz > 0


def transitions(config):
    data = arrays(config, everything(config.n_items))
    prefixes = Prefixes(data)
    table = np.zeros((config.n_items, config.n_items))
    np.add.at(table, (prefixes.last, prefixes.target), 1)
    return table


def chi_square_z(observed, expected):
    """Standard score of Pearson's statistic over the cells that expect five or more; |z| < 4 but once in 10,000."""
    cells = expected >= 5
    statistic = ((observed[cells] - expected[cells]) ** 2 / expected[cells]).sum()
    return (statistic - cells.sum()) / np.sqrt(2 * cells.sum())


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.8, 1.0])
def test_first_order_transitions_agree_with_the_law_within_sampling_error(strength):
    config = SyntheticConfig(n_sessions=60_000, n_items=40, strength=strength, seed=3)
    observed, known = transitions(config), law(config)
    stated = (1 - strength) * known.popularity + strength * known.transitions.toarray()
    expected = observed.sum(1, keepdims=True) * stated
    assert abs(chi_square_z(observed, expected)) < 4
    assert observed[stated == 0].sum() == 0


@pytest.mark.parametrize("kind", LAWS)
def test_at_strength_zero_transitions_are_independent(kind):
    config = SyntheticConfig(law=kind, n_sessions=60_000, n_items=40, strength=0, seed=4)
    observed, p = transitions(config), law(config).popularity
    assert abs(chi_square_z(observed, observed.sum() * np.outer(p, p))) < 4


def test_the_check_on_independence_notices_a_weak_order():
    config = SyntheticConfig(n_sessions=60_000, n_items=40, strength=0.05, seed=4)
    observed, p = transitions(config), law(config).popularity
    assert chi_square_z(observed, observed.sum() * np.outer(p, p)) > 4


@pytest.mark.parametrize("kind", LAWS)
def test_every_event_has_the_popularity_law_first_and_last_ones_too(kind):
    config = SyntheticConfig(law=kind, n_sessions=50_000, n_items=50, strength=0.9, seed=5)
    log, p = generate(config), law(config).popularity
    for part in (log.groupby(SESSION)[ITEM].first(), log.groupby(SESSION)[ITEM].last()):
        counts = np.bincount(part, minlength=50)
        assert abs(chi_square_z(counts, len(part) * p)) < 4


def brute_force(config, items):
    """P(next | items) by summing over every path of hidden intents."""
    known = law(config)
    n = len(known.intents)
    emit = (1 - config.strength) * known.popularity + config.strength * known.emissions.toarray()
    move = config.persistence * np.eye(n) + (1 - config.persistence) * known.intents
    joint = np.zeros(config.n_items)
    for path in np.ndindex(*(n,) * (len(items) + 1)):
        weight = known.intents[path[0]] * emit[path[0], items[0]]
        for t in range(1, len(items)):
            weight *= move[path[t - 1], path[t]] * emit[path[t], items[t]]
        joint += weight * move[path[-2], path[-1]] * emit[path[-1]]
    return joint / joint.sum()


def test_the_filter_over_hidden_intents_equals_the_sum_over_all_paths():
    config = SyntheticConfig(law="latent", n_items=7, intents=3, memberships=2, strength=0.7, persistence=0.8)
    log = pd.DataFrame({SESSION: 1, ITEM: [0, 5, 5, 2, 6], TIME: np.arange(5.0)})
    data = Sessions.from_log(log, everything(7))
    scored = np.concatenate(list(Oracle(generator=config).fit(data).law(Prefixes(data))))
    for step, row in enumerate(scored, 1):
        np.testing.assert_allclose(row, brute_force(config, [0, 5, 5, 2, 6][:step]), rtol=1e-12)


def test_the_latent_law_is_not_of_first_order():
    config = SyntheticConfig(law="latent", n_items=7, intents=3, memberships=2, strength=0.7, persistence=0.8)
    assert np.abs(brute_force(config, [0, 5]) - brute_force(config, [3, 5])).max() > 0.01


# --- the log


@pytest.mark.parametrize("name", synthetic.PRESETS)
def test_the_same_configuration_gives_the_same_bytes_and_another_seed_others(name):
    config = preset(name, {"n_sessions": 300})
    again, other = (generate(preset(name, {"n_sessions": 300, "seed": seed})) for seed in (0, 1))
    assert generate(config).to_csv() == again.to_csv()
    assert not generate(config).equals(other)


@settings(max_examples=30)
@given(
    st.builds(
        SyntheticConfig,
        law=st.sampled_from(LAWS),
        strength=st.floats(0, 1),
        n_sessions=st.integers(1, 40),
        n_items=st.integers(2, 30),
        zipf_exponent=st.floats(0, 4),
        lengths=st.sampled_from(["uniform", "geometric"]),
        days=st.floats(0.00001, 3),
        gaps=st.sampled_from(["fixed", "exponential"]),
        intents=st.integers(3, 6),
        seed=st.integers(0, 5),
    )
)
def test_every_configuration_gives_a_valid_log_in_session_order(config):
    log = generate(config)
    assert sort_log(log) is log
    assert log[SESSION].nunique() == config.n_sessions
    assert log[ITEM].between(0, config.n_items - 1).all()
    lengths = log.groupby(SESSION).size()
    assert lengths.between(config.min_length, config.max_length).all()
    assert (log.groupby(SESSION)[TIME].diff().dropna() >= 1).all()


def test_the_independent_preset_has_the_law_of_the_demo_log():
    log = generate(preset("synthetic_independent"))
    lengths = log.groupby(SESSION).size()
    assert (len(lengths), lengths.min(), lengths.max()) == (1000, 2, 20)
    assert lengths.mean() == pytest.approx(11, abs=4 * np.sqrt((19**2 - 1) / 12 / 1000))
    assert set(log.groupby(SESSION)[TIME].diff().dropna()) == {10.0}


def test_geometric_lengths_have_their_mean():
    log = generate(SyntheticConfig(n_sessions=20_000, mean_length=5, max_length=1000))
    assert log.groupby(SESSION).size().mean() == pytest.approx(5, abs=4 * np.sqrt(12 / 20_000))  # variance q/(1-q)²


def test_sessions_overlap_in_time_over_several_days():
    log = generate(preset("synthetic"))
    ends, starts = log.groupby(SESSION)[TIME].max().to_numpy(), log.groupby(SESSION)[TIME].min().to_numpy()
    assert (starts[1:] < ends[:-1]).mean() > 0.1
    assert (log[TIME].max() - log[TIME].min()) / 86_400 > 9


# --- the oracle


def test_the_optimum_of_the_demo_law_is_the_one_worked_out_for_it():
    best = optimum(preset("synthetic_independent"), k=20)
    assert round(best["recall"], 4) == 0.3653
    assert round(best["mrr"], 4) == 0.1373


def test_the_optimum_of_a_two_item_chain_by_hand():
    # At strength 1 with one coupling of two items that are equally popular, the next item is certain.
    config = SyntheticConfig(n_items=2, zipf_exponent=0, couplings=1, strength=1)
    assert optimum(config, k=1) == pytest.approx({"recall": 1.0, "mrr": 1.0})
    half = SyntheticConfig(n_items=2, zipf_exponent=0, couplings=1, strength=0.5)
    assert optimum(half, k=1) == pytest.approx({"recall": 0.75, "mrr": 0.75})
    assert optimum(half, k=5) == pytest.approx({"recall": 1.0, "mrr": 0.75 + 0.25 / 2})
    assert optimum(SyntheticConfig(law="latent"), k=5) is None


@pytest.fixture(scope="module", params=LAWS)
def fresh(request):
    """Train, and fresh data of the same law over all items: (config, train, test)."""
    config = SyntheticConfig(law=request.param, n_items=200, n_sessions=20_000, strength=0.8, seed=1)
    test = config.model_copy(update={"seed": 2, "n_sessions": 6_000})
    items = everything(200)
    return config, arrays(config, items), arrays(test, items)


def test_no_recommender_beats_the_oracle_on_fresh_data(fresh):
    config, train, test = fresh
    prefixes = Prefixes(test)
    values = {}
    for name in ("oracle", "popularity", "markov"):
        model = recommenders.create(name, **({"generator": config} if name == "oracle" else {})).fit(train)
        ranks = ranking.rank(model, prefixes, train.support)
        values[name] = {m: metrics.METRICS[m](ranks.above, ranks.equal, 20) for m in ("Recall", "MRR")}
    for name in ("popularity", "markov"):
        for metric in ("Recall", "MRR"):
            sums = np.bincount(prefixes.session, values[name][metric] - values["oracle"][metric])
            assert sums.sum() < 4 * np.sqrt((sums**2).sum())  # not beaten beyond noise between sessions
    if config.law == "latent":  # and what only the whole prefix tells is worth something
        assert values["oracle"]["Recall"].mean() > values["markov"]["Recall"].mean() + 0.05


def test_the_oracles_metrics_are_their_expectation_within_noise(fresh):
    config, train, test = fresh
    prefixes, oracle = Prefixes(test), Oracle(generator=config).fit(train)
    ranks = ranking.rank(oracle, prefixes, train.support)
    expected = dict(zip(("Recall", "MRR"), oracle.expected(prefixes, k=20), strict=True))
    for metric, values in expected.items():
        sums = np.bincount(prefixes.session, metrics.METRICS[metric](ranks.above, ranks.equal, 20) - values)
        assert abs(sums.sum()) < 4 * np.sqrt((sums**2).sum())
        if best := optimum(config, k=20):
            spread = np.bincount(prefixes.session, values - values.mean())
            assert abs(values.mean() - best[metric.lower()]) <= 1e-12 + 4 * np.sqrt((spread**2).sum()) / len(prefixes)


def test_the_conditional_laws_sum_to_one(fresh):
    config, train, test = fresh
    for block in Oracle(generator=config).fit(train).law(Prefixes(test)):
        np.testing.assert_allclose(block.sum(1), 1, rtol=1e-9)


def test_the_block_size_and_the_order_of_the_catalogue_change_no_score(fresh):
    config, train, test = fresh
    some = test.select(np.arange(50))
    whole = np.concatenate([b.copy() for b in Oracle(generator=config).fit(train).score(Prefixes(some))])
    one = np.concatenate([b.copy() for b in Oracle(generator=config).fit(train).score(Prefixes(some), block_size=1)])
    np.testing.assert_array_equal(whole, one)
    turned = everything(200)[::-1]
    again = Oracle(generator=config).fit(Sessions.from_log(train.to_log(), turned))
    scores = np.concatenate([b.copy() for b in again.score(Prefixes(Sessions.from_log(some.to_log(), turned)))])
    np.testing.assert_array_equal(scores[:, ::-1], whole)


def test_the_oracle_of_another_log_is_refused():
    log = pd.DataFrame({SESSION: [1, 1], ITEM: [1, 999], TIME: [0.0, 1.0]})
    with pytest.raises(InputError, match="items that its generator does not make"):
        Oracle(generator="synthetic").fit(Sessions.from_log(log))
    with pytest.raises(InputError, match=r"(?i)did you mean 'synthetic_latent'"):
        Oracle(generator="sythetic_latent")


# --- hostile input


@pytest.mark.parametrize(
    "settings",
    ["strength=1.1", "strength=nan", "n_items=1", "n_sessions=0", "n_sessions=99999999999", "law=quadratic", "seed=-1",
     "max_length=1", "memberships=30", "n_items=ten", "zipf_exponent=inf", "mean_length=1"],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused(settings):
    with pytest.raises(InputError, match="synthetic"):
        preset("synthetic", settings)


def test_an_unknown_preset_or_setting_suggests_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'synthetic_latent'"):
        preset("synthetic_latnt")
    with pytest.raises(InputError, match="Did you mean 'strength'"):
        preset("synthetic", "strenght=0.5")


# --- writing


@pytest.mark.parametrize("ending", [".tsv", ".parquet"])
def test_a_written_log_is_read_back_as_it_was_generated(tmp_path, ending):
    config = preset("synthetic", "n_sessions=50")
    path = synthetic.write(config, tmp_path / f"log{ending}")
    pd.testing.assert_frame_equal(reading.read_log(path), generate(config))
    first = path.read_bytes()
    assert synthetic.write(config, path).read_bytes() == first
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_log_that_cannot_be_written_leaves_nothing(tmp_path):
    config = preset("synthetic", "n_sessions=50")
    with pytest.raises(InputError, match=r"must end in \.tsv or \.parquet"):
        synthetic.write(config, tmp_path / "log.exe")
    with pytest.raises(InputError, match="cannot be written"):
        synthetic.write(config, tmp_path / "nowhere" / "log.tsv")
    (tmp_path / "log.tsv").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        synthetic.write(config, tmp_path / "log.tsv")
    assert [p.name for p in tmp_path.iterdir()] == ["log.tsv"]
