"""The benchmark harness measures what it says: order of calls, ratios, targets, failures, reports."""

import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytest.importorskip("threadpoolctl")
if not (ROOT / "benchmarks" / "harness.py").is_file():
    pytest.skip("no benchmarks beside the tests", allow_module_level=True)


@pytest.fixture(scope="module", autouse=True)
def on_path():
    sys.path.insert(0, str(ROOT))
    yield
    sys.path.remove(str(ROOT))


@pytest.fixture
def harness():
    from benchmarks import harness

    return harness


class Recorder:
    """Callables that take a set time and note who was called, when."""

    def __init__(self):
        self.log = []

    def __call__(self, name, seconds=0.012, result=None):
        def call():
            self.log.append(name)
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                pass
            return result

        return call


def test_rounds_are_interleaved_in_both_orders(harness):
    record = Recorder()
    case = harness.Case("x", record("A"), {"B": record("B"), "C": record("C")})
    row = harness.measure(case, threads=1, repeats=4)
    assert row.rounds == 4
    assert "".join(record.log[-12:]) == "ABCCBAABCCBA"
    assert [len(one.samples) for one in (row.ours, *row.peers)] == [4, 4, 4]


def test_minimum_median_and_ratio(harness):
    record = Recorder()
    case = harness.Case("x", record("A", 0.02), {"B": record("B", 0.06)}, target=2.0)
    row = harness.measure(case, threads=1, repeats=5)
    assert 0.02 <= row.ours.minimum <= row.ours.median
    assert row.peers[0].ratio == row.peers[0].median / row.ours.median
    assert row.peers[0].ratio_spread[0] <= row.peers[0].ratio_spread[1]


def test_short_calls_are_repeated_inside_a_sample(harness):
    calls = []
    row = harness.measure(harness.Case("x", lambda: calls.append(1)), threads=1, repeats=2)
    assert row.ours.calls_per_sample > 100
    assert len(calls) >= 2 * row.ours.calls_per_sample
    assert row.ours.median < 1e-3


def test_a_failing_peer_is_recorded_and_the_rest_goes_on(harness):
    record = Recorder()

    def broken():
        raise MemoryError("no room for 400 GB")

    case = harness.Case("x", record("A"), {"B": broken, "C": record("C")}, target=1.0, target_peer="B")
    row = harness.measure(case, threads=1, repeats=2)
    assert "no room" in row.peers[0].error
    assert row.peers[0].ratio is None
    assert row.peers[1].ratio is not None
    assert row.targets[0].met is None


def test_ours_failing_is_recorded(harness):
    row = harness.measure(harness.Case("x", lambda: 1 / 0, {"B": Recorder()("B")}), threads=1, repeats=1)
    assert "ZeroDivisionError" in row.ours.error
    assert row.peers[0].median is not None
    assert row.peers[0].ratio is None


def test_accuracy_is_of_the_result(harness):
    record = Recorder()
    case = harness.Case(
        "x", record("A", result=1.5), {"B": record("B", result=2.0)}, accuracy=lambda value: abs(value - 1.0)
    )
    row = harness.measure(case, threads=1, repeats=1)
    assert (row.ours.accuracy, row.peers[0].accuracy) == (0.5, 1.0)


@pytest.mark.parametrize(("target", "met"), [(1.2, True), (50.0, False)])
def test_targets_are_judged(harness, target, met):
    record = Recorder()
    case = harness.Case("x", record("A", 0.011), {"B": record("B", 0.055)}, target=target)
    assert harness.measure(case, threads=1, repeats=3).targets[0].met is met


def test_target_is_about_the_fastest_peer_unless_named(harness):
    record = Recorder()
    peers = {"slow": record("s", 0.06), "quick": record("q", 0.02)}
    row = harness.measure(harness.Case("x", record("A", 0.011), peers, target=1.0), threads=1, repeats=2)
    assert "quick" in row.targets[0].text
    row = harness.measure(
        harness.Case("x", record("A", 0.011), peers, target=1.0, target_peer="slow"), threads=1, repeats=2
    )
    assert "slow" in row.targets[0].text


