"""The model behind an optimiser: a Gaussian process on the unit cube, grown by appends and refitted now and then."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.optimize

from kriss import _backend
from kriss.gp._factor import CovarianceFactor
from kriss.gp._kernels import Additive, Kernel, Matern
from kriss.gp._problem import _gradient, _log_likelihood, _Problem
from kriss.gp._results import Prediction
from kriss.gp._structure import factor

Array = npt.NDArray[Any]

LENGTHS = (5e-3, 1e3)
NOISES = (1e-8, 1.0)
_COMMON, _OWN = 1.0, 0.5  # standard deviations of log-lengthscales: together, and each around that
_WARPS = (-2.0, 1.0)
_FAILED = 0.25  # variance of what is assumed where an evaluation failed, in units of the values' own
_LARGEST = float(np.finfo(np.float64).max)
_SERIAL = 256  # points below which a second thread costs more than it saves


def _length(d: int, tree: bool) -> float:
    """The most likely lengthscale; in proportion to sqrt(d), as distances in the cube are."""
    return 0.5 if tree else 0.5 * math.sqrt(d)


def default_kernel(d: int, tree: bool) -> Kernel:
    """Matern 5/2, of one lengthscale per coordinate; one for all of them where groups change."""
    scale = _length(d, tree)
    lengths: Any = scale if tree else np.full(d, scale)
    return Matern(2.5, lengths, lengthscale_bounds=LENGTHS, variance_bounds=(1e-3, 1e3))


def kernel_size(kernel: Kernel) -> int:
    """The number of parameters."""
    return int(kernel.theta.size)


def default_prior(kernel: Kernel, d: int, tree: bool) -> tuple[Array, Array]:
    """Mean (p,) and precision (p, p) of a normal prior of the log-parameters; zeros in it for none.

    Lengthscales in proportion to sqrt(d) are proposed by C. Hvarfner, E. O. Hellsten, L. Nardi, "Vanilla Bayesian
    Optimization Performs Great in High Dimensions", 2024. Here they also have a part in common: without it a few points
    in many dimensions make some of them short and others long by chance.
    """
    names = kernel.parameter_names
    mean, precision = np.zeros(len(names)), np.zeros((len(names), len(names)))
    lengths = [i for i, name in enumerate(names) if "lengthscale" in name]
    mean[lengths] = math.log(_length(d, tree))
    own = _OWN**2 if len(lengths) > 1 else 0.0
    covariance = np.full((len(lengths), len(lengths)), _COMMON**2) + own * np.eye(len(lengths))
    precision[np.ix_(lengths, lengths)] = np.linalg.inv(covariance)
    for i, name in enumerate(names):
        if "variance" in name:
            precision[i, i] = 1.0
    return mean, precision


def joined(first: tuple[Array, Array], second: tuple[Array, Array]) -> tuple[Array, Array]:
    """Independent priors one after the other."""
    return np.append(first[0], second[0]), scipy.linalg.block_diag(first[1], second[1])


class _Objective:
    """Minus the log-posterior of the log-parameters, with a constant mean at its best value."""

    def __init__(self, problem: _Problem, z: Array, free: Array, full: Array, prior: tuple[Array, Array]) -> None:
        self.problem, self.free, self.full = problem, free, full
        self.rows = np.stack([z, np.ones_like(z)])
        self.work = np.zeros((problem.n, problem.n))
        self.mean, self.precision = prior
        self.evaluations = 0
        self.worst = 0.0

    def __call__(self, theta: Array) -> tuple[float, Array]:
        p, z = self.problem, self.rows[0]
        self.full[self.free] = theta
        p.kernel = p.kernel.with_theta(self.full[:-1])
        p.form = p.kernel.form(p.x.shape[1])
        p.noise = np.full(p.n, math.exp(self.full[-1]))
        self.evaluations += 1
        if p.cholesky(0.0, self.work) >= 0:
            return self.worst + 1e3 * (1.0 + abs(self.worst)), np.zeros(theta.size)
        run = _backend.kernels("gp")
        solved = self.rows.copy()
        run.solve(self.work, solved, False, p.threads)
        mean = constant(solved)
        alpha = solved[0] - mean * solved[1]
        off = self.full - self.mean
        pull = self.precision @ off
        value = _log_likelihood(z - mean, alpha, self.work.diagonal()) - 0.5 * float(pull @ off)
        run.invert(self.work, p.threads)
        gradient = _gradient(p, alpha, self.work) - pull
        self.worst = max(self.worst, -value)
        return -value, -gradient[self.free]


def constant(solved: Array) -> float:
    """The mean of least generalised squares: rows K^-1 z and K^-1 1."""
    total = float(solved[1].sum())
    return float(solved[0].sum()) / total if total > 0.0 else 0.0


def yeo_johnson(s: Array, lam: float) -> Array:
    """The transform of I.-K. Yeo and R. A. Johnson (2000), lam <= 1: large values draw together."""
    up = np.maximum(s, 0.0)
    high = np.log1p(up) if lam == 0.0 else np.expm1(lam * np.log1p(up)) / lam
    low = -np.expm1((2.0 - lam) * np.log1p(np.maximum(-s, 0.0))) / (2.0 - lam)
    out: Array = np.where(s >= 0.0, high, low)
    return out


def best_warp(s: Array) -> float:
    """The exponent at which the transformed values are most nearly normal."""
    if s.size < 5:
        return 1.0
    slope = float((np.sign(s) * np.log1p(np.abs(s))).sum())

    def minus(lam: float) -> float:
        variance = float(yeo_johnson(s, lam).var())
        return 0.5 * s.size * math.log(variance) - (lam - 1.0) * slope if variance > 0.0 else math.inf

    found = scipy.optimize.minimize_scalar(minus, bounds=_WARPS, method="bounded", options={"xatol": 1e-2})
    return float(found.x) if found.fun < minus(1.0) - 1.0 else 1.0


class Scale:
    """From observed values to the model's: shifted, divided and drawn together above."""

    def __init__(self, y: Array, warp: bool) -> None:
        # In units of a power of two, so that nothing over- or underflows.
        self.power = int(np.frexp(np.abs(y).max())[1])
        v = np.ldexp(y, -self.power)
        low, middle, high = (float(q) for q in np.quantile(v, (0.25, 0.5, 0.75)))
        spread = max(high - low, 0.5 * (middle - float(v.min())))
        if not (warp and spread > 0.0):
            middle, spread = float(v.mean()), float(v.std())
        self.shift, self.unit = middle, spread if spread > 1e-15 else 1.0
        self.exponent = best_warp((v - self.shift) / self.unit) if warp else 1.0
        t = self._bent(y)
        self.centre, self.size = float(t.mean()), float(t.std())
        if not self.size > 1e-14 * max(abs(self.centre), 1.0):
            self.size = 1.0
        # For exponents below 0 the transform stays below -1 / exponent, which stands for infinity.
        lam = self.exponent
        self.top = 0.5 * (float(t.max()) - 1.0 / lam) if lam < 0.0 else math.inf

    def _bent(self, y: npt.ArrayLike) -> Array:
        s = (np.ldexp(np.asarray(y, np.float64), -self.power) - self.shift) / self.unit
        return yeo_johnson(s, self.exponent) if self.exponent != 1.0 else s

    def __call__(self, y: npt.ArrayLike) -> Array:
        return (self._bent(y) - self.centre) / self.size

    def back(self, z: npt.ArrayLike) -> Array:
        """Observed values from the model's, finite for finite ones.

        Where the transform is bounded, what lies beyond halfway from the largest value seen to the bound counts as
        halfway: a mean and a standard deviation know nothing of the bound.
        """
        t = np.minimum(np.asarray(z, np.float64) * self.size + self.centre, self.top)
        lam = self.exponent
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            if lam != 1.0:
                up = np.maximum(t, 0.0)
                high = np.expm1(up) if lam == 0.0 else np.expm1(np.log1p(np.maximum(lam * up, -1.0)) / lam)
                low = -np.expm1(np.log1p(np.maximum(-t, 0.0) * (2.0 - lam)) / (2.0 - lam))
                t = np.where(t >= 0.0, high, low)
            out: Array = np.clip(np.ldexp(self.shift + self.unit * t, self.power), -_LARGEST, _LARGEST)
        return out

    @property
    def step(self) -> float:
        """The observed difference that a difference of 1 in the model stands for, without a bend."""
        return math.ldexp(self.unit * self.size, min(self.power, 1000))


