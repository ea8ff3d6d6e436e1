"""kriss.sketch.lstsq and backward_error: accuracy on grids of condition and residual, honesty on everything else."""

import dataclasses
import logging
import math
import threading

import mpmath
import numpy as np
import pytest
import scipy.linalg as sla
from hypothesis import given, settings
from hypothesis import strategies as st

import kriss
from kriss import datasets
from kriss.sketch import LstsqResult, backward_error, lstsq
from kriss.sketch._rows import DenseMatrix

EPS = np.finfo(float).eps


def conditioned(rng, m, n, kappa):
    """m x n with singular values from 1 to 1/kappa, dense singular vectors."""
    U = np.linalg.qr(rng.standard_normal((m, n)))[0]
    V = np.linalg.qr(rng.standard_normal((n, n)))[0]
    s = np.logspace(0, -math.log10(kappa), n)
    return (U * s) @ V.T, s


def exact_backward_error(A, b, x):
    """Waldén, Karlson and Sun's formula by a dense SVD: the smallest |[E, t f]| / |A|, t = |A| / |b|."""
    norm = np.linalg.norm(A)
    theta = norm / np.linalg.norm(b)
    r = b - A @ x
    rn = np.linalg.norm(r)
    if rn == 0:
        return 0.0
    omega = theta * rn / math.sqrt(1 + (theta * np.linalg.norm(x)) ** 2)
    m = A.shape[0]
    wide = np.hstack([A, omega * (np.eye(m) - np.outer(r, r) / rn**2)])
    return min(omega, np.linalg.svd(wide, compute_uv=False)[-1]) / norm


# --- the certificate ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kappa", [1, 1e3, 1e6])
@pytest.mark.parametrize("residual", [1e-6, 1.0, 1e3])
@pytest.mark.parametrize("shift", [1e-9, 1e-4, 0.1, 10.0])
def test_certificate_against_the_exact_formula(rng, kappa, residual, shift):
    for m, n in [(12, 3), (40, 8), (60, 1)]:
        A, _ = conditioned(rng, m, n, kappa)
        b = A @ rng.standard_normal(n) + residual * rng.standard_normal(m)
        x = np.linalg.lstsq(A, b, rcond=None)[0]
        x = x + shift * np.linalg.norm(x) * rng.standard_normal(n)
        exact = exact_backward_error(A, b, x)
        if exact < 1e-13:
            continue  # the formula's own SVD is no better than that
        assert 0.70 <= backward_error(A, b, x) / exact <= 1.01


def test_certificate_by_the_sketched_factor_is_that_by_qr(rng):
    A, _ = conditioned(rng, 6000, 30, 1e8)
    A = A * 2.0 ** rng.integers(-20, 20, 30)
    b = rng.standard_normal(6000)
    x = rng.standard_normal(30)
    tall = backward_error(A, b, x)
    scale = np.linalg.norm(A)
    theta = scale / np.linalg.norm(b)
    r = b - A @ x
    weight = theta / math.sqrt(1 + (theta * np.linalg.norm(x)) ** 2)
    _, s, vt = np.linalg.svd(A, full_matrices=False)
    want = weight * np.linalg.norm(vt @ (A.T @ r) / np.sqrt(s**2 + (weight * np.linalg.norm(r)) ** 2)) / scale
    assert tall == pytest.approx(want, rel=1e-6)


def test_certificate_shapes_and_zero(rng):
    A = rng.standard_normal((50, 4))
    B = rng.standard_normal((50, 3))
    X = np.linalg.lstsq(A, B, rcond=None)[0]
    each = backward_error(A, B, X)
    assert each.shape == (3,)
    assert each[1] == pytest.approx(backward_error(A, B[:, 1], X[:, 1]), rel=1e-2)
    assert backward_error(A, np.zeros(50), np.zeros(4)) == 0.0
    assert backward_error(A, np.zeros(50), np.ones(4)) == 1.0
    assert backward_error(np.zeros((5, 0)), np.ones(5), np.zeros(0)) == 0.0
    assert isinstance(backward_error(A, B[:, 0], X[:, 0], scaled=True), float)
    with pytest.raises(ValueError, match="x has shape"):
        backward_error(A, B, X[:, 0:1])
    with pytest.raises(ValueError, match="x contains"):
        backward_error(A, B[:, 0], np.full(4, np.nan))
    with pytest.raises(ValueError, match="a contains"):
        backward_error(np.full((3, 1), np.inf), np.ones(3), np.ones(1))


