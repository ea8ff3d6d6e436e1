"""kriss.scipy.sparse.linalg.cg against scipy.sparse.linalg.cg: returns, dtypes, rules and errors."""

import logging
import warnings

import numpy as np
import pytest
import scipy.sparse as sps
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse.linalg import LinearOperator, aslinearoperator
from scipy.sparse.linalg import cg as scipy_cg

from kriss.scipy.sparse.linalg import cg
from kriss.solve import SSOR, Jacobi
from kriss.testing import poisson2d

N = 10
SIZE = N * N


@pytest.fixture
def A():
    # well conditioned: rounding does not grow over the iterations, so iterates can be compared digit by digit
    return (poisson2d(N) + sps.diags_array(np.linspace(0.5, 3.0, SIZE))).tocsr()


@pytest.fixture
def b(rng):
    return rng.standard_normal(SIZE)


def same(ours, theirs, tol=1e-9):
    (x, info), (y, code) = ours, theirs
    assert type(x) is type(y) and x.dtype == y.dtype and x.shape == y.shape
    assert type(info) is type(code) and info == code
    assert_allclose(x, y, atol=tol * max(np.abs(y).max(initial=0.0), 1e-300), rtol=0, equal_nan=True)


@pytest.fixture
def delegated(caplog):
    caplog.set_level(logging.INFO, "kriss.dispatch")
    return lambda: [r.getMessage() for r in caplog.records if "sparse.linalg.cg" in r.getMessage()]


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "dia", "lil"])
@pytest.mark.parametrize("array", [True, False])
def test_formats(kind, array, A, b, delegated):
    B = A.asformat(kind) if array else sps.csr_matrix(A).asformat(kind)
    same(cg(B, b, rtol=1e-8), scipy_cg(B, b, rtol=1e-8), 1e-6)
    assert not delegated()


@pytest.mark.parametrize("a_type", [np.float32, np.float64, np.int64, np.int8])
@pytest.mark.parametrize("b_type", [np.float32, np.float64, np.int64, np.bool_])
def test_dtypes(a_type, b_type, delegated):
    A = poisson2d(N).astype(a_type)
    b = np.arange(SIZE) % 3 - (0 if b_type == np.bool_ else 1)
    b = b.astype(b_type)
    same(cg(A, b, rtol=1e-4), scipy_cg(A, b, rtol=1e-4), 1e-3)
    assert not delegated()


@pytest.mark.parametrize("M", ["jacobi", "ssor", "sparse", "operator"])
@pytest.mark.parametrize("start", [False, True])
def test_preconditioners_and_starts(M, start, A, b, rng, delegated):
    d = 1 / A.diagonal()
    M = {
        "jacobi": Jacobi(A),
        "ssor": SSOR(A, 1.4),
        "sparse": sps.diags_array(d),
        "operator": LinearOperator(A.shape, matvec=lambda r: d * r, dtype=float),
    }[M]
    x0 = rng.standard_normal(SIZE) if start else None
    kept = None if x0 is None else x0.copy()
    same(cg(A, b, x0, M=M, rtol=1e-8), scipy_cg(A, b, x0, M=M, rtol=1e-8), 1e-6)
    if start:
        assert_array_equal(x0, kept)
    assert not delegated()


def test_operators(A, b, delegated):
    B = aslinearoperator(A)
    same(cg(B, b), scipy_cg(B, b))
    assert not delegated()


def test_every_callback(A, b):
    ours, theirs = [], []
    cg(A, b, rtol=1e-8, callback=lambda x: ours.append(x.copy()))
    scipy_cg(A, b, rtol=1e-8, callback=lambda x: theirs.append(x.copy()))
    assert len(ours) == len(theirs)
    assert_allclose(ours[:20], theirs[:20], atol=1e-10 * np.abs(theirs).max())


def test_the_test_comes_before_the_iteration(A, b):
    count = []
    scipy_cg(A, b, rtol=1e-8, callback=lambda x: count.append(1))
    for maxiter in (len(count) + 1, len(count), len(count) - 1, 1, 0):
        same(cg(A, b, rtol=1e-8, maxiter=maxiter), scipy_cg(A, b, rtol=1e-8, maxiter=maxiter), 1e-6)


@pytest.mark.parametrize("shape", [(SIZE,), (SIZE, 1)])
def test_shapes_of_b_and_x0(shape, A, b):
    same(cg(A, b.reshape(shape), np.ones(shape)), scipy_cg(A, b.reshape(shape), np.ones(shape)))


def test_zero_right_hand_side_returns_b(A):
    b = np.zeros(SIZE)
    same(cg(A, b, np.ones(SIZE)), scipy_cg(A, b, np.ones(SIZE)))
    tiny = np.full(SIZE, 1e-200)  # whose norm underflows
    same(cg(A, tiny), scipy_cg(A, tiny))


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_small_sizes(n):
    A, b = sps.eye_array(n).tocsr() * 3, np.arange(1.0, n + 1)
    same(cg(A, b), scipy_cg(A, b))


def test_indefinite_matrices_run_on_as_in_scipy(b):
    d = np.linspace(-1, 2, SIZE)
    A = sps.diags_array(d).tocsr()
    same(cg(A, b, maxiter=15), scipy_cg(A, b, maxiter=15), 1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("which", ["A", "b", "x0"])
def test_nan_and_infinity_end_as_in_scipy(value, which, A, b):
    x0 = np.ones(SIZE)
    {"A": A.data, "b": b, "x0": x0}[which][7] = value
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        theirs = scipy_cg(A, b, x0, maxiter=30)
        same(cg(A, b, x0, maxiter=30), theirs)


@pytest.mark.parametrize("tolerance", [
    {"rtol": 1e-3}, {"atol": 1e-3, "rtol": 0.0}, {"rtol": 1e-3, "atol": 10.0}, {"rtol": 0.5, "atol": 1e-12},
    {"rtol": -1.0, "atol": 1e-2},
])  # fmt: skip
def test_tolerances(tolerance, A, b):
    same(cg(A, b, **tolerance), scipy_cg(A, b, **tolerance))


@pytest.mark.parametrize("change", [
    {"atol": -1.0}, {"atol": "legacy"}, {"atol": None}, {"rtol": "x"}, {"b": np.ones(3)}, {"x0": np.ones(3)},
    {"A": sps.csr_array(np.ones((2, 3)))}, {"M": np.eye(3)}, {"maxiter": 2.5}, {"A": "x"},
])  # fmt: skip
def test_the_same_errors(change, A, b):
    args = {"A": A, "b": b} | change
    with pytest.raises(Exception) as theirs:
        scipy_cg(**args)
    with pytest.raises(theirs.type) as ours:
        cg(**args)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("what", ["complex", "dense", "Mb", "complex b"])
def test_what_goes_to_scipy_is_logged(what, A, b, delegated):
    args = {
        "complex": {"A": A.astype(complex), "b": b},
        "dense": {"A": A.toarray(), "b": b},
        "Mb": {"A": A, "b": b, "x0": "Mb"},
        "complex b": {"A": A, "b": b * (1 + 2j)},
    }[what]
    same(cg(**args), scipy_cg(**args))
    assert len(delegated()) == 1


def test_malformed_csr_raises_where_scipy_reads_out_of_bounds(b):
    A = poisson2d(N)
    A.indices = A.indices.copy()
    A.indices[5] = SIZE + 1000
    with pytest.raises(ValueError, match=r"A\.indices"):
        cg(A, b)
