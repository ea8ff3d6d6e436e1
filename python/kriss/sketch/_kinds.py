"""The Gaussian sketch, the CountSketch, and `sketch`, which takes every kind."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import numpy.typing as npt

from kriss import _backend, _validate
from kriss._validate import Csr, FloatArray, RngLike
from kriss.sketch._operator import Operator
from kriss.sketch._sparse_sign import SparseSign
from kriss.sketch._srht import SRHT


class Gaussian(Operator):
    """A Gaussian sketch: a random d-row matrix S of independent N(0, 1/d) entries.

    The sketch that theory is exact for, and the reference for the others: for a least-squares solution x from S A and
    S b, ``E[(x - x*)(x - x*).T] = norm(r)**2 * inv(A.T @ A) / (d - n - 1)``. Entry (k, i) is a function of the seed, k
    and i alone: S has no end.

    Parameters
    ----------
    d : int
        Rows of the sketch.
    rng : int, SeedSequence, Generator or None
        Where the 64-bit seed comes from. An int or SeedSequence gives the same S every time.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it should be.

    Attributes
    ----------
    d, seed : int
        As given; `seed` is the key of the counter-based generator.

    Notes
    -----
    `apply` costs ``2 d nnz(A)`` flops and, for each of the d m entries of S, half a logarithm, sine and cosine: tens
    of times as much as the other kinds. S is made in pieces of 8 KiB and never stored. The result is the same bits for
    any `workers`, for C and Fortran order, for dense and sparse input, when A arrives in blocks, and on both backends.

    References
    ----------
    G. E. P. Box, M. E. Muller, *A note on the generation of random normal deviates*, Ann. Math. Statist. 29 (1958),
    equation 1: how entries are made.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import Gaussian
    >>> S = Gaussian(40, rng=0)
    >>> A = np.ones((100, 2))
    >>> np.allclose(S.apply(A), S.matrix(100) @ A)
    True
    """

    __slots__ = ()

    def __init__(self, d: int, *, rng: RngLike = None) -> None:
        super().__init__(d, rng)

    def __repr__(self) -> str:
        return f"Gaussian(d={self.d}, seed={self.seed:#018x})"

    def _dense(self, run: ModuleType, a: FloatArray, offset: int, out: FloatArray, threads: int) -> None:
        run.gaussian_dense(a, self.seed, self.d, offset, out, threads)

    def _csr(self, run: ModuleType, a: Csr, offset: int, out: FloatArray, threads: int) -> None:
        run.gaussian_csr(a.indptr, a.indices, a.data, a.shape[1], self.seed, self.d, offset, out, threads)

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
            float64.

        Examples
        --------
        >>> from kriss.sketch import Gaussian
        >>> Gaussian(4, rng=0).matrix(3).shape
        (4, 3)
        """
        m = _validate.integer(m, "m", low=0)
        offset = _validate.integer(row_offset, "row_offset", low=0, high=2**62)
        out = np.empty((self.d, m))
        _backend.kernels("sketch_transform").gaussian_entries(self.seed, offset, out)
        return out


class CountSketch(SparseSign):
    """A CountSketch: a random d-row matrix S with one entry ±1 in every column, at a random place.

    The cheapest sketch, and the only one here that needs ``d`` of the order n² instead of n: with fewer rows, two
    heavy rows of A may fall on one row of S A, and the sketch of a matrix of full rank is singular. Where this may
    happen take `SparseSign`. It is `SparseSign` with ``zeta=1``, with all of its properties.

    Parameters
    ----------
    d : int
        Rows of the sketch.
    rng : int, SeedSequence, Generator or None
        Where the 64-bit seed comes from. An int or SeedSequence gives the same S every time.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it should be.

    See Also
    --------
    kriss.scipy.linalg.clarkson_woodruff_transform : the same distribution with SciPy's random numbers.

    Notes
    -----
    nnz(A) additions. Same bits for any number of workers, order, blocks, dense and sparse input, as `SparseSign`.

    References
    ----------
    K. L. Clarkson, D. P. Woodruff, *Low rank approximation and regression in input sparsity time*, STOC 2013,
    section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import CountSketch
    >>> CountSketch(50, rng=0).apply(np.ones((1000, 2))).shape
    (50, 2)
    """

    __slots__ = ()

    def __init__(self, d: int, *, rng: RngLike = None) -> None:
        super().__init__(d, 1, rng=rng)

    def __repr__(self) -> str:
        return f"CountSketch(d={self.d}, seed={self.seed:#018x})"


def sketch(
    A: object,
    d: int,
    *,
    kind: str = "sparse-sign",
    zeta: int = 8,
    rng: RngLike = None,
    workers: int | None = None,
    check_finite: bool = True,
) -> FloatArray:
    """Compress the rows of a tall matrix to `d` random combinations that keep the lengths of all its combinations.

    Parameters
    ----------
    A : array_like or sparse matrix, shape (m, n) or (m,)
        Dense in any order, or sparse in any format. float32 stays float32.
    d : int
        Rows of the result. With ``d = c n`` the singular values of the sketch lie within about ``1 ± 1/√c`` of A's,
        relatively.
    kind : {"sparse-sign", "srht", "gaussian", "countsketch"}
        The distribution of the sketch. ``"srht"`` and ``"gaussian"`` spread every row of A over the whole sketch,
        which bounds errors coefficient by coefficient; ``"countsketch"`` is cheap and may be singular.
    zeta : int
        Entries per row of A; of the sparse-sign sketch only.
    rng : int, SeedSequence, Generator or None
        The seed.
    workers : int, optional
        Threads; changes no bit of the result.
    check_finite : bool
        Refuse NaN and infinity.

    Returns
    -------
    ndarray, shape (d, n) or (d,)
        S @ A.

    Raises
    ------
    TypeError, ValueError
        As the class of that kind and its ``apply``; also for an unknown `kind`.

    See Also
    --------
    SparseSign, SRHT, Gaussian, CountSketch : the sketches as objects, for matrices that arrive in blocks.

    Notes
    -----
    One pass over A, and additions: ``zeta nnz(A)`` for sparse signs, ``m n log2(d)`` and a little more for the SRHT,
    ``2 d nnz(A)`` flops for the Gaussian, ``nnz(A)`` for the CountSketch.

    References
    ----------
    D. M. Kane, J. Nelson, *Sparser Johnson-Lindenstrauss transforms*, J. ACM 61 (2014), section 2. The other kinds:
    see their classes.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import sketch
    >>> A = np.random.default_rng(0).standard_normal((5000, 10))
    >>> for kind in ("sparse-sign", "srht", "gaussian", "countsketch"):
    ...     SA = sketch(A, 400, kind=kind, rng=1)
    ...     ratio = np.linalg.svd(SA, compute_uv=False) / np.linalg.svd(A, compute_uv=False)
    ...     print(kind, bool(abs(ratio - 1).max() < 0.3))
    sparse-sign True
    srht True
    gaussian True
    countsketch True
    """
    _validate.choice(kind, "kind", ("sparse-sign", "srht", "gaussian", "countsketch"))
    operator: Operator | SparseSign
    if kind == "sparse-sign":
        operator = SparseSign(d, zeta, rng=rng)
    elif kind == "srht":
        operator = SRHT(d, rng=rng)
    elif kind == "gaussian":
        operator = Gaussian(d, rng=rng)
    else:
        operator = CountSketch(d, rng=rng)
    return operator.apply(A, workers=workers, check_finite=check_finite)
