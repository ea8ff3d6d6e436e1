#include "gp_factor.hpp"

#include <new>
#include <vector>

#include "blas.hpp"
#include "gp_kernels.hpp"
#include "gp_update.hpp"
#include "kriss/gp/dense.hpp"
#include "kriss/gp/factor.hpp"

namespace kriss {

namespace {

// Our own products where the level has fused multiply-add; elsewhere the library's are faster.
bool own_products() { return cpu_level() == CpuLevel::v3 || cpu_level() == CpuLevel::v4; }

constexpr index_t few_sides = 8;      // of which gp_update_solve reads the triangle once
constexpr index_t alone_below = 700;  // rows below which it costs more to start its regions than they save

// Scratch of the dense kernels, aligned for their vectors.
class Scratch {
   public:
    explicit Scratch(index_t n)
        : data_(static_cast<double*>(
              ::operator new(static_cast<std::size_t>(dense_scratch(n)) * sizeof(double), std::align_val_t{64}))) {}
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() { ::operator delete(data_, std::align_val_t{64}); }
    double* get() const { return data_; }

   private:
    double* data_;
};

}  // namespace

Info gp_cholesky(index_t n, double* a, const double* limit, const Executor& ex) {
    if (!own_products()) {
        return cholesky(blas<double>(), n, a, limit, ex);
    }
    const Scratch scratch(n);
    return gp_kernels().cholesky(n, a, limit, scratch.get(), ex);
}

Info gp_invert_triangle(index_t n, double* a, const Executor& ex) {
    if (!own_products()) {
        return invert_triangle(blas<double>(), n, a, ex);
    }
    const Scratch scratch(n);
    return gp_kernels().invert_triangle(n, a, scratch.get(), ex);
}

Info gp_invert(index_t n, double* a, const Executor& ex) {
    if (!own_products()) {
        return invert_factor(blas<double>(), n, a, ex);
    }
    const Scratch scratch(n);
    return gp_kernels().invert(n, a, scratch.get(), ex);
}

Info gp_solve(index_t n, const double* a, index_t rhs, double* b, bool half, const Executor& ex) {
    if (rhs < few_sides) {
        // The library's threads would go on spinning for tens of milliseconds on the cores that our next kernel needs.
        Executor own = ex;
        own.workers = n < alone_below ? 1 : ex.workers;
        return gp_update_solve(n, n, a, rhs, b, half, own);
    }
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
