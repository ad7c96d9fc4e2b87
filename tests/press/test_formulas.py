"""The page of formulas, written a second time in plain arithmetic: one check for every numbered formula on it.

A check takes the formula as the page has it, evaluates it on small inputs, and compares it with the named function.
"""

from __future__ import annotations

import itertools
import math
import pkgutil
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from statistics import NormalDist

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import multinomial

from audit_lib import recommenders
from audit_lib.data import synthetic as synthetic_log
from audit_lib.data.sessions import Prefixes
from audit_lib.evaluation import (
    comparisons,
    corrected,
    count_laws,
    metrics,
    power,
    ranking,
    resampling,
    sampled,
    session_draws,
    shuffle,
)
from audit_lib.evaluation.counts import Counts
from audit_lib.files import PROJECT
from audit_lib.recommenders import decay, oracle
from audit_lib.recommenders.gru4rec import batches, kernels, losses, model, random_draws, scoring
from audit_lib.recommenders.gru4rec.config import GRU4RecConfig
from audit_lib.recommenders.gru4rec.fast import Fast
from audit_lib.recommenders.gru4rec.optimizer import Adagrad
from audit_lib.recommenders.gru4rec.reference import Reference
from audit_lib.recommenders.gru4rec.train import GRU4Rec
from book.press import site_check
from tests.recommenders.definitions import Log, alike, backoff, neighbours, rules
from tests.small_logs import sessions_of

PAGE = (PROJECT / "book" / "formulas.md").read_text("utf8")
EQUATION = re.compile(r"^\$\$ \((eq-[\w-]+)\)$", re.MULTILINE)
FUNCTION = re.compile(r"`(audit_lib(?:\.\w+)+)`")
CHECKS: dict[str, Callable[[], None]] = {}

f32 = np.float32
rng = np.random.default_rng(3)
B, H, V = 3, 4, 9
X, STATE, D_STATE = (rng.normal(size=(B, H)) for _ in range(3))
W_IH, W_HH = rng.normal(size=(3 * H, H)), rng.normal(size=(3 * H, H))
B_IH, B_HH = rng.normal(size=3 * H), rng.normal(size=3 * H)
SCORES = rng.normal(size=(B, 7)) * 2


def check(*labels: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Registers a function as the check of these formulas."""

    def register(function: Callable[[], None]) -> Callable[[], None]:
        assert not CHECKS.keys() & set(labels)
        CHECKS.update(dict.fromkeys(labels, cache(function)))  # which passes once for all its formulas
        return function

    return register


def close(found: object, expected: object, rel: float = 1e-6) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=rel, atol=rel)


def sigmoid(u: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-u))


# --- the page and the checks
def test_every_numbered_formula_has_a_check_and_every_check_a_formula() -> None:
    assert sorted(EQUATION.findall(PAGE)) == sorted(CHECKS)


def test_every_displayed_formula_is_numbered() -> None:
    marks = [line for line in PAGE.splitlines() if line.startswith("$$")]
    assert len(marks) == 2 * len(EQUATION.findall(PAGE))


@pytest.mark.parametrize("name", sorted(set(FUNCTION.findall(PAGE))))
def test_every_function_named_on_the_page_exists(name: str) -> None:
    assert callable(pkgutil.resolve_name(name))


def test_every_formula_is_followed_by_the_function_that_computes_it() -> None:
    after = {m[1]: re.split(r"^#", PAGE[m.end() :], maxsplit=1, flags=re.MULTILINE)[0] for m in EQUATION.finditer(PAGE)}
    assert [label for label, text in after.items() if not FUNCTION.search(text)] == []


def test_no_heading_begins_with_a_number() -> None:
    assert re.findall(r"^#+ *\d+\..*", PAGE, re.MULTILINE) == []


def test_displayed_formulas_are_the_same_in_spanish() -> None:
    """Sphinx puts a lone "::" in the place of a displayed formula whose translation differs from it."""
    path = PROJECT / "book" / "locale" / "es" / "LC_MESSAGES" / "book" / "formulas.po"
    displays = {text: spanish for text, (spanish, _) in site_check.messages(path).items() if text.startswith("\n")}
    assert len(displays) == len(EQUATION.findall(PAGE))
    assert [text for text, spanish in displays.items() if spanish != text] == []


@pytest.mark.parametrize("label", EQUATION.findall(PAGE))
def test_the_formula_is_what_the_function_computes(label: str) -> None:
    CHECKS[label]()


# --- the unit
def cell(g: np.ndarray, q: np.ndarray, state: np.ndarray | float) -> dict[str, np.ndarray]:
    """r, z, n and the new state from the projections g and q, as the page writes them."""
    (g_r, g_z, g_n), (q_r, q_z, q_n) = np.split(g, 3, -1), np.split(q, 3, -1)
    r, z = sigmoid(g_r + q_r), sigmoid(g_z + q_z)
    n = np.tanh(g_n + r * q_n)
    return {"g": g, "q_n": q_n, "r": r, "z": z, "n": n, "new": (1 - z) * n + z * state}


def unit() -> dict[str, np.ndarray]:
    return cell(X @ W_IH.T + B_IH, STATE @ W_HH.T + B_HH, STATE)


def paper_unit() -> tuple[np.ndarray, ...]:
    """g, r, z and n of the cell of the paper."""
    g, h_rz = X @ W_IH.T + B_IH, STATE @ W_HH[: 2 * H].T
    r, z = sigmoid(g[:, :H] + h_rz[:, :H]), sigmoid(g[:, H : 2 * H] + h_rz[:, H:])
    return g, r, z, np.tanh(g[:, 2 * H :] + (r * STATE) @ W_HH[2 * H :].T)


def tensors(*arrays: np.ndarray) -> list[torch.Tensor]:
    return list(map(torch.tensor, arrays))


@check("eq-gru-projections", "eq-gru-state")
def check_unit() -> None:
    torch_cell = torch.nn.GRUCell(H, H, dtype=torch.float64)
    for name, value in (("weight_ih", W_IH), ("weight_hh", W_HH), ("bias_ih", B_IH), ("bias_hh", B_HH)):
        getattr(torch_cell, name).data = torch.tensor(value)
    close(torch_cell(*tensors(X, STATE)).detach(), unit()["new"])
    close(model.cell_pytorch(*tensors(unit()["g"], STATE, W_HH, B_HH)), unit()["new"])


def gates() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the fast engine leaves behind: r, z, n in one array, the projection q of n, the new state."""
    gi, gh, out = f32(X @ W_IH.T), f32(STATE @ W_HH.T), np.zeros((B, H), f32)
    kernels.gates(gi, gh, f32(B_IH), f32(B_HH), f32(STATE), np.zeros((0, H), f32), out)
    return gi, gh, out


@check("eq-gru-gates", "eq-gru-candidate")
def check_gates() -> None:
    gi, _, out = gates()
    close(gi, np.concatenate([unit()[name] for name in "rzn"], axis=1), 3e-6)
    close(out, unit()["new"], 3e-6)


@check("eq-gru-paper")
def check_paper_cell() -> None:
    g, _, z, n = paper_unit()
    close(model.cell_paper(*tensors(g, STATE, W_HH)), (1 - z) * n + z * STATE)


@check("eq-scores")
def check_scores() -> None:
    fresh = np.random.default_rng(5)
    config = GRU4RecConfig(layers=(H,))
    weights = {k: fresh.normal(size=s) for k, s in model.shapes(config, V).items()}
    prefixes = Prefixes(sessions_of([[2, 5]], V))
    x = weights["Wy"][2]
    new = cell(weights["W_ih0"] @ x + weights["b_ih0"], weights["b_hh0"], 0)["new"]  # the old state is zero
    held = {k: torch.tensor(w, dtype=torch.float32) for k, w in weights.items()}
    (block,) = scoring.blocks(config, held, prefixes, 4)
    close(block[0], [weights["Wy"][j] @ new + weights["By"][j] for j in range(V)], 1e-5)


@check("eq-dropout")
def check_dropout() -> None:
    p = 0.3
    mask = random_draws.mask(random_draws.key(1, random_draws.HIDDEN), 0, 500, p, (500, 100))
    assert set(np.unique(mask)) == {f32(0), f32(1 / (1 - p))}
    assert (mask == 0).mean() == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / mask.size))


