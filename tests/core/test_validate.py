"""Every argument check: what is accepted is normalised without touching the input, what is not names the argument."""

import contextlib
import decimal
import fractions

import numpy as np
import pytest
import scipy.sparse as sps
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kriss import _validate as v

GOOD = {
    "list": ([1, 2, 3], np.float64),
    "tuple of float": ((1.0, 2.0, 3.0), np.float64),
    "int64": (np.array([1, 2, 3]), np.float64),
    "int8": (np.array([1, 2, 3], np.int8), np.float64),
    "uint64": (np.array([1, 2, 3], np.uint64), np.float64),
    "bool": (np.array([True, False, True]), np.float64),
    "float64": (np.array([1.0, 2.0, 3.0]), np.float64),
    "float32": (np.array([1.0, 2.0, 3.0], np.float32), np.float32),
    "float16": (np.array([1.0, 2.0, 3.0], np.float16), np.float32),
    "big-endian float64": (np.array([1.0, 2.0, 3.0], ">f8"), np.float64),
    "big-endian float32": (np.array([1.0, 2.0, 3.0], ">f4"), np.float32),
    "negative stride": (np.array([3.0, 2.0, 1.0])[::-1], np.float64),
    "zero stride": (np.broadcast_to(np.float64(2.0), (3,)), np.float64),
    "every second": (np.arange(6.0)[::2], np.float64),
    "masked without masked entries": (np.ma.array([1.0, 2.0, 3.0], mask=False), np.float64),
    "memoryview": (memoryview(np.array([1.0, 2.0, 3.0])), np.float64),
}


@pytest.mark.parametrize("key", GOOD)
def test_real_array_normalises(key):
    value, dtype = GOOD[key]
    out = v.real_array(value, "b", ndim=1)
    assert type(out) is np.ndarray
    assert out.dtype == dtype and out.dtype.isnative
    assert out.flags.c_contiguous and out.flags.aligned
    assert np.array_equal(out, np.asarray(value))


def test_unaligned_and_read_only_input():
    raw = bytearray(8 * 4 + 1)
    unaligned = np.frombuffer(raw, np.float64, count=4, offset=1)
    unaligned[:] = [1, 2, 3, 4]
    assert not unaligned.flags.aligned
    out = v.real_array(unaligned, "b")
    assert out.flags.aligned and np.array_equal(out, unaligned)
    frozen = np.arange(3.0)
    frozen.flags.writeable = False
    assert v.real_array(frozen, "b") is frozen


def test_fortran_order_becomes_c_order():
    a = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    out = v.real_array(a, "A", ndim=2)
    assert out.flags.c_contiguous and np.array_equal(out, a)


def test_what_needs_no_change_is_not_copied():
    a = np.arange(4.0)
    assert v.real_array(a, "b") is a


BAD = {
    "complex": (np.array([1j]), TypeError, "complex128"),
    "object": (np.array([1, None]), TypeError, "object"),
    "longdouble": (np.array([1.0], np.longdouble), TypeError, "expected real numbers"),
    "strings": (["a", "b"], TypeError, "expected real numbers"),
    "dates": (np.array(["2020-01-01"], "M8[D]"), TypeError, "datetime64"),
    "record": (np.zeros(2, [("a", "f8")]), TypeError, "expected real numbers"),
    "huge int": ([2**70], TypeError, "object"),
    "ragged": ([[1.0], [1.0, 2.0]], ValueError, "cannot be made an array"),
    "masked": (np.ma.array([1.0, 2.0], mask=[False, True]), ValueError, "masked"),
    "sparse": (sps.eye_array(2), TypeError, "is sparse"),
    "None": (None, TypeError, "object"),
    "0-d": (1.0, ValueError, "expected a 1-D array"),
    "2-D": (np.ones((2, 2)), ValueError, r"shape \(2, 2\), expected a 1-D array"),
}


@pytest.mark.parametrize("key", BAD)
def test_real_array_refuses_and_names_the_argument(key):
    value, error, words = BAD[key]
    with pytest.raises(error, match=f"^rhs .*{words}"):
        v.real_array(value, "rhs", ndim=1)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="long double is double here")
def test_longdouble_is_not_mistaken_for_double():
    with pytest.raises(TypeError):
        v.real_dtype(np.dtype(np.longdouble), "b")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [0, 3, 6])
