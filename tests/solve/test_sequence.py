"""`Sequence`: right answers whatever it chooses, measured decisions, recovery from what goes wrong, and its report."""

import logging
import pickle

import numpy as np
import pytest
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from kriss.solve import SSOR, Jacobi, Sequence, cg
from kriss.solve._sequence_arms import CLASSES, METHODS
from kriss.solve._sequence_trials import LEAST, MOST, Trial
from kriss.testing import convection_diffusion2d, poisson2d

L = poisson2d(12)
N = 144
EYE = sps.eye_array(N)


def system(t, seed=0):
    """A heat step of changing length, and a right-hand side."""
    strength = 10.0 ** np.sin(0.3 * t)
    return sps.csr_array(EYE + strength * L), np.random.default_rng([seed, t]).standard_normal(N), strength


def solved(A, b, result, rtol=1e-8):
    assert result.status == "converged"
    norm = np.linalg.norm(b - A @ result.x)
    assert norm <= 1.01 * rtol * np.linalg.norm(b)
    assert result.residual_norm == pytest.approx(norm, rel=1e-3, abs=1e-14 * np.linalg.norm(b))


def run(S, count, start=0):
    results = []
    for t in range(start, start + count):
        A, b, strength = system(t)
        results.append(S.solve(A, b, strength))
        solved(A, b, results[-1])
    return results


# Answers


@pytest.mark.parametrize("method", METHODS)
def test_every_method(method):
    S = Sequence(method, None if method in ("sor", "ssor") else "jacobi", rtol=1e-8, rng=0, learn=None)
    run(S, 6)


@pytest.mark.parametrize("precond", [*CLASSES, None])
def test_every_preconditioner(precond):
    method = "gmres" if precond in ("ilu0", "ilut") else "cg"
    S = Sequence(method, precond, rtol=1e-8, rng=0)
    results = run(S, 5)
    A, b, _ = system(4)
    if precond not in ("ssor", "ilu0", "ilut"):  # updated preconditioners are those built anew
        assert results[-1].iterations == cg(A, b, rtol=1e-8, M=precond).iterations


@pytest.mark.parametrize("learner", ["auto", "tsallis", "tsallis-rv", "chebcb", "kernel", "fixed"])
def test_every_learner(learner):
    S = Sequence(learner=learner, rtol=1e-8, rng=0)
    run(S, 25)
    assert S.systems == 25
    if learner == "fixed":
        assert S.report().used.max() == 25


def test_every_parameter_at_once():
    S = Sequence(
        "cg", ["ssor", "mic", "chebyshev", "jacobi"], ("omega", "relax", "degree", "precond", "recycle"), recycle=5,
        warm_start="extrapolate", rtol=1e-8, rng=0,
    )  # fmt: skip
    assert len(S.arms) == 4 * (20 + 10 + 7 + 1)
    run(S, 40)
    S = Sequence("gmres", "ilu0", ("restart", "recycle"), recycle=5, rtol=1e-8, rng=0)
    for t in range(20):
        A = convection_diffusion2d(12, 10.0 ** (-1 - 0.05 * t))
        solved(A, np.ones(N), S.solve(A, np.ones(N)))


@pytest.mark.parametrize("precond", ["ssor", "mic", "ic0"])
@pytest.mark.parametrize("warm", [None, "previous"])
def test_same_bits_as_cg(precond, warm):
    S = Sequence("cg", precond, (), rtol=1e-9, warm_start=warm, rng=0)
    before = None
    for t in (0, 1, 1, 2):
        A, b, _ = system(t)
        result = S.solve(A, b)
        start = before if result.params["sequence"]["warm_start"] else None
        expected = cg(A, b, start, rtol=1e-9, M=precond)
        assert np.array_equal(result.x, expected.x) and result.residual_norm == expected.residual_norm
        assert (result.iterations, result.matvecs) == (expected.iterations, expected.matvecs)
        before = result.x
        A.data[:] = 1e300  # what the caller does with its arrays later is its own affair
    zero = S.solve(system(2)[0], np.zeros(N))
    assert zero.status == "converged" and not zero.x.any()