# --- the way back
def deltas() -> tuple[np.ndarray, np.ndarray]:
    """delta_g and delta_q, (B, 3H), by the page's formulas."""
    u = unit()
    d_n = D_STATE * (1 - u["z"]) * (1 - u["n"] ** 2)
    d_z = D_STATE * (STATE - u["n"]) * u["z"] * (1 - u["z"])
    d_r = d_n * u["q_n"] * u["r"] * (1 - u["r"])
    return np.concatenate([d_r, d_z, d_n], axis=1), np.concatenate([d_r, d_z, d_n * u["r"]], axis=1)


def autograd(cell: Callable[..., torch.Tensor], bias: list[np.ndarray]) -> list[np.ndarray]:
    """Derivatives of sum(new state * D_STATE) by x, the projected input, W_ih, b_ih, W_hh (and b_hh)."""
    x, w_ih, b_ih, w_hh, *b_hh = [t.requires_grad_() for t in tensors(X, W_IH, B_IH, W_HH, *bias)]
    g = x @ w_ih.T + b_ih
    loss = (cell(g, torch.tensor(STATE), w_hh, *b_hh) * torch.tensor(D_STATE)).sum()
    return [d.numpy() for d in torch.autograd.grad(loss, [x, g, w_ih, b_ih, w_hh, *b_hh])]


@check("eq-back-state", "eq-back-reset", "eq-back-projections")
def check_gates_back() -> None:
    gi, gh, _ = gates()
    d_gi, d_gh, d_b_ih, d_b_hh = (np.zeros(s, f32) for s in ((B, 3 * H), (B, 3 * H), 3 * H, 3 * H))
    kernels.gates_back(f32(D_STATE), np.zeros((0, H), f32), f32(STATE), gi, gh, d_gi, d_gh, d_b_ih, d_b_hh)
    d_g, d_q = deltas()
    close(d_gi, d_g, 1e-5)
    close(d_gh, d_q, 1e-5)
    close(d_b_ih, d_g.sum(0), 1e-5)
    close(d_b_hh, d_q.sum(0), 1e-5)
    close(autograd(model.cell_pytorch, [B_HH])[1], d_g)


@check("eq-back-weights")
def check_back_weights() -> None:
    d_g, d_q = deltas()
    d_x, _, d_w_ih, d_b_ih, d_w_hh, d_b_hh = autograd(model.cell_pytorch, [B_HH])
    close(d_w_ih, sum(np.outer(d_g[i], X[i]) for i in range(B)))
    close(d_w_hh, sum(np.outer(d_q[i], STATE[i]) for i in range(B)))
    close(d_b_ih, d_g.sum(0))
    close(d_b_hh, d_q.sum(0))
    close(d_x, [W_IH.T @ d_g[i] for i in range(B)])
    step_of(Fast)  # and with the loss before it, a whole step of the engine


@check("eq-back-paper")
def check_paper_back() -> None:
    _, r, z, n = paper_unit()
    d_n = D_STATE * (1 - z) * (1 - n**2)
    d_r = np.stack([W_HH[2 * H :].T @ d_n[i] for i in range(B)]) * STATE * r * (1 - r)
    close(autograd(model.cell_paper, [])[1][:, :H], d_r)
    gi, d_gi = f32(np.concatenate([r, z, n], axis=1)), np.zeros((B, 3 * H), f32)
    kernels.paper_back_open(f32(d_n @ W_HH[2 * H :]), f32(STATE), gi, d_gi, np.zeros(3 * H, f32))
    close(d_gi[:, :H], d_r, 1e-5)


# --- mini-batches
ROWS = [[0, 1, 2, 3], [4, 5], [6, 7, 8], [1, 2], [3, 4, 5, 6, 7], [0, 8], [2, 4, 6]]
PLAN = batches.schedule(sessions_of(ROWS, V), batch_size=B)


def started() -> list[tuple[int, int]]:
    """The first step and the lane of every session."""
    found: list[tuple[int, int]] = []
    free = [0] * B
    for session in ROWS:
        t = min(free)
        found.append((t, free.index(t)))
        free[free.index(t)] = t + len(session) - 1
    return found


@check("eq-lanes", "eq-inputs")
def check_lanes() -> None:
    for t in range(PLAN.n_steps):
        running = [(lane, s, begin) for s, (begin, lane) in zip(ROWS, started(), strict=True)
                   if begin <= t < begin + len(s) - 1]  # fmt: skip
        expected = [(s[t - begin], s[t - begin + 1], t == begin) for _, s, begin in sorted(running)]
        b = PLAN.active[t]
        assert list(zip(PLAN.inputs[t, :b], PLAN.targets[t, :b], PLAN.reset[t, :b], strict=True)) == expected


