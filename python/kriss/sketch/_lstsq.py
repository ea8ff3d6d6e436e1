"""Least squares by one sketch, one Gram matrix and refinement, with a certificate."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg as sla

from kriss import _backend, _validate
from kriss._validate import RngLike
from kriss.sketch import _dense
from kriss.sketch._certificate import (
    Array,
    Spectrum,
    brought_near_one,
    karlson_walden,
    problem,
    right_scales,
    sketched_factor,
    spectrum,
    tall_pass,
)
from kriss.sketch._sparse_sign import SparseSign

_log = logging.getLogger("kriss.sketch")

METHODS = ("auto", "gram", "preconditioned-gram", "lapack")
EPS = float(np.finfo(np.float64).eps)
# Scaled condition number up to which "auto" takes the plain Gram matrix. It refines to full backward stability up to
# 1e6, but its singular values are off by about eps * condition * s[0].
GRAM_LIMIT = 1e3
# Scaled condition number from which on A counts as rank deficient, and LAPACK solves.
RANK_LIMIT = {np.dtype(np.float64): 1e13, np.dtype(np.float32): 1e6}
SMALL = 100_000  # entries of A below which LAPACK is as fast
MAXREF = 8


@dataclass(frozen=True)
class LstsqResult:
    """What `lstsq` found out.

    Attributes
    ----------
    x : ndarray, shape (n,) or (n, k)
        The least-squares solution, of minimum norm if A is rank deficient.
    residues : ndarray, shape () or (k,)
        ``norm(b - A @ x)**2``, recomputed from A, b and x; given also for rank-deficient A.
    rank : int
        Numerical rank.
    s : ndarray, shape (min(m, n),)
        Singular values of A, to a few ``eps * s[0]``; with method ``"gram"`` to about ``condition * eps * s[0]``.
    backward_error : float
        Karlson–Waldén estimate of the relative, column-scaled change of A and b for which x is exact; the largest over
        the right-hand sides. It is within a factor 0.707 to 1 of the true value; where LAPACK took over after a
        sketch, the sketch's singular values stand for A's and the factor holds up to the sketch's distortion.
    condition : float
        Condition number of A after its columns were scaled to similar norms (up to the sketch's distortion where
        LAPACK took over after a sketch); infinity if the rank is below n, so for every A with fewer rows than columns.
    method : str
        ``"gram"``, ``"preconditioned-gram"`` or ``"lapack"``: what x came from.
    iterations : int
        Refinements after the first solution.
    sketch_distortion : float
        Largest relative error of the sketch as a measure of norms over the range of A, ``max abs(σ − 1)``; NaN
        where no sketch was used to the end.
    backend : str
        ``"compiled"`` or ``"numba"``.
    reason : str
        Why this method, and which ones gave up before it.
    """

    x: npt.NDArray[Any]
    residues: npt.NDArray[Any]
    rank: int
    s: npt.NDArray[Any]
    backward_error: float
    condition: float
    method: str
    iterations: int
    sketch_distortion: float
    backend: str
    reason: str


@dataclass(frozen=True)
class Setup:
    """What one sketch tells about A and b."""

    scale: Array  # (n) reciprocal powers of two
    bscale: Array  # (nrhs)
    bnorm: Array  # (nrhs) norms of the scaled columns of b
    r: Array  # (n, n) triangular factor of S A D
    sv: Array  # its singular values
    z0: Array  # (n, nrhs) sketch-and-solve
    condition: float


@dataclass(frozen=True)
class Tall:
    """A solution by one of the Gram tiers, in double precision."""

    x: npt.NDArray[Any]
    rr: Array
    be: float
    spectrum: Spectrum
    factor: Array  # R'R = (A D)'(A D)
    iterations: int
    distortion: float


def lstsq(
    a: object,
    b: object,
    *,
    method: str = "auto",
    sketch_size: int | None = None,
    zeta: int = 8,
    cond: float | None = None,
    rng: RngLike = None,
    tol: float | None = None,
    workers: int | None = None,
    check_finite: bool = True,
) -> LstsqResult:
    """Solve min ‖b − A x‖ for a tall matrix, several times faster than QR and as backward stable, with a certificate.

    One sketch of [A b] gives column scales, the condition number, the rank and a first solution. A well-conditioned
    A goes on to a Gram matrix and its Cholesky factor, a worse one to the Gram matrix of A preconditioned by the
    sketch; iterative refinement on the full residual then brings the backward error below the unit roundoff. Small,
    wide and rank-deficient problems go to LAPACK. Every call ends with an estimate of the backward error of what it
    returns; a tier whose estimate is too large hands over to the next one, and the result says so.

    Parameters
    ----------
    a : array_like, shape (m, n)
        Real. C and Fortran order are both read in place. Two float32 arguments give a float32 solution that was
        refined with double-precision sums.
    b : array_like, shape (m,) or (m, k)
        Right-hand sides.
    method : {"auto", "gram", "preconditioned-gram", "lapack"}
        Where to start. ``"gram"`` needs a scaled condition number below about 1e7, ``"preconditioned-gram"`` below
        1e13, ``"lapack"`` (gelsd) works always. A tier that fails hands over to the next.
    sketch_size : int, optional
        Rows of the sketch, more than n. Default 4 n, at least 64.
    zeta : int
        Entries per column of the sketch.
    cond : float, optional
        Singular values of A below ``cond`` times the largest count as zero. By default the rank is judged after
        scaling the columns to similar norms, so that units do not matter, with a cut of 1e-13 (float32: 1e-6); if that
        finds A deficient, x has minimum norm with the same cut on A itself.
    rng : int, SeedSequence, Generator or None
        The seed of the sketch. It changes x by rounding errors only; give one for the same bits every time.
    tol : float, optional
        Backward error at which refinement stops. By default it goes on to eps/4 and accepts eps.
    workers : int, optional
        Threads; changes no bit of the result.
    check_finite : bool
        Refuse NaN and infinity in `a` and `b`.

    Returns
    -------
    LstsqResult
        Frozen dataclass: x, residues, rank, s, backward_error, condition, method, iterations, sketch_distortion,
        backend, reason.

    Raises
    ------
    TypeError
        If `a` or `b` is sparse, complex or not numeric.
    ValueError
        If shapes do not fit, an option is out of range, or NaN or infinity is met.
    OverflowError
        If A and b are finite but the solution is beyond the range of its dtype.
    numpy.linalg.LinAlgError
        If LAPACK's singular value decomposition does not converge.

    Notes
    -----
    Work for m ≫ n, in flops: sketch 2 zeta m n, Gram matrix m n² (``"preconditioned-gram"``: 2 m n²), refinement
    4 m n per pass; 3 to 5 passes over A in all. Memory beside A: about 32 n² + 64 n² numbers for sketch and partial
    sums, at most some 100 MiB; A is not copied. With no NaN and no overflow the certificate is computed from a full
    pass over A and b, never from the recurrence.

    References
    ----------
    E. N. Epperly, M. Meier, Y. Nakatsukasa, *Fast randomized least-squares solvers can be just as accurate and stable
    as classical direct solvers*, 2024 (arXiv:2406.03468), for refinement in sketched solvers.
    R. Karlson, B. Waldén, *Estimation of optimal backward perturbation bounds for the linear least squares problem*,
    BIT 37 (1997), equation 2.5, for the certificate.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import lstsq
    >>> gen = np.random.default_rng(0)
    >>> A = gen.standard_normal((20000, 20))
    >>> b = A @ np.arange(20.0) + gen.standard_normal(20000)
    >>> fit = lstsq(A, b, rng=0)
    >>> fit.method, fit.rank, fit.backward_error < 2.3e-16
    ('gram', 20, True)
    >>> bool(np.allclose(fit.x, np.linalg.lstsq(A, b, rcond=None)[0], rtol=1e-12))
    True
    """
    start = _validate.choice(method, "method", METHODS)
    zeta = _validate.integer(zeta, "zeta", low=1)
    cut = None if cond is None else _validate.scalar(cond, "cond", low=0.0)
    target = None if tol is None else _validate.scalar(tol, "tol", low=0.0, strict=True)
    threads = _validate.workers(workers)
    left, right, one_d = problem(a, b)
    m, n = left.shape
    nrhs = right.shape[1]
    rows = max(4 * n, 64, zeta) if sketch_size is None else _validate.integer(sketch_size, "sketch_size", low=n + 1)
    rows = max(rows, zeta)
    seed = SparseSign(rows, zeta, rng=rng)
    if min(m, n, nrhs) == 0:
        return _nothing(left, right, one_d)
    reasons: list[str] = []
    setup: Setup | None = None
    why = _not_tall(m, n, start, rows)
    if why is None and check_finite:
        _validate.check_finite(right, "b")
    if why is None:
        setup = sketch_setup(left, right, seed, threads)
        if setup is None:
            if check_finite:
                _validate.check_finite(left, "a")
            why = "the sketch is not finite, or below 1e-290"
        else:
            why = _too_hard(setup, cut, RANK_LIMIT[left.dtype])
    elif check_finite:
        _validate.check_finite(left, "a")
        _validate.check_finite(right, "b")
    if why is None and setup is not None:
        tiers = ["gram", "preconditioned-gram"]
        if start == "preconditioned-gram" or (start == "auto" and setup.condition > GRAM_LIMIT):
            tiers = tiers[1:]
        for tier in tiers:
            done, failure = solve_tall(left, right, setup, tier == "preconditioned-gram", target, threads)
            if done is not None and failure is None:
                return _finish(left, right, one_d, setup, done, tier, reasons)
            reasons.append(f"{tier}: {failure}")
            _log.info("lstsq: %s gave up: %s", tier, failure)
        why = "the Gram tiers gave up"
    reasons.append(f"lapack: {why}")
    return _lapack(left, right, one_d, setup, cut, reasons, threads)


def _not_tall(m: int, n: int, start: str, rows: int) -> str | None:
    """Why LAPACK should have it before any sketch is drawn, or None."""
    if start == "lapack":
        return "asked for"
    if m <= n or rows > m:
        return f"{m} rows are too few for {n} columns and a sketch of {rows} rows"
    if start == "auto" and m < 8 * n:
        return f"{m} rows are fewer than 8 times {n} columns"
    if start == "auto" and m * n < SMALL:
        return f"{m * n} entries are few"
    return None


def _too_hard(setup: Setup, cut: float | None, limit: float) -> str | None:
    """Why LAPACK should decide about the rank, or None."""
    if not setup.condition < limit:
        return f"the scaled condition number is about {setup.condition:.2g}: LAPACK decides the rank"
    if cut is not None:
        with np.errstate(over="ignore", under="ignore"):
            plain = _dense.svd(setup.r * (setup.scale.min() / setup.scale))[1]
        if not plain[-1] > 100 * cut * plain[0]:
            return f"a singular value is near the cut {cut:.2g}: LAPACK decides the rank"
    return None


def sketch_setup(a: npt.NDArray[Any], b: npt.NDArray[Any], sketch: SparseSign, workers: int) -> Setup | None:
    """Scales, condition and first solution from one sketch; None if it is not finite, or below 1e-290."""
    n = a.shape[1]
    kernels = _backend.kernels("sketch")
    sa = np.zeros((sketch.d, n))
    sb = np.zeros((sketch.d, b.shape[1]))
    kernels.sparse_sign_dense(a, sketch.seed, sketch.d, sketch.zeta, 0, sa, workers)
    kernels.sparse_sign_dense(b, sketch.seed, sketch.d, sketch.zeta, 0, sb, workers)
    if not (np.isfinite(sa).all() and np.isfinite(sb).all()):
        return None
    if np.abs(sa).max() < 1e-290:
        return None  # too small for column scales
    scale, scaled = sketched_factor(sa)
    bscale, bnorm = right_scales(b)
    both = _dense.qr_r(np.hstack([scaled, sb * bscale]), n)
    r = np.ascontiguousarray(both[:, :n])
    sv = _dense.svd(r)[1]
    condition = float(sv[0] / sv[-1]) if sv[-1] > 0 else float("inf")
    z0 = np.zeros((n, b.shape[1]))
    if condition < RANK_LIMIT[a.dtype]:
        z0 = _dense.solve(r, both[:, n:])
    return Setup(scale, bscale, bnorm, r, sv, z0, condition)


def solve_tall(
    a: npt.NDArray[Any],
    b: npt.NDArray[Any],
    setup: Setup,
    preconditioned: bool,
    tol: float | None,
    workers: int,
) -> tuple[Tall | None, str | None]:
    """Cholesky of the (preconditioned) Gram matrix and refinement; (solution, why it fails or None)."""
    n = a.shape[1]
    work = a.dtype
    eps = float(np.finfo(work).eps)
    target = eps / 4 if tol is None else tol
    accept = eps if tol is None else tol
    r = setup.r
    p = _dense.solve(r, np.eye(n)) if preconditioned else None

    def rounded(z: Array) -> tuple[Array, npt.NDArray[Any]]:
        """z as the caller will see it: x in the working precision, and back."""
        with np.errstate(over="ignore", under="ignore"):
            x = (setup.scale[:, None] * z / setup.bscale).astype(work)
            return (x.astype(np.float64) / setup.scale[:, None]) * setup.bscale, x

    z = setup.z0
    first = tall_pass(a, b, setup.scale, setup.bscale, z, want_gram=True, precond=p, workers=workers)
    u = _dense.cholesky(first.gram)
    if u is None:
        return None, "its Gram matrix is not positive definite"
    factor = _dense.multiply(u, r) if preconditioned else u
    kept = spectrum(factor)
    # Singular values of A R^-1, the ratios |A x| / |S A x|; the sketch's distortion is that of the reciprocals.
    own = _dense.svd(u if preconditioned else _dense.solve(r, u.T, transposed=True).T)[1]
    distortion = float(np.abs(1.0 / own - 1.0).max()) if own[-1] > 0 else float("inf")

    def correction(g: Array) -> Array:
        if preconditioned:
            inner = _dense.solve(r, g, transposed=True)
            return _dense.solve(r, _dense.solve(u, _dense.solve(u, inner, transposed=True)))
        return _dense.solve(u, _dense.solve(u, g, transposed=True))

    z, x = rounded(z + correction(first.g))
    best: Tall | None = None
    old = np.inf
    for it in range(MAXREF + 1):
        now = tall_pass(a, b, setup.scale, setup.bscale, z, workers=workers)
        be = float(karlson_walden(kept, z, now.g, now.rr, setup.bnorm).max())
        if best is None or be < best.be:
            best = Tall(x, now.rr, be, kept, factor, it, distortion)
        if not np.isfinite(be):
            return best, "its backward error is not finite"
        if be <= target or it == MAXREF or (it >= 2 and be > old / 2):
            break
        old = be
        z, x = rounded(z + correction(now.g))
    assert best is not None
    if not best.be <= accept:
        return best, f"backward error {best.be:.2g} after {it} refinements, above {accept:.2g}"
    return best, None


def _finish(
    a: npt.NDArray[Any],
    b: npt.NDArray[Any],
    one_d: bool,
    setup: Setup,
    done: Tall,
    method: str,
    reasons: list[str],
) -> LstsqResult:
    work = a.dtype
    with np.errstate(over="ignore", under="ignore"):
        residues = (done.rr / setup.bscale / setup.bscale).astype(work)
        s = singular_values(done, setup)
    sv = done.spectrum.s
    why = f"scaled condition number {sv[0] / sv[-1]:.2g}"
    return LstsqResult(
        x=done.x[:, 0] if one_d else done.x,
        residues=residues[0].reshape(()) if one_d else residues,
        rank=a.shape[1],
        s=s.astype(work),
        backward_error=done.be,
        condition=float(sv[0] / sv[-1]),
        method=method,
        iterations=done.iterations,
        sketch_distortion=done.distortion,
        backend=_backend.backend(),
        reason="; ".join([*reasons, f"{method}: {why}"]),
    )


def singular_values(done: Tall, setup: Setup) -> Array:
    """Singular values of A itself, from the factor of the scaled A."""
    if np.ptp(setup.scale) == 0:
        return np.asarray(done.spectrum.s / setup.scale[0])
    common = setup.scale.min()
    return np.asarray(_dense.svd(done.factor * (common / setup.scale))[1] / common)


def _nothing(a: npt.NDArray[Any], b: npt.NDArray[Any], one_d: bool) -> LstsqResult:
    """No rows, no columns or no right-hand sides."""
    m, n = a.shape
    nrhs = b.shape[1]
    rank, s = 0, np.zeros(min(m, n), a.dtype)
    if min(m, n) > 0:
        s = sla.svdvals(a, check_finite=True).astype(a.dtype)
        rank = int((s > np.finfo(a.dtype).eps * s[0]).sum())
    x = np.zeros((n, nrhs), a.dtype)
    residues = (b.astype(np.float64) ** 2).sum(axis=0).astype(a.dtype)
    return LstsqResult(
        x=x[:, 0] if one_d else x,
        residues=residues[0].reshape(()) if one_d else residues,
        rank=rank,
        s=s,
        backward_error=0.0,
        condition=float("nan"),
        method="lapack",
        iterations=0,
        sketch_distortion=float("nan"),
        backend=_backend.backend(),
        reason="nothing to solve: a size is zero",
    )


def _gelsd(
    a: npt.NDArray[Any], b: npt.NDArray[Any], scale: Array, cond: float | None
) -> tuple[npt.NDArray[Any], int, npt.NDArray[Any]]:
    """x, rank and singular values; the rank of scaled columns if no cut is given and that is full."""
    m, n = a.shape
    cut = 1 / RANK_LIMIT[a.dtype] if cond is None else cond
    if cond is None and m >= n and scale.max() > 4 * scale.min():
        with np.errstate(over="ignore", under="ignore"):
            even = a * scale.astype(a.dtype)
        if np.isfinite(even).all():
            z, _, rank, _ = sla.lstsq(even, b, cond=cut, lapack_driver="gelsd", check_finite=False)
            if rank == n:
                x = (z * scale[:, None]).astype(a.dtype)
                return x, n, sla.svdvals(a, check_finite=False)
    x, _, rank, s = sla.lstsq(a, b, cond=cut, lapack_driver="gelsd", check_finite=False)
    return x, int(rank), s


def _lapack(
    a: npt.NDArray[Any],
    b: npt.NDArray[Any],
    one_d: bool,
    setup: Setup | None,
    cond: float | None,
    reasons: list[str],
    workers: int,
) -> LstsqResult:
    """LAPACK's gelsd, and the same certificate as everybody."""
    n = a.shape[1]
    a, a_shift = brought_near_one(a)
    b, b_shift = brought_near_one(b)
    if a_shift or b_shift:
        setup = None
    bscale, bnorm = (setup.bscale, setup.bnorm) if setup is not None else right_scales(b)
    if setup is not None:
        scale, known = setup.scale, spectrum(setup.r)
    else:
        scale, scaled = sketched_factor(a.astype(np.float64))
        known = spectrum(np.asarray(sla.qr(scaled, mode="r", check_finite=False)[0])[: min(a.shape)])
    y, rank, s = _gelsd(a, b, scale, cond)
    with np.errstate(all="ignore"):
        x = np.ldexp(y, a_shift - b_shift)
        if np.isfinite(y).all() and not np.isfinite(x).all():
            raise OverflowError(f"the solution is beyond the range of {x.dtype}: scale a up or b down")
        y = np.ldexp(x, b_shift - a_shift)
        s = np.ldexp(s, -a_shift)
        z = (y.astype(np.float64) / scale[:, None]) * bscale
        done = tall_pass(a, b, scale, bscale, z, workers=workers)
        be = float(karlson_walden(known, z, done.g, done.rr, bnorm).max())
        residues = np.ldexp(done.rr / bscale / bscale, -2 * b_shift).astype(a.dtype)
    full = rank == n
    return LstsqResult(
        x=x[:, 0] if one_d else x,
        residues=residues[0].reshape(()) if one_d else residues,
        rank=rank,
        s=s,
        backward_error=be,
        condition=float(known.s[0] / known.s[-1]) if full and known.s[-1] > 0 else float("inf"),
        method="lapack",
        iterations=0,
        sketch_distortion=float("nan"),
        backend=_backend.backend(),
        reason="; ".join(reasons),
    )
