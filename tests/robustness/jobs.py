"""One small job per family, with a result that can be compared bit for bit. Run in threads, forks and new processes."""

import hashlib

import numpy as np
import scipy.sparse as sps

import kriss
from kriss._backend import kernels


def digest(*arrays):
    h = hashlib.sha256()
    for a in arrays:
        h.update(np.ascontiguousarray(a).tobytes())
    return h.hexdigest()


def elementary(workers=2):
    x = np.linspace(-30, 30, 40001)
    y, z = np.empty_like(x), np.empty_like(x)
    kernels("math").exp(x, y, workers)
    kernels("math").sin(x, z, workers)
    return digest(y, z)


def laplacian(n):
    one = sps.diags_array([-np.ones(n - 1), 2.0 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1])
    return sps.csr_array(sps.kron(one, sps.eye_array(n)) + sps.kron(sps.eye_array(n), one))


def iterative(workers=2):
    a = laplacian(30)
    result = kriss.solve.cg(a, np.ones(900), rtol=1e-10, workers=workers)
    assert result.status == "converged"
    return digest(result.x)


def spline(workers=2):
    x = np.linspace(0, 6, 200)
    return digest(kriss.scipy.interpolate.CubicSpline(x, np.sin(x))(np.linspace(-1, 7, 30001)))


def regression(workers=2):
    rng = np.random.default_rng(4)
    a, b = rng.standard_normal((4000, 15)), rng.standard_normal(4000)
    x = kriss.sketch.lstsq(a, b, rng=7, workers=workers).x
    # BLAS decides the last bits here, and may cut the work differently in a forked process.
    assert np.allclose(x, np.linalg.lstsq(a, b, rcond=None)[0], rtol=1e-9, atol=1e-12)
    return "close"


def covariance(workers=2):
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((120, 3)), rng.standard_normal(120)
    value, gradient = kriss.gp.log_likelihood(
        kriss.gp.Matern(nu=2.5), x, y, noise=0.1, eval_gradient=True, workers=workers
    )
    assert np.isfinite(value) and np.isfinite(gradient).all()
    return f"{value:.9e}"


JOBS = (elementary, iterative, spline, regression, covariance)


def all_jobs(_=None):
    return [job() for job in JOBS]
