// Spline kernels, one table per instruction-set level and precision.
#pragma once

#include <cstdint>

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/status.hpp"

namespace kriss {

template <class T>
struct SplineKernels {
    // Whether the knots need no table (search.hpp).
    bool (*nearly_uniform)(const T* x, index_t n);
    // How to cut the range into buckets, and the table (buckets + 1) for it.
    void (*bucket_map)(const T* x, index_t n, std::int32_t* map, std::int32_t* buckets);
    void (*bucket_table)(const T* x, index_t n, std::int32_t map, std::int32_t* table, std::int32_t buckets);
    // x: (n), c: (order, n - 1, columns), q: (points), out: (points, columns); table (buckets + 1), null for nearly
    // uniform knots. beyond: 0 NaN, 1 extend, 2 periodic, 3 constant, 4 zero.
    void (*evaluate)(const T* x, index_t n, const std::int32_t* table, std::int32_t buckets, std::int32_t map,
                     const T* c, index_t order, index_t columns, const T* q, index_t points, int nu, int beyond, T* out,
                     const Executor& ex);
    // x: (n), y: (n, m), left, right: (m), c: (4, n - 1, m), work: n (m + 4).
    Info (*cubic)(const T* x, const T* y, index_t n, index_t m, int left_end, const T* left, int right_end,
                  const T* right, T* c, T* work, const Executor& ex);
};

struct SplineTables {
    SplineKernels<double> f64;
    SplineKernels<float> f32;

    template <class T>
    const SplineKernels<T>& get() const {
        if constexpr (sizeof(T) == 8) {
            return f64;
        } else {
            return f32;
        }
    }
};

}  // namespace kriss

KRISS_DECLARE_TABLE(SplineTables, spline_kernels)
