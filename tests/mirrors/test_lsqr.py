"""kriss.scipy.sparse.linalg.lsqr and lsmr: SciPy's results where they are quick, honest ones where SciPy's are not."""

import logging

import numpy as np
import pytest
import scipy.sparse as sps
import scipy.sparse.linalg as spla

from kriss.scipy.sparse import linalg as ours
from kriss.scipy.sparse.linalg import _lsqr as module

SCIPY = {"lsqr": spla.lsqr, "lsmr": spla.lsmr}
NAMES = ["lsqr", "lsmr"]


@pytest.fixture(autouse=True)
def any_size(monkeypatch):
    """Small problems too."""
    monkeypatch.setattr(module, "SMALL", 0)


@pytest.fixture
def handed_over(caplog):
    caplog.set_level(logging.INFO, logger="kriss.dispatch")
    return lambda: [r.getMessage() for r in caplog.records if r.name == "kriss.dispatch"]


def hard(rng, m=3000, n=60, condition=1e5, noise=1.0, sparse=True):
    """Graded columns: SciPy's iteration comes to its limit."""
    A = rng.standard_normal((m, n))
    if sparse:
        A[rng.random((m, n)) < 0.7] = 0.0
    A = A * np.logspace(0, -np.log10(condition), n)
    b = A @ (rng.standard_normal(n) * np.logspace(0, np.log10(condition), n)) + noise * rng.standard_normal(m)
    return (sps.csr_array(A) if sparse else A), b


def parts(name, out):
    """x, istop, itn, |r| (damped), |A'r|, |A|, cond, |x|."""
    if name == "lsqr":
        x, istop, itn, _, r2, anorm, acond, ar, xnorm, _ = out
        return x, istop, itn, r2, ar, anorm, acond, xnorm
    return out


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["csr_array", "csc_array", "coo_array", "csr_matrix", "C", "F", "reversed", "swapped"])
def test_hard_problems_converge(rng, name, kind, handed_over):
    S, b = hard(rng)
    A = {
        "C": lambda: S.toarray(),
        "F": lambda: np.asfortranarray(S.toarray()),
        "reversed": lambda: S.toarray()[::-1].copy()[::-1],
        "swapped": lambda: S.toarray(),
    }.get(kind, lambda: getattr(sps, kind)(S))()
    if kind == "swapped":
        b = b.astype(">f8")
    before = S.toarray(), b.copy()
    out = getattr(ours, name)(A, b)
    assert not handed_over()
    x, istop, itn, r, ar, anorm, acond, xnorm = parts(name, out)
    residual = b - S @ x
    # The norms are those of the problem that was given.
    assert np.isclose(r, np.linalg.norm(residual), rtol=1e-12)
    assert np.isclose(ar, np.linalg.norm(S.T @ residual), rtol=1e-6)
    assert np.isclose(anorm, np.linalg.norm(S.toarray()), rtol=1e-12)
    assert np.isclose(xnorm, np.linalg.norm(x), rtol=1e-12)
    s = np.linalg.svd(S.toarray(), compute_uv=False)
    true = np.linalg.norm(s) * np.linalg.norm(1 / s) if name == "lsqr" else s[0] / s[-1]
    assert 0.3 < acond / true < 3.0  # to the distortion of a sketch of 4 n rows
    # And they meet the tolerance that istop claims.
    assert istop == 2 and np.linalg.norm(S.T @ residual) <= 1.0001e-6 * anorm * r
    # SciPy got nowhere in as many steps as it takes by default.
    theirs = parts(name, SCIPY[name](S, b))
    assert theirs[1] == 7 and itn < theirs[2]
    assert np.array_equal(S.toarray(), before[0]) and np.array_equal(b, before[1])
    again = getattr(ours, name)(A, b)
    assert np.array_equal(again[0], x)
    assert [type(v) for v in out] == [type(v) for v in SCIPY[name](S, b)]


@pytest.mark.parametrize("name", NAMES)
def test_tight_tolerances_give_the_exact_solution(rng, name, handed_over):
    A, b = hard(rng, condition=1e4)
    exact = np.linalg.lstsq(A.toarray(), b, rcond=None)[0]
    most = {"iter_lim" if name == "lsqr" else "maxiter": 300}
    x, istop, *_ = getattr(ours, name)(A, b, atol=1e-14, btol=1e-14, **most)
    assert istop in (2, 5) and not handed_over()
    scale = np.logspace(0, 4, 60)
    assert np.allclose(x / scale, exact / scale, rtol=0, atol=1e-10 * abs(exact / scale).max())
    x, istop, *_ = getattr(ours, name)(A, b, atol=0, btol=0, **most)
    assert istop == 5
    consistent = A @ exact
    x, istop, *_ = getattr(ours, name)(A, consistent, atol=1e-12, btol=1e-12, **most)
    assert istop == 1 and np.linalg.norm(consistent - A @ x) <= 1e-11 * np.linalg.norm(consistent)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("damp", [1e-3, 0.5, 30.0])
