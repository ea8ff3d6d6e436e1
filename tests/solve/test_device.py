"""The host side of the solvers on a GPU, run on NumPy by the stand-ins of device.py."""

import re

import numpy as np
import pytest
import scipy.sparse as sps

from kriss import _device
from kriss.solve import (
    FSAI,
    IC0,
    ILU0,
    MIC,
    SSOR,
    CudaChebyshev,
    CudaCycle,
    CudaProducts,
    CudaSSOR,
    CudaTriangles,
    Jacobi,
    cg,
    color_rows,
    from_pyamg,
    gauss_seidel,
    gmres,
    jacobi,
    sor,
    ssor,
)  # fmt: skip
from kriss.solve.learned import LearnedSPAI
from kriss.testing import diffusion2d, poisson2d

from .device import Array, Csr, Launchers, device, mesh, on_device  # noqa: F401


@pytest.fixture
def solve(device):  # noqa: F811
    def run(A, b, x0=None, **options):
        return cg(Csr(A), on_device(b), None if x0 is None else on_device(x0), **options)

    return run


@pytest.mark.parametrize("M", [None, "jacobi"])
@pytest.mark.parametrize("start", [False, True])
def test_converges_with_the_counts_of_the_cpu(M, start, solve, rng):
    A = diffusion2d(14, contrast=20.0)
    b = rng.standard_normal(196)
    x0 = rng.standard_normal(196) if start else None
    host = cg(A, b, x0, rtol=1e-9, M=M, residuals=True)
    r = solve(A, b, x0, rtol=1e-9, M=M, residuals=True)
    assert r.status == "converged" and abs(r.iterations - host.iterations) <= 1
    assert r.residuals.shape == (r.iterations + 1,)
    assert r.residuals[1:20] == pytest.approx(host.residuals[1:20], rel=1e-9)
    assert np.linalg.norm(b - A @ r.x.get()) <= 1e-9 * np.linalg.norm(b) * (1 + 1e-9)
    assert r.backend == "cuda" and r.x.shape == (196,) and r.columns is None


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 10])
@pytest.mark.parametrize("k", [None, 0, 1, 3])
@pytest.mark.parametrize("M", [None, "ssor", "chebyshev"])
def test_small_sizes(n, k, M, solve):
    A = sps.csr_matrix(3 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1))
    b = np.arange(1.0, n + 1) if k is None else np.outer(np.arange(1.0, n + 1), np.arange(1.0, k + 1))
    r = solve(A, b, rtol=1e-12, M=M)
    assert r.converged and r.x.shape == b.shape
    assert np.allclose(A @ r.x.get(), b, atol=1e-10)


def test_statuses(solve, rng):
    A = poisson2d(9)
    b = rng.standard_normal(81)
    assert solve(A, b, maxiter=4).status == "maxiter"
    assert solve(A, b, maxiter=4).iterations == 4
    assert solve(A, b, maxiter=0).status == "maxiter"
    assert solve(-A, b).status == "indefinite_matrix"
    assert solve(-A, b, M="jacobi").status == "indefinite_preconditioner"
    assert solve(A, np.zeros(81), np.ones(81)).status == "converged"
    assert solve(A, np.where(np.arange(81) == 3, np.nan, b), check_finite=False).status == "non_finite"
    assert solve(poisson2d(3), b[:9], rtol=0.0, maxiter=500).status in ("stagnated", "indefinite_matrix")


def test_callback_after_each_iteration(solve, rng):
    seen = []
    b = rng.standard_normal(81)
    r = solve(poisson2d(9), b, callback=lambda x: seen.append(x.get()))
    assert len(seen) == r.iterations and (seen[-1] == r.x.get()).all()

    def fail(x):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        solve(poisson2d(9), b, callback=fail)
    with pytest.raises(TypeError, match="one right-hand side"):
        solve(poisson2d(9), np.ones((81, 2)), callback=print)


