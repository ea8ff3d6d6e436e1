"""What the tests of KRISS use and others may too: a gallery of matrices and backward-error ratios."""

from __future__ import annotations

from kriss.testing.gallery import diffusion2d, poisson2d, poisson3d
from kriss.testing.ratios import residual_ratio

__all__ = ["diffusion2d", "poisson2d", "poisson3d", "residual_ratio"]
