"""The cycle of a PyAMG hierarchy on a GPU."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sps

from kriss import _device
from kriss import _validate as check
from kriss.solve import _amg
from kriss.solve._cuda_arrays import ADD, PLAIN, RESIDUAL, Launcher, Matrix
from kriss.solve._cuda_precond import CudaPreconditioner, Groups, color_groups, gershgorin
from kriss.solve._stationary import color_rows

_CYCLES = ("V", "W")
_SMOOTHERS = ("multicolor", "jacobi", "chebyshev")
_CHEBYSHEV = 5
_DEGREE = 2  # with one step more than products: even degrees leave the smoother definite
_SHARE = 4.0  # a Chebyshev smoother works on the upper 1 - 1/4 of the spectrum


class _Level(NamedTuple):
    a: Matrix
    p: Matrix | None
    r: Matrix | None
    inverse: Any
    groups: Groups | None
    high: float
    pre: _amg._Smoother
    post: _amg._Smoother


class CudaCycle(CudaPreconditioner):
    """One V or W cycle of a PyAMG hierarchy on a GPU as a preconditioner.

    Parameters
    ----------
    ml : pyamg.multilevel.MultilevelSolver
        Real, float32 or float64. Its matrices are in host memory, and are uploaded here once, or are CuPy CSR matrices
        already (assign them to ``ml.levels[k].A``, ``.P`` and ``.R``).
    cycle : {"V", "W"}
        Which cycle.
    smoother : {None, "multicolor", "jacobi", "chebyshev"}
        None keeps the hierarchy's own smoothers, Gauss-Seidel in the order of colours. ``"multicolor"`` is a symmetric
        sweep of that, ``"jacobi"`` damped by 4/3 over the Gershgorin bound, ``"chebyshev"`` three steps on the
        upper three quarters of the spectrum.

    Attributes
    ----------
    cycle : str
        ``"V"`` or ``"W"``.
    levels : int
        Number of levels.
    is_spd : bool
        Whether smoothers and transfers are symmetric to each other; the operators are taken to be symmetric positive
        definite.
    is_linear : bool
        True.
    nbytes : int
        Memory held on the device.

    Raises
    ------
    TypeError, ValueError
        As `from_pyamg`; and if matrices on the GPU and in host memory are mixed.
    RuntimeError
        If there is no device or CuPy is missing.

    Notes
    -----
    Gauss-Seidel by colours is another smoother than PyAMG's in natural order, of about the same worth: iteration counts
    may differ a little. Products, residuals and transfers are one launch each; the coarsest problem is a product with
    its dense inverse, by CuPy.

    References
    ----------
    N. Bell, L. N. Olson, J. Schroder, B. Southworth, "PyAMG: algebraic multigrid solvers in Python", J. Open Source
    Softw. 8 (2023), 5495.
    M. Adams, M. Brezina, J. Hu, R. Tuminaro, "Parallel multigrid smoothing: polynomial versus Gauss-Seidel", J. Comput.
    Phys. 188 (2003), section 3.

    Examples
    --------
    >>> from kriss.solve import CudaCycle
    >>> CudaCycle("not a hierarchy")
    Traceback (most recent call last):
        ...
    TypeError: ml must be a multilevel solver of PyAMG, not str

    With CuPy: ``cg(A, b, M=CudaCycle(ml, smoother="chebyshev"))``.
    """

    def __init__(self, ml: Any, *, cycle: str = "V", smoother: str | None = None) -> None:
        self.cycle = check.choice(cycle, "cycle", _CYCLES)
        if smoother is not None:
            check.choice(smoother, "smoother", _SMOOTHERS)
        levels = _amg.levels_of(ml)
        there = [_device.is_device_array(level.A) for level in levels]
        if any(there) and not all(there):
            raise TypeError("some levels of ml are on the GPU and some in host memory: move all of them or none")
        cp = _device.cupy()
        dtype = check.real_dtype(np.dtype(levels[0].A.dtype), "A of level 0")
        self._launch = Launcher(dtype)
        self._levels = [
            self._level(level, k, k + 1 == len(levels), dtype, there[0], smoother) for k, level in enumerate(levels)
        ]
        if there[0]:
            _amg.check_coarse(ml, int(levels[-1].A.shape[0]))
            dense = levels[-1].A.toarray().astype(np.float64)
            self._coarse = cp.ascontiguousarray(cp.linalg.pinv(dense, rcond=1e-15), dtype=dtype)
        else:
            self._coarse = cp.asarray(_amg._inverse(ml, dtype))
        n = self._levels[0].a.rows
        self.shape, self.dtype, self.levels = (n, n), dtype, len(levels)
        adjoint = all(_amg._adjoint(level.pre, level.post) for level in self._levels[:-1])
        self.is_spd = adjoint and all(_transposes(level.R, level.P) for level in levels[:-1])
        self._room: dict[tuple[int, int], tuple[Any, ...]] = {}

    def _level(self, level: Any, k: int, last: bool, dtype: Any, there: bool, smoother: str | None) -> _Level:
        a = self._upload(level.A, f"A of level {k}", dtype, there, True)
        none = _amg._Smoother(0, 0, 0.0)
        if last:
            return _Level(a, None, None, None, None, 1.0, none, none)
        p = self._upload(level.P, f"P of level {k}", dtype, there, False)
        r = self._upload(level.R, f"R of level {k}", dtype, there, False)
        inverse = a.inverse_diagonal(f"A of level {k}")
        high = gershgorin(a, inverse, self._launch) if smoother in ("jacobi", "chebyshev") else 1.0
        if smoother is None:
            pre, post = (
                _amg._smoother(getattr(level, f"{w}smoother", None), f"{w}smoother", k) for w in ("pre", "post")
            )
        else:
            kind = {"multicolor": 3, "jacobi": _amg._JACOBI, "chebyshev": _CHEBYSHEV}[smoother]
            pre = post = _amg._Smoother(kind, 1, 4.0 / (3.0 * high) if smoother == "jacobi" else 1.0)
        groups = None
        if any(s.kind in (1, 2, 3) and s.iterations > 0 for s in (pre, post)):
            groups = color_groups(a) if there else self._host_groups(level.A)
        return _Level(a, p, r, inverse, groups, high, pre, post)

    @staticmethod
    def _upload(A: Any, name: str, dtype: Any, there: bool, square: bool) -> Matrix:
        if there:
            return Matrix(A, name, dtype=dtype, square=square)
        cp = _device.cupy()
        indptr, indices, data = _amg._arrays(A, name, dtype)
        arrays = (cp.asarray(data), cp.asarray(indices), cp.asarray(indptr))
        return Matrix(_device.cupyx_sparse().csr_matrix(arrays, shape=A.shape), name, dtype=dtype, square=square)

    @staticmethod
    def _host_groups(A: Any) -> Groups:
        cp = _device.cupy()
        count, color = color_rows(sps.csr_array(A))
        groups = Groups(np, count, color.astype(np.int32))
        groups.order, groups.color, groups.xp = cp.asarray(groups.order), cp.asarray(groups.color), cp
        return groups

    @property
    def nbytes(self) -> int:
        """Memory held on the device, in bytes."""
        matrices = [m for level in self._levels for m in (level.a, level.p, level.r) if m is not None]
        vectors = [v for level in self._levels for v in (level.inverse, level.groups and level.groups.order)]
        vectors += [v for room in self._room.values() for v in room]
        return sum(m.nbytes for m in matrices) + sum(int(v.nbytes) for v in [*vectors, self._coarse] if v is not None)

    def _work(self, level: int, k: int) -> tuple[Any, ...]:
        """Correction, right-hand side, residual and a second array of x, for k columns."""
        if (level, k) not in self._room:
            cp = _device.cupy()
            shape = (self._levels[level].a.rows, k)
            self._room[level, k] = tuple(cp.empty(shape, self.dtype) for _ in range(4))
        return self._room[level, k]

    def _apply(self, r: Any, z: Any) -> None:
        self._visit(0, r, z, True)

    def _visit(self, at: int, b: Any, x: Any, zero: bool) -> None:
        level, launch, k = self._levels[at], self._launch, b.shape[1]
        if level.p is None or level.r is None:
            _device.cupy().dot(self._coarse, b, out=x)
            return
        residual = self._work(at, k)[2]
        coarse_x, coarse_b = self._work(at + 1, k)[:2]
        self._smooth(at, level.pre, b, x, zero)
        launch("csr_product", *level.a.head(k), RESIDUAL, x, b, residual)
        launch("csr_product", *level.r.head(k), PLAIN, residual, None, coarse_b)
        self._visit(at + 1, coarse_b, coarse_x, True)
        if self.cycle == "W" and at + 2 < len(self._levels):
            self._visit(at + 1, coarse_b, coarse_x, False)
        launch("csr_product", *level.p.head(k), ADD, coarse_x, x, x)
        self._smooth(at, level.post, b, x, False)

    def _smooth(self, at: int, smoother: _amg._Smoother, b: Any, x: Any, zero: bool) -> None:
        level, launch = self._levels[at], self._launch
        head, other = level.a.head(b.shape[1]), self._work(at, b.shape[1])[3]
        kind, iterations, omega = smoother
        if kind == 0 or iterations == 0:
            if zero:
                x[...] = 0
        elif kind == _CHEBYSHEV:
            for turn in range(iterations):
                first = zero and turn == 0
                launch(
                    "chebyshev_iterate", *head, level.inverse, level.high / _SHARE, level.high, _DEGREE, first, b, x,
                    other,
                )  # fmt: skip
        elif kind == _amg._JACOBI:
            for turn in range(iterations):
                launch(
                    "jacobi_sweep", *head, level.inverse, omega, b, None if zero and turn == 0 else x, other
                )  # fmt: skip
                x[...] = other
        else:
            assert level.groups is not None
            if zero:
                x[...] = 0
            for _ in range(iterations):
                for backward in {1: (False,), 2: (True,), 3: (False, True)}[kind]:
                    launch(
                        "group_sweep", *head, level.groups.count, level.groups.starts, level.groups.order, backward,
                        level.inverse, omega, b, x,
                    )  # fmt: skip


def _transposes(R: Any, P: Any) -> bool:
    """Whether R = P'."""
    difference = abs(R - P.T.tocsr())
    return difference.nnz == 0 or float(difference.data.max()) == 0.0
