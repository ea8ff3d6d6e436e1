"""`interpolate2d`: sample a function of two variables on a grid whose axes are refined where a spline needs it."""

from __future__ import annotations

import contextlib
import itertools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.spline._refine2d import Refinement, Sampler2D
from kriss.spline._tensor import DEGREES, F64, TensorSpline

ON_FAIL = ("warn", "raise", "best")

_MESSAGES = {
    "converged": "every cell passed its tests and a round of independent random points found no violation",
    "max_evals": "max_evals was reached before every cell passed",
    "suspect": "some strips do not converge as smooth functions do (see suspects); the rest passed",
    "non_finite": "f returned NaN or infinity inside the rectangle; those strips are listed as suspects",
}


class Suspect2D(NamedTuple):
    """A strip of the rectangle in which the spline must not be trusted to tolerance.

    Attributes
    ----------
    axis : {"x", "y"}
        Which variable is between `a` and `b`.
    a, b : float
        The strip.
    kind : {"step", "kink", "noise floor", "unresolved", "non-finite"}
        What the errors look like there.

    Examples
    --------
    >>> from kriss.spline import interpolate2d
    >>> s = interpolate2d(lambda x, y: abs(x - y), (0, 1), (0, 1), on_fail="best")
    >>> s.suspects[0].axis, s.suspects[0].kind
    ('x', 'kink')
    """

    axis: str
    a: float
    b: float
    kind: str


@dataclass(frozen=True)
class Certificate2D:
    """An independent random verification, and what it means.

    Attributes
    ----------
    points : int
        Independent points, uniform in the rectangle, that had no part in building the spline.
    violations : int
        At how many of them the error was above tolerance.
    worst : float
        Largest error over tolerance there.
    attempts : int
        How many such rounds were made; all but the last led to refinement.
    area : float
        With confidence 95% the error is above tolerance on at most this fraction of the area (of the area outside the
        suspects). Corrected for the number of attempts. It says nothing about how large the error is there.
    """

    points: int
    violations: int
    worst: float
    attempts: int
    area: float


