"""Numba twins of the factorised preconditioners: the same order of operations.

All of them give the bits of the compiled ones. On grids the compiled sweeps of Eisenstat's form work on eight lines
side by side and keep one sum per strip of lines; here the unknowns come in natural order, only the sums are kept so.
"""

import time
from typing import NamedTuple

import numpy as np
import scipy.sparse as sps
from numba import njit

from kriss._numba._triangular import (
    level_chunk,
    level_schedule,
    triangle_levels,
    triangle_solve,
    triangle_solve_levels,
)
from kriss._numba.solve import (
    BURST_SECONDS,
    GRAIN,
    LANES,
    RUNNING,
    STATUS_MATRIX,
    STATUS_MAXITER,
    STATUS_NONFINITE,
    STATUS_OK,
    STATUS_STAGNATED,
    _dot,
    _lane_sum,
    _matvec,
    _update,
)

__all__ = ["level_chunk", "level_schedule", "triangle_levels", "triangle_solve", "triangle_solve_levels"]

CHECK = 25


class Plan(NamedTuple):
    """The scaled triangles of a matrix, by rows; grid is (nx, ny, nz) where it is a stencil on one, else zeros."""

    lower: tuple[np.ndarray, ...]
    upper: tuple[np.ndarray, ...]
    rest: np.ndarray
    scale: np.ndarray
    unit: float
    grid: tuple[int, int, int]

    @property
    def storage(self):
        if self.grid[0] == 0:
            return "rows"
        return "strips of a " + " x ".join(map(str, self.grid[: 3 if self.grid[2] > 1 else 2])) + " grid"

    @property
    def nbytes(self):
        return sum(a.nbytes for a in (*self.lower, *self.upper, self.rest, self.scale))


@njit(cache=True, nogil=True)
def _find_grid(indptr, indices):
    n = indptr.size - 1
    none = (0, 0, 0)
    offset = np.zeros(3, np.int64)
    count = 0
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            o = np.int64(i - indices[k])
            if o <= 0:
                break
            known = False
            for c in range(count):
                known = known or offset[c] == o
            if known:
                continue
            if count == 3:
                return none
            offset[count] = o
            count += 1
    offset[:count].sort()
    if count < 2 or offset[0] != 1:
        return none
    nx = offset[1]
    plane = offset[2] if count == 3 else n
    if plane % nx != 0 or n % plane != 0:
        return none
    ny, nz = plane // nx, n // plane
    if nx < 2 * LANES or ny < LANES // 2 or nz * ((ny + 7) // 8) * (nx + 7) * 8 > 2.0 * n:
        return none
    for i in range(n):
        first, edge = i % nx == 0, i % plane < nx
        if not first and not edge:
            continue
        for k in range(indptr[i], indptr[i + 1]):
            o = i - indices[k]
            if o <= 0:
                break
            if (first and o == 1) or (edge and o == nx):
                return none
    return nx, ny, nz


@njit(cache=True, nogil=True, error_model="numpy")
def _split(indptr, indices, data, pivot, unit):
    n = pivot.size
    scale = np.sqrt(unit * pivot)
    over = data.dtype.type(1) / scale
    rest = np.zeros_like(pivot)
    lower_ptr, upper_ptr = np.zeros_like(indptr), np.zeros_like(indptr)
    for i in range(n):
        lower_ptr[i + 1] = lower_ptr[i]
        upper_ptr[i + 1] = upper_ptr[i]
        for k in range(indptr[i], indptr[i + 1]):
            if indices[k] < i:
                lower_ptr[i + 1] += 1
            elif indices[k] > i:
                upper_ptr[i + 1] += 1
    lower_indices, lower = np.empty(lower_ptr[n], indices.dtype), np.empty(lower_ptr[n], data.dtype)
    upper_indices, upper = np.empty(upper_ptr[n], indices.dtype), np.empty(upper_ptr[n], data.dtype)
    two = data.dtype.type(2)
    a = b = 0
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            j = indices[k]
            if j == i:
                rest[i] = data[k] / pivot[i] - two
                continue
            v = unit * data[k] * over[i] * over[j]
            if j < i:
                lower_indices[a], lower[a] = j, v
                a += 1
            else:
                upper_indices[b], upper[b] = j, v
                b += 1
    return lower_ptr, lower_indices, lower, upper_ptr, upper_indices, upper, rest, scale


def mic_plan(indptr, indices, data, relax, shift, tau, workers):
    """None: pivots row by row, which are the same bits."""
    return


