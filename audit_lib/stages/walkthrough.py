"""One session from click to rank, with every value on the way: what the page "The pipeline explained" shows.

Nothing is computed here a second time. The readable engine takes the steps, torch differentiates its own forward pass,
the fast engine's kernel gives up its gates, and ranks and metrics come from where every other page has them.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.data.splits import Split
from audit_lib.errors import InputError
from audit_lib.evaluation import metrics, ranking, sampled
from audit_lib.evaluation.counts import Counts
from audit_lib.evaluation.ranking import Ranks
from audit_lib.recommenders.base import Recommender
from audit_lib.recommenders.gru4rec import kernels, losses, model
from audit_lib.recommenders.gru4rec.batches import Schedule
from audit_lib.recommenders.gru4rec.config import GRU4RecConfig
from audit_lib.recommenders.gru4rec.reference import Reference
from audit_lib.show.table import Label, Table
from audit_lib.show.words import TIE_POLICIES


@dataclass(frozen=True)
class Followed:
    """train: a session of train, in `lane` of the first mini-batches. test: a session of test with the same pair.

    At step `step` of training the lane reads `item` and is asked for `target`, events step and step + 1 of the session
    (from 0); in the test session the pair stands at events test_step - 1 and test_step.
    """

    train: int
    lane: int
    step: int
    item: int
    target: int
    test: int
    test_step: int


def follow(split: Split, plan: Schedule, *, events: int = 3) -> Followed:
    """The earliest pair, not the first of its session, in a lane's first session that a test session has as well.

    Both sessions have at least `events` events. Raises InputError if there is no such pair.
    """
    train, test = split.train, split.test
    first = np.flatnonzero(train.lengths > 1)[: plan.n_lanes]  # the sessions that start in the lanes
    last = int(train.lengths[first].max()) - 1
    for step, (lane, session) in itertools.product(range(1, last), enumerate(first)):
        if train.lengths[session] < max(events, step + 2):
            continue
        item, target = train.items[train.offsets[session] + step :][:2]
        pairs = np.flatnonzero((test.items[:-1] == item) & (test.items[1:] == target))
        pairs = pairs[test.session[pairs] == test.session[pairs + 1]]
        for at in pairs[test.lengths[test.session[pairs]] >= events]:
            found = int(test.session[at])
            place = int(at + 1 - test.offsets[found])
            return Followed(int(session), lane, step, int(item), int(target), found, place)
    raise InputError(
        f"No pair of the first {plan.n_lanes} train sessions occurs in a test session of {events} events. "
        "Take more lanes, or a data set with more order."
    )


@dataclass(frozen=True)
class Step:
    """One training step, by lane and column; numpy arrays of float32.

    columns: (C,) items scored, the b targets first. x, before, reset, update, candidate, after: (b, H), embedded input,
    state before, gates, candidate and state after. scores, share, gradient: (b, C), o, softmax of the (corrected)
    scores, and dL/do. losses: (b,). row: {name: (H,)} of one row of Wy: its gradient, accumulator and weight before and
    after.
    """

    columns: np.ndarray
    x: np.ndarray
    before: np.ndarray
    reset: np.ndarray
    update: np.ndarray
    candidate: np.ndarray
    after: np.ndarray
    scores: np.ndarray
    share: np.ndarray
    gradient: np.ndarray
    losses: np.ndarray
    row: dict[str, np.ndarray]


def take_step(
    config: GRU4RecConfig, weights: Mapping[str, np.ndarray], plan: Schedule, support: np.ndarray, *, t: int, row: int
) -> Step:
    """Trains the readable engine on the steps before t, then on t, and keeps all values of that one.

    For one layer, shared embedding, cross-entropy and no dropout; t before the batch first shrinks. row: an item.
    Raises InputError for other settings.
    """
    dropped = config.dropout_p_embed + config.dropout_p_hidden
    shown = (len(config.layers), config.input, config.loss, config.cell, dropped)
    if shown != (1, "shared", "cross-entropy", "pytorch", 0) or plan.active[t] < plan.n_lanes:
        raise InputError(
            "A step is shown for one layer, shared embedding, cross-entropy, no dropout, all lanes in use."
        )
    engine = Reference(config, dict(weights), plan, support)
    engine.run(0, t)
    start, reset = engine.arrays(), torch.from_numpy(plan.reset[t])
    before = engine.h[0].masked_fill(reset[:, None], 0)
    lane_losses = engine.step(t).detach()
    end = engine.arrays()

    negatives = engine.negatives(t) if config.n_sample else np.empty(0, np.int64)
    columns = np.concatenate([plan.targets[t].astype(np.int64), negatives])
    held = {name: torch.tensor(start[name]).requires_grad_() for name in model.shapes(config, len(support))}
    x = held["Wy"][torch.from_numpy(plan.inputs[t].astype(np.int64))]
    (after,) = model.hidden(config, held, x, [before], [None])
    scores = after @ held["Wy"][columns].T + held["By"][columns]  # (b, C)
    weight = losses.column_weights(config, support)
    correction = -np.log(np.concatenate([weight.in_batch[columns[: plan.n_lanes]], weight.sampled[negatives]]))
    loss = losses.cross_entropy(scores, correction=torch.from_numpy(correction)).sum() / plan.n_lanes
    gradient, rows = torch.autograd.grad(loss, [scores, held["Wy"]])
    reset_gate, update, candidate = _gates(held, x.detach(), before)
    share = torch.softmax(scores.detach() - torch.from_numpy(correction), 1)
    kept = {f"{name}_{when}": arrays[key][row] for when, arrays in (("before", start), ("after", end))
            for name, key in (("accumulator", "acc.Wy"), ("weight", "Wy"))}  # fmt: skip
    tensors = (x, before, reset_gate, update, candidate, after, scores, share, gradient, lane_losses)
    return Step(columns, *(t.detach().numpy() for t in tensors), row={"gradient": rows[row].numpy(), **kept})


def _gates(weights: Mapping[str, torch.Tensor], x: torch.Tensor, h: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """r, z and n, (b, H) each: what the fast engine's kernel leaves behind."""
    w = {name: value.detach() for name, value in weights.items()}
    gi, gh = (x @ w["W_ih0"].T).numpy(), (h @ w["W_hh0"].T).numpy()
    units = h.shape[1]
    none, out = np.zeros((0, units), np.float32), np.zeros(tuple(h.shape), np.float32)
    kernels.gates(gi, gh, w["b_ih0"].numpy(), w["b_hh0"].numpy(), h.numpy(), none, out)
    return tuple(torch.from_numpy(part.copy()) for part in np.split(gi, 3, axis=1))


