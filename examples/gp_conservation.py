"""Gaussian process: a porous medium whose total mass is known, before and after conditioning on it.

The porous-medium equation u_t = (u**3 u_x)_x on x > 0 with u(t, 0) = (3 t)**(1/3) has the front u = (3 (t - x))**(1/3),
which takes up the mass 3**(1/3) (3/4) t**(4/3). A Gaussian process sees noisy values of u; that the mass on [0, 1] is
this much at every time is a row of linear constraints, after D. Hansen, D. C. Maddix, S. Alizadeh, G. Gupta, M. W.
Mahoney, "Learning Physical Models that Can Respect Conservation Laws", 2023. Run with ``--plot FILE`` for the picture.
"""

import argparse

import numpy as np

from kriss.gp import Matern, factor


def front(t, x):
    return np.cbrt(3.0 * np.maximum(t - x, 0.0))


def mass(t):
    return 0.75 * np.cbrt(3.0) * t ** (4.0 / 3.0)


def constrained(seed=0, observations=80, cells=101, times=12, noise=0.05):
    """Times, cell centres, and fields before and after, with the mean squared errors and mass errors."""
    rng = np.random.default_rng(seed)
    seen = rng.random((observations, 2))
    y = front(*seen.T) + noise * rng.standard_normal(observations)
    f = factor(Matern(1.5, [0.7, 0.4], 0.5), seen, noise**2)
    t, x = np.linspace(0.15, 1.0, times), (np.arange(cells) + 0.5) / cells
    grid = np.stack([m.ravel() for m in np.meshgrid(t, x, indexing="ij")], axis=1)
    rows = np.kron(np.eye(times), np.full((1, cells), 1.0 / cells))  # the midpoint rule, one row per time
    before = f.predict(grid, y).mean.reshape(times, cells)
    after = f.condition_linear(rows, mass(t), at=grid).predict(grid, y).mean.reshape(times, cells)
    return t, x, before, after


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", metavar="FILE", help="write the figure there")
    args = parser.parse_args()

    t, x, before, after = constrained()
    truth = front(t[:, None], x)
    for name, field in (("unconstrained", before), ("conserving", after)):
        wrong = np.abs(field.mean(axis=1) - mass(t)).max()
        late = field[-1] > 0.5
        where = x[np.flatnonzero(late)[-1]] if late.any() else 0.0
        print(f"{name:>14}: mean squared error {np.mean((field - truth) ** 2):.2e}, mass off by {wrong:.1e},", end=" ")
        print(f"u(1, x) falls below 1/2 at x = {where:.3f} (truth {1 - 0.125 / 3:.3f})")

    if args.plot:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt

        figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
        for field, label in ((before, "unconstrained"), (after, "conserving")):
            left.plot(x, field[-1], label=label)
            right.plot(t, field.mean(axis=1), label=label)
        left.plot(x, truth[-1], "k--", lw=0.8, label="exact")
        right.plot(t, mass(t), "k--", lw=0.8, label="exact")
        left.set(xlabel="x", ylabel="u(1, x)")
        right.set(xlabel="t", ylabel="mass in [0, 1]")
        left.legend(fontsize=8)
        figure.savefig(args.plot, dpi=90)


if __name__ == "__main__":
    main()
