import numpy as np

from kriss.sketch import backward_error, lstsq, sketch


def test_first_light(rng):
    A = rng.standard_normal((20_000, 20))
    b = A @ np.arange(20.0) + rng.standard_normal(20_000)
    fit = lstsq(A, b, rng=0)
    assert fit.backward_error < 2.3e-16
    assert backward_error(A, b, fit.x) < 2.3e-16
    assert sketch(A, 100, rng=0).shape == (100, 20)
