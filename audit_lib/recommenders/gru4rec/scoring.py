"""Scores of a trained GRU4Rec: hidden states of whole test sessions, then products in tiles of a fixed shape.

A product's last bits depend on its shape. Tiles of TILE prefixes (of all of them, if they are fewer), counted from the
first prefix of the test part, have the same shape and content whatever the block size, so a score never depends on it
(nor does a tie).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from audit_lib.data.sessions import Prefixes, Sessions
from audit_lib.recommenders.gru4rec import flaws, model
from audit_lib.recommenders.gru4rec.config import TILE, GRU4RecConfig

_GROUP = 2048  # sessions that go through the network side by side


@torch.no_grad()
def advance(
    config: GRU4RecConfig, weights: Mapping[str, Tensor], items: np.ndarray, states: Sequence[Tensor]
) -> list[Tensor]:
    """The states of n sessions, (n, H) for each layer, after one more event each: items (n,) int64."""
    x = weights[model.input_name(config)][torch.from_numpy(items).to(weights["By"].device)]
    return model.hidden(config, weights, x, list(states), [None] * len(states))


@torch.no_grad()
def hidden_states(config: GRU4RecConfig, weights: Mapping[str, Tensor], sessions: Sessions) -> Iterator[Tensor]:
    """The last layer's state after every event that has a successor, (n, H) in order of session and step, in pieces.

    Sessions run side by side in groups, longest first, without dropout.
    """
    for start in range(0, sessions.n_sessions, _GROUP):
        offsets = sessions.offsets[start : start + _GROUP + 1]
        steps = np.maximum(np.diff(offsets) - 1, 0)  # the last event of a session is only a target
        place = np.concatenate([[0], np.cumsum(steps)])
        if place[-1] == 0:
            continue
        order = np.argsort(-steps, kind="stable")
        begin, at, sorted_steps = offsets[:-1][order], place[:-1][order], steps[order]
        device = weights["By"].device
        out = torch.empty(int(place[-1]), config.layers[-1], device=device)
        h = [torch.zeros(len(order), units, device=device) for units in config.layers]
        for t in range(int(sorted_steps[0])):
            n = int(np.searchsorted(-sorted_steps, -t))  # sessions of more than t steps
            h = advance(config, weights, sessions.items[begin[:n] + t], [state[:n] for state in h])
            out[torch.from_numpy(at[:n] + t).to(device)] = h[-1]
        yield out


@torch.no_grad()
def _tiles(states: Iterator[Tensor], weights: Mapping[str, Tensor], size: int) -> Iterator[np.ndarray]:
    """Scores in tiles of `size` prefixes (the last one short), (size, V) float32; a tile is reused by the next one."""
    output, bias = weights["Wy"], weights["By"]
    tile = torch.zeros(size, output.shape[1], device=output.device)
    scores = torch.empty(size, len(output), device=output.device)
    filled = 0
    for piece in states:
        taken = 0
        while taken < len(piece):
            n = min(size - filled, len(piece) - taken)
            tile[filled : filled + n] = piece[taken : taken + n]
            filled, taken = filled + n, taken + n
            if filled == size:
                torch.addmm(bias, tile, output.T, out=scores)
                yield scores.cpu().numpy()
                filled = 0
    if filled:
        tile[filled:] = 0
        yield torch.addmm(bias, tile, output.T, out=scores)[:filled].cpu().numpy()


def _wanted(states: Iterator[Tensor], prefixes: Prefixes) -> Iterator[Tensor]:
    """Of the states after every event that has a successor, those of `prefixes` (all, unless it is restricted)."""
    if prefixes.only is None:
        yield from states
        return
    every = Prefixes(prefixes.sessions).position
    keep, at = torch.from_numpy(prefixes.only[every]), 0
    for piece in states:
        yield piece[keep[at : at + len(piece)].to(piece.device)]
        at += len(piece)


def blocks(
    config: GRU4RecConfig, weights: Mapping[str, Tensor], prefixes: Prefixes, block_size: int
) -> Iterator[np.ndarray]:
    """Blocks of (<= block_size, V) float32 scores in the order of `prefixes`; a block may be reused."""
    if not len(prefixes):
        return
    walk = flaws.carried_states if config.flaw == "evaluate_without_reset" else hidden_states
    states = _wanted(walk(config, weights, prefixes.sessions), prefixes)
    tiles = _tiles(states, weights, min(TILE, len(prefixes)))
    yield from in_blocks(tiles, (min(block_size, len(prefixes)), len(weights["By"])))


def in_blocks(tiles: Iterable[np.ndarray], shape: tuple[int, int]) -> Iterator[np.ndarray]:
    """The rows of tiles (n, V) in blocks of `shape`, (b, V) float32, the last one short; a block may be reused."""
    block, filled = np.empty(shape, np.float32), 0
    for tile in tiles:
        while len(tile):
            n = min(len(block) - filled, len(tile))
            block[filled : filled + n] = tile[:n]
            filled, tile = filled + n, tile[n:]
            if filled == len(block):
                yield block
                filled = 0
    if filled:
        yield block[:filled]
