"""Deep conjugate directions: a network proposes each search direction of flexible conjugate gradients."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import LinearOperator

from kriss import _validate as check
from kriss._backend import kernels
from kriss.solve._multigrid import _grid
from kriss.solve._precond import _Preconditioner
from kriss.solve._result import SolveResult
from kriss.solve.learned import _direction_network as network
from kriss.solve.learned import _model
from kriss.solve.learned._wrapper import guarded

if TYPE_CHECKING:
    from kriss.solve._cuda_direction import CudaDirection

Array = npt.NDArray[Any]

FILES = {"2d": "direction2d", "3d": "direction3d", "2d published": "direction2d_published"}
_SOLID, _OUTSIDE = -1, -2  # in place of the number of a cell
ALIKE = 1e-12  # relative spread of couplings that count as equal


@dataclass(frozen=True, eq=False)
class DeepConjugateDirection:
    """A network that proposes search directions for Poisson problems around solid cells; see `pretrained` and `load`.

    Attributes
    ----------
    dim : int
        Axes of the grids it is for, 2 or 3.
    network : {"recursive", "published"}
        Ours, or that of the paper.
    weights : mapping of str to ndarray
        Arrays of the network, float32.
    card : mapping
        Where they come from: data, seed, training time, test figures.

    Raises
    ------
    ModelFileError
        If a file is missing or damaged, or the arrays are not those of the network.
    TypeError, ValueError
        If dim is no integer, or a name, dim or network is unknown.

    Notes
    -----
    The published network is a convolution, four rectified ones, a branch on the grid of half the points with six more,
    and four again, 16 filters each. It sees some twenty points around each one, so its number of iterations grows with
    the points per side, as that of conjugate gradients does. In ``recursive`` the branch is the network itself, down to
    two points per side, with the same weights on every level; nothing is rectified, and two fields tell each point how
    much of it lies in the domain and of its diagonal in walls. Training starts where this is a multigrid cycle with
    damped Jacobi sweeps. From 64 to 256 points per side the number of iterations grows by a quarter to a
    half, where that of conjugate gradients grows three- to fourfold (``model.card["test"]``).

    Both are demonstrations: `kriss.solve.MIC` and `kriss.solve.black_box_mg` learn nothing; the documentation tells
    which takes less time.

    References
    ----------
    A. Kaneda, O. Akar, J. Chen, V. Kala, D. Hyde, J. Teran, "A deep conjugate direction method for iteratively solving
    linear systems", ICML 2023, sections 3 and 4, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import cg
    >>> from kriss.solve.learned import DeepConjugateDirection
    >>> from kriss.testing import masked_poisson
    >>> i, j = np.indices((64, 64))
    >>> mask = (i - 20) ** 2 + (j - 30) ** 2 > 100
    >>> A, b = masked_poisson(mask), np.ones(int(mask.sum()))
    >>> M = DeepConjugateDirection.pretrained("2d").setup(A, shape=(64, 64), mask=mask)
    >>> result = M.solve(A, b, rtol=1e-4)
    >>> result.params["kept"], 10 * result.iterations <= cg(A, b, rtol=1e-4).iterations
    ('network', True)
    """

    dim: int
    network: str
    weights: Mapping[str, Array] = field(repr=False)
    card: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dim", check.integer(self.dim, "dim"))
        if self.dim not in (2, 3):
            raise ValueError(f"dim is {self.dim}, expected 2 or 3")
        check.choice(self.network, "network", (network.RECURSIVE, network.PUBLISHED))
        _model.freeze(self, network.shapes(self.network, self.dim))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.dim, self.network, dict(self.weights), dict(self.card))

    @classmethod
    def pretrained(cls, name: str = "2d") -> DeepConjugateDirection:
        """A network that comes with this package: ``"2d"`` or ``"3d"``, ours, or ``"2d published"``."""
        check.choice(name, "name", tuple(FILES))
        return cls.load(_model.MODELS / f"{FILES[name]}.npz")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> DeepConjugateDirection:
        """The network in a file that `kriss.train` wrote (``.npz``, its card in ``.json`` beside it)."""
        if not Path(path).is_file():
            raise _model.ModelFileError(f"{path} cannot be read: there is no such file")
        card = _model.json_object(Path(path).with_suffix(".json"), _model.ModelFileError)
        config = card.get("config")
        kind = config.get("network") if isinstance(config, dict) else None
        dim = config.get("dim") if isinstance(config, dict) else None
        if not isinstance(kind, str) or kind not in network.WIDTH or type(dim) is not int or dim not in (2, 3):
            raise _model.ModelFileError(f"{path}: its card is of no such network")
        arrays, held = _model.read(path, network.shapes(kind, dim))
        return cls(dim, kind, arrays, held)

    def setup(
        self, A: object, shape: Sequence[int], mask: npt.ArrayLike | None = None, *, workers: int | None = None
    ) -> LearnedDirection:
        """The preconditioner for a matrix: see `LearnedDirection`, which takes the same arguments."""
        return LearnedDirection(self, A, shape, mask, workers=workers)


class LearnedDirection(_Preconditioner):
    """A network as a preconditioner of flexible conjugate gradients; made by `DeepConjugateDirection.setup`.

    Parameters
    ----------
    model : DeepConjugateDirection
        The network.
    A : sparse matrix or array, shape (n, n)
        A multiple of the Laplacian on n cells of a grid, as `kriss.testing.masked_poisson` makes it: one coupling to
        each neighbour, the same everywhere, and on the diagonal as many times that as the cell has neighbours up to
        twice the number of axes. It is not kept.
    shape : sequence of int
        Cells per axis of the grid.
    mask : array_like of bool, shape `shape`, optional
        True in the n cells that are unknowns, in row-major order; all by default.
    workers : int, optional
        Threads; `kriss.get_num_threads` by default. The result does not depend on it.

    Attributes
    ----------
    is_linear, is_spd : bool
        False: `kriss.solve.cg` refuses it, `kriss.solve.fcg` and `kriss.solve.fgmres` take it. (Without rectifiers the
        network is linear, but neither symmetric nor computed in more than single precision.) For the same reason ``T``
        and ``H`` raise NotImplementedError.
    levels : int
        Grids that the network uses.
    nbytes : int
        Memory held by images, fields and weights.

    Raises
    ------
    TypeError, ValueError
        If A is no such matrix on these cells (a row is named), or shape or mask do not fit.

    Notes
    -----
    Residuals are divided by the root of their mean square, and directions multiplied by it. The network runs in single
    precision, which limits a single direction, not the solution: residuals are those of A in double precision. Per
    application and cell in two dimensions 1.8 kflop (``recursive``) and 44 kflop (``published``); images take 55 and
    230 bytes per cell. The set-up has its peak where it looks at A: 160 bytes per cell in two dimensions, 230 in three.

    Where A is outside about 1e-150 to 1e150, use `solve`: it leaves out the factor of A from the directions, whose
    products with them in `kriss.solve.fcg` and `kriss.solve.fgmres` would leave the range of float64.

    References
    ----------
    See `DeepConjugateDirection`.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import fcg
    >>> from kriss.solve.learned import DeepConjugateDirection
    >>> from kriss.testing import poisson2d
    >>> A, b = poisson2d(40), np.ones(1600)
    >>> M = DeepConjugateDirection.pretrained("2d").setup(A, shape=(40, 40))
    >>> fcg(A, b, rtol=1e-8, M=M, memory=2).status
    'converged'
    """

    is_linear = False
    is_spd = False

    def __init__(
        self, model: DeepConjugateDirection, A: object, shape: Sequence[int], mask: npt.ArrayLike | None = None, *,
        workers: int | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(model, DeepConjugateDirection):
            raise TypeError(f"model must be a DeepConjugateDirection, not {type(model).__name__}")
        self._model, self._workers = model, check.workers(workers)
        self._mask = _cells(_grid(shape), mask, model.dim)
        matrix = check.csr(A, "A", square=True)
        self._rooms: list[Array] = []  # of applications that have ended
        self._set(matrix)
        LinearOperator.__init__(self, matrix.data.dtype, matrix.shape)

    def _set(self, matrix: check.Csr) -> None:
        coupling, walls = poisson(matrix, self._mask)
        grids = network.grids(self._model.network, self._mask, walls)
        program = network.program(self._model.network, self._model.weights, grids)
        self._grids, self._program, self._scale = grids, program, 1.0 / coupling

    def update(self, A: object) -> None:
        """Take over a new A on the same cells, perhaps with other walls; if it is unfit, nothing is changed."""
        self._set(self._another(A))

    @property
    def levels(self) -> int:
        """Grids that the network uses."""
        return len(self._grids.sizes)

    @property
    def nbytes(self) -> int:
        """Memory held by images, fields and weights, in bytes."""
        g, p = self._grids, self._program
        held = g.fields.nbytes + g.cells.nbytes + p.weights.nbytes + p.steps.nbytes + self._mask.nbytes
        return int(held) + sum(int(room.nbytes) for room in self._rooms)

    def to_device(self) -> CudaDirection:  # type: ignore[override]
        """The same network on the current GPU, for `kriss.solve.fcg` with CuPy arrays: see `kriss.solve.CudaDirection`.

        Raises
        ------
        RuntimeError
            If there is no device or CuPy is missing.
        """
        from kriss.solve._cuda_direction import CudaDirection

        return CudaDirection(self._grids, self._program, self._scale, self.dtype)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the scratch."""
        return {**self.__dict__, "_rooms": []}

    def apply(self, r: Array, out: Array) -> Array:
        """``out = |r| f(r / |r|)``; returns `out`. Both are contiguous (n,) arrays of this operator's dtype."""
        self._out(r, out)
        try:
            room = self._rooms.pop()
        except IndexError:
            room = np.zeros(self._program.room, np.float32)  # what lies between lines stays zero
        wide = r.dtype == np.float64
        source = r if wide else r.astype(np.float64)
        target = out if wide else np.empty(out.shape)
        g, p = self._grids, self._program
        kernels(network.FAMILY).run(
            p.steps, p.weights, g.sizes, g.flat, g.fields, g.cells, source, target, self._scale, room, self._workers
        )
        if np.isfinite(target).all():  # what overflowed would stay between the lines
            self._rooms.append(room)
        if not wide:
            with np.errstate(over="ignore"):
                out[:] = target
        return out

    def solve(
        self, A: object, b: npt.ArrayLike, *, rtol: float = 1e-4, atol: float = 0.0, maxiter: int | None = None,
        memory: int = 8, residuals: bool = False,
    ) -> SolveResult:  # fmt: skip
        """The method of the paper: directions of the network made A-orthogonal to the last few, and steps along them.

        Parameters
        ----------
        A : sparse matrix or array, shape (n, n)
            Real, symmetric positive definite; the matrix of the setup, or one near it.
        b : array_like, shape (n,)
            Right-hand side.
        rtol, atol, maxiter, memory, residuals
            As for `kriss.solve.fcg`, whose loop this is: the residual is updated in the working precision of A,
            recomputed at the end, and the iteration resumed if the two disagree about the tolerance. The paper keeps
            two directions; more help around walls.

        Returns
        -------
        SolveResult
            The residual is recomputed from A, b and x. ``params["kept"]`` is ``"network"`` or ``"jacobi"``, and
            ``params["reason"]`` tells why the network was left: the energy that a step along its first direction gains
            is less than along that of the diagonal or the direction does not point downhill (then it is nan), or the
            iteration met ``r'z < 0`` more than `memory` times, or NaN.
        """
        unit = copy.copy(self)  # the size of a direction makes no difference, but may leave the range of the dtype
        unit._scale = 1.0
        return guarded(unit, A, b, "network", memory=memory, rtol=rtol, atol=atol, maxiter=maxiter, residuals=residuals)


