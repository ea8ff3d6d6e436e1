"""Reference values of log I_v(x), log K_v(x), their derivatives and ratios: python tests/special/make_references.py

Writes `references.npz`: points stratified by region and on both sides, one unit in the last place apart, of every
change of formula, each with its values as a sum of two doubles. Computed with mpmath at 200 bits or more, by methods
that share nothing with the package's: K by the trapezoidal rule on its integral over cosh (DLMF 10.32.9), whose error
falls exponentially with the number of points; I by its power series, and by the trapezoidal rule on Schlaefli's
integral (DLMF 10.32.12) along the path of steepest descent. Each sum is doubled until two agree to 120 bits.
"""

import itertools
import math
from pathlib import Path

import mpmath as mp
import numpy as np

PREC = 200
AGREE = 120
ZERO = 0.66274341934918158  # of rho - v asinh(v / x), as x / v
BAND = 0.066
CIRCLES = (25.0, 48.0, 140.0, 700.0)


def doubled(total, n):
    before = total(n)
    while True:
        n *= 2
        now = total(n)
        if all(abs(a - b) <= mp.ldexp(1 + abs(a), -AGREE) for a, b in zip(now, before, strict=True)):
            return now
        before = now


def bisect(f, a, b, limit):
    """Between a, where f is below the limit, and b, where it is not."""
    for _ in range(40):
        c = (a + b) / 2
        a, b = (c, b) if f(c) < limit else (a, c)
    return a


def k_integral(v, x):
    """log K, its derivative in v, and K_{v+1} / K_v."""
    drop = (PREC + 8) * mp.log(2)

    def g(t):
        return -x * mp.cosh(t) + v * t + mp.log1p(mp.exp(-2 * v * t)) - mp.log(2)

    peak = mp.asinh(v / x)
    top = g(peak)
    step = 1 / mp.sqrt(mp.sqrt(v * v + x * x) + 1)
    high = peak + step
    while g(high) > top - drop:
        high = peak + (high - peak) * 1.25
    low = mp.mpf(0)
    if g(low) < top - drop:
        low = bisect(g, low, peak, top - drop)

    def total(n):
        h = (high - low) / n
        s = sv = sr = mp.mpf(0)
        for i in range(n + 1):
            t = low + i * h
            w = mp.exp(g(t) - top) * (mp.mpf(0.5) if i in (0, n) else 1)
            s += w
            e = mp.exp(-2 * v * t)
            sv += w * t * (1 - e) / (1 + e)
            sr += w * (mp.exp(t) + mp.exp(-t) * e) / (1 + e)
        return top + mp.log(s * h), sv / s, sr / s

    return doubled(total, 64)


def i_series(v, x):
    q = x * x / 4
    s = term = mp.mpf(1)
    shift = sv = mp.mpf(0)
    k = 0
    while True:
        k += 1
        term = term * q / (k * (k + v))
        shift += 1 / (v + k)
        s += term
        sv += term * shift
        if q < k * (k + v) and term * (1 + shift) < s * mp.ldexp(1, -PREC):
            break
    return v * mp.log(x / 2) - mp.loggamma(v + 1) + mp.log(s), mp.log(x / 2) - mp.digamma(v + 1) - sv / s


def i_contour(v, x):
    def place(s):
        sine = mp.sin(s)
        rise = (v / x) * s / sine if s else v / x
        slope = (v / x) * (sine - s * mp.cos(s)) / sine**2 if s else mp.mpf(0)
        cosh = mp.sqrt(1 + rise * rise)
        u = mp.asinh(rise)
        return x * cosh * mp.cos(s) - v * u, u + s * slope / cosh

    top = place(mp.mpf(0))[0]
    drop = (PREC + 8) * mp.log(2)
    end = mp.pi * (1 - mp.mpf(10) ** -12)
    high = bisect(lambda s: top - place(s)[0], mp.mpf(0), end, drop)

    def total(n):
        h = high / n
        s = sv = mp.mpf(0)
        for i in range(n + 1):
            e, moved = place(i * h)
            w = mp.exp(e - top) * (mp.mpf(0.5) if i in (0, n) else 1)
            s += w
            sv -= w * moved
        return top + mp.log(s * h / mp.pi), sv / s

    return doubled(total, 32)


def i_both(v, x):
    return i_contour(v, x) if x > 1500 else i_series(v, x)


def reference(v, x):
    """Ten numbers: log I, log K, the scaled ones, four derivatives, two ratios."""
    with mp.workprec(PREC + 60):
        v, x = mp.mpf(v), mp.mpf(x)
        log_k, k_v, k_ratio = k_integral(v, x)
        log_i, i_v = i_both(v, x)
        i_ratio = mp.exp(i_both(v + 1, x)[0] - log_i)
        return [log_i, log_k, log_i - x, log_k + x, i_v, v / x + i_ratio, k_v, v / x - k_ratio, i_ratio, k_ratio]


NAMES = ("log_iv", "log_kv", "log_ive", "log_kve", "iv_v", "iv_x", "kv_v", "kv_x", "iv_ratio", "kv_ratio")


