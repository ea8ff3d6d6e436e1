// Passes of the least-squares solvers: what sketch_lstsq_pymod.cpp adds to the module.
#pragma once

#include <pybind11/pybind11.h>

namespace kriss::bind {

void add_sketch_lstsq(pybind11::module_& m);

}  // namespace kriss::bind
