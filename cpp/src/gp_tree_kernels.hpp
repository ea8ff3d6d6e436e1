// Covariance functions built by + and *, one table per instruction-set level. Shapes: kriss/gp/tree.hpp,
// tree_contract.hpp.
#pragma once

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/gp/tree_contract.hpp"

namespace kriss {

struct GpTreeKernels {
    index_t (*scratch)(const CovTree& t, index_t n, bool derivatives, index_t columns);
    void (*symmetric)(const CovTree& t, const double* xt, index_t n, const double* diagonal, double* out, bool mirror,
                      double* scratch, const Executor& ex);
    void (*cross)(const CovTree& t, const double* xt, index_t nx, const double* zt, index_t nz, double* out,
                  double* scratch, const Executor& ex);
    void (*contract)(const CovTree& t, const double* xt, index_t nx, const double* zt, index_t nz, Weights how,
                     const double* alpha, const double* w, double* out, double* scratch, const Executor& ex);
    void (*gradient_x)(const CovTree& t, const double* xt, index_t d, index_t nx, const double* zt, index_t nz,
                       double* out, double* scratch, const Executor& ex);
};

}  // namespace kriss

KRISS_DECLARE_TABLE(GpTreeKernels, gp_tree_kernels)
