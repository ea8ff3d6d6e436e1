"""kriss.solve.cg: the promise of the tolerance, the energy norm, statuses and preconditioners."""

import numpy as np
import pytest
import scipy.sparse as sps
from scipy.sparse.linalg import aslinearoperator, spsolve

from kriss.solve import SSOR, Jacobi, cg
from kriss.testing import diffusion2d, poisson2d, poisson3d

MATRICES = {
    "poisson2d": lambda: poisson2d(23),
    "poisson3d": lambda: poisson3d(8),
    "jumps": lambda: diffusion2d(20, contrast=1e4),
    "diagonal": lambda: sps.diags_array(np.linspace(1, 50, 300)).tocsr(),
    "dense_rows": lambda: sps.csr_array(np.eye(60) * 70 + np.ones((60, 60))),
}


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("M", [None, "jacobi", "ssor"])
@pytest.mark.parametrize("rtol", [1e-2, 1e-6, 1e-10])
def test_residual_meets_promise(name, M, rtol, rng):
    A = MATRICES[name]()
    b = rng.standard_normal(A.shape[0])
    r = cg(A, b, rtol=rtol, M=M)
    assert r.status == "converged" and r.info == 0
    true = np.linalg.norm(b - A @ r.x)
    assert true <= rtol * np.linalg.norm(b) * (1 + 1e-12)
    assert r.residual_norm == pytest.approx(true, rel=1e-6)
