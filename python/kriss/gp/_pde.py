"""Partial differential equations on grids by Gaussian processes with spectral mixtures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.gp import _pde_epochs as _epochs
from kriss.gp._mixture import Bands, bands_of
from kriss.gp._pde_newton import Collocation, Line, along, newton
from kriss.gp._pde_problem import Equation, Field, Reaction, Terms, well_posed
from kriss.gp._pde_spectrum import guess
from kriss.gp._progress import bar as _bar
from kriss.gp._spectral import SpectralMixture

Array = npt.NDArray[Any]

_METHODS = ("newton", "adam")


@dataclass(frozen=True)
class PDESolution:
    """What `solve_pde` found.

    Attributes
    ----------
    axes : tuple of ndarray
        The grid.
    u : ndarray, shape of the grid
        The solution there.
    kernels : tuple of SpectralMixture
        The covariance function along each axis.
    status : str
        ``"converged"``; ``"stagnated"`` where no smaller step reduced the residual, ``"maxiter"`` where the steps (or
        epochs) ran out, ``"diverged"`` where the objective left the range of numbers.
    iterations : int
        Newton steps, or epochs.
    residual_norm : float
        ``norm(L u + g(u) - source)`` at the unknown points of the grid, relative to the sum of the norms of its terms,
        those of given and of unknown values apart; recomputed from `u`.
    boundary_error : float
        Largest difference of `u` from the boundary values.
    history : ndarray, shape (iterations + 1,) or (epochs,)
        Relative residual before each Newton step and at the end; the negative log joint density of each epoch.
    method : str
        ``"newton"`` or ``"adam"``.
    """

    axes: tuple[Array, ...]
    u: Array
    kernels: tuple[SpectralMixture, ...]
    status: str
    iterations: int
    residual_norm: float
    boundary_error: float
    history: Array
    method: str
    _equation: Equation = field(repr=False, compare=False)
    _lines: tuple[Line, ...] = field(repr=False, compare=False)

    def _axes(self, axes: Sequence[npt.ArrayLike]) -> list[Array]:
        if len(axes) != len(self.axes):
            raise ValueError(f"axes: {len(axes)} given, expected {len(self.axes)}, one per axis of the grid")
        return [_validate.real_array(x, f"axes[{q}]", ndim=1, single=False) for q, x in enumerate(axes)]

    def predict(self, *axes: npt.ArrayLike) -> Array:
        """The solution on another grid, by the conditional mean.

        Parameters
        ----------
        *axes : array_like, shape (m_q,) each
            Coordinates along each axis, in any order.

        Returns
        -------
        ndarray, shape (m_1, ...)
            The solution there. 2 n**2 m flops per axis for its map and one product.
        """
        out = self.u
        for q, (line, x) in enumerate(zip(self._lines, self._axes(axes), strict=True)):
            out = np.moveaxis(np.tensordot(line.rows(x, {0: 1.0}), out, axes=(1, q)), 0, q)
        return out

    def residual(self, *axes: npt.ArrayLike) -> Array:
        """``L u + g(u) - source``, on the grid or between its points: the certificate of the solution.

        Parameters
        ----------
        *axes : array_like, shape (m_q,) each
            Where; the grid of the solution if omitted. Elsewhere `source` must have been a function.

        Returns
        -------
        ndarray, shape of the grid, or (m_1, ...)
            The residual. At the unknown points of the grid it is zero to `residual_norm`; between them it shows the
            error of the derivatives.

        Raises
        ------
        ValueError
            If `source` was an array and `axes` are given.
        """
        e = self._equation
        if not axes:
            parts, u, source = along([line.D for line in self._lines], self.u), self.u, e.source
        else:
            if e.source_of is None:
                raise ValueError("source was given as an array: its residual is known at the points of the grid only")
            places = self._axes(axes)
            u = self.predict(*places)
            parts = []
            for q, own in enumerate(e.orders):
                maps = [
                    line.rows(x, own if r == q else {0: 1.0})
                    for r, (line, x) in enumerate(zip(self._lines, places, strict=True))
                ]
                part = self.u
                for r, m in enumerate(maps):
                    part = np.moveaxis(np.tensordot(m, part, axes=(1, r)), 0, r)
                parts.append(part)
            source = np.broadcast_to(np.asarray(e.source_of(*e.mesh(places)), np.float64), u.shape)
        g, _ = e.react(u)
        out: Array = np.asarray(sum(parts)) + e.constant * u + g - source
        return out

    def plot(self, exact: Any = None, ax: Any = None) -> Any:
        """Draw the solution, and its error where the exact solution is known.

        Parameters
        ----------
        exact : callable, optional
            The exact solution, of the coordinates.
        ax : sequence of matplotlib.axes.Axes, optional
            One, or two with `exact`; new ones by default.

        Returns
        -------
        sequence of matplotlib.axes.Axes
            With the pictures.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError as exc:
            raise ImportError("plot needs matplotlib: pip install kriss[plot]") from exc
        count = 1 if exact is None else 2
        if ax is None:
            _, ax = plt.subplots(1, count, figsize=(4.5 * count, 3.6), squeeze=False, layout="constrained")
            ax = ax[0]
        fields = [self.u]
        if exact is not None:
            truth = np.broadcast_to(exact(*self._equation.mesh(self.axes)), self.u.shape)
            fields.append(np.abs(self.u - truth))
        for axes, values, title in zip(ax, fields, ("solution", "absolute error"), strict=False):
            if values.ndim == 1:
                draw = axes.plot if title == "solution" else axes.semilogy
                draw(self.axes[0], values, lw=0.8)
            else:
                x, y = self.axes
                image = axes.imshow(values.T, origin="lower", extent=(x[0], x[-1], y[0], y[-1]), aspect="auto")
                axes.figure.colorbar(image, ax=axes)
            axes.set_title(title)
        return ax


