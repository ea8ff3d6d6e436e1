// Orders, neighbours and small factorisations of Vecchia's approximation, and products without the matrix.
#include <vector>

#include "arrays.hpp"
#include "families.hpp"
#include "gp_order.hpp"
#include "gp_structures_kernels.hpp"

namespace kriss::bind {

namespace {

using Indices = array<std::int64_t>;

// The flattened sum of covariance functions, checked against the number of columns so that no index reads outside.
CovSum<double> checked_sum(const array<int>& kind, const array<double>& variance, const Indices& first,
                           const Indices& dim, const array<double>& inv, index_t columns) {
    const auto terms = static_cast<index_t>(kind.size());
    const auto used = static_cast<index_t>(dim.size());
    bool good = variance.size() == kind.size() && static_cast<index_t>(first.size()) == terms + 1 &&
                inv.size() == dim.size() && first.data()[0] == 0 && first.data()[terms] == used;
    for (index_t c = 0; good && c < terms; ++c) {
        good = kind.data()[c] >= 0 && kind.data()[c] < cov_kinds && first.data()[c] <= first.data()[c + 1];
    }
    for (index_t p = 0; good && p < used; ++p) {
        good = dim.data()[p] >= 0 && dim.data()[p] < columns;
    }
    expect(good, "inconsistent description of a covariance function");
    return {terms,
            kind.data(),
            variance.data(),
            reinterpret_cast<const index_t*>(first.data()),
            reinterpret_cast<const index_t*>(dim.data()),
            inv.data()};
}

// Indices in [-1, n).
const index_t* checked_near(const Indices& near, index_t n) {
    const std::int64_t* p = near.data();
    bool good = true;
    for (index_t k = 0; k < static_cast<index_t>(near.size()); ++k) {
        good = good && p[k] >= -1 && p[k] < n;
    }
    expect(good, "near has an index outside the points");
    return reinterpret_cast<const index_t*>(p);
}

VecchiaView vecchia_view(const array<double>& xt, const array<double>& zt, const array<double>& noise,
                         const array<double>& own, const Indices& near) {
    const auto x = view2(xt);
    const auto z = view2(zt);
    expect(x.rows == z.rows && near.ndim() == 2 && near.shape(0) == z.cols && near.shape(1) > 0,
           "xt, zt and near disagree");
    expect(noise.size() == x.cols && (own.size() == 0 || own.size() == z.cols),
           "noise and own disagree with xt and zt");
    VecchiaView a;
    a.n = x.cols;
    a.count = z.cols;
    a.d = x.rows;
    a.m = static_cast<index_t>(near.shape(1));
    a.xt = x.data;
    a.zt = z.data;
    a.noise = noise.data();
    a.own = own.size() == 0 ? nullptr : own.data();
    a.near = checked_near(near, x.cols);
    return a;
}

std::vector<double> scratch_for(const VecchiaView& a) {
    return std::vector<double>(static_cast<std::size_t>(vecchia_chunks(a.count, a.d, a.m) * vecchia_item(a.d, a.m)));
}

void add_orders(py::module_& m) {
    m.def(
        "maximin",
        [](const array<double>& x, const array<double>& centre, Indices& order, int workers) {
            const auto v = view2(x);
            expect(centre.size() == v.cols && order.size() == v.rows, "centre must be (d), order (n)");
            auto* out = reinterpret_cast<index_t*>(order.mutable_data());
            call(workers,
                 [&](const Executor& ex) { return gp_maximin(v.rows, v.cols, v.data, centre.data(), out, ex); });
        },
        py::arg("x").noconvert(), py::arg("centre").noconvert(), py::arg("order").noconvert(), py::arg("workers"),
        "The order in which each point is the one farthest from all before it; x: (n, d).");
    m.def(
        "nearest",
        [](const array<double>& x, const array<double>& z, bool before, Indices& near, int workers) {
            const auto v = view2(x);
            const auto w = view2(z);
            expect(v.cols == w.cols && near.ndim() == 2 && near.shape(0) == w.rows, "near must be (count, m)");
            const auto m_ = static_cast<index_t>(near.shape(1));
            auto* out = reinterpret_cast<index_t*>(near.mutable_data());
            call(workers,
                 [&](const Executor& ex) { gp_nearest(v.rows, v.cols, v.data, w.rows, w.data, m_, before, out, ex); });
        },
        py::arg("x").noconvert(), py::arg("z").noconvert(), py::arg("before"), py::arg("near").noconvert(),
        py::arg("workers"), "The points of x (n, d) nearest to each of z (count, d), of the first i only if before.");
}

}  // namespace

void add_gp_structures(py::module_& m) {
    add_orders(m);
    m.def(
        "vecchia_factor",
        [](const array<int>& kind, const array<double>& variance, const Indices& first, const Indices& dim,
           const array<double>& inv, const array<double>& xt, const array<double>& zt, const array<double>& noise,
           const array<double>& own, const Indices& near, array<double>& b, array<double>& v, int workers) -> index_t {
            const VecchiaView a = vecchia_view(xt, zt, noise, own, near);
            const CovSum<double> cov = checked_sum(kind, variance, first, dim, inv, a.d);
            expect(b.size() == near.size() && v.size() == a.count, "b must be (count, m), v (count)");
            double* weights = b.mutable_data();
            double* variances = v.mutable_data();
            auto scratch = scratch_for(a);
            std::vector<index_t> bad(64);
            const Info info = call(workers, [&](const Executor& ex) {
                return gp_structures_kernels().factor(cov, a, weights, variances, scratch.data(), bad.data(), ex);
            });
            return info.status == Status::not_positive_definite ? info.index : -1;
        },
        py::arg("kind").noconvert(), py::arg("variance").noconvert(), py::arg("first").noconvert(),
        py::arg("dim").noconvert(), py::arg("inv_lengthscale").noconvert(), py::arg("xt").noconvert(),
        py::arg("zt").noconvert(), py::arg("noise").noconvert(), py::arg("own").noconvert(),
        py::arg("near").noconvert(), py::arg("b").noconvert(), py::arg("v").noconvert(), py::arg("workers"),
        "Weights b and variances v of each point of zt given its neighbours; returns a bad point, or -1.");
    m.def(
        "vecchia_gradient",
        [](const array<int>& kind, const array<double>& variance, const Indices& first, const Indices& dim,
           const array<double>& inv, const array<double>& xt, const array<double>& noise, const Indices& near,
           const array<double>& y, array<double>& out, int workers) {
            const VecchiaView a = vecchia_view(xt, xt, noise, noise, near);
            const CovSum<double> cov = checked_sum(kind, variance, first, dim, inv, a.d);
            const index_t slots = cov.terms + cov.first[cov.terms] + 1;
            expect(y.size() == a.n && out.size() == slots,
                   "y must be (n), out have an item per parameter and one more");
            double* g = out.mutable_data();
            auto scratch = scratch_for(a);
            std::vector<double> part(static_cast<std::size_t>(64 * slots * vecchia_lanes));
            call(workers, [&](const Executor& ex) {
                return gp_structures_kernels().gradient(cov, a, y.data(), g, part.data(), scratch.data(), ex);
            });
        },
        py::arg("kind").noconvert(), py::arg("variance").noconvert(), py::arg("first").noconvert(),
        py::arg("dim").noconvert(), py::arg("inv_lengthscale").noconvert(), py::arg("xt").noconvert(),
        py::arg("noise").noconvert(), py::arg("near").noconvert(), py::arg("y").noconvert(), py::arg("out").noconvert(),
        py::arg("workers"),
        "Gradient of the sum of conditional log-densities in the log-parameters, then in the log-noise.");
    m.def(
        "vecchia_residual",
        [](const Indices& near, const array<double>& b, const array<double>& y, array<double>& e, int workers) {
            expect(near.ndim() == 2 && b.size() == near.size() && y.ndim() == 2 && y.shape(1) == near.shape(0) &&
                       e.size() == y.size(),
                   "near and b must be (n, m), y and e (count, n)");
            const auto n = static_cast<index_t>(near.shape(0));
            const auto m_ = static_cast<index_t>(near.shape(1));
            const auto count = static_cast<index_t>(y.shape(0));
            const index_t* neighbours = checked_near(near, n);
            double* out = e.mutable_data();
            call(workers, [&](const Executor& ex) {
                gp_structures_kernels().residual(n, m_, count, neighbours, b.data(), y.data(), out, ex);
            });
        },
        py::arg("near").noconvert(), py::arg("b").noconvert(), py::arg("y").noconvert(), py::arg("e").noconvert(),
        py::arg("workers"), "Rows of e = (I - B) y.");
    m.def(
        "vecchia_substitute",
        [](const Indices& near, const array<double>& b, array<double>& z, int workers) {
            expect(near.ndim() == 2 && b.size() == near.size() && z.ndim() == 2 && z.shape(1) == near.shape(0),
                   "near and b must be (n, m), z (draws, n)");
            const auto n = static_cast<index_t>(near.shape(0));
            const auto m_ = static_cast<index_t>(near.shape(1));
            const auto draws = static_cast<index_t>(z.shape(0));
            const index_t* neighbours = checked_near(near, n);
            double* out = z.mutable_data();
            call(workers, [&](const Executor& ex) {
                gp_structures_kernels().substitute(n, m_, draws, neighbours, b.data(), out, ex);
            });
        },
        py::arg("near").noconvert(), py::arg("b").noconvert(), py::arg("z").noconvert(), py::arg("workers"),
        "Rows of z to (I - B)^-1 z, in place.");
    m.def(
        "product",
        [](const array<int>& kind, const array<double>& variance, const Indices& first, const Indices& dim,
           const array<double>& inv, const array<double>& xt, const array<double>& zt, const array<double>& vt,
           array<double>& out, int workers) {
            const auto x = view2(xt);
            const auto z = view2(zt);
            const auto v = view2(vt);
            expect(x.rows == z.rows && v.cols == z.cols, "xt, zt and vt disagree");
            const CovSum<double> cov = checked_sum(kind, variance, first, dim, inv, x.rows);
            expect(out.ndim() == 2 && out.shape(0) == x.cols && out.shape(1) == v.rows, "out must be (nx, k)");
            double* o = out.mutable_data();
            call(workers, [&](const Executor& ex) {
                gp_structures_kernels().product(cov, x.data, x.cols, z.data, z.cols, v.data, v.rows, o, ex);
            });
        },
        py::arg("kind").noconvert(), py::arg("variance").noconvert(), py::arg("first").noconvert(),
        py::arg("dim").noconvert(), py::arg("inv_lengthscale").noconvert(), py::arg("xt").noconvert(),
        py::arg("zt").noconvert(), py::arg("vt").noconvert(), py::arg("out").noconvert(), py::arg("workers"),
        "out = K(x, z) V without the matrix; vt: (k, nz), the columns of V.");
}

}  // namespace kriss::bind
