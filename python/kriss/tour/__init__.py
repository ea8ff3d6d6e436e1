"""The tour: four stations, one per family, on real data, each against its peer in the same run.

``python -m kriss tour`` runs it; `run` is the same from Python. Each station is a module with a ``run`` and a ``draw``;
nothing here is used by the rest of the package.
"""

from kriss.tour._run import STATIONS, run

__all__ = ["STATIONS", "run"]
