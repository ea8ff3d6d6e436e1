"""Equality-constrained minimisation by inexact Newton steps on an exact augmented Lagrangian."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss._validate import RngLike
from kriss.sketch._projection import Direct, Minres, Projection

Array = npt.NDArray[np.float64]
ETA = 1.0, 0.1  # weights of |c|²/2 and |∇L|²/2 in the merit function at the start
DELTA = 0.1  # relative residual of the inner system at the start
NU = 1.5
LIMITS = 1e8, 1e-8  # of the two weights
ARMIJO = 0.1
CURVATURE = 1e-8  # least eigenvalue of the reduced Hessian, relative to the Hessian
CRAWL, MOST_CRAWLS = 1e-3, 15  # steps cut to less than this, and how many of them in a row end a run
RANK = 1e-8  # singular values of the Jacobian below this, relative to the largest met, count as 0


@dataclass(frozen=True)
class ConstrainedResult:
    """What `minimize_constrained` found.

    Attributes
    ----------
    x : ndarray, shape (n,)
        The solution, or the best point so far: that of the smallest KKT residual.
    multipliers : ndarray, shape (m,)
        Of the constraints: the gradient of ``fun + multipliers @ constraints`` is `stationarity` long.
    objective : float
        ``fun(x)``.
    violation : float
        Largest absolute constraint at x.
    stationarity : float
        Largest absolute entry of the Lagrangian's gradient at x.
    status : str
        ``"optimal"``: both are at most the tolerance. ``"infeasible"``: the violation cannot be reduced near x.
        ``"rank_deficient"``: the constraints' gradients are linearly dependent at x and no step got on. ``"stalled"``:
        no step reduces the merit function. ``"max_iterations"``. ``"non_finite"``: a function returned NaN or infinity
        at the start, or its derivatives did later.
    iterations : int
        Outer steps, of all starts.
    evaluations : int
        Points at which the functions were evaluated.
    inner_products : int
        Products of the KKT matrix with vectors that the inner solver took.
    inner_blocks : int
        Its projections (or calls of MINRES).
    weights : tuple of float
        The weights of the merit function at the end.
    """

    x: Array
    multipliers: Array
    objective: float
    violation: float
    stationarity: float
    status: str
    iterations: int
    evaluations: int
    inner_products: int
    inner_blocks: int
    weights: tuple[float, float]

    @property
    def success(self) -> bool:
        """Whether the status is ``"optimal"``."""
        return self.status == "optimal"


@dataclass(frozen=True)
class _Functions:
    """The problem."""

    fun: Callable[[Array], Any]
    grad: Callable[[Array], Any]
    hess: Callable[[Array], Any]
    constraints: Callable[[Array], Any]
    jac: Callable[[Array], Any]
    constraint_hess: Callable[[Array, Array], Any] | None
    n: int
    m: int


@dataclass(frozen=True)
class _Point:
    """The functions and their first derivatives at x."""

    x: Array
    f: float
    g: Array
    c: Array
    jac: Array

    @property
    def finite(self) -> bool:
        return bool(np.isfinite(self.f) and all(np.isfinite(v).all() for v in (self.g, self.c, self.jac)))

    def lagrangian(self, v: Array) -> Array:
        """The gradient in x."""
        return np.asarray(self.g + self.jac.T @ v)

    def residual(self, v: Array) -> float:
        """Of the first-order conditions."""
        return max(_largest(self.lagrangian(v)), _largest(self.c))

    def merit(self, v: Array, eta: tuple[float, float]) -> float:
        gradient = self.lagrangian(v)
        return float(
            self.f + self.c @ v + 0.5 * eta[0] * (self.c @ self.c) + 0.5 * eta[1] * (gradient @ gradient)
        )  # fmt: skip

    def multipliers(self) -> Array:
        """Those that make the gradient smallest."""
        if not len(self.c):
            return np.zeros(0)
        return np.asarray(np.linalg.lstsq(self.jac.T, -self.g, rcond=1e-10)[0])


def _largest(v: Array) -> float:
    return float(np.abs(v).max(initial=0.0))


def _matrix(value: Any, shape: tuple[int, int], name: str) -> Array:
    if hasattr(value, "toarray"):
        value = value.toarray()
    out = np.asarray(value, dtype=np.float64)
    if out.shape != shape:
        if out.ndim == 1 and shape[0] == 1 and out.size == shape[1]:
            return out[None, :]
        raise ValueError(f"{name} returned an array of shape {out.shape}, expected {shape}")
    return out


def _vector(value: Any, size: int | None, name: str) -> Array:
    out = np.atleast_1d(np.asarray(value, dtype=np.float64))
    if out.ndim != 1 or (size is not None and out.size != size):
        raise ValueError(f"{name} returned an array of shape {out.shape}, expected ({'m' if size is None else size},)")
    return out


def _at(functions: _Functions, x: Array) -> _Point:
    given = x.copy()
    f = float(functions.fun(given))
    g = _vector(functions.grad(given), functions.n, "grad")
    c = _vector(functions.constraints(given), functions.m, "constraints")
    return _Point(x, f, g, c, _matrix(functions.jac(given), (functions.m, functions.n), "jac"))


def _hessian(functions: _Functions, x: Array, v: Array) -> Array:
    out = _matrix(functions.hess(x.copy()), (functions.n, functions.n), "hess")
    if functions.constraint_hess is not None and functions.m:
        out = out + _matrix(functions.constraint_hess(x.copy(), v.copy()), out.shape, "constraint_hess")
    return 0.5 * (out + out.T)


def _convexified(h: Array, basis: Array, floor: float = 0.0) -> Array:
    """H whose curvature along the columns of an orthonormal basis is positive: negative eigenvalues change sign."""
    if not basis.shape[1]:
        return h
    w, v = np.linalg.eigh(basis.T @ h @ basis)
    least = max(CURVATURE * max(float(np.linalg.norm(h)), 1e-8), floor)
    if w[0] >= least:
        return h
    t = basis @ v
    return np.asarray(h + (t * (np.maximum(np.abs(w), least) - w)) @ t.T)


class _Search:
    """The state of a run."""

    def __init__(self, functions: _Functions, inner: str, block: int | None, rng: np.random.Generator) -> None:
        self.functions, self.inner, self.rng = functions, inner, rng
        total = functions.n + functions.m
        self.block = block if block is not None else max(2, -(-total // 8))
        self.products = self.blocks = self.evaluations = 0
        self.begin()

    def begin(self) -> None:
        """Forget everything but what was spent."""
        self.eta = ETA
        self.delta = DELTA
        self.largest = 0.0  # singular value of the Jacobian met so far
        self.deficient = False
        self.radius = np.inf
        self.crawl = 0  # steps in a row that were cut to almost nothing

    def point(self, x: Array) -> _Point:
        self.evaluations += 1
        with np.errstate(all="ignore"):
            return _at(self.functions, x)

    def direction(self, p: _Point, v: Array, h: Array) -> tuple[Array, Array]:
        """An approximate Newton step that descends on the merit function, and that function's gradient."""
        n, m = self.functions.n, self.functions.m
        _, s, vt = np.linalg.svd(p.jac, full_matrices=True) if m else (None, np.zeros(0), np.eye(n))
        self.largest = max(self.largest, float(s.max(initial=0.0)), 1e-300)
        rank = int(np.count_nonzero(s > RANK * self.largest))
        self.deficient = rank < m
        basis = vt[rank:].T
        # Steps along the constraints that were too long before are kept short by curvature.
        pull = float(np.linalg.norm(basis.T @ p.lagrangian(v)))
        b = _convexified(h, basis, pull / self.radius)
        corner = np.zeros((m, m))
        if self.deficient:
            # A penalty on the linearised constraints in place of the constraints: what can be met is met.
            corner = -1e-4 * np.eye(m)
        k = np.block([[b, p.jac.T], [p.jac, corner]])
        right = -np.concatenate([p.lagrangian(v), p.c])
        size = float(np.linalg.norm(right))
        solver: Projection | Direct | Minres
        if self.inner == "direct":
            solver = Direct(k, right)
        elif self.inner == "minres":
            solver = Minres(k, right)
        else:
            solver = Projection(k, right, self.block, self.rng)
        gradient = self._merit_gradient(p, v, h)
        # A fixed fraction far from the solution, a falling one near it: the last steps converge superlinearly.
        target = min(self.delta, size) * size
        more = True
        while True:
            if more:
                more = solver.solve(target)
            z = solver.z
            if float(gradient @ z) <= -0.5 * self.eta[1] * size**2:
                break
            if self.eta[0] * NU**2 > LIMITS[0] or self.eta[1] / NU < LIMITS[1]:
                if not float(gradient @ z) < 0:
                    z = -gradient
                break
            # Either the step is too rough or the weights are out of proportion.
            self.eta = self.eta[0] * NU**2, self.eta[1] / NU
            self.delta = max(self.delta / NU**4, 1e-6)
            target = max(target / NU**4, 1e-14 * size)
            gradient = self._merit_gradient(p, v, h)
        self.products += solver.products
        self.blocks += solver.blocks
        return z, gradient

    def _merit_gradient(self, p: _Point, v: Array, h: Array) -> Array:
        lagrangian = p.lagrangian(v)
        first = lagrangian + self.eta[1] * (h @ lagrangian) + self.eta[0] * (p.jac.T @ p.c)
        return np.concatenate([first, p.c + self.eta[1] * (p.jac @ lagrangian)])

    def line(self, p: _Point, v: Array, z: Array, slope: float) -> tuple[_Point, Array] | None:
        """Armijo's rule by halving; points where a function is not finite are too far."""
        n = self.functions.n
        start = p.merit(v, self.eta)
        noise = 1e-13 * max(abs(start), 1e-300)
        alpha = 1.0
        for _ in range(50):
            ahead, w = self.point(p.x + alpha * z[:n]), v + alpha * z[n:]
            if ahead.finite:
                merit = ahead.merit(w, self.eta)
                if merit <= start + ARMIJO * alpha * slope + noise:
                    length = float(np.linalg.norm(z[:n]))
                    self.radius = 4.0 * self.radius if alpha == 1.0 else 2.0 * alpha * length
                    self.crawl = self.crawl + 1 if alpha < CRAWL else 0
                    return ahead, w
            alpha *= 0.5
        return None