def test_arms_and_fixed_values():
    assert Sequence().arms[:2] == ("ssor (omega 1)", "ssor (omega 1.05)")
    assert Sequence(params={"omega": 1.7}).arms == ("ssor",)
    S = Sequence(params={"omega": 1.7}, rtol=1e-8)
    A, b, _ = system(0)
    assert S.solve(A, b).iterations == cg(A, b, rtol=1e-8, M=SSOR(A, 1.7)).iterations
    assert Sequence(grids={"omega": [1.2, 1.6]}).arms == ("ssor (omega 1.2)", "ssor (omega 1.6)")
    assert Sequence("sor").arms[0] == "none (omega 1)"
    assert Sequence("cg", "mic").arms == ("mic",)


@pytest.mark.parametrize("precond", ["ssor", "mic", "jacobi"])
def test_matrices_changed_in_place_are_noticed(precond):
    S = Sequence("cg", precond, (), rtol=1e-9)
    A, b, _ = system(0)
    other = system(3)[0]
    solved(A, b, S.solve(A, b), 1e-9)
    A.data[:] = other.data
    result = S.solve(A, b)
    solved(other, b, result, 1e-9)
    A.data[:] *= 4.0
    assert np.array_equal(S.solve(A, 4.0 * b).x, result.x)
    A.data[0] = np.nan
    with pytest.raises(ValueError, match=r"A\.data contains nan"):
        S.solve(A, b)
    where = A.indptr[5] + np.flatnonzero(A.indices[A.indptr[5] : A.indptr[6]] == 5)[0]
    A.data[:] = other.data
    A.data[where] = 0.0
    with pytest.raises(ValueError, match="row 5 is 0"):
        S.solve(A, b)
    A.data[where] = other.data[where]
    A.indices[[where, where - 1]] = A.indices[[where - 1, where]]  # the same matrix, unsorted, in the same arrays
    A.data[[where, where - 1]] = A.data[[where - 1, where]]
    A.has_sorted_indices = False
    before = S.systems
    assert np.array_equal(S.solve(A, b).x, result.x) and S.systems == before + 1


def test_fewer_iterations_than_the_best_fixed_omega():
    """Learning included, over 300 systems whose best omega depends on the context."""
    count = 300
    S = Sequence(rtol=1e-8, rng=0)
    paid = sum(result.iterations for result in run(S, count))
    omegas = np.linspace(1.0, 1.95, 20)
    fixed = np.zeros(20)
    for t in range(0, count, 10):
        A, b, _ = system(t)
        fixed += [10 * cg(A, b, rtol=1e-8, M=SSOR(A, omega)).iterations for omega in omegas]
    assert paid < fixed.min()


@pytest.mark.parametrize("kind", ["csc", "coo", "bsr", "int", "float32", "unsorted", "readonly", "list", "strided"])
def test_kinds_of_input(kind):
    A, b, _ = system(3)
    expected = Sequence(params={"omega": 1.5}, rtol=1e-6).solve(A, b).x
    tolerance = 1e-5
    if kind in ("csc", "coo", "bsr"):
        A = A.asformat(kind)
    elif kind == "int":
        A = (10 * A).astype(int)
        expected = Sequence(params={"omega": 1.5}, rtol=1e-6).solve(A.astype(float), b).x
    elif kind == "float32":
        A, b, tolerance = A.astype(np.float32), b.astype(np.float32), 1e-3
    elif kind == "unsorted":
        for row in range(N):
            part = slice(A.indptr[row], A.indptr[row + 1])
            A.indices[part], A.data[part] = A.indices[part][::-1].copy(), A.data[part][::-1].copy()
        A.has_sorted_indices = False
    elif kind == "readonly":
        b.flags.writeable = A.data.flags.writeable = False
    elif kind == "list":
        b = list(b)
    elif kind == "strided":
        b = np.repeat(b, 2)[::-2][::-1]
    before = A.copy()
    S = Sequence(params={"omega": 1.5}, rtol=1e-6)
    for _ in range(2):
        x = S.solve(A, b).x
        np.testing.assert_allclose(x, expected, atol=tolerance * abs(expected).max())
    assert (before != A).nnz == 0