def test_allowance_over_a_peer(harness):
    record = Recorder()
    case = harness.Case("x", record("A", 0.03), {"B": record("B", 0.012)}, allowance=10.0)
    assert harness.measure(case, threads=1, repeats=2).targets[0].met is True
    case = harness.Case("x", record("A", 0.08), {"B": record("B", 0.012)}, allowance=1e-6)
    assert harness.measure(case, threads=1, repeats=2).targets[0].met is False


def test_traffic_is_compared_with_triad(harness):
    case = harness.Case("x", Recorder()("A"), traffic=lambda result: 24e6, working_set=1 << 20, traffic_target=1e9)
    row = harness.measure(case, threads=1, repeats=1)
    assert row.traffic["bytes"] == 24e6
    assert row.traffic["times_limit"] == pytest.approx(row.ours.median * row.traffic["bandwidth"] / 24e6)
    assert row.targets[0].met is True


def test_threads_are_limited_inside_and_restored(harness):
    import threadpoolctl

    import kriss

    before = kriss.get_num_threads(), [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
    seen = []

    def look():
        pools = threadpoolctl.threadpool_info()
        seen.append((kriss.get_num_threads(), {p["num_threads"] for p in pools if p["user_api"] == "blas"}))
        time.sleep(0.011)

    harness.measure(harness.Case("x", look), threads=1, repeats=1)
    assert all(own == 1 and blas <= {1} for own, blas in seen)
    assert (kriss.get_num_threads(), [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]) == before


def test_garbage_collection_is_off_while_timing_and_back_after(harness):
    seen = []

    def look():
        seen.append(gc.isenabled())
        time.sleep(0.011)

    harness.measure(harness.Case("x", look), threads=1, repeats=2)
    assert seen[-2:] == [False, False]
    assert gc.isenabled()


def test_reports_say_met_and_missed(harness, tmp_path):
    from benchmarks import machine, report

    record = Recorder()
    cases = [
        harness.Case("easy", record("A", 0.011), {"B": record("B", 0.05)}, target=1.1, note="a note"),
        harness.Case("hard", record("A", 0.011), {"B": record("B", 0.05)}, target=99.0),
        harness.Case("broken", record("A", 0.011), {"B": lambda: 1 / 0}, target=2.0, target_peer="B"),
    ]
    rows = [harness.measure(case, threads=1, repeats=2) for case in cases]
    where = machine.describe(1) | {"quick": True, "triad_main_memory": 1e10}
    report.write(tmp_path, "sample", rows, where)
    page = (tmp_path / "sample.md").read_text()
    assert ">= 1.1x B: **met**" in page
    assert ">= 99x B: **missed**" in page
    assert "ZeroDivisionError" in page
    assert "a note" in page
    for load, busy, said in ((0.0, 0.6, True), (9.0, 0.1, False), (9.0, None, True), (0.0, None, False)):
        now = where | {"cores": 2, "load_at_start": load, "busy_cores_at_start": busy}
        assert ("machine was busy" in report.document("sample", rows, now)) == said
    busy = machine.busy_cores(0.05)
    assert busy is None or -0.1 <= busy <= (os.cpu_count() or 1)
    payload = json.loads((tmp_path / "sample.json").read_text())
    assert [row["targets"][0]["met"] for row in payload["rows"]] == [True, False, None]
    assert payload["machine"]["versions"]["scipy"]
    assert payload["machine"]["cores"] >= 1


def test_kept_runs_of_regret_are_of_so_many_evaluations(monkeypatch, tmp_path):
    # Once a full study took the short curves of a quick one from the same file.
    from benchmarks import bo_regret

    monkeypatch.setattr(
        bo_regret, "timed", lambda problem, seed, evaluations: {"best": [1.0] * evaluations, "seconds": 0.0}
    )
    keep = str(tmp_path / "runs.json")
    for quick, evaluations in ((True, 40), (False, 100)):
        for found in bo_regret.measure(quick, "kriss", keep, 1).values():
            assert [len(curve) for curve in found["kriss"]["quartiles"]] == [evaluations] * 3


def test_command_line(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "import", "--quick", "--repeats", "1", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "import.json").is_file()
    done = subprocess.run([*command[:3], "nonsense"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there are" in done.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("bench_*.py")), ids=lambda path: path.stem)
def test_every_family_has_cases(path):
    import importlib

    module = importlib.import_module(f"benchmarks.{path.stem}")
    assert callable(module.cases)
