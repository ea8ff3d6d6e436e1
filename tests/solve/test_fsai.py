"""Factorised sparse approximate inverses against the textbook definition, and what they promise."""

import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sps
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import kriss
from kriss.solve import FSAI, _fsai, cg
from kriss.testing import anisotropic2d, diffusion2d, mesh_diffusion, poisson2d, poisson3d


def definite(n, rng, density=0.2):
    """Sparse, symmetric positive definite, with entries of both signs."""
    B = sps.random_array((n, n), density=density, rng=rng, data_sampler=rng.standard_normal)
    return sps.csr_array(B @ B.T + 0.1 * sps.eye_array(n))


def textbook(A, pattern):
    """Row by row: A(J, J) g = e_i, divided by the root of g_i."""
    dense, out = A.toarray().astype(float), np.zeros(A.shape)
    for i in range(A.shape[0]):
        J = np.flatnonzero(pattern[i, : i + 1])
        e = np.zeros(J.size)
        e[-1] = 1.0
        g = np.linalg.solve(dense[np.ix_(J, J)], e)
        out[i, J] = g / np.sqrt(g[-1])
    return out


def rows(M):
    """G of a preconditioner, dense."""
    indptr, indices, data = M._parts[0]
    return sps.csr_array((data, indices, indptr), shape=M.shape).toarray()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 10, 50])
def test_it_is_the_textbook_one(n, dtype, rng):
    A = definite(n, rng).astype(dtype)
    M = FSAI(A)
    G = textbook(A, A.toarray() != 0)
    eps = 1e3 * np.finfo(dtype).eps * np.abs(G).max(initial=1.0)
    assert_allclose(rows(M), G, rtol=0, atol=eps)
    r = rng.standard_normal(n).astype(dtype)
    assert_allclose(M @ r, G.T @ (G @ r), rtol=0, atol=100 * eps * np.abs(G).max(initial=1.0))
    assert M.nnz == sps.tril(A).nnz and M.dtype == dtype


@pytest.mark.parametrize("power", [1, 2, 3])
def test_patterns_of_powers(power, rng):
    A = poisson2d(7)
    pattern = np.linalg.matrix_power((A.toarray() != 0).astype(int), power) != 0
    M = FSAI(A, power)
    assert_allclose(rows(M), textbook(A, pattern), rtol=0, atol=1e-13)
    assert M.nnz == np.tril(pattern).sum()


def test_a_full_pattern_is_the_inverse(rng):
    A = sps.csr_array(definite(20, rng).toarray() + 1e-3)
    assert_allclose(np.stack([FSAI(A) @ e for e in np.eye(20)]) @ A.toarray(), np.eye(20), rtol=0, atol=1e-9)


def test_long_rows_keep_the_largest_entries(rng):
    B = rng.standard_normal((30, 30))
    dense = B @ B.T + 30 * np.eye(30)
    scale = 10.0 ** rng.uniform(-3, 3, 30)
    M = FSAI(sps.csr_array(dense * scale * scale[:, None]), most=4)
    pattern = np.eye(30, dtype=bool)
    for i in range(30):
        pattern[i, np.argsort(-np.abs(dense[i, :i]) / np.sqrt(np.diag(dense)[:i]))[:3]] = True
    assert_array_equal(rows(M) != 0, pattern)
    # where all are equal, the nearest are kept
    flat = FSAI(sps.csr_array(np.eye(9) + np.ones((9, 9))), most=3)
    assert_array_equal(rows(flat) != 0, np.tri(9, dtype=bool) & ~np.tri(9, k=-3, dtype=bool))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.integers(0, 10**6))
def test_the_kaporin_number_is_least_at_it(n, seed):
    rng = np.random.default_rng(seed)
    A = definite(n, rng)
    G = rows(FSAI(A))

    def number(G):
        return np.trace(G @ A.toarray() @ G.T) / n / np.exp(2 * np.log(np.diag(G)).mean())

    assert_allclose(np.diag(G @ A.toarray() @ G.T), 1.0, rtol=1e-9)
    best = number(G)
    for size in (1e-1, 1e-3):
        other = G * (1 + size * rng.standard_normal(G.shape))
        if (np.diag(other) > 0).all():
            assert number(other) >= best * (1 - 1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 25), st.integers(0, 10**6))
def test_it_is_symmetric_positive_definite(n, seed):
    A = definite(n, np.random.default_rng(seed))
    M = FSAI(A)
    B = np.stack([M @ e for e in np.eye(n)], axis=1)
    assert_allclose(B, B.T, rtol=0, atol=1e-12 * np.abs(B).max())
    assert np.linalg.eigvalsh(B).min() > 0


