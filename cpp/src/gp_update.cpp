#include "gp_update.hpp"

#include "blas.hpp"
#include "gp_update_kernels.hpp"
#include "kriss/gp/factor.hpp"

namespace kriss {

namespace {

constexpr index_t few = 8;  // right-hand sides for which the triangle's way through memory is what takes time

}  // namespace

Info gp_update_solve(index_t n, index_t ld, const double* a, index_t rhs, double* b, bool half, const Executor& ex) {
    if (n == 0 || rhs == 0) {
        return {};
    }
    if (rhs < few) {
        const Info info = gp_update_kernels().lower_solve(n, ld, a, rhs, b, ex);
        return half || info.status != Status::ok ? info : gp_update_kernels().upper_solve(n, ld, a, rhs, b, ex);
    }
    const blas_int order = static_cast<blas_int>(n);
    const blas_int stride = static_cast<blas_int>(ld);
    const double one = 1.0;
    const index_t width = detail::strip(2.0 * double(n) * double(n), rhs);
    for (index_t j = 0; j < rhs; j += width) {
        const blas_int columns = static_cast<blas_int>(rhs - j < width ? rhs - j : width);
        // A row-major lower triangle is a column-major upper one.
        blas<double>().trsm("L", "U", "T", "N", &order, &columns, &one, a, &stride, b + j * n, &order);
        if (!half) {
            blas<double>().trsm("L", "U", "N", "N", &order, &columns, &one, a, &stride, b + j * n, &order);
        }
        if (ex.interrupted()) {
            return {Status::interrupted, j};
        }
    }
    return {};
}

}  // namespace kriss
