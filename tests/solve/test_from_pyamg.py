"""Hierarchies of PyAMG run natively: against PyAMG's own cycle."""

import itertools
import types

import numpy as np
import pytest
import scipy.sparse as sps

import kriss
from kriss.solve import PyAMGCycle, cg, from_pyamg
from kriss.testing import diffusion2d, elasticity2d, poisson2d, poisson3d

pyamg = pytest.importorskip("pyamg", reason="PyAMG is not installed")

METHODS = {"sa": pyamg.smoothed_aggregation_solver, "rs": pyamg.ruge_stuben_solver}
SMOOTHERS = [
    ("gauss_seidel", {"sweep": "symmetric"}),
    ("gauss_seidel", {"sweep": "forward"}),
    ("gauss_seidel", {"sweep": "backward"}),
    ("gauss_seidel", {"sweep": "symmetric", "iterations": 2}),
    ("gauss_seidel", {"sweep": "forward", "iterations": 3}),
    ("jacobi", {"omega": 4 / 3}),
    ("jacobi", {"omega": 1.0, "iterations": 2}),
    None,
]


def hierarchy(method="sa", A=None, seed=0, **options):
    np.random.seed(seed)  # PyAMG estimates spectral radii from random vectors of the global generator
    return METHODS[method](sps.csr_matrix(diffusion2d(40, 1e3)) if A is None else sps.csr_matrix(A), **options)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("cycle", ["V", "W"])
def test_it_is_the_cycle_of_pyamg(method, cycle):
    ml = hierarchy(method, max_coarse=20)
    assert len(ml.levels) >= 3
    M = from_pyamg(ml, cycle=cycle)
    theirs = ml.aspreconditioner(cycle=cycle)
    for seed in range(3):
        r = np.random.default_rng(seed).standard_normal(M.shape[0])
        expected = theirs @ r
        assert np.linalg.norm(M @ r - expected) <= 1e-13 * np.linalg.norm(expected)


@pytest.mark.parametrize(("pre", "post"), list(itertools.product(SMOOTHERS, SMOOTHERS)))
def test_every_pair_of_smoothers(pre, post):
    ml = hierarchy("rs", A=diffusion2d(20, 100.0), presmoother=pre, postsmoother=post, max_coarse=10)
    r = np.random.default_rng(1).standard_normal(400)
    for cycle in ("V", "W"):
        expected = ml.aspreconditioner(cycle=cycle) @ r
        got = from_pyamg(ml, cycle=cycle) @ r
        assert np.linalg.norm(got - expected) <= 1e-13 * np.linalg.norm(expected)


def test_it_knows_whether_it_is_symmetric():
    forward, backward = ("gauss_seidel", {"sweep": "forward"}), ("gauss_seidel", {"sweep": "backward"})
    for pre, post, expected in (
        (SMOOTHERS[0], SMOOTHERS[0], True),
        (forward, backward, True),
        (forward, forward, False),
        (SMOOTHERS[5], SMOOTHERS[5], True),
        (forward, None, False),
    ):
        ml = hierarchy("sa", A=poisson2d(12), presmoother=pre, postsmoother=post, max_coarse=10)
        M = from_pyamg(ml)
        B = M @ np.eye(144)
        assert M.is_spd is expected
        assert bool(np.abs(B - B.T).max() <= 1e-13 * np.abs(B).max()) is expected


@pytest.mark.parametrize("method", METHODS)
def test_inside_conjugate_gradients(method):
    ml = hierarchy(method)
    A = ml.levels[0].A
    b = np.random.default_rng(3).standard_normal(A.shape[0])
    result = cg(A, b, rtol=1e-9, M=from_pyamg(ml))
    theirs = []
    ml.solve(b, tol=1e-9, accel="cg", residuals=theirs, maxiter=100)
    assert result.status == "converged" and abs(result.iterations - (len(theirs) - 1)) <= 1
    assert np.linalg.norm(b - A @ result.x) <= 1e-9 * np.linalg.norm(b)
    seen = []
    driven = cg(A, b, rtol=1e-9, M=from_pyamg(ml), callback=lambda x: seen.append(1))
    assert np.array_equal(driven.x, result.x)


