"""Numba kernels of the fast CPU engine: columns of a step, gates, losses with their gradients, sparse Adagrad.

All arithmetic is float32: a Python float among the constants would make a whole loop double. Fast-math flags leave out
`nnan` and `ninf`, so that a loss that is not finite stays visible. Divisions follow numpy's rules: Python's check for
zero would keep a loop from vectorising. Arrays are C-contiguous; rows may be padded (strides are the allocated widths),
and a kernel works on the first `b` rows and `units` columns. They are in one file because numba's cache notices a
change of a function only in its own file.

What is here beyond plain loops has to earn its lines. The speed of training without it, as a share of the speed with
it (`bench train`'s log of 19,600 items, one core of an Intel Xeon with AVX-512, November 2026):

| without                                           | batch 32 | batch 128 | BPR-max, 128 |
|---------------------------------------------------|----------|-----------|--------------|
| the polynomial for e^x (`np.exp` instead)         | 0.84     | 0.78      | 0.60         |
| fast-math flags                                   | 0.75     | 0.67      | 0.60         |
| numpy's divisions                                 | 0.96     | 0.96      | 0.71         |
| asking for rows of a table ahead (`_prefetch`)    | 0.89     | 0.93      | 0.97         |
| the maximum over integers (`_top`)                | 0.93     | 0.91      | 0.92         |
| a slot that is written without a branch (`_slot`) | 0.95     | 0.97      | 1.00         |

A reciprocal square root by integer estimate and Newton steps was here, and gained nothing (1.03, 0.99, 1.03).
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import cgutils, types
from numba.extending import intrinsic

f = np.float32
_FAST = {"contract", "reassoc", "nsz", "arcp", "afn"}
_ZERO, _ONE, _HALF, _TWO = f(0), f(1), f(0.5), f(2)
_LOW, _HIGH, _LOG2E = f(-87.0), f(88.0), f(1.44269504)
_LN2_HI, _LN2_LO = f(0.693359375), f(-2.12194440e-4)
_P5, _P4, _P3 = f(1.9875691500e-4), f(1.3981999507e-3), f(8.3334519073e-3)
_P2, _P1, _P0 = f(4.1665795894e-2), f(1.6666665459e-1), f(5.0000001201e-1)
_L8, _L7, _L6 = f(7.0376836292e-2), f(-1.1514610310e-1), f(1.1676998740e-1)
_L5, _L4, _L3 = f(-1.2420140846e-1), f(1.4249322787e-1), f(-1.6668057665e-1)
_L2, _L1, _L0 = f(2.0000714765e-1), f(-2.4999993993e-1), f(3.3333331174e-1)
_SQRT2, _LN2 = f(1.41421356), f(0.69314718)
_TINY, _CAP, _LOWEST = f(1e-24), f(80.0), f(-3.4e38)
_I1, _I23, _I31, _I127 = np.int32(1), np.int32(23), np.int32(31), np.int32(127)
_MAGNITUDE, _LEAST = np.int32(2**31 - 1), np.int32(-(2**31))
_LINE, _AHEAD = 16, 8  # float32 values in a cache line; rows between asking for one and using it


@njit(cache=True, inline="always", fastmath=_FAST, error_model="numpy")
def exp(x):
    """e^x within 3e-7 relative (Cephes' polynomial), clamped to [e^-87, e^88]; NaN stays NaN. Vectorises.

    Where a processor cannot multiply and add in one rounding (x86 before 2013), within 5e-6.
    """
    x = _LOW if x < _LOW else x
    x = _HIGH if x > _HIGH else x
    k = np.floor(x * _LOG2E + _HALF)
    r = x - k * _LN2_HI - k * _LN2_LO
    p = ((((_P5 * r + _P4) * r + _P3) * r + _P2) * r + _P1) * r + _P0
    p = p * (r * r) + r + _ONE
    return p * np.int32((np.int32(k) + _I127) << _I23).view(np.float32)


@njit(cache=True, inline="always", fastmath=_FAST, error_model="numpy")
def softplus(x):
    """log(1 + e^x) within 4e-7 relative (Cephes' polynomial for the logarithm), 5e-6 where `exp` has it. Vectorises."""
    e = exp(-x if x > _ZERO else x)  # the logarithm is of 1 + e, in (1, 2]
    far = e > _SQRT2 - _ONE
    r = _HALF * e - _HALF if far else e  # 1 + e = 2 (1 + r), or 1 + r
    p = (((((((_L8 * r + _L7) * r + _L6) * r + _L5) * r + _L4) * r + _L3) * r + _L2) * r + _L1) * r + _L0
    log = r * r * r * p - _HALF * r * r + r
    return log + (_LN2 if far else _ZERO) + (x if x > _ZERO else _ZERO)


@intrinsic
def _prefetch(context, array, i, j):
    """Asks for the cache line of array[i, j] ahead of its use."""

    def generate(context, builder, signature, args):
        kind = signature.args[0]
        held = context.make_array(kind)(context, builder, args[0])
        pointer = cgutils.get_item_pointer(context, builder, kind, held, [args[1], args[2]], wraparound=False)
        word = ir.IntType(32)
        byte = builder.bitcast(pointer, ir.PointerType(ir.IntType(8)))
        ask = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [byte.type, word, word, word]), "llvm.prefetch.p0"
        )
        builder.call(ask, [byte, *(ir.Constant(word, v) for v in (1, 3, 1))])  # to write, keep, data
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp), generate


