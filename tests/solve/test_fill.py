"""ICT and ILUT against dense textbook versions."""

import copy
import importlib.util
import pickle
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
from kriss._backend import core
from kriss.solve import ICT, ILUT, bicgstab, cg, fgmres, gmres
from kriss.testing import (
    anisotropic2d,
    convection_diffusion2d,
    diffusion2d,
    elasticity2d,
    poisson2d,
    poisson3d,
    random_diffusion,
)

both = pytest.mark.skipif(
    core() is None or importlib.util.find_spec("numba") is None, reason="needs the compiled module and numba"
)


def spd(n, seed=0, density=0.3):
    """Symmetric, diagonally dominant, with unlike row scales."""
    rng = np.random.default_rng(seed)
    A = sps.random_array((n, n), density=density, rng=rng, data_sampler=rng.standard_normal)
    A = A + A.T
    A = A + sps.diags_array(np.abs(A).sum(axis=1) * 1.1 + 0.1)
    s = sps.diags_array(10.0 ** rng.uniform(-2, 2, n))
    return (s @ A @ s).tocsr()


def general(n, seed=0, density=0.3):
    rng = np.random.default_rng(seed)
    A = sps.random_array((n, n), density=density, rng=rng, data_sampler=rng.standard_normal)
    A = A + sps.diags_array(rng.choice([-1.0, 1.0], n) * (np.abs(A).sum(axis=1) + 0.1))
    return (sps.diags_array(10.0 ** rng.uniform(-2, 2, n)) @ A).tocsr()


def largest(w, allowed, most):
    """The indices of the `most` largest |w| among `allowed`, the smaller index first where they are equal."""
    return sorted(sorted(allowed, key=lambda i: (-abs(w[i]), i))[:most])


def textbook_ict(A, drop, fill, shift=0.0):
    """Dense left-looking U."""
    A = A.toarray()
    n = len(A)
    U = np.zeros((n, n))
    for j in range(n):
        w = A[j].copy()
        w[j] *= 1 + shift
        for k in range(j):
            w[j:] -= U[k, j] * U[k, j:]
        assert w[j] > 0
        kept = [i for i in range(j + 1, n) if abs(w[i]) > drop * np.linalg.norm(A[j, j:])]
        U[j, j] = np.sqrt(w[j])
        for i in largest(w, kept, np.count_nonzero(A[j, j + 1 :]) + fill):
            U[j, i] = w[i] / U[j, j]
    return U


def textbook_ilut(A, drop, fill):
    A = A.toarray()
    n = len(A)
    L, U = np.eye(n), np.zeros((n, n))
    for i in range(n):
        w = A[i].copy()
        least = drop * np.linalg.norm(A[i])
        for k in range(i):
            if abs(w[k]) > least:
                w[k + 1 :] -= w[k] / U[k, k] * U[k, k + 1 :]
            else:
                w[k] = 0.0
        below = [k for k in range(i) if w[k] != 0.0]
        above = [k for k in range(i + 1, n) if abs(w[k]) > least]
        U[i, i] = w[i]
        for k in largest(w, below, np.count_nonzero(A[i, :i]) + fill):
            L[i, k] = w[k] / U[k, k]
        for k in largest(w, above, np.count_nonzero(A[i, i + 1 :]) + fill):
            U[i, k] = w[k]
    return L, U


def dense(rows, n):
    return sps.csr_array((rows[2], rows[1], rows[0]), shape=(n, n)).toarray()


def factors(M):
    """First and second triangle, of the matrix itself."""
    n = M.shape[0]
    first, one, second, other = M._parts
    scale = np.ldexp(1.0, -M._shift)
    lower = dense(first, n) + np.diag(1 / one if one.size else np.ones(n))
    upper = dense(second, n) + np.diag(1 / other)
    if isinstance(M, ICT):
        return lower * np.sqrt(scale), upper * np.sqrt(scale)
    return lower, upper * scale


