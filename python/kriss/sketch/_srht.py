"""Subsampled randomised Hadamard transforms, of a matrix and of a Kronecker product."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _backend, _validate
from kriss._validate import Csr, FloatArray, RngLike
from kriss.sketch import _gpu
from kriss.sketch._operator import Operator, keys, permutation, power_of_two
from kriss.sketch._sparse_sign import strided

_PLACE, _ROW = 1, 2  # streams of keys
_TENSOR_PLACE, _TENSOR_ROW = (3, 4), (5, 6)


class SRHT(Operator):
    """A subsampled randomised Hadamard transform: a random d-row matrix S with every entry ±1/√d.

    The columns of S are cut into tiles of 2ᵏ. In a tile, the rows of A get random signs, are permuted at random and
    go through a Walsh-Hadamard transform, of which `d` rows are kept; random signs of these rows then make the tiles
    independent. So ``E[S.T @ S] = I``, no row of A counts more than another, and S has no end: column i is a function
    of the seed and of i alone. With ``tile`` at least the number of rows this is the classical transform.

    Parameters
    ----------
    d : int
        Rows of the sketch.
    tile : int, optional
        Columns per tile, a power of two and at least `d`. By default the smallest one that is also at least 256, so
        that a tile stays in the cache.
    permute : bool
        Permute the rows within their tile. Without it, neighbouring rows of A that hold much of its weight (an
        identity on top of zeros) meet columns of H with few different patterns, and the sketch of a matrix of full
        rank may be singular.
    rng : int, SeedSequence, Generator or None
        Where the 64-bit seed comes from. An int or SeedSequence gives the same S every time.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it should be.

    Attributes
    ----------
    d, tile, seed : int
        As given or chosen; `seed` is the key of the counter-based generator.
    permute : bool
        As given.

    Notes
    -----
    `apply` costs ``m n log2(tile)`` additions and one pass over A, and works beside A with ``72 tile`` bytes per thread
    (float64), and with ``d n`` numbers more per thread where A has fewer strips of 8 columns than there are threads or
    is sparse. The result is the same bits for any `workers`, for C and Fortran order, for dense and sparse input, and
    on both backends; and for A in blocks that end with tiles (``row_offset`` a multiple of `tile`). A tile that arrives
    in pieces is transformed in pieces, and the sum agrees up to rounding.

    References
    ----------
    J. A. Tropp, *Improved analysis of the subsampled randomized Hadamard transform*, Adv. Adapt. Data Anal. 3 (2011),
    definition 3.1. O. Balabanov, M. Beaupère, L. Grigori, V. Lederer, *Block subsampled randomized Hadamard transform
    for low-rank approximation on distributed architectures*, ICML 2023, equation 3: the tiles.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import SRHT
    >>> S = SRHT(64, tile=256, rng=0)
    >>> A = np.ones((1000, 3))
    >>> SA = S.apply(A)
    >>> in_blocks = S.apply(A[:512])
    >>> _ = S.apply(A[512:], row_offset=512, out=in_blocks)
    >>> np.array_equal(SA, in_blocks)
    True
    """

    __slots__ = ("_place", "_row", "permute", "tile")

    def __init__(self, d: int, *, tile: int | None = None, permute: bool = True, rng: RngLike = None) -> None:
        super().__init__(d, rng)
        if self.d > 2**28:
            raise ValueError(f"d must be at most {2**28}, not {self.d}")
        if tile is None:
            self.tile = max(256, power_of_two(self.d))
        else:
            self.tile = _validate.integer(tile, "tile", low=self.d, high=2**28)
            if self.tile & (self.tile - 1):
                raise ValueError(f"tile must be a power of two, not {self.tile}")
        if not isinstance(permute, (bool, np.bool_)):
            raise TypeError(f"permute must be True or False, not {permute!r}")
        self.permute = bool(permute)
        n = self.tile
        self._place = permutation(self.seed, _PLACE, n) if self.permute else np.arange(n, dtype=np.int32)
        self._row = np.sort(permutation(self.seed, _ROW, n)[: self.d])

    def __repr__(self) -> str:
        return f"SRHT(d={self.d}, tile={self.tile}, permute={self.permute}, seed={self.seed:#018x})"

    def _dense(self, run: ModuleType, a: FloatArray, offset: int, out: FloatArray, threads: int) -> None:
        run.srht_dense(a, self.seed, self._place, self._row, offset, out, threads)

    def _csr(self, run: ModuleType, a: Csr, offset: int, out: FloatArray, threads: int) -> None:
        run.srht_csr(
            a.indptr, a.indices, a.data, a.shape[1], self.seed, self._place, self._row, offset, out, threads
        )  # fmt: skip

    def _device(self, A: Any, offset: int, out: Any, check_finite: bool) -> Any:
        return _gpu.srht(A, self.seed, self._place, self._row, offset, out, check_finite)

    def matrix(self, m: int, row_offset: int = 0) -> npt.NDArray[np.float64]:
        """Columns ``row_offset : row_offset + m`` of S, written out.

        Parameters
        ----------
        m : int
            Number of columns.
        row_offset : int
            The first one.

        Returns
        -------
        ndarray, shape (d, m)
            float64, every entry ±1/√d.

        Examples
        --------
        >>> from kriss.sketch import SRHT
        >>> abs(SRHT(4, rng=0).matrix(3)).max()
        np.float64(0.5)
        """
        m = _validate.integer(m, "m", low=0)
        out: npt.NDArray[np.float64] = self.apply(np.eye(m), row_offset).astype(np.float64, copy=False)
        return out


class TensorSRHT:
    """A subsampled randomised Hadamard transform of Kronecker products, which are never formed.

    Row k of S has the entries ``h1[k, i] * h2[k, j] / √d`` for row (i, j) of ``kron(A1, A2)``, where h1 and h2 are rows
    of permuted, sign-flipped Hadamard matrices, one for each factor, drawn independently for every k. So
    ``E[S.T @ S] = I`` and a product costs two small transforms.

    Parameters
    ----------
    d : int
        Rows of the sketch.
    m1, m2 : int
        Rows of the two factors, at least 1.
    rng : int, SeedSequence, Generator or None
        Where the 64-bit seed comes from. An int or SeedSequence gives the same S every time.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it should be.

    Attributes
    ----------
    d, m1, m2, seed : int
        As given; `seed` is the key of the counter-based generator.

    Notes
    -----
    With M1 and M2 the next powers of two, `apply` costs ``M1 n1 log2(M1) + M2 n2 log2(M2)`` additions and ``d n1 n2``
    products; `apply_vector` ``M1 M2 log2(M1 M2)`` additions for each column. Memory: the padded factors, or the padded
    vector, and the result. The same bits for any `workers`, any order of the input, and both backends.

    References
    ----------
    Z. Song, M. Ye, J. Yin, L. Zhang, *A nearly-optimal bound for fast regression with ℓ∞ guarantee*, 2023,
    arXiv:2302.00248, section 6 (TensorSRHT). T. D. Ahle, M. Kapralov, J. B. T. Knudsen, R. Pagh, A. Velingker,
    D. P. Woodruff, A. Zandieh, *Oblivious sketching of high-degree polynomial kernels*, SODA 2020, definition 15.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import TensorSRHT
    >>> rng = np.random.default_rng(0)
    >>> A1, A2 = rng.standard_normal((30, 2)), rng.standard_normal((50, 3))
    >>> S = TensorSRHT(200, 30, 50, rng=1)
    >>> SA = S.apply(A1, A2)
    >>> SA.shape
    (200, 6)
    >>> x = np.arange(6.0)
    >>> np.allclose(SA @ x, S.apply_vector(np.kron(A1, A2) @ x))
    True
    """

    __slots__ = ("_parts", "d", "m1", "m2", "seed")

    def __init__(self, d: int, m1: int, m2: int, *, rng: RngLike = None) -> None:
        self.d = _validate.integer(d, "d", low=1, high=2**31 - 1)
        self.m1 = _validate.integer(m1, "m1", low=1, high=2**28)
        self.m2 = _validate.integer(m2, "m2", low=1, high=2**28)
        self.seed = _validate.seed64(rng)
        parts = []
        for which, m in enumerate((self.m1, self.m2)):
            padded = power_of_two(m)
            sign = np.empty(padded)
            _backend.kernels("sketch_transform").vector_signs(self.seed, which, sign)
            place = permutation(self.seed, _TENSOR_PLACE[which], padded)[:m]
            # The leading bits of the key: uniform, since the number of rows is a power of two.
            row = keys(self.seed, _TENSOR_ROW[which], self.d) >> np.uint64(32)
            row = (row * np.uint64(padded)) >> np.uint64(32)
            parts.append((padded, sign[:m], place, row.astype(np.intp)))
        self._parts = tuple(parts)

    def __repr__(self) -> str:
        return f"TensorSRHT(d={self.d}, m1={self.m1}, m2={self.m2}, seed={self.seed:#018x})"

    def _factor(self, which: int, a: FloatArray, threads: int) -> FloatArray:
        """The chosen rows of H P D a for one factor."""
        padded, sign, place, row = self._parts[which]
        work = np.zeros((1, padded, a.shape[1]), a.dtype)
        work[0, place] = sign.astype(a.dtype)[:, None] * a
        if work.size:
            _backend.kernels("sketch_transform").fwht(work, 1.0, threads)
        chosen: FloatArray = work[0][row]
        return chosen

    def apply(
        self, A1: object, A2: object, *, workers: int | None = None, check_finite: bool = True
    ) -> FloatArray:  # fmt: skip
        """S times ``kron(A1, A2)``.

        Parameters
        ----------
        A1, A2 : array_like, shape (m1, n1) and (m2, n2)
            Real and dense. The result is float32 if both are.
        workers : int, optional
            Threads; changes no bit of the result.
        check_finite : bool
            Refuse NaN and infinity.

        Returns
        -------
        ndarray, shape (d, n1 * n2)
            S @ kron(A1, A2).

        Raises
        ------
        TypeError, ValueError
            If a factor is not real, not 2-D, has another number of rows, or holds NaN or infinity.
        OverflowError
            If the factors are finite but the sketch is not.
        """
        threads = _validate.workers(workers)
        factors = [strided(A1, "A1"), strided(A2, "A2")]
        dtype = np.result_type(*factors)
        for name, a, m in zip(("A1", "A2"), factors, (self.m1, self.m2), strict=True):
            if a.shape[0] != m:
                raise ValueError(f"{name} has shape {a.shape}, expected {m} rows")
            if check_finite:
                _validate.check_finite(a, name)
        left, right = (self._factor(k, a.astype(dtype, copy=False), threads) for k, a in enumerate(factors))
        left *= dtype.type(1.0 / math.sqrt(self.d))
        out = (left[:, :, None] * right[:, None, :]).reshape(self.d, left.shape[1] * right.shape[1])
        if check_finite and not np.isfinite(out).all():
            raise OverflowError("the sketch of kron(A1, A2) overflows: scale the factors down")
        return out

    def apply_vector(self, b: object, *, workers: int | None = None, check_finite: bool = True) -> FloatArray:
        """S times a vector, or a matrix, of m1·m2 rows in the order of ``kron(A1, A2)``.

        Parameters
        ----------
        b : array_like, shape (m1 * m2,) or (m1 * m2, k)
            Real and dense. float32 stays float32.
        workers : int, optional
            Threads; changes no bit of the result.
        check_finite : bool
            Refuse NaN and infinity.

        Returns
        -------
        ndarray, shape (d,) or (d, k)
            S @ b.

        Raises
        ------
        TypeError, ValueError
            If b is not real, has another number of rows, or holds NaN or infinity.
        OverflowError
            If b is finite but its sketch is not.
        """
        threads = _validate.workers(workers)
        rhs = _validate.real_array(b, "b", ndim=(1, 2), finite=check_finite)
        if rhs.shape[0] != self.m1 * self.m2:
            raise ValueError(f"b has shape {rhs.shape}, expected {self.m1 * self.m2} rows (m1 times m2)")
        columns = rhs.reshape(self.m1, self.m2, -1)
        (p1, sign1, place1, row1), (p2, sign2, place2, row2) = self._parts
        run = _backend.kernels("sketch_transform")
        out = np.empty((self.d, columns.shape[2]), rhs.dtype)
        for k in range(columns.shape[2]):
            work = np.zeros((p1, p2), rhs.dtype)
            signs = (sign1[:, None] * sign2[None, :]).astype(rhs.dtype)
            work[np.ix_(place1, place2)] = signs * columns[:, :, k]
            run.fwht(work[:, :, None], 1.0, threads)
            run.fwht(work[None], 1.0, threads)
            out[:, k] = work[row1, row2] * rhs.dtype.type(1.0 / math.sqrt(self.d))
        if check_finite and not np.isfinite(out).all():
            raise OverflowError("the sketch of b overflows: scale b down")
        return out if rhs.ndim == 2 else out[:, 0]
