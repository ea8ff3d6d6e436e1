"""Two triangles as a preconditioner that compiled loops apply by themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate as check
from kriss._backend import kernels
from kriss.solve._native import NativePreconditioner
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

    def _set(self, matrix: check.Csr) -> None:
        raise NotImplementedError

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
        """Factorise a new A of the same shape, with the same options."""
        matrix = check.csr(A, "A", square=True, dtype=self.dtype)
        if matrix.shape != self.shape:
            raise ValueError(f"A has shape {matrix.shape}, expected {self.shape}")
        self._set(matrix)
