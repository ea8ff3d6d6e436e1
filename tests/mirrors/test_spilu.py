"""spilu beside SciPy's."""

import logging

import numpy as np
import pytest
import scipy.sparse as sps
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse.linalg import LinearOperator, SuperLU, gmres
from scipy.sparse.linalg import spilu as theirs

from kriss.scipy.sparse.linalg import _spilu, spilu
from kriss.testing import convection_diffusion2d, poisson2d


def matrices():
    yield convection_diffusion2d(30).tocsc()
    yield poisson2d(24)[np.random.default_rng(0).permutation(576)].tocsc()  # needs pivoting


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("options", [{}, {"drop_tol": 1e-2, "fill_factor": 3}, {"permc_spec": "NATURAL"}])
def test_solves_are_superlus_up_to_rounding(dtype, which, options):
    A = list(matrices())[which].astype(dtype)
    n = A.shape[0]
    ours, right = spilu(A, **options), theirs(A, **options)
    assert isinstance(ours, SuperLU) and type(ours) is not SuperLU
    assert ours.shape == right.shape and ours.nnz == right.nnz
    assert_array_equal(ours.perm_r, right.perm_r)
    assert_array_equal(ours.perm_c, right.perm_c)
    for one, two in ((ours.L, right.L), (ours.U, right.U)):
        assert one.format == "csc" and (one != two).nnz == 0
    rng = np.random.default_rng(1)
    for shape in ((n,), (n, 1), (n, 5), (n, 0)):
        b = rng.standard_normal(shape).astype(dtype)
        kept = b.copy()
        for trans in "NTH":
            x, y = ours.solve(b, trans), right.solve(b, trans)
            assert x.shape == y.shape and x.dtype == y.dtype and x.flags.f_contiguous == y.flags.f_contiguous
            assert_allclose(x, y, rtol=0, atol=500 * np.finfo(dtype).eps * np.abs(y).max(initial=0.0))
        assert_array_equal(b, kept)
    assert_array_equal(ours.solve(np.asfortranarray(b)), ours.solve(b))


def test_right_hand_sides_of_every_kind():
    A = next(matrices())
    n = A.shape[0]
    ours, right = spilu(A), theirs(A)
    for b in (np.arange(n), np.arange(n, dtype=np.float32), np.arange(n, dtype=">f8"), np.arange(2.0 * n)[::2]):
        assert_allclose(ours.solve(b), right.solve(b), rtol=1e-11)
    for bad in (np.ones(n + 1), np.ones((n + 1, 2)), np.ones((n, 2, 2)), np.ones(n, complex), [1.0] * n, None):
        with pytest.raises((TypeError, ValueError)) as expected:
            right.solve(bad)
        with pytest.raises(expected.type, match=r".*") as found:
            ours.solve(bad)
        assert str(found.value) == str(expected.value)
    with pytest.raises(ValueError, match="trans") as expected:
        right.solve(np.ones(n), "Q")
    with pytest.raises(ValueError, match="trans") as found:
        ours.solve(np.ones(n), "Q")
    assert str(found.value) == str(expected.value)


def test_what_scipy_gets(caplog):
    big = next(matrices())
    with caplog.at_level(logging.INFO, "kriss.dispatch"):
        assert type(spilu(poisson2d(5).tocsc())) is SuperLU
        assert "spilu: handed to SciPy: A has 25 rows" in caplog.text
        assert type(spilu(big.astype(complex))) is SuperLU
        assert "A has dtype complex128" in caplog.text
        caplog.clear()
        spilu(big).solve(np.ones(big.shape[0]))
        assert not caplog.text


def test_warnings_and_errors_are_scipys():
    A = next(matrices())
    with pytest.warns(sps.SparseEfficiencyWarning, match="spilu converted its input to CSC format") as found:
        spilu(A.tocsr())
    assert found[0].filename == __file__
    with pytest.raises(ValueError, match="can only factor square matrices"):
        spilu(A[:, :4])
    with pytest.raises(RuntimeError, match="singular"):
        spilu(sps.csc_array((600, 600)))


def test_as_a_preconditioner_it_costs_no_iteration():
    A = convection_diffusion2d(30).tocsc()
    b = np.random.default_rng(0).standard_normal(900)
    counts = []
    for build in (spilu, theirs):
        norms = []
        M = LinearOperator(A.shape, build(A, drop_tol=1e-3).solve, dtype=float)
        x, info = gmres(A, b, M=M, rtol=1e-9, restart=50, callback=norms.append, callback_type="pr_norm")
        assert info == 0
        counts.append(len(norms))
    assert counts[0] == counts[1]


def test_a_zero_pivot_is_left_to_superlu(monkeypatch, caplog):
    A = next(matrices())
    ours = spilu(A)
    monkeypatch.setattr(_spilu, "_factors", lambda lu, turned: None)
    with caplog.at_level(logging.INFO, "kriss.dispatch"):
        x = ours.solve(np.ones(A.shape[0]))
    assert "diagonal of U" in caplog.text
    assert_array_equal(x, theirs(A).solve(np.ones(A.shape[0])))
