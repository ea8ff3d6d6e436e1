"""An order of the rows that brings the entries of a sparse matrix close to its diagonal."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps
from scipy.sparse.csgraph import reverse_cuthill_mckee

from kriss import _validate as check
from kriss._backend import kernels


def symmetric_pattern(matrix: check.Csr, threads: int) -> check.Csr:
    """The pattern of A + A', sorted; A itself where that is its own."""
    if kernels("solve_stationary").pattern_symmetric(matrix.indptr, matrix.indices, matrix.data, threads):
        return matrix
    ones = sps.csr_array((np.ones(matrix.indices.size), matrix.indices, matrix.indptr), shape=matrix.shape)
    both = (ones + ones.T).tocsr()
    both.sort_indices()
    itype = matrix.indices.dtype
    return check.Csr(matrix.shape, both.indptr.astype(itype), both.indices.astype(itype), both.data)


def rcm_order(A: object) -> npt.NDArray[Any]:
    """Order the rows of A so that its entries come close to the diagonal: reverse Cuthill-McKee.

    Parameters
    ----------
    A : sparse matrix or array, shape (n, n)
        Real. Only where entries are stored matters: rows i and j are neighbours if (i, j) or (j, i) is.

    Returns
    -------
    order : ndarray of int, shape (n,)
        A permutation. With ``B = A[order][:, order]``, ``A x = b`` becomes ``B y = b[order]`` with ``y = x[order]``.

    Raises
    ------
    TypeError, ValueError
        If A is not a real square sparse matrix.

    Notes
    -----
    Runs through `scipy.sparse.csgraph.reverse_cuthill_mckee` on the pattern of A + A', which is made only if that of A
    is not symmetric: O(nnz) time apart from sorting each row's neighbours by degree. A small bandwidth keeps the
    vectors of a product or a sweep in cache, and makes incomplete factorisations of unstructured meshes better. It
    destroys the natural order of a grid, which this library has faster sweeps for.

    References
    ----------
    E. Cuthill, J. McKee, "Reducing the bandwidth of sparse symmetric matrices", Proc. 24th Nat. Conf. ACM (1969).
    A. George, J. W. H. Liu, "Computer Solution of Large Sparse Positive Definite Systems", Prentice-Hall 1981, section
    4.3.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import rcm_order
    >>> from kriss.testing import poisson2d
    >>> shuffled = np.random.default_rng(0).permutation(400)
    >>> A = poisson2d(20)[shuffled][:, shuffled].tocsr()
    >>> order = rcm_order(A)
    >>> B = A[order][:, order].tocoo()
    >>> bool(np.abs(B.coords[0] - B.coords[1]).max() <= 21)
    True
    """
    matrix = check.csr(A, "A", square=True, finite=False)
    if matrix.shape[0] == 0:
        return np.empty(0, matrix.indices.dtype)
    pattern = symmetric_pattern(matrix, 0)
    ones = np.ones(pattern.indices.size, np.int8)
    graph = sps.csr_array((ones, pattern.indices, pattern.indptr), shape=pattern.shape)
    return np.asarray(reverse_cuthill_mckee(graph, symmetric_mode=True), dtype=matrix.indices.dtype)