@pytest.mark.parametrize(("change", "error", "match"), [
    ({"b": np.ones(5)}, ValueError, "b has shape"),
    ({"b": np.ones((81, 2, 2))}, ValueError, "b has shape"),
    ({"x0": np.ones(5)}, ValueError, "x0 has shape"),
    ({"x0": np.ones((81, 1))}, ValueError, "x0 has shape"),
    ({"b": np.full(81, np.inf)}, ValueError, "b contains"),
    ({"M": "mic"}, TypeError, r"M must be None, one of 'jacobi', .*to_device"),
    ({"A": sps.csr_matrix(np.ones((3, 4)))}, ValueError, "A has shape"),
    ({"rtol": -1.0}, ValueError, "rtol"),
])  # fmt: skip
def test_bad_arguments(change, error, match, solve):
    args = {"A": poisson2d(9), "b": np.ones(81)} | change
    with pytest.raises(error, match=match):
        solve(**args)


@pytest.mark.parametrize("M", ["jacobi", "ssor", "chebyshev"])
@pytest.mark.parametrize("row", [0, 17, 80])
def test_zero_diagonal_names_its_row(M, row, solve):
    A = poisson2d(9).tolil()
    A[row, row] = 0.0
    with pytest.raises(ValueError, match=f"row {row}"):
        solve(A.tocsr(), np.ones(81), M=M)


def test_malformed_and_unsorted_matrices(device, rng):  # noqa: F811
    A, b = poisson2d(6), on_device(rng.standard_normal(36))
    broken = Csr(A)
    broken.indices[7] = 36
    with pytest.raises(ValueError, match=r"A\.indices holds entries outside 0 to 35"):
        cg(broken, b)
    broken = Csr(A)
    broken.indptr[3] = 1
    with pytest.raises(ValueError, match=r"A\.indptr does not increase"):
        cg(broken, b)
    # duplicates and rows in any order are summed in a copy, never in the matrix given
    coo = A.tocoo()
    messy = Csr(A)
    twice = np.argsort(np.concatenate([coo.row, coo.row]), kind="stable")[::-1]
    order = twice[np.argsort(np.concatenate([coo.row, coo.row])[twice], kind="stable")]
    messy.indices = on_device(np.concatenate([coo.col, coo.col])[order].astype(np.int32))
    messy.data = on_device(np.concatenate([coo.data, coo.data])[order] / 2)
    messy.indptr = on_device((2 * A.indptr).astype(np.int32))
    messy.nnz = 2 * A.nnz
    for M in ("jacobi", "ssor"):
        want = cg(Csr(A), b, M=M, rtol=1e-10)
        assert np.allclose(cg(messy, b, M=M, rtol=1e-10).x.get(), want.x.get(), rtol=1e-8)
        assert messy.data.size == 2 * A.nnz


@pytest.mark.parametrize("M", [None, "jacobi", "ssor", "chebyshev"])
@pytest.mark.parametrize("k", [1, 3, 11])
def test_columns_are_solves_of_their_own(M, k, solve, rng):
    A = mesh(7)
    b = rng.standard_normal((49, k)) * np.logspace(0, 5, k)
    if k > 2:
        b[:, 1] = 0
    x0 = rng.standard_normal((49, k))
    r = solve(A, b, x0, rtol=1e-6, M=M, residuals=True)
    assert r.converged and len(r.columns) == k and r.x.shape == (49, k) and r.params["columns"] == k
    assert r.residuals.shape == (r.iterations + 1, k)
    for j in {0, 1, k - 1} & set(range(k)):
        one = solve(A, b[:, j], x0[:, j], rtol=1e-6, M=M, residuals=True)
        assert r.columns[j].iterations == one.iterations and r.columns[j].status == "converged"
        assert np.allclose(r.x.get()[:, j], one.x.get(), rtol=1e-6, atol=1e-8 * np.abs(one.x.get()).max())
        # sums in another order: the recurrences drift apart slowly
        kept = r.residuals[: one.iterations + 1, j]
        assert kept[:20] == pytest.approx(one.residuals[:20], rel=1e-6) and np.isfinite(kept).all()
        assert np.isnan(r.residuals[one.iterations + 1 :, j]).all()


