"""Every argument check, once. Each function names the argument, the value found and what was expected."""

from __future__ import annotations

import math
import numbers
import operator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.signedinteger[Any]]

_PROMOTE: dict[np.dtype[Any], np.dtype[Any]] = {
    np.dtype(np.float32): np.dtype(np.float32),
    np.dtype(np.float64): np.dtype(np.float64),
    np.dtype(np.float16): np.dtype(np.float32),
}


def real_dtype(value: np.dtype[Any], name: str, *, single: bool = True) -> np.dtype[Any]:
    """The dtype a kernel will work in: float32 stays (if `single`), integers and bool become float64."""
    if value.kind in "biu":
        return np.dtype(np.float64)
    native: np.dtype[Any] = value.newbyteorder("=")
    if native in _PROMOTE:
        return np.dtype(np.float64) if not single else np.dtype(_PROMOTE[native])
    raise TypeError(f"{name} has dtype {value}, expected real numbers (float64, float32, or integers)")


def real_array(
    value: object,
    name: str,
    *,
    ndim: int | tuple[int, ...] | None = None,
    dtype: npt.DTypeLike | None = None,
    finite: bool = True,
    single: bool = True,
) -> FloatArray:
    """`value` as a C-contiguous, aligned, native-endian array of float32 or float64; never the input modified.

    Parameters
    ----------
    value : array_like
        Anything NumPy turns into a real array. Sparse, masked, complex, object and extended precision are refused.
    name : str
        The argument's name for error messages.
    ndim : int or tuple of int, optional
        Allowed numbers of dimensions.
    dtype : dtype, optional
        Force this dtype (float32 or float64).
    finite : bool
        Refuse NaN and infinity.
    single : bool
        Keep float32; otherwise promote to float64.
    """
    if sps.issparse(value):
        raise TypeError(f"{name} is sparse ({type(value).__name__}), expected a dense array")
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(f"{name} is a masked array with masked entries, which is not supported")
    try:
        raw = np.asarray(value)
    except ValueError as exc:
        raise ValueError(f"{name} cannot be made an array: {exc}") from None
    work = real_dtype(raw.dtype, name, single=single)
    if dtype is not None:
        work = np.dtype(dtype)
    if ndim is not None:
        allowed = (ndim,) if isinstance(ndim, int) else ndim
        if raw.ndim not in allowed:
            wanted = " or ".join(f"{k}-D" for k in allowed)
            raise ValueError(f"{name} has shape {raw.shape}, expected a {wanted} array")
    out = np.require(raw, dtype=work, requirements=["C", "A"])
    if finite:
        check_finite(out, name)
    return out


def check_finite(value: npt.NDArray[Any], name: str) -> None:
    """Refuse NaN and infinity, naming the first place."""
    if value.size and not np.isfinite(value).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(value))[0])
        raise ValueError(f"{name} contains {value[where]} at index {where}, expected finite values")


def integer(value: object, name: str, *, low: int | None = None, high: int | None = None) -> int:
    """`value` as an int within [low, high]; bool and non-integral numbers are refused."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    try:
        out = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {type(value).__name__}") from None
    if low is not None and out < low:
        raise ValueError(f"{name} must be at least {low}, not {out}")
    if high is not None and out > high:
        raise ValueError(f"{name} must be at most {high}, not {out}")
    return out


def scalar(
    value: object,
    name: str,
    *,
    low: float | None = None,
    strict: bool = False,
    finite: bool = True,
) -> float:
    """`value` as a float; with `low`, at least it (above it if `strict`)."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number, not {type(value).__name__}")
    try:
        out = float(value)
    except OverflowError:
        raise ValueError(f"{name} is too large for a float") from None
    if math.isnan(out) or (finite and math.isinf(out)):
        raise ValueError(f"{name} must be finite, not {out}")
    if low is not None and (out <= low if strict else out < low):
        raise ValueError(f"{name} must be {'above' if strict else 'at least'} {low}, not {out}")
    return out