# --- accuracy -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("residual", [0.0, 1e-6, 1e3])
@pytest.mark.parametrize("kappa", [1, 5e2, 1e7, 1e12])
def test_grid_of_condition_and_residual(rng, kappa, residual, order):
    m, n = 4500, 23
    A, s = conditioned(rng, m, n, kappa)
    A = np.asarray(A, order=order)
    b = A @ rng.standard_normal(n) + residual * rng.standard_normal(m) / math.sqrt(m)
    for seed in range(2):
        fit = lstsq(A, b, rng=seed)
        assert fit.method in ("gram", "preconditioned-gram")
        assert fit.rank == n
        assert fit.backward_error <= EPS
        assert backward_error(A, b, fit.x) <= EPS
        loss = fit.condition if fit.method == "gram" else 1.0
        assert abs(fit.s - s).max() <= 10 * EPS * loss + 10 * EPS  # A itself is rounded
        assert fit.residues == pytest.approx(np.linalg.norm(b - A @ fit.x) ** 2, rel=1e-6, abs=1e-25)
        assert 0 < fit.sketch_distortion < 2


@pytest.mark.parametrize("method", ["gram", "preconditioned-gram", "lapack"])
def test_all_methods_solve_the_same_problem(rng, method):
    A, _ = conditioned(rng, 3000, 12, 100)
    b = rng.standard_normal(3000)
    fit = lstsq(A, b, method=method, rng=0)
    assert fit.method == method
    # Wedin: relative error <= eps (2 kappa + kappa^2 tan) up to a constant of order 10.
    best = np.linalg.lstsq(A, b, rcond=None)[0]
    assert np.linalg.norm(fit.x - best) <= 20 * EPS * 1e4 * np.linalg.norm(b)
    assert fit.backward_error < 10 * EPS


def test_gram_hands_over_when_the_matrix_is_too_hard(rng, caplog):
    A, _ = conditioned(rng, 5000, 20, 1e11)
    b = rng.standard_normal(5000)
    with caplog.at_level(logging.INFO, logger="kriss.sketch"):
        fit = lstsq(A, b, method="gram", rng=0)
    assert fit.method == "preconditioned-gram"
    assert fit.backward_error <= EPS
    assert fit.reason.startswith("gram: ")
    assert any("gram gave up" in record.message for record in caplog.records)


def test_unreachable_tolerance_ends_at_lapack(rng):
    A = rng.standard_normal((5000, 20))
    fit = lstsq(A, rng.standard_normal(5000), tol=1e-30, rng=0)
    assert fit.method == "lapack"
    assert "gram: backward error" in fit.reason and "preconditioned-gram: backward error" in fit.reason


def test_loose_tolerance_saves_refinements(rng):
    A, _ = conditioned(rng, 8000, 20, 900)
    b = rng.standard_normal(8000)
    loose, tight = lstsq(A, b, tol=1e-6, rng=0), lstsq(A, b, rng=0)
    assert loose.backward_error <= 1e-6
    assert loose.iterations <= tight.iterations
    assert tight.backward_error <= EPS


def hard_cases(rng):
    m, n = 8000, 20
    yield (
        "diagonal over tiny rows",
        np.vstack([np.diag(10.0 ** -np.arange(0.0, 10, 0.5)), 1e-9 * rng.standard_normal((m, n))]),
    )
    yield "cauchy rows", rng.standard_cauchy((m, n))
    yield "one hot and an intercept", np.hstack([np.eye(n)[rng.integers(0, n, m)][:, 1:], np.ones((m, 1))])
    yield "vandermonde", np.vander(np.linspace(-1, 1, m), n)
    yield "coherent", np.vstack([np.eye(n), np.zeros((m, n))])
    yield "column scales 1e±150", rng.standard_normal((m, n)) * np.logspace(-150, 150, n)
    yield "column scales 1e-280", rng.standard_normal((m, n)) * 1e-280
    yield "column scales 1e280", rng.standard_normal((m, n)) * 1e280


