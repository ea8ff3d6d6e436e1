"""One front door to the factors: which structure, and why."""

from __future__ import annotations

import importlib
import importlib.util
import os
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, overload

import numpy.typing as npt

from kriss import _device, _validate
from kriss.gp import _factor
from kriss.gp._factor import CovarianceFactor
from kriss.gp._kernels import Kernel, points
from kriss.gp._problem import noise_vector
from kriss.gp._sklearn_kernels import accepted

Array = npt.NDArray[Any]

_SMALL = 512  # points below which the dense factor takes milliseconds, whatever the structure


@dataclass(frozen=True)
class Structure:
    """One row of the table: a module with ``build(kernel, X, noise, ...)`` and ``suits(kernel, X, noise)``."""

    name: str
    module: str
    exact: bool
    what: str
    jitter: bool = False  # whether it adds one

    def load(self) -> ModuleType:
        """The module, imported when it is first needed."""
        return importlib.import_module(self.module)


# In the order in which "auto" asks: what saves most first.
TABLE: tuple[Structure, ...] = (
    Structure("series", "kriss.gp._series", True, "a line with sums of Matern 1/2, 3/2, 5/2, 7/2 over it", jitter=True),
    Structure("grid", "kriss.gp._grid", True, "a grid with a product over its axes and equal noise"),
    Structure("toeplitz", "kriss.gp._toeplitz", True, "equispaced on a line with equal noise", jitter=True),
    Structure("replicates", "kriss.gp._replicates", True, "repeated", jitter=True),
    Structure("low_rank", "kriss.gp._lowrank", False, "inducing points"),
    Structure("vecchia", "kriss.gp._vecchia", False, "each point given a few neighbours"),
    Structure("iterative", "kriss.gp._iterative", False, "matrix-free, its determinant with an error bar"),
)


def _asked_for(name: str) -> Structure:
    return next(row for row in TABLE if row.name == name)


def names() -> tuple[str, ...]:
    """What `structure` may be."""
    return ("auto", "dense", *(row.name for row in TABLE))