def eisenstat_plan(indptr, indices, data, pivot, workers):
    kind = data.dtype.type
    most = 100 if data.dtype == np.float32 else 1000
    exponent = int(np.frexp(pivot[0])[1]) - 1 if pivot.size else 0
    unit = kind(np.ldexp(1.0, max(-most, min(most, -exponent))))
    out = _split(indptr, indices, data, pivot, unit)
    nx, ny, nz = (int(v) for v in _find_grid(indptr, indices))
    upper = out[3:6]
    if nx:
        # the compiled sweeps read the lower triangle only
        n, itype = pivot.size, indices.dtype
        lower = sps.csr_array((out[2], out[1], out[0]), shape=(n, n)).tocsc()
        upper = (lower.indptr.astype(itype), lower.indices.astype(itype), lower.data)
    return Plan(out[:3], upper, out[6], out[7], unit, (nx, ny, nz))


# On a grid the neighbours are taken away in the order of the compiled sweeps: below, west, south (above, east, north).
# Rows hold them as below, south, west and as east, north, above.
@njit(cache=True, nogil=True, error_model="numpy")
def _forward(ptr, idx, val, r, y, nx):
    carried = r.dtype.type(0)
    for i in range(r.size):
        k, stop = ptr[i], ptr[i + 1]
        if nx:
            s = r[i]
            if k < stop and idx[k] < i - nx:
                s = s - val[k] * y[idx[k]]
                k += 1
            if stop > k and idx[stop - 1] == i - 1:
                stop -= 1
                s = s - val[stop] * y[i - 1]
            if k < stop:
                s = s - val[k] * y[idx[k]]
            y[i] = s
            continue
        following = stop > k and idx[stop - 1] == i - 1
        if following:
            stop -= 1
        s = r[i]
        while k < stop:
            s -= val[k] * y[idx[k]]
            k += 1
        carried = s - val[k] * carried if following else s
        y[i] = carried


@njit(cache=True, nogil=True, error_model="numpy")
def _backward(ptr, idx, val, r, y, nx):
    carried = r.dtype.type(0)
    for i in range(r.size - 1, -1, -1):
        k, stop = ptr[i], ptr[i + 1]
        start = k
        if nx:
            s = r[i]
            if k < stop and idx[stop - 1] > i + nx:
                stop -= 1
                s = s - val[stop] * y[idx[stop]]
            if k < stop and idx[k] == i + 1:
                s = s - val[k] * y[i + 1]
                k += 1
            if k < stop:
                s = s - val[k] * y[idx[k]]
            y[i] = s
            continue
        following = start < stop and idx[start] == i + 1
        if following:
            k += 1
        s = r[i]
        while k < stop:
            s -= val[k] * y[idx[k]]
            k += 1
        carried = s - val[start] * carried if following else s
        y[i] = carried


@njit(cache=True, nogil=True)
def _strip_dot(x, y, nx, ny):
    """x'y: one sum per strip of eight grid lines, lane by lane."""
    s = np.empty(LANES)
    total = 0.0
    lines = x.size // nx
    for first in range(0, lines, ny):
        for j in range(0, ny, LANES):
            s[:] = 0.0
            for l in range(min(LANES, ny - j)):
                base = (first + j + l) * nx
                for i in range(base, base + nx):
                    s[l] += np.float64(x[i]) * np.float64(y[i])
            total += _lane_sum(s)
    return total


