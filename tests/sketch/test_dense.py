"""The small dense steps, on both sides of the size where LAPACK takes over."""

import numpy as np
import pytest

from kriss.sketch import _dense

EPS = np.finfo(float).eps


@pytest.mark.parametrize("n", [1, 2, 5, 33, 100, _dense.LIMIT + 1])
def test_factor_solve_multiply(rng, n):
    A = rng.standard_normal((2 * n + 3, n + 1))
    both = _dense.qr_r(A, n)
    assert both.shape == (n, n + 1)
    r = np.ascontiguousarray(both[:, :n])
    assert np.array_equal(r, np.triu(r))
    # Backward error of QR: |A'A - R'R| <= c m eps |A|^2, c of order one.
    assert np.abs(both.T @ both - A.T @ A)[:n].max() <= 2 * n * EPS * np.linalg.norm(A, 2) ** 2
    u = _dense.cholesky(A[:, :n].T @ A[:, :n])
    assert np.abs(u.T @ u - A[:, :n].T @ A[:, :n]).max() <= n * EPS * np.linalg.norm(A, 2) ** 2
    x = rng.standard_normal((n, 3))
    for transposed in (False, True):
        b = (r.T if transposed else r) @ x
        back = _dense.solve(r, b, transposed)
        assert (
            np.abs((r.T if transposed else r) @ back - b).max() <= 10 * n * EPS * np.linalg.norm(r) * np.abs(back).max()
        )
    assert np.allclose(_dense.multiply(r, u), r @ u, rtol=0, atol=n * EPS * np.linalg.norm(r) * np.linalg.norm(u))


@pytest.mark.parametrize("n", [1, 2, 5, 33, 100, _dense.LIMIT + 1])
@pytest.mark.parametrize("kappa", [1.0, 1e6, 1e13])
def test_svd(rng, n, kappa):
    s = np.logspace(0, -np.log10(kappa), n) if n > 1 else np.ones(1)
    U, V = (np.linalg.qr(rng.standard_normal((n, n)))[0] for _ in range(2))
    r = np.linalg.qr(U * s @ V.T)[1]
    before = r.copy()
    vt, got = _dense.svd(r)
    assert np.array_equal(r, before)
    assert np.abs(got - s).max() <= (20 + n / 10) * EPS
    assert np.abs(vt @ vt.T - np.eye(n)).max() <= 4 * max(4, np.sqrt(n)) * EPS
    # Small directions of R are small along the computed vectors.
    assert np.abs(np.linalg.norm(r @ vt.T, axis=0) - got).max() <= 40 * max(4, np.sqrt(n)) * EPS


def test_failures_are_said():
    assert _dense.cholesky(np.array([[1.0, 2.0], [2.0, 1.0]])) is None
    assert _dense.cholesky(np.array([[np.nan]])) is None
    vt, s = _dense.svd(np.zeros((3, 3)))
    assert not s.any()


def test_svd_completes_the_vectors_of_zero_values(rng):
    r = np.triu(rng.standard_normal((9, 9)))
    r[:, 4] = 0.0
    r[7:] = 0.0
    vt, s = _dense.svd(r)
    assert np.count_nonzero(s) <= 7
    np.testing.assert_allclose(vt @ vt.T, np.eye(9), atol=1e-14)
    assert np.linalg.norm(r @ vt[7:].T) <= 1e-14 * s[0]
    np.testing.assert_array_equal(_dense.svd(np.zeros((3, 3)))[0] ** 2, np.eye(3))
