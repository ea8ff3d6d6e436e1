"""Numba twins of the solve kernels: the same chunks, lanes and order of operations, hence the same bits."""

import time

import numpy as np
from numba import njit

GRAIN = 4096
LANES = 8


@njit(cache=True, nogil=True, inline="always")
def _lane_sum(s):
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))


@njit(cache=True, nogil=True)
def _dot(x, y):
    n = x.size
    total = 0.0
    s = np.empty(LANES)
    for b in range(0, n, GRAIN):
        e = min(b + GRAIN, n)
        s[:] = 0.0
        full = b + (e - b) // LANES * LANES
        for i in range(b, full, LANES):
            for l in range(LANES):
                s[l] += np.float64(x[i + l]) * np.float64(y[i + l])
        for i in range(full, e):
            s[i - full] += np.float64(x[i]) * np.float64(y[i])
        total += _lane_sum(s)
    return total


def dot(x, y, workers):
    return _dot(x, y)


@njit(cache=True, nogil=True)
def _direction(inverse, z, beta, p):
    for i in range(p.size):
        zi = inverse[i] * z[i] if inverse.size else z[i]
        p[i] = zi + beta * p[i]


def cg_direction(inverse, z, beta, p, workers):
    with np.errstate(all="ignore"):
        _direction(inverse, z, p.dtype.type(beta), p)


@njit(cache=True, nogil=True)
def _update(inverse, alpha, q, r):
    n = r.size
    rr = 0.0
    rho = 0.0
    s = np.empty(LANES)
    t = np.empty(LANES)
    diagonal = inverse.size > 0
    for b in range(0, n, GRAIN):
        e = min(b + GRAIN, n)
        s[:] = 0.0
        t[:] = 0.0
        full = b + (e - b) // LANES * LANES
        for i in range(b, full, LANES):
            for l in range(LANES):
                v = r[i + l] + alpha * q[i + l]
                r[i + l] = v
                w = np.float64(v)
                s[l] += w * w
                if diagonal:
                    t[l] += w * (np.float64(inverse[i + l]) * w)
        for i in range(full, e):
            v = r[i] + alpha * q[i]
            r[i] = v
            w = np.float64(v)
            s[i - full] += w * w
            if diagonal:
                t[i - full] += w * (np.float64(inverse[i]) * w)
        rr += _lane_sum(s)
        rho += _lane_sum(t)
    return rr, (rho if diagonal else rr)


def cg_update(inverse, alpha, q, r, workers):
    with np.errstate(all="ignore"):
        return _update(inverse, r.dtype.type(alpha), q, r)


@njit(cache=True, nogil=True)
def _axpy(alpha, p, x):
    for i in range(x.size):
        x[i] = x[i] + alpha * p[i]


def axpy(alpha, p, x, workers):
    with np.errstate(all="ignore"):
        _axpy(x.dtype.type(alpha), p, x)


@njit(cache=True, nogil=True)
def _matvec(indptr, indices, data, x, y):
    for i in range(indptr.size - 1):
        s = data.dtype.type(0)
        for k in range(indptr[i], indptr[i + 1]):
            s += data[k] * x[indices[k]]
        y[i] = s


def csr_matvec(indptr, indices, data, x, y, workers):
    _matvec(indptr, indices, data, x, y)


@njit(cache=True, nogil=True)
def _matvec_dot(indptr, indices, data, x, y):
    _matvec(indptr, indices, data, x, y)
    return _dot(x, y)


def csr_matvec_dot(indptr, indices, data, x, y, workers):
    return _matvec_dot(indptr, indices, data, x, y)


@njit(cache=True, nogil=True)
def place_in_row(indptr, indices, row, column):
    """The first place in a sorted row whose column is not below the one given."""
    low, high = indptr[row], indptr[row + 1]
    while low < high:
        mid = low + (high - low) // 2
        if indices[mid] < column:
            low = mid + 1
        else:
            high = mid
    return low


@njit(cache=True, nogil=True)
def _diagonal(indptr, indices, data, where, inverse):
    for i in range(indptr.size - 1):
        place = place_in_row(indptr, indices, i, i)
        if place >= indptr[i + 1] or indices[place] != i:
            return i
        v = data[place]
        if v == 0 or not np.isfinite(v):
            return i
        inv = data.dtype.type(1) / v
        if not np.isfinite(inv):
            return i
        where[i] = place
        inverse[i] = inv
    return -1


