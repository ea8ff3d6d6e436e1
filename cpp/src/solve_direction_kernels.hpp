// Networks that return a search direction, one table per instruction-set level.
#pragma once

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/direction_network.hpp"

namespace kriss {

struct SolveDirectionKernels {
    void (*run)(const DirectionProgram& p, const double* r, double* out, double scale, const Executor& ex);
};

}  // namespace kriss

KRISS_DECLARE_TABLE(SolveDirectionKernels, solve_direction_kernels)
