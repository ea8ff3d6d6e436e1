// Passes over the rows of tall matrices: what sketch_rows_pymod.cpp adds to the module.
#pragma once

#include <pybind11/pybind11.h>

namespace kriss::bind {

void add_sketch_rows(pybind11::module_& m);

}  // namespace kriss::bind