@njit(cache=True, inline="always")
def _slot(item, base, mark, rows, n):
    """The position of `item` among the first n rows of this step (mark >= base), added at n if it is new.

    It always writes, and does not branch on whether the item is new: a processor would often guess that wrong.
    """
    at = mark[item] - base
    at = n if at < 0 else at
    mark[item] = base + at
    rows[at] = item
    return at


@njit(cache=True)
def columns(base, targets, negatives, as_target, inputs,
            in_batch, sampled, mark, rows, weight, target_slot, input_slot):  # fmt: skip
    """The distinct items of a step: returns (U, R), the number of columns and of rows.

    rows[:U] are the targets' and negatives' items, each once, with weight = the sum over its columns of in_batch[item]
    or sampled[item]; rows[U:R] are input items that are no column. The first `as_target` negatives weigh like targets.
    mark: (V,) int64 scratch, base grows by at least R every step. Slots point into rows.
    """
    n = 0
    weight[:] = _ZERO
    for i in range(targets.size):
        item = np.int64(targets[i])
        slot = _slot(item, base, mark, rows, n)
        n = max(n, slot + 1)
        weight[slot] += in_batch[item]
        target_slot[i] = slot
    for k in range(negatives.size):
        item = negatives[k]
        slot = _slot(item, base, mark, rows, n)
        n = max(n, slot + 1)
        weight[slot] += in_batch[item] if k < as_target else sampled[item]
    r = n
    for i in range(inputs.size):
        input_slot[i] = _slot(np.int64(inputs[i]), base, mark, rows, r)
        r = max(r, input_slot[i] + 1)
    return n, r


@njit(cache=True)
def distinct(base, inputs, mark, rows, slots):
    """The number of distinct inputs; fills rows with them and slots with each input's place among them."""
    n = 0
    for i in range(inputs.size):
        slots[i] = _slot(np.int64(inputs[i]), base, mark, rows, n)
        n = max(n, slots[i] + 1)
    return n


@njit(cache=True)
def gather(table, rows, n, out):
    """out[i] = table[rows[i]] for the first n rows."""
    width = table.shape[1]
    for i in range(n):
        for k in range(0, width, _LINE):
            _prefetch(table, rows[min(i + _AHEAD, n - 1)], k)
        source, to = table[rows[i]], out[i]
        for k in range(width):
            to[k] = source[k]


@njit(cache=True)
def gather_inputs(table, rows, mask, out):
    """out[i] = table[rows[i]] * mask[i] (mask of no rows: none), over the columns of out."""
    units = out.shape[1]
    for i in range(rows.size):
        source, to = table[rows[i]], out[i]
        if mask.shape[0] > 0:
            m = mask[i]
            for k in range(units):
                to[k] = source[k] * m[k]
        else:
            for k in range(units):
                to[k] = source[k]


@njit(cache=True)
def add_inputs(gradient, slots, mask, into, first, last):
    """into[slots[i]] += gradient[i] * mask[i], the input's share; rows [first, last) are new and start at zero."""
    units = gradient.shape[1]
    into[first:last, :] = _ZERO
    for i in range(slots.size):
        g, to = gradient[i], into[slots[i]]
        if mask.shape[0] > 0:
            m = mask[i]
            for k in range(units):
                to[k] += g[k] * m[k]
        else:
            for k in range(units):
                to[k] += g[k]


@njit(cache=True)
def reset(h, lanes, units):
    """Zero hidden state, where a lane starts a session."""
    for i in range(lanes.size):
        if lanes[i]:
            h[i, :units] = _ZERO


