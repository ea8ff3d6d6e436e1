"""`Sampler`: adaptive sampling turned inside out, for whoever calls the function elsewhere."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.spline import _choose
from kriss.spline._autoknots import AutoKnots
from kriss.spline._piecewise import Array
from kriss.spline._refine import Refinement
from kriss.spline._result import AdaptiveSpline, make_result
from kriss.spline._tolerance import Tolerance
from kriss.spline._transforms import ASINH, IDENTITY, LOG, Maps, Transform, parse

METHODS = ("kriss", "autoknots")


class Sampler:
    """Says where a function must be sampled for a spline of given tolerance, and takes the values.

    `interpolate` is a loop over ``ask`` and ``tell``. Use a Sampler where the values come from elsewhere: a queue, a
    batch system, a program that is not Python. It holds no function, so that it can be pickled between any two calls
    and go on later; every sample told is kept.

    Parameters
    ----------
    a, b : float
        Ends of the interval, a < b.
    rtol, atol, k, method, transform_x, transform_y, breakpoints, initial, max_evals, rng, refine, refine_ns
        As in `interpolate`.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.

    Notes
    -----
    A round is a set of points whose values are needed together; the next one is planned, in O(n k) time, when the last
    value of the round has been told.

    References
    ----------
    S. D. P. Vitenti, F. de Simoni, M. Penna-Lima, E. J. Barroso, *AutoKnots: adaptive knot allocation for spline
    interpolation*, 2024, arXiv:2412.13423.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.spline import Sampler
    >>> s = Sampler(0.0, 2.0, rtol=1e-8)
    >>> while not s.done:
    ...     x = s.ask()
    ...     s.tell(x, np.exp(x))
    >>> bool(abs(s.result()(1.0) - np.e) < 1e-7)
    True
    """

    def __init__(
        self,
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
        rng: Any = None,
        refine: int = 1,
        refine_ns: float = 1.0,
    ) -> None:
        self._method = _validate.choice(method, "method", METHODS)
        self._rtol, self._atol = _tolerances(rtol, atol)
        self._degree = _degree(k, self._method)
        self._max_evals = _validate.integer(max_evals, "max_evals", low=4)
        self._refine = _validate.integer(refine, "refine", low=0)
        self._refine_ns = _validate.scalar(refine_ns, "refine_ns", low=0.0)
        self._rng = np.random.default_rng(0) if rng is None else _validate.generator(rng)
        tx = parse(transform_x, "transform_x", {"log": LOG, "asinh": ASINH})
        ty = parse(transform_y, "transform_y", {"log": LOG})
        self._auto = (tx is None, ty is None)
        low, high = _range(a, b, tx)
        if tx is None:
            # A pilot in log x sees both; where it stays is decided after the first samples.
            tx = LOG if low > 0 and high / low >= 100 else IDENTITY
        self._maps = Maps(tx, ty or IDENTITY, low, high)
        self._breaks = self._breakpoints(breakpoints)
        start = self._start(initial)
        if start.size > self._max_evals:
            raise ValueError(f"initial asks for {start.size} samples, more than max_evals={self._max_evals}")
        self._x = np.empty(0)  # told samples, sorted
        self._y: Array = np.empty((0, 0))
        self._trailing: tuple[int, ...] | None = None
        self._engine: Refinement | AutoKnots | None = None
        self._points = start  # of this round
        self._values: Array | None = None
        self._known = np.zeros(start.size, bool)
        self._asked = np.zeros(start.size, bool)
        self._rounds = 0

    # -- arguments --------------------------------------------------------------------------------------------------

    def _breakpoints(self, breakpoints: npt.ArrayLike) -> Array:
        given = np.unique(_validate.real_array(breakpoints, "breakpoints", ndim=1, dtype=np.float64))
        a, b = self._maps.a, self._maps.b
        if given.size and not (given[0] > a and given[-1] < b):
            raise ValueError(f"breakpoints lie in [{given[0]}, {given[-1]}], expected them inside ({a}, {b})")
        if given.size and self._method == "autoknots":
            raise ValueError("breakpoints need method='kriss'")
        return given

    def _start(self, initial: object) -> Array:
        maps = self._maps
        a, b = maps.a, maps.b
        if isinstance(initial, (int, np.integer)) and not isinstance(initial, bool):
            n = _validate.integer(initial, "initial", low=4)
            lo, hi = (float(t) for t in maps.to_u(np.array([a, b])))
            if self._method == "autoknots":
                u = np.linspace(lo, hi, n)
            else:
                t = np.arange(n, dtype=np.float64)
                # Equally spaced points would be blind to whatever is periodic with them.
                t[1:-1] += 0.4 * self._rng.random(n - 2) - 0.2
                u = lo + (hi - lo) * (t / (n - 1))
            x = maps.to_x(u)
            x[0], x[-1] = a, b
        else:
            inner = np.unique(_validate.real_array(initial, "initial", ndim=1, dtype=np.float64))
            if inner.size and not (inner[0] >= a and inner[-1] <= b):
                raise ValueError(f"initial holds points in [{inner[0]}, {inner[-1]}], expected them inside [{a}, {b}]")
            x = np.concatenate([[a], inner, [b]])
        x = np.unique(np.concatenate([x, self._breaks]))
        if x.size < 4:
            raise ValueError(f"initial gives {x.size} samples with a and b, expected at least 4")
        return x

    # -- asking and telling -----------------------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        """Whether no more samples are wanted."""
        return self._engine is not None and self._engine.status != "running"

    @property
    def status(self) -> str:
        """ "running", or why sampling ended; see `AdaptiveSpline`."""
        return "running" if self._engine is None else self._engine.status

    @property
    def n_evals(self) -> int:
        """Samples told so far."""
        return int(self._x.size)

    @property
    def n_rounds(self) -> int:
        """Rounds completed so far."""
        return self._rounds

    @property
    def x(self) -> Array:
        """Where samples were told, increasing."""
        return self._x.copy()

    @property
    def y(self) -> Array:
        """The samples told, in the order of `x`."""
        return self._y.reshape(self._x.size, *(self._trailing or ())).copy()

    def ask(self, n: int | None = None) -> Array:
        """Points at which values are wanted and that were not handed out before.

        Parameters
        ----------
        n : int, optional
            At most so many; by default all of this round.

        Returns
        -------
        ndarray, shape (m,)
            Increasing. Empty when sampling is done, or all points of the round are out and their values awaited.
        """
        free = np.flatnonzero(~self._asked & ~self._known)
        if n is not None:
            free = free[: _validate.integer(n, "n", low=1)]
        self._asked[free] = True
        return self._points[free].copy()

    def forget_asked(self) -> None:
        """Hand out again all points of this round whose values were not told, say after a crash of a worker."""
        self._asked[:] = False

    def tell(self, x: npt.ArrayLike, y: npt.ArrayLike) -> None:
        """Take samples, in any order and in parts; points that were not asked for are used as well.

        Parameters
        ----------
        x : array_like, shape (m,)
            Points in [a, b].
        y : array_like, shape (m,) or (m, ...)
            The values there. NaN and infinity are values, too: the spline will avoid them.

        Raises
        ------
        TypeError, ValueError
            If shapes do not fit, or a point lies outside; nothing is taken then.
        """
        points = np.array(_validate.real_array(x, "x", ndim=(0, 1), dtype=np.float64, finite=False)).reshape(-1)
        values = self._shaped(y, points.size)
        if points.size == 0:
            return
        if not (points.min() >= self._maps.a and points.max() <= self._maps.b):
            raise ValueError(f"x holds points outside [{self._maps.a}, {self._maps.b}]")
        self._trailing = self._trailing_of(y)
        self._store(points, values)
        if self._values is None:
            self._values = np.full((self._points.size, values.shape[1]), np.nan)
        at = np.clip(np.searchsorted(self._points, points), 0, max(self._points.size - 1, 0))
        if self._points.size:
            hit = self._points[at] == points
            self._values[at[hit]] = values[hit]
            self._known[at[hit]] = True
        if self._known.all() and not self.done:
            self._advance()

    def _trailing_of(self, y: npt.ArrayLike) -> tuple[int, ...]:
        return tuple(np.shape(y)[1:])

    def _shaped(self, y: npt.ArrayLike, count: int) -> Array:
        values = _validate.real_array(y, "y", dtype=np.float64, finite=False)
        if values.ndim == 0:
            values = values.reshape(1)
        if values.shape[0] != count:
            raise ValueError(f"y has shape {values.shape} for {count} points, expected ({count},) or ({count}, ...)")
        trailing = values.shape[1:]
        if self._trailing is not None and trailing != self._trailing:
            raise ValueError(f"y has values of shape {trailing} after values of shape {self._trailing}")
        if self._atol is not None:
            try:
                np.broadcast_to(self._atol, trailing)
            except ValueError:
                raise ValueError(f"atol has shape {self._atol.shape}, expected () or {trailing}") from None
        return np.array(values.reshape(count, int(np.prod(trailing))))

    def _store(self, x: Array, y: Array) -> None:
        if self._x.size == 0:
            self._y = np.empty((0, y.shape[1]))
        x, first = np.unique(x, return_index=True)
        y = y[first]
        new = ~np.isin(x, self._x, assume_unique=True)
        at = np.searchsorted(self._x, x[new])
        self._x = np.insert(self._x, at, x[new])
        self._y = np.insert(self._y, at, y[new], axis=0)

    # -- rounds -----------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Give the completed round to the engine and prepare the next one."""
        values = self._values
        assert values is not None
        self._rounds += 1
        if self._engine is None:
            self._begin()
            assert self._engine is not None
        else:
            self._extras()
            self._engine.feed(self._maps.to_v(values))
        self._next_round()

    def _extras(self) -> None:
        """Samples that nobody asked for become knots of the method that takes any."""
        if isinstance(self._engine, Refinement):
            u = self._maps.to_u(self._x)
            self._engine.insert(u, self._maps.to_v(self._y), keep=self._engine.pending)

    def _begin(self) -> None:
        x, y = self._x, self._y
        if not np.isfinite(y).all(axis=1).any():
            raise ValueError(f"f is not finite at any of the first {x.size} samples, expected some finite values")
        atol = self._atol
        if atol is not None:
            atol = np.broadcast_to(atol, self._trailing or ()).reshape(y.shape[1])
        tx, ty = self._maps.x, self._maps.y
        if any(self._auto):
            tx, ty = _choose.transforms(self._maps, x, y, Tolerance(self._rtol, atol), self._auto)
            self._maps = self._maps._replace(x=tx, y=ty)
        self._maps = self._maps.scaled_for(y)
        tolerance = Tolerance(self._rtol, None if atol is None else atol * self._maps.scale_y, ty)
        u, v = self._maps.to_u(x), self._maps.to_v(y)
        if self._method == "autoknots":
            engine: Refinement | AutoKnots = AutoKnots(u, tolerance, self._max_evals, self._refine, self._refine_ns)
        else:
            breaks = self._maps.to_u(self._breaks)
            engine = Refinement(u, self._degree, tolerance, self._max_evals, self._rng, breaks)
        engine.feed(v)
        self._engine = engine

    def _next_round(self) -> None:
        engine = self._engine
        assert engine is not None
        u = engine.pending
        if u.size:
            # The point that is sampled is the truth; its coordinate follows.
            x = np.unique(self._maps.to_x(u))
            known = np.isin(x, self._x)
            self._points = x
            if not self._maps.x.trivial or self._maps.scale_x != 1:
                engine.pending = self._maps.to_u(x)
            self._values = np.full((x.size, self._y.shape[1]), np.nan)
            self._known = known
            if known.any():
                self._values[known] = self._y[np.searchsorted(self._x, x[known])]
        else:
            self._points, self._values, self._known = np.empty(0), np.empty((0, self._y.shape[1])), np.zeros(0, bool)
        self._asked = np.zeros(self._points.size, bool)
        if self._points.size and self._known.all():
            self._advance()

    # -- results ----------------------------------------------------------------------------------------------------

    def result(self) -> AdaptiveSpline:
        """The spline through the samples so far, whether sampling is done or not.

        Returns
        -------
        AdaptiveSpline
            With ``status`` "running" if it is not.

        Raises
        ------
        RuntimeError
            Before the first round is complete.
        """
        if self._engine is None:
            missing = int((~self._known).sum())
            raise RuntimeError(f"there is no spline before the first round: {missing} of its values are missing")
        return make_result(self)

    def refined(
        self, *, rtol: float | None = None, atol: float | npt.ArrayLike | None = None, max_evals: int | None = None
    ) -> Sampler:
        """A new Sampler with another tolerance that begins with all samples of this one.

        Parameters
        ----------
        rtol, atol, max_evals
            What to change.

        Returns
        -------
        Sampler
            This one stays as it is.
        """
        if self._engine is None:
            raise RuntimeError("the first round is not complete")
        new = copy.deepcopy(self)
        if rtol is not None or atol is not None:
            keep = self._atol if atol is None else atol
            new._rtol, new._atol = _tolerances(self._rtol if rtol is None else rtol, keep)
        if max_evals is not None:
            new._max_evals = _validate.integer(max_evals, "max_evals", low=4)
        fixed = new._atol
        if fixed is not None:
            fixed = np.broadcast_to(fixed, self._trailing or ()).reshape(self._y.shape[1])
        engine = new._engine
        assert engine is not None
        engine.tolerance = Tolerance(new._rtol, None if fixed is None else fixed * new._maps.scale_y, new._maps.y)
        engine.max_evals = new._max_evals
        u, v = new._maps.to_u(new._x), new._maps.to_v(new._y)
        engine.restart(u, v)
        new._next_round()
        return new