@check("eq-events")
def check_events() -> None:
    assert PLAN.n_events == sum(len(s) - 1 for s in ROWS)


@check("eq-negatives")
def check_negatives() -> None:
    support, alpha, n = np.array([1, 4, 9, 100, 0, 25]), 0.5, 200_000
    expected = support**alpha / (support**alpha).sum()
    table, key = random_draws.alias_table(support, alpha), random_draws.key(0, random_draws.NEGATIVES)
    drawn = random_draws.negatives(table, key, 0, n)
    share = np.bincount(drawn, minlength=6) / n
    assert (np.abs(share - expected) <= 4 * np.sqrt(expected * (1 - expected) / n)).all()


# --- cross-entropy
SUPPORT = np.array([5, 2, 9, 1, 7, 3, 4])  # of the columns
LOGQ, ALPHA = 0.8, 0.5
POWERS = np.where(np.arange(7) < B, 1.0, ALPHA)
CORRECTED = SCORES - LOGQ * np.log(SUPPORT**POWERS)


def lane_losses() -> np.ndarray:
    return np.array([np.log(np.exp(CORRECTED[i]).sum()) - CORRECTED[i, i] for i in range(B)])


@check("eq-logq", "eq-ce")
def check_cross_entropy() -> None:
    correction = torch.tensor(LOGQ * np.log(SUPPORT**POWERS))
    close(losses.cross_entropy(torch.tensor(SCORES), correction=correction), lane_losses())


@check("eq-total")
def check_total() -> None:
    config = GRU4RecConfig(layers=(H,), batch_size=B, n_sample=4, n_epochs=1)
    train = sessions_of(ROWS, V)
    fitted = GRU4Rec(config).fit(train, progress=False, record_losses=True)
    engine = Fast(config, model.initial_weights(config, V), PLAN, train.support)
    lanes = [engine.run(t, t + 1)[0, : PLAN.active[t]] for t in range(PLAN.n_steps)]
    assert PLAN.active[-1] < B
    close(fitted.losses, [lane.sum() / B for lane in lanes])


@check("eq-ce-gradient")
def check_cross_entropy_gradient() -> None:
    p = np.exp(CORRECTED) / np.exp(CORRECTED).sum(1, keepdims=True)
    expected = (p - np.eye(B, 7)) / B
    scores, lane = f32(SCORES), np.zeros(B, f32)
    weight = f32((SUPPORT**POWERS) ** -LOGQ)
    kernels.cross_entropy(scores, 7, weight, np.arange(B), f32(LOGQ * np.log(SUPPORT[:B])), f32(B), lane)
    close(scores, expected, 1e-5)
    close(lane, lane_losses(), 1e-5)


@check("eq-ce-weighted")
def check_weighted_cross_entropy() -> None:
    items = np.array([0, 1, 2, 1, 3, 0, 1])  # columns by item; the first three are the targets
    support, by_item = np.array([6, 3, 8, 5]), SCORES[:, :4]
    config = GRU4RecConfig(logq=LOGQ, sample_alpha=ALPHA)
    columns = losses.column_weights(config, support)
    m = np.zeros(4)
    for c, item in enumerate(items):
        m[item] += (support[item] ** (1 if c < B else ALPHA)) ** -LOGQ
    counted = np.bincount(items[:B], columns.in_batch[items[:B]], 4)
    close(counted + np.bincount(items[B:], columns.sampled[items[B:]], 4), m)
    own = np.array([by_item[i, i] for i in range(B)])
    expected = np.log((m * np.exp(by_item)).sum(1)) - own + LOGQ * np.log(support[:B])
    given = {"weight": torch.tensor(m), "slot": torch.arange(B), "correction": torch.tensor(LOGQ * np.log(support[:B]))}
    close(losses.weighted_cross_entropy(torch.tensor(by_item), **given), expected)
    powers = np.where(np.arange(7) < B, 1.0, ALPHA)
    as_drawn = by_item[:, items] - LOGQ * np.log(support[items] ** powers)
    close(expected, [np.log(np.exp(row).sum()) - row[i] for i, row in enumerate(as_drawn)])


# --- BPR-max
ELU, LAM = 0.5, 1.3


def bpr_lane(i: int) -> tuple[float, np.ndarray]:
    """Loss and gradient by the scores of lane i, whose target is column i."""
    o = SCORES[i]
    y = np.where(o > 0, o, ELU * (np.exp(o) - 1))
    negative = np.arange(7) != i
    s = np.where(negative, np.exp(y), 0) / np.exp(y[negative]).sum()
    ahead = sigmoid(y[i] - y)
    d, r = (s * ahead).sum(), (s * y**2).sum()
    gradient = -s * (ahead**2 - d) / d + LAM * s * (y**2 - r + 2 * y)
    gradient[i] = -(s * ahead * (1 - ahead)).sum() / d
    return -np.log(d) + LAM * r, gradient * np.where(o > 0, 1, y + ELU)


@check("eq-elu", "eq-bpr-weights", "eq-bpr-max")
def check_bpr_max() -> None:
    expected = [bpr_lane(i)[0] for i in range(B)]
    close(losses.bpr_max(torch.tensor(SCORES), elu_param=ELU, bpreg=LAM), expected)
    ones = {"weight": torch.ones(7, dtype=torch.float64), "slot": torch.arange(B)}
    close(losses.weighted_bpr_max(torch.tensor(SCORES), **ones, elu_param=ELU, bpreg=LAM), expected)


@check("eq-softmax-gradient")
def check_softmax_gradient() -> None:
    y = torch.tensor(SCORES[0])
    s = torch.softmax(y, 0).numpy()
    close(torch.autograd.functional.jacobian(lambda t: torch.softmax(t, 0), y), s[:, None] * (np.eye(7) - s))


@check("eq-bpr-target", "eq-bpr-negative", "eq-elu-gradient")
def check_bpr_gradient() -> None:
    expected = np.stack([bpr_lane(i)[1] for i in range(B)])
    given = torch.tensor(SCORES).requires_grad_()
    close(torch.autograd.grad(losses.bpr_max(given, elu_param=ELU, bpreg=LAM).sum(), given)[0], expected)
    scores, lane = f32(SCORES), np.zeros(B, f32)
    scratch = np.zeros((2, 7), f32)
    kernels.bpr_max(scores, 7, np.ones(7, f32), np.arange(B), f32(ELU), f32(LAM), f32(B), *scratch, lane)
    close(scores, expected / B, 2e-5)


