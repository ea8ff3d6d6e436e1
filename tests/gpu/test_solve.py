"""Iterative solvers on the GPU: CuPy in, CuPy out, the answers of the CPU."""

import numpy as np
import pytest

from kriss.solve import (
    FSAI,
    IC0,
    ILU0,
    MIC,
    SSOR,
    CudaChebyshev,
    CudaCycle,
    CudaSSOR,
    cg,
    color_rows,
    fcg,
    from_pyamg,
    gauss_seidel,
    jacobi,
    sor,
    ssor,
)
from kriss.solve.learned import DeepConjugateDirection, GraphFactor, LearnedSPAI, StencilFactor
from kriss.testing import diffusion2d, elasticity2d, masked_poisson, mesh_diffusion

pytestmark = pytest.mark.gpu


@pytest.fixture
def there():
    """Moves a SciPy matrix or a NumPy array to the device."""
    cp = pytest.importorskip("cupy")
    sparse = pytest.importorskip("cupyx.scipy.sparse")
    return lambda value: sparse.csr_matrix(value) if hasattr(value, "tocsr") else cp.asarray(value)


@pytest.fixture
def system(rng, there):
    A = diffusion2d(60, contrast=100.0)
    b = rng.standard_normal(3600)
    return pytest.importorskip("cupy"), A, b, there(A), there(b)


def near(got, want, rtol):
    return np.linalg.norm(got - want) <= rtol * np.linalg.norm(want)


@pytest.mark.parametrize("M", [None, "jacobi"])
def test_the_answer_of_the_cpu(M, system):
    cp, A, b, gA, gb = system
    host = cg(A, b, rtol=1e-10, M=M, residuals=True)
    device = cg(gA, gb, rtol=1e-10, M=M, residuals=True)
    assert device.backend == "cuda" and isinstance(device.x, cp.ndarray)
    assert device.converged and abs(device.iterations - host.iterations) <= 3
    assert device.residuals.size == device.iterations + 1
    x = device.x.get()
    assert np.linalg.norm(b - A @ x) <= 1e-10 * np.linalg.norm(b) * (1 + 1e-6)
    assert near(x, host.x, 1e-6)


def test_statuses(system):
    cp, _, _, gA, gb = system
    assert cg(gA, gb, maxiter=3).status == "maxiter"
    assert cg(-gA, gb).status == "indefinite_matrix"
    assert cg(gA, cp.zeros_like(gb)).converged
    bad = gb.copy()
    bad[7] = cp.nan
    with pytest.raises(ValueError, match="b contains"):
        cg(gA, bad)
    assert cg(gA, bad, check_finite=False).status == "non_finite"


def test_no_silent_move_between_devices(system):
    _, A, b, gA, gb = system
    with pytest.raises(TypeError, match="nothing is moved between devices"):
        cg(A, gb)
    with pytest.raises(TypeError, match="nothing is moved between devices"):
        cg(gA, b)
    with pytest.raises(TypeError, match="nothing is moved between devices"):
        cg(gA, gb, M=IC0(A))
    with pytest.raises(TypeError, match="to_device"):
        cg(gA, gb, M="ic0")


def test_single_precision_and_callback(system):
    cp, _, _, gA, gb = system
    seen = []
    r = cg(gA.astype(cp.float32), gb.astype(cp.float32), rtol=1e-4, callback=lambda x: seen.append(float(x[0])))
    assert r.converged and r.x.dtype == cp.float32 and len(seen) == r.iterations


@pytest.mark.parametrize("k", [1, 2, 3, 5, 7, 8, 19])
@pytest.mark.parametrize("M", [None, "jacobi", "ssor", "chebyshev"])
def test_columns(k, M, system, rng, there):
    _, A, _, gA, _ = system
    b = rng.standard_normal((3600, k)) * np.logspace(0, 8, k)
    r = cg(gA, there(b), rtol=1e-8, M=M, residuals=True)
    again = cg(gA, there(b), rtol=1e-8, M=M)
    assert r.converged and (r.x.get() == again.x.get()).all()  # the same bits in every run
    norms = np.linalg.norm(b - A @ r.x.get(), axis=0)
    assert (norms <= 1e-8 * np.linalg.norm(b, axis=0) * (1 + 1e-6)).all()
    for j in {0, k - 1}:
        one = cg(gA, there(b[:, j].copy()), rtol=1e-8, M=M)
        assert abs(one.iterations - r.columns[j].iterations) <= 3