# --- what readers see
def events_table(sessions: Sessions, session: int, lang: str) -> Table:
    """The events of a session: their number, item and seconds since the first."""
    at = slice(sessions.offsets[session], sessions.offsets[session + 1])
    times = sessions.times[at] - sessions.times[at][0]
    numbers = np.arange(1, len(times) + 1)
    shown = {"Event": numbers, "Item": sessions.items[at], "Seconds since the first": times.astype(int)}
    return Table(pd.DataFrame(shown), lang=lang)


def by_unit_table(rows: Mapping[str, np.ndarray], lang: str) -> Table:
    """A row a quantity, a column a unit. rows: (H,) values by English name."""
    units = [str(u + 1) for u in range(len(next(iter(rows.values()))))]
    names = pd.DataFrame({"Unit": [Label(name) for name in rows]})
    shown = names.join(pd.DataFrame(np.stack(list(rows.values())).astype(float), columns=units))
    return Table(shown, lang=lang, formats=dict.fromkeys(units, "z.3f"))


def unit_rows(step: Step, lane: int) -> dict[str, np.ndarray]:
    """What a lane holds in one step, in the order in which it is computed."""
    return {
        "Embedded input": step.x[lane],
        "State before": step.before[lane],
        "Reset gate": step.reset[lane],
        "Update gate": step.update[lane],
        "Candidate": step.candidate[lane],
        "State after": step.after[lane],
    }


def adagrad_table(step: Step, lang: str) -> Table:
    """What Adagrad does to the watched row, a row a unit."""
    row = {name: values.astype(float) for name, values in step.row.items()}
    shown = pd.DataFrame({
        "Unit": np.arange(1, len(row["gradient"]) + 1),
        "Gradient": row["gradient"],
        "Accumulator before": row["accumulator_before"],
        "Accumulator after": row["accumulator_after"],
        "Weight before": row["weight_before"],
        "Step": row["weight_after"] - row["weight_before"],
        "Weight after": row["weight_after"],
    })  # fmt: skip
    return Table(shown, lang=lang, formats=dict.fromkeys(shown.columns[1:], "z.4f"))