@njit(cache=True, nogil=True)
def _largest(x):
    most = 0.0
    for v in x:
        if not abs(v) <= most:
            most = abs(v)
            if most != most:
                break
    return most


def largest(x, workers):
    return float(_largest(x.reshape(-1)))


@njit(cache=True, nogil=True)
def _canonical(indptr, indices, data, cols, finite):
    n = indptr.size - 1
    if indptr[0] != 0:
        return 1
    for i in range(n):
        if indptr[i + 1] < indptr[i] or indptr[i + 1] > data.size:
            return 1
    found = 0
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            if indices[k] < 0 or indices[k] >= cols:
                return 1
            if k > indptr[i] and indices[k] <= indices[k - 1]:
                found |= 2
            if finite and not np.isfinite(data[k]):
                found |= 4
    return found


def csr_canonical(indptr, indices, data, cols, finite, workers):
    return _canonical(indptr, indices, data, cols, finite)


def csr_diagonal(indptr, indices, data, where, inverse):
    return _diagonal(indptr, indices, data, where, inverse)


@njit(cache=True, nogil=True)
def _ssor(indptr, indices, data, where, inverse, omega, r, z):
    n = r.size
    rest = data.dtype.type(2) - omega
    last = data.dtype.type(0)
    for i in range(n):
        w = omega * inverse[i]
        k, stop = indptr[i], where[i]
        following = stop > k and indices[stop - 1] == i - 1
        if following:
            stop -= 1
        s = r[i]
        while k < stop:
            s -= data[k] * z[indices[k]]
            k += 1
        last = s * w - (data[stop] * w) * last if following else s * w
        z[i] = last
    last = data.dtype.type(0)
    for i in range(n - 1, -1, -1):
        w = omega * inverse[i]
        k, stop = where[i] + 1, indptr[i + 1]
        following = k < stop and indices[k] == i + 1
        c = data.dtype.type(0)
        if following:
            c = data[k] * w
            k += 1
        s = data.dtype.type(0)
        while k < stop:
            s += data[k] * z[indices[k]]
            k += 1
        t = rest * z[i] - w * s
        last = t - c * last if following else t
        z[i] = last


def ssor_apply(indptr, indices, data, where, inverse, omega, r, z, workers):
    _ssor(indptr, indices, data, where, inverse, data.dtype.type(omega), r, z)
    return _dot(r, z)


# Between bursts the loop is in Python: Ctrl-C is noticed there.
BURST_SECONDS = 0.1
STATUS_OK, STATUS_MAXITER, STATUS_MATRIX, STATUS_PRECOND, STATUS_NONFINITE, STATUS_STAGNATED = 0, 2, 4, 5, 6, 12
RUNNING = -1


@njit(cache=True, nogil=True, error_model="numpy")
def _residual(indptr, indices, data, b, x, q, r, inverse, product):
    one = b.dtype.type(1)
    r[:] = b
    if product:
        _matvec(indptr, indices, data, x, q)
        return _update(inverse, -one, q, r)
    return _update(inverse, one - one, b, r)


@njit(cache=True, nogil=True, error_model="numpy")
def _below(rr, tol, strict):
    return np.sqrt(rr) < tol if strict else (np.isfinite(rr) and np.sqrt(rr) <= tol)


