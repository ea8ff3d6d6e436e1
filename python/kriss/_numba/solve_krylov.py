"""Numba twins of the Krylov loops: the passes are compiled, the loops around them are Python.

Same chunks, lanes and order of operations as cpp/include/kriss/solve/{krylov,gram_schmidt,arnoldi,minres,
bicgstab,fcg}.hpp.
"""

import math
from typing import Any

import numpy as np
from numba import njit

from kriss._numba import solve as _solve
from kriss._numba.solve_products import CROSS_ROUNDING, bound_cross, dot_complex

MOST_SHADOWS = 8
OK, MAXITER, BREAKDOWN, MATRIX, PRECOND, NONFINITE, STAGNATED = 0, 2, 3, 4, 5, 6, 12


@njit(cache=True, nogil=True)
def _zero(y):
    for i in range(y.size):
        y[i] = 0


@njit(cache=True, nogil=True)
def _scale(beta, y):
    for i in range(y.size):
        y[i] = beta * y[i]


@njit(cache=True, nogil=True)
def _add1(y, c, v):
    for i in range(y.size):
        y[i] = y[i] + c * v[i]


def _dot(x, y):
    if x.dtype.kind == "c":
        return complex(dot_complex(x, y))
    return float(_solve._dot(x, y))


def fused(y, beta, v, c, w, workers):
    with np.errstate(all="ignore"):
        if v or beta != 1:
            if beta == 0:
                _zero(y)
            elif beta != 1:
                _scale(y.dtype.type(beta), y)
            for k in range(len(v)):
                _add1(y, y.dtype.type(c[k]), v[k])
    out = np.array([_dot(x, y) for x in w], dtype=np.complex128 if y.dtype.kind == "c" else np.float64)
    return out, _dot(y, y).real


class _Map:
    halo = 0
    storage = 0
    product_bytes = 0

    def __init__(self, n, apply, diagonal=None):
        self.n = n
        self.diagonal = diagonal
        self._apply = apply

    def apply(self, x, y, workers):
        self._apply(x, y)


@njit(cache=True, nogil=True)
def _matvec(indptr, indices, data, x, y):
    zero = data.dtype.type(0)
    for i in range(indptr.size - 1):
        s = zero
        for k in range(indptr[i], indptr[i + 1]):
            s = s + data[k] * x[indices[k]]
        y[i] = s


def csr_map(indptr, indices, data, by_diagonal):
    return _Map(indptr.size - 1, lambda x, y: _matvec(indptr, indices, data, x, y))


def ssor_map(indptr, indices, data, where, inverse, omega):
    def apply(r, z):
        _solve._ssor(indptr, indices, data, where, inverse, data.dtype.type(omega), r, z)

    return _Map(inverse.size, apply)


def diagonal_map(d):
    return _Map(d.size, lambda x, y: np.multiply(d, x, out=y), d)


def native_map(M, scale):
    return _Map(M.size, lambda r, z: M.apply(r, z, scale, 0))


def hook_map(fn, like):
    return _Map(like.size, fn)


class _Context:
    """What a loop works with: the maps, the record of norms, the callback."""

    def __init__(self, a, m, callback):
        self.a, self.m, self.callback = a, m, callback
        self.norms = []
        self.matvecs = 0

    def multiply(self, x, y):
        self.matvecs += 1
        self.a.apply(x, y, 0)

    def precondition(self, r, room):
        if self.m is None:
            return r
        self.m.apply(r, room, 0)
        return room

    def after(self, norm):
        self.norms.append(norm)
        if self.callback is not None:
            self.callback()

    def first_residual(self, b, x, zero_start, q, r):
        r[:] = b
        if zero_start:
            return norm2(r)
        self.multiply(x, q)
        return combine(r, 1.0, [(-1.0, q)])


def norm2(y):
    return _dot(y, y).real


def combine(y, beta, terms, w=(), norm=True):
    """As fused; returns the norm, or the products if there are any (and the norm)."""
    out, rr = fused(y, beta, [v for _, v in terms], [c for c, _ in terms], list(w), 0) if norm or w else (None, 0.0)
    if not norm and not w:
        with np.errstate(all="ignore"):
            if beta == 0:
                _zero(y)
            elif beta != 1:
                _scale(y.dtype.type(beta), y)
            for c, v in terms:
                _add1(y, y.dtype.type(c), v)
    return (out, rr) if w else rr


def _sqrt(value):
    return math.sqrt(value) if value >= 0 else math.nan


