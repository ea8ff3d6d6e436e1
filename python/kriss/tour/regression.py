"""Station: least squares with certified answers, columns of very different size, and many rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg

from kriss import sketch
from kriss.datasets import STRD_NAMES, load_nist_strd
from kriss.tour.harness import Context, Row, StationResult, compare, once
from kriss.tour.report import BLUE, GREY, ORANGE

NAME = "regression"
TITLE = "Regression: least squares with certified answers"
SENTENCE = (
    "Fits the reference data sets of NIST, repeated to many rows, counts the digits that agree with the "
    "certified parameters, and then fits a tall random problem whose columns differ in size."
)
CAPTION = (
    "Correct digits of the fitted parameters on NIST's reference sets, each repeated to many rows, and the "
    "time for a tall random problem."
)

Array = npt.NDArray[np.float64]
MOST_DIGITS = 15.0  # as many as the certified values have


@dataclass(frozen=True)
class Driver:
    """One way to call scipy.linalg.lstsq."""

    name: str
    lapack: str
    cond: float | None

    def __call__(self, A: Array, b: Array) -> Array:
        """The solution."""
        x: Array = scipy.linalg.lstsq(A, b, cond=self.cond, lapack_driver=self.lapack, check_finite=False)[0]
        return x


# SciPy's default cut of small singular values throws parameters away where columns differ much in size; the last one
# keeps all of them.
DRIVERS = (
    Driver("gelsd", "gelsd", None),
    Driver("gelsy", "gelsy", None),
    Driver("gelsy without cut", "gelsy", 1e-300),
)


def digits(x: Array, reference: Array) -> float:
    """Correct digits of the worst parameter, 0 to 15."""
    error = float(np.max(np.abs(x - reference) / np.abs(reference)))
    if not error < 1.0:
        return 0.0
    return MOST_DIGITS if error == 0.0 else float(min(-np.log10(error), MOST_DIGITS))


def tall(A: Array, b: Array, rows: int) -> tuple[Array, Array]:
    """The same problem with its rows repeated: the least-squares solution does not change."""
    copies = max(1, rows // len(b))
    return np.tile(A, (copies, 1)), np.tile(b, copies)


def exact_least_squares(A: Array, b: Array) -> Array:
    """The solution of the problem as stored in float64, by rational arithmetic, rounded once at the end."""
    rows = [[Fraction(float(entry)) for entry in row] for row in A]
    right = [Fraction(float(entry)) for entry in b]
    n = A.shape[1]
    system = [
        [sum((row[i] * row[j] for row in rows), Fraction(0)) for j in range(n)]
        + [sum((row[i] * y for row, y in zip(rows, right, strict=True)), Fraction(0))]
        for i in range(n)
    ]
    for i in range(n):
        for k in range(i + 1, n):
            factor = system[k][i] / system[i][i]
            system[k] = [p - factor * q for p, q in zip(system[k], system[i], strict=True)]
    x = [Fraction(0)] * n
    for i in reversed(range(n)):
        x[i] = (system[i][n] - sum((system[i][j] * x[j] for j in range(i + 1, n)), Fraction(0))) / system[i][i]
    return np.array([float(value) for value in x])


def wide_polynomial() -> tuple[Array, Array, Array]:
    """A polynomial of degree 6 through noisy data at x from 0.001 to 1000: columns from 1 to 1e18."""
    rng = np.random.default_rng(7)
    x = np.geomspace(1e-3, 1e3, 60)
    A = np.column_stack([x**k for k in range(7)])
    # Each term matters somewhere on the way from 0.001 to 1000.
    b = A @ (1.0 / np.array([1.0, 1.0, 1e1, 1e3, 1e6, 1e10, 1e15])) * (1.0 + 1e-3 * rng.standard_normal(60))
    return A, b, exact_least_squares(A, b)


def _ours(A: Array, b: Array) -> Callable[[], Array]:
    return lambda: sketch.lstsq(A, b, rng=1, check_finite=False).x


def _best_driver(A: Array, b: Array, score: Callable[[Array], float]) -> Driver:
    """The fastest driver among those whose score is within half a digit of the best."""
    trials = []
    for driver in DRIVERS:
        seconds, x = once(lambda driver=driver: driver(A, b))  # type: ignore[misc]
        trials.append((seconds, score(x), driver))
    best = max(value for _, value, _ in trials)
    return min((t for t in trials if t[1] >= best - 0.5), key=lambda t: t[0])[2]


def _digits_row(ctx: Context, task: str, A: Array, b: Array, reference: Array, note: str) -> Row:
    driver = _best_driver(A, b, lambda x: digits(x, reference))
    timing = compare(_ours(A, b), lambda: driver(A, b), rounds=5, budget=0.3 if ctx.quick else 2.0)
    return Row(
        task=task,
        peer="scipy.linalg.lstsq",
        seconds=timing.seconds,
        peer_seconds=timing.peer_seconds,
        accuracy=digits(timing.ours, reference),
        peer_accuracy=digits(timing.peer, reference),
        measure="digits",
        better="larger",
        note=f"{A.shape[0]} x {A.shape[1]}; {note}; SciPy driver: {driver.name}",
        rounds=timing.rounds,
    )


def run(ctx: Context) -> StationResult:
    """Count digits and measure times."""
    rows_of_nist = 40_000 if ctx.quick else 200_000
    m, n = (60_000, 60) if ctx.quick else (200_000, 100)
    named = ("Longley", "Filip")
    ctx.begin(len(named) + len(STRD_NAMES) + 2 + 3)
    rows: list[Row] = []
    for name in named:
        with ctx.step(f"NIST {name}"):
            data = load_nist_strd(name)
            A, b = tall(data.design(), data.y, rows_of_nist)
            rows.append(
                _digits_row(ctx, f"NIST {name}, repeated", A, b, data.certified, "digits against certified values")
            )
    with ctx.step("polynomial over six decades", 2):
        A, b, reference = wide_polynomial()
        A, b = tall(A, b, rows_of_nist)
        rows.append(
            _digits_row(ctx, "polynomial, x from 1e-3 to 1e3", A, b, reference, "digits against rational arithmetic")
        )
    chart: dict[str, tuple[float, float, float]] = {}
    for name in STRD_NAMES:
        with ctx.step(f"digits on NIST {name}"):
            data = load_nist_strd(name)
            A, b = tall(data.design(), data.y, rows_of_nist)
            chart[name] = (
                digits(_ours(A, b)(), data.certified),
                digits(DRIVERS[0](A, b), data.certified),
                digits(DRIVERS[1](A, b), data.certified),
            )
    with ctx.step(f"tall random problem, {m} x {n}: data"):
        rng = np.random.default_rng(11)
        A = rng.standard_normal((m, n)) * 10.0 ** rng.uniform(-3, 3, n)
        b = A @ (1.0 / np.linalg.norm(A, axis=0)) + 1e-3 * rng.standard_normal(m)
    with ctx.step(f"tall random problem, {m} x {n}: drivers"):
        seconds = {driver.name: once(lambda driver=driver: driver(A, b))[0] for driver in DRIVERS[:2]}  # type: ignore[misc]
        driver = min(DRIVERS[:2], key=lambda d: seconds[d.name])
    with ctx.step(f"tall random problem, {m} x {n}: timing"):
        timing = compare(_ours(A, b), lambda: driver(A, b), rounds=5, budget=1.0 if ctx.quick else 8.0)
        # Judged with all columns of norm 1, so that an error in a small column cannot hide behind a large one.
        sizes = np.linalg.norm(A, axis=0)
        scaled = A / sizes
        rows.append(
            Row(
                task=f"random {m} x {n}, scaled",
                peer="scipy.linalg.lstsq",
                seconds=timing.seconds,
                peer_seconds=timing.peer_seconds,
                accuracy=float(sketch.backward_error(scaled, b, timing.ours * sizes)),
                peer_accuracy=float(sketch.backward_error(scaled, b, timing.peer * sizes)),
                measure="backward err.",
                note=f"column sizes differ by up to 1e6; SciPy driver: {driver.name}",
                rounds=timing.rounds,
            )
        )
    times = {"KRISS": timing.seconds, **seconds, driver.name: timing.peer_seconds}
    remarks = ("peer: scipy.linalg.lstsq with the driver that is fastest among the most accurate ones on each problem",)
    return StationResult(tuple(rows), remarks, {"digits": chart, "times": times, "size": f"{m:,} x {n}"})


def draw(picture: dict[str, Any], figure: Any) -> None:
    """Digits as bars, set by set, and times as bars."""
    left, right = figure.subplots(1, 2, width_ratios=[2.1, 1.0])
    chart = picture["digits"]
    place = np.arange(len(chart))
    series = (("KRISS", BLUE), ("SciPy gelsd (default)", GREY), ("SciPy gelsy", ORANGE))
    for k, (label, color) in enumerate(series):
        values = [entry[k] for entry in chart.values()]
        left.bar(place + (k - 1) * 0.27, values, width=0.25, color=color, label=label)
    left.set_xticks(place, list(chart), rotation=40, ha="right", rotation_mode="anchor")
    left.set_ylim(0, 17.5)
    left.axhline(MOST_DIGITS, color="black", lw=0.9, ls=":")
    left.set_ylabel("correct digits of the worst parameter")
    left.set_title("Digits that agree with NIST's certified values")
    left.legend(loc="upper center", ncols=3)
    left.grid(axis="x", visible=False)
    times = picture["times"]
    colors = {"KRISS": BLUE, "gelsd": GREY, "gelsy": ORANGE}
    names = sorted(times, key=lambda name: -times[name])
    bars = right.barh(names, [times[name] for name in names], color=[colors[name] for name in names], height=0.55)
    right.bar_label(bars, fmt=" %.3g s")
    right.set_xlim(0, 1.25 * max(times.values()))
    right.set_xlabel("seconds")
    right.set_title(f"Random {picture['size']}")
    right.grid(axis="y", visible=False)
