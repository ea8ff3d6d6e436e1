"""What a sequence of systems can choose from: settings of method and preconditioner, and how alike they are."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate as check
from kriss.solve._bicgstab import bicgstab
from kriss.solve._cg import cg
from kriss.solve._chebyshev import Chebyshev
from kriss.solve._deflated import deflated_cg
from kriss.solve._factor import IC0, ILU0, MIC
from kriss.solve._fcg import fcg
from kriss.solve._fill import ICT, ILUT
from kriss.solve._fsai import FSAI
from kriss.solve._gcrodr import gcrodr
from kriss.solve._gmres import fgmres, gmres
from kriss.solve._minres import minres
from kriss.solve._precond import SSOR, Jacobi, Sweeps
from kriss.solve._result import SolveResult
from kriss.solve._stationary import sor, ssor

Array = npt.NDArray[Any]
Make = Callable[[Any], Any]

METHODS: dict[str, Callable[..., SolveResult]] = {
    "cg": cg, "fcg": fcg, "minres": minres, "gmres": gmres, "fgmres": fgmres, "bicgstab": bicgstab, "sor": sor,
    "ssor": ssor,
}  # fmt: skip
RECYCLING: dict[str, Callable[..., SolveResult]] = {"cg": deflated_cg, "gmres": gcrodr}
CLASSES: dict[str, Any] = {
    "jacobi": Jacobi, "ssor": SSOR, "ic0": IC0, "mic": MIC, "ict": ICT, "fsai": FSAI, "chebyshev": Chebyshev,
    "ilu0": ILU0, "ilut": ILUT,
}  # fmt: skip
# Parameters of each preconditioner that can be given, and those of each method.
OPTIONS: dict[str, tuple[str, ...]] = {
    "ssor": ("omega",), "mic": ("relax", "shift"), "ic0": ("shift",), "ict": ("drop_tol", "fill"), "ilu0": ("shift",),
    "ilut": ("drop_tol", "fill"), "fsai": ("power", "most"), "chebyshev": ("degree", "ratio"),
}  # fmt: skip
METHOD_OPTIONS: dict[str, tuple[str, ...]] = {
    "sor": ("omega",), "ssor": ("omega",), "gmres": ("restart",), "fgmres": ("restart",),
}  # fmt: skip
GRIDS: dict[str, tuple[float, ...]] = {
    "omega": tuple(round(1.0 + 0.05 * k, 2) for k in range(20)),
    "relax": (0.0, 0.5, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 1.0),
    "degree": (2, 4, 6, 8, 10, 12, 16),
    "restart": (10, 20, 30, 50, 80),
    "recycle": (2, 5, 10, 20),
}
# On which scale, and over which length of it, a parameter's cost is alike.
SCALES: dict[str, Callable[[float], float]] = {
    "omega": lambda v: v / 0.25,
    "relax": lambda v: -2.0 * float(np.log10(1.02 - v)),
    "degree": lambda v: float(np.log2(v)),
    "restart": lambda v: float(np.log2(v)),
    "recycle": lambda v: float(np.log2(1.0 + v)),
}
# What "auto" stands for, the likeliest first. None last where a matrix may have a diagonal that all others refuse.
AUTO: dict[str, tuple[str | None, ...]] = {
    "cg": ("mic", "ssor"), "fcg": ("mic", "ssor"), "minres": ("mic", "ssor", None), "gmres": ("ilu0", "jacobi", None),
    "fgmres": ("ilu0", "jacobi", None), "bicgstab": ("ilu0", "jacobi", None),
}  # fmt: skip
START = {"omega": 1.5, "relax": 0.99, "degree": 4.0, "restart": 30.0, "recycle": 10.0}


@dataclass(frozen=True)
class Arm:
    """One setting."""

    precond: str
    values: tuple[tuple[str, float], ...]

    @property
    def label(self) -> str:
        """For people."""
        inside = ", ".join(f"{name} {value:g}" for name, value in self.values)
        return f"{self.precond} ({inside})" if inside else self.precond

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a parameter."""
        return dict(self.values).get(name, default)


