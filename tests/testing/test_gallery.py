"""The gallery of matrices: against loops written from the definitions, and by the properties it promises."""

import itertools
import math

import numpy as np
import pytest

from kriss.testing import _fields, gallery


def dense_stencil(shape, coupling):
    """Matrix of coupling(point, neighbour) over all neighbours of the 3^d stencil, by loops."""
    size = math.prod(shape)
    A = np.zeros((size, size), complex)
    for p in np.ndindex(*shape):
        for o in itertools.product((-1, 0, 1), repeat=len(shape)):
            q = tuple(a + b for a, b in zip(p, o, strict=True))
            if all(0 <= c < n for c, n in zip(q, shape, strict=True)):
                A[np.ravel_multi_index(p, shape), np.ravel_multi_index(q, shape)] = coupling(p, o)
    return A


SMALL = [
    lambda: gallery.poisson27(4),
    lambda: gallery.diffusion3d(5, 1e3, blocks=3),
    lambda: gallery.anisotropic2d(7, 1e-3, 0.5),
    lambda: gallery.darcy(9)[0],
    lambda: gallery.darcy(5, 3, lengthscale=0.2)[0],
    lambda: gallery.random_diffusion(8)[0],
    lambda: gallery.random_diffusion(4, 3)[0],
    lambda: gallery.elasticity2d(4)[0],
    lambda: gallery.elasticity3d(2)[0],
]


@pytest.mark.parametrize("make", SMALL)
def test_symmetric_positive_definite_and_canonical(make):
    A = make()
    dense = A.toarray()
    assert A.format == "csr" and A.dtype == np.float64 and A.indices.dtype == np.int32
    fresh = type(A)((A.data, A.indices, A.indptr), shape=A.shape)
    assert fresh.has_canonical_format
    assert np.abs(dense - dense.T).max() <= 1e-15 * np.abs(dense).max()
    assert np.linalg.eigvalsh(dense)[0] > 0


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
def test_poisson27(n):
    expected = dense_stencil((n,) * 3, lambda p, o: 26 if o == (0, 0, 0) else -1)
    assert np.array_equal(gallery.poisson27(n).toarray(), expected.real)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 6])
@pytest.mark.parametrize("angle", [0.0, math.pi / 2, 0.7, -0.3])
def test_anisotropic2d(n, angle):
    eps = 0.01
    c, s = math.cos(angle), math.sin(angle)
    K = np.array([[c * c + eps * s * s, (1 - eps) * c * s], [(1 - eps) * c * s, s * s + eps * c * c]])  # x, y

    def coupling(p, o):
        if o == (0, 0):
            return 2 * (K[0, 0] + K[1, 1])
        if 0 in o:
            return -K[0, 0] if o[0] == 0 else -K[1, 1]
        return -K[0, 1] / 2 * o[0] * o[1]

    expected = dense_stencil((n, n), coupling).real
    assert np.allclose(gallery.anisotropic2d(n, eps, angle).toarray(), expected, rtol=0, atol=4e-16)


def test_aligned_anisotropy_has_five_points():
    for angle in (0.0, math.pi / 2, math.pi):
        assert gallery.anisotropic2d(5, 1e-3, angle)[[12]].nnz == 5


