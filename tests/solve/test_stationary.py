"""Jacobi, Gauss-Seidel, SOR and SSOR against dense textbook sweeps."""

import importlib.util
import os
import signal
import threading
import time

import numpy as np
import pytest
import scipy.sparse as sps
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import kriss
from kriss._backend import core, kernels
from kriss.solve import color_rows, gauss_seidel, jacobi, rcm_order, sor, ssor
from kriss.testing import diffusion2d, poisson2d, poisson3d

both = pytest.mark.skipif(
    core() is None or importlib.util.find_spec("numba") is None, reason="needs the compiled module and numba"
)


def unsymmetric(n=60, seed=0):
    """Diagonally dominant, with a pattern that is not symmetric."""
    rng = np.random.default_rng(seed)
    A = sps.random_array((n, n), density=0.06, rng=rng, data_sampler=lambda size: rng.uniform(-1, 1, size))
    return (A + sps.diags_array(np.abs(A).sum(axis=1) + 1.0)).tocsr()


MATRICES = {"5-point": lambda: poisson2d(9), "jumps": lambda: diffusion2d(9, 10.0), "unsymmetric": unsymmetric}


def dense_sweep(A, b, x, omega, rows):
    for i in rows:
        x[i] += omega * (b[i] - A[i] @ x) / A[i, i]


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("sweep", ["forward", "backward", "symmetric"])
@pytest.mark.parametrize("order", ["natural", "multicolor"])
def test_sweeps_against_dense_ones(name, sweep, order):
    A = MATRICES[name]()
    n = A.shape[0]
    rng = np.random.default_rng(1)
    b, x0 = rng.standard_normal(n), rng.standard_normal(n)
    rows = np.arange(n)
    if order == "multicolor":
        rows = np.argsort(color_rows(A)[1], kind="stable")
    passes = {"forward": [rows], "backward": [rows[::-1]], "symmetric": [rows, rows[::-1]]}[sweep]
    for omega in (1.0, 1.5):
        expected = x0.copy()
        for _ in range(3):
            for visit in passes:
                dense_sweep(A.toarray(), b, expected, omega, visit)
        kept = x0.copy()
        r = sor(A, b, omega, x0, sweep=sweep, order=order, rtol=0.0, maxiter=3, residuals=True)
        assert_array_equal(x0, kept)
        assert_allclose(r.x, expected, rtol=0, atol=1e-13 * np.abs(expected).max())
        assert (r.status, r.iterations, r.residuals.size) == ("maxiter", 3, 4)
        assert_allclose(r.residual_norm, np.linalg.norm(b - A @ r.x), rtol=1e-12)
        if sweep == "symmetric":
            assert_array_equal(ssor(A, b, omega, x0, order=order, rtol=0.0, maxiter=3).x, r.x)
        if omega == 1.0:
            assert_array_equal(gauss_seidel(A, b, x0, sweep=sweep, order=order, rtol=0.0, maxiter=3).x, r.x)


@pytest.mark.parametrize("name", MATRICES)
def test_jacobi_against_a_dense_one(name):
    A = MATRICES[name]()
    b = np.random.default_rng(1).standard_normal(A.shape[0])
    x = np.zeros_like(b)
    for k in range(1, 4):
        x = x + 0.8 * (b - A @ x) / A.diagonal()
        assert_allclose(jacobi(A, b, omega=0.8, rtol=0.0, maxiter=k).x, x, rtol=0, atol=1e-14 * np.abs(x).max())


def test_convergence_rates_are_those_of_theory():
    # D. M. Young 1971: rates on the five-point Laplacian; the spectral radius of Jacobi is cos(pi h)
    n = 15
    A, b = poisson2d(n), np.zeros(n * n)
    beta = np.cos(np.pi / (n + 1))
    best = 2 / (1 + np.sqrt(1 - beta**2))
    start = np.random.default_rng(0).standard_normal(n * n)
    for run, radius in (
        (lambda m: jacobi(A, b, start, rtol=0.0, maxiter=m), beta),
        (lambda m: gauss_seidel(A, b, start, rtol=0.0, maxiter=m), beta**2),
        (lambda m: sor(A, b, 1.2, start, rtol=0.0, maxiter=m), None),
    ):
        early, late = run(100).residual_norm, run(150).residual_norm
        rate = (late / early) ** (1 / 50)
        if radius is None:
            omega = 1.2
            radius = 0.25 * (omega * beta + np.sqrt((omega * beta) ** 2 - 4 * (omega - 1))) ** 2
        assert abs(rate - radius) < 2e-3
    counts = [sor(A, b + 1, w, rtol=1e-8, residuals=True).iterations for w in (1.0, best, 1.95)]
    assert counts[1] < counts[0] / 4 and counts[1] < counts[2] / 2