def test_operators_and_dense_and_complex():
    A, b, _ = system(1)
    for operator in (aslinearoperator(A), A.toarray()):
        S = Sequence("cg", None, rtol=1e-8, warm_start="extrapolate", rng=0)
        for _ in range(3):
            solved(A, b, S.solve(operator, b))
        with pytest.raises(TypeError, match="precond 'ssor' needs the entries of A"):
            Sequence().solve(operator, b)
    C = A + 0.5j * EYE
    S = Sequence("gmres", None, rtol=1e-8, recycle=4, rng=0)
    for _ in range(4):
        solved(C, b + 1j, S.solve(C, b + 1j))


@pytest.mark.parametrize("scale", [1e-290, 1e290, 5e-310])
def test_scales(scale):
    """Powers of ten near the ends of the range change neither choices nor iterations."""
    plain, scaled = (Sequence(rtol=1e-6, rng=1) for _ in range(2))
    for t in range(12):
        A, b, strength = system(t)
        one = plain.solve(A, b, strength)
        two = scaled.solve(A, b * scale if scale > 1e-300 else b * 1e-300, strength)
        assert two.status == "converged" and one.iterations == two.iterations
    A, b, _ = system(0)
    S = Sequence(rtol=1e-6, rng=1)
    assert S.solve(A * max(scale, 1e-290), b * max(min(scale, 1e280), 1e-280)).status == "converged"


def test_same_bits_for_any_workers_and_every_time():
    runs = []
    for workers in (1, 2, 4):
        S = Sequence(rtol=1e-8, rng=7, recycle=3, warm_start="previous", workers=workers, learner="tsallis")
        runs.append([r.x for r in run(S, 20)])
    for other in runs[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(runs[0], other, strict=True))


# Decisions by measurement


def test_trial_decides_and_comes_back():
    rng = np.random.default_rng(0)
    for effect, kept in ((-0.5, True), (0.5, False)):
        trial = Trial("x")
        steps = 0
        while trial.running:
            done = trial.decide(rng)
            trial.record(done, effect * done + 0.1 * rng.standard_normal())
            steps += 1
        assert 2 * LEAST <= steps <= 2 * MOST and trial.on is kept
        assert trial.effect == pytest.approx(effect, abs=0.2)
        waited = 0
        while not trial.running:
            assert trial.decide(rng) is kept or trial.running
            waited += 1
        assert waited == 150


def test_trial_without_effect_ends():
    rng = np.random.default_rng(1)
    trial = Trial("x")
    for _ in range(2 * MOST):
        trial.record(trial.decide(rng), rng.standard_normal())
    assert not trial.running


def test_warm_start_is_kept_where_it_helps_and_dropped_where_not(caplog):
    b = np.ones(N)
    S = Sequence("cg", "mic", warm_start="previous", rtol=1e-8, rng=0)
    with caplog.at_level(logging.INFO, "kriss.solve"):
        for t in range(40):
            A = sps.csr_array((1 + 1e-4 * t) * EYE + L)
            solved(A, b, S.solve(A, b))
    assert S.report().measures["warm start"].startswith("kept")
    assert "warm start kept" in caplog.text
    S = Sequence("cg", "mic", warm_start="previous", rtol=1e-8, rng=0)
    for t in range(60):
        A, b, _ = system(0)
        b = 10.0 ** (-(t % 5)) * np.random.default_rng(t).standard_normal(N)
        solved(A, b, S.solve(A, b))
    assert S.report().measures["warm start"].startswith("dropped")


def test_recycling_is_kept_where_it_helps_and_dropped_where_not():
    """Restarted GMRES behind Jacobi gains; conjugate gradients behind MIC lose, as deflating moves more memory."""
    D = poisson2d(24)
    verdicts = {}
    for method, precond in (("gmres", "jacobi"), ("cg", "mic")):
        S = Sequence(method, precond, recycle=8, rtol=1e-8, rng=0)
        for t in range(30):
            A = sps.csr_array(D + 1e-5 * t * sps.eye_array(576))
            b = np.random.default_rng(t).standard_normal(576)
            solved(A, b, S.solve(A, b))
        verdicts[method] = S.report().measures["recycling"]
    assert verdicts["gmres"].startswith("kept") and verdicts["cg"].startswith("dropped")


