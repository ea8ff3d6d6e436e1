"""`interpolate`: sample a function where a spline of given tolerance needs it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.spline._piecewise import Array
from kriss.spline._result import AdaptiveSpline, make_result
from kriss.spline._sampler import Sampler

ON_FAIL = ("warn", "raise", "best")


class Caller:
    """Calls f at an array of points: at once, one by one, or spread over workers."""

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], vectorized: bool, workers: Any) -> None:
        if not callable(f):
            raise TypeError(f"f must be callable, not {type(f).__name__}")
        if not isinstance(args, tuple):
            raise TypeError(f"args must be a tuple, not {type(args).__name__}")
        self.f, self.args, self.vectorized = f, args, vectorized
        if hasattr(workers, "map") and callable(workers.map):
            workers = workers.map
        self.workers = workers if callable(workers) else _validate.integer(workers, "workers", low=1)
        self.done: list[Array] = []

    def __call__(self, x: Array) -> Array:
        """f(x) with x (n); what was finished before an exception stays in `done`."""
        self.done = []
        if self.vectorized:
            for part, raw in zip(*self._spread(_Call(self.f, self.args, False), self._blocks(x)), strict=True):
                self.done.append(_checked(raw, part.size))
        else:
            for _, raw in zip(*self._spread(_Call(self.f, self.args, True), list(x)), strict=True):
                self.done.append(_checked(np.array(raw)[None], 1))
        if not self.done:
            return np.empty(0)
        first = self.done[0].shape[1:]
        for part in self.done:
            if part.shape[1:] != first:
                raise ValueError(f"f returned values of shape {part.shape[1:]} after values of shape {first}")
        return np.concatenate(self.done)

    def _blocks(self, x: Array) -> list[Array]:
        if not callable(self.workers) and self.workers == 1:
            return [x.copy()]  # a copy: f may write to its argument
        count = 64 if callable(self.workers) else 4 * self.workers
        return [part.copy() for part in np.array_split(x, min(count, max(x.size, 1)))]

    def _spread(self, call: Callable[[Any], Any], parts: list[Any]) -> tuple[Any, Any]:
        if callable(self.workers):
            return parts, self.workers(call, parts)
        if self.workers == 1:
            return parts, map(call, parts)
        return parts, self._threads(call, parts)

    def _threads(self, call: Callable[[Any], Any], parts: list[Any]) -> Any:
        with ThreadPoolExecutor(self.workers) as pool:
            yield from pool.map(call, parts)


class _Call:
    """f with its arguments, as something that can be pickled to other processes."""

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], single: bool) -> None:
        self.f, self.args, self.single = f, args, single

    def __call__(self, x: Any) -> Any:
        if self.single:
            return np.array(self.f(float(x), *self.args))
        return self.f(x, *self.args)


def _checked(raw: Any, count: int) -> Array:
    y = _validate.real_array(raw, "the result of f", dtype=np.float64, finite=False)
    if y.ndim == 0 or y.shape[0] != count:
        raise ValueError(
            f"f returned shape {y.shape} for an array of {count} points, expected ({count},) or ({count}, ...); "
            "a function of one number needs vectorized=False"
        )
    # A copy: f may return the same memory at every call.
    return y.copy()


def interpolate(
    f: Callable[..., Any],
    a: float,
    b: float,
    *,
    rtol: float = 1e-6,
    atol: float | npt.ArrayLike | None = None,
    k: int | str = "auto",
    method: str = "kriss",
    transform_x: Any = None,
    transform_y: Any = None,
    breakpoints: npt.ArrayLike = (),
    initial: int | npt.ArrayLike = 33,
    max_evals: int = 100_000,
    vectorized: bool = True,
    workers: Any = 1,
    args: tuple[Any, ...] = (),
    rng: Any = None,
    callback: Callable[[AdaptiveSpline], Any] | None = None,
    progress: bool = False,
    on_fail: str = "warn",
    refine: int = 1,
    refine_ns: float = 1.0,
) -> AdaptiveSpline:
    """Interpolate a function on [a, b] to a tolerance with a spline, choosing where to sample it.

    Parameters
    ----------
    f : callable
        ``f(x, *args)`` with x an array of shape (n,), returning shape (n,), or (n, ...) for a function with several
        components, which then share the samples while each has to meet the tolerance.
    a, b : float
        Ends of the interval, a < b. Infinite ends need a `transform_x` that maps them to finite numbers.
    rtol : float
        Relative tolerance: the error at x should stay below ``rtol * |f(x)| + atol``.
    atol : float or array_like, optional
        Absolute tolerance, one number or one per component. By default ``rtol * max|f|`` over the samples. 0 asks for
        pure relative accuracy, which no spline reaches at a zero of f. The published rule ``rtol * (|f| + sigma)`` is
        ``atol=rtol * sigma``.
    k : {"auto", 3, 5, 7}
        Degree; "auto" takes 3 for tolerances above 3e-4 (of the largest value), 5 above 1e-7, and 7 below.
    method : {"kriss", "autoknots"}
        ``"kriss"`` predicts the error of every cell from local differences of order k + 1, splits cells in two or
        three, makes steps and kinks joints of the spline, recognises noise, and checks the result at random points.
        ``"autoknots"`` is the published algorithm: cubic; every interval is halved until the old spline predicts the
        value in the middle, and Simpson's rule agrees with its integral; wide intervals are tested once more. It
        was published with ``initial=6``.
    transform_x : {None, "log", "asinh", "auto"} or pair of callables
        Interpolate in ``forward(x)``; a pair is ``(forward, inverse)``, increasing, on arrays.
    transform_y : {None, "log", "auto"} or pair of callables
        Interpolate ``forward(f)``. The tolerance keeps its meaning for f. "auto" decides by the number of cells that
        the first samples predict.
    breakpoints : array_like
        Points in (a, b) where f is known to have a kink.
    initial : int or array_like
        Number of samples to start with (at least 4), jittered for "kriss", equally spaced for "autoknots"; or
        the points to start with beside `a` and `b`.
    max_evals : int
        At most so many evaluations of f.
    vectorized : bool
        False calls ``f(float)`` point by point.
    workers : int or map-like
        Threads that call f, each with a part of the points of a round (f must be thread-safe, and gains if it releases
        the GIL); or a callable like `map`, or an object with a method `map`, such as an executor, which may use other
        processes or machines.
    args : tuple
        Further arguments for `f`.
    rng : int, SeedSequence or Generator, optional
        For the jitter and the checking points; the same points by default in every call.
    callback : callable, optional
        Called after each round with the `AdaptiveSpline` so far; a true value ends sampling (status "stopped").
    progress : bool
        Show a progress bar that counts samples.
    on_fail : {"warn", "raise", "best"}
        If the tolerance was not met: warn with RuntimeWarning, raise RuntimeError (with ``exc.result`` and
        ``exc.sampler``), or return silently with ``status`` telling.
    refine : int
        Only "autoknots": how often, after everything passed, the intervals wider than the mean by `refine_ns`
        standard deviations are tested again.
    refine_ns : float
        See `refine`.

    Returns
    -------
    AdaptiveSpline
        Spline, samples, status, number of evaluations and rounds, an error estimate for each interval, a certificate,
        and suspects.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit, f returns something of the wrong shape, or f is finite at none of the first
        samples.
    RuntimeError
        With ``on_fail="raise"``, if the tolerance was not met.
    Exception
        Whatever f raises; ``exc.sampler`` holds the samples so far, and can go on.

    Warns
    -----
    RuntimeWarning
        With ``on_fail="warn"``, if the tolerance was not met.

    Notes
    -----
    Each round calls f once (with `vectorized`) with all points wanted, and rebuilds the spline in O(n k) time.

    The error predicted for a cell of width h is ``C_k |f^(k+1)| h^(k+1)`` with the derivative from divided differences,
    the largest of those around; where it grows from round to round the function is not yet resolved, and the
    prediction is raised by the growth. At the end fresh random points, between the dyadic ones, are compared; one that
    misses half the tolerance reopens its neighbourhood. `AdaptiveSpline.certificate` says what the last check proves.
    No method can see a feature that lies wholly between the samples: with 33 of them a bump much narrower than 1/60 of
    the interval may be missed.

    References
    ----------
    S. D. P. Vitenti, F. de Simoni, M. Penna-Lima, E. J. Barroso, *AutoKnots: adaptive knot allocation for spline
    interpolation*, 2024, arXiv:2412.13423.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.spline import interpolate
    >>> s = interpolate(lambda x: 1 / (1 + 25 * x**2), -1.0, 1.0, rtol=1e-6)
    >>> s.converged, s.degree, s.n_evals < 189
    (True, 5, True)
    >>> bool(abs(s(0.1) - 0.8) < 1e-6)
    True
    >>> t = interpolate(lambda x: 1 / (1 + 25 * x**2), -1.0, 1.0, atol=1e-6, method="autoknots", initial=6)
    >>> t.n_evals
    189
    """
    call = Caller(f, args, vectorized, workers)
    on_fail = _validate.choice(on_fail, "on_fail", ON_FAIL)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, not {type(callback).__name__}")
    sampler = Sampler(
        a,
        b,
        rtol=rtol,
        atol=atol,
        k=k,
        method=method,
        transform_x=transform_x,
        transform_y=transform_y,
        breakpoints=breakpoints,
        initial=initial,
        max_evals=max_evals,
        rng=rng,
        refine=refine,
        refine_ns=refine_ns,
    )
    return drive(sampler, call, on_fail, callback, progress)


def drive(
    sampler: Sampler,
    call: Callable[[Array], Array],
    on_fail: str,
    callback: Callable[[AdaptiveSpline], Any] | None = None,
    progress: bool = False,
) -> AdaptiveSpline:
    """Sample until the sampler is done, and make the result."""
    on_fail = _validate.choice(on_fail, "on_fail", ON_FAIL)
    bar = _bar(progress)
    status = None
    try:
        while not sampler.done:
            x = sampler.ask()
            try:
                sampler.tell(x, call(x))
            except BaseException as exc:
                _rescue(sampler, call, x)
                exc.sampler = sampler  # type: ignore[attr-defined]
                raise
            if bar is not None:
                bar.update(x.size)
            if callback is not None and callback(make_result(sampler)) and not sampler.done:
                status = "stopped"
                break
    finally:
        if bar is not None:
            bar.close()
    result = make_result(sampler, call, status)
    if result.converged or on_fail == "best":
        return result
    text = f"interpolate did not reach the tolerance after {result.n_evals} evaluations: {result.message}"
    if on_fail == "raise":
        error = RuntimeError(text)
        error.sampler, error.result = sampler, result  # type: ignore[attr-defined]
        raise error
    warnings.warn(text, RuntimeWarning, stacklevel=3)
    return result


def _rescue(sampler: Sampler, call: Callable[[Array], Array], x: Array) -> None:
    """Keep what was computed before f failed."""
    sampler.forget_asked()
    if isinstance(call, Caller) and call.done:
        count = sum(part.shape[0] for part in call.done)
        try:
            if 0 < count < x.size:
                sampler.tell(x[:count], np.concatenate(call.done))
        except (TypeError, ValueError):
            return


def _bar(progress: bool) -> Any:
    if not progress:
        return None
    from tqdm import tqdm

    return tqdm(unit=" samples", desc="adaptive knots")
