"""Splines: surface mass density of dark-matter haloes over eight decades of radius, for a given relative accuracy.

Sigma(R) of a halo is an integral along the line of sight, which costs something at every R; a table of it is wanted
that is good to a stated relative accuracy everywhere. NFW and Hernquist haloes have closed forms to compare with.
Run with ``--plot FILE`` for the figure of evaluations against tolerance.
"""

import argparse

import numpy as np

from kriss.spline import interpolate

INNER, OUTER = 1e-4, 1e4  # in scale radii


def _around_one(x):
    """g(x), (g - 1) / t and ((g - 1) / t - 4/3) / t with t = (1 - x) / (1 + x), without cancellation at x = 1.

    g(x) = arcosh(1/x) / sqrt(1 - x^2) below 1, arccos(1/x) / sqrt(x^2 - 1) above, is analytic through 1:
    g = 1 + sum over k >= 1 of 4k / (4k^2 - 1) t^k.
    """
    t = (1 - x) / (1 + x)
    near = np.abs(t) < 0.3
    s = np.where(near, t, 0.0)
    k = np.arange(1, 42)
    c = 4 * k / (4 * k**2 - 1)
    first = np.polynomial.polynomial.polyval(s, c)
    second = np.polynomial.polynomial.polyval(s, c[1:])
    far = np.where(near, 2.0, x)
    root = np.sqrt(np.abs((1 - far) * (1 + far)))
    below = np.log((1 + root) / np.where(far < 1, far, 0.5)) / root
    above = np.arctan2(root, 1.0) / root
    g = np.where(near, 1 + s * first, np.where(far < 1, below, above))
    away = np.where(near, 1.0, t)
    first = np.where(near, first, (g - 1) / away)
    second = np.where(near, second, (first - 4 / 3) / away)
    return g, first, second


def nfw_surface(x):
    """Sigma(R) / (rho_s r_s) of rho = rho_s / (x (1 + x)^2), x = R / r_s: 2 (1 - g) / (x^2 - 1)."""
    _, first, _ = _around_one(x)
    return 2 * first / (1 + x) ** 2


def nfw_mean(x):
    """Mean of Sigma within R, over rho_s r_s: 4 (ln(x/2) + g) / x^2."""
    g, _, _ = _around_one(x)
    # Below 1/2 both terms grow like ln x and their sum falls like x^2 ln x: take them apart.
    small = np.minimum(x, 0.5)
    root = np.sqrt((1 - small) * (1 + small))
    arcosh = np.log((1 + root) / small)
    apart = np.log1p(-(small**2) / (2 * (1 + root))) + arcosh * small**2 / (root * (1 + root))
    return 4 * np.where(x <= 0.5, apart, np.log(x / 2) + g) / x**2


def hernquist_surface(x):
    """Sigma(R) a^2 / M of rho = M a / (2 pi r (r + a)^3), x = R / a: ((2 + x^2) g - 3) / (2 pi (1 - x^2)^2)."""
    g, first, second = _around_one(x)
    t = (1 - x) / (1 + x)
    near = np.abs(t) < 0.3
    u = 1 + t
    series = u**2 / 4 * (2 + t - first + 0.75 * second * u**2)
    away = np.where(near, 2.0, x)
    direct = ((2 + away**2) * g - 3) / ((1 - away) * (1 + away)) ** 2
    return np.where(near, series, direct) / (2 * np.pi)


def hernquist_mean(x):
    """Mean of Sigma within R, times a^2 / M: (g - 1) / (pi (1 - x^2))."""
    _, first, _ = _around_one(x)
    return first / (np.pi * (1 + x) ** 2)


PROFILES = {
    "NFW, Sigma": nfw_surface,
    "NFW, mean Sigma": nfw_mean,
    "Hernquist, Sigma": hernquist_surface,
    "Hernquist, mean Sigma": hernquist_mean,
}


def nfw_line_of_sight(x):
    """Sigma by integration along the line of sight, as one would for a halo without a closed form.

    With r = x cosh u the integrand 2 x rho(x cosh u) cosh u is analytic in a strip of half width pi and falls like
    exp(-2u): the trapezoidal rule with step 1/4 is exact to rounding.
    """
    u = np.arange(0.0, 40.0, 0.25)
    r = np.multiply.outer(x, np.cosh(u))
    integrand = 2 / (1 + r) ** 2
    return 0.25 * (integrand.sum(axis=-1) - 0.5 * integrand[..., 0])


def table(f, rtol, **options):
    """A spline of f over the eight decades with relative error rtol, in logarithms of both."""
    how = {"transform_x": "log", "transform_y": "log", "atol": 0.0} | options
    return interpolate(f, INNER, OUTER, rtol=rtol, **how)


def largest_error(s, f, count=20_001):
    """Largest relative error at points that have nothing to do with the samples, and close around x = 1."""
    x = np.concatenate([INNER * (OUTER / INNER) ** np.linspace(0, 1, count), 1 + np.linspace(-1e-2, 1e-2, 2001)])
    return float(np.abs(s(x) / f(x) - 1).max())


TOLERANCES = [10.0**-p for p in range(2, 11)]


def counts():
    """Evaluations and largest relative error for each profile and tolerance, by both methods."""
    result = {}
    for name, f in PROFILES.items():
        for method in ("kriss", "autoknots"):
            rows = []
            for rtol in TOLERANCES:
                s = table(f, rtol, method=method, initial=9 if method == "kriss" else 6)
                rows.append((rtol, s.n_evals, s.n_rounds, largest_error(s, f), s.converged))
            result[name, method] = rows
    return result


def plot(result, path):
    """The figure of the documentation."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    for i, name in enumerate(PROFILES):
        for method, style in (("kriss", "o-"), ("autoknots", "x:")):
            rtol, evals, _, error, _ = zip(*result[name, method], strict=True)
            left.loglog(rtol, evals, style, color=f"C{i}", label=name if method == "kriss" else None, markersize=4)
            right.loglog(rtol, error, style, color=f"C{i}", markersize=4)
    left.loglog([], [], "x:", color="gray", label='method="autoknots"')
    right.loglog(TOLERANCES, TOLERANCES, "k-", linewidth=0.8, label="tolerance")
    left.set(xlabel="relative tolerance", ylabel="evaluations over eight decades")
    right.set(xlabel="relative tolerance", ylabel="largest relative error")
    for axes in (left, right):
        axes.invert_xaxis()
        axes.legend(fontsize=7)
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=90, metadata={"Software": None} if str(path).endswith("png") else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", metavar="FILE", help="write the figure there")
    args = parser.parse_args()

    result = counts()
    print("evaluations over eight decades of radius, largest relative error in brackets")
    print(f"{'tolerance':>10}" + "".join(f"{name:>28}" for name in PROFILES))
    for i, rtol in enumerate(TOLERANCES):
        cells = [f"{result[name, 'kriss'][i][1]} ({result[name, 'kriss'][i][3]:.1e})" for name in PROFILES]
        print(f"{rtol:>10.0e}" + "".join(f"{cell:>28}" for cell in cells))
    totals = [sum(row[1] for name in PROFILES for row in result[name, m]) for m in ("kriss", "autoknots")]
    print(f"all together {totals[0]}; method='autoknots' with the same transforms {totals[1]}")

    s = table(nfw_line_of_sight, 1e-8)
    print(f"NFW integrated along the line of sight: {s.n_evals} integrals in {s.n_rounds} rounds, {s.status},")
    print(f"  largest relative error against the closed form {largest_error(s, nfw_surface):.1e}")
    if args.plot:
        plot(result, args.plot)


if __name__ == "__main__":
    main()