def test_extrapolated_start_is_the_best_combination():
    S = Sequence("cg", "jacobi", warm_start="extrapolate", rtol=1e-10, rng=0)
    A, _, _ = system(0)
    modes = np.random.default_rng(0).standard_normal((3, N))
    results = [S.solve(A, np.array([1, t, t * t]) @ modes) for t in range(12)]  # b of degree two in t
    assert min(r.iterations for r in results[4:]) <= 1
    assert max(r.iterations for r in results[:3]) > 10


def test_learning_rests_when_it_loses(caplog):
    """A bandit that explores for ever beside one good setting is sent to rest, and called back."""
    S = Sequence(learner="tsallis", rtol=1e-8, rng=0)
    A, b, _ = system(0)
    with caplog.at_level(logging.INFO, "kriss.solve"):
        for _ in range(320):
            S.solve(A, b)
    assert "learning dropped for 100 systems" in caplog.text and "learning goes on" in caplog.text


# What goes wrong


class Never(LinearOperator):
    """Not positive definite."""

    def __init__(self, A):
        super().__init__(float, A.shape)

    def _matvec(self, x):
        return -np.ravel(x)


def poor(A):
    """A fixed, poor and scaled preconditioner."""
    weights = 10.0 ** np.random.default_rng(0).uniform(-3, 3, A.shape[0])
    return sps.diags_array(weights)


def broken(A):
    raise np.linalg.LinAlgError("no pivots here")


@pytest.mark.parametrize("bad", [Never, poor, broken])
def test_bad_settings_are_abandoned_and_charged(bad, caplog):
    S = Sequence("cg", ["jacobi", bad], rtol=1e-8, rng=0)
    with caplog.at_level(logging.INFO, "kriss.solve"):
        results = run(S, 60)
    given_up = [r for r in results if r.params["sequence"]["abandoned"]]
    if bad is not poor:
        assert given_up
    for r in given_up:
        assert bad.__name__ in r.params["sequence"]["abandoned"][0]
        assert r.params["sequence"]["cost"] >= 1.5 * r.iterations
    report = S.report()
    assert report.used[1] <= 12 and report.abandoned == len(given_up)
    assert (bad is poor) or bad.__name__ in caplog.text


def test_bad_setting_first():
    S = Sequence("cg", [broken, Never, "jacobi"], rtol=1e-8, rng=0)
    run(S, 5)
    with pytest.raises(np.linalg.LinAlgError, match="no pivots here"):
        Sequence("cg", broken).solve(*system(0)[:2])


def test_no_convergence_is_told():
    S = Sequence("cg", ["jacobi", "ssor"], rtol=1e-12, maxiter=3, rng=0)
    A, b, _ = system(0)
    result = S.solve(A, b)
    assert result.status == "maxiter" and not result.converged
    assert result.residual_norm == pytest.approx(np.linalg.norm(b - A @ result.x))
    assert S.report().unconverged == 1


def test_size_and_pattern_may_change(caplog):
    S = Sequence(rtol=1e-8, rng=0, warm_start="previous", recycle=3)
    run(S, 15)
    D = poisson2d(9)
    with caplog.at_level(logging.INFO, "kriss.solve"):
        solved(D, np.ones(81), S.solve(D, np.ones(81)))
        assert "size or pattern changed" in caplog.text and "the state is reset" in caplog.text
        wide = sps.csr_array(EYE + L + 0.1 * sps.eye_array(N, k=5) + 0.1 * sps.eye_array(N, k=-5))
        solved(wide, np.ones(N), S.solve(wide, np.ones(N)))
        caplog.clear()
        run(S, 1)
        assert "what was learned for it is taken up again" in caplog.text
    assert S._patterns[S._current].estimator.clock == 16
    assert len(S.report().events) >= 3 and S.report().systems == 18
    for size in range(3, 14):
        S.solve(poisson2d(size), np.ones(size * size))
    assert len(S._patterns) == 8