@pytest.mark.parametrize("index", range(8))
@pytest.mark.parametrize("consistent", [True, False])
def test_hard_cases(rng, index, consistent):
    name, A = list(hard_cases(rng))[index]
    scale = abs(A).max(axis=0)
    b = (A / scale) @ rng.standard_normal(A.shape[1])
    if not consistent:
        b = b + rng.standard_normal(A.shape[0])
    fit = lstsq(A, b, rng=1)
    assert fit.method != "lapack", (name, fit.reason)
    assert fit.rank == A.shape[1]
    assert fit.backward_error <= EPS, name


@pytest.mark.parametrize("power", [-300, 40, 300])
def test_powers_of_two_change_no_bit(rng, power):
    A = rng.standard_normal((6000, 20))
    b = rng.standard_normal(6000)
    base = lstsq(A, b, rng=0)
    assert np.array_equal(lstsq(A, b * 2.0**power, rng=0).x, base.x * 2.0**power)
    assert np.array_equal(lstsq(A * 2.0**power, b, rng=0).x * 2.0**power, base.x)
    columns = 2.0 ** rng.integers(-100, 100, 20)
    assert np.array_equal(lstsq(A * columns, b, rng=0).x * columns, base.x)


def test_same_bits_for_workers_and_order(rng):
    A = rng.standard_normal((20_000, 30))
    B = rng.standard_normal((20_000, 2))
    base = lstsq(A, B, rng=0, workers=1)
    for workers in (2, 3, 4):
        other = lstsq(A, B, rng=0, workers=workers)
        assert np.array_equal(other.x, base.x) and np.array_equal(other.s, base.s)
        assert other.backward_error == base.backward_error
    assert np.array_equal(lstsq(np.asfortranarray(A), np.asfortranarray(B), rng=0).x, base.x)


def test_several_right_hand_sides(rng):
    A, _ = conditioned(rng, 8000, 30, 1e5)
    B = A @ rng.standard_normal((30, 7)) + rng.standard_normal((8000, 7)) * np.logspace(-14, 3, 7)
    B[:, 3] = 0
    fit = lstsq(A, B, rng=0)
    assert fit.x.shape == (30, 7) and fit.residues.shape == (7,)
    assert not fit.x[:, 3].any()
    assert backward_error(A, B, fit.x).max() <= EPS
    assert lstsq(A, B[:, :1], rng=0).x.shape == (30, 1)
    assert lstsq(A, B[:, 0], rng=0).residues.shape == ()


def test_float32(rng):
    A, s = conditioned(rng, 9000, 15, 500)
    A, b = A.astype(np.float32), rng.standard_normal(9000).astype(np.float32)
    fit = lstsq(A, b, rng=0)
    assert fit.x.dtype == fit.s.dtype == fit.residues.dtype == np.float32
    assert fit.method != "lapack"
    # The certificate is that of the float32 solution, and within float32 roundoff.
    assert 0 < fit.backward_error <= np.finfo(np.float32).eps
    assert backward_error(A, b, fit.x) <= np.finfo(np.float32).eps
    assert lstsq(A, b.astype(np.float64), rng=0).x.dtype == np.float64
    # s came from a Gram matrix in double precision: right to float32 rounding of A.
    assert np.allclose(fit.s, s, rtol=0, atol=1e-6)


def test_zero_right_hand_side(rng):
    fit = lstsq(rng.standard_normal((6000, 20)), np.zeros(6000), rng=0)
    assert not fit.x.any() and fit.backward_error == 0.0 and fit.residues == 0.0


def test_residual_orthogonal_to_the_range(rng):
    A = rng.standard_normal((6000, 20))
    b = rng.standard_normal(6000)
    b -= A @ np.linalg.lstsq(A, b, rcond=None)[0]
    b -= A @ np.linalg.lstsq(A, b, rcond=None)[0]
    fit = lstsq(A, b, rng=0)
    assert np.linalg.norm(fit.x) < 1e-14
    assert fit.backward_error <= EPS