@pytest.mark.parametrize("method", [jacobi, gauss_seidel])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_dtypes_and_statuses(method, dtype):
    A = (poisson2d(6) + sps.eye_array(36)).tocsr().astype(dtype)
    b = np.arange(36).astype(dtype)
    r = method(A, b, rtol=1e-5)
    assert r.converged and r.info == 0
    assert r.x.dtype == (np.float32 if dtype == np.float32 else np.float64)
    assert np.linalg.norm(b - A.astype(float) @ r.x.astype(float)) <= 1.01e-5 * np.linalg.norm(b)
    assert method(A, b, maxiter=1).status == "maxiter"
    assert method(A, 0 * b).iterations == 0
    A.indices, A.indptr = A.indices.astype(np.int64), A.indptr.astype(np.int64)
    assert_array_equal(method(A, b, rtol=1e-5).x, r.x)


def test_divergence_is_told():
    A = sps.csr_array(np.array([[1.0, 5.0], [5.0, 1.0]]))
    for r in (jacobi(A, np.ones(2), maxiter=500), gauss_seidel(A, np.ones(2), maxiter=500)):
        assert r.status == "diverged" and r.info == -1
    b = np.array([1.0, np.nan])
    assert jacobi(A, b, check_finite=False).status == "non_finite"


def test_bad_arguments():
    A, b = poisson2d(3), np.ones(9)
    for call, words in (
        (lambda: sor(A, b, 2.0), "omega"),
        (lambda: sor(A, b, 0.0), "omega"),
        (lambda: gauss_seidel(A, b, sweep="sideways"), "sweep"),
        (lambda: gauss_seidel(A, b, order="random"), "order"),
        (lambda: jacobi(A, b[:4]), "b has shape"),
        (lambda: jacobi(A, b, x0=b[:4]), "x0 has shape"),
        (lambda: jacobi(A, b, rtol=-1.0), "rtol"),
        (lambda: jacobi(A, [1.0] * 8 + [np.inf]), "b contains"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    with pytest.raises(TypeError, match="A must be"):
        jacobi(A.toarray(), b)
    with pytest.raises(TypeError, match="callback"):
        jacobi(A, b, callback=3)
    bad = A.tolil()
    bad[4, 4] = 0.0
    for method in (jacobi, gauss_seidel):
        with pytest.raises(ValueError, match="row 4"):
            method(bad.tocsr(), b)


def test_callback_and_its_exception():
    A, b = poisson2d(5), np.ones(25)
    seen = []
    r = gauss_seidel(A, b, callback=lambda x: seen.append(x.copy()))
    assert len(seen) == r.iterations
    assert_array_equal(seen[-1], r.x)

    def refuse(x):
        assert not x.flags.writeable
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        jacobi(A, b, callback=refuse)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(0, 50), density=st.floats(0.0, 0.4), seed=st.integers(0, 10**6))
def test_colors_differ_between_neighbours(n, density, seed):
    A = sps.random_array((n, n), density=density, rng=np.random.default_rng(seed)).tocsr()
    count, color = color_rows(A)
    rows = np.repeat(np.arange(n), np.diff(A.indptr))
    off = rows != A.indices
    assert (color[rows[off]] != color[A.indices[off]]).all()
    assert count == (color.max() + 1 if n else 0)
    neighbours = ((A + A.T) != 0).sum(axis=1).max() if n else 0
    assert count <= neighbours + 1


def nine_point(n):
    """On a grid, but no stencil that strips are for."""
    line = sps.diags_array([1.0, 4.0, 1.0], offsets=[-1, 0, 1], shape=(n, n))
    return sps.kron(line, line).tocsr()


@pytest.mark.parametrize("order", ["natural", "multicolor"])
@pytest.mark.parametrize("make", [lambda: nine_point(90), lambda: poisson3d(14), lambda: unsymmetric(3000, 1)])
def test_the_number_of_workers_changes_no_bit(make, order, monkeypatch):
    for name, value in (("WIDE", 1), ("PARALLEL_ROWS", 1), ("PARALLEL_THREADS", 2)):  # levels although they are small
        monkeypatch.setattr(f"kriss.solve._stationary.{name}", value)
    A = make()
    b = np.random.default_rng(2).standard_normal(A.shape[0])
    found = [ssor(A, b, 1.3, order=order, rtol=0.0, maxiter=4, workers=w) for w in (1, 2, 3, 4)]
    for r in found[1:]:
        assert_array_equal(r.x, found[0].x)
    assert found[1].params["groups"] > 1
    one, two = (jacobi(A, b, rtol=0.0, maxiter=4, workers=w).x for w in (1, 3))
    assert_array_equal(one, two)


def stencil(nx, ny, nz=1, seed=0, missing=0.0, dtype=np.float64):
    """Five or seven points on a grid, coefficients of any sign and not symmetric, some couplings not stored."""
    rng = np.random.default_rng(seed)
    n = nx * ny * nz
    i, j, k = (v.ravel() for v in np.meshgrid(*(np.arange(m) for m in (nz, ny, nx)), indexing="ij"))
    rows, cols = [np.arange(n)], [np.arange(n)]
    values = [rng.uniform(7.0, 9.0, n) * rng.choice([-1.0, 1.0], n)]
    for inside, step in ((k < nx - 1, 1), (j < ny - 1, nx), (i < nz - 1, nx * ny)):
        for sign in (1, -1):
            at = np.flatnonzero(inside) + (step if sign < 0 else 0)
            at = at[rng.random(at.size) >= missing]
            rows.append(at)
            cols.append(at + sign * step)
            values.append(rng.uniform(-1.0, 1.0, at.size))
    A = sps.coo_array((np.concatenate(values), (np.concatenate(rows), np.concatenate(cols))), shape=(n, n))
    return A.tocsr().astype(dtype)


GRIDS = {
    "2-D": lambda dtype: stencil(37, 29, dtype=dtype),
    "2-D, missing couplings": lambda dtype: stencil(16, 40, seed=1, missing=0.3, dtype=dtype),
    "3-D": lambda dtype: stencil(19, 13, 7, seed=2, dtype=dtype),
    "3-D, missing couplings": lambda dtype: stencil(16, 8, 5, seed=3, missing=0.2, dtype=dtype),
    "3-D, few lines": lambda dtype: stencil(50, 5, 4, seed=4, dtype=dtype),
}


@pytest.mark.skipif(core() is None, reason="strips are compiled")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", GRIDS)
def test_strips_of_a_grid_give_the_bits_of_the_rows(name, dtype, monkeypatch):
    A = GRIDS[name](dtype)
    rng = np.random.default_rng(5)
    b, x0 = (rng.standard_normal(A.shape[0]).astype(dtype) for _ in range(2))
    wide = A.copy()
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)

    def everything(A, workers):
        common = {"rtol": 0.0, "maxiter": 3, "residuals": True, "workers": workers}
        return [
            jacobi(A, b, x0, omega=0.7, **common),
            gauss_seidel(A, b, **common),
            *(sor(A, b, 1.2, x0, sweep=sweep, **common) for sweep in ("forward", "backward", "symmetric")),
        ]

    with kriss.use_backend("compiled"):
        found = [everything(A, 1), everything(A, 2), everything(A, 3), everything(wide, 2)]
        monkeypatch.setattr(kernels("solve_stationary"), "relax_grid", lambda *arguments: None)
        expected = everything(A, 1)
    assert "strips" not in expected[0].params["storage"]
    for results in found:
        for one, two in zip(results, expected, strict=True):
            assert one.params["storage"].startswith("strips of a ")
            assert_array_equal(one.x, two.x)
            assert_array_equal(one.residuals, two.residuals)


