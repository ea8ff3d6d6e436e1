"""Data far from 1 brought near it by powers of two around an iteration whose squares would over- or underflow."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sps

from kriss import _validate as check
from kriss.solve import _cg
from kriss.solve._result import SolveResult
from kriss.solve._storage import exponent


def near_one(iterate: Callable[..., SolveResult]) -> Callable[..., SolveResult]:
    """``iterate(method, A, b, x0, omega, sweep, order, rtol, atol, maxiter, callback, ...)`` on scaled data.

    No bit of the result changes short of over- or underflow. Arguments that are unfit are left to `iterate` to refuse.
    """

    @functools.wraps(iterate)
    def run(
        method: str, A: Any, b: Any, x0: Any, omega: Any, sweep: Any, order: Any, rtol: Any, atol: Any, maxiter: Any,
        callback: Any, *rest: Any,
    ) -> SolveResult:  # fmt: skip
        given = (method, A, b, x0, omega, sweep, order, rtol, atol, maxiter, callback, *rest)
        a_shift, b_shift = _shift(getattr(A, "data", None) if sps.issparse(A) else None), _shift(b)
        if not (a_shift or b_shift) or not sps.issparse(A) or not isinstance(atol, (int, float)):
            return iterate(*given)
        dtype = np.result_type(check.real_dtype(A.dtype, "A"), check.real_dtype(np.asarray(b).dtype, "b"))
        m = check.csr(A, "A", square=True, finite=bool(rest[-1]), dtype=dtype)
        matrix = sps.csr_array((np.ldexp(m.data, a_shift), m.indices, m.indptr), shape=m.shape)
        back = a_shift - b_shift

        def after(x: Any) -> None:
            view = np.ldexp(x, back)
            view.flags.writeable = False
            callback(view)

        scaled_b = np.ldexp(np.asarray(b, dtype), b_shift)
        r = iterate(
            method, matrix, scaled_b, None if x0 is None else np.ldexp(np.asarray(x0, dtype), -back), omega, sweep,
            order, rtol, _cg._ldexp(atol, b_shift), maxiter, after if callable(callback) else callback, *rest,
        )  # fmt: skip
        with np.errstate(all="ignore"):
            x, status, norm = np.ldexp(r.x, back), r.status, r.residual_norm
            again = np.ldexp(x, -back)
            if not np.isfinite(x).all():
                status = "non_finite" if status == "converged" else status
            elif not np.array_equal(again, r.x):
                norm = float(np.linalg.norm(scaled_b - matrix @ again))
                tol = max(rtol * float(np.linalg.norm(scaled_b)), _cg._ldexp(atol, b_shift))
                status = "stagnated" if status == "converged" and not norm <= tol else status
            return dataclasses.replace(
                r, x=x, status=status, residual_norm=_cg._ldexp(norm, -b_shift),
                residuals=None if r.residuals is None else np.ldexp(r.residuals, -b_shift),
                params={**r.params, "atol": atol, "scaling": (a_shift, b_shift)},
            )  # fmt: skip

    return run


def _shift(value: Any) -> int:
    try:
        values = np.asarray(value)
    except ValueError:
        return 0
    if value is None or values.dtype.kind != "f" or values.size == 0:
        return 0
    if values.dtype.itemsize not in (4, 8):
        return 0
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    return exponent(max(float(values.max()), -float(values.min())), values.dtype)