@dataclass(frozen=True, eq=False, repr=False)
class AdaptiveSpline2D:
    """What `interpolate2d` found: a tensor-product spline through samples on an adapted grid.

    Attributes
    ----------
    spline : TensorSpline
        The interpolant; calls and integrals of this object are its own.
    x, y : ndarray, shapes (nx,), (ny,)
        Axes of the grid; every grid point was sampled.
    z : ndarray, shape (nx, ny, ...)
        The samples on the grid.
    extra : tuple of ndarray
        x, y and values of the samples off the grid, with which it was checked.
    status : {"converged", "max_evals", "suspect", "non_finite"}
        Why the refinement ended.
    n_evals : int
        Points at which the function was evaluated, grid and checks.
    n_rounds : int
        Calls of the function.
    error_x, error_y : ndarray, shapes (nx - 1,), (ny - 1,)
        For each strip the largest error over tolerance when it was last tested; NaN where it passed untested, on the
        strength of its parent's error and a confirmed order.
    certificate : Certificate2D or None
        The last independent verification.
    suspects : tuple of Suspect2D
        Strips that did not converge.
    rtol : float
        The relative tolerance asked for.
    atol : ndarray
        The absolute tolerance used at the end, per component.
    """

    spline: TensorSpline
    x: F64
    y: F64
    z: F64
    extra: tuple[F64, F64, F64] = field(repr=False)
    status: str
    n_evals: int
    n_rounds: int
    error_x: F64
    error_y: F64
    certificate: Certificate2D | None
    suspects: tuple[Suspect2D, ...]
    rtol: float
    atol: F64
    message: str = field(default="", repr=False)
    _how: dict[str, Any] | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        kinds = ", ".join(dict.fromkeys(s.kind for s in self.suspects))
        return (
            f"AdaptiveSpline2D({self.status} on [{self.x[0]:g}, {self.x[-1]:g}] x [{self.y[0]:g}, {self.y[-1]:g}], "
            f"grid of {self.x.size} x {self.y.size}, {self.n_evals} evaluations in {self.n_rounds} rounds"
            + (f", {len(self.suspects)} suspect{'s' * (len(self.suspects) > 1)}: {kinds})" if kinds else ")")
        )

    @property
    def converged(self) -> bool:
        """Whether every cell passed and the verification found no violation."""
        return self.status == "converged"

    @property
    def k(self) -> int:
        """Degree in each variable."""
        return self.spline.k

    def __call__(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        nu: tuple[int, int] = (0, 0),
        *,
        grid: bool = False,
        out: F64 | None = None,
        extrapolate: bool = True,
        workers: int | None = None,
    ) -> Any:
        """Values or partial derivatives; see `TensorSpline`."""
        return self.spline(x, y, nu, grid=grid, out=out, extrapolate=extrapolate, workers=workers)

    def integrate(self, a: float, b: float, c: float, d: float) -> Any:
        """Integral over x in [a, b] and y in [c, d]."""
        return self.spline.integrate(a, b, c, d)

    def to_ndbspline(self) -> Any:
        """The spline as a `scipy.interpolate.NdBSpline`, a copy."""
        return self.spline.to_ndbspline()

    def to_ndppoly(self) -> Any:
        """The spline as a `scipy.interpolate.NdPPoly`, a copy."""
        return self.spline.to_ndppoly()

    def _function(self, f: Callable[..., Any] | None) -> dict[str, Any]:
        how = dict(self._how or {})
        if f is not None:
            if not callable(f):
                raise TypeError(f"f must be callable, not {type(f).__name__}")
            how["f"] = f
        if how.get("f") is None:
            raise ValueError("f is not kept when the object is pickled: pass f=")
        return how

    def verify(
        self, n: int = 1000, *, f: Callable[..., Any] | None = None, rng: _validate.RngLike = None
    ) -> Certificate2D:
        """Compare with f at `n` fresh random points.

        Parameters
        ----------
        n : int
            How many.
        f : callable, optional
            The function, if this object has been through pickle.
        rng : int, SeedSequence or Generator, optional
            Random numbers.

        Returns
        -------
        Certificate2D
            Points inside suspects are not drawn.
        """
        n = _validate.integer(n, "n", low=1)
        how = self._function(f)
        sampler = Sampler2D(how["f"], how["args"], how["vectorized"])
        run = Refinement(sampler, self.spline.k, self.rtol, self.atol.reshape(-1), _validate.generator(rng))
        run.adopt(self.x, self.y, self.z, self.extra, self.spline, [(s.axis, s.a, s.b) for s in self.suspects])
        return _certificate(run.verify(n), 1) or Certificate2D(0, 0, 0.0, 1, 1.0)

    def refine(
        self, rtol: float, *, f: Callable[..., Any] | None = None, max_evals: int | None = None, on_fail: str = "warn"
    ) -> AdaptiveSpline2D:
        """The same to another tolerance, reusing every sample.

        Parameters
        ----------
        rtol : float
            New relative tolerance. An `atol` that was given is kept, otherwise it scales.
        f : callable, optional
            The function, if this object has been through pickle.
        max_evals : int, optional
            Limit on the evaluations of both together; by default the old one.
        on_fail : {"warn", "raise", "best"}
            See `interpolate2d`.

        Returns
        -------
        AdaptiveSpline2D
            ``n_evals`` and ``n_rounds`` count both.
        """
        rtol = _validate.scalar(rtol, "rtol", low=0.0)
        on_fail = _validate.choice(on_fail, "on_fail", ON_FAIL)
        how = self._function(f)
        if max_evals is not None:
            how["max_evals"] = _validate.integer(max_evals, "max_evals", low=1)
        sampler = Sampler2D(how["f"], how["args"], how["vectorized"])
        sampler.n_evals, sampler.n_rounds = self.n_evals, self.n_rounds
        sampler.trailing = self.z.shape[2:]
        run = Refinement(
            sampler, self.spline.k, rtol, how["atol"], _validate.generator(how["rng"]), how["breaks"], how["workers"]
        )
        run.adopt(self.x, self.y, self.z, self.extra)
        return _finish(run, rtol, how, on_fail)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if state["_how"] is not None:
            state["_how"] = {**state["_how"], "f": None, "args": (), "rng": 0}
        return state