def test_scaling_by_powers_of_two_changes_no_bit(rng):
    A, r = diffusion2d(9, contrast=100.0), rng.standard_normal(81)
    base = FSAI(A) @ r
    for power in (-400, -990, 300, 900):
        assert_array_equal(FSAI(A * 2.0**power) @ r, np.ldexp(base, -power))
    # rows and columns far apart: G scales with them
    scale = 10.0 ** rng.uniform(-60, 60, 81)
    wild = sps.csr_array(sps.diags_array(scale) @ A @ sps.diags_array(scale))
    assert_allclose((FSAI(wild) @ (scale * r)) * scale, base, rtol=1e-9)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("dtype", "ends"),
    [("f8", (1e200, 1e-200)), ("f8", (1e-200, 1e200)), ("f8", (1.7e308, 1e-10)), ("f4", (1e20, 1e-20)),
     ("f4", (1e38, 1e-8)), ("f4", (1e-37, 3e38))],
)  # fmt: skip
def test_a_diagonal_over_the_whole_range_is_no_indefinite_matrix(dtype, ends):
    d = np.array([ends[0], 1.0, ends[1]], dtype)
    root = np.sqrt(d)
    # 0.25 at places (0, 1) and (1, 2) of the matrix scaled to a unit diagonal
    A = sps.csr_array(sps.diags_array(d) + sps.diags_array([0.25 * root[:-1] * root[1:]] * 2, offsets=[-1, 1]))
    A = A.astype(dtype)
    unit = sps.csr_array(np.array([[1, 0.25, 0], [0.25, 1, 0.25], [0, 0.25, 1]], dtype))
    assert_allclose((FSAI(A) @ root) * root, FSAI(unit) @ np.ones(3, dtype), rtol=100 * np.finfo(dtype).eps)
    assert_allclose(FSAI(sps.diags_array(d, format="csr")) @ d, 1.0, rtol=10 * np.finfo(dtype).eps)


def arrow(n):
    """A full first row and column."""
    rest = np.arange(1, n)
    edge = sps.csr_array((-1.0 / rest, (np.zeros(n - 1, int), rest)), shape=(n, n))
    return sps.csr_array(sps.diags_array(np.full(n, 4.0)) + edge + edge.T)


@pytest.mark.parametrize("room", [1, 500, 2**20])
@pytest.mark.parametrize("power", [2, 3])
def test_powers_in_parts_are_the_powers(power, room, rng, monkeypatch):
    monkeypatch.setattr(_fsai, "ROOM", room)
    assert FSAI(sps.csr_array((0, 0)), power).nnz == 0
    for A in (arrow(40), definite(40, rng, 0.03), poisson2d(7)):
        pattern = np.linalg.matrix_power((A.toarray() != 0).astype(int), power) != 0
        unit = np.abs(A.toarray()) / np.sqrt(A.diagonal())
        for most in (1, 4, 100):
            expected = np.eye(A.shape[0], dtype=bool)
            for i in range(A.shape[0]):
                columns = np.flatnonzero(pattern[i, :i])
                best = sorted(columns, key=lambda j, i=i, unit=unit: (-unit[i, j], -j))
                expected[i, best[: most - 1]] = True
            indptr, indices = _fsai.pattern(kriss._validate.csr(A, "A"), power, most)
            found = sps.csr_array((np.ones(indices.size), indices, indptr), A.shape).toarray()
            assert_array_equal(found != 0, expected)


def test_an_arrow_does_not_fill_the_memory(monkeypatch):
    n = 1500
    monkeypatch.setattr(_fsai, "ROOM", 2**16)
    A = arrow(n)
    FSAI(arrow(10), 2)
    tracemalloc.start()
    try:
        M = FSAI(A, 2, most=5)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert M.nnz == 5 * n - 10
    assert peak < 4 * n * n  # the whole square of A has n**2 entries, and took 19 bytes for each


@pytest.mark.parametrize(("workers", "n"), [(2, 40), (4, 40), (3, 700)])
def test_workers_change_no_bit(workers, n, rng):
    A = mesh_diffusion(n * 3, rng=rng)
    r = rng.standard_normal(n * 3)
    assert_array_equal(FSAI(A, workers=1) @ r, FSAI(A, workers=workers) @ r)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("itype", [np.int32, np.int64])