def pairwise_lane(i: int, loss: str) -> tuple[float, np.ndarray]:
    """Loss and gradient by the scores of lane i, with tanh of the scores; target i, six negatives."""
    y = np.tanh(SCORES[i])
    negative = np.arange(7) != i
    p, q = sigmoid(y - y[i]), sigmoid(y**2)
    if loss == "bpr":
        value, gradient, pull = -np.log(1 - p)[negative].sum() / 6, p / 6, p
    else:
        value, pull = (p + q)[negative].sum() / 6, p * (1 - p)
        gradient = (p * (1 - p) + 2 * y * q * (1 - q)) / 6
    gradient[i] = -pull[negative].sum() / 6
    return value, gradient * (1 - y**2)


@check("eq-bpr-top1", "eq-pairwise-target", "eq-pairwise-negative")
def check_pairwise() -> None:
    for kind, loss in enumerate(("bpr", "top1")):
        value, gradient = (np.stack(part) for part in zip(*(pairwise_lane(i, loss) for i in range(B)), strict=True))
        given = torch.tensor(SCORES).requires_grad_()
        found = losses.pairwise(given, loss=loss, final_act="tanh")
        close(found.detach(), value)
        close(torch.autograd.grad(found.sum(), given)[0], gradient)
        scores, lane = f32(SCORES), np.zeros(B, f32)
        kernels.pairwise(scores, 7, np.ones(7, f32), np.arange(B), kind, True, f32(B), *np.zeros((2, 7), f32), lane)
        close(scores, gradient / B, 2e-5)


# --- a whole step, from the scores to the weights
NEGATIVES = np.array([1, 8, 1, 5])


def step_of(engine: type) -> None:
    """One step of an engine from zero accumulators, against the page's formulas: A is the squared gradient."""
    fresh = np.random.default_rng(5)
    config = GRU4RecConfig(layers=(H,), batch_size=B, n_sample=4, loss="cross-entropy")
    w = {k: fresh.normal(size=s).astype(f32) for k, s in model.shapes(config, V).items()}
    train = sessions_of(ROWS, V)
    run = engine(config, w, PLAN, train.support, negatives=lambda _: NEGATIVES)
    run.run(0, 1)
    inputs, columns = PLAN.inputs[0], np.concatenate([PLAN.targets[0], NEGATIVES])
    x = w["Wy"][inputs].astype(float)
    now = cell(x @ w["W_ih0"].T + w["b_ih0"], w["b_hh0"], 0)  # the states are zero
    r, z, n, new = (now[name] for name in ("r", "z", "n", "new"))
    o = new @ w["Wy"][columns].T + w["By"][columns]
    p = np.exp(o - o.max(1, keepdims=True))
    delta = (p / p.sum(1, keepdims=True) - np.eye(B, 7)) / B
    d_w, d_beta, d_new = delta.T @ new, delta.sum(0), delta @ w["Wy"][columns]
    d_n, d_z = d_new * (1 - z) * (1 - n**2), d_new * (0 - n) * z * (1 - z)
    d_g = np.concatenate([d_n * now["q_n"] * r * (1 - r), d_z, d_n], axis=1)
    d_x = d_g @ w["W_ih0"]
    rows, bias = np.zeros((V, H)), np.zeros(V)
    for c, item in enumerate(columns):
        rows[item] += d_w[c]
        bias[item] += d_beta[c]
    for i, item in enumerate(inputs):
        rows[item] += d_x[i]
    found = run.arrays()
    close(found["acc.Wy"], rows**2, 1e-4)
    close(found["acc.By"], bias**2, 1e-4)
    close(found["acc.W_ih0"], (d_g.T @ x) ** 2, 1e-4)
    close(found["acc.b_ih0"], d_g.sum(0) ** 2, 1e-4)


@check("eq-score-gradients", "eq-row-gradient")
def check_step() -> None:
    step_of(Reference)


# --- Adagrad, initial weights
@check("eq-adagrad-accumulator", "eq-adagrad-step", "eq-momentum")
def check_adagrad() -> None:
    fresh = np.random.default_rng(5)
    eta, mu = 0.1, 0.3
    start = fresh.normal(size=(4, 2))
    optimizer = Adagrad({"w": torch.tensor(start), "d": torch.tensor(start)}, learning_rate=eta, momentum=mu)
    w, acc, v = start.copy(), np.zeros((4, 2)), np.zeros((4, 2))
    for rows in ([0, 2, 0], [1, 2], [0]):  # row 3 is never touched, the others not in every step
        given = fresh.normal(size=(len(rows), 2))
        optimizer.rows("w", torch.tensor(rows), torch.tensor(given))
        for row in set(rows):
            gamma = given[np.array(rows) == row].sum(0)
            acc[row] += gamma**2
            v[row] = mu * v[row] - eta * gamma / np.sqrt(acc[row] + 1e-6)
            w[row] += v[row]
        close(optimizer.weights["w"], w)
    assert (w[3] == start[3]).all()
    dense, gamma = start.copy(), fresh.normal(size=(4, 2))
    optimizer.dense("d", torch.tensor(gamma))
    close(optimizer.weights["d"], dense - eta * gamma / np.sqrt(gamma**2 + 1e-6))


@check("eq-initial")
def check_initial_weights() -> None:
    found = model.initial_weights(GRU4RecConfig(layers=(40,), constrained_embedding=False, embedding=60), 500)
    sizes = {"Wy": 500 + 40, "E": 500 + 60, "W_ih0": 40 + 60, "W_hh0": 40 + 40}
    for name, size in sizes.items():
        bound = math.sqrt(6 / size)
        assert 0.99 * bound < np.abs(found[name]).max() <= bound * (1 + 1e-6)
        assert found[name].var() == pytest.approx(bound**2 / 3, rel=0.05)  # of a uniform law
    assert not any(found[name].any() for name in ("By", "b_ih0", "b_hh0"))


