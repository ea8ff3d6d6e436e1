"""One-dimensional data: carbon dioxide at Mauna Loa and the titanium heat data."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

from kriss.datasets._files import Array, frozen, read_csv


@dataclass(frozen=True)
class MaunaLoa:
    """Weekly atmospheric carbon dioxide; `load_mauna_loa` makes it.

    Attributes
    ----------
    year : ndarray, shape (2225,)
        Date of each observed week as a decimal year, increasing.
    co2 : ndarray, shape (2225,)
        Concentration in parts per million by volume.
    weeks : int
        Weeks from the first to the last observation, observed or not.
    name, description, source, license : str
        What the data are, where they come from, and what may be done with them.
    """

    year: Array = field(repr=False)
    co2: Array = field(repr=False)
    weeks: int
    name: str
    description: str
    source: str
    license: str


@dataclass(frozen=True)
class Titanium:
    """The titanium heat data; `load_titanium` makes it.

    Attributes
    ----------
    temperature : ndarray, shape (49,)
        595, 605, ..., 1075.
    value : ndarray, shape (49,)
        The measured property.
    name, description, source, license : str
        What the data are, where they come from, and what may be done with them.
    """

    temperature: Array = field(repr=False)
    value: Array = field(repr=False)
    name: str
    description: str
    source: str
    license: str


def _decimal_year(stamp: str) -> float:
    day = datetime.date(int(stamp[:4]), int(stamp[4:6]), int(stamp[6:]))
    start = datetime.date(day.year, 1, 1)
    return day.year + (day - start).days / (datetime.date(day.year + 1, 1, 1) - start).days


def load_mauna_loa() -> MaunaLoa:
    """Weekly carbon dioxide in the air at Mauna Loa, Hawaii, March 1958 to December 2001, gaps left out.

    Returns
    -------
    MaunaLoa
        2225 observed weeks out of 2284; the 59 weeks without a measurement are absent from the arrays.

    Notes
    -----
    Public domain. Weekly averages of continuous measurements at the observatory by the Scripps Institution of
    Oceanography, published by the Carbon Dioxide Information Analysis Center; the file is the one that statsmodels
    distributes as its ``co2`` data set, obtained there on 15 March 2014.

    References
    ----------
    C. D. Keeling and T. P. Whorf, "Atmospheric CO2 concentrations derived from flask air samples at sites in the SIO
    network", in: Trends: A Compendium of Data on Global Change, Carbon Dioxide Information Analysis Center, Oak Ridge
    National Laboratory, 2004.

    Examples
    --------
    >>> from kriss.datasets import load_mauna_loa
    >>> data = load_mauna_loa()
    >>> data.year.shape, data.weeks
    ((2225,), 2284)
    >>> float(data.co2[0])
    316.1
    """
    rows = read_csv("mauna_loa.csv")
    seen = [(stamp, value) for stamp, value in rows if value]
    return MaunaLoa(
        year=frozen([_decimal_year(stamp) for stamp, _ in seen]),
        co2=frozen([float(value) for _, value in seen]),
        weeks=len(rows),
        name="Mauna Loa CO2",
        description="Weekly atmospheric carbon dioxide at Mauna Loa, Hawaii, 1958 to 2001, in ppm by volume",
        source="C. D. Keeling and T. P. Whorf, Scripps Institution of Oceanography, published by CDIAC; "
        "file as distributed by statsmodels",
        license="Public domain",
    )


def load_titanium() -> Titanium:
    """The titanium heat data: 49 measurements with a sharp peak, the usual test of splines with free knots.

    Returns
    -------
    Titanium
        A property of titanium at the temperatures 595, 605, ..., 1075.

    Notes
    -----
    49 published measurements (facts, free to use). The values here agree in two independent transcriptions of de
    Boor's listing.

    References
    ----------
    C. de Boor, "A Practical Guide to Splines", Springer, 1978, subroutine TITAND, chapter XIII. The data go back to
    C. de Boor and J. R. Rice, "Least squares cubic spline approximation II: variable knots", Purdue University
    CSD TR 21, 1968.

    Examples
    --------
    >>> from kriss.datasets import load_titanium
    >>> data = load_titanium()
    >>> float(data.temperature[data.value.argmax()]), float(data.value.max())
    (895.0, 2.169)
    """
    rows = read_csv("titanium.csv")
    return Titanium(
        temperature=frozen([float(x) for x, _ in rows]),
        value=frozen([float(y) for _, y in rows]),
        name="Titanium heat",
        description="A property of titanium as a function of temperature, 49 points with one sharp peak",
        source="C. de Boor, A Practical Guide to Splines, Springer, 1978 (TITAND)",
        license="Published measurements (facts); free to use",
    )
