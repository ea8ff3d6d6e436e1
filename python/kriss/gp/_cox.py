"""Gaussian Cox processes: the intensity of a point pattern as a function of a Gaussian process."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg

from kriss import _validate
from kriss.gp._greedy import greedy_variance
from kriss.gp._kernels import Kernel, points
from kriss.gp._predict import test_points
from kriss.gp._progress import bar as _bar
from kriss.gp._results import Prediction

Array = npt.NDArray[Any]

_LINKS = ("exp", "softplus", "square")
_NODES = {1: 200, 2: 48, 3: 16}  # Gauss-Legendre nodes per axis


def _sigmoid(g: Array) -> Array:
    e = np.exp(-np.abs(g))
    return np.where(g >= 0.0, 1.0, e) / (1.0 + e)


class _Link:
    """``rate * kappa(g)`` and what Newton's method needs of it."""

    def __init__(self, name: str, rate: float) -> None:
        self.name, self.rate = name, rate

    def value(self, g: Array) -> Array:
        """The intensity."""
        if self.name == "exp":
            with np.errstate(over="ignore"):
                return self.rate * np.exp(g)
        return self.rate * (np.logaddexp(0.0, g) if self.name == "softplus" else g * g)

    def slopes(self, g: Array) -> tuple[Array, Array]:
        """Its first and second derivative."""
        if self.name == "exp":
            v = self.value(g)
            return v, v
        if self.name == "square":
            return 2.0 * self.rate * g, np.full(g.shape, 2.0 * self.rate)
        s = _sigmoid(g)
        return self.rate * s, self.rate * s * (1.0 - s)

    def logs(self, g: Array) -> tuple[Array, Array, Array]:
        """Its logarithm, and the derivatives of that."""
        if self.name == "exp":
            return g + math.log(self.rate), np.ones_like(g), np.zeros_like(g)
        if self.name == "square":
            with np.errstate(divide="ignore", over="ignore", under="ignore"):
                return math.log(self.rate) + 2.0 * np.log(np.abs(g)), 2.0 / g, -2.0 / (g * g)
        # log of log(1 + e^g): for g << 0 it is g - e^g / 2, with all digits.
        soft, s = np.logaddexp(0.0, g), _sigmoid(g)
        small = g < -30.0
        safe = np.where(small, 1.0, soft)
        ratio = np.where(small, 1.0 - 0.5 * np.exp(np.minimum(g, 0.0)), s / safe)
        log = np.where(small, g, np.log(safe))
        return math.log(self.rate) + log, ratio, ratio * (1.0 - s - ratio)

    def inverse_of_one(self) -> float:
        """g with kappa(g) = 1."""
        return {"exp": 0.0, "softplus": math.log(math.e - 1.0), "square": 1.0}[self.name]


