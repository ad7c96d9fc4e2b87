"""One experiment: the default split of a data set, evidence that is reused, and nothing trained in vain."""


import numpy as np
import pytest

from audit_lib import recommenders
from audit_lib.data.preparing import parse_settings, prepare
from audit_lib.data.splits import DAY
from audit_lib.errors import EvidenceError, InputError, ScoreError
from audit_lib.evaluation import ranking
from audit_lib.study import evidence, running
from tests.click_logs import log_of, random_log, write_tsv


@pytest.fixture
def clicks(tmp_path):
    return write_tsv(random_log(), tmp_path / "clicks.tsv")


@pytest.fixture
def experiment(clicks, tmp_path, monkeypatch):
    """Runs a recommender on the clicks, and counts how often anything was trained."""
    data, split = prepare(clicks)
    trained = []
    real = recommenders.create

    def create(name, **settings):
        model = real(name, **settings)
        fit = model.fit
        model.fit = lambda train: (trained.append(name), fit(train))[1]
        return model

    monkeypatch.setattr(recommenders, "create", create)

    def run(name="markov", **options):
        return running.run(data, split, name, **({"out": tmp_path / "evidence"} | options))

    run.trained, run.split = trained, split
    return run


def test_an_own_log_has_its_last_tenth_of_time_as_test_part(clicks):
    data, split = prepare(clicks)
    first, last = data.log["Time"].min(), data.log["Time"].max()
    assert split.summary["cut"] == pytest.approx(last - 0.1 * (last - first))
    assert split.summary["min_item_support"] == 5
    assert split.test.times.min() >= split.summary["cut"]


def test_days_and_support_of_an_own_log_can_be_chosen(clicks):
    data, split = prepare(clicks, test_days=3, min_item_support=1)
    assert split.summary["cut"] == data.log["Time"].max() - 3 * DAY
    assert split.summary["min_item_support"] == 1


def test_a_registered_data_set_is_split_as_its_entry_says():
    data, split = prepare("synthetic:n_sessions=300,n_items=20")
    assert split.summary["test_days"] == data.source.test_days == 1
    assert split.name == "temporal"


def test_columns_are_given_as_a_mapping_or_as_text(tmp_path):
    names = {"SessionId": "sid", "ItemId": "iid", "Time": "ts"}
    path = write_tsv(random_log().rename(columns=names), tmp_path / "a.tsv")
    first, second = (prepare(path, columns=c)[1] for c in (names, "SessionId=sid, ItemId=iid ,Time=ts"))
    assert first.train.fingerprint == second.train.fingerprint
    for wrong in ("SessionId", "=sid", "SessionId=sid,ItemId"):
        with pytest.raises(InputError, match="are not of the form SessionId=NAME"):
            prepare(path, columns=wrong)


def test_a_log_without_any_lapse_of_time_cannot_be_cut(tmp_path):
    path = write_tsv(log_of({1: [("a", 5), ("b", 5)], 2: [("a", 5), ("b", 5)]}), tmp_path / "a.tsv")
    with pytest.raises(InputError, match="a: every event has the same Time"):
        prepare(path)


def test_the_evidence_is_what_ranking_gives(experiment):
    run, split = experiment(), experiment.split
    model = recommenders.lookup("markov")().fit(split.train)
    ranks = ranking.rank(model, split.prefixes, split.train.support)
    for name in ranking.COLUMNS:
        np.testing.assert_array_equal(run.ranks[name], getattr(ranks, name))
    assert run.manifest["data_hash"]
    assert run.manifest["seconds"].keys() == {"fit", "rank", "processor"}
    assert run.manifest["peak_memory_mb"] > 1


def test_nothing_is_trained_twice_unless_asked_for(experiment):
    first = experiment()
    again = experiment()
    assert (again.path, again.manifest) == (first.path, first.manifest)
    assert experiment.trained == ["markov"]
    assert experiment(fresh=True).path == first.path
    assert experiment.trained == ["markov", "markov"]


def test_another_setting_or_recommender_is_another_run(experiment):
    runs = [experiment(), experiment(ties="keep"), experiment("popularity")]
    assert len({run.path for run in runs}) == 3
    assert len(experiment.trained) == 3


def test_a_seed_reaches_the_models_that_have_one_and_stays_out_of_the_configuration(experiment):
    tiny = {"layers": "8", "batch_size": "8", "n_sample": "8", "n_epochs": "1"}
    runs = [experiment("gru4rec", seed=seed, **tiny) for seed in (1, 2)]
    assert [run.manifest["seed"] for run in runs] == [1, 2]
    assert runs[0].manifest["config"] == runs[1].manifest["config"]
    assert not {"seed", "device", "threads"} & runs[0].manifest["config"].keys()
    assert runs[0].manifest["sha256"] != runs[1].manifest["sha256"]
    assert len(runs[0].manifest["log"]) == 1  # one entry an epoch


def test_a_run_without_its_parquet_is_run_again(experiment):
    first = experiment()
    first.path.unlink()
    assert experiment().manifest["sha256"] == first.manifest["sha256"]
    assert evidence.read(first.path)


def test_damaged_evidence_is_an_error_until_it_is_made_afresh(experiment):
    first = experiment()
    first.path.write_bytes(b"")
    with pytest.raises(EvidenceError, match="rank with --fresh"):
        experiment()
    experiment(fresh=True)
    assert experiment().manifest["sha256"] == first.manifest["sha256"]


def test_an_unwritable_folder_is_refused_before_anything_is_trained(experiment, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EvidenceError, match=r"cannot be written to .*it is no writable folder. Choose another"):
        experiment(out=tmp_path / "file" / "evidence")
    assert experiment.trained == []


def test_unknown_names_and_settings_are_refused_before_anything_is_trained(experiment, tmp_path):
    with pytest.raises(InputError, match="Did you mean 'markov'"):
        experiment("markof")
    with pytest.raises(InputError, match="colour"):
        experiment(colour="red")
    assert experiment.trained == []
    assert not (tmp_path / "evidence").exists()


def test_scores_that_are_not_finite_leave_no_evidence(experiment, tmp_path, monkeypatch):
    def score(self, prefixes, *, block_size=256):
        yield np.full((min(block_size, len(prefixes)), prefixes.sessions.n_items), np.nan, np.float32)

    monkeypatch.setattr(recommenders.lookup("markov"), "score", score)
    with pytest.raises(ScoreError, match="markov: scores of prefix 0 are not all finite"):
        experiment()
    assert not (tmp_path / "evidence").exists()


def test_settings_from_text_keep_equals_signs_in_their_values():
    assert parse_settings(["a=1", " b = x=y "]) == {"a": "1", "b": "x=y"}
    for wrong in ("a", "=1", ""):
        with pytest.raises(InputError, match="is not key=value"):
            parse_settings([wrong])


@pytest.mark.parametrize("name", ["seed", "device", "out", "fresh", "dataset", "recommender"])
def test_a_parameter_of_the_run_is_no_setting_of_a_recommender(name):
    with pytest.raises(InputError, match=f"'{name}' is no setting of a recommender. Give it as --{name}"):
        running.recommender_settings([f"{name}=1"])