def _divide(a, b):
    """IEEE division."""
    with np.errstate(all="ignore"):
        if isinstance(a, complex) or isinstance(b, complex):
            return _divide_complex(complex(a), complex(b))
        return float(np.float64(a) / np.float64(b))


def _divide_complex(a, b):
    re, im = np.float64(a.real), np.float64(a.imag)
    c, d = np.float64(b.real), np.float64(b.imag)
    if abs(c) >= abs(d):
        t = d / c
        e = c + d * t
        return complex((re + im * t) / e, (im - re * t) / e)
    t = c / d
    e = c * t + d
    return complex((re * t + im) / e, (im * t - re) / e)


def _rotation(a, b):
    size = abs(a)
    if b == 0.0:
        return 1.0, 0.0, a
    h = math.hypot(size, b)
    if size == 0.0:
        return 0.0, 1.0, b
    c = size / h
    if isinstance(a, complex):
        phase = a / size
        return c, phase * (b / h), phase * h
    sign = -1.0 if a < 0 else 1.0
    return c, sign * b / h, sign * h


CANCEL_MOST = 1e-4
CANCEL_MOST_BESIDE_C = 1e-2


def _back_substitute(r, g, beta, eps):
    """R y = g, without the coefficients that would be noise: see cpp/include/kriss/solve/arnoldi.hpp."""
    steps = len(g)
    y = np.ones(steps, dtype=r.dtype)  # 0: left out
    largest = np.sum(np.abs(r) ** 2, axis=0).max(initial=0.0)
    pivots = np.abs(np.diagonal(r)) ** 2
    for _ in range(steps + 1):
        for i in range(steps - 1, -1, -1):
            if y[i] == 0 or not pivots[i] > 0:
                y[i] = 0
                continue
            total = g[i]
            for j in range(i + 1, steps):
                total = total - r[i, j] * y[j]
            y[i] = _divide(total, r[i, i].item())
        sizes = np.abs(y) ** 2
        candidates = np.flatnonzero((sizes > 0) & (pivots < largest))
        if not (eps * eps * largest * sizes > 0.01 * beta * beta).any() or not candidates.size:
            break
        y[candidates[np.argmin(pivots[candidates])]] = 0
    return y


