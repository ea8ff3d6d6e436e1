"""The preconditioners that go by a name: ``M="mic"`` and so on, resolved in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kriss import _validate as check
from kriss.solve._chebyshev import Chebyshev
from kriss.solve._factor import IC0, MIC
from kriss.solve._fill import ICT
from kriss.solve._fsai import FSAI
from kriss.solve._precond import SSOR, Jacobi
from kriss.solve._stencil import StencilOperator, StencilSweeps
from kriss.solve._storage import Blocks, Grid, Stored

# Each is made from a checked CSR matrix that nobody changes while the preconditioner lives.
BUILDERS: dict[str, Callable[[check.Csr], Any]] = {
    "jacobi": Jacobi._over,
    "ssor": SSOR._over,
    "ic0": IC0._over,
    "ict": ICT._over,
    "mic": MIC._over,
    "fsai": FSAI._over,
    "chebyshev": Chebyshev._over,
}


# The same for a stencil that is not stored.
STENCIL: dict[str, Callable[[Grid], Any]] = {
    "ssor": lambda grid: StencilSweeps._over(grid, "ssor"),
    "ic0": lambda grid: StencilSweeps._over(grid, "ic0"),
    "mic": lambda grid: StencilSweeps._over(grid, "mic"),
    "chebyshev": lambda grid: Chebyshev(StencilOperator._over(grid), diagonal=grid.diagonal()),
}


def named(name: str, matrix: Stored | None) -> Any:
    """The preconditioner called `name`, built from `matrix`."""
    check.choice(name, "M", tuple(BUILDERS))
    if isinstance(matrix, Grid):
        if name not in STENCIL:
            raise TypeError(f"M={name!r} needs the entries of A, which a StencilOperator does not store: use A.tocsr()")
        return STENCIL[name](matrix)
    if isinstance(matrix, Blocks):
        matrix = matrix.tocsr()
    if matrix is None:
        raise TypeError(f"M={name!r} needs the entries of A, which is not a sparse matrix here: pass an operator as M")
    return BUILDERS[name](matrix)
