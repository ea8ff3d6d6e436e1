// What solve_direction_pymod.cpp adds to the module.
#pragma once

#include <pybind11/pybind11.h>

namespace kriss::bind {

void add_solve_direction(pybind11::module_& m);

}  // namespace kriss::bind
