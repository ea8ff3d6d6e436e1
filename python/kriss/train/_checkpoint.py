"""What training runs share: checkpoints that resume to the bit, and the picture of the loss."""

from __future__ import annotations

import importlib
import importlib.util
import json
import zipfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss.train._config import CheckpointError

# The command line says so if it is missing.
torch: Any = importlib.import_module("torch") if importlib.util.find_spec("torch") is not None else None
Tensor = Any  # torch.Tensor; not typed where the linters run


def save(
    path: Path, config: Any, weights: dict[str, Tensor], optimiser: Any, losses: list[float], spent: float
) -> None:
    out: dict[str, Any] = {"losses": np.asarray(losses), "spent": np.asarray(spent), "config": _text(config)}
    for name, tensor in weights.items():
        out[name] = tensor.detach().numpy()
        for key, value in optimiser.state[tensor].items():
            out[f"{key}:{name}"] = np.asarray(value)
    partial = path.with_suffix(".tmp.npz")
    np.savez(partial, **out)
    partial.replace(path)


def _text(config: Any) -> str:
    return json.dumps(asdict(config), sort_keys=True)


def restore(path: Path, config: Any, weights: dict[str, Tensor], optimiser: Any, losses: list[float]) -> float:
    state = ("step", "exp_avg", "exp_avg_sq")
    held = arrays(
        path, ["config", "losses", "spent", *weights, *(f"{key}:{name}" for key in state for name in weights)]
    )
    if str(held["config"]) != _text(config):
        raise CheckpointError(f"{path} is of a run with config {held['config']}, expected {_text(config)}")
    losses.extend(held["losses"].tolist())
    for name, tensor in weights.items():
        with torch.no_grad():
            tensor.copy_(torch.tensor(held[name]))
        optimiser.state[tensor] = {key: torch.tensor(held[f"{key}:{name}"]) for key in state}
    return float(held["spent"])


def arrays(path: Path, names: Iterable[str]) -> dict[str, npt.NDArray[Any]]:
    """Some of the arrays of a file, which a run that was killed may have left damaged."""
    try:
        with np.load(path, allow_pickle=False) as held:
            return {name: held[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{path} is no checkpoint: {error}") from None


def plot(losses: list[float], path: Path, label: str) -> None:
    """Losses and their running mean over 50 steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(losses, color="0.8", linewidth=0.5)
    width = min(50, len(losses))
    axes.plot(np.arange(width - 1, len(losses)), np.convolve(losses, np.ones(width) / width, "valid"))
    axes.set_xlabel("step")
    axes.set_ylabel(label)
    figure.savefig(path)