# --- rank -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["auto", "spir", "lapack"])
@pytest.mark.parametrize("spoil", ["zero", "duplicate", "denormal", "sum", "two"])
def test_rank_deficient_has_minimum_norm(rng, spoil, method):
    A = rng.standard_normal((8000, 15))
    A[:, 4] = {"zero": 0.0, "duplicate": A[:, 9], "denormal": 1e-310}.get(spoil, A[:, 1] + A[:, 2])
    if spoil == "two":
        A[:, 14] = 3 * A[:, 0] - A[:, 7]
    rank = 13 if spoil == "two" else 14
    b = rng.standard_normal(8000)
    fit = lstsq(A, b, method=method, rng=0)
    x, _, found, s = sla.lstsq(A, b, cond=1e-13)
    assert fit.method == {"auto": "preconditioned-gram"}.get(method, method), fit.reason
    assert fit.rank == found == rank and math.isinf(fit.condition)
    assert np.allclose(fit.x, x, rtol=0, atol=1e-12)
    assert np.linalg.norm(fit.x) <= np.linalg.norm(x) * (1 + 1e-12)
    loose = 0.2 if method == "spir" else 1e-12  # the sketch's singular values stand for A's
    assert np.allclose(fit.s, s, rtol=0, atol=loose * s[0])
    assert fit.backward_error < EPS
    assert fit.residues == pytest.approx(np.linalg.norm(b - A @ x) ** 2)


def test_neither_deficient_nor_of_full_rank_goes_to_lapack(rng):
    A, _ = conditioned(rng, 8000, 15, 3e14)
    fit = lstsq(A, rng.standard_normal(8000), rng=0)
    assert fit.method == "lapack" and fit.rank == 15 and fit.backward_error <= EPS
    assert "neither full rank nor deficient" in fit.reason


@pytest.mark.parametrize("m", [40, 9000])
def test_units_do_not_change_the_rank(rng, m):
    A = rng.standard_normal((m, 12)) * np.logspace(-30, 30, 12)
    fit = lstsq(A, rng.standard_normal(m), rng=0)
    assert fit.rank == 12 and fit.backward_error < 20 * EPS
    assert lstsq(A, np.ones(m), cond=1e-10, rng=0).rank < 12


def test_cond_is_lapacks_cut(rng):
    A, _ = conditioned(rng, 8000, 15, 1e6)
    b = rng.standard_normal(8000)
    cut = lstsq(A, b, cond=1e-3, rng=0)
    assert cut.method == "lapack" and cut.rank == sla.lstsq(A, b, cond=1e-3)[2] < 15
    assert lstsq(A, b, cond=1e-12, rng=0).rank == 15


@pytest.mark.parametrize(("m", "n"), [(5, 5), (3, 7), (100, 40), (30, 2), (1, 1), (2, 1), (1, 3)])
def test_small_square_and_wide(rng, m, n):
    A, b = rng.standard_normal((m, n)), rng.standard_normal(m)
    fit = lstsq(A, b)
    assert fit.method == "lapack" and fit.rank == min(m, n) and fit.s.shape == (min(m, n),)
    assert np.allclose(fit.x, sla.lstsq(A, b)[0], atol=1e-12)
    assert fit.backward_error < 50 * EPS


@pytest.mark.parametrize(
    ("shape", "bshape"), [((0, 3), (0,)), ((4, 0), (4,)), ((0, 0), (0,)), ((5, 2), (5, 0)), ((0, 2), (0, 3))]
)
def test_nothing(shape, bshape):
    fit = lstsq(np.ones(shape), np.ones(bshape))
    assert fit.x.shape == (shape[1], *bshape[1:])
    assert not fit.x.any()
    assert fit.residues.shape == bshape[1:]
    assert "zero" in fit.reason


def test_tiny_tall_problems_by_the_gram_tiers(rng):
    for m, n in [(65, 1), (200, 2), (500, 7), (700, 8), (900, 9)]:
        A, b = rng.standard_normal((m, n)), rng.standard_normal(m)
        fit = lstsq(A, b, method="gram", rng=0)
        assert fit.method == "gram" and fit.backward_error <= EPS


# --- certified values -----------------------------------------------------------------------------------------------


def digits(x, certified):
    with np.errstate(divide="ignore"):
        return -np.log10(np.max(np.abs(x - certified) / np.abs(certified)))


@pytest.mark.parametrize(
    ("name", "least"),
    # The fewest digits over 12 seeds and both backends, less 0.3. Tiling leaves the certified values as they are.
    [("Longley", 10.5), ("Wampler1", 9.5), ("Wampler2", 12.5), ("Wampler5", 5.3), ("Filip", 6.6)],
)
def test_nist_strd_tiled(name, least):
    data = datasets.load_nist_strd(name)
    A = np.tile(data.design(), (1000, 1))
    y = np.tile(data.y, 1000)
    fit = lstsq(A, y, rng=0)
    assert fit.method != "lapack" and fit.backward_error <= EPS
    assert digits(fit.x, data.certified) >= least


