"""Least squares by one sketch, one of four solvers and refinement, with a certificate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from kriss import _device, _validate
from kriss._validate import RngLike
from kriss.sketch._cuda_lstsq import device_sides, on_device
from kriss.sketch._input import left_side, right_side
from kriss.sketch._solve import METHODS, Options, fields, nothing, sketch_rows, solve
from kriss.sketch._sparse_sign import SparseSign


@dataclass(frozen=True)
class LstsqResult:
    """What `lstsq` found out.

    Attributes
    ----------
    x : ndarray, shape (n,) or (n, k)
        The least-squares solution, of minimum norm if A is rank deficient.
    residues : ndarray, shape () or (k,)
        ``norm(b - A @ x)**2`` (with weights: of the weighted rows), recomputed from A, b and x; given also for
        rank-deficient A.
    rank : int
        Numerical rank. With method ``"cg"`` nobody has looked: min(m, n).
    s : ndarray, shape (min(m, n),)
        Singular values of A (of the weighted A), those that count as zero given as 0. To a few ``eps * s[0]``; with
        method ``"gram"`` to about ``condition * eps * s[0]``; with ``"spir"`` to the sketch's distortion; with `damp`
        only down to ``sqrt(eps) * damp``; NaN with ``"cg"``.
    backward_error : float
        Karlson–Waldén estimate of the relative, column-scaled change of A and b for which x is exact; the largest over
        the right-hand sides. It is within a factor 0.707 to 1 of the true value; with ``"spir"`` the sketch's singular
        values stand for A's and the factor holds up to the sketch's distortion; with ``"cg"`` it is an upper bound.
        With `damp` it is that of the regularised problem.
    condition : float
        Condition number of A after its columns were scaled to similar norms (with ``"spir"`` up to the sketch's
        distortion; with `damp` of the regularised problem); infinity if the rank is below n, so for every A with fewer
        rows than columns.
    method : str
        ``"gram"``, ``"preconditioned-gram"``, ``"spir"``, ``"lapack"`` or ``"cg"``: what x came from.
    iterations : int
        Refinements after the first solution; with ``"spir"`` and ``"cg"`` steps of conjugate gradients in all.
    sketch_distortion : float
        Largest relative error of the sketch as a measure of norms over the range of A, ``max abs(σ − 1)`` (of
        the rows glanced at, if these did in place of it); with ``"spir"`` its expected value; NaN where no sketch was
        used to the end.
    coefficient_se : ndarray, shape (n,) or (n, k)
        Standard error of each coefficient under independent noise of equal size in b (with weights: of variance
        proportional to their reciprocals): ``norm(b - A x) / sqrt(m - rank) * sqrt(diag(pinv(A.T A)))``; with `damp`
        that of the ridge estimator for its effective number of parameters. NaN if m is not above the rank, or if the
        singular values are not known. With ``"spir"`` from the sketch, so to a few percent.
    backend : str
        ``"compiled"``, ``"numba"`` or, for arrays on a GPU, ``"cuda"``.
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
    coefficient_se: npt.NDArray[Any]
    backend: str
    reason: str


def options(
    method: str,
    sketch_size: int | None,
    zeta: int,
    cond: float | None,
    damp: float,
    tol: float | None,
    precise: bool,
    workers: int | None,
    check_finite: bool,
) -> Options:
    """Checked; the size of the sketch is checked against A's columns later."""
    return Options(
        method=_validate.choice(method, "method", METHODS),
        sketch_size=None if sketch_size is None else _validate.integer(sketch_size, "sketch_size", low=1),
        zeta=_validate.integer(zeta, "zeta", low=1),
        cond=None if cond is None else _validate.scalar(cond, "cond", low=0.0),
        damp=_validate.scalar(damp, "damp", low=0.0),
        tol=None if tol is None else _validate.scalar(tol, "tol", low=0.0, strict=True),
        precise=bool(precise),
        workers=_validate.workers(workers),
        check_finite=bool(check_finite),
    )