def _memory() -> float:
    """Bytes of memory in this machine; infinity where the system does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE")) * float(os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return float("inf")


@overload
def factor(
    kernel: object,
    X: npt.ArrayLike,
    noise: npt.ArrayLike = ...,
    jitter: float | str = ...,
    *,
    structure: Literal["dense"],
    workers: int | None = ...,
    check_finite: bool = ...,
) -> CovarianceFactor: ...


@overload
def factor(
    kernel: object,
    X: npt.ArrayLike,
    noise: npt.ArrayLike = ...,
    jitter: float | str = ...,
    *,
    structure: str = ...,
    workers: int | None = ...,
    check_finite: bool = ...,
    **options: Any,
) -> Any: ...


def factor(
    kernel: object,
    X: npt.ArrayLike,
    noise: npt.ArrayLike = 0.0,
    jitter: float | str = 0.0,
    *,
    structure: str = "auto",
    workers: int | None = None,
    check_finite: bool = True,
    **options: Any,
) -> Any:
    """A factor of the covariance matrix of noisy observations.

    Parameters
    ----------
    kernel : Kernel or scikit-learn kernel
        Covariance function. A tree of scikit-learn's kernels becomes the Kernel that it stands for, whose parameters
        (`CovarianceFactor.kernel`) are those of gradients; one with a member that is not known here stays in Python,
        as `PythonKernel`.
    X : array_like, shape (n, d)
        Points, one per row; promoted to float64. A CuPy array is factorised on its device, by CuPy; the result then
        offers `lower`, `solve`, `logdet`, `quad`, `log_likelihood`, `log_likelihood_grad`, `inv_diag`, `loo`, `sample`
        and `predict`. ``structure="iterative"`` and ``"vecchia"`` take CuPy arrays too.
    noise : float or array_like of shape (n,), default 0.0
        Variance of the noise of each observation.
    jitter : float or "auto", default 0.0
        Added to the diagonal besides the noise, by factors that are exact and no grid. ``"auto"`` tries none, then
        1e-14, 1e-13, ... 1e-4 times the variance of the kernel (the largest k(x, x)), and `CovarianceFactor.jitter`
        says what it took.
    structure : str, default "auto"
        ``"dense"``, or what the points and the kernel allow: STRUCTURES. ``"auto"`` takes the first exact
        structure that fits, if there are 512 points or more, and the dense factor otherwise; it never approximates.
        `reason` of the result says why.
    workers : int, optional
        Threads; the process-wide setting by default. The result does not depend on it.
    check_finite : bool, default True
        Refuse NaN and infinity in arguments; without it they are caught at a pivot.
    **options
        Passed on to the structure that was asked for by name.

    Returns
    -------
    CovarianceFactor
        Or the class of another structure, which has the same methods where they can be exact: solves, determinants,
        likelihoods, predictions.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, or is not finite; if the points do not have the structure.
    MemoryError
        If ``structure="auto"`` finds no exact structure and a dense matrix exceeds the memory of the machine; the
        message names the approximations there are.
    numpy.linalg.LinAlgError
        If the matrix is not positive definite to working precision; the message names the pivot and the pair of
        points behind it. Nothing is added to the matrix unless `jitter` asks for it.

    See Also
    --------
    fit : choose the parameters by maximum likelihood.

    Notes
    -----
    Dense: n**3 / 3 flops, n**2 / 2 exponentials per term, n**2 doubles and 480 n of work space. Can be interrupted by
    Ctrl-C. To look for structure costs O(n log n).

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, algorithm 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import Matern, factor
    >>> X = np.linspace(0.0, 4.0, 9)[:, None]
    >>> y = np.sin(X[:, 0])
    >>> f = factor(Matern(2.5), X, noise=1e-4)
    >>> f.structure, f.reason
    ('dense', '9 points: too few for another structure to pay')
    >>> p = f.predict([[2.2]], y, return_std=True)
    >>> bool(abs(p.mean[0] - np.sin(2.2)) < 0.01), bool(p.std[0] < 0.1)
    (True, True)
    """
    chosen = _validate.choice(structure, "structure", names())
    kernel = accepted(kernel, X)
    common: dict[str, Any] = {"workers": workers, "check_finite": check_finite}
    if chosen == "auto" and options:
        raise TypeError(f"structure='auto' takes no further options, not {', '.join(options)}: name the structure")
    on_device = _device.any_device(X=X)
    if on_device and chosen not in ("auto", "dense", "iterative", "vecchia"):
        raise NotImplementedError(
            f"structure={chosen!r} is not available for CuPy arrays, which have 'dense', 'iterative' and 'vecchia'"
        )
    if chosen == "dense" or (on_device and chosen == "auto"):
        if options:
            raise TypeError(f"a dense factor takes no {', '.join(options)}")
        return _factor.factor(kernel, X, noise, jitter, **common)
    if chosen == "auto":
        return _automatic(kernel, X, noise, jitter, common)
    row = _asked_for(chosen)
    if row.jitter:
        common["jitter"] = jitter
    elif isinstance(jitter, str) or jitter != 0.0:
        raise NotImplementedError(f"jitter={jitter!r} is not for structure={chosen!r}: add a number to noise instead")
    return row.load().build(kernel, X, noise, **common, **options)


def _automatic(
    kernel: Kernel, X: object, noise: object, jitter: float | str, common: dict[str, Any]
) -> CovarianceFactor:
    x = points(X, check_finite=common["check_finite"])
    n = x.shape[0]
    wanted = isinstance(jitter, str) or jitter != 0.0
    rows = [row for row in TABLE if row.exact and (row.jitter or not wanted)]
    if n < _SMALL:
        why = f"{n} points: too few for another structure to pay"
    else:
        level = noise_vector(noise, n, common["check_finite"])
        for row in rows:
            if row.load().suits(kernel, x, level):
                more = {"jitter": jitter} if row.jitter else {}
                out: CovarianceFactor = row.load().build(kernel, x, noise, **common, **more)
                return out
        what = ", ".join(row.what for row in rows)
        why = f"the points are not {what}" if rows else "no other structure adds jitter"
        need = 8.0 * n * n
        if need > _memory():
            inexact = [f"structure={row.name!r} ({row.what})" for row in TABLE if not row.exact]
            raise MemoryError(
                f"X has {n} rows and no structure that is exact: {why}; a dense factor takes {need / 1e9:.3g} GB, and "
                f"this machine has {_memory() / 1e9:.3g}. Approximations: {', '.join(inexact) or 'none'}; or insist "
                "with structure='dense'"
            )
    return _factor.factor(kernel, x, noise, jitter, **common, reason=why)  # type: ignore[arg-type]


def _document() -> None:
    """The table into the docstring of `factor`."""
    exact = [f'``"{row.name}"`` ({row.what})' for row in TABLE if row.exact]
    inexact = [f'``"{row.name}"`` ({row.what})' for row in TABLE if not row.exact]
    text = ", ".join(exact) + (f"; approximations {', '.join(inexact)}" if inexact else "")
    factor.__doc__ = (factor.__doc__ or "").replace("STRUCTURES", text or "none in this build")


_document()