@pytest.mark.parametrize("n", [1, 2, 5])
def test_diffusion3d_against_loops(n):
    A = gallery.diffusion3d(n, 1e3, blocks=2, rng=5).toarray()
    exponent = np.random.default_rng(gallery.check.seed64(5)).random(8)
    exponent = (exponent - exponent.min()) / np.ptp(exponent)
    block = (1e3**exponent).reshape(2, 2, 2)
    cell = [min(2 * i // n, 1) for i in range(n)]
    c = {p: block[tuple(cell[i] for i in p)] for p in np.ndindex(n, n, n)}
    expected = np.zeros_like(A)
    for p in c:
        row = np.ravel_multi_index(p, (n,) * 3)
        for axis, sign in itertools.product(range(3), (-1, 1)):
            q = tuple(v + sign * (k == axis) for k, v in enumerate(p))
            if q in c:
                face = 2 * c[p] * c[q] / (c[p] + c[q])
                expected[row, np.ravel_multi_index(q, (n,) * 3)] = -face
            else:
                face = 2 * c[p]
            expected[row, row] += face
    assert np.allclose(A, expected, rtol=4e-16, atol=0)


@pytest.mark.parametrize("scheme", ["upwind", "central"])
@pytest.mark.parametrize("velocity", [(1.0, -0.5), "recirculating"])
def test_convection_diffusion_is_consistent(scheme, velocity):
    """Applied to u = x(1-x) y(1-y) it tends to the operator at the scheme's order."""
    eps, errors = 0.1, []
    for n in (31, 63):
        h = 1 / (n + 1)
        t = h * np.arange(1, n + 1)
        y, x = t[:, None], t[None, :]
        u = x * (1 - x) * y * (1 - y)
        if velocity == "recirculating":
            X, Y = 2 * x - 1, 2 * y - 1
            vx, vy = 2 * Y * (1 - X * X), -2 * X * (1 - Y * Y)
        else:
            vx, vy = velocity
        exact = 2 * eps * (x * (1 - x) + y * (1 - y)) + vx * (1 - 2 * x) * y * (1 - y) + vy * x * (1 - x) * (1 - 2 * y)
        A = gallery.convection_diffusion2d(n, eps, velocity, scheme=scheme)
        errors.append(np.abs((A @ u.ravel()).reshape(n, n) / h**2 - exact).max())
    if scheme == "central":
        assert errors[1] < 1e-11  # exact for quadratics
    else:
        assert 1.9 < errors[0] / errors[1] < 2.1


def test_upwind_is_an_m_matrix():
    A = gallery.convection_diffusion2d(12, 1e-6).tocoo()
    off = A.row != A.col
    assert (A.data[off] <= 0).all() and (A.data[~off] > 0).all()


@pytest.mark.parametrize("boundary", ["absorbing", "dirichlet"])
def test_helmholtz(boundary):
    n, k, damping = 4, 7.0, 0.2
    h = 1 / (n + 1)

    def coupling(p, o):
        if o == (0, 0):
            sides = sum(v == 0 for v in p) + sum(v == n - 1 for v in p) if boundary == "absorbing" else 0
            return 4 - (k * h) ** 2 * (1 + 1j * damping) - sides * (1 + 1j * k * h)
        return -1 if 0 in o else 0

    A = gallery.helmholtz2d(n, k, damping=damping, boundary=boundary)
    assert A.dtype == np.complex128
    assert np.allclose(A.toarray(), dense_stencil((n, n), coupling), rtol=0, atol=1e-15)


def test_helmholtz_absorbs_outgoing_plane_waves():
    """exp(i k x) leaves through x = 1 with a small residual there, and enters through x = 0 with a large one."""
    n, k = 200, 10.0
    h = 1 / (n + 1)
    x = h * np.arange(1, n + 1)
    u = np.broadcast_to(np.exp(1j * k * x), (n, n)).ravel()
    r = (gallery.helmholtz2d(n, k) @ u).reshape(n, n)[n // 2]
    assert abs(r[-1]) < 1.1 * (k * h) ** 2 and abs(r[0]) > k * h and np.abs(r[1:-1]).max() < (k * h) ** 4


# ---- random fields -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("covariance", ["exponential", "gaussian", "cubic"])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_embedding_has_the_covariance_promised(covariance, dim):
    if covariance == "cubic" and dim == 3:
        with pytest.raises(ValueError, match="cubic"):
            gallery.gaussian_field(4, 3, covariance="cubic")
        return
    n, length = (12 if dim == 3 else 24), 0.1
    m, values = _fields._embedding(n, dim, length, covariance)
    cov = np.fft.ifftn(values).real[(slice(0, n),) * dim]
    r = np.sqrt(sum(g.astype(float) ** 2 for g in np.indices((n,) * dim))) / n / length
    by_hand = {
        "exponential": np.exp(-r),
        "gaussian": np.exp(-(r**2)),
        "cubic": np.where(r < 1, 1 - 7 * r**2 + 8.75 * r**3 - 3.5 * r**5 + 0.75 * r**7, 0),
    }[covariance]
    assert np.abs(cov - by_hand).max() < 1e-12


def test_field_statistics():
    """Mean, variance and one lag over 4000 draws, within four standard errors."""
    draws, n, variance, length = 4000, 6, 2.0, 0.3
    gen = np.random.default_rng(11)
    g = np.array([gallery.gaussian_field(n, variance=variance, lengthscale=length, rng=gen) for _ in range(draws)])
    assert abs(g[:, 2, 3].mean()) < 4 * math.sqrt(variance / draws)
    assert abs(g[:, 2, 3].var() - variance) < 4 * variance * math.sqrt(2 / draws)
    c = variance * math.exp(-math.hypot(2, 1) / n / length)
    products = g[:, 1, 1] * g[:, 3, 2]
    assert abs(products.mean() - c) < 4 * math.sqrt((variance**2 + c**2) / draws)
    assert abs((g[::2, 1, 1] * g[1::2, 1, 1]).mean()) < 4 * variance / math.sqrt(draws / 2)


def test_fields_are_reproducible():
    a = gallery.gaussian_field(16, rng=3)
    assert np.array_equal(a, gallery.gaussian_field(16, rng=3))
    assert not np.array_equal(a, gallery.gaussian_field(16, rng=4))
    gen = np.random.default_rng(3)
    assert not np.array_equal(gallery.gaussian_field(16, rng=gen), gallery.gaussian_field(16, rng=gen))
    assert gallery.gaussian_field(0).shape == (0, 0) and gallery.gaussian_field(1, 1).shape == (1,)
    with pytest.raises(ValueError, match="lengthscale"):
        gallery.gaussian_field(20, lengthscale=5.0, covariance="gaussian")


@pytest.mark.parametrize("n", [0, 1, 2, 6])
def test_random_diffusion_against_the_published_scheme(n):
    A, a = gallery.random_diffusion(n, rng=1)
    expected = np.zeros((n * n, n * n))
    for i, j in np.ndindex(n, n):
        row = i * n + j
        expected[row, row] = a[i, j] + a[i + 1, j] + a[i, j + 1] + a[i + 1, j + 1]
        if i + 1 < n:
            value = -(a[i + 1, j] + a[i + 1, j + 1]) / 2
            expected[row, row + n] = expected[row + n, row] = value
        if j + 1 < n:
            value = -(a[i, j + 1] + a[i + 1, j + 1]) / 2
            expected[row, row + 1] = expected[row + 1, row] = value
    assert a.shape == (n + 1, n + 1)
    assert np.allclose(A.toarray(), expected, rtol=1e-15, atol=0)


@pytest.mark.parametrize("dim", [2, 3])
def test_vertex_scheme_is_of_second_order(dim):
    """-div(a grad u) = f with smooth a and u = prod sin(pi x_k)."""
    errors = []
    for n in (7, 15) if dim == 3 else (15, 31):
        h = 1 / (n + 1)
        cells = np.meshgrid(*[(np.arange(n + 1) + 0.5) * h] * dim, indexing="ij")
        points = np.meshgrid(*[np.arange(1, n + 1) * h] * dim, indexing="ij")
        a = np.exp(sum(cells) / 2)
        u = np.prod([np.sin(math.pi * x) for x in points], axis=0)
        grad = sum(math.pi * np.cos(math.pi * x) * u / np.sin(math.pi * x) for x in points)
        f = np.exp(sum(points) / 2) * (dim * math.pi**2 * u - grad / 2)
        A = _fields._vertex_scheme(a)
        x = np.linalg.solve(A.toarray(), h * h * f.ravel())
        errors.append(np.abs(x - u.ravel()).max())
    assert 3.7 < errors[0] / errors[1] < 4.3


@pytest.mark.parametrize("variance", [0.1, 0.4, 1.0])
@pytest.mark.parametrize("covariance", ["exponential", "gaussian", "cubic"])
def test_condiff_meets_its_band(variance, covariance):
    A, b, a = gallery.condiff(32, variance, covariance=covariance, rng=2)
    low, high = _fields.CONDIFF_BANDS[variance]
    assert low <= a.max() / a.min() <= high * (1 + 1e-12)
    assert A.shape == (1024, 1024) and b.shape == (1024,)
    again = gallery.condiff(32, variance, covariance=covariance, rng=2)
    assert np.array_equal(A.data, again[0].data) and np.array_equal(b, again[1])


def test_condiff_refuses_what_it_cannot_give():
    with pytest.raises(ValueError, match="variance must be one of"):
        gallery.condiff(8, 0.3)
    with pytest.raises(ValueError, match="none of 3 fields"):
        gallery.random_diffusion(8, contrast=(1e9, 2e9), most_draws=3)
    with pytest.raises(ValueError, match="increasing pair"):
        gallery.random_diffusion(8, contrast=(20.0, 10.0))


# ---- elasticity ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [2, 3])
def test_rigid_motions_cost_nothing_away_from_the_clamp(dim):
    n = 4
    A, modes = (gallery.elasticity2d if dim == 2 else gallery.elasticity3d)(n)
    r = np.abs(A @ modes).reshape(*(n + 1,) * (dim - 1), n, dim, -1)
    assert r[..., 1:, :, :].max() < 1e-13
    assert r[..., 0, :, :].max() > 1e-2
    assert np.linalg.matrix_rank(modes) == dim * (dim + 1) // 2


@pytest.mark.parametrize("dim", [2, 3])
def test_elastic_energy_of_a_uniform_strain(dim):
    """Patch test: u = S x with u = 0 on x = 0 has the energy 1/2 (lambda tr(E)^2 + 2 mu E:E) of the unit volume."""
    n, nu = 3, 0.25
    A, _ = (gallery.elasticity2d if dim == 2 else gallery.elasticity3d)(n, nu=nu)
    direction = np.array([0.3, -0.7, 0.5][:dim])  # u_k = direction_k x, x being the last coordinate
    x = np.indices((n + 1,) * dim)[-1][..., 1:] / n
    u = (x[..., None] * direction).ravel()
    S = np.zeros((dim, dim))
    S[:, -1] = direction
    E = (S + S.T) / 2
    lam, mu = nu / ((1 + nu) * (1 - 2 * nu)), 0.5 / (1 + nu)
    assert math.isclose(u @ (A @ u), lam * np.trace(E) ** 2 + 2 * mu * (E * E).sum(), rel_tol=1e-13)


def test_young_scales_elements():
    young = np.random.default_rng(0).uniform(1, 10, (3, 3))
    total = gallery.elasticity2d(3, young=young)[0].toarray()
    parts = 0
    for p in np.ndindex(3, 3):
        only = np.full((3, 3), 1e-300)
        only[p] = young[p]
        parts = parts + gallery.elasticity2d(3, young=only)[0].toarray()
    assert np.allclose(total, parts, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: gallery.poisson27(-1), ValueError),
        (lambda: gallery.poisson27(2.0), TypeError),
        (lambda: gallery.diffusion3d(3, 0.5), ValueError),
        (lambda: gallery.anisotropic2d(3, 0.0), ValueError),
        (lambda: gallery.convection_diffusion2d(3, scheme="up"), ValueError),
        (lambda: gallery.convection_diffusion2d(3, velocity=(1.0, 2.0, 3.0)), ValueError),
        (lambda: gallery.convection_diffusion2d(3, velocity="still"), ValueError),
        (lambda: gallery.helmholtz2d(3, -1.0), ValueError),
        (lambda: gallery.helmholtz2d(3, boundary="soft"), ValueError),
        (lambda: gallery.gaussian_field(3, 4), ValueError),
        (lambda: gallery.gaussian_field(3, covariance="linear"), ValueError),
        (lambda: gallery.gaussian_field(3, variance=float("nan")), ValueError),
        (lambda: gallery.darcy(3, 1), ValueError),
        (lambda: gallery.elasticity2d(0), ValueError),
        (lambda: gallery.elasticity2d(2, nu=0.5), ValueError),
        (lambda: gallery.elasticity2d(2, young=np.ones(3)), ValueError),
        (lambda: gallery.elasticity2d(2, young=-1.0), ValueError),
    ],
)
def test_refused_arguments(call, error):
    with pytest.raises(error):
        call()
