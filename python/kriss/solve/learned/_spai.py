"""Sparse approximate inverses corrected by message passing on the graph of the matrix."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator

from kriss import _device
from kriss import _validate as check
from kriss.solve._cg import cg
from kriss.solve._fsai import MOST, ProductPair, factor, turned
from kriss.solve._native import balanced
from kriss.solve._triangular import Rows
from kriss.solve.learned import _graph_network, _model
from kriss.solve.learned import _spai_network as network
from kriss.solve.learned._factor import PROBE_RTOL, PROBE_STEPS, _positive, _symmetric

Array = npt.NDArray[Any]

_SEED = 20262


@dataclass(frozen=True, eq=False)
class LearnedSPAI:
    """A trained sparse approximate inverse, ``M^-1 = F'F + E`` with F on the pattern of A: two products, no solve.

    Attributes
    ----------
    weights : mapping of str to ndarray
        Arrays of the network, float32.
    card : mapping
        Where they come from: data, seed, training time, test figures.

    Raises
    ------
    ModelFileError
        If a file is missing or damaged, or the arrays are not those of this network.

    Notes
    -----
    The Chebyshev polynomial of degree 2 in A, scaled to a unit diagonal, is ``C (G**2 + tau)`` with a symmetric G on
    the pattern of A and tau > 0. A network of about 9000 parameters reads the entries of A and changes those of G,
    symmetrically. tau stays, so the inverse is symmetric positive definite for any weights. An application costs what
    `kriss.solve.Chebyshev` of degree 2 costs: two products with as many entries as A has, 1.5 to 2 times as much as
    `kriss.solve.FSAI`. Every row is independent of the others: this is a form for GPUs, where triangular solves are
    slow. It was measured on processors only.

    It does not start from `kriss.solve.FSAI`, because there is nothing to gain there: on lower triangles FSAI is so
    near the best that even entries optimised for one matrix, with its whole spectrum at hand, took at most a tenth
    fewer iterations.

    References
    ----------
    Yang et al., "Learning sparse approximate inverse preconditioners for conjugate gradient solvers on GPUs", 2025
    (``G G' + eps I`` on the pattern of A by message passing).
    V. Trifonov, A. Rudikov, O. Iliev, Y. M. Laevsky, I. Oseledets, E. Muravleva, "Learning from linear algebra: a graph
    neural network approach to preconditioner design", 2024, section 4 (to start from a classical choice).
    Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, section 12.3 (polynomials).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import cg
    >>> from kriss.solve.learned import LearnedSPAI
    >>> from kriss.testing import mesh_diffusion
    >>> A = mesh_diffusion(2000, 1e-1, 0.7)
    >>> M = LearnedSPAI.pretrained().setup(A, validate=False)
    >>> cg(A, np.ones(2000), rtol=1e-8, M=M).iterations < cg(A, np.ones(2000), rtol=1e-8, M="fsai").iterations
    True
    """

    weights: Mapping[str, Array] = field(repr=False)
    card: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        arrays = _model.freeze(self, network.SHAPES)
        object.__setattr__(self, "_net", network.packed(arrays))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self.weights), dict(self.card))

    @classmethod
    def pretrained(cls, name: str = "2d") -> LearnedSPAI:
        """The network that comes with this package: ``"2d"``, for meshes of triangles and two-dimensional grids."""
        check.choice(name, "name", ("2d",))
        return cls.load(_model.MODELS / "spai2d.npz")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> LearnedSPAI:
        """The network in a file that `kriss.train` wrote (``.npz``, its card in ``.json`` beside it)."""
        arrays, card = _model.read(path, network.SHAPES)
        return cls(arrays, card)

    def setup(
        self, A: object, *, validate: bool = True, workers: int | None = None, device: bool = False
    ) -> LearnedInverse:
        """The preconditioner for a matrix: see `LearnedInverse`, which takes the same arguments."""
        return LearnedInverse(self, A, validate=validate, workers=workers, device=device)

    def correct(self, A: Any, workers: int, device: bool = False) -> Candidate | str:
        """The inverse of a scaled CSR array, or why there is none."""
        high = network.bound(A)
        g = network.graph(A, high)
        c, h = _graph_network.outputs(self._net, g, workers, network.ROUNDS, device)  # type: ignore[attr-defined]
        if not (np.isfinite(c).all() and np.isfinite(h).all()):
            return "the network returned NaN or infinity"
        diagonal, edges = network.corrected(*network.uncorrected(A, g, high), c, h)
        first, extra = network.inverse(A, g, high, diagonal, edges)
        return Candidate("learned", _rows(first), _rows(first.T.tocsr()), extra)


class Candidate(NamedTuple):
    """An inverse S F + diag(e) with its name."""

    name: str
    first: Rows
    second: Rows
    extra: Array

    def cast(self, matrix: check.Csr) -> tuple[Rows, Rows, Array] | None:
        """The arrays in the types of a matrix, or None if an entry overflows there."""
        itype, dtype = matrix.indices.dtype, matrix.data.dtype
        first, second = (
            (rows[0].astype(itype), rows[1].astype(itype), rows[2].astype(dtype)) for rows in (self.first, self.second)
        )
        extra = self.extra.astype(dtype)
        fit = all(np.isfinite(values).all() for values in (first[2], second[2], extra))
        return (first, second, extra) if fit else None

    def traffic(self, n: int, entries: int) -> int:
        """Bytes of an iteration of conjugate gradients with it, for a matrix with so many entries, in float64."""
        return 12 * (entries + self.first[1].size + self.second[1].size) + (84 + 40) * n + 8 * self.extra.size


class LearnedInverse(ProductPair):
    """A learned sparse approximate inverse as a preconditioner; made by `LearnedSPAI.setup`.

    Parameters
    ----------
    model : LearnedSPAI
        The network.
    A : sparse matrix or array, shape (n, n)
        Real, symmetric positive definite, with positive diagonal. It is copied where that is needed.
    validate : bool, default True
        Compare it with `kriss.solve.FSAI` and the diagonal, by conjugate gradients on one right-hand side, and keep the
        one that moves least memory.
    workers : int, optional
        Threads of the set-up; `kriss.get_num_threads` by default. The result does not depend on it.
    device : bool, default False
        Run the network on the current GPU, with the same bits; everything else of the set-up stays on the host.

    Attributes
    ----------
    params : mapping
        ``kept``: ``"learned"``, ``"FSAI"`` or ``"Jacobi"``; ``reason`` for the latter two; ``iterations``: how many
        each took in the comparison, by name (None if there was none).
    nnz : int
        Entries of the two matrices that are applied.
    is_spd, is_linear : bool
        True.
    nbytes : int
        Memory held.

    Raises
    ------
    TypeError, ValueError
        If A is not a real square sparse matrix, is not symmetric, or a diagonal entry is missing, not positive or not
        finite (the row is named).
    RuntimeError
        If `device` is True, and there is no device or CuPy is missing.

    Notes
    -----
    Application: 4 nnz(A) flops and 24 nnz(A) + 48 n bytes in float64. Set-up: the network, about 4.4 kflop per pair of
    coupled unknowns and 18 per unknown, the set-up of FSAI, and the comparison. There, each of the three has the
    memory traffic of 100 iterations with the diagonal; what reaches a thousandth of the residual with the least
    traffic is kept, or else what leaves the smallest residual. Traffic is a rough guide to the time on a processor (it
    flatters FSAI, whose rows are short, and is unfair to the diagonal, which `kriss.solve.cg` takes into its vector
    passes); on a GPU, where every iteration waits for its inner products, fewer iterations can be worth more: then
    ``validate=False``.

    References
    ----------
    See `LearnedSPAI`.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import cg
    >>> from kriss.solve.learned import LearnedSPAI
    >>> from kriss.testing import mesh_diffusion
    >>> A = mesh_diffusion(500)
    >>> M = LearnedSPAI.pretrained().setup(A)
    >>> sorted(M.params["iterations"])
    ['FSAI', 'Jacobi', 'learned']
    >>> cg(A, np.ones(500), rtol=1e-8, M=M).status
    'converged'
    """

    params: Mapping[str, Any]
    _device = False  # of what was pickled before there was a choice

    def __init__(
        self,
        model: LearnedSPAI,
        A: object,
        *,
        validate: bool = True,
        workers: int | None = None,
        device: bool = False,
    ) -> None:
        if not isinstance(model, LearnedSPAI):
            raise TypeError(f"model must be a LearnedSPAI, not {type(model).__name__}")
        self._model, self._validate, self._workers = model, bool(validate), check.workers(workers)
        self._device = bool(device)
        if device:
            _device.cupy()
            _device.cuda("solve")
        matrix = check.csr(A, "A", square=True)
        _symmetric(matrix)
        self._set(matrix)
        LinearOperator.__init__(self, matrix.data.dtype, matrix.shape)

    @property
    def nnz(self) -> int:
        """How many entries the two matrices have."""
        return int(self._parts[0][1].size + self._parts[1][1].size)

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return super().nbytes

    def update(self, A: object) -> None:
        """Take over the entries of a new A with the same pattern; if they are unfit, nothing is changed."""
        matrix = check.csr(A, "A", square=True, dtype=self.dtype)
        if matrix.shape == self.shape:
            _symmetric(matrix)
        super().update(A)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the object of the kernels, which is made anew."""
        return {**super().__getstate__(), "params": dict(self.params)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({**state, "params": MappingProxyType(state["params"])})

    def _set(self, matrix: check.Csr) -> None:
        _positive(matrix)
        small, shift = balanced(matrix)
        # scaled in double precision: in single, small entries would lose digits or vanish
        wide = small._replace(data=np.ldexp(matrix.data.astype(np.float64), shift))
        A = sps.csr_array((wide.data, wide.indices, wide.indptr), shape=wide.shape)
        n = A.shape[0]
        iterations = None
        with np.errstate(all="ignore"):  # whatever overflows is found
            made = self._model.correct(A, self._workers, self._device)
            reason = made if isinstance(made, str) else None
            if isinstance(made, str):
                made = _fsai(wide, self._workers)
            elif self._validate and n > 1:
                made, reason, iterations = self._best(A, made, _fsai(wide, self._workers))
            parts = made.cast(matrix)
            if parts is None:
                reason = f"entries of the inverse {made.name} overflow {matrix.data.dtype}: A is too badly scaled"
                made = _jacobi(A)
                parts = made.cast(matrix)
                assert parts is not None  # an inverse root is in range wherever the number is
        self._pattern = (matrix.indptr.copy(), matrix.indices.copy())
        self._hold(*parts)
        self._shift = shift
        self.params = MappingProxyType({"kept": made.name, "reason": reason, "iterations": iterations})

    def _best(self, A: Any, made: Candidate, classical: Candidate) -> tuple[Candidate, str | None, dict[str, int]]:
        """The one that is kept, why it is not the learned one, and how many iterations each took."""
        n = A.shape[0]
        candidates = [made, classical] + ([_jacobi(A)] if classical.name != "Jacobi" else [])
        b = np.random.default_rng(_SEED).standard_normal(n) * np.sqrt(A.diagonal())
        budget = PROBE_STEPS * candidates[-1].traffic(n, A.nnz)
        ranks, iterations, norms = [], {}, {}
        for one in candidates:
            cost = one.traffic(n, A.nnz)
            probe = LearnedInverse.__new__(LearnedInverse)
            probe._shift, probe._workers = 0, self._workers
            probe._hold(one.first, one.second, one.extra)
            LinearOperator.__init__(probe, A.dtype, A.shape)
            found = cg(A, b, rtol=PROBE_RTOL, M=probe, maxiter=max(budget // cost, 1))
            converged = found.status == "converged"
            norm = found.residual_norm if np.isfinite(found.residual_norm) else np.inf
            broken = not converged and found.status != "maxiter"
            ranks.append((broken, not converged, found.iterations * cost if converged else 0, norm))
            iterations[one.name] = found.iterations
            norms[one.name] = norm / np.linalg.norm(b)
        at = min(range(len(ranks)), key=ranks.__getitem__)
        best = candidates[at]
        if at == 0:
            return best, None, iterations
        if ranks[at][1]:
            reason = (
                f"with equal memory traffic {best.name} leaves {norms[best.name]:.2g}, the learned inverse "
                f"{norms['learned']:.2g} of the residual"
            )
        else:
            counts = ", ".join(f"{name} {count}" for name, count in iterations.items())
            reason = f"{best.name} reaches a thousandth with the least memory traffic (iterations: {counts})"
        return best, reason, iterations


def _fsai(matrix: check.Csr, workers: int) -> Candidate:
    """The classical inverse; where a block of A is not positive definite, the diagonal."""
    try:
        first = factor(matrix, 1, MOST, workers)
    except np.linalg.LinAlgError:
        return _jacobi(sps.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape))
    return Candidate("FSAI", first, turned(first), np.empty(0))


def _jacobi(A: Any) -> Candidate:
    """The diagonal in the same form."""
    n = A.shape[0]
    starts, places = np.arange(n + 1, dtype=A.indices.dtype), np.arange(n, dtype=A.indices.dtype)
    rows = (starts, places, 1.0 / np.sqrt(A.diagonal()))
    return Candidate("Jacobi", rows, rows, np.empty(0))


def _rows(A: Any) -> Rows:
    A.sort_indices()
    return A.indptr, A.indices, A.data
