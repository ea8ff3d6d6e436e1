// Kernels of tensor-product splines in two variables, one table per instruction-set level; float64.
#pragma once

#include <cstdint>

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/status.hpp"

namespace kriss {

// An axis as the bindings hand it over: x (n), table (buckets + 1; null for nearly uniform knots), start (n - 1),
// basis (n - 1, K, K).
struct TensorAxisData {
    const double* x = nullptr;
    index_t n = 0;
    const std::int32_t* table = nullptr;
    std::int32_t buckets = 0;
    std::int32_t map = 0;
    const std::int32_t* start = nullptr;
    const double* basis = nullptr;
};

// K = degree + 1, one of 2, 4, 6, 8. beyond: 0 NaN, 1 extend.
struct SplineTensorKernels {
    // t: knots with multiplicity, at: (cells) where each cell begins in t, out: (cells, K, K).
    void (*basis)(int K, const double* t, const std::int32_t* at, index_t cells, double* out);
    // c: (nx, ny, m), x, y: (points), out: (points, m).
    void (*scattered)(int K, const TensorAxisData& ax, const TensorAxisData& ay, const double* c, index_t ny, index_t m,
                      const double* x, const double* y, index_t points, int nux, int nuy, int beyond, double* out,
                      const Executor& ex);
    // q: (points), w: (points, K), first: (points).
    void (*weights)(int K, const TensorAxisData& axis, const double* q, index_t points, int nu, int beyond, double* w,
                    std::int32_t* first, const Executor& ex);
    // a: (outer, n, inner), w: (q, K), first: (q), out: (outer, q, inner).
    void (*contract)(int K, const double* a, index_t outer, index_t n, index_t inner, const double* w,
                     const std::int32_t* first, index_t q, double* out, const Executor& ex);
    // w: (n, K), first: (n), band: (n, 2 K - 1), b: (n, columns).
    Info (*solve)(int K, const double* w, const std::int32_t* first, index_t n, double* band, double* b,
                  index_t columns, const Executor& ex);
};

}  // namespace kriss

KRISS_DECLARE_TABLE(SplineTensorKernels, spline_tensor_kernels)
