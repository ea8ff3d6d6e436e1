"""Acquisitions for the search of a minimum, with derivatives, over many points at once.

Each is made of a factor and its observations and called with points; the larger its value the better. Functions are
minimised: give ``-y`` to maximise.
"""

from __future__ import annotations

from kriss.gp._acquire import (
    Acquisition,
    ExpectedImprovement,
    LogExpectedImprovement,
    NoisyExpectedImprovement,
    UpperConfidenceBound,
)
from kriss.gp._acquire_ahead import KnowledgeGradient, MaxValueEntropy

__all__ = [
    "Acquisition",
    "ExpectedImprovement",
    "KnowledgeGradient",
    "LogExpectedImprovement",
    "MaxValueEntropy",
    "NoisyExpectedImprovement",
    "UpperConfidenceBound",
]