@pytest.mark.parametrize("where", [0, 7, 14])
@pytest.mark.parametrize("value", [np.nan, np.inf, None])
def test_contexts_may_be_missing(where, value):
    S = Sequence(rtol=1e-8, rng=0)
    for t in range(15):
        A, b, strength = system(t)
        solved(A, b, S.solve(A, b, value if t == where else strength))
    assert S.report().missing == (value is not None)


@pytest.mark.parametrize("where", [0, 70, -1])
def test_nan_is_refused(where):
    A, b, _ = system(0)
    S = Sequence(rng=0)
    bad = b.copy()
    bad[where] = np.nan
    with pytest.raises(ValueError, match="b contains nan"):
        S.solve(A, bad)
    A.data[where] = np.inf
    with pytest.raises(ValueError, match=r"A\.data contains inf"):
        S.solve(A, b)
    assert S.systems == 0
    loose = Sequence(rng=0, check_finite=False, learn=(), params={"omega": 1.2})
    assert loose.solve(*(system(0)[0], bad)).status == "non_finite"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"method": "lu"}, "method must be one of"),
        ({"precond": "amg"}, "precond must be one of"),
        ({"precond": 3}, "precond must be a name, None, a function of A or several, not int"),
        ({"precond": []}, "precond is empty"),
        ({"precond": ["ssor", "ssor"]}, "precond names 'ssor' twice"),
        ({"precond": ["ssor", "mic"], "learn": ("omega",)}, "precond names 2 preconditioners"),
        ({"precond": "mic", "learn": ("omega",)}, "learn has 'omega', which cannot be learned here"),
        ({"learn": ("omega",), "params": {"omega": 1.5}}, "params fixes 'omega'"),
        ({"params": {"degree": 3}}, "params has 'degree', which nothing here takes"),
        ({"grids": {"omega": []}}, "grids\\['omega'\\] has 0 values"),
        ({"grids": {"size": [1]}}, "grids has 'size'"),
        ({"learner": "best"}, "learner must be one of"),
        ({"warm_start": "yes"}, "warm_start must be one of"),
        ({"loss": "money"}, "loss must be one of"),
        ({"recycle": -1}, "recycle must be at least 0"),
        ({"method": "minres", "precond": None, "recycle": 3}, "method 'minres' cannot recycle"),
        ({"method": "sor", "precond": "mic"}, "method 'sor' has no preconditioner"),
        ({"rtol": -1.0}, "rtol must be at least 0"),
        ({"rng": "x"}, "rng must be an int"),
    ],
)
def test_bad_arguments(arguments, text):
    with pytest.raises((TypeError, ValueError), match=text):
        Sequence(**arguments)


def test_bad_systems():
    A, b, _ = system(0)
    S = Sequence(rng=0)
    for args, text in (
        ((A[:, :5], b), "A has shape"), ((A, b[:5]), r"b has shape \(5,\), expected \(144,\)"),
        ((A, np.ones((N, 2))), "b has shape"), ((A, b, [1.0, 2.0, "x"]), "context"),
        ((A, b, []), "context has no numbers"),
    ):  # fmt: skip
        with pytest.raises((TypeError, ValueError), match=text):
            S.solve(*args)
    S.solve(A, b, [1.0, 2.0])
    with pytest.raises(ValueError, match="context has 1 numbers, expected 2 as before"):
        S.solve(A, b, 1.0)
    with pytest.raises(ValueError, match="learner 'chebcb' takes one"):
        Sequence(learner="chebcb").solve(A, b, [1.0, 2.0])


# States


def test_state_goes_on_as_before():
    one = Sequence(rtol=1e-8, rng=3)
    run(one, 30)
    two = Sequence(rtol=1e-8)
    two.load_state_dict(pickle.loads(pickle.dumps(one.state_dict())))
    three = pickle.loads(pickle.dumps(one))
    counts = [[r.iterations for r in run(S, 15, start=30)] for S in (one, two, three)]
    assert counts[0] == counts[1] == counts[2]


