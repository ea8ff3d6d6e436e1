"""Multigrid on grids with learned interpolation, for anisotropy that is not aligned with the axes."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import LinearOperator

from kriss import _validate as check
from kriss._backend import kernels
from kriss.solve._multigrid import BlackBoxMG, _grid
from kriss.solve._native import NativePreconditioner, scaled
from kriss.solve.learned import _model, _network, _orders

Array = npt.NDArray[Any]

FAMILY = "solve_learned"
NATURAL, MIRRORED, BOTH = 1, 2, 3
ORDERS = {NATURAL: "natural", MIRRORED: "mirrored", BOTH: "both"}
MISFIT = 1  # reported of a matrix that is no stencil of the grid
DIRECT_POINTS = 64  # at most so many are left to a Cholesky factorisation
LEAST_SIDE = 8  # shorter grids are left to the classical method
SAMPLE = 16  # places per axis that the test for rotated anisotropy looks at
ROTATED = 0.02  # of k_xy**2 / (k_xx k_yy), from where on a point counts
SHARE = 1 / 32  # of the points
UNIFORM = 1e-3  # spread of the couplings over their diagonal entry, up to where coefficients count as constant
ROUGH = 0.35  # size of the rough part of the error that one cycle is tried on; its smooth part has variance 1
KEPT = 1 << 16  # points up to which such errors are kept from one set-up to the next
SLOW = 0.5  # energy norm of an error after one cycle, from where on the classical method is tried as well
_SEED = 20260
NOT_ROTATED = "no tensor is rotated against the grid"


@dataclass(frozen=True, eq=False)
class LearnedMultigrid:
    """A trained multigrid method, to be set up for matrices; made by `pretrained` or `load`.

    Attributes
    ----------
    dim : int
        Axes of the grids it is for.
    weights : mapping of str to ndarray
        Arrays of the networks, float32.
    card : mapping
        Where they come from: data, seed, training time, test figures.

    Raises
    ------
    ModelFileError
        If a file is missing or damaged, or the arrays are not those of this network.
    TypeError
        If dim is not an integer.
    ValueError
        If a name or dim is unknown.

    Notes
    -----
    Two dimensions: a small network (two times 450 parameters) reads the couplings of each point over its diagonal entry
    and returns how the row sum of Dendy's interpolation is shared among the coarse points beside it: for jumping
    coefficients as his formulas do, for smooth tensors otherwise, where the formulas break. Everything else is fixed:
    Galerkin coarse operators, and smoothing by incomplete Cholesky factors that exceed A (dropped fill f adds abs(f) to
    two diagonal entries), in the order of elimination that suits the direction of the coupling, or in two orders if it
    turns. The smoother's spectrum lies in (0, 1] by construction, hence the cycle is symmetric positive definite for
    any weights of the network: plain conjugate gradients apply.

    Three dimensions: Dendy's interpolation, which networks there improved too little to pay for, and the same kind of
    factors on the 27 points of neighbours. There are four orders of elimination, several times apart in iterations, and
    no rule of thumb for tensors that turn. A network of 326 parameters reads the tensor at up to 512 places and
    predicts the iterations with each order, with each pair of them, and of Black-Box multigrid. Among the orders the
    least expected time decides; they are taken if they save iterations over Black-Box multigrid, also where the first
    solution with its setup is expected to cost more, up to 1.5 times as much, which further solutions make up for. The
    prediction can cost time, never correctness.

    For matrices outside the class `setup` returns Black-Box multigrid and says why.

    References
    ----------
    D. Greenfeld, M. Galun, R. Kimmel, I. Yavneh, R. Basri, "Learning to optimize multigrid PDE solvers", ICML 2019,
    section 3 (interpolation from local coefficients).
    J. He, X. Liu, J. Xu, "MgNO: efficient parameterization of linear operators via multigrid", ICLR 2024.
    A. Jennings, G. M. Malik, "Partial elimination", J. Inst. Maths Applics 20 (1977), section 3 (the factors).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import black_box_mg, cg
    >>> from kriss.solve.learned import LearnedMultigrid
    >>> from kriss.testing import rotated_diffusion
    >>> i, j = np.indices((65, 65)) / 65
    >>> A = rotated_diffusion(64, 1e-2, angle=3 * np.sin(3 * i) * j)
    >>> b = np.ones(4096)
    >>> M = LearnedMultigrid.pretrained("2d").setup(A, shape=(64, 64))
    >>> M.params["kept"]
    'learned'
    >>> few = cg(A, b, rtol=1e-8, M=M).iterations
    >>> 2 * few <= cg(A, b, rtol=1e-8, M=black_box_mg(A, (64, 64))).iterations
    True
    """

    dim: int
    weights: Mapping[str, Array] = field(repr=False)
    card: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dim", check.integer(self.dim, "dim"))
        if self.dim not in (2, 3):
            raise ValueError(f"dim is {self.dim}, expected 2 or 3")
        arrays = _model.freeze(self, _network.SHAPES if self.dim == 2 else _orders.SHAPES)
        object.__setattr__(self, "_net", _network.packed(arrays) if self.dim == 2 else None)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.dim, dict(self.weights), dict(self.card))

    @classmethod
    def pretrained(cls, name: str = "2d") -> LearnedMultigrid:
        """The method that comes with this package, ``"2d"`` or ``"3d"``."""
        check.choice(name, "name", ("2d", "3d"))
        return cls.load(_model.MODELS / f"multigrid{name}.npz")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> LearnedMultigrid:
        """The method in a file that `kriss.train` wrote (``.npz``, its card in ``.json`` beside it)."""
        arrays, card = _model.read(path, lambda card: _orders.SHAPES if _solid(card) else _network.SHAPES)
        return cls(3 if _solid(card) else 2, arrays, card)

    def setup(
        self, A: object, shape: Sequence[int], *, validate: bool = True, workers: int | None = None
    ) -> LearnedCycle:
        """The preconditioner for a matrix: see `LearnedCycle`, which takes the same arguments."""
        return LearnedCycle(self, A, shape, validate=validate, workers=workers)


class LearnedCycle(NativePreconditioner):
    """A multigrid cycle with learned interpolation as a preconditioner; made by `LearnedMultigrid.setup`.

    Parameters
    ----------
    model : LearnedMultigrid
        The method.
    A : sparse matrix or array, shape (n, n)
        Real, symmetric positive definite; each row couples a point of the grid with neighbours only. Unknowns are in
        row-major order. It is copied.
    shape : sequence of int
        Points per axis.
    validate : bool, default True
        Apply the cycle to the error of a known solution; if less than half of it goes, compare with Black-Box
        multigrid and keep the better one.
    workers : int, optional
        Threads; `kriss.get_num_threads` by default. The result does not depend on it. The sweeps of the factors run on
        one.

    Attributes
    ----------
    params : mapping
        ``kept``: ``"learned"`` or ``"black box"``; ``reason`` for the latter; ``orders`` of elimination; ``rate``,
        which part of an error in the energy norm one cycle leaves (None if not validated), and where it was compared
        ``classical_rate``, that of Black-Box multigrid (None if that could not be set up); ``interpolation``:
        ``"network"``, or ``"classical"`` for constant coefficients, where Dendy's weights are as good and cheaper, and
        in three dimensions; there also ``expected``, the iterations of conjugate gradients to 1e-8 as predicted.
    grids : tuple of tuple of int
        Points per axis on each level, from fine to coarse.
    is_spd, is_linear : bool
        True.
    nbytes : int
        Memory held.

    Raises
    ------
    TypeError, ValueError
        If A is not a real sparse matrix, not symmetric, or couples points that are not neighbours (they are named);
        shape has not the axes of the model.
    LinAlgError
        If a diagonal entry or a pivot is not positive; singular matrices too.

    Notes
    -----
    Setup in two dimensions: the network, about 7 kflop per coarse point, factors and Galerkin products. A cycle with
    one order of elimination moves about as many bytes as 9 products, with both 17. Memory: about 25 n numbers, 5 n more
    for the second order. In three dimensions: factors, about 1 kflop per point and order, and Galerkin products; about
    25 n numbers, 8 n more for a second order.

    Black-Box multigrid is used, and ``params["reason"]`` tells, where no tensor in sight is rotated against the grid
    (it solves those in a handful of iterations, faster), for grids under 8 points a side, in single precision, and
    where validation finds it the better one. In three dimensions also where no order is expected to save iterations,
    or where they are saved at more than 1.5 times the expected time of one solution with setup. Up to there the learned
    cycle is kept: for a single right-hand side `kriss.solve.black_box_mg` can be the faster one.

    References
    ----------
    See `LearnedMultigrid`.

    Examples
    --------
    >>> from kriss.solve.learned import LearnedMultigrid
    >>> from kriss.testing import anisotropic2d, diffusion2d
    >>> model = LearnedMultigrid.pretrained("2d")
    >>> model.setup(anisotropic2d(40, 1e-2, 0.5), (40, 40)).params["orders"]
    'natural'
    >>> model.setup(diffusion2d(40, 1e4), (40, 40)).params["reason"]
    'no tensor is rotated against the grid'
    >>> from kriss.testing import rotated_diffusion3d
    >>> A = rotated_diffusion3d(20, 1e-3, direction=(1, 1, 0))
    >>> LearnedMultigrid.pretrained("3d").setup(A, (20, 20, 20)).params["kept"]
    'learned'
    """

    params: Mapping[str, Any]

    def __init__(
        self, model: LearnedMultigrid, A: object, shape: Sequence[int], *, validate: bool = True,
        workers: int | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(model, LearnedMultigrid):
            raise TypeError(f"model must be a LearnedMultigrid, not {type(model).__name__}")
        self._model = model
        self._grid = _grid(shape)
        if len(self._grid) != model.dim:
            raise ValueError(f"shape {self._grid} has {len(self._grid)} axes, expected {model.dim} as of the model")
        self._validate = bool(validate)
        self._workers = check.workers(workers)
        matrix = check.csr(A, "A", square=True)
        n = math.prod(self._grid)
        if matrix.shape != (n, n):
            raise ValueError(f"shape {self._grid} has {n} points, but A has shape {matrix.shape}")
        self._take(matrix)
        LinearOperator.__init__(self, matrix.data.dtype, matrix.shape)

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return int(self._native.nbytes)

    def update(self, A: object) -> None:
        """Set up again for a new A on the same grid, with the options given before."""
        self._take(self._another(A))

    def __getstate__(self) -> dict[str, Any]:
        """Refused: the hierarchy belongs to this process."""
        raise TypeError("a LearnedCycle cannot be pickled: send A and set it up again")

    def _take(self, matrix: check.Csr) -> None:
        reason = self._outside(matrix)
        if reason is not None:
            self._classical(matrix, reason)
            return
        small, shift = scaled(matrix)
        plan = self._flat(small) if self._model.dim == 2 else self._solid(matrix)
        if isinstance(plan, str):
            self._classical(matrix, plan)
            return
        orders, net, params = plan
        native, told = factored(small, self._grid, orders, net, self._workers)
        if told[0] == MISFIT:
            self._classical(matrix, "the matrix does not fit")  # raises, and says where
            return
        if told[0]:
            self._classical(matrix, "a pivot of the learned hierarchy is not positive")
            return
        params = {"kept": "learned", "reason": None, **params, "rate": None}
        if self._validate:
            rate = params["rate"] = contraction(small, native, self._grid, self._workers)
            if not rate <= SLOW:
                box = self._rival(matrix, rate)
                classical = None if box is None else contraction(small, box._native, self._grid, self._workers)
                if box is not None and classical is not None and not rate < classical:
                    reason = f"one cycle leaves {rate:.2g} of an error"
                    self._hold_box(box, reason, rate=rate, classical_rate=classical)
                    return
                params["classical_rate"] = classical
        grids = tuple(tuple(g[3 - len(self._grid) :]) for g in native.grids())
        self._hold(native, kernels(FAMILY), FAMILY, shift, grids)
        self.params = MappingProxyType(params)

    def _outside(self, matrix: check.Csr) -> str | None:
        if matrix.data.dtype != np.float64:
            return "the learned cycle is in double precision"
        if min(self._grid) < LEAST_SIDE:
            return f"a side is shorter than {LEAST_SIDE} points"
        # Their sum would not do: rows of solid cells, with one entry, make up for rotated ones.
        return NOT_ROTATED if np.diff(matrix.indptr).max() <= 2 * self._model.dim + 1 else None

    def _flat(self, small: check.Csr) -> str | tuple[int, Array, dict[str, Any]]:
        """Orders of elimination, parameters of the network and what `params` says of them, or why there are none."""
        sums = couplings(small, (self._grid[0], self._grid[1]))
        orders = rotation(sums)
        if isinstance(orders, str):
            return orders
        each = sums.reshape(len(sums), -1)
        spread = (each.max(axis=1) - each.min(axis=1)).max()
        uniform = bool(spread <= UNIFORM * (each[0].sum() / each.shape[1]))
        net = np.empty(0, np.float32) if uniform else self._model._net  # type: ignore[attr-defined]
        return orders, net, {"orders": ORDERS[orders], "interpolation": "classical" if uniform else "network"}

    def _solid(self, matrix: check.Csr) -> str | tuple[int, Array, dict[str, Any]]:
        reason = _orders.rotation(_orders.couplings(matrix, self._grid, 1), ROTATED, SHARE)
        if reason is None:  # where coefficients jump, single points may look rotated
            sums = _orders.couplings(matrix, self._grid)
            reason = _orders.rotation(sums, ROTATED, SHARE)
        if reason is not None:
            return reason
        iterations = _orders.predicted(self._model.weights, _orders.features(sums))
        best = _orders.cheapest(iterations)
        if isinstance(best, str):
            return best
        chosen = _orders.SETS[best - 1]
        params = {"orders": ", ".join(_orders.NAMES[k] for k in chosen), "interpolation": "classical"}
        return sum(1 << k for k in chosen), np.empty(0, np.float32), {**params, "expected": float(iterations[best])}

    def _box(self, matrix: check.Csr) -> BlackBoxMG:
        box = BlackBoxMG.__new__(BlackBoxMG)
        box._shape, box._axes, box.cycle, box._workers = self._grid, -1, "W", self._workers
        box._set(matrix)
        return box

    def _rival(self, matrix: check.Csr, rate: float) -> BlackBoxMG | None:
        """Black-Box multigrid, or None if it meets a pivot that is not positive and the learned cycle converges."""
        try:
            return self._box(matrix)
        except np.linalg.LinAlgError:
            if not rate < 1.0:
                raise
            return None

    def _classical(self, matrix: check.Csr, reason: str) -> None:
        self._hold_box(self._box(matrix), reason)

    def _hold_box(self, box: BlackBoxMG, reason: str, **rates: float) -> None:
        self._hold(box._native, box._kernels, box._family, box._shift, box.grids)
        params = {"kept": "black box", "reason": reason, "orders": None, "rate": None, **rates}
        self.params = MappingProxyType(params)

    def _hold(self, native: Any, module: Any, family: str, shift: int, grids: tuple[tuple[int, ...], ...]) -> None:
        self._native, self._kernels, self._family, self._shift = native, module, family, shift
        self.grids = grids


def factored(small: check.Csr, grid: tuple[int, ...], orders: int, net: Array, workers: int) -> tuple[Any, Any]:
    """A hierarchy of the kernels with these orders of elimination, and what they report: (0, ...) if all is well."""
    native = kernels(FAMILY).FactoredBox()
    sides = (1,) * (3 - len(grid)) + grid
    told = native.begin(small.indptr, small.indices, small.data, *sides, workers)
    while not told[0] and math.prod(native.grids()[-1]) > DIRECT_POINTS:
        told = native.coarsen(net, orders, workers)
    return native, told if told[0] else native.finish(2)


def _solid(card: Mapping[str, Any]) -> bool:
    return card.get("name") == "multigrid3d"


def couplings(matrix: check.Csr, grid: tuple[int, int]) -> Array:
    """(5, r, c): couplings to the point itself, right, lower left, below, lower right; sums over 3 by 3 points."""
    n1 = grid[1]
    rows, columns = (_places(n) for n in grid)
    out = np.empty((5, rows.size, columns.size))
    kernels(FAMILY).couplings(matrix.indptr, matrix.indices, matrix.data, rows, columns, n1, out)
    return out


@functools.cache
def _places(n: int) -> Array:
    """Where `couplings` looks along an axis of n points."""
    places: Array = np.unique(np.linspace(1, n - 4, min(n - 4, SAMPLE)).astype(np.int64))
    places.flags.writeable = False
    return places


def rotation(sums: Array) -> int | str:
    """The orders of elimination that suit couplings (5, r, c) at some places, or why the classical method does.

    With k = sum over the couplings a to an offset d of -a d d', a place counts if ``k_xy**2 > 0.02 k_xx k_yy``.
    """
    right, lower_left, below, lower_right = -sums[1:]
    corners, mixed = lower_left + lower_right, lower_right - lower_left
    x, y = right + corners, below + corners
    sound = np.minimum(x, y) > 0
    places = sound.size
    if not np.count_nonzero(sound) > 0.5 * places:
        return "the couplings are not those of diffusion"
    with np.errstate(invalid="ignore"):  # of roots where it is not sound
        turned = sound & (np.abs(mixed) > math.sqrt(ROTATED) * (np.sqrt(x) * np.sqrt(y)))  # x y may not be in range
    count = np.count_nonzero(turned)
    if count <= SHARE * places:
        return NOT_ROTATED
    falling = np.count_nonzero(turned & (mixed > 0)) / count
    return NATURAL if falling > 1 - SHARE else MIRRORED if falling < SHARE else BOTH


def _error(grid: tuple[int, ...]) -> Array:
    """An error with rough and smooth parts, (n), always the same."""
    rng = np.random.default_rng(_SEED)
    coarse = rng.standard_normal(tuple(-(-n // 8) for n in grid))
    for axis in range(len(grid)):
        coarse = np.repeat(coarse, 8, axis)
    e = rng.random(math.prod(grid))
    e -= 0.5
    e *= ROUGH
    e += coarse[tuple(slice(0, n) for n in grid)].ravel()
    return e


_kept_error = functools.lru_cache(maxsize=2)(_error)


def contraction(matrix: check.Csr, native: Any, grid: tuple[int, ...], workers: int) -> float:
    """``||e - M^-1 A e||_A / ||e||_A`` for one error e with rough and smooth parts."""
    e = _kept_error(grid).copy() if math.prod(grid) <= KEPT else _error(grid)
    run = kernels("solve")
    Ae, z = np.empty_like(e), np.empty_like(e)
    with np.errstate(all="ignore"):
        before = run.csr_matvec_dot(matrix.indptr, matrix.indices, matrix.data, e, Ae, workers)
        native.apply(Ae, z, 1.0, workers)
        e -= z
        after = run.csr_matvec_dot(matrix.indptr, matrix.indices, matrix.data, e, Ae, workers)
        energy = float(after / before)
    return math.sqrt(energy) if energy >= 0 else math.nan