def solve_pde(
    axes: Sequence[npt.ArrayLike],
    terms: Terms,
    source: Field,
    boundary: Field,
    *,
    reaction: Reaction | None = None,
    faces: Sequence[tuple[bool, bool]] | None = None,
    kernels: Sequence[SpectralMixture] | None = None,
    bands: int = 30,
    method: str = "newton",
    jitter: float | None = None,
    rtol: float = 1e-9,
    maxiter: int = 20,
    epochs: int = 1000,
    learning_rate: float = 1e-2,
    boundary_weight: float = 200.0,
    progress: bool = False,
    workers: int | None = None,
) -> PDESolution:
    """Solve ``L u + g(u) = source`` on an interval or a rectangle, u a Gaussian process on a grid.

    The covariance function is a product over the axes of spectral mixtures, so that solutions of high frequency, and of
    several scales, are within reach; derivatives of u are its conditional means given u on the grid.

    Parameters
    ----------
    axes : sequence of one or two array_like, each of shape (n_q,)
        Equispaced, increasing coordinates along each axis, at least four.
    terms : dict
        L: orders of derivatives, up to 2 along one axis each, to coefficients. ``{(2, 0): 1.0, (0, 2): 1.0}`` is the
        Laplacian; on one axis keys may be numbers, ``{2: 1.0}``.
    source : array_like or callable
        Values on the grid, or a function of the coordinates.
    boundary : array_like or callable
        u on the given faces: values on the grid, of which those on faces are used, or a function of the coordinates.
    reaction : (callable, callable), optional
        g and its derivative, functions of an array u.
    faces : sequence of (bool, bool), optional
        Per axis whether u is given on its first and its last face; all by default. Axes with second derivatives need
        both, axes with first derivatives only the one where the flow enters.
    kernels : sequence of SpectralMixture, optional
        One per axis, of one column, with nu 2.5 where its spectrum is "student-t". By default a Student mixture with
        bands at zero and at the strongest frequencies of `source` (divided by the symbol of L) and `boundary`; for
        ``"adam"`` the published start, equal weights and lengthscale 1 at frequencies up to a third of the grid's.
    bands : int, default 30
        Bands of those mixtures, at most.
    method : {"newton", "adam"}, default "newton"
        ``"newton"`` solves the collocation equations for u with the kernels held fixed: directly where they are linear,
        else by damped Newton steps. ``"adam"`` is the published algorithm: gradient steps on the log joint density
        of u, kernels and precisions together.
    jitter : float, optional
        Added to the diagonal of each axis' covariance matrix: for ``"newton"`` relative to its variance, 1e-12 by
        default; for ``"adam"`` as published, 1e-6.
    rtol : float, default 1e-9
        Newton's method ends at this relative residual.
    maxiter : int, default 20
        Newton steps, at most.
    epochs, learning_rate, boundary_weight : int, float, float
        Of ``"adam"``: its steps, their size, and the factor of the boundary's log-likelihood.
    progress : bool, default False
        Show a progress bar of steps or epochs.
    workers : int, optional
        Threads; the process-wide setting by default.

    Returns
    -------
    PDESolution
        The solution, what happened, and `predict`, `residual` and `plot`.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, or is not finite; if the faces do not determine u.
    NotImplementedError
        For mixed derivatives.
    numpy.linalg.LinAlgError
        If the covariance matrix of an axis is not positive definite to working precision, or the collocation
        equations are singular.

    Notes
    -----
    ``"newton"``, per axis of n points: 5 n**3 flops for ``D = K'' K^-1``. Linear equations on a plane are Sylvester's,
    ``D_1 U + U D_2' = F``: 50 n**3 flops once, 10 n**3 for each solve; with a reaction each Newton step is a GMRES run
    preconditioned by them. On a line a step is 2 n**3 / 3 flops. ``"adam"``: 36 n**3 flops per epoch on a plane. Both
    hold some 20 n**2 doubles. The residual between the points of the grid (`PDESolution.residual`) tells how far to
    trust a solution.

    References
    ----------
    S. Fang, M. Cooley, D. Long, S. Li, R. Kirby, S. Zhe, "Solving High Frequency and Multi-Scale PDEs with Gaussian
    Processes", 2023, arXiv 2311.04465, equations (6) to (16): the model and ``"adam"``. R. H. Bartels, G. W. Stewart,
    "Solution of the Matrix Equation AX + XB = C", Communications of the ACM 15 (1972): Sylvester's equation.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import solve_pde
    >>> x = np.linspace(0.0, 1.0, 200)
    >>> s = solve_pde([x], {2: 1.0}, lambda x: -1e4 * np.sin(100.0 * x), lambda x: np.sin(100.0 * x))
    >>> s.status, bool(np.abs(s.predict([0.123]) - np.sin(12.3)).max() < 1e-4)
    ('converged', True)
    """
    equation = Equation(axes, terms, source, boundary, reaction, faces)
    chosen = _validate.choice(method, "method", _METHODS)
    count = _validate.integer(bands, "bands", low=1)
    own = None if kernels is None else _checked_kernels(kernels, len(equation.axes))
    level = (1e-12 if chosen == "newton" else 1e-6) if jitter is None else _validate.scalar(jitter, "jitter", low=0.0)
    threads = _validate.workers(workers)
    if chosen == "newton":
        well_posed(equation)
        tolerance = _validate.scalar(rtol, "rtol", low=0.0)
        steps = _validate.integer(maxiter, "maxiter", low=1)
        mixtures = [b.kernel for b in guess(equation.in_units(equation.unit()), count)] if own is None else own
        with _bar(progress, "newton", steps) as seen:
            lines = _lines(equation, mixtures, level, workers)
            unit = equation.unit()
            scaled = equation.in_units(unit)
            u, status, history = newton(Collocation(scaled, lines), scaled.known.copy(), tolerance, steps, seen)
            u = u * unit
            u[equation.known_cells] = equation.known[equation.known_cells]
        iterations = len(history) - 1
    else:
        total = _validate.integer(epochs, "epochs", low=1)
        rate = _validate.scalar(learning_rate, "learning_rate", low=0.0, strict=True)
        weight = _validate.scalar(boundary_weight, "boundary_weight", low=0.0)
        start = [_published(equation, q, count) for q in range(len(equation.axes))]
        if own is not None:
            start = [bands_of(k) for k in own]
        gaussian = start[0].gaussian
        if any(b.gaussian != gaussian for b in start):
            raise ValueError("kernels: the spectrum of all must be the same, 'gaussian' or 'student-t'")
        state = _epochs.State(np.zeros(equation.shape), [_epochs.values_of(b) for b in start], 0.0, 0.0)
        objective = _epochs.Objective(equation, weight, level, gaussian, threads)
        with _bar(progress, "adam", total) as seen:
            history, finite = _epochs.adam(objective, state, total, rate, seen)
        status, iterations, u = "maxiter" if finite else "diverged", len(history), state.u
        mixtures = [_epochs.bands_at(b, gaussian).kernel for b in state.bands]
        lines = _lines(equation, mixtures, level, workers, relative=False)
    unit = equation.unit()
    r, size, _ = Collocation(equation.in_units(unit), lines).residual(u / unit)
    off = np.abs(np.where(equation.known_cells, u - equation.known, 0.0))
    past = np.array(history)
    for array in (u, past):
        array.flags.writeable = False
    return PDESolution(
        axes=equation.axes,
        u=u,
        kernels=tuple(mixtures),
        status=status,
        iterations=iterations,
        residual_norm=float(np.linalg.norm(r)) / size if size else 0.0,
        boundary_error=float(off.max()),
        history=past,
        method=chosen,
        _equation=equation,
        _lines=tuple(lines),
    )


