"""Incomplete Cholesky factors on grids corrected by convolutions."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss import _validate as check
from kriss.solve._factor import IC0, MIC
from kriss.solve._multigrid import _grid
from kriss.solve.learned import _graph_network, _model, _stencil_network
from kriss.solve.learned._factor import LearnedFactor
from kriss.solve.learned._graph_network import Lower

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class StencilFactor:
    """A trained correction of incomplete Cholesky factors, for five- and nine-point matrices on two-dimensional grids.

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
    The factor is that of `kriss.solve.MIC`, or of `kriss.solve.IC0` where the modified one needs a shift. Three
    convolutions, 6300 parameters, read the entries of the factor and of A around each point and return how to change
    the row of the factor there: diagonal entries by an exponential, so ``L L'`` is symmetric positive definite for any
    weights. Where the graph of A has no triangles (five points) `kriss.solve.MIC` itself is applied in Eisenstat's form
    at half the cost. Here it is two triangles, corrected or kept.

    On five points nothing learned gains more than a few iterations over MIC: take that. `LearnedMultigrid` and
    `kriss.solve.black_box_mg` need far fewer iterations on larger grids; the scoreboard shows it.

    References
    ----------
    V. Trifonov, A. Rudikov, O. Iliev, Y. M. Laevsky, I. Oseledets, E. Muravleva, "Learning from linear algebra: a graph
    neural network approach to preconditioner design", 2024, section 4 (to start from a classical factor).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import cg
    >>> from kriss.solve.learned import StencilFactor
    >>> from kriss.testing import rotated_diffusion
    >>> A = rotated_diffusion(40, 1e-2, 0.5)
    >>> M = StencilFactor.pretrained().setup(A, shape=(40, 40))
    >>> cg(A, np.ones(1600), rtol=1e-8, M=M).status
    'converged'
    """

    weights: Mapping[str, Array] = field(repr=False)
    card: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        _model.freeze(self, _stencil_network.SHAPES)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self.weights), dict(self.card))

    @classmethod
    def pretrained(cls, name: str = "grid2d") -> StencilFactor:
        """The network that comes with this package: ``"grid2d"``."""
        check.choice(name, "name", ("grid2d",))
        return cls.load(_model.MODELS / "stencil_grid2d.npz")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> StencilFactor:
        """The network in a file that `kriss.train` wrote (``.npz``, its card in ``.json`` beside it)."""
        arrays, card = _model.read(path, _stencil_network.SHAPES)
        return cls(arrays, card)

    def setup(
        self,
        A: object,
        shape: Sequence[int],
        *,
        validate: bool = True,
        workers: int | None = None,
        device: bool = False,
    ) -> LearnedFactor:
        """The preconditioner for a matrix of a grid with ``shape`` points, in row-major order: see `LearnedFactor`."""
        grid = _grid(shape)
        matrix = check.csr(A, "A", square=True)
        if len(grid) != 2:
            raise ValueError(f"shape {grid} has {len(grid)} axes, expected 2")
        if math.prod(grid) != matrix.shape[0]:
            raise ValueError(f"shape {grid} has {math.prod(grid)} points, but A has shape {matrix.shape}")
        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        (i, j), (k, m) = np.divmod(rows, grid[1]), np.divmod(matrix.indices, grid[1])
        far = (np.abs(i - k) > 1) | (np.abs(j - m) > 1)
        if far.any():
            at = int(np.argmax(far))
            raise ValueError(
                f"A couples row {rows[at]} with {matrix.indices[at]}, which is no neighbour on the grid {grid}"
            )
        corrector = _OnGrid(self, (grid[0], grid[1]))
        return LearnedFactor(corrector, A, order="natural", validate=validate, workers=workers, device=device)


def classical_factor(A: Any) -> tuple[Lower, float, str]:
    """MIC, or IC(0) if that needs a smaller shift: (factor, shift, name)."""
    base, name = MIC(A), "MIC"
    if base.shift > 0:
        plain = IC0(A)
        if plain.shift < base.shift:
            base, name = plain, "IC(0)"
    if base._factors is not None:
        lower, inverse, _, _ = base._factors
        return Lower(*lower, 1.0 / inverse), base.shift, name
    return _graph_network.triangle(A, base.pivots), base.shift, name


class _OnGrid:
    """A model with its grid, as `LearnedFactor` wants it."""

    classical = "MIC"

    def __init__(self, model: StencilFactor, grid: tuple[int, int]) -> None:
        self._model, self._grid = model, grid

    def start(self, A: Any) -> tuple[Lower, float]:
        """The incomplete factor that is corrected, of a CSR array, and the shift that it needed."""
        lower, shift, self.classical = classical_factor(A)
        return lower, shift

    def correct(self, A: sps.csr_array, factor: Lower, workers: int, device: bool = False) -> Lower | str:
        """The corrected factor, or why there is none."""
        channels = _stencil_network.image(A, self._grid, factor)
        found = _stencil_network.outputs(self._model.weights, channels, workers, device)
        if not np.isfinite(found).all():
            return "the network returned NaN or infinity"
        return _stencil_network.corrected(self._grid, factor, found)
