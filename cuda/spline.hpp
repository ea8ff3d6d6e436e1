// Launcher of spline evaluation; pointers are device pointers.
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

}  // namespace kriss::cuda