def _certificate(ratios: F64 | None, attempts: int) -> Certificate2D | None:
    if ratios is None or ratios.size == 0:
        return None
    bad = int((ratios > 1).sum())
    level = 0.05 / max(attempts, 1)
    if bad == 0:
        area = 1.0 - level ** (1.0 / ratios.size)
    else:
        from scipy.stats import beta

        area = float(beta.ppf(1 - level, bad + 1, ratios.size - bad)) if bad < ratios.size else 1.0
    return Certificate2D(int(ratios.size), bad, float(ratios.max()), attempts, float(area))


def interpolate2d(
    f: Callable[..., Any],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    *,
    rtol: float = 1e-6,
    atol: float | npt.ArrayLike | None = None,
    k: int | str = "auto",
    breakpoints: tuple[npt.ArrayLike, npt.ArrayLike] = ((), ()),
    initial: int | tuple[int, int] = 17,
    max_evals: int = 1_000_000,
    verification: int | None = None,
    vectorized: bool = True,
    args: tuple[Any, ...] = (),
    rng: _validate.RngLike = 0,
    on_fail: str = "warn",
    workers: int | None = None,
) -> AdaptiveSpline2D:
    """Interpolate a function of two variables on a rectangle to a tolerance, choosing the grid.

    Parameters
    ----------
    f : callable
        ``f(x, y, *args)`` with arrays of shape (n,), returning shape (n,), or (n, ...) for several components, which
        then share the grid while each has to meet the tolerance.
    x_range, y_range : (float, float)
        The rectangle.
    rtol : float
        The error at (x, y) should stay below ``rtol * |f| + atol``.
    atol : float or array_like, optional
        Absolute tolerance, one number or one per component; by default ``rtol * max|f|`` over the samples.
    k : {"auto", 3, 5, 7}
        Degree in each variable; by default 3 down to a tolerance of 1e-3, 5 down to 1e-7, then 7.
    breakpoints : (array_like, array_like)
        Where f is continuous but has a kink along a whole line x = const, or y = const.
    initial : int or (int, int)
        Lines to start with in each direction; all but the ends are jittered.
    max_evals : int
        At most so many evaluations of f.
    verification : int, optional
        Random points of a verification round; by default a quarter of the grid, between 300 and 4000.
    vectorized : bool
        False calls ``f(float, float)`` point by point.
    args : tuple
        Further arguments for `f`.
    rng : int, SeedSequence or Generator, optional
        For jitter and checks; the default gives the same result every time.
    on_fail : {"warn", "raise", "best"}
        If the tolerance was not met: warn with RuntimeWarning, raise RuntimeError, or return silently with
        ``status`` telling.
    workers : int, optional
        Threads for the spline construction.

    Returns
    -------
    AdaptiveSpline2D
        Spline, grid, status, counts, certificate and suspects.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit, f returns something of the wrong shape, or f is not finite on the first grid.
    RuntimeError
        With ``on_fail="raise"``, if the tolerance was not met.
    Exception
        Whatever f raises; the samples taken so far are in its attribute ``sampler`` (``x``, ``y``, ``values``).

    Warns
    -----
    RuntimeWarning
        With ``on_fail="warn"``, if the tolerance was not met.

    Notes
    -----
    Each strip between two neighbouring lines is tested in its middle on a few crossing lines: those on which divided
    differences of the samples predict the largest error, and random ones. Where the error is above 0.15 of the
    tolerance the strip is split, into as many parts as the error asks for once it agrees with the prediction. When all
    strips have passed, independent random points of the whole rectangle, off every line, are compared; a violation is
    traced to one direction, or to both, by samples on the four sides of its cell, and the strip is opened again. So
    features that lie between the first lines are seen if a random point hits them.

    A grid has lines across the whole rectangle: a feature along a diagonal costs a fine grid everywhere, and one that
    is not smooth along a diagonal is refined until its order of convergence shows, then reported as suspect.

    Cost beside f: O(N) per round for N grid points, at most about 40 rounds.

    References
    ----------
    C. de Boor, *A Practical Guide to Splines*, Springer, 1978, chapter XVII. Error constants of odd-degree
    interpolation on locally uniform meshes: ``(2 - 2**-k) |B_{k+1}| / (k + 1)!``, B the Bernoulli numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.spline import interpolate2d
    >>> s = interpolate2d(lambda x, y: np.exp(-x * y) * np.sin(3 * x), (0, 2), (0, 1), rtol=1e-8)
    >>> s.converged, s.n_evals < 4000
    (True, True)
    >>> bool(abs(s(0.7, 0.3) - np.exp(-0.21) * np.sin(2.1)) < 1e-8)
    True
    """
    if not callable(f):
        raise TypeError(f"f must be callable, not {type(f).__name__}")
    ranges = [_range(r, name) for r, name in ((x_range, "x_range"), (y_range, "y_range"))]
    rtol = _validate.scalar(rtol, "rtol", low=0.0)
    fixed = None if atol is None else _validate.real_array(atol, "atol", dtype=np.float64)
    if fixed is not None and (fixed < 0).any():
        raise ValueError(f"atol must be at least 0, not {fixed.min()}")
    if rtol == 0 and (fixed is None or not (fixed > 0).all()):
        raise ValueError("rtol=0 needs a positive atol")
    if isinstance(k, str):
        _validate.choice(k, "k", ("auto",))
        effective = rtol if rtol > 0 else 1e-6
        degree = 3 if effective >= 1e-3 else 5 if effective >= 1e-7 else 7
    else:
        degree = _validate.integer(k, "k")
        if degree not in DEGREES or degree == 1:
            raise ValueError(f"k must be 'auto', 3, 5 or 7, not {degree}")
    max_evals = _validate.integer(max_evals, "max_evals", low=1)
    if verification is not None:
        verification = _validate.integer(verification, "verification", low=1)
    on_fail = _validate.choice(on_fail, "on_fail", ON_FAIL)
    if not isinstance(args, tuple):
        raise TypeError(f"args must be a tuple, not {type(args).__name__}")
    threads = _validate.workers(workers)
    breaks = _breaks(breakpoints, ranges)
    counts = initial if isinstance(initial, (tuple, list)) else (initial, initial)
    if len(counts) != 2:
        raise ValueError(f"initial must be a number or a pair, not {initial!r}")
    generator = _validate.generator(rng)
    axes = [
        _start(_validate.integer(n, "initial", low=degree + 3), r, b, degree, generator)
        for n, r, b in zip(counts, ranges, breaks, strict=True)
    ]
    if axes[0].size * axes[1].size > max_evals:
        raise ValueError(f"the first grid is {axes[0].size} x {axes[1].size}, more than max_evals={max_evals}")

    sampler = Sampler2D(f, args, vectorized)
    run = Refinement(sampler, degree, rtol, fixed, generator, breaks, threads)
    with _samples_kept(sampler):
        run.start(*axes)
    how = {
        "f": f,
        "args": args,
        "vectorized": vectorized,
        "atol": fixed,
        "rng": rng,
        "breaks": breaks,
        "max_evals": max_evals,
        "verification": verification,
        "workers": threads,
    }
    return _finish(run, rtol, how, on_fail)


