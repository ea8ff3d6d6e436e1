"""Acquisitions that look one step ahead: the knowledge gradient and the entropy of the minimum."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from kriss import _validate
from kriss.gp import _normal
from kriss.gp._acquire import Acquisition
from kriss.gp._base import points

Array = npt.NDArray[Any]

_BLOCK = 1 << 21  # entries of the arrays over pairs of lines that are formed at once


def expected_maximum(a: Array, b: Array) -> tuple[Array, Array, Array]:
    """E max_i (a_i + b_i Z) - max_i a_i for rows of lines, Z standard normal; derivatives of the mean in a and b.

    a, b: (m, k).  The sum of (b_i - b_before) h(-|c_i|) over the lines that are somewhere the largest, c_i being where
    line i overtakes the one before it, has no cancellation: Frazier, Powell and Dayanik (2009), equation (14).
    """
    m, k = a.shape
    value, in_a, in_b = np.empty(m), np.empty((m, k)), np.empty((m, k))
    step = max(1, _BLOCK // max(k * k, 1))
    for start in range(0, m, step):
        at = slice(start, start + step)
        order = np.argsort(b[at], axis=1, kind="stable")
        up = np.take_along_axis(a[at], order, axis=1)
        slope = np.take_along_axis(b[at], order, axis=1)
        lo, hi, alive = _intervals(up, slope)
        last = np.maximum.accumulate(np.where(alive, np.arange(k), -1), axis=1)
        before = np.concatenate([np.full((last.shape[0], 1), -1), last[:, :-1]], axis=1)
        two = alive & (before >= 0)
        before = np.maximum(before, 0)
        rise = np.where(two, slope - np.take_along_axis(slope, before, axis=1), 1.0)
        with np.errstate(over="ignore"):
            cross = (np.take_along_axis(up, before, axis=1) - up) / rise
        value[at] = np.where(two, rise * _normal.improvement(-np.abs(cross)), 0.0).sum(axis=1)
        np.put_along_axis(in_a[at], order, special.ndtr(hi) - special.ndtr(lo), axis=1)
        np.put_along_axis(in_b[at], order, _normal.density(lo) - _normal.density(hi), axis=1)
    return value, in_a, in_b


def _intervals(a: Array, b: Array) -> tuple[Array, Array, Array]:
    """Where each line (m, k), by increasing slope, is the largest: from, to, and whether it is anywhere."""
    rise = b[:, :, None] - b[:, None, :]  # of i over j
    lead = a[:, :, None] - a[:, None, :]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        cross = -lead / rise
    lo = np.where(rise > 0.0, cross, -np.inf).max(axis=2)
    hi = np.where(rise < 0.0, cross, np.inf).min(axis=2)
    # Of equal slopes the line above counts, of equal lines the first.
    count = np.arange(a.shape[1])
    later = (count[:, None] > count)[None]
    same = (rise == 0.0) & ((lead < 0.0) | ((lead == 0.0) & later))
    alive = (lo < hi) & ~same.any(axis=2)
    return np.where(alive, lo, 0.0), np.where(alive, hi, 0.0), alive


class KnowledgeGradient(Acquisition):
    """By how much an evaluation is expected to lower the least posterior mean, over x and given candidates.

    Parameters
    ----------
    factor : CovarianceFactor
        The factor at the points that were evaluated.
    y : array_like, shape (n,)
        Their values, of zero prior mean, the smaller the better.
    candidates : array_like, shape (k, d), optional
        Where the minimum of the mean is looked for, besides the new point; the factor's points by default.
    noise : float, optional
        Variance of the noise of the new observation; the mean of the factor's by default.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, or is not finite.

    Notes
    -----
    ``min_i mu_i - E min_i (mu_i + s_i Z)``, s_i being the covariance of f at candidate i and at x over the standard
    deviation of the observation at x, exactly, from the upper envelope of k + 1 lines; never negative. O(n k + k**2)
    flops per point, O(n k d) with its gradient, which follows from the envelope theorem.

    References
    ----------
    P. Frazier, W. Powell, S. Dayanik, "The Knowledge-Gradient Policy for Correlated Normal Beliefs", 2009, algorithm 1.
    W. Scott, P. Frazier, W. Powell, "The Correlated Knowledge Gradient for Simulation Optimization of Continuous
    Parameters using Gaussian Process Regression", 2011, section 5.

    Examples
    --------
    >>> from kriss.gp import RBF, factor
    >>> from kriss.gp.acquisition import KnowledgeGradient
    >>> f = factor(RBF(), [[0.0], [2.0]], 0.01)
    >>> KnowledgeGradient(f, [0.0, 1.0])([[-1.0], [0.0], [1.0]]).round(3)
    array([0.349, 0.   , 0.057])
    """

    def __init__(
        self, factor: Any, y: npt.ArrayLike, candidates: npt.ArrayLike | None = None, noise: float | None = None
    ) -> None:
        super().__init__(factor, y)
        if noise is None:
            noise = float(np.mean(factor.noise)) if self.y.size else 0.0
        self.noise = _validate.scalar(noise, "noise", low=0.0)
        chosen = factor.X if candidates is None else points(candidates, "candidates")
        if chosen.shape[1] != factor.X.shape[1]:
            raise ValueError(
                f"candidates has {chosen.shape[1]} columns, expected {factor.X.shape[1]} as the factor has"
            )
        self.candidates = np.array(chosen)
        self._mean = factor.predict(self.candidates, self.y).mean
        self._weights = factor.solve(factor.kernel(factor.X, self.candidates))  # K^-1 k(X, candidates)

    def values(self, X: Array, grad: bool) -> tuple[Array, Array | None]:
        """Values (m,) and derivatives (m, d), or None, at checked points."""
        mean, std, mean_grad, std_grad = self._posterior(X, grad)
        kernel, m = self.factor.kernel, X.shape[0]
        cov = kernel(X, self.candidates) - kernel(X, self.factor.X) @ self._weights  # (m, k)
        total = np.sqrt(std**2 + self.noise)
        alive = total > 0.0
        safe = np.where(alive, total, 1.0)[:, None]
        a = np.column_stack([np.broadcast_to(-self._mean, cov.shape), -mean])
        b = np.where(alive[:, None], np.column_stack([-cov, -(std**2)]) / safe, 0.0)
        gain, in_a, in_b = expected_maximum(a, b)
        # Over the candidates alone there is nothing to beat at x but what is known: the largest a, x among them, or
        # not.
        top = -self._mean.min() if self._mean.size else -np.inf
        value = gain + np.maximum(-mean - top, 0.0) if self._mean.size else gain
        if not grad:
            return value, None
        own = in_a[:, -1] if self._mean.size else in_a[:, -1] - 1.0
        slope = -own[:, None] * mean_grad
        # d b = -d cov / total + cov / total**2 d total, with d total = std d std / total.
        d_total = (std / safe[:, 0])[:, None] * std_grad
        spread = np.einsum("ik,ik->i", in_b, b)[:, None]
        d_cov = np.einsum("ikd,ik->id", kernel.gradient_x(X, self.candidates), in_b[:, :-1])
        weights = in_b[:, :-1] @ self._weights.T  # (m, n)
        d_cov -= np.einsum("ind,in->id", kernel.gradient_x(X, self.factor.X), weights)
        d_cov += in_b[:, -1:] * 2.0 * std[:, None] * std_grad
        slope = slope - np.where(alive[:, None], d_cov / safe + spread * d_total / safe, 0.0)
        return value, slope.reshape(m, -1)


class MaxValueEntropy(Acquisition):
    """What an evaluation tells about the least value of f: max-value entropy search.

    Parameters
    ----------
    factor : CovarianceFactor
        The factor at the points that were evaluated.
    y : array_like, shape (n,)
        Their values, of zero prior mean, the smaller the better.
    candidates : array_like, shape (k, d)
        A cover of the domain from whose posterior the least value is drawn.
    samples : int, default 16
        Draws of the least value, from a Gumbel distribution through its quartiles.
    rng : int, SeedSequence or Generator, optional
        Source of randomness.
    minima : array_like, shape (s,), optional
        Draws of the least value, instead.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, or is not finite.

    Notes
    -----
    The mean over the draws of ``g r / 2 - log Phi(g)``, with g = (mean - draw) / std and r = phi(g) / Phi(g). Quantiles
    of the least value treat the candidates (and the observations) as independent, as the source does, and are found by
    bisection.

    References
    ----------
    Z. Wang, S. Jegelka, "Max-value Entropy Search for Efficient Bayesian Optimization", 2017, arXiv 1703.01968,
    equation (6) and section 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import RBF, factor
    >>> from kriss.gp.acquisition import MaxValueEntropy
    >>> f = factor(RBF(), [[0.0], [2.0]], 1e-6)
    >>> mes = MaxValueEntropy(f, [0.0, 1.0], np.linspace(-2.0, 4.0, 50)[:, None], rng=0)
    >>> mes([[-1.0], [0.0], [1.0]]).shape
    (3,)
    """

    def __init__(
        self,
        factor: Any,
        y: npt.ArrayLike,
        candidates: npt.ArrayLike | None = None,
        samples: int = 16,
        rng: _validate.RngLike = None,
        *,
        minima: npt.ArrayLike | None = None,
    ) -> None:
        super().__init__(factor, y)
        count = _validate.integer(samples, "samples", low=1)
        if minima is not None:
            self.minima = _validate.real_array(minima, "minima", ndim=1, single=False).copy()
            if self.minima.size == 0:
                raise ValueError("minima is empty, expected at least one draw")
            return
        if candidates is None:
            raise TypeError("candidates is None, expected points that cover the domain, or minima")
        x = points(candidates, "candidates")
        if x.shape[0] == 0:
            raise ValueError("candidates is empty, expected at least one point")
        mean, std, _, _ = self._posterior(np.vstack([x, factor.X]), False)
        quartiles = [_quantile(mean, std, q) for q in (0.25, 0.5, 0.75)]
        # P(min > v) = exp(-exp(-(-v - mode) / scale)) for the negative of a Gumbel variable.
        loglog = [math.log(-math.log(q)) for q in (0.75, 0.5, 0.25)]
        scale = max((quartiles[2] - quartiles[0]) / (loglog[2] - loglog[0]), 0.0) if loglog[2] > loglog[0] else 0.0
        mode = quartiles[1] - scale * loglog[1]
        u = _validate.generator(rng).random(count)
        self.minima = mode + scale * np.log(-np.log1p(-np.clip(u, 1e-12, 1.0 - 1e-12)))

    def values(self, X: Array, grad: bool) -> tuple[Array, Array | None]:
        """Values (m,) and derivatives (m, d), or None, at checked points."""
        mean, std, mean_grad, std_grad = self._posterior(X, grad)
        safe = np.where(std > 0.0, std, 1.0)[:, None]
        g = (mean[:, None] - self.minima) / safe
        value, rate = _normal.entropy_gain(np.where(std[:, None] > 0.0, g, np.inf))
        out = value.mean(axis=1)
        if not grad:
            return out, None
        first = (rate / safe).mean(axis=1)[:, None]
        second = (rate * g / safe).mean(axis=1)[:, None]
        return out, np.where(std[:, None] > 0.0, first * mean_grad - second * std_grad, 0.0)


def _quantile(mean: Array, std: Array, q: float) -> float:
    """The value that the least of independent normal variables is below with probability q."""
    spread = max(float(std.max()), 1e-300)
    low, high = float(mean.min()) - 40.0 * spread, float(mean.min()) + 40.0 * spread
    safe = np.where(std > 0.0, std, 1.0)

    def survives(v: float) -> float:
        z = np.where(std > 0.0, (mean - v) / safe, np.where(mean >= v, np.inf, -np.inf))
        return float(special.log_ndtr(z).sum())

    target = math.log1p(-q)
    for _ in range(80):
        middle = 0.5 * (low + high)
        if survives(middle) > target:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)
