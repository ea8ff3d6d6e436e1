"""Mirrors of `scipy.sparse.linalg.lsqr` and `lsmr`: SciPy's iteration, preconditioned by a sketch once it drags on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg as sla
import scipy.sparse as sps
from scipy.linalg.blas import dtrsv
from scipy.sparse.linalg import LinearOperator
from scipy.sparse.linalg import lsmr as _scipy_lsmr
from scipy.sparse.linalg import lsqr as _scipy_lsqr

from kriss import _validate
from kriss._backend import delegate, kernels
from kriss.sketch import SparseSign
from kriss.sketch import _dense as small
from kriss.sketch._certificate import sketched_factor

Array = npt.NDArray[np.float64]

EPS = float(np.finfo(np.float64).eps)
# Below so many stored entries SciPy's iteration is over before a sketch is drawn.
SMALL = 200_000
# Columns from which on the factor of the sketch is too much work.
MOST_COLUMNS = 4000
# Condition number of the scaled columns from which on the preconditioner is not trusted.
LIMIT = 1e13
ROUNDS = 4
# Steps that SciPy's iteration gets in any case.
SHORTEST = 25
# Steps that must be left after the sketch.
ENOUGH = 30
# What things cost, in nanoseconds on one core: an entry of A in one step of SciPy's iteration and a row in it; an entry
# in the sketch; n**3 in the factor and its singular values. They only decide when to change over.
STEP_ENTRY, STEP_ROW, SKETCH_ENTRY, FACTOR = 8.0, 30.0, 40.0, 2.0


def lsqr(  # type: ignore[no-untyped-def]
    A, b, damp=0.0, atol=1e-6, btol=1e-6, conlim=1e8, iter_lim=None, show=False, calc_var=False, x0=None
):
    """Least squares by LSQR: `scipy.sparse.linalg.lsqr`, with a sketched preconditioner where the iteration is long.

    Parameters
    ----------
    A : {sparse array, ndarray, LinearOperator}
        Matrix, shape (m, n).
    b : array_like
        Right-hand side, shape (m,).
    damp : float
        Minimises ``norm(b - A @ x)**2 + damp**2 * norm(x - x0)**2``.
    atol, btol : float
        Stop when ``norm(r) <= btol * norm(b) + atol * norm(A) * norm(x)`` or ``norm(A.T @ r) <= atol * norm(A) *
        norm(r)``, Frobenius norms.
    conlim : float
        Stop when the condition number exceeds this; 0 for never.
    iter_lim : int, optional
        Most iterations; 2 n by default.
    show : bool
        Print a log (then SciPy does everything).
    calc_var : bool
        Estimate the diagonal of ``(A.T @ A + damp**2 * I)**-1``.
    x0 : array_like, optional
        Starting guess, shape (n,).

    Returns
    -------
    x : ndarray
        The solution.
    istop : int
        Why it stopped, as in SciPy: 1 and 2 for `btol` and `atol`, 7 for `iter_lim`.
    itn : int
        Steps, those before and after the change to the preconditioner; each has one product with A and one with A.T.
    r1norm, r2norm : float
        ``norm(r)`` and ``sqrt(norm(r)**2 + damp**2 * norm(x - x0)**2)``.
    anorm, acond : float
        Frobenius norm of ``[A; damp * I]`` and its condition number in that norm.
    arnorm, xnorm : float
        ``norm(A.T @ r - damp**2 * (x - x0))`` and ``norm(x)``.
    var : ndarray
        Diagonal of the inverse, or zeros.

    Raises
    ------
    ValueError
        As SciPy does.

    See Also
    --------
    lsmr : the same with another iteration.
    kriss.sketch.lstsq : for dense matrices, with a certificate.

    Notes
    -----
    SciPy's iteration runs first, for as many steps as a sketch costs, and where it ends by then its result is returned
    as it is. If it does not, and A is real and has at least eight times as many rows as columns, up to 4000 columns and
    200,000 entries, a sketch of ``4 n`` rows is factorised, and the iteration goes on in the variables that it gives,
    in which the condition number is about 3: some 10 to 20 further steps for the default tolerances, whatever A's
    condition number. `istop` is then decided by the norms of the problem that was given, recomputed from A, b and x;
    r1norm, r2norm, arnorm, xnorm and anorm are these norms, not recurrences, and acond and var come from the sketch, to
    its distortion. Matrices whose condition number exceeds `conlim` are left to SciPy, which regularises them by
    stopping early, and so is everything that is handed over (see ``kriss.dispatch``).

    Memory beside A: ``8 * 4 n * n`` bytes for the sketch. Work: 8 flops per entry and O(n³) once, 4 per entry and step.

    References
    ----------
    C. C. Paige, M. A. Saunders, *LSQR: an algorithm for sparse linear equations and sparse least squares*, ACM TOMS 8
    (1982), section 5. The preconditioner: V. Rokhlin, M. Tygert, *A fast randomized algorithm for overdetermined linear
    least-squares regression*, PNAS 105 (2008); H. Avron, P. Maymounkov, S. Toledo, *Blendenpik: supercharging LAPACK's
    least-squares solver*, SIAM J. Sci. Comput. 32 (2010), section 3.

    Examples
    --------
    >>> import numpy as np, scipy.sparse as sps
    >>> from kriss.scipy.sparse.linalg import lsqr
    >>> gen = np.random.default_rng(0)
    >>> A = sps.random_array((40000, 60), density=0.2, format="csr", rng=gen) * np.logspace(0, 4, 60)
    >>> x, istop, itn, *_ = lsqr(A, A @ np.ones(60), atol=1e-10, btol=1e-10)
    >>> istop, itn < 100, bool(np.allclose(x, 1))
    (1, True, True)
    """
    lim = iter_lim
    call = _prepare(A, b, damp, atol, btol, conlim, iter_lim, 2, show, x0)
    if isinstance(call, _Call):
        lim = call.first
    else:
        delegate("sparse.linalg.lsqr", call)
    trial = _scipy_lsqr(A, b, damp, atol, btol, conlim, lim, show, calc_var, x0)
    if not isinstance(call, _Call):
        return trial
    reason = _over(call, trial)
    done = None
    if not reason:
        done = _preconditioned(call, trial, _inner_lsqr, frobenius=True)
        reason = done if isinstance(done, str) else ""
    if not isinstance(done, _Done):
        delegate("sparse.linalg.lsqr", reason)
        return trial if trial[1] != 7 else _scipy_lsqr(A, b, damp, atol, btol, conlim, iter_lim, show, calc_var, x0)
    var = done.variances() if calc_var else np.zeros(call.shape[1])
    values = (done.x, done.istop, done.itn, done.r1, done.r2, done.anorm, done.acond, done.ar, done.xnorm, var)
    return tuple(type(old)(new) if np.ndim(old) == 0 else new for old, new in zip(trial, values, strict=True))


def lsmr(  # type: ignore[no-untyped-def]
    A, b, damp=0.0, atol=1e-6, btol=1e-6, conlim=1e8, maxiter=None, show=False, x0=None
):
    """Least squares by LSMR: `scipy.sparse.linalg.lsmr`, with a sketched preconditioner where the iteration is long.

    Parameters
    ----------
    A : {sparse array, ndarray, LinearOperator}
        Matrix, shape (m, n).
    b : array_like
        Right-hand side, shape (m,).
    damp : float
        Minimises ``norm(b - A @ x)**2 + damp**2 * norm(x - x0)**2``.
    atol, btol : float
        Stop when ``norm(r) <= btol * norm(b) + atol * norm(A) * norm(x)`` or ``norm(A.T @ r) <= atol * norm(A) *
        norm(r)``.
    conlim : float
        Stop when the condition number exceeds this; 0 for never.
    maxiter : int, optional
        Most iterations; ``min(m, n)`` by default.
    show : bool
        Print a log (then SciPy does everything).
    x0 : array_like, optional
        Starting guess, shape (n,).

    Returns
    -------
    x : ndarray
        The solution.
    istop : int
        Why it stopped, as in SciPy.
    itn : int
        Steps, those before and after the change to the preconditioner.
    normr : float
        ``sqrt(norm(b - A @ x)**2 + damp**2 * norm(x - x0)**2)``.
    normar : float
        ``norm(A.T @ r - damp**2 * (x - x0))``.
    norma : float
        Frobenius norm of A.
    conda : float
        Condition number of ``[A; damp * I]`` in the 2-norm.
    normx : float
        ``norm(x)``.

    Raises
    ------
    ValueError
        As SciPy does.

    See Also
    --------
    lsqr : where the notes are.

    Notes
    -----
    As for `lsqr`: SciPy's steps first, then steps in the variables of a sketch; norms recomputed from A, b and x.

    References
    ----------
    D. C.-L. Fong, M. A. Saunders, *LSMR: an iterative algorithm for sparse least-squares problems*, SIAM J. Sci.
    Comput. 33 (2011). The preconditioner: as for `lsqr`.

    Examples
    --------
    >>> import numpy as np, scipy.sparse as sps
    >>> from kriss.scipy.sparse.linalg import lsmr
    >>> gen = np.random.default_rng(0)
    >>> A = sps.random_array((40000, 60), density=0.2, format="csr", rng=gen) * np.logspace(0, 4, 60)
    >>> x, istop, itn, *_ = lsmr(A, A @ np.ones(60), atol=1e-10, btol=1e-10)
    >>> istop, itn <= 60, bool(np.allclose(x, 1))
    (1, True, True)
    """
    lim = maxiter
    call = _prepare(A, b, damp, atol, btol, conlim, maxiter, 1, show, x0)
    if isinstance(call, _Call):
        lim = call.first
    else:
        delegate("sparse.linalg.lsmr", call)
    trial = _scipy_lsmr(A, b, damp, atol, btol, conlim, lim, show, x0)
    if not isinstance(call, _Call):
        return trial
    reason = _over(call, trial)
    done = None
    if not reason:
        done = _preconditioned(call, trial, _inner_lsmr, frobenius=False)
        reason = done if isinstance(done, str) else ""
    if not isinstance(done, _Done):
        delegate("sparse.linalg.lsmr", reason)
        return trial if trial[1] != 7 else _scipy_lsmr(A, b, damp, atol, btol, conlim, maxiter, show, x0)
    values = (done.x, done.istop, done.itn, done.r2, done.ar, done.anorm, done.acond, done.xnorm)
    return tuple(type(old)(new) if np.ndim(old) == 0 else new for old, new in zip(trial, values, strict=True))


@dataclass(frozen=True)
class _Call:
    """A call that a sketch may speed up."""

    matrix: Any  # CSR array or ndarray, float64
    b: Array
    x0: Array
    damp: float
    atol: float
    btol: float
    conlim: float
    limit: int
    first: int  # steps of SciPy's iteration before the sketch

    @property
    def shape(self) -> tuple[int, int]:
        """Of the matrix."""
        return self.matrix.shape[0], self.matrix.shape[1]


@dataclass(frozen=True)
class _Done:
    x: Array
    istop: int
    itn: int
    r1: float
    r2: float
    anorm: float
    acond: float
    ar: float
    xnorm: float
    factor: Array
    scale: Array
    sketch_size: int

    def variances(self) -> Array:
        """Unbiased for a Gaussian sketch: the inverse of a Wishart matrix is too large by d / (d - n - 1)."""
        n = len(self.scale)
        inverse = sla.solve_triangular(self.factor, np.eye(n), check_finite=False) * self.scale[:, None]
        return np.asarray(np.sum(inverse**2, axis=1) * ((self.sketch_size - n - 1) / self.sketch_size))


def _prepare(
    A: Any, b: Any, damp: Any, atol: Any, btol: Any, conlim: Any, limit: Any, per_column: int, show: Any, x0: Any
) -> _Call | str:
    """The call made ready, or the reason why SciPy should have it."""
    if show:
        return "show was asked for"
    if not (sps.issparse(A) or type(A) is np.ndarray) or getattr(A, "ndim", 0) != 2:
        return f"A is a {type(A).__name__}"
    m, n = (int(size) for size in A.shape)
    size = int(A.nnz) if sps.issparse(A) else m * n
    if n < 2 or m < 8 * n or n > MOST_COLUMNS or size < SMALL:
        return f"A has shape {(m, n)} and {size} entries: not tall, or small"
    if A.dtype != np.float64:
        return f"A has dtype {A.dtype}"
    for name, value in (("damp", damp), ("atol", atol), ("btol", btol), ("conlim", conlim)):
        if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
            return f"{name} is {value!r}"
        if not 0 <= value < math.inf:
            return f"{name} is {value!r}"
    if limit is None:
        limit = per_column * n
    if isinstance(limit, bool) or not isinstance(limit, (int, np.integer)):
        return f"the limit of iterations is {limit!r}"
    if isinstance(b, np.ma.MaskedArray) or sps.issparse(b):
        return f"b is a {type(b).__name__}"
    right = np.asarray(b)
    if right.shape not in ((m,), (m, 1)) or right.dtype.kind not in "biuf" or right.dtype.char in "eg":
        return f"b has shape {right.shape} and dtype {right.dtype}"
    start = np.zeros(n) if x0 is None else np.asarray(x0)
    if start.shape != (n,) or start.dtype != np.float64:
        return f"x0 has shape {start.shape} and dtype {start.dtype}"
    setup = SKETCH_ENTRY * size + FACTOR * n**3
    step = STEP_ENTRY * size + STEP_ROW * m
    first = max(SHORTEST, 1, int(setup / step))
    if first + ENOUGH > limit:
        return f"at most {limit} steps, of which a sketch costs {first}"
    matrix = A
    if sps.issparse(A):
        try:
            csr = _validate.csr(A, "A", dtype=np.float64, finite=False)
        except ValueError as error:
            return str(error)
        matrix = sps.csr_array((csr.data, csr.indices, csr.indptr), shape=csr.shape, copy=False)
    return _Call(
        matrix, right.reshape(m).astype(np.float64), start, float(damp), float(atol), float(btol), float(conlim),
        int(limit), first,
    )  # fmt: skip


def _over(call: _Call, trial: Any) -> str:
    """Why SciPy's first steps are all that is needed, or nothing."""
    x, istop, itn = trial[:3]
    if istop != 7:
        return f"SciPy's iteration ended after {itn} steps"
    if not np.isfinite(x).all():
        return "NaN or infinity appeared"
    return ""