@pytest.mark.parametrize("n", [1, 2, 3, 5, 10, 50])
@pytest.mark.parametrize(("drop", "fill"), [(0.0, 1000), (0.0, 0), (0.0, 2), (1e-1, 3), (1e-2, 1), (1.0, 5)])
def test_ict_is_the_textbook_factorisation(n, drop, fill):
    A = spd(n, seed=n)
    M = ICT(A, drop, fill)
    assert M.shift == 0.0
    lower, upper = factors(M)
    expected = textbook_ict(A, drop, fill)
    assert_array_equal(upper != 0, expected != 0)
    assert_allclose(upper, expected, rtol=1e-11, atol=0)
    assert_array_equal(lower, upper.T)
    assert M.nnz == 2 * np.count_nonzero(upper) - n
    r = np.random.default_rng(1).standard_normal(n)
    assert_allclose(M @ r, np.linalg.solve(expected, np.linalg.solve(expected.T, r)), rtol=1e-9)
    if fill == 1000:
        assert_allclose(M @ (A @ r), r, rtol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 10, 50])
@pytest.mark.parametrize(("drop", "fill"), [(0.0, 1000), (0.0, 0), (0.0, 2), (1e-1, 3), (1e-2, 1), (1.0, 5)])
def test_ilut_is_the_textbook_factorisation(n, drop, fill):
    A = general(n, seed=n)
    M = ILUT(A, drop, fill)
    expected = textbook_ilut(A, drop, fill)
    for found, right in zip(factors(M), expected, strict=True):
        assert_array_equal(found != 0, right != 0)
        assert_allclose(found, right, rtol=1e-10, atol=0)
    assert M.nnz == np.count_nonzero(expected[0]) - n + np.count_nonzero(expected[1])
    r = np.random.default_rng(1).standard_normal(n)
    assert_allclose(M @ r, np.linalg.solve(expected[1], np.linalg.solve(expected[0], r)), rtol=1e-8)
    if fill == 1000:
        assert_allclose(M @ (A @ r), r, rtol=1e-8)


def test_entries_of_equal_size_are_taken_in_order():
    """An arrow: every entry of the last row and column is the same."""
    n = 40
    A = sps.lil_array((n, n))
    A.setdiag(50.0)
    A[0, 1:] = A[1:, 0] = 1.0
    A = A.tocsr()
    U = factors(ICT(A, 0.0, 3))[1]
    assert_array_equal(U != 0, textbook_ict(A, 0.0, 3) != 0)
    assert_array_equal(np.flatnonzero(U[1]), [1, 2, 3, 4])
    L, U = factors(ILUT(A, 0.0, 3))
    right = textbook_ilut(A, 0.0, 3)
    assert_array_equal(L != 0, right[0] != 0)
    assert_array_equal(U != 0, right[1] != 0)


def test_iterations_and_fill_on_a_random_diffusion():
    """Records at (drop_tol, fill); solve.md's draw has 42 iterations at 1.6 times the entries, 35 at 1.9, 17 at 3.9."""
    A = random_diffusion(64)[0]
    n = A.shape[0]
    b = np.random.default_rng(0).standard_normal(n)
    for (drop, fill), most, share in (((1e-2, 2), 43, 1.65), ((1e-2, 5), 36, 1.86), ((1e-3, 10), 16, 3.75)):
        M = ICT(A, drop, fill)
        r = cg(A, b, rtol=1e-8, M=M)
        assert r.converged and r.iterations <= most
        assert (M.nnz + n) / (A.nnz + n) <= share


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lambda: diffusion2d(64), 18),
        (lambda: poisson3d(20), 15),
        (lambda: anisotropic2d(64, 1e-3, 0.5), 14),
        (lambda: elasticity2d(30)[0], 19),
    ],
)
def test_the_name_has_the_default_options(make, most):
    A = make()
    b = np.random.default_rng(0).standard_normal(A.shape[0])
    r = cg(A, b, rtol=1e-8, M="ict")
    assert r.converged and r.iterations <= most
    assert_array_equal(r.x, cg(A, b, rtol=1e-8, M=ICT(A)).x)