def columns_table(step: Step, lane: int, lang: str) -> Table:
    """The columns of a step as one lane sees them: item, what it is to the lane, score, share and gradient."""
    lanes = len(step.losses)
    kinds = [Label("Target of another lane")] * lanes
    kinds[lane] = Label("Its own target")
    kinds += [Label("Drawn negative")] * (len(step.columns) - lanes)
    return Table({
        "Item": step.columns,
        "What it is": kinds,
        "Score": step.scores[lane].astype(float),
        "Softmax": step.share[lane].astype(float),
        "Gradient": step.gradient[lane].astype(float),
    }, lang=lang, formats=dict.fromkeys(("Score", "Softmax", "Gradient"), "z.4f"))  # fmt: skip


def scored(recommender: Recommender, split: Split, followed: Followed) -> np.ndarray:
    """(V,) scores of the catalogue for the followed prefix of test."""
    blocks = recommender.score(Prefixes(split.test, _only(split, followed)))
    return np.concatenate([block.copy() for block in blocks])[0]


def ranked(recommender: Recommender, split: Split, followed: Followed | None = None) -> Ranks:
    """The ranks of all targets of test, or of the followed one alone."""
    only = None if followed is None else _only(split, followed)
    return ranking.rank(recommender, Prefixes(split.test, only), split.train.support)


def _only(split: Split, followed: Followed) -> np.ndarray:
    only = np.zeros(split.test.n_events, bool)
    only[split.test.offsets[followed.test] + followed.test_step] = True
    return only


def first_tie(ranks: Ranks, *, k: int) -> int:
    """Position of the first target whose hit at k depends on the tie policy; of the first tied one if none does.

    Raises InputError if nothing is tied.
    """
    tied = ranks.equal > 0
    decided = tied & (ranks.above < k) & (ranks.above + ranks.equal >= k)
    if not tied.any():
        raise InputError("No target of test ties with another item. Take a recommender that counts, or a smaller log.")
    return int(np.flatnonzero(decided if decided.any() else tied)[0])


def alone(ranks: Ranks, position: int) -> Ranks:
    """The ranks of one target."""
    at = slice(position, position + 1)
    return Ranks(ranks.above[at], ranks.equal[at], ranks.support_above[at], ranks.support_equal[at])


def policies_table(ranks: Mapping[str, Ranks], lang: str, *, k: int) -> Table:
    """Metrics under every tie policy, by recommender (as readers call it): of one target and its rank, or the means."""
    rows = []
    for name, found in ranks.items():
        for ties, label in TIE_POLICIES.items():
            row: dict[str, Any] = {"Recommender": name, "Tie policy": Label(label)}
            if len(found.above) == 1:
                rank = None if ties == "expected" else metrics.rank(found.above, found.equal, ties)[0]
                row["Rank"] = "–" if rank is None else f"{rank:g}"
            values = metrics.per_prediction({"above": found.above, "equal": found.equal}, (k,), ties=ties)
            rows.append(row | values.mean().to_dict())
    return Table(pd.DataFrame(rows), lang=lang)


def counted_table(ranks: Mapping[str, Ranks], lang: str) -> Table:
    """Items above and equal to one target, by recommender (as readers call it)."""
    shown = pd.DataFrame(
        {"Recommender": name, "Items above": int(found.above[0]), "Items equal": int(found.equal[0])}
        for name, found in ranks.items()
    )
    return Table(shown, lang=lang)


def sampled_table(
    ranks: Ranks, split: Split, lang: str, *, n: int, k: int, targets: Sequence[int] | None = None
) -> Table:
    """What n sampled negatives report on average, beside the whole catalogue: Recall and MRR at k, mean over targets.

    targets: positions among the targets of test; all by default.
    """
    at = slice(None) if targets is None else list(targets)
    support, prefixes = split.train.support, Prefixes(split.test)
    counts = Counts(
        ranks.above[at], ranks.equal[at], split.train.n_items, ranks.support_above[at], ranks.support_equal[at],
        support[prefixes.target][at], int(support.sum()),
    )  # fmt: skip
    ways = {
        "Whole catalogue": (counts.pool, "uniform"),
        "Uniform, without replacement": (n, "uniform"),
        "Uniform, with replacement": (n, "uniform-replacement"),
        "By popularity, with replacement": (n, "popularity"),
    }
    rows = []
    for label, (size, sampling) in ways.items():
        row: dict[str, Any] = {"Negatives drawn": Label(label)}
        for metric in ("Recall", "MRR"):
            row[f"{metric}@{k}"] = sampled.expectation(counts, metric, n=size, k=k, sampling=sampling).mean()
        rows.append(row)
    return Table(pd.DataFrame(rows), lang=lang)


def position(split: Split, followed: Followed) -> int:
    """The position of the followed target among all targets of test."""
    event = split.test.offsets[followed.test] + followed.test_step
    return int(np.flatnonzero(Prefixes(split.test).position == event)[0])