def test_against_fifty_digits(rng):
    A, _ = conditioned(rng, 400, 4, 1e6)
    b = A @ rng.standard_normal(4) + 0.1 * rng.standard_normal(400)
    with mpmath.workdps(50):
        M = mpmath.matrix(A.tolist())
        exact = mpmath.lu_solve(M.T * M, M.T * mpmath.matrix(b.tolist()))
    exact = np.array([float(v) for v in exact])
    fit = lstsq(A, b, method="preconditioned-gram", rng=0)
    # A perturbation of size backward_error moves x by kappa + kappa^2 |r| / (|A| |x|), relatively (Wedin).
    r = np.linalg.norm(b - A @ exact)
    bound = fit.backward_error * 4 * (1e6 * np.linalg.norm(exact) + 1e12 * r) / math.sqrt(0.707)
    assert np.linalg.norm(fit.x - exact) <= bound


# --- arguments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("m", [50, 20_000])
@pytest.mark.parametrize("where", [0, 0.5, 1])
def test_non_finite(rng, bad, m, where):
    i = round(where * (m - 1))
    A, b = rng.standard_normal((m, 6)), rng.standard_normal(m)
    spoiled = A.copy()
    spoiled[i, 2] = bad
    with pytest.raises(ValueError, match=rf"a contains .* at index \({i}, 2\)"):
        lstsq(spoiled, b)
    spoiled = b.copy()
    spoiled[i] = bad
    with pytest.raises(ValueError, match=rf"b contains .* at index \({i}"):
        lstsq(A, spoiled)


def test_layouts_and_inputs_that_stay_as_they_are(rng):
    A = rng.integers(-9, 9, (12_000, 10)).astype(float)
    b = rng.integers(-9, 9, 12_000).astype(float)
    base = lstsq(A, b, rng=0)
    assert base.method == "gram"
    read_only = A.copy()
    read_only.flags.writeable = False
    padded = np.zeros((12_000, 25))
    padded[:, 1:21:2] = A
    unaligned = np.frombuffer(b"x" + A.tobytes(), np.uint8)[1:].view(np.float64).reshape(A.shape)
    for same in (
        A.astype(np.int16),
        A.astype(">f8"),
        read_only,
        padded[:, 1:21:2],
        A[::-1, ::-1][::-1, ::-1],
        unaligned,
        A.tolist(),
    ):
        assert np.array_equal(lstsq(same, b, rng=0).x, base.x)
    assert np.array_equal(lstsq(A, b.astype(">i4"), rng=0).x, base.x)
    assert np.array_equal(lstsq(A, np.repeat(b, 2)[::2], rng=0).x, base.x)
    fit = lstsq(np.broadcast_to(np.arange(1.0, 12_001)[:, None], (12_000, 10)), b, rng=0)  # zero stride, rank one
    assert fit.rank == 1
    before = A.copy(), b.copy()
    lstsq(A, b)
    lstsq(A[:20], b[:20])
    assert np.array_equal(A, before[0]) and np.array_equal(b, before[1])


