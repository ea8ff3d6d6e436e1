"""The network that corrects an incomplete Cholesky factor, or the triangle of a matrix, and what it reads.

The matrix is scaled to a unit diagonal, ``S A S`` with ``S = diag(A)**-1/2``, and so is its factor, ``S L``. Nodes are
the unknowns, edges the entries of L below its diagonal. Features of a node: the logarithm of its diagonal entry, the
row sum of the error ``L L' - A``, that of its absolute values outside the diagonal, the error on the diagonal, the row
sum of A, of its positive entries, and the squared length of the column of L. Features of an edge: the entry, its
quotient by the diagonal entry of its column, that of A, its product with the diagonal entry of its row, and its size.

A round is ``e += relu(a + e Ae + x_i Ai + x_j Aj) B + b`` on the edge from j to i > j, then
``x += relu(c + x Cx + s Cs + t Ct + f Cf + g Cg) D + d`` at each node, with s and t a quarter of the sums of e over its
edges to the left and to the right, and f and g the products of the error and of its absolute value with x. At the end
there is one number per node, c, and per edge, h. The entries of the corrected factor are ``l_ii exp(c_i)`` and
``l_ij exp(-c_j) (1 + tanh h_ij)``, with c bounded by a hyperbolic tangent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss._backend import kernels
from kriss.solve._triangular import split

Array = npt.NDArray[Any]

FAMILY = "solve_graph"
WIDTH, ROUNDS = 16, 3
NODES, EDGES = 7, 5  # features
MOST = 1.5  # bound of the logarithm by which a diagonal entry changes
LOST = 1e-6  # entries of the error of the scaled factor below this do not count
# Products in L L', each of which takes about 50 bytes for a while: this many at least, and per entry of L. Columns of
# factors of meshes have 4 to 40 entries.
FEW_PRODUCTS, PRODUCTS = 1 << 23, 64

_ROUND = {
    "ai": (WIDTH, WIDTH), "aj": (WIDTH, WIDTH), "ae": (WIDTH, WIDTH), "a": (WIDTH,), "b_w": (WIDTH, WIDTH),
    "b": (WIDTH,),
    "cx": (WIDTH, WIDTH), "cs": (WIDTH, WIDTH), "ct": (WIDTH, WIDTH), "cf": (WIDTH, WIDTH), "cg": (WIDTH, WIDTH),
    "c": (WIDTH,), "d_w": (WIDTH, WIDTH), "d": (WIDTH,),
}  # fmt: skip
# In the order in which the kernel reads them; a matrix is (inputs, outputs).
SHAPES: dict[str, tuple[int, ...]] = {
    "node_w": (NODES, WIDTH), "node": (WIDTH,), "edge_w": (EDGES, WIDTH), "edge": (WIDTH,),
    **{f"{name}{k}": shape for k in range(ROUNDS) for name, shape in _ROUND.items()},
    "node_out_w": (WIDTH,), "node_out": (1,), "edge_out_w": (WIDTH,), "edge_out": (1,),
}  # fmt: skip


class Lower(NamedTuple):
    """A lower triangle by rows, without its diagonal, and that."""

    indptr: Array
    indices: Array
    data: Array
    diagonal: Array


class Graph(NamedTuple):
    """What the network reads."""

    indptr: Array  # (n + 1) of the rows
    row: Array  # (m)
    column: Array  # (m)
    starts: Array  # (n + 1) of the columns
    places: Array  # (m): edges column by column
    lost: Array  # (n + 1) of the rows of the error
    other: Array  # its columns
    weight: Array  # its entries, float32
    nodes: Array  # (n, NODES), float32
    edges: Array  # (m, EDGES), float32


def packed(weights: Mapping[str, Array]) -> Array:
    """All arrays of a network in one, as the kernel wants them."""
    return np.concatenate([np.asarray(weights[name], np.float32).ravel() for name in SHAPES])


def triangle(A: Any, pivots: Array) -> Lower:
    """The factor of a sorted CSR array that has its entries below the diagonal, over the roots of the pivots."""
    root = np.sqrt(pivots)
    indptr, indices, data = split(A.indptr, A.indices, A.data)[0]
    return Lower(indptr, indices, data / root[indices], root)


def too_full(factor: Lower) -> str | None:
    """Why `graph` would take too much memory, or more than 32 bits count; None if it does not.

    The products in ``L L'`` are the squared lengths of the columns of L, and no fewer than the entries of the error.
    """
    n = factor.diagonal.size
    longest = 1 + np.bincount(factor.indices, minlength=n).astype(np.int64)
    products = int(longest @ longest)
    limit = min(max(FEW_PRODUCTS, PRODUCTS * int(longest.sum())), np.iinfo(np.int32).max)
    if products <= limit:
        return None
    return (
        f"L L' takes {products} products, expected at most {limit}: the fullest column of the factor has "
        f"{longest.max()} entries"
    )


def graph(A: Any, factor: Lower) -> Graph:
    """Of a sorted CSR array with its diagonal and an incomplete factor of it that is not `too_full`.

    About 60 n flops and a sparse product of the factor with its transpose.
    """
    n = factor.diagonal.size
    root = np.sqrt(A.diagonal())
    indptr, column = factor.indptr.astype(np.int32), factor.indices.astype(np.int32)
    row = np.repeat(np.arange(n, dtype=np.int32), np.diff(indptr))
    scale = 1.0 / root
    entry, diagonal = factor.data * scale[row], factor.diagonal * scale
    each = np.repeat(np.arange(n), np.diff(A.indptr))
    values = A.data * scale[each] * scale[A.indices]
    unit = sps.csr_array((values, A.indices, A.indptr), shape=A.shape)
    strict = sps.csr_array((entry, column, indptr), shape=(n, n))
    full = strict + sps.diags_array(diagonal, format="csr")
    turned = strict.T.tocsr()
    product = full @ full.T.tocsr()
    product.sort_indices()  # rows of the error in order: the pass over nodes looks ahead along them
    error = product - unit
    rows = np.repeat(np.arange(n), np.diff(error.indptr))
    sizeable = np.abs(error.data) >= LOST
    own = rows == error.indices
    middle = np.zeros(n)
    middle[rows[own]] = np.where(sizeable[own], error.data[own], 0.0)
    kept = sizeable & ~own
    weight, other = error.data[kept], error.indices[kept].astype(np.int32)
    lost = np.concatenate([[0], np.cumsum(np.bincount(rows[kept], minlength=n))]).astype(np.int32)
    rows = rows[kept]

    def sums(values: Array, rows: Array) -> Array:
        return np.bincount(rows, values, n)

    nodes = np.stack(
        [
            np.log(diagonal), np.arcsinh(middle + scale * sums(weight * root[other], rows)), sums(np.abs(weight), rows),
            middle,
            np.arcsinh(scale * sums(values * root[A.indices], each)),
            sums(np.where(each != A.indices, np.maximum(values, 0.0), 0.0), each), sums(entry * entry, column),
        ],
        axis=1,
    )  # fmt: skip
    original = np.asarray(unit[row, column]).ravel() if row.size else entry
    edges = np.stack(
        [entry, entry / diagonal[column], original, entry * diagonal[row], np.abs(entry)],
        axis=1,
    )
    places = np.argsort(column, kind="stable").astype(np.int32)
    return Graph(
        indptr, row, column, turned.indptr.astype(np.int32), places, lost, other, weight.astype(np.float32),
        nodes.astype(np.float32), edges.astype(np.float32),
    )  # fmt: skip


def outputs(net: Array, g: Graph, workers: int, rounds: int = ROUNDS, device: bool = False) -> tuple[Array, Array]:
    """(c, h) before their bounds; about 1.1 kflop per edge and 4.6 per node and round."""
    if device:
        from kriss.solve._cuda_graph import network

        return network(net, g, WIDTH, rounds)
    node, edge = np.empty(g.nodes.shape[0], np.float32), np.empty(g.edges.shape[0], np.float32)
    kernels(FAMILY).network(
        g.indptr, g.row, g.column, g.starts, g.places, g.lost, g.other, g.weight, g.nodes, g.edges, net, rounds, node,
        edge, workers,
    )  # fmt: skip
    return node, edge


def corrected(factor: Lower, g: Graph, node: Array, edge: Array) -> Lower:
    """The factor with the outputs of the network applied."""
    c = MOST * np.tanh(node.astype(np.float64) / MOST)
    data = factor.data * np.exp(-c[g.column]) * (1.0 + np.tanh(edge.astype(np.float64)))
    return factor._replace(data=data, diagonal=factor.diagonal * np.exp(c))
