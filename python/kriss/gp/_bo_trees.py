"""Maximisation of a sum over the groups of a forest by passing messages: random-tree additive bounds.

J. Ziomek, H. Bou-Ammar, "Are Random Decompositions all we need in High Dimensional Bayesian Optimisation?", 2023,
arXiv 2301.12844, section 4 and appendix B.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss.gp._kernels import Additive

Array = npt.NDArray[Any]
Group = tuple[int, ...]

GRID = 21  # points per coordinate
ZOOMS = 4
SHRINK = 4.0


def tree_argmax(groups: Sequence[Group], tables: Sequence[Array], sizes: Sequence[int]) -> tuple[list[int], float]:
    """The argmax of ``sum_g tables[g][i of the columns of g]`` over one index per column, and the maximum.

    Groups are single columns and pairs, the pairs without cycles; tables of shape (size,) and (size, size).  From the
    leaves to the root, message(x_parent) = max over x_child of what hangs below; then back.  O(columns size**2).
    """
    d = len(sizes)
    own = [np.zeros(size) for size in sizes]
    links: list[list[tuple[int, Array]]] = [[] for _ in range(d)]
    for group, table in zip(groups, tables, strict=True):
        if len(group) == 1:
            own[group[0]] = own[group[0]] + table
        elif len(group) == 2:
            a, b = group
            links[a].append((b, table))
            links[b].append((a, table.T))
        else:
            raise ValueError(f"groups holds {group}, expected one or two columns in each")
    choice = [0] * d
    seen = [False] * d
    total = 0.0
    for root in range(d):
        if seen[root]:
            continue
        order: list[tuple[int, int, Array | None]] = [(root, -1, None)]
        seen[root] = True
        for node, parent, _ in order:  # grows as it is walked
            for other, table in links[node]:
                if other == parent:
                    continue
                if seen[other]:
                    raise ValueError(f"groups has a cycle through column {other}, expected a forest")
                seen[other] = True
                order.append((other, node, table))
        back: dict[int, npt.NDArray[np.int64]] = {}
        for node, parent, between in reversed(order[1:]):
            assert between is not None
            joint = between + own[node]  # (parent, node)
            back[node] = joint.argmax(axis=1)
            own[parent] = own[parent] + joint.max(axis=1)
        choice[root] = int(own[root].argmax())
        total += float(own[root].max())
        for node, parent, _ in order[1:]:
            choice[node] = int(back[node][choice[parent]])
    return choice, total


def bounds_of(f: Any, values: Array, x: Array, component: Any, root: float) -> Array:
    """``-mean + root std`` of one component at points x (m, d), given all observations."""
    cross = component(x, f.X)
    mean: Array = cross @ f.solve(values)
    if root == 0.0:
        return np.negative(mean)
    explained = np.einsum("ij,ji->i", cross, f.solve(cross.T))
    std = np.sqrt(np.maximum(component.diag(x) - explained, 0.0))
    out: Array = root * std - mean
    return out


def suggest(f: Any, values: Array, kernel: Additive, root: float) -> Array:
    """The point of the unit cube where the sum over the components of ``-mean + root std`` is largest.

    On a grid of 21 points per coordinate, then on finer ones around what was found.  Per zoom 4 n**2 21**2 flops for
    every pair of columns.
    """
    d = f.X.shape[1]
    centre, half = np.full(d, 0.5), 0.5
    best = centre
    for _ in range(ZOOMS):
        lines = [np.clip(np.linspace(c - half, c + half, GRID), 0.0, 1.0) for c in centre]
        tables = []
        for group, component in zip(kernel.groups, kernel.components, strict=True):
            mesh = np.meshgrid(*(lines[q] for q in group), indexing="ij")
            x = np.zeros((mesh[0].size, d))
            for q, values_of in zip(group, mesh, strict=True):
                x[:, q] = values_of.ravel()
            tables.append(bounds_of(f, values, x, component, root).reshape(mesh[0].shape))
        picks, _ = tree_argmax(kernel.groups, tables, [GRID] * d)
        best = np.array([lines[q][picks[q]] for q in range(d)])
        centre, half = best, half / SHRINK
    return best
