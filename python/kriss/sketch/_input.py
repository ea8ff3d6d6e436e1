"""The arguments of `lstsq` and `factor`, checked and brought into the forms that the solvers take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps
import scipy.sparse.linalg as spla

from kriss import _validate
from kriss.sketch._lapack import as_matrix
from kriss.sketch._rows import ComplexMatrix, CsrMatrix, Matrix, Number, OperatorMatrix, complex_csr
from kriss.sketch._sparse_sign import dense_array, strided


@dataclass(frozen=True)
class Left:
    """A, weighted, and what it was before."""

    matrix: Matrix
    dtype: np.dtype[Any]  # float32, float64, complex64 or complex128
    root: npt.NDArray[np.float64] | None  # square roots of the weights
    used: int  # rows of positive weight
    entries: int  # stored ones; 0 for an operator

    @property
    def dense(self) -> bool:
        """Whether A is an array."""
        return self.matrix.kind == "dense"


def _is_operator(a: object) -> bool:
    return isinstance(a, spla.LinearOperator) or (
        not isinstance(a, np.ndarray) and all(hasattr(a, name) for name in ("shape", "matvec", "rmatvec"))
    )


def complex_array(raw: Number, name: str, ndim: int) -> Number:
    """A complex array as aligned complex64 or complex128; other precisions are refused by name."""
    native = raw.dtype.newbyteorder("=")
    if native not in (np.complex64, np.complex128):
        raise TypeError(f"{name} has dtype {raw.dtype}, expected complex64, complex128 or real numbers")
    if raw.ndim != ndim:
        raise ValueError(f"{name} has shape {raw.shape}, expected a {ndim}-D array")
    return np.require(raw, dtype=native, requirements=["A"])


def _array(value: object, name: str, ndim: int | None = None) -> Number:
    """Real or complex, strides kept."""
    raw = value if type(value) is np.ndarray else dense_array(value, name)
    if ndim is None:
        if raw.ndim not in (1, 2):
            raise ValueError(f"{name} has shape {raw.shape}, expected a 1-D or 2-D array")
        ndim = raw.ndim
    return complex_array(raw, name, ndim) if raw.dtype.kind == "c" else strided(raw, name, ndim=ndim)


def weights(value: object, m: int) -> npt.NDArray[np.float64] | None:
    """Square roots of the weights, or None."""
    if value is None:
        return None
    w = _validate.real_array(value, "sample_weight", ndim=1, dtype=np.float64)
    if w.shape != (m,):
        raise ValueError(f"sample_weight has shape {w.shape}, expected ({m},) as a has {m} rows")
    if m and w.min() < 0:
        i = int(np.argmax(w < 0))
        raise ValueError(f"sample_weight contains {w[i]} at index {i}, expected no negative weight")
    return np.asarray(np.sqrt(w))


def _sparse(a: Any, root: npt.NDArray[np.float64] | None, finite: bool) -> tuple[Matrix, np.dtype[Any], int]:
    if a.ndim != 2:
        raise ValueError(f"a has shape {a.shape}, expected a 2-D matrix")
    kind = np.dtype(a.dtype).newbyteorder("=")
    if kind.kind == "c":
        complex_array(np.empty(0, kind), "a", 1)
        # The checks are those of real matrices: both parts have the same pattern.
        _validate._check_indices(a, "a")
        re, im = (_validate.csr(part, "a", dtype=np.float64, finite=finite) for part in (a.real, a.imag))
        csr = re._replace(data=re.data + 1j * im.data)
        out = kind
    else:
        out = _validate.real_dtype(kind, "a")
        csr = _validate.csr(a, "a", dtype=np.float64, finite=finite)
    if root is not None:
        csr = csr._replace(data=csr.data * np.repeat(root, np.diff(csr.indptr)))
    entries = int(csr.indices.size)
    matrix = ComplexMatrix(CsrMatrix(complex_csr(csr))) if kind.kind == "c" else CsrMatrix(csr)
    return matrix, out, entries


def left_side(a: object, sample_weight: object, check_finite: bool) -> Left:
    """A from whatever it was given as."""
    if sps.issparse(a):
        source: Any = a
        root = weights(sample_weight, int(source.shape[0]))
        matrix, dtype, entries = _sparse(source, root, check_finite)
    elif _is_operator(a):
        operator: Any = a if isinstance(a, spla.LinearOperator) else spla.aslinearoperator(a)
        if len(operator.shape) != 2:
            raise ValueError(f"a has shape {operator.shape}, expected a 2-D operator")
        kind = np.dtype(operator.dtype if operator.dtype is not None else np.float64)
        if kind.kind not in "biufc":
            raise TypeError(f"a is an operator of dtype {kind}, expected real or complex numbers")
        root = weights(sample_weight, int(operator.shape[0]))
        if root is not None:
            operator = spla.aslinearoperator(sps.diags_array(root)) @ operator
        matrix = OperatorMatrix(operator, kind.kind == "c")
        dtype, entries = np.dtype(np.complex128 if kind.kind == "c" else np.float64), 0
    else:
        array = _array(a, "a", 2)
        root = weights(sample_weight, array.shape[0])
        dtype, entries = array.dtype, array.size
        if root is not None:
            array = array * root[:, None]
        matrix = as_matrix(array)
    used = matrix.m if root is None else int(np.count_nonzero(root))
    return Left(matrix, np.dtype(dtype), root, used, entries)


def right_side(b: object, left: Left) -> tuple[Number, bool, np.dtype[Any], Left]:
    """b as (m, nrhs), whether it was 1-D, the dtype of x, and A made complex if b is."""
    if sps.issparse(b):
        raise TypeError(f"b is sparse ({type(b).__name__}), expected a dense array")
    right = _array(b, "b")
    if right.shape[0] != left.matrix.m:
        raise ValueError(f"b has {right.shape[0]} rows, expected {left.matrix.m} as a has")
    one_d = right.ndim == 1
    right = right[:, None] if one_d else right
    dtype = np.result_type(left.dtype, right.dtype)
    if left.root is not None:
        right = right * left.root[:, None]
    if dtype.kind == "c" and not left.matrix.complex:
        left = _as_complex(left)
    work = np.complex128 if left.matrix.complex else np.float64
    if not (left.dense and right.dtype == left.dtype):
        right = right.astype(work, copy=False)
        if left.dense:
            left = _in_double(left)
    return right, one_d, dtype, left


def _as_complex(left: Left) -> Left:
    matrix = left.matrix
    if isinstance(matrix, OperatorMatrix):
        changed: Matrix = OperatorMatrix(matrix.operator, True)
    elif isinstance(matrix, CsrMatrix):
        changed = ComplexMatrix(CsrMatrix(complex_csr(matrix.csr)))
    else:
        changed = as_matrix(matrix.dense().astype(np.complex128))
    return Left(changed, np.dtype(np.complex128), left.root, left.used, left.entries)


def _in_double(left: Left) -> Left:
    """Two precisions meet in the higher one, as in SciPy."""
    array = left.matrix.dense()
    work = np.dtype(np.complex128 if left.matrix.complex else np.float64)
    if array.dtype == work:
        return left
    return Left(as_matrix(array.astype(work)), work, left.root, left.used, left.entries)
