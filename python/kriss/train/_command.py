"""The command line of training."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from kriss.solve.learned import _model
from kriss.train._config import (
    CheckpointError,
    DirectionConfig,
    GraphConfig,
    Multigrid3Config,
    MultigridConfig,
    SpaiConfig,
    StencilConfig,
)

NEEDED = ("torch", "numba", "tqdm")
# Name -> (configuration, module, file of the model)
MODELS: dict[str, tuple[Any, str, str]] = {
    "multigrid": (MultigridConfig, "_multigrid", "multigrid2d.npz"),
    "multigrid3d": (Multigrid3Config, "_solid", "multigrid3d.npz"),
    "graph": (GraphConfig, "_graph", "graph_mesh2d.npz"),
    "stencil": (StencilConfig, "_stencil", "stencil_grid2d.npz"),
    "spai": (SpaiConfig, "_spai", "spai2d.npz"),
    "dcd": (DirectionConfig, "_direction", "direction2d.npz"),
}


def run(argv: list[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m kriss.train", description="Train a network from scratch.")
    parser.add_argument("name", choices=list(MODELS), help="which one")
    parser.add_argument("--config", type=Path, help="JSON object; what it lacks is as shipped")
    parser.add_argument("--out", type=Path, help="the model; its card goes beside it")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint beside the model")
    parser.add_argument("--plot", type=Path, help="picture of the loss at the end (needs matplotlib)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    args = parser.parse_args(argv)
    kind, module, file = MODELS[args.name]
    out = Path(file) if args.out is None else args.out
    try:
        config = kind(**_options(args.config, kind))
        if out.suffix != ".npz" or not out.parent.is_dir():
            raise ValueError(f"--out {out}: expected a .npz file in a folder that exists")
    except (TypeError, ValueError) as error:
        print(error)
        return 2
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(f"training needs {', '.join(missing)}: pip install 'kriss[train]'")
        return 2
    train: Any = importlib.import_module(f"kriss.train.{module}").train
    try:
        card = train(config, out, resume=args.resume, progress=not args.quiet, plot=args.plot)
    except CheckpointError as error:
        print(error)
        return 2
    print(json.dumps(card["test"], indent=2))
    return 0


def _options(path: Path | None, kind: Any) -> dict[str, Any]:
    if path is None:
        return {}
    options = _model.json_object(path, ValueError)
    known = {f.name for f in fields(kind)}
    unknown = sorted(set(options) - known)
    if unknown:
        raise ValueError(f"{path} holds {unknown[0]!r}, expected any of {', '.join(sorted(known))}")
    return options
