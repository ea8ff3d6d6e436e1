"""Gaussian process: an expensive function from four runs of it and eleven of a cheap one.

The pair is that of Forrester, Sobester and Keane (2007). Run with ``--plot FILE`` for the picture.
"""

import argparse

import numpy as np

from kriss.gp import co_kriging


def expensive(x):
    return (6 * x - 2) ** 2 * np.sin(12 * x - 4)


def cheap(x):
    return 0.5 * expensive(x) + 10 * (x - 0.5) - 5


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", metavar="FILE", help="write the figure there")
    args = parser.parse_args()

    many = np.linspace(0.0, 1.0, 11)
    few = many[[0, 4, 6, 10]]
    x = np.linspace(0.0, 1.0, 201)
    both = co_kriging([many[:, None], few[:, None]], [cheap(many), expensive(few)])
    alone = co_kriging([few[:, None]], [expensive(few)])
    print(f"rho {both.rho[0]:.4f}, {both.evaluations} evaluations of likelihoods")
    for name, model in (("four runs alone", alone), ("with eleven cheap ones", both)):
        p = model.predict(x[:, None])
        print(f"  {name:>22}: largest error {np.abs(p.mean - expensive(x)).max():.3f}, range of the function 22")
    joint = co_kriging([many[:, None], few[:, None]], [cheap(many), expensive(few)], both.kernels, form="joint",
                       rho=both.rho, optimize=False)  # fmt: skip
    apart = np.abs(joint.predict(x[:, None]).mean - both.predict(x[:, None]).mean).max()
    print(f"  recursive and joint form differ by {apart:.0e}")

    if args.plot:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt

        figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
        p = both.predict(x[:, None], return_std=True)
        ax.fill_between(x, p.mean - 2 * p.std, p.mean + 2 * p.std, alpha=0.3, lw=0)
        ax.plot(x, p.mean, label="co-kriging")
        ax.plot(x, alone.predict(x[:, None]).mean, ":", label="four runs alone")
        ax.plot(x, expensive(x), "k--", lw=0.8, label="expensive")
        ax.plot(many, cheap(many), "C2.", label="cheap runs")
        ax.plot(few, expensive(few), "ko", label="expensive runs")
        ax.legend(fontsize=8)
        figure.savefig(args.plot, dpi=90)


if __name__ == "__main__":
    main()