@njit(cache=True, inline="always", fastmath=_FAST, error_model="numpy")
def _sigmoid(x):
    return _ONE / (_ONE + exp(-x))


@njit(cache=True, inline="always", fastmath=_FAST, error_model="numpy")
def _tanh(x):
    return _ONE - _TWO / (_ONE + exp(_TWO * x))


# The loops of the cells are short and write to one array each: LLVM gives up vectorising where too many arrays may
# overlap.


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _emit(gi, units, before, m, out):
    """One lane's new state (1 - z) n + z h, dropped out by m (of no size: not at all)."""
    z, n = gi[units : 2 * units], gi[2 * units :]
    for k in range(units):
        out[k] = (_ONE - z[k]) * n[k] + z[k] * before[k]
    for k in range(m.size):
        out[k] *= m[k]


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _receive(d, m, units, gi, before, gx):
    """One lane's gradients of the n and z projections, from d_out (dropped out in place by m)."""
    z, n = gi[units : 2 * units], gi[2 * units :]
    for k in range(m.size):
        d[k] *= m[k]
    for k in range(units):
        gx[2 * units + k] = d[k] * (_ONE - z[k]) * (_ONE - n[k] * n[k])
    for k in range(units):
        gx[units + k] = d[k] * (before[k] - n[k]) * z[k] * (_ONE - z[k])


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def gates(gi, gh, b_ih, b_hh, h, mask, out):
    """torch's GRUCell, h (b, >=H) to out.

    Leaves r, z, n in gi (b, 3H), and the hidden part of n in gh, for the way back.
    """
    units = gi.shape[1] // 3
    for i in range(gi.shape[0]):
        x, y = gi[i], gh[i]
        for k in range(2 * units):
            x[k] = _sigmoid(x[k] + y[k] + b_ih[k] + b_hh[k])
        r, n, q = x[:units], x[2 * units :], y[2 * units :]
        for k in range(units):
            q[k] += b_hh[2 * units + k]
        for k in range(units):
            n[k] = _tanh(n[k] + b_ih[2 * units + k] + r[k] * q[k])
        _emit(x, units, h[i], mask[i] if mask.shape[0] > 0 else mask[:0].reshape(-1), out[i])


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def gates_back(d_out, mask, h, gi, gh, d_gi, d_gh, d_b_ih, d_b_hh):
    """Gradients of the projections and biases from d_out (b, >=H); h is a constant (one step back only)."""
    units = gi.shape[1] // 3
    d_b_ih[:] = _ZERO
    d_b_hh[:] = _ZERO
    for i in range(gi.shape[0]):
        gx, gy = d_gi[i], d_gh[i]
        _receive(d_out[i], mask[i] if mask.shape[0] > 0 else mask[:0].reshape(-1), units, gi[i], h[i], gx)
        r, q, dn = gi[i, :units], gh[i, 2 * units :], gx[2 * units :]
        for k in range(units):
            gx[k] = dn[k] * q[k] * r[k] * (_ONE - r[k])
        for k in range(2 * units):
            gy[k] = gx[k]
        for k in range(units):
            gy[2 * units + k] = dn[k] * r[k]
        for k in range(3 * units):
            d_b_ih[k] += gx[k]
        for k in range(3 * units):
            d_b_hh[k] += gy[k]


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def paper_open(gi, gh, b_ih, h, rh):
    """The paper's cell, first half: r and z, from and in gi (b, 3H) with gh (b, 2H), and rh = r * h."""
    units = rh.shape[1]
    for i in range(rh.shape[0]):
        x, y = gi[i], gh[i]
        for k in range(2 * units):
            x[k] = _sigmoid(x[k] + y[k] + b_ih[k])
        for k in range(units):
            rh[i, k] = x[k] * h[i, k]


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def paper_close(gi, q, b_ih, h, mask, out):
    """Second half: n, in gi, from q = (r * h) U_n^T (b, H), then the new state."""
    units = q.shape[1]
    for i in range(q.shape[0]):
        n = gi[i, 2 * units :]
        for k in range(units):
            n[k] = _tanh(n[k] + q[i, k] + b_ih[2 * units + k])
        _emit(gi[i], units, h[i], mask[i] if mask.shape[0] > 0 else mask[:0].reshape(-1), out[i])


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def paper_back_close(d_out, mask, h, gi, d_gi, d_n):
    """Gradients of z and n; d_n (b, H) is the n part again, contiguous for the product that follows."""
    units = d_n.shape[1]
    for i in range(d_n.shape[0]):
        m = mask[i] if mask.shape[0] > 0 else mask[:0].reshape(-1)
        _receive(d_out[i], m, units, gi[i], h[i], d_gi[i])
        for k in range(units):
            d_n[i, k] = d_gi[i, 2 * units + k]


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def paper_back_open(d_rh, h, gi, d_gi, d_b_ih):
    """The gradient of r from d_rh (b, H), and of the biases."""
    units = d_rh.shape[1]
    d_b_ih[:] = _ZERO
    for i in range(d_rh.shape[0]):
        r, gx = gi[i, :units], d_gi[i]
        for k in range(units):
            gx[k] = d_rh[i, k] * h[i, k] * r[k] * (_ONE - r[k])
        for k in range(3 * units):
            d_b_ih[k] += gx[k]


