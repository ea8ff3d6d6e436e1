// Solves with a factor that has room to grow.
#pragma once

#include "kriss/executor.hpp"
#include "kriss/status.hpp"

namespace kriss {

// a: the lower triangle of the first n rows of a row-major array with row stride ld; b: (rhs, n), in place: (L L')^-1
// b, or L^-1 b if `half`.
Info gp_update_solve(index_t n, index_t ld, const double* a, index_t rhs, double* b, bool half, const Executor& ex);

}  // namespace kriss
