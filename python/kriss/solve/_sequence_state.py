"""What a sequence keeps for systems of one size and pattern, and what it has recorded of those that it solved."""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss import _validate as check
from kriss._backend import kernels
from kriss.solve._learners import Learner, Tsallis
from kriss.solve._learners_chebyshev import ChebCB
from kriss.solve._learners_kernel import KernelLearner
from kriss.solve._sequence_arms import Built, Choices
from kriss.solve._sequence_trials import Trial

Array = npt.NDArray[Any]

LEARNERS = ("auto", "tsallis", "tsallis-rv", "chebcb", "kernel", "fixed")
EXTRAPOLATED = 3  # solutions that a start is put together from


def learner(name: str, chosen: Choices) -> Learner:
    """A learner for these settings."""
    count = len(chosen.arms)
    if name == "fixed" or (name == "auto" and count == 1):
        return Learner(count, chosen.start)
    if name.startswith("tsallis"):
        return Tsallis(count, name == "tsallis-rv")
    if name == "chebcb":
        return ChebCB(count)
    return KernelLearner(count, chosen.kernel, chosen.start)


class Pattern:
    """Everything that belongs to systems of one size and pattern."""

    def __init__(self, chosen: Choices, name: str, trials: tuple[str, ...]) -> None:
        self.chosen = chosen
        self.learner = learner(name, chosen)
        # the costs of all settings are estimated whichever learner chooses
        self.estimator = (
            self.learner
            if isinstance(self.learner, KernelLearner)
            else KernelLearner(len(chosen.arms), chosen.kernel, chosen.start)
        )
        self.trials = {name: Trial(name) for name in trials}
        self.built = Built(chosen)
        self.safe: int | None = None
        self.failed = np.zeros(len(chosen.arms), int)
        self.succeeded = np.zeros(len(chosen.arms), int)
        self.longest: list[int] = []  # iterations of recent solves
        self.solutions: list[Array] = []
        self.space: Any = None
        # the matrix: its index arrays, a copy of its entries and a number that changes with them
        self.indptr: Array | None = None
        self.indices: Array | None = None
        self.entries: Array | None = None
        self.diagonal: Array | None = None
        self.sums = np.empty(3)  # of its entries and the diagonal ones; the largest magnitude
        self.stamp = 0
        self.unit: float | None = None  # traffic of an iteration, which that of other settings is relative to

    def fits(self, matrix: check.Csr) -> bool:
        """Whether a matrix has this pattern."""
        if self.indptr is None or self.indices is None:
            return False
        return bool(
            (self.indptr is matrix.indptr or np.array_equal(self.indptr, matrix.indptr))
            and (self.indices is matrix.indices or np.array_equal(self.indices, matrix.indices))
        )

    def take(self, matrix: check.Csr) -> float:
        """Note the entries of a matrix; returns the logarithm of the sum of all over that of the diagonal.

        That number tells how strongly the unknowns are coupled: of a time step, for instance, its length.
        """
        if self.indptr is None:
            self.indptr, self.indices = matrix.indptr.copy(), matrix.indices.copy()
            rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
            self.diagonal = np.flatnonzero(matrix.indices == rows).astype(np.int64)
        if self.entries is None or self.entries.dtype != matrix.data.dtype:
            self.entries = matrix.data.copy()
            self.stamp += 1
        if self._renew(matrix.indptr, matrix.indices, matrix.data, False) == 0:
            return self._coupling()
        if not np.array_equal(self.entries, matrix.data):
            self.entries = matrix.data.copy()
            self.stamp += 1
        with np.errstate(all="ignore"):
            self.sums[:] = matrix.data.sum(), matrix.data[self.diagonal].sum(), np.abs(matrix.data).max(initial=0.0)
        return self._coupling()

    def again(self, A: Any, finite: bool) -> tuple[check.Csr, float] | None:
        """What `take` returns, and the matrix, after one look at it; None if A is no CSR matrix of this pattern."""
        if self.indptr is None or self.entries is None or A.format != "csr":
            return None
        if A.ndim != 2 or A.shape[0] != A.shape[1]:
            return None
        if self._renew(A.indptr, A.indices, A.data, finite) != 0:
            return None
        return check.Csr(A.shape, A.indptr, A.indices, A.data), self._coupling()

    def _renew(self, indptr: Any, indices: Any, data: Any, finite: bool) -> int:
        """0 if these are arrays of float64 entries with this pattern: then they are noted."""
        kept = (self.indptr, self.indices, self.entries)
        for a, b in zip((indptr, indices, data), kept, strict=True):
            if type(a) is not np.ndarray or b is None or a.dtype != b.dtype or a.shape != b.shape:
                return -1
            if not (a.flags.c_contiguous and a.flags.aligned):
                return -1
        if data.dtype != np.float64:
            return -1
        code = kernels("solve_learner").renew(indptr, indices, data, *kept, self.diagonal, finite, self.sums)
        if code == 2:
            self.stamp += 1
        return 0 if code == 2 else int(code)

    def _coupling(self) -> float:
        total, diagonal = float(self.sums[0]), float(self.sums[1])
        ratio = total / diagonal if diagonal > 0.0 else 0.0
        return round(math.log(ratio), 6) if 0.0 < ratio < math.inf else math.nan

    def forget_vectors(self) -> None:
        """Drop what belongs to solutions."""
        self.solutions, self.space = [], None

    def state(self) -> dict[str, Any]:
        """What has been learned, as plain values."""
        out = {
            "learner": self.learner.state(), "safe": self.safe, "failed": self.failed.copy(),
            "succeeded": self.succeeded.copy(), "trials": {name: t.state() for name, t in self.trials.items()},
        }  # fmt: skip
        if self.estimator is not self.learner:
            out["estimator"] = self.estimator.state()
        return out

    def load(self, state: dict[str, Any], *, merge: bool = False) -> None:
        """Take over what was learned, or add it."""
        for one, name in ((self.learner, "learner"), (self.estimator, "estimator")):
            if name == "estimator" and one is self.learner:
                continue
            (one.merge if merge else one.load)(state[name])
        for name, trial in self.trials.items():
            if name in state["trials"]:
                (trial.merge if merge else trial.load)(state["trials"][name])
        if self.safe is None or not merge:
            self.safe = state["safe"]
        if merge:
            self.failed = np.maximum(self.failed, state["failed"])
            self.succeeded = np.maximum(self.succeeded, state["succeeded"])
        else:
            self.failed, self.succeeded = np.array(state["failed"]), np.array(state["succeeded"])


