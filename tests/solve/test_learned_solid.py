"""Learned multigrid in three dimensions: factors against dense ones, the choice of orders, what it promises."""

import itertools

import numpy as np
import pytest
import scipy.sparse as sps
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import kriss
from kriss import _validate as check
from kriss._backend import kernels
from kriss.solve import black_box_mg, cg
from kriss.solve.learned import LearnedCycle, LearnedMultigrid, ModelFileError, _orders
from kriss.solve.learned._multigrid import ROTATED, SHARE
from kriss.testing import diffusion3d, poisson3d, poisson27, rotated_diffusion3d

MODEL = LearnedMultigrid.pretrained("3d")
NONE = np.empty(0, np.float32)


def turning(n, rng, epsilon=1e-2, kind="needle"):
    place = np.moveaxis(np.indices((n + 1,) * 3), 0, -1) / (n + 1)
    direction = rng.standard_normal(3) + np.sin(place @ rng.uniform(-3, 3, (3, 3)) + rng.uniform(0, 6, 3))
    return rotated_diffusion3d(n, epsilon, direction, kind=kind)


def box(A, shape):
    """The part of a matrix on a cube that belongs to a smaller box."""
    side = round(A.shape[0] ** (1 / 3))
    i = np.indices((side,) * 3)
    keep = np.all([i[k] < shape[k] for k in range(3)], axis=0).ravel()
    out = sps.csr_array(A[keep][:, keep])
    out.sort_indices()
    return out


# ---- a slow textbook version ---------------------------------------------------------------------------------------


def textbook_factor(A, shape, mirrored, turned):
    """M = (1 + L) D (1 + L') on the neighbours of each point, L rounded to single precision."""
    at = np.arange(A.shape[0]).reshape(shape)
    order = at[:, :: -1 if turned else 1, :: -1 if mirrored else 1].ravel()
    place = np.array(np.unravel_index(np.arange(A.shape[0]), shape))
    S, D, L = A.copy(), np.zeros(A.shape[0]), np.eye(A.shape[0])
    left = np.ones(A.shape[0], bool)
    for k in order:
        left[k] = False
        D[k] = S[k, k]
        assert D[k] > 0
        later = np.flatnonzero((S[k] != 0) & left)
        L[later, k] = (S[later, k] / D[k]).astype(np.float32)
        fill = np.outer(S[later, k], S[k, later]) / D[k]
        near = np.abs(place[:, later, None] - place[:, None, later]).max(axis=0) <= 1
        S[np.ix_(later, later)] -= np.where(near, fill, 0.0)
        S[later, later] += np.where(near, 0.0, np.abs(fill)).sum(axis=1)
    return L @ np.diag(D) @ L.T


