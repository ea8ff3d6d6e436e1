"""Matrix-free covariances of CuPy arrays: tiled products, block conjugate gradients, determinants with error bars."""

from __future__ import annotations

from typing import Any

import numpy as np

from kriss import _device, _validate
from kriss.gp import _gpu
from kriss.gp._answers import LOG_2PI
from kriss.gp._block_cg import BlockRun, block_conjugate_gradients, block_log_determinant
from kriss.gp._gpu_kernel import DeviceKernel, transposed
from kriss.gp._kernels import Kernel
from kriss.gp._krylov import Estimate, LowRankPlusDiagonal, conjugate_gradients
from kriss.gp._results import Prediction

_EPS = float(np.finfo(np.float64).eps)
_BLOCK = 64  # right-hand sides that search together


def _pivoted_rows(launch: DeviceKernel, x: Any, rank: int) -> tuple[Any, float]:
    """Rows of the pivoted Cholesky factor, (k, n), and the mean variance that they leave; `greedy_variance` on a GPU.

    Per step one row of covariances and 2 n k flops; the host learns the pivot's index and size alone.
    """
    xp = _device.cupy()
    n = x.shape[0]
    xt = transposed(x)
    left = launch.own(x)
    prior = left.copy()
    rows = xp.zeros((rank, n))
    done = 0
    while done < rank:
        at = int(left.argmax())
        size = float(left[at])
        if not size > 4.0 * (done + 1.0) ** 0.5 * _EPS * float(prior[at]):
            break
        row = launch.matrix(xp.ascontiguousarray(xt[:, at : at + 1]), xt, False)[0]
        row[at] = prior[at]
        row -= rows[:done, at] @ rows[:done]
        row /= size**0.5
        rows[done] = row
        left = xp.maximum(left - row * row, 0.0)
        left[at] = 0.0
        done += 1
    return rows[:done], float(left.mean()) if n else 0.0


