"""Approximation of a function from few of its values: weighted least squares at points that suit the basis."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg as sla

from kriss import _validate
from kriss._validate import RngLike
from kriss.sketch._dpp import Ahead, projection_dpp
from kriss.sketch._polynomials import PolynomialBasis

Array = npt.NDArray[np.float64]
METHODS = ("repeated-dpp", "iid", "volume")


@dataclass(frozen=True)
class LeastSquaresApproximation:
    """A function in a linear space, fitted to values at random points; call it to evaluate it.

    Attributes
    ----------
    coefficients : ndarray, shape (k,) or (k, q)
        In the basis.
    basis : PolynomialBasis or callable
        As given.
    points : ndarray, shape (N, d)
        Where the function was evaluated.
    values : ndarray, shape (N,) or (N, q)
        Of the function there.
    weights : ndarray, shape (N,)
        Reciprocals of the points' density with respect to the measure.
    method : str
        As given.
    distortion : float
        ``norm(G - I, 2)``, G the weighted Gram matrix of the basis at the points.
    tries : int
        Samples that were drawn until the distortion was at most delta.
    status : str
        ``"stable"``, or ``"unstable"`` if no sample was; then it is the best one that was met, and the shortest of the
        coefficient vectors that fit it if it does not determine them.
    error : float or ndarray, shape (q,)
        Estimate of the distance to the function, in the mean square over the measure, from the residuals.
    """

    coefficients: Array
    basis: Any
    points: Array
    values: Array
    weights: Array
    method: str
    distortion: float
    tries: int
    status: str
    error: Any

    def __call__(self, x: object) -> Array:
        """Values at points x, (N, d)."""
        return np.asarray(self.basis(x) @ self.coefficients)

    def plot(self, ax: Any = None) -> Any:
        """The points, as discs whose areas are their weights, over the approximation in one or two dimensions.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
            With the plot.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are more than two variables, or several functions.
        """
        d = self.points.shape[1]
        if d > 2 or self.values.ndim > 1:
            raise ValueError(f"points has shape {self.points.shape}, values {self.values.shape}: expected 1 or 2 "
                             f"variables and one function")  # fmt: skip
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots()
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        area = np.maximum(80.0 * self.weights / self.weights.max(), 4.0)
        if d == 1:
            x = np.linspace(low[0], high[0], 500)
            ax.plot(x, self(x), color="0.4", lw=1)
            ax.scatter(self.points[:, 0], self.values, s=area, color="C0", alpha=0.6)
        else:
            x, y = (np.linspace(low[i], high[i], 80) for i in range(2))
            grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
            ax.contourf(x, y, self(grid).reshape(80, 80), levels=20, cmap="Greys", alpha=0.6)
            ax.scatter(*self.points.T, s=area, color="C0", alpha=0.8)
        ax.set_title(f"{len(self.points)} points, {self.method}")
        return ax


def optimal_least_squares(
    f: Callable[[Array], npt.ArrayLike],
    basis: PolynomialBasis | Callable[[Array], npt.ArrayLike],
    measure: npt.ArrayLike | None = None,
    *,
    n_samples: int | None = None,
    method: str = "repeated-dpp",
    delta: float = 0.5,
    eta: float = 0.5,
    maxtries: int = 100,
    rng: RngLike = None,
    progress: bool = False,
) -> LeastSquaresApproximation:
    """Approximate a function in a linear space by weighted least squares at optimally distributed random points.

    Parameters
    ----------
    f : callable
        From points, shape (N, d), to values, (N,) or (N, q). Called once, after the points have passed the test.
    basis : PolynomialBasis or callable
        A callable turns points (N, d) into the values of k functions, (N, k); it needs `measure`.
    measure : array_like, shape (M, d), optional
        Points that stand for the measure with equal weights, among which those of the sample are chosen. By default the
        measure that the polynomials are orthonormal in.
    n_samples : int, optional
        N, at least k. Default: ``ceil(k * log(2 k / eta) / c)`` with c = (1 + delta) log(1 + delta) - delta, which
        makes a sample of independent points stable with probability 1 - eta; for ``"repeated-dpp"`` 4 k, and k more
        after each try that was not stable, up to that number.
    method : {"repeated-dpp", "iid", "volume"}
        ``"iid"``: independent points of the density sum(basis**2)/k. ``"volume"``: k points of the projection
        determinantal process of the space, N - k independent ones: the coefficients are unbiased. ``"repeated-dpp"``:
        independent samples of k points of the process (the last one thinned if N is no multiple of k): stable with
        several times fewer points.
    delta : float
        A sample is drawn again until ``norm(G - I, 2) <= delta``; below 1.
    eta : float
        See `n_samples`; below 1.
    maxtries : int
        Most samples that are drawn.
    rng : int, SeedSequence, Generator or None
        Decides the points.
    progress : bool
        Show a bar over the tries.

    Returns
    -------
    LeastSquaresApproximation
        Frozen dataclass: coefficients, basis, points, values, weights, method, distortion, tries, status, error;
        call it to evaluate.

    Raises
    ------
    TypeError
        If f or basis is not callable, or numbers are not real.
    ValueError
        If n_samples is below k, delta or eta is not between 0 and 1, the functions are linearly dependent on the points
        of the measure, or f returns NaN, infinity or a wrong shape.

    Notes
    -----
    With L2-orthonormal φ and w = k / sum(φ**2), the approximation minimises the sum of w (f - v)**2 over the points.
    On stable samples its squared error exceeds that of the best approximation by a factor of at most
    1 + k / (N (1 - delta)**2 (1 - eta)) in the mean. Cost: a determinantal sample takes O(k³ log k), a try N k² more.
    Where no sample is stable, `status` says so and the best one is used.

    References
    ----------
    A. Cohen, G. Migliorati, *Optimal weighted least-squares methods*, SMAI J. Comput. Math. 3 (2017), theorem 2.
    A. Nouy, B. Michel, *Weighted least-squares approximation with determinantal point processes and generalized volume
    sampling*, 2023 (arXiv:2312.14057), sections 3 to 5.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import PolynomialBasis, optimal_least_squares
    >>> fit = optimal_least_squares(lambda x: np.exp(x[:, 0]), PolynomialBasis("legendre", 8), rng=0)
    >>> len(fit.points), fit.status, bool(abs(fit([[0.3]])[0] - np.exp(0.3)) < 1e-7)
    (45, 'stable', True)
    """
    method = _validate.choice(method, "method", METHODS)
    delta, eta = (_validate.scalar(v, name, low=0.0, strict=True) for v, name in ((delta, "delta"), (eta, "eta")))
    for value, name in ((delta, "delta"), (eta, "eta")):
        if not value < 1.0:
            raise ValueError(f"{name} must be below 1, not {value}")
    maxtries = _validate.integer(maxtries, "maxtries", low=1)
    if not callable(f) or not callable(basis):
        raise TypeError(f"{'basis' if callable(f) else 'f'} is not callable")
    gen = _validate.generator(rng)
    space = _Space(basis, measure, gen)
    k = space.k
    most = default_samples(k, delta, eta)
    count = most if n_samples is None else _validate.integer(n_samples, "n_samples", low=k)
    if method == "repeated-dpp" and n_samples is None:
        count = min(4 * k, most)
    best, tries = _draw(space, count, most if n_samples is None else count, method, delta, maxtries, progress)
    points, phi, weights, distortion = best
    count = len(points)
    values = _values(f, points)
    root = np.sqrt(weights / count)
    flat = values.reshape(count, -1)
    inner = _fit(root[:, None] * phi, root[:, None] * flat, distortion)
    rest = root[:, None] * (flat - phi @ inner)
    error = np.sqrt(np.sum(rest**2, axis=0) * (count / (count - k))) if count > k else np.full(flat.shape[1], np.nan)
    coefficients = space.turned(inner).reshape(k, *values.shape[1:])
    status = "stable" if distortion <= delta else "unstable"
    return LeastSquaresApproximation(
        coefficients, basis, points, values, weights, method, distortion, tries, status,
        float(error[0]) if values.ndim == 1 else error,
    )  # fmt: skip


def _fit(phi: Array, values: Array, distortion: float) -> Array:
    """Least squares; the shortest solution where the sample may not determine one, as with points that are there twice.

    By QR where the eigenvalues of the Gram matrix, which are within `distortion` of 1, cannot be 0.
    """
    if distortion < 1.0 - 1e-6:
        q, r = np.linalg.qr(phi)
        return np.asarray(sla.solve_triangular(r, q.T @ values, check_finite=False))
    return np.asarray(np.linalg.lstsq(phi, values, rcond=None)[0])


def default_samples(k: int, delta: float, eta: float) -> int:
    """Independent points that are stable with probability 1 - eta."""
    return math.ceil(k * math.log(2.0 * k / eta) / ((1.0 + delta) * math.log1p(delta) - delta))


class _Space:
    """An orthonormal basis of the space, and independent points of its optimal density."""

    def __init__(self, basis: Any, measure: npt.ArrayLike | None, gen: np.random.Generator) -> None:
        self.basis = basis
        self.gen = gen
        self.turn: Array | None = None
        own = np.random.default_rng(int(gen.integers(2**63)))
        self.propose = Ahead(lambda count: self._make(count, own), 512)
        if measure is None:
            if not isinstance(basis, PolynomialBasis):
                raise TypeError(f"measure is None, which needs a PolynomialBasis, not a {type(basis).__name__}")
            self.k = len(basis)
            return
        self.places = np.asarray(_validate.real_array(measure, "measure", ndim=(1, 2), dtype=np.float64))
        self.places = self.places[:, None] if self.places.ndim == 1 else self.places
        values = _validate.real_array(basis(self.places), "basis(measure)", ndim=2, dtype=np.float64)
        m, self.k = values.shape
        if m != len(self.places) or not 1 <= self.k <= m:
            raise ValueError(
                f"basis(measure) has shape {values.shape}, expected ({len(self.places)}, k), no fewer rows than k"
            )
        scale = np.abs(values).max(axis=0)
        scaled = values / np.where(scale > 0, scale, 1.0)
        q, r = np.linalg.qr(scaled)
        s = np.linalg.svd(r, compute_uv=False)
        if not s[-1] > m * np.finfo(np.float64).eps * s[0]:
            rank = int(np.count_nonzero(s > m * np.finfo(np.float64).eps * s[0]))
            raise ValueError(f"basis has rank {rank} on the points of measure, expected {self.k} independent functions")
        self.turn = np.asarray(sla.solve_triangular(r, np.eye(self.k)) * math.sqrt(m) / scale[:, None])
        self.phi = q * math.sqrt(m)
        self.size = np.einsum("ij,ij->i", self.phi, self.phi)
        self.total = np.cumsum(self.size)

    def turned(self, c: Array) -> Array:
        """Coefficients in the caller's basis."""
        return c if self.turn is None else self.turn @ c

    def _make(self, count: int, gen: np.random.Generator) -> tuple[npt.NDArray[Any], Array, Array]:
        """Points, orthonormal functions there, the sum of their squares."""
        if self.turn is None:
            x, size = self.basis.draw(count, gen)
            return x, self.basis(x), size
        which = np.searchsorted(self.total, gen.random(count) * self.total[-1], side="right")
        which = np.minimum(which, len(self.total) - 1)
        return self.places[which], self.phi[which], self.size[which]

    def sample(self, count: int, method: str) -> tuple[Array, Array]:
        """Points and functions there."""
        if method == "iid":
            x, phi, _ = self.propose(count)
            return x, phi
        if method == "volume":
            x, phi = projection_dpp(self.propose, self.k, self.gen)
            more, rest, _ = self.propose(count - self.k)
            return np.concatenate([x, more]), np.concatenate([phi, rest])
        parts = [projection_dpp(self.propose, self.k, self.gen) for _ in range(-(-count // self.k))]
        keep = self.gen.permutation(self.k)[: count - self.k * (len(parts) - 1)]
        parts[-1] = (parts[-1][0][keep], parts[-1][1][keep])
        return np.concatenate([x for x, _ in parts]), np.concatenate([phi for _, phi in parts])


def _draw(
    space: _Space, count: int, most: int, method: str, delta: float, maxtries: int, progress: bool
) -> tuple[tuple[Array, Array, Array, float], int]:
    """The first stable sample, or the best of all; and how many tries it took.

    After a try that is not stable, another determinantal sample is added while there are fewer than `most` points; else
    all are drawn again.
    """
    best: tuple[Array, Array, Array, float] | None = None
    tries: Any = range(1, maxtries + 1)
    if progress:
        from tqdm.auto import tqdm

        tries = tqdm(tries, desc="samples", unit=" tries")
    x, phi = np.empty((0, 0)), np.empty((0, space.k))
    attempt = 0
    for attempt in tries:
        if attempt > 1 and len(x) < most:
            more, rest = space.sample(min(space.k, most - len(x)), method)
            x, phi = np.concatenate([x, more]), np.concatenate([phi, rest])
        else:
            x, phi = space.sample(count if attempt == 1 else len(x), method)
        weights = space.k / np.einsum("ij,ij->i", phi, phi)
        gram = (phi * (weights / len(x))[:, None]).T @ phi
        distortion = float(np.abs(sla.eigvalsh(gram, check_finite=False) - 1.0).max())
        if best is None or distortion < best[3]:
            best = (x, phi, weights, distortion)
        if distortion <= delta:
            break
    assert best is not None
    return best, attempt


def _values(f: Callable[[Array], npt.ArrayLike], points: Array) -> Array:
    out = np.asarray(_validate.real_array(f(points.copy()), "f(x)", ndim=(1, 2), finite=False), dtype=np.float64)
    if len(out) != len(points):
        raise ValueError(f"f(x) has shape {out.shape}, expected ({len(points)},) or ({len(points)}, q)")
    if not np.isfinite(out).all():
        i = int(np.argwhere(~np.isfinite(out))[0][0])
        raise ValueError(f"f(x) contains {out[i]} at x = {points[i].tolist()}, expected finite values")
    return out
