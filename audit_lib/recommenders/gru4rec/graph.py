"""The CUDA engine: static shapes, no host synchronisation inside a step, the full-batch step captured in a CUDA graph.

The host prepares many steps ahead (`kernels.columns`: every item of a step once, with its weight), so nothing on the
device has to be sorted, coalesced or drawn, and every update is deterministic. Rows are padded to a fixed number with
item V, a scratch row of weight zero. The few steps of a shrunken batch at the end of an epoch run the same function
uncaptured. On CPU tensors the very same step runs without a graph: that is how it is tested where there is no GPU.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from audit_lib.recommenders.gru4rec import kernels, losses, model, random_draws
from audit_lib.recommenders.gru4rec.batches import Schedule
from audit_lib.recommenders.gru4rec.config import PAIRWISE, GRU4RecConfig
from audit_lib.recommenders.gru4rec.optimizer import EPSILON
from audit_lib.recommenders.gru4rec.reference import Negatives


class Graph:
    """The engine of `device='cuda'`; the interface of `reference.Reference`, the same draws, losses within rounding."""

    def __init__(
        self,
        config: GRU4RecConfig,
        weights: Mapping[str, np.ndarray],
        schedule: Schedule,
        support: np.ndarray,
        *,
        negatives: Negatives | None = None,
        capture: bool = True,
    ):
        self.capture = capture and config.device == "cuda"
        self.config, self.schedule = config, schedule
        self.negatives = negatives or random_draws.sampler(support, config.sample_alpha, config.seed, config.n_sample)
        self.device = torch.device(config.device)
        self.input = model.input_name(config)
        self.tables = {"Wy", "By", self.input}
        self.n_items = len(support)
        self.weights = {name: self._device(w, padded=name in self.tables) for name, w in weights.items()}
        kinds = ("acc", "vel") if config.momentum else ("acc",)
        self.state = {f"{kind}.{n}": torch.zeros_like(w) for kind in kinds for n, w in self.weights.items()}
        self.columns = losses.column_weights(config, support)
        self.keys = [random_draws.key(config.seed, p) for p in range(random_draws.HIDDEN + len(config.layers))]
        self.mark, self.input_mark = (np.full(self.n_items, -1, np.int64) for _ in range(2))
        self.base = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.h = [torch.zeros(schedule.n_lanes, units, device=self.device) for units in config.layers]
        self.start_epoch(0)

    def _device(self, w: np.ndarray, *, padded: bool) -> Tensor:
        w = np.concatenate([w, np.zeros_like(w[:1])]) if padded else w  # the scratch row
        return torch.tensor(w, device=self.device)

    def start_epoch(self, epoch: int) -> None:
        """Zero hidden states; steps are counted on from epoch * T."""
        self.offset = epoch * self.schedule.n_steps
        for h in self.h:
            h.zero_()

    # The host's part: what a step needs, in two arrays a chunk.

    def _layout(self, b: int) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
        """Names and shapes of what a step of b lanes is given: integers, and floats."""
        c = self.config
        rows = b + c.n_sample + (b if self.input == "Wy" else 0)
        whole: dict[str, tuple[int, ...]] = {
            "rows": (rows,), "bias_rows": (rows,), "input_rows": (b,), "slot": (b,), "input_slot": (b,)
        }  # fmt: skip
        real: dict[str, tuple[int, ...]] = {"weight": (rows,), "correction": (b,), "go_on": (b, 1)}
        if c.dropout_p_embed:
            real["embed_mask"] = (b, c.input_size)
        if c.dropout_p_hidden:
            real |= {f"mask{l}": (b, units) for l, units in enumerate(c.layers)}
        return whole, real

    def _views(self, whole: Tensor, real: Tensor, b: int) -> dict[str, Tensor]:
        """The named parts of one step's two flat arrays."""
        parts = {}
        for flat, layout in zip((whole, real), self._layout(b), strict=True):
            at = 0
            for name, shape in layout.items():
                parts[name] = flat[at : at + int(np.prod(shape))].view(shape)
                at += int(np.prod(shape))
        return parts

    def _prepare(self, t: int, b: int, whole: Tensor, real: Tensor) -> None:
        """Fills one step's arrays, on the host."""
        c, s, step = self.config, self.schedule, self.offset + t
        v = {name: part.numpy() for name, part in self._views(whole, real, b).items()}
        inputs, targets = s.inputs[t, :b], s.targets[t, :b]
        shared = self.input == "Wy"
        v["rows"][:] = v["bias_rows"][:] = v["input_rows"][:] = self.n_items
        n, r = kernels.columns(
            self.base, targets, self.negatives(step), s.n_lanes - b if c.tail == "official" else 0,
            inputs if shared else inputs[:0],
            self.columns.in_batch, self.columns.sampled, self.mark, v["rows"], v["weight"], v["slot"], v["input_slot"],
        )  # fmt: skip
        v["rows"][r:] = self.n_items
        v["bias_rows"][:n] = v["rows"][:n]  # an input that is no column leaves its bias alone
        if not shared:
            kernels.distinct(self.base, inputs, self.input_mark, v["input_rows"], v["input_slot"])
        self.base += len(v["rows"]) + b
        v["correction"][:] = self.columns.correction[targets]
        v["go_on"][:, 0] = ~s.reset[t, :b]
        if c.dropout_p_embed:
            random_draws.fill_mask(self.keys[random_draws.EMBED], step, s.n_lanes, c.dropout_p_embed, v["embed_mask"])
        for l in range(len(c.layers) if c.dropout_p_hidden else 0):
            key = self.keys[random_draws.HIDDEN + l]
            random_draws.fill_mask(key, step, s.n_lanes, c.dropout_p_hidden, v[f"mask{l}"])

    # The device's part.

    def run(self, first: int, last: int) -> np.ndarray:
        """Trains on the steps first <= t < last of the epoch.

        Returns their losses by lane, (last - first, B) float32: the only synchronisation.
        """
        s, lanes = self.schedule, self.schedule.n_lanes
        shrinks = int(np.searchsorted(-s.active, -lanes, side="right"))  # the first step of fewer lanes
        full = min(last, shrinks) - first
        out = torch.zeros(last - first, lanes, device=self.device)
        if full > 0:
            whole, real = self._chunk(first, first + full, lanes)
            self._start(whole[0], real[0])
            for i in range(full):
                self.whole.copy_(whole[i])
                self.real.copy_(real[i])
                self._replay()
                out[i] = self.lane_loss
        for t in range(first + max(full, 0), last):
            b = int(s.active[t])
            whole, real = self._chunk(t, t + 1, b)
            if t in s.kept:
                kept = torch.from_numpy(s.kept[t]).to(self.device)
                for h in self.h:
                    h[:b] = h[kept]
            out[t - first, :b] = self._step(self._views(whole[0], real[0], b), b)
        return out.cpu().numpy()

    def _chunk(self, first: int, last: int, b: int) -> tuple[Tensor, Tensor]:
        """What the steps first <= t < last need, on the device: (steps, n) int64 and (steps, m) float32."""
        sizes = [sum(int(np.prod(shape)) for shape in layout.values()) for layout in self._layout(b)]
        pin = self.device.type == "cuda"
        whole = torch.zeros(last - first, sizes[0], dtype=torch.int64, pin_memory=pin)
        real = torch.zeros(last - first, sizes[1], pin_memory=pin)
        for t in range(first, last):
            self._prepare(t, b, whole[t - first], real[t - first])
        return whole.to(self.device, non_blocking=pin), real.to(self.device, non_blocking=pin)

    def _start(self, whole: Tensor, real: Tensor) -> None:
        """Captures the full-batch step, once; warming up and capturing must leave weights and states as they were."""
        if hasattr(self, "lane_loss"):
            return
        lanes = self.schedule.n_lanes
        self.whole, self.real = whole.clone(), real.clone()
        self.parts = self._views(self.whole, self.real, lanes)
        self.lane_loss = torch.zeros(lanes, device=self.device)
        if not self.capture:
            return
        held = [*self.weights.values(), *self.state.values(), *self.h]
        before = [t.clone() for t in held]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self._step(self.parts, lanes)
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.lane_loss.copy_(self._step(self.parts, lanes))
        for tensor, value in zip(held, before, strict=True):
            tensor.copy_(value)

    def _replay(self) -> None:
        if self.graph is not None:
            self.graph.replay()
        else:
            self.lane_loss.copy_(self._step(self.parts, self.schedule.n_lanes))

    def _step(self, p: Mapping[str, Tensor], b: int) -> Tensor:
        """One training step in place; returns the loss of every lane, (b,)."""
        c = self.config
        shared = self.input == "Wy"
        rows = self.weights["Wy"][p["rows"]].requires_grad_()  # (R, H)
        bias = self.weights["By"][p["bias_rows"]].requires_grad_()  # (R,)
        pool = rows.detach() if shared else self.weights[self.input][p["input_rows"]]
        x = pool[p["input_slot"]].requires_grad_()  # (b, D)
        names = [n for n in self.weights if n not in self.tables]
        dense = {n: self.weights[n].detach().requires_grad_() for n in names}
        embedded = x * p["embed_mask"] if "embed_mask" in p else x
        masks = [p.get(f"mask{l}") for l in range(len(c.layers))]
        states = model.hidden(c, dense, embedded, [h[:b] * p["go_on"] for h in self.h], masks)
        lane = self._loss(states[-1] @ rows.T + bias, p)
        leaves = [rows, bias, x, *dense.values()]
        d_rows, d_bias, d_x, *d_dense = torch.autograd.grad(lane.sum() / self.schedule.n_lanes, leaves)
        with torch.no_grad():
            for h, new in zip(self.h, states, strict=True):
                h[:b] = new
            # One product sums the input's gradients by row: unlike an atomic add, in a fixed order.
            where = (p["input_slot"] == torch.arange(len(pool), device=self.device)[:, None]).float()  # (R or b, b)
            d_pool = where @ d_x
            if shared:
                d_rows = d_rows + d_pool
            else:
                self._update_rows(self.input, p["input_rows"], d_pool)
            self._update_rows("Wy", p["rows"], d_rows)
            self._update_rows("By", p["bias_rows"], d_bias)
            for name, gradient in zip(names, d_dense, strict=True):
                self._update(name, gradient)
        return lane.detach()

    def _loss(self, scores: Tensor, p: Mapping[str, Tensor]) -> Tensor:
        c = self.config
        if c.loss == "bpr-max":
            return losses.weighted_bpr_max(
                scores, weight=p["weight"], slot=p["slot"], elu_param=c.elu_param, bpreg=c.bpreg
            )
        if c.loss in PAIRWISE:
            return losses.weighted_pairwise(
                scores, weight=p["weight"], slot=p["slot"], loss=c.loss, final_act=c.final_act
            )
        return losses.weighted_cross_entropy(scores, weight=p["weight"], slot=p["slot"], correction=p["correction"])

    def _update(self, name: str, gradient: Tensor) -> None:
        acc = self.state[f"acc.{name}"].addcmul_(gradient, gradient)
        step = gradient * torch.rsqrt(acc + EPSILON) * -self.config.learning_rate
        if self.config.momentum:
            step = self.state[f"vel.{name}"].mul_(self.config.momentum).add_(step)
        self.weights[name].add_(step)

    def _update_rows(self, name: str, rows: Tensor, gradient: Tensor) -> None:
        """Adagrad on distinct rows (but for the scratch row, whose gradient is zero)."""
        acc = self.state[f"acc.{name}"][rows] + gradient * gradient
        self.state[f"acc.{name}"][rows] = acc
        step = gradient * torch.rsqrt(acc + EPSILON) * -self.config.learning_rate
        if self.config.momentum:
            step = self.state[f"vel.{name}"][rows] * self.config.momentum + step
            self.state[f"vel.{name}"][rows] = step
        self.weights[name][rows] = self.weights[name][rows] + step

    def arrays(self, *, optimizer: bool = True) -> dict[str, np.ndarray]:
        """Copies of the weights, and of the optimizer's accumulators `acc.NAME` and velocities `vel.NAME`."""
        held = self.weights | (self.state if optimizer else {})
        return {n: (w[:-1] if n.rpartition(".")[2] in self.tables else w).cpu().numpy().copy() for n, w in held.items()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Takes back what `arrays` gave; in place, since a captured graph knows the addresses."""
        for name, value in (self.weights | self.state).items():
            into = value[:-1] if name.rpartition(".")[2] in self.tables else value
            into.copy_(torch.from_numpy(arrays[name]))
