#include "arrays.hpp"
#include "families.hpp"
#include "spline_kernels.hpp"

namespace kriss::bind {

namespace {

using table_t = array<std::int32_t>;

void expect(bool good, const char* message) {
    if (!good) {
        throw py::value_error(message);
    }
}

template <class T>
index_t count_knots(const array<T>& x) {
    expect(x.ndim() == 1 && x.size() >= 2, "x must hold at least 2 knots");
    return static_cast<index_t>(x.size());
}

template <class T>
void check_map(int map) {
    constexpr int most = 8 * static_cast<int>(sizeof(T)) - 2;
    expect(map >= -most && map <= most, "map is out of range");
}

template <class T>
void add_precision(py::module_& m) {
    m.def(
        "nearly_uniform",
        [](const array<T>& x) { return spline_kernels().template get<T>().nearly_uniform(x.data(), count_knots(x)); },
        py::arg("x").noconvert(), "Whether knots x (n) can be searched without a table.");
    m.def(
        "bucket_map",
        [](const array<T>& x) {
            std::int32_t map = 0;
            std::int32_t buckets = 0;
            spline_kernels().template get<T>().bucket_map(x.data(), count_knots(x), &map, &buckets);
            return std::make_pair(map, buckets);
        },
        py::arg("x").noconvert(), "How knots x (n) are cut into buckets: map and number of buckets.");
    m.def(
        "bucket_table",
        [](const array<T>& x, int map, table_t& table) {
            const index_t n = count_knots(x);
            check_map<T>(map);
            expect(table.size() >= 2 && table.size() <= (py::ssize_t{1} << 30), "table must hold buckets + 1 items");
            spline_kernels().template get<T>().bucket_table(x.data(), n, map, table.mutable_data(),
                                                            static_cast<std::int32_t>(table.size() - 1));
        },
        py::arg("x").noconvert(), py::arg("map"), py::arg("table").noconvert(),
        "Fill the bucket table (buckets + 1) of knots x (n).");
    m.def(
        "evaluate",
        [](const array<T>& x, const table_t& table, int map, const array<T>& c, const array<T>& q, int nu, int beyond,
           array<T>& out, int workers) {
            const index_t n = count_knots(x);
            expect(c.ndim() >= 2 && c.shape(0) >= 1 && c.shape(1) == n - 1, "c must be (order, n - 1, ...)");
            const auto order = static_cast<index_t>(c.shape(0));
            const auto columns = static_cast<index_t>(c.size()) / (order * (n - 1));
            check_map<T>(map);
            expect(table.size() == 0 || table.size() >= 2, "table must hold buckets + 1 items");
            expect(out.size() == q.size() * columns, "out must hold one item per point and column");
            call(workers, [&](const Executor& ex) {
                spline_kernels().template get<T>().evaluate(x.data(), n, table.size() > 0 ? table.data() : nullptr,
                                                            static_cast<std::int32_t>(table.size()) - 1, map, c.data(),
                                                            order, columns, q.data(), static_cast<index_t>(q.size()),
                                                            nu, beyond, out.mutable_data(), ex);
            });
        },
        py::arg("x").noconvert(), py::arg("table").noconvert(), py::arg("map"), py::arg("c").noconvert(),
        py::arg("q").noconvert(), py::arg("nu"), py::arg("beyond"), py::arg("out").noconvert(), py::arg("workers"),
        "Derivative nu of the piecewise polynomial c (order, n - 1, columns) at q (points) into out (points, "
        "columns).");
    m.def(
        "cubic",
        [](const array<T>& x, const array<T>& y, int left_end, const array<T>& left, int right_end,
           const array<T>& right, array<T>& c, array<T>& work, int workers) {
            const index_t n = count_knots(x);
            expect(y.ndim() == 2 && y.shape(0) == n, "y must be (n, m)");
            const auto columns = static_cast<index_t>(y.shape(1));
            expect(left.size() == columns && right.size() == columns, "left and right must be (m)");
            expect(c.size() == 4 * (n - 1) * columns, "c must be (4, n - 1, m)");
            expect(work.size() >= n * (columns + 4), "work must hold n * (m + 4) items");
            const Info info = call(workers, [&](const Executor& ex) {
                return spline_kernels().template get<T>().cubic(x.data(), y.data(), n, columns, left_end, left.data(),
                                                                right_end, right.data(), c.mutable_data(),
                                                                work.mutable_data(), ex);
            });
            return static_cast<int>(info.status);
        },
        py::arg("x").noconvert(), py::arg("y").noconvert(), py::arg("left_end"), py::arg("left").noconvert(),
        py::arg("right_end"), py::arg("right").noconvert(), py::arg("c").noconvert(), py::arg("work").noconvert(),
        py::arg("workers"), "Coefficients c (4, n - 1, m) of the cubic spline through y (n, m); returns a status.");
}

}  // namespace

void add_spline(py::module_& m) {
    add_precision<double>(m);
    add_precision<float>(m);
}

}  // namespace kriss::bind
