// Elementary vector kernels, one table per instruction-set level.
#pragma once

#include "cpu.hpp"
#include "kriss/executor.hpp"

namespace kriss {

struct MathKernels {
    void (*triad)(index_t n, double s, const double* b, const double* c, double* a, const Executor& ex);
};

}  // namespace kriss

KRISS_DECLARE_TABLE(MathKernels, math_kernels)