def test_arrays_in_any_order(device, rng):  # noqa: F811
    A = poisson2d(7)
    b, x0 = rng.standard_normal((49, 6)), rng.standard_normal((49, 6))
    want = cg(Csr(A), on_device(b), on_device(x0), rtol=1e-9)
    columns = (on_device(np.asfortranarray(v)) for v in (b, x0))
    strided = (on_device(np.repeat(v, 2, axis=0))[::2] for v in (b, x0))
    for rhs, start in (columns, strided):
        kept = rhs.get(), start.get()
        r = cg(Csr(A), rhs, start, rtol=1e-9)
        assert (r.x.get() == want.x.get()).all()
        assert (rhs.get() == kept[0]).all() and (start.get() == kept[1]).all()
    one = jacobi(Csr(A), on_device(b)[:, 2], on_device(x0)[:, 3], maxiter=9)
    other = jacobi(Csr(A), on_device(b[:, 2].copy()), on_device(x0[:, 3].copy()), maxiter=9)
    assert (one.x.get() == other.x.get()).all()


def test_a_column_in_trouble_does_not_touch_the_others(solve, rng):
    A = poisson2d(9)
    b = rng.standard_normal((81, 3))
    alone = solve(A, b[:, 2], rtol=1e-9)
    b[5, 0] = np.nan
    b[:, 1] *= 1e200  # its square overflows
    r = solve(A, b, rtol=1e-9, check_finite=False)
    assert [c.status for c in r.columns] == ["non_finite", "non_finite", "converged"]
    assert r.status == "non_finite" and r.columns[2].iterations == alone.iterations
    assert np.allclose(r.x.get()[:, 2], alone.x.get(), rtol=1e-8)
    short = solve(A, rng.standard_normal((81, 2)), maxiter=7)
    assert short.status == "maxiter" and [c.iterations for c in short.columns] == [7, 7]


@pytest.mark.parametrize("omega", [1.0, 1.4])
@pytest.mark.parametrize("A", [poisson2d(9), mesh(8), sps.eye(7, format="csr") * 3.0], ids=["grid", "mesh", "diagonal"])
def test_colored_ssor_is_a_symmetric_colored_sweep(A, omega, device, rng):  # noqa: F811
    n = A.shape[0]
    M = CudaSSOR(Csr(A), omega)
    count, color = color_rows(A)
    assert M.colors == count and M.shape == (n, n) and M.is_spd and M.nbytes > 0
    order = np.argsort(color, kind="stable")
    P = A[order][:, order].toarray()
    E, L = np.diag(np.diag(P)) / omega, np.tril(P, -1)
    dense = (E + L) @ np.linalg.inv(E) @ (E + L.T) / (2 - omega)
    r = rng.standard_normal((n, 3))
    want = np.linalg.solve(dense, r[order])
    z = (M @ on_device(r)).get()
    assert np.allclose(z[order], want, rtol=1e-12, atol=1e-12)
    assert np.allclose(M.apply(on_device(r[:, 1]), on_device(np.empty(n))).get(), z[:, 1], rtol=1e-13, atol=1e-15)
    wide = rng.standard_normal((n, 13))
    both = M.apply_multi(on_device(wide), on_device(np.empty((n, 13)))).get()
    assert np.allclose(both[:, 12], (M @ on_device(wide[:, 12])).get(), rtol=1e-13, atol=1e-15)
    calls = device.calls.count("color_rows_round")
    M.update(Csr(2 * A))
    assert device.calls.count("color_rows_round") == calls
    assert np.allclose((M @ on_device(r)).get(), z / 2, rtol=1e-13, atol=1e-15)


