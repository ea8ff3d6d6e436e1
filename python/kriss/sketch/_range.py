"""An orthonormal basis of the range of a tall matrix as A·P: P from a sketch, made exact by a Gram matrix.

A·P is never stored: what samplers and scores need of it is made block by block.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg as sla
import scipy.sparse.linalg as spla

from kriss import _backend, _validate
from kriss.sketch import _dense
from kriss.sketch._certificate import sketched_factor, tall_pass
from kriss.sketch._source import READ, Source
from kriss.sketch._sparse_sign import SparseSign

Array = npt.NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)
DENSE = 1 << 22  # entries up to which LAPACK's decomposition of A itself is as fast as anything
WRITTEN = 1 << 25  # entries up to which A may be written out where nothing else will do
SKETCH = 1 << 26  # entries of a sketch
RANK_LIMIT = 1e13
OVER = 10  # columns beyond the rank in a truncated basis
STEPS = 3  # of the block Krylov method with method="sketch"


@dataclass(frozen=True)
class Range:
    """A·P·T has orthonormal columns; `squares` are the squared norms of the rows of A·P."""

    source: Source
    p: Array  # (n, rank)
    t: Array  # (rank, rank), upper triangular
    squares: Array  # (m)
    floor: float  # least eigenvalue of (A·P)ᵀ(A·P): leverage_i <= squares_i / floor
    workers: int = 0

    @property
    def rank(self) -> int:
        """Columns of the basis."""
        return int(self.p.shape[1])

    @property
    def triangular(self) -> bool:
        """Whether A is an array in memory that compiled passes take, and P upper triangular."""
        return compiled(self.source, self.p) and not np.any(np.tril(self.p, -1))

    def rows(self, places: npt.NDArray[np.intp]) -> Array:
        """Rows of the orthonormal basis."""
        return _dense.in_pieces(self.source.take(places), self.whole)

    @functools.cached_property
    def whole(self) -> Array:
        """P·T."""
        return _dense.in_pieces(self.p, self.t)

    @functools.cached_property
    def leverage(self) -> Array:
        """Scores of all rows, between 0 and 1, by another pass."""
        return np.minimum(row_squares(self.source, self.whole, self.workers)[1], 1.0)

    def singular(self) -> Range:
        """The same basis turned into the left singular vectors of A, in falling order."""
        # A = (A·P·T) (P·T)⁺, so the singular values of A are those of the pseudo-inverse.
        yt = sla.svd(self.whole, full_matrices=False, check_finite=False)[2]
        return Range(self.source, self.p, self.t @ yt[::-1].T, self.squares, self.floor, self.workers)

    def singular_values(self) -> Array:
        """Of A, falling."""
        return np.asarray(1.0 / sla.svdvals(self.whole, check_finite=False)[::-1])


def compiled(source: Source, p: Array) -> bool:
    """Whether there are compiled passes for A·P."""
    array = source.array
    return p.shape[0] == p.shape[1] and array is not None and not source.sparse and array.dtype == np.float64


def row_squares(
    source: Source, p: Array, workers: int, want_gram: bool = False, what: str = "scores"
) -> tuple[Array, Array, Array]:
    """(P, squared norms of the rows of A·P, its Gram matrix or nothing); a pass.

    For square P and a matrix in memory a compiled one of m n² flops, and as many for the Gram matrix; it wants P upper
    triangular and may turn the columns of A·P for that. Else 2 m n rank flops by BLAS.
    """
    n, rank = p.shape
    squares = np.empty(source.m)
    if compiled(source, p):
        if np.any(np.tril(p, -1)):
            p = np.asarray(sla.rq(p, check_finite=False)[0])
        wide = -(-n // 8) * 8
        padded = np.zeros((wide, wide))
        padded[:n, :n] = p
        gram = np.zeros((wide, wide) if want_gram else (0, 0))
        _backend.kernels("sketch_scores").score_rows(source.array, padded, squares, gram, workers)
        if not source.checked and not np.isfinite(squares).all():
            for _ in source.blocks():
                pass
        source.checked = True
        return p, squares, np.ascontiguousarray(gram[:n, :n])
    gram = np.zeros((rank, rank) if want_gram else (0, 0))
    for first, block in source.blocks(what):
        part = block @ p
        np.einsum("ij,ij->i", part, part, out=squares[first : first + block.shape[0]])
        if want_gram:
            gram += part.T @ part
    return p, squares, gram


def single_squares(source: Source, p: Array, skeel: float, workers: int) -> Array | None:
    """Squared norms of the rows of A·P to 1 %, in single precision; None where that cannot be had.

    `skeel` is the norm of |P⁻¹| |P|, P upper triangular. m n² flops, twice as fast as in double precision.
    """
    size = np.abs(np.diagonal(p))
    n = len(size)
    good = n <= 512 and (n + 2) * 2.0**-24 * skeel < 5e-3 and size.min() > 2.0**-60 and size.max() < 2.0**60
    if not (compiled(source, p) and good):
        return None
    wide = -(-n // 8) * 8
    padded = np.zeros((wide, wide), np.float32)
    padded[:n, :n] = p
    squares = np.empty(source.m)
    _backend.kernels("sketch_rows").single_scores(source.array, padded, squares, workers)
    # Rows of a size at which single precision ends, or that are not finite, once more.
    if squares.min() > 1e-20 and squares.max() < 1e20:
        source.checked = True
        return squares
    with np.errstate(invalid="ignore"):
        odd = np.flatnonzero(~((squares > 1e-20) & (squares < 1e20)))
    if len(odd) > source.m // 8:
        return None
    if len(odd):
        with np.errstate(over="ignore", invalid="ignore"):
            rows = source.take(odd) @ p
            squares[odd] = np.einsum("ij,ij->i", rows, rows)
        if not source.checked and not np.isfinite(squares[odd]).all():
            for _ in source.blocks():
                pass
    source.checked = True
    return squares


@dataclass(frozen=True)
class Guess:
    """An upper triangular P such that A·P has about orthonormal columns."""

    p: Array
    skeel: float  # norm of |P⁻¹| |P|


def from_rows(source: Source, count: int, gen: np.random.Generator, workers: int) -> Guess | None:
    """P from uniformly drawn rows of A in memory; None if they are few.

    Right for matrices whose rows matter about equally; who uses it must check.
    """
    rows = source.take(np.sort(gen.integers(source.m, size=count)))
    with np.errstate(over="ignore", invalid="ignore"):
        # Not by BLAS, whose threads would go on spinning into the pass over A.
        nothing, right = np.zeros((source.n, 1)), np.broadcast_to(np.zeros((1, 1)), (count, 1))
        scale = np.ones(source.n)
        gram = tall_pass(rows, right, scale, np.ones(1), nothing, want_gram=True, workers=workers).gram
        norm = np.diagonal(gram)
        if norm.min() > 1e-200 and norm.max() < 1e200:
            scale = np.ldexp(1.0, -np.frexp(np.sqrt(norm / count))[1])
            gram = gram * scale * scale[:, None]
        else:
            largest = np.maximum(rows.max(axis=0), -rows.min(axis=0))
            if not (np.isfinite(largest).all() and largest.min() >= 1e-290):
                return None
            scale = np.ldexp(1.0, -np.frexp(largest)[1])
            gram = tall_pass(rows, right, scale, np.ones(1), nothing, want_gram=True, workers=workers).gram
    u = _dense.cholesky(gram)
    if u is None:
        return None
    size = np.abs(np.diag(u))
    inverse = np.triu(_dense.solve(u, np.eye(source.n)))
    # Cholesky's factor of a Gram matrix is only good for condition numbers that leave half of the digits.
    if not np.linalg.norm(inverse * size) * np.linalg.norm(u / size) < 1e6:
        return None
    skeel = float(np.linalg.norm(np.abs(u) @ np.abs(inverse)))
    return Guess(np.asarray(scale[:, None] * inverse * np.sqrt(count / source.m)), skeel)


def sketched(source: Source, d: int, zeta: int, rng: _validate.RngLike, workers: int) -> Array | None:
    """P such that the sketch of A·P has orthonormal columns, a pass; None if there is no finite sketch."""
    sketch = SparseSign(d, zeta, rng=rng)
    sa = np.zeros((d, source.n))
    with np.errstate(over="ignore", invalid="ignore"):
        for first, block in source.blocks("sketch", READ):
            sketch.apply(block, row_offset=first, out=sa, workers=workers or None, check_finite=False)
    if not np.isfinite(sa).all() or not np.abs(sa).max(initial=0.0) >= 1e-290:
        return None
    scale, scaled = sketched_factor(sa)
    r = np.ascontiguousarray(np.triu(_dense.qr_r(scaled, source.n)))
    vt, s = _dense.svd(r)
    keep = int(np.count_nonzero(s * RANK_LIMIT > s[0]))
    if keep == source.n:
        return np.asarray(scale[:, None] * np.triu(_dense.solve(r, np.eye(keep))))
    return np.asarray(scale[:, None] * (vt[:keep].T / s[:keep]))


def orthonormal_range(source: Source, gen: np.random.Generator, workers: int) -> Range:
    """The range of all of A: exactly, in one or two passes, up to 16 m n + 3 m n² flops; by LAPACK where A is small."""
    m, n = source.m, source.n
    if min(m, n) == 0:
        raise ValueError(f"{source.name} has shape {(m, n)}, expected at least one row and one column")
    d = max(12 * n, 64)
    if m <= max(d, 1024) or d * n > SKETCH:
        return complete(source, _decomposed(source, None), workers)
    if source.array is not None and not source.sparse and m >= 4 * d:
        guess = from_rows(source, d, gen, workers)
        if guess is not None:
            p, squares, gram = row_squares(source, guess.p, workers, want_gram=True)
            found = _factored(source, p, squares, gram, workers) if np.isfinite(gram).all() else None
            if found is not None and found.floor > 0.2 * np.trace(gram) / n:
                return found
    nearly = sketched(source, d, 8, gen, workers)
    return complete(source, _decomposed(source, None) if nearly is None else nearly, workers)


def range_of(source: Source, rank: object, gen: np.random.Generator, workers: int) -> Range:
    """All of the range, or what the caller's `rank` leaves of it."""
    if rank is None:
        return orthonormal_range(source, gen, workers)
    return truncated_range(source, _validate.integer(rank, "rank", low=1), True, gen, workers)


