"""The space that one solve leaves to the next of a sequence of related systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate as check
from kriss.solve._system import ldexp, numbers, working_dtype

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class RecycledSpace:
    """Directions worth keeping for the next system of a sequence: `SolveResult.recycled`, passed on as ``space=``.

    It belongs to the unknowns and holds nothing of A or M, so that both may change from system to system. It can be
    pickled; its arrays are read-only.

    Attributes
    ----------
    vectors : ndarray, shape (n, k)
        The directions, in the space of x.
    directions : ndarray, shape (n, k), or None
        M times `vectors`, where a method preconditioned on the right had M at hand; it helps to choose the next
        directions and is never needed.
    n, k : int
        Length and number of the vectors; k may be 0.
    nbytes : int
        Memory held.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import gcrodr
    >>> from kriss.testing import diffusion2d
    >>> b = np.ones(900)
    >>> first = gcrodr(diffusion2d(30, rng=1), b, M="jacobi", rtol=1e-8)
    >>> first.recycled
    RecycledSpace(n=900, k=10, dtype=float64)
    >>> changed = diffusion2d(30, rng=1) + 0.1 * diffusion2d(30, rng=2)
    >>> second = gcrodr(changed, b, M="jacobi", rtol=1e-8, space=first.recycled)
    >>> second.matvecs < gcrodr(changed, b, M="jacobi", rtol=1e-8).matvecs
    True
    """

    vectors: Array
    directions: Array | None = None

    def __post_init__(self) -> None:
        for name in ("vectors", "directions"):
            value = getattr(self, name)
            if value is None and name == "directions":
                continue
            if not isinstance(value, np.ndarray) or value.ndim != 2:
                found = getattr(value, "shape", type(value).__name__)
                raise ValueError(f"{name} is {found}, expected an array of shape (n, k)")
            if value.shape != self.vectors.shape:
                raise ValueError(f"{name} has shape {value.shape}, expected {self.vectors.shape} as vectors")
            own = value.view()
            own.flags.writeable = False
            object.__setattr__(self, name, own)

    @property
    def n(self) -> int:
        """Length of the vectors."""
        return int(self.vectors.shape[0])

    @property
    def k(self) -> int:
        """Number of the vectors."""
        return int(self.vectors.shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Their dtype."""
        return self.vectors.dtype

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return int(self.vectors.nbytes + (0 if self.directions is None else self.directions.nbytes))

    def __repr__(self) -> str:
        return f"RecycledSpace(n={self.n}, k={self.k}, dtype={self.dtype})"

    def __setstate__(self, state: dict[str, Any]) -> None:
        # NumPy does not pickle the flag.
        for name, value in state.items():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
            object.__setattr__(self, name, value)


def columns(
    space: Any, n: int, dtype: np.dtype[Any], *, finite: bool, name: str = "space"
) -> tuple[list[Array], list[Array] | None]:
    """The argument `space` as lists of contiguous vectors of the working dtype: vectors, and directions if it has any.

    None is no vectors. Columns that are zero, dependent or (without `finite`) not numbers are left to the solver.
    """
    if space is None:
        return [], None
    recycled = space if isinstance(space, RecycledSpace) else None
    value = recycled.vectors if recycled is not None else space
    rows = _rows(value, n, dtype, finite, name)
    images = None
    if recycled is not None and recycled.directions is not None:
        images = _rows(recycled.directions, n, dtype, finite, f"{name}.directions")
    for j, row in enumerate(rows):
        size = float(np.abs(row.view(row.real.dtype)).max(initial=0.0))
        if size > 0 and np.isfinite(size) and not 1e-9 < size < 1e9:  # squares must neither over- nor underflow
            shift = -int(np.frexp(size)[1])
            rows[j] = ldexp(row, shift)
            if images is not None:
                images[j] = ldexp(images[j], shift)
    return rows, images


def _rows(value: Any, n: int, dtype: np.dtype[Any], finite: bool, name: str) -> list[Array]:
    try:
        found = working_dtype(np.asarray(value).dtype, name)
    except ValueError as exc:
        raise ValueError(f"{name} cannot be made an array: {exc}") from None
    if found.kind == "c" and dtype.kind != "c":
        raise ValueError(f"{name} is complex, but the system is real: pass its real and imaginary parts as columns")
    as_left = type(value) is np.ndarray and value.dtype == dtype and value.ndim == 2 and value.shape[0] == n
    if as_left and value.flags.f_contiguous and value.flags.aligned:  # by another solve: nothing to be copied
        if finite:
            check.check_finite(value, name)
        return list(value.T)
    raw = numbers(value, name, ndim=(1, 2), dtype=dtype, finite=finite)
    if raw.shape[0] != n:
        expected = f"({n},) or ({n}, k)" if raw.ndim == 1 else f"({n}, k)"
        raise ValueError(f"{name} has shape {raw.shape}, expected {expected}")
    return list(np.ascontiguousarray((raw[:, None] if raw.ndim == 1 else raw).T))


def recycled(vectors: list[Array], directions: list[Array] | None, n: int, dtype: np.dtype[Any]) -> RecycledSpace:
    """The space spanned by the vectors, which are copied."""

    def stack(rows: list[Array]) -> Array:
        return np.array(rows, dtype=dtype).T if rows else np.empty((n, 0), dtype)

    return RecycledSpace(stack(vectors), None if directions is None else stack(directions))