def test_frozen_columns_and_columns_in_trouble(system, rng, there):
    _, _, _, gA, _ = system
    b = rng.standard_normal((3600, 3))
    b[17, 1] = np.nan
    r = cg(gA, there(b), rtol=1e-8, check_finite=False)
    assert [c.status for c in r.columns] == ["converged", "non_finite", "converged"]
    short = cg(gA, there(b[:, [0, 2]].copy()), maxiter=7)
    assert [c.iterations for c in short.columns] == [7, 7] and short.status == "maxiter"


def test_colors_are_those_of_the_cpu(system):
    from kriss.solve._cuda_arrays import Matrix
    from kriss.solve._cuda_precond import color_groups

    _, A, _, gA, _ = system
    count, color = color_rows(A)
    groups = color_groups(Matrix(gA, "A"))
    assert groups.count == count and (groups.color.get() == color).all()


@pytest.mark.parametrize("x0", [False, True])
def test_sweeps_are_those_of_the_cpu(x0, system, rng, there):
    _, A, b, gA, gb = system
    start = rng.standard_normal(3600) if x0 else None
    own = () if start is None else (start,)
    more = () if start is None else (there(start),)
    options = {"order": "multicolor", "rtol": 1e-10, "maxiter": 60}
    for run in (
        lambda a, b, *x: jacobi(a, b, *x, omega=0.9, rtol=1e-10, maxiter=60),
        lambda a, b, *x: gauss_seidel(a, b, *x, **options),
        lambda a, b, *x: gauss_seidel(a, b, *x, sweep="backward", **options),
        lambda a, b, *x: sor(a, b, 1.5, *x, **options),
        lambda a, b, *x: ssor(a, b, 1.3, *x, **options),
    ):
        device, host = run(gA, gb, *more), run(A, b, *own)
        assert device.iterations == host.iterations and device.status == host.status
        assert near(device.x.get(), host.x, 1e-12)


MAKERS = [SSOR, lambda A: SSOR(A, 1.5), IC0, MIC, ILU0]


@pytest.mark.parametrize("make", MAKERS, ids=["ssor", "1.5", "ic0", "mic", "ilu"])
@pytest.mark.parametrize("A", [diffusion2d(50, contrast=50.0), elasticity2d(20)[0]], ids=["grid", "elasticity"])
def test_factors_moved_there(make, A, rng, there):
    host = make(A)
    M = host.to_device()
    n = A.shape[0]
    r = rng.standard_normal((n, 3))
    z = (M @ there(r)).get()
    for j in range(3):
        assert near(z[:, j], host.apply(np.ascontiguousarray(r[:, j]), np.empty(n)), 1e-11)
    if make is not ILU0:
        b = rng.standard_normal(n)
        device, cpu = cg(there(A), there(b), rtol=1e-8, M=M), cg(A, b, rtol=1e-8, M=host)
        assert device.converged and abs(device.iterations - cpu.iterations) <= 3


@pytest.mark.parametrize("make", [FSAI, lambda A: LearnedSPAI.pretrained().setup(A, validate=False)])
def test_approximate_inverses_moved_there(make, rng, there):
    A = mesh_diffusion(3000, 1e-1, 0.4)
    host = make(A)
    M = host.to_device()
    r, b = rng.standard_normal((3000, 3)), rng.standard_normal(3000)
    assert near((M @ there(r)).get(), host.apply_multi(r, np.empty_like(r)), 1e-11)
    device, cpu = cg(there(A), there(b), rtol=1e-8, M=M), cg(A, b, rtol=1e-8, M=host)
    assert device.converged and abs(device.iterations - cpu.iterations) <= 3


