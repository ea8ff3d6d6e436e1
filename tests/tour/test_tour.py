"""The tour as a new user runs it, in a process of its own."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kriss
from kriss.__main__ import main
from kriss.tour import STATIONS

SOURCE = str(Path(kriss.__file__).parents[1])


def kriss_command(*words, cwd, blocked=(), stations=None, warnings="error"):
    """Run ``python -m kriss``; modules in `blocked` cannot be imported in it, and it visits `stations`."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([SOURCE, os.environ.get("PYTHONPATH", "")])}
    start = "import sys, runpy; "
    start += "".join(f"sys.modules[{name!r}] = None; " for name in blocked)
    if stations is not None:
        start += f"import kriss.tour._run; kriss.tour._run.STATIONS = {stations!r}; "
    start += f"sys.argv = ['kriss', *{list(words)!r}]; runpy.run_module('kriss', run_name='__main__', alter_sys=True)"
    return subprocess.run(
        [sys.executable, "-W", warnings, "-c", start], cwd=cwd, env=env, capture_output=True, text=True, timeout=500
    )


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tour")
    done = kriss_command("tour", "--quick", "--out", "made/out", "--json", "figures.json", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done


def test_output_is_readable(tour):
    _, done = tour
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 100
    assert done.stdout.isascii()
    assert done.stderr == ""  # a pipe gets no progress bar and no warnings
    assert "made/out/index.html" in done.stdout
    assert "figures.json" in done.stdout
    assert "failed" not in done.stdout
    for number in range(1, 5):
        assert re.search(rf"^{number}\. ", done.stdout, re.MULTILINE)


def test_every_row_is_printed_twice(tour):
    folder, done = tour
    record = json.loads((folder / "figures.json").read_text())
    for station in record["stations"].values():
        for row in station["rows"]:
            assert len(re.findall(rf"^{re.escape(row['task'])} +\d", done.stdout, re.MULTILINE)) == 2
            assert len(row["task"]) <= 34
            assert len(row["measure"]) <= 13


def test_pictures_and_page(tour):
    folder, _ = tour
    out = folder / "made" / "out"
    page = (out / "index.html").read_text()
    for name in STATIONS:
        png = (out / f"{name}.png").read_bytes()
        assert png.startswith(b"\x89PNG")
        assert len(png) > 20_000
        assert f'src="{name}.png"' in page
    assert sorted(p.name for p in out.iterdir()) == sorted([*(f"{n}.png" for n in STATIONS), "index.html"])
    # Self-contained: nothing is fetched from anywhere else.
    assert re.findall(r'(?:src|href)="(?!\w+\.png")', page) == []
    assert "http" not in page
    assert "prefers-color-scheme: dark" in page


def test_figures(tour):
    folder, _ = tour
    record = json.loads((folder / "figures.json").read_text())
    assert list(record["stations"]) == list(STATIONS)
    assert record["quick"] is True
    assert record["machine"]["backend"] == kriss.show_config("dicts")["backend"]
    for station in record["stations"].values():
        assert station["rows"]
        for row in station["rows"]:
            for key in ("seconds", "peer_seconds", "ratio"):
                assert math.isfinite(row[key])
                assert row[key] > 0
            assert math.isfinite(row["accuracy"])
            assert math.isfinite(row["peer_accuracy"])
            assert row["ratio"] == pytest.approx(row["peer_seconds"] / row["seconds"])


def test_accuracy_is_what_was_promised(tour):
    """The figures themselves: same likelihood, residuals within tolerance, digits near the peer's."""
    folder, _ = tour
    stations = json.loads((folder / "figures.json").read_text())["stations"]
    likelihood, forecast = stations["covariance"]["rows"]
    # Two implementations of one likelihood from the same start: the same optimum to what L-BFGS-B's rule leaves open.
    assert likelihood["accuracy"] == pytest.approx(likelihood["peer_accuracy"], abs=0.05)
    assert forecast["accuracy"] == pytest.approx(forecast["peer_accuracy"], rel=0.02)
    assert forecast["accuracy"] < 3.0
    for row in stations["iterative"]["rows"]:
        assert row["accuracy"] <= 1e-8 * (1 + 1e-12)
        here, peer = map(int, re.match(r"(\d+) iterations, SciPy (\d+)", row["note"]).groups())
        assert abs(here - peer) <= 0.02 * peer + 2
    *digits, scaled = stations["regression"]["rows"]
    for row in digits:
        assert row["measure"] == "digits"
        assert row["accuracy"] >= row["peer_accuracy"] - 2.0
    assert scaled["accuracy"] <= np.finfo(float).eps
    line, titanium, *evaluations = stations["spline"]["rows"]
    assert line["accuracy"] <= 1e-6
    assert titanium["accuracy"] <= titanium["peer_accuracy"]
    for row in evaluations:
        assert row["accuracy"] == pytest.approx(row["peer_accuracy"], rel=1e-3)


def test_without_matplotlib_and_sklearn(tmp_path):
    done = kriss_command(
        "tour", "--quick", cwd=tmp_path, blocked=("matplotlib", "sklearn", "threadpoolctl"), stations=("covariance",)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "matplotlib cannot be imported" in done.stdout
    assert "kriss[tour]" in done.stdout
    assert "NumPy and SciPy" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert [p.name for p in (tmp_path / "kriss-tour").iterdir()] == ["index.html"]
    assert "<img" not in (tmp_path / "kriss-tour" / "index.html").read_text()


def test_a_failing_station_is_said(tmp_path, monkeypatch, capsys):
    from kriss.tour import _run, iterative

    monkeypatch.setattr(_run, "STATIONS", ("iterative",))

    def broken(ctx):
        raise RuntimeError("no such luck")

    monkeypatch.setattr(iterative, "run", broken)
    assert _run.run(tmp_path / "out", quick=True, json=tmp_path / "f.json") == 1
    printed = capsys.readouterr().out
    assert "This station failed: RuntimeError: no such luck" in printed
    assert "1 of 1 stations failed" in printed
    assert json.loads((tmp_path / "f.json").read_text())["stations"] == {}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tour", "--out", "file.txt"], "file.txt"),
        (["tour", "--json", "missing/f.json"], "missing/f.json"),
        (["tour", "--json", "."], "directory"),
    ],
)
def test_places_that_cannot_be_written(words, message, tmp_path, monkeypatch, capsys):
    (tmp_path / "file.txt").write_text("")
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("python -m kriss tour: error: ")
    assert message in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("words", [["tour", "--fast"], ["tour", "extra"], ["nonsense"], ["tour", "--out"]])
def test_bad_arguments(words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert "usage: python -m kriss" in capsys.readouterr().err


def test_other_commands(capsys):
    assert main(["config"]) == 0
    assert "backend" in capsys.readouterr().out
    assert main([]) == 0
    assert "tour" in capsys.readouterr().out
    for words in (["--help"], ["tour", "--help"], ["--version"]):
        with pytest.raises(SystemExit) as stop:
            main(words)
        assert stop.value.code == 0
        out = capsys.readouterr().out
        assert out
        assert max(map(len, out.splitlines())) <= 100
