"""Numba twin of ``spline/place.hpp``: where to put a given number of knots. References are in the header."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from kriss._numba._elementary import exp64, log64
from kriss._numba.spline_lsq import _ROWS, _basis_block, _last_cell, _next_block, _solve


@njit(cache=True, nogil=True, error_model="numpy")
def _admissible(x, t, n, k):
    for i in range(k, n):
        if not t[i] < t[i + 1]:
            return False
    j = 0
    for i in range(n):
        while j < x.size and not (x[j] > t[i] or (i == 0 and x[j] >= t[0])):
            j += 1
        if not (j < x.size and (x[j] < t[i + k + 1] or (i == n - 1 and x[j] <= t[n]))):
            return False
        j += 1
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _try(x, y, w, k, interior, t, r, q, rss, c, block, solved):
    number = interior.size
    n = number + k + 1
    for i in range(k + 1):
        t[i] = x[0]
        t[n + i] = x[x.size - 1]
    for i in range(number):
        t[k + 1 + i] = interior[i]
    if not _admissible(x, t, n, k):
        return np.inf
    solved[0] += 1
    return np.inf if _solve(x, y, w, t, k, r, q, rss, c, block) >= 0 else rss[0]


@njit(cache=True, nogil=True, error_model="numpy")
def _residuals(x, y, w, k, t, c, block, out):
    last = _last_cell(t, t.size - k - 1, k)
    cell = 0
    i = 0
    while i < x.size:
        cell, end = _next_block(t, k, last, x, cell, i)
        _basis_block(t, k, cell, x, i, end - i, block)
        for row in range(end - i):
            v = y[i + row, 0]
            for a in range(k + 1):
                v -= c[cell + a, 0] * block[a, row]
            out[i + row] = w[i + row] * v
        i = end


@njit(cache=True, nogil=True, error_model="numpy")
def _jump(top, b, i):
    return abs((top[i + 1] - top[i]) / (b[i + 2] - b[i]))


@njit(cache=True, nogil=True, error_model="numpy")
def _newnot(t, c, k, interior):
    number = interior.size
    cells = number + 1
    top = np.empty(cells)
    density = np.empty(cells)
    d = np.empty(k + 1)
    for cell in range(cells):
        for a in range(k + 1):
            d[a] = c[cell + a, 0]
        for j in range(1, k + 1):
            for a in range(k, j - 1, -1):
                d[a] = float(k - j + 1) * (d[a] - d[a - 1]) / (t[cell + a + k - j + 1] - t[cell + a])
        top[cell] = d[k]
    b = t[k:]
    most = 0.0
    for i in range(cells):
        density[i] = _jump(top, b, max(i - 1, 0)) + _jump(top, b, min(i, cells - 2))
        most = max(density[i], most)
    total = 0.0
    for i in range(cells):
        e = max(density[i], 1e-12 * most)
        density[i] = exp64(log64(e) / (k + 1)) if most > 0.0 else 1.0
        total += density[i] * (b[i + 1] - b[i])
    reached = 0.0
    cell = 0
    for i in range(number):
        wanted = total * (i + 1) / cells
        while cell + 1 < cells and reached + density[cell] * (b[cell + 1] - b[cell]) < wanted:
            reached += density[cell] * (b[cell + 1] - b[cell])
            cell += 1
        interior[i] = b[cell] + (wanted - reached) / density[cell]


@njit(cache=True, nogil=True, error_model="numpy")
def _knots_of(kappa, low, high, interior):
    log_width = 0.0
    total = 1.0
    for i in range(kappa.size):
        log_width += kappa[i]
        total += exp64(min(max(log_width, -60.0), 60.0))
    log_width = 0.0
    partial = 1.0
    for i in range(kappa.size):
        interior[i] = low + (high - low) * (partial / total)
        log_width += kappa[i]
        partial += exp64(min(max(log_width, -60.0), 60.0))


@njit(cache=True, nogil=True, error_model="numpy")
def _together(x, y, w, k, interior, rss, iterations, t, r, q, left, c, block, solved):
    number = interior.size
    points = x.size
    now_r = np.empty(points)
    moved = np.empty(points)
    jac = np.empty((number, points))
    normal = np.empty((number, number))
    factor = np.empty((number, number))
    gradient = np.empty(number)
    kappa = np.empty(number)
    step = np.empty(number)
    trial = np.empty(number)
    low, high = x[0], x[points - 1]
    before = interior[0] - low
    for i in range(number):
        after = (interior[i + 1] if i + 1 < number else high) - interior[i]
        kappa[i] = log64(after / before)
        before = after
    damping = 1e-3
    fresh = True
    for _ in range(iterations):
        if fresh:
            _knots_of(kappa, low, high, trial)
            if not _try(x, y, w, k, trial, t, r, q, left, c, block, solved) < np.inf:
                return rss
            _residuals(x, y, w, k, t, c, block, now_r)
            h = 1e-6
            for j in range(number):
                kept = kappa[j]
                kappa[j] = kept + h
                _knots_of(kappa, low, high, trial)
                kappa[j] = kept
                if not _try(x, y, w, k, trial, t, r, q, left, c, block, solved) < np.inf:
                    return rss
                _residuals(x, y, w, k, t, c, block, moved)
                for i in range(points):
                    jac[j, i] = (moved[i] - now_r[i]) / h
            for a in range(number):
                for b in range(a + 1):
                    total = 0.0
                    for i in range(points):
                        total += jac[a, i] * jac[b, i]
                    normal[a, b] = total
                total = 0.0
                for i in range(points):
                    total += jac[a, i] * now_r[i]
                gradient[a] = total
            fresh = False
        largest = 0.0
        for a in range(number):
            largest = max(normal[a, a], largest)
        if not largest > 0.0:
            return rss
        for a in range(number):
            for b in range(a + 1):
                v = normal[a, b]
                v += damping * (v + 1e-6 * largest) if a == b else 0.0
                for p in range(b):
                    v -= factor[a, p] * factor[b, p]
                if a == b:
                    if not v > 0.0:
                        return rss
                    factor[a, a] = math.sqrt(v)
                else:
                    factor[a, b] = v / factor[b, b]
        for a in range(number):
            v = -gradient[a]
            for p in range(a):
                v -= factor[a, p] * step[p]
            step[a] = v / factor[a, a]
        for a in range(number - 1, -1, -1):
            v = step[a]
            for p in range(a + 1, number):
                v -= factor[p, a] * step[p]
            step[a] = v / factor[a, a]
        _knots_of(kappa + step, low, high, trial)
        found = _try(x, y, w, k, trial, t, r, q, left, c, block, solved)
        if found < rss:
            slow = found > rss * (1.0 - 1e-4)
            rss = found
            for a in range(number):
                kappa[a] = kappa[a] + step[a]
                interior[a] = trial[a]
            damping *= 0.2
            fresh = True
            if slow:
                return rss
        else:
            damping *= 5.0
            if damping > 1e6:
                return rss
    return rss


@njit(cache=True, nogil=True, error_model="numpy")
def _sweep(x, y, w, k, interior, rss, sweeps, t, r, q, left, c, block, solved):
    number = interior.size
    for _ in range(sweeps):
        before = rss
        for j in range(number):
            low = interior[j - 1] if j > 0 else x[0]
            high = interior[j + 1] if j + 1 < number else x[x.size - 1]
            room = high - low
            start = interior[j]
            for place in range(9):
                trial = interior.copy()
                if place < 7:
                    trial[j] = low + room * (0.02 + 0.16 * place)
                else:
                    trial[j] = start + (-0.02 if place == 7 else 0.02) * room
                if not (trial[j] > low and trial[j] < high):
                    continue
                found = _try(x, y, w, k, trial, t, r, q, left, c, block, solved)
                if found < rss:
                    rss = found
                    interior[j] = trial[j]
        if not rss < 0.99 * before:
            break
    return rss


@njit(cache=True, nogil=True, error_model="numpy")
def _place(x, y, w, k, starts, rounds, polished, sweeps, iterations, relocations, knots):
    count_starts, number = starts.shape
    n = number + k + 1
    t = np.empty(n + k + 1)
    r, q, left, c = np.empty((n, k + 1)), np.empty((n, 1)), np.empty(1), np.empty((n, 1))
    block = np.empty((k + 2, _ROWS))
    solved = np.zeros(1, np.int64)
    value_of = np.empty(count_starts * rounds + 2)
    found = np.empty((count_starts * rounds + 2, number))
    count = 0
    for start in range(count_starts):
        trial = starts[start].copy()
        for _ in range(rounds):
            value = _try(x, y, w, k, trial, t, r, q, left, c, block, solved)
            if not value < np.inf:
                break
            at = count
            while at > 0 and value_of[at - 1] > value:
                value_of[at] = value_of[at - 1]
                found[at] = found[at - 1]
                at -= 1
            value_of[at] = value
            found[at] = trial
            count += 1
            _newnot(t, c, k, trial)
    if count == 0:
        return np.inf, solved[0]
    rss = value_of[0]
    knots[:] = found[0]
    for i in range(polished):
        if not rss > 0.0:
            break
        which = i if i < 3 else 3 + 8 * (i - 3)
        if which >= count:
            break
        interior = found[which]
        value = _sweep(x, y, w, k, interior, value_of[which], sweeps, t, r, q, left, c, block, solved)
        value = _together(x, y, w, k, interior, value, iterations, t, r, q, left, c, block, solved)
        if value < rss:
            rss = value
            knots[:] = interior
    for _ in range(relocations):
        if not rss > 0.0:
            break
        before = rss
        value_of[0] = value_of[1] = np.inf
        trial = np.empty(number)
        for out in range(number):
            for cell in range(number + 1):
                if cell in (out, out + 1):
                    continue
                low = knots[cell - 1] if cell > 0 else x[0]
                high = knots[cell] if cell < number else x[x.size - 1]
                at = 0
                for i in range(number + 1):
                    if i == cell:
                        trial[at] = low + (high - low) / 2.0
                        at += 1
                    if i < number and i != out:
                        trial[at] = knots[i]
                        at += 1
                value = _try(x, y, w, k, trial, t, r, q, left, c, block, solved)
                if not value < value_of[1]:
                    continue
                into = 1
                if value < value_of[0]:
                    value_of[1] = value_of[0]
                    found[1] = found[0]
                    into = 0
                value_of[into] = value
                found[into] = trial
        for which in range(2):
            if not value_of[which] < np.inf:
                continue
            interior = found[which]
            value = _together(x, y, w, k, interior, value_of[which], iterations, t, r, q, left, c, block, solved)
            if value < rss:
                rss = value
                knots[:] = interior
        if not rss < 0.999 * before:
            break
    return rss, solved[0]


def place_knots(x, y, w, k, starts, rounds, polished, sweeps, iterations, relocations, knots):
    values = y.reshape(-1, 1)
    return _place(x, values, w, k, starts, rounds, polished, sweeps, iterations, relocations, knots)
