"""Files of trained networks: arrays in .npz, a card in .json beside it. No code is stored in either."""

from __future__ import annotations

import hashlib
import json
import math
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shapes = Mapping[str, tuple[int, ...]]

MODELS = Path(__file__).resolve().parent / "models"


class ModelFileError(ValueError):
    """A file of trained weights is missing, damaged or of another kind.

    Attributes
    ----------
    args : tuple of str
        The file and what is wrong with it.

    Raises
    ------
    ModelFileError
        By ``load`` and ``pretrained`` of `LearnedMultigrid`, `GraphFactor` and `StencilFactor`, with the file and what
        is wrong with it, and by these three themselves if arrays are not those of the network.

    Examples
    --------
    >>> from kriss.solve.learned import LearnedMultigrid, ModelFileError
    >>> try:
    ...     LearnedMultigrid.load("nowhere.npz")
    ... except ModelFileError as error:
    ...     print(error)
    nowhere.npz cannot be read: there is no such file
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)


def json_object(file: Path, error: type[ValueError]) -> dict[str, Any]:
    """The object in a file; what is wrong with the file is raised as `error`."""
    if not file.is_file():
        raise error(f"{file} cannot be read: there is no such file")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as wrong:
        raise error(f"{file} is not JSON: {wrong}") from None
    if not isinstance(found, dict):
        raise error(f"{file} holds {type(found).__name__}, expected an object")
    return found


def read(
    path: str | os.PathLike[str], shapes: Shapes | Callable[[Mapping[str, Any]], Shapes]
) -> tuple[dict[str, Array], Any]:
    """(arrays in single precision, card) of a model with arrays of these shapes, which may depend on the card."""
    file = Path(path)
    if not file.is_file():
        raise ModelFileError(f"{file} cannot be read: there is no such file")
    card = json_object(file.with_suffix(".json"), ModelFileError)
    expected = card.get("sha256")
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if expected != found:
        raise ModelFileError(f"{file} is damaged: its SHA-256 is {found}, the card expects {expected}")
    try:
        with np.load(file, allow_pickle=False) as held:
            arrays = {name: np.asarray(held[name]) for name in held.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{file} is not an archive of arrays: {error}") from None
    return checked(arrays, shapes(card) if callable(shapes) else shapes, str(file)), MappingProxyType(card)


def checked(arrays: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], name: str) -> dict[str, Array]:
    """The arrays in single precision, if they are the ones expected."""
    if set(arrays) != set(shapes):
        raise ModelFileError(f"{name} holds {sorted(arrays)}, expected {sorted(shapes)}")
    out = {}
    for key, shape in shapes.items():
        value = np.asarray(arrays[key])
        if value.dtype.kind != "f" or value.shape != shape:
            raise ModelFileError(f"{name}: {key} is {value.dtype} {value.shape}, expected float {shape}")
        value = value.astype(np.float32)
        if not np.isfinite(value).all():
            raise ModelFileError(f"{name}: {key} holds NaN or infinity")
        value.flags.writeable = False
        out[key] = value
    return out


def write(path: str | os.PathLike[str], arrays: Mapping[str, Array], card: Mapping[str, Any]) -> None:
    """Write a model and its card, each under another name first."""
    file = Path(path)
    partial = file.with_suffix(".tmp.npz")
    np.savez(partial, **{k: np.asarray(v, np.float32) for k, v in arrays.items()})  # type: ignore[arg-type]
    digest = hashlib.sha256(partial.read_bytes()).hexdigest()
    size = sum(math.prod(np.shape(v)) for v in arrays.values())
    text = json.dumps({**card, "parameters": size, "sha256": digest}, indent=2, default=str) + "\n"
    os.replace(partial, file)
    scratch = file.with_suffix(".tmp.json")
    scratch.write_text(text, encoding="utf-8")
    os.replace(scratch, file.with_suffix(".json"))


def freeze(model: Any, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """Check the weights of a frozen dataclass, make them and its card read-only in place; the weights."""
    arrays = checked(model.weights, shapes, "weights")
    object.__setattr__(model, "weights", MappingProxyType(arrays))
    object.__setattr__(model, "card", MappingProxyType(dict(model.card)))
    return arrays
