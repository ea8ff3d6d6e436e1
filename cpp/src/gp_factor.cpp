#include "gp_factor.hpp"

#include <vector>

#include "blas.hpp"
#include "kriss/gp/factor.hpp"

namespace kriss {

Info gp_cholesky(index_t n, double* a, const double* limit, const Executor& ex) {
    return cholesky(blas<double>(), n, a, limit, ex);
}

Info gp_invert_triangle(index_t n, double* a, const Executor& ex) { return invert_triangle(blas<double>(), n, a, ex); }

Info gp_invert(index_t n, double* a, const Executor& ex) { return invert_factor(blas<double>(), n, a, ex); }

Info gp_solve(index_t n, const double* a, index_t rhs, double* b, bool half, const Executor& ex) {
    return solve_factor(blas<double>(), n, a, rhs, b, half, ex);
}

double gp_rcond(index_t n, const double* a, double norm) {
    if (n == 0) {
        return 1.0;
    }
    const blas_int order = static_cast<blas_int>(n);
    std::vector<double> work(3 * static_cast<std::size_t>(n));
    std::vector<blas_int> iwork(static_cast<std::size_t>(n));
    double rcond = 0.0;
    blas_int info = 0;
    blas<double>().pocon("U", &order, a, &order, &norm, &rcond, work.data(), iwork.data(), &info);
    return rcond;
}

}  // namespace kriss