def prolongation(weights, shape):
    sides = weights.shape[1:]
    rows, columns, values = [], [], []
    for code, coarse in itertools.product(range(27), np.ndindex(*sides)):
        o = (code // 9 - 1, code // 3 % 3 - 1, code % 3 - 1)
        fine = [2 * j + 1 + d if n > 2 else j for j, d, n in zip(coarse, o, shape, strict=True)]
        if all(0 <= i < n for i, n in zip(fine, shape, strict=True)) and weights[(code, *coarse)] != 0:
            rows.append(np.ravel_multi_index(fine, shape))
            columns.append(np.ravel_multi_index(coarse, sides))
            values.append(weights[(code, *coarse)])
    return sps.csr_array((values, (rows, columns)), shape=(np.prod(shape), np.prod(sides))).toarray()


@pytest.mark.parametrize("orders", [1, 2, 4, 8, 3, 6, 12])
@pytest.mark.parametrize("shape", [(6, 7, 5), (3, 8, 9)])
def test_cycle_is_the_textbook_one(orders, shape, rng):
    side = max(shape)
    rough = 10.0 ** rng.uniform(0, 2, (side + 1,) * 3)
    A = box(rotated_diffusion3d(side, 1e-2, rng.standard_normal((*rough.shape, 3)), rough), shape)
    native = kernels("solve_learned").FactoredBox()
    assert native.begin(A.indptr, A.indices, A.data, *shape, 1)[0] == 0
    P = prolongation(native.weights(NONE, 1), shape)
    assert native.coarsen(NONE, orders, 1)[0] == native.finish(0)[0] == 0
    dense = A.toarray()
    factors = [textbook_factor(dense, shape, bool(k & 1), bool(k & 2)) for k in range(4) if orders >> k & 1]
    r = rng.standard_normal(dense.shape[0])
    x = np.zeros_like(r)
    for M in factors:
        x += np.linalg.solve(M, r - dense @ x)
    x += P @ np.linalg.solve(P.T @ dense @ P, P.T @ (r - dense @ x))
    for M in factors[::-1]:
        x += np.linalg.solve(M, r - dense @ x)
    z = np.empty_like(r)
    dot = native.apply(r, z, 0.5, 1)
    assert_allclose(z, 0.5 * x, rtol=0, atol=2e-12 * np.abs(x).max())
    assert dot == pytest.approx(r @ z, rel=1e-12)
    assert_array_equal(native.grids(), [shape, [n // 2 for n in shape]])


@settings(max_examples=8)
@given(seed=st.integers(0, 2**31), decades=st.floats(0.3, 3), jumps=st.floats(0, 4), orders=st.sampled_from([1, 4, 9]))
def test_factors_exceed_the_matrix(seed, decades, jumps, orders):
    """So that no error is enlarged, and the cycle is positive definite: the spectrum is in (0, 1]."""
    rng = np.random.default_rng(seed)
    n = 6
    cells = (n + 1,) * 3
    A = rotated_diffusion3d(
        n, 10.0**-decades, rng.standard_normal((*cells, 3)), 10.0 ** rng.uniform(0, jumps, cells),
        kind=("needle", "sheet")[seed % 2],
    )  # fmt: skip
    native = kernels("solve_learned").FactoredBox()
    told = native.begin(A.indptr, A.indices, A.data, n, n, n, 1)
    assert told[0] == native.coarsen(NONE, orders, 1)[0] == native.finish(0)[0] == 0
    dense, z = np.empty((n**3, n**3)), np.empty(n**3)
    for k, unit in enumerate(np.eye(n**3)):
        native.apply(unit, z, 1.0, 1)
        dense[k] = z
    assert_allclose(dense, dense.T, rtol=0, atol=1e-11 * np.abs(dense).max())
    root = np.linalg.cholesky(A.toarray())
    spectrum = np.linalg.eigvalsh(root.T @ ((dense + dense.T) / 2) @ root)
    assert spectrum.min() > 0
    assert spectrum.max() < 1 + 1e-5  # factors are in single precision


# ---- the choice ----------------------------------------------------------------------------------------------------


def power(ratio):
    """The power of two next to a ratio, by which couplings are scaled."""
    return 2.0 ** np.rint(np.log2(ratio))


def seen(A, shape):
    return _orders.couplings(check.csr(A, "A"), shape)


def test_couplings_are_those_of_the_tensor():
    n, d = 12, np.array([1.0, 2.0, -3.0]) / np.sqrt(14)
    sums = seen(rotated_diffusion3d(n, 0.1, d), (n, n, n))
    K = 0.1 * np.eye(3) + 0.9 * np.outer(d, d)
    expected = 8 * np.array([K[0, 0], K[1, 1], K[2, 2], K[0, 1], K[0, 2], K[1, 2], 0.0])
    assert sums.shape == (7, _orders.SAMPLE**3)
    assert_allclose(
        sums * power(expected[0] / sums[0, 0]),
        np.repeat(expected[:, None], sums.shape[1], axis=1),
        rtol=1e-12,
        atol=1e-12,
    )


def test_couplings_of_long_boxes_are_those_of_a_loop(rng):
    shape = (8, 11, 14)
    A = box(rotated_diffusion3d(14, 0.1, rng.standard_normal((15, 15, 15, 3))), shape)
    sums = seen(A, shape)
    starts = [np.unique(np.linspace(1, n - 3, min(n - 3, 8)).astype(int)) for n in shape]
    for place, corner in list(enumerate(itertools.product(*starts)))[::37]:
        expected = np.zeros(7)
        for shift in np.ndindex(2, 2, 2):
            point = np.add(corner, shift)
            row = A[[np.ravel_multi_index(point, shape)]].tocoo()
            d = np.array(np.unravel_index(row.coords[1], shape)) - point[:, None]
            for k, (p, q) in enumerate(((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))):
                expected[k] -= 0.5 * (row.data * d[p] * d[q]).sum()
            expected[6] += np.abs((row.data * d).sum(axis=1)).sum()
        factor = power(expected[0] / sums[0, place])  # each place has its own
        assert_allclose(factor * sums[:, place], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("jump", [1e100, 1e200, 1e300])
@pytest.mark.parametrize("direction", [(1, 1, 0), (1, 2, -3)])
def test_jumps_of_coefficients_beyond_the_root_of_the_range_change_no_choice(jump, direction, rng):
    n = 16
    chosen = []
    for factor in (1e100, jump):
        scale = np.ones((n + 1,) * 3)
        scale[:, :, :8] = factor
        A = rotated_diffusion3d(n, 1e-2, direction, scale=scale)
        M = MODEL.setup(A, (n, n, n))
        chosen.append({k: M.params[k] for k in ("kept", "reason", "orders")})
        sums = seen(A, (n, n, n))
        assert (sums[:3] > 0).all()
        assert ((np.abs(sums).max(axis=0) > 0.5) & (np.abs(sums).max(axis=0) < 200)).all()
        assert np.isfinite(_orders.features(sums)).all()
    assert chosen[0] == chosen[1]
    assert chosen[0]["kept"] == "learned"


@pytest.mark.filterwarnings("error")
def test_cosines_of_tensors_whose_products_are_out_of_range():
    for small in (1.0, 1e-160, 1e-300, 5e-324):
        one, two = np.array([small]), np.array([small])
        assert _orders.cosine(one, one, two) == pytest.approx(1.0, rel=1e-12)
        assert _orders.cosine(np.array([-1e3]), one, two) == -1.0
        sums = np.array([1.0, small, small, 0.0, 0.0, small, 1e-300])[:, None]
        assert np.isfinite(_orders.features(sums)).all()
        assert _orders.rotation(sums, ROTATED, SHARE) is None
    sums = np.array([5e-324, 5e-324, 5e-324, 0.0, 0.0, 0.0, 1.0])[:, None]
    assert np.isfinite(_orders.features(sums)).all()


def test_a_reflection_exchanges_the_orders():
    n = 12
    for one, two in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
        plain = _orders.features(seen(rotated_diffusion3d(n, 1e-2, (1, 2, 3)), (n, n, n)))
        turned = _orders.features(seen(rotated_diffusion3d(n, 1e-2, (1, 2 * one, 3 * two)), (n, n, n)))
        k = _orders.SIGNS.index((one, two))
        assert_allclose(turned[k], plain[0], rtol=1e-9, atol=1e-12)
        assert_allclose(turned[4], plain[4], rtol=1e-9, atol=1e-12)


def test_predictions_against_the_formula(rng):
    weights = {k: rng.standard_normal(s).astype(np.float32) for k, s in _orders.SHAPES.items()}
    features = rng.standard_normal((5, 30, _orders.INPUTS))
    found = _orders.predicted(weights, features)

    def rate(net, f):
        hidden = [max(0.0, w @ f + b) for w, b in zip(weights[f"{net}_w1"], weights[f"{net}_b1"], strict=True)]
        return np.log1p(np.exp(np.dot(hidden, weights[f"{net}_w2"]) + weights[f"{net}_b2"][0]))

    def iterations(values, which):
        beta = np.exp(np.float64(weights["beta"][which]))
        return np.exp(np.float64(weights["least"][which])) - beta / np.log(np.mean(np.exp(-beta * np.array(values))))

    expected = [iterations([rate("box", f) for f in features[4]], 1)]
    for one in _orders.SETS:
        expected.append(iterations([sum(rate("order", features[k, p]) for k in one) for p in range(30)], 0))
    assert_allclose(found, expected, rtol=1e-5)


def test_the_cheapest_is_chosen():
    even = np.full(11, 10.0)
    assert _orders.cheapest(even) == "Black-Box multigrid is expected to take no more iterations"
    for k in range(1, 11):
        counts = np.full(11, 60.0)
        counts[k] = 8.0
        assert _orders.cheapest(counts) == k


def test_orders_may_cost_half_more_than_black_box_multigrid_and_no_more():
    """What the documentation says of one solution, on both sides of its limit."""
    (box_setup, box_cycle), (setup, cycle), _ = _orders.COSTS
    assert _orders.ONCE == 1.5
    assert f"more than {_orders.ONCE} times" in " ".join(LearnedCycle.__doc__.split())
    for iterations, count in ((8.0, 7.0), (3.0, 2.0)):
        counts = np.full(11, 100.0)
        counts[0], counts[1] = iterations, count
        ratio = (setup + count * cycle) / (box_setup + iterations * box_cycle)
        assert ratio > 1.0  # the first solution is slower than with Black-Box multigrid, and yet:
        assert ratio <= 1.5
        assert _orders.cheapest(counts) == 1
    pairs = np.full(11, 100.0)
    pairs[0], pairs[5] = 30.0, 29.0
    assert (
        _orders.cheapest(pairs) == "Black-Box multigrid is expected to be more than 1.5 times as fast for one solution"
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("place", [0, 5, 10])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_predictions_that_are_not_finite_are_named(place, value):
    counts = np.full(11, 10.0)
    counts[place] = value
    assert _orders.cheapest(counts) == "the predicted iterations are not finite"
    huge = LearnedMultigrid(3, {k: np.full(s, 3e38, np.float32) for k, s in _orders.SHAPES.items()})
    M = huge.setup(rotated_diffusion3d(8, 1e-2, (1, 1, 0)), (8, 8, 8))
    assert (M.params["kept"], M.params["reason"]) == ("black box", "the predicted iterations are not finite")


# ---- what it is for ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["needle", "sheet"])
@pytest.mark.parametrize("epsilon", [1e-2, 1e-3])
def test_fewer_iterations_where_the_tensor_turns(kind, epsilon, rng):
    n = 24
    A = turning(n, rng, epsilon, kind)
    b = rng.standard_normal(n**3)
    M = MODEL.setup(A, (n, n, n))
    assert M.params["kept"] == "learned"
    result = cg(A, b, rtol=1e-8, M=M)
    assert result.status == "converged"
    assert np.linalg.norm(b - A @ result.x) <= 1.01e-8 * np.linalg.norm(b)
    assert result.iterations <= 0.75 * cg(A, b, rtol=1e-8, M=black_box_mg(A, (n, n, n))).iterations


@pytest.mark.parametrize("direction", [(1, -1, 0), (0, 1, -1), (1, 0, -1), (1, 1, 0)])
def test_the_order_follows_the_strong_direction(direction, rng):
    n = 24
    A = rotated_diffusion3d(n, 1e-3, direction)
    M = MODEL.setup(A, (n, n, n))
    assert M.params["kept"] == "learned"
    assert cg(A, rng.standard_normal(n**3), rtol=1e-8, M=M).iterations <= 9  # up to 24 in an order that does not suit


@pytest.mark.parametrize(
    "make", [poisson3d, poisson27, lambda n: diffusion3d(n, 1e5), lambda n: rotated_diffusion3d(n, 1e-2, (0, 0, 1))]
)
def test_where_nothing_is_rotated_it_is_black_box_multigrid_to_the_bit(make, rng):
    n = 16
    A = make(n)
    M = MODEL.setup(A, (n, n, n))
    assert M.params["kept"] == "black box"
    assert M.params["reason"] == "no tensor is rotated against the grid"
    r = rng.standard_normal(n**3)
    assert_array_equal(M @ r, black_box_mg(A, (n, n, n)) @ r)
    assert cg(A, r, rtol=1e-8, M=M).iterations <= 12


def test_couplings_that_are_not_those_of_diffusion():
    A = poisson27(9)
    B = sps.csr_array(2 * sps.diags_array(A.diagonal()) - A)  # positive couplings
    sums = seen(B, (9, 9, 9))
    assert _orders.rotation(sums, ROTATED, SHARE) == "the couplings are not those of diffusion"
    assert MODEL.setup(B, (9, 9, 9)).params["kept"] == "black box"


def test_rows_of_solid_cells_do_not_hide_rotated_ones(rng):
    n = 16
    A = rotated_diffusion3d(n, 1e-2, (1, 1, 0))
    A.eliminate_zeros()
    solid = rng.random(n**3) < 0.6
    fluid = sps.diags_array((~solid).astype(float))
    B = sps.csr_array(fluid @ A @ fluid + sps.diags_array(solid.astype(float)))
    B.eliminate_zeros()
    assert B.nnz <= 7 * n**3  # as many entries as seven-point matrices have at most
    assert np.diff(B.indptr).max() > 7
    M = MODEL.setup(B, (n, n, n))
    assert M.params["reason"] != "no tensor is rotated against the grid"
    b = rng.standard_normal(n**3)
    found = cg(B, b, rtol=1e-8, M=M)
    assert found.status == "converged"
    assert found.iterations <= cg(B, b, rtol=1e-8, M=black_box_mg(B, (n, n, n))).iterations


# ---- bad input, kinds of arrays, backends --------------------------------------------------------------------------


def test_shapes_and_small_grids(rng):
    with pytest.raises(ValueError, match="expected 3"):
        MODEL.setup(poisson3d(4), (8, 8))
    for shape in ((1, 1, 1), (2, 3, 4), (7, 30, 9), (8, 9, 30), (30, 8, 8)):
        A = box(rotated_diffusion3d(max(shape), 1e-2, (1, 2, -2)), shape)
        M = MODEL.setup(A, shape)
        assert M.params["kept"] == ("learned" if min(shape) >= 8 else "black box")
        assert M.grids[0] == shape
        b = rng.standard_normal(A.shape[0])
        assert cg(A, b, rtol=1e-8, M=M).iterations < 15
    M = MODEL.setup(rotated_diffusion3d(8, 0.1, (1, 1, 1)).astype(np.float32), (8, 8, 8))
    assert M.params["reason"] == "the learned cycle is in double precision"


def test_matrices_that_do_not_fit_are_refused(rng):
    shape = (8, 8, 8)
    A = rotated_diffusion3d(8, 0.1, (1, 2, 3)).tolil()
    B = A.copy()
    B[3, 300] = B[300, 3] = -1e-3
    with pytest.raises(ValueError, match="A couples row 3"):
        MODEL.setup(B.tocsr(), shape)
    B = A.copy()
    B[3, 4] *= 2
    with pytest.raises(ValueError, match="not symmetric"):
        MODEL.setup(B.tocsr(), shape)
    for place in (0, 250, 511):
        B = A.copy()
        B[place, place] = -1.0
        with pytest.raises(np.linalg.LinAlgError, match="not positive"):
            MODEL.setup(B.tocsr(), shape)
        B[place, place] = np.nan
        with pytest.raises(ValueError, match="contains nan"):
            MODEL.setup(B.tocsr(), shape)


@pytest.mark.parametrize("exponent", [-990, 990])
def test_scales(exponent, rng):
    n = 12
    A = rotated_diffusion3d(n, 1e-2, (1, 2, 3))
    b = rng.standard_normal(n**3)
    M = MODEL.setup(A, (n, n, n))
    B = A.copy()
    B.data = np.ldexp(B.data, exponent)
    N = MODEL.setup(B, (n, n, n))
    assert N.params == M.params
    small = min(exponent, 0) // 2
    found = cg(B, np.ldexp(b, small), rtol=1e-8, M=N)
    x = cg(A, b, rtol=1e-8, M=M).x
    assert_allclose(np.ldexp(found.x, exponent - small), x, rtol=1e-9, atol=1e-12 * np.abs(x).max())


def test_update_workers_and_traces_of_nan(rng):
    n = 24
    A = turning(n, rng)
    r = rng.standard_normal(n**3)
    M = MODEL.setup(A, (n, n, n), workers=1)
    expected = M @ r
    for w in (2, 4):
        assert_array_equal(MODEL.setup(A, (n, n, n), workers=w) @ r, expected)
    bad = r.copy()
    bad[n**3 // 2] = np.nan
    assert not np.isfinite(M @ bad).all()
    assert_array_equal(M @ r, expected)
    M.update(poisson3d(n))
    assert M.params["kept"] == "black box"
    M.update(A)
    assert_array_equal(M @ r, expected)


def test_backends_agree_to_the_bit(rng):
    if kriss._backend.core() is None:
        pytest.skip("kriss._core is not built")
    n = 17
    A = turning(n, rng)
    r = rng.standard_normal(n**3)
    found = []
    for name in ("compiled", "numba"):
        with kriss.use_backend(name):
            for orders in (1, 2, 4, 8, 6):
                native = kernels("solve_learned").FactoredBox()
                told = native.begin(A.indptr, A.indices, A.data, n, n, n, 1)
                while not told[0] and np.prod(native.grids()[-1]) > 64:
                    told = native.coarsen(NONE, orders, 1)
                assert told[0] == native.finish(2)[0] == 0
                z = np.empty_like(r)
                native.apply(r, z, 1.0, 1)
                found.append(z)
    for one, two in zip(found[:5], found[5:], strict=True):
        assert_array_equal(one, two)


def test_the_card_tells_where_the_weights_come_from():
    for key in ("data", "config", "training_seconds", "test", "losses", "sha256"):
        assert key in MODEL.card
    assert MODEL.card["parameters"] == sum(v.size for v in MODEL.weights.values())
    for row in MODEL.card["test"]:
        assert row["learned"] <= row["black box"]
    with pytest.raises(ModelFileError, match="expected"):
        LearnedMultigrid(3, LearnedMultigrid.pretrained("2d").weights)
