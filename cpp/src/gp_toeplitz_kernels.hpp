// Durbin's recursion, one table per instruction-set level; kriss/gp/toeplitz.hpp says what it does.
#pragma once

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/gp/toeplitz.hpp"

namespace kriss {

struct GpToeplitzKernels {
    index_t (*durbin)(index_t n, const double* r, double limit, double* error, double* x, double* scratch,
                      const Executor& ex);
};

}  // namespace kriss

KRISS_DECLARE_TABLE(GpToeplitzKernels, gp_toeplitz_kernels)