def test_ilut_on_convection_diffusion():
    A = convection_diffusion2d(50)
    b = np.random.default_rng(0).standard_normal(A.shape[0])
    M = ILUT(A)
    assert not M.is_spd and M.is_linear
    for solver, most in ((gmres, 10), (fgmres, 10), (bicgstab, 7)):
        r = solver(A, b, rtol=1e-8, M=M)
        assert r.converged and r.iterations <= most, (solver.__name__, r.iterations)


def test_ilut_fills_a_zero_diagonal_and_is_invariant_to_row_scaling():
    rng = np.random.default_rng(3)
    B = sps.random_array((20, 100), density=0.1, rng=rng)
    A = sps.block_array([[poisson2d(10), B.T], [B, None]]).tocsr()
    M = ILUT(A, 0.0, 1000)
    r = rng.standard_normal(120)
    assert_allclose(M @ (A @ r), r, rtol=1e-8)
    s = np.ldexp(1.0, rng.integers(-30, 30, 120))
    scaled = (sps.diags_array(s) @ A).tocsr()
    assert_array_equal(ILUT(scaled, 1e-2, 4) @ (s * r), ILUT(A, 1e-2, 4) @ r)


def test_breakdown_shifts_the_diagonal():
    kershaw = sps.csr_array([[3.0, -2, 0, 2], [-2, 3, -2, 0], [0, -2, 3, -2], [2, 0, -2, 3]])
    M = ICT(kershaw, 0.0, 0)
    assert M.shift >= 1e-3 and np.log2(M.shift / 1e-3) == round(np.log2(M.shift / 1e-3))
    assert_allclose(factors(M)[1], textbook_ict(kershaw, 0.0, 0, M.shift), rtol=1e-12)
    with pytest.raises(AssertionError):
        textbook_ict(kershaw, 0.0, 0, M.shift / 4)
    assert ICT(kershaw, 0.0, 4).shift == 0.0  # complete: positive definite
    assert ICT(kershaw, 0.0, 4, shift=0.5).shift == 0.5
    assert cg(kershaw, np.ones(4), M=M).converged


@pytest.mark.parametrize("n", [1, 4])
def test_indefinite_matrices_are_reported(n):
    A = np.eye(n) - 2.0 * np.diag(np.ones(n)) if n == 1 else np.eye(n)
    if n > 1:
        A[1, 2] = A[2, 1] = 1e30
        with pytest.raises(np.linalg.LinAlgError, match="pivot of row 2 stays unsound"):
            ICT(sps.csr_array(A), 0.0, 4)
    else:
        with pytest.raises(ValueError, match=r"diagonal entry in row 0 is -1.0"):
            ICT(sps.csr_array(A))


@pytest.mark.parametrize("where", [0, 2, 4])
def test_pivot_errors_of_ilut_name_the_row(where):
    A = np.diag(np.arange(1.0, 6.0))
    A[where, where] = 0.0
    with pytest.raises(np.linalg.LinAlgError, match=f"pivot of row {where} is 0, "):
        ILUT(sps.csr_array(A))
    same = np.array([[1.0, 2.0, 0], [0.5, 1.0, 0], [0, 0, 1]])  # singular: the second row is half the first
    with pytest.raises(np.linalg.LinAlgError, match="pivot of row 1 is 0, expected more than rounding"):
        ILUT(sps.csr_array(same), 0.0, 3)
    with pytest.raises(np.linalg.LinAlgError, match="row 1"):
        ILUT(sps.csr_array(same / 3.0 + np.diag([0, 0, 1.0])), 0.0, 3)


