"""spsolve_triangular beside SciPy's."""

import logging

import numpy as np
import pytest
import scipy.sparse as sps
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse.linalg import spsolve_triangular as theirs

from kriss.scipy.sparse.linalg import spsolve_triangular


def triangle(n, lower, form, dtype=float, seed=0, density=0.2):
    rng = np.random.default_rng(seed)
    A = sps.random_array((n, n), density=density, rng=rng)
    A = (sps.tril(A, -1) if lower else sps.triu(A, 1)) + sps.diags_array(rng.uniform(1, 2, n))
    return A.asformat(form).astype(dtype)


@pytest.mark.parametrize("form", ["csr", "csc"])
@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("columns", [None, 1, 2, 7])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 10, 50])
def test_backward_error(form, lower, unit, columns, n):
    A = triangle(n, lower, form)
    b = np.random.default_rng(1).standard_normal(n if columns is None else (n, columns))
    kept = b.copy(), A.data.copy()
    x = spsolve_triangular(A, b, lower=lower, unit_diagonal=unit)
    assert_array_equal(b, kept[0])
    assert_array_equal(A.data, kept[1])
    dense = A.toarray()
    if unit:
        np.fill_diagonal(dense, 1.0)
    assert x.shape == b.shape
    # substitution is componentwise backward stable: N. J. Higham 2002, theorem 8.5
    bound = n * np.finfo(float).eps * (np.abs(dense) @ np.abs(x)) / (1 - n * np.finfo(float).eps)
    assert (np.abs(b - dense @ x) <= 1.01 * bound + 4 * np.finfo(float).eps * np.abs(b)).all()


@pytest.mark.parametrize("a_dtype", ["f", "d", "i", "D"])
@pytest.mark.parametrize("b_dtype", ["f", "d", "i", "D"])
def test_dtypes_are_scipys(a_dtype, b_dtype):
    A = triangle(8, True, "csr")
    A.data = np.ceil(A.data)
    A, b = A.astype(a_dtype), np.arange(1, 9).astype(b_dtype)
    ours, expected = spsolve_triangular(A, b), theirs(A, b)
    assert ours.dtype == expected.dtype
    assert_allclose(ours, expected, rtol=1e-4 if ours.dtype.char in "fF" else 1e-12)


def test_layouts():
    A = triangle(20, True, "csr")
    b = np.random.default_rng(0).standard_normal((20, 4))
    expected = spsolve_triangular(A, b)
    for given in (np.asfortranarray(b), b[::-1][::-1], b.tolist(), np.require(b, ">f8")):
        assert_array_equal(spsolve_triangular(A, given), expected)
    wide = A.copy()
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    assert_array_equal(spsolve_triangular(wide, b), expected)
    room = b.copy()
    assert_array_equal(spsolve_triangular(A, room, overwrite_b=True), expected)
    fixed = b.copy()
    fixed.flags.writeable = False
    assert_array_equal(spsolve_triangular(A, fixed, overwrite_b=True), expected)


def test_singular_and_shapes():
    A = sps.csr_array(np.array([[1.0, 0, 0], [2, 0, 0], [1, 1, 1]]))
    for form in ("csr", "csc"):
        with pytest.raises(np.linalg.LinAlgError, match="zero entry on diagonal"):
            spsolve_triangular(A.asformat(form), np.ones(3))
    A.data[:] = 0.0
    with pytest.raises(np.linalg.LinAlgError, match="zero entry on diagonal"):
        spsolve_triangular(A, np.ones(3))
    good = triangle(4, True, "csr")
    with pytest.raises(ValueError, match="b must have 1 or 2 dims"):
        spsolve_triangular(good, np.ones((4, 1, 1)))
    with pytest.raises(ValueError, match="size"):
        spsolve_triangular(good, np.ones(5))
    with pytest.raises(ValueError, match="square"):
        spsolve_triangular(sps.csr_array(np.ones((2, 3))), np.ones(2))


@pytest.mark.parametrize("spoil", ["unsorted", "duplicate", "other triangle", "coo"])
def test_what_scipy_gets(spoil, caplog):
    A = triangle(6, True, "csr", density=0.9)
    b = np.arange(1.0, 7.0)
    if spoil == "unsorted":
        for i in range(6):
            span = slice(A.indptr[i], A.indptr[i + 1])
            A.indices[span], A.data[span] = A.indices[span][::-1].copy(), A.data[span][::-1].copy()
        A.has_sorted_indices = False
        expected = np.linalg.solve(A.toarray(), b)
    elif spoil == "duplicate":
        A = sps.csr_array((np.array([1.0, 1.0, 1.0]), np.array([0, 0, 1]), np.array([0, 2, 3])), shape=(2, 2))
        b = b[:2]
        expected = np.array([0.5, 2.0])
    elif spoil == "coo":
        A = A.tocoo()
        expected = np.linalg.solve(A.toarray(), b)
    else:
        A = (A + sps.csr_array(([0.5], ([0], [3])), shape=(6, 6))).tocsr()
        expected = None
    with caplog.at_level(logging.INFO, "kriss.dispatch"):
        if spoil == "coo":
            with pytest.warns(sps.SparseEfficiencyWarning):
                x = spsolve_triangular(A, b)
        else:
            x = spsolve_triangular(A, b)
    assert "spsolve_triangular: handed to SciPy" in caplog.text
    if expected is None:
        assert_array_equal(x, theirs(A, b))
    else:
        assert_allclose(x, expected, rtol=1e-9)


@pytest.mark.parametrize("form", ["csr", "csc"])
def test_malformed_index_arrays_are_not_read_beyond(form):
    from kriss._backend import kernels

    A = triangle(6, True, form, density=0.9)
    for name, value in (("indices", 100), ("indices", -3), ("indptr", 1000), ("indptr", -1)):
        arrays = {"indptr": A.indptr.copy(), "indices": A.indices.copy()}
        arrays[name][2] = value
        status, line = kernels("solve_substitution").substitute(
            arrays["indptr"], arrays["indices"], A.data, True, form == "csc", False, np.ones((6, 1))
        )
        assert status in (8, 13)
        assert 0 <= line < 6


@pytest.mark.parametrize("form", ["csr", "csc"])
@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("bad", [np.inf, np.nan])
@pytest.mark.parametrize("where", [0, 3, 6])
def test_infinity_and_nan_go_only_where_entries_take_them(form, lower, bad, where):
    dense = np.diag(np.arange(1.0, 8.0))
    dense[4, 3], dense[6, 0] = 2.0, 1.0
    A = sps.csr_array(dense if lower else dense.T).asformat(form)
    b = np.ones(7)
    b[where] = bad
    x = spsolve_triangular(A, b, lower=lower)
    reach = {0: {0, 6}, 3: {3, 4}, 6: {6}} if lower else {0: {0}, 3: {3}, 6: {6, 0}}
    assert {int(i) for i in np.flatnonzero(~np.isfinite(x))} == reach[where]


def test_backends_give_the_same_bits():
    import kriss
    from kriss._backend import core

    if core() is None:
        pytest.skip("the compiled module is not built here")
    pytest.importorskip("numba")
    for lower in (True, False):
        for form in ("csr", "csc"):
            A = triangle(40, lower, form)
            for shape in ((40,), (40, 3)):
                b = np.random.default_rng(3).standard_normal(shape)
                found = []
                for backend in ("compiled", "numba"):
                    with kriss.use_backend(backend):
                        found.append(spsolve_triangular(A, b, lower=lower))
                assert_array_equal(found[0], found[1])
