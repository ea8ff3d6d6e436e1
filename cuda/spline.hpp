// Launchers of spline evaluation and construction; pointers are device pointers.
#pragma once

#include <cstdint>

#include "launch.hpp"

namespace kriss::cuda {

// x: (n), table: (buckets + 1) or null, c: (order, n - 1, columns), q: (points), out: (points, columns); beyond as in
// kriss/spline/eval.hpp, map as in search.hpp. ends: x[0], x[1], x[n - 2], x[n - 1] in host memory. Returns a
// cudaError_t.
template <class T>
int spline_evaluate(const T* x, index_t n, const T* ends, const std::int32_t* table, std::int32_t buckets,
                    std::int32_t map, const T* c, index_t order, index_t columns, const T* q, index_t points, int nu,
                    int beyond, T* out, stream_t s);

// Coefficients c: (4, n - 1, m) of the not-a-knot, clamped, natural or periodic cubic splines through y: (n, m) on
// knots x: (n), ends as in kriss/spline/cubic_rows.hpp with derivatives left, right: (m). work: (n (m + 4)). flag: (1)
// becomes 0, or 1 if x does not increase, or 2 if a slope is not finite. m >= 1. Returns a cudaError_t.
template <class T>
int spline_cubic(const T* x, index_t n, const T* y, index_t m, int left_end, const T* left, int right_end,
                 const T* right, T* c, T* work, int* flag, stream_t s);

}  // namespace kriss::cuda
