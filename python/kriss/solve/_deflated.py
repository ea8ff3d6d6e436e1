"""Deflated conjugate gradients, which pass a space on from each system of a sequence to the next."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss import _validate as check
from kriss.solve import _recycled
from kriss.solve._gmres import accumulate
from kriss.solve._result import SolveResult
from kriss.solve._system import Array, Callback, System, iterate, prepare

_MOST = 60  # vectors in one pass of the kernels, less the direction, its predecessor and the residual


def deflated_cg(
    A: object,
    b: npt.ArrayLike,
    x0: npt.ArrayLike | None = None,
    *,
    space: Any = None,
    recycle: int = 10,
    harvest: int | None = None,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    M: object = None,
    callback: Callback | None = None,
    residuals: bool = False,
    workers: int | None = None,
    check_finite: bool = True,
) -> SolveResult:
    """Solve ``A x = b`` for a positive definite A by conjugate gradients deflated by a space, and return a better one.

    For a sequence of related systems: the directions of one solve yield approximate eigenvectors of the smallest
    eigenvalues, which the next solve keeps out of its iteration.

    Parameters
    ----------
    A : sparse matrix or array, dense array, or LinearOperator, shape (n, n)
        Real symmetric or complex Hermitian, positive definite; symmetry is not checked.
    b : array_like, shape (n,)
        Right-hand side.
    x0 : array_like, shape (n,), optional
        Where to start; zero by default.
    space : RecycledSpace or array_like, shape (n, k), optional
        Vectors to deflate by, at most 60: ``result.recycled`` of the solve before. A and M may have changed. Columns
        that are zero, or dependent on others, are left out.
    recycle : int, default 10
        Vectors to return in ``result.recycled``, 0 to 30. 0: none are looked for.
    harvest : int, optional
        First directions of this solve that the new space is chosen from, besides `space`; ``2 * recycle`` by default,
        and never so many that the two are more than 60.
    rtol, atol : float
        Stop once ``||b - A x|| <= max(rtol ||b||, atol)``.
    maxiter : int, optional
        Most iterations; 10 n by default.
    M : {None, "jacobi", "ssor", ...} or preconditioner, shape (n, n)
        A fixed approximation of the inverse of A, positive definite.
    callback : callable, optional
        ``callback(xk)`` after each iteration, with a read-only view of the current x.
    residuals : bool
        Keep the norm of the residual before the first iteration and after each.
    workers : int, optional
        Threads; `kriss.get_num_threads` by default. The result does not depend on it.
    check_finite : bool
        Refuse NaN and infinity in A, b, x0 and space. Otherwise they end the iteration with status ``"non_finite"``.

    Returns
    -------
    SolveResult
        Unpacks as ``x, info``. ``recycled`` is the space for the next system; ``params["deflated"]`` the dimension that
        was deflated here. Status ``"indefinite_matrix"`` also if A is found so on the space.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or value, or M says that it is not linear.

    Notes
    -----
    Without a space this is `cg` (to rounding). With U of k columns, W = A U and E = U'W, the start is corrected by
    ``U E^-1 U'r`` and every direction by ``- U E^-1 W'z``, which keeps it A-orthogonal to U. The condition number that
    counts is that of the rest of the spectrum.

    The new space: Ritz vectors of the smallest values on U and the first directions P. As all of these are A-orthogonal
    but for U among itself, their Gram matrix with A is known; that with diag(A) takes (k + s)**2 / 2 inner products. No
    product with A is made for it.

    Cost: k products to begin with; per iteration (104 + 16 + 16 k) n bytes and (14 + 4 k) n flops beside the product
    and M; for the new space of `recycle` vectors, with s directions, about 4 (k + s)**2 n + 8 recycle (k + s) n bytes.
    It pays while the iterations saved exceed that; behind a preconditioner that leaves 30 iterations it does not.
    Memory: 6 + 2 k + s vectors besides x.

    References
    ----------
    Y. Saad, M. Yeung, J. Erhel, F. Guyomarc'h, "A deflated version of the conjugate gradient algorithm", SIAM J. Sci.
    Comput. 21 (2000), algorithm 3.5 and section 5.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import deflated_cg
    >>> from kriss.testing import diffusion2d
    >>> A, change = (diffusion2d(40, contrast=1e3, rng=seed) for seed in (1, 2))
    >>> b = np.ones(1600)
    >>> space, counts = None, []
    >>> for step in range(4):
    ...     result = deflated_cg(A + 0.01 * step * change, b, space=space, M="jacobi", rtol=1e-8)
    ...     space = result.recycled
    ...     counts.append(result.iterations)
    >>> result.status, counts[-1] < 0.8 * counts[0]
    ('converged', True)
    """
    recycle = check.integer(recycle, "recycle", low=0, high=_MOST // 2)
    if harvest is not None:
        harvest = check.integer(harvest, "harvest", low=0, high=_MOST)
    system = prepare(
        A, b, x0, rtol=rtol, atol=atol, maxiter=maxiter, M=M, callback=callback, residuals=residuals, workers=workers,
        check_finite=check_finite, method="deflated_cg",
    )  # fmt: skip
    u, _ = _recycled.columns(space, system.n, system.dtype, finite=check_finite)
    if len(u) > _MOST:
        raise ValueError(f"space has {len(u)} columns, expected at most {_MOST}")
    first = _Deflation(system, u)
    system.solving = time.perf_counter()
    system.params |= {"recycle": recycle, "deflated": first.rank}
    wanted = 2 * recycle if harvest is None else harvest
    room = system.vectors(min(wanted, _MOST - len(first.u), system.n) if recycle else 0)
    kept = 0

    def loop(most: int) -> tuple[int, int, int, Any]:
        nonlocal kept
        if first.status:
            return first.status, 0, 0, np.zeros(1)
        before = system.matvecs
        first.correct()
        spent, system.matvecs = system.matvecs - before, before
        places = room if kept == 0 else []
        status, iterations, matvecs, history, found = system.ks.fcg(
            system.A, system.M, system.b, system.x, system.zero_start, 1, first.u, first.w, first.inverse, places, [],
            system.tol, most, system.hook(), system.threads,
        )  # fmt: skip
        kept = kept or found
        return status, iterations, matvecs + spent, history

    result = iterate(system, loop)
    with np.errstate(all="ignore"):
        chosen = _choose(system, first, room[:kept], recycle) if recycle else []
    return dataclasses.replace(
        result,
        recycled=_recycled.recycled(chosen, None, system.n, system.dtype),
        solve_time=time.perf_counter() - system.solving,
    )


class _Deflation:
    """U, W = A U and a pseudo-inverse of E = U'W, the columns of U scaled to u'Au = 1."""

    def __init__(self, system: System, vectors: list[Array]) -> None:
        self.system = system
        self.u: list[Array] = []
        self.w: list[Array] = []
        self.inverse: Any = np.zeros((0, 0), system.wide)
        self.gram: Any = self.inverse
        self.rank = 0
        self.status = 0
        with np.errstate(all="ignore"):
            self._prepare(vectors)

    def _prepare(self, vectors: list[Array]) -> None:
        system = self.system
        u: list[Array] = []
        w: list[Array] = []
        for v in vectors:
            size = system.norm(v)
            if not math.isfinite(size):
                self.status = 6
                return
            if size == 0.0:
                continue
            unit = np.empty_like(v)
            system.fused(unit, 0.0, [v], [1.0 / size], [])
            image = np.empty_like(v)
            system.A.apply(unit, image, system.threads)
            system.matvecs += 1
            u.append(unit)
            w.append(image)
        lengths = [system.norm(image) for image in w]
        if not all(math.isfinite(length) for length in lengths):
            self.status = 6
            return
        # u'Au below the rounding of the product tells nothing, neither of that column nor of the sign
        noise = 8 * system.eps * max(lengths, default=0.0)
        energy = [float(system.fused(image, 1.0, [], [], [unit])[0][0].real) for unit, image in zip(u, w, strict=True)]
        if any(e < -noise for e in energy):
            self.status = 4
            return
        for unit, image, e in zip(u, w, energy, strict=True):
            if e > noise:
                scale = 1.0 / math.sqrt(e)
                for vector in (unit, image):
                    system.fused(vector, scale, [], [], [])
                self.u.append(unit)
                self.w.append(image)
        if not self.u:
            return
        rows = [system.fused(image, 1.0, [], [], self.u)[0] for image in self.w]
        gram = np.array(rows).T
        self.gram = (gram + gram.conj().T) / 2
        values, q = np.linalg.eigh(self.gram)
        if values[0] < -1e-3:
            self.status = 4
            return
        good = values > max(1e4 * system.eps, 1e-10) * values[-1]
        self.rank = int(good.sum())
        self.inverse = np.ascontiguousarray((q[:, good] / values[good]) @ q[:, good].conj().T, dtype=system.wide)

    def correct(self) -> None:
        """``x += U E^-1 U'(b - A x)``, which leaves a residual orthogonal to U."""
        if not self.u:
            return
        system = self.system
        r = np.empty_like(system.b)
        if system.zero_start:
            r[:] = system.b
        else:
            system.residual(r)
        along = system.fused(r, 1.0, [], [], self.u)[0]
        accumulate(system, self.u, self.inverse @ along, system.x)


