"""
The learner of solver parameters.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['learner_add', 'learner_choose', 'learner_update', 'renew']
def learner_add(state: tuple[typing.Any, ...], arm: typing.SupportsInt | typing.SupportsIndex, place: numpy.typing.NDArray[numpy.float64], y: typing.SupportsFloat | typing.SupportsIndex, level: typing.SupportsFloat | typing.SupportsIndex) -> None:
    """
    Remember a system that another learner has seen.
    """
def learner_choose(state: tuple[typing.Any, ...], place: numpy.typing.NDArray[numpy.float64], choosing: bool) -> int:
    """
    The arm with the least confidence bound for a system at `place`; -1 where it is only to be foreseen.
    """
def learner_update(state: tuple[typing.Any, ...], arm: typing.SupportsInt | typing.SupportsIndex, place: numpy.typing.NDArray[numpy.float64], y: typing.SupportsFloat | typing.SupportsIndex) -> None:
    """
    Take in the log cost of a system.
    """
@typing.overload
def renew(indptr: numpy.typing.NDArray[numpy.int32], indices: numpy.typing.NDArray[numpy.int32], data: numpy.typing.NDArray[numpy.float64], kept_indptr: numpy.typing.NDArray[numpy.int32], kept_indices: numpy.typing.NDArray[numpy.int32], kept_data: numpy.typing.NDArray[numpy.float64], diagonal: numpy.typing.NDArray[numpy.int64], finite: bool, sums: numpy.typing.NDArray[numpy.float64]) -> int:
    """
    1 for another pattern, 4 (if `finite`) for NaN or infinity; else 2 for new entries, which are kept, or 0.
    """
@typing.overload
def renew(indptr: numpy.typing.NDArray[numpy.int64], indices: numpy.typing.NDArray[numpy.int64], data: numpy.typing.NDArray[numpy.float64], kept_indptr: numpy.typing.NDArray[numpy.int64], kept_indices: numpy.typing.NDArray[numpy.int64], kept_data: numpy.typing.NDArray[numpy.float64], diagonal: numpy.typing.NDArray[numpy.int64], finite: bool, sums: numpy.typing.NDArray[numpy.float64]) -> int:
    """
    1 for another pattern, 4 (if `finite`) for NaN or infinity; else 2 for new entries, which are kept, or 0.
    """
