"""Covariances of CuPy arrays: assembly by our kernel, dense factorisation by CuPy, nothing moved between devices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from kriss import _device, _validate
from kriss.gp._answers import LOG_2PI
from kriss.gp._forms import flat_terms
from kriss.gp._gpu_kernel import DeviceKernel, transposed
from kriss.gp._results import LeaveOneOut

if TYPE_CHECKING:
    from kriss.gp._kernels import Kernel


def _there(value: Any, name: str) -> None:
    """Refuse arrays in host memory: nothing is moved between devices."""
    if not (_device.is_device_array(value) or isinstance(value, (int, float, np.generic))):
        raise TypeError(
            f"{name} is {type(value).__name__} in host memory but X is on the GPU; nothing is moved between devices: "
            f"pass {name} as a CuPy array"
        )


def _finite(xp: Any, value: Any, name: str) -> None:
    """Refuse NaN and infinity: one reduction on the device."""
    if value.size and not bool(xp.isfinite(value).all()):
        raise ValueError(f"{name} contains NaN or infinity, expected finite values")


def _points(xp: Any, X: Any, name: str, check_finite: bool) -> Any:
    """`X` as a (n, d) CuPy array of float32 or float64."""
    x = xp.asarray(X)
    if x.ndim != 2 or x.shape[1] == 0:
        raise ValueError(f"{name} has shape {x.shape}, expected a 2-D array with at least one column")
    x = x.astype(_validate.real_dtype(np.dtype(x.dtype), name), copy=False)
    if check_finite:
        _finite(xp, x, name)
    return x


def _assemble(kernel: Kernel, x: Any, z: Any, diagonal: Any | None) -> Any:
    xp = _device.cupy()
    dtype = np.dtype(np.result_type(x.dtype, z.dtype))
    if flat_terms(kernel) is None:
        xt = transposed(x)
        zt = xt if z is x else transposed(z)
        return DeviceKernel(kernel, x.shape[1]).matrix(xt, zt, z is x, diagonal).astype(dtype, copy=False)
    run = _device.cuda("gp")
    flat = [xp.asarray(a) for a in kernel.flat(x.shape[1], dtype)]
    xt = xp.ascontiguousarray(x.astype(dtype, copy=False).T)
    zt = xt if z is x else xp.ascontiguousarray(z.astype(dtype, copy=False).T)
    out = xp.empty((x.shape[0], z.shape[0]), dtype)
    launch = run.assemble_float64 if dtype == np.float64 else run.assemble_float32
    launch(
        len(kernel.terms),
        *(a.data.ptr for a in flat),
        xt.data.ptr,
        x.shape[0],
        zt.data.ptr,
        z.shape[0],
        0 if diagonal is None else diagonal.data.ptr,
        out.data.ptr,
        _device.stream(),
    )
    return out


def covariance(kernel: Kernel, X: Any, Z: Any | None, check_finite: bool) -> Any:
    """``kernel(X, Z)`` on the device."""
    xp = _device.cupy()
    x = _points(xp, X, "X", check_finite)
    z = x if Z is None else _points(xp, Z, "Z", check_finite)
    if z.shape[1] != x.shape[1]:
        raise ValueError(f"Z has {z.shape[1]} columns, expected {x.shape[1]} as X has")
    return _assemble(kernel, x, z, None)


def contraction(kernel: Kernel, X: Any, W: Any, Z: Any | None, check_finite: bool) -> Any:
    """``kernel.contract(X, W, Z)`` on the device."""
    xp = _device.cupy()
    x = _points(xp, X, "X", check_finite)
    z = None if Z is None else _points(xp, Z, "Z", check_finite)
    if z is not None and z.shape[1] != x.shape[1]:
        raise ValueError(f"Z has {z.shape[1]} columns, expected {x.shape[1]} as X has")
    w = xp.asarray(W)
    w = w.astype(_validate.real_dtype(np.dtype(w.dtype), "W", single=False), copy=False)
    wanted = (x.shape[0], x.shape[0] if z is None else z.shape[0])
    if w.shape != wanted:
        raise ValueError(f"W has shape {w.shape}, expected {wanted}, one weight per pair of points")
    if check_finite:
        _finite(xp, w, "W")
    return DeviceKernel(kernel, x.shape[1]).contract(transposed(x), None if z is None else transposed(z), w)


class DevicePoints:
    """Points, noise and the checks of arguments that the factors on a device share; not made directly."""

    def __init__(self, kernel: Kernel, X: Any, noise: Any, check_finite: bool) -> None:
        xp = _device.cupy()
        self.kernel = kernel
        self._check = check_finite
        self.X = _points(xp, X, "X", check_finite).astype(np.float64)  # a copy, as on the CPU
        self.n = int(self.X.shape[0])
        _there(noise, "noise")
        level = xp.asarray(noise, dtype=np.float64)
        if level.ndim > 1 or (level.ndim == 1 and level.size != self.n):
            raise ValueError(f"noise has shape {level.shape}, expected a number or one per row of X ({self.n})")
        if level.size and not bool((level >= 0.0).all()):
            raise ValueError("noise must not be negative or NaN")
        if check_finite:
            _finite(xp, level, "noise")
        self.noise = xp.empty((self.n,), np.float64)
        self.noise[...] = level

    def _column(self, value: Any, name: str, ndim: tuple[int, ...]) -> Any:
        """`value` as a (n,) or (n, k) CuPy array of float64."""
        _there(value, name)
        xp = _device.cupy()
        b = xp.asarray(value)
        if b.ndim not in ndim:
            wanted = " or ".join(f"{k}-D" for k in ndim)
            raise ValueError(f"{name} has shape {b.shape}, expected a {wanted} array")
        if b.shape[0] != self.n:
            raise ValueError(f"{name} has shape {b.shape}, expected {self.n} rows as X has")
        b = b.astype(_validate.real_dtype(np.dtype(b.dtype), name, single=False), copy=False)
        if self._check:
            _finite(xp, b, name)
        return b

    def _test_points(self, Xs: Any) -> Any:
        """`Xs` as (m, d), float64."""
        _there(Xs, "Xs")
        xs = _points(_device.cupy(), Xs, "Xs", self._check).astype(np.float64, copy=False)
        if xs.shape[1] != self.X.shape[1]:
            raise ValueError(f"Xs has {xs.shape[1]} columns, expected {self.X.shape[1]} as X has")
        return xs


class DeviceFactor(DevicePoints):
    """The Cholesky factor of a covariance matrix on a GPU: CuPy arrays in, CuPy arrays out.

    Offers `lower`, `solve`, `logdet`, `quad`, `log_likelihood`, `log_likelihood_grad`, `inv_diag`, `loo`, `sample` and
    `predict` of `CovarianceFactor`, with the same meaning; updates and linear functionals are on the CPU only.
    """

    def __init__(self, kernel: Kernel, X: Any, noise: Any, jitter: float, check_finite: bool) -> None:
        super().__init__(kernel, X, noise, check_finite)
        xp = _device.cupy()
        self.jitter = _validate.scalar(jitter, "jitter", low=0.0)
        K = _assemble(kernel, self.X, self.X, self.noise + self.jitter)
        limit = K.diagonal() * (4.0 * math.sqrt(self.n) * np.finfo(np.float64).eps)
        self.lower = xp.linalg.cholesky(K)
        d = self.lower.diagonal()
        bad = xp.flatnonzero(~((d * d > limit) & xp.isfinite(d)))
        if bad.size:
            raise np.linalg.LinAlgError(
                f"the covariance matrix is not positive definite to working precision: pivot {int(bad[0])} of {self.n} "
                f"or one before it; raise noise (its variance), or pass jitter={1e-8 * float(K.diagonal().max()):.1g}"
            )
        self._inverse: Any = None

    def _half(self, B: Any) -> Any:
        from cupyx.scipy.linalg import solve_triangular

        return solve_triangular(self.lower, B, lower=True)

    def _solve(self, b: Any) -> Any:
        from cupyx.scipy.linalg import solve_triangular

        return solve_triangular(self.lower, self._half(b), lower=True, trans=1)

    def solve(self, B: Any) -> Any:
        """``K^-1 B``."""
        return self._solve(self._column(B, "B", (1, 2)))

    def logdet(self) -> float:
        """``log det K``."""
        return 2.0 * float(_device.cupy().log(self.lower.diagonal()).sum())

    def quad(self, y: Any) -> float:
        """``y' K^-1 y``."""
        half = self._half(self._column(y, "y", (1,)))
        return float((half * half).sum())

    def log_likelihood(self, y: Any) -> float:
        """Log marginal likelihood of `y`, shape (n,)."""
        return -0.5 * (self.quad(y) + self.logdet() + self.n * LOG_2PI)

    def _inverse_factor(self) -> Any:
        """``L^-1``, kept."""
        if self._inverse is None:
            self._inverse = self._half(_device.cupy().eye(self.n))
        return self._inverse

    def log_likelihood_grad(self, y: Any) -> tuple[float, Any]:
        """The log-likelihood, and its gradient in ``kernel.theta`` and the logarithm of the noise, on the device."""
        xp = _device.cupy()
        b = self._column(y, "y", (1,))
        half = self._inverse_factor()
        inverse = xp.ascontiguousarray(half.T @ half)
        alpha = xp.ascontiguousarray(self._solve(b))
        own = DeviceKernel(self.kernel, self.X.shape[1]).likelihood_gradient(transposed(self.X), alpha, inverse)
        noise = 0.5 * (self.noise * (alpha * alpha - inverse.diagonal())).sum()
        value = -0.5 * (float((b * alpha).sum()) + self.logdet() + self.n * LOG_2PI)
        return value, xp.concatenate([own, xp.asarray(noise).reshape(1)])

    def inv_diag(self) -> Any:
        """The diagonal of ``K^-1``."""
        half = self._inverse_factor()
        return (half * half).sum(axis=0)

    def loo(self, y: Any) -> LeaveOneOut:
        """Leave-one-out predictions; see `CovarianceFactor.loo`."""
        b = self._column(y, "y", (1,))
        variance = 1.0 / self.inv_diag()
        error = self._solve(b) * variance
        density = -0.5 * float((error * error / variance + _device.cupy().log(variance) + LOG_2PI).sum())
        return LeaveOneOut(b - error, variance, density)

    def sample(self, size: int | None = None, rng: _validate.RngLike = None) -> Any:
        """Draws from the prior; the normal numbers are NumPy's, copied to the device, as on the CPU."""
        count = 1 if size is None else _validate.integer(size, "size", low=0)
        z = _device.cupy().asarray(_validate.generator(rng).standard_normal((count, self.n)))
        out = z @ self.lower.T
        return out[0] if size is None else out

    def predict(self, Xs: Any, y: Any, *, return_std: bool = False, return_cov: bool = False) -> Any:
        """The posterior at new points; see `CovarianceFactor.predict`."""
        from kriss.gp._results import Prediction

        xp = _device.cupy()
        xs = self._test_points(Xs)
        b = self._column(y, "y", (1, 2))
        cross = _assemble(self.kernel, xs, self.X, None)
        mean = cross @ self._solve(b)
        std = cov = None
        if return_std or return_cov:
            half = self._half(cross.T)
            if return_std:
                stationary = self.kernel.stationary
                own = self.kernel.total_variance if stationary else DeviceKernel(self.kernel, xs.shape[1]).own(xs)
                std = xp.sqrt(xp.maximum(own - (half * half).sum(axis=0), 0.0))
            if return_cov:
                cov = _assemble(self.kernel, xs, xs, None) - half.T @ half
        return Prediction(mean, std, cov)
