"""kriss.scipy.sparse.linalg.{gmres, minres, bicgstab} against SciPy's: iterations, callbacks, codes, errors."""

import logging
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as theirs
from scipy.sparse.linalg import LinearOperator

import kriss.scipy.sparse.linalg as ours
from kriss.testing import poisson2d

NAMES = ["gmres", "minres", "bicgstab"]


def system(name, dtype, size=12):
    rng = np.random.default_rng(4)
    A = poisson2d(size).tocsr()
    if name != "minres":
        A = (A + sp.diags_array([-0.4, 0.4], offsets=[-1, 1], shape=A.shape)).tocsr()
    b = rng.standard_normal(size * size)
    if np.dtype(dtype).kind == "c":
        A, b = A + 0.2j * sp.eye_array(len(b)), b + 1j
    return sp.csr_array(A).astype(dtype), b.astype(dtype)


def both(name, *args, **kwargs):
    results = []
    for module in (ours, theirs):
        seen = []
        options = dict(kwargs)
        if "callback" in options:
            # a copy of what SciPy hands over: arrays may be live
            options["callback"] = lambda v, seen=seen: seen.append(np.array(v))
        results.append((*getattr(module, name)(*args, **options), seen))
    return results


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128, np.complex64])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("precond", [False, True])
def test_iterates_and_codes(name, dtype, precond, caplog):
    if name == "minres" and dtype != np.float64:
        pytest.skip("handed to SciPy")
    A, b = system(name, dtype)
    d = 1 / A.diagonal()
    M = LinearOperator(A.shape, matvec=lambda r: d * np.ravel(r), dtype=dtype) if precond else None
    extra = {"callback_type": "x"} if name == "gmres" else {}
    with caplog.at_level(logging.INFO, "kriss.dispatch"):
        (x, info, seen), (y, code, expected) = both(name, A, b, M=M, rtol=1e-4, callback=True, **extra)
    assert not caplog.records
    assert info == code == 0 and x.dtype == y.dtype == dtype
    assert len(seen) == len(expected) > 0
    eps = np.finfo(dtype).eps
    for u, v in zip(seen[:3], expected[:3], strict=True):
        np.testing.assert_allclose(u, v, atol=1e3 * eps * np.abs(v).max())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("maxiter", [0, 1, 3])
def test_too_few_iterations(name, maxiter):
    A, b = system(name, np.float64)
    extra = {"restart": 4} if name == "gmres" else {}
    if maxiter == 0 and name == "gmres":
        pytest.skip("SciPy's gmres fails with maxiter=0")
    (x, info, _), (y, code, _) = both(name, A, b, maxiter=maxiter, rtol=1e-12, **extra)
    assert info == code
    np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["legacy", "pr_norm", "x"])
@pytest.mark.parametrize("maxiter", [3, 7, 1000])
def test_gmres_callbacks(kind, maxiter):
    A, b = system("gmres", np.float64)
    (x, info, seen), (y, code, expected) = both(
        "gmres", A, b, restart=5, maxiter=maxiter, rtol=1e-8, callback=True, callback_type=kind
    )
    assert info == code and len(seen) == len(expected)
    np.testing.assert_allclose(np.array(seen[:7]), np.array(expected[:7]), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(x, y, atol=1e-7 * np.abs(y).max())


def test_gmres_warns_of_the_callback_type():
    A, b = system("gmres", np.float64)
    messages = []
    for module in (ours, theirs):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            module.gmres(A, b, callback=lambda r: None)
        messages.append([(str(w.message), w.category, w.filename) for w in caught])
    assert messages[0] == messages[1] and len(messages[0]) == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_callback_that_raises(name):
    A, b = system(name, np.float64)

    def stop(v):
        raise LookupError("enough")

    extra = {"callback_type": "pr_norm"} if name == "gmres" else {}
    with pytest.raises(LookupError, match="enough"):
        getattr(ours, name)(A, b, callback=stop, **extra)


def test_minres_errors_and_shift():
    A, b = system("minres", np.float64)
    with pytest.raises(ValueError, match="indefinite preconditioner"):
        ours.minres(A, b, M=-sp.eye_array(len(b)).tocsr())
    (x, info, _), (y, code, _) = both("minres", A, b, shift=1.1, rtol=1e-9)
    assert info == code
    np.testing.assert_allclose(x, y, atol=1e-6 * np.abs(y).max())


def test_what_goes_to_scipy(caplog):
    A, b = system("gmres", np.float64, 4)
    with caplog.at_level(logging.INFO, "kriss.dispatch"):
        for name in NAMES:
            getattr(ours, name)(A.toarray() + A.toarray().T, b)
    assert [r.getMessage().split(":")[0] for r in caplog.records] == [f"sparse.linalg.{name}" for name in NAMES]
