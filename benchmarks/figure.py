"""The command line of studies that end in a picture."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def run(
    name: str, doc: str | None, measure: Callable[..., Any], plot: Callable[[Any, Path], None], **options: Any
) -> None:
    """Measures, and writes ``<name>.json`` and ``<name>.png``.

    `measure` is called as ``measure(quick, **options)``. Each option becomes one of the command line, of the type of
    its default; several values follow one whose default is a list.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    for key, default in options.items():
        several = isinstance(default, list)
        kind = type(default[0] if several else default)
        parser.add_argument(f"--{key}", type=kind, nargs="+" if several else None, default=default, help=str(default))
    args = parser.parse_args()
    data = measure(args.quick, **{key: getattr(args, key) for key in options})
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n")
    plot(data, args.out / f"{name}.png")