def _tolerances(rtol: object, atol: object) -> tuple[float, Array | None]:
    relative = _validate.scalar(rtol, "rtol", low=0.0)
    fixed = None if atol is None else np.array(_validate.real_array(atol, "atol", dtype=np.float64))
    if fixed is not None and (fixed < 0).any():
        raise ValueError(f"atol must be at least 0, not {fixed.min()}")
    if relative == 0 and (fixed is None or not (fixed > 0).all()):
        raise ValueError("rtol=0 needs a positive atol")
    return relative, fixed


def _degree(k: object, method: str) -> int | None:
    if isinstance(k, str):
        _validate.choice(k, "k", ("auto",))
        return None
    degree = _validate.integer(k, "k")
    allowed = (3,) if method == "autoknots" else (3, 5, 7)
    if degree not in allowed:
        raise ValueError(
            f"k must be 'auto' or one of {', '.join(map(str, allowed))} for method={method!r}, not {degree}"
        )
    return degree


def _range(a: object, b: object, tx: Transform | None) -> tuple[float, float]:
    low, high = _validate.scalar(a, "a", finite=False), _validate.scalar(b, "b", finite=False)
    if not low < high:
        raise ValueError(f"a must be below b, not a={low}, b={high}")
    if np.isinf([low, high]).any() and (tx is None or tx.name != "pair"):
        raise ValueError(
            f"a={low}, b={high}: an infinite end needs a transform_x (forward, inverse) that maps it to a finite one"
        )
    if tx is not None and not tx.trivial:
        maps = Maps(tx, IDENTITY, low, high)
        u = maps.to_u(np.array([low, high]))
        if not (np.isfinite(u).all() and u[0] < u[1]):
            raise ValueError(
                f"transform_x maps a={low}, b={high} to {u[0]}, {u[1]}, expected finite increasing numbers"
            )
    elif not np.isfinite(high - low):
        raise ValueError(f"the distance of a={low} and b={high} overflows")
    return low, high
