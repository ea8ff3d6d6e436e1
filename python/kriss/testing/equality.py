"""Equality-constrained problems of the CUTEst collection, small ones, with exact first and second derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss.testing import _jets
from kriss.testing._jets import Jet, cos, exp, log, sin

Array = npt.NDArray[np.float64]
Formula = Callable[[list[Any]], Any]


@dataclass(frozen=True)
class EqualityProblem:
    """Minimise f(x) subject to c(x) = 0.

    Attributes
    ----------
    name : str
        Of the collection.
    x0 : ndarray, shape (n,)
        The published start.
    optimum : float
        The lowest objective that is known, to the digits published.
    formulas : tuple
        The objective and the list of constraints as functions of the list of variables.
    """

    name: str
    x0: Array
    optimum: float
    formulas: tuple[Formula, Callable[[list[Any]], Sequence[Any]]]

    def _objective(self, x: npt.ArrayLike) -> Jet:
        out = self.formulas[0](_jets.variables(np.asarray(x, np.float64)))
        zero = np.zeros(self.x0.size)
        return out if isinstance(out, Jet) else Jet(float(out), zero, np.outer(zero, zero))

    def _constraints(self, x: npt.ArrayLike) -> Sequence[Jet]:
        return self.formulas[1](_jets.variables(np.asarray(x, np.float64)))

    def fun(self, x: npt.ArrayLike) -> float:
        """f(x)."""
        return self._objective(x).value

    def grad(self, x: npt.ArrayLike) -> Array:
        """The gradient of f, (n,)."""
        return np.array(self._objective(x).gradient)

    def hess(self, x: npt.ArrayLike) -> Array:
        """The Hessian of f, (n, n)."""
        return np.array(self._objective(x).hessian)

    def constraints(self, x: npt.ArrayLike) -> Array:
        """c(x), (m,)."""
        return np.array([c.value for c in self._constraints(x)])

    def jac(self, x: npt.ArrayLike) -> Array:
        """The Jacobian of c, (m, n)."""
        return np.array([c.gradient for c in self._constraints(x)])

    def constraint_hess(self, x: npt.ArrayLike, v: npt.ArrayLike) -> Array:
        """The Hessian of v'c, (n, n)."""
        out = np.zeros((self.x0.size, self.x0.size))
        for c, weight in zip(self._constraints(x), np.asarray(v, np.float64), strict=True):
            out += weight * c.hessian
        return out


def _squares(v: Sequence[Any]) -> Any:
    total = v[0] ** 2
    for u in v[1:]:
        total = total + u**2
    return total


def _hs77(x: list[Any]) -> Any:
    return (x[0] - 1) ** 2 + (x[0] - x[1]) ** 2 + (x[2] - 1) ** 2 + (x[3] - 1) ** 4 + (x[4] - 1) ** 6


def _hs46(x: list[Any]) -> Any:
    return (x[0] - x[1]) ** 2 + (x[2] - 1) ** 2 + (x[3] - 1) ** 4 + (x[4] - 1) ** 6


def _hs79(x: list[Any]) -> Any:
    return (x[0] - 1) ** 2 + (x[0] - x[1]) ** 2 + (x[1] - x[2]) ** 2 + (x[2] - x[3]) ** 4 + (x[3] - x[4]) ** 4


def _hs51(x: list[Any]) -> Any:
    return (x[0] - x[1]) ** 2 + (x[1] + x[2] - 2) ** 2 + (x[3] - 1) ** 2 + (x[4] - 1) ** 2


def _hs100(x: list[Any]) -> Any:
    squares = (x[0] - 10) ** 2 + 5 * (x[1] - 12) ** 2 + 3 * (x[3] - 11) ** 2 + 7 * x[5] ** 2
    return squares + x[2] ** 4 + 10 * x[4] ** 6 + x[6] ** 4 - 4 * x[5] * x[6] - 10 * x[5] - 8 * x[6]


_HS111 = (-6.089, -17.164, -34.054, -5.914, -24.721, -14.986, -24.100, -10.708, -26.662, -22.179)


def _hs111(x: list[Any]) -> Any:
    e = [exp(u) for u in x]
    whole = log(sum(e[1:], e[0]))
    terms = [e[j] * (x[j] - whole + _HS111[j]) for j in range(10)]
    return sum(terms[1:], terms[0])


