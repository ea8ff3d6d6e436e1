// Kernels of algebraic multigrid cycles, one table per instruction-set level.
#pragma once

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/amg_cycle.hpp"

namespace kriss {

struct AmgKernels {
    void (*cycle_f32)(const AmgHierarchy<float>& h, const float* b, float* x, const Executor& ex);
    void (*cycle_f64)(const AmgHierarchy<double>& h, const double* b, double* x, const Executor& ex);
};

}  // namespace kriss

KRISS_DECLARE_TABLE(AmgKernels, amg_kernels)
