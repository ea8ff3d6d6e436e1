"""Write the figures of benchmarks/results/*.json into the README, or check that they are the ones there.

python tools/readme_table.py [--check]
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.report import seconds  # noqa: E402  (the checkout is not installed)

README = ROOT / "README.md"
BEGIN = "<!-- figures: begin, written by tools/readme_table.py -->"
END = "<!-- figures: end -->"
# The family of a results file, by the first word of its name.
FAMILIES = {
    "gp": "gp", "bo": "gp",
    "sketch": "sketch", "sampling": "sketch", "regression": "sketch", "constrained": "sketch",
    "solve": "solve", "sequence": "solve",
    "spline": "spline",
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    text = README.read_text()
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    fresh = f"{head}{BEGIN}\n{table()}{END}{tail}"
    if args.check:
        if fresh != text:
            print("the README's figures differ from benchmarks/results: run python tools/readme_table.py")
            return 1
        return 0
    README.write_text(fresh)
    return 0


def table() -> str:
    """One line per promise: of the cases that share it the least favourable, both medians, ratio, both accuracies."""
    lines = ["", "| case | KRISS | peer | ratio | asked | accuracy: KRISS, peer |", "|---|---|---|---|---|---|"]
    where = None
    for path in sorted((ROOT / "benchmarks" / "results").glob("*.json"), key=_place):
        if path.stem.split("_")[0] not in FAMILIES:
            continue
        payload = json.loads(path.read_text())
        if "machine" not in payload or any("targets" not in row for row in payload["rows"]):  # a study, without times
            continue
        where = payload["machine"]
        promises: dict[str, list[tuple[float, str, str]]] = {}
        for row in payload["rows"]:
            for target in row["targets"]:
                found = _line(row, target)
                if found is not None:
                    promises.setdefault(target["text"], []).append(found)
        for found in promises.values():
            _, name, rest = min(found)
            count = f" (least of {len(found)} cases)" if len(found) > 1 else ""
            lines.append(f"| {FAMILIES[path.stem.split('_')[0]]}: {name}{count} | {rest} |")
    if where is None:
        return ""
    lines += ["", f"{where['cpu']}, {where['threads']} threads for everyone, {str(where['date'])[:10]}.", ""]
    return "\n".join(lines) + "\n"


def _place(path: Path) -> tuple[int, str]:
    names = list(FAMILIES)
    name = path.stem.split("_")[0]
    return (names.index(name) if name in names else len(names), path.stem)


def _line(row: dict[str, Any], target: dict[str, Any]) -> tuple[float, str, str] | None:
    """How favourable it is, the case and the other columns; None where the promise was not measured."""
    if target["measured"] is None:
        return None
    missed = "" if target["met"] else " (missed)"
    ours = row["ours"]
    if target["text"].endswith("bytes-moved limit"):
        cells = (
            seconds(ours["median"]),
            f"time to move its bytes, {seconds(row['traffic']['limit_seconds'])}",
            f"{target['measured']:.2f}x of it{missed}",
            "≤ " + target["text"].split()[1],
            "-",
        )
        return -target["measured"], row["name"], " | ".join(cells)
    peers = [peer for peer in row["peers"] if target["text"].endswith(f"x {peer['name']}")]
    if not peers:
        return None
    peer = peers[0]
    accuracy = "-"
    if ours["accuracy"] is not None and peer["accuracy"] is not None:
        name = row["accuracy_name"].replace("|", "\\|")
        accuracy = f"{name}: {ours['accuracy']:.1e}, {peer['accuracy']:.1e}"
    cells = (
        seconds(ours["median"]),
        f"{peer['name']}, {seconds(peer['median'])}",
        f"{peer['ratio']:.1f}x{missed}",
        target["text"].split("x ")[0].replace(">=", "≥") + "x",
        accuracy,
    )
    return peer["ratio"], row["name"], " | ".join(cells)


if __name__ == "__main__":
    sys.exit(main())