def test_non_finite_values_are_named_with_their_place(bad, where):
    b = np.arange(7.0)
    b[where] = bad
    with pytest.raises(ValueError, match=rf"^b contains {bad} at index \({where},\), expected finite values"):
        v.real_array(b, "b")
    assert np.array_equal(v.real_array(b, "b", finite=False), b, equal_nan=True)


def test_single_and_dtype_arguments():
    a = np.ones(2, np.float32)
    assert v.real_array(a, "a", single=False).dtype == np.float64
    assert v.real_array(a, "a", dtype=np.float64).dtype == np.float64
    assert v.real_array(np.ones(2), "a", dtype=np.float32).dtype == np.float32


def test_zero_size_arrays_pass():
    for shape in [(0,), (0, 3), (3, 0)]:
        assert v.real_array(np.empty(shape), "a").shape == shape


@given(
    hnp.arrays(
        dtype=st.sampled_from([np.float64, np.float32, np.float16, np.int32, np.uint8, np.bool_, np.dtype(">f8")]),
        shape=hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5),
        elements={"allow_nan": False, "allow_infinity": False},
    ),
    st.randoms(),
)
def test_any_strided_real_array_keeps_its_values_and_is_not_modified(a, random):
    view = a.transpose(random.sample(range(a.ndim), a.ndim))
    view = view[tuple(slice(None, None, random.choice([1, -1, 2, -2])) for _ in range(view.ndim))]
    kept = a.tobytes()
    out = v.real_array(view, "a")
    assert out.shape == view.shape and out.flags.c_contiguous
    assert np.array_equal(out, view.astype(out.dtype))
    assert a.tobytes() == kept


@pytest.mark.parametrize(("value", "out"), [(3, 3), (np.int64(3), 3), (np.uint8(3), 3), (np.array(3), 3)])
def test_integer(value, out):
    assert v.integer(value, "n") == out and type(v.integer(value, "n")) is int


@pytest.mark.parametrize("value", [True, np.True_, 3.0, "3", None, 3j, np.array([3, 4]), decimal.Decimal(3)])
def test_integer_refuses(value):
    with pytest.raises(TypeError, match=r"^n must be an integer"):
        v.integer(value, "n")


def test_integer_bounds():
    with pytest.raises(ValueError, match=r"^n must be at least 1, not 0"):
        v.integer(0, "n", low=1)
    with pytest.raises(ValueError, match=r"^n must be at most 5, not 6"):
        v.integer(6, "n", high=5)
    assert v.integer(5, "n", low=5, high=5) == 5


@pytest.mark.parametrize(
    "value", [2, 2.0, np.float32(2), np.int8(2), np.array(2.0), fractions.Fraction(2)], ids=lambda x: type(x).__name__
)
def test_scalar(value):
    assert v.scalar(value, "rtol") == 2.0 and type(v.scalar(value, "rtol")) is float


@pytest.mark.parametrize("value", [True, np.False_, "2", None, 2j, [2.0], np.array([2.0]), decimal.Decimal(2)])
def test_scalar_refuses(value):
    with pytest.raises(TypeError, match=r"^rtol must be a real number"):
        v.scalar(value, "rtol")


def test_scalar_bounds():
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(ValueError, match=r"^rtol must be finite"):
            v.scalar(bad, "rtol")
    assert v.scalar(np.inf, "rtol", finite=False) == np.inf
    with pytest.raises(ValueError, match=r"^rtol must be finite"):
        v.scalar(np.nan, "rtol", finite=False)
    with pytest.raises(ValueError, match=r"^rtol must be at least 0.0, not -1.0"):
        v.scalar(-1.0, "rtol", low=0.0)
    with pytest.raises(ValueError, match=r"^rtol must be above 0.0, not 0.0"):
        v.scalar(0.0, "rtol", low=0.0, strict=True)
    assert v.scalar(0.0, "rtol", low=0.0) == 0.0
    with pytest.raises(ValueError, match=r"^rtol is too large"):
        v.scalar(10**400, "rtol")


def test_choice():
    assert v.choice("a", "mode", ("a", "b")) == "a"
    for bad in ("c", "", None, 1, np.array(["a"])):
        with pytest.raises(ValueError, match=r"^mode must be one of 'a', 'b', not"):
            v.choice(bad, "mode", ("a", "b"))


def test_workers():
    assert v.workers(None) == 0
    assert v.workers(3) == 3
    for bad in (0, -1):
        with pytest.raises(ValueError, match=r"^workers must be at least 1"):
            v.workers(bad)
    for bad in (True, 2.0, "all"):
        with pytest.raises(TypeError, match=r"^workers must be an integer"):
            v.workers(bad)


