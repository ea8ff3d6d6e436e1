"""Splines: few knots for measured data with a sharp peak, and adaptive samples of a function that is costly to call."""

import numpy as np

from kriss.datasets import load_titanium
from kriss.spline import fit, interpolate


def main():
    data = load_titanium()
    found = fit(data.temperature, data.value, knots=10)
    print(f"titanium heat data, {data.value.size} points, 10 knots placed by the data:")
    print(f"  {np.round(found.knots).astype(int).tolist()}")
    print(f"  root-mean-square residual {found.rms:.4f}, largest {np.abs(found.residuals).max():.4f}")

    calls = []

    def costly(x):
        calls.append(x.size)
        return np.tanh(50.0 * (x - 0.3)) + np.sin(4.0 * x)

    spline = interpolate(costly, 0.0, 1.0, rtol=1e-6)
    t = np.linspace(0.0, 1.0, 100_001)
    error = np.abs(spline(t) - costly(t)).max()
    print(f"a step of width 1/50: {spline.n_evals} samples in {spline.n_rounds} rounds, {spline.status}")
    print(f"  largest error over {t.size} points {error:.1e}")


if __name__ == "__main__":
    main()
