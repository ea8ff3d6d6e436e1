"""Preconditioners near |A|^-1: the spectral correction against its dense form, and the Lie-group fits."""

import math

import numpy as np
import pytest
import scipy.linalg as sl
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import aslinearoperator

from kriss.solve import AbsoluteInverse, fit_absolute, gcrodr, minres
from kriss.testing import diffusion2d


def indefinite(size=18, shift=0.3):
    A = diffusion2d(size, 30.0)
    A.setdiag(A.diagonal() - shift)
    return A


def spectrum(n, cond, seed, definite=False):
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    values = np.geomspace(1, 1 / cond, n)
    signs = np.ones(n) if definite else np.where(rng.random(n) < 0.5, -1.0, 1.0)
    return (Q * (values * signs)) @ Q.T, (Q * values) @ Q.T


def spread(P, size):
    """Square root of the condition number of P |A|, which is what MINRES sees."""
    values = sl.eigh(P, np.linalg.inv(size), eigvals_only=True)
    return math.sqrt(values[-1] / values[0])


@settings(max_examples=20)
@given(st.integers(2, 30), st.integers(1, 6), st.integers(0, 1000))
def test_exact_eigenvectors_move_to_the_target(n, k, seed):
    A, _ = spectrum(n, 1e3, seed)
    values, vectors = np.linalg.eigh(A)
    small = np.argsort(abs(values))[: min(k, n - 1)]
    P = AbsoluteInverse(A, vectors[:, small] * 3.0, diagonal=False, target=1.0)
    dense = P @ np.eye(n)
    assert np.allclose(dense, dense.T) and P.is_spd
    assert np.linalg.eigvalsh(dense).min() > 0
    assert np.allclose(np.sort(P.values), np.sort(abs(values[small])), rtol=1e-8)
    want = np.sort(np.concatenate([np.sign(values[small]), np.delete(values, small)]))
    assert np.allclose(np.sort(np.linalg.eigvals(dense @ A).real), want, atol=1e-9)


def test_any_vectors_leave_it_positive_definite():
    A = indefinite(10)
    rng = np.random.default_rng(0)
    space = np.column_stack([rng.standard_normal((100, 3)), np.zeros(100), np.ones(100), 2 * np.ones(100)])
    P = AbsoluteInverse(A, space)
    assert np.linalg.eigvalsh(P @ np.eye(100)).min() > 0
    none = AbsoluteInverse(A, np.zeros((100, 2)))
    assert np.allclose(none @ np.ones(100), 1 / abs(A.diagonal()))


def test_minres_with_recycled_vectors():
    """A related system, preconditioned by what the first one left: less than half of the iterations with |D|^-1."""
    A, b = indefinite(), np.ones(324)
    space = gcrodr(A, b, rtol=1e-8, restart=60, recycle=20).recycled
    other = indefinite(shift=0.301)
    jacobi = minres(other, b, M=sp.diags_array(1 / abs(other.diagonal())), rtol=1e-8)
    P = AbsoluteInverse(other, space)
    found = minres(other, b, M=P, rtol=1e-8)
    assert found.converged and found.iterations < 0.5 * jacobi.iterations
    by_operator = AbsoluteInverse(aslinearoperator(other), space)
    assert minres(other, b, M=by_operator, rtol=1e-8).converged
    block = np.random.default_rng(1).standard_normal((324, 3))
    assert np.allclose(P @ block, np.stack([P @ column for column in block.T], axis=1), rtol=1e-12)
    assert P.nbytes > 0 and P.is_linear and P.T is P


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_scales(scale):
    A = indefinite(8)
    space = np.random.default_rng(2).standard_normal((64, 4))
    one, big = AbsoluteInverse(A, space), AbsoluteInverse(A * scale, space)
    b = np.ones(64)
    assert np.allclose((big @ b) * scale, one @ b, rtol=1e-9)


def test_triangles_converge_on_definite_matrices():
    """Li 2024: linear convergence with a constant step where A is definite; recorded 1.06 after 1000 products."""
    A, size = spectrum(20, 100, 0, definite=True)
    spreads = [spread(fit_absolute(A, products=k, decay=math.inf).matrix(), size) for k in (0, 200, 1000)]
    assert spreads[0] == pytest.approx(10.0)
    assert spreads[1] < 2.3 and spreads[2] < 1.1


def test_indefinite_fits_need_smaller_steps():
    A, size = spectrum(20, 100, 0)
    noisy = spread(fit_absolute(A, products=1500, decay=math.inf).matrix(), size)
    found = spread(fit_absolute(A, products=1500).matrix(), size)
    assert found < 0.9 * noisy and found < 1.6
    low = fit_absolute(A, form="low_rank", products=800, rank=10)
    assert spread(low.matrix(), size) < 0.6 * 10.0
    assert np.linalg.eigvalsh(low.matrix()).min() > 0


@pytest.mark.parametrize("form", ["triangular", "low_rank"])
def test_fits_are_operators(form):
    A, _ = spectrum(12, 10, 1)
    fit = fit_absolute(sp.csr_array(A), form=form, products=50, rank=3, rng=4)
    again = fit_absolute(A, form=form, products=50, rank=3, rng=4)
    assert np.allclose(fit.matrix(), again.matrix())
    assert np.allclose(fit @ np.eye(12), fit.matrix()) and np.allclose(fit.matrix(), fit.matrix().T)
    assert np.allclose(fit @ np.ones(12), fit.matrix() @ np.ones(12))
    assert fit.products == 50 and fit.history.shape == (50,) and fit.nbytes > 0
    assert minres(sp.csr_array(A), np.ones(12), M=fit, rtol=1e-9).converged


A3 = np.diag([1.0, -2.0, 3.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: AbsoluteInverse(A3, np.ones((2, 1))), r"space has shape \(2, 1\), expected \(3, k\)"),
        (lambda: AbsoluteInverse(np.diag([1.0, 0.0]), np.ones((2, 1))), "diagonal entry 0.0 in row 1"),
        (lambda: AbsoluteInverse(A3, np.full((3, 1), np.nan)), "space contains nan"),
        (lambda: AbsoluteInverse(A3, np.ones((3, 1)), target=0.0), "target"),
        (lambda: AbsoluteInverse(np.ones((2, 3)), np.ones((2, 1))), "expected a square matrix"),
        (lambda: AbsoluteInverse("A", np.ones((2, 1))), "A must be a sparse matrix"),
        (lambda: fit_absolute(A3, form="diagonal"), "form must be one of"),
        (lambda: fit_absolute(A3, step=2.0), "step must be below 2"),
        (lambda: fit_absolute(A3, products=-1), "products must be at least 0"),
        (lambda: fit_absolute(A3, rank=0), "rank must be at least 1"),
        (lambda: fit_absolute(A3 * np.nan), "A contains nan"),
        (lambda: fit_absolute(aslinearoperator(A3 * 1j)), "expected real numbers"),
    ],
)
def test_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
