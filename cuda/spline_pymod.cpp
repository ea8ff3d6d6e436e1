#include <cuda_runtime_api.h>
#include <pybind11/stl.h>

#include <array>
#include <stdexcept>
#include <string>

#include "families.hpp"
#include "spline.hpp"

namespace kriss::cuda {

namespace py = pybind11;

namespace {

template <class T>
const T* at(std::uintptr_t p) {
    return reinterpret_cast<const T*>(p);
}

template <class T>
void add_evaluate(py::module_& m, const char* name) {
    m.def(
        name,
        [](std::uintptr_t x, index_t n, std::array<T, 4> ends, std::uintptr_t table, std::int32_t buckets,
           std::int32_t map, std::uintptr_t c, index_t order, index_t columns, std::uintptr_t q, index_t points, int nu,
           int beyond, std::uintptr_t out, stream_t stream) {
            const int error =
                spline_evaluate<T>(at<T>(x), n, ends.data(), at<std::int32_t>(table), buckets, map, at<T>(c), order,
                                   columns, at<T>(q), points, nu, beyond, reinterpret_cast<T*>(out), stream);
            if (error != 0) {
                throw std::runtime_error(std::string("spline evaluation: ") +
                                         cudaGetErrorString(static_cast<cudaError_t>(error)));
            }
        },
        py::arg("x"), py::arg("n"), py::arg("ends"), py::arg("table"), py::arg("buckets"), py::arg("map"), py::arg("c"),
        py::arg("order"), py::arg("columns"), py::arg("q"), py::arg("points"), py::arg("nu"), py::arg("beyond"),
        py::arg("out"), py::arg("stream"),
        "Derivative nu of a piecewise polynomial at q (points) into out (points, columns); all pointers on the "
        "device, table may be 0.");
}

}  // namespace

void add_spline(py::module_& m) {
    add_evaluate<double>(m, "evaluate_float64");
    add_evaluate<float>(m, "evaluate_float32");
}

}  // namespace kriss::cuda