def test_narrow_and_wide_levels(rng, there):
    """A grid long enough for levels above 1024 rows, and a path, whose levels have one."""
    import scipy.sparse as sps

    wide = diffusion2d(1200, contrast=10.0)
    path = sps.diags([np.full(4999, -1.0), np.full(5000, 2.1), np.full(4999, -1.0)], [-1, 0, 1]).tocsr()
    for A in (wide, path):
        host = IC0(A)
        r = rng.standard_normal(A.shape[0])
        assert near((host.to_device() @ there(r)).get(), host.apply(r, np.empty(r.size)), 1e-11)


def test_colored_ssor_and_chebyshev(system, rng, there):
    _, A, b, gA, gb = system
    plain = cg(gA, gb, rtol=1e-8)
    for M in (CudaSSOR(gA, 1.2), CudaChebyshev(gA, 4), CudaChebyshev(gA, 3)):
        r = cg(gA, gb, rtol=1e-8, M=M)
        assert r.converged and r.iterations < plain.iterations / 1.5
        u, v = rng.standard_normal((2, 3600))
        Mu, Mv = (M @ there(u)).get(), (M @ there(v)).get()
        assert abs(v @ Mu - u @ Mv) <= 1e-10 * np.linalg.norm(u) * np.linalg.norm(Mv) and u @ Mu > 0


@pytest.mark.parametrize("cycle", ["V", "W"])
def test_cycles(cycle, system, rng, there):
    pyamg = pytest.importorskip("pyamg")
    _, A, b, gA, gb = system
    damped = ("jacobi", {"omega": 0.7})
    ml = pyamg.smoothed_aggregation_solver(A, max_coarse=20, presmoother=damped, postsmoother=damped)
    host, M = from_pyamg(ml, cycle=cycle), from_pyamg(ml, cycle=cycle, device=True)
    r = rng.standard_normal((3600, 2))
    z = (M @ there(r)).get()
    assert near(z[:, 1], host.apply(np.ascontiguousarray(r[:, 1]), np.empty(3600)), 1e-10)
    for level in ml.levels:
        for name in ("A", "P", "R"):
            if hasattr(level, name):
                setattr(level, name, there(getattr(level, name)))
    stays = from_pyamg(ml, cycle=cycle)
    assert isinstance(stays, CudaCycle) and near((stays @ there(r)).get(), z, 1e-9)
    for smoother in ("multicolor", "jacobi", "chebyshev"):
        M = CudaCycle(ml, cycle=cycle, smoother=smoother)
        solved = cg(gA, gb, rtol=1e-8, M=M)
        assert solved.converged and M.is_spd and solved.iterations < 60


@pytest.mark.parametrize("name", ["2d", "2d published", "3d"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_networks_of_directions_moved_there(name, dtype, rng, there):
    shape = (20, 31, 17) if name == "3d" else (90, 71)
    mask = np.ones(shape, bool)
    mask[3:9, 5:12] = False
    A = masked_poisson(mask).astype(dtype)
    host = DeepConjugateDirection.pretrained(name).setup(A, shape, mask)
    M, n = host.to_device(), A.shape[0]
    r = rng.standard_normal((n, 2)).astype(dtype)
    z = (M @ there(r)).get()
    for j in range(2):
        assert near(z[:, j], host.apply(np.ascontiguousarray(r[:, j]), np.empty(n, dtype)), 1e-5)
    b = rng.standard_normal(n).astype(dtype)
    device, cpu = fcg(there(A), there(b), rtol=1e-4, M=M, memory=2), fcg(A, b, rtol=1e-4, M=host, memory=2)
    assert device.status == cpu.status and abs(device.iterations - cpu.iterations) <= 1


@pytest.mark.parametrize(
    "setup",
    [
        lambda A, **k: GraphFactor.pretrained().setup(A, **k),
        lambda A, **k: LearnedSPAI.pretrained().setup(A, **k),
        lambda A, **k: StencilFactor.pretrained().setup(diffusion2d(40, contrast=50.0), (40, 40), **k),
    ],
)
def test_networks_that_correct_factors(setup, rng):
    pytest.importorskip("cupy")
    A = mesh_diffusion(1600, 1e-2, 0.7)
    r = rng.standard_normal(1600)
    assert np.array_equal(setup(A, validate=False, device=True) @ r, setup(A, validate=False) @ r)
