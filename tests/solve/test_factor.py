"""IC(0), modified IC(0), ILU(0), SSOR and Eisenstat's form, against dense textbook versions."""

import copy
import importlib.util
import os
import pickle
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sps
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import kriss
from kriss._backend import core, kernels
from kriss.solve import IC0, ILU0, MIC, SSOR, Jacobi, cg
from kriss.solve._triangular import Triangle, split
from kriss.testing import diffusion2d, poisson2d, poisson3d

both = pytest.mark.skipif(
    core() is None or importlib.util.find_spec("numba") is None, reason="needs the compiled module and numba"
)


def grid_matrix(nx, ny, nz, seed=0, spread=0.7):
    """Diffusion with random coefficients on an nx x ny x nz grid, unknown (k ny + j) nx + i."""
    rng = np.random.default_rng(seed)
    n = nx * ny * nz
    i = np.arange(n)
    rows, cols, vals = [], [], []
    diagonal = 0.1 * rng.random(n) + 0.05
    for step, inside in ((1, i % nx != nx - 1), (nx, i // nx % ny != ny - 1), (nx * ny, i // (nx * ny) != nz - 1)):
        k = i[inside & (i + step < n)]
        v = np.exp(spread * rng.standard_normal(k.size))
        rows += [k, k + step]
        cols += [k + step, k]
        vals += [-v, -v]
        np.add.at(diagonal, k, v)
        np.add.at(diagonal, k + step, v)
    return sps.csr_array(
        (np.concatenate([*vals, diagonal]), (np.concatenate([*rows, i]), np.concatenate([*cols, i]))), shape=(n, n)
    )


def nine_point(m, seed=0):
    """Bilinear finite elements on an m x m grid with random coefficients: a graph with triangles."""
    rng = np.random.default_rng(seed)
    A = np.zeros((m * m, m * m))
    element = np.array([[4, -1, -1, -2], [-1, 4, -2, -1], [-1, -2, 4, -1], [-2, -1, -1, 4]]) / 6.0
    for i in range(m - 1):
        for j in range(m - 1):
            at = [i * m + j, i * m + j + 1, (i + 1) * m + j, (i + 1) * m + j + 1]
            A[np.ix_(at, at)] += np.exp(rng.standard_normal()) * element
    A += 0.05 * np.eye(m * m)
    return sps.csr_array(A)


MATRICES = {
    "2d": lambda: grid_matrix(29, 13, 1),
    "2d thin": lambda: grid_matrix(40, 5, 1),
    "3d": lambda: grid_matrix(23, 14, 3),
    "3d even": lambda: grid_matrix(16, 8, 3),
    "small 2d": lambda: grid_matrix(5, 4, 1),  # too small for strips
    "line": lambda: grid_matrix(50, 1, 1),
    "shuffled": lambda: (lambda A, p: A[p][:, p].tocsr())(
        grid_matrix(12, 12, 1), np.random.default_rng(3).permutation(144)
    ),
    "periodic": lambda: (grid_matrix(20, 9, 1) + sps.coo_array(
        ([-0.1, -0.1, 0.2], ([19, 20, 20], [20, 19, 20])), shape=(180, 180))).tocsr(),
}  # fmt: skip


def textbook_mic(A, relax, shift=0.0):
    """Right-looking modified incomplete Cholesky on a dense array; pattern of A."""
    A = A.toarray()
    pattern = A != 0
    v = np.tril(A)
    n = len(v)
    v[np.diag_indices(n)] *= 1 + shift
    for j in range(n):
        assert v[j, j] > 0
        v[j, j] = np.sqrt(v[j, j])
        v[j + 1 :, j] /= v[j, j]
        for i in range(j + 1, n):
            if not pattern[i, j]:
                continue
            v[i, i] -= v[i, j] ** 2
            for k in range(j + 1, i):
                if not pattern[k, j]:
                    continue
                f = v[i, j] * v[k, j]
                if pattern[i, k]:
                    v[i, k] -= f
                else:
                    v[i, i] -= relax * f
                    v[k, k] -= relax * f
    return v @ v.T


def dense_of(M):
    """The matrix that M approximates A by."""
    return np.linalg.inv(M @ np.eye(M.shape[0]))


def textbook_pcg(A, b, M, steps):
    x, r = np.zeros_like(b), b.copy()
    z = np.linalg.solve(M, r)
    p, rho = z.copy(), r @ z
    for _ in range(steps):
        q = A @ p
        alpha = rho / (p @ q)
        x += alpha * p
        r -= alpha * q
        z = np.linalg.solve(M, r)
        rho, old = r @ z, rho
        p = z + rho / old * p
    return x, np.linalg.norm(r)


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("relax", [0.0, 0.99])
def test_the_diagonal_form_is_the_factorisation_where_the_graph_has_no_triangles(name, relax):
    A = MATRICES[name]()
    M = MIC(A, relax)
    assert not M.triangles and M.shift == 0.0
    expected = textbook_mic(A, relax)
    assert_allclose(dense_of(M), expected, rtol=0, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize("relax", [0.0, 0.5, 0.99])
def test_factorisation_of_a_graph_with_triangles(relax):
    A = nine_point(7)
    M = MIC(A, relax)
    assert M.triangles and M.is_spd and M.shift == 0.0
    expected = textbook_mic(A, relax)
    assert_allclose(dense_of(M), expected, rtol=0, atol=1e-11 * np.abs(expected).max())
    assert cg(A, np.ones(49), rtol=1e-10, M=M).converged


@pytest.mark.parametrize("A", [poisson2d(9), nine_point(8), grid_matrix(17, 9, 3)], ids=["5", "9", "7"])
def test_full_modification_keeps_row_sums(A):
    # the last pivot may be the sum of what is left: a little diagonal dominance keeps it away from zero
    A = (A + sps.diags_array(np.full(A.shape[0], 0.05))).tocsr()
    M = MIC(A, relax=1.0)
    assert M.shift == 0.0
    e = np.ones(A.shape[0])
    assert_allclose(M.apply(A @ e, np.empty_like(e)), e, rtol=1e-10)


def test_ic0_is_exact_without_fill():
    A = grid_matrix(60, 1, 1)
    b = np.random.default_rng(0).standard_normal(60)
    assert_allclose(A @ (IC0(A) @ b), b, rtol=0, atol=1e-8 * np.abs(b).max())


def test_shift_is_reported_and_pivots_are_not_clamped():
    # D. S. Kershaw, J. Comput. Phys. 26 (1978): positive definite, and the last pivot of IC(0) is negative
    kershaw = np.array([[3.0, -2, 0, 2], [-2, 3, -2, 0], [0, -2, 3, -2], [2, 0, -2, 3]])
    assert np.linalg.eigvalsh(kershaw).min() > 0
    with_triangle = np.block([[kershaw, np.zeros((4, 3))], [np.zeros((3, 4)), np.ones((3, 3)) + np.eye(3)]])
    for dense, triangles in ((kershaw, False), (with_triangle, True)):
        A = sps.csr_array(dense)
        M = IC0(A)
        assert M.triangles is triangles and M.shift >= 1e-3
        expected = textbook_mic(A, 0.0, M.shift)
        assert_allclose(dense_of(M), expected, rtol=0, atol=1e-10 * np.abs(expected).max())
        assert np.linalg.eigvalsh(dense_of(M)).min() > 0
        r = cg(A, np.arange(1.0, len(dense) + 1), rtol=1e-12, M=M)
        assert r.converged and r.params["shift"] == M.shift
        assert IC0(A, shift=4.0).shift == 4.0
        # as small as the rule of doubling promises: half of it fails
        with pytest.raises(AssertionError):
            textbook_mic(A, 0.0, M.shift / 4)


@pytest.mark.parametrize("build", [SSOR, IC0, MIC, ILU0, Jacobi])
@pytest.mark.parametrize("row", [0, 5, 11])
def test_unusable_diagonals_are_named(build, row):
    A = poisson2d(4).tolil()
    A[row, row] = 0.0
    for B in (A.tocsr(), sps.csr_array(poisson2d(4) - sps.diags_array(np.eye(16)[row] * 4.0))):
        with pytest.raises(ValueError, match=rf"row {row}\b"):
            build(B)


@pytest.mark.parametrize("build", [IC0, MIC])
def test_a_negative_diagonal_is_named(build):
    A = poisson2d(4).tolil()
    A[7, 7] = -4.0
    with pytest.raises(ValueError, match="row 7 is -4"):
        build(A.tocsr())


@pytest.mark.parametrize("build", [SSOR, IC0, MIC, ILU0])
def test_bad_matrices(build):
    with pytest.raises(ValueError, match="square"):
        build(sps.csr_array(np.ones((2, 3))))
    with pytest.raises(TypeError, match="sparse"):
        build(np.eye(3))
    for where in (0, 20, 40):
        for bad in (np.nan, np.inf):
            A = poisson2d(4)
            A.data[where] = bad
            with pytest.raises(ValueError, match=r"finite|cannot be used"):
                build(A)
    with pytest.raises(TypeError, match=r"complex|real"):
        build(sps.csr_array(np.eye(3) * 1j))


def test_parameters_are_checked():
    A = poisson2d(4)
    for bad in (-0.1, 1.1, np.nan, "x"):
        with pytest.raises((ValueError, TypeError), match="relax"):
            MIC(A, relax=bad)
    with pytest.raises(ValueError, match="shift"):
        IC0(A, shift=-1.0)
    with pytest.raises(ValueError, match="'mic'"):
        cg(A, np.ones(16), M="nonsense")


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("kind", ["ssor", "mic"])
def test_eisenstat_gives_the_iterates_of_textbook_pcg(name, kind):
    A = MATRICES[name]()
    b = np.random.default_rng(1).standard_normal(A.shape[0])
    M = SSOR(A, 1.4) if kind == "ssor" else MIC(A)
    dense = dense_of(M)
    for steps in (1,) if name == "line" else (1, 2, 5):  # exact on a line: nothing is left to iterate
        x, norm = textbook_pcg(A.toarray(), b, dense, steps)
        r = cg(A, b, rtol=0.0, maxiter=steps, M=M, residuals=True)
        assert r.params["form"] == "eisenstat" and r.iterations == steps
        assert ("grid" in r.params["storage"]) == (name[:2] in ("2d", "3d"))
        assert_allclose(r.x, x, rtol=0, atol=1e-10 * np.abs(x).max())
        assert abs(r.residual_norm - norm) <= 1e-9 * np.linalg.norm(b)
        assert r.residuals.size == steps + 1
        assert_allclose(r.residual_norm, np.linalg.norm(b - A @ r.x), rtol=1e-12)


def test_ssor_in_eisenstat_form_on_a_graph_with_triangles():
    A = nine_point(7)
    b = np.random.default_rng(1).standard_normal(49)
    x, _ = textbook_pcg(A.toarray(), b, dense_of(SSOR(A, 1.3)), 4)
    r = cg(A, b, rtol=0.0, maxiter=4, M=SSOR(A, 1.3))
    assert r.params["form"] == "eisenstat" and r.params["omega"] == 1.3
    assert_allclose(r.x, x, rtol=0, atol=1e-11 * np.abs(x).max())


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("itype", [np.int32, np.int64])
@pytest.mark.parametrize("name", ["2d", "3d", "shuffled"])
def test_dtypes(dtype, itype, name):
    A = MATRICES[name]().astype(dtype)
    A.indices, A.indptr = A.indices.astype(itype), A.indptr.astype(itype)
    b = np.random.default_rng(1).standard_normal(A.shape[0]).astype(dtype)
    rtol = 1e-10 if dtype == np.float64 else 1e-4
    for M in ("ssor", "ic0", "mic", MIC(A)):
        r = cg(A, b, rtol=rtol, M=M)
        assert r.converged and r.x.dtype == dtype and r.params["form"] == "eisenstat"
        assert np.linalg.norm(b - A.astype(float) @ r.x.astype(float)) <= 1.01 * rtol * np.linalg.norm(b)


@pytest.mark.parametrize("shape", [(64, 80, 1), (250, 181, 1), (64, 40, 16), (36, 60, 20)])
def test_the_number_of_workers_changes_no_bit(shape):
    A = grid_matrix(*shape)
    b = np.random.default_rng(2).standard_normal(A.shape[0])
    M = MIC(A)
    found = [cg(A, b, rtol=1e-5, M=M, workers=w, residuals=True) for w in (1, 2, 3, 4)]
    assert "grid" in found[0].params["storage"] and found[0].converged
    for r in found[1:]:
        assert_array_equal(r.x, found[0].x)
        assert_array_equal(r.residuals, found[0].residuals)


@both
@pytest.mark.parametrize("name", [*MATRICES, "triangles", "single"])
def test_backends_give_the_same_bits(name):
    if name == "triangles":
        A = nine_point(9)
    elif name == "single":
        A = MATRICES["3d"]().astype(np.float32)
    else:
        A = MATRICES[name]()
    b = np.random.default_rng(4).standard_normal(A.shape[0]).astype(A.dtype)
    found = {}
    for backend in ("compiled", "numba"):
        with kriss.use_backend(backend):
            rows = [cg(A, b, rtol=1e-5, M=M, residuals=True) for M in ("ssor", "ic0", "mic")]
            found[backend] = [(r.x, r.residuals, r.iterations, r.matvecs) for r in rows]
            found[backend] += [(build(A) @ b,) for build in (IC0, MIC, ILU0, SSOR)]
            found[backend] += [(ILU0(A) @ np.column_stack([b, 2 * b, -b]),)]
    for one, two in zip(*found.values(), strict=True):
        for u, v in zip(one, two, strict=True):
            assert_array_equal(u, v)


@pytest.mark.parametrize("power", [-401, -3, 1, 400])
def test_scaling_by_powers_of_two_changes_no_bit(power):
    A = MATRICES["2d"]()
    b = np.random.default_rng(4).standard_normal(A.shape[0])
    scaled = A.copy()
    scaled.data = np.ldexp(A.data, power)
    for plain, other in (("mic", "mic"), (MIC(A), MIC(scaled)), (SSOR(A, 1.5), SSOR(scaled, 1.5))):
        one = cg(A, b, rtol=1e-9, M=plain)
        two = cg(scaled, b, rtol=1e-9, M=other)
        assert two.params["form"] == "eisenstat"
        assert_array_equal(two.x, np.ldexp(one.x, -power))


def test_a_preconditioner_of_another_matrix_runs_in_textbook_form():
    A, other = MATRICES["2d"](), grid_matrix(29, 13, 1, seed=9)
    b = np.ones(A.shape[0])
    r = cg(A, b, rtol=1e-10, M=MIC(other))
    assert r.converged and r.params["form"] == "textbook"
    x, _ = textbook_pcg(A.toarray(), b, dense_of(MIC(other)), 3)
    assert_allclose(cg(A, b, rtol=0.0, maxiter=3, M=MIC(other)).x, x, atol=1e-9 * np.abs(x).max())


def test_start_and_update():
    A = MATRICES["3d"]()
    rng = np.random.default_rng(0)
    b, x0 = rng.standard_normal(A.shape[0]), rng.standard_normal(A.shape[0])
    kept = x0.copy()
    M = MIC(A)
    first = cg(A, b, rtol=1e-11, M=M)
    r = cg(A, b, x0, rtol=1e-11, M=M)
    assert r.converged
    assert_array_equal(x0, kept)
    assert_allclose(r.x, first.x, atol=1e-6 * np.abs(first.x).max())
    assert cg(A, b, first.x, rtol=1e-10, M=M).iterations == 0
    other = grid_matrix(23, 14, 3, seed=8)
    M.update(other)
    assert_array_equal(cg(other, b, M=M).x, cg(other, b, M=MIC(other)).x)
    with pytest.raises(ValueError, match="shape"):
        M.update(poisson2d(3))
    ilu = ILU0(A)
    ilu.update(other)
    assert_array_equal(ilu @ b, ILU0(other) @ b)
    # the copy inside is not the caller's
    M = MIC(other)
    inside = M @ b
    other.data[:] = 7.0
    assert_array_equal(M @ b, inside)


def test_statuses():
    A = MATRICES["2d"]()
    b = np.random.default_rng(0).standard_normal(A.shape[0])
    assert cg(A, b, maxiter=0, M="mic").status == "maxiter"
    assert cg(A, b, rtol=1e-12, maxiter=2, M="mic").iterations == 2
    assert_array_equal(cg(A, 0 * b, M="mic").x, 0 * b)
    assert cg(A, b, rtol=0.0, M="mic").status in ("stagnated", "maxiter")
    # positive diagonal, indefinite
    bad = A.tolil()
    bad[3, 4] = bad[4, 3] = 50.0 * A.max()
    r = cg(bad.tocsr(), b, rtol=1e-10, M=SSOR(bad.tocsr()))
    assert r.status == "indefinite_matrix"
    # not symmetric: never reported as solved unless it is
    skew = A.tolil()
    skew[40, 41] *= -3.0
    skew = skew.tocsr()
    r = cg(skew, b, rtol=1e-10, M="mic", maxiter=300)
    assert not r.converged or np.linalg.norm(b - skew @ r.x) <= 1e-10 * np.linalg.norm(b)
    with_nan = b.copy()
    with_nan[5] = np.nan
    assert cg(A, with_nan, M="mic", check_finite=False).status == "non_finite"


@pytest.mark.parametrize("n", [1, 2, 3, 5, 10, 50])
def test_sizes(n):
    A = grid_matrix(n, 1, 1) if n > 1 else sps.csr_array(np.array([[2.0]]))
    b = np.arange(1.0, n + 1)
    for M in ("ssor", "ic0", "mic", ILU0(A)):
        r = cg(A, b, rtol=1e-10, M=M)
        assert r.converged
    empty = sps.csr_array((0, 0))
    for build in (SSOR, IC0, MIC, ILU0):
        M = build(empty)
        assert (M @ np.empty(0)).shape == (0,)
    assert cg(empty, np.empty(0), M="mic").converged


def test_protocol():
    A = MATRICES["2d"]()
    R = np.random.default_rng(0).standard_normal((A.shape[0], 3))
    for M in (Jacobi(A), SSOR(A), IC0(A), MIC(A), MIC(nine_point(5)), ILU0(A)):
        n = M.shape[0]
        assert M.is_linear and M.nbytes > 0 and isinstance(M.is_spd, bool)
        X = np.asfortranarray(R[:n])
        out = np.empty_like(X)
        assert M.apply_multi(X, out) is out
        for k in range(3):
            assert_allclose(out[:, k], M.apply(R[:n, k].copy(), np.empty(n)), rtol=0, atol=1e-13 * np.abs(out).max())
        assert_array_equal(M @ R[:n], M.apply_multi(R[:n].copy(), np.empty((n, 3))))
        with pytest.raises(ValueError, match="overlap"):
            M.apply_multi(out, out)
        with pytest.raises(ValueError, match="R is"):
            M.apply_multi(R[:n].astype(np.float32), out)
        for twin in (copy.deepcopy(M), pickle.loads(pickle.dumps(M))):
            assert_array_equal(twin @ R[:n, 0], M @ R[:n, 0])
    M = MIC(A)
    cg(A, R[:, 0], M=M)  # now it holds the storage of Eisenstat's form
    assert_array_equal(cg(A, R[:, 0], M=pickle.loads(pickle.dumps(M))).x, cg(A, R[:, 0], M=M).x)


@pytest.mark.skipif(core() is None, reason="strips are compiled")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["2d", "2d thin", "3d", "3d even", "missing"])
def test_pivots_in_strips_are_those_of_the_rows(name, dtype, monkeypatch):
    if name == "missing":  # not every coupling is stored, and one row has only its diagonal entry
        A = grid_matrix(24, 8, 4).tolil()
        for i, j in ((0, 1), (25, 49), (300, 492), *((333, 333 + s) for s in (1, -1, 24, -24, 192, -192))):
            A[i, j] = A[j, i] = 0.0
        A = A.tocsr()
    else:
        A = MATRICES[name]()
    A = A.astype(dtype)
    A.sort_indices()
    wide = A.copy()
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    b = np.random.default_rng(3).standard_normal(A.shape[0]).astype(dtype)

    def everything(A):
        made = [MIC(A), MIC(A, relax=0.5, shift=0.25), IC0(A)]
        return made, [cg(A, b, rtol=1e-4, M=M, residuals=True) for M in (*made, "mic", "ic0")]

    with kriss.use_backend("compiled"):
        found = [everything(A), everything(wide)]
        assert all(M._grid is not None for M in found[0][0])
        monkeypatch.setattr(kernels("solve_factor"), "mic_plan", lambda *arguments: None)
        rows = everything(A)
    for made, results in found:
        for one, two in zip(made, rows[0], strict=True):
            assert one.shift == two.shift and not one.triangles
            for attribute in ("pivots", "inverse", "_where"):
                assert_array_equal(getattr(one, attribute), getattr(two, attribute))
        for one, two in zip(results, rows[1], strict=True):
            assert one.params == two.params and one.params["form"] == "eisenstat"
            assert_array_equal(one.x, two.x)
            assert_array_equal(one.residuals, two.residuals)


def test_what_the_strips_refuse_is_told_as_before():
    A = grid_matrix(20, 8, 2)
    for value, words in (
        (-1.0, "row 77 is -1.0"),
        (0.0, "row 77"),
        (np.nan, "nan"),
        (np.inf, "inf"),
        (1e-320, "row 77"),
    ):
        bad = A.tolil()
        bad[77, 77] = value
        with pytest.raises(ValueError, match=words):
            MIC(bad.tocsr())
    weak = A.copy()
    weak.setdiag(0.2 * A.diagonal())  # far from an M-matrix: the diagonal is enlarged
    M = MIC(weak)
    assert M.shift > 0
    pivots = M.pivots.copy()
    with pytest.raises(ValueError, match="row 77"):
        M.update(bad.tocsr())
    assert_array_equal(M.pivots, pivots)
    lazy = MIC(A)  # its pivots have not been asked for when an update fails
    with pytest.raises(ValueError, match="row 77"):
        lazy.update(bad.tocsr())
    assert_array_equal(lazy.pivots, MIC(A).pivots)
    assert_array_equal(lazy.apply(np.ones(320), np.empty(320)), MIC(A).apply(np.ones(320), np.empty(320)))
    M.update(A)
    assert M.shift == 0
    assert_array_equal(M.pivots, MIC(A).pivots)
    assert_array_equal(pickle.loads(pickle.dumps(M)).pivots, M.pivots)


def test_ilu0_against_a_dense_version():
    rng = np.random.default_rng(0)
    A = (sps.random_array((40, 40), density=0.1, rng=rng) + sps.diags_array(rng.uniform(2, 3, 40))).tocsr()
    dense = A.toarray()
    pattern = dense != 0
    for i in range(40):
        for k in range(i):
            if pattern[i, k]:
                dense[i, k] /= dense[k, k]
                for j in range(k + 1, 40):
                    if pattern[i, j]:
                        dense[i, j] -= dense[i, k] * dense[k, j]
    product = (np.tril(dense, -1) + np.eye(40)) @ np.triu(dense)
    M = ILU0(A)
    assert M.shift == 0.0 and not M.is_spd
    assert_allclose(dense_of(M), product, rtol=0, atol=1e-12 * np.abs(product).max())
    # on the pattern, LU = A
    assert_allclose(product[pattern], A.toarray()[pattern], atol=1e-13 * np.abs(product).max())


def test_ilu0_shifts_a_vanishing_pivot():
    A = sps.csr_array(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]))
    M = ILU0(A)
    assert M.shift >= 1e-3 and np.isfinite(M @ np.ones(3)).all()


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 60), density=st.floats(0.0, 0.3), seed=st.integers(0, 10**6), lower=st.booleans())
def test_levels_give_the_bits_of_the_natural_order(n, density, seed, lower):
    rng = np.random.default_rng(seed)
    A = (sps.random_array((n, n), density=density, rng=rng) + sps.eye_array(n)).tocsr()
    A.sort_indices()
    parts = split(A.indptr, A.indices, A.data)
    t = Triangle(*(parts[0] if lower else parts[2]), 1.0 / parts[1], lower)
    r = rng.standard_normal(n)
    natural, by_level = np.empty(n), np.empty(n)
    t.solve(r, natural, levels=False)
    t.solve(r, by_level, workers=2, levels=True)
    assert_array_equal(by_level, natural)
    dense = (np.tril if lower else np.triu)(A.toarray())
    assert_allclose(dense @ natural, r, atol=1e-9 * max(1.0, np.abs(dense).max() * np.abs(natural).max()))
    count, level = t.levels()
    expected = np.zeros(n, int)
    for i in range(n) if lower else range(n - 1, -1, -1):
        others = np.flatnonzero(dense[i] * (np.arange(n) != i))
        expected[i] = 1 + expected[others].max() if others.size else 0
    assert_array_equal(level, expected)
    assert count == expected.max() + 1


