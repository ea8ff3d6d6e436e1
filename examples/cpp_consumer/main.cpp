// Uses the kriss headers alone: solves one sparse system by conjugate gradients and evaluates one cubic spline.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "kriss/solve/cg.hpp"
#include "kriss/solve/spmv.hpp"
#include "kriss/spline/cubic.hpp"
#include "kriss/spline/eval.hpp"

using kriss::index_t;

namespace {

// -u'' = 1 on (0, 1), u = 0 at both ends, n interior points: tridiagonal, and u = x (1 - x) / 2 solves it exactly.
bool solve_poisson() {
    const std::int32_t n = 1000;
    const double h = 1.0 / (n + 1);
    std::vector<std::int32_t> indptr{0};
    std::vector<std::int32_t> indices;
    std::vector<double> data;
    for (std::int32_t i = 0; i < n; ++i) {
        for (std::int32_t j = std::max(0, i - 1); j <= std::min(n - 1, i + 1); ++j) {
            indices.push_back(j);
            data.push_back(i == j ? 2.0 : -1.0);
        }
        indptr.push_back(static_cast<std::int32_t>(indices.size()));
    }
    using Matrix = kriss::CsrView<double, std::int32_t>;
    const Matrix A{n, n, indptr.data(), indices.data(), data.data()};

    // The operator is a function and a pointer, so that a matrix-free one fits as well.
    kriss::CgOperator<double> op;
    op.self = &A;
    op.apply_dot = [](const void* self, const double* p, double* q, double* part, const kriss::Executor& ex) {
        return kriss::csr_matvec_dot(*static_cast<const Matrix*>(self), p, q, part, ex);
    };
    std::vector<double> b(n, h * h), x(n), r(n), p(n), q(n);
    std::vector<double> part(2 * static_cast<std::size_t>(kriss::chunk_count(n)));
    kriss::CgOptions options;
    options.tol = 1e-8 * h * h * std::sqrt(static_cast<double>(n));
    options.maxiter = 4 * n;
    const kriss::Executor serial;
    const kriss::CgOutcome out = kriss::cg<double>(n, op, b.data(), x.data(), kriss::CgPreconditioner<double>{},
                                                   options, r.data(), p.data(), q.data(), nullptr, part.data(), serial);
    double error = 0.0;
    for (std::int32_t i = 0; i < n; ++i) {
        const double t = (i + 1) * h;
        error = std::max(error, std::abs(x[static_cast<std::size_t>(i)] - t * (1.0 - t) / 2.0));
    }
    std::printf("cg: status %d after %td iterations, residual %.1e, error %.1e\n", static_cast<int>(out.status),
                out.iterations, out.residual, error);
    // ||A^-1|| <= 1 / (8 h^2) in the maximum norm, so the tolerance bounds the error by 4e-8, and rounding adds little.
    return out.status == kriss::Status::ok && error < 1e-7;
}

// A not-a-knot spline through samples of sin, evaluated between them.
bool evaluate_spline() {
    const index_t n = 41;
    const index_t m = 1000;
    const double step = 6.0 / (n - 1);
    std::vector<double> x(n), y(n), c(4 * (n - 1)), work(static_cast<std::size_t>(kriss::cubic_work(n, 1)));
    for (index_t i = 0; i < n; ++i) {
        x[static_cast<std::size_t>(i)] = step * static_cast<double>(i);
        y[static_cast<std::size_t>(i)] = std::sin(x[static_cast<std::size_t>(i)]);
    }
    const kriss::Executor serial;
    const double unused = 0.0;
    const kriss::Info info = kriss::cubic(x.data(), y.data(), n, index_t{1}, kriss::End::not_a_knot, &unused,
                                          kriss::End::not_a_knot, &unused, c.data(), work.data(), serial);
    if (info.status != kriss::Status::ok) {
        return false;
    }
    std::vector<std::int32_t> table(static_cast<std::size_t>(kriss::table_capacity(n)));
    const kriss::KnotIndex<double> index = kriss::build_knot_index(x.data(), n, table.data());
    const kriss::Pieces<double> pieces{c.data(), 4, n - 1, 1};

    std::vector<double> at(m), value(m);
    for (index_t i = 0; i < m; ++i) {
        at[static_cast<std::size_t>(i)] = 6.0 * static_cast<double>(m - 1 - i) / static_cast<double>(m - 1);
    }
    kriss::evaluate(index, pieces, at.data(), m, 0, kriss::Beyond::extend, value.data(), serial);
    double error = 0.0;
    for (std::size_t i = 0; i < value.size(); ++i) {
        error = std::max(error, std::abs(value[i] - std::sin(at[i])));
    }
    std::printf("spline: error %.1e at %td points\n", error, m);
    // 5/384 h^4 max|f''''| for complete splines (de Boor, A Practical Guide to Splines, 1978, chapter V); not-a-knot
    // ends are worse by a factor below 10.
    return error < 10.0 * 5.0 / 384.0 * std::pow(step, 4);
}

}  // namespace

int main() {
    const bool solved = solve_poisson();
    const bool interpolated = evaluate_spline();
    std::printf(solved && interpolated ? "ok\n" : "FAILED\n");
    return solved && interpolated ? 0 : 1;
}