def arnoldi(
    a, m, left, v, z, c, h, b, beta, tol, eps, callback, workers, complete=True, padded=False, loss=0.0, cross=None
):  # fmt: skip
    s = _Context(a, m, None)
    steps = len(v) - 1
    k = len(c)
    lax = loss > 0 and (k == 0 or bool(z))
    if cross is None:
        cross = np.zeros((k + steps + 1, k + steps + 1))
        cross[:k, :k] = CROSS_ROUNDING * eps * (1 - np.eye(k))
    lost, square = 0.0, 1.0
    kind: Any = complex if v[0].dtype.kind == "c" else float
    real = v[0].real.dtype.type
    triangle = np.zeros((steps, steps + 1), dtype=kind)
    cs = [0.0] * steps
    sn = [kind(0)] * steps
    g = [kind(0)] * (steps + 1)
    g[0] = kind(beta)
    room = np.empty_like(v[0])
    residual, taken, breakdown, finite, sigma = beta, 0, False, True, 0.0

    def correct(j, p, rho):
        b[j - 1, :k] += sigma * p[:k]
        h[j - 1, :j] += sigma * p[k:]
        h[j - 1, j] = sigma * rho

    most = CANCEL_MOST_BESIDE_C if k > 0 and not z else CANCEL_MOST
    if k > 0:
        along, _ = fused(v[0], 1.0, [], [], c, 0)
        combine(v[0], 1.0, list(zip(-along, c, strict=True)), norm=False)
    for j in range(steps):
        u, w = v[j], v[j + 1]
        if left:
            if m is None:
                s.multiply(u, w)
            else:
                s.multiply(u, room)
                s.precondition(room, w)
        else:
            direction = s.precondition(u, z[j] if z else room)
            if z and direction is not z[j]:
                z[j][:] = direction
            s.multiply(direction, w)
        basis = [*c, *v[:j]]
        once = lax and j > 0 and lost <= loss
        of_u, uu = (np.zeros(len(basis), kind), square) if once else fused(u, 1.0, [], [], basis, 0)
        of_w, before = fused(w, 1.0, [], [], [*basis, u], 0)
        of_w, own = of_w[:-1], kind(of_w[-1])
        with np.errstate(all="ignore"):
            rho = _sqrt(uu - float(np.sum(np.abs(of_u) ** 2)))
            if not math.isfinite(before) or not (rho > 0.0) or not math.isfinite(rho):
                finite = False
                break
            own = (own - kind(np.vdot(of_u, of_w))) * (1.0 / rho)
            left_over = before - (float(np.sum(np.abs(of_w) ** 2)) + abs(own) ** 2)
            twice = not (left_over > most * before)
            scale = before if twice else left_over
            factor = 1.0 / math.sqrt(scale) if scale > 0.0 else 1.0
            if not once:
                combine(u, 1.0, list(zip(-of_u, basis, strict=True)), norm=False)
                bound_cross(cross, len(basis), None, eps, 1.0, 1.0)
            _scale(real(1.0 / rho), u)
            combine(w, 1.0, [*zip(-of_w, basis, strict=True), (-own, u)], norm=False)
            _scale(real(factor), w)
        after = norm2(w)
        if j > 0 and not once:
            correct(j, of_u, rho)
        sigma = 1.0 / factor
        basis.append(u)
        of_w = first = np.append(of_w, own)
        if twice:
            more, _ = fused(w, 1.0, [], [], basis, 0)
            _, after = fused(w, 1.0, basis, -more, [], 0)
            of_w = of_w + sigma * more
        b[j, :k] = of_w[:k]
        h[j, : j + 1] = of_w[k:]
        h1 = sigma * _sqrt(after)
        square = 1.0 if twice else after
        if twice:
            lost = bound_cross(cross, len(basis), None, eps, 1.0, 1.0)
        else:
            lost = bound_cross(cross, len(basis), first, eps, _sqrt(before), _sqrt(left_over))
        if not math.isfinite(h1):
            finite = False
            break
        breakdown = not (h1 > eps * _sqrt(before))
        if breakdown:
            h1 = 0.0
        elif twice:
            combine(w, 1.0 / _sqrt(after), [], norm=False)
            sigma = h1
        h[j, j + 1] = h1
        if not z:
            # by linearity, the columns for v_j from those for u_j
            h[j, : j + 2] = (h[j, : j + 2] - of_u[k:] @ h[:j, : j + 2]) / rho
            b[j, :k] = (b[j, :k] - of_u[k:] @ b[:j, :k]) / rho
            sigma /= rho
            h1 = float(h[j, j + 1].real)
        column = [kind(t) for t in h[j, : j + 1]] + [kind(h1)]
        for i in range(j):
            n0, n1 = column[i], column[i + 1]
            column[i] = cs[i] * n0 + sn[i] * n1
            column[i + 1] = -np.conj(sn[i]) * n0 + cs[i] * n1
        cs[j], sn[j], column[j] = _rotation(column[j], h1)
        triangle[j, : j + 1] = column[: j + 1]
        g[j + 1] = -np.conj(sn[j]) * g[j]
        g[j] = cs[j] * g[j]
        residual = abs(g[j + 1])
        taken = j + 1
        if callback is not None:
            callback(residual)
        if residual <= tol or breakdown:
            break
    if complete and taken and finite and not breakdown:
        basis, last = [*c, *v[:taken]], v[taken]
        after = square
        if not (lax and lost <= loss):
            more, _ = fused(last, 1.0, [], [], basis, 0)
            _, after = fused(last, 1.0, basis, -more, [], 0)
            correct(taken, more, _sqrt(after))
            bound_cross(cross, len(basis), None, eps, 1.0, 1.0)
        combine(last, 1.0 / _sqrt(after), [], norm=False)
    y = _back_substitute(triangle[:taken, :taken].T, g[:taken], beta, eps)
    return taken, float(residual), breakdown, finite, y, s.matvecs


