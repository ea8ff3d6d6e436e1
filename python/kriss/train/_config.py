"""What a training run is made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from kriss import _validate as check
from kriss.solve.learned._graph import BASES


class CheckpointError(ValueError):
    """A checkpoint is damaged or of another run."""


def _numbers(config: Any, low: Mapping[str, int] | None = None, words: Collection[str] = ()) -> None:
    """Every option but `words` is a number: the rate above 0, the seed from 0, others from `low`, if there, or 1."""
    least = {"seed": 0, **(low or {})}
    for f in fields(config):
        value = getattr(config, f.name)
        if f.name == "rate":
            check.scalar(value, "rate", low=0.0, strict=True)
        elif f.name not in words:
            check.integer(value, f.name, low=least.get(f.name, 1))


def _range(config: Any) -> None:
    if config.low > config.high:
        raise ValueError(f"low is {config.low}, expected at most high, which is {config.high}")


@dataclass(frozen=True)
class MultigridConfig:
    """Options of ``python -m kriss.train multigrid``; the defaults made the model in the package.

    Attributes
    ----------
    seed : int
        Of the data, the first weights and the batches.
    points : int
        Points per side of a training grid, odd.
    samples : int
        Matrices per stage, the last third of them coarse operators of the stage before.
    stages, steps, batch : int
        Stages, steps of Adam per stage, matrices per step.
    rate : float
        The largest step length; it falls to zero along a cosine.
    vectors, powers : int
        Size of the block of errors, and how often the two-grid method is applied to it before the loss.
    tests : int
        Held-out matrices per kind and size in the card.
    """

    seed: int = 0
    points: int = 23
    samples: int = 160
    stages: int = 2
    steps: int = 120
    batch: int = 8
    rate: float = 6e-3
    vectors: int = 4
    powers: int = 4
    tests: int = 4

    def __post_init__(self) -> None:
        _numbers(self)
        if self.points < 7 or self.points % 2 == 0:
            raise ValueError(f"points is {self.points}, expected an odd number from 7 on")


@dataclass(frozen=True)
class Multigrid3Config:
    """Options of ``python -m kriss.train multigrid3d``; the defaults made the model in the package.

    Attributes
    ----------
    seed : int
        Of the data, the first weights and the batches.
    points : int
        Points per side of a training grid, at least 8.
    samples : int
        Matrices; eleven methods solve with each.
    steps, batch : int
        Steps of Adam, matrices per step.
    rate : float
        The largest step length; it falls to zero along a cosine.
    tests : int
        Held-out matrices per kind and size in the card.
    """

    seed: int = 0
    points: int = 20
    samples: int = 320
    steps: int = 1000
    batch: int = 16
    rate: float = 1e-2
    tests: int = 2

    def __post_init__(self) -> None:
        _numbers(self, {"points": 8})


@dataclass(frozen=True)
class GraphConfig:
    """Options of ``python -m kriss.train graph``; the defaults made ``"mesh2d"``, base ``"matrix"`` and loss
    ``"frobenius"`` made ``"mesh2d neuralif"``.

    Attributes
    ----------
    seed : int
        Of the data, the first weights and the batches.
    low, high : int
        Fewest and most points of a training mesh.
    samples : int
        Matrices.
    steps, batch : int
        Steps of Adam, matrices per step.
    rate : float
        The largest step length; it falls to zero along a cosine.
    vectors : int
        Solutions, or random vectors, per matrix.
    base : str
        What is corrected: ``"ict"``, the classical factor, or ``"matrix"``, the triangle of A.
    loss : str
        ``"likelihood"``: the factor as that of a precision matrix of which the solutions are samples,
        ``log(mean |L'x|**2 / n) - 2 mean log l_ii``, right-hand sides with covariance A; ``"residual"``: the published
        ``|L L'x - b|**2 / n``, white right-hand sides, its logarithm above 1; ``"frobenius"``:
        ``|(L L' - A) w|**2 / n``, white w, as published for base ``"matrix"``, its logarithm above 1. A is scaled to a
        unit diagonal.
    tests : int
        Held-out matrices per kind and size in the card.
    """

    seed: int = 0
    low: int = 1500
    high: int = 3500
    samples: int = 600
    steps: int = 20000
    batch: int = 4
    rate: float = 4e-3
    vectors: int = 16
    base: str = "ict"
    loss: str = "likelihood"
    tests: int = 4

    def __post_init__(self) -> None:
        check.choice(self.base, "base", BASES)
        check.choice(self.loss, "loss", ("likelihood", "residual", "frobenius"))
        _numbers(self, words=("base", "loss"))
        _range(self)


@dataclass(frozen=True)
class StencilConfig:
    """Options of ``python -m kriss.train stencil``; the defaults made the model in the package.

    Attributes
    ----------
    seed : int
        Of the data, the first weights and the batches.
    points : int
        Points per side of a training grid.
    samples : int
        Matrices.
    steps, batch : int
        Steps of Adam, matrices per step.
    rate : float
        The largest step length; it falls to zero along a cosine.
    vectors : int
        Solutions per matrix.
    tests : int
        Held-out matrices per kind and size in the card.
    """

    seed: int = 0
    points: int = 32
    samples: int = 600
    steps: int = 10000
    batch: int = 4
    rate: float = 3e-3
    vectors: int = 16
    tests: int = 4

    def __post_init__(self) -> None:
        _numbers(self)


@dataclass(frozen=True)
class SpaiConfig:
    """Options of ``python -m kriss.train spai``; the defaults made the model in the package.

    Attributes
    ----------
    seed : int
        Of the data, the first weights and the batches.
    low, high : int
        Fewest and most unknowns of a training matrix.
    samples : int
        Matrices.
    steps, batch : int
        Steps of Adam, matrices per step.
    rate : float
        The largest step length; it falls to zero along a cosine.
    loss : str
        ``"spread"``: of the eigenvalues of the preconditioned matrix, the logarithm of the 4-norm of the twenty largest
        less the mean logarithm of the six smallest; ``"cosine"``: 1 less the cosine of r and ``A M^-1 r``, white r.
    tests : int
        Held-out matrices per kind and size in the card.
    """

    seed: int = 0
    low: int = 150
    high: int = 350
    samples: int = 140
    steps: int = 1000
    batch: int = 4
    rate: float = 4e-3
    loss: str = "spread"
    tests: int = 4

    def __post_init__(self) -> None:
        check.choice(self.loss, "loss", ("spread", "cosine"))
        _numbers(self, words=("loss",))
        _range(self)


@dataclass(frozen=True)
class DirectionConfig:
    """Options of ``python -m kriss.train dcd``; the defaults made the two-dimensional model in the package.

    Attributes
    ----------
    dim : int
        Axes, 2 or 3.
    network : str
        ``"recursive"``, or ``"published"``.
    seed : int
        Of the data, the first weights and the batches.
    points : int
        Points per side of a training grid; every third has half as many.
    larger : int
        Every third has so many times as many.
    octaves : int
        1: half of the right-hand sides are noise of every scale; 0 is published.
    domains : int
        Domains with solid cells; with 1 it is the empty one.
    vectors : int
        Steps of the Lanczos run on each domain.
    steps, batch : int
        Steps of Adam, residuals of one domain per step.
    loss : str
        The norm of ``b - alpha A f(b)`` over that of b, f(b) the direction for b: ``"scaled"``, as published, with the
        step alpha that energy is least for, which leaves the scale of f open for each b; ``"absolute"`` with alpha = 1,
        so that smooth and rough parts get the same scale.
    rate : float
        The largest step length; it falls to zero along a cosine.
    tests : int
        Held-out domains per size in the card.
    """

    dim: int = 2
    network: str = "recursive"
    seed: int = 0
    points: int = 64
    larger: int = 2
    octaves: int = 1
    loss: str = "absolute"
    domains: int = 288
    vectors: int = 160
    steps: int = 10000
    batch: int = 4
    rate: float = 4e-3
    tests: int = 12

    def __post_init__(self) -> None:
        check.choice(self.network, "network", ("recursive", "published"))
        check.choice(self.loss, "loss", ("scaled", "absolute"))
        _numbers(self, {"octaves": 0}, ("network", "loss"))
        if self.dim not in (2, 3):
            raise ValueError(f"dim is {self.dim}, expected 2 or 3")
        if self.points < 4:
            raise ValueError(f"points is {self.points}, expected at least 4")
