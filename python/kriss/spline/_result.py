"""`AdaptiveSpline`: what adaptive sampling found."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kriss import _device, _validate
from kriss.spline import _polynomial
from kriss.spline._breaks import Suspect
from kriss.spline._certificate import Certificate, check
from kriss.spline._forwarding import Forwarding
from kriss.spline._piecewise import Array, Extrapolate
from kriss.spline._refine import Refinement
from kriss.spline._spline import Spline
from kriss.spline._transforms import Maps

if TYPE_CHECKING:
    from kriss.spline._sampler import Sampler

MESSAGES = {
    "converged": "every interval passed, and so did the points that checked the result",
    "running": "sampling is not finished",
    "max_evals": "max_evals was reached before every interval passed; error_estimate tells which are left",
    "max_rounds": "the limit of rounds was reached before every interval passed",
    "width_limit": "some intervals shrank to the resolution of floating point without passing (jump, kink or noise?)",
    "non_finite": "f is NaN or infinite in places; the spline is NaN there and has met the tolerance elsewhere",
    "pole": "f grows beyond bounds in a suspect interval; elsewhere the tolerance was met",
    "noise_floor": "f is noisy at a level above the tolerance in a suspect interval",
    "zero_crossing": "a purely relative tolerance cannot be met at a zero of f; elsewhere it was met",
    "unverified": "points that checked the result kept failing",
    "stopped": "the callback asked to stop",
}


@dataclass(frozen=True, eq=False, repr=False)
class AdaptiveSpline(Forwarding):
    """What `interpolate` found: a spline through adaptively placed samples. It is called like the function.

    Attributes
    ----------
    x : ndarray, shape (n,)
        Where the function was sampled, increasing.
    y : ndarray, shape (n, ...)
        The samples.
    status : str
        "converged", or why the refinement ended before: "max_evals", "max_rounds", "noise_floor", "pole",
        "non_finite", "zero_crossing", "width_limit" (a place kept failing down to the resolution of floating point),
        "unverified" (checks kept failing), "stopped" (by the callback), "running" (from an unfinished `Sampler`).
    message : str
        The same in words.
    n_evals : int
        Points at which the function was evaluated.
    n_rounds : int
        Rounds of refinement: the critical path if the calls of a round are spread over many processors.
    degree : int
        Degree of the pieces.
    knots : ndarray
        Knots of the spline, in x. Samples that only checked the result are not among them.
    error_estimate : ndarray, shape (n - 1,)
        For each interval between samples the predicted error over the tolerance; NaN inside suspects and where no
        estimate was made. For ``method="autoknots"`` the ratio that was measured for the parent interval.
    certificate : Certificate or None
        The last independent check of the spline at random points; None if none was made.
    suspects : tuple of Suspect
        Named tuples ``(a, b, kind)``, from left to right: "step", "kink" (located, and made joints of the spline;
        the tolerance holds on both sides), "pole", "noise floor", "non-finite", "zero crossing", "unresolved".
    rtol : float
        The relative tolerance asked for.
    atol : ndarray, shape ``y.shape[1:]``
        The absolute tolerance used at the end, per component.
    method : str
        The rules used.
    inner : Spline
        The spline in transformed coordinates: ``f(x) = inverse_y(inner(forward_x(x)))``; `spline` without transforms.
    transforms : tuple of str
        Names of the transforms used for x and y: "none", "log", "asinh" or "pair".

    Notes
    -----
    Results are pickled with all their samples, but without the function: `refine` and `verify` need it as `f` then.
    """

    x: Array
    y: Array
    status: str
    n_evals: int
    n_rounds: int
    degree: int
    knots: Array
    error_estimate: Array
    certificate: Certificate | None
    suspects: tuple[Suspect, ...]
    rtol: float
    atol: Array
    method: str
    inner: Spline
    transforms: tuple[str, str]
    message: str = field(default="", repr=False)
    sampler: Sampler | None = field(default=None, repr=False)
    _maps: Maps | None = field(default=None, repr=False)
    _call: Callable[[Array], Array] | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        kinds = ", ".join(dict.fromkeys(s.kind for s in self.suspects))
        shape = f", values of shape {self.y.shape[1:]}" if self.y.ndim > 1 else ""
        return (
            f"AdaptiveSpline({self.status} on [{self.x[0]:g}, {self.x[-1]:g}], degree {self.degree}, "
            f"{self.knots.size} knots, {self.n_evals} evaluations in {self.n_rounds} rounds{shape}"
            + (f", {len(self.suspects)} suspect{'s' * (len(self.suspects) > 1)}: {kinds})" if kinds else ")")
        )

    @property
    def converged(self) -> bool:
        """Whether every interval passed, outside steps and kinks that were located."""
        return self.status == "converged"

    @cached_property
    def spline(self) -> Spline:  # type: ignore[override]
        """The result as a piecewise polynomial in x.

        With transforms it is made at first use, from polynomials of degree 9 that agree with the composition to 1e-13
        (relative to its size on a piece), or to rtol / 1000 if that is less strict.
        """
        maps = self._maps
        if maps is None or maps.trivial:
            return self.inner
        if maps.scaled:
            raise OverflowError(
                f"the coefficients of a piecewise polynomial on [{maps.a}, {maps.b}] leave the range of float64: "
                "call the result itself, or rescale x and f"
            )
        accuracy = min(max(1e-13, 1e-3 * self.rtol), 1e-6)
        return _polynomial.approximate(self.__call__, self.knots, self.y.shape[1:], accuracy)

    def __call__(
        self,
        x: npt.ArrayLike,
        nu: int = 0,
        *,
        out: Array | None = None,
        extrapolate: Extrapolate | None = None,
        workers: int | None = None,
    ) -> Any:
        """Values of the spline, or of its derivative `nu`, at `x`.

        Parameters
        ----------
        x : array_like
            Points in any order and shape.
        nu : int
            Order of the derivative.
        out : ndarray, optional
            Array of the result's shape and dtype to write to.
        extrapolate : bool or str, optional
            What to do outside the interval; see `Spline`. By default the end pieces go on.
        workers : int, optional
            Threads.

        Returns
        -------
        ndarray or scalar
            Shape of `x` followed by the shape of one value.
        """
        maps = self._maps
        if maps is None or maps.trivial or nu:
            return self.spline(x, nu, out=out, extrapolate=extrapolate, workers=workers)
        if _device.is_device_array(x):
            raise TypeError("x is on the GPU: call s.spline.to_device()(x)")
        points = _validate.real_array(x, "x", dtype=np.float64, finite=False)
        values = maps.to_y(np.asarray(self.inner(maps.to_u(points), extrapolate=extrapolate, workers=workers)))
        if out is None:
            return values if values.ndim else values[()]
        if not isinstance(out, np.ndarray):
            raise TypeError(f"out must be an ndarray, not {type(out).__name__}")
        if out.shape != values.shape or out.dtype != values.dtype:
            raise ValueError(f"out has shape {out.shape} and dtype {out.dtype}, expected {values.shape} and float64")
        out[...] = values
        return out

    def to_bspline(self) -> Any:
        """The spline as a `scipy.interpolate.BSpline` of the same degree, with multiple knots at breaks.

        Returns
        -------
        scipy.interpolate.BSpline
            Equal to the spline up to rounding.

        Raises
        ------
        ValueError
            If the spline has gaps at non-finite values of f.

        Notes
        -----
        A joint that is only continuous is a knot of multiplicity `degree`. With transforms it is made from the
        polynomials of `spline`.
        """
        return _polynomial.to_bspline(self.spline)

    # -- going on ---------------------------------------------------------------------------------------------------

    def refine(
        self,
        rtol: float | None = None,
        *,
        atol: float | npt.ArrayLike | None = None,
        max_evals: int | None = None,
        f: Callable[..., Any] | None = None,
        on_fail: str = "warn",
    ) -> AdaptiveSpline:
        """A spline of another tolerance that uses every sample of this one.

        Parameters
        ----------
        rtol : float, optional
            The new relative tolerance.
        atol : float or array_like, optional
            The new absolute tolerance; by default the same rule as before.
        max_evals : int, optional
            At most so many samples, with those at hand.
        f : callable, optional
            The function; needed after unpickling, and for results of a `Sampler`.
        on_fail : {"warn", "raise", "best"}
            As in `interpolate`.

        Returns
        -------
        AdaptiveSpline
            ``n_evals`` counts all samples.
        """
        from kriss.spline._adaptive import drive

        if self.sampler is None:
            raise ValueError("this result holds no sampler")
        call = self._function(f)
        sampler = self.sampler.refined(rtol=rtol, atol=atol, max_evals=max_evals)
        return drive(sampler, call, on_fail)

    def verify(self, n: int = 1000, *, rng: Any = None, f: Callable[..., Any] | None = None) -> Certificate:
        """Check the spline at `n` fresh random points.

        Parameters
        ----------
        n : int
            Number of evaluations of f; they are not kept.
        rng : int, SeedSequence or Generator, optional
            By default another one each time.
        f : callable, optional
            The function; needed after unpickling, and for results of a `Sampler`.

        Returns
        -------
        Certificate
            What was found and what it proves.
        """
        n = _validate.integer(n, "n", low=1)
        call = self._function(f)
        maps = self._maps
        assert maps is not None and self.sampler is not None
        generator = np.random.default_rng() if rng is None else _validate.generator(rng)
        ends = maps.to_u(np.array([maps.a, maps.b]))
        u = ends[0] + (ends[1] - ends[0]) * generator.random(n)
        x = maps.to_x(u)
        for s in self.suspects:
            x = x[~((x >= s.a) & (x <= s.b))] if s.kind != "kink" else x
        size = int(np.prod(self.y.shape[1:]))
        y = call(x).reshape(x.size, size)
        mine = np.asarray(self(x)).reshape(x.size, size)
        allowed = self.rtol * np.abs(y) + self.atol.reshape(size)
        return check(x, np.abs(mine - y), allowed)

    def _function(self, f: Callable[..., Any] | None) -> Callable[[Array], Array]:
        if f is None:
            if self._call is None:
                raise ValueError(
                    "this result does not know the function (it was pickled, or made by a Sampler): pass f"
                )
            return self._call
        from kriss.spline._adaptive import Caller

        return Caller(f, (), True, 1)

    def compress(self) -> AdaptiveSpline:
        """A spline of fewer knots, as far as the tolerance holds at every sample.

        Returns
        -------
        AdaptiveSpline
            With the same samples; those that are no knots any more check it. Evaluates no f.

        Notes
        -----
        Every second knot is dropped where half as many are predicted to do, then all samples are compared, and knots
        return next to those that miss half the tolerance; again until nothing more can go. Costs O(n) a pass.
        """
        sampler = copy.deepcopy(self.sampler)
        if sampler is None or not isinstance(sampler._engine, Refinement):
            raise ValueError("compress needs a result of method='kriss'")
        from kriss.spline._compress import compress

        compress(sampler._engine)
        result = make_result(sampler, self._call)
        return result

    def plot(self, ax: Any = None, *, points: int = 2000) -> Any:
        """Draw spline, samples and suspects with Matplotlib.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default new axes.
        points : int
            Points of the curve.

        Returns
        -------
        matplotlib.axes.Axes
            The axes.
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError as exc:
            raise ImportError("plot needs Matplotlib: pip install 'kriss[plot]'") from exc

        if ax is None:
            ax = plt.subplots(layout="constrained")[1]
        points = _validate.integer(points, "points", low=2)
        maps = self._maps
        assert maps is not None
        ends = maps.to_u(np.array([maps.a, maps.b]))
        t = np.unique(np.concatenate([maps.to_x(np.linspace(ends[0], ends[1], points)), self.x]))
        curves = np.asarray(self(t)).reshape(t.size, -1)
        samples = self.y.reshape(self.x.size, -1)
        for j in range(curves.shape[1]):
            (line,) = ax.plot(t, curves[:, j], lw=1)
            ax.plot(self.x, samples[:, j], ".", ms=3, color=line.get_color())
        for s in self.suspects:
            ax.axvspan(s.a, s.b, color="tab:red", alpha=0.25)
        if maps.x.name == "log":
            ax.set_xscale("log")
        if maps.y.name == "log":
            ax.set_yscale("log")
        ax.set_title(f"{self.status}: {self.n_evals} samples, {self.knots.size} knots, degree {self.degree}")
        return ax

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        state["_call"] = None
        state.pop("spline", None)
        return state


