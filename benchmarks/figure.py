"""The command line of studies that end in a picture."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def run(name: str, doc: str | None, measure: Callable[[bool], Any], plot: Callable[[Any, Path], None]) -> None:
    """Measures, and writes ``<name>.json`` and ``<name>.png``."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    data = measure(args.quick)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n")
    plot(data, args.out / f"{name}.png")
