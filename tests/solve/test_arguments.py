"""Arguments of kriss.solve: kinds, dtypes, layouts, bad values, malformed matrices. Nothing is modified."""

import numpy as np
import pytest
import scipy.sparse as sps
from numpy.testing import assert_array_equal
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from kriss.solve import SSOR, Jacobi, cg
from kriss.testing import poisson2d

N = 6
SIZE = N * N


@pytest.fixture
def A():
    return poisson2d(N)


@pytest.fixture
def b(rng):
    return rng.standard_normal(SIZE)


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "dia", "bsr", "lil", "dok"])
@pytest.mark.parametrize("array", [True, False], ids=["array", "matrix"])
def test_sparse_formats(kind, array, A, b):
    expected = cg(A, b, rtol=1e-8).x
    B = A.asformat(kind) if array else sps.csr_matrix(A).asformat(kind)
    assert_array_equal(cg(B, b, rtol=1e-8).x, expected)


@pytest.mark.parametrize("form", ["dense", "list", "operator", "fortran"])
def test_dense_matrices_and_operators(form, A, b):
    dense = A.toarray()
    B = {
        "dense": dense,
        "list": dense.tolist(),
        "operator": aslinearoperator(A),
        "fortran": np.asfortranarray(dense),
    }[form]
    r = cg(B, b, rtol=1e-8)
    assert r.converged
    assert np.abs(r.x - cg(A, b, rtol=1e-8).x).max() <= 1e-12


