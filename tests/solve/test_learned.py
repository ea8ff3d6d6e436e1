"""Learned multigrid: against a dense textbook version, and by what it promises."""

import copy
import itertools
import json
import pickle
import shutil

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
from kriss.solve.learned import LearnedCycle, LearnedMultigrid, ModelFileError, _model, _multigrid, _network
from kriss.solve.learned._multigrid import BOTH, MIRRORED, NATURAL, couplings, rotation
from kriss.testing import anisotropic2d, diffusion2d, poisson2d, random_diffusion, rotated_diffusion

MODEL = LearnedMultigrid.pretrained("2d")


def random_weights(rng, size=1.0):
    return {k: (size * rng.standard_normal(s)).astype(np.float32) for k, s in _network.SHAPES.items()}


def fixed_weights(q):
    """No correction; q is the logit of how much the classical weights count."""
    weights = {k: np.zeros(s, np.float32) for k, s in _network.SHAPES.items()}
    weights["edge_b3"] = weights["corner_b3"] = np.array([0.0, q], np.float32)
    return weights


def turning(n, rng, epsilon=1e-2, span=6.0):
    i, j = np.indices((n + 1, n + 1)) / (n + 1)
    a, b, c = rng.uniform(-1, 1, 3)
    return rotated_diffusion(n, epsilon, span * np.sin(a * i + b * j + c) + rng.uniform(0, 3))


# ---- a slow textbook version ---------------------------------------------------------------------------------------


def textbook_factor(A, shape, mirrored):
    """M = (1 + L) D (1 + L') of Jennings and Malik on the nine points, L rounded to single precision."""
    n0, n1 = shape
    places = np.arange(n0 * n1).reshape(shape)
    order = (places[:, ::-1] if mirrored else places).ravel()
    S = A.copy()
    L, D = np.eye(A.shape[0]), np.zeros(A.shape[0])
    left = np.ones(A.shape[0], bool)
    for k in order:
        left[k] = False
        D[k] = S[k, k]
        assert D[k] > 0
        later = np.flatnonzero((S[k] != 0) & left)
        L[later, k] = np.float32(S[later, k] / D[k])
        for p in later:
            S[p, p] -= S[p, k] ** 2 / D[k]
            for q in later:
                if p == q:
                    continue
                near = np.abs(np.subtract(np.divmod(p, n1), np.divmod(q, n1))).max() <= 1
                fill = S[p, k] * S[q, k] / D[k]
                if near:
                    S[p, q] -= fill
                else:
                    S[p, p] += abs(fill)
    return L @ np.diag(D) @ L.T


def prolongation(weights, shape):
    _, m0, m1 = weights.shape
    P = np.zeros((shape[0] * shape[1], m0 * m1))
    for k in range(9):
        for i in range(m0):
            for j in range(m1):
                r, c = (2 * i + k // 3 if shape[0] > 2 else i + k // 3 - 1), 2 * j + k % 3
                if r < shape[0] and c < shape[1]:
                    P[r * shape[1] + c, i * m1 + j] = weights[k, i, j]
    return P


def hierarchy(A, shape, net, orders):
    """The object of the kernels, two levels."""
    native = kernels("solve_learned").FactoredBox()
    A = sps.csr_array(A)
    assert native.begin(A.indptr, A.indices, A.data, 1, *shape, 1)[0] == 0
    weights = native.weights(net, 1)[9:18, 0]
    assert native.coarsen(net, orders, 1)[0] == 0
    assert native.finish(0)[0] == 0
    return native, weights


@pytest.mark.parametrize("orders", [NATURAL, MIRRORED, BOTH])
@pytest.mark.parametrize("shape", [(9, 9), (8, 12), (13, 7)])
def test_cycle_is_the_textbook_one(orders, shape, rng):
    side = max(shape)
    full = turning(side, rng)
    keep = (np.arange(side)[:, None] < shape[0]) & (np.arange(side) < shape[1])
    A = full[keep.ravel()][:, keep.ravel()]
    dense = A.toarray()
    net = _network.packed(random_weights(rng, 0.3))
    native, weights = hierarchy(A, shape, net, orders)
    P = prolongation(weights, shape)
    coarse = P.T @ dense @ P
    factors = [textbook_factor(dense, shape, order == MIRRORED) for order in (NATURAL, MIRRORED) if order & orders]
    r = rng.standard_normal(dense.shape[0])
    x = np.zeros_like(r)
    for M in factors:
        x += np.linalg.solve(M, r - dense @ x)
    x += P @ np.linalg.solve(coarse, P.T @ (r - dense @ x))
    for M in factors[::-1]:
        x += np.linalg.solve(M, r - dense @ x)
    z = np.empty_like(r)
    dot = native.apply(r, z, 0.5, 1)
    assert_allclose(z, 0.5 * x, rtol=0, atol=1e-12 * np.abs(x).max())
    assert dot == pytest.approx(r @ z, rel=1e-12)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**31), decades=st.floats(0.5, 3.5), jumps=st.floats(0, 4))
