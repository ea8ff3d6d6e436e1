// Scores of rows: what sketch_scores_pymod.cpp adds to the module.
#pragma once

#include <pybind11/pybind11.h>

namespace kriss::bind {

void add_sketch_scores(pybind11::module_& m);

}  // namespace kriss::bind
