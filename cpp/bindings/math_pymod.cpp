#include "arrays.hpp"
#include "families.hpp"
#include "math_kernels.hpp"

namespace kriss::bind {

void add_math(py::module_& m) {
    m.def(
        "triad",
        [](double s, const array<double>& b, const array<double>& c, array<double>& a, int workers) {
            call(workers, [&](const Executor& ex) {
                math_kernels().triad(static_cast<index_t>(a.size()), s, b.data(), c.data(), a.mutable_data(), ex);
            });
        },
        py::arg("s"), py::arg("b").noconvert(), py::arg("c").noconvert(), py::arg("a").noconvert(), py::arg("workers"),
        "a = b + s * c: the yardstick of memory bandwidth.");
}

}  // namespace kriss::bind
