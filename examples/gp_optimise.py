"""Gaussian process: the minimum of a function of one variable in a dozen evaluations, some of which fail.

Run with ``--plot FILE`` for the figure of the posterior and the acquisition after eight of them.
"""

import argparse

import numpy as np

from kriss.gp import Optimizer


def furnace(x):
    """Loss over temperature: two valleys, and a region where the furnace trips."""
    t = float(x[0])
    if 0.62 < t < 0.68:
        raise RuntimeError("the furnace tripped")
    return np.sin(13.0 * t) * np.sin(27.0 * t) / 2.0 + 0.5 + (t - 0.4) ** 2


def plot(opt, path):
    """Posterior above, acquisition below."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    t = np.linspace(0.0, 1.0, 600)
    truth = np.array([np.sin(13.0 * v) * np.sin(27.0 * v) / 2.0 + 0.5 + (v - 0.4) ** 2 for v in t])
    p = opt.predict(t[:, None], return_std=True)
    values = opt.acquisition(t[:, None])
    figure, (top, below) = plt.subplots(2, 1, figsize=(7, 5), sharex=True, layout="constrained", height_ratios=(2, 1))
    top.plot(t, truth, "k:", linewidth=1, label="function")
    top.plot(t, p.mean, color="C0", label="posterior mean")
    top.fill_between(t, p.mean - 2 * p.std, p.mean + 2 * p.std, color="C0", alpha=0.2, linewidth=0, label="2 std")
    top.plot(opt.X[:, 0], opt.y, "o", color="C1", label="evaluations")
    for row, _ in opt.failures:
        top.axvline(opt.X[row, 0], color="C3", linewidth=0.8, label="failed")
    top.set(ylabel="loss")
    top.legend(fontsize=8, ncols=2)
    below.plot(t, values, color="C2")
    below.axvline(t[int(np.argmax(values))], color="C2", linewidth=0.8, linestyle="--")
    below.set(xlabel="temperature", ylabel="log EI", ylim=(values.max() - 20, values.max() + 2))
    figure.savefig(path, dpi=90, metadata={"Software": None} if str(path).endswith("png") else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", metavar="FILE", help="write the figure there")
    args = parser.parse_args()
    opt = Optimizer([(0.0, 1.0)], n_initial=4, warp=False, rng=4)
    opt.run(furnace, 8)
    if args.plot:
        plot(opt, args.plot)
    found = opt.run(furnace, 12)
    print(f"{found.y.size} evaluations, {found.refits} choices of hyperparameters")
    for row, why in found.failures:
        print(f"  failed at {found.X[row, 0]:.3f}: {why}")
    grid = np.linspace(0.0, 1.0, 20_001)
    grid = grid[(grid <= 0.62) | (grid >= 0.68)]
    least = min(furnace([t]) for t in grid)
    print(f"least loss {found.fun:.6f} at {found.x[0]:.4f}, {found.fun - least:.1e} above the minimum")


if __name__ == "__main__":
    main()