# --- simple recommenders
CLICKS = [
    [int(item) for item in np.random.default_rng(90 + s).integers(7, size=2 + s % 5)] for s in range(14)
]  # 14 sessions over 7 items, with repeats inside them
TIMES = 86400.0 * np.cumsum(np.random.default_rng(17).uniform(0.1, 1.5, size=sum(map(len, CLICKS))))
PREFIXES = [row[:m] for row in CLICKS for m in range(1, len(row))]
N_CLICKED = 7
LOG = Log(CLICKS, N_CLICKED, TIMES[np.cumsum([len(row) for row in CLICKS]) - 1] / 86400)


def train_log():
    return sessions_of(CLICKS, N_CLICKED, times=TIMES)


def scored(name: str, **settings) -> np.ndarray:
    """(P, V) what the recommender gives after every prefix of its own train part."""
    fitted = recommenders.create(name, **settings).fit(train_log())
    return np.concatenate([block.copy() for block in fitted.score(Prefixes(train_log()))])


def over_fallback(values: Callable[[list[int]], Sequence[float]], nu: np.ndarray | None = None) -> np.ndarray:
    """(P, V) the scores of a recommender, of which values(prefix) gives those above zero."""
    nu = LOG.support() if nu is None else nu
    found = np.array([values(prefix) for prefix in PREFIXES])
    return np.where(found > 0, found, nu / (1 + nu.max()) - 1)


@check("eq-fallback", "eq-session-popularity")
def check_session_popularity() -> None:
    f = LOG.support() / (1 + LOG.support().max()) - 1
    assert -1 <= f.min() < f.max() < 0

    def values(prefix):
        return [prefix.count(j) and prefix.count(j) + (1 + f[j]) / 2 for j in range(N_CLICKED)]

    close(scored("session_popularity"), over_fallback(values))
    close(scored("popularity"), np.tile(LOG.support(), (len(PREFIXES), 1)))


@check("eq-markov")
def check_markov() -> None:
    steps = [pair for row in CLICKS for pair in itertools.pairwise(row)]  # in the order of the log

    def values(prefix):
        seen = list(dict.fromkeys(b for a, b in steps if a == prefix[-1]))
        c = LOG.after(prefix[-1:])
        return [c[j] and c[j] - seen.index(j) / (2 * N_CLICKED) for j in range(N_CLICKED)]

    by_support = sorted(range(N_CLICKED), key=lambda j: -LOG.support()[j])
    places = np.array([N_CLICKED - by_support.index(j) for j in range(N_CLICKED)])
    close(scored("markov"), over_fallback(values, places))


@check("eq-backoff")
def check_backoff() -> None:
    close(scored("markov_backoff", mu=1.7), over_fallback(lambda prefix: backoff(LOG, prefix, order=3, mu=1.7)))


@check("eq-rules", "eq-ar")
def check_association_rules() -> None:
    close(scored("ar"), over_fallback(lambda prefix: rules(LOG, prefix[-1], lambda distance: 1.0)))


WEIGHTS = {
    "same": lambda x: 1.0, "div": lambda x: 1 / x, "linear": lambda x: max(0, 1 - x / 10),
    "quadratic": lambda x: 1 / x**2, "log": lambda x: 1 / math.log10(x + 1.7),
}  # fmt: skip


@check("eq-sr", "eq-distance")
def check_sequential_rules() -> None:
    for name, w in WEIGHTS.items():
        weight = lambda distance, w=w: w(distance) if 1 <= distance <= 3 else 0.0  # noqa: E731
        expected = over_fallback(lambda prefix, weight=weight: rules(LOG, prefix[-1], weight))
        close(scored("sr", steps=3, weighting=name), expected)
        close(decay.by_distance(name, np.arange(1, 15)), [w(x) for x in range(1, 15)])


@check("eq-itemknn")
def check_itemknn() -> None:
    lam, alpha, k = 2.0, 0.3, 3

    def values(prefix):
        row = alike(LOG, prefix[-1], lam=lam, alpha=alpha)
        return np.where(row >= sorted(row)[-k], row, 0)

    close(scored("itemknn", k=k, lam=lam, alpha=alpha), over_fallback(values))


def as_defined(name: str, **settings) -> None:
    """That a recommender of neighbours gives what its definition says."""
    config = recommenders.create(name, **settings).config
    close(scored(name, **settings), over_fallback(lambda prefix: neighbours(LOG, prefix, name, config)))


@check("eq-similarity", "eq-neighbours", "eq-sknn")
def check_sknn() -> None:
    for similarity in ("cosine", "vec"):
        as_defined("sknn", k=4, sample_size=6, similarity=similarity)


@check("eq-position", "eq-idf")
def check_vsknn() -> None:
    positions = {
        "same": lambda q, m: 1.0, "div": lambda q, m: q / m, "linear": lambda q, m: max(0, 1 - (m - q) / 10),
        "quadratic": lambda q, m: q**2 / m**2, "log": lambda q, m: 1 / math.log10(m - q + 1.7),
    }  # fmt: skip
    for name, u in positions.items():
        as_defined("vsknn", k=4, sample_size=6, weighting=name, weighting_score="quadratic", idf_weighting=2.0)
        close(decay.by_position(name, np.arange(1, 15), np.full(14, 14)), [u(q, 14) for q in range(1, 15)])
    as_defined("vsknn")


@check("eq-stan", "eq-vstan")
def check_stan() -> None:
    lengths = {"k": 4, "sample_size": 6, "lambda_spw": 1.3, "lambda_snh": 5.0, "lambda_inh": 2.1}
    as_defined("stan", **lengths)
    as_defined("vstan", lambda_ipw=0.9, lambda_idf=2.0, **lengths)


# --- ranks and metrics
A, E = np.array([0, 3, 5, 9]), np.array([0, 2, 4, 0])


@check("eq-counts")
def check_counts() -> None:
    class Given:
        name = "given"

        def score(self, _: Prefixes, *, block_size: int = 256) -> Iterator[np.ndarray]:
            yield f32([[1, 2, 2, 0, 3], [0, 0, 0, 0, 0]])

    support = np.array([1, 10, 100, 1000, 10000])
    found = ranking.rank(Given(), Prefixes(sessions_of([[0, 1, 3]], 5)), support)
    scores, targets = np.array([[1, 2, 2, 0, 3], [0, 0, 0, 0, 0]]), [1, 3]
    above = [sum(s > row[t] for s in row) for row, t in zip(scores, targets, strict=True)]
    equal = [sum(row[j] == row[t] for j in range(5) if j != t) for row, t in zip(scores, targets, strict=True)]
    assert (found.above.tolist(), found.equal.tolist()) == (above, equal)
    assert (found.support_above.tolist(), found.support_equal.tolist()) == ([10000, 0], [100, 10111])


