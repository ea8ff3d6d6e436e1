"""The data that ship with the package: shapes, provenance, and certified values recomputed in 50 digits."""

import dataclasses
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest
import scipy.linalg

from kriss import datasets
from kriss.datasets._files import read_csv
from kriss.datasets._strd import _CERTIFIED

LOADERS = {
    "mauna_loa": datasets.load_mauna_loa,
    "titanium": datasets.load_titanium,
    "fem": datasets.load_fem,
    **{name: (lambda name=name: datasets.load_nist_strd(name)) for name in datasets.STRD_NAMES},
}


@pytest.mark.parametrize("key", LOADERS)
def test_provenance(key):
    data = LOADERS[key]()
    for attribute in ("name", "description", "source", "license"):
        assert len(getattr(data, attribute)) > 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "other"
    # A repr is one line for people, not ten thousand numbers.
    assert len(repr(data)) < 700


@pytest.mark.parametrize("key", ["mauna_loa", "titanium", *datasets.STRD_NAMES])
def test_arrays_are_read_only(key):
    data = LOADERS[key]()
    for f in dataclasses.fields(data):
        value = getattr(data, f.name)
        if isinstance(value, np.ndarray):
            assert not value.flags.writeable


def test_every_file_is_listed_and_small():
    root = Path(datasets.__file__).parent
    listed = (root / "LICENSES.md").read_text()
    files = sorted((root / "data").iterdir())
    assert len(files) == 14
    for file in files:
        if not file.name.startswith("wampler"):
            assert f"`{file.name}`" in listed
    assert sum(file.stat().st_size for file in files) < 1_500_000


def test_mauna_loa():
    data = datasets.load_mauna_loa()
    assert data.year.shape == data.co2.shape == (2225,)
    assert data.weeks == 2284
    assert (np.diff(data.year) > 0).all()
    # Weekly, gaps included: most steps are seven days, the longest gap is many weeks.
    days = np.diff(data.year) * 365.25
    assert abs(np.median(days) - 7) < 0.05
    assert 60 < days.max() < 200
    assert data.year[0] == 1958 + 87 / 365
    assert 2001.99 < data.year[-1] < 2002
    assert 313 <= data.co2.min() < data.co2.max() < 375


def test_titanium():
    data = datasets.load_titanium()
    np.testing.assert_array_equal(data.temperature, np.arange(595, 1076, 10))
    assert data.value.shape == (49,)
    # The second transcription, in thousandths.
    again = (
        "644 622 638 649 652 639 646 657 652 655 644 663 663 668 676 676 686 679 678 683 694 699 710 730 763 812 907 "
        "1044 1336 1881 2169 2075 1598 1211 916 746 672 627 615 607 606 609 603 601 603 601 611 601 608"
    )
    np.testing.assert_array_equal(np.rint(1000 * data.value), [int(word) for word in again.split()])


def test_fem():
    bar = datasets.load_fem()
    assert bar.A.shape == (600, 600)
    assert bar.A.nnz == 23402
    assert bar.A.has_canonical_format
    assert (bar.A != bar.A.T).nnz == 0
    dense = bar.A.toarray()
    scipy.linalg.cholesky(dense)
    values = scipy.linalg.eigvalsh(dense)
    assert 3e4 < values[-1] / values[0] < 4e4
    # The mesh belongs to the matrix: unknowns couple exactly within elements, and rigid motions that vanish on no
    # clamped node give no force in elements away from the clamp.
    assert bar.elements.shape == (128, 8)
    assert bar.elements.min() == 0
    assert bar.elements.max() == 224
    clamped = bar.vertices[200:]
    assert np.ptp(clamped[:, 0]) == 0
    touched = np.zeros(225, dtype=bool)
    for element in bar.elements:
        if (element >= 200).any():
            touched[element] = True
    inner = np.repeat(~touched[:200], 3)
    force = (bar.A @ bar.modes)[inner]
    assert np.abs(force).max() <= 1e-12 * values[-1] * np.abs(bar.modes).max()


def test_fem_is_new_each_time():
    first = datasets.load_fem()
    first.A.data[:] = 0
    assert datasets.load_fem().A.data.any()


def _least_squares(rows, response):
    """Normal equations in 50 digits (more than enough: the worst condition number squared is 1e31)."""
    A, y = mp.matrix(rows), mp.matrix(response)
    inverse = (A.T * A) ** -1
    c = inverse * (A.T * y)
    r = y - A * c
    variance = (r.T * r)[0] / (A.rows - A.cols)
    return list(c), [mp.sqrt(variance * inverse[k, k]) for k in range(A.cols)], mp.sqrt(variance)


def _same(value, certified, digits=15):
    """Whether `value` rounds to the certified decimal."""
    if mp.mpf(certified) == 0:
        return abs(value) < mp.mpf(10) ** -20
    return abs(value - mp.mpf(certified)) <= mp.mpf("0.5000001") * mp.mpf(10) ** (
        mp.floor(mp.log10(abs(value))) - digits + 1
    )


@pytest.mark.parametrize("name", datasets.STRD_NAMES)
def test_certified_values_recomputed(name):
    _, powers, parameters, deviations, residual = _CERTIFIED[name]
    with mp.workdps(50):
        table = [[mp.mpf(word) for word in row] for row in read_csv(f"{name.lower()}.csv")]
        response = [row[0] for row in table]
        rows = [[mp.mpf(1), *row[1:]] if powers is None else [row[1] ** k for k in powers] for row in table]
        c, sd, s = _least_squares(rows, response)
        assert len(c) == len(parameters.split()) == len(deviations.split())
        for got, word in zip(c, parameters.split(), strict=True):
            assert _same(got, word)
        for got, word in zip(sd, deviations.split(), strict=True):
            assert _same(got, word)
        assert _same(s, residual)


@pytest.mark.parametrize("name", datasets.STRD_NAMES)
def test_strd_arrays(name):
    data = datasets.load_nist_strd(name)
    design = data.design()
    assert design.shape == (len(data.y), len(data.certified))
    assert design.dtype == np.float64
    if data.powers is not None:
        # Each entry rounded once (twice where long double is no wider than double).
        exact = [[float(mp.mpf(float(t)) ** k) for k in data.powers] for t in data.x]
        np.testing.assert_allclose(design, exact, rtol=2**-50 if np.finfo(np.longdouble).eps > 1e-17 else 2.3e-16)
    assert (data.certified_sd >= 0).all()
    # The certified parameters fit the data: the residual has the certified standard deviation.
    r = data.y - design @ data.certified
    dof = len(data.y) - len(data.certified)
    scale = np.abs(design @ np.diag(data.certified)).sum(axis=1).max()
    assert np.sqrt(r @ r / dof) == pytest.approx(data.residual_sd, rel=1e-6, abs=1e-9 * scale)


@pytest.mark.parametrize("name", ["longley", "", None, 3])
def test_unknown_name(name):
    with pytest.raises(ValueError, match="name must be one of 'Longley'"):
        datasets.load_nist_strd(name)
