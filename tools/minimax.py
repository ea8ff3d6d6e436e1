"""Minimax polynomials of cpp/include/kriss/math.hpp, by the second algorithm of Remez in high precision.

Run `python tools/minimax.py` to print every table of coefficients. E. W. Cheney, "Introduction to Approximation
Theory", 1966, chapter 3. Coefficients are rounded to the working precision one after the other, lowest power first,
and the rest is fitted again, so that the rounding of a leading coefficient is absorbed by later ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import mpmath as mp

mp.mp.prec = 300


def remez(
    f: Callable[[mp.mpf], mp.mpf],
    size: Callable[[mp.mpf], mp.mpf],
    low: mp.mpf,
    high: mp.mpf,
    degree: int,
    first: int = 0,
    steps: int = 12,
) -> tuple[list[mp.mpf], mp.mpf]:
    """Coefficients of powers first..degree of the p that minimises max |size (f - p)| on [low, high], and that."""
    n = degree - first + 1

    # Powers from `first` on alternate as polynomials do once the error is divided by t**first: for odd `first` the
    # sign turns at 0.
    def weight(t: mp.mpf) -> mp.mpf:
        return size(t) * (-1 if first % 2 and t < 0 else 1)

    x = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * k / n) for k in range(n + 1)]
    coef: list[mp.mpf] = []
    worst = mp.mpf(0)
    grid_n = 24 * n
    for _ in range(steps):
        a = mp.matrix(n + 1, n + 1)
        b = mp.matrix(n + 1, 1)
        for i, t in enumerate(x):
            w = weight(t)
            for j in range(n):
                a[i, j] = w * t ** (j + first)
            a[i, n] = mp.mpf(-1) ** i
            b[i] = w * f(t)
        solution = mp.lu_solve(a, b)
        coef = [solution[j] for j in range(n)]

        def error(t: mp.mpf, coef: list[mp.mpf] = coef) -> mp.mpf:
            return weight(t) * (f(t) - sum(c * t ** (j + first) for j, c in enumerate(coef)))

        grid = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * k / grid_n) for k in range(grid_n + 1)]
        values = [error(t) for t in grid]
        worst = max(abs(v) for v in values)
        # One extremum per run of equal sign.
        extrema: list[int] = []
        for k, v in enumerate(values):
            if extrema and (values[extrema[-1]] > 0) == (v > 0):
                if abs(v) > abs(values[extrema[-1]]):
                    extrema[-1] = k
            else:
                extrema.append(k)
        while len(extrema) > n + 1:
            extrema.pop(0 if abs(values[extrema[0]]) < abs(values[extrema[-1]]) else -1)
        if len(extrema) < n + 1:
            break
        x = [grid[k] for k in extrema]
        low_e = min(abs(values[k]) for k in extrema)
        if worst - low_e < worst * mp.mpf("1e-4"):
            break
    return coef, worst


def rounded(
    f: Callable[[mp.mpf], mp.mpf],
    weight: Callable[[mp.mpf], mp.mpf],
    low: float,
    high: float,
    degree: int,
    bits: int,
    refitted: int,
) -> tuple[list[mp.mpf], mp.mpf]:
    """Coefficients in `bits` bits, and the largest weighted error of the rounded polynomial."""
    lo, hi = mp.mpf(low), mp.mpf(high)
    done: list[mp.mpf] = []
    for k in range(refitted + 1):
        coef, _ = remez(lambda t, done=tuple(done): f(t) - poly(done, t), weight, lo, hi, degree, first=k)
        with mp.workprec(bits):
            done += [+c for c in (coef[:1] if k < refitted else coef)]
    grid = [lo + (hi - lo) * k / 2000 for k in range(2001)]
    return done, max(abs(weight(t) * (f(t) - poly(done, t))) for t in grid)


def poly(coef: Sequence[mp.mpf], t: mp.mpf) -> mp.mpf:
    return sum((c * t**j for j, c in enumerate(coef)), mp.mpf(0))


def series(f: Callable[[mp.mpf], mp.mpf], subtract: Callable[[mp.mpf], mp.mpf], power: int) -> Callable[..., mp.mpf]:
    """(f(t) - subtract(t)) / t**power, with care at 0."""

    def g(t: mp.mpf) -> mp.mpf:
        if abs(t) < mp.mpf("1e-20"):
            t = mp.mpf("1e-20")
        return (f(t) - subtract(t)) / t**power

    return g


LN2H = float(mp.log(2) / 2)


def table() -> dict[str, tuple[list[mp.mpf], mp.mpf, int]]:
    out: dict[str, tuple[list[mp.mpf], mp.mpf, int]] = {}

    def add(name: str, f, weight, low, high, degree, bits, refitted=None) -> None:  # type: ignore[no-untyped-def]
        coef, err = rounded(f, weight, low, high, degree, bits, degree - 2 if refitted is None else refitted)
        out[name] = (coef, err, bits)

    # exp(r) = 1 + r + r^2/2 + r^3 Q(r) on |r| <= ln(2)/2 (a little more: k is rounded in working precision).
    tail = series(mp.exp, lambda t: 1 + t + t * t / 2, 3)
    add("exp64", tail, lambda t: abs(t) ** 3 / mp.exp(t), -LN2H * 1.0001, LN2H * 1.0001, 9, 53)
    add("exp32", tail, lambda t: abs(t) ** 3 / mp.exp(t), -LN2H * 1.001, LN2H * 1.001, 3, 24, 3)

    # log((1 + s) / (1 - s)) = 2 s + s^3 L(s^2) on |s| <= (sqrt 2 - 1) / (sqrt 2 + 1).
    def log_tail(z: mp.mpf) -> mp.mpf:
        z = max(z, mp.mpf("1e-30"))
        s = mp.sqrt(z)
        return (mp.log((1 + s) / (1 - s)) - 2 * s) / s**3

    top = float((3 - 2 * mp.sqrt(2)) ** 2) * 1.0001
    add("log64", log_tail, lambda z: (z + mp.mpf("1e-9")) / 2, 0, top, 6, 53)
    add("log32", log_tail, lambda z: (z + mp.mpf("1e-6")) / 2, 0, top, 3, 24)

    # sin(r) = r + r^3 S(r^2), cos(r) = 1 - r^2/2 + r^4 C(r^2) on |r| <= pi/4.
    def sin_tail(z: mp.mpf) -> mp.mpf:
        r = mp.sqrt(max(z, mp.mpf("1e-30")))
        return (mp.sin(r) - r) / r**3

    def cos_tail(z: mp.mpf) -> mp.mpf:
        z = max(z, mp.mpf("1e-20"))
        return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2

    top = float((mp.pi / 4) ** 2) * 1.0001
    add("sin64", sin_tail, lambda z: z + mp.mpf("1e-9"), 0, top, 5, 53)
    add("cos64", cos_tail, lambda z: z * z + mp.mpf("1e-9"), 0, top, 5, 53)

    # erf(x) / x - 1 in x^2, |x| <= 0.75.
    def erf_tail(z: mp.mpf) -> mp.mpf:
        x = mp.sqrt(max(z, mp.mpf("1e-30")))
        return mp.erf(x) / x - 1

    add("erf64", erf_tail, lambda z: mp.sqrt(z) + mp.mpf("1e-6"), 0, 0.75**2, ERF_N, 53)

    # (1 + 2 a) exp(a^2) erfc(a) / 1.125 - 1 as a polynomial in (a - K) / (a + K), 0 <= a <= 30.
    def scaled(q: mp.mpf) -> mp.mpf:
        a = ERFC_K * (1 + q) / (1 - q)
        return (1 + 2 * a) * mp.exp(a * a) * mp.erfc(a) / ERFC_C - 1

    add("erfc64", scaled, lambda q: mp.mpf(1), -1, (30 - ERFC_K) / (30 + ERFC_K) * 1.001, ERFC_N, 53, 0)
    return out


ERF_N = 10
ERFC_K, ERFC_C, ERFC_N = 3.75, 1.125, 23


def two_over_pi() -> list[int]:
    """The first 1280 bits of 2 / pi in 32-bit words, after 64 zero bits."""
    with mp.workprec(1400):
        whole = int(mp.floor(2 / mp.pi * mp.mpf(2) ** 1280))
    return [0, 0] + [(whole >> (32 * (39 - k))) & 0xFFFFFFFF for k in range(40)]


if __name__ == "__main__":
    for name, (coef, err, bits) in table().items():
        print(f"{name}: max weighted error {mp.nstr(err, 3)} = 2^{mp.nstr(mp.log(err, 2), 4)}")
        for k, c in enumerate(coef):
            print(f"  c{k} = {float(c).hex()}{'F' if bits == 24 else ''}  // {mp.nstr(c, 17)}")
    print("two_over_pi:", ", ".join(f"0x{w:08X}" for w in two_over_pi()))
