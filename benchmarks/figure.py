"""The command line of studies that end in a picture."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import machine


def run(
    name: str,
    doc: str | None,
    measure: Callable[..., Any],
    plot: Callable[[Any, Path], None],
    table: Callable[[Any], list[list[str]]] | None = None,
    **options: Any,
) -> None:
    """Measures, and writes ``<name>.json``, ``<name>.png`` and, where a table is made of the data, ``<name>.md``.

    `measure` is called as ``measure(quick, **options)``. Each option becomes one of the command line, of the type of
    its default; several values follow one whose default is a list. ``{key}`` in `name` stands for the value of one.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    for key, default in options.items():
        several = isinstance(default, list)
        kind = type(default[0] if several else default)
        parser.add_argument(f"--{key}", type=kind, nargs="+" if several else None, default=default, help=str(default))
    args = parser.parse_args()
    name = name.format_map(vars(args))
    data = measure(args.quick, **{key: getattr(args, key) for key in options})
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n")
    if table is not None:
        (args.out / f"{name}.md").write_text(document(name, doc or "", table(data), args.quick))
    plot(data, args.out / f"{name}.png")


def document(name: str, doc: str, rows: list[list[str]], quick: bool) -> str:
    """The page of a study: when and with what it was made, what it is, and its table, whose first row is the head."""
    about = machine.describe(machine.cores())
    versions = ", ".join(f"{package} {version}" for package, version in about["versions"].items())
    said = " with uncommitted changes" if about["uncommitted_changes"] else ""
    said += " (quick: not for quoting)" if quick else ""
    lines = [" | ".join(row) for row in (rows[0], ["---"] * len(rows[0]), *rows[1:])]
    parts = [
        f"# Study: {name}",
        f"- {about['date']}, commit {about['commit']}{said}\n- {versions}",
        doc.strip(),
        "\n".join(f"| {line} |" for line in lines),
    ]
    return "\n\n".join(parts) + "\n"