@pytest.mark.skipif(core() is None, reason="strips are compiled")
def test_what_is_no_grid_is_swept_by_rows():
    A = stencil(20, 12).tolil()
    across = A.copy()
    across[39, 40] = 1.0  # from the end of a line to the next one
    beyond = A.copy()
    beyond[3, 8] = 1.0
    b = np.ones(240)
    with kriss.use_backend("compiled"):
        assert "strips" in gauss_seidel(A.tocsr(), b, maxiter=1).params["storage"]
        for B in (across, beyond, nine_point(16)):
            B = B.tocsr()
            assert gauss_seidel(B, np.ones(B.shape[0]), maxiter=1).params["storage"] == "rows"
        assert gauss_seidel(A.tocsr(), b, maxiter=1, order="multicolor").params["storage"] == "rows by colour"


@pytest.mark.parametrize("wrong", [0.0, np.nan, np.inf, 5e-324, None])
def test_an_unusable_diagonal_entry_of_a_grid_is_named(wrong):
    A = stencil(20, 12).tolil()
    A[137, 137] = 0.0 if wrong is None else wrong
    A = A.tocsr()
    if wrong is None:
        A.eliminate_zeros()
    for method in (jacobi, gauss_seidel):
        with pytest.raises(ValueError, match="row 137"):
            method(A, np.ones(240), check_finite=False)


def test_nan_on_a_grid():
    A = stencil(20, 12)
    for place in (0, 100, 239):
        b = np.ones(240)
        b[place] = np.nan
        for method in (jacobi, gauss_seidel):
            assert method(A, b, check_finite=False).status == "non_finite"
        x0 = np.zeros(240)
        x0[place] = np.inf
        assert gauss_seidel(A, np.ones(240), x0, check_finite=False).status == "non_finite"


