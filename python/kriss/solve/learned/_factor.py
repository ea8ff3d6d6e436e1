"""Incomplete Cholesky factors that a network has corrected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator

from kriss import _device
from kriss import _validate as check
from kriss._backend import kernels
from kriss.solve._cg import cg
from kriss.solve._native import scaled
from kriss.solve._order import rcm_order
from kriss.solve._pair import FAMILY, TrianglePair
from kriss.solve._precond import same_pattern
from kriss.solve._triangular import Rows
from kriss.solve.learned._graph_network import Lower

Array = npt.NDArray[Any]

PROBE_RTOL, PROBE_STEPS = 1e-3, 100
_SEED = 20261


class Corrector(Protocol):
    """What a model does for `LearnedFactor`."""

    classical: str  # name of the factor it is compared with

    def start(self, A: Any) -> tuple[Lower, float]:
        """(the classical factor, the shift of the diagonal that it needed)."""

    def correct(self, A: Any, factor: Lower, workers: int, device: bool) -> Lower | str:
        """The corrected factor, or why there is none; `device`: where the network runs."""


class LearnedFactor(TrianglePair):
    """A corrected incomplete Cholesky factor as a preconditioner; made by `GraphFactor.setup` and
    `StencilFactor.setup`.

    Parameters
    ----------
    model : GraphFactor
        The network; `StencilFactor` makes its own, with the grid.
    A : sparse matrix or array, shape (n, n)
        Real, symmetric positive definite, with positive diagonal. It is copied where that is needed.
    order : {"rcm", "natural"}, default "rcm"
        Order of elimination: reverse Cuthill-McKee, or as the rows come.
    validate : bool, default True
        Compare the corrected factor with the classical one, by conjugate gradients on one right-hand side, and keep
        the better one.
    workers : int, optional
        Threads of the network; `kriss.get_num_threads` by default. The result does not depend on it.
    device : bool, default False
        Run the network on the current GPU, with the same bits; the classical factorisation and the comparison stay on
        the host.

    Attributes
    ----------
    params : mapping
        ``kept``: ``"learned"``, or the name of the classical factor; ``reason`` for the latter; ``shift`` of the
        diagonal that the classical factor needed; ``iterations``: of the two, learned first, to a thousandth of the
        residual, at most 100 each (None if they were not compared: not asked for, n <= 1, or no corrected factor).
    nnz : int
        Entries of the two triangles, the diagonal counted once.
    is_spd, is_linear : bool
        True.
    nbytes : int
        Memory held.

    Raises
    ------
    TypeError, ValueError
        If A is not a real square sparse matrix, is not symmetric, or a diagonal entry is missing, not positive or not
        finite (the row is named).
    numpy.linalg.LinAlgError
        If the classical factorisation fails whatever its shift.
    RuntimeError
        If `device` is True, and there is no device or CuPy is missing.

    Notes
    -----
    ``M = L L'`` with a positive diagonal of L: symmetric positive definite whatever the network returns, so plain
    conjugate gradients apply. Application: 2 nnz flops, 12 nnz bytes, as for the classical factor. Setup: the classical
    factorisation, the network, and at most 200 iterations for the comparison.

    The classical factor is used in single precision, where the network returns NaN, where a column of the factor is so
    full that the network would need much more memory than the factor, and where validation finds it the better one;
    ``params["reason"]`` tells. Both are compared and applied as two triangles with as many entries, so the one with
    fewer iterations is the faster one; where neither breaks down and they take as many, the smaller residual decides.

    References
    ----------
    See `GraphFactor` and `StencilFactor`.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import cg
    >>> from kriss.solve.learned import GraphFactor
    >>> from kriss.testing import mesh_diffusion
    >>> A = mesh_diffusion(500, 1e-2, 0.7)
    >>> M = GraphFactor.pretrained().setup(A)
    >>> M.params["kept"], M.is_spd
    ('learned', True)
    >>> cg(A, np.ones(500), rtol=1e-8, M=M).status
    'converged'
    """

    params: Mapping[str, Any]
    _device = False  # of what was pickled before there was a choice

    def __init__(
        self,
        model: Corrector,
        A: object,
        *,
        order: str = "rcm",
        validate: bool = True,
        workers: int | None = None,
        device: bool = False,
    ) -> None:
        if not hasattr(model, "correct"):
            raise TypeError(f"model must be a GraphFactor, not {type(model).__name__}")
        check.choice(order, "order", ("rcm", "natural"))
        self._model, self._validate, self._workers = model, bool(validate), check.workers(workers)
        self._device = bool(device)
        if device:
            _device.cupy()
            _device.cuda("solve")
        matrix = check.csr(A, "A", square=True)
        _symmetric(matrix)
        n, itype = matrix.shape[0], matrix.indices.dtype
        self._turn: Array = np.empty(0, itype)  # where each unknown goes
        if order == "rcm" and n > 1:
            self._turn = np.empty(n, itype)
            self._turn[rcm_order(A)] = np.arange(n, dtype=itype)
        self._set(matrix)
        LinearOperator.__init__(self, matrix.data.dtype, matrix.shape)

    @property
    def nnz(self) -> int:
        """How many entries the two triangles have, each diagonal once."""
        return int(2 * self._parts[0][1].size + self.shape[0])

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return super().nbytes + 2 * int(self._turn.nbytes)

    def update(self, A: object) -> None:
        """Take over a new A with the same pattern, in the same order; if it is unfit, nothing is changed."""
        matrix = check.csr(A, "A", square=True, dtype=self.dtype)
        same_pattern(matrix, *self._pattern)
        _symmetric(matrix)
        super().update(A)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the object of the kernels, which is made anew."""
        return {**super().__getstate__(), "params": dict(self.params)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({**state, "params": MappingProxyType(state["params"])})

    def _hold(self, first: Rows, first_inverse: Array, second: Rows, second_inverse: Any) -> None:
        self._parts = (first, first_inverse, second, second_inverse)
        self._kernels = kernels(FAMILY)
        self._native = self._kernels.factors(
            *first, first_inverse, True, *second, second_inverse, False, self._turn, self._turn
        )

    def _device_triangles(self) -> Any:
        if self._turn.size:
            raise TypeError("a reordered LearnedFactor cannot be moved to a GPU: reorder A, and take order='natural'")
        return super()._device_triangles()

    def _set(self, matrix: check.Csr) -> None:
        _positive(matrix)
        self._remember(matrix)
        small, self._shift = scaled(matrix)
        A = sps.csr_array((small.data, small.indices, small.indptr), shape=small.shape)
        n = A.shape[0]
        if self._turn.size:
            rows = self._turn[np.repeat(np.arange(n), np.diff(A.indptr))]
            A = sps.coo_array((A.data, (rows, self._turn[A.indices])), shape=A.shape).tocsr()
            A.sort_indices()
        try:
            base, shift = self._model.start(A)
        except np.linalg.LinAlgError as error:
            raise np.linalg.LinAlgError(self._unturned(str(error))) from None
        made: Lower | str = "the learned factor is in double precision"
        if matrix.data.dtype == np.float64:
            made = self._model.correct(A, base, self._workers, self._device)
        iterations = None
        if not isinstance(made, str) and self._validate and n > 1:
            made, iterations = self._better(small, base, made)
        reason = made if isinstance(made, str) else None
        self._triangles(base if isinstance(made, str) else made, matrix)
        kept = self._model.classical if reason is not None else "learned"
        self.params = MappingProxyType({"kept": kept, "reason": reason, "shift": shift, "iterations": iterations})

    def _unturned(self, message: str) -> str:
        """The message with its row as the caller numbers it."""
        if not self._turn.size:
            return message
        old = np.argsort(self._turn)
        return re.sub(r"\brow (\d+)", lambda found: f"row {old[int(found[1])]}", message)

    def _triangles(self, factor: Lower, matrix: check.Csr) -> None:
        n, itype, dtype = factor.diagonal.size, matrix.indices.dtype, matrix.data.dtype
        lower = (factor.indptr.astype(itype), factor.indices.astype(itype), factor.data.astype(dtype))
        turned = sps.csc_array((lower[2], lower[1], lower[0]), shape=(n, n)).tocsr()
        inverse = (1.0 / factor.diagonal).astype(dtype)
        self._hold(lower, inverse, (turned.indptr.astype(itype), turned.indices.astype(itype), turned.data), inverse)

    def _better(self, small: check.Csr, base: Lower, made: Lower) -> tuple[Lower | str, tuple[int, int]]:
        """The corrected factor or why not, and the iterations with it and with the other."""
        A = sps.csr_array((small.data, small.indices, small.indptr), shape=small.shape)
        b = np.random.default_rng(_SEED).standard_normal(A.shape[0]) * np.sqrt(A.diagonal())
        found = []
        for factor in (made, base):
            probe = LearnedFactor.__new__(LearnedFactor)
            probe._turn, probe._shift, probe._workers = self._turn, 0, self._workers
            probe._triangles(factor, small)
            LinearOperator.__init__(probe, A.dtype, A.shape)
            result = cg(A, b, rtol=PROBE_RTOL, M=probe, maxiter=PROBE_STEPS)
            found.append(result)
        counts = (found[0].iterations, found[1].iterations)
        if _rank(found[0]) <= _rank(found[1]):
            return made, counts
        name, status = self._model.classical, found[0].status
        if status not in ("converged", "maxiter"):
            return f"with the corrected factor the iteration ended: {status}", counts
        more = ", and leaves more" if counts[0] == counts[1] else ""
        return f"{name} takes {counts[1]} iterations to a thousandth, the corrected factor {counts[0]}{more}", counts


def _rank(result: Any) -> tuple[bool, bool, int, float]:
    """Smaller is better. Breaking down early is not being fast: iterations count between converged solves only."""
    converged = result.status == "converged"
    norm = float(result.residual_norm)
    broken = not converged and result.status != "maxiter"
    return broken, not converged, result.iterations if converged else 0, norm if np.isfinite(norm) else np.inf


def _positive(matrix: check.Csr) -> None:
    """Refuse a matrix with a diagonal entry that is missing or not positive, naming the first row."""
    diagonal = sps.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape).diagonal()
    unfit = np.flatnonzero(~(diagonal > 0))
    if unfit.size:
        row = int(unfit[0])
        stored = row in matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
        found = f"is {diagonal[row]}" if stored else "is not stored"
        raise ValueError(f"A cannot be used: its diagonal entry in row {row} {found}, expected a positive number")


def _symmetric(matrix: check.Csr) -> None:
    """Refuse a matrix whose entries on either side of the diagonal differ by more than rounding, naming the first."""
    A = sps.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)
    turned = A.T.tocsr()
    if (
        np.array_equal(turned.indptr, A.indptr)
        and np.array_equal(turned.indices, A.indices)
        and np.array_equal(turned.data, A.data)
    ):
        return
    gap = abs(A - turned).tocoo()
    root = np.sqrt(np.abs(A.diagonal()))
    size = root[gap.coords[0]] * root[gap.coords[1]]
    unequal = np.flatnonzero(gap.data > 64.0 * float(np.finfo(A.dtype).eps) * size)
    if unequal.size:
        i, j = (int(v[unequal[0]]) for v in gap.coords)
        raise ValueError(f"A is not symmetric: entry ({i}, {j}) is {A[i, j]}, entry ({j}, {i}) is {A[j, i]}")
