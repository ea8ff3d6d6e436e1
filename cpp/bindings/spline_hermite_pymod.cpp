#include "arrays.hpp"
#include "families.hpp"
#include "spline_hermite_kernels.hpp"

namespace kriss::bind {

namespace {

template <class T>
void check_sizes(const array<T>& x, const array<T>& y, const array<T>& c, const array<T>& work) {
    expect(x.ndim() == 1 && x.size() >= 2, "x must hold at least 2 knots");
    expect(y.ndim() == 2 && y.shape(0) == x.size(), "y must be (n, m)");
    expect(c.size() == 4 * (x.size() - 1) * y.shape(1), "c must be (4, n - 1, m)");
    const auto needed = spline_hermite_kernels().template get<T>().work(static_cast<index_t>(x.size()),
                                                                        static_cast<index_t>(y.shape(1)));
    expect(work.size() >= needed, "work must hold work(n, m) items");
}

template <class T>
void add_precision(py::module_& m) {
    m.def(
        "hermite",
        [](const array<T>& x, const array<T>& y, const array<T>& d, array<T>& c, array<T>& work, int workers) {
            check_sizes(x, y, c, work);
            expect(d.size() == y.size(), "d must be (n, m)");
            const Info info = call(workers, [&](const Executor& ex) {
                return spline_hermite_kernels().template get<T>().hermite(
                    x.data(), y.data(), d.data(), static_cast<index_t>(x.size()), static_cast<index_t>(y.shape(1)),
                    c.mutable_data(), work.mutable_data(), ex);
            });
            return static_cast<int>(info.status);
        },
        py::arg("x").noconvert(), py::arg("y").noconvert(), py::arg("d").noconvert(), py::arg("c").noconvert(),
        py::arg("work").noconvert(), py::arg("workers"),
        "Coefficients c (4, n - 1, m) of the cubics through y (n, m) with derivatives d (n, m); returns a status.");
    m.def(
        "local",
        [](int kind, const array<T>& x, const array<T>& y, bool shared, array<T>& c, array<T>& work, int workers) {
            check_sizes(x, y, c, work);
            const Info info = call(workers, [&](const Executor& ex) {
                return spline_hermite_kernels().template get<T>().local(
                    kind, x.data(), y.data(), static_cast<index_t>(x.size()), static_cast<index_t>(y.shape(1)), shared,
                    c.mutable_data(), work.mutable_data(), ex);
            });
            return static_cast<int>(info.status);
        },
        py::arg("kind"), py::arg("x").noconvert(), py::arg("y").noconvert(), py::arg("shared"),
        py::arg("c").noconvert(), py::arg("work").noconvert(), py::arg("workers"),
        "Coefficients c (4, n - 1, m) of local cubics through y (n, m), kind 0 PCHIP, 1 Akima, 2 modified Akima; "
        "returns a status.");
}

}  // namespace

void add_spline_hermite(py::module_& m) {
    m.def(
        "work", [](index_t n, index_t columns) { return spline_hermite_kernels().get<double>().work(n, columns); },
        py::arg("n"), py::arg("m"), "Items of scratch of `local` and `hermite`.");
    add_precision<double>(m);
    add_precision<float>(m);
}

}  // namespace kriss::bind