def _plain(knots: Array, c: Array, maps: Maps) -> tuple[Array, Array, Maps]:
    """Breaks and coefficients without the scales of `maps`, if the coefficients stay in range."""
    if not maps.scaled:
        return knots, c, maps
    k = c.shape[0] - 1
    power = maps.scale_x ** np.arange(k, -1, -1.0)[:, None, None] if _in_range(maps.scale_x, k) else np.full(1, np.inf)
    with np.errstate(all="ignore"):
        plain = c / maps.scale_y * power
    kept = np.isfinite(plain) | ~np.isfinite(c)
    kept &= (np.abs(plain) >= np.finfo(np.float64).tiny) | (c == 0)
    if not kept.all():
        return knots, c, maps
    return maps.to_x(knots), plain, maps._replace(scale_x=1.0, scale_y=1.0)


def _in_range(scale: float, k: int) -> bool:
    return abs(float(np.log2(scale))) * k < 1020


def make_result(
    sampler: Sampler, call: Callable[[Array], Array] | None = None, status: str | None = None
) -> AdaptiveSpline:
    """The result for the present state of a sampler."""
    engine, maps = sampler._engine, sampler._maps
    assert engine is not None
    trailing = sampler._trailing or ()
    knots, c = engine.build()
    knots, c, maps = _plain(knots, c, maps)
    inner = Spline(knots, np.ascontiguousarray(c.reshape(*c.shape[:2], *trailing)))
    x, y = sampler.x, sampler.y
    outer = inner.x if maps.x.trivial and maps.scale_x == 1 else maps.to_x(knots)
    estimate = engine.estimate
    if estimate.size != x.size - 1:
        # Samples outside the engine (not finite, or of an unfinished round) lie in its intervals.
        full = np.full(x.size - 1, np.nan)
        middle = sampler._maps.to_u(0.5 * x[1:] + 0.5 * x[:-1])
        at = np.searchsorted(engine.u, middle) - 1
        inside = (at >= 0) & (at < estimate.size)
        full[inside] = estimate[at[inside]]
        estimate = full
    found = engine.suspects
    borders = sampler._maps.to_x(np.array([[s.a, s.b] for s in found]).reshape(-1, 2)).tolist()
    suspects = tuple(Suspect(p, q, s.kind) for (p, q), s in zip(borders, found, strict=True))
    certificate = None
    if isinstance(engine, Refinement) and engine.check_points.size and engine.status != "running":
        certificate = Certificate.of(engine.check_ratio, engine.checks)
    atol = engine.tolerance.atol
    assert atol is not None
    status = status or sampler.status
    allowed = np.array(atol / sampler._maps.scale_y).reshape(trailing)
    for array in (x, y, estimate, outer, allowed):
        array.flags.writeable = False
    return AdaptiveSpline(
        x=x,
        y=y,
        status=status,
        n_evals=sampler.n_evals,
        n_rounds=sampler.n_rounds,
        degree=inner.k,
        knots=outer,
        error_estimate=estimate,
        certificate=certificate,
        suspects=suspects,
        rtol=sampler._rtol,
        atol=allowed,
        method=sampler._method,
        inner=inner,
        transforms=(maps.x.name, maps.y.name),
        message=MESSAGES[status],
        sampler=sampler,
        _maps=maps,
        _call=call,
    )