def _hs111_balance(x: list[Any]) -> list[Any]:
    e = [exp(u) for u in x]
    return [
        e[0] + 2 * e[1] + 2 * e[2] + e[5] + e[9] - 2,
        e[3] + 2 * e[4] + e[5] + e[6] - 1,
        e[2] + e[6] + e[7] + 2 * e[8] + e[9] - 1,
    ]


def _genhs28(x: list[Any]) -> Any:
    return _squares([x[i] + x[i + 1] for i in range(len(x) - 1)])


_R2 = math.sqrt(2.0)
_A56, _B56 = math.asin(math.sqrt(1 / 4.2)), math.asin(math.sqrt(5 / 7.2))

# name, objective, constraints, start, lowest objective known
_PROBLEMS: list[tuple[str, Formula, Callable[[list[Any]], Sequence[Any]], Sequence[float], float]] = [
    ("HS6", lambda x: (1 - x[0]) ** 2, lambda x: [10 * (x[1] - x[0] ** 2)], (-1.2, 1), 0.0),
    (
        "HS7",
        lambda x: log(1 + x[0] ** 2) - x[1],
        lambda x: [(1 + x[0] ** 2) ** 2 + x[1] ** 2 - 4],
        (2, 2),
        -math.sqrt(3),
    ),
    ("HS8", lambda x: -1.0, lambda x: [x[0] ** 2 + x[1] ** 2 - 25, x[0] * x[1] - 9], (2, 1), -1.0),
    (
        "HS9",
        lambda x: sin(x[0] * (math.pi / 12)) * cos(x[1] * (math.pi / 16)),
        lambda x: [4 * x[0] - 3 * x[1]],
        (0, 0),
        -0.5,
    ),
    (
        "HS26",
        lambda x: (x[0] - x[1]) ** 2 + (x[1] - x[2]) ** 4,
        lambda x: [(1 + x[1] ** 2) * x[0] + x[2] ** 4 - 3],
        (-2.6, 2, 2),
        0.0,
    ),
    (
        "HS27",
        lambda x: 0.01 * (x[0] - 1) ** 2 + (x[1] - x[0] ** 2) ** 2,
        lambda x: [x[0] + x[2] ** 2 + 1],
        (2, 2, 2),
        0.04,
    ),
    (
        "HS28",
        lambda x: (x[0] + x[1]) ** 2 + (x[1] + x[2]) ** 2,
        lambda x: [x[0] + 2 * x[1] + 3 * x[2] - 1],
        (-4, 1, 1),
        0.0,
    ),
    (
        "HS39",
        lambda x: -x[0],
        lambda x: [x[1] - x[0] ** 3 - x[2] ** 2, x[0] ** 2 - x[1] - x[3] ** 2],
        (2, 2, 2, 2),
        -1.0,
    ),
    (
        "HS40",
        lambda x: -x[0] * x[1] * x[2] * x[3],
        lambda x: [x[0] ** 3 + x[1] ** 2 - 1, x[0] ** 2 * x[3] - x[2], x[3] ** 2 - x[1]],
        (0.8, 0.8, 0.8, 0.8),
        -0.25,
    ),
    (
        "HS42",
        lambda x: (x[0] - 1) ** 2 + (x[1] - 2) ** 2 + (x[2] - 3) ** 2 + (x[3] - 4) ** 2,
        lambda x: [x[0] - 2, x[2] ** 2 + x[3] ** 2 - 2],
        (1, 1, 1, 1),
        28 - 10 * _R2,
    ),
    (
        "HS46",
        _hs46,
        lambda x: [x[0] ** 2 * x[3] + sin(x[3] - x[4]) - 1, x[1] + x[2] ** 4 * x[3] ** 2 - 2],
        (_R2 / 2, 1.75, 0.5, 2, 2),
        0.0,
    ),
    (
        "HS48",
        lambda x: (x[0] - 1) ** 2 + (x[1] - x[2]) ** 2 + (x[3] - x[4]) ** 2,
        lambda x: [x[0] + x[1] + x[2] + x[3] + x[4] - 5, x[2] - 2 * (x[3] + x[4]) + 3],
        (3, 5, -3, 2, -2),
        0.0,
    ),
    ("HS49", _hs46, lambda x: [x[0] + x[1] + x[2] + 4 * x[3] - 7, x[2] + 5 * x[4] - 6], (10, 7, 2, -3, 0.8), 0.0),
    (
        "HS50",
        lambda x: (x[0] - x[1]) ** 2 + (x[1] - x[2]) ** 2 + (x[2] - x[3]) ** 4 + (x[3] - x[4]) ** 2,
        lambda x: [x[i] + 2 * x[i + 1] + 3 * x[i + 2] - 6 for i in range(3)],
        (35, -31, 11, 5, -5),
        0.0,
    ),
    ("HS51", _hs51, lambda x: [x[0] + 3 * x[1] - 4, x[2] + x[3] - 2 * x[4], x[1] - x[4]], (2.5, 0.5, 2, -1, 0.5), 0.0),
    (
        "HS52",
        lambda x: (4 * x[0] - x[1]) ** 2 + (x[1] + x[2] - 2) ** 2 + (x[3] - 1) ** 2 + (x[4] - 1) ** 2,
        lambda x: [x[0] + 3 * x[1], x[2] + x[3] - 2 * x[4], x[1] - x[4]],
        (2, 2, 2, 2, 2),
        1859 / 349,
    ),
    (
        "HS56",
        lambda x: -x[0] * x[1] * x[2],
        lambda x: [
            x[0] - 4.2 * sin(x[3]) ** 2,
            x[1] - 4.2 * sin(x[4]) ** 2,
            x[2] - 4.2 * sin(x[5]) ** 2,
            x[0] + 2 * x[1] + 2 * x[2] - 7.2 * sin(x[6]) ** 2,
        ],
        (1, 1, 1, _A56, _A56, _A56, _B56),
        -3.456,
    ),
    (
        "HS61",
        lambda x: 4 * x[0] ** 2 + 2 * x[1] ** 2 + 2 * x[2] ** 2 - 33 * x[0] + 16 * x[1] - 24 * x[2],
        lambda x: [3 * x[0] - 2 * x[1] ** 2 - 7, 4 * x[0] - x[2] ** 2 - 11],
        (0, 0, 0),
        -143.6461422,
    ),
    (
        "HS77",
        _hs77,
        lambda x: [x[0] ** 2 * x[3] + sin(x[3] - x[4]) - 2 * _R2, x[1] + x[2] ** 4 * x[3] ** 2 - 8 - _R2],
        (2, 2, 2, 2, 2),
        0.24150513,
    ),
    (
        "HS78",
        lambda x: x[0] * x[1] * x[2] * x[3] * x[4],
        lambda x: [_squares(x) - 10, x[1] * x[2] - 5 * x[3] * x[4], x[0] ** 3 + x[1] ** 3 + 1],
        (-2, 1.5, 2, -1, -1),
        -2.91970041,
    ),
    (
        "HS79",
        _hs79,
        lambda x: [x[0] + x[1] ** 2 + x[2] ** 3 - 2 - 3 * _R2, x[1] - x[2] ** 2 + x[3] + 2 - 2 * _R2, x[0] * x[4] - 2],
        (2, 2, 2, 2, 2),
        0.0787768209,
    ),
    (
        "HS100LNP",
        _hs100,
        lambda x: [
            2 * x[0] ** 2 + 3 * x[1] ** 4 + x[2] + 4 * x[3] ** 2 + 5 * x[4] - 127,
            -4 * x[0] ** 2 - x[1] ** 2 + 3 * x[0] * x[1] - 2 * x[2] ** 2 - 5 * x[5] + 11 * x[6],
        ],
        (1, 2, 0, 4, 0, 1, 1),
        680.6300573,
    ),
    ("HS111LNP", _hs111, _hs111_balance, (-2.3,) * 10, -47.76109026),
    (
        "BT1",
        lambda x: 100 * x[0] ** 2 + 100 * x[1] ** 2 - x[0] - 100,
        lambda x: [x[0] ** 2 + x[1] ** 2 - 1],
        (0.08, 0.06),
        -1.0,
    ),
    (
        "BT2",
        lambda x: (x[0] - 1) ** 2 + (x[0] - x[1]) ** 2 + (x[1] - x[2]) ** 4,
        lambda x: [(1 + x[1] ** 2) * x[0] + x[2] ** 4 - 8.2426407],
        (10, 10, 10),
        0.032568200,
    ),
    (
        "BT3",
        _hs51,
        lambda x: [x[0] + 3 * x[1], x[2] + x[3] - 2 * x[4], x[1] - x[4]],
        (20, 20, 20, 20, 20),
        4.0930232558,
    ),
    (
        "BT4",
        lambda x: x[0] - x[1] + x[1] ** 3,
        lambda x: [_squares(x) - 25, x[0] + x[1] + x[2] - 1],
        (4.0382, -2.9470, -0.09115),
        -45.510551,
    ),
    (
        "BT5",
        lambda x: 1000 - x[0] ** 2 - 2 * x[1] ** 2 - x[2] ** 2 - x[0] * x[1] - x[0] * x[2],
        lambda x: [_squares(x) - 25, 8 * x[0] + 14 * x[1] + 7 * x[2] - 56],
        (2, 2, 2),
        961.71517213,
    ),
    (
        "BT7",
        lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (x[0] - 1) ** 2,
        lambda x: [x[0] * x[1] - x[2] ** 2 - 1, x[1] ** 2 - x[3] ** 2 + x[0], x[4] ** 2 + x[0] - 0.5],
        (-2, 1, 1, 1, 1),
        306.5,
    ),
    (
        "BT8",
        lambda x: _squares(x[:3]),
        lambda x: [x[0] - 1 - x[3] ** 2 + x[1] ** 2, x[0] ** 2 + x[1] ** 2 - x[4] ** 2 - 1],
        (1, 1, 1, 0, 0),
        1.0,
    ),
    ("BT10", lambda x: -x[0], lambda x: [x[1] - x[0] ** 3, x[0] ** 2 - x[1]], (2, 2), -1.0),
    (
        "BT12",
        lambda x: 0.01 * x[0] ** 2 + x[1] ** 2,
        lambda x: [x[0] + x[1] - x[2] ** 2 - 25, x[0] ** 2 + x[1] ** 2 - x[3] ** 2 - 25, x[0] - x[4] ** 2 - 2],
        (2, 2, 2, 2, 2),
        6.1881187,
    ),
    (
        "MARATOS",
        lambda x: -x[0] + 1e-6 * (x[0] ** 2 + x[1] ** 2 - 1),
        lambda x: [x[0] ** 2 + x[1] ** 2 - 1],
        (1.1, 0.1),
        -1.0,
    ),
    (
        "BYRDSPHR",
        lambda x: -x[0] - x[1] - x[2],
        lambda x: [_squares(x) - 9, (x[0] - 1) ** 2 + x[1] ** 2 + x[2] ** 2 - 9],
        (5, 0.0001, -0.0001),
        -4.68330013,
    ),
    (
        "GENHS28",
        _genhs28,
        lambda x: [x[i] + 2 * x[i + 1] + 3 * x[i + 2] - 1 for i in range(8)],
        (-4, *(1,) * 9),
        0.9271736,
    ),
]


def equality_problems() -> list[EqualityProblem]:
    """Thirty-five small problems with equality constraints from the HS, BT and other families.

    Returns
    -------
    list of EqualityProblem
        Of 2 to 10 variables and 1 to 8 constraints; BT6 and BT9 are HS77 and HS39 and are left out.

    References
    ----------
    W. Hock, K. Schittkowski, *Test examples for nonlinear programming codes*, 1981 (HS). P. T. Boggs, J. W. Tolle, *A
    strategy for global convergence in a sequential quadratic programming algorithm*, SIAM J. Numer. Anal. 26 (1989)
    (BT). N. I. M. Gould, D. Orban, P. L. Toint, *CUTEst: a constrained and unconstrained testing environment with safe
    threads*, Comput. Optim. Appl. 60 (2015).

    Examples
    --------
    >>> from kriss.testing import equality_problems
    >>> problems = {problem.name: problem for problem in equality_problems()}
    >>> len(problems), problems["HS6"].constraints([1.0, 1.0])
    (35, array([0.]))
    """
    return [
        EqualityProblem(name, np.array(x0, np.float64), best, (objective, constraints))
        for name, objective, constraints, x0, best in _PROBLEMS
    ]