@check("eq-ranks")
def check_ranks() -> None:
    for ties, expected in (("standard", A + 1), ("conservative", A + E + 1), ("median", A + E / 2 + 1)):
        assert metrics.rank(A, E, ties).tolist() == expected.tolist()


GAINS = {
    "Recall": lambda r, k: float(r <= k),
    "MRR": lambda r, k: float(r <= k) / r,
    "NDCG": lambda r, k: float(r <= k) / math.log2(r + 1),
}


@check("eq-gains")
def check_gains() -> None:
    for name, gain in GAINS.items():
        close(metrics.METRICS[name](A, E, 6), [gain(a + e + 1, 6) for a, e in zip(A, E, strict=True)])


@check("eq-expected")
def check_expected() -> None:
    for name, gain in GAINS.items():
        mean = [np.mean([gain(r, 6) for r in range(a + 1, a + e + 2)]) for a, e in zip(A, E, strict=True)]
        close(metrics.METRICS[name](A, E, 6, "expected"), mean)


@check("eq-averages")
def check_averages() -> None:
    session, value = [7, 7, 7, 8], metrics.mrr(A, E, 6)
    found = metrics.summary({"above": A, "equal": E}, np.array(session), (6,)).loc[("MRR", 6)]
    assert found["micro"] == pytest.approx(sum(value) / 4)
    assert found["macro"] == pytest.approx((sum(value[:3]) / 3 + value[3]) / 2)


# --- sampled metrics
N, DRAWN, CUT = 10, 4, 3  # other items, negatives, cutoff
SUPPORTS = {"support_above": np.array([0, 9, 20, 44]), "support_equal": np.array([0, 5, 12, 0])}
COUNTS = Counts(A, E, N + 1, support=np.array([5, 6, 2, 1]), support_total=60, **SUPPORTS)


def hypergeometric(a: int, x: int) -> float:
    return math.comb(a, x) * math.comb(N - a, DRAWN - x) / math.comb(N, DRAWN)


def binomial(p: float, x: int) -> float:
    return math.comb(DRAWN, x) * p**x * (1 - p) ** (DRAWN - x)


def mean_gain(law: Callable[[int], float], metric: str = "MRR", power: int = 1) -> float:
    return sum(law(x) * GAINS[metric](x + 1, CUT) ** power for x in range(CUT))


@check("eq-hypergeometric")
def check_hypergeometric() -> None:
    expected = [[hypergeometric(a, x) for x in range(DRAWN + 1)] for a in A]
    close(count_laws.count_law(A, DRAWN, DRAWN + 1, pool=N), expected)


@check("eq-binomial")
def check_binomial() -> None:
    shares = np.array([0.0, 0.25, 0.9, 1.0])
    expected = [[binomial(p, x) for x in range(DRAWN + 1)] for p in shares]
    close(count_laws.count_law(shares, DRAWN, DRAWN + 1, pool=None), expected)


@check("eq-shares")
def check_shares() -> None:
    close(COUNTS.shares("uniform")[0], A / N)
    rest = 60 - np.array([5, 6, 2, 1])
    close(COUNTS.shares("popularity")[0], SUPPORTS["support_above"] / rest)
    close(COUNTS.shares("popularity")[1], SUPPORTS["support_equal"] / rest)


@check("eq-sampled")
def check_sampled() -> None:
    places, shares = A + E, np.add(*COUNTS.shares("popularity"))  # conservative
    for metric in GAINS:
        by_count = [mean_gain(lambda x, a=a: hypergeometric(a, x), metric) for a in places]
        by_share = [mean_gain(lambda x, p=p: binomial(p, x), metric) for p in shares]
        close(sampled.expectation(COUNTS, metric, n=DRAWN, k=CUT), by_count)
        close(sampled.expectation(COUNTS, metric, n=DRAWN, k=CUT, sampling="popularity"), by_share)


@check("eq-sampled-variance")
def check_sampled_variance() -> None:
    law = [lambda x, a=a: hypergeometric(a, x) for a in A + E]
    expected = [mean_gain(p, power=2) - mean_gain(p) ** 2 for p in law]
    close(sampled.moments(COUNTS, "MRR", n=DRAWN, k=CUT).variance, expected)


@check("eq-sampled-expected")
def check_sampled_expected() -> None:
    orders = [np.mean([mean_gain(lambda x, c=a + j: hypergeometric(c, x)) for j in range(e + 1)])
              for a, e in zip(A, E, strict=True)]  # fmt: skip
    close(sampled.expectation(COUNTS, "MRR", n=DRAWN, k=CUT, ties="expected"), orders)
    marks = [quad(lambda u, p=p, q=q: mean_gain(lambda x: binomial(p + u * q, x)), 0, 1)[0]
             for p, q in zip(*COUNTS.shares("popularity"), strict=True)]  # fmt: skip
    close(sampled.expectation(COUNTS, "MRR", n=DRAWN, k=CUT, ties="expected", sampling="popularity"), marks)


@check("eq-auc")
def check_auc() -> None:
    law = [[hypergeometric(a, x) for x in range(DRAWN + 1)] for a in A + E]
    expected = [sum(p * (1 - x / DRAWN) for x, p in enumerate(row)) for row in law]
    close(expected, 1 - (A + E) / N)
    close(sampled.expectation(COUNTS, "AUC", n=DRAWN, k=None), expected)


# --- estimators
FULL = np.array([GAINS["MRR"](r, CUT) for r in range(1, N + 2)])
LAW = np.array([[binomial((r - 1) / N, x) for x in range(DRAWN + 1)] for r in range(1, N + 2)])


@check("eq-unbiased-rank")
def check_unbiased_rank() -> None:
    expected = [GAINS["MRR"](1 + x * N / DRAWN, CUT) for x in range(DRAWN + 1)]
    close(corrected.unbiased_rank("MRR", n=DRAWN, k=CUT, n_items=N + 1), expected)
    sampled_metric = [GAINS["MRR"](x + 1, CUT) for x in range(DRAWN + 1)]
    close(corrected.naive("MRR", n=DRAWN, k=CUT), sampled_metric)


PRIOR = np.arange(11.0, 0, -1) / 66