@dataclass(frozen=True)
class CoxProcess:
    """The posterior of a Gaussian Cox process; made by `cox_process`.

    Attributes
    ----------
    events : ndarray, shape (n, d)
        The points seen.
    window : ndarray, shape (d, 2)
        Where they were looked for.
    kernel : Kernel
        Covariance function of the latent function g.
    link : {"exp", "softplus", "square"}
        What makes an intensity of it.
    rate : float
        The intensity where the link is 1.
    mean : float
        Prior mean of g.
    rank : int
        Features in use.
    unexplained : float
        Largest prior variance of an event or node that the features leave out, relative to the prior variance.
    log_likelihood : float
        ``sum log intensity(t_i) - integral of the intensity`` at the mode.
    log_evidence : float
        Laplace's approximation of the log marginal likelihood: compare kernels by it.
    expected_count : float
        Integral of the intensity over the window at the mode.
    iterations : int
        Newton steps.
    converged : bool
        Whether the gradient met `rtol`.
    gradient_norm : float
        Norm of the gradient of the log posterior in the weights of the features, relative to its parts.
    """

    events: Array
    window: Array
    kernel: Kernel
    link: str
    rate: float
    mean: float
    rank: int
    unexplained: float
    log_likelihood: float
    log_evidence: float
    expected_count: float
    iterations: int
    converged: bool
    gradient_norm: float
    _inducing: Array = field(repr=False, compare=False)
    _lower: Array = field(repr=False, compare=False)
    _weights: Array = field(repr=False, compare=False)
    _precision: Array = field(repr=False, compare=False)  # Cholesky factor of A, lower

    def _features(self, x: Array) -> Array:
        """(s, r)."""
        out: Array = scipy.linalg.solve_triangular(self._lower, self.kernel(self._inducing, x), lower=True).T
        return out

    def predict(self, X: npt.ArrayLike, *, return_std: bool = False, return_cov: bool = False) -> Prediction:
        """The posterior of the latent function g.

        Parameters
        ----------
        X : array_like, shape (s, d)
            Where.
        return_std : bool, default False
            Also the standard deviation at each point.
        return_cov : bool, default False
            Also the covariance matrix, s**2 doubles.

        Returns
        -------
        Prediction
            ``mean`` (the mode), and ``std`` and ``cov`` of Laplace's approximation where asked for; the prior
            variance that the features leave out is in both.
        """
        x = test_points(X, self.events.shape[1], True)
        phi = self._features(x)
        mean = self.mean + phi @ self._weights
        std = cov = None
        if return_std or return_cov:
            half = scipy.linalg.solve_triangular(self._precision, phi.T, lower=True)
            if return_std:
                left = np.maximum(np.asarray(self.kernel.diag(x)) - np.einsum("ij,ij->i", phi, phi), 0.0)
                std = np.sqrt(left + np.einsum("ij,ij->j", half, half))
            if return_cov:
                cov = self.kernel(x) - phi @ phi.T + half.T @ half
        return Prediction(mean, std, cov)

    def intensity(self, X: npt.ArrayLike, *, level: float = 0.95) -> tuple[Array, Array, Array]:
        """The intensity at the mode, and a credible interval.

        Parameters
        ----------
        X : array_like, shape (s, d)
            Where.
        level : float, default 0.95
            Probability of the interval, pointwise.

        Returns
        -------
        mode, lower, upper : ndarray, shape (s,)
            Events per unit of volume: the link of g and of the ends of its interval.
        """
        from scipy.special import ndtri

        part = _validate.scalar(level, "level", low=0.0)
        if not part < 1.0:
            raise ValueError(f"level must be below 1, not {part}")
        p = self.predict(X, return_std=True)
        assert p.std is not None
        link = _Link(self.link, self.rate)
        low, high = p.mean - ndtri(0.5 + 0.5 * part) * p.std, p.mean + ndtri(0.5 + 0.5 * part) * p.std
        ends = link.value(low), link.value(high)
        lower, upper = np.minimum(*ends), np.maximum(*ends)
        if self.link == "square":
            lower = np.where((low < 0.0) & (high > 0.0), 0.0, lower)
        return link.value(p.mean), lower, upper

    def plot(self, ax: Any = None, *, count: int = 400, level: float = 0.95) -> Any:
        """Draw the intensity over the events: a line with its interval, or a map.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; new axes by default.
        count : int, default 400
            Points of the line, or squared of the map.
        level : float, default 0.95
            Of the interval.

        Returns
        -------
        matplotlib.axes.Axes
            With the picture.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotImplementedError
            In more than two dimensions.
        """
        d = self.events.shape[1]
        if d > 2:
            raise NotImplementedError(f"plot draws one or two dimensions, not {d}")
        try:
            import matplotlib.pyplot as plt
        except ImportError as exc:
            raise ImportError("plot needs matplotlib: pip install kriss[plot]") from exc
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        if d == 1:
            x = np.linspace(self.window[0, 0], self.window[0, 1], count)
            mode, lower, upper = self.intensity(x[:, None], level=level)
            ax.fill_between(x, lower, upper, alpha=0.3, lw=0)
            ax.plot(x, mode)
            ax.plot(self.events[:, 0], np.zeros(len(self.events)), "k|", ms=8, alpha=0.4)
            ax.set_ylabel("intensity")
        else:
            side = max(2, math.isqrt(count * count // 16))
            x, y = (np.linspace(w[0], w[1], side) for w in self.window)
            grid = np.stack([m.ravel() for m in np.meshgrid(x, y, indexing="ij")], axis=1)
            image = self.intensity(grid, level=level)[0].reshape(side, side)
            shown = ax.imshow(image.T, origin="lower", extent=self.window.ravel(), aspect="auto")
            ax.figure.colorbar(shown, ax=ax, label="intensity")
            ax.plot(*self.events.T, "w.", ms=1, alpha=0.5)
        return ax


def _nodes(window: Array, per_axis: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights in a box."""
    x, w = np.polynomial.legendre.leggauss(per_axis)
    places = [low + 0.5 * (high - low) * (x + 1.0) for low, high in window]
    sizes = [0.5 * (high - low) * w for low, high in window]
    d = len(window)
    at = np.stack([m.ravel() for m in np.meshgrid(*places, indexing="ij")], axis=1)
    weights = math.prod(s.reshape([-1 if q == r else 1 for r in range(d)]) for q, s in enumerate(sizes))
    return at, np.asarray(weights).ravel()


def _checked(events: npt.ArrayLike, window: Sequence[tuple[float, float]]) -> tuple[Array, Array]:
    box = _validate.real_array(window, "window", ndim=(1, 2), single=False)
    box = (box[None, :] if box.ndim == 1 else box).copy()  # made read-only below, which is not for the caller's array
    if box.shape[1] != 2 or not 1 <= box.shape[0] <= 3:
        raise ValueError(f"window has shape {box.shape}, expected (low, high) for each of one to three dimensions")
    for q, (low, high) in enumerate(box):
        if not low < high:
            raise ValueError(f"window[{q}] is ({low:g}, {high:g}), expected low below high")
    x = _validate.real_array(events, "events", ndim=(1, 2), single=False)
    x = (x[:, None] if x.ndim == 1 else x).copy()
    if x.shape[1] != box.shape[0]:
        raise ValueError(f"events has {x.shape[1]} columns, expected {box.shape[0]} as window has dimensions")
    if x.shape[0] == 0:
        raise ValueError("events is empty, expected at least one event")
    outside = ~((x >= box[:, 0]) & (x <= box[:, 1])).all(axis=1)
    if outside.any():
        i = int(np.argmax(outside))
        raise ValueError(
            f"events[{i}] is {x[i].tolist()}, outside the window {box.tolist()}; {outside.sum()} of them are"
        )
    for array in (x, box):
        array.flags.writeable = False
    return x, box


def cox_process(
    events: npt.ArrayLike,
    window: Sequence[tuple[float, float]],
    kernel: Kernel,
    *,
    link: str = "exp",
    rate: float | None = None,
    mean: float | None = None,
    nodes: int | None = None,
    rank: int = 500,
    tol: float = 1e-12,
    rtol: float = 1e-10,
    maxiter: int = 100,
    progress: bool = False,
    workers: int | None = None,
) -> CoxProcess:
    """The intensity of a point pattern, ``rate * kappa(g)`` with g a Gaussian process: mode and Laplace covariance.

    Parameters
    ----------
    events : array_like, shape (n, d) or (n,)
        Points seen, all of them within the window; repeated ones count as often as they occur.
    window : sequence of (low, high), one per dimension
        The box that was observed, of one to three dimensions.
    kernel : Kernel
        Covariance function of g.
    link : {"exp", "softplus", "square"}, default "exp"
        kappa: ``exp(g)`` (the log-Gaussian Cox process), ``log(1 + exp(g))`` or ``g**2`` (the permanental process).
    rate : float, optional
        The number of events per unit of volume by default.
    mean : float, optional
        Prior mean of g; by default where kappa is 1.
    nodes : int, optional
        Gauss-Legendre nodes per axis for the integral of the intensity: 200, 48 or 16 in one to three dimensions.
    rank : int, default 500
        Features at most.
    tol : float, default 1e-12
        Features are added until the prior variance left at events and nodes is less than this part of it.
    rtol : float, default 1e-10
        Newton's method ends at a gradient of this size, relative to its parts.
    maxiter : int, default 100
        Newton steps, at most.
    progress : bool, default False
        Show a progress bar of them.
    workers : int, optional
        Threads that evaluate the kernel.

    Returns
    -------
    CoxProcess
        With `predict`, `intensity` and `plot`.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, or is not finite; if an event lies outside the window.

    See Also
    --------
    greedy_variance : the features: rows of the pivoted Cholesky factor over events and nodes.

    Notes
    -----
    With features phi(t), g = mean + phi(t)'w and w standard normal, the log posterior is
    ``sum_i log k(g(t_i)) - sum_c omega_c k(g(u_c)) - w'w / 2`` for nodes u and weights omega; its negative Hessian
    at the mode is the precision of Laplace's approximation. Nystroem's approximation is the only one: with m nodes
    and r features ``2 (n + m) r**2`` flops per Newton step, ``(n + m) r`` doubles. `unexplained` says what it leaves
    out. "exp" and "softplus" are concave, so that the mode is the only one; of "square" it is one of two of opposite
    sign or, where g may change sign, one of several: the steps keep the signs of g at the events.

    References
    ----------
    Z. Mei, M. Imani, T. Lan, "Bayesian Optimization through Gaussian Cox Process Models for Spatio-temporal Data",
    2024, arXiv 2401.14544, section 4: maximum a posteriori, Laplace covariance and Nystroem's approximation. S.
    Flaxman, Y. W. Teh, D. Sejdinovic, "Poisson Intensity Estimation with Reproducing Kernels", AISTATS 2017, arXiv
    1610.08623: the square link.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import RBF, cox_process
    >>> events = np.random.default_rng(0).beta(2.0, 2.0, 500)
    >>> c = cox_process(events, [(0.0, 1.0)], RBF(0.3))
    >>> c.converged, bool(abs(c.expected_count - 500) < 10)
    (True, True)
    >>> mode, lower, upper = c.intensity([[0.5]])
    >>> bool(lower[0] < 500 * 1.5 < upper[0])
    True
    """
    if not isinstance(kernel, Kernel):
        raise TypeError(f"kernel must be a kriss.gp kernel, not {type(kernel).__name__}")
    x, box = _checked(events, window)
    n, d = x.shape
    name = _validate.choice(link, "link", _LINKS)
    volume = float(np.prod(box[:, 1] - box[:, 0]))
    level = n / volume if rate is None else _validate.scalar(rate, "rate", low=0.0, strict=True)
    curve = _Link(name, level)
    centre = curve.inverse_of_one() if mean is None else _validate.scalar(mean, "mean")
    per_axis = _NODES[d] if nodes is None else _validate.integer(nodes, "nodes", low=2)
    count = _validate.integer(rank, "rank", low=1)
    part = _validate.scalar(tol, "tol", low=0.0)
    tolerance = _validate.scalar(rtol, "rtol", low=0.0)
    steps = _validate.integer(maxiter, "maxiter", low=1)

    u, omega = _nodes(box, per_axis)
    z = points(np.concatenate([x, u]))
    chosen = greedy_variance(kernel, z, min(count, z.shape[0]), tol=part, workers=workers)
    phi = np.ascontiguousarray(chosen.rows.T)
    mode = _Mode(curve, phi[:n], phi[n:], omega, centre)
    with _bar(progress, "cox_process", steps) as seen:
        w, iterations, off, converged = mode.find(tolerance, steps, seen)
    value, precision = mode.value(w), mode.precision(w)
    return CoxProcess(
        events=x,
        window=box,
        kernel=kernel,
        link=name,
        rate=level,
        mean=centre,
        rank=w.size,
        unexplained=float(chosen.variance.max() / kernel.scale(z)),
        log_likelihood=value + 0.5 * float(w @ w),
        log_evidence=value - float(np.log(precision.diagonal()).sum()),
        expected_count=float(omega @ curve.value(mode.at_nodes(w))),
        iterations=iterations,
        converged=converged,
        gradient_norm=off,
        _inducing=z[chosen.indices],
        _lower=np.tril(chosen.rows[:, chosen.indices].T),
        _weights=w,
        _precision=precision,
    )


class _Mode:
    """The log posterior of the weights, and Newton's method on it."""

    def __init__(self, link: _Link, at_events: Array, at_nodes: Array, omega: Array, mean: float) -> None:
        self.link, self.mean, self.omega = link, mean, omega
        self.t, self.u = at_events, at_nodes

    def at_nodes(self, w: Array) -> Array:
        """g at the nodes."""
        out: Array = self.mean + self.u @ w
        return out

    def value(self, w: Array) -> float:
        """The log posterior, but for the constant of the prior; -inf where it leaves the range of numbers."""
        log, _, _ = self.link.logs(self.mean + self.t @ w)
        out = float(log.sum()) - float(self.omega @ self.link.value(self.at_nodes(w))) - 0.5 * float(w @ w)
        return out if math.isfinite(out) else -math.inf

    def _slopes(self, w: Array) -> tuple[Array, tuple[Array, Array, Array]]:
        """g at the events; the gradient is the first part less the others. Not finite at starts that are refused."""
        g = self.mean + self.t @ w
        with np.errstate(over="ignore", invalid="ignore"):
            _, first, _ = self.link.logs(g)
            slope, _ = self.link.slopes(self.at_nodes(w))
            return g, (self.t.T @ first, self.u.T @ (self.omega * slope), w)

    def _hessian(self, w: Array) -> Array:
        """A = I - t' diag(log'') t + u' diag(omega kappa'') u: 2 (n + m) r**2 flops."""
        with np.errstate(over="ignore", invalid="ignore"):
            _, _, curvature = self.link.logs(self.mean + self.t @ w)
            _, second = self.link.slopes(self.at_nodes(w))
            a: Array = (self.t * -curvature[:, None]).T @ self.t + (self.u * (self.omega * second)[:, None]).T @ self.u
        a[np.diag_indices(w.size)] += 1.0
        return a

    def precision(self, w: Array) -> Array:
        """The Cholesky factor of A."""
        out: Array = scipy.linalg.cholesky(self._hessian(w), lower=True)
        return out

    def _start(self) -> Array:
        """Zero; where the intensity is zero there, what is nearest to a constant intensity."""
        w = np.zeros(self.t.shape[1])
        if self.link.name == "square" and self.mean == 0.0:
            both = np.concatenate([self.t, self.u])
            a = both.T @ both
            a[np.diag_indices(w.size)] += 1e-10 * max(float(a.diagonal().max(initial=0.0)), 1.0)
            w = scipy.linalg.solve(a, both.sum(axis=0), assume_a="pos")
        return w

    def _no_start(self, w: Array) -> ValueError:
        """What to say where the log posterior is not finite at the start."""
        link, g = self.link.name, self.mean + self.t @ w
        if link == "square" and self.mean == 0.0:
            i = int(np.argmin(np.abs(g)))
            return ValueError(
                f"mean is 0 and the {w.size} features, of which rank says how many there are at most, leave the "
                f"intensity at events[{i}] at {float(self.link.value(g[[i]])[0]):.3g}, expected above 0: raise rank "
                "or give another mean"
            )
        return ValueError(
            f"mean is {self.mean:g}, where the log posterior of link={link!r} is not finite, expected a mean of which "
            "the intensity and its integral are finite numbers above 0"
        )

    def find(self, rtol: float, maxiter: int, seen: Callable[[float], None]) -> tuple[Array, int, float, bool]:
        """Damped Newton steps: weights, how many, relative norm of the gradient, whether it met `rtol`."""
        w = self._start()
        value = self.value(w)
        for k in range(maxiter + 1):
            g, parts = self._slopes(w)
            size = sum(float(np.linalg.norm(p)) for p in parts)
            if k == 0 and not (math.isfinite(value) and math.isfinite(size)):
                raise self._no_start(w)
            gradient = parts[0] - parts[1] - parts[2]
            off = float(np.linalg.norm(gradient)) / size if size else 0.0
            seen(off)
            if off <= rtol or k == maxiter:
                break
            a = self._hessian(w)
            if k == 0 and not np.isfinite(a).all():
                raise self._no_start(w)
            step = scipy.linalg.solve(a, gradient, assume_a="pos")
            move, length = self.t @ step, 1.0
            if self.link.name == "square":
                # Stay on this side of the pole of log g**2.
                towards = move * g < 0.0
                if towards.any():
                    length = min(1.0, 0.99 * float(np.min(-g[towards] / move[towards])))
            slack = 1e-14 * abs(value) if math.isfinite(value) else 0.0
            while not (now := self.value(w + length * step)) >= value - slack and length > 1e-10:
                length *= 0.5
            if not now >= value - slack:
                break
            w, value = w + length * step, now
        return w, k, off, off <= rtol