def minimize_constrained(
    fun: Callable[[Array], Any],
    x0: npt.ArrayLike,
    *,
    grad: Callable[[Array], Any],
    hess: Callable[[Array], Any],
    constraints: Callable[[Array], Any],
    jac: Callable[[Array], Any],
    constraint_hess: Callable[[Array, Array], Any] | None = None,
    multipliers0: npt.ArrayLike | None = None,
    tol: float = 1e-6,
    maxiter: int = 1000,
    restarts: int = 2,
    inner: str = "sketch",
    block: int | None = None,
    rng: RngLike = None,
    callback: Callable[[Array], Any] | None = None,
    progress: bool = False,
) -> ConstrainedResult:
    """Minimise fun(x) subject to constraints(x) = 0 by Newton steps that are solved only as well as they need to be.

    Parameters
    ----------
    fun : callable
        ``fun(x) -> float``.
    x0 : array_like, shape (n,)
        Where to start; it need not be feasible.
    grad, hess : callable
        ``grad(x)``, shape (n,), and ``hess(x)``, shape (n, n), dense or sparse, of `fun`.
    constraints, jac : callable
        ``constraints(x)``, shape (m,), and their Jacobian ``jac(x)``, shape (m, n), dense or sparse.
    constraint_hess : callable, optional
        ``constraint_hess(x, v)``, shape (n, n): the Hessian of ``v @ constraints(x)``. None: they are linear.
    multipliers0 : array_like, shape (m,), optional
        Multipliers to start with; by default those that make the Lagrangian's gradient smallest at x0.
    tol : float
        Largest entry of the Lagrangian's gradient and of the constraints at the solution.
    maxiter : int
        Most outer steps from one start.
    restarts : int
        How often to begin again, a tenth of the size of x0 (or of 1) away from it, after a run that ended where
        constraints are not met or gradients are dependent. The best run is reported.
    inner : {"sketch", "minres", "direct"}
        How the KKT system is solved: by random block projections, by MINRES, or by a factorisation.
    block : int, optional
        Columns of a projection; an eighth of the unknowns by default.
    rng : int, SeedSequence, Generator or None
        The seed of the projections.
    callback : callable, optional
        ``callback(x)`` after each step, with a copy of x.
    progress : bool
        Show the steps by tqdm.

    Returns
    -------
    ConstrainedResult
        Frozen dataclass: x, multipliers, objective, violation, stationarity, status and what it took.

    Raises
    ------
    TypeError, ValueError
        If an argument, or what a function returns, has a wrong type or shape. Values that are not finite, constraints
        that cannot be met and linearly dependent gradients are a status, not an error.

    Notes
    -----
    With L the Lagrangian, each step solves ``[[B, J'], [J, 0]] z = -[grad L, c]``, B the Hessian of L whose negative
    eigenvalues along the constraints' null space changed sign, until z descends on the exact augmented Lagrangian
    ``L + eta1/2 |c|² + eta2/2 |grad L|²`` in x and multipliers at once. If a residual of ``delta`` relative to the
    right-hand side does not do, the accuracy rises, eta1 grows and eta2 falls. Its minimisers are the solutions for
    moderate weights, and steps of length 1 are taken near them. Differences to the source: eigenvalues change sign in
    place of a multiple of the identity, projections remember their predecessors, and the accuracy is checked against
    the descent that it is for, not by a worst-case constant. Per step: O(n³) for the eigenvalues, ``inner_products``
    products of 2 (n + m)² flops, and 8 (n + m)² bytes for the matrix and the projections each.

    References
    ----------
    I. Hong, S. Na, M. W. Mahoney, M. Kolar, *Constrained optimization via exact augmented Lagrangian and randomized
    iterative sketching*, 2023 (arXiv:2305.18379), algorithm 1.

    Examples
    --------
    The point of the unit circle that is nearest to (2, 1):

    >>> import numpy as np
    >>> from kriss.sketch import minimize_constrained
    >>> fit = minimize_constrained(
    ...     lambda x: (x[0] - 2) ** 2 + (x[1] - 1) ** 2, [1.0, 1.0], grad=lambda x: 2 * (x - [2, 1]),
    ...     hess=lambda x: 2 * np.eye(2), constraints=lambda x: [x @ x - 1], jac=lambda x: [2 * x],
    ...     constraint_hess=lambda x, v: 2 * v[0] * np.eye(2), rng=0)
    >>> fit.status, bool(np.allclose(fit.x, np.array([2, 1]) / 5**0.5))
    ('optimal', True)
    """
    for function, name in ((fun, "fun"), (grad, "grad"), (hess, "hess"), (constraints, "constraints"), (jac, "jac")):
        if not callable(function):
            raise TypeError(f"{name} must be callable, not {type(function).__name__}")
    x = np.array(_validate.real_array(x0, "x0", ndim=1, dtype=np.float64), np.float64)
    tol = _validate.scalar(tol, "tol", low=0.0, strict=True)
    limit = _validate.integer(maxiter, "maxiter", low=0)
    again = _validate.integer(restarts, "restarts", low=0)
    _validate.choice(inner, "inner", ("sketch", "minres", "direct"))
    size = None if block is None else _validate.integer(block, "block", low=1)
    with np.errstate(all="ignore"):
        m = _vector(constraints(x.copy()), None, "constraints").size
    functions = _Functions(fun, grad, hess, constraints, jac, constraint_hess, x.size, m)
    search = _Search(functions, inner, size, _validate.generator(rng))
    start = search.point(x)
    if multipliers0 is None:
        v = start.multipliers() if start.finite else np.zeros(m)
    else:
        v = np.array(_validate.real_array(multipliers0, "multipliers0", ndim=1, dtype=np.float64), np.float64)
        if v.shape != (m,):
            raise ValueError(f"multipliers0 has shape {v.shape}, expected ({m},) as there are {m} constraints")
    with ExitStack() as stack:
        tick = _ticker(stack, progress)
        best = _run(search, start, v, tol, limit, callback, tick)
        steps = best.iterations
        for _ in range(again):
            if best.status not in ("infeasible", "stalled", "rank_deficient"):
                break
            far = 0.1 * max(1.0, _largest(x))
            start = search.point(x + far * search.rng.standard_normal(x.size))
            if not start.finite:
                continue
            search.begin()
            other = _run(search, start, start.multipliers(), tol, limit, callback, tick)
            steps += other.iterations
            if max(other.violation, other.stationarity) < max(best.violation, best.stationarity):
                best = other
    return replace(
        best, iterations=steps, evaluations=search.evaluations, inner_products=search.products,
        inner_blocks=search.blocks,
    )  # fmt: skip


