#include "families.hpp"
#include "pymod.hpp"
#include "special.hpp"

namespace kriss::cuda {

namespace py = pybind11;

void add_special(py::module_& m) {
    m.def(
        "bessel",
        [](int what, index_t n, std::uintptr_t v, std::uintptr_t x, std::uintptr_t first, std::uintptr_t second,
           stream_t stream) {
            bessel(what, n, reinterpret_cast<const double*>(v), reinterpret_cast<const double*>(x),
                   reinterpret_cast<double*>(first), reinterpret_cast<double*>(second), stream);
            check_launch("bessel");
        },
        py::arg("what"), py::arg("n"), py::arg("v"), py::arg("x"), py::arg("first"), py::arg("second"),
        py::arg("stream"),
        "Bessel function number `what` of float64 arrays of n on the device; second, of the gradients alone, may be "
        "0.");
}

}  // namespace kriss::cuda
