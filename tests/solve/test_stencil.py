"""Stencils on grids that are not stored: the matrix they stand for, bits, preconditioners, bad input."""

import itertools
import pickle

import numpy as np
import pytest
import scipy.sparse as sps
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from kriss._backend import kernels
from kriss.solve import MIC, SSOR, StencilOperator, bicgstab, cg, fcg, fgmres, gmres, minres
from kriss.testing import poisson2d, poisson3d

METHODS = {"cg": cg, "fcg": fcg, "minres": minres, "gmres": gmres, "fgmres": fgmres, "bicgstab": bicgstab}
FIVE = {(0, 0): 4.0, (0, 1): -1.0, (1, 0): -1.0}
SEVEN = {(0, 0, 0): 6.0, (0, 0, 1): -1.0, (0, 1, 0): -1.0, (1, 0, 0): -1.0}
SHAPES = [(1,), (2,), (3,), (50,), (1, 1), (1, 5), (5, 1), (2, 3), (10, 10), (3, 700), (1, 1, 1), (2, 3, 5), (5, 2, 3)]


def dense(sides, stencil, periodic=False):
    """The textbook loop over cells and offsets."""
    n = int(np.prod(sides))
    A = np.zeros((n, n), np.result_type(*stencil.values(), float))
    wrap = (periodic,) * len(sides) if isinstance(periodic, bool) else periodic
    for i in np.ndindex(*sides):
        for d, c in stencil.items():
            to = [a + b for a, b in zip(i, d, strict=True)]
            to = [t % m if w else t for t, m, w in zip(to, sides, wrap, strict=True)]
            if all(0 <= t < m for t, m in zip(to, sides, strict=True)):
                A[np.ravel_multi_index(i, sides), np.ravel_multi_index(to, sides)] += c[i] if np.ndim(c) else c
    return A


def stencil_of(rng, sides, reach, kind):
    offsets = itertools.product(*(range(-reach, reach + 1),) * len(sides))
    out = {}
    for k, d in enumerate(offsets):
        variable = kind == "variable" or (kind == "both" and k % 2)
        out[d] = rng.standard_normal(sides) if variable else float(rng.standard_normal())
    return out


@pytest.mark.parametrize("sides", SHAPES, ids=str)
@pytest.mark.parametrize("reach", [1, 2])
@pytest.mark.parametrize("kind", ["constant", "variable", "both"])
def test_it_is_its_matrix(sides, reach, kind, rng):
    if reach == 2 and len(sides) == 3:
        reach = 1
    stencil = stencil_of(rng, sides, reach, kind)
    A = StencilOperator(sides, stencil)
    if A.shape[0] <= 200:
        assert_array_equal(A.tocsr().toarray(), dense(sides, stencil))
    C = A.tocsr()
    assert C.has_canonical_format
    assert_array_equal(A.diagonal(), C.diagonal())
    x = rng.standard_normal(A.shape[0])
    got, expected = np.empty_like(x), np.empty_like(x)
    A.of_dtype(A.dtype).map().apply(x, got, 0)
    kernels("solve_krylov").csr_map(C.indptr, C.indices, C.data, False).apply(x, expected, 0)
    assert_array_equal(got, expected)
    assert_array_equal(A @ x, expected)
    assert_allclose(A.T @ x, C.T @ x, rtol=0, atol=1e-12 * np.abs(C).sum())