def test_factors_exceed_the_matrix(seed, decades, jumps):
    """So that no error is enlarged: the spectrum of the preconditioned matrix ends at 1."""
    rng = np.random.default_rng(seed)
    n = 9
    A = rotated_diffusion(
        n, 10.0**-decades, rng.uniform(0, np.pi, (n + 1, n + 1)), 10.0 ** rng.uniform(0, jumps, (n + 1, n + 1))
    )
    M = LearnedMultigrid.pretrained("2d").setup(A, (n, n), validate=False)
    assert M.params["kept"] == "learned"
    dense, root = M @ np.eye(n * n), np.linalg.cholesky(A.toarray())
    spectrum = np.linalg.eigvalsh(root.T @ ((dense + dense.T) / 2) @ root)
    assert spectrum.min() > 0
    assert spectrum.max() < 1 + 1e-5  # factors are in single precision


@settings(max_examples=15)
@given(seed=st.integers(0, 2**31), size=st.sampled_from([0.1, 1.0, 10.0]))
def test_any_weights_give_a_symmetric_positive_definite_cycle(seed, size):
    rng = np.random.default_rng(seed)
    n = 11
    A = turning(n, rng, 10.0 ** -rng.uniform(1, 3))
    M = LearnedMultigrid(2, random_weights(rng, size)).setup(A, (n, n), validate=False)
    assert M.params["kept"] == "learned"
    dense = M @ np.eye(n * n)
    assert_allclose(dense, dense.T, rtol=0, atol=1e-11 * np.abs(dense).max())
    root = np.linalg.cholesky(A.toarray())
    spectrum = np.linalg.eigvalsh(root.T @ ((dense + dense.T) / 2) @ root)
    assert spectrum.min() > 0
    assert spectrum.max() < 1 + 1e-5


# ---- the network ---------------------------------------------------------------------------------------------------


def weights_of(A, shape, weights):
    native = kernels("solve_learned").FactoredBox()
    assert native.begin(A.indptr, A.indices, A.data, 1, *shape, 1)[0] == 0
    net = np.empty(0, np.float32) if weights is None else _network.packed(weights)
    return native.weights(net, 1)[9:18, 0], native.stencil(0)[:5, 0]


