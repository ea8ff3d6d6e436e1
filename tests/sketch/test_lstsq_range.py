"""kriss.sketch.lstsq near over- and underflow, with NaN, and with every kind of array, for all kinds of matrices."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sps
import scipy.sparse.linalg as spla

from kriss.sketch import lstsq

EPS = np.finfo(float).eps
KINDS = ["real", "complex", "sparse", "operator"]


def matrix(rng, kind, m=12_000, n=10):
    A = rng.standard_normal((m, n))
    if kind == "complex":
        A = A + 1j * rng.standard_normal((m, n))
    return A


def wrapped(A, kind):
    return {"sparse": sps.csr_array, "operator": spla.aslinearoperator}.get(kind, lambda a: a)(A)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("power", [-1000, -900, -400, 400, 900, 1000])
def test_powers_of_two_are_exact(rng, kind, power):
    A, b = matrix(rng, kind), rng.standard_normal(12_000)
    base = lstsq(wrapped(A, kind), b, rng=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        both = lstsq(wrapped(A * 2.0**power, kind), b * 2.0**power, rng=0)
        right = lstsq(wrapped(A, kind), b * 2.0**power, rng=0)
    # Another tier may answer below 1e-290, where there are no column scales from a sketch. The condition number is
    # about 1, so that x moves by the roundoff of b over a singular value of A, which is that of the smallest column.
    assert np.linalg.norm(both.x - base.x) <= 4 * EPS * np.linalg.norm(b) / np.linalg.norm(A, axis=0).min()
    assert np.array_equal(right.x, base.x * 2.0**power)
    assert both.backward_error <= EPS and right.backward_error <= EPS
    assert np.allclose(both.coefficient_se, base.coefficient_se, rtol=0.5 if base.method == "spir" else 1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_columns_of_all_sizes(rng, kind):
    A, b = matrix(rng, kind), rng.standard_normal(12_000)
    sizes = 2.0 ** np.arange(-450, 450, 90)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = lstsq(wrapped(A * sizes, kind), b, rng=0)
    base = lstsq(wrapped(A, kind), b, rng=0)
    assert fit.rank == 10 and fit.backward_error <= EPS
    assert np.array_equal(fit.x * sizes, base.x)


def test_deficient_with_columns_of_all_sizes(rng):
    A, b = matrix(rng, "real") * 2.0 ** np.arange(-450, 450, 90), rng.standard_normal(12_000)
    for twin in (0, 4, 9):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fit = lstsq(np.hstack([A, A[:, twin : twin + 1]]), b, rng=0)
        want = lstsq(A, b, rng=0).x
        want[twin] /= 2
        assert fit.rank == 10 and fit.backward_error <= EPS
        assert np.allclose(fit.x, np.append(want, want[twin]), rtol=1e-10, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_subnormal_numbers(rng, kind):
    A, b = np.full((12_000, 9), 5e-324) * rng.integers(0, 4, (12_000, 9)), rng.standard_normal(12_000)
    A = A + 1j * A if kind == "complex" else A
    with pytest.raises(OverflowError, match="solution is beyond the range"):
        lstsq(wrapped(A, kind), b, rng=0)
    fit = lstsq(wrapped(A, kind), b * 1e-300, rng=0)
    whole = lstsq(A / 5e-324 if kind != "complex" else (A.real + 1j * A.imag) * 2.0**537 * 2.0**537, b, rng=0)
    assert fit.rank == 9 and fit.backward_error <= EPS
    ratio = fit.x / whole.x
    assert np.allclose(ratio, ratio[0], rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damp", [1e-300, 1e300])
def test_ridges_of_all_sizes(rng, kind, damp):
    A, b = matrix(rng, kind), rng.standard_normal(12_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = lstsq(wrapped(A, kind), b, damp=damp, rng=0)
    plain = lstsq(wrapped(A, kind), b, rng=0)
    assert fit.rank == 10 and fit.backward_error <= EPS
    if damp < 1:
        assert np.allclose(fit.x, plain.x, rtol=1e-13)
    else:
        assert np.all(np.abs(fit.x) <= 1e-300)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [0, 6000, 11_999])
def test_non_finite_is_refused(rng, kind, bad, where):
    A, b = matrix(rng, kind), rng.standard_normal(12_000)
    spoilt = b.copy()
    spoilt[where] = bad
    with pytest.raises(ValueError, match=rf"b contains .* at index \({where}, 0\)"):
        lstsq(wrapped(A, kind), spoilt)
    A[where, 3] = bad
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=r"a(\.data)? contains"):
        lstsq(wrapped(A, kind), b)
    with np.errstate(all="ignore"):
        fit = lstsq(wrapped(A, kind), b, check_finite=False)
    assert not fit.backward_error <= 1  # never a certificate for that


def test_kinds_of_complex_arrays(rng):
    A = rng.integers(-9, 9, (12_000, 10)) + 1j * rng.integers(-9, 9, (12_000, 10))
    b = rng.integers(-9, 9, 12_000) * (1 + 2j)
    base = lstsq(A, b, rng=0)
    read_only = A.copy()
    read_only.flags.writeable = False
    padded = np.zeros((12_000, 25), complex)
    padded[:, 1:21:2] = A
    unaligned = np.frombuffer(b"x" + A.tobytes(), np.uint8)[1:].view(complex).reshape(A.shape)
    for same in (
        np.asfortranarray(A),
        A.astype(">c16"),
        read_only,
        padded[:, 1:21:2],
        A[::-1, ::-1][::-1, ::-1],
        unaligned,
        A.tolist(),
    ):
        assert np.array_equal(lstsq(same, b, rng=0).x, base.x)
    single = lstsq(A.astype(np.complex64), b.astype(np.complex64), rng=0)
    assert single.x.dtype == np.complex64 and np.array_equal(single.x, base.x.astype(np.complex64))
    fit = lstsq(np.broadcast_to(A[:, :1], A.shape), b, rng=0)  # zero stride, rank one
    assert fit.rank == 1 and np.allclose(fit.x, fit.x[0], rtol=1e-12)
    before = A.copy(), b.copy()
    lstsq(A, b, precise=True)
    assert np.array_equal(A, before[0]) and np.array_equal(b, before[1])


@pytest.mark.parametrize("shape", [(0, 3), (4, 0), (0, 0)])
def test_nothing_of_every_kind(shape):
    for a in (sps.csr_array(shape), np.zeros(shape, complex)):
        for b in (np.ones(shape[0]), np.ones((shape[0], 2))):
            fit = lstsq(a, b)
            assert fit.x.shape == (shape[1], *b.shape[1:]) and not fit.x.any() and "zero" in fit.reason
    assert lstsq(sps.csr_array(np.eye(5)), np.ones((5, 0))).x.shape == (5, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_matrix_of_zeros(kind):
    for shape in ((12_000, 10), (30, 3)):
        fit = lstsq(wrapped(matrix(np.random.default_rng(0), kind, *shape) * 0, kind), np.ones(shape[0]), rng=0)
        assert fit.rank == 0 and not fit.x.any() and fit.residues == shape[0]
        assert fit.backward_error == 0.0