@njit(cache=True, nogil=True)
def _skewed_dot(x, y, nx, ny):
    """x'y in the chunks and lanes of the compiled vectors, which hold the unknowns strip by strip, skewed."""
    strips = (ny + LANES - 1) // LANES
    steps = nx + LANES - 1
    planes = x.size // (nx * ny)
    s = np.zeros(((planes * strips * steps * LANES + GRAIN - 1) // GRAIN, LANES))
    for g in range(planes * strips):
        j = g % strips * LANES
        for l in range(min(LANES, ny - j)):
            base = (g // strips * ny + j + l) * nx
            place = (g * steps + l) * LANES + l
            for i in range(nx):
                s[(place + i * LANES) // GRAIN, l] += np.float64(x[base + i]) * np.float64(y[base + i])
    total = 0.0
    for c in range(s.shape[0]):
        total += _lane_sum(s[c])
    return total


@njit(cache=True, nogil=True)
def _sweep_dot(x, y, nx, ny):
    return _strip_dot(x, y, nx, ny) if nx else _dot(x, y)


@njit(cache=True, nogil=True)
def _vector_dot(x, y, nx, ny):
    return _skewed_dot(x, y, nx, ny) if nx else _dot(x, y)


@njit(cache=True, nogil=True, error_model="numpy")
def _norm(ptr, idx, val, scale, r, room, nx, ny):
    for i in range(r.size):
        s = r[i]
        k, stop = ptr[i], ptr[i + 1]
        if nx:
            # west, south, below
            last = stop
            if last > k and idx[last - 1] == i - 1:
                last -= 1
                s = s + val[last] * r[i - 1]
            if last > k and idx[last - 1] == i - nx:
                last -= 1
                s = s + val[last] * r[i - nx]
            if last > k:
                s = s + val[k] * r[idx[k]]
        else:
            for h in range(k, stop):
                s += val[h] * r[idx[h]]
        room[i] = scale[i] * s
    return _sweep_dot(room, room, nx, ny)


@njit(cache=True, nogil=True, error_model="numpy")
def _small(v, tol):
    return np.isfinite(v) and np.sqrt(v) <= tol


@njit(cache=True, nogil=True, error_model="numpy")
def _eisenstat_burst(
    lp, li, lv, up, ui, uv, rest, scale, nx, ny, x, r, p, t, q, room, tol, maxiter, state, history, most
):  # fmt: skip
    """At most `most` iterations. state: rho, norm2, ratio, beta, iterations, fresh, peak."""
    kept = 0
    status = RUNNING
    rho, norm2, ratio, beta = state[0], state[1], state[2], state[3]
    done, fresh, peak = int(state[4]), state[5] != 0.0, state[6]
    while kept < most:
        look = _small(norm2, tol) or done % CHECK == 0 or rho <= 1e-60 * peak
        if look and not fresh:
            norm2 = _norm(lp, li, lv, scale, r, room, nx, ny)
            ratio = norm2 / rho
            fresh = True
        if _small(norm2, tol) or (np.isfinite(rho) and rho <= 1e-60 * peak):
            status = STATUS_OK
            break
        if done >= maxiter:
            status = STATUS_MAXITER
            break
        if not np.isfinite(rho) or not np.isfinite(norm2):
            status = STATUS_NONFINITE
            break
        b = x.dtype.type(beta)
        for i in range(p.size):
            p[i] = r[i] + b * p[i]
        _backward(up, ui, uv, p, t, nx)
        for i in range(p.size):
            room[i] = p[i] + rest[i] * t[i]
        _forward(lp, li, lv, room, q, nx)
        for i in range(p.size):
            room[i] = t[i] + q[i]
        pv = _sweep_dot(p, room, nx, ny)
        if not (pv > 0.0 and np.isfinite(pv)):
            status = STATUS_MATRIX if np.isfinite(pv) else STATUS_NONFINITE
            break
        alpha = x.dtype.type(rho / pv)
        for i in range(p.size):
            x[i] = x[i] + alpha * t[i]
            r[i] = r[i] + -alpha * room[i]
        after = _vector_dot(r, r, nx, ny)
        beta = after / rho
        rho = after
        norm2 = ratio * rho
        fresh = False
        done += 1
        history[kept] = np.sqrt(norm2)
        kept += 1
    state[0], state[1], state[2], state[3] = rho, norm2, ratio, beta
    state[4], state[5] = done, 1.0 if fresh else 0.0
    return status, kept


def _eisenstat_cg(plan, f, x, tol, maxiter, norms):
    (lp, li, lv), (up, ui, uv), (nx, ny, _) = plan.lower, plan.upper, plan.grid
    r, p, t, q, room = np.empty_like(f), np.zeros_like(f), np.empty_like(f), np.empty_like(f), np.empty_like(f)
    x[:] = 0
    _forward(lp, li, lv, f, r, nx)
    state = np.zeros(7)
    state[0] = _vector_dot(r, r, nx, ny)
    state[1] = _norm(lp, li, lv, plan.scale, r, room, nx, ny)
    state[2] = state[1] / state[0] if state[0] != 0.0 else np.nan
    state[5], state[6] = 1.0, state[0]
    most = 8
    while True:
        started = time.perf_counter()
        history = np.empty(most)
        status, count = _eisenstat_burst(
            lp, li, lv, up, ui, uv, plan.rest, plan.scale, nx, ny, x, r, p, t, q, room, tol, maxiter, state, history,
            most,
        )  # fmt: skip
        norms.extend(history[:count].tolist())
        if status != RUNNING:
            return status, int(state[4])
        spent = time.perf_counter() - started
        if spent < BURST_SECONDS / 2:
            most = min(2 * most, 1 << 16)
        elif spent > 2 * BURST_SECONDS:
            most = max(most // 2, 1)


def eisenstat_solve(plan, indptr, indices, data, b, x, tol, maxiter, zero_start, history, workers):
    norms = []
    matvecs = iterations = 0
    image, r, d = np.empty_like(b), np.empty_like(b), np.empty_like(b)
    one = b.dtype.type(1)

    def recompute(product):
        nonlocal matvecs
        r[:] = b
        if product:
            _matvec(indptr, indices, data, x, image)
            matvecs += 1
            return float(np.sqrt(_update(b[:0], -one, image, r)[0]))
        return float(np.sqrt(_update(b[:0], one - one, b, r)[0]))

    def met():
        return np.isfinite(residual) and residual <= tol

    residual = recompute(not zero_start)
    norms.append(residual)
    status = STATUS_OK
    turn = 0
    while not met():
        if not np.isfinite(residual):
            status = STATUS_NONFINITE
            break
        if turn == 2:
            status = STATUS_STAGNATED
            break
        with np.errstate(all="ignore"):
            status, done = _eisenstat_cg(plan, r / plan.scale, d, tol, maxiter - iterations, norms)
            x += plan.unit * (d / plan.scale)
        iterations += done
        matvecs += done
        residual = recompute(True)
        if status != STATUS_OK:
            break
        turn += 1
    if met():
        status = STATUS_OK
    return status, iterations, matvecs, residual, np.array(norms if history else [])


@njit(cache=True, nogil=True)
def _first_triangle(indptr, indices):
    n = indptr.size - 1
    mark = np.full(n, -1, indices.dtype)
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            if indices[k] < i:
                mark[indices[k]] = i
        for k in range(indptr[i], indptr[i + 1]):
            j = indices[k]
            if j >= i:
                break
            for h in range(indptr[j], indptr[j + 1]):
                if indices[h] >= j:
                    break
                if mark[indices[h]] == i:
                    return i
    return -1


def first_triangle(indptr, indices, data):
    return _first_triangle(indptr, indices)


@njit(cache=True, nogil=True, error_model="numpy")
def _mic_diagonal(indptr, indices, data, relax, shift, tau, pivot):
    n = pivot.size
    upper = np.zeros_like(pivot)
    one, zero = data.dtype.type(1), data.dtype.type(0)
    for i in range(n):
        d, total, u = zero, zero, zero
        found = False
        for k in range(indptr[i], indptr[i + 1]):
            j = indices[k]
            v = data[k]
            if j < i:
                total += v / pivot[j] * (v + relax * (upper[j] - v))
            elif j == i:
                d = v
                found = True
            else:
                u += v
        upper[i] = u
        if not found or not (d > zero) or not np.isfinite(d):
            return i
        e = (one + shift) * d - total
        if not (e > tau * d) or not np.isfinite(e):
            return i
        pivot[i] = e
    return -1


def mic_diagonal(indptr, indices, data, relax, shift, tau, pivot):
    kind = data.dtype.type
    return _mic_diagonal(indptr, indices, data, kind(relax), kind(shift), kind(tau), pivot)


@njit(cache=True, nogil=True, error_model="numpy")
def _mic_factor(indptr, indices, data, relax, shift, tau):
    n = indptr.size - 1
    one, zero = data.dtype.type(1), data.dtype.type(0)
    diagonal = np.empty(n, data.dtype)
    for j in range(n):
        if indptr[j] >= indptr[j + 1] or indices[indptr[j]] != j or not (data[indptr[j]] > zero):
            return j
        diagonal[j] = data[indptr[j]]
        data[indptr[j]] = (one + shift) * diagonal[j]
    for j in range(n):
        start, stop = indptr[j], indptr[j + 1]
        if not (data[start] > tau * diagonal[j]) or not np.isfinite(data[start]):
            return j
        root = np.sqrt(data[start])
        data[start] = root
        for k in range(start + 1, stop):
            data[k] /= root
        for k in range(start + 1, stop):
            row = indices[k]
            v = data[k]
            at, end = indptr[row], indptr[row + 1]
            data[at] -= v * v
            at += 1
            for h in range(k + 1, stop):
                column = indices[h]
                f = v * data[h]
                while at < end and indices[at] < column:
                    at += 1
                if at < end and indices[at] == column:
                    data[at] -= f
                else:
                    data[indptr[column]] -= relax * f
                    data[indptr[row]] -= relax * f
    return -1


def mic_factor(indptr, indices, data, relax, shift, tau, workers):
    kind = data.dtype.type
    return _mic_factor(indptr, indices, data, kind(relax), kind(shift), kind(tau))


@njit(cache=True, nogil=True, error_model="numpy")
def _ilu0_factor(indptr, indices, data, where, tau):
    n = where.size
    place = np.full(n, -1, indices.dtype)
    for i in range(n):
        largest = data.dtype.type(0)
        for k in range(indptr[i], indptr[i + 1]):
            place[indices[k]] = k
            largest = max(largest, abs(data[k]))
        for k in range(indptr[i], where[i]):
            j = indices[k]
            f = data[k] / data[where[j]]
            data[k] = f
            for h in range(where[j] + 1, indptr[j + 1]):
                at = place[indices[h]]
                if at >= 0:
                    data[at] -= f * data[h]
        for k in range(indptr[i], indptr[i + 1]):
            place[indices[k]] = -1
        pivot = data[where[i]]
        if not (abs(pivot) > tau * largest) or not np.isfinite(pivot):
            return i
    return -1


def ilu0_factor(indptr, indices, data, where, tau, workers):
    return _ilu0_factor(indptr, indices, data, where, data.dtype.type(tau))
