// Launcher of spline evaluation; pointers are device pointers.
#pragma once

#include <cstdint>

#include "launch.hpp"

namespace kriss::cuda {

// x: (n), table: (buckets) or null, c: (order, n - 1, columns), q: (points), out: (points, columns); beyond as in
// kriss/spline/eval.hpp. first and last are x[0] and x[n - 1], which the host does not read back. Returns a
// cudaError_t.
template <class T>
int spline_evaluate(const T* x, index_t n, T first, T last, const std::int32_t* table, std::int32_t buckets,
                    std::int32_t top, const T* c, index_t order, index_t columns, const T* q, index_t points, int nu,
                    int beyond, T* out, stream_t s);

}  // namespace kriss::cuda
