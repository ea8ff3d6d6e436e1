"""scikit-learn's own tests of its Gaussian-process regressor pass on ours (gpr_swap.py), in a fresh process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sklearn = pytest.importorskip("sklearn")

import kriss  # noqa: E402

HERE = Path(__file__).resolve().parent


def run(report, *extra):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(kriss.__file__).parent.parent), str(HERE)])}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "gpr_swap", "--gpr-report", str(report)]
    command += ["-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(Path(sklearn.__file__).parent.parent)]
    command += [*extra, "--pyargs", "sklearn.gaussian_process.tests.test_gpr"]
    return subprocess.run(
        command, cwd=report.parent, env=environment, capture_output=True, text=True, check=False, timeout=540
    )


def test_scikit_learns_own_tests_pass(tmp_path):
    # An expected failure of theirs, 65 times over: it says nothing of either and takes a third of the time.
    done = run(tmp_path / "report.json", "--deselect", "sklearn/gaussian_process/tests/test_gpr.py::test_lml_gradient")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["outcomes"].get("failed", 0) == 0
    assert report["outcomes"]["passed"] >= 125  # 130 in scikit-learn 1.9
    assert report["outcomes"].get("skipped", 0) == 0
    # All but the kernels that their tests define themselves.
    assert report["fits"]["compiled"] >= 140 and report["fits"]["Python"] <= 4


def test_a_wrong_regressor_fails_scikit_learns_tests(tmp_path):
    done = run(tmp_path / "report.json", "--gpr-break", "-k", "test_gpr_interpolation")
    assert done.returncode == 1, done.stdout[-3000:]
    assert json.loads((tmp_path / "report.json").read_text())["outcomes"]["failed"] >= 5
