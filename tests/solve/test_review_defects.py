"""Defects found in review, each by its name."""

import numpy as np
import pytest
import scipy.sparse as sps

from kriss._backend import core
from kriss.solve import SSOR, cg
from kriss.testing import poisson2d


@pytest.mark.parametrize(("dtype", "big", "small"), [("f8", 1e200, 1e-200), ("f4", 1e30, 1e-15)])
@pytest.mark.parametrize("callback", [None, lambda x: None], ids=["builtin", "driven"])
def test_a_solution_that_underflows_is_not_called_converged(dtype, big, small, callback):
    A = sps.diags_array([np.full(10, big, dtype)], offsets=[0], format="csr")
    b = np.full(10, small, dtype)
    r = cg(A, b, callback=callback)
    true = np.linalg.norm((b.astype("f8") - float(big) * r.x.astype("f8")) / small) * small
    assert r.status == "stagnated" and r.info > 0
    assert r.residual_norm == pytest.approx(true, rel=1e-3)


def test_a_small_solution_that_is_still_exact_enough_converges():
    A = sps.diags_array([np.full(10, 1e150)], offsets=[0], format="csr")
    r = cg(A, np.full(10, 1e-150))
    assert r.converged and np.allclose(r.x * 1e300, 1.0)


def test_ssor_does_not_read_arrays_of_a_changed_later(rng):
    A = poisson2d(5)
    r = rng.standard_normal(25)
    M = SSOR(A, omega=1.3)
    expected = M.apply(r, np.empty(25))
    A.data[::2] = 0.0
    A.eliminate_zeros()
    A.indices[:] = 10**6
    assert np.array_equal(M.apply(r, np.empty(25)), expected)


@pytest.mark.skipif(core() is None, reason="the compiled module is not built here")
def test_sizes_that_disagree_raise_in_the_compiled_module():
    k, v, w = core().solve, np.ones(6), np.ones(5)
    A = poisson2d(2)
    place = np.zeros(4, A.indices.dtype)
    csr = (A.indptr, A.indices, A.data)
    short = (A.indptr, A.indices[:-1], A.data[:-1])
    four, five, none, nowhere = np.ones(4), np.ones(5), np.empty(0), place[:0]
    rest = (1.0, 1e-8, 10, True, False, False, 1)
    for call in [
        lambda: k.dot(v, w, 1),
        lambda: k.axpy(1.0, w, v, 1),
        lambda: k.cg_direction(none, w, 1.0, v, 1),
        lambda: k.cg_update(w, 1.0, v, v, 1),
        lambda: k.csr_matvec(*csr, four, five, 1),
        lambda: k.csr_matvec(*short, four, np.ones(4), 1),
        lambda: k.csr_matvec_dot(*csr, five, five, 1),
        lambda: k.csr_diagonal(*csr, place, five),
        lambda: k.ssor_apply(*csr, place, five, 1.0, four, np.ones(4), 1),
        lambda: k.cg_csr(*csr, five, five, 0, none, nowhere, nowhere, none, nowhere, *rest),
        lambda: k.cg_csr(*csr, four, np.ones(4), 2, four, nowhere, nowhere, none, place, *rest),
    ]:
        with pytest.raises(ValueError, match=r"must|disagree"):
            call()
