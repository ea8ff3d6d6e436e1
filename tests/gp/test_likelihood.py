"""Log-likelihood and gradient: 50-digit references, differences, scikit-learn."""

import tracemalloc

import mpmath as mp
import numpy as np
import pytest

from kriss.gp import RBF, Matern, factor, log_likelihood

KERNELS = {
    "rbf": RBF(0.7, 1.3),
    "matern12": Matern(0.5, 0.7, 1.3),
    "matern32": Matern(1.5, [0.7, 1.1, 0.4], 1.3),
    "matern52": Matern(2.5, [0.7, 1.1, 0.4], 1.3),
    "sum": RBF(0.5, 0.4, active_dims=[1]) + Matern(2.5, [0.7, 0.3], 2.0, active_dims=[2, 0]) + Matern(0.5, 3.0, 0.1),
}


def mp_kernel(kernel, x, z):
    """k(x, z) to the working precision of mpmath, from the definition."""
    total = mp.mpf(0)
    for term in kernel.terms:
        dims = range(len(x)) if term.active_dims is None else term.active_dims
        lengths = np.broadcast_to(term.lengthscale, (len(list(dims)),))
        s = mp.sqrt(
            sum(
                ((mp.mpf(float(x[q])) - mp.mpf(float(z[q]))) / mp.mpf(float(v))) ** 2
                for q, v in zip(dims, lengths, strict=True)
            )
        )
        if isinstance(term, RBF):
            k = mp.exp(-s * s / 2)
        else:
            a = mp.sqrt(2 * mp.mpf(term.nu)) * s
            k = {0.5: mp.mpf(1), 1.5: 1 + a, 2.5: 1 + a + a * a / 3}[term.nu] * mp.exp(-a)
        total += mp.mpf(term.variance) * k
    return total


def mp_log_likelihood(kernel, X, y, noise):
    n = len(y)
    K = mp.matrix(n, n)
    for i in range(n):
        for j in range(n):
            K[i, j] = mp_kernel(kernel, X[i], X[j]) + (mp.mpf(float(noise)) if i == j else 0)
    L = mp.cholesky(K)
    b = mp.matrix([mp.mpf(float(v)) for v in y])
    z = mp.lu_solve(L, b)
    return -sum(v * v for v in z) / 2 - sum(mp.log(L[i, i]) for i in range(n)) - mp.mpf(n) / 2 * mp.log(2 * mp.pi)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("n", [1, 2, 10])
def test_fifty_digits(name, n, rng):
    kernel = KERNELS[name]
    X, y = rng.random((n, 3)), rng.standard_normal(n)
    with mp.workdps(50):
        exact = float(mp_log_likelihood(kernel, X, y, 0.05))
    f = factor(kernel, X, 0.05)
    # Backward stable factor: the quadratic form moves by cond * n * eps at most.
    bound = 10 * n * np.finfo(float).eps * f.condition_estimate * max(1.0, abs(exact))
    assert abs(f.log_likelihood(y) - exact) <= bound
    assert abs(log_likelihood(kernel, X, y, 0.05) - exact) <= bound


@pytest.mark.parametrize("name", KERNELS)
def test_gradient_against_mpmath_differences(name, rng):
    kernel = KERNELS[name]
    n = 6
    X, y = rng.random((n, 3)), rng.standard_normal(n)
    X[3] = X[2]  # a repeated point: no 0/0
    value, gradient = log_likelihood(kernel, X, y, 0.05, eval_gradient=True)
    theta = np.append(kernel.theta, np.log(0.05))
    h = 1e-5
    for k in range(theta.size):
        step = np.zeros(theta.size)
        step[k] = h
        both = []
        with mp.workdps(40):
            for sign in (1, -1):
                t = theta + sign * step
                both.append(mp_log_likelihood(kernel.with_theta(t[:-1]), X, y, np.exp(t[-1])))
            difference = float((both[0] - both[1]) / (2 * h))
        # Truncation h^2 |f'''| / 6 and rounding of exp(theta +- h) / h, both about 1e-10 here.
        assert abs(gradient[k] - difference) <= 1e-8 * max(1.0, abs(difference))


def test_factor_and_function_agree(rng):
    kernel = KERNELS["sum"]
    X, y = rng.random((70, 3)), rng.standard_normal(70)
    value, gradient = log_likelihood(kernel, X, y, 0.05, eval_gradient=True)
    f = factor(kernel, X, 0.05)
    again, same = f.log_likelihood_grad(y)
    assert value == again
    np.testing.assert_array_equal(gradient, same)


@pytest.mark.parametrize("nu", [0.5, 1.5, 2.5, None])
def test_scikit_learn(nu, rng):
    kernels = pytest.importorskip("sklearn.gaussian_process.kernels")
    from sklearn.gaussian_process import GaussianProcessRegressor

    X, y = rng.random((120, 4)), rng.standard_normal(120)
    lengths = np.array([0.3, 0.5, 0.9, 2.0])
    base = kernels.RBF(lengths) if nu is None else kernels.Matern(lengths, nu=nu)
    theirs = kernels.ConstantKernel(1.7) * base + kernels.WhiteKernel(0.02)
    model = GaussianProcessRegressor(theirs, optimizer=None, alpha=0.0).fit(X, y)
    expected, slope = model.log_marginal_likelihood(model.kernel_.theta, eval_gradient=True)
    ours = RBF(lengths, 1.7) if nu is None else Matern(nu, lengths, 1.7)
    value, gradient = log_likelihood(ours, X, y, 0.02, eval_gradient=True)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, slope, rtol=1e-9, atol=1e-10)


def test_gradient_makes_no_n_by_n_by_p_array(rng):
    n = 800
    X, y = rng.random((n, 9)), rng.standard_normal(n)
    kernel = RBF(np.linspace(0.5, 1.5, 9))
    assert kernel.theta.size == 10
    f = factor(kernel, X, 0.1)
    f.log_likelihood_grad(y)  # compiles, where there is something to compile
    tracemalloc.start()
    try:
        f.log_likelihood_grad(y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * 8 * n * n
