#include <limits>
#include <vector>

#include "arrays.hpp"
#include "families.hpp"
#include "gp_factor.hpp"
#include "gp_kernels.hpp"

namespace kriss::bind {

namespace {

// The flattened sum of covariance functions, checked against the number of columns of X so that no index can read
// outside it.
template <class T>
CovSum<T> cov_sum(const array<int>& kind, const array<T>& variance, const array<std::int64_t>& first,
                  const array<std::int64_t>& dim, const array<T>& inv, index_t columns) {
    static_assert(sizeof(std::int64_t) == sizeof(index_t));
    const index_t terms = static_cast<index_t>(kind.size());
    const index_t used = static_cast<index_t>(dim.size());
    bool good = variance.size() == kind.size() && static_cast<index_t>(first.size()) == terms + 1 &&
                inv.size() == dim.size() && first.data()[0] == 0 && first.data()[terms] == used;
    for (index_t c = 0; good && c < terms; ++c) {
        good = kind.data()[c] >= 0 && kind.data()[c] < cov_kinds && first.data()[c] <= first.data()[c + 1];
    }
    for (index_t p = 0; good && p < used; ++p) {
        good = dim.data()[p] >= 0 && dim.data()[p] < columns;
    }
    if (!good) {
        throw py::value_error("inconsistent description of a covariance function");
    }
    return {terms,
            kind.data(),
            variance.data(),
            reinterpret_cast<const index_t*>(first.data()),
            reinterpret_cast<const index_t*>(dim.data()),
            inv.data()};
}

index_t order_of(const array<double>& a) {
    expect(a.ndim() == 2 && a.shape(0) == a.shape(1), "a must be square");
    expect(a.shape(0) <= std::numeric_limits<int>::max(), "a is too large for a BLAS with 32-bit integers");
    return static_cast<index_t>(a.shape(0));
}

// Everything but a bad pivot raises here; a pivot's index goes back to Python, which knows the points behind it.
index_t pivot(const Info& info, const char* what) {
    if (info.status == Status::not_positive_definite) {
        return info.index;
    }
    raise_status(info, what);
    return -1;
}

template <class T>
const GpAssembly<T>& assembly() {
    if constexpr (std::is_same_v<T, double>) {
        return gp_kernels().f64;
    } else {
        return gp_kernels().f32;
    }
}

template <class T>
void add_assembly(py::module_& m) {
    m.def(
        "assemble_symmetric",
        [](const array<int>& kind, const array<T>& variance, const array<std::int64_t>& first,
           const array<std::int64_t>& dim, const array<T>& inv, const array<T>& xt, const array<T>& diagonal,
           array<T>& out, bool mirror, int workers) {
            const auto x = view2(xt);
            const CovSum<T> cov = cov_sum(kind, variance, first, dim, inv, x.rows);
            expect(out.ndim() == 2 && out.shape(0) == x.cols && out.shape(1) == x.cols, "out must be (n, n)");
            expect(diagonal.size() == 0 || diagonal.size() == x.cols, "diagonal must be (n)");
            const T* add = diagonal.size() == 0 ? nullptr : diagonal.data();
            T* o = out.mutable_data();
            call(workers,
                 [&](const Executor& ex) { assembly<T>().symmetric(cov, x.data, x.cols, add, o, mirror, ex); });
        },
        py::arg("kind").noconvert(), py::arg("variance").noconvert(), py::arg("first").noconvert(),
        py::arg("dim").noconvert(), py::arg("inv_lengthscale").noconvert(), py::arg("xt").noconvert(),
        py::arg("diagonal").noconvert(), py::arg("out").noconvert(), py::arg("mirror"), py::arg("workers"),
        "out = k(x_i, x_j) + diag(diagonal) in the lower triangle (and the upper one if mirror); xt: (d, n).");
    m.def(
        "assemble_cross",
        [](const array<int>& kind, const array<T>& variance, const array<std::int64_t>& first,
           const array<std::int64_t>& dim, const array<T>& inv, const array<T>& xt, const array<T>& zt, array<T>& out,
           int workers) {
            const auto x = view2(xt);
            const auto z = view2(zt);
            expect(x.rows == z.rows, "xt and zt must have as many rows");
            const CovSum<T> cov = cov_sum(kind, variance, first, dim, inv, x.rows);
            expect(out.ndim() == 2 && out.shape(0) == x.cols && out.shape(1) == z.cols, "out must be (nx, nz)");
            T* o = out.mutable_data();
            call(workers, [&](const Executor& ex) { assembly<T>().cross(cov, x.data, x.cols, z.data, z.cols, o, ex); });
        },
        py::arg("kind").noconvert(), py::arg("variance").noconvert(), py::arg("first").noconvert(),
        py::arg("dim").noconvert(), py::arg("inv_lengthscale").noconvert(), py::arg("xt").noconvert(),
        py::arg("zt").noconvert(), py::arg("out").noconvert(), py::arg("workers"),
        "out = k(x_i, z_j); xt: (d, nx), zt: (d, nz).");
}

}  // namespace

void add_gp(py::module_& m) {
    add_assembly<double>(m);
    add_assembly<float>(m);
    m.def(
        "pivot_row",
        [](const array<double>& rows, std::int64_t pivot, double scale, array<double>& row, array<double>& variance,
           int workers) {
            const auto r = view2(rows);
            expect(row.ndim() == 1 && row.shape(0) == r.cols, "row must have a number for each column of rows");
            expect(variance.ndim() == 1 && variance.shape(0) == r.cols, "variance must be as long as row");
            expect(pivot >= 0 && pivot < r.cols, "pivot must be a column of rows");
            double* y = row.mutable_data();
            double* v = variance.mutable_data();
            call(workers,
                 [&](const Executor& ex) { gp_kernels().pivot_row(r.rows, r.cols, r.data, pivot, scale, y, v, ex); });
        },
        py::arg("rows").noconvert(), py::arg("pivot"), py::arg("scale"), py::arg("row").noconvert(),
        py::arg("variance").noconvert(), py::arg("workers"),
        "row = (row - rows[:, pivot] @ rows) / scale, variance = max(variance - row**2, 0); rows: (t, n).");
    m.def(
        "gradient",
        [](const array<int>& kind, const array<double>& variance, const array<std::int64_t>& first,
           const array<std::int64_t>& dim, const array<double>& inv, const array<double>& xt,
           const array<double>& alpha, const array<double>& inverse, const array<double>& noise, array<double>& out,
           int workers) {
            const auto x = view2(xt);
            const CovSum<double> cov = cov_sum(kind, variance, first, dim, inv, x.rows);
            const index_t n = order_of(inverse);
            const index_t parameters = cov.terms + cov.first[cov.terms];
            expect(x.cols == n && alpha.size() == n && (noise.size() == 0 || noise.size() == n),
                   "xt, alpha, inverse and noise disagree on n");
            expect(out.size() == parameters + 1, "out must have one item per parameter and one for the noise");
            std::vector<double> scratch(static_cast<std::size_t>((n / 32 + 1) * parameters * 8));
            const double* add = noise.size() == 0 ? nullptr : noise.data();
            double* g = out.mutable_data();
            call(workers, [&](const Executor& ex) {
                gp_kernels().gradient(cov, x.data, n, alpha.data(), inverse.data(), add, g, scratch.data(), ex);
            });
        },
        py::arg("kind").noconvert(), py::arg("variance").noconvert(), py::arg("first").noconvert(),
        py::arg("dim").noconvert(), py::arg("inv_lengthscale").noconvert(), py::arg("xt").noconvert(),
        py::arg("alpha").noconvert(), py::arg("inverse").noconvert(), py::arg("noise").noconvert(),
        py::arg("out").noconvert(), py::arg("workers"),
        "Gradient of the log-likelihood in the log-parameters; inverse: lower triangle of K^-1.");
    m.def(
        "cholesky",
        [](array<double>& a, const array<double>& limit, int workers) {
            const index_t n = order_of(a);
            expect(limit.size() == n, "limit must be (n)");
            double* p = a.mutable_data();
            return pivot(call(workers, [&](const Executor& ex) { return gp_cholesky(n, p, limit.data(), ex); }),
                         "cholesky");
        },
        py::arg("a").noconvert(), py::arg("limit").noconvert(), py::arg("workers"),
        "Lower triangle of a to its Cholesky factor, in place; returns the index of a bad pivot, or -1.");
    m.def(
        "invert_triangle",
        [](array<double>& a, int workers) {
            const index_t n = order_of(a);
            double* p = a.mutable_data();
            pivot(call(workers, [&](const Executor& ex) { return gp_invert_triangle(n, p, ex); }), "invert_triangle");
        },
        py::arg("a").noconvert(), py::arg("workers"), "Lower triangle L of a to L^-1, in place.");
    m.def(
        "invert",
        [](array<double>& a, int workers) {
            const index_t n = order_of(a);
            double* p = a.mutable_data();
            pivot(call(workers, [&](const Executor& ex) { return gp_invert(n, p, ex); }), "invert");
        },
        py::arg("a").noconvert(), py::arg("workers"), "Lower triangle L of a to that of (L L')^-1, in place.");
    m.def(
        "solve",
        [](const array<double>& a, array<double>& b, bool half, int workers) {
            const index_t n = order_of(a);
            expect(b.ndim() == 2 && b.shape(1) == n, "b must be (rhs, n)");
            const index_t rhs = static_cast<index_t>(b.shape(0));
            double* p = b.mutable_data();
            pivot(call(workers, [&](const Executor& ex) { return gp_solve(n, a.data(), rhs, p, half, ex); }), "solve");
        },
        py::arg("a").noconvert(), py::arg("b").noconvert(), py::arg("half"), py::arg("workers"),
        "Rows of b to (L L')^-1 b, or to L^-1 b if half, in place.");
    m.def(
        "rcond", [](const array<double>& a, double norm) { return gp_rcond(order_of(a), a.data(), norm); },
        py::arg("a").noconvert(), py::arg("norm"), "Reciprocal condition number of L L' in the 1-norm.");
}

}  // namespace kriss::bind