def test_backends_agree_to_the_bit(dtype, itype, rng):
    if kriss._backend.core() is None:
        pytest.skip("kriss._core is not built")
    A = mesh_diffusion(900, 1e-2, 0.4, rng=rng).astype(dtype)
    A = sps.csr_array((A.data, A.indices.astype(itype), A.indptr.astype(itype)), shape=A.shape)
    R = rng.standard_normal((900, 3)).astype(dtype)
    found = []
    for name in ("compiled", "numba"):
        with kriss.use_backend(name):
            M = FSAI(A, 2)
            found.append((rows(M), M @ R[:, 0].copy(), M.matmat(R)))
    for one, two in zip(*found, strict=True):
        assert_array_equal(one, two)


@pytest.mark.parametrize("make", [lambda: poisson2d(24), lambda: poisson3d(9), lambda: anisotropic2d(24, 1e-2)])
def test_it_takes_fewer_iterations_than_the_diagonal(make, rng):
    A = make()
    b = rng.standard_normal(A.shape[0])
    counts = [cg(A, b, rtol=1e-8, M=M).iterations for M in (FSAI(A, 2), "fsai", "jacobi")]
    assert counts[0] < counts[1] < 0.8 * counts[2]
    assert cg(A, b, rtol=1e-8, M="fsai").iterations == cg(A, b, rtol=1e-8, M=FSAI(A)).iterations


def test_pickle_and_update(rng):
    A, r = diffusion2d(8), rng.standard_normal(64)
    M = FSAI(A, 2, most=6)
    other = pickle.loads(pickle.dumps(M))
    assert_array_equal(other @ r, M @ r)
    other.update(4.0 * A)
    assert_array_equal(other @ r, 0.25 * (M @ r))
    assert other.nbytes == M.nbytes > 12 * M.nnz
    changed = A.copy()
    changed.data[changed.indices == np.repeat(np.arange(64), np.diff(changed.indptr))] = 1e-9
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        M.update(changed)
    assert_array_equal(M @ r, 4.0 * (other @ r))


def test_only_the_lower_triangle_is_read(rng):
    A = diffusion2d(6)
    upper = A.copy()
    upper.data[upper.indices > np.repeat(np.arange(36), np.diff(upper.indptr))] = 77.0
    assert_array_equal(rows(FSAI(A)), rows(FSAI(upper)))


@pytest.mark.parametrize("where", [0, 17, 35])
def test_what_is_not_definite_is_named(where):
    A = poisson2d(6).tolil()
    A[where, where] = -4.0
    with pytest.raises(ValueError, match=rf"row {where} is -4"):
        FSAI(A.tocsr())
    A[where, where] = 0.0
    with pytest.raises(ValueError, match=f"row {where}"):
        FSAI(A.tocsr())
    A[where, where] = np.nan
    with pytest.raises(ValueError, match=r"A\.data contains nan"):
        FSAI(A.tocsr())


def test_indefinite_and_semidefinite_blocks_are_named():
    with pytest.raises(np.linalg.LinAlgError, match="row 1 of the inverse needs the block of its 2 columns"):
        FSAI(sps.csr_array([[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(np.linalg.LinAlgError, match="whose pivot in row 1 is not positive"):
        FSAI(sps.csr_array([[1.0, 1.0], [1.0, 1.0]]))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"power": 0}, "power must be"), ({"power": 5}, "power must be"), ({"most": 0}, "most must be"),
        ({"power": 1.5}, "power must be"), ({"workers": -1}, "workers"),
    ],
)  # fmt: skip
def test_options_are_checked(options, error):
    with pytest.raises((TypeError, ValueError), match=error):
        FSAI(poisson2d(3), **options)


@pytest.mark.parametrize("bad", [np.eye(3), [[1.0]], sps.csr_array(np.ones((2, 3))), sps.csr_array([[1j]]), None])
def test_other_matrices_are_refused(bad):
    with pytest.raises((TypeError, ValueError), match="A"):
        FSAI(bad)


def test_sizes_that_disagree_are_refused():
    if kriss._backend.backend() != "compiled":
        pytest.skip("the checks belong to the compiled module")
    run, M = kriss._backend.kernels("solve_fsai"), FSAI(poisson2d(4))
    (first, second, _), none = M._parts, np.empty(0)
    for indptr, indices, data in (
        (first[0][:-1], *first[1:]), (first[0], first[1] + 16, first[2]), (first[0], first[1] - 16, first[2]),
        (first[0][::-1].copy(), *first[1:]), (first[0], first[1], first[2][:-1]),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            run.products(indptr, indices, data, *second, none)
    with pytest.raises(ValueError, match="extra"):
        run.products(*first, *second, np.ones(3))
    A = poisson2d(4)
    with pytest.raises(ValueError, match="diagonal"):
        run.fsai(A.indptr, A.indices, A.data, second[0], second[1], second[2].copy(), 1)
