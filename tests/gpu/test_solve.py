"""CG on the GPU: CuPy in, CuPy out, the answer of the CPU."""

import numpy as np
import pytest

from kriss.solve import cg
from kriss.testing import diffusion2d

pytestmark = pytest.mark.gpu


@pytest.fixture
def system(rng):
    cp = pytest.importorskip("cupy")
    sparse = pytest.importorskip("cupyx.scipy.sparse")
    A = diffusion2d(60, contrast=100.0)
    b = rng.standard_normal(3600)
    return cp, A, b, sparse.csr_matrix(A), cp.asarray(b)


@pytest.mark.parametrize("M", [None, "jacobi"])
def test_the_answer_of_the_cpu(M, system):
    cp, A, b, gA, gb = system
    host = cg(A, b, rtol=1e-10, M=M, residuals=True)
    device = cg(gA, gb, rtol=1e-10, M=M, residuals=True)
    assert device.backend == "cuda" and isinstance(device.x, cp.ndarray)
    assert device.converged and abs(device.iterations - host.iterations) <= 3
    assert device.residuals.size == device.iterations + 1
    x = device.x.get()
    assert np.linalg.norm(b - A @ x) <= 1e-10 * np.linalg.norm(b) * (1 + 1e-6)
    assert np.linalg.norm(x - host.x) <= 1e-6 * np.linalg.norm(host.x)


def test_statuses(system):
    cp, _, _, gA, gb = system
    assert cg(gA, gb, maxiter=3).status == "maxiter"
    assert cg(-gA, gb).status == "indefinite_matrix"
    assert cg(gA, cp.zeros_like(gb)).converged
    bad = gb.copy()
    bad[7] = cp.nan
    with pytest.raises(ValueError, match="b contains"):
        cg(gA, bad)
    assert cg(gA, bad, check_finite=False).status == "non_finite"


def test_no_silent_move_between_devices(system):
    _, A, b, gA, gb = system
    with pytest.raises(TypeError, match="nothing is moved between devices"):
        cg(A, gb)
    with pytest.raises(TypeError, match="nothing is moved between devices"):
        cg(gA, b)
    with pytest.raises(TypeError, match="M must be None or 'jacobi'"):
        cg(gA, gb, M="ssor")


def test_single_precision_and_callback(system):
    cp, _, _, gA, gb = system
    seen = []
    r = cg(gA.astype(cp.float32), gb.astype(cp.float32), rtol=1e-4, callback=lambda x: seen.append(float(x[0])))
    assert r.converged and r.x.dtype == cp.float32 and len(seen) == r.iterations
