"""Least squares: a tall problem solved by sketching, with a certificate, and a data set with certified parameters."""

import numpy as np

from kriss.datasets import load_nist_strd
from kriss.sketch import backward_error, lstsq


def main():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((100_000, 40)) * 10.0 ** rng.uniform(-6, 6, 40)  # columns in very different units
    truth = rng.standard_normal(40)
    b = a @ truth + rng.standard_normal(100_000)
    result = lstsq(a, b, rng=0)
    print(f"{a.shape[0]} x {a.shape[1]}, columns scaled over 12 decades: method {result.method}")
    print(f"  backward error {result.backward_error:.1e}, after {result.iterations} refinements")
    print(f"  recomputed by hand {backward_error(a, b, result.x, scaled=True):.1e}")

    wampler = load_nist_strd("Wampler4")
    fit = lstsq(wampler.design(), wampler.y, rng=0)
    digits = -np.log10(max(np.abs(fit.x / wampler.certified - 1.0).max(), 1e-15))
    print(f"NIST {wampler.name}, difficulty {wampler.difficulty}: {digits:.1f} correct digits, by {fit.method}")


if __name__ == "__main__":
    main()
