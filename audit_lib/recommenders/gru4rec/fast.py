"""The fast CPU engine: a hand-derived one-step backward over the distinct items of a step.

Three ideas make it fast, none of which changes the function that is computed:
- Equal columns have equal scores. Each item of a step is scored once, weighted by its columns (see `losses`), so the
  products shrink by the duplicates and no gradient rows have to be summed afterwards.
- The output bias is one more column of the output matrix, and the hidden state ends in a constant 1: scores, bias and
  both their gradients come out of the same three products. Rows are padded to a multiple of eight values.
- Everything else is fused float32 numba (see `kernels`), into buffers allocated once.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from audit_lib.recommenders.gru4rec import kernels, losses, model, random_draws
from audit_lib.recommenders.gru4rec.batches import Schedule
from audit_lib.recommenders.gru4rec.config import PAIRWISE, GRU4RecConfig
from audit_lib.recommenders.gru4rec.optimizer import EPSILON
from audit_lib.recommenders.gru4rec.reference import Negatives

f = np.float32


class Weights:
    """A matrix of which a step touches few rows, with its Adagrad state; rows padded to `width` columns."""

    def __init__(self, rows: int, units: int, momentum: float):
        self.units, self.width = units, -(-units // 8) * 8
        self.w, self.acc = (torch.zeros(rows, self.width).numpy() for _ in range(2))
        self.vel = torch.zeros(rows if momentum else 0, self.width).numpy()
        self.mark = np.full(rows, -1, np.int64)

    def parts(self) -> list[tuple[str, np.ndarray]]:
        return [("", self.w), ("acc.", self.acc), *([("vel.", self.vel)] if len(self.vel) else [])]


class Fast:
    """The engine of `device='cpu'`; the same interface as `reference.Reference`, the same draws, the same losses."""

    def __init__(
        self,
        config: GRU4RecConfig,
        weights: Mapping[str, np.ndarray],
        schedule: Schedule,
        support: np.ndarray,
        *,
        negatives: Negatives | None = None,
    ):
        self.config, self.schedule = config, schedule
        self.negatives = negatives or random_draws.sampler(support, config.sample_alpha, config.seed, config.n_sample)
        self._load_tables(weights, len(support))
        self._load_dense(weights)
        self._allocate()
        self.weights = losses.column_weights(config, support)
        self.keys = [random_draws.key(config.seed, p) for p in range(random_draws.HIDDEN + len(config.layers))]
        self.hyper = (f(config.learning_rate), f(config.momentum), f(EPSILON))
        self.base = 0
        self.lanes, self.columns = cache(self._lanes), cache(self._columns)
        self.start_epoch(0)

    def _load_tables(self, weights: Mapping[str, np.ndarray], n_items: int) -> None:
        c = self.config
        units = c.layers[-1]
        self.out = Weights(n_items, units + 1, c.momentum)  # the last column is the bias
        self.out.w[:, :units], self.out.w[:, units] = weights["Wy"], weights["By"]
        self.input = model.input_name(c)
        self.tables = {"Wy": self.out}
        if self.input != "Wy":
            self.tables[self.input] = Weights(n_items, weights[self.input].shape[1], c.momentum)
            self.tables[self.input].w[:, : weights[self.input].shape[1]] = weights[self.input]
        self.embed = self.tables[self.input]

    def _load_dense(self, weights: Mapping[str, np.ndarray]) -> None:
        """All small weights in one flat array, so that one call updates them."""
        names = [n for n in weights if n not in {"Wy", "By", self.input}]
        size = sum(weights[n].size for n in names)
        flat = {"": torch.zeros(size), "grad.": torch.zeros(size), "acc.": torch.zeros(size)}
        flat["vel."] = torch.zeros(size if self.config.momentum else 0)
        self.dense: dict[str, Tensor] = {}
        at = 0
        for name in names:
            for kind, values in flat.items():
                if len(values):
                    self.dense[kind + name] = values[at : at + weights[name].size].view(weights[name].shape)
            self.dense[name].copy_(torch.from_numpy(weights[name]))
            at += weights[name].size
        self.flat = tuple(flat[kind].numpy() for kind in ("", "acc.", "vel.", "grad."))

    def _allocate(self) -> None:
        c, lanes = self.config, self.schedule.n_lanes
        most = lanes + c.n_sample + (lanes if self.input == "Wy" else 0)
        wide = -(-most // 16) * 16 + 16  # no power of two: rows of scores must not share cache sets
        self.scores = torch.zeros(lanes, wide)
        self.gathered, self.gradient = (torch.zeros(most, self.out.width) for _ in range(2))
        self.rows, self.weight = np.zeros(most, np.int64), np.zeros(most, np.float32)
        self.scratch = np.zeros((2, wide), np.float32)
        self.slots, self.input_slots = np.zeros(lanes, np.int64), np.zeros(lanes, np.int64)
        self.input_rows = np.zeros(lanes, np.int64)
        self.input_gradient = torch.zeros(lanes, self.embed.width)
        top = len(c.layers) - 1
        width = [self.out.width if l == top else units for l, units in enumerate(c.layers)]
        self.states = [[torch.zeros(lanes, w) for w in width] for _ in range(2)]
        for state in self.states:
            state[top][:, c.layers[top]] = 1  # meets the bias column
        self.d_out = [torch.zeros(lanes, w) for w in width]
        self.x = torch.zeros(lanes, c.input_size or 3 * c.layers[0])
        self.d_x = torch.zeros(lanes, c.input_size)
        # By layer: the projections of input and hidden state, and their gradients. The paper's cell: r * h, its
        # projection, and the gradients of n and of r * h.
        self.project = [[torch.zeros(lanes, 3 * units) for _ in range(4)] for units in c.layers]
        self.paper = [[torch.zeros(lanes, units) for _ in range(4)] for units in c.layers]
        self.embed_mask = np.zeros((lanes if c.dropout_p_embed else 0, c.input_size), np.float32)
        self.masks = [np.zeros((lanes if c.dropout_p_hidden else 0, units), np.float32) for units in c.layers]

    def _lanes(self, b: int) -> SimpleNamespace:
        """Views of every buffer for b lanes."""
        project = [[p[:b] for p in layer] for layer in self.project]
        return SimpleNamespace(
            states=[[h[:b] for h in state] for state in self.states],
            d_out=[d[:b] for d in self.d_out],
            x=self.x[:b], d_x=self.d_x[:b], slots=self.slots[:b], input_slots=self.input_slots[:b],
            project=project, arrays=[[p.numpy() for p in layer] for layer in project],
            paper=[[p[:b] for p in layer] for layer in self.paper],
            embed_mask=self.embed_mask[:b], masks=[m[:b] for m in self.masks],
        )  # fmt: skip

    def _columns(self, b: int, n: int) -> tuple[Tensor, ...]:
        """Views for n columns: their rows, the scores, and the gradient rows."""
        rows, scores = self.gathered[:n], self.scores[:b, :n]
        return rows, rows.T, scores, scores.T, self.gradient[:n]

    def start_epoch(self, epoch: int) -> None:
        """Zero hidden states (the first step resets every lane); steps are counted on from epoch * T."""
        self.offset, self.now = epoch * self.schedule.n_steps, 0

    def run(self, first: int, last: int) -> np.ndarray:
        """Trains on the steps first <= t < last of the epoch.

        Returns their losses by lane, (last - first, B) float32.
        """
        out = np.zeros((last - first, self.schedule.n_lanes), np.float32)
        for t in range(first, last):
            self.step(t, out[t - first])
        return out

    def step(self, t: int, lane_loss: np.ndarray) -> None:
        s, b = self.schedule, int(self.schedule.active[t])
        v = self.lanes(b)
        if t in s.kept:
            for h in self.states[self.now]:
                h[:b] = h[torch.from_numpy(s.kept[t])]
        inputs, targets = s.inputs[t, :b], s.targets[t, :b]
        n, r = self._pick(t, b, inputs, targets, v)
        self._forward(t, b, inputs, v)
        rows, rows_t, scores, scores_t, gradient = self.columns(b, n)
        top = v.states[1 - self.now][-1]  # (b, width), ends in 1
        torch.mm(top, rows_t, out=scores)  # (b, n)
        self._loss(n, v.slots, targets, lane_loss[:b])
        torch.mm(scores, rows, out=v.d_out[-1])  # (b, width)
        torch.mm(scores_t, top, out=gradient)  # (n, width)
        self._backward(v)
        self._update(n, r, inputs, v)
        self.now = 1 - self.now

    def _pick(self, t: int, b: int, inputs: np.ndarray, targets: np.ndarray, v: SimpleNamespace) -> tuple[int, int]:
        """The distinct items of the step and their rows: (columns, rows)."""
        c = self.config
        as_target = self.schedule.n_lanes - b if c.tail == "official" else 0
        n, r = kernels.columns(
            self.base, targets, self.negatives(self.offset + t), as_target,
            inputs if self.input == "Wy" else inputs[:0], self.weights.in_batch, self.weights.sampled,
            self.out.mark, self.rows, self.weight, v.slots, v.input_slots,
        )  # fmt: skip
        self.base += len(self.rows)
        kernels.gather(self.out.w, self.rows, r, self.gathered.numpy())
        return n, r

    def _forward(self, t: int, b: int, inputs: np.ndarray, v: SimpleNamespace) -> None:
        """Hidden states of the step, from self.states[now] to the other one."""
        c, step, lanes = self.config, self.offset + t, self.schedule.n_lanes
        if c.dropout_p_embed:
            random_draws.fill_mask(self.keys[random_draws.EMBED], step, lanes, c.dropout_p_embed, v.embed_mask)
        source, at = (self.gathered.numpy(), v.input_slots) if self.input == "Wy" else (self.embed.w, inputs)
        onehot = self.input == "W_ih0"
        kernels.gather_inputs(source, at, v.embed_mask, v.arrays[0][0] if onehot else v.x.numpy())
        x = v.x
        for l, units in enumerate(c.layers):
            before, out = v.states[self.now][l], v.states[1 - self.now][l]
            kernels.reset(before.numpy(), self.schedule.reset[t, :b], units)
            if c.dropout_p_hidden:
                random_draws.fill_mask(self.keys[random_draws.HIDDEN + l], step, lanes, c.dropout_p_hidden, v.masks[l])
            if not (onehot and l == 0):
                torch.mm(x, self.dense[f"W_ih{l}"].T, out=v.project[l][0])
            (self._cell if c.cell == "pytorch" else self._paper_cell)(l, before, out, v)
            x = out[:, :units]

    def _cell(self, l: int, before: Tensor, out: Tensor, v: SimpleNamespace) -> None:
        gi, gh, *_ = v.arrays[l]
        torch.mm(before[:, : self.config.layers[l]], self.dense[f"W_hh{l}"].T, out=v.project[l][1])
        b_ih, b_hh = self.dense[f"b_ih{l}"].numpy(), self.dense[f"b_hh{l}"].numpy()
        kernels.gates(gi, gh, b_ih, b_hh, before.numpy(), v.masks[l], out.numpy())

    def _paper_cell(self, l: int, before: Tensor, out: Tensor, v: SimpleNamespace) -> None:
        units, w, b_ih = self.config.layers[l], self.dense[f"W_hh{l}"], self.dense[f"b_ih{l}"].numpy()
        rh, q, *_ = v.paper[l]
        gi, h = v.arrays[l][0], before.numpy()
        gh = torch.mm(before[:, :units], w[: 2 * units].T)
        kernels.paper_open(gi, gh.numpy(), b_ih, h, rh.numpy())
        torch.mm(rh, w[2 * units :].T, out=q)
        kernels.paper_close(gi, q.numpy(), b_ih, h, v.masks[l], out.numpy())

    def _loss(self, n: int, slots: np.ndarray, targets: np.ndarray, lane_loss: np.ndarray) -> None:
        """Turns self.scores into their gradient."""
        c, nominal, scores = self.config, f(self.schedule.n_lanes), self.scores.numpy()
        if c.loss == "cross-entropy":
            kernels.cross_entropy(scores, n, self.weight, slots, self.weights.correction[targets], nominal, lane_loss)
        elif c.loss in PAIRWISE:
            kind, tanh = PAIRWISE.index(c.loss), c.final_act == "tanh"
            kernels.pairwise(scores, n, self.weight, slots, kind, tanh, nominal, *self.scratch, lane_loss)
        else:
            alpha, reg = f(c.elu_param), f(c.bpreg)
            kernels.bpr_max(scores, n, self.weight, slots, alpha, reg, nominal, *self.scratch, lane_loss)

    def _backward(self, v: SimpleNamespace) -> None:
        """Gradients of the small weights, and of the input (in v.d_x; with one-hot input in the first projection's)."""
        for l in reversed(range(len(self.config.layers))):
            onehot = l == 0 and self.input == "W_ih0"
            before = v.states[self.now][l]
            (self._cell_back if self.config.cell == "pytorch" else self._paper_back)(l, before, v)
            if onehot:
                continue
            d_gi = v.project[l][2]
            x = v.x if l == 0 else v.states[1 - self.now][l - 1][:, : self.config.layers[l - 1]]
            torch.mm(d_gi.T, x, out=self.dense[f"grad.W_ih{l}"])
            torch.mm(d_gi, self.dense[f"W_ih{l}"], out=v.d_x if l == 0 else v.d_out[l - 1])

    def _cell_back(self, l: int, before: Tensor, v: SimpleNamespace) -> None:
        d_b = [self.dense[f"grad.{name}{l}"].numpy() for name in ("b_ih", "b_hh")]
        kernels.gates_back(v.d_out[l].numpy(), v.masks[l], before.numpy(), *v.arrays[l], *d_b)
        torch.mm(v.project[l][3].T, before[:, : self.config.layers[l]], out=self.dense[f"grad.W_hh{l}"])

    def _paper_back(self, l: int, before: Tensor, v: SimpleNamespace) -> None:
        units, w, g = self.config.layers[l], self.dense[f"W_hh{l}"], self.dense[f"grad.W_hh{l}"]
        rh, _, d_n, d_rh = v.paper[l]
        gi, d_gi, h = v.arrays[l][0], v.project[l][2], before.numpy()
        kernels.paper_back_close(v.d_out[l].numpy(), v.masks[l], h, gi, d_gi.numpy(), d_n.numpy())
        torch.mm(d_n, w[2 * units :], out=d_rh)
        kernels.paper_back_open(d_rh.numpy(), h, gi, d_gi.numpy(), self.dense[f"grad.b_ih{l}"].numpy())
        torch.mm(d_gi[:, : 2 * units].T, before[:, :units], out=g[: 2 * units])
        torch.mm(d_n.T, rh, out=g[2 * units :])

    def _update(self, n: int, r: int, inputs: np.ndarray, v: SimpleNamespace) -> None:
        gradient, units = self.gradient.numpy(), self.config.layers[-1]
        kernels.update_dense(*self.flat, *self.hyper)
        if self.input == "Wy":
            kernels.add_inputs(v.d_x.numpy(), v.input_slots, v.embed_mask, gradient, n, r)
            self._rows(self.out, gradient, self.rows, n, r, units)  # inputs that are no column: their bias is untouched
        else:
            share = v.project[0][2] if self.input == "W_ih0" else v.d_x
            m = self._distinct(inputs, v.input_slots)
            kernels.add_inputs(share.numpy(), v.input_slots, v.embed_mask, self.input_gradient.numpy(), 0, m)
            self._rows(self.embed, self.input_gradient.numpy(), self.input_rows, 0, m, self.embed.units)
        self._rows(self.out, gradient, self.rows, 0, n, self.out.width)

    def _rows(self, table: Weights, gradient: np.ndarray, rows: np.ndarray, first: int, last: int, units: int) -> None:
        kernels.update_rows(table.w, table.acc, table.vel, gradient, rows, first, last, units, *self.hyper)

    def _distinct(self, inputs: np.ndarray, slots: np.ndarray) -> int:
        """Fills input_rows with the distinct input items, and slots; returns their number."""
        return kernels.distinct(self.base, inputs, self.embed.mark, self.input_rows, slots)

    def arrays(self, *, optimizer: bool = True) -> dict[str, np.ndarray]:
        """Copies of the weights, and of the optimizer's accumulators `acc.NAME` and velocities `vel.NAME`."""
        kinds = ("", "acc.", "vel.") if optimizer else ("",)
        state = {n: t.numpy().copy() for n, t in self.dense.items() if n[: n.find(".") + 1] in kinds}
        for name, table in self.tables.items():
            for kind, values in table.parts()[: len(kinds)]:
                state[kind + name] = values[:, : table.units - (name == "Wy")].copy()
                if name == "Wy":
                    state[kind + "By"] = values[:, table.units - 1].copy()
        return state

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Takes back what `arrays` gave."""
        for name, tensor in self.dense.items():
            if not name.startswith("grad."):
                tensor.copy_(torch.from_numpy(arrays[name]))
        for name, table in self.tables.items():
            for kind, values in table.parts():
                values[:, : table.units - (name == "Wy")] = arrays[kind + name]
                if name == "Wy":
                    values[:, table.units - 1] = arrays[kind + "By"]
