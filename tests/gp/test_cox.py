"""Cox processes against dense Laplace approximations over events and nodes."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

from kriss.gp import RBF, CoxProcess, Matern, cox_process
from kriss.gp._cox import _Link, _Mode, _nodes

LINKS = ["exp", "softplus", "square"]


def curves(link, rate, g):
    """Intensity with two derivatives, and its logarithm with two."""
    if link == "exp":
        v = rate * np.exp(g)
        return (v, v, v), (np.log(v), np.ones_like(g), np.zeros_like(g))
    if link == "square":
        return (rate * g**2, 2 * rate * g, 2 * rate + 0 * g), (np.log(rate * g**2), 2 / g, -2 / g**2)
    s, p = 1 / (1 + np.exp(-g)), np.log1p(np.exp(g))
    return (rate * p, rate * s, rate * s * (1 - s)), (np.log(rate * p), s / p, s * (1 - s) / p - (s / p) ** 2)


def dense(events, window, kernel, link, rate, mean, per_axis, xs):
    """Mode and covariance of g at xs with the whole covariance matrix: (K + W^-1) by W^1/2, Newton on K^-1 g."""
    u, omega = _nodes(np.atleast_2d(window), per_axis)
    z, n = np.concatenate([events, u]), len(events)
    K = kernel(z, z)
    a, value = np.zeros(len(z)), -np.inf

    def posterior(a):
        g = mean + K @ a
        (v, _, _), (log, _, _) = curves(link, rate, g)
        return log[:n].sum() - omega @ v[n:] - 0.5 * a @ K @ a

    def slopes(a):
        g = mean + K @ a
        (_, v1, v2), (_, l1, l2) = curves(link, rate, g)
        return np.concatenate([l1[:n], -omega * v1[n:]]), np.concatenate([-l2[:n], omega * v2[n:]])

    value = posterior(a)
    for _ in range(60):
        slope, w = slopes(a)
        root = np.sqrt(w)
        B = np.eye(len(z)) + root[:, None] * K * root
        b = w * (K @ a) + slope
        step = b - root * np.linalg.solve(B, root * (K @ b)) - a
        length = 1.0
        while not posterior(a + length * step) >= value - 1e-12 * abs(value):
            length *= 0.5
        a = a + length * step
        value = posterior(a)
        if np.linalg.norm(K @ step) < 1e-12 * np.linalg.norm(K @ a):
            break
    root = np.sqrt(slopes(a)[1])
    B = np.eye(len(z)) + root[:, None] * K * root
    c = kernel(xs, z)
    half = scipy.linalg.solve_triangular(scipy.linalg.cholesky(B, lower=True), root[:, None] * c.T, lower=True)
    evidence = value - np.log(np.diag(scipy.linalg.cholesky(B, lower=True))).sum()
    return mean + c @ a, kernel(xs, xs) - half.T @ half, evidence


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("d", [1, 2])
def test_against_the_dense_answer(link, d, rng):
    window = np.array([[-1.0, 2.0], [5.0, 7.0]])[:d]
    events = window[:, 0] + rng.beta(2, 3, (80, d)) * np.diff(window, axis=1).T
    kernel, per_axis = RBF(np.array([0.6, 0.5])[:d], 0.7), (60 if d == 1 else 12)
    xs = window[:, 0] + rng.random((15, d)) * np.diff(window, axis=1).T
    c = cox_process(events, window, kernel, link=link, nodes=per_axis)
    assert isinstance(c, CoxProcess) and c.converged and c.gradient_norm <= 1e-10
    assert c.rate == pytest.approx(80 / np.prod(np.diff(window, axis=1)))
    mean, cov, evidence = dense(events, window, kernel, link, c.rate, c.mean, per_axis, xs)
    p = c.predict(xs, return_std=True, return_cov=True)
    np.testing.assert_allclose(p.mean, mean, rtol=0, atol=1e-6)
    np.testing.assert_allclose(p.cov, cov, rtol=0, atol=1e-6)
    np.testing.assert_allclose(p.std**2, p.cov.diagonal(), rtol=0, atol=1e-10)
    assert c.log_evidence == pytest.approx(evidence, abs=1e-5)


def test_square_link_is_the_change_of_kernel(rng):
    # With kappa = a g^2 and no mean, a int g^2 + |g|^2_k / 2 is the norm of another kernel, and alpha_i g_i = 1.
    events, window = rng.random(60) * 3.0, np.array([[0.0, 3.0]])
    c = cox_process(events, window, RBF(0.8, 2.0), link="square", mean=0.0, nodes=80)
    u, omega = _nodes(window, 80)
    phi_t, phi_u = c._features(events[:, None]), c._features(u)
    inner = np.linalg.inv(0.5 * np.eye(c.rank) + c.rate * phi_u.T @ (omega[:, None] * phi_u))
    K = phi_t @ inner @ phi_t.T
    g = c.predict(events[:, None]).mean
    assert c.converged and (g > 0).all()
    np.testing.assert_allclose(K @ (1.0 / g), g, rtol=1e-6)


@pytest.mark.parametrize("link", LINKS)
def test_gradient_and_hessian(link, rng):
    t, u, omega = rng.normal(size=(7, 4)) / 3, rng.normal(size=(9, 4)) / 3, rng.random(9)
    mode = _Mode(_Link(link, 2.0), t, u, omega, 1.5)
    w = 0.1 * rng.normal(size=4)

    def gradient(w):
        return np.array([(mode.value(w + h) - mode.value(w - h)) / 2e-5 for h in 1e-5 * np.eye(4)])

    exact = t.T @ mode.link.logs(1.5 + t @ w)[1] - u.T @ (omega * mode.link.slopes(1.5 + u @ w)[0]) - w
    np.testing.assert_allclose(gradient(w), exact, rtol=0, atol=1e-7)
    rough = np.array([(gradient(w + h) - gradient(w - h)) / 2e-3 for h in 1e-3 * np.eye(4)])
    np.testing.assert_allclose(-rough, mode._hessian(w), rtol=0, atol=1e-3)


@given(st.floats(-700.0, 700.0))
def test_softplus_keeps_its_digits(g):
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(50):
        e = mpmath.exp(mpmath.mpf(g))
        soft, s = mpmath.log1p(e), e / (1 + e)
        wanted = mpmath.log(soft), s / soft, s / soft * (1 - s - s / soft)
        got = _Link("softplus", 1.0).logs(np.array([g]))
        for a, b in zip(got[:2], wanted[:2], strict=True):
            assert abs(a[0] - b) <= 1e-13 * abs(b) + 1e-13 * abs(s)
        assert abs(got[2][0] - wanted[2]) <= 1e-13


def test_counts_and_unit_of_volume(rng):
    events = rng.beta(2, 2, 300)
    a = cox_process(events, [(0.0, 1.0)], RBF(0.3))
    b = cox_process(1024.0 * events, [(0.0, 1024.0)], RBF(0.3 * 1024.0))
    assert abs(a.expected_count - 300) <= 10
    np.testing.assert_allclose(a.intensity([[0.4]])[0], 1024.0 * b.intensity([[0.4 * 1024.0]])[0], rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-100, 1e100])
def test_windows_of_any_size(scale, rng):
    events = rng.beta(2, 2, 50)
    a = cox_process(events, [(0.0, 1.0)], RBF(0.3)).predict([[0.5]]).mean
    b = cox_process(scale * events, [(0.0, scale)], RBF(0.3 * scale)).predict([[0.5 * scale]]).mean
    np.testing.assert_allclose(a, b, rtol=1e-8)


@pytest.mark.parametrize("link", LINKS)
def test_interval_covers_and_orders(link, rng):
    # Thinned from 400 x(2-x) on [0, 2]: about 533 events; 95 % intervals at 60 points.
    t = rng.random(2000) * 2.0
    events = t[rng.random(2000) < t * (2 - t)]
    c = cox_process(events, [(0.0, 2.0)], RBF(0.5, 2.0), link=link, rate=1000.0)
    x = np.linspace(0.15, 1.85, 60)
    mode, lower, upper = c.intensity(x[:, None])
    assert (lower <= mode).all() and (mode <= upper).all() and (lower >= 0).all()
    truth = 1000.0 * x * (2 - x)
    assert ((lower < truth) & (truth < upper)).mean() >= 0.8
    assert (c.intensity(x[:, None], level=0.5)[2] <= upper).all()


def test_rank_that_is_too_small_is_reported(rng):
    events = rng.random(100)
    c = cox_process(events, [(0.0, 1.0)], Matern(0.5, 0.01), rank=10)
    assert c.rank == 10 and c.unexplained > 0.1
    # What the features leave out is in the variance.
    assert c.predict(rng.random((20, 1)), return_std=True).std.max() > 0.5
    assert cox_process(events, [(0.0, 1.0)], RBF(0.3)).unexplained <= 1e-9


def test_repeated_events_and_edges(rng):
    c = cox_process([0.0, 1.0, 0.5, 0.5, 0.5], [(0.0, 1.0)], RBF(0.2))
    assert c.converged and np.isfinite(c.log_evidence)
    assert c.intensity([[0.5]])[0] > c.intensity([[0.25]])[0]
    one = cox_process([0.5], [(0.0, 1.0)], RBF(0.2), link="square")
    assert one.converged


def test_evidence_prefers_the_right_lengthscale(rng):
    t = rng.random(4000)
    events = t[rng.random(4000) < 0.5 + 0.45 * np.sin(20 * t)]
    values = [cox_process(events, [(0.0, 1.0)], RBF(s)).log_evidence for s in (0.01, 0.12, 2.0)]
    assert np.argmax(values) == 1


def test_progress(capsys):
    cox_process([0.5], [(0.0, 1.0)], RBF(0.2), nodes=10, progress=True)
    assert "cox_process" in capsys.readouterr().err
    cox_process([0.5], [(0.0, 1.0)], RBF(0.2), nodes=10)
    assert capsys.readouterr().err == ""


def test_steps_that_run_out_are_reported(rng):
    c = cox_process(rng.random(50), [(0.0, 1.0)], RBF(0.2), maxiter=1)
    assert not c.converged and c.iterations == 1 and c.gradient_norm > 1e-10


def test_inputs_are_not_kept_or_modified(rng):
    events = rng.random((40, 2))
    kept = events.copy()
    c = cox_process(events, [(0.0, 1.0), (0.0, 1.0)], RBF(0.4), nodes=8)
    before = c.predict([[0.3, 0.3]]).mean
    np.testing.assert_array_equal(events, kept)
    events += 1.0
    np.testing.assert_array_equal(c.predict([[0.3, 0.3]]).mean, before)
    np.testing.assert_array_equal(c.events, kept)


@pytest.mark.parametrize("window", [np.array([[0.0, 1.0]]), np.array([0.0, 1.0])])
def test_the_callers_window_stays_writeable(window):
    c = cox_process([0.5], window, RBF(0.3), nodes=10)
    window += 1.0
    np.testing.assert_array_equal(c.window, [[0.0, 1.0]])
    assert not c.window.flags.writeable


def test_starts_that_are_not_finite_name_the_mean():
    with pytest.raises(ValueError, match="mean is 1000, where the log posterior of link='exp' is not finite"):
        cox_process([0.1, 0.5], [(0.0, 1.0)], RBF(0.3), mean=1000.0)
    # Two narrow features, and events that neither reaches.
    with pytest.raises(
        ValueError, match=r"mean is 0 and the 2 features, of which rank .* events\[\d+\] at 0, expected"
    ):
        cox_process([0.1, 0.5, 0.9], [(0.0, 1.0)], RBF(0.001), link="square", mean=0.0, rank=2)


def test_three_dimensions(rng):
    c = cox_process(rng.random((60, 3)), [(0.0, 1.0)] * 3, RBF(0.8), nodes=6)
    assert c.converged and abs(c.expected_count - 60) <= 6
    with pytest.raises(NotImplementedError, match="one or two dimensions"):
        c.plot()


@pytest.mark.parametrize(
    "kind", [list, lambda a: a.astype(np.float32), lambda a: a[::-1][::-1], lambda a: a.astype(">f8")]
)
def test_kinds_of_arrays(kind):
    events = np.arange(1.0, 8.0) / 8.0
    a, b = (cox_process(e, [(0.0, 1.0)], RBF(0.3), nodes=20).predict([[0.4]]).mean for e in (kind(events), events))
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("kwargs", "error", "words"),
    [
        ({"events": [0.5, 1.5, -1.0]}, ValueError, r"events\[1\] is \[1.5\], outside the window .*; 2 of them"),
        ({"events": [0.5, np.nan]}, ValueError, "events contains nan"),
        ({"events": []}, ValueError, "events is empty"),
        ({"events": [[0.5, 0.5]]}, ValueError, "events has 2 columns, expected 1"),
        ({"window": [(1.0, 0.0)]}, ValueError, r"window\[0\] is \(1, 0\), expected low below high"),
        ({"window": [(0.0, np.inf)]}, ValueError, "window contains inf"),
        ({"window": [(0.0, 1.0)] * 4}, ValueError, "window has shape"),
        ({"kernel": "rbf"}, TypeError, "kernel must be a kriss.gp kernel"),
        ({"link": "probit"}, ValueError, "link must be one of"),
        ({"rate": 0.0}, ValueError, "rate must be above"),
        ({"mean": np.nan}, ValueError, "mean must be finite"),
        ({"nodes": 1}, ValueError, "nodes must be at least 2"),
        ({"rank": 0}, ValueError, "rank must be at least 1"),
    ],
)
def test_bad_arguments(kwargs, error, words):
    with pytest.raises(error, match=words):
        cox_process(**{"events": [0.5], "window": [(0.0, 1.0)], "kernel": RBF(0.3), **kwargs})


def test_bad_questions():
    c = cox_process([0.5], [(0.0, 1.0)], RBF(0.3), nodes=10)
    with pytest.raises(ValueError, match="level must be below 1"):
        c.intensity([[0.5]], level=1.0)
    with pytest.raises(ValueError, match="Xs has 2 columns"):
        c.predict([[0.5, 0.5]])


def test_pictures(rng):
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("Agg")
    assert cox_process(rng.random(20), [(0.0, 1.0)], RBF(0.3), nodes=10).plot().get_ylabel() == "intensity"
    cox_process(rng.random((20, 2)), [(0.0, 1.0)] * 2, RBF(0.3), nodes=6).plot(count=40)
    plt.close("all")
