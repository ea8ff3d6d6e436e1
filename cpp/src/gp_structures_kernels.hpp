// Kernels of approximate and matrix-free covariances, one table per instruction-set level. Shapes and meaning:
// kriss/gp/vecchia.hpp, kriss/gp/product.hpp.
#pragma once

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/gp/kernels.hpp"
#include "kriss/gp/vecchia.hpp"
#include "kriss/status.hpp"

namespace kriss {

struct GpStructuresKernels {
    Info (*factor)(const CovSum<double>& cov, const VecchiaView& a, double* b, double* v, double* scratch, index_t* bad,
                   const Executor& ex);
    Info (*gradient)(const CovSum<double>& cov, const VecchiaView& a, const double* y, double* gradient, double* part,
                     double* scratch, const Executor& ex);
    void (*residual)(index_t n, index_t m, index_t count, const index_t* near, const double* b, const double* y,
                     double* e, const Executor& ex);
    void (*substitute)(index_t n, index_t m, index_t draws, const index_t* near, const double* b, double* z,
                       const Executor& ex);
    void (*product)(const CovSum<double>& cov, const double* xt, index_t nx, const double* zt, index_t nz,
                    const double* vt, index_t k, double* out, const Executor& ex);
};

}  // namespace kriss

KRISS_DECLARE_TABLE(GpStructuresKernels, gp_structures_kernels)
