"""Coefficients of the Bessel functions, computed here and written once for C++ and once for Numba.

python tools/special_coefficients.py            writes both files anew
python tools/special_coefficients.py --check    exits 1 if one is out of date

Polynomials of the uniform expansion come from the recurrence of DLMF 10.41.9 in exact rationals. The others are
computed with mpmath at 200 bits: Taylor coefficients of 1/Gamma(1 + t); of eta(z) = sqrt(1 + z^2) + ln(z / (1 +
sqrt(1 + z^2))) about its zero; and Chebyshev interpolants in two variables of K and its derivative on 2 <= x <= 25,
rewritten in powers.
"""

import argparse
import subprocess
import sys
import textwrap
from fractions import Fraction
from pathlib import Path

import mpmath as mp

ROOT = Path(__file__).resolve().parents[1]
HEADER = ROOT / "cpp" / "include" / "kriss" / "special" / "coefficients.hpp"
MODULE = ROOT / "python" / "kriss" / "_numba" / "_special_coefficients.py"

TERMS = 13  # of the uniform expansion
LOW, HIGH = 2, 25  # the x of the interpolants
DEGREES = 15, 6  # in x and in the square of the order
ETA = 16
GAMMA = 22


def uniform() -> list[list[Fraction]]:
    """p_k, k = 0..TERMS, with u_k(t) = t^k p_k(t^2); each from the constant term up."""
    u = [Fraction(1)]  # coefficients of t^0, t^1, ...
    out = [[Fraction(1)]]
    for k in range(TERMS):
        new = [Fraction(0)] * (3 * (k + 1) + 1)
        for i, c in enumerate(u):
            # u' = i c t^(i-1): half of t^2 (1 - t^2) of it, and an eighth of the integral of (1 - 5 s^2) u
            if i:
                new[i + 1] += c * i / 2
                new[i + 3] -= c * i / 2
            new[i + 1] += c / (8 * (i + 1))
            new[i + 3] -= 5 * c / (8 * (i + 3))
        u = new
        out.append([u[k + 1 + 2 * j] for j in range(k + 2)])
    return out


def reciprocal_gamma() -> list[mp.mpf]:
    """Taylor coefficients of 1 / Gamma(1 + t)."""
    return [mp.mpf(c) for c in mp.taylor(lambda t: mp.rgamma(1 + t), 0, GAMMA)]


def eta_zero() -> tuple[mp.mpf, list[mp.mpf]]:
    """The zero of eta and eta's Taylor coefficients there, from the first power up."""

    def eta(z: mp.mpf) -> mp.mpf:
        r = mp.sqrt(1 + z * z)
        return r + mp.log(z / (1 + r))

    zero = mp.findroot(eta, mp.mpf("0.6627"))
    # eta' = sqrt(1 + z^2) / z: divide the series of the root by that of z.
    root = mp.taylor(lambda z: mp.sqrt(1 + z * z), zero, ETA)
    slope: list[mp.mpf] = []
    for k in range(ETA):
        slope.append((root[k] - (slope[k - 1] if k else 0)) / zero)
    return zero, [slope[k] / (k + 1) for k in range(ETA)]


def interpolant(f: object) -> list[list[mp.mpf]]:
    """Powers of y (rows) and s (columns) of f(x, m): y maps (x - 1) / (x + 1), s = 8 m - 1 maps m onto [-1, 1]."""
    rows, columns = 26, 12
    a, b = mp.mpf(LOW - 1) / (LOW + 1), mp.mpf(HIGH - 1) / (HIGH + 1)
    nodes = [mp.cos(mp.pi * (2 * i + 1) / (2 * rows)) for i in range(rows)]
    orders = [mp.cos(mp.pi * (2 * j + 1) / (2 * columns)) for j in range(columns)]
    places = [(a + b) / 2 + (b - a) / 2 * t for t in nodes]
    values = mp.matrix([[f((1 + y) / (1 - y), (s + 1) / 8) for s in orders] for y in places])
    across = mp.matrix([[mp.cos(k * mp.pi * (2 * i + 1) / (2 * rows)) for i in range(rows)] for k in range(rows)])
    along = mp.matrix(
        [[mp.cos(k * mp.pi * (2 * j + 1) / (2 * columns)) for j in range(columns)] for k in range(columns)]
    )
    c = across * values * along.T
    high, wide = DEGREES
    out = mp.zeros(high + 1, wide + 1)
    for i in range(high + 1):
        for j in range(wide + 1):
            scale = c[i, j] * mp.mpf(2 if i else 1) / rows * mp.mpf(2 if j else 1) / columns
            for p, first in enumerate(mp.taylor(lambda t, i=i: mp.chebyt(i, t), 0, i)):
                for q, second in enumerate(mp.taylor(lambda t, j=j: mp.chebyt(j, t), 0, j)):
                    out[p, q] += scale * mp.nint(first) * mp.nint(second)
    table = []
    for p in range(high + 1):
        row = [out[p, q] for q in range(wide + 1)]
        while len(row) > 1 and abs(row[-1]) < mp.mpf(2) ** -58:
            row.pop()
        table.append(row)
    return table