def _range(value: object, name: str) -> tuple[float, float]:
    if not isinstance(value, (tuple, list, np.ndarray)) or len(value) != 2:
        raise ValueError(f"{name} must be a pair (low, high), not {value!r}")
    low, high = (_validate.scalar(v, f"{name}[{i}]") for i, v in enumerate(value))
    if not low < high:
        raise ValueError(f"{name} must increase, not ({low}, {high})")
    return low, high


def _breaks(breakpoints: object, ranges: list[tuple[float, float]]) -> tuple[F64, F64]:
    if not isinstance(breakpoints, (tuple, list)) or len(breakpoints) != 2:
        raise ValueError("breakpoints must be a pair, those in x and those in y")
    result = []
    for one, (low, high), name in zip(breakpoints, ranges, "xy", strict=True):
        at = np.unique(_validate.real_array(one, f"breakpoints in {name}", ndim=1, dtype=np.float64))
        if at.size and not (at[0] > low and at[-1] < high):
            raise ValueError(f"breakpoints in {name} must lie inside ({low}, {high}), not {at}")
        result.append(at)
    return result[0], result[1]


def _start(n: int, limits: tuple[float, float], breaks: F64, k: int, rng: np.random.Generator) -> F64:
    """About n jittered lines, at least k + 3 in each piece between breaks."""
    ends = np.concatenate([[limits[0]], breaks, [limits[1]]])
    parts = [ends[:1]]
    for low, high in itertools.pairwise(ends):
        cells = max(k + 2, round((n - 1) * (high - low) / (limits[1] - limits[0])))
        grid = np.linspace(low, high, cells + 1)
        grid[1:-1] += rng.uniform(-0.2, 0.2, cells - 1) * (high - low) / cells
        parts.append(grid[1:])
    x: F64 = np.concatenate(parts)
    if not (np.diff(x) > 0).all():
        raise ValueError(f"[{limits[0]}, {limits[1]}] is too narrow to place {n} lines in floating point")
    return x


