"""Hierarchies of PyAMG, run by compiled kernels."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator

from kriss import _validate as check
from kriss._backend import kernels
from kriss._device import is_device_array
from kriss.solve._native import NativePreconditioner

if TYPE_CHECKING:
    from kriss.solve._cuda_cycle import CudaCycle

_CYCLES = {"V": 0, "W": 1, "K": 2}
_SWEEPS = {"forward": 1, "backward": 2, "symmetric": 3}
_JACOBI = 4
_DIRECT = ("pinv", "pinv2", "lu", "splu", "cholesky")
_MOST_COARSE = 3000


class _Smoother(NamedTuple):
    kind: int
    iterations: int
    omega: float


class PyAMGCycle(NativePreconditioner):
    """One cycle of a PyAMG hierarchy as a preconditioner; made by `from_pyamg`.

    Attributes
    ----------
    cycle : str
        ``"V"``, ``"W"`` or ``"K"``.
    levels : int
        Number of levels.
    is_spd : bool
        Whether the cycle is linear and its smoothers and transfers are symmetric to each other; the operators are
        taken to be symmetric positive definite.
    is_linear : bool
        False for the K cycle.
    nbytes : int
        Memory held.

    Raises
    ------
    TypeError, ValueError, LinAlgError
        See `from_pyamg`.

    Notes
    -----
    See `from_pyamg`, which takes the same arguments.

    References
    ----------
    N. Bell, L. N. Olson, J. Schroder, B. Southworth, "PyAMG: algebraic multigrid solvers in Python", J. Open Source
    Softw. 8 (2023), 5495.

    Examples
    --------
    >>> from kriss.solve import PyAMGCycle
    >>> PyAMGCycle(None)
    Traceback (most recent call last):
        ...
    TypeError: ml must be a multilevel solver of PyAMG, not NoneType
    """

    def __init__(self, ml: Any, *, cycle: str = "V", workers: int | None = None) -> None:
        check.choice(cycle, "cycle", tuple(_CYCLES))
        self.cycle = cycle
        self._workers = check.workers(workers)
        levels_of(ml)
        self._set(ml)
        n = self._native.size
        LinearOperator.__init__(self, self._dtype, (n, n))

    def _set(self, ml: Any) -> None:
        dtype = check.real_dtype(np.dtype(ml.levels[0].A.dtype), "A of level 0")
        module = kernels("solve_multigrid")
        native = module.Amg() if dtype == np.float64 else module.AmgF32()
        empty = (np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, dtype))
        symmetric = True
        for k, level in enumerate(ml.levels):
            A = _arrays(level.A, f"A of level {k}", dtype)
            if k + 1 == len(ml.levels):
                native.add(*A, *empty, *empty, 0, 0, 0.0, 0, 0, 0.0)
                break
            pre, post = (_smoother(getattr(level, f"{w}smoother", None), f"{w}smoother", k) for w in ("pre", "post"))
            P, R = _arrays(level.P, f"P of level {k}", dtype), _arrays(level.R, f"R of level {k}", dtype)
            row = native.add(*A, *P, *R, *pre, *post)
            if row >= 0:
                raise ValueError(
                    f"A of level {k} cannot be smoothed: its diagonal entry in row {row} is missing, zero or not finite"
                )
            symmetric = symmetric and _adjoint(pre, post) and abs(level.R - level.P.T).max() == 0
        native.finish(_inverse(ml, dtype), _CYCLES[self.cycle])
        self._native, self._kernels, self._dtype = native, module, dtype
        self.levels = len(ml.levels)
        self.is_linear = self.cycle != "K"
        self.is_spd = bool(symmetric and self.is_linear)

    def _adjoint(self) -> LinearOperator:
        if not self.is_spd:
            raise NotImplementedError("the adjoint of a cycle that is not symmetric is not available")
        return self

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return int(self._native.nbytes)

    def update(self, ml: Any) -> None:
        """Take over another hierarchy of the same size, with the options given before."""
        n = int(ml.levels[0].A.shape[0])
        if (n, n) != self.shape:
            raise ValueError(f"ml is for {n} unknowns, expected {self.shape[0]}")
        kept = self._dtype
        self._set(ml)
        if self._dtype != kept:
            self.dtype = np.dtype(self._dtype)


def from_pyamg(
    ml: Any, *, cycle: str = "V", workers: int | None = None, device: bool = False
) -> PyAMGCycle | CudaCycle:
    """Run the cycle of a PyAMG hierarchy in compiled code, as a preconditioner.

    Parameters
    ----------
    ml : pyamg.multilevel.MultilevelSolver
        What ``pyamg.smoothed_aggregation_solver``, ``pyamg.ruge_stuben_solver``, ... return. Real, float32 or float64.
        It is copied.
    cycle : {"V", "W", "K"}
        The K cycle solves coarse problems by up to two steps of flexible conjugate gradients. It is not linear:
        ``is_linear`` is False, and `kriss.solve.cg` refuses it.
    workers : int, optional
        Threads; `kriss.get_num_threads` by default. The result does not depend on it.
    device : bool
        Upload the hierarchy to the current GPU. One whose matrices are CuPy's already stays there in any case.

    Returns
    -------
    PyAMGCycle or CudaCycle
        A linear operator, the inverse of A approximately: pass it as `M` to `kriss.solve.cg`, where it runs in
        compiled code; on a GPU a `CudaCycle` with the smoothers of the hierarchy.

    Raises
    ------
    TypeError
        If `ml` is not a hierarchy or not real.
    ValueError
        If a smoother is not Gauss-Seidel (forward, backward or symmetric) or Jacobi on scalar unknowns, or the
        coarsest problem is not solved directly (``pinv, lu, splu, cholesky``) or has more than 3000 unknowns: the
        level and the name are given.
    LinAlgError
        If the coarsest problem has no pseudo-inverse.

    Notes
    -----
    V and W are PyAMG's own cycles but for rounding. Gauss-Seidel runs in PyAMG's order, but opposite sweeps in a row
    share half of their sums, and so does the residual: three products per symmetric cycle and level instead of five.
    Products and transfers use all workers; so do sweeps where a level is large and its rows come from the planes of a
    grid in order, as then blocks of rows can follow one another, each row computed as on one thread.

    PyAMG is not needed by KRISS; this function only reads the hierarchy's attributes.

    References
    ----------
    N. Bell, L. N. Olson, J. Schroder, B. Southworth, "PyAMG: algebraic multigrid solvers in Python", J. Open Source
    Softw. 8 (2023), 5495.
    Y. Notay, P. S. Vassilevski, "Recursive Krylov-based multigrid cycles", Numer. Linear Algebra Appl. 15 (2008),
    algorithm 3.1.
    V. Conrad, Y. Wallach, "Alternating methods for sets of linear equations", Numer. Math. 32 (1979).

    Examples
    --------
    >>> from kriss.solve import from_pyamg
    >>> from_pyamg("not a hierarchy")
    Traceback (most recent call last):
        ...
    TypeError: ml must be a multilevel solver of PyAMG, not str

    With PyAMG: ``cg(A, b, M=from_pyamg(pyamg.smoothed_aggregation_solver(A)))``.
    """
    if device or any(is_device_array(level.A) for level in levels_of(ml)):
        from kriss.solve._cuda_cycle import CudaCycle

        return CudaCycle(ml, cycle=cycle)
    return PyAMGCycle(ml, cycle=cycle, workers=workers)


def levels_of(ml: Any) -> Any:
    """The levels of a hierarchy."""
    levels = getattr(ml, "levels", None)
    if not isinstance(levels, (list, tuple)) or not hasattr(ml, "coarse_solver") or not levels:
        raise TypeError(f"ml must be a multilevel solver of PyAMG, not {type(ml).__name__}")
    return levels


def _arrays(matrix: Any, name: str, dtype: np.dtype[Any]) -> tuple[Any, Any, Any]:
    found = check.csr(matrix if sps.issparse(matrix) else sps.csr_array(matrix), name, dtype=dtype)
    if found.data.size >= 2**31:
        raise ValueError(f"{name} has {found.data.size} entries, expected fewer than 2**31")
    return found.indptr.astype(np.int32), found.indices.astype(np.int32), found.data


def _smoother(fn: Any, which: str, level: int) -> _Smoother:
    """PyAMG keeps a smoother as a `functools.partial` of a function of pyamg.relaxation."""
    name = getattr(getattr(fn, "func", fn), "__name__", type(fn).__name__)
    options = dict(fn.keywords) if isinstance(fn, functools.partial) else {}
    iterations = int(options.pop("iterations", 1))
    if isinstance(fn, functools.partial) and not fn.args:
        if name == "gauss_seidel" and set(options) <= {"sweep"}:
            sweep = options.get("sweep", "forward")
            if sweep in _SWEEPS:
                return _Smoother(_SWEEPS[sweep], iterations, 1.0)
        if name == "jacobi" and set(options) <= {"omega"}:
            return _Smoother(_JACOBI, iterations, float(options.get("omega", 1.0)))
    if fn is None or name == "none":
        return _Smoother(0, 0, 0.0)
    raise ValueError(
        f"the {which} of level {level} is {name!r}, expected 'gauss_seidel' or 'jacobi' on scalar unknowns "
        "(pyamg.relaxation.smoothing.change_smoothers sets another)"
    )


def _adjoint(pre: _Smoother, post: _Smoother) -> bool:
    opposite = {1: 2, 2: 1}
    return post == pre._replace(kind=opposite.get(pre.kind, pre.kind))


def check_coarse(ml: Any, n: int) -> None:
    """Refuse a coarse solver that is not direct, or a coarsest problem of n unknowns that is too large for it."""
    solver = ml.coarse_solver
    name = solver.name() if hasattr(solver, "name") else type(solver).__name__
    name = str(name).strip("'\"")
    if name not in _DIRECT:
        raise ValueError(f"the coarse solver is {name!r}, expected one of {', '.join(map(repr, _DIRECT))}")
    if n > _MOST_COARSE:
        raise ValueError(f"the coarsest level has {n} unknowns, expected at most {_MOST_COARSE}")


def _inverse(ml: Any, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    A = ml.levels[-1].A
    check_coarse(ml, A.shape[0])
    dense = np.asarray(A.toarray() if sps.issparse(A) else A, np.float64)
    check.check_finite(dense, "A of the coarsest level")
    return np.ascontiguousarray(np.linalg.pinv(dense, rcond=1e-15), dtype)
