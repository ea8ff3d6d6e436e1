"""Two triangles as a preconditioner that compiled loops apply by themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator

from kriss import _validate as check
from kriss._backend import kernels
from kriss.solve._native import NativePreconditioner
from kriss.solve._precond import same_pattern
from kriss.solve._triangular import Rows, Triangle

FAMILY = "solve_fill"

# A lower and an upper triangle: strict rows and inverse diagonals (empty: ones).
Parts = tuple[Rows, npt.NDArray[Any], Rows, npt.NDArray[Any]]


def pair(first: Rows, first_inverse: npt.NDArray[Any], second: Rows, second_inverse: npt.NDArray[Any]) -> Any:
    """A lower and an upper triangle as an object of the kernels: strict rows and inverse diagonals (empty: ones)."""
    none = np.empty(0, first[1].dtype)
    return kernels(FAMILY).factors(*first, first_inverse, True, *second, second_inverse, False, none, none)


def triangles(parts: Parts, shift: int) -> list[tuple[Triangle, npt.NDArray[Any] | None]]:
    """The two of them, for a matrix scaled by ``2**shift``, as ``_device_triangles`` wants them."""
    first, one, second, other = parts
    factor = np.full(other.size, np.ldexp(1.0, shift), other.dtype) if shift else None
    return [(Triangle(*first, one, True), factor), (Triangle(*second, other, False), None)]


class TrianglePair(NativePreconditioner):
    """``M = L U``, L and U by rows."""

    _family = FAMILY
    _parts: Parts
    _pattern: tuple[npt.NDArray[Any], npt.NDArray[Any]]

    def _set(self, matrix: check.Csr) -> None:
        raise NotImplementedError

    def _remember(self, matrix: check.Csr) -> None:
        """Keep where the entries are, for `update`."""
        self._pattern = (matrix.indptr.copy(), matrix.indices.copy())

    def _hold(self, first: Rows, first_inverse: npt.NDArray[Any], second: Rows, second_inverse: Any) -> None:
        """Keep a lower and an upper triangle: strict rows and inverse diagonals (empty: ones)."""
        self._parts = (first, first_inverse, second, second_inverse)
        self._native, self._kernels = pair(*self._parts), kernels(FAMILY)

    def _device_triangles(self) -> Any:
        return triangles(self._parts, self._shift)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the object of the kernels, which is made anew."""
        return {k: v for k, v in self.__dict__.items() if k not in ("_native", "_kernels")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._hold(*self._parts)

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        first, one, second, other = self._parts
        diagonals = one.nbytes + (0 if other is one else other.nbytes)
        return int(sum(v.nbytes for v in (*first, *second)) + diagonals + self._native.nbytes)

    def update(self, A: object) -> None:
        """Take over the entries of a new A with the same pattern; if they are unfit, nothing is changed."""
        matrix = check.csr(A, "A", square=True, dtype=self.dtype)
        same_pattern(matrix, *self._pattern)
        before = self.__dict__.copy()
        try:
            self._set(matrix)
        except BaseException:
            self.__dict__.update(before)
            raise

    def _adjoint(self) -> LinearOperator:
        return self if self.is_spd else _Transposed(self)


class _Transposed(TrianglePair):
    """The transpose of two triangles: both turned, in the other order."""

    is_spd = False

    def __init__(self, of: TrianglePair) -> None:
        first, one, second, other = of._parts
        self._of = of
        self._shift, self._pattern = of._shift, of._pattern
        self._hold(_turned(second), other, _turned(first), one)
        LinearOperator.__init__(self, of.dtype, of.shape)

    def update(self, A: object) -> None:
        """Not for a transpose: it keeps the factors that it was made from."""
        raise TypeError("the transpose of a preconditioner cannot be updated: update the preconditioner itself")

    def _adjoint(self) -> LinearOperator:
        return self._of


def _turned(rows: Rows) -> Rows:
    n, itype = rows[0].size - 1, rows[1].dtype
    turned = sps.csc_array((rows[2], rows[1], rows[0]), shape=(n, n)).tocsr()
    return turned.indptr.astype(itype), turned.indices.astype(itype), turned.data