@pytest.mark.parametrize("sides", [(1,), (2,), (7,), (1, 4), (2, 5), (6, 7), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("kind", ["constant", "variable"])
@pytest.mark.parametrize("which", ["all", "first", "last"])
def test_periodic_axes(sides, kind, which, rng):
    wrap = {"all": True, "first": (True,) + (False,) * (len(sides) - 1), "last": (False,) * (len(sides) - 1) + (True,)}
    stencil = stencil_of(rng, sides, 1, kind)
    A = StencilOperator(sides, stencil, periodic=wrap[which])
    D = dense(sides, stencil, wrap[which])
    assert_allclose(A.tocsr().toarray(), D, rtol=0, atol=1e-14)
    assert_allclose(A.diagonal(), np.diag(D), rtol=0, atol=1e-14)
    x = rng.standard_normal((A.shape[0], 3))
    assert_allclose(A @ x[:, 0], D @ x[:, 0], rtol=0, atol=1e-13)
    assert_allclose(A.H @ x[:, 0], D.T @ x[:, 0], rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.complex128])
def test_other_dtypes(dtype, rng):
    stencil = {d: np.asarray(rng.standard_normal((6, 7)), dtype) * dtype(1 if dtype == np.float32 else 1j)
               for d in FIVE}  # fmt: skip
    A = StencilOperator((6, 7), stencil)
    assert A.dtype == dtype
    x = rng.standard_normal(42).astype(dtype)
    assert_allclose(A @ x, A.tocsr() @ x, rtol=0, atol=50 * np.finfo(dtype).eps)
    assert_allclose(A.H @ x, A.tocsr().conj().T @ x, rtol=0, atol=50 * np.finfo(dtype).eps)
    assert StencilOperator(5, {0: 2}).dtype == np.float64
    assert StencilOperator(5, {0: 2.0}, dtype=np.float32).dtype == np.float32
    assert StencilOperator(5, {0: np.ones(5, np.float32), 1: 1.0}).dtype == np.float32


@pytest.mark.parametrize("symmetric", ["real", "complex"])
@pytest.mark.parametrize("periodic", [False, True])
def test_symmetric_stencils(symmetric, periodic, rng):
    factor = 1.0 if symmetric == "real" else np.exp(0.7j)
    half = {d: rng.standard_normal((5, 6)) for d in [(0, 0), (0, 1), (1, -1), (-1, 0)]} | {(2, 0): -0.5 * factor}
    half[0, 1] = half[0, 1] * factor
    A = StencilOperator((5, 6), half, symmetric=True, periodic=periodic)
    D = A.tocsr().toarray()
    assert_array_equal(D, D.conj().T)
    upper = {d: c for d, c in half.items() if d != (0, 0)}
    assert_allclose(
        D, (h := dense((5, 6), upper, periodic)) + h.conj().T + np.diag(half[0, 0].ravel()), rtol=0, atol=1e-14
    )
    x = rng.standard_normal(30)
    assert_allclose(A @ x, D @ x, rtol=0, atol=1e-13)
    if symmetric == "real" and not periodic:
        assert A.nbytes == 4 * 30 * 8  # an array serves both halves


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("grid", [(13, 17), (5, 6, 7)], ids=str)
def test_the_same_result_as_its_matrix(method, grid, rng):
    A = StencilOperator(grid, FIVE if len(grid) == 2 else SEVEN, symmetric=True)
    b = rng.standard_normal(A.shape[0])
    r = METHODS[method](A, b, rtol=1e-9, residuals=True)
    plain = METHODS[method](A.tocsr(), b, rtol=1e-9, residuals=True)
    assert r.converged and r.params["storage"] == f"{5 if len(grid) == 2 else 7}-point stencil"
    assert_array_equal(r.x, plain.x)
    assert_array_equal(r.residuals, plain.residuals)
    assert r.matvecs == plain.matvecs


def test_the_gallery_matrices():
    assert abs(StencilOperator((9, 9), FIVE, symmetric=True).tocsr() - poisson2d(9)).max() == 0
    assert abs(StencilOperator((4, 4, 4), SEVEN, symmetric=True).tocsr() - poisson3d(4)).max() == 0


def test_bytes_per_product(rng):
    b = rng.standard_normal(400)
    assert cg(StencilOperator((20, 20), FIVE, symmetric=True), b).params["product_bytes"] == 0
    k = 1.0 + rng.random((20, 20))
    A = StencilOperator((20, 20), {(0, 0): 8.0 * k, (0, 1): -k, (1, 0): -1.0}, symmetric=True)
    assert A.nbytes == 2 * 400 * 8
    assert cg(A, b, maxiter=1).params["product_bytes"] == 2 * 400 * 8


@pytest.mark.parametrize("M", ["jacobi", "ssor", "ic0", "mic", "chebyshev"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [1.0, 1e-140])
def test_named_preconditioners(M, method, scale, rng):
    A = StencilOperator((12, 15), {d: c * scale for d, c in FIVE.items()}, symmetric=True)
    b = rng.standard_normal(180)
    r = METHODS[method](A, b, rtol=1e-9, M=M)
    assert r.converged
    plain = METHODS[method](A.tocsr(), b, rtol=1e-9, M=M)
    assert abs(r.iterations - plain.iterations) <= 2  # cg on the matrix runs in Eisenstat's form
    assert_allclose(r.x, plain.x, rtol=0, atol=1e-6 * np.abs(plain.x).max())


@pytest.mark.parametrize("grid", [(1,), (2,), (600,), (1, 7), (7, 1), (9, 20), (2, 530), (4, 5, 6)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sweeps_have_the_bits_of_those_over_the_matrix(grid, dtype, rng):
    k = 1.0 + rng.random(grid).astype(dtype)
    stencil = {(0,) * len(grid): dtype(8) * k}
    for axis in range(len(grid)):
        stencil[tuple(int(a == axis) for a in range(len(grid)))] = -k if axis % 2 else dtype(-1)
    A = StencilOperator(grid, stencil, symmetric=True)
    r = rng.standard_normal(A.shape[0]).astype(dtype)
    C = A.tocsr()
    for mine, other in ((A.ssor(1.4), SSOR(C, 1.4)), (A.mic(), MIC(C)), (A.mic(0.0), MIC(C, 0.0))):
        z = mine.apply(r, np.empty_like(r))
        assert_array_equal(z, other.apply(r, np.empty_like(r)))
        assert mine.is_spd and mine.is_linear and mine.nbytes == r.nbytes
        Z = np.stack([r, 2 * r], axis=1)
        assert_array_equal(mine.apply_multi(Z, np.empty_like(Z))[:, 0], z)


def test_sweeps_over_wide_stencils(rng):
    stencil = {d: float(rng.standard_normal()) for d in itertools.product((-2, -1, 0, 1, 2), repeat=2) if d > (0, 0)}
    A = StencilOperator((7, 9), stencil | {(0, 0): 40.0}, symmetric=True)
    r = rng.standard_normal(63)
    assert_array_equal(A.ssor(1.2).apply(r, np.empty(63)), SSOR(A.tocsr(), 1.2).apply(r, np.empty(63)))
    with pytest.raises(ValueError, match="no triangles"):
        A.mic()


@pytest.mark.parametrize("columns", [1, 3, 8])
@pytest.mark.parametrize("M", [None, "jacobi", "mic"])
def test_several_right_hand_sides(columns, M, rng):
    A = StencilOperator((20, 33), FIVE, symmetric=True)
    b = rng.standard_normal((660, columns))
    r = cg(A, b, rtol=1e-8, M=M)
    assert r.converged
    for j in range(columns):
        assert_array_equal(r.x[:, j], cg(A, b[:, j], rtol=1e-8, M=M).x)


@pytest.mark.parametrize("kind", ["constant", "variable"])
@pytest.mark.parametrize("periodic", [False, True, (True, False), (False, True)], ids=str)
def test_panels_are_columns(kind, periodic, rng):
    stencil = stencil_of(rng, (9, 12), 2, kind)
    stencil = {d: c for d, c in stencil.items() if d >= (0, 0)} | {(0, 0): 200.0}
    A = StencilOperator((9, 12), stencil, symmetric=True, periodic=periodic)
    b = rng.standard_normal((108, 8))
    r = cg(A, b, rtol=1e-10)
    assert r.converged
    for j in range(8):
        assert_allclose(r.x[:, j], cg(A, b[:, j], rtol=1e-10).x, rtol=0, atol=1e-13)


@pytest.mark.parametrize("M", [None, "jacobi", "ssor"])
def test_same_bits_for_any_number_of_workers(M, rng):
    A = StencilOperator((40, 37, 30), SEVEN, symmetric=True)
    b = rng.standard_normal(A.shape[0])
    first = cg(A, b, rtol=1e-6, M=M, maxiter=8, workers=1).x
    for workers in (2, 4):
        assert_array_equal(cg(A, b, rtol=1e-6, M=M, maxiter=8, workers=workers).x, first)


def test_mixed_precision(rng):
    A = StencilOperator((20, 20), FIVE, symmetric=True)
    b = rng.standard_normal(400)
    for M in (None, "jacobi", "mic"):
        r = cg(A, b, rtol=1e-11, mixed=True, M=M)
        assert r.converged and np.linalg.norm(b - A.tocsr() @ r.x) <= 1e-11 * np.linalg.norm(b)


def test_periodic_null_space(rng):
    A = StencilOperator((16, 16), FIVE, symmetric=True, periodic=True)
    b = rng.standard_normal(256)
    r = cg(A, b, rtol=1e-9, nullspace="constant")
    assert r.converged and abs(r.x.sum()) <= 1e-9
    assert np.linalg.norm(b - b.mean() - A @ r.x) <= 1e-8 * np.linalg.norm(b)


def test_complex_helmholtz(rng):
    A = StencilOperator((12, 12), {(0, 0): 4.0 - 0.5 + 0.3j, (0, 1): -1.0, (1, 0): -1.0, (0, -1): -1.0, (-1, 0): -1.0})
    b = rng.standard_normal(144)
    for method in (gmres, fgmres, bicgstab):
        r = method(A, b, rtol=1e-9, M="jacobi")
        assert r.converged
        assert np.linalg.norm(b - A.tocsr() @ r.x) <= 1e-9 * np.linalg.norm(b)


def test_callback_and_update(rng):
    A = StencilOperator((10, 10), FIVE, symmetric=True)
    b = rng.standard_normal(100)
    seen = []
    r = cg(A, b, rtol=1e-9, callback=lambda x: seen.append(x.copy()))
    assert len(seen) == r.iterations
    assert_array_equal(r.x, cg(A, b, rtol=1e-9).x)
    B = StencilOperator((10, 10), {(0, 0): 5.0, (0, 1): -1.0, (1, 0): -2.0}, symmetric=True)
    for M in (A.ssor(1.5), A.mic()):
        M.update(B)
        again = B.ssor(1.5) if M.omega != 1 else B.mic()
        assert_array_equal(M.apply(b, np.empty(100)), again.apply(b, np.empty(100)))
        with pytest.raises(ValueError, match="another grid"):
            M.update(StencilOperator((5, 20), FIVE, symmetric=True))
        with pytest.raises(TypeError, match="StencilOperator"):
            M.update(A.tocsr())


def test_it_can_be_pickled(rng):
    A = StencilOperator((10, 10), FIVE, symmetric=True)
    x = rng.standard_normal(100)
    y = A @ x
    assert_array_equal(pickle.loads(pickle.dumps(A)) @ x, y)


@pytest.mark.parametrize(("change", "error", "match"), [
    ({"shape": (2, 3, 4, 5)}, ValueError, "shape"),
    ({"shape": ()}, ValueError, "shape"),
    ({"shape": (0, 3)}, ValueError, r"shape\[0\]"),
    ({"shape": (2.5, 3)}, TypeError, r"shape\[0\]"),
    ({"stencil": [1.0, 2.0]}, TypeError, "mapping"),
    ({"stencil": {(0,): 1.0}}, ValueError, "2 integers"),
    ({"stencil": {(0, 0.5): 1.0}}, TypeError, "offset"),
    ({"stencil": {(0, 0): np.nan}}, ValueError, r"stencil\[\(0, 0\)\]"),
    ({"stencil": {(0, 0): np.full((4, 5), np.inf)}}, ValueError, r"stencil\[\(0, 0\)\]"),
    ({"stencil": {(0, 0): np.ones(4)}}, ValueError, r"stencil\[\(0, 0\)\] has shape"),
    ({"stencil": {(0, 0): "four"}}, TypeError, "dtype"),
    ({"stencil": {(0, 1): 1.0, (0, -1): 1.0}, "symmetric": True}, ValueError, "expected one of them"),
    ({"stencil": {(a, b): 1.0 for a in range(12) for b in range(12)}, "shape": (20, 20)}, ValueError, "144 points"),
    ({"periodic": (True,)}, ValueError, "periodic"),
    ({"dtype": np.longdouble}, TypeError, "dtype"),
])  # fmt: skip
def test_bad_arguments(change, error, match):
    with pytest.raises(error, match=match):
        StencilOperator(**({"shape": (4, 5), "stencil": FIVE} | change))


def test_bad_preconditioners():
    A = StencilOperator((5, 5), FIVE, symmetric=True)
    for omega in (0.0, 2.0, np.nan):
        with pytest.raises(ValueError, match="omega"):
            A.ssor(omega)
    with pytest.raises(ValueError, match="relax"):
        A.mic(1.5)
    periodic = StencilOperator((5, 5), FIVE, symmetric=True, periodic=True)
    with pytest.raises(ValueError, match="periodic"):
        cg(periodic, np.ones(25), M="ssor")
    d = np.full((5, 5), 4.0)
    d[2, 3] = 0.0
    zero = StencilOperator((5, 5), FIVE | {(0, 0): d}, symmetric=True)
    for M in ("jacobi", "ssor", "mic"):
        with pytest.raises(ValueError, match="row 13"):
            cg(zero, np.ones(25), M=M)
    with pytest.raises(ValueError, match="M must be one of"):
        cg(A, np.ones(25), M="amg")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=3), st.integers(0, 2**32), st.booleans())
def test_any_stencil_is_its_matrix(sides, seed, periodic):
    rng = np.random.default_rng(seed)
    offsets = {tuple(int(k) for k in rng.integers(-3, 4, len(sides))) for _ in range(6)}
    stencil = {d: rng.standard_normal(sides) if rng.random() < 0.5 else float(rng.standard_normal()) for d in offsets}
    A = StencilOperator(sides, stencil, periodic=periodic)
    x = rng.standard_normal(A.shape[0])
    assert_allclose(A.tocsr().toarray(), dense(sides, stencil, periodic), rtol=0, atol=1e-14)
    assert_allclose(A @ x, dense(sides, stencil, periodic) @ x, rtol=0, atol=1e-13)


def test_sparse_matrices_of_the_stencil_are_accepted_beside_it(rng):
    A = StencilOperator((8, 8), FIVE, symmetric=True)
    b = rng.standard_normal(64)
    assert_array_equal(cg(A, b, M=SSOR(A.tocsr(), 1.5)).x, cg(A, b, M=A.ssor(1.5)).x)
    assert cg(sps.csr_array(A.tocsr()), b, M=A.ssor(1.5)).converged
