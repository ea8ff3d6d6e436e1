"""A least-squares matrix prepared once for many right-hand sides."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kriss import _device, _validate
from kriss._validate import RngLike
from kriss.sketch._certificate import Array
from kriss.sketch._engine import Solver, problem_of, refine
from kriss.sketch._input import Left, left_side, right_side
from kriss.sketch._look import look
from kriss.sketch._lstsq import LstsqResult, options
from kriss.sketch._solve import (
    Answer,
    Options,
    about,
    fields,
    is_single,
    make_solver,
    near_cut,
    not_tall,
    nothing,
    singular_values,
    sketch_rows,
    solve,
    tiers,
)
from kriss.sketch._sparse_sign import SparseSign

_log = logging.getLogger("kriss.sketch")


@dataclass(frozen=True)
class LstsqFactor:
    """What `factor` makes: a matrix whose least-squares problems are solved by its `solve`.

    Attributes
    ----------
    shape : tuple of int
        Of A.
    method : str
        The solver that was prepared, as in `LstsqResult`; ``"lapack"`` if each right-hand side is a problem of its own.
    rank : int or None
        Numerical rank; None with ``"lapack"``, which finds out when it solves.
    s : ndarray, shape (min(m, n),)
        Singular values as in `LstsqResult`; NaN with ``"lapack"``.
    condition : float
        As in `LstsqResult`; NaN with ``"lapack"``.
    sketch_distortion : float
        As in `LstsqResult`.
    reason : str
        Why this method.
    """

    shape: tuple[int, int]
    method: str
    rank: int | None
    s: Array
    condition: float
    sketch_distortion: float
    reason: str
    _left: Left
    _options: Options
    _sketch: SparseSign
    _solver: Solver | None

    def __repr__(self) -> str:
        return f"LstsqFactor(shape={self.shape}, method={self.method!r}, rank={self.rank})"

    def solve(self, b: object, *, tol: float | None = None, precise: bool = False) -> LstsqResult:
        """Solve min ‖b − A x‖ with the sketch and the factor that are there.

        Parameters
        ----------
        b : array_like, shape (m,) or (m, k)
            Right-hand sides.
        tol : float, optional
            As in `lstsq`.
        precise : bool
            As in `lstsq`.

        Returns
        -------
        LstsqResult
            As `lstsq` gives it, with its own certificate. Where the prepared solver does not reach it, the call
            starts anew as `lstsq` does and the result says so.

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `lstsq`.
        """
        target = None if tol is None else _validate.scalar(tol, "tol", low=0.0, strict=True)
        chosen = replace(self._options, tol=target, precise=bool(precise))
        right, one_d, dtype, left = right_side(b, self._left)
        if min(left.matrix.m, left.matrix.n, right.shape[1]) == 0:
            return LstsqResult(**nothing(left, right, one_d, dtype))
        solver, why = self._solver, ""
        if solver is not None and left.matrix.complex == self._left.matrix.complex:
            if chosen.check_finite:
                _validate.check_finite(right, "b")
            p = problem_of(left.matrix, right, solver.scale, chosen.damp, dtype, chosen.workers)
            zero = np.zeros((left.matrix.n, right.shape[1]), np.complex128 if left.matrix.complex else np.float64)
            before = len(solver.steps)
            first = solver.correct(p.residual(zero, zero)[0].g)
            found, why = refine(p, solver, first, chosen.tol, chosen.precise)
            if not why:
                answer = Answer(
                    left, solver.method, [self.reason], p, replace(solver, steps=solver.steps[before:]), found
                )
                return LstsqResult(**fields(answer, right, one_d, dtype, chosen))
            _log.info("factor: %s gave up: %s", solver.method, why)
        answer = solve(left, right, dtype, chosen, self._sketch)
        if why:
            answer.reasons.insert(0, f"factor: {why}")
        return LstsqResult(**fields(answer, right, one_d, dtype, chosen))


def factor(
    a: object,
    *,
    method: str = "auto",
    sketch_size: int | None = None,
    zeta: int = 8,
    cond: float | None = None,
    damp: float = 0,
    sample_weight: object = None,
    rng: RngLike = None,
    workers: int | None = None,
    check_finite: bool = True,
) -> LstsqFactor:
    """Sketch and factor a tall matrix once, to solve least-squares problems with it again and again.

    Parameters
    ----------
    a, method, sketch_size, zeta, cond, damp, sample_weight, rng, workers, check_finite
        As in `lstsq`. `a` is kept, not copied: it must not change.

    Returns
    -------
    LstsqFactor
        Frozen; ``factor(a).solve(b)`` returns what ``lstsq(a, b)`` returns, up to rounding.

    Raises
    ------
    TypeError, ValueError
        As `lstsq`.

    See Also
    --------
    lstsq : for one right-hand side, or for all of them at once.

    Notes
    -----
    Sketch and Gram matrix, so all work that grows with m n², are done here; each `solve` takes two to four passes over
    A, of 4 m n flops in twofold arithmetic, and O(n²) more (``"spir"``: some 30 passes). Memory beside A: 4 n² to
    12 n² numbers. Problems that go to LAPACK (small, wide, of doubtful rank) are solved from scratch each time.

    References
    ----------
    E. N. Epperly, M. Meier, Y. Nakatsukasa, *Fast randomized least-squares solvers can be just as accurate and stable
    as classical direct solvers*, 2024 (arXiv:2406.03468), section 1.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import factor
    >>> gen = np.random.default_rng(0)
    >>> A = gen.standard_normal((20000, 20))
    >>> F = factor(A, rng=0)
    >>> F.method, F.rank
    ('gram', 20)
    >>> x = [F.solve(A @ np.full(20, v)).x for v in (1.0, 2.0)]
    >>> bool(np.allclose(x, [[1.0] * 20, [2.0] * 20]))
    True
    """
    chosen = options(method, sketch_size, zeta, cond, damp, None, False, workers, check_finite)
    if _device.is_device_array(a):
        raise TypeError("a is on the GPU, expected an array in host memory: use lstsq there")
    left = left_side(a, sample_weight, chosen.check_finite)
    m, n = left.matrix.m, left.matrix.n
    if chosen.sketch_size is not None:
        _validate.integer(chosen.sketch_size, "sketch_size", low=n + 1)
    sketch = SparseSign(sketch_rows(left, chosen), chosen.zeta, rng=rng)
    solver, reason = _prepared(left, chosen, sketch) if min(m, n) > 0 else (None, "nothing to solve: a size is zero")
    if solver is None:
        s: Any = np.full(min(m, n), np.nan)
        return LstsqFactor(
            (m, n), "lapack", None, s, float("nan"), float("nan"), f"lapack: {reason}", left, chosen, sketch, None
        )
    s = singular_values(solver, chosen.damp, min(m, n))
    s.flags.writeable = False
    return LstsqFactor(
        (m, n), solver.method, solver.rank, s, solver.condition, solver.distortion, reason, left, chosen, sketch, solver
    )  # fmt: skip


def _prepared(left: Left, chosen: Options, sketch: SparseSign) -> tuple[Solver | None, str]:
    """The first solver that can be made, without a right-hand side."""
    matrix = left.matrix
    work = left.dtype if left.dense else np.dtype(np.complex128 if matrix.complex else np.float64)
    why = not_tall(left, chosen, sketch.d)
    if why is not None:
        if chosen.check_finite and left.dense:
            _validate.check_finite(matrix.dense(), "a")
        return None, why
    single = is_single(left)
    none = np.zeros((matrix.m, 1), work)
    known = look(matrix, none, sketch, chosen.damp, single, chosen.workers)
    if known is None:
        if chosen.check_finite and left.dense:
            _validate.check_finite(matrix.dense(), "a")
        return None, "the sketch is not finite, or below 1e-290"
    why = near_cut(known, chosen.cond)
    if why is not None:
        return None, why
    p = problem_of(matrix, none, known.scale, chosen.damp, left.dtype, chosen.workers)
    reasons = []
    for tier in tiers(known, left, chosen):
        solver, _, why = make_solver(tier, p, known, single)
        if solver is not None:
            reasons.append(f"{solver.method}: {about(solver)}")
            return solver, "; ".join(reasons)
        reasons.append(f"{tier}: {why}")
    return None, "; ".join(reasons)
