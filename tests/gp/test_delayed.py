"""Batches under delayed feedback: the choices of a textbook implementation that refactors at every step."""

import math
import pickle

import numpy as np
import pytest
import scipy.linalg

from kriss.gp import RBF, DelayedBatches, Matern, greedy_variance

TIES = 1e-9


def textbook(K, y, horizon, noise, delay, beta):
    """Choices with all observations of a batch at hand when it ends; K over all candidates, y (horizon,) in turn."""
    active, length, chosen = np.arange(K.shape[0]), 1, []
    while len(chosen) < horizon:
        length = math.ceil(math.sqrt(horizon * length))
        size = min(length + math.ceil(delay), horizon - len(chosen))
        batch = []
        for _ in range(size):
            variance = K[active, active].copy()
            if batch:
                A = K[np.ix_(batch, batch)] + noise * np.eye(len(batch))
                half = scipy.linalg.solve_triangular(np.linalg.cholesky(A), K[np.ix_(batch, active)], lower=True)
                variance -= (half * half).sum(axis=0)
            batch.append(int(active[np.flatnonzero(variance >= (1 - TIES) * variance.max())[0]]))
        start = len(chosen)
        chosen += batch
        A = K[np.ix_(batch, batch)] + noise * np.eye(size)
        W = np.linalg.solve(A, K[np.ix_(batch, active)])
        mean = W.T @ y[batch, start + np.arange(size)]
        variance = K[active, active] - np.einsum("ij,ij->j", K[np.ix_(batch, active)], W)
        spread = math.sqrt(beta) * np.sqrt(np.maximum(variance, 0))
        active = active[mean - spread <= (mean + spread).min()]
    return chosen


@pytest.mark.parametrize("kernel", [RBF(0.3), Matern(2.5, 0.4)])
def test_choices_are_those_of_the_textbook(kernel, rng):
    line = np.linspace(0, 1, 9)
    X = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)  # symmetric: ties everywhere
    truth = np.sin(3 * X[:, 0]) + (X[:, 1] - 0.4) ** 2
    T = 120
    y = truth[:, None] + 0.1 * rng.standard_normal((81, T))
    search = DelayedBatches(kernel, X, T, 1e-2, delay=3)
    for t in range(T):
        ticket, row = search.ask()
        assert ticket == t
        search.tell(ticket, y[row, t])
    assert search.chosen == textbook(kernel(X), y, T, 1e-2, 3, 6.0)
    assert sum(search.lengths) == T and search.active.size < 81
    assert truth[search.best()] - truth.min() < 0.05


def test_late_lost_and_failed_observations(rng):
    X = rng.random((60, 2))
    truth = ((X - 0.5) ** 2).sum(axis=1)
    search = DelayedBatches(RBF(0.4), X, 150, 1e-2, delay=10)
    waiting = []
    for t in range(150):
        waiting.append(search.ask())
        if t % 3 == 0:
            ticket, row = waiting.pop(int(rng.integers(len(waiting))))
            search.tell(ticket, math.nan if t % 10 == 0 else truth[row] + 0.1 * rng.standard_normal())
        if t == 70:
            search = pickle.loads(pickle.dumps(search))
    assert truth[search.best()] < 0.1
    with pytest.raises(ValueError, match="all 150 evaluations"):
        search.ask()


def test_nothing_is_given_up_without_observations():
    search = DelayedBatches(RBF(0.3), np.linspace(0, 1, 20)[:, None], 50, 0.1)
    rows = [search.ask()[1] for _ in range(50)]
    assert search.active.size == 20 and len(set(rows)) > 5
    with pytest.raises(ValueError, match="no observation"):
        search.best()


def test_arguments():
    X = np.zeros((3, 1))
    with pytest.raises(TypeError, match="kernel must be"):
        DelayedBatches("rbf", X, 10, 0.1)
    with pytest.raises(ValueError, match="horizon must be at least 1"):
        DelayedBatches(RBF(), X, 0, 0.1)
    with pytest.raises(ValueError, match="noise must be above 0"):
        DelayedBatches(RBF(), X, 10, 0.0)
    with pytest.raises(ValueError, match="no rows"):
        DelayedBatches(RBF(), X[:0], 10, 0.1)
    with pytest.raises(ValueError, match="X contains nan"):
        DelayedBatches(RBF(), [[np.nan]], 10, 0.1)
    search = DelayedBatches(RBF(), X, 10, 0.1)
    with pytest.raises(ValueError, match="ticket 0 was not asked for"):
        search.tell(0, 1.0)
    search.ask()
    search.tell(0, 1.0)
    with pytest.raises(ValueError, match="was told before"):
        search.tell(0, 1.0)


def test_ties_go_to_the_first():
    X = np.array([[0.0], [1.0 - 1e-12], [-1.0]])  # the last is farther from the first by a hair
    np.testing.assert_array_equal(greedy_variance(RBF(), X, 2, ties=1e-9).indices, [0, 1])
    np.testing.assert_array_equal(greedy_variance(RBF(), X, 2, ties=0.0).indices, [0, 2])
    with pytest.raises(ValueError, match="ties must be at least 0"):
        greedy_variance(RBF(), X, 2, ties=-1.0)
