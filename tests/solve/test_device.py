"""The host side of CG on the GPU, run on NumPy: a stand-in for CuPy, and the launchers replayed by pointer.

What this checks is the logic around the launches (statuses, restarts, history, arguments); the kernels themselves
need a device (tests/gpu/test_solve.py).
"""

import ctypes
import math
import sys
import types

import numpy as np
import pytest
import scipy.sparse as sps

from kriss import _device
from kriss.solve import _cuda
from kriss.testing import diffusion2d, poisson2d


class Pointer:
    def __init__(self, array):
        self.ptr = array.ctypes.data


class Array(np.ndarray):
    """A NumPy array that answers like CuPy's."""

    @property
    def data(self):
        return Pointer(self)

    def get(self):
        return np.array(self)


def on_device(value):
    return np.array(value).view(Array)


def there(function):
    return lambda *args, **kwargs: on_device(function(*args, **kwargs))


def at(address, n, dtype=np.float64):
    kind = {8: ctypes.c_double, 4: ctypes.c_float}[np.dtype(dtype).itemsize]
    return np.ctypeslib.as_array((kind * n).from_address(address)) if address else None


class Launchers:
    """cuda/solve.cu in NumPy."""

    CG_STATE_SIZE = 8

    @staticmethod
    def cg_partials(n):
        return 1

    def cg_direction_f64(self, n, inverse, r, state, p, stream):
        s = at(state, 8)
        if s[5] < 0:
            d = at(inverse, n)
            r, p = at(r, n), at(p, n)
            p[:] = (r if d is None else d * r) + s[3] * p

    def cg_step_f64(self, n, p, q, part, state, stream):
        s = at(state, 8)
        if s[5] < 0:
            pq = float(at(p, n) @ at(q, n))
            if not pq > 0 or math.isinf(pq):
                s[5] = 4 if math.isfinite(pq) else 6
            else:
                s[2] = s[0] / pq

    def cg_update_f64(self, n, inverse, p, q, x, r, part, state, history, length, stream):
        s = at(state, 8)
        if s[5] >= 0:
            return
        d, r, x = at(inverse, n), at(r, n), at(x, n)
        x += s[2] * at(p, n)
        r -= s[2] * at(q, n)
        rr = float(r @ r)
        rho = rr if d is None else float(r @ (d * r))
        at(history, length)[int(s[6]) % length] = math.sqrt(rr)
        s[6] += 1
        if not math.isfinite(rr):
            s[5] = 6
        elif math.sqrt(rr) <= s[4]:
            s[5] = 0
        elif not rho > 0:
            s[5] = 5
        s[3] = rho / s[0]
        s[0], s[1] = rho, rr


@pytest.fixture
def device(monkeypatch):
    names = ["isfinite", "argmax", "subtract", "dot", "float64", "float32", "linalg", "nan"]
    cp = types.SimpleNamespace(**{name: getattr(np, name) for name in names})
    for name in ("empty", "zeros", "array", "asarray"):
        setattr(cp, name, there(getattr(np, name)))
    for name in ("empty_like", "zeros_like"):
        setattr(cp, name, there(getattr(np, name)))
    cp.ascontiguousarray = lambda v, dtype: on_device(np.ascontiguousarray(v, dtype))
    monkeypatch.setattr(_device, "cupy", lambda: cp)
    monkeypatch.setattr(_device, "cuda", lambda family: Launchers())
    monkeypatch.setattr(_device, "stream", lambda: 0)
    monkeypatch.setitem(sys.modules, "cupyx.cusparse", None)

    def solve(A, b, x0=None, *, rtol=1e-8, atol=0.0, maxiter=None, M=None, callback=None, residuals=False, finite=True):
        matrix = sps.csr_matrix(A)
        diagonal = matrix.diagonal()
        matrix.diagonal = lambda: on_device(diagonal)
        return _cuda.cg_cuda(
            matrix, on_device(b), None if x0 is None else on_device(x0), rtol=rtol, atol=atol,
            maxiter=maxiter, M=M, callback=callback, residuals=residuals, check_finite=finite,
        )  # fmt: skip

    return solve


@pytest.mark.parametrize("M", [None, "jacobi"])
@pytest.mark.parametrize("start", [False, True])
def test_converges_with_the_counts_of_the_cpu(M, start, device, rng):
    from kriss.solve import cg

    A = diffusion2d(14, contrast=20.0)
    b = rng.standard_normal(196)
    x0 = rng.standard_normal(196) if start else None
    host = cg(A, b, x0, rtol=1e-9, M=M, residuals=True)
    r = device(A, b, x0, rtol=1e-9, M=M, residuals=True)
    assert r.status == "converged" and abs(r.iterations - host.iterations) <= 1
    assert r.residuals.shape == (r.iterations + 1,)
    assert r.residuals[1:20] == pytest.approx(host.residuals[1:20], rel=1e-9)
    assert np.linalg.norm(b - A @ np.asarray(r.x)) <= 1e-9 * np.linalg.norm(b) * (1 + 1e-9)
    assert r.backend == "cuda"


def test_statuses(device, rng):
    A = poisson2d(9)
    b = rng.standard_normal(81)
    assert device(A, b, maxiter=4).status == "maxiter"
    assert device(A, b, maxiter=4).iterations == 4
    assert device(A, b, maxiter=0).status == "maxiter"
    assert device(-A, b).status == "indefinite_matrix"
    assert device(-A, b, M="jacobi").status == "indefinite_preconditioner"
    assert device(A, np.zeros(81), np.ones(81)).status == "converged"
    assert device(A, np.where(np.arange(81) == 3, np.nan, b), finite=False).status == "non_finite"
    assert device(A, b, rtol=0.0, maxiter=5000).status in ("stagnated", "indefinite_matrix")


def test_callback_after_each_iteration(device, rng):
    seen = []
    r = device(poisson2d(9), rng.standard_normal(81), callback=lambda x: seen.append(x.copy()))
    assert len(seen) == r.iterations


@pytest.mark.parametrize(("change", "error", "match"), [
    ({"b": np.ones(5)}, ValueError, "b has shape"),
    ({"x0": np.ones(5)}, ValueError, "x0 has shape"),
    ({"b": np.full(81, np.inf)}, ValueError, "b contains"),
    ({"M": "ssor"}, TypeError, "M must be None or 'jacobi'"),
    ({"A": sps.csr_matrix(np.ones((3, 4)))}, ValueError, "A has shape"),
])  # fmt: skip
def test_bad_arguments(change, error, match, device):
    args = {"A": poisson2d(9), "b": np.ones(81)} | change
    with pytest.raises(error, match=match):
        device(**args)


def test_zero_diagonal_names_its_row(device):
    A = poisson2d(9).tolil()
    A[17, 17] = 0.0
    with pytest.raises(ValueError, match="row 17"):
        device(A.tocsr(), np.ones(81), M="jacobi")


class OnGpu:
    @property
    def __cuda_array_interface__(self):
        return {}


def test_device_arrays_are_recognised_and_never_mixed():
    there, here = OnGpu(), np.ones(3)
    assert _device.is_device_array(there) and not _device.is_device_array(here)
    assert _device.any_device(A=there, b=there, M=None, x0=None)
    assert not _device.any_device(A=here, b=[1.0], M="jacobi")
    with pytest.raises(TypeError, match="b is on the GPU but A is in host memory"):
        _device.any_device(A=here, b=there)
