"""Search spaces of the recommenders, as their papers and authors' configurations have them.

A space is a mapping from setting to optuna distribution. Those of Ludewig et al. 2020 (UMUAI 31), published with
session-rec, are lists of values; its λ of positions are multiples of the mean session length l, after Garg et al. 2019
(arXiv 1907.01210), whose own candidates are l/8 … 2l. GRU4Rec's are Hidasi & Czapp's (2023, arXiv 2307.14956), one for
each loss, published with the official code; here the loss is a setting too. `STARTS` are what they found best on six
logs, and what this study uses elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from audit_lib.data.sessions import Sessions
from audit_lib.errors import InputError

Space = Mapping[str, BaseDistribution]

_DECAYS = CategoricalDistribution(("same", "div", "linear", "quadratic", "log"))
_SIMILARITIES = CategoricalDistribution(("cosine", "vec"))
_IDF = CategoricalDistribution((0.0, 1.0, 2.0, 5.0, 10.0))
_DAYS = CategoricalDistribution((2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 100.0))
_EVENTS = (1 / 8, 1 / 4, 1 / 2, 1, 2)  # times the mean session length


_SKNN = {
    "k": CategoricalDistribution((50, 100, 500, 1000, 1500)),
    "sample_size": CategoricalDistribution((500, 1000, 2500, 5000, 10000)),
}


def _stan(train: Sessions) -> dict[str, BaseDistribution]:
    length = train.n_events / train.n_sessions
    # session-rec also lists 1e-5 for each λ: as λ1 only the last event counts; as λ2 or λ3 next to nothing is scored.
    events = tuple(round(length * share, 4) for share in _EVENTS)
    return {
        "k": CategoricalDistribution((100, 200, 500, 1000, 1500, 2000)),
        "sample_size": CategoricalDistribution((1000, 2500, 5000, 10000)),
        "lambda_spw": CategoricalDistribution((1e-5, *events)),
        "lambda_snh": _DAYS,
        "lambda_inh": CategoricalDistribution(events),
    }


def _vstan(train: Sessions) -> Space:
    stan = _stan(train)
    return stan | {"similarity": _SIMILARITIES, "lambda_ipw": stan["lambda_spw"], "lambda_idf": _IDF}


# Spaces, and functions of the train part where they depend on it.
SPACES: dict[str, Space | Callable[[Sessions], Space]] = {
    "sr": {
        "steps": CategoricalDistribution((*range(2, 16), 20, 25, 30)),
        "weighting": CategoricalDistribution(("linear", "div", "quadratic", "log")),
    },
    # The authors' code has k, λ and α but publishes no space; k >= K is enough for Recall@K.
    "itemknn": {"lam": FloatDistribution(0, 200, step=5), "alpha": FloatDistribution(0, 1, step=0.05)},
    "markov_backoff": {"order": IntDistribution(1, 5), "mu": FloatDistribution(0.05, 50, log=True)},
    "sknn": _SKNN,
    "vsknn": {
        **_SKNN,
        "similarity": _SIMILARITIES,
        "weighting": _DECAYS,
        "weighting_score": _DECAYS,
        "idf_weighting": _IDF,
    },
    "stan": _stan,
    "vstan": _vstan,
    "gru4rec": {
        "loss": CategoricalDistribution(("cross-entropy", "bpr-max")),
        "layers": IntDistribution(64, 512, step=4),  # theirs has steps of 32, which leave out their own 100
        "batch_size": IntDistribution(32, 256, step=16),
        "learning_rate": FloatDistribution(0.01, 0.25, step=0.005),
        "dropout_p_embed": FloatDistribution(0.0, 0.5, step=0.05),
        "dropout_p_hidden": FloatDistribution(0.0, 0.7, step=0.05),
        "momentum": FloatDistribution(0.0, 0.9, step=0.05),
        "sample_alpha": FloatDistribution(0.0, 1.0, step=0.1),
        "logq": CategoricalDistribution((0.0, 1.0)),
        "bpreg": FloatDistribution(0.0, 2.0, step=0.05),
        "elu_param": CategoricalDistribution((0.5, 1.0, 0.0)),
    },
    # The paper searched at random too, and does not say in which ranges: those of the later ones, where they apply.
    "gru4rec_2016": {
        "loss": CategoricalDistribution(("top1", "bpr")),
        "final_act": CategoricalDistribution(("tanh", "linear")),
        "layers": IntDistribution(64, 512, step=4),
        "batch_size": IntDistribution(30, 250, step=10),
        "learning_rate": FloatDistribution(0.01, 0.25, step=0.005),
        "dropout_p_hidden": FloatDistribution(0.0, 0.7, step=0.05),
        "momentum": FloatDistribution(0.0, 0.9, step=0.05),
    },
}

# Settings to try first: the authors' for Diginetica, RetailRocket, Coveo, Yoochoose, REES46 and RSC15, as shipped with
# the official code, and those with which this study trains where nothing is searched. Each of theirs is the best of two
# hundred runs with that loss on that log (Hidasi & Czapp 2023): an effort that no search here repeats.
OF_AUTHORS = 6  # of the starts of GRU4Rec
STARTS: dict[str, tuple[Mapping[str, Any], ...]] = {
    "gru4rec": (
        {
            "loss": "bpr-max", "layers": 512, "batch_size": 128, "learning_rate": 0.05, "dropout_p_embed": 0.5,
            "dropout_p_hidden": 0.3, "momentum": 0.15, "sample_alpha": 0.3, "bpreg": 0.9, "elu_param": 1.0,
        },
        {
            "loss": "bpr-max", "layers": 224, "batch_size": 80, "learning_rate": 0.05, "dropout_p_embed": 0.5,
            "dropout_p_hidden": 0.05, "momentum": 0.4, "sample_alpha": 0.4, "bpreg": 1.95, "elu_param": 0.5,
        },
        {
            "loss": "bpr-max", "layers": 512, "batch_size": 144, "learning_rate": 0.05, "dropout_p_embed": 0.35,
            "dropout_p_hidden": 0.0, "momentum": 0.4, "sample_alpha": 0.2, "bpreg": 1.85, "elu_param": 1.0,
        },
        {
            "loss": "cross-entropy", "layers": 480, "batch_size": 48, "learning_rate": 0.07, "dropout_p_embed": 0.0,
            "dropout_p_hidden": 0.2, "momentum": 0.0, "sample_alpha": 0.2, "logq": 1.0,
        },
        {
            "loss": "cross-entropy", "layers": 512, "batch_size": 240, "learning_rate": 0.065, "dropout_p_embed": 0.45,
            "dropout_p_hidden": 0.0, "momentum": 0.0, "sample_alpha": 0.5, "logq": 1.0,
        },
        {
            "loss": "cross-entropy", "layers": 100, "batch_size": 32, "learning_rate": 0.2, "dropout_p_embed": 0.0,
            "dropout_p_hidden": 0.4, "momentum": 0.2, "sample_alpha": 0.5, "logq": 1.0,
        },
        {
            "loss": "cross-entropy", "layers": 100, "batch_size": 64, "learning_rate": 0.1, "dropout_p_embed": 0.3,
            "dropout_p_hidden": 0.0, "momentum": 0.0, "sample_alpha": 0.5, "logq": 1.0,
        },
    ),
    # Table 2 of the first paper: RSC15 and VIDEO, TOP1 and BPR.
    "gru4rec_2016": tuple(
        {"loss": loss, "final_act": "tanh", "layers": 100, "batch_size": 50, "learning_rate": rate,
         "dropout_p_hidden": dropout, "momentum": momentum}
        for loss, dropout, rate, momentum in (
            ("top1", 0.5, 0.01, 0.0), ("bpr", 0.2, 0.05, 0.2), ("top1", 0.4, 0.05, 0.0), ("bpr", 0.3, 0.1, 0.0),
        )
    ),
}  # fmt: skip

# Settings that only one loss has.
_OF_LOSS = {"cross-entropy": {"logq"}, "bpr-max": {"bpreg", "elu_param"}}

# What grows from one rung of the budget to the next: the setting named here, else the share of validation sessions.
RESOURCES: dict[str, str] = {"gru4rec": "n_epochs", "gru4rec_2016": "n_epochs"}


def space_of(name: str, train: Sessions) -> Space:
    """The search space of a recommender on a train part. Raises InputError if it has nothing to tune."""
    if name not in SPACES:
        raise InputError(f"'{name}' has no search space: nothing to tune. Those with one: {', '.join(sorted(SPACES))}.")
    space = SPACES[name]
    return space(train) if callable(space) else space


def applying(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the drawn settings that have a meaning together: with a loss, only its own."""
    other = {key for loss, keys in _OF_LOSS.items() if settings.get("loss", loss) != loss for key in keys}
    return {key: value for key, value in settings.items() if key not in other}