def test_bad_arguments(rng):
    A, b = rng.standard_normal((300, 3)), rng.standard_normal(300)
    import scipy.sparse as sps

    for exception, text, call in [
        (ValueError, "a has shape", lambda: lstsq(b, b)),
        (ValueError, "b has 299 rows", lambda: lstsq(A, b[1:])),
        (ValueError, "b has shape", lambda: lstsq(A, b[:, None, None])),
        (ValueError, "method", lambda: lstsq(A, b, method="qr")),
        (ValueError, "sketch_size", lambda: lstsq(A, b, sketch_size=3)),
        (TypeError, "sketch_size", lambda: lstsq(A, b, sketch_size=30.0)),
        (ValueError, "zeta", lambda: lstsq(A, b, zeta=0)),
        (ValueError, "cond", lambda: lstsq(A, b, cond=-1.0)),
        (TypeError, "cond", lambda: lstsq(A, b, cond="x")),
        (ValueError, "tol", lambda: lstsq(A, b, tol=0.0)),
        (ValueError, "workers", lambda: lstsq(A, b, workers=0)),
        (TypeError, "b is sparse", lambda: lstsq(A, sps.csr_array(A))),
        (TypeError, "a has dtype complex256", lambda: lstsq(A.astype(np.clongdouble), b)),
        (ValueError, "damp", lambda: lstsq(A, b, damp=-1.0)),
        (TypeError, "damp", lambda: lstsq(A, b, damp="1")),
        (ValueError, "sample_weight has shape", lambda: lstsq(A, b, sample_weight=np.ones(299))),
        (ValueError, "sample_weight contains -1.0 at index 0", lambda: lstsq(A, b, sample_weight=-np.ones(300))),
        (ValueError, "sample_weight contains nan", lambda: lstsq(A, b, sample_weight=np.full(300, np.nan))),
        (TypeError, "object", lambda: lstsq(A.astype(object), b)),
        (TypeError, "dtype", lambda: lstsq(A, b.astype(np.longdouble))),
        (ValueError, "masked", lambda: lstsq(np.ma.masked_less(A, 0), b)),
        (TypeError, "rng", lambda: lstsq(A, b, rng="0")),
    ]:
        with pytest.raises(exception, match=text):
            call()


def test_result_is_frozen_and_complete(rng, backend):
    fit = lstsq(rng.standard_normal((6000, 20)), rng.standard_normal(6000), rng=0)
    assert fit.backend == backend
    assert isinstance(fit, LstsqResult) and isinstance(fit.rank, int) and isinstance(fit.iterations, int)
    with pytest.raises(dataclasses.FrozenInstanceError):
        fit.rank = 3


def test_backends_agree(rng):
    A, _ = conditioned(rng, 5000, 23, 1e6)
    B = rng.standard_normal((5000, 2))
    fits = []
    for name in ("compiled", "numba"):
        try:
            with kriss.use_backend(name):
                fits.append(lstsq(A, B, rng=0))
        except RuntimeError:
            pytest.skip(f"{name} is not available")
    # The sketch and the residual have the same bits, the Gram matrix does not: two solutions with certificates <= eps.
    assert np.allclose(fits[0].x, fits[1].x, rtol=0, atol=2 * EPS * 1e12)
    assert fits[0].method == fits[1].method


def test_a_solution_that_is_not_finite_is_never_certified(rng, monkeypatch):
    """A residual pass that returns NaN must end at LAPACK, not in a result."""
    real = DenseMatrix.residual

    def broken(*args, **kwargs):
        out = real(*args, **kwargs)
        return out._replace(g=out.g * np.nan)

    monkeypatch.setattr(DenseMatrix, "residual", broken)
    A, b = rng.standard_normal((6000, 20)), rng.standard_normal(6000)
    fit = lstsq(A, b, rng=0)
    assert fit.method == "lapack"
    assert np.allclose(fit.x, np.linalg.lstsq(A, b, rcond=None)[0])
    assert math.isnan(fit.backward_error)


def test_eight_threads_at_once(rng):
    A, b = rng.standard_normal((10_000, 20)), rng.standard_normal(10_000)
    base = lstsq(A, b, rng=0).x
    same = []
    threads = [
        threading.Thread(target=lambda: same.append(np.array_equal(lstsq(A, b, rng=0).x, base))) for _ in range(8)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(same) == 8 and all(same)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32), n=st.integers(1, 12), ratio=st.integers(9, 60), kappa=st.floats(0, 12),
    noise=st.floats(-12, 6), nrhs=st.integers(0, 3),
)  # fmt: skip
def test_property_certified_or_lapack(seed, n, ratio, kappa, noise, nrhs):
    gen = np.random.default_rng(seed)
    m = max(n * ratio, 70)
    A, _ = conditioned(gen, m, n, 10**kappa)
    shape = (m, nrhs) if nrhs else m
    b = A @ gen.standard_normal((n, nrhs) if nrhs else n) + 10**noise * gen.standard_normal(shape)
    fit = lstsq(A, b, method="gram", rng=seed)
    worst = np.max(backward_error(A, b, fit.x))
    if fit.method != "lapack":
        assert fit.backward_error <= EPS
        assert worst <= 2 * math.sqrt(n) * EPS  # another norm: columns are not scaled there
