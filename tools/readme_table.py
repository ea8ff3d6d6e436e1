"""Write the figures of benchmarks/results/*.json into the README, or check that they are the ones there.

python tools/readme_table.py [--check]
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BEGIN = "<!-- figures: begin, written by tools/readme_table.py -->"
END = "<!-- figures: end -->"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    text = README.read_text()
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    fresh = head + BEGIN + "\n" + table() + END + tail
    if args.check:
        if fresh != text:
            print("the README's figures differ from benchmarks/results: run python tools/readme_table.py")
            return 1
        return 0
    README.write_text(fresh)
    return 0


def table() -> str:
    raise NotImplementedError


if __name__ == "__main__":
    sys.exit(main())