def test_colors_are_those_of_the_processor_or_proper(device, monkeypatch):  # noqa: F811
    from kriss.solve import _cuda_precond
    from kriss.solve._cuda_arrays import Matrix

    for A in (poisson2d(7), mesh(9), sps.csr_matrix(np.triu(np.ones((12, 12))))):
        count, color = color_rows(A)
        groups = _cuda_precond.color_groups(Matrix(Csr(A), "A"))
        assert groups.count == count and (groups.color.get() == color).all()
        assert (groups.order.get() == np.argsort(color, kind="stable")).all()
        assert np.diff(groups.starts).tolist() == np.bincount(color).tolist()
    monkeypatch.setattr(_cuda_precond, "NATURAL_ROUNDS", 32)
    path = sps.diags([np.ones(199), np.ones(200), np.ones(199)], [-1, 0, 1]).tocsr()
    color = _cuda_precond.color_groups(Matrix(Csr(path), "A")).color.get()
    assert (color[1:] != color[:-1]).all() and color.min() >= 0 and color.max() <= 2


def test_chebyshev_is_the_polynomial(device, rng):  # noqa: F811
    A = mesh(7)
    M = CudaChebyshev(Csr(A), degree=3, bounds=(0.1, 1.9))
    assert M.bounds == (0.1, 1.9) and not M.is_spd  # the bound is not proven
    proven = CudaChebyshev(Csr(A), degree=3)
    D = A.diagonal()
    assert proven.bounds[1] == pytest.approx((abs(A).sum(axis=1).A1 / D).max()) and proven.is_spd
    s = np.sqrt(D)
    w, V = np.linalg.eigh(A.toarray() / np.outer(s, s))
    T = np.polynomial.chebyshev.Chebyshev.basis(4)
    residual = T((2.0 - 2 * w) / 1.8) / T(2.0 / 1.8)
    r = rng.standard_normal(49)
    want = V @ ((1 - residual) / w * (V.T @ (r / s))) / s
    assert np.allclose((M @ on_device(r)).get(), want, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    "make", [SSOR, lambda A: SSOR(A, 1.5), IC0, MIC, ILU0], ids=["ssor", "1.5", "ic0", "mic", "ilu"]
)
@pytest.mark.parametrize("A", [poisson2d(9), mesh(8)], ids=["grid", "mesh"])
def test_factors_moved_to_the_device_are_the_same_operator(make, A, device, rng):  # noqa: F811
    host = make(A)
    M = host.to_device()
    assert isinstance(M, CudaTriangles) and M.is_spd == host.is_spd and M.shape == host.shape and len(M.levels) == 2
    r = rng.standard_normal((A.shape[0], 2))
    z = (M @ on_device(r)).get()
    for j in range(2):
        want = host.apply(np.ascontiguousarray(r[:, j]), np.empty(A.shape[0]))
        assert np.allclose(z[:, j], want, rtol=1e-12, atol=1e-13)
    if make is not ILU0:
        b = rng.standard_normal(A.shape[0])
        there, here = cg(Csr(A), on_device(b), rtol=1e-9, M=M), cg(A, b, rtol=1e-9, M=host)
        assert there.converged and abs(there.iterations - here.iterations) <= 2
        assert there.params["M"] == "CudaTriangles"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("make", [FSAI, LearnedSPAI.pretrained().setup], ids=["fsai", "learned"])
def test_approximate_inverses_moved_to_the_device_are_the_same_operator(make, dtype, device, rng):  # noqa: F811
    A = mesh(8).astype(dtype)
    eps = 100 * np.finfo(dtype).eps
    for B in (A, sps.csr_matrix(A * dtype(2.0**-110))):
        host = make(B)
        M = host.to_device()
        assert isinstance(M, CudaProducts) and M.is_spd and M.shape == host.shape and M.nbytes > 12 * 64
        r = rng.standard_normal((64, 2)).astype(dtype)
        want = host.apply_multi(r, np.empty_like(r))
        assert np.allclose((M @ on_device(r)).get(), want, rtol=eps, atol=eps * np.abs(want).max())
    b = rng.standard_normal(64).astype(dtype)
    host = make(A)
    there, here = cg(Csr(A), on_device(b), rtol=1e-5, M=host.to_device()), cg(A, b, rtol=1e-5, M=host)
    assert there.converged and abs(there.iterations - here.iterations) <= 2
    assert there.params["M"] == "CudaProducts"


