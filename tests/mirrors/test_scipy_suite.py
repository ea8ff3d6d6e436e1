"""SciPy's own tests of each mirrored routine, run in a fresh process with ours swapped in (see plugin.py)."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import scipy

import kriss
from kriss._swap import SWAPPABLE

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Suite:
    """Which of SciPy's tests run, and how many of them must have passed through ours.

    The three minima are records of what SciPy 1.17 has, a little lowered for other releases: tests that passed, tests
    that passed and called ours, and among these the ones where ours did not hand every call to SciPy.
    """

    tests: tuple[str, ...]
    passed: int
    through_ours: int
    on_our_kernels: int
    # Only tests whose name has this (pytest -k).
    select: str = ""
    # The same with --kriss-adapt, where the plugin has an adapter.
    on_our_kernels_adapted: int | None = None


SUITES = {
    "interpolate.BSpline": Suite(
        (
            "scipy.interpolate.tests.test_bsplines::TestBSpline",
            "scipy.interpolate.tests.test_bsplines::TestInsert",
            "scipy.interpolate.tests.test_bsplines::TestInterop",
            "scipy.interpolate.tests.test_bsplines::TestInterp",
        ),
        passed=140,
        through_ours=105,
        on_our_kernels=100,
    ),
    "interpolate.make_interp_spline": Suite(
        (
            "scipy.interpolate.tests.test_bsplines::TestInterp",
            "scipy.interpolate.tests.test_bsplines::TestMakeSplrep",
            "scipy.interpolate.tests.test_interpolate::TestInterp1D",
        ),
        passed=145,
        through_ours=55,
        on_our_kernels=25,
    ),
    "interpolate.CubicSpline": Suite(
        (
            "scipy.interpolate.tests.test_polyint",
            "scipy.interpolate.tests.test_bsplines::TestBSpline",
            "scipy.interpolate.tests.test_bsplines::TestInterp::test_periodic_cubic",
        ),
        passed=180,
        through_ours=44,
        on_our_kernels=20,
    ),
    "interpolate.make_lsq_spline": Suite(
        (
            "scipy.interpolate.tests.test_bsplines::TestLSQ",
            "scipy.interpolate.tests.test_bsplines::TestBatch",
            "scipy.interpolate.tests.test_bsplines::TestGenerateKnots",
        ),
        passed=70,
        through_ours=35,
        on_our_kernels=30,
    ),
    "interpolate.make_smoothing_spline": Suite(
        (
            "scipy.interpolate.tests.test_bsplines::TestSmoothingSpline",
            "scipy.interpolate.tests.test_bsplines::TestBatch",
        ),
        passed=20,
        through_ours=5,
        on_our_kernels=5,
    ),
    "interpolate.PPoly": Suite(
        (
            "scipy.interpolate.tests.test_interpolate::TestPPolyCommon",
            "scipy.interpolate.tests.test_interpolate::TestPolySubclassing",
            "scipy.interpolate.tests.test_interpolate::TestPPoly",
            "scipy.interpolate.tests.test_interpolate::TestPolyConversions",
            "scipy.interpolate.tests.test_interpolate::TestBPolyFromDerivatives",
            "scipy.interpolate.tests.test_interpolate::TestNdPPoly",
            "scipy.interpolate.tests.test_bsplines::TestBSpline",
        ),
        passed=100,
        through_ours=44,
        on_our_kernels=44,
    ),
    "interpolate.PchipInterpolator": Suite(
        ("scipy.interpolate.tests.test_polyint", "scipy.interpolate.tests.test_rgi"),
        select="pchip or zerosize",
        passed=30,
        through_ours=22,
        on_our_kernels=21,
    ),
    "interpolate.Akima1DInterpolator": Suite(
        (
            "scipy.interpolate.tests.test_interpolate::TestAkima1DInterpolator",
            "scipy.interpolate.tests.test_polyint::TestZeroSizeArrays",
        ),
        passed=22,
        through_ours=17,
        on_our_kernels=17,
    ),
    "interpolate.InterpolatedUnivariateSpline": Suite(
        ("scipy.interpolate.tests.test_fitpack2::TestUnivariateSpline",),
        passed=24,
        through_ours=5,
        on_our_kernels=2,
    ),
    "interpolate.LSQUnivariateSpline": Suite(
        ("scipy.interpolate.tests.test_fitpack2::TestUnivariateSpline",),
        passed=24,
        through_ours=10,
        on_our_kernels=5,
    ),
    "interpolate.UnivariateSpline": Suite(
        ("scipy.interpolate.tests.test_fitpack2::TestUnivariateSpline",),
        passed=24,
        through_ours=20,
        on_our_kernels=20,
    ),
    "interpolate.splev": Suite(
        (
            "scipy.interpolate.tests.test_fitpack",
            "scipy.interpolate.tests.test_bsplines::TestInterop",
        ),
        passed=48,
        through_ours=25,
        on_our_kernels=24,
    ),
    "interpolate.splrep": Suite(
        (
            "scipy.interpolate.tests.test_fitpack",
            "scipy.interpolate.tests.test_bsplines::TestInterop",
            "scipy.interpolate.tests.test_interpolate::TestPPolyCommon",
            "scipy.interpolate.tests.test_interpolate::TestPPoly",
        ),
        passed=85,
        through_ours=42,
        on_our_kernels=28,
    ),
    "linalg.clarkson_woodruff_transform": Suite(
        (
            "scipy.linalg.tests.test_sketches",
            "scipy.linalg.tests.test_batch::TestBatch::test_clarkson_woodruff_transform",
        ),
        passed=5,
        through_ours=4,
        on_our_kernels=4,
    ),
    "linalg.lstsq": Suite(
        (
            "scipy.linalg.tests.test_basic::TestLstsq",
            "scipy.linalg.tests.test_basic::TestOverwrite",
            "scipy.linalg.tests.test_basic::TestSolveCirculant",
            "scipy.linalg.tests.test_batch::TestBatch::test_lstsq",
            "scipy.signal.tests.test_signaltools::TestDetrend",
            "scipy.signal.tests.test_fir_filter_design::TestFirls",
            "scipy.signal.tests.test_savitzky_golay",
        ),
        passed=190,
        through_ours=140,
        # All of SciPy's systems are too small for a sketch to pay: only the adapted run says something.
        on_our_kernels=0,
        on_our_kernels_adapted=22,
    ),
    "sparse.linalg.lsmr": Suite(
        ("scipy.sparse.linalg._isolve.tests.test_lsmr", "scipy.optimize.tests.test_lsq_linear"),
        passed=30,
        through_ours=18,
        # All of SciPy's systems are small, and one test compares numbers of steps: tests/mirrors/test_lsqr.py has more.
        on_our_kernels=0,
    ),
    "sparse.linalg.lsqr": Suite(
        ("scipy.sparse.linalg._isolve.tests.test_lsqr",),
        passed=5,
        through_ours=5,
        # All of SciPy's systems are small: see the adapted run.
        on_our_kernels=0,
        on_our_kernels_adapted=1,
    ),
    "sparse.linalg.spilu": Suite(
        ("scipy.sparse.linalg._dsolve.tests.test_linsolve",),
        passed=14,
        select="TestSplu",
        through_ours=5,
        # All of SciPy's matrices are small: see the adapted run.
        on_our_kernels=0,
        on_our_kernels_adapted=5,
    ),
    "sparse.linalg.spsolve_triangular": Suite(
        ("scipy.sparse.linalg._dsolve.tests.test_linsolve::TestSpsolveTriangular",),
        passed=285,
        through_ours=285,
        on_our_kernels=190,
    ),
    "sparse.linalg.bicgstab": Suite(
        (
            "scipy.sparse.linalg._isolve.tests.test_iterative",
            "scipy.sparse.tests.test_array_api::test_solvers",
        ),
        passed=90,
        select="bicgstab",
        through_ours=90,
        on_our_kernels=24,
        on_our_kernels_adapted=40,
    ),
    "sparse.linalg.gcrotmk": Suite(
        (
            "scipy.sparse.linalg._isolve.tests.test_gcrotmk",
            "scipy.sparse.linalg._isolve.tests.test_iterative",
            "scipy.sparse.tests.test_array_api::test_solvers",
        ),
        passed=110,
        select="gcrotmk",
        through_ours=110,
        on_our_kernels=30,
        on_our_kernels_adapted=50,
    ),
    "sparse.linalg.gmres": Suite(
        (
            "scipy.sparse.linalg._isolve.tests.test_iterative",
            "scipy.sparse.tests.test_array_api::test_solvers",
        ),
        passed=190,
        select="gmres",
        through_ours=100,
        on_our_kernels=25,
        on_our_kernels_adapted=45,
    ),
    "sparse.linalg.minres": Suite(
        (
            "scipy.sparse.linalg._isolve.tests.test_iterative",
            "scipy.sparse.linalg._isolve.tests.test_minres",
            "scipy.sparse.tests.test_array_api::test_solvers",
        ),
        passed=44,
        select="minres",
        through_ours=44,
        on_our_kernels=14,
        on_our_kernels_adapted=26,
    ),
    "sparse.linalg.cg": Suite(
        (
            "scipy.sparse.linalg._isolve.tests.test_iterative",
            "scipy.sparse.tests.test_array_api::test_solvers",
        ),
        passed=300,
        select="cg",
        through_ours=45,
        on_our_kernels=15,
        on_our_kernels_adapted=22,
    ),
    "special.iv": Suite(
        ("scipy.special.tests.test_basic::TestBessel", "scipy.special.tests.test_basic::TestCephes"),
        passed=36,
        select="iv or ive or kv or kve or ticket or amos or inf or neg or kvp or ivp",
        through_ours=11,
        on_our_kernels=8,
    ),
    "special.ive": Suite(
        ("scipy.special.tests.test_basic::TestBessel", "scipy.special.tests.test_basic::TestCephes"),
        passed=36,
        select="iv or ive or kv or kve or ticket or amos or inf or neg or kvp or ivp",
        through_ours=4,
        on_our_kernels=2,
    ),
    "special.kv": Suite(
        ("scipy.special.tests.test_basic::TestBessel", "scipy.special.tests.test_basic::TestCephes"),
        passed=36,
        select="iv or ive or kv or kve or ticket or amos or inf or neg or kvp or ivp",
        through_ours=11,
        on_our_kernels=10,
    ),
    "special.kve": Suite(
        ("scipy.special.tests.test_basic::TestBessel", "scipy.special.tests.test_basic::TestCephes"),
        passed=36,
        select="iv or ive or kv or kve or ticket or amos or inf or neg or kvp or ivp",
        through_ours=4,
        on_our_kernels=2,
    ),
}


def run(names, tests, report, *extra):
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(Path(kriss.__file__).parent.parent), str(HERE)]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    environment.pop("PYTEST_ADDOPTS", None)
    environment.pop("SCIPY_ARRAY_API", None)
    swaps = [part for name in names for part in ("--kriss-swap", name)]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "plugin", *swaps, "--kriss-report", str(report)]
    # SciPy's own configuration, which turns warnings into errors, is not in its wheel: -W error stands for it.
    command += ["-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(Path(scipy.__file__).parent.parent)]
    command += ["-W", "error", *extra, "--pyargs", *tests]
    return subprocess.run(
        command, cwd=report.parent, env=environment, capture_output=True, text=True, check=False, timeout=540
    )


def test_every_mirror_has_its_suite():
    assert set(SUITES) == set(SWAPPABLE)


RUNS = [(name, False) for name in SUITES]
RUNS += [(name, True) for name, suite in SUITES.items() if suite.on_our_kernels_adapted is not None]


@pytest.mark.parametrize(("name", "adapt"), RUNS, ids=lambda value: {True: "adapted", False: "plain"}.get(value, value))
def test_scipys_own_tests_pass(name, adapt, tmp_path, record_property):
    suite = SUITES[name]
    extra = ["--kriss-adapt"] if adapt else []
    extra += ["-k", suite.select] if suite.select else []
    done = run([name], suite.tests, tmp_path / "report.json", *extra)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    report = json.loads((tmp_path / "report.json").read_text())
    outcomes = report["outcomes"]
    print(f"\n{name}{' adapted' * adapt}: {outcomes} in SciPy {scipy.__version__}")
    print(f"  {report['passed_through_ours']} passed through ours, {report['passed_on_our_kernels']} on our kernels")
    print(f"  {report['calls']} calls, {report['delegated']} handed to SciPy: {report['delegation_reasons']}")
    for test, reason in report["skipped"].items():
        print(f"  skipped {test}: {reason}")
    record_property("outcomes", outcomes)
    assert not report["not_passed"]
    assert not report["stale_skips"], "entries of skips.toml that match no test"
    assert outcomes["passed"] >= suite.passed
    assert report["passed_through_ours"] >= suite.through_ours
    expected = suite.on_our_kernels_adapted if adapt else suite.on_our_kernels
    assert report["passed_on_our_kernels"] >= expected
    assert all(reason for reason in report["skipped"].values())


def test_a_broken_mirror_fails_scipys_tests(tmp_path):
    """The plugin can see a wrong answer: a mirror that is off by one part in a thousand must not pass."""
    (tmp_path / "breaking.py").write_text(
        "import functools, kriss.scipy.linalg as home\n"
        "right = home.lstsq\n"
        "@functools.wraps(right)\n"
        "def wrong(*args, **kwargs):\n"
        "    x, *rest = right(*args, **kwargs)\n"
        "    return (x * (1 + 1e-3), *rest)\n"
        "home.lstsq = wrong\n"
    )
    done = run(
        ["linalg.lstsq"],
        ["scipy.linalg.tests.test_basic::TestLstsq::test_random_exact"],
        tmp_path / "report.json",
        "--tb=no",
        "-p",
        "breaking",
        "-o",
        f"pythonpath={tmp_path}",
    )
    report = json.loads((tmp_path / "report.json").read_text())
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-3000:]
    assert report["outcomes"]["failed"] >= 20
