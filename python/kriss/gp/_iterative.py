"""Covariance matrices that are never stored: tiled products, preconditioned conjugate gradients, random probes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _backend, _device, _validate
from kriss.gp._answers import LOG_2PI, observations
from kriss.gp._block_cg import BlockRun, block_conjugate_gradients, block_log_determinant
from kriss.gp._greedy import greedy_variance
from kriss.gp._kernels import Kernel, transposed
from kriss.gp._krylov import Estimate, LowRankPlusDiagonal, conjugate_gradients, square_root_draw
from kriss.gp._results import Prediction
from kriss.gp._structured import EPS, Structured, flat_of, row_blocks, white_part

Array = npt.NDArray[Any]

_BLOCK = 64  # right-hand sides that search together
_ROOM = 1 << 25  # doubles of Lanczos bases of draws


class Iterative(Structured):
    """What conjugate gradients make of a product and a preconditioner; not made directly."""

    exact = False

    def __init__(
        self,
        kernel: Kernel,
        X: object,
        noise: object,
        rtol: float,
        maxiter: int,
        probes: int,
        seed: _validate.RngLike,
        reason: str,
        workers: int | None,
        check_finite: bool,
    ) -> None:
        super().__init__(kernel, X, noise, reason, workers, check_finite)
        self.rtol = _validate.scalar(rtol, "rtol", low=0.0, strict=True)
        self.maxiter = _validate.integer(maxiter, "maxiter", low=1)
        self.probes = _validate.integer(probes, "probes", low=2)
        self._seed = _validate.seed64(seed, "seed")
        self._probed: tuple[Array, BlockRun] | None = None
        self._P: LowRankPlusDiagonal

    def _complaint(self, residual: float, iterations: int) -> np.linalg.LinAlgError:
        return np.linalg.LinAlgError(
            f"conjugate gradients reached a relative residual of {residual:.2g} after {iterations} iterations, "
            f"expected {self.rtol:.2g}: raise maxiter or rank, or rtol"
        )

    def _run(self, b: Array) -> BlockRun:
        run = block_conjugate_gradients(self._multiply, self._P.solve, b, self.rtol, self.maxiter)
        if not run.converged:
            raise self._complaint(run.residual, run.iterations)
        return run

    def _solve(self, b: Array) -> Array:
        if b.shape[1] == 1:
            alone = conjugate_gradients(self._multiply, self._P.solve, b, self.rtol, self.maxiter)
            if not alone.converged:
                raise self._complaint(alone.residual, alone.iterations)
            return alone.x
        out = np.empty_like(b)
        for start in range(0, b.shape[1], _BLOCK):
            columns = slice(start, start + _BLOCK)
            out[:, columns] = self._run(b[:, columns]).x
        return out

    def _probe(self) -> tuple[Array, BlockRun]:
        """Probes and the run from them, once."""
        if self._probed is None:
            z = self._P.draw(self.probes, np.random.default_rng(self._seed))
            self._probed = (z, self._run(z))
        return self._probed

    def logdet_estimate(self) -> Estimate:
        """``log det K`` with its standard error, by stochastic Lanczos quadrature.

        Returns
        -------
        Estimate
            The same for every call: the probes are fixed by the seed.
        """
        if self.n == 0:
            return Estimate(0.0, 0.0, self.probes, 0)
        return block_log_determinant(self._probe()[1], self.n, self._P.logdet)

    def logdet(self) -> float:
        """The value of `logdet_estimate`: an estimate, whose standard error is there.

        Returns
        -------
        float
            An unbiased estimate of ``log det K`` up to the tolerance of the solves.
        """
        return self.logdet_estimate().value

    def log_likelihood_estimate(self, y: npt.ArrayLike) -> Estimate:
        """The log marginal likelihood with its standard error.

        Parameters
        ----------
        y : array_like, shape (n,)
            Observations.

        Returns
        -------
        Estimate
            Only the determinant is uncertain; the quadratic form is good to the tolerance of the solves.
        """
        found = self.logdet_estimate()
        value = -0.5 * (self.quad(y) + found.value + self.n * LOG_2PI)
        return Estimate(value, 0.5 * found.standard_error, found.probes, found.iterations)

    def _kernel_product(self, x: Array, v: Array) -> Array:
        """``kernel(x, X) v`` for v (n, k); the kernel's own white noise counts if x is `X`."""
        raise NotImplementedError

    def _contract(self, left: Array, right: Array) -> Array:
        """Sum over i, j of (left right')_ij dk(x_i, x_j) / dtheta; left, right: (n, s)."""
        raise NotImplementedError

    def _multiply(self, b: Array) -> Array:
        out: Array = self._kernel_product(self.X, b) + self.noise[:, None] * b
        return out

    def log_likelihood_grad(
        self, y: npt.ArrayLike, *, return_error: bool = False
    ) -> tuple[float, Array] | tuple[Estimate, Array, Array]:
        """The log-likelihood and its gradient in the log-parameters, estimated from the same probes.

        Parameters
        ----------
        y : array_like, shape (n,)
            Observations.
        return_error : bool, default False
            Also standard errors, for one more pass over the covariances per probe.

        Returns
        -------
        value : float, or Estimate if `return_error`
            The log-likelihood.
        gradient : ndarray, shape (p + 1,)
            Derivatives in ``kernel.theta``, then in the logarithm of the noise (of a factor common to all its
            entries, if they differ).
        errors : ndarray, shape (p + 1,)
            If `return_error`: standard errors of the gradient.

        Notes
        -----
        The trace in ``1/2 alpha'dK alpha - 1/2 tr(K^-1 dK)`` is the mean over probes z of N(0, P) of
        ``(K^-1 z)' dK (P^-1 z)``: J. R. Gardner, G. Pleiss, D. Bindel, K. Q. Weinberger, A. G. Wilson, "GPyTorch:
        Blackbox Matrix-Matrix Gaussian Process Inference with GPU Acceleration", NeurIPS 2018, section 4. One pass
        over n**2 covariances and their derivatives, no memory for them.
        """
        b = observations(y, self.n, finite=self._check)
        found = self.logdet_estimate()
        alpha = self._solve(b[:, None])
        value = -0.5 * (float(b @ alpha[:, 0]) + found.value + self.n * LOG_2PI)
        z, run = self._probe()
        w = self._P.solve(z)
        s = self.probes
        left, right = np.hstack([0.5 * alpha, run.x * (-0.5 / s)]), np.hstack([alpha, w])
        noise = float((left * right).sum(axis=1) @ self.noise)
        if not return_error:
            return value, np.append(self._contract(left, right), noise)
        fit = np.append(self._contract(0.5 * alpha, alpha), 0.5 * float((alpha[:, 0] ** 2) @ self.noise))
        each = np.array(
            [
                np.append(
                    self._contract(-0.5 * run.x[:, [k]], w[:, [k]]), -0.5 * float((run.x[:, k] * w[:, k]) @ self.noise)
                )
                for k in range(s)
            ]
        )
        estimate = Estimate(value, 0.5 * found.standard_error, s, found.iterations)
        return estimate, fit + each.mean(axis=0), each.std(axis=0, ddof=1) / math.sqrt(s)

    def predict(
        self, Xs: npt.ArrayLike, y: npt.ArrayLike, *, return_std: bool = False, return_cov: bool = False
    ) -> Prediction:
        """The posterior at new points, given observations, to the tolerance of the solves.

        Parameters
        ----------
        Xs : array_like, shape (s, d)
            Where to predict.
        y : array_like, shape (n,) or (n, outputs)
            Observations at `X`, of zero prior mean.
        return_std : bool, default False
            Also the standard deviation at each point: a solve per point.
        return_cov : bool, default False
            Also the covariance matrix: a solve per point, s**2 doubles.

        Returns
        -------
        Prediction
            ``mean``, and ``std`` and ``cov`` where asked for, of the latent function. Variances are clipped at 0.
        """
        xs = self._test_points(Xs)
        b = observations(y, self.n, ndim=(1, 2), finite=self._check)
        alpha = self._solve(b.reshape(self.n, -1))
        mean = self._kernel_product(xs, alpha).reshape(xs.shape[0], *b.shape[1:])
        if not (return_std or return_cov):
            return Prediction(mean)
        m = xs.shape[0]
        prior = np.asarray(self.kernel.diag(xs))
        std = np.empty(m)
        cov = self.kernel(xs, workers=self._threads or None) if return_cov else None
        cross = self.kernel(xs, self.X, workers=self._threads or None) if return_cov else None
        for rows in row_blocks(m, self.n):
            here = self.kernel(xs[rows], self.X, workers=self._threads or None) if cross is None else cross[rows]
            solved = self._solve(np.ascontiguousarray(here.T))
            std[rows] = np.sqrt(np.maximum(prior[rows] - np.einsum("ij,ji->i", here, solved), 0.0))
            if cov is not None and cross is not None:
                cov[:, rows] -= cross @ solved
        if cov is not None:
            cov = 0.5 * (cov + cov.T)
        return Prediction(mean, std if return_std else None, cov)

    def _draw(self, count: int, rng: np.random.Generator) -> Array:
        e = rng.standard_normal((count, self.n))
        out = np.empty_like(e)
        if self.n == 0:
            return out
        # Bases of a hundred steps fit; more steps take more.
        step = max(1, min(_BLOCK, _ROOM // (100 * self.n)))
        for start in range(0, count, step):
            rows = slice(start, start + step)
            out[rows] = square_root_draw(self._multiply, self._P, e[rows].T.copy(), self.rtol, self.maxiter).T
        return out

    def _inverse_diagonal(self) -> Array:
        out = np.empty(self.n)
        for start in range(0, self.n, _BLOCK):
            rows = np.arange(start, min(start + _BLOCK, self.n))
            unit = np.zeros((self.n, rows.size))
            unit[rows, rows - start] = 1.0
            run = self._run(unit)
            # e'K^-1 e = 2 x_i - x'K x + r'K^-1 r: what is left out is quadratic in the residual r.
            out[rows] = run.x[rows, rows - start] + np.einsum("ij,ij->j", run.x, run.missing)
        return out


class IterativeFactor(Iterative):
    """``K = kernel(X) + diag(noise)`` by its products alone; made by `kriss.gp.iterative`.

    Attributes
    ----------
    kernel : Kernel
        The covariance function.
    X : ndarray, shape (n, d)
        The points, read-only.
    noise : ndarray, shape (n,)
        Noise variance of each observation, read-only.
    rank : int
        Rank of the preconditioner.
    rtol : float
        Relative residual of every solve.
    probes : int
        Random probes behind determinant and gradient.
    structure, reason : str
        ``"iterative"``, and why it was chosen.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import RBF, iterative
    >>> X = np.random.default_rng(0).random((300, 2))
    >>> f = iterative(RBF(0.5), X, noise=0.1)
    >>> found = f.logdet_estimate()
    >>> found.probes, bool(found.standard_error < 1.0)
    (16, True)
    """

    structure = "iterative"

    def __init__(
        self,
        kernel: Kernel,
        X: object,
        noise: object,
        rank: int,
        rtol: float,
        maxiter: int,
        probes: int,
        seed: _validate.RngLike,
        reason: str,
        workers: int | None,
        check_finite: bool,
    ) -> None:
        super().__init__(kernel, X, noise, rtol, maxiter, probes, seed, reason, workers, check_finite)
        self._flat = flat_of(kernel, self.X.shape[1])
        self._xt = transposed(self.X)
        self._white = white_part(kernel, self.X)
        wanted = min(_validate.integer(rank, "rank", low=0), self.n)
        found = greedy_variance(kernel, self.X, wanted, workers=workers)
        self.rank = int(found.indices.size)
        d = self.noise
        if self.n and not d.min() > 0.0:
            # Any positive diagonal preconditions; what the rows leave unexplained is the natural one.
            scale = float(np.asarray(kernel.diag(self.X)).max())
            d = d + max(float(found.variance.mean()), 100.0 * EPS * scale)
        self._P = LowRankPlusDiagonal(found.rows, d)

    def _kernel_product(self, x: Array, v: Array) -> Array:
        out = np.empty((x.shape[0], v.shape[1]))
        if self._flat is not None:
            columns = np.ascontiguousarray(v.T)
            xt = self._xt if x is self.X else transposed(x)
            run = _backend.kernels("gp_structures")
            run.product(*self._flat, xt, self._xt, columns, out, self._threads)
            return out
        for rows in row_blocks(x.shape[0], self.n):
            out[rows] = self.kernel(x[rows], self.X, workers=self._threads or None) @ v
        if x is self.X:
            out += self._white[:, None] * v
        return out

    def _contract(self, left: Array, right: Array) -> Array:
        kernel: Any = self.kernel
        total = np.zeros(kernel.theta.size)
        for rows in row_blocks(self.n, self.n):
            total += kernel.contract(self.X[rows], left[rows] @ right.T, self.X)
        if self._white.any():
            w = np.einsum("ij,ij->i", left, right)
            total += kernel.contract_diag(self.X, w)
            for start in range(0, self.n, 64):
                here = self.X[start : start + 64]
                total -= kernel.contract(here, np.diag(w[start : start + 64]), here.copy())
        return total


def suits(kernel: Kernel, X: Array, noise: Array) -> str | None:
    """None: an answer with error bars is given only where it is asked for."""
    return None


def iterative(
    kernel: Kernel,
    X: npt.ArrayLike,
    noise: npt.ArrayLike,
    *,
    rank: int = 100,
    rtol: float = 1e-8,
    maxiter: int = 1000,
    probes: int = 16,
    seed: _validate.RngLike = 0,
    workers: int | None = None,
    check_finite: bool = True,
) -> IterativeFactor:
    """A covariance matrix that is never stored: solves by conjugate gradients, determinants with error bars.

    Parameters
    ----------
    kernel : Kernel
        Covariance function.
    X : array_like, shape (n, d)
        Points. CuPy arrays stay on their device, and so do the answers: solves, likelihoods, gradients, predictions.
    noise : float or array_like of shape (n,)
        Variance of the noise of each observation.
    rank : int, default 100
        Rank of the preconditioner, a pivoted Cholesky factor plus the noise.
    rtol : float, default 1e-8
        Relative residual of every solve, recomputed from the data before an answer is given.
    maxiter : int, default 1000
        Iterations of a solve, at most.
    probes : int, default 16
        Random probes behind determinant and gradient, at least 2.
    seed : int, SeedSequence or Generator, default 0
        Fixes the probes, so that the likelihood is the same function at every call.
    workers : int, optional
        Threads; the process-wide setting by default. The result does not depend on it.
    check_finite : bool, default True
        Refuse NaN and infinity in observations; `X` and `noise` must be finite always.

    Returns
    -------
    IterativeFactor
        Solves, determinants and likelihoods with standard errors, gradients, predictions.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, or is not finite.
    numpy.linalg.LinAlgError
        From a solve that does not reach `rtol` within `maxiter`, or that finds the matrix not positive definite.

    See Also
    --------
    greedy_variance : the preconditioner's factor.
    vecchia, low_rank : approximations whose determinants are exact.

    Notes
    -----
    An iteration costs n**2 kernel values and 2 n**2 flops per right-hand side, formed in tiles that stay in cache;
    8 n (rank + 5 probes) bytes. Up to 64 right-hand sides search one space together (block conjugate gradients), the
    probes too, which saves iterations. `inv_diag` and `loo` take n / 64 such solves and are good to the square of
    `rtol`; `sample` takes a Lanczos run per draw, its error bounded by `rtol`. The dense factor is faster for both as
    long as its n**2 doubles fit. The probes are drawn from N(0, P), P the preconditioner; each gives Lanczos
    coefficients and a solve from one run of conjugate gradients. What standard errors cover is the choice of probes,
    not the tolerance of the solves.

    References
    ----------
    J. R. Gardner, G. Pleiss, D. Bindel, K. Q. Weinberger, A. G. Wilson, "GPyTorch: Blackbox Matrix-Matrix Gaussian
    Process Inference with GPU Acceleration", NeurIPS 2018, sections 3 and 4. S. Ubaru, J. Chen, Y. Saad, "Fast
    Estimation of tr(f(A)) via Stochastic Lanczos Quadrature", SIAM Journal on Matrix Analysis and Applications 38,
    2017, equation (8). D. P. O'Leary, "The Block Conjugate Gradient Algorithm and Related Methods", Linear Algebra and
    its Applications 29, 1980, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import Matern, factor, iterative
    >>> rng = np.random.default_rng(0)
    >>> X = rng.random((400, 2))
    >>> y = rng.standard_normal(400)
    >>> found = iterative(Matern(1.5, 0.4), X, 0.1).log_likelihood_estimate(y)
    >>> exact = factor(Matern(1.5, 0.4), X, 0.1).log_likelihood(y)
    >>> bool(abs(found.value - exact) < 4 * found.standard_error)
    True
    """
    reason = "asked for: products without the matrix"
    if _device.any_device(X=X):
        from kriss.gp._gpu_iterative import DeviceIterative

        on_device: Any = DeviceIterative(kernel, X, noise, rank, rtol, maxiter, probes, seed, reason, check_finite)
        return on_device  # type: ignore[no-any-return]
    return IterativeFactor(kernel, X, noise, rank, rtol, maxiter, probes, seed, reason, workers, check_finite)


build = iterative