def test_the_k_cycle():
    """At least as good as the V cycle, in the A-norm; not linear; exact for a two-level hierarchy."""
    ml = hierarchy("sa", A=poisson2d(60), max_coarse=10)
    A = ml.levels[0].A
    x = np.random.default_rng(0).standard_normal(3600)
    error = {}
    for cycle in "VWK":
        e = x - from_pyamg(ml, cycle=cycle) @ (A @ x)
        error[cycle] = e @ (A @ e)
    assert error["K"] < error["V"]
    M = from_pyamg(ml, cycle="K")
    assert not M.is_linear and not M.is_spd
    a, b = np.random.default_rng(1).standard_normal((2, 3600))
    assert np.linalg.norm(M @ (a + b) - (M @ a + M @ b)) > 1e-8 * np.linalg.norm(M @ a)
    with pytest.raises(ValueError, match="linear"):
        cg(A, a, M=M)
    two = hierarchy("sa", A=poisson2d(12), max_levels=2)
    assert np.array_equal(from_pyamg(two, cycle="K") @ np.ones(144), from_pyamg(two) @ np.ones(144))


def test_k_cycle_against_its_definition():
    """On three levels: two steps of flexible CG on the middle one, written with dense matrices."""
    ml = hierarchy("sa", A=poisson2d(24), max_coarse=8, max_levels=3)
    A0, A1 = (ml.levels[k].A.toarray() for k in (0, 1))
    P, R = ml.levels[0].P.toarray(), ml.levels[0].R.toarray()
    inner = types.SimpleNamespace(levels=ml.levels[1:], coarse_solver=ml.coarse_solver)
    B = from_pyamg(inner)
    pre = from_pyamg(hierarchy_top(ml))  # the smoother alone: the coarse correction is zero
    r = np.random.default_rng(5).standard_normal(A0.shape[0])
    L, U = np.tril(A0), np.triu(A0)

    def symmetric(x):
        x = x + np.linalg.solve(L, r - A0 @ x)
        return x + np.linalg.solve(U, r - A0 @ x)

    x = symmetric(np.zeros_like(r))
    b = R @ (r - A0 @ x)
    c = B @ b
    v = A1 @ c
    t = (c @ b) / (c @ v)
    y, left = t * c, b - t * v
    if np.linalg.norm(left) > 0.25 * np.linalg.norm(b):
        d = B @ left
        basis = np.column_stack([c, d])
        y = basis @ np.linalg.solve(basis.T @ A1 @ basis, basis.T @ b)
    expected = symmetric(x + P @ y)
    assert np.linalg.norm(left) > 0.25 * np.linalg.norm(b) or np.linalg.norm(left) > 0
    assert np.linalg.norm(from_pyamg(ml, cycle="K") @ r - expected) <= 1e-12 * np.linalg.norm(expected)
    assert pre.levels == 2


def hierarchy_top(ml):
    return types.SimpleNamespace(levels=ml.levels[:2], coarse_solver=ml.coarse_solver)