LAYOUTS = {
    "list": lambda v: v.tolist(),
    "tuple": lambda v: tuple(v.tolist()),
    "reversed": lambda v: v[::-1].copy()[::-1],
    "strided": lambda v: np.repeat(v, 3)[::3],
    "fortran": lambda v: np.asfortranarray(np.stack([v, v]))[0],
    "swapped": lambda v: v.astype(v.dtype.newbyteorder()),
    "unaligned": lambda v: np.frombuffer(b"x" + v.tobytes(), np.uint8)[1:].view(v.dtype),
    "masked": lambda v: np.ma.masked_array(v),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("which", ["b", "x0"])
def test_layouts_of_vectors(layout, which, A, b, rng):
    other = rng.standard_normal(SIZE)
    args = {"b": b, "x0": other}
    expected = cg(A, **args, rtol=1e-8).x
    args[which] = LAYOUTS[layout](args[which])
    assert_array_equal(cg(A, **args, rtol=1e-8).x, expected)


def test_nothing_is_modified_and_read_only_works(A, b, rng):
    x0 = rng.standard_normal(SIZE)
    inputs = [A.data, A.indices, A.indptr, b, x0]
    before = [v.copy() for v in inputs]
    for v in inputs:
        v.flags.writeable = False
    for M in (None, "jacobi", "ssor", SSOR(A), Jacobi(A)):
        r = cg(A, b, x0, M=M, rtol=1e-9)
        assert r.converged and r.x.flags.writeable
    for v, old in zip(inputs, before, strict=True):
        assert_array_equal(v, old)


@pytest.mark.parametrize(("a_type", "b_type", "out"), [
    (np.float32, np.float32, np.float32), (np.float32, np.float64, np.float64), (np.float64, np.float32, np.float64),
    (np.int32, np.float64, np.float64), (np.float64, np.int64, np.float64), (np.int8, np.bool_, np.float64),
    (np.float32, np.float16, np.float32),
])  # fmt: skip
@pytest.mark.parametrize("M", [None, "jacobi", "ssor"])
def test_dtypes(a_type, b_type, out, M, A):
    r = cg(A.astype(a_type), np.ones(SIZE).astype(b_type), M=M)
    assert r.converged and r.x.dtype == out


@pytest.mark.parametrize("single", [Jacobi, SSOR])
def test_preconditioner_of_another_precision(single, A, b):
    r = cg(A, b, M=single(A.astype(np.float32)), rtol=1e-10)
    assert r.converged and r.x.dtype == np.float64


@pytest.mark.parametrize("bad", [np.clongdouble, object, np.longdouble])
def test_dtypes_refused(bad, A, b):
    with pytest.raises(TypeError, match="b"):
        cg(A, b.astype(bad))
    if bad is not object:
        with pytest.raises(TypeError, match="A"):
            cg(A.astype(bad), b)


@pytest.mark.parametrize("itype", [np.int32, np.int64])
@pytest.mark.parametrize("M", [None, "jacobi", "ssor"])
def test_index_types(itype, M, A, b):
    B = A.copy()
    B.indices, B.indptr = B.indices.astype(itype), B.indptr.astype(itype)
    assert_array_equal(cg(B, b, M=M, rtol=1e-8).x, cg(A, b, M=M, rtol=1e-8).x)
    M64 = SSOR(B)
    assert_array_equal(cg(A, b, M=M64, rtol=1e-8).x, cg(A, b, M="ssor", rtol=1e-8).x)


@pytest.mark.parametrize("M", [None, "jacobi", "ssor"])
def test_unsorted_and_duplicate_entries(M, A, b, rng):
    coo = A.tocoo()
    order = rng.permutation(A.nnz)
    rows, cols, data = coo.coords[0][order], coo.coords[1][order], coo.data[order]
    by_row = np.argsort(np.r_[rows, rows], kind="stable")
    rows2, cols2 = np.r_[rows, rows][by_row], np.r_[cols, cols][by_row]
    halves = np.r_[data * 0.25, data * 0.75][by_row]
    indptr = np.searchsorted(rows2, np.arange(SIZE + 1)).astype(np.int32)
    B = sps.csr_array((halves, cols2.astype(np.int32), indptr), shape=A.shape)
    assert not B.has_canonical_format
    kept = B.data.copy(), B.indices.copy()
    assert_array_equal(cg(B, b, M=M, rtol=1e-8).x, cg(A, b, M=M, rtol=1e-8).x)
    assert_array_equal(B.data, kept[0])
    assert_array_equal(B.indices, kept[1])


def raw_csr(data, indices, indptr, shape):
    """A CSR matrix whose arrays SciPy has not checked."""
    A = sps.csr_array(shape)
    A.data, A.indices, A.indptr = np.asarray(data, float), np.asarray(indices, np.int32), np.asarray(indptr, np.int32)
    return A


@pytest.mark.parametrize("bad", [
    {"indices": [0, 1, 3]}, {"indices": [0, -1, 2]}, {"indices": [0, 2**31 - 1, 2]}, {"indptr": [0, 2, 1, 3]},
    {"indptr": [1, 1, 2, 3]}, {"indptr": [0, 1, 2, 9]}, {"indptr": [0, 1, 3]}, {"indptr": [0, -5, 2, 3]},
    {"data": [1.0, 1.0]},
])  # fmt: skip
@pytest.mark.parametrize("use", [cg, Jacobi, SSOR])
def test_malformed_csr_raises(bad, use):
    parts = {"data": [1.0, 1.0, 1.0], "indices": [0, 1, 2], "indptr": [0, 1, 2, 3]} | bad
    A = raw_csr(**parts, shape=(3, 3))
    with pytest.raises(ValueError, match=r"A\.in|A\.data"):
        use(A, np.ones(3)) if use is cg else use(A)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [0, SIZE // 2, -1])
@pytest.mark.parametrize("which", ["A", "b", "x0"])
@pytest.mark.parametrize("M", [None, "jacobi", "ssor"])
def test_nan_and_infinity(value, where, which, M, A, b, rng):
    x0 = rng.standard_normal(SIZE)
    {"A": A.data, "b": b, "x0": x0}[which][where] = value
    with pytest.raises(ValueError, match=which):
        cg(A, b, x0, M=M)
    if which != "A" or M is None:
        r = cg(A, b, x0, M=M, check_finite=False)
        assert r.status == "non_finite" and r.iterations <= 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("call", [1, 3])
def test_nan_from_an_operator(value, call, A, b):
    for side in ("A", "M"):
        calls = 0
        B = A if side == "A" else sps.eye_array(SIZE).tocsr()

        def matvec(v, B=B):
            nonlocal calls
            calls += 1
            out = B @ v
            if calls == call:
                out[2] = value
            return out

        bad = LinearOperator(A.shape, matvec=matvec, dtype=float)
        r = cg(bad, b) if side == "A" else cg(A, b, M=bad)
        assert r.status == "non_finite" and r.iterations <= call
        assert np.isfinite(r.x).all()


@pytest.mark.parametrize("row", [0, SIZE // 2, SIZE - 1])
@pytest.mark.parametrize("how", ["zero", "missing", "tiny"])
@pytest.mark.parametrize("use", [Jacobi, SSOR, "jacobi", "ssor"])
def test_unusable_diagonal_names_its_row(row, how, use, A, b):
    coo = A.tocoo()
    on = (coo.coords[0] == row) & (coo.coords[1] == row)
    if how == "missing":
        keep = ~on
        B = sps.coo_array((coo.data[keep], (coo.coords[0][keep], coo.coords[1][keep])), shape=A.shape).tocsr()
    else:
        B = sps.csr_array((np.where(on, 0.0 if how == "zero" else 5e-324, coo.data), A.indices, A.indptr))
    with pytest.raises(ValueError, match=rf"row {row}\b"):
        cg(B, b, M=use) if isinstance(use, str) else use(B)


@pytest.mark.parametrize(("change", "error", "match"), [
    ({"A": np.ones((3, 4))}, ValueError, "A has shape"),
    ({"A": sps.csr_array((3, 4))}, ValueError, "A has shape"),
    ({"A": "matrix"}, TypeError, "A must be"),
    ({"A": None}, TypeError, "A must be"),
    ({"b": np.ones(SIZE + 1)}, ValueError, "b has shape"),
    ({"b": np.ones((SIZE, 1, 1))}, ValueError, "b has shape"),
    ({"b": np.ones((1, SIZE))}, ValueError, "b has shape"),
    ({"b": 1.0}, ValueError, "b has shape"),
    ({"b": sps.csr_array(np.ones((1, SIZE)))}, TypeError, "b"),
    ({"x0": np.ones(SIZE - 1)}, ValueError, "x0 has shape"),
    ({"rtol": -1e-5}, ValueError, "rtol"),
    ({"rtol": np.nan}, ValueError, "rtol"),
    ({"rtol": "small"}, TypeError, "rtol"),
    ({"atol": -1.0}, ValueError, "atol"),
    ({"atol": "legacy"}, TypeError, "atol"),
    ({"maxiter": -1}, ValueError, "maxiter"),
    ({"maxiter": 2.5}, TypeError, "maxiter"),
    ({"maxiter": True}, TypeError, "maxiter"),
    ({"workers": 0}, ValueError, "workers"),
    ({"callback": 3}, TypeError, "callback"),
    ({"M": "amg"}, ValueError, "M must be one of"),
    ({"M": 7}, TypeError, "M must be"),
    ({"M": sps.eye_array(3)}, ValueError, "M has shape"),
    ({"M": Jacobi(sps.eye_array(3).tocsr())}, ValueError, "M has shape"),
])  # fmt: skip
def test_bad_values(change, error, match, A, b):
    with pytest.raises(error, match=match):
        cg(**({"A": A, "b": b} | change))


def test_named_preconditioner_needs_entries(A, b):
    with pytest.raises(TypeError, match="needs the entries of A"):
        cg(aslinearoperator(A), b, M="jacobi")


@pytest.mark.parametrize("omega", [0.0, 2.0, -1.0, 2.5, np.nan, np.inf])
def test_omega_out_of_range(omega, A):
    with pytest.raises(ValueError, match="omega"):
        SSOR(A, omega)


def test_complex_operator_results_are_refused(A, b):
    bad = LinearOperator(A.shape, matvec=lambda v: (A @ v) * (1 + 0j), dtype=float)
    with pytest.raises(TypeError, match="A returned complex"):
        cg(bad, b)
    with pytest.raises(TypeError, match="M returned complex"):
        cg(A, b, M=bad)


def test_non_linear_preconditioner_is_refused(A, b):
    M = LinearOperator(A.shape, matvec=lambda v: v, dtype=float)
    M.is_linear = False
    with pytest.raises(ValueError, match="not linear"):
        cg(A, b, M=M)