def test_seeds():
    assert v.seed64(7) == v.seed64(np.int32(7)) == v.seed64(np.random.SeedSequence(7))
    assert v.seed64(7) != v.seed64(8)
    assert v.seed64(2**100) == v.seed64(2**100)
    assert v.seed64(None) != v.seed64(None)
    g, h = np.random.default_rng(3), np.random.default_rng(3)
    assert v.seed64(g) == v.seed64(h) != v.seed64(g)
    for seed in (7, g, None):
        assert 0 <= v.seed64(seed) < 2**64
    with pytest.raises(ValueError, match=r"^rng must not be negative"):
        v.seed64(-1)
    for bad in (True, 1.5, "seed", np.random.RandomState(1)):
        with pytest.raises(TypeError, match=r"^rng must be an int, SeedSequence, Generator or None"):
            v.seed64(bad)
    assert v.generator(g) is g
    assert v.generator(5).random() == v.generator(5).random()


# CSR --------------------------------------------------------------------------------------------------------------


def example(kind=sps.csr_array, index=np.int32):
    dense = np.array([[4.0, 0, 1], [0, 3, 0], [1, 0, 5]])
    a = sps.csr_array(dense)
    a.indptr, a.indices = a.indptr.astype(index), a.indices.astype(index)
    return kind(a), dense


def back(c):
    return sps.csr_array((c.data, c.indices, c.indptr), shape=c.shape).toarray()


@pytest.mark.parametrize(
    "kind",
    [sps.csr_array, sps.csr_matrix, sps.csc_array, sps.coo_array, sps.bsr_array, sps.lil_array, sps.dok_array,
     sps.dia_array],
)  # fmt: skip
def test_every_sparse_format(kind):
    a, dense = example(kind)
    c = v.csr(a, "A", square=True)
    assert np.array_equal(back(c), dense)
    assert c.indptr.dtype == c.indices.dtype
    assert c.indices.dtype in (np.int32, np.int64)


@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_index_types_and_no_copy(index):
    a, _ = example(index=index)
    c = v.csr(a, "A")
    assert c.indices.dtype == index
    assert np.shares_memory(c.data, a.data)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.bool_, np.uint8])
def test_sparse_data_types(dtype):
    a, dense = example()
    c = v.csr(a.astype(dtype), "A")
    assert c.data.dtype == (np.float32 if dtype == np.float32 else np.float64)
    assert np.array_equal(back(c), dense.astype(dtype))


def test_unsorted_and_duplicate_indices_are_put_right_in_a_copy():
    data, indices, indptr = np.array([1.0, 2, 3, 4]), np.array([2, 0, 0, 1]), np.array([0, 3, 4, 4])
    a = sps.csr_array((data, indices, indptr), shape=(3, 3))
    c = v.csr(a, "A")
    assert np.array_equal(back(c), [[5, 0, 1], [0, 4, 0], [0, 0, 0]])
    assert all(np.all(np.diff(c.indices[i:j]) > 0) for i, j in zip(c.indptr[:-1], c.indptr[1:], strict=True))
    assert np.array_equal(indices, [2, 0, 0, 1]) and np.array_equal(data, [1, 2, 3, 4])


def test_a_stale_canonical_flag_is_not_believed():
    a, _ = example()
    assert a.has_canonical_format
    a.indices[0], a.indices[1] = 2, 0  # now unsorted; the flag still says otherwise
    assert a.has_canonical_format
    c = v.csr(a, "A")
    assert c.indices[:2].tolist() == [0, 2] and c.data[:2].tolist() == [1.0, 4.0]


def test_entries_beyond_indptr_are_left_out():
    a = sps.csr_array((np.ones(5), np.array([0, 1, 0, 9, 9]), np.array([0, 1, 3])), shape=(2, 10))
    a.indptr = np.array([0, 1, 2], np.int32)
    c = v.csr(a, "A")
    assert c.indices.size == c.data.size == 2