def complete(source: Source, p: Array, workers: int) -> Range:
    """For a P that is nearly right: the squares of A·P and its Gram matrix, a pass; T makes it exact."""
    found = _factored(source, *row_squares(source, p, workers, True, "Gram matrix"), workers)
    if found is None:
        raise ValueError(f"{source.name} is too ill-conditioned: the Gram matrix of its basis is not positive definite")
    return found


def _factored(source: Source, p: Array, squares: Array, gram: Array, workers: int) -> Range | None:
    """None if the Gram matrix has a pivot that is not positive."""
    u = _dense.cholesky(gram)
    if u is None:
        return None
    t = np.triu(_dense.solve(u, np.eye(u.shape[0])))
    small = u.shape[0] <= _dense.LIMIT
    floor = float(_dense.svd(u)[1][-1]) ** 2 if small else float(sla.eigvalsh(gram, check_finite=False)[0])
    return Range(source, p, t, squares, floor * (1.0 - 1e-12), workers)


def _decomposed(source: Source, rank: int | None) -> Array:
    """P from the singular value decomposition of A: all of it with scaled columns, or `rank` columns of it."""
    m, n = source.m, source.n
    if m * n > WRITTEN:
        raise ValueError(
            f"{source.name} has shape {(m, n)}: too few rows for a sketch (or numbers beyond its range), and too large "
            f"for a singular value decomposition"
        )
    a = source.dense()
    largest = np.abs(a).max(axis=0, initial=0.0)
    top = float(largest.max(initial=0.0))
    if not top >= 1e-290:
        what = "zero, expected a rank of at least 1" if top == 0.0 else f"at most {top:.3g} in size: scale it up"
        raise ValueError(f"{source.name} is {what}")
    size = np.where(largest < 1e-290, 1.0, largest) if rank is None else np.full(n, top)
    scale = np.ldexp(1.0, -np.frexp(size)[1].clip(-1020, 1020))
    a *= scale
    if m > n:
        a = np.asarray(sla.qr(a, mode="r", check_finite=False, overwrite_a=True)[0])[:n]
    _, s, vt = sla.svd(a, full_matrices=False, check_finite=False, overwrite_a=True)
    keep = int(np.count_nonzero(s > max(m, n) * EPS * s[0]))
    if rank is not None:
        _expect_rank(source, rank, keep)
        keep = rank
    return np.asarray(scale[:, None] * (vt[:keep].T / s[:keep]))


