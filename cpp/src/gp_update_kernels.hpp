// Factors that gain and lose rows, one table per instruction-set level. Shapes and meaning: kriss/gp/update.hpp.
#pragma once

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/status.hpp"

namespace kriss {

struct GpUpdateKernels {
    Info (*lower_solve)(index_t n, index_t ld, const double* a, index_t rhs, double* b, const Executor& ex);
    Info (*upper_solve)(index_t n, index_t ld, const double* a, index_t rhs, double* b, const Executor& ex);
    Info (*drop_rows)(index_t lda, const double* a, index_t m, const index_t* keep, index_t q, const index_t* lost,
                      double* out, index_t ldo, double* scratch, const Executor& ex);
};

}  // namespace kriss

KRISS_DECLARE_TABLE(GpUpdateKernels, gp_update_kernels)