def minres(a, m, b, x, zero_start, shift, tol, rtol, eps, maxiter, scipy_rules, callback, workers):
    s = _Context(a, m, callback)

    def end(status, iterations, istop=0):
        return status, iterations, s.matvecs, np.array(s.norms), istop

    def true_residual(into):
        s.multiply(x, into)
        return combine(into, -1.0, [(1.0, b), (shift, x)])

    u, r1, r2 = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    w, w2 = np.zeros_like(x), np.zeros_like(x)
    spare = [np.empty_like(x), np.empty_like(x)] if m is not None else []
    if zero_start:
        r2[:] = b
        rr = norm2(r2)
    else:
        rr = true_residual(r2)
    residual = _sqrt(rr)
    s.norms.append(residual)
    if not math.isfinite(rr):
        return end(NONFINITE, 0)
    if not scipy_rules and residual <= tol:
        return end(OK, 0)

    def apply_m(plain):
        if m is None:
            return r2, plain
        spare.reverse()
        m.apply(r2, spare[0], 0)
        return spare[0], _dot(r2, spare[0]).real

    y, square = apply_m(rr)
    if not (square >= 0.0) or not math.isfinite(square):
        return end(PRECOND if math.isfinite(square) else NONFINITE, 0)
    if square == 0.0:
        return end(PRECOND if rr > 0 else OK, 0)
    beta1 = math.sqrt(square)
    oldb, beta, dbar, epsln, phibar = 0.0, beta1, 0.0, 0.0, beta1
    tnorm2, gmax, gmin, cs, sn = 0.0, 0.0, 1.7976931348623157e308, -1.0, 0.0
    kappa = _sqrt(rr) / beta1
    istop, it, size = 0, 0, 0.0
    while it < maxiter:
        it += 1
        scale = 1.0 / beta
        s.multiply(y, u)
        terms = [(-shift * scale, y)]
        if it >= 2:
            terms.append((-beta / oldb, r1))
        (yu,), _ = combine(u, scale, terms, [y])
        alfa = scale * yu.real
        uu = combine(u, 1.0, [(-alfa / beta, r2)])
        v = y
        oldeps = epsln
        delta = cs * dbar + sn * alfa
        gbar = sn * dbar - cs * alfa
        r1, r2, u = r2, u, r1
        oldb = beta
        y, square = apply_m(uu)
        if not (square >= 0.0) or not math.isfinite(square) or not math.isfinite(alfa):
            return end(PRECOND if math.isfinite(square) and math.isfinite(alfa) else NONFINITE, it)
        beta = math.sqrt(square)
        tnorm2 += alfa * alfa + oldb * oldb + beta * beta
        if it == 1 and beta / beta1 <= 10 * eps:
            istop = -1
        epsln = sn * beta
        dbar = -cs * beta
        root = math.hypot(gbar, dbar)
        size = max(size, math.hypot(alfa, math.hypot(beta, oldb if it >= 2 else 0.0)))
        if not scipy_rules and root <= 10 * eps * size:
            return end(STAGNATED, it - 1)
        gamma = max(math.hypot(gbar, beta), eps)
        cs = gbar / gamma
        sn = beta / gamma
        phi = cs * phibar
        phibar = sn * phibar
        w, w2 = w2, w
        combine(w, -oldeps / gamma, [(scale / gamma, v), (-delta / gamma, w2)], norm=False)
        xx = combine(x, 1.0, [(phi, w)], norm=scipy_rules)
        gmax, gmin = max(gmax, gamma), min(gmin, gamma)
        anorm = math.sqrt(tnorm2)
        test2 = math.inf if anorm == 0.0 else root / anorm
        if scipy_rules:
            ynorm = _sqrt(xx)
            epsx = anorm * ynorm * eps
            test1 = math.inf if ynorm == 0.0 or anorm == 0.0 else phibar / (anorm * ynorm)
            if istop == 0:
                for true, number in (
                    (1.0 + test2 <= 1.0, 2), (1.0 + test1 <= 1.0, 1), (it >= maxiter, 6), (gmax / gmin >= 0.1 / eps, 4),
                    (epsx >= beta1, 3), (test2 <= rtol, 2), (test1 <= rtol, 1),
                ):  # fmt: skip
                    istop = number if true else istop
            s.after(phibar)
            if istop != 0:
                return end(MAXITER if istop == 6 else OK, it, istop)
            continue
        residual = kappa * phibar
        s.after(residual)
        finished = beta == 0.0
        if m is not None and (residual <= tol or finished):
            residual = _sqrt(true_residual(u))
            kappa = residual / phibar if phibar > 0.0 else kappa
        if residual <= tol:
            return end(OK, it)
        if finished:
            return end(STAGNATED, it)
    return end(MAXITER, it)