def solution(gamma: float) -> np.ndarray:
    return corrected.bias_variance("MRR", n=DRAWN, k=CUT, n_items=N + 1, gamma=gamma, prior=PRIOR)


@check("eq-bias-variance-objective")
def check_bias_variance_objective() -> None:
    """No small change of the solution lowers what it is said to minimise."""

    def objective(v: np.ndarray, gamma: float) -> float:
        mean, square = LAW @ v, LAW @ v**2
        return PRIOR @ ((mean - FULL) ** 2 + gamma * (square - mean**2))

    for gamma in (0.1, 1.0):
        v = solution(gamma)
        for x, step in itertools.product(range(DRAWN + 1), (-1e-3, 1e-3)):
            assert objective(v, gamma) < objective(v + step * np.eye(DRAWN + 1)[x], gamma)


@check("eq-bias-variance")
def check_bias_variance() -> None:
    gamma, p = 0.1, np.diag(PRIOR)
    system = (1 - gamma) * LAW.T @ p @ LAW + gamma * np.diag(LAW.T @ PRIOR)
    close(system @ solution(gamma), LAW.T @ p @ FULL)


@check("eq-mapping-linear")
def check_mapping_linear() -> None:
    kappa = 1 + (CUT - 1) * DRAWN / N
    expected = [min(1, max(0, kappa - x)) for x in range(DRAWN + 1)]
    close(corrected.mapping_linear(n=DRAWN, k=CUT, n_items=N + 1), expected)


@check("eq-mapping-beta")
def check_mapping_beta() -> None:
    theta, v = 0.4, N + 1

    def beta(p: float, q: float) -> float:
        return math.gamma(p) * math.gamma(q) / math.gamma(p + q)

    def sampled_recall(j: int) -> float:
        terms = (math.comb(DRAWN, i) * beta(theta + i, DRAWN - i + 1) / beta(theta, 1) for i in range(j))
        return sum(terms)

    for k in range(1, v):
        wanted = (k / v) ** theta
        j = max(j for j in range(DRAWN + 2) if sampled_recall(j) <= wanted + 1e-12)
        kappa = j + (wanted - sampled_recall(j)) / (sampled_recall(j + 1) - sampled_recall(j))
        expected = [min(1, max(0, kappa - x)) for x in range(DRAWN + 1)]
        close(corrected.mapping_beta(n=DRAWN, k=k, n_items=v, shape=theta), expected)


@check("eq-rank-shape")
def check_rank_shape() -> None:
    assert corrected.rank_shape(0.8) == pytest.approx(0.2 / 0.8)
    theta = corrected.rank_shape(0.8)
    assert theta / (theta + 1) == pytest.approx(1 - 0.8)


@check("eq-quality")
def check_quality() -> None:
    v = solution(0.1)
    law = np.array([[binomial((a + e) / N, x) for x in range(DRAWN + 1)] for a, e in zip(A, E, strict=True)])
    mean, variance = law @ v, law @ v**2 - (law @ v) ** 2
    truth = np.mean([GAINS["MRR"](a + e + 1, CUT) for a, e in zip(A, E, strict=True)])
    found = corrected.quality(COUNTS, v, "MRR", k=CUT)
    close(found.bias, mean.mean() - truth)
    close(found.sd**2, variance.sum() / 16)
    close(found.rmse**2, (mean.mean() - truth) ** 2 + variance.sum() / 16)


# --- uncertainty
VALUES, SESSION = np.array([1.0, 0.0, 0.5, 1.0, 0.25, 0.0]), np.array([4, 4, 5, 6, 6, 6])
SUMS, SIZES = np.array([1.0, 0.5, 1.25]), np.array([2.0, 1.0, 3.0])


@check("eq-session-sums")
def check_session_sums() -> None:
    for average, sums, sizes in (("micro", SUMS, SIZES), ("macro", SUMS / SIZES, np.ones(3))):
        drawn = resampling.Resampling.of(SESSION, average=average)
        close(drawn._sums(VALUES)[:, 0], sums)
        close(drawn._weight, sizes)
        close(drawn.observed(VALUES), [sums.sum() / sizes.sum()])


@check("eq-bootstrap")
def check_bootstrap() -> None:
    """The frequency of every possible resampled mean is its multinomial probability."""
    law: dict[float, float] = {}
    for c in itertools.product(range(4), repeat=3):
        if sum(c) == 3:
            mean = round(float(c @ SUMS / (c @ SIZES)), 9)
            law[mean] = law.get(mean, 0) + multinomial.pmf(c, 3, [1 / 3] * 3)
    drawn = resampling.Resampling.of(SESSION, resamples=100_000).resampled(VALUES)[:, 0].round(9)
    values, times = np.unique(drawn, return_counts=True)
    assert set(values) == set(law)
    for value, share in zip(values, times / 100_000, strict=True):
        assert share == pytest.approx(law[value], abs=4 * math.sqrt(law[value] / 100_000))


@check("eq-percentile")
def check_percentile() -> None:
    fresh = np.random.default_rng(5)
    drawn = fresh.permutation(np.arange(101.0))
    assert resampling.percentile_interval(50, drawn, 0.9)[1:3] == pytest.approx((5, 95))
    resampled = resampling.Resampling.of(SESSION, resamples=500)
    found = resampled.interval(VALUES, level=0.9)
    means = resampled.resampled(VALUES)[:, 0]
    assert found[:3] == pytest.approx((VALUES.mean(), *np.quantile(means, (0.05, 0.95))))


@check("eq-seeds", "eq-seeds-widened")
def check_seeds() -> None:
    """With two seeds: Student's law of one degree of freedom has the quantile tan(π (q − 1/2))."""
    values, r = np.array([VALUES, VALUES**2 / 2]), 2
    resampled = resampling.Resampling.of(SESSION, resamples=400, seed=5)
    means = resampled.resampled(values)  # (400, 2)
    draws = np.random.default_rng(5).integers(r, size=(400, r))
    psi = math.sqrt(r / (r - 1)) * math.tan(math.pi * (0.95 - 0.5)) / NormalDist().inv_cdf(0.95)
    widened = [m.mean() + psi * (m[rho].mean() - m.mean()) for m, rho in zip(means, draws, strict=True)]
    found = resampled.over_seeds(values, level=0.9)
    assert found[1:3] == pytest.approx(tuple(np.quantile(widened, (0.05, 0.95))))
    single = resampled.over_seeds(VALUES[None], level=0.9)
    assert single[1:3] == pytest.approx(tuple(np.quantile(means[:, 0], (0.05, 0.95))))


