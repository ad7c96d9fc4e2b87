"""Settings: official names and defaults, strings from a command line, clear refusals."""

import subprocess
import sys

import pydantic
import pytest

from audit_lib import recommenders
from audit_lib.errors import InputError
from audit_lib.recommenders import create
from audit_lib.recommenders.gru4rec.config import GRU4RecConfig


def test_the_defaults_are_the_official_ones():
    official = dict(
        layers=(100,), loss="cross-entropy", batch_size=64, dropout_p_embed=0, dropout_p_hidden=0, learning_rate=0.05,
        momentum=0, sample_alpha=0.5, n_sample=2048, embedding=0, constrained_embedding=True, n_epochs=10, bpreg=1,
        elu_param=0.5, logq=0,
    )  # fmt: skip
    dumped = GRU4RecConfig().model_dump()
    assert {name: dumped[name] for name in official} == official


@pytest.mark.parametrize("given", [100, "100", "[100]", [100], (100,)])
def test_one_layer_can_be_written_in_every_usual_way(given):
    assert GRU4RecConfig(layers=given).layers == (100,)


@pytest.mark.parametrize("given", ["[100,50]", "100/50", "100, 50", [100, 50]])
def test_two_layers_can_be_written_in_every_usual_way(given):
    assert GRU4RecConfig(layers=given).layers == (100, 50)


def test_strings_of_a_command_line_are_read():
    c = GRU4RecConfig(batch_size="32", learning_rate="0.1", constrained_embedding="False", embedding="64", logq="1.0")
    assert (c.batch_size, c.learning_rate, c.input, c.input_size, c.logq) == (32, 0.1, "separate", 64, 1.0)


def test_the_input_follows_from_the_two_official_switches():
    assert GRU4RecConfig(layers=[8, 9]).input_size == 9
    assert GRU4RecConfig(layers=[8, 9], constrained_embedding=False, embedding="layersize").input_size == 8
    assert GRU4RecConfig(constrained_embedding=False).input == "onehot"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dropout": 0.1}, "dropout: there is no such setting"),
        ({"layers": "0"}, "greater than or equal to 1"),
        ({"layers": []}, "at least 1 item"),
        ({"loss": "top2"}, "'cross-entropy', 'bpr-max', 'bpr', 'top1' or 'top1-max'"),
        ({"loss": "top1", "logq": 1}, "logq corrects cross-entropy only"),
        ({"final_act": "tanh"}, "final_act belongs to the losses bpr, top1, top1-max"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"dropout_p_hidden": 1}, "less than 1"),
        ({"loss": "bpr-max", "logq": 1}, "logq corrects cross-entropy only"),
        ({"embedding": 10}, "no effect with constrained_embedding"),
        ({"constrained_embedding": False, "dropout_p_embed": 0.2}, "no embedding to drop"),
        ({"batch_size": 1, "n_sample": 0}, "leaves no negative"),
    ],
)
def test_a_wrong_setting_is_refused_and_named(settings, message):
    with pytest.raises(InputError, match=message):
        create("gru4rec", **settings)


def test_the_configuration_is_frozen_and_its_dump_gives_it_back():
    c = GRU4RecConfig(layers="10/20", seed=3)
    assert GRU4RecConfig.model_validate_json(c.model_dump_json()) == c
    assert hash(c) == hash(GRU4RecConfig(layers=(10, 20), seed=3))
    with pytest.raises(pydantic.ValidationError):
        c.seed = 4


def test_a_linear_activation_is_not_stated_so_that_evidence_keeps_its_name():
    assert "final_act" not in GRU4RecConfig().model_dump(mode="json")
    assert GRU4RecConfig(loss="bpr", final_act="tanh").model_dump(mode="json")["final_act"] == "tanh"


@pytest.mark.parametrize("name", recommenders._CONFIGS)
def test_settings_that_need_no_torch_are_those_of_the_recommender(name):
    assert recommenders.config(name) == recommenders.create(name).config
    assert type(recommenders.config(name)) is recommenders.lookup(name).Config
    with pytest.raises(InputError, match=f"{name}: layer: there is no such"):
        recommenders.config(name, layer=100)


def test_the_list_of_experiments_is_read_without_torch():
    code = "import sys; from audit_lib.study import claims, plan; plan.plan(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
