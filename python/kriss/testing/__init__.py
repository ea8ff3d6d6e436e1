"""What the tests of KRISS use and others may too: a gallery of matrices and backward-error ratios."""

from __future__ import annotations

from kriss.testing._masked import masked_poisson
from kriss.testing._meshes import mesh_diffusion
from kriss.testing._tensor import rotated_diffusion, rotated_diffusion3d
from kriss.testing.equality import EqualityProblem, equality_problems
from kriss.testing.gallery import (
    anisotropic2d,
    condiff,
    convection_diffusion2d,
    darcy,
    diffusion2d,
    diffusion3d,
    elasticity2d,
    elasticity3d,
    gaussian_field,
    helmholtz2d,
    poisson2d,
    poisson3d,
    poisson27,
    random_diffusion,
)
from kriss.testing.ratios import residual_ratio

__all__ = [
    "EqualityProblem",
    "anisotropic2d",
    "condiff",
    "convection_diffusion2d",
    "darcy",
    "diffusion2d",
    "diffusion3d",
    "elasticity2d",
    "elasticity3d",
    "equality_problems",
    "gaussian_field",
    "helmholtz2d",
    "masked_poisson",
    "mesh_diffusion",
    "poisson2d",
    "poisson3d",
    "poisson27",
    "random_diffusion",
    "residual_ratio",
    "rotated_diffusion",
    "rotated_diffusion3d",
]
