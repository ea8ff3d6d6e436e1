"""Gaussian process: a Poisson equation of two scales, and an advected wave, solved on grids.

The spectral mixture finds the frequencies of the solution in the source and in the boundary values. Run with ``--plot
FILE`` for a picture of both solutions and their errors.
"""

import argparse

import numpy as np

from kriss.gp import solve_pde


def two_scales(x):
    return np.sin(x) + 0.1 * np.sin(20 * x) + 0.05 * np.cos(100 * x)


def source(x):
    return -np.sin(x) - 40 * np.sin(20 * x) - 500 * np.cos(100 * x)


def wave(x, t):
    return np.sin(x - 200 * t)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", metavar="FILE", help="write the figure there")
    args = parser.parse_args()

    x = np.linspace(0.0, 1.0, 400)
    line = solve_pde([x], {2: 1.0}, source, two_scales)
    between = 0.5 * (x[1:] + x[:-1])
    error = np.linalg.norm(line.predict(between) - two_scales(between)) / np.linalg.norm(two_scales(between))
    certificate = np.linalg.norm(line.residual(between)) / np.linalg.norm(source(between))
    print(
        f"Poisson, 400 points: {line.status}, relative error {error:.1e}, residual between the points {certificate:.1e}"
    )
    print("  cycles per unit:", ", ".join(f"{f:.2f}" for f in sorted(line.kernels[0].frequencies[:, 0])[:4]))

    t = np.linspace(0.0, 1.0, 160)
    flow = solve_pde([t, t], {(1, 0): 200.0, (0, 1): 1.0}, 0.0, wave, faces=[(True, False), (True, False)])
    fine = np.linspace(0.0, 1.0, 101)
    truth = wave(fine[:, None], fine)
    error = np.linalg.norm(flow.predict(fine, fine) - truth) / np.linalg.norm(truth)
    print(f"advection at speed 200, 160 by 160 points: {flow.status}, relative error {error:.1e}")

    if args.plot:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots(2, 2, figsize=(9, 6.5), layout="constrained")
        line.plot(two_scales, axes[0])
        flow.plot(wave, axes[1])
        figure.savefig(args.plot, dpi=90)


if __name__ == "__main__":
    main()