@njit(cache=True, nogil=True, error_model="numpy")
def _burst(
    indptr, indices, data, b, x, precond, inverse, m_indptr, m_indices, m_data, where, omega, tol, maxiter,
    scipy_rules, r, p, q, z, state, history, most,
):  # fmt: skip
    """At most `most` iterations. state: rr, r'D^-1 r, rho, beta, iterations, matvecs, restarted, fresh, peak."""
    rr, diagonal, rho, beta = state[0], state[1], state[2], state[3]
    done, matvecs = int(state[4]), int(state[5])
    restarted, fresh = state[6] != 0.0, state[7] != 0.0
    peak = state[8]
    jacobi = inverse if precond == 1 else inverse[:0]
    status = RUNNING
    kept = 0
    while kept < most:
        if _below(rr, tol, scipy_rules) or (not scipy_rules and np.isfinite(rr) and rr <= 1e-60 * peak):
            status = STATUS_OK
            if scipy_rules or fresh:
                break
            rr, diagonal = _residual(indptr, indices, data, b, x, q, r, jacobi, True)
            matvecs += 1
            fresh = True
            if _below(rr, tol, scipy_rules):
                break
            if restarted or not np.isfinite(rr):
                status = STATUS_STAGNATED if np.isfinite(rr) else STATUS_NONFINITE
                break
            status = RUNNING
            restarted = True
            beta = 0.0
            peak = rr
        if done >= maxiter:
            status = STATUS_MAXITER
            break
        if np.isnan(rr) or (not scipy_rules and not np.isfinite(rr)):
            status = STATUS_NONFINITE
            break
        following = diagonal
        if precond == 2:
            _ssor(m_indptr, m_indices, m_data, where, inverse, omega, r, z)
            following = _dot(r, z)
        if not scipy_rules and not (following > 0.0 and np.isfinite(following)):
            status = STATUS_PRECOND if np.isfinite(following) else STATUS_NONFINITE
            break
        if done > 0 and not (fresh and restarted):
            beta = following / rho
        rho = following
        _direction(jacobi, z if precond == 2 else r, b.dtype.type(beta), p)
        pq = _matvec_dot(indptr, indices, data, p, q)
        matvecs += 1
        if not scipy_rules and not (pq > 0.0 and np.isfinite(pq)):
            status = STATUS_MATRIX if np.isfinite(pq) else STATUS_NONFINITE
            break
        alpha = rho / pq
        _axpy(b.dtype.type(alpha), p, x)
        rr, diagonal = _update(jacobi, b.dtype.type(-alpha), q, r)
        fresh = False
        peak = max(peak, rr)
        done += 1
        history[kept] = np.sqrt(rr)
        kept += 1
    state[0], state[1], state[2], state[3] = rr, diagonal, rho, beta
    state[4], state[5] = done, matvecs
    state[6], state[7] = (1.0 if restarted else 0.0), (1.0 if fresh else 0.0)
    state[8] = peak
    return status, kept


def cg_csr(
    indptr, indices, data, b, x, precond, inverse, m_indptr, m_indices, m_data, where, omega, tol, maxiter, zero_start,
    scipy_rules, history, workers,
):  # fmt: skip
    r, q, p = np.empty_like(b), np.empty_like(b), np.zeros_like(b)
    z = np.empty_like(b) if precond == 2 else b[:0].copy()
    jacobi = inverse if precond == 1 else inverse[:0]
    state = np.zeros(9)
    state[0], state[1] = _residual(indptr, indices, data, b, x, q, r, jacobi, not zero_start)
    state[5] = 0.0 if zero_start else 1.0
    state[7] = 1.0
    state[8] = state[0]
    kept = [np.sqrt(state[:1])]
    most = 8
    while True:
        started = time.perf_counter()
        norms = np.empty(most)
        status, count = _burst(
            indptr, indices, data, b, x, precond, inverse, m_indptr, m_indices, m_data, where, b.dtype.type(omega),
            tol, maxiter, scipy_rules, r, p, q, z, state, norms, most,
        )  # fmt: skip
        kept.append(norms[:count])
        if status != RUNNING:
            break
        spent = time.perf_counter() - started
        if spent < BURST_SECONDS / 2:
            most = min(2 * most, 1 << 16)
        elif spent > 2 * BURST_SECONDS:
            most = max(most // 2, 1)
    if not scipy_rules and state[7] == 0.0:
        state[0], state[1] = _residual(indptr, indices, data, b, x, q, r, jacobi, True)
        state[5] += 1
        if status == STATUS_MAXITER and np.sqrt(state[0]) <= tol:
            status = STATUS_OK
    norms = np.concatenate(kept) if history else np.empty(0)
    product_bytes = data.nbytes + indices.nbytes + (indptr.size - 1) * indptr.itemsize
    return int(status), int(state[4]), int(state[5]), float(np.sqrt(state[0])), norms, 0, product_bytes
