"""Black-Box multigrid: against a dense textbook version, and by what it promises."""

import functools
import itertools
import math
import signal
import threading
import time

import numpy as np
import pytest
import scipy.sparse as sps
from hypothesis import given, settings
from hypothesis import strategies as st

import kriss
from kriss.solve import BlackBoxMG, black_box_mg, cg
from kriss.testing import (
    anisotropic2d,
    diffusion2d,
    diffusion3d,
    poisson2d,
    poisson3d,
    poisson27,
    random_diffusion,
)

# ---- a slow textbook version ---------------------------------------------------------------------------------------


def textbook_interpolation(A, shape):
    """P of Dendy's recursion, point by point: collapse the stencil, visit points by their non-coarse axes."""
    dim = len(shape)
    halve = [n >= 3 for n in shape]
    coarse = tuple(n // 2 if h else n for n, h in zip(shape, halve, strict=True))
    P = np.zeros((math.prod(shape), math.prod(coarse)))
    place = functools.partial(np.ravel_multi_index, dims=shape)

    def fine_axes(p):
        return [k for k in range(dim) if halve[k] and p[k] % 2 == 0]

    for p in sorted(np.ndindex(*shape), key=lambda p: len(fine_axes(p))):
        F = fine_axes(p)
        row = place(p)
        if not F:
            c = tuple(v // 2 if h else v for v, h in zip(p, halve, strict=True))
            P[row, np.ravel_multi_index(c, coarse)] = 1
            continue
        collapsed = {}
        for d in itertools.product((-1, 0, 1), repeat=dim):
            q = tuple(a + b for a, b in zip(p, d, strict=True))
            if all(0 <= v < n for v, n in zip(q, shape, strict=True)):
                key = tuple(d[k] if k in F else 0 for k in range(dim))
                collapsed[key] = collapsed.get(key, 0) + A[row, place(q)]
        for d, value in collapsed.items():
            if any(d):
                P[row] -= value / collapsed[(0,) * dim] * P[place(tuple(a + b for a, b in zip(p, d, strict=True)))]
    return P, coarse


def textbook_relax(A, shape, axes, R, X, backward):
    """Gauss-Seidel by colours of points, or of lines along one axis after the other (last axis first)."""
    index = np.indices(shape).reshape(len(shape), -1)
    blocks = []
    for axis in sorted(axes, reverse=True) if axes else [None]:
        others = [k for k in range(len(shape)) if k != axis]
        colour = sum((index[k] % 2) << (len(others) - 1 - m) for m, k in enumerate(others)) + 0 * index[0]
        blocks += [(axis, np.flatnonzero(colour == c)) for c in np.unique(colour)]
    X = X.copy()
    for axis, mine in blocks[::-1] if backward else blocks:
        block = A[np.ix_(mine, mine)]
        right = R[mine] - A[mine] @ X
        if axis is None:
            X[mine] += right / np.diag(block)[:, None]
        else:
            X[mine] += np.linalg.solve(block, right)
    return X


def textbook_cycle(A, shape, lines, twice, R, level=0):
    """The whole cycle applied to the columns of R."""
    if A.shape[0] <= 64:
        return np.linalg.solve(A, R)
    X = textbook_relax(A, shape, lines[level], R, np.zeros_like(R), False)
    P, coarse = textbook_interpolation(A, shape)
    coarse_A = P.T @ A @ P
    for _ in range(2 if 0 < level <= twice else 1):
        X = X + P @ textbook_cycle(coarse_A, coarse, lines, twice, P.T @ (R - A @ X), level + 1)
    return textbook_relax(A, shape, lines[level], R, X, True)


def matrix_of(M):
    return M.apply_multi(np.eye(M.shape[0]), np.empty(M.shape))


def random_stencil(shape, seed, offdiagonal=True):
    """A symmetric positive definite 3^d-point matrix with random couplings of both signs."""
    gen = np.random.default_rng(seed)
    A = np.zeros((math.prod(shape),) * 2)
    for p in np.ndindex(*shape):
        for d in itertools.product((-1, 0, 1), repeat=len(shape)):
            q = tuple(a + b for a, b in zip(p, d, strict=True))
            if d > (0,) * len(shape) and all(0 <= v < n for v, n in zip(q, shape, strict=True)):
                i, j = np.ravel_multi_index(p, shape), np.ravel_multi_index(q, shape)
                A[i, j] = A[j, i] = -gen.uniform(-0.1 if offdiagonal else 0.0, 1.0) * 10.0 ** gen.uniform(-2, 2)
    A += np.diag(np.abs(A).sum(axis=1) + 1e-3)
    return A


SHAPES = [(70,), (9, 9), (10, 13), (33, 3), (2, 40), (5, 5, 5), (4, 6, 5), (1, 9, 10), (3, 2, 17), (9, 9, 1)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("lines", [None, (0,), (-1,), "all"])
def test_cycle_is_the_textbook_cycle(shape, lines):
    A = random_stencil(shape, 3)
    axes = tuple(range(len(shape))) if lines == "all" else lines
    M = black_box_mg(sps.csr_array(A), shape, lines=axes)
    expected = textbook_cycle(A, shape, M.lines, 2, np.eye(A.shape[0]))
    got = matrix_of(M)
    assert np.abs(got - expected).max() <= 1e-11 * np.abs(expected).max()


def test_deep_cycles():
    """Levels enough for both corrections of the W cycle."""
    A = random_stencil((40, 33), 5)
    for cycle, twice in (("V", 0), ("W", 2)):
        M = black_box_mg(sps.csr_array(A), (40, 33), cycle=cycle)
        assert len(M.grids) == 4
        r = np.random.default_rng(0).standard_normal(A.shape[0])
        expected = textbook_cycle(A, (40, 33), M.lines, twice, r[:, None])[:, 0]
        assert np.linalg.norm(M @ r - expected) <= 1e-11 * np.linalg.norm(expected)


@pytest.mark.parametrize("shape", [(12, 15), (6, 7, 9), (5, 2, 40)])
def test_coarse_operators_are_galerkin_products(shape):
    A = random_stencil(shape, 8)
    M = black_box_mg(sps.csr_array(A), shape)
    grid = shape
    for level in range(1, len(M.grids)):
        P, grid = textbook_interpolation(A, grid)
        A = P.T @ A @ P
        assert M.grids[level] == grid
        for half in range(14):
            d = (half + 13) // 9 - 1, (half + 13) // 3 % 3 - 1, (half + 13) % 3 - 1
            stream = np.asarray(M._native.stencil(level, half))
            if stream.size == 0:
                continue
            full = (1,) * (3 - len(grid)) + grid
            for k, p in enumerate(np.ndindex(*full)):
                q = tuple(a + b for a, b in zip(p, d, strict=True))
                inside = all(0 <= v < n for v, n in zip(q, full, strict=True))
                expected = A[k, np.ravel_multi_index(q, full)] if inside else 0.0
                assert abs(stream[k] - expected) <= 1e-12 * np.abs(A).max()


def test_interpolation_keeps_constants():
    """Where the row sums of A vanish, so do those of the coarse operators: weights sum to one."""
    A = poisson2d(65)
    M = black_box_mg(A, (65, 65))
    side = M.grids[1][0]
    full = [np.asarray(M._native.stencil(1, h)).reshape(side, side) for h in (0, 1, 2, 3, 4)]
    total = full[0].copy()
    for s, d in zip(full[1:], ((0, 1), (1, -1), (1, 0), (1, 1)), strict=True):
        total += s + np.roll(s, d, axis=(0, 1))
    assert np.abs(total[1:-1, 1:-1]).max() < 1e-13


# ---- symmetric, positive definite, fast ----------------------------------------------------------------------------


@settings(max_examples=15)
@given(
    shape=st.sampled_from([(81,), (9, 9), (12, 11), (5, 4, 6)]),
    seed=st.integers(0, 10**6),
    lines=st.sampled_from(["auto", None, (0,)]),
    cycle=st.sampled_from(["V", "W"]),
)
def test_the_cycle_is_symmetric_positive_definite(shape, seed, lines, cycle):
    A = random_stencil(shape, seed)
    B = matrix_of(black_box_mg(sps.csr_array(A), shape, lines=lines, cycle=cycle))
    assert np.abs(B - B.T).max() <= 1e-13 * np.abs(B).max()
    L = np.linalg.cholesky(A)
    eigenvalues = np.linalg.eigvalsh(L.T @ (B + B.T) / 2 @ L)
    assert eigenvalues[0] > 0 and eigenvalues[-1] <= 1 + 1e-10  # a convergent cycle: 0 <= E < 1 in the A-norm


# Iterations to 1e-8 with a normal right-hand side: a record that may only fall.
RECORD = {
    "poisson 2-D, 127": (lambda: (poisson2d(127), (127, 127)), 8),
    "poisson 2-D, 255": (lambda: (poisson2d(255), (255, 255)), 8),
    "random diffusion 127": (lambda: (random_diffusion(127)[0], (127, 127)), 9),
    "random diffusion 255": (lambda: (random_diffusion(255)[0], (255, 255)), 8),
    "jumps 1e5, 128": (lambda: (diffusion2d(128, 1e5), (128, 128)), 10),
    "jumps 1e5, 256": (lambda: (diffusion2d(256, 1e5), (256, 256)), 10),
    "jumps 1e5, 100 by 101": (lambda: (diffusion2d(101, 1e5)[: 100 * 101, : 100 * 101], (100, 101)), 10),
    "aligned 1e-3 along j": (lambda: (anisotropic2d(127, 1e-3), (127, 127)), 6),
    "aligned 1e-3 along i": (lambda: (anisotropic2d(127, 1e-3, math.pi / 2), (127, 127)), 6),
    "rotated 1e-3 by 30 degrees": (lambda: (anisotropic2d(127, 1e-3, math.pi / 6), (127, 127)), 36),
    "poisson 3-D, 31": (lambda: (poisson3d(31), (31,) * 3), 9),
    "27 points, 32": (lambda: (poisson27(32), (32,) * 3), 8),
    "jumps 3-D 1e5, 32": (lambda: (diffusion3d(32, 1e5), (32,) * 3), 10),
    "random diffusion 3-D, 31": (lambda: (random_diffusion(31, 3)[0], (31,) * 3), 10),
}


@pytest.mark.parametrize("name", RECORD)
def test_iterations(name):
    make, most = RECORD[name]
    A, shape = make()
    A = sps.csr_array(A)
    b = np.random.default_rng(0).standard_normal(A.shape[0])
    M = black_box_mg(A, shape)
    result = cg(A, b, rtol=1e-8, M=M)
    assert result.status == "converged"
    assert np.linalg.norm(b - A @ result.x) <= 1e-8 * np.linalg.norm(b)
    assert result.iterations <= most
    assert result.params["M"] == "BlackBoxMG"


def test_lines_are_chosen_where_they_are_needed():
    n = 64
    assert set(black_box_mg(poisson2d(n), (n, n)).lines) == {()}
    assert black_box_mg(anisotropic2d(n, 1e-2), (n, n)).lines[0] == (1,)
    assert black_box_mg(anisotropic2d(n, 1e-2, math.pi / 2), (n, n)).lines[0] == (0,)
    left, right = anisotropic2d(n, 1e-2).toarray(), anisotropic2d(n, 1e-2, math.pi / 2).toarray()
    half = np.arange(n * n) // n < n // 2
    mixed = np.where(half[:, None] & half, left, 0) + np.where(~half[:, None] & ~half, right, 0)
    assert black_box_mg(sps.csr_array(mixed), (n, n)).lines[0] == (0, 1)
    weak = sps.kron(sps.eye_array(12), poisson2d(12)) + 0.01 * sps.kron(poisson1d(12), sps.eye_array(144))
    M = black_box_mg(sps.csr_array(weak), (12, 12, 12))
    assert M.lines[0] == (1, 2)
    line = sps.kron(poisson1d(12), sps.eye_array(144)) + 0.01 * sps.kron(sps.eye_array(12), poisson2d(12))
    assert black_box_mg(sps.csr_array(line), (12, 12, 12)).lines[0] == (0,)


def poisson1d(n):
    return sps.diags_array([-np.ones(n - 1), 2 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1])


# ---- one answer ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("lines", [None, (0,), (1,)])
def test_workers_and_calls_do_not_change_bits(dtype, lines):
    A = diffusion2d(160, 1e3).astype(dtype)
    r = np.random.default_rng(2).standard_normal(A.shape[0]).astype(dtype)
    results = []
    for workers in (1, 2, 4):
        M = black_box_mg(A, (160, 160), lines=lines, workers=workers)
        z = M.apply(r, np.empty_like(r))
        assert np.array_equal(z, M @ r)
        results.append((z, cg(A, r, rtol=1e-6 if dtype == np.float64 else 1e-4, M=M, workers=workers).x))
    for z, x in results[1:]:
        assert np.array_equal(z, results[0][0]) and np.array_equal(x, results[0][1])


@pytest.mark.parametrize("shape", [(21, 18), (6, 7, 9), (200,)])
@pytest.mark.parametrize("lines", ["auto", (0,), (-1,)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_backends_agree_in_every_bit(shape, lines, dtype):
    A = sps.csr_array(random_stencil(shape, 12).astype(dtype))
    r = np.random.default_rng(2).standard_normal(A.shape[0]).astype(dtype)
    results = []
    for name in ("compiled", "numba"):
        try:
            with kriss.use_backend(name):
                M = black_box_mg(A, shape, lines=lines)
                results.append((M.lines, M @ r, cg(A, r, rtol=1e-4, M=M)))
        except RuntimeError:
            pytest.skip(f"backend {name} is not available here")
    (lines0, z0, c0), (lines1, z1, c1) = results
    assert lines0 == lines1 and np.array_equal(z0, z1)
    assert np.array_equal(c0.x, c1.x) and c0.iterations == c1.iterations


def test_a_preconditioner_of_another_backend_still_works():
    A = diffusion2d(24)
    try:
        with kriss.use_backend("numba"):
            M = black_box_mg(A, (24, 24))
        with kriss.use_backend("compiled"):
            crossed = cg(A, np.ones(576), rtol=1e-9, M=M)
            own = cg(A, np.ones(576), rtol=1e-9, M=black_box_mg(A, (24, 24)))
    except RuntimeError:
        pytest.skip("both backends are needed")
    assert np.array_equal(crossed.x, own.x)


def test_compiled_loop_and_driven_loop_agree():
    A = diffusion2d(50, 1e4)
    b = np.random.default_rng(1).standard_normal(2500)
    M = black_box_mg(A, (50, 50))
    seen = []
    driven = cg(A, b, rtol=1e-9, M=M, callback=lambda x: seen.append(x.copy()))
    inside = cg(A, b, rtol=1e-9, M=M, residuals=True)
    assert driven.iterations == inside.iterations == len(seen) == inside.residuals.size - 1
    assert np.array_equal(driven.x, inside.x)


def test_update_equals_a_fresh_setup():
    A, B = diffusion2d(40, 1e4, rng=1), diffusion2d(40, 1e2, rng=2)
    M = black_box_mg(A, (40, 40))
    r = np.ones(1600)
    first = M @ r
    M.update(B)
    assert np.array_equal(M @ r, black_box_mg(B, (40, 40)) @ r)
    M.update(A)
    assert np.array_equal(M @ r, first)
    with pytest.raises(ValueError, match="A has shape"):
        M.update(poisson2d(5))


def test_it_keeps_its_own_copy():
    A = diffusion2d(30)
    M = black_box_mg(A, (30, 30))
    before = M @ np.ones(900)
    A.data *= 3
    assert np.array_equal(before, M @ np.ones(900))


def test_apply_multi_is_apply_by_columns():
    A = diffusion2d(20)
    M = black_box_mg(A, (20, 20))
    R = np.random.default_rng(0).standard_normal((400, 3))
    out = M.apply_multi(R, np.empty_like(R))
    for j in range(3):
        assert np.array_equal(out[:, j], M @ R[:, j])
    assert np.array_equal(M @ R, out) and np.array_equal(M.T @ R, out)
    assert M.apply_multi(np.empty((400, 0)), np.empty((400, 0))).shape == (400, 0)


def test_one_object_in_eight_threads():
    A = diffusion2d(64)
    M = black_box_mg(A, (64, 64), workers=1)
    rhs = [np.random.default_rng(k).standard_normal(4096) for k in range(8)]
    expected = [M @ r for r in rhs]
    wrong = []

    def hammer(k):
        for _ in range(20):
            if not np.array_equal(M @ rhs[k], expected[k]):
                wrong.append(k)

    threads = [threading.Thread(target=hammer, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


# ---- scales and sizes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [2.0**-980, 2.0**-200, 2.0**200, 2.0**980])
def test_scaling_by_powers_of_two_is_exact(scale):
    A = diffusion2d(24, 1e2)
    b = np.random.default_rng(0).standard_normal(576)
    plain = cg(A, b, rtol=1e-8, M=black_box_mg(A, (24, 24)))
    far = cg(A * scale, b * scale, rtol=1e-8, M=black_box_mg(A * scale, (24, 24)))
    assert far.iterations == plain.iterations and np.array_equal(far.x, plain.x)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8, 9])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_small_grids(n, dim):
    A = sps.csr_array(random_stencil((n,) * dim, n)) if n > 1 else sps.csr_array(np.array([[2.0]]))
    M = black_box_mg(A, (n,) * dim)
    b = np.arange(1.0, A.shape[0] + 1)
    result = cg(A, b, rtol=1e-10, M=M)
    assert result.status == "converged" and np.allclose(A @ result.x, b, rtol=0, atol=1e-9 * np.abs(b).max())
    if A.shape[0] <= 64:
        assert result.iterations <= 2  # solved directly


def test_float32_keeps_its_dtype():
    A = diffusion2d(60, 10.0).astype(np.float32)
    M = black_box_mg(A, (60, 60))
    assert M.dtype == np.float32
    b = np.ones(3600, np.float32)
    result = cg(A, b, rtol=1e-4, M=M)
    assert result.x.dtype == np.float32 and result.status == "converged" and result.iterations <= 9
    # in double precision, as a preconditioner of another dtype
    exact = A.astype(np.float64)
    mixed = cg(exact, np.ones(3600), rtol=1e-10, M=M)
    assert mixed.status == "converged" and np.linalg.norm(exact @ mixed.x - 1) <= 1e-10 * 60


@pytest.mark.parametrize("convert", [sps.csr_matrix, sps.csc_array, sps.coo_array, sps.dia_array, sps.bsr_array])
def test_any_sparse_format(convert):
    A = diffusion2d(12)
    assert np.array_equal(black_box_mg(convert(A), (12, 12)) @ np.ones(144), black_box_mg(A, (12, 12)) @ np.ones(144))


def test_index_types_and_integers():
    A = poisson2d(12)
    expected = black_box_mg(A, (12, 12)) @ np.ones(144)
    wide = sps.csr_array((A.data, A.indices.astype(np.int64), A.indptr.astype(np.int64)), shape=A.shape)
    assert np.array_equal(black_box_mg(wide, np.array([12, 12])) @ np.ones(144), expected)
    assert np.array_equal(black_box_mg(A.astype(int), [12, 12]) @ np.ones(144), expected)


def test_explicit_zeros_are_no_couplings():
    A = poisson2d(10).tolil()
    A[0, 99] = A[99, 0] = 1.0
    A = sps.csr_array(A)
    with pytest.raises(ValueError, match="couples row 0"):
        black_box_mg(A, (10, 10))
    A.data[np.flatnonzero(A.data == 1.0)] = 0.0
    assert np.array_equal(
        black_box_mg(A, (10, 10)) @ np.ones(100), black_box_mg(poisson2d(10), (10, 10)) @ np.ones(100)
    )


# ---- refused -------------------------------------------------------------------------------------------------------


def broken(i, j, value):
    A = poisson2d(12).tolil()
    A[i, j] = value
    return sps.csr_array(A)


@pytest.mark.parametrize(
    ("A", "shape", "options", "error", "text"),
    [
        (np.eye(4), (2, 2), {}, TypeError, "sparse"),
        (poisson2d(4), (4, 5), {}, ValueError, r"20 points"),
        (poisson2d(4), (2, 2, 2, 2), {}, ValueError, "4 axes"),
        (poisson2d(4), (), {}, ValueError, "0 axes"),
        (poisson2d(4), (16, 0), {}, ValueError, "positive"),
        (poisson2d(4), 16, {}, TypeError, "sequence of integers"),
        (poisson2d(4), (4.0, 4.0), {}, TypeError, "sequence of integers"),
        (poisson2d(4), (4, 4), {"lines": "x"}, ValueError, "lines"),
        (poisson2d(4), (4, 4), {"lines": (2,)}, ValueError, "axis 2"),
        (poisson2d(4), (4, 4), {"lines": 1}, TypeError, "lines"),
        (poisson2d(4), (4, 4), {"cycle": "F"}, ValueError, "cycle"),
        (poisson2d(4), (4, 4), {"workers": 0}, ValueError, "workers"),
        (poisson2d(4).astype(complex), (4, 4), {}, TypeError, "real"),
        (poisson2d(4) * np.nan, (4, 4), {}, ValueError, "finite"),
        (
            poisson2d(12),
            (9, 16),
            {},
            ValueError,
            r"couples row 0 at \(0, 0\) with column 12",
        ),
        (broken(30, 31, -1.5), (12, 12), {}, ValueError, r"entry \(31, 30\) differs from entry \(30, 31\)"),
        (broken(30, 31, 0.0), (12, 12), {}, ValueError, r"entry \(31, 30\)"),
        (broken(31, 30, 0.0), (12, 12), {}, ValueError, "not symmetric"),
        (broken(40, 40, 0.0), (12, 12), {}, np.linalg.LinAlgError, "row 40"),
        (broken(40, 40, -4.0), (12, 12), {}, np.linalg.LinAlgError, "row 40"),
    ],
)
def test_refused(A, shape, options, error, text):
    with pytest.raises(error, match=text):
        black_box_mg(A, shape, **options)


def test_singular_matrices_are_refused():
    side = sps.diags_array([-np.ones(15), np.r_[1.0, 2 * np.ones(14), 1.0], -np.ones(15)], offsets=[-1, 0, 1])
    neumann = sps.csr_array(sps.kron(side, sps.eye_array(16)) + sps.kron(sps.eye_array(16), side))
    with pytest.raises(np.linalg.LinAlgError, match="level"):
        black_box_mg(neumann, (16, 16))


def test_indefinite_matrices_end_with_an_error_or_a_status():
    A = sps.csr_array(poisson2d(20) - 1.0 * sps.eye_array(400))
    try:
        M = black_box_mg(A, (20, 20))
    except np.linalg.LinAlgError:
        return
    assert cg(A, np.ones(400), M=M).status.startswith("indefinite")


def test_nan_does_not_stay_in_the_object():
    A = poisson2d(40)
    for lines in (None, (0,), (1,)):
        M = black_box_mg(A, (40, 40), lines=lines)
        expected = M @ np.ones(1600)
        for bad in (np.nan, np.inf):
            r = np.ones(1600)
            r[800] = bad
            assert np.isnan(M @ r).any()
            assert np.array_equal(M @ np.ones(1600), expected)
    b = np.ones(1600)
    b[3] = np.nan
    assert cg(A, b, M=M, check_finite=False).status == "non_finite"


def test_apply_checks_its_arguments():
    M = black_box_mg(poisson2d(5), (5, 5))
    r = np.ones(25)
    for bad_r, out in ((np.ones(24), np.empty(25)), (r, np.empty(25, np.float32)), (r, r), (r[::-1], np.empty(25))):
        with pytest.raises(ValueError, match=r"r |out|contiguous"):
            M.apply(bad_r, out)
    frozen = np.empty((25, 2))
    frozen.flags.writeable = False
    for bad_r, out in ((np.ones((24, 2)), np.empty((24, 2))), (np.ones((25, 2)), frozen), (frozen, frozen.T.copy())):
        with pytest.raises(ValueError, match=r"R |out|contiguous"):
            M.apply_multi(bad_r, out)


def test_what_it_says_of_itself():
    M = black_box_mg(poisson2d(64), (64, 64), cycle="V")
    assert isinstance(M, BlackBoxMG) and M.is_spd and M.is_linear and M.cycle == "V"
    assert M.grids[0] == (64, 64) and M.grids[-1] == (8, 8) and len(M.lines) == len(M.grids)
    assert 8 * 4096 * 8 < M.nbytes < 8 * 4096 * 40


def test_interrupt():
    """Ctrl-C during a solve is noticed at once."""
    A = anisotropic2d(300, 1e-7, 0.5)
    M = black_box_mg(A, (300, 300), lines=None)
    cg(A, np.ones(90000), rtol=1e-4, maxiter=1, M=M)
    raised = []

    def stop():
        time.sleep(0.3)
        raised.append(time.perf_counter())
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=stop)
    thread.start()

    def forever():
        while True:
            cg(A, np.ones(90000), rtol=1e-14, maxiter=100000, M=M)

    with pytest.raises(KeyboardInterrupt):
        forever()
    assert time.perf_counter() - raised[0] < 0.5
    thread.join()


def test_rows_after_an_empty_one_are_read_anew():
    """The pattern of the row before the empty one was taken for that of the row after it."""
    indptr, columns, values = [0], [], []
    for row in range(36):
        entries = {6: [(5, 0.0), (6, 4.0)], 7: [], 8: [(7, -1.0), (8, 4.0)]}.get(row, [(row, 4.0)])
        columns += [c for c, _ in entries]
        values += [v for _, v in entries]
        indptr.append(len(columns))
    A = sps.csr_array((np.array(values), np.array(columns, np.int32), np.array(indptr, np.int32)), shape=(36, 36))
    with pytest.raises(ValueError, match=r"not symmetric: entry \(8, 7\)"):
        black_box_mg(A, (6, 6))
