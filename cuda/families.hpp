// What each *_pymod.cpp adds to the CUDA module.
#pragma once

#include <pybind11/pybind11.h>

namespace kriss::cuda {

void add_spline(pybind11::module_& m);
void add_sketch(pybind11::module_& m);
void add_sketch_transform(pybind11::module_& m);
void add_solve(pybind11::module_& m);
void add_solve_direction(pybind11::module_& m);
void add_solve_graph(pybind11::module_& m);
void add_gp(pybind11::module_& m);
void add_gp_tree(pybind11::module_& m);
void add_special(pybind11::module_& m);

}  // namespace kriss::cuda
