"""Write the figures of benchmarks/results/*.json into the README, or check that they are the ones there.

python tools/readme_table.py [--check]
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.report import seconds  # noqa: E402  (the checkout is not installed)

README = ROOT / "README.md"
BEGIN = "<!-- figures: begin, written by tools/readme_table.py -->"
END = "<!-- figures: end -->"
FAMILIES = ("gp", "sketch", "solve", "spline")


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
    """One line per promised case: both medians, their ratio, both accuracies."""
    lines = ["", "| case | KRISS | peer | ratio | asked | accuracy: KRISS, peer |", "|---|---|---|---|---|---|"]
    where = None
    for family in FAMILIES:
        path = ROOT / "benchmarks" / "results" / f"{family}.json"
        if not path.exists():
            continue
        payload = json.loads(path.read_text())
        where = payload["machine"]
        for row in payload["rows"]:
            for target in row["targets"]:
                if target["text"].endswith("bytes-moved limit") and target["measured"] is not None:
                    asked = "≤ " + target["text"].split()[1]
                    met = "" if target["met"] else " (missed)"
                    lines.append(
                        f"| {family}: {row['name']} | {seconds(row['ours']['median'])} | time to move its bytes, "
                        f"{seconds(row['traffic']['limit_seconds'])} "
                        f"| {target['measured']:.2f}x of it{met} | {asked} | - |"
                    )
                    continue
                peers = [peer for peer in row["peers"] if target["text"].endswith(f"x {peer['name']}")]
                if not peers or target["measured"] is None:
                    continue
                peer, ours = peers[0], row["ours"]
                accuracy = "-"
                if ours["accuracy"] is not None and peer["accuracy"] is not None:
                    name = row["accuracy_name"].replace("|", "\\|")
                    accuracy = f"{name}: {ours['accuracy']:.1e}, {peer['accuracy']:.1e}"
                asked = target["text"].split("x ")[0].replace(">=", "≥") + "x"
                met = "" if target["met"] else " (missed)"
                lines.append(
                    f"| {family}: {row['name']} | {seconds(ours['median'])} | {peer['name']}, "
                    f"{seconds(peer['median'])} | {peer['ratio']:.1f}x{met} | {asked} | {accuracy} |"
                )
    if where is None:
        return ""
    lines += ["", f"{where['cpu']}, {where['threads']} threads for everyone, {str(where['date'])[:10]}.", ""]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