def _cells(shape: tuple[int, ...], mask: npt.ArrayLike | None, dim: int) -> Array:
    """The mask, checked."""
    if len(shape) != dim:
        raise ValueError(f"shape {shape} has {len(shape)} axes, expected {dim} as of the model")
    if mask is None:
        return np.ones(shape, bool)
    cells = np.array(mask)  # a copy, for `update`
    if cells.dtype != np.bool_:
        raise TypeError(f"mask has dtype {cells.dtype}, expected bool")
    if cells.shape != shape:
        raise ValueError(f"mask has shape {cells.shape}, expected {shape}")
    if not cells.any():
        raise ValueError("mask keeps no cell")
    return cells


def poisson(matrix: check.Csr, cells: Array) -> tuple[float, Array]:
    """(coupling, which part of the diagonal walls took in each cell) of a multiple of a Laplacian on some cells."""
    count = int(cells.sum())
    if matrix.shape != (count, count):
        raise ValueError(f"A has shape {matrix.shape}, but there are {count} cells")
    framed = tuple(n + 2 for n in cells.shape)
    itype = np.int32 if math.prod(framed) < 2**31 else np.int64  # several such arrays are the peak of the set-up
    number = np.full(framed, _OUTSIDE, itype)
    inner = (slice(1, -1),) * cells.ndim
    number[inner] = _SOLID
    number[inner][cells] = np.arange(count, dtype=itype)
    flat = number.ravel()
    at = np.flatnonzero(flat >= 0).astype(itype)
    row = np.repeat(np.arange(count, dtype=itype), np.diff(matrix.indptr))
    column, value = matrix.indices, matrix.data
    diagonal = np.zeros(count)
    own = row == column
    diagonal[row[own]] = value[own]
    off = ~own & (value != 0.0)
    del own
    row, column, value = row[off], column[off], value[off]
    known, neighbours, outer = np.zeros(row.size, bool), np.zeros(count, np.int8), np.zeros(count, np.int8)
    for axis in range(cells.ndim):
        stride = math.prod(framed[axis + 1 :])
        for step in (-stride, stride):
            there = flat[at + step]
            known |= there[row] == column
            neighbours += there >= 0
            outer += there == _OUTSIDE
    if not known.all():
        k = int(np.argmin(known))
        raise ValueError(f"A couples row {row[k]} with {column[k]}, which is no neighbour on the grid {cells.shape}")
    missing = np.bincount(row, minlength=count) != neighbours
    if missing.any():
        k = int(np.argmax(missing))
        raise ValueError(f"row {k} of A has {int((row == k).sum())} couplings, but the cell {neighbours[k]} neighbours")
    most, alike = 2.0 * cells.ndim, _alike(matrix)
    coupling = float(-value[0]) if value.size else _uncoupled(diagonal, outer, most, alike)
    unequal = ~(np.abs(value + coupling) <= alike * abs(coupling))
    if unequal.any():
        k = int(np.argmax(unequal))
        raise ValueError(
            f"A is no multiple of a Laplacian: entry ({row[k]}, {column[k]}) is {value[k]}, another {-coupling}"
        )
    with np.errstate(all="ignore"):
        degree = diagonal / coupling
    slack = 4.0 * most * alike
    unfit = ~((coupling > 0.0) & (degree >= neighbours - slack) & (degree <= most + slack) & (degree > 0.0))
    if unfit.any():
        k = int(np.argmax(unfit))
        raise ValueError(
            f"A is no multiple of a Laplacian: its diagonal entry in row {k} is {diagonal[k]}, couplings are "
            f"{-coupling}, expected {neighbours[k]} to {int(most)} times {coupling}"
        )
    walls = np.zeros(cells.shape)
    walls[cells] = np.clip(1.0 - degree / most, 0.0, 1.0)
    return coupling, walls


def _uncoupled(diagonal: Array, outer: Array, most: float, alike: float) -> float:
    """The coupling that cells without any neighbour would have, from the diagonal.

    If all their walls are without flux, an entry of the diagonal counts the faces on the outer boundary; otherwise the
    largest entry is that of a cell without such walls. Where both may be, as for a single cell, it is the former.
    """
    if (outer > 0).all():
        each = diagonal / outer
        if np.ptp(each) <= alike * np.abs(each).max():
            return float(each[0])
    return float(diagonal.max()) / most


def _alike(matrix: check.Csr) -> float:
    return ALIKE if matrix.data.dtype == np.float64 else 1e-5