def test_damping_and_starting_guess(rng, name, sparse, damp, handed_over):
    A, b = hard(rng, sparse=sparse)
    x0 = rng.standard_normal(60) * 100
    kept = x0.copy()
    x, istop, _, r, ar, *_ = parts(name, getattr(ours, name)(A, b, damp=damp, x0=x0, atol=1e-12, btol=1e-12))
    dense = A.toarray() if sparse else A
    below = np.vstack([dense, damp * np.eye(60)]), np.concatenate([b, damp * x0])
    want = np.linalg.lstsq(*below, rcond=None)[0]
    assert np.array_equal(x0, kept)
    if not handed_over():  # strong damping: SciPy is quick
        assert istop == 2
        scale = np.linalg.norm(below[0], axis=0)
        assert np.allclose(x * scale, want * scale, rtol=0, atol=1e-8 * np.linalg.norm(b))
        assert np.isclose(r, np.linalg.norm(below[1] - below[0] @ x), rtol=1e-10)
        assert ar <= 1e-11 * np.linalg.norm(dense) * r
    else:
        assert damp == 30.0


@pytest.mark.parametrize("name", NAMES)
def test_quick_problems_are_scipys_bit_for_bit(rng, name, handed_over):
    A, b = hard(rng, condition=3.0)
    out, theirs = getattr(ours, name)(A, b), SCIPY[name](A, b)
    assert "ended after" in handed_over()[0]
    assert all(np.array_equal(p, q) and type(p) is type(q) for p, q in zip(out, theirs, strict=True))


def test_variances(rng):
    A, b = hard(rng, m=6000, condition=1e4)
    var = ours.lsqr(A, b, calc_var=True)[-1]
    true = np.diag(np.linalg.inv((A.T @ A).toarray()))
    # Each ratio is chi-square with 3 n + 1 = 181 degrees of freedom over their number: sd 0.105, 60 of them.
    assert np.all(abs(var / true - 1) < 0.55) and abs(np.mean(var / true) - 1) < 0.25
    assert not ours.lsqr(A, b)[-1].any()
    damped = ours.lsqr(A, b, damp=0.1, calc_var=True)[-1]
    true = np.diag(np.linalg.inv((A.T @ A).toarray() + 0.01 * np.eye(60)))
    assert np.all(abs(damped / true - 1) < 0.6)


@pytest.mark.parametrize("name", NAMES)
def test_limits_are_kept(rng, name):
    A, b = hard(rng)
    key = "iter_lim" if name == "lsqr" else "maxiter"
    full = parts(name, getattr(ours, name)(A, b))
    for limit in (1, 10, 33, full[2] - 1):
        x, istop, itn, r, ar, anorm, *_ = parts(name, getattr(ours, name)(A, b, **{key: limit}))
        assert itn == limit
        assert istop == 7 or (limit == full[2] - 1 and ar <= 1e-6 * anorm * r)
        assert np.isclose(r, np.linalg.norm(b - A @ x), rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_what_scipy_does(rng, name, handed_over, capsys):
    A, b = hard(rng, n=60)
    deficient = A.toarray()
    deficient[:, 3] = deficient[:, 4]
    nan = A.copy()
    nan.data[5] = np.nan
    calls = [
        ("LinearOperator", lambda f: f(spla.aslinearoperator(A), b)),
        ("float32", lambda f: f(A.astype(np.float32), b)),
        ("complex", lambda f: f(A * (1 + 0j), b + 0j)),
        ("not tall", lambda f: f(A[:100], b[:100])),
        ("conlim", lambda f: f(A, b, conlim=5e3)),
        ("b has shape", lambda f: f(A, b + 0j)),
        ("x0 has", lambda f: f(A, b, x0=np.zeros(60, complex))),
        ("steps", lambda f: f(A, b, 0.0, 1e-6, 1e-6, 1e8, 12)),
        ("show", lambda f: f(A, b, show=True)),
        ("ended after", lambda f: f(A, 0 * b)),
        ("damp is", lambda f: f(A, b, damp=-1.0)),
    ]
    if name == "lsqr":  # with lsmr's limit of n steps it is over before
        calls.append(("deficient", lambda f: f(deficient, b, atol=1e-13, btol=1e-13)))
    for count, (reason, call) in enumerate(calls, 1):
        with np.errstate(all="ignore"):
            out, theirs = call(getattr(ours, name)), call(SCIPY[name])
        assert len(handed_over()) == count and reason in handed_over()[-1], (reason, handed_over()[-1])
        for one, other in zip(out, theirs, strict=True):
            assert np.array_equal(one, other, equal_nan=True)
    capsys.readouterr()
    with np.errstate(all="ignore"):
        out = getattr(ours, name)(nan, b)
    assert np.isnan(out[0]).any() and handed_over()


@pytest.mark.parametrize("name", NAMES)
def test_bad_input_raises_as_scipy(rng, name):
    A, b = hard(rng)
    for args in [(A, b[1:]), (A, np.ones((3000, 2))), (A, b, "x")]:
        with pytest.raises(Exception) as expected:
            SCIPY[name](*args)
        with pytest.raises(expected.type):
            getattr(ours, name)(*args)


@pytest.mark.parametrize("name", NAMES)
def test_powers_of_two_change_no_bit(rng, name, handed_over):
    """Upwards: SciPy's own tests add eps to products of norms."""
    A, b = hard(rng)
    one = getattr(ours, name)(A, b)
    two = getattr(ours, name)(A * 2.0**100, b * 2.0**100)
    assert not handed_over()
    assert one[1:3] == two[1:3] and np.array_equal(one[0], two[0])