@pytest.mark.parametrize("cycle", ["V", "W", "K"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_workers_and_backends_agree_in_every_bit(cycle, dtype):
    ml = hierarchy("sa", A=diffusion2d(90, 1e2).astype(dtype), max_coarse=20)
    r = np.random.default_rng(0).standard_normal(8100).astype(dtype)
    expected = from_pyamg(ml, cycle=cycle, workers=1).apply(r, np.empty_like(r))
    assert expected.dtype == dtype
    for workers in (2, 4):
        assert np.array_equal(from_pyamg(ml, cycle=cycle, workers=workers) @ r, expected)
    for name in ("compiled", "numba"):
        try:
            with kriss.use_backend(name):
                assert np.array_equal(from_pyamg(ml, cycle=cycle) @ r, expected)
        except RuntimeError:
            pytest.skip(f"backend {name} is not available here")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("sweep", ["forward", "backward", "symmetric"])
def test_a_large_hierarchy_has_the_same_bits_for_any_number_of_workers(method, sweep):
    """Large enough for products and transfers to run on several threads."""
    smoother = ("gauss_seidel", {"sweep": sweep})
    ml = hierarchy(method, A=diffusion2d(150, 1e3), presmoother=smoother, postsmoother=smoother)
    r = np.random.default_rng(0).standard_normal(22500)
    expected = from_pyamg(ml, workers=1).apply(r, np.empty_like(r))
    for workers in (2, 3, 4):
        many = from_pyamg(ml, workers=workers)
        assert np.array_equal(many @ r, expected)
        if hasattr(many._native, "shared_sweeps"):  # compiled; no front in two dimensions
            assert many._native.shared_sweeps == 0
            assert many._native.accompanied_sweeps > 0
    assert np.linalg.norm(expected - ml.aspreconditioner() @ r) <= 1e-13 * np.linalg.norm(expected)


@pytest.mark.parametrize("disorder", ["none", "near", "all"])
def test_sweeps_by_several_workers_are_those_of_one(disorder):
    """Planes of a grid follow one another; rows out of place and rows in no order must not be let through early."""
    A = sps.csr_array(poisson3d(36))
    n = A.shape[0]
    gen = np.random.default_rng(1)
    order = np.arange(n)
    if disorder == "all":
        gen.shuffle(order)
    if disorder == "near":  # some lines of the grid the other way round: blocks wait for rows further ahead
        for i in gen.integers(0, n // 36, 60):
            order[36 * i : 36 * i + 36] = order[36 * i : 36 * i + 36][::-1].copy()
    A = A[order][:, order]
    smoother = ("gauss_seidel", {"sweep": "symmetric"})
    ml = hierarchy("sa", A=A, presmoother=smoother, postsmoother=smoother)
    r = gen.standard_normal(n)
    one = from_pyamg(ml, workers=1)
    expected = one @ r
    if hasattr(one._native, "shared_sweeps"):  # compiled
        assert (one._native.shared_sweeps > 0) == (disorder != "all")
    for workers in (2, 3, 4, 8):
        many = from_pyamg(ml, workers=workers)
        for _ in range(4):
            assert np.array_equal(many @ r, expected)
    assert np.linalg.norm(expected - ml.aspreconditioner() @ r) <= 1e-13 * np.linalg.norm(expected)


def test_one_level_is_a_direct_solve():
    A = poisson2d(5)
    ml = hierarchy("sa", A=A, max_levels=1)
    assert np.allclose(A @ (from_pyamg(ml) @ np.ones(25)), 1.0, rtol=1e-12)


def test_update_and_copies():
    ml, other = hierarchy("rs", A=diffusion2d(20, 10.0)), hierarchy("rs", A=diffusion2d(20, 1e3, rng=4))
    M = from_pyamg(ml)
    before = M @ np.ones(400)
    expected = from_pyamg(other) @ np.ones(400)
    M.update(other)
    assert np.array_equal(M @ np.ones(400), expected)
    M.update(ml)
    ml.levels[0].A.data *= 2
    assert np.array_equal(M @ np.ones(400), before)
    with pytest.raises(ValueError, match="expected 400"):
        M.update(hierarchy("rs", A=poisson2d(5)))
    assert M.nbytes > 12 * 400 * 5 and M.levels == len(ml.levels) and M.cycle == "V"


def test_three_dimensions_and_columns():
    A = poisson3d(12)
    M = from_pyamg(hierarchy("sa", A=A))
    R = np.random.default_rng(0).standard_normal((1728, 3))
    out = M @ R
    for j in range(3):
        assert np.array_equal(out[:, j], M @ R[:, j])


def test_refused():
    with pytest.raises(TypeError, match="multilevel solver of PyAMG, not NoneType"):
        from_pyamg(None)
    with pytest.raises(ValueError, match="cycle"):
        PyAMGCycle(hierarchy(A=poisson2d(8)), cycle="F")
    for smoother, name in (
        ("chebyshev", "chebyshev"),
        (("sor", {"omega": 1.2}), "sor"),
        ("gauss_seidel_ne", "smoother"),
    ):
        ml = hierarchy("sa", A=poisson2d(20), presmoother=smoother, max_coarse=10)
        with pytest.raises(ValueError, match=f"presmoother of level 0 is .*{name}|presmoother of level 0"):
            from_pyamg(ml)
    A, modes = elasticity2d(12)
    ml = pyamg.smoothed_aggregation_solver(sps.bsr_matrix(A, blocksize=(2, 2)), B=modes, max_coarse=10)
    with pytest.raises(ValueError, match="block_gauss_seidel"):
        from_pyamg(ml)
    ml = hierarchy("sa", A=poisson2d(20), coarse_solver="cg", max_coarse=10)
    with pytest.raises(ValueError, match="coarse solver is 'cg'"):
        from_pyamg(ml)
    ml = hierarchy("sa", A=poisson2d(20), max_coarse=10)
    ml.levels[0].A = ml.levels[0].A.astype(complex)
    with pytest.raises(TypeError, match="A of level 0"):
        from_pyamg(ml)
    ml = hierarchy("sa", A=poisson2d(20), max_coarse=10)
    ml.levels[0].A = sps.csr_matrix(ml.levels[0].A - 4 * sps.eye_array(400))
    with pytest.raises(ValueError, match="diagonal entry in row 0"):
        from_pyamg(ml)


def test_elasticity_with_point_smoothing():
    A, modes = elasticity2d(16)
    smoother = ("gauss_seidel", {"sweep": "symmetric"})
    np.random.seed(0)
    ml = pyamg.smoothed_aggregation_solver(
        sps.csr_matrix(A), B=modes, presmoother=smoother, postsmoother=smoother, max_coarse=30
    )
    b = np.ones(A.shape[0])
    assert np.allclose(from_pyamg(ml) @ b, ml.aspreconditioner() @ b, rtol=1e-10, atol=1e-10)
    assert cg(A, b, rtol=1e-8, M=from_pyamg(ml)).status == "converged"