def choice(value: object, name: str, allowed: tuple[str, ...]) -> str:
    """`value` if it is one of `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, not {value!r}")
    return value


def workers(value: object) -> int:
    """The `workers` argument for a kernel: 0 stands for the process-wide setting."""
    return 0 if value is None else integer(value, "workers", low=1)


class Csr(NamedTuple):
    """A checked CSR matrix: indices in range, sorted, without duplicates, one index dtype."""

    shape: tuple[int, int]
    indptr: IntArray
    indices: IntArray
    data: FloatArray


def csr(
    value: object,
    name: str,
    *,
    square: bool = False,
    finite: bool = True,
    dtype: npt.DTypeLike | None = None,
) -> Csr:
    """Any SciPy sparse matrix or array as a checked, canonical CSR matrix; the input is not modified.

    Raises
    ------
    TypeError
        If it is not sparse or not real.
    ValueError
        If it is not 2-D (or not square), holds NaN or infinity, or its index arrays are malformed.
    """
    if not sps.issparse(value):
        raise TypeError(f"{name} must be a SciPy sparse matrix or array, not {type(value).__name__}")
    source: Any = value
    if source.ndim != 2:
        raise ValueError(f"{name} has shape {source.shape}, expected a 2-D matrix")
    rows, cols = (int(n) for n in source.shape)
    if square and rows != cols:
        raise ValueError(f"{name} has shape {(rows, cols)}, expected a square matrix")
    work = real_dtype(source.dtype, name) if dtype is None else np.dtype(dtype)
    ready = _as_it_is(source, rows, cols, work, finite)
    if ready is not None:
        return ready
    _check_indices(source, name)
    matrix: Any = source
    if source.format != "csr":
        matrix = source.tocsr()
        _check_structure(matrix.indptr, matrix.indices, matrix.data, rows, cols, name)
    # A fresh object over the same arrays: the flags that `source` carries may be older than its arrays.
    matrix = sps.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=(rows, cols), copy=False)
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    nnz = int(matrix.indptr[-1])
    itype = np.result_type(matrix.indptr.dtype, matrix.indices.dtype)
    itype = np.dtype(np.int32) if itype.itemsize <= 4 else np.dtype(np.int64)
    out = Csr(
        (rows, cols),
        np.require(matrix.indptr, itype, ["C", "A"]),
        np.require(matrix.indices[:nnz], itype, ["C", "A"]),
        np.require(matrix.data[:nnz], work, ["C", "A"]),
    )
    if finite:
        check_finite(out.data, f"{name}.data")
    return out


def _as_it_is(source: Any, rows: int, cols: int, work: np.dtype[Any], finite: bool) -> Csr | None:
    """A matrix that needs no conversion, after one compiled look at its arrays; None if it does or something is wrong.

    The longer way finds out what is wrong and says so.
    """
    if source.format != "csr":
        return None
    arrays = (source.indptr, source.indices, source.data)
    if any(type(a) is not np.ndarray or a.ndim != 1 or not (a.flags.c_contiguous and a.flags.aligned) for a in arrays):
        return None
    indptr, indices, data = arrays
    if indptr.dtype != indices.dtype or indptr.dtype not in (np.int32, np.int64) or indptr.size != rows + 1:
        return None
    if data.dtype != work or work not in (np.float32, np.float64) or indices.size != data.size:
        return None
    from kriss._backend import kernels

    if kernels("solve").csr_canonical(indptr, indices, data, cols, finite, 0) != 0:
        return None
    nnz = int(indptr[-1])
    return Csr((rows, cols), indptr, indices[:nnz], data[:nnz])


def _check_indices(source: Any, name: str) -> None:
    """Refuse index arrays that would make a conversion to CSR, which is SciPy's, leave its arrays."""
    rows, cols = (int(n) for n in source.shape)
    if source.format == "csr":
        _check_structure(source.indptr, source.indices, source.data, rows, cols, name)
    elif source.format == "csc":
        _check_structure(source.indptr, source.indices, source.data, cols, rows, name, "column")
    elif source.format == "bsr":
        high, wide = (int(n) for n in source.blocksize)
        _check_structure(source.indptr, source.indices, source.data, rows // high, cols // wide, name, "block row")
    elif source.format == "coo":
        row, col = source.coords
        if not row.shape == col.shape == source.data.shape:
            raise ValueError(
                f"{name} has {row.size} row indices, {col.size} column indices and {source.data.size} entries"
            )
        for what, index, high in (("row", row, rows), ("column", col, cols)):
            if index.size and (int(index.min()) < 0 or int(index.max()) >= high):
                k = int(np.argmax((index < 0) | (index >= high)))
                raise ValueError(f"{name} holds {what} index {index[k]} at entry {k}, expected 0 to {high - 1}")


def _check_structure(
    indptr: npt.NDArray[Any],
    indices: npt.NDArray[Any],
    data: npt.NDArray[Any],
    rows: int,
    cols: int,
    name: str,
    line: str = "row",
) -> None:
    for which, array in (("indptr", indptr), ("indices", indices)):
        if array.dtype.kind not in "iu":
            raise TypeError(f"{name}.{which} has dtype {array.dtype}, expected integers")
    if indptr.dtype.kind == "u":
        indptr = indptr.astype(np.int64)  # differences of unsigned numbers are never negative
    if indptr.shape != (rows + 1,):
        raise ValueError(f"{name}.indptr has shape {indptr.shape}, expected ({rows + 1},)")
    if indptr[0] != 0:
        raise ValueError(f"{name}.indptr[0] is {indptr[0]}, expected 0")
    steps = np.diff(indptr)
    if rows and steps.min() < 0:
        raise ValueError(f"{name}.indptr decreases at {line} {int(np.argmax(steps < 0))}")
    nnz = int(indptr[-1])
    if nnz > indices.size or nnz > len(data):
        raise ValueError(f"{name}.indptr[-1] is {nnz}, but indices holds {indices.size} and data {len(data)} entries")
    if nnz:
        used = indices[:nnz]
        low, high = int(used.min()), int(used.max())
        if low < 0 or high >= cols:
            k = int(np.argmax((used < 0) | (used >= cols)))
            place = int(np.searchsorted(indptr, k, side="right")) - 1
            raise ValueError(f"{name}.indices holds {used[k]} in {line} {place}, expected 0 to {cols - 1}")


RngLike = int | np.integer[Any] | np.random.SeedSequence | np.random.Generator | None


def seed64(rng: RngLike, name: str = "rng") -> int:
    """One 64-bit seed for the counter-based generator, from what NumPy calls an rng.

    An int or SeedSequence gives the same seed every time, a Generator advances, None is unpredictable.
    """
    if rng is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(0, 2**64, dtype=np.uint64))
    if isinstance(rng, np.random.SeedSequence):
        return int(rng.generate_state(1, np.uint64)[0])
    if isinstance(rng, (bool, np.bool_)) or not isinstance(rng, (int, np.integer)):
        raise TypeError(f"{name} must be an int, SeedSequence, Generator or None, not {type(rng).__name__}")
    if rng < 0:
        raise ValueError(f"{name} must not be negative, not {rng}")
    return int(np.random.SeedSequence(int(rng)).generate_state(1, np.uint64)[0])


def generator(rng: RngLike, name: str = "rng") -> np.random.Generator:
    """A NumPy generator, from what NumPy calls an rng; a Generator is returned as it is."""
    if isinstance(rng, np.random.Generator):
        return rng
    return np.random.default_rng(seed64(rng, name))
