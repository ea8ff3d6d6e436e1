"""Incomplete Cholesky factors corrected by message passing on the graph of the factor."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate as check
from kriss.solve._fill import ICT
from kriss.solve.learned import _graph_network, _model
from kriss.solve.learned._factor import LearnedFactor
from kriss.solve.learned._graph_network import Lower

Array = npt.NDArray[Any]

BASES = ("ict", "matrix")
FILES = {"mesh2d": "graph_mesh2d", "mesh2d neuralif": "graph_mesh2d_neuralif"}


@dataclass(frozen=True, eq=False)
class GraphFactor:
    """A trained correction of incomplete Cholesky factors, for matrices of unstructured meshes.

    Attributes
    ----------
    weights : mapping of str to ndarray
        Arrays of the network, float32.
    card : mapping
        Where they come from: data, seed, training time, test figures.
    base : {"ict", "matrix"}, optional
        What is corrected: `kriss.solve.ICT` with as many entries as A has itself, or the lower triangle of A, with the
        roots of its diagonal. By default what the card says that the weights were trained with, or ``"ict"``.

    Raises
    ------
    ModelFileError
        If a file is missing or damaged, or the arrays are not those of this network.
    ValueError
        If `base` is neither.

    Notes
    -----
    The matrix is put into reverse Cuthill-McKee order, and factorised by `kriss.solve.ICT` or, with `base`
    ``"matrix"``, its triangle is taken. A network of 8130 parameters passes messages along the entries of that factor,
    and along those of its error ``L L' - A``, and returns how to change each entry; diagonal entries change by an
    exponential, so ``L L'`` is symmetric positive definite for any weights. The fill is that of the factor it started
    from, and so is the cost of each application. The network reads the factor of the matrix scaled to a unit diagonal;
    only two of its numbers per row, the row sums of A and of the error, depend on how rows and columns are scaled.

    ``"mesh2d neuralif"``, with base ``"matrix"`` and the loss published for it, is there to be compared with: it takes
    1.4 to 1.6 times the iterations of ICT (its card). ICT is made in any case, to compare with and to step back to.

    What is gained is what untrained factorisations lose: modified ones keep the row sums of A, which suits M-matrices,
    and break down or need large shifts where A has large positive entries outside its diagonal, as for anisotropic
    tensors on meshes that are not aligned with them. On M-matrices `kriss.solve.MIC` comes close; in two dimensions
    algebraic multigrid and direct solvers beat both from some size on. ``python -m benchmarks.learned_factors`` tells.

    References
    ----------
    Y. Li, P. Y. Chen, T. Du, W. Matusik, "Learning preconditioners for conjugate gradient PDE solvers", ICML 2023,
    section 4 (factors by message passing).
    V. Trifonov, A. Rudikov, O. Iliev, Y. M. Laevsky, I. Oseledets, E. Muravleva, "Learning from linear algebra: a graph
    neural network approach to preconditioner design", 2024, section 4 (to start from a classical factor).
    P. Hausner, O. Oktem, J. Sjolund, "Neural incomplete factorization", TMLR 2024, section 3 (exponential diagonal; a
    factor from A alone, trained on ``|(L L' - A) w|**2`` with random w).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import MIC, cg
    >>> from kriss.solve.learned import GraphFactor
    >>> from kriss.testing import mesh_diffusion
    >>> A = mesh_diffusion(2000, 1e-2, lambda x, y: 2 * x + y)
    >>> M = GraphFactor.pretrained().setup(A)
    >>> few = cg(A, np.ones(2000), rtol=1e-8, M=M).iterations
    >>> 2 * few < cg(A, np.ones(2000), rtol=1e-8, M=MIC(A)).iterations
    True
    """

    weights: Mapping[str, Array] = field(repr=False)
    card: Mapping[str, Any] = field(default_factory=dict, repr=False)
    base: str | None = None
    classical = "ICT"

    def __post_init__(self) -> None:
        arrays = _model.freeze(self, _graph_network.SHAPES)
        if self.base is None:
            config = self.card.get("config")
            object.__setattr__(self, "base", config.get("base", "ict") if isinstance(config, Mapping) else "ict")
        check.choice(self.base, "base", BASES)
        object.__setattr__(self, "_net", _graph_network.packed(arrays))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self.weights), dict(self.card), self.base)

    @classmethod
    def pretrained(cls, name: str = "mesh2d") -> GraphFactor:
        """The networks that come with this package, for meshes of triangles: ``"mesh2d"``, and ``"mesh2d neuralif"``,
        whose base is the matrix."""
        check.choice(name, "name", tuple(FILES))
        return cls.load(_model.MODELS / f"{FILES[name]}.npz")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> GraphFactor:
        """The network in a file that `kriss.train` wrote (``.npz``, its card in ``.json`` beside it)."""
        arrays, card = _model.read(path, _graph_network.SHAPES)
        config = card.get("config")
        if not isinstance(config, dict):
            raise _model.ModelFileError(f"{path}: its card has no config, expected the options of the training")
        if config.get("base", "ict") not in BASES:
            raise _model.ModelFileError(
                f"{path}: its card has base {config['base']!r}, expected one of {', '.join(BASES)}"
            )
        return cls(arrays, card)

    def setup(
        self,
        A: object,
        *,
        order: str = "rcm",
        validate: bool = True,
        workers: int | None = None,
        device: bool = False,
    ) -> LearnedFactor:
        """The preconditioner for a matrix: see `LearnedFactor`, which takes the same arguments."""
        return LearnedFactor(self, A, order=order, validate=validate, workers=workers, device=device)

    @staticmethod
    def start(A: Any) -> tuple[Lower, float]:
        """The classical factor, of a CSR array, and the shift that it needed."""
        base = ICT(A, drop_tol=0.0, fill=0)
        lower, inverse, _, _ = base._parts
        return Lower(*lower, 1.0 / inverse), base.shift

    def correct(self, A: Any, factor: Lower, workers: int, device: bool = False) -> Lower | str:
        """The corrected factor, or why there is none."""
        if self.base == "matrix":
            factor = _graph_network.triangle(A, A.diagonal())
        reason = _graph_network.too_full(factor)
        if reason is not None:
            return reason
        g = _graph_network.graph(A, factor)
        node, edge = _graph_network.outputs(self._net, g, workers, device=device)  # type: ignore[attr-defined]
        if not (np.isfinite(node).all() and np.isfinite(edge).all()):
            return "the network returned NaN or infinity"
        return _graph_network.corrected(factor, g, node, edge)