MALFORMED = {
    "index too large": (lambda a: a.indices.__setitem__(1, 3), r"A.indices holds 3 in row 0, expected 0 to 2"),
    "index huge": (lambda a: a.indices.__setitem__(4, 2**31 - 1), r"in row 2, expected 0 to 2"),
    "negative index": (lambda a: a.indices.__setitem__(2, -1), r"A.indices holds -1 in row 1"),
    "indptr starts late": (lambda a: a.indptr.__setitem__(0, 1), r"A.indptr\[0\] is 1, expected 0"),
    "indptr decreases": (lambda a: a.indptr.__setitem__(1, 4), r"A.indptr decreases at row 1"),
    "indptr overruns": (lambda a: a.indptr.__setitem__(3, 9), r"A.indptr\[-1\] is 9, but indices holds 5"),
    "indptr short": (lambda a: setattr(a, "indptr", a.indptr[:-1]), r"A.indptr has shape \(3,\), expected \(4,\)"),
    "data short": (lambda a: setattr(a, "data", a.data[:-2]), r"data 3 entries"),
    "unsigned indptr decreases": (
        lambda a: setattr(a, "indptr", np.array([0, 4, 3, 5], np.uint32)),
        r"A.indptr decreases at row 1",
    ),
}


@pytest.mark.parametrize("key", MALFORMED)
def test_malformed_csr(key):
    a, _ = example()
    change, words = MALFORMED[key]
    change(a)
    with pytest.raises(ValueError, match=words):
        v.csr(a, "A")


def test_float_indices_are_refused():
    a, _ = example()
    a.indices = a.indices.astype(np.float64)
    with pytest.raises(TypeError, match=r"A.indices has dtype float64, expected integers"):
        v.csr(a, "A")


def test_malformed_other_formats_never_reach_the_conversion():
    csc, _ = example(sps.csc_array)
    csc.indices[0] = 77
    with pytest.raises(ValueError, match=r"A.indices holds 77 in column 0, expected 0 to 2"):
        v.csr(csc, "A")
    coo, _ = example(sps.coo_array)
    coo.coords[1][2] = -4
    with pytest.raises(ValueError, match="A holds column index -4 at entry 2, expected 0 to 2"):
        v.csr(coo, "A")
    coo, _ = example(sps.coo_array)
    coo.coords[0][1] = 1000
    with pytest.raises(ValueError, match="A holds row index 1000 at entry 1"):
        v.csr(coo, "A")
    bsr = sps.bsr_array(np.ones((4, 4)), blocksize=(2, 2))
    bsr.indices[3] = 9
    with pytest.raises(ValueError, match=r"A.indices holds 9 in block row 1, expected 0 to 1"):
        v.csr(bsr, "A")


def test_csr_refuses_what_is_not_a_real_square_finite_matrix():
    a, dense = example()
    with pytest.raises(TypeError, match=r"^A must be a SciPy sparse matrix or array, not ndarray"):
        v.csr(dense, "A")
    with pytest.raises(ValueError, match=r"^A has shape \(2, 3\), expected a square matrix"):
        v.csr(a[:2], "A", square=True)
    with pytest.raises(TypeError, match=r"^A has dtype complex128"):
        v.csr(a.astype(complex), "A")
    with pytest.raises(ValueError, match=r"^A has shape"):
        v.csr(sps.coo_array(np.ones(3)), "A")
    for bad in (np.nan, np.inf):
        a.data[3] = bad
        with pytest.raises(ValueError, match=r"^A.data contains"):
            v.csr(a, "A")
        assert v.csr(a, "A", finite=False).data.size == 5


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (2, 2)])
def test_empty_matrices(shape):
    c = v.csr(sps.csr_array(shape), "A")
    assert c.shape == shape and c.data.size == 0 and c.indptr.tolist() == [0] * (shape[0] + 1)


@given(st.data())
def test_random_index_arrays_are_refused_or_in_range(data):
    rows, cols = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    nnz = data.draw(st.integers(0, 8))
    a = sps.csr_array((rows, cols))
    a.indptr = np.array(data.draw(st.lists(st.integers(-2, 9), min_size=rows + 1, max_size=rows + 1)), np.int32)
    a.indices = np.array(data.draw(st.lists(st.integers(-2, 5), min_size=nnz, max_size=nnz)), np.int32)
    a.data = np.ones(nnz)
    refused = True
    with contextlib.suppress(ValueError):
        v.csr(a, "A")
        refused = False
    if refused:
        with pytest.raises(ValueError, match=r"^A\."):
            v.csr(a, "A")
        return
    c = v.csr(a, "A")
    assert c.indptr[0] == 0 and c.indptr[-1] == c.indices.size == c.data.size
    assert np.all(np.diff(c.indptr) >= 0)
    assert not c.indices.size or (c.indices.min() >= 0 and c.indices.max() < cols)