def test_ilut_that_overflows():
    A = sps.csr_array(np.array([[1e-290, 1.0, 0], [1.0, 1.0, 1e290], [1e290, 0, 1.0]]))
    with pytest.raises(np.linalg.LinAlgError, match=r"row [012]"):
        ILUT(A, 0.0, 3)


@pytest.mark.parametrize("build", [ICT, ILUT])
def test_bad_arguments(build):
    A = poisson2d(4)
    with pytest.raises(TypeError, match="A must be a SciPy sparse"):
        build(A.toarray())
    with pytest.raises(ValueError, match="expected a square"):
        build(sps.csr_array(np.ones((2, 3))))
    with pytest.raises(TypeError, match=r"real|complex"):
        build(A.astype(complex))
    for bad, error in ((-1.0, ValueError), (np.nan, ValueError), (1.5, ValueError), ("x", TypeError)):
        with pytest.raises(error, match="drop_tol"):
            build(A, bad)
    for bad, error in ((-1, ValueError), (2.5, TypeError), (None, TypeError)):
        with pytest.raises(error, match="fill"):
            build(A, fill=bad)
    for where in (0, 7, A.nnz - 1):
        for value in (np.nan, np.inf):
            B = A.copy()
            B.data[where] = value
            with pytest.raises(ValueError, match=r"A\.data"):
                build(B)
    M = build(A)
    with pytest.raises(ValueError, match="shape"):
        M.update(poisson2d(5))
    r = np.ones(16)
    with pytest.raises(ValueError, match="out must not overlap"):
        M.apply(r, r)
    with pytest.raises(ValueError, match=r"shape \(16,\)"):
        M.apply(np.ones(15), np.ones(15))


def test_bad_diagonals_of_ict():
    for value in (0.0, -2.0):
        A = poisson2d(4)
        A[5, 5] = value
        with pytest.raises(ValueError, match=f"diagonal entry in row 5 is {value}"):
            ICT(A)
    B = poisson2d(4).tocoo()
    keep = (B.row != 3) | (B.col != 3)
    B = sps.csr_array((B.data[keep], (B.row[keep], B.col[keep])), shape=B.shape)
    with pytest.raises(ValueError, match="row 3 is not stored"):
        ICT(B)
    with pytest.raises(ValueError, match="shift"):
        ICT(poisson2d(4), shift=-1.0)


@pytest.mark.parametrize("build", [ICT, ILUT])
def test_the_protocol(build):
    A = poisson2d(9) if build is ICT else convection_diffusion2d(9)
    M = build(A, 1e-2, 3)
    n = A.shape[0]
    rng = np.random.default_rng(0)
    R = rng.standard_normal((n, 5))
    single = np.column_stack([M.apply(np.ascontiguousarray(R[:, k]), np.empty(n)) for k in range(5)])
    assert_array_equal(M.apply_multi(R, np.empty_like(R)), single)
    assert_array_equal(M @ R, single)
    assert_array_equal(M @ np.asfortranarray(R), single)
    assert_array_equal(M @ R[:, ::-1], single[:, ::-1])
    fixed = R[:, 0].copy()
    fixed.flags.writeable = False
    assert_array_equal(M @ fixed, single[:, 0])
    assert M.nbytes > 12 * M.nnz
    assert M.is_spd == (build is ICT) and M.is_linear
    if build is ICT:
        assert_array_equal(M.H @ R, single)
    else:
        dense = M @ np.eye(n)
        assert_allclose(M.H @ R, dense.T @ R, rtol=0, atol=1e-13 * np.abs(dense).max() * n)
        assert M.H.H is M and not M.H.is_spd
        with pytest.raises(TypeError, match="update the preconditioner itself"):
            M.H.update(A)
    # the matrix is copied
    kept = A.copy()
    A.data[:] = np.nan
    assert_array_equal(M @ R, single)
    other = kept.copy()
    other.data = other.data * np.random.default_rng(1).uniform(1, 1.01, other.nnz)
    M.update(other)
    assert_array_equal(M @ R, build(other, 1e-2, 3) @ R)
    assert (single != M @ R).any()
    for again in (copy.copy(M), copy.deepcopy(M), pickle.loads(pickle.dumps(M))):
        assert_array_equal(again @ R, M @ R)
        assert (again.drop_tol, again.fill, again.nnz, again.is_spd) == (M.drop_tol, M.fill, M.nnz, M.is_spd)