@pytest.mark.parametrize("learner", ["kernel", "tsallis", "chebcb"])
def test_merge_of_workers(learner):
    base = Sequence(rtol=1e-8, rng=0, learner=learner)
    run(base, 10)
    workers = [pickle.loads(pickle.dumps(base)) for _ in range(2)]
    for k, worker in enumerate(workers):
        run(worker, 10, start=10 + 10 * k)
    for _ in range(2):
        for worker in workers:
            base.merge(worker)
    assert base._patterns[base._current].estimator._n == 30
    run(base, 3)
    empty = Sequence(rtol=1e-8, rng=0, learner=learner)
    empty.merge(base.state_dict())
    assert empty._patterns[base._current].estimator._n == 33


def test_states_that_do_not_fit():
    S = Sequence(rng=0)
    run(Sequence(rtol=1e-8, rng=0), 2)
    state = S.state_dict()
    for change, text in (
        ({"version": 0}, "state has version 0, expected 3"),
        ({"settings": {**state["settings"], "arms": ["x"]}}, "state is of a sequence with arms"),
        ({"settings": {**state["settings"], "method": "minres"}}, "method 'minres', expected 'cg'"),
    ):
        for take in (S.load_state_dict, S.merge):
            with pytest.raises(ValueError, match=text):
                take({**state, **change})
    with pytest.raises(TypeError, match="state must be what state_dict returned"):
        S.load_state_dict([1])


# Several systems, the report


def test_solve_many():
    asked = []

    def generate():
        for t in range(4):
            asked.append(t)
            yield system(t)

    S = Sequence(rtol=1e-8, rng=0)
    results = S.solve_many(generate())
    assert asked == [0, 1, 2, 3] and len(results) == 4
    for t, r in enumerate(results):
        solved(*system(t)[:2], r)
    pairs = [system(t)[:2] for t in range(3)]
    assert len(S.solve_many(pairs, [1.0, None, 2.0], progress=True)) == 3
    with pytest.raises(ValueError, match="contexts has 1 items"):
        S.solve_many(pairs, [1.0])
    with pytest.raises(TypeError, match=r"systems\[0\] is not a pair"):
        S.solve_many([3])


def test_report_adds_up():
    S = Sequence(rtol=1e-8, rng=0, warm_start="previous")
    assert str(S.report()) == "no systems yet"
    results = run(S, 30)
    report = S.report()
    assert report.systems == 30 and report.iterations == sum(r.iterations for r in results)
    assert report.cost == pytest.approx(sum(r.params["sequence"]["cost"] for r in results))
    assert report.used.sum() == 30 and report.fixed.shape == (30, 20)
    np.testing.assert_allclose(report.fixed[np.arange(30), report.arm], report.costs)
    assert report.optimal_cost <= report.best_fixed_cost + 1e-9 and report.optimal_cost <= report.cost + 1e-9
    assert report.learning_cost == pytest.approx(report.cost - report.optimal_cost)
    assert report.saved == pytest.approx(report.best_fixed_cost - report.cost)
    assert 0 < report.learning_seconds < report.seconds
    text = str(report)
    for part in ("30 systems", "best fixed setting", "learning cost", "warm start"):
        assert part in text


def test_report_of_one_setting():
    S = Sequence("cg", "mic", rtol=1e-8)
    run(S, 3)
    assert "best fixed" not in str(S.report()) and S.report().best_fixed == "mic"


def test_time_as_loss():
    S = Sequence("cg", ["ssor", "mic"], loss="time", rtol=1e-8, rng=0)
    run(S, 20)
    assert S.report().unit == "microseconds" and S.report().cost > 0


def test_plot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    S = Sequence(rtol=1e-8, rng=0)
    run(S, 12)
    axes = S.plot()
    assert len(axes) == 3 and len(axes[2].lines) >= 3
    S = Sequence("cg", ["ssor", "mic"], rtol=1e-8, rng=0)
    A, b, _ = system(0)
    S.solve(A, b)
    _, given = plt.subplots(1, 3)
    assert S.plot(given) is given
    plt.close("all")


def test_preconditioners_are_updated_not_rebuilt(monkeypatch):
    made = []
    before = Jacobi.__init__
    monkeypatch.setattr(Jacobi, "__init__", lambda self, A: (made.append(1), before(self, A))[1])
    run(Sequence("cg", "jacobi", rtol=1e-8), 5)
    assert len(made) == 1