@check("eq-permutation")
def check_permutation() -> None:
    difference = np.array([0.5, 0.25, -0.125, 1.0, 0.5])  # one prediction a session, exact in binary
    observed = abs(difference.sum())
    flips = [abs(np.dot(e, difference)) >= observed for e in itertools.product((-1, 1), repeat=5)]
    m = 20_000
    found = resampling.Resampling.of(np.arange(5), resamples=m).p_value(difference, np.zeros(5))
    p = np.mean(flips)
    assert found == pytest.approx((1 + m * p) / (1 + m), abs=4 * math.sqrt(p * (1 - p) / m))
    signs = session_draws.matrix("signs", 5, draws=m, seed=0)
    assert found == pytest.approx((1 + (np.abs(signs @ difference) >= observed).sum()) / (1 + m))


@check("eq-power-variance", "eq-power")
def check_power() -> None:
    """The variance is that of the ratio in resamples; a normal law asks for so many standard errors at 5 % and 80 %."""
    rng = np.random.default_rng(9)
    session = np.repeat(np.arange(900), rng.integers(1, 6, 900))
    a, b = rng.random((2, len(session))) < 0.3 + 0.1 * rng.random(900)[session]
    v = power.variance(a, b, session)
    drawn = resampling.Resampling.of(session, resamples=5000).resampled(a * 1.0 - b)
    assert v / 900 == pytest.approx(drawn.var(), rel=0.1)
    normal = NormalDist()
    expected = (normal.inv_cdf(0.975) + normal.inv_cdf(0.8)) ** 2 * v / 0.01**2
    assert power.sessions_needed(v, 0.01) == pytest.approx(expected)


@check("eq-holm")
def check_holm() -> None:
    p = [0.04, 0.001, 0.03, 0.5]
    ordered = sorted(p)
    adjusted = {q: min(1, max((4 - j) * ordered[j] for j in range(i + 1))) for i, q in enumerate(ordered)}
    close(comparisons.holm(p), [adjusted[q] for q in p])


@check("eq-kendall")
def check_kendall() -> None:
    a, b = np.array([1.0, 2, 3, 3]), np.array([2.0, 1, 3, 4])
    pairs = list(itertools.combinations(range(4), 2))
    u, v = ([float(np.sign(x[i] - x[j])) for i, j in pairs] for x in (a, b))
    expected = np.dot(u, v) / math.sqrt(sum(map(abs, u)) * sum(map(abs, v)))
    close(comparisons.kendall(a, b), expected)


# --- order
@check("eq-shuffle", "eq-jaccard")
def check_shuffle() -> None:
    generator = np.random.default_rng(8)
    rows = [((s + np.arange(generator.integers(3, 7))) % 12).tolist() for s in generator.integers(12, size=60)]
    train, k, times = sessions_of(rows, 12), 2, 3
    fitted = recommenders.create("markov").fit(train)

    def lists(sessions) -> list[list[int]]:
        last = Prefixes(sessions)
        scores = np.concatenate([block.copy() for block in fitted.score(last)])
        ends = np.cumsum(sessions.lengths - 1) - 1
        return [np.argsort(-row, kind="stable")[:k].tolist() for row in scores[ends]]

    shuffles = np.random.default_rng(0)
    after = [shuffle.shuffled(train, shuffles) for _ in range(times)]
    target = [row[-1] for row in rows]

    def recall(found: list[list[int]]) -> float:
        return np.mean([t in top for t, top in zip(target, found, strict=True)])

    before, shuffled = lists(train), [lists(s) for s in after]
    found = shuffle.shuffle_test(fitted, train, k=k, shuffles=times, ties="standard", resamples=100)
    assert found.loss.estimate == pytest.approx(1 - np.mean([recall(x) / recall(before) for x in shuffled]))
    overlaps = [len(set(p) & set(q)) / len(set(p) | set(q)) for x in shuffled for p, q in zip(before, x, strict=True)]
    assert found.jaccard.estimate == pytest.approx(np.mean(overlaps))


# --- the oracle
FIRST = synthetic_log.SyntheticConfig(law="first_order", n_items=7, strength=0.7, n_sessions=50)
LATENT = synthetic_log.SyntheticConfig(law="latent", n_items=7, strength=0.6, intents=3, memberships=2)


def conditional(config: synthetic_log.SyntheticConfig, prefix: list[int]) -> np.ndarray:
    """(V,) the function's P(next | prefix)."""
    test = sessions_of([[*prefix, 0]], config.n_items)
    fitted = oracle.Oracle(oracle.OracleConfig(generator=config)).fit(test)
    return np.concatenate(list(fitted.law(Prefixes(test))))[-1]


@check("eq-first-order")
def check_first_order() -> None:
    law, s = synthetic_log.law(FIRST), FIRST.strength
    close(conditional(FIRST, [4, 2]), (1 - s) * law.popularity + s * law.transitions.toarray()[2])


@check("eq-filter", "eq-latent")
def check_filter() -> None:
    law, s, phi = synthetic_log.law(LATENT), LATENT.strength, LATENT.persistence
    emissions = (1 - s) * law.popularity + s * law.emissions.toarray()
    belief = law.intents
    for item in [4, 2, 4]:
        belief = phi * belief * emissions[:, item] / (belief @ emissions[:, item]) + (1 - phi) * law.intents
    close(conditional(LATENT, [4, 2, 4]), belief @ emissions)


@check("eq-optimum")
def check_optimum() -> None:
    law, s, k = synthetic_log.law(FIRST), FIRST.strength, 3
    recall = mrr = 0.0
    for i in range(7):
        tops = sorted((1 - s) * law.popularity + s * law.transitions.toarray()[i], reverse=True)[:k]
        recall += law.popularity[i] * sum(tops)
        mrr += law.popularity[i] * sum(p / (r + 1) for r, p in enumerate(tops))
    assert oracle.optimum(FIRST, k=k) == pytest.approx({"recall": recall, "mrr": mrr})


def test_a_wrong_formula_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparisons, "holm", lambda p: np.minimum(np.asarray(p) * len(p), 1.0))  # Bonferroni
    with pytest.raises(AssertionError):
        CHECKS["eq-holm"].__wrapped__()