def _expect_rank(source: Source, rank: int, have: int) -> None:
    if rank > have:
        raise ValueError(f"rank is {rank}, above the rank {have} of {source.name}")


def truncated_range(source: Source, rank: int, exact: bool, gen: np.random.Generator, workers: int) -> Range:
    """The left singular vectors of the `rank` largest singular values.

    LAPACK for small matrices. Beyond, ARPACK (a pass over A for each product) or, if not `exact`, a block Krylov
    method of `STEPS` + 2 passes.
    """
    m, n = source.m, source.n
    if min(m, n) == 0:
        raise ValueError(f"{source.name} has shape {(m, n)}, expected at least one row and one column")
    _expect_rank(source, rank, min(m, n))
    if m * n <= DENSE or (exact and rank + OVER >= min(m, n)):
        return complete(source, _decomposed(source, rank), workers)
    if exact:
        top, vt = _arpack(source, rank, gen)
    else:
        top, vt = _krylov(source, rank, gen)
    have = int(np.count_nonzero(top > 1e-7 * top[0])) if top[0] > 0 else 0
    _expect_rank(source, rank, have)
    return complete(source, vt[:rank].T / top[:rank], workers)


def _arpack(source: Source, rank: int, gen: np.random.Generator) -> tuple[Array, Array]:
    """Singular values, falling, and right singular vectors as rows."""

    def product(x: Array) -> Array:
        return np.concatenate([block @ x for _, block in source.blocks("products")])

    def adjoint(y: Array) -> Array:
        out = np.zeros((source.n, *y.shape[1:]))
        for first, block in source.blocks("products"):
            out += block.T @ y[first : first + block.shape[0]]
        return out

    operator = spla.LinearOperator((source.m, source.n), matvec=product, rmatvec=adjoint, dtype=np.float64)
    start = gen.standard_normal(min(source.m, source.n))
    _, s, vt = spla.svds(operator, k=rank, v0=start, return_singular_vectors="vh")
    order = np.argsort(s)[::-1]
    return s[order], vt[order]


def _krylov(source: Source, rank: int, gen: np.random.Generator) -> tuple[Array, Array]:
    """The same up to the method's error: Rayleigh and Ritz in the span of G, (AᵀA) G, (AᵀA)² G, ..."""
    width = min(rank + OVER, source.n)
    last = np.linalg.qr(gen.standard_normal((source.n, width)))[0]
    span = [last]
    for _ in range(STEPS):
        fresh = np.zeros((source.n, width))
        for _, block in source.blocks("subspace"):
            fresh += block.T @ (block @ last)
        last = np.linalg.qr(fresh)[0]
        span.append(last)
    basis = np.linalg.qr(np.hstack(span))[0]
    gram = np.zeros((basis.shape[1], basis.shape[1]))
    for _, block in source.blocks("subspace"):
        part = block @ basis
        gram += part.T @ part
    values, vectors = sla.eigh(gram, check_finite=False)
    return np.sqrt(np.maximum(values[::-1], 0.0)), (basis @ vectors[:, ::-1]).T
