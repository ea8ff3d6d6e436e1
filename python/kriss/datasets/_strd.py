"""Linear-regression sets of the NIST Statistical Reference Datasets with their certified values."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from kriss._validate import choice
from kriss.datasets._files import Array, frozen, read_csv

_URL = "https://www.itl.nist.gov/div898/strd/lls/lls.shtml"

# name: (level of difficulty, powers of x in the model or None for several predictors, certified parameters, certified
# standard deviations of the parameters, certified residual standard deviation)
_Entry = tuple[str, tuple[int, ...] | None, str, str, str]
_QUINTIC = (0, 1, 2, 3, 4, 5)
_CERTIFIED: dict[str, _Entry] = {
    "Longley": (
        "higher",
        None,
        "-3482258.63459582 15.0618722713733 -0.0358191792925910 -2.02022980381683 -1.03322686717359 "
        "-0.0511041056535807 1829.15146461355",
        "890420.383607373 84.9149257747669 0.0334910077722432 0.488399681651699 0.214274163161675 "
        "0.226073200069370 455.478499142212",
        "304.854073561965",
    ),
    "Filip": (
        "higher",
        tuple(range(11)),
        "-1467.48961422980 -2772.17959193342 -2316.37108160893 -1127.97394098372 -354.478233703349 "
        "-75.1242017393757 -10.8753180355343 -1.06221498588947 -0.0670191154593408 -0.00246781078275479 "
        "-0.0000402962525080404",
        "298.084530995537 559.779865474950 466.477572127796 227.204274477751 71.6478660875927 15.2897178747400 "
        "2.23691159816033 0.221624321934227 0.0142363763154724 0.000535617408889821 0.00000896632837373868",
        "0.00334801051324544",
    ),
    "Wampler1": ("higher", _QUINTIC, "1 1 1 1 1 1", "0 0 0 0 0 0", "0"),
    "Wampler2": ("higher", _QUINTIC, "1 0.1 0.01 0.001 0.0001 0.00001", "0 0 0 0 0 0", "0"),
    "Wampler3": (
        "higher",
        _QUINTIC,
        "1 1 1 1 1 1",
        "2152.32624678170 2363.55173469681 779.343524331583 101.475507550350 5.64566512170752 0.112324854679312",
        "2360.14502379268",
    ),
    "Wampler4": (
        "higher",
        _QUINTIC,
        "1 1 1 1 1 1",
        "215232.624678170 236355.173469681 77934.3524331583 10147.5507550350 564.566512170752 11.2324854679312",
        "236014.502379268",
    ),
    "Wampler5": (
        "higher",
        _QUINTIC,
        "1 1 1 1 1 1",
        "21523262.4678170 23635517.3469681 7793435.24331583 1014755.07550350 56456.6512170752 1123.24854679312",
        "23601450.2379268",
    ),
    "Norris": (
        "lower",
        (0, 1),
        "-0.262323073774029 1.00211681802045",
        "0.232818234301152 0.000429796848199937",
        "0.884796396144373",
    ),
    "Pontius": (
        "lower",
        (0, 1, 2),
        "0.000673565789473684 7.32059160401003e-7 -3.16081871345029e-15",
        "0.000107938612033077 1.57817399981659e-10 4.86652849992036e-17",
        "0.000205177424076185",
    ),
    "NoInt1": ("average", (1,), "2.07438016528926", "0.0165289256198347", "3.56753034006338"),
    "NoInt2": ("average", (1,), "0.727272727272727", "0.0420827318078432", "0.369274472937998"),
}

STRD_NAMES: tuple[str, ...] = tuple(_CERTIFIED)
"""Names that `load_nist_strd` takes."""


@dataclass(frozen=True)
class NistStrd:
    """A linear-regression set with certified parameters; `load_nist_strd` makes it.

    Attributes
    ----------
    x : ndarray, shape (n,) or (n, 6)
        The predictor, or the six predictors of Longley.
    y : ndarray, shape (n,)
        The response.
    powers : tuple of int, or None
        The model is ``y = sum(b[k] * x**powers[k])``; None stands for a constant and the columns of `x`.
    certified : ndarray, shape (p,)
        Certified least-squares parameters, 15 digits.
    certified_sd : ndarray, shape (p,)
        Certified standard deviations of the parameters.
    residual_sd : float
        Certified residual standard deviation.
    difficulty : str
        NIST's level: lower, average or higher.
    name, description, source, license : str
        What the data are, where they come from, and what may be done with them.
    """

    x: Array = field(repr=False)
    y: Array = field(repr=False)
    powers: tuple[int, ...] | None
    certified: Array = field(repr=False)
    certified_sd: Array = field(repr=False)
    residual_sd: float
    difficulty: str
    name: str
    description: str
    source: str
    license: str

    def design(self) -> Array:
        """The model matrix in float64, rounded once per entry.

        Returns
        -------
        ndarray, shape (n, p)
            A new array; column k multiplies ``certified[k]``.
        """
        if self.powers is None:
            return np.column_stack([np.ones(len(self.y)), self.x])
        # Powers in extended precision where there is one, so that each entry is rounded once on the way to float64.
        wide = self.x.astype(np.longdouble)
        return np.column_stack([wide**power for power in self.powers]).astype(np.float64)


def load_nist_strd(name: str) -> NistStrd:
    """A linear-regression set of the NIST Statistical Reference Datasets, with certified values.

    Parameters
    ----------
    name : str
        One of `STRD_NAMES`: ``"Longley"``, ``"Filip"``, ``"Wampler1"`` to ``"Wampler5"``, ``"Norris"``,
        ``"Pontius"``, ``"NoInt1"``, ``"NoInt2"``.

    Returns
    -------
    NistStrd
        The data, the model and the certified parameters.

    Raises
    ------
    ValueError
        If `name` is not one of them.

    Notes
    -----
    Works of the United States Government, not subject to copyright protection in the United States (17 U.S.C. 105).
    The certified values were computed by NIST in 500-digit arithmetic; the tests of KRISS recompute all of them in
    50 digits from the decimal data and find the same 15 digits.

    References
    ----------
    J. Rogers, J. Filliben, L. Gill, W. Guthrie, E. Lagergren and M. Vangel, "StRD: Statistical Reference Datasets for
    Testing the Numerical Accuracy of Statistical Software", NIST, 1998. Longley: J. W. Longley, "An appraisal of least
    squares programs for the electronic computer from the viewpoint of the user", JASA 62, 1967, 819-841. Filip: A.
    Filippelli, NIST. Wampler: R. H. Wampler, "A report of the accuracy of some widely used least squares computer
    programs", JASA 65, 1970, 549-565.

    Examples
    --------
    >>> from kriss.datasets import load_nist_strd
    >>> data = load_nist_strd("Longley")
    >>> data.design().shape
    (16, 7)
    >>> float(data.certified[0])
    -3482258.63459582
    """
    choice(name, "name", STRD_NAMES)
    difficulty, powers, parameters, deviations, residual = _CERTIFIED[name]
    table = np.array([[float(entry) for entry in row] for row in read_csv(f"{name.lower()}.csv")])
    x = table[:, 1:] if powers is None else table[:, 1]
    certified = frozen([float(word) for word in parameters.split()])
    model = "several predictors" if powers is None else f"powers {powers[0]} to {powers[-1]} of x"
    return NistStrd(
        x=frozen(x),
        y=frozen(table[:, 0]),
        powers=powers,
        certified=certified,
        certified_sd=frozen([float(word) for word in deviations.split()]),
        residual_sd=float(residual),
        difficulty=difficulty,
        name=name,
        description=f"NIST StRD {name}: {len(table)} observations, {len(certified)} parameters, {model}",
        source=f"NIST Statistical Reference Datasets, linear regression, {_URL}",
        license="Public domain (work of the United States Government)",
    )