def both_sides(value):
    return value, math.nextafter(value, math.inf), math.nextafter(value, -math.inf)


def circle(radius, rng, n):
    """Points whose v^2 + x^2 lies just below and just above radius^2."""
    out = []
    for _ in range(n):
        angle = math.asin(min(1.0, 10 ** rng.uniform(-3, 0))) if rng.random() < 0.5 else rng.uniform(0, math.pi / 2)
        v = radius * math.sin(angle)
        x = math.sqrt(radius * radius - v * v)
        while v * v + x * x < radius * radius:
            x = math.nextafter(x, math.inf)
        while v * v + x * x >= radius * radius:
            x = math.nextafter(x, 0.0)
        out += [(v, x), (v, math.nextafter(x, math.inf))]
    return out


def strata(rng):
    """Name -> points (v, x)."""
    out = {}

    def ring(low, high, n=20):
        points = []
        for i in range(n):
            radius = low * (high / low) ** rng.random()
            angle = rng.uniform(0, math.pi / 2)
            if i % 2:
                angle = min(angle, 10 ** rng.uniform(-5, 0)) if i % 4 == 1 else math.pi / 2 - 10 ** rng.uniform(-9, 0)
            points.append((max(radius * math.sin(angle), 0.0), max(radius * math.cos(angle), 1e-8)))
        return points

    edges = (*CIRCLES, 1e5)
    for low, high in itertools.pairwise(edges):
        out[f"rho from {low:g}"] = ring(low, high)
    out["v to 1e5, x to 1e6"] = [(10 ** rng.uniform(0, 5), 10 ** rng.uniform(3, 6)) for _ in range(16)]
    out["large v, small x"] = [(10 ** rng.uniform(1.4, 5), 10 ** rng.uniform(-8, 0)) for _ in range(16)]
    for radius in CIRCLES:
        out[f"circle {radius:g}"] = circle(radius, rng, 8)
    band = []
    for low, high in itertools.pairwise(edges):
        for _ in range(8):
            v = low * (high / low) ** rng.random()
            band.append((v, v * (ZERO + rng.uniform(-BAND, BAND))))
    out["zero of the exponent"] = band
    out["edges of the band"] = [
        (v, x) for v in (30.0, 333.3, 12345.6) for s in (-1, 1) for x in both_sides((ZERO + s * BAND) * v)
    ]
    for name, (low, high) in {
        "x below 0.1": (1e-8, 0.1),
        "x 0.1 to 2": (0.1, 2.0),
        "x 2 to 8": (2.0, 8.0),
        "x 8 to 25": (8.0, 25.0),
    }.items():
        points = []
        for i in range(24):
            x = low * (high / low) ** rng.random()
            v = rng.uniform(0, 8.5) if i % 3 else rng.uniform(8.5, 24.9)
            points.append((v if v * v + x * x < 625 else 0.3 * v, x))
        out[name] = points
    out["order 0 and next to it"] = [
        (v, x) for v in (0.0, 5e-324, 1e-12, 1e-5, 0.01) for x in (1e-8, 0.05, 1.0, 5.0, 24.0, 26.0, 100.0, 1e4, 1e6)
    ]
    out["changes in x"] = [
        (v, x) for v in (0.0, 0.3, 3.7, 11.2) for edge in (0.1, 1.0, 2.0, 8.0) for x in both_sides(edge)
    ]
    out["changes in v"] = [
        (v, x) for edge in (0.5, 1.5, 7.5, 8.5, 20.5) for v in both_sides(edge) for x in (1e-6, 0.5, 3.0, 12.0)
    ]
    zeros = []
    for v in (0.4, 1.0, 2.5, 6.0, 9.0, 14.0, 20.0, 60.0, 1e3, 1e4, 1e5):
        with mp.workprec(80):
            for f in (mp.besseli, mp.besselk):
                if v <= 60:
                    x = float(mp.findroot(lambda t, f=f, v=v: mp.log(f(v, t)), (0.55 * v + 0.3, 0.7 * v + 0.9)))
                    zeros.append((v, x))
        zeros.append((v, ZERO * v))
    out["zeros of the logarithm"] = zeros
    out["corners"] = [(v, x) for v in (0.0, 0.5, 25.0, 1e5) for x in (1e-8, 1e6)]
    return out


def main():
    names, rows, values = [], [], []
    for name, points in strata(np.random.default_rng(20261129)).items():
        for v, x in points:
            numbers = reference(v, x)
            high = [float(y) for y in numbers]
            with mp.workprec(PREC):
                low = [float(y - mp.mpf(h)) for y, h in zip(numbers, high, strict=True)]
            names.append(name)
            rows.append((v, x))
            values.append([high, low])
        print(f"{name}: {len(points)} points", flush=True)
    v, x = np.array(rows).T
    stored = {"stratum": np.array(names), "v": v, "x": x}
    for j, name in enumerate(NAMES):
        stored[name] = np.array([[high[j], low[j]] for high, low in values]).T
    np.savez_compressed(Path(__file__).with_name("references.npz"), **stored)
    print(len(rows), "points")


if __name__ == "__main__":
    main()
