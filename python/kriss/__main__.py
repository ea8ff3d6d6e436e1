"""The command line: ``python -m kriss``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kriss._version import __version__


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m kriss",
        description="KRISS: kernel covariances, randomized regression, iterative solvers and splines beside SciPy.",
        epilog="Start with: python -m kriss tour --quick",
    )
    parser.add_argument("--version", action="version", version=f"kriss {__version__}")
    commands = parser.add_subparsers(dest="command", title="commands", metavar="{tour,config}")
    tour = commands.add_parser(
        "tour",
        help="four problems on real data, each against its peer in the same run",
        description="Solve four problems on real data, each against SciPy or scikit-learn in the same run; print time, "
        "ratio and accuracy of both, and write one picture per problem and a page with all of it.",
    )
    tour.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=Path("kriss-tour"),
        help="folder for pictures and index.html, made if missing (default: kriss-tour)",
    )
    tour.add_argument("--quick", action="store_true", help="smaller problems: about 20 s instead of 90 s on two cores")
    tour.add_argument("--json", metavar="FILE", type=Path, help="also write the figures to FILE, for programs")
    commands.add_parser(
        "config",
        help="what this installation is made of",
        description="Print version, backend, instruction-set level, threads, compiler and CUDA state.",
    )
    return parser


def _explain(exc: OSError) -> str:
    place = f"{exc.filename}: " if exc.filename else ""
    return f"{place}{exc.strerror or exc}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command of ``python -m kriss``.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.

    Returns
    -------
    int
        Exit status: 0; 1 if a station of the tour failed; 2 for arguments that cannot be used.
    """
    parser = _parser()
    words = sys.argv[1:] if argv is None else list(argv)
    options = parser.parse_args(words)
    if options.command == "config":
        from kriss.config import show_config

        show_config()
        return 0
    if options.command == "tour":
        from kriss import tour

        try:
            return tour.run(
                options.out, quick=options.quick, json=options.json, command=" ".join(["python -m kriss", *words])
            )
        except OSError as exc:
            print(f"python -m kriss tour: error: {_explain(exc)}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("\nStopped.", file=sys.stderr)
            return 130
    parser.print_help()
    return 0


if __name__ == "__main__":
    sys.exit(main())
