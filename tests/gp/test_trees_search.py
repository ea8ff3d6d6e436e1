"""Messages on forests against enumeration, and the search over random trees."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kriss.gp import RBF, Additive, Optimizer, factor, random_tree_groups
from kriss.gp._bo_trees import suggest, tree_argmax


def brute(groups, tables, sizes):
    best, where = -np.inf, None
    for at in itertools.product(*(range(s) for s in sizes)):
        value = sum(t[tuple(at[q] for q in g)] for g, t in zip(groups, tables, strict=True))
        if value > best:
            best, where = value, at
    return list(where), best


@settings(max_examples=60)
@given(st.integers(1, 6), st.integers(0, 5), st.integers(0, 2**31))
def test_argmax_is_that_of_enumeration(d, edges, seed):
    rng = np.random.default_rng(seed)
    groups = random_tree_groups(d, rng, edges=min(edges, d - 1))
    sizes = rng.integers(1, 5, d).tolist()
    tables = [rng.standard_normal([sizes[q] for q in g]) for g in groups]
    picks, value = tree_argmax(groups, tables, sizes)
    wanted, best = brute(groups, tables, sizes)
    assert picks == wanted
    assert value == pytest.approx(best, abs=1e-12)


def test_argmax_refuses_what_is_no_forest():
    t = np.zeros((2, 2))
    with pytest.raises(ValueError, match="cycle"):
        tree_argmax([(0, 1), (1, 2), (0, 2)], [t, t, t], [2, 2, 2])
    with pytest.raises(ValueError, match="one or two columns"):
        tree_argmax([(0, 1, 2)], [np.zeros((2, 2, 2))], [2, 2, 2])


def test_point_is_the_largest_bound_on_a_fine_grid(rng):
    X = rng.random((12, 3))
    y = np.sin(6 * X[:, 0]) * X[:, 1] + X[:, 2] ** 2
    kernel = Additive(RBF(0.4), [(0, 1), (2,)])
    f = factor(kernel, X, 1e-4)

    def bound(points):
        out = 0.0
        for part in kernel.components:
            cross = part(points, X)
            out = out - cross @ f.solve(y)
            std = np.sqrt(np.maximum(part.diag(points) - np.einsum("ij,ji->i", cross, f.solve(cross.T)), 0.0))
            out = out + 1.5 * std
        return out

    x = suggest(f, y, kernel, 1.5)
    line = np.linspace(0, 1, 51)
    grid = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)
    assert bound(x[None])[0] >= bound(grid).max() - 1e-3


def test_random_trees_descend():
    target = np.linspace(0.1, 0.9, 6)
    opt = Optimizer([(0.0, 1.0)] * 6, decomposition="random_tree", n_initial=6, rng=0)
    found = opt.run(lambda x: float(((x - target) ** 2).sum()), 14)
    assert found.fun < 0.5 * found.y[:6].min()
    assert isinstance(found.kernel.terms[0], Additive)


def test_random_trees_take_no_constraints():
    with pytest.raises(ValueError, match="takes no constraints"):
        Optimizer([(0.0, 1.0)] * 3, decomposition="random_tree", n_constraints=1)
