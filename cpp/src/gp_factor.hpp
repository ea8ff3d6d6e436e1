// Factorisations of covariance matrices: kriss/gp/dense.hpp at the level of this processor, or kriss/gp/factor.hpp over
// the process's BLAS table.
#pragma once

#include "kriss/executor.hpp"
#include "kriss/status.hpp"

namespace kriss {

// a: (n, n) row-major, lower triangle, in place.
Info gp_cholesky(index_t n, double* a, const double* limit, const Executor& ex);
Info gp_invert_triangle(index_t n, double* a, const Executor& ex);
Info gp_invert(index_t n, double* a, const Executor& ex);
// b: (rhs, n) row-major, in place.
Info gp_solve(index_t n, const double* a, index_t rhs, double* b, bool half, const Executor& ex);
// Reciprocal condition number of L L' in the 1-norm, `norm` being that of the matrix.
double gp_rcond(index_t n, const double* a, double norm);

}  // namespace kriss
