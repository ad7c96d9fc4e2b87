"""GRU4Rec's weights and forward pass, in plain torch: the readable form, and the oracle of the faster engines.

Weights by name (float32; V items, H_l units of layer l, D input width; gates in the order r, z, n):

| name | shape | what |
|---|---|---|
| `Wy`, `By` | (V, H_last), (V,) | output matrix and bias; with shared input, `Wy` also embeds the input |
| `E` | (V, D) | separate input embedding |
| `W_ih{l}`, `W_hh{l}` | (3 H_l, D_l), (3 H_l, H_l) | torch's GRUCell layout |
| `W_ih0` with one-hot input | (V, 3 H_0) | one row an item: its contribution to the three gates |
| `b_ih{l}`, `b_hh{l}` | (3 H_l,) | biases; the paper's cell has only `b_ih{l}`, since the two would add up |
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from audit_lib.errors import InputError
from audit_lib.recommenders.gru4rec.config import GRU4RecConfig


def shapes(config: GRU4RecConfig, n_items: int) -> dict[str, tuple[int, ...]]:
    """The shape of every weight, by name."""
    found: dict[str, tuple[int, ...]] = {"Wy": (n_items, config.layers[-1]), "By": (n_items,)}
    if config.input == "separate":
        found["E"] = (n_items, config.input_size)
    below = config.input_size
    for l, units in enumerate(config.layers):
        onehot = l == 0 and config.input == "onehot"
        found[f"W_ih{l}"] = (n_items, 3 * units) if onehot else (3 * units, below)
        found[f"W_hh{l}"] = (3 * units, units)
        found[f"b_ih{l}"] = (3 * units,)
        if config.cell == "pytorch":
            found[f"b_hh{l}"] = (3 * units,)
        below = units
    return found


def initial_weights(config: GRU4RecConfig, n_items: int) -> dict[str, np.ndarray]:
    """Uniform in +-sqrt(6 / (rows + columns)), each gate of a GRU matrix as a matrix of its own; biases zero."""
    rng = np.random.default_rng(config.seed)
    weights = {}
    for name, shape in shapes(config, n_items).items():
        if len(shape) == 1:
            weights[name] = np.zeros(shape, np.float32)
            continue
        size = sum(shape)
        if name.startswith("W_"):  # three gates are stacked along one side
            size -= 2 * (shape[1] if name == "W_ih0" and config.input == "onehot" else shape[0]) // 3
        bound = np.float32(np.sqrt(6 / size))
        weights[name] = rng.random(shape, np.float32)
        weights[name] -= np.float32(0.5)
        weights[name] *= 2 * bound
    return weights


def check_weights(weights: Mapping[str, np.ndarray], config: GRU4RecConfig, n_items: int) -> dict[str, np.ndarray]:
    """The weights as contiguous float32, not copied if they are.

    Raises InputError unless names and shapes are those of `shapes`.
    """
    expected = shapes(config, n_items)
    given = {name: tuple(np.shape(w)) for name, w in weights.items()}
    if given != expected:
        wrong = [f"{n}: {given.get(n, 'missing')} instead of {expected.get(n, 'nothing')}"
                 for n in sorted(given.keys() | expected.keys()) if given.get(n) != expected.get(n)]  # fmt: skip
        raise InputError(f"GRU4Rec weights do not fit the configuration: {'; '.join(wrong)}.")
    return {name: np.ascontiguousarray(weights[name], np.float32) for name in expected}


def cell_pytorch(gi: Tensor, h: Tensor, w_hh: Tensor, b_hh: Tensor) -> Tensor:
    """torch's GRUCell from the projected input: the reset gate acts after the product.

    gi: (b, 3H). h: (b, H). Returns (b, H).
    """
    i_r, i_z, i_n = gi.chunk(3, 1)
    h_r, h_z, h_n = (h @ w_hh.T + b_hh).chunk(3, 1)
    r, z = torch.sigmoid(i_r + h_r), torch.sigmoid(i_z + h_z)
    n = torch.tanh(i_n + r * h_n)
    return (1 - z) * n + z * h


def cell_paper(gi: Tensor, h: Tensor, w_hh: Tensor) -> Tensor:
    """The paper's cell (Hidasi et al. 2016, eq. 2-5): the reset gate acts on h before the product.

    Gates keep torch's convention, in which z weighs the old state: the paper's z is 1 - z.
    """
    units = h.shape[1]
    i_r, i_z, i_n = gi.chunk(3, 1)
    h_r, h_z = (h @ w_hh[: 2 * units].T).chunk(2, 1)
    r, z = torch.sigmoid(i_r + h_r), torch.sigmoid(i_z + h_z)
    n = torch.tanh(i_n + (r * h) @ w_hh[2 * units :].T)
    return (1 - z) * n + z * h


def hidden(
    config: GRU4RecConfig, weights: Mapping[str, Tensor], x: Tensor, h: list[Tensor], masks: list[Tensor | None]
) -> list[Tensor]:
    """The new hidden state of every layer, [(b, H_l)].

    x: (b, D) embedded input, or with one-hot input the gathered rows of `W_ih0`, (b, 3 H_0). h: the states before.
    masks: of each layer's output ((b, H_l) or None); the dropped output is also what the next step sees.
    """
    states = []
    for l, before in enumerate(h):
        onehot = l == 0 and config.input == "onehot"
        gi = (x if onehot else x @ weights[f"W_ih{l}"].T) + weights[f"b_ih{l}"]  # (b, 3H)
        if config.cell == "pytorch":
            out = cell_pytorch(gi, before, weights[f"W_hh{l}"], weights[f"b_hh{l}"])
        else:
            out = cell_paper(gi, before, weights[f"W_hh{l}"])
        mask = masks[l]
        x = out if mask is None else out * mask
        states.append(x)
    return states


def input_name(config: GRU4RecConfig) -> str:
    """The weight whose rows embed the input items."""
    return {"shared": "Wy", "separate": "E", "onehot": "W_ih0"}[config.input]
