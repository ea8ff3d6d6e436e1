#include "arrays.hpp"
#include "families.hpp"
#include "spline_tensor_kernels.hpp"

namespace kriss::bind {

namespace {

using table_t = array<std::int32_t>;

int order_of(const array<double>& basis, index_t cells) {
    expect(basis.ndim() == 3 && basis.shape(0) == cells && basis.shape(1) == basis.shape(2),
           "basis must be (cells, K, K)");
    const auto K = static_cast<int>(basis.shape(1));
    expect(K == 2 || K == 4 || K == 6 || K == 8, "K must be 2, 4, 6 or 8");
    return K;
}

TensorAxisData axis_of(const array<double>& x, const table_t& table, int map, const table_t& start,
                       const array<double>& basis, index_t count) {
    expect(x.ndim() == 1 && x.size() >= 2, "x must hold at least 2 knots");
    const auto n = static_cast<index_t>(x.size());
    expect(start.size() == n - 1, "start must hold one item per cell");
    const int K = order_of(basis, n - 1);
    for (index_t i = 0; i < n - 1; ++i) {
        expect(start.data()[i] >= 0 && start.data()[i] + K <= count, "start points outside the coefficients");
    }
    constexpr int most = 8 * static_cast<int>(sizeof(double)) - 2;
    expect(map >= -most && map <= most && table.size() != 1, "map or table is out of range");
    return {x.data(),
            n,
            table.size() > 0 ? table.data() : nullptr,
            static_cast<std::int32_t>(table.size()) - 1,
            map,
            start.data(),
            basis.data()};
}

}  // namespace

void add_spline_tensor(py::module_& m) {
    m.def(
        "basis",
        [](const array<double>& t, const table_t& at, array<double>& out) {
            const auto cells = static_cast<index_t>(at.size());
            const int K = order_of(out, cells);
            for (index_t i = 0; i < cells; ++i) {
                expect(at.data()[i] >= K - 1 && at.data()[i] + K <= static_cast<index_t>(t.size()),
                       "at points outside the knots");
            }
            spline_tensor_kernels().basis(K, t.data(), at.data(), cells, out.mutable_data());
        },
        py::arg("t").noconvert(), py::arg("at").noconvert(), py::arg("out").noconvert(),
        "The B-splines of each cell, which begins at knot number at (cells) of t, as polynomials: out (cells, K, K).");
    m.def(
        "scattered",
        [](const array<double>& x, const table_t& xtable, int xmap, const table_t& xstart, const array<double>& xbasis,
           const array<double>& y, const table_t& ytable, int ymap, const table_t& ystart, const array<double>& ybasis,
           const array<double>& c, const array<double>& qx, const array<double>& qy, int nux, int nuy, int beyond,
           array<double>& out, int workers) {
            expect(c.ndim() == 3, "c must be (nx, ny, m)");
            const TensorAxisData ax = axis_of(x, xtable, xmap, xstart, xbasis, static_cast<index_t>(c.shape(0)));
            const TensorAxisData ay = axis_of(y, ytable, ymap, ystart, ybasis, static_cast<index_t>(c.shape(1)));
            const auto K = static_cast<int>(xbasis.shape(1));
            expect(ybasis.shape(1) == K, "both axes must have the same degree");
            const auto components = static_cast<index_t>(c.shape(2));
            expect(qx.size() == qy.size() && out.size() == qx.size() * components, "qx, qy and out disagree");
            call(workers, [&](const Executor& ex) {
                spline_tensor_kernels().scattered(K, ax, ay, c.data(), static_cast<index_t>(c.shape(1)), components,
                                                  qx.data(), qy.data(), static_cast<index_t>(qx.size()), nux, nuy,
                                                  beyond, out.mutable_data(), ex);
            });
        },
        py::arg("x").noconvert(), py::arg("xtable").noconvert(), py::arg("xmap"), py::arg("xstart").noconvert(),
        py::arg("xbasis").noconvert(), py::arg("y").noconvert(), py::arg("ytable").noconvert(), py::arg("ymap"),
        py::arg("ystart").noconvert(), py::arg("ybasis").noconvert(), py::arg("c").noconvert(),
        py::arg("qx").noconvert(), py::arg("qy").noconvert(), py::arg("nux"), py::arg("nuy"), py::arg("beyond"),
        py::arg("out").noconvert(), py::arg("workers"),
        "Derivative (nux, nuy) of the tensor-product spline c (nx, ny, m) at (qx, qy) (points) into out (points, m).");
    m.def(
        "weights",
        [](const array<double>& x, const table_t& table, int map, const table_t& start, const array<double>& basis,
           const array<double>& q, int nu, int beyond, array<double>& w, table_t& first, int workers) {
            const TensorAxisData axis = axis_of(x, table, map, start, basis, index_t(1) << 40);
            const auto K = static_cast<int>(basis.shape(1));
            expect(w.size() == q.size() * K && first.size() == q.size(), "w must be (points, K), first (points)");
            call(workers, [&](const Executor& ex) {
                spline_tensor_kernels().weights(K, axis, q.data(), static_cast<index_t>(q.size()), nu, beyond,
                                                w.mutable_data(), first.mutable_data(), ex);
            });
        },
        py::arg("x").noconvert(), py::arg("table").noconvert(), py::arg("map"), py::arg("start").noconvert(),
        py::arg("basis").noconvert(), py::arg("q").noconvert(), py::arg("nu"), py::arg("beyond"),
        py::arg("w").noconvert(), py::arg("first").noconvert(), py::arg("workers"),
        "Derivative nu of the B-splines of one axis that do not vanish at q (points) into w (points, K).");
    m.def(
        "contract",
        [](const array<double>& a, const array<double>& w, const table_t& first, array<double>& out, int workers) {
            expect(a.ndim() == 3 && w.ndim() == 2, "a must be (outer, n, inner), w (q, K)");
            const auto K = static_cast<int>(w.shape(1));
            expect(K == 2 || K == 4 || K == 6 || K == 8, "K must be 2, 4, 6 or 8");
            const auto outer = static_cast<index_t>(a.shape(0));
            const auto n = static_cast<index_t>(a.shape(1));
            const auto inner = static_cast<index_t>(a.shape(2));
            const auto q = static_cast<index_t>(w.shape(0));
            expect(first.size() == q && out.size() == outer * q * inner, "first or out does not fit");
            for (index_t i = 0; i < q; ++i) {
                expect(first.data()[i] >= 0 && first.data()[i] + K <= n, "first points outside a");
            }
            call(workers, [&](const Executor& ex) {
                spline_tensor_kernels().contract(K, a.data(), outer, n, inner, w.data(), first.data(), q,
                                                 out.mutable_data(), ex);
            });
        },
        py::arg("a").noconvert(), py::arg("w").noconvert(), py::arg("first").noconvert(), py::arg("out").noconvert(),
        py::arg("workers"), "out[o, j, :] = sum over b of w[j, b] a[o, first[j] + b, :].");
    m.def(
        "solve",
        [](const array<double>& w, const table_t& first, array<double>& band, array<double>& b, int workers) {
            expect(w.ndim() == 2 && b.ndim() == 2 && w.shape(0) == b.shape(0), "w must be (n, K), b (n, columns)");
            const auto n = static_cast<index_t>(w.shape(0));
            const auto K = static_cast<int>(w.shape(1));
            expect(first.size() == n && band.size() == n * (2 * K - 1), "first must be (n), band (n, 2 K - 1)");
            const Info info = call(workers, [&](const Executor& ex) {
                return spline_tensor_kernels().solve(K, w.data(), first.data(), n, band.mutable_data(),
                                                     b.mutable_data(), static_cast<index_t>(b.shape(1)), ex);
            });
            return static_cast<int>(info.status);
        },
        py::arg("w").noconvert(), py::arg("first").noconvert(), py::arg("band").noconvert(), py::arg("b").noconvert(),
        py::arg("workers"), "Solve the collocation system with rows w (n, K) for b (n, columns), in place.");
}

}  // namespace kriss::bind
