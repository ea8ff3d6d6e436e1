"""Gaussian process: carbon dioxide at Mauna Loa, fitted by maximum likelihood and predicted five years ahead."""

import numpy as np

from kriss.datasets import load_mauna_loa
from kriss.gp import RBF, Matern, fit


def main():
    data = load_mauna_loa()
    years = np.floor(data.year)
    whole = np.unique(years)
    mean = np.array([data.co2[years == year].mean() for year in whole])
    centre = mean.mean()
    kernel = RBF(lengthscale=30.0, variance=400.0) + Matern(2.5, lengthscale=3.0, variance=1.0)
    train = whole < 1997
    found = fit(kernel, whole[train, None], mean[train] - centre, noise=0.05, n_restarts=1, rng=0)
    print(f"{train.sum()} yearly means, log-likelihood {found.log_likelihood:.2f}, converged: {found.converged}")
    prediction = found.factor.predict(whole[~train, None], mean[train] - centre, return_std=True)
    for year, expected, std, seen in zip(
        whole[~train], prediction.mean + centre, prediction.std, mean[~train], strict=True
    ):
        print(f"  {year:.0f}: predicted {expected:6.2f} +- {2 * std:.2f} ppm, measured {seen:6.2f}")


if __name__ == "__main__":
    main()