@pytest.mark.parametrize("power", [-110, 110])
def test_factors_on_the_device_share_the_scaling(power, device, rng):  # noqa: F811
    small = sps.coo_array(mesh(8).astype(np.float32))
    far = (small.row != small.col) & ((small.row + small.col) % 3 == 0)
    small.data[far] *= np.float32(2.0**-30)
    small = sps.csr_matrix(small)
    host = FSAI(small * np.float32(2.0**power))
    M, (first, second, _) = host.to_device(), host._parts
    for mine, its in ((first, M._first), (second, M._second)):
        got = its[2].get()
        assert np.array_equal(np.ldexp(got, -(host._shift // 2)), mine[2])  # no bit is lost
        assert np.abs(got[mine[2] != 0]).min() > np.finfo(np.float32).tiny
    held = M.nbytes
    M @ on_device(rng.standard_normal((64, 3)).astype(np.float32))
    assert M.nbytes == held + 3 * 64 * 4


def test_single_precision(device, rng):  # noqa: F811
    A = mesh(8).astype(np.float32)
    b = rng.standard_normal((64, 2)).astype(np.float32)
    for M in (None, "jacobi", "ssor", "chebyshev", IC0(A).to_device(), IC0(A.astype(float)).to_device()):
        r = cg(Csr(A), on_device(b), rtol=1e-4, M=M)
        assert r.converged and r.x.dtype == np.float32 and r.params["dtype"] == "float32"


def test_preconditioners_refuse_what_they_cannot_use(device):  # noqa: F811
    A, b = Csr(poisson2d(4)), on_device(np.ones(16))
    M = CudaSSOR(A)
    for r, out, match in [
        (b, on_device(np.ones(15)), "out is a float64 array"),
        (on_device(np.ones(16, np.float32)), b, "r is a float32"),
        (on_device(np.ones((16, 2)).T), b, "r is a"), (b, b, "overlap"),
        (on_device(np.ones((2, 16)))[:, ::1].T, on_device(np.ones((16, 2))), "contiguous"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=match):
            M.apply(r, out)
    with pytest.raises(TypeError, match="r must be a CuPy array"):
        M.apply(np.ones(16), b)
    for move in (M.matvec, lambda r: gmres(poisson2d(4), r, M=M)):
        with pytest.raises(TypeError, match="nothing is moved between devices"):
            move(np.ones(16))
    with pytest.raises(ValueError, match="omega must be below 2"):
        CudaSSOR(A, 2.0)
    for bad in ({"degree": 0}, {"ratio": 1.0}, {"bounds": (1.0, 0.5)}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            CudaChebyshev(A, **bad)
    with pytest.raises(ValueError, match="positive"):
        CudaChebyshev(-A)
    with pytest.raises(ValueError, match="A has shape"):
        M.update(Csr(poisson2d(5)))
    with pytest.raises(ValueError, match="M has shape"):
        cg(Csr(poisson2d(5)), on_device(np.ones(25)), M=M)
    with pytest.raises(TypeError, match="nothing is moved between devices"):
        cg(poisson2d(4), np.ones(16), M=M)
    with pytest.raises(TypeError, match="nothing is moved between devices"):
        cg(A, b, M=SSOR(poisson2d(4)))
    with pytest.raises(TypeError, match="Jacobi is not made of triangles"):
        Jacobi(poisson2d(4)).to_device()
    varying = CudaSSOR(A)
    varying.is_linear = False
    with pytest.raises(ValueError, match="not linear"):
        cg(A, b, M=varying)


def test_any_operator_on_the_device(solve, device, rng):  # noqa: F811
    A = poisson2d(6)
    inverse = Csr(sps.diags(1 / A.diagonal()).tocsr())
    b = rng.standard_normal(36)
    r = solve(A, b, M=inverse, rtol=1e-9)
    assert r.iterations == solve(A, b, M="jacobi", rtol=1e-9).iterations


@pytest.mark.parametrize("A", [poisson2d(8), mesh(7)], ids=["grid", "mesh"])
@pytest.mark.parametrize("x0", [False, True])
def test_stationary_iterations_are_those_of_the_processor(A, x0, device, rng):  # noqa: F811
    n = A.shape[0]
    b, start = rng.standard_normal(n), rng.standard_normal(n) if x0 else None
    there = Csr(A), on_device(b)
    more = () if start is None else (on_device(start),)
    own = () if start is None else (start,)
    colored = {"order": "multicolor", "rtol": 3e-3, "maxiter": 40}
    for name, run in {
        "jacobi": lambda a, b, *x: jacobi(a, b, *x, omega=0.9, rtol=3e-3, maxiter=40),
        "forward": lambda a, b, *x: gauss_seidel(a, b, *x, **colored),
        "backward": lambda a, b, *x: gauss_seidel(a, b, *x, sweep="backward", **colored),
        "sor": lambda a, b, *x: sor(a, b, 1.5, *x, residuals=True, **colored),
        "ssor": lambda a, b, *x: ssor(a, b, 1.3, *x, **colored),
    }.items():
        here, r = run(A, b, *own), run(*there, *more)
        assert r.status == here.status and r.iterations == here.iterations, name
        assert np.allclose(r.x.get(), here.x, rtol=1e-9, atol=1e-12) and r.backend == "cuda"
        assert r.params.get("groups") == here.params.get("groups")
        assert r.residual_norm == pytest.approx(np.linalg.norm(b - A @ r.x.get()), rel=1e-6)
    assert start is None or (own[0] == start).all()


def test_stationary_statuses_and_arguments(device, rng):  # noqa: F811
    A, b = Csr(poisson2d(6)), on_device(rng.standard_normal(36))
    assert sor(A, b, 1.5, order="multicolor", maxiter=3).iterations == 3
    assert jacobi(Csr(sps.csr_matrix([[1.0, 9.0], [9.0, 1.0]])), on_device(np.ones(2))).status == "diverged"
    bad = b.copy()
    bad[4] = np.nan
    assert jacobi(A, bad, check_finite=False).status == "non_finite"
    seen = []
    r = gauss_seidel(A, b, order="multicolor", callback=lambda x: seen.append(x.get()))
    assert len(seen) == r.iterations and (seen[-1] == r.x.get()).all()
    with pytest.raises(ValueError, match="order must be 'multicolor' for a matrix on the GPU, not 'natural'"):
        gauss_seidel(A, b)
    with pytest.raises(ValueError, match="b contains"):
        jacobi(A, bad)
    with pytest.raises(ValueError, match="b has shape"):
        jacobi(A, on_device(np.ones((36, 2))))
    with pytest.raises(TypeError, match="nothing is moved between devices"):
        jacobi(A, b.get())
    empty = jacobi(Csr(sps.csr_matrix((0, 0))), on_device(np.zeros(0)))
    assert empty.converged and empty.x.shape == (0,)


@pytest.fixture
def hierarchy():
    pyamg = pytest.importorskip("pyamg")

    def make(A, pre="symmetric", post="symmetric", kind="gauss_seidel"):
        options = [(kind, {"sweep": s} if kind == "gauss_seidel" else {"omega": 0.7}) for s in (pre, post)]
        return pyamg.smoothed_aggregation_solver(
            A, max_coarse=8, presmoother=options[0], postsmoother=options[1], coarse_solver="pinv"
        )

    return make


def test_a_cycle_with_jacobi_is_that_of_the_processor(device, hierarchy, rng):  # noqa: F811
    A = diffusion2d(16, contrast=10.0)
    ml = hierarchy(A, kind="jacobi")
    for cycle in ("V", "W"):
        host, M = from_pyamg(ml, cycle=cycle), from_pyamg(ml, cycle=cycle, device=True)
        assert isinstance(M, CudaCycle) and M.is_spd and M.levels == host.levels == len(ml.levels) and M.nbytes > 0
        r = rng.standard_normal((256, 2))
        z = (M @ on_device(r)).get()
        for j in range(2):
            want = host.apply(np.ascontiguousarray(r[:, j]), np.empty(256))
            assert np.allclose(z[:, j], want, rtol=1e-11, atol=1e-12 * np.abs(want).max())


@pytest.mark.parametrize("smoother", [None, "multicolor", "jacobi", "chebyshev"])
@pytest.mark.parametrize("cycle", ["V", "W"])
def test_cycles_precondition(smoother, cycle, device, hierarchy, rng):  # noqa: F811
    A = diffusion2d(10, contrast=10.0)
    ml = hierarchy(A)
    M = CudaCycle(ml, cycle=cycle, smoother=smoother)
    assert M.is_spd and M.cycle == cycle
    b = rng.standard_normal((100, 2))
    r = cg(Csr(A), on_device(b), rtol=1e-8, M=M)
    host = cg(A, b[:, 0], rtol=1e-8, M=from_pyamg(ml, cycle=cycle))
    assert r.converged and r.iterations <= host.iterations + 6
    u, v = rng.standard_normal((2, 100))
    Mu, Mv = (M @ on_device(u)).get(), (M @ on_device(v)).get()
    assert v @ Mu == pytest.approx(u @ Mv, rel=1e-9) and u @ Mu > 0


def test_a_hierarchy_on_the_device_stays_there(device, hierarchy, rng):  # noqa: F811
    A = diffusion2d(16, contrast=10.0)
    ml = hierarchy(A, "forward", "backward")
    uploaded = CudaCycle(ml)
    r = on_device(rng.standard_normal(256))
    want = (uploaded @ r).get()
    mixed = hierarchy(A)
    mixed.levels[0].A = Csr(A)
    with pytest.raises(TypeError, match="some levels of ml are on the GPU"):
        CudaCycle(mixed)
    for level in ml.levels:
        level.A = Csr(level.A)
        if hasattr(level, "P"):
            level.P, level.R = Csr(level.P), Csr(level.R)
    M = from_pyamg(ml)
    assert isinstance(M, CudaCycle) and M.is_spd
    assert np.allclose((M @ r).get(), want, rtol=1e-10, atol=1e-12)
    lopsided = CudaCycle(hierarchy(A, "forward", "forward"))
    assert not lopsided.is_spd
    for bad, match in [({"cycle": "K"}, "cycle"), ({"smoother": "ssor"}, "smoother")]:
        with pytest.raises(ValueError, match=match):
            CudaCycle(ml, **bad)


def test_no_message_of_numpy_about_the_stand_in():
    assert isinstance(on_device(np.ones(3)) + 1, Array)
    with pytest.raises(TypeError, match="NumPy called on a device array"):
        np.concatenate([on_device(np.ones(3))])


def test_the_stand_ins_take_the_arguments_of_the_launchers():
    """Of the CUDA module, where it is built: it says its signatures without a device."""
    module = _device._cuda_module()
    if isinstance(module, str):
        pytest.skip(f"kriss._cuda is not built: {module}")
    real = {name: getattr(module.solve, name) for name in dir(module.solve) if callable(getattr(module.solve, name))}
    real = {name: f for name, f in real.items() if f.__doc__}
    assert len(real) == 27
    for name, function in real.items():
        documented = re.findall(r"(\w+): \w", function.__doc__.split("\n")[0].split(" ->")[0].split("(", 1)[1])
        stand_in = getattr(Launchers, name, None) or getattr(Launchers, "on_" + name[:-4])
        code = stand_in.__code__
        assert [v for v in code.co_varnames[: code.co_argcount] if v != "self"] == documented, name


class OnGpu:
    @property
    def __cuda_array_interface__(self):
        return {}


def test_device_arrays_are_recognised_and_never_mixed():
    there, here = OnGpu(), np.ones(3)
    assert _device.is_device_array(there) and not _device.is_device_array(here)
    assert _device.any_device(A=there, b=there, M=None, x0=None)
    assert not _device.any_device(A=here, b=[1.0], M="jacobi")
    with pytest.raises(TypeError, match="b is on the GPU but A is in host memory"):
        _device.any_device(A=here, b=there)
