// Approximate inverses: what solve_fsai_pymod.cpp adds to the module.
#pragma once

#include <pybind11/pybind11.h>

namespace kriss::bind {

void add_solve_fsai(pybind11::module_& m);

}  // namespace kriss::bind