@contextlib.contextmanager
def _samples_kept(sampler: Sampler2D) -> Iterator[None]:
    """An exception of f leaves with the samples taken so far."""
    try:
        yield
    except BaseException as exc:
        if sampler.raised is exc:
            exc.sampler = sampler  # type: ignore[attr-defined]
        raise


def _finish(run: Refinement, rtol: float, how: dict[str, Any], on_fail: str) -> AdaptiveSpline2D:
    sampler = run.sampler
    with _samples_kept(sampler):
        status = run.run(how["max_evals"], how["verification"])
    trailing = sampler.trailing or ()
    shape = (run.x.size, run.y.size, *trailing)
    message = _MESSAGES[status]
    suspects = tuple(Suspect2D(*s) for s in run.suspects)
    values = run.values.reshape(shape)
    spline = TensorSpline._make(run.spline._ax, run.spline._ay, run.spline.c.reshape(shape))
    px, py, pv = run.scattered
    result = AdaptiveSpline2D(
        spline=spline,
        x=run.x,
        y=run.y,
        z=values,
        extra=(px, py, pv.reshape(px.size, *trailing)),
        status=status,
        n_evals=sampler.n_evals,
        n_rounds=sampler.n_rounds,
        error_x=run.error[0],
        error_y=run.error[1],
        certificate=_certificate(run.last_check, run.attempts),
        suspects=suspects,
        rtol=rtol,
        atol=run.atol().reshape(trailing),
        message=message,
    )
    for array in (result.x, result.y, result.z, result.error_x, result.error_y, *result.extra, result.atol):
        array.flags.writeable = False
    result = replace(result, _how=how)
    if status != "converged" and on_fail == "raise":
        raise RuntimeError(f"the tolerance was not met: {message}")
    if status != "converged" and on_fail == "warn":
        warnings.warn(f"the tolerance was not met: {message}", RuntimeWarning, stacklevel=3)
    return result