@settings(max_examples=30, deadline=None)
@given(n=st.integers(0, 40), density=st.floats(0.0, 0.3), seed=st.integers(0, 10**6))
def test_rcm_order_is_a_permutation_that_never_widens_a_shuffled_band(n, density, seed):
    rng = np.random.default_rng(seed)
    A = sps.random_array((n, n), density=density, rng=rng).tocsr()
    order = rcm_order(A)
    assert_array_equal(np.sort(order), np.arange(n))
    if n > 1:
        band = sps.diags_array([np.ones(n - 1), np.ones(n), np.ones(n - 1)], offsets=[-1, 0, 1])
        shuffled = rng.permutation(n)
        B = band.tocsr()[shuffled][:, shuffled].tocsr()
        order = rcm_order(B)
        C = B[order][:, order].tocoo()
        assert np.abs(C.coords[0] - C.coords[1]).max() == 1


def reference_rcm(A):
    """By the textbook, with sets: every component from an end of it, neighbours by (degree, number), then reversed."""
    pattern = (abs(A) + abs(A).T).tocsr()
    near = [sorted(set(pattern.indices[pattern.indptr[i] : pattern.indptr[i + 1]])) for i in range(A.shape[0])]

    def key(i):
        return len(near[i]), i

    def levels(start):
        out, seen = [{start}], {start}
        while out[-1]:
            out.append({j for i in out[-1] for j in near[i]} - seen)
            seen |= out[-1]
        return out[:-1]

    order = []
    for start in sorted(range(A.shape[0]), key=key):
        if start in order:
            continue
        found = levels(start)
        while True:
            other = min(found[-1], key=key)
            if len(levels(other)) <= len(found):
                break
            start, found = other, levels(other)
        order.append(start)
        head = len(order) - 1
        while head < len(order):
            order += sorted(set(near[order[head]]) - set(order), key=key)
            head += 1
    return order[::-1]


@settings(max_examples=40, deadline=None)
@given(n=st.integers(0, 60), density=st.floats(0.0, 0.15), seed=st.integers(0, 10**6))
def test_rcm_order_depended_on_how_the_processor_sorts_ties(n, density, seed):
    A = sps.random_array((n, n), density=density, rng=np.random.default_rng(seed)).tocsr()
    A.data[:] = 1.0
    for itype in (np.int32, np.int64):
        A.indices, A.indptr = A.indices.astype(itype), A.indptr.astype(itype)
        found = rcm_order(A)
        assert found.dtype == itype
        assert_array_equal(found, np.array(reference_rcm(A), itype))


def test_rcm_order_takes_any_pattern():
    A = sps.csr_array(np.triu(np.ones((5, 5))))
    assert_array_equal(np.sort(rcm_order(A)), np.arange(5))
    A.indices, A.indptr = A.indices.astype(np.int64), A.indptr.astype(np.int64)
    assert_array_equal(np.sort(rcm_order(A)), np.arange(5))
    with pytest.raises(ValueError, match="square"):
        rcm_order(sps.csr_array((2, 3)))


@both
@pytest.mark.parametrize("name", MATRICES)
def test_backends_give_the_same_bits(name):
    A = MATRICES[name]()
    b = np.random.default_rng(2).standard_normal(A.shape[0])
    found = []
    for backend in ("compiled", "numba"):
        with kriss.use_backend(backend):
            found.append(
                [
                    jacobi(A, b, omega=0.9, rtol=1e-7).x,
                    sor(A, b, 1.1, rtol=1e-7).x,
                    ssor(A, b, 1.1, order="multicolor", rtol=1e-7, workers=2).x,
                    color_rows(A)[1],
                ]
            )
    for one, two in zip(*found, strict=True):
        assert_array_equal(one, two)


def test_sizes():
    for n in (1, 2, 3, 5, 10, 50):
        A = sps.diags_array([np.full(n, 3.0)], offsets=[0]).tocsr()
        assert_allclose(gauss_seidel(A, np.ones(n), order="multicolor").x, 1 / 3)
    empty = sps.csr_array((0, 0))
    for method in (jacobi, gauss_seidel):
        assert method(empty, np.empty(0)).converged
    assert color_rows(empty)[0] == 0


@pytest.mark.parametrize("method", [jacobi, gauss_seidel])
def test_ctrl_c(method):
    A, b = poisson2d(300), np.ones(90000)
    method(A, b, maxiter=1)
    sent = []

    def interrupt():
        time.sleep(0.3)
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        method(A, b, rtol=0.0, maxiter=10**7)
    assert time.perf_counter() - sent[0] < 0.5 or os.getloadavg()[0] > 2 * (os.cpu_count() or 1)
    thread.join()
