"""kriss.scipy.linalg.lstsq: what SciPy returns, and when it is ours that answers."""

import logging

import numpy as np
import pytest
import scipy.linalg as sla

from kriss.scipy.linalg import lstsq
from kriss.sketch._look import look

ORIGINAL = sla.lstsq
LOOK = look


@pytest.fixture
def handed_over(caplog):
    """Reasons of calls that went to SciPy."""
    caplog.set_level(logging.INFO, logger="kriss.dispatch")
    return lambda: [r.getMessage() for r in caplog.records if r.name == "kriss.dispatch"]


def same_kind(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        assert type(one) is type(other)
        if isinstance(other, (np.ndarray, np.generic)):
            assert one.dtype == other.dtype and one.shape == other.shape


@pytest.mark.parametrize(
    "dtypes", [("d", "d"), ("f", "f"), ("f", "d"), ("d", "f"), ("D", "D"), ("F", "F"), ("d", "D"), ("F", "f")]
)
@pytest.mark.parametrize("bshape", [(), (1,), (3,)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_returns_are_scipys(rng, dtypes, bshape, order, handed_over):
    A = np.asarray(rng.standard_normal((9000, 15)), dtypes[0], order=order)
    b = rng.standard_normal((9000, *bshape)).astype(dtypes[1])
    if A.dtype.kind == "c":
        A.imag = rng.standard_normal((9000, 15))
    if b.dtype.kind == "c":
        b.imag = rng.standard_normal((9000, *bshape))
    before = A.copy(), b.copy()
    ours, theirs = lstsq(A, b), ORIGINAL(A, b)
    assert not handed_over()
    same_kind(ours, theirs)
    eps = np.finfo(theirs[0].dtype).eps
    # SciPy's error dominates: 15 columns, condition about 1.1, so a modest multiple of eps |b| / sigma.
    assert abs(ours[0] - theirs[0]).max() < 200 * eps
    assert np.allclose(ours[1], theirs[1], rtol=2e4 * eps)
    assert np.allclose(ours[3], theirs[3], rtol=100 * eps)
    assert ours[2] == theirs[2] == 15
    assert np.array_equal(A, before[0]) and np.array_equal(b, before[1])
    again = lstsq(A, b)
    assert np.array_equal(again[0], ours[0])


@pytest.mark.parametrize("kappa", [1e3, 1e8, 1e12])
def test_singular_values_are_right_to_rounding(rng, kappa, handed_over):
    U = np.linalg.qr(rng.standard_normal((8000, 20)))[0]
    s = np.logspace(0, -np.log10(kappa), 20)
    A = (U * s) @ np.linalg.qr(rng.standard_normal((20, 20)))[0]
    ours = lstsq(A, rng.standard_normal(8000))
    assert not handed_over()
    assert abs(ours[3] - s).max() < 20 * np.finfo(float).eps


@pytest.mark.parametrize("kappa", [1.0, 3.0, 6.0, 40.0])
@pytest.mark.parametrize("order", ["C", "F"])
def test_without_a_sketch_where_the_gram_matrix_is_good_enough(rng, kappa, order, handed_over, monkeypatch):
    from kriss.scipy.linalg import _lstsq

    sketches = []
    monkeypatch.setattr(_lstsq, "look", lambda *args: sketches.append(1) or LOOK(*args))
    U = np.linalg.qr(rng.standard_normal((9000, 12)))[0]
    s = np.geomspace(1.0, 1.0 / kappa, 12)
    # An orthogonal mixture without columns of other norms than the rest: scaling must not change the condition.
    H = sla.hadamard(4)
    mix = np.kron(H, np.linalg.qr(rng.standard_normal((3, 3)))[0]) / 2
    A = np.asarray((U * s) @ mix, order=order) * 8.0
    b = A @ np.ones(12) + rng.standard_normal(9000)
    ours, theirs = lstsq(A, b), ORIGINAL(A, b)
    assert not handed_over()
    assert bool(sketches) == (kappa > 10)
    same_kind(ours, theirs)
    assert abs(ours[3] - 8.0 * s).max() < 20 * np.finfo(float).eps * 8.0
    assert abs(ours[0] - theirs[0]).max() < 1e-12
    assert ours[1] == pytest.approx(theirs[1], rel=1e-12)


def test_rows_that_the_glance_misses_change_nothing(rng, handed_over):
    A, b = rng.standard_normal((9000, 6)), rng.standard_normal(9000)
    A[:, 2] = A[:, 1]
    A[4321, 2] += 1e5  # the only row that tells the two apart
    ours, theirs = lstsq(A, b), ORIGINAL(A, b)
    assert ours[2] == theirs[2] == 6
    assert np.allclose(ours[3], theirs[3], rtol=1e-9)
    assert np.allclose(ours[0], theirs[0], rtol=1e-6, atol=1e-9)


def test_what_goes_to_scipy(rng, handed_over):
    A, b = rng.standard_normal((9000, 15)), rng.standard_normal(9000)
    deficient = A.copy()
    deficient[:, 3] = deficient[:, 4]
    near = A * np.append(np.ones(14), 1e-15)
    calls = [
        ("lapack_driver", lambda f: f(A, b, lapack_driver="gelsy")),
        ("dtype", lambda f: f(A.astype(np.longdouble), b)),
        ("dtype", lambda f: f(A.astype(int), b)),
        ("shape", lambda f: f(A[:50], b[:50])),
        ("condition", lambda f: f(deficient, b)),
        ("near the cut", lambda f: f(near, b)),
        ("near the cut", lambda f: f(A, b, cond=0.01)),
        ("cond=", lambda f: f(A, b, cond=2.0)),
        ("masked", lambda f: f(np.ma.array(A), b)),
        ("shapes", lambda f: f(A[None], b[None, :, None])),
    ]
    for count, (reason, call) in enumerate(calls, 1):
        ours, theirs = call(lstsq), call(ORIGINAL)
        assert len(handed_over()) == count, reason
        assert reason in handed_over()[-1]
        for one, other in zip(ours, theirs, strict=True):
            assert np.array_equal(one, other) if other is not None else one is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place", ["a", "b"])
def test_non_finite_raises_as_scipy(rng, bad, place):
    A, b = rng.standard_normal((9000, 15)), rng.standard_normal(9000)
    (A if place == "a" else b)[4000] = bad
    with pytest.raises(ValueError, match="infs or NaNs"):
        lstsq(A, b)


def test_errors_are_scipys(rng):
    A, b = rng.standard_normal((9000, 15)), rng.standard_normal(9000)
    for args, kwargs in [
        ((A, b[1:]), {}),
        ((A[0], b), {}),
        ((A, b), {"lapack_driver": "gels"}),
        ((A, np.empty((9000, 0))), {}),
    ]:
        with pytest.raises(ValueError) as theirs:
            ORIGINAL(*args, **kwargs)
        with pytest.raises(ValueError) as ours:
            lstsq(*args, **kwargs)
        assert str(ours.value) == str(theirs.value)


def test_extreme_column_scales_keep_scipys_rank(rng):
    A, b = rng.standard_normal((9000, 15)) * np.logspace(-100, 100, 15), rng.standard_normal(9000)
    assert lstsq(A, b)[2] == ORIGINAL(A, b)[2] < 15
