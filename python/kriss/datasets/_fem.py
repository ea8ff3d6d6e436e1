"""A real finite-element matrix."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss.datasets._files import Array, frozen, read_npz


@dataclass(frozen=True)
class FiniteElementMatrix:
    """A finite-element stiffness matrix with its mesh; `load_fem` makes it.

    Attributes
    ----------
    A : csr_array, shape (600, 600)
        The stiffness matrix, symmetric positive definite, 23402 entries.
    vertices : ndarray, shape (225, 3)
        Coordinates of the nodes. Node k < 200 is free and owns the unknowns 3k, 3k+1, 3k+2 (displacement in x, y, z);
        the last 25 are clamped and not part of `A`.
    elements : ndarray of int32, shape (128, 8)
        The eight nodes of each hexahedron.
    modes : ndarray, shape (600, 6)
        The six rigid-body motions on the free unknowns.
    name, description, source, license : str
        What the data are, where they come from, and what may be done with them.
    """

    A: sps.csr_array = field(repr=False)
    vertices: Array = field(repr=False)
    elements: npt.NDArray[np.int32] = field(repr=False)
    modes: Array = field(repr=False)
    name: str
    description: str
    source: str
    license: str


def load_fem() -> FiniteElementMatrix:
    """Stiffness matrix of an elastic bar clamped at one end, from trilinear hexahedra.

    Returns
    -------
    FiniteElementMatrix
        The matrix in CSR form and its mesh: a bar of 4 x 1 x 1 in 8 x 4 x 4 elements. Every call makes new arrays.

    Notes
    -----
    The example ``bar`` of PyAMG, converted without change of any value. Copyright (c) 2008-2015 PyAMG Developers, MIT
    licence; its text is in ``LICENSES.md`` beside this module.

    References
    ----------
    N. Bell, L. N. Olson, J. Schroder and B. Southworth, "PyAMG: Algebraic Multigrid Solvers in Python", Journal of Open
    Source Software 8(87), 2023, 5495.

    Examples
    --------
    >>> from kriss.datasets import load_fem
    >>> bar = load_fem()
    >>> bar.A.shape, bar.A.nnz
    ((600, 600), 23402)
    """
    arrays = read_npz("bar.npz")
    rows, cols = (int(k) for k in arrays["shape"])
    return FiniteElementMatrix(
        A=sps.csr_array((arrays["data"], arrays["indices"], arrays["indptr"]), shape=(rows, cols)),
        vertices=frozen(arrays["vertices"]),
        elements=arrays["elements"],
        modes=frozen(arrays["modes"]),
        name="Elastic bar",
        description="Linear elasticity in three dimensions, 128 trilinear hexahedra, one end clamped",
        source="PyAMG, gallery example 'bar'",
        license="MIT, Copyright (c) 2008-2015 PyAMG Developers",
    )