@pytest.mark.parametrize("lower", [True, False])
def test_levels_on_many_workers(lower):
    A = poisson3d(24)
    parts = split(A.indptr, A.indices, A.data)
    t = Triangle(*(parts[0] if lower else parts[2]), 1.0 / parts[1], lower)
    r = np.random.default_rng(0).standard_normal(A.shape[0])
    found = []
    for workers, levels in ((1, False), (1, True), (2, True), (4, True)):
        found.append(np.empty_like(r))
        t.solve(r, found[-1], workers=workers, levels=levels)
    for z in found[1:]:
        assert_array_equal(z, found[0])
    assert t.levels()[0] == 3 * 24 - 2


def test_eight_threads_share_a_preconditioner():
    A = diffusion2d(64, 1e3)
    M = MIC(A)
    rhs = [np.random.default_rng(k).standard_normal(A.shape[0]) for k in range(8)]
    expected = [cg(A, b, rtol=1e-8, M=M).x for b in rhs]
    fresh = MIC(A)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda b: cg(A, b, rtol=1e-8, M=fresh).x, rhs))
    for x, y in zip(found, expected, strict=True):
        assert_array_equal(x, y)


@pytest.mark.parametrize("M", ["mic", "ssor"])
def test_ctrl_c_stops_the_sweeps(M):
    A = poisson2d(300)
    b = np.random.default_rng(0).standard_normal(A.shape[0])
    cg(A, b, rtol=1e-2, M=M)  # compiled twins are ready now
    sent = []

    def interrupt():
        time.sleep(0.3)
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    def endless():
        while True:
            cg(A, b, rtol=0.0, atol=1e-300, maxiter=10**6, M=M)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        endless()
    assert time.perf_counter() - sent[0] < 0.5 or os.getloadavg()[0] > 2 * (os.cpu_count() or 1)
    thread.join()