def _lines(
    equation: Equation, kernels: Sequence[SpectralMixture], level: float, workers: int | None, relative: bool = True
) -> list[Line]:
    return [
        Line(k, axis, own, level if relative else level / k.total_variance, workers)
        for k, axis, own in zip(kernels, equation.axes, equation.orders, strict=True)
    ]


def _published(equation: Equation, q: int, count: int) -> Bands:
    """Equal weights at frequencies spread evenly, envelopes of scale 1."""
    highest = (equation.shape[q] - 1) / equation.lengths[q] / 3.0
    return Bands(np.full(count, 1.0 / count), np.ones(count), np.linspace(0.0, highest, count), False)


def _checked_kernels(kernels: Sequence[SpectralMixture], d: int) -> list[SpectralMixture]:
    out = list(kernels)
    if len(out) != d:
        raise ValueError(f"kernels has {len(out)} entries, expected {d}, one per axis")
    for q, k in enumerate(out):
        if not isinstance(k, SpectralMixture):
            raise TypeError(f"kernels[{q}] must be a SpectralMixture, not {type(k).__name__}")
        if k.frequencies.shape[1] != 1:
            raise ValueError(f"kernels[{q}] has frequencies of {k.frequencies.shape[1]} columns, expected one")
        if k.spectrum == "student-t" and k.nu != 2.5:
            raise ValueError(f"kernels[{q}] has nu={k.nu:g}, expected 2.5, whose second derivatives are at hand")
    return out
