"""Families of matrices over a parameter, interpolated between a few members by empirical interpolation."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg as sl
import scipy.sparse as sps
from scipy.optimize import nnls
from scipy.sparse.linalg import LinearOperator, splu

from kriss import _validate as check

Array = npt.NDArray[Any]

_trtrs = sl.get_lapack_funcs("trtrs", dtype=np.float64)
_SAMPLE = 300  # entries that are compared
_PRODUCTS = 1500  # products of entries, of all degrees together
_FRESH = 8  # parameters of the verification


@dataclass(frozen=True, eq=False)
class FamilySolution:
    """Solution of one member of an `InterpolatedFamily`, with its residual.

    Attributes
    ----------
    x : ndarray, shape (n,) or (n, k)
        The interpolated solution.
    residual : float or ndarray, shape (k,)
        ``||b - A x|| / ||b||`` for the interpolated A, computed from b, the sampled matrices and x.
    coefficients : ndarray, shape (d,)
        Those of the members.
    """

    x: Array
    residual: Any
    coefficients: Array


@dataclass(frozen=True)
class LogDet:
    """Logarithm of the determinant of one member of an `InterpolatedFamily`.

    Attributes
    ----------
    value : float
        ``log |det A|``.
    change : float
        By how much it differs from the value without the last two members: an indicator, not a bound, of its error.
    """

    value: float
    change: float


class InterpolatedFamily:
    """A matrix that depends on a parameter, as a combination of its values at a few: empirical interpolation.

    ``A(mu) = sum of beta_m(mu) A(mu_m)`` with the same coefficients for every entry. They follow from as many sampled
    entries as there are members: no access to the code that assembles, and no expansion, is needed. As the coefficients
    also reproduce products of entries (`powers`), they hold for what is a limit of polynomials in A: solutions and
    log-determinants.

    Parameters
    ----------
    assemble : callable
        ``assemble(mu)`` returns the matrix, sparse with a pattern that does not depend on mu, or a dense array.
    parameters : array_like, shape (N,) or (N, p)
        Candidates for the members, spread over the range of interest, 50 to 500 per parameter. In one dimension mu is
        a float, else an array (p,).
    entries : callable, optional
        ``entries(mu, where)`` returns the entries at the places `where` of ``assemble(mu).data`` (sparse) or
        ``assemble(mu).ravel()`` (dense), far cheaper than the whole matrix.
    terms : callable, optional
        Where ``A(mu) = sum of theta_q(mu) A_q`` is known: ``terms(mu)`` returns all theta_q(mu). With neither,
        polynomials in the parameters are reproduced.
    b : array_like, shape (n,) or (n, k), optional
        Right-hand sides of `solve`.
    max_terms : int, default 20
        Most matrices assembled, a check by one more included where there is no `entries`.
    rtol : float, default 1e-12
        The selection ends once all functions are reproduced to this, relative to the largest.
    powers : int, default 4
        Highest degree of the products of entries, or terms, that must be reproduced as well. 1 is enough for the matrix
        alone; inverses of ill-conditioned families want 8.
    rng : int, SeedSequence, Generator or None
        Source of the sampled places and products.

    Attributes
    ----------
    nodes : ndarray, shape (d,) or (d, p)
        Parameters of the members.
    assemblies : int
        Matrices assembled.
    error : float
        Largest error of an entry over the largest entry, measured at other parameters and other places than those the
        selection saw; NaN if the budget left no room to measure.
    shape : (int, int)
        Of the matrices.
    nbytes : int
        Memory held.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or value, a member differs from the others in shape or pattern, or entries are
        not finite.

    Notes
    -----
    Selection: N (300 + 1500) numbers, 2 d of them swept d times. Coefficients: d sampled entries and 2 d**2 flops.
    `matrix` reads 8 d nnz bytes: against code that assembles in few nanoseconds per entry it wins little, whatever the
    method; `solve` and `logdet` do not touch the matrix and cost 2 d n + 2 d**4 flops, with a factorisation of each
    member beforehand. Memory: d nnz numbers, and (d**2 + 1) n while the residual is prepared.

    References
    ----------
    F. Casenave, A. Ern, T. Lelievre, G. Sylvand, "A nonintrusive method to approximate linear systems with nonlinear
    parameter dependence", 2013, arXiv:1307.4330, section 2. F. Casenave, N. Akkari, A. Charles, C. Rey, "Nonintrusive
    approximation of parametrized limits of matrix power algorithms", 2017, arXiv:1710.02488, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import InterpolatedFamily
    >>> points = np.linspace(0, 1, 60)
    >>> distance = abs(points[:, None] - points)
    >>> def covariance(scale):
    ...     return np.exp(-0.5 * (distance / scale) ** 2) + 1e-2 * np.eye(60)
    >>> def some(scale, where):
    ...     return np.exp(-0.5 * (distance.ravel()[where] / scale) ** 2) + 1e-2 * (where % 61 == 0)
    >>> family = InterpolatedFamily(covariance, np.geomspace(0.2, 0.6, 100), entries=some, b=points)
    >>> family.assemblies <= 20, family.error < 1e-9
    (True, True)
    >>> bool(abs(family.matrix(0.31) - covariance(0.31)).max() < 1e-9)
    True
    >>> bool(family.solve(0.31).residual < 1e-4)
    True
    """

    def __init__(
        self,
        assemble: Callable[[Any], Any],
        parameters: npt.ArrayLike,
        *,
        entries: Callable[[Any, Array], Any] | None = None,
        terms: Callable[[Any], Any] | None = None,
        b: npt.ArrayLike | None = None,
        max_terms: int = 20,
        rtol: float = 1e-12,
        powers: int = 4,
        rng: check.RngLike = 0,
    ) -> None:
        for call, name in ((assemble, "assemble"), (entries, "entries"), (terms, "terms")):
            if not callable(call) and not (call is None and name != "assemble"):
                raise TypeError(f"{name} must be callable, not {type(call).__name__}")
        if entries is not None and terms is not None:
            raise ValueError("entries and terms are both given, expected at most one of them")
        self._train = check.real_array(parameters, "parameters", ndim=(1, 2), dtype=np.float64)
        if not len(self._train):
            raise ValueError(f"parameters has shape {self._train.shape}, expected at least one")
        most = check.integer(max_terms, "max_terms", low=1)
        rtol = check.scalar(rtol, "rtol", low=0.0)
        powers = check.integer(powers, "powers", low=1)
        self._assemble, self._entries, self._terms = assemble, entries, terms
        self._draw = check.generator(rng)
        first = len(self._train) // 2
        self._format: Any = self._member(first, None)
        self.shape: tuple[int, int] = tuple(self._format.shape)
        values = _flat(self._format)
        self._places = self._sampled(values)
        singles = np.stack([self._functions(self._mu(j)) for j in range(len(self._train))])
        self._scale = float(np.abs(singles).max(initial=0.0)) or 1.0
        self._products = self._drawn(singles.shape[1], powers if terms is not None or entries is not None else 1)
        expanded = self._expanded(singles / self._scale)
        measure = entries is None and most > 1
        picked = _select(expanded, first, most - measure, rtol)
        chosen, places, self._triangle, self._unit = picked
        self._at = places
        self.nodes: Array = self._train[chosen].copy()
        self._data = np.empty((len(chosen), len(values)))
        self._data[0] = values
        for m, j in enumerate(chosen[1:], start=1):
            self._data[m] = _flat(self._member(j, self._format))
        if not sps.issparse(self._format):
            self._format = None
        self.assemblies = len(chosen)
        self._largest = float(np.abs(self._data).max(initial=0.0))
        self.error = self._measured(measure)
        self._inverse: _Solved | None = None
        self._factors: list[_Factor] | None = None
        self._b = None if b is None else check.real_array(b, "b", ndim=(1, 2), dtype=np.float64)
        if self._b is not None and len(self._b) != self.shape[0]:
            raise ValueError(f"b has shape {self._b.shape}, expected ({self.shape[0]},) or ({self.shape[0]}, k)")

    def __repr__(self) -> str:
        return f"InterpolatedFamily(shape={self.shape}, members={len(self.nodes)}, error={self.error:.2g})"

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        held = 0 if self._inverse is None else self._inverse.x.nbytes + sum(r.nbytes for r in self._inverse.residuals)
        return int(self._data.nbytes + held)

    def coefficients(self, mu: Any) -> Array:
        """beta(mu), shape (d,)."""
        return self._combine(self._at_places(self._point(mu)))

    def matrix(self, mu: Any) -> Any:
        """The matrix at mu, of the kind that `assemble` returns (CSR if sparse)."""
        return self._shaped(self.coefficients(mu) @ self._data)

    def solve(self, mu: Any) -> FamilySolution:
        """``A(mu)^-1 b``, a combination of the members' solutions, with its residual; the first call prepares them."""
        if self._b is None:
            raise ValueError("b was not given: solve needs the right-hand sides when the family is made")
        if self._inverse is None:
            self._inverse = _Solved.of(self._b.reshape(len(self._b), -1), self._members(), self._factorised())
        beta = self.coefficients(mu)
        members = self._inverse.x
        x = (beta @ members.reshape(len(beta), -1)).reshape(members.shape[1:])
        pairs = np.concatenate([[1.0], -np.outer(beta, beta).ravel()])
        residual = np.array([float(np.linalg.norm(r @ pairs)) for r in self._inverse.residuals])
        vector = self._b.ndim == 1
        return FamilySolution(x[:, 0] if vector else x, float(residual[0]) if vector else residual, beta)

    def logdet(self, mu: Any) -> LogDet:
        """``log |det A(mu)|``; the first call factors the members."""
        logs = np.array([factor.logdet for factor in self._factorised()])
        g = self._at_places(self._point(mu))
        value = float(self._combine(g) @ logs)
        fewer = max(1, len(logs) - 2)
        return LogDet(value, abs(value - float(self._combine(g, fewer) @ logs[:fewer])))

    def nearest(self, mu: Any) -> int:
        """Number of the member that resembles A(mu) most, judged by the sampled entries or terms."""
        here = self._functions(self._point(mu))
        return int(np.argmin([float(np.linalg.norm(self._functions(self._row(m)) - here)) for m in self.nodes]))

    def preconditioner(self, mu: Any, build: Callable[[Any], Any], *, kind: str = "nearest", probes: int = 4) -> Any:
        """A preconditioner for A(mu) from those that ``build(A(mu_m))`` makes, which are kept.

        ``kind="nearest"`` is that of one member: nearly always the better choice. ``"interpolated"`` combines all of
        them with coefficients that are not negative, so that positive definite ones stay so; fitted to ``A(mu) v`` for
        `probes` random v, it costs d applications each time.
        """
        check.choice(kind, "kind", ("nearest", "interpolated"))
        probes = check.integer(probes, "probes", low=1)
        kept: dict[int, Any] = self.__dict__.setdefault("_preconditioners", {}).setdefault(build, {})

        def made(m: int) -> Any:
            if m not in kept:
                kept[m] = build(self._shaped(self._data[m]))
            return kept[m]

        if kind == "nearest":
            return made(self.nearest(mu))
        parts = [made(m) for m in range(len(self.nodes))]
        v = np.random.default_rng(0).standard_normal((self.shape[0], probes))
        image = self.matrix(mu) @ v
        columns = [np.concatenate([part.matvec(image[:, j]) for j in range(probes)]) for part in parts]
        weights, _ = nnls(np.stack(columns, axis=1), v.T.ravel())
        return CombinedInverse([p for p, w in zip(parts, weights, strict=True) if w > 0], weights[weights > 0])

    def _mu(self, j: int) -> Any:
        return self._row(self._train[j])

    def _row(self, value: Any) -> Any:
        return float(value) if np.ndim(value) == 0 else np.array(value)

    def _point(self, mu: Any) -> Any:
        if type(mu) is float and self._train.ndim == 1 and math.isfinite(mu):
            return mu
        value = check.real_array(mu, "mu", ndim=self._train.ndim - 1, dtype=np.float64)
        if value.shape != self._train.shape[1:]:
            raise ValueError(f"mu has shape {value.shape}, expected {self._train.shape[1:]}")
        return self._row(value)

    def _member(self, j: int, like: Any) -> Any:
        made = self._assemble(self._mu(j))
        if not sps.issparse(made):
            made = np.asarray(made, np.float64)
        elif made.format != "csr":
            raise TypeError(f"assemble returned a sparse matrix in format {made.format!r}, expected 'csr'")
        if made.ndim != 2 or made.shape[0] != made.shape[1]:
            raise ValueError(f"assemble returned shape {made.shape}, expected a square matrix")
        values = _flat(made)
        if not np.isfinite(values).all():
            raise ValueError(f"assemble({self._mu(j)}) holds NaN or infinity, expected finite entries")
        if like is not None:
            if sps.issparse(made) != sps.issparse(like):
                raise TypeError(f"assemble({self._mu(j)}) is {type(made).__name__}, expected {type(like).__name__}")
            if made.shape != like.shape:
                raise ValueError(f"assemble({self._mu(j)}) has shape {made.shape}, expected {like.shape} as before")
            if sps.issparse(made) and not (
                np.array_equal(made.indptr, like.indptr) and np.array_equal(made.indices, like.indices)
            ):
                raise ValueError(f"assemble({self._mu(j)}) has another pattern than before, expected one for all")
        return made

    def _sampled(self, values: Array) -> Array:
        """Places by rank, the ends of the range included, and as many at random."""
        count = min(_SAMPLE, len(values))
        ranks = np.argsort(values, kind="stable")[np.linspace(0, len(values) - 1, count - count // 2).astype(np.intp)]
        return np.unique(np.concatenate([ranks, self._draw.integers(0, max(len(values), 1), count // 2)]))

    def _functions(self, mu: Any, places: Array | None = None) -> Array:
        """What the coefficients must reproduce: entries, terms, or polynomials."""
        if self._entries is not None:
            where = self._places if places is None else places
            found = np.asarray(self._entries(mu, where), np.float64)
            if found.shape != where.shape:
                raise ValueError(f"entries returned shape {found.shape}, expected {where.shape}")
        elif self._terms is not None:
            found = np.asarray(self._terms(mu), np.float64)
            if found.ndim != 1:
                raise ValueError(f"terms returned shape {found.shape}, expected (q,)")
        else:
            return self._polynomials(mu)
        if not np.isfinite(found).all():
            raise ValueError(f"{'entries' if self._entries else 'terms'}({mu}) holds NaN or infinity")
        return found

    def _polynomials(self, mu: Any) -> Array:
        """Products of Chebyshev polynomials on the box of the candidates, by total degree."""
        train = self._train.reshape(len(self._train), -1)
        low, high = train.min(axis=0), train.max(axis=0)
        y = (2 * np.atleast_1d(mu) - low - high) / np.where(high > low, high - low, 1.0)
        dims = len(y)
        degree = 0
        while math.comb(degree + 1 + dims, dims) <= 64:
            degree += 1
        one = np.polynomial.chebyshev.chebvander(y, degree)
        made = [a for a in itertools.product(range(degree + 1), repeat=dims) if sum(a) <= degree]
        # weighted as the coefficients of a smooth function fall, so that low degrees are reproduced first
        return np.array(
            [4.0 ** -sum(index) * math.prod(float(one[i, a]) for i, a in enumerate(index)) for index in made]
        )

    def _drawn(self, width: int, powers: int) -> list[Array]:
        """Index tuples: every function by itself, and random products up to the degree `powers`."""
        made = [np.arange(width)[:, None]]
        each = _PRODUCTS // max(powers - 1, 1)
        for degree in range(2, powers + 1):
            if width**degree <= each:
                made.append(np.array(list(itertools.combinations_with_replacement(range(width), degree))))
            else:
                made.append(self._draw.integers(0, width, (each, degree)))
        return made

    def _expanded(self, singles: Array) -> Array:
        return np.concatenate([singles[..., t].prod(axis=-1) for t in self._products], axis=-1)

    def _at_places(self, mu: Any) -> Array:
        """The d functions that determine the coefficients, at mu; those of the last mu are kept."""
        key = mu if isinstance(mu, float) else np.asarray(mu).tobytes()
        last = self.__dict__.get("_last")
        if last is not None and last[0] == key:
            return np.asarray(last[1])
        used = self.__dict__.get("_used")
        if used is None:
            rows: list[Array] = [row for t in self._products for row in t]
            picked = [rows[q] for q in self._at]
            needed, flat = np.unique(np.concatenate(picked), return_inverse=True)
            # rows of places in `needed`, filled up with one that holds 1
            parts = np.full((len(picked), max(len(row) for row in picked)), len(needed))
            ends = np.cumsum([len(row) for row in picked])
            for row, end, one in zip(parts, ends, picked, strict=True):
                row[: len(one)] = flat[end - len(one) : end]
            used = self._used = (needed, parts)
        needed, parts = used
        if self._entries is not None:
            base = self._functions(mu, self._places[needed]) / self._scale
        else:
            base = self._functions(mu)[needed] / self._scale
        found = np.asarray(np.append(base, 1.0)[parts].prod(axis=1))
        self._last = (key, found)
        return found

    def _combine(self, g: Array, count: int | None = None) -> Array:
        """Coefficients of the first `count` members: two triangular solves."""
        d = len(g) if count is None else count
        c, _ = _trtrs(self._triangle[:d, :d], g[:d], lower=1, unitdiag=1)
        beta, _ = _trtrs(self._unit[:d, :d], c, lower=1, trans=1)
        return np.asarray(beta)

    def _shaped(self, values: Array) -> Any:
        if sps.issparse(self._format):
            return sps.csr_array((values, self._format.indices, self._format.indptr), shape=self.shape)
        return values.reshape(self.shape)

    def _members(self) -> list[Any]:
        return [self._shaped(row) for row in self._data]

    def _factorised(self) -> list[_Factor]:
        if self._factors is None:
            self._factors = [_Factor(member) for member in self._members()]
        return self._factors

    def _measured(self, assembled: bool) -> float:
        """The error at parameters between the candidates."""
        count = len(self._train)
        if count < 2 or self._largest == 0.0:
            return math.nan if count > 1 else 0.0
        i = self._draw.integers(0, count - 1, _FRESH)
        fresh = 0.5 * (self._train[i] + self._train[i + 1])
        worst = 0.0
        if self._entries is not None:
            where = np.unique(self._draw.integers(0, self._data.shape[1], 4 * _SAMPLE))
            for mu in fresh:
                found = self.coefficients(self._row(mu)) @ self._data[:, where]
                worst = max(worst, float(np.abs(found - self._functions(self._row(mu), where)).max()))
        elif assembled:
            mu = self._row(fresh[0])
            worst = float(np.abs(self.coefficients(mu) @ self._data - _flat(self._assemble(mu))).max())
            self.assemblies += 1
        else:
            return math.nan
        return worst / self._largest


def _flat(member: Any) -> Array:
    return np.asarray(member.data if sps.issparse(member) else member.ravel(), np.float64)


def _select(values: Array, first: int, most: int, rtol: float) -> tuple[list[int], list[int], Array, Array]:
    """Greedy interpolation of the rows of `values`: chosen rows, chosen columns, and two triangles.

    The lower triangle holds the basis at the chosen columns, the other the chosen rows in that basis.
    """
    rest = values.copy()
    rows: list[int] = []
    cols: list[int] = []
    basis: list[Array] = []
    top = float(np.abs(values).max(initial=0.0)) or 1.0
    j = first
    while len(rows) < min(most, len(values)):
        if rows:
            j = int(np.abs(rest).max(axis=1).argmax())
        q = int(np.abs(rest[j]).argmax())
        if not abs(rest[j, q]) > (rtol * top if rows else 0.0):
            break
        direction = rest[j] / rest[j, q]
        rows.append(j)
        cols.append(q)
        basis.append(direction)
        rest = rest - np.outer(rest[:, q], direction)
    if not rows:
        return [first], [0], np.ones((1, 1)), np.ones((1, 1))
    lower = np.asfortranarray(np.tril(np.stack(basis)[:, cols].T))
    chosen = values[np.ix_(rows, cols)]
    unit = np.tril(sl.solve_triangular(lower, chosen.T, lower=True, unit_diagonal=True).T)
    return rows, cols, lower, np.asfortranarray(unit)


class _Factor:
    """Factors of one member."""

    def __init__(self, member: Any) -> None:
        self._lu: Any = None
        if sps.issparse(member):
            self._lu = splu(member.tocsc())
            pivots = np.abs(self._lu.U.diagonal())
        else:
            try:
                if not np.allclose(member, member.T, rtol=1e-14, atol=0.0):
                    raise np.linalg.LinAlgError
                self._dense: Any = sl.cho_factor(member, lower=True)
                pivots = np.square(np.diagonal(self._dense[0]))
                self._solve: Any = sl.cho_solve
            except np.linalg.LinAlgError:
                with warnings.catch_warnings():  # a zero pivot is reported below
                    warnings.simplefilter("ignore", sl.LinAlgWarning)
                    self._dense = sl.lu_factor(member)
                self._solve = sl.lu_solve
                pivots = np.abs(np.diagonal(self._dense[0]))
        if not (pivots > 0).all():
            raise np.linalg.LinAlgError("a member of the family is singular")
        self.logdet = float(np.log(pivots).sum())

    def solve(self, b: Array) -> Array:
        return np.asarray(self._lu.solve(b) if self._lu is not None else self._solve(self._dense, b))


@dataclass
class _Solved:
    """The members' solutions, and the triangle that gives the residual of every combination."""

    x: Array  # (d, n, k)
    residuals: list[Array]

    @classmethod
    def of(cls, b: Array, members: Sequence[Any], factors: Sequence[_Factor]) -> _Solved:
        x = np.stack([factor.solve(b) for factor in factors])
        triangles = []
        for k in range(b.shape[1]):
            columns = [b[:, k]] + [member @ x[m, :, k] for member in members for m in range(len(members))]
            norm = float(np.linalg.norm(b[:, k])) or 1.0
            triangle = np.linalg.qr(np.stack(columns, axis=1) / norm, mode="r")
            # the columns of a smooth family are nearly dependent: what is below their rounding is left out
            _, sizes, axes = sl.svd(triangle, full_matrices=False)
            kept = sizes > 4.0 * np.finfo(np.float64).eps * sizes[0]
            triangles.append(np.ascontiguousarray(sizes[kept, None] * axes[kept]))
        return cls(x, triangles)


class CombinedInverse(LinearOperator):  # type: ignore[misc]
    """A combination of preconditioners, none with a negative weight: positive definite if they are."""

    is_linear = True

    def __init__(self, parts: Sequence[Any], weights: Array) -> None:
        if not len(parts):
            raise ValueError("no combination of the preconditioners with positive weights resembles the inverse")
        self.parts, self.weights = list(parts), np.asarray(weights)
        self.is_spd = all(bool(getattr(part, "is_spd", False)) for part in parts)
        super().__init__(np.dtype(np.float64), parts[0].shape)

    def _matvec(self, x: Array) -> Array:
        out: Any = 0.0
        for part, weight in zip(self.parts, self.weights, strict=True):
            out = out + weight * part.matvec(np.ravel(x))
        return np.asarray(out)

    def _adjoint(self) -> LinearOperator:
        return self if self.is_spd else CombinedInverse([part.H for part in self.parts], self.weights)
