"""The compiled kernels, at every instruction-set level, and their Numba twins give the same bits."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import kriss
from kriss._backend import core
from kriss.solve import SSOR, cg
from kriss.testing import diffusion2d, poisson2d, poisson3d

MATRICES = {
    "jumps": lambda: diffusion2d(30),
    "3d": lambda: poisson3d(11),
    "single": lambda: poisson2d(25).astype(np.float32),
}

needs_core = pytest.mark.skipif(core() is None, reason="the compiled module is not built here")


@needs_core
@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed")
@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("M", [None, "jacobi", "ssor", "over-relaxed"])
def test_compiled_and_numba_agree_to_the_bit(name, M, rng):
    A = MATRICES[name]()
    b = rng.standard_normal(A.shape[0]).astype(A.dtype)
    found = []
    for backend in ("compiled", "numba"):
        with kriss.use_backend(backend):
            r = cg(A, b, rtol=1e-6, M=SSOR(A, 1.6) if M == "over-relaxed" else M, residuals=True)
        assert r.backend == backend
        found.append(r)
    one, two = found
    assert_array_equal(one.x, two.x)
    assert_array_equal(one.residuals, two.residuals)
    assert (one.status, one.iterations, one.matvecs) == (two.status, two.iterations, two.matvecs)


PROGRAM = """
import hashlib, numpy as np
from kriss._backend import core
from kriss.solve import bicgstab, cg, fgmres, gcrodr, gmres, minres
from kriss.testing import diffusion2d, helmholtz2d
h = hashlib.sha256()
for dtype in (np.float64, np.float32):
    A = diffusion2d(35, contrast=100.0).astype(dtype)
    for M in (None, "jacobi", "ssor"):
        h.update(cg(A, np.ones(1225, dtype), rtol=1e-5, M=M).x.tobytes())
for dtype in (np.complex128, np.complex64):
    A = helmholtz2d(35, 6.0).astype(dtype)  # products that could be fused, blocks with every kind of end
    b = (np.arange(1225) % 17 - 8 + 1j * (np.arange(1225) % 11)).astype(dtype)
    for M in (None, "jacobi"):
        for solver in (gmres, fgmres, bicgstab):
            h.update(solver(A, b, rtol=1e-4, M=M, maxiter=60).x.tobytes())
        left = gcrodr(A, b, rtol=1e-4, M=M, maxiter=60)
        h.update(left.x.tobytes())
        h.update(gcrodr(A, b[::-1].copy(), rtol=1e-4, M=M, maxiter=60, space=left.recycled).x.tobytes())
    h.update(minres(0.5 * (A + A.conj().T).tocsr(), b, rtol=1e-4, maxiter=40).x.tobytes())
A = diffusion2d(35, contrast=100.0)
left = gcrodr(A, np.ones(1225), rtol=1e-6, M="jacobi")
h.update(gcrodr(A, np.arange(1225.0), rtol=1e-6, M="jacobi", space=left.recycled).x.tobytes())
print(core().cpu_level(), h.hexdigest())
"""


@needs_core
def test_every_instruction_set_level_gives_the_same_bits():
    here = core().cpu_level()
    levels = [level for level in core().cpu_levels_built().split() if level <= here]
    digests = {}
    for level in levels:
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=os.environ | {"KRISS_CPU": level, "KRISS_BACKEND": "compiled"},
            capture_output=True,
            text=True,
            check=True,
        )
        name, digests[level] = run.stdout.split()
        assert name == level
    assert len(set(digests.values())) == 1, digests