def lstsq(
    a: object,
    b: object,
    *,
    method: str = "auto",
    sketch_size: int | None = None,
    zeta: int = 8,
    cond: float | None = None,
    damp: float = 0,
    sample_weight: object = None,
    rng: RngLike = None,
    tol: float | None = None,
    precise: bool = False,
    workers: int | None = None,
    check_finite: bool = True,
) -> LstsqResult:
    """Solve min ‖b − A x‖ for a tall matrix, several times faster than QR and as backward stable, with a certificate.

    One sketch of [A b] gives column scales, the condition number, the rank and a first solution. A well-conditioned
    A goes on to a Gram matrix and its Cholesky factor (very tall dense ones at once: a glance at 4 n rows in place of
    the sketch, then the condition number of the Gram matrix itself decides), a worse one to the Gram matrix of A
    preconditioned by the sketch, and one with many columns, a sparse one or an operator to conjugate gradients
    preconditioned by the sketch;
    refinement with residuals in twofold arithmetic then brings the backward error below the unit roundoff. Small and
    wide problems go to LAPACK. Every call ends with an estimate of the backward error of what it returns; a tier whose
    estimate is too large hands over to the next one, and the result says so.

    Parameters
    ----------
    a : array_like, sparse matrix or LinearOperator, shape (m, n)
        Real or complex. Real CuPy arrays with m >= n stay on their device, and so does x. Arrays in C and Fortran order
        are both read in place (complex ones in Fortran order are copied). Two arguments of single precision give a
        solution of single precision that was refined with double-precision sums. Operators need ``matvec`` and
        ``rmatvec``, or their matrix forms.
    b : array_like, shape (m,) or (m, k)
        Right-hand sides.
    method : {"auto", "gram", "preconditioned-gram", "spir", "lapack"}
        Where to start. ``"gram"`` needs a scaled condition number below about 1e7, ``"preconditioned-gram"`` and
        ``"spir"`` below 1e13 or a clear rank deficiency, ``"lapack"`` (QR) works always. A tier that fails hands over
        to the next. Sparse matrices and operators take ``"spir"``, or ``"lapack"`` where they are small; where not
        even a sketch fits, conjugate gradients with scaled columns, whose error is reported as it is.
    sketch_size : int, optional
        Rows of the sketch, more than n. Default 4 n, at least 64; 12 n for ``"spir"``.
    zeta : int
        Entries per column of the sketch.
    cond : float, optional
        Singular values of A below ``cond`` times the largest count as zero. By default the rank is judged after
        scaling the columns to similar norms, so that units do not matter, and only a gap counts: from 1e-13 to what
        rounding leaves of zero (float32: 1e-6); in between A is taken to have full rank. If A is deficient, x has
        minimum norm.
    damp : float
        Minimise ``norm(b - A @ x)**2 + damp**2 * norm(x)**2`` instead.
    sample_weight : array_like, shape (m,), optional
        Weight of each row's squared residual, not negative. A is copied once.
    rng : int, SeedSequence, Generator or None
        The seed of the sketch. It changes x by rounding errors only; give one for the same bits every time.
    tol : float, optional
        Backward error at which refinement stops. By default it goes on to eps/4 and accepts eps.
    precise : bool
        Go on until x itself stands still, with the iterate too held as a sum of two numbers: all digits of x that the
        entries of A and b determine, for condition numbers up to about 1e15. A few more passes.
    workers : int, optional
        Threads; changes no bit of the result.
    check_finite : bool
        Refuse NaN and infinity in `a` and `b`.

    Returns
    -------
    LstsqResult
        Frozen dataclass: x, residues, rank, s, backward_error, condition, method, iterations, sketch_distortion,
        coefficient_se, backend, reason.

    Raises
    ------
    TypeError
        If `a` or `b` is not numeric or of extended precision, or `b` is sparse.
    ValueError
        If shapes do not fit, an option is out of range, sparse arrays are malformed, or NaN or infinity is met.
    OverflowError
        If A and b are finite but the solution is beyond the range of its dtype.
    numpy.linalg.LinAlgError
        If LAPACK's singular value decomposition does not converge.

    Notes
    -----
    Work for m ≫ n, in flops: sketch 2 zeta m n, Gram matrix m n² (``"preconditioned-gram"``: 2 m n²), refinement
    4 m n per pass (in twofold arithmetic some 40 m n, behind the memory); 3 to 5 passes over A in all; ``"spir"`` some
    30 passes. Memory beside A: about 32 n² + 64 n² numbers for sketch and partial sums, at most some 100 MiB; A is not
    copied. An operator is sketched by its products with the n unit vectors. With no NaN and no overflow the certificate
    is computed from a full pass over A and b, never from the recurrence. Weights multiply rows by their square roots,
    rounded, which limits `precise`.

    References
    ----------
    E. N. Epperly, M. Meier, Y. Nakatsukasa, *Fast randomized least-squares solvers can be just as accurate and stable
    as classical direct solvers*, 2024 (arXiv:2406.03468), for sketch-and-precondition with refinement (SPIR).
    R. Karlson, B. Waldén, *Estimation of optimal backward perturbation bounds for the linear least squares problem*,
    BIT 37 (1997), equation 2.5, for the certificate. J. Demmel, Y. Hida, E. J. Riedy, X. S. Li, *Extra-precise
    iterative refinement for overdetermined least squares problems*, ACM Trans. Math. Softw. 35 (2009), section 2.

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
    >>> bool(np.all(abs(fit.x - np.arange(20)) < 5 * fit.coefficient_se))
    True
    """
    chosen = options(method, sketch_size, zeta, cond, damp, tol, precise, workers, check_finite)
    there = _device.any_device(a=a, b=b)
    if there:
        left, right, one_d, dtype = device_sides(a, b, sample_weight)
    else:
        left = left_side(a, sample_weight, chosen.check_finite)
        right, one_d, dtype, left = right_side(b, left)
    if chosen.sketch_size is not None:
        _validate.integer(chosen.sketch_size, "sketch_size", low=left.matrix.n + 1)
    sketch = SparseSign(sketch_rows(left, chosen), chosen.zeta, rng=rng)
    if min(left.matrix.m, left.matrix.n, right.shape[1]) == 0:
        if there:
            raise ValueError(f"a has shape {(left.matrix.m, left.matrix.n)}, expected no empty arrays on the GPU")
        return LstsqResult(**nothing(left, right, one_d, dtype))
    answer = solve(left, right, dtype, chosen, sketch)
    found = fields(answer, right, one_d, dtype, chosen)
    return LstsqResult(**(on_device(found) if there else found))