def bicgstab(a, m, b, x, zero_start, tol, eps, maxiter, scipy_rules, callback, workers):
    s = _Context(a, m, callback)
    r, shadow, p, v, t = (np.empty_like(x) for _ in range(5))
    room_p, room_s = (np.empty_like(x), np.empty_like(x)) if m is not None else (None, None)
    small = eps * eps
    done = restarts = 0

    def end(status, info=0):
        return status, done, s.matvecs, np.array(s.norms), info, restarts

    def below(square):
        norm = _sqrt(square)
        return norm < tol if scipy_rules else norm <= tol and math.isfinite(norm)

    rr = s.first_residual(b, x, zero_start, v, r)
    s.norms.append(_sqrt(rr))
    shadow[:] = r
    shadow_norm = _sqrt(rr)
    rho = rr
    before = alpha = omega = 0.0
    first = True
    while True:
        if below(rr) and (not scipy_rules or done < maxiter):
            return end(OK)
        if done >= maxiter:
            return end(MAXITER)
        if not math.isfinite(rr):
            return end(NONFINITE)
        if scipy_rules:
            if abs(rho) < small or (not first and abs(omega) < small):
                return end(BREAKDOWN, -10 if abs(rho) < small else -11)
        elif not (abs(rho) > eps * shadow_norm * _sqrt(rr)) or (not first and omega == 0):
            if first or restarts == MOST_SHADOWS:
                return end(BREAKDOWN)
            restarts += 1
            shadow[:] = r
            shadow_norm = _sqrt(rr)
            rho = rr
            first = True
        if first:
            p[:] = r
        else:
            beta = _divide(rho, before) * _divide(alpha, omega)
            combine(p, beta, [(-(beta * omega), v), (1.0, r)], norm=False)
        p_hat = s.precondition(p, room_p)
        s.multiply(p_hat, v)
        rv = _dot(shadow, v)
        if rv == 0:
            if scipy_rules or first or restarts == MOST_SHADOWS:
                return end(BREAKDOWN, -11)
            rho = 0.0
            continue
        alpha = _divide(rho, rv)
        rr = combine(r, 1.0, [(-alpha, v)])
        if below(rr):
            combine(x, 1.0, [(alpha, p_hat)], norm=False)
            if not scipy_rules:
                done += 1
                s.after(_sqrt(rr))
            return end(OK)
        r_hat = s.precondition(r, room_s)
        s.multiply(r_hat, t)
        (rt,), tt = combine(t, 1.0, [], [r])
        omega = _divide(np.conj(rt).item(), tt)
        if not scipy_rules and tt == 0.0:
            omega = 0.0
        combine(x, 1.0, [(alpha, p_hat), (omega, r_hat)], norm=False)
        before = rho
        (rho,), rr = combine(r, 1.0, [(-omega, t)], [shadow])
        rho = rho.item()
        first = False
        done += 1
        s.after(_sqrt(rr))


def fcg(a, m, b, x, zero_start, window, u, w, e_inverse, kept_p, kept_q, tol, maxiter, callback, workers):
    s = _Context(a, m, callback)
    ps = [np.empty_like(x) for _ in range(window + 1)]
    qs = [np.empty_like(x) for _ in range(window + 1)]
    r, room = np.empty_like(x), np.empty_like(x)
    k = len(u)
    done = kept = 0

    def end(status):
        return status, done, s.matvecs, np.array(s.norms), kept

    rr = s.first_residual(b, x, zero_start, qs[0], r)
    s.norms.append(_sqrt(rr))
    weight = [0.0] * (window + 1)
    stored = slot = 0
    while True:
        residual = _sqrt(rr)
        if not math.isfinite(rr):
            return end(NONFINITE)
        if residual <= tol:
            return end(OK)
        if done >= maxiter:
            return end(MAXITER)
        z = s.precondition(r, room)
        p, q = ps[slot], qs[slot]
        order = [(slot + window + 1 - stored + i) % (window + 1) for i in range(stored)]
        c, _ = fused(z, 1.0, [], [], [*(qs[i] for i in order), *w, r], 0)
        rz = float(c[-1].real)
        if not rz > 0.0 or not math.isfinite(rz):
            return end(PRECOND if math.isfinite(rz) else NONFINITE)
        terms = [(1.0, z), *(((-1.0 / weight[i]) * c[j], ps[i]) for j, i in enumerate(order))]
        for i in range(k):
            mu = 0.0
            for j in range(k):
                mu = mu + e_inverse[i, j] * c[stored + j]
            terms.append((-mu, u[i]))
        (rp,), _ = combine(p, 0.0, terms, [r])
        s.multiply(p, q)
        pq = _dot(p, q).real
        if not pq > 0.0 or not math.isfinite(pq):
            return end(MATRIX if math.isfinite(pq) else NONFINITE)
        if kept < len(kept_p):
            unit = 1.0 / math.sqrt(pq)
            combine(kept_p[kept], 0.0, [(unit, p)], norm=False)
            if kept_q:
                combine(kept_q[kept], 0.0, [(unit, q)], norm=False)
            kept += 1
        weight[slot] = pq
        alpha = (1.0 / pq) * np.conj(rp)
        combine(x, 1.0, [(alpha, p)], norm=False)
        rr = combine(r, 1.0, [(-alpha, q)])
        slot = (slot + 1) % (window + 1)
        stored = min(stored + 1, window)
        done += 1
        s.after(_sqrt(rr))
