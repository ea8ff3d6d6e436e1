"""Learned preconditioners: small trained networks behind the protocol of the classical ones."""

from __future__ import annotations

from kriss.solve.learned._direction import DeepConjugateDirection, LearnedDirection
from kriss.solve.learned._factor import LearnedFactor
from kriss.solve.learned._graph import GraphFactor
from kriss.solve.learned._model import ModelFileError
from kriss.solve.learned._multigrid import LearnedCycle, LearnedMultigrid
from kriss.solve.learned._spai import LearnedInverse, LearnedSPAI
from kriss.solve.learned._stencil import StencilFactor
from kriss.solve.learned._wrapper import Wrapper

__all__ = [
    "DeepConjugateDirection",
    "GraphFactor",
    "LearnedCycle",
    "LearnedDirection",
    "LearnedFactor",
    "LearnedInverse",
    "LearnedMultigrid",
    "LearnedSPAI",
    "ModelFileError",
    "StencilFactor",
    "Wrapper",
]
