// Covariance kernels, one table per instruction-set level. Shapes and meaning: kriss/gp/assemble.hpp, gradient.hpp.
#pragma once

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/gp/kernels.hpp"
#include "kriss/status.hpp"

namespace kriss {

template <class T>
struct GpAssembly {
    void (*symmetric)(const CovSum<T>& cov, const T* xt, index_t n, const T* diagonal, T* out, bool mirror,
                      const Executor& ex);
    void (*cross)(const CovSum<T>& cov, const T* xt, index_t nx, const T* zt, index_t nz, T* out, const Executor& ex);
};

struct GpKernels {
    GpAssembly<double> f64;
    GpAssembly<float> f32;
    void (*gradient)(const CovSum<double>& cov, const double* xt, index_t n, const double* alpha, const double* inverse,
                     const double* noise, double* gradient, double* scratch, const Executor& ex);
    // kriss/gp/dense.hpp
    Info (*cholesky)(index_t n, double* a, const double* limit, double* scratch, const Executor& ex);
    Info (*invert_triangle)(index_t n, double* a, double* scratch, const Executor& ex);
    Info (*invert)(index_t n, double* a, double* scratch, const Executor& ex);
    // kriss/gp/pivoted.hpp
    void (*pivot_row)(index_t t, index_t n, const double* rows, index_t pivot, double scale, double* row,
                      double* variance, const Executor& ex);
};

}  // namespace kriss

KRISS_DECLARE_TABLE(GpKernels, gp_kernels)
