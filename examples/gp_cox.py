"""Gaussian process: the intensity of an event record, with a lengthscale chosen by the evidence.

The record is drawn by thinning from a known intensity. Run with ``--plot FILE`` for the picture.
"""

import argparse

import numpy as np

from kriss.gp import RBF, cox_process


def rate(t):
    return 40.0 + 35.0 * np.sin(t) + 60.0 * np.exp(-2.0 * (t - 7.0) ** 2)


def record(rng, end=10.0, most=140.0):
    t = np.sort(rng.uniform(0.0, end, rng.poisson(most * end)))
    return t[rng.random(t.size) * most < rate(t)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", metavar="FILE", help="write the figure there")
    args = parser.parse_args()

    events = record(np.random.default_rng(1))
    fits = [cox_process(events, [(0.0, 10.0)], RBF(length, 1.0)) for length in (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)]
    for fit in fits:
        print(f"lengthscale {fit.kernel.lengthscale:4.2f}: log evidence {fit.log_evidence:.2f}, {fit.rank} features")
    best = max(fits, key=lambda fit: fit.log_evidence)
    t = np.linspace(0.0, 10.0, 201)
    mode, lower, upper = best.intensity(t[:, None])
    inside = np.mean((lower <= rate(t)) & (rate(t) <= upper))
    print(f"{events.size} events, {best.expected_count:.1f} expected; lengthscale {best.kernel.lengthscale} chosen")
    print(f"true intensity within the 95 % band at {100 * inside:.0f} % of the points,", end=" ")
    print(f"mean error {np.abs(mode - rate(t)).mean():.1f} of {rate(t).mean():.1f}")

    if args.plot:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt

        figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
        best.plot(ax)
        ax.plot(t, rate(t), "k--", lw=0.8, label="truth")
        ax.legend()
        figure.savefig(args.plot, dpi=90)


if __name__ == "__main__":
    main()