class Surrogate:
    """Points, values, hyperparameters and the factor; picklable.

    A new point is appended to the factor in O(n**2).  Hyperparameters are chosen anew, from where they are and from the
    prior's mode, when there are `growth` times more points than when that was last done.
    """

    def __init__(
        self,
        d: int,
        kernel: Kernel | None = None,
        noise: float | None = None,
        *,
        tree: bool = False,
        warp: bool = True,
        growth: float = 0.15,
        workers: int | None = None,
    ) -> None:
        self.d, self.tree, self.warp, self.growth = d, tree, warp, growth
        self.workers = workers
        self.start = default_kernel(d, tree) if kernel is None else kernel
        prior = default_prior(self.start, d, tree)
        if kernel is not None:
            prior[1][:] = 0.0
        self.fixed_noise = noise  # a variance in the units of the observed values, squared
        # What a forest does not describe is left to a term over all dimensions.
        self.rest = default_kernel(d, False) if tree else None
        if self.rest is not None:
            prior = joined(prior, default_prior(self.rest, d, False))
            prior[0][kernel_size(self.start)] = -1.0
        self.prior = joined(prior, (np.array([-6.0]), np.array([[0.25 if noise is None else 0.0]])))
        self.base, self.noise = self.start, 1e-3
        self.groups: tuple[tuple[int, ...], ...] | None = None
        self.factor: CovarianceFactor | None = None
        self.scale: Scale | None = None
        self.z = np.zeros(0)
        self.refits = self.evaluations = self.fitted_at = 0

    def _workers(self, n: int) -> int | None:
        return 1 if self.workers is None and n < _SERIAL else self.workers

    @property
    def kernel(self) -> Kernel:
        """The covariance function with the present hyperparameters."""
        if self.groups is None or self.rest is None:
            return self.base
        return Additive(self.base, self.groups) + self.rest

    def update(self, X: Array, y: Array, groups: tuple[tuple[int, ...], ...] | None = None) -> None:
        """The model of values y (n,), NaN where they failed, at X (n, d) in the unit cube.

        Mostly these begin as those of the last call. A failed evaluation counts as a very noisy observation of the
        worst value, and for nothing in the choice of hyperparameters.
        """
        good = np.isfinite(y)
        n = int(good.sum())
        changed = groups != self.groups
        self.groups = groups
        if self.scale is None or n >= max((1.0 + self.growth) * self.fitted_at, self.fitted_at + 1):
            self._refit(X[good], y[good])
            changed = True
        if changed or self.factor is None or not self._grown(X, good):
            self._refactor(X, good)
        assert self.scale is not None
        self.z = self.scale(y if n == y.size else np.where(good, y, y[good].max()))

    def _noises(self, good: npt.NDArray[np.bool_]) -> Array:
        return np.where(good, self.noise, self.noise + _FAILED)

    def _grown(self, X: Array, good: npt.NDArray[np.bool_]) -> bool:
        """Appends what is new; False if the points are others."""
        f = self.factor
        if f is None or f.n > X.shape[0] or not np.array_equal(f.X, X[: f.n]) or not hasattr(f, "append"):
            return False
        try:
            self.factor = f.append(X[f.n :], self._noises(good[f.n :]))
        except np.linalg.LinAlgError:
            return False
        return True

    def _refactor(self, X: Array, good: npt.NDArray[np.bool_]) -> None:
        workers = self._workers(X.shape[0])  # dense, which alone has `append` and predicts with gradients
        self.factor = factor(self.kernel, X, self._noises(good), "auto", structure="dense", workers=workers)

    def _refit(self, X: Array, y: Array) -> None:
        self.scale = Scale(y, self.warp)
        z = self.scale(y)
        self.fitted_at = y.size
        if self.fixed_noise is not None:
            part = math.sqrt(self.fixed_noise) / max(self.scale.step, 5e-324)
            self.noise = min(max(part, 1e-5), 1e3) ** 2
        if y.size >= 2 and np.ptp(z) > 0.0:
            self._maximise(X, z)

    def _maximise(self, X: Array, z: Array) -> None:
        """Hyperparameters at the largest posterior density found from two starts."""
        kernel = self.kernel
        fixed = self.fixed_noise is not None
        level = math.log(self.noise)
        box = np.vstack([kernel.bounds, [(level, level)] if fixed else [np.log(NOISES)]])
        free = box[:, 1] > box[:, 0]
        if not free.any():
            return
        mean, precision = self.prior[0].copy(), self.prior[1]
        if self.groups is not None:
            mean[0] -= math.log(len(self.groups))
        first = self.start.theta if self.groups is None else kernel.theta
        fresh = np.append(first, level if fixed else self.prior[0][-1])
        fresh = np.where(precision.diagonal() > 0.0, mean, fresh)
        starts = [np.append(kernel.theta, level)]
        if z.size < 50 or self.refits % 2 == 0:
            starts.append(fresh)
        best, theta = math.inf, starts[0]
        for start in starts:
            full = np.clip(start, box[:, 0], box[:, 1])
            problem = _Problem(kernel, X, self.noise, self._workers(X.shape[0]), False)
            objective = _Objective(problem, z, free, full, (mean, precision))
            found = scipy.optimize.minimize(
                objective,
                full[free].copy(),
                jac=True,
                method="L-BFGS-B",
                bounds=box[free],
                options={"maxiter": 50, "ftol": 1e-6, "gtol": 1e-3},
            )
            self.evaluations += objective.evaluations
            if found.fun < best:
                best, theta = float(found.fun), full.copy()
                theta[free] = found.x
        self.refits += 1
        size = kernel_size(self.base)
        self.base = self.base.with_theta(theta[:size])
        if self.rest is not None:
            self.rest = self.rest.with_theta(theta[size:-1])
        if not fixed:
            self.noise = math.exp(theta[-1])

    def posterior(self, pending: Array | None = None) -> tuple[CovarianceFactor, Array, float]:
        """The factor, the values less their constant mean, and that mean; pending points at their posterior mean."""
        f = self.factor
        assert f is not None
        solved = f.solve(np.stack([self.z, np.ones_like(self.z)], axis=1)).T
        mean = constant(solved)
        values = self.z - mean
        if pending is not None and pending.size:
            told = f.predict(pending, values).mean
            try:
                f = f.append(pending, self.noise)
            except np.linalg.LinAlgError:
                x, noise = np.vstack([f.X, pending]), np.append(f.noise, np.full(pending.shape[0], self.noise))
                f = factor(f.kernel, x, noise, "auto", structure="dense", workers=self._workers(x.shape[0]))
            values = np.concatenate([values, told])
        return f, values, mean

    def predict(self, X: Array, **wanted: bool) -> Prediction:
        """The posterior of the transformed values at X in the unit cube."""
        f, values, mean = self.posterior()
        p = f.predict(X, values, **wanted)
        return Prediction(p.mean + mean, p.std, p.cov, p.mean_grad, p.std_grad)