@njit(cache=True, inline="always")
def _ordered(bits):
    """Maps the bits of a float32 to an integer of the same order, and such an integer back to the bits."""
    return bits ^ ((bits >> _I31) & _MAGNITUDE)


@njit(cache=True, inline="always")
def _top(row, n):
    """The maximum of row[:n], taken over integers in the floats' order: LLVM vectorises no maximum of floats.

    A NaN is at one end of that order; where it is not the maximum it reaches the loss through the exponentials.
    """
    bits, top = row.view(np.int32), _LEAST
    for u in range(n):
        top = max(top, _ordered(bits[u]))
    return np.int32(_ordered(top)).view(np.float32)


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def cross_entropy(scores, n, weight, slot, correction, nominal, lane_loss):
    """Turns scores (b, >=n) into their gradient of the summed loss / nominal; fills lane_loss (b,).

    loss = log sum_u weight_u exp(o_u) - o_target + correction.
    """
    for i in range(slot.size):
        row, at = scores[i], slot[i]
        own, top = row[at], _top(row, n)
        total = _ZERO
        for u in range(n):
            e = weight[u] * exp(row[u] - top)
            row[u] = e
            total += e
        lane_loss[i] = np.log(total) + (top - own) + correction[i]
        scale = _ONE / (total * nominal)
        for u in range(n):
            row[u] *= scale
        row[at] -= _ONE / nominal


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def bpr_max(scores, n, weight, slot, alpha, reg, nominal, power, ahead, lane_loss):
    """Turns scores (b, >=n) into their gradient of the summed BPR-max loss / nominal; fills lane_loss (b,).

    With a = ELU(o), s_u ~ weight_u exp(a_u) over the lane's negatives, p_u = sigmoid(a_t - a_u), D = sum s p and
    R = sum s a^2: d/da_u = -s_u (p_u^2 - D) / D + reg s_u (a_u^2 - R + 2 a_u), d/da_t = -sum_u s_u p_u (1 - p_u) / D.
    power, ahead: (>=n,) scratch. A lane's own target is left out of its negatives by lowering that weight by one.
    """
    edge = _ZERO if alpha > _ZERO else _LOWEST  # above it, ELU is the identity
    for i in range(slot.size):
        row, at = scores[i], slot[i]
        if alpha > _ZERO:
            for u in range(n):
                below = alpha * (exp(row[u]) - _ONE)
                row[u] = row[u] if row[u] > _ZERO else below
        own, shared = row[at], weight[at]
        weight[at] = shared - _ONE
        if weight[at] <= _ZERO:
            row[at] = row[0] if at > 0 else row[1]  # any value that is no maximum: its weight is zero
        top = _top(row, n)
        lead = top - own
        ratio = exp(lead if lead < _CAP else _CAP)  # exp(a_u - own) = exp(a_u - top) * ratio
        z, d, q, t = _ZERO, _ZERO, _ZERO, _ZERO
        for u in range(n):
            a = row[u]
            raw = exp(a - top)
            p = _ONE / (_ONE + raw * ratio)
            e = weight[u] * raw
            power[u], ahead[u] = e, p
            z += e
            d += e * p
            q += e * a * a
            t += e * p * (_ONE - p)
        inverse = _ONE / z
        d, q, t = d * inverse, q * inverse, t * inverse
        lane_loss[i] = reg * q - np.log(d + _TINY)
        over, scale = _ONE / (d + _TINY), inverse / nominal
        for u in range(n):
            a, p = row[u], ahead[u]
            g = power[u] * scale * (reg * (a * a - q + _TWO * a) - (p * p - d) * over)
            slope = _ONE if a > edge else a + alpha
            row[u] = g * slope
        # The target's column: its share as a negative (if it is one) is in row[at], for a = own.
        slope = _ONE if own > edge else own + alpha
        if weight[at] <= _ZERO:
            row[at] = _ZERO
        row[at] -= t * over / nominal * slope
        weight[at] = shared


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def pairwise(scores, n, weight, slot, kind, tanh, nominal, held, share, lane_loss):
    """Turns scores (b, >=n) into their gradient of the summed loss / nominal; fills lane_loss (b,).

    kind: 0 BPR, 1 TOP1, 2 TOP1-max (see `losses.pairwise`); tanh: whether a = tanh(scores). With shares s_u of the
    negatives, p_u = sigmoid(a_u - a_t) and q_u = sigmoid(a_u^2): d/da_t = -sum_u s_u c_u and d/da_u = s_u (c_u + r_u),
    where BPR has c = p, r = 0; TOP1 c = p (1 - p), r = 2 a q (1 - q); TOP1-max adds (p + q - loss) to r, since its
    shares move too. held, share: (>=n,) scratch.
    """
    columns = _ZERO
    for u in range(n):
        columns += weight[u]
    for i in range(slot.size):
        row, at = scores[i], slot[i]
        if tanh:
            for u in range(n):
                row[u] = _tanh(row[u])
        own, shared = row[at], weight[at]
        weight[at] = shared - _ONE
        if kind == 2:
            if weight[at] <= _ZERO:
                row[at] = row[0] if at > 0 else row[1]  # any value that is no maximum: its weight is zero
            top, z = _top(row, n), _ZERO
            for u in range(n):
                e = weight[u] * exp(row[u] - top)
                share[u] = e
                z += e
            inverse = _ONE / z
        else:
            inverse = _ONE / (columns - _ONE)
            for u in range(n):
                share[u] = weight[u]
        loss, pull = _ZERO, _ZERO
        if kind == 0:
            for u in range(n):
                a, s = row[u], share[u] * inverse
                p = _sigmoid(a - own)
                held[u] = a
                row[u] = s * p
                loss += s * softplus(a - own)
                pull += s * p
        else:
            for u in range(n):
                a, s = row[u], share[u] * inverse
                p, q = _sigmoid(a - own), _sigmoid(a * a)
                held[u] = a
                row[u] = s * (p * (_ONE - p) + _TWO * a * q * (_ONE - q))
                loss += s * (p + q)
                pull += s * p * (_ONE - p)
        if kind == 2:
            for u in range(n):
                a = held[u]
                row[u] += share[u] * inverse * (_sigmoid(a - own) + _sigmoid(a * a) - loss)
        lane_loss[i] = loss
        if weight[at] <= _ZERO:
            row[at] = _ZERO
        row[at] -= pull
        held[at] = own
        scale = _ONE / nominal
        if tanh:
            for u in range(n):
                row[u] *= (_ONE - held[u] * held[u]) * scale
        else:
            for u in range(n):
                row[u] *= scale
        weight[at] = shared


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def update_rows(table, acc, vel, gradient, rows, first, last, units, lr, momentum, epsilon):
    """Adagrad on table[rows[i]] (its first `units` columns) by gradient[i], first <= i < last; rows are distinct."""
    for i in range(first, last):
        ahead = rows[min(i + _AHEAD, last - 1)]
        for k in range(0, units, _LINE):
            _prefetch(table, ahead, k)
            _prefetch(acc, ahead, k)
        w, a, g = table[rows[i]], acc[rows[i]], gradient[i]
        if momentum > _ZERO:
            for k in range(0, units, _LINE):
                _prefetch(vel, ahead, k)
            v = vel[rows[i]]
            for k in range(units):
                s = a[k] + g[k] * g[k]
                a[k] = s
                v[k] = momentum * v[k] - lr * g[k] / np.sqrt(s + epsilon)
                w[k] += v[k]
        else:
            for k in range(units):
                s = a[k] + g[k] * g[k]
                a[k] = s
                w[k] -= lr * g[k] / np.sqrt(s + epsilon)


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def update_dense(w, acc, vel, g, lr, momentum, epsilon):
    """Adagrad on flat arrays."""
    for k in range(w.size):
        s = acc[k] + g[k] * g[k]
        acc[k] = s
        step = -lr * g[k] / np.sqrt(s + epsilon)
        if momentum > _ZERO:
            step += momentum * vel[k]
            vel[k] = step
        w[k] += step
