#include "arrays.hpp"
#include "families.hpp"
#include "kriss/spline/bspline.hpp"
#include "spline_bspline_kernels.hpp"

namespace kriss::bind {

namespace {

using table_t = array<std::int32_t>;

template <class T>
index_t coefficients(const array<T>& t, const array<T>& c, int k) {
    expect(k >= 0 && k <= bspline_max_degree, "k is out of range");
    expect(t.ndim() == 1 && c.ndim() == 2, "t must be (n + k + 1), c must be (n, m)");
    const auto n = static_cast<index_t>(t.size()) - k - 1;
    expect(n >= k + 1 && c.shape(0) >= n, "c must hold one row per B-spline, at least k + 1");
    return n;
}

template <class T>
void add_precision(py::module_& m) {
    m.def(
        "evaluate",
        [](const array<T>& t, const table_t& table, int map, const array<T>& c, int k, const array<T>& q, int nu,
           int beyond, array<T>& out, int workers) {
            const index_t n = coefficients(t, c, k);
            const auto columns = static_cast<index_t>(c.shape(1));
            constexpr int most = 8 * static_cast<int>(sizeof(T)) - 2;
            expect(map >= -most && map <= most, "map is out of range");
            expect(table.size() == 0 || table.size() >= 2, "table must hold buckets + 1 items");
            expect(out.size() == q.size() * columns, "out must hold one item per point and column");
            call(workers, [&](const Executor& ex) {
                bspline_kernels().template get<T>().evaluate(
                    t.data(), c.data(), n, columns, k, table.size() > 0 ? table.data() : nullptr,
                    static_cast<std::int32_t>(table.size()) - 1, map, q.data(), static_cast<index_t>(q.size()), nu,
                    beyond, out.mutable_data(), ex);
            });
        },
        py::arg("t").noconvert(), py::arg("table").noconvert(), py::arg("map"), py::arg("c").noconvert(), py::arg("k"),
        py::arg("q").noconvert(), py::arg("nu"), py::arg("beyond"), py::arg("out").noconvert(), py::arg("workers"),
        "Derivative nu of the spline with knots t (n + k + 1) and coefficients c (n, m) at q (points) into out "
        "(points, m). table and map index the knots t[k] ... t[n].");
    m.def(
        "interpolate",
        [](const array<T>& x, const array<T>& t, int k, array<T>& c, array<T>& rows, table_t& first, int workers) {
            const index_t n = coefficients(t, c, k);
            expect(x.ndim() == 1 && x.size() == n && c.shape(0) == n, "x and c must hold n rows");
            expect(rows.size() >= n * (k + 1) && first.size() >= n, "rows must hold n (k + 1) items, first n");
            const Info info = call(workers, [&](const Executor& ex) {
                return bspline_kernels().template get<T>().interpolate(
                    x.data(), n, t.data(), k, static_cast<index_t>(c.shape(1)), c.mutable_data(), rows.mutable_data(),
                    first.mutable_data(), ex);
            });
            return py::make_tuple(static_cast<int>(info.status), info.index);
        },
        py::arg("x").noconvert(), py::arg("t").noconvert(), py::arg("k"), py::arg("c").noconvert(),
        py::arg("rows").noconvert(), py::arg("first").noconvert(), py::arg("workers"),
        "Values c (n, m) at x (n) become B-spline coefficients for the knots t (n + k + 1); returns a status and the "
        "row it is about. rows (n, k + 1) and first (n) are scratch.");
    m.def(
        "interpolate_ends",
        [](const array<T>& x, const array<T>& t, int k, const table_t& left, const table_t& right, array<T>& c,
           array<T>& rows, int workers) {
            const index_t n = coefficients(t, c, k);
            const auto lefts = static_cast<index_t>(left.size());
            const auto rights = static_cast<index_t>(right.size());
            expect(x.ndim() == 1 && x.size() >= 1 && x.size() + lefts + rights == n && c.shape(0) == n,
                   "x, left and right must hold n rows together, c must hold n");
            expect(rows.size() >= n * (3 * k + 1), "rows must hold n (3 k + 1) items");
            for (index_t i = 0; i < lefts + rights; ++i) {
                const std::int32_t nu = i < lefts ? left.data()[i] : right.data()[i - lefts];
                expect(nu >= 1 && nu <= k, "derivatives must be of order 1 to k");
            }
            const Info info = call(workers, [&](const Executor& ex) {
                return bspline_kernels().template get<T>().interpolate_ends(
                    x.data(), n, t.data(), k, left.data(), lefts, right.data(), rights,
                    static_cast<index_t>(c.shape(1)), c.mutable_data(), rows.mutable_data(), ex);
            });
            return py::make_tuple(static_cast<int>(info.status), info.index);
        },
        py::arg("x").noconvert(), py::arg("t").noconvert(), py::arg("k"), py::arg("left").noconvert(),
        py::arg("right").noconvert(), py::arg("c").noconvert(), py::arg("rows").noconvert(), py::arg("workers"),
        "Derivatives of orders left at x[0], values at x and derivatives of orders right at x[-1], the rows of c (n, "
        "m), become B-spline coefficients; returns a status and the row it is about. rows (n, 3 k + 1) is scratch.");
    m.def(
        "to_pieces",
        [](const array<T>& t, const array<T>& c, int k, const array<T>& x, array<T>& out, int workers) {
            const index_t n = coefficients(t, c, k);
            const auto columns = static_cast<index_t>(c.shape(1));
            expect(x.ndim() == 1 && x.size() >= 2, "x must hold at least 2 breakpoints");
            const auto cells = static_cast<index_t>(x.size()) - 1;
            expect(out.size() == (k + 1) * cells * columns, "out must be (k + 1, cells, m)");
            call(workers, [&](const Executor& ex) {
                bspline_kernels().template get<T>().to_pieces(t.data(), c.data(), n, columns, k, x.data(), cells,
                                                              out.mutable_data(), ex);
            });
        },
        py::arg("t").noconvert(), py::arg("c").noconvert(), py::arg("k"), py::arg("x").noconvert(),
        py::arg("out").noconvert(), py::arg("workers"),
        "The spline as powers of q - x[i] on the cells of x (cells + 1) into out (k + 1, cells, m), highest first.");
}

}  // namespace

void add_spline_bspline(py::module_& m) {
    add_precision<double>(m);
    add_precision<float>(m);
}

}  // namespace kriss::bind
