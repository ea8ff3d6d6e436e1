"""Parts of the tour on their own: timing, formatting, the peers, references."""

import contextlib
import os
import re
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import kriss
from kriss.tour import covariance, harness, regression, spline
from kriss.tour._peers import ScipyPeer


def test_compare_interleaves_and_takes_medians():
    calls = []

    def slow():
        calls.append("a")
        time.sleep(0.012)
        return 1

    def slower():
        calls.append("b")
        time.sleep(0.024)
        return 2

    timing = harness.compare(slow, slower, rounds=4, budget=10.0)
    # One untimed call of each, one more of each to see how often to repeat, then A B, B A, A B, B A.
    assert "".join(calls) == "ab" + "ab" + "abbaabba"
    assert (timing.ours, timing.peer, timing.rounds) == (1, 2, 4)
    assert 0.012 <= timing.seconds < timing.peer_seconds


def test_compare_stops_at_its_budget():
    timing = harness.compare(lambda: time.sleep(0.01), lambda: time.sleep(0.01), rounds=1000, budget=0.1)
    assert 1 <= timing.rounds < 20


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (12.345, "12.3 s"), (123.4, "123 s"), (1.0, "1.00 s"), (0.9999, "1.00 s"), (0.99, "990 ms"),
        (0.0099951, "10.0 ms"), (1e-3, "1.00 ms"), (4.56e-5, "45.6 us"), (1e-9, "0.00 us"),
    ],
)  # fmt: skip
def test_format_seconds(seconds, text):
    assert harness.format_seconds(seconds) == text


def test_rows_fit():
    row = harness.Row("t" * 34, "peer", 123.4, 1234.0, 1.0e-100, -12345.67, "m" * 13)
    assert len(harness.format_row(row)) <= 100
    assert max(map(len, harness.header().splitlines())) <= 100
    assert row.ratio == 10.0


def test_digits():
    assert regression.digits(np.array([1.0, 2.0]), np.array([1.0, 2.0])) == 15.0
    assert regression.digits(np.array([1.0 + 1e-7, 2.0]), np.array([1.0, 2.0])) == pytest.approx(7.0, abs=1e-6)
    assert regression.digits(np.array([5.0]), np.array([1.0])) == 0.0
    assert regression.digits(np.array([np.nan]), np.array([1.0])) == 0.0


def test_exact_least_squares():
    # Known in closed form: the line through (0, 0), (1, 1), (2, 1) is 1/6 + x/2.
    A = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    np.testing.assert_array_equal(regression.exact_least_squares(A, np.array([0.0, 1.0, 1.0])), [1.0 / 6.0, 0.5])
    # Too ill-conditioned for double precision: Hilbert's matrix of order 12, where the solution is known.
    n = 12
    scale = float(np.lcm.reduce(np.arange(1, 2 * n)))  # 23 numbers, below 2**53: every entry is an integer
    H = np.array([[scale / (i + j + 1) for j in range(n)] for i in range(n)])
    right = np.array([float(sum(map(int, row))) for row in H])  # exact as well
    np.testing.assert_array_equal(regression.exact_least_squares(H, right), np.ones(n))


def test_tall_keeps_the_solution():
    A, b, x = regression.wide_polynomial()
    repeated = regression.tall(A, b, 300)
    assert repeated[0].shape == (300, 7)
    np.testing.assert_array_equal(regression.exact_least_squares(*repeated), x)


def test_scipy_peer_gradient_and_likelihood():
    """The baseline without scikit-learn is a fair peer only if its gradient is right."""
    rng = np.random.default_rng(5)
    year = np.sort(rng.uniform(1960, 1970, 25))
    X, y = covariance.features(year), rng.standard_normal(25)
    peer = ScipyPeer(covariance.TERMS, covariance.NOISE, covariance.NOISE_BOUNDS)
    value, gradient = peer._objective(peer.start, X, y)
    steps = 1e-4 * np.eye(peer.start.size)
    numeric = [
        (peer._objective(peer.start + h, X, y)[0] - peer._objective(peer.start - h, X, y)[0]) / 2e-4 for h in steps
    ]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-5)
    from kriss import gp

    ours, ours_gradient = gp.factor(covariance.kernel(), X, covariance.NOISE).log_likelihood_grad(y)
    # K has a condition number of up to n * variance / noise, 5e5: its factor keeps ten digits.
    assert ours == pytest.approx(-value, rel=1e-10)
    np.testing.assert_allclose(ours_gradient, -gradient, rtol=1e-8, atol=1e-10)


def test_sklearn_peer_is_the_same_model():
    pytest.importorskip("sklearn")
    from kriss import gp
    from kriss.tour._peers import SklearnPeer

    rng = np.random.default_rng(6)
    year = np.sort(rng.uniform(1960, 1970, 25))
    X, y = covariance.features(year), rng.standard_normal(25)
    regressor = SklearnPeer(covariance.TERMS, covariance.NOISE, covariance.NOISE_BOUNDS)._make()
    regressor.set_params(optimizer=None).fit(X, y)
    value, gradient = regressor.log_marginal_likelihood(regressor.kernel_.theta, eval_gradient=True)
    ours, ours_gradient = gp.factor(covariance.kernel(), X, covariance.NOISE).log_likelihood_grad(y)
    assert ours == pytest.approx(value, rel=1e-10)
    np.testing.assert_allclose(ours_gradient, gradient, rtol=1e-8, atol=1e-10)


def test_spectral_line_is_the_voigt_profile():
    import scipy.special

    line = spline.SpectralLine()
    x = np.array([-20.0, -0.3, 0.0, 0.449, 0.451, 30.0])
    np.testing.assert_allclose(line(x), scipy.special.voigt_profile(x, spline.SIGMA, spline.GAMMA), rtol=1e-12)
    assert line.samples == 6
    assert line(0.1).shape == ()


def test_progress_bar_in_a_terminal_only(tmp_path):
    """A person at a terminal sees what is being done; a pipe sees nothing (the tests of the whole tour check that)."""
    pty = pytest.importorskip("pty")
    fcntl = pytest.importorskip("fcntl")
    termios = pytest.importorskip("termios")
    code = (
        "from kriss.tour.harness import Context\n"
        "with Context(True, 'name') as ctx:\n"
        "    ctx.begin(2)\n"
        "    with ctx.step('first things'): pass\n"
        "    with ctx.step('second things'): pass\n"
    )
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 60, 0, 0))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(kriss.__file__).parents[1]), *sys.path])}
    seen = b""
    try:
        subprocess.run([sys.executable, "-c", code], stderr=side, env=env, check=True, timeout=120)
        os.set_blocking(main, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                seen += os.read(main, 100_000)  # one read need not give all
    finally:
        os.close(main)
        os.close(side)
    frames = re.split(r"[\r\n]+", seen.decode())
    assert any("first things" in frame for frame in frames)
    assert any("second" in frame and "50%" in frame for frame in frames)
    assert max(map(len, frames)) <= 60  # it never wraps
    assert frames[-1].strip() == ""  # and leaves nothing behind