def bessel_tables() -> tuple[list[list[mp.mpf]], list[list[mp.mpf]]]:
    """sqrt(2 x / pi) e^x K_mu(x), and the same of -dK/dx."""

    def scale(x: mp.mpf) -> mp.mpf:
        return mp.sqrt(2 * x / mp.pi) * mp.exp(x)

    def value(x: mp.mpf, m: mp.mpf) -> mp.mpf:
        return scale(x) * mp.besselk(mp.sqrt(m), x)

    def slope(x: mp.mpf, m: mp.mpf) -> mp.mpf:
        order = mp.sqrt(m)
        return scale(x) * (mp.besselk(order + 1, x) - order / x * mp.besselk(order, x))

    return interpolant(value), interpolant(slope)


def number(value: object) -> str:
    """A double, exactly."""
    v = mp.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value
    return float(v).hex()


def write(header: Path, module: Path) -> None:
    """Both files."""
    zero, eta = eta_zero()
    value, slope = bessel_tables()
    zero_high = float(zero)
    scalars = {"eta_zero": zero_high.hex(), "eta_zero_low": float(zero - mp.mpf(zero_high)).hex()}
    stirling = [mp.bernoulli(2 * k) / (2 * k * (2 * k - 1)) for k in range(1, 10)]
    digamma = [mp.bernoulli(2 * k) / (2 * k) for k in range(1, 10)]
    lists = {
        "eta_taylor": [number(c) for c in eta],
        "reciprocal_gamma": [number(c) for c in reciprocal_gamma()],
        "stirling": [number(c) for c in stirling],
        "digamma": [number(c) for c in digamma],
    }
    tables = {
        "uniform": [[number(c) for c in row] for row in uniform()],
        "k_value": [[number(c) for c in row] for row in value],
        "k_slope": [[number(c) for c in row] for row in slope],
    }
    ranges = (a := mp.mpf(LOW - 1) / (LOW + 1), b := mp.mpf(HIGH - 1) / (HIGH + 1))
    scalars["k_centre"] = number((a + b) / 2)
    scalars["k_half"] = number(2 / (b - a))
    assert ranges
    text = [
        "// Written by tools/special_coefficients.py, which says what the numbers are.",
        "#pragma once",
        "",
        '#include "kriss/config.hpp"',
        "",
        "// Constants of the compiler; whoever compiles for a device says where they lie there.",
        "#if !defined(KRISS_TABLE)",
        "#define KRISS_TABLE inline constexpr",
        "#endif",
        "",
        "KRISS_NAMESPACE_BEGIN",
        "",
        "namespace special_coefficients {",
        "",
        "template <int N>",
        "struct Row {",
        "    int size;",
        "    double c[N];",
        "};",
        "",
    ]
    text += [f"inline constexpr double {name} = {v};" for name, v in scalars.items()]
    text += [f"KRISS_TABLE double {name}[{len(v)}] = {{{', '.join(v)}}};" for name, v in lists.items()]
    for name, rows in tables.items():
        wide = max(map(len, rows))
        text.append(f"KRISS_TABLE Row<{wide}> {name}[{len(rows)}] = {{")
        text += [f"    {{{len(row)}, {{{', '.join(row)}}}}}," for row in rows]
        text.append("};")
    text += ["", "}  // namespace special_coefficients", "", "KRISS_NAMESPACE_END", ""]
    header.parent.mkdir(exist_ok=True)
    header.write_text("\n".join(text))
    subprocess.run(["clang-format", "-i", "--style=file", str(header)], check=True, cwd=ROOT)

    def packed(values: list[str]) -> str:
        return textwrap.fill(", ".join(repr(float.fromhex(v)) for v in values), 112)

    text = ['"""Written by tools/special_coefficients.py, which says what the numbers are."""', "", "# fmt: off"]
    text += [f"{name.upper()} = {float.fromhex(v)!r}" for name, v in scalars.items()]
    for name, v in lists.items():
        text += [f"{name.upper()} = (", packed(v) + ",", ")"]
    for name, rows in tables.items():
        wide = max(map(len, rows))
        text += [f"{name.upper()}_SIZES = ({', '.join(str(len(row)) for row in rows)},)", f"{name.upper()} = ("]
        text += [f"({packed(row + ['0x0.0p+0'] * (wide - len(row)))},)," for row in rows]
        text.append(")")
    module.write_text("\n".join(text) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    mp.mp.prec = 200
    before = [path.read_text() if path.exists() else "" for path in (HEADER, MODULE)]
    write(HEADER, MODULE)
    after = [path.read_text() for path in (HEADER, MODULE)]
    if args.check and before != after:
        HEADER.write_text(before[0])
        MODULE.write_text(before[1])
        print("the coefficients are out of date: run python tools/special_coefficients.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
