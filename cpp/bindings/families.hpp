// What each *_pymod.cpp adds to the module.
#pragma once

#include <pybind11/pybind11.h>

namespace kriss::bind {

void add_blas(pybind11::module_& m);
void add_math(pybind11::module_& m);
void add_spline(pybind11::module_& m);
void add_spline_bspline(pybind11::module_& m);
void add_spline_smooth(pybind11::module_& m);
void add_spline_hermite(pybind11::module_& m);
void add_spline_tensor(pybind11::module_& m);
void add_spline_lsq(pybind11::module_& m);
void add_sketch(pybind11::module_& m);
void add_sketch_transform(pybind11::module_& m);
void add_solve(pybind11::module_& m);
void add_solve_amg(pybind11::module_& m);
void add_solve_block_jacobi(pybind11::module_& m);
void add_solve_block(pybind11::module_& m);
void add_solve_multigrid(pybind11::module_& m);
void add_solve_multi(pybind11::module_& m);
void add_solve_krylov(pybind11::module_& m);
void add_solve_maps(pybind11::module_& m);
void add_solve_factor(pybind11::module_& m);
void add_solve_fill(pybind11::module_& m);
void add_solve_polynomial(pybind11::module_& m);
void add_solve_stationary(pybind11::module_& m);
void add_solve_substitution(pybind11::module_& m);
void add_gp(pybind11::module_& m);
void add_gp_update(pybind11::module_& m);
void add_gp_series(pybind11::module_& m);
void add_gp_toeplitz(pybind11::module_& m);
void add_gp_structures(pybind11::module_& m);
void add_gp_tree(pybind11::module_& m);

}  // namespace kriss::bind
