// B-spline kernels, one table per instruction-set level and precision.
#pragma once

#include <cstdint>

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/status.hpp"

namespace kriss {

template <class T>
struct BSplineKernels {
    // t: (n + k + 1), c: (n, columns), table: (buckets + 1) or null over the knots t_k ... t_n, q: (points), out:
    // (points, columns). beyond: 0 NaN, 1 extend, 2 periodic.
    void (*evaluate)(const T* t, const T* c, index_t n, index_t columns, int k, const std::int32_t* table,
                     std::int32_t buckets, std::int32_t map, const T* q, index_t points, int nu, int beyond, T* out,
                     const Executor& ex);
    // c: (n, m), values at x: (n) on entry and coefficients on return; a: (n, k + 1), first: (n) scratch.
    Info (*interpolate)(const T* x, index_t n, const T* t, int k, index_t m, T* c, T* a, std::int32_t* first,
                        const Executor& ex);
    // The same with derivatives at the ends: c: (n, m) begins with lefts and ends with rights of them; a: (n, 3 k + 1).
    Info (*interpolate_ends)(const T* x, index_t n, const T* t, int k, const std::int32_t* left, index_t lefts,
                             const std::int32_t* right, index_t rights, index_t m, T* c, T* a, const Executor& ex);
    // x: (cells + 1), out: (k + 1, cells, columns).
    void (*to_pieces)(const T* t, const T* c, index_t n, index_t columns, int k, const T* x, index_t cells, T* out,
                      const Executor& ex);
};

struct BSplineTables {
    BSplineKernels<double> f64;
    BSplineKernels<float> f32;

    template <class T>
    const BSplineKernels<T>& get() const {
        if constexpr (sizeof(T) == 8) {
            return f64;
        } else {
            return f32;
        }
    }
};

}  // namespace kriss

KRISS_DECLARE_TABLE(BSplineTables, bspline_kernels)