class DeviceIterative(_gpu.DevicePoints):
    """`IterativeFactor` on a GPU: CuPy arrays in, CuPy arrays out.

    Offers `solve`, `quad`, `logdet`, `logdet_estimate`, `log_likelihood`, `log_likelihood_estimate`,
    `log_likelihood_grad` and `predict`, with the same meaning. Of an iteration the host sees matrices of the size of
    the block.
    """

    structure = "iterative"
    exact = False
    jitter = 0.0

    def __init__(
        self,
        kernel: Kernel,
        X: Any,
        noise: Any,
        rank: int,
        rtol: float,
        maxiter: int,
        probes: int,
        seed: _validate.RngLike,
        reason: str,
        check_finite: bool,
    ) -> None:
        super().__init__(kernel, X, noise, check_finite)
        self.reason = reason
        self.rtol = _validate.scalar(rtol, "rtol", low=0.0, strict=True)
        self.maxiter = _validate.integer(maxiter, "maxiter", low=1)
        self.probes = _validate.integer(probes, "probes", low=2)
        self._seed = _validate.seed64(seed, "seed")
        self._probed: tuple[Any, BlockRun] | None = None
        self._launch = DeviceKernel(kernel, self.X.shape[1])
        self._xt = transposed(self.X)
        xp = _device.cupy()
        wanted = min(_validate.integer(rank, "rank", low=0), self.n)
        rows, rest = _pivoted_rows(self._launch, self.X, wanted)
        self.rank = int(rows.shape[0])
        d = self.noise
        if self.n and not float(d.min()) > 0.0:
            d = d + max(rest, 100.0 * _EPS * float(self._launch.own(self.X).max()))
        self._P = LowRankPlusDiagonal(rows, d, xp)

    def _multiply(self, v: Any) -> Any:
        return self._launch.product(self._xt, self._xt, True, v) + self.noise[:, None] * v

    def _run(self, b: Any) -> BlockRun:
        xp = _device.cupy()
        run = block_conjugate_gradients(self._multiply, self._P.solve, b, self.rtol, self.maxiter, xp)
        self._judge(run)
        return run

    def _judge(self, run: Any) -> None:
        if not run.converged:
            raise np.linalg.LinAlgError(
                f"conjugate gradients reached a relative residual of {run.residual:.2g} after {run.iterations} "
                f"iterations, expected {self.rtol:.2g}: raise maxiter or rank, or rtol"
            )

    def _solve(self, b: Any) -> Any:
        xp = _device.cupy()
        if b.shape[1] == 1:
            run = conjugate_gradients(self._multiply, self._P.solve, b, self.rtol, self.maxiter, xp)
            self._judge(run)
            return run.x
        out = xp.empty(b.shape, np.float64)
        for start in range(0, b.shape[1], _BLOCK):
            columns = slice(start, start + _BLOCK)
            out[:, columns] = self._run(xp.ascontiguousarray(b[:, columns])).x
        return out

    def solve(self, B: Any) -> Any:
        """``K^-1 B``."""
        b = self._column(B, "B", (1, 2))
        return self._solve(b.reshape(self.n, -1)).reshape(b.shape)

    def quad(self, y: Any) -> float:
        """``y' K^-1 y``."""
        b = self._column(y, "y", (1,))
        return float((b * self._solve(b[:, None])[:, 0]).sum())

    def _probe(self) -> tuple[Any, BlockRun]:
        if self._probed is None:
            z = self._P.draw(self.probes, np.random.default_rng(self._seed))
            self._probed = (z, self._run(z))
        return self._probed

    def logdet_estimate(self) -> Estimate:
        """``log det K`` with its standard error; the probes are fixed by the seed."""
        if self.n == 0:
            return Estimate(0.0, 0.0, self.probes, 0)
        return block_log_determinant(self._probe()[1], self.n, self._P.logdet)

    def logdet(self) -> float:
        """The value of `logdet_estimate`."""
        return self.logdet_estimate().value

    def log_likelihood_estimate(self, y: Any) -> Estimate:
        """The log marginal likelihood with its standard error."""
        found = self.logdet_estimate()
        value = -0.5 * (self.quad(y) + found.value + self.n * LOG_2PI)
        return Estimate(value, 0.5 * found.standard_error, found.probes, found.iterations)

    def log_likelihood(self, y: Any) -> float:
        """The value of `log_likelihood_estimate`."""
        return self.log_likelihood_estimate(y).value

    def log_likelihood_grad(self, y: Any) -> tuple[float, Any]:
        """The log-likelihood and its gradient from the same probes; see `IterativeFactor.log_likelihood_grad`."""
        xp = _device.cupy()
        b = self._column(y, "y", (1,))
        found = self.logdet_estimate()
        alpha = self._solve(b[:, None])
        value = -0.5 * (float((b * alpha[:, 0]).sum()) + found.value + self.n * LOG_2PI)
        z, run = self._probe()
        left = xp.hstack([0.5 * alpha, run.x * (-0.5 / self.probes)])
        right = xp.hstack([alpha, self._P.solve(z)])
        noise = ((left * right).sum(axis=1) * self.noise).sum()
        own = self._launch.contract_panels(self._xt, left, right)
        return value, xp.concatenate([own, xp.asarray(noise).reshape(1)])

    def predict(self, Xs: Any, y: Any, *, return_std: bool = False, return_cov: bool = False) -> Prediction:
        """The posterior at new points; see `IterativeFactor.predict`."""
        xp = _device.cupy()
        xs = self._test_points(Xs)
        b = self._column(y, "y", (1, 2))
        st = transposed(xs)
        alpha = self._solve(b.reshape(self.n, -1))
        mean = self._launch.product(st, self._xt, False, alpha).reshape(xs.shape[0], *b.shape[1:])
        std = cov = None
        if return_std or return_cov:
            cross = self._launch.matrix(st, self._xt, False)
            solved = self._solve(xp.ascontiguousarray(cross.T))
            if return_std:
                std = xp.sqrt(xp.maximum(self._launch.own(xs) - (cross * solved.T).sum(axis=1), 0.0))
            if return_cov:
                cov = self._launch.matrix(st, st, True) - cross @ solved
                cov = 0.5 * (cov + cov.T)
        return Prediction(mean, std, cov)
