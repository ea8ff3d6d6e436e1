"""Runs the benchmarks: python -m benchmarks [family ...] [--quick] [--repeats N] [--threads N] [--out DIR]."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
# A checkout that was built in place comes before an installed kriss.
if next((HERE.parent / "python" / "kriss").glob("_core*.so"), None) is not None:
    sys.path.insert(0, str(HERE.parent / "python"))


def families() -> list[str]:
    """Every family that has a file here."""
    return sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))


def main(argv: list[str] | None = None) -> int:
    """Returns 0 if everything ran, 1 if ours failed in some case; a missed target is reported, not an error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("family", nargs="*", help=f"any of: {', '.join(families())} (default: all)")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer rounds")
    parser.add_argument("--repeats", type=int, help="rounds per case (default: as many as fit the time)")
    parser.add_argument("--threads", type=int, help="threads for ours and every peer (default: available cores)")
    parser.add_argument("--match", default="", help="only cases whose name contains this; other results stay")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="where the JSON and Markdown go")
    args = parser.parse_args(argv)
    unknown = sorted(set(args.family) - set(families()))
    if unknown:
        parser.error(f"no benchmarks/bench_{unknown[0]}.py; there are: {', '.join(families())}")

    from benchmarks import harness, machine, report

    threads = args.threads or machine.cores()
    failed = missed = 0
    for family in args.family or families():
        started = time.perf_counter()
        module = importlib.import_module(f"benchmarks.bench_{family}")
        where = machine.describe(threads) | {"quick": args.quick}
        rows = []
        print(f"{family}: {threads} threads, load {where['load_at_start']}", flush=True)
        for case in module.cases(args.quick):
            if args.match not in case.name:
                continue
            budget = 3.0 if args.quick else 20.0
            row = harness.measure(case, threads=threads, repeats=args.repeats, budget=budget)
            rows.append(row)
            failed += row.ours.error is not None
            print(f"  {row.name}: {report.seconds(row.ours.median)} {row.ours.error or ''}", flush=True)
            for peer in row.peers:
                ratio = f"{peer.ratio:.2f}x" if peer.ratio is not None else f"failed: {peer.error}"
                print(f"    {peer.name}: {report.seconds(peer.median)}, {ratio}", flush=True)
            for target in row.targets:
                missed += target.met is False
                word = {True: "met", False: "MISSED", None: "not measured"}[target.met]
                got = "-" if target.measured is None else f"{target.measured:.3g}"
                print(f"    target {target.text}: {got}, {word}", flush=True)
        if not rows:
            continue
        where["triad_main_memory"] = machine.triad_bandwidth(threads)
        where["load_at_end"] = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
        if args.match:
            rows = report.joined(args.out, family, rows)
        report.write(args.out, family, rows, where)
        print(f"  {time.perf_counter() - started:.0f} s -> {args.out / family}.md", flush=True)
    print(f"{missed} targets missed, {failed} cases of ours failed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