@dataclass(frozen=True)
class Choices:
    """All settings of a sequence, the one to begin with first in `order`, and the likeness of their costs."""

    arms: tuple[Arm, ...]
    kernel: Array
    start: int
    fixed: Mapping[str, Any]
    makers: Mapping[str, Make]


def choices(method: str, precond: Any, learn: Any, params: Any, grids: Any, recycle: int) -> Choices:
    """The arguments of a sequence, checked, as settings to choose from."""
    kinds, makers = _kinds(_auto(method, learn) if isinstance(precond, str) and precond == "auto" else precond)
    if method in ("sor", "ssor"):
        if kinds not in (["ssor"], ["none"]):
            raise ValueError(f"method {method!r} has no preconditioner: precond must be None, not {precond!r}")
        kinds = ["none"]
    fixed = dict(params or {})
    given = {kind: set(OPTIONS.get(kind, ())) | set(METHOD_OPTIONS.get(method, ())) for kind in kinds}
    if recycle:
        for known in given.values():
            known.add("recycle")
    everything = sorted(set().union(*given.values()))
    for name in fixed:
        if name not in everything:
            raise ValueError(f"params has {name!r}, which nothing here takes; expected any of {everything}")
    if learn is None:
        wanted = [name for name in ("omega",) if name in everything and name not in fixed]
    else:
        wanted = [learn] if isinstance(learn, str) else list(learn)
    possible = [name for name in everything if name in GRIDS] + (["precond"] if len(kinds) > 1 else [])
    for name in wanted:
        if name not in possible:
            raise ValueError(f"learn has {name!r}, which cannot be learned here; expected any of {possible}")
        if name in fixed:
            raise ValueError(f"params fixes {name!r}, which learn wants to learn")
    if len(kinds) > 1 and "precond" not in wanted:
        if learn is not None:
            raise ValueError(f"precond names {len(kinds)} preconditioners: learn must have 'precond'")
        wanted.append("precond")
    tables = _grids(grids)
    arms = []
    for kind in kinds:
        names = [name for name in wanted if name in given[kind]]
        for values in itertools.product(*(tables[name] for name in names)):
            arms.append(Arm(kind, tuple(zip(names, values, strict=True))))
    return Choices(tuple(arms), _kernel(arms), _start(arms), fixed, makers)


def _auto(method: str, learn: Any) -> Any:
    """Which preconditioners ``"auto"`` stands for: all, or those that have what is to be learned, or the likeliest."""
    every = AUTO.get(method)
    if every is None:
        return None
    wanted = None if learn is None else [learn] if isinstance(learn, str) else list(learn)
    if wanted is None or "precond" in wanted:
        return list(every)
    return [kind for kind in every if kind and set(OPTIONS.get(kind, ())) & set(wanted)] or every[0]


def _kinds(precond: Any) -> tuple[list[str], dict[str, Make]]:
    items = list(precond) if isinstance(precond, Sequence) and not isinstance(precond, str) else [precond]
    kinds: list[str] = []
    makers: dict[str, Make] = {}
    for item in items:
        if item is None:
            name = "none"
        elif item == "auto":
            raise ValueError("precond names 'auto' among others, expected it alone")
        elif isinstance(item, str):
            name = check.choice(item, "precond", (*CLASSES, "auto"))
        elif callable(item):
            name = getattr(item, "__name__", type(item).__name__)
            makers[name] = item
        else:
            raise TypeError(f"precond must be a name, None, a function of A or several, not {type(item).__name__}")
        if name in kinds:
            raise ValueError(f"precond names {name!r} twice")
        kinds.append(name)
    if not kinds:
        raise ValueError("precond is empty, expected at least one preconditioner")
    return kinds, makers