def _choose(system: System, deflation: _Deflation, directions: list[Array], count: int) -> list[Array]:
    """The `count` Ritz vectors of smallest value, with diag(A) as mass, on the deflating and the given directions."""
    basis = [*deflation.u, *directions]
    if not basis or deflation.status:
        return []
    k, size = len(deflation.u), len(basis)
    energy = np.eye(size, dtype=system.wide)
    energy[:k, :k] = deflation.gram
    weight = _diagonal(system)
    mass = np.zeros((size, size), system.wide)
    weighted = np.empty_like(system.b)
    for j, vector in enumerate(basis):
        if weight is None:
            weighted[:] = vector
        else:
            np.multiply(weight, vector, out=weighted)
        mass[: j + 1, j] = system.fused(weighted, 1.0, [], [], basis[: j + 1])[0]
    mass = mass + np.triu(mass, 1).conj().T
    length = np.sqrt(np.abs(mass.diagonal().real))
    if not (np.isfinite(mass).all() and np.isfinite(energy).all() and (length > 0).all()):
        return []
    values, q = np.linalg.eigh(mass / np.outer(length, length))
    good = values > max(1e4 * system.eps, 1e-10) * values[-1]
    basis_change = (q[:, good] / np.sqrt(values[good])) / length[:, None]
    reduced = basis_change.conj().T @ energy @ basis_change
    ritz = np.linalg.eigh((reduced + reduced.conj().T) / 2)[1][:, :count]
    out = []
    for y in (basis_change @ ritz).T:
        made = np.empty_like(system.b)
        system.fused(made, 0.0, basis, y, [])
        norm = system.norm(made)
        if norm > 0.0 and math.isfinite(norm):
            system.fused(made, 1.0 / norm, [], [], [])
            out.append(made)
    return out


def _diagonal(system: System) -> Array | None:
    """diag(A) where it is known and positive."""
    m: Any = system.matrix
    if m is None:
        return None
    if isinstance(m, check.Csr):
        m = sps.csr_array((m.data, m.indices, m.indptr), shape=m.shape)
    found = np.asarray(m.diagonal()).real
    return np.ascontiguousarray(found) if (found > 0).all() else None