@pytest.mark.parametrize("build", [ICT, ILUT])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("itype", [np.int32, np.int64])
def test_dtypes_and_loops(build, dtype, itype):
    A = (diffusion2d(12) if build is ICT else convection_diffusion2d(12)).astype(dtype)
    A.indices, A.indptr = A.indices.astype(itype), A.indptr.astype(itype)
    b = np.random.default_rng(1).standard_normal(144).astype(dtype)
    M = build(A)
    assert M.dtype == dtype and M._parts[0][1].dtype == itype
    rtol = 1e-10 if dtype == np.float64 else 1e-4
    for solver in (cg,) if build is ICT else (gmres, bicgstab):
        r = solver(A, b, rtol=rtol, M=M)
        assert r.converged and r.x.dtype == dtype
        assert np.linalg.norm(b - A.astype(float) @ r.x.astype(float)) <= 1.01 * rtol * np.linalg.norm(b)
    # in other precision than the system: through the operator
    mixed = (cg if build is ICT else gmres)(A.astype(np.float64), b.astype(float), rtol=1e-9, M=M)
    assert mixed.converged


def test_the_compiled_loop_and_the_driven_one_agree():
    A = diffusion2d(20)
    b = np.random.default_rng(1).standard_normal(400)
    M = ICT(A)
    seen = []
    one, two = cg(A, b, rtol=1e-10, M=M), cg(A, b, rtol=1e-10, M=M, callback=seen.append)
    assert_array_equal(one.x, two.x)
    assert len(seen) == one.iterations
    many = cg(A, np.column_stack([b, 2 * b, b[::-1]]), rtol=1e-10, M=M)
    assert many.converged
    assert_array_equal(many.x[:, 0], one.x)

    def stop(_):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        cg(A, b, M=M, callback=stop)