@pytest.mark.parametrize("n", [3, 8, 13, 140])
def test_kernel_and_numpy_agree(n, rng):
    weights = random_weights(rng, 0.5)
    found, stencil = weights_of(turning(n, rng), (n, n), weights)
    assert_allclose(found, _network.interpolation(weights, stencil), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("n", [5, 12, 33])
def test_without_a_correction_the_weights_are_dendys(n, rng):
    for A in (random_diffusion(n, rng=rng)[0], anisotropic2d(n, 0.1, 0.3)):
        classical, _ = weights_of(A, (n, n), None)
        found, _ = weights_of(A, (n, n), fixed_weights(40.0))
        assert_allclose(found, classical, rtol=1e-6, atol=2e-6)  # logarithms have a floor of 1e-6


def test_without_classical_weights_they_are_bilinear(rng):
    found, _ = weights_of(turning(9, rng), (9, 9), fixed_weights(-80.0))
    expected = np.outer([0.5, 1, 0.5], [0.5, 1, 0.5]).reshape(9)
    assert_allclose(found[:, 1:-1, 1:-1], np.broadcast_to(expected[:, None, None], (9, 2, 2)), rtol=1e-6)


@pytest.mark.parametrize("size", [0.0, 1.0, 5.0])
def test_constants_are_interpolated_exactly(size, rng):
    n = 15
    found, _ = weights_of(turning(n, rng), (n, n), random_weights(rng, size))
    sums = prolongation(found, (n, n)).sum(axis=1).reshape(n, n)
    assert_allclose(sums[1:-1, 1:-1], 1.0, rtol=1e-12)
    assert (found >= 0).all()


def test_a_reflection_exchanges_the_shares_of_an_edge(rng):
    n = 9
    A = turning(n, rng)
    found, _ = weights_of(A, (n, n), MODEL.weights)
    places = np.arange(n * n).reshape(n, n)
    for turn, axis, codes in ((places[:, ::-1], 2, (3, 5)), (places[::-1], 1, (1, 7))):
        B = sps.csr_array(A[turn.ravel()][:, turn.ravel()])
        B.sort_indices()
        other, _ = weights_of(B, (n, n), MODEL.weights)
        for one, two in (codes, codes[::-1]):
            assert_allclose(other[one], np.flip(found[two], axis - 1), rtol=1e-4, atol=1e-6)


def test_packing_is_undone():
    net = _network.packed(MODEL.weights)
    for name, value in _network.unpacked(net).items():
        assert_array_equal(value, MODEL.weights[name])


# ---- what it is for ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [10, 30, 45, 100, 150])
@pytest.mark.parametrize("epsilon", [1e-1, 1e-2, 1e-3])
def test_half_the_iterations_where_one_direction_is_strong(epsilon, degrees, rng):
    n = 64
    A = anisotropic2d(n, epsilon, np.deg2rad(degrees))
    b = rng.standard_normal(n * n)
    M = MODEL.setup(A, (n, n))
    assert M.params["orders"] == ("natural" if degrees < 90 else "mirrored")
    assert M.params["interpolation"] == "classical"
    count = cg(A, b, rtol=1e-8, M=M).iterations
    assert count <= 7
    # at 0.1 and 10 degrees Black-Box multigrid takes 8 itself
    assert 2 * count <= cg(A, b, rtol=1e-8, M=black_box_mg(A, (n, n))).iterations + (2 if epsilon == 0.1 else 0)


@pytest.mark.parametrize("epsilon", [1e-1, 1e-2, 1e-3])
def test_half_the_iterations_where_it_turns(epsilon, rng):
    n = 64
    A = turning(n, rng, epsilon)
    b = rng.standard_normal(n * n)
    M = MODEL.setup(A, (n, n))
    assert M.params["interpolation"] == "network"
    result = cg(A, b, rtol=1e-8, M=M)
    assert result.status == "converged"
    assert 2 * result.iterations <= cg(A, b, rtol=1e-8, M=black_box_mg(A, (n, n))).iterations


@pytest.mark.parametrize("A", [poisson2d(40), diffusion2d(40, 1e5), anisotropic2d(40, 1e-3, 0.0)], ids="abc")
def test_what_is_not_rotated_goes_to_black_box_multigrid(A, rng):
    M = MODEL.setup(A, (40, 40))
    assert (M.params["kept"], M.params["reason"]) == ("black box", "no tensor is rotated against the grid")
    r = rng.standard_normal(1600)
    assert_array_equal(M @ r, black_box_mg(A, (40, 40)) @ r)


def test_orders_follow_the_tensor():
    def found(angle):
        return rotation(couplings(check.csr(rotated_diffusion(20, 0.01, angle), "A"), (20, 20)))

    assert found(0.5) == NATURAL
    assert found(-0.5) == MIRRORED
    assert found(np.linspace(-0.5, 0.5, 21) * np.ones((21, 1))) == BOTH


def test_a_cycle_that_leaves_too_much_is_compared_with_the_classical_one(monkeypatch, rng):
    n = 24
    A = turning(n, rng)
    monkeypatch.setattr(_multigrid, "SLOW", -1.0)
    M = MODEL.setup(A, (n, n))  # compared, and kept
    assert M.params["kept"] == "learned"
    assert M.params["rate"] < M.params["classical_rate"]
    monkeypatch.setattr(_multigrid, "contraction", lambda *a: np.nan)
    M = MODEL.setup(A, (n, n))
    assert M.params["kept"] == "black box"
    assert M.params["reason"] == "one cycle leaves nan of an error"
    assert_array_equal(M @ np.ones(n * n), black_box_mg(A, (n, n)) @ np.ones(n * n))


def test_black_box_multigrid_that_fails_in_the_comparison_leaves_the_learned_cycle(monkeypatch, rng):
    n = 24
    A = turning(n, rng)
    r = rng.standard_normal(n * n)
    expected = MODEL.setup(A, (n, n)) @ r

    def broken(self, matrix):
        raise np.linalg.LinAlgError("a pivot")

    monkeypatch.setattr(_multigrid, "SLOW", -1.0)
    monkeypatch.setattr(_multigrid.BlackBoxMG, "_set", broken)
    M = MODEL.setup(A, (n, n))
    assert (M.params["kept"], M.params["reason"], M.params["classical_rate"]) == ("learned", None, None)
    assert_array_equal(M @ r, expected)
    monkeypatch.setattr(_multigrid, "contraction", lambda *a: np.nan)  # neither is sound
    with pytest.raises(np.linalg.LinAlgError, match="a pivot"):
        MODEL.setup(A, (n, n))


def test_an_update_that_fails_in_the_comparison_changes_nothing(monkeypatch, rng):
    n = 24
    A = turning(n, rng)
    r = rng.standard_normal(n * n)
    M = MODEL.setup(A, (n, n))
    expected, params, contraction, calls = M @ r, dict(M.params), _multigrid.contraction, []

    def second_raises(*args):
        calls.append(args)
        if len(calls) == 2:
            raise MemoryError
        return contraction(*args)

    monkeypatch.setattr(_multigrid, "SLOW", -1.0)
    monkeypatch.setattr(_multigrid, "contraction", second_raises)
    with pytest.raises(MemoryError):
        M.update(anisotropic2d(n, 0.1, 0.4))
    assert_array_equal(M @ r, expected)
    assert dict(M.params) == params


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("jump", [1e100, 1e200, 1e300])
def test_jumps_of_coefficients_beyond_the_root_of_the_range_hide_no_rotation(jump):
    n = 20
    scale = np.ones((n + 1, n + 1))
    scale[:, :10] = jump
    angle = np.where(scale > 1.0, 0.5, -0.5)  # the orders differ on the two sides
    assert MODEL.setup(rotated_diffusion(n, 1e-2, angle, scale), (n, n)).params["orders"] == "both"


def test_rows_of_solid_cells_do_not_hide_rotated_ones(rng):
    n = 32
    A = anisotropic2d(n, 1e-2, 0.5)
    A.eliminate_zeros()
    solid = rng.random(n * n) < 0.35
    fluid = sps.diags_array((~solid).astype(float))
    B = sps.csr_array(fluid @ A @ fluid + sps.diags_array(solid.astype(float)))
    B.eliminate_zeros()
    assert B.nnz <= 5 * n * n  # as many entries as five-point matrices have at most
    assert np.diff(B.indptr).max() > 5
    M = MODEL.setup(B, (n, n))
    assert M.params["reason"] != "no tensor is rotated against the grid"
    b = rng.standard_normal(n * n)
    found = cg(B, b, rtol=1e-8, M=M)
    assert found.status == "converged"
    assert found.iterations <= cg(B, b, rtol=1e-8, M=black_box_mg(B, (n, n))).iterations


def test_couplings_are_sums_over_nine_points(rng):
    n = 20
    A = turning(n, rng).tolil()
    for long in (9, 400):
        A[210, :long] = A[:long, 210] = 1e-3
        matrix = check.csr(A.tocsr(), "A")
        found = couplings(matrix, (n, n))
        at = np.unique(np.linspace(1, n - 4, min(n - 4, 16)).astype(int))
        dense = A.toarray()
        expected = np.zeros((5, at.size, at.size))
        for (p, i), (q, j) in itertools.product(enumerate(at), enumerate(at)):
            for row in ((i + di) * n + j + dj for di in range(3) for dj in range(3)):
                expected[:, p, q] += dense[row, row + np.array([0, 1, n - 1, n, n + 1])]
        assert_allclose(found, expected, rtol=1e-13, atol=1e-13)
    with pytest.raises(ValueError, match="A couples row"):
        MODEL.setup(A.tocsr(), (n, n))


# ---- bad input -----------------------------------------------------------------------------------------------------


def test_arguments_are_named(rng):
    A = anisotropic2d(10, 0.1, 0.5)
    with pytest.raises(ValueError, match=r"shape \(10, 11\) has 110 points, but A has shape \(100, 100\)"):
        MODEL.setup(A, (10, 11))
    with pytest.raises(ValueError, match=r"shape \(10, 5, 2\) has 3 axes, expected 2 as of the model"):
        MODEL.setup(A, (10, 5, 2))
    with pytest.raises(TypeError, match="sparse"):
        MODEL.setup(A.toarray(), (10, 10))
    with pytest.raises(TypeError, match="model must be a LearnedMultigrid, not dict"):
        LearnedCycle({}, A, (10, 10))
    with pytest.raises(ValueError, match="name must be one of"):
        LearnedMultigrid.pretrained("4d")
    with pytest.raises(ValueError, match="dim is 1"):
        LearnedMultigrid(1, {})
    for dim in (3.0, "2", True, None):
        with pytest.raises(TypeError, match="dim must be an integer"):
            LearnedMultigrid(dim, MODEL.weights)
    assert type(LearnedMultigrid(np.int64(2), MODEL.weights).dim) is int
    with pytest.raises(TypeError, match="set it up again"):
        pickle.dumps(MODEL.setup(A, (10, 10)))


def test_matrices_that_do_not_fit_are_refused_as_by_black_box_multigrid():
    A = anisotropic2d(10, 0.1, 0.5).tolil()
    B = A.copy()
    B[3, 80] = B[80, 3] = -1e-3
    with pytest.raises(ValueError, match="A couples row 3"):
        MODEL.setup(B.tocsr(), (10, 10))
    B = A.copy()
    B[3, 4] *= 2
    with pytest.raises(ValueError, match="not symmetric"):
        MODEL.setup(B.tocsr(), (10, 10))
    for place in (0, 50, 99):
        B = A.copy()
        B[place, place] = -1.0
        with pytest.raises(np.linalg.LinAlgError, match="not positive"):
            MODEL.setup(B.tocsr(), (10, 10))
        B[place, place] = np.nan
        with pytest.raises(ValueError, match="contains nan"):
            MODEL.setup(B.tocsr(), (10, 10))


@pytest.mark.parametrize("exponent", [-990, -300, 300, 990])
def test_scales(exponent, rng):
    n = 20
    A = anisotropic2d(n, 0.01, 0.5)
    b = rng.standard_normal(n * n)
    x = cg(A, b, rtol=1e-8, M=MODEL.setup(A, (n, n))).x
    B = A.copy()
    B.data = np.ldexp(B.data, exponent)
    M = MODEL.setup(B, (n, n))
    assert M.params["kept"] == "learned"
    small = min(exponent, 0) // 2  # so that x is in range
    found = cg(B, np.ldexp(b, small), rtol=1e-8, M=M)
    assert found.status == "converged"
    assert_allclose(np.ldexp(found.x, exponent - small), x, rtol=1e-9, atol=1e-12 * np.abs(x).max())


def test_small_and_odd_grids(rng):
    for shape in ((1, 1), (2, 3), (7, 30), (8, 9), (8, 200), (150, 9)):
        side = max(shape)
        keep = (np.arange(side)[:, None] < shape[0]) & (np.arange(side) < shape[1])
        A = anisotropic2d(side, 0.01, 0.5)[keep.ravel()][:, keep.ravel()]
        M = MODEL.setup(A, shape)
        assert M.params["kept"] == ("learned" if min(shape) >= 8 else "black box")
        b = rng.standard_normal(A.shape[0])
        assert cg(A, b, rtol=1e-8, M=M).iterations < 15


def test_single_precision_is_left_to_the_classical_method():
    A = anisotropic2d(12, 0.1, 0.5).astype(np.float32)
    M = MODEL.setup(A, (12, 12))
    assert M.dtype == np.float32
    assert M.params["reason"] == "the learned cycle is in double precision"


def test_kinds_of_arrays_and_update(rng):
    n = 16
    A = turning(n, rng)
    M = MODEL.setup(A, (n, n))
    r = rng.standard_normal(n * n)
    expected = M @ r
    assert_array_equal(M.T @ r, expected)
    for other in (sps.csr_matrix(A), A.tocsc(), A.tocoo(), sps.csr_array((A.data, A.indices.astype("i8"), A.indptr))):
        assert_array_equal(MODEL.setup(other, (n, n)) @ r, expected)
    R = np.asfortranarray(np.stack([r, 2 * r], axis=1))
    assert_allclose(M @ R, np.stack([expected, 2 * expected], axis=1), rtol=1e-15)
    M.update(anisotropic2d(n, 0.1, 0.4))
    assert M.params["orders"] == "natural"
    M.update(A)
    assert_array_equal(M @ r, expected)
    M.update(poisson2d(n))
    assert M.params["kept"] == "black box"
    with pytest.raises(ValueError, match="expected"):
        M.update(poisson2d(n + 1))


def test_infinite_residuals_leave_no_trace(rng):
    n = 16
    M = MODEL.setup(turning(n, rng), (n, n))
    r = rng.standard_normal(n * n)
    before = M @ r
    for place in (0, 100, 255):
        bad = r.copy()
        bad[place] = np.nan
        assert not np.isfinite(M @ bad).all()
        assert_array_equal(M @ r, before)


def test_workers_do_not_change_a_bit(rng):
    n = 150
    A = turning(n, rng)
    r = rng.standard_normal(n * n)
    first, *others = (MODEL.setup(A, (n, n), workers=w) @ r for w in (1, 2, 4))
    for other in others:
        assert_array_equal(other, first)


def test_backends_agree(rng):
    if kriss._backend.core() is None:
        pytest.skip("kriss._core is not built")
    n = 33
    A = turning(n, rng)
    r = rng.standard_normal(n * n)
    found = []
    for name in ("compiled", "numba"):
        with kriss.use_backend(name):
            found.append([LearnedMultigrid(2, w).setup(A, (n, n)) @ r for w in (MODEL.weights, fixed_weights(40.0))])
    for one, two in zip(*found, strict=True):  # the networks differ in the last digits of single precision
        assert_allclose(one, two, rtol=0, atol=1e-4 * np.abs(one).max())


def test_backends_agree_to_the_bit_around_the_same_interpolation(rng):
    if kriss._backend.core() is None:
        pytest.skip("kriss._core is not built")
    n = 37
    A = turning(n, rng)
    r = rng.standard_normal(n * n)
    found = []
    for name in ("compiled", "numba"):
        with kriss.use_backend(name):
            native = kernels("solve_learned").FactoredBox()
            told = native.begin(A.indptr, A.indices, A.data, 1, n, n, 1)
            while n * n and native.grids()[-1][1] > 8:
                told = native.coarsen(np.empty(0, np.float32), BOTH, 1)
            assert told[0] == native.finish(2)[0] == 0
            z = np.empty_like(r)
            native.apply(r, z, 1.0, 1)
            found.append(z)
    assert_array_equal(*found)


@pytest.mark.parametrize("name", ["2d", "3d"])
def test_models_are_pickled_and_copied(name):
    model = LearnedMultigrid.pretrained(name)
    for other in (pickle.loads(pickle.dumps(model)), copy.copy(model), copy.deepcopy(model)):
        assert type(other) is LearnedMultigrid
        assert (other.dim, dict(other.card)) == (model.dim, dict(model.card))
        assert set(other.weights) == set(model.weights)
        for key, value in model.weights.items():
            assert_array_equal(other.weights[key], value)


# ---- files ---------------------------------------------------------------------------------------------------------


def test_the_card_tells_where_the_weights_come_from():
    for key in ("data", "config", "training_seconds", "test", "losses", "sha256"):
        assert key in MODEL.card
    assert MODEL.card["parameters"] == sum(v.size for v in MODEL.weights.values())
    for row in MODEL.card["test"]:
        limit = 0.52 if row["kind"] == "jumping" else 0.5
        assert row["learned"] <= limit * row["black box"]


def test_files_that_are_missing_or_damaged_are_named(tmp_path):
    file = tmp_path / "model.npz"
    with pytest.raises(ModelFileError, match=r"model.npz cannot be read: there is no such file"):
        LearnedMultigrid.load(file)
    source = _model.MODELS / "multigrid2d.npz"
    shutil.copy(source, file)
    with pytest.raises(ModelFileError, match=r"model.json cannot be read"):
        LearnedMultigrid.load(file)
    card = json.loads(source.with_suffix(".json").read_text())
    file.with_suffix(".json").write_text("{")
    with pytest.raises(ModelFileError, match="not JSON"):
        LearnedMultigrid.load(file)
    file.with_suffix(".json").write_text("[]")
    with pytest.raises(ModelFileError, match="holds list"):
        LearnedMultigrid.load(file)
    file.with_suffix(".json").write_text(json.dumps(card))
    LearnedMultigrid.load(file)
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(bytes(damaged))
    with pytest.raises(ModelFileError, match="damaged: its SHA-256"):
        LearnedMultigrid.load(file)


def test_arrays_that_are_not_the_networks_are_named(tmp_path, rng):
    good = random_weights(rng)
    _model.write(tmp_path / "m.npz", good, {"name": "m"})
    assert_array_equal(LearnedMultigrid.load(tmp_path / "m.npz").weights["edge_w1"], good["edge_w1"])
    with pytest.raises(ModelFileError, match="expected"):
        LearnedMultigrid(2, {k: v for k, v in good.items() if k != "edge_w1"})
    with pytest.raises(ModelFileError, match=r"edge_w1 is float64 \(3,\)"):
        LearnedMultigrid(2, {**good, "edge_w1": np.zeros(3)})
    for place in (0, 50, 127):
        bad = good["edge_w1"].copy()
        bad.ravel()[place] = np.nan
        with pytest.raises(ModelFileError, match="edge_w1 holds NaN or infinity"):
            LearnedMultigrid(2, {**good, "edge_w1": bad})


def test_weights_beyond_any_range_end_in_the_classical_method_or_converge(rng):
    n = 20
    A = turning(n, rng)
    b = rng.standard_normal(n * n)
    model = LearnedMultigrid(2, {k: np.full(s, 3e38, np.float32) for k, s in _network.SHAPES.items()})
    result = cg(A, b, rtol=1e-8, M=model.setup(A, (n, n)))
    assert result.status == "converged"
