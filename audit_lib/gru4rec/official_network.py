"""The official network seen from outside: its weights by our names, its hidden states and scores for given prefixes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from audit_lib.errors import InputError
from audit_lib.sessions import Prefixes

TILE = 128  # rows of a score product: fixed, so that a score never depends on the block it is returned in
LANES = 512  # sessions whose hidden states are computed side by side: fixed for the same reason
BY_ITEM = ("Wy", "By", "E", "GE_Wx0")  # weights with a row for every item


def tensors(model: Any) -> dict[str, Tensor]:
    """The weights of an official network by our names."""
    named = {"Wy": model.Wy.weight, "By": model.By.weight}
    if hasattr(model, "E"):
        named["E"] = model.E.weight
    if hasattr(model, "GE"):
        cell = model.GE
        named |= {"GE_Wx0": cell.Wx0.weight, "GE_Wrz0": cell.Wrz0, "GE_Wh0": cell.Wh0, "GE_Bh0": cell.Bh0}
    for i, cell in enumerate(model.G, start=model.start):
        named |= {f"W_ih{i}": cell.weight_ih, f"W_hh{i}": cell.weight_hh}
        named |= {f"b_ih{i}": cell.bias_ih, f"b_hh{i}": cell.bias_hh}
    return named


def read_weights(model: Any, code: np.ndarray) -> dict[str, np.ndarray]:
    """Copies of the weights, rows of items in catalogue order. code: (V,) official index by catalogue index."""
    arrays = {key: tensor.detach().cpu().numpy().copy() for key, tensor in tensors(model).items()}
    return {key: array[code] if key in BY_ITEM else array for key, array in arrays.items()}


@torch.no_grad()
def write_weights(model: Any, weights: dict[str, np.ndarray], order: np.ndarray | None = None) -> None:
    """Puts weights into an official network. order: (V,) catalogue index by official index (default: the same)."""
    named = tensors(model)
    if weights.keys() != named.keys():
        raise InputError(f"gru4rec_official: weights are named {sorted(weights)}, expected {sorted(named)}.")
    for key, tensor in named.items():
        array = weights[key] if order is None or key not in BY_ITEM else weights[key][order]
        if array.shape != tuple(tensor.shape):
            raise InputError(f"gru4rec_official: weight {key} has shape {array.shape}, expected {tuple(tensor.shape)}.")
        tensor.copy_(torch.tensor(array))


@torch.no_grad()
def hidden_states(model: Any, prefixes: Prefixes, device: str) -> Tensor:
    """The last layer's hidden state after each prefix: (P, H), padded with zero rows to whole tiles.

    Sessions go through the official network LANES at a time, longest first; a lane that is done idles.
    """
    sessions = prefixes.sessions
    hidden = torch.zeros((-(-len(prefixes) // TILE) * TILE, model.layers[-1]), device=device)
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
    return hidden


@torch.no_grad()
def item_scores(model: Any, hidden: Tensor) -> np.ndarray:
    """Scores of one tile over the whole catalogue: (TILE, H) -> (TILE, V)."""
    return model.score_items(hidden, model.Wy.weight, model.By.weight).cpu().numpy()
