"""The official network seen from outside: its weights by our names, its hidden states and scores for given prefixes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from audit_lib.data.sessions import Prefixes

TILE = 128  # rows of a score product: fixed, so that a score never depends on the block it is returned in
LANES = 512  # sessions whose hidden states are computed side by side: fixed for the same reason
CELL = {"W_ih": "weight_ih", "W_hh": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh"}  # our name, torch's


def read_weights(model: Any, code: np.ndarray) -> dict[str, np.ndarray]:
    """Copies of an official network's weights, named and laid out as `model.shapes` says, items in catalogue order.

    code: (V,) official index by catalogue index. In the official one-hot layer the update gate weighs the new state; in
    torch's cell, and in ours, the old one: that gate's weights change sign, which leaves the function the same.
    """
    given = {"Wy": model.Wy.weight, "By": model.By.weight[:, 0]}
    if hasattr(model, "E"):
        given["E"] = model.E.weight
    if hasattr(model, "GE"):
        n, r, z = model.GE.Wx0.weight.chunk(3, 1)  # (V, H) each
        b_n, b_r, b_z = model.GE.Bh0.chunk(3)
        h_r, h_z = model.GE.Wrz0.T.chunk(2, 0)  # (H, H) each
        given |= {"W_ih0": torch.cat([r, -z, n], 1), "b_ih0": torch.cat([b_r, -b_z, b_n])}
        given["W_hh0"] = torch.cat([h_r, -h_z, model.GE.Wh0.T])
    for i, cell in enumerate(model.G, start=model.start):
        given |= {f"{ours}{i}": getattr(cell, theirs) for ours, theirs in CELL.items()}
    arrays = {key: tensor.detach().cpu().numpy().copy() for key, tensor in given.items()}
    return {key: array[code] if key in _item_rows(model) else array for key, array in arrays.items()}


@torch.no_grad()
def write_weights(model: Any, weights: Mapping[str, np.ndarray], order: np.ndarray | None = None) -> None:
    """Puts weights, as `read_weights` gives them, into an official network.

    order: (V,) catalogue index by official index; by default the same. Weights are checked by the caller.
    """
    rows = _item_rows(model) if order is not None else ()
    device = model.Wy.weight.device
    given = {key: torch.tensor(w[order] if key in rows else w, device=device) for key, w in weights.items()}
    model.Wy.weight.copy_(given["Wy"])
    model.By.weight.copy_(given["By"][:, None])
    if hasattr(model, "E"):
        model.E.weight.copy_(given["E"])
    if hasattr(model, "GE"):
        r, z, n = given["W_ih0"].chunk(3, 1)
        b_r, b_z, b_n = given["b_ih0"].chunk(3)
        h_r, h_z, h_n = given["W_hh0"].chunk(3, 0)
        model.GE.Wx0.weight.copy_(torch.cat([n, r, -z], 1))
        model.GE.Bh0.copy_(torch.cat([b_n, b_r, -b_z]))
        model.GE.Wrz0.copy_(torch.cat([h_r, -h_z]).T)
        model.GE.Wh0.copy_(h_n.T)
    for i, cell in enumerate(model.G, start=model.start):
        for ours, theirs in CELL.items():
            getattr(cell, theirs).copy_(given[f"{ours}{i}"])


def _item_rows(model: Any) -> tuple[str, ...]:
    """Names of the weights with a row for every item."""
    return ("Wy", "By", "E", "W_ih0") if hasattr(model, "GE") else ("Wy", "By", "E")


@torch.no_grad()
def hidden_states(model: Any, prefixes: Prefixes, device: str) -> Tensor:
    """The last layer's hidden state after each prefix: (P, H), padded with zero rows to whole tiles.

    Sessions go through the official network LANES at a time, longest first; a lane that is done idles.
    """
    sessions = prefixes.sessions
    hidden = torch.zeros((sessions.n_events - sessions.n_sessions, model.layers[-1]), device=device)
    first_row = sessions.offsets[:-1] - np.arange(sessions.n_sessions)  # of each session's first prefix
    by_length = np.argsort(-sessions.lengths, kind="stable")
    nothing = torch.zeros(1, dtype=torch.int64, device=device)  # spares the scores of a step, which are not needed here
    for start in range(0, sessions.n_sessions, LANES):
        lanes = by_length[start : start + LANES]
        state = [torch.zeros((LANES, size), device=device) for size in model.layers]
        items = np.zeros(LANES, np.int64)
        for step in range(int(sessions.lengths[lanes].max()) - 1):
            n = int((sessions.lengths[lanes] - 1 > step).sum())  # lanes still running are the first n
            items[:n] = sessions.items[sessions.offsets[lanes[:n]] + step]
            model.forward(torch.tensor(items, device=device), state, nothing, training=False)
            hidden[torch.as_tensor(first_row[lanes[:n]] + step, device=device)] = state[-1][:n]
    if prefixes.only is not None:
        hidden = hidden[torch.from_numpy(prefixes.only[Prefixes(sessions).position]).to(device)]
    return torch.nn.functional.pad(hidden, (0, 0, 0, -len(hidden) % TILE))


@torch.no_grad()
def item_scores(model: Any, hidden: Tensor) -> np.ndarray:
    """Scores of one tile over the whole catalogue: (TILE, H) -> (TILE, V)."""
    return model.score_items(hidden, model.Wy.weight, model.By.weight).cpu().numpy()
