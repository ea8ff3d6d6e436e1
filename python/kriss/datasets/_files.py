"""Reading the files of ``kriss/datasets/data``."""

from __future__ import annotations

from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def read_csv(name: str) -> list[list[str]]:
    """The rows of a comma-separated file below its header, as text."""
    text = resources.files("kriss.datasets").joinpath("data", name).read_text(encoding="ascii")
    return [line.split(",") for line in text.splitlines()[1:]]


def read_npz(name: str) -> dict[str, npt.NDArray[Any]]:
    """All arrays of an npz file."""
    with resources.files("kriss.datasets").joinpath("data", name).open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        return {key: archive[key] for key in archive.files}


def frozen(values: npt.ArrayLike) -> Array:
    """A read-only float64 array."""
    array = np.array(values, dtype=np.float64)
    array.flags.writeable = False
    return array