def _inner_lsqr(operator: Any, b: Array, atol: float, btol: float, limit: int, start: Array) -> tuple[Array, int, int]:
    x, istop, itn, *_ = _scipy_lsqr(operator, b, 0.0, atol, btol, 0.0, limit, False, False, start)
    return x, istop, itn


def _inner_lsmr(operator: Any, b: Array, atol: float, btol: float, limit: int, start: Array) -> tuple[Array, int, int]:
    x, istop, itn, *_ = _scipy_lsmr(operator, b, 0.0, atol, btol, 0.0, limit, False, start)
    return x, istop, itn


def _preconditioned(
    call: _Call,
    trial: Any,
    inner: Callable[[Any, Array, float, float, int, Array], tuple[Array, int, int]],
    *,
    frobenius: bool,
) -> _Done | str:
    """Further steps in the variables of a sketch, or why there are none."""
    A, (m, n) = call.matrix, call.shape
    sketch = SparseSign(max(4 * n, 64), 4, rng=0)
    sa = np.zeros((sketch.d, n))
    run = kernels("sketch")
    if sps.issparse(A):
        run.sparse_sign_csr(A.indptr, A.indices, A.data, n, sketch.seed, sketch.d, sketch.zeta, 0, sa, 0)
    else:
        dense = A if not any(step % 8 for step in A.strides) and A.flags.aligned else np.array(A)
        run.sparse_sign_dense(dense, sketch.seed, sketch.d, sketch.zeta, 0, sa, 0)
    if not np.isfinite(sa).all() or np.abs(sa).max() < 1e-290:
        return "the sketch is not finite, or below 1e-290"
    damp = call.damp
    rows = np.vstack([sa, damp * np.eye(n)]) if damp > 0 else sa
    scale, scaled = sketched_factor(rows)
    factor = np.triu(small.qr_r(scaled, n))
    spread = sla.svdvals(factor, check_finite=False)
    if not spread[-1] * LIMIT > spread[0]:
        return f"A is rank deficient or nearly so: condition number {spread[0] / max(spread[-1], 1e-300):.2g} or more"
    common = scale.min()
    plain = sla.svdvals(factor * (common / scale), check_finite=False) / common
    if not plain[-1] > 0:
        return "A is rank deficient in its own units"
    with np.errstate(over="ignore"):
        acond = float(np.linalg.norm(plain) * np.linalg.norm(1 / plain)) if frobenius else float(plain[0] / plain[-1])
    if call.conlim > 0 and not acond < call.conlim:
        return f"the condition number {acond:.2g} exceeds conlim"
    anorm = float(np.linalg.norm(A.data if sps.issparse(A) else A))
    if frobenius and damp > 0:
        anorm = math.hypot(anorm, damp * math.sqrt(n))
    u = np.asfortranarray(factor)

    def forward(y: Array) -> Array:
        x = scale * dtrsv(u, np.ravel(y))
        product = A @ x
        return np.concatenate([product, damp * x]) if damp > 0 else product

    def backward(r: Array) -> Array:
        r = np.ravel(r)
        g = A.T @ r[:m]
        if damp > 0:
            g = g + damp * r[m:]
        return np.asarray(dtrsv(u, scale * g, trans=1))

    height = m + n if damp > 0 else m
    operator = LinearOperator((height, n), matvec=forward, rmatvec=backward, dtype=np.float64)
    right = np.concatenate([call.b, damp * call.x0]) if damp > 0 else call.b
    bnorm = float(np.linalg.norm(call.b))
    x, itn = np.array(trial[0], dtype=np.float64), int(trial[2])
    atol = call.atol / math.sqrt(n)
    for _ in range(ROUNDS):
        y, inner_stop, steps = inner(operator, right, atol, call.btol, call.limit - itn, factor @ (x / scale))
        itn += steps
        x = scale * dtrsv(u, y)
        if not np.isfinite(x).all():
            return "NaN or infinity appeared"
        r = call.b - A @ x
        moved = x - call.x0
        r1 = float(np.linalg.norm(r))
        r2 = math.hypot(r1, damp * float(np.linalg.norm(moved)))
        ar = float(np.linalg.norm(A.T @ r - damp**2 * moved))
        xnorm = float(np.linalg.norm(x))
        istop = _stop(call, r2, ar, anorm, xnorm, bnorm, itn)
        done = _Done(x, istop, itn, r1, r2, anorm, acond, ar, xnorm, factor, scale, sketch.d)
        if istop:
            return done
        atol /= 20.0
    return f"the tolerances were not reached (inner iteration ended with {inner_stop})"


def _stop(call: _Call, r: float, ar: float, anorm: float, xnorm: float, bnorm: float, itn: int) -> int:
    """SciPy's tests in SciPy's order, on norms that were recomputed; 0 to go on."""
    test1 = r / bnorm
    test2 = ar / (anorm * r + EPS)
    t1 = test1 / (1 + anorm * xnorm / bnorm)
    if test1 <= call.btol + call.atol * anorm * xnorm / bnorm:
        return 1
    if test2 <= call.atol:
        return 2
    # Residuals that are recomputed do not fall below their own rounding errors.
    if t1 <= 4 * EPS:
        return 4
    if test2 <= 4 * EPS:
        return 5
    return 7 if itn >= call.limit else 0