def _ticker(stack: ExitStack, progress: bool) -> Callable[[float], None]:
    if not progress:
        return lambda residual: None
    from tqdm.auto import tqdm

    bar = stack.enter_context(tqdm(desc="minimize", unit=" steps"))

    def tick(residual: float) -> None:
        bar.set_postfix_str(f"residual {residual:.1e}", refresh=False)
        bar.update()

    return tick


def _run(
    search: _Search,
    p: _Point,
    v: Array,
    tol: float,
    maxiter: int,
    callback: Callable[[Array], Any] | None,
    tick: Callable[[float], None],
) -> ConstrainedResult:
    best = p, v
    least = np.inf
    status = "max_iterations"
    iteration = restarts = 0
    while True:
        if not p.finite:
            status = "non_finite"
            break
        residual = p.residual(v)
        if residual < least:
            best, least = (p, v), residual
        if residual <= tol:
            status = "optimal"
            break
        if iteration == maxiter:
            break
        if search.crawl >= MOST_CRAWLS:
            status = "stalled"
            break
        violation = float(np.linalg.norm(p.c))
        if violation > tol and float(np.linalg.norm(p.jac.T @ p.c)) <= 1e-6 * violation * min(1.0, violation):
            status = "infeasible"
            break
        with np.errstate(all="ignore"):
            h = _hessian(search.functions, p.x, v)
        if not np.isfinite(h).all():
            status = "non_finite"
            break
        z, gradient = search.direction(p, v, h)
        found = search.line(p, v, z, float(gradient @ z)) if np.isfinite(z).all() else None
        if found is None and restarts < 3:
            # Multipliers of this point, and the weights of the start.
            restarts += 1
            fresh = p.multipliers()
            search.eta, search.delta = ETA, 1e-6
            if p.residual(fresh) < residual or restarts > 1:
                v = fresh
                continue
            found = search.line(p, v, -gradient, -float(gradient @ gradient))
        if found is None:
            status = "stalled"
            break
        iteration += 1
        p, v = found
        tick(residual)
        if callback is not None:
            callback(p.x.copy())
    if status in ("stalled", "max_iterations") and least > tol:
        at = best[0]
        violation = float(np.linalg.norm(at.c))
        if violation > 10 * tol and float(np.linalg.norm(at.jac.T @ at.c)) <= 1e-3 * violation * min(1.0, violation):
            status = "infeasible"
        elif search.deficient:
            status = "rank_deficient"
    at, multipliers = best
    return ConstrainedResult(
        x=at.x, multipliers=multipliers, objective=at.f, violation=_largest(at.c),
        stationarity=_largest(at.lagrangian(multipliers)), status=status, iterations=iteration,
        evaluations=search.evaluations, inner_products=search.products, inner_blocks=search.blocks,
        weights=search.eta,
    )  # fmt: skip