@pytest.mark.parametrize("build", [ICT, ILUT])
@pytest.mark.parametrize("power", [-1000, -300, -3, 1, 300, 900])
def test_scaling_by_powers_of_two(build, power):
    A = poisson2d(8) if build is ICT else convection_diffusion2d(8)
    r = np.random.default_rng(1).standard_normal(64)
    scaled = A.copy()
    scaled.data = np.ldexp(A.data, 2 * (power // 2))
    with np.errstate(over="ignore"):
        expected = np.ldexp(build(A) @ r, -2 * (power // 2))
    if np.isfinite(expected).all():
        assert_array_equal(build(scaled) @ r, expected)


def test_unsorted_and_duplicate_entries_are_canonicalised():
    A = poisson2d(5)
    coo = A.tocoo()
    order = np.random.default_rng(0).permutation(coo.nnz)
    twice = sps.coo_array(
        (np.concatenate([coo.data[order] / 4, coo.data * 3 / 4]),
         (np.concatenate([coo.row[order], coo.row]), np.concatenate([coo.col[order], coo.col]))),
        shape=A.shape,
    )  # fmt: skip
    r = np.arange(25.0)
    for build in (ICT, ILUT):
        assert_array_equal(build(twice.tocsr()) @ r, build(A) @ r)
        assert_array_equal(build(A.tocsc()) @ r, build(A) @ r)
    # only the upper triangle is read
    skew = A.copy()
    skew.data[skew.indices < np.repeat(np.arange(25), np.diff(skew.indptr))] = 7.0
    assert_array_equal(ICT(skew) @ r, ICT(A) @ r)


def test_empty():
    for build in (ICT, ILUT):
        M = build(sps.csr_array((0, 0)))
        assert M.nnz == 0 and (M @ np.empty(0)).size == 0


def test_workers_and_levels_change_no_bit():
    """A matrix of two wide levels and 120000 rows, so that four threads go by levels."""
    n = 120_000
    half = n // 2
    far = sps.csr_array((np.full(half, -0.4), (np.arange(half), np.arange(half, n))), shape=(n, n))
    A = (sps.eye_array(n) + far + far.T).tocsr()
    b = np.random.default_rng(0).standard_normal(n)
    M = ICT(A)
    found = [cg(A, b, rtol=1e-10, M=M, workers=w) for w in (1, 2, 4)]
    assert found[0].converged
    for r in found[1:]:
        assert_array_equal(r.x, found[0].x)
    rows = [np.empty(n) for _ in range(2)]
    for w, out in zip((1, 4), rows, strict=True):
        M._workers = w
        M.apply(b, out)
    assert_array_equal(*rows)


@both
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_backends_give_the_same_bits(dtype):
    cases = [(ICT, spd(60, 2), (1e-2, 2)), (ICT, diffusion2d(12), (1e-3, 10)), (ILUT, general(60, 2), (1e-2, 2))]
    cases += [(ILUT, convection_diffusion2d(12), (1e-3, 10)), (ICT, elasticity2d(8)[0], (0.0, 200))]
    cases += [(ILUT, elasticity2d(8)[0], (0.0, 200)), (ICT, spd(50, 5, 0.9), (1e-3, 1))]
    for build, A, options in cases:
        A = A.astype(dtype)
        r = np.random.default_rng(4).standard_normal((A.shape[0], 3)).astype(dtype)
        found = []
        for backend in ("compiled", "numba"):
            with kriss.use_backend(backend):
                M = build(A, *options)
                found.append([*M._parts[0], M._parts[1], *M._parts[2], M._parts[3], M @ r, M @ r[:, 0]])
                found[-1].append(cg(A, r[:, 0], rtol=1e-4, M=M).x if build is ICT else None)
        for u, v in zip(*found, strict=True):
            assert_array_equal(u, v)


def test_an_object_of_one_backend_serves_the_other():
    if core() is None or importlib.util.find_spec("numba") is None:
        pytest.skip("needs both backends")
    A = diffusion2d(10)
    with kriss.use_backend("numba"):
        M = ICT(A)
    with kriss.use_backend("compiled"):
        assert cg(A, np.ones(100), M=M).converged


@pytest.mark.parametrize("build", [ICT, ILUT])
def test_ctrl_c_stops_a_factorisation(build, backend):
    if backend == "numba":
        pytest.skip("a Numba kernel runs to its end")
    n = 3000
    A = sps.csr_array(np.full((n, n), 1.0) + n * np.eye(n))  # complete: n**3 / 3 multiplications, seconds
    stopped = []
    timer = threading.Timer(0.3, lambda: (stopped.append(time.process_time()), signal.raise_signal(signal.SIGINT)))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        build(A, 0.0, n)
    assert time.process_time() - stopped[0] < 0.5
    timer.join()


@settings(max_examples=30)
@given(st.integers(1, 25), st.integers(0, 10**6), st.sampled_from([0.0, 1e-3, 1e-1]), st.integers(0, 4))
def test_properties_of_ict(n, seed, drop, fill):
    A = spd(n, seed)
    M = ICT(A, drop, fill)
    own = np.diff(sps.triu(A, 1).tocsr().indptr)
    assert (np.diff(M._parts[2][0]) <= own + fill).all()
    D = M @ np.eye(n)
    s = np.sqrt(np.diag(D))
    assert_allclose(D / np.outer(s, s), D.T / np.outer(s, s), atol=1e-10)
    assert (np.linalg.eigvalsh(D / np.outer(s, s)) > 0).all()
