"""The network that corrects a polynomial approximate inverse, and what it reads.

The matrix is scaled to a unit diagonal, ``S A S`` with ``S = diag(A)**-1/2``, and divided by a bound ``high`` of its
largest eigenvalue. The Chebyshev polynomial of degree 2 in that matrix T is ``C ((rho - T)**2 + tau)`` with tau > 0: a
square and a multiple of the identity. The network changes the entries of ``G = rho - T``, symmetrically.

Nodes are the unknowns, edges the pairs of them that A couples. Features of a node: the row sum of A over the diagonal
entry; of the scaled matrix outside the diagonal: the sums of absolute values, of positive entries and of squares, and
the largest absolute value; the logarithm of ``high / 2``; how many neighbours. Features of an edge: the entry a, |a|,
``a**2`` over the sums of squares of its ends (geometric mean), and the product of the row sums of its ends. The rounds
are those of `_graph_network`, with the entries of the scaled matrix in place of the error of a factor, and with the
same weights for both ends of an edge, so that the network does not see the numbering of the unknowns. At the end there
is one number per node, c, and per edge, h: ``g_ii += tanh(c_i)``, ``g_ij += tanh(h_ij) / 2``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss.solve._chebyshev import Chebyshev, coefficients
from kriss.solve.learned import _graph_network
from kriss.solve.learned._graph_network import WIDTH, Graph

Array = npt.NDArray[Any]

ROUNDS = 4
NODES, EDGES = 7, 4  # features
RATIO = 100.0  # of the ends of the interval: that of `Chebyshev`

_ROUND: dict[str, tuple[int, ...]] = {
    "ai": (WIDTH, WIDTH), "ae": (WIDTH, WIDTH), "a": (WIDTH,), "b_w": (WIDTH, WIDTH), "b": (WIDTH,),
    "cx": (WIDTH, WIDTH), "cs": (WIDTH, WIDTH), "cf": (WIDTH, WIDTH), "cg": (WIDTH, WIDTH), "c": (WIDTH,),
    "d_w": (WIDTH, WIDTH), "d": (WIDTH,),
}  # fmt: skip
SHAPES: dict[str, tuple[int, ...]] = {
    "node_w": (NODES, WIDTH), "node": (WIDTH,), "edge_w": (EDGES, WIDTH), "edge": (WIDTH,),
    **{f"{name}{k}": shape for k in range(ROUNDS) for name, shape in _ROUND.items()},
    "node_out_w": (WIDTH,), "node_out": (1,), "edge_out_w": (WIDTH,), "edge_out": (1,),
}  # fmt: skip
_SHARED = {"aj": "ai", "ct": "cs"}  # names of the kernel whose arrays are those of others


def _square() -> tuple[float, float, float]:
    """(C, rho, tau) of the polynomial of degree 2 for eigenvalues from 1 / RATIO to 1."""
    start, rows = coefficients(2, 1.0 / RATIO, 1.0)
    x = np.polynomial.Polynomial([0.0, 1.0])
    before, now = 0.0 * x, start + 0.0 * x
    for a, b, c in rows:
        before, now = now, a * now + b * before + c * (1.0 - x * now)
    c0, c1, c2 = now.convert().coef[:3]
    rho = -c1 / (2.0 * c2)
    return float(c2), float(rho), float(c0 / c2 - rho * rho)


SCALE, RHO, TAU = _square()


def packed(weights: Mapping[str, Array]) -> Array:
    """All arrays of a network in one, as the kernel wants them."""
    parts = []
    for name in ("node_w", "node", "edge_w", "edge"):
        parts.append(weights[name])
    for k in range(ROUNDS):
        parts += [weights[f"{_SHARED.get(name, name)}{k}"] for name in _graph_network._ROUND]
    for name in ("node_out_w", "node_out", "edge_out_w", "edge_out"):
        parts.append(weights[name])
    return np.concatenate([np.asarray(v, np.float32).ravel() for v in parts])


def bound(A: Any) -> float:
    """Of the largest eigenvalue of the scaled matrix: that of `Chebyshev`."""
    return Chebyshev(A, 2).bounds[1] if A.shape[0] else 1.0


def graph(A: Any, high: float) -> Graph:
    """Of a sorted, symmetric CSR array with a positive diagonal; about 40 flops per entry."""
    n = A.shape[0]
    diagonal = A.diagonal()
    scale = 1.0 / np.sqrt(diagonal)
    each = np.repeat(np.arange(n), np.diff(A.indptr))
    values = A.data * scale[each] * scale[A.indices]
    kept = each != A.indices
    here, other, weight = each[kept], A.indices[kept].astype(np.int32), values[kept]
    below = other < here
    row, column, entry = here[below].astype(np.int32), other[below], weight[below]

    def sums(values: Array) -> Array:
        return np.bincount(here, values, n)

    def starts(rows: Array) -> Array:
        return np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))]).astype(np.int32)

    ones = np.arcsinh(np.bincount(each, A.data, n) / diagonal)
    squares, lost = sums(weight * weight), starts(here)
    largest = np.zeros(n)
    full = np.flatnonzero(np.diff(lost))
    if full.size:
        largest[full] = np.maximum.reduceat(np.abs(weight), lost[full])
    nodes = np.stack(
        [
            ones, sums(np.abs(weight)), sums(np.maximum(weight, 0.0)), squares, largest, np.full(n, np.log(high / 2.0)),
            np.diff(lost) / 8.0,
        ],
        axis=1,
    )  # fmt: skip
    both = np.sqrt(squares[row] * squares[column])
    share = np.divide(entry * entry, both, out=np.zeros_like(entry), where=both > 0.0)
    edges = np.stack([entry, np.abs(entry), share, ones[row] * ones[column]], axis=1)
    return Graph(
        starts(row), row, column, starts(column), np.argsort(column, kind="stable").astype(np.int32), lost, other,
        weight.astype(np.float32), nodes.astype(np.float32), edges.astype(np.float32),
    )  # fmt: skip


def uncorrected(A: Any, g: Graph, high: float) -> tuple[Array, Array]:
    """(diagonal, entries of the edges) of ``rho - T``."""
    scale = 1.0 / np.sqrt(A.diagonal())
    below = A.indices < np.repeat(np.arange(A.shape[0]), np.diff(A.indptr))
    entry = A.data[below] * scale[g.row] * scale[g.column]
    return np.full(A.shape[0], RHO - 1.0 / high), -entry / high


def corrected(diagonal: Array, edges: Array, c: Array, h: Array) -> tuple[Array, Array]:
    """Those with the outputs of the network applied."""
    return diagonal + np.tanh(c.astype(np.float64)), edges + 0.5 * np.tanh(h.astype(np.float64))


def inverse(A: Any, g: Graph, high: float, diagonal: Array, edges: Array) -> tuple[sps.csr_array, Array]:
    """(F, e) of ``F'F + diag(e)``, the inverse that G with these entries makes."""
    n = A.shape[0]
    scale = 1.0 / np.sqrt(A.diagonal())
    rows = np.concatenate([np.arange(n), g.row, g.column])
    columns = np.concatenate([np.arange(n), g.column, g.row])
    values = np.concatenate([diagonal, edges, edges]) * scale[columns] * np.sqrt(SCALE / high)
    first = sps.coo_array((values, (rows, columns)), shape=(n, n)).tocsr()
    first.sort_indices()
    return first, SCALE * TAU / high * scale * scale