def _grids(grids: Any) -> dict[str, tuple[float, ...]]:
    tables = dict(GRIDS)
    for name, values in dict(grids or {}).items():
        if name not in GRIDS:
            raise ValueError(f"grids has {name!r}, expected any of {sorted(GRIDS)}")
        row = check.real_array(values, f"grids[{name!r}]", ndim=1, dtype=np.float64)
        if row.size == 0 or np.unique(row).size != row.size:
            raise ValueError(f"grids[{name!r}] has {row.size} values, expected at least one and no value twice")
        whole = name in ("degree", "restart", "recycle")
        tables[name] = tuple(int(v) if whole else float(v) for v in row)
    return tables


def _kernel(arms: list[Arm]) -> Array:
    """exp(-d**2 / 2) with d the distance of two settings of one preconditioner; 0 for different ones."""
    out = np.zeros((len(arms), len(arms)))
    for kind in {arm.precond for arm in arms}:
        where = [k for k, arm in enumerate(arms) if arm.precond == kind]
        x = np.array([[SCALES[name](value) for name, value in arms[k].values] for k in where]).reshape(len(where), -1)
        square = ((x[:, None, :] - x[None, :, :]) ** 2).sum(axis=2)
        out[np.ix_(where, where)] = np.maximum(np.exp(-0.5 * square), 1e-12)
    return out


def _start(arms: list[Arm]) -> int:
    """Of the first preconditioner, the setting nearest to what suits most problems."""
    first = arms[0].precond
    distances = [
        sum(abs(SCALES[name](value) - SCALES[name](START[name])) for name, value in arm.values)
        if arm.precond == first
        else np.inf
        for arm in arms
    ]
    return int(np.argmin(distances))


class Built:
    """The preconditioners of one pattern: each is made once, and takes new values by ``update``."""

    def __init__(self, chosen: Choices) -> None:
        self.chosen = chosen
        self._made: dict[str, tuple[Any, int, dict[str, Any]]] = {}

    def get(self, arm: Arm, A: Any, matrix: check.Csr | None, stamp: int) -> Any:
        """M for an arm, of A or the same as a checked matrix; `stamp` changes with the entries of A."""
        kind = arm.precond
        if kind == "none":
            return None
        maker = self.chosen.makers.get(kind)
        names = OPTIONS.get(kind, ())
        options = {name: value for name, value in self.chosen.fixed.items() if name in names}
        options |= {name: value for name, value in arm.values if name in names}
        if "degree" in options:
            options["degree"] = int(options["degree"])
        made = self._made.pop(kind, None)
        if made is None:
            M = maker(A) if maker is not None else CLASSES[kind](A, **options)
        else:
            M, last, before = made
            if stamp != last or options != before:
                if hasattr(M, "update"):
                    for name, value in options.items():
                        setattr(M, name, value)
                    if matrix is not None and isinstance(M, (Jacobi, Sweeps)) and M.dtype == matrix.data.dtype:
                        M._renew(matrix)  # no copy: when the entries have changed it is set anew before it is used
                    else:
                        M.update(A)
                else:
                    assert maker is not None
                    M = maker(A)
        if matrix is not None and isinstance(M, Sweeps) and M.dtype == matrix.data.dtype:
            M._matrix = matrix  # the same entries, in arrays that are sure not to have been written to since
        self._made[kind] = (M, stamp, options)
        return M


def traffic(method: str, M: Any, density: float, recycled: int, recycling: bool) -> float:
    """Bytes that one iteration moves per unknown, after the notes of each solver; `density` is nnz / n."""
    out = 12.0 * density + 84.0
    deflating = recycling and method == "cg"
    if isinstance(M, Sweeps) and M.swept:
        if method == "cg" and not deflating:
            out = 12.0 * density + 100.0
        else:
            out += 12.0 * density + 80.0
    elif isinstance(M, Jacobi):
        out += 16.0
    elif isinstance(M, Chebyshev):
        out += M.degree * (12.0 * density + 44.0) + 24.0
    elif isinstance(M, FSAI):
        out += 24.0 * M.nnz / M.shape[0] + 40.0
    elif M is not None:
        size = getattr(M, "nnz", None)
        out += 16.0 + 12.0 * (float(size) / M.shape[0] if size is not None else density)
    if deflating:
        out += 36.0 + 16.0 * recycled
    return out
