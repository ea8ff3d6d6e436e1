"""How A is kept: blocks against an index for every entry, and stencils that are not stored.

All sides do the same iterations of conjugate gradients with the same bits. The traffic is (80 + 16 d) n bytes per
iteration for the vectors (cpp/include/kriss/solve/cg.hpp; d = 1 with Jacobi) and what a product reads of A, which the
solver reports: blocks save 8/9 of the indices of 3 x 3 blocks, 29.6 % of CSR's bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse as sps
from scipy.sparse.linalg import cg as scipy_cg

from benchmarks.harness import Case
from kriss.solve import StencilOperator, cg
from kriss.testing import elasticity3d

FIVE = {(0, 0): 4.0, (0, 1): -1.0, (1, 0): -1.0}
SEVEN = {(0, 0, 0): 6.0, (0, 0, 1): -1.0, (0, 1, 0): -1.0, (1, 0, 0): -1.0}


def _case(name: str, A: Any, peers: dict[str, Any], columns: int, most: int, target: float | None) -> Case:
    n = A.shape[0]
    rng = np.random.default_rng(0)
    b = rng.standard_normal((n, columns) if columns else n)
    done = cg(A, b, rtol=0.0, maxiter=most)

    def run(B: Any) -> Any:
        return lambda: cg(B, b, rtol=0.0, maxiter=most)

    others = {peer: run(B) for peer, B in peers.items()}
    csr = next(iter(peers.values()))
    if not columns:
        others["scipy"] = lambda: scipy_cg(csr, b, rtol=1e-300, maxiter=most)
    product = int(done.params.get("product_bytes", 0))
    return Case(
        name,
        run(A),
        others,
        accuracy=lambda r: float(np.linalg.norm(b - csr @ next(iter(r))) / np.linalg.norm(b)),
        accuracy_name="||b - A x|| / ||b||",
        target=target,
        target_peer=next(iter(peers)),
        note=f"{most} iterations; A stored as {done.params['storage']}",
        traffic=None if columns else lambda r: r.iterations * (80 * n + product),
        working_set=product + 32 * n,
    )


def _with_index_for_each(C: Any) -> Any:
    """The same matrix with a stored zero in a corner, so that no blocks are found."""
    coo = C.tocoo()
    n = C.shape[0]
    ij = np.append(coo.coords[0], n - 1), np.append(coo.coords[1], 0)
    return sps.coo_array((np.append(coo.data, 0.0), ij), shape=C.shape).tocsr()


def cases(quick: bool) -> Iterable[Case]:
    """Block CSR and stencils, with the same storage by entries beside."""
    cells = 8 if quick else 22
    C, _ = elasticity3d(cells)
    plain = _with_index_for_each(C)
    yield _case(f"elasticity {cells}^3, 3 x 3 blocks", C.tobsr((3, 3)), {"kriss csr": plain}, 0, 40, 1.2)
    yield _case(f"elasticity {cells}^3, blocks found in CSR", C, {"kriss csr": plain}, 0, 40, 1.1)
    yield _case(f"elasticity {cells}^3, 8 columns", C.tobsr((3, 3)), {"kriss csr": plain}, 8, 20, 1.0)
    side = 128 if quick else 1000
    A = StencilOperator((side, side), FIVE, symmetric=True)
    yield _case(f"5-point stencil {side}^2", A, {"kriss csr": A.tocsr()}, 0, 40, 1.0)
    side = 24 if quick else 96
    A = StencilOperator((side,) * 3, SEVEN, symmetric=True)
    yield _case(f"7-point stencil {side}^3", A, {"kriss csr": A.tocsr()}, 0, 40, 1.0)
    k = 1.0 + np.random.default_rng(1).random((side,) * 3)
    A = StencilOperator((side,) * 3, {d: c * k for d, c in SEVEN.items()} | {(0, 0, 0): 20.0 * k}, symmetric=True)
    yield _case(f"7-point variable stencil {side}^3", A, {"kriss csr": A.tocsr()}, 0, 40, 1.0)