def signature(matrix: check.Csr | None, n: int) -> str:
    """A name for size and pattern."""
    if matrix is None:
        return f"operator {n}"
    crc = zlib.crc32(np.ascontiguousarray(matrix.indices), zlib.crc32(np.ascontiguousarray(matrix.indptr)))
    return f"{n} {matrix.data.size} {crc:08x}"


def as_scipy(matrix: check.Csr, A: Any) -> Any:
    """A checked matrix as a solver takes it: A itself where it needed no conversion."""
    if A.format == "csr" and A.indptr is matrix.indptr and A.data.size == matrix.data.size and _same(A, matrix):
        return A
    out = sps.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)
    out.has_canonical_format = True
    return out


def _same(A: Any, matrix: check.Csr) -> bool:
    pairs = ((A.data, matrix.data), (A.indices, matrix.indices))
    return all(a.dtype == b.dtype and a.ctypes.data == b.ctypes.data for a, b in pairs)


def extrapolated(A: Any, b: Array, solutions: list[Array]) -> tuple[Array, int]:
    """The combination of recent solutions, latest first, with the least residual; and the products with A it took.

    The combination is sought in the basis of backward differences, which is far better conditioned.
    """
    basis = [solutions[0]]
    if len(solutions) > 1:
        basis.append(solutions[0] - solutions[1])
    if len(solutions) > 2:
        basis.append(solutions[0] - 2.0 * solutions[1] + solutions[2])
    with np.errstate(all="ignore"):
        X = np.array(basis)
        sizes = np.abs(X).max(axis=1)
        X = X[(sizes > 0) & np.isfinite(sizes)]
        if len(X) == 0:
            return np.zeros_like(b), 0
        X /= np.abs(X).max(axis=1)[:, None]
        W = np.ascontiguousarray((A @ X.T).T)
        norms = np.linalg.norm(W, axis=1)
        good = (norms > 0) & np.isfinite(norms)
        if not good.any():
            return np.zeros_like(b), len(X)
        X, W = X[good] / norms[good, None], W[good] / norms[good, None]
        scale = float(np.abs(b).max(initial=0.0)) or 1.0
        c = np.linalg.pinv(W @ W.T, rcond=1e-12, hermitian=True) @ (W @ (b / scale))
        x = (c * scale) @ X
    return (x if np.isfinite(x).all() else np.zeros_like(b)), len(sizes)
